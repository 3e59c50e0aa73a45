//! Logs that streams become again.

use super::*;
use crate::event::MetaTopic;
use crate::ship::error::PullError;
use crate::ship::pull::Puller;
use crate::ship::pulled::PulledLog;
use crate::storage::{LogReader, SchemaList, Verdict, verify_log};

fn puller(folder: &Path, server: &Shared) -> Puller<FakeWire> {
    let target = JetStream::open_to_read(FakeWire::of(server), "log").unwrap();
    Puller::new(target, PulledLog::open(folder).unwrap(), None)
}

fn pull_all(puller: &mut Puller<FakeWire>) {
    while puller.step().unwrap() {}
}

/// Returns each record with its sequence and its file's place in the log.
fn events_of(folder: &Path) -> Vec<(u64, u64, u64, Vec<u8>)> {
    let reader = LogReader::open(folder).unwrap();
    let mut events = Vec::new();
    for segment in reader.segments() {
        events.push((
            segment.header.base_sequence,
            segment.header.event_count,
            segment.header.flags as u64 & 0xFF02,
            Vec::new(),
        ));
    }
    reader
        .replay(|event| {
            let header = event.header.as_user();
            events.push((event.sequence, header.timestamp, u64::from(header.flags), event.payload.to_vec()));
        })
        .unwrap();
    events
}

#[test]
fn a_pulled_log_has_the_same_records_in_files_that_begin_where_the_sources_did() {
    for seed in 0..10 {
        let (source, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (server, mut dice) = (FakeServer::new(seed, Faults::default()), Dice(seed));
        for _ in 0..3 {
            let options = LogWriter::options().segment_bytes(16 * 1024).sync(SyncPolicy::Never);
            let mut schemas = SchemaList::new();
            schemas.insert(MetaTopic::EventType(1), br#"{"event":"tick","fields":[]}"#.as_slice()).unwrap();
            let mut log = options.schemas(schemas).open(source.path()).unwrap();
            let events = dice.below(400) + 50;
            write(&mut log, &mut dice, events);
            log.close().unwrap();
            ship_all(&mut shipper(source.path(), &server, PACE).unwrap());
            // Killed anywhere and started again.
            for _ in 0..dice.below(8) {
                let mut puller = puller(copy.path(), &server);
                for _ in 0..dice.below(6) {
                    puller.step().unwrap();
                }
            }
        }
        let mut puller = puller(copy.path(), &server);
        pull_all(&mut puller);
        puller.close().unwrap();
        assert_eq!(events_of(copy.path()), events_of(source.path()));
        assert_eq!(verify_log(copy.path()).unwrap().verdict(), Verdict::Clean, "seed {seed}");
    }
}

#[test]
fn a_message_of_which_a_part_was_lost_is_pulled_again() {
    let (source, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (server, mut dice) = (FakeServer::new(1, Faults::default()), Dice(1));
    let mut log = writer(source.path());
    write(&mut log, &mut dice, 100);
    log.close().unwrap();
    ship_all(&mut shipper(source.path(), &server, PACE).unwrap());
    let mut first = puller(copy.path(), &server);
    (0..3).for_each(|_| assert!(first.step().unwrap()));
    drop(first);
    let path = copy.path().join(crate::storage::names::segment_name(0));
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.len();
    bytes[end - 600..].fill(0);
    fs::write(&path, bytes).unwrap();
    let mut again = puller(copy.path(), &server);
    pull_all(&mut again);
    again.close().unwrap();
    assert_eq!(events_of(copy.path()), events_of(source.path()));
}

#[test]
fn a_file_that_was_begun_and_got_no_record_is_begun_again() {
    for is_first in [true, false] {
        let (source, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (server, mut dice) = (FakeServer::new(4, Faults::default()), Dice(4));
        let mut log = writer(source.path());
        write(&mut log, &mut dice, 600);
        log.close().unwrap();
        ship_all(&mut shipper(source.path(), &server, PACE).unwrap());
        let second = LogReader::open(source.path()).unwrap().segments()[1].header.base_sequence;
        let mut first = puller(copy.path(), &server);
        // The next step begins a file, and is killed before it has a record.
        let next = if is_first { 0 } else { second };
        while first.log().next_sequence() < next {
            first.step().unwrap();
        }
        first.step().unwrap();
        drop(first);
        let path = copy.path().join(crate::storage::names::segment_name(next));
        let mut bytes = fs::read(&path).unwrap();
        bytes[16..32].copy_from_slice(&[0_u64.to_le_bytes(), 64_u64.to_le_bytes()].concat());
        fs::write(&path, &bytes[..64]).unwrap();
        let mut again = puller(copy.path(), &server);
        pull_all(&mut again);
        again.close().unwrap();
        assert_eq!(events_of(copy.path()), events_of(source.path()));
    }
}

#[test]
fn a_stream_that_was_trimmed_becomes_a_log_that_begins_with_a_gap() {
    let (source, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (server, mut dice) = (FakeServer::new(2, Faults::default()), Dice(2));
    let mut log = writer(source.path());
    write(&mut log, &mut dice, 400);
    log.close().unwrap();
    ship_all(&mut shipper(source.path(), &server, PACE).unwrap());
    server.borrow_mut().deleted = 5;
    let first = headers_of(&server)[5].first;
    let mut puller = puller(copy.path(), &server);
    pull_all(&mut puller);
    puller.close().unwrap();
    let mut events = Vec::new();
    let reader = LogReader::open(copy.path()).unwrap();
    reader.replay(|event| events.push((event.sequence, event.gap().is_some()))).unwrap();
    assert_eq!((events[0], events[1]), ((first - 1, true), (first, false)));
    assert_eq!(events.last(), Some(&(399, false)));
}

#[test]
fn a_gap_in_the_stream_ends_the_log() {
    let (source, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (server, mut dice) = (FakeServer::new(3, Faults::default()), Dice(3));
    let mut log = writer(source.path());
    write(&mut log, &mut dice, 100);
    log.sync().unwrap();
    ship_all(&mut shipper(source.path(), &server, PACE).unwrap());
    write(&mut log, &mut dice, 900);
    log.close().unwrap();
    let segments = LogReader::open(source.path()).unwrap().segments().to_vec();
    segments[..2].iter().for_each(|segment| fs::remove_file(&segment.path).unwrap());
    let next = segments[2].header.base_sequence;
    ship_all(&mut shipper(source.path(), &server, PACE).unwrap());
    let mut puller = puller(copy.path(), &server);
    let error = (0..100).find_map(|_| puller.step().err()).unwrap();
    assert!(matches!(error, PullError::Gap { first: 100, next: found } if found == next), "{error}");
    let rest = tempfile::tempdir().unwrap();
    let target = JetStream::open_to_read(FakeWire::of(&server), "log").unwrap();
    let mut second = Puller::new(target, PulledLog::open(rest.path()).unwrap(), Some(next));
    pull_all(&mut second);
    second.close().unwrap();
    let mut sequences = Vec::new();
    LogReader::open(rest.path()).unwrap().replay(|event| sequences.push(event.sequence)).unwrap();
    assert_eq!((sequences[0], *sequences.last().unwrap()), (next - 1, 999));
}
