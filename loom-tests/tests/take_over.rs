//! After the death of a role's owner, is what it left unfinished void, and what it published there once?
//!
//! Races: the stores of the dead owner and those of the next one with everything that the other side does meanwhile.
//! The hand-over is a join. Between processes it is the role's lock, which the kernel releases.
#![cfg(ringlog_loom)]

use loom::thread;
use loom_tests::{
    ModelConsumer, Seen, check, killed_before, read_id, ring_and_memory, spin, take_over_consumer,
    take_over_producer, write,
};
use ringlog_nostd::{Gap, WriteError};
use std::mem::forget;

fn drain_ids(consumer: &mut ModelConsumer, limit: usize, ids: &mut Vec<u64>) {
    consumer.drain(limit, |header, payload| ids.push(read_id(header, payload))).unwrap();
}

#[test]
fn a_claim_of_a_dead_producer_is_void_and_the_next_one_continues() {
    static BETWEEN: Seen = Seen::new();
    check("take-over, claim", None, || {
        let (mut first, mut consumer, memory) = ring_and_memory(64, 16, 40);
        let writers = thread::spawn(move || {
            let dying = thread::spawn(move || {
                write(0, 8, |header, payload| first.write_event(header, payload)).unwrap();
                if let Ok(mut claim) = first.claim(16) {
                    claim.payload_mut().fill(0xEE);
                }
                forget(first);
            });
            dying.join().unwrap();
            let mut second = take_over_producer(&memory);
            write(1, 16, |header, payload| second.write_event(header, payload)) == Ok(())
        });
        let mut ids = Vec::new();
        drain_ids(&mut consumer, 1, &mut ids);
        BETWEEN.note_if(!ids.is_empty());
        let wrote = writers.join().unwrap();
        drain_ids(&mut consumer, usize::MAX, &mut ids);
        assert_eq!(ids, [0, 1][..1 + usize::from(wrote)]);
        assert!(consumer.is_closed(), "the second one closed, and took back nothing of the first");
    });
    BETWEEN.expect("an event that was read before the second producer wrote");
}

/// Counts events, and losses that a GAP record reports.
#[derive(Default)]
struct Ledger {
    next_id: u64,
    gaps: u32,
}

impl Ledger {
    fn drain(&mut self, consumer: &mut ModelConsumer) {
        let each = |header: &ringlog_nostd::EventHeader, payload: &[u8]| {
            if let Some(gap) = Gap::from_event(header, payload) {
                assert_eq!((header.timestamp, gap.count), (2, 1), "reported twice or in the wrong place");
                self.next_id += gap.count;
                self.gaps += 1;
            } else {
                assert_eq!(read_id(header, payload), self.next_id);
                self.next_id += 1;
            }
        };
        consumer.drain(usize::MAX, each).unwrap();
    }
}

/// Two events fill the ring, a third is lost. The first producer is killed before one of the stores that publish the
/// GAP record, the second before one of the stores that resolve the pending record. The third reports the rest.
fn check_gap(stores: usize, settling_stores: usize) {
    let seen = std::sync::Arc::new([const { Seen::new() }; 2]);
    let noted = std::sync::Arc::clone(&seen);
    check(&format!("take-over, GAP, killed after {stores} and {settling_stores} stores"), None, move || {
        let (first, mut consumer, memory) = ring_and_memory(64, 16, 0_usize.wrapping_sub(64));
        let mut first = first.lossy();
        for id in 0..3 {
            write(id, 16, |header, payload| first.write_event(header, payload)).unwrap();
        }
        let full = 0;
        let noted_there = std::sync::Arc::clone(&noted);
        let writer = thread::spawn(move || {
            let _ = killed_before(stores, move || first.flush());
            let _ = killed_before(settling_stores, || take_over_producer(&memory));
            let mut third = take_over_producer(&memory).lossy();
            let third_at = third.into_inner();
            let reported = third_at.position() != full;
            noted_there[usize::from(reported)].note();
            assert_eq!(third_at.pending_loss().is_none(), reported);
            third = third_at.lossy();
            third.flush().unwrap();
        });
        let mut ledger = Ledger::default();
        ledger.drain(&mut consumer);
        writer.join().unwrap();
        ledger.drain(&mut consumer);
        let pending = consumer.pending_loss();
        assert_eq!(u32::from(pending.is_some()) + ledger.gaps, 1, "reported once, or still pending");
        assert_eq!(ledger.next_id + pending.map_or(0, |loss| loss.count), 3);
    });
    seen[0].expect("a loss that the first one did not report");
    if stores > 1 {
        seen[1].expect("a loss that the first one reported");
    }
}

