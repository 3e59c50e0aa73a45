//! Tests when ring and log continue together, and when they refuse.

use super::roles::options;
use super::support::scratch;
use ringlog::event::{Event, EventHeader, GapReason};
use ringlog::recorder::{Recorder, RecorderBuilder, RecorderError};
use ringlog::ring::{Delivery, LossyProducer, RingOptions, SharedRing, SharedRingError};
use ringlog::storage::{LogReader, LogSummary, LogWriter};
use std::fs::OpenOptions;
use std::mem::ManuallyDrop;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const MAX_PAYLOAD: usize = 64;

/// Offset of the boot word in a ring's file.
const BOOT: u64 = 40;

pub(crate) struct Place {
    _folder: tempfile::TempDir,
    pub(crate) ring: PathBuf,
    pub(crate) log: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = scratch();
        Self { ring: folder.path().join("ring"), log: folder.path().join("log"), _folder: folder }
    }

    fn builder() -> RecorderBuilder {
        let log = LogWriter::options().segment_bytes(64 << 10);
        Recorder::builder().ring_bytes(4096).max_payload(MAX_PAYLOAD).log(log)
    }

    pub(crate) fn start(&self) -> Result<Recorder, RecorderError> {
        Self::builder().start_shared(&self.ring, &self.log)
    }

    pub(crate) fn record(&self) -> LogSummary {
        self.start().unwrap().stop().unwrap()
    }

    pub(crate) fn refusal(&self) -> RecorderError {
        match self.start() {
            Err(error) => error,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn write(&self, numbers: std::ops::Range<u64>) {
        let mut producer = SharedRing::open(&self.ring).unwrap().claim_producer().unwrap();
        for number in numbers {
            let payload = vec![number as u8; number as usize * 7 % 60];
            let header = EventHeader::new(number, 1, payload.len() as u16);
            producer.write_event(&header, &payload).unwrap();
        }
    }

    pub(crate) fn times(&self) -> Vec<u64> {
        times(&self.log)
    }

    pub(crate) fn gaps(&self) -> Vec<(u64, GapReason)> {
        let mut gaps = Vec::new();
        let each = |event: Event<'_>| gaps.extend(event.gap().map(|gap| (gap.count, gap.reason)));
        LogReader::open(&self.log).unwrap().replay(each).unwrap();
        gaps
    }
}

fn times(log: &Path) -> Vec<u64> {
    let mut times = Vec::new();
    let each = |event: Event<'_>| {
        if event.gap().is_none() {
            times.push(event.header.timestamp);
        }
    };
    LogReader::open(log).unwrap().replay(each).unwrap();
    times
}

#[test]
fn a_log_remembers_which_ring_feeds_it() {
    let place = Place::new();
    let open = || LogWriter::open(&place.log).unwrap();
    assert_eq!(open().ring_identity(), 0);
    let mut log = open();
    log.set_ring_identity(7).unwrap();
    assert_eq!(log.ring_identity(), 7);
    // As killed: nothing is closed.
    drop(log);
    open().close().unwrap();
    assert_eq!(open().ring_identity(), 7);
    assert_eq!(LogWriter::options().ring_identity(9).open(&place.log).unwrap().ring_identity(), 9);
    open().set_ring_identity(0).unwrap();
    assert_eq!(open().ring_identity(), 0);
}

#[test]
fn runs_follow_each_other_without_a_gap_or_a_duplicate() {
    let place = Place::new();
    assert_eq!(place.record().events, 0);
    for run in 0..5 {
        place.write(run * 20..run * 20 + 10);
        let recorder = place.start().unwrap();
        place.write(run * 20 + 10..run * 20 + 20);
        assert_eq!(recorder.stop().unwrap().events, 20);
    }
    assert_eq!(place.times(), (0..100).collect::<Vec<_>>());
    assert_eq!(place.gaps(), []);
}

