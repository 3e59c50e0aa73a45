//! The state that a log's writer and its workers share, for spare segments, syncs and retention.
//!
//! The writer and its worker threads (`workers.rs`) share one [`Maintenance`]. Any of them may call each of its steps
//! at any time; tests call them one by one. Files go through these states, in the order of the log:
//!
//! ```text
//!   prepared  ──roll──▶  open: written, named, synced  ──finish──▶  kept  ──retention──▶  prepared, or gone
//! ```
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use std::{fs, io};

use crate::os::memory::memory_bytes;
use crate::os::mmap::PAGE_BYTES;
use crate::os::ownership::Ownership;
use crate::os::platform::Platform;
use crate::os::sync::{AtomicBool, AtomicU64, Mutex, lock};
use crate::storage::error::{AppendError, CreateError, ReadError, SyncError};
use crate::storage::maintenance::policies::{FullDisk, SyncPolicy};
use crate::storage::maintenance::retention::{FinishedSegment, Retention};
use crate::storage::recovery::resync::NeedsSync;
use crate::storage::segment::flusher::SegmentFlusher;
use crate::storage::segment::options::FileOptions;
use crate::storage::segment::poison::Poison;
use crate::storage::segment::spare::SpareSegment;

/// Opening a log prefaults at most this many bytes itself: about a millisecond of work.
const FIRST_READY_BYTES: usize = 2 << 20;
/// The kernel's cache is taken to have the whole of a log that is at most this part of the memory.
const CACHED_SHARE: u64 = 4;
/// By default the writer may be this part of the memory ahead of the disk.
const UNSYNCED_SHARE: u64 = 8;
/// How many segments may be open, no matter how small they are. Each takes a file descriptor and a mapping.
const MAX_OPEN_SEGMENTS: usize = 256;

/// The options of a log's writer that its [`Maintenance`] needs too.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) segment_bytes: u64,
    /// How far ahead of the writer pages are prefaulted.
    pub(crate) prefault_bytes: usize,
    pub(crate) file: FileOptions,
    pub(crate) retention: Retention,
    pub(crate) full_disk: FullDisk,
    pub(crate) sync: SyncPolicy,
    pub(crate) roll_after: Option<Duration>,
    /// The bytes that this run may write, without GAP records.
    pub(crate) max_bytes: Option<u64>,
    /// How large a log may be for which the kernel's cache is likely to have all of it. `None` goes by the machine's memory.
    pub(crate) cached_bytes: Option<u64>,
    /// How many bytes of full segments may wait for their sync. `None` goes by the machine's memory.
    pub(crate) max_unsynced_bytes: Option<u64>,
    /// Written pages leave the kernel's cache once they are on the disk.
    pub(crate) is_uncached: bool,
}

pub(crate) struct Maintenance {
    pub(crate) platform: Arc<dyn Platform>,
    pub(crate) folder: PathBuf,
    owner: Arc<Ownership>,
    pub(crate) rules: Rules,
    /// How many segments may be open, the active one included: the others wait for their sync.
    pub(crate) max_open_segments: usize,
    /// The log's position at which this run reaches its limit.
    pub(crate) limit_position: AtomicU64,
    /// Segments that are not finished, oldest first. The last one is active until the writer ends.
    pub(crate) open: Mutex<VecDeque<UnfinishedSegment>>,
    /// Held while a segment is prepared or retired.
    pub(crate) preparing: Mutex<()>,
    /// Finished segments, oldest first.
    pub(crate) kept: Mutex<VecDeque<FinishedSegment>>,
    pub(crate) next: Mutex<SpareState>,
    pub(crate) is_spare_requested: AtomicBool,
    /// Sealed and not synced, oldest first, all of them before the open ones.
    pub(crate) unsynced: Mutex<VecDeque<NeedsSync>>,
    pub(crate) damaged: Mutex<DamagedSegment>,
    /// Held for a whole sync, so that watermarks rise in the order of the log.
    pub(crate) syncing: Mutex<LastSync>,
    /// Set once a sync of any of the log's files failed.
    pub(crate) poison: Arc<Poison>,
    roll_due: AtomicBool,
    /// The writer stores long runs, by calls: no page is prefaulted for it.
    writes_by_calls: AtomicBool,
    pub(crate) durable_position: AtomicU64,
    /// The sequence at which the log begins.
    pub(crate) begins_at: AtomicU64,
    /// Events that this run has lost.
    lost: AtomicU64,
    /// Why retention could not do its work.
    pub(crate) retention_error: Mutex<Option<CreateError>>,
}

