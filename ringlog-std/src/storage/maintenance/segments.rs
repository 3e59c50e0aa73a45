//! The segments of a log, from the active one to those that may be retired: what the two owners of `maintenance` share.
//!
//! Files go through these states, in the order of the log:
//!
//! ```text
//!   spare  ──roll──▶  open: written, named, synced  ──finish──▶  kept  ──retention──▶  spare, or gone
//! ```
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
use std::{fs, io};

use ringlog_nostd::format::FILE_HEADER_LEN;

use crate::os::ownership::Ownership;
use crate::os::platform::Platform;
use crate::os::sync::{AtomicU64, Mutex, lock};
use crate::storage::error::{CreateError, SyncError};
use crate::storage::maintenance::retention::{FinishedSegment, RetentionInputs};
use crate::storage::maintenance::rules::Rules;
use crate::storage::maintenance::tally::Tally;
use crate::storage::names::base_sequence_of;
use crate::storage::segment::flusher::SegmentFlusher;
use crate::storage::segment::poison::Poison;

/// The segments of a log, and what each step of its maintenance needs besides them.
pub(crate) struct LogSegments {
    pub(crate) platform: Arc<dyn Platform>,
    pub(crate) folder: PathBuf,
    owner: Arc<Ownership>,
    pub(crate) rules: Rules,
    /// Set once a sync of any of the log's files failed.
    pub(crate) poison: Arc<Poison>,
    /// Segments that are not finished, oldest first. The last one is active until the writer ends.
    pub(crate) open: Mutex<VecDeque<UnfinishedSegment>>,
    /// Finished segments, oldest first.
    pub(crate) kept: Mutex<VecDeque<FinishedSegment>>,
    /// Held while a segment is prepared or retired, and while one is finished without its lock.
    pub(crate) preparing: Mutex<()>,
    /// The sequence at which the log begins.
    begins_at: AtomicU64,
    /// Why retention could not do its work.
    retention_error: Mutex<Option<CreateError>>,
    /// Numbers for a display.
    pub(crate) tally: Tally,
}

/// A segment that is not finished.
#[derive(Clone)]
pub(crate) struct UnfinishedSegment {
    pub(crate) flusher: Arc<SegmentFlusher>,
    pub(crate) begun_at: i64,
    pub(crate) begun: Instant,
    /// Sequence of its first record.
    pub(crate) base_sequence: u64,
}

impl LogSegments {
    pub(crate) fn new(
        platform: Arc<dyn Platform>,
        folder: &Path,
        owner: &Arc<Ownership>,
        rules: Rules,
        (begins_at, kept): (u64, VecDeque<FinishedSegment>),
    ) -> Self {
        Self {
            platform,
            folder: folder.into(),
            owner: Arc::clone(owner),
            rules,
            poison: Arc::default(),
            open: Mutex::default(),
            kept: Mutex::new(kept),
            preparing: Mutex::default(),
            begins_at: AtomicU64::new(begins_at),
            retention_error: Mutex::default(),
            tally: Tally::default(),
        }
    }

    /// Fails, and stops the log from taking more, once its lock keeps nobody out any more.
    pub(crate) fn check_owner(&self) -> Result<(), SyncError> {
        let path = || self.owner.path().to_owned();
        if !self.owner.is_of_this_process() {
            return Err(SyncError::OtherProcess { path: path() });
        }
        if self.owner.is_lost() {
            return Err(self.poison.because(SyncError::LockFile { path: path() }));
        }
        Ok(())
    }

    /// Returns the number of segments that are not finished, the active one included.
    pub(crate) fn count_open(&self) -> usize {
        lock(&self.open).len()
    }

    /// Returns the active segment; the last one once the writer has ended.
    pub(crate) fn newest(&self) -> Option<UnfinishedSegment> {
        lock(&self.open).back().cloned()
    }

    /// Returns the oldest segment that is not finished: the active one, unless the writer has just rolled. Then the
    /// new one is not synced before the older one is, so that the watermark never passes over a gap.
    pub(crate) fn oldest_open(&self) -> Option<UnfinishedSegment> {
        lock(&self.open).front().cloned()
    }

    /// Returns the oldest segment if it is full, and the one after it.
    pub(crate) fn oldest_full(&self) -> Option<(UnfinishedSegment, UnfinishedSegment)> {
        let open = lock(&self.open);
        Some((open.front()?.clone(), open.get(1)?.clone()))
    }

    /// Notes that the writer continues in this segment.
    pub(crate) fn begin(&self, flusher: &Arc<SegmentFlusher>, base_sequence: u64, begun_at: i64) {
        let flusher = Arc::clone(flusher);
        self.tally.add_begun_segment();
        lock(&self.open).push_back(UnfinishedSegment {
            flusher,
            begun_at,
            begun: Instant::now(),
            base_sequence,
        });
    }

    /// Deletes the active segment, which has no record.
    pub(crate) fn remove_newest(&self, flusher: &SegmentFlusher) -> Result<(), SyncError> {
        lock(&self.open).pop_back();
        flusher.remove()
    }

