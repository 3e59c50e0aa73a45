//! Replays events at the pace at which they happened.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

/// A step back of this much, in nanoseconds, means that the clock was set. Smaller ones are events out of
/// order.
const CLOCK_WAS_SET_NANOS: u64 = 1_000_000_000;

/// Computes when the next event is due.
///
/// Events that are older than the one before are due at once. After a step back of more than a second the pace
/// continues from the new time: it neither stalls nor floods.
#[derive(Clone, Debug)]
pub(crate) struct ReplayPace {
    speed: f64,
    started: Instant,
    /// The time from the start to when an event with the timestamp `origin` is due.
    origin: Option<u64>,
    origin_due: Duration,
    latest: u64,
}

impl ReplayPace {
    /// Starts now, at `speed` times the recorded pace. Returns `None` unless `speed` is finite and above zero.
    pub(crate) fn new(speed: f64) -> Option<Self> {
        let is_usable = speed.is_finite() && speed > 0.0;
        let started = Instant::now();
        is_usable.then_some(Self { speed, started, origin: None, origin_due: Duration::ZERO, latest: 0 })
    }

    /// Returns how long the next event must still wait. `timestamp` is in nanoseconds.
    pub(crate) fn wait(&mut self, timestamp: u64) -> Duration {
        let elapsed = self.started.elapsed();
        self.due(timestamp, elapsed).saturating_sub(elapsed)
    }

    /// Makes an event with this timestamp due after `wait`, and later events relative to it.
    ///
    /// Shortens a long wait over a silence or a step of the clock.
    pub(crate) fn wait_only(&mut self, timestamp: u64, wait: Duration) {
        self.origin = Some(timestamp);
        self.origin_due = self.started.elapsed().saturating_add(wait);
        self.latest = timestamp;
    }

    fn due(&mut self, timestamp: u64, elapsed: Duration) -> Duration {
        let origin = match self.origin {
            Some(origin) if timestamp.saturating_add(CLOCK_WAS_SET_NANOS) >= self.latest => origin,
            _ => {
                self.origin_due = elapsed;
                self.latest = timestamp;
                *self.origin.insert(timestamp)
            }
        };
        self.latest = self.latest.max(timestamp);
        let nanos = timestamp.saturating_sub(origin) as f64 / self.speed;
        // The cast turns a float that is too large into the largest number.
        self.origin_due.saturating_add(Duration::from_nanos(nanos as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: u64 = 1_000_000;

    fn due(pace: &mut ReplayPace, milli: u64) -> u64 {
        pace.due(5_000 * MILLI + milli * MILLI, Duration::ZERO).as_millis() as u64
    }

    #[test]
    fn events_are_due_as_far_apart_as_they_happened_divided_by_the_speed() {
        for (speed, expected) in [(1.0, [0, 100, 250]), (2.0, [0, 50, 125]), (0.5, [0, 200, 500])] {
            let mut pace = ReplayPace::new(speed).unwrap();
            assert_eq!([0, 100, 250].map(|milli| due(&mut pace, milli)), expected);
        }
        for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(ReplayPace::new(speed).is_none());
        }
    }

    #[test]
    fn a_little_backwards_is_due_at_once_and_shifts_nothing() {
        let mut pace = ReplayPace::new(1.0).unwrap();
        assert_eq!([500, 900, 700, 400, 1000].map(|milli| due(&mut pace, milli)), [0, 400, 200, 0, 500]);
    }

    #[test]
    fn a_wait_is_what_is_left_until_an_event_is_due() {
        let mut pace = ReplayPace::new(10.0).unwrap();
        assert_eq!(pace.wait(5_000 * MILLI), Duration::ZERO, "the first event is due at once");
        assert!(pace.wait(7_000 * MILLI) <= Duration::from_millis(200));
    }

    #[test]
    fn a_long_wait_can_be_shortened() {
        let mut pace = ReplayPace::new(1.0).unwrap();
        let (second, most) = (1_000 * MILLI, Duration::from_secs(5));
        assert_eq!(pace.wait(0), Duration::ZERO);
        assert!(pace.wait(3600 * second) > most);
        pace.wait_only(3600 * second, most);
        assert!(pace.wait(3601 * second) <= most + Duration::from_secs(1));
    }

    #[test]
    fn after_the_clock_was_set_back_the_pace_continues_from_there() {
        let mut pace = ReplayPace::new(1.0).unwrap();
        due(&mut pace, 0);
        due(&mut pace, 60_000);
        let at = Duration::from_secs(60);
        assert_eq!(pace.due(1_000 * MILLI, at), at);
        assert_eq!(pace.due(1_100 * MILLI, at), at + Duration::from_millis(100));
    }

    #[test]
    fn no_timestamp_overflows() {
        let mut pace = ReplayPace::new(1e-6).unwrap();
        for timestamp in [0, u64::MAX, 0, u64::MAX - 1, 1] {
            pace.due(timestamp, Duration::from_secs(1));
        }
    }
}
