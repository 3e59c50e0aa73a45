//! Reading a whole log, a folder or a file, through mappings.

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
use crate::storage::read::seek::log_index::{LogIndex, SeekStatistics};
use crate::storage::segment::file::SegmentInfo;

/// How often a log is opened whose last segment is retired at once.
const OPENINGS: usize = 100;

/// Reads the events of a log across its segments, each mapped when it is first needed.
///
/// It shows the segments that there were when it was opened; [`follow`](Self::follow) goes on from there. As
/// with [`MmapReader`], nobody but a ringlog writer may change them meanwhile; for files of others take
/// [`LogScan`](crate::storage::read::scan::log_scan::LogScan). Opening costs by segments, not by events.
///
/// A segment is held from when it is first read: retention may delete it, and it is still read. One that was
/// deleted before is [`ReadError::Overtaken`]; open the log again and go on at the sequence that this names.
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
    pub(crate) index: LogIndex,
    /// One for each segment; the last one is mapped from the start.
    readers: Vec<OnceLock<MmapReader>>,
    verify: bool,
}

/// How a [`LogReader`] is to read: see [`LogReader::options`].
#[derive(Clone, Debug)]
pub struct LogReaderOptions {
    verify: bool,
}

/// What the first record has to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FirstWanted {
    /// Not before this one.
    pub(crate) sequence: u64,
    /// Of this time or later.
    pub(crate) since: u64,
}

impl LogReaderOptions {
    /// Whether checksums are verified as records are read. The default is yes.
    #[must_use]
    pub const fn verify(mut self, verify: bool) -> Self {
        self.verify = verify;
        self
    }

    /// Opens a log: see [`LogReader::open`].
    ///
    /// # Errors
    ///
    /// As [`LogReader::open`].
    pub fn open(&self, path: impl AsRef<Path>) -> Result<LogReader, OpenError> {
        LogReader::open_at(path.as_ref(), self.verify)
    }
}

