//! Does exactly one caller get the two ends of a ring, and do they work?
//!
//! Races: two calls of `StaticRing::split` (its swap, then the making of the ring) and the winner's use of the ends, in
//! two threads and a third one that gets an end from the winner.
#![cfg(ringlog_loom)]

use loom::thread;
use loom_tests::{Memory, Seen, check, format, read_id, spin, unformatted, write};
use ringlog_nostd::RingOptions;
use std::sync::Arc;

/// Does what `StaticRing::split` does. The winner sends an event from another thread and returns `true`.
fn split_and_use(memory: &Arc<Memory>) -> bool {
    if !memory.is_first_split() {
        return false;
    }
    let options =
        RingOptions { capacity: Some(64), max_payload: Some(16), start: 40, ..RingOptions::default() };
    let (mut producer, mut consumer) = format(memory, &options);
    let writer = thread::spawn(move || {
        write(0, 16, |header, payload| producer.write_event(header, payload)).unwrap();
    });
    let id = spin(|| consumer.read_event().map(|(header, payload)| read_id(&header, payload)));
    assert_eq!(id, 0);
    writer.join().unwrap();
    true
}

#[test]
fn one_of_two_callers_gets_the_ends() {
    static SEEN: [Seen; 2] = [const { Seen::new() }; 2];
    check("split once", None, || {
        let memory = unformatted(64, 16);
        let other = Arc::clone(&memory);
        let first = thread::spawn(move || split_and_use(&other));
        let second = split_and_use(&memory);
        let first = first.join().unwrap();
        assert!(first != second, "both or none");
        SEEN[usize::from(first)].note();
    });
    SEEN[0].expect("the one that was started last won");
    SEEN[1].expect("the one that was started first won");
}

#[test]
fn a_third_call_is_refused_as_well() {
    check("split once, again", None, || {
        let memory = unformatted(64, 16);
        let other = Arc::clone(&memory);
        let first = thread::spawn(move || u32::from(other.is_first_split()));
        let second = (0..2).map(|_| u32::from(memory.is_first_split())).sum::<u32>();
        assert_eq!(first.join().unwrap() + second, 1);
    });
}
