//! The offsets of some records of a segment, so that the others are found without reading all.
//!
//! Timestamps may go backwards, but the largest one so far never does. Each entry stores it, so a binary search
//! also finds the first record at or after a moment.
#![forbid(unsafe_code)]

use ringlog_nostd::EventHeader;
use ringlog_nostd::format::FILE_HEADER_LEN;

use crate::storage::read::decode::bulk::{Demand, stream_ended};

/// An entry is at the first record that starts at least this many bytes after the record of the entry before.
pub(crate) const SPACING_BYTES: u64 = 32 * 1024;
const HEADER_LEN_BYTES: u64 = FILE_HEADER_LEN as u64;

/// The start of a record, or the end of the last one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct IndexPoint {
    /// Bytes from the start of the file: 64 and more.
    pub(crate) offset: u64,
    /// Number of records before it in the file.
    pub(crate) number: u64,
}

impl IndexPoint {
    /// The first record of any file.
    pub(crate) const FIRST: Self = Self { offset: HEADER_LEN_BYTES, number: 0 };
}

/// A place that an index stores.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub(crate) place: IndexPoint,
    /// The largest timestamp of all records of the file before it, 0 if there is none.
    pub(crate) max_before: u64,
}

/// A sparse index over the records of one file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Index {
    pub(crate) entries: Vec<Entry>,
    /// The end of the last record.
    pub(crate) end: IndexPoint,
    /// `None` without records.
    pub(crate) max_timestamp: Option<u64>,
    /// Whether the bytes at the end should be a record and are none.
    pub(crate) is_cut: bool,
}

impl Default for Index {
    fn default() -> Self {
        Self { entries: Vec::new(), end: IndexPoint::FIRST, max_timestamp: None, is_cut: false }
    }
}

impl Index {
    /// Indexes the records after a file's header.
    pub(crate) fn of(bytes: &[u8], demand: Demand) -> Self {
        let mut index = Self::default();
        index.extend(bytes, demand);
        index
    }

    /// Continues where it stopped, up to the end or the first bytes that are no record.
    ///
    /// It checks every record as a reader does: a damaged length could lead to the start of another record, and
    /// all numbers after it would be wrong.
    pub(crate) fn extend(&mut self, bytes: &[u8], demand: Demand) {
        while let Some((header, stride)) = record_at(bytes, self.end.offset, demand) {
            self.add(&header, stride);
        }
        self.is_cut = rest_at(bytes, self.end.offset).is_some();
    }

    /// Adds the next record of the file.
    pub(crate) fn add(&mut self, header: &EventHeader, stride: usize) {
        let next = IndexPoint { offset: self.end.offset + stride as u64, number: self.end.number + 1 };
        if header.is_meta() {
            // Nobody looks for it, and it has no time.
            self.end = next;
            return;
        }
        let last = self.entries.last().map(|entry| entry.place.offset);
        if last.is_none_or(|last| self.end.offset - last >= SPACING_BYTES) {
            let max_before = self.max_timestamp.unwrap_or(0);
            self.entries.push(Entry { place: self.end, max_before });
        }
        self.max_timestamp = self.max_timestamp.max(Some(header.timestamp));
        self.end = next;
    }

    /// Returns the number of records.
    pub(crate) const fn record_count(&self) -> u64 {
        self.end.number
    }

    /// Returns the largest timestamp that the file may hold: the largest possible one if there is damage, as
    /// any record may follow it.
    pub(crate) fn latest(&self) -> Option<u64> {
        if self.is_cut { Some(u64::MAX) } else { self.max_timestamp }
    }

    /// Returns where to start walking to record `number`: at most [`SPACING_BYTES`] and a record before it.
    pub(crate) fn start_of_number(&self, number: u64) -> IndexPoint {
        if number >= self.end.number {
            return self.end;
        }
        self.last_entry(|entry| entry.place.number <= number)
    }

    /// Returns where to start walking to the record that holds the byte at `offset`.
    pub(crate) fn start_of_offset(&self, offset: u64) -> IndexPoint {
        self.last_entry(|entry| entry.place.offset <= offset)
    }

    /// Returns where to start walking to the first record with a timestamp of `since` or more; `None` if there
    /// is none.
    pub(crate) fn start_of_time(&self, since: u64) -> Option<IndexPoint> {
        self.max_timestamp.filter(|&max| max >= since)?;
        Some(self.last_entry(|entry| entry.place.number == 0 || entry.max_before < since))
    }

    /// Returns where to start walking to the first record from `number` on with a timestamp of `since` or more: the
    /// later of the two places.
    pub(crate) fn start_of(&self, number: u64, since: u64) -> IndexPoint {
        let by_number = self.start_of_number(number);
        let by_time = self.start_of_time(since).unwrap_or(self.end);
        if by_number.offset > by_time.offset { by_number } else { by_time }
    }

    /// Returns the last entry for which `holds` is true. It must be true for a first part of the entries and
    /// false for the rest.
    fn last_entry(&self, holds: impl Fn(&Entry) -> bool) -> IndexPoint {
        let after = self.entries.partition_point(holds);
        after
            .checked_sub(1)
            .and_then(|at| self.entries.get(at))
            .map_or(IndexPoint::FIRST, |entry| entry.place)
    }
}

