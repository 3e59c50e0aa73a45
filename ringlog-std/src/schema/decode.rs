//! A payload under its schema.
#![forbid(unsafe_code)]

use crate::schema::error::NotFitting;
use crate::schema::field::{Field, Format, Kind};
use crate::schema::json::Path;
use crate::schema::path::{Leaves, locate, steps};
use crate::schema::types::{Schema, Tail};
use crate::schema::value::{Fields, Value, text_of};

/// A payload that fits its schema.
///
/// It is displayed as `id=7 price=101.25 side=buy`. Text is in quotes, with the characters escaped that command a
/// terminal. A tail of CBOR is displayed in the same way: `tail={message="filled" fields={id=7}}`.
///
/// ```
/// use ringlog::schema::{Schema, Value};
///
/// let schema = Schema::parse(
///     br#"{"type":1,"name":"note","size":9,"fields":[
///         {"name":"level","offset":8,"kind":"u8","labels":{"3":"warn"}},
///         {"name":"id","offset":0,"kind":"u64"}],"tail":"text"}"#,
/// )?;
/// let decoded = schema.decode(b"\x07\0\0\0\0\0\0\0\x03disk \"a\"")?;
/// assert_eq!(decoded.to_string(), r#"level=warn id=7 tail="disk \"a\"""#);
/// assert_eq!(decoded.json().to_string(), r#"{"level":"warn","id":7,"tail":"disk \"a\""}"#);
/// assert_eq!(decoded.get("id"), Some(Value::Unsigned(7)));
/// assert_eq!(decoded.tail(), Some(Value::Text("disk \"a\"")));
/// assert_eq!(decoded.cells().count(), schema.columns().count());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decoded<'a> {
    schema: &'a Schema,
    fixed: &'a [u8],
    tail: &'a [u8],
}

impl Schema {
    /// Reads a payload of this type. Nothing is copied.
    ///
    /// ```
    /// use ringlog::schema::Schema;
    ///
    /// let schema = Schema::parse(
    ///     br#"{"type":1,"name":"tick","size":1,"fields":[{"name":"up","offset":0,"kind":"bool"}],"tail":"none"}"#,
    /// )?;
    /// assert_eq!(schema.decode(&[1])?.to_string(), "up=true");
    /// assert_eq!(schema.decode(&[2]).unwrap_err().to_string(), "up: byte 2 is no bool");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotFitting`] if the length differs, a text is not UTF-8, or a bool is neither 0 nor 1.
    pub fn decode<'a>(&'a self, payload: &'a [u8]) -> Result<Decoded<'a>, NotFitting> {
        let has_tail = self.tail != Tail::None;
        let length = NotFitting::Length { len: payload.len(), size: self.size, has_tail };
        let Some((fixed, tail)) = payload.split_at_checked(self.size) else { return Err(length) };
        if !has_tail && !tail.is_empty() {
            return Err(length);
        }
        check_fields(&self.fields, fixed, &Path::Root)?;
        if self.tail == Tail::Text {
            check_text(tail, &Path::Key(&Path::Root, "tail"))?;
        }
        Ok(Decoded { schema: self, fixed, tail })
    }
}

fn check_fields(fields: &[Field], bytes: &[u8], parent: &Path<'_>) -> Result<(), NotFitting> {
    for field in fields {
        if has_invalid_values(&field.format) {
            let path = Path::Key(parent, &field.name);
            check(&field.format, &bytes[field.offset..field.end()], &path)?;
        }
    }
    Ok(())
}

fn check(format: &Format, bytes: &[u8], path: &Path<'_>) -> Result<(), NotFitting> {
    match &format.kind {
        Kind::Bool if bytes[0] > 1 => Err(NotFitting::Bool { path: path.to_string(), byte: bytes[0] }),
        Kind::Text { .. } => check_text(text_of(bytes), path),
        Kind::Array { item, .. } => {
            let mut items = bytes.chunks_exact(item.kind.size()).enumerate();
            items.try_for_each(|(at, bytes)| check(item, bytes, &Path::Index(path, at)))
        }
        Kind::Struct { fields, .. } => check_fields(fields, bytes, path),
        _ => Ok(()),
    }
}

fn check_text(bytes: &[u8], path: &Path<'_>) -> Result<(), NotFitting> {
    match std::str::from_utf8(bytes) {
        Ok(_) => Ok(()),
        Err(error) => Err(NotFitting::Text { path: path.to_string(), valid: error.valid_up_to() }),
    }
}

/// Returns whether some bytes are no value of this format.
fn has_invalid_values(format: &Format) -> bool {
    match &format.kind {
        Kind::Bool | Kind::Text { .. } => true,
        Kind::Array { item, .. } => has_invalid_values(item),
        Kind::Struct { fields, .. } => fields.iter().any(|field| has_invalid_values(&field.format)),
        _ => false,
    }
}

impl<'a> Decoded<'a> {
    /// Returns the schema.
    #[must_use]
    pub const fn schema(&self) -> &'a Schema {
        self.schema
    }

    /// Iterates over the fields and their values, as the schema lists them.
    #[must_use]
    pub fn fields(&self) -> Fields<'a> {
        Fields::new(&self.schema.fields, self.fixed)
    }

    /// Returns what follows the fixed part: text or, for the tails `bytes` and `cbor`, bytes. `None` if the type has
    /// no tail.
    #[must_use]
    pub fn tail(&self) -> Option<Value<'a>> {
        match self.schema.tail {
            Tail::None => None,
            Tail::Text => Some(Value::Text(std::str::from_utf8(self.tail).unwrap_or_default())),
            Tail::Bytes | Tail::Cbor => Some(Value::Bytes(self.tail)),
        }
    }

    /// Returns the value with this path, such as `legs[0].id` or `tail`.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<Value<'a>> {
        match locate(&self.schema.fields, &steps(path)?) {
            Ok((offset, format)) => Some(self.value_at(offset, format)),
            Err(_) if path == "tail" => self.tail(),
            Err(_) => None,
        }
    }

    /// Iterates over the values of a table's row, in the order of [`Schema::columns`].
    pub fn cells(&self) -> impl Iterator<Item = Value<'a>> {
        let decoded = *self;
        let fields = Leaves::new(&self.schema.fields);
        fields.map(move |(offset, format)| decoded.value_at(offset, format)).chain(self.tail())
    }

    fn value_at(&self, offset: usize, format: &'a Format) -> Value<'a> {
        Value::read(format, &self.fixed[offset..offset + format.kind.size()])
    }
}
