//! Why a log, or a record of it, cannot be read.
#![forbid(unsafe_code)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use thiserror::Error;

use crate::event::{FileHeaderError, RecordError};
use crate::os::lock_holder::exclusive_holder;
use crate::storage::error::CreateError;
use crate::storage::error::words::END_ADVICE;
use crate::storage::error::words::RESTORE_OR_SALVAGE;
use crate::storage::error::words::header_advice;
use crate::storage::error::words::no_header_advice;
use crate::storage::error::words::no_segments_advice;
use crate::storage::error::words::no_segments_words;
use crate::storage::error::words::other_writer_words;
use crate::storage::error::words::pid_words;
use crate::storage::error::words::plain_name;
use crate::storage::names::{WRITER_FILE, segment_name};
use crate::words::Counted;
use crate::words::cause;
use crate::words::io_words;

/// Why a log was not opened, for reading or for writing.
///
/// ```
/// use ringlog::storage::{LogReader, OpenError};
/// # let folder = tempfile::tempdir()?;
///
/// match LogReader::open(folder.path()) {
///     Err(OpenError::NoSegments { foreign_files, .. }) => assert_eq!(foreign_files, 0),
///     other => panic!("{:?}", other.err()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Not a regular file: a folder, a pipe, a device.
    #[error("{}: not a regular file, as a log's files are; check the path, or move it away", path.display())]
    NotAFile {
        /// What was to be opened.
        path: PathBuf,
    },
    /// A segment that its writer is preparing. It may become another one while it is read.
    #[error("{}: a segment that its writer is still preparing; open the folder that it is in", path.display())]
    Unnamed {
        /// What was to be opened.
        path: PathBuf,
    },
    /// The file ends before its header does.
    #[error(
        "{}: only {}, and a log file begins with a header of 64 bytes; {}",
        path.display(),
        Counted(*len_bytes, "byte"),
        no_header_advice(path)
    )]
    TooShort {
        /// What was to be opened.
        path: PathBuf,
        /// Its length in bytes.
        len_bytes: u64,
    },
    /// The header at offset 0 cannot be used.
    #[error(
        "{}: offset 0: {source}; {}",
        path.display(),
        header_advice(path, source)
    )]
    Header {
        /// What was to be opened.
        path: PathBuf,
        /// What is wrong with the header.
        source: FileHeaderError,
    },
    /// The header records more than the file holds.
    #[error(
        "{}: offset 24: write_offset is {write_offset}, but the file was cut short and has {}; {RESTORE_OR_SALVAGE}",
        path.display(),
        Counted(*len_bytes, "byte")
    )]
    WriteOffset {
        /// What was to be opened.
        path: PathBuf,
        /// The value in the header.
        write_offset: u64,
        /// The length of the file in bytes.
        len_bytes: u64,
    },
    /// A segment's name is a link that leads to no file.
    #[error(
        "{}: a symbolic link to {}, where there is no file; make that file available again, or restore it from a copy",
        path.display(),
        target.display()
    )]
    BrokenLink {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// A segment without a usable header, whose records may be those of an older segment that had the same blocks.
    #[error(
        "{}: offset 0: {source}: it holds records, but they may be those of an older segment whose blocks it has; \
         restore it from a copy, or copy them with `salvage_log` or `ringlog salvage` of this file alone and look at them",
        path.display()
    )]
    Uncertain {
        /// The segment.
        path: PathBuf,
        /// What is wrong with the header.
        source: FileHeaderError,
    },
    /// A closed log whose last records are missing.
    #[error("{0}; {END_ADVICE}")]
    MissingEnd(MissingEnd),
    /// The system refused.
    #[error("{}: cannot {action}: {}", path.display(), io_words(source))]
    Io {
        /// The file concerned.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The error of the system.
        source: io::Error,
    },
    /// The function of [`on_worker_start`](crate::storage::LogWriterOptions::on_worker_start) failed on a worker thread.
    #[error(
        "{}: a worker thread could not begin: {source}; check what its start asks for: processors that are there, a \
         priority that is allowed",
        path.display()
    )]
    WorkerStart {
        /// The log.
        path: PathBuf,
        /// The error of the function.
        source: io::Error,
    },
    /// Another program has an exclusive lock on a segment. Meanwhile nobody can keep the segment from being deleted
    /// and recycled, so it is not read.
    #[error(
        "{}: another program (process {}) has an exclusive lock on this segment, so it cannot be held for reading; \
         end that program (`flock`, a backup) and read again",
        path.display(),
        pid_words(*pid)
    )]
    LockedSegment {
        /// The segment.
        path: PathBuf,
        /// The process that holds the lock, if the kernel shows it.
        pid: Option<u32>,
    },
    /// A live writer holds the folder.
    #[error(
        "{}: {}, or write into another folder",
        path.display(),
        other_writer_words(*pid)
    )]
    Locked {
        /// The file with the lock.
        path: PathBuf,
        /// The process that holds it, if the file names it.
        pid: Option<u32>,
    },
    /// Something that no ringlog writer created has the name of the folder's lock file.
    #[error(
        "{}: a link, a folder or another program's file has the name of the file with a log's lock; move it away, put the \
         log's own file back if there is one, or record into another folder",
        path.display()
    )]
    ForeignWriterFile {
        /// The file.
        path: PathBuf,
    },
    /// A log is written into a folder, and this is not one.
    #[error("{}: not a folder, and a log is a folder of files; give another name", path.display())]
    NotAFolder {
        /// What was to be opened.
        path: PathBuf,
    },
    /// There is no such folder or file to follow.
    #[error("{}: there is no such log yet; start its writer first, or create the folder", path.display())]
    NoLog {
        /// The log's folder or file.
        path: PathBuf,
    },
    /// A folder without any segment.
    #[error(
        "{}: {}; {}",
        path.display(),
        no_segments_words(*foreign_files),
        no_segments_advice(single_file.as_deref())
    )]
    NoSegments {
        /// The folder.
        path: PathBuf,
        /// How many files of other names are in it.
        foreign_files: usize,
        /// The first of them whose name ends in `.evtl`, which may be a log of one file.
        single_file: Option<PathBuf>,
    },
    /// A segment under a name with a further ending, as a program that compresses files leaves it. Without it the log would
    /// seem to end there, or to have a hole.
    #[error(
        "{}: a segment under a name with a further ending, which cannot be read; decompress it, or rename it, to {}, or move \
         it out of the folder",
        path.display(),
        plain_name(path)
    )]
    FurtherEnding {
        /// The file.
        path: PathBuf,
    },
    /// A segment whose name is not its base sequence.
    #[error(
        "{}: offset 40: base_sequence is {base_sequence}, which is not the file's name; give it the name {} back, or \
         move it away if it belongs to another log",
        path.display(),
        segment_name(*base_sequence)
    )]
    Name {
        /// The segment.
        path: PathBuf,
        /// The value in its header.
        base_sequence: u64,
    },
    /// The log ends so close to the largest position that no other file can follow.
    #[error(
        "{}: this log ends at sequence {sequence} and position {position}, but none has more than 2^62, so one of its \
         headers holds a wrong number; record into another folder, and copy what is whole with `salvage_log` or `ringlog salvage`",
        path.display()
    )]
    AtLimit {
        /// The folder.
        path: PathBuf,
        /// The sequence after its last record.
        sequence: u64,
        /// The position after its last record.
        position: u64,
    },
    /// The `writer` file reports a loss that is larger than any log.
    #[error(
        "{}: untold_loss says that {bytes} bytes are missing from position {position} on, which ends beyond 2^62, so \
         the file is damaged; delete that line, and take it that events are missing there",
        path.display()
    )]
    UnreportedLoss {
        /// The file.
        path: PathBuf,
        /// Where in the log that loss begins.
        position: u64,
        /// How many bytes are missing.
        bytes: u64,
    },
    /// The last segment's writer died, and a part of the segment that must be whole is not.
    #[error("cannot continue after a writer that died: {}; {RESTORE_OR_SALVAGE}", cause(.0))]
    Recovery(#[source] Box<ReadError>),
    /// The next segment could not be created.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The start of the next segment could not be written.
    #[error(transparent)]
    Append(Box<dyn std::error::Error + Send + Sync>),
}

