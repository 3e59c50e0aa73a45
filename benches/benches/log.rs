//! Writes events to a log file on one thread: with and without checksums, with and without prefaulted pages.
//!
//! Every log is read back, outside of the measured time. The files are in the system's temporary folder: set
//! `TMPDIR` for another disk.

use criterion::{BenchmarkId, Criterion, Throughput};
use ringlog::consumer::Run;
use ringlog::storage::{LogWriter, MmapWriter, SyncPolicy};
use ringlog_benches::sample_log::SampleLog;
use ringlog_nostd::format::record_len;
use std::path::Path;
use std::time::{Duration, Instant};

const PAYLOAD_LENS: [usize; 2] = [64, 256];
const LOG_BYTES: usize = 8 << 20;
/// Most bytes of records that a log gets at once: a piece of a ring.
const RUN_BYTES: usize = 64 * 1024;

/// How a log is written.
#[derive(Clone, Copy)]
struct How {
    name: &'static str,
    checksums: bool,
    pages_are_ready: bool,
}

const WAYS: [How; 4] = [
    How { name: "checksums, pages ready", checksums: true, pages_are_ready: true },
    How { name: "checksums, pages as they come", checksums: true, pages_are_ready: false },
    How { name: "no checksums, pages ready", checksums: false, pages_are_ready: true },
    How { name: "no checksums, pages as they come", checksums: false, pages_are_ready: false },
];

impl How {
    fn prefault_bytes(self, log: SampleLog) -> usize {
        if self.pages_are_ready { log.file_bytes() as usize } else { 0 }
    }

    /// Event by event into a file.
    fn write_events(self, log: SampleLog, folder: &Path) -> Duration {
        let path = folder.join("events.evtl");
        let options =
            MmapWriter::options().checksums(self.checksums).prefault_bytes(self.prefault_bytes(log));
        let mut writer = options.create_new(&path, log.file_bytes()).expect("a new log file");
        let mut source = log.source();
        let begin = Instant::now();
        for _ in 0..log.events {
            assert!(source.offer(|header, payload| writer.write_event(header, payload).is_ok()));
        }
        let elapsed = begin.elapsed();
        drop(writer);
        log.check_file(&path);
        std::fs::remove_file(&path).expect("the file is deleted");
        elapsed
    }

    /// Run by run, as the ring's records come, into a log of one segment.
    fn append_runs(self, log: SampleLog, records: &[u8], folder: &Path) -> Duration {
        let folder = folder.join("log");
        let options = LogWriter::options().checksums(self.checksums).prefault_bytes(self.prefault_bytes(log));
        let options = options.segment_bytes(log.file_bytes()).sync(SyncPolicy::Never);
        let mut writer = options.open(&folder).expect("a new log");
        let record_len = record_len(log.payload_len);
        let mut runs: Vec<_> = records
            .chunks(RUN_BYTES / record_len * record_len)
            .map(|records| Run::new(records).expect("whole records"))
            .collect();
        let begin = Instant::now();
        for run in &mut runs {
            writer.append_run(run).expect("room for the run");
        }
        let elapsed = begin.elapsed();
        writer.close().expect("a whole log");
        log.check_log(&folder);
        std::fs::remove_dir_all(&folder).expect("the log is deleted");
        elapsed
    }
}

fn mmap_writer(criterion: &mut Criterion) {
    measure(criterion, "log/MmapWriter::write_event", |how, log, _, folder| how.write_events(log, folder));
}

fn log_writer(criterion: &mut Criterion) {
    measure(criterion, "log/LogWriter::append_run", How::append_runs);
}

fn measure(criterion: &mut Criterion, name: &str, run: fn(How, SampleLog, &[u8], &Path) -> Duration) {
    let folder = tempfile::tempdir().expect("a folder for logs");
    let mut group = criterion.benchmark_group(name);
    group.sample_size(20).measurement_time(Duration::from_secs(2));
    for payload_len in PAYLOAD_LENS {
        let log = SampleLog::of_bytes(payload_len, LOG_BYTES);
        let records = log.records();
        group.throughput(Throughput::Elements(log.events as u64));
        for how in WAYS {
            group.bench_function(BenchmarkId::new(how.name, payload_len), |bencher| {
                bencher.iter_custom(|logs| (0..logs).map(|_| run(how, log, &records, folder.path())).sum());
            });
        }
    }
    group.finish();
}

mod groups {
    //! Criterion's entry points; the macro writes a public function without documentation.
    use super::{log_writer, mmap_writer};
    criterion::criterion_group!(log, mmap_writer, log_writer);
}

criterion::criterion_main!(groups::log);
