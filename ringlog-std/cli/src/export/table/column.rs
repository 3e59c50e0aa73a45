//! The columns of a table, which become arrays of Arrow.
#![forbid(unsafe_code)]

use std::mem;
use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, BooleanArray, Decimal128Array, DictionaryArray, Int16Array, PrimitiveArray,
    StringArray, TimestampNanosecondArray,
};
use arrow_schema::{DataType, TimeUnit};

use ringlog::event::ClockKind;
use ringlog::schema::{Format, Kind};

/// Digits of the largest decimal number.
const DIGITS_MAX: u8 = 38;

/// Numbers that are stored as they are in a payload.
macro_rules! numbers {
    ($($name:ident: $native:ty, $arrow:ident;)*) => {
        pub(super) enum Numbers { $($name(Vec<$native>),)* }

        impl Numbers {
            fn push(&mut self, bytes: &[u8]) {
                match self { $(Self::$name(values) => {
                    values.push(<$native>::from_le_bytes(bytes.first_chunk().copied().unwrap_or_default()));
                })* }
            }

            fn take(&mut self) -> ArrayRef {
                match self { $(Self::$name(values) => {
                    Arc::new(PrimitiveArray::<$arrow>::new(mem::take(values).into(), None))
                })* }
            }

            fn data_type(&self) -> DataType {
                match self { $(Self::$name(_) => <$arrow as ArrowPrimitiveType>::DATA_TYPE,)* }
            }
        }
    };
}

numbers! {
    U8: u8, UInt8Type;
    U16: u16, UInt16Type;
    U32: u32, UInt32Type;
    U64: u64, UInt64Type;
    I8: i8, Int8Type;
    I16: i16, Int16Type;
    I32: i32, Int32Type;
    I64: i64, Int64Type;
    F32: f32, Float32Type;
    F64: f64, Float64Type;
}

/// Names of the values of one byte. The names come first, then the numbers without one, as they are met.
pub(super) struct Labels {
    keys: Vec<i16>,
    /// The place of the name of each byte.
    places: [Option<i16>; 256],
    names: Vec<String>,
    /// The names as they were last written.
    array: Option<ArrayRef>,
}

impl Labels {
    fn push(&mut self, byte: u8, format: &Format) {
        let key = match self.places[usize::from(byte)] {
            Some(key) => key,
            None => self.add(byte, format),
        };
        self.keys.push(key);
    }

    #[cold]
    fn add(&mut self, byte: u8, format: &Format) -> i16 {
        let name = text_of(format, integer(format.kind(), &[byte]));
        let known = self.names.iter().position(|it| *it == name);
        let place = known.unwrap_or_else(|| {
            self.names.push(name);
            self.array = None;
            self.names.len() - 1
        });
        // There are no more names than bytes and labels of bytes.
        let key = i16::try_from(place).unwrap_or(i16::MAX);
        self.places[usize::from(byte)] = Some(key);
        key
    }

    fn take(&mut self) -> ArrayRef {
        let names = self.array.get_or_insert_with(|| Arc::new(StringArray::from_iter_values(&self.names)));
        let keys = Int16Array::from(mem::take(&mut self.keys));
        Arc::new(DictionaryArray::new(keys, Arc::clone(names)))
    }
}

/// Values of a column.
pub(super) enum Cells {
    Numbers(Numbers),
    Bools(Vec<bool>),
    /// Integers times a power of ten that the type does not have, and its precision and scale.
    Decimals {
        values: Vec<i128>,
        times: i128,
        precision: u8,
        scale: i8,
    },
    /// Nanoseconds since 1970, and how many are past the year 2262.
    Times {
        values: Vec<Option<i64>>,
        unheld: u64,
    },
    Labels(Box<Labels>),
    /// Numbers with names, or with more digits than a number of Arrow has.
    Words(StringBuilder),
    Texts(StringBuilder),
    Bytes(BinaryBuilder),
    Counts(Vec<Option<u64>>),
}

