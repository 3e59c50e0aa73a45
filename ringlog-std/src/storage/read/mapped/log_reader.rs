//! Reads a whole log, a folder or a file, through mappings.

#![forbid(unsafe_code)]

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::storage::error::{OpenError, ReadError};
use crate::storage::folder::ending::WriterFile;
use crate::storage::folder::listing::LogFiles;
use crate::storage::read::decode::segment_index::{Index, IndexPoint};
use crate::storage::read::follow::follower::LogFollower;
use crate::storage::read::mapped::segment_reader::MmapReader;
use crate::storage::read::scan::watermarks::{LogWatermarks, end_position};
#[cfg(test)]
use crate::storage::read::seek::log_index::SeekStatistics;
use crate::storage::read::seek::log_index::{LogIndex, ReadAhead};
use crate::storage::schemas::list::SchemaList;
use crate::storage::segment::file::SegmentInfo;

/// How often opening is tried while the last segment is retired each time.
const OPENINGS: usize = 100;

/// Reads the events of a log across its segments. Maps each when it is first needed.
///
/// It shows the segments that the log had when it was opened; [`follow`](Self::follow) continues from there. As
/// with [`MmapReader`], only a ringlog writer may change them meanwhile. For files that others may change, use
/// [`LogScan`](crate::storage::read::scan::log_scan::LogScan). The time to open grows with the number of
/// segments, not of events.
///
/// A segment is held from when it is first read, so it stays readable if retention deletes it. One that was
/// deleted before is [`ReadError::Overtaken`]: open the log again and continue at the sequence that the error
/// names.
///
/// ```
/// use ringlog::event::EventHeader;
/// use ringlog::storage::{LogReader, LogWriter};
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path().join("log");
/// for run in 0..3 {
///     let mut writer = LogWriter::open(&folder)?;
///     writer.write_event(&EventHeader::new(run, 0, 3), b"abc")?;
///     writer.close()?;
/// }
///
/// let reader = LogReader::open(&folder)?;
/// assert_eq!((reader.len(), reader.segments().len()), (3, 3));
/// let last = reader.events_from(2).next().unwrap()?;
/// assert_eq!((last.sequence, last.header.timestamp), (2, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LogReader {
    path: PathBuf,
    files: LogFiles,
    pub(crate) index: LogIndex,
    /// One for each segment. The last one is mapped from the start.
    readers: Vec<OnceLock<MmapReader>>,
    verify: bool,
}

/// Which record is wanted first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FirstWanted {
    /// The smallest sequence.
    pub(crate) sequence: u64,
    /// The earliest timestamp.
    pub(crate) since: u64,
}

