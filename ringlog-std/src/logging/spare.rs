//! The ring that belongs to no thread: for panics, and for messages of threads that have no ring.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use crate::event::{EventHeader, Gap, GapReason};
use crate::recorder::PooledProducer;
use crate::ring::{Lent, Producer, WriteError};

/// How often a message of a thread without a ring looks whether the spare one is free. Its holders write one message.
const TRIES: usize = 100;

/// A ring for all threads, and the count of messages that are in no ring.
#[derive(Debug)]
pub(super) struct Spare {
    producer: Mutex<PooledProducer>,
    /// Messages that are in no ring and that no GAP record counts yet.
    uncounted: AtomicU64,
    /// The time of the first of them, `u64::MAX` if it is not known.
    first: AtomicU64,
}

/// How much of the ring a message may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Share {
    /// The rest is for panics.
    Half,
    All,
}

impl Spare {
    pub(super) const fn new(producer: PooledProducer) -> Self {
        Self { producer: Mutex::new(producer), uncounted: AtomicU64::new(0), first: AtomicU64::new(u64::MAX) }
    }

    /// Returns the number of messages that are in no ring and that no GAP record counts.
    pub(super) fn uncounted(&self) -> u64 {
        // ORDERING: Relaxed. Each change is one step, and nothing else is read by this number.
        self.uncounted.load(Ordering::Relaxed)
    }

    /// Counts messages that are in no ring, the first of which has this time.
    pub(super) fn count(&self, messages: u64, first: u64) {
        // ORDERING: Relaxed, both. Each change is one step, so no message is counted twice or by nobody. A time that is
        // seen late belongs to the next GAP record.
        self.first.fetch_min(first, Ordering::Relaxed);
        self.uncounted.fetch_add(messages, Ordering::Relaxed);
    }

    /// Returns the producer if nobody uses it at the moment. A panic meanwhile leaves it valid.
    fn try_lock(&self) -> Option<MutexGuard<'_, PooledProducer>> {
        match self.producer.try_lock() {
            Ok(producer) => Some(producer),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Writes a message of a thread that has no ring, or counts it. Waits for nobody.
    pub(super) fn write(&self, header: &EventHeader, payload: &[u8]) {
        for _ in 0..TRIES {
            if let Some(mut producer) = self.try_lock() {
                if self.write_with(&mut producer, Share::Half, header, payload).is_err() {
                    self.count(1, header.timestamp);
                }
                return;
            }
            std::hint::spin_loop();
        }
        self.count(1, header.timestamp);
    }

    /// Writes a message, and waits until the recorder has it, both up to `limit`; or counts it.
    pub(super) fn write_urgently(&self, header: &EventHeader, payload: &[u8], limit: Duration) {
        let end = Instant::now() + limit;
        let try_write = || {
            let mut producer = self.try_lock()?;
            let written = self.write_with(&mut producer, Share::All, header, payload);
            (written != Err(WriteError::Full)).then_some(written)
        };
        let Some(Ok(position)) = until(end, try_write) else { return self.count(1, header.timestamp) };
        let try_see = || {
            let mut producer = self.try_lock()?;
            let released = producer.with(|ring| ring.position().wrapping_sub(ring.used()));
            // The log has ended, or has it.
            released.map_or(true, |released| released.wrapping_sub(position).cast_signed() >= 0).then_some(())
        };
        let _ = until(end, try_see);
    }

    /// Writes a GAP record for the messages that none counts yet. Tries it up to `limit`.
    pub(super) fn report(&self, now: u64, limit: Duration) {
        let try_report = || {
            // Also if there is nothing to count: who has the lock may have taken the count, and fail to write it.
            let mut producer = self.try_lock()?;
            // `Err` if the log has ended.
            producer.with(|ring| self.write_gap(ring, now)).unwrap_or(true).then_some(())
        };
        let _ = until(Instant::now() + limit, try_report);
    }

    /// Writes a message, after a GAP record if there is something to count. Returns the ring's position after it.
    fn write_with(
        &self,
        producer: &mut PooledProducer,
        share: Share,
        header: &EventHeader,
        payload: &[u8],
    ) -> Result<usize, WriteError> {
        producer.with(|ring| {
            let gap = if self.uncounted() > 0 { Gap::header(0).stride() } else { 0 };
            if share == Share::Half && ring.used() + gap + header.stride() > ring.capacity() / 2 {
                return Err(WriteError::Full);
            }
            self.write_gap(ring, header.timestamp);
            ring.write_event(header, payload)?;
            Ok(ring.position())
        })?
    }

    /// Writes a GAP record for what none counts yet. Returns whether nothing is left to count.
    fn write_gap(&self, ring: &mut Lent<'_, Producer>, now: u64) -> bool {
        if self.uncounted() == 0 {
            return true;
        }
        // ORDERING: Relaxed, both. As in `count`; the lock lets one thread at a time take them.
        let messages = self.uncounted.swap(0, Ordering::Relaxed);
        let first = match self.first.swap(u64::MAX, Ordering::Relaxed) {
            u64::MAX => now,
            first => first,
        };
        let is_written = ring.write_gap(first, Gap::new(GapReason::RingFull, messages)).is_ok();
        if !is_written {
            self.count(messages, first);
        }
        is_written
    }
}

/// Tries until it succeeds or the time has come.
fn until<T>(end: Instant, mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    loop {
        match attempt() {
            None if Instant::now() < end => std::thread::sleep(Duration::from_micros(200)),
            result => return result,
        }
    }
}
