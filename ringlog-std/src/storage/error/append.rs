//! Why an event is not appended.
#![forbid(unsafe_code)]

use std::io;
use std::path::PathBuf;

use ringlog_nostd::WriteError;
use thiserror::Error;

use crate::event::RecordError;
use crate::storage::error::{CreateError, SyncError};

/// Why an event was not appended.
///
/// ```
/// use ringlog::{event::EventHeader, storage::{AppendError, MmapWriter}};
/// # let folder = tempfile::tempdir()?;
///
/// let mut writer = MmapWriter::create(folder.path().join("events.evtl"), 4096)?;
/// let full = loop {
///     if let Err(error) = writer.write_event(&EventHeader::new(1, 7, 5), b"hello") {
///         break error;
///     }
/// };
/// match full {
///     AppendError::Full { needed_bytes, remaining_bytes, .. } => assert!(needed_bytes > remaining_bytes),
///     other => panic!("{other}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The rest of the file is too small for the next record.
    #[error(
        "{}: full: the next record takes {needed_bytes} bytes, {remaining_bytes} are left at offset {offset}; \
         close this log and continue in another",
        path.display()
    )]
    Full {
        /// The file.
        path: PathBuf,
        /// Where the record would have started.
        offset: u64,
        /// What the record takes, in bytes.
        needed_bytes: u64,
        /// What is left, in bytes.
        remaining_bytes: u64,
    },
    /// The event itself is not one that a log takes.
    #[error("event refused: {0}; correct the header, `EventHeader::as_user` clears what the system has set")]
    Event(#[from] WriteError),
    /// A run contains bytes that are no record. Everything before them was appended.
    #[error("run refused: {0}; hand over whole records only")]
    Run(RecordError),
    /// A sync failed before, so it is unknown what is on the disk above the watermark.
    #[error("{}: a sync of this log failed earlier; check the disk and continue in a new log", path.display())]
    Poisoned {
        /// The file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("{}: offset {offset}: cannot {action}: {source}; check the disk and continue in a new log", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What was tried.
        action: &'static str,
        /// The error of the system.
        source: io::Error,
    },
    /// The record is larger than a segment without any other.
    #[error(
        "{}: a record of {needed_bytes} bytes, but an empty file of this log has room for {capacity_bytes}; ask for larger \
         files (`segment_bytes`, `--segment-size`)",
        path.display()
    )]
    TooLarge {
        /// The log's file or folder.
        path: PathBuf,
        /// What the record takes, in bytes.
        needed_bytes: u64,
        /// What an empty file has room for, in bytes.
        capacity_bytes: u64,
    },
    /// This run of the writer has written as many bytes as it may.
    #[error(
        "{}: {written_bytes} bytes written, the next record would exceed the limit of {max_bytes}; \
         close the log, or ask for a larger limit",
        path.display()
    )]
    LimitReached {
        /// The log's folder.
        path: PathBuf,
        /// Bytes of records that were written.
        written_bytes: u64,
        /// The limit.
        max_bytes: u64,
    },
    /// The log has reached the largest position, so no other segment can follow.
    #[error("{}: at position {position}, and no log has more than 2^62; record into another folder", path.display())]
    AtLimit {
        /// The log's folder.
        path: PathBuf,
        /// Where the next segment would have begun.
        position: u64,
    },
    /// The next segment could not be created.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// A segment could not be named or synced, so the log takes no more events.
    #[error(transparent)]
    Close(#[from] SyncError),
}
