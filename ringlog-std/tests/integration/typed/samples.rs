//! The typed files of `docs/format.md`, in all readers.

use std::path::{Path, PathBuf};

use ringlog::event::{Event, MetaTopic, RecordErrorKind};
use ringlog::storage::{
    LogFollower, LogReader, LogScan, LogWriter, MmapReader, ReadError, SchemaList, SegmentSchemas,
    salvage_log, verify_log,
};

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/typed").join(name)
}

fn schemas_of(event: &Event<'_>) -> SchemaList {
    SegmentSchemas::of(event).map_or_else(SchemaList::new, |schemas| schemas.list().clone())
}

/// An event: its sequence, its payload, and what is said of its type.
type Found = (u64, Vec<u8>, Option<Vec<u8>>);

fn found(event: &Event<'_>) -> Found {
    let said = schemas_of(event).of_type(event.header.event_type).map(<[u8]>::to_vec);
    (event.sequence, event.payload.to_vec(), said)
}

/// Reads a sample in all ways, which must agree: its events, and the offset and kind of what is refused.
fn read(name: &str) -> (Vec<Found>, Option<(u64, RecordErrorKind)>) {
    let path = sample(name);
    let refused = |error: ReadError| match error {
        ReadError::Record { source, .. } => (source.offset, source.kind),
        other => panic!("{other}"),
    };
    let reader = LogReader::open(&path).unwrap();
    let (mut events, mut error) = (Vec::new(), None);
    for event in reader.events() {
        match event {
            Ok(event) => events.push(found(&event)),
            Err(other) => error = Some(refused(other)),
        }
    }
    let mut replayed = Vec::new();
    let end = reader.replay(|event| replayed.push(found(&event))).err().map(refused);
    assert_eq!((&replayed, &end), (&events, &error));
    let (mut scan, mut scanned) = (LogScan::open(&path).unwrap(), Vec::new());
    let end = loop {
        match scan.next_event() {
            Ok(Some(event)) => scanned.push(found(&event)),
            Ok(None) => break None,
            Err(error) => break Some(refused(error)),
        }
    };
    assert_eq!((&scanned, &end), (&events, &error));
    let (mut follower, mut followed) = (LogFollower::open(&path).unwrap(), Vec::new());
    let end = loop {
        match follower.next_event() {
            Ok(Some(event)) => followed.push(found(&event)),
            Ok(None) => break None,
            Err(error) => break Some(refused(error)),
        }
    };
    assert_eq!((&followed, &end), (&events, &error));
    if path.is_file() {
        let mut mapped = Vec::new();
        let end =
            MmapReader::open(&path).unwrap().replay(|event| mapped.push(found(&event))).err().map(refused);
        assert_eq!((&mapped, &end), (&events, &error));
    }
    (events, error)
}

fn tick(kind: &str) -> Option<Vec<u8>> {
    let field = format!(r#"{{"name":"price","offset":0,"kind":"{kind}"}}"#);
    Some(format!(r#"{{"type":1,"name":"tick","size":4,"fields":[{field}]}}"#).into_bytes())
}

fn note() -> Option<Vec<u8>> {
    Some(br#"{"type":2,"name":"note","size":0,"fields":[],"tail":"text"}"#.to_vec())
}

const PRICE: [u8; 4] = [101, 0, 0, 0];

#[test]
fn a_typed_log_whose_layout_changes_between_its_segments() {
    let (events, error) = read("log");
    let expected = [
        (2, PRICE.to_vec(), tick("u32")),
        (3, b"open".to_vec(), None),
        (7, vec![0xFF; 4], tick("i32")),
        (8, b"shut".to_vec(), note()),
    ];
    assert_eq!((events.as_slice(), error), (expected.as_slice(), None));
    let reader = LogReader::open(sample("log")).unwrap();
    assert_eq!(reader.schemas().unwrap().of_log(), Some(&br#"{"log":{"user":{"host":"gw7"}}}"#[..]));
    let check = verify_log(sample("log")).unwrap();
    assert_eq!((check.counts().events, check.counts().meta, check.counts().records()), (4, 5, 9));
    assert!(check.segments.iter().all(|segment| segment.verdict.is_whole()), "{check:?}");
    // A writer continues it, at the position after 4 records of 24 bytes.
    let folder = tempfile::tempdir().unwrap();
    for segment in reader.segments() {
        std::fs::copy(&segment.path, folder.path().join(segment.path.file_name().unwrap())).unwrap();
    }
    let writer = LogWriter::open(folder.path()).unwrap();
    assert_eq!(writer.position(), 4 * 24);
    drop(writer);
}

#[test]
fn a_stream_with_meta_records() {
    let (events, error) = read("stream.evtl");
    assert_eq!((events, error), (vec![(1, PRICE.to_vec(), tick("u32"))], None));
}

#[test]
fn a_meta_record_without_json_describes_nothing_and_costs_no_event() {
    let (events, error) = read("bad_json.evtl");
    // These readers know no JSON: they hand on what is there.
    assert_eq!((events, error), (vec![(1, PRICE.to_vec(), Some(br#"{"type":1,"#.to_vec()))], None));
}

#[test]
fn a_record_that_is_meta_and_gap_is_refused() {
    let (events, error) = read("meta_and_gap.evtl");
    assert_eq!((events, error), (Vec::new(), Some((64, RecordErrorKind::MetaAndGap))));
}

#[test]
fn a_meta_record_after_the_preamble_is_refused() {
    let (events, error) = read("misplaced.evtl");
    assert_eq!(
        (events, error),
        (vec![(0, PRICE.to_vec(), None)], Some((88, RecordErrorKind::MisplacedMeta)))
    );
    let check = verify_log(sample("misplaced.evtl")).unwrap();
    assert!(!check.segments[0].verdict.is_whole(), "{check:?}");
}

#[test]
fn a_damaged_preamble_is_refused_and_salvage_finds_all_events() {
    let (events, error) = read("damaged_preamble.evtl");
    assert_eq!(events, []);
    assert!(matches!(error, Some((64, RecordErrorKind::Checksum { .. }))), "{error:?}");
    let out = tempfile::tempdir().unwrap();
    let report = salvage_log(sample("damaged_preamble.evtl"), out.path().join("log")).unwrap();
    assert_eq!((report.records, report.missing, report.gaps_added), (2, 0, 0), "{report:?}");
    let reader = LogReader::open(out.path().join("log")).unwrap();
    let events = reader.events().map(|event| event.unwrap()).filter(|event| event.gap().is_none());
    let events: Vec<_> = events.map(|event| (event.payload.to_vec(), found(&event).2)).collect();
    assert_eq!(events, [(PRICE.to_vec(), None), (b"open".to_vec(), note())]);
    assert!(reader.schemas().unwrap().iter().all(|(topic, _)| topic == MetaTopic::EventType(2)));
}
