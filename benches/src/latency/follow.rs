//! Measures from an append to a follower on another thread, in the shape that Chronicle Queue publishes.
//!
//! Events are due at moments of a fixed schedule, and each carries its moment. The follower subtracts it from the
//! moment at which it has read the event. So an append that is late counts in full: nothing is omitted.

use super::hot_path::{BESIDE, Bench, HOT};
use super::paced::Schedule;
use super::samples::Times;
use super::timing::Ticks;
use ringlog::event::EventHeader;
use ringlog::storage::{LogFollower, LogWriter, SyncPolicy};
use std::hint::spin_loop;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Time until the next event has surely come, also on a busy machine.
const LAST_WAIT: Duration = Duration::from_secs(20);

/// How many events of which length.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Events a second.
    pub rate: u64,
    /// Bytes of a payload.
    pub payload: usize,
}

/// The two that are published.
pub const SCENARIOS: [Scenario; 2] =
    [Scenario { rate: 50_000, payload: 32 }, Scenario { rate: 100_000, payload: 140 }];

/// One of the functions below.
pub type Followed = fn(&Bench<'_>, Scenario) -> Times;

/// When each event is due.
#[derive(Clone, Copy, Debug)]
struct Moments {
    schedule: Schedule,
    start: u64,
    second: u64,
}

impl Moments {
    /// The first quarter is the warm-up. The first event is due when both threads have surely started.
    fn new(bench: &Bench<'_>, scenario: Scenario) -> Self {
        let counted = Schedule::new(scenario.rate, 0, bench.settings.round).counted;
        let schedule = Schedule { per_second: scenario.rate, warm_up: counted / 4, counted };
        let second = bench.ticks.per_second();
        Self { schedule, start: bench.ticks.now() + second / 100, second }
    }

    /// Returns when event `number` is due, in ticks.
    #[inline]
    const fn due(&self, number: u64) -> u64 {
        self.start + number * self.second / self.schedule.per_second
    }

    /// Calls `append` for each event when it is due, or at once if it is late.
    fn keep(&self, ticks: &Ticks, mut append: impl FnMut(u64, u64)) {
        for number in 0..self.schedule.calls() {
            let due = self.due(number);
            while ticks.now() < due {}
            append(number, due);
        }
    }
}

/// Measures the machine's limit: a counter that one thread increments and the other loads. No record, no log.
///
/// # Panics
/// If the counter does not move.
pub fn counter(bench: &Bench<'_>, scenario: Scenario) -> Times {
    let moments = Moments::new(bench, scenario);
    let published = AtomicU64::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            bench.settings.put(HOT);
            // ORDERING: Relaxed, here and below. Nothing is handed over but the number itself.
            moments.keep(bench.ticks, |number, _| published.store(number + 1, Ordering::Relaxed));
        });
        let reading = scope.spawn(|| {
            bench.settings.put(BESIDE);
            let mut seen = 0;
            follow(bench.ticks, &moments.schedule, || {
                // ORDERING: as above.
                let is_new = published.load(Ordering::Relaxed) > seen;
                seen += u64::from(is_new);
                is_new.then(|| moments.due(seen - 1))
            })
        });
        reading.join().expect("the reader has said why")
    })
}

/// Measures a log that is synced once a second, as by default.
pub fn synced_log(bench: &Bench<'_>, scenario: Scenario) -> Times {
    log(bench, scenario, SyncPolicy::default())
}

/// Measures a log that only the kernel writes back, as Chronicle Queue does.
pub fn unsynced_log(bench: &Bench<'_>, scenario: Scenario) -> Times {
    log(bench, scenario, SyncPolicy::Never)
}

/// Measures `LogWriter::write_event` to `LogFollower::next_event`. The log's workers may run anywhere.
fn log(bench: &Bench<'_>, scenario: Scenario, sync: SyncPolicy) -> Times {
    let folder = bench.settings.folder();
    let path = folder.path().join("log");
    let mut writer = LogWriter::options().sync(sync).open(&path).expect("a log");
    let mut follower = LogFollower::open(&path).expect("a log to follow");
    let payload = vec![0x5A; scenario.payload];
    let moments = Moments::new(bench, scenario);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            bench.settings.put(HOT);
            moments.keep(bench.ticks, |_, due| {
                let header = EventHeader::new(due, 1, payload.len() as u16);
                writer.write_event(&header, &payload).expect("room in the log");
            });
            writer.close().expect("a whole log");
        });
        let reading = scope.spawn(|| {
            bench.settings.put(BESIDE);
            let mut next = 0;
            follow(bench.ticks, &moments.schedule, || {
                let event = follower.next_event().expect("a log without damage")?;
                assert_eq!((event.sequence, event.payload.len()), (next, scenario.payload));
                next += 1;
                Some(event.header.timestamp)
            })
        });
        reading.join().expect("the follower has said why")
    })
}

/// Calls `next` until all events have come. It returns when the next one was due, if there is one.
fn follow(ticks: &Ticks, schedule: &Schedule, mut next: impl FnMut() -> Option<u64>) -> Times {
    let mut times = Times::up_to(ticks.per_second());
    let mut number = 0;
    let mut last = Instant::now();
    while number < schedule.calls() {
        let Some(due) = next() else {
            assert!(last.elapsed() < LAST_WAIT, "event {number} did not come within {LAST_WAIT:?}");
            spin_loop();
            continue;
        };
        let now = ticks.now();
        if number >= schedule.warm_up {
            // The counters of two processors may differ by a little.
            times.add(now.saturating_sub(due));
        }
        number += 1;
        last = Instant::now();
    }
    times
}
