//! A faulty producer stores into what it has published: the log stays sound, and a recorder can always start.
//!
//! `RINGLOG_SCRIBBLES=20` does 20 times as many rounds.

use super::resume::Place;
use crate::dice::Dice;
use ringlog::event::{EventHeader, GapReason};
use ringlog::recorder::{Recorder, RecorderBuilder, RecorderError};
use ringlog::ring::{Idle, Producer, Role, SharedRing, SharedRingError};
use ringlog::storage::{LogWriter, OpenError, Verdict, verify_log};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};

/// Offsets in a ring's file.
pub(super) const HEAD: u64 = 128;
pub(super) const TAIL: u64 = 256;
const DATA: u64 = 384;
pub(super) const CAPACITY: u64 = 4096;

impl Place {
    fn file(&self) -> File {
        OpenOptions::new().read(true).write(true).open(&self.ring).unwrap()
    }

    #[expect(clippy::host_endian_bytes, reason = "a ring's control words are the machine's")]
    pub(super) fn store(&self, offset: u64, word: u64) {
        self.file().write_all_at(&word.to_ne_bytes(), offset).unwrap();
    }

    #[expect(clippy::host_endian_bytes, reason = "as in `store`")]
    pub(super) fn load(&self, offset: u64) -> u64 {
        let mut word = [0; 8];
        self.file().read_exact_at(&mut word, offset).unwrap();
        u64::from_ne_bytes(word)
    }

    /// Makes the header at a position invalid for any record.
    pub(super) fn damage(&self, position: u64) {
        self.store(DATA + position % CAPACITY + 8, 0);
    }

    fn producer(&self) -> Producer {
        SharedRing::open(&self.ring).unwrap().claim_producer().unwrap()
    }

    pub(super) fn assert_sound(&self) {
        let check = match verify_log(&self.log) {
            // Nothing was whole yet.
            Err(OpenError::NoSegments { .. }) => return,
            check => check.unwrap(),
        };
        for segment in &check.segments {
            assert!(matches!(segment.verdict, Verdict::Clean | Verdict::Open), "{segment:?}");
        }
    }
}

fn write(producer: &mut Producer, number: u64) -> bool {
    write_payload(producer, number, number as usize * 7 % 60)
}

fn write_payload(producer: &mut Producer, number: u64, len: usize) -> bool {
    let header = EventHeader::new(number, 1, len as u16);
    producer.write_event(&header, &vec![number as u8; len]).is_ok()
}

/// A ring, and what goes through it.
#[derive(Clone, Copy)]
struct Shape {
    ring_bytes: usize,
    payload: usize,
    rounds: u32,
}

/// Many headers: most of what is stored hits one.
const SMALL: Shape = Shape { ring_bytes: 4096, payload: 24, rounds: 25 };
/// Long runs: most of what is stored hits a payload, some of it while the recorder copies or computes a checksum.
const LARGE: Shape = Shape { ring_bytes: 1 << 17, payload: 4000, rounds: 8 };

impl Shape {
    fn builder(self) -> RecorderBuilder {
        let log = LogWriter::options().segment_bytes(1 << 20);
        Recorder::builder().ring_bytes(self.ring_bytes).max_payload(self.payload).log(log).idle(Idle::Yield)
    }

    /// Stores random bytes anywhere into the ring's data until `stop` is set.
    fn scribble(self, file: &File, random: &mut Dice, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            let offset = random.next() % (self.ring_bytes as u64 - 8);
            file.write_all_at(&random.next().to_le_bytes(), DATA + offset).unwrap();
        }
    }
}

/// Results of the rounds.
#[derive(Default, Debug)]
struct Rounds {
    /// Rounds in which the recorder found bytes that are no record.
    damaged: u32,
    /// Rounds in which a recorder skipped something when it started.
    skipped: u32,
}

fn times() -> u32 {
    std::env::var("RINGLOG_SCRIBBLES")
        .map_or(1, |times| times.parse().expect("RINGLOG_SCRIBBLES is a number"))
}

fn scribbled_rounds(shape: Shape) -> Rounds {
    let place = Place::new();
    let start = || shape.builder().start_shared(&place.ring, &place.log).unwrap();
    start().stop().unwrap();
    let (mut random, mut rounds, mut number) = (Dice(8), Rounds::default(), 0);
    for round in 0..shape.rounds * times() {
        // With a producer that is there all the time, and with one that comes and goes.
        let mut held = (round % 2 == 0).then(|| place.producer());
        let recorder = start();
        rounds.skipped += u32::from(recorder.skipped().is_some());
        let (stop, file) = (AtomicBool::new(false), place.file());
        std::thread::scope(|scope| {
            let scribbler = scope.spawn(|| shape.scribble(&file, &mut random, &stop));
            let mut producer = held.take().unwrap_or_else(|| place.producer());
            for _ in 0..500 {
                if write_payload(&mut producer, number, shape.payload) {
                    number += 1;
                } else {
                    std::thread::yield_now();
                }
            }
            stop.store(true, Ordering::Relaxed);
            scribbler.join().unwrap();
        });
        match recorder.stop() {
            Ok(_) => {}
            Err(RecorderError::Damaged { ring, .. }) => {
                assert_eq!(ring, Some(place.ring.canonicalize().unwrap()));
                rounds.damaged += 1;
            }
            Err(error) => panic!("{error}"),
        }
        place.assert_sound();
    }
    start().stop().unwrap();
    place.assert_sound();
    rounds
}

