//! Numbers as they are written, without rounding.
#![forbid(unsafe_code)]

use std::borrow::Cow;

/// The number `digits * 10^scale`, negative or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Number {
    is_negative: bool,
    digits: u128,
    scale: i32,
}

/// Longest number in characters; a larger exponent or more digits make it text.
const LONGEST: usize = 80;
const EXPONENT_MAX: i32 = 400;

impl Number {
    /// Reads a number such as `-12.50`, `.5`, `7` or `1.2e-7`.
    ///
    /// What has a plus or zeros before its first digit is no number but a word, such as `007`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if text.len() > LONGEST {
            return None;
        }
        let (decimal, exponent) = match text.split_once(['e', 'E']) {
            Some((decimal, exponent)) => (decimal, parse_exponent(exponent)?),
            None => (text, 0),
        };
        let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
        let has_zero_first = whole.len() > 1 && whole.starts_with('0');
        if has_zero_first || (whole.is_empty() && fraction.is_empty()) {
            return None;
        }
        let mut digits = 0_u128;
        for digit in whole.bytes().chain(fraction.bytes()) {
            let digit = digit.is_ascii_digit().then(|| digit - b'0')?;
            digits = digits.checked_mul(10)?.checked_add(digit.into())?;
        }
        let scale = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
        Some(Self { is_negative, digits, scale })
    }

    /// Returns how many digits after the point are written.
    pub(super) fn fraction_digits(self) -> u32 {
        self.scale.min(0).unsigned_abs()
    }

    /// Returns the integer that is this number with the scale taken away; `None` if there is none.
    pub(super) fn scaled(self, scale: i8) -> Option<i128> {
        let shift = self.scale - i32::from(scale);
        let power = if self.digits == 0 { 1 } else { 10_u128.checked_pow(shift.unsigned_abs())? };
        let digits = if shift >= 0 {
            self.digits.checked_mul(power)?
        } else {
            self.digits.is_multiple_of(power).then(|| self.digits / power)?
        };
        let digits = i128::try_from(digits).ok()?;
        Some(if self.is_negative { -digits } else { digits })
    }

    /// Returns the number without zeros at its end, so that equal ones are equal.
    fn shortest(mut self) -> Self {
        while self.digits != 0 && self.digits.is_multiple_of(10) {
            self.digits /= 10;
            self.scale += 1;
        }
        if self.digits == 0 { Self { is_negative: false, digits: 0, scale: 0 } } else { self }
    }
}

/// Returns a number with a decimal point; `None` if it has a point where commas are decimal.
pub(super) fn with_point(text: &str, decimal_comma: bool) -> Option<Cow<'_, str>> {
    match decimal_comma {
        false => Some(Cow::Borrowed(text)),
        true if text.contains('.') => None,
        true => Some(Cow::Owned(text.replacen(',', ".", 1))),
    }
}

fn parse_exponent(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|it: &i32| is_number && it.abs() <= EXPONENT_MAX)
}

/// Returns the `f64` whose shortest decimal form is this number; `None` if a float of 64 bits changes it.
pub(super) fn exact_float(text: &str) -> Option<f64> {
    let number = Number::parse(text)?;
    let float: f64 = text.parse().ok()?;
    let shown = Number::parse(&format!("{float:e}"))?;
    (shown.shortest() == number.shortest()).then_some(float)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled(text: &str, scale: i8) -> Option<i128> {
        Number::parse(text)?.scaled(scale)
    }

    #[test]
    fn decimals_become_integers_exactly_or_not_at_all() {
        for (text, scale, integer) in [
            ("1640.25", -2, 164_025),
            ("1640.25", -4, 16_402_500),
            ("-0.5", -1, -5),
            (".5", -1, 5),
            ("5.", 0, 5),
            ("1e3", 0, 1000),
            ("1.50e-3", -4, 15),
            ("0", 0, 0),
            ("-0.00", 0, 0),
            ("1200", 2, 12),
            ("18446744073709551615", 0, 18_446_744_073_709_551_615),
        ] {
            assert_eq!(scaled(text, scale), Some(integer), "{text}");
        }
        for (text, scale) in [("1640.255", -2), ("1201", 2), ("1e30", -20)] {
            assert_eq!(scaled(text, scale), None, "{text}");
        }
    }

    #[test]
    fn decimal_commas_are_those_of_numbers_only_if_asked_for() {
        let parse = |text, decimal_comma| Number::parse(&with_point(text, decimal_comma)?)?.scaled(-2);
        assert_eq!(
            (parse("1,25", true), parse("1.25", true), parse("1,000,5", true)),
            (Some(125), None, None)
        );
        assert_eq!((parse("1,25", false), parse("1.25", false)), (None, Some(125)));
    }

    #[test]
    fn words_that_look_like_numbers_are_words() {
        for text in ["", "-", ".", "007", "+5", "1,5", "0x10", "1e", "1e999", "1.2.3", " 1", "nan", "1_000"] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
    }

    #[test]
    fn floats_are_exact_if_their_shortest_form_is_the_number() {
        for text in ["0.1", "1e-7", "1640.25", "-2.5", "0", "9007199254740992.0e-3", "123456789.123"] {
            assert_eq!(exact_float(text), text.parse().ok(), "{text}");
        }
        for text in [
            "0.1000000000000000055",
            "9007199254740993",
            "9007199254740.993",
            "1e400",
            "12345678901234567890",
        ] {
            assert_eq!(exact_float(text), None, "{text}");
        }
    }
}