/// Walks from `from` to the first of these: a record that is wanted, the end, bytes that are no record.
///
/// Returns that place, and the number of records that were read.
pub(crate) fn walk(
    bytes: &[u8],
    from: IndexPoint,
    demand: Demand,
    is_wanted: impl Fn(u64, &EventHeader) -> bool,
) -> (IndexPoint, u64) {
    let (mut place, mut looked_at) = (from, 0);
    while let Some((header, stride)) = record_at(bytes, place.offset, demand) {
        looked_at += 1;
        if is_wanted(place.number, &header) {
            break;
        }
        place = IndexPoint { offset: place.offset + stride as u64, number: place.number + 1 };
    }
    (place, looked_at)
}

/// Returns the bytes from `offset` on; `None` if there are none, or only the erased bytes where a stream ends.
fn rest_at(bytes: &[u8], offset: u64) -> Option<&[u8]> {
    let at = usize::try_from(offset.checked_sub(HEADER_LEN_BYTES)?).ok()?;
    bytes.get(at..).filter(|rest| !rest.is_empty() && !stream_ended(rest))
}

/// Returns the header and length of the record at `offset`, if there is one.
fn record_at(bytes: &[u8], offset: u64, demand: Demand) -> Option<(EventHeader, usize)> {
    demand.decode(rest_at(bytes, offset)?, offset).ok().map(|(header, _, stride)| (header, stride))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringlog_nostd::format::{Checksums, decode, encode};

    /// Timestamps that rise on the whole, but not in order.
    fn timestamp(number: u64) -> u64 {
        number * 10 + number.wrapping_mul(7_919) % 400
    }

    fn records(count: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        for number in 0..count {
            let payload = vec![1; number as usize % 50];
            let header = EventHeader::new(timestamp(number), 0, payload.len() as u16);
            let start = bytes.len();
            bytes.resize(start + header.stride(), 0);
            encode(&mut bytes[start..], &header, &payload).unwrap();
        }
        bytes
    }

    fn number_at(bytes: &[u8], index: &Index, number: u64) -> (IndexPoint, u64) {
        walk(bytes, index.start_of_number(number), Demand::Absent, |at, _| at >= number)
    }

    #[test]
    fn meta_records_have_a_number_and_neither_a_time_nor_an_entry() {
        use ringlog_nostd::format::MetaTopic;

        let json = vec![b' '; 40_000];
        let header = MetaTopic::EventType(1).header(json.len() as u16);
        let mut bytes = vec![0; 2 * header.stride()];
        for at in [0, header.stride()] {
            encode(&mut bytes[at..], &header, &json).unwrap();
        }
        let only_meta = Index::of(&bytes, Demand::Absent);
        assert_eq!((only_meta.record_count(), only_meta.latest(), only_meta.entries.len()), (2, None, 0));
        let first = IndexPoint { offset: (FILE_HEADER_LEN + bytes.len()) as u64, number: 2 };
        bytes.extend(records(10));
        let index = Index::of(&bytes, Demand::Absent);
        assert_eq!((index.record_count(), index.latest()), (12, (0..10).map(timestamp).max()));
        assert_eq!(index.entries, [Entry { place: first, max_before: 0 }]);
    }

    #[test]
    fn seeking_finds_every_record_also_after_growing() {
        let bytes = records(5000);
        let half = Index::of(&records(2500), Demand::Absent);
        let mut grown = half.clone();
        grown.extend(&bytes, Demand::Absent);
        assert_eq!((half.record_count(), grown.record_count()), (2500, 5000));
        assert_eq!(grown, Index::of(&bytes, Demand::Absent));
        for number in (0..5000).step_by(7) {
            let (place, looked_at) = number_at(&bytes, &grown, number);
            let at = place.offset as usize - FILE_HEADER_LEN;
            let (header, ..) = decode(&bytes[at..], 0, Checksums::Ignore).unwrap();
            assert_eq!((place.number, header.timestamp), (number, timestamp(number)));
            assert!(looked_at <= SPACING_BYTES / 16 + 2);
        }
        let end = IndexPoint { offset: (FILE_HEADER_LEN + bytes.len()) as u64, number: 5000 };
        assert_eq!(number_at(&bytes, &grown, u64::MAX), (end, 0));
    }

    #[test]
    fn the_first_record_at_or_after_a_moment_is_found_although_timestamps_go_backwards() {
        let bytes = records(5000);
        let index = Index::of(&bytes, Demand::Absent);
        assert!(index.entries.len() > 4);
        for since in (0..51_000).step_by(13) {
            let naive = (0..5000).find(|&number| timestamp(number) >= since);
            let found = index.start_of_time(since).map(|start| {
                walk(&bytes, start, Demand::Absent, |_, header| header.timestamp >= since).0.number
            });
            assert_eq!(found, naive, "since {since}");
        }
    }

    #[test]
    fn indexing_stops_at_damage() {
        let mut bytes = records(3000);
        let (place, _) = number_at(&bytes, &Index::of(&bytes, Demand::Absent), 2000);
        bytes[place.offset as usize - FILE_HEADER_LEN + 9] = 0;
        let index = Index::of(&bytes, Demand::Absent);
        assert_eq!((index.record_count(), index.start_of_number(2500)), (2000, place));
        assert!(index.latest() == Some(u64::MAX) && index.max_timestamp < Some(20_400));
    }
}
