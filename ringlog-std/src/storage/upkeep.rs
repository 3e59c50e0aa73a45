//! What a log needs besides appending: segments ahead, syncs behind, retention.
//!
//! The writer and its helper threads (`helpers.rs`) share one [`Upkeep`]. Each of its steps may be called by any
//! of them at any time; tests call them one by one. Files go through these states, each in the order of the
//! log:
//!
//! ```text
//!   prepared  ──roll──▶  open: written, named, synced  ──finish──▶  kept  ──retention──▶  prepared, or gone
//! ```
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{fs, io};

use super::cursor::needed_from;
use super::durable::{Durable, lock};
use super::error::{AppendError, CreateError, SyncError};
use super::log_policies::{FullDisk, SyncPolicy};
use super::platform::Platform;
use super::prepared::Prepared;
use super::retention::{Circumstances, Kept, Retention};
use super::unfinished::finish_file;
use super::writer_options::unix_nanos;

/// How soon after a failure the next segment is tried again.
const RETRY: Duration = Duration::from_millis(50);
/// The next segment is prepared once so much of the current one is written, or a sixteenth of it.
const PREPARE_AFTER_BYTES: u64 = 1 << 20;
/// Pages that are kept ready for the writer's stores.
const WINDOW_BYTES: usize = 8 << 20;

/// What an [`Upkeep`] goes by.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) segment_bytes: u64,
    /// Without checksums old records could pass for new ones.
    pub(super) may_recycle: bool,
    pub(super) retention: Retention,
    pub(super) full_disk: FullDisk,
    pub(super) sync: SyncPolicy,
    pub(super) roll_after: Option<Duration>,
}

pub(super) struct Upkeep {
    platform: Arc<dyn Platform>,
    folder: PathBuf,
    rules: Rules,
    /// Segments that are not finished, oldest first. The last one is being written, unless `is_closed`.
    open: Mutex<VecDeque<Open>>,
    /// Held while a segment is prepared or retired.
    preparing: Mutex<()>,
    /// Finished segments, oldest first.
    kept: Mutex<VecDeque<Kept>>,
    next: Mutex<Next>,
    is_next_wanted: AtomicBool,
    /// Of this run, sealed and not synced, because the policy says so.
    unsynced: Mutex<VecDeque<PathBuf>>,
    /// Held for a whole sync, so that watermarks rise in the order of the log.
    syncing: Mutex<LastSync>,
    poisoned: Arc<AtomicBool>,
    roll_due: AtomicBool,
    durable_position: AtomicU64,
    /// Why retention could not do its work.
    trouble: Mutex<Option<CreateError>>,
    /// Why a helper's sync failed: what poisoned the log.
    failure: Mutex<Option<SyncError>>,
}

/// A segment that is not finished.
#[derive(Clone)]
struct Open {
    durable: Arc<Durable>,
    begun_at: i64,
    begun: Instant,
    /// Sequence of its first record.
    base_sequence: u64,
}

/// Which segment is being written, and how far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct WriterAt {
    pub(super) base_sequence: u64,
    pub(super) offset: u64,
}

/// The segment after the one that is being written.
enum Next {
    Missing { try_at: Option<Instant> },
    Ready(Prepared),
    Failed { error: CreateError, try_at: Instant },
}

struct LastSync {
    at: Instant,
}

impl Upkeep {
    pub(super) fn new(
        platform: Arc<dyn Platform>,
        folder: &Path,
        rules: Rules,
        kept: VecDeque<Kept>,
        position: u64,
    ) -> Arc<Self> {
        Arc::new(Self {
            platform,
            folder: folder.into(),
            rules,
            open: Mutex::default(),
            preparing: Mutex::default(),
            kept: Mutex::new(kept),
            next: Mutex::new(Next::Missing { try_at: None }),
            is_next_wanted: AtomicBool::new(false),
            unsynced: Mutex::default(),
            syncing: Mutex::new(LastSync { at: Instant::now() }),
            poisoned: Arc::default(),
            roll_due: AtomicBool::new(false),
            durable_position: AtomicU64::new(position),
            trouble: Mutex::default(),
            failure: Mutex::default(),
        })
    }

    pub(super) const fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(super) const fn platform(&self) -> &Arc<dyn Platform> {
        &self.platform
    }

    pub(super) const fn poisoned(&self) -> &Arc<AtomicBool> {
        &self.poisoned
    }

    pub(super) fn is_poisoned(&self) -> bool {
        // ORDERING: Relaxed: see `Durable::is_poisoned`.
        self.poisoned.load(Ordering::Relaxed)
    }

