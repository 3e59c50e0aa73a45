//! Recovers a log that others left, and then once more.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use ringlog::event::{EventHeader, MetaTopic};
use ringlog::storage::{LogReader, LogScan, LogWriter, OpenError, SchemaList};
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
    let mut schemas = SchemaList::new();
    schemas
        .insert(MetaTopic::EventType(2), &br#"{"type":2,"name":"a","size":3,"fields":[]}"#[..])
        .expect("a short one");
    let options = LogWriter::options().segment_bytes(4096).schemas(schemas);
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

/// Reads a log in two ways. Both find the same if both read it to its end.
fn read(log: &std::path::Path) {
    let mapped = LogReader::open(log).ok().map(|reader| {
        let _ = reader.len();
        let mut count = 0;
        reader.replay(|_| count += 1).is_ok().then_some(count)
    });
    let scanned = LogScan::open(log).ok().map(|mut scan| {
        let mut count = 0;
        loop {
            match scan.next_event() {
                Ok(Some(_)) => count += 1,
                Ok(None) => break Some(count),
                Err(_) => break None,
            }
        }
    });
    if let (Some(mapped), Some(scanned)) = (mapped, scanned) {
        assert_eq!(mapped, scanned, "records read through mappings, and by a scan");
    }
}
