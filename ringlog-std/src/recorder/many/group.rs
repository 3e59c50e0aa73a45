//! What the producers of one log share with its recorder.
#![forbid(unsafe_code)]

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crossbeam_utils::CachePadded;
use ringlog_nostd::RingOptions;
use ringlog_nostd::internal::{Inside, Seat};

use super::error::ProducersError;
use crate::os::gate::ProcessGate;
use crate::os::sync::{AtomicBool, Mutex, MutexGuard, lock};
use crate::ring::{Consumer, Producer, SpscRingBuffer};

/// A producer's place at the gate, on a cache line that only it stores to.
pub(super) type SharedSeat = Arc<CachePadded<Seat>>;

/// The producer's side of a ring that nobody writes to.
#[derive(Debug)]
pub(super) struct FreeRing {
    pub(super) seat: SharedSeat,
    pub(super) producer: Producer,
}

/// A ring that the recorder does not know yet.
#[derive(Debug)]
pub(super) struct NewRing {
    pub(super) seat: SharedSeat,
    pub(super) source: Consumer,
}

/// What has happened to rings since the recorder looked.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) made: Vec<NewRing>,
    /// Their producers were dropped. What they wrote and lost may be in the rings.
    pub(super) ended: Vec<FreeRing>,
}

/// The producers of one log.
#[derive(Debug)]
pub(crate) struct Group {
    gate: ProcessGate,
    ring: RingOptions,
    max_producers: usize,
    /// Whether there is news.
    is_news: AtomicBool,
    rings: Mutex<Rings>,
}

#[derive(Debug, Default)]
struct Rings {
    count: usize,
    /// Drained, and ready for the next producer.
    pool: Vec<FreeRing>,
    news: News,
}

impl Group {
    pub(crate) fn new(ring: RingOptions, max_producers: usize) -> io::Result<Self> {
        let (gate, rings) = (ProcessGate::open()?, Mutex::default());
        Ok(Self { gate, ring, max_producers, is_news: AtomicBool::new(false), rings })
    }

    fn rings(&self) -> MutexGuard<'_, Rings> {
        lock(&self.rings)
    }

    /// Returns whether producers may write. In a forked child none may.
    pub(super) fn is_open(&self) -> bool {
        self.gate.is_open()
    }

    /// Lets a producer in, so that it may write.
    #[inline]
    pub(super) fn enter<'s>(&self, seat: &'s Seat) -> Option<Inside<'s>> {
        self.gate.enter(seat)
    }

    /// Lets nobody in any more. As [`ProcessGate::shut`].
    pub(super) fn shut(&self) -> bool {
        self.gate.shut()
    }

    /// Returns a ring for one more producer.
    pub(super) fn take_ring(&self) -> Result<FreeRing, ProducersError> {
        // Before the lock: in a forked child, a thread that is not there may hold it.
        if !self.is_open() {
            return Err(ProducersError::Closed);
        }
        let mut rings = self.rings();
        if let Some(free) = rings.pool.pop() {
            return Ok(free);
        }
        if rings.count == self.max_producers {
            return Err(ProducersError::TooMany { max: self.max_producers });
        }
        rings.count += 1;
        drop(rings);
        // It takes a fraction of a millisecond, in which others may have the lock.
        let made = SpscRingBuffer::with_options(&self.ring);
        let mut rings = self.rings();
        let (producer, source) = match made {
            Ok(ring) => ring.split(),
            Err(error) => {
                rings.count -= 1;
                return Err(error.into());
            }
        };
        let seat = SharedSeat::default();
        rings.news.made.push(NewRing { seat: Arc::clone(&seat), source });
        self.announce();
        Ok(FreeRing { seat, producer })
    }

    /// Gives the ring of a producer that was dropped to the recorder.
    pub(super) fn give_back(&self, ring: FreeRing) {
        // Nobody takes it, and see `take_ring`. The recorder has the other side of it.
        if self.is_open() {
            self.rings().news.ended.push(ring);
            self.announce();
        }
    }

    fn announce(&self) {
        // ORDERING: Relaxed. The lock hands over the news; a stale value is seen a turn later, and after the gate is shut
        // the recorder looks without it.
        self.is_news.store(true, Ordering::Relaxed);
    }

    /// Returns what is new, if anything is announced.
    pub(super) fn news(&self) -> Option<News> {
        // ORDERING: Relaxed. As in `announce`.
        if !self.is_news.load(Ordering::Relaxed) {
            return None;
        }
        let mut rings = self.rings();
        // ORDERING: Relaxed. As in `announce`.
        self.is_news.store(false, Ordering::Relaxed);
        Some(std::mem::take(&mut rings.news))
    }

    /// Returns what is new, announced or not.
    pub(super) fn last_news(&self) -> News {
        std::mem::take(&mut self.rings().news)
    }

    /// Keeps a drained ring for the next producer.
    pub(super) fn pool(&self, ring: FreeRing) {
        self.rings().pool.push(ring);
    }
}