    /// The log's position below which everything is on stable storage.
    pub(super) fn durable_position(&self) -> u64 {
        // ORDERING: Relaxed: a number on its own.
        self.durable_position.load(Ordering::Relaxed)
    }

    /// The log's position below which everything is published.
    pub(super) fn published_position(&self) -> u64 {
        let current = lock(&self.open).back().map(|open| open.durable.published_position());
        current.unwrap_or(0).max(self.durable_position())
    }

    pub(super) fn take_trouble(&self) -> Option<CreateError> {
        lock(&self.trouble).take()
    }

    /// Keeps what a helper's step failed with, for the writer's next sync; the first one says the most.
    pub(super) fn note_failure(&self, error: SyncError) {
        // ORDERING: Relaxed: see `Durable::is_poisoned`.
        self.poisoned.store(true, Ordering::Relaxed);
        lock(&self.failure).get_or_insert(error);
    }

    /// The error itself, or, where it is that an earlier sync failed, that one's.
    pub(super) fn explain(&self, error: SyncError) -> SyncError {
        match error {
            SyncError::Poisoned { .. } => lock(&self.failure).take().unwrap_or(error),
            other => other,
        }
    }

    /// The same for an append.
    pub(super) fn explain_append(&self, error: AppendError) -> AppendError {
        match error {
            AppendError::Poisoned { .. } => lock(&self.failure).take().map_or(error, AppendError::Close),
            other => other,
        }
    }

    /// Whether the segment that is being written has reached its age.
    #[inline]
    pub(super) fn is_roll_due(&self) -> bool {
        // ORDERING: Relaxed: only asks for a roll, now or at the next append.
        self.roll_due.load(Ordering::Relaxed)
    }

    /// The writer goes on in this segment.
    pub(super) fn begin(&self, durable: &Arc<Durable>, base_sequence: u64, begun_at: i64) {
        let durable = Arc::clone(durable);
        lock(&self.open).push_back(Open { durable, begun_at, begun: Instant::now(), base_sequence });
        // ORDERING: Relaxed: see `is_roll_due`.
        self.roll_due.store(false, Ordering::Relaxed);
    }

    // The next segment.

    /// The next segment if it is ready, the error if it could not be made, `None` if that is not known yet.
    pub(super) fn take_next(&self) -> Option<Result<Prepared, CreateError>> {
        let mut next = lock(&self.next);
        match std::mem::replace(&mut *next, Next::Missing { try_at: None }) {
            Next::Ready(prepared) => Some(Ok(prepared)),
            Next::Failed { error, try_at } => {
                *next = Next::Missing { try_at: Some(try_at) };
                Some(Err(error))
            }
            missing @ Next::Missing { .. } => {
                *next = missing;
                None
            }
        }
    }

    /// The writer waits for the next segment.
    pub(super) fn want_next(&self) {
        // ORDERING: Relaxed: only asks for a step; the segment is handed over by a lock.
        self.is_next_wanted.store(true, Ordering::Relaxed);
    }

    /// Names segments, prepares the next one if there is none and it may soon be needed, and retires others.
    ///
    /// Returns whether there was anything to do.
    pub(super) fn prepare_step(&self, is_wanted_now: bool) -> Result<bool, SyncError> {
        let _turn = lock(&self.preparing);
        self.give_names()?;
        if self.rules.sync == SyncPolicy::Never {
            self.set_down_unsynced();
        }
        // ORDERING: Relaxed: see `want_next`.
        let is_wanted_now = self.is_next_wanted.swap(false, Ordering::Relaxed) || is_wanted_now;
        let wanted = (is_wanted_now || self.is_far_enough()) && self.is_next_missing(is_wanted_now);
        if wanted {
            let made = self.prepare();
            *lock(&self.next) = match made {
                Ok(prepared) => Next::Ready(prepared),
                Err(error) => Next::Failed { error, try_at: Instant::now() + RETRY },
            };
        }
        Ok(wanted)
    }

    fn give_names(&self) -> Result<(), SyncError> {
        let open: Vec<_> = lock(&self.open).iter().map(|open| Arc::clone(&open.durable)).collect();
        open.iter().try_for_each(|durable| durable.give_name())
    }

    fn is_far_enough(&self) -> bool {
        let threshold = (self.rules.segment_bytes / 16).min(PREPARE_AFTER_BYTES);
        lock(&self.open).back().is_some_and(|open| open.durable.map().write_offset() >= threshold)
    }

