//! What a log's writer and its workers share: the log's segments, and the owners of its spare segments and its syncs.
//!
//! The writer and its worker threads (`workers.rs`) share one [`Maintenance`]. It has a step for each worker, and any
//! thread may take each of them at any time; tests take them one by one. [`Spares`] and [`Syncs`] do not know each other:
//! each sees the other's work in the [`LogSegments`].
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::os::ownership::Ownership;
use crate::os::platform::Platform;
use crate::os::sync::{AtomicBool, AtomicU64, lock};
use crate::storage::error::{AppendError, SyncError};
use crate::storage::maintenance::flush::Syncs;
use crate::storage::maintenance::policies::SyncPolicy;
use crate::storage::maintenance::retention::FinishedSegment;
use crate::storage::maintenance::rules::Rules;
use crate::storage::maintenance::segments::LogSegments;
use crate::storage::maintenance::spare::Spares;
use crate::storage::recovery::resync::NeedsSync;
use crate::storage::segment::flusher::SegmentFlusher;
use crate::storage::segment::poison::Poison;

/// See the module.
pub(crate) struct Maintenance {
    pub(crate) segments: Arc<LogSegments>,
    pub(crate) spares: Spares,
    pub(crate) syncs: Syncs,
    /// How many segments may be open, the active one included: the others wait for their sync.
    pub(crate) max_open_segments: usize,
    roll_due: AtomicBool,
    /// Events that this run has lost.
    lost: AtomicU64,
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

/// Which segment is active, and how far it is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct WriterAt {
    pub(crate) base_sequence: u64,
    pub(crate) offset: u64,
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
        let (max_open_segments, max_bytes) = (rules.max_open_segments(), rules.max_bytes);
        let segments = Arc::new(LogSegments::new(platform, folder, owner, rules, (begins_at, kept)));
        Arc::new(Self {
            // The caller's limit may be so large that it is none.
            spares: Spares::new(&segments, position.saturating_add(max_bytes.unwrap_or(u64::MAX))),
            syncs: Syncs::new(&segments, unsynced, durable_position),
            segments,
            max_open_segments,
            roll_due: AtomicBool::new(false),
            lost: AtomicU64::new(0),
        })
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.segments.rules
    }

    pub(crate) fn platform(&self) -> &Arc<dyn Platform> {
        &self.segments.platform
    }

    pub(crate) fn poison(&self) -> &Arc<Poison> {
        &self.segments.poison
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.poison().is_set()
    }

    /// Returns the number of segments that are not finished, the active one included.
    pub(crate) fn open_segments(&self) -> usize {
        self.segments.count_open()
    }

    /// Returns the log's position below which everything is published.
    pub(crate) fn published_position(&self) -> u64 {
        let active = self.segments.newest().map(|active| active.flusher.published_position());
        active.unwrap_or(0).max(self.syncs.durable_position())
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

    /// Keeps the error of a worker's step for the writer's next sync. The first one is the most useful.
    pub(crate) fn note_sync_error(&self, error: SyncError) {
        if !matches!(error, SyncError::Poisoned { .. }) {
            self.poison().keep_reason(error);
        }
        self.poison().set();
    }

    /// Returns the error itself, or the cause if the error only reports that an earlier sync failed.
    pub(crate) fn explain(&self, error: SyncError) -> SyncError {
        match error {
            SyncError::Poisoned { .. } => self.poison().take_reason().unwrap_or(error),
            other => {
                self.poison().note_reported(&other);
                other
            }
        }
    }

    /// Does the same for an append.
    pub(crate) fn explain_append(&self, error: AppendError) -> AppendError {
        match error {
            AppendError::Poisoned { .. } => self.poison().take_reason().map_or(error, AppendError::Close),
            AppendError::Close(source) => AppendError::Close(self.explain(source)),
            other => other,
        }
    }

    /// Returns why no event is taken any more.
    pub(crate) fn poisoned(&self) -> AppendError {
        self.explain_append(AppendError::Poisoned { path: self.segments.folder.clone() })
    }

    /// Returns whether the active segment has reached its age.
    #[inline]
    pub(crate) fn is_roll_due(&self) -> bool {
        // ORDERING: Relaxed. It only asks for a roll, now or at the next append.
        self.roll_due.load(Ordering::Relaxed)
    }

    /// Notes that the writer continues in this segment.
    pub(crate) fn begin(&self, flusher: &Arc<SegmentFlusher>, base_sequence: u64, begun_at: i64) {
        self.segments.begin(flusher, base_sequence, begun_at);
        // ORDERING: Relaxed, see `is_roll_due`.
        self.roll_due.store(false, Ordering::Relaxed);
    }
}

