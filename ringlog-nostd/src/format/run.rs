//! A run of whole, contiguous records, as a ring or a log lends them to consumers.
#![forbid(unsafe_code)]

use crate::format::header::EventHeader;
use crate::format::record::{Checksums, decode};
use crate::format::record_error::RecordError;
use crate::format::records::Records;

/// A contiguous run of valid records, with a cursor at the first record that was not accepted yet.
///
/// A consumer takes one event with [`peek`](Self::peek) and [`accept`](Self::accept), or many at once with
/// [`remaining`](Self::remaining) and [`accept_bytes`](Self::accept_bytes). If it panics, the lender of the run still
/// knows what it had accepted.
///
/// ```
/// use ringlog_nostd::{EventHeader, Run};
/// use ringlog_nostd::format::encode;
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
    /// Checks that `bytes` are whole records and makes a run of them. It does not check their checksums.
    ///
    /// # Errors
    ///
    /// [`RecordError`] for the first record that is not whole, or that is a META record, with its offset in `bytes`.
    ///
    /// ```
    /// use ringlog_nostd::{EventHeader, Run};
    /// use ringlog_nostd::format::{RecordErrorKind, encode};
    ///
    /// let mut bytes = [0; 48];
    /// encode(&mut bytes, &EventHeader::new(1, 7, 3), b"abc").unwrap();
    /// assert!(Run::new(&bytes[..24]).is_ok());
    /// let error = Run::new(&bytes).unwrap_err();
    /// assert_eq!((error.offset, error.kind), (24, RecordErrorKind::NotCommitted));
    /// ```
    pub fn new(bytes: &'a [u8]) -> Result<Self, RecordError> {
        for record in Records::new(bytes, Checksums::Ignore) {
            record?;
        }
        Ok(Self::trusted(bytes))
    }

    /// Makes a run of records that were checked already.
    pub(crate) const fn trusted(bytes: &'a [u8]) -> Self {
        Self { bytes, accepted_bytes: 0, accepted_events: 0 }
    }

    /// Returns the bytes of the records that were not accepted yet.
    ///
    /// ```
    /// # use ringlog_nostd::{EventHeader, Run};
    /// # use ringlog_nostd::format::encode;
    /// # let mut bytes = [0; 24];
    /// # encode(&mut bytes, &EventHeader::new(1, 7, 3), b"abc").unwrap();
    /// let mut run = Run::new(&bytes).unwrap(); // one record
    /// assert_eq!(run.remaining(), bytes);
    /// run.accept();
    /// assert_eq!(run.remaining(), b"");
    /// ```
    #[must_use]
    #[inline]
    pub fn remaining(&self) -> &'a [u8] {
        self.bytes.get(self.accepted_bytes..).unwrap_or_default()
    }

    /// Returns the first event that was not accepted yet. A second call returns the same event.
    ///
    /// ```
    /// # use ringlog_nostd::{EventHeader, Run};
    /// # use ringlog_nostd::format::encode;
    /// # let mut bytes = [0; 24];
    /// # encode(&mut bytes, &EventHeader::new(1, 7, 3), b"abc").unwrap();
    /// let mut run = Run::new(&bytes).unwrap(); // one record
    /// assert_eq!(run.peek().unwrap().1, b"abc");
    /// assert_eq!(run.peek().unwrap().1, b"abc");
    /// run.accept();
    /// assert_eq!(run.peek(), None);
    /// ```
    #[must_use]
    #[inline]
    pub fn peek(&self) -> Option<(EventHeader, &'a [u8])> {
        let (header, payload, _) = decode(self.remaining(), 0, Checksums::Ignore).ok()?;
        Some((header, payload))
    }

    /// Accepts the event that [`peek`](Self::peek) returns. Does nothing at the end.
    ///
    /// ```
    /// # use ringlog_nostd::{EventHeader, Run};
    /// # use ringlog_nostd::format::encode;
    /// # let mut bytes = [0; 24];
    /// # encode(&mut bytes, &EventHeader::new(1, 7, 3), b"abc").unwrap();
    /// let mut run = Run::new(&bytes).unwrap(); // one record
    /// run.accept();
    /// run.accept();
    /// assert_eq!(run.accepted_events(), 1);
    /// ```
    #[inline]
    pub fn accept(&mut self) {
        if let Some((header, _)) = self.peek() {
            self.accept_bytes(header.stride(), 1);
        }
    }

    /// Accepts `events` records that take the first `bytes` bytes of [`remaining`](Self::remaining).
    ///
    /// More bytes than remain accept all that remain. The number of events is for statistics and saturates. `bytes` has
    /// to end where a record ends; otherwise the rest cannot be read, and [`peek`](Self::peek) returns `None`.
    ///
    /// ```
    /// # use ringlog_nostd::{EventHeader, Run};
    /// # use ringlog_nostd::format::encode;
    /// # let mut bytes = [0; 24];
    /// # encode(&mut bytes, &EventHeader::new(1, 7, 3), b"abc").unwrap();
    /// let mut run = Run::new(&bytes).unwrap(); // one record
    /// let bytes = run.remaining().len(); // copied as they are, say
    /// run.accept_bytes(bytes, 1);
    /// assert!(run.is_done());
    /// ```
    #[inline]
    pub fn accept_bytes(&mut self, bytes: usize, events: u64) {
        self.accepted_bytes += bytes.min(self.bytes.len() - self.accepted_bytes);
        self.accepted_events = self.accepted_events.saturating_add(events);
    }

    /// Returns the number of bytes accepted so far.
    ///
    /// ```
    /// # use ringlog_nostd::{EventHeader, Run};
    /// # use ringlog_nostd::format::encode;
    /// # let mut bytes = [0; 24];
    /// # encode(&mut bytes, &EventHeader::new(1, 7, 3), b"abc").unwrap();
    /// let mut run = Run::new(&bytes).unwrap(); // one record
    /// run.accept();
    /// assert_eq!(run.accepted_bytes(), 24);
    /// ```
    #[must_use]
    #[inline]
    pub const fn accepted_bytes(&self) -> usize {
        self.accepted_bytes
    }

    /// Returns the number of records accepted so far.
    ///
    /// ```
    /// # use ringlog_nostd::{EventHeader, Run};
    /// # use ringlog_nostd::format::encode;
    /// # let mut bytes = [0; 24];
    /// # encode(&mut bytes, &EventHeader::new(1, 7, 3), b"abc").unwrap();
    /// let mut run = Run::new(&bytes).unwrap(); // one record
    /// run.accept();
    /// assert_eq!(run.accepted_events(), 1);
    /// ```
    #[must_use]
    #[inline]
    pub const fn accepted_events(&self) -> u64 {
        self.accepted_events
    }

    /// Returns whether every record was accepted.
    ///
    /// ```
    /// # use ringlog_nostd::{EventHeader, Run};
    /// # use ringlog_nostd::format::encode;
    /// # let mut bytes = [0; 24];
    /// # encode(&mut bytes, &EventHeader::new(1, 7, 3), b"abc").unwrap();
    /// let mut run = Run::new(&bytes).unwrap(); // one record
    /// assert!(!run.is_done());
    /// run.accept();
    /// assert!(run.is_done());
    /// ```
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
    use crate::format::record_error::RecordErrorKind;

    #[test]
    fn damaged_bytes_are_no_run() {
        let mut bytes = [0; 48];
        let _ = encode(&mut bytes, &EventHeader::new(1, 0, 3), b"abc");
        assert_eq!(Run::new(&bytes).unwrap_err().offset, 24);
        assert!(Run::new(&bytes[..24]).is_ok());
        assert!(Run::new(&bytes[..23]).is_err());
    }

    #[test]
    fn a_meta_record_is_in_no_run() {
        let mut bytes = [0; 48];
        let event = encode(&mut bytes, &EventHeader::new(1, 0, 3), b"abc").unwrap();
        let meta = EventHeader::new(0, 1, 2).with_flags(crate::flags::META);
        let end = event + encode(&mut bytes[event..], &meta, b"{}").unwrap();
        let error = Run::new(&bytes[..end]).unwrap_err();
        assert_eq!((error.offset, error.sequence, error.kind), (24, 1, RecordErrorKind::MisplacedMeta));
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
