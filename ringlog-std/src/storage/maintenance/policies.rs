//! When a log is synced, and what it does when the disk is full.
#![forbid(unsafe_code)]

use std::time::Duration;

/// When what was written is made durable, so that it survives a loss of power.
///
/// It survives the death of the process in any case. A worker thread syncs, in the order of the log, so the writer
/// does not wait (except for [`EveryEvent`](Self::EveryEvent)).
/// [`durable_position`](crate::storage::log::writer::LogWriter::durable_position) returns how far it came.
///
/// ```
/// use ringlog::{event::EventHeader, storage::{LogWriter, SyncPolicy}};
/// use std::time::Duration;
/// # let folder = tempfile::tempdir()?;
///
/// assert_eq!(SyncPolicy::default(), SyncPolicy::EveryInterval(Duration::from_secs(1)));
/// let mut writer = LogWriter::options().sync(SyncPolicy::EveryEvent).open(folder.path())?;
/// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
/// assert_eq!(writer.durable_position(), writer.position());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SyncPolicy {
    /// At [`sync`](crate::storage::LogWriter::sync) and at the close, not before. The kernel writes back as it likes.
    Never,
    /// As soon as this many bytes are not durable, and at the end of each segment. What is written during the sync
    /// comes on top.
    EveryBytes(u64),
    /// After this time since the last sync, and at the end of each segment.
    EveryInterval(Duration),
    /// Before each append returns: one sync for each event, or for each run of them.
    EveryEvent,
}

impl Default for SyncPolicy {
    /// Once a second.
    fn default() -> Self {
        Self::EveryInterval(Duration::from_secs(1))
    }
}

/// What a log does when the disk has no room for the next segment.
///
/// In each case, no store into a mapping ever meets a full disk, because all blocks of a segment are reserved before
/// it is used, and no event is lost without a GAP record or an error.
///
/// ```
/// use ringlog::storage::{FullDisk, LogWriter};
/// # let folder = tempfile::tempdir()?;
///
/// assert_eq!(FullDisk::default(), FullDisk::Stop);
/// let writer = LogWriter::options().full_disk(FullDisk::DropWithGap).open(folder.path())?;
/// assert_eq!(writer.watch().lost(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum FullDisk {
    /// The append fails, and the writer stays as it is. A later append tries again.
    #[default]
    Stop,
    /// Events are counted and dropped until there is room. A GAP record at the start of the next segment reports
    /// them, or, if there is none, at the start of the next run.
    DropWithGap,
    /// The oldest segment is recycled, even if the retention or a cursor would keep it.
    RecycleOldest,
}
