//! Does the model notice an end that touches bytes that it does not own?
//!
//! Races, on purpose: a trespasser's access to the shadow of some bytes with the producer's writes or the consumer's
//! reads of the same bytes. The last test shows that the ends touch no other bytes.
#![cfg(ringlog_loom)]

use loom::thread;
use loom_tests::{check, read_id, ring_and_memory, spin, write};

#[test]
#[should_panic(expected = "Causality violation")]
fn reading_what_is_not_published_is_a_race() {
    check("race, early read", None, || {
        let (mut producer, _consumer, memory) = ring_and_memory(64, 16, 0);
        let writer = thread::spawn(move || {
            write(0, 16, |header, payload| producer.write_event(header, payload)).unwrap();
        });
        memory.trespass_read(24);
        writer.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn writing_what_is_being_read_is_a_race() {
    check("race, write below the head", None, || {
        let (mut producer, mut consumer, memory) = ring_and_memory(64, 16, 0);
        write(0, 16, |header, payload| producer.write_event(header, payload)).unwrap();
        let reader = thread::spawn(move || {
            assert!(consumer.read_event().is_some());
        });
        memory.trespass_write(8);
        reader.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn reading_what_was_released_is_a_race() {
    check("race, late read", None, || {
        let (mut producer, mut consumer, memory) = ring_and_memory(32, 16, 0);
        write(0, 16, |header, payload| producer.write_event(header, payload)).unwrap();
        let writer = thread::spawn(move || {
            spin(|| write(1, 16, |header, payload| producer.write_event(header, payload)).ok());
        });
        let read = consumer.read_event().map(|(header, payload)| read_id(&header, payload));
        assert_eq!(read, Some(0));
        consumer.release();
        memory.trespass_read(24);
        writer.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn reading_what_is_claimed_is_a_race() {
    check("race, claimed bytes", None, || {
        let (mut producer, _consumer, memory) = ring_and_memory(64, 16, 0);
        let writer = thread::spawn(move || {
            producer.claim(16).unwrap().payload_mut().fill(0xEE);
        });
        memory.trespass_read(24);
        writer.join().unwrap();
    });
}

/// The claim ended without a trace in the control words, but it used the bytes.
#[test]
#[should_panic(expected = "Causality violation")]
fn reading_what_a_dropped_claim_held_is_a_race() {
    check("race, dropped claim", None, || {
        let (mut producer, _consumer, memory) = ring_and_memory(64, 16, 0);
        let writer = thread::spawn(move || drop(producer.claim(16).unwrap()));
        memory.trespass_read(24);
        writer.join().unwrap();
    });
}

#[test]
fn the_bytes_next_to_a_record_are_free() {
    check("race, none", None, || {
        let (mut producer, mut consumer, memory) = ring_and_memory(64, 16, 8);
        let writer = thread::spawn(move || {
            write(0, 16, |header, payload| producer.write_event(header, payload)).unwrap();
        });
        memory.trespass_write(0);
        memory.trespass_write(40);
        let _ = consumer.read_event();
        writer.join().unwrap();
    });
}
