//! Why an event is not taken.
#![forbid(unsafe_code)]

use std::io;
use std::path::PathBuf;

use ringlog_nostd::WriteError;
use thiserror::Error;

use crate::event::RecordError;
use crate::storage::error::{CreateError, SyncError};

/// Why an event was not appended.
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
    /// A run contains something that is no record. All before it was appended.
    #[error("run refused: {0}; hand over whole records only")]
    Run(RecordError),
    /// A sync failed before, so nobody knows what is on the disk beyond the watermark.
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
        /// What the system said.
        source: io::Error,
    },
    /// The record is larger than a segment without any other.
    #[error(
        "{}: a record of {needed_bytes} bytes, but an empty file of this log has room for {capacity_bytes}; ask for larger \
         files (`--segment-size`)",
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
    /// This run of the writer has written as much as it was allowed to.
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
    /// The log has come so far that no other segment can follow.
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
