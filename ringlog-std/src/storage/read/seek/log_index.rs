//! Finds records of a log by sequence and by time without reading it through.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Once, OnceLock};

use crate::storage::error::{OpenError, ReadError};
use crate::storage::folder::listing::LogFiles;
use crate::storage::read::decode::segment_index::{Index, IndexPoint};
use crate::storage::read::scan::overtaken::overtaken;
use crate::storage::read::scan::segment_scan::FileScan;
use crate::storage::read::seek::index_cache::{IndexFile, IndexKey};
use crate::storage::segment::file::SegmentInfo;
use crate::storage::segment::header_count::{believed_count, final_count};

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
pub(crate) struct LogIndex {
    pub(crate) files: LogFiles,
    /// `None` for a single file.
    folder: Option<PathBuf>,
    indexes: Vec<OnceLock<Index>>,
    maxima: Vec<OnceLock<Option<u64>>>,
    records: AtomicU64,
    index_files: AtomicU64,
    segments_indexed: AtomicU64,
    /// Set once indexes of segments that are gone were deleted: when the first index is kept.
    clear_away: Once,
}

/// Where to start walking to the wanted record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SeekTarget {
    /// Index of the segment.
    pub(crate) at: usize,
    /// At most 32 KiB and a record before it.
    pub(crate) place: IndexPoint,
}

impl LogIndex {
    /// Opens a log, a folder or a single file, as it is now.
    ///
    /// # Errors
    ///
    /// [`OpenError`] for the first segment that cannot be used, or a folder that holds none.
    pub(crate) fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        Ok(Self::of(path, LogFiles::open(path)?))
    }

    pub(crate) fn of(path: &Path, files: LogFiles) -> Self {
        Self {
            folder: path.is_dir().then(|| path.into()),
            indexes: files.segments.iter().map(|_| OnceLock::new()).collect(),
            maxima: files.segments.iter().map(|_| OnceLock::new()).collect(),
            files,
            records: AtomicU64::new(0),
            index_files: AtomicU64::new(0),
            segments_indexed: AtomicU64::new(0),
            clear_away: Once::new(),
        }
    }

    pub(crate) fn segments(&self) -> &[SegmentInfo] {
        &self.files.segments
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
        let begins_by_then = |segment: &SegmentInfo| segment.header.base_sequence <= sequence;
        self.files.segments.partition_point(begins_by_then).saturating_sub(1)
    }

    /// Returns the sequence after the last record that was published when the log was opened, or a little
    /// later.
    ///
    /// Counts the records of the last segment if that is not sealed.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if that segment cannot be read.
    pub(crate) fn next_sequence(&self) -> Result<u64, ReadError> {
        let Some(last) = self.files.segments.len().checked_sub(1) else { return Ok(0) };
        let header = &self.files.segments[last].header;
        let count = match believed_count(header, header.write_offset) {
            Some(count) => count,
            None => self.index(last)?.record_count(),
        };
        Ok(header.base_sequence + count)
    }

    /// Returns the sequence of the first record that the log had when it was opened.
    pub(crate) fn first_sequence(&self) -> u64 {
        self.files.segments.first().map_or(0, |segment| segment.header.base_sequence)
    }

    /// Returns the sequence of the first record from `sequence` on with a timestamp of `since` or more; `None`
    /// if there is none.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if a segment that may hold it cannot be read or was retired.
    pub(crate) fn sequence_since(&self, sequence: u64, since: u64) -> Result<Option<u64>, ReadError> {
        for at in self.segment_of(sequence)..self.files.segments.len() {
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
        let number = sequence.saturating_sub(self.files.segments[at].header.base_sequence);
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

    /// Returns the largest timestamp that a segment may hold. Of a kept index only the first 64 bytes are read.
    pub(crate) fn max_timestamp(&self, at: usize) -> Result<Option<u64>, ReadError> {
        if let Some(max) = self.maxima[at].get() {
            return Ok(*max);
        }
        let kept = match (self.indexes[at].get(), self.index_file(at)) {
            (None, Some(file)) => self.counted(file.read_summary()),
            _ => None,
        };
        let max = match kept {
            Some(summary) => summary.max_timestamp,
            None => self.latest(at)?,
        };
        Ok(*self.maxima[at].get_or_init(|| max))
    }

    /// Returns the largest timestamp of a segment without a kept index. An index that is now kept in a file
    /// does not stay in memory.
    fn latest(&self, at: usize) -> Result<Option<u64>, ReadError> {
        if self.indexes[at].get().is_some() || self.index_file(at).is_none() {
            return Ok(self.index(at)?.latest());
        }
        Ok(self.make(at)?.latest())
    }

    /// Returns the index of a segment, kept or made now.
    pub(crate) fn index(&self, at: usize) -> Result<&Index, ReadError> {
        if let Some(index) = self.indexes[at].get() {
            return Ok(index);
        }
        let kept = self.index_file(at).and_then(|file| self.counted(file.read()));
        let index = match kept {
            Some(index) => index,
            None => self.make(at)?,
        };
        Ok(self.indexes[at].get_or_init(|| index))
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
        if let Some(file) = self.index_file(at)
            && !index.is_cut
            && index.end.offset == self.files.segments[at].header.write_offset
        {
            // A cache: a folder that cannot be written to costs only time.
            let _ = file.write(&index);
            self.clear_away.call_once(|| file.clear_away_old());
        }
        Ok(index)
    }

    /// Opens a segment, up to where the next one continues.
    pub(crate) fn open_scan(&self, at: usize) -> Result<FileScan, ReadError> {
        let (segment, is_last) = (&self.files.segments[at], at + 1 == self.files.segments.len());
        let path = &segment.path;
        let opened = if is_last { FileScan::open_last(path) } else { FileScan::open_finished(path) };
        let Some(mut scan) = opened.map_err(Box::new)? else { return Err(self.retired(at)) };
        if scan.header().salt() != segment.header.salt() {
            return Err(self.retired(at));
        }
        if let Some(next) = self.files.segments.get(at + 1) {
            scan.end_at_position(next.header.base_position);
        }
        Ok(scan)
    }

    /// Returns the error for a segment that is gone.
    pub(crate) fn retired(&self, at: usize) -> ReadError {
        let SegmentInfo { path, header, .. } = &self.files.segments[at];
        let folder = self.folder.as_deref().unwrap_or(path);
        overtaken(folder, header.base_sequence).unwrap_or_else(|| {
            let source = std::io::ErrorKind::NotFound.into();
            ReadError::Segment(Box::new(OpenError::Io { path: path.clone(), action: "open", source }))
        })
    }

    /// Returns the file for the index of a segment, if it can be kept.
    fn index_file(&self, at: usize) -> Option<IndexFile> {
        let header = &self.files.segments[at].header;
        final_count(header)?;
        let folder = self.folder.as_ref()?;
        let key = IndexKey { salt: header.salt(), end_offset: header.write_offset };
        Some(IndexFile::new(folder, header.base_sequence, key))
    }
}
