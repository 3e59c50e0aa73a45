//! What the recorder's thread spends its time on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use ringlog::consumer::{EventConsumer, Run};
use ringlog::event::EventHeader;

/// The kernel counts the time of a thread in such ticks for its readers: `USER_HZ` is 100 on all architectures here.
const TICK: Duration = Duration::from_millis(10);

/// The time of a thread since its start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct ThreadTime {
    /// On a processor, in the program.
    pub(crate) user: Duration,
    /// On a processor, in the kernel.
    pub(crate) system: Duration,
    /// Ready to run, without a processor.
    pub(crate) queued: Duration,
    /// Asleep because the ring was empty.
    pub(crate) idle: Duration,
}

impl ThreadTime {
    /// Reads the time of a thread of this process; `None` if the kernel does not show it. The idle time is zero.
    pub(crate) fn of(thread: u32) -> Option<Self> {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/self/task/{thread}/{name}")).ok();
        // Not all kernels count how long threads are queued.
        let queued = read("schedstat").as_deref().and_then(queued_in).unwrap_or_default();
        let (user, system) = processor_time_in(&read("stat")?)?;
        Some(Self { user, system, queued, idle: Duration::ZERO })
    }
}

/// Returns user and system time: the 12th and 13th field after the name in brackets.
fn processor_time_in(stat: &str) -> Option<(Duration, Duration)> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || Some(TICK * fields.next()?.parse::<u32>().ok()?);
    Some((ticks()?, ticks()?))
}

/// Returns the second field, in nanoseconds.
fn queued_in(schedstat: &str) -> Option<Duration> {
    Some(Duration::from_nanos(schedstat.split_whitespace().nth(1)?.parse().ok()?))
}

/// How long the recorder has been asleep because the ring was empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct IdleTime(Arc<AtomicU64>);

impl IdleTime {
    /// Returns the time so far.
    pub(crate) fn get(&self) -> Duration {
        // ORDERING: Relaxed. The number is for a display only.
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// Measures the idle time, as a consumer beside the log.
///
/// The recorder calls it when the ring is empty, and again after it has slept and recorded the next events. What passed
/// in between without the processor is sleep.
#[derive(Debug)]
pub(crate) struct IdleProbe {
    time: IdleTime,
    since: Option<Moment>,
}

/// A moment by the clock and by the processor time of the thread.
#[derive(Clone, Copy, Debug)]
struct Moment {
    clock: Instant,
    on_processor: Duration,
}

impl Moment {
    fn now() -> Self {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        let on_processor = Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32);
        Self { clock: Instant::now(), on_processor }
    }

    fn off_processor_since(&self, before: &Self) -> Duration {
        (self.clock - before.clock).saturating_sub(self.on_processor.saturating_sub(before.on_processor))
    }
}

impl IdleProbe {
    /// Makes a probe, and a handle that reads it.
    pub(crate) fn new() -> (Self, IdleTime) {
        let time = IdleTime::default();
        (Self { time: time.clone(), since: None }, time)
    }

    fn end(&mut self, now: Moment) {
        if let Some(since) = self.since.take() {
            let slept = u64::try_from(now.off_processor_since(&since).as_nanos()).unwrap_or(u64::MAX);
            // ORDERING: Relaxed. The number is for a display only.
            self.time.0.fetch_add(slept, Ordering::Relaxed);
        }
    }
}

impl EventConsumer for IdleProbe {
    fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool {
        true
    }

    fn consume_run(&mut self, run: &mut Run<'_>) -> bool {
        if self.since.is_some() {
            self.end(Moment::now());
        }
        run.accept_bytes(run.remaining().len(), 0);
        true
    }

    fn idle(&mut self) {
        let now = Moment::now();
        self.end(now);
        self.since = Some(now);
    }

    fn name(&self) -> &str {
        "idle time"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::events::StressEvents;
    use rustix::thread::gettid;

    #[test]
    fn the_fields_are_found_beside_any_name() {
        let stat = "7 (a) 1 b) S 1 2 3 4 5 6 7 8 9 10 250 30 0 0 20";
        let (user, system) = processor_time_in(stat).unwrap();
        assert_eq!((user, system), (Duration::from_millis(2500), Duration::from_millis(300)));
        assert_eq!(queued_in("123 456 7\n"), Some(Duration::from_nanos(456)));
        assert!(processor_time_in("7 (a) S 1").is_none() && queued_in("").is_none());
    }

    #[test]
    fn the_time_of_this_thread_is_shown_and_that_of_no_thread_is_not() {
        let here = gettid().as_raw_nonzero().get().unsigned_abs();
        assert!(ThreadTime::of(here).is_some());
        assert_eq!(ThreadTime::of(0), None);
    }

    #[test]
    fn sleep_after_idle_counts_and_work_does_not() {
        let sleep = Duration::from_millis(20);
        let (mut probe, time) = IdleProbe::new();
        probe.idle();
        std::thread::sleep(sleep);
        probe.idle();
        let idle = time.get();
        assert!(idle >= sleep / 2, "{idle:?}");
        let record = StressEvents::new(0).encoded(1);
        probe.consume_run(&mut Run::new(&record).unwrap());
        let before = time.get();
        std::thread::sleep(sleep);
        probe.consume_run(&mut Run::new(&record).unwrap());
        assert_eq!(time.get(), before, "blocked after events, not idle");
    }
}
