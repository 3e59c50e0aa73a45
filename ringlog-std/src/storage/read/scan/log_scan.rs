//! Reads a whole log, a folder or a file, that others may change.

#![forbid(unsafe_code)]

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::event::{Event, FileHeader};
use crate::parallel::{default_jobs, map_in_order};
use crate::storage::error::{OpenError, ReadError};
use crate::storage::folder::ending::WriterFile;
use crate::storage::folder::listing::{Listed, LogList};
use crate::storage::read::needle::Needle;
use crate::storage::read::scan::search_progress::HitsAhead;
use crate::storage::read::scan::segment_scan::FileScan;
use crate::storage::schemas::list::SchemaList;
use crate::storage::segment::file::SegmentInfo;

/// How often opening is tried while the first segment is retired each time.
const OPENINGS: usize = 100;

/// Reads the records of a log, a folder or a single file, and verifies their checksums.
///
/// An unsealed file is read up to the `write_offset` that its header had when it was opened.
///
/// ```
/// use ringlog::event::EventHeader;
/// use ringlog::storage::{LogScan, LogWriter};
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path().join("log");
/// let mut writer = LogWriter::open(&folder)?;
/// writer.write_event(&EventHeader::new(1, 2, 3), b"abc")?;
/// writer.close()?;
///
/// let mut scan = LogScan::open(&folder)?;
/// let event = scan.next_event()?.unwrap();
/// assert_eq!((event.sequence, event.payload), (0, &b"abc"[..]));
/// assert!(scan.next_event()?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LogScan {
    pub(crate) path: PathBuf,
    writer: WriterFile,
    files: Vec<Listed>,
    foreign: Vec<PathBuf>,
    headers: OnceLock<Headers>,
    /// Index of the file that is being read.
    at: usize,
    pub(crate) current: FileScan,
    hits: HitsAhead,
}

/// What opening each file of a log showed.
#[derive(Debug)]
struct Headers {
    usable: Vec<SegmentInfo>,
    unusable: Vec<OpenError>,
}