    fn is_next_missing(&self, is_wanted_now: bool) -> bool {
        match &*lock(&self.next) {
            Next::Ready(_) => false,
            Next::Missing { try_at: None } => true,
            Next::Missing { try_at: Some(at) } | Next::Failed { try_at: at, .. } => {
                is_wanted_now || *at <= Instant::now()
            }
        }
    }

    fn prepare(&self) -> Result<Prepared, CreateError> {
        if let Some(recycled) = self.retire(self.rules.segment_bytes, true) {
            return Ok(recycled);
        }
        loop {
            let made = Prepared::fresh(&*self.platform, &self.folder, self.rules.segment_bytes);
            let is_full = matches!(&made, Err(CreateError::DiskFull { .. }));
            if !is_full || self.rules.full_disk != FullDisk::RecycleOldest {
                return made;
            }
            // With the blocks of the oldest segment, or where it once stood.
            let Some(oldest) = lock(&self.kept).pop_front() else { return made };
            if let Some(recycled) = self.retire_one(&oldest, true) {
                return Ok(recycled);
            }
        }
    }

    // Retention.

    /// Retires what is over the limits also where nothing is being written: by age.
    pub(super) fn retention_step(&self) {
        let _turn = lock(&self.preparing);
        let next_bytes =
            if matches!(*lock(&self.next), Next::Ready(_)) { self.rules.segment_bytes } else { 0 };
        let _ = self.retire(next_bytes, false);
    }

    /// Retires what is over the limits; the first one that can be becomes the next segment, if `recycle`.
    fn retire(&self, next_bytes: u64, recycle: bool) -> Option<Prepared> {
        if !self.rules.retention.is_limited() {
            return None;
        }
        let around = self.circumstances(next_bytes);
        let mut recycled = None;
        let count = self.rules.retention.count_to_retire(lock(&self.kept).iter(), &around);
        for _ in 0..count {
            let Some(oldest) = lock(&self.kept).pop_front() else { break };
            let wants = recycle && recycled.is_none();
            recycled = self.retire_one(&oldest, wants).or(recycled);
        }
        recycled
    }

    fn circumstances(&self, next_bytes: u64) -> Circumstances {
        let open = lock(&self.open);
        Circumstances {
            fixed_bytes: next_bytes + open.len() as u64 * self.rules.segment_bytes,
            fixed_segments: open.len() as u64,
            now: unix_nanos(),
            needed_from: needed_from(&self.folder),
        }
    }

    /// Deletes a segment, or recycles it if it can be. What goes wrong is kept as `trouble`.
    fn retire_one(&self, segment: &Kept, recycle: bool) -> Option<Prepared> {
        if recycle && self.rules.may_recycle {
            match Prepared::recycled(&*self.platform, &segment.path, self.rules.segment_bytes) {
                Ok(None) => {}
                Ok(recycled) => return recycled,
                Err(error) => return self.note(error),
            }
        }
        // One at a time, each made durable: segments must never be missing but at the start.
        let removed = self.platform.remove(&segment.path);
        match removed.and_then(|()| self.platform.sync_folder(&self.folder)) {
            Ok(()) => None,
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => {
                let (path, action) = (segment.path.clone(), "delete the retired segment");
                self.note(CreateError::Io { path, action, source })
            }
        }
    }

    fn note(&self, error: CreateError) -> Option<Prepared> {
        *lock(&self.trouble) = Some(error);
        None
    }

    // Syncing.

    /// Finishes segments that are full, and syncs the one that is being written if the policy says so.
    ///
    /// Returns whether there was anything to do.
    pub(super) fn sync_step(&self) -> Result<bool, SyncError> {
        let mut last = lock(&self.syncing);
        let finished = self.finish_full()?;
        let Some(current) = self.current() else { return Ok(finished) };
        if !self.is_sync_due(&current, last.at) {
            return Ok(finished);
        }
        last.at = Instant::now();
        self.sync_current(&current)?;
        Ok(true)
    }

    /// Makes everything durable that was written before the call.
    pub(super) fn sync_now(&self) -> Result<(), SyncError> {
        let mut last = lock(&self.syncing);
        self.finish_unsynced()?;
        self.finish_full()?;
        last.at = Instant::now();
        self.current().map_or(Ok(()), |current| self.sync_current(&current))
    }

    /// Finishes everything, the segment that was being written included. Its writer has ended.
    pub(super) fn finish_all(&self) -> Result<(), SyncError> {
        let _last = lock(&self.syncing);
        self.finish_unsynced()?;
        self.finish_full()?;
        let last = lock(&self.open).front().cloned();
        match last {
            Some(open) => self.finish(&open, None),
            None => Ok(()),
        }
    }

