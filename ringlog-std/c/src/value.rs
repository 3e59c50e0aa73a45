//! The value of a field as C sees it.
#![forbid(unsafe_code)]

use ringlog::schema::{Decimal, Value};
use std::ffi::{c_char, c_int};

/// An integer without a sign, in `whole_unsigned`.
pub const RINGLOG_VALUE_UNSIGNED: c_int = 1;
/// An integer with a sign, in `whole`.
pub const RINGLOG_VALUE_SIGNED: c_int = 2;
/// A floating-point number, in `number`.
pub const RINGLOG_VALUE_FLOAT: c_int = 3;
/// A truth value: `whole` is 0 or 1.
pub const RINGLOG_VALUE_BOOL: c_int = 4;
/// An integer with a scale: the value is `whole` times ten to the power of `scale`, in `number` as near as a double comes.
pub const RINGLOG_VALUE_DECIMAL: c_int = 5;
/// An integer that has a name, in `whole`; its name is in `text`.
pub const RINGLOG_VALUE_LABEL: c_int = 6;
/// A moment in the unit of the log's clock, in `whole_unsigned`.
pub const RINGLOG_VALUE_TIMESTAMP: c_int = 7;
/// Text in UTF-8, in `text`.
pub const RINGLOG_VALUE_TEXT: c_int = 8;
/// Bytes, in `text`.
pub const RINGLOG_VALUE_BYTES: c_int = 9;
/// An array or a struct. Ask for what is in it: `legs[0].price`.
pub const RINGLOG_VALUE_NESTED: c_int = 10;

/// The value of a field. What `kind` does not name is zero, but for the three numbers: where the value is an integer, each has it, as
/// far as it fits.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct FieldValue {
    /// One of `RINGLOG_VALUE_...`.
    pub kind: c_int,
    /// The power of ten by which `whole` is multiplied.
    pub scale: i32,
    /// The value, or of a decimal the stored integer. Values above `INT64_MAX` are in `whole_unsigned`.
    pub whole: i64,
    /// The same without a sign.
    pub whole_unsigned: u64,
    /// The value as a double, scale included.
    pub number: f64,
    /// Text or bytes, not ended by a zero. They stay as long as the event's payload does.
    pub text: *const c_char,
    /// The length of `text` in bytes.
    pub text_len: usize,
}

impl FieldValue {
    const NONE: Self = Self {
        kind: 0,
        scale: 0,
        whole: 0,
        whole_unsigned: 0,
        number: 0.0,
        text: std::ptr::null(),
        text_len: 0,
    };

    /// Returns the value as C sees it. Text is lent from the event or its description.
    #[must_use]
    pub fn of(value: &Value<'_>) -> Self {
        match value {
            Value::Unsigned(value) => Self::integer(RINGLOG_VALUE_UNSIGNED, i128::from(*value)),
            Value::Signed(value) => Self::integer(RINGLOG_VALUE_SIGNED, i128::from(*value)),
            Value::Float32(value) => Self::float(f64::from(*value)),
            Value::Float(value) => Self::float(*value),
            Value::Bool(value) => Self::integer(RINGLOG_VALUE_BOOL, i128::from(*value)),
            Value::Decimal(value) => Self::decimal(*value),
            Value::Label { value, name } => {
                Self::integer(RINGLOG_VALUE_LABEL, *value).with_text(name.as_bytes())
            }
            Value::Timestamp(value) => Self::integer(RINGLOG_VALUE_TIMESTAMP, i128::from(*value)),
            Value::Text(text) => Self { kind: RINGLOG_VALUE_TEXT, ..Self::NONE }.with_text(text.as_bytes()),
            Value::Bytes(bytes) => Self { kind: RINGLOG_VALUE_BYTES, ..Self::NONE }.with_text(bytes),
            _ => Self { kind: RINGLOG_VALUE_NESTED, ..Self::NONE },
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "the fields have what fits of it"
    )]
    const fn integer(kind: c_int, value: i128) -> Self {
        Self { kind, whole: value as i64, whole_unsigned: value as u64, number: value as f64, ..Self::NONE }
    }

    const fn float(number: f64) -> Self {
        Self { kind: RINGLOG_VALUE_FLOAT, number, ..Self::NONE }
    }

    fn decimal(value: Decimal) -> Self {
        let integer = Self::integer(RINGLOG_VALUE_DECIMAL, value.digits());
        // The nearest double: the text has the exact value.
        let number = value.to_string().parse().unwrap_or(integer.number);
        Self { scale: i32::from(value.scale()), number, ..integer }
    }

    const fn with_text(self, text: &[u8]) -> Self {
        Self { text: text.as_ptr().cast(), text_len: text.len(), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_the_nearest_double() {
        for (digits, scale, number) in [(10_125, -2, 101.25), (-1, 0, -1.0), (7, 3, 7000.0), (1, -1, 0.1)] {
            let value = FieldValue::of(&Value::Decimal(Decimal::new(digits, scale)));
            assert_eq!((value.kind, value.scale), (RINGLOG_VALUE_DECIMAL, i32::from(scale)));
            assert_eq!((i128::from(value.whole), value.number), (digits, number));
        }
    }

    #[test]
    fn the_largest_integers_are_whole() {
        let largest = FieldValue::of(&Value::Unsigned(u64::MAX));
        assert_eq!((largest.whole_unsigned, largest.number), (u64::MAX, 2_f64.powi(64)));
        assert_eq!(FieldValue::of(&Value::Signed(i64::MIN)).whole, i64::MIN);
        let label = FieldValue::of(&Value::Label { value: -2, name: "sell" });
        assert_eq!((label.whole, label.text_len), (-2, 4));
    }
}
