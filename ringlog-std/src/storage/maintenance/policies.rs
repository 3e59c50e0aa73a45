//! When a log is synced, and what it does when the disk is full.
#![forbid(unsafe_code)]

use std::time::Duration;

/// When what was written is made durable, so that it survives a loss of power.
///
/// It survives the death of the process in any case. A worker thread syncs, in the order of the log, so the
/// writer does not wait (but for [`EveryEvent`](Self::EveryEvent)); how far it came is
/// [`durable_position`](crate::storage::log::writer::LogWriter::durable_position).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SyncPolicy {
    /// At [`sync`](crate::storage::log::writer::LogWriter::sync) and at the close, not before. The kernel writes back as it likes.
    Never,
    /// Whenever so many bytes are not durable, and at the end of each segment. What is written while the sync
    /// is under way comes on top.
    EveryBytes(u64),
    /// So long after the last sync, and at the end of each segment.
    Interval(Duration),
    /// Before each append returns: one sync for each event, or for each run of them.
    EveryEvent,
}

impl Default for SyncPolicy {
    /// Once a second.
    fn default() -> Self {
        Self::Interval(Duration::from_secs(1))
    }
}

/// What a log does when the next segment finds no room on the disk.
///
/// Whichever it is: the disk is never found full by a store into a mapping, since all blocks of a segment are
/// reserved before it is used, and no event is lost without a GAP record or an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum FullDisk {
    /// The append fails, and the writer stays as it is: a later append tries again.
    #[default]
    Stop,
    /// Events are counted and dropped until there is room; a GAP record tells of them at the start of the next
    /// segment, or at the start of the next run if it does not come to that.
    DropWithGap,
    /// The oldest segment is recycled, whatever the retention says and whatever cursors need.
    RecycleOldest,
}
