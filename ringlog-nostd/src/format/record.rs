//! Records over byte slices: writing one, sealing one with its checksum, reading one, walking many.
//!
//! Nothing here knows where the bytes come from: a ring, a mapped file, a buffer, a test's array.
#![forbid(unsafe_code)]

use crate::error::Bytes;
use crate::error::WriteError;
use crate::format::checksum::{Crc32cAppend, place_word, record_checksum};
use crate::format::gap::GAP_PAYLOAD_LEN;
use crate::format::header::{EventHeader, HEADER_LEN, RECORD_ALIGN, flags, record_len};

/// What a reader demands of the checksums in a run of records.
#[derive(Clone, Copy, Debug)]
pub enum Checksums {
    /// No checksum is expected: a record that claims to have one is damage.
    Absent,
    /// Every record has to carry a checksum, which is not computed again.
    Present,
    /// Every record has to carry the right checksum for its place.
    Verify {
        /// The salt of the file or ring: see [`place_word`].
        salt: u32,
        /// How to compute it.
        crc: Crc32cAppend,
    },
    /// Records with and without are taken, as they stand in a ring.
    Ignore,
}

/// An event as read: the header by value, the payload borrowed from where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event<'a> {
    /// The header as stored, with the system's flag bits.
    pub header: EventHeader,
    /// The payload, 8-aligned if the run of records is.
    pub payload: &'a [u8],
    /// Index of the record in its log, counted from 0, GAP records included.
    pub sequence: u64,
    /// Where the record starts: the byte offset in its file, or the position in its ring.
    pub offset: u64,
}

impl Event<'_> {
    /// The event as a [`Gap`](crate::Gap), if it is one.
    #[must_use]
    pub fn gap(&self) -> Option<crate::Gap> {
        crate::Gap::from_event(&self.header, self.payload)
    }
}

/// Why bytes are not a valid record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RecordErrorKind {
    /// Fewer bytes are left than the record needs.
    Truncated {
        /// Bytes that the record takes, as far as its header can be read.
        needed: usize,
        /// Bytes that are there.
        available: usize,
    },
    /// The committed bit is not set: nothing was ever written here, or it was wiped.
    NotCommitted,
    /// The reserved flag bit is set.
    ReservedFlag,
    /// Padding that is not zero.
    Padding,
    /// A GAP record whose payload is not 16 bytes.
    GapLength {
        /// Its length.
        found: u16,
    },
    /// The record carries no checksum although the file says that all do.
    ChecksumMissing,
    /// The record carries a checksum although the file says that none does.
    ChecksumUnexpected,
    /// The checksum is wrong for these bytes at this place.
    Checksum {
        /// What stands in the record.
        stored: u32,
        /// What the bytes add up to.
        computed: u32,
    },
}

impl core::fmt::Display for RecordErrorKind {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Truncated { needed, available } => {
                write!(f, "record of {needed} bytes cut short, {} left", Bytes(*available))
            }
            Self::NotCommitted => f.write_str("no committed record here"),
            Self::ReservedFlag => f.write_str("reserved flag bit set"),
            Self::Padding => f.write_str("padding is not zero"),
            Self::GapLength { found } => {
                write!(f, "GAP record with a payload of {}", Bytes(usize::from(*found)))
            }
            Self::ChecksumMissing => f.write_str("record without a checksum in a file with checksums"),
            Self::ChecksumUnexpected => f.write_str("record with a checksum in a file without"),
            Self::Checksum { stored, computed } => {
                write!(f, "checksum {stored:#010x} stored, {computed:#010x} computed")
            }
        }
    }
}

/// A record that could not be read, and where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RecordError {
    /// Byte offset of the record, counted as in [`Event::offset`].
    pub offset: u64,
    /// Sequence that the record would have had.
    pub sequence: u64,
    /// What is wrong with it.
    pub kind: RecordErrorKind,
}

impl core::fmt::Display for RecordError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "record {} at offset {}: {}", self.sequence, self.offset, self.kind)
    }
}

impl core::error::Error for RecordError {}

