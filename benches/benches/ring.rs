//! The ring alone: what one event costs to write and to read, on one thread and between two.
//!
//! Every measurement checks what it moved: the number of events, and a sum over all bytes of all payloads.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use ringlog_nostd::{AlignedBytes, Consumer, EventHeader, Producer, Ring, WriteError};
use std::hint::{black_box, spin_loop};
use std::time::{Duration, Instant};

/// Ring memory: far larger than any payload here, and within a level-2 cache.
const MEMORY_LEN: usize = 256 * 1024;
const MAX_PAYLOAD: usize = 1024;
const PAYLOAD_LENS: [usize; 4] = [16, 64, 256, 1024];
/// Events published by one store, and released by one.
const BATCH_EVENTS: u64 = 64;
/// Looks before the thread lets another one run: the two may share a core.
const SPINS_BEFORE_YIELD: u32 = 200;

/// A payload that carries its event's number in its first word; the other words stay.
struct Source {
    payload: Vec<u8>,
    next_number: u64,
}

impl Source {
    fn new(payload_len: usize) -> Self {
        Self { payload: (0..payload_len).map(|index| (index % 251) as u8).collect(), next_number: 0 }
    }

    /// Passes the next event to `write_event`; whether there was room.
    #[inline]
    fn write(&mut self, write_event: impl FnOnce(&EventHeader, &[u8]) -> Result<(), WriteError>) -> bool {
        self.payload[..8].copy_from_slice(&self.next_number.to_le_bytes());
        let payload_len = u16::try_from(self.payload.len()).expect("payloads here are short");
        let written = match write_event(&EventHeader::new(self.next_number, 1, payload_len), &self.payload) {
            Ok(()) => true,
            Err(WriteError::Full) => false,
            Err(other) => panic!("{other}"),
        };
        self.next_number += u64::from(written);
        written
    }

    /// What a tally of the first `events` events has to be.
    fn expected(mut self, events: u64) -> Tally {
        self.payload[..8].fill(0);
        let numbers = (0..events).fold(0_u64, u64::wrapping_add);
        Tally { events, sum: numbers.wrapping_add(sum_of_words(&self.payload).wrapping_mul(events)) }
    }
}

/// What was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Tally {
    events: u64,
    sum: u64,
}

impl Tally {
    #[inline]
    fn take(&mut self, payload: &[u8]) {
        self.events += 1;
        self.sum = self.sum.wrapping_add(sum_of_words(payload));
    }

    #[inline]
    fn take_one(&mut self, consumer: &mut Consumer<'_>) -> u64 {
        let Some((_, payload)) = consumer.read_event() else { return 0 };
        self.take(black_box(payload));
        1
    }

    #[inline]
    fn take_batch(&mut self, consumer: &mut Consumer<'_>) -> u64 {
        let drained = consumer.drain(BATCH_EVENTS as usize, |_, payload| self.take(black_box(payload)));
        drained.expect("a whole ring") as u64
    }
}

fn sum_of_words(payload: &[u8]) -> u64 {
    let (words, rest) = payload.as_chunks::<8>();
    assert!(rest.is_empty(), "payloads here are whole words");
    words.iter().fold(0, |sum, word| sum.wrapping_add(u64::from_le_bytes(*word)))
}

/// One by one, or many at once.
#[derive(Clone, Copy)]
enum Way {
    Single,
    Batch,
}

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Batch => "batch64",
        }
    }

    /// Writes up to `limit` events, as many as this way does at once; how many there was room for.
    #[inline]
    fn write(self, producer: &mut Producer<'_>, source: &mut Source, limit: u64) -> u64 {
        match self {
            Self::Single => u64::from(source.write(|header, payload| producer.write_event(header, payload))),
            Self::Batch => {
                let mut batch = producer.batch();
                for _ in 0..limit.min(BATCH_EVENTS) {
                    if !source.write(|header, payload| batch.write_event(header, payload)) {
                        break;
                    }
                }
                batch.publish() as u64
            }
        }
    }

    #[inline]
    fn read(self, consumer: &mut Consumer<'_>, tally: &mut Tally) -> u64 {
        match self {
            Self::Single => tally.take_one(consumer),
            Self::Batch => tally.take_batch(consumer),
        }
    }
}

