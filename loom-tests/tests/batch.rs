//! Does the consumer see a batch whole or not at all?
//!
//! Races: the producer's writes of several records and its one store of `head` with the consumer's loads of
//! `head` and reads of bytes.
#![cfg(ringlog_loom)]

use loom::thread;
use loom_tests::{Seen, Together, check_laps, read_all, read_beside, read_id, ring, write};
use ringlog_nostd::WriteError;

#[test]
fn a_batch_is_seen_whole_or_not_at_all() {
    static TOGETHER: Together = Together::new();
    check_laps("batch, publish", None, [128, 96], |start| {
        let (mut producer, mut consumer) = ring(128, 16, start);
        let writer = thread::spawn(move || {
            let mut batch = producer.batch();
            write(0, 8, |header, payload| batch.write_event(header, payload)).unwrap();
            write(1, 16, |header, payload| batch.write_event(header, payload)).unwrap();
            assert_eq!(batch.publish(), 2);
        });
        TOGETHER.read(&mut consumer, writer);
    });
    TOGETHER.expect();
}

#[test]
fn a_dropped_batch_is_never_seen() {
    check_laps("batch, drop", None, [64, 0], |start| {
        let (mut producer, mut consumer) = ring(64, 16, start);
        let writer = thread::spawn(move || {
            let mut dropped = producer.batch();
            write(7, 16, |header, payload| dropped.write_event(header, payload)).unwrap();
            write(8, 8, |header, payload| dropped.write_event(header, payload)).unwrap();
            drop(dropped);
            let mut batch = producer.batch();
            write(0, 8, |header, payload| batch.write_event(header, payload)).unwrap();
            write(1, 16, |header, payload| batch.write_event(header, payload)).unwrap();
            batch.publish();
        });
        assert_eq!(read_beside(&mut consumer, writer, |_| ()), [0, 1]);
    });
}

#[test]
fn a_batch_that_does_not_fit_keeps_what_did() {
    static FULL: Seen = Seen::new();
    static FITTED: Seen = Seen::new();
    check_laps("batch, full", None, [64, 0], |start| {
        let (mut producer, mut consumer) = ring(64, 16, start);
        write(0, 16, |header, payload| producer.write_event(header, payload)).unwrap();
        let writer = thread::spawn(move || {
            let mut batch = producer.batch();
            write(1, 16, |header, payload| batch.write_event(header, payload)).unwrap();
            let third = write(2, 16, |header, payload| batch.write_event(header, payload));
            let added = batch.publish();
            FULL.note_if(third == Err(WriteError::Full));
            FITTED.note_if(third.is_ok());
            assert_eq!(added, 1 + usize::from(third.is_ok()));
            added
        });
        let mut ids = Vec::new();
        consumer.drain(1, |header, payload| ids.push(read_id(header, payload))).unwrap();
        let added = writer.join().unwrap();
        read_all(&mut consumer, &mut ids);
        assert!(ids.iter().copied().eq(0..=added as u64), "{ids:?}");
    });
    FULL.expect("a batch that met a full ring");
    FITTED.expect("a batch that fitted");
}
