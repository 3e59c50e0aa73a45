//! The owner of the spare segment: it prepares the next one, from a segment that is retired or anew.
#![forbid(unsafe_code)]

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ringlog_nostd::format::FILE_HEADER_LEN;

use crate::os::mmap::PAGE_BYTES;
use crate::os::sync::{AtomicBool, AtomicU64, Mutex, lock, now};
use crate::storage::error::{CreateError, SyncError};
use crate::storage::maintenance::policies::FullDisk;
use crate::storage::maintenance::segments::LogSegments;
use crate::storage::segment::flusher::SegmentFlusher;
use crate::storage::segment::spare::SpareSegment;

/// How long after a failure the next segment is tried again.
const RETRY: Duration = Duration::from_millis(50);
/// The next segment is prepared once this many bytes of the active one are written, or a sixteenth of it.
const PREPARE_AFTER_BYTES: u64 = 1 << 20;

/// The spare segment of a log.
pub(crate) struct Spares {
    pub(crate) segments: Arc<LogSegments>,
    pub(crate) next: Mutex<SpareState>,
    pub(crate) is_requested: AtomicBool,
    /// The log's position at which this run reaches its limit.
    limit_position: AtomicU64,
    /// The writer stores long runs, by calls: no page is prefaulted for it.
    writes_by_calls: AtomicBool,
    /// Length of the META records that the next segment begins with.
    preamble_bytes: AtomicU64,
}

/// The segment after the active one.
pub(crate) enum SpareState {
    Missing { try_at: Option<Instant> },
    Ready(SpareSegment),
    Failed { error: CreateError, try_at: Instant },
}

/// What a retired segment became.
pub(crate) enum Retired {
    Recycled(SpareSegment),
    Gone,
}

impl Spares {
    pub(crate) fn new(segments: &Arc<LogSegments>, limit_position: u64) -> Self {
        Self {
            segments: Arc::clone(segments),
            next: Mutex::new(SpareState::Missing { try_at: None }),
            is_requested: AtomicBool::new(false),
            limit_position: AtomicU64::new(limit_position),
            writes_by_calls: AtomicBool::new(false),
            preamble_bytes: AtomicU64::new(0),
        }
    }

    /// Returns the next segment if it is ready, the error if it could not be made, `None` if neither is known yet.
    pub(crate) fn take(&self) -> Option<Result<SpareSegment, CreateError>> {
        let mut next = lock(&self.next);
        match std::mem::replace(&mut *next, SpareState::Missing { try_at: None }) {
            SpareState::Ready(prepared) => Some(Ok(prepared)),
            SpareState::Failed { error, try_at } => {
                *next = SpareState::Missing { try_at: Some(try_at) };
                Some(Err(error))
            }
            missing @ SpareState::Missing { .. } => {
                *next = missing;
                None
            }
        }
    }

    /// Asks for the next segment, because the writer waits for it.
    pub(crate) fn request(&self) {
        // ORDERING: Relaxed. It only asks for a step; a lock hands the segment over.
        self.is_requested.store(true, Ordering::Relaxed);
    }

    /// Prepares the next segment if there is none and it may soon be needed, and retires others. Returns whether it did.
    pub(crate) fn prepare_if_due(&self, is_wanted_now: bool) -> Result<bool, SyncError> {
        // ORDERING: Relaxed, see `request`.
        let is_wanted_now = self.is_requested.swap(false, Ordering::Relaxed) || is_wanted_now;
        let wanted = (is_wanted_now || self.is_far_enough()) && self.is_missing(is_wanted_now);
        if wanted {
            self.segments.check_owner()?;
            let made = self.prepare();
            self.segments.tally.set_disk_full(matches!(made, Err(CreateError::DiskFull { .. })));
            *lock(&self.next) = match made {
                Ok(prepared) => SpareState::Ready(prepared),
                Err(error) => SpareState::Failed { error, try_at: now() + RETRY },
            };
        }
        Ok(wanted)
    }

