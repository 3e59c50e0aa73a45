//! Why events may not be on stable storage.
#![forbid(unsafe_code)]

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::storage::error::ReadError;
use crate::storage::error::words::RESTORE_OR_SALVAGE;
use crate::storage::error::words::dropped_words;
use crate::words::cause;
use crate::words::io_advice;

/// Why published events may not be on stable storage.
///
/// ```
/// use ringlog::storage::SyncError;
///
/// fn may_continue(error: &SyncError) -> bool {
///     // The writer takes more events after these two only.
///     matches!(error, SyncError::Damaged(_) | SyncError::UnreportedLoss { .. })
/// }
///
/// let error = SyncError::Poisoned { path: "log".into() };
/// assert!(!may_continue(&error));
/// assert!(error.to_string().contains("check the disk"));
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SyncError {
    /// The sync failed. The watermark stays where it was and the writer takes no more events.
    #[error(
        "{}: sync of offsets {from} to {to} failed: {source}; check the disk and continue in a new log",
        path.display()
    )]
    Failed {
        /// The file.
        path: PathBuf,
        /// Where the bytes in question start.
        from: u64,
        /// Where they end.
        to: u64,
        /// The error of the system.
        source: io::Error,
    },
    /// A call that writes records failed. None of them is in the log, and it takes no more.
    #[error("{}: writing offsets {from} to {to} failed: {source}; check the disk and continue in a new log", path.display())]
    Written {
        /// The file.
        path: PathBuf,
        /// Where the bytes in question start.
        from: u64,
        /// Where they end.
        to: u64,
        /// The error of the system.
        source: io::Error,
    },
    /// The file is shorter than it was. What the log has published may be lost.
    #[error(
        "{}: {len_bytes} bytes long instead of {expected_bytes}: something made it shorter while it was written; find out \
         what did, restore a copy or salvage the log, and continue in a new one",
        path.display()
    )]
    Shortened {
        /// The file.
        path: PathBuf,
        /// Its length.
        len_bytes: u64,
        /// The length that it was created with.
        expected_bytes: u64,
    },
    /// A sync failed before.
    #[error("{}: a sync of this log failed earlier; check the disk and continue in a new log", path.display())]
    Poisoned {
        /// The file.
        path: PathBuf,
    },
    /// A segment that a dead writer had not synced is damaged. What this writer wrote is on stable storage; the
    /// watermark stays below the damage.
    #[error(
        "{}, in a file that an earlier writer was killed before it had synced: the log's watermark stays below the damage \
         as long as the file is there, and later events are synced all the same; {RESTORE_OR_SALVAGE}",
        cause(.0)
    )]
    Damaged(#[source] Box<ReadError>),
    /// The file with the log's lock was deleted or replaced, so it keeps no other writer out. The writer takes no
    /// more events, and leaves the files as they are.
    #[error(
        "{}: this lock file was deleted or replaced while its log was written, so another writer may be at work; \
         end all writers of the log, leave that file alone, and open the log again",
        path.display()
    )]
    LockFile {
        /// The lock file.
        path: PathBuf,
    },
    /// The writer belongs to the process that this one was forked from.
    #[error("{}: opened before this process was forked; only the process that opened it may sync or close it", path.display())]
    OtherProcess {
        /// The log's file or folder.
        path: PathBuf,
    },
    /// Everything is on stable storage, but the folder could not be put in order.
    #[error("{}: cannot {action}: {source}; {}", path.display(), io_advice(source))]
    Folder {
        /// The file or folder concerned.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The error of the system.
        source: io::Error,
    },
    /// The disk is so full that there is no room for the record that reports dropped events. The `writer` file notes
    /// them, and the next run begins with that record.
    #[error(
        "{}: {} because the disk is full, and there is no room to say so in the log; free some space and record again: \
         the next run begins with a GAP record",
        path.display(),
        dropped_words(*count)
    )]
    UnreportedLoss {
        /// The log's folder.
        path: PathBuf,
        /// How many; 0 if that is not known.
        count: u64,
    },
}
