//! The results of verifying a log.

#![forbid(unsafe_code)]

use std::fmt;
use std::path::PathBuf;

use crate::event::{FileHeader, FileHeaderError, RecordErrorKind};
use crate::storage::error::{MissingEnd, OpenError, ReadError};
use crate::storage::folder::ending::{MissingRecords, WriterFile};
use crate::storage::read::scan::lost_description::LostDescription;
use crate::storage::segment::counts::RecordCounts;
use crate::storage::segment::header_count::final_count;
use crate::words::Counted;
use crate::words::cause;

/// This many faults of a segment are listed; the others are only counted.
const FAULTS_LISTED: usize = 100;

/// The state of one segment, or of a whole log, ordered from good to bad.
///
/// A log is clean, open, damaged, unreadable, or has a loss; the other states are those of segments.
///
/// ```
/// # use ringlog::event::EventHeader;
/// use ringlog::storage::{LogWriter, Verdict, verify_log};
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
/// // A bit of the second record flipped.
/// assert_eq!(verify_log(&folder)?.segments[0].verdict, Verdict::Damage);
/// assert!(Verdict::Clean < Verdict::Damage, "the order is from good to bad");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// Sealed and complete.
    Clean,
    /// Its writer is at work. All that it published is there.
    Open,
    /// Its writer died or was killed. All that it published is there.
    Unsealed,
    /// Its writer died. The last records are not whole, or nobody can know whether more are missing.
    TornTail,
    /// Its writer died with its machine. Valid records follow some that are not valid.
    Hole,
    /// The file ends before its records do.
    CutShort,
    /// Bytes changed that its writer had written correctly. Of a log: no event is missing.
    Damage,
    /// Of a log: it is readable, and events are missing, or may be.
    Loss,
    /// A file could not be read, so its content is not known. Of a log also: no event can be read.
    Unreadable,
}

impl Verdict {
    /// Returns whether all that was published is there.
    ///
    /// ```
    /// use ringlog::storage::Verdict;
    ///
    /// assert!(Verdict::Unsealed.is_whole());
    /// assert!(!Verdict::TornTail.is_whole());
    /// ```
    #[must_use]
    pub const fn is_whole(self) -> bool {
        matches!(self, Self::Clean | Self::Open | Self::Unsealed)
    }

    /// Returns a short name for messages, such as "torn tail".
    ///
    /// ```
    /// use ringlog::storage::Verdict;
    ///
    /// assert_eq!(Verdict::TornTail.name(), "torn tail");
    /// ```
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
            Self::Loss => "loss",
            Self::Unreadable => "unreadable",
        }
    }
}

