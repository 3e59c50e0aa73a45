//! A producer that a closure may use, and cannot take away.
#![forbid(unsafe_code)]

use crate::error::WriteError;
use crate::format::gap::Gap;
use crate::format::header::EventHeader;
use crate::handle::batch::Batch;
use crate::handle::claim::Claim;
use crate::handle::lossy::{Delivery, LossyProducer};
use crate::handle::producer::Producer;
#[cfg(feature = "macros")]
use crate::payload::payload::{HasTail, Payload};
use core::ops::Deref;

/// A producer, lent to a closure by a handle that does something before it or after it, such as waking a consumer.
///
/// It writes as the producer does, and derefs to it for all that only looks. The producer itself stays where it is: a
/// closure that could put another one in its place would make the handle wake the wrong consumer.
///
/// ```
/// use ringlog_nostd::{EventHeader, Lent, Producer, WriteError};
///
/// /// Publishes both or none, by any handle that lends its producer.
/// fn write_pair(producer: &mut Lent<'_, Producer<'_>>, time: u64) -> Result<(), WriteError> {
///     let mut batch = producer.batch();
///     batch.write_event(&EventHeader::new(time, 7, 0), b"")?;
///     batch.write_event(&EventHeader::new(time + 1, 7, 0), b"")?;
///     batch.publish();
///     Ok(())
/// }
/// ```
///
/// ```compile_fail
/// use ringlog_nostd::{Lent, Producer};
///
/// fn exchange<'r>(lent: &mut Lent<'_, Producer<'r>>, other: &mut Producer<'r>) {
///     core::mem::swap(&mut **lent, other);
/// }
/// ```
#[derive(Debug)]
pub struct Lent<'p, P> {
    producer: &'p mut P,
}

impl<'p, P> Lent<'p, P> {
    /// Lends a producer. For who wraps one, as ringlog's own handles do.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// use ringlog_nostd::Lent;
    ///
    /// let (mut producer, _consumer) = ring.split();
    /// let mut lent = Lent::new(&mut producer);
    /// lent.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    /// assert_eq!(lent.used(), 24);
    /// ```
    #[inline]
    pub const fn new(producer: &'p mut P) -> Self {
        Self { producer }
    }
}

impl<P> Deref for Lent<'_, P> {
    type Target = P;

    #[inline]
    fn deref(&self) -> &P {
        self.producer
    }
}

impl<'r, K> Lent<'_, Producer<'r, K>> {
    /// As [`Producer::write_event`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Lent, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # let (mut producer, mut consumer) = ring.split();
    /// Lent::new(&mut producer).write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    /// assert_eq!(consumer.read_event().unwrap().1, b"ab");
    /// ```
    #[inline]
    pub fn write_event(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), WriteError> {
        self.producer.write_event(header, payload)
    }

    /// As [`Producer::write_fixed`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Lent, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # let (mut producer, mut consumer) = ring.split();
    /// Lent::new(&mut producer).write_fixed(1_000, 7, b"ab").unwrap();
    /// assert_eq!(consumer.read_event().unwrap().1, b"ab");
    /// ```
    #[inline]
    pub fn write_fixed<const N: usize>(
        &mut self,
        timestamp: u64,
        event_type: u8,
        payload: &[u8; N],
    ) -> Result<(), WriteError> {
        self.producer.write_fixed(timestamp, event_type, payload)
    }

    /// As [`Producer::write`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Lent, Ring, event};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # #[event(type = 7)]
    /// # struct Sample { millivolts: u32 }
    /// # let (mut producer, mut consumer) = ring.split();
    /// Lent::new(&mut producer).write(1_000, &Sample { millivolts: 3_300 }).unwrap();
    /// assert_eq!(consumer.read_event().unwrap().1, 3_300_u32.to_le_bytes());
    /// ```
    #[cfg(feature = "macros")]
    #[inline]
    pub fn write<E: Payload>(&mut self, timestamp: u64, payload: &E) -> Result<(), WriteError> {
        self.producer.write(timestamp, payload)
    }

    /// As [`Producer::write_with_tail`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Lent, Ring, event};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # #[event(type = 9, tail = "text")]
    /// # struct Message { level: u8 }
    /// # let (mut producer, mut consumer) = ring.split();
    /// Lent::new(&mut producer).write_with_tail(1_000, &Message { level: 3 }, b"too hot").unwrap();
    /// assert_eq!(consumer.read_event().unwrap().1, b"\x03too hot");
    /// ```
    #[cfg(feature = "macros")]
    #[inline]
    pub fn write_with_tail<E: HasTail>(
        &mut self,
        timestamp: u64,
        payload: &E,
        tail: &[u8],
    ) -> Result<(), WriteError> {
        self.producer.write_with_tail(timestamp, payload, tail)
    }

    /// As [`Producer::write_gap`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Gap, GapReason, Lent, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # let (mut producer, mut consumer) = ring.split();
    /// Lent::new(&mut producer).write_gap(7, Gap::new(GapReason::ReceiverFull, 3)).unwrap();
    /// assert!(consumer.read_event().unwrap().0.is_gap());
    /// ```
    pub fn write_gap(&mut self, timestamp: u64, gap: Gap) -> Result<(), WriteError> {
        self.producer.write_gap(timestamp, gap)
    }

    /// As [`Producer::claim`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Lent, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # let (mut producer, mut consumer) = ring.split();
    /// let mut lent = Lent::new(&mut producer);
    /// let mut claim = lent.claim(2).unwrap();
    /// claim.payload_mut().copy_from_slice(b"ab");
    /// claim.commit(&EventHeader::new(1, 7, 2)).unwrap();
    /// assert_eq!(consumer.read_event().unwrap().1, b"ab");
    /// ```
    #[inline]
    pub fn claim(&mut self, len: usize) -> Result<Claim<'_, 'r>, WriteError> {
        self.producer.claim(len)
    }

    /// As [`Producer::batch`].
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Lent, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # let (mut producer, mut consumer) = ring.split();
    /// let mut lent = Lent::new(&mut producer);
    /// let mut batch = lent.batch();
    /// batch.write_event(&EventHeader::new(1, 7, 0), b"").unwrap();
    /// batch.write_event(&EventHeader::new(2, 7, 0), b"").unwrap();
    /// assert_eq!(batch.publish(), 2);
    /// ```
    #[inline]
    pub fn batch(&mut self) -> Batch<'_, 'r> {
        self.producer.batch()
    }
}

