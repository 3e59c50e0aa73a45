//! What a log's `writer` file gives to readers: the log's identity, and where a closed log ends.
//!
//! A log whose last files are missing looks whole to anyone who reads the files that are left. The recorded end shows
//! the loss.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, io, thread};

use crate::os::files::{folder_of, open_to_read};
use crate::storage::error::{MissingEnd, RecordedEnd};
use crate::storage::folder::writer_record::WriterRecord;
use crate::storage::names::{WRITER_FILE, segment_name};
use crate::words::Counted;

/// A writer may be storing into the file: it is read this often before it counts as damaged.
const READINGS: usize = 5;
/// Pause between two reads.
const PAUSE: Duration = Duration::from_millis(2);

/// What a log's `writer` file records about the log: see [`of`](Self::of).
///
/// ```
/// use ringlog::storage::{LogWriter, WriterFile};
/// # let folder = tempfile::tempdir()?;
///
/// let writer = LogWriter::open(folder.path())?;
/// let file = WriterFile::of(folder.path());
/// assert_eq!((file.identity, file.first_sequence, file.end_sequence()), (Some(writer.identity()), Some(0), None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct WriterFile {
    /// Whether the file could be used.
    #[doc(hidden)]
    pub state: WriterFileState,
    /// The log's identity: a random number that was drawn when the log was created. A copy of the log has the same one.
    pub identity: Option<u128>,
    /// The sequence at which the log begins: larger than 0 once a writer has retired segments. `None` if that is not
    /// recorded, as while a writer with a retention is at work.
    pub first_sequence: Option<u64>,
    /// Whether the last writer syncs nothing before it closes the log, unless it is asked to: all that is published may be lost with
    /// the power until then.
    pub is_never_synced: bool,
    /// Where the log ends, if its last writer closed it.
    #[doc(hidden)]
    pub end: Option<RecordedEnd>,
}

/// Whether a log's `writer` file can be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum WriterFileState {
    /// There is none. A single file has none either.
    #[default]
    Missing,
    /// Its checksum is right.
    Good,
    /// Its checksum is wrong, it is empty, or something else has its name. Nothing in it is used.
    Damaged,
    /// The system refuses to read it.
    Unreadable,
}

