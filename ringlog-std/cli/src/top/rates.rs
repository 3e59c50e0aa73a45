//! Rates over the last seconds and minutes: pure arithmetic over the counts of past looks.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::top::look::{Look, Tally};

/// The spans over which rates are shown.
pub(crate) const WINDOWS: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(60), Duration::from_secs(300)];
/// How long counts are kept.
const KEPT: Duration = Duration::from_secs(300);
/// A look may come a little early, and still ends the span before it.
const TOLERANCE: f64 = 0.95;
/// A span in which the growth of a log says something.
const SHORTEST_GROWTH: Duration = Duration::from_secs(3);

/// Counts at one moment. All of them only grow.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Point {
    at: Duration,
    /// All records by the headers of the files, or all bytes that were written into the ring.
    all: Tally,
    types: BTreeMap<u8, Tally>,
    lost: u64,
    left_out: u64,
    first_sequence: u64,
    log_bytes: u64,
    file_bytes: u64,
    /// Bytes that the ring's consumer has released.
    taken: u64,
    fill_percent: f64,
}

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Series {
    /// All records of a log, or what is written into a ring.
    All,
    Type(u8),
    /// What is read from a ring.
    Taken,
}

impl Point {
    /// Returns the counts of a look; `None` if it found neither a log nor a ring.
    pub(crate) fn of(look: &Look) -> Option<Self> {
        let mut point = Self { at: look.at, ..Self::default() };
        if let Some(ring) = &look.ring {
            point.all.bytes = ring.head as f64;
            point.taken = ring.tail;
            point.fill_percent = ring.fill_percent.unwrap_or(0.0);
        }
        if let Some(log) = &look.log {
            point.all = Tally { events: log.end_sequence as f64, bytes: log.published as f64 };
            point.types.clone_from(&log.read.types);
            (point.lost, point.left_out) = (log.read.lost, log.read.left_out);
            point.first_sequence = log.first_sequence;
            point.log_bytes = log.published.saturating_sub(log.first_position);
            point.file_bytes = log.file_bytes;
        }
        (look.log.is_some() || look.ring.is_some()).then_some(point)
    }

    fn tally(&self, series: Series) -> Tally {
        match series {
            Series::All => self.all,
            Series::Type(number) => self.types.get(&number).copied().unwrap_or_default(),
            Series::Taken => Tally { events: 0.0, bytes: self.taken as f64 },
        }
    }
}

/// The counts of the last minutes.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct History {
    points: VecDeque<Point>,
}

impl History {
    /// Adds a later moment, and forgets what no window reaches.
    pub(crate) fn add(&mut self, point: Point) {
        while self.points.get(1).is_some_and(|second| point.at.saturating_sub(second.at) >= KEPT) {
            self.points.pop_front();
        }
        self.points.push_back(point);
    }

    /// Returns events and bytes a second over the last `window`; `None` if it was not watched for that long.
    pub(crate) fn rate(&self, series: Series, window: Duration) -> Option<Tally> {
        let newest = self.points.back()?;
        Some(rate_between(self.before(newest, window)?, newest, series))
    }

    /// Returns the rate of each of the last `columns` spans of this length, the newest last. The list may be shorter.
    pub(crate) fn recent(&self, series: Series, columns: usize, span: Duration) -> Vec<Tally> {
        let mut rates = Vec::new();
        let mut end = self.points.back();
        while let Some(newest) = end.filter(|_| rates.len() < columns) {
            let start = self.before(newest, span);
            rates.extend(start.map(|start| rate_between(start, newest, series)));
            end = start;
        }
        rates.reverse();
        rates
    }

    /// Returns how full the ring was, in percent, as [`recent`](Self::recent) returns rates.
    pub(crate) fn recent_fill(&self, columns: usize, span: Duration) -> Vec<f64> {
        let (mut fill, mut point) = (Vec::new(), self.points.back());
        while let Some(found) = point.filter(|_| fill.len() < columns) {
            fill.push(found.fill_percent);
            point = self.before(found, span);
        }
        fill.reverse();
        fill
    }