/// Why the next event of a log could not be read.
///
/// ```
/// use ringlog::{event::EventHeader, storage::{MmapReader, MmapWriter, ReadError}};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("events.evtl");
///
/// let mut writer = MmapWriter::create(&path, 4096)?;
/// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
/// writer.close()?;
///
/// // Damages the payload of the only record.
/// let mut bytes = std::fs::read(&path)?;
/// bytes[64 + 16] ^= 1;
/// std::fs::write(&path, bytes)?;
///
/// match MmapReader::open(&path)?.replay(|_| ()) {
///     Err(ReadError::Record { source, .. }) => assert_eq!(source.offset, 64),
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The record is damaged. All events before it are good.
    #[error("{}: {source}, all before it is good; {RESTORE_OR_SALVAGE}", path.display())]
    Record {
        /// The file that was read.
        path: PathBuf,
        /// Where the record is and what is wrong with it.
        source: RecordError,
    },
    /// A sealed file holds another number of records than its header says.
    #[error(
        "{}: offset 16: the header of this sealed file counts {}, but there are {found} up to offset {offset}; {RESTORE_OR_SALVAGE}",
        path.display(),
        Counted(*stored, "record")
    )]
    EventCount {
        /// The file that was read.
        path: PathBuf,
        /// Where the records end.
        offset: u64,
        /// The value in the header.
        stored: u64,
        /// The records that were found.
        found: u64,
    },
    /// The header was good when the file was opened and is no longer.
    #[error("{}: offset 0: {source}, since something else wrote into this file while it was read; end that, and {RESTORE_OR_SALVAGE}", path.display())]
    Header {
        /// The file that was read.
        path: PathBuf,
        /// What is wrong with the header.
        source: FileHeaderError,
    },
    /// `write_offset` left the range that it can grow in.
    #[error(
        "{}: offset 24: write_offset is {write_offset}, expected {published_bytes} to {len_bytes}, since something else \
         wrote into this file while it was read; end that, and {RESTORE_OR_SALVAGE}",
        path.display()
    )]
    WriteOffset {
        /// The file that was read.
        path: PathBuf,
        /// The value in the header.
        write_offset: u64,
        /// The value before.
        published_bytes: u64,
        /// The length of the file in bytes.
        len_bytes: u64,
    },
    /// The system refused to read.
    #[error("{}: offset {offset}: cannot read: {source}; check the device and try again", path.display())]
    Io {
        /// The file that was read.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// The error of the system.
        source: io::Error,
    },
    /// The file became shorter after it was opened.
    #[error(
        "{}: offset {offset}: the file was cut short here while it was read, its records end at {end}; {RESTORE_OR_SALVAGE}",
        path.display()
    )]
    Shrunk {
        /// The file that was read.
        path: PathBuf,
        /// Where it ends now.
        offset: u64,
        /// Where its records ended when it was opened.
        end: u64,
    },
    /// A segment does not begin where the one before it ends.
    #[error(
        "{}: starts with record {found}, the segment before it ends before record {expected}: \
         {} is missing, or this one does not belong here; {RESTORE_OR_SALVAGE}",
        path.display(),
        segment_name(*expected)
    )]
    Discontinuity {
        /// The segment.
        path: PathBuf,
        /// The sequence that would follow.
        expected: u64,
        /// The one that it starts with.
        found: u64,
    },
    /// What would have been read next was retired before it was read.
    #[error(
        "{}: {} from {from} on went by retention before being read; continue with record {to}, and read faster, \
         keep more, or read with a cursor, which retention spares",
        path.display(),
        Counted(to.saturating_sub(*from), "record")
    )]
    Overtaken {
        /// The log's folder.
        path: PathBuf,
        /// The sequence of the first record that is missed.
        from: u64,
        /// The next sequence that can be read: the missed ones are `from..to`.
        to: u64,
    },
    /// A closed log ends before its recorded end. Everything before is good.
    #[error("{0}; {END_ADVICE}")]
    MissingEnd(MissingEnd),
    /// The next segment could not be opened.
    #[error(transparent)]
    Segment(#[from] Box<OpenError>),
}

