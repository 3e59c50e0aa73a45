//! A table.

use std::borrow::Cow;
use std::io::{self, Write};

use super::{gap_words, hexadecimal};
use crate::cli::error::csv_io_error;
use crate::cli::terminal::words::{date_of, escaped};
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
    is_safe: bool,
) -> io::Result<()> {
    let header = &event.header;
    let time = date_of(event, clock);
    let (kind, (encoding, payload)) = match event.gap() {
        Some(gap) => ("gap", ("text", gap_words(&gap))),
        None => ("event", encoded(event.payload)),
    };
    let row = [
        &event.sequence.to_string(),
        &header.timestamp.to_string(),
        &time.unwrap_or_default(),
        &header.event_type.to_string(),
        &header.user_flags().to_string(),
        kind,
        encoding,
        &if is_safe { no_formula(payload) } else { payload },
    ];
    table.write_record(row).map_err(csv_io_error)
}

/// A payload, and how it is written. A cell may have line ends and tabs; with other control characters in it, all of it is
/// written as in a JSON string, so that nothing is lost.
fn encoded(payload: &[u8]) -> (&'static str, String) {
    match std::str::from_utf8(payload) {
        Err(_) => ("hex", hexadecimal(payload)),
        Ok(text) if matches!(escaped(text, &['\n', '\t']), Cow::Borrowed(_)) => ("text", text.to_owned()),
        Ok(text) => ("escaped", escaped(&text.replace('\\', r"\\"), &[]).replace('"', "\\\"")),
    }
}

/// Keeps a program for spreadsheets from computing a cell: an apostrophe in front makes it text.
fn no_formula(payload: String) -> String {
    let begins_formula =
        |sign| matches!(sign, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠');
    if payload.starts_with(begins_formula) { format!("'{payload}") } else { payload }
}