/// Repeats `step`, which says how many events it moved, until they are `events` in total.
fn move_all(events: u64, mut step: impl FnMut(u64) -> u64) {
    let mut moved = 0;
    let mut idle = 0;
    while moved < events {
        let now = step(events - moved);
        moved += now;
        idle = if now > 0 { 0 } else { idle + 1 };
        match idle {
            0 => (),
            1..SPINS_BEFORE_YIELD => spin_loop(),
            _ => std::thread::yield_now(),
        }
    }
}

/// Time to write and read `events` events, in turns on one thread.
fn one_thread(payload_len: usize, way: Way, events: u64) -> Duration {
    let mut memory = Box::new(AlignedBytes::<MEMORY_LEN>::new());
    let mut ring = Ring::format((*memory).as_mut(), MAX_PAYLOAD).expect("valid sizes");
    let (mut producer, mut consumer) = ring.split();
    let mut source = Source::new(payload_len);
    let mut tally = Tally::default();
    let begin = Instant::now();
    move_all(events, |left| {
        way.write(&mut producer, &mut source, left);
        way.read(&mut consumer, &mut tally)
    });
    let elapsed = begin.elapsed();
    assert_eq!(tally, Source::new(payload_len).expected(events));
    elapsed
}

/// Time from the first write to the last read of `events` events, from one thread to another.
fn two_threads(payload_len: usize, way: Way, events: u64) -> Duration {
    let mut memory = Box::new(AlignedBytes::<MEMORY_LEN>::new());
    let mut ring = Ring::format((*memory).as_mut(), MAX_PAYLOAD).expect("valid sizes");
    let (mut producer, mut consumer) = ring.split();
    let mut tally = Tally::default();
    let elapsed = std::thread::scope(|scope| {
        let writer = scope.spawn(move || {
            let mut source = Source::new(payload_len);
            let begin = Instant::now();
            move_all(events, |left| way.write(&mut producer, &mut source, left));
            begin
        });
        move_all(events, |_| way.read(&mut consumer, &mut tally));
        let end = Instant::now();
        end - writer.join().expect("the writer does not panic")
    });
    assert_eq!(tally, Source::new(payload_len).expected(events));
    elapsed
}

/// Measures both ways at every payload length. The batch way moves 64 events at once; times are per event.
fn measure(criterion: &mut Criterion, name: &str, run: fn(usize, Way, u64) -> Duration) {
    let mut group = criterion.benchmark_group(name);
    for payload_len in PAYLOAD_LENS {
        group.throughput(Throughput::Elements(1));
        for way in [Way::Single, Way::Batch] {
            measure_one(&mut group, payload_len, way, run);
        }
    }
    group.finish();
}

fn measure_one(
    group: &mut BenchmarkGroup<'_, WallTime>,
    payload_len: usize,
    way: Way,
    run: fn(usize, Way, u64) -> Duration,
) {
    group.bench_function(format!("{}/{payload_len}", way.name()), |bencher| {
        bencher.iter_custom(|events| run(payload_len, way, events));
    });
}

fn ring_on_one_thread(criterion: &mut Criterion) {
    measure(criterion, "ring/one_thread", one_thread);
}

fn ring_between_two_threads(criterion: &mut Criterion) {
    measure(criterion, "ring/two_threads", two_threads);
}

mod groups {
    //! Criterion's entry points; the macro writes a public function without a word on it.
    use super::{ring_between_two_threads, ring_on_one_thread};
    criterion::criterion_group!(ring, ring_on_one_thread, ring_between_two_threads);
}

criterion::criterion_main!(groups::ring);
