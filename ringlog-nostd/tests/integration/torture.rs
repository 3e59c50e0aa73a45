//! Two threads run for some seconds, with payloads of every size that a ring takes. Both sides pause at times, so the
//! ring is full at times and empty at times. The consumer verifies sequence, length and every byte.
//!
//! `RINGLOG_TORTURE_SECONDS=600` runs each ring for 600 seconds instead of one.

use ringlog_nostd::{
    AlignedBytes, Consumer, Delivery, EventHeader, Gap, Producer, Ring, RingOptions, WriteError,
};
use std::thread;
use std::time::{Duration, Instant};

/// A multiplicative hash: neighbouring numbers have unlike hashes.
const fn mixed(number: u64) -> u64 {
    (number ^ 0x5851_F42D_4C95_7F2D).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Returns the size of a payload. Each size from 0 to the largest occurs once in `max_payload + 1` events.
fn len_of(number: u64, max_payload: usize) -> usize {
    let sizes = max_payload as u64 + 1;
    // No number of sizes here is divisible by this prime, so the steps meet all sizes.
    (number % sizes * 7919 % sizes) as usize
}

/// Bytes that payloads are cut from, each at a different place.
struct Pattern(Vec<u8>);

impl Pattern {
    const PLACES: usize = 4096;

    fn new(max_payload: usize) -> Self {
        Self((0..(Self::PLACES + max_payload) as u64).map(|at| (mixed(at) >> 40) as u8).collect())
    }

    fn of(&self, number: u64, len: usize) -> &[u8] {
        let place = (mixed(number) >> 50) as usize % Self::PLACES;
        &self.0[place..place + len]
    }

    /// If it is long enough, the payload begins with sequence and length.
    fn fill(&self, number: u64, payload: &mut [u8]) {
        let len = payload.len();
        payload.copy_from_slice(self.of(number, len));
        if let Some(start) = payload.first_chunk_mut() {
            *start = Self::start(number, len);
        }
    }

    fn check(&self, number: u64, payload: &[u8]) {
        let rest = match payload.first_chunk() {
            Some(start) => {
                assert_eq!(*start, Self::start(number, payload.len()), "event {number}");
                start.len()
            }
            None => 0,
        };
        assert!(payload[rest..] == self.of(number, payload.len())[rest..], "event {number}: bytes");
    }

    fn start(number: u64, len: usize) -> [u8; 12] {
        let mut start = [0; 12];
        start[..8].copy_from_slice(&number.to_le_bytes());
        start[8..].copy_from_slice(&(len as u32).to_le_bytes());
        start
    }
}

fn header_of(number: u64, len: usize) -> EventHeader {
    EventHeader::new(number, mixed(number) as u8, u16::try_from(len).unwrap()).with_flags(number as u8 & 15)
}

/// What the producer does for a while before it changes to something else.
const PHASES: u64 = 4;
const PHASE_EVENTS: u64 = 97;

struct Writer<'r> {
    producer: Option<Producer<'r>>,
    pattern: Pattern,
    buffer: Vec<u8>,
    number: u64,
    lost: u64,
}

impl<'r> Writer<'r> {
    fn new(producer: Producer<'r>) -> Self {
        let max = producer.max_payload();
        Self {
            producer: Some(producer),
            pattern: Pattern::new(max),
            buffer: vec![0; max],
            number: 0,
            lost: 0,
        }
    }

    /// Offers at least one event of each size, then continues until the time is over. Returns how many were offered and
    /// how many were lost.
    fn run(mut self, seconds: u64) -> (u64, u64) {
        let (least, end) = (self.buffer.len() as u64 + 1, Instant::now() + Duration::from_secs(seconds));
        let mut phase = 0;
        while self.number < least || Instant::now() < end {
            let until = self.number + PHASE_EVENTS;
            match phase % PHASES {
                0 => self.until(until, Self::write),
                1 => self.until(until, Self::claim),
                2 => self.until(until, Self::batch),
                _ => self.lossy(until),
            }
            pause(phase);
            phase += 1;
        }
        (self.number, self.lost)
    }

    fn until(&mut self, end: u64, attempt: fn(&mut Self) -> Result<(), WriteError>) {
        while self.number < end {
            match attempt(self) {
                Ok(()) => {}
                Err(WriteError::Full) => thread::yield_now(),
                Err(other) => panic!("{other}"),
            }
        }
    }

    fn producer(&mut self) -> &mut Producer<'r> {
        self.producer.as_mut().expect("put back after each phase")
    }

    /// Fills the buffer with the next payload and returns its length.
    fn fill(&mut self) -> usize {
        let len = len_of(self.number, self.buffer.len());
        self.pattern.fill(self.number, &mut self.buffer[..len]);
        len
    }

    fn write(&mut self) -> Result<(), WriteError> {
        let len = self.fill();
        let producer = self.producer.as_mut().expect("put back after each phase");
        producer.write_event(&header_of(self.number, len), &self.buffer[..len])?;
        self.number += 1;
        Ok(())
    }

    /// Claims more than it commits, and drops a claim from time to time.
    fn claim(&mut self) -> Result<(), WriteError> {
        let (number, max) = (self.number, self.buffer.len());
        let len = len_of(number, max);
        if number.is_multiple_of(5) {
            self.producer().claim(max)?.payload_mut().fill(0xAB);
        }
        let producer = self.producer.as_mut().expect("put back after each phase");
        let mut claim = producer.claim(max.min(len + 11))?;
        claim.payload_mut().fill(0xCD);
        self.pattern.fill(number, &mut claim.payload_mut()[..len]);
        claim.commit(&header_of(number, len))?;
        self.number += 1;
        Ok(())
    }

    /// Publishes as many events as fit, at most four, together.
    fn batch(&mut self) -> Result<(), WriteError> {
        let producer = self.producer.as_mut().expect("put back after each phase");
        let mut batch = producer.batch();
        let first = self.number;
        for number in first..first + 4 {
            let len = len_of(number, self.buffer.len());
            self.pattern.fill(number, &mut self.buffer[..len]);
            match batch.write_event(&header_of(number, len), &self.buffer[..len]) {
                Ok(()) => self.number += 1,
                Err(WriteError::Full) if number > first => break,
                Err(error) => return Err(error),
            }
        }
        assert_eq!(batch.publish() as u64, self.number - first);
        Ok(())
    }

    /// Writes without waiting. Ends when all losses are reported.
    fn lossy(&mut self, end: u64) {
        let mut producer = self.producer.take().expect("put back after each phase").lossy();
        while self.number < end {
            let len = self.fill();
            let header = header_of(self.number, len);
            let delivery = producer.write_event(&header, &self.buffer[..len]).unwrap();
            self.lost += u64::from(delivery == Delivery::Lost);
            self.number += 1;
        }
        while !producer.flush().unwrap() {
            thread::yield_now();
        }
        self.producer = Some(producer.into_inner());
    }
}

