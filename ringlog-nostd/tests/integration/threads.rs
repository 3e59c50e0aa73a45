//! Two threads, a small ring, and events that the other side can check.

use ringlog_nostd::{
    AlignedBytes, Consumer, Delivery, EventHeader, Gap, Producer, Ring, RingOptions, StaticRing, WriteError,
};
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const MILLION: u64 = 1_000_000;

/// A multiplicative hash: neighbouring numbers have unlike events.
const fn mixed(number: u64) -> u64 {
    (number ^ 0x5851_F42D_4C95_7F2D).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn len_of(number: u64, max_payload: usize) -> usize {
    (mixed(number) >> 33) as usize % (max_payload + 1)
}

fn header_of(number: u64, len: usize) -> EventHeader {
    EventHeader::new(number, mixed(number) as u8, u16::try_from(len).unwrap()).with_flags(number as u8 & 15)
}

/// Every byte depends on the event's number and its place.
fn fill_payload(number: u64, payload: &mut [u8]) {
    let seed = mixed(number).to_le_bytes();
    for (i, byte) in payload.iter_mut().enumerate() {
        *byte = seed[i % 8] ^ i as u8;
    }
}

fn check(number: u64, max_payload: usize, header: &EventHeader, payload: &[u8]) {
    let len = len_of(number, max_payload);
    assert_eq!(header.as_user(), header_of(number, len));
    let seed = mixed(number).to_le_bytes();
    assert_eq!(payload.len(), len);
    assert!(payload.iter().enumerate().all(|(i, byte)| *byte == seed[i % 8] ^ i as u8), "event {number}");
}

/// Repeats until another thread makes room.
fn until_room<T>(mut attempt: impl FnMut() -> Result<T, WriteError>) -> T {
    loop {
        match attempt() {
            Ok(done) => return done,
            Err(WriteError::Full) => thread::yield_now(),
            Err(other) => panic!("{other}"),
        }
    }
}

/// Offers this number of events, numbered from 0, by every way of writing in turn. Then closes.
fn produce(mut producer: Producer<'_>, events: u64) {
    let max = producer.max_payload();
    let mut buffer = vec![0; max];
    let mut number = 0;
    while number < events {
        match number % 3 {
            0 => {
                let payload = &mut buffer[..len_of(number, max)];
                fill_payload(number, payload);
                until_room(|| producer.write_event(&header_of(number, payload.len()), payload));
                number += 1;
            }
            1 => {
                // Claims the most if there is room for it, and commits what is needed.
                let len = len_of(number, max);
                until_room(|| {
                    let mut claim = producer.claim(max.min(len + 9))?;
                    fill_payload(number, &mut claim.payload_mut()[..len]);
                    claim.commit(&header_of(number, len))
                });
                number += 1;
            }
            _ => number += produce_batch(&mut producer, number..events, &mut buffer),
        }
    }
}

fn produce_batch(producer: &mut Producer<'_>, numbers: Range<u64>, buffer: &mut [u8]) -> u64 {
    let max = producer.max_payload();
    let mut batch = producer.batch();
    let mut added = 0;
    for number in numbers.take(4) {
        let payload = &mut buffer[..len_of(number, max)];
        fill_payload(number, payload);
        if batch.write_event(&header_of(number, payload.len()), payload).is_err() {
            break;
        }
        added += 1;
    }
    assert_eq!(batch.publish() as u64, added);
    if added == 0 {
        thread::yield_now();
    }
    added
}

/// Takes events by every way of reading in turn, until the producer has closed and everything is read.
fn consume(mut consumer: Consumer<'_>, max: usize) -> u64 {
    let mut number = 0;
    let mut turn = 0;
    while !consumer.is_finished() {
        let before = number;
        match turn % 3 {
            0 => {
                while let Some((header, payload)) = consumer.read_event() {
                    check(number, max, &header, payload);
                    number += 1;
                }
            }
            1 => {
                let drained = consumer.drain(7, |header, payload| {
                    check(number, max, header, payload);
                    number += 1;
                });
                assert_eq!(drained, Ok((number - before) as usize));
            }
            _ => {
                let mut seen_bytes = 0;
                while let Some(mut run) = consumer.peek_run(seen_bytes).unwrap() {
                    while !run.is_done() {
                        let (header, payload) = run.peek().expect("a run is whole records");
                        check(number, max, &header, payload);
                        run.accept();
                        number += 1;
                    }
                    seen_bytes += run.accepted_bytes();
                }
                consumer.release_bytes(seen_bytes);
            }
        }
        turn += 1;
        if number == before {
            thread::yield_now();
        }
    }
    assert_eq!(consumer.fault(), None);
    number
}

fn run(producer: Producer<'_>, consumer: Consumer<'_>, events: u64) {
    let max = producer.max_payload();
    thread::scope(|scope| {
        scope.spawn(move || produce(producer, events));
        assert_eq!(consume(consumer, max), events);
    });
}

#[test]
fn a_million_events_through_a_small_static_ring() {
    static RING: StaticRing<512, 200> = StaticRing::new();
    let (producer, consumer) = RING.split().unwrap();
    run(producer, consumer, MILLION);
}

#[test]
fn one_of_many_threads_gets_the_ends() {
    static RINGS: [StaticRing<64, 16>; 300] = [const { StaticRing::new() }; 300];
    let splits = || RINGS.iter().filter(|ring| ring.split().is_ok()).count();
    let split = thread::scope(|scope| {
        let others: Vec<_> = (0..3).map(|_| scope.spawn(splits)).collect();
        splits() + others.into_iter().map(|other| other.join().unwrap()).sum::<usize>()
    });
    assert_eq!(split, RINGS.len());
}

/// In the smallest ring two events are a lap, so the positions change all the time.
#[test]
fn a_ring_at_work_is_never_called_damaged() {
    let mut words = vec![0_u64; Ring::required_len(32, 0) / 8];
    let (start, len) = (NonNull::from(&mut words[..]).cast::<u8>(), words.len() * 8);
    let options = RingOptions { capacity: Some(32), max_payload: Some(0), ..RingOptions::default() };
    // SAFETY: the words live to the end, and nobody else touches them but this ring's two ends.
    let (mut producer, mut consumer) = unsafe { Ring::format_raw(start, len, &options) }.unwrap().into_ends();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let _ = producer.write_event(&EventHeader::new(1, 1, 0), b"");
            }
        });
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                consumer.drain(usize::MAX, |_, _| ()).unwrap();
            }
        });
        let damaged = (0..200_000).filter(|_| {
            // SAFETY: as above; no end is made of what is found.
            unsafe { Ring::attach(start, len) }.is_err()
        });
        let damaged = damaged.count();
        stop.store(true, Ordering::Relaxed);
        assert_eq!(damaged, 0);
    });
}

