//! Numbers and spans of time for people.
#![forbid(unsafe_code)]

/// Returns a span of time in nanoseconds with three digits or more: `1.25 ms`.
pub(crate) fn nanos_words(nanos: f64) -> String {
    const UNITS: [(f64, &str); 6] =
        [(86_400e9, "d"), (3600e9, "h"), (1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")];
    let (unit, name) = UNITS.into_iter().find(|(unit, _)| nanos.abs() >= *unit).unwrap_or((1.0, "ns"));
    format!("{} {name}", short(nanos / unit))
}

/// Returns a number with at least three digits, without zeros at the end of a fraction.
pub(crate) fn short(number: f64) -> String {
    let whole = number.abs();
    if whole >= 1e15 || whole > 0.0 && whole < 1e-4 {
        return format!("{number:.4e}");
    }
    let places = if whole >= 1000.0 { 1 } else { (2 - whole.max(1e-4).log10().floor() as i32).clamp(1, 7) };
    let text = format!("{number:.*}", places as usize);
    text.trim_end_matches('0').trim_end_matches('.').into()
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
}
