//! Tests the descriptions of events that a ring's producer stores beside the ring.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ringlog::consumer::EventConsumer;
use ringlog::event::{EventHeader, MetaTopic};
use ringlog::recorder::{Recorder, RecorderError, SchemaProblem};
use ringlog::ring::{Idle, Producer, SharedRing, SharedRingError};
use ringlog::storage::{LogReader, LogWriter, SchemaList};

use super::super::typed::{OTHER_TICK, TICK, TOCK, list};
use super::roles::options;
use super::support::scratch;

const PATIENCE: Duration = Duration::from_secs(30);

fn made(ring: &Path) {
    drop(SharedRing::create(ring, &options(1 << 12)).unwrap());
}

fn claimed(ring: &Path, schemas: &[&[u8]]) -> Result<Producer, SharedRingError> {
    SharedRing::open(ring).unwrap().schemas(list(schemas)).claim_producer()
}

/// Waits until a recorder has read what is in the way.
fn claimed_patiently(ring: &Path, schemas: &[&[u8]]) -> Producer {
    patiently(|| match claimed(ring, schemas) {
        Err(SharedRingError::OtherSchemas { .. }) => None,
        other => Some(other.unwrap()),
    })
}

fn patiently<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "nothing after {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Events of type 1 with these times.
fn write(producer: &mut Producer, times: std::ops::Range<u64>) {
    for time in times {
        patiently(|| producer.write_event(&EventHeader::new(time, 1, 8), &time.to_le_bytes()).ok());
    }
}

/// For each event of type 1: its time, and which of [`TICK`] and [`OTHER_TICK`] describes it.
fn described(log: &Path) -> Vec<(u64, [bool; 2])> {
    let reader = LogReader::open(log).unwrap();
    let events = reader.events().map(|event| event.unwrap()).filter(|event| event.gap().is_none());
    let accepts = |layouts: &dyn ringlog::event::Layouts, schema| layouts.accepts(1, schema);
    events
        .map(|event| {
            let found = event
                .layouts()
                .map_or([false; 2], |layouts| [TICK, OTHER_TICK].map(|schema| accepts(layouts, schema)));
            (event.header.timestamp, found)
        })
        .collect()
}

/// The files of lists beside the ring.
fn lists_of(ring: &Path) -> Vec<PathBuf> {
    let entries = ring.parent().unwrap().read_dir().unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_str().is_some_and(|path| path.contains(".schema-"))).collect()
}

#[test]
fn descriptions_are_replaced_only_while_no_event_is_unread() {
    let folder = scratch();
    let ring = folder.path().join("ring");
    made(&ring);
    write(&mut claimed(&ring, &[TICK]).unwrap(), 0..3);
    let opened = SharedRing::open(&ring).unwrap();
    for other in [&[OTHER_TICK][..], &[TICK, TOCK], &[]] {
        let refused = claimed(&ring, other).unwrap_err();
        assert!(matches!(refused, SharedRingError::OtherSchemas { unread_bytes: 72, .. }), "{refused}");
        assert!(refused.is_transient() && refused.to_string().contains("72 bytes"), "{refused}");
        assert_eq!((lists_of(&ring).len(), opened.current_schemas().unwrap()), (1, list(&[TICK])));
    }
    // A refused claim leaves the role free and the ring open or closed as it was.
    drop(claimed(&ring, &[TICK]).unwrap());
    let mut consumer = opened.claim_consumer().unwrap();
    consumer.drain(2, |_, _| {}).unwrap();
    let refused = claimed(&ring, &[]).unwrap_err();
    assert!(matches!(refused, SharedRingError::OtherSchemas { unread_bytes: 24, .. }));
    consumer.drain(1, |_, _| {}).unwrap();
    for schemas in [&[OTHER_TICK, TOCK][..], &[TICK], &[]] {
        drop(claimed(&ring, schemas).unwrap());
        assert_eq!(opened.current_schemas().unwrap(), list(schemas));
        assert_eq!(lists_of(&ring).len(), usize::from(!schemas.is_empty()));
    }
}