#[test]
fn events_through_a_ring_of_one_record_across_the_wrap() {
    let mut memory = AlignedBytes::<1024>::new();
    let options =
        RingOptions { capacity: Some(64), start: usize::MAX - (1 << 20) + 1, ..RingOptions::default() };
    let (producer, consumer) = Ring::format_with(memory.as_mut(), &options).unwrap().into_ends();
    run(producer, consumer, MILLION / 10);
}

#[test]
fn events_through_a_retained_ring() {
    let mut memory = AlignedBytes::<{ 1 << 14 }>::new();
    let options =
        RingOptions { max_payload: Some(64), identity: 77, retained: true, ..RingOptions::default() };
    let (producer, consumer) = Ring::format_with(memory.as_mut(), &options).unwrap().into_ends();
    run(producer, consumer, MILLION / 5);
}

#[test]
fn a_lossy_million_is_there_or_reported_in_its_place() {
    let mut memory = AlignedBytes::<2048>::new();
    let ring = Ring::format(memory.as_mut(), 64).unwrap();
    let (producer, mut consumer) = ring.into_ends();
    let mut producer = producer.lossy();
    thread::scope(|scope| {
        let written = scope.spawn(move || {
            let mut buffer = [0; 64];
            let mut written = 0;
            for number in 0..MILLION {
                let payload = &mut buffer[..len_of(number, 64)];
                fill_payload(number, payload);
                let delivery = producer.write_event(&header_of(number, payload.len()), payload).unwrap();
                written += u64::from(delivery == Delivery::Written);
            }
            written
        });
        let (mut next, mut events) = (0, 0);
        while !consumer.is_finished() {
            let taken = consumer.drain(usize::MAX, |header, payload| {
                if let Some(gap) = Gap::from_event(header, payload) {
                    assert_eq!(header.timestamp, next);
                    next += gap.count;
                } else {
                    check(next, 64, header, payload);
                    next += 1;
                    events += 1;
                }
            });
            if taken == Ok(0) {
                thread::yield_now();
            }
        }
        let pending = consumer.pending_loss().map_or(0, |loss| loss.count);
        assert_eq!(next + pending, MILLION);
        assert_eq!(events, written.join().unwrap());
    });
}
