//! The program's arguments, and the settings from them.

use crate::external::{self, External};
use crate::machine::{Pinning, processors};
use clap::{Parser, ValueEnum};
use ringlog::storage::{LogWriter, LogWriterOptions};
use rustix::process::setpriority_process;
use rustix::thread::{CpuSet, sched_setaffinity};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// Measures latencies of ringlog, and of what they are compared with.
#[derive(Clone, Debug, Parser)]
#[command(name = "latency", version)]
pub struct Args {
    /// What to measure
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Part::ALL)]
    pub parts: Vec<Part>,
    /// Rounds of each thing; they are interleaved
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rounds: u32,
    /// Length of one round of one thing
    #[arg(long, default_value_t = 0.5, value_parser = seconds)]
    pub seconds_per_round: f64,
    /// Events a second on the hot path
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=50_000_000))]
    pub rate: u64,
    /// Payload of an event in bytes; the record has 16 more
    #[arg(long, value_enum, default_value = "48")]
    pub payload: Payload,
    /// Capacity of the ring, a power of two: the recorder's default is 4M
    #[arg(long, default_value = "4M", value_parser = power_of_two)]
    pub ring_bytes: u64,
    /// Size of the log's segments on the hot path: small ones, so that each round has some
    #[arg(long, default_value = "16M", value_parser = bytes)]
    pub segment_bytes: u64,
    /// Size of the log that is opened, and whose growth is timed
    #[arg(long, default_value = "2G", value_parser = bytes)]
    pub log_size: u64,
    /// Folder for the logs and the storm's files [default: the folder for temporary files]
    #[arg(long)]
    pub dir: Option<PathBuf>,
    /// Whether the threads stay on their processors
    #[arg(long, value_enum, default_value = "pinned")]
    pub pinning: Pinning,
    /// Nice value of the log's worker threads on the hot path, 0 to 19
    #[arg(long, value_parser = clap::value_parser!(i32).range(0..=19))]
    pub worker_nice: Option<i32>,
    /// Processor of the log's worker threads on the hot path [default: the recorder's, if threads are pinned]
    #[arg(long, value_parser = clap::value_parser!(u16).range(0..1024))]
    pub worker_cpu: Option<u16>,
    /// Commands of rivals, for the parts bursts and follow
    #[command(flatten)]
    pub external: external::Arguments,
    /// A smoke test of some seconds: few and short rounds, a small log
    #[arg(long)]
    pub quick: bool,
    /// Write the report as Markdown
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Write the figures as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Draw the distribution of service times on the hot path
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Draw the distribution of response times on the hot path
    #[arg(long, value_name = "FILE")]
    pub svg_response: Option<PathBuf>,
    /// Record this ring into this log until its producer closes; used by the program itself
    #[arg(long, hide = true, num_args = 2, value_names = ["RING", "LOG"])]
    pub record: Option<Vec<PathBuf>>,
}

/// A part of the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum, serde::Serialize)]
pub enum Part {
    /// The hot path while the recorder runs and nothing else.
    Hot,
    /// The hot path under a writeback storm.
    Storm,
    /// Short bursts on the hot path, the shape of Quill's benchmark.
    Bursts,
    /// From ring to consumer, spinning.
    OneWay,
    /// From an append to a follower, the shape of Chronicle Queue's benchmark.
    Follow,
    /// Until the log has published: an event alone, and runs beside syncs.
    Publish,
    /// An idle service, and how soon it wakes up.
    Idle,
    /// Opening a log, and adding to one that grows.
    Log,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Hot,
        Self::Storm,
        Self::Bursts,
        Self::OneWay,
        Self::Follow,
        Self::Publish,
        Self::Idle,
        Self::Log,
    ];
}

/// Lengths of a payload. The records' lengths are powers of two, as a slot of the other rings has a fixed size.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Payload {
    /// Records of 32 bytes.
    #[value(name = "16")]
    P16,
    /// Records of 64 bytes.
    #[value(name = "48")]
    P48,
    /// Records of 256 bytes.
    #[value(name = "240")]
    P240,
    /// Records of 1024 bytes.
    #[value(name = "1008")]
    P1008,
}

impl Payload {
    const fn len(self) -> usize {
        match self {
            Self::P16 => 16,
            Self::P48 => 48,
            Self::P240 => 240,
            Self::P1008 => 1008,
        }
    }
}

/// Where a log's worker threads run; without a value, as the thread that starts the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub struct Workers {
    /// Their nice value.
    pub nice: Option<i32>,
    /// Their processor.
    pub cpu: Option<u16>,
}

impl Workers {
    /// Returns the options of a log whose workers run there.
    #[must_use]
    pub fn log(self, segment_bytes: u64) -> LogWriterOptions {
        let options = LogWriter::options().segment_bytes(segment_bytes);
        if self == Self::default() {
            return options;
        }
        options.on_worker_start(move || {
            if let Some(cpu) = self.cpu {
                let mut set = CpuSet::new();
                set.set(cpu.into());
                sched_setaffinity(None, &set)?;
            }
            self.nice.map_or(Ok(()), |nice| Ok(setpriority_process(None, nice)?))
        })
    }
}

impl std::fmt::Display for Workers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.nice {
            Some(nice) => write!(f, "workers at nice {nice}")?,
            None => f.write_str("workers at normal priority")?,
        }
        self.cpu.map_or(Ok(()), |cpu| write!(f, " on processor {cpu}"))
    }
}

