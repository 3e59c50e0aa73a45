//! Times in ticks of the processor's counter, and the cost of reading it.

use quanta::Clock;
use std::hint::black_box;
use std::time::Duration;

/// Pairs of readings around nothing, to measure the cost of reading.
const OVERHEAD_PAIRS: usize = 100_000;

/// The processor's time-stamp counter (quanta's `raw`: `rdtsc` on x86-64, without a fence).
///
/// Where quanta finds no counter that it trusts, ticks are nanoseconds of the system's monotonic clock.
#[derive(Clone, Debug)]
pub struct Ticks {
    clock: Clock,
    nanos_per_tick: f64,
}

/// The difference of two readings with nothing between them, in nanoseconds.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Overhead {
    /// The smallest of all.
    pub least: f64,
    /// The middle one.
    pub median: f64,
    /// Their mean, without the slowest in 100.
    pub mean: f64,
    /// The largest difference of neighbours among these: the step in which the clock advances.
    pub step: f64,
}

impl Ticks {
    /// The counter, its rate measured against the system's clock.
    #[must_use]
    pub fn new() -> Self {
        let clock = Clock::new();
        let many = 1_u64 << 40;
        let nanos_per_tick = clock.delta_as_nanos(0, many) as f64 / many as f64;
        Self { clock, nanos_per_tick }
    }

    /// Returns the counter now.
    #[must_use]
    #[inline]
    pub fn now(&self) -> u64 {
        self.clock.raw()
    }

    /// Returns the counter once all before it has its result, except for stores, which no caller waits for
    /// either.
    ///
    /// Without that, an out-of-order processor reads the counter too early, or before the measured work is
    /// done.
    #[must_use]
    #[inline]
    pub fn settled(&self) -> u64 {
        settle();
        self.now()
    }

    /// Returns the nanoseconds of a number of ticks.
    #[must_use]
    pub fn nanos(&self, ticks: u64) -> f64 {
        ticks as f64 * self.nanos_per_tick
    }

    /// Returns the ticks of a second.
    #[must_use]
    pub fn per_second(&self) -> u64 {
        (1e9 / self.nanos_per_tick) as u64
    }

    /// Returns the ticks of a duration.
    #[must_use]
    pub fn of(&self, duration: Duration) -> u64 {
        (duration.as_secs_f64() * 1e9 / self.nanos_per_tick) as u64
    }

    /// Measures nothing. The result is reported beside every figure, and never subtracted from it.
    #[must_use]
    pub fn overhead(&self) -> Overhead {
        let pair = |_| {
            let begin = self.settled();
            black_box(()); // nothing, as in the empty loop
            self.settled().saturating_sub(begin)
        };
        let mut apart: Vec<u64> = (0..OVERHEAD_PAIRS).map(pair).collect();
        apart.sort_unstable();
        let fast = &apart[..OVERHEAD_PAIRS / 100 * 99];
        // If the counter advances in steps, so do differences. Otherwise they take every value.
        let steps = fast.windows(2).map(|pair| pair[1] - pair[0]);
        Overhead {
            least: self.nanos(apart[0]),
            median: self.nanos(apart[OVERHEAD_PAIRS / 2]),
            mean: self.nanos(fast.iter().sum()) / fast.len() as f64,
            step: self.nanos(steps.max().unwrap_or(0)),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn settle() {
    // SAFETY: every x86-64 processor has the instruction; it touches no memory.
    unsafe { std::arch::x86_64::_mm_lfence() };
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn settle() {
    // ORDERING: SeqCst, for what it does to the processor: no other fence waits for results.
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
}

impl Default for Ticks {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn reading_the_clock_costs_something() {
        let overhead = Ticks::new().overhead();
        assert!(overhead.least <= overhead.median && overhead.least <= overhead.mean, "{overhead:?}");
        assert!(overhead.mean > 0.0 && overhead.mean < 1e6 && overhead.step > 0.0, "{overhead:?}");
    }

    #[test]
    fn ticks_are_as_long_as_the_system_says() {
        let ticks = Ticks::new();
        let (begin, clock) = (ticks.now(), Instant::now());
        std::thread::sleep(Duration::from_millis(20));
        let (counted, real) = (ticks.nanos(ticks.now() - begin), clock.elapsed().as_nanos() as f64);
        // The two readings at an end may be interrupted between them, but a wrong rate would be much further
        // off.
        assert!((counted / real - 1.0).abs() < 0.5, "{counted} ns for {real} ns");
        let second = ticks.nanos(ticks.per_second());
        assert!((second / 1e9 - 1.0).abs() < 1e-6, "{second}");
        assert!(ticks.of(Duration::from_secs(1)).abs_diff(ticks.per_second()) < 2);
    }
}
