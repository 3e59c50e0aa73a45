//! Measures opening a log of 8 MiB whose writer died, and verifying one.
//!
//! The time of an opening includes what it does to the disk: it makes the next segment and syncs it. The files
//! are in the system's temporary folder: set `TMPDIR` for another disk.

use criterion::{Criterion, Throughput};
use ringlog::storage::{LastEnd, LogWriter, LogWriterOptions, SyncPolicy, Verdict, verify_log};
use ringlog_benches::sample_log::SampleLog;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const LOG: SampleLog = SampleLog::of_bytes(64, 8 << 20);

/// One segment with room to spare, and nothing synced: recovery must find the end from the bytes alone.
fn options() -> LogWriterOptions {
    LogWriter::options().segment_bytes(2 * LOG.file_bytes()).sync(SyncPolicy::Never)
}

/// The folder of a log as a writer that died leaves it.
struct Remains {
    folder: TempDir,
    last_end: LastEnd,
}

impl Remains {
    /// The writer's process was killed: the header says where the records end.
    fn of_killed_process() -> Self {
        let folder = tempfile::tempdir().expect("a folder for logs");
        let log = folder.path().join("remains");
        fs::create_dir(&log).expect("a folder for what is left");
        let written = folder.path().join("written");
        // A kill leaves what a reader sees of a log whose writer is at work.
        let writer = LOG.write(&written, &options());
        copy_log(&written, &log);
        drop(writer);
        Self { folder, last_end: LastEnd::Killed }
    }

    /// The machine stopped: recovery must find from the records where they end.
    fn of_lost_machine() -> Self {
        let remains = Self { last_end: LastEnd::MachineLost, ..Self::of_killed_process() };
        let writer = remains.path().join("writer");
        let said = fs::read_to_string(&writer).expect("what the writer said of itself");
        let this_boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("this boot's id");
        let this_boot = this_boot.trim();
        assert!(said.contains(this_boot));
        let other_boot = "00000000-0000-4000-8000-000000000000";
        let (lines, _) = said.split_once("checksum: ").expect("a checksum");
        let lines = lines.replace(this_boot, other_boot);
        let checksum = ringlog_nostd::format::crc32c_append(0, lines.as_bytes());
        fs::write(&writer, format!("{lines}checksum: {checksum:08x}\n")).expect("the file takes it");
        remains
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("remains")
    }

    /// Returns the time to open a copy of the log, which then holds every record.
    fn recover(&self) -> Duration {
        let log = self.folder.path().join("recovered");
        fs::create_dir(&log).expect("a folder for the log");
        copy_log(&self.path(), &log);
        let begin = Instant::now();
        let writer = options().open(&log).expect("a log that can be recovered");
        let elapsed = begin.elapsed();
        let found = writer.recovery();
        assert_eq!((found.last_end, found.next_sequence), (self.last_end, LOG.events as u64));
        drop(writer);
        fs::remove_dir_all(&log).expect("the log is deleted");
        elapsed
    }
}

/// Copies the named segments and the `writer` file.
fn copy_log(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("a plain name");
        if name == "writer" || name.ends_with(".evtl") {
            fs::copy(entry.path(), to.join(&name)).expect("a copy");
        }
    }
}

fn opening(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("recovery/LogWriter::open, 8 MiB");
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    group.throughput(Throughput::Bytes(LOG.bytes() as u64));
    for (name, remains) in [
        ("after a killed process", Remains::of_killed_process()),
        ("after a lost machine", Remains::of_lost_machine()),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| remains.recover()).sum());
        });
    }
    group.finish();
}

fn verifying(criterion: &mut Criterion) {
    let closed = tempfile::tempdir().expect("a folder for a log");
    LOG.write(closed.path(), &options()).close().expect("a whole log");
    let lost = Remains::of_lost_machine();
    let mut group = criterion.benchmark_group("recovery/verify_log, 8 MiB");
    group.sample_size(20).measurement_time(Duration::from_secs(2));
    group.throughput(Throughput::Bytes(LOG.bytes() as u64));
    for (name, path, verdict) in [
        ("closed", closed.path().to_owned(), Verdict::Clean),
        ("after a lost machine", lost.path(), Verdict::Loss),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let check = verify_log(&path).expect("a log");
                assert_eq!(check.verdict(), verdict);
                assert_eq!(check.segments[0].counts.events, LOG.events as u64);
            });
        });
    }
    group.finish();
}

mod groups {
    //! Criterion's entry points; the macro writes a public function without documentation.
    use super::{opening, verifying};
    criterion::criterion_group!(recovery, opening, verifying);
}

criterion::criterion_main!(groups::recovery);
