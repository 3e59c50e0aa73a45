//! Syncing and finishing segments, in the order of the log.
#![forbid(unsafe_code)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::os::files::open_to_read;
use crate::os::lock_holder::exclusive_holder;
use crate::os::sync::lock;
use crate::storage::error::{CreateError, ReadError, SyncError};
use crate::storage::maintenance::maintenance::{Maintenance, UnfinishedSegment, bytes_on_disk};
use crate::storage::maintenance::policies::SyncPolicy;
use crate::storage::maintenance::retention::FinishedSegment;
use crate::storage::recovery::resync::{Damage, FinishInputs, Finished, NeedsSync};
use crate::storage::segment::flusher::SegmentFlusher;
use crate::storage::segment::share::WRITER_WAITS;

impl Maintenance {
    /// Finishes segments that are full, and syncs the active one if the policy asks for it.
    ///
    /// Returns whether there was anything to do.
    pub(crate) fn sync_step(&self) -> Result<bool, SyncError> {
        let mut last = lock(&self.syncing);
        let finished = self.finish_unsynced()? | self.finish_full()?;
        let Some(current) = self.current() else { return Ok(finished) };
        if !self.is_sync_due(&current, last.at) {
            return Ok(finished);
        }
        last.at = Instant::now();
        self.sync_current(&current)?;
        Ok(true)
    }

    /// Makes everything durable that was written before the call.
    pub(crate) fn sync_now(&self) -> Result<(), SyncError> {
        self.check_owner()?;
        let mut last = lock(&self.syncing);
        self.finish_unsynced()?;
        self.finish_full()?;
        last.at = Instant::now();
        self.current().map_or(Ok(()), |current| self.sync_current(&current))
    }

    /// Finishes everything, the active segment included, and retires what is over the limits. The writer has ended.
    pub(crate) fn finish_all(&self) -> Result<(), SyncError> {
        let _last = lock(&self.syncing);
        self.finish_unsynced()?;
        self.finish_full()?;
        let last = lock(&self.open).front().cloned();
        if let Some(last) = &last {
            self.finish(last)?;
        } else if self.is_poisoned() {
            // Nothing else is left that would report it.
            return Err(SyncError::Poisoned { path: self.folder.clone() });
        }
        // Those that were finished just now could not be retired before. The last one still counts as open.
        self.retention_step()?;
        if let Some(last) = &last {
            self.close_oldest(last);
        }
        Ok(())
    }

