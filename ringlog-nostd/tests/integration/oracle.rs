//! Compares the ring with an oracle: a queue of events and a count of bytes in use.
//!
//! Small rings are tested with every start offset and every payload length. Longer histories are random.

use crate::queue::{Oracle, header_of, options, payload_of, stride_of};
use ringlog_nostd::format::encode;
use ringlog_nostd::{AlignedBytes, Consumer, EventHeader, Producer, Ring, RingOptions, WriteError};
use std::mem::ManuallyDrop;

const MEMORY_BYTES: usize = 4096;

/// A pattern that no record holds by accident over a whole ring.
const UNTOUCHED: u8 = 0xEE;

/// Returns every offset of a lap, far from the wrap of positions and across it.
fn starts(capacity: usize, step: usize) -> impl Iterator<Item = usize> {
    let below_wrap = 0_usize.wrapping_sub(capacity);
    (0..capacity).step_by(step).flat_map(move |offset| [offset, below_wrap.wrapping_add(offset)])
}

/// Writes one record into an empty ring and checks every byte of the data region.
fn one_record(memory: &mut AlignedBytes<MEMORY_BYTES>, capacity: usize, start: usize, len: usize) {
    let context = format!("capacity {capacity} start {start:#x} len {len}");
    let max_payload = capacity - 16;
    let bytes = &mut memory.as_mut()[..Ring::required_len(capacity, max_payload)];
    bytes.fill(UNTOUCHED);
    let header = header_of(start as u64 + 1, len);
    let payload = payload_of(len as u64, len);
    let mut expected = vec![0; stride_of(len)];
    assert_eq!(encode(&mut expected, &header, &payload), Some(stride_of(len)));

    let mut ring = Ring::format_with(bytes, &options(capacity, max_payload, start)).unwrap();
    let (mut producer, mut consumer) = ring.split();
    assert_eq!(producer.write_event(&header, &payload), Ok(()), "dead zone: {context}");
    assert_eq!(producer.used(), stride_of(len), "{context}");
    let run = consumer.peek_run(0).unwrap().expect("one record is published");
    assert_eq!(run.remaining(), &expected[..], "{context}");
    let (read, lent) = consumer.read_event().unwrap();
    assert_eq!((read.as_user(), lent), (header, &payload[..]), "{context}");
    consumer.release();
    assert_eq!((producer.used(), consumer.read_event()), (0, None), "{context}");
    drop((producer, consumer));

    let data = bytes.len() - (capacity + stride_of(max_payload.max(16)));
    let at = data + start % capacity;
    assert_eq!(&bytes[at..at + expected.len()], &expected[..], "{context}");
    let before = bytes[data..at].iter();
    assert!(before.chain(&bytes[at + expected.len()..]).all(|byte| *byte == UNTOUCHED), "{context}");
}

#[test]
fn an_empty_ring_takes_every_length_at_every_offset() {
    let mut memory = AlignedBytes::new();
    for capacity in [64, 128, 256] {
        for start in starts(capacity, 8) {
            for len in 0..=capacity - 16 {
                one_record(&mut memory, capacity, start, len);
            }
        }
    }
}

#[test]
fn larger_rings_take_lengths_at_offsets_in_coarser_steps() {
    let mut memory = AlignedBytes::new();
    for (capacity, offset_step, len_step) in [(512, 24, 5), (1024, 56, 11)] {
        for start in starts(capacity, offset_step) {
            for len in (0..=capacity - 16).step_by(len_step).chain([capacity - 17, capacity - 16]) {
                one_record(&mut memory, capacity, start, len);
            }
        }
    }
}

fn expect_next(consumer: &mut Consumer<'_>, number: u64, len: usize, context: &str) {
    let (header, payload) = consumer.read_event().unwrap_or_else(|| panic!("nothing there: {context}"));
    assert_eq!(header.as_user(), header_of(number, len), "{context}");
    assert_eq!(payload, &payload_of(number, len)[..], "{context}");
}

/// Fills a ring with two records and one over, frees the first, and writes a third around the end of the lap.
fn three_records(memory: &mut AlignedBytes<MEMORY_BYTES>, capacity: usize, start: usize, lens: [usize; 3]) {
    let context = format!("capacity {capacity} start {start:#x} lens {lens:?}");
    let strides = lens.map(stride_of);
    let mut ring = Ring::format_with(memory.as_mut(), &options(capacity, capacity - 16, start)).unwrap();
    let (mut producer, mut consumer) = ring.split();
    let mut used = 0;
    for number in 0..2 {
        let fits = strides[number] <= capacity - used;
        let written = producer
            .write_event(&header_of(number as u64, lens[number]), &payload_of(number as u64, lens[number]));
        assert_eq!(written, if fits { Ok(()) } else { Err(WriteError::Full) }, "{context}");
        used += if fits { strides[number] } else { 0 };
    }
    expect_next(&mut consumer, 0, lens[0], &context);
    consumer.release();
    used -= strides[0];
    let fits = strides[2] <= capacity - used;
    let written = producer.write_event(&header_of(2, lens[2]), &payload_of(2, lens[2]));
    assert_eq!(written, if fits { Ok(()) } else { Err(WriteError::Full) }, "{context}");
    if used > 0 {
        expect_next(&mut consumer, 1, lens[1], &context);
    }
    if fits {
        expect_next(&mut consumer, 2, lens[2], &context);
    }
    assert_eq!(consumer.read_event(), None, "{context}");
}

