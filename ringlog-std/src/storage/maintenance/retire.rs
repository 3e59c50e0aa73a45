//! Deletes or recycles the segments that [`Retention`](super::retention::Retention) lets go.
#![forbid(unsafe_code)]

use std::io;

use crate::os::sync::lock;
use crate::os::time::unix_nanos;
use crate::storage::cursor::list::needed_from;
use crate::storage::error::CreateError;
use crate::storage::maintenance::retention::{FinishedSegment, RetentionInputs};
use crate::storage::maintenance::segments::LogSegments;
use crate::storage::maintenance::spare::{Retired, SpareState, Spares};
use crate::storage::read::seek::index_cache;
use crate::storage::segment::spare::SpareSegment;

impl Spares {
    /// Retires what is over the limits. If the next segment is `wanted`, the first retired one that fits becomes it.
    pub(crate) fn retire(&self, wanted: bool) -> Option<SpareSegment> {
        if !self.segments.rules.retention.is_limited() {
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

    /// Returns how many of the oldest segments are over the limits.
    pub(crate) fn count_due(&self, wanted: bool) -> usize {
        // Reads files, and so comes before the lock that a roll takes, too.
        let needed_from = needed_from(&self.segments.folder);
        let around = RetentionInputs { now: unix_nanos(), needed_from, ..RetentionInputs::default() };
        let has_spare = || wanted || matches!(*lock(&self.next), SpareState::Ready(_));
        self.segments.count_to_retire(around, has_spare)
    }

    /// Retires the oldest segment; `None` if none may be retired, or it fails. An error is kept as `retention_error`.
    pub(crate) fn retire_oldest(&self, recycle: bool) -> Option<Retired> {
        let oldest = self.segments.pop_oldest()?;
        match self.retire_one(&oldest, recycle) {
            Ok(retired) => {
                self.segments.begin_after(&oldest);
                self.segments.tally.add_retired(oldest.bytes);
                index_cache::forget(&oldest.path);
                Some(retired)
            }
            Err(source) => {
                let (path, action) = (oldest.path.clone(), "delete the retired segment");
                self.segments.note(CreateError::Io { path, action, source });
                self.segments.push_oldest(oldest);
                None
            }
        }
    }

    /// Recycles a segment if it fits, and deletes it otherwise.
    fn retire_one(&self, segment: &FinishedSegment, recycle: bool) -> io::Result<Retired> {
        let LogSegments { platform, folder, rules, .. } = &*self.segments;
        if recycle && rules.may_recycle() {
            let is_cached = self.segments.is_log_cached();
            let (path, prefault_bytes) = (&segment.path, self.prefault_bytes(is_cached));
            match SpareSegment::recycled(&**platform, path, rules.segment_bytes, prefault_bytes, is_cached) {
                Ok(None) => {}
                Ok(Some(prepared)) => return Ok(Retired::Recycled(prepared)),
                // Deleted below, which makes room on a full disk.
                Err(CreateError::DiskFull { .. }) => {}
                Err(error) => self.segments.note(error),
            }
        }
        match platform.remove(&segment.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // One at a time, each made durable.
        platform.sync_folder(folder).map(|()| Retired::Gone)
    }
}
