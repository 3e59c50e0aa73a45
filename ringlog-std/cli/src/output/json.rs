//! Events as JSON, one object per line.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::value::RawValue;

use super::payload::Encoding;
use crate::terminal::print::json_line;
use crate::terminal::words::date_of;
use crate::terminal::zone::Zone;
use ringlog::event::{ClockKind, Event, Gap, MetaTopic};
use ringlog::schema::Decoded;

#[derive(Serialize)]
struct EventLine<'a> {
    sequence: u64,
    timestamp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    event_type: u8,
    flags: u8,
    payload_len: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    type_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct GapLine {
    sequence: u64,
    timestamp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    gap: GapWords,
}

#[derive(Serialize)]
struct GapWords {
    /// Null if the count is not known.
    count: Option<u64>,
    reason: String,
    log_side: bool,
    missing_bytes: Option<u64>,
}

/// A description. One that is no JSON has its bytes instead of a schema.
#[derive(Serialize)]
struct MetaLine {
    meta: About,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum About {
    Type(u8),
    Log(&'static str),
}

/// Returns the object for a description, and a newline. An empty description, which says that there is none, has no bytes.
pub(crate) fn meta_line(topic: MetaTopic, json: &[u8]) -> io::Result<String> {
    let meta = match topic {
        MetaTopic::Log => About::Log("log"),
        MetaTopic::EventType(event_type) => About::Type(event_type),
    };
    // Line ends of JSON are between tokens only.
    let line = std::str::from_utf8(json).map(|json| json.replace(['\n', '\r'], " "));
    let schema: Option<Box<RawValue>> = line.ok().and_then(|line| serde_json::from_str(&line).ok());
    let hex = schema.is_none().then(|| Encoding::Hex.of(json, &[], true));
    Ok(json_line(&MetaLine { meta, schema, hex })? + "\n")
}

/// Writes one object and a newline.
pub(super) fn write(
    out: &mut impl Write,
    event: &Event<'_>,
    clock: ClockKind,
    encoding: Encoding,
    zone: &Zone,
    decoded: Option<Decoded<'_>>,
) -> io::Result<()> {
    let timestamp = event.header.timestamp;
    let time = date_of(event, clock, zone);
    let line = match event.gap() {
        Some(gap) => {
            json_line(&GapLine { sequence: event.sequence, timestamp, time, gap: gap_object(&gap) })?
        }
        None => json_line(&event_object(event, time, encoding, decoded)?)?,
    };
    writeln!(out, "{line}")
}

/// A payload that is not UTF-8 cannot be in `text`, so its bytes are in `hex`: the key says which.
fn event_object<'a>(
    event: &Event<'a>,
    time: Option<String>,
    encoding: Encoding,
    decoded: Option<Decoded<'a>>,
) -> io::Result<EventLine<'a>> {
    let is_text = encoding == Encoding::Text;
    let text = if is_text { std::str::from_utf8(event.payload).ok() } else { None };
    let encoded = |wanted: Encoding| wanted.of(event.payload, &[], true);
    let fields = decoded.map(|decoded| RawValue::from_string(decoded.json().to_string())).transpose()?;
    Ok(EventLine {
        sequence: event.sequence,
        timestamp: event.header.timestamp,
        time,
        event_type: event.header.event_type,
        flags: event.header.user_flags(),
        payload_len: event.header.payload_len,
        text,
        hex: (text.is_none() && encoding != Encoding::Base64).then(|| encoded(Encoding::Hex)),
        base64: (encoding == Encoding::Base64).then(|| encoded(Encoding::Base64)),
        type_name: decoded.map(|decoded| decoded.schema().name()),
        fields,
    })
}

fn gap_object(gap: &Gap) -> GapWords {
    GapWords {
        count: (gap.count > 0).then_some(gap.count),
        reason: gap.reason.to_string(),
        log_side: gap.log_side,
        missing_bytes: (gap.extent > 0).then_some(u64::from(gap.extent) * 8),
    }
}
