//! Compares replay, verify and recovery with the cheapest code that reads the same bytes.

use super::Table;
use crate::work::{Source, Tally, sum_of_words};
use ringlog::storage::{LogReader, LogWriter, MmapReader, MmapWriter, verify_log};
use ringlog_nostd::format::{FILE_HEADER_LEN, HEADER_LEN, record_len};
use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Bytes of each payload
    #[arg(long, value_delimiter = ',', default_values_t = [64, 256])]
    payload: Vec<usize>,
    /// Measurements of each, in turn
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// MiB of records in the log
    #[arg(long, default_value_t = 128)]
    mebibytes: usize,
}

/// Measures.
#[must_use]
pub fn run(arguments: &Arguments) -> Vec<Table> {
    arguments.payload.iter().map(|&payload_len| table(arguments, payload_len)).collect()
}

/// A log to read, and the bytes of its one segment in memory.
struct Log {
    folder: tempfile::TempDir,
    bytes: Vec<u8>,
    events: usize,
    payload_len: usize,
}

impl Log {
    fn write(mebibytes: usize, payload_len: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let events = (mebibytes << 20) / record_len(payload_len);
        let path = folder.path().join("00000000000000000000.evtl");
        let capacity = (events * record_len(payload_len) + FILE_HEADER_LEN) as u64;
        let mut writer = MmapWriter::create_new(&path, capacity).expect("a log file");
        let mut source = Source::new(payload_len);
        for _ in 0..events {
            assert!(source.offer(|header, payload| writer.write_event(header, payload).is_ok()));
        }
        writer.close().expect("the log file is closed");
        let bytes = std::fs::read(&path).expect("the log file is read");
        Self { folder, bytes, events, payload_len }
    }

    fn segment(&self) -> std::path::PathBuf {
        self.folder.path().join("00000000000000000000.evtl")
    }

    fn records(&self) -> &[u8] {
        &self.bytes[FILE_HEADER_LEN..FILE_HEADER_LEN + self.events * record_len(self.payload_len)]
    }

    fn timed(&self, run: impl FnOnce() -> u64) -> f64 {
        let begin = Instant::now();
        assert_eq!(run(), self.events as u64);
        begin.elapsed().as_nanos() as f64 / self.events as f64
    }

    /// Adds up all words of the records: memory, read once.
    fn read_memory(&self) -> f64 {
        self.timed(|| {
            black_box(sum_of_words(black_box(self.records())));
            self.events as u64
        })
    }

    /// Reads all of the file with `pread`, as `verify` does, and ignores the bytes.
    fn copy_out(&self) -> f64 {
        let file = File::open(self.segment()).expect("the log file is opened");
        let mut buffer = vec![0; 256 << 10];
        self.timed(|| {
            let mut offset = 0;
            while let Some(read) = file.read_at(&mut buffer, offset).ok().filter(|&read| read > 0) {
                black_box(&buffer[..read]);
                offset += read as u64;
            }
            assert!(offset >= self.bytes.len() as u64);
            self.events as u64
        })
    }

    /// Goes from header to header by the lengths in them, and reads nothing else.
    fn walk_headers(&self, mapped: &[u8]) -> f64 {
        self.timed(|| {
            let (mut at, mut events) = (0, 0);
            while let Some(head) = mapped.get(at..).and_then(<[u8]>::first_chunk::<HEADER_LEN>) {
                at += record_len(usize::from(u16::from_le_bytes([head[10], head[11]])));
                events += 1;
            }
            events
        })
    }

    /// Passes every event to a closure that reads its header and the address of its payload.
    fn replay(&self, reader: &MmapReader) -> f64 {
        self.timed(|| {
            let replayed = reader.replay(|event| {
                black_box((event.header.timestamp, event.payload.as_ptr()));
            });
            replayed.expect("a whole log")
        })
    }

    /// The same over the folder.
    fn replay_log(&self, reader: &LogReader) -> f64 {
        self.timed(|| {
            let replayed = reader.replay(|event| {
                black_box((event.header.timestamp, event.payload.as_ptr()));
            });
            replayed.expect("a whole log")
        })
    }

