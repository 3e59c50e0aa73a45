//! Measures an idle consumer: its cost while nothing comes, and how soon it has the next event.

use super::hot_path::{BESIDE, Bench, HOT};
use super::samples::Times;
use super::timing::Ticks;
use ringlog::consumer::EventConsumer;
use ringlog::event::EventHeader;
use ringlog::recorder::Recorder;
use ringlog::ring::{Idle, Producer, SpscRingBuffer};
use rustix::time::{ClockId, clock_gettime};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time until a service that has just started is idle.
const SETTLE: Duration = Duration::from_millis(50);
/// Least time between two events. A random part is added, so that sleeper and waker do not keep step.
const LEAST_GAP: Duration = Duration::from_micros(2500);
const GAP_SPREAD_MICROS: u64 = 2000;
/// Time until the last event has surely come, also on a busy machine.
const LAST_WAIT: Duration = Duration::from_secs(20);

/// How a consumer waits for events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strategy {
    /// A recorder's thread, with a consumer beside its log.
    Recorder(Idle),
    /// The consumer of a pair that parks: its producer wakes it.
    Park,
}

impl Strategy {
    /// All that are measured, the recorder's default included.
    pub const ALL: [Self; 6] = [
        Self::Recorder(Idle::Spin),
        Self::Recorder(Idle::Yield),
        Self::Recorder(Idle::Sleep { longest: Duration::from_micros(100) }),
        Self::Recorder(Idle::Sleep { longest: Duration::from_millis(1) }),
        Self::Recorder(Idle::Sleep { longest: Duration::from_millis(10) }),
        Self::Park,
    ];

    /// Returns the name in reports.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Recorder(Idle::Spin) => "recorder, spin".to_owned(),
            Self::Recorder(Idle::Yield) => "recorder, yield".to_owned(),
            Self::Recorder(idle @ Idle::Sleep { longest }) => {
                let default = if idle == Idle::default() { " (default)" } else { "" };
                format!("recorder, back off to {longest:?}{default}")
            }
            Self::Recorder(other) => format!("recorder, {other:?}"),
            Self::Park => "notify pair, park".to_owned(),
        }
    }

    /// Returns whether the goal for this kind is less than a hundredth of a processor when idle.
    #[must_use]
    pub fn is_to_be_cheap(self) -> bool {
        matches!(self, Self::Park) || self == Self::Recorder(Idle::default())
    }
}

/// One round of one strategy.
#[derive(Clone, Debug)]
pub struct Woken {
    /// Processor time of the whole process in percent of one processor, while nothing came.
    pub idle_percent: f64,
    /// Time from just before the publishing to the consumer's call, in ticks.
    pub latency: Times,
    /// Time of the publishing call.
    pub publish: Times,
}

/// Makes one round: in its first half nothing comes, in the second half an event now and then.
///
/// # Panics
/// If an event does not come.
#[must_use]
pub fn wake(bench: &Bench<'_>, strategy: Strategy) -> Woken {
    bench.settings.put(HOT);
    match strategy {
        Strategy::Recorder(idle) => wake_recorder(bench, idle),
        Strategy::Park => wake_parked(bench),
    }
}

/// Measures a thread that only sleeps, each time as long as the longest wait of the default back-off. Returns
/// the processor time, in percent of one processor, that the system takes to put it to sleep and to wake it.
///
/// # Panics
/// Never, unless the thread cannot be started.
#[must_use]
pub fn only_sleep(bench: &Bench<'_>) -> f64 {
    let Idle::Sleep { longest } = Idle::default() else { return 0.0 };
    let end = AtomicBool::new(false);
    bench.settings.put(HOT);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            bench.settings.put(BESIDE);
            // ORDERING: Relaxed, here and below. Nothing is handed over with it.
            while !end.load(Ordering::Relaxed) {
                std::thread::sleep(longest);
            }
        });
        std::thread::sleep(SETTLE);
        let percent = busy_percent(bench.settings.round / 2);
        end.store(true, Ordering::Relaxed);
        percent
    })
}

