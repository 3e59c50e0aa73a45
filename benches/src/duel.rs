//! Measures two threads with a ring between them: one loop for all rings.

use crate::machine::Pinning;
use crate::rivals::{Channel, RING_BYTES, Read, Write};
use crate::work::{Source, Tally};
use ringlog_nostd::format::HEADER_LEN;
use std::hint::{black_box, spin_loop};
use std::sync::Barrier;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Events that are published, and released, together.
pub const BATCH_EVENTS: usize = 64;

/// Laps of the ring before the measured part, so that all of its memory is mapped.
const WARM_LAPS: usize = 5;

/// What the consumer's thread does when it finds no record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, clap::ValueEnum)]
pub enum Policy {
    /// Looks again at once.
    AtOnce,
    /// Waits for 256 turns of an empty loop, about a tenth of a microsecond, and looks again.
    Wait256,
}

impl Policy {
    /// Returns the name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AtOnce => "again at once",
            Self::Wait256 => "after 256 spins",
        }
    }

    #[inline]
    fn wait(self) {
        match self {
            Self::AtOnce => (),
            Self::Wait256 => (0..256_u32).for_each(|turn| {
                black_box(turn);
            }),
        }
    }
}

/// One by one, or many at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, clap::ValueEnum)]
pub enum Way {
    /// Every record is published and released by itself.
    Single,
    /// Up to [`BATCH_EVENTS`] records at once.
    Batch,
}

impl Way {
    /// Returns the name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Single => "one by one",
            Self::Batch => "batches of 64",
        }
    }

    /// Writes up to `left` records of the source in this way. Returns how many there was room for.
    #[inline]
    pub fn write(self, writer: &mut impl Write, source: &mut Source, left: usize) -> usize {
        match self {
            Self::Single => usize::from(source.offer(|header, payload| writer.write(header, payload))),
            Self::Batch => writer.write_batch(source, left.min(BATCH_EVENTS)),
        }
    }

    #[inline]
    fn read(self, reader: &mut impl Read, tally: &mut Tally) -> usize {
        match self {
            Self::Single => reader.poll(|header, payload| tally.take(header, black_box(payload))),
            Self::Batch => {
                reader.read_batch(BATCH_EVENTS, |header, payload| tally.take(header, black_box(payload)))
            }
        }
    }
}

/// What is measured with every ring.
#[derive(Clone, Copy, Debug)]
pub struct Duel {
    /// Bytes of each payload.
    pub payload_len: usize,
    /// Approximate least time of the measured part; each ring moves as many records as that needs.
    pub length: Duration,
    /// How they are published and released.
    pub way: Way,
    /// What the consumer does when it has caught up.
    pub policy: Policy,
    /// Where the threads run.
    pub pinning: Pinning,
}

impl Duel {
    /// Returns nanoseconds per event, from the first write of the measured part to its last read.
    ///
    /// # Panics
    /// If what was read is not what was written.
    #[must_use]
    pub fn run<C: Channel>(&self) -> f64 {
        let warm = WARM_LAPS * RING_BYTES / (HEADER_LEN + self.payload_len);
        let mut channel = C::make(RING_BYTES, self.payload_len);
        let (mut writer, mut reader) = channel.split();
        let (ready, planned) = (&Barrier::new(2), &AtomicUsize::new(0));
        let mut tally = Tally::new();
        let elapsed = std::thread::scope(|scope| {
            // The writer moves to its thread, off the cache lines of the reader.
            let writing = scope.spawn(move || {
                self.pinning.put(0);
                let mut source = Source::new(self.payload_len);
                ready.wait();
                let warming = Instant::now();
                self.write_all(&mut writer, &mut source, warm);
                // ORDERING: Relaxed. The barrier hands it over.
                planned.store(self.events(warming.elapsed(), warm), Relaxed);
                ready.wait();
                let begin = Instant::now();
                // ORDERING: Relaxed. This thread has stored it.
                self.write_all(&mut writer, &mut source, planned.load(Relaxed));
                begin
            });
            self.pinning.put(1);
            ready.wait();
            self.read_all(&mut reader, &mut tally, warm);
            ready.wait();
            // ORDERING: Relaxed. The barrier has handed it over.
            self.read_all(&mut reader, &mut tally, planned.load(Relaxed));
            let end = Instant::now();
            end - writing.join().expect("the writer does not panic")
        });
        assert_eq!(tally, Source::new(self.payload_len).expected(tally.events), "{}", C::NAME);
        elapsed.as_nanos() as f64 / (tally.events as usize - warm) as f64
    }

    /// Returns how many events take [`length`](Self::length), if `warm` took `elapsed`.
    fn events(&self, elapsed: Duration, warm: usize) -> usize {
        let events = warm as f64 * self.length.as_secs_f64() / elapsed.as_secs_f64().max(1e-9);
        (events as usize).clamp(warm, 100_000_000)
    }

    fn write_all(&self, writer: &mut impl Write, source: &mut Source, events: usize) {
        let mut left = events;
        while left > 0 {
            let written = self.way.write(writer, source, left);
            left -= written;
            if written == 0 {
                spin_loop();
            }
        }
        writer.flush();
    }

    fn read_all(&self, reader: &mut impl Read, tally: &mut Tally, events: usize) {
        let all = tally.events + events as u64;
        while tally.events < all {
            if self.way.read(reader, tally) == 0 {
                self.policy.wait();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::for_each_ring_of;
    use crate::rivals::blocks::Blocks;

    /// What was read is checked by the duel itself.
    #[test]
    fn every_ring_moves_all_records_in_order() {
        for way in [Way::Single, Way::Batch] {
            let length = Duration::from_millis(1);
            let duel = Duel { payload_len: 16, length, way, policy: Policy::AtOnce, pinning: Pinning::Free };
            let mut figures = for_each_ring_of!(duel.payload_len, run_of(&duel));
            figures.push(duel.run::<Blocks>());
            assert!(figures.iter().all(|figure| *figure > 0.0), "{figures:?}");
        }
    }

    fn run_of<C: Channel>(duel: &Duel) -> f64 {
        duel.run::<C>()
    }
}
