//! Finds records of a log by sequence and by time without reading it through.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, Once, OnceLock, PoisonError};

use crate::parallel::{default_jobs, map_in_order};
use crate::storage::error::{OpenError, ReadError};
use crate::storage::folder::listing::{LISTINGS, Listed, LogList};
use crate::storage::read::decode::segment_index::{Index, IndexPoint};
use crate::storage::read::scan::overtaken::overtaken;
use crate::storage::read::scan::segment_scan::FileScan;
use crate::storage::read::seek::index_cache::{IndexFile, IndexKey};
use crate::storage::read::seek::time_cache::{FileStamp, KnownTimes, TimeEntry, TimeFile};
use crate::storage::segment::file::SegmentInfo;
use crate::storage::segment::header_count::{believed_count, final_count};

/// Fewer times than this are found again by each search: that costs less than writing the file of all.
const WORTH_KEEPING: usize = 8;
/// Segments for each processor that are read in advance at most.
const MOST_AHEAD: usize = 8;

/// What finding records has read so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg(test)]
pub(crate) struct SeekStatistics {
    /// Records that were read, those of segments that were indexed included.
    pub(crate) records: u64,
    /// Index files that were read, whole or their first 64 bytes.
    pub(crate) index_files: u64,
    /// Segments that were read through because they had no index.
    pub(crate) segments_indexed: u64,
}

/// Finds records of a log by sequence and by time, without reading the log through.
///
/// Reads a segment once to index it, when that is first needed. Indexes of sealed segments are kept in the
/// folder `index` of the log, a cache that may be deleted. It reads with `pread`, so others may change the
/// files. [`LogReader`](crate::storage::read::mapped::log_reader::LogReader) has all this built in, for logs
/// that only ringlog writes.
#[derive(Debug)]
pub struct LogIndex {
    files: Vec<Listed>,
    /// `None` for a single file.
    folder: Option<PathBuf>,
    /// The segments that were opened.
    segments: Vec<OnceLock<OpenedSegment>>,
    indexes: Vec<OnceLock<Index>>,
    maxima: Vec<OnceLock<Option<u64>>>,
    records: AtomicU64,
    index_files: AtomicU64,
    segments_indexed: AtomicU64,
    times: OnceLock<KnownTimes>,
    learned: Mutex<Learned>,
    /// Set once indexes of segments that are gone were deleted: when the first index is kept.
    clear_away: Once,
}

/// A segment whose header was read.
#[derive(Debug)]
struct OpenedSegment {
    info: SegmentInfo,
    /// What its file was before that. `None` if a later change might not show.
    stamp: Option<FileStamp>,
}

impl OpenedSegment {
    fn open(file: &Listed) -> Result<Self, OpenError> {
        let stamp = FileStamp::of(&file.path).filter(FileStamp::is_settled);
        Ok(Self { info: file.open()?, stamp })
    }
}

/// Largest timestamps that were found and that the file of all can keep.
#[derive(Debug, Default)]
struct Learned {
    entries: Vec<TimeEntry>,
    /// How many of them are in the file already.
    written: usize,
}

/// Where to start walking to the wanted record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SeekTarget {
    /// Index of the segment.
    pub(crate) at: usize,
    /// At most 32 KiB and a record before it.
    pub(crate) place: IndexPoint,
}

/// The segments that a search by time has read in advance.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReadAhead {
    end: usize,
    /// How many they were the last time.
    count: usize,
}

