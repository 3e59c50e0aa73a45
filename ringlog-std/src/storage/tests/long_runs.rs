//! What the kernel reads and writes while runs are written by calls, by its own count of this thread's bytes.

use std::path::Path;

use ringlog_nostd::format::encode;
use ringlog_nostd::{Run, flags};
use rustix::fs::{Advice, fadvise};

use crate::event::EventHeader;
use crate::os::files::{is_in_memory, open_to_read};
use crate::storage::log::writer::LogWriter;
use crate::storage::maintenance::policies::SyncPolicy;
use crate::storage::maintenance::retention::Retention;
use crate::storage::read::mapped::log_reader::LogReader;
use crate::storage::tests::single_step::alone;

const SEGMENT_BYTES: u64 = 256 << 10;

/// Returns what this thread has read from disks or made dirty, in bytes; `None` if the kernel does not count it.
fn count(what: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/io").ok()?;
    text.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(": ")?.parse().ok())
}

/// Appends runs of 8 KiB and more, which end at no page, until the segment is full. Without workers the steps that
/// they would take are taken here.
fn write_segment(writer: &mut LogWriter) {
    write_runs(writer, |_| ());
    writer.maintenance.sync_step().unwrap();
}

fn write_runs(writer: &mut LogWriter, after_each: impl Fn(&LogWriter)) {
    let header = EventHeader::new(1, 1, 900).with_flags(flags::COMMITTED);
    let mut records = vec![0; 11 * header.stride()];
    for record in records.chunks_exact_mut(header.stride()) {
        encode(record, &header, &[7; 900]).unwrap();
    }
    for _ in 0..SEGMENT_BYTES / records.len() as u64 {
        writer.append_run(&mut Run::new(&records).unwrap()).unwrap();
        after_each(writer);
    }
}

/// Makes the kernel's cache drop what it has of these files.
fn evict<'a>(paths: impl IntoIterator<Item = &'a Path>) {
    for path in paths {
        let file = open_to_read(path).unwrap();
        rustix::fs::fdatasync(&file).unwrap();
        fadvise(&file, 0, None, Advice::DontNeed).unwrap();
    }
}

/// Returns a log on a disk, or `None` if the temporary files of this machine are in memory.
fn open(folder: &Path, retention: Retention) -> Option<LogWriter> {
    if is_in_memory(folder) || count("write_bytes").is_none() {
        println!("not counted: no disk, or a kernel that does not count");
        return None;
    }
    let options = LogWriter::options().segment_bytes(SEGMENT_BYTES).prefault_bytes(4096).retention(retention);
    let mut options = options.sync(SyncPolicy::EveryBytes(1));
    options.rules.cached_bytes = Some(0);
    Some(alone(folder, options))
}

#[test]
fn a_sync_of_the_header_writes_one_page() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut writer) = open(folder.path(), Retention::default()) else { return };
    for _ in 0..3 {
        write_segment(&mut writer);
        let before = count("write_bytes").unwrap();
        let sealed = writer.active.writer().unwrap().flusher();
        // A store into the header, whose page the sync has made clean.
        sealed.map().store_synced_offset(64);
        let dirtied = count("write_bytes").unwrap() - before;
        assert!(dirtied <= 4096, "{dirtied} bytes");
    }
    writer.close().unwrap();
}

#[test]
fn recycled_segments_that_left_the_cache_are_written_without_being_read() {
    let folder = tempfile::tempdir().unwrap();
    let retention = Retention { max_segments: Some(3), ..Retention::default() };
    let Some(mut writer) = open(folder.path(), retention) else { return };
    let mut read_bytes = 0;
    for number in 0..12 {
        evict(LogReader::open(folder.path()).unwrap().segments().iter().map(|segment| &*segment.path));
        let before = count("read_bytes").unwrap();
        write_segment(&mut writer);
        if number >= 4 {
            read_bytes += count("read_bytes").unwrap() - before;
        }
    }
    // What the kernel reads with the header when a segment is recycled, and the page in which a shorter run begins. Each
    // segment has 25 runs, and would have as many pages more.
    assert!(read_bytes <= 8 * (8 * 4096), "{read_bytes} bytes");
    writer.close().unwrap();
}

#[test]
fn an_uncached_log_is_written_without_being_read() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut writer) = open(folder.path(), Retention::default()) else { return };
    writer.long_runs.buffer.is_uncached = true;
    let before = count("read_bytes").unwrap();
    write_runs(&mut writer, |writer| evict([writer.active.writer().unwrap().path()]));
    assert_eq!(count("read_bytes").unwrap() - before, 0);
    writer.sync().unwrap();
    assert_eq!(LogReader::open(folder.path()).unwrap().replay(|_| ()).unwrap(), writer.summary().events);
    writer.close().unwrap();
}
