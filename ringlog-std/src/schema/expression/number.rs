//! Numbers as they were typed.
#![forbid(unsafe_code)]

/// `digits * 10^exponent`, exactly, and the text of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Number {
    text: String,
    digits: i128,
    exponent: i32,
}

/// The largest integer that is not above a number, and whether it is the number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Floor {
    pub(super) floor: i128,
    pub(super) is_exact: bool,
}

impl Number {
    /// Reads a number in the syntax of expressions; `None` if it has more than 38 digits.
    pub(super) fn read(typed: &str) -> Option<Self> {
        let text: String = typed.chars().filter(|&sign| sign != '_').collect();
        let (sign, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(&text)),
        };
        if let Some(hexadecimal) = unsigned.strip_prefix("0x") {
            let digits = sign * i128::from(u64::from_str_radix(hexadecimal, 16).ok()?);
            return Some(Self { text: digits.to_string(), digits, exponent: 0 });
        }
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let fraction = fraction.trim_end_matches('0');
        let all = format!("{whole}{fraction}");
        let significant = all.trim_start_matches('0');
        if significant.len() > 38 {
            return None;
        }
        let digits = if significant.is_empty() { 0 } else { sign * significant.parse::<i128>().ok()? };
        // An exponent that does not fit leaves no number that a field can hold.
        let exponent: i32 = exponent.parse().ok().filter(|exponent| (-9999..=9999).contains(exponent))?;
        let exponent = exponent - i32::try_from(fraction.len()).ok()?;
        Some(Self { text, digits, exponent })
    }

    /// Returns the floor of the number in units of `10^scale`. Numbers past an `i128` become its ends.
    pub(super) fn in_units(&self, scale: i8) -> Floor {
        if self.digits == 0 {
            return Floor { floor: 0, is_exact: true };
        }
        let shift = self.exponent - i32::from(scale);
        let power = 10_i128.checked_pow(shift.unsigned_abs());
        match power {
            Some(power) if shift >= 0 => match self.digits.checked_mul(power) {
                Some(floor) => Floor { floor, is_exact: true },
                None => self.past_the_end(),
            },
            None if shift >= 0 => self.past_the_end(),
            Some(power) => {
                Floor { floor: self.digits.div_euclid(power), is_exact: self.digits.rem_euclid(power) == 0 }
            }
            None => Floor { floor: if self.digits < 0 { -1 } else { 0 }, is_exact: false },
        }
    }

    const fn past_the_end(&self) -> Floor {
        Floor { floor: if self.digits < 0 { i128::MIN } else { i128::MAX }, is_exact: false }
    }

    /// Returns the nearest number of 64 bits.
    pub(super) fn to_f64(&self) -> f64 {
        self.text.parse().expect("the syntax of numbers is a part of Rust's")
    }

    /// Returns the nearest number of 32 bits.
    pub(super) fn to_f32(&self) -> f32 {
        self.text.parse().expect("the syntax of numbers is a part of Rust's")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floor(typed: &str, scale: i8) -> (i128, bool) {
        let floor = Number::read(typed).unwrap().in_units(scale);
        (floor.floor, floor.is_exact)
    }

    #[test]
    fn numbers_are_exact_in_any_unit() {
        assert_eq!(floor("100.5", -8), (10_050_000_000, true));
        assert_eq!(floor("100.123456789", -8), (10_012_345_678, false));
        assert_eq!(floor("-0.001", 0), (-1, false));
        assert_eq!(floor("-1e-9999", -18), (-1, false));
        assert_eq!(floor("1e9999", 18), (i128::MAX, false));
        assert_eq!(floor("1_000e3", 3), (1000, true));
        assert_eq!(floor("1500", 3), (1, false));
        assert_eq!(floor("0x10", 0), (16, true));
        assert_eq!(floor("-0.000", 5), (0, true));
    }

    #[test]
    fn a_number_that_cannot_be_kept_exactly_is_refused() {
        assert!(Number::read(&"9".repeat(38)).is_some());
        assert!(Number::read(&"9".repeat(39)).is_none());
        assert!(Number::read("0x10000000000000000").is_none());
        assert!(Number::read("1e10000").is_none());
    }
}
