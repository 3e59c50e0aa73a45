//! Events as CSV.

use std::io::{self, Write};

use super::payload::Encoding;
use super::{PrintStyle, gap_words};
use crate::error::csv_io_error;
use crate::terminal::words::date_of;
use ringlog::event::{ClockKind, Event};

/// Starts a table and writes its header.
pub(super) fn begin<W: Write>(out: W) -> io::Result<csv::Writer<W>> {
    let mut table = csv::Writer::from_writer(out);
    let header = ["sequence", "timestamp", "time", "event_type", "flags", "kind", "encoding", "payload"];
    table.write_record(header).map_err(csv_io_error)?;
    Ok(table)
}

/// Writes one row.
///
/// A cell may hold line ends and tabs.
pub(super) fn write(
    table: &mut csv::Writer<impl Write>,
    event: &Event<'_>,
    clock: ClockKind,
    encoding: Encoding,
    style: &PrintStyle,
) -> io::Result<()> {
    let header = &event.header;
    let time = date_of(event, clock, &style.zone);
    let (kind, encoding, payload) = match event.gap() {
        Some(_) if style.is_exact => ("gap", Encoding::Hex, Encoding::Hex.of(event.payload, &[], true)),
        Some(gap) => ("gap", Encoding::Text, gap_words(&gap)),
        None => ("event", encoding, encoding.of(event.payload, &['\n', '\t'], true)),
    };
    let row = [
        &event.sequence.to_string(),
        &header.timestamp.to_string(),
        &time.unwrap_or_default(),
        &header.event_type.to_string(),
        &header.user_flags().to_string(),
        kind,
        encoding.name(),
        &if style.is_safe { no_formula(payload) } else { payload },
    ];
    table.write_record(row).map_err(csv_io_error)
}

/// Puts an apostrophe before what a spreadsheet would take for a formula, which makes it text.
pub(super) fn no_formula(payload: String) -> String {
    let begins_formula =
        |sign| matches!(sign, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠');
    if payload.starts_with(begins_formula) { format!("'{payload}") } else { payload }
}