/// Checks a header and a payload length that a caller wants to have written.
///
/// # Errors
///
/// [`WriteError::PayloadTooLarge`] before anything else, so that a hostile length meets no arithmetic;
/// then [`WriteError::LengthMismatch`] and [`WriteError::Flags`].
#[inline]
pub fn check_event(header: &EventHeader, payload_len: usize, max_payload: usize) -> Result<(), WriteError> {
    if payload_len > max_payload {
        return Err(WriteError::PayloadTooLarge { len: payload_len, max: max_payload });
    }
    if header.payload_len as usize != payload_len {
        return Err(WriteError::LengthMismatch { header: header.payload_len, payload: payload_len });
    }
    if header.flags & !flags::USER != 0 {
        return Err(WriteError::Flags { found: header.flags });
    }
    Ok(())
}

/// Writes header, payload and padding to the start of `to` and returns the record's length.
///
/// The header is stored as it is, with [`flags::COMMITTED`] added. `None` if `to` is too short or the
/// header's length is not the payload's; then nothing is written.
#[must_use]
pub fn encode(to: &mut [u8], header: &EventHeader, payload: &[u8]) -> Option<usize> {
    if header.payload_len as usize != payload.len() {
        return None;
    }
    let stride = header.stride();
    let record = to.get_mut(..stride)?;
    let stored = header.with_flags(header.flags | flags::COMMITTED);
    let (head, rest) = record.split_at_mut_checked(HEADER_LEN)?;
    let (body, padding) = rest.split_at_mut_checked(payload.len())?;
    crate::copy::copy(body, payload);
    if !padding.is_empty() {
        padding.fill(0);
    }
    // Last: a checksum in it may still be on its way through the processor, and stores go out in order.
    head.copy_from_slice(&stored.to_bytes());
    Some(stride)
}

/// Fills in the checksum of the record at the start of `record`, for a place whose word is `place`,
/// and returns the record's length; `None` if there is no whole record.
///
/// Whatever stands in its checksum field before, a ring's own checksum say, does not matter.
#[must_use]
pub fn add_checksum(record: &mut [u8], place: u32, crc: Crc32cAppend) -> Option<usize> {
    let mut header = EventHeader::from_bytes(record.first_chunk()?);
    let end = HEADER_LEN + header.payload_len as usize;
    header.flags |= flags::CHECKSUMMED;
    header.checksum = place;
    // The place word goes into the field first, so that one pass over contiguous bytes is enough.
    *record.first_chunk_mut()? = header.to_bytes();
    header.checksum = crc(0, record.get(..end)?);
    *record.first_chunk_mut()? = header.to_bytes();
    Some(header.stride())
}

/// Reads the record at the start of `bytes`, which stands at `offset`, and returns it with its length.
///
/// # Errors
///
/// Says what is wrong with it. Never panics, whatever the bytes.
#[inline]
pub fn decode(
    bytes: &[u8],
    offset: u64,
    checksums: Checksums,
) -> Result<(EventHeader, &[u8], usize), RecordErrorKind> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEADER_LEN>() else {
        return Err(RecordErrorKind::Truncated { needed: HEADER_LEN, available: bytes.len() });
    };
    let header = EventHeader::from_bytes(head);
    check_stored_header(&header)?;
    let stride = header.stride();
    let Some((payload, padding)) =
        rest.get(..stride - HEADER_LEN).and_then(|body| body.split_at_checked(header.payload_len as usize))
    else {
        return Err(RecordErrorKind::Truncated { needed: stride, available: bytes.len() });
    };
    // Where payloads are whole words, there is nothing to look at.
    if !padding.is_empty() && padding.iter().any(|&byte| byte != 0) {
        return Err(RecordErrorKind::Padding);
    }
    check_checksum(&header, payload, offset, checksums)?;
    Ok((header, payload, stride))
}

/// Whether a stored header obeys what every one has to, in a ring and in a file.
#[inline]
pub(crate) const fn is_stored_header(header: &EventHeader) -> bool {
    // An event; or else it is looked at more closely.
    header.flags & (flags::COMMITTED | flags::RESERVED | flags::GAP) == flags::COMMITTED
        || (header.flags & (flags::COMMITTED | flags::RESERVED) == flags::COMMITTED
            && header.payload_len as usize == GAP_PAYLOAD_LEN)
}