#[test]
fn three_records_of_every_length_never_touch_each_other() {
    let mut memory = AlignedBytes::new();
    for (capacity, len_step) in [(64, 2), (128, 7), (256, 21)] {
        for start in starts(capacity, 8) {
            let lens = || (0..=capacity - 16).step_by(len_step);
            for first in lens() {
                for second in lens() {
                    for third in lens() {
                        three_records(&mut memory, capacity, start, [first, second, third]);
                    }
                }
            }
        }
    }
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// One history, with all that is needed to repeat it.
struct History<'r> {
    producer: Producer<'r>,
    consumer: Consumer<'r>,
    oracle: Oracle,
    /// Whether `read_event` lends the oracle's front: read and not released.
    lent: bool,
    random: Random,
    written: u64,
    repeat: String,
}

impl Drop for History<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("to repeat: {}, after {} events", self.repeat, self.written);
        }
    }
}

impl History<'_> {
    fn some_len(&mut self) -> usize {
        let max = self.producer.max_payload();
        match self.random.below(4) {
            0 => max - self.random.below(max.min(9) + 1),
            1 => self.random.below(max.min(24) + 1),
            _ => self.random.below(max + 1),
        }
    }

    fn next_event(&mut self) -> (EventHeader, Vec<u8>) {
        let len = self.some_len();
        self.written += 1;
        (header_of(self.written, len), payload_of(self.written, len))
    }

    /// Removes the lent event from the oracle, as every reading call does.
    fn release_lent(&mut self) {
        if std::mem::take(&mut self.lent) {
            self.oracle.pop();
        }
    }

    fn step(&mut self) {
        match self.random.below(14) {
            0..=2 => self.write(),
            3 => self.claim(),
            4 => self.abandon_claim(),
            5 => self.batch(),
            6 => self.too_large(),
            7 | 8 => self.read(),
            9 => {
                self.consumer.release();
                self.release_lent();
            }
            10 | 11 => self.drain(),
            _ => self.runs(),
        }
        assert_eq!(self.producer.used(), self.oracle.used);
        let lent_bytes = if self.lent { stride_of(self.oracle.events[0].1.len()) } else { 0 };
        assert_eq!(self.consumer.unread(), self.oracle.used - lent_bytes);
        assert_eq!((self.producer.fault(), self.consumer.fault()), (None, None));
    }

    fn write(&mut self) {
        let (header, payload) = self.next_event();
        let written = self.producer.write_event(&header, &payload);
        if self.oracle.fits(payload.len()) {
            assert_eq!(written, Ok(()));
            self.oracle.push(header, payload);
        } else {
            assert_eq!(written, Err(WriteError::Full));
        }
    }

    fn claim(&mut self) {
        let claimed = self.some_len();
        let len = if self.random.below(2) == 0 { claimed } else { self.random.below(claimed + 1) };
        self.written += 1;
        let (header, payload) = (header_of(self.written, len), payload_of(self.written, len));
        let fits = self.oracle.fits(claimed);
        match self.producer.claim(claimed) {
            Ok(mut claim) => {
                assert!(fits && claim.len() == claimed && claim.payload_mut().len() == claimed);
                claim.payload_mut().fill(0xC1);
                claim.payload_mut()[..len].copy_from_slice(&payload);
                assert_eq!(claim.commit(&header), Ok(()));
                self.oracle.push(header, payload);
            }
            Err(error) => assert!(!fits && error == WriteError::Full),
        }
    }

    fn abandon_claim(&mut self) {
        let len = self.some_len();
        let fits = self.oracle.fits(len);
        let forget = self.random.below(2) == 0;
        let claim = self.producer.claim(len);
        assert_eq!(claim.is_ok(), fits);
        if let Ok(mut claim) = claim {
            claim.payload_mut().fill(0xC2);
            if forget {
                let _leaked = ManuallyDrop::new(claim);
            }
        }
    }

    fn batch(&mut self) {
        let fate = self.random.below(3);
        let events: Vec<_> = (0..self.random.below(5)).map(|_| self.next_event()).collect();
        let mut batch = self.producer.batch();
        let mut free = self.oracle.capacity - self.oracle.used;
        let mut taken = Vec::new();
        for (number, (header, payload)) in events.into_iter().enumerate() {
            let added = if number % 2 == 0 {
                batch.write_event(&header, &payload)
            } else {
                batch.claim(payload.len()).and_then(|mut claim| {
                    claim.payload_mut().copy_from_slice(&payload);
                    claim.commit(&header)
                })
            };
            if stride_of(payload.len()) <= free {
                assert_eq!(added, Ok(()));
                free -= stride_of(payload.len());
                taken.push((header, payload));
            } else {
                assert_eq!(added, Err(WriteError::Full));
            }
        }
        assert_eq!(batch.bytes(), self.oracle.capacity - self.oracle.used - free);
        match fate {
            0 => {
                let _ = batch.publish();
                taken.into_iter().for_each(|(header, payload)| self.oracle.push(header, payload));
            }
            1 => {
                let _leaked = ManuallyDrop::new(batch);
            }
            _ => {}
        }
    }

    fn too_large(&mut self) {
        let max = self.producer.max_payload();
        let len = max + 1 + self.random.below(9);
        let refused = WriteError::PayloadTooLarge { len, max };
        assert_eq!(self.producer.write_event(&header_of(0, len), &vec![1; len]), Err(refused));
        assert_eq!(self.producer.claim(len).err(), Some(refused));
    }

    fn read(&mut self) {
        self.release_lent();
        let read = self.consumer.read_event().map(|(header, payload)| (header.as_user(), payload.to_vec()));
        assert_eq!(read.as_ref(), self.oracle.events.front());
        self.lent = read.is_some();
    }

    fn drain(&mut self) {
        self.release_lent();
        let limit = [0, 1, 2, 3, usize::MAX][self.random.below(5)];
        let expected = self.oracle.events.len().min(limit);
        let oracle = &mut self.oracle;
        let drained = self.consumer.drain(limit, |header, payload| {
            assert_eq!(oracle.pop(), Some((header.as_user(), payload.to_vec())));
        });
        assert_eq!(drained, Ok(expected));
    }

    /// Reads one or more runs and releases some whole records of them.
    fn runs(&mut self) {
        self.release_lent();
        let mut seen_bytes = 0;
        let mut seen = 0;
        let mut runs = 0;
        let mut boundaries = vec![0];
        while let Some(run) = self.consumer.peek_run(seen_bytes).unwrap() {
            let mut run = run.clone();
            while let Some((header, payload)) = run.peek() {
                let expected = &self.oracle.events[seen];
                assert_eq!((header.as_user(), payload), (expected.0, &expected.1[..]));
                run.accept();
                seen += 1;
                boundaries.push(seen_bytes + run.accepted_bytes());
            }
            assert!(run.is_done());
            seen_bytes += run.accepted_bytes();
            runs += 1;
        }
        assert_eq!((seen, seen_bytes), (self.oracle.events.len(), self.oracle.used));
        assert!(runs <= 2, "a span is at most two runs");
        let released = self.random.below(boundaries.len());
        self.consumer.release_bytes(boundaries[released]);
        (0..released).for_each(|_| drop(self.oracle.pop()));
    }
}

