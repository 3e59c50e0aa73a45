//! What a field holds: its kind, and how its value is shown.
#![forbid(unsafe_code)]

use crate::schema::json::{ObjectWriter, Unknown};

/// What the bytes of a value mean. All numbers are little-endian.
///
/// ```
/// use ringlog::schema::Kind;
///
/// assert_eq!((Kind::U16.size(), Kind::U16.name()), (2, "u16"));
/// assert_eq!(Kind::Text { length: 12 }.size(), 12);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// An unsigned integer of 8 bits.
    U8,
    /// An unsigned integer of 16 bits.
    U16,
    /// An unsigned integer of 32 bits.
    U32,
    /// An unsigned integer of 64 bits.
    U64,
    /// A signed integer of 8 bits.
    I8,
    /// A signed integer of 16 bits.
    I16,
    /// A signed integer of 32 bits.
    I32,
    /// A signed integer of 64 bits.
    I64,
    /// An IEEE 754 number of 32 bits.
    F32,
    /// An IEEE 754 number of 64 bits.
    F64,
    /// A byte, 0 or 1.
    Bool,
    /// An unsigned integer of 64 bits, in the unit of the log's clock.
    Timestamp,
    /// Text in UTF-8, which ends before the first zero byte or fills its place.
    Text {
        /// Length in bytes.
        length: usize,
    },
    /// Bytes without a further meaning.
    Bytes {
        /// Length in bytes.
        length: usize,
    },
    /// Values of one format, one after the other.
    Array {
        /// Number of values.
        length: usize,
        /// What each of them is.
        item: Box<Format>,
    },
    /// Fields with offsets from its start.
    Struct {
        /// Length in bytes.
        size: usize,
        /// The fields.
        fields: Vec<Field>,
    },
}

impl Kind {
    /// Returns the word for it in a schema.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Bool => "bool",
            Self::Timestamp => "timestamp",
            Self::Text { .. } => "text",
            Self::Bytes { .. } => "bytes",
            Self::Array { .. } => "array",
            Self::Struct { .. } => "struct",
        }
    }

    /// Returns how many bytes a value takes.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 | Self::Timestamp => 8,
            Self::Text { length } | Self::Bytes { length } => *length,
            Self::Array { length, item } => length * item.kind.size(),
            Self::Struct { size, .. } => *size,
        }
    }

    /// Returns the least and the largest value of an integer kind; `None` for other kinds.
    ///
    /// ```
    /// use ringlog::schema::Kind;
    ///
    /// assert_eq!(Kind::I8.integer_range(), Some((-128, 127)));
    /// assert_eq!(Kind::F64.integer_range(), None);
    /// ```
    #[must_use]
    pub const fn integer_range(&self) -> Option<(i128, i128)> {
        Some(match self {
            Self::U8 => (0, u8::MAX as i128),
            Self::U16 => (0, u16::MAX as i128),
            Self::U32 => (0, u32::MAX as i128),
            Self::U64 => (0, u64::MAX as i128),
            Self::I8 => (i8::MIN as i128, i8::MAX as i128),
            Self::I16 => (i16::MIN as i128, i16::MAX as i128),
            Self::I32 => (i32::MIN as i128, i32::MAX as i128),
            Self::I64 => (i64::MIN as i128, i64::MAX as i128),
            _ => return None,
        })
    }
}

/// The kind of a value, with its scale, unit and labels.
///
/// ```
/// use ringlog::schema::{Kind, Schema};
///
/// let schema = Schema::parse(
///     br#"{"type":1,"name":"tick","size":8,"fields":[
///         {"name":"price","offset":0,"kind":"u32","scale":-2,"unit":"USD"},
///         {"name":"side","offset":4,"kind":"u8","labels":{"0":"buy","1":"sell"}}],"tail":"none"}"#,
/// )?;
/// let [price, side] = schema.fields() else { panic!("two fields") };
/// assert_eq!((price.format().scale(), price.format().unit()), (-2, Some("USD")));
/// assert_eq!(*side.format().kind(), Kind::U8);
/// assert_eq!((side.format().label(1), side.format().label(2)), (Some("sell"), None));
/// assert_eq!(side.format().labels().collect::<Vec<_>>(), [(0, "buy"), (1, "sell")]);
/// # Ok::<(), ringlog::schema::SchemaError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Format {
    pub(super) kind: Kind,
    pub(super) scale: i8,
    pub(super) unit: Option<String>,
    pub(super) labels: Labels,
    pub(super) unknown: Unknown,
}

