//! The report and the errors of a salvage.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::{fmt, io};

use thiserror::Error;

use crate::event::{Gap, RecordErrorKind};
use crate::storage::error::{AppendError, OpenError, ReadError, SyncError};
use crate::storage::log::summary::LogSummary;
use crate::storage::read::scan::lost_description::LostDescription;
use crate::words::Counted;
use crate::words::cause;
use crate::words::io_advice;

/// This many skipped places are listed; the others are only counted.
const SKIPPED_LISTED: usize = 1000;
/// This many GAP records that were copied are listed; the others are only counted.
const GAPS_LISTED: usize = 1000;

/// Reports what was copied out of a damaged log: see
/// [`salvage_log`](crate::storage::repair::salvage::salvage_log).
///
/// ```
/// # use ringlog::event::EventHeader;
/// use ringlog::storage::{LogWriter, salvage_log};
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path().join("log");
/// # let mut writer = LogWriter::open(&folder)?;
/// # for number in 0..3 {
/// #     writer.write_event(&EventHeader::new(number, 0, 8), &[7; 8])?;
/// # }
/// # writer.close()?;
/// # let segment = folder.join("00000000000000000000.evtl");
/// # let mut bytes = std::fs::read(&segment)?;
/// # bytes[64 + 24 + 20] ^= 1;
/// # std::fs::write(&segment, bytes)?;
/// # let out = folder.with_file_name("out");
/// // The second of three records is damaged.
/// let report = salvage_log(&folder, &out)?;
/// assert_eq!((report.records, report.missing, report.written.gaps), (2, 1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct SalvageReport {
    /// The new log.
    pub written: LogSummary,
    /// Number of records that were copied, GAP records included.
    pub records: u64,
    /// Number of GAP records that were added where records are missing.
    pub gaps_added: u64,
    /// Number of missing records, as far as those GAP records count them.
    pub missing: u64,
    /// The files that were read, in order.
    pub files: Vec<SalvagedFile>,
    /// The first thousand places that were skipped.
    pub skipped: Vec<Skipped>,
    /// Number of places that were skipped.
    pub skipped_count: u64,
    /// The descriptions of events that are damaged. No event is missing with them.
    pub lost_descriptions: Vec<LostDescription>,
    /// Events that were left out because their description is damaged, so that a filter's expression could not choose them.
    pub undecided: u64,
    /// The first thousand GAP records that were copied: what the damaged log says itself that it lacks.
    pub copied_gaps: Vec<CopiedGap>,
    /// Number of GAP records that were copied.
    pub copied_gap_count: u64,
}

/// A GAP record of the damaged log, which is in the new one too.
///
/// ```
/// use ringlog::event::GapReason;
/// use ringlog::storage::salvage_log;
/// # let folder = tempfile::tempdir()?;
///
/// let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
/// let report = salvage_log(path, folder.path().join("out"))?;
/// let copied = &report.copied_gaps[0];
/// assert_eq!((copied.gap.count, copied.gap.reason, copied.offset), (3, GapReason::RingFull, 104));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct CopiedGap {
    /// The segment.
    pub path: PathBuf,
    /// Offset of the record in it.
    pub offset: u64,
    /// The record's timestamp: that of the first loss.
    pub timestamp: u64,
    /// What it says.
    pub gap: Gap,
}

impl SalvageReport {
    /// Returns whether nothing was missing.
    ///
    /// ```
    /// # use ringlog::event::EventHeader;
    /// use ringlog::storage::{LogWriter, salvage_log};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path().join("log");
    /// # let mut writer = LogWriter::open(&folder)?;
    /// # for number in 0..3 {
    /// #     writer.write_event(&EventHeader::new(number, 0, 8), &[7; 8])?;
    /// # }
    /// # writer.close()?;
    /// # let segment = folder.join("00000000000000000000.evtl");
    /// # let mut bytes = std::fs::read(&segment)?;
    /// # bytes[64 + 24 + 20] ^= 1;
    /// # std::fs::write(&segment, bytes)?;
    /// # let out = folder.with_file_name("out");
    /// // The second of three records is damaged.
    /// assert!(!salvage_log(&folder, &out)?.is_complete());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.gaps_added == 0 && self.skipped_count == 0
    }

    pub(crate) fn note_gap(&mut self, copied: CopiedGap) {
        self.copied_gap_count += 1;
        if self.copied_gaps.len() < GAPS_LISTED {
            self.copied_gaps.push(copied);
        }
    }

    pub(crate) fn skip(&mut self, skipped: Skipped) {
        self.skipped_count += 1;
        if self.skipped.len() < SKIPPED_LISTED {
            self.skipped.push(skipped);
        }
    }
}

