//! Records on their way from a ring into a file: the same bytes but for the checksum.
//!
//! Everything is read from where the records come from, which is in the processor's caches, and only stored to
//! the file: a load of bytes that were stored a moment ago to a page of a file waits for the memory.
#![forbid(unsafe_code)]

use ringlog_nostd::{Checksums, EventHeader, HEADER_LEN, RecordError, decode, flags, place_word};

use super::crc::{each_crc, record_crc};
use super::log_tally::whole_records;

/// Where a run of records is going to stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) salt: u32,
    /// Of the first record in its file.
    pub(super) offset: u64,
}

/// What was copied: whole records, up to the first bytes that are none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) bytes: usize,
    pub(super) events: u64,
    pub(super) damage: Option<RecordError>,
}

/// The header with the checksum of this record at its place.
#[inline]
pub(super) fn sealed(header: EventHeader, payload: &[u8], place: u32) -> EventHeader {
    let placed = placed(header, place);
    EventHeader { checksum: record_crc(&placed.to_bytes(), payload), ..placed }
}

/// The header that the checksum is computed of, with the place word where it is going to stand.
#[inline]
const fn placed(header: EventHeader, place: u32) -> EventHeader {
    EventHeader { flags: header.flags | flags::CHECKSUMMED, checksum: place, ..header }
}

/// Gives records that were copied their checksums. They are whole, they are `from`, and none of them has one yet.
pub(super) fn seal_copied(to: &mut [u8], from: &[u8], place: Place) {
    let (mut offset, mut at) = (place.offset, 0);
    let records = whole_records(from).map(|(header, payload)| {
        let placed = placed(header, place_word(place.salt, offset));
        offset += header.stride() as u64;
        (placed, payload)
    });
    each_crc(records, |placed, checksum| {
        let [_, second] = EventHeader { checksum, ..*placed }.to_words();
        to[at + 8..at + HEADER_LEN].copy_from_slice(&second.to_le_bytes());
        at += placed.stride();
    });
}

/// Copies records and gives them their checksums. Every one goes to `note`, with its offset.
///
/// `to` is as long as `from`.
pub(super) fn seal_into(
    to: &mut [u8],
    from: &[u8],
    place: Place,
    note: impl FnMut(&EventHeader, &[u8], u64),
) -> Taken {
    copy_with(to, from, place, note, |header, payload, offset| {
        Some(sealed(*header, payload, place_word(place.salt, offset)))
    })
}

/// Copies records, without checksums even where they had one in their ring. Every one goes to `note`.
///
/// `to` is as long as `from`.
pub(super) fn copy_into(
    to: &mut [u8],
    from: &[u8],
    place: Place,
    note: impl FnMut(&EventHeader, &[u8], u64),
) -> Taken {
    copy_with(to, from, place, note, |header, _, _| {
        let bare = EventHeader { flags: header.flags & !flags::CHECKSUMMED, checksum: 0, ..*header };
        header.is_checksummed().then_some(bare)
    })
}

/// Copies records; those for which `changed` has another header get that one.
#[inline]
fn copy_with(
    to: &mut [u8],
    from: &[u8],
    place: Place,
    mut note: impl FnMut(&EventHeader, &[u8], u64),
    changed: impl Fn(&EventHeader, &[u8], u64) -> Option<EventHeader>,
) -> Taken {
    // All at once, and first: many loads together, which bring the records near.
    to.copy_from_slice(from);
    let mut walk = Walk::new(from, place);
    let mut start = 0;
    while let Some((header, payload, offset)) = walk.next() {
        note(&header, payload, offset);
        if let Some(header) = changed(&header, payload, offset) {
            to[start..start + HEADER_LEN].copy_from_slice(&header.to_bytes());
        }
        start = walk.at;
    }
    walk.taken()
}

/// The records of a run, one after the other.
struct Walk<'a> {
    from: &'a [u8],
    place: Place,
    at: usize,
    events: u64,
    damage: Option<RecordError>,
}

