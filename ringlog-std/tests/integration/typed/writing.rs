//! When META records are stored, and what counts them.

use std::path::Path;

use ringlog::event::{EventHeader, Gap, GapReason};
use ringlog::storage::{
    AppendError, CreateError, LogFollower, LogReader, LogScan, LogWriter, MmapReader, MmapWriter, OpenError,
    Retention, SchemaList, salvage_log, verify_log,
};

use super::super::storage_read::support::{event, write};
use super::{OTHER_TICK, TICK, TOCK, list, options, segments_in};

/// The user's part of each event, read in three ways that must agree.
fn events_in(log: &Path) -> Vec<(u64, EventHeader, Vec<u8>)> {
    let reader = LogReader::open(log).unwrap();
    let read: Vec<_> = reader
        .events()
        .map(|event| event.unwrap())
        .map(|event| (event.sequence, event.header.as_user(), event.payload.to_vec()))
        .collect();
    let mut replayed = Vec::new();
    reader
        .replay(|event| replayed.push((event.sequence, event.header.as_user(), event.payload.to_vec())))
        .unwrap();
    assert!(replayed == read);
    let (mut scan, mut scanned) = (LogScan::open(log).unwrap(), Vec::new());
    while let Some(event) = scan.next_event().unwrap() {
        scanned.push((event.sequence, event.header.as_user(), event.payload.to_vec()));
    }
    assert!(scanned == read);
    let (mut follower, mut followed) = (LogFollower::open(log).unwrap(), Vec::new());
    while let Some(event) = follower.next_event().unwrap() {
        followed.push((event.sequence, event.header.as_user(), event.payload.to_vec()));
    }
    assert!(followed == read);
    read
}

#[test]
fn a_typed_log_gives_the_events_of_an_untyped_one_and_each_segment_describes_them() {
    let (typed, untyped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (folder, schemas) in [(&typed, &[TICK, TOCK][..]), (&untyped, &[])] {
        let mut writer = options(schemas).open(folder.path()).unwrap();
        write(&mut writer, 0..500);
        let position = writer.position();
        let summary = writer.close().unwrap();
        assert_eq!((summary.events, position), (500, (0..500).map(|at| event(at).0.stride() as u64).sum()));
    }
    let (with, without) = (events_in(typed.path()), events_in(untyped.path()));
    assert!(with.iter().map(|it| (&it.1, &it.2)).eq(without.iter().map(|it| (&it.1, &it.2))));
    let segments = segments_in(typed.path());
    assert!(segments.len() > 5);
    assert_eq!(
        with.last().unwrap().0,
        500 + 2 * segments.len() as u64 - 1,
        "each segment begins with two records"
    );
    for base in segments {
        let copied = typed.path().join(format!("{base:020}.evtl"));
        let alone = typed.path().join("alone");
        std::fs::copy(copied, &alone).unwrap();
        let reader = MmapReader::open(&alone).unwrap();
        assert_eq!(reader.schemas().map(|found| found.list()), Some(&list(&[TICK, TOCK])));
        let first = reader.events().next().unwrap().unwrap();
        assert_eq!(first.sequence, base + 2);
        assert!(
            first
                .layouts()
                .is_some_and(|layouts| layouts.accepts(1, TICK) && !layouts.accepts(1, OTHER_TICK))
        );
    }
    let check = verify_log(typed.path()).unwrap();
    assert!(check.segments.iter().all(|segment| segment.verdict.is_whole()), "{check:?}");
    assert_eq!(
        (check.counts().events, check.counts().meta),
        (500, 2 * segments_in(typed.path()).len() as u64)
    );
}

#[test]
fn seeking_and_filtering_leave_meta_records_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = options(&[TICK, TOCK]).open(folder.path()).unwrap();
    write(&mut writer, 0..500);
    writer.close().unwrap();
    let all = events_in(folder.path());
    let reader = LogReader::open(folder.path()).unwrap();
    let end = reader.next_sequence();
    for sequence in 0..=end {
        let wanted = all.iter().find(|it| it.0 >= sequence).map(|it| it.0);
        let found = reader.events_from(sequence).next().map(|event| event.unwrap().sequence);
        assert_eq!(found, wanted, "from {sequence}");
        let mut follower = LogFollower::open_at(folder.path(), sequence).unwrap();
        assert_eq!(
            follower.next_event().unwrap().map(|event| event.sequence),
            wanted,
            "followed from {sequence}"
        );
        let mut scan = LogScan::open(folder.path()).unwrap();
        scan.seek_record(sequence).unwrap();
        assert_eq!(scan.next_event().unwrap().map(|event| event.sequence), wanted, "scanned from {sequence}");
    }
    for since in (0..5_010).step_by(7) {
        let wanted = all.iter().find(|it| it.1.timestamp >= since).map(|it| it.0);
        let found = reader.events_since(since).next().map(|event| event.unwrap().sequence);
        assert_eq!(found, wanted, "since {since}");
    }
}

