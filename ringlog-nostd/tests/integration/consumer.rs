//! What a consumer does at the edges of what is published.

use ringlog_nostd::{AlignedBytes, Consumer, EventHeader, Producer, Ring, RingFault, RingOptions, SkipError};
use std::ptr::NonNull;

const RECORD_BYTES: usize = 24;
/// Offset of the data, in bytes, as `control.rs` documents it.
const DATA: usize = if usize::BITS == 64 { 384 } else { 64 };

fn options() -> RingOptions {
    RingOptions { capacity: Some(256), max_payload: Some(16), identity: 77, ..RingOptions::default() }
}

fn ends(memory: &mut AlignedBytes<1024>) -> (Producer<'_>, Consumer<'_>) {
    Ring::format_with(memory.as_mut(), &options()).unwrap().into_ends()
}

fn write(producer: &mut Producer<'_>, number: u64) {
    producer.write_event(&EventHeader::new(number, 0, 8), &number.to_le_bytes()).unwrap();
}

#[test]
fn it_returns_the_sizes_and_the_name_of_its_ring() {
    let mut memory = AlignedBytes::<1024>::new();
    let (producer, consumer) = ends(&mut memory);
    assert_eq!((consumer.capacity(), producer.capacity(), consumer.identity()), (256, 256, 77));
}

#[test]
fn a_drain_takes_what_was_there_when_it_began() {
    let mut memory = AlignedBytes::<1024>::new();
    let (mut producer, mut consumer) = ends(&mut memory);
    (0..2).for_each(|number| write(&mut producer, number));
    let mut next = 2;
    let mut seen = Vec::new();
    // The producer fills the ring as fast as the consumer empties it.
    let drained = consumer.drain(usize::MAX, |header, _| {
        seen.push(header.timestamp);
        write(&mut producer, next);
        next += 1;
    });
    assert_eq!((drained, seen), (Ok(2), vec![0, 1]));
    assert_eq!(consumer.unread(), 2 * RECORD_BYTES);
    assert_eq!(consumer.drain(1, |header, _| assert_eq!(header.timestamp, 2)), Ok(1));
}

#[test]
fn a_look_past_what_was_seen_finds_what_came_since() {
    let mut memory = AlignedBytes::<1024>::new();
    let (mut producer, mut consumer) = ends(&mut memory);
    write(&mut producer, 0);
    assert_eq!(consumer.peek_run(0).unwrap().unwrap().remaining().len(), RECORD_BYTES);
    assert!(consumer.peek_run(RECORD_BYTES).unwrap().is_none());
    write(&mut producer, 1);
    let mut run = consumer.peek_run(RECORD_BYTES).unwrap().unwrap();
    assert_eq!(run.peek().unwrap().0.timestamp, 1);
    run.accept();
    assert!(run.is_done());
}

#[test]
fn a_later_record_of_a_run_is_bounded_by_what_is_published_too() {
    let mut memory = AlignedBytes::<1024>::new();
    let bytes = memory.as_mut();
    let len = bytes.len();
    let start = NonNull::from(bytes).cast::<u8>();
    // SAFETY: (1) the bytes are valid and initialised; (2) nothing else touches them but the one store below, when
    // no record is lent.
    let ring = unsafe { Ring::format_raw(start, len, &options()) }.unwrap();
    let (mut producer, mut consumer) = ring.into_ends();
    (0..2).for_each(|number| write(&mut producer, number));
    // The second record claims 8 more bytes: as long as a record may be, and longer than what is published.
    // SAFETY: the low byte of its `payload_len`, inside the bytes.
    unsafe { start.as_ptr().wrapping_add(DATA + RECORD_BYTES + 10).write(16) };
    // The whole record before it is still given out.
    let run = consumer.peek_run(0).unwrap().unwrap();
    assert_eq!((run.remaining().len(), consumer.fault()), (RECORD_BYTES, None));
    let expected = RingFault::Record { position: RECORD_BYTES };
    assert_eq!(consumer.peek_run(RECORD_BYTES).map(|run| run.is_some()), Err(expected));
    assert_eq!(consumer.fault(), Some(expected));

    // The next consumer skips what cannot be read, and continues.
    let outside = |position| SkipError::Outside { position, tail: 0, head: 2 * RECORD_BYTES };
    for position in [2 * RECORD_BYTES + 8, RECORD_BYTES + 4, 0_usize.wrapping_sub(8)] {
        assert_eq!(consumer.skip_damage(position), Err(outside(position)));
    }
    assert_eq!((consumer.fault(), consumer.position()), (Some(expected), 0));
    let head = consumer.published_position();
    assert_eq!(consumer.skip_damage(head), Ok(()));
    assert_eq!((consumer.fault(), consumer.position()), (None, 2 * RECORD_BYTES));
    assert_eq!(consumer.try_read_event(), Ok(None));
    (2..10).for_each(|number| write(&mut producer, number));
    for number in 2..10 {
        assert_eq!(consumer.try_read_event().unwrap().unwrap().0.timestamp, number);
    }
}