/// Where a closed log ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RecordedEnd {
    /// The sequence after that of the last record.
    pub sequence: u64,
    /// The position after the last record.
    pub position: u64,
}

/// A closed log whose files do not end where its `writer` file records.
///
/// ```
/// use ringlog::{event::EventHeader, storage::{LogWriter, OpenError}};
/// # let folder = tempfile::tempdir()?;
///
/// for time in 0..2 {
///     let mut writer = LogWriter::open(folder.path())?;
///     writer.write_event(&EventHeader::new(time, 7, 5), b"hello")?;
///     writer.close()?;
/// }
/// std::fs::remove_file(folder.path().join("00000000000000000001.evtl"))?;
///
/// match LogWriter::open(folder.path()) {
///     Err(OpenError::MissingEnd(missing)) => assert_eq!((missing.next_sequence, missing.end_sequence()), (1, 2)),
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct MissingEnd {
    /// The segment that begins where the log ends now: it is missing, or cannot be read. If the log has more records
    /// than recorded, or ends at another position, it is the `writer` file, which belongs to another log or is an
    /// older copy.
    pub file: PathBuf,
    /// The sequence after the last record that was found.
    pub next_sequence: u64,
    /// Where the log was closed.
    #[doc(hidden)]
    pub end: RecordedEnd,
    /// What is wrong with the file, if there is one.
    pub fault: Option<Box<OpenError>>,
}

