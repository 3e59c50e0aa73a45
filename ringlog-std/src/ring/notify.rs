//! A pair whose consumer can park: the producer wakes it.
//!
//! The price is one fence and one load for each publication, so a plain pair does not do it. [`ParkFlag`] has the
//! protocol between the two sides, which the models run; this file adds threads that park.
#![forbid(unsafe_code)]

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use ringlog_nostd::{EventHeader, Lent, ParkFlag, WriteError};
#[cfg(feature = "macros")]
use ringlog_nostd::{HasTail, Payload};

use super::ends::{Consumer, Producer};
use super::spsc::SpscRingBuffer;

#[derive(Debug, Default)]
struct Signal {
    flag: ParkFlag,
    sleeper: Mutex<Option<Thread>>,
}

impl Signal {
    fn wake(&self) {
        if self.flag.is_wake_due() {
            let sleeper = self.sleeper.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(thread) = sleeper.as_ref() {
                thread.unpark();
            }
        }
    }
}

impl SpscRingBuffer {
    /// Returns the two ends, of which the producer wakes a consumer that waits.
    ///
    /// ```
    /// use ringlog::{event::EventHeader, ring::SpscRingBuffer};
    ///
    /// let (mut producer, mut consumer) = SpscRingBuffer::new(1024).split_notify();
    /// let reader = std::thread::spawn(move || {
    ///     consumer.wait(None);
    ///     consumer.inner_mut().read_event().map(|(header, _)| header.timestamp)
    /// });
    /// producer.write_event(&EventHeader::new(42, 0, 0), b"").unwrap();
    /// assert_eq!(reader.join().unwrap(), Some(42));
    /// ```
    #[must_use]
    pub fn split_notify(self) -> (NotifyProducer, NotifyConsumer) {
        let (producer, consumer) = self.split();
        let signal = Arc::new(Signal::default());
        let waking = Waking { producer: Some(producer), signal: Arc::clone(&signal) };
        (NotifyProducer { waking }, NotifyConsumer { consumer, signal })
    }
}

/// A producer that wakes its parked consumer: see [`SpscRingBuffer::split_notify`].
///
/// ```
/// use ringlog::{event::EventHeader, ring::SpscRingBuffer};
///
/// let (mut producer, mut consumer) = SpscRingBuffer::new(1024).split_notify();
/// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
/// assert!(consumer.wait(None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct NotifyProducer {
    waking: Waking,
}

/// Closes first, then wakes, so that a parked consumer sees that the producer has ended.
#[derive(Debug)]
struct Waking {
    producer: Option<Producer>,
    signal: Arc<Signal>,
}

struct WakesAtTheEnd<'a>(&'a Signal);

impl Drop for WakesAtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.wake();
    }
}

impl Drop for Waking {
    fn drop(&mut self) {
        self.producer = None;
        self.signal.wake();
    }
}

impl NotifyProducer {
    /// Writes one event and wakes the consumer if it is parked.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, ring::SpscRingBuffer};
    /// # let (mut producer, mut consumer) = SpscRingBuffer::new(64).split_notify();
    /// use ringlog_nostd::WriteError;
    ///
    /// producer.write_event(&EventHeader::new(1, 7, 16), &[0; 16])?;
    /// producer.write_event(&EventHeader::new(2, 7, 16), &[0; 16])?;
    /// assert_eq!(producer.write_event(&EventHeader::new(3, 7, 16), &[0; 16]), Err(WriteError::Full));
    /// # assert!(consumer.wait(None));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Producer::write_event`](ringlog_nostd::Producer::write_event).
    pub fn write_event(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), WriteError> {
        let Some(producer) = &mut self.waking.producer else { return Err(WriteError::Full) };
        producer.write_event(header, payload)?;
        self.waking.signal.wake();
        Ok(())
    }

    /// Writes one event and wakes the consumer if it is parked. The event's type is that of the struct.
    ///
    /// ```
    /// # use ringlog::{event::Payload, ring::SpscRingBuffer};
    /// # #[ringlog::event(type = 7)]
    /// # struct Sample { millivolts: u32 }
    /// let (mut producer, mut consumer) = SpscRingBuffer::new(1024).split_notify();
    /// producer.write(1_000, &Sample { millivolts: 3_300 })?;
    /// let (header, payload) = consumer.inner_mut().read_event().unwrap();
    /// assert_eq!(Sample::view(&header, payload)?.millivolts, 3_300);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    #[cfg(feature = "macros")]
    pub fn write<P: Payload>(&mut self, timestamp: u64, payload: &P) -> Result<(), WriteError> {
        let Some(producer) = &mut self.waking.producer else { return Err(WriteError::Full) };
        producer.write(timestamp, payload)?;
        self.waking.signal.wake();
        Ok(())
    }

