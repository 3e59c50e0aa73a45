//! Records on their way from a ring into a file: the same bytes but for the checksum.
//!
//! The ring's bytes are read once, by the copy. The ring's producer may be another process, and a faulty one may
//! store into bytes that it has published. So what is checked, counted and given checksums is the copy, in bytes that
//! nobody else sees yet.
#![forbid(unsafe_code)]

use std::mem::take;

use ringlog_nostd::format::{Checksums, HEADER_LEN, RecordError, RecordErrorKind, decode, place_word};
use ringlog_nostd::{EventHeader, Gap, flags};

use crate::checksum::crc32c::{Placed, record_crc, store_checksums};
use crate::storage::error::AppendError;
use crate::storage::segment::counts::{LossCounts, RecordCounts};

/// Where a run of records will be.
#[derive(Clone, Copy, Debug)]
pub struct RunPlacement {
    /// The salt of its file, which each check of a record includes.
    pub salt: u32,
    /// Offset of the first record in its file.
    pub offset: u64,
}

/// What was taken of the copied bytes: whole records, up to the first bytes that are no record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Taken {
    pub bytes: usize,
    pub records: u64,
    /// How many of the records are GAP records.
    pub gaps: u64,
    /// Lost events, as the GAP records count them.
    pub losses: LossCounts,
    /// What is wrong with the bytes after the records.
    pub damage: Option<RecordErrorKind>,
}

impl Taken {
    /// Adds the records to these counts.
    #[inline]
    pub fn add_to(&self, counts: &mut RecordCounts) {
        counts.bytes += self.bytes as u64;
        counts.events += self.records - self.gaps;
        counts.gaps += self.gaps;
        counts.losses.add_all(&self.losses);
    }

    /// Adds what was taken right after this.
    pub(crate) fn add(&mut self, next: &Self) {
        self.bytes += next.bytes;
        self.records += next.records;
        self.gaps += next.gaps;
        self.losses.add_all(&next.losses);
        self.damage = next.damage;
    }

    /// # Errors
    ///
    /// [`AppendError::Run`] if bytes that are no record follow.
    pub(crate) fn check(&self) -> Result<(), AppendError> {
        let (offset, sequence) = (self.bytes as u64, self.records);
        self.damage.map_or(Ok(()), |kind| Err(AppendError::Run(RecordError { offset, sequence, kind })))
    }
}

/// Returns the header with the checksum of this record at its place.
#[inline]
pub(crate) fn with_checksum(header: EventHeader, payload: &[u8], place: u32) -> EventHeader {
    let placed = placed(header, place);
    EventHeader { checksum: record_crc(&placed.to_bytes(), payload), ..placed }
}

/// Returns the header that the checksum is computed of, with the place word of the record's new place.
#[inline]
const fn placed(header: EventHeader, place: u32) -> EventHeader {
    EventHeader { flags: header.flags | flags::CHECKSUMMED, checksum: place, ..header }
}

/// Checks copied records, and gives them their checksums.
///
/// `ends_before` returns whether the run ends before this GAP record.
pub(crate) fn add_checksums(
    copied: &mut [u8],
    place: RunPlacement,
    ends_before: impl Fn(&Gap) -> bool,
) -> Taken {
    let mut walk = Walk::new(copied, ends_before);
    let records = std::iter::from_fn(|| {
        let (header, head, payload, at) = walk.next()?;
        let place = place_word(place.salt, place.offset + at as u64);
        Some(Placed { words: placed(header, place).to_words(), payload, head })
    });
    store_checksums(records);
    walk.taken
}

/// Checks copied records, and removes the checksums that they had in their ring.
pub(crate) fn remove_checksums(copied: &mut [u8], ends_before: impl Fn(&Gap) -> bool) -> Taken {
    let mut walk = Walk::new(copied, ends_before);
    while let Some((header, head, ..)) = walk.next() {
        if header.is_checksummed() {
            let bare = EventHeader { flags: header.flags & !flags::CHECKSUMMED, checksum: 0, ..header };
            *head = bare.to_bytes();
        }
    }
    walk.taken
}

/// Walks over the records of a run.
struct Walk<'a, F> {
    rest: &'a mut [u8],
    ends_before: F,
    taken: Taken,
}

/// A record: its header, where that is stored, its payload, and where it begins in the run.
type Copied<'a> = (EventHeader, &'a mut [u8; HEADER_LEN], &'a [u8], usize);

impl<'a, F: Fn(&Gap) -> bool> Walk<'a, F> {
    fn new(copied: &'a mut [u8], ends_before: F) -> Self {
        Self { rest: copied, ends_before, taken: Taken::default() }
    }

