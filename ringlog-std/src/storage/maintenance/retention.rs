//! Decides what is kept of a log, and what is retired; `retire.rs` does it.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Limits beyond which the oldest segments of a log are retired: deleted, or recycled as the next ones.
///
/// The default keeps everything. Several limits may be set; a segment is retired as soon as it is over one of them.
/// The active segment always stays, and so do those of this run that are not synced yet under a policy that syncs.
/// Closing the log syncs them and retires what is over the limits.
///
/// A segment that a named cursor still needs is kept as long as the log takes at most
/// [`cursor_bytes`](Self::cursor_bytes).
///
/// ```
/// use ringlog::storage::{LogWriter, Retention};
/// # let folder = tempfile::tempdir()?;
///
/// let one_gib = Retention { max_bytes: Some(1 << 30), ..Retention::default() };
/// let writer = LogWriter::options().retention(one_gib).open(folder.path())?;
/// assert_eq!(Retention::default().max_bytes, None, "everything is kept");
/// # writer.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Retention {
    /// Bytes that all files of the log may take on disk, the spare segment included.
    pub max_bytes: Option<u64>,
    /// The largest age of a segment's newest record.
    pub max_age: Option<Duration>,
    /// How many segments there may be, the active one included.
    pub max_segments: Option<u64>,
    /// Bytes that the log may take because of cursors. `None` keeps as much as they need.
    pub cursor_bytes: Option<u64>,
}

/// A finished segment, with what retention needs to know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct FinishedSegment {
    pub(crate) path: PathBuf,
    /// Bytes on disk.
    pub(crate) bytes: u64,
    /// When the next segment was begun, unix nanoseconds.
    pub(crate) ended_at: i64,
    /// The same, for a segment of this run: it does not depend on the wall clock.
    pub(crate) ended: Option<Instant>,
    /// Sequence after its last record.
    pub(crate) next_sequence: u64,
}

/// What else decides how many segments must be retired.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct RetentionInputs {
    /// Bytes of the files that must stay, the spare one included.
    pub(crate) fixed_bytes: u64,
    /// How many segments must stay.
    pub(crate) fixed_segments: u64,
    /// Now, unix nanoseconds.
    pub(crate) now: i64,
    /// The smallest sequence that a cursor still needs.
    pub(crate) needed_from: Option<u64>,
}

impl FinishedSegment {
    /// Corrects the end time: a clock that was ahead when the segment ended must not keep it for ever.
    pub(crate) fn end_by(&mut self, now: i64) {
        self.ended_at = self.ended_at.min(now);
    }
}

impl Retention {
    /// Returns whether anything is ever retired.
    pub(crate) const fn is_limited(&self) -> bool {
        self.max_bytes.is_some() || self.max_age.is_some() || self.max_segments.is_some()
    }

    /// Returns how many of the `kept`, oldest first, must be retired.
    pub(crate) fn count_to_retire<'a>(
        &self,
        kept: impl ExactSizeIterator<Item = &'a FinishedSegment> + Clone,
        around: &RetentionInputs,
    ) -> usize {
        let mut segments = around.fixed_segments.saturating_add(kept.len() as u64);
        let kept_bytes: u64 = kept.clone().map(|segment| segment.bytes).sum();
        let mut bytes = around.fixed_bytes.saturating_add(kept_bytes);
        let mut count = 0;
        for segment in kept {
            let is_over = self.max_bytes.is_some_and(|most| bytes > most)
                || self.max_segments.is_some_and(|most| segments > most)
                || self.max_age.is_some_and(|most| age(segment, around.now) > most);
            let is_needed = around.needed_from.is_some_and(|sequence| sequence < segment.next_sequence);
            let is_spared = is_needed && self.cursor_bytes.is_none_or(|most| bytes <= most);
            if !is_over || is_spared {
                break;
            }
            count += 1;
            bytes -= segment.bytes;
            segments -= 1;
        }
        count
    }
}

fn age(segment: &FinishedSegment, now: i64) -> Duration {
    match segment.ended {
        Some(ended) => ended.elapsed(),
        None => Duration::from_nanos(u64::try_from(now.saturating_sub(segment.ended_at)).unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns ten segments of 100 bytes and 10 records, ended at 0, 1, … seconds.
    fn kept() -> Vec<FinishedSegment> {
        (0..10)
            .map(|at| FinishedSegment {
                path: PathBuf::new(),
                bytes: 100,
                ended_at: at * 1_000_000_000,
                ended: None,
                next_sequence: (at as u64 + 1) * 10,
            })
            .collect()
    }

    fn retired(retention: Retention, around: RetentionInputs) -> usize {
        retention.count_to_retire(kept().iter(), &around)
    }

    const NO_LIMIT: Retention =
        Retention { max_bytes: None, max_age: None, max_segments: None, cursor_bytes: None };

    #[test]
    fn without_limits_nothing_goes() {
        assert!(!NO_LIMIT.is_limited());
        assert_eq!(retired(NO_LIMIT, RetentionInputs::default()), 0);
    }

    #[test]
    fn each_limit_retires_as_many_as_it_takes() {
        let fixed = RetentionInputs { fixed_bytes: 200, fixed_segments: 2, ..RetentionInputs::default() };
        let bytes = |most| retired(Retention { max_bytes: Some(most), ..NO_LIMIT }, fixed);
        assert_eq!([1200, 1199, 1100, 1099, 200, 0].map(bytes), [0, 1, 1, 2, 10, 10]);
        let count = |most| retired(Retention { max_segments: Some(most), ..NO_LIMIT }, fixed);
        assert_eq!([12, 11, 2, 0].map(count), [0, 1, 10, 10]);
        let now = RetentionInputs { now: 10_000_000_000, ..fixed };
        let age =
            |seconds| retired(Retention { max_age: Some(Duration::from_secs(seconds)), ..NO_LIMIT }, now);
        assert_eq!([10, 9, 5, 0].map(age), [0, 1, 5, 10]);
    }

    #[test]
    fn a_cursor_holds_back_what_it_needs_up_to_its_limit() {
        let around = RetentionInputs { needed_from: Some(35), ..RetentionInputs::default() };
        let none_left = Retention { max_bytes: Some(0), ..NO_LIMIT };
        assert_eq!(retired(none_left, around), 3);
        assert_eq!(retired(none_left, RetentionInputs { needed_from: Some(30), ..around }), 3);
        assert_eq!(retired(none_left, RetentionInputs { needed_from: Some(29), ..around }), 2);
        let limited = |most| retired(Retention { cursor_bytes: Some(most), ..none_left }, around);
        assert_eq!([1000, 700, 600, 0].map(limited), [3, 3, 4, 10]);
    }

    #[test]
    fn a_segment_from_the_future_ages_from_now_on() {
        let mut segment = FinishedSegment { ended_at: i64::MAX, ..kept().remove(0) };
        segment.end_by(5);
        assert_eq!(age(&segment, 6), Duration::from_nanos(1));
        let this_run = FinishedSegment { ended: Some(Instant::now()), ended_at: i64::MIN, ..segment };
        assert!(age(&this_run, i64::MAX) < Duration::from_secs(3600));
    }

    #[test]
    fn a_clock_that_was_set_back_retires_nothing_by_age() {
        let around = RetentionInputs { now: -1, ..RetentionInputs::default() };
        let brief = Retention { max_age: Some(Duration::from_nanos(1)), ..NO_LIMIT };
        assert_eq!(retired(brief, around), 0);
    }
}