    /// Returns the lost events that were found in the last `window`, or since the start if that was later.
    pub(crate) fn lost_in(&self, window: Duration) -> u64 {
        let Some((start, newest)) = self.longest(window) else { return 0 };
        newest.lost.saturating_sub(start.lost)
    }

    /// Returns the part of the records of the last `window` that was read; `None` if it is all of them.
    pub(crate) fn sampled(&self, window: Duration) -> Option<f64> {
        let (start, newest) = self.longest(window)?;
        let left_out = newest.left_out.saturating_sub(start.left_out) as f64;
        let all = newest.all.events - start.all.events;
        (left_out > 0.0).then(|| (1.0 - left_out / all.max(left_out)).max(0.0))
    }

    /// Returns by how many bytes a second the log's files grow, retention taken off: 0 or less if they do not.
    ///
    /// Without retention these are the bytes of its records. Once retention has deleted or recycled files it is their length
    /// that counts, which stays the same as long as each new file takes the place of an old one. `None` if it was not watched
    /// for long enough.
    pub(crate) fn growth(&self) -> Option<f64> {
        let (start, newest) = self.longest(KEPT)?;
        let seconds = newest.at.saturating_sub(start.at);
        if seconds < SHORTEST_GROWTH {
            return None;
        }
        let (from, to) = match newest.first_sequence > start.first_sequence {
            true => (start.file_bytes, newest.file_bytes),
            false => (start.log_bytes, newest.log_bytes),
        };
        Some((to as f64 - from as f64) / seconds.as_secs_f64())
    }

    /// Returns the newest moment that is `window` before another one, or a little less.
    fn before(&self, later: &Point, window: Duration) -> Option<&Point> {
        let least = window.as_secs_f64() * TOLERANCE;
        let is_before = |point: &&Point| later.at.saturating_sub(point.at).as_secs_f64() >= least;
        self.points.iter().rev().find(is_before)
    }

    /// Returns the first moment of a window and the newest one, if these are two.
    fn longest(&self, window: Duration) -> Option<(&Point, &Point)> {
        let newest = self.points.back()?;
        let start = self.before(newest, window).or_else(|| self.points.front())?;
        (start.at < newest.at).then_some((start, newest))
    }
}

fn rate_between(start: &Point, end: &Point, series: Series) -> Tally {
    let seconds = end.at.saturating_sub(start.at).as_secs_f64().max(1e-9);
    let (from, to) = (start.tally(series), end.tally(series));
    // A log whose end was lost continues at a smaller number.
    let rate = |from: f64, to: f64| (to - from).max(0.0) / seconds;
    Tally { events: rate(from.events, to.events), bytes: rate(from.bytes, to.bytes) }
}

