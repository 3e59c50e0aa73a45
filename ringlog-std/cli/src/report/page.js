(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const NS = document.querySelector("svg").namespaceURI;
  const axis = data.axis;
  const RIGHT = 14, TOP = 20, BOTTOM = 24, LEAST_LEFT = 58, MOST_LEFT = 140;
  const { grouped, digits, short, size, inUnit, ofField, niceStep, linearTicks } = numberWords(data.time_unit);

  // ---- Elements ----
  const make = (name, attributes = {}, text) => {
    const element = document.createElementNS(NS, name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const html = (name, className, text) => {
    const element = document.createElement(name);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const svg = (plot, width, height) => {
    const root = make("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true", focusable: "false" });
    plot.replaceChildren(root);
    return root;
  };
  const add = (parent, ...children) => { parent.append(...children); return parent; };
  const line = (root, name, x1, y1, x2, y2) => {
    const element = make("line", { class: name, x1, y1, x2, y2 });
    root.append(element);
    return element;
  };
  const label = (root, x, y, text, anchor = "middle", name = "") => {
    const element = make("text", { x, y, "text-anchor": anchor, class: name }, text);
    root.append(element);
    return element;
  };

  // ---- Steps of times ----
  const S = 1e9, M = 60 * S, H = 3600 * S, D = 24 * H;
  const ladder = [];
  for (let p = 1; p < S; p *= 10) ladder.push(p, 2 * p, 5 * p);
  ladder.push(...[1, 2, 5, 10, 15, 30].map((n) => n * S), ...[1, 2, 5, 10, 15, 30].map((n) => n * M), ...[1, 2, 3, 6, 12].map((n) => n * H));
  for (let p = 1; p < 1e5; p *= 10) ladder.push(p * D, 2 * p * D, 5 * p * D);

  // ---- Times: bins are numbers, moments are exact ----
  const start = axis ? BigInt(axis.start) : 0n;
  const momentAt = (bin) => start + BigInt(Math.round(bin * axis.width));
  const isNanos = axis && axis.unit !== "units";
  const pad = (n, width = 2) => String(n).padStart(width, "0");
  const clockWords = (moment, step) => {
    if (axis.unit === "units") return "+" + short(Number(moment - start));
    if (axis.unit === "seconds") {
      const places = step >= S ? 0 : Math.min(9, Math.ceil(-Math.log10(step / S)));
      const fraction = pad(moment % 1000000000n, 9).slice(0, places);
      return (moment / 1000000000n).toLocaleString("en-US") + (places ? "." + fraction : "") + " s";
    }
    const date = new Date(Number(moment / 1000000n));
    const day = `${date.getUTCFullYear()}-${pad(date.getUTCMonth() + 1)}-${pad(date.getUTCDate())}`;
    if (step >= D) return day;
    const time = `${pad(date.getUTCHours())}:${pad(date.getUTCMinutes())}`;
    if (step >= M) return time === "00:00" ? day : time;
    const places = step >= S ? 0 : Math.min(9, Math.ceil(-Math.log10(step / S)));
    return `${time}:${pad(date.getUTCSeconds())}` + (places ? "." + pad(moment % 1000000000n, 9).slice(0, places) : "");
  };
  const momentWords = (moment, step) => {
    if (axis.unit !== "unix") return clockWords(moment, step);
    const day = clockWords(moment, D), time = clockWords(moment, Math.min(step, S));
    return `${day} ${time}`;
  };
  const timeTicks = (from, to, count) => {
    const range = (to - from) * axis.width;
    const step = isNanos ? ladder.find((n) => range / n <= count) || 5e5 * D : Math.ceil(Math.max(1, niceStep(range, count)));
    const whole = BigInt(step), ticks = [];
    const origin = isNanos ? 0n : start;
    let moment = ((momentAt(from) - origin) / whole) * whole + origin;
    for (; ticks.length < 50; moment += whole) {
      const bin = Number(moment - start) / axis.width;
      if (bin > to) break;
      if (bin >= from) ticks.push({ bin, text: clockWords(moment, step) });
    }
    return ticks;
  };

  // ---- What all charts over time share ----
  const bins = axis ? axis.bins : 0;
  const view = { from: 0, to: Math.max(1, bins), cursor: null };
  const hidden = new Set();
  const charts = [];
  // The room for the labels of values: the same in all charts, so that they show the same times above each other.
  let left = LEAST_LEFT, needed = LEAST_LEFT;
  const draw = () => {
    charts.forEach((chart) => chart.draw());
    if (Math.min(needed, MOST_LEFT) <= left) return;
    left = Math.min(needed, MOST_LEFT);
    charts.forEach((chart) => chart.draw());
  };
  const zoomTo = (from, to) => {
    const least = Math.min(4, Math.max(1, bins));
    let width = Math.min(Math.max(to - from, least), Math.max(1, bins));
    from = Math.min(Math.max(0, from), Math.max(1, bins) - width);
    view.from = from;
    view.to = from + width;
    draw();
  };
  const zoomBy = (factor) => {
    const at = view.cursor !== null && view.cursor >= view.from && view.cursor <= view.to ? view.cursor : (view.from + view.to) / 2;
    zoomTo(at - (at - view.from) * factor, at + (view.to - at) * factor);
  };

  // The visible bins in groups of whole bins, none narrower than some pixels.
  const columns = (width, least) => {
    const each = Math.max(1, Math.ceil(((view.to - view.from) * least) / width));
    const list = [];
    for (let at = Math.floor(view.from / each) * each; at < Math.min(view.to, bins); at += each) {
      list.push({ from: at, to: Math.min(at + each, bins) });
    }
    // Few bins vary more than many, so they are no column alone.
    const last = list[list.length - 1], before = list[list.length - 2];
    if (before && (last.to - last.from) * 2 < each) {
      before.to = last.to;
      list.pop();
    }
    return list;
  };
  const sum = (values, from, to) => {
    let all = 0;
    for (let at = from; at < to; at++) all += values[at];
    return all;
  };
  const lossesIn = (from, to) => data.gap_bins.filter(([bin]) => bin >= from && bin < to);
  const gapWords = (losses) => {
    const [count, lost, holes, missing] = [1, 2, 3, 4].map((at) => losses.reduce((all, it) => all + it[at], 0)), words = [];
    if (count) words.push(`lost ${grouped(lost)} in ${grouped(count)} ${count === 1 ? "gap" : "gaps"}`);
    if (holes) words.push(missing ? `${grouped(missing)} ${missing === 1 ? "record" : "records"} missing` : "damaged");
    return words.join(", ");
  };
  const drawGaps = (root, x, bottom, right) => {
    const marks = [];
    for (const loss of data.gap_bins) {
      if (loss[0] + 1 < view.from || loss[0] > view.to) continue;
      const at = x(loss[0] + 0.5), last = marks[marks.length - 1];
      if (last && at - last.at < 16) last.losses.push(loss);
      else marks.push({ at, losses: [loss] });
    }
    for (const [number, { at, losses }] of marks.entries()) {
      line(root, "gapline", at, TOP - 4, at, bottom);
      root.append(make("path", { class: "gaphead", d: `M${at - 4},${TOP - 10}h8l-4,7z` }));
      const lost = losses.reduce((all, it) => all + it[2] + it[4], 0), next = marks[number + 1];
      const text = lost ? short(lost) : "?", isRight = at > right - 40, space = 12 + 7 * text.length;
      if (!next || next.at - at > space) label(root, at + (isRight ? -6 : 6), TOP - 4, text, isRight ? "end" : "start", "gaps");
    }
  };

  const timeChart = (figure, height, body) => {
    const plot = figure.querySelector(".plot"), values = figure.querySelector(".values");
    const chart = { width: 0, cells: [], plot };
    const inner = () => chart.width - left - RIGHT;
    const x = (bin) => left + ((bin - view.from) / (view.to - view.from)) * inner();
    const binAt = (pixel) => view.from + ((pixel - left) / inner()) * (view.to - view.from);
    chart.draw = () => {
      chart.width = Math.max(240, plot.clientWidth);
      const root = svg(plot, chart.width, height), bottom = height - BOTTOM, right = chart.width - RIGHT;
      const ticks = timeTicks(view.from, view.to, Math.max(2, inner() / 105));
      for (const tick of ticks) {
        line(root, "grid", x(tick.bin), TOP, x(tick.bin), bottom);
        const at = x(tick.bin);
        if (at > left + 14 && at < right - 14) label(root, at, height - 8, tick.text);
      }
      // An inner image cuts off what is outside of the axes.
      const layer = make("svg", { x: left, y: 0, width: inner(), height, viewBox: `${left} 0 ${inner()} ${height}` });
      chart.cells = body({ root, layer, x, width: inner(), bottom, right });
      root.append(layer);
      line(root, "base", left, bottom, right, bottom);
      drawGaps(root, x, bottom, right);
      chart.pointer = line(root, "cursor", -9, TOP, -9, bottom);
      chart.selection = make("rect", { class: "chosen", x: 0, y: TOP, width: 0, height: bottom - TOP });
      root.append(chart.selection);
      chart.show();
    };
    chart.show = () => {
      const cell = view.cursor === null ? null : chart.cells.find((it) => view.cursor >= it.from && view.cursor < it.to);
      const at = cell ? x((Math.max(cell.from, view.from) + Math.min(cell.to, view.to)) / 2) : -9;
      chart.pointer.setAttribute("x1", at);
      chart.pointer.setAttribute("x2", at);
      values.replaceChildren();
      if (!cell) return;
      const step = (cell.to - cell.from) * axis.width;
      add(values, add(html("span"), html("b", "", momentWords(momentAt(cell.from), step))));
      for (const [name, text] of cell.words()) add(values, add(html("span", "", name ? name + " " : ""), html("b", "", text)));
      const losses = lossesIn(cell.from, cell.to);
      if (losses.length) add(values, add(html("span"), html("b", "", gapWords(losses))));
    };
    const point = (bin) => { view.cursor = bin; charts.forEach((it) => it.show && it.pointer && it.show()); };
    const pixel = (event) => {
      const box = plot.getBoundingClientRect();
      return ((event.clientX - box.left) / box.width) * chart.width;
    };
    let dragged = null;
    plot.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      dragged = Math.min(Math.max(left, pixel(event)), chart.width - RIGHT);
      plot.setPointerCapture(event.pointerId);
    });
    plot.addEventListener("pointermove", (event) => {
      const at = pixel(event);
      if (dragged !== null) {
        const to = Math.min(Math.max(left, at), chart.width - RIGHT);
        chart.selection.setAttribute("x", Math.min(dragged, to));
        chart.selection.setAttribute("width", Math.abs(to - dragged));
      }
      point(at < left || at > chart.width - RIGHT ? null : binAt(at));
    });
    const release = (event, isKept) => {
      if (dragged === null) return;
      const from = dragged, to = Math.min(Math.max(left, pixel(event)), chart.width - RIGHT);
      dragged = null;
      chart.selection.setAttribute("width", 0);
      if (isKept && Math.abs(to - from) > 6) zoomTo(binAt(Math.min(from, to)), binAt(Math.max(from, to)));
    };
    plot.addEventListener("pointerup", (event) => release(event, true));
    plot.addEventListener("pointercancel", (event) => release(event, false));
    plot.addEventListener("pointerleave", () => { if (document.activeElement !== plot) point(null); });
    plot.addEventListener("dblclick", () => zoomTo(0, bins));
    plot.addEventListener("blur", () => point(null));
    plot.addEventListener("keydown", (event) => {
      const width = view.to - view.from, step = event.key === "ArrowLeft" ? -1 : 1;
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      switch (event.key) {
        case "+": case "=": zoomBy(0.5); break;
        case "-": case "_": zoomBy(2); break;
        case "Escape": case "0": zoomTo(0, bins); break;
        case "Home": point(view.from + 1e-6); break;
        case "End": point(view.to - 1e-6); break;
        case "ArrowLeft": case "ArrowRight":
          if (event.shiftKey) { zoomTo(view.from + (step * width) / 4, view.to + (step * width) / 4); break; }
          if (chart.cells.length) {
            const now = chart.cells.findIndex((it) => view.cursor !== null && view.cursor >= it.from && view.cursor < it.to);
            const next = now < 0 ? (step > 0 ? 0 : chart.cells.length - 1) : Math.min(Math.max(0, now + step), chart.cells.length - 1);
            point((Math.max(chart.cells[next].from, view.from) + Math.min(chart.cells[next].to, view.to)) / 2);
          }
          break;
        default: return;
      }
      event.preventDefault();
    });
    charts.push(chart);
  };

  const yAxis = (root, low, high, bottom, right, words, isBytes = false) => {
    const y = (value) => bottom - ((value - low) / (high - low || 1)) * (bottom - TOP);
    const { ticks, step } = linearTicks(low, high, 5, isBytes);
    for (const tick of ticks) {
      line(root, "grid", left, y(tick), right, y(tick));
      const text = label(root, left - 6, y(tick) + 4, words(tick, step), "end");
      needed = Math.max(needed, Math.ceil(text.getComputedTextLength()) + 10);
    }
    return y;
  };

  // ---- Events and bytes over time ----
  const stacked = (figure, key, words) => {
    const perSecond = isNanos ? axis.width / 1e9 : 1;
    timeChart(figure, 230, ({ root, layer, x, width, bottom, right }) => {
      const groups = data.groups.filter((it, at) => !hidden.has(at));
      const cells = columns(width, 2).map((cell) => {
        const parts = groups.map((it) => sum(it[key], cell.from, cell.to) / (cell.to - cell.from) / perSecond);
        const counts = groups.map((it) => sum(it[key], cell.from, cell.to));
        return {
          ...cell, parts, all: parts.reduce((all, it) => all + it, 0),
          words: () => [["", words(parts.reduce((a, b) => a + b, 0)) + (isNanos ? "/s" : "")],
            ...groups.map((it, at) => [it.name, (key === "events" ? grouped : size)(counts[at]), counts[at]]).filter((it) => it[2] > 0)],
        };
      });
      const high = cells.reduce((most, cell) => Math.max(most, cell.all), 0) * 1.05 || 1;
      const y = yAxis(root, 0, high, bottom, right, words, key === "bytes");
      const tops = cells.map(() => 0);
      groups.forEach((group, at) => {
        let up = "", down = "";
        cells.forEach((cell, column) => {
          const low = tops[column], top = low + cell.parts[at];
          tops[column] = top;
          const from = x(cell.from).toFixed(1), to = x(cell.to).toFixed(1);
          up += `${column ? "L" : "M"}${from},${y(top).toFixed(1)}L${to},${y(top).toFixed(1)}`;
          down = `L${to},${y(low).toFixed(1)}L${from},${y(low).toFixed(1)}` + down;
        });
        layer.append(make("path", { class: "c" + group.colour, d: up + down + "Z" }));
      });
      return cells;
    });
  };

  // ---- Fields over time ----
  const field = (figure, series) => {
    const words = ofField(series), LARGEST = Number.MAX_VALUE;
    const within = (n, most) => Math.min(most, Math.max(-most, n));
    timeChart(figure, 210, ({ root, layer, x, width, bottom, right }) => {
      const cells = columns(width, 1.5).map((cell) => {
        const count = sum(series.count, cell.from, cell.to);
        let low = Infinity, high = -Infinity, mean = 0;
        for (let at = cell.from; at < cell.to; at++) {
          if (!series.count[at]) continue;
          low = Math.min(low, series.min[at]);
          high = Math.max(high, series.max[at]);
          mean += series.mean[at] * (series.count[at] / count);
        }
        mean = Math.min(high, Math.max(low, mean));
        const numbers = () => [["", low === high ? words.value(mean) : words.mean(mean, high / 10 - low / 10)], ["from", words.value(low)], ["to", words.value(high)], ["of", grouped(count)]];
        return { ...cell, count, low, high, mean, words: () => (count ? numbers() : [["", "no value"]]) };
      });
      const full = cells.filter((cell) => cell.count);
      let low = full.reduce((least, cell) => Math.min(least, cell.low), Infinity), high = full.reduce((most, cell) => Math.max(most, cell.high), -Infinity);
      if (!full.length) { low = 0; high = 1; }
      // The range of the largest numbers is none: an eighth of it is drawn.
      const part = (high - low) * 1.2 < Infinity ? 1 : 0.125;
      [low, high] = [low * part, high * part];
      const room = (high - low) * 0.05 || Math.abs(high) * 0.01 || 1, most = LARGEST * part;
      const tickWords = (n, step) => words.tick(within(n / part, LARGEST), within(step / part, LARGEST));
      const place = yAxis(root, low >= 0 ? Math.max(0, low - room) : within(low - room, most), within(high + room, most), bottom, right, tickWords);
      const y = (value) => place(value * part);
      let mean = "", band = "", dots = "", run = [];
      const flush = () => {
        if (!run.length) return;
        if (run.length === 1) {
          // One value alone is a mark that can be seen.
          const [it] = run, height = Math.max(3, y(it.low) - y(it.high));
          dots += `M${(it.x - 1.5).toFixed(1)},${((y(it.low) + y(it.high) - height) / 2).toFixed(1)}h3v${height.toFixed(1)}h-3Z`;
          run = [];
          return;
        }
        band += run.map((it, at) => `${at ? "L" : "M"}${it.x},${y(it.high).toFixed(1)}`).join("");
        band += run.reverse().map((it) => `L${it.x},${(y(it.low) + 0.6).toFixed(1)}`).join("") + "Z";
        run = [];
      };
      let before = -9;
      cells.forEach((cell, at) => {
        if (!cell.count) return;
        // A few empty columns are only narrow bins: the line crosses them.
        const isNext = at - before <= 8;
        if (!isNext) flush();
        before = at;
        const middle = ((x(cell.from) + x(cell.to)) / 2).toFixed(1);
        run.push({ x: middle, low: cell.low, high: cell.high });
        mean += `${isNext ? "L" : "M"}${middle},${y(cell.mean).toFixed(1)}`;
      });
      flush();
      layer.append(make("path", { class: "band", d: band }), make("path", { class: "mean", d: mean }), make("path", { class: "dots", d: dots }));
      return cells;
    });
  };

  // ---- Bars and segments: a cell under the pointer or the cursor ----
  const cellChart = (figure, height, body) => {
    const plot = figure.querySelector(".plot"), values = figure.querySelector(".values");
    let cells = [], at = -1, width = 0;
    const show = (next) => {
      if (cells[at]) cells[at].element.classList.remove("at");
      at = next;
      values.replaceChildren();
      if (!cells[at]) return;
      cells[at].element.classList.add("at");
      for (const [name, text] of cells[at].words) add(values, add(html("span", "", name ? name + " " : ""), html("b", "", text)));
    };
    plot.addEventListener("pointermove", (event) => {
      const box = plot.getBoundingClientRect(), pixel = ((event.clientX - box.left) / box.width) * width;
      show(cells.findIndex((cell) => pixel >= cell.from && pixel < cell.to));
    });
    plot.addEventListener("pointerleave", () => { if (document.activeElement !== plot) show(-1); });
    plot.addEventListener("blur", () => show(-1));
    plot.addEventListener("keydown", (event) => {
      const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: cells.length - 1 }[event.key];
      if (next === undefined) return;
      show(Math.min(Math.max(0, next), cells.length - 1));
      event.preventDefault();
    });
    charts.push({
      plot,
      draw: () => {
        width = Math.max(240, plot.clientWidth);
        at = -1;
        cells = body(svg(plot, width, height), width, height);
      },
    });
  };

  const histogram = (figure, { bars, marks, unit, count }) => {
    const words = inUnit[unit];
    cellChart(figure, 210, (root, width, height) => {
      const right = width - RIGHT, bottom = height - BOTTOM, top = 34;
      const position = (value) => Math.log2(Math.max(0.5, value));
      let low = position(bars[0][0]), high = position(bars[bars.length - 1][1] + 1);
      // A few bars are not as wide as the chart.
      const room = Math.max(0, 3 - (high - low)) / 2;
      low = Math.max(-1, low - room);
      high += room;
      const x = (value) => left + ((position(value) - low) / (high - low)) * (right - left);
      const most = bars.reduce((most, bar) => Math.max(most, bar[2]), 1);
      const y = (n) => bottom - (Math.log10(Math.max(1, n) * 2) / Math.log10(Math.max(10, most) * 2.6)) * (bottom - top);
      for (let tick = 1; tick <= most * 1.3; tick *= 10) {
        if (Math.log10(most) > 5 && Math.round(Math.log10(tick)) % 2) continue;
        line(root, "grid", left, y(tick), right, y(tick));
        label(root, left - 6, y(tick) + 4, short(tick), "end");
      }
      let free = left - 20;
      const base = unit === "bytes" ? 2 : 10;
      for (let tick = 1; position(tick) <= high; tick *= base) {
        const at = x(tick);
        if (at < left || at < free + 34 || at > right - 10) continue;
        free = at + 14;
        label(root, at, height - 8, words(tick));
      }
      let before = 0;
      const cells = bars.map(([from, to, n]) => {
        const left = x(from), end = x(to + 1);
        const element = make("rect", { class: "bar", x: left, y: y(n), width: Math.max(1, end - left - 0.6), height: Math.max(1, bottom - y(n)) });
        root.append(element);
        before += n;
        const range = from === to ? words(from) : `${words(from)} to ${words(to)}`;
        return { from: left, to: end, element, words: [["", range], ["", grouped(n)], ["up to here", digits((before / count) * 100, 5) + " %"]] };
      });
      let edge = -40;
      for (const [name, value] of marks) {
        const at = x(value), isRight = at > right - 40, from = isRight ? at - 36 : at;
        line(root, "mark", at, top - 14, at, bottom);
        if (from < edge) continue;
        label(root, at + (isRight ? -3 : 3), top - 6, name, isRight ? "end" : "start");
        edge = from + 36;
      }
      line(root, "base", left, bottom, right, bottom);
      return cells;
    });
  };

  const segments = (figure) => {
    cellChart(figure, 64, (root, width, height) => {
      const all = data.segments.reduce((all, it) => all + Math.max(1, it.bytes), 0);
      let at = 0;
      const x = (bytes) => 1 + (bytes / all) * (width - 2);
      const cells = data.segments.map((it, number) => {
        const from = x(at), to = x((at += Math.max(1, it.bytes)));
        const state = { clean: "", open: " open", unsealed: " fair" }[it.verdict];
        const element = make("rect", { class: "seg" + (number % 2 ? " odd" : "") + (state === undefined ? " bad" : state), x: from, y: 4, width: Math.max(0.5, to - from), height: 36 });
        root.append(element);
        return { from, to, element, words: [["", it.file], ["", it.verdict], ["records", grouped(it.records)], ["", size(it.bytes)], ["from sequence", it.base_sequence === null ? "?" : grouped(it.base_sequence)]] };
      });
      label(root, 1, height - 8, "0 B", "start");
      label(root, width - 1, height - 8, size(all), "end");
      return cells;
    });
  };

  // ---- Start ----
  for (const figure of document.querySelectorAll("figure[data-chart]")) {
    const [kind, number] = figure.dataset.chart.split(":");
    if (kind === "events") stacked(figure, "events", short);
    if (kind === "bytes") stacked(figure, "bytes", size);
    if (kind === "field") field(figure, data.series[number]);
    if (kind === "histogram") histogram(figure, data.histograms[number]);
    if (kind === "segments") segments(figure);
  }
  const legend = document.getElementById("legend");
  data.groups.forEach((group, at) => {
    const button = html("button");
    button.type = "button";
    button.setAttribute("aria-pressed", "true");
    add(button, html("i", "c" + group.colour), html("span", "", group.name));
    button.addEventListener("click", () => {
      if (!hidden.delete(at)) hidden.add(at);
      button.setAttribute("aria-pressed", String(!hidden.has(at)));
      draw();
    });
    add(legend, add(html("li"), button));
  });
  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => {
      if (button.dataset.zoom === "all") zoomTo(0, bins);
      else zoomBy(button.dataset.zoom === "in" ? 0.5 : 2);
    });
  }
  if (axis) {
    document.getElementById("tools").hidden = false;
    document.getElementById("keys").hidden = false;
  }
  let width = 0;
  new ResizeObserver(() => {
    if (document.body.clientWidth === width) return;
    width = document.body.clientWidth;
    draw();
  }).observe(document.body);
  draw();
  document.documentElement.dataset.drawn = String(charts.length);
})();