    #[inline]
    fn next(&mut self) -> Option<Copied<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let (header, gap, stride) = match decode(self.rest, 0, Checksums::Ignore) {
            Ok((header, payload, stride)) => (header, Gap::from_event(&header, payload), stride),
            Err(kind) => {
                self.taken.damage = Some(kind);
                return None;
            }
        };
        if let Some(gap) = gap {
            if (self.ends_before)(&gap) {
                return None;
            }
            self.taken.gaps += 1;
            self.taken.losses.add(&gap);
        }
        let (record, rest) = take(&mut self.rest).split_at_mut_checked(stride)?;
        self.rest = rest;
        let (head, body) = record.split_first_chunk_mut()?;
        let payload = body.get(..usize::from(header.payload_len))?;
        let at = self.taken.bytes;
        self.taken.bytes += stride;
        self.taken.records += 1;
        Some((header, head, payload, at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringlog_nostd::GapReason;
    use ringlog_nostd::format::{add_checksum, crc32c_append, encode};

    /// Returns records of every small length, some with a checksum of their ring, then bytes that are no record.
    fn run() -> (Vec<u8>, usize) {
        let mut bytes = vec![0; 64 << 10];
        let mut at = 0;
        for number in 0..700_u16 {
            let payload = vec![number as u8 | 1; usize::from(number % 61)];
            let header = EventHeader::new(u64::from(number), 7, number % 61);
            at += encode(&mut bytes[at..], &header, &payload).unwrap();
            if number % 5 == 0 {
                let start = at - header.stride();
                add_checksum(&mut bytes[start..at], 99, crc32c_append).unwrap();
            }
        }
        bytes.truncate(at + 24);
        (bytes, at)
    }

    const PLACE: RunPlacement = RunPlacement { salt: 0xABCD, offset: 64 };

    const fn never(_: &Gap) -> bool {
        false
    }

    /// Returns what the core's functions make of each record.
    fn expected(bytes: &[u8], len: usize, checksums: bool) -> Vec<u8> {
        let mut made = bytes[..len].to_vec();
        let mut at = 0;
        while at < len {
            let mut header = EventHeader::from_bytes(made[at..].first_chunk().unwrap());
            let stride = header.stride();
            if checksums {
                add_checksum(
                    &mut made[at..],
                    place_word(PLACE.salt, PLACE.offset + at as u64),
                    crc32c_append,
                )
                .unwrap();
            } else {
                header.flags &= !flags::CHECKSUMMED;
                header.checksum = 0;
                made[at..at + HEADER_LEN].copy_from_slice(&header.to_bytes());
            }
            at += stride;
        }
        made
    }

    #[test]
    fn a_run_becomes_what_its_records_become_one_by_one() {
        let (bytes, len) = run();
        for checksums in [true, false] {
            let mut to = bytes.clone();
            let taken = if checksums {
                add_checksums(&mut to, PLACE, never)
            } else {
                remove_checksums(&mut to, never)
            };
            assert_eq!((taken.bytes, taken.records, taken.gaps, taken.losses.total), (len, 700, 0, 0));
            assert_eq!(taken.damage, Some(RecordErrorKind::NotCommitted));
            assert!(to[..len] == expected(&bytes, len, checksums), "checksums: {checksums}");
        }
    }

    /// If any byte of a run changes before it is copied, its record is taken whole or not at all.
    #[test]
    fn what_is_taken_of_a_changed_run_is_whole() {
        let (bytes, _) = run();
        for at in 0..2000 {
            for changed in [0, 0x7F, 0x80, 0xB0, 0xFF] {
                let mut to = bytes[..2000].to_vec();
                to[at] = changed;
                let taken = add_checksums(&mut to, PLACE, never);
                let check = Checksums::Verify { salt: PLACE.salt, crc: crc32c_append };
                let (mut offset, mut records) = (0, 0);
                while offset < taken.bytes {
                    let record = decode(&to[offset..taken.bytes], PLACE.offset + offset as u64, check);
                    offset += record.unwrap_or_else(|kind| panic!("byte {at}: {kind}")).2;
                    records += 1;
                }
                assert_eq!(records, taken.records);
                assert!(taken.damage.is_some() || taken.bytes == 2000);
            }
        }
    }

    #[test]
    fn gaps_are_counted_and_a_run_may_end_before_one() {
        let mut bytes = vec![0; 96];
        for (number, log_side) in [false, true, false].into_iter().enumerate() {
            let gap = Gap { log_side, ..Gap::new(GapReason::RingFull, 5) };
            let _ = encode(&mut bytes[32 * number..], &Gap::header(0), &gap.to_payload()).unwrap();
        }
        let taken = add_checksums(&mut bytes.clone(), PLACE, |gap| gap.log_side);
        let counts =
            |taken: &Taken| (taken.bytes, taken.records, taken.gaps, taken.losses.total, taken.damage);
        assert_eq!(counts(&taken), (32, 1, 1, 5, None));
        let taken = remove_checksums(&mut bytes, never);
        assert_eq!(counts(&taken), (96, 3, 3, 15, None));
        assert_eq!(taken.losses.because(GapReason::RingFull), 15);
    }

    #[test]
    fn one_record_is_sealed_as_the_core_does_it() {
        for len in [0, 1, 7, 8, 64, 143, 144, 145, 160, 161, 1000, 65_535_u16] {
            let payload = vec![0x5A; usize::from(len)];
            let header = EventHeader::new(3, 4, len).with_flags(flags::COMMITTED);
            let mut record = vec![0; header.stride()];
            encode(&mut record, &header, &payload).unwrap();
            add_checksum(&mut record, 77, crc32c_append).unwrap();
            assert_eq!(with_checksum(header, &payload, 77).to_bytes(), record[..HEADER_LEN], "{len} bytes");
        }
    }
}
