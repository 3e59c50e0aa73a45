//! What an expression comes to for the events of one type: loads and comparisons, without names.
//!
//! Negations are in the comparisons. A comparison whose field an event lacks is false, negated or not, so an expression
//! is true only if it is true for all values that the missing fields could have.
#![forbid(unsafe_code)]

use memchr::memmem::Finder;

use crate::event::Event;
use crate::schema::value::text_of;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Program {
    Constant(bool),
    Test(Test),
    All(Box<[Program]>),
    Any(Box<[Program]>),
}

/// One comparison.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Test {
    pub(super) check: Check,
    pub(super) is_negated: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Check {
    /// The key of an integer is in a range.
    Range {
        load: Load,
        least: u64,
        most: u64,
    },
    /// The key of an integer is one of these, which are sorted.
    OneOf {
        load: Load,
        keys: Box<[u64]>,
    },
    /// A floating-point number compares so with all or one of some numbers.
    Float {
        load: FloatLoad,
        order: Order,
        bits: Box<[u64]>,
    },
    /// Bytes compare so with some bytes.
    Bytes {
        load: BytesLoad,
        order: Order,
        literal: Box<[u8]>,
    },
    /// Bytes are one of these.
    BytesOneOf {
        load: BytesLoad,
        literals: Box<[Box<[u8]>]>,
    },
    StartsWith {
        load: BytesLoad,
        literal: Box<[u8]>,
    },
    Contains {
        load: BytesLoad,
        literal: Needle,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    fn holds<T: PartialOrd + ?Sized>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

/// Bytes that are looked for, prepared.
#[derive(Clone, Debug)]
pub(super) struct Needle(Box<Finder<'static>>);

impl Needle {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self(Box::new(Finder::new(bytes).into_owned()))
    }
}

impl PartialEq for Needle {
    fn eq(&self, other: &Self) -> bool {
        self.0.needle() == other.0.needle()
    }
}

impl Eq for Needle {}

/// Which payloads have the fields of a type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Fit {
    pub(super) size: usize,
    pub(super) has_tail: bool,
}

impl Fit {
    const fn fits(self, payload: &[u8]) -> bool {
        payload.len() == self.size || (self.has_tail && payload.len() > self.size)
    }
}

/// An integer and where it is. Its *key* is an unsigned number in the same order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Load {
    Timestamp,
    Sequence,
    Len,
    Field { fit: Fit, offset: usize, width: Width },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Width {
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    Bool,
}

/// Returns the key of a signed integer.
pub(super) const fn signed_key(value: i64) -> u64 {
    value as u64 ^ (1 << 63)
}

impl Load {
    #[inline]
    fn key(self, event: &Event<'_>) -> Option<u64> {
        let (fit, offset, width) = match self {
            Self::Field { fit, offset, width } => (fit, offset, width),
            Self::Timestamp => return Some(event.header.timestamp),
            Self::Sequence => return Some(event.sequence),
            Self::Len => return Some(event.payload.len() as u64),
        };
        if !fit.fits(event.payload) {
            return None;
        }
        let bytes = event.payload.get(offset..)?;
        Some(match width {
            Width::U8 => u64::from(*bytes.first()?),
            Width::U16 => u64::from(u16::from_le_bytes(*bytes.first_chunk()?)),
            Width::U32 => u64::from(u32::from_le_bytes(*bytes.first_chunk()?)),
            Width::U64 => u64::from_le_bytes(*bytes.first_chunk()?),
            Width::I8 => signed_key(i64::from(i8::from_le_bytes(*bytes.first_chunk()?))),
            Width::I16 => signed_key(i64::from(i16::from_le_bytes(*bytes.first_chunk()?))),
            Width::I32 => signed_key(i64::from(i32::from_le_bytes(*bytes.first_chunk()?))),
            Width::I64 => signed_key(i64::from_le_bytes(*bytes.first_chunk()?)),
            Width::Bool => match *bytes.first()? {
                byte @ 0..=1 => u64::from(byte),
                _ => return None,
            },
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FloatLoad {
    pub(super) fit: Fit,
    pub(super) offset: usize,
    pub(super) is_double: bool,
}

impl FloatLoad {
    fn number(self, event: &Event<'_>) -> Option<f64> {
        if !self.fit.fits(event.payload) {
            return None;
        }
        let bytes = event.payload.get(self.offset..)?;
        Some(if self.is_double {
            f64::from_le_bytes(*bytes.first_chunk()?)
        } else {
            f64::from(f32::from_le_bytes(*bytes.first_chunk()?))
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BytesLoad {
    /// All of the bytes.
    Bytes { fit: Fit, offset: usize, length: usize },
    /// The bytes before the first zero.
    Text { fit: Fit, offset: usize, length: usize },
    /// What follows the fixed part.
    Tail { fit: Fit },
}

impl BytesLoad {
    fn bytes<'a>(self, event: &Event<'a>) -> Option<&'a [u8]> {
        let (Self::Bytes { fit, .. } | Self::Text { fit, .. } | Self::Tail { fit }) = self;
        if !fit.fits(event.payload) {
            return None;
        }
        match self {
            Self::Bytes { offset, length, .. } => event.payload.get(offset..offset + length),
            Self::Text { offset, length, .. } => event.payload.get(offset..offset + length).map(text_of),
            Self::Tail { fit } => event.payload.get(fit.size..),
        }
    }
}

impl Program {
    #[inline]
    pub(super) fn selects(&self, event: &Event<'_>) -> bool {
        match self {
            Self::Constant(value) => *value,
            Self::Test(test) => test.holds(event),
            Self::All(parts) => parts.iter().all(|part| part.selects(event)),
            Self::Any(parts) => parts.iter().any(|part| part.selects(event)),
        }
    }

    /// Joins programs with `&&`, or with `||`.
    pub(super) fn join(parts: Vec<Self>, is_any: bool) -> Self {
        let mut kept = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                // True for `||`, false for `&&`: the others do not count.
                Self::Constant(value) if value == is_any => return Self::Constant(value),
                Self::Constant(_) => {}
                other => kept.push(other),
            }
        }
        match kept.pop() {
            None => Self::Constant(!is_any),
            Some(only) if kept.is_empty() => only,
            Some(last) => {
                kept.push(last);
                if is_any { Self::Any(kept.into()) } else { Self::All(kept.into()) }
            }
        }
    }
}

impl Test {
    #[inline]
    fn holds(&self, event: &Event<'_>) -> bool {
        self.check.holds(event).is_some_and(|holds| holds != self.is_negated)
    }
}

impl Check {
    /// Returns `None` if the event lacks the field.
    #[inline]
    fn holds(&self, event: &Event<'_>) -> Option<bool> {
        Some(match self {
            Self::Range { load, least, most } => (*least..=*most).contains(&load.key(event)?),
            Self::OneOf { load, keys } => keys.binary_search(&load.key(event)?).is_ok(),
            Self::Float { load, order, bits } => {
                let number = load.number(event)?;
                bits.iter().any(|&bits| order.holds(&number, &f64::from_bits(bits)))
            }
            Self::Bytes { load, order, literal } => order.holds(load.bytes(event)?, literal),
            Self::BytesOneOf { load, literals } => {
                let bytes = load.bytes(event)?;
                literals.iter().any(|literal| **literal == *bytes)
            }
            Self::StartsWith { load, literal } => load.bytes(event)?.starts_with(literal),
            Self::Contains { load, literal } => literal.0.find(load.bytes(event)?).is_some(),
        })
    }
}
