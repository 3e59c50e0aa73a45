//! A run of whole records that lie one behind the other, as a ring or a log hands them to consumers.
#![forbid(unsafe_code)]

use crate::format::header::EventHeader;
use crate::format::record::{Checksums, RecordError, Records, decode};

/// A contiguous run of valid records, with a cursor at the first one that was not accepted yet.
///
/// A consumer takes events from the front with [`peek`](Self::peek) and [`accept`](Self::accept), or many
/// at once with [`remaining`](Self::remaining) and [`accept_bytes`](Self::accept_bytes). What it has
/// accepted is known to whoever lent the run even if the consumer panics half-way.
///
/// ```
/// use ringlog_nostd::{EventHeader, Run, encode};
///
/// let mut bytes = [0; 24];
/// encode(&mut bytes, &EventHeader::new(1, 7, 3), b"abc").unwrap();
/// let mut run = Run::new(&bytes).unwrap();
/// let (header, payload) = run.peek().unwrap();
/// assert_eq!((header.event_type, payload), (7, &b"abc"[..]));
/// run.accept();
/// assert_eq!((run.accepted_events(), run.accepted_bytes()), (1, 24));
/// assert!(run.peek().is_none());
/// ```
#[derive(Clone, Debug)]
pub struct Run<'a> {
    bytes: &'a [u8],
    accepted_bytes: usize,
    accepted_events: u64,
}

impl<'a> Run<'a> {
    /// Checks that `bytes` are whole records (not their checksums) and makes a run of them.
    ///
    /// # Errors
    ///
    /// The first record that is not whole, with its offset in `bytes`.
    pub fn new(bytes: &'a [u8]) -> Result<Self, RecordError> {
        for record in Records::new(bytes, Checksums::Ignore) {
            record?;
        }
        Ok(Self::trusted(bytes))
    }

    /// A run of records that somebody has checked already.
    pub(crate) const fn trusted(bytes: &'a [u8]) -> Self {
        Self { bytes, accepted_bytes: 0, accepted_events: 0 }
    }

    /// The bytes of the records that were not accepted yet.
    #[must_use]
    #[inline]
    pub fn remaining(&self) -> &'a [u8] {
        self.bytes.get(self.accepted_bytes..).unwrap_or_default()
    }

    /// The first event that was not accepted yet. Calling it twice gives the same event.
    #[must_use]
    #[inline]
    pub fn peek(&self) -> Option<(EventHeader, &'a [u8])> {
        let (header, payload, _) = decode(self.remaining(), 0, Checksums::Ignore).ok()?;
        Some((header, payload))
    }

    /// Accepts the event that [`peek`](Self::peek) shows; does nothing at the end.
    #[inline]
    pub fn accept(&mut self) {
        if let Some((header, _)) = self.peek() {
            self.accept_bytes(header.stride(), 1);
        }
    }

    /// Accepts `events` records that take the first `bytes` bytes of [`remaining`](Self::remaining).
    ///
    /// More bytes than remain are taken as all that remain; the number of events, which is for statistics, ends at
    /// `u64::MAX`. A number of bytes that does not end at a
    /// record's end is a caller's mistake: what follows cannot be read, and [`peek`](Self::peek) ends.
    #[inline]
    pub fn accept_bytes(&mut self, bytes: usize, events: u64) {
        self.accepted_bytes += bytes.min(self.bytes.len() - self.accepted_bytes);
        self.accepted_events = self.accepted_events.saturating_add(events);
    }

    /// Bytes accepted so far.
    #[must_use]
    #[inline]
    pub const fn accepted_bytes(&self) -> usize {
        self.accepted_bytes
    }

    /// Records accepted so far.
    #[must_use]
    #[inline]
    pub const fn accepted_events(&self) -> u64 {
        self.accepted_events
    }

    /// Whether every record was accepted.
    #[must_use]
    #[inline]
    pub const fn is_done(&self) -> bool {
        self.accepted_bytes == self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::record::encode;

    #[test]
    fn damaged_bytes_are_no_run() {
        let mut bytes = [0; 48];
        let _ = encode(&mut bytes, &EventHeader::new(1, 0, 3), b"abc");
        assert_eq!(Run::new(&bytes).unwrap_err().offset, 24);
        assert!(Run::new(&bytes[..24]).is_ok());
        assert!(Run::new(&bytes[..23]).is_err());
    }

    #[test]
    fn accepting_too_much_is_accepting_all() {
        let mut bytes = [0; 24];
        let _ = encode(&mut bytes, &EventHeader::new(1, 0, 3), b"abc");
        let mut run = Run::new(&bytes).unwrap();
        run.accept_bytes(usize::MAX, 1);
        assert!(run.is_done() && run.peek().is_none());
        run.accept();
        assert_eq!(run.accepted_events(), 1);
        run.accept_bytes(0, u64::MAX);
        run.accept_bytes(0, 1);
        assert_eq!(run.accepted_events(), u64::MAX);
    }
}
