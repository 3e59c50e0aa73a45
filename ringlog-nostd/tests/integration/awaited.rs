//! A task that awaits events is woken by each publication that it would otherwise sleep through, and by nothing else.

use ringlog_nostd::{
    AlignedBytes, AlreadyConnected, AsyncSignal, Delivery, EventHeader, Gap, Ring, RingFault, StaticRing,
    WriteError,
};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Far longer than any wake-up takes: waiting this long means that one was lost.
const LOST: Duration = Duration::from_secs(20);

/// Counts how often a task is woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Woken {
    /// Returns how often the task was woken since the last call.
    fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

struct Unparks(Thread);

impl Wake for Unparks {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread, which sleeps until the task is woken.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unparks(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        let start = Instant::now();
        thread::park_timeout(LOST);
        assert!(start.elapsed() < LOST, "no wake-up came");
    }
}

fn header(time: u64) -> EventHeader {
    EventHeader::new(time, 7, 0)
}

/// Runs `test` with the ends of a small ring, a context, and what counts its wake-ups.
macro_rules! with_ends {
    (|$producer:ident, $consumer:ident, $context:ident, $woken:ident| $test:block) => {
        let mut memory = AlignedBytes::<512>::new();
        let mut ring = Ring::format(memory.as_mut(), 16).unwrap();
        let signal = AsyncSignal::new();
        #[allow(unused_mut, reason = "some tests only drop it")]
        let (mut $producer, mut $consumer) = AsyncSignal::connect(&signal, ring.split()).unwrap();
        let $woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&$woken));
        let mut $context = Context::from_waker(&waker);
        $test
    };
}

#[test]
fn a_task_that_waits_is_woken_once_by_an_event() {
    with_ends!(|producer, consumer, context, woken| {
        for time in 0..3 {
            assert_eq!(consumer.poll_ready(&mut context), Poll::Pending);
            producer.write_event(&header(time), b"").unwrap();
            producer.write_event(&header(time), b"").unwrap();
            assert_eq!(woken.take(), 1, "it waits once");
            assert_eq!(consumer.poll_ready(&mut context), Poll::Ready(true));
            assert_eq!(consumer.inner_mut().drain(usize::MAX, |_, _| ()), Ok(2));
        }
    });
}

#[test]
fn a_task_that_finds_an_event_is_not_woken() {
    with_ends!(|producer, consumer, context, woken| {
        producer.write_event(&header(0), b"").unwrap();
        assert_eq!(consumer.poll_ready(&mut context), Poll::Ready(true));
        producer.write_event(&header(1), b"").unwrap();
        assert_eq!(woken.take(), 0);
    });
}

#[test]
fn an_event_that_is_refused_wakes_nobody() {
    with_ends!(|producer, consumer, context, woken| {
        assert_eq!(consumer.poll_ready(&mut context), Poll::Pending);
        let wrong = producer.write_event(&header(0), b"ab");
        assert!(matches!(wrong, Err(WriteError::LengthMismatch { .. })));
        assert_eq!(woken.take(), 0);
        producer.write_event(&header(0), b"").unwrap();
        assert_eq!(woken.take(), 1);
    });
}

#[test]
fn the_end_wakes_a_task_and_comes_after_the_last_event() {
    with_ends!(|producer, consumer, context, woken| {
        assert_eq!(consumer.poll_ready(&mut context), Poll::Pending);
        drop(producer);
        assert_eq!(woken.take(), 1);
        assert_eq!(consumer.poll_ready(&mut context), Poll::Ready(false));
        assert_eq!(consumer.poll_ready(&mut context), Poll::Ready(false), "again");
    });
    with_ends!(|producer, consumer, context, woken| {
        producer.write_event(&header(0), b"").unwrap();
        drop(producer);
        assert_eq!(consumer.poll_ready(&mut context), Poll::Ready(true));
        assert!(block_on(consumer.read_event()).is_some());
        assert_eq!(block_on(consumer.read_event()), None);
        assert_eq!(woken.take(), 0, "nobody waited");
    });
}

#[test]
fn each_way_to_publish_wakes_a_task() {
    with_ends!(|producer, consumer, context, woken| {
        assert_eq!(consumer.poll_ready(&mut context), Poll::Pending);
        let mut expect_wake = |woken: &Woken| {
            assert_eq!(woken.take(), 1);
            assert_eq!(consumer.inner_mut().drain(usize::MAX, |_, _| ()), Ok(1));
            assert_eq!(consumer.poll_ready(&mut context), Poll::Pending);
        };
        producer.write_event(&header(0), b"").unwrap();
        expect_wake(&woken);
        producer.with(|producer| producer.claim(0).unwrap().commit(&header(1)).unwrap());
        expect_wake(&woken);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            producer.with(|producer| {
                producer.write_event(&header(2), b"").unwrap();
                panic!("after a publication");
            })
        }));
        assert!(panicked.is_err());
        expect_wake(&woken);
        let mut producer = producer.lossy();
        assert_eq!(woken.take(), 0, "it is the same producer");
        assert_eq!(producer.write_event(&header(3), b""), Ok(Delivery::Written));
        expect_wake(&woken);
    });
}

