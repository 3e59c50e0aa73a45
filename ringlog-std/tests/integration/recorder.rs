//! Recorders that end before their producer does: what was accepted is in the log, or the log says that it is not.

use ringlog::event::{Event, EventHeader, GapReason};
use ringlog::recorder::{Recorder, RecorderBuilder, RecorderError};
use ringlog::ring::{Idle, Producer, WriteError};
use ringlog::storage::{LogReader, LogVerdict, LogWriter, OpenError, verify_log};
use std::path::{Path, PathBuf};
use std::time::Duration;

const RING_BYTES: usize = 4096;

struct Place {
    _folder: tempfile::TempDir,
    log: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { log: folder.path().join("log"), _folder: folder }
    }

    /// Events, and the counts of the GAP records of recorders that ended; `verify` says the same.
    fn found(&self) -> (u64, Vec<u64>) {
        let (mut events, mut gaps) = (0, Vec::new());
        let each = |event: Event<'_>| match event.gap() {
            Some(gap) => {
                assert_eq!((gap.reason, gap.log_side), (GapReason::RecorderEnded, true));
                gaps.push(gap.count);
            }
            None => {
                assert_eq!(event.header.timestamp, events);
                events += 1;
            }
        };
        match LogReader::open(&self.log) {
            Ok(reader) => reader.replay(each).unwrap(),
            Err(OpenError::NoSegments { .. }) => return (0, vec![]),
            Err(error) => panic!("{error}"),
        };
        let verdict = if gaps.is_empty() { LogVerdict::Clean } else { LogVerdict::Loss };
        assert_eq!(verify_log(&self.log).unwrap().verdict(), verdict);
        (events, gaps)
    }

    /// The same once a next writer has opened the log.
    fn found_later(&self) -> (u64, Vec<u64>) {
        LogWriter::open(&self.log).unwrap().close().unwrap();
        self.found()
    }
}

fn builder() -> RecorderBuilder {
    let log = LogWriter::options().segment_bytes(1 << 20);
    Recorder::builder().ring_bytes(RING_BYTES).idle(Idle::Yield).log(log)
}

/// Writes until the ring is full, and says how many events it took.
fn fill(producer: &mut Producer, first: u64) -> u64 {
    (0..).find(|more| write(producer, first + more).is_err()).unwrap()
}

fn write(producer: &mut Producer, number: u64) -> Result<(), WriteError> {
    producer.write_event(&EventHeader::new(number, 0, 8), &number.to_le_bytes())
}

/// What a user may write: a full ring ends it, and everything is dropped.
fn record_until_full(log: &Path, accepted: &mut u64) -> Result<(), Box<dyn std::error::Error>> {
    let (mut producer, recorder) = builder().start(log)?;
    for number in 0.. {
        write(&mut producer, number)?;
        *accepted += 1;
    }
    recorder.shutdown(producer)?;
    Ok(())
}

#[test]
fn a_dropped_recorder_has_recorded_all_that_was_accepted() {
    for _ in 0..20 {
        let (place, mut accepted) = (Place::new(), 0);
        assert!(record_until_full(&place.log, &mut accepted).is_err());
        assert!(accepted >= RING_BYTES as u64 / 24);
        assert_eq!(place.found(), (accepted, vec![]));
        assert_eq!(place.found_later(), (accepted, vec![]), "and no later writer misses anything");
    }
}

#[test]
fn a_dropped_recorder_without_events_leaves_no_gap() {
    let place = Place::new();
    drop(builder().start(&place.log).unwrap());
    let (producer, recorder) = builder().start(&place.log).unwrap();
    drop(producer);
    drop(recorder);
    assert_eq!(place.found_later(), (0, vec![]));
}

/// Ends a recorder while its producer lives, in each way there is.
fn end_early(way: usize, recorder: Recorder) {
    match way {
        0 => drop(recorder),
        1 => assert_eq!(recorder.stop().unwrap().events, 10),
        _ => {
            let waited = recorder.wait(Duration::from_millis(5)).unwrap_err();
            assert!(matches!(waited, RecorderError::ProducerOpen(_)), "{waited}");
        }
    }
}