fn wake_recorder(bench: &Bench<'_>, idle: Idle) -> Woken {
    let folder = bench.settings.folder();
    let arrivals = Arrivals::new(bench.ticks);
    bench.settings.put(BESIDE);
    let builder = Recorder::builder().idle(idle).consumer(arrivals.clone());
    let (mut producer, recorder) = builder.start(folder.path().join("log")).expect("a recorder");
    bench.settings.put(HOT);
    let woken = send(bench, &arrivals, |header, payload| write(&mut producer, header, payload));
    recorder.shutdown(producer).expect("a whole log");
    woken
}

fn wake_parked(bench: &Bench<'_>) -> Woken {
    let arrivals = Arrivals::new(bench.ticks);
    let (mut producer, mut consumer) = SpscRingBuffer::new(bench.settings.ring_bytes).split_notify();
    std::thread::scope(|scope| {
        let mut seen = arrivals.clone();
        scope.spawn(move || {
            bench.settings.put(BESIDE);
            while consumer.wait(None) {
                let drained = consumer.inner_mut().drain(usize::MAX, |header, payload| {
                    seen.consume(header, payload);
                });
                drained.expect("a whole ring");
            }
        });
        let woken = send(bench, &arrivals, |header, payload| {
            producer.write_event(header, payload).expect("an empty ring");
        });
        drop(producer);
        woken
    })
}

fn write(producer: &mut Producer, header: &EventHeader, payload: &[u8]) {
    producer.write_event(header, payload).expect("an empty ring");
}

/// Waits, then publishes events that carry the moment before their publishing.
fn send(bench: &Bench<'_>, arrivals: &Arrivals, mut publish: impl FnMut(&EventHeader, &[u8])) -> Woken {
    let half = bench.settings.round / 2;
    let payload = bench.payload();
    std::thread::sleep(SETTLE);
    let idle_percent = busy_percent(half);
    let mut publishing = Times::new();
    let mut draw = 0x9E37_79B9_7F4A_7C15_u64;
    let begin = Instant::now();
    let mut sent = 0;
    while sent == 0 || begin.elapsed() < half {
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(LEAST_GAP + Duration::from_micros((draw >> 33) % GAP_SPREAD_MICROS));
        let before = bench.ticks.now();
        publish(&EventHeader::new(before, 1, payload.len() as u16), &payload);
        publishing.add(bench.ticks.now().saturating_sub(before));
        sent += 1;
    }
    let latency = arrivals.take(sent);
    Woken { idle_percent, latency, publish: publishing }
}

/// Returns the processor time that this process takes while the calling thread sleeps, in percent of one
/// processor.
fn busy_percent(duration: Duration) -> f64 {
    let (begin, before) = (Instant::now(), processor_time());
    std::thread::sleep(duration);
    let (busy, all) = (processor_time().saturating_sub(before), begin.elapsed());
    100.0 * busy.as_secs_f64() / all.as_secs_f64()
}

/// Returns the processor time of all threads of this process.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Notes when events arrive that carry the moment of their publishing.
#[derive(Clone, Debug)]
struct Arrivals {
    ticks: Ticks,
    times: Arc<Mutex<Times>>,
}

impl Arrivals {
    fn new(ticks: &Ticks) -> Self {
        Self { ticks: ticks.clone(), times: Arc::default() }
    }

    /// Returns the times of `count` events, once all have come.
    fn take(&self, count: u64) -> Times {
        let begin = Instant::now();
        loop {
            let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
            if times.count() == count {
                return std::mem::take(&mut *times);
            }
            drop(times);
            assert!(begin.elapsed() < LAST_WAIT, "an event did not come within {LAST_WAIT:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl EventConsumer for Arrivals {
    fn consume(&mut self, header: &EventHeader, _: &[u8]) -> bool {
        let now = self.ticks.now();
        // The counters of two processors may differ by a little.
        let apart = now.saturating_sub(header.timestamp);
        self.times.lock().unwrap_or_else(PoisonError::into_inner).add(apart);
        true
    }

    fn name(&self) -> &str {
        "arrivals"
    }
}
