//! Is a record that the consumer sees whole, and in its place?
//!
//! Races: the producer's writes of bytes and its store of `head` with the consumer's load of `head` and its reads of
//! bytes.
#![cfg(ringlog_loom)]

use loom::thread;
use loom_tests::{ModelConsumer, Seen, check_laps, read_id, ring, write};
use std::sync::Arc;

/// Publishes two records in a thread, looks three times meanwhile and once afterwards. Returns the number of ids that
/// each look found.
fn two_records(start: usize, look: impl Fn(&mut ModelConsumer, &mut Vec<u64>)) -> [usize; 4] {
    let (mut producer, mut consumer) = ring(64, 16, start);
    let writer = thread::spawn(move || {
        write(0, 9, |header, payload| producer.write_event(header, payload)).unwrap();
        write(1, 16, |header, payload| producer.write_event(header, payload)).unwrap();
    });
    let mut ids = Vec::new();
    let mut counts = [0; 4];
    let (last, early) = counts.split_last_mut().unwrap();
    for count in early {
        look(&mut consumer, &mut ids);
        *count = ids.len();
        thread::yield_now();
    }
    writer.join().unwrap();
    look(&mut consumer, &mut ids);
    look(&mut consumer, &mut ids);
    *last = ids.len();
    assert_eq!(ids, [0, 1]);
    counts
}

/// Checks a way to read. Some look must come before, between and after the two records.
fn check_two_records(name: &str, look: impl Fn(&mut ModelConsumer, &mut Vec<u64>) + Send + Sync + 'static) {
    let seen = Arc::new([const { Seen::new() }; 3]);
    let noted = Arc::clone(&seen);
    check_laps(name, None, [64, 40], move |start| {
        for count in &two_records(start, &look)[..3] {
            noted[*count].note();
        }
    });
    for (count, place) in seen.iter().zip(["nothing yet", "one record", "both records"]) {
        count.expect(place);
    }
}

#[test]
fn records_read_one_by_one_are_whole_and_in_order() {
    check_two_records("publish, read_event", |consumer, ids| {
        ids.extend(consumer.read_event().map(|(header, payload)| read_id(&header, payload)));
    });
}

#[test]
fn drained_records_are_whole_and_in_order() {
    check_two_records("publish, drain", |consumer, ids| {
        consumer.drain(usize::MAX, |header, payload| ids.push(read_id(header, payload))).unwrap();
    });
}

#[test]
fn skipped_records_were_whole_ones() {
    check_two_records("publish, skip_to", |consumer, ids| {
        let end = consumer.position().wrapping_add(consumer.unread());
        let events = consumer.skip_to(end).unwrap();
        let next = ids.len() as u64;
        ids.extend(next..next + events);
    });
}

#[test]
fn runs_hold_whole_records_in_order() {
    check_two_records("publish, peek_run", |consumer, ids| {
        let Some(mut run) = consumer.peek_run(0).unwrap() else { return };
        while let Some((header, payload)) = run.peek() {
            ids.push(read_id(&header, payload));
            run.accept();
        }
        let bytes = run.accepted_bytes();
        consumer.release_bytes(bytes);
    });
}