/// The steps.
impl Maintenance {
    /// Prefaults pages ahead of the writer, and checks whether the segment has reached its age.
    ///
    /// Returns where the writer is.
    pub(crate) fn pages_step(&self) -> WriterAt {
        let Some(active) = self.segments.newest() else { return WriterAt::default() };
        if active.flusher.is_cached() || !self.spares.writes_by_calls() {
            active.flusher.prefault(self.rules().prefault_bytes);
        }
        if self.rules().roll_after.is_some_and(|age| active.begun.elapsed() >= age) {
            // ORDERING: Relaxed, see `is_roll_due`.
            self.roll_due.store(true, Ordering::Relaxed);
        }
        let published_position = active.flusher.published_position();
        self.segments.tally.note_durable(published_position, self.syncs.durable_position());
        WriterAt { base_sequence: active.base_sequence, offset: active.flusher.map().write_offset() }
    }

    /// Renames new segments into place, prepares the next one if there is none and it may soon be needed, and retires
    /// others.
    ///
    /// Returns whether there was anything to do.
    pub(crate) fn spare_step(&self, is_wanted_now: bool) -> Result<bool, SyncError> {
        let _turn = lock(&self.segments.preparing);
        self.segments.rename_all_into_place()?;
        if self.rules().sync == SyncPolicy::Never {
            self.syncs.close_without_sync()?;
        }
        self.spares.prepare_if_due(is_wanted_now)
    }

    /// Retires what is over the limits, by age also while nothing is being written.
    pub(crate) fn retention_step(&self) -> Result<(), SyncError> {
        let _turn = lock(&self.segments.preparing);
        self.segments.check_owner()?;
        let _ = self.spares.retire(false);
        Ok(())
    }

    /// Finishes segments that are full, and syncs the active one if the policy asks for it.
    ///
    /// Returns whether there was anything to do.
    pub(crate) fn sync_step(&self) -> Result<bool, SyncError> {
        self.syncs.step()
    }

    /// Finishes everything, the active segment included, and retires what is over the limits. The writer has ended.
    pub(crate) fn finish_all(&self) -> Result<(), SyncError> {
        let last = self.syncs.finish_all()?;
        // Those that were finished just now could not be retired before. The last one still counts as open.
        self.retention_step()?;
        if let Some(last) = &last {
            self.segments.close_oldest(last);
        }
        Ok(())
    }

    /// Returns the bytes after which a check of the writer may come too late: what is prefaulted, the segment, or what
    /// the policy leaves unsynced.
    pub(crate) fn check_bytes(&self) -> u64 {
        let rules = self.rules();
        let is_prefaulted = !self.spares.writes_by_calls() && rules.prefault_bytes > 0;
        let prefaulted = if is_prefaulted { rules.prefault_bytes as u64 } else { u64::MAX };
        let unsynced = if let SyncPolicy::EveryBytes(most) = rules.sync { most } else { u64::MAX };
        rules.segment_bytes.min(prefaulted).min(unsynced)
    }
}

impl std::fmt::Debug for Maintenance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Maintenance")
            .field("folder", &self.segments.folder)
            .field("rules", &self.segments.rules)
            .finish_non_exhaustive()
    }
}
