//! A retained ring in cached memory: only bytes that were written back are there after a reset.
//!
//! The hook copies the bytes that it is called for from the ring's memory (the cache) to another one (the memory). The
//! machine may be reset after each call: the copy alone must return every event that was published by then.

use ringlog_nostd::{Delivery, EventHeader, Gap, Recovery, Ring, RingOptions};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
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

/// The memory under the cache, and its content after each call of the hook.
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
        // SAFETY: the producer calls this for bytes of its ring, which it may read and nobody writes now.
        let dirty = unsafe { std::slice::from_raw_parts(start, len) };
        memory.bytes[from..from + len].copy_from_slice(dirty);
        memory.images.push(memory.bytes.clone());
    });
}

fn len() -> usize {
    Ring::required_len(CAPACITY, MAX_PAYLOAD)
}

/// Makes a ring whose memory is cached in these words. One ring for each thread.
fn cached_ring(cache: &mut [u64]) -> Ring<'_> {
    after_a_reset(cache, vec![0; len()]).0
}

/// Recovers a ring from memory that holds these bytes.
fn after_a_reset(cache: &mut [u64], bytes: Vec<u8>) -> (Ring<'_>, Recovery) {
    cache.iter_mut().zip(bytes.chunks_exact(8)).for_each(|(word, bytes)| *word = word_of(bytes));
    let start = NonNull::from(cache).cast::<u8>();
    MEMORY.with_borrow_mut(|memory| {
        *memory = Memory { cache: start.addr().get(), bytes, images: Vec::new() };
    });
    // SAFETY: the words are borrowed as long as the ring is there, and this is the only ring in them.
    let (ring, recovery) = unsafe { Ring::recover(start, len(), &options()) }.unwrap();
    (ring.write_back(write_back), recovery)
}

fn take_images() -> Vec<Vec<u8>> {
    MEMORY.with_borrow_mut(|memory| std::mem::take(&mut memory.images))
}

fn memory_now() -> Vec<u8> {
    MEMORY.with_borrow(|memory| memory.bytes.clone())
}

/// Returns the numbers of the events that recovery finds in an image.
fn recovered(image: &[u8]) -> (Recovery, Vec<u64>) {
    let mut words: Vec<u64> = image.chunks_exact(8).map(word_of).collect();
    let start = NonNull::from(&mut words[..]).cast();
    // SAFETY: only this function uses the words.
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

/// Returns the word that these bytes of memory are.
fn word_of(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().unwrap()).to_le()
}

#[test]
fn pitfall_15_a_reset_after_any_write_back_finds_every_published_event() {
    let mut cache = vec![0_u64; len() / 8];
    let ring = cached_ring(&mut cache);
    let (mut producer, mut consumer) = ring.into_ends();
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
            // All events that were published and not released. Released ones may come again; the new one may be there.
            let first = found.first().copied().unwrap_or(released);
            assert!(first <= released, "event {number}: {released} released, {found:?}");
            assert!(found.iter().copied().eq(first..first + found.len() as u64), "{found:?}");
            assert!(found.last().map_or(released, |last| last + 1) >= number, "event {number}: {found:?}");
            checked += 1;
        }
        let memory = memory_now();
        assert_eq!(recovered(&memory).1.last(), Some(&number));
    }
    assert!(checked > 600, "{checked}");
}

/// Writes by each way of writing in turn.
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

/// What became of the events, by number: those that are there, and those that a GAP record or the count reports as
/// lost.
#[derive(Clone, Default)]
struct Reported {
    events: BTreeMap<u64, Fate>,
    lost: Vec<Range<u64>>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Fate {
    Written,
    Lost,
}

impl Reported {
    fn add(&mut self, header: &EventHeader, payload: &[u8]) {
        match Gap::from_event(header, payload) {
            Some(gap) => self.lose(header.timestamp, gap.count),
            None => self.note(header.timestamp, Fate::Written),
        }
    }

    fn lose(&mut self, first: u64, count: u64) {
        for number in first..first + count {
            self.note(number, Fate::Lost);
        }
        self.lost.push(first..first + count);
    }

    fn note(&mut self, number: u64, fate: Fate) {
        assert_eq!(*self.events.entry(number).or_insert(fate), fate, "event {number}");
    }

