//! What the verification of a log comes to.

#![forbid(unsafe_code)]

use std::fmt;
use std::path::PathBuf;

use crate::event::{Event, FileHeader, FileHeaderError, RecordErrorKind, file_flags};
use crate::storage::error::{MissingEnd, OpenError, ReadError};
use crate::storage::folder::ending::{MissingRecords, WriterFile};
use crate::words::Counted;
use crate::words::cause;

/// So many faults of a segment are listed; the others are only counted.
const FAULTS_LISTED: usize = 100;

/// The state of one segment, from good to bad.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// Sealed, and all there.
    Clean,
    /// Its writer is at work; all that it published is there.
    Open,
    /// Its writer died or was killed; all that it published is there.
    Unsealed,
    /// Its writer died, and the last records are not whole, or nobody can know whether they are all.
    TornTail,
    /// Its writer died with its machine, and there are valid records behind some that are not.
    Hole,
    /// The file ends before its records do.
    CutShort,
    /// Bytes are wrong that its writer had left right.
    Damage,
    /// It could not be read: that says nothing about what is in it.
    Unreadable,
}

impl Verdict {
    /// Whether everything that was published is there.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        matches!(self, Self::Clean | Self::Open | Self::Unsealed)
    }

    /// One word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Open => "open",
            Self::Unsealed => "unsealed",
            Self::TornTail => "torn tail",
            Self::Hole => "hole",
            Self::CutShort => "cut short",
            Self::Damage => "damage",
            Self::Unreadable => "unreadable",
        }
    }
}

/// The state of a whole log.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum LogVerdict {
    /// All there.
    Clean,
    /// All there so far; its writer is at work.
    Open,
    /// Readable, and something is missing.
    Loss,
    /// No event of it can be read, or the system refuses to read all of it.
    Unreadable,
}

/// Something that is wrong with a segment.
#[derive(Debug)]
#[non_exhaustive]
pub enum Fault {
    /// It could not be opened, or does not belong here.
    Open(OpenError),
    /// Reading ended before it did.
    Read(ReadError),
    /// Its header is damaged; its records were found all the same.
    Header(FileHeaderError),
    /// Bytes that had been whole are no valid records.
    Damage {
        /// Offset of the first record that is not valid.
        from: u64,
        /// Offset where records can be read again, or end.
        to: u64,
        /// What is wrong at `from`.
        kind: RecordErrorKind,
        /// Whether no valid record is behind.
        is_last: bool,
    },
    /// As far as is known its writer's machine stopped before these bytes were on the disk.
    TornTail {
        /// Offset of the first record that is not valid.
        from: u64,
        /// Offset where the records that were published end.
        to: u64,
        /// What is wrong at `from`.
        kind: RecordErrorKind,
    },
    /// As a torn tail, and valid records are behind it.
    Hole {
        /// Offset of the first record that is not valid.
        from: u64,
        /// Offset where records can be read again.
        to: u64,
        /// What is wrong at `from`.
        kind: RecordErrorKind,
    },
    /// Its header counts other records than there are.
    EventCount {
        /// What the header says.
        stored: u64,
        /// The records that there are.
        found: u64,
    },
    /// The file is shorter than its records.
    CutShort {
        /// Where its records end.
        write_offset: u64,
        /// Its length in bytes.
        len_bytes: u64,
    },
    /// It starts before the segment in front of it ends.
    Overlap {
        /// The sequence that would follow.
        expected: u64,
        /// The one that it starts with.
        found: u64,
    },
}

impl Fault {
    const fn verdict(&self) -> Verdict {
        match self {
            Self::Open(OpenError::Io { .. } | OpenError::NotAFile { .. }) | Self::Read(_) => {
                Verdict::Unreadable
            }
            Self::Open(OpenError::TooShort { .. }) | Self::CutShort { .. } => Verdict::CutShort,
            Self::TornTail { .. } => Verdict::TornTail,
            Self::Hole { .. } => Verdict::Hole,
            _ => Verdict::Damage,
        }
    }

    /// The bytes that are lost, as offsets in the segment.
    #[must_use]
    pub const fn range(&self) -> Option<(u64, u64)> {
        match self {
            Self::Damage { from, to, .. } | Self::TornTail { from, to, .. } | Self::Hole { from, to, .. } => {
                Some((*from, *to))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // What to do is said once for the whole log.
            Self::Open(error) => f.write_str(&cause(error)),
            Self::Read(error) => f.write_str(&cause(error)),
            Self::Header(error) => write!(f, "offset 0: {error}, but its records were found"),
            Self::Damage { from, to, kind, is_last: false } => {
                write!(f, "offset {from}: {kind}: damage up to offset {to}, valid records after it")
            }
            Self::Damage { from, to, kind, is_last: true } => {
                write!(f, "offset {from}: {kind}: damage up to the end at offset {to}")
            }
            Self::TornTail { from, to, kind } => {
                write!(f, "offset {from}: {kind}: torn tail, published up to offset {to}")
            }
            Self::Hole { from, to, kind } => {
                write!(f, "offset {from}: {kind}: hole up to offset {to}, valid records after it")
            }
            Self::EventCount { stored, found } => {
                write!(
                    f,
                    "offset 16: event_count is {stored}, but the file holds {}",
                    Counted(*found, "record")
                )
            }
            Self::CutShort { write_offset, len_bytes } => {
                write!(f, "offset {len_bytes}: the file ends here, its records end at {write_offset}")
            }
            Self::Overlap { expected, found } => {
                write!(f, "starts with record {found}, the segment before it ends before record {expected}")
            }
        }
    }
}

/// How many records there are, and what they say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct RecordCounts {
    /// Events, without GAP records.
    pub events: u64,
    /// GAP records.
    pub gaps: u64,
    /// GAP records that do not know how many events are missing.
    pub gaps_of_unknown_count: u64,
    /// Lost events, as the GAP records count them.
    pub lost: u64,
    /// Bytes of all records, padding included.
    pub bytes: u64,
}