impl Format {
    /// Returns what the bytes mean.
    #[must_use]
    pub const fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Returns the power of ten by which a stored integer is multiplied; 0 for none.
    #[must_use]
    pub const fn scale(&self) -> i8 {
        self.scale
    }

    /// Returns the unit of the value, such as `USD`.
    #[must_use]
    pub fn unit(&self) -> Option<&str> {
        self.unit.as_deref()
    }

    /// Returns the values that have a name, and their names, as the schema lists them.
    pub fn labels(&self) -> impl Iterator<Item = (i128, &str)> {
        self.labels.given.iter().map(|(value, name)| (*value, name.as_str()))
    }

    /// Returns the name of a value.
    #[must_use]
    pub fn label(&self, value: i128) -> Option<&str> {
        let at = self.labels.by_value.binary_search_by_key(&value, |&(value, _)| value).ok()?;
        let (_, place) = self.labels.by_value[at];
        Some(&self.labels.given[place].1)
    }

    /// Returns the value with this name.
    pub(super) fn labelled(&self, name: &str) -> Option<i128> {
        self.labels.given.iter().find(|(_, label)| label == name).map(|&(value, _)| value)
    }

    pub(super) fn write_members(&self, object: &mut ObjectWriter<'_>) {
        object.text("kind", self.kind.name());
        match &self.kind {
            Kind::Text { length } | Kind::Bytes { length } => object.number("length", length),
            Kind::Array { length, item } => {
                object.number("length", length);
                let mut element = ObjectWriter::begin(object.key("item"));
                item.write_members(&mut element);
                element.end(&item.unknown);
            }
            Kind::Struct { size, fields } => {
                object.number("size", size);
                write_fields(object, fields);
            }
            _ => {}
        }
        if self.scale != 0 {
            object.number("scale", self.scale);
        }
        if let Some(unit) = &self.unit {
            object.text("unit", unit);
        }
        if !self.labels.given.is_empty() {
            let mut labels = ObjectWriter::begin(object.key("labels"));
            for (value, name) in &self.labels.given {
                labels.text(&value.to_string(), name);
            }
            labels.end(&Unknown::new());
        }
    }
}

/// Names of values, in the order of the schema and in that of the values.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Labels {
    given: Vec<(i128, String)>,
    by_value: Vec<(i128, usize)>,
}

impl Labels {
    pub(super) const NONE: Self = Self { given: Vec::new(), by_value: Vec::new() };

    /// The values are unique.
    pub(super) fn new(given: Vec<(i128, String)>) -> Self {
        let mut by_value: Vec<_> = given.iter().enumerate().map(|(at, &(value, _))| (value, at)).collect();
        by_value.sort_unstable();
        Self { given, by_value }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.given.is_empty()
    }
}

/// A named value at an offset.
///
/// ```
/// use ringlog::schema::{Kind, Schema};
///
/// let schema = Schema::parse(
///     br#"{"type":1,"name":"tick","size":8,"fields":[{"name":"id","offset":4,"kind":"u32"}],"tail":"none"}"#,
/// )?;
/// let field = &schema.fields()[0];
/// assert_eq!((field.name(), field.offset(), field.format().kind()), ("id", 4, &Kind::U32));
/// # Ok::<(), ringlog::schema::SchemaError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    pub(super) name: String,
    pub(super) offset: usize,
    pub(super) format: Format,
}

impl Field {
    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its offset in bytes from the start of the payload, or of the struct that it is in.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Returns what it holds.
    #[must_use]
    pub const fn format(&self) -> &Format {
        &self.format
    }

    /// Returns the offset of the byte after it.
    pub(super) fn end(&self) -> usize {
        self.offset + self.format.kind.size()
    }
}

/// Writes the member `fields`.
pub(super) fn write_fields(object: &mut ObjectWriter<'_>, fields: &[Field]) {
    let out = object.key("fields");
    out.push('[');
    for (at, field) in fields.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        let mut member = ObjectWriter::begin(out);
        member.text("name", &field.name);
        member.number("offset", field.offset);
        field.format.write_members(&mut member);
        member.end(&field.format.unknown);
    }
    out.push(']');
}