impl WriterFile {
    /// Reads the `writer` file of a log's folder. Takes no lock.
    ///
    /// ```
    /// use ringlog::event::EventHeader;
    /// use ringlog::storage::{LogWriter, WriterFile};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = LogWriter::open(folder.path())?;
    /// let identity = writer.identity();
    /// writer.write_event(&EventHeader::new(1, 2, 3), b"abc")?;
    /// assert_eq!(WriterFile::of(folder.path()).end_sequence(), None);
    ///
    /// writer.close()?;
    /// let file = WriterFile::of(folder.path());
    /// assert_eq!(file.identity, Some(identity));
    /// assert_eq!((file.end_sequence(), file.end_position()), (Some(1), Some(24)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn of(folder: impl AsRef<Path>) -> Self {
        let folder = folder.as_ref();
        for _ in 1..READINGS {
            match Self::read_once(folder) {
                Self { state: WriterFileState::Damaged, .. } => thread::sleep(PAUSE),
                other => return other,
            }
        }
        Self::read_once(folder)
    }

    /// Reads the file once: one that is being stored may count as damaged.
    pub(crate) fn read_once(folder: &Path) -> Self {
        match open_to_read(&folder.join(WRITER_FILE)).and_then(|file| WriterRecord::read(&file)) {
            Ok(Some(record)) => Self::from(&record),
            Ok(None) => WriterFileState::Damaged.into(),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound => WriterFileState::Missing.into(),
                // Something that is no file has its name.
                io::ErrorKind::InvalidInput => WriterFileState::Damaged.into(),
                _ => WriterFileState::Unreadable.into(),
            },
        }
    }

    /// Returns the sequence after the log's last record, if its last writer closed it.
    ///
    /// ```
    /// # use ringlog::storage::{LogWriter, WriterFile};
    /// # let folder = tempfile::tempdir()?;
    /// LogWriter::open(folder.path())?.close()?;
    /// assert_eq!(WriterFile::of(folder.path()).end_sequence(), Some(0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn end_sequence(&self) -> Option<u64> {
        self.end.map(|end| end.sequence)
    }

    /// Returns the log's position after its last record, if its last writer closed it.
    ///
    /// ```
    /// # use ringlog::storage::{LogWriter, WriterFile};
    /// # let folder = tempfile::tempdir()?;
    /// LogWriter::open(folder.path())?.close()?;
    /// assert_eq!(WriterFile::of(folder.path()).end_position(), Some(0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn end_position(&self) -> Option<u64> {
        self.end.map(|end| end.position)
    }

    /// Returns whether the file is damaged: a loss that only it had noted is then unknown.
    ///
    /// ```
    /// # use ringlog::storage::WriterFile;
    /// # let folder = tempfile::tempdir()?;
    /// std::fs::write(folder.path().join("writer"), "nonsense")?;
    /// assert!(WriterFile::of(folder.path()).is_damaged());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn is_damaged(&self) -> bool {
        matches!(self.state, WriterFileState::Damaged)
    }

    /// Compares the recorded end with where the files of the log end: the next sequence, and the position if it is
    /// known.
    ///
    /// The folder must be listed after this file was read: a log only grows.
    pub(crate) fn check_end(
        &self,
        folder: &Path,
        next_sequence: u64,
        position: Option<u64>,
    ) -> Result<(), MissingEnd> {
        let Some(end) = self.end else { return Ok(()) };
        let is_longer = end.is_passed_by(next_sequence) || end.is_elsewhere(next_sequence, position);
        // A writer may have opened the log since.
        if end.sequence > next_sequence || is_longer && Self::of(folder).end == Some(end) {
            return Err(MissingEnd::new(folder, next_sequence, end));
        }
        Ok(())
    }

    /// Returns the records that are missing before the log's first file, which begins at `base_sequence`, if no
    /// writer retired them.
    ///
    /// The folder must be listed after this file was read.
    #[doc(hidden)]
    pub fn missing_start(&self, first_file: &Path, base_sequence: u64) -> Option<MissingRecords> {
        let missing = MissingRecords::between(self.first_sequence?, base_sequence, first_file)?;
        // A writer with a retention may have opened the log since.
        let is_unchanged = Self::of(folder_of(first_file)).first_sequence == self.first_sequence;
        is_unchanged.then_some(missing)
    }

    /// Returns whether the log was closed before the record `sequence`, so that no file of it begins there.
    pub(crate) fn ends_by(&self, sequence: u64) -> bool {
        self.end.is_some_and(|end| end.sequence <= sequence)
    }
}

impl From<WriterFileState> for WriterFile {
    fn from(state: WriterFileState) -> Self {
        Self { state, ..Self::default() }
    }
}

impl From<&WriterRecord> for WriterFile {
    fn from(record: &WriterRecord) -> Self {
        if record.is_damaged || record.is_blank() {
            return WriterFileState::Damaged.into();
        }
        let WriterRecord { log_identity: identity, first_sequence, is_never_synced, end, .. } = *record;
        Self { state: WriterFileState::Good, identity, first_sequence, is_never_synced, end }
    }
}

/// Records that should be before a segment and are missing.
///
/// ```
/// use ringlog::{event::EventHeader, storage::LogWriter};
/// # let folder = tempfile::tempdir()?;
///
/// for time in 0..2 {
///     let mut writer = LogWriter::open(folder.path())?;
///     writer.write_event(&EventHeader::new(time, 7, 5), b"hello")?;
///     writer.close()?;
/// }
/// std::fs::remove_file(folder.path().join("00000000000000000000.evtl"))?;
///
/// let writer = LogWriter::open(folder.path())?;
/// let missing = &writer.recovery().missing[0];
/// assert_eq!((missing.first_sequence, missing.next_sequence), (0, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct MissingRecords {
    /// The segment after them.
    pub before: PathBuf,
    /// The first of them.
    pub first_sequence: u64,
    /// The first one after them that was found.
    pub next_sequence: u64,
}

impl MissingRecords {
    /// Returns those from `expected` on, if the segment `before` begins later, at `found`.
    pub(crate) fn between(expected: u64, found: u64, before: &Path) -> Option<Self> {
        (expected < found).then(|| Self {
            before: before.into(),
            first_sequence: expected,
            next_sequence: found,
        })
    }
}

impl fmt::Display for MissingRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { before, first_sequence, next_sequence } = self;
        let (before, absent) = (before.display(), segment_name(*first_sequence));
        let records = Counted(next_sequence.saturating_sub(*first_sequence), "record");
        write!(
            f,
            "{before}: before this segment {records} from {first_sequence} on cannot be found: {absent} is not there or not whole"
        )
    }
}
