//! Payloads and nothing else.

use std::io::{self, Write};

use crate::event::Event;

/// Writes the payload and a newline; for a GAP record, which has no payload of the user's, nothing.
pub(super) fn write(out: &mut impl Write, event: &Event<'_>) -> io::Result<()> {
    if event.header.is_gap() {
        return Ok(());
    }
    out.write_all(event.payload)?;
    out.write_all(b"\n")
}