/// A fault of a segment.
///
/// ```
/// # use ringlog::event::EventHeader;
/// use ringlog::storage::{Fault, LogWriter, verify_log};
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
/// // A bit of the second record flipped.
/// let check = verify_log(&folder)?;
/// assert!(matches!(check.segments[0].faults[..], [Fault::Damage { from: 88, to: 112, is_last: false, .. }]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Fault {
    /// The segment could not be opened, or does not belong here.
    Open(OpenError),
    /// Reading failed before the segment's end.
    Read(ReadError),
    /// The header is damaged, but the records were found.
    Header(FileHeaderError),
    /// Bytes that were once valid records are valid no more.
    Damage {
        /// Offset of the first record that is not valid.
        from: u64,
        /// Offset where records can be read again, or end.
        to: u64,
        /// What is wrong at `from`.
        kind: RecordErrorKind,
        /// Whether no valid record follows.
        is_last: bool,
    },
    /// Descriptions of events are damaged. No event is missing with them.
    Descriptions {
        /// Offset of the first one.
        from: u64,
        /// Offset where records can be read again.
        to: u64,
        /// What is wrong at `from`.
        kind: RecordErrorKind,
        /// All of them.
        lost: Vec<LostDescription>,
    },
    /// These bytes were probably not on the disk when the writer's machine stopped.
    TornTail {
        /// Offset of the first record that is not valid.
        from: u64,
        /// Offset where the records that were published end.
        to: u64,
        /// What is wrong at `from`.
        kind: RecordErrorKind,
    },
    /// As a torn tail, but valid records follow.
    Hole {
        /// Offset of the first record that is not valid.
        from: u64,
        /// Offset where records can be read again.
        to: u64,
        /// What is wrong at `from`.
        kind: RecordErrorKind,
    },
    /// The header's count differs from the number of records.
    EventCount {
        /// The header's count.
        stored: u64,
        /// The number of records in the file.
        found: u64,
    },
    /// The file ends before its records do.
    CutShort {
        /// Offset where its records end.
        write_offset: u64,
        /// Its length in bytes.
        len_bytes: u64,
    },
    /// The segment starts before the one before it ends.
    Overlap {
        /// The sequence after the segment before.
        expected: u64,
        /// The sequence that it starts with.
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

    /// Returns the start and end offset of the lost bytes; `None` for faults without lost bytes.
    ///
    /// ```
    /// # use ringlog::event::EventHeader;
    /// use ringlog::storage::{LogWriter, verify_log};
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
    /// // A bit of the second record flipped.
    /// assert_eq!(verify_log(&folder)?.segments[0].faults[0].range(), Some((88, 112)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn range(&self) -> Option<(u64, u64)> {
        match self {
            Self::Damage { from, to, .. }
            | Self::Descriptions { from, to, .. }
            | Self::TornTail { from, to, .. }
            | Self::Hole { from, to, .. } => Some((*from, *to)),
            _ => None,
        }
    }

    /// Returns whether no event is missing because of it.
    const fn is_harmless(&self) -> bool {
        matches!(self, Self::Header(_) | Self::Descriptions { .. })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // What to do is reported once for the whole log.
            Self::Open(error) => f.write_str(&cause(error)),
            Self::Read(error) => f.write_str(&cause(error)),
            Self::Header(error) => write!(f, "offset 0: {error}, but its records were found"),
            Self::Damage { from, to, kind, is_last: false } => {
                write!(f, "offset {from}: {kind}: damage up to offset {to}, valid records after it")
            }
            Self::Damage { from, to, kind, is_last: true } => {
                write!(f, "offset {from}: {kind}: damage up to the end at offset {to}")
            }
            Self::Descriptions { from, kind, lost, .. } => {
                let lost: Vec<_> = lost.iter().map(ToString::to_string).collect();
                write!(f, "offset {from}: {kind}: {}: damaged, no event is missing", lost.join(", "))
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

/// The result of verifying one segment.
///
/// ```
/// use ringlog::storage::{Verdict, verify_log};
///
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
/// let check = verify_log(path)?;
/// let segment = &check.segments[0];
/// assert_eq!((segment.verdict, segment.fault_count), (Verdict::Clean, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct SegmentCheck {
    /// The file.
    pub path: PathBuf,
    /// Whether the path is a symbolic link, so that the bytes are elsewhere.
    pub is_link: bool,
    /// Its length in bytes.
    pub file_bytes: u64,
    /// Its header, repaired as far as possible; `None` if it could not be read.
    pub header: Option<FileHeader>,
    /// Sequence of its first record, from its name or its header.
    pub base_sequence: Option<u64>,
    /// The worst that is true of the segment.
    pub verdict: Verdict,
    /// The valid records, those after damage included.
    pub counts: RecordCounts,
    /// Offset where the last valid record ends.
    pub end_offset: u64,
    /// The log's position there, if the segment has records and all were read.
    pub(crate) position: Option<u64>,
    /// The first hundred faults, in the order in which they were found.
    pub faults: Vec<Fault>,
    /// The number of faults.
    pub fault_count: u64,
    /// Whether events are missing, or may be.
    lacks_events: bool,
    /// The number of descriptions that are damaged.
    lost_descriptions: u64,
    /// Whether nothing in the segment says where its records end.
    pub(crate) is_end_guessed: bool,
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
            end_offset: ringlog_nostd::format::FILE_HEADER_LEN as u64,
            position: None,
            faults: Vec::new(),
            fault_count: 0,
            lacks_events: false,
            lost_descriptions: 0,
            is_end_guessed: false,
        }
    }

    pub(crate) fn add(&mut self, fault: Fault) {
        self.verdict = self.verdict.max(fault.verdict());
        self.lacks_events |= !fault.is_harmless();
        if let Fault::Descriptions { lost, .. } = &fault {
            self.lost_descriptions += lost.len() as u64;
        }
        self.fault_count += 1;
        if self.faults.len() < FAULTS_LISTED {
            self.faults.push(fault);
        }
    }

    /// Sets this verdict, unless the segment has a worse one.
    pub(crate) fn settle(&mut self, verdict: Verdict) {
        self.verdict = self.verdict.max(verdict);
        // Where a header does not say where its records end, the next segment or the end of the log does.
        self.lacks_events |= !verdict.is_whole() && !self.is_end_guessed;
    }

    /// Returns whether events of the segment are missing, or may be.
    pub(crate) const fn lacks_events(&self) -> bool {
        self.lacks_events
    }

    /// Returns the number of descriptions of events that are damaged.
    pub(crate) const fn lost_descriptions(&self) -> u64 {
        self.lost_descriptions
    }

    /// Returns whether the file does not exist.
    pub(crate) fn is_gone(&self) -> bool {
        let is_gone = |fault: &Fault| matches!(fault, Fault::Open(OpenError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound);
        self.faults.iter().any(is_gone)
    }

    /// Returns whether there are bytes among its records that are no valid records.
    ///
    /// ```
    /// # use ringlog::event::EventHeader;
    /// use ringlog::storage::{LogWriter, verify_log};
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
    /// // A bit of the second record flipped.
    /// assert!(verify_log(&folder)?.segments[0].has_holes());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn has_holes(&self) -> bool {
        self.faults.iter().any(|fault| fault.range().is_some())
    }

    /// Returns the sequence after its last record, if known.
    ///
    /// ```
    /// use ringlog::storage::verify_log;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// assert_eq!(verify_log(path)?.segments[0].next_sequence(), Some(4));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn next_sequence(&self) -> Option<u64> {
        let (base, header) = (self.base_sequence?, self.header?);
        let lost_bytes = |fault: &Fault| fault.range().is_some() && !fault.is_harmless();
        let is_all = !self.faults.iter().any(lost_bytes) && self.verdict != Verdict::CutShort;
        let found = self.counts.records() + self.lost_descriptions;
        let count = if is_all { Some(found) } else { final_count(&header) };
        base.checked_add(count?)
    }
}

