//! Decoded payloads as text, JSON and cells of CSV.
#![forbid(unsafe_code)]

use std::fmt::{self, Display, Formatter, Write as _};

use crate::schema::cbor::{Form, write_cbor};
use crate::schema::decode::Decoded;
use crate::schema::json::{Escaped, is_identifier};
use crate::schema::types::Tail;
use crate::schema::value::{Fields, Value};
use crate::words::is_risky;

/// Displays a value by a function.
struct By<F>(F);

impl<F: Fn(&mut Formatter<'_>) -> fmt::Result> Display for By<F> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0(f)
    }
}

/// How a timestamp is displayed.
type WriteTime<'a> = &'a dyn Fn(u64, &mut Formatter<'_>) -> fmt::Result;

const PLAIN_TIME: WriteTime<'static> = &|timestamp, f| write!(f, "{timestamp}");

impl<'a> Decoded<'a> {
    /// Displays the payload as text, with a function that displays timestamps.
    ///
    /// ```
    /// use ringlog::schema::Schema;
    ///
    /// let schema = Schema::parse(
    ///     br#"{"type":1,"name":"tick","size":8,"fields":[{"name":"at","offset":0,"kind":"timestamp"}],"tail":"none"}"#,
    /// )?;
    /// let decoded = schema.decode(&[5, 0, 0, 0, 0, 0, 0, 0])?;
    /// assert_eq!(decoded.text(|timestamp, f| write!(f, "{timestamp}ns")).to_string(), "at=5ns");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn text(self, time: impl Fn(u64, &mut Formatter<'_>) -> fmt::Result + 'a) -> impl Display + 'a {
        By(move |f: &mut Formatter<'_>| self.write_text(f, &time))
    }

    fn write_text(&self, f: &mut Formatter<'_>, time: WriteTime<'_>) -> fmt::Result {
        write_fields(f, self.fields(), time)?;
        if let Some(tail) = self.tail() {
            f.write_str(if self.schema().fields().is_empty() { "tail=" } else { " tail=" })?;
            self.write_cbor(f, &tail, Form::Text).unwrap_or_else(|| write_value(f, &tail, time))?;
        }
        Ok(())
    }

    /// Displays the payload as a JSON object, the tail under the key `tail`.
    ///
    /// Numbers are exact, with their scale; NaN and infinities are strings, bytes are hexadecimal, labels their names. A tail of
    /// CBOR is JSON with the same values, and hexadecimal if it is no item of CBOR.
    ///
    /// ```
    /// use ringlog::schema::Schema;
    ///
    /// let schema = Schema::parse(
    ///     br#"{"type":1,"name":"tick","size":12,"fields":[
    ///         {"name":"price","offset":0,"kind":"i64","scale":-8},{"name":"ratio","offset":8,"kind":"f32"}]}"#,
    /// )?;
    /// let payload = [123_456_789_i64.to_le_bytes().as_slice(), &f32::NAN.to_le_bytes()].concat();
    /// assert_eq!(schema.decode(&payload)?.json().to_string(), r#"{"price":1.23456789,"ratio":"NaN"}"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn json(self) -> impl Display + 'a {
        By(move |f: &mut Formatter<'_>| {
            f.write_char('{')?;
            write_json_members(f, self.fields())?;
            if let Some(tail) = self.tail() {
                f.write_str(if self.schema().fields().is_empty() { "\"tail\":" } else { ",\"tail\":" })?;
                self.write_cbor(f, &tail, Form::Json).unwrap_or_else(|| write_json(f, &tail))?;
            }
            f.write_char('}')
        })
    }

    /// Displays a tail of CBOR as JSON; `None` if the tail is of another kind, or no item of CBOR.
    ///
    /// ```
    /// use ringlog::schema::Schema;
    ///
    /// let schema = Schema::parse(br#"{"type":1,"name":"note","size":0,"fields":[],"tail":"cbor"}"#)?;
    /// let payload = [0xA1, 0x62, b'i', b'd', 7];
    /// assert_eq!(schema.decode(&payload)?.cbor_tail().as_deref(), Some(r#"{"id":7}"#));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn cbor_tail(&self) -> Option<String> {
        let mut json = String::new();
        match (self.schema().tail(), self.tail()?) {
            (Tail::Cbor, Value::Bytes(bytes)) => {
                write_cbor(&mut json, bytes, Form::Json)?.ok().map(|()| json)
            }
            _ => None,
        }
    }

    /// Writes the tail, if it is an item of CBOR.
    fn write_cbor(&self, f: &mut Formatter<'_>, tail: &Value<'_>, form: Form) -> Option<fmt::Result> {
        match (self.schema().tail(), tail) {
            (Tail::Cbor, Value::Bytes(bytes)) => write_cbor(f, bytes, form),
            _ => None,
        }
    }
}

impl Display for Decoded<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.write_text(f, PLAIN_TIME)
    }
}

