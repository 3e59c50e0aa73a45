//! Opens the files beside a log's segments: cursors and indexes that others may have written.
#![no_main]

use std::cell::OnceCell;
use std::fs;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use ringlog::event::EventHeader;
use ringlog::storage::{Cursor, LogScan, LogWriter};
use tempfile::TempDir;

/// Number of records in the log.
const RECORDS: u64 = 50;

thread_local! {
    static LOG: OnceCell<TempDir> = const { OnceCell::new() };
}

fuzz_target!(|input: &[u8]| {
    LOG.with(|log| {
        let log = log.get_or_init(new_log).path();
        read_cursor(log, input);
        read_index(log, input);
    });
});

fn new_log() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let mut writer = LogWriter::options().segment_bytes(4096).open(folder.path()).expect("a log");
    for number in 0..RECORDS {
        writer.write_event(&EventHeader::new(number * 10, 0, 8), &number.to_le_bytes()).expect("room");
    }
    writer.close().expect("a log that can be closed");
    fs::create_dir_all(folder.path().join("cursors")).expect("a folder");
    fs::create_dir_all(folder.path().join("index")).expect("a folder");
    folder
}

/// A damaged cursor is an error, an intact one can be advanced. Both are listed.
fn read_cursor(log: &Path, input: &[u8]) {
    fs::write(log.join("cursors/name"), input).expect("a file");
    assert_eq!(Cursor::list(log).expect("a list").len(), 1);
    let Ok(mut cursor) = Cursor::open(log, "name") else { return };
    let before = cursor.next_sequence();
    let Some(next) = before.checked_add(1) else { return };
    cursor.advance(next).expect("a cursor that was opened");
    cursor.commit().expect("a cursor that was opened");
    drop(cursor);
    assert_eq!(Cursor::open(log, "name").expect("the cursor in its file").next_sequence(), next);
}

/// A search finds what is in the log, also if the index is wrong.
fn read_index(log: &Path, input: &[u8]) {
    let name = format!("index/{:020}.idx", 0);
    fs::write(log.join(name), input).expect("a file");
    let scan = LogScan::open(log).expect("a log");
    for since in [0, 95, 100, RECORDS * 10] {
        let wanted = (since <= (RECORDS - 1) * 10).then(|| since.div_ceil(10));
        assert_eq!(scan.sequence_since(0, since).expect("a whole log"), wanted);
    }
}