/// The recorder was killed between the log's publication and the ring's release.
#[test]
fn what_the_log_has_published_is_not_recorded_again() {
    for had in 0..=10 {
        let place = Place::new();
        place.record();
        place.write(0..10);
        let mut consumer = SharedRing::open(&place.ring).unwrap().claim_consumer().unwrap();
        let mut log = LogWriter::open(&place.log).unwrap();
        let mut run = consumer.peek_run(0).unwrap().unwrap();
        for _ in 0..had {
            let (header, payload) = run.peek().unwrap();
            log.write_event(&header.as_user(), payload).unwrap();
            run.accept();
        }
        drop((log, consumer));
        assert_eq!(place.record().events, 10 - had);
        assert_eq!(place.times(), (0..10).collect::<Vec<_>>());
    }
}

#[test]
fn a_log_that_no_ring_fed_takes_a_ring_that_begins_where_it_ends() {
    let place = Place::new();
    let mut log = LogWriter::open(&place.log).unwrap();
    log.write_event(&EventHeader::new(5, 0, 4), b"four").unwrap();
    let end = log.position() as usize;
    log.close().unwrap();
    SharedRing::create(&place.ring, &RingOptions { start: end, ..options(4096) }).unwrap();
    place.write(100..103);
    place.record();
    place.write(103..104);
    place.record();
    assert_eq!(place.times(), [5, 100, 101, 102, 103]);

    // If the ring is missing, one is made that does.
    std::fs::remove_file(&place.ring).unwrap();
    let other = Place::new();
    std::fs::remove_dir_all(&other.log).ok();
    let mut log = LogWriter::open(&other.log).unwrap();
    log.write_event(&EventHeader::new(6, 0, 4), b"four").unwrap();
    log.close().unwrap();
    other.record();
    assert_eq!(SharedRing::open(&other.ring).unwrap().claim_consumer().unwrap().position(), end);
    assert_eq!((other.times(), other.gaps()), (vec![6], vec![]));
}

#[test]
fn a_ring_that_begins_elsewhere_is_refused_with_both_positions() {
    let place = Place::new();
    SharedRing::create(&place.ring, &RingOptions { start: 4096, ..options(4096) }).unwrap();
    place.write(0..1);
    let refusal = place.refusal();
    assert!(matches!(refusal, RecorderError::NewToLog { tail: 4096, log_end: 0, .. }), "{refusal}");
    let text = refusal.to_string();
    assert!(text.contains("position 4096") && text.contains("ends at 0"), "{text}");
    assert!(SharedRing::open(&place.ring).unwrap().claim_consumer().is_ok_and(|mut ring| !ring.is_empty()));
}

#[test]
fn a_ring_that_fed_another_log_is_refused_with_both_identities() {
    let (place, other) = (Place::new(), Place::new());
    place.record();
    other.record();
    let identity = |place: &Place| SharedRing::open(&place.ring).unwrap().identity();
    let (own, foreign) = (identity(&place), identity(&other));
    let refusal = match Place::builder().start_shared(&other.ring, &place.log) {
        Err(error) => error,
        other => panic!("{other:?}"),
    };
    assert!(matches!(refusal, RecorderError::OtherRing { ring_identity, log_identity, .. }
            if (ring_identity, log_identity) == (foreign, own)));
    let text = refusal.to_string();
    assert!(text.contains(&format!("{own:016x}")) && text.contains(&format!("{foreign:016x}")), "{text}");
    // Neither was changed by the refusal.
    place.write(0..3);
    assert_eq!(place.record().events, 3);
}

#[test]
fn a_ring_continues_after_a_gap_in_a_log_that_something_else_wrote_to() {
    let place = Place::new();
    place.record();
    place.write(0..2);
    place.record();
    let mut log = LogWriter::open(&place.log).unwrap();
    log.write_event(&EventHeader::new(5, 0, 4), b"four").unwrap();
    log.close().unwrap();
    let recorder = place.start().unwrap();
    let text = recorder.skipped().unwrap().to_string();
    assert!(text.contains("is not among the ring's unread ones"), "{text}");
    place.write(7..8);
    recorder.stop().unwrap();
    assert_eq!((place.times(), place.gaps()), (vec![0, 1, 5, 7], vec![(0, GapReason::RecoveryCut)]));
}

