//! Events that follow from their number, and reading a log in both ways.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use ringlog::event::{EventHeader, Gap};
use ringlog::storage::{LogReader, LogScan, LogWriter, OpenError};

/// Header and payload of the event with this number.
pub(crate) fn event(number: u64) -> (EventHeader, Vec<u8>) {
    let len = number.wrapping_mul(37) % 300;
    let payload: Vec<u8> = (0..len).map(|at| (at ^ number) as u8).collect();
    let header = EventHeader::new(number, number as u8, len as u16).with_flags((number % 16) as u8);
    (header, payload)
}

/// Opens a log to write to it.
///
/// Tries again for a while: a program that another test is starting has all locks of this process until it
/// runs.
pub(crate) fn open(folder: &Path) -> LogWriter {
    let mut opened = LogWriter::open(folder);
    wait_until(|| {
        if matches!(opened, Err(OpenError::Locked { .. })) {
            opened = LogWriter::open(folder);
        }
        !matches!(opened, Err(OpenError::Locked { .. }))
    });
    opened.unwrap()
}

pub(crate) fn write(writer: &mut LogWriter, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let (header, payload) = event(number);
        writer.write_event(&header, &payload).unwrap();
    }
}

/// A record of a log, owned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Stored {
    pub(crate) sequence: u64,
    pub(crate) header: EventHeader,
    pub(crate) payload: Vec<u8>,
}

impl Stored {
    pub(crate) fn gap(&self) -> Option<Gap> {
        Gap::from_event(&self.header, &self.payload)
    }
}

/// Reads all records through mappings and with `pread`, and checks that both agree.
pub(crate) fn read(path: &Path) -> Vec<Stored> {
    let mut mapped = Vec::new();
    let reader = LogReader::open(path).unwrap();
    let count = reader
        .replay(|event| {
            mapped.push(Stored {
                sequence: event.sequence,
                header: event.header,
                payload: event.payload.into(),
            })
        })
        .unwrap();
    assert_eq!((count, reader.len()), (mapped.len() as u64, mapped.len() as u64));
    assert_eq!(scan(path), mapped);
    mapped
}

fn scan(path: &Path) -> Vec<Stored> {
    let mut scan = LogScan::open(path).unwrap();
    let mut found = Vec::new();
    while let Some(event) = scan.next_event().unwrap() {
        found.push(Stored { sequence: event.sequence, header: event.header, payload: event.payload.into() });
    }
    found
}

/// Checks that the log holds exactly the events of these numbers, each with its number as sequence.
pub(crate) fn assert_holds(path: &Path, numbers: std::ops::Range<u64>) {
    let found = read(path);
    assert_eq!(found.len() as u64, numbers.end - numbers.start);
    for (stored, number) in found.iter().zip(numbers) {
        assert_eq!(stored.sequence, number);
        assert_is(stored, number);
    }
}

/// Checks that this record is the event of this number, byte for byte.
pub(crate) fn assert_is(stored: &Stored, number: u64) {
    let (header, payload) = event(number);
    assert_eq!((stored.header.as_user(), &stored.payload), (header, &payload), "event {number}");
}

pub(crate) fn segments(folder: &Path) -> Vec<PathBuf> {
    LogReader::open(folder).unwrap().segments().iter().map(|segment| segment.path.clone()).collect()
}

/// Takes SEALED and CLEAN off a segment, as if its writer had been killed.
pub(crate) fn unseal(path: &Path, synced_offset: u64) {
    patch(path, 32, &synced_offset.to_le_bytes());
    let mut flags = [0];
    OpenOptions::new().read(true).open(path).unwrap().read_exact_at(&mut flags, 56).unwrap();
    patch(path, 56, &[flags[0] & !0b1001]);
}

pub(crate) fn patch(path: &Path, offset: u64, bytes: &[u8]) {
    OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, offset).unwrap();
}

/// Inverts one byte.
pub(crate) fn damage(path: &Path, offset: u64) {
    let mut byte = [0];
    OpenOptions::new().read(true).open(path).unwrap().read_exact_at(&mut byte, offset).unwrap();
    patch(path, offset, &[!byte[0]]);
}

pub(crate) fn refusal(folder: &Path) -> (OpenError, String) {
    let error = LogWriter::open(folder).unwrap_err();
    let text = error.to_string();
    (error, text)
}

/// Waits for something that happens on another thread, with a limit.
pub(crate) fn wait_until(mut happened: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !happened() {
        assert!(std::time::Instant::now() < end, "waited in vain");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}
