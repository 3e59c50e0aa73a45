//! A retained ring behind a cache: only bytes that were written back are there after a reset.
//!
//! The hook copies what it is called for from the ring's memory (the cache) to another one (the memory). After
//! each call the machine may be reset: the copy alone has to give back every event that was published by then.

use ringlog_nostd::{EventHeader, Recovery, Ring, RingOptions, required_len};
use std::cell::RefCell;
use std::ptr::NonNull;

const CAPACITY: usize = 256;
const MAX_PAYLOAD: usize = 40;
const START: usize = usize::MAX - 1023;

fn options() -> RingOptions {
    RingOptions {
        capacity: Some(CAPACITY),
        max_payload: Some(MAX_PAYLOAD),
        identity: 0xFEED_0001_0002_0003,
        boot: 1,
        start: START,
        retained: true,
    }
}

/// The memory behind the cache, and what it held after each call of the hook.
#[derive(Default)]
struct Memory {
    cache: usize,
    bytes: Vec<u8>,
    images: Vec<Vec<u8>>,
}

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::default();
}

fn write_back(start: *const u8, len: usize) {
    MEMORY.with_borrow_mut(|memory| {
        let from = start.addr() - memory.cache;
        // SAFETY: the producer calls this for bytes of its own ring, which it may read and nobody writes now.
        let dirty = unsafe { std::slice::from_raw_parts(start, len) };
        memory.bytes[from..from + len].copy_from_slice(dirty);
        memory.images.push(memory.bytes.clone());
    });
}

fn len() -> usize {
    required_len(CAPACITY, MAX_PAYLOAD)
}

/// The numbers of the events that recovery finds in an image.
fn recovered(image: &[u8]) -> (Recovery, Vec<u64>) {
    let mut words: Vec<u64> = image.chunks_exact(8).map(word_of).collect();
    let start = NonNull::from(&mut words[..]).cast();
    // SAFETY: the words are this function's alone.
    let (ring, recovery) = unsafe { Ring::recover(start, image.len(), &options()) }.unwrap();
    let (_, mut consumer) = ring.into_ends();
    let mut found = Vec::new();
    consumer
        .drain(usize::MAX, |header, payload| {
            assert_eq!(payload, vec![header.event_type; payload.len()]);
            found.push(header.timestamp);
        })
        .unwrap();
    (recovery, found)
}

/// Bytes of memory as the word that they are.
fn word_of(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().unwrap()).to_le()
}

#[test]
fn pitfall_15_a_reset_after_any_write_back_finds_every_published_event() {
    let mut cache = vec![0_u64; len() / 8];
    let start = NonNull::from(&mut cache[..]).cast::<u8>();
    MEMORY.with_borrow_mut(|memory| {
        *memory = Memory { cache: start.addr().get(), bytes: vec![0; len()], images: Vec::new() };
    });
    // SAFETY: the words live to the end, and this is the only ring in them.
    let (ring, _) = unsafe { Ring::recover(start, len(), &options()) }.unwrap();
    let (mut producer, mut consumer) = ring.write_back(write_back).into_ends();
    let take_images = || MEMORY.with_borrow_mut(|memory| std::mem::take(&mut memory.images));
    assert_eq!(
        recovered(take_images().last().unwrap()),
        (Recovery::Recovered { events: 0, cut: false }, vec![])
    );

    let mut released = 0;
    let mut checked = 0;
    for number in 0..200_u64 {
        let payload = vec![number as u8; number as usize * 7 % (MAX_PAYLOAD + 1)];
        let header = EventHeader::new(number, number as u8, payload.len() as u16);
        while !write(&mut producer, number, &header, &payload) {
            released += consumer.drain(2, |_, _| ()).unwrap() as u64;
        }
        for image in take_images() {
            let (recovery, found) = recovered(&image);
            assert!(matches!(recovery, Recovery::Recovered { .. }), "event {number}: {recovery:?}");
            // All that was published and not released; released ones may come again, the new one may be there.
            let first = found.first().copied().unwrap_or(released);
            assert!(first <= released, "event {number}: {released} released, {found:?}");
            assert!(found.iter().copied().eq(first..first + found.len() as u64), "{found:?}");
            assert!(found.last().map_or(released, |last| last + 1) >= number, "event {number}: {found:?}");
            checked += 1;
        }
        let memory = MEMORY.with_borrow(|memory| memory.bytes.clone());
        assert_eq!(recovered(&memory).1.last(), Some(&number));
    }
    assert!(checked > 600, "{checked}");
}

/// By each way of writing in turn.
fn write(
    producer: &mut ringlog_nostd::Producer<'_>,
    number: u64,
    header: &EventHeader,
    payload: &[u8],
) -> bool {
    match number % 3 {
        0 => producer.write_event(header, payload).is_ok(),
        1 => producer.claim(payload.len()).is_ok_and(|mut claim| {
            claim.payload_mut().copy_from_slice(payload);
            claim.commit(header).is_ok()
        }),
        _ => {
            let mut batch = producer.batch();
            batch.write_event(header, payload).is_ok() && batch.publish() == 1
        }
    }
}

#[test]
fn a_ring_that_is_not_retained_calls_nobody() {
    fn never(_: *const u8, _: usize) {
        panic!("called");
    }
    let mut memory = ringlog_nostd::AlignedBytes::<1024>::new();
    let ring = Ring::format(memory.as_mut(), 16).unwrap().write_back(never);
    let (mut producer, _consumer) = ring.into_ends();
    assert_eq!(producer.write_event(&EventHeader::new(1, 1, 0), b""), Ok(()));
}
