//! Is a full ring full until the consumer releases, and no longer?
//!
//! Races: the producer's load of `tail` and its write to the released bytes with the consumer's last read of them and
//! its store of `tail`.
#![cfg(ringlog_loom)]

use loom::thread;
use loom_tests::{Seen, check_laps, read_id, ring, spin, write};
use ringlog_nostd::WriteError;

#[test]
fn lent_bytes_stay_until_they_are_released() {
    static FULL: Seen = Seen::new();
    static AT_ONCE: Seen = Seen::new();
    check_laps("full, lend and release", None, [32, 0], |start| {
        let (mut producer, mut consumer) = ring(32, 16, start);
        write(0, 16, |header, payload| producer.write_event(header, payload)).unwrap();
        let writer = thread::spawn(move || {
            let mut refused = 0;
            spin(|| match write(1, 16, |header, payload| producer.write_event(header, payload)) {
                Ok(()) => Some(()),
                Err(other) => {
                    assert_eq!(other, WriteError::Full);
                    refused += 1;
                    None
                }
            });
            FULL.note_if(refused > 0);
            AT_ONCE.note_if(refused == 0);
        });
        let (header, payload) = consumer.read_event().expect("it was written before");
        assert_eq!(read_id(&header, payload), 0);
        thread::yield_now();
        assert_eq!(read_id(&header, payload), 0, "overwritten while it was lent");
        consumer.release();
        let second = spin(|| consumer.read_event().map(|(header, payload)| read_id(&header, payload)));
        assert_eq!(second, 1);
        writer.join().unwrap();
    });
    FULL.expect("a refused write");
    AT_ONCE.expect("a write that found room at once");
}

#[test]
fn a_drain_gives_all_of_its_space_back_at_once() {
    static FULL: Seen = Seen::new();
    static WRITTEN: Seen = Seen::new();
    check_laps("full, drain", None, [64, 0], |start| {
        let (mut producer, mut consumer) = ring(64, 16, start);
        for id in 0..2 {
            write(id, 16, |header, payload| producer.write_event(header, payload)).unwrap();
        }
        let writer = thread::spawn(move || {
            let first = write(2, 16, |header, payload| producer.write_event(header, payload));
            FULL.note_if(first == Err(WriteError::Full));
            WRITTEN.note_if(first.is_ok());
            if first.is_ok() {
                // Both were released together, so there is room for a second one.
                write(3, 16, |header, payload| producer.write_event(header, payload)).unwrap();
            }
        });
        let mut ids = Vec::new();
        assert_eq!(consumer.drain(usize::MAX, |header, payload| ids.push(read_id(header, payload))), Ok(2));
        writer.join().unwrap();
        consumer.drain(usize::MAX, |header, payload| ids.push(read_id(header, payload))).unwrap();
        assert!(ids == [0, 1] || ids == [0, 1, 2, 3], "{ids:?}");
    });
    FULL.expect("a refused write");
    WRITTEN.expect("a write after the drain");
}
