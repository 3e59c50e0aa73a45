//! One JSON object a line.

use std::io::{self, Write};

use serde::Serialize;

use super::hexadecimal;
use crate::cli::terminal::print::json_line;
use crate::cli::terminal::words::date_of;
use crate::event::{ClockKind, Event, Gap};

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
    /// Null where nobody knows.
    count: Option<u64>,
    reason: String,
    log_side: bool,
    missing_bytes: Option<u64>,
}

/// Writes one object.
pub(super) fn write(out: &mut impl Write, event: &Event<'_>, clock: ClockKind) -> io::Result<()> {
    let timestamp = event.header.timestamp;
    let time = date_of(event, clock);
    let line = match event.gap() {
        Some(gap) => {
            json_line(&GapLine { sequence: event.sequence, timestamp, time, gap: gap_object(&gap) })?
        }
        None => json_line(&event_object(event, time))?,
    };
    writeln!(out, "{line}")
}

fn event_object<'a>(event: &Event<'a>, time: Option<String>) -> EventLine<'a> {
    let text = std::str::from_utf8(event.payload).ok();
    EventLine {
        sequence: event.sequence,
        timestamp: event.header.timestamp,
        time,
        event_type: event.header.event_type,
        flags: event.header.user_flags(),
        payload_len: event.header.payload_len,
        text,
        hex: text.is_none().then(|| hexadecimal(event.payload)),
    }
}

fn gap_object(gap: &Gap) -> GapWords {
    GapWords {
        count: (gap.count > 0).then_some(gap.count),
        reason: gap.reason.to_string(),
        log_side: gap.log_side,
        missing_bytes: (gap.extent > 0).then_some(u64::from(gap.extent) * 8),
    }
}