/// Reports a file that was read by a salvage.
///
/// ```
/// # use ringlog::event::EventHeader;
/// use ringlog::storage::{LogWriter, salvage_log};
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path().join("log");
/// # let mut writer = LogWriter::open(&folder)?;
/// # for number in 0..3 {
/// #     writer.write_event(&EventHeader::new(number, 0, 8), &[7; 8])?;
/// # }
/// # writer.close()?;
/// # let segment = folder.join("00000000000000000000.evtl");
/// # let mut bytes = std::fs::read(&segment)?;
/// # bytes[64 + 24 + 20] ^= 1;
/// # std::fs::write(&segment, bytes)?;
/// # let out = folder.with_file_name("out");
/// // The second of three records is damaged.
/// let report = salvage_log(&folder, &out)?;
/// assert_eq!((report.files[0].records, report.files[0].base_sequence), (2, Some(0)));
/// assert!(report.files[0].header_was_good);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SalvagedFile {
    /// The file.
    pub path: PathBuf,
    /// Number of records that were copied from it.
    pub records: u64,
    /// Sequence of its first record, if known.
    pub base_sequence: Option<u64>,
    /// Whether its header was good.
    pub header_was_good: bool,
    /// Whether readers ignore the file: a recovery moved it aside, or it never got its final name.
    pub was_set_aside: bool,
}

/// A file, or bytes in it, that a salvage skipped.
///
/// ```
/// # use ringlog::event::EventHeader;
/// use ringlog::storage::{LogWriter, salvage_log};
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path().join("log");
/// # let mut writer = LogWriter::open(&folder)?;
/// # for number in 0..3 {
/// #     writer.write_event(&EventHeader::new(number, 0, 8), &[7; 8])?;
/// # }
/// # writer.close()?;
/// # let segment = folder.join("00000000000000000000.evtl");
/// # let mut bytes = std::fs::read(&segment)?;
/// # bytes[64 + 24 + 20] ^= 1;
/// # std::fs::write(&segment, bytes)?;
/// # let out = folder.with_file_name("out");
/// // The second of three records is damaged.
/// let report = salvage_log(&folder, &out)?;
/// assert_eq!((&report.skipped[0].path, report.skipped[0].range), (&segment, Some((88, 112))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// Start and end offset of the skipped bytes; `None` for the whole file.
    pub range: Option<(u64, u64)>,
    /// The reason.
    #[doc(hidden)]
    pub reason: SkipReason,
}

/// Why a salvage skipped something.
#[derive(Debug)]
pub enum SkipReason {
    /// The bytes are no valid records.
    Invalid(RecordErrorKind),
    /// The file cannot be used.
    File(OpenError),
    /// Reading the file failed part-way.
    Read(ReadError),
    /// The file was set aside, and other files hold the records of its place.
    Overlap,
    /// The file was set aside, and so were too many others after the same segment.
    Crowded,
    /// The file has no header, and the log was closed before it or continued without it.
    Unused,
    /// The file does not exist, and records that it should hold are missing.
    Absent {
        /// The number of missing records.
        count: u64,
    },
}

impl Skipped {
    pub(crate) fn file(path: &Path, reason: SkipReason) -> Self {
        Self { path: path.into(), range: None, reason }
    }

