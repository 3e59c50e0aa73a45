//! Times the hot path: the ring beside a running recorder, and what it is compared with.
//!
//! Each of these functions makes one round. All run [`paced::run`](super::paced::run) on the first processor,
//! with the same schedule and the same records. They prepare and clean up outside of it.

use super::paced::{Round, Schedule, run};
use super::settings::Settings;
use super::timing::Ticks;
use ringlog::event::EventHeader;
use ringlog::recorder::Recorder;
use ringlog::ring::{SpscRingBuffer, WriteError};
use ringlog_nostd::MAX_PAYLOAD;
use ringlog_nostd::format::record_len;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};

/// The processor of the hot path, and that of everything beside it.
pub const HOT: usize = 0;
/// See [`HOT`].
pub const BESIDE: usize = 1;

/// What a round needs.
#[derive(Clone, Copy, Debug)]
pub struct Bench<'a> {
    /// The program's settings.
    pub settings: &'a Settings,
    /// The clock.
    pub ticks: &'a Ticks,
}

/// One of the functions below.
pub type Thing = fn(&Bench<'_>) -> Round;

impl Bench<'_> {
    /// One lap of the ring is the warm-up: after it, all of its memory was written once.
    #[must_use]
    pub fn schedule(&self) -> Schedule {
        let settings = self.settings;
        let lap = settings.ring_bytes / record_len(settings.payload) + 1;
        Schedule::new(settings.rate, lap as u64, settings.round)
    }

    /// Returns the payload of every record.
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        (0..self.settings.payload).map(|index| (index % 251) as u8).collect()
    }

    /// Returns the header of every record, apart from its number.
    #[inline]
    fn header(number: u64, payload: &[u8]) -> EventHeader {
        EventHeader::new(number, 1, payload.len() as u16)
    }

    /// Runs `start` on the processor for what it starts, and returns to the hot path's processor.
    fn beside<T>(&self, start: impl FnOnce() -> T) -> T {
        self.settings.put(BESIDE);
        let started = start();
        self.settings.put(HOT);
        started
    }
}

/// Times two readings of the clock around nothing: the machine's own jitter, and the timing's cost.
pub fn empty_loop(bench: &Bench<'_>) -> Round {
    bench.settings.put(HOT);
    run(bench.ticks, &bench.schedule(), |number| {
        black_box(number);
        true
    })
}

/// Copies the record's bytes into as much memory as the ring has, round and round. Nobody reads it.
pub fn bare_copy(bench: &Bench<'_>) -> Round {
    bench.settings.put(HOT);
    let payload = bench.payload();
    let mut memory = WarmMemory::new(bench.settings.ring_bytes);
    let round = run(bench.ticks, &bench.schedule(), |number| {
        let payload = black_box(&payload[..]);
        memory.copy(&Bench::header(number, payload), payload);
        true
    });
    black_box(memory);
    round
}

/// Times `Producer::write_event` while a recorder drains the ring into a log.
///
/// # Panics
/// If the recorder fails, or its log does not hold what the ring took.
pub fn ring_and_recorder(bench: &Bench<'_>) -> Round {
    let folder = bench.settings.folder();
    let (mut producer, recorder) = bench.beside(|| {
        let log = bench.settings.workers.log(bench.settings.segment_bytes);
        let builder = Recorder::builder().ring_bytes(bench.settings.ring_bytes).log(log);
        builder.start(folder.path().join("log")).expect("a recorder")
    });
    let payload = bench.payload();
    let schedule = bench.schedule();
    let round = run(bench.ticks, &schedule, |number| {
        let payload = black_box(&payload[..]);
        taken(producer.write_event(&Bench::header(number, payload), payload))
    });
    let written = recorder.shutdown(producer).expect("a whole log").events;
    assert_eq!(written + round.refused, schedule.calls(), "the log does not hold what the ring took");
    round
}

/// Times `Producer::write_event` while a thread reads the ring and does nothing else: no disk, no log.
///
/// # Panics
/// If the reader does not get what the ring took.
pub fn ring_and_reader(bench: &Bench<'_>) -> Round {
    let ring = SpscRingBuffer::new(bench.settings.ring_bytes);
    let (mut producer, mut consumer) = ring.split();
    let schedule = bench.schedule();
    let payload = bench.payload();
    bench.settings.put(HOT);
    let end = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            bench.settings.put(BESIDE);
            let mut read = 0;
            // ORDERING: Relaxed. The producer is closed before; it only ends the waiting.
            while !(end.load(Ordering::Relaxed) && consumer.is_finished()) {
                read +=
                    consumer.drain(usize::MAX, |_, payload| _ = black_box(payload)).expect("a whole ring");
                std::thread::sleep(bench.settings.reader_sleep());
            }
            read as u64
        });
        let round = run(bench.ticks, &schedule, |number| {
            let payload = black_box(&payload[..]);
            taken(producer.write_event(&Bench::header(number, payload), payload))
        });
        drop(producer);
        // ORDERING: Relaxed. As above.
        end.store(true, Ordering::Relaxed);
        assert_eq!(reader.join().expect("the reader does not panic") + round.refused, schedule.calls());
        round
    })
}

/// Times `LogWriter::write_event` on the hot path itself, into the mapped file: what the ring avoids.
///
/// # Panics
/// If the log fails.
pub fn mapped_log(bench: &Bench<'_>) -> Round {
    let folder = bench.settings.folder();
    let mut writer = bench.beside(|| {
        let options = bench.settings.workers.log(bench.settings.segment_bytes);
        options.open(folder.path().join("log")).expect("a log")
    });
    let payload = bench.payload();
    let round = run(bench.ticks, &bench.schedule(), |number| {
        let payload = black_box(&payload[..]);
        writer.write_event(&Bench::header(number, payload), payload).expect("room in the log");
        true
    });
    writer.close().expect("a whole log");
    round
}

/// Returns whether there was room.
///
/// # Panics
/// At any other error.
#[inline]
#[must_use]
pub fn taken(written: Result<(), WriteError>) -> bool {
    match written {
        Ok(()) => true,
        Err(WriteError::Full) => false,
        Err(other) => panic!("{other}"),
    }
}

/// Memory that records are copied to one after the other, as into a ring, and again from the start at its end.
#[derive(Debug)]
pub struct WarmMemory {
    bytes: Vec<u8>,
    /// A power of two.
    capacity: usize,
    at: usize,
}

impl WarmMemory {
    /// Makes as much memory as a ring of `capacity` bytes has for records, all of it touched.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let len = capacity + record_len(MAX_PAYLOAD);
        Self { bytes: (0..len).map(|index| index as u8).collect(), capacity, at: 0 }
    }

    /// Copies header and payload, and nothing else.
    #[inline]
    pub fn copy(&mut self, header: &EventHeader, payload: &[u8]) {
        let record = &mut self.bytes[self.at..][..header.stride()];
        let (head, body) = record.split_at_mut(16);
        head.copy_from_slice(&header.to_bytes());
        body[..payload.len()].copy_from_slice(payload);
        self.at = (self.at + header.stride()) & (self.capacity - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_is_what_the_ring_stores_but_for_the_flag() {
        let mut memory = WarmMemory::new(64);
        for number in 0..3 {
            memory.copy(&EventHeader::new(number, 1, 8), &number.to_le_bytes());
        }
        assert_eq!(memory.bytes[24..40], EventHeader::new(1, 1, 8).to_bytes());
        assert_eq!(memory.bytes[40..48], 1_u64.to_le_bytes());
        // The third one ran over the end of 64 bytes. The next starts after it, as in a ring.
        assert_eq!(memory.at, 8);
    }
}
