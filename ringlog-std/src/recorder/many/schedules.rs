//! Tests a group's producers and the recorder's side of their rings, in any order of their steps.
//!
//! As `storage/tests/schedules`, under shuttle: another thread may continue at each lock, at each look at the news and at each
//! step of a producer that is inside. The gate and the words of the rings are not scheduled: they have models in `loom-tests`.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ringlog_nostd::{EventHeader, Gap, RingOptions, WriteError};
use shuttle::thread;

use super::error::ProducersError;
use super::group::Group;
use super::order::Order;
use super::pooled::{Pooled, PooledProducer, ProducerKind};
use super::rings::Rings;
use crate::consumer::{EventConsumer, EventDispatcher};
use crate::os::sync::AtomicBool;
use crate::ring::{Lent, Producer};
use crate::storage::tests::schedules::world::{below, more_schedules};

const THREADS: u64 = 3;
const LIVES: u64 = 2;
const EVENTS: u64 = 3;
const MAX_PRODUCERS: u64 = 2;
/// A schedule takes a tenth of a millisecond here, so there are this many times as many as for the other questions.
const TIMES: usize = 20;

/// What the log would have got.
#[derive(Default)]
struct Taken {
    /// Of each producer's life, the number of its next event.
    next: [u64; (THREADS * LIVES) as usize],
    events: u64,
    /// By GAP records, and those that none reports.
    lost: u64,
}

impl EventConsumer for Taken {
    fn consume(&mut self, header: &EventHeader, payload: &[u8]) -> bool {
        if header.is_gap() {
            self.lost += Gap::from_payload(payload).unwrap().count;
            return true;
        }
        let next = &mut self.next[payload[0] as usize];
        assert!(u64::from(payload[1]) >= *next, "event {} again, or out of its order", payload[1]);
        *next = u64::from(payload[1]) + 1;
        self.events += 1;
        true
    }

    fn name(&self) -> &str {
        "taken"
    }
}

/// Writes some events. Others may run before and after each, while this thread is inside.
fn write_some<P: ProducerKind>(
    mut producer: Pooled<P>,
    life: u64,
    write: impl Fn(&mut Lent<'_, P>, &EventHeader, &[u8]) -> bool,
) -> u64 {
    let mut accepted = 0;
    for index in 0..=below(EVENTS) {
        let header = EventHeader::new(below(100), 7, 2);
        let written = producer.with(|inner| {
            thread::yield_now();
            let written = write(inner, &header, &[life as u8, index as u8]);
            thread::yield_now();
            written
        });
        match written {
            Ok(is_accepted) => accepted += u64::from(is_accepted),
            Err(error) => {
                assert_eq!(error, WriteError::Closed);
                break;
            }
        }
    }
    if below(8) == 0 {
        std::mem::forget(producer);
    }
    accepted
}

/// A producer's life. Returns how many events were accepted, lost ones included.
fn live(group: &Arc<Group>, life: u64) -> u64 {
    match PooledProducer::new(group) {
        Err(error) => {
            assert!(matches!(error, ProducersError::Closed | ProducersError::TooMany { .. }), "{error}");
            0
        }
        Ok(producer) if below(2) == 0 => write_some(producer.lossy(), life, |inner, header, payload| {
            inner.write_event(header, payload).unwrap();
            true
        }),
        Ok(producer) => write_some(producer, life, |inner: &mut Lent<'_, Producer>, header, payload| {
            inner.write_event(header, payload).is_ok()
        }),
    }
}

/// Drains until the stop, and then what is left. Returns what was taken, and whether all have left.
fn record(mut rings: Rings, stop: &AtomicBool) -> (Taken, bool) {
    let mut taken = Taken::default();
    let mut dispatcher = EventDispatcher::new();
    dispatcher.add_required(&mut taken);
    while !stop.load(Ordering::Relaxed) && !rings.is_abandoned() {
        rings.take_news();
        rings.round(&mut dispatcher, false).unwrap();
        thread::yield_now();
    }
    let are_seats_final = rings.shut();
    // The real recorder looks for a second.
    let mut looks = 0..below(3);
    while !rings.have_left() && looks.next().is_some() {
        rings.round(&mut dispatcher, false).unwrap();
        thread::yield_now();
    }
    let have_left = rings.have_left() && are_seats_final;
    rings.mark();
    loop {
        rings.round(&mut dispatcher, true).unwrap();
        if rings.is_drained() || !have_left && rings.is_past_mark() && rings.is_sorted() {
            break;
        }
    }
    drop(dispatcher);
    taken.lost += rings.losses().map(|loss| loss.count).sum::<u64>();
    (taken, have_left)
}

/// Is each event that a producer wrote taken, once and in its order, or counted as lost, while producers come, end, are leaked
/// and are stopped?
///
/// Unless one does not leave: then the recorder says so.
#[test]
fn what_was_accepted_is_taken_or_counted_unless_a_producer_did_not_leave() {
    /// Schedules in which a producer did not leave, all left without a loss, and with one.
    static OUTCOMES: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];
    more_schedules(TIMES, || {
        let ring = RingOptions { capacity: Some(64), max_payload: Some(16), ..RingOptions::default() };
        let group = Arc::new(Group::new(ring, MAX_PRODUCERS as usize).unwrap());
        let order =
            [Order::Arrival, Order::Timestamp { window: Duration::from_millis(1) }][below(2) as usize];
        let rings = Rings::new(Arc::clone(&group), order);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let recorder = thread::spawn(move || record(rings, &stopped));
        let producers: Vec<_> = (0..THREADS)
            .map(|number| {
                let group = Arc::clone(&group);
                thread::spawn(move || [0, 1].map(|life| live(&group, number * LIVES + life)))
            })
            .collect();
        drop(group);
        if below(2) == 0 {
            for _ in 0..below(20) {
                thread::yield_now();
            }
            stop.store(true, Ordering::Relaxed);
        }
        let accepted: u64 = producers.into_iter().flat_map(|producer| producer.join().unwrap()).sum();
        // A producer that was leaked keeps the group.
        stop.store(true, Ordering::Relaxed);
        let (taken, have_left) = recorder.join().unwrap();
        let outcome = match (have_left, taken.lost) {
            (false, _) => 0,
            (true, 0) => 1,
            (true, _) => 2,
        };
        OUTCOMES[outcome].fetch_add(1, Ordering::Relaxed);
        if have_left {
            assert_eq!(taken.events + taken.lost, accepted);
        }
    });
    let outcomes = OUTCOMES.each_ref().map(|count| count.load(Ordering::Relaxed));
    assert!(outcomes.iter().all(|count| *count > 0), "never seen: {outcomes:?}");
}
