//! Finds the records in memory whose payload holds some bytes, and decodes no others.
//!
//! The records before a match are passed by their lengths, unverified.
#![forbid(unsafe_code)]

use ringlog_nostd::EventHeader;
use ringlog_nostd::format::{Checksums, FILE_HEADER_LEN, HEADER_LEN, decode};

use crate::storage::read::decode::bulk::stream_ended;
use crate::storage::read::decode::segment_index::{Index, IndexPoint};
use crate::storage::read::needle::Needle;

const HEADER_LEN_BYTES: u64 = FILE_HEADER_LEN as u64;
/// A match this far ahead is worth reading an index.
const FAR_BYTES: u64 = 256 * 1024;

/// What is searched.
pub(crate) struct RecordSearch<'a> {
    /// All records of a file.
    pub(crate) bytes: &'a [u8],
    /// What records look like.
    pub(crate) form: Checksums,
    /// The place of the first record that is searched.
    pub(crate) start: IndexPoint,
    /// Records from this offset on are not searched.
    pub(crate) starts_below: u64,
}

impl RecordSearch<'_> {
    /// Returns the place of the first record whose payload holds the needle, or of the end; `None` if something on the
    /// way is no record. `count` is the number of records of the file, if that is known.
    pub(crate) fn run<'i>(
        &self,
        needle: &Needle,
        count: Option<u64>,
        index: impl FnOnce() -> Option<&'i Index>,
    ) -> Option<IndexPoint> {
        let (mut place, mut index, mut from) = (self.start, Some(index), self.start.offset);
        while let Some(hit) = self.find(needle, from) {
            if hit - place.offset > FAR_BYTES
                && let Some(near) =
                    index.take().and_then(|index| index()).map(|index| index.start_of_offset(hit))
                && near.offset > place.offset
            {
                place = near;
            }
            let (header, stride) = self.pass_to(&mut place, hit)?;
            if place.offset >= self.starts_below {
                return Some(place);
            }
            let payload_start = place.offset + HEADER_LEN as u64;
            let payload = payload_start..payload_start + u64::from(header.payload_len);
            if needle.fits(&payload, hit) {
                return Some(place);
            }
            // The match begins in a header, or ends after the payload.
            let next_payload = payload_start + stride as u64;
            from = if hit < payload.start { payload.start } else { next_payload };
        }
        self.end(place, count)
    }

    fn find(&self, needle: &Needle, from: u64) -> Option<u64> {
        needle.find(self.rest(from)?).map(|at| from + at as u64)
    }

    fn rest(&self, offset: u64) -> Option<&[u8]> {
        self.bytes.get(usize::try_from(offset.checked_sub(HEADER_LEN_BYTES)?).ok()?..)
    }

    /// Passes records up to the one that holds the byte at `hit`, or to the first one that is not searched.
    fn pass_to(&self, place: &mut IndexPoint, hit: u64) -> Option<(EventHeader, usize)> {
        loop {
            let (header, _, stride) = decode(self.rest(place.offset)?, place.offset, self.form).ok()?;
            if place.offset + stride as u64 > hit || place.offset >= self.starts_below {
                return Some((header, stride));
            }
            *place = IndexPoint { offset: place.offset + stride as u64, number: place.number + 1 };
        }
    }

    /// Returns the end of the records, or of those that are searched.
    fn end(&self, mut place: IndexPoint, count: Option<u64>) -> Option<IndexPoint> {
        let end = HEADER_LEN_BYTES + self.bytes.len() as u64;
        if let Some(number) = count.filter(|_| self.starts_below >= end) {
            return Some(IndexPoint { offset: end, number });
        }
        while place.offset < self.starts_below {
            let rest = self.rest(place.offset)?;
            if rest.is_empty() || stream_ended(rest) {
                break;
            }
            let (_, _, stride) = decode(rest, place.offset, self.form).ok()?;
            place = IndexPoint { offset: place.offset + stride as u64, number: place.number + 1 };
        }
        Some(place)
    }
}
