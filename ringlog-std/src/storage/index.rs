//! Where some of the records of a file stand, so that the others are found without reading all.
#![forbid(unsafe_code)]

use ringlog_nostd::{Checksums, FILE_HEADER_LEN, decode};

use super::reader::stream_ended;

/// One record in this many is remembered.
const EVERY: u64 = 1024;

/// A sparse index over the bytes behind a file's header.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// Offset of record 0, `EVERY`, 2 * `EVERY` and so on.
    offsets: Vec<usize>,
    record_count: u64,
    end: usize,
}

impl Index {
    pub(crate) fn of(bytes: &[u8], checksums: Checksums) -> Self {
        let mut index = Self::default();
        index.extend(bytes, checksums);
        index
    }

    /// Goes on where it stopped, up to the end or the first bytes that are no record.
    ///
    /// It demands of every record what reading demands: a damaged length that leads to the start of some
    /// other record would shift all numbers behind it.
    pub(crate) fn extend(&mut self, bytes: &[u8], checksums: Checksums) {
        while let Some(stride) = stride_at(bytes, self.end, checksums) {
            if self.record_count.is_multiple_of(EVERY) {
                self.offsets.push(self.end);
            }
            self.end += stride;
            self.record_count += 1;
        }
    }

    pub(crate) const fn record_count(&self) -> u64 {
        self.record_count
    }

    /// Offset and number of record `number`, or of the place where reading ends or fails before it.
    pub(crate) fn seek(&self, bytes: &[u8], number: u64) -> (usize, u64) {
        if number >= self.record_count {
            return (self.end, self.record_count);
        }
        let slot = number / EVERY;
        let mut at = usize::try_from(slot).ok().and_then(|slot| self.offsets.get(slot)).copied().unwrap_or(0);
        for _ in slot * EVERY..number {
            // Checked by `extend`.
            at += stride_at(bytes, at, Checksums::Ignore).unwrap_or(0);
        }
        (at, number)
    }
}

/// Length of the record at `at`, if there is one. Erased bytes, where a stream ends, are no record.
fn stride_at(bytes: &[u8], at: usize, checksums: Checksums) -> Option<usize> {
    let rest = bytes.get(at..).filter(|rest| !rest.is_empty() && !stream_ended(rest))?;
    decode(rest, (FILE_HEADER_LEN + at) as u64, checksums).ok().map(|(_, _, stride)| stride)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringlog_nostd::{EventHeader, encode};

    fn records(count: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        for number in 0..count {
            let payload = vec![1; number as usize % 50];
            let header = EventHeader::new(number, 0, payload.len() as u16);
            let start = bytes.len();
            bytes.resize(start + header.stride(), 0);
            encode(&mut bytes[start..], &header, &payload).unwrap();
        }
        bytes
    }

    #[test]
    fn seeking_finds_every_record_also_after_growing() {
        let bytes = records(5000);
        let half = Index::of(&records(2500), Checksums::Absent);
        let mut grown = half.clone();
        grown.extend(&bytes, Checksums::Absent);
        assert_eq!((half.record_count(), grown.record_count()), (2500, 5000));
        for number in (0..5000).step_by(7) {
            let (at, found) = grown.seek(&bytes, number);
            let (header, ..) = decode(&bytes[at..], 0, Checksums::Ignore).unwrap();
            assert_eq!((found, header.timestamp), (number, number));
        }
        assert_eq!(grown.seek(&bytes, u64::MAX), (bytes.len(), 5000));
    }

    #[test]
    fn indexing_stops_at_damage() {
        let mut bytes = records(3000);
        let (at, _) = Index::of(&bytes, Checksums::Absent).seek(&bytes, 2000);
        bytes[at + 9] = 0;
        let index = Index::of(&bytes, Checksums::Absent);
        assert_eq!((index.record_count(), index.seek(&bytes, 2500)), (2000, (at, 2000)));
    }
}
