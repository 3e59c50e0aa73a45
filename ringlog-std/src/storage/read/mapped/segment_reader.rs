//! Reads one log file through a mapping.
#![forbid(unsafe_code)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{fmt, io};

use ringlog_nostd::EventHeader;
use ringlog_nostd::Gap;
use ringlog_nostd::format::{Checksums, FILE_HEADER_LEN, FileHeader, FileHeaderError, MetaTopic, file_flags};

use crate::os::files::try_hold;
use crate::os::mmap::ReadMap;
use crate::storage::error::{OpenError, ReadError};
use crate::storage::read::decode::bulk::{Demand, stream_ended};
use crate::storage::read::decode::segment_index::{Index, IndexPoint, walk};
use crate::storage::schemas::in_force::{SchemaCollector, SegmentSchemas};
use crate::storage::segment::file::open_regular;
use crate::storage::segment::header_count::believed_count;
use crate::storage::segment::share::{Hold, hold_finished, is_same_file};
use crate::storage::segment::spare::is_temporary;

const HEADER_LEN_BYTES: u64 = FILE_HEADER_LEN as u64;

/// How often opening is tried while the name is another file's by the time that the lock is held.
const OPENINGS: usize = 100;

/// Reads the events of one memory-mapped log file, finished or still being written.
///
/// It shows what was published when it was opened; [`refresh`](Self::refresh) adds what came since.
///
/// While it is open, only a ringlog writer may change the file, and nobody may cut it short: as with every
/// mapped file, the system kills a process that reads bytes which are gone.
///
/// ```
/// # use ringlog::event::EventHeader;
/// # use ringlog::storage::{MmapReader, MmapWriter};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("events.evtl");
/// let mut writer = MmapWriter::create(&path, 1 << 16)?;
/// let mut reader = MmapReader::open(&path)?;
/// assert!(reader.is_empty());
///
/// writer.write_event(&EventHeader::new(1, 2, 3), b"abc")?;
/// reader.refresh()?;
/// let first = reader.events().next().expect("one event")?;
/// assert_eq!((first.sequence, first.payload), (0, &b"abc"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MmapReader {
    pub(crate) map: ReadMap,
    pub(crate) header: FileHeader,
    pub(crate) demand: Demand,
    pub(crate) index: OnceLock<Index>,
    preamble: OnceLock<Preamble>,
    path: PathBuf,
    /// Has the shared lock, if no writer has the file: it must not be recycled while it is mapped.
    file: File,
    is_held: bool,
}