#[test]
fn a_ring_is_refused_once_a_recorder_with_another_ring_wrote_to_the_log() {
    let place = Place::new();
    place.record();
    place.write(0..2);
    let (mut producer, recorder) = Place::builder().start(&place.log).unwrap();
    producer.write_event(&EventHeader::new(5, 0, 4), b"four").unwrap();
    recorder.shutdown(producer).unwrap();
    assert!(matches!(place.refusal(), RecorderError::NewToLog { .. }));
    assert_eq!(place.times(), [5]);
}

#[test]
fn a_ring_of_another_boot_is_made_anew_and_a_gap_says_so() {
    let place = Place::new();
    place.record();
    place.write(0..3);
    place.record();
    place.write(3..6);
    let old = SharedRing::open(&place.ring).unwrap();
    let word = OpenOptions::new().write(true).open(&place.ring).unwrap();
    word.write_all_at(&[0x55; 8], BOOT).unwrap();
    let stale = SharedRing::open(&place.ring).unwrap();
    assert!(!stale.is_of_this_boot().unwrap());
    let refused = stale.claim_producer().unwrap_err();
    assert!(matches!(refused, SharedRingError::OtherBoot { .. }) && refused.is_transient());

    let recorder = place.start().unwrap();
    let new = SharedRing::open(&place.ring).unwrap();
    assert_ne!(new.identity(), old.identity());
    place.write(10..12);
    recorder.stop().unwrap();
    place.write(12..13);
    place.record();
    assert_eq!(place.times(), [0, 1, 2, 10, 11, 12], "what was in the old ring is not trusted");
    assert_eq!(place.gaps(), [(0, GapReason::RecoveryCut)]);
    assert!(matches!(stale.claim_producer(), Err(SharedRingError::Replaced { .. })));
}

/// Killed when the log had the new identity and the new ring did not have its name yet.
#[test]
fn a_recorder_that_was_killed_while_it_made_a_ring_anew_does_it_again() {
    let place = Place::new();
    place.record();
    place.write(0..2);
    place.record();
    let word = OpenOptions::new().write(true).open(&place.ring).unwrap();
    word.write_all_at(&[0x55; 8], BOOT).unwrap();
    LogWriter::open(&place.log).unwrap().set_ring_identity(1234).unwrap();
    place.record();
    place.write(5..6);
    place.record();
    assert_eq!((place.times(), place.gaps()), (vec![0, 1, 5], vec![(0, GapReason::RecoveryCut)]));
}

/// Killed before a damaged ring was replaced: the log has the identity that follows, and the old ring exists.
#[test]
fn a_recorder_that_was_killed_while_it_replaced_a_damaged_ring_does_it_again() {
    let place = Place::new();
    place.record();
    place.write(0..2);
    place.record();
    let identity = SharedRing::open(&place.ring).unwrap().identity();
    let next = identity.to_le_bytes().iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    LogWriter::open(&place.log).unwrap().set_ring_identity(next).unwrap();
    place.record();
    assert_eq!(SharedRing::open(&place.ring).unwrap().identity(), next);
    place.write(5..6);
    place.record();
    assert_eq!((place.times(), place.gaps()), (vec![0, 1, 5], vec![(0, GapReason::RecoveryCut)]));
}