    /// Returns the error if the whole file cannot be used.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, storage::LogWriter};
    /// use ringlog::storage::{OpenError, salvage_log};
    /// # let folder = tempfile::tempdir()?;
    /// # let log = folder.path().join("log");
    /// # let mut writer = LogWriter::open(&log)?;
    /// # writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// # writer.close()?;
    /// std::fs::write(log.join("00000000000000000001.evtl"), "too short")?;
    /// let report = salvage_log(&log, folder.path().join("out"))?;
    /// assert!(matches!(report.skipped[0].error(), Some(OpenError::TooShort { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn error(&self) -> Option<&OpenError> {
        match &self.reason {
            SkipReason::File(error) => Some(error),
            _ => None,
        }
    }

    /// Returns what is wrong with the first of the skipped bytes if they are no valid record.
    ///
    /// ```
    /// # use ringlog::event::EventHeader;
    /// use ringlog::event::RecordErrorKind;
    /// use ringlog::storage::{LogWriter, salvage_log};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path().join("log");
    /// # let mut writer = LogWriter::open(&folder)?;
    /// # for number in 0..3 {
    /// #     writer.write_event(&EventHeader::new(number, 0, 8), &[7; 8])?;
    /// # }
    /// # writer.close()?;
    /// # let segment = folder.join("00000000000000000000.evtl");
    /// # let mut bytes = std::fs::read(&segment)?;
    /// # bytes[64 + 24 + 20] ^= 1;
    /// # std::fs::write(&segment, bytes)?;
    /// # let out = folder.with_file_name("out");
    /// // The second of three records is damaged.
    /// let report = salvage_log(&folder, &out)?;
    /// assert!(matches!(report.skipped[0].damage(), Some(RecordErrorKind::Checksum { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn damage(&self) -> Option<RecordErrorKind> {
        match self.reason {
            SkipReason::Invalid(kind) => Some(kind),
            _ => None,
        }
    }

    /// Returns the number of missing records if the file does not exist.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, storage::LogWriter};
    /// use ringlog::storage::salvage_log;
    /// # let folder = tempfile::tempdir()?;
    /// # let log = folder.path().join("log");
    /// # for time in 0..2 {
    /// #     let mut writer = LogWriter::open(&log)?;
    /// #     writer.write_event(&EventHeader::new(time, 7, 5), b"hello")?;
    /// #     writer.close()?;
    /// # }
    /// std::fs::remove_file(log.join("00000000000000000000.evtl"))?;
    /// let report = salvage_log(&log, folder.path().join("out"))?;
    /// assert_eq!(report.skipped[0].missing(), Some(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn missing(&self) -> Option<u64> {
        match self.reason {
            SkipReason::Absent { count } => Some(count),
            _ => None,
        }
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.reason, self.range) {
            // These errors name the file themselves.
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
                "it has no header, and the log was closed before it or continued without it; salvage it alone to look at it",
            ),
            Self::Absent { count } => write!(f, "there is no such file, and it should hold {}", Counted(*count, "missing record")),
            Self::Overlap => f.write_str("set aside, and other files hold what belongs in its place"),
        }
    }
}

/// Why a log was not salvaged.
///
/// ```
/// use ringlog::storage::{SalvageError, salvage_log};
///
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// std::fs::write(folder.join("taken"), "another file")?;
/// match salvage_log(path, folder) {
///     Err(SalvageError::Occupied { path }) => assert_eq!(path, folder),
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SalvageError {
    /// The damaged log cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The path for the new log is not free.
    #[error("{}: exists and is not an empty folder; give a name that is free", path.display())]
    Occupied {
        /// The path for the new log.
        path: PathBuf,
    },
    /// The new log would be inside the damaged one, which must not change.
    #[error("{}: is inside the damaged log, which stays as it is; give a place outside", path.display())]
    Inside {
        /// The path for the new log.
        path: PathBuf,
    },
    /// The log has no valid record.
    #[error("{}: not one valid record was found, and nothing was written; check the path, or restore the log from a copy", path.display())]
    Nothing {
        /// The damaged log.
        path: PathBuf,
        /// The places that were skipped.
        skipped: Vec<Skipped>,
    },
    /// The path for the new log could not be read.
    #[error("{}: cannot look it up: {source}; {}", path.display(), io_advice(source))]
    Io {
        /// The path for the new log.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The new log could not be opened.
    #[error("the new log: {0}")]
    Create(#[source] OpenError),
    /// Writing to the new log failed. What was copied before is in it.
    #[error("the new log: {0}")]
    Write(#[from] AppendError),
    /// The new log could not be closed.
    #[error("the new log: {0}")]
    Close(#[from] SyncError),
}