impl LogReader {
    /// Opens a log: the folder with its segments, or a single file.
    ///
    /// ```
    /// use ringlog::storage::{LogReader, OpenError};
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// assert_eq!(LogReader::open(path)?.len(), 4);
    /// assert!(matches!(LogReader::open(folder), Err(OpenError::NoSegments { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`OpenError`] for the first segment that cannot be used, or a folder that holds none.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_at(path.as_ref(), true)
    }

    /// Opens a log and verifies no checksums as records are read.
    ///
    /// For records that [`verify_log`](crate::storage::verify_log) or an earlier replay has checked: it is faster.
    ///
    /// ```
    /// use ringlog::storage::LogReader;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let reader = LogReader::open_unverified(path)?;
    /// assert_eq!(reader.events().count(), 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_unverified(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_at(path.as_ref(), false)
    }

    /// Opens a log. Tries again where the last segment was retired before it was mapped.
    fn open_at(path: &Path, verify: bool) -> Result<Self, OpenError> {
        for _ in 0..OPENINGS {
            let files = LogFiles::open(path)?;
            let index = LogIndex::of_opened(path, &files.segments);
            let readers = files.segments.iter().map(|_| OnceLock::new()).collect();
            let opened = Self { path: path.into(), files, index, readers, verify };
            let last = opened.segments().len().saturating_sub(1);
            match opened.reader(last) {
                Ok(_) => return Ok(opened),
                Err(ReadError::Segment(error)) => return Err(*error),
                Err(_) => {}
            }
        }
        let source = io::ErrorKind::NotFound.into();
        Err(OpenError::Io { path: path.into(), action: "open the last segment of", source })
    }

    /// Follows the log from after the last record that this reader shows.
    ///
    /// ```
    /// # use ringlog::event::EventHeader;
    /// use ringlog::storage::{LogReader, LogWriter};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// # let mut writer = LogWriter::open(folder)?;
    /// # for number in 0..3 {
    /// #     writer.write_event(&EventHeader::new(number, 0, 0), b"")?;
    /// # }
    /// let mut follower = LogReader::open(folder)?.follow()?;
    /// writer.write_event(&EventHeader::new(9, 0, 0), b"")?;
    /// assert_eq!(follower.next_event()?.unwrap().sequence, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`LogFollower::open_at`].
    pub fn follow(&self) -> Result<LogFollower, OpenError> {
        LogFollower::open_at(&self.path, self.next_sequence())
    }

    /// Returns the number of records in the log, GAP records included.
    ///
    /// ```
    /// use ringlog::storage::LogReader;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// assert_eq!(LogReader::open(path)?.len(), 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn len(&self) -> u64 {
        self.next_sequence().saturating_sub(self.first_sequence())
    }

    /// Returns whether the log has no record.
    ///
    /// ```
    /// use ringlog::storage::LogReader;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// assert!(!LogReader::open(path)?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the sequence of the first record; more than 0 where old segments were deleted.
    ///
    /// ```
    /// use ringlog::storage::LogReader;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// assert_eq!(LogReader::open(path)?.first_sequence(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn first_sequence(&self) -> u64 {
        self.index.first_sequence()
    }

    /// Returns the sequence after the last record that was published when the log was opened.
    ///
    /// Counts the records of the last segment if that is not sealed.
    ///
    /// ```
    /// use ringlog::storage::LogReader;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// assert_eq!(LogReader::open(path)?.next_sequence(), 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        let last = self.readers.last().and_then(OnceLock::get);
        last.map_or(0, |last| last.header().base_sequence + last.len())
    }

    /// Reads how far the log is published and durable now.
    ///
    /// ```
    /// # use ringlog::event::EventHeader;
    /// use ringlog::storage::{LogReader, LogWriter};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// # let mut writer = LogWriter::open(folder)?;
    /// # for number in 0..3 {
    /// #     writer.write_event(&EventHeader::new(number, 0, 0), b"")?;
    /// # }
    /// let reader = LogReader::open(folder)?;
    /// assert_eq!(reader.positions()?.published, 48);
    /// writer.sync()?;
    /// assert_eq!(reader.positions()?.durable, 48);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`LogWatermarks::of`].
    pub fn positions(&self) -> Result<LogWatermarks, ReadError> {
        LogWatermarks::of(&self.path)
    }

    /// Returns what the log says of its events at its end: the descriptions in force in its last segment that has a record.
    ///
    /// A log that is written for long may have described them otherwise before. The events know what was in force for
    /// them: see [`Event::layouts`](crate::event::Event::layouts).
    ///
    /// ```
    /// # use ringlog::storage::{LogReader, LogWriter};
    /// # let folder = tempfile::tempdir()?;
    /// # use ringlog::event::EventHeader;
    /// let mut writer = LogWriter::open(folder.path())?;
    /// writer.write_event(&EventHeader::new(1, 7, 0), b"")?;
    /// writer.close()?;
    /// assert!(LogReader::open(folder.path())?.schemas()?.is_empty(), "it does not describe its events");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ReadError`] if a segment cannot be opened.
    pub fn schemas(&self) -> Result<SchemaList, ReadError> {
        for at in (0..self.readers.len()).rev() {
            if let Some(reader) = self.reader(at)?.filter(|reader| !reader.is_empty()) {
                return Ok(reader.schemas().map(|schemas| schemas.list().clone()).unwrap_or_default());
            }
        }
        Ok(SchemaList::new())
    }

    /// Returns what finding records has read so far.
    #[cfg(test)]
    pub(crate) fn seek_statistics(&self) -> SeekStatistics {
        self.index.statistics()
    }

    /// Returns the segments, in order, as they were when the log was opened. There is at least one.
    ///
    /// ```
    /// use ringlog::storage::LogReader;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let reader = LogReader::open(path)?;
    /// assert_eq!(reader.segments()[0].header.base_sequence, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn segments(&self) -> &[SegmentInfo] {
        &self.files.segments
    }

    /// Returns the files in the folder that are not ringlog's. They are no part of the log.
    ///
    /// ```
    /// # use ringlog::event::EventHeader;
    /// use ringlog::storage::{LogReader, LogWriter};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// # let mut writer = LogWriter::open(folder)?;
    /// # for number in 0..3 {
    /// #     writer.write_event(&EventHeader::new(number, 0, 0), b"")?;
    /// # }
    /// # writer.close()?;
    /// std::fs::write(folder.join("notes.txt"), "not a segment")?;
    /// let reader = LogReader::open(folder)?;
    /// assert!(reader.foreign()[0].ends_with("notes.txt"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn foreign(&self) -> &[PathBuf] {
        &self.files.foreign
    }

    /// Returns the content of the log's `writer` file when the log was opened: its identity, and where it was
    /// closed.
    ///
    /// ```
    /// # use ringlog::event::EventHeader;
    /// use ringlog::storage::{LogReader, LogWriter};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// # let mut writer = LogWriter::open(folder)?;
    /// # for number in 0..3 {
    /// #     writer.write_event(&EventHeader::new(number, 0, 0), b"")?;
    /// # }
    /// # writer.close()?;
    /// let reader = LogReader::open(folder)?;
    /// assert_eq!(reader.writer_file().end_sequence(), Some(3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn writer_file(&self) -> &WriterFile {
        &self.files.writer
    }

    /// Checks that a closed log has all its records up to the recorded end.
    pub(crate) fn check_end(&self) -> Result<(), ReadError> {
        let (writer, next_sequence) = (self.writer_file(), self.next_sequence());
        let position = match self.files.segments.last() {
            Some(last) if writer.end.is_some_and(|end| end.sequence == next_sequence) => end_position(last)?,
            _ => None,
        };
        writer.check_end(&self.path, next_sequence, position).map_err(ReadError::MissingEnd)
    }

    /// Returns the reader of a segment. Maps it now if it was not mapped yet.
    pub(crate) fn reader(&self, at: usize) -> Result<Option<&MmapReader>, ReadError> {
        let Some(slot) = self.readers.get(at) else { return Ok(None) };
        if slot.get().is_none() {
            // If another thread was faster, its mapping is as good.
            let _ = slot.set(self.map(at)?);
        }
        Ok(slot.get())
    }

    /// Returns the reader of a segment if that is mapped.
    pub(crate) fn mapped(&self, at: usize) -> Option<&MmapReader> {
        self.readers.get(at).and_then(OnceLock::get)
    }

    /// Maps a segment.
    pub(crate) fn map(&self, at: usize) -> Result<MmapReader, ReadError> {
        let Some(segment) = self.segments().get(at) else { return Err(self.index.retired(at)) };
        let mut reader = match MmapReader::open_at(&segment.path, self.verify) {
            Err(OpenError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Err(self.index.retired(at));
            }
            other => other.map_err(Box::new)?,
        };
        // Only the last segment may have a writer, which holds it.
        let is_last = at + 1 == self.readers.len();
        let is_there = is_last || reader.hold_finished().map_err(Box::new)?;
        // Another file may have that name by now.
        if !is_there || reader.header().salt() != segment.header.salt() {
            return Err(self.index.retired(at));
        }
        Ok(reader)
    }

    /// Returns the index of a segment. For one that may grow, that of what its mapping shows.
    fn index_of<'a>(&'a self, at: usize, reader: &'a MmapReader) -> Result<&'a Index, ReadError> {
        if reader.is_sealed() { self.index.index(at) } else { Ok(reader.index()) }
    }

    /// Returns the first segment from `at` on that may hold a record of this time or later.
    pub(crate) fn segment_since(&self, at: usize, since: u64) -> Result<Option<usize>, ReadError> {
        let mut ahead = ReadAhead::default();
        for at in at..self.readers.len() {
            self.index.read_ahead(at, &mut ahead);
            let max = match self.readers.get(at).and_then(OnceLock::get) {
                Some(reader) if !reader.is_sealed() => reader.index().latest(),
                _ => self.index.max_timestamp(at)?,
            };
            if max.is_some_and(|max| max >= since) {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// Returns the place of the first wanted record in a segment, or the segment's end.
    pub(crate) fn place_of(
        &self,
        at: usize,
        reader: &MmapReader,
        start: FirstWanted,
    ) -> Result<IndexPoint, ReadError> {
        let base_sequence = reader.header().base_sequence;
        if start.sequence <= base_sequence && start.since == 0 {
            return Ok(IndexPoint::FIRST);
        }
        let number = start.sequence.saturating_sub(base_sequence);
        let index = self.index_of(at, reader)?;
        let from = index.start_of(number, start.since);
        let (place, walked) = reader.walk(from, |at, header| at >= number && header.timestamp >= start.since);
        self.index.count_records(walked);
        Ok(place)
    }
}
