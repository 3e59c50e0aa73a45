//! A producer that wakes the task that awaits its events.
#![forbid(unsafe_code)]

use crate::error::WriteError;
use crate::format::header::EventHeader;
use crate::handle::lent::Lent;
use crate::handle::lossy::{Delivery, LossyProducer};
use crate::handle::producer::Producer;
#[cfg(feature = "macros")]
use crate::payload::payload::{HasTail, Payload};
use crate::wake::signal::AsyncSignal;
use core::borrow::Borrow;

/// A producer that wakes the task that awaits its events: see [`AsyncSignal::connect`](crate::AsyncSignal::connect).
///
/// `P` is a [`Producer`](crate::Producer) or a [`LossyProducer`](crate::LossyProducer), and `S` leads to the signal.
/// It works in an interrupt as well: it neither waits nor allocates. Dropping it closes the ring and wakes the task, which
/// then gets what was written and the end.
///
/// ```
/// use ringlog_nostd::{AsyncProducer, AsyncSignal, EventHeader, LossyProducer, StaticRing};
///
/// static RING: StaticRing<1024, 32> = StaticRing::new();
/// static SIGNAL: AsyncSignal = AsyncSignal::new();
///
/// fn on_timer_interrupt(producer: &mut AsyncProducer<LossyProducer<'static>>, now: u64) {
///     let _ = producer.write_event(&EventHeader::new(now, 1, 0), b"");
/// }
///
/// let (producer, mut consumer) = AsyncSignal::connect(&SIGNAL, RING.split().unwrap()).unwrap();
/// on_timer_interrupt(&mut producer.lossy(), 5);
/// assert_eq!(consumer.inner_mut().read_event().unwrap().0.timestamp, 5);
/// ```
#[derive(Debug)]
pub struct AsyncProducer<P, S: Borrow<AsyncSignal> = &'static AsyncSignal> {
    // Dropped first: it closes the ring, and then the task is woken.
    producer: P,
    wakes: WakesOnDrop<S>,
}

#[derive(Debug)]
struct WakesOnDrop<S: Borrow<AsyncSignal>>(S);

impl<S: Borrow<AsyncSignal>> Drop for WakesOnDrop<S> {
    fn drop(&mut self) {
        self.0.borrow().wake();
    }
}

impl<P, S: Borrow<AsyncSignal>> AsyncProducer<P, S> {
    pub(crate) fn new(producer: P, signal: S) -> Self {
        Self { producer, wakes: WakesOnDrop(signal) }
    }

    /// Lends the producer to `f` (for claims, batches and what else it can do) and wakes the task afterwards, also
    /// where `f` panics.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, AsyncSignal, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # let signal = AsyncSignal::new();
    /// let (mut producer, mut consumer) = AsyncSignal::connect(&signal, ring.split()).unwrap();
    /// let published = producer.with(|producer| {
    ///     let mut batch = producer.batch();
    ///     batch.write_event(&EventHeader::new(1, 7, 0), b"").unwrap();
    ///     batch.write_event(&EventHeader::new(2, 7, 0), b"").unwrap();
    ///     batch.publish()
    /// });
    /// assert_eq!(published, 2);
    /// assert_eq!(consumer.inner_mut().drain(usize::MAX, |_, _| ()), Ok(2));
    /// ```
    pub fn with<T>(&mut self, f: impl FnOnce(&mut Lent<'_, P>) -> T) -> T {
        let _wakes = WakesOnDrop::<&AsyncSignal>(self.wakes.0.borrow());
        f(&mut Lent::new(&mut self.producer))
    }

    fn signal(&self) -> &AsyncSignal {
        self.wakes.0.borrow()
    }
}

impl<'r, K, S: Borrow<AsyncSignal>> AsyncProducer<Producer<'r, K>, S> {
    /// Writes one event, publishes it, and wakes the task if it waits.
    ///
    /// # Errors
    ///
    /// As [`Producer::write_event`](crate::Producer::write_event).
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, AsyncSignal, EventHeader, Ring, WriteError};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # let signal = AsyncSignal::new();
    /// let (mut producer, _consumer) = AsyncSignal::connect(&signal, ring.split()).unwrap();
    /// assert_eq!(producer.write_event(&EventHeader::new(1, 7, 2), b"ab"), Ok(()));
    /// let wrong = producer.write_event(&EventHeader::new(2, 7, 3), b"ab");
    /// assert_eq!(wrong, Err(WriteError::LengthMismatch { header: 3, payload: 2 }));
    /// ```
    #[inline]
    pub fn write_event(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), WriteError> {
        self.producer.write_event(header, payload)?;
        self.signal().wake();
        Ok(())
    }