impl LogIndex {
    /// Opens a log, a folder or a single file, as it is now. Opens only its last segment.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if the last segment cannot be used, or a folder holds none.
    #[doc(hidden)]
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let is_folder = path.is_dir();
        // Lists the folder again if retention deleted the last segment between the listing and its opening.
        for _ in 1..LISTINGS {
            match Self::open_once(path) {
                Err(error) if is_folder && error.is_not_found() => {}
                other => return other,
            }
        }
        Self::open_once(path)
    }

    fn open_once(path: &Path) -> Result<Self, OpenError> {
        let LogList { segments: files, .. } = LogList::of(path)?;
        let last = files.last().map(OpenedSegment::open).transpose()?;
        let index = Self::of(path, files);
        if let (Some(slot), Some(last)) = (index.segments.last(), last) {
            slot.get_or_init(|| last);
        }
        Ok(index)
    }

    /// Makes the index of a log whose headers were read before. It neither uses nor keeps the file of all largest
    /// timestamps: that is of the files that have the names now.
    pub(crate) fn of_opened(path: &Path, segments: &[SegmentInfo]) -> Self {
        let listed = |segment: &SegmentInfo| Listed {
            path: segment.path.clone(),
            named_sequence: Some(segment.header.base_sequence),
        };
        let opened = |segment: &SegmentInfo| OpenedSegment { info: segment.clone(), stamp: None };
        Self {
            segments: segments.iter().map(|segment| OnceLock::from(opened(segment))).collect(),
            times: OnceLock::from(KnownTimes::default()),
            ..Self::of(path, segments.iter().map(listed).collect())
        }
    }

    fn of(path: &Path, files: Vec<Listed>) -> Self {
        Self {
            folder: path.is_dir().then(|| path.into()),
            segments: files.iter().map(|_| OnceLock::new()).collect(),
            indexes: files.iter().map(|_| OnceLock::new()).collect(),
            maxima: files.iter().map(|_| OnceLock::new()).collect(),
            files,
            records: AtomicU64::new(0),
            index_files: AtomicU64::new(0),
            segments_indexed: AtomicU64::new(0),
            times: OnceLock::new(),
            learned: Mutex::default(),
            clear_away: Once::new(),
        }
    }

    /// Returns what a segment's header holds. Opens the segment when that is first asked.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the segment cannot be used or was retired.
    pub(crate) fn segment(&self, at: usize) -> Result<&SegmentInfo, ReadError> {
        let Some(slot) = self.segments.get(at) else { return Err(self.retired(at)) };
        if let Some(segment) = slot.get() {
            return Ok(&segment.info);
        }
        let opened = OpenedSegment::open(&self.files[at]).map_err(|error| {
            if error.is_not_found() { self.retired(at) } else { ReadError::Segment(Box::new(error)) }
        })?;
        Ok(&slot.get_or_init(|| opened).info)
    }

    fn base_sequence(&self, at: usize) -> u64 {
        let opened = || self.segments[at].get().map(|segment| segment.info.header.base_sequence);
        self.files[at].named_sequence.or_else(opened).unwrap_or(0)
    }

    /// Returns what finding records has read so far.
    #[cfg(test)]
    pub(crate) fn statistics(&self) -> SeekStatistics {
        // ORDERING: Relaxed, here and where they are added to: statistics, on which no other access depends.
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SeekStatistics {
            records: read(&self.records),
            index_files: read(&self.index_files),
            segments_indexed: read(&self.segments_indexed),
        }
    }

    pub(crate) fn count_records(&self, records: u64) {
        // ORDERING: Relaxed: see `statistics`.
        self.records.fetch_add(records, Ordering::Relaxed);
    }

    /// Returns the index of the segment that holds `sequence`, or would.
    pub(crate) fn segment_of(&self, sequence: u64) -> usize {
        // A single file may have any name, and is the only one.
        let begins_by_then = |file: &Listed| file.named_sequence.is_none_or(|first| first <= sequence);
        self.files.partition_point(begins_by_then).saturating_sub(1)
    }

    /// Returns the sequence after the last record that was published when the log was opened, or a little
    /// later.
    ///
    /// Counts the records of the last segment if that is not sealed.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if that segment cannot be read.
    #[doc(hidden)]
    pub fn next_sequence(&self) -> Result<u64, ReadError> {
        let Some(last) = self.files.len().checked_sub(1) else { return Ok(0) };
        let header = &self.segment(last)?.header;
        let count = match believed_count(header, header.write_offset) {
            Some(count) => count,
            None => self.index(last)?.record_count(),
        };
        Ok(header.base_sequence + count)
    }

    /// Returns the sequence of the first record that the log had when it was opened.
    #[doc(hidden)]
    pub fn first_sequence(&self) -> u64 {
        if self.files.is_empty() { 0 } else { self.base_sequence(0) }
    }

    /// Returns the sequence of the first record from `sequence` on with a timestamp of `since` or more; `None`
    /// if there is none.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if a segment that may hold it cannot be read or was retired.
    #[doc(hidden)]
    pub fn sequence_since(&self, sequence: u64, since: u64) -> Result<Option<u64>, ReadError> {
        let found = self.search(sequence, since);
        self.keep_times();
        found
    }

    fn search(&self, sequence: u64, since: u64) -> Result<Option<u64>, ReadError> {
        let mut ahead = ReadAhead::default();
        for at in self.segment_of(sequence)..self.files.len() {
            self.read_ahead(at, &mut ahead);
            if let Some(start) = self.start_in(at, sequence, since)? {
                let found = self.walk_to(start, sequence, since)?;
                if found.is_some() {
                    return Ok(found);
                }
            }
        }
        Ok(None)
    }

    /// Returns where in a segment to start for a record of this sequence or more, and of this time or later.
    pub(crate) fn start_in(
        &self,
        at: usize,
        sequence: u64,
        since: u64,
    ) -> Result<Option<SeekTarget>, ReadError> {
        if self.max_timestamp(at)?.is_none_or(|max| max < since) {
            return Ok(None);
        }
        let number = sequence.saturating_sub(self.base_sequence(at));
        let index = self.index(at)?;
        Ok(Some(SeekTarget { at, place: index.start_of(number, since) }))
    }

    fn walk_to(&self, start: SeekTarget, sequence: u64, since: u64) -> Result<Option<u64>, ReadError> {
        let mut scan = self.open_scan(start.at)?;
        scan.go_to(start.place)?;
        while scan.advance()? {
            self.count_records(1);
            let found = scan.found_event().map(|event| (event.sequence, event.header.timestamp));
            if let Some((found, timestamp)) = found
                && found >= sequence
                && timestamp >= since
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Returns the largest timestamp that a segment may hold. Opens the segment only if the folder `index` does not
    /// have it.
    pub(crate) fn max_timestamp(&self, at: usize) -> Result<Option<u64>, ReadError> {
        if let Some(max) = self.known_max_timestamp(at) {
            return Ok(max);
        }
        let max = self.find_max_timestamp(at)?;
        Ok(*self.maxima[at].get_or_init(|| max))
    }

    /// Returns the largest timestamp of a segment if that is known without opening the segment.
    fn known_max_timestamp(&self, at: usize) -> Option<Option<u64>> {
        if let Some(max) = self.maxima[at].get() {
            return Some(*max);
        }
        let times = self.times().filter(|times| !times.is_empty())?;
        let max = times.max_timestamp(self.base_sequence(at), FileStamp::of(&self.files[at].path)?)?;
        Some(*self.maxima[at].get_or_init(|| Some(max)))
    }

    /// Finds the largest timestamps of some segments from `at` on, one on each processor, unless that of the first is
    /// known. Errors are found again by the one who asks for that segment.
    pub(crate) fn read_ahead(&self, at: usize, ahead: &mut ReadAhead) {
        if at < ahead.end || self.known_max_timestamp(at).is_some() {
            return;
        }
        let jobs = default_jobs();
        // At most twice as many as the last time: one processor alone would not have been faster, even where the first of
        // them has the wanted record.
        let count = (2 * ahead.count).clamp(jobs.get(), jobs.get() * MOST_AHEAD);
        *ahead = ReadAhead { end: at.saturating_add(count).min(self.files.len()), count };
        map_in_order((at..ahead.end).collect(), jobs, |at| {
            // One that still grows is left to the caller.
            if let Ok(Some(_)) = self.index_file(at) {
                let _ = self.max_timestamp(at);
            }
        });
    }

    /// Finds the largest timestamp of a segment that has none in the file of all. Of a kept index it reads the first 64
    /// bytes. An index that is now kept in a file does not stay in memory.
    fn find_max_timestamp(&self, at: usize) -> Result<Option<u64>, ReadError> {
        let file = self.index_file(at)?;
        let (max, is_final) = match (self.indexes[at].get(), file) {
            (Some(index), _) => (index.latest(), self.is_final(at, index)?),
            (None, None) => (self.index(at)?.latest(), false),
            (None, Some(file)) => match self.counted(file.read_summary()) {
                Some(summary) => (summary.max_timestamp, true),
                None => {
                    let index = self.make(at)?;
                    (index.latest(), self.is_final(at, &index)?)
                }
            },
        };
        let stamp = self.segments[at].get().and_then(|segment| segment.stamp);
        if let Some(stamp) = stamp.filter(|_| is_final) {
            let (base_sequence, max_timestamp) = (self.base_sequence(at), max.unwrap_or(0));
            self.learned().entries.push(TimeEntry { base_sequence, max_timestamp, stamp });
        }
        Ok(max)
    }

    fn times(&self) -> Option<&KnownTimes> {
        let folder = self.folder.as_deref()?;
        Some(self.times.get_or_init(|| self.counted(TimeFile::new(folder).read()).unwrap_or_default()))
    }

    fn learned(&self) -> MutexGuard<'_, Learned> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the largest timestamps that were found since, if that saves later searches enough.
    fn keep_times(&self) {
        let (Some(folder), Some(times)) = (&self.folder, self.times()) else { return };
        let mut learned = self.learned();
        if learned.entries.len() - learned.written < WORTH_KEEPING {
            return;
        }
        learned.written = learned.entries.len();
        let is_there =
            |first| self.files.binary_search_by_key(&Some(first), |file| file.named_sequence).is_ok();
        // A cache: a folder that cannot be written to costs only time.
        let _ = TimeFile::new(folder).write(&times.with(&learned.entries, is_there));
    }

    /// Returns the index of a segment, kept or made now.
    pub(crate) fn index(&self, at: usize) -> Result<&Index, ReadError> {
        if let Some(index) = self.indexes[at].get() {
            return Ok(index);
        }
        let kept = self.index_file(at)?.and_then(|file| self.counted(file.read()));
        let index = match kept {
            Some(index) => index,
            None => self.make(at)?,
        };
        Ok(self.indexes[at].get_or_init(|| index))
    }

    /// Returns the index of a segment if it was made before; `None` also where it cannot be read.
    pub(crate) fn kept_index(&self, at: usize) -> Option<&Index> {
        let index = self.indexes.get(at)?;
        if index.get().is_none() {
            let kept = self.index_file(at).ok().flatten().and_then(|file| self.counted(file.read()))?;
            return Some(index.get_or_init(|| kept));
        }
        index.get()
    }

    fn counted<T>(&self, read: Option<T>) -> Option<T> {
        // ORDERING: Relaxed: see `statistics`.
        self.index_files.fetch_add(u64::from(read.is_some()), Ordering::Relaxed);
        read
    }

    /// Reads a segment through. Its index is kept if it is whole and final.
    fn make(&self, at: usize) -> Result<Index, ReadError> {
        let mut scan = self.open_scan(at)?;
        let index = scan.index_all()?;
        self.count_records(index.record_count());
        // ORDERING: Relaxed: see `statistics`.
        self.segments_indexed.fetch_add(1, Ordering::Relaxed);
        if let Some(file) = self.index_file(at)?
            && self.is_final(at, &index)?
        {
            // A cache: a folder that cannot be written to costs only time.
            let _ = file.write(&index);
            self.clear_away.call_once(|| file.clear_away_old());
        }
        Ok(index)
    }

    /// Returns whether an index has all records that a segment will ever have.
    fn is_final(&self, at: usize, index: &Index) -> Result<bool, ReadError> {
        let header = &self.segment(at)?.header;
        Ok(final_count(header).is_some() && !index.is_cut && index.end.offset == header.write_offset)
    }

    /// Opens a segment, up to where the next one continues.
    pub(crate) fn open_scan(&self, at: usize) -> Result<FileScan, ReadError> {
        let segment = self.segment(at)?;
        let is_last = at + 1 == self.files.len();
        // Asked for before the segment is opened: retention takes the oldest first, so if it took the next one, then
        // this one cannot be opened. One that cannot be used is an error once a reader reaches it.
        let next = if is_last { None } else { self.segment(at + 1).ok() };
        let path = &segment.path;
        let opened = if is_last { FileScan::open_last(path) } else { FileScan::open_finished(path) };
        let Some(mut scan) = opened.map_err(Box::new)? else { return Err(self.retired(at)) };
        if scan.header().salt() != segment.header.salt() {
            return Err(self.retired(at));
        }
        if let Some(next) = next {
            scan.end_at_position(next.header.base_position);
        }
        Ok(scan)
    }

    /// Returns the error for a segment that is gone.
    pub(crate) fn retired(&self, at: usize) -> ReadError {
        let path = self.files.get(at).map_or(Path::new(""), |file| &file.path);
        let from = if at < self.files.len() { self.base_sequence(at) } else { 0 };
        overtaken(self.folder.as_deref().unwrap_or(path), from).unwrap_or_else(|| {
            let source = std::io::ErrorKind::NotFound.into();
            ReadError::Segment(Box::new(OpenError::Io { path: path.into(), action: "open", source }))
        })
    }

    /// Returns the file for the index of a segment, if it can be kept.
    fn index_file(&self, at: usize) -> Result<Option<IndexFile>, ReadError> {
        let Some(folder) = &self.folder else { return Ok(None) };
        let header = &self.segment(at)?.header;
        let key = IndexKey { salt: header.salt(), end_offset: header.write_offset };
        let is_final = final_count(header).is_some();
        Ok(is_final.then(|| IndexFile::new(folder, header.base_sequence, key)))
    }
}
