//! Is an event that was filled in place as good as one that was copied, also when it is committed shorter,
//! and is a dropped claim never seen?
//!
//! Races: the producer's writes to the lent payload, padding and header, and its store of `head`, with the
//! consumer's reads; the claimed bytes beyond a shorter commit with what the consumer still reads.
#![cfg(ringlog_loom)]

use loom::thread;
use loom_tests::{ModelProducer, Seen, check, read_id, ring, spin, write};
use ringlog_nostd::WriteError;

/// Claims `claimed` bytes, fills the first of them with event `id`, and commits these.
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
fn a_shorter_commit_and_the_record_behind_it_are_whole() {
    static EARLY: Seen = Seen::new();
    check("claim, shorter commit", 5, || {
        // The claim runs on into the overrun area; the record that comes of it just reaches the lap's end.
        let (mut producer, mut consumer) = ring(64, 24, 40);
        let writer = thread::spawn(move || {
            claim_and_commit(&mut producer, 24, 0, 3).unwrap();
            write(1, 8, |header, payload| producer.write_event(header, payload)).unwrap();
        });
        let mut ids = Vec::new();
        for _ in 0..2 {
            ids.extend(consumer.read_event().map(|(header, payload)| read_id(&header, payload)));
            EARLY.note_if(ids.len() == 1);
            thread::yield_now();
        }
        writer.join().unwrap();
        consumer.drain(usize::MAX, |header, payload| ids.push(read_id(header, payload))).unwrap();
        assert_eq!(ids, [0, 1]);
    });
    EARLY.expect("a look between the two");
}

#[test]
fn a_dropped_claim_is_never_seen() {
    check("claim, drop", 5, || {
        let (mut producer, mut consumer) = ring(64, 24, 0);
        let writer = thread::spawn(move || {
            let mut claim = producer.claim(24).unwrap();
            claim.payload_mut().fill(0xEE);
            drop(claim);
            write(0, 1, |header, payload| producer.write_event(header, payload)).unwrap();
            let _ = producer.claim(16).unwrap();
        });
        let early = consumer.read_event().map(|(header, payload)| read_id(&header, payload));
        writer.join().unwrap();
        let late = consumer.read_event().map(|(header, payload)| read_id(&header, payload));
        assert!(matches!((early, late), (Some(0), None) | (None, Some(0))), "{early:?} {late:?}");
        assert!(consumer.is_empty());
    });
}

#[test]
fn a_claim_waits_for_lent_bytes() {
    static FULL: Seen = Seen::new();
    check("claim, full", 5, || {
        let (mut producer, mut consumer) = ring(32, 16, 16);
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
        let second = spin(|| consumer.read_event().map(|(header, payload)| read_id(&header, payload)));
        assert_eq!(second, 1);
        writer.join().unwrap();
    });
    FULL.expect("a refused claim");
}
