//! Deletes or recycles the segments that [`Retention`](super::retention::Retention) lets go.
#![forbid(unsafe_code)]

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ringlog_nostd::format::FILE_HEADER_LEN;

use crate::os::sync::lock;
use crate::os::time::unix_nanos;
use crate::storage::cursor::list::needed_from;
use crate::storage::error::{CreateError, SyncError};
use crate::storage::maintenance::maintenance::{Maintenance, SpareState};
use crate::storage::maintenance::retention::{FinishedSegment, RetentionInputs};
use crate::storage::read::seek::index_cache;
use crate::storage::segment::spare::SpareSegment;

/// What a retired segment became.
pub(crate) enum Retired {
    Recycled(SpareSegment),
    Gone,
}

impl Maintenance {
    /// Retires what is over the limits, by age also while nothing is being written.
    pub(crate) fn retention_step(&self) -> Result<(), SyncError> {
        let _turn = lock(&self.preparing);
        self.check_owner()?;
        let _ = self.retire(false);
        Ok(())
    }

    /// Retires what is over the limits. If the next segment is `wanted`, the first retired one that fits becomes it.
    pub(crate) fn retire(&self, wanted: bool) -> Option<SpareSegment> {
        if !self.rules.retention.is_limited() {
            return None;
        }
        let mut recycled = None;
        for _ in 0..self.count_due(wanted) {
            match self.retire_oldest(wanted && recycled.is_none()) {
                Some(Retired::Recycled(prepared)) => recycled = Some(prepared),
                Some(Retired::Gone) => {}
                None => break,
            }
        }
        recycled
    }

    /// Returns how many of the oldest segments are over the limits: [`Retention`](super::retention::Retention) decides, this
    /// gathers what it has to know.
    pub(crate) fn count_due(&self, wanted: bool) -> usize {
        // Reads files, and so comes before the lock that a roll takes, too.
        let needed_from = needed_from(&self.folder);
        // Under this lock a segment is either kept or open: see `keep`.
        let mut kept = lock(&self.kept);
        let open = self.open_segments() as u64;
        // After counting the open ones: the writer may roll to it at any time, and then it counts once.
        let has_next = wanted || matches!(*lock(&self.next), SpareState::Ready(_));
        let fixed_bytes = (u64::from(has_next) + open) * self.rules.segment_bytes;
        let around = RetentionInputs { fixed_bytes, fixed_segments: open, now: unix_nanos(), needed_from };
        kept.iter_mut().for_each(|segment| segment.end_by(around.now));
        self.rules.retention.count_to_retire(kept.iter(), &around)
    }

    /// Retires the oldest segment; `None` if none may be retired, or it fails. An error is kept as `retention_error`.
    pub(crate) fn retire_oldest(&self, recycle: bool) -> Option<Retired> {
        let oldest = self.pop_oldest()?;
        match self.retire_one(&oldest, recycle) {
            Ok(retired) => {
                self.forget_unsynced(&oldest.path);
                self.forget_damage(&oldest.path);
                index_cache::forget(&oldest.path);
                // ORDERING: Relaxed, see `begins_at`.
                self.begins_at.fetch_max(oldest.next_sequence, Ordering::Relaxed);
                Some(retired)
            }
            Err(source) => {
                let (path, action) = (oldest.path.clone(), "delete the retired segment");
                self.note(CreateError::Io { path, action, source });
                // Later ones stay, too: segments may be missing only at the start of a log.
                lock(&self.kept).push_front(oldest);
                None
            }
        }
    }

    /// Takes the oldest segment that may be retired. The newest finished one stays while the next one holds nothing,
    /// because it shows where the log continues.
    pub(crate) fn pop_oldest(&self) -> Option<FinishedSegment> {
        // Read without the lock, which a roll takes: the answer may have to wait for the disk.
        let current = lock(&self.open).back().map(|open| Arc::clone(&open.flusher));
        let is_begun = current.is_some_and(|flusher| {
            flusher.is_named() && flusher.map().write_offset() > FILE_HEADER_LEN as u64
        });
        let mut kept = lock(&self.kept);
        if kept.len() > 1 || is_begun { kept.pop_front() } else { None }
    }

    /// Recycles a segment if it fits, and deletes it otherwise.
    fn retire_one(&self, segment: &FinishedSegment, recycle: bool) -> io::Result<Retired> {
        if recycle && self.rules.may_recycle() {
            let (platform, is_cached) = (&*self.platform, self.is_log_cached());
            let (segment_bytes, prefault_bytes) =
                (self.rules.segment_bytes, self.spare_prefault_bytes(is_cached));
            match SpareSegment::recycled(platform, &segment.path, segment_bytes, prefault_bytes, is_cached) {
                Ok(None) => {}
                Ok(Some(prepared)) => return Ok(Retired::Recycled(prepared)),
                // Deleted below, which makes room on a full disk.
                Err(CreateError::DiskFull { .. }) => {}
                Err(error) => self.note(error),
            }
        }
        match self.platform.remove(&segment.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // One at a time, each made durable.
        self.platform.sync_folder(&self.folder).map(|()| Retired::Gone)
    }

    pub(crate) fn note(&self, error: CreateError) {
        *lock(&self.retention_error) = Some(error);
    }
}
