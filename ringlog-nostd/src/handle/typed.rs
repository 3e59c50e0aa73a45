//! Writing structs instead of headers and bytes.
#![forbid(unsafe_code)]

use crate::error::WriteError;
use crate::handle::batch::Batch;
use crate::handle::lossy::{Delivery, LossyProducer};
use crate::handle::producer::Producer;
use crate::payload::payload::{HasTail, Payload, header_of};

impl<K> Producer<'_, K> {
    /// Writes one event and publishes it. The event's type is that of the struct.
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Payload, Ring, event};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// #[event(type = 7)]
    /// struct Sample {
    ///     millivolts: u32,
    /// }
    ///
    /// let (mut producer, mut consumer) = ring.split();
    /// producer.write(1_000, &Sample { millivolts: 3_300 })?;
    /// let (header, payload) = consumer.read_event().unwrap();
    /// assert_eq!(Sample::view(&header, payload).unwrap().millivolts, 3_300);
    /// # Ok::<(), ringlog_nostd::WriteError>(())
    /// ```
    // As for `write_event`.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    #[cfg_attr(not(target_pointer_width = "64"), inline)]
    pub fn write<P: Payload>(&mut self, timestamp: u64, payload: &P) -> Result<(), WriteError> {
        self.write_parts(&header_of::<P>(timestamp, 0), payload.as_bytes(), &[])
    }

    /// Writes one event with a tail, and publishes it. Both are copied once.
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event). [`WriteError::PayloadTooLarge`] counts struct and tail.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Payload, Ring, event};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// #[event(type = 9, tail = "text")]
    /// struct Message {
    ///     level: u8,
    /// }
    ///
    /// let (mut producer, mut consumer) = ring.split();
    /// producer.write_with_tail(1_000, &Message { level: 3 }, b"too hot")?;
    /// let (header, payload) = consumer.read_event().unwrap();
    /// assert_eq!(Message::view_with_tail(&header, payload).unwrap().1, b"too hot");
    /// # Ok::<(), ringlog_nostd::WriteError>(())
    /// ```
    // As for `write_event`.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    #[cfg_attr(not(target_pointer_width = "64"), inline)]
    pub fn write_with_tail<P: HasTail>(
        &mut self,
        timestamp: u64,
        payload: &P,
        tail: &[u8],
    ) -> Result<(), WriteError> {
        self.write_parts(&header_of::<P>(timestamp, tail.len()), payload.as_bytes(), tail)
    }
}

impl Batch<'_, '_> {
    /// Adds one event. The event's type is that of the struct.
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Ring, event};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # #[event(type = 7)]
    /// # struct Sample { millivolts: u32 }
    /// let (mut producer, _consumer) = ring.split();
    /// let mut batch = producer.batch();
    /// batch.write(1_000, &Sample { millivolts: 3_300 })?;
    /// batch.write(1_001, &Sample { millivolts: 3_299 })?;
    /// assert_eq!(batch.publish(), 2);
    /// # Ok::<(), ringlog_nostd::WriteError>(())
    /// ```
    #[inline]
    pub fn write<P: Payload>(&mut self, timestamp: u64, payload: &P) -> Result<(), WriteError> {
        self.write_parts(&header_of::<P>(timestamp, 0), payload.as_bytes(), &[])
    }

    /// Adds one event with a tail.
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Ring, event};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # #[event(type = 9, tail = "text")]
    /// # struct Message { level: u8 }
    /// let (mut producer, _consumer) = ring.split();
    /// let mut batch = producer.batch();
    /// batch.write_with_tail(1_000, &Message { level: 3 }, b"too hot")?;
    /// assert_eq!(batch.publish(), 1);
    /// # Ok::<(), ringlog_nostd::WriteError>(())
    /// ```
    #[inline]
    pub fn write_with_tail<P: HasTail>(
        &mut self,
        timestamp: u64,
        payload: &P,
        tail: &[u8],
    ) -> Result<(), WriteError> {
        self.write_parts(&header_of::<P>(timestamp, tail.len()), payload.as_bytes(), tail)
    }
}

impl<K> LossyProducer<'_, K> {
    /// Writes one event, or counts it as lost. The event's type is that of the struct.
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Delivery, Ring, event};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # #[event(type = 7)]
    /// # struct Sample { millivolts: u32 }
    /// let (producer, _consumer) = ring.split();
    /// let mut producer = producer.lossy();
    /// assert_eq!(producer.write(1_000, &Sample { millivolts: 3_300 }), Ok(Delivery::Written));
    /// ```
    #[inline]
    pub fn write<P: Payload>(&mut self, timestamp: u64, payload: &P) -> Result<Delivery, WriteError> {
        self.write_parts(&header_of::<P>(timestamp, 0), payload.as_bytes(), &[])
    }

    /// Writes one event with a tail, or counts it as lost.
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Delivery, Ring, event};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # #[event(type = 9, tail = "text")]
    /// # struct Message { level: u8 }
    /// let (producer, _consumer) = ring.split();
    /// let mut producer = producer.lossy();
    /// let delivery = producer.write_with_tail(1_000, &Message { level: 3 }, b"too hot");
    /// assert_eq!(delivery, Ok(Delivery::Written));
    /// ```
    #[inline]
    pub fn write_with_tail<P: HasTail>(
        &mut self,
        timestamp: u64,
        payload: &P,
        tail: &[u8],
    ) -> Result<Delivery, WriteError> {
        self.write_parts(&header_of::<P>(timestamp, tail.len()), payload.as_bytes(), tail)
    }
}
