//! How a command ends.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ringlog::programs::{CopyError, io_words};
use ringlog::recorder::RecorderError;
use ringlog::ring::{SharedRingError, WriteError};
use ringlog::schema::SchemaError;
use ringlog::storage::{
    AppendError, CreateError, CursorError, OpenError, ReadError, SalvageError, SyncError,
};

/// How a command that did its work ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// Nothing is missing.
    Clean,
    /// Events are missing from the input or the log, and the output says which.
    Loss,
    /// The default size limit stopped it.
    DefaultLimit,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Clean => Self::SUCCESS,
            Outcome::Loss => Self::from(3),
            Outcome::DefaultLimit => Self::from(4),
        }
    }
}

/// Returns the I/O error inside an error of the CSV crate, with its kind.
pub(crate) fn csv_io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// Why a feed cannot continue.
#[derive(thiserror::Error, Debug)]
#[non_exhaustive]
pub(crate) enum FeedError {
    /// The input could not be opened, bound or read.
    #[error("{what}: cannot {action}: {}", io_words(source))]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or address.
        what: String,
        /// Why not.
        source: io::Error,
    },
    /// The input does not have its format.
    #[error("{}: at byte {offset}: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Offset of the damage in bytes.
        offset: u64,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The input can be read in no way, or in several.
    #[error("{}: {problem}", path.display())]
    Unclear {
        /// The file.
        path: PathBuf,
        /// Why, and the option that decides.
        problem: String,
    },
}

/// Why a command failed.
#[derive(thiserror::Error, Debug)]
#[non_exhaustive]
pub(crate) enum CliError {
    /// The command line is wrong or asks for help.
    #[error(transparent)]
    Arguments(#[from] clap::Error),
    /// The options do not fit each other or the input.
    #[error("{0}")]
    Usage(String),
    /// Standard output is closed or full.
    #[error("cannot write the output: {0}; check where it goes")]
    Output(io::Error),
    /// Signals cannot be handled, so nothing could end the program cleanly.
    #[error("cannot handle signals: {0}; start the program where it may handle them")]
    Signals(io::Error),
    /// A thread of the service could not be started.
    #[error("cannot start a thread: {0}; end other threads, or raise the limit (`ulimit -u`)")]
    Thread(io::Error),
    /// A file or folder could not be used.
    #[error("{}: cannot {action}: {}", path.display(), io_words(source))]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The input could not be read.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// A file or folder is not a log, or cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A log could not be read further.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A file that describes events cannot be read as such.
    #[error("{}: {source}", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        source: SchemaError,
    },
    /// A cursor could not be used.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// A log takes no more events.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// A log could not be closed.
    #[error(transparent)]
    Close(#[from] SyncError),
    /// A shared ring could not be used.
    #[error(transparent)]
    SharedRing(#[from] SharedRingError),
    /// The ring can never take this event.
    #[error("the ring refused an event: {0}; make a ring that takes it (`--ring-size`)")]
    Event(#[from] WriteError),
    /// A ring in a file cannot take this record.
    #[error("{}: record {sequence} refused: {source}; {}", ring.display(), refused_advice(source))]
    RingEvent {
        /// The ring.
        ring: PathBuf,
        /// The record's sequence in its log.
        sequence: u64,
        /// Why.
        source: WriteError,
    },
    /// The recorder has stopped and has reported why.
    #[error("the recorder stopped before the end; its last message names the cause")]
    Stopped,
    /// The recording could not be started or ended.
    #[error(transparent)]
    Recorder(#[from] RecorderError),
    /// A log could not be salvaged.
    #[error(transparent)]
    Salvage(#[from] SalvageError),
    /// A log could not be copied.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// Nothing, or not all, of a log or input can be read.
    #[error("{0}")]
    Unreadable(String),
    /// A dump of memory holds no ring.
    #[error("{}: no ring found; dump the memory that holds its first bytes, where its magic is", path.display())]
    NoRing {
        /// The dump.
        path: PathBuf,
    },
    /// A log file could not be made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The counts of what was written and what was read back differ.
    #[error("{0}")]
    Mismatch(String),
}

const fn refused_advice(error: &WriteError) -> &'static str {
    match error {
        WriteError::Fault(_) => {
            "restart the consumer of the ring: it skips what cannot be read, and the log gets a GAP record for it"
        }
        _ => "make a ring that takes it",
    }
}

impl CliError {
    /// Whether the reader of the output has closed its pipe, which is no failure.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Returns a function for `map_err` that adds the action and the path.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
