//! A log of thousands of segments, for tests of the library and of the programs: opening each of them shows.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use ringlog::event::{ClockKind, EventHeader, FileHeader, file_flags};
use ringlog_nostd::format::{FILE_HEADER_LEN, encode};

/// Segments of a log that is so long that opening each of them shows.
pub(crate) const MANY: u64 = 4000;
/// Files that a search in it opens at most.
pub(crate) const FEW_FILES: u64 = 40;
pub(crate) const RECORDS: u64 = 3;
pub(crate) const RECORD_LEN: u64 = 24;

/// The timestamp of a record: they rise on the whole, fall within each segment, and the clock was once far ahead.
pub(crate) fn timestamp(number: u64) -> u64 {
    let ahead = if number / RECORDS == 1500 { 9000 } else { 0 };
    1000 + number / RECORDS * 10 + (RECORDS - number % RECORDS) + ahead
}

pub(crate) fn path_of(folder: &Path, segment: u64) -> PathBuf {
    folder.join(format!("{:020}.evtl", segment * RECORDS))
}

/// Makes a log of [`MANY`] sealed segments, written byte by byte.
pub(crate) fn many_segments(folder: &Path) {
    for segment in 0..MANY {
        write_segment(folder, segment, 0, timestamp);
    }
    // Until no change could have the time of the last one.
    thread::sleep(Duration::from_millis(100));
}

pub(crate) fn write_segment(folder: &Path, segment: u64, created_at: i64, timestamp: impl Fn(u64) -> u64) {
    let end = FILE_HEADER_LEN as u64 + RECORDS * RECORD_LEN;
    let header = FileHeader {
        base_sequence: segment * RECORDS,
        base_position: segment * RECORDS * RECORD_LEN,
        event_count: RECORDS,
        write_offset: end,
        synced_offset: end,
        ..FileHeader::new(created_at, ClockKind::UnixNanos, false)
    };
    let header = FileHeader { flags: header.flags | file_flags::SEALED | file_flags::CLEAN, ..header };
    let mut bytes = header.to_bytes().to_vec();
    for number in segment * RECORDS..(segment + 1) * RECORDS {
        let mut record = [0; RECORD_LEN as usize];
        encode(&mut record, &EventHeader::new(timestamp(number), 0, 8), &number.to_le_bytes()).unwrap();
        bytes.extend_from_slice(&record);
    }
    fs::write(path_of(folder, segment), bytes).unwrap();
}
