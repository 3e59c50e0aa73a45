//! The timing loop: makes calls at moments of a fixed schedule.
//!
//! Two times are taken of each call. *Service time* is from just before the call to just after it. Response
//! time* is from the moment at which the call was due to just after it. So a call that takes long also counts
//! in the calls that had to wait for it: nothing is omitted when the loop itself is late.
//!
//! Both readings of the clock wait until all work before them has its results ([`Ticks::settled`]). So the
//! loop's work on the last call's times does not count for the next call, and no part of a call runs after its
//! end.

use super::samples::Times;
use super::timing::Ticks;
use std::time::Duration;

/// When calls are due, and how many of them.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// Calls a second.
    pub per_second: u64,
    /// Calls at the beginning that are made and not counted.
    pub warm_up: u64,
    /// Calls that are counted.
    pub counted: u64,
}

impl Schedule {
    /// Makes a schedule of `per_second` calls for `duration`, after a warm-up.
    #[must_use]
    pub fn new(per_second: u64, warm_up: u64, duration: Duration) -> Self {
        let counted = (duration.as_secs_f64() * per_second as f64) as u64;
        Self { per_second: per_second.max(1), warm_up, counted: counted.max(1) }
    }

    /// Returns the number of all calls.
    #[must_use]
    pub const fn calls(&self) -> u64 {
        self.warm_up + self.counted
    }
}

/// What a round of calls took.
#[derive(Clone, Debug)]
pub struct Round {
    /// From just before each call to just after it.
    pub service: Times,
    /// From the moment each call was due to just after it.
    pub response: Times,
    /// Calls that returned `false`, warm-up included.
    pub refused: u64,
    /// How often the system took the processor away from this thread for another one meanwhile.
    pub preempted: u64,
    /// How often a processor of the machine was interrupted meanwhile to drop page translations that another
    /// one has changed. A sync of mapped pages does that to every thread of its process.
    pub shootdowns: u64,
}

/// Makes the schedule's calls. `call` gets its number, and returns whether it could do its work.
pub fn run(ticks: &Ticks, schedule: &Schedule, mut call: impl FnMut(u64) -> bool) -> Round {
    let second = ticks.per_second();
    let times = || Times::up_to(second);
    let mut round = Round { service: times(), response: times(), refused: 0, preempted: 0, shootdowns: 0 };
    let before = (preemptions(), shootdowns());
    // The first call is due when its caller has surely reached it.
    let start = ticks.now() + second / 1000;
    for number in 0..schedule.calls() {
        // The product stays below 2^64 for the first hour and more, at any rate that makes sense.
        let due = start + number * second / schedule.per_second;
        while ticks.now() < due {}
        let begin = ticks.settled();
        let done = call(number);
        let end = ticks.settled();
        round.refused += u64::from(!done);
        if number >= schedule.warm_up {
            round.service.add(end.saturating_sub(begin));
            round.response.add(end.saturating_sub(due));
        }
    }
    round.preempted = preemptions() - before.0;
    round.shootdowns = shootdowns() - before.1;
    round
}

/// Returns how often this thread was preempted; 0 if the system does not say.
fn preemptions() -> u64 {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let count = status.lines().find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"));
    count.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}

/// Returns the interrupts of that kind since the start of the system, on all processors; 0 if it does not say.
fn shootdowns() -> u64 {
    let interrupts = std::fs::read_to_string("/proc/interrupts").unwrap_or_default();
    let counts = interrupts.lines().find_map(|line| line.trim_start().strip_prefix("TLB:"));
    counts.map_or(0, |counts| counts.split_whitespace().map_while(|count| count.parse::<u64>().ok()).sum())
}

#[cfg(test)]
mod tests {
    use super::super::samples::{Distribution, MEDIAN};
    use super::*;

    #[test]
    fn makes_the_calls_in_order_and_counts_those_behind_the_warm_up() {
        let schedule = Schedule::new(100_000, 10, Duration::from_millis(1));
        let mut next = 0;
        let round = run(&Ticks::new(), &schedule, |number| {
            assert_eq!(number, next);
            next += 1;
            number % 2 == 0
        });
        assert_eq!((next, schedule.calls()), (110, 110));
        assert_eq!((round.service.count(), round.response.count(), round.refused), (100, 100, 55));
    }

    #[test]
    fn a_call_that_is_held_up_counts_for_those_behind_it() {
        let ticks = Ticks::new();
        let hold = ticks.of(Duration::from_millis(5));
        let schedule = Schedule::new(10_000, 0, Duration::from_millis(4));
        let round = run(&ticks, &schedule, |number| {
            let end = ticks.now() + if number == 0 { hold } else { 0 };
            while ticks.now() < end {}
            true
        });
        let mut service = Distribution::new("service");
        service.add(&ticks, &round.service);
        let mut response = Distribution::new("response");
        response.add(&ticks, &round.response);
        // One of 40 calls takes long, but half of them answer late, by 3 ms and more.
        assert!(response.figure(MEDIAN).value > 2e6, "{:?}", response.figure(MEDIAN));
        assert!(service.figure(MEDIAN).value < response.figure(MEDIAN).value);
    }

    #[test]
    fn calls_keep_to_the_schedule() {
        let ticks = Ticks::new();
        let begin = ticks.now();
        run(&ticks, &Schedule::new(1000, 0, Duration::from_millis(20)), |_| true);
        assert!(ticks.nanos(ticks.now() - begin) >= 19e6);
    }
}
