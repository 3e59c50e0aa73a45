//! Recorders that end before their producer does: what was accepted is in the log, or the log says that it is not.

use ringlog::event::{Event, EventHeader, GapReason};
use ringlog::recorder::{Recorder, RecorderBuilder, RecorderError};
use ringlog::ring::{Idle, Producer, SharedRing, WriteError};
use ringlog::storage::{LogReader, LogWriter, LogWriterOptions, OpenError, Retention, Verdict, verify_log};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

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

    /// Returns the number of events, and the counts of the GAP records of recorders that ended. Checks that
    /// `verify` agrees.
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
        let verdict = if gaps.is_empty() { Verdict::Clean } else { Verdict::Loss };
        assert_eq!(verify_log(&self.log).unwrap().verdict(), verdict);
        (events, gaps)
    }

    /// Returns the same after a next writer has opened the log.
    fn found_later(&self) -> (u64, Vec<u64>) {
        LogWriter::open(&self.log).unwrap().close().unwrap();
        self.found()
    }
}

fn builder() -> RecorderBuilder {
    let log = LogWriter::options().segment_bytes(1 << 20);
    Recorder::builder().ring_bytes(RING_BYTES).idle(Idle::Yield).log(log)
}

/// Writes until the ring is full. Returns how many events it took.
fn fill(producer: &mut Producer, first: u64) -> u64 {
    (0..).find(|more| write(producer, first + more).is_err()).unwrap()
}

fn write(producer: &mut Producer, number: u64) -> Result<(), WriteError> {
    producer.write_event(&EventHeader::new(number, 0, 8), &number.to_le_bytes())
}

/// Records as a user's function may: a full ring ends it, and all is dropped.
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

/// Ends a recorder while its producer lives, in one of the possible ways.
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

/// What a lossy producer had counted is reported with its number, and not again when it closes.
#[test]
fn losses_are_reported_once_where_the_recorder_goes_first() {
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
    assert_eq!((counts.events + counts.lost(), counts.gaps_of_unknown_count()), (offered, 0));
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
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let fail = move || {
        receiver.recv().unwrap();
        panic!("no such processor");
    };
    let (mut producer, recorder) = builder().on_thread_start(fail).start(&place.log).unwrap();
    let accepted = fill(&mut producer, 0);
    sender.send(()).unwrap();
    assert!(matches!(recorder.shutdown(producer), Err(RecorderError::Panicked)));
    assert_eq!(place.found_later(), (accepted, vec![]));
}

/// Returns options for small segments, of which few are kept.
fn keep(segments: u64) -> LogWriterOptions {
    let retention = Retention { max_segments: Some(segments), ..Retention::default() };
    LogWriter::options().segment_bytes(4096).retention(retention)
}

/// Returns the log's GAP records, and whether it has events.
fn gaps_and_events(log: &Path) -> (Vec<(GapReason, u64)>, bool) {
    let (mut gaps, mut has_events) = (Vec::new(), false);
    let each = |event: Event<'_>| match event.gap() {
        Some(gap) => gaps.push((gap.reason, gap.count)),
        None => has_events = true,
    };
    LogReader::open(log).unwrap().replay(each).unwrap();
    (gaps, has_events)
}

fn segments(log: &Path) -> usize {
    let names = fs::read_dir(log).unwrap().map(|entry| entry.unwrap().path());
    names.filter(|path| path.extension().is_some_and(|end| end == "evtl")).count()
}

