//! If a consumer saw the end of the stream, has it seen every event before the end?
//!
//! Races: the producer's last store of `head` and its store of `closed` with the consumer's loads of both.
#![cfg(ringlog_loom)]

use loom::thread;
use loom_tests::{ModelConsumer, Seen, check_laps, read_id, ring, write};

/// Writes two events and closes in a thread. `read_to_end` returns the ids that it read before it saw the end, or
/// `None` if it stopped waiting.
fn check_two_events(
    name: &str,
    read_to_end: impl Fn(&mut ModelConsumer) -> Option<Vec<u64>> + Send + Sync + 'static,
) {
    static ENDED: Seen = Seen::new();
    check_laps(name, None, [64, 48], move |start| {
        let (mut producer, mut consumer) = ring(64, 8, start);
        let writer = thread::spawn(move || {
            write(0, 8, |header, payload| producer.write_event(header, payload)).unwrap();
            write(1, 1, |header, payload| producer.write_event(header, payload)).unwrap();
        });
        if let Some(ids) = read_to_end(&mut consumer) {
            ENDED.note();
            assert_eq!(ids, [0, 1], "events after the end");
        }
        writer.join().unwrap();
        assert!(consumer.is_closed());
    });
    ENDED.expect("an end that was seen while the producer was running");
}

#[test]
fn finished_means_that_every_event_was_read() {
    check_two_events("close, is_finished", |consumer| {
        let mut ids = Vec::new();
        for _ in 0..4 {
            if consumer.is_finished() {
                return Some(ids);
            }
            ids.extend(consumer.read_event().map(|(header, payload)| read_id(&header, payload)));
            thread::yield_now();
        }
        None
    });
}

#[test]
fn a_drain_after_closed_takes_the_last_event() {
    check_two_events("close, drain", |consumer| {
        let mut ids = Vec::new();
        for _ in 0..3 {
            let closed = consumer.is_closed();
            consumer.drain(usize::MAX, |header, payload| ids.push(read_id(header, payload))).unwrap();
            if closed {
                return Some(ids);
            }
            thread::yield_now();
        }
        None
    });
}

/// The order matters, and the model would notice.
#[test]
#[should_panic(expected = "events after the end")]
fn asking_for_closed_after_the_last_look_loses_events() {
    check_two_events("close, wrong order", |consumer| {
        let mut ids = Vec::new();
        for _ in 0..3 {
            consumer.drain(usize::MAX, |header, payload| ids.push(read_id(header, payload))).unwrap();
            if consumer.is_closed() {
                return Some(ids);
            }
            thread::yield_now();
        }
        None
    });
}

#[test]
fn a_consumer_that_goes_does_not_disturb_the_producer() {
    static GONE: Seen = Seen::new();
    static THERE: Seen = Seen::new();
    check_laps("close, consumer", None, [64, 0], |start| {
        let (mut producer, mut consumer) = ring(64, 8, start);
        let reader =
            thread::spawn(move || consumer.read_event().map(|(header, payload)| read_id(&header, payload)));
        write(0, 8, |header, payload| producer.write_event(header, payload)).unwrap();
        write(1, 8, |header, payload| producer.write_event(header, payload)).unwrap();
        GONE.note_if(producer.is_closed());
        THERE.note_if(!producer.is_closed());
        let read = reader.join().unwrap();
        assert!(matches!(read, None | Some(0)), "{read:?}");
        assert!(producer.is_closed() && producer.fault().is_none());
    });
    GONE.expect("a consumer that had gone");
    THERE.expect("a consumer that was there");
}