/// Does nothing, or waits some microseconds, or yields the processor.
fn pause(phase: u64) {
    match mixed(phase) >> 61 {
        0 => thread::yield_now(),
        1 => (0..200).for_each(|_| std::hint::spin_loop()),
        2 => thread::sleep(Duration::from_micros(50)),
        _ => {}
    }
}

struct Reader {
    pattern: Pattern,
    max_payload: usize,
    /// The number of the next event.
    next: u64,
    lost: u64,
    /// Whether each size was seen.
    sizes: Vec<bool>,
}

impl Reader {
    fn new(max_payload: usize) -> Self {
        Self {
            pattern: Pattern::new(max_payload),
            max_payload,
            next: 0,
            lost: 0,
            sizes: vec![false; max_payload + 1],
        }
    }

    fn run(mut self, mut consumer: Consumer<'_>) -> Self {
        let mut phase = 0;
        while !consumer.is_finished() {
            let before = self.next;
            match phase % 3 {
                0 => {
                    while let Some((header, payload)) = consumer.read_event() {
                        self.check(&header, payload);
                    }
                }
                1 => drop(consumer.drain(13, |header, payload| self.check(header, payload)).unwrap()),
                _ => self.runs(&mut consumer),
            }
            if self.next == before {
                thread::yield_now();
            } else if self.next / PHASE_EVENTS != before / PHASE_EVENTS {
                pause(self.next);
            }
            phase += 1;
        }
        assert_eq!((consumer.fault(), consumer.pending_loss()), (None, None));
        self
    }

    fn runs(&mut self, consumer: &mut Consumer<'_>) {
        let mut seen_bytes = 0;
        while let Some(mut run) = consumer.peek_run(seen_bytes).unwrap() {
            while let Some((header, payload)) = run.peek() {
                self.check(&header, payload);
                run.accept();
            }
            seen_bytes += run.accepted_bytes();
        }
        consumer.release_bytes(seen_bytes);
    }

    fn check(&mut self, header: &EventHeader, payload: &[u8]) {
        if let Some(gap) = Gap::from_event(header, payload) {
            assert_eq!(header.timestamp, self.next, "a GAP in its place");
            self.next += gap.count;
            self.lost += gap.count;
            return;
        }
        let len = len_of(self.next, self.max_payload);
        assert_eq!((header.as_user(), payload.len()), (header_of(self.next, len), len));
        self.pattern.check(self.next, payload);
        self.sizes[len] = true;
        self.next += 1;
    }
}

fn seconds() -> u64 {
    let asked = std::env::var("RINGLOG_TORTURE_SECONDS");
    asked.map_or(1, |asked| asked.parse().expect("RINGLOG_TORTURE_SECONDS is a number of seconds"))
}

fn torture(memory: &mut [u8], options: &RingOptions) {
    let (producer, consumer) = Ring::format_with(memory, options).unwrap().into_ends();
    let max_payload = producer.max_payload();
    let (offered, lost, reader) = thread::scope(|scope| {
        let writer = scope.spawn(move || Writer::new(producer).run(seconds()));
        let reader = Reader::new(max_payload).run(consumer);
        let (offered, lost) = writer.join().unwrap();
        (offered, lost, reader)
    });
    assert_eq!((reader.next, reader.lost), (offered, lost));
    let unseen = reader.sizes.iter().filter(|seen| !**seen).count() as u64;
    assert!(unseen <= lost, "{unseen} sizes were not seen, and {lost} events lost");
    println!("payloads 0..={max_payload}: {} events verified, {lost} lost and reported", offered - lost);
}

fn sizes(capacity: usize, max_payload: usize) -> RingOptions {
    RingOptions { capacity: Some(capacity), max_payload: Some(max_payload), ..RingOptions::default() }
}

#[test]
fn a_ring_of_one_record() {
    torture(AlignedBytes::<1024>::new().as_mut(), &sizes(64, 48));
}

#[test]
fn a_small_ring_across_the_wrap_of_positions() {
    let options = RingOptions { start: usize::MAX - (1 << 16) + 1, ..sizes(512, 239) };
    torture(AlignedBytes::<2048>::new().as_mut(), &options);
}

#[test]
fn a_retained_ring() {
    let options = RingOptions { retained: true, identity: 5, ..sizes(4096, 500) };
    torture(AlignedBytes::<{ 1 << 14 }>::new().as_mut(), &options);
}

#[test]
fn the_largest_payloads() {
    let mut memory: Box<AlignedBytes<{ 1 << 19 }>> = Box::default();
    torture((*memory).as_mut(), &sizes(1 << 18, 65_535));
}
