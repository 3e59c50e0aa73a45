//! A message with three fields: what it takes on the calling thread, beside `tracing_subscriber::fmt` and ftlog.

use super::Table;
use crate::latency::timing::Ticks;
use crate::rounds::Rounds;
use ringlog::logging::{Guard, Layer, Logger, Sink};
use ringlog::recorder::Recorder;
use std::error::Error;
use std::fs::File;
use std::path::Path;
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
    Layer,
    Logger,
    /// `fmt` and tracing-appender's thread, lossy as by default.
    Appender,
    /// ftlog's thread, lossy as by default.
    Ftlog,
    /// `fmt`, which writes each line into the file.
    Synchronous,
    /// A subscriber that does nothing with an event.
    Nothing,
}

const WAYS: [(Way, &str); 6] = [
    (Way::Layer, "ringlog, logging::Layer"),
    (Way::Logger, "ringlog, logging::Logger"),
    (Way::Appender, "fmt, tracing-appender non_blocking"),
    (Way::Ftlog, "ftlog, fields in the text"),
    (Way::Synchronous, "fmt, a file"),
    (Way::Nothing, "limit: a registry alone"),
];
/// The place of [`Way::Appender`] among them.
const APPENDER: usize = 2;

/// What one measurement gave.
struct Outcome {
    /// Nanoseconds, as [`QUANTILES`] lists them.
    nanos: [f64; QUANTILES.len()],
    /// Messages that are not in the log or file.
    lost: u64,
    /// How many of them the log counts, or the program can ask for.
    reported: u64,
}

/// Measures.
///
/// # Errors
/// If a log or a file cannot be written.
pub fn run(arguments: &Arguments) -> Result<Vec<Table>, String> {
    log::set_max_level(log::LevelFilter::Info);
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
    let mut lost = [(0, 0); WAYS.len()];
    for _ in 0..arguments.rounds {
        for (at, (way, _)) in WAYS.iter().enumerate() {
            let outcome = measure(*way, threads, arguments.messages, pause)?;
            lost[at].0 += outcome.lost;
            lost[at].1 += outcome.reported;
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
        let (lost, reported) = lost[at];
        let lost = match lost {
            0 => String::new(),
            _ => format!(
                "; {:.2} % lost, {:.0} % of them reported",
                100.0 * lost as f64 / offered as f64,
                100.0 * reported as f64 / lost as f64
            ),
        };
        for (rounds, (quantile, _)) in figures[at].iter().zip(QUANTILES) {
            table.row(&format!("{name}, {quantile}{lost}"), rounds, RECORD_BYTES);
        }
    }
    if pause.is_some() && threads == 1 {
        let mut limit = Rounds::default();
        (0..arguments.rounds).for_each(|_| limit.add(MOST_NANOS));
        table.goal("Layer, p50, as 150 ns", &limit.over(&figures[0][0]), 1.0);
        table.goal(
            "Layer, p50, as tracing-appender's",
            &figures[APPENDER][0].over(&figures[0][0]),
            LEAST_TIMES,
        );
    }
    Ok(table)
}

/// Of such a message in a log of ringlog.
const RECORD_BYTES: usize = 136;

fn measure(way: Way, threads: usize, messages: u64, pause: Option<u64>) -> Result<Outcome, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("log");
    let load = Load { threads, messages, pause };
    let sent = (messages + WARM_UP) * threads as u64;
    // Lost and reported; the rest are lines in the file.
    let missing = |path: &Path| Ok::<_, Box<dyn Error>>(sent - lines(path)?);
    match way {
        Way::Layer => {
            let (sink, guard) = open(&path)?;
            let nanos = load.trace(tracing_subscriber::registry().with(Layer::new(&sink)));
            end(guard, nanos, sent)
        }
        Way::Logger => {
            let (sink, guard) = open(&path)?;
            let logger = Logger::new(&sink);
            let nanos = load.call(&|all| all(), |number| log_to(&logger, number));
            end(guard, nanos, sent)
        }
        Way::Appender => {
            let (writer, guard) = NonBlockingBuilder::default().finish(File::create_new(&path)?);
            let counter = writer.error_counter();
            let nanos = load.trace(tracing_subscriber::fmt().with_ansi(false).with_writer(writer).finish());
            drop(guard);
            Ok(Outcome { nanos, lost: missing(&path)?, reported: counter.dropped_lines() as u64 })
        }
        Way::Ftlog => {
            let logger = ftlog::builder().root(File::create_new(&path)?).build()?;
            let nanos = load.call(&|all| all(), |number| log_text_to(&logger, number));
            log::Log::flush(&logger);
            // It prints a count on standard error every 5 seconds.
            Ok(Outcome { nanos, lost: missing(&path)?, reported: 0 })
        }
        Way::Synchronous => {
            let file = Mutex::new(File::create_new(&path)?);
            let nanos = load.trace(tracing_subscriber::fmt().with_ansi(false).with_writer(file).finish());
            Ok(Outcome { nanos, lost: missing(&path)?, reported: 0 })
        }
        Way::Nothing => {
            let nanos = load.trace(tracing_subscriber::registry());
            Ok(Outcome { nanos, lost: 0, reported: 0 })
        }
    }
}

