//! What the log says of a payload: the JSON of a META record, made at compile time.
#![forbid(unsafe_code)]

use crate::format::header::MAX_PAYLOAD;

/// How many arrays and structs may be nested in an event, plus one.
const MAX_DEPTH: usize = 9;

/// What follows the fixed part of a payload.
///
/// ```
/// use ringlog_nostd::{Payload, Tail, event};
///
/// #[event(type = 1, tail = "text")]
/// struct Message {
///     level: u8,
/// }
///
/// assert_eq!(Message::TAIL, Tail::Text);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Tail {
    /// Nothing.
    None,
    /// Bytes of any meaning.
    Bytes,
    /// A text in UTF-8.
    Text,
    /// A value in CBOR.
    Cbor,
}

/// What a field holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A number or a `bool`: its name in the log, and whether it is an integer.
    Plain {
        /// The name.
        name: &'static str,
        /// Whether a scale makes sense.
        is_integer: bool,
    },
    /// A time of the log's clock, as an integer with this name.
    Timestamp,
    /// Bytes, or a text with zeros at its end.
    Characters {
        /// `bytes` or `text`.
        name: &'static str,
        /// Length in bytes.
        len: usize,
    },
    /// A byte that has names.
    Labels(&'static [(u8, &'static str)]),
    /// Elements of one kind.
    Array {
        /// What each of them is.
        element: &'static Self,
        /// Their number.
        len: usize,
    },
    /// A struct in the struct.
    Struct {
        /// Its length in bytes.
        size: usize,
        /// Its fields.
        fields: &'static [Field],
    },
}

impl Kind {
    /// The kind that follows from the type.
    pub const fn by_type(self) -> Self {
        assert!(
            !matches!(self, Self::Array { len: 0, .. } | Self::Struct { size: 0, .. }),
            "a field without bytes says nothing: remove it"
        );
        match self {
            Self::Array { element: Self::Plain { name, .. }, len } if is_u8(name) => {
                Self::Characters { name: "bytes", len }
            }
            other => other,
        }
    }

    /// The kind of a field with `kind = "timestamp"`.
    pub const fn timestamp(self) -> Self {
        match self {
            Self::Plain { name, is_integer: true } if is_u64(name) => Self::Timestamp,
            _ => panic!("a field of the kind \"timestamp\" is a `u64`: change its type, or remove the kind"),
        }
    }

    /// The kind of a field with `kind = "text"`.
    pub const fn text(self) -> Self {
        match self.by_type() {
            Self::Characters { len, .. } => Self::Characters { name: "text", len },
            _ => panic!("a field of the kind \"text\" is a `[u8; N]`: change its type, or remove the kind"),
        }
    }

    /// The kind of a field with `kind = "bytes"`.
    pub const fn bytes(self) -> Self {
        match self.by_type() {
            Self::Characters { len, .. } => Self::Characters { name: "bytes", len },
            _ => panic!("a field of the kind \"bytes\" is a `[u8; N]`: change its type, or remove the kind"),
        }
    }

    /// Returns the length in bytes.
    pub const fn size(self) -> usize {
        match self {
            Self::Plain { name, .. } => match name.as_bytes() {
                b"u16" | b"i16" => 2,
                b"u32" | b"i32" | b"f32" => 4,
                b"u64" | b"i64" | b"f64" => 8,
                _ => 1,
            },
            Self::Timestamp => 8,
            Self::Labels(_) => 1,
            Self::Characters { len, .. } => len,
            Self::Array { element, len } => element.size() * len,
            Self::Struct { size, .. } => size,
        }
    }

    /// Whether a number of this kind can be a multiple of a power of ten.
    const fn is_scalable(self) -> bool {
        match self {
            Self::Plain { is_integer, .. } => is_integer,
            Self::Array { element, .. } => element.is_scalable(),
            _ => false,
        }
    }
}

/// `==` of texts is not `const`.
const fn is_u8(name: &str) -> bool {
    matches!(name.as_bytes(), b"u8")
}

const fn is_u64(name: &str) -> bool {
    matches!(name.as_bytes(), b"u64")
}

/// A field of a struct.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Where it begins in the struct.
    pub offset: usize,
    /// What it holds.
    pub kind: Kind,
    /// The power of ten that its number is multiplied by.
    pub scale: i8,
    /// Escaped for JSON.
    unit: Option<&'static str>,
    /// Whether it is zero where a log lacks it.
    pub has_default: bool,
}

impl Field {
    /// Describes a field.
    pub const fn new(name: &'static str, offset: usize, kind: Kind) -> Self {
        Self { name, offset, kind, scale: 0, unit: None, has_default: false }
    }

    /// The same field, whose value is its number times `10^scale`.
    pub const fn scaled(mut self, scale: i8) -> Self {
        assert!(
            scale == 0 || self.kind.is_scalable(),
            "`scale` is for integers: change the field's type, or remove the scale"
        );
        self.scale = scale;
        self
    }