#[test]
fn a_scribbled_ring_never_damages_its_log_and_the_next_recorder_always_starts() {
    let rounds = scribbled_rounds(SMALL);
    assert!(rounds.damaged > 2 && rounds.skipped > 2, "{rounds:?}");
}

#[test]
fn payloads_that_change_while_they_are_recorded_never_damage_the_log() {
    scribbled_rounds(LARGE);
}

#[test]
fn what_a_ring_holds_from_a_damaged_record_on_is_skipped_and_reported() {
    for is_held in [false, true] {
        let place = Place::new();
        place.record();
        place.write(0..3);
        place.record();
        let position = place.load(TAIL);
        place.write(3..5);
        let bytes = place.load(HEAD) - position;
        place.damage(position);
        let mut held = is_held.then(|| place.producer());
        let recorder = place.start().unwrap();
        let skipped = recorder.skipped().unwrap().clone();
        assert_eq!((skipped.position, skipped.bytes), (position, Some(bytes)));
        let text = skipped.to_string();
        assert!(text.contains(&format!("skipped {bytes} bytes from position {position} on")), "{text}");
        match &mut held {
            Some(producer) => assert!(write(producer, 9)),
            None => place.write(9..10),
        }
        recorder.stop().unwrap();
        drop(held);
        place.assert_sound();
        assert_eq!(place.times(), [0, 1, 2, 9]);
        assert!(!place.gaps().is_empty());
        assert!(place.gaps().iter().all(|gap| *gap == (0, GapReason::RecoveryCut)), "{:?}", place.gaps());
        assert_eq!(place.start().unwrap().skipped(), None);
    }
}

/// What is whole before the damage is recorded; what is after it is not.
#[test]
fn a_running_recorder_ends_at_a_damaged_record_and_keeps_what_was_before() {
    let place = Place::new();
    place.record();
    let start = place.load(HEAD);
    place.write(0..4);
    let fourth = start + 16 + 24 + 32;
    assert_eq!(place.load(HEAD), fourth + 40);
    place.damage(fourth);
    let error = place.start().unwrap().stop().unwrap_err();
    assert_eq!(error.written().map(|written| written.events), Some(3));
    let text = error.to_string();
    assert!(text.contains(&format!("position {fourth}")) && text.contains("ring: "), "{text}");
    assert_eq!((place.times(), place.gaps()), (vec![0, 1, 2], vec![]));
    place.record();
    assert_eq!(place.times(), [0, 1, 2]);
    assert!(!place.gaps().is_empty());
}

/// The log has what is damaged: nothing is lost.
#[test]
fn damage_to_what_the_log_has_already_costs_nothing() {
    let place = Place::new();
    place.record();
    let start = place.load(TAIL);
    place.write(0..4);
    place.record();
    // The recorder was killed before it gave the space back.
    place.store(TAIL, start);
    place.damage(start);
    let recorder = place.start().unwrap();
    assert_eq!(recorder.skipped().unwrap().bytes, Some(0));
    place.write(7..8);
    recorder.stop().unwrap();
    assert_eq!((place.times(), place.gaps()), (vec![0, 1, 2, 3, 7], vec![]));
}

#[test]
fn a_ring_whose_positions_contradict_each_other_is_replaced() {
    for (word, wrong) in [(HEAD, 1 << 40), (HEAD, 4), (TAIL, 1 << 40), (TAIL, 12), (HEAD, 0), (TAIL, 0)] {
        let place = Place::new();
        place.record();
        // Laps, so that 0 is too far away.
        for number in 0..300 {
            place.write(number..number + 1);
            if number % 50 == 49 {
                place.record();
            }
        }
        let identity = SharedRing::open(&place.ring).unwrap().identity();
        place.write(300..303);
        let held = place.producer();
        place.store(word, wrong);
        match place.refusal() {
            RecorderError::DamagedInUse {
                source: SharedRingError::Claimed { role: Role::Producer, pid, .. },
                ..
            } => {
                assert_eq!(pid, Some(std::process::id()));
            }
            other => panic!("{other}"),
        }
        assert_eq!(place.gaps(), [], "nothing is reported before it can be done");
        drop(held);
        let recorder = place.start().unwrap();
        let skipped = recorder.skipped().unwrap();
        assert_eq!((skipped.identity, skipped.bytes), (identity, None));
        place.write(900..902);
        recorder.stop().unwrap();
        place.assert_sound();
        assert_ne!(SharedRing::open(&place.ring).unwrap().identity(), identity);
        assert_eq!(place.times(), (0..300).chain(900..902).collect::<Vec<_>>());
        assert_eq!(place.gaps(), [(0, GapReason::RecoveryCut)]);
        assert_eq!(place.start().unwrap().skipped(), None);
    }
}
