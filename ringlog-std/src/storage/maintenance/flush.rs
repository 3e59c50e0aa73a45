//! The owner of the syncs: it finishes segments, in the order of the log, and knows what is durable.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::os::files::open_to_read;
use crate::os::lock_holder::exclusive_holder;
use crate::os::sync::{AtomicU64, Mutex, lock};
use crate::storage::error::{CreateError, ReadError, SyncError};
use crate::storage::maintenance::policies::SyncPolicy;
use crate::storage::maintenance::segments::{LogSegments, UnfinishedSegment};
use crate::storage::recovery::resync::{Damage, FinishInputs, Finished, NeedsSync};
use crate::storage::segment::flusher::SegmentFlusher;
use crate::storage::segment::share::WRITER_WAITS;

/// The syncs of a log.
pub(crate) struct Syncs {
    segments: Arc<LogSegments>,
    /// Held for a whole sync, so that watermarks rise in the order of the log.
    syncing: Mutex<SyncState>,
    durable_position: AtomicU64,
    /// What is wrong with segments of dead writers, until it is reported.
    damage: Mutex<VecDeque<ReadError>>,
}

struct SyncState {
    /// When the active segment was synced last.
    last: Instant,
    /// Sealed and not synced, oldest first, all of them before the open ones.
    unsynced: VecDeque<NeedsSync>,
    /// The newest segment of a dead writer that is damaged. Nothing after it is promised as long as it is there.
    damaged: Option<PathBuf>,
}

impl Syncs {
    pub(crate) fn new(
        segments: &Arc<LogSegments>,
        unsynced: VecDeque<NeedsSync>,
        durable_position: u64,
    ) -> Self {
        Self {
            segments: Arc::clone(segments),
            syncing: Mutex::new(SyncState { last: Instant::now(), unsynced, damaged: None }),
            durable_position: AtomicU64::new(durable_position),
            damage: Mutex::default(),
        }
    }

    /// Returns the log's position below which everything is on stable storage.
    pub(crate) fn durable_position(&self) -> u64 {
        // ORDERING: Relaxed. The number guards no other memory.
        self.durable_position.load(Ordering::Relaxed)
    }

    /// Finishes segments that are full, and syncs the active one if the policy asks for it.
    ///
    /// Returns whether there was anything to do.
    pub(crate) fn step(&self) -> Result<bool, SyncError> {
        let mut state = lock(&self.syncing);
        let finished = self.finish_unsynced(&mut state)? | self.finish_full(&state)?;
        let Some(current) = self.current() else { return Ok(finished) };
        if !self.is_due(&current, state.last) {
            return Ok(finished);
        }
        state.last = Instant::now();
        self.sync_current(&state, &current)?;
        Ok(true)
    }

    /// Makes everything durable that was written before the call.
    pub(crate) fn sync_now(&self) -> Result<(), SyncError> {
        self.segments.check_owner()?;
        let mut state = lock(&self.syncing);
        self.finish_unsynced(&mut state)?;
        self.finish_full(&state)?;
        state.last = Instant::now();
        self.current().map_or(Ok(()), |current| self.sync_current(&state, &current))
    }

    /// Finishes everything, the active segment included. Returns that one, which still counts as open.
    pub(crate) fn finish_all(&self) -> Result<Option<UnfinishedSegment>, SyncError> {
        let mut state = lock(&self.syncing);
        self.finish_unsynced(&mut state)?;
        self.finish_full(&state)?;
        let last = self.segments.oldest_open();
        if let Some(last) = &last {
            self.finish(&state, last)?;
        } else if self.segments.poison.is_set() {
            // Nothing else is left that would report it.
            return Err(SyncError::Poisoned { path: self.segments.folder.clone() });
        }
        Ok(last)
    }