    /// Blocks syncs until this is dropped, as a slow disk does.
    #[cfg(test)]
    pub(crate) fn hold_syncs(&self) -> impl Drop + '_ {
        lock(&self.syncing)
    }

    /// Deletes the active segment, which has no record.
    pub(crate) fn remove_current(&self, flusher: &SegmentFlusher) -> Result<(), SyncError> {
        lock(&self.open).pop_back();
        flusher.remove()
    }

    /// Returns the oldest segment that is not finished: the active one, unless the writer has just rolled. Then the
    /// new one is not synced before the older one is, so that the watermark never passes over a gap.
    fn current(&self) -> Option<Arc<SegmentFlusher>> {
        lock(&self.open).front().map(|open| Arc::clone(&open.flusher))
    }

    fn is_sync_due(&self, current: &SegmentFlusher, last: Instant) -> bool {
        let dirty_bytes = Self::dirty_bytes(current);
        match self.rules.sync {
            SyncPolicy::Never | SyncPolicy::EveryEvent => false,
            SyncPolicy::EveryBytes(most) => dirty_bytes >= most.max(1),
            SyncPolicy::EveryInterval(interval) => dirty_bytes > 0 && last.elapsed() >= interval,
        }
    }

    /// Returns whether the policy asks for a sync that no thread is doing.
    pub(crate) fn is_sync_wanted(&self) -> bool {
        if matches!(self.rules.sync, SyncPolicy::Never | SyncPolicy::EveryEvent) {
            return false;
        }
        let Ok(last) = self.syncing.try_lock() else { return false };
        self.current().is_some_and(|current| self.is_sync_due(&current, last.at))
    }

    /// Returns how long until the policy asks for the next sync, for what is written by now. `None` if that asks for none.
    pub(crate) fn time_to_sync(&self) -> Option<Duration> {
        let last = lock(&self.syncing);
        let current = self.current()?;
        if self.is_sync_due(&current, last.at) {
            return Some(Duration::ZERO);
        }
        match self.rules.sync {
            SyncPolicy::EveryInterval(interval) if Self::dirty_bytes(&current) > 0 => {
                Some(interval.saturating_sub(last.at.elapsed()))
            }
            _ => None,
        }
    }

    fn dirty_bytes(current: &SegmentFlusher) -> u64 {
        current.map().write_offset() - current.synced_offset()
    }

    fn sync_current(&self, current: &SegmentFlusher) -> Result<(), SyncError> {
        current.sync()?;
        self.note_durable(current);
        Ok(())
    }

    /// Raises the watermark, unless there is damage: it promises everything below it.
    fn note_durable(&self, flusher: &SegmentFlusher) {
        if self.is_after_damage() {
            return;
        }
        // ORDERING: Relaxed, see `durable_position`.
        self.durable_position.fetch_max(flusher.durable_position(), Ordering::Relaxed);
    }

    /// Finishes all segments but the active one.
    fn finish_full(&self) -> Result<bool, SyncError> {
        let mut any = false;
        while let Some((oldest, next)) = self.oldest_full() {
            self.finish(&oldest)?;
            self.keep(&oldest, &next);
            any = true;
        }
        Ok(any)
    }

    fn oldest_full(&self) -> Option<(UnfinishedSegment, UnfinishedSegment)> {
        let open = lock(&self.open);
        Some((open.front()?.clone(), open.get(1)?.clone()))
    }

    fn finish(&self, open: &UnfinishedSegment) -> Result<(), SyncError> {
        open.flusher.finish(!self.is_after_damage())?;
        self.note_durable(&open.flusher);
        Ok(())
    }

    /// Removes this segment, and no other, from the open ones.
    fn close_oldest(&self, open: &UnfinishedSegment) {
        let mut all = lock(&self.open);
        if all.front().is_some_and(|oldest| Arc::ptr_eq(&oldest.flusher, &open.flusher)) {
            all.pop_front();
        }
    }

    /// Moves a finished segment to the kept ones; from now on it may be retired.
    ///
    /// A thread that holds the lock of the kept ones sees the segment there or among the open ones, and not in both:
    /// retention counts them.
    fn keep(&self, open: &UnfinishedSegment, next: &UnfinishedSegment) {
        let path = open.flusher.path().to_owned();
        let bytes = bytes_on_disk(&path).unwrap_or(self.rules.segment_bytes);
        let (ended_at, ended, next_sequence) = (next.begun_at, Some(next.begun), next.base_sequence);
        let mut kept = lock(&self.kept);
        self.close_oldest(open);
        kept.push_back(FinishedSegment { path, bytes, ended_at, ended, next_sequence });
    }

    /// Closes full segments as they are, under a policy that syncs nothing.
    pub(crate) fn close_without_sync(&self) -> Result<(), SyncError> {
        // A thread that holds this lock is syncing, and finishes them.
        let Ok(_last) = self.syncing.try_lock() else { return Ok(()) };
        while let Some((oldest, next)) = self.oldest_full() {
            // The writer may have begun it, and the next one, since the last renaming.
            oldest.flusher.rename_into_place()?;
            oldest.flusher.punch_tail();
            lock(&self.unsynced).push_back(NeedsSync::of_this_run(oldest.flusher.path()));
            self.keep(&oldest, &next);
        }
        Ok(())
    }

    /// Finishes what was closed without a sync, by this run or by one that died. Returns whether there was any.
    fn finish_unsynced(&self) -> Result<bool, SyncError> {
        let mut were_there = false;
        // One limit for all of them: the caller may be the thread that appends.
        let mut waits_left = WRITER_WAITS;
        loop {
            let Some(oldest) = lock(&self.unsynced).front().cloned() else { break };
            match self.finish_one(&oldest, &mut waits_left)? {
                Finished::Damaged(damage) => self.note_damage(&oldest.path, damage),
                Finished::Done | Finished::Locked => self.forget_unsynced(&oldest.path),
            }
            were_there = true;
        }
        // Everything before the oldest open segment is finished now.
        if were_there && let Some(current) = self.current() {
            self.note_durable(&current);
        }
        Ok(were_there)
    }

    /// Finishes one segment. If another program keeps it locked, nothing is retired meanwhile.
    fn finish_one(&self, unsynced: &NeedsSync, waits_left: &mut u32) -> Result<Finished, SyncError> {
        let is_after_damage = self.is_after_damage();
        let finish = |is_alone, waits_left: &mut u32| {
            let circumstances = FinishInputs { is_alone, is_after_damage };
            unsynced.finish(&self.platform, &self.poison, circumstances, waits_left)
        };
        match finish(false, waits_left)? {
            Finished::Locked => {}
            other => return Ok(other),
        }
        let path = unsynced.path.clone();
        let pid = open_to_read(&path).ok().as_ref().and_then(exclusive_holder);
        self.note(CreateError::LockedSegment { path, pid });
        let _turn = lock(&self.preparing);
        finish(true, &mut 0)
    }

    /// Notes that the oldest unsynced segment is damaged. Nothing after it is promised.
    fn note_damage(&self, path: &Path, damage: Damage) {
        let mut unsynced = lock(&self.unsynced);
        if unsynced.front().is_none_or(|oldest| oldest.path != path) {
            // It was retired meanwhile.
            return;
        }
        if let Some(position) = damage.durable_position
            && !self.is_after_damage()
        {
            // ORDERING: Relaxed, see `durable_position`.
            self.durable_position.fetch_max(position, Ordering::Relaxed);
        }
        unsynced.pop_front();
        let mut damaged = lock(&self.damaged);
        damaged.segments.push(path.into());
        damaged.unreported.push_back(damage.error);
    }

    /// Returns whether a segment of a dead writer is damaged, so that nothing after it can be promised.
    fn is_after_damage(&self) -> bool {
        !lock(&self.damaged).segments.is_empty()
    }

    /// Forgets the damage of a segment that is gone. Without it the watermark rises again.
    pub(crate) fn forget_damage(&self, path: &Path) {
        lock(&self.damaged).segments.retain(|damaged| damaged != path);
    }

    /// Returns what is damaged in a dead writer's segments, each damage once.
    pub(crate) fn take_damage(&self) -> Option<ReadError> {
        lock(&self.damaged).unreported.pop_front()
    }

    /// Removes the oldest unsynced segment, which is finished or gone.
    pub(crate) fn forget_unsynced(&self, path: &Path) {
        let mut unsynced = lock(&self.unsynced);
        if unsynced.front().is_some_and(|oldest| oldest.path == path) {
            unsynced.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::log::writer::LogWriter;
    use crate::storage::maintenance::retention::Retention;
    use crate::storage::read::mapped::log_reader::LogReader;
    use crate::storage::tests::single_step::{STRIDE, alone, fill, write};
    use std::path::PathBuf;
    use std::sync::atomic::AtomicBool;
    use std::thread;

    fn open(folder: &Path, sync: SyncPolicy) -> LogWriter {
        alone(folder, LogWriter::options().segment_bytes(4096).sync(sync))
    }

    /// While segments are finished, retention never counts less than there is.
    #[test]
    fn a_segment_is_kept_or_open_at_each_moment() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = open(folder.path(), SyncPolicy::EveryBytes(1 << 20));
        let (maintenance, has_ended) = (Arc::clone(&writer.maintenance), AtomicBool::new(false));
        thread::scope(|scope| {
            let counter = scope.spawn(|| {
                let mut most = 0;
                while !has_ended.load(Ordering::Relaxed) {
                    let kept = lock(&maintenance.kept);
                    let count = kept.len() + maintenance.open_segments();
                    assert!(count >= most, "{count} segments of {most}");
                    most = count;
                }
            });
            fill(&mut writer, 100);
            has_ended.store(true, Ordering::Relaxed);
            counter.join().unwrap();
        });
        assert_eq!(lock(&maintenance.kept).len(), 100);
        writer.close().unwrap();
    }

    /// Takes a step before the first event and after each of `events` events.
    fn syncs(sync: SyncPolicy, events: u64) -> Vec<bool> {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = open(folder.path(), sync);
        let mut steps = vec![writer.maintenance.sync_step().unwrap()];
        for number in 0..events {
            write(&mut writer, number).unwrap();
            steps.push(writer.maintenance.sync_step().unwrap());
            let is_durable = writer.durable_position() == writer.position();
            assert_eq!(is_durable, *steps.last().unwrap(), "{sync:?}");
        }
        writer.close().unwrap();
        steps
    }

    #[test]
    fn the_segment_that_is_written_is_synced_when_the_policy_says_so_and_only_then() {
        assert_eq!(syncs(SyncPolicy::EveryBytes(0), 2), [false, true, true]);
        assert_eq!(syncs(SyncPolicy::EveryBytes(STRIDE), 2), [false, true, true]);
        assert_eq!(syncs(SyncPolicy::EveryBytes(STRIDE + 1), 4), [false, false, true, false, true]);
        assert_eq!(syncs(SyncPolicy::EveryInterval(Duration::ZERO), 2), [false, true, true]);
        assert_eq!(syncs(SyncPolicy::EveryInterval(Duration::from_secs(3600)), 2), [false; 3]);
        assert_eq!(syncs(SyncPolicy::Never, 2), [false; 3]);
    }

    #[test]
    fn a_worker_that_syncs_sleeps_until_the_policy_asks_for_the_next_sync() {
        let hour = Duration::from_secs(3600);
        for (sync, clean, dirty) in [
            (SyncPolicy::EveryBytes(1), None, Some(Duration::ZERO)),
            (SyncPolicy::EveryBytes(1 << 20), None, None),
            (SyncPolicy::EveryInterval(Duration::ZERO), None, Some(Duration::ZERO)),
            (SyncPolicy::EveryInterval(hour), None, Some(hour)),
            (SyncPolicy::EveryEvent, None, None),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let mut writer = open(folder.path(), sync);
            // `EveryEvent` has synced it by now.
            let asked = |writer: &LogWriter| {
                writer.maintenance.time_to_sync().map(|time| time.as_secs().div_ceil(60))
            };
            assert_eq!(asked(&writer), clean, "{sync:?}");
            write(&mut writer, 0).unwrap();
            assert_eq!(asked(&writer), dirty.map(|time: Duration| time.as_secs() / 60), "{sync:?}");
            assert_eq!(writer.maintenance.is_sync_wanted(), dirty == Some(Duration::ZERO), "{sync:?}");
            let _held = writer.maintenance.hold_syncs();
            assert!(!writer.maintenance.is_sync_wanted(), "another thread syncs");
        }
    }

    #[test]
    fn a_step_reports_that_it_has_finished_a_segment() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = open(folder.path(), SyncPolicy::EveryBytes(1 << 20));
        write(&mut writer, 0).unwrap();
        writer.roll().unwrap();
        assert!(writer.maintenance.sync_step().unwrap());
        assert_eq!((writer.durable_position(), writer.maintenance.open_segments()), (STRIDE, 1));
        assert!(!writer.maintenance.sync_step().unwrap());
        writer.close().unwrap();
    }

    #[test]
    fn an_empty_segment_may_go_where_another_says_where_the_log_continues() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = open(folder.path(), SyncPolicy::EveryBytes(1 << 20));
        let may_go = |writer: &LogWriter, position| writer.maintenance.has_other_segments_or_is_new(position);
        assert!(may_go(&writer, 0) && !may_go(&writer, STRIDE));
        write(&mut writer, 0).unwrap();
        writer.roll().unwrap();
        assert!(may_go(&writer, STRIDE), "one that is not finished");
        writer.maintenance.sync_step().unwrap();
        assert!(may_go(&writer, STRIDE), "one that is");
        writer.close().unwrap();
    }

    #[test]
    fn of_those_that_were_closed_without_sync_only_the_oldest_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = open(folder.path(), SyncPolicy::Never);
        for number in 0..2 {
            write(&mut writer, number).unwrap();
            writer.roll().unwrap();
            writer.maintenance.spare_step(false).unwrap();
        }
        let maintenance = Arc::clone(&writer.maintenance);
        let paths =
            || -> Vec<PathBuf> { lock(&maintenance.unsynced).iter().map(|it| it.path.clone()).collect() };
        let all = paths();
        assert_eq!(all.len(), 2);
        writer.maintenance.forget_unsynced(&all[1]);
        assert_eq!(paths(), all);
        writer.maintenance.forget_unsynced(&all[0]);
        assert_eq!(paths(), all[1..]);
        writer.sync().unwrap();
        assert!(paths().is_empty());
        writer.close().unwrap();
    }

    #[test]
    fn closing_retires_the_segments_that_it_finishes() {
        let folder = tempfile::tempdir().unwrap();
        let retention = Retention { max_segments: Some(3), ..Retention::default() };
        let options = LogWriter::options().segment_bytes(4096).retention(retention);
        let mut writer = alone(folder.path(), options.sync(SyncPolicy::EveryBytes(1 << 20)));
        for number in 0..6 {
            write(&mut writer, number).unwrap();
            writer.roll().unwrap();
        }
        write(&mut writer, 6).unwrap();
        assert_eq!(writer.maintenance.open_segments(), 7, "no sync has finished any");
        writer.close().unwrap();
        assert_eq!(LogReader::open(folder.path()).unwrap().segments().len(), 3);
    }

    #[test]
    fn where_no_segment_is_left_only_a_failed_sync_keeps_a_log_from_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let writer = open(folder.path(), SyncPolicy::EveryEvent);
        let maintenance = Arc::clone(&writer.maintenance);
        writer.close().unwrap();
        assert_eq!(maintenance.open_segments(), 0);
        maintenance.finish_all().unwrap();
        maintenance.poison.set();
        assert!(matches!(maintenance.finish_all(), Err(SyncError::Poisoned { .. })));
    }
}