#[test]
fn what_a_producer_publishes_after_its_recorder_has_ended_is_a_gap_once_it_closes() {
    for way in 0..3 {
        let place = Place::new();
        let (mut producer, recorder) = builder().start(&place.log).unwrap();
        (0..10).for_each(|number| write(&mut producer, number).unwrap());
        end_early(way, recorder);
        assert_eq!(place.found(), (10, vec![]));
        let late = fill(&mut producer, 10);
        assert!(late <= RING_BYTES as u64 / 24, "the ring is full for ever");
        drop(producer);
        assert_eq!(place.found(), (10, vec![0]));
        assert_eq!(place.found_later(), (10, vec![0]), "once");
    }
}

#[test]
fn a_producer_that_publishes_nothing_more_leaves_no_gap() {
    for way in 0..3 {
        let place = Place::new();
        let (mut producer, recorder) = builder().start(&place.log).unwrap();
        (0..10).for_each(|number| write(&mut producer, number).unwrap());
        end_early(way, recorder);
        drop(producer);
        assert_eq!(place.found_later(), (10, vec![]));
    }
}

/// Nobody knows what such a producer still publishes: the next writer assumes the worst.
#[test]
fn a_log_is_opened_with_a_gap_while_its_producer_lives() {
    let place = Place::new();
    let (mut producer, recorder) = builder().start(&place.log).unwrap();
    write(&mut producer, 0).unwrap();
    drop(recorder);
    let writer = LogWriter::open(&place.log).unwrap();
    assert!(writer.recovery().has_undrained_ring && writer.recovery().has_loss);
    let text = writer.recovery().to_string();
    assert!(text.contains("its recorder ended before it had drained its ring"), "{text}");
    write(&mut producer, 1).unwrap();
    drop(producer);
    writer.close().unwrap();
    assert_eq!(place.found_later(), (1, vec![0]));
}

/// What a lossy producer had counted is told with its number, and not once more when it closes.
#[test]
fn losses_are_told_once_where_the_recorder_goes_first() {
    let place = Place::new();
    let (producer, recorder) = builder().start(&place.log).unwrap();
    let mut producer = producer.lossy();
    let offered = 20_000;
    for number in 0..offered {
        producer.write_event(&EventHeader::new(number, 0, 8), &number.to_le_bytes()).unwrap();
    }
    drop(recorder);
    drop(producer);
    LogWriter::open(&place.log).unwrap().close().unwrap();
    let counts = verify_log(&place.log).unwrap().counts();
    assert_eq!((counts.events + counts.lost, counts.gaps_of_unknown_count), (offered, 0));
}

#[test]
fn what_a_log_refused_is_a_gap() {
    let place = Place::new();
    let log = LogWriter::options().segment_bytes(1 << 20).max_bytes(Some(240));
    let (mut producer, recorder) = builder().log(log).start(&place.log).unwrap();
    let accepted = fill(&mut producer, 0);
    assert!(accepted > 10);
    let error = recorder.shutdown(producer).unwrap_err();
    assert!(matches!(error, RecorderError::Append { .. }), "{error}");
    assert_eq!(place.found(), (10, vec![0]));
}

#[test]
fn a_recorder_that_could_not_start_leaves_no_gap() {
    let place = Place::new();
    assert!(matches!(builder().ring_bytes(100).start(&place.log), Err(RecorderError::Ring(_))));
    assert_eq!(place.found_later(), (0, vec![]));
}

#[test]
fn what_was_published_is_recorded_although_the_threads_start_panicked() {
    let place = Place::new();
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let fail = move || {
        told.recv().unwrap();
        panic!("no such processor");
    };
    let (mut producer, recorder) = builder().on_thread_start(fail).start(&place.log).unwrap();
    let accepted = fill(&mut producer, 0);
    tell.send(()).unwrap();
    assert!(matches!(recorder.shutdown(producer), Err(RecorderError::Panicked)));
    assert_eq!(place.found_later(), (accepted, vec![]));
}