#[test]
fn starts_without_the_rings_folder_push_no_event_out_of_the_log() {
    let place = Place::new();
    let shm = place.log.with_file_name("shm");
    let ring = shm.join("ring");
    let start = || builder().max_payload(64).log(keep(8)).start_shared(&ring, &place.log);
    fs::create_dir(&shm).unwrap();
    start().unwrap().stop().unwrap();
    let mut producer = SharedRing::open(&ring).unwrap().claim_producer().unwrap();
    for number in 0..100_u64 {
        producer.write_event(&EventHeader::new(number, 0, 8), &number.to_le_bytes()).unwrap();
    }
    drop(producer);
    start().unwrap().stop().unwrap();
    fs::remove_dir_all(&shm).unwrap();
    for _ in 0..20 {
        assert!(matches!(start(), Err(RecorderError::SharedRing(_))));
    }
    assert_eq!(gaps_and_events(&place.log), (vec![], true), "the ring is not reported yet");
    for _ in 0..20 {
        let _ = fs::remove_dir_all(&shm);
        fs::create_dir(&shm).unwrap();
        let recorder = start().unwrap();
        assert!(recorder.skipped().is_some());
        recorder.stop().unwrap();
    }
    assert_eq!(gaps_and_events(&place.log), (vec![(GapReason::RecoveryCut, 0)], true));
    assert_eq!(segments(&place.log), 2);
}

/// The late producer opens the log after another recorder has added to it.
#[test]
fn what_is_late_is_reported_after_what_another_recorder_added() {
    let place = Place::new();
    let start = || builder().ring_bytes(1 << 16).log(keep(2)).start(&place.log).unwrap();
    let (mut first, recorder) = start();
    write(&mut first, 0).unwrap();
    drop(recorder);
    let (mut second, recorder) = start();
    (1..1000).for_each(|number| write(&mut second, number).unwrap());
    recorder.shutdown(second).unwrap();
    (2..12).for_each(|number| write(&mut first, number).unwrap());
    drop(first);
    let (gaps, _) = gaps_and_events(&place.log);
    assert_eq!(gaps.last(), Some(&(GapReason::RecorderEnded, 0)), "10 accepted events, and no GAP record");
}

#[test]
fn a_log_that_was_moved_is_not_made_again_for_what_is_late() {
    for (is_replaced, is_late) in [(false, false), (false, true), (true, false), (true, true)] {
        let place = Place::new();
        let archive = place.log.with_file_name("archive");
        let (mut producer, recorder) = builder().start(&place.log).unwrap();
        write(&mut producer, 0).unwrap();
        drop(recorder);
        if is_late {
            write(&mut producer, 1).unwrap();
        }
        fs::rename(&place.log, &archive).unwrap();
        if is_replaced {
            LogWriter::open(&place.log).unwrap().close().unwrap();
        }
        let writer_file = fs::read(place.log.join("writer")).ok();
        drop(producer);
        assert_eq!(place.log.exists(), is_replaced);
        assert_eq!(fs::read(place.log.join("writer")).ok(), writer_file, "another log's");
        assert!(LogWriter::open(&archive).unwrap().recovery().has_undrained_ring, "the moved log knows");
    }
}

#[test]
fn a_producer_that_closes_on_another_thread_keeps_no_recorder_from_starting() {
    let place = Place::new();
    for round in 0..100 {
        let (mut producer, recorder) = builder().log(keep(8)).start(&place.log).unwrap();
        drop(recorder);
        if round % 2 == 0 {
            write(&mut producer, 0).unwrap();
        }
        let dropping = thread::spawn(move || drop(producer));
        thread::sleep(Duration::from_micros(round * 3 % 300));
        let (producer, recorder) = builder().log(keep(8)).start(&place.log).unwrap();
        dropping.join().unwrap();
        recorder.shutdown(producer).unwrap();
    }
}

#[test]
fn a_second_recorder_of_a_log_is_refused_and_holds_no_late_producer_up() {
    let place = Place::new();
    let (mut late, recorder) = builder().start(&place.log).unwrap();
    drop(recorder);
    let (producer, recorder) = builder().start(&place.log).unwrap();
    write(&mut late, 0).unwrap();
    let refused = LogWriter::open(&place.log).unwrap_err();
    assert!(matches!(refused, OpenError::Locked { pid, .. } if pid == Some(std::process::id())), "{refused}");
    let started = Instant::now();
    drop(late);
    assert!(started.elapsed() < Duration::from_millis(400), "{:?}", started.elapsed());
    recorder.shutdown(producer).unwrap();
}
