//! Writes structs into this project's ring, or their bytes, and reads them back on one thread, for counting instructions.

use crate::duel::{BATCH_EVENTS, Way};
use crate::rivals::RING_BYTES;
use ringlog::ring::{Batch, Producer, SpscRingBuffer};
use ringlog_nostd::{EventHeader, Payload, WriteError, event};
use std::array;
use std::hint::black_box;

/// Number of different payloads, which take turns.
const PAYLOADS: usize = 16;

/// What a payload is to the writer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// A struct: `write`.
    Struct,
    /// The struct's bytes, whose length is known only at run time: `write_event`.
    Bytes,
}

/// A payload of one length.
trait Words: Payload {
    fn new(first: u64) -> Self;
}

macro_rules! words {
    ($($name:ident, $event_type:literal, $count:literal;)*) => {
        $(#[event(type = $event_type)]
        struct $name {
            words: [u64; $count],
        }

        impl Words for $name {
            fn new(first: u64) -> Self {
                Self { words: array::from_fn(|index| first + index as u64) }
            }
        })*
    };
}

words! {
    Words2, 1, 2;
    Words8, 2, 8;
    Words32, 3, 32;
    Words128, 4, 128;
}

/// Writes and reads `events` structs of `payload_len` bytes, one by one or 64 at a time.
///
/// # Panics
/// For a length that is not 16, 64, 256 or 1024.
pub fn run(form: Form, payload_len: usize, way: Way, events: usize) {
    match payload_len {
        16 => run_of::<Words2>(form, way, events),
        64 => run_of::<Words8>(form, way, events),
        256 => run_of::<Words32>(form, way, events),
        1024 => run_of::<Words128>(form, way, events),
        other => unreachable!("no struct of {other} bytes"),
    }
}

fn run_of<P: Words>(form: Form, way: Way, events: usize) {
    match form {
        Form::Struct => run_with::<P>(
            way,
            events,
            |producer, number, payload| producer.write(number, payload),
            |batch, number, payload| batch.write(number, payload),
        ),
        Form::Bytes => run_with::<P>(
            way,
            events,
            |producer, number, payload| {
                let bytes = black_box(payload.as_bytes());
                producer.write_event(&EventHeader::new(number, P::TYPE, bytes.len() as u16), bytes)
            },
            |batch, number, payload| {
                let bytes = black_box(payload.as_bytes());
                batch.write_event(&EventHeader::new(number, P::TYPE, bytes.len() as u16), bytes)
            },
        ),
    }
}

#[inline(always)]
fn run_with<P: Words>(
    way: Way,
    events: usize,
    write: impl Fn(&mut Producer, u64, &P) -> Result<(), WriteError>,
    add: impl Fn(&mut Batch<'_, '_>, u64, &P) -> Result<(), WriteError>,
) {
    let payloads: [P; PAYLOADS] = array::from_fn(|index| P::new(index as u64));
    let (mut producer, mut consumer) = SpscRingBuffer::new(RING_BYTES).split();
    let (mut number, mut seen) = (0, 0);
    while number < events as u64 {
        // Each read makes room for the next write, so the ring is never full.
        match way {
            Way::Single => {
                write(&mut producer, number, &payloads[number as usize % PAYLOADS]).expect("there is room");
                number += 1;
                let (header, payload) = consumer.read_event().expect("an event was written");
                seen += u64::from(header.timestamp == seen);
                black_box(payload);
            }
            Way::Batch => {
                let mut batch = producer.batch();
                let end = number + BATCH_EVENTS as u64;
                while number < end && add(&mut batch, number, &payloads[number as usize % PAYLOADS]).is_ok() {
                    number += 1;
                }
                batch.publish();
                let read = consumer.drain(BATCH_EVENTS, |header, payload| {
                    seen += u64::from(header.timestamp == seen);
                    black_box(payload);
                });
                read.expect("a whole ring");
            }
        }
    }
    assert!(seen == number);
}
