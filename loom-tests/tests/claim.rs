//! Is an event that was filled in place whole, also if it is committed shorter, and is a claim that was dropped or
//! forgotten never seen?
//!
//! Races: the producer's writes to the lent payload, padding and header, and its store of `head`, with the consumer's
//! reads; the claimed bytes beyond a shorter commit with the bytes that the consumer still reads.
#![cfg(ringlog_loom)]

use loom::thread;
use loom_tests::{
    ModelProducer, Seen, Together, check_laps, read_beside, read_id, read_next, ring, spin, write,
};
use ringlog_nostd::WriteError;

/// Claims `claimed` bytes, fills the first of them with event `id`, and commits those.
fn claim_and_commit(
    producer: &mut ModelProducer,
    claimed: usize,
    id: u64,
    payload_len: u16,
) -> Result<(), WriteError> {
    let mut claim = producer.claim(claimed)?;
    claim.payload_mut().fill(0xEE);
    write(id, payload_len, |header, payload| {
        claim.payload_mut()[..payload.len()].copy_from_slice(payload);
        claim.commit(header)
    })
}

#[test]
fn a_shorter_commit_and_the_record_after_it_are_whole() {
    static EARLY: Seen = Seen::new();
    check_laps("claim, shorter commit", None, [64, 40], |start| {
        // The claim reaches into the overrun area. The record made of it ends exactly at the lap's end.
        let (mut producer, mut consumer) = ring(64, 24, start);
        let writer = thread::spawn(move || {
            claim_and_commit(&mut producer, 24, 0, 3).unwrap();
            write(1, 8, |header, payload| producer.write_event(header, payload)).unwrap();
        });
        let ids = read_beside(&mut consumer, writer, |ids| EARLY.note_if(ids.len() == 1));
        assert_eq!(ids, [0, 1]);
    });
    EARLY.expect("a look between the two");
}

#[test]
fn a_dropped_claim_is_never_seen() {
    check_laps("claim, drop", None, [64, 0], |start| {
        let (mut producer, mut consumer) = ring(64, 24, start);
        let writer = thread::spawn(move || {
            let mut claim = producer.claim(24).unwrap();
            claim.payload_mut().fill(0xEE);
            drop(claim);
            write(0, 1, |header, payload| producer.write_event(header, payload)).unwrap();
            let _ = producer.claim(16).unwrap();
        });
        let early = read_next(&mut consumer);
        writer.join().unwrap();
        let late = read_next(&mut consumer);
        assert!(matches!((early, late), (Some(0), None) | (None, Some(0))), "{early:?} {late:?}");
        assert!(consumer.is_empty());
    });
}

#[test]
fn a_claim_waits_for_lent_bytes() {
    static FULL: Seen = Seen::new();
    check_laps("claim, full", None, [32, 16], |start| {
        let (mut producer, mut consumer) = ring(32, 16, start);
        write(0, 16, |header, payload| producer.write_event(header, payload)).unwrap();
        let writer = thread::spawn(move || {
            spin(|| match claim_and_commit(&mut producer, 16, 1, 5) {
                Ok(()) => Some(()),
                Err(other) => {
                    assert_eq!(other, WriteError::Full);
                    FULL.note();
                    None
                }
            });
        });
        let (header, payload) = consumer.read_event().expect("it was written before");
        thread::yield_now();
        assert_eq!(read_id(&header, payload), 0, "overwritten while it was lent");
        let second = spin(|| read_next(&mut consumer));
        assert_eq!(second, 1);
        writer.join().unwrap();
    });
    FULL.expect("a refused claim");
}

#[test]
fn a_forgotten_claim_is_never_seen_and_its_room_is_not_lost() {
    static EARLY: Seen = Seen::new();
    check_laps("claim, forget", None, [32, 16], |start| {
        let (mut producer, mut consumer) = ring(32, 16, start);
        let writer = thread::spawn(move || {
            let mut claim = producer.claim(16).unwrap();
            claim.payload_mut().fill(0xEE);
            std::mem::forget(claim);
            assert_eq!(producer.used(), 0);
            claim_and_commit(&mut producer, 16, 0, 16).unwrap();
        });
        let mut ids = Vec::new();
        ids.extend(read_next(&mut consumer));
        EARLY.note_if(!ids.is_empty());
        writer.join().unwrap();
        ids.extend(read_next(&mut consumer));
        assert_eq!(ids, [0]);
    });
    EARLY.expect("a look before the producer's end");
}

/// A header that does not fit the claim ends it without an event.
#[test]
fn a_refused_commit_publishes_nothing() {
    check_laps("claim, refused commit", None, [64, 48], |start| {
        let (mut producer, mut consumer) = ring(64, 24, start);
        let writer = thread::spawn(move || {
            let refused = claim_and_commit(&mut producer, 3, 7, 3);
            let claim = producer.claim(8).unwrap();
            let longer = ringlog_nostd::EventHeader::new(8, 0, 9);
            assert!(refused.is_ok() && claim.commit(&longer).is_err());
        });
        assert_eq!(read_beside(&mut consumer, writer, |_| ()), [7]);
    });
}

#[test]
fn claims_of_a_batch_are_seen_with_the_batch() {
    static TOGETHER: Together = Together::new();
    check_laps("claim, batch", None, [64, 40], |start| {
        let (mut producer, mut consumer) = ring(64, 16, start);
        let writer = thread::spawn(move || {
            let mut batch = producer.batch();
            write(0, 1, |header, payload| batch.write_event(header, payload)).unwrap();
            let mut claim = batch.claim(16).unwrap();
            write(1, 8, |header, payload| {
                claim.payload_mut()[..payload.len()].copy_from_slice(payload);
                claim.commit(header)
            })
            .unwrap();
            drop(batch.claim(0).unwrap());
            let _ = batch.publish();
        });
        TOGETHER.read(&mut consumer, writer);
    });
    TOGETHER.expect();
}
