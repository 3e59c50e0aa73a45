//! How a command ends.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::recorder::RecorderError;
use crate::ring::{SharedRingError, WriteError};
use crate::storage::{AppendError, CreateError, CursorError, OpenError, ReadError, SalvageError, SyncError};
use crate::words::io_words;

/// A command that did what it was asked to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// Nothing is missing.
    Clean,
    /// Done, but events are missing from the input or the log, and it was said which.
    Loss,
    /// Stopped by a limit that nobody asked for.
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

/// The I/O error in an error of the CSV crate, of the kind that it had.
pub(crate) fn csv_io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// Why a feed cannot go on.
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
    /// The input is not what it should be.
    #[error("{}: at byte {offset}: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Nothing says how to read the input, or several things do.
    #[error("{}: {problem}", path.display())]
    Unclear {
        /// The file.
        path: PathBuf,
        /// Why, and which option decides.
        problem: String,
    },
}

/// A command that could not do what it was asked to.
#[derive(thiserror::Error, Debug)]
#[non_exhaustive]
pub(crate) enum CliError {
    /// The command line is wrong, or asks for help.
    #[error(transparent)]
    Arguments(#[from] clap::Error),
    /// The command line cannot be done.
    #[error("{0}")]
    Usage(String),
    /// Standard output or error is gone or full.
    #[error("cannot write the output: {0}; check where it goes")]
    Output(io::Error),
    /// Signals cannot be handled, so that nothing could end the program cleanly.
    #[error("cannot handle signals: {0}; start the program where they are allowed")]
    Signals(io::Error),
    /// A file or folder could not be used.
    #[error("{}: cannot {action}: {}", path.display(), io_words(source))]
    Io {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The input could not be read.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// A file or folder is no log, or cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A log could not be read on.
    #[error(transparent)]
    Read(#[from] ReadError),
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
    /// The ring does not take an event, and never will.
    #[error("the ring refused an event: {0}; make a ring that takes it (`--ring-size`)")]
    Event(#[from] WriteError),
    /// The same of a ring in a file.
    #[error("{}: record {sequence} refused: {source}; {}", ring.display(), refused_advice(source))]
    RingEvent {
        /// The ring.
        ring: PathBuf,
        /// The record's sequence in its log.
        sequence: u64,
        /// Why.
        source: WriteError,
    },
    /// The log takes no more; the recorder knows why.
    #[error("the recorder stopped before the end; what it said before is the cause")]
    Stopped,
    /// The recording could not be started, or did not end well.
    #[error(transparent)]
    Recorder(#[from] RecorderError),
    /// A log could not be salvaged.
    #[error(transparent)]
    Salvage(#[from] SalvageError),
    /// A log of which nothing, or not all, can be read.
    #[error("{0}")]
    Unreadable(String),
    /// A dump of memory holds no ring.
    #[error("{}: no ring found; dump the memory that holds its first bytes: a ring is found by the magic there", path.display())]
    NoRing {
        /// The dump.
        path: PathBuf,
    },
    /// A log file could not be made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// What arrived is not what was sent.
    #[error("{0}")]
    Mismatch(String),
}

const fn refused_advice(error: &WriteError) -> &'static str {
    match error {
        WriteError::Fault(_) => {
            "end the ring's consumer and start it again: it skips what cannot be read, and the log gets a GAP record for it"
        }
        _ => "make a ring that takes it",
    }
}

impl CliError {
    /// For `map_err` on an operation with a path.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
