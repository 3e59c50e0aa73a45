//! Measures a recorder in another process: the ring is a file, and the two share no other memory.

use super::hot_path::{BESIDE, Bench, HOT, taken};
use super::paced::{Round, run};
use super::settings::{Args, Workers};
use ringlog::event::EventHeader;
use ringlog::recorder::Recorder;
use ringlog::ring::{Producer, SharedRing};
use ringlog::storage::LogReader;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// Longest wait until the other process has made the ring, and until it has ended.
const PATIENCE: Duration = Duration::from_secs(60);

/// Times `Producer::write_event` into a ring in a file that another process drains into a log.
///
/// # Panics
/// If the other process fails, or its log does not hold what the ring took.
pub fn ring_and_process(bench: &Bench<'_>) -> Round {
    let (folder, memory) = (bench.settings.folder(), memory_folder(bench));
    let (ring, log) = (memory.path().join("ring"), folder.path().join("log"));
    bench.settings.put(BESIDE);
    let mut child = start(bench, &ring, &log);
    bench.settings.put(HOT);
    let mut producer = producer(&ring);
    let payload = bench.payload();
    let schedule = bench.schedule();
    let round = run(bench.ticks, &schedule, |number| {
        let payload = black_box(&payload[..]);
        let header = EventHeader::new(number, 1, payload.len() as u16);
        taken(producer.write_event(&header, payload))
    });
    drop(producer);
    assert!(child.wait().expect("a child").success(), "the other process failed");
    let written = LogReader::open(&log).expect("a whole log").len();
    assert_eq!(written + round.refused, schedule.calls(), "the log does not hold what the ring took");
    round
}

/// Makes a folder, in memory if possible, where files are never written back.
fn memory_folder(bench: &Bench<'_>) -> tempfile::TempDir {
    let made = tempfile::Builder::new().prefix("ringlog-latency-").tempdir_in("/dev/shm");
    made.unwrap_or_else(|_| bench.settings.folder())
}

fn start(bench: &Bench<'_>, ring: &Path, log: &Path) -> Child {
    let settings = bench.settings;
    let program = settings.program.as_deref().expect("asked for only with a program");
    let mut command = Command::new(program);
    command.args(["--ring-bytes", &settings.ring_bytes.to_string()]);
    command.args(["--segment-bytes", &settings.segment_bytes.to_string()]);
    if let Some(nice) = settings.workers.nice {
        command.args(["--worker-nice", &nice.to_string()]);
    }
    if let Some(cpu) = settings.workers.cpu {
        command.args(["--worker-cpu", &cpu.to_string()]);
    }
    command.arg("--record").args([ring, log]).spawn().expect("another process")
}

fn producer(ring: &Path) -> Producer {
    let end = Instant::now() + PATIENCE;
    loop {
        match SharedRing::open(ring).and_then(|ring| ring.claim_producer()) {
            Ok(producer) => return producer,
            Err(error) if error.is_transient() && Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Runs in the other process: records until the producer closes.
///
/// # Errors
/// The recorder's error, as text.
pub fn record(args: &Args, ring: &PathBuf, log: &PathBuf) -> Result<(), String> {
    let options = Workers { nice: args.worker_nice, cpu: args.worker_cpu }.log(args.segment_bytes);
    let builder = Recorder::builder().ring_bytes(args.ring_bytes as usize).log(options).end_with_producer();
    let recorder = builder.start_shared(ring, log).map_err(|error| error.to_string())?;
    recorder.wait(PATIENCE * 60).map(drop).map_err(|error| error.to_string())
}
