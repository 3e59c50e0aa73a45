//! Compares ways from an event to a log file: one thread, two threads with a ring between them, and the
//! cheapest code that moves the same bytes into the same kind of file.

use super::Table;
use crate::duel::Way;
use crate::external::{self, Setting};
use crate::machine::Pinning;
use crate::prepared_file::PreparedFile;
use crate::sample_log::SampleLog;
use crate::work::{Source, Tally, get};
use ringlog::recorder::Recorder;
use ringlog::ring::Idle;
use ringlog::storage::{LogWriter, LogWriterOptions, MmapWriter, Retention, SyncPolicy};
use ringlog_nostd::Run;
use ringlog_nostd::format::{encode, record_len};
use rustix::fs::{FallocateFlags, fallocate};
use std::fs::{File, OpenOptions};
use std::hint::spin_loop;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tracing_appender::non_blocking::NonBlockingBuilder;

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Bytes of each payload
    #[arg(long, value_delimiter = ',', default_values_t = [64, 256])]
    payload: Vec<usize>,
    /// Measurements of each, in turn
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// MiB of records in each measurement
    #[arg(long, default_value_t = 128)]
    mebibytes: usize,
    /// Whether the two threads stay on one processor each
    #[arg(long, value_enum, default_value = "pinned")]
    pinning: Pinning,
    /// Only what contains this in its name
    #[arg(long, default_value = "")]
    only: String,
    /// Folder for the files; a temporary one by default
    #[arg(long)]
    folder: Option<PathBuf>,
    #[command(flatten)]
    external: external::Arguments,
}

/// Size of the blocks that the plain hand-over passes.
const BLOCK_BYTES: usize = 64 * 1024;
/// Blocks between the threads.
const BLOCKS: usize = 8;
/// Ring between producer and recorder: the same room as the blocks have.
const RING_BYTES: usize = BLOCKS * BLOCK_BYTES;

/// Bytes of a long run, which the recorder writes by one call.
const WRITTEN_BYTES: usize = 256 << 10;

/// Segments in a measurement of several, each as large as the records of the other measurements.
const SEGMENTS: usize = 4;

/// One setting.
struct Work<'w> {
    folder: &'w Path,
    sample: SampleLog,
    pinning: Pinning,
}