    /// The segment that was being written has no record and goes.
    pub(super) fn remove_current(&self, durable: &Durable) -> Result<(), SyncError> {
        lock(&self.open).pop_back();
        durable.remove()
    }

    fn current(&self) -> Option<Arc<Durable>> {
        lock(&self.open).back().map(|open| Arc::clone(&open.durable))
    }

    fn is_sync_due(&self, current: &Durable, last: Instant) -> bool {
        let dirty_bytes = current.map().write_offset() - current.synced_offset();
        match self.rules.sync {
            SyncPolicy::Never | SyncPolicy::EveryEvent => false,
            SyncPolicy::EveryBytes(most) => dirty_bytes >= most.max(1),
            SyncPolicy::Interval(interval) => dirty_bytes > 0 && last.elapsed() >= interval,
        }
    }

    fn sync_current(&self, current: &Durable) -> Result<(), SyncError> {
        current.sync()?;
        self.note_durable(current);
        Ok(())
    }

    fn note_durable(&self, durable: &Durable) {
        // ORDERING: Relaxed: see `durable_position`.
        self.durable_position.fetch_max(durable.durable_position(), Ordering::Relaxed);
    }

    /// Finishes all segments but the one that is being written.
    fn finish_full(&self) -> Result<bool, SyncError> {
        let mut any = false;
        while let Some((oldest, next)) = self.oldest_full() {
            self.finish(&oldest, Some(&next))?;
            any = true;
        }
        Ok(any)
    }

    fn oldest_full(&self) -> Option<(Open, Open)> {
        let open = lock(&self.open);
        Some((open.front()?.clone(), open.get(1)?.clone()))
    }

    fn finish(&self, open: &Open, next: Option<&Open>) -> Result<(), SyncError> {
        open.durable.finish()?;
        self.note_durable(&open.durable);
        lock(&self.open).pop_front();
        if let Some(next) = next {
            self.keep(open, next);
        }
        Ok(())
    }

    /// The segment is finished; from now on it may be retired.
    fn keep(&self, open: &Open, next: &Open) {
        let path = open.durable.path().to_owned();
        let bytes = bytes_on_disk(&path).unwrap_or(self.rules.segment_bytes);
        let (ended_at, next_sequence) = (next.begun_at, next.base_sequence);
        lock(&self.kept).push_back(Kept { path, bytes, ended_at, next_sequence });
    }

    /// Where nothing is synced: full segments are put down as they are.
    fn set_down_unsynced(&self) {
        while let Some((oldest, next)) = self.oldest_full() {
            oldest.durable.punch_tail();
            lock(&self.open).pop_front();
            lock(&self.unsynced).push_back(oldest.durable.path().to_owned());
            self.keep(&oldest, &next);
        }
    }

    fn finish_unsynced(&self) -> Result<(), SyncError> {
        loop {
            let Some(path) = lock(&self.unsynced).front().cloned() else { return Ok(()) };
            finish_file(&self.platform, &path, &self.poisoned)?;
            lock(&self.unsynced).pop_front();
        }
    }

    // Pages and time.

    /// Makes pages ready ahead of the writer, and looks whether the segment has reached its age.
    ///
    /// Returns where the writer is.
    pub(super) fn pages_step(&self) -> WriterAt {
        let Some(current) = lock(&self.open).back().cloned() else { return WriterAt::default() };
        current.durable.map().populate_window(WINDOW_BYTES);
        if self.rules.roll_after.is_some_and(|age| current.begun.elapsed() >= age) {
            // ORDERING: Relaxed: see `is_roll_due`.
            self.roll_due.store(true, Ordering::Relaxed);
        }
        WriterAt { base_sequence: current.base_sequence, offset: current.durable.map().write_offset() }
    }

    /// Deletes what was prepared and not used.
    pub(super) fn discard_next(&self) {
        if let Some(Ok(prepared)) = self.take_next() {
            prepared.discard(&*self.platform);
        }
    }
}

/// Blocks that a file takes, in bytes.
pub(super) fn bytes_on_disk(path: &Path) -> io::Result<u64> {
    // `blocks` counts units of 512 bytes, whatever the file system's own blocks are.
    fs::metadata(path).map(|metadata| metadata.blocks() * 512)
}

impl std::fmt::Debug for Upkeep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upkeep")
            .field("folder", &self.folder)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}
