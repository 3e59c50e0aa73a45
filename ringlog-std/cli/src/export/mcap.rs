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
use super::mcap_json::{Json, json_schema};
use super::times::Times;
use super::{Done, Target};
use crate::descriptions::Descriptions;
use crate::error::CliError;
use crate::output::payload::hexadecimal;
use crate::output::slots::{Slots, numbered};
use crate::terminal::words::clock_name;
use ringlog::event::{ClockKind, Event};
use ringlog::schema::Schema;

/// Bytes of messages in a chunk. Each chunk is in memory until it is whole.
const CHUNK_BYTES: u64 = 4 << 20;
/// The channel of GAP records.
const GAP: &str = "gap";

/// A file with a channel for each type.
pub(super) struct Recording {
    out: Writer<BufWriter<File>>,
    path: PathBuf,
    descriptions: Arc<Descriptions>,
    /// The channels, and the type of each; none for GAP records and for events that nothing describes.
    channels: Vec<(String, Option<Schema>, u16)>,
    slots: Slots,
    times: Times,
    json: Json,
    messages: u64,
    unfit: u64,
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
            slots: Slots::default(),
            times: Times::default(),
            json: Json::default(),
            messages: 0,
            unfit: 0,
        })
    }

    /// Returns the channel for an event.
    fn channel_of(&mut self, event: &Event<'_>, clock: ClockKind) -> Result<u16, McapError> {
        if let Some(at) = self.slots.of(event) {
            return Ok(self.channels[at].2);
        }
        let descriptions = Arc::clone(&self.descriptions);
        let schema = descriptions.schema_of(event);
        let name = match schema {
            Some(schema) => schema.name().to_owned(),
            None if event.header.is_gap() => GAP.into(),
            None => format!("type-{}", event.header.event_type),
        };
        let known = self.channels.iter().position(|(known, of, _)| *known == name && of.as_ref() == schema);
        let at = match known {
            Some(at) => at,
            None => self.add(name, schema, event, clock)?,
        };
        self.slots.set(event, at);
        Ok(self.channels[at].2)
    }

    /// Adds a channel. A topic has one layout: a type whose fields have changed has a further topic.
    fn add(
        &mut self,
        name: String,
        schema: Option<&Schema>,
        event: &Event<'_>,
        clock: ClockKind,
    ) -> Result<usize, McapError> {
        let of_name = |(known, of, _): &&(String, Option<Schema>, u16)| *known == name && of.is_some();
        let earlier = match schema {
            Some(_) => self.channels.iter().filter(of_name).count() + usize::from(name == GAP),
            None => 0,
        };
        let topic = numbered(&name, earlier);
        let json = match schema {
            Some(schema) => json_schema(schema, &topic),
            None if event.header.is_gap() => GAP_SCHEMA.into(),
            None => PLAIN_SCHEMA.into(),
        };
        let id = self.out.add_schema(&topic, "jsonschema", json.as_bytes())?;
        let mut about = BTreeMap::from([("clock".to_owned(), clock_name(clock))]);
        if let Some(schema) = schema {
            about.insert("ringlog".into(), schema.to_json());
        }
        let channel = self.out.add_channel(id, &format!("/{topic}"), "json", &about)?;
        self.channels.push((name, schema.cloned(), channel));
        Ok(self.channels.len() - 1)
    }

    fn write(&mut self, event: &Event<'_>, clock: ClockKind) -> Result<(), McapError> {
        let descriptions = Arc::clone(&self.descriptions);
        let decoded = match descriptions.decode(event) {
            Some(Err(_)) => {
                self.unfit += 1;
                return Ok(());
            }
            decoded => decoded.and_then(Result::ok),
        };
        let Some(time) = self.times.of(event, clock, &descriptions) else { return Ok(()) };
        let channel_id = self.channel_of(event, clock)?;
        let sequence = event.sequence;
        let json = self.json.begin(sequence);
        let written = match (event.gap(), decoded) {
            (Some(gap), _) => {
                // What is not known is left out.
                let bytes = u64::from(gap.extent) * 8;
                let known = [("count", gap.count), ("missing_bytes", bytes)];
                let known = known.iter().filter(|(_, number)| *number > 0);
                known.map(|(name, number)| format!("\"{name}\":{number},")).for_each(|part| *json += &part);
                write!(json, "\"reason\":\"{}\",\"log_side\":{}}}", gap.reason, gap.log_side)
            }
            (None, Some(decoded)) => self.json.write(event.header.user_flags(), &decoded),
            (None, None) => write!(
                json,
                "\"_flags\":{},\"payload\":\"{}\"}}",
                event.header.user_flags(),
                hexadecimal(event.payload)
            ),
        };
        // A string takes all.
        debug_assert!(written.is_ok());
        // The lower half of the number, as a message has no more room; the whole one is in the message.
        let header =
            MessageHeader { channel_id, sequence: sequence as u32, log_time: time, publish_time: time };
        self.messages += 1;
        self.out.write_to_known_channel(&header, self.json.text().as_bytes())
    }
}

const GAP_SCHEMA: &str = r#"{"type":"object","title":"gap","properties":{"_sequence":{"type":"integer"},"count":{"type":"integer"},"missing_bytes":{"type":"integer"},"reason":{"type":"string"},"log_side":{"type":"boolean"}}}"#;
const PLAIN_SCHEMA: &str = r#"{"type":"object","properties":{"_sequence":{"type":"integer"},"_flags":{"type":"integer"},"payload":{"type":"string","description":"hexadecimal"}}}"#;

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
        self.times.leave_out(&mut done);
        done.leave_out(
            self.json.not_finite(),
            "value",
            "that is no finite number, which JSON does not have; inside an array it is null",
        );
        if let Some(words) = self.times.other_clock(ClockKind::UnixNanos) {
            done.notes
                .push(format!("{words}; readers take the times of messages for nanoseconds since 1970"));
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests;