impl Work<'_> {
    fn record_len(&self) -> usize {
        record_len(self.sample.payload_len)
    }

    fn file_bytes(&self) -> usize {
        self.sample.file_bytes() as usize
    }

    fn per_event(&self, elapsed: Duration) -> f64 {
        elapsed.as_nanos() as f64 / self.sample.events as f64
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Encodes the next records of the source into a block. Returns the number of bytes.
    fn fill(&self, block: &mut [u8], source: &mut Source, left: usize) -> usize {
        let mut at = 0;
        for _ in 0..left.min(block.len() / self.record_len()) {
            let (header, payload) = source.record();
            at += encode(&mut block[at..], &header, payload).expect("a block holds whole records");
            source.taken();
        }
        at
    }

    /// Encodes the records one by one, and passes each of them on. Returns when it began.
    #[inline(always)]
    fn one_by_one(&self, mut pass_on: impl FnMut(&[u8])) -> Instant {
        let mut source = self.sample.source();
        let mut record = vec![0; self.record_len()];
        let begin = Instant::now();
        for _ in 0..self.sample.events {
            let (header, payload) = source.record();
            let _ = encode(&mut record, &header, payload);
            pass_on(&record);
            source.taken();
        }
        begin
    }

    /// One thread copies a ready-made record into the file, again and again.
    fn bare_copy(&self) -> f64 {
        let path = self.path("bare");
        let mut file = PreparedFile::create(&path, self.file_bytes());
        let begin = self.one_by_one(|record| file.append(record));
        let elapsed = begin.elapsed();
        drop(file);
        remove(&path);
        self.per_event(elapsed)
    }

    /// One thread copies ready-made blocks of records into the file.
    fn block_copy(&self) -> f64 {
        let path = self.path("bare");
        let mut file = PreparedFile::create(&path, self.file_bytes());
        let mut block = vec![0; BLOCK_BYTES];
        let block_bytes = self.fill(&mut block, &mut self.sample.source(), usize::MAX);
        let begin = Instant::now();
        let mut left = self.sample.bytes();
        while left > 0 {
            let now = left.min(block_bytes);
            file.append(&block[..now]);
            left -= now;
        }
        let elapsed = begin.elapsed();
        drop(file);
        remove(&path);
        self.per_event(elapsed)
    }

    /// One thread fills blocks with the records, the other copies them into the file. No format, no counts.
    fn hand_over(&self) -> f64 {
        let path = self.path("plain");
        let mut file = PreparedFile::create(&path, self.file_bytes());
        let (mut full, mut to_copy) = rtrb::RingBuffer::<(Vec<u8>, usize)>::new(BLOCKS);
        let (mut empty, mut to_fill) = rtrb::RingBuffer::<Vec<u8>>::new(BLOCKS);
        for _ in 0..BLOCKS {
            empty.push(vec![1; BLOCK_BYTES]).expect("room for all blocks");
        }
        let elapsed = std::thread::scope(|scope| {
            let filling = scope.spawn(move || {
                self.pinning.put(0);
                let mut source = self.sample.source();
                let begin = Instant::now();
                let mut left = self.sample.bytes();
                while left > 0 {
                    let Ok(mut block) = to_fill.pop() else {
                        spin_loop();
                        continue;
                    };
                    let bytes = self.fill(&mut block, &mut source, left / self.record_len());
                    full.push((block, bytes)).expect("room for all blocks");
                    left -= bytes;
                }
                begin
            });
            self.pinning.put(1);
            let mut left = self.sample.bytes();
            while left > 0 {
                let Ok((block, bytes)) = to_copy.pop() else {
                    spin_loop();
                    continue;
                };
                file.append(&block[..bytes]);
                left -= bytes;
                empty.push(block).expect("room for all blocks");
            }
            let end = Instant::now();
            end - filling.join().expect("the other thread does not panic")
        });
        drop(file);
        remove(&path);
        self.per_event(elapsed)
    }

    /// One thread writes events into a file whose pages are prefaulted.
    fn direct(&self, checksums: bool) -> f64 {
        let path = self.path("direct.evtl");
        let options = MmapWriter::options().checksums(checksums).prefault_bytes(self.file_bytes());
        let mut writer = options.create_new(&path, self.sample.file_bytes()).expect("a new log file");
        let mut source = self.sample.source();
        let begin = Instant::now();
        for _ in 0..self.sample.events {
            let written = source.offer(|header, payload| writer.write_event(header, payload).is_ok());
            assert!(written);
        }
        let elapsed = begin.elapsed();
        drop(writer);
        self.sample.check_file(&path);
        remove(&path);
        self.per_event(elapsed)
    }

    /// Ring, recorder and log, into prefaulted pages. No spare segment is prepared meanwhile. What a reader
    /// finds in the log counts.
    fn pipeline(&self, checksums: bool, way: Way) -> f64 {
        let log = Log { work: self, folder: self.path("pipeline"), events_before: 0, keeps_all: true };
        log.run(
            LogWriter::options()
                .checksums(checksums)
                .segment_bytes(self.sample.file_bytes())
                .prefault_bytes(self.file_bytes())
                .max_bytes(Some(self.sample.bytes() as u64))
                .sync(SyncPolicy::Never),
            way,
        )
    }

    /// Copies records and adds their checksums in memory: into prefaulted pages of a file that no disk has, in runs as
    /// long as the recorder's longest.
    fn copy_with_checksums(&self) -> f64 {
        let memory = tempfile::tempdir_in("/dev/shm").expect("a folder in memory");
        let path = memory.path().join("sums.evtl");
        let records = SampleLog { events: WRITTEN_BYTES / self.record_len(), ..self.sample }.records();
        let options = MmapWriter::options().prefault_bytes(self.file_bytes());
        let mut writer = options.create_new(&path, self.sample.file_bytes()).expect("a new log file");
        let begin = Instant::now();
        while writer.remaining_bytes() as usize >= records.len() {
            let mut run = Run::new(&records).expect("whole records");
            writer.append_run(&mut run).expect("room for the run");
        }
        begin.elapsed().as_nanos() as f64 / writer.len() as f64
    }

    /// Writes the bytes of several segments into fresh files, allocated before, by `pwrite`.
    fn plain_writes(&self) -> f64 {
        let block = vec![1; WRITTEN_BYTES];
        let paths: Vec<_> = (0..SEGMENTS).map(|number| self.path(&format!("plain-{number}"))).collect();
        let files: Vec<_> = paths.iter().map(|path| allocate(path, self.sample.file_bytes())).collect();
        let begin = Instant::now();
        for file in &files {
            for start in (0..self.sample.bytes()).step_by(WRITTEN_BYTES) {
                let len = WRITTEN_BYTES.min(self.sample.bytes() - start);
                file.write_all_at(&block[..len], start as u64).expect("the file is written");
            }
        }
        let elapsed = begin.elapsed();
        paths.iter().for_each(|path| remove(path));
        self.per_event(elapsed / SEGMENTS as u32)
    }

    /// Sends the bytes of every record to `tracing-appender`'s thread, as its documentation shows, and waits until they
    /// are in a fresh file. No formatting. It is not lossy, so that all arrive.
    fn tracing_appender(&self, buffered: bool) -> f64 {
        let path = self.path("appender");
        let written = Arc::new(AtomicUsize::new(0));
        let file = File::create_new(&path).expect("a new file");
        let file = Counted { file, written: Arc::clone(&written) };
        // Its thread starts where this one is.
        self.pinning.put(1);
        let builder = NonBlockingBuilder::default().lossy(false);
        let (mut appender, guard) =
            if buffered { builder.finish(BufWriter::new(file)) } else { builder.finish(file) };
        self.pinning.put(0);
        let begin = self.one_by_one(|record| appender.write_all(record).expect("its thread runs"));
        // ORDERING: Relaxed. Only the number counts; the file is read after its thread has ended.
        while written.load(Relaxed) < self.sample.bytes() {
            spin_loop();
        }
        let elapsed = begin.elapsed();
        drop(guard);
        let mut tally = Tally::new();
        let bytes = std::fs::read(&path).expect("the file is read");
        let records = bytes.chunks(self.record_len()).map(|record| get(record).expect("a whole record"));
        records.for_each(|(header, payload)| tally.take(&header, payload));
        self.sample.check(&tally);
        remove(&path);
        self.per_event(elapsed)
    }

    /// The same over several segments, fresh files or recycled ones, in the steady state: the same number was
    /// filled before.
    fn segments(&self, recycled: bool) -> f64 {
        let sample = SampleLog { events: self.sample.events * SEGMENTS, ..self.sample };
        let work = Work { sample, ..*self };
        let options = LogWriter::options().segment_bytes(self.sample.file_bytes()).sync(SyncPolicy::Never);
        let keep = Retention { max_segments: recycled.then_some(2), ..Retention::default() };
        let name = if recycled { "recycled" } else { "fresh" };
        let log =
            Log { work: &work, folder: self.path(name), events_before: sample.events, keeps_all: !recycled };
        log.run(options.retention(keep), Way::Single)
    }
}

