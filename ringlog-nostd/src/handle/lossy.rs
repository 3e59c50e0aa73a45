//! Loses events instead of waiting, and reports them.
#![forbid(unsafe_code)]

use crate::error::WriteError;
use crate::format::gap::{Gap, GapReason};
use crate::format::header::EventHeader;
use crate::format::record::check_event;
use crate::handle::producer::Producer;
use crate::protocol::losses::Loss;

/// What became of an event that was passed to a [`LossyProducer`].
///
/// ```
/// # use ringlog_nostd::{AlignedBytes, Delivery, EventHeader, Ring};
/// # let mut memory = AlignedBytes::<512>::new();
/// # let mut ring = Ring::format(memory.as_mut(), 16).unwrap();
/// let (producer, _consumer) = ring.split();
/// let mut producer = producer.lossy();
/// match producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap() {
///     Delivery::Written => {}
///     Delivery::Lost => panic!("the ring was empty"),
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Delivery {
    /// It is in the ring.
    Written,
    /// There was no room. The event is counted, and a GAP record reports it.
    Lost,
}

/// A producer that never waits, and reports every event that it loses.
///
/// An event that finds no room is counted. A [GAP record](Gap) with the count and the time of the first loss is
/// published together with the next event that fits, before it. Once [`flush`](Self::flush) has succeeded, events
/// written + counts of the GAP records = events offered. Two special cases:
///
/// - If the ring is too small for both, the GAP record takes the place of that event and counts it too.
/// - If `usize::MAX` events or more were lost in a row, the count of the GAP record is 0, which means unknown.
///
/// ```
/// # use ringlog_nostd::{AlignedBytes, Delivery, EventHeader, Ring};
/// let mut memory = AlignedBytes::<512>::new();
/// let mut ring = Ring::format(memory.as_mut(), 16).unwrap();
/// let (producer, mut consumer) = ring.split();
/// let mut producer = producer.lossy();
/// let mut offered = 0;
/// while producer.write_event(&EventHeader::new(offered, 0, 0), b"") == Ok(Delivery::Written) {
///     offered += 1;
/// }
/// consumer.drain(usize::MAX, |_, _| ()).unwrap();
/// producer.write_event(&EventHeader::new(99, 0, 0), b"").unwrap();
/// let (header, _) = consumer.read_event().unwrap();
/// assert!(header.is_gap() && header.timestamp == offered);
/// assert_eq!(consumer.read_event().unwrap().0.timestamp, 99);
/// ```
#[derive(Debug)]
pub struct LossyProducer<'r, K = ()> {
    producer: Producer<'r, K>,
}

impl<'r, K> Producer<'r, K> {
    /// Makes a producer that loses events instead of reporting a full ring. It counts them, and writes a
    /// [GAP record](Gap) once there is room.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Delivery, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (producer, _consumer) = ring.split();
    /// let mut producer = producer.lossy();
    /// let mut lost = 0;
    /// for time in 0..40 {
    ///     if producer.write_event(&EventHeader::new(time, 7, 0), b"") == Ok(Delivery::Lost) {
    ///         lost += 1;
    ///     }
    /// }
    /// assert_eq!(lost, 8);
    /// ```
    #[must_use]
    pub fn lossy(self) -> LossyProducer<'r, K> {
        LossyProducer { producer: self }
    }

    /// Returns the losses that no GAP record reports yet.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (producer, _consumer) = ring.split();
    /// assert_eq!(producer.pending_loss(), None);
    /// ```
    #[must_use]
    pub fn pending_loss(&self) -> Option<Loss> {
        self.inner.end.parts().control().own_loss()
    }

    pub(crate) fn count_loss(&mut self, header: &EventHeader) {
        self.inner.end.parts().control().add_loss(header.timestamp);
        self.inner.words_stored();
    }

    pub(crate) fn count_losses(&mut self, first: &EventHeader, events: u64) {
        let events = usize::try_from(events).unwrap_or(usize::MAX);
        self.inner.end.parts().control().add_losses(first.timestamp, events);
        self.inner.words_stored();
    }

    /// Forgets all pending losses: they were reported.
    pub(crate) fn losses_reported(&mut self) {
        self.inner.end.parts().control().gap_reported();
        self.inner.words_stored();
    }

    /// Writes a GAP record for all pending losses, and returns where the next record begins. Publishes nothing.
    // A call costs an interrupt a tenth more.
    #[inline(always)]
    fn begin_gap(&mut self, gap: Gap, first_loss: u64) -> Result<usize, WriteError> {
        let at = self.inner.end.head();
        Ok(at.wrapping_add(self.inner.write(at, &Gap::header(first_loss), &gap.to_payload())?))
    }

    /// Publishes the GAP record that was written at the head, and all up to `next`.
    #[inline(always)] // as begin_gap
    fn publish_gap(&mut self, next: usize) {
        self.inner.end.parts().control().gap_pending(self.inner.end.head());
        self.inner.publish(next);
        self.inner.end.parts().control().gap_reported();
    }
}

