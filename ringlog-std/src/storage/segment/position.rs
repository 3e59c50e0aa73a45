//! Positions of a segment's records: bytes of the log as they were in its ring.

#![forbid(unsafe_code)]

use ringlog_nostd::format::FILE_HEADER_LEN;

use crate::event::{Event, FileHeader};

/// Follows the records of one segment, in order, and computes their positions.
///
/// What the log's side put at the very start, the *preamble*, was never in a ring and takes no position: META records, and
/// GAP records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PositionTracker {
    base_position: u64,
    preamble_bytes: u64,
    is_in_preamble: bool,
}

impl PositionTracker {
    /// Starts before the first record of a file with this header.
    pub(crate) const fn of(header: &FileHeader) -> Self {
        Self { base_position: header.base_position, preamble_bytes: 0, is_in_preamble: true }
    }

    /// Counts META records of the preamble that are not passed to [`next`](Self::next).
    #[must_use]
    pub(crate) const fn with_meta(mut self, bytes: u64) -> Self {
        self.preamble_bytes += bytes;
        self
    }

    /// Returns whether a META record at this offset is in the preamble.
    pub(crate) const fn may_be_meta(&self, offset: u64) -> bool {
        self.is_in_preamble || offset < FILE_HEADER_LEN as u64 + self.preamble_bytes
    }

    /// Takes the next record and returns its position; `None` for one of the preamble.
    ///
    /// After the preamble, records may be taken in any order.
    pub(crate) fn next(&mut self, event: &Event<'_>) -> Option<u64> {
        if self.is_in_preamble && (event.is_meta() || event.gap().is_some_and(|gap| gap.log_side)) {
            self.preamble_bytes += event.header.stride() as u64;
            return None;
        }
        self.is_in_preamble = false;
        let is_past_preamble = event.offset >= FILE_HEADER_LEN as u64 + self.preamble_bytes;
        is_past_preamble.then(|| self.at(event.offset))
    }

    /// Takes records that are not in the preamble, all at once.
    #[inline]
    pub(crate) const fn pass_run(&mut self) {
        self.is_in_preamble = false;
    }

    /// Returns the position of an offset in the file. An offset in the preamble has the position of the preamble's
    /// end.
    ///
    /// A checked header's base position stays below 2^64 with the length of a file added.
    pub(crate) const fn at(&self, offset: u64) -> u64 {
        let preamble_end = FILE_HEADER_LEN as u64 + self.preamble_bytes;
        self.base_position + offset.saturating_sub(preamble_end)
    }

    /// Returns where in the file the record of this position starts, at least past the preamble: the inverse of
    /// [`at`](Self::at).
    ///
    /// The position is that of another header, so it was checked, too.
    pub(crate) const fn offset_of(&self, position: u64) -> u64 {
        position.saturating_sub(self.base_position) + FILE_HEADER_LEN as u64 + self.preamble_bytes
    }

    /// Continues at `offset`, after bytes that are no record.
    ///
    /// What was lost may all have been preamble: positions are then at most too low. The preamble may continue.
    pub(crate) const fn continue_after_hole(&mut self, offset: u64) {
        if self.is_in_preamble {
            self.preamble_bytes = offset.saturating_sub(FILE_HEADER_LEN as u64);
        }
    }

    /// Returns whether no record has a position yet.
    pub(crate) const fn is_in_preamble(&self) -> bool {
        self.is_in_preamble
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringlog_nostd::format::MAX_POSITION;

    use crate::event::{ClockKind, Gap, GapReason};

    #[test]
    fn only_log_side_gaps_at_the_start_take_no_position() {
        let mut header = FileHeader::new(0, ClockKind::Unspecified, true);
        header.base_position = 1000;
        let mut positions = PositionTracker::of(&header);
        let log_side = Gap { log_side: true, ..Gap::new(GapReason::RecoveryCut, 0) }.to_payload();
        let event = |offset| Event::new(Gap::header(0), &log_side, 0, offset);
        let ring_side = Gap::new(GapReason::RingFull, 1).to_payload();
        assert_eq!(positions.next(&event(64)), None);
        assert_eq!(positions.next(&Event::new(Gap::header(0), &ring_side, 0, 96)), Some(1000));
        assert_eq!(positions.next(&event(128)), Some(1032));
        for offset in [128, 136, 160, 1 << 40] {
            assert_eq!(positions.offset_of(positions.at(offset)), offset);
        }
        assert_eq!((positions.offset_of(999), positions.offset_of(MAX_POSITION)), (96, MAX_POSITION - 904));
        assert_eq!((positions.at(160), positions.is_in_preamble()), (1064, false));
        assert_eq!(positions.next(&event(64)), None, "asked again, it is still in the preamble");
    }
}
