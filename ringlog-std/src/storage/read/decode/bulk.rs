//! Decodes many records in memory in one pass.
//!
//! A pass ends before the first record that is not as demanded or not whole in this memory. The
//! record-by-record decoder then looks at that one.
#![forbid(unsafe_code)]

use ringlog_nostd::EventHeader;
use ringlog_nostd::format::{Checksums, Event, FileHeader, RecordErrorKind, decode, file_flags, place_word};

use crate::checksum::crc32c::{pass_verified, placed_crc};
use crate::checksum::record_slice::{Decoded, RecordSlice};

/// A stream ends where this many bytes are all 0x00 or all 0xFF.
const STREAM_END_BYTES: usize = 16;

/// What a reader demands of the checksums in a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Demand {
    /// No checksum.
    Absent,
    /// A checksum, which is not compared.
    Present,
    /// The right checksum.
    Verify {
        /// The salt of the file.
        salt: u32,
    },
}

impl Demand {
    /// Returns what records of a file with this header must fulfil.
    pub(crate) fn of(header: &FileHeader, verify: bool) -> Self {
        match (header.has(file_flags::CHECKSUMS), verify) {
            (false, _) => Self::Absent,
            (true, false) => Self::Present,
            (true, true) => Self::Verify { salt: header.salt() },
        }
    }

    /// Reads the record at the start of `bytes` as [`decode`] does; `offset` is its place in the file.
    #[inline(always)]
    pub(crate) fn decode(
        self,
        bytes: &[u8],
        offset: u64,
    ) -> Result<(EventHeader, &[u8], usize), RecordErrorKind> {
        let form = if self == Self::Absent { Checksums::Absent } else { Checksums::Present };
        let (header, payload, stride) = decode(bytes, offset, form)?;
        self.check(&header, payload, offset)?;
        Ok((header, payload, stride))
    }

    /// Compares the checksum of a record, if that is demanded.
    #[inline]
    pub(crate) fn check(
        self,
        header: &EventHeader,
        payload: &[u8],
        offset: u64,
    ) -> Result<(), RecordErrorKind> {
        let Self::Verify { salt } = self else { return Ok(()) };
        let (stored, computed) = (header.checksum, placed_crc(header, payload, place_word(salt, offset)));
        if stored == computed { Ok(()) } else { Err(RecordErrorKind::Checksum { stored, computed }) }
    }
}

impl<'a> RecordSlice<'a> {
    /// Passes the records to `f`, up to the first one that is not as demanded or not whole.
    #[inline]
    pub(crate) fn pass(self, demand: Demand, f: impl FnMut(Event<'a>)) -> Decoded {
        match demand {
            Demand::Absent => self.pass_decoded(|bytes, at| decode(bytes, at, Checksums::Absent).ok(), f),
            Demand::Present => self.pass_decoded(|bytes, at| decode(bytes, at, Checksums::Present).ok(), f),
            Demand::Verify { salt } => pass_verified(self, salt, f),
        }
    }
}

/// Whether a stream ends here: 16 erased bytes, or fewer where the file ends.
pub(crate) fn stream_ended(rest: &[u8]) -> bool {
    let head = rest.get(..STREAM_END_BYTES).unwrap_or(rest);
    head.iter().all(|&byte| byte == 0) || head.iter().all(|&byte| byte == 0xFF)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringlog_nostd::format::{Records, add_checksum, crc32c_append, encode};

    const SALT: u32 = 0xABCD;

    /// Records of many lengths in no order, and where each starts.
    fn records() -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut starts, mut random) = (Vec::new(), Vec::new(), 1_u32);
        for number in 0..120 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Short ones, and some that are too long for the instruction.
            let most = [30, 300, 300, 300, 1400][number / 5 % 5];
            let payload = vec![number as u8; random as usize / 7 % most];
            let header = EventHeader::new(number as u64, 7, payload.len() as u16);
            let start = bytes.len();
            bytes.resize(start + header.stride(), 0);
            encode(&mut bytes[start..], &header, &payload).unwrap();
            add_checksum(&mut bytes[start..], place_word(SALT, 64 + start as u64), crc32c_append).unwrap();
            starts.push(start);
        }
        (bytes, starts)
    }

    fn slice_of(bytes: &[u8]) -> RecordSlice<'_> {
        RecordSlice { bytes, offset: 64, sequence: 5, starts_below: u64::MAX }
    }

    /// The records that the core's iterator finds one by one.
    fn one_by_one(bytes: &[u8], checksums: Checksums) -> Vec<Event<'_>> {
        Records::starting_at(bytes, checksums, 64, 5).map_while(Result::ok).collect()
    }

    fn assert_same(bytes: &[u8], demand: Demand, checksums: Checksums) {
        let (mut found, expected) = (Vec::new(), one_by_one(bytes, checksums));
        let passed = slice_of(bytes).pass(demand, |event| found.push(event));
        assert!(found == expected, "{demand:?}: {} records, {} one by one", found.len(), expected.len());
        let len = expected.iter().map(|event| event.header.stride()).sum();
        assert_eq!(passed, Decoded { bytes: len, events: expected.len() as u64 });
    }

    #[test]
    fn every_damage_ends_a_walk_where_it_ends_one_that_goes_record_by_record() {
        let (bytes, starts) = records();
        let verify = (Demand::Verify { salt: SALT }, Checksums::Verify { salt: SALT, crc: crc32c_append });
        for (demand, checksums) in
            [verify, (Demand::Present, Checksums::Present), (Demand::Absent, Checksums::Absent)]
        {
            assert_same(&bytes, demand, checksums);
            for (&start, at) in starts.iter().zip(0..) {
                // The timestamp, the flags (no checksum, not committed), the length, the checksum, the payload.
                for (offset, bit) in
                    [(at % 8, at % 8), (9, 6), (9, 7), (10, 3), (11, 0), (12 + at % 4, at % 8), (16, 1)]
                {
                    let mut damaged = bytes.clone();
                    let Some(byte) = damaged.get_mut(start + offset) else { continue };
                    *byte ^= 1 << bit;
                    assert_same(&damaged, demand, checksums);
                }
            }
        }
    }

    #[test]
    fn a_walk_ends_before_a_record_that_is_cut_short_or_starts_too_late() {
        let (bytes, starts) = records();
        let demand = Demand::Verify { salt: SALT };
        for (&start, count) in starts.iter().zip(0..) {
            let whole = Decoded { bytes: start, events: count };
            assert_eq!(slice_of(&bytes[..start]).pass(demand, |_| ()), whole);
            assert_eq!(slice_of(&bytes[..start + 8]).pass(demand, |_| ()), whole);
            let starts_below = 64 + start as u64;
            assert_eq!(RecordSlice { starts_below, ..slice_of(&bytes) }.pass(demand, |_| ()), whole);
            let one_more =
                RecordSlice { starts_below: starts_below + 1, ..slice_of(&bytes) }.pass(demand, |_| ());
            assert_eq!(one_more.events, count + 1);
        }
    }

    #[test]
    fn without_the_instruction_a_walk_is_the_same() {
        let (mut bytes, starts) = records();
        bytes[starts[70] + 20] ^= 1;
        let (mut found, demand) = (Vec::new(), Demand::Verify { salt: SALT });
        let read = |bytes, offset| demand.decode(bytes, offset).ok();
        let passed = slice_of(&bytes).pass_decoded(read, |event| found.push(event));
        assert_eq!(passed, slice_of(&bytes).pass(demand, |_| ()));
        assert_eq!(found.len(), 70);
    }
}
