//! A consumer that parks is woken by every publication that it would otherwise sleep through.

use ringlog::event::EventHeader;
use ringlog::ring::{SpscRingBuffer, WriteError};
use std::time::Duration;

/// Far longer than any wake-up takes: waiting this long means that one was lost.
const LOST: Duration = Duration::from_secs(20);

/// The consumer empties the ring and parks again at once, so that nearly every event races with a park.
#[test]
fn pitfall_08_no_wake_up_is_lost() {
    const EVENTS: u64 = 200_000;
    let (mut producer, mut consumer) = SpscRingBuffer::new(1024).split_notify();
    let reader = std::thread::spawn(move || {
        let mut next = 0;
        while next < EVENTS {
            assert!(consumer.wait(Some(LOST)), "no wake-up for event {next}");
            consumer
                .inner_mut()
                .drain(usize::MAX, |header, _| {
                    assert_eq!(header.timestamp, next);
                    next += 1;
                })
                .unwrap();
        }
    });
    for time in 0..EVENTS {
        while producer.write_event(&EventHeader::new(time, 0, 0), b"") == Err(WriteError::Full) {
            std::thread::yield_now();
        }
        for _ in 0..time % 64 {
            std::hint::spin_loop();
        }
    }
    reader.join().unwrap();
}

#[test]
fn a_parked_consumer_learns_that_the_producer_has_gone() {
    let (producer, mut consumer) = SpscRingBuffer::new(1024).split_notify();
    let reader = std::thread::spawn(move || {
        let start = std::time::Instant::now();
        let has_events = consumer.wait(Some(LOST));
        (has_events, consumer.inner_mut().is_finished(), start.elapsed() < LOST)
    });
    std::thread::sleep(Duration::from_millis(20));
    drop(producer);
    assert_eq!(reader.join().unwrap(), (false, true, true));
}

#[test]
fn a_closure_that_panics_after_a_publication_wakes_the_consumer_all_the_same() {
    let (mut producer, mut consumer) = SpscRingBuffer::new(1024).split_notify();
    let reader = std::thread::spawn(move || {
        let start = std::time::Instant::now();
        (consumer.wait(Some(LOST)), start.elapsed() < LOST)
    });
    std::thread::sleep(Duration::from_millis(20));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        producer.with(|producer| {
            producer.write_event(&EventHeader::new(0, 0, 0), b"").unwrap();
            panic!("after a publication");
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(reader.join().unwrap(), (true, true));
}

#[test]
fn waiting_ends_at_its_limit() {
    let (_producer, mut consumer) = SpscRingBuffer::new(1024).split_notify();
    assert!(!consumer.wait(Some(Duration::from_millis(5))));
}
