//! Compares several producers of one log with other ways to bring the events of several threads into one.

use super::Table;
use crossbeam_channel::{TrySendError, bounded};
use ringlog::clock::Clock;
use ringlog::event::EventHeader;
use ringlog::recorder::{Order, Producers, Recorder, RecorderBuilder};
use ringlog::ring::WriteError;
use ringlog::storage::LogWriter;
use std::error::Error;
use std::sync::{Barrier, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of a payload.
const PAYLOAD: usize = 64;
/// Events that a channel holds for each thread: as many as fit a ring.
const EVENTS_A_THREAD: usize = (256 << 10) / (PAYLOAD + 16);
const WINDOW: Duration = Duration::from_millis(1);

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Measurements of each, in turn
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Events of all threads together
    #[arg(long, default_value_t = 2_000_000)]
    events: u64,
    /// Numbers of threads
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4, 8])]
    threads: Vec<u64>,
    /// Measure only what has this in its name
    #[arg(long, default_value = "")]
    only: String,
}

/// An event on its way through a channel.
type Event = (u64, [u8; PAYLOAD]);

/// Runs `write` on this number of threads, which begin together, and returns when the last has ended.
fn on_threads(threads: u64, write: impl Fn(u64) + Sync) {
    let barrier = Barrier::new(threads as usize);
    std::thread::scope(|scope| {
        for number in 0..threads {
            let (barrier, write) = (&barrier, &write);
            scope.spawn(move || {
                barrier.wait();
                write(number);
            });
        }
    });
}

fn options() -> RecorderBuilder {
    Recorder::builder().log(LogWriter::options().segment_bytes(256 << 20))
}

/// Writes by a ring a thread, until the log has everything. Returns the time.
fn by_rings(threads: u64, events: u64, order: Order) -> Result<Duration, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let clock = Clock::new();
    let (producers, recorder) = options().order(order).start_many(folder.path())?;
    let begun = Instant::now();
    on_threads(threads, |number| write_all(&producers, &clock, number, events / threads));
    let summary = recorder.stop()?;
    let took = begun.elapsed();
    assert_eq!(summary.events, events / threads * threads, "events were lost");
    Ok(took)
}

fn write_all(producers: &Producers, clock: &Clock, number: u64, events: u64) {
    let mut producer = producers.producer().expect("a ring for each thread");
    let mut payload = [0; PAYLOAD];
    payload[0] = number as u8;
    for index in 0..events {
        payload[8..16].copy_from_slice(&index.to_le_bytes());
        loop {
            match producer.write_event(&EventHeader::new(clock.now(), 1, PAYLOAD as u16), &payload) {
                Err(WriteError::Full) => std::thread::yield_now(),
                written => break written.expect("the recorder works"),
            }
        }
    }
}

/// Sends through one channel to a thread that writes the log.
fn by_channel(threads: u64, events: u64) -> Result<Duration, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let clock = Clock::new();
    let mut log = LogWriter::options().segment_bytes(256 << 20).open(folder.path())?;
    let (sender, receiver) = bounded::<Event>(EVENTS_A_THREAD * threads as usize);
    let begun = Instant::now();
    let writer = std::thread::spawn(move || {
        for (time, payload) in receiver {
            log.write_event(&EventHeader::new(time, 1, PAYLOAD as u16), &payload).expect("the log takes it");
        }
        log.close().expect("the log is closed")
    });
    on_threads(threads, |number| {
        let mut payload = [0; PAYLOAD];
        payload[0] = number as u8;
        for index in 0..events / threads {
            payload[8..16].copy_from_slice(&index.to_le_bytes());
            let mut event = (clock.now(), payload);
            while let Err(TrySendError::Full(again)) = sender.try_send(event) {
                event = again;
                std::thread::yield_now();
            }
        }
    });
    drop(sender);
    let summary = writer.join().map_err(|_| "the writer panicked")?;
    let took = begun.elapsed();
    assert_eq!(summary.events, events / threads * threads, "events were lost");
    Ok(took)
}

/// Writes by a log that a mutex guards.
fn by_mutex(threads: u64, events: u64) -> Result<Duration, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let clock = Clock::new();
    let log = Mutex::new(LogWriter::options().segment_bytes(256 << 20).open(folder.path())?);
    let begun = Instant::now();
    on_threads(threads, |number| {
        let mut payload = [0; PAYLOAD];
        payload[0] = number as u8;
        for index in 0..events / threads {
            payload[8..16].copy_from_slice(&index.to_le_bytes());
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.write_event(&EventHeader::new(clock.now(), 1, PAYLOAD as u16), &payload)
                .expect("the log takes it");
        }
    });
    let summary = log.into_inner().unwrap_or_else(PoisonError::into_inner).close()?;
    let took = begun.elapsed();
    assert_eq!(summary.events, events / threads * threads, "events were lost");
    Ok(took)
}

/// Measures.
///
/// # Errors
/// If no log can be written.
pub fn run(arguments: &Arguments) -> Result<Vec<Table>, String> {
    let events = arguments.events;
    let per_event = |took: Result<Duration, Box<dyn Error>>| match took {
        Ok(took) => took.as_nanos() as f64 / events as f64,
        Err(error) => panic!("{error}"),
    };
    // What cannot work here is an error, and no panic in the middle of the table.
    by_mutex(1, 1).map_err(|error| error.to_string())?;
    let mut tables = Vec::new();
    for &threads in &arguments.threads {
        let arrival = || per_event(by_rings(threads, events, Order::Arrival));
        let sorted = || per_event(by_rings(threads, events, Order::Timestamp { window: WINDOW }));
        let channel = || per_event(by_channel(threads, events));
        let mutex = || per_event(by_mutex(threads, events));
        let contestants: [(&str, &dyn Fn() -> f64); 4] = [
            ("ringlog, a ring a thread, as they come", &arrival),
            ("ringlog, a ring a thread, by timestamp", &sorted),
            ("crossbeam-channel, bounded, and LogWriter", &channel),
            ("LogWriter in a mutex", &mutex),
        ];
        let title = format!(
            "{events} events of {PAYLOAD} bytes by {threads} threads into one log, until it is closed"
        );
        let record_bytes = ringlog_nostd::format::record_len(PAYLOAD);
        tables.push(Table::measure(&title, arguments.rounds, &arguments.only, &contestants, record_bytes).0);
    }
    Ok(tables)
}
