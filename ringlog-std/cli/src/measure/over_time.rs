//! A run over time: samples of what was counted, and what a second between two of them shows.

use std::time::Duration;

use serde::Serialize;

use super::bound::{Bound, Shares, percent};
use super::recorder_time::ThreadTime;

/// What was counted up to a moment of a run.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Sample {
    /// Since the start of the run.
    pub(crate) at: Duration,
    /// Bytes that went from the ring into the log.
    pub(crate) bytes: u64,
    /// How long the producer waited for room.
    pub(crate) waiting: Duration,
    pub(crate) recorder: ThreadTime,
    /// How full the ring was, from 0 to 1, times the seconds for which it was.
    pub(crate) fill_seconds: f64,
    /// Bytes in the log that were not durable.
    pub(crate) unsynced_bytes: u64,
}

/// What the log took between two samples, and where the time went.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(crate) struct Period {
    /// Its end, in seconds since the start of the run.
    pub(crate) until_seconds: f64,
    pub(crate) events_per_second: f64,
    pub(crate) bytes_per_second: f64,
    /// The mean of how full the ring was, from 0 to 1.
    pub(crate) ring_fill: f64,
    #[serde(flatten)]
    pub(crate) shares: Shares,
    /// At its end.
    pub(crate) unsynced_bytes: u64,
    pub(crate) bound_by: Bound,
}

impl Period {
    /// The columns of [`line`](Self::line).
    pub(crate) const HEADING: &str = concat!(
        "      into the log ring prod. recorder, % of its time         MB not bound\n",
        "   s M ev/s   MB/s full waits copy kernel blocked queued idle synced by\n",
    );

    /// Returns what happened between two samples of a run whose records all have this length.
    pub(crate) fn between(before: &Sample, after: &Sample, record_len: usize) -> Self {
        let seconds = (after.at.saturating_sub(before.at)).as_secs_f64().max(1e-9);
        let part = |of: fn(&Sample) -> Duration| {
            (of(after).saturating_sub(of(before)).as_secs_f64() / seconds).clamp(0.0, 1.0)
        };
        let shares = Shares {
            producer_waiting: part(|it| it.waiting),
            recorder_copying: part(|it| it.recorder.user),
            recorder_in_kernel: part(|it| it.recorder.system),
            recorder_queued: part(|it| it.recorder.queued),
            recorder_idle: part(|it| it.recorder.idle),
            recorder_blocked: 0.0,
        };
        let accounted = shares.recorder_copying
            + shares.recorder_in_kernel
            + shares.recorder_queued
            + shares.recorder_idle;
        let shares = Shares { recorder_blocked: (1.0 - accounted).clamp(0.0, 1.0), ..shares };
        let bytes_per_second = after.bytes.saturating_sub(before.bytes) as f64 / seconds;
        Self {
            until_seconds: after.at.as_secs_f64(),
            events_per_second: bytes_per_second / record_len as f64,
            bytes_per_second,
            ring_fill: (after.fill_seconds - before.fill_seconds) / seconds,
            shares,
            unsynced_bytes: after.unsynced_bytes,
            bound_by: shares.bound(),
        }
    }

    /// Returns a line under [`HEADING`](Self::HEADING).
    pub(crate) fn line(&self) -> String {
        let Shares {
            producer_waiting,
            recorder_copying,
            recorder_in_kernel,
            recorder_blocked,
            recorder_queued,
            recorder_idle,
        } = self.shares;
        format!(
            "{:>4.1} {:>6.2} {:>6.0} {:>3}% {:>4}% {:>3}% {:>5}% {:>6}% {:>5}% {:>3}% {:>6.0} {}\n",
            self.until_seconds,
            self.events_per_second / 1e6,
            self.bytes_per_second / 1e6,
            percent(self.ring_fill),
            percent(producer_waiting),
            percent(recorder_copying),
            percent(recorder_in_kernel),
            percent(recorder_blocked),
            percent(recorder_queued),
            percent(recorder_idle),
            self.unsynced_bytes as f64 / 1e6,
            self.bound_by.name(),
        )
    }
}

/// Returns what happened in the second half of the periods between these samples: past the burst that caches absorb.
pub(crate) fn second_half(samples: &[Sample], record_len: usize) -> Option<Period> {
    let middle = (samples.len().checked_sub(1)?) / 2;
    let (before, after) = (samples.get(middle)?, samples.last()?);
    (middle + 1 < samples.len()).then(|| Period::between(before, after, record_len))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(seconds: u64, bytes: u64) -> Sample {
        Sample { at: Duration::from_secs(seconds), bytes, ..Sample::default() }
    }

    #[test]
    fn a_period_has_the_differences_and_what_is_left_is_blocked() {
        let ms = Duration::from_millis;
        let before = Sample {
            waiting: ms(500),
            recorder: ThreadTime { user: ms(100), ..ThreadTime::default() },
            fill_seconds: 3.0,
            ..sample(1, 1_000_000)
        };
        let after = Sample {
            waiting: ms(1500),
            recorder: ThreadTime { user: ms(500), system: ms(200), queued: ms(100), idle: ms(300) },
            fill_seconds: 4.0,
            unsynced_bytes: 5_000_000,
            ..sample(3, 161_000_000)
        };
        let found = Period::between(&before, &after, 80);
        assert_eq!((found.bytes_per_second, found.events_per_second, found.ring_fill), (8e7, 1e6, 0.5));
        let Shares { producer_waiting, recorder_copying, recorder_in_kernel, .. } = found.shares;
        assert_eq!((producer_waiting, recorder_copying, recorder_in_kernel), (0.5, 0.2, 0.1));
        assert!((found.shares.recorder_blocked - 0.5).abs() < 1e-9, "{found:?}");
        assert_eq!(found.bound_by, Bound::Disk);
        assert_eq!(
            found.line(),
            " 3.0   1.00     80  50%   50%  20%    10%     50%     5%  15%      5 disk\n"
        );
    }

    /// Columns end where their headings do, and a terminal of 80 columns shows them.
    #[test]
    fn lines_fit_under_their_heading_and_into_a_terminal() {
        let shares = Shares { recorder_in_kernel: 1.0, producer_waiting: 1.0, ..Shares::default() };
        let period = Period {
            until_seconds: 10.0,
            events_per_second: 123.45e6,
            bytes_per_second: 123_456e6,
            ring_fill: 1.0,
            shares,
            unsynced_bytes: 123_456_000_000,
            bound_by: Bound::PageCache,
        };
        let line = period.line();
        let heading = Period::HEADING.lines().last().unwrap();
        let ends = |line: &str| line.rfind(' ').unwrap();
        assert_eq!(ends(line.trim_end_matches("page cache\n")), ends(heading), "{heading}\n{line}");
        assert!(line.trim_end().len() <= 80 && Period::HEADING.lines().all(|it| it.len() <= 80));
    }

    #[test]
    fn the_second_half_begins_at_the_middle_sample() {
        let samples: Vec<_> =
            [(0, 0), (1, 900), (2, 1000), (3, 1100), (4, 1200)].map(|(s, b)| sample(s, b)).into();
        assert_eq!(second_half(&samples, 1).unwrap().bytes_per_second, 100.0);
        assert_eq!(second_half(&samples[..2], 1).unwrap().bytes_per_second, 900.0);
        assert!(second_half(&samples[..1], 1).is_none() && second_half(&[], 1).is_none());
    }
}
