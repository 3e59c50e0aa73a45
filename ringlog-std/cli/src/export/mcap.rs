//! MCAP with messages in JSON.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::PathBuf;
use std::sync::Arc;

use mcap::records::MessageHeader;
use mcap::{McapError, WriteOptions, Writer};

use super::draft::Draft;
use super::{Done, Target};
use crate::descriptions::Descriptions;
use crate::error::CliError;
use crate::output::payload::hexadecimal;
use crate::terminal::words::clock_name;
use ringlog::event::{ClockKind, Event};
use ringlog::programs::InForce;
use ringlog::schema::{Field, Format, Kind, Schema, Tail};

/// Bytes of messages in a chunk. Each chunk is in memory until it is whole.
const CHUNK_BYTES: u64 = 4 << 20;

/// A file with a channel for each type.
pub(super) struct Recording {
    out: Writer<BufWriter<File>>,
    path: PathBuf,
    descriptions: Arc<Descriptions>,
    /// The channels, and the type of each; none for GAP records and for events that nothing describes.
    channels: Vec<(String, Option<Schema>, u16)>,
    /// The channel of each type that the segment describes as it did before, and that of GAP records.
    of_type: [Option<u16>; 257],
    in_force: InForce,
    json: String,
    messages: u64,
    unfit: u64,
    clock: ClockKind,
}

impl Recording {
    pub(super) fn begin(draft: &Draft, descriptions: Arc<Descriptions>) -> Result<Self, CliError> {
        let (out, path) = draft.create("")?;
        let options = WriteOptions::new()
            .compression(None)
            .chunk_size(Some(CHUNK_BYTES))
            .library(concat!("ringlog ", env!("CARGO_PKG_VERSION")));
        let out = options.create(out).map_err(io_error).map_err(CliError::io("write", &path))?;
        Ok(Self {
            out,
            path,
            descriptions,
            channels: Vec::new(),
            of_type: [None; 257],
            in_force: InForce::default(),
            json: String::new(),
            messages: 0,
            unfit: 0,
            clock: ClockKind::UnixNanos,
        })
    }

    /// Returns the channel for an event.
    fn channel_of(&mut self, event: &Event<'_>, clock: ClockKind) -> Result<u16, McapError> {
        if self.in_force.change_at(event).is_some() {
            self.of_type = [None; 257];
        }
        let number = event.header.event_type;
        let key = if event.header.is_gap() { 256 } else { usize::from(number) };
        if let Some(channel) = self.of_type[key] {
            return Ok(channel);
        }
        let descriptions = Arc::clone(&self.descriptions);
        let schema = descriptions.schema_of(event);
        let name = match schema {
            Some(schema) => schema.name().to_owned(),
            None if event.header.is_gap() => "gap".into(),
            None => format!("type_{number}"),
        };
        let known = self.channels.iter().find(|(known, of, _)| *known == name && of.as_ref() == schema);
        let channel = match known {
            Some((.., channel)) => *channel,
            None => {
                let json = match schema {
                    Some(schema) => json_schema(schema),
                    None if event.header.is_gap() => GAP_SCHEMA.into(),
                    None => PLAIN_SCHEMA.into(),
                };
                let id = self.out.add_schema(&name, "jsonschema", json.as_bytes())?;
                let mut about = BTreeMap::from([("clock".to_owned(), clock_name(clock))]);
                if let Some(schema) = schema {
                    about.insert("ringlog".into(), schema.to_json());
                }
                let channel = self.out.add_channel(id, &format!("/{name}"), "json", &about)?;
                self.channels.push((name, schema.cloned(), channel));
                channel
            }
        };
        self.of_type[key] = Some(channel);
        Ok(channel)
    }

    fn write(&mut self, event: &Event<'_>, clock: ClockKind) -> Result<(), McapError> {
        self.clock = clock;
        let descriptions = Arc::clone(&self.descriptions);
        let decoded = match descriptions.decode(event) {
            Some(Err(_)) => {
                self.unfit += 1;
                return Ok(());
            }
            decoded => decoded.and_then(Result::ok),
        };
        let channel_id = self.channel_of(event, clock)?;
        self.json.clear();
        let (sequence, flags) = (event.sequence, event.header.user_flags());
        let written = match (event.gap(), decoded) {
            (Some(gap), _) => {
                let number = |it: u64| if it > 0 { it.to_string() } else { "null".into() };
                let bytes = u64::from(gap.extent) * 8;
                let (count, bytes, log_side) = (number(gap.count), number(bytes), gap.log_side);
                write!(
                    self.json,
                    "{{\"_sequence\":{sequence},\"count\":{count},\"reason\":\"{}\",\"log_side\":{log_side},\"missing_bytes\":{bytes}}}",
                    gap.reason
                )
            }
            (None, Some(decoded)) => {
                let fields = decoded.json().to_string();
                let comma = if fields.len() > 2 { "," } else { "" };
                write!(self.json, "{{\"_sequence\":{sequence},\"_flags\":{flags}{comma}{}", &fields[1..])
            }
            (None, None) => write!(
                self.json,
                "{{\"_sequence\":{sequence},\"_flags\":{flags},\"payload\":\"{}\"}}",
                hexadecimal(event.payload)
            ),
        };
        // A string takes all.
        debug_assert!(written.is_ok());
        let time = event.header.timestamp;
        // The lower half of the number, as a message has no more room; the whole one is in the message.
        let header =
            MessageHeader { channel_id, sequence: sequence as u32, log_time: time, publish_time: time };
        self.messages += 1;
        self.out.write_to_known_channel(&header, self.json.as_bytes())
    }
}

