//! Errors of cursors.
#![forbid(unsafe_code)]

use std::io;
use std::path::PathBuf;

use crate::storage::error::words::in_use_words;
use crate::storage::error::{OpenError, ReadError};

/// Why a cursor could not be opened or stored.
///
/// ```
/// use ringlog::storage::{Cursor, CursorError};
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// match Cursor::open(folder, "a/b") {
///     Err(CursorError::Name { name }) => assert_eq!(name, "a/b"),
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CursorError {
    /// The name is not one for a cursor.
    #[error(
        "{name:?}: not a name for a cursor; use 1 to 64 ASCII letters, digits, - _ and ., and no . at the start"
    )]
    Name {
        /// The name that was given, cut to 64 characters.
        name: String,
    },
    /// Another reader has this cursor.
    #[error("{}: {}, or take another name", path.display(), in_use_words(*pid))]
    InUse {
        /// The cursor's file.
        path: PathBuf,
        /// The process that has it, if the file says.
        pid: Option<u32>,
    },
    /// Neither slot of the file is valid.
    #[error(
        "{}: offsets 0 and 4096: no valid position in this cursor file; delete it to start again from the \
         oldest record",
        path.display()
    )]
    Damaged {
        /// The cursor's file.
        path: PathBuf,
    },
    /// The cursor was made for another log than the one in the folder.
    #[error(
        "{}: this cursor is at record {next_sequence} of log {expected:032x}, but the log in its folder is another one, \
         {found:032x}: nothing of that was read; delete this file to start at the oldest record. If it is the same log, \
         and got a new identity because its `writer` file was lost or damaged, then continue with record {next_sequence} \
         (`--from-seq {next_sequence}`, or `go_to`)",
        path.display()
    )]
    OtherLog {
        /// The cursor's file.
        path: PathBuf,
        /// The sequence of its next record, in its own log.
        next_sequence: u64,
        /// The identity of the log that it was made for.
        expected: u128,
        /// The identity of the log in the folder.
        found: u128,
    },
    /// The log ends before the cursor: it lost records that were read.
    #[error(
        "{}: this cursor is at record {next_sequence}, its log ends before record {end}: records {end} to {} were read and \
         then lost, as an unsynced end is with the power, and their sequences belong to others from now on; call \
         `go_to({end})`, and commit no further than what is durable where this must not happen",
        path.display(),
        next_sequence.saturating_sub(1)
    )]
    Ahead {
        /// The cursor's file.
        path: PathBuf,
        /// Where it is.
        next_sequence: u64,
        /// The sequence after the log's last record.
        end: u64,
    },
    /// The cursor's log cannot be opened or read, or its folder does not exist ([`OpenError::NoLog`]).
    #[error(transparent)]
    Log(#[from] ReadError),
    /// [`Cursor::advance`](super::cursor::Cursor::advance) was asked to go backwards.
    #[error("{}: record {asked} is before record {next_sequence}, where this cursor is; use `go_to`", path.display())]
    Backwards {
        /// The cursor's file.
        path: PathBuf,
        /// Where it is.
        next_sequence: u64,
        /// The sequence that was asked for.
        asked: u64,
    },
    /// The sequence is above 2^62, which no log reaches.
    #[error("{}: no log has a record {asked}: none has more than 2^62; use `go_to`", path.display())]
    Limit {
        /// The cursor's file.
        path: PathBuf,
        /// The sequence that was asked for.
        asked: u64,
    },
    /// The system reported an error.
    #[error("{}: cannot {action}: {source}; check the folder, its permissions and the disk", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The action that failed.
        action: &'static str,
        /// The system's error.
        source: io::Error,
    },
}

impl CursorError {
    pub(crate) fn in_the_log(error: OpenError) -> Self {
        Self::Log(ReadError::Segment(Box::new(error)))
    }
}