/// A file that counts the bytes written into it.
struct Counted {
    file: File,
    written: Arc<AtomicUsize>,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.file.write(bytes)?;
        // ORDERING: Relaxed. See where it is loaded.
        self.written.fetch_add(len, Relaxed);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A recorder and a producer on two threads, until all events are in the log.
struct Log<'w> {
    work: &'w Work<'w>,
    folder: PathBuf,
    /// Number of events that are written before the measurement.
    events_before: usize,
    keeps_all: bool,
}

impl Log<'_> {
    /// Returns nanoseconds per event, from the first write until the last event is published in the log.
    fn run(&self, options: LogWriterOptions, way: Way) -> f64 {
        let Work { sample, pinning, .. } = *self.work;
        let all = SampleLog { events: self.events_before + sample.events, ..sample };
        // The log's workers may run anywhere; they inherit that from this thread.
        Pinning::Free.put(1);
        let started = Recorder::builder()
            .ring_bytes(RING_BYTES)
            .idle(Idle::Spin)
            .log(options)
            .on_thread_start(move || pinning.put(1))
            .start(&self.folder);
        let (mut producer, recorder) = started.expect("a recorder");
        wait_for_helpers();
        pinning.put(0);
        let mut source = sample.source();
        let mut write = |events: usize, all_bytes: usize| {
            let begin = Instant::now();
            let mut left = events;
            while left > 0 {
                let written = way.write(&mut &mut producer, &mut source, left);
                left -= written;
                if written == 0 {
                    spin_loop();
                }
            }
            while recorder.recorded_bytes() < all_bytes as u64 {
                spin_loop();
            }
            begin.elapsed()
        };
        write(self.events_before, all.bytes() - sample.bytes());
        let elapsed = write(sample.events, all.bytes());
        let summary = recorder.shutdown(producer).expect("a log");
        assert_eq!((summary.events, summary.lost), (all.events as u64, 0));
        if self.keeps_all {
            all.check_log(&self.folder);
        }
        std::fs::remove_dir_all(&self.folder).expect("the log is deleted");
        self.work.per_event(elapsed)
    }
}

