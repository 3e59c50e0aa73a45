//! Messages of MCAP in JSON, and their schemas.
//!
//! Readers such as Foxglove take a property only if its schema has one `type` that is a word, and items of arrays only if they are
//! no arrays. So a value with labels is always a string, and an array in an array is an object with the property `values`.
#![forbid(unsafe_code)]

use std::fmt::{self, Write};

use crate::output::payload::hexadecimal;
use ringlog::schema::{Decoded, Field, Format, Kind, Schema, Tail, Value};

/// Properties of each message. A field of such a name is the property `payload.NAME`.
const OWN: [&str; 2] = ["_sequence", "_flags"];

/// A message that is being written.
#[derive(Default)]
pub(super) struct Json {
    text: String,
    not_finite: u64,
}

impl Json {
    /// Begins a message with the number of its record; what is added begins with the next property.
    pub(super) fn begin(&mut self, sequence: u64) -> &mut String {
        self.text.clear();
        self.text += &format!("{{\"_sequence\":{sequence},");
        &mut self.text
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Returns how many values were left out because they are no finite number.
    pub(super) const fn not_finite(&self) -> u64 {
        self.not_finite
    }

    /// Writes what follows the number of an event.
    pub(super) fn write(&mut self, flags: u8, decoded: &Decoded<'_>) -> fmt::Result {
        write!(self.text, "\"_flags\":{flags}")?;
        for (field, value) in decoded.fields() {
            self.property(",", &property_name(field.name()), field.format(), &value)?;
        }
        match (decoded.cbor_tail(), decoded.tail()) {
            (Some(json), _) => write!(self.text, ",\"tail\":{}", serde_json::Value::from(json))?,
            (None, Some(Value::Bytes(bytes))) => write!(self.text, ",\"tail\":\"{}\"", hexadecimal(bytes))?,
            (None, Some(tail)) => write!(self.text, ",\"tail\":{}", tail.json())?,
            (None, None) => {}
        }
        self.text.write_char('}')
    }

    fn property(&mut self, comma: &str, name: &str, format: &Format, value: &Value<'_>) -> fmt::Result {
        if is_finite(value) {
            write!(self.text, "{comma}\"{name}\":")?;
            return self.value(format, value);
        }
        self.not_finite += 1;
        Ok(())
    }

    fn value(&mut self, format: &Format, value: &Value<'_>) -> fmt::Result {
        match (value, format.kind()) {
            (value, _) if !is_finite(value) => {
                self.not_finite += 1;
                self.text.write_str("null")
            }
            (Value::Array(items), Kind::Array { item, .. }) => {
                let is_nested = matches!(item.kind(), Kind::Array { .. });
                for (at, value) in items.clone().enumerate() {
                    self.text.write_str(if at == 0 { "[" } else { "," })?;
                    self.text.write_str(if is_nested { "{\"values\":" } else { "" })?;
                    self.value(item, &value)?;
                    self.text.write_str(if is_nested { "}" } else { "" })?;
                }
                self.text.write_str(if items.clone().next().is_none() { "[]" } else { "]" })
            }
            (Value::Struct(fields), _) => {
                self.text.write_char('{')?;
                for (field, value) in fields.clone() {
                    let comma = if self.text.ends_with('{') { "" } else { "," };
                    self.property(comma, field.name(), field.format(), &value)?;
                }
                self.text.write_char('}')
            }
            (Value::Unsigned(number), _) if has_labels(format) => write!(self.text, "\"{number}\""),
            (Value::Signed(number), _) if has_labels(format) => write!(self.text, "\"{number}\""),
            _ => write!(self.text, "{}", value.json()),
        }
    }
}

fn is_finite(value: &Value<'_>) -> bool {
    match value {
        Value::Float32(number) => number.is_finite(),
        Value::Float(number) => number.is_finite(),
        _ => true,
    }
}

fn has_labels(format: &Format) -> bool {
    format.kind().integer_range().is_some() && format.scale() == 0 && format.labels().next().is_some()
}

fn property_name(name: &str) -> String {
    if OWN.contains(&name) { format!("payload.{name}") } else { name.into() }
}

/// Returns the JSON Schema of the messages of a type.
pub(super) fn json_schema(schema: &Schema, title: &str) -> String {
    let mut properties = r#""_sequence":{"type":"integer"},"_flags":{"type":"integer"}"#.to_owned();
    for field in schema.fields() {
        properties += &format!(",\"{}\":{}", property_name(field.name()), of_format(field.format()));
    }
    match schema.tail() {
        Tail::None => {}
        Tail::Text => properties += r#","tail":{"type":"string"}"#,
        Tail::Bytes => properties += r#","tail":{"type":"string","description":"hexadecimal"}"#,
        // CBOR, or what a later version adds.
        _ => properties += r#","tail":{"type":"string","description":"JSON"}"#,
    }
    format!(r#"{{"type":"object","title":"{title}","properties":{{{properties}}}}}"#)
}

fn of_format(format: &Format) -> String {
    let unit = match format.unit() {
        Some(unit) => format!(",\"description\":{}", serde_json::Value::from(unit)),
        None => String::new(),
    };
    let plain = |name: &str| format!("{{\"type\":\"{name}\"{unit}}}");
    match format.kind() {
        kind if kind.integer_range().is_some() && format.scale() != 0 => plain("number"),
        _ if has_labels(format) => plain("string"),
        Kind::F32 | Kind::F64 => plain("number"),
        Kind::Bool => plain("boolean"),
        Kind::Text { .. } | Kind::Bytes { .. } => plain("string"),
        Kind::Array { item, .. } => {
            let of_item = of_format(item);
            let items = match item.kind() {
                Kind::Array { .. } => {
                    format!(r#"{{"type":"object","properties":{{"values":{of_item}}}}}"#)
                }
                _ => of_item,
            };
            format!("{{\"type\":\"array\",\"items\":{items}{unit}}}")
        }
        Kind::Struct { fields, .. } => {
            let member = |field: &Field| format!("\"{}\":{}", field.name(), of_format(field.format()));
            let members: Vec<_> = fields.iter().map(member).collect();
            format!("{{\"type\":\"object\",\"properties\":{{{}}}}}", members.join(","))
        }
        _ => plain("integer"),
    }
}