const GAP_SCHEMA: &str = r#"{"type":"object","title":"gap","properties":{"_sequence":{"type":"integer"},"count":{"type":["integer","null"]},"reason":{"type":"string"},"log_side":{"type":"boolean"},"missing_bytes":{"type":["integer","null"]}}}"#;
const PLAIN_SCHEMA: &str = r#"{"type":"object","properties":{"_sequence":{"type":"integer"},"_flags":{"type":"integer"},"payload":{"type":"string","description":"hexadecimal"}}}"#;

/// Returns the JSON Schema of the messages of a type.
fn json_schema(schema: &Schema) -> String {
    let head = r#""_sequence":{"type":"integer"},"_flags":{"type":"integer"}"#;
    let mut properties = head.to_owned();
    for field in schema.fields() {
        properties += &format!(",\"{}\":{}", field.name(), of_format(field.format()));
    }
    match schema.tail() {
        Tail::None => {}
        Tail::Text => properties += r#","tail":{"type":"string"}"#,
        Tail::Bytes => properties += r#","tail":{"type":"string","description":"hexadecimal"}"#,
        // Any item: CBOR, or what a later version adds.
        _ => properties += r#","tail":{}"#,
    }
    format!(r#"{{"type":"object","title":"{}","properties":{{{properties}}}}}"#, schema.name())
}

fn of_format(format: &Format) -> String {
    let unit = match format.unit() {
        Some(unit) => format!(",\"description\":{}", serde_json::Value::from(unit)),
        None => String::new(),
    };
    let plain = |name: &str| format!("{{\"type\":\"{name}\"{unit}}}");
    match format.kind() {
        kind if kind.integer_range().is_some() && format.scale() != 0 => plain("number"),
        // A value without a name is a number.
        kind if kind.integer_range().is_some() && format.labels().next().is_some() => {
            format!("{{\"type\":[\"string\",\"integer\"]{unit}}}")
        }
        Kind::Timestamp => plain("integer"),
        // What is no number is a string.
        Kind::F32 | Kind::F64 => format!("{{\"type\":[\"number\",\"string\"]{unit}}}"),
        Kind::Bool => plain("boolean"),
        Kind::Text { .. } | Kind::Bytes { .. } => plain("string"),
        Kind::Array { item, .. } => format!("{{\"type\":\"array\",\"items\":{}{unit}}}", of_format(item)),
        Kind::Struct { fields, .. } => {
            let member = |field: &Field| format!("\"{}\":{}", field.name(), of_format(field.format()));
            let members: Vec<_> = fields.iter().map(member).collect();
            format!("{{\"type\":\"object\",\"properties\":{{{}}}}}", members.join(","))
        }
        _ => plain("integer"),
    }
}

fn io_error(error: McapError) -> io::Error {
    match error {
        McapError::Io(source) => source,
        other => io::Error::other(other),
    }
}

impl Target for Recording {
    fn take(&mut self, event: &Event<'_>, clock: ClockKind) -> Result<(), CliError> {
        self.write(event, clock).map_err(io_error).map_err(CliError::io("write", &self.path))
    }

    fn finish(mut self: Box<Self>) -> Result<Done, CliError> {
        let finished = self.out.finish().map_err(io_error);
        finished.map_err(CliError::io("write", &self.path))?;
        let mut done = Done { has: ("message", self.messages), ..Done::default() };
        done.leave_out(
            self.unfit,
            "event",
            "the payload does not fit the description; `ringlog cat` shows its bytes",
        );
        if self.clock != ClockKind::UnixNanos && self.messages > 0 {
            done.notes.push(format!(
                "the log's clock counts {}; readers take the times of messages for nanoseconds since 1970",
                clock_name(self.clock)
            ));
        }
        Ok(done)
    }
}
