//! Walks the records of a byte slice, and what a walk yields.
#![forbid(unsafe_code)]

use crate::format::header::EventHeader;
use crate::format::record::{Checksums, decode};
use crate::format::record_error::RecordError;

/// An iterator over the records of a byte slice.
///
/// Yields each event. After an error it ends, because nobody knows where the next record would start.
///
/// ```
/// use ringlog_nostd::EventHeader;
/// use ringlog_nostd::format::{Checksums, Records, encode};
///
/// let mut bytes = [0; 48];
/// let n = encode(&mut bytes, &EventHeader::new(10, 1, 3), b"abc").unwrap();
/// let n = n + encode(&mut bytes[n..], &EventHeader::new(20, 2, 0), b"").unwrap();
///
/// let times: Vec<u64> = Records::new(&bytes[..n], Checksums::Absent)
///     .map(|event| event.unwrap().header.timestamp)
///     .collect();
/// assert_eq!(times, [10, 20]);
/// ```
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
    offset: u64,
    sequence: u64,
    checksums: Checksums,
}

impl<'a> Records<'a> {
    /// Walks `bytes`, whose first record has offset 0 and sequence 0.
    ///
    /// ```
    /// use ringlog_nostd::EventHeader;
    /// use ringlog_nostd::format::{Checksums, Records, encode};
    ///
    /// let mut bytes = [0; 24];
    /// encode(&mut bytes, &EventHeader::new(1, 7, 3), b"abc").unwrap();
    /// assert_eq!(Records::new(&bytes, Checksums::Absent).count(), 1);
    /// ```
    #[must_use]
    pub const fn new(bytes: &'a [u8], checksums: Checksums) -> Self {
        Self::starting_at(bytes, checksums, 0, 0)
    }

    /// Walks `bytes`, whose first record has this offset and sequence.
    ///
    /// ```
    /// use ringlog_nostd::EventHeader;
    /// use ringlog_nostd::format::{Checksums, Records, encode};
    ///
    /// let mut bytes = [0; 24];
    /// encode(&mut bytes, &EventHeader::new(1, 7, 3), b"abc").unwrap();
    /// let event = Records::starting_at(&bytes, Checksums::Absent, 64, 9).next().unwrap().unwrap();
    /// assert_eq!((event.offset, event.sequence), (64, 9));
    /// ```
    #[must_use]
    pub const fn starting_at(bytes: &'a [u8], checksums: Checksums, offset: u64, sequence: u64) -> Self {
        Self { rest: bytes, offset, sequence, checksums }
    }

    /// Returns the offset of the next record.
    ///
    /// ```
    /// use ringlog_nostd::EventHeader;
    /// use ringlog_nostd::format::{Checksums, Records, encode};
    ///
    /// let mut bytes = [0; 24];
    /// encode(&mut bytes, &EventHeader::new(1, 7, 3), b"abc").unwrap();
    /// let mut records = Records::starting_at(&bytes, Checksums::Absent, 64, 9);
    /// records.next();
    /// assert_eq!((records.offset(), records.sequence(), records.remaining()), (88, 10, &[][..]));
    /// ```
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the sequence of the next record.
    ///
    /// ```
    /// use ringlog_nostd::format::{Checksums, Records};
    ///
    /// assert_eq!(Records::starting_at(&[], Checksums::Absent, 64, 9).sequence(), 9);
    /// ```
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Returns the bytes that were not walked yet. None are left after an error.
    ///
    /// ```
    /// use ringlog_nostd::format::{Checksums, Records};
    ///
    /// assert_eq!(Records::new(&[0; 24], Checksums::Absent).remaining().len(), 24);
    /// ```
    #[must_use]
    pub const fn remaining(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Event<'a>, RecordError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (offset, sequence) = (self.offset, self.sequence);
        match decode(self.rest, offset, self.checksums) {
            Ok((header, payload, stride)) => {
                self.rest = self.rest.get(stride..).unwrap_or_default();
                self.offset = offset.wrapping_add(stride as u64);
                self.sequence = sequence.wrapping_add(1);
                Some(Ok(Event::new(header, payload, sequence, offset)))
            }
            Err(kind) => {
                self.rest = &[];
                Some(Err(RecordError { offset, sequence, kind }))
            }
        }
    }
}

