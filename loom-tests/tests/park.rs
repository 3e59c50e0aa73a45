//! Does a consumer that parks always notice what was published, and the end?
//!
//! Races: the producer's store of `head` (or `closed`) and its load of the flag with the consumer's store of the flag
//! and its load of `head` and `closed`; wake-ups with a consumer that is about to sleep. A lost wake-up is a deadlock,
//! which the model checker reports.
//!
//! The ring's ends and `ParkFlag` are the real ones. The loops around them are those of `NotifyProducer` and
//! `NotifyConsumer` in `ringlog-std/src/ring/notify.rs`, with the model's threads. (A wake-up orders more in the model
//! than `unpark` promises. Here only wake-ups that do not come matter.)
#![cfg(ringlog_loom)]

use loom::thread;
use loom_tests::{ModelConsumer, ModelProducer, Seen, check_laps, read_id, ring, write};
use ringlog_nostd::ParkFlag;
use std::sync::Arc;

/// A producer that wakes a sleeper.
struct Waking {
    producer: Option<ModelProducer>,
    flag: Arc<ParkFlag>,
    sleeper: thread::Thread,
}

impl Waking {
    fn write(&mut self, id: u64) {
        let producer = self.producer.as_mut().unwrap();
        write(id, 8, |header, payload| producer.write_event(header, payload)).unwrap();
        self.wake();
    }

    fn close(mut self) {
        self.producer = None;
        self.wake();
    }

    fn wake(&self) {
        if self.flag.is_wake_due() {
            self.sleeper.unpark();
        }
    }
}

/// Parks until there is something to read, or until the end. Returns how often it slept.
fn wait(consumer: &mut ModelConsumer, flag: &ParkFlag) -> usize {
    let mut sleeps = 0;
    loop {
        flag.raise();
        let closed = consumer.is_closed();
        if !consumer.is_empty() || closed {
            flag.lower();
            return sleeps;
        }
        sleeps += 1;
        thread::park();
    }
}

/// Publishes in a thread. The consumer waits and reads until it has all events and, if `to_end`, the end.
fn check_park(name: &str, events: u64, to_end: bool) {
    let seen = Arc::new([const { Seen::new() }; 2]);
    let noted = Arc::clone(&seen);
    check_laps(name, None, [64, 40], move |start| {
        let (producer, mut consumer) = ring(64, 8, start);
        let flag = Arc::new(ParkFlag::new());
        let (sleeping, noted) = (Arc::clone(&flag), Arc::clone(&noted));
        let reader = thread::spawn(move || {
            let (mut next, mut sleeps) = (0, 0);
            while next < events || (to_end && !consumer.is_finished()) {
                sleeps += wait(&mut consumer, &sleeping);
                while let Some((header, payload)) = consumer.read_event() {
                    assert_eq!(read_id(&header, payload), next);
                    next += 1;
                }
            }
            noted[usize::from(sleeps > 0)].note();
        });
        let mut waking = Waking { producer: Some(producer), flag, sleeper: reader.thread().clone() };
        for id in 0..events {
            waking.write(id);
        }
        // If nobody waits for the end, closing comes too late to wake the consumer: only the events can.
        if to_end {
            waking.close();
            reader.join().unwrap();
        } else {
            reader.join().unwrap();
            waking.close();
        }
    });
    seen[0].expect("a consumer that never slept");
    seen[1].expect("a consumer that slept");
}

#[test]
fn a_parked_consumer_hears_of_an_event() {
    check_park("park, event", 1, false);
}

#[test]
fn a_parked_consumer_hears_of_each_event() {
    check_park("park, events", 2, false);
}

#[test]
fn a_parked_consumer_hears_of_the_end() {
    check_park("park, end", 0, true);
}

#[test]
fn a_parked_consumer_hears_of_an_event_and_the_end() {
    check_park("park, event and end", 1, true);
}
