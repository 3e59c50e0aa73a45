//! A record in a byte slice: written, given its checksum, read.
//!
//! The bytes may come from a ring, a mapped file or any buffer; nothing here depends on it.
#![forbid(unsafe_code)]

use crate::error::WriteError;
use crate::format::checksum::{place_word, record_checksum};
use crate::format::gap::GAP_PAYLOAD_LEN;
use crate::format::header::{EventHeader, HEADER_LEN, RECORD_ALIGN, flags, record_len};
use crate::format::record_error::RecordErrorKind;

/// What a reader requires of the checksums in a run of records.
///
/// ```
/// use ringlog_nostd::EventHeader;
/// use ringlog_nostd::format::{Checksums, RecordErrorKind, crc32c_append, decode, encode};
///
/// let mut record = [0; 24];
/// encode(&mut record, &EventHeader::new(1, 7, 3), b"abc").unwrap(); // without a checksum
/// assert!(decode(&record, 0, Checksums::Ignore).is_ok());
/// assert!(decode(&record, 0, Checksums::Absent).is_ok());
/// for checksums in [Checksums::Present, Checksums::Verify { salt: 7, crc: crc32c_append }] {
///     assert_eq!(decode(&record, 0, checksums), Err(RecordErrorKind::ChecksumMissing));
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Checksums {
    /// No record may carry a checksum.
    Absent,
    /// Every record must carry a checksum, which is not verified.
    Present,
    /// Every record must carry the right checksum for its place.
    Verify {
        /// The salt of the file or ring: see [`place_word`].
        salt: u32,
        /// The function that computes the checksum: [`crc32c_append`](crate::format::crc32c_append), or one of the host
        /// that returns the same faster.
        crc: fn(crc: u32, bytes: &[u8]) -> u32,
    },
    /// Records with and without a checksum are accepted, as in a ring. Nothing is verified. META records, which no ring has,
    /// are refused.
    Ignore,
}

/// Checks the header and the payload length, in bytes, of an event that a caller wants to write.
///
/// # Errors
///
/// [`WriteError::PayloadTooLarge`] first, so that no arithmetic meets a hostile length. Then
/// [`WriteError::LengthMismatch`] and [`WriteError::Flags`].
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

/// Writes header, payload and padding to the start of `to` and returns the record's length in bytes.
///
/// Adds [`flags::COMMITTED`] to the header and changes nothing else in it. Writes nothing and returns `None` if `to` is
/// too short or the header's length is not the payload's.
///
/// ```
/// use ringlog_nostd::EventHeader;
/// use ringlog_nostd::format::encode;
///
/// let mut record = [0xAA; 24];
/// assert_eq!(encode(&mut record, &EventHeader::new(1, 7, 3), b"abc"), Some(24));
/// assert_eq!(record[16..], *b"abc\0\0\0\0\0");
/// assert_eq!(encode(&mut record[..20], &EventHeader::new(1, 7, 3), b"abc"), None);
/// ```
#[must_use]
#[inline]
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
    // Last: its checksum may not be computed yet, and a store that waits would hold up those after it.
    head.copy_from_slice(&stored.to_bytes());
    Some(stride)
}

/// Adds the checksum to the record at the start of `record`, for the place whose word is `place`, and returns the
/// record's length in bytes.
///
/// Returns `None` if there is no whole record. Replaces a checksum that the record had before, such as that of a ring.
///
/// ```
/// use ringlog_nostd::EventHeader;
/// use ringlog_nostd::format::{Checksums, add_checksum, crc32c_append, decode, encode, place_word};
///
/// let (salt, offset, mut record) = (7, 64, [0; 24]);
/// encode(&mut record, &EventHeader::new(1, 7, 3), b"abc").unwrap();
/// assert_eq!(add_checksum(&mut record, place_word(salt, offset), crc32c_append), Some(24));
/// let verify = Checksums::Verify { salt, crc: crc32c_append };
/// assert_eq!(decode(&record, offset, verify).unwrap().1, b"abc");
/// ```
#[must_use]
pub fn add_checksum(record: &mut [u8], place: u32, crc: fn(u32, &[u8]) -> u32) -> Option<usize> {
    let mut header = EventHeader::from_bytes(record.first_chunk()?);
    let end = HEADER_LEN + header.payload_len as usize;
    header.flags |= flags::CHECKSUMMED;
    header.checksum = place;
    // The field holds the place word first, so that one pass over contiguous bytes is enough.
    *record.first_chunk_mut()? = header.to_bytes();
    header.checksum = crc(0, record.get(..end)?);
    *record.first_chunk_mut()? = header.to_bytes();
    Some(header.stride())
}

