//! Do the two sides stay apart at the end of the lap, where a record reaches into the overrun area, positions wrap, and
//! space is used again?
//!
//! Races: the producer's writes of the next straddling record (and of the one at the start of the lap) with the
//! consumer's reads of the former one; the store of `tail` with the producer's load of it.
#![cfg(ringlog_loom)]

use loom::thread;
use loom_tests::{ModelConsumer, ModelProducer, Seen, check, read_id, ring, spin, write};
use ringlog_nostd::WriteError;
use std::sync::Arc;

/// Writes an event. Waits for room.
fn write_waiting(producer: &mut ModelProducer, id: u64, payload_len: u16, full: &Seen) {
    spin(|| match write(id, payload_len, |header, payload| producer.write_event(header, payload)) {
        Ok(()) => Some(()),
        Err(WriteError::Full) => {
            full.note();
            None
        }
        Err(other) => panic!("{other}"),
    });
}

fn read_waiting(consumer: &mut ModelConsumer) -> u64 {
    spin(|| consumer.read_event().map(|(header, payload)| read_id(&header, payload)))
}

/// Sends events of these payload lengths from a thread, and reads them with `read_all`.
fn check_lengths(
    name: &str,
    [capacity, max_payload, start]: [usize; 3],
    payload_lens: &'static [u16],
    read_all: impl Fn(&mut ModelConsumer) -> Vec<u64> + Send + Sync + 'static,
) {
    let full = Arc::new(Seen::new());
    let noted = Arc::clone(&full);
    check(name, 5, move || {
        let (mut producer, mut consumer) = ring(capacity, max_payload, start);
        let full = Arc::clone(&noted);
        let writer = thread::spawn(move || {
            for (id, payload_len) in (0..).zip(payload_lens) {
                write_waiting(&mut producer, id, *payload_len, &full);
            }
        });
        let ids = read_all(&mut consumer);
        assert!(ids.iter().copied().eq(0..payload_lens.len() as u64));
        writer.join().unwrap();
        assert!(consumer.is_empty() && consumer.fault().is_none());
    });
    full.expect("a full ring");
}

/// Records at 40 (16 bytes beyond the lap), at 16 (ends with the ring full), and at 40 again.
#[test]
fn the_next_straddler_waits_for_the_former_one() {
    check_lengths("wrap, 64", [64, 24, 0_usize.wrapping_sub(24)], &[24, 8, 24], |consumer| {
        (0..3).map(|_| read_waiting(consumer)).collect()
    });
}

/// Each record but one is alone in the ring, at 16, 8, 0 and 24; the positions wrap inside the first.
#[test]
fn a_ring_of_one_record_goes_through_several_laps() {
    check_lengths("wrap, 32", [32, 16, 0_usize.wrapping_sub(16)], &[5, 8, 1, 16], |consumer| {
        (0..4).map(|_| read_waiting(consumer)).collect()
    });
}

#[test]
fn a_run_ends_with_the_straddler_and_the_next_starts_after_it() {
    check_lengths("wrap, peek_run", [64, 24, 0_usize.wrapping_sub(24)], &[24, 8, 24], |consumer| {
        let mut ids = Vec::new();
        while ids.len() < 3 {
            spin(|| {
                let mut run = consumer.peek_run(0).unwrap()?;
                while let Some((header, payload)) = run.peek() {
                    ids.push(read_id(&header, payload));
                    run.accept();
                }
                let bytes = run.accepted_bytes();
                consumer.release_bytes(bytes);
                Some(())
            });
        }
        ids
    });
}
