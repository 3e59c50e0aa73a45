//! What opening a log for writing found and did.
#![forbid(unsafe_code)]

use std::fmt;
use std::path::{Path, PathBuf};

use ringlog_nostd::format::{FILE_HEADER_LEN, RecordError};

use crate::storage::cursor::list::CursorInfo;
use crate::storage::folder::ending::{MissingRecords, WriterFile, WriterFileState};
use crate::storage::names::base_sequence_of;
use crate::words::Counted;

/// How the log's last writer ended.
///
/// ```
/// use ringlog::storage::{LastEnd, LogWriter};
/// # let folder = tempfile::tempdir()?;
///
/// let writer = LogWriter::open(folder.path())?;
/// assert_eq!(writer.recovery().last_end, LastEnd::New);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum LastEnd {
    /// There was none: the log is new.
    #[default]
    New,
    /// It closed the log.
    Closed,
    /// Its process ended without closing the log, on a machine that still runs: everything that it published is
    /// there.
    Killed,
    /// The machine went down before the log was closed: the bytes decided what is whole.
    MachineLost,
    /// Unknown, because the `writer` file was missing or damaged. The bytes decided what is whole.
    Unknown,
}

/// What recovery did with one file.
///
/// ```
/// use ringlog::{event::EventHeader, storage::{LogWriter, RecoveryAction}};
/// # let folder = tempfile::tempdir()?;
///
/// let mut writer = LogWriter::open(folder.path())?;
/// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
/// writer.close()?;
///
/// let writer = LogWriter::open(folder.path())?;
/// assert_eq!(writer.recovery().segments[0].action, RecoveryAction::Kept);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RecoveryAction {
    /// It was sealed already, and is unchanged.
    Kept,
    /// It was sealed where its records end.
    Sealed,
    /// The log had continued in it, but it did not have its name yet. It has it now, and was sealed.
    Adopted,
    /// It is past the end of what is whole, and has this name now. `salvage` reads it.
    SetAside(PathBuf),
    /// It held no record and was deleted.
    Deleted,
}

/// One file that recovery had to read.
///
/// ```
/// use ringlog::{event::EventHeader, storage::LogWriter};
/// # let folder = tempfile::tempdir()?;
///
/// let mut writer = LogWriter::open(folder.path())?;
/// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
/// writer.close()?;
///
/// let writer = LogWriter::open(folder.path())?;
/// for segment in &writer.recovery().segments {
///     assert_eq!((segment.next_sequence, segment.cut_bytes, segment.set_aside()), (1, 0, None));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RecoveredSegment {
    /// The file, by its final name.
    pub path: PathBuf,
    /// What was done.
    pub action: RecoveryAction,
    /// Sequence of its first record.
    pub first_sequence: u64,
    /// Sequence after its last record.
    pub next_sequence: u64,
    /// Where its records end, in bytes from the start of the file.
    pub end_offset: u64,
    /// Bytes from there to the end that its header recorded; they are not part of the log. 0 if there are none.
    pub cut_bytes: u64,
    /// A record before that end that cannot be read. The seal and the next segment agree on where the segment ends,
    /// so the log continues after it unchanged; `salvage` reads what follows the damage.
    pub damage: Option<RecordError>,
}

/// What opening a log for writing found: see
/// [`LogWriter::recovery`](crate::storage::log::writer::LogWriter::recovery).
///
/// ```
/// use ringlog::{event::EventHeader, storage::{LastEnd, LogWriter}};
/// # let folder = tempfile::tempdir()?;
///
/// let mut writer = LogWriter::open(folder.path())?;
/// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
/// writer.close()?;
///
/// let writer = LogWriter::open(folder.path())?;
/// let report = writer.recovery();
/// assert_eq!((report.last_end, report.next_sequence, report.has_loss), (LastEnd::Closed, 1, false));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct RecoveryReport {
    /// How the last writer ended.
    pub last_end: LastEnd,
    /// What the `writer` file recorded: whether it was damaged, the log's identity until then, and where the log was
    /// closed. If it could not be used, the log has a new identity now.
    pub writer_file: WriterFile,
    /// The files that recovery had to read, in the order of the log: those since the last clean one.
    pub segments: Vec<RecoveredSegment>,
    /// Records that are missing between older segments, which do not continue each other. The log continues.
    pub missing: Vec<MissingRecords>,
    /// Sequence of the first record of this run, a GAP record if anything is missing.
    pub next_sequence: u64,
    /// The log's position at the start of this run.
    pub next_position: u64,
    /// Whether events may be missing, so that this run began with a GAP record.
    pub has_loss: bool,
    /// GAP records with which this run began: what they report was lost before it.
    pub gap_records: u64,
    /// Whether the last writer had dropped events on a full disk and not reported them.
    pub has_unreported_loss: bool,
    /// Whether a ring in the last writer's process was not drained to its end: what it held is lost.
    pub has_undrained_ring: bool,
    /// Cursors whose readers have read beyond the log's end: the log lost those records, and gives their sequences to
    /// other records now. [`Cursor::follow`](crate::storage::cursor::cursor::Cursor::follow) notices it only until
    /// the log has grown beyond them.
    pub cursors_ahead: Vec<CursorInfo>,
    /// Cursors that were created for another log, which was in this folder before. They are refused, and keep no
    /// segment.
    pub cursors_of_other_logs: Vec<CursorInfo>,
    /// Segments that other programs keep locked exclusively, each with the process that does, if the kernel shows it.
    /// They were still sealed; nobody can read them meanwhile.
    pub locked_segments: Vec<(PathBuf, Option<u32>)>,
}