/// What exists of the log when its writer begins.
#[derive(Debug, Default)]
pub(crate) struct ExistingLog {
    /// The sequence at which the log begins.
    pub(crate) begins_at: u64,
    pub(crate) kept: VecDeque<FinishedSegment>,
    /// Those of the kept segments that are not synced.
    pub(crate) unsynced: VecDeque<NeedsSync>,
    /// The log's position at its end.
    pub(crate) position: u64,
    /// The log's position below which everything is on stable storage.
    pub(crate) durable_position: u64,
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

/// Which segment is active, and how far it is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct WriterAt {
    pub(crate) base_sequence: u64,
    pub(crate) offset: u64,
}

/// The segment after the active one.
pub(crate) enum SpareState {
    Missing { try_at: Option<Instant> },
    Ready(SpareSegment),
    Failed { error: CreateError, try_at: Instant },
}

/// What could not be promised of dead writers' segments.
#[derive(Default)]
pub(crate) struct DamagedSegment {
    /// The damaged segments that still exist.
    pub(crate) segments: Vec<PathBuf>,
    /// What is wrong with them, until it is reported.
    pub(crate) unreported: VecDeque<ReadError>,
}

pub(crate) struct LastSync {
    pub(crate) at: Instant,
}

impl Rules {
    /// Returns whether a whole segment must be prefaulted before it is written. A caller that wants this wants no
    /// page fault, no matter how far a worker has come.
    pub(crate) const fn wants_all_prefaulted(&self) -> bool {
        self.prefault_bytes as u64 >= self.segment_bytes
    }

    /// Returns whether a retired segment's file may be used again. Without checksums old records could pass as new ones.
    pub(crate) const fn may_recycle(&self) -> bool {
        self.file.checksums
    }

    /// Returns whether the oldest segments may be deleted or recycled.
    pub(crate) fn may_retire(&self) -> bool {
        self.retention.is_limited() || self.full_disk == FullDisk::RecycleOldest
    }

    /// Returns how many segments may be open, the active one and at least one that waits for its sync.
    fn max_open_segments(&self) -> usize {
        let unsynced_bytes = self.max_unsynced_bytes.unwrap_or_else(|| memory_bytes() / UNSYNCED_SHARE);
        let waiting = usize::try_from(unsynced_bytes / self.segment_bytes).unwrap_or(usize::MAX);
        waiting.saturating_add(1).clamp(2, MAX_OPEN_SEGMENTS)
    }

    /// Returns how many bytes of the first segment are prefaulted before its log is open. A worker continues from
    /// there.
    pub(crate) const fn first_prefault_bytes(&self) -> usize {
        let is_much = self.prefault_bytes > FIRST_READY_BYTES && !self.wants_all_prefaulted();
        if is_much { FIRST_READY_BYTES } else { self.prefault_bytes }
    }
}

impl Maintenance {
    pub(crate) fn new(
        platform: Arc<dyn Platform>,
        folder: &Path,
        owner: &Arc<Ownership>,
        rules: Rules,
        past: ExistingLog,
    ) -> Arc<Self> {
        let ExistingLog { begins_at, kept, unsynced, position, durable_position } = past;
        // The caller's limit may be so large that it is none.
        let limit_position = position.saturating_add(rules.max_bytes.unwrap_or(u64::MAX));
        Arc::new(Self {
            platform,
            folder: folder.into(),
            owner: Arc::clone(owner),
            max_open_segments: rules.max_open_segments(),
            rules,
            limit_position: AtomicU64::new(limit_position),
            open: Mutex::default(),
            preparing: Mutex::default(),
            kept: Mutex::new(kept),
            next: Mutex::new(SpareState::Missing { try_at: None }),
            is_spare_requested: AtomicBool::new(false),
            unsynced: Mutex::new(unsynced),
            damaged: Mutex::default(),
            syncing: Mutex::new(LastSync { at: Instant::now() }),
            poison: Arc::default(),
            roll_due: AtomicBool::new(false),
            writes_by_calls: AtomicBool::new(false),
            durable_position: AtomicU64::new(durable_position),
            begins_at: AtomicU64::new(begins_at),
            lost: AtomicU64::new(0),
            retention_error: Mutex::default(),
        })
    }