    fn has_lost(&self, loss: &Range<u64>) -> bool {
        self.lost.iter().any(|reported| reported.start < loss.end && loss.start < reported.end)
    }
}

/// Returns what memory says after a reset: the records, and the losses that the next producer must still report.
fn found_in(image: &[u8]) -> (Reported, Option<Range<u64>>) {
    let mut words: Vec<u64> = image.chunks_exact(8).map(word_of).collect();
    let start = NonNull::from(&mut words[..]).cast();
    // SAFETY: only this function uses the words.
    let (ring, _) = unsafe { Ring::recover(start, image.len(), &options()) }.unwrap();
    let (producer, mut consumer) = ring.into_ends();
    let mut reported = Reported::default();
    consumer.drain(usize::MAX, |header, payload| reported.add(header, payload)).unwrap();
    let loss = producer.pending_loss();
    (reported, loss.map(|loss| loss.first_timestamp..loss.first_timestamp + loss.count))
}

#[test]
fn losses_are_reported_once_whenever_the_reset_comes() {
    let mut cache = vec![0_u64; len() / 8];
    let ring = cached_ring(&mut cache);
    let (producer, mut consumer) = ring.into_ends();
    let mut producer = producer.lossy();
    let mut released = Reported::default();
    let mut pending_seen = 0;
    for number in 0..600_u64 {
        let payload = [number as u8; 5];
        let header = EventHeader::new(number, number as u8, 5);
        if producer.write_event(&header, &payload).unwrap() == Delivery::Lost && number % 16 == 15 {
            consumer.drain(3, |header, payload| released.add(header, payload)).unwrap();
        }
        let during = take_images();
        let after = memory_now();
        let images = during.into_iter().map(|image| (image, number)).chain([(after, number + 1)]);
        for (image, sure) in images {
            let (found, pending) = found_in(&image);
            for (at, loss) in found.lost.iter().enumerate() {
                assert!(found.lost.iter().skip(at + 1).all(|other| other != loss), "event {number}: twice");
            }
            let mut all = released.clone();
            found.events.iter().for_each(|(number, fate)| all.note(*number, *fate));
            if let Some(loss) = pending {
                pending_seen += 1;
                assert!(
                    !found.has_lost(&loss) && !released.has_lost(&loss),
                    "event {number}: {loss:?} again"
                );
                all.lose(loss.start, loss.end - loss.start);
            }
            // What became of an event is known once the call has returned.
            let numbers: Vec<u64> = all.events.keys().copied().collect();
            assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>(), "event {number}");
            assert!(numbers.len() as u64 >= sure, "event {number}: {} of {sure}", numbers.len());
        }
    }
    assert!(released.lost.len() > 20 && pending_seen > 20, "{} and {pending_seen}", released.lost.len());
}

#[test]
fn what_a_flight_recorder_overwrites_is_counted_whenever_the_reset_comes() {
    let mut cache = vec![0_u64; len() / 8];
    let ring = cached_ring(&mut cache);
    let mut recorder = ring.overwrite_oldest();
    // Events below `read` were given out.
    let (mut read, mut both) = (0, 0);
    for number in 0..400_u64 {
        // From time to time an event that needs the room of several.
        let payload = vec![number as u8; if number % 5 == 0 { MAX_PAYLOAD } else { 1 }];
        let header = EventHeader::new(number, number as u8, payload.len() as u16);
        recorder.write_event(&header, &payload).unwrap();
        if number % 50 == 49 {
            let (gap, payload) = recorder.read_event().unwrap();
            let lost = gap.timestamp..gap.timestamp + Gap::from_event(&gap, payload).unwrap().count;
            assert_eq!(recorder.overwritten(), None, "what is lent");
            let while_lent = memory_now();
            assert_eq!(found_in(&while_lent).1, Some(lost.clone()), "event {number}: nowhere");
            assert_eq!((lost.start, recorder.read_event().unwrap().0.timestamp), (read, lost.end));
            let after_telling = memory_now();
            assert_eq!(found_in(&after_telling).1, None, "event {number}: would be reported again");
            read = lost.end + 1;
        }
        let mut images = take_images();
        images.push(memory_now());
        for image in images {
            let (found, counted) = found_in(&image);
            let Some((&first, _)) = found.events.first_key_value() else {
                assert_eq!(number, 0, "nothing is there");
                continue;
            };
            let last = *found.events.last_key_value().unwrap().0;
            assert_eq!(found.events.len() as u64, last - first + 1, "event {number}");
            assert!(number - last <= 1, "event {number}: {last} is the last");
            let counted = counted.unwrap_or(read..read);
            assert!(
                counted.start <= read && counted.end >= first,
                "event {number}: {counted:?}, then {first}"
            );
            both += u64::from(counted.end > first);
        }
    }
    assert!(both > 0, "no reset came between the count and the position");
}

/// Offsets of the head and of the data, in bytes, as `control.rs` documents them.
const HEAD: Range<usize> = if usize::BITS == 64 { 128..136 } else { 32..36 };
const DATA: usize = if usize::BITS == 64 { 384 } else { 64 };

/// Returns memory in which a life of the ring left events 0 to 7, none of them released.
fn after_a_life() -> Vec<u8> {
    let mut cache = vec![0_u64; len() / 8];
    let (mut producer, _consumer) = cached_ring(&mut cache).into_ends();
    for number in 0..8 {
        producer.write_event(&EventHeader::new(number, number as u8, 1), &[number as u8]).unwrap();
    }
    memory_now()
}