#[test]
fn a_refused_claim_does_not_close_the_ring() {
    let folder = scratch();
    let ring = folder.path().join("ring");
    made(&ring);
    let opened = SharedRing::open(&ring).unwrap();
    let consumer = opened.claim_consumer().unwrap();
    let mut producer = claimed(&ring, &[TICK]).unwrap();
    write(&mut producer, 0..1);
    // Dies without closing: the word that says so stays as it was.
    let is_closed_at = 136;
    drop(producer);
    assert!(consumer.is_closed());
    let file = OpenOptions::new().write(true).open(&ring).unwrap();
    file.write_all_at(&[0; 8], is_closed_at).unwrap();
    assert!(!consumer.is_closed());
    assert!(claimed(&ring, &[]).is_err());
    assert!(!consumer.is_closed());
}

#[test]
fn each_event_has_the_descriptions_of_its_producer_while_a_recorder_runs() {
    let folder = scratch();
    let (ring, log) = (folder.path().join("ring"), folder.path().join("log"));
    let builder = Recorder::builder().ring_bytes(1 << 12).idle(Idle::Yield);
    let recorder = builder.start_shared(&ring, &log).unwrap();
    let ways: [&[&[u8]]; 4] = [&[TICK], &[OTHER_TICK, TOCK], &[], &[TICK, TOCK]];
    let mut expected = Vec::new();
    for round in 0..40 {
        let schemas = ways[round % ways.len()];
        let times = round as u64 * 20..round as u64 * 20 + 20;
        write(&mut claimed_patiently(&ring, schemas), times.clone());
        expected.extend(times.map(|time| (time, [TICK, OTHER_TICK].map(|schema| schemas.contains(&schema)))));
    }
    let watch = recorder.schema_watch().clone();
    let summary = recorder.stop().unwrap();
    assert_eq!((summary.events, summary.segments, watch.problems()), (800, 40, Vec::new()));
    assert_eq!(described(&log), expected);
}

#[test]
fn a_log_continues_with_the_descriptions_that_its_ring_has() {
    let folder = scratch();
    let (ring, log) = (folder.path().join("ring"), folder.path().join("log"));
    made(&ring);
    let mut producer = claimed(&ring, &[TICK]).unwrap();
    for run in 0..3 {
        write(&mut producer, run * 10..run * 10 + 10);
        let recorder = Recorder::builder().start_shared(&ring, &log).unwrap();
        assert_eq!(recorder.stop().unwrap().events, 10);
    }
    let idle = Recorder::builder().start_shared(&ring, &log).unwrap();
    assert_eq!(idle.stop().unwrap().segments, 0, "a run without events has no segment");
    assert_eq!(described(&log), (0..30).map(|time| (time, [true, false])).collect::<Vec<_>>());
}

#[test]
fn a_recorder_continues_without_a_list_that_is_missing_or_damaged() {
    for is_missing in [false, true] {
        let folder = scratch();
        let (ring, log) = (folder.path().join("ring"), folder.path().join("log"));
        made(&ring);
        let mut producer = claimed(&ring, &[TICK]).unwrap();
        let list_file = lists_of(&ring).pop().unwrap();
        let whole = fs::read(&list_file).unwrap();
        if is_missing {
            fs::remove_file(&list_file).unwrap();
        } else {
            fs::write(&list_file, &whole[1..]).unwrap();
        }
        write(&mut producer, 0..5);
        let recorder = Recorder::builder().idle(Idle::Yield).start_shared(&ring, &log).unwrap();
        patiently(|| (recorder.recorded_bytes() == 5 * 24).then_some(()));
        let problems = recorder.schema_watch().problems();
        let [SchemaProblem::Unreadable { ring: path, .. }] = &problems[..] else { panic!("{problems:?}") };
        assert_eq!(*path, ring.canonicalize().unwrap());
        assert!(problems[0].to_string().contains(list_file.to_str().unwrap()), "{}", problems[0]);
        // The same claim stores it again, and the recorder looks for it once a second.
        drop(producer);
        let mut producer = claimed(&ring, &[TICK]).unwrap();
        assert_eq!(fs::read(&list_file).unwrap(), whole);
        let mut time = 5;
        let is_described = |log: &Path| described(log).last().is_some_and(|last| last.1 == [true, false]);
        patiently(|| {
            write(&mut producer, time..time + 1);
            time += 1;
            std::thread::sleep(Duration::from_millis(20));
            is_described(&log).then_some(())
        });
        let summary = recorder.stop().unwrap();
        assert_eq!(summary.segments, 2);
        let found = described(&log);
        assert!(found.iter().map(|it| it.0).eq(0..time));
        assert!(found[..5].iter().all(|it| it.1 == [false; 2]));
        assert!(found.is_sorted_by_key(|it| it.1[0]));
    }
}

