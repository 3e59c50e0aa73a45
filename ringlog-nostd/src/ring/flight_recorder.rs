//! Rings that keep the newest events and overwrite the oldest.
#![forbid(unsafe_code)]

use crate::error::{RingFault, WriteError};
use crate::format::gap::{Gap, GapReason};
use crate::format::header::{EventHeader, flags, record_len};
use crate::format::record::check_event;
use crate::handle::claim::Claim;
use crate::handle::consumer::Consumer;
use crate::handle::producer::Producer;
use crate::protocol::losses::Loss;
use crate::ring::ring::Ring;

/// A ring in one hand that is never full: the oldest whole events make room for a new one.
///
/// For traces that are read after something went wrong. How many events were overwritten is kept in the
/// control words, so that it outlives a reset in a [retained](crate::RingOptions::retained) ring, and the
/// first thing read is then a [GAP record](Gap) that tells. Events read + counts of the GAP records =
/// events written, once everything was read. (A reset in the middle of a write may leave the events that it
/// was making room for both counted and there, and one while a GAP record is lent has it told again.) A count of
/// 0 means unknown: as many as `usize::MAX` events were overwritten between two reads (65,535 where that has 16
/// bits), or a GAP record of unknown count was.
///
/// Both ends are in one hand because whoever overwrites an event has to know that nobody reads it.
///
/// ```
/// use ringlog_nostd::{AlignedBytes, EventHeader, Gap, Ring};
///
/// let mut memory = AlignedBytes::<512>::new();
/// let mut recorder = Ring::format(memory.as_mut(), 16)?.overwrite_oldest();
/// for time in 0..1000 {
///     recorder.write_event(&EventHeader::new(time, 0, 0), b"").unwrap();
/// }
/// let (header, payload) = recorder.read_event().unwrap();
/// let lost = Gap::from_event(&header, payload).unwrap().count;
/// assert_eq!(recorder.read_event().unwrap().0.timestamp, lost);
/// # Ok::<(), ringlog_nostd::RingError>(())
/// ```
#[derive(Debug)]
pub struct FlightRecorder<'r> {
    producer: Producer<'r>,
    consumer: Consumer<'r>,
    /// The payload of the GAP record that is lent.
    gap: [u8; 16],
    /// Whether it is: then its losses are still counted, and told when the lend ends.
    gap_is_lent: bool,
}

impl<'r> Ring<'r> {
    /// Makes a flight recorder of the ring: the oldest events are overwritten instead of a write refused.
    ///
    /// Events that are in it stay, and so does the count of what an earlier life of it has overwritten.
    #[must_use]
    pub fn overwrite_oldest(self) -> FlightRecorder<'r> {
        self.set_overwriting(true);
        let (producer, consumer) = self.ends();
        FlightRecorder { producer, consumer, gap: [0; 16], gap_is_lent: false }
    }
}

impl<'r> FlightRecorder<'r> {
    /// Writes one event, over the oldest ones if need be.
    ///
    /// # Errors
    ///
    /// As [`Producer::write_event`], but never [`WriteError::Full`]. Nothing is overwritten for an event that
    /// is refused.
    pub fn write_event(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), WriteError> {
        self.end_lend();
        check_event(header, payload.len(), self.producer.max_payload())?;
        self.make_room(header.stride())?;
        self.producer.write_event(header, payload)
    }