/// A GAP record takes four stores, closing one. Resolving a pending record takes three at most.
#[test]
fn a_gap_record_that_its_producer_died_over_is_reported_once() {
    for stores in 0..=5 {
        (0..=3).for_each(|settling_stores| check_gap(stores, settling_stores));
    }
}

/// Two events fill the ring. The producer is killed before one of the stores that count a third event as lost.
#[test]
fn a_loss_that_its_producer_died_over_is_counted_with_its_time_or_not_at_all() {
    for stores in 0..=3 {
        static COUNTED: Seen = Seen::new();
        static FORGOTTEN: Seen = Seen::new();
        check(&format!("take-over, loss, killed after {stores} stores"), None, move || {
            let (first, mut consumer, memory) = ring_and_memory(64, 16, 0);
            let mut first = first.lossy();
            for id in 0..2 {
                write(id, 16, |header, payload| first.write_event(header, payload)).unwrap();
            }
            let writer = thread::spawn(move || {
                let _ = killed_before(stores, move || {
                    write(2, 16, |header, payload| first.write_event(header, payload)).unwrap();
                    forget(first);
                });
                let mut second = take_over_producer(&memory).lossy();
                let was_counted = second.pending_loss().is_some();
                second.flush().unwrap();
                was_counted
            });
            let mut ledger = Ledger::default();
            ledger.drain(&mut consumer);
            let was_counted = writer.join().unwrap();
            ledger.drain(&mut consumer);
            let pending = consumer.pending_loss();
            assert!(pending.is_none_or(|loss| (loss.first_timestamp, loss.count) == (2, 1)), "{pending:?}");
            let reported = ledger.gaps + u32::from(pending.is_some());
            assert!(reported <= u32::from(was_counted), "reported without having been counted");
            COUNTED.note_if(was_counted);
            FORGOTTEN.note_if(!was_counted && ledger.gaps == 0);
        });
        if stores == 3 {
            COUNTED.expect("a loss that was counted");
            FORGOTTEN.expect("a producer that was killed before");
        }
    }
}

#[test]
fn what_a_dead_consumer_had_lent_is_not_written_over_before_the_next_one_releases_it() {
    static FULL: Seen = Seen::new();
    check("take-over, lend", None, || {
        let (mut producer, mut first, memory) = ring_and_memory(64, 16, 48);
        write(0, 16, |header, payload| producer.write_event(header, payload)).unwrap();
        write(1, 16, |header, payload| producer.write_event(header, payload)).unwrap();
        let readers = thread::spawn(move || {
            let dying = thread::spawn(move || {
                first.read_event().map(|(header, payload)| read_id(&header, payload)).unwrap();
                forget(first);
            });
            dying.join().unwrap();
            let mut second = take_over_consumer(&memory);
            let end = second.position().wrapping_add(32);
            // The log had it, so it is not read again.
            assert_eq!(second.skip_to(end), Ok(1));
            let mut ids = Vec::new();
            spin(|| {
                drain_ids(&mut second, usize::MAX, &mut ids);
                (ids.len() == 2).then_some(())
            });
            ids
        });
        spin(|| {
            let written = write(2, 16, |header, payload| producer.write_event(header, payload));
            FULL.note_if(written == Err(WriteError::Full));
            written.ok()
        });
        assert_eq!(readers.join().unwrap(), [1, 2]);
    });
    FULL.expect("a full ring");
}