#[test]
fn what_two_lists_say_in_different_ways_is_not_described() {
    let folder = scratch();
    let (ring, log) = (folder.path().join("ring"), folder.path().join("log"));
    made(&ring);
    write(&mut claimed(&ring, &[TICK, TOCK]).unwrap(), 0..5);
    let mut own = list(&[OTHER_TICK, TOCK]);
    own.insert(MetaTopic::EventType(3), &b"{}"[..]).unwrap();
    let recorder = Recorder::builder().schemas(own).start_shared(&ring, &log).unwrap();
    let watch = recorder.schema_watch().clone();
    recorder.stop().unwrap();
    let problems = watch.problems();
    assert!(matches!(&problems[..], [SchemaProblem::Conflict { event_types, .. }] if *event_types == [1]));
    let mut expected = list(&[TOCK]);
    expected.insert(MetaTopic::EventType(3), &b"{}"[..]).unwrap();
    let reader = LogReader::open(&log).unwrap();
    assert_eq!(reader.schemas().unwrap(), expected);
}

#[test]
fn a_list_that_leaves_no_room_is_left_out() {
    let folder = scratch();
    let (ring, log) = (folder.path().join("ring"), folder.path().join("log"));
    made(&ring);
    let mut schemas = list(&[TICK]);
    schemas.insert(MetaTopic::EventType(9), vec![b' '; 5000]).unwrap();
    let opened = SharedRing::open(&ring).unwrap().schemas(schemas);
    write(&mut opened.claim_producer().unwrap(), 0..100);
    let small = LogWriter::options().segment_bytes(8192).schemas(list(&[TOCK]));
    let recorder = Recorder::builder().log(small).start_shared(&ring, &log).unwrap();
    let watch = recorder.schema_watch().clone();
    assert_eq!(recorder.stop().unwrap().events, 100);
    assert!(matches!(watch.problems()[..], [SchemaProblem::TooLong { .. }]), "{:?}", watch.problems());
    assert_eq!(LogReader::open(&log).unwrap().schemas().unwrap(), list(&[TOCK]));

    let mut schemas = SchemaList::new();
    for event_type in 0..20 {
        schemas.insert(MetaTopic::EventType(event_type), vec![b' '; 60_000]).unwrap();
    }
    let refused = SharedRing::open(&ring).unwrap().schemas(schemas).claim_producer().unwrap_err();
    assert!(
        matches!(
            refused,
            SharedRingError::SchemasTooLong { schema_bytes: 1_200_320, max_bytes: 1_048_576, .. }
        ),
        "{refused:?}"
    );
}

#[test]
fn a_recorder_that_reports_losses_leaves_the_descriptions_in_place() {
    let folder = scratch();
    let (ring, log) = (folder.path().join("ring"), folder.path().join("log"));
    made(&ring);
    let mut producer = claimed(&ring, &[TICK]).unwrap().lossy();
    for time in 0..200 {
        producer.write_event(&EventHeader::new(time, 1, 8), &time.to_le_bytes()).unwrap();
    }
    drop(producer);
    let summary = Recorder::builder().start_shared(&ring, &log).unwrap().stop().unwrap();
    assert_eq!((summary.events + summary.lost, summary.lost > 0), (200, true));
    assert_eq!(SharedRing::open(&ring).unwrap().current_schemas().unwrap(), list(&[TICK]));
}