    /// Makes room for a payload of up to `len` bytes, to be filled in place: see [`Producer::claim`].
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event). What was overwritten for a claim that is then dropped is gone.
    pub fn claim(&mut self, len: usize) -> Result<Claim<'_, 'r>, WriteError> {
        self.end_lend();
        let max = self.producer.max_payload();
        if len > max {
            return Err(WriteError::PayloadTooLarge { len, max });
        }
        self.make_room(record_len(len))?;
        self.producer.claim(len)
    }

    /// What was lent has been read by now: an event goes, and of what a GAP record said nothing is left to tell.
    fn end_lend(&mut self) {
        self.consumer.release();
        if self.gap_is_lent {
            self.gap_is_lent = false;
            self.producer.losses_told();
        }
    }

    fn make_room(&mut self, stride: usize) -> Result<(), WriteError> {
        while self.producer.capacity() - self.producer.used() < stride {
            self.overwrite_one()?;
        }
        Ok(())
    }

    /// Counts the oldest event, then lets it go: in this order a reset in between makes nothing vanish
    /// without a count.
    fn overwrite_one(&mut self) -> Result<(), WriteError> {
        let Some((header, payload)) = self.consumer.try_read_event()? else {
            // Less than a record is free and none is there: no correct ring.
            let position = self.consumer.position();
            return Err(WriteError::Fault(RingFault::Record { position }));
        };
        let events = match Gap::from_event(&header, payload).map(|gap| gap.count) {
            None => 1,
            // Unknown, as then is the sum.
            Some(0) => u64::MAX,
            Some(events) => events,
        };
        self.producer.count_losses(&header, events);
        self.consumer.release();
        Ok(())
    }

    /// The oldest event, or first a GAP record if some were overwritten since the last one was read.
    ///
    /// Lends as [`Consumer::read_event`] does; the event is gone with the next call that reads or writes, and so is
    /// what the GAP record tells. A recorder that is reset or dropped before that tells it again in its next
    /// life. `None` where there is nothing, and in a corrupt ring.
    pub fn read_event(&mut self) -> Option<(EventHeader, &[u8])> {
        self.try_read_event().unwrap_or_default()
    }

    /// The oldest event, or why there will never be one.
    ///
    /// # Errors
    ///
    /// [`RingFault`] if the ring is corrupt.
    pub fn try_read_event(&mut self) -> Result<Option<(EventHeader, &[u8])>, RingFault> {
        self.end_lend();
        let Some(loss) = self.overwritten() else {
            return self.consumer.try_read_event();
        };
        self.gap_is_lent = true;
        self.gap = Gap::new(GapReason::ReaderOverrun, loss.count_to_tell()).to_payload();
        let header = Gap::header(loss.first_timestamp).with_flags(flags::GAP | flags::COMMITTED);
        Ok(Some((header, &self.gap)))
    }

    /// What was overwritten and is not told by a GAP record yet, nor by the one that is lent.
    #[must_use]
    pub fn overwritten(&self) -> Option<Loss> {
        if self.gap_is_lent { None } else { self.producer.pending_loss() }
    }

    /// Bytes of events that are there.
    #[must_use]
    pub fn used(&self) -> usize {
        self.producer.used()
    }

    /// The ring's capacity in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.producer.capacity()
    }

    /// The longest payload that it takes, in bytes.
    #[must_use]
    pub fn max_payload(&self) -> usize {
        self.producer.max_payload()
    }

    /// The fault that one of the ends has met, if any.
    #[must_use]
    pub fn fault(&self) -> Option<RingFault> {
        self.producer.fault().or(self.consumer.fault())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AlignedBytes;

    fn told(recorder: &mut FlightRecorder<'_>) -> Option<Gap> {
        let (header, payload) = recorder.read_event()?;
        Gap::from_event(&header, payload)
    }

    #[test]
    fn a_count_that_is_not_known_is_not_told_as_if_it_were() {
        let unknown = Some(Gap::new(GapReason::ReaderOverrun, 0));
        let mut memory = AlignedBytes::<512>::new();
        let mut ring = Ring::format(memory.as_mut(), 16).unwrap();
        ring.parts().control().add_losses(7, usize::MAX);
        assert_eq!(ring.split().0.lossy().flush(), Ok(true));
        assert_eq!(ring.parts().control().own_loss(), None, "a GAP record of unknown count is in the ring");
        let mut recorder = ring.overwrite_oldest();
        while recorder.overwritten().is_none() {
            recorder.write_event(&EventHeader::new(9, 0, 0), b"").unwrap();
        }
        assert_eq!(told(&mut recorder), unknown);
        assert_eq!(told(&mut recorder), None, "then events");
    }
}
