//! Compares the functions for C with the calls that they are made of, which the compiler inlines in Rust.

use super::Table;
use clap::Args;
use ringlog_core::consumer_functions::ringlog_read;
use ringlog_core::producer_functions::ringlog_write;
use ringlog_core::ring_functions::{ringlog_ring_init, ringlog_ring_split};
use ringlog_core::{ConsumerHandle, ProducerHandle, RingEvent, RingHandle};
use ringlog_nostd::{EventHeader, Ring};
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::ptr::{from_mut, null};
use std::time::Instant;

/// Bytes of the ring's memory. It stays in the second cache.
const RING_BYTES: usize = 64 << 10;

/// What to measure.
#[derive(Clone, Debug, Args)]
pub struct Arguments {
    /// Measurements of each, in turn
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Events of a measurement
    #[arg(long, default_value_t = 2_000_000)]
    events: u64,
    /// Lengths of the payload, in bytes
    #[arg(long, value_delimiter = ',', default_values_t = [16, 64, 256])]
    payload: Vec<usize>,
}

/// Returns the nanoseconds of one call of `step`.
fn per_event(events: u64, mut step: impl FnMut(u64)) -> f64 {
    let begun = Instant::now();
    (0..events).for_each(&mut step);
    begun.elapsed().as_nanos() as f64 / events as f64
}

/// Memory for a ring, at a multiple of 8.
fn memory() -> Vec<u64> {
    vec![0; RING_BYTES / 8]
}

fn by_rust(events: u64, payload: &[u8]) -> f64 {
    let mut memory = memory();
    let mut ring = Ring::format(bytes_of(&mut memory), payload.len()).expect("a ring");
    let (mut producer, mut consumer) = ring.split();
    let len = u16::try_from(payload.len()).expect("a payload");
    per_event(events, |time| {
        producer.write_event(&EventHeader::new(time, 7, len), payload).expect("the ring is empty");
        black_box(consumer.read_event());
    })
}

fn by_c(events: u64, payload: &[u8]) -> f64 {
    let mut memory = memory();
    let mut ring = RingHandle { words: [0; 8] };
    let mut producer = ProducerHandle { words: [0; 32] };
    let mut consumer = ConsumerHandle { words: [0; 24] };
    let (bytes, len) = (memory.as_mut_ptr().cast(), RING_BYTES);
    let (ring, producer, consumer) = (from_mut(&mut ring), from_mut(&mut producer), from_mut(&mut consumer));
    // SAFETY: handles of zeros that stay where they are, and memory that outlives both ends and that nothing else uses.
    assert_eq!(unsafe { ringlog_ring_init(ring, bytes, len, null()) }, 0);
    // SAFETY: the same handles.
    assert_eq!(unsafe { ringlog_ring_split(ring, producer, consumer) }, 0);
    let mut event = MaybeUninit::<RingEvent>::uninit();
    per_event(events, |time| {
        // SAFETY: an open handle, and as many bytes as the payload has.
        assert_eq!(unsafe { ringlog_write(producer, time, 7, 0, payload.as_ptr().cast(), payload.len()) }, 0);
        // SAFETY: an open handle, and a place for an event.
        assert_eq!(unsafe { ringlog_read(consumer, event.as_mut_ptr()) }, 0);
        black_box(&event);
    })
}

fn bytes_of(memory: &mut [u64]) -> &mut [u8] {
    // SAFETY: the same memory, as bytes, for the same time.
    unsafe { std::slice::from_raw_parts_mut(memory.as_mut_ptr().cast(), size_of_val(memory)) }
}

/// Measures.
#[must_use]
pub fn run(arguments: &Arguments) -> Vec<Table> {
    let table = |&len: &usize| {
        let payload = vec![7; len];
        let rust = || by_rust(arguments.events, &payload);
        let c = || by_c(arguments.events, &payload);
        let title = format!("a write and a read of {len} bytes on one thread, {} times", arguments.events);
        let contestants: [(&str, &dyn Fn() -> f64); 2] =
            [("Rust, inlined", &rust), ("`ringlog_write` and `ringlog_read`", &c)];
        Table::measure(&title, arguments.rounds, "", &contestants, ringlog_nostd::format::record_len(len)).0
    };
    arguments.payload.iter().map(table).collect()
}
