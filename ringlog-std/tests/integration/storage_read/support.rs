//! Events that follow from their number, and logs of them.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ringlog::event::{Event, EventHeader};
use ringlog::storage::{LogFollower, LogReader, LogWriter, ReadError};

/// Longer than any test should have to wait.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Header and payload of the event with this number.
pub(crate) fn event(number: u64) -> (EventHeader, Vec<u8>) {
    let len = number.wrapping_mul(37) % 100;
    let payload: Vec<u8> = (0..len).map(|at| (at ^ number) as u8).collect();
    (EventHeader::new(number * 10, number as u8, len as u16), payload)
}

pub(crate) fn writer(folder: &Path) -> LogWriter {
    LogWriter::options().segment_bytes(4096).open(folder).unwrap()
}

pub(crate) fn write(writer: &mut LogWriter, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let (header, payload) = event(number);
        writer.write_event(&header, &payload).unwrap();
    }
}

/// A closed log of small segments.
pub(crate) fn log_of(folder: &Path, numbers: std::ops::Range<u64>) {
    let mut writer = writer(folder);
    write(&mut writer, numbers);
    writer.close().unwrap();
}

/// Waits until readers see all that was written: a segment gets its name some time after the roll.
#[track_caller]
pub(crate) fn wait_until_visible(folder: &Path, next_sequence: u64) {
    let deadline = Instant::now() + PATIENCE;
    while LogReader::open(folder).map_or(0, |reader| reader.next_sequence()) < next_sequence {
        assert!(Instant::now() < deadline, "record {next_sequence} is not seen");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Checks that this record is the event of this number, byte for byte.
#[track_caller]
pub(crate) fn assert_is(read: &Event<'_>, number: u64) {
    let (header, payload) = event(number);
    let found = (read.sequence, read.header.as_user(), read.payload);
    assert_eq!(found, (number, header, &payload[..]), "event {number}");
}

/// Checks that the follower gives out exactly these events next.
#[track_caller]
pub(crate) fn assert_follows(follower: &mut LogFollower, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let read = follower.next_within(PATIENCE).unwrap();
        assert_is(&read.unwrap_or_else(|| panic!("event {number} does not come")), number);
    }
}

/// Returns the first missed sequence and where to continue.
#[track_caller]
pub(crate) fn overtaken(error: &ReadError) -> (u64, u64) {
    match error {
        ReadError::Overtaken { from, to, .. } => (*from, *to),
        other => panic!("{other}"),
    }
}

pub(crate) fn segments(folder: &Path) -> Vec<(u64, PathBuf)> {
    let reader = LogReader::open(folder).unwrap();
    reader.segments().iter().map(|segment| (segment.header.base_sequence, segment.path.clone())).collect()
}