impl LogScan {
    /// Opens a log: the folder with its segments, or a single file.
    ///
    /// Opens the first segment. A later one that cannot be used is an error when the scan reaches it.
    ///
    /// ```
    /// use ringlog::storage::{LogScan, OpenError};
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// assert!(LogScan::open(path)?.next_event()?.is_some());
    /// assert!(matches!(LogScan::open(folder), Err(OpenError::NoSegments { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`OpenError`] if the first segment cannot be used, or a folder holds none.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        for _ in 1..OPENINGS {
            match Self::open_once(path) {
                Err(error) if error.is_not_found() && path.is_dir() => {}
                other => return other,
            }
        }
        Self::open_once(path)
    }

    fn open_once(path: &Path) -> Result<Self, OpenError> {
        let LogList { segments: files, foreign, writer } = LogList::of(path)?;
        let next_position = base_position_of(files.get(1))?;
        let Some(current) = open_at(&files, 0, next_position)? else {
            return Err(OpenError::no_segments(path, &foreign));
        };
        Ok(Self {
            path: path.into(),
            writer,
            files,
            foreign,
            headers: OnceLock::new(),
            at: 0,
            current,
            hits: HitsAhead::default(),
        })
    }

    /// Returns the usable segments, in order, of those that the log had when it was opened.
    ///
    /// The first call of this or of [`unusable`](Self::unusable) opens each of them; a scan needs only those that it
    /// reads. One that was retired meanwhile is in neither list.
    ///
    /// ```
    /// use ringlog::storage::LogScan;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let scan = LogScan::open(path)?;
    /// assert_eq!(scan.segments()[0].header.base_sequence, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn segments(&self) -> &[SegmentInfo] {
        &self.headers().usable
    }

    fn headers(&self) -> &Headers {
        self.headers.get_or_init(|| {
            let (mut usable, mut unusable) = (Vec::new(), Vec::new());
            for opened in Listed::open_all(&self.files) {
                match opened {
                    Ok(segment) => usable.push(segment),
                    Err(error) if error.is_not_found() => {}
                    Err(error) => unusable.push(error),
                }
            }
            Headers { usable, unusable }
        })
    }

    /// Returns the path of the first file, and its base sequence if its name has that.
    #[doc(hidden)]
    pub fn first_file(&self) -> Option<(&Path, u64)> {
        let first = self.files.first()?;
        Some((&first.path, first.named_sequence?))
    }

    /// Returns what is wrong with the segments that cannot be used.
    ///
    /// ```
    /// # use ringlog::event::EventHeader;
    /// use ringlog::storage::{LogScan, LogWriter, OpenError};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// # for number in 0..2 {
    /// #     let mut writer = LogWriter::open(folder)?;
    /// #     writer.write_event(&EventHeader::new(number, 0, 0), b"")?;
    /// #     writer.close()?;
    /// # }
    /// // The header of the second segment is lost.
    /// std::fs::write(folder.join("00000000000000000001.evtl"), [0; 100])?;
    /// let scan = LogScan::open(folder)?;
    /// assert!(matches!(scan.unusable(), [OpenError::Header { .. }]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn unusable(&self) -> &[OpenError] {
        &self.headers().unusable
    }

    /// Returns the other files in the folder. They are no part of the log; the `writer` file is not listed.
    ///
    /// ```
    /// # use ringlog::event::EventHeader;
    /// use ringlog::storage::{LogScan, LogWriter};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// # let mut writer = LogWriter::open(folder)?;
    /// # for number in 0..3 {
    /// #     writer.write_event(&EventHeader::new(number, 0, 0), b"")?;
    /// # }
    /// # writer.close()?;
    /// std::fs::write(folder.join("notes.txt"), "not a segment")?;
    /// assert!(LogScan::open(folder)?.foreign()[0].ends_with("notes.txt"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn foreign(&self) -> &[PathBuf] {
        &self.foreign
    }

    /// Returns the content of the log's `writer` file, as it was when the log was opened.
    ///
    /// ```
    /// # use ringlog::event::EventHeader;
    /// use ringlog::storage::{LogScan, LogWriter};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// # let mut writer = LogWriter::open(folder)?;
    /// # for number in 0..3 {
    /// #     writer.write_event(&EventHeader::new(number, 0, 0), b"")?;
    /// # }
    /// # writer.close()?;
    /// let scan = LogScan::open(folder)?;
    /// assert_eq!(scan.writer_file().end_sequence(), Some(3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn writer_file(&self) -> &WriterFile {
        &self.writer
    }

    /// Returns the header of the segment that is being read.
    ///
    /// ```
    /// # use ringlog::event::ClockKind;
    /// use ringlog::storage::LogScan;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let scan = LogScan::open(path)?;
    /// assert_eq!(scan.header().clock(), ClockKind::UnixNanos);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn header(&self) -> &FileHeader {
        self.current.header()
    }

    /// Returns the path, header and length of the file that is being read.
    ///
    /// ```
    /// use ringlog::storage::LogScan;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let scan = LogScan::open(path)?;
    /// assert!(scan.segment().path.ends_with("format.evtl"));
    /// assert_eq!(scan.segment().file_bytes, std::fs::metadata(path)?.len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn segment(&self) -> &SegmentInfo {
        self.current.info()
    }

    /// Returns the offset in bytes where the next record starts in its file, or where the last readable one ends.
    ///
    /// ```
    /// use ringlog::storage::LogScan;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let mut scan = LogScan::open(path)?;
    /// assert_eq!(scan.offset(), 64, "after the header");
    /// scan.next_event()?;
    /// assert_eq!(scan.offset(), 88, "after a record of 24 bytes");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.current.offset()
    }

    /// Returns the position of the next record in the log, in bytes.
    ///
    /// ```
    /// use ringlog::storage::LogScan;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let mut scan = LogScan::open(path)?;
    /// let start = scan.position();
    /// scan.next_event()?;
    /// assert_eq!(scan.position() - start, 24);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn position(&self) -> u64 {
        self.current.position()
    }

    /// Returns the sequence of the next record.
    ///
    /// ```
    /// use ringlog::storage::LogScan;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let mut scan = LogScan::open(path)?;
    /// scan.next_event()?;
    /// assert_eq!(scan.next_sequence(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.current.next_sequence()
    }

    /// Returns what the segment that is read says of its events.
    ///
    /// ```
    /// use ringlog::storage::{LogScan, LogWriter};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// #[ringlog::event(type = 1)]
    /// struct Tick {
    ///     number: u64,
    /// }
    /// ringlog::events!(Ticks: Tick);
    ///
    /// let mut writer = LogWriter::options().events::<Ticks>().open(folder.path())?;
    /// writer.write(1_000, &Tick { number: 7 })?;
    /// writer.close()?;
    /// assert_eq!(LogScan::open(folder.path())?.schemas()?.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the start of the segment cannot be read.
    pub fn schemas(&mut self) -> Result<SchemaList, ReadError> {
        self.current.pass_meta()?;
        Ok(self.current.schemas().map(|schemas| schemas.list().clone()).unwrap_or_default())
    }

    /// Goes to the start of the segment that holds the record `sequence`, or would hold it.
    ///
    /// The records before it in that segment come first. [`seek_record`](Self::seek_record) goes straight to
    /// the record.
    ///
    /// ```
    /// # use ringlog::event::EventHeader;
    /// use ringlog::storage::{LogScan, LogWriter};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// # for number in 0..2 {
    /// #     let mut writer = LogWriter::open(folder)?;
    /// #     writer.write_event(&EventHeader::new(number, 0, 0), b"")?;
    /// #     writer.close()?;
    /// # }
    /// let mut scan = LogScan::open(folder)?;
    /// scan.seek(1)?;
    /// assert_eq!(scan.next_event()?.unwrap().sequence, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`OpenError`] for that segment; the scan stays where it was.
    pub fn seek(&mut self, sequence: u64) -> Result<(), OpenError> {
        let begins_by_then = |file: &Listed| file.named_sequence.is_none_or(|first| first <= sequence);
        let at = self.files.iter().rposition(begins_by_then).unwrap_or(0);
        if let Some(scan) = self.open_segment(at)? {
            self.at = at;
            self.current = scan;
        }
        Ok(())
    }

    fn open_segment(&self, at: usize) -> Result<Option<FileScan>, OpenError> {
        // If only the next one is gone, no retention took it: that is an error once the scan reaches it.
        let next_position = base_position_of(self.files.get(at + 1)).unwrap_or(None);
        open_at(&self.files, at, next_position)
    }

    /// Returns the next record, checked; `None` at the end of the log.
    ///
    /// ```
    /// # use ringlog::event::EventHeader;
    /// use ringlog::storage::{LogScan, LogWriter, ReadError};
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
    /// let mut scan = LogScan::open(&folder)?;
    /// assert_eq!(scan.next_event()?.unwrap().sequence, 0);
    /// // The second record is damaged.
    /// match scan.next_event() {
    ///     Err(ReadError::Record { path, source }) => assert_eq!((path, source.offset), (segment, 88)),
    ///     other => panic!("{other:?}"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ReadError`] names the file, the offset and what is wrong there: damage, a file that was cut short meanwhile,
    /// a sealed file whose header has another number of records, I/O. [`ReadError::Discontinuity`] for a segment
    /// that does not continue its predecessor; [`ReadError::MissingEnd`] for a closed log that had more. Calling
    /// again gives the same error.
    #[inline]
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, ReadError> {
        Ok(if self.advance()? { self.found_event() } else { None })
    }

    /// Searches this file and the next ones, as many at a time as there are processors, unless that was done before.
    ///
    /// The needle must be that of the calls before.
    pub(crate) fn search_ahead(&mut self, needle: &Needle) {
        let HitsAhead { first, files } = &self.hits;
        if !(*first..first + files.len()).contains(&self.at) {
            let jobs = default_jobs();
            let count = if jobs.get() > 1 { 2 * jobs.get() } else { 0 };
            let paths: Vec<&Path> =
                self.files.iter().skip(self.at).take(count).map(|file| &*file.path).collect();
            let mut files = map_in_order(paths, jobs, |path| FileScan::hits_of(path, needle));
            if files.is_empty() {
                files.push(None);
            }
            self.hits = HitsAhead { first: self.at, files };
        }
        let found = self.hits.files.get_mut(self.at - self.hits.first).and_then(Option::take);
        if let Some(found) = found {
            self.current.take_hits(found);
        }
    }

    pub(crate) fn enter_next(&mut self) -> Result<bool, ReadError> {
        let expected = self.current.next_sequence();
        let opened = self.open_segment(self.at + 1);
        let Some(next) = opened.map_err(|error| self.explained(error))? else {
            let position = self.current.end_position();
            self.writer.check_end(&self.path, expected, position).map_err(ReadError::MissingEnd)?;
            return Ok(false);
        };
        let found = next.header().base_sequence;
        if found != expected {
            return Err(ReadError::Discontinuity { path: next.info().path.clone(), expected, found });
        }
        self.at += 1;
        self.current = next;
        Ok(true)
    }
}