/// Waits until the log's worker has prepared the spare segment: it would take a processor from the two threads.
fn wait_for_helpers() {
    const QUIET: Duration = Duration::from_millis(60);
    let mut spent = processor_ticks("ringlog-segment");
    loop {
        std::thread::sleep(QUIET);
        let now = processor_ticks("ringlog-segment");
        if now == spent {
            return;
        }
        spent = now;
    }
}

/// Returns the processor time of this process's threads of that name, in ticks of 10 ms.
fn processor_ticks(thread_name: &str) -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("the list of threads");
    let stats = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("stat")).ok());
    stats
        .filter(|stat| stat.contains(thread_name))
        .filter_map(|stat| {
            // After the name in brackets, user and system time are the 12th and 13th field.
            let fields: Vec<u64> =
                stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(2).flat_map(str::parse).collect();
            Some(fields.iter().sum::<u64>())
        })
        .sum()
}

/// Makes a file whose blocks are allocated and durable.
fn allocate(path: &Path, bytes: u64) -> File {
    let file = OpenOptions::new().write(true).create_new(true).open(path).expect("a new file");
    fallocate(&file, FallocateFlags::empty(), 0, bytes).expect("room for the file");
    file.sync_all().expect("the blocks are durable");
    file
}

fn remove(path: &Path) {
    std::fs::remove_file(path).expect("the file is deleted");
}

/// Measures.
///
/// # Errors
/// If the command of a rival fails.
pub fn run(arguments: &Arguments) -> Result<Vec<Table>, String> {
    let temporary = tempfile::tempdir().expect("a folder for files");
    let folder = arguments.folder.as_deref().unwrap_or(temporary.path());
    arguments.payload.iter().map(|&payload_len| table(arguments, folder, payload_len)).collect()
}

fn table(arguments: &Arguments, folder: &Path, payload_len: usize) -> Result<Table, String> {
    let sample = SampleLog::of_bytes(payload_len, arguments.mebibytes << 20);
    let work = Work { folder, sample, pinning: arguments.pinning };
    let measured: [(&str, &dyn Fn() -> f64); 15] = [
        ("copy of blocks, one thread", &|| work.block_copy()),
        ("bare copy of records, one thread", &|| work.bare_copy()),
        ("plain hand-over, two threads", &|| work.hand_over()),
        ("MmapWriter, no checksums", &|| work.direct(false)),
        ("MmapWriter, checksums", &|| work.direct(true)),
        ("ring + log, no checksums", &|| work.pipeline(false, Way::Single)),
        ("ring + log, checksums", &|| work.pipeline(true, Way::Single)),
        ("ring + log, no checksums, batches of 64", &|| work.pipeline(false, Way::Batch)),
        ("ring + log, checksums, batches of 64", &|| work.pipeline(true, Way::Batch)),
        ("ring + log, fresh segments", &|| work.segments(false)),
        ("ring + log, recycled segments", &|| work.segments(true)),
        ("limit: copy and checksums in memory", &|| work.copy_with_checksums()),
        ("limit: plain pwrite into fresh files", &|| work.plain_writes()),
        ("tracing-appender, non_blocking, a file", &|| work.tracing_appender(false)),
        ("tracing-appender, non_blocking, BufWriter", &|| work.tracing_appender(true)),
    ];
    let title = format!("Into a log, payloads of {payload_len} bytes");
    let setting = Setting { part: "log", payload: payload_len, rate: None };
    let beside = (arguments.external.commands(), &setting);
    let (mut table, rounds) = Table::measure_beside(
        &title,
        arguments.rounds,
        &arguments.only,
        &measured,
        work.record_len(),
        beside,
    )?;
    let [_, bare, plain, direct, direct_sums, pipe, pipe_sums, batched, _, fresh, recycled, sums, writes, ..] =
        &rounds[..]
    else {
        unreachable!("as many as were measured")
    };
    table.goal("MmapWriter, no checksums, of a bare copy", &bare.over(direct), 0.70);
    table.goal("MmapWriter, checksums, of a bare copy", &bare.over(direct_sums), 0.35);
    table.goal("ring + log, no checksums, of the plain hand-over", &plain.over(pipe), 1.2);
    table.goal("the same in batches of 64", &plain.over(batched), 1.2);
    table.goal("ring + log, no checksums, of a bare copy", &bare.over(pipe), 0.55);
    table.goal("ring + log, checksums, of the same without", &pipe.over(pipe_sums), 0.75);
    table.goal("fresh segments, of both limits together", &sums.plus(writes).over(fresh), 0.8);
    table.goal("recycled segments, of both limits together", &sums.plus(writes).over(recycled), 0.8);
    Ok(table)
}
