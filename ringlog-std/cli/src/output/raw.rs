//! Payloads alone.

use std::io::{self, Write};

use ringlog::event::Event;

/// Writes the payload and the separator; writes nothing for a GAP record, which has no payload from a user.
pub(super) fn write(out: &mut impl Write, event: &Event<'_>, separator: &[u8]) -> io::Result<()> {
    if event.header.is_gap() {
        return Ok(());
    }
    out.write_all(event.payload)?;
    out.write_all(separator)
}