/// Returns the position at which a file begins; `None` if there is no such file, or if it cannot be used. A file that
/// is gone is an error.
///
/// To be called before its predecessor is opened. Retention takes the oldest first, so if it took this file, then the
/// predecessor cannot be opened.
pub(crate) fn base_position_of(file: Option<&Listed>) -> Result<Option<u64>, OpenError> {
    match file.map(Listed::open) {
        Some(Ok(info)) => Ok(Some(info.header.base_position)),
        Some(Err(error)) if error.is_not_found() => Err(error),
        Some(Err(_)) | None => Ok(None),
    }
}

/// Opens one of the files, up to where the next one continues.
pub(crate) fn open_at(
    files: &[Listed],
    at: usize,
    next_position: Option<u64>,
) -> Result<Option<FileScan>, OpenError> {
    let Some(file) = files.get(at) else { return Ok(None) };
    // A writer may hold the last one.
    let is_last = at + 1 == files.len();
    let opened =
        if is_last { FileScan::open_last(&file.path)? } else { FileScan::open_finished(&file.path)? };
    let Some(mut scan) = opened else {
        let (path, source) = (file.path.clone(), io::ErrorKind::NotFound.into());
        return Err(OpenError::Io { path, action: "open", source });
    };
    file.named_sequence.map_or(Ok(()), |named_sequence| scan.check_name(named_sequence))?;
    if let Some(next_position) = next_position {
        scan.end_at_position(next_position);
    }
    Ok(Some(scan))
}