fn history(capacity: usize, max_payload: usize, start: usize, seed: u64, steps: usize, retained: bool) {
    let mut memory = AlignedBytes::<MEMORY_BYTES>::new();
    let options = RingOptions { retained, ..options(capacity, max_payload, start) };
    let (producer, consumer) = Ring::format_with(memory.as_mut(), &options).unwrap().into_ends();
    let mut history = History {
        producer,
        consumer,
        oracle: Oracle::new(capacity),
        lent: false,
        random: Random(seed),
        written: 0,
        repeat: format!("history({capacity}, {max_payload}, {start:#x}, {seed:#x}, {steps}, {retained})"),
    };
    for _ in 0..steps {
        history.step();
    }
    history.drain();
}

const SIZES: [(usize, usize); 9] =
    [(32, 16), (32, 0), (64, 48), (64, 5), (128, 112), (128, 33), (256, 240), (512, 100), (1024, 1008)];

#[test]
fn random_histories_are_those_of_the_oracle() {
    for (number, (capacity, max_payload)) in SIZES.into_iter().enumerate() {
        for round in 0..12_u64 {
            let seed = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(1 + round * 16 + number as u64);
            let start = (round as usize * 8) % capacity;
            history(capacity, max_payload, start, seed, 3000, round % 4 == 3);
        }
    }
}

#[test]
fn random_histories_across_the_wrap_of_positions_are_those_of_the_oracle() {
    for (number, (capacity, max_payload)) in SIZES.into_iter().enumerate() {
        for k in 0..40_usize {
            let start = (usize::MAX - 8 * k * (1 + capacity / 64)) & !7;
            let seed = 0xD1B5_4A32_D192_ED03_u64.wrapping_mul(1 + (k * 16 + number) as u64);
            history(capacity, max_payload, start, seed, 600, k % 4 == 3);
        }
    }
}