    /// The same field, which is zero where a log lacks it.
    pub const fn or_zero(mut self) -> Self {
        self.has_default = true;
        self
    }

    /// The same field with a unit, which is escaped for JSON.
    pub const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = Some(unit);
        self
    }
}

/// A type of events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Description {
    /// Its number.
    pub event_type: u8,
    /// Its name.
    pub name: &'static str,
    /// The length of its fixed part.
    pub size: usize,
    /// Its fields, by offset.
    pub fields: &'static [Field],
    /// What follows the fixed part.
    pub tail: Tail,
}

impl Description {
    /// Returns the length of the JSON.
    pub const fn json_len(&self) -> usize {
        let mut json = Json { bytes: [0; 0], len: 0 };
        json.event(self);
        assert!(
            json.len <= MAX_PAYLOAD,
            "the description of this event is longer than 65,535 bytes: give it fewer fields, or shorter names"
        );
        json.len
    }

    /// Returns the JSON, which has `N` bytes.
    pub const fn to_json<const N: usize>(&self) -> [u8; N] {
        let mut json = Json { bytes: [0; N], len: 0 };
        json.event(self);
        assert!(json.len == N);
        json.bytes
    }
}

/// Writes JSON into `N` bytes. Counts all that it was given, also what does not fit.
struct Json<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Json<N> {
    const fn event(&mut self, event: &Description) {
        self.text("{\"type\":");
        self.number(event.event_type as usize);
        self.text(",\"name\":\"");
        self.text(event.name);
        self.text("\",\"size\":");
        self.number(event.size);
        self.fields(event.fields, MAX_DEPTH);
        self.text(match event.tail {
            Tail::None => ",\"tail\":\"none\"}",
            Tail::Bytes => ",\"tail\":\"bytes\"}",
            Tail::Text => ",\"tail\":\"text\"}",
            Tail::Cbor => ",\"tail\":\"cbor\"}",
        });
    }

    const fn fields(&mut self, fields: &[Field], depth: usize) {
        self.text(",\"fields\":[");
        let mut rest = fields;
        while let [field, after @ ..] = rest {
            self.text("{\"name\":\"");
            self.text(field.name);
            self.text("\",\"offset\":");
            self.number(field.offset);
            self.text(",");
            self.value(field.kind, field.scale, field.unit, depth);
            self.text(if after.is_empty() { "}" } else { "}," });
            rest = after;
        }
        self.text("]");
    }

    /// Describes a field or an element of an array: its kind, and how the value is shown.
    const fn value(&mut self, kind: Kind, scale: i8, unit: Option<&str>, depth: usize) {
        assert!(depth > 0, "the event nests more than 8 arrays and structs: use fewer");
        self.text("\"kind\":\"");
        match kind.by_type() {
            Kind::Plain { name, .. } => {
                self.text(name);
                self.text("\"");
            }
            Kind::Timestamp => self.text("timestamp\""),
            Kind::Labels(_) => self.text("u8\""),
            Kind::Characters { name, len } => {
                self.text(name);
                self.text("\",\"length\":");
                self.number(len);
            }
            Kind::Array { element, len } => {
                self.text("array\",\"length\":");
                self.number(len);
                self.text(",\"item\":{");
                // Scale and unit are those of each element.
                self.value(*element, scale, unit, depth - 1);
                self.text("}");
                return;
            }
            Kind::Struct { size, fields } => {
                self.text("struct\",\"size\":");
                self.number(size);
                self.fields(fields, depth - 1);
            }
        }
        if scale != 0 {
            self.text(if scale < 0 { ",\"scale\":-" } else { ",\"scale\":" });
            self.number(scale.unsigned_abs() as usize);
        }
        if let Some(unit) = unit {
            self.text(",\"unit\":\"");
            self.text(unit);
            self.text("\"");
        }
        if let Kind::Labels(labels) = kind {
            self.labels(labels);
        }
    }

    const fn labels(&mut self, labels: &[(u8, &str)]) {
        self.text(",\"labels\":{");
        let mut rest = labels;
        while let [(value, label), after @ ..] = rest {
            self.text("\"");
            self.number(*value as usize);
            self.text("\":\"");
            self.text(label);
            self.text(if after.is_empty() { "\"" } else { "\"," });
            rest = after;
        }
        self.text("}");
    }

    const fn number(&mut self, number: usize) {
        if number >= 10 {
            self.number(number / 10);
        }
        self.byte(b'0' + (number % 10) as u8);
    }

    const fn text(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        while let [first, after @ ..] = rest {
            self.byte(*first);
            rest = after;
        }
    }

    #[expect(clippy::indexing_slicing, reason = "checked one line above, and run by the compiler alone")]
    const fn byte(&mut self, byte: u8) {
        if self.len < N {
            self.bytes[self.len] = byte;
        }
        self.len += 1;
    }
}
