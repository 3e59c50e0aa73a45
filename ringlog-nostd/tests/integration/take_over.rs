//! A role in a ring that lives longer than its owner: what the next owner finds, and what it does not.

use ringlog_nostd::{
    Consumer, EventHeader, Gap, Producer, Ring, RingError, RingFault, RingOptions, SkipError, WriteError,
};
use std::mem::forget;
use std::ptr::NonNull;

const CAPACITY: usize = 256;

/// Offsets of the words, in bytes, as `control.rs` documents them.
const WIDE: bool = usize::BITS == 64;
const HEAD: usize = if WIDE { 128 } else { 32 };
const TAIL: usize = if WIDE { 256 } else { 56 };

/// Memory that lives longer than the owners of both roles, as a file does.
struct Memory {
    start: NonNull<u64>,
    words: usize,
}

impl Drop for Memory {
    fn drop(&mut self) {
        let words = NonNull::slice_from_raw_parts(self.start, self.words);
        // SAFETY: the box that `formatted` took apart; every end borrows `self`.
        drop(unsafe { Box::from_raw(words.as_ptr()) });
    }
}

impl Memory {
    fn formatted(start: usize) -> Self {
        let options = RingOptions {
            capacity: Some(CAPACITY),
            max_payload: Some(64),
            start,
            identity: 7,
            boot: 8,
            ..RingOptions::default()
        };
        let words = vec![0_u64; options.required_len().unwrap().div_ceil(8)].into_boxed_slice();
        let memory = Self { words: words.len(), start: NonNull::from(Box::leak(words)).cast() };
        // SAFETY: the memory's own words, and no end is made.
        unsafe { Ring::format_raw(memory.bytes(), memory.words * 8, &options) }.unwrap();
        memory
    }

    fn bytes(&self) -> NonNull<u8> {
        self.start.cast()
    }

    /// Attaches the next owner of a role. The tests drop the previous owner first, or forget it.
    fn attach(&self) -> Ring<'_> {
        // SAFETY: the memory's own words, borrowed as long as the ring; one live end of each kind.
        unsafe { Ring::attach(self.bytes(), self.words * 8) }.unwrap()
    }

    fn producer(&self) -> Producer<'_> {
        self.attach().into_producer()
    }

    fn consumer(&self) -> Consumer<'_> {
        self.attach().into_consumer()
    }

    fn poke(&self, offset_bytes: usize, word: usize) {
        assert!(offset_bytes + size_of::<usize>() <= self.words * 8);
        // SAFETY: inside the words, just checked.
        let at = unsafe { self.bytes().add(offset_bytes) };
        // SAFETY: an aligned word; no end is in the middle of anything.
        unsafe { at.cast::<usize>().write(word) };
    }
}

fn write(producer: &mut Producer<'_>, number: u64, len: usize) -> Result<(), WriteError> {
    producer.write_event(&EventHeader::new(number, 0, len as u16), &vec![number as u8; len])
}

fn read_all(consumer: &mut Consumer<'_>) -> Vec<u64> {
    let mut found = Vec::new();
    consumer.drain(usize::MAX, |header, _| found.push(header.timestamp)).unwrap();
    found
}

#[test]
fn what_was_not_published_is_void_and_the_next_producer_writes_over_it() {
    let memory = Memory::formatted(0);
    let mut first = memory.producer();
    write(&mut first, 1, 5).unwrap();
    first.claim(60).unwrap().payload_mut().fill(0xEE);
    let mut batch = first.batch();
    batch.write_event(&EventHeader::new(99, 0, 3), b"abc").unwrap();
    forget(first);
    let mut second = memory.producer();
    write(&mut second, 2, 9).unwrap();
    assert_eq!(read_all(&mut memory.consumer()), [1, 2]);
}

#[test]
fn a_new_owner_opens_its_side_again_and_no_other() {
    let memory = Memory::formatted(0);
    let mut consumer = memory.consumer();
    drop(memory.producer());
    assert!(consumer.is_closed());
    let mut producer = memory.producer();
    assert!(!consumer.is_closed());
    write(&mut producer, 1, 0).unwrap();
    assert_eq!(read_all(&mut consumer), [1]);
    drop(consumer);
    assert!(producer.is_closed());
    let consumer = memory.consumer();
    assert!(!producer.is_closed() && !consumer.is_closed());
}

#[test]
fn a_new_consumer_gets_what_was_not_released() {
    let memory = Memory::formatted(0);
    let mut producer = memory.producer();
    (1..=4).for_each(|number| write(&mut producer, number, 8).unwrap());
    let mut first = memory.consumer();
    assert_eq!(first.read_event().unwrap().0.timestamp, 1);
    assert_eq!(first.read_event().unwrap().0.timestamp, 2, "which releases the one before");
    forget(first);
    assert_eq!(read_all(&mut memory.consumer()), [2, 3, 4]);
}