    /// Writes one event with a tail and wakes the consumer if it is parked.
    ///
    /// ```
    /// # use ringlog::{event::Payload, ring::SpscRingBuffer};
    /// # #[ringlog::event(type = 9, tail = "text")]
    /// # struct Message { level: u8 }
    /// let (mut producer, mut consumer) = SpscRingBuffer::new(1024).split_notify();
    /// producer.write_with_tail(1_000, &Message { level: 3 }, b"too hot")?;
    /// let (header, payload) = consumer.inner_mut().read_event().unwrap();
    /// assert_eq!(Message::view_with_tail(&header, payload)?.1, b"too hot");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    #[cfg(feature = "macros")]
    pub fn write_with_tail<P: HasTail>(
        &mut self,
        timestamp: u64,
        payload: &P,
        tail: &[u8],
    ) -> Result<(), WriteError> {
        let Some(producer) = &mut self.waking.producer else { return Err(WriteError::Full) };
        producer.write_with_tail(timestamp, payload, tail)?;
        self.waking.signal.wake();
        Ok(())
    }

    /// Lends the plain producer to `f` (for claims and batches) and wakes the consumer afterwards.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, ring::SpscRingBuffer};
    /// # let (mut producer, mut consumer) = SpscRingBuffer::new(1024).split_notify();
    /// producer.with(|producer| {
    ///     let mut batch = producer.batch();
    ///     batch.write_event(&EventHeader::new(1, 7, 0), b"")?;
    ///     batch.write_event(&EventHeader::new(2, 7, 0), b"")?;
    ///     batch.publish();
    ///     Ok::<(), ringlog_nostd::WriteError>(())
    /// });
    /// assert_eq!(consumer.inner_mut().drain(usize::MAX, |_, _| ())?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with<T>(&mut self, f: impl FnOnce(&mut Lent<'_, Producer>) -> T) -> Option<T> {
        // Also where `f` panics: what it published before is in the ring.
        let _wakes = WakesAtTheEnd(&self.waking.signal);
        self.waking.producer.as_mut().map(|producer| f(&mut Lent::new(producer)))
    }
}

/// A consumer that can park until there is something to read: see [`SpscRingBuffer::split_notify`].
///
/// ```
/// # use ringlog::ring::SpscRingBuffer;
/// # let (producer, mut consumer) = SpscRingBuffer::new(1024).split_notify();
/// let reader = std::thread::spawn(move || consumer.wait(None));
/// drop(producer);
/// assert!(!reader.join().unwrap(), "the producer has ended");
/// ```
#[derive(Debug)]
pub struct NotifyConsumer {
    consumer: Consumer,
    signal: Arc<Signal>,
}

impl NotifyConsumer {
    /// Parks until there is an event to read, the producer has closed, or `limit` is over. Returns whether there is
    /// something to read.
    ///
    /// ```
    /// # use ringlog::ring::SpscRingBuffer;
    /// # let (_producer, mut consumer) = SpscRingBuffer::new(1024).split_notify();
    /// use std::time::Duration;
    ///
    /// assert!(!consumer.wait(Some(Duration::from_millis(1))));
    /// ```
    pub fn wait(&mut self, limit: Option<Duration>) -> bool {
        // A limit that is too far for the clock is no limit.
        let end = limit.and_then(|limit| std::time::Instant::now().checked_add(limit));
        self.register();
        loop {
            self.signal.flag.raise();
            let closed = self.consumer.is_closed();
            if !self.consumer.is_empty() || closed {
                break;
            }
            match end.map(|end| end.saturating_duration_since(std::time::Instant::now())) {
                Some(Duration::ZERO) => break,
                Some(left) => std::thread::park_timeout(left),
                None => std::thread::park(),
            }
        }
        self.signal.flag.lower();
        !self.consumer.is_empty()
    }

    fn register(&self) {
        let mut sleeper = self.signal.sleeper.lock().unwrap_or_else(PoisonError::into_inner);
        let current = std::thread::current();
        if sleeper.as_ref().is_none_or(|known| known.id() != current.id()) {
            *sleeper = Some(current);
        }
    }

    /// Returns the consumer, to read from.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, ring::SpscRingBuffer};
    /// # let (mut producer, mut consumer) = SpscRingBuffer::new(1024).split_notify();
    /// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// assert_eq!(consumer.inner_mut().read_event().unwrap().1, b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn inner_mut(&mut self) -> &mut Consumer {
        &mut self.consumer
    }
}
