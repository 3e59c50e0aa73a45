//! What can go wrong with log files: one error per family of operations.
#![forbid(unsafe_code)]

use std::io;
use std::path::PathBuf;

use ringlog_nostd::{FileHeaderError, RecordError, WriteError};
use thiserror::Error;

use super::error_words::{
    Counted, END_ADVICE, RESTORE_OR_SALVAGE, cause, dropped_words, header_advice, io_advice,
    no_segments_words,
};
use crate::storage::folder::ending::MissingEnd;
pub(crate) use crate::storage::segment::create_error::CreateError;
use crate::storage::segment::name::segment_name;

/// Why a log file was not opened for reading.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Not a regular file: a folder, a pipe, a device.
    #[error("{}: not a regular file, as a log's files are; check the path, or move it away", path.display())]
    NotAFile {
        /// What was to be opened.
        path: PathBuf,
    },
    /// A segment that its writer is preparing: it may become another one while it is read.
    #[error("{}: a segment that its writer is still preparing; open the folder that it is in", path.display())]
    Unnamed {
        /// What was to be opened.
        path: PathBuf,
    },
    /// The file ends before its header does.
    #[error(
        "{}: only {}, and a log file begins with a header of 64 bytes; check the path, or, if this was a log's file, {RESTORE_OR_SALVAGE}",
        path.display(),
        Counted(*len_bytes, "byte")
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
        header_advice(source)
    )]
    Header {
        /// What was to be opened.
        path: PathBuf,
        /// What is wrong with the header.
        source: FileHeaderError,
    },
    /// The header says that there is more than the file holds.
    #[error(
        "{}: offset 24: write_offset is {write_offset}, but the file was cut short and has {}; {RESTORE_OR_SALVAGE}",
        path.display(),
        Counted(*len_bytes, "byte")
    )]
    WriteOffset {
        /// What was to be opened.
        path: PathBuf,
        /// What the header says.
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
         restore it from a copy, or copy them with `ringlog salvage` of this file alone and look at them",
        path.display()
    )]
    Uncertain {
        /// The segment.
        path: PathBuf,
        /// What is wrong with the header.
        source: FileHeaderError,
    },
    /// A closed log whose last records are not there.
    #[error("{0}; {END_ADVICE}")]
    MissingEnd(MissingEnd),
    /// The system refused.
    #[error("{}: cannot {action}: {source}; {}", path.display(), io_advice(source))]
    Io {
        /// The file concerned.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Another program has an exclusive lock on a segment. While it has, nobody can keep the segment from being deleted
    /// and used again, so it is not read.
    #[error(
        "{}: another program (process {}) has an exclusive lock on this segment, so it cannot be held for reading; \
         end that program (`flock`, a backup) and read again",
        path.display(),
        pid_words(*pid)
    )]
    LockedSegment {
        /// The segment.
        path: PathBuf,
        /// The process that holds the lock, as far as the kernel tells.
        pid: Option<u32>,
    },
    /// A writer that is alive holds the folder.
    #[error(
        "{}: locked by another writer (process {}); stop it first, or write into another folder",
        path.display(),
        pid_words(*pid)
    )]
    Locked {
        /// The file with the lock.
        path: PathBuf,
        /// The process that holds it, as far as the file says so.
        pid: Option<u32>,
    },
    /// The name of the folder's lock file is taken by something that no ringlog writer made.
    #[error(
        "{}: a link, a folder or another program's file has the name of the file with a log's lock; move it away, put the \
         log's own file back if there is one, or record into another folder",
        path.display()
    )]
    ForeignWriterFile {
        /// The file.
        path: PathBuf,
    },
    /// A log is written into a folder, and this is something else.
    #[error("{}: not a folder, and a log is a folder of files; give another name", path.display())]
    NotAFolder {
        /// What was to be opened.
        path: PathBuf,
    },
    /// A folder without any segment.
    #[error(
        "{}: {}; check the path, or record into it first",
        path.display(),
        no_segments_words(*foreign_files)
    )]
    NoSegments {
        /// The folder.
        path: PathBuf,
        /// How many files of other names are in it.
        foreign_files: usize,
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
        /// What its header says.
        base_sequence: u64,
    },
    /// The log ends so far on that no other file can follow.
    #[error(
        "{}: this log ends at sequence {sequence} and position {position}, but none has more than 2^62, so one of its \
         headers holds a wrong number; record into another folder, and copy what is whole with `ringlog salvage`",
        path.display()
    )]
    AtLimit {
        /// The folder.
        path: PathBuf,
        /// The sequence behind its last record.
        sequence: u64,
        /// The position behind its last record.
        position: u64,
    },
    /// The `writer` file reports a loss that is larger than any log.
    #[error(
        "{}: untold_loss says that {bytes} bytes are missing from position {position} on, which ends beyond 2^62, so \
         the file is damaged; delete that line, and take it that events are missing there",
        path.display()
    )]
    UntoldLoss {
        /// The file.
        path: PathBuf,
        /// Where in the log it says that the loss begins.
        position: u64,
        /// How many bytes it says are missing.
        bytes: u64,
    },
    /// The last segment's writer died, and what has to be whole in it is not.
    #[error("cannot continue after a writer that died: {}; {RESTORE_OR_SALVAGE}", cause(.0))]
    Recovery(#[source] Box<ReadError>),
    /// The next segment could not be created.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The start of the next segment could not be written.
    #[error(transparent)]
    Append(#[from] Box<AppendError>),
}

/// Why the next event of a log could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The record is damaged. All events before it are good.
    #[error("{}: {source}, all before it is good; {RESTORE_OR_SALVAGE}", path.display())]
    Record {
        /// The file that was read.
        path: PathBuf,
        /// Where the record stands and what is wrong with it.
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
        /// What the header says.
        stored: u64,
        /// The records that there are.
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
        /// What the header says.
        write_offset: u64,
        /// What it said before.
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
        /// What the system said.
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
    /// A closed log ends before its recorded end. All before it is good.
    #[error("{0}; {END_ADVICE}")]
    MissingEnd(MissingEnd),
    /// The next segment could not be opened.
    #[error(transparent)]
    Segment(#[from] Box<OpenError>),
}

/// Why an event was not appended.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The rest of the file is too small for the next record.
    #[error(
        "{}: full: the next record takes {needed_bytes} bytes, {remaining_bytes} are left at offset {offset}; \
         close this log and continue in another",
        path.display()
    )]
    Full {
        /// The file.
        path: PathBuf,
        /// Where the record would have started.
        offset: u64,
        /// What the record takes, in bytes.
        needed_bytes: u64,
        /// What is left, in bytes.
        remaining_bytes: u64,
    },
    /// The event itself is not one that a log takes.
    #[error("event refused: {0}; correct the header, `EventHeader::as_user` clears what the system has set")]
    Event(#[from] WriteError),
    /// A run contains something that is no record. All before it was appended.
    #[error("run refused: {0}; hand over whole records only")]
    Run(RecordError),
    /// A sync failed before, so nobody knows what is on the disk beyond the watermark.
    #[error("{}: a sync of this log failed earlier; check the disk and continue in a new log", path.display())]
    Poisoned {
        /// The file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("{}: offset {offset}: cannot {action}: {source}; check the disk and continue in a new log", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The record is larger than a segment without any other.
    #[error(
        "{}: a record of {needed_bytes} bytes, but an empty file of this log has room for {capacity_bytes}; ask for larger \
         files (`--segment-size`)",
        path.display()
    )]
    TooLarge {
        /// The log's file or folder.
        path: PathBuf,
        /// What the record takes, in bytes.
        needed_bytes: u64,
        /// What an empty file has room for, in bytes.
        capacity_bytes: u64,
    },
    /// This run of the writer has written as much as it was allowed to.
    #[error(
        "{}: {written_bytes} bytes written, the next record would exceed the limit of {max_bytes}; \
         close the log, or ask for a larger limit",
        path.display()
    )]
    LimitReached {
        /// The log's folder.
        path: PathBuf,
        /// Bytes of records that were written.
        written_bytes: u64,
        /// The limit.
        max_bytes: u64,
    },
    /// The log has come so far that no other segment can follow.
    #[error("{}: at position {position}, and no log has more than 2^62; record into another folder", path.display())]
    AtLimit {
        /// The log's folder.
        path: PathBuf,
        /// Where the next segment would have begun.
        position: u64,
    },
    /// The next segment could not be created.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// A segment could not be named or synced, so the log takes no more events.
    #[error(transparent)]
    Close(#[from] SyncError),
}

