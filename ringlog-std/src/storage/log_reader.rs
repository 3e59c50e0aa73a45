//! Reading a whole log, a folder or a file, through mappings.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::error::{OpenError, ReadError};
use super::position::Positions;
use super::reader::{Events, MmapReader};
use super::segment::SegmentInfo;
use super::segment_file::LogFiles;
use crate::event::Event;

/// Reads the events of a log across its segments, each mapped when it is first needed.
///
/// It shows the segments that there were when it was opened. As with [`MmapReader`], nobody but a ringlog
/// writer may change them meanwhile; for files of others take [`LogScan`](super::LogScan).
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
    files: LogFiles,
    /// One for each segment; the last one is mapped from the start.
    readers: Vec<OnceLock<MmapReader>>,
    next_sequence: u64,
    verify: bool,
}

/// How a [`LogReader`] is to read: see [`LogReader::options`].
#[derive(Clone, Debug)]
pub struct LogReaderOptions {
    verify: bool,
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

    fn open_at(path: &Path, verify: bool) -> Result<Self, OpenError> {
        let files = LogFiles::open(path)?;
        let readers = files.segments.iter().map(|_| OnceLock::new()).collect();
        let mut opened = Self { files, readers, next_sequence: 0, verify };
        let last = opened.files.segments.len().saturating_sub(1);
        if let Some(reader) = opened.reader(last)? {
            opened.next_sequence = reader.header().base_sequence.saturating_add(reader.len());
        }
        Ok(opened)
    }

    /// Calls `f` with every event, and returns how many there were.
    ///
    /// # Errors
    ///
    /// [`ReadError`] at the first record that cannot be read, after all before it were passed to `f`.
    pub fn replay(&self, mut f: impl FnMut(Event<'_>)) -> Result<u64, ReadError> {
        let mut count = 0;
        for event in self.events() {
            f(event?);
            count += 1;
        }
        Ok(count)
    }

    /// All events, in order. After an error the iterator ends.
    #[must_use]
    pub fn events(&self) -> LogEvents<'_> {
        self.events_from(0)
    }

    /// The events from `sequence` on, in order; all of them if the log starts later.
    #[must_use]
    pub fn events_from(&self, sequence: u64) -> LogEvents<'_> {
        let begins_by_then = |segment: &SegmentInfo| segment.header.base_sequence <= sequence;
        let at = self.files.segments.iter().rposition(begins_by_then).unwrap_or(0);
        LogEvents { log: self, at, start: sequence, next_sequence: None, current: None, is_done: false }
    }

    /// Records in the log, GAP records included.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.next_sequence.saturating_sub(self.first_sequence())
    }

    /// Whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sequence of the first record: not 0 where old segments were deleted.
    #[must_use]
    pub fn first_sequence(&self) -> u64 {
        self.files.segments.first().map_or(0, |segment| segment.header.base_sequence)
    }

    /// The sequence behind the last record that was published when the log was opened.
    #[must_use]
    pub const fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// The segments, in order, as they were when the log was opened. At least one.
    #[must_use]
    pub fn segments(&self) -> &[SegmentInfo] {
        &self.files.segments
    }

    /// What else is in the folder, apart from the writers' file: it is no part of the log.
    #[must_use]
    pub fn foreign(&self) -> &[PathBuf] {
        &self.files.foreign
    }

    /// The reader of one of the segments, mapped now if it was not yet.
    fn reader(&self, at: usize) -> Result<Option<&MmapReader>, OpenError> {
        let (Some(slot), Some(segment)) = (self.readers.get(at), self.files.segments.get(at)) else {
            return Ok(None);
        };
        if slot.get().is_none() {
            let reader = MmapReader::options().verify(self.verify).open(&segment.path)?;
            // If another thread was faster, its mapping is as good.
            let _ = slot.set(reader);
        }
        Ok(slot.get())
    }
}

impl<'a> IntoIterator for &'a LogReader {
    type Item = Result<Event<'a>, ReadError>;
    type IntoIter = LogEvents<'a>;

    fn into_iter(self) -> LogEvents<'a> {
        self.events()
    }
}

/// The events of a log: see [`LogReader::events`].
#[derive(Clone, Debug)]
pub struct LogEvents<'a> {
    log: &'a LogReader,
    /// The segment that is read, or the next one to enter while `current` is `None`.
    at: usize,
    /// Records before it are not asked for.
    start: u64,
    /// What the next record's sequence has to be, once one was read.
    next_sequence: Option<u64>,
    current: Option<Current<'a>>,
    is_done: bool,
}

/// The segment that is being read.
#[derive(Clone, Debug)]
struct Current<'a> {
    events: Events<'a>,
    positions: Positions,
    /// The next segment goes on from here.
    end_position: Option<u64>,
}

impl<'a> Current<'a> {
    /// The next record of the segment that belongs to the log.
    #[inline]
    fn next(&mut self) -> Option<Result<Event<'a>, ReadError>> {
        let event = match self.events.next()? {
            Ok(event) => event,
            Err(error) => return Some(Err(error)),
        };
        match (self.positions.next(&event), self.end_position) {
            (Some(position), Some(end_position)) if position >= end_position => None,
            _ => Some(Ok(event)),
        }
    }
}

impl<'a> Iterator for LogEvents<'a> {
    type Item = Result<Event<'a>, ReadError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.current.as_mut().and_then(Current::next) {
                Some(Ok(event)) => {
                    self.next_sequence = Some(event.sequence.wrapping_add(1));
                    return Some(Ok(event));
                }
                Some(Err(error)) => return Some(Err(self.end_with(error))),
                None => match self.enter() {
                    Ok(true) => {}
                    Ok(false) => return None,
                    Err(error) => return Some(Err(self.end_with(error))),
                },
            }
        }
    }
}

impl std::iter::FusedIterator for LogEvents<'_> {}

impl<'a> LogEvents<'a> {
    /// Goes to the next segment, or to the first one; `false` at the end.
    fn enter(&mut self) -> Result<bool, ReadError> {
        let log = self.log;
        self.current = None;
        if self.is_done {
            return Ok(false);
        }
        let Some(reader) = log.reader(self.at).map_err(Box::new)? else {
            self.is_done = true;
            return Ok(false);
        };
        let base_sequence = reader.header().base_sequence;
        if let Some(expected) = self.next_sequence.replace(base_sequence.max(self.start))
            && expected != base_sequence
        {
            let path = reader.path().into();
            return Err(ReadError::Discontinuity { path, expected, found: base_sequence });
        }
        self.at += 1;
        let end_position = log.files.segments.get(self.at).map(|next| next.header.base_position);
        self.current = Some(self.start_of(reader, end_position));
        Ok(true)
    }

    fn start_of(&self, reader: &'a MmapReader, end_position: Option<u64>) -> Current<'a> {
        let mut positions = Positions::of(reader.header());
        if self.start <= reader.header().base_sequence {
            return Current { events: reader.events(), positions, end_position };
        }
        // The lead stands at the very start, which is skipped.
        for event in reader.events().map_while(Result::ok) {
            if positions.next(&event).is_some() {
                break;
            }
        }
        Current { events: reader.events_from(self.start), positions, end_position }
    }

    fn end_with(&mut self, error: ReadError) -> ReadError {
        self.current = None;
        self.is_done = true;
        error
    }
}