impl RecoveryReport {
    /// Returns whether there is anything that an operator should know.
    ///
    /// ```
    /// # use ringlog::storage::LogWriter;
    /// # let folder = tempfile::tempdir()?;
    /// assert!(!LogWriter::open(folder.path())?.recovery().is_notable());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_notable(&self) -> bool {
        let is_locked = !self.locked_segments.is_empty();
        let has_ended = matches!(self.last_end, LastEnd::New | LastEnd::Closed);
        let has_cursors = !self.cursors_of_other_logs.is_empty();
        self.has_loss || is_locked || has_cursors || !self.missing.is_empty() || !has_ended
    }
}

impl fmt::Display for RecoveryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.last_end {
            LastEnd::New => "a new log",
            LastEnd::Closed => "the last writer closed the log",
            LastEnd::Killed => "the last writer was killed: all that it had published is there",
            LastEnd::MachineLost => "the machine went down under the last writer",
            LastEnd::Unknown => "nothing says how the last writer ended",
        })?;
        f.write_str(match self.writer_file.state {
            WriterFileState::Damaged => ": the `writer` file was damaged, so the log has a new identity",
            WriterFileState::Missing if self.last_end == LastEnd::Unknown => {
                ": the `writer` file was missing, so the log has a new identity"
            }
            _ => "",
        })?;
        let RecoveryReport { next_sequence, next_position, .. } = self;
        write!(f, "; continues with record {next_sequence} at position {next_position}")?;
        if self.has_loss {
            f.write_str(", where a GAP record says that events may be missing")?;
        }
        if self.has_undrained_ring {
            f.write_str("; its recorder ended before it had drained its ring")?;
        }
        for segment in &self.segments {
            write!(f, "\n  {segment}")?;
        }
        for missing in &self.missing {
            write!(f, "\n  {missing}")?;
        }
        for (path, pid) in &self.locked_segments {
            let pid = pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string());
            write!(f, "\n  {}: locked exclusively by another program, process {pid}", path.display())?;
        }
        for cursor in &self.cursors_of_other_logs {
            write!(f, "\n  {}", cursor.other_log_words())?;
        }
        for CursorInfo { name, next_sequence: read, .. } in &self.cursors_ahead {
            let last = read.saturating_sub(1);
            write!(
                f,
                "\n  cursor {name}: its reader has read records {next_sequence} to {last}, which are lost"
            )?;
        }
        Ok(())
    }
}

impl RecoveredSegment {
    /// Returns the report of a file that has another name now.
    pub(crate) fn at_other_name(path: PathBuf, aside: PathBuf) -> Self {
        let sequence = path.file_name().and_then(base_sequence_of).unwrap_or(0);
        Self {
            path,
            action: RecoveryAction::SetAside(aside),
            first_sequence: sequence,
            next_sequence: sequence,
            end_offset: FILE_HEADER_LEN as u64,
            cut_bytes: 0,
            damage: None,
        }
    }

    /// Returns the name that the file has now if it is past the end of what is whole; `salvage` reads it.
    ///
    /// ```
    /// use ringlog::storage::LogWriter;
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let writer = LogWriter::open(folder.path())?;
    /// for aside in writer.recovery().segments.iter().filter_map(|segment| segment.set_aside()) {
    ///     eprintln!("{}: salvage what is whole", aside.display());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn set_aside(&self) -> Option<&Path> {
        match &self.action {
            RecoveryAction::SetAside(path) => Some(path),
            _ => None,
        }
    }
}

impl fmt::Display for RecoveredSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, action, first_sequence, next_sequence, end_offset, cut_bytes, damage } = self;
        write!(f, "{}: ", path.display())?;
        match action {
            RecoveryAction::Kept => f.write_str("sealed already")?,
            RecoveryAction::Sealed => f.write_str("sealed")?,
            RecoveryAction::Adopted => f.write_str("named and sealed")?,
            RecoveryAction::SetAside(to) => return write!(f, "set aside as {}", to.display()),
            RecoveryAction::Deleted => return f.write_str("held no record, deleted"),
        }
        write!(f, " at offset {end_offset}, records {first_sequence} to {next_sequence}")?;
        if *cut_bytes > 0 {
            write!(f, ", {} after it cannot be read", Counted(*cut_bytes, "byte"))?;
        }
        if let Some(damage) = damage {
            write!(f, ", damaged: {damage}; salvage what follows it")?;
        }
        Ok(())
    }
}
