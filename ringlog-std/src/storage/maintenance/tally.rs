//! What a log's writer and its workers count for others to see. Nobody decides anything by these numbers.
//!
//! They are plain atomics, also where the other words are scheduled ones: a thread that reads an old number shows an old
//! number.
#![forbid(unsafe_code)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::os::sync::lock_plain;
use crate::storage::maintenance::sync_times::SyncTimes;
use crate::storage::segment::counts::{LossCounts, RecordCounts};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    events: AtomicU64,
    gaps: AtomicU64,
    bytes: AtomicU64,
    next_sequence: AtomicU64,
    losses: [AtomicU64; LossCounts::WORDS],
    /// Events that a full disk takes now, without a GAP record: one more than their number, 0 for none.
    dropping: AtomicU64,
    stalls: AtomicU64,
    begun_segments: AtomicU64,
    retired_segments: AtomicU64,
    retired_bytes: AtomicU64,
    retention_errors: AtomicU64,
    is_disk_full: AtomicBool,
    /// Counts of syncs by how long they took; the last word is the sum of nanoseconds.
    syncs: [AtomicU64; SyncTimes::BOUNDS.len() + 2],
    /// A published position that was not durable when it was noted, and when that was.
    not_durable: Mutex<Option<(u64, Instant)>>,
}

fn load(word: &AtomicU64) -> u64 {
    // ORDERING: Relaxed, here and in all that follows. The numbers guard no other memory and are for a display.
    word.load(Ordering::Relaxed)
}

fn store(word: &AtomicU64, value: u64) {
    // ORDERING: Relaxed, see `load`.
    word.store(value, Ordering::Relaxed);
}

fn add(word: &AtomicU64, more: u64) {
    // ORDERING: Relaxed, see `load`.
    word.fetch_add(more, Ordering::Relaxed);
}

/// What the writer notes.
impl Tally {
    /// Notes what this run has written.
    #[inline]
    pub(crate) fn set_written(&self, counts: &RecordCounts, next_sequence: u64) {
        store(&self.events, counts.events);
        store(&self.gaps, counts.gaps);
        store(&self.bytes, counts.bytes);
        store(&self.next_sequence, next_sequence);
    }

    /// Notes what this run has lost, and what a full disk takes now.
    pub(crate) fn set_lost(&self, losses: &LossCounts, dropping: Option<u64>) {
        self.losses.iter().zip(losses.to_words()).for_each(|(word, value)| store(word, value));
        store(&self.dropping, dropping.map_or(0, |count| count.saturating_add(1)));
    }

    pub(crate) fn set_stalls(&self, stalls: u64) {
        store(&self.stalls, stalls);
    }
}

/// What the workers note.
impl Tally {
    pub(crate) fn add_begun_segment(&self) {
        add(&self.begun_segments, 1);
    }

    pub(crate) fn add_retired(&self, bytes: u64) {
        add(&self.retired_segments, 1);
        add(&self.retired_bytes, bytes);
    }

    pub(crate) fn add_retention_error(&self) {
        add(&self.retention_errors, 1);
    }

    pub(crate) fn set_disk_full(&self, is_full: bool) {
        // ORDERING: Relaxed, see `load`.
        self.is_disk_full.store(is_full, Ordering::Relaxed);
    }

    /// Notes how long a sync took.
    pub(crate) fn add_sync(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = SyncTimes::BOUNDS.iter().take_while(|&&bound| seconds > bound).count();
        add(&self.syncs[bucket], 1);
        add(&self.syncs[SyncTimes::BOUNDS.len() + 1], u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Compares what is published with what is durable.
    pub(crate) fn note_durable(&self, published: u64, durable: u64) {
        let mut not_durable = lock_plain(&self.not_durable);
        if not_durable.is_none_or(|(position, _)| durable >= position) {
            *not_durable = (durable < published).then(|| (published, Instant::now()));
        }
    }
}

/// What others read.
impl Tally {
    pub(crate) fn events(&self) -> u64 {
        load(&self.events)
    }

    pub(crate) fn gaps(&self) -> u64 {
        load(&self.gaps)
    }

    pub(crate) fn bytes(&self) -> u64 {
        load(&self.bytes)
    }

    pub(crate) fn next_sequence(&self) -> u64 {
        load(&self.next_sequence)
    }

    pub(crate) fn losses(&self) -> LossCounts {
        LossCounts::from_words(std::array::from_fn(|at| load(&self.losses[at])))
    }

    pub(crate) fn dropping(&self) -> Option<u64> {
        load(&self.dropping).checked_sub(1)
    }

    pub(crate) fn stalls(&self) -> u64 {
        load(&self.stalls)
    }

    pub(crate) fn begun_segments(&self) -> u64 {
        load(&self.begun_segments)
    }

    /// Returns how many segments were retired, and their bytes.
    pub(crate) fn retired(&self) -> (u64, u64) {
        (load(&self.retired_segments), load(&self.retired_bytes))
    }

    pub(crate) fn retention_errors(&self) -> u64 {
        load(&self.retention_errors)
    }

    pub(crate) fn is_disk_full(&self) -> bool {
        // ORDERING: Relaxed, see `load`.
        self.is_disk_full.load(Ordering::Relaxed)
    }

    pub(crate) fn syncs(&self) -> SyncTimes {
        let counts = std::array::from_fn(|at| load(&self.syncs[at]));
        SyncTimes { counts, sum: Duration::from_nanos(load(&self.syncs[SyncTimes::BOUNDS.len() + 1])) }
    }

    /// Returns for how long something published has not been durable, up to 20 milliseconds less.
    pub(crate) fn not_durable_for(&self, published: u64, durable: u64) -> Duration {
        match *lock_plain(&self.not_durable) {
            Some((position, since)) if durable < position && durable < published => since.elapsed(),
            _ => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_is_counted_in_the_first_bucket_whose_bound_it_does_not_exceed() {
        let tally = Tally::default();
        for nanos in [0, 500_000, 500_001, 10_000_000_000, 10_000_000_001] {
            tally.add_sync(Duration::from_nanos(nanos));
        }
        let times = tally.syncs();
        let last = SyncTimes::BOUNDS.len() - 1;
        assert_eq!((times.counts[0], times.counts[1]), (2, 1));
        assert_eq!((times.counts[last], times.counts[last + 1], times.count()), (1, 1, 5));
        assert_eq!(times.sum, Duration::from_nanos(20_001_000_002));
    }

    #[test]
    fn what_was_published_first_decides_since_when_it_is_not_durable() {
        let tally = Tally::default();
        tally.note_durable(24, 24);
        assert_eq!(tally.not_durable_for(48, 24), Duration::ZERO, "not noted yet");
        tally.note_durable(48, 24);
        std::thread::sleep(Duration::from_millis(2));
        tally.note_durable(72, 24);
        assert!(tally.not_durable_for(72, 24) >= Duration::from_millis(2));
        // A sync has taken what was noted. The rest is younger.
        tally.note_durable(96, 48);
        assert!(tally.not_durable_for(96, 48) < Duration::from_millis(2));
        assert_eq!(tally.not_durable_for(96, 96), Duration::ZERO);
    }

    #[test]
    fn dropping_no_counted_event_differs_from_not_dropping() {
        let tally = Tally::default();
        assert_eq!(tally.dropping(), None);
        for dropping in [Some(0), Some(7), None] {
            tally.set_lost(&LossCounts::default(), dropping);
            assert_eq!(tally.dropping(), dropping);
        }
    }
}
