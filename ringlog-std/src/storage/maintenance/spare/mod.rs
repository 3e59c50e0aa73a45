//! The next segment, and the segments that are retired to make room for it.
#![forbid(unsafe_code)]

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::os::sync::{lock, now};
use crate::storage::error::{CreateError, SyncError};
use crate::storage::maintenance::maintenance::{Maintenance, SpareState};
use crate::storage::maintenance::policies::{FullDisk, SyncPolicy};
use crate::storage::maintenance::retire::Retired;
use crate::storage::segment::flusher::SegmentFlusher;
use crate::storage::segment::spare::SpareSegment;

/// How long after a failure the next segment is tried again.
const RETRY: Duration = Duration::from_millis(50);
/// The next segment is prepared once this many bytes of the active one are written, or a sixteenth of it.
const PREPARE_AFTER_BYTES: u64 = 1 << 20;

impl Maintenance {
    /// Returns the next segment if it is ready, the error if it could not be made, `None` if neither is known yet.
    pub(crate) fn take_spare(&self) -> Option<Result<SpareSegment, CreateError>> {
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
    pub(crate) fn request_spare(&self) {
        // ORDERING: Relaxed. It only asks for a step; a lock hands the segment over.
        self.is_spare_requested.store(true, Ordering::Relaxed);
    }

    /// Renames new segments into place, prepares the next one if there is none and it may soon be needed, and retires
    /// others.
    ///
    /// Returns whether there was anything to do.
    pub(crate) fn spare_step(&self, is_wanted_now: bool) -> Result<bool, SyncError> {
        let _turn = lock(&self.preparing);
        self.rename_all_into_place()?;
        if self.rules.sync == SyncPolicy::Never {
            self.close_without_sync()?;
        }
        // ORDERING: Relaxed, see `request_spare`.
        let is_wanted_now = self.is_spare_requested.swap(false, Ordering::Relaxed) || is_wanted_now;
        let wanted = (is_wanted_now || self.is_far_enough()) && self.is_spare_missing(is_wanted_now);
        if wanted {
            self.check_owner()?;
            let made = self.prepare();
            *lock(&self.next) = match made {
                Ok(prepared) => SpareState::Ready(prepared),
                Err(error) => SpareState::Failed { error, try_at: now() + RETRY },
            };
        }
        Ok(wanted)
    }

    /// Returns whether the next segment can be prepared now, and may soon be needed.
    pub(crate) fn is_spare_due(&self) -> bool {
        self.is_far_enough() && self.is_spare_missing(false)
    }

    fn rename_all_into_place(&self) -> Result<(), SyncError> {
        let open: Vec<_> = lock(&self.open).iter().map(|open| Arc::clone(&open.flusher)).collect();
        open.iter().try_for_each(|flusher| flusher.rename_into_place())
    }

    fn is_far_enough(&self) -> bool {
        let threshold = (self.rules.segment_bytes / 16).min(PREPARE_AFTER_BYTES);
        lock(&self.open).back().is_some_and(|open| {
            open.flusher.map().write_offset() >= threshold && !self.may_be_last(&open.flusher)
        })
    }

    /// Returns whether the run reaches its limit before the end of this segment. If it needs another one after all,
    /// for a GAP record, it has to wait.
    fn may_be_last(&self, current: &SegmentFlusher) -> bool {
        // ORDERING: Relaxed, see `skip`.
        let limit_position = self.limit_position.load(Ordering::Relaxed);
        self.rules.roll_after.is_none() && limit_position <= current.end_position()
    }

    fn is_spare_missing(&self, is_wanted_now: bool) -> bool {
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
            let (segment_bytes, prefault_bytes) =
                (self.rules.segment_bytes, self.spare_prefault_bytes(false));
            let made = SpareSegment::fresh(&*self.platform, &self.folder, segment_bytes, prefault_bytes);
            // Beyond the limit on the size of a file, freed space is of no use.
            let is_full = matches!(&made, Err(CreateError::DiskFull { source, .. })
                if source.kind() != io::ErrorKind::FileTooLarge);
            if !is_full || self.rules.full_disk != FullDisk::RecycleOldest {
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
    pub(crate) fn discard_spare(&self) {
        if let Some(Ok(prepared)) = self.take_spare() {
            prepared.discard(&*self.platform);
        }
    }
}

#[cfg(test)]
mod tests;