impl<K> Lent<'_, LossyProducer<'_, K>> {
    /// As [`LossyProducer::write_event`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Delivery, EventHeader, Lent, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # let (producer, _consumer) = ring.split();
    /// let mut producer = producer.lossy();
    /// let written = Lent::new(&mut producer).write_event(&EventHeader::new(1, 7, 2), b"ab");
    /// assert_eq!(written, Ok(Delivery::Written));
    /// ```
    #[inline]
    pub fn write_event(&mut self, header: &EventHeader, payload: &[u8]) -> Result<Delivery, WriteError> {
        self.producer.write_event(header, payload)
    }

    /// As [`LossyProducer::write`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Delivery, Lent, Ring, event};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # #[event(type = 7)]
    /// # struct Sample { millivolts: u32 }
    /// # let (producer, _consumer) = ring.split();
    /// let mut producer = producer.lossy();
    /// let written = Lent::new(&mut producer).write(1_000, &Sample { millivolts: 3_300 });
    /// assert_eq!(written, Ok(Delivery::Written));
    /// ```
    #[cfg(feature = "macros")]
    #[inline]
    pub fn write<E: Payload>(&mut self, timestamp: u64, payload: &E) -> Result<Delivery, WriteError> {
        self.producer.write(timestamp, payload)
    }

    /// As [`LossyProducer::write_with_tail`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Delivery, Lent, Ring, event};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # #[event(type = 9, tail = "text")]
    /// # struct Message { level: u8 }
    /// # let (producer, _consumer) = ring.split();
    /// let mut producer = producer.lossy();
    /// let written = Lent::new(&mut producer).write_with_tail(1_000, &Message { level: 3 }, b"too hot");
    /// assert_eq!(written, Ok(Delivery::Written));
    /// ```
    #[cfg(feature = "macros")]
    #[inline]
    pub fn write_with_tail<E: HasTail>(
        &mut self,
        timestamp: u64,
        payload: &E,
        tail: &[u8],
    ) -> Result<Delivery, WriteError> {
        self.producer.write_with_tail(timestamp, payload, tail)
    }

    /// As [`LossyProducer::flush`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Lent, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # let (producer, _consumer) = ring.split();
    /// assert_eq!(Lent::new(&mut producer.lossy()).flush(), Ok(true));
    /// ```
    pub fn flush(&mut self) -> Result<bool, WriteError> {
        self.producer.flush()
    }
}