/// Displays the value as [`Decoded`] does.
impl Display for Value<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_value(f, self, PLAIN_TIME)
    }
}

impl<'a> Value<'a> {
    /// Displays the value as JSON.
    ///
    /// ```
    /// use ringlog::schema::Value;
    ///
    /// assert_eq!(Value::Text("a\"").json().to_string(), r#""a\"""#);
    /// assert_eq!(Value::Bytes(&[0xAB, 1]).json().to_string(), r#""ab01""#);
    /// ```
    pub fn json(&self) -> impl Display {
        By(move |f: &mut Formatter<'_>| write_json(f, self))
    }

    /// Displays the value as a cell of CSV, not yet quoted: text without quotes, bytes in hexadecimal.
    ///
    /// Line ends and tabs stay in a text, other characters that command a terminal are escaped.
    ///
    /// ```
    /// use ringlog::schema::Value;
    ///
    /// assert_eq!(Value::Text("a\" \u{1b}").cell().to_string(), "a\" \\u001b");
    /// assert_eq!(Value::Bytes(&[0xAB, 1]).cell().to_string(), "ab01");
    /// assert_eq!(Value::Label { value: 1, name: "buy" }.cell().to_string(), "buy");
    /// ```
    pub fn cell(&self) -> impl Display {
        By(move |f: &mut Formatter<'_>| match self {
            Self::Text(text) | Self::Label { name: text, .. } => write_lines(f, text),
            Self::Bytes(bytes) => write_hexadecimal(f, bytes),
            other => write_value(f, other, PLAIN_TIME),
        })
    }
}

fn write_fields(f: &mut Formatter<'_>, fields: Fields<'_>, time: WriteTime<'_>) -> fmt::Result {
    for (at, (field, value)) in fields.enumerate() {
        write!(f, "{}{}=", if at > 0 { " " } else { "" }, field.name())?;
        write_value(f, &value, time)?;
    }
    Ok(())
}

fn write_value(f: &mut Formatter<'_>, value: &Value<'_>, time: WriteTime<'_>) -> fmt::Result {
    match value {
        Value::Unsigned(value) => write!(f, "{value}"),
        Value::Signed(value) => write!(f, "{value}"),
        Value::Float32(value) => write!(f, "{value:?}"),
        Value::Float(value) => write!(f, "{value:?}"),
        Value::Bool(value) => write!(f, "{value}"),
        Value::Decimal(value) => write!(f, "{value}"),
        Value::Label { name, .. } if is_identifier(name) => f.write_str(name),
        Value::Label { name, .. } => write!(f, "\"{}\"", Escaped(name)),
        Value::Timestamp(timestamp) => time(*timestamp, f),
        Value::Text(text) => write!(f, "\"{}\"", Escaped(text)),
        Value::Bytes(bytes) => {
            f.write_str("0x")?;
            write_hexadecimal(f, bytes)
        }
        Value::Array(items) => {
            f.write_char('[')?;
            for (at, item) in items.clone().enumerate() {
                f.write_str(if at > 0 { " " } else { "" })?;
                write_value(f, &item, time)?;
            }
            f.write_char(']')
        }
        Value::Struct(fields) => {
            f.write_char('{')?;
            write_fields(f, fields.clone(), time)?;
            f.write_char('}')
        }
    }
}

fn write_json_members(f: &mut Formatter<'_>, fields: Fields<'_>) -> fmt::Result {
    for (at, (field, value)) in fields.enumerate() {
        write!(f, "{}\"{}\":", if at > 0 { "," } else { "" }, field.name())?;
        write_json(f, &value)?;
    }
    Ok(())
}

fn write_json(f: &mut Formatter<'_>, value: &Value<'_>) -> fmt::Result {
    match value {
        Value::Float32(value) if !value.is_finite() => write!(f, "\"{value:?}\""),
        Value::Float(value) if !value.is_finite() => write!(f, "\"{value:?}\""),
        Value::Label { name, .. } => write!(f, "\"{}\"", Escaped(name)),
        Value::Bytes(bytes) => {
            f.write_char('"')?;
            write_hexadecimal(f, bytes)?;
            f.write_char('"')
        }
        Value::Array(items) => {
            f.write_char('[')?;
            for (at, item) in items.clone().enumerate() {
                f.write_str(if at > 0 { "," } else { "" })?;
                write_json(f, &item)?;
            }
            f.write_char(']')
        }
        Value::Struct(fields) => {
            f.write_char('{')?;
            write_json_members(f, fields.clone())?;
            f.write_char('}')
        }
        other => write_value(f, other, PLAIN_TIME),
    }
}

fn write_hexadecimal(f: &mut Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Writes text with its line ends and tabs.
fn write_lines(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    for sign in text.chars() {
        match sign {
            '\n' | '\t' => f.write_char(sign)?,
            _ if is_risky(sign) => write!(f, "\\u{:04x}", u32::from(sign))?,
            _ => f.write_char(sign)?,
        }
    }
    Ok(())
}
