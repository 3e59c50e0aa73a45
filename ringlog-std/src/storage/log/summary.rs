//! Counts of what goes into a log.

#![forbid(unsafe_code)]

use crate::event::GapReason;
use crate::storage::segment::counts::{LossCounts, RecordCounts};

/// What a run of a [`LogWriter`](crate::storage::log::writer::LogWriter) has written.
///
/// ```
/// use ringlog::{event::EventHeader, storage::LogWriter};
/// # let folder = tempfile::tempdir()?;
///
/// let mut writer = LogWriter::open(folder.path())?;
/// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
/// let summary = writer.close()?;
/// assert_eq!((summary.events, summary.bytes, summary.lost), (1, 24, 0));
/// assert_eq!((summary.first_sequence, summary.next_sequence), (0, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct LogSummary {
    /// Events, without GAP records.
    pub events: u64,
    /// GAP records.
    pub gaps: u64,
    /// Lost events, as the GAP records and [`unreported`](Self::unreported) count them.
    pub lost: u64,
    /// Events that a full disk took and that no GAP record counts yet; `Some(0)` is an unknown number.
    pub unreported: Option<u64>,
    /// Bytes of all records, padding included.
    pub bytes: u64,
    /// Segments with at least one record.
    pub segments: u64,
    /// Sequence of the first record.
    pub first_sequence: u64,
    /// Sequence after the last record.
    pub next_sequence: u64,
    /// How often an append had to wait at a roll: the next segment was not ready, or too much was not synced.
    pub stalls: u64,
    pub(crate) losses: LossCounts,
}

impl LogSummary {
    pub(crate) const fn of(
        counts: &RecordCounts,
        segments: u64,
        first_sequence: u64,
        next_sequence: u64,
    ) -> Self {
        let RecordCounts { bytes, events, gaps, losses, .. } = *counts;
        Self {
            events,
            gaps,
            lost: losses.total,
            unreported: None,
            bytes,
            segments,
            first_sequence,
            next_sequence,
            stalls: 0,
            losses,
        }
    }

    /// Returns the number of events that were lost for this reason, as the GAP records count them.
    ///
    /// ```
    /// use ringlog::event::{Gap, GapReason};
    /// use ringlog::storage::LogWriter;
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let mut writer = LogWriter::open(folder.path())?;
    /// writer.append_gap(1, Gap::new(GapReason::RingFull, 3))?;
    /// let summary = writer.close()?;
    /// assert_eq!(summary.lost_because(GapReason::RingFull), 3);
    /// assert_eq!(summary.lost_because(GapReason::DiskFull), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn lost_because(&self, reason: GapReason) -> u64 {
        self.losses.because(reason)
    }
}
