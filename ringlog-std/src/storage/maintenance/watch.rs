//! The progress of a log, for other threads than its writer's.
#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::storage::error::{CreateError, ReadError};
use crate::storage::maintenance::maintenance::Maintenance;
use crate::storage::maintenance::metrics::LogMetrics;

/// Reports the progress of a [`LogWriter`](crate::storage::log::writer::LogWriter)'s log to other threads: see
/// [`LogWriter::watch`](crate::storage::log::writer::LogWriter::watch).
///
/// ```
/// use ringlog::{event::EventHeader, recorder::Recorder};
/// # let folder = tempfile::tempdir()?;
/// let (mut producer, recorder) = Recorder::start(folder.path())?;
/// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
/// let watch = recorder.watch().clone();
/// recorder.shutdown(producer)?;
/// assert_eq!((watch.published_position(), watch.durable_position()), (24, 24));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct LogWatch {
    maintenance: Arc<Maintenance>,
}

impl LogWatch {
    pub(crate) const fn new(maintenance: Arc<Maintenance>) -> Self {
        Self { maintenance }
    }

    /// Returns the log's position below which every event is published: readers see it, and it survives the death of
    /// the process.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, storage::LogWriter};
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = LogWriter::open(folder.path())?;
    /// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// assert_eq!(writer.watch().published_position(), 24);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn published_position(&self) -> u64 {
        self.maintenance.published_position()
    }

    /// Returns the log's position below which every event is on stable storage. At most the published one.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, storage::LogWriter};
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = LogWriter::open(folder.path())?;
    /// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// writer.sync()?;
    /// assert_eq!(writer.watch().durable_position(), 24);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn durable_position(&self) -> u64 {
        self.maintenance.syncs.durable_position()
    }

    /// Returns the number of events that this run of the writer has lost so far: the counts of its GAP records, and
    /// what a full disk is taking now, although its GAP record can only follow later. A loss of unknown count adds
    /// nothing.
    ///
    /// ```
    /// # use ringlog::storage::LogWriter;
    /// use ringlog::event::{Gap, GapReason};
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = LogWriter::open(folder.path())?;
    /// writer.append_gap(1, Gap { log_side: true, ..Gap::new(GapReason::DiskFull, 3) })?;
    /// assert_eq!(writer.watch().lost(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.maintenance.lost()
    }

    /// Returns the state of the log in numbers. The writer's thread is not held up: it stores them anyway, once for each run of records
    /// that it takes.
    ///
    /// ```
    /// # use ringlog::storage::LogWriter;
    /// # let folder = tempfile::tempdir()?;
    /// let writer = LogWriter::open(folder.path())?;
    /// let metrics = writer.watch().metrics();
    /// assert_eq!((metrics.open_segments, metrics.finished_segments, metrics.is_poisoned), (1, 0, false));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn metrics(&self) -> LogMetrics {
        LogMetrics::of(&self.maintenance)
    }

    /// Returns whether written pages leave the kernel's cache once they are on the disk. `false` if nobody asked for it, or
    /// the kernel or the file system cannot do it: see [`uncached`](crate::storage::LogWriterOptions::uncached).
    ///
    /// ```
    /// # use ringlog::storage::LogWriter;
    /// # let folder = tempfile::tempdir()?;
    /// let writer = LogWriter::options().uncached(true).open(folder.path())?;
    /// if !writer.watch().is_uncached() {
    ///     println!("what is written stays in the kernel's cache");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_uncached(&self) -> bool {
        self.maintenance.rules().is_uncached
    }

    /// Returns why retired segments could not be deleted or recycled, once: see
    /// [`LogWriter::take_retention_error`](crate::storage::log::writer::LogWriter::take_retention_error).
    ///
    /// ```
    /// # use ringlog::storage::LogWriter;
    /// # let folder = tempfile::tempdir()?;
    /// assert!(LogWriter::open(folder.path())?.watch().take_retention_error().is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn take_retention_error(&self) -> Option<CreateError> {
        self.maintenance.segments.take_retention_error()
    }

    /// Returns what is damaged in a segment that a dead writer had not synced: see
    /// [`LogWriter::take_damage`](crate::storage::log::writer::LogWriter::take_damage).
    ///
    /// ```
    /// # use ringlog::storage::LogWriter;
    /// # let folder = tempfile::tempdir()?;
    /// assert!(LogWriter::open(folder.path())?.watch().take_damage().is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn take_damage(&self) -> Option<ReadError> {
        self.maintenance.syncs.take_damage()
    }
}
