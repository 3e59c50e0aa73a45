//! Events with names and fields, in the formats of `cat`.

use std::io::{self, Write};

use super::PrintStyle;
use super::csv::no_formula;
use super::gap_words;
use super::payload::hexadecimal;
use super::text::{PLAIN, TYPE, place, write_line};
use crate::error::csv_io_error;
use crate::terminal::words::{date_of, moment};
use ringlog::event::{ClockKind, Event};
use ringlog::schema::{Decoded, Schema, Tail};

/// Columns of each table, before those of the type. A field of such a name is in the column `payload.NAME`.
const COLUMNS: [&str; 7] = ["sequence", "timestamp", "time", "event_type", "flags", "kind", "gap"];

/// The last column of an exact table: the bytes in hexadecimal. No field has such a name.
const PAYLOAD: &str = "payload (hex)";

/// Writes one line for people.
pub(super) fn write_text(
    out: &mut impl Write,
    event: &Event<'_>,
    clock: ClockKind,
    decoded: Decoded<'_>,
    style: &PrintStyle,
) -> io::Result<()> {
    let mut rest = String::from(" ");
    if event.header.user_flags() != 0 {
        rest += &format!(" flags {:x} ", event.header.user_flags());
    }
    // Fields that are times have the clock of the log.
    let time =
        |timestamp, f: &mut std::fmt::Formatter<'_>| f.write_str(&moment(timestamp, clock, &style.zone));
    rest += &format!(" {}", decoded.text(time));
    let name = decoded.schema().name();
    let place = place(event, clock, style);
    write_line(out, style.screen, &[(place.0, &place.1), (TYPE, name), (PLAIN, rest.trim_end())])
}

/// Starts the table of one type and writes its header.
pub(super) fn begin_table<W: Write>(schema: &Schema, is_exact: bool, out: W) -> io::Result<csv::Writer<W>> {
    let mut table = csv::Writer::from_writer(out);
    let fields = schema.columns().map(|column| match column.name() {
        name if COLUMNS.contains(&name) => format!("payload.{name}"),
        name => name.to_owned(),
    });
    let payload = is_exact.then(|| PAYLOAD.to_owned());
    table
        .write_record(COLUMNS.map(String::from).into_iter().chain(fields).chain(payload))
        .map_err(csv_io_error)?;
    Ok(table)
}

/// Writes one row. `decoded` is `None` for a GAP record, and for a payload that does not fit its description: its cells
/// are empty.
pub(super) fn write_row(
    table: &mut csv::Writer<impl Write>,
    event: &Event<'_>,
    clock: ClockKind,
    schema: &Schema,
    decoded: Option<Decoded<'_>>,
    style: &PrintStyle,
) -> io::Result<()> {
    let header = &event.header;
    let (kind, gap) = match (event.gap(), decoded) {
        (Some(gap), _) => ("gap", gap_words(&gap)),
        (None, Some(_)) => ("event", String::new()),
        (None, None) => ("unfit", String::new()),
    };
    let mut row = vec![
        event.sequence.to_string(),
        header.timestamp.to_string(),
        date_of(event, clock, &style.zone).unwrap_or_default(),
        header.event_type.to_string(),
        header.user_flags().to_string(),
        kind.to_owned(),
        gap,
    ];
    match decoded {
        Some(decoded) if decoded.schema() == schema => {
            row.extend(decoded.cells().map(|value| value.cell().to_string()));
        }
        // Another layout: what it has under these names.
        Some(decoded) => row.extend(schema.columns().map(|column| {
            decoded.get(column.name()).map_or_else(String::new, |value| value.cell().to_string())
        })),
        None => row.resize(COLUMNS.len() + schema.columns().count(), String::new()),
    }
    // The tail is the last column.
    if schema.tail() != Tail::None
        && let Some(json) = decoded.and_then(|decoded| decoded.cbor_tail())
    {
        row.pop();
        row.push(json);
    }
    if style.is_exact {
        row.push(hexadecimal(event.payload));
    }
    if style.is_safe {
        row = row.into_iter().map(no_formula).collect();
    }
    table.write_record(row).map_err(csv_io_error)
}
