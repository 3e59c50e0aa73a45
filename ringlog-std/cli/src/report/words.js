"use strict";
// Words for numbers, and where the ticks of an axis are. `timeUnit` is what the clock counts: "ns" or something without a name of spans.
const numberWords = (timeUnit) => {
  const grouped = (n) => Math.round(n).toLocaleString("en-US");
  const digits = (n, most = 4) => n.toLocaleString("en-US", { maximumSignificantDigits: most });
  const scaled = (n, base, units) => {
    let at = 0;
    while (Math.abs(n) >= base && at < units.length - 1) { n /= base; at++; }
    return digits(n) + units[at];
  };
  const short = (n) => scaled(n, 1000, ["", " k", " M", " G", " T", " P", " E"]);
  const size = (n) => scaled(n, 1024, [" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"]);

  // A number with the fewest digits that no other one has.
  const exact = (n) => {
    n += 0;
    const whole = Math.abs(n);
    if (whole > Number.MAX_SAFE_INTEGER + 1 || (n !== 0 && whole < 1e-4)) return n.toExponential().replace("+", "");
    const [before, after] = String(n).split(".");
    return before.replace(/\B(?=(\d{3})+$)/g, ",") + (after ? "." + after : "");
  };
  // The same of a number that was stored with 32 bits.
  const ofFloat = (n) => {
    const found = [6, 7, 8, 9].map((most) => Number(n.toPrecision(most))).find((it) => Math.fround(it) === n);
    return found === undefined ? n : found;
  };
  const power = (n) => Math.floor(Math.log10(n));
  // A number with the digits that a difference of `step` needs: two of it.
  const byStep = (n, step) => {
    const whole = Math.abs(n);
    if (!(step > 0 && step < Infinity)) return exact(n);
    if (whole < step / 1000) return "0";
    const first = power(whole), last = power(step) - 1;
    if (first >= 15 || first < -4) return Number(n.toExponential(Math.min(16, Math.max(0, first - last)))).toExponential().replace("+", "");
    return exact(Number(n.toFixed(Math.max(0, Math.min(-last, 16 - Math.max(0, first))))));
  };
  // For the axis of values: the same, in thousands or more where that is shorter.
  const tick = (n, step) => {
    const whole = Math.abs(n), units = ["", " k", " M", " G", " T", " P", " E"];
    if (whole < 1e5 || whole >= 1e21 || step < Math.max(1000, whole * 1e-12)) return byStep(n, step);
    const at = Math.floor(power(whole) / 3);
    return byStep(n / 1000 ** at, step / 1000 ** at) + units[at];
  };

  // Unit, name, and from how many nanoseconds on it is used.
  const SPANS = [[864e11, " d", 1728e11], [36e11, " h", 72e11], [6e10, " min", 12e10], [1e9, " s", 1e9], [1e6, " ms", 1e6], [1e3, " µs", 1e3], [1, " ns", 0]];
  const spanUnit = (ns, spans = SPANS) => spans.find((it) => Math.abs(ns) >= it[2]);
  const span = (ns) => { const [unit, name] = spanUnit(ns); return digits(ns / unit) + name; };
  const spanTick = (ns, step) => { const [unit, name] = spanUnit(ns); return byStep(ns / unit, step / unit) + name; };
  // A part of a day has no end of digits.
  const exactSpan = (ns) => { const [unit, name] = spanUnit(ns, SPANS.slice(3)); return exact(ns / unit) + name; };
  const inUnit = { ns: span, bytes: size, units: (n) => short(n) + " " + timeUnit };

  // The values of a field: exact ones, means, and labels of the axis.
  const ofField = (series) => {
    const unit = series.unit ? " " + series.unit : "";
    if (series.is_span) return { value: exactSpan, mean: spanTick, tick: spanTick };
    return { value: (n) => exact(series.is_f32 ? ofFloat(n) : n) + unit, mean: (n, step) => byStep(n, step) + unit, tick };
  };

  // Steps between ticks.
  const niceStep = (range, count) => {
    const raw = range / Math.max(1, count), power = 10 ** Math.floor(Math.log10(raw));
    return [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= raw * 0.999);
  };
  // Steps of bytes are round in their unit.
  const unitOf = (range, isBytes) => (isBytes ? 1024 ** Math.max(0, Math.floor(Math.log(range) / Math.log(1024))) : 1);
  const linearTicks = (low, high, count, isBytes) => {
    const unit = unitOf(high - low || 1, isBytes), step = niceStep((high - low || 1) / unit, count) * unit, ticks = [];
    const first = Math.ceil(low / step) * step;
    for (let at = 0; first + at * step <= high + step * 1e-9 && at < 50; at++) {
      // A step may be smaller than the distance of two numbers.
      if (ticks[ticks.length - 1] !== first + at * step) ticks.push(first + at * step + 0);
    }
    return { ticks, step };
  };
  return { grouped, digits, short, size, exact, byStep, tick, span, inUnit, ofField, niceStep, linearTicks };
};
