//! Is every event that a lossy producer was offered read or counted, once, and in its place?
//!
//! Races: the producer's count of losses, its GAP record and its stores of `head`, `lost` and `closed` with the
//! consumer's reads and releases, and with its look at the losses after the end.
#![cfg(ringlog_loom)]

use loom::thread;
use loom_tests::{Ledger, Seen, check_laps, ring, write};
use ringlog_nostd::Loss;
use std::sync::Arc;

/// Offers `offered` events from a thread and checks that each of them is read or counted.
fn check_ledger(name: &str, capacity: usize, offered: u64) {
    let seen = Arc::new([const { Seen::new() }; 3]);
    let noted = Arc::clone(&seen);
    check_laps(name, None, [capacity, capacity - 8], move |start| {
        let (producer, mut consumer) = ring(capacity, 16, start);
        let mut producer = producer.lossy();
        let writer = thread::spawn(move || {
            for id in 0..offered {
                write(id, 16, |header, payload| producer.write_event(header, payload)).unwrap();
            }
        });
        let mut ledger = Ledger::default();
        for _ in 0..2 {
            consumer.drain(1, |header, payload| ledger.take(header, payload)).unwrap();
            thread::yield_now();
        }
        writer.join().unwrap();
        assert!(consumer.is_closed());
        consumer.drain(usize::MAX, |header, payload| ledger.take(header, payload)).unwrap();
        let pending = consumer.pending_loss();
        if let Some(loss) = pending {
            ledger.take_loss(loss.first_timestamp, loss.count);
        }
        assert_eq!(ledger.next_id(), offered);
        noted[0].note_if(ledger.gaps() > 0);
        noted[1].note_if(pending.is_some());
        noted[2].note_if(ledger.gaps() == 0 && pending.is_none());
    });
    seen[0].expect("a GAP record");
    seen[1].expect("a loss that was pending at the end");
    // A ring of one record always loses one of three events if there are only two looks meanwhile.
    if capacity > 32 {
        seen[2].expect("no loss");
    }
}

#[test]
fn events_and_gaps_add_up_to_what_was_offered() {
    check_ledger("lossy, 64", 64, 4);
}

/// Here a GAP record and an event never fit together.
#[test]
fn a_gap_that_fills_the_ring_counts_all_before_it() {
    check_ledger("lossy, 32", 32, 3);
}

#[test]
fn a_loss_is_exact_for_a_consumer_that_saw_the_end() {
    static BEFORE: Seen = Seen::new();
    static AFTER: Seen = Seen::new();
    check_laps("lossy, end", None, [32, 0], |start| {
        let (producer, consumer) = ring(32, 16, start);
        let mut producer = producer.lossy();
        write(0, 16, |header, payload| producer.write_event(header, payload)).unwrap();
        let writer = thread::spawn(move || {
            for id in 1..3 {
                write(id, 16, |header, payload| producer.write_event(header, payload)).unwrap();
            }
        });
        let closed = consumer.is_closed();
        BEFORE.note_if(!closed);
        if closed {
            AFTER.note();
            let loss = consumer.pending_loss().expect("two were lost");
            assert_eq!((loss.count, loss.first_timestamp), (2, 1));
        }
        writer.join().unwrap();
    });
    BEFORE.expect("a look before the end");
    AFTER.expect("a look after the end");
}

/// Two events fill a ring, a third is lost, and one is read. Then the producer reports the loss and offers `more`
/// events. Meanwhile `check` gets the losses that the consumer sees, and what it reads afterwards.
fn check_pending_loss(
    name: &str,
    more: u64,
    check: impl Fn(Option<Loss>, &Ledger) + Send + Sync + Copy + 'static,
) {
    check_laps(name, None, [64, 40], move |start| {
        let (producer, mut consumer) = ring(64, 16, start);
        let mut producer = producer.lossy();
        for id in 0..3 {
            write(id, 16, |header, payload| producer.write_event(header, payload)).unwrap();
        }
        let mut ledger = Ledger::default();
        consumer.drain(1, |header, payload| ledger.take(header, payload)).unwrap();
        // The consumer is the spawned thread, so in the first execution all stores precede its loads, which try the
        // older values. The other way round the model checker would return to a load only if the thread that stores
        // the word had not loaded it itself in between, and `flush` does.
        let reader = thread::spawn(move || {
            let pending = consumer.pending_loss();
            consumer.drain(usize::MAX, |header, payload| ledger.take(header, payload)).unwrap();
            check(pending, &ledger);
        });
        assert_eq!(producer.flush(), Ok(true));
        for id in 3..3 + more {
            write(id, 16, |header, payload| producer.write_event(header, payload)).unwrap();
        }
        reader.join().unwrap();
    });
}

/// Also before the end: if a loss is no longer seen, its GAP record can be read.
#[test]
fn a_loss_that_vanishes_has_become_a_gap_record() {
    static VANISHED: Seen = Seen::new();
    static PENDING: Seen = Seen::new();
    check_pending_loss("lossy, vanished", 0, |pending, ledger| {
        PENDING.note_if(pending.is_some());
        if pending.is_none() {
            VANISHED.note();
            assert_eq!(ledger.gaps(), 1, "neither counted nor reported");
        }
    });
    VANISHED.expect("a loss that was reported");
    PENDING.expect("a loss that is still pending");
}

/// Later losses do not hide a GAP record.
#[test]
fn losses_that_follow_a_gap_record_do_not_hide_it() {
    static NEW: Seen = Seen::new();
    check_pending_loss("lossy, new ones", 2, |pending, ledger| {
        if pending.is_some_and(|loss| (loss.first_timestamp, loss.count) == (3, 2)) {
            NEW.note();
            assert_eq!(ledger.gaps(), 1, "the old loss is neither counted nor reported");
        }
    });
    NEW.expect("losses after a GAP record");
}
