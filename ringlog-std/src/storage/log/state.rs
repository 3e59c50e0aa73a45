//! What a log's writer knows of its log: where it is, what opening it found, and what this run has written.
#![forbid(unsafe_code)]

use std::path::Path;
use std::sync::Arc;

use crate::storage::error::{CreateError, OpenError, ReadError};
use crate::storage::folder::writer_record::WriterRecord;
use crate::storage::log::summary::LogSummary;
use crate::storage::log::writer::LogWriter;
use crate::storage::maintenance::watch::LogWatch;
use crate::storage::recovery::report::RecoveryReport;

impl LogWriter {
    /// Returns the folder.
    ///
    /// ```
    /// # use ringlog::storage::LogWriter;
    /// # let folder = tempfile::tempdir()?;
    /// assert_eq!(LogWriter::open(folder.path())?.path(), folder.path());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Returns the position of the next record: bytes of the whole log as they were in its ring. Everything below is
    /// published.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, storage::LogWriter};
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = LogWriter::open(folder.path())?;
    /// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// assert_eq!(writer.position(), 24);
    /// # writer.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn position(&self) -> u64 {
        self.end_position()
    }

    /// Returns the position below which everything is on stable storage.
    ///
    /// It follows [`position`](Self::position) at the pace of the [`SyncPolicy`](crate::storage::SyncPolicy). After a writer
    /// that was killed it begins where that writer's files give it, and passes what was not synced with this writer's
    /// first sync, unless that is [damaged](Self::take_damage).
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, storage::{LogWriter, SyncPolicy}};
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = LogWriter::options().sync(SyncPolicy::EveryEvent).open(folder.path())?;
    /// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// assert_eq!(writer.durable_position(), 24);
    /// # writer.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn durable_position(&self) -> u64 {
        self.maintenance.syncs.durable_position()
    }

    /// Returns what is damaged in a segment that a dead writer had not synced, once for each such segment.
    ///
    /// Such a segment is read before it is promised, by the first sync. While it is part of the log,
    /// [`durable_position`](Self::durable_position) stays below the damage. Recording continues, and what is written
    /// is synced as before.
    ///
    /// ```
    /// # use ringlog::storage::LogWriter;
    /// # let folder = tempfile::tempdir()?;
    /// let writer = LogWriter::open(folder.path())?;
    /// assert!(writer.take_damage().is_none());
    /// # writer.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn take_damage(&self) -> Option<ReadError> {
        self.maintenance.syncs.take_damage()
    }

    /// Returns a handle that reports the log's progress to other threads, also after this writer has ended.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, storage::LogWriter};
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = LogWriter::open(folder.path())?;
    /// let watch = writer.watch();
    /// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// writer.close()?;
    /// assert_eq!(watch.durable_position(), 24);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn watch(&self) -> LogWatch {
        LogWatch::new(Arc::clone(&self.maintenance))
    }

    /// Returns the sequence of the next record.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, storage::LogWriter};
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = LogWriter::open(folder.path())?;
    /// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// assert_eq!(writer.next_sequence(), 1);
    /// # writer.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.active.next_sequence()
    }

    /// Returns what opening the log found: how the last writer ended, and what was kept and cut.
    ///
    /// ```
    /// # use ringlog::storage::LogWriter;
    /// use ringlog::storage::LastEnd;
    /// # let folder = tempfile::tempdir()?;
    /// # let mut writer = LogWriter::open(folder.path())?;
    /// # writer.write_event(&ringlog::event::EventHeader::new(1, 7, 5), b"hello")?;
    /// writer.close()?;
    /// let writer = LogWriter::open(folder.path())?;
    /// assert_eq!(writer.recovery().last_end, LastEnd::Closed);
    /// # writer.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn recovery(&self) -> &RecoveryReport {
        &self.report
    }

    /// Returns why retired segments could not be deleted or recycled, once. Recording continues meanwhile.
    ///
    /// ```
    /// # use ringlog::storage::LogWriter;
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = LogWriter::open(folder.path())?;
    /// assert!(writer.take_retention_error().is_none());
    /// # writer.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn take_retention_error(&mut self) -> Option<CreateError> {
        self.maintenance.segments.take_retention_error()
    }

    /// Returns the sequence of the first record of this run.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, storage::LogWriter};
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = LogWriter::open(folder.path())?;
    /// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// writer.close()?;
    /// assert_eq!(LogWriter::open(folder.path())?.first_sequence(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn first_sequence(&self) -> u64 {
        self.first_sequence
    }

    /// Returns the log's identity: a random number that was drawn when the log was created. A copy of the log has the
    /// same one.
    ///
    /// ```
    /// # use ringlog::storage::LogWriter;
    /// # let folder = tempfile::tempdir()?;
    /// let identity = LogWriter::open(folder.path())?.identity();
    /// assert_eq!(LogWriter::open(folder.path())?.identity(), identity);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn identity(&self) -> u128 {
        self.record.log_identity.unwrap_or_default()
    }

    /// Returns the identity of the ring that feeds the log, 0 if none does.
    ///
    /// ```
    /// # use ringlog::storage::LogWriter;
    /// # let folder = tempfile::tempdir()?;
    /// assert_eq!(LogWriter::open(folder.path())?.ring_identity(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn ring_identity(&self) -> u64 {
        self.record.ring_identity
    }

    /// Stores, durably, which ring feeds the log from now on; 0 for none.
    ///
    /// A ring and its log count the same positions. While a ring feeds a log, nothing else may write events to it:
    /// see [`Recorder`](crate::recorder::Recorder).
    ///
    /// ```
    /// # use ringlog::storage::LogWriter;
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = LogWriter::open(folder.path())?;
    /// writer.set_ring_identity(42)?;
    /// drop(writer);
    /// assert_eq!(LogWriter::open(folder.path())?.ring_identity(), 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`OpenError::Io`] if it cannot be stored.
    pub fn set_ring_identity(&mut self, ring_identity: u64) -> Result<(), OpenError> {
        let record = WriterRecord { ring_identity, ..self.record.clone() };
        let stored = self.lock.store(&**self.maintenance.platform(), &record);
        stored.map_err(|error| OpenError::io(self.lock.path(), "store into the file", error))?;
        self.record = record;
        Ok(())
    }

    /// Notes that the log has every event of the ring in this process. Closing the log stores that.
    pub(crate) const fn note_drained_ring(&mut self) {
        self.record.has_undrained_ring = false;
    }

    /// Returns the bytes of records that this run has written.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, storage::LogWriter};
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = LogWriter::open(folder.path())?;
    /// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// assert_eq!(writer.bytes_written(), 24);
    /// # writer.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn bytes_written(&self) -> u64 {
        self.counts.bytes
    }

    /// Returns what this run has written so far. The active segment counts once it holds a record.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, storage::LogWriter};
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = LogWriter::open(folder.path())?;
    /// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// assert_eq!((writer.summary().events, writer.summary().segments), (1, 1));
    /// # writer.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn summary(&self) -> LogSummary {
        let current = u64::from(self.active.has_record());
        let (first, next) = (self.first_sequence, self.next_sequence());
        let written = LogSummary::of(&self.counts, self.full_segments + current, first, next);
        let unreported = self.dropped.map(|dropped| dropped.gap().count);
        LogSummary { stalls: self.stalls, lost: self.lost(), unreported, ..written }
    }
}
