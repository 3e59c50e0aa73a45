//! How far a log has come, for other threads than its writer's.
#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::storage::error::{CreateError, ReadError};
use crate::storage::maintenance::maintenance::Maintenance;

/// Tells how far the log of a [`LogWriter`](crate::storage::log::writer::LogWriter) has come: see [`LogWriter::watch`](crate::storage::log::writer::LogWriter::watch).
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

    /// The log's position below which every event is published: seen by readers, and safe from the death of
    /// the process.
    #[must_use]
    pub fn published_position(&self) -> u64 {
        self.maintenance.published_position()
    }

    /// The log's position below which every event is on stable storage. At most the published one.
    #[must_use]
    pub fn durable_position(&self) -> u64 {
        self.maintenance.durable_position()
    }

    /// Events that this run of the writer has lost so far: the counts of its GAP records, and what a full disk is taking
    /// at this moment although the GAP record can only follow later. A loss of unknown count adds nothing.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.maintenance.lost()
    }

    /// Why retired segments could not be deleted or recycled, once: see
    /// [`LogWriter::take_retention_error`](crate::storage::log::writer::LogWriter::take_retention_error).
    #[must_use]
    pub fn take_retention_error(&self) -> Option<CreateError> {
        self.maintenance.take_retention_error()
    }

    /// What is damaged in a segment that a dead writer had not synced: see
    /// [`LogWriter::take_damage`](crate::storage::log::writer::LogWriter::take_damage).
    #[must_use]
    pub fn take_damage(&self) -> Option<ReadError> {
        self.maintenance.take_damage()
    }
}