#[expect(clippy::host_endian_bytes, reason = "a ring's control words are the machine's")]
#[test]
fn a_ring_of_the_first_layout_has_no_descriptions() {
    let folder = scratch();
    let (ring, log) = (folder.path().join("ring"), folder.path().join("log"));
    made(&ring);
    let file = OpenOptions::new().write(true).open(&ring).unwrap();
    file.write_all_at(&0x1301_u64.to_ne_bytes(), 8).unwrap();
    // Where later layouts have the list's word.
    file.write_all_at(&[7; 8], 168).unwrap();
    assert!(matches!(claimed(&ring, &[TICK]), Err(SharedRingError::NoSchemas { .. })));
    write(&mut claimed(&ring, &[]).unwrap(), 0..5);
    let recorder = Recorder::builder().start_shared(&ring, &log).unwrap();
    assert_eq!(recorder.schema_watch().problems(), []);
    assert_eq!(recorder.stop().unwrap().events, 5);
}

/// Notes what it gets: descriptions by their length, events by their time.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<Note>>>);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Note {
    Meta(MetaTopic, usize),
    Event(u64),
}

impl EventConsumer for Notes {
    fn consume(&mut self, header: &EventHeader, _: &[u8]) -> bool {
        assert!(!header.is_meta());
        self.0.lock().unwrap().push(Note::Event(header.timestamp));
        true
    }

    fn name(&self) -> &str {
        "notes"
    }

    fn meta(&mut self, topic: MetaTopic, json: &[u8]) {
        self.0.lock().unwrap().push(Note::Meta(topic, json.len()));
    }
}

#[test]
fn consumers_get_descriptions_before_the_events() {
    let folder = scratch();
    let (ring, log) = (folder.path().join("ring"), folder.path().join("log"));
    let notes = Notes::default();
    let builder = Recorder::builder().idle(Idle::Yield).schemas(list(&[TOCK])).consumer(notes.clone());
    let recorder = builder.start_shared(&ring, &log).unwrap();
    write(&mut claimed(&ring, &[TICK]).unwrap(), 0..2);
    write(&mut claimed_patiently(&ring, &[OTHER_TICK]), 2..3);
    write(&mut claimed_patiently(&ring, &[]), 3..4);
    recorder.stop().unwrap();
    let tick = |schema: &[u8]| Note::Meta(MetaTopic::EventType(1), schema.len());
    assert_eq!(
        *notes.0.lock().unwrap(),
        [
            Note::Meta(MetaTopic::EventType(2), TOCK.len()),
            tick(TICK),
            Note::Event(0),
            Note::Event(1),
            tick(OTHER_TICK),
            Note::Event(2),
            tick(b""),
            Note::Event(3)
        ]
    );
}

#[test]
fn a_registration_is_for_the_events_after_it() {
    let folder = scratch();
    let notes = Notes::default();
    let builder = Recorder::builder().schemas(list(&[TICK])).consumer(notes.clone());
    let (mut producer, recorder) = builder.start(folder.path()).unwrap();
    let mut expected = Vec::new();
    for round in 0..10 {
        write(&mut producer, round * 10..round * 10 + 10);
        let is_tick = round % 2 == 0;
        expected.extend((round * 10..round * 10 + 10).map(|time| (time, [is_tick, !is_tick])));
        recorder.register(&list(&[if is_tick { OTHER_TICK } else { TICK }])).unwrap();
    }
    let mut long = SchemaList::new();
    for event_type in 0..20 {
        long.insert(MetaTopic::EventType(event_type), vec![b' '; 60_000]).unwrap();
    }
    assert!(matches!(recorder.register(&long), Err(RecorderError::Schemas(_))));
    write(&mut producer, 100..110);
    expected.extend((100..110).map(|time| (time, [true, false])));
    drop(producer);
    patiently(|| recorder.has_stopped().then_some(()));
    assert!(matches!(recorder.register(&list(&[TICK])), Err(RecorderError::Ended)));
    assert_eq!(recorder.stop().unwrap().segments, 11);
    assert_eq!(described(folder.path()), expected);
    let notes = notes.0.lock().unwrap();
    assert_eq!(notes.iter().filter(|note| matches!(note, Note::Meta(..))).count(), 11);
}
