//! A message of `tracing` with three fields: what it takes on the calling thread, beside `tracing_subscriber::fmt`.

use super::Table;
use crate::latency::timing::Ticks;
use crate::rounds::Rounds;
use ringlog::logging::{Layer, Sink};
use ringlog::recorder::Recorder;
use std::error::Error;
use std::fs::File;
use std::sync::{Barrier, Mutex};
use std::time::Duration;
use tracing::{Dispatch, info};
use tracing_appender::non_blocking::NonBlockingBuilder;
use tracing_subscriber::layer::SubscriberExt;

/// Of one thread's median with ringlog, in nanoseconds.
const MOST_NANOS: f64 = 150.0;
/// How many times as long tracing-appender's median must be.
const LEAST_TIMES: f64 = 4.0;
/// What is reported of each distribution.
const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)];
/// Of each thread's ring.
const RING_BYTES: usize = 4 << 20;

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Measurements of each, in turn
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Messages of each thread
    #[arg(long, default_value_t = 100_000)]
    messages: u64,
    /// Nanoseconds between two messages of a thread, where the log must keep up
    #[arg(long, default_value_t = 2_000)]
    pause: u64,
    /// Threads that log at a time, one table each
    #[arg(long, value_delimiter = ',', default_values_t = [1, 4])]
    threads: Vec<usize>,
}

#[derive(Clone, Copy)]
enum Way {
    Ringlog,
    /// `fmt` and tracing-appender's thread, lossy as by default.
    Appender,
    /// `fmt`, which writes each line into the file.
    Synchronous,
}

const WAYS: [(Way, &str); 3] = [
    (Way::Ringlog, "ringlog, logging::Layer"),
    (Way::Appender, "fmt, tracing-appender non_blocking"),
    (Way::Synchronous, "fmt, a file"),
];

/// What one measurement gave.
struct Outcome {
    /// Nanoseconds, as [`QUANTILES`] lists them.
    nanos: [f64; QUANTILES.len()],
    /// Messages that the log or the appender counts as lost.
    lost: u64,
}

/// Measures.
///
/// # Errors
/// If a log or a file cannot be written.
pub fn run(arguments: &Arguments) -> Result<Vec<Table>, String> {
    let mut tables = Vec::new();
    for &threads in &arguments.threads {
        for (load, pause) in [("", Some(arguments.pause)), (", one right after another", None)] {
            tables.push(table(arguments, threads, load, pause).map_err(|error| error.to_string())?);
        }
    }
    Ok(tables)
}

fn table(
    arguments: &Arguments,
    threads: usize,
    load: &str,
    pause: Option<u64>,
) -> Result<Table, Box<dyn Error>> {
    let mut figures: [[Rounds; QUANTILES.len()]; WAYS.len()] = Default::default();
    let mut lost = [0; WAYS.len()];
    for _ in 0..arguments.rounds {
        for (at, (way, _)) in WAYS.iter().enumerate() {
            let outcome = measure(*way, threads, arguments.messages, pause)?;
            lost[at] += outcome.lost;
            for (rounds, nanos) in figures[at].iter_mut().zip(outcome.nanos) {
                rounds.add(nanos);
            }
        }
    }
    let every = pause.map_or(String::new(), |pause| format!(", one every {pause} ns"));
    let title = format!("Logging, {threads} threads: a call of `info!` with three fields{load}{every}");
    let mut table = Table::new(&title);
    let offered = arguments.messages * threads as u64 * arguments.rounds as u64;
    for (at, (_, name)) in WAYS.iter().enumerate() {
        let share = 100.0 * lost[at] as f64 / offered as f64;
        for (rounds, (quantile, _)) in figures[at].iter().zip(QUANTILES) {
            table.row(&format!("{name}, {quantile}; {share:.2} % lost"), rounds, RECORD_BYTES);
        }
    }
    if pause.is_some() && threads == 1 {
        let mut limit = Rounds::default();
        (0..arguments.rounds).for_each(|_| limit.add(MOST_NANOS));
        table.goal("ringlog, p50, as 150 ns", &limit.over(&figures[0][0]), 1.0);
        table.goal("ringlog, p50, as tracing-appender's", &figures[1][0].over(&figures[0][0]), LEAST_TIMES);
    }
    Ok(table)
}

/// Of such a message in a log of ringlog.
const RECORD_BYTES: usize = 136;

fn measure(way: Way, threads: usize, messages: u64, pause: Option<u64>) -> Result<Outcome, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("log");
    match way {
        Way::Ringlog => {
            let recorder = Recorder::builder().ring_bytes(RING_BYTES);
            let (sink, guard) = Sink::builder().recorder(recorder).open(path)?;
            let dispatch = Dispatch::new(tracing_subscriber::registry().with(Layer::new(&sink)));
            let nanos = call(&dispatch, threads, messages, pause);
            let summary = guard.finish()?;
            let lost = summary.log.lost + summary.dropped;
            let wanted = (messages + WARM_UP) * threads as u64;
            if summary.log.events + lost != wanted {
                return Err(format!("{} events and {lost} lost, of {wanted}", summary.log.events).into());
            }
            Ok(Outcome { nanos, lost })
        }
        Way::Appender => {
            let (writer, guard) = NonBlockingBuilder::default().finish(File::create_new(path)?);
            let counter = writer.error_counter();
            let fmt = tracing_subscriber::fmt().with_ansi(false).with_writer(writer).finish();
            let nanos = call(&Dispatch::new(fmt), threads, messages, pause);
            drop(guard);
            Ok(Outcome { nanos, lost: counter.dropped_lines() as u64 })
        }
        Way::Synchronous => {
            let file = Mutex::new(File::create_new(path)?);
            let fmt = tracing_subscriber::fmt().with_ansi(false).with_writer(file).finish();
            Ok(Outcome { nanos: call(&Dispatch::new(fmt), threads, messages, pause), lost: 0 })
        }
    }
}

/// Messages of each thread before those that are measured.
const WARM_UP: u64 = 100;

/// Logs on each thread, and returns the quantiles of the calls, in nanoseconds. Reading the counter is part of a call.
fn call(dispatch: &Dispatch, threads: usize, messages: u64, pause: Option<u64>) -> [f64; QUANTILES.len()] {
    let (ticks, start) = (Ticks::new(), Barrier::new(threads));
    let pause = pause.map(|nanos| ticks.of(Duration::from_nanos(nanos)));
    let one = || {
        tracing::dispatcher::with_default(dispatch, || {
            let mut times = Vec::with_capacity(usize::try_from(messages).unwrap_or(0));
            (0..WARM_UP).for_each(log);
            start.wait();
            let mut next = ticks.now();
            for number in 0..messages {
                let before = ticks.settled();
                log(number);
                times.push(ticks.settled() - before);
                if let Some(pause) = pause {
                    next = (next + pause).max(ticks.now());
                    while ticks.now() < next {
                        std::hint::spin_loop();
                    }
                }
            }
            times
        })
    };
    let mut all: Vec<u64> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        running.into_iter().flat_map(|thread| thread.join().expect("a thread that logs")).collect()
    });
    all.sort_unstable();
    QUANTILES.map(|(_, quantile)| ticks.nanos(all[((all.len() - 1) as f64 * quantile) as usize]))
}

#[inline(never)]
fn log(number: u64) {
    info!(order = number, price = 101.25, side = "buy", "filled");
}
