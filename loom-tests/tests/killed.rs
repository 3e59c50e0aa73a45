//! What does the next owner of a role find if the previous one was killed before any of its stores?
//!
//! Races: the stores of the dead owner and of the next one with everything that the other side does meanwhile.
//! `killed_before` ends a thread before its n-th store to a control word, for every n. The dead thread stores nothing
//! more, also not by closing its end.
#![cfg(ringlog_loom)]

use loom::thread;
use loom_tests::{
    ModelConsumer, ModelProducer, Seen, check_laps, killed_before, read_id, ring_and_memory, spin,
    take_over_consumer, take_over_producer, write,
};
use std::sync::Arc;

/// Event 0 is published. `write_more` tries to write 1 to `more` and is killed before each of its stores in turn. The
/// next owner writes 9. The consumer reads all of 1 to `more`, none, or the first ones if there `may_be_some`; all are
/// whole.
fn check_writer(
    name: &'static str,
    (more, may_be_some): (u64, bool),
    write_more: impl Fn(ModelProducer) + Send + Sync + Copy + 'static,
) {
    let mut stores = 0;
    let lived = Arc::new(Seen::new());
    while !lived.is_seen() {
        let noted = Arc::clone(&lived);
        check_laps(&format!("{name}, killed after {stores}"), None, [128, 96], move |start| {
            let (mut first, mut consumer, memory) = ring_and_memory(128, 16, start);
            write(0, 8, |header, payload| first.write_event(header, payload)).unwrap();
            let noted = Arc::clone(&noted);
            let writers = thread::spawn(move || {
                noted.note_if(killed_before(stores, move || write_more(first)).is_some());
                let mut second = take_over_producer(&memory);
                write(9, 16, |header, payload| second.write_event(header, payload)).unwrap();
            });
            let mut ids = Vec::new();
            consumer.drain(usize::MAX, |header, payload| ids.push(read_id(header, payload))).unwrap();
            writers.join().unwrap();
            consumer.drain(usize::MAX, |header, payload| ids.push(read_id(header, payload))).unwrap();
            assert!(consumer.is_closed() && ids.pop() == Some(9));
            assert!(ids.iter().copied().eq(0..ids.len() as u64), "{ids:?}");
            let read = ids.len() as u64 - 1;
            assert!(read == 0 || read == more || (may_be_some && read < more), "{read} of {more}");
        });
        stores += 1;
        assert!(stores < 20, "it never ends");
    }
}

#[test]
fn an_event_is_there_or_not() {
    check_writer("killed, write_event", (2, true), |mut producer| {
        write(1, 9, |header, payload| producer.write_event(header, payload)).unwrap();
        write(2, 1, |header, payload| producer.write_event(header, payload)).unwrap();
    });
}

#[test]
fn a_batch_is_there_or_not() {
    check_writer("killed, batch", (2, false), |mut producer| {
        let mut batch = producer.batch();
        write(1, 9, |header, payload| batch.write_event(header, payload)).unwrap();
        write(2, 1, |header, payload| batch.write_event(header, payload)).unwrap();
        assert_eq!(batch.publish(), 2);
    });
}

#[test]
fn a_claim_is_there_or_not() {
    check_writer("killed, claim", (1, false), |mut producer| {
        drop(producer.claim(16).unwrap());
        let mut claim = producer.claim(16).unwrap();
        write(1, 9, |header, payload| {
            claim.payload_mut()[..payload.len()].copy_from_slice(payload);
            claim.commit(header)
        })
        .unwrap();
    });
}

/// Two events fill the ring. A consumer reads them and is killed before each of its stores in turn. The next owner
/// continues, while a third event is written as soon as there is room. Each event is read at least once, in order.
fn check_reader(name: &'static str, read: impl Fn(ModelConsumer, &mut u64) + Send + Sync + Copy + 'static) {
    let mut stores = 0;
    let lived = Arc::new(Seen::new());
    while !lived.is_seen() {
        let noted = Arc::clone(&lived);
        check_laps(&format!("{name}, killed after {stores}"), None, [64, 40], move |start| {
            let (mut producer, first, memory) = ring_and_memory(64, 16, start);
            for id in 0..2 {
                write(id, 16, |header, payload| producer.write_event(header, payload)).unwrap();
            }
            let noted = Arc::clone(&noted);
            let readers = thread::spawn(move || {
                let mut next = 0;
                noted.note_if(killed_before(stores, || read(first, &mut next)).is_some());
                let mut second = take_over_consumer(&memory);
                let mut ids = Vec::new();
                spin(|| {
                    second.drain(usize::MAX, |header, payload| ids.push(read_id(header, payload))).unwrap();
                    (ids.last() == Some(&2)).then_some(())
                });
                assert!(ids[0] <= next, "event {next} was read by nobody");
                assert!(ids.iter().copied().eq(ids[0]..3), "{ids:?}");
            });
            spin(|| write(2, 16, |header, payload| producer.write_event(header, payload)).ok());
            readers.join().unwrap();
        });
        stores += 1;
        assert!(stores < 20, "it never ends");
    }
}

#[test]
fn what_was_read_one_by_one_and_not_released_is_read_again() {
    check_reader("killed, read_event", |mut consumer, next| {
        for _ in 0..2 {
            let (header, payload) = consumer.read_event().unwrap();
            assert_eq!(read_id(&header, payload), *next);
            *next += 1;
        }
    });
}

#[test]
fn what_was_drained_and_not_released_is_read_again() {
    check_reader("killed, drain", |mut consumer, next| {
        consumer
            .drain(usize::MAX, |header, payload| {
                assert_eq!(read_id(header, payload), *next);
                *next += 1;
            })
            .unwrap();
    });
}