/// Reads the record at the start of `bytes` and returns header, payload and the record's length in bytes.
///
/// `offset` is the place of the record, which its checksum depends on. Never panics, for any bytes.
///
/// # Errors
///
/// [`RecordErrorKind`] if the bytes are no valid record.
///
/// ```
/// use ringlog_nostd::EventHeader;
/// use ringlog_nostd::format::{Checksums, RecordErrorKind, decode, encode};
///
/// let mut bytes = [0; 24];
/// encode(&mut bytes, &EventHeader::new(1, 7, 3), b"abc").unwrap();
/// let (header, payload, len) = decode(&bytes, 0, Checksums::Absent).unwrap();
/// assert_eq!((header.timestamp, payload, len), (1, &b"abc"[..], 24));
/// let cut = decode(&bytes[..20], 0, Checksums::Absent);
/// assert_eq!(cut, Err(RecordErrorKind::Truncated { needed: 24, available: 20 }));
/// ```
// A call returns all of it through memory, field by field, and who copies it from there waits: a walk would take twice
// as long. Small processors take less flash for a call.
#[cfg_attr(target_pointer_width = "64", inline(always))]
#[cfg_attr(not(target_pointer_width = "64"), inline)]
pub fn decode(
    bytes: &[u8],
    offset: u64,
    checksums: Checksums,
) -> Result<(EventHeader, &[u8], usize), RecordErrorKind> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEADER_LEN>() else {
        return Err(RecordErrorKind::Truncated { needed: HEADER_LEN, available: bytes.len() });
    };
    let header = EventHeader::from_bytes(head);
    check_stored_header(&header, checksums)?;
    let stride = header.stride();
    let Some((payload, padding)) =
        rest.get(..stride - HEADER_LEN).and_then(|body| body.split_at_checked(header.payload_len as usize))
    else {
        return Err(RecordErrorKind::Truncated { needed: stride, available: bytes.len() });
    };
    // A payload of whole words has no padding.
    if !padding.is_empty() && padding.iter().any(|&byte| byte != 0) {
        return Err(RecordErrorKind::Padding);
    }
    check_checksum(&header, payload, offset, checksums)?;
    Ok((header, payload, stride))
}

/// Returns whether a header is one that a ring stores. A file stores META records as well.
#[inline]
pub(crate) const fn is_ring_header(header: &EventHeader) -> bool {
    // An event, with one comparison; otherwise a GAP record.
    header.flags & (flags::COMMITTED | flags::META | flags::GAP) == flags::COMMITTED
        || (header.flags & (flags::COMMITTED | flags::META) == flags::COMMITTED
            && header.payload_len as usize == GAP_PAYLOAD_LEN)
}

/// Checks that a header is one that a file stores, or a ring, where checksums are ignored.
#[inline]
fn check_stored_header(header: &EventHeader, checksums: Checksums) -> Result<(), RecordErrorKind> {
    if is_ring_header(header) {
        Ok(())
    } else {
        check_meta_header(header, matches!(checksums, Checksums::Ignore))
    }
}

