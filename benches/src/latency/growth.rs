//! Measures a log that grows: what adding an event costs at each size, and how long opening the log then takes.
//!
//! The threads here are not pinned: a log's worker threads start where its writer is, and would share its processor.

use super::hot_path::Bench;
use super::samples::{Distribution, MAX, TYPICAL, Times};
use ringlog::event::EventHeader;
use ringlog::storage::{LogReader, LogWriter};
use ringlog_nostd::format::record_len;
use rustix::fs::{Advice, FallocateFlags, fadvise, fallocate};
use std::fs::{self, File};
use std::hint::black_box;
use std::path::Path;

/// Size of the first window, and of the small log that is opened.
pub const SMALL_BYTES: u64 = 1 << 20;

/// The size of a log's segments by default.
const SEGMENT_BYTES: u64 = 64 << 20;

/// A part of the log as it grew.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Window {
    /// Bytes of records in the log at its beginning.
    pub from: u64,
    /// Bytes of records at its end: twice as many.
    pub to: u64,
    /// Nanoseconds for each event, syncs and new segments of the worker threads included.
    pub nanos_per_event: f64,
    /// Typical time of an append, in nanoseconds. One in 64 is timed, readings of the clock included.
    pub typical_nanos: f64,
    /// Longest time of these appends, in nanoseconds.
    pub longest_nanos: f64,
}

/// Appends to a new log in `folder` until it holds `size` bytes. Returns a window for each doubling.
///
/// # Panics
/// If the log fails, or does not hold what was written.
#[must_use]
pub fn grow(bench: &Bench<'_>, folder: &Path, size: u64) -> Vec<Window> {
    let payload = bench.payload();
    let stride = record_len(payload.len()) as u64;
    let mut writer = LogWriter::open(folder).expect("a log");
    let mut windows = Vec::new();
    let (mut written, mut from, mut to) = (0, 0, SMALL_BYTES.min(size));
    while from < to {
        let mut timed = Times::new();
        let first = written;
        let begin = bench.ticks.now();
        while written * stride < to {
            let before = if written.is_multiple_of(64) { Some(bench.ticks.settled()) } else { None };
            let payload = black_box(&payload[..]);
            let header = EventHeader::new(written, 1, payload.len() as u16);
            writer.write_event(&header, payload).expect("room on the disk");
            if let Some(before) = before {
                timed.add(bench.ticks.settled().saturating_sub(before));
            }
            written += 1;
        }
        let nanos = bench.ticks.nanos(bench.ticks.now() - begin);
        let nanos_per_event = nanos / (written - first) as f64;
        let mut calls = Distribution::new("calls");
        calls.add(bench.ticks, &timed);
        let [typical_nanos, longest_nanos] = [TYPICAL, MAX].map(|index| calls.figure(index).value);
        windows.push(Window { from, to, nanos_per_event, typical_nanos, longest_nanos });
        (from, to) = (to, (to * 2).min(size));
    }
    assert_eq!(writer.close().expect("a whole log").events, written);
    windows
}

/// Times to open a clean log, in nanoseconds, one for each round.
#[derive(Clone, Debug, Default)]
pub struct Opened {
    /// For reading, its files in the page cache.
    pub reader: Vec<f64>,
    /// For reading, its files dropped from the page cache before.
    pub cold_reader: Vec<f64>,
    /// For writing: a lock, the end of the log, a new segment, and their syncs.
    pub writer: Vec<f64>,
    /// No log: a new file of a segment's size is allocated and synced, and its folder, too.
    pub new_file: Vec<f64>,
}

/// Opens the clean log in `folder` in each of these ways, once for each round.
///
/// # Panics
/// If it cannot be opened.
#[must_use]
pub fn open(bench: &Bench<'_>, folder: &Path) -> Opened {
    let mut opened = Opened::default();
    for _ in 0..bench.settings.rounds {
        opened.reader.push(open_reader(bench, folder));
        opened.writer.push(open_writer(bench, folder));
        opened.new_file.push(new_file(bench, folder));
        drop_from_cache(folder);
        opened.cold_reader.push(open_reader(bench, folder));
    }
    opened
}

fn open_reader(bench: &Bench<'_>, folder: &Path) -> f64 {
    let begin = bench.ticks.now();
    let reader = LogReader::open(folder).expect("a clean log");
    let nanos = bench.ticks.nanos(bench.ticks.now() - begin);
    assert!(!reader.is_empty());
    nanos
}

fn open_writer(bench: &Bench<'_>, folder: &Path) -> f64 {
    let begin = bench.ticks.now();
    let writer = LogWriter::open(folder).expect("a clean log");
    let nanos = bench.ticks.nanos(bench.ticks.now() - begin);
    writer.close().expect("a whole log");
    nanos
}

/// Returns the time of the file system for the least that must be durable before a new segment is used.
fn new_file(bench: &Bench<'_>, folder: &Path) -> f64 {
    let path = folder.with_extension("new-file");
    let begin = bench.ticks.now();
    let file = File::create_new(&path).expect("a new file");
    fallocate(&file, FallocateFlags::empty(), 0, SEGMENT_BYTES).expect("room on the disk");
    file.sync_all().expect("a sync");
    File::open(folder.parent().expect("a folder")).and_then(|folder| folder.sync_all()).expect("a sync");
    let nanos = bench.ticks.nanos(bench.ticks.now() - begin);
    fs::remove_file(&path).expect("the file just made");
    nanos
}

/// Asks the kernel to drop the files' pages. It drops those that are synced and not mapped.
fn drop_from_cache(folder: &Path) {
    for entry in fs::read_dir(folder).expect("the log's folder").flatten() {
        if let Ok(file) = File::open(entry.path()) {
            fadvise(&file, 0, None, Advice::DontNeed).expect("advice about a file");
        }
    }
}

/// Returns the number of files in the folder, the writer's own included.
///
/// # Panics
/// If it cannot be read.
#[must_use]
pub fn files(folder: &Path) -> usize {
    fs::read_dir(folder).expect("the log's folder").count()
}
