//! Does a task that awaits events always notice what was published, and the end?
//!
//! Races: the producer's store of `head` (or `closed`) and its load of the flag with the task's store of the flag and its
//! load of `head` and `closed`; taking the waker out of its place with putting it there. A lost wake-up is a deadlock,
//! which the model checker reports.
//!
//! Ends, signal and `ParkFlag` are the real ones. The place of the waker is a mutex of the model checker, where
//! the real one (the crate `atomic-waker`) has read-modify-writes with Acquire and Release. The executor is a thread that parks
//! between polls and is unparked by its waker.
#![cfg(ringlog_loom)]

use loom::thread;
use loom_tests::{ModelConsumer, ModelProducer, Seen, check_laps, read_id, ring, write};
use ringlog_nostd::{AsyncConsumer, AsyncProducer, AsyncSignal, EventHeader};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

type Awaited = AsyncConsumer<ModelConsumer, Arc<AsyncSignal>>;
type Waking = AsyncProducer<ModelProducer, Arc<AsyncSignal>>;

/// A task's waker.
struct Unparks(thread::Thread);

impl Wake for Unparks {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Returns what the future returns, and how often its thread slept.
fn block_on<T>(future: impl Future<Output = T>) -> (T, usize) {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unparks(thread::current())));
    let mut sleeps = 0;
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return (value, sleeps);
        }
        sleeps += 1;
        thread::park();
    }
}

fn connected(start: usize) -> (Waking, Awaited) {
    let (producer, consumer): (ModelProducer, ModelConsumer) = ring(64, 8, start);
    AsyncSignal::connect(Arc::new(AsyncSignal::new()), (producer, consumer)).unwrap()
}

fn write_event(producer: &mut Waking, id: u64) {
    write(id, 8, |header, payload| producer.write_event(header, payload)).unwrap();
}

/// Reads this number of events.
async fn read(consumer: &mut Awaited, events: u64) {
    for id in 0..events {
        let (header, payload) = consumer.read_event().await.expect("an event before the end");
        assert_eq!(read_id(&header, payload), id);
    }
}

/// Reads this number of events and the end.
async fn read_to_end(consumer: &mut Awaited, events: u64) {
    let mut next = 0;
    while consumer.ready().await {
        let take = |header: &EventHeader, payload: &[u8]| {
            assert_eq!(read_id(header, payload), next);
            next += 1;
        };
        assert_ne!(consumer.inner_mut().drain(usize::MAX, take).unwrap(), 0);
    }
    assert_eq!(next, events, "the end before the last event");
}

/// Publishes in a thread. A task reads all events and, if `to_end`, the end.
fn check_await(name: &str, bound: Option<usize>, events: u64, to_end: bool) {
    let seen = Arc::new([const { Seen::new() }; 2]);
    let noted = Arc::clone(&seen);
    check_laps(name, bound, [64, 40], move |start| {
        let (mut producer, mut consumer) = connected(start);
        let noted = Arc::clone(&noted);
        let reader = thread::spawn(move || {
            let ((), sleeps) = if to_end {
                block_on(read_to_end(&mut consumer, events))
            } else {
                block_on(read(&mut consumer, events))
            };
            noted[usize::from(sleeps > 0)].note();
        });
        for id in 0..events {
            write_event(&mut producer, id);
        }
        // If nobody waits for the end, closing comes too late to wake the task: only the events can.
        if to_end {
            drop(producer);
            reader.join().unwrap();
        } else {
            reader.join().unwrap();
            drop(producer);
        }
    });
    seen[0].expect("a task that never slept");
    seen[1].expect("a task that slept");
}

#[test]
fn a_task_hears_of_an_event() {
    check_await("await, event", None, 1, false);
}

#[test]
fn a_task_hears_of_each_event() {
    check_await("await, events", Some(3), 2, false);
}

#[test]
fn a_task_hears_of_the_end() {
    check_await("await, end", None, 0, true);
}

#[test]
fn a_task_hears_of_an_event_and_the_end() {
    check_await("await, event and end", Some(3), 1, true);
}

/// A future that has stored its waker and is dropped, as by a `select`; another one takes over, with another waker.
#[test]
fn a_future_that_is_dropped_loses_nothing() {
    let seen = Arc::new([const { Seen::new() }; 2]);
    let noted = Arc::clone(&seen);
    check_laps("await, dropped future", None, [64, 40], move |start| {
        let (mut producer, mut consumer) = connected(start);
        let noted = Arc::clone(&noted);
        let reader = thread::spawn(move || {
            let found = {
                let dropped = pin!(consumer.ready());
                dropped.poll(&mut Context::from_waker(Waker::noop())).is_ready()
            };
            let ((), sleeps) = block_on(read(&mut consumer, 1));
            noted[usize::from(!found && sleeps > 0)].note();
        });
        write_event(&mut producer, 0);
        reader.join().unwrap();
    });
    seen[0].expect("a first future that found the event, or a second one that did");
    seen[1].expect("a second future that slept");
}
