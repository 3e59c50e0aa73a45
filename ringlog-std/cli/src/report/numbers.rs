//! Numbers and spans of time for people.
#![forbid(unsafe_code)]

use crate::report::bins::Samples;

/// Larger whole numbers are not exact as an `f64`.
const EXACT: f64 = 9_007_199_254_740_992.0;
const UNITS: [(f64, &str); 6] =
    [(86_400e9, "d"), (3600e9, "h"), (1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")];

/// How the values of a field are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Style {
    /// Whether they are nanoseconds.
    pub(crate) is_span: bool,
    /// Whether they are stored as `f32`, so that fewer digits name them.
    pub(crate) is_f32: bool,
}

impl Style {
    /// Returns a value with all its digits.
    pub(crate) fn exact(self, value: f64) -> String {
        if self.is_span {
            // No days and hours: a part of them has no end.
            let (unit, name) = unit_of(value, UNITS.get(2..).unwrap_or_default());
            return format!("{} {name}", exact(value / unit));
        }
        let small = value as f32;
        let is_f32 = self.is_f32 && f64::from(small) == value;
        if is_f32 { exact(small.to_string().parse().unwrap_or(value)) } else { exact(value) }
    }

    /// Returns the smallest value, the mean and the largest value; `None` without a value.
    pub(crate) fn extent(self, samples: &Samples) -> Option<[String; 3]> {
        let mean = samples.mean()?;
        let step = samples.max / 10.0 - samples.min / 10.0;
        Some([self.exact(samples.min), self.by_step(mean, step), self.exact(samples.max)])
    }

    /// Returns a value with the digits that a difference of `step` needs: three of it.
    pub(crate) fn by_step(self, value: f64, step: f64) -> String {
        if !self.is_span {
            return if step > 0.0 { by_step(value, step) } else { self.exact(value) };
        }
        let (unit, name) = unit_of(value, &UNITS);
        if step > 0.0 { format!("{} {name}", by_step(value / unit, step / unit)) } else { self.exact(value) }
    }
}

/// Returns the largest unit that a span reaches.
fn unit_of(nanos: f64, units: &[(f64, &'static str)]) -> (f64, &'static str) {
    units.iter().copied().find(|(unit, _)| nanos.abs() >= *unit).unwrap_or((1.0, "ns"))
}

/// Returns a span of time in nanoseconds with three digits or more: `1.25 ms`.
pub(crate) fn nanos_words(nanos: f64) -> String {
    let (unit, name) = unit_of(nanos, &UNITS);
    format!("{} {name}", short(nanos / unit))
}

/// Returns a number with at least three digits, without zeros at the end of a fraction.
pub(crate) fn short(number: f64) -> String {
    let whole = number.abs();
    if whole >= 1e15 || whole > 0.0 && whole < 1e-4 {
        return format!("{number:.4e}");
    }
    let places = if whole >= 1000.0 { 1 } else { (2 - whole.max(1e-4).log10().floor() as i32).clamp(1, 7) };
    without_zeros(format!("{number:.*}", places as usize))
}

/// Returns a number with the fewest digits that no other number has.
fn exact(number: f64) -> String {
    let whole = number.abs();
    // The sum has no sign of zero.
    if whole > EXACT || whole > 0.0 && whole < 1e-4 {
        format!("{number:e}")
    } else {
        format!("{}", number + 0.0)
    }
}

/// Returns a number with all digits down to the third one of `step`, which is above zero.
fn by_step(number: f64, step: f64) -> String {
    let whole = number.abs();
    if !step.is_finite() {
        return exact(number);
    }
    if whole < step / 1e3 {
        return "0".into();
    }
    let power = |number: f64| number.log10().floor() as i32;
    let (first, last) = (power(whole), power(step) - 2);
    if !(-4..15).contains(&first) {
        let digits = (first - last).clamp(0, 16) as usize;
        let text = format!("{number:.digits$e}");
        let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{power}", without_zeros(digits.into()));
    }
    without_zeros(format!("{number:.*}", (-last).clamp(0, 16 - first.max(0)) as usize))
}

/// Takes zeros from the end of a fraction.
fn without_zeros(text: String) -> String {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').into(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_or_more() {
        let words = [0.0, 1.0, 12.345_67, 0.001_234_5, 123_456.78, 1e18, -3.5, 1e-9].map(short);
        assert_eq!(words, ["0", "1", "12.3", "0.00123", "123456.8", "1.0000e18", "-3.5", "1.0000e-9"]);
        let spans = [0.0, 999.0, 1_250_000.0, 61e9, 7200e9].map(nanos_words);
        assert_eq!(spans, ["0 ns", "999 ns", "1.25 ms", "61 s", "2 h"]);
    }

    #[test]
    fn an_exact_number_has_the_digits_that_were_logged_and_no_others() {
        let (plain, small) = (Style::default(), Style { is_f32: true, ..Style::default() });
        for text in ["786.25", "99.01", "1.08605", "0", "-3.5", "1000002.999", "9007199254740992", "1e-9"] {
            assert_eq!(plain.exact(text.parse().unwrap()), text);
        }
        assert_eq!([plain.exact(-0.0), plain.exact(u64::MAX as f64)], ["0", "1.8446744073709552e19"]);
        assert_eq!(plain.exact(-f64::MAX), "-1.7976931348623157e308");
        assert_eq!([small.exact(f64::from(0.1_f32)), small.exact(0.1)], ["0.1", "0.1"]);
        assert_eq!(small.exact(f64::from(16_777_216.0_f32)), "16777216");
        let mut samples = Samples::default();
        assert_eq!(plain.extent(&samples), None);
        [1.08605, 1.08803].into_iter().for_each(|value| samples.add(value));
        assert_eq!(plain.extent(&samples), Some(["1.08605", "1.08704", "1.08803"].map(String::from)));
        let span = Style { is_span: true, is_f32: false };
        let words = [0.0, -1_250_123.0, 999.0, 93_784_000_000_001.0].map(|it| span.exact(it));
        assert_eq!(words, ["0 ns", "-1.250123 ms", "999 ns", "93784.000000001 s"]);
    }

    #[test]
    fn labels_differ_where_their_values_are_a_step_apart() {
        let (plain, span) = (Style::default(), Style { is_span: true, is_f32: false });
        let words = |values: [f64; 3], step| values.map(|it| plain.by_step(it, step));
        assert_eq!(words([1.08803, 1.087535, 1.08605], 0.000_495), ["1.08803", "1.087535", "1.08605"]);
        assert_eq!(words([1_000_002.999, 1_000_002.25, 1e6], 0.75), ["1000002.999", "1000002.25", "1000000"]);
        assert_eq!(words([142.4, 129.53, 97.3], 12.9), ["142.4", "129.5", "97.3"]);
        assert_eq!(words([4e18, 1_234_567.8, -2.36e-125], 1e6), ["4e18", "1234568", "0"]);
        assert_eq!(words([4e-8, 2.5e-8, -1e-8], 1.5e-8), ["4e-8", "2.5e-8", "-1e-8"]);
        assert_eq!(words([1.5, f64::MAX, -f64::MAX], f64::INFINITY)[0], "1.5");
        assert_eq!(words([0.1, 7.0, -0.0], 0.0), ["0.1", "7", "0"]);
        assert_eq!([1e9 + 1e3, 1e9, 0.0].map(|it| span.by_step(it, 500.0)), ["1.000001 s", "1 s", "0 ns"]);
        for at in -20..20 {
            let step = 1.7 * 10_f64.powi(at);
            let labels: Vec<_> = (0..9).map(|row| plain.by_step(1e3 + f64::from(row) * step, step)).collect();
            let is_shown = at < -12 || labels.windows(2).all(|pair| pair[0] != pair[1]);
            assert!(is_shown && labels.iter().all(|it| it.len() <= 20), "{labels:?}");
        }
    }
}