impl MmapReader {
    /// Opens a log file for reading. A writer may have it open, may have died, or may have closed it.
    ///
    /// ```
    /// use ringlog::storage::{MmapReader, OpenError};
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// assert_eq!(MmapReader::open(path)?.len(), 4);
    /// assert!(matches!(MmapReader::open(folder), Err(OpenError::NotAFile { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`OpenError`] for what is no regular file, is too short, has no header of a log file of this version, or
    /// is shorter than its header says, and for I/O.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_at(path.as_ref(), true)
    }

    /// Opens a log file and verifies no checksums as records are read.
    ///
    /// For records that [`verify_log`](crate::storage::verify_log) or an earlier replay has checked: it is faster.
    ///
    /// ```
    /// use ringlog::storage::MmapReader;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let reader = MmapReader::open_unverified(path)?;
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

    pub(crate) fn open_at(path: &Path, verify: bool) -> Result<Self, OpenError> {
        let (file, is_held) = open_and_hold(path)?;
        let len_bytes = file.metadata().map_err(|e| OpenError::io(path, "look at the file", e))?.len();
        if len_bytes < HEADER_LEN_BYTES {
            return Err(OpenError::TooShort { path: path.into(), len_bytes });
        }
        let mut map = ReadMap::new(&file).map_err(|source| OpenError::io(path, "map the file", source))?;
        let header = FileHeader::from_bytes(&map.header_bytes())
            .map_err(|source| OpenError::Header { path: path.into(), source })?;
        let write_offset = end_of(&header, &map);
        if !map.set_published(write_offset) {
            return Err(OpenError::WriteOffset { path: path.into(), write_offset, len_bytes });
        }
        let demand = Demand::of(&header, verify);
        Ok(Self {
            map,
            header,
            demand,
            index: OnceLock::new(),
            preamble: OnceLock::new(),
            path: path.into(),
            file,
            is_held,
        })
    }

    /// Returns the number of records in the file, GAP records included: counted, or from the header once it is
    /// sealed.
    ///
    /// No checksum covers the header's count. If the file has no room for it, the records are counted instead;
    /// any other wrong count is an error at the end of [`events`](Self::events) and of
    /// [`replay`](Self::replay). In a damaged file that is not sealed, only the records before the damage
    /// count.
    ///
    /// ```
    /// use ringlog::storage::MmapReader;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// assert_eq!(MmapReader::open(path)?.len(), 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn len(&self) -> u64 {
        let counted = believed_count(&self.header, self.map.published_bytes());
        counted.unwrap_or_else(|| self.index().record_count())
    }

    /// Returns whether the file has no record.
    ///
    /// ```
    /// use ringlog::storage::MmapReader;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// assert!(!MmapReader::open(path)?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let records = self.map.records();
        records.is_empty() || self.is_stream() && stream_ended(records)
    }

    /// Adds what was published since, and returns whether there was anything.
    ///
    /// ```
    /// # use ringlog::event::EventHeader;
    /// use ringlog::storage::{MmapReader, MmapWriter};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events.evtl");
    /// let mut writer = MmapWriter::create(&path, 1 << 16)?;
    /// let mut reader = MmapReader::open(&path)?;
    /// writer.write_event(&EventHeader::new(1, 2, 3), b"abc")?;
    /// assert_eq!(reader.len(), 0);
    /// assert!(reader.refresh()?);
    /// assert_eq!(reader.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ReadError::Header`] or [`ReadError::WriteOffset`] if something else has written into the file. The
    /// reader keeps what it had.
    pub fn refresh(&mut self) -> Result<bool, ReadError> {
        let header = FileHeader::from_bytes(&self.map.header_bytes())
            .and_then(|header| self.same_salt(header))
            .map_err(|source| ReadError::Header { path: self.path.clone(), source })?;
        let (before, write_offset) = (self.map.published_bytes(), end_of(&header, &self.map));
        if !self.map.set_published(write_offset) {
            return Err(ReadError::WriteOffset {
                path: self.path.clone(),
                write_offset,
                published_bytes: before,
                len_bytes: self.map.len_bytes(),
            });
        }
        self.header = header;
        if before == HEADER_LEN_BYTES {
            self.preamble.take();
        }
        // Its writer may have had the exclusive lock when the file was opened, and released it since.
        self.is_held = self.is_held || self.hold_now().unwrap_or(false);
        if let Some(index) = self.index.get_mut() {
            index.extend(self.map.records(), self.demand);
        }
        Ok(before < write_offset)
    }

    /// Returns the file's header, as of the last [`refresh`](Self::refresh).
    ///
    /// ```
    /// # use ringlog::event::ClockKind;
    /// use ringlog::storage::MmapReader;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let reader = MmapReader::open(path)?;
    /// assert_eq!(reader.header().clock(), ClockKind::UnixNanos);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn header(&self) -> &FileHeader {
        &self.header
    }

    /// Returns whether nothing will be added to the file.
    ///
    /// ```
    /// use ringlog::storage::{MmapReader, MmapWriter};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events.evtl");
    /// let writer = MmapWriter::create(&path, 1 << 16)?;
    /// assert!(!MmapReader::open(&path)?.is_sealed());
    /// writer.close()?;
    /// assert!(MmapReader::open(&path)?.is_sealed());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn is_sealed(&self) -> bool {
        self.header.has(file_flags::SEALED)
    }

    /// Returns whether the file was sealed and synced to its end.
    ///
    /// ```
    /// use ringlog::storage::{MmapReader, MmapWriter};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events.evtl");
    /// MmapWriter::create(&path, 1 << 16)?.close()?;
    /// assert!(MmapReader::open(&path)?.is_clean());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.header.has(file_flags::CLEAN)
    }

    /// Returns the path of the file.
    ///
    /// ```
    /// use ringlog::storage::MmapReader;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// assert!(MmapReader::open(path)?.path().ends_with("format.evtl"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what the file says of its events; `None` if there is nothing.
    ///
    /// ```
    /// use ringlog::storage::{MmapReader, MmapWriter};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events.evtl");
    /// MmapWriter::create(&path, 4096)?.close()?;
    /// assert!(MmapReader::open(&path)?.schemas().is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn schemas(&self) -> Option<&SegmentSchemas> {
        self.preamble().schemas.schemas().map(|schemas| &**schemas)
    }

    /// Returns the META records at the start of the file.
    pub(crate) fn preamble(&self) -> &Preamble {
        self.preamble.get_or_init(|| Preamble::of(self.map.records(), self.demand))
    }

    pub(crate) const fn is_stream(&self) -> bool {
        self.header.has(file_flags::STREAM)
    }

    /// Returns the number of records if nothing will be added to them, by the header.
    pub(crate) fn final_count(&self) -> Option<u64> {
        let is_all = self.header.write_offset == HEADER_LEN_BYTES + self.map.records().len() as u64;
        believed_count(&self.header, self.map.published_bytes()).filter(|_| is_all)
    }

    pub(crate) fn index(&self) -> &Index {
        self.index.get_or_init(|| Index::of(self.map.records(), self.demand))
    }

    /// Walks from a place to the first wanted record. Also returns the number of records that it read.
    pub(crate) fn walk(
        &self,
        from: IndexPoint,
        is_wanted: impl Fn(u64, &EventHeader) -> bool,
    ) -> (IndexPoint, u64) {
        walk(self.map.records(), from, self.demand, is_wanted)
    }

    /// Returns the form that records must have. Whether checksums are right is checked separately.
    pub(crate) const fn form(&self) -> Checksums {
        match self.demand {
            Demand::Absent => Checksums::Absent,
            Demand::Present | Demand::Verify { .. } => Checksums::Present,
        }
    }

    /// Takes the shared lock. A file that lost its name may be recycled already, and counts as not held.
    fn hold_now(&self) -> io::Result<bool> {
        Ok(try_hold(&self.file)? && is_same_file(&self.path, &self.file)?)
    }

    /// Takes the shared lock on a segment that has no writer any more; `false` if it was retired meanwhile.
    pub(crate) fn hold_finished(&mut self) -> Result<bool, OpenError> {
        if !self.is_held {
            let held = hold_finished(&self.path, &self.file);
            match held.map_err(|source| OpenError::io(&self.path, "lock the file", source))? {
                Hold::Held => self.is_held = true,
                Hold::Gone => return Ok(false),
                Hold::Locked => return Err(OpenError::locked_segment(&self.path, &self.file)),
            }
        }
        Ok(true)
    }

    /// Checks that the fields which never change are those that the file was opened with.
    fn same_salt(&self, header: FileHeader) -> Result<FileHeader, FileHeaderError> {
        let (stored, computed) = (header.salt(), self.header.salt());
        if stored == computed { Ok(header) } else { Err(FileHeaderError::Checksum { stored, computed }) }
    }
}