fn open(path: &Path) -> Result<(Sink, Guard), Box<dyn Error>> {
    Ok(Sink::builder().recorder(Recorder::builder().ring_bytes(RING_BYTES)).open(path)?)
}

/// Ends ringlog's log, whose counts must be those of the messages sent.
fn end(guard: Guard, nanos: [f64; QUANTILES.len()], sent: u64) -> Result<Outcome, Box<dyn Error>> {
    let summary = guard.finish()?;
    let (events, lost) = (summary.log.events, summary.log.lost);
    if events + lost != sent {
        return Err(format!("{events} events and {lost} lost, of {sent}").into());
    }
    Ok(Outcome { nanos, lost, reported: lost })
}

fn lines(path: &Path) -> Result<u64, Box<dyn Error>> {
    Ok(std::fs::read(path)?.iter().filter(|byte| **byte == b'\n').count() as u64)
}

/// Messages of each thread before those that are measured.
const WARM_UP: u64 = 100;

struct Load {
    threads: usize,
    /// Of each thread.
    messages: u64,
    /// Between two messages of a thread, in nanoseconds.
    pause: Option<u64>,
}

impl Load {
    /// Does the same as [`call`](Self::call), by `tracing`.
    fn trace(&self, subscriber: impl Into<Dispatch>) -> [f64; QUANTILES.len()] {
        let dispatch = subscriber.into();
        self.call(&|all| tracing::dispatcher::with_default(&dispatch, all), trace)
    }

    /// Logs on each thread, and returns the quantiles of the calls, in nanoseconds. Reading the counter is part of a call, for
    /// each of the ways.
    fn call(
        &self,
        around: &(dyn Fn(&mut dyn FnMut()) + Sync),
        log: impl Fn(u64) + Sync,
    ) -> [f64; QUANTILES.len()] {
        let (ticks, start) = (Ticks::new(), Barrier::new(self.threads));
        let pause = self.pause.map(|nanos| ticks.of(Duration::from_nanos(nanos)));
        let one = || {
            let mut times = Vec::with_capacity(usize::try_from(self.messages).unwrap_or(0));
            around(&mut || {
                (0..WARM_UP).for_each(&log);
                start.wait();
                let mut next = ticks.now();
                for number in 0..self.messages {
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
            });
            times
        };
        let mut all: Vec<u64> = std::thread::scope(|scope| {
            let running: Vec<_> = (0..self.threads).map(|_| scope.spawn(one)).collect();
            running.into_iter().flat_map(|thread| thread.join().expect("a thread that logs")).collect()
        });
        all.sort_unstable();
        QUANTILES.map(|(_, quantile)| ticks.nanos(all[((all.len() - 1) as f64 * quantile) as usize]))
    }
}

#[inline(never)]
fn trace(number: u64) {
    info!(order = number, price = 101.25, side = "buy", "filled");
}

#[inline(never)]
fn log_to(logger: &Logger, number: u64) {
    log::info!(logger: logger, order = number, price = 101.25, side = "buy"; "filled");
}

/// As ftlog's format has no fields.
#[inline(never)]
fn log_text_to(logger: &ftlog::Logger, number: u64) {
    log::info!(logger: logger, "filled order={number} price={} side={}", 101.25, "buy");
}