    /// Writes one event, publishes it, and wakes the task if it waits. The event's type is that of the struct.
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, AsyncSignal, Payload, Ring, event};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # let signal = AsyncSignal::new();
    /// # #[event(type = 7)]
    /// # struct Sample { millivolts: u32 }
    /// let (mut producer, mut consumer) = AsyncSignal::connect(&signal, ring.split()).unwrap();
    /// producer.write(1_000, &Sample { millivolts: 3_300 })?;
    /// let (header, payload) = consumer.inner_mut().read_event().unwrap();
    /// assert_eq!(Sample::view(&header, payload).unwrap().millivolts, 3_300);
    /// # Ok::<(), ringlog_nostd::WriteError>(())
    /// ```
    #[cfg(feature = "macros")]
    #[inline]
    pub fn write<E: Payload>(&mut self, timestamp: u64, payload: &E) -> Result<(), WriteError> {
        self.producer.write(timestamp, payload)?;
        self.signal().wake();
        Ok(())
    }

    /// Writes one event with a tail, publishes it, and wakes the task if it waits.
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, AsyncSignal, Payload, Ring, event};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # let signal = AsyncSignal::new();
    /// # #[event(type = 9, tail = "text")]
    /// # struct Message { level: u8 }
    /// let (mut producer, mut consumer) = AsyncSignal::connect(&signal, ring.split()).unwrap();
    /// producer.write_with_tail(1_000, &Message { level: 3 }, b"too hot")?;
    /// let (header, payload) = consumer.inner_mut().read_event().unwrap();
    /// assert_eq!(Message::view_with_tail(&header, payload).unwrap().1, b"too hot");
    /// # Ok::<(), ringlog_nostd::WriteError>(())
    /// ```
    #[cfg(feature = "macros")]
    #[inline]
    pub fn write_with_tail<E: HasTail>(
        &mut self,
        timestamp: u64,
        payload: &E,
        tail: &[u8],
    ) -> Result<(), WriteError> {
        self.producer.write_with_tail(timestamp, payload, tail)?;
        self.signal().wake();
        Ok(())
    }

    /// Makes a producer that loses events instead of reporting a full ring: see
    /// [`Producer::lossy`](crate::Producer::lossy).
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, AsyncSignal, Delivery, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # let signal = AsyncSignal::new();
    /// let (producer, _consumer) = AsyncSignal::connect(&signal, ring.split()).unwrap();
    /// let mut producer = producer.lossy();
    /// while producer.write_event(&EventHeader::new(1, 7, 0), b"") == Ok(Delivery::Written) {}
    /// assert_eq!(producer.with(|producer| producer.pending_loss()).unwrap().count, 1);
    /// ```
    #[must_use]
    pub fn lossy(self) -> AsyncProducer<LossyProducer<'r, K>, S> {
        let Self { producer, wakes } = self;
        AsyncProducer { producer: producer.lossy(), wakes }
    }
}

impl<'r, K, S: Borrow<AsyncSignal>> AsyncProducer<LossyProducer<'r, K>, S> {
    /// Writes one event, or counts it as lost, and wakes the task if it waits.
    ///
    /// # Errors
    ///
    /// As [`LossyProducer::write_event`](crate::LossyProducer::write_event).
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, AsyncSignal, Delivery, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # let signal = AsyncSignal::new();
    /// let (producer, _consumer) = AsyncSignal::connect(&signal, ring.split()).unwrap();
    /// let mut producer = producer.lossy();
    /// assert_eq!(producer.write_event(&EventHeader::new(1, 7, 2), b"ab"), Ok(Delivery::Written));
    /// ```
    #[inline]
    pub fn write_event(&mut self, header: &EventHeader, payload: &[u8]) -> Result<Delivery, WriteError> {
        let delivery = self.producer.write_event(header, payload)?;
        // Also where the event is lost: a GAP record may have been published in its place.
        self.signal().wake();
        Ok(delivery)
    }

    /// Writes one event, or counts it as lost, and wakes the task if it waits. The event's type is that of the struct.
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, AsyncSignal, Delivery, Ring, event};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # let signal = AsyncSignal::new();
    /// # #[event(type = 7)]
    /// # struct Sample { millivolts: u32 }
    /// let (producer, _consumer) = AsyncSignal::connect(&signal, ring.split()).unwrap();
    /// let mut producer = producer.lossy();
    /// assert_eq!(producer.write(1_000, &Sample { millivolts: 3_300 }), Ok(Delivery::Written));
    /// ```
    #[cfg(feature = "macros")]
    #[inline]
    pub fn write<E: Payload>(&mut self, timestamp: u64, payload: &E) -> Result<Delivery, WriteError> {
        let delivery = self.producer.write(timestamp, payload)?;
        self.signal().wake();
        Ok(delivery)
    }

    /// Tries to write the GAP record for the pending losses, and wakes the task if it waits: see
    /// [`LossyProducer::flush`](crate::LossyProducer::flush).
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, AsyncSignal, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # let signal = AsyncSignal::new();
    /// let (producer, mut consumer) = AsyncSignal::connect(&signal, ring.split()).unwrap();
    /// let mut producer = producer.lossy();
    /// for time in 0..40 {
    ///     producer.write_event(&EventHeader::new(time, 7, 0), b"").unwrap();
    /// }
    /// consumer.inner_mut().drain(usize::MAX, |_, _| ()).unwrap();
    /// assert_eq!(producer.flush(), Ok(true));
    /// assert!(consumer.inner_mut().read_event().unwrap().0.is_gap());
    /// ```
    pub fn flush(&mut self) -> Result<bool, WriteError> {
        let flushed = self.producer.flush()?;
        self.signal().wake();
        Ok(flushed)
    }
}