    pub(crate) const fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(crate) const fn platform(&self) -> &Arc<dyn Platform> {
        &self.platform
    }

    pub(crate) const fn poison(&self) -> &Arc<Poison> {
        &self.poison
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.poison.is_set()
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

    /// Returns the log's position below which everything is on stable storage.
    pub(crate) fn durable_position(&self) -> u64 {
        // ORDERING: Relaxed. The number guards no other memory.
        self.durable_position.load(Ordering::Relaxed)
    }

    /// Returns the sequence at which the log begins. Exact once the workers have ended.
    pub(crate) fn begins_at(&self) -> u64 {
        // ORDERING: Relaxed. The number guards no other memory; the writer joins the workers before it relies on it.
        self.begins_at.load(Ordering::Relaxed)
    }

    /// Returns the events that this run has lost.
    pub(crate) fn lost(&self) -> u64 {
        // ORDERING: Relaxed. The number guards no other memory and is for a display.
        self.lost.load(Ordering::Relaxed)
    }

    /// Sets the lost events. Only the writer calls this.
    pub(crate) fn set_lost(&self, lost: u64) {
        // ORDERING: Relaxed, see `lost`.
        self.lost.store(lost, Ordering::Relaxed);
    }

    /// Returns whether the active segment may be deleted. The log then ends with the segment before it, or begins
    /// anew.
    pub(crate) fn has_other_segments_or_is_new(&self, position: u64) -> bool {
        position == 0 || self.open_segments() > 1 || !lock(&self.kept).is_empty()
    }

    /// Returns the number of segments that are not finished, the active one included.
    pub(crate) fn open_segments(&self) -> usize {
        lock(&self.open).len()
    }

    /// Returns the log's position below which everything is published.
    pub(crate) fn published_position(&self) -> u64 {
        let current = lock(&self.open).back().map(|open| open.flusher.published_position());
        current.unwrap_or(0).max(self.durable_position())
    }

    pub(crate) fn take_retention_error(&self) -> Option<CreateError> {
        lock(&self.retention_error).take()
    }

    /// Keeps the error of a worker's step for the writer's next sync. The first one is the most useful.
    pub(crate) fn note_sync_error(&self, error: SyncError) {
        if !matches!(error, SyncError::Poisoned { .. }) {
            self.poison.keep_reason(error);
        }
        self.poison.set();
    }

    /// Returns the error itself, or the cause if the error only reports that an earlier sync failed.
    pub(crate) fn explain(&self, error: SyncError) -> SyncError {
        match error {
            SyncError::Poisoned { .. } => self.poison.take_reason().unwrap_or(error),
            other => {
                self.poison.note_reported(&other);
                other
            }
        }
    }

    /// Does the same for an append.
    pub(crate) fn explain_append(&self, error: AppendError) -> AppendError {
        match error {
            AppendError::Poisoned { .. } => self.poison.take_reason().map_or(error, AppendError::Close),
            AppendError::Close(source) => AppendError::Close(self.explain(source)),
            other => other,
        }
    }

    /// Returns why no event is taken any more.
    pub(crate) fn poisoned(&self) -> AppendError {
        self.explain_append(AppendError::Poisoned { path: self.folder.clone() })
    }

    /// Returns whether the active segment has reached its age.
    #[inline]
    pub(crate) fn is_roll_due(&self) -> bool {
        // ORDERING: Relaxed. It only asks for a roll, now or at the next append.
        self.roll_due.load(Ordering::Relaxed)
    }

    /// Returns how many bytes of a spare segment are prefaulted: its header's page, if the rest will be written by calls.
    pub(crate) fn spare_prefault_bytes(&self, is_cached: bool) -> usize {
        if self.writes_by_calls() && !is_cached { PAGE_BYTES as usize } else { self.rules.prefault_bytes }
    }

    /// Returns whether the kernel's cache is likely to have the whole log: so small a part of memory is it.
    pub(crate) fn is_log_cached(&self) -> bool {
        let kept_bytes: u64 = lock(&self.kept).iter().map(|segment| segment.bytes).sum();
        let open_bytes = self.open_segments() as u64 * self.rules.segment_bytes;
        let cached_bytes = self.rules.cached_bytes.unwrap_or_else(|| memory_bytes() / CACHED_SHARE);
        !self.rules.is_uncached && kept_bytes + open_bytes <= cached_bytes
    }

    fn writes_by_calls(&self) -> bool {
        // ORDERING: Relaxed. It only decides which pages are prefaulted.
        self.writes_by_calls.load(Ordering::Relaxed)
    }

    /// Notes whether the writer stores by calls. Only the writer calls this.
    pub(crate) fn set_writes_by_calls(&self, by_calls: bool) {
        // ORDERING: Relaxed, see `writes_by_calls`.
        self.writes_by_calls.store(by_calls, Ordering::Relaxed);
    }

    /// Notes that the writer continues in this segment.
    pub(crate) fn begin(&self, flusher: &Arc<SegmentFlusher>, base_sequence: u64, begun_at: i64) {
        let flusher = Arc::clone(flusher);
        lock(&self.open).push_back(UnfinishedSegment {
            flusher,
            begun_at,
            begun: Instant::now(),
            base_sequence,
        });
        // ORDERING: Relaxed, see `is_roll_due`.
        self.roll_due.store(false, Ordering::Relaxed);
    }

    /// Advances positions by bytes that are not written. Only the writer calls this.
    pub(crate) fn skip(&self, bytes: u64) {
        // ORDERING: Relaxed, both. They only decide when the next segment is prepared.
        let limit_position = self.limit_position.load(Ordering::Relaxed);
        self.limit_position.store(limit_position.saturating_add(bytes), Ordering::Relaxed);
    }

    /// Prefaults pages ahead of the writer, and checks whether the segment has reached its age.
    ///
    /// Returns where the writer is.
    pub(crate) fn pages_step(&self) -> WriterAt {
        let Some(current) = lock(&self.open).back().cloned() else { return WriterAt::default() };
        if current.flusher.is_cached() || !self.writes_by_calls() {
            current.flusher.prefault(self.rules.prefault_bytes);
        }
        if self.rules.roll_after.is_some_and(|age| current.begun.elapsed() >= age) {
            // ORDERING: Relaxed, see `is_roll_due`.
            self.roll_due.store(true, Ordering::Relaxed);
        }
        WriterAt { base_sequence: current.base_sequence, offset: current.flusher.map().write_offset() }
    }
}

/// Decides how often the writer is checked.
impl Maintenance {
    /// Returns the bytes after which a check may come too late for the writer: what is prefaulted, the segment, or what
    /// the policy leaves unsynced.
    pub(crate) fn check_bytes(&self) -> u64 {
        let is_prefaulted = !self.writes_by_calls() && self.rules.prefault_bytes > 0;
        let prefaulted = if is_prefaulted { self.rules.prefault_bytes as u64 } else { u64::MAX };
        let unsynced = if let SyncPolicy::EveryBytes(most) = self.rules.sync { most } else { u64::MAX };
        self.rules.segment_bytes.min(prefaulted).min(unsynced)
    }
}

/// Returns the size of a file's blocks, in bytes.
pub(crate) fn bytes_on_disk(path: &Path) -> io::Result<u64> {
    // `blocks` counts units of 512 bytes, no matter what the file system's blocks are.
    fs::metadata(path).map(|metadata| metadata.blocks() * 512)
}

impl std::fmt::Debug for Maintenance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Maintenance")
            .field("folder", &self.folder)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}
