//! Is released space used again at once, and never while it is read?
//!
//! Races: the consumer's reads and its store of `tail` (by `release`, by the next read, by a drain, in runs, or in a
//! panic) with the producer's load of `tail` and its writes to the same bytes; also if the consumer releases, or asks
//! for, less than a whole record.
#![cfg(ringlog_loom)]

use loom::thread;
use loom_tests::{ModelConsumer, Seen, check_laps, read_id, ring, spin, write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A ring of two records is full. A third is written in the place of the first, as soon as `give_back` has released it.
/// `give_back` returns how many events it has read.
fn check_reuse(name: &str, give_back: impl Fn(&mut ModelConsumer) -> u64 + Send + Sync + 'static) {
    let seen = Arc::new([const { Seen::new() }; 2]);
    let noted = Arc::clone(&seen);
    check_laps(name, None, [64, 40], move |start| {
        let (mut producer, mut consumer) = ring(64, 16, start);
        for id in 0..2 {
            write(id, 16, |header, payload| producer.write_event(header, payload)).unwrap();
        }
        let noted = Arc::clone(&noted);
        let writer = thread::spawn(move || {
            let at_once = write(2, 16, |header, payload| producer.write_event(header, payload)).is_ok();
            noted[usize::from(at_once)].note();
            if !at_once {
                spin(|| write(2, 16, |header, payload| producer.write_event(header, payload)).ok());
            }
        });
        let read = give_back(&mut consumer);
        for id in read..3 {
            assert_eq!(spin(|| consumer.read_event().map(|(header, payload)| read_id(&header, payload))), id);
        }
        writer.join().unwrap();
    });
    seen[0].expect("a full ring");
    seen[1].expect("room at once");
}

#[test]
fn release_gives_the_lent_event_back() {
    check_reuse("release, release", |consumer| {
        let read = consumer.read_event().map(|(header, payload)| read_id(&header, payload));
        assert_eq!(read, Some(0));
        consumer.release();
        1
    });
}

#[test]
fn the_next_read_gives_the_lent_event_back() {
    check_reuse("release, next read", |consumer| {
        for id in 0..2 {
            let read = consumer.read_event().map(|(header, payload)| read_id(&header, payload));
            assert_eq!(read, Some(id));
        }
        2
    });
}

#[test]
fn a_drain_gives_all_back() {
    check_reuse("release, drain", |consumer| {
        let mut next = 0;
        let drained = consumer.drain(1, |header, payload| {
            assert_eq!(read_id(header, payload), next);
            next += 1;
        });
        assert_eq!(drained, Ok(1));
        1
    });
}

#[test]
fn a_run_is_given_back_in_parts() {
    check_reuse("release, run", |consumer| {
        let mut run = consumer.peek_run(0).unwrap().unwrap();
        let (header, payload) = run.peek().unwrap();
        assert_eq!(read_id(&header, payload), 0);
        run.accept();
        let bytes = run.accepted_bytes();
        consumer.release_bytes(bytes);
        1
    });
}

/// The reader panics over the second event. The first is released, the second is the next.
#[test]
fn a_panic_gives_back_what_was_read_before() {
    check_reuse("release, panic", |consumer| {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            consumer.drain(usize::MAX, |header, payload| {
                if read_id(header, payload) == 1 {
                    std::panic::resume_unwind(Box::new("a consumer's mistake"));
                }
            })
        }));
        assert!(panicked.is_err_and(|reason| reason.is::<&str>()));
        1
    });
}

/// The producer fills the ring while the consumer keeps one event lent.
#[test]
fn what_is_after_a_lent_event_is_written_and_read() {
    static ROUND: Seen = Seen::new();
    check_laps("release, lent", None, [64, 8], |start| {
        let (mut producer, mut consumer) = ring(64, 8, start);
        write(0, 8, |header, payload| producer.write_event(header, payload)).unwrap();
        let writer = thread::spawn(move || {
            for id in 1..4 {
                if write(id, 8, |header, payload| producer.write_event(header, payload)).is_err() {
                    return id;
                }
            }
            4
        });
        let (header, payload) = consumer.read_event().unwrap();
        thread::yield_now();
        assert_eq!(read_id(&header, payload), 0, "overwritten while it was lent");
        consumer.release();
        let written = writer.join().unwrap();
        assert!(written >= 2);
        ROUND.note_if(written == 3);
        for id in 1..written {
            assert_eq!(consumer.read_event().map(|(header, payload)| read_id(&header, payload)), Some(id));
        }
        assert!(consumer.read_event().is_none());
    });
    ROUND.expect("a ring that was filled meanwhile");
}

/// One record is published, another is written after it. 16 of its 24 bytes are skipped, and the last 8 are no header.
fn check_inside(name: &str, look: impl Fn(&mut ModelConsumer) + Send + Sync + 'static) {
    check_laps(name, None, [64, 8], move |start| {
        let (mut producer, mut consumer) = ring(64, 8, start);
        write(0, 8, |header, payload| producer.write_event(header, payload)).unwrap();
        let writer = thread::spawn(move || {
            let _ = write(1, 8, |header, payload| producer.write_event(header, payload));
        });
        look(&mut consumer);
        writer.join().unwrap();
    });
}

#[test]
fn after_a_part_of_a_record_nothing_is_read_that_is_not_published() {
    check_inside("release, inside a record", |consumer| {
        consumer.release_bytes(16);
        let _ = consumer.try_read_event();
    });
    check_inside("release, run inside a record", |consumer| {
        let _ = consumer.peek_run(16);
    });
}