/// The same, and what is wrong.
#[inline]
fn check_stored_header(header: &EventHeader) -> Result<(), RecordErrorKind> {
    if is_stored_header(header) { Ok(()) } else { Err(what_is_wrong(header)) }
}

/// Of a header that is not [`is_stored_header`].
#[cold]
fn what_is_wrong(header: &EventHeader) -> RecordErrorKind {
    if !header.is_committed() {
        RecordErrorKind::NotCommitted
    } else if header.flags & flags::RESERVED != 0 {
        RecordErrorKind::ReservedFlag
    } else {
        RecordErrorKind::GapLength { found: header.payload_len }
    }
}

#[inline]
fn check_checksum(
    header: &EventHeader,
    payload: &[u8],
    offset: u64,
    checksums: Checksums,
) -> Result<(), RecordErrorKind> {
    match checksums {
        Checksums::Ignore => Ok(()),
        Checksums::Absent if header.is_checksummed() => Err(RecordErrorKind::ChecksumUnexpected),
        Checksums::Absent => Ok(()),
        Checksums::Present | Checksums::Verify { .. } if !header.is_checksummed() => {
            Err(RecordErrorKind::ChecksumMissing)
        }
        Checksums::Present => Ok(()),
        Checksums::Verify { salt, crc } => {
            let computed = record_checksum(crc, header, payload, place_word(salt, offset));
            if computed == header.checksum {
                Ok(())
            } else {
                Err(RecordErrorKind::Checksum { stored: header.checksum, computed })
            }
        }
    }
}

/// An iterator over the records of a byte slice.
///
/// Yields each event, or an error with its offset and sequence, after which it ends: what follows a
/// record that cannot be read has no known start.
///
/// ```
/// use ringlog_nostd::{Checksums, EventHeader, Records, encode};
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
    /// Walks `bytes`, which start with a record at offset 0 and sequence 0.
    #[must_use]
    pub const fn new(bytes: &'a [u8], checksums: Checksums) -> Self {
        Self::starting_at(bytes, checksums, 0, 0)
    }

    /// Walks `bytes`, whose first record stands at `offset` and has the sequence `sequence`.
    #[must_use]
    pub const fn starting_at(bytes: &'a [u8], checksums: Checksums, offset: u64, sequence: u64) -> Self {
        Self { rest: bytes, offset, sequence, checksums }
    }

    /// Where the next record starts.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The sequence of the next record.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The bytes that have not been walked yet.
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
                Some(Ok(Event { header, payload, sequence, offset }))
            }
            Err(kind) => {
                self.rest = &[];
                Some(Err(RecordError { offset, sequence, kind }))
            }
        }
    }
}

impl core::iter::FusedIterator for Records<'_> {}