/// Why published events are not known to be on stable storage.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SyncError {
    /// The sync failed. The watermark stays where it was and the writer takes no more events.
    #[error(
        "{}: sync of offsets {from} to {to} failed: {source}; check the disk and continue in a new log",
        path.display()
    )]
    Failed {
        /// The file.
        path: PathBuf,
        /// Where the bytes in question start.
        from: u64,
        /// Where they end.
        to: u64,
        /// What the system said.
        source: io::Error,
    },
    /// A sync failed before.
    #[error("{}: a sync of this log failed earlier; check the disk and continue in a new log", path.display())]
    Poisoned {
        /// The file.
        path: PathBuf,
    },
    /// A segment that a dead writer had not synced is damaged. What this writer wrote is on stable storage; the watermark stays
    /// below the damage.
    #[error(
        "{}, in a file that an earlier writer was killed before it had synced: the log's watermark stays below the damage \
         as long as the file is there, and later events are synced all the same; {RESTORE_OR_SALVAGE}",
        cause(.0)
    )]
    Damaged(#[source] Box<ReadError>),
    /// The file with the log's lock was deleted or replaced, so that it keeps no other writer out. The writer takes no more
    /// events, and leaves the files as they are.
    #[error(
        "{}: this lock file was deleted or replaced while its log was written, so another writer may be at work; \
         end all writers of the log, leave that file alone, and open the log again",
        path.display()
    )]
    LockFile {
        /// The lock file.
        path: PathBuf,
    },
    /// The writer belongs to the process that this one was forked from.
    #[error("{}: opened before this process was forked; only the process that opened it may sync or close it", path.display())]
    OtherProcess {
        /// The log's file or folder.
        path: PathBuf,
    },
    /// All is on stable storage, but the folder could not be put in order.
    #[error("{}: cannot {action}: {source}; {}", path.display(), io_advice(source))]
    Folder {
        /// The file or folder concerned.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The disk is so full that there is no room for the record that tells of dropped events. The `writer` file
    /// tells of them, and the next run begins with that record.
    #[error(
        "{}: {} because the disk is full, and there is no room to say so in the log; free some space and record again: \
         the next run begins with a GAP record",
        path.display(),
        dropped_words(*count)
    )]
    UntoldLoss {
        /// The log's folder.
        path: PathBuf,
        /// How many; 0 if that is not known.
        count: u64,
    },
}

pub(super) fn pid_words(pid: Option<u32>) -> String {
    pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string())
}