/// What the parts need to know.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Settings {
    /// Rounds of each thing.
    pub rounds: u32,
    /// Length of one round of one thing.
    pub round: Duration,
    /// Events a second on the hot path.
    pub rate: u64,
    /// Bytes of a payload.
    pub payload: usize,
    /// Capacity of the ring.
    pub ring_bytes: usize,
    /// Size of a segment on the hot path.
    pub segment_bytes: u64,
    /// Size of the large log.
    pub log_size: u64,
    /// Where files are put.
    pub dir: PathBuf,
    /// The program that records in another process; without it, that is not measured.
    pub program: Option<PathBuf>,
    /// Commands of rivals.
    pub externals: Vec<External>,
    /// Name of the pinning.
    pub pinning: &'static str,
    /// The log's worker threads on the hot path.
    pub workers: Workers,
    #[serde(skip)]
    pin: Pinning,
}

impl Settings {
    /// Returns the settings from the arguments. `program` is a program that takes them, too.
    #[must_use]
    pub fn new(args: &Args, program: Option<PathBuf>) -> Self {
        let mut settings = Self {
            rounds: args.rounds,
            round: Duration::from_secs_f64(args.seconds_per_round),
            rate: args.rate,
            payload: args.payload.len(),
            ring_bytes: args.ring_bytes as usize,
            segment_bytes: args.segment_bytes,
            log_size: args.log_size,
            dir: args.dir.clone().unwrap_or_else(std::env::temp_dir),
            program,
            externals: args.external.commands().to_vec(),
            pinning: args.pinning.name(),
            workers: Workers { nice: args.worker_nice, cpu: args.worker_cpu },
            pin: args.pinning,
        };
        if args.quick {
            settings.rounds = settings.rounds.min(2);
            settings.round = settings.round.min(Duration::from_millis(100));
            settings.log_size = settings.log_size.min(64 << 20);
        }
        settings
    }

    /// Puts the calling thread on a processor, the last one if there are fewer.
    pub fn put(&self, cpu: usize) {
        self.pin.put(cpu.min(processors_at_all() - 1));
    }

    /// Makes a folder that is deleted when it is dropped.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn folder(&self) -> TempDir {
        let made = tempfile::Builder::new().prefix("ringlog-latency-").tempdir_in(&self.dir);
        made.unwrap_or_else(|error| panic!("{}: cannot make a folder: {error}", self.dir.display()))
    }

    /// Returns how long a reader without a log sleeps between two looks: the recorder's longest sleep.
    #[must_use]
    pub const fn reader_sleep(&self) -> Duration {
        Duration::from_millis(1)
    }
}

/// Returns the number of processors. Asked only once, by a thread that is not pinned yet.
fn processors_at_all() -> usize {
    static ALL: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    *ALL.get_or_init(processors)
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if (0.001..=3600.0).contains(&seconds) { Ok(seconds) } else { Err("from 0.001 to 3600".to_owned()) }
}

/// Parses bytes, or KiB, MiB, GiB with `K`, `M`, `G` after the number.
fn bytes(text: &str) -> Result<u64, String> {
    let (number, shift) = match text.as_bytes().last() {
        Some(b'K' | b'k') => (&text[..text.len() - 1], 10),
        Some(b'M' | b'm') => (&text[..text.len() - 1], 20),
        Some(b'G' | b'g') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let number: u64 =
        number.parse().map_err(|_| format!("{text}: not a number of bytes, as 4096, 16M or 2G"))?;
    let bytes = number.checked_mul(1 << shift).filter(|bytes| (4096..=1 << 40).contains(bytes));
    bytes.ok_or_else(|| format!("{text}: from 4K to 1024G"))
}

/// Parses as [`bytes`] does, for the capacity of a ring that holds the largest payload many times.
fn power_of_two(text: &str) -> Result<u64, String> {
    let bytes = bytes(text)?;
    let is_ring = bytes.is_power_of_two() && (1 << 16..=1 << 32).contains(&bytes);
    if is_ring { Ok(bytes) } else { Err(format!("{text}: a power of two from 64K to 4G")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_sound_and_have_defaults() {
        Args::command().debug_assert();
        let settings = Settings::new(&Args::parse_from(["latency"]), None);
        assert_eq!((settings.rounds, settings.payload, settings.ring_bytes), (15, 48, 4 << 20));
        let quick = Settings::new(&Args::parse_from(["latency", "--quick", "--payload", "1008"]), None);
        assert_eq!((quick.rounds, quick.payload, quick.log_size), (2, 1008, 64 << 20));
    }

    #[test]
    fn workers_are_as_the_thread_that_starts_them_unless_asked_otherwise() {
        let words = |words: &str| {
            let settings = Settings::new(&Args::parse_from(format!("latency{words}").split(' ')), None);
            settings.workers.to_string()
        };
        assert_eq!(words(""), "workers at normal priority");
        assert_eq!(words(" --worker-nice 19 --worker-cpu 1"), "workers at nice 19 on processor 1");
    }

    #[test]
    fn bytes_have_suffixes_and_bounds() {
        assert_eq!((bytes("4096"), bytes("16M"), bytes("2g")), (Ok(4096), Ok(16 << 20), Ok(2 << 30)));
        for wrong in ["", "M", "1", "-4K", "18446744073709551615G", "1.5G", "4096µ"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
        assert!(
            power_of_two("5M").is_err() && power_of_two("4K").is_err() && power_of_two("8M") == Ok(8 << 20)
        );
        assert!(seconds("0").is_err() && seconds("nan").is_err() && seconds("0.5") == Ok(0.5));
    }
}
