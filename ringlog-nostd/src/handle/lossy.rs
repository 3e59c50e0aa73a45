//! Losing instead of waiting, and telling so.
#![forbid(unsafe_code)]

use crate::error::WriteError;
use crate::format::gap::{Gap, GapReason};
use crate::format::header::EventHeader;
use crate::format::record::check_event;
use crate::handle::producer::Producer;
use crate::protocol::losses::Loss;

/// What became of an event that a [`LossyProducer`] was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Delivery {
    /// It is in the ring.
    Written,
    /// There was no room. It is counted, and a GAP record says so or will.
    Lost,
}

/// A producer that never waits and never loses silently.
///
/// An event that finds no room is counted. Before the next event that does fit, and published together
/// with it, comes a [GAP record](Gap) with the count and the time of the first loss. Where the ring is too small to
/// hold the two at once, the GAP record comes in place of that event, which it counts as well. So events written +
/// counts of the GAP records = events offered, once [`flush`](Self::flush) has succeeded. Where as many as `usize::MAX`
/// events were lost in one go, the GAP record has a count of 0, which means unknown.
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
    /// A producer that loses events instead of reporting a full ring, counts them, and writes a
    /// [GAP record](Gap) when space returns.
    #[must_use]
    pub fn lossy(self) -> LossyProducer<'r, K> {
        LossyProducer { producer: self }
    }

    /// Losses that no GAP record tells of yet.
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

    /// Somebody was told of all pending losses.
    pub(crate) fn losses_told(&mut self) {
        self.inner.end.parts().control().gap_told();
        self.inner.words_stored();
    }

    /// Writes a GAP record for all pending losses and, behind it, `event`; both or neither.
    pub(crate) fn write_gap_and(
        &mut self,
        gap: Gap,
        first_loss: u64,
        event: Option<(&EventHeader, &[u8])>,
    ) -> Result<(), WriteError> {
        let at = self.inner.end.head();
        let mut next = at.wrapping_add(self.inner.write(at, &Gap::header(first_loss), &gap.to_payload())?);
        if let Some((header, payload)) = event {
            next = next.wrapping_add(self.inner.write(next, header, payload)?);
        }
        self.inner.end.parts().control().gap_pending(at);
        self.inner.publish(next);
        self.inner.end.parts().control().gap_told();
        Ok(())
    }
}

impl<'r, K> LossyProducer<'r, K> {
    /// Writes one event, or counts it as lost.
    ///
    /// # Errors
    ///
    /// As [`Producer::write_event`], but never [`WriteError::Full`]. An event that is refused for another
    /// reason is not counted as lost: it is the caller's mistake, and the caller is told.
    #[inline]
    pub fn write_event(&mut self, header: &EventHeader, payload: &[u8]) -> Result<Delivery, WriteError> {
        let written = match self.producer.pending_loss() {
            None => self.producer.write_event(header, payload),
            // No capacity is smaller than a GAP record. A sum could wrap, of a header that is not checked yet.
            Some(loss) if header.stride() <= self.producer.capacity() - Gap::header(0).stride() => {
                self.write_behind_gap(loss, header, payload)
            }
            Some(loss) => return self.count_in_gap(loss, header, payload),
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

    /// Writes the GAP record for what is lost so far and the event behind it, published together.
    #[cold]
    fn write_behind_gap(
        &mut self,
        loss: Loss,
        header: &EventHeader,
        payload: &[u8],
    ) -> Result<(), WriteError> {
        check_event(header, payload.len(), self.producer.max_payload())?;
        self.producer.write_gap_and(gap_of(loss), loss.first_timestamp, Some((header, payload)))
    }

    /// Writes the GAP record alone, because the ring never holds both, and has it count this event too. Left to be
    /// counted behind it, the event would need a GAP record of its own in front of the next one, and so on for ever.
    #[cold]
    fn count_in_gap(
        &mut self,
        loss: Loss,
        header: &EventHeader,
        payload: &[u8],
    ) -> Result<Delivery, WriteError> {
        check_event(header, payload.len(), self.producer.max_payload())?;
        let mut gap = gap_of(loss);
        // 0 is unknown, and stays so.
        gap.count += u64::from(gap.count > 0);
        match self.producer.write_gap_and(gap, loss.first_timestamp, None) {
            Err(WriteError::Full) => self.producer.count_loss(header),
            written => written?,
        }
        Ok(Delivery::Lost)
    }

    /// Tries to write the GAP record for what is lost so far; `true` if nothing is left to tell.
    ///
    /// # Errors
    ///
    /// [`WriteError::Fault`] if the ring is corrupt.
    pub fn flush(&mut self) -> Result<bool, WriteError> {
        let Some(loss) = self.producer.pending_loss() else {
            return Ok(true);
        };
        match self.producer.write_gap_and(gap_of(loss), loss.first_timestamp, None) {
            Ok(()) => Ok(true),
            Err(WriteError::Full) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// Losses that no GAP record tells of yet. What is pending when the producer closes is found by the
    /// consumer's side: see [`Consumer::pending_loss`](crate::Consumer::pending_loss).
    #[must_use]
    pub fn pending_loss(&self) -> Option<Loss> {
        self.producer.pending_loss()
    }

    /// The producer that says when the ring is full. Pending losses stay pending.
    #[must_use]
    pub fn into_inner(self) -> Producer<'r, K> {
        self.producer
    }
}

fn gap_of(loss: Loss) -> Gap {
    Gap::new(GapReason::RingFull, loss.count_to_tell())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AlignedBytes, Ring, RingOptions};

    /// Of a ring with a count of losses that went as far as it goes, what the GAP record says.
    fn told(capacity: usize, max_payload: usize) -> (Delivery, Gap) {
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
    fn a_count_that_is_not_known_is_not_told_as_if_it_were() {
        let unknown = Gap::new(GapReason::RingFull, 0);
        assert_eq!(told(256, 16), (Delivery::Written, unknown));
        // Where the GAP record counts the event behind it too.
        assert_eq!(told(32, 16), (Delivery::Lost, unknown));
    }
}