#[test]
fn a_registration_begins_a_segment_unless_the_active_one_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = options(&[TICK]).open(folder.path()).unwrap();
    // Nothing is written yet: the longer list and then the shorter one replace what waits.
    writer.register(&list(&[OTHER_TICK, TOCK])).unwrap();
    let mut writer = {
        writer.close().unwrap();
        assert_eq!(segments_in(folder.path()).len(), 0);
        options(&[TICK]).open(folder.path()).unwrap()
    };
    write(&mut writer, 0..3);
    writer.register(&list(&[TICK])).unwrap();
    assert_eq!(writer.schemas(), &list(&[TICK]));
    write(&mut writer, 3..4);
    writer.register(&list(&[OTHER_TICK])).unwrap();
    writer.register(&list(&[TOCK])).unwrap();
    write(&mut writer, 4..6);
    assert_eq!(writer.close().unwrap().segments, 2);
    let reader = LogReader::open(folder.path()).unwrap();
    let accepts = |event: &ringlog::event::Event<'_>, schema| event.layouts().unwrap().accepts(1, schema);
    let found: Vec<_> = reader
        .events()
        .map(|event| event.unwrap())
        .map(|event| (event.sequence, accepts(&event, TICK), accepts(&event, OTHER_TICK)))
        .collect();
    let expected = [
        (1, true, false),
        (2, true, false),
        (3, true, false),
        (4, true, false),
        // Two META records.
        (7, false, true),
        (8, false, true),
    ];
    assert_eq!(found, expected);
    assert_eq!(reader.schemas().unwrap(), list(&[OTHER_TICK, TOCK]));
}

#[test]
fn runs_that_record_nothing_and_idle_rolls_leave_no_segment_and_retire_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let retention = Retention { max_segments: Some(24), ..Retention::default() };
    let options =
        || options(&[TICK, TOCK]).retention(retention).roll_after(Some(std::time::Duration::from_nanos(1)));
    let mut writer = options().open(folder.path()).unwrap();
    write(&mut writer, 0..5);
    writer.close().unwrap();
    let (before, segments) = (events_in(folder.path()), segments_in(folder.path()));
    for _ in 0..100 {
        let writer = options().open(folder.path()).unwrap();
        writer.close().unwrap();
    }
    let mut writer = options().open(folder.path()).unwrap();
    for _ in 0..100 {
        writer.roll_if_due().unwrap();
    }
    writer.close().unwrap();
    assert!(events_in(folder.path()) == before);
    assert_eq!(segments_in(folder.path()), segments);
}

#[test]
fn log_side_gaps_follow_meta_records_and_take_no_position() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = options(&[TICK]).open(folder.path()).unwrap();
    let gap = Gap { log_side: true, ..Gap::new(GapReason::DiskFull, 3) };
    writer.append_gap(5, gap).unwrap();
    assert_eq!(writer.position(), 0);
    write(&mut writer, 0..1);
    writer.append_gap(6, gap).unwrap();
    writer.close().unwrap();
    let found: Vec<_> = events_in(folder.path())
        .into_iter()
        .map(|(sequence, header, _)| (sequence, header.timestamp))
        .collect();
    assert_eq!(found, [(1, 5), (2, 0), (4, 6)]);
    assert_eq!(segments_in(folder.path()), [0, 3]);
    assert!(verify_log(folder.path()).unwrap().segments.iter().all(|segment| segment.verdict.is_whole()));
}

