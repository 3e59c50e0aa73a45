//! The state of a log in numbers, for those who watch it.
#![forbid(unsafe_code)]

use std::time::Duration;

use crate::event::GapReason;
use crate::os::sync::lock;
use crate::storage::maintenance::maintenance::Maintenance;
use crate::storage::maintenance::spare::SpareState;
use crate::storage::maintenance::sync_times::SyncTimes;
use crate::storage::segment::counts::LossCounts;

/// The state of a log that is being written: [`LogWatch::metrics`](crate::storage::LogWatch::metrics).
///
/// Counts are those of this run of the writer. Each is exact, and they may be of moments that differ by milliseconds. Of a
/// log that a [`LogWriter`](crate::storage::LogWriter) without a recorder writes, `events`, `gaps`, `bytes` and
/// `next_sequence` may be as old as the last roll or loss.
///
/// ```
/// use ringlog::{event::EventHeader, recorder::Recorder};
/// # let folder = tempfile::tempdir()?;
/// let (mut producer, recorder) = Recorder::start(folder.path())?;
/// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
/// let watch = recorder.watch().clone();
/// recorder.shutdown(producer)?;
/// let metrics = watch.metrics();
/// assert_eq!((metrics.events, metrics.bytes, metrics.lost), (1, 24, 0));
/// assert_eq!((metrics.next_sequence, metrics.durable_position), (1, 24));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct LogMetrics {
    /// Events in the log, without GAP records.
    pub events: u64,
    /// GAP records.
    pub gaps: u64,
    /// Bytes of events and GAP records, headers and padding included.
    pub bytes: u64,
    /// Events that are lost: the counts of the GAP records, and [`dropping`](Self::dropping).
    pub lost: u64,
    /// GAP records that do not know how many events are missing.
    pub gaps_of_unknown_count: u64,
    /// Events that a full disk takes now, and that no GAP record counts yet. `None` while there is room; `Some(0)` if their number is
    /// unknown.
    pub dropping: Option<u64>,
    /// The sequence of the oldest record that retention has left.
    pub oldest_sequence: u64,
    /// The sequence of the next record.
    pub next_sequence: u64,
    /// As [`LogWatch::published_position`](crate::storage::LogWatch::published_position).
    pub published_position: u64,
    /// As [`LogWatch::durable_position`](crate::storage::LogWatch::durable_position).
    pub durable_position: u64,
    /// For how long something that is published has not been durable, up to 20 milliseconds less. Zero if all of it is.
    pub not_durable_for: Duration,
    /// The syncs of its files.
    pub syncs: SyncTimes,
    /// Segments that are not finished, the active one among them: the others wait for their sync.
    pub open_segments: u64,
    /// Segments that are finished. Retention may take them.
    pub finished_segments: u64,
    /// Bytes that all of its segments take on the disk, with what is reserved for the active one and the spare one.
    pub disk_bytes: u64,
    /// Segments that this run has begun.
    pub begun_segments: u64,
    /// Segments that retention has deleted or recycled.
    pub retired_segments: u64,
    /// Bytes that these took on the disk.
    pub retired_bytes: u64,
    /// How often a segment could not be deleted or recycled, or was locked by another program.
    pub retention_errors: u64,
    /// How often an append had to wait at a roll, as of the last roll: the next segment was not ready, or too much was not synced.
    pub stalls: u64,
    /// Whether the next segment could not be made because the disk is full. It is tried again twenty times a second.
    pub is_disk_full: bool,
    /// Whether the log takes no more events, because a sync failed or its lock was lost.
    pub is_poisoned: bool,
    /// Why, if no call has returned that error yet.
    pub poisoned_because: Option<String>,
    pub(crate) losses: LossCounts,
}

impl LogMetrics {
    /// Reads the state of a log.
    pub(crate) fn of(maintenance: &Maintenance) -> Self {
        let segments = &maintenance.segments;
        let tally = &segments.tally;
        // Before the published one, which is then at least as large.
        let durable_position = maintenance.syncs.durable_position();
        let published_position = maintenance.published_position();
        let (finished_segments, finished_bytes) = {
            let kept = lock(&segments.kept);
            (kept.len() as u64, kept.iter().map(|segment| segment.bytes).sum::<u64>())
        };
        let open_segments = segments.count_open() as u64;
        let spare_segments = u64::from(matches!(*lock(&maintenance.spares.next), SpareState::Ready(_)));
        let reserved_bytes = (open_segments + spare_segments) * segments.rules.segment_bytes;
        let (retired_segments, retired_bytes) = tally.retired();
        let losses = tally.losses();
        Self {
            events: tally.events(),
            gaps: tally.gaps(),
            bytes: tally.bytes(),
            lost: maintenance.lost(),
            gaps_of_unknown_count: losses.gaps_of_unknown_count,
            dropping: tally.dropping(),
            oldest_sequence: segments.begins_at(),
            next_sequence: tally.next_sequence(),
            published_position,
            durable_position,
            not_durable_for: tally.not_durable_for(published_position, durable_position),
            syncs: tally.syncs(),
            open_segments,
            finished_segments,
            disk_bytes: finished_bytes + reserved_bytes,
            begun_segments: tally.begun_segments(),
            retired_segments,
            retired_bytes,
            retention_errors: tally.retention_errors(),
            stalls: tally.stalls(),
            is_disk_full: tally.is_disk_full(),
            is_poisoned: maintenance.is_poisoned(),
            poisoned_because: maintenance.poison().reason_words(),
            losses,
        }
    }

    /// Returns the number of events that were lost for this reason, as the GAP records count them.
    ///
    /// ```
    /// use ringlog::event::{Gap, GapReason};
    /// use ringlog::storage::LogWriter;
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = LogWriter::open(folder.path())?;
    /// writer.append_gap(1, Gap::new(GapReason::RingFull, 3))?;
    /// let metrics = writer.watch().metrics();
    /// assert_eq!(metrics.lost_because(GapReason::RingFull), 3);
    /// assert_eq!(metrics.lost_because(GapReason::DiskFull), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn lost_because(&self, reason: GapReason) -> u64 {
        self.losses.because(reason)
    }
}