impl Cells {
    /// Returns the cells for values of this format in a log with this clock.
    pub(super) fn of(format: &Format, clock: ClockKind) -> Self {
        let is_byte = matches!(format.kind(), Kind::U8 | Kind::I8);
        let has_labels = format.labels().next().is_some() && format.scale() == 0;
        match format.kind() {
            kind if kind.integer_range().is_some() && format.scale() != 0 => {
                Self::decimals(kind, format.scale())
            }
            _ if has_labels && is_byte => Self::Labels(Box::new(Labels {
                keys: Vec::new(),
                places: [None; 256],
                names: format.labels().map(|(_, name)| name.to_owned()).collect(),
                array: None,
            })),
            _ if has_labels => Self::Words(StringBuilder::new()),
            Kind::U8 => Self::Numbers(Numbers::U8(Vec::new())),
            Kind::U16 => Self::Numbers(Numbers::U16(Vec::new())),
            Kind::U32 => Self::Numbers(Numbers::U32(Vec::new())),
            Kind::U64 => Self::numbers_64(),
            Kind::I8 => Self::Numbers(Numbers::I8(Vec::new())),
            Kind::I16 => Self::Numbers(Numbers::I16(Vec::new())),
            Kind::I32 => Self::Numbers(Numbers::I32(Vec::new())),
            Kind::I64 => Self::Numbers(Numbers::I64(Vec::new())),
            Kind::F32 => Self::Numbers(Numbers::F32(Vec::new())),
            Kind::F64 => Self::Numbers(Numbers::F64(Vec::new())),
            Kind::Bool => Self::Bools(Vec::new()),
            Kind::Timestamp => Self::times(clock),
            Kind::Text { .. } => Self::Texts(StringBuilder::new()),
            // Bytes: what has parts is no leaf.
            _ => Self::Bytes(BinaryBuilder::new()),
        }
    }

    pub(super) const fn numbers_64() -> Self {
        Self::Numbers(Numbers::U64(Vec::new()))
    }

    pub(super) const fn small_numbers() -> Self {
        Self::Numbers(Numbers::U8(Vec::new()))
    }

    /// Returns the cells for times of this clock: dates if it has them.
    pub(super) const fn times(clock: ClockKind) -> Self {
        match clock {
            ClockKind::UnixNanos => Self::Times { values: Vec::new(), unheld: 0 },
            _ => Self::numbers_64(),
        }
    }

    fn decimals(kind: &Kind, power: i8) -> Self {
        let digits: u8 = match kind.size() {
            1 => 3,
            2 => 5,
            4 => 10,
            _ => 20,
        };
        // `i64` has one digit less than `u64`.
        let digits = if *kind == Kind::I64 { 19 } else { digits };
        let (times, precision, scale) = match power {
            1.. => (
                10_i128.checked_pow(u32::from(power.unsigned_abs())),
                digits.saturating_add(power.unsigned_abs()),
                0,
            ),
            _ => (Some(1), digits.max(power.unsigned_abs()), power.saturating_neg()),
        };
        match times.filter(|_| precision <= DIGITS_MAX) {
            Some(times) => Self::Decimals { values: Vec::new(), times, precision, scale },
            None => Self::Words(StringBuilder::new()),
        }
    }

    pub(super) fn data_type(&self) -> DataType {
        match self {
            Self::Numbers(numbers) => numbers.data_type(),
            Self::Bools(_) => DataType::Boolean,
            Self::Decimals { precision, scale, .. } => DataType::Decimal128(*precision, *scale),
            Self::Times { .. } => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
            Self::Labels(_) => DataType::Dictionary(Box::new(DataType::Int16), Box::new(DataType::Utf8)),
            Self::Words(_) | Self::Texts(_) => DataType::Utf8,
            Self::Bytes(_) => DataType::Binary,
            Self::Counts(_) => DataType::UInt64,
        }
    }

    /// Whether a cell may have no value.
    pub(super) const fn is_nullable(&self) -> bool {
        matches!(self, Self::Times { .. } | Self::Counts(_))
    }

