//! The schema of one type.
#![forbid(unsafe_code)]

use crate::schema::field::{Field, write_fields};
use crate::schema::json::{ObjectWriter, Unknown};

/// What may follow the fixed part of a payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Tail {
    /// Nothing: a payload has exactly the type's size.
    None,
    /// Bytes without a further meaning.
    Bytes,
    /// Text in UTF-8.
    Text,
    /// One data item of CBOR (RFC 8949).
    Cbor,
}

impl Tail {
    /// Returns the word for it in a schema.
    ///
    /// ```
    /// assert_eq!(ringlog::schema::Tail::Cbor.name(), "cbor");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Bytes => "bytes",
            Self::Text => "text",
            Self::Cbor => "cbor",
        }
    }
}

/// What the payloads of one type mean. It is the content of a META record.
///
/// ```
/// use ringlog::schema::{Schema, Tail};
///
/// let meta = br#"{"type":1,"name":"order_add","size":16,"fields":[{"name":"id","offset":0,"kind":"u64"},{"name":"price","offset":8,"kind":"i64","scale":-8,"unit":"USD"}],"tail":"text"}"#;
/// let schema = Schema::parse(meta)?;
/// assert_eq!((schema.number(), schema.name(), schema.size()), (1, "order_add", 16));
/// assert_eq!(schema.fields()[1].format().unit(), Some("USD"));
/// assert_eq!(schema.tail(), Tail::Text);
/// assert_eq!(schema.to_json().as_bytes(), meta);
///
/// let payload = [7_u64.to_le_bytes(), 10_125_000_000_u64.to_le_bytes()].concat();
/// assert_eq!(schema.decode(&payload)?.to_string(), "id=7 price=101.25 tail=\"\"");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schema {
    pub(super) number: u8,
    pub(super) name: String,
    pub(super) size: usize,
    pub(super) fields: Vec<Field>,
    pub(super) tail: Tail,
    pub(super) unknown: Unknown,
}

impl Schema {
    /// Returns the type's number, the `event_type` of its records.
    #[must_use]
    pub const fn number(&self) -> u8 {
        self.number
    }

    /// Returns the type's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the length of the fixed part of a payload in bytes.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Returns the fields, as the schema lists them.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Returns what may follow the fixed part.
    #[must_use]
    pub const fn tail(&self) -> Tail {
        self.tail
    }

    /// Returns the JSON of a META record: keys in the fixed order, then those that this version does not know, no spaces.
    ///
    /// ```
    /// use ringlog::schema::Schema;
    ///
    /// let schema = Schema::parse(br#"{ "about": [1, 2], "size": 0, "name": "tick", "type": 7, "fields": [] }"#)?;
    /// assert_eq!(schema.to_json(), r#"{"type":7,"name":"tick","size":0,"fields":[],"tail":"none","about":[1,2]}"#);
    /// # Ok::<(), ringlog::schema::SchemaError>(())
    /// ```
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = String::new();
        self.write_json(&mut json);
        json
    }

    pub(super) fn write_json(&self, out: &mut String) {
        let mut object = ObjectWriter::begin(out);
        object.number("type", self.number);
        object.text("name", &self.name);
        object.number("size", self.size);
        write_fields(&mut object, &self.fields);
        object.text("tail", self.tail.name());
        object.end(&self.unknown);
    }
}