impl core::iter::FusedIterator for Records<'_> {}

/// An event as it was read: the header by value, the payload borrowed from its place.
///
/// ```
/// use ringlog_nostd::EventHeader;
/// use ringlog_nostd::format::{Checksums, Records, encode};
///
/// let mut bytes = [0; 24];
/// encode(&mut bytes, &EventHeader::new(1, 7, 3), b"abc").unwrap();
/// let event = Records::starting_at(&bytes, Checksums::Absent, 64, 9).next().unwrap().unwrap();
/// assert_eq!((event.header.timestamp, event.payload), (1, &b"abc"[..]));
/// assert_eq!((event.sequence, event.offset), (9, 64));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The stored header, with the system's flag bits.
    pub header: EventHeader,
    /// The payload. It starts at a multiple of 8 if the records do.
    pub payload: &'a [u8],
    /// Index of the record in its log, from 0, GAP records included.
    pub sequence: u64,
    /// Start of the record: the byte offset in its file, or the position in its ring.
    pub offset: u64,
    /// The layouts of the segment that it was read from, if that has any.
    layouts: Option<&'a dyn Layouts>,
}

/// The layouts that the records of a segment have: what its META records say of each type.
///
/// A reader of typed logs implements this. It is asked for each event that a program views as one of its structs, so an
/// answer should be remembered.
///
/// See [`Event::with_layouts`] for an example.
pub trait Layouts: core::any::Any + Sync + core::fmt::Debug {
    /// Returns whether events of this type have the layout that `schema`, the payload of a META record, describes.
    /// `true` if nothing is known of the type.
    fn accepts(&self, event_type: u8, schema: &'static [u8]) -> bool;
}

impl<'a> Event<'a> {
    /// Makes an event of its parts. `sequence` and `offset` as in the fields of that name.
    ///
    /// ```
    /// use ringlog_nostd::EventHeader;
    /// use ringlog_nostd::format::Event;
    ///
    /// let event = Event::new(EventHeader::new(1, 7, 3), b"abc", 9, 64);
    /// assert_eq!((event.sequence, event.offset, event.payload), (9, 64, &b"abc"[..]));
    /// ```
    #[must_use]
    #[inline]
    pub const fn new(header: EventHeader, payload: &'a [u8], sequence: u64, offset: u64) -> Self {
        Self { header, payload, sequence, offset, layouts: None }
    }

    /// Returns the same event, as one of a segment with these layouts.
    ///
    /// ```
    /// # use ringlog_nostd::EventHeader;
    /// use ringlog_nostd::format::{Event, Layouts};
    ///
    /// #[derive(Debug)]
    /// struct OnlyKnown(&'static [u8]);
    ///
    /// impl Layouts for OnlyKnown {
    ///     fn accepts(&self, _: u8, schema: &'static [u8]) -> bool {
    ///         schema == self.0
    ///     }
    /// }
    ///
    /// let layouts = OnlyKnown(b"{}");
    /// let event = Event::new(EventHeader::new(1, 7, 3), b"abc", 9, 64).with_layouts(Some(&layouts));
    /// assert!(event.layouts().is_some_and(|layouts| layouts.accepts(7, b"{}")));
    /// ```
    #[must_use]
    #[inline]
    pub const fn with_layouts(mut self, layouts: Option<&'a dyn Layouts>) -> Self {
        self.layouts = layouts;
        self
    }