impl<'r, K> LossyProducer<'r, K> {
    /// Writes one event, or counts it as lost.
    ///
    /// # Errors
    ///
    /// As [`Producer::write_event`], but never [`WriteError::Full`]. An event that is refused for another reason is the
    /// caller's mistake and does not count as lost.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Delivery, EventHeader, Ring, WriteError};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (producer, _consumer) = ring.split();
    /// let mut producer = producer.lossy();
    /// assert_eq!(producer.write_event(&EventHeader::new(1, 7, 2), b"ab"), Ok(Delivery::Written));
    /// let wrong = producer.write_event(&EventHeader::new(2, 7, 3), b"ab");
    /// assert_eq!(wrong, Err(WriteError::LengthMismatch { header: 3, payload: 2 }));
    /// assert_eq!(producer.pending_loss(), None);
    /// ```
    #[inline]
    pub fn write_event(&mut self, header: &EventHeader, payload: &[u8]) -> Result<Delivery, WriteError> {
        self.write_parts(header, payload, &[])
    }

    /// Does the same with a payload that is in two slices.
    #[inline]
    pub(crate) fn write_parts(
        &mut self,
        header: &EventHeader,
        first: &[u8],
        second: &[u8],
    ) -> Result<Delivery, WriteError> {
        let written = match self.producer.pending_loss() {
            None => self.producer.write_parts(header, first, second),
            // No capacity is smaller than a GAP record. A sum could wrap: the header is not checked yet.
            Some(loss) if header.stride() <= self.producer.capacity() - Gap::header(0).stride() => {
                self.write_after_gap(loss, header, first, second)
            }
            Some(loss) => return self.count_in_gap(loss, header, first.len().saturating_add(second.len())),
        };
        match written {
            Ok(()) => Ok(Delivery::Written),
            Err(WriteError::Full) => {
                self.producer.count_loss(header);
                Ok(Delivery::Lost)
            }
            Err(other) => Err(other),
        }
    }

    /// Writes the GAP record for the pending losses and then the event, and publishes them together.
    #[cold]
    fn write_after_gap(
        &mut self,
        loss: Loss,
        header: &EventHeader,
        first: &[u8],
        second: &[u8],
    ) -> Result<(), WriteError> {
        check_event(header, first.len().saturating_add(second.len()), self.producer.max_payload())?;
        let producer = &mut self.producer;
        let next = producer.begin_gap(gap_of(loss), loss.first_timestamp)?;
        let stride = producer.inner.write_parts(next, header, first, second)?;
        producer.publish_gap(next.wrapping_add(stride));
        Ok(())
    }

    /// Writes this GAP record alone and publishes it.
    fn write_gap_alone(&mut self, gap: Gap, first_loss: u64) -> Result<(), WriteError> {
        let next = self.producer.begin_gap(gap, first_loss)?;
        self.producer.publish_gap(next);
        Ok(())
    }

    /// Writes the GAP record alone, because the ring never holds both, and counts this event in it. If the event were a
    /// new loss, the next event would need a GAP record before it too, and no event would ever be written.
    #[cold]
    fn count_in_gap(
        &mut self,
        loss: Loss,
        header: &EventHeader,
        payload_len: usize,
    ) -> Result<Delivery, WriteError> {
        check_event(header, payload_len, self.producer.max_payload())?;
        let mut gap = gap_of(loss);
        // 0 means unknown and stays 0.
        gap.count += u64::from(gap.count > 0);
        match self.write_gap_alone(gap, loss.first_timestamp) {
            Err(WriteError::Full) => self.producer.count_loss(header),
            written => written?,
        }
        Ok(Delivery::Lost)
    }

