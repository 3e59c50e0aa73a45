//! Reads a file in every way that there is. All results are the same.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use ringlog::storage::{LogScan, MmapReader, SegmentSchemas, verify_log};
use ringlog_fuzz::Folder;
use ringlog_nostd::format::{Checksums, Records};

thread_local! {
    static FOLDER: RefCell<Folder> = RefCell::default();
}

fuzz_target!(|input: &[u8]| {
    for checksums in [Checksums::Ignore, Checksums::Absent, Checksums::Present] {
        assert!(Records::new(input, checksums).count() <= input.len() / 16 + 1);
    }
    FOLDER.with_borrow(|folder| read(&folder.file(input)));
});

fn read(path: &std::path::Path) {
    let (scan, reader) = (LogScan::open(path), MmapReader::open(path));
    assert_eq!(scan.is_ok(), reader.is_ok(), "{:?} {:?}", scan.err(), reader.err());
    let (Ok(mut scan), Ok(reader)) = (scan, reader) else {
        let _ = verify_log(path);
        return;
    };
    let mut events = reader.events();
    let mut count = 0;
    loop {
        match (scan.next_event(), events.next()) {
            (Ok(Some(scanned)), Some(Ok(mapped))) => {
                assert_eq!(scanned, mapped);
                // A GAP record is in the preamble, of which a scan has read less; no description is about it.
                let said =
                    [&scanned, &mapped].map(|event| SegmentSchemas::of(event).map(SegmentSchemas::list));
                assert!(scanned.gap().is_some() || said[0] == said[1], "the readers know other descriptions");
            }
            (Ok(None), None) | (Err(_), Some(Err(_))) => break,
            other => panic!("the readers differ: {other:?}"),
        }
        count += 1;
    }
    let _ = (reader.len(), reader.events_from(count / 2).count());
    let check = verify_log(path).expect("a file that readers open");
    assert!(check.counts().records() >= count, "{check:?}");
}