#[test]
fn what_an_earlier_life_left_is_wiped_in_memory_too() {
    let old = after_a_life();
    assert_eq!(recovered(&old).1, [0, 1, 2, 3, 4, 5, 6, 7]);
    // Its control words are damaged, so the ring is made anew.
    let mut damaged = old.clone();
    damaged[size_of::<usize>()] ^= 0xFF;
    let mut cache = vec![0_u64; len() / 8];
    let (ring, recovery) = after_a_reset(&mut cache, damaged);
    assert!(!matches!(recovery, Recovery::Recovered { .. }), "{recovery:?}");
    drop(ring.into_ends());
    // A damaged head that equals the old one brings nothing back.
    let mut memory = memory_now();
    memory[HEAD].copy_from_slice(&old[HEAD]);
    assert_eq!(recovered(&memory).1, []);
}

#[test]
fn what_was_after_a_cut_is_wiped_in_memory_too() {
    let mut damaged = after_a_life();
    // Each record is 24 bytes long, and the first starts at the beginning of a lap: the payload of event 3.
    damaged[DATA + 3 * 24 + 16] ^= 1;
    let mut cache = vec![0_u64; len() / 8];
    let (ring, recovery) = after_a_reset(&mut cache, damaged);
    assert_eq!(recovery, Recovery::Recovered { events: 3, cut: true });
    drop(ring.into_ends());
    let memory = memory_now();
    assert!(memory[DATA + 3 * 24..][..5 * 24].iter().all(|&byte| byte == 0));
    assert_eq!(recovered(&memory), (Recovery::Recovered { events: 3, cut: false }, vec![0, 1, 2]));
}

/// Returns whether the layout word in an image has the overwriting bit, as `control.rs` documents it.
fn says_overwriting(image: &[u8]) -> bool {
    let at = size_of::<usize>();
    let word: [u8; size_of::<usize>()] = image[at..2 * at].try_into().unwrap();
    usize::from_le_bytes(word).to_le() & 1 << 15 != 0
}

#[test]
fn memory_knows_a_flight_recorder_before_anything_is_overwritten() {
    let mut cache = vec![0_u64; len() / 8];
    let ring = cached_ring(&mut cache);
    assert!(!says_overwriting(&memory_now()));
    let mut recorder = ring.overwrite_oldest();
    assert!(says_overwriting(&memory_now()));
    recorder.write_event(&EventHeader::new(1, 1, 0), b"").unwrap();
    drop(recorder);
    assert_eq!(recovered(&memory_now()), (Recovery::Recovered { events: 1, cut: false }, vec![1]));
}

#[test]
fn a_flight_recorder_that_continues_with_plain_ends_is_none_any_more() {
    type Call = fn(Ring<'_>);
    let calls: [(&str, Call); 3] = [
        ("split", |mut ring| drop(ring.split())),
        ("into_ends", |ring| drop(ring.into_ends())),
        ("into_producer", |ring| drop(ring.into_producer())),
    ];
    for (name, call) in calls {
        let mut cache = vec![0_u64; len() / 8];
        let mut recorder = cached_ring(&mut cache).overwrite_oldest();
        for number in 0..20 {
            recorder.write_event(&EventHeader::new(number, number as u8, 0), b"").unwrap();
        }
        drop(recorder);
        let memory = memory_now();
        let (ring, _) = after_a_reset(&mut cache, memory);
        assert!(says_overwriting(&memory_now()), "{name}: until it is known what becomes of it");
        call(ring);
        let memory = memory_now();
        assert!(!says_overwriting(&memory), "{name}");
        // The events in the ring stay, and what was overwritten is not reported yet.
        let (found, lost) = found_in(&memory);
        assert_eq!((found.events.len(), lost), (16, Some(0..4)), "{name}");
        let (ring, _) = after_a_reset(&mut cache, memory);
        drop(ring.overwrite_oldest());
        assert!(says_overwriting(&memory_now()), "{name}: and one again");
    }
}

#[test]
fn a_ring_that_is_not_retained_calls_nobody() {
    fn never(_: *const u8, _: usize) {
        panic!("called");
    }
    let mut memory = ringlog_nostd::AlignedBytes::<1024>::new();
    let ring = Ring::format(memory.as_mut(), 16).unwrap().write_back(never);
    let (mut producer, consumer) = ring.into_ends();
    assert_eq!(producer.write_event(&EventHeader::new(1, 1, 0), b""), Ok(()));
    drop((producer, consumer));
    let mut recorder = Ring::format(memory.as_mut(), 16).unwrap().write_back(never).overwrite_oldest();
    assert_eq!(recorder.write_event(&EventHeader::new(1, 1, 0), b""), Ok(()));
}