    /// Tries to write the GAP record for the pending losses. Returns `true` if none are pending any more, `false` if
    /// the ring has no room.
    ///
    /// # Errors
    ///
    /// [`WriteError::Fault`] if the ring is corrupt.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (producer, mut consumer) = ring.split();
    /// let mut producer = producer.lossy();
    /// for time in 0..40 {
    ///     producer.write_event(&EventHeader::new(time, 7, 0), b"").unwrap();
    /// }
    /// assert_eq!(producer.flush(), Ok(false));
    /// consumer.drain(usize::MAX, |_, _| ()).unwrap();
    /// assert_eq!(producer.flush(), Ok(true));
    /// assert!(consumer.read_event().unwrap().0.is_gap());
    /// ```
    pub fn flush(&mut self) -> Result<bool, WriteError> {
        let Some(loss) = self.producer.pending_loss() else {
            return Ok(true);
        };
        match self.write_gap_alone(gap_of(loss), loss.first_timestamp) {
            Ok(()) => Ok(true),
            Err(WriteError::Full) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// Returns the losses that no GAP record reports yet. The consumer finds those that are pending when the producer
    /// closes: see [`Consumer::pending_loss`](crate::Consumer::pending_loss).
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (producer, _consumer) = ring.split();
    /// let mut producer = producer.lossy();
    /// for time in 0..40 {
    ///     producer.write_event(&EventHeader::new(time, 7, 0), b"").unwrap();
    /// }
    /// let loss = producer.pending_loss().unwrap();
    /// assert_eq!((loss.count, loss.first_timestamp), (8, 32));
    /// ```
    #[must_use]
    pub fn pending_loss(&self) -> Option<Loss> {
        self.producer.pending_loss()
    }

    /// Lends the producer that reports a full ring. Pending losses stay pending.
    #[doc(hidden)]
    #[inline]
    pub fn strict(&mut self) -> &mut Producer<'r, K> {
        &mut self.producer
    }

    /// Returns the producer that reports a full ring. Pending losses stay pending.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring, WriteError};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (producer, _consumer) = ring.split();
    /// let mut producer = producer.lossy();
    /// while producer.pending_loss().is_none() {
    ///     producer.write_event(&EventHeader::new(1, 7, 0), b"").unwrap();
    /// }
    /// let mut producer = producer.into_inner();
    /// assert_eq!(producer.write_event(&EventHeader::new(2, 7, 0), b""), Err(WriteError::Full));
    /// ```
    #[must_use]
    pub fn into_inner(self) -> Producer<'r, K> {
        self.producer
    }
}

fn gap_of(loss: Loss) -> Gap {
    Gap::new(GapReason::RingFull, loss.count_to_report())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AlignedBytes, Ring, RingOptions};

    /// Returns what the GAP record says of a count of losses that has saturated.
    fn gap_of_saturated_count(capacity: usize, max_payload: usize) -> (Delivery, Gap) {
        let mut memory = AlignedBytes::<1024>::new();
        let options = RingOptions {
            capacity: Some(capacity),
            max_payload: Some(max_payload),
            ..RingOptions::default()
        };
        let mut ring = Ring::format_with(memory.as_mut(), &options).unwrap();
        ring.parts().control().add_losses(7, usize::MAX);
        let (producer, mut consumer) = ring.split();
        let mut producer = producer.lossy();
        assert_eq!(producer.pending_loss(), Some(Loss { count: usize::MAX as u64, first_timestamp: 7 }));
        let delivery = producer.write_event(&EventHeader::new(9, 0, 8), &[0; 8]).unwrap();
        let (header, payload) = consumer.read_event().unwrap();
        (delivery, Gap::from_event(&header, payload).unwrap())
    }

    #[test]
    fn an_unknown_count_is_reported_as_unknown() {
        let unknown = Gap::new(GapReason::RingFull, 0);
        assert_eq!(gap_of_saturated_count(256, 16), (Delivery::Written, unknown));
        // Here the GAP record counts the event after it too.
        assert_eq!(gap_of_saturated_count(32, 16), (Delivery::Lost, unknown));
    }
}
