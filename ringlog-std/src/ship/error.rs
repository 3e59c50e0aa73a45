//! Why a log cannot be shipped.
#![forbid(unsafe_code)]

use crate::ship::jetstream::Opening;
use crate::ship::target::Silence;
use crate::storage::{CursorError, OpenError, ReadError};

/// Why a log is not shipped, or not any further.
///
/// ```no_run
/// use ringlog::ship::{ShipError, ShipOptions};
///
/// match ShipOptions::new("nats://127.0.0.1:4222").start("my-log") {
///     Err(error @ ShipError::Mismatch { .. }) => eprintln!("the stream is not of this log: {error}"),
///     other => drop(other?),
/// }
/// # Ok::<(), ShipError>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShipError {
    /// The server, the stream or an option must be changed first.
    #[error("{0}")]
    Wrong(String),
    /// The server cannot be reached. It may be later.
    #[error("the server cannot be reached: {0}; start it, or look at the address and the network")]
    Away(String),
    /// The stream has another log.
    #[error(
        "the stream {stream} is of log {owner}, and this is log {log:032x}; ship to another stream (`--stream`), or delete \
         that one if its log is not needed"
    )]
    OtherLog {
        /// The stream.
        stream: String,
        /// The identity of its log.
        owner: String,
        /// The identity of this log.
        log: u128,
    },
    /// The stream does not end with what the log has in that place.
    #[error(
        "the stream ends at message {position}{stream}, and the log, whose cursor is at record {next_sequence}, does not have \
         that: {why}; find out which is right: `--resume-at SEQUENCE` continues with that record after a GAP, another stream \
         (`--stream`, `--create`) begins again"
    )]
    Mismatch {
        /// The stream's last sequence.
        position: u64,
        /// What its last message says of itself, for the error.
        stream: String,
        /// The record at which the log's cursor is.
        next_sequence: u64,
        /// What the log has instead.
        why: String,
    },
    /// The server refuses a message, and will always do so.
    #[error("the server refuses a message: {0}; look at the stream's limits")]
    Refused(String),
    /// The folder has no log with an identity.
    #[error("{}: not the folder of a log with an identity; give the folder that a log's writer made", path.display())]
    NoIdentity {
        /// What was given.
        path: std::path::PathBuf,
    },
    /// The log cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log cannot be read further.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The cursor cannot be used.
    #[error(transparent)]
    Cursor(#[from] CursorError),
}

impl From<Opening> for ShipError {
    fn from(opening: Opening) -> Self {
        match opening {
            Opening::Silence(Silence::Away(why)) => Self::Away(why),
            Opening::Silence(Silence::Wrong(why)) => Self::Wrong(why),
            Opening::OtherLog { stream, owner, log } => Self::OtherLog { stream, owner, log },
        }
    }
}