    /// Returns whether the next segment can be prepared now, and may soon be needed.
    pub(crate) fn is_due(&self) -> bool {
        self.is_far_enough() && self.is_missing(false)
    }

    fn is_far_enough(&self) -> bool {
        let threshold = (self.segments.rules.segment_bytes / 16).min(PREPARE_AFTER_BYTES);
        self.segments.newest().is_some_and(|active| {
            active.flusher.map().write_offset() >= threshold && !self.may_be_last(&active.flusher)
        })
    }

    /// Returns whether the run reaches its limit before the end of this segment. If it needs another one after all,
    /// for a GAP record, it has to wait.
    fn may_be_last(&self, active: &SegmentFlusher) -> bool {
        // ORDERING: Relaxed, see `skip`.
        let limit_position = self.limit_position.load(Ordering::Relaxed);
        self.segments.rules.roll_after.is_none() && limit_position <= active.end_position()
    }

    fn is_missing(&self, is_wanted_now: bool) -> bool {
        match &*lock(&self.next) {
            SpareState::Ready(_) => false,
            SpareState::Missing { try_at: None } => true,
            SpareState::Missing { try_at: Some(at) } | SpareState::Failed { try_at: at, .. } => {
                is_wanted_now || *at <= now()
            }
        }
    }

    pub(crate) fn prepare(&self) -> Result<SpareSegment, CreateError> {
        if let Some(recycled) = self.retire(true) {
            return Ok(recycled);
        }
        loop {
            let LogSegments { platform, folder, rules, .. } = &*self.segments;
            let prefault_bytes = self.prefault_bytes(false);
            let made = SpareSegment::fresh(&**platform, folder, rules.segment_bytes, prefault_bytes);
            // Beyond the limit on the size of a file, freed space is of no use.
            let is_full = matches!(&made, Err(CreateError::DiskFull { source, .. })
                if source.kind() != io::ErrorKind::FileTooLarge);
            if !is_full || rules.full_disk != FullDisk::RecycleOldest {
                return made;
            }
            // With the blocks of the oldest segment, or in the room that it leaves.
            match self.retire_oldest(true) {
                Some(Retired::Recycled(prepared)) => return Ok(prepared),
                Some(Retired::Gone) => {}
                None => return made,
            }
        }
    }

    /// Deletes a spare segment that was not used.
    pub(crate) fn discard(&self) {
        if let Some(Ok(prepared)) = self.take() {
            prepared.discard(&*self.segments.platform);
        }
    }
    /// Advances positions by bytes that are not written. Only the writer calls this.
    pub(crate) fn skip(&self, bytes: u64) {
        // ORDERING: Relaxed, both. They only decide when the next segment is prepared.
        let limit_position = self.limit_position.load(Ordering::Relaxed);
        self.limit_position.store(limit_position.saturating_add(bytes), Ordering::Relaxed);
    }

    /// Returns how many bytes of a spare segment are prefaulted: its header and META records, if the rest
    /// will be written by calls.
    pub(crate) fn prefault_bytes(&self, is_cached: bool) -> usize {
        if !self.writes_by_calls() || is_cached {
            return self.segments.rules.prefault_bytes;
        }
        // ORDERING: Relaxed. It only decides which pages are prefaulted.
        let first_bytes = FILE_HEADER_LEN as u64 + self.preamble_bytes.load(Ordering::Relaxed);
        first_bytes.next_multiple_of(PAGE_BYTES) as usize
    }

    /// Sets the length of the META records that the next segment begins with.
    pub(crate) fn set_preamble_bytes(&self, bytes: u64) {
        // ORDERING: Relaxed, see `prefault_bytes`.
        self.preamble_bytes.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn writes_by_calls(&self) -> bool {
        // ORDERING: Relaxed. It only decides which pages are prefaulted.
        self.writes_by_calls.load(Ordering::Relaxed)
    }

    /// Notes whether the writer stores by calls. Only the writer calls this.
    pub(crate) fn set_writes_by_calls(&self, by_calls: bool) {
        // ORDERING: Relaxed, see `writes_by_calls`.
        self.writes_by_calls.store(by_calls, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