impl MissingEnd {
    pub(crate) fn new(folder: &Path, next_sequence: u64, end: RecordedEnd) -> Self {
        let is_short = next_sequence < end.sequence;
        let file = if is_short { segment_name(next_sequence) } else { WRITER_FILE.into() };
        Self { file: folder.join(file), next_sequence, end, fault: None }
    }

    /// Returns the sequence after the last record that the log had when it was closed.
    ///
    /// ```
    /// use ringlog::{event::EventHeader, storage::{LogWriter, OpenError}};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let mut writer = LogWriter::open(folder.path())?;
    /// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// writer.close()?;
    /// std::fs::remove_file(folder.path().join("00000000000000000000.evtl"))?;
    /// let Err(OpenError::MissingEnd(missing)) = LogWriter::open(folder.path()) else { panic!() };
    /// assert_eq!(missing.end_sequence() - missing.next_sequence, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn end_sequence(&self) -> u64 {
        self.end.sequence
    }
}

impl fmt::Display for MissingEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, next_sequence, end: RecordedEnd { sequence, position, .. }, fault } = self;
        let file = file.display();
        write!(f, "{file}: the log was closed at record {sequence}, position {position}, and ends at ")?;
        if next_sequence == sequence {
            f.write_str("this record, but at another position: ")?;
        } else {
            write!(f, "record {next_sequence}: ")?;
        }
        match fault {
            Some(fault) => write!(f, "this file cannot be used ({})", cause(fault)),
            None if *next_sequence < *sequence => {
                f.write_str("this file is missing, or the one before it is an older copy")
            }
            None if next_sequence == sequence => f.write_str(
                "the last segment is cut short, or one of the two is an older copy or belongs to another log",
            ),
            None => f.write_str("this file, or the last segment, is an older copy or belongs to another log"),
        }
    }
}

impl OpenError {
    /// Makes the error for a folder that has these files, by name, and no segment.
    pub(crate) fn no_segments(folder: &Path, foreign: &[PathBuf]) -> Self {
        let single_file =
            foreign.iter().find(|path| path.extension().is_some_and(|end| end == "evtl")).cloned();
        Self::NoSegments { path: folder.into(), foreign_files: foreign.len(), single_file }
    }

    pub(crate) fn locked_segment(path: &Path, file: &File) -> Self {
        Self::LockedSegment { path: path.into(), pid: exclusive_holder(file) }
    }
}

impl OpenError {
    pub(crate) fn io(path: &Path, action: &'static str, source: io::Error) -> Self {
        Self::Io { path: path.into(), action, source }
    }

    /// Returns whether the file, or the log, is not there.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    pub(crate) fn recovery(error: ReadError) -> Self {
        Self::Recovery(Box::new(error))
    }
}
