//! Measures a log that is larger than the kernel's cache keeps: ring and recorder write into recycled segments whose pages
//! left that cache long ago.
//!
//! Before each round the whole log is written back, and the kernel is asked to drop its pages. The log takes a third of
//! the memory by default, as the writer takes a smaller one for cached. `.ci/run against COMMIT ROUNDS evicted` measures
//! the same for an earlier commit: it builds this file there, so this uses nothing that is new in the library.

use clap::Parser;
use ringlog::recorder::Recorder;
use ringlog::ring::{Idle, Producer};
use ringlog::storage::{LogWriter, Retention, SyncPolicy};
use ringlog_benches::compare::Table;
use ringlog_benches::machine::Pinning;
use ringlog_benches::rounds::Rounds;
use ringlog_benches::work::Source;
use rustix::fs::{Advice, fadvise};
use rustix::system::sysinfo;
use serde::Serialize;
use std::fs::{self, File};
use std::hint::spin_loop;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[derive(Parser)]
#[command(about = "Measures writing into recycled segments that left the page cache", version)]
struct Arguments {
    /// Bytes of each payload
    #[arg(long, value_delimiter = ',', default_values_t = [64])]
    payload: Vec<usize>,
    /// Measurements of each
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// MiB of records in each measurement; at most half of the log
    #[arg(long, default_value_t = 512)]
    mebibytes: u64,
    /// MiB of each segment
    #[arg(long, default_value_t = 64)]
    segment_mebibytes: u64,
    /// MiB that the log keeps. By default a third of the memory: the writer takes a log of less than a quarter for cached
    #[arg(long)]
    log_mebibytes: Option<u64>,
    /// Folder for the log; a temporary one by default
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Write all figures to this file, as JSON
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    tables: Vec<Table>,
    /// Bytes that this process had the disk read in all measurements. None where the kernel does not count them.
    disk_read_bytes: Option<u64>,
}

/// Segments besides the kept ones: the active one, the spare one, and one that waits to be finished.
const MORE_SEGMENTS: u64 = 3;
const RING_BYTES: usize = 512 << 10;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let temporary = tempfile::tempdir()?;
    let folder = arguments.folder.as_deref().unwrap_or(temporary.path());
    let mut report = Report { tables: Vec::new(), disk_read_bytes: Some(0) };
    for &payload_len in &arguments.payload {
        let log = folder.join(format!("evicted-{payload_len}"));
        let (rounds, read_bytes) = measure(&arguments, payload_len, &log);
        fs::remove_dir_all(&log)?;
        let mut table =
            Table::new(&format!("Recycled and evicted segments, payloads of {payload_len} bytes"));
        table.row(
            "ring + log, recycled and evicted segments",
            &rounds,
            Source::new(payload_len).record().0.stride(),
        );
        println!("{}", table.markdown());
        report.tables.push(table);
        report.disk_read_bytes = report.disk_read_bytes.zip(read_bytes).map(|(all, more)| all + more);
    }
    match report.disk_read_bytes {
        Some(bytes) => println!("The disk was asked for {bytes} bytes during the measurements."),
        None => println!("This kernel does not count what a process reads from the disk."),
    }
    if let Some(path) = arguments.json {
        fs::write(path, serde_json::to_string_pretty(&report)?)?;
    }
    Ok(())
}

/// Returns nanoseconds per event of each round, and the bytes that the disk was asked for in all of them.
fn measure(arguments: &Arguments, payload_len: usize, log: &Path) -> (Rounds, Option<u64>) {
    let segment_bytes = arguments.segment_mebibytes << 20;
    let memory = sysinfo();
    let third = memory.totalram * u64::from(memory.mem_unit) / 3;
    let log_bytes = arguments.log_mebibytes.map_or(third, |mebibytes| mebibytes << 20);
    let kept = (log_bytes / segment_bytes).max(2 * MORE_SEGMENTS);
    assert!(
        arguments.mebibytes << 20 <= log_bytes / 2,
        "a round must end before it recycles what it has written"
    );
    let retention = Retention { max_segments: Some(kept), ..Retention::default() };
    let options =
        LogWriter::options().segment_bytes(segment_bytes).retention(retention).sync(SyncPolicy::Never);
    Pinning::Free.put(1);
    let started = Recorder::builder()
        .ring_bytes(RING_BYTES)
        .idle(Idle::Spin)
        .log(options)
        .on_thread_start(|| Pinning::Pinned.put(1))
        .start(log);
    let (producer, recorder) = started.expect("a recorder");
    Pinning::Pinned.put(0);
    let mut writing = Writing { producer, recorder, source: Source::new(payload_len), bytes: 0 };
    let stride = writing.source.record().0.stride() as u64;
    // The steady state: each segment that is begun from now on was another one before.
    writing.write((kept + MORE_SEGMENTS) * segment_bytes / stride, stride);
    let events = (arguments.mebibytes << 20) / stride;
    let (mut rounds, mut read_bytes) = (Rounds::default(), Some(0));
    for _ in 0..arguments.rounds {
        evict(log);
        let before = disk_read_bytes();
        let elapsed = writing.write(events, stride);
        let read = disk_read_bytes().zip(before).map(|(after, before)| after - before);
        read_bytes = read_bytes.zip(read).map(|(all, more)| all + more);
        rounds.add(elapsed.as_nanos() as f64 / events as f64);
    }
    let Writing { producer, recorder, .. } = writing;
    assert_eq!(recorder.shutdown(producer).expect("a log").lost, 0);
    (rounds, read_bytes)
}

struct Writing {
    producer: Producer,
    recorder: Recorder,
    source: Source,
    /// Bytes of all records so far.
    bytes: u64,
}

impl Writing {
    /// Writes this many events, and returns the time until the log has the last one.
    fn write(&mut self, events: u64, stride: u64) -> Duration {
        let begin = Instant::now();
        for _ in 0..events {
            while !self.source.offer(|header, payload| self.producer.write_event(header, payload).is_ok()) {
                spin_loop();
            }
        }
        self.bytes += events * stride;
        while self.recorder.recorded_bytes() < self.bytes {
            spin_loop();
        }
        begin.elapsed()
    }
}

/// Writes all files of the log back, and asks the kernel to drop their pages. Those that are mapped stay.
fn evict(log: &Path) {
    for entry in fs::read_dir(log).expect("the folder is listed") {
        let path = entry.expect("the folder is listed").path();
        // One that was renamed or deleted meanwhile is no loss.
        let Ok(file) = File::open(path) else { continue };
        if file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            file.sync_all().expect("the file is written back");
            fadvise(&file, 0, None, Advice::DontNeed).expect("the kernel takes the advice");
        }
    }
}

/// Returns the bytes that this process has had the disk read so far. `None` if the kernel does not count them.
fn disk_read_bytes() -> Option<u64> {
    let counted = fs::read_to_string("/proc/self/io").ok()?;
    counted.lines().find_map(|line| line.strip_prefix("read_bytes: "))?.parse().ok()
}