/// Does the same for a header for which [`is_ring_header`] is `false`.
#[cold]
fn check_meta_header(header: &EventHeader, is_in_ring: bool) -> Result<(), RecordErrorKind> {
    if !header.is_committed() {
        Err(RecordErrorKind::NotCommitted)
    } else if !header.is_meta() {
        Err(RecordErrorKind::GapLength { found: header.payload_len })
    } else if header.is_gap() {
        Err(RecordErrorKind::MetaAndGap)
    } else if is_in_ring {
        Err(RecordErrorKind::MisplacedMeta)
    } else {
        Ok(())
    }
}

/// Checks a record against what is required of its checksum.
#[inline]
pub(crate) fn check_checksum(
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

    fn with_checksum(header: EventHeader, payload: &[u8], offset: u64) -> Vec<u8> {
        let mut record = vec![0xAA; header.stride()];
        encode(&mut record, &header, payload).unwrap();
        add_checksum(&mut record, place_word(0xDEAD_BEEF, offset), crc32c_append).unwrap();
        record
    }

    #[test]
    fn a_stored_header_is_committed_and_no_gap_of_another_length_and_no_gap_that_is_meta() {
        use flags::{CHECKSUMMED, COMMITTED, GAP, META};
        let check = |flags, len| {
            let header = EventHeader { flags, ..EventHeader::new(1, 2, len) };
            let in_ring = check_stored_header(&header, Checksums::Ignore);
            let in_file = check_stored_header(&header, Checksums::Present);
            assert_eq!(
                in_ring,
                in_file.and_then(|()| if header.is_meta() {
                    Err(RecordErrorKind::MisplacedMeta)
                } else {
                    Ok(())
                })
            );
            in_file
        };
        for len in [0, 15, 16, 17] {
            assert_eq!(check(COMMITTED, len), Ok(()));
            assert_eq!(check(COMMITTED | CHECKSUMMED, len), Ok(()));
            assert_eq!(check(COMMITTED | META, len), Ok(()));
            assert_eq!(check(COMMITTED | META | GAP, len), Err(RecordErrorKind::MetaAndGap));
            for others in [0, GAP, META, GAP | META] {
                assert_eq!(check(others, len), Err(RecordErrorKind::NotCommitted));
            }
            let gap = if len == 16 { Ok(()) } else { Err(RecordErrorKind::GapLength { found: len }) };
            assert_eq!(check(COMMITTED | GAP, len), gap);
        }
    }

    #[test]
    fn every_payload_length_round_trips_with_zero_padding() {
        for len in 0..200_u16 {
            let payload: Vec<u8> = (0..len).map(|i| i as u8 | 1).collect();
            let record = with_checksum(EventHeader::new(9, 8, len), &payload, 640);
            let (header, read, stride) = decode(&record, 640, VERIFY).unwrap();
            assert_eq!((header.timestamp, read, stride), (9, &payload[..], record.len()));
            assert!(record[16 + usize::from(len)..].iter().all(|&b| b == 0));
        }
    }

    #[test]
    fn every_single_bit_flip_is_refused() {
        let record = with_checksum(EventHeader::new(1, 2, 13).with_flags(5), b"thirteen byte", 64);
        for bit in 0..record.len() * 8 {
            let mut damaged = record.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&damaged, 64, VERIFY).is_err(), "bit {bit}");
        }
        assert!(decode(&record, 64, VERIFY).is_ok());
    }

    #[test]
    fn a_whole_record_at_another_place_is_refused() {
        let record = with_checksum(EventHeader::new(1, 2, 3), b"abc", 64);
        assert!(matches!(decode(&record, 72, VERIFY), Err(RecordErrorKind::Checksum { .. })));
    }

    #[test]
    fn a_required_or_unexpected_checksum_is_noticed() {
        let with = with_checksum(EventHeader::new(1, 2, 3), b"abc", 0);
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
    fn encode_refuses_what_does_not_fit_and_writes_nothing() {
        let mut short = [7; 20];
        assert_eq!(encode(&mut short, &EventHeader::new(1, 0, 8), &[1; 8]), None);
        assert_eq!(encode(&mut short, &EventHeader::new(1, 0, 3), &[1; 2]), None);
        assert_eq!(short, [7; 20]);
    }
}
