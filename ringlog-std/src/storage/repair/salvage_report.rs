//! What a salvage has found and what it could not.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::{fmt, io};

use thiserror::Error;

use crate::event::RecordErrorKind;
use crate::storage::error::{AppendError, OpenError, ReadError, SyncError};
use crate::storage::log::summary::LogSummary;
use crate::words::Counted;
use crate::words::cause;
use crate::words::io_advice;

/// So many skipped places are listed; the others are only counted.
const SKIPPED_LISTED: usize = 1000;

/// What was copied out of a damaged log: see [`salvage_log`](crate::storage::repair::salvage::salvage_log).
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct SalvageReport {
    /// What is in the new log.
    pub written: LogSummary,
    /// Records that were copied, GAP records included.
    pub records: u64,
    /// GAP records that were added where something is missing.
    pub gaps_added: u64,
    /// Missing records, as far as those GAP records can count them.
    pub missing: u64,
    /// The files that were read, in order.
    pub files: Vec<SalvagedFile>,
    /// What was passed over; the first thousand.
    pub skipped: Vec<Skipped>,
    /// How much was passed over.
    pub skipped_count: u64,
}

impl SalvageReport {
    /// Whether nothing was missing.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.gaps_added == 0 && self.skipped_count == 0
    }

    pub(crate) fn skip(&mut self, skipped: Skipped) {
        self.skipped_count += 1;
        if self.skipped.len() < SKIPPED_LISTED {
            self.skipped.push(skipped);
        }
    }
}

/// A file that records were copied from.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SalvagedFile {
    /// The file.
    pub path: PathBuf,
    /// Records that were copied.
    pub records: u64,
    /// Sequence of its first record.
    pub base_sequence: Option<u64>,
    /// Whether its header was good.
    pub header_was_good: bool,
    /// Whether it is a file that readers pass over: moved aside by a recovery, or without its final name.
    pub was_set_aside: bool,
}

/// Something that was passed over.
#[derive(Debug)]
#[non_exhaustive]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// The bytes, as offsets in the file; `None` for all of it.
    pub range: Option<(u64, u64)>,
    /// Why.
    pub reason: SkipReason,
}

/// Why something was passed over.
#[derive(Debug)]
#[non_exhaustive]
pub enum SkipReason {
    /// These bytes are no valid records.
    Invalid(RecordErrorKind),
    /// The file cannot be used.
    File(OpenError),
    /// The file could not be read on.
    Read(ReadError),
    /// The file was set aside, and other files hold what belongs in its place.
    Overlap,
    /// The file was set aside, as many others were, after the same segment.
    Crowded,
    /// It has no header, and the log was closed before it or went on without it.
    Unused,
    /// There is no such file, and records are missing that it should hold.
    Absent {
        /// How many.
        count: u64,
    },
}

impl Skipped {
    pub(crate) fn file(path: &Path, reason: SkipReason) -> Self {
        Self { path: path.into(), range: None, reason }
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.reason, self.range) {
            // These name the file by themselves.
            (SkipReason::File(error), _) => f.write_str(&cause(error)),
            (SkipReason::Read(error), _) => f.write_str(&cause(error)),
            (reason, Some((from, to))) => {
                write!(f, "{}: offsets {from} to {to}: {reason}", self.path.display())
            }
            (reason, None) => write!(f, "{}: {reason}", self.path.display()),
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(kind) => kind.fmt(f),
            Self::File(error) => f.write_str(&cause(error)),
            Self::Read(error) => f.write_str(&cause(error)),
            Self::Crowded => {
                f.write_str("set aside after the same segment as too many others; salvage it alone")
            }
            Self::Unused => f.write_str(
                "it has no header, and the log was closed before it or went on without it; salvage it alone to look at it",
            ),
            Self::Absent { count } => write!(f, "there is no such file, and it should hold {}", Counted(*count, "missing record")),
            Self::Overlap => f.write_str("set aside, and other files hold what belongs in its place"),
        }
    }
}

/// Why a log was not salvaged.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SalvageError {
    /// The damaged log cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is something already where the new log is to be.
    #[error("{}: exists and is not an empty folder; give a name that is free", path.display())]
    Occupied {
        /// Where the new log was to be.
        path: PathBuf,
    },
    /// The new log would be inside the damaged one, of which nothing may be changed.
    #[error("{}: is inside the damaged log, which stays as it is; give a place outside", path.display())]
    Inside {
        /// Where the new log was to be.
        path: PathBuf,
    },
    /// There is no valid record.
    #[error("{}: not one valid record was found, and nothing was written; check the path, or restore the log from a copy", path.display())]
    Nothing {
        /// The damaged log.
        path: PathBuf,
        /// What was passed over.
        skipped: Vec<Skipped>,
    },
    /// The place for the new log could not be looked at.
    #[error("{}: cannot look it up: {source}; {}", path.display(), io_advice(source))]
    Io {
        /// Where the new log was to be.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The new log could not be begun.
    #[error("the new log: {0}")]
    Create(#[source] OpenError),
    /// The new log takes no more. What was copied before is in it.
    #[error("the new log: {0}")]
    Write(#[from] AppendError),
    /// The new log could not be closed.
    #[error("the new log: {0}")]
    Close(#[from] SyncError),
}