/// A GAP record is an event for the task, also where it takes the place of the event that is lost.
#[test]
fn a_gap_record_wakes_a_task() {
    with_ends!(|producer, consumer, context, woken| {
        let mut producer = producer.lossy();
        while producer.write_event(&header(1), b"") == Ok(Delivery::Written) {}
        consumer.inner_mut().drain(usize::MAX, |_, _| ()).unwrap();
        assert_eq!(consumer.poll_ready(&mut context), Poll::Pending);
        assert_eq!(producer.flush(), Ok(true));
        assert_eq!(woken.take(), 1);
        let (header, payload) = block_on(consumer.read_event()).unwrap();
        assert_eq!(Gap::from_event(&header, payload).unwrap().count, 1);
    });

    // A ring that never holds a GAP record and an event.
    static RING: StaticRing<32, 16> = StaticRing::new();
    static SIGNAL: AsyncSignal = AsyncSignal::new();
    let (producer, mut consumer) = AsyncSignal::connect(&SIGNAL, RING.split().unwrap()).unwrap();
    let mut producer = producer.lossy();
    let long = EventHeader::new(1, 7, 16);
    while producer.write_event(&long, &[0; 16]) == Ok(Delivery::Written) {}
    consumer.inner_mut().drain(usize::MAX, |_, _| ()).unwrap();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    assert_eq!(consumer.poll_ready(&mut Context::from_waker(&waker)), Poll::Pending);
    assert_eq!(producer.write_event(&long, &[0; 16]), Ok(Delivery::Lost));
    assert_eq!(woken.take(), 1);
    assert!(block_on(consumer.read_event()).unwrap().0.is_gap());
}

#[test]
fn the_task_that_asked_last_is_woken() {
    with_ends!(|producer, consumer, context, woken| {
        let other = Arc::new(Woken::default());
        let other_waker = Waker::from(Arc::clone(&other));
        assert_eq!(consumer.poll_ready(&mut context), Poll::Pending);
        assert_eq!(consumer.poll_ready(&mut Context::from_waker(&other_waker)), Poll::Pending);
        producer.write_event(&header(0), b"").unwrap();
        assert_eq!((woken.take(), other.take()), (0, 1));
    });
}

#[test]
fn a_future_that_is_dropped_loses_nothing() {
    with_ends!(|producer, consumer, context, woken| {
        {
            let dropped = pin!(consumer.read_event());
            assert!(dropped.poll(&mut context).is_pending());
        }
        producer.write_event(&header(5), b"").unwrap();
        assert_eq!(woken.take(), 1);
        {
            let dropped = pin!(consumer.ready());
            assert_eq!(dropped.poll(&mut context), Poll::Ready(true));
        }
        assert_eq!(block_on(consumer.read_event()).unwrap().0.timestamp, 5);
    });
}

/// A task that sleeps holds no space: a producer could wait for it.
#[test]
fn a_task_that_waits_has_released_the_event_that_it_read() {
    with_ends!(|producer, consumer, context, woken| {
        producer.write_event(&header(0), b"").unwrap();
        assert!(block_on(consumer.read_event()).is_some());
        assert_eq!(producer.with(|producer| producer.used()), 16, "the event is lent");
        assert_eq!(consumer.poll_ready(&mut context), Poll::Pending);
        assert_eq!(producer.with(|producer| producer.used()), 0);
        assert_eq!(woken.take(), 1, "`with` always wakes");
    });
}

#[test]
fn a_corrupt_ring_ends_and_says_so() {
    let mut memory = AlignedBytes::<512>::new();
    let len = memory.as_mut().len();
    let (mut producer, consumer) = Ring::format(memory.as_mut(), 16).unwrap().into_ends();
    producer.write_event(&header(1), b"").unwrap();
    drop((producer, consumer));
    let control_words = Ring::required_len(256, 16) - 256 - 32;
    memory.as_mut()[control_words..].fill(0);
    let start = NonNull::from(memory.as_mut()).cast();
    // SAFETY: the memory outlives both ends, and nothing else uses it.
    let ring = unsafe { Ring::attach(start, len) }.unwrap();
    let signal = AsyncSignal::new();
    let (_producer, mut consumer) = AsyncSignal::connect(&signal, ring.into_ends()).unwrap();
    let fault = RingFault::Record { position: 0 };
    assert_eq!(block_on(consumer.try_read_event()), Err(fault));
    assert_eq!(block_on(consumer.read_event()), None);
    assert!(!block_on(consumer.ready()));
    assert_eq!(block_on(consumer.try_read_event()), Err(fault));
}

#[test]
fn a_signal_is_for_one_pair() {
    let mut memory = AlignedBytes::<512>::new();
    let mut ring = Ring::format(memory.as_mut(), 16).unwrap();
    let signal = AsyncSignal::default();
    drop(AsyncSignal::connect(&signal, ring.split()).unwrap());
    assert_eq!(AsyncSignal::connect(&signal, ring.split()).err(), Some(AlreadyConnected));
}

/// The task empties the ring and sleeps again at once, so that nearly every event races with a sleep.
#[test]
fn no_wake_up_is_lost_between_threads() {
    const EVENTS: u64 = 100_000;
    static RING: StaticRing<1024, 16> = StaticRing::new();
    let signal = Arc::new(AsyncSignal::new());
    let (mut producer, mut consumer) = AsyncSignal::connect(signal, RING.split().unwrap()).unwrap();
    let reader = thread::spawn(move || {
        block_on(async {
            let mut next = 0;
            while let Some((header, _)) = consumer.read_event().await {
                assert_eq!(header.timestamp, next);
                next += 1;
            }
            next
        })
    });
    for time in 0..EVENTS {
        while producer.write_event(&header(time), b"") == Err(WriteError::Full) {
            thread::yield_now();
        }
        for _ in 0..time % 64 {
            std::hint::spin_loop();
        }
    }
    drop(producer);
    assert_eq!(reader.join().unwrap(), EVENTS);
}
