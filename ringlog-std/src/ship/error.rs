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

/// Why a stream is not pulled, or not any further.
///
/// ```no_run
/// use ringlog::ship::{Login, LogPuller, PullError};
///
/// match LogPuller::start("nats://127.0.0.1:4222", &Login::default(), "my-log", "copy") {
///     Err(PullError::Closed { path }) => eprintln!("{} is whole", path.display()),
///     other => drop(other?),
/// }
/// # Ok::<(), PullError>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PullError {
    /// The server or the stream.
    #[error(transparent)]
    Ship(#[from] ShipError),
    /// The log was closed.
    #[error("{}: this log was closed, and nothing is added to it; pull into another folder", path.display())]
    Closed {
        /// Its folder.
        path: std::path::PathBuf,
    },
    /// The folder has another log.
    #[error("{}: the stream is of log {log:032x}, the folder has another one; pull into another folder", path.display())]
    OtherLog {
        /// The folder.
        path: std::path::PathBuf,
        /// The identity of the stream's log.
        log: u128,
    },
    /// A message is not as a shipper makes them.
    #[error("the message with record {first}: {why}; compare the stream with its log")]
    Message {
        /// Its first record.
        first: u64,
        /// What is wrong.
        why: &'static str,
    },
    /// A message is no run of records, or was deleted.
    #[error("the stream's message {position} {why}; no record after it can be pulled into this folder")]
    Foreign {
        /// Its sequence in the stream.
        position: u64,
        /// What is wrong.
        why: String,
    },
    /// The log had deleted records before they were shipped.
    #[error(
        "the log had deleted records {first} to {} before they were shipped: sequences in a log never jump, so pull what comes \
         after them into another folder (`--from-record {next}`)",
        next - 1
    )]
    Gap {
        /// The first of them.
        first: u64,
        /// The record that the stream continues with.
        next: u64,
    },
    /// The stream has deleted messages that were not pulled yet.
    #[error(
        "the stream begins with record {first} and this log ends before record {next}; pull into another folder"
    )]
    Trimmed {
        /// The log's next record.
        next: u64,
        /// The stream's first.
        first: u64,
    },
    /// The log has more than the stream.
    #[error("this log ends before record {next}, the stream before record {end}; pull into another folder")]
    Ahead {
        /// The log's next record.
        next: u64,
        /// The stream's.
        end: u64,
    },
    /// The message with this record began in an earlier file of the log.
    #[error("{}: record {sequence} is in an earlier file; pull into another folder", path.display())]
    Differs {
        /// The last file.
        path: std::path::PathBuf,
        /// The record.
        sequence: u64,
    },
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The system reported an error.
    #[error("{}: cannot {action}: {source}; check the folder, its permissions and the disk", path.display())]
    Io {
        /// The file or folder.
        path: std::path::PathBuf,
        /// The action that failed.
        action: &'static str,
        /// The system's error.
        source: std::io::Error,
    },
}