    /// Adds the value in these bytes, which fit the format.
    pub(super) fn push(&mut self, bytes: &[u8], format: &Format) {
        match self {
            Self::Numbers(numbers) => numbers.push(bytes),
            Self::Bools(values) => values.push(bytes.first().is_some_and(|&byte| byte != 0)),
            Self::Decimals { values, times, .. } => values.push(integer(format.kind(), bytes) * *times),
            Self::Times { .. } | Self::Counts(_) => self.push_number(integer(&Kind::U64, bytes) as u64),
            Self::Labels(labels) => labels.push(bytes.first().copied().unwrap_or(0), format),
            Self::Words(words) => words.append_value(text_of(format, integer(format.kind(), bytes))),
            Self::Texts(texts) => texts.append_value(text_in(bytes)),
            Self::Bytes(values) => values.append_value(bytes),
        }
    }

    /// Adds a number of 64 bits, or a time.
    pub(super) fn push_number(&mut self, number: u64) {
        match self {
            Self::Times { values, unheld } => {
                let time = i64::try_from(number).ok();
                *unheld += u64::from(time.is_none());
                values.push(time);
            }
            Self::Numbers(Numbers::U64(values)) => values.push(number),
            Self::Numbers(Numbers::U8(values)) => values.push(number as u8),
            Self::Counts(values) => values.push(Some(number)),
            _ => {}
        }
    }

    /// Adds a cell without a value.
    pub(super) fn push_nothing(&mut self) {
        match self {
            Self::Times { values, .. } => values.push(None),
            Self::Counts(values) => values.push(None),
            _ => self.push_number(0),
        }
    }

    pub(super) fn push_text(&mut self, text: &str) {
        if let Self::Texts(texts) = self {
            texts.append_value(text);
        }
    }

    pub(super) fn push_bytes(&mut self, bytes: &[u8]) {
        if let Self::Bytes(values) = self {
            values.append_value(bytes);
        }
    }

    /// Returns how many cells have no value because the type cannot hold it.
    pub(super) const fn unheld(&self) -> u64 {
        match self {
            Self::Times { unheld, .. } => *unheld,
            _ => 0,
        }
    }

    /// Returns the values as an array, and begins anew.
    pub(super) fn take(&mut self) -> ArrayRef {
        let data_type = self.data_type();
        match self {
            Self::Numbers(numbers) => numbers.take(),
            Self::Bools(values) => Arc::new(BooleanArray::from(mem::take(values))),
            Self::Decimals { values, .. } => {
                Arc::new(Decimal128Array::new(mem::take(values).into(), None).with_data_type(data_type))
            }
            Self::Times { values, .. } => {
                Arc::new(TimestampNanosecondArray::from(mem::take(values)).with_timezone("UTC"))
            }
            Self::Labels(labels) => labels.take(),
            Self::Words(texts) | Self::Texts(texts) => Arc::new(texts.finish()),
            Self::Bytes(values) => Arc::new(values.finish()),
            Self::Counts(values) => Arc::new(PrimitiveArray::<UInt64Type>::from(mem::take(values))),
        }
    }
}

/// Returns the name of a value, or the number with its scale.
fn text_of(format: &Format, value: i128) -> String {
    match format.label(value).filter(|_| format.scale() == 0) {
        Some(name) => name.to_owned(),
        None => ringlog::schema::Decimal::new(value, format.scale()).to_string(),
    }
}

fn integer(kind: &Kind, bytes: &[u8]) -> i128 {
    let mut word = [0; 8];
    let len = bytes.len().min(8);
    word[..len].copy_from_slice(&bytes[..len]);
    let word = u64::from_le_bytes(word);
    match kind {
        Kind::I8 => i128::from(word as i8),
        Kind::I16 => i128::from(word as i16),
        Kind::I32 => i128::from(word as i32),
        Kind::I64 => i128::from(word as i64),
        _ => i128::from(word),
    }
}

/// Returns the text before the first zero; it was checked.
fn text_in(bytes: &[u8]) -> &str {
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    std::str::from_utf8(&bytes[..end]).unwrap_or_default()
}