/// Returns how long free bytes last; `None` if nothing grows, or if that takes centuries.
pub(crate) fn time_to_full(free: u64, bytes_per_second: f64) -> Option<Duration> {
    const LONGEST_SECONDS: f64 = 100.0 * 365.0 * 86_400.0;
    let seconds = free as f64 / bytes_per_second;
    (bytes_per_second > 0.0 && seconds < LONGEST_SECONDS).then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::look::{LogLook, ReadCounts};

    /// A look after this many seconds, at a log with this many records of 10 bytes; half of them have type 3.
    fn look(at: f64, records: u64) -> Look {
        let tally = Tally { events: records as f64 / 2.0, bytes: records as f64 * 5.0 };
        let read =
            ReadCounts { types: BTreeMap::from([(3, tally)]), lost: records / 10, ..ReadCounts::default() };
        let (end_sequence, published) = (records, records * 10);
        let log = LogLook { end_sequence, published, read, file_bytes: 4096, ..LogLook::default() };
        Look { at: Duration::from_secs_f64(at), log: Some(log), ..Look::default() }
    }

    fn history(looks: &[(f64, u64)]) -> History {
        let mut history = History::default();
        looks.iter().for_each(|&(at, records)| history.add(Point::of(&look(at, records)).unwrap()));
        history
    }

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_rate_is_that_of_its_window_and_there_is_none_before_that_has_passed() {
        let mut looks: Vec<_> = (0..=60_u32).map(|at| (f64::from(at), u64::from(at) * 100)).collect();
        looks.push((61.0, 6000 + 700));
        let history = history(&looks);
        let events = |series, window| history.rate(series, seconds(window)).map(|rate| rate.events.round());
        assert_eq!(events(Series::All, 1.0), Some(700.0));
        assert_eq!(events(Series::All, 10.0), Some(160.0));
        assert_eq!(events(Series::Type(3), 60.0), Some(55.0));
        assert_eq!(events(Series::Type(4), 10.0), Some(0.0));
        assert_eq!(events(Series::All, 300.0), None, "it was watched for 61 seconds");
        assert_eq!(history.rate(Series::All, seconds(1.0)).unwrap().bytes, 7000.0);
        assert_eq!(history.lost_in(seconds(1.0)), 70);
        assert_eq!(history.lost_in(seconds(300.0)), 670);
    }

    #[test]
    fn looks_that_come_late_or_early_change_no_rate() {
        let history = history(&[(0.0, 0), (1.3, 130), (2.26, 226), (3.25, 325)]);
        let rate = |window| history.rate(Series::All, seconds(window)).unwrap().events.round();
        assert_eq!((rate(1.0), rate(2.0), rate(3.0)), (100.0, 100.0, 100.0));
    }

    #[test]
    fn columns_are_spans_one_after_the_other() {
        let history = history(&[(0.0, 0), (0.5, 10), (1.0, 30), (1.5, 30), (2.0, 40)]);
        let rates = |columns, span| -> Vec<f64> {
            history.recent(Series::All, columns, seconds(span)).iter().map(|rate| rate.events).collect()
        };
        assert_eq!(rates(9, 0.5), [20.0, 40.0, 0.0, 20.0]);
        assert_eq!(rates(9, 1.0), [30.0, 10.0]);
        assert_eq!(rates(1, 1.0), [10.0]);
        assert!(rates(0, 1.0).is_empty());
    }

    #[test]
    fn old_moments_are_forgotten_but_the_longest_window_keeps_its_start() {
        let looks: Vec<_> = (0..1000_u32).map(|at| (f64::from(at), u64::from(at) * 5)).collect();
        let history = history(&looks);
        assert_eq!(history.points.len(), 301);
        assert_eq!(history.rate(Series::All, KEPT).unwrap().events, 5.0);
    }

    #[test]
    fn a_log_that_lost_its_end_has_no_negative_rate() {
        let history = history(&[(0.0, 100), (1.0, 40)]);
        assert_eq!(history.rate(Series::All, seconds(1.0)).unwrap().events, 0.0);
        assert_eq!(history.lost_in(seconds(1.0)), 0);
    }

    #[test]
    fn a_log_grows_by_its_records_and_under_retention_by_its_files() {
        let mut kept = History::default();
        for (at, first_sequence) in [(0.0, 0), (1.0, 0), (5.0, 90)] {
            let mut look = look(at, 100 + at as u64 * 10);
            let log = look.log.as_mut().unwrap();
            (log.first_sequence, log.first_position) = (first_sequence, first_sequence * 10);
            kept.add(Point::of(&look).unwrap());
        }
        assert_eq!(kept.growth(), Some(0.0), "each new file takes the place of an old one");
        assert_eq!(history(&[(0.0, 0), (1.0, 10)]).growth(), None, "too short");
        let growth = history(&[(0.0, 0), (10.0, 1000)]).growth();
        assert_eq!(growth, Some(1000.0));
        assert_eq!(time_to_full(60_000, growth.unwrap()), Some(seconds(60.0)));
        assert_eq!([0.0, -5.0, 1e-9].map(|rate| time_to_full(1 << 40, rate)), [None; 3]);
    }

    #[test]
    fn what_was_left_out_makes_the_rest_a_sample() {
        let mut history = history(&[(0.0, 0), (1.0, 1000)]);
        assert_eq!(history.sampled(seconds(60.0)), None);
        let mut third = look(2.0, 2000);
        third.log.as_mut().unwrap().read.left_out = 500;
        history.add(Point::of(&third).unwrap());
        assert_eq!(history.sampled(seconds(1.0)), Some(0.5));
        assert_eq!(history.sampled(seconds(60.0)), Some(0.75));
        assert_eq!(Point::of(&Look::default()), None);
    }
}
