//! A recorder that is asked to give up what is unread, and what is said of a corrupt ring.

use super::resume::Place;
use super::scribble::{CAPACITY, HEAD, TAIL};
use ringlog::event::GapReason;
use ringlog::recorder::{Recorder, RecorderError};
use ringlog::ring::{RingOptions, SharedRing, SharedRingError};
use ringlog::storage::LogWriter;

impl Place {
    /// Makes the ring before any recorder does.
    fn make_ring(&self) {
        let sizes = RingOptions { capacity: Some(4096), max_payload: Some(64), ..RingOptions::default() };
        SharedRing::create(&self.ring, &sizes).unwrap();
    }

    fn give_up(&self) -> Result<Recorder, RecorderError> {
        let log = LogWriter::options().segment_bytes(64 << 10);
        Recorder::builder()
            .ring_bytes(4096)
            .max_payload(64)
            .log(log)
            .skip_to_head()
            .start_shared(&self.ring, &self.log)
    }
}

/// With a log that has events, with one that has a segment and no events, and with one that no ring has fed.
#[test]
fn intact_unread_events_are_given_up_and_counted_exactly() {
    for recorded in [None, Some(0), Some(3)] {
        for unread in [1, 2, 7] {
            let place = Place::new();
            match recorded {
                None => place.make_ring(),
                Some(_) => drop(place.record()),
            }
            let before = recorded.unwrap_or(0);
            if before > 0 {
                place.write(0..before);
                place.record();
            }
            place.write(100..100 + unread);
            let recorder = place.give_up().unwrap();
            let skipped = recorder.skipped().unwrap().clone();
            assert_eq!(skipped.events, Some(unread), "{skipped}");
            let text = skipped.to_string();
            assert!(text.contains("asked to give up what is unread: skipped "), "{text}");
            place.write(7..9);
            recorder.stop().unwrap();
            assert_eq!(place.times(), (0..before).chain(7..9).collect::<Vec<_>>());
            let gaps = place.gaps();
            let counted: u64 = gaps.iter().map(|gap| gap.0).sum();
            assert_eq!(counted, unread, "{gaps:?}");
            assert!(gaps.iter().all(|gap| gap.1 == GapReason::RecorderEnded), "{gaps:?}");
            // The GAP record that ends the segment before has a count, too; of one event there is none left for it.
            assert!(unread == 1 || gaps.iter().all(|gap| gap.0 > 0), "{gaps:?}");
            place.assert_sound();
            assert_eq!(place.start().unwrap().skipped(), None);
        }
    }
}

#[test]
fn where_nothing_is_unread_nothing_is_given_up() {
    let place = Place::new();
    place.give_up().unwrap().stop().unwrap();
    place.write(0..3);
    place.record();
    let recorder = place.give_up().unwrap();
    assert_eq!(recorder.skipped(), None);
    recorder.stop().unwrap();
    assert_eq!((place.times(), place.gaps()), (vec![0, 1, 2], vec![]));
}

#[test]
fn a_damaged_record_among_the_unread_ones_makes_the_count_unknown() {
    let place = Place::new();
    place.record();
    let start = place.load(HEAD);
    place.write(0..4);
    // The fourth: the others can be read.
    place.damage(start + 16 + 24 + 32);
    let recorder = place.give_up().unwrap();
    let skipped = recorder.skipped().unwrap().clone();
    assert_eq!((skipped.events, skipped.bytes), (None, Some(16 + 24 + 32 + 40)), "{skipped}");
    place.write(7..8);
    recorder.stop().unwrap();
    assert_eq!(place.times(), [7], "none of those before the damage either");
    assert!(place.gaps().iter().all(|gap| *gap == (0, GapReason::RecoveryCut)), "{:?}", place.gaps());
    place.assert_sound();
}

#[test]
fn positions_that_contradict_each_other_are_an_error_that_says_what_is_lost() {
    for (word, wrong) in [(HEAD, 1 << 40), (HEAD, 4), (TAIL, 12)] {
        let place = Place::new();
        place.record();
        place.write(0..3);
        place.store(word, wrong);
        let ring = std::fs::read(&place.ring).unwrap();
        let error = place.give_up().unwrap_err();
        assert!(matches!(error, RecorderError::SharedRing(SharedRingError::Positions { .. })), "{error:?}");
        let text = error.to_string();
        for part in
            [&wrong.to_string(), "(offset ", "docs/format.md", "delete this file", "loses what is unread"]
        {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(std::fs::read(&place.ring).unwrap() == ring, "the ring has changed");
        // Without being asked to, it puts a new ring in the place of this one.
        place.record();
        assert_eq!(place.gaps(), [(0, GapReason::RecoveryCut)]);
    }
}

/// The log has not been fed by the ring yet, so nothing is skipped without a word.
#[test]
fn a_new_log_takes_no_ring_whose_positions_contradict_each_other() {
    let place = Place::new();
    place.make_ring();
    place.store(HEAD, CAPACITY + 8);
    let text = place.refusal().to_string();
    assert!(text.contains("the head 4104 (offset 128) is 4104 bytes after the tail 0"), "{text}");
    assert!(text.contains("docs/format.md") && text.contains("`ringlog ring`"), "{text}");
}

#[test]
fn a_running_recorder_that_meets_damage_says_what_the_record_has() {
    let place = Place::new();
    place.record();
    let start = place.load(HEAD);
    place.write(3..5);
    place.damage(start);
    // It skips what it finds when it starts. So a head that is published later leads to what is no record.
    place.record();
    let recorder = place.start().unwrap();
    place.store(HEAD, place.load(HEAD) + 64);
    let error = recorder.wait(std::time::Duration::from_secs(60)).unwrap_err();
    let text = error.to_string();
    for part in
        ["no valid record at position ", "most likely the program", "`ringlog ring`", "--skip-to-head"]
    {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}
