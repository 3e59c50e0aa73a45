//! Measures how long a log takes to publish: one event that comes alone, and runs beside syncs that follow each other.

use super::hot_path::{BESIDE, Bench, HOT};
use super::samples::Times;
use ringlog::consumer::EventSource;
use ringlog::event::EventHeader;
use ringlog::recorder::Recorder;
use ringlog::ring::{Idle, RingBuffer};
use ringlog::storage::{LogWriter, Retention, SyncPolicy};
use std::hint::spin_loop;
use std::time::{Duration, Instant};

/// Time between two events that come alone.
const PAUSE: Duration = Duration::from_millis(1);
/// Bytes of a run, with headers.
pub const RUN_BYTES: usize = 16 << 10;
/// Bytes of a record in a run.
const RECORD_BYTES: usize = 256;
/// Time between two runs: 200 MB a second.
const RUN_PERIOD: Duration = Duration::from_micros(82);
/// A log keeps at most this much.
const KEPT_BYTES: u64 = 1 << 30;
/// How long a wait is that a trader notices.
pub const LONG: Duration = Duration::from_millis(1);

/// The times of one round, and how many were longer than [`LONG`].
#[derive(Debug)]
pub struct Published {
    /// How long each took.
    pub times: Times,
    /// How many took longer than [`LONG`].
    pub long: u64,
}

/// One of the functions below.
pub type Publishing = fn(&Bench<'_>) -> Published;

impl Published {
    const fn new(times: Times) -> Self {
        Self { times, long: 0 }
    }

    fn add(&mut self, ticks: u64, second: u64) {
        self.times.add(ticks);
        self.long += u64::from(u128::from(ticks) * 1000 > u128::from(second) * LONG.as_millis());
    }
}

/// Measures from just before `write_event` until the event is published in the log, a thousand times a second. The
/// recorder spins.
///
/// # Panics
/// If there is no log.
pub fn alone(bench: &Bench<'_>) -> Published {
    let folder = bench.settings.folder();
    bench.settings.put(BESIDE);
    let builder = Recorder::builder().idle(Idle::Spin);
    let (mut producer, recorder) = builder.start(folder.path().join("log")).expect("a recorder");
    bench.settings.put(HOT);
    let (watch, payload, second) = (recorder.watch().clone(), bench.payload(), bench.ticks.per_second());
    let mut published = Published::new(Times::up_to(second));
    let begin = Instant::now();
    let mut position = watch.published_position();
    while begin.elapsed() < bench.settings.round || published.times.count() == 0 {
        std::thread::sleep(PAUSE);
        let header = EventHeader::new(0, 1, payload.len() as u16);
        position += header.stride() as u64;
        let before = bench.ticks.now();
        producer.write_event(&header, &payload).expect("an empty ring");
        while watch.published_position() < position {
            spin_loop();
        }
        published.add(bench.ticks.now().saturating_sub(before), second);
    }
    recorder.shutdown(producer).expect("a whole log");
    published
}

/// Measures `LogWriter::append_run` for runs of [`RUN_BYTES`] while a worker syncs the log without a pause.
///
/// # Panics
/// If there is no log.
pub fn runs(bench: &Bench<'_>) -> Published {
    let folder = bench.settings.folder();
    bench.settings.put(HOT);
    let retention = Retention { max_bytes: Some(KEPT_BYTES), ..Retention::default() };
    let options = LogWriter::options().retention(retention).sync(SyncPolicy::EveryBytes(1));
    let mut writer = options.open(folder.path().join("log")).expect("a log");
    let mut ring = RingBuffer::new(4 * RUN_BYTES);
    let payload = [7; RECORD_BYTES - 16];
    for _ in 0..RUN_BYTES / RECORD_BYTES {
        let header = EventHeader::new(1, 1, payload.len() as u16);
        ring.write_event(&header, &payload).expect("room for a run");
    }
    let second = bench.ticks.per_second();
    let mut published = Published::new(Times::up_to(second));
    let (begin, mut due) = (Instant::now(), Instant::now());
    while begin.elapsed() < bench.settings.round || published.times.count() == 0 {
        let mut run = ring.peek_run(0).expect("a whole ring").expect("a run");
        let before = bench.ticks.now();
        writer.append_run(&mut run).expect("room on the disk");
        published.add(bench.ticks.now().saturating_sub(before), second);
        due += RUN_PERIOD;
        while Instant::now() < due {
            spin_loop();
        }
    }
    writer.close().expect("a whole log");
    published
}
