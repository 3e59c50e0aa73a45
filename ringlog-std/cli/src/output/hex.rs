//! Whole records in hexadecimal, for other programs.

use std::io::{self, Write};

use super::payload::hexadecimal;
use ringlog::event::Event;

/// Writes one line; a GAP record appears as it is stored.
pub(super) fn write(out: &mut impl Write, event: &Event<'_>) -> io::Result<()> {
    let header = &event.header;
    let payload = hexadecimal(event.payload);
    writeln!(
        out,
        "{} {} {} {:02x} {payload}",
        event.sequence, header.timestamp, header.event_type, header.flags
    )
}