/// The result of verifying a log: see [`verify_log`](crate::storage::repair::verify::verify_log).
///
/// ```
/// use ringlog::storage::verify_log;
///
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
/// let check = verify_log(path)?;
/// assert!(check.missing.is_empty() && check.missing_end.is_none());
/// assert_eq!(check.segments.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct LogCheck {
    /// The segments, in order.
    pub segments: Vec<SegmentCheck>,
    /// The records that are missing before or between them.
    pub missing: Vec<MissingRecords>,
    /// What is missing at the end, if the log was closed.
    pub missing_end: Option<MissingEnd>,
    /// The content of its `writer` file.
    pub writer_file: WriterFile,
    /// The other files in its folder; the `writer` file is not listed.
    pub foreign: Vec<PathBuf>,
    /// Whether a writer is at work. Then its newest segment may not have a name yet, and is not checked.
    pub is_being_written: bool,
}

impl LogCheck {
    /// Returns the counts of all segments together.
    ///
    /// ```
    /// use ringlog::storage::verify_log;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// assert_eq!(verify_log(path)?.counts().events, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn counts(&self) -> RecordCounts {
        let mut sum = RecordCounts::default();
        self.segments.iter().for_each(|segment| sum.add_all(&segment.counts));
        sum
    }

    /// Returns whether no segment lacks an event, and none is missing before, between or after them. Losses that GAP records
    /// report are not looked at.
    #[doc(hidden)]
    pub fn has_all_segments(&self) -> bool {
        // A damaged `writer` file may have noted a loss that no GAP record reports.
        let is_known = !self.writer_file.is_damaged();
        let is_end_known = || {
            let is_guessed = self.segments.last().is_some_and(|last| last.is_end_guessed);
            !is_guessed || self.writer_file.end.is_some()
        };
        let is_whole = |it: &SegmentCheck| !it.lacks_events && it.next_sequence().is_some();
        let is_complete = self.missing.is_empty() && self.missing_end.is_none();
        is_known && is_complete && is_end_known() && self.segments.iter().all(is_whole)
    }

    /// Returns the worst that is true of the log.
    ///
    /// ```
    /// use ringlog::storage::{Verdict, verify_log};
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// // All records are whole, but a GAP record reports lost events.
    /// assert_eq!(verify_log(path)?.verdict(), Verdict::Loss);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let has = |wanted| self.segments.iter().any(|segment| segment.verdict == wanted);
        let counts = self.counts();
        match (self.has_all_segments(), counts.gaps) {
            _ if has(Verdict::Unreadable) => Verdict::Unreadable,
            (false, _) if counts.events == 0 => Verdict::Unreadable,
            (false, _) | (true, 1..) => Verdict::Loss,
            (true, 0) if self.segments.iter().any(|it| !it.verdict.is_whole()) => Verdict::Damage,
            (true, 0) if self.is_being_written || has(Verdict::Open) => Verdict::Open,
            (true, 0) => Verdict::Clean,
        }
    }
}
