//! Recovers a log that others left, and then once more.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use ringlog::event::EventHeader;
use ringlog::storage::{LogReader, LogScan, LogWriter, OpenError};
use ringlog_fuzz::Folder;
use ringlog_nostd::format::MAX_POSITION;

thread_local! {
    static FOLDER: RefCell<Folder> = RefCell::default();
}

fuzz_target!(|input: &[u8]| {
    FOLDER.with_borrow(|folder| recover(&folder.log(input)));
});

fn recover(log: &std::path::Path) {
    read(log);
    let options = LogWriter::options().segment_bytes(4096);
    let Ok(mut writer) = options.open(log) else { return };
    if writer.write_event(&EventHeader::new(1, 2, 3), b"abc").is_err() {
        return;
    }
    let next_sequence = writer.next_sequence();
    writer.close().expect("a log that takes events");
    read(log);
    // A second recovery changes nothing.
    match options.open(log) {
        Ok(again) => assert_eq!(again.next_sequence(), next_sequence),
        // A hostile header puts the log at the end of its numbers, so the event was written past that end.
        Err(OpenError::AtLimit { sequence, position, .. }) => {
            assert!(sequence.max(position) <= MAX_POSITION + 4096, "an event took {sequence}, {position}");
        }
        Err(error) => panic!("a log that was closed opens again: {error}"),
    }
}

fn read(log: &std::path::Path) {
    if let Ok(reader) = LogReader::open(log) {
        let _ = (reader.len(), reader.events().take_while(Result::is_ok).count());
    }
    if let Ok(mut scan) = LogScan::open(log) {
        while let Ok(Some(_)) = scan.next_event() {}
    }
}