    /// Does what `ringlog verify` does: reads by `pread` and computes every checksum.
    fn verify(&self) -> f64 {
        self.timed(|| {
            let checked = verify_log(self.folder.path());
            checked.expect("a whole log").counts().records()
        })
    }

    /// Opens a log after another boot: the last segment was not sealed, so every record is checked.
    fn recover(&self) -> f64 {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("00000000000000000000.evtl");
        std::fs::write(&path, unsealed(&self.bytes)).expect("a copy of the log");
        // Otherwise recovery, which syncs what it seals, would also write the copy to the disk.
        File::open(&path).and_then(|file| file.sync_all()).expect("the copy is synced");
        let begin = Instant::now();
        let writer =
            LogWriter::options().segment_bytes(1 << 20).open(folder.path()).expect("the log is recovered");
        let elapsed = begin.elapsed();
        assert!(writer.next_sequence() >= self.events as u64);
        drop(writer);
        elapsed.as_nanos() as f64 / self.events as f64
    }
}

/// Returns the file as a writer leaves it that dies before closing it: no flag says that it is whole.
fn unsealed(bytes: &[u8]) -> Vec<u8> {
    const FLAGS_AT: usize = 56;
    const SYNCED_AT: usize = 32;
    let mut bytes = bytes.to_vec();
    bytes[FLAGS_AT] &= !0b1001;
    bytes[SYNCED_AT..SYNCED_AT + 8].copy_from_slice(&(FILE_HEADER_LEN as u64).to_le_bytes());
    bytes
}

fn table(arguments: &Arguments, payload_len: usize) -> Table {
    let log = Log::write(arguments.mebibytes, payload_len);
    check(&log);
    // Replay without verification: the records were checked when they were written, or by `verify`.
    let reader = MmapReader::open_unverified(log.segment()).expect("a log file");
    let log_reader = LogReader::open_unverified(log.folder.path()).expect("a log");
    let verifying = MmapReader::open(log.segment()).expect("a log file");
    let mapped = map(&log.segment());
    let records = &mapped[FILE_HEADER_LEN..FILE_HEADER_LEN + log.records().len()];
    let measured: [(&str, &dyn Fn() -> f64); 8] = [
        ("limit: sum of the same bytes in memory", &|| log.read_memory()),
        ("limit: the file's bytes by pread, not looked at", &|| log.copy_out()),
        ("limit: cheapest walk over the headers", &|| log.walk_headers(records)),
        ("MmapReader::replay, checksums not verified", &|| log.replay(&reader)),
        ("LogReader::replay, checksums not verified", &|| log.replay_log(&log_reader)),
        ("MmapReader::replay, checksums verified", &|| log.replay(&verifying)),
        ("verify_log", &|| log.verify()),
        ("recovery by LogWriter::open", &|| log.recover()),
    ];
    let title = format!(
        "Reading a log of {} MiB with checksums, payloads of {payload_len} bytes",
        arguments.mebibytes
    );
    let (mut table, rounds) =
        Table::measure(&title, arguments.rounds, "", &measured, record_len(payload_len));
    let [memory, _, walk, replay, log_replay, _, verify, recover] = &rounds[..] else {
        unreachable!("as many as were measured")
    };
    table.goal("MmapReader::replay, of the cheapest walk", &walk.over(replay), 1.0 / 1.3);
    table.goal("LogReader::replay, of the cheapest walk", &walk.over(log_replay), 1.0 / 1.3);
    table.goal("verify_log, of reading memory", &memory.over(verify), 0.6);
    table.goal("recovery, of reading memory", &memory.over(recover), 0.6);
    table
}

/// Checks that what is read is what was written.
fn check(log: &Log) {
    let mut tally = Tally::new();
    let reader = MmapReader::open(log.segment()).expect("a log file");
    reader.replay(|event| tally.take(&event.header, event.payload)).expect("a whole log");
    assert_eq!(tally, Source::new(log.payload_len).expected(log.events as u64));
}

fn map(path: &Path) -> memmap2::Mmap {
    let file = File::open(path).expect("the log file is opened");
    // SAFETY: the file is in a folder that only this program uses, and nobody changes it any more.
    unsafe { memmap2::Mmap::map(&file) }.expect("the log file is mapped")
}