    /// Returns the layouts of the event's segment; `None` if they are not known.
    ///
    /// ```
    /// # use ringlog_nostd::EventHeader;
    /// use ringlog_nostd::format::Event;
    ///
    /// assert!(Event::new(EventHeader::new(1, 7, 3), b"abc", 9, 64).layouts().is_none());
    /// ```
    #[must_use]
    #[inline]
    pub const fn layouts(&self) -> Option<&'a dyn Layouts> {
        self.layouts
    }

    /// Returns the event as a [`Gap`](crate::Gap), if it is one.
    ///
    /// ```
    /// use ringlog_nostd::{Gap, GapReason};
    /// use ringlog_nostd::format::Event;
    ///
    /// let gap = Gap::new(GapReason::RingFull, 3);
    /// let payload = gap.to_payload();
    /// let event = Event::new(Gap::header(1), &payload, 0, 0);
    /// assert_eq!(event.gap(), Some(gap));
    /// ```
    #[must_use]
    #[inline]
    pub fn gap(&self) -> Option<crate::Gap> {
        crate::Gap::from_event(&self.header, self.payload)
    }

    /// Returns whether this is a META record, which says what the payloads of a segment's events mean.
    ///
    /// ```
    /// use ringlog_nostd::{EventHeader, flags};
    /// use ringlog_nostd::format::Event;
    ///
    /// let header = EventHeader::new(0, 7, 2).with_flags(flags::META);
    /// assert!(Event::new(header, b"{}", 0, 64).is_meta());
    /// ```
    #[must_use]
    #[inline]
    pub const fn is_meta(&self) -> bool {
        self.header.is_meta()
    }
}

/// Equal if header, payload, sequence and offset are. The layouts are not compared.
impl PartialEq for Event<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.header, self.payload, self.sequence, self.offset)
            == (other.header, other.payload, other.sequence, other.offset)
    }
}

impl Eq for Event<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::checksum::crc32c_append;
    use crate::format::record::encode;
    use crate::format::record_error::RecordErrorKind;
    extern crate std;
    use std::vec::Vec;

    #[test]
    fn a_walk_knows_where_it_is() {
        let mut bytes = [0; 40];
        let n = encode(&mut bytes, &EventHeader::new(1, 0, 3), b"abc").unwrap();
        let _ = encode(&mut bytes[n..], &EventHeader::new(2, 0, 0), b"").unwrap();
        let mut records = Records::starting_at(&bytes, Checksums::Ignore, 64, 9);
        assert_eq!((records.offset(), records.sequence(), records.remaining().len()), (64, 9, 40));
        assert_eq!(records.next().map(|event| event.unwrap().sequence), Some(9));
        assert_eq!((records.offset(), records.sequence(), records.remaining().len()), (88, 10, 16));
        assert_eq!(records.next().map(|event| event.unwrap().sequence), Some(10));
        assert!(records.next().is_none() && records.remaining().is_empty());
    }

    #[test]
    fn any_bytes_end_without_panic_and_without_endless_loop() {
        let verify = Checksums::Verify { salt: 0xDEAD_BEEF, crc: crc32c_append };
        let mut state = 1_u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as u8
        };
        for len in 0..256 {
            for _ in 0..50 {
                let bytes: Vec<u8> = (0..len).map(|_| noise()).collect();
                for checksums in [Checksums::Ignore, Checksums::Absent, verify] {
                    assert!(Records::new(&bytes, checksums).count() <= len / 16 + 1);
                }
            }
        }
    }

    #[test]
    fn errors_name_offset_and_sequence_and_end_the_walk() {
        let mut bytes = [0; 64];
        let n = encode(&mut bytes, &EventHeader::new(1, 0, 8), &[1; 8]).unwrap();
        let mut walk = Records::starting_at(&bytes, Checksums::Ignore, 64, 10);
        assert_eq!(walk.next().unwrap().unwrap().sequence, 10);
        let error = walk.next().unwrap().unwrap_err();
        assert_eq!((error.offset, error.sequence), (64 + n as u64, 11));
        assert_eq!(error.kind, RecordErrorKind::NotCommitted);
        assert_eq!(walk.next(), None);
    }
}
