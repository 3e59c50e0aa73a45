//! Lines for people.

use std::io::{self, Write};

use super::{gap_words, hexadecimal};
use crate::cli::terminal::words::{escaped, gap_moment, moment};
use crate::event::{ClockKind, Event};

const SHOWN_BYTES: usize = 32;

/// Writes one line.
pub(super) fn write(out: &mut impl Write, event: &Event<'_>, clock: ClockKind) -> io::Result<()> {
    let header = &event.header;
    if let Some(gap) = event.gap() {
        let time = gap_moment(header.timestamp, clock);
        return writeln!(out, "{:>10}  {time}  GAP  {}", event.sequence, gap_words(&gap));
    }
    let time = moment(header.timestamp, clock);
    write!(
        out,
        "{:>10}  {time}  type {:>3}  {:>5} B  ",
        event.sequence, header.event_type, header.payload_len
    )?;
    if header.user_flags() != 0 {
        write!(out, "flags {:x}  ", header.user_flags())?;
    }
    write_payload(out, event.payload)
}

/// Text as it is, but for what would command a terminal; other bytes in hexadecimal.
fn write_payload(out: &mut impl Write, payload: &[u8]) -> io::Result<()> {
    match (std::str::from_utf8(payload), payload.split_at_checked(SHOWN_BYTES)) {
        (Ok(text), _) => writeln!(out, "{}", escaped(text, &['\t'])),
        (Err(_), Some((shown, rest))) if !rest.is_empty() => writeln!(out, "0x{}...", hexadecimal(shown)),
        (Err(_), _) => writeln!(out, "0x{}", hexadecimal(payload)),
    }
}
