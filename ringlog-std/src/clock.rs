//! Timestamps: unix nanoseconds, cheap to read.
#![forbid(unsafe_code)]

use std::time::{SystemTime, UNIX_EPOCH};

pub use ringlog_nostd::EventClock;

use crate::event::ClockKind;

/// A clock that counts unix nanoseconds from the processor's time-stamp counter.
///
/// It takes the wall clock's time once, when it is created, and counts from there: it never goes backwards and does
/// not follow later changes of the wall clock. The counter's rate is measured, so the clock drifts against the wall
/// clock by some parts in a million. Create a new one now and then where that matters.
///
/// ```
/// let clock = ringlog::clock::Clock::new();
/// let first = clock.now();
/// assert!(clock.now() >= first);
/// ```
#[derive(Clone, Debug)]
pub struct Clock {
    counter: quanta::Clock,
    start_raw: u64,
    start_unix_nanos: u64,
}

impl Clock {
    /// Creates a clock that starts at the wall clock's time.
    ///
    /// ```
    /// use ringlog::clock::Clock;
    /// use std::time::{Duration, SystemTime, UNIX_EPOCH};
    ///
    /// let clock = Clock::new();
    /// let unix = SystemTime::now().duration_since(UNIX_EPOCH)?;
    /// assert!(unix.abs_diff(Duration::from_nanos(clock.now())) < Duration::from_secs(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn new() -> Self {
        let counter = quanta::Clock::new();
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let start_unix_nanos = u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX);
        let start_raw = counter.raw();
        Self { counter, start_raw, start_unix_nanos }
    }

    /// Returns the nanoseconds since 1970-01-01 00:00 UTC.
    ///
    /// ```
    /// let clock = ringlog::clock::Clock::new();
    /// let started = clock.now();
    /// let took_nanos = clock.now() - started;
    /// assert!(took_nanos < 1_000_000_000);
    /// ```
    #[must_use]
    #[inline]
    pub fn now(&self) -> u64 {
        let elapsed = self.counter.delta_as_nanos(self.start_raw, self.counter.raw());
        self.start_unix_nanos.saturating_add(elapsed)
    }
}

impl EventClock for Clock {
    #[inline]
    fn now(&self) -> u64 {
        Self::now(self)
    }

    fn kind(&self) -> ClockKind {
        ClockKind::UnixNanos
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_wall_clock_within_a_millisecond_at_first() {
        let clock = Clock::new();
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        assert!(u128::from(clock.now()).abs_diff(wall) < 1_000_000);
    }
}