/// The ring released what the log does not have, as with an older copy of the log: the rest is recorded.
#[test]
fn what_a_ring_still_has_is_recorded_where_the_log_has_lost_its_end() {
    let place = Place::new();
    place.record();
    place.write(0..2);
    place.record();
    place.write(2..4);
    SharedRing::open(&place.ring).unwrap().claim_consumer().unwrap().drain(1, |_, _| ()).unwrap();
    let recorder = place.start().unwrap();
    assert_eq!(recorder.skipped().unwrap().bytes, Some(32));
    recorder.stop().unwrap();
    place.record();
    assert_eq!(place.times(), [0, 1, 3]);
    assert!(!place.gaps().is_empty());
}

#[test]
fn a_ring_that_is_gone_is_made_anew_and_a_gap_says_so() {
    let place = Place::new();
    place.record();
    place.write(0..3);
    place.record();
    std::fs::remove_file(&place.ring).unwrap();
    place.record();
    place.write(7..9);
    place.record();
    assert_eq!((place.times(), place.gaps()), (vec![0, 1, 2, 7, 8], vec![(0, GapReason::RecoveryCut)]));
}

/// Offers `count` events of one length. Returns how many did not fit.
fn offer(producer: &mut LossyProducer, count: u64) -> u64 {
    let mut lost = 0;
    for time in 0..count {
        let delivery = producer.write_event(&EventHeader::new(time, 0, 8), &time.to_le_bytes());
        lost += u64::from(delivery.unwrap() == Delivery::Lost);
    }
    lost
}

#[test]
fn losses_of_a_producer_that_is_gone_are_reported_once() {
    let place = Place::new();
    place.record();
    let mut producer = SharedRing::open(&place.ring).unwrap().claim_producer().unwrap().lossy();
    let lost = offer(&mut producer, 1000);
    assert_eq!(lost, 1000 - 4096 / 24);
    let summary = place.record();
    assert_eq!((summary.lost, summary.events), (0, 1000 - lost), "it is at work and reports them itself");
    let lost_later = offer(&mut producer, 1000);
    assert_eq!(lost_later, lost + 1, "for the GAP record");
    drop(producer);
    let summary = place.record();
    assert_eq!((summary.lost, summary.events), (lost + lost_later, 1000 - lost_later));
    assert_eq!(place.record().lost, 0);
    assert_eq!(place.gaps(), [(lost, GapReason::RingFull), (lost_later, GapReason::RingFull)]);
}

#[test]
fn a_recorder_outlives_its_producers_unless_it_ends_with_them() {
    let place = Place::new();
    let recorder = place.start().unwrap();
    for round in 0..5 {
        place.write(round * 10..round * 10 + 10);
        assert!(!recorder.has_stopped());
    }
    assert!(recorder.stop().unwrap().events == 50);

    let ending = Place::builder().end_with_producer();
    let producer = SharedRing::open(&place.ring).unwrap().claim_producer().unwrap();
    let recorder = ending.start_shared(&place.ring, &place.log).unwrap();
    drop(producer);
    recorder.wait(Duration::from_secs(20)).unwrap();
}

#[test]
fn a_second_recorder_learns_which_process_has_the_ring() {
    let place = Place::new();
    let recorder = place.start().unwrap();
    let second = place.log.with_file_name("second");
    match Place::builder().start_shared(&place.ring, &second) {
        Err(RecorderError::SharedRing(error)) => {
            assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
        }
        other => panic!("{other:?}"),
    }
    recorder.stop().unwrap();
}

/// A consumer beside the log may see an event again, and sees each at least once.
#[test]
fn the_log_is_fed_before_any_space_goes_back() {
    let place = Place::new();
    place.record();
    place.write(0..10);
    let mut consumer = SharedRing::open(&place.ring).unwrap().claim_consumer().unwrap();
    assert!(consumer.read_event().is_some());
    assert_eq!(consumer.position(), 0, "lent, not released");
    let consumer = ManuallyDrop::new(consumer);
    let claimed = SharedRing::open(&place.ring).unwrap().claim_consumer();
    assert!(matches!(claimed, Err(SharedRingError::Claimed { .. })), "a forgotten handle holds its role");
    drop(ManuallyDrop::into_inner(consumer));
}