/// The META records at the start of a file, up to the first record that is neither one nor a GAP record of the log's side.
#[derive(Clone, Debug, Default)]
pub(crate) struct Preamble {
    pub(crate) schemas: SchemaCollector,
    pub(crate) meta_bytes: u64,
    /// Number of records up to the last META record, which may follow GAP records.
    pub(crate) records: u64,
    /// Offset after the last one.
    pub(crate) end: u64,
}

impl Preamble {
    fn of(bytes: &[u8], demand: Demand) -> Self {
        let (mut preamble, mut offset, mut rest) = (Self::default(), HEADER_LEN_BYTES, bytes);
        let mut records = 0;
        while !stream_ended(rest)
            && let Ok((header, payload, stride)) = demand.decode(rest, offset)
        {
            offset += stride as u64;
            records += 1;
            rest = rest.get(stride..).unwrap_or_default();
            if let Some(topic) = MetaTopic::of(&header) {
                preamble.schemas.add(topic, payload);
                preamble.meta_bytes += stride as u64;
                (preamble.records, preamble.end) = (records, offset);
            } else if !Gap::from_event(&header, payload).is_some_and(|gap| gap.log_side) {
                break;
            }
        }
        preamble
    }
}

impl fmt::Debug for MmapReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MmapReader")
            .field("path", &self.path)
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

/// Returns where to stop: at `write_offset`, which a stream does not have.
fn end_of(header: &FileHeader, map: &ReadMap) -> u64 {
    if header.has(file_flags::STREAM) { map.len_bytes() } else { header.write_offset }
}

/// Opens the file that has the name once it is locked. Also returns whether it is locked.
///
/// A file that was retired between its opening and its locking may be recycled: see `segment/share.rs`.
fn open_and_hold(path: &Path) -> Result<(File, bool), OpenError> {
    if is_temporary(path) {
        return Err(OpenError::Unnamed { path: path.into() });
    }
    for _ in 0..OPENINGS {
        let file = open_regular(path)?;
        let is_held = try_hold(&file).map_err(|source| OpenError::io(path, "lock the file", source))?;
        if is_same_file(path, &file).map_err(|source| OpenError::io(path, "look at the file", source))? {
            return Ok((file, is_held));
        }
    }
    Err(OpenError::io(path, "find the file twice under its name", io::ErrorKind::NotFound.into()))
}