#[test]
fn losses_that_a_dead_producer_had_counted_are_reported_by_the_next_one() {
    let memory = Memory::formatted(0);
    let mut first = memory.producer().lossy();
    for time in 0..20 {
        first.write_event(&EventHeader::new(time, 0, 8), &[0; 8]).unwrap();
    }
    let written = CAPACITY as u64 / 24;
    forget(first);
    let mut consumer = memory.consumer();
    assert_eq!(read_all(&mut consumer).len() as u64, written);
    let mut second = memory.producer().lossy();
    assert_eq!(second.flush(), Ok(true));
    let (header, payload) = consumer.read_event().unwrap();
    assert_eq!(Gap::from_event(&header, payload).unwrap().count, 20 - written);
    assert_eq!(header.timestamp, written, "the first that was lost");
    assert_eq!(second.pending_loss(), None);
}

/// Tests every start in the lap, the wrap of positions among them, and every position in and around the published ones.
#[test]
fn skipping_stops_between_records_only() {
    for start in (0..2 * CAPACITY).step_by(8).map(|back| 0_usize.wrapping_sub(back)) {
        let memory = Memory::formatted(start);
        let mut producer = memory.producer();
        let mut bounds = vec![start];
        for number in 0.. {
            if write(&mut producer, number, number as usize * 5 % 40).is_err() {
                break;
            }
            bounds.push(producer.position());
        }
        let (head, records) = (producer.position(), bounds.len() as u64 - 1);
        for offset in (0..CAPACITY + 40).map(|offset| offset.wrapping_sub(16)) {
            let position = start.wrapping_add(offset);
            let mut consumer = memory.consumer();
            let skipped = consumer.skip_to(position);
            match bounds.iter().position(|&bound| bound == position) {
                Some(before) => {
                    assert_eq!(skipped, Ok(before as u64));
                    assert_eq!(consumer.position(), position);
                    assert_eq!(read_all(&mut consumer), (before as u64..records).collect::<Vec<_>>());
                    memory.poke(TAIL, start);
                }
                None if offset > head.wrapping_sub(start) => {
                    assert_eq!(skipped, Err(SkipError::Outside { position, tail: start, head }));
                    assert_eq!(consumer.position(), start);
                }
                None => {
                    assert!(matches!(skipped, Err(SkipError::InsideRecord { .. })), "{skipped:?}");
                    assert_eq!(consumer.position(), start);
                }
            }
        }
    }
}

#[test]
fn space_that_was_skipped_goes_back_to_the_producer() {
    let memory = Memory::formatted(0);
    let mut producer = memory.producer();
    while write(&mut producer, 1, 8).is_ok() {}
    let mut consumer = memory.consumer();
    assert_eq!(consumer.skip_to(72), Ok(3));
    (0..3).for_each(|number| write(&mut producer, number, 8).unwrap());
    assert_eq!(write(&mut producer, 9, 8), Err(WriteError::Full));
}

/// A position changes between the check at attach and the making of the end.
#[test]
fn positions_that_turn_bad_after_the_check_are_faults() {
    for bad in [1, 4, CAPACITY + 8, usize::MAX, 1 << (usize::BITS - 1)] {
        let memory = Memory::formatted(0);
        let ring = memory.attach();
        memory.poke(HEAD, bad);
        let mut producer = ring.into_producer();
        assert!(matches!(write(&mut producer, 1, 8), Err(WriteError::Fault(_))), "{bad}");
        assert!(producer.claim(8).is_err() && producer.fault().is_some());
        forget(producer);

        let memory = Memory::formatted(0);
        let ring = memory.attach();
        memory.poke(TAIL, bad);
        let mut consumer = ring.into_consumer();
        let fault = RingFault::Position { own: bad, foreign: 0 };
        assert_eq!(consumer.try_read_event(), Err(fault));
        assert_eq!(consumer.skip_to(0), Err(SkipError::Fault(fault)));
        assert!(consumer.peek_run(0).is_err() && consumer.is_empty());
    }
}

#[test]
fn a_stamp_says_what_a_ring_was_made_with_and_no_more() {
    let memory = Memory::formatted(64);
    let len = memory.words * 8;
    memory.poke(HEAD, 3);
    // SAFETY: the memory's own words, here and below; no end is there.
    let stamp = unsafe { Ring::stamp(memory.bytes(), len) }.unwrap();
    assert_eq!((stamp.identity, stamp.boot, stamp.capacity, stamp.max_payload), (7, 8, CAPACITY, 64));
    // SAFETY: as above.
    let cut = unsafe { Ring::stamp(memory.bytes(), len - 8) };
    assert!(matches!(cut, Err(RingError::TooSmall { .. })));
    memory.poke(0, 0);
    // SAFETY: as above.
    assert_eq!(unsafe { Ring::stamp(memory.bytes(), len) }, Err(RingError::NotARing));
}
