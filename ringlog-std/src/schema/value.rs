//! Values: what the bytes of a field hold.
#![forbid(unsafe_code)]

use std::fmt;
use std::slice;

use crate::schema::field::{Field, Format, Kind};

/// A value of a payload. It borrows from the payload and the schema.
///
/// ```
/// use ringlog::schema::{Schema, Value};
///
/// let schema = Schema::parse(
///     br#"{"type":1,"name":"tick","size":5,"fields":[
///         {"name":"price","offset":0,"kind":"i32","scale":-2},
///         {"name":"side","offset":4,"kind":"u8","labels":{"1":"sell"}}],"tail":"none"}"#,
/// )?;
/// let decoded = schema.decode(&[210, 4, 0, 0, 1])?;
/// let Some(Value::Decimal(price)) = decoded.get("price") else { panic!("a number with a scale") };
/// assert_eq!((price.digits(), price.scale(), price.to_string()), (1234, -2, "12.34".into()));
/// assert_eq!(decoded.get("side"), Some(Value::Label { value: 1, name: "sell" }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Value<'a> {
    /// An unsigned integer without scale, or a labelled one whose value has no name.
    Unsigned(u64),
    /// A signed integer, as above.
    Signed(i64),
    /// A floating-point number of 32 bits.
    Float32(f32),
    /// A floating-point number of 64 bits.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// An integer with a scale.
    Decimal(Decimal),
    /// An integer whose value has a name.
    Label {
        /// The integer.
        value: i128,
        /// Its name.
        name: &'a str,
    },
    /// A moment in the unit of the log's clock.
    Timestamp(u64),
    /// Text, without the zero bytes after it.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Values of one format.
    Array(Items<'a>),
    /// Fields.
    Struct(Fields<'a>),
}

impl<'a> Value<'a> {
    /// Reads a value from its bytes, which were checked.
    pub(super) fn read(format: &'a Format, bytes: &'a [u8]) -> Self {
        let signed = |value: i64| match (format.scale, format.label(i128::from(value))) {
            (0, Some(name)) => Self::Label { value: i128::from(value), name },
            (0, None) => Self::Signed(value),
            (scale, _) => Self::Decimal(Decimal { digits: i128::from(value), scale }),
        };
        match &format.kind {
            Kind::U8 | Kind::U16 | Kind::U32 | Kind::U64 => {
                let value = word(bytes);
                match (format.scale, format.label(i128::from(value))) {
                    (0, Some(name)) => Self::Label { value: i128::from(value), name },
                    (0, None) => Self::Unsigned(value),
                    (scale, _) => Self::Decimal(Decimal { digits: i128::from(value), scale }),
                }
            }
            Kind::I8 => signed(i64::from(word(bytes) as i8)),
            Kind::I16 => signed(i64::from(word(bytes) as i16)),
            Kind::I32 => signed(i64::from(word(bytes) as i32)),
            Kind::I64 => signed(word(bytes) as i64),
            Kind::F32 => Self::Float32(f32::from_bits(word(bytes) as u32)),
            Kind::F64 => Self::Float(f64::from_bits(word(bytes))),
            Kind::Bool => Self::Bool(bytes[0] != 0),
            Kind::Timestamp => Self::Timestamp(word(bytes)),
            Kind::Text { .. } => Self::Text(std::str::from_utf8(text_of(bytes)).unwrap_or_default()),
            Kind::Bytes { .. } => Self::Bytes(bytes),
            Kind::Array { item, .. } => Self::Array(Items { item, bytes }),
            Kind::Struct { fields, .. } => Self::Struct(Fields::new(fields, bytes)),
        }
    }
}

/// Returns a little-endian number of up to 8 bytes.
fn word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

/// Returns the bytes before the first zero.
pub(super) fn text_of(bytes: &[u8]) -> &[u8] {
    &bytes[..memchr::memchr(0, bytes).unwrap_or(bytes.len())]
}

/// An integer with a scale, which is displayed exactly.
///
/// ```
/// use ringlog::schema::Decimal;
///
/// assert_eq!(Decimal::new(-10_125_000_000, -8).to_string(), "-101.25");
/// assert_eq!(Decimal::new(7, 3).to_string(), "7000");
/// assert_eq!(Decimal::new(5, -3).to_string(), "0.005");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Decimal {
    digits: i128,
    scale: i8,
}

impl Decimal {
    /// Returns `digits * 10^scale`.
    #[must_use]
    pub const fn new(digits: i128, scale: i8) -> Self {
        Self { digits, scale }
    }

    /// Returns the stored integer.
    #[must_use]
    pub const fn digits(self) -> i128 {
        self.digits
    }

    /// Returns the power of ten by which it is multiplied.
    #[must_use]
    pub const fn scale(self) -> i8 {
        self.scale
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.digits == 0 || self.scale == 0 {
            return write!(f, "{}", self.digits);
        }
        if self.scale > 0 {
            return write!(
                f,
                "{}{:0>width$}",
                self.digits,
                "",
                width = usize::from(self.scale.unsigned_abs())
            );
        }
        let sign = if self.digits < 0 { "-" } else { "" };
        let decimals = usize::from(self.scale.unsigned_abs());
        let digits = format!("{:0>width$}", self.digits.unsigned_abs(), width = decimals + 1);
        let (whole, fraction) = digits.split_at(digits.len() - decimals);
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{sign}{whole}"),
            fraction => write!(f, "{sign}{whole}.{fraction}"),
        }
    }
}

/// Iterates over the values of an array.
///
/// ```
/// use ringlog::schema::{Schema, Value};
///
/// let schema = Schema::parse(
///     br#"{"type":1,"name":"levels","size":3,"fields":[
///         {"name":"sizes","offset":0,"kind":"array","length":3,"item":{"kind":"u8"}}],"tail":"none"}"#,
/// )?;
/// let decoded = schema.decode(&[1, 2, 3])?;
/// let Some(Value::Array(sizes)) = decoded.get("sizes") else { panic!("an array") };
/// assert_eq!(sizes.last(), Some(Value::Unsigned(3)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Items<'a> {
    item: &'a Format,
    bytes: &'a [u8],
}

impl<'a> Iterator for Items<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        if self.bytes.is_empty() {
            return None;
        }
        let (first, rest) = self.bytes.split_at(self.item.kind.size());
        self.bytes = rest;
        Some(Value::read(self.item, first))
    }
}

/// Iterates over fields and their values.
///
/// ```
/// use ringlog::schema::{Schema, Value};
///
/// let schema = Schema::parse(
///     br#"{"type":1,"name":"tick","size":2,"fields":[
///         {"name":"a","offset":0,"kind":"u8"},{"name":"b","offset":1,"kind":"i8"}],"tail":"none"}"#,
/// )?;
/// let decoded = schema.decode(&[1, 255])?;
/// let values: Vec<_> = decoded.fields().map(|(field, value)| (field.name(), value)).collect();
/// assert_eq!(values, [("a", Value::Unsigned(1)), ("b", Value::Signed(-1))]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    fields: slice::Iter<'a, Field>,
    bytes: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(fields: &'a [Field], bytes: &'a [u8]) -> Self {
        Self { fields: fields.iter(), bytes }
    }
}

impl PartialEq for Fields<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.fields.as_slice() == other.fields.as_slice() && self.bytes == other.bytes
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a Field, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let field = self.fields.next()?;
        Some((field, Value::read(&field.format, &self.bytes[field.offset..field.end()])))
    }
}
