//! Typed logs of other writers, which order their records as this one never does.

use std::fs;
use std::path::Path;

use ringlog::event::{EventHeader, FileHeader, Gap, GapReason, MetaTopic};
use ringlog::storage::{LogFollower, LogReader, LogScan, LogWriter, MmapReader, verify_log};
use ringlog_nostd::format::{add_checksum, crc32c_append, encode, place_word};

use super::super::storage_bounds::support::plain_header;
use super::{OTHER_TICK, TICK, TOCK, list};

const META: fn(&'static [u8]) -> (EventHeader, Vec<u8>) =
    |json| (MetaTopic::EventType(json[8] - b'0').header(json.len() as u16), json.to_vec());

fn gap(count: u64) -> (EventHeader, Vec<u8>) {
    let gap = Gap { log_side: true, ..Gap::new(GapReason::DiskFull, count) };
    (Gap::header(5), gap.to_payload().to_vec())
}

fn event(timestamp: u64) -> (EventHeader, Vec<u8>) {
    (EventHeader::new(timestamp, 1, 8), timestamp.to_le_bytes().to_vec())
}

/// Writes a closed segment of these records.
fn segment(log: &Path, sequence: u64, position: u64, records: &[(EventHeader, Vec<u8>)]) {
    let flags = plain_header().flags | 0b1001;
    let header = FileHeader { base_sequence: sequence, base_position: position, flags, ..plain_header() };
    let mut bytes = header.to_bytes().to_vec();
    for (header_of_record, payload) in records {
        let start = bytes.len();
        bytes.resize(start + header_of_record.stride(), 0);
        encode(&mut bytes[start..], header_of_record, payload).unwrap();
        add_checksum(&mut bytes[start..], place_word(header.salt(), start as u64), crc32c_append).unwrap();
    }
    let (event_count, end) = (records.len() as u64, bytes.len() as u64);
    let header = FileHeader { event_count, write_offset: end, synced_offset: end, ..header };
    bytes[..64].copy_from_slice(&header.to_bytes());
    fs::write(log.join(format!("{sequence:020}.evtl")), bytes).unwrap();
}

/// Reads a log in all ways, which must agree: sequence and timestamp of each record, and whether it is described by `TICK`.
fn read(log: &Path) -> Vec<(u64, u64, Option<bool>)> {
    let found = |event: &ringlog::event::Event<'_>| {
        // A scan knows of a GAP record what was said before it, a mapped reader all of the preamble.
        let layouts = event.layouts().filter(|_| event.gap().is_none());
        let accepts = layouts.map(|layouts| layouts.accepts(1, TICK));
        (event.sequence, event.header.timestamp, accepts)
    };
    let reader = LogReader::open(log).unwrap();
    let read: Vec<_> = reader.events().map(|event| found(&event.unwrap())).collect();
    let mut replayed = Vec::new();
    reader.replay(|event| replayed.push(found(&event))).unwrap();
    assert_eq!(replayed, read);
    let (mut scan, mut scanned) = (LogScan::open(log).unwrap(), Vec::new());
    while let Some(event) = scan.next_event().unwrap() {
        scanned.push(found(&event));
    }
    assert_eq!(scanned, read);
    let (mut follower, mut followed) = (LogFollower::open(log).unwrap(), Vec::new());
    while let Some(event) = follower.next_event().unwrap() {
        followed.push(found(&event));
    }
    assert_eq!(followed, read);
    read
}

#[test]
fn descriptions_and_gaps_of_the_logs_side_may_come_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path();
    // Two descriptions of the same type: the later one counts. No event follows them.
    segment(log, 0, 0, &[gap(3), META(OTHER_TICK), gap(4), META(TOCK), META(TICK)]);
    segment(log, 5, 0, &[META(OTHER_TICK), gap(5), META(TICK), event(10), event(20)]);
    segment(log, 10, 48, &[gap(1), META(OTHER_TICK), event(30)]);
    let expected = [
        (0, 5, None),
        (2, 5, None),
        (6, 5, None),
        (8, 10, Some(true)),
        (9, 20, Some(true)),
        (10, 5, None),
        (12, 30, Some(false)),
    ];
    assert_eq!(read(log), expected);
    let check = verify_log(log).unwrap();
    assert!(check.segments.iter().all(|segment| segment.verdict.is_whole()), "{check:?}");
    assert_eq!((check.counts().events, check.counts().meta, check.counts().lost()), (3, 6, 13));
    let last = MmapReader::open(log.join(format!("{:020}.evtl", 0))).unwrap();
    assert_eq!(last.schemas().map(|found| found.list()), Some(&list(&[TICK, TOCK])));
    // Positions: three records of 24 bytes. Without a `writer` file a GAP record of unknown count comes next.
    let writer = LogWriter::open(log).unwrap();
    assert_eq!((writer.position(), writer.next_sequence()), (72, 14));
    drop(writer);
}

#[test]
fn descriptions_alone_are_no_events_and_a_log_continues_after_them() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path();
    segment(log, 0, 0, &[META(TICK), META(TOCK)]);
    segment(log, 2, 0, &[META(OTHER_TICK), event(10)]);
    assert_eq!(read(log), [(3, 10, Some(false))]);
    assert_eq!(LogReader::open(log).unwrap().events_since(0).count(), 1);
    let mut writer = LogWriter::options().schemas(list(&[TICK])).open(log).unwrap();
    let (header, payload) = event(20);
    writer.write_event(&header, &payload).unwrap();
    writer.close().unwrap();
    // Without a `writer` file a GAP record of unknown count comes first.
    assert_eq!(read(log), [(3, 10, Some(false)), (5, 0, None), (6, 20, Some(true))]);
}
