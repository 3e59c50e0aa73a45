//! Is every ring that a thread finds in memory whole?
//!
//! Races: the stores of the control words when a ring is made, magic last, with the loads of a thread that attaches
//! meanwhile; its look at the positions with the first event, and with both ends at work.
#![cfg(ringlog_loom)]

use loom::thread;
use loom_tests::{Seen, attach, check_laps, format, read_id, ring_and_memory, unformatted, write};
use ringlog_nostd::{RingError, RingOptions};
use std::sync::Arc;

#[test]
fn a_ring_is_found_whole_or_not_at_all() {
    static NOT_YET: Seen = Seen::new();
    static FOUND: Seen = Seen::new();
    static EVENT: Seen = Seen::new();
    check_laps("birth, attach", None, [64, 40], |start| {
        let memory = unformatted(64, 16);
        let maker = {
            let memory = Arc::clone(&memory);
            thread::spawn(move || {
                let options = RingOptions {
                    capacity: Some(64),
                    max_payload: Some(16),
                    identity: 0x1122_3344_5566_7788,
                    start,
                    ..RingOptions::default()
                };
                let (mut producer, consumer) = format(&memory, &options);
                // The thread that attaches takes the consumer's end.
                std::mem::forget(consumer);
                write(0, 16, |header, payload| producer.write_event(header, payload)).unwrap();
            })
        };
        match attach(&memory) {
            Err(error) => {
                assert_eq!(error, RingError::NotARing, "no half a ring");
                NOT_YET.note();
            }
            Ok(ring) => {
                FOUND.note();
                assert_eq!((ring.capacity(), ring.max_payload()), (64, 16));
                let mut consumer = ring.into_consumer().with_owner(Arc::clone(&memory));
                assert_eq!((consumer.position(), consumer.identity()), (start, 0x1122_3344_5566_7788));
                if let Some((header, payload)) = consumer.read_event() {
                    assert_eq!(read_id(&header, payload), 0);
                    EVENT.note();
                }
                assert_eq!(consumer.fault(), None);
            }
        }
        maker.join().unwrap();
    });
    NOT_YET.expect("memory without a ring");
    FOUND.expect("a ring");
    EVENT.expect("a ring with an event");
}

/// The ring is full. An event is released and another one published while a thread looks at both positions.
#[test]
fn who_attaches_beside_both_ends_finds_no_damage() {
    check_laps("birth, beside both ends", None, [64, 40], |start| {
        let (mut producer, mut consumer, memory) = ring_and_memory(64, 16, start);
        for id in 0..2 {
            write(id, 16, |header, payload| producer.write_event(header, payload)).unwrap();
        }
        let ends = thread::spawn(move || {
            for id in 2..4 {
                consumer.drain(1, |header, payload| assert_eq!(read_id(header, payload), id - 2)).unwrap();
                write(id, 16, |header, payload| producer.write_event(header, payload)).unwrap();
            }
        });
        assert_eq!(attach(&memory).map(|ring| ring.capacity()), Ok(64));
        ends.join().unwrap();
    });
}
