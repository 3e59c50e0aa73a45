//! Holds a feed to a rate.

use std::time::{Duration, Instant};

use crate::values::Rate;

const PICOS_PER_SECOND: u128 = 1_000_000_000_000;
/// The lag that a slow feed may catch up; more would be a flood after a long silence.
const SLACK_PICOS: u128 = PICOS_PER_SECOND / 10;

/// Says when the next event may be sent.
///
/// Reads the clock only if the next event is not due by the last reading: at high rates, most events need no reading.
#[derive(Debug)]
pub(crate) struct Pace {
    interval_picos: Option<u128>,
    started: Instant,
    now_picos: u128,
    next_picos: u128,
}

impl Pace {
    /// Starts the pace now.
    pub(crate) fn new(rate: Rate) -> Self {
        let interval_picos = match rate {
            Rate::PerSecond(events) => Some(PICOS_PER_SECOND / u128::from(events.get())),
            Rate::Max => None,
        };
        Self { interval_picos, started: Instant::now(), now_picos: 0, next_picos: 0 }
    }

    /// Returns how long the next event must wait; `None` if it may be sent now.
    pub(crate) fn wait(&mut self) -> Option<Duration> {
        self.interval_picos?;
        if self.next_picos > self.now_picos {
            self.now_picos = self.started.elapsed().as_nanos() * 1_000;
        }
        self.wait_at(self.now_picos)
    }

    fn wait_at(&self, now_picos: u128) -> Option<Duration> {
        let ahead = self.next_picos.checked_sub(now_picos).filter(|&picos| picos > 0)?;
        Some(Duration::from_nanos(u64::try_from(ahead / 1_000 + 1).unwrap_or(u64::MAX)))
    }

    /// Notes that an event was sent.
    pub(crate) fn sent(&mut self) {
        if let Some(interval) = self.interval_picos {
            self.next_picos = self.next_picos.max(self.now_picos.saturating_sub(SLACK_PICOS)) + interval;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU64;

    fn per_second(events: u64) -> Pace {
        Pace::new(Rate::PerSecond(NonZeroU64::new(events).unwrap()))
    }

    #[test]
    fn max_never_waits() {
        let mut pace = Pace::new(Rate::Max);
        for _ in 0..1000 {
            assert_eq!(pace.wait(), None);
            pace.sent();
        }
    }

    #[test]
    fn events_are_due_one_interval_apart() {
        let mut pace = per_second(10);
        assert_eq!(pace.wait_at(0), None);
        pace.sent();
        let wait = pace.wait_at(0).unwrap();
        assert!(wait >= Duration::from_millis(100) && wait < Duration::from_millis(101), "{wait:?}");
        assert_eq!(pace.wait_at(PICOS_PER_SECOND / 10), None);
    }

    #[test]
    fn a_long_silence_is_caught_up_by_a_tenth_of_a_second_only() {
        let mut pace = per_second(1000);
        pace.now_picos = 60 * PICOS_PER_SECOND;
        let mut burst = 0;
        while pace.wait_at(60 * PICOS_PER_SECOND).is_none() {
            pace.sent();
            burst += 1;
        }
        assert!((100..=102).contains(&burst), "{burst}");
    }
}