impl RecordCounts {
    /// Events and GAP records.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.events + self.gaps
    }

    pub(crate) fn add(&mut self, event: &Event<'_>) {
        self.bytes += event.header.stride() as u64;
        match event.gap() {
            None => self.events += 1,
            Some(gap) => {
                self.gaps += 1;
                self.gaps_of_unknown_count += u64::from(gap.count == 0);
                self.lost = self.lost.saturating_add(gap.count);
            }
        }
    }

    const fn plus(self, other: Self) -> Self {
        Self {
            events: self.events + other.events,
            gaps: self.gaps + other.gaps,
            gaps_of_unknown_count: self.gaps_of_unknown_count + other.gaps_of_unknown_count,
            lost: self.lost.saturating_add(other.lost),
            bytes: self.bytes + other.bytes,
        }
    }
}

/// What was found of one segment.
#[derive(Debug)]
#[non_exhaustive]
pub struct SegmentCheck {
    /// The file.
    pub path: PathBuf,
    /// Whether that is a symbolic link: the bytes are elsewhere.
    pub is_link: bool,
    /// Its length in bytes.
    pub file_bytes: u64,
    /// Its header, put right as far as that was possible.
    pub header: Option<FileHeader>,
    /// Sequence of its first record, by its name or its header.
    pub base_sequence: Option<u64>,
    /// What it comes to.
    pub verdict: Verdict,
    /// The valid records, those behind damage included.
    pub counts: RecordCounts,
    /// Where the last valid record ends.
    pub end_offset: u64,
    /// The log's position there, if it has records and all were read.
    pub(crate) position: Option<u64>,
    /// What is wrong, in the order in which it was found; the first hundred.
    pub faults: Vec<Fault>,
    /// How many faults there are.
    pub fault_count: u64,
}

impl SegmentCheck {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            is_link: path.is_symlink(),
            path,
            file_bytes: 0,
            header: None,
            base_sequence: None,
            verdict: Verdict::Clean,
            counts: RecordCounts::default(),
            end_offset: ringlog_nostd::FILE_HEADER_LEN as u64,
            position: None,
            faults: Vec::new(),
            fault_count: 0,
        }
    }

    pub(crate) fn add(&mut self, fault: Fault) {
        self.settle(fault.verdict());
        self.fault_count += 1;
        if self.faults.len() < FAULTS_LISTED {
            self.faults.push(fault);
        }
    }

    /// Takes this verdict unless there was a worse one.
    pub(crate) fn settle(&mut self, verdict: Verdict) {
        self.verdict = self.verdict.max(verdict);
    }

    /// Whether there is no such file.
    pub(crate) fn is_gone(&self) -> bool {
        let is_gone = |fault: &Fault| matches!(fault, Fault::Open(OpenError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound);
        self.faults.iter().any(is_gone)
    }

    /// Whether bytes among its records are none.
    #[must_use]
    pub fn has_holes(&self) -> bool {
        self.faults.iter().any(|fault| fault.range().is_some())
    }

    /// The sequence behind its last record, where that is known.
    #[must_use]
    pub fn next_sequence(&self) -> Option<u64> {
        let (base, header) = (self.base_sequence?, self.header?);
        let is_all = !self.has_holes() && self.verdict != Verdict::CutShort;
        let is_counted = header.has(file_flags::SEALED) && !header.has(file_flags::STREAM);
        match (is_all, is_counted) {
            (true, _) => base.checked_add(self.counts.records()),
            (false, true) => base.checked_add(header.event_count),
            (false, false) => None,
        }
    }
}

/// What was found of a log.
#[derive(Debug)]
#[non_exhaustive]
pub struct LogCheck {
    /// Its segments in order.
    pub segments: Vec<SegmentCheck>,
    /// What is missing between them.
    pub missing: Vec<MissingRecords>,
    /// What is missing at its end, if it was closed.
    pub missing_end: Option<MissingEnd>,
    /// What its `writer` file says of it.
    pub writer_file: WriterFile,
    /// What else is in its folder, apart from the writers' file.
    pub foreign: Vec<PathBuf>,
    /// Whether a writer is at work. Its newest segment may not have its name yet.
    pub is_being_written: bool,
}

impl LogCheck {
    /// The records of all segments.
    #[must_use]
    pub fn counts(&self) -> RecordCounts {
        self.segments.iter().fold(RecordCounts::default(), |sum, segment| sum.plus(segment.counts))
    }

    /// The worst that is true of the log.
    #[must_use]
    pub fn verdict(&self) -> LogVerdict {
        let has = |wanted| self.segments.iter().any(|segment| segment.verdict == wanted);
        let counts = self.counts();
        let is_complete = self.missing.is_empty() && self.missing_end.is_none();
        // A damaged `writer` file may have noted a loss that no GAP record reports.
        let is_told = is_complete && !self.writer_file.is_damaged();
        let is_whole = is_told && self.segments.iter().all(|it| it.verdict.is_whole());
        match (is_whole, counts.gaps) {
            _ if has(Verdict::Unreadable) => LogVerdict::Unreadable,
            (false, _) if counts.events == 0 => LogVerdict::Unreadable,
            (false, _) | (true, 1..) => LogVerdict::Loss,
            (true, 0) if self.is_being_written || has(Verdict::Open) => LogVerdict::Open,
            (true, 0) => LogVerdict::Clean,
        }
    }
}
