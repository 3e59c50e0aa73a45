//! A table.

use std::io::{self, Write};

use super::{gap_words, hexadecimal};
use crate::cli::error::csv_io_error;
use crate::cli::text::date_of;
use crate::event::{ClockKind, Event};

/// Starts a table with its header.
pub(super) fn begin<W: Write>(out: W) -> io::Result<csv::Writer<W>> {
    let mut table = csv::Writer::from_writer(out);
    let header = ["sequence", "timestamp", "time", "event_type", "flags", "kind", "encoding", "payload"];
    table.write_record(header).map_err(csv_io_error)?;
    Ok(table)
}

/// Writes one row.
pub(super) fn write(
    table: &mut csv::Writer<impl Write>,
    event: &Event<'_>,
    clock: ClockKind,
) -> io::Result<()> {
    let header = &event.header;
    let time = date_of(event, clock);
    let (kind, encoding, payload) = match (event.gap(), std::str::from_utf8(event.payload)) {
        (Some(gap), _) => ("gap", "text", gap_words(&gap)),
        (None, Ok(text)) => ("event", "text", text.to_owned()),
        (None, Err(_)) => ("event", "hex", hexadecimal(event.payload)),
    };
    let row = [
        &event.sequence.to_string(),
        &header.timestamp.to_string(),
        &time.unwrap_or_default(),
        &header.event_type.to_string(),
        &header.user_flags().to_string(),
        kind,
        encoding,
        &payload,
    ];
    table.write_record(row).map_err(csv_io_error)
}