const _: () = assert!(HEADER_LEN.is_multiple_of(RECORD_ALIGN));
const _: () = assert!(record_len(GAP_PAYLOAD_LEN) == 32);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::checksum::crc32c_append;
    extern crate std;
    use std::vec;
    use std::vec::Vec;

    const VERIFY: Checksums = Checksums::Verify { salt: 0xDEAD_BEEF, crc: crc32c_append };

    fn sealed(header: EventHeader, payload: &[u8], offset: u64) -> Vec<u8> {
        let mut record = vec![0xAA; header.stride()];
        encode(&mut record, &header, payload).unwrap();
        add_checksum(&mut record, place_word(0xDEAD_BEEF, offset), crc32c_append).unwrap();
        record
    }

    #[test]
    fn a_stored_header_is_committed_and_a_gap_of_its_length_has_no_reserved_flag() {
        use flags::{CHECKSUMMED, COMMITTED, GAP, RESERVED};
        let check = |flags, len| check_stored_header(&EventHeader { flags, ..EventHeader::new(1, 2, len) });
        for len in [0, 15, 16, 17] {
            assert_eq!(check(COMMITTED, len), Ok(()));
            assert_eq!(check(COMMITTED | CHECKSUMMED, len), Ok(()));
            assert_eq!(check(COMMITTED | RESERVED, len), Err(RecordErrorKind::ReservedFlag));
            assert_eq!(check(COMMITTED | RESERVED | GAP, len), Err(RecordErrorKind::ReservedFlag));
            for others in [0, GAP, RESERVED, GAP | RESERVED] {
                assert_eq!(check(others, len), Err(RecordErrorKind::NotCommitted));
            }
            let gap = if len == 16 { Ok(()) } else { Err(RecordErrorKind::GapLength { found: len }) };
            assert_eq!(check(COMMITTED | GAP, len), gap);
        }
    }

    #[test]
    fn a_walk_knows_where_it_is() {
        let mut bytes = sealed(EventHeader::new(1, 0, 3), b"abc", 64);
        bytes.extend(sealed(EventHeader::new(2, 0, 0), b"", 88));
        let mut records = Records::starting_at(&bytes, Checksums::Ignore, 64, 9);
        assert_eq!((records.offset(), records.sequence(), records.remaining().len()), (64, 9, 40));
        assert_eq!(records.next().map(|event| event.unwrap().sequence), Some(9));
        assert_eq!((records.offset(), records.sequence(), records.remaining().len()), (88, 10, 16));
        assert_eq!(records.next().map(|event| event.unwrap().sequence), Some(10));
        assert!(records.next().is_none() && records.remaining().is_empty());
    }

    #[test]
    fn every_payload_length_round_trips_with_zero_padding() {
        for len in 0..200_u16 {
            let payload: Vec<u8> = (0..len).map(|i| i as u8 | 1).collect();
            let record = sealed(EventHeader::new(9, 8, len), &payload, 640);
            let (header, read, stride) = decode(&record, 640, VERIFY).unwrap();
            assert_eq!((header.timestamp, read, stride), (9, &payload[..], record.len()));
            assert!(record[16 + usize::from(len)..].iter().all(|&b| b == 0));
        }
    }

    #[test]
    fn every_single_bit_flip_is_refused() {
        let record = sealed(EventHeader::new(1, 2, 13).with_flags(5), b"thirteen byte", 64);
        for bit in 0..record.len() * 8 {
            let mut damaged = record.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&damaged, 64, VERIFY).is_err(), "bit {bit}");
        }
        assert!(decode(&record, 64, VERIFY).is_ok());
    }

    #[test]
    fn a_whole_record_at_another_place_is_refused() {
        let record = sealed(EventHeader::new(1, 2, 3), b"abc", 64);
        assert!(matches!(decode(&record, 72, VERIFY), Err(RecordErrorKind::Checksum { .. })));
    }

    #[test]
    fn checksum_demands() {
        let with = sealed(EventHeader::new(1, 2, 3), b"abc", 0);
        let mut without = [0; 24];
        let _ = encode(&mut without, &EventHeader::new(1, 2, 3), b"abc");
        assert_eq!(decode(&with, 0, Checksums::Absent), Err(RecordErrorKind::ChecksumUnexpected));
        assert_eq!(decode(&without, 0, Checksums::Present), Err(RecordErrorKind::ChecksumMissing));
        assert_eq!(decode(&without, 0, VERIFY), Err(RecordErrorKind::ChecksumMissing));
        assert!(
            decode(&without, 0, Checksums::Ignore).is_ok() && decode(&with, 0, Checksums::Ignore).is_ok()
        );
    }

    #[test]
    fn any_bytes_end_without_panic_and_without_endless_loop() {
        let mut state = 1_u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as u8
        };
        for len in 0..256 {
            for _ in 0..50 {
                let bytes: Vec<u8> = (0..len).map(|_| noise()).collect();
                for checksums in [Checksums::Ignore, Checksums::Absent, VERIFY] {
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

    #[test]
    fn encode_refuses_what_does_not_fit_and_writes_nothing() {
        let mut short = [7; 20];
        assert_eq!(encode(&mut short, &EventHeader::new(1, 0, 8), &[1; 8]), None);
        assert_eq!(encode(&mut short, &EventHeader::new(1, 0, 3), &[1; 2]), None);
        assert_eq!(short, [7; 20]);
    }
}