    /// Removes this segment, and no other, from the open ones.
    pub(crate) fn close_oldest(&self, open: &UnfinishedSegment) {
        let mut all = lock(&self.open);
        if all.front().is_some_and(|oldest| Arc::ptr_eq(&oldest.flusher, &open.flusher)) {
            all.pop_front();
        }
    }

    /// Moves a finished segment to the kept ones; from now on it may be retired.
    ///
    /// A thread that holds the lock of the kept ones sees the segment there or among the open ones, and not in both:
    /// retention counts them.
    pub(crate) fn keep(&self, open: &UnfinishedSegment, next: &UnfinishedSegment) {
        let path = open.flusher.path().to_owned();
        let bytes = bytes_on_disk(&path).unwrap_or(self.rules.segment_bytes);
        let (ended_at, ended, next_sequence) = (next.begun_at, Some(next.begun), next.base_sequence);
        let mut kept = lock(&self.kept);
        self.close_oldest(open);
        kept.push_back(FinishedSegment { path, bytes, ended_at, ended, next_sequence });
    }

    pub(crate) fn rename_all_into_place(&self) -> Result<(), SyncError> {
        let open: Vec<_> = lock(&self.open).iter().map(|open| Arc::clone(&open.flusher)).collect();
        open.iter().try_for_each(|flusher| flusher.rename_into_place())
    }

    /// Returns whether the active segment may be deleted. The log then ends with the segment before it, or begins
    /// anew.
    pub(crate) fn has_others_or_is_new(&self, position: u64) -> bool {
        position == 0 || self.count_open() > 1 || !lock(&self.kept).is_empty()
    }

    /// Returns whether the kernel's cache is likely to have the whole log.
    pub(crate) fn is_log_cached(&self) -> bool {
        let kept_bytes: u64 = lock(&self.kept).iter().map(|segment| segment.bytes).sum();
        self.rules.is_in_cache(kept_bytes + self.count_open() as u64 * self.rules.segment_bytes)
    }

    /// Returns how many of the oldest segments are over the limits: [`Retention`](super::retention::Retention) decides.
    ///
    /// `has_spare` is asked after the open segments were counted: the writer may roll to the spare one at any time, and
    /// then that counts once.
    pub(crate) fn count_to_retire(&self, around: RetentionInputs, has_spare: impl FnOnce() -> bool) -> usize {
        // Under this lock a segment is either kept or open: see `keep`.
        let mut kept = lock(&self.kept);
        let open = self.count_open() as u64;
        let fixed_bytes = (u64::from(has_spare()) + open) * self.rules.segment_bytes;
        let around = RetentionInputs { fixed_bytes, fixed_segments: open, ..around };
        kept.iter_mut().for_each(|segment| segment.end_by(around.now));
        self.rules.retention.count_to_retire(kept.iter(), &around)
    }

    /// Takes the oldest segment that may be retired. The newest finished one stays while the next one holds nothing,
    /// because it shows where the log continues.
    pub(crate) fn pop_oldest(&self) -> Option<FinishedSegment> {
        // Read without the lock, which a roll takes: the answer may have to wait for the disk.
        let is_begun = self.newest().is_some_and(|UnfinishedSegment { flusher, .. }| {
            flusher.is_named() && flusher.map().write_offset() > FILE_HEADER_LEN as u64
        });
        let mut kept = lock(&self.kept);
        if kept.len() > 1 || is_begun { kept.pop_front() } else { None }
    }

    /// Puts back what could not be retired. Later ones stay, too: segments may be missing only at the start of a log.
    pub(crate) fn push_oldest(&self, segment: FinishedSegment) {
        lock(&self.kept).push_front(segment);
    }

    /// Returns the sequence at which the log begins. Exact once the workers have ended.
    pub(crate) fn begins_at(&self) -> u64 {
        // ORDERING: Relaxed. The number guards no other memory. A thread that does not see it yet takes a file that is
        // gone for one that is there, and opening that shows it. The writer joins the workers before it relies on it.
        self.begins_at.load(Ordering::Relaxed)
    }

    /// Notes that a segment's file is gone: the log begins after it.
    pub(crate) fn begin_after(&self, retired: &FinishedSegment) {
        // ORDERING: Relaxed, see `begins_at`.
        self.begins_at.fetch_max(retired.next_sequence, Ordering::Relaxed);
    }

    /// Returns whether a segment of the log was retired, and its file is gone.
    pub(crate) fn is_gone(&self, path: &Path) -> bool {
        let base_sequence = path.file_name().and_then(base_sequence_of);
        base_sequence.is_some_and(|base_sequence| base_sequence < self.begins_at())
    }

    /// Keeps the newest reason why retention could not do its work.
    pub(crate) fn note(&self, error: CreateError) {
        self.tally.add_retention_error();
        *lock(&self.retention_error) = Some(error);
    }

    pub(crate) fn take_retention_error(&self) -> Option<CreateError> {
        lock(&self.retention_error).take()
    }
}

/// Returns the size of a file's blocks, in bytes.
pub(crate) fn bytes_on_disk(path: &Path) -> io::Result<u64> {
    // `blocks` counts units of 512 bytes, no matter what the file system's blocks are.
    fs::metadata(path).map(|metadata| metadata.blocks() * 512)
}