impl LogReader {
    /// Opens a log: the folder with its segments, or a single file.
    ///
    /// # Errors
    ///
    /// [`OpenError`] for the first segment that cannot be used, or a folder that holds none.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::options().open(path)
    }

    /// Options to choose before opening a log.
    #[must_use]
    pub const fn options() -> LogReaderOptions {
        LogReaderOptions { verify: true }
    }

    /// Opens again where retention was faster than the mapping of the last segment.
    fn open_at(path: &Path, verify: bool) -> Result<Self, OpenError> {
        for _ in 0..OPENINGS {
            let index = LogIndex::of(path, LogFiles::open(path)?);
            let readers = index.segments().iter().map(|_| OnceLock::new()).collect();
            let opened = Self { path: path.into(), index, readers, verify };
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

    /// Goes on behind the last record that this reader shows, with what is written from now on.
    ///
    /// # Errors
    ///
    /// As [`LogFollower::open_at`].
    pub fn follow(&self) -> Result<LogFollower, OpenError> {
        LogFollower::open_at(&self.path, self.next_sequence())
    }

    /// Records in the log, GAP records included.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.next_sequence().saturating_sub(self.first_sequence())
    }

    /// Whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sequence of the first record: not 0 where old segments were deleted.
    #[must_use]
    pub fn first_sequence(&self) -> u64 {
        self.index.first_sequence()
    }

    /// The sequence behind the last record that was published when the log was opened.
    ///
    /// Counts the records of the last segment if that is not sealed.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        let last = self.readers.last().and_then(OnceLock::get);
        last.map_or(0, |last| last.header().base_sequence + last.len())
    }

    /// What is published and what is durable now, as the headers say.
    ///
    /// # Errors
    ///
    /// As [`LogWatermarks::of`].
    pub fn positions(&self) -> Result<LogWatermarks, ReadError> {
        LogWatermarks::of(&self.path)
    }

    /// The position behind the last record that is published now: see [`LogWatermarks`].
    ///
    /// # Errors
    ///
    /// As [`LogWatermarks::of`].
    pub fn published_position(&self) -> Result<u64, ReadError> {
        Ok(self.positions()?.published)
    }

    /// The position below which all records are on stable storage now: see [`LogWatermarks`].
    ///
    /// # Errors
    ///
    /// As [`LogWatermarks::of`].
    pub fn durable_position(&self) -> Result<u64, ReadError> {
        Ok(self.positions()?.durable)
    }

    /// What finding records has cost this reader so far.
    #[must_use]
    pub fn seek_statistics(&self) -> SeekStatistics {
        self.index.statistics()
    }

    /// The segments, in order, as they were when the log was opened. At least one.
    #[must_use]
    pub fn segments(&self) -> &[SegmentInfo] {
        self.index.segments()
    }

    /// What else is in the folder, apart from what ringlog puts there: it is no part of the log.
    #[must_use]
    pub fn foreign(&self) -> &[PathBuf] {
        &self.index.files.foreign
    }

    /// What the log's `writer` file said of the log when it was opened: the identity, and where the log was closed.
    #[must_use]
    pub const fn writer_file(&self) -> &WriterFile {
        &self.index.files.writer
    }

    /// Checks that a closed log has all its records up to the recorded end.
    pub(crate) fn check_end(&self) -> Result<(), ReadError> {
        let (writer, next_sequence) = (self.writer_file(), self.next_sequence());
        let position = match self.index.segments().last() {
            Some(last) if writer.end.is_some_and(|end| end.sequence == next_sequence) => end_position(last)?,
            _ => None,
        };
        writer.check_end(&self.path, next_sequence, position).map_err(ReadError::MissingEnd)
    }

    /// The reader of one of the segments, mapped now if it was not yet.
    pub(crate) fn reader(&self, at: usize) -> Result<Option<&MmapReader>, ReadError> {
        let Some(slot) = self.readers.get(at) else { return Ok(None) };
        if slot.get().is_none() {
            // If another thread was faster, its mapping is as good.
            let _ = slot.set(self.map(at)?);
        }
        Ok(slot.get())
    }

    /// The reader of one of the segments if that is mapped.
    pub(crate) fn mapped(&self, at: usize) -> Option<&MmapReader> {
        self.readers.get(at).and_then(OnceLock::get)
    }

    /// Maps a segment.
    pub(crate) fn map(&self, at: usize) -> Result<MmapReader, ReadError> {
        let Some(segment) = self.segments().get(at) else { return Err(self.index.retired(at)) };
        let mut reader = match MmapReader::options().verify(self.verify).open(&segment.path) {
            Err(OpenError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Err(self.index.retired(at));
            }
            other => other.map_err(Box::new)?,
        };
        // Only the last one may have a writer, which holds it.
        let is_last = at + 1 == self.readers.len();
        let is_there = is_last || reader.hold_finished().map_err(Box::new)?;
        // Another file may have that name by now.
        if !is_there || reader.header().salt() != segment.header.salt() {
            return Err(self.index.retired(at));
        }
        Ok(reader)
    }

    /// The index of a segment: of one that may grow, what its mapping shows.
    fn index_of<'a>(&'a self, at: usize, reader: &'a MmapReader) -> Result<&'a Index, ReadError> {
        if reader.is_sealed() { self.index.index(at) } else { Ok(reader.index()) }
    }

    /// The first segment from `at` on that holds a record of this time or later.
    pub(crate) fn segment_since(&self, at: usize, since: u64) -> Result<Option<usize>, ReadError> {
        for at in at..self.readers.len() {
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

    /// Where in a segment the first record stands that is wanted, or its end.
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
        let by_number = index.start_of_number(number);
        let by_time = index.start_of_time(start.since).unwrap_or(index.end);
        let from = if by_number.offset > by_time.offset { by_number } else { by_time };
        let (place, walked) = reader.walk(from, |at, header| at >= number && header.timestamp >= start.since);
        self.index.count_records(walked);
        Ok(place)
    }
}
