//! Is a record of a retained ring whole when the consumer sees it, its checksum included?
//!
//! Races: the stores of a record's bytes, and then of its checksum into them, with the consumer's load of `head` and
//! its reads.
#![cfg(ringlog_loom)]

use loom::thread;
use loom_tests::{ModelConsumer, ModelProducer, Seen, check, format, read_id, unformatted, write};
use ringlog_nostd::{EventHeader, RingOptions};
use std::sync::Arc;

fn retained() -> (ModelProducer, ModelConsumer) {
    let memory = unformatted(64, 16);
    let options = RingOptions {
        capacity: Some(64),
        max_payload: Some(16),
        retained: true,
        identity: 3,
        ..RingOptions::default()
    };
    format(&memory, &options)
}

fn check_has_checksum(name: &str, put: impl Fn(&mut ModelProducer) + Send + Sync + Copy + 'static) {
    let seen = Arc::new(Seen::new());
    let noted = Arc::clone(&seen);
    check(name, None, move || {
        let (mut producer, mut consumer) = retained();
        let writer = thread::spawn(move || put(&mut producer));
        if let Some((header, payload)) = consumer.read_event() {
            noted.note();
            assert_eq!(read_id(&header, payload), 0);
            assert!(header.checksum != 0);
        }
        writer.join().unwrap();
    });
    seen.expect("a record that was seen");
}

#[test]
fn an_event_has_its_checksum_before_it_is_published() {
    check_has_checksum("retained, write_event", |producer| {
        write(0, 16, |header, payload| producer.write_event(header, payload)).unwrap();
    });
}

#[test]
fn a_claim_has_its_checksum_before_it_is_published() {
    check_has_checksum("retained, claim", |producer| {
        let mut claim = producer.claim(16).unwrap();
        let commit = |header: &EventHeader, payload: &[u8]| {
            claim.payload_mut()[..payload.len()].copy_from_slice(payload);
            claim.commit(header)
        };
        write(0, 16, commit).unwrap();
    });
}

#[test]
fn a_batch_has_its_checksum_before_it_is_published() {
    check_has_checksum("retained, batch", |producer| {
        let mut batch = producer.batch();
        write(0, 16, |header, payload| batch.write_event(header, payload)).unwrap();
        assert_eq!(batch.publish(), 1);
    });
}
