//! Events that a full disk took, until a GAP record reports them.
#![forbid(unsafe_code)]

use std::path::Path;

use crate::event::{EventHeader, Gap, GapReason};
use crate::storage::folder::listing::LogList;
use crate::storage::folder::writer_lock::peek;
use crate::storage::folder::writer_record::UnreportedLoss;
use crate::storage::read::scan::segment_scan::FileScan;

/// Events that were dropped since the last segment was full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Dropped {
    /// How many, with those that dropped GAP records report; `None` once one of these has an unknown count.
    count: Option<u64>,
    /// Bytes of their records.
    pub(crate) bytes: u64,
    pub(crate) first_timestamp: u64,
}

impl Dropped {
    pub(crate) const fn starting_at(first_timestamp: u64) -> Self {
        Self { count: Some(0), bytes: 0, first_timestamp }
    }

    /// Returns a loss of `bytes` bytes of events that nobody has counted.
    pub(crate) const fn uncounted(bytes: u64, first_timestamp: u64) -> Self {
        Self { count: None, bytes, first_timestamp }
    }

    /// Adds one dropped record.
    pub(crate) fn add(&mut self, header: &EventHeader, payload: &[u8]) {
        let events = match Gap::from_event(header, payload) {
            Some(Gap { count: 0, .. }) => None,
            Some(gap) => Some(gap.count),
            None => Some(1),
        };
        self.count = self.count.zip(events).map(|(count, events)| count.saturating_add(events));
        self.bytes += header.stride() as u64;
    }

    /// Returns the GAP record for them, for the start of the next segment.
    pub(crate) fn gap(&self) -> Gap {
        gap_of(self.count.unwrap_or(0), self.bytes)
    }

    /// Returns the same for the `writer` file, where the loss begins at `position`.
    pub(crate) fn unreported(&self, position: u64) -> UnreportedLoss {
        let Self { count, bytes, first_timestamp } = *self;
        UnreportedLoss { position, count: count.unwrap_or(0), bytes, first_timestamp }
    }
}

impl UnreportedLoss {
    /// Returns the GAP record for a loss that was found in the `writer` file.
    pub(crate) fn gap(&self) -> Gap {
        gap_of(self.count, self.bytes)
    }
}

fn gap_of(count: u64, bytes: u64) -> Gap {
    let extent = u32::try_from(bytes / 8).unwrap_or(0);
    Gap { log_side: true, extent, ..Gap::new(GapReason::DiskFull, count) }
}

/// Returns what is missing at the end of the log in `folder` if no GAP record counts it yet: what a full disk took,
/// or what a ring still held when its process ended.
///
/// The first value is the timestamp of the first of those events, 0 if it is unknown. The writer notes such a loss
/// beside the log, and the next run that finds room begins with its GAP record. A count of 0 is unknown: a writer is
/// still dropping events, was killed while it did, or died with a ring that was not drained.
#[must_use]
pub fn unreported_loss(folder: impl AsRef<Path>) -> Option<(u64, Gap)> {
    let folder = folder.as_ref();
    let peeked = peek(folder)?;
    // If the log was continued since, that run has counted it.
    let unreported =
        peeked.record.unreported.filter(|unreported| end_position(folder) == Some(unreported.position));
    let is_undrained = peeked.record.has_undrained_ring && !peeked.is_held;
    unreported.map(|unreported| (unreported.first_timestamp, unreported.gap())).or_else(|| {
        let gap = Gap { log_side: true, ..Gap::new(GapReason::RecorderEnded, 0) };
        is_undrained.then_some((0, gap))
    })
}

/// Returns the position at which a log ends; `None` if it cannot be read to its end. Opens the last segment only.
fn end_position(folder: &Path) -> Option<u64> {
    let last = LogList::of(folder).ok()?.segments.pop()?;
    let mut scan = FileScan::open_last(&last.path).ok()??;
    while scan.advance().ok()? {}
    Some(scan.position())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::files::OPENED_FILES;
    use crate::storage::log::writer::LogWriter;
    use crate::storage::tests::single_step::{STRIDE, alone, fill};

    #[test]
    fn where_a_log_ends_is_read_from_its_last_segment_only() {
        let opened = |segments| {
            let folder = tempfile::tempdir().unwrap();
            let mut writer = alone(folder.path(), LogWriter::options().segment_bytes(4096));
            fill(&mut writer, segments);
            writer.close().unwrap();
            OPENED_FILES.take();
            assert_eq!(end_position(folder.path()), Some(segments * STRIDE));
            OPENED_FILES.take()
        };
        assert_eq!(opened(20), opened(1));
    }

    #[test]
    fn what_dropped_gaps_report_is_counted_too() {
        let mut dropped = Dropped::starting_at(5);
        dropped.add(&EventHeader::new(5, 0, 0), b"");
        let gap = Gap::new(GapReason::RingFull, 10);
        dropped.add(&Gap::header(6), &gap.to_payload());
        assert_eq!((dropped.gap().count, dropped.gap().extent, dropped.bytes), (11, 6, 48));
        dropped.add(&Gap::header(6), &Gap::new(GapReason::RecoveryCut, 0).to_payload());
        dropped.add(&EventHeader::new(5, 0, 0), b"");
        assert_eq!(dropped.gap().count, 0, "unknown");
        assert_eq!(dropped.unreported(8).position, 8);
    }
}
