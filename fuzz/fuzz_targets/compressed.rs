//! Reads compressed copies of segments: bytes as they are, and segments in a frame that may lie about them.
#![no_main]

use std::cell::RefCell;
use std::fs;

use libfuzzer_sys::fuzz_target;
use ringlog::storage::{LogReader, LogScan, verify_log};
use ringlog_fuzz::{Folder, file_of, frame_of};

thread_local! {
    static FOLDER: RefCell<Folder> = RefCell::default();
}

fuzz_target!(|input: &[u8]| {
    FOLDER.with_borrow(|folder| {
        let Some((&form, bytes)) = input.split_last() else { return };
        let log = folder.empty("log");
        let content = if form & 1 == 0 { bytes.to_vec() } else { frame_of(&file_of(bytes), form) };
        fs::write(log.join("00000000000000000000.evtl.zst"), content).expect("room for a file");
        let records = read(&log);
        if let Ok(reader) = LogReader::open(&log) {
            // Both read the same: one maps the content, the other reads it.
            if let Some(records) = records {
                assert_eq!(reader.events().filter_map(Result::ok).count(), records);
            }
        }
        let _ = verify_log(&log);
    });
});

/// Returns the number of records if all can be read.
fn read(log: &std::path::Path) -> Option<usize> {
    let mut scan = LogScan::open(log).ok()?;
    let mut records = 0;
    while scan.next_event().ok()?.is_some() {
        records += 1;
    }
    Some(records)
}