impl<'a> Walk<'a> {
    const fn new(from: &'a [u8], place: Place) -> Self {
        Self { from, place, at: 0, events: 0, damage: None }
    }

    #[inline]
    fn next(&mut self) -> Option<(EventHeader, &'a [u8], u64)> {
        let rest = self.from.get(self.at..).filter(|rest| !rest.is_empty())?;
        match decode(rest, self.at as u64, Checksums::Ignore) {
            Ok((header, payload, stride)) => {
                let offset = self.place.offset + self.at as u64;
                self.at += stride;
                self.events += 1;
                Some((header, payload, offset))
            }
            Err(kind) => {
                self.damage = Some(RecordError { offset: self.at as u64, sequence: self.events, kind });
                None
            }
        }
    }

    const fn taken(&self) -> Taken {
        Taken { bytes: self.at, events: self.events, damage: self.damage }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringlog_nostd::{crc32c_append, encode, seal};

    /// Records of every small length, some with a checksum of their ring, then bytes that are no record.
    fn run() -> (Vec<u8>, usize) {
        let mut bytes = vec![0; 64 << 10];
        let mut at = 0;
        for number in 0..700_u16 {
            let payload = vec![number as u8 | 1; usize::from(number % 61)];
            let header = EventHeader::new(u64::from(number), 7, number % 61);
            at += encode(&mut bytes[at..], &header, &payload).unwrap();
            if number % 5 == 0 {
                let start = at - header.stride();
                seal(&mut bytes[start..at], 99, crc32c_append).unwrap();
            }
        }
        bytes.truncate(at + 24);
        (bytes, at)
    }

    const PLACE: Place = Place { salt: 0xABCD, offset: 64 };

    /// What the core's own functions make of each record.
    fn expected(bytes: &[u8], len: usize, checksums: bool) -> Vec<u8> {
        let mut made = bytes[..len].to_vec();
        let mut at = 0;
        while at < len {
            let mut header = EventHeader::from_bytes(made[at..].first_chunk().unwrap());
            let stride = header.stride();
            if checksums {
                seal(&mut made[at..], place_word(PLACE.salt, PLACE.offset + at as u64), crc32c_append)
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
            let mut to = vec![0xEE; bytes.len()];
            let mut offsets = Vec::new();
            let note = |_: &EventHeader, _: &[u8], offset| offsets.push(offset);
            let taken = if checksums {
                seal_into(&mut to, &bytes, PLACE, note)
            } else {
                copy_into(&mut to, &bytes, PLACE, note)
            };
            assert_eq!((taken.bytes, taken.events, offsets.len()), (len, 700, 700));
            assert_eq!(taken.damage.unwrap().offset, len as u64);
            assert!(to[..len] == expected(&bytes, len, checksums), "checksums: {checksums}");
            assert_eq!((offsets[0], offsets[1]), (64, 80));
        }
    }

    #[test]
    fn copied_records_are_sealed_as_one_by_one() {
        let (bytes, len) = run();
        let mut plain = vec![0; len];
        copy_into(&mut plain, &bytes[..len], PLACE, |_, _, _| ());
        let mut to = plain.clone();
        seal_copied(&mut to, &plain, PLACE);
        assert!(to == expected(&bytes, len, true));
    }

    #[test]
    fn one_record_is_sealed_as_the_core_does_it() {
        for len in [0, 1, 7, 8, 64, 143, 144, 145, 160, 161, 1000, 65_535_u16] {
            let payload = vec![0x5A; usize::from(len)];
            let header = EventHeader::new(3, 4, len).with_flags(flags::COMMITTED);
            let mut record = vec![0; header.stride()];
            encode(&mut record, &header, &payload).unwrap();
            seal(&mut record, 77, crc32c_append).unwrap();
            assert_eq!(sealed(header, &payload, 77).to_bytes(), record[..HEADER_LEN], "{len} bytes");
        }
    }
}
