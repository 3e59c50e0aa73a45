//! Compares reading the segments of a log one after another with reading several at a time.

use super::Table;
use crate::sample_log::SampleLog;
use ringlog::storage::{
    LogReader, LogScan, LogWriter, SegmentInfo, salvage_log_with_jobs, verify_log_with_jobs,
};
use std::fs::File;
use std::hint::black_box;
use std::num::NonZero;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::thread::available_parallelism;
use std::time::Instant;

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Bytes of each payload
    #[arg(long, default_value_t = 64)]
    payload: usize,
    /// Measurements of each, in turn
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Segments of the log
    #[arg(long, default_value_t = 32)]
    segments: usize,
    /// MiB of each segment
    #[arg(long, default_value_t = 8)]
    mebibytes: usize,
    /// Segments to read at a time [default: one for each processor]
    #[arg(long)]
    jobs: Option<NonZero<usize>>,
    /// Also salvage the log, which writes all of it anew in each round
    #[arg(long)]
    salvage: bool,
}

/// A log of several full segments, in the kernel's cache.
struct Log {
    folder: tempfile::TempDir,
    segments: Vec<SegmentInfo>,
    events: u64,
}

impl Log {
    fn write(arguments: &Arguments) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let segment_bytes = arguments.mebibytes << 20;
        let sample = SampleLog::of_bytes(arguments.payload, arguments.segments * (segment_bytes - 4096));
        let options = LogWriter::options().segment_bytes(segment_bytes as u64);
        sample.write(folder.path(), &options).close().expect("the log is closed");
        // Reads each file once: later reads come from the kernel's cache.
        sample.check_log(folder.path());
        let segments = LogReader::open(folder.path()).expect("a log").segments().to_vec();
        assert!(segments.len() >= arguments.segments);
        Self { folder, segments, events: sample.events as u64 }
    }

    fn timed(&self, run: impl FnOnce() -> u64) -> f64 {
        let begin = Instant::now();
        assert_eq!(run(), self.events);
        begin.elapsed().as_nanos() as f64 / self.events as f64
    }

    /// Reads the files with `pread`, as `verify` does, and ignores the bytes: the limit of the machine.
    fn copy_out(&self, jobs: NonZero<usize>) -> f64 {
        let paths: Vec<_> = self.segments.iter().map(|segment| &*segment.path).collect();
        let share = paths.len().div_ceil(jobs.get());
        self.timed(|| {
            std::thread::scope(|scope| {
                for paths in paths.chunks(share) {
                    scope.spawn(|| paths.iter().for_each(|path| read_through(path)));
                }
            });
            self.events
        })
    }

    fn verify(&self, jobs: NonZero<usize>) -> f64 {
        self.timed(|| {
            let checked = verify_log_with_jobs(self.folder.path(), jobs);
            checked.expect("a whole log").counts().records()
        })
    }

    fn salvage(&self, jobs: NonZero<usize>) -> f64 {
        let out = tempfile::tempdir().expect("a folder");
        self.timed(|| {
            let salvaged = salvage_log_with_jobs(self.folder.path(), out.path(), jobs);
            salvaged.expect("a whole log").records
        })
    }

    /// Searches by time without any index: reads each segment on all processors.
    fn search(&self) -> f64 {
        let _ = std::fs::remove_dir_all(self.folder.path().join("index"));
        self.timed(|| {
            let scan = LogScan::open(self.folder.path()).expect("a log");
            assert_eq!(scan.sequence_since(0, u64::MAX).expect("a whole log"), None);
            self.events
        })
    }
}

fn read_through(path: &Path) {
    let file = File::open(path).expect("a segment");
    let mut buffer = vec![0; 256 << 10];
    let mut offset = 0;
    while let Some(read) = file.read_at(&mut buffer, offset).ok().filter(|&read| read > 0) {
        black_box(&buffer[..read]);
        offset += read as u64;
    }
}

/// Measures.
///
/// # Panics
/// If the log cannot be written or read.
#[must_use]
pub fn run(arguments: &Arguments) -> Vec<Table> {
    let log = Log::write(arguments);
    let one = NonZero::<usize>::MIN;
    let all = arguments.jobs.or_else(|| available_parallelism().ok()).unwrap_or(one);
    let names = |what: &str| [format!("{what}, one segment at a time"), format!("{what}, {all} at a time")];
    let ([copy, copies], [verify, verifies]) = (names("the files' bytes by pread"), names("verify_log"));
    let (copies, search) =
        (format!("{copies}: the limit of the machine"), "first search by time, no index yet");
    let [salvage, salvages] = names("salvage_log");
    let measured: [(&str, &dyn Fn() -> f64); 7] = [
        (&copy, &|| log.copy_out(one)),
        (&copies, &|| log.copy_out(all)),
        (&verify, &|| log.verify(one)),
        (&verifies, &|| log.verify(all)),
        (search, &|| log.search()),
        (&salvage, &|| log.salvage(one)),
        (&salvages, &|| log.salvage(all)),
    ];
    let measured = if arguments.salvage { &measured[..] } else { &measured[..5] };
    let title = format!(
        "Verifying {} segments of {} MiB in the page cache, payloads of {} bytes",
        log.segments.len(),
        arguments.mebibytes,
        arguments.payload
    );
    let record_bytes = ringlog_nostd::format::record_len(arguments.payload);
    let (mut table, rounds) = Table::measure(&title, arguments.rounds, "", measured, record_bytes);
    let [copy, copies, verify, verifies, ..] = &rounds[..] else { unreachable!("as many as were measured") };
    table.goal(&format!("verify_log, {all} at a time, of one"), &verify.over(verifies), 1.7);
    table.goal(&format!("pread alone, {all} at a time, of one"), &copy.over(copies), 1.7);
    vec![table]
}
