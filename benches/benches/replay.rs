//! Reads a finished log: all of it, and from a place in it, by sequence and by time.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use ringlog::storage::{LogReader, LogScan, LogWriter, MmapReader, SyncPolicy};
use ringlog_benches::sample_log::SampleLog;
use ringlog_benches::work::Tally;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

const LOG: SampleLog = SampleLog::of_bytes(64, 16 << 20);
const SEGMENT_BYTES: u64 = 4 << 20;
/// Events that are read from a place in the middle.
const PIECE: u64 = 100;
const MIDDLE: u64 = LOG.events as u64 / 2 + 7;

/// A log of some segments, and the same events in one file.
struct Finished {
    folder: TempDir,
}

impl Finished {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder for logs");
        let finished = Self { folder };
        let options = LogWriter::options().sync(SyncPolicy::Never);
        let in_segments = options.clone().segment_bytes(SEGMENT_BYTES);
        LOG.write(&finished.log(), &in_segments).close().expect("a whole log");
        let in_one = options.segment_bytes(LOG.file_bytes());
        LOG.write(&finished.folder.path().join("one"), &in_one).close().expect("a whole log");
        finished
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("one").join("00000000000000000000.evtl")
    }
}

fn all_of_it(criterion: &mut Criterion) {
    let finished = Finished::new();
    let mut group = group(criterion, "replay/all of it");
    group.throughput(Throughput::Elements(LOG.events as u64));
    for (name, verify) in [("checksums verified", true), ("checksums not verified", false)] {
        let open = if verify { MmapReader::open } else { MmapReader::open_unverified };
        let file = open(finished.file()).expect("a log file");
        group.bench_function(format!("MmapReader::replay, {name}"), |bencher| {
            bencher.iter(|| {
                let mut tally = Tally::new();
                file.replay(|event| tally.take(&event.header, event.payload)).expect("a whole file");
                LOG.check(&tally);
            });
        });
        let open = if verify { LogReader::open } else { LogReader::open_unverified };
        let log = open(finished.log()).expect("a log");
        group.bench_function(format!("LogReader::replay, {name}"), |bencher| {
            bencher.iter(|| {
                let mut tally = Tally::new();
                log.replay(|event| tally.take(&event.header, event.payload)).expect("a whole log");
                LOG.check(&tally);
            });
        });
    }
    group.bench_function("LogScan::next_event", |bencher| {
        bencher.iter(|| {
            let mut tally = Tally::new();
            let mut scan = LogScan::open(finished.log()).expect("a log");
            while let Some(event) = scan.next_event().expect("a whole log") {
                tally.take(&event.header, event.payload);
            }
            LOG.check(&tally);
        });
    });
    group.finish();
}

/// A [`Source`](ringlog_benches::work::Source)'s timestamps are its sequences.
fn from_the_middle(criterion: &mut Criterion) {
    let finished = Finished::new();
    let sum: u64 = (MIDDLE..MIDDLE + PIECE).sum();
    let mut group = group(criterion, "replay/100 events from the middle");
    group.throughput(Throughput::Elements(PIECE));
    let log = LogReader::open(finished.log()).expect("a log");
    group.bench_function("LogReader::events_from", |bencher| {
        bencher.iter(|| assert_eq!(sum_of_piece(log.events_from(MIDDLE)), sum));
    });
    group.bench_function("LogReader::events_since", |bencher| {
        bencher.iter(|| assert_eq!(sum_of_piece(log.events_since(MIDDLE)), sum));
    });
    group.bench_function("LogReader::open, then events_since", |bencher| {
        bencher.iter(|| {
            let log = LogReader::open(finished.log()).expect("a log");
            assert_eq!(sum_of_piece(log.events_since(MIDDLE)), sum);
        });
    });
    group.bench_function("LogScan::open, then seek", |bencher| {
        bencher.iter(|| {
            let mut scan = LogScan::open(finished.log()).expect("a log");
            scan.seek(MIDDLE).expect("a segment");
            let mut found = 0;
            while scan.next_sequence() < MIDDLE + PIECE {
                let event = scan.next_event().expect("a whole log").expect("more events");
                found += if event.sequence < MIDDLE { 0 } else { event.header.timestamp };
            }
            assert_eq!(found, sum);
        });
    });
    group.finish();
}

fn sum_of_piece<'a, E: std::fmt::Debug>(
    events: impl Iterator<Item = Result<ringlog_nostd::format::Event<'a>, E>>,
) -> u64 {
    events.take(PIECE as usize).map(|event| event.expect("a whole log").header.timestamp).sum()
}

fn group<'c>(criterion: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(20).measurement_time(Duration::from_secs(2));
    group
}

mod groups {
    //! Criterion's entry points; the macro writes a public function without documentation.
    use super::{all_of_it, from_the_middle};
    criterion::criterion_group!(replay, all_of_it, from_the_middle);
}

criterion::criterion_main!(groups::replay);
