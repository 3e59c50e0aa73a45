//! Reads decimal numbers as times.

/// The sign before the fraction of a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum DecimalSign {
    Point,
    Comma,
}

/// What a number counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unit {
    Seconds,
    Millis,
    Micros,
    Nanos,
}

impl Unit {
    pub(super) const ALL: [Self; 4] = [Self::Seconds, Self::Millis, Self::Micros, Self::Nanos];

    const fn decimals(self) -> i32 {
        match self {
            Self::Seconds => 9,
            Self::Millis => 6,
            Self::Micros => 3,
            Self::Nanos => 0,
        }
    }

    /// Returns nanoseconds without rounding; cuts finer digits.
    pub(super) fn to_nanos(self, text: &str, sign: DecimalSign) -> Option<u64> {
        parse_scaled(text, self.decimals(), sign)
    }
}

impl std::fmt::Display for Unit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Seconds => "seconds",
            Self::Millis => "milliseconds",
            Self::Micros => "microseconds",
            Self::Nanos => "nanoseconds",
        })
    }
}

/// Whether this is a number, with either decimal sign.
pub(super) fn is_number(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let text = text.strip_prefix('.').unwrap_or(text);
    [DecimalSign::Point, DecimalSign::Comma].iter().any(|&sign| digits_of(text, sign).is_some())
}

/// Whether this has an exponent and fewer digits than whole units need, so that the other digits are unknown.
pub(super) fn is_rounded(text: &str, sign: DecimalSign) -> bool {
    text.contains(['e', 'E']) && digits_of(text, sign).is_some_and(|(_, exponent)| exponent > 0)
}

/// Returns the number times 10^`decimals`.
fn parse_scaled(text: &str, decimals: i32, sign: DecimalSign) -> Option<u64> {
    let (digits, exponent) = digits_of(text, sign)?;
    let shift = exponent.checked_add(decimals)?;
    let power = 10_u128.checked_pow(shift.unsigned_abs());
    let scaled =
        if shift < 0 { power.map_or(0, |power| digits / power) } else { digits.checked_mul(power?)? };
    u64::try_from(scaled).ok()
}

/// Returns a number as digits and a power of ten.
fn digits_of(text: &str, sign: DecimalSign) -> Option<(u128, i32)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let point = if sign == DecimalSign::Point { '.' } else { ',' };
    let (whole, fraction) = mantissa.split_once(point).unwrap_or((mantissa, ""));
    if whole.is_empty() || whole.len() + fraction.len() > 38 {
        return None;
    }
    let mut digits = 0_u128;
    for byte in whole.bytes().chain(fraction.bytes()) {
        digits = digits * 10 + u128::from(char::from(byte).to_digit(10)?);
    }
    Some((digits, exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        let nanos = |unit: Unit, text| unit.to_nanos(text, DecimalSign::Point);
        assert_eq!(nanos(Unit::Seconds, "1378054800.083"), Some(1_378_054_800_083_000_000));
        assert_eq!(nanos(Unit::Seconds, "1378054800.1234567891"), Some(1_378_054_800_123_456_789));
        assert_eq!(nanos(Unit::Millis, "1378054800083"), Some(1_378_054_800_083_000_000));
        assert_eq!(nanos(Unit::Millis, "1.378054800083E+12"), Some(1_378_054_800_083_000_000));
        assert_eq!(nanos(Unit::Seconds, "13780548000e-1"), Some(1_378_054_800_000_000_000));
        assert_eq!(nanos(Unit::Micros, "5.5"), Some(5_500));
        assert_eq!(nanos(Unit::Nanos, "7.9"), Some(7));
        assert_eq!(nanos(Unit::Nanos, "7e-999"), Some(0));
        for bad in [
            "",
            ".",
            ".5",
            "-1",
            "1e",
            "1e99",
            "1.2.3",
            "1,5",
            "99999999999999999999",
            "18446744073709551615",
        ] {
            assert_eq!(nanos(Unit::Seconds, bad), None, "{bad}");
        }
        assert_eq!(Unit::Seconds.to_nanos("1,5", DecimalSign::Comma), Some(1_500_000_000));
        assert_eq!(Unit::Seconds.to_nanos("1.5", DecimalSign::Comma), None);
    }

    #[test]
    fn exponents_may_leave_digits_out() {
        for (text, is_it) in [
            ("1.68411E+12", true),
            ("1e9", true),
            ("1.378054800083E+12", false),
            ("13780548000e-1", false),
            ("1378054800083", false),
            ("1378054800000", false),
            ("e", false),
        ] {
            assert_eq!(is_rounded(text, DecimalSign::Point), is_it, "{text}");
        }
        assert!(is_rounded("1,68411E+12", DecimalSign::Comma));
    }

    #[test]
    fn numbers_of_any_kind_are_not_words() {
        for number in ["1", "-1.5", "+3", ".5", "1e9", "1640,25"] {
            assert!(is_number(number), "{number}");
        }
        for word in ["", "NA", "e", "1-2", "12:30", "1,2,3"] {
            assert!(!is_number(word), "{word}");
        }
    }
}
