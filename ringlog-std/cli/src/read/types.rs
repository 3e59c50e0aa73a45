//! What a log holds of each type of events.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::descriptions::Descriptions;
use crate::terminal::words::{grouped, moment};
use crate::terminal::zone::Zone;
use ringlog::event::{ClockKind, Event};

/// The events of one type.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct TypeLine {
    event_type: u8,
    /// As it was described last; none for a type that nothing describes.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    events: u64,
    payload_bytes: u64,
    first_timestamp: u64,
    last_timestamp: u64,
    /// Between the first and the last one, where the clock counts seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    events_per_second: Option<f64>,
}

/// Counts of each type.
#[derive(Clone, Debug, Default)]
pub(crate) struct TypeLines(BTreeMap<u8, TypeLine>);

impl TypeLines {
    /// Counts an event; a GAP record has no type.
    pub(crate) fn add(&mut self, event: &Event<'_>, descriptions: &Descriptions) {
        if event.header.is_gap() {
            return;
        }
        let (event_type, timestamp) = (event.header.event_type, event.header.timestamp);
        let line = self.0.entry(event_type).or_insert(TypeLine {
            event_type,
            name: None,
            events: 0,
            payload_bytes: 0,
            first_timestamp: timestamp,
            last_timestamp: timestamp,
            events_per_second: None,
        });
        line.events += 1;
        line.payload_bytes += event.payload.len() as u64;
        line.last_timestamp = timestamp;
        let name = descriptions.schema_of(event).map(|schema| schema.name());
        if name.is_some() && name != line.name.as_deref() {
            line.name = name.map(String::from);
        }
    }

    /// Returns the lines in the order of the types, for a log with this clock.
    pub(crate) fn into_lines(self, clock: ClockKind) -> Vec<TypeLine> {
        let has_nanos = matches!(clock, ClockKind::UnixNanos | ClockKind::MonotonicNanos);
        let with_rate = |mut line: TypeLine| {
            let nanos = line.last_timestamp.saturating_sub(line.first_timestamp);
            line.events_per_second =
                (has_nanos && nanos > 0).then(|| line.events as f64 * 1e9 / nanos as f64);
            line
        };
        self.0.into_values().map(with_rate).collect()
    }
}

/// Describes types in a table for people, a line each.
pub(crate) fn words(lines: &[TypeLine], clock: ClockKind) -> Vec<String> {
    let name = |line: &TypeLine| match &line.name {
        Some(name) => format!("{} {name}", line.event_type),
        None => line.event_type.to_string(),
    };
    let width = lines.iter().map(|line| name(line).len()).max().unwrap_or(0);
    let zone = Zone::Utc;
    let words = |line: &TypeLine| {
        let rate =
            line.events_per_second.map_or_else(String::new, |rate| format!("{}/s", grouped(rate as u64)));
        let (first, last) =
            (moment(line.first_timestamp, clock, &zone), moment(line.last_timestamp, clock, &zone));
        format!("{:<width$}  {:>13}  {rate:>13}  {first} to {last}", name(line), grouped(line.events))
    };
    lines.iter().map(words).collect()
}
