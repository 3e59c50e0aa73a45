//! Is each event found with the list that describes it, although the producer changes?
//!
//! Races: the store of the list's word by the next owner of the producer's role, and its look whether the ring is empty,
//! with the consumer's loads of head and word and its release.
#![cfg(ringlog_loom)]

use loom::thread;
use loom_tests::{ModelConsumer, Seen, attach, check_laps, read_id, ring_and_memory, spin, write};
use ringlog_nostd::internal::SchemasRefused;
use std::sync::Arc;

const FIRST_LIST: usize = 1 << 32 | 7;
const SECOND_LIST: usize = 1 << 32 | 8;

/// Which list describes the event with this id.
const fn list_of(id: u64) -> usize {
    if id == 1 { SECOND_LIST } else { FIRST_LIST }
}

/// Takes what is published, and returns the ids.
fn take_described(consumer: &mut ModelConsumer) -> Vec<u64> {
    let Some((mut run, word)) = consumer.peek_described_run(0).unwrap() else { return Vec::new() };
    let mut ids = Vec::new();
    while let Some((header, payload)) = run.peek() {
        ids.push(read_id(&header, payload));
        run.accept();
    }
    for id in &ids {
        assert_eq!(word, list_of(*id), "event {id} with another list");
    }
    let bytes = run.accepted_bytes();
    consumer.release_bytes(bytes);
    ids
}

#[test]
fn each_event_is_found_with_its_own_list() {
    static CHANGED: Seen = Seen::new();
    static REFUSED: Seen = Seen::new();
    check_laps("schemas", None, [64, 40], |start| {
        let (first, mut consumer, memory) = ring_and_memory(64, 16, start);
        drop(first);
        // The consumer is the spawned thread: the other one loads the words that it stores.
        let reader = thread::spawn(move || {
            let mut ids = Vec::new();
            spin(|| {
                ids.extend(take_described(&mut consumer));
                (ids.len() == 2).then_some(())
            });
            ids
        });
        let claim = |word| {
            let ring = attach(&memory).unwrap();
            ring.set_schemas_word(word).map(|()| ring.into_producer().with_owner(Arc::clone(&memory)))
        };
        let mut producer = claim(FIRST_LIST).unwrap();
        write(0, 8, |header, payload| producer.write_event(header, payload)).unwrap();
        drop(producer);
        let (last, mut producer) = match claim(SECOND_LIST) {
            Err(refused) => {
                assert_eq!(refused, SchemasRefused::Unread { bytes: 24 });
                REFUSED.note();
                (2, claim(FIRST_LIST).unwrap())
            }
            Ok(producer) => {
                CHANGED.note();
                (1, producer)
            }
        };
        write(last, 8, |header, payload| producer.write_event(header, payload)).unwrap();
        assert_eq!(reader.join().unwrap(), [0, last]);
    });
    CHANGED.expect("a list that was replaced");
    REFUSED.expect("a list that was not replaced, because an event was unread");
}
