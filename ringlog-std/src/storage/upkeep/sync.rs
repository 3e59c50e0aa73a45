//! Syncing and finishing segments, in the order of the log.
#![forbid(unsafe_code)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::{Open, Upkeep, bytes_on_disk};
use crate::storage::durable::{Durable, lock};
use crate::storage::error::SyncError;
use crate::storage::log_policies::SyncPolicy;
use crate::storage::retention::Kept;
use crate::storage::unfinished::finish_file;

impl Upkeep {
    /// Finishes segments that are full, and syncs the one that is being written if the policy says so.
    ///
    /// Returns whether there was anything to do.
    pub(in crate::storage) fn sync_step(&self) -> Result<bool, SyncError> {
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
    pub(in crate::storage) fn sync_now(&self) -> Result<(), SyncError> {
        let mut last = lock(&self.syncing);
        self.finish_unsynced()?;
        self.finish_full()?;
        last.at = Instant::now();
        self.current().map_or(Ok(()), |current| self.sync_current(&current))
    }

    /// Finishes everything, the segment that was being written included. Its writer has ended.
    pub(in crate::storage) fn finish_all(&self) -> Result<(), SyncError> {
        let _last = lock(&self.syncing);
        self.finish_unsynced()?;
        self.finish_full()?;
        let last = lock(&self.open).front().cloned();
        match last {
            Some(open) => self.finish(&open, None),
            // Nothing is left that would say so.
            None if self.is_poisoned() => Err(SyncError::Poisoned { path: self.folder.clone() }),
            None => Ok(()),
        }
    }

    /// No sync goes on before this is dropped: a slow disk.
    #[cfg(all(test, ringlog_shuttle))]
    pub(in crate::storage) fn hold_syncs(&self) -> impl Drop + '_ {
        lock(&self.syncing)
    }

    /// The segment that was being written has no record and goes.
    pub(in crate::storage) fn remove_current(&self, durable: &Durable) -> Result<(), SyncError> {
        lock(&self.open).pop_back();
        durable.remove()
    }

    /// The oldest segment that is not finished: the one being written, unless the writer has just gone on. Then
    /// that one is not synced before the older one is, so that the watermark never passes over a gap.
    fn current(&self) -> Option<Arc<Durable>> {
        lock(&self.open).front().map(|open| Arc::clone(&open.durable))
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
        match next {
            Some(next) => self.keep(open, next),
            None => self.close_oldest(open),
        }
        Ok(())
    }

    /// This one, and no other, is open no longer.
    fn close_oldest(&self, open: &Open) {
        let mut all = lock(&self.open);
        if all.front().is_some_and(|oldest| Arc::ptr_eq(&oldest.durable, &open.durable)) {
            all.pop_front();
        }
    }

    /// The segment is finished; from now on it may be retired.
    ///
    /// For whoever holds the lock of those that are kept, it is among them or open, and not both: retention counts them.
    fn keep(&self, open: &Open, next: &Open) {
        let path = open.durable.path().to_owned();
        let bytes = bytes_on_disk(&path).unwrap_or(self.rules.segment_bytes);
        let (ended_at, ended, next_sequence) = (next.begun_at, Some(next.begun), next.base_sequence);
        let mut kept = lock(&self.kept);
        self.close_oldest(open);
        kept.push_back(Kept { path, bytes, ended_at, ended, next_sequence });
    }

    /// Where nothing is synced: full segments are put down as they are.
    pub(in crate::storage) fn set_down_unsynced(&self) -> Result<(), SyncError> {
        // Somebody who syncs finishes them meanwhile.
        let Ok(_last) = self.syncing.try_lock() else { return Ok(()) };
        while let Some((oldest, next)) = self.oldest_full() {
            // The writer may have begun it, and the next one, since names were given.
            oldest.durable.give_name()?;
            oldest.durable.punch_tail();
            lock(&self.unsynced).push_back(oldest.durable.path().to_owned());
            self.keep(&oldest, &next);
        }
        Ok(())
    }

    fn finish_unsynced(&self) -> Result<(), SyncError> {
        loop {
            let Some(path) = lock(&self.unsynced).front().cloned() else { return Ok(()) };
            finish_file(&self.platform, &path, &self.poisoned)?;
            self.forget_unsynced(&path);
        }
    }

    /// The oldest of those that were put down is finished, or gone.
    pub(super) fn forget_unsynced(&self, path: &Path) {
        let mut unsynced = lock(&self.unsynced);
        if unsynced.front().is_some_and(|oldest| oldest == path) {
            unsynced.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventHeader;
    use crate::storage::LogWriter;
    use crate::storage::platform::Linux;
    use std::sync::atomic::AtomicBool;
    use std::thread;

    /// What retention counts while segments are finished is never less than there is.
    #[test]
    fn a_segment_is_kept_or_open_at_each_moment() {
        let folder = tempfile::tempdir().unwrap();
        let options = LogWriter::options().segment_bytes(4096).sync(SyncPolicy::EveryBytes(1 << 20));
        let mut writer = LogWriter::open_at(folder.path(), options, Arc::new(Linux), false).unwrap();
        let (upkeep, has_ended) = (Arc::clone(&writer.upkeep), AtomicBool::new(false));
        thread::scope(|scope| {
            let counter = scope.spawn(|| {
                let mut most = 0;
                while !has_ended.load(Ordering::Relaxed) {
                    let kept = lock(&upkeep.kept);
                    let count = kept.len() + upkeep.open_segments();
                    assert!(count >= most, "{count} segments of {most}");
                    most = count;
                }
            });
            for number in 0..100 {
                writer.write_event(&EventHeader::new(number, 0, 0), b"").unwrap();
                writer.roll().unwrap();
                upkeep.sync_step().unwrap();
            }
            has_ended.store(true, Ordering::Relaxed);
            counter.join().unwrap();
        });
        assert_eq!(lock(&upkeep.kept).len(), 100);
        writer.close().unwrap();
    }
}