#[test]
fn descriptions_that_leave_no_room_are_refused_with_both_lengths() {
    let folder = tempfile::tempdir().unwrap();
    let long = [br#"{"type":1,"name":""#.as_slice(), &[b'x'; 2_100], br#"","size":0,"fields":[]}"#].concat();
    let log = folder.path().join("log");
    let error = LogWriter::options().segment_bytes(4096).schemas(list(&[&long])).open(&log).unwrap_err();
    let OpenError::Create(CreateError::Schemas { schema_bytes, segment_bytes, .. }) = error else {
        panic!("{error}")
    };
    assert_eq!((schema_bytes, segment_bytes), (2_160, 4096));
    assert!(!log.exists(), "nothing is left of a log that is not possible");
    let mut writer = options(&[TICK]).open(&log).unwrap();
    let error = writer.register(&list(&[&long])).unwrap_err();
    assert!(matches!(error, AppendError::Create(CreateError::Schemas { .. })), "{error}");
    assert_eq!(writer.schemas(), &list(&[TICK]));
    // The largest record has what they leave.
    let room = 4096 - 64 - list(&[TICK]).record_bytes() as usize - 16;
    let header = |len| EventHeader::new(1, 1, len as u16);
    let error = writer.write_event(&header(room + 1), &vec![0; room + 1]).unwrap_err();
    assert!(
        matches!(error, AppendError::TooLarge { capacity_bytes, .. } if capacity_bytes == room as u64 + 16),
        "{error}"
    );
    writer.write_event(&header(room), &vec![0; room]).unwrap();
    writer.close().unwrap();
    assert_eq!(events_in(&log).len(), 1);
    let error = MmapWriter::options()
        .schemas(list(&[&long]))
        .create(folder.path().join("one.evtl"), 4096)
        .unwrap_err();
    assert!(matches!(error, CreateError::Schemas { .. }), "{error}");
}

#[test]
fn a_salvaged_log_is_described_as_its_source_was() {
    let (folder, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (schemas, numbers) in [(&[TICK, TOCK][..], 0..300), (&[OTHER_TICK], 300..310), (&[], 310..320)] {
        let mut writer = options(schemas).open(folder.path()).unwrap();
        write(&mut writer, numbers);
        writer.close().unwrap();
    }
    let report = salvage_log(folder.path(), out.path().join("log")).unwrap();
    assert_eq!((report.missing, report.records), (0, 320), "{report:?}");
    let (source, copy) =
        (LogReader::open(folder.path()).unwrap(), LogReader::open(out.path().join("log")).unwrap());
    let mut pairs = source.events().zip(copy.events()).map(|(left, right)| (left.unwrap(), right.unwrap()));
    let schemas = |event: &ringlog::event::Event<'_>| {
        event.layouts().map_or(SchemaList::new(), |layouts| {
            let any: &dyn std::any::Any = layouts;
            any.downcast_ref::<ringlog::storage::SegmentSchemas>().unwrap().list().clone()
        })
    };
    let is_same = |(left, right): (ringlog::event::Event<'_>, ringlog::event::Event<'_>)| {
        (left.header.as_user(), left.payload) == (right.header.as_user(), right.payload)
            && schemas(&left) == schemas(&right)
    };
    assert!(pairs.all(is_same));
    assert_eq!(copy.events().count(), 320);
}

#[test]
fn damage_in_the_preamble_costs_descriptions_and_no_event() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = options(&[TICK, TOCK]).open(folder.path()).unwrap();
    write(&mut writer, 0..10);
    writer.close().unwrap();
    let path = folder.path().join(format!("{:020}.evtl", 0));
    let whole = std::fs::read(&path).unwrap();
    let preamble = list(&[TICK, TOCK]).record_bytes() as usize;
    let out = tempfile::tempdir().unwrap();
    for at in 64..64 + preamble {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        std::fs::write(&path, damaged).unwrap();
        let out = out.path().join(at.to_string());
        salvage_log(folder.path(), &out).unwrap();
        let events: Vec<_> =
            events_in(&out).into_iter().filter(|it| it.1.flags == 0).map(|it| it.1.timestamp).collect();
        let wanted: Vec<_> = (0..10).map(|number| number * 10).collect();
        let found: Vec<_> = events.into_iter().filter(|timestamp| wanted.contains(timestamp)).collect();
        assert!(found.len() >= 10, "byte {at}: {found:?}");
    }
}

#[test]
fn a_single_file_has_its_descriptions_before_its_first_event() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.evtl");
    let mut writer = MmapWriter::options().schemas(list(&[TICK])).create(&path, 4096).unwrap();
    assert_eq!((writer.len(), writer.write_offset(), writer.is_empty()), (0, 64, true));
    let mut empty = MmapReader::open(&path).unwrap();
    assert!(empty.schemas().is_none() && empty.is_empty());
    let (header, payload) = event(3);
    writer.write_event(&header, &payload).unwrap();
    assert_eq!((writer.len(), writer.header().event_count), (2, 2));
    assert!(empty.refresh().unwrap());
    assert_eq!(empty.schemas().map(|found| found.list()), Some(&list(&[TICK])));
    writer.close().unwrap();
    let found = events_in(&path);
    assert_eq!(found, [(1, header, payload)]);
}