    /// Blocks syncs until this is dropped, as a slow disk does.
    #[cfg(test)]
    pub(crate) fn hold(&self) -> impl Drop + '_ {
        lock(&self.syncing)
    }

    fn current(&self) -> Option<Arc<SegmentFlusher>> {
        self.segments.oldest_open().map(|open| open.flusher)
    }

    fn is_due(&self, current: &SegmentFlusher, last: Instant) -> bool {
        let dirty_bytes = Self::dirty_bytes(current);
        match self.segments.rules.sync {
            SyncPolicy::Never | SyncPolicy::EveryEvent => false,
            SyncPolicy::EveryBytes(most) => dirty_bytes >= most.max(1),
            SyncPolicy::EveryInterval(interval) => dirty_bytes > 0 && last.elapsed() >= interval,
        }
    }

    /// Returns whether the policy asks for a sync that no thread is doing.
    pub(crate) fn is_wanted(&self) -> bool {
        if matches!(self.segments.rules.sync, SyncPolicy::Never | SyncPolicy::EveryEvent) {
            return false;
        }
        let Ok(state) = self.syncing.try_lock() else { return false };
        self.current().is_some_and(|current| self.is_due(&current, state.last))
    }

    /// Returns how long until the policy asks for the next sync, for what is written by now. `None` if that asks for none.
    pub(crate) fn time_to_next(&self) -> Option<Duration> {
        let state = lock(&self.syncing);
        let current = self.current()?;
        if self.is_due(&current, state.last) {
            return Some(Duration::ZERO);
        }
        match self.segments.rules.sync {
            SyncPolicy::EveryInterval(interval) if Self::dirty_bytes(&current) > 0 => {
                Some(interval.saturating_sub(state.last.elapsed()))
            }
            _ => None,
        }
    }

    fn dirty_bytes(current: &SegmentFlusher) -> u64 {
        current.map().write_offset() - current.synced_offset()
    }

    fn sync_current(&self, state: &SyncState, current: &SegmentFlusher) -> Result<(), SyncError> {
        let begun = Instant::now();
        current.sync()?;
        self.segments.tally.add_sync(begun.elapsed());
        self.note_durable(state, current);
        Ok(())
    }

    /// Raises the watermark, unless there is damage: it promises everything below it.
    fn note_durable(&self, state: &SyncState, flusher: &SegmentFlusher) {
        if self.is_after_damage(state) {
            return;
        }
        // ORDERING: Relaxed, see `durable_position`.
        self.durable_position.fetch_max(flusher.durable_position(), Ordering::Relaxed);
    }

    /// Finishes all segments but the active one.
    fn finish_full(&self, state: &SyncState) -> Result<bool, SyncError> {
        let mut any = false;
        while let Some((oldest, next)) = self.segments.oldest_full() {
            self.finish(state, &oldest)?;
            self.segments.keep(&oldest, &next);
            any = true;
        }
        Ok(any)
    }

    fn finish(&self, state: &SyncState, open: &UnfinishedSegment) -> Result<(), SyncError> {
        let begun = Instant::now();
        open.flusher.finish(!self.is_after_damage(state))?;
        self.segments.tally.add_sync(begun.elapsed());
        self.note_durable(state, &open.flusher);
        Ok(())
    }

    /// Closes full segments as they are, under a policy that syncs nothing.
    pub(crate) fn close_without_sync(&self) -> Result<(), SyncError> {
        // A thread that holds this lock is syncing, and finishes them.
        let Ok(mut state) = self.syncing.try_lock() else { return Ok(()) };
        while let Some((oldest, next)) = self.segments.oldest_full() {
            // The writer may have begun it, and the next one, since the last renaming.
            oldest.flusher.rename_into_place()?;
            oldest.flusher.punch_tail();
            state.unsynced.push_back(NeedsSync::of_this_run(oldest.flusher.path()));
            self.segments.keep(&oldest, &next);
        }
        // Those that were retired meanwhile need no sync.
        state.unsynced.retain(|unsynced| !self.segments.is_gone(&unsynced.path));
        Ok(())
    }

    /// Finishes what was closed without a sync, by this run or by one that died. Returns whether there was any.
    fn finish_unsynced(&self, state: &mut SyncState) -> Result<bool, SyncError> {
        let mut were_there = false;
        // One limit for all of them: the caller may be the thread that appends.
        let mut waits_left = WRITER_WAITS;
        while let Some(oldest) = state.unsynced.front().cloned() {
            match self.finish_one(state, &oldest, &mut waits_left)? {
                Finished::Damaged(damage) => self.note_damage(state, oldest, damage),
                Finished::Done | Finished::Locked => {}
            }
            state.unsynced.pop_front();
            were_there = true;
        }
        // Everything before the oldest open segment is finished now.
        if were_there && let Some(current) = self.current() {
            self.note_durable(state, &current);
        }
        Ok(were_there)
    }

    /// Finishes one segment. If another program keeps it locked, nothing is retired meanwhile.
    fn finish_one(
        &self,
        state: &SyncState,
        unsynced: &NeedsSync,
        waits_left: &mut u32,
    ) -> Result<Finished, SyncError> {
        let is_after_damage = self.is_after_damage(state);
        let LogSegments { platform, poison, preparing, .. } = &*self.segments;
        let finish = |is_alone, waits_left: &mut u32| {
            let circumstances = FinishInputs { is_alone, is_after_damage };
            unsynced.finish(platform, poison, circumstances, waits_left)
        };
        match finish(false, waits_left)? {
            Finished::Locked => {}
            other => return Ok(other),
        }
        let path = unsynced.path.clone();
        let pid = open_to_read(&path).ok().as_ref().and_then(exclusive_holder);
        self.segments.note(CreateError::LockedSegment { path, pid });
        let _turn = lock(preparing);
        finish(true, &mut 0)
    }

    /// Notes that an unsynced segment is damaged, unless it was retired meanwhile. Nothing after it is promised.
    fn note_damage(&self, state: &mut SyncState, unsynced: NeedsSync, damage: Damage) {
        if self.segments.is_gone(&unsynced.path) {
            return;
        }
        if let Some(position) = damage.durable_position
            && !self.is_after_damage(state)
        {
            // ORDERING: Relaxed, see `durable_position`.
            self.durable_position.fetch_max(position, Ordering::Relaxed);
        }
        state.damaged = Some(unsynced.path);
        lock(&self.damage).push_back(damage.error);
    }

    /// Returns whether a damaged segment of a dead writer is still there, so that nothing after it can be promised.
    /// Without it the watermark rises again.
    fn is_after_damage(&self, state: &SyncState) -> bool {
        state.damaged.as_ref().is_some_and(|path| !self.segments.is_gone(path))
    }

    /// Returns what is damaged in a dead writer's segments, each damage once.
    pub(crate) fn take_damage(&self) -> Option<ReadError> {
        lock(&self.damage).pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::log::writer::LogWriter;
    use crate::storage::maintenance::retention::Retention;
    use crate::storage::read::mapped::log_reader::LogReader;
    use crate::storage::tests::single_step::{STRIDE, alone, fill, write};
    use std::path::{Path, PathBuf};
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
                    let kept = lock(&maintenance.segments.kept);
                    let count = kept.len() + maintenance.open_segments();
                    assert!(count >= most, "{count} segments of {most}");
                    most = count;
                }
            });
            fill(&mut writer, 100);
            has_ended.store(true, Ordering::Relaxed);
            counter.join().unwrap();
        });
        assert_eq!(lock(&maintenance.segments.kept).len(), 100);
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
                writer.maintenance.syncs.time_to_next().map(|time| time.as_secs().div_ceil(60))
            };
            assert_eq!(asked(&writer), clean, "{sync:?}");
            write(&mut writer, 0).unwrap();
            assert_eq!(asked(&writer), dirty.map(|time: Duration| time.as_secs() / 60), "{sync:?}");
            assert_eq!(writer.maintenance.syncs.is_wanted(), dirty == Some(Duration::ZERO), "{sync:?}");
            let _held = writer.maintenance.syncs.hold();
            assert!(!writer.maintenance.syncs.is_wanted(), "another thread syncs");
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
        let may_go =
            |writer: &LogWriter, position| writer.maintenance.segments.has_others_or_is_new(position);
        assert!(may_go(&writer, 0) && !may_go(&writer, STRIDE));
        write(&mut writer, 0).unwrap();
        writer.roll().unwrap();
        assert!(may_go(&writer, STRIDE), "one that is not finished");
        writer.maintenance.sync_step().unwrap();
        assert!(may_go(&writer, STRIDE), "one that is");
        writer.close().unwrap();
    }

    #[test]
    fn of_those_that_were_closed_without_sync_only_what_was_retired_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = open(folder.path(), SyncPolicy::Never);
        for number in 0..2 {
            write(&mut writer, number).unwrap();
            writer.roll().unwrap();
            writer.maintenance.spare_step(false).unwrap();
        }
        let maintenance = Arc::clone(&writer.maintenance);
        let paths = || -> Vec<PathBuf> {
            maintenance.syncs.close_without_sync().unwrap();
            lock(&maintenance.syncs.syncing).unsynced.iter().map(|it| it.path.clone()).collect()
        };
        let all = paths();
        assert_eq!(all.len(), 2);
        assert_eq!(paths(), all);
        assert!(maintenance.spares.retire_oldest(false).is_some());
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
        maintenance.poison().set();
        assert!(matches!(maintenance.finish_all(), Err(SyncError::Poisoned { .. })));
    }
}
