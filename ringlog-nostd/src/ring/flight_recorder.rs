//! Rings that keep the newest events and overwrite the oldest.
#![forbid(unsafe_code)]

use crate::error::{RingFault, WriteError};
use crate::format::gap::{Gap, GapReason};
use crate::format::header::{EventHeader, flags, record_len};
use crate::format::record::check_event;
use crate::handle::claim::Claim;
use crate::handle::consumer::Consumer;
use crate::handle::producer::Producer;
#[cfg(feature = "macros")]
use crate::payload::payload::{HasTail, Payload, header_of};
use crate::protocol::losses::Loss;
use crate::ring::ring::Ring;

/// A ring that is never full: it overwrites the oldest events and reports their number in a [GAP record](Gap).
///
/// For traces that are read after something went wrong. One handle holds both ends, because an event may only be
/// overwritten while nobody reads it.
///
/// If events were overwritten, the first record read is the GAP record. Once everything is read, events read + counts
/// of the GAP records = events written. The number is kept in the control words, so in a
/// [retained](crate::RingOptions::retained) ring it survives a reset. Limits:
///
/// - A reset in the middle of a write may leave events that it was overwriting both in the ring and in the count.
/// - A reset while a GAP record is lent reports it a second time.
/// - A count of 0 means unknown: `usize::MAX` events or more were overwritten between two reads (65,535 where a
///   `usize` has 16 bits), or a GAP record of unknown count was overwritten.
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
    /// Whether a GAP record is lent. Its losses stay counted until the lend ends.
    gap_is_lent: bool,
}

impl<'r> Ring<'r> {
    /// Makes a [flight recorder](FlightRecorder) of the ring: a write overwrites the oldest events instead of failing.
    ///
    /// The events in the ring stay, and so does the count of events that were overwritten before.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// let mut memory = AlignedBytes::<1024>::new();
    /// let mut ring = Ring::format(memory.as_mut(), 16)?;
    /// ring.split().0.write_event(&EventHeader::new(1, 7, 0), b"").unwrap();
    /// let mut recorder = ring.overwrite_oldest();
    /// assert_eq!(recorder.read_event().unwrap().0.timestamp, 1);
    /// # Ok::<(), ringlog_nostd::RingError>(())
    /// ```
    #[must_use]
    pub fn overwrite_oldest(self) -> FlightRecorder<'r> {
        self.set_overwriting(true);
        let (producer, consumer) = self.ends();
        FlightRecorder { producer, consumer, gap: [0; 16], gap_is_lent: false }
    }
}

impl<'r> FlightRecorder<'r> {
    /// Writes one event. Overwrites the oldest ones if there is no room.
    ///
    /// # Errors
    ///
    /// As [`Producer::write_event`], but never [`WriteError::Full`]. An event that is refused overwrites nothing.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring, WriteError};
    /// # let mut memory = AlignedBytes::<512>::new();
    /// let mut recorder = Ring::format(memory.as_mut(), 16).unwrap().overwrite_oldest();
    /// assert_eq!(recorder.write_event(&EventHeader::new(1, 7, 2), b"ab"), Ok(()));
    /// let too_long = recorder.write_event(&EventHeader::new(2, 7, 17), &[0; 17]);
    /// assert_eq!(too_long, Err(WriteError::PayloadTooLarge { len: 17, max: 16 }));
    /// ```
    pub fn write_event(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), WriteError> {
        self.write_parts(header, payload, &[])
    }

    fn write_parts(&mut self, header: &EventHeader, first: &[u8], second: &[u8]) -> Result<(), WriteError> {
        self.end_lend();
        check_event(header, first.len().saturating_add(second.len()), self.producer.max_payload())?;
        self.make_room(header.stride())?;
        self.producer.write_parts(header, first, second)
    }

    /// Writes one event, as [`write_event`](Self::write_event) does. The event's type is that of the struct.
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Ring, event};
    /// # let mut memory = AlignedBytes::<512>::new();
    /// # #[event(type = 7)]
    /// # struct Sample { millivolts: u32 }
    /// let mut recorder = Ring::format(memory.as_mut(), 16).unwrap().overwrite_oldest();
    /// assert_eq!(recorder.write(1_000, &Sample { millivolts: 3_300 }), Ok(()));
    /// ```
    #[cfg(feature = "macros")]
    pub fn write<P: Payload>(&mut self, timestamp: u64, payload: &P) -> Result<(), WriteError> {
        self.write_parts(&header_of::<P>(timestamp, 0), payload.as_bytes(), &[])
    }

    /// Writes one event with a tail.
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Ring, event};
    /// # let mut memory = AlignedBytes::<512>::new();
    /// # #[event(type = 9, tail = "text")]
    /// # struct Message { level: u8 }
    /// let mut recorder = Ring::format(memory.as_mut(), 16).unwrap().overwrite_oldest();
    /// assert_eq!(recorder.write_with_tail(1_000, &Message { level: 3 }, b"too hot"), Ok(()));
    /// ```
    #[cfg(feature = "macros")]
    pub fn write_with_tail<P: HasTail>(
        &mut self,
        timestamp: u64,
        payload: &P,
        tail: &[u8],
    ) -> Result<(), WriteError> {
        self.write_parts(&header_of::<P>(timestamp, tail.len()), payload.as_bytes(), tail)
    }

    /// Reserves room for a payload of up to `len` bytes, to be filled in place: see [`Producer::claim`].
    ///
    /// Events that were overwritten for a claim are gone, also if the claim is dropped.
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<512>::new();
    /// let mut recorder = Ring::format(memory.as_mut(), 16).unwrap().overwrite_oldest();
    /// let mut claim = recorder.claim(16).unwrap();
    /// claim.payload_mut()[..2].copy_from_slice(b"ab");
    /// claim.commit(&EventHeader::new(1, 7, 2)).unwrap();
    /// assert_eq!(recorder.read_event().unwrap().1, b"ab");
    /// ```
    pub fn claim(&mut self, len: usize) -> Result<Claim<'_, 'r>, WriteError> {
        self.end_lend();
        let max = self.producer.max_payload();
        if len > max {
            return Err(WriteError::PayloadTooLarge { len, max });
        }
        self.make_room(record_len(len))?;
        self.producer.claim(len)
    }

    /// Ends the lend: releases a lent event, or forgets the losses that a lent GAP record has reported.
    fn end_lend(&mut self) {
        self.consumer.release();
        if self.gap_is_lent {
            self.gap_is_lent = false;
            self.producer.losses_reported();
        }
    }

    fn make_room(&mut self, stride: usize) -> Result<(), WriteError> {
        while self.producer.capacity() - self.producer.used() < stride {
            self.overwrite_one()?;
        }
        Ok(())
    }

    /// Counts the oldest event, then releases it. In this order a reset in between never leaves an event that is
    /// neither there nor counted.
    fn overwrite_one(&mut self) -> Result<(), WriteError> {
        let Some((header, payload)) = self.consumer.try_read_event()? else {
            // Less than a record is free and no record is there: no correct ring.
            let position = self.consumer.position();
            return Err(WriteError::Fault(RingFault::Record { position }));
        };
        let events = match Gap::from_event(&header, payload).map(|gap| gap.count) {
            None => 1,
            // Unknown, and so is the sum.
            Some(0) => u64::MAX,
            Some(events) => events,
        };
        self.producer.count_losses(&header, events);
        self.consumer.release();
        Ok(())
    }

    /// Reads the oldest event. If events were overwritten since the last read, the GAP record comes first.
    ///
    /// The event, or the count of the GAP record, goes with the next call that reads or writes. A recorder that is
    /// reset or dropped before that call reports the GAP record again in its next life. Returns `None` if there is
    /// nothing to read, and in a corrupt ring.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<512>::new();
    /// let mut recorder = Ring::format(memory.as_mut(), 16).unwrap().overwrite_oldest();
    /// recorder.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    /// assert_eq!(recorder.read_event().unwrap().1, b"ab");
    /// assert_eq!(recorder.read_event(), None);
    /// ```
    pub fn read_event(&mut self) -> Option<(EventHeader, &[u8])> {
        self.try_read_event().unwrap_or_default()
    }

    /// Reads the oldest event as [`read_event`](Self::read_event) does, and reports a corrupt ring.
    ///
    /// # Errors
    ///
    /// [`RingFault`] if the ring is corrupt.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<512>::new();
    /// let mut recorder = Ring::format(memory.as_mut(), 16).unwrap().overwrite_oldest();
    /// assert_eq!(recorder.try_read_event(), Ok(None));
    /// ```
    pub fn try_read_event(&mut self) -> Result<Option<(EventHeader, &[u8])>, RingFault> {
        self.end_lend();
        let Some(loss) = self.overwritten() else {
            return self.consumer.try_read_event();
        };
        self.gap_is_lent = true;
        self.gap = Gap::new(GapReason::ReaderOverrun, loss.count_to_report()).to_payload();
        let header = Gap::header(loss.first_timestamp).with_flags(flags::GAP | flags::COMMITTED);
        Ok(Some((header, &self.gap)))
    }

    /// Returns the overwritten events that no GAP record has reported; one that is lent counts as reported.
    ///
    /// ```
    /// # use ringlog_nostd::{EventHeader, StaticRing};
    /// # let ring: &'static mut StaticRing<64, 16> = Box::leak(Box::new(StaticRing::new()));
    /// let mut recorder = ring.overwrite_oldest(); // room for 4 events without payload
    /// for time in 0..7 {
    ///     recorder.write_event(&EventHeader::new(time, 7, 0), b"").unwrap();
    /// }
    /// let loss = recorder.overwritten().unwrap();
    /// assert_eq!((loss.count, loss.first_timestamp), (3, 0));
    /// assert!(recorder.read_event().unwrap().0.is_gap());
    /// assert_eq!(recorder.overwritten(), None);
    /// ```
    #[must_use]
    pub fn overwritten(&self) -> Option<Loss> {
        if self.gap_is_lent { None } else { self.producer.pending_loss() }
    }

    /// Returns the bytes that the events in the ring take.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// let mut recorder = Ring::format(memory.as_mut(), 16).unwrap().overwrite_oldest();
    /// recorder.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    /// assert_eq!(recorder.used(), 24); // header 16, payload 2, padding 6
    /// ```
    #[must_use]
    pub fn used(&self) -> usize {
        self.producer.used()
    }

    /// Returns the ring's capacity in bytes.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// let recorder = Ring::format(memory.as_mut(), 16).unwrap().overwrite_oldest();
    /// assert_eq!(recorder.capacity(), 512);
    /// ```
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.producer.capacity()
    }

    /// Returns the longest payload that the ring takes, in bytes.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// let recorder = Ring::format(memory.as_mut(), 16).unwrap().overwrite_oldest();
    /// assert_eq!(recorder.max_payload(), 16);
    /// ```
    #[must_use]
    pub fn max_payload(&self) -> usize {
        self.producer.max_payload()
    }

    /// Returns the fault that one of the ends has met, if any.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// let recorder = Ring::format(memory.as_mut(), 16).unwrap().overwrite_oldest();
    /// assert_eq!(recorder.fault(), None);
    /// ```
    #[must_use]
    pub fn fault(&self) -> Option<RingFault> {
        self.producer.fault().or(self.consumer.fault())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AlignedBytes;

    fn next_gap(recorder: &mut FlightRecorder<'_>) -> Option<Gap> {
        let (header, payload) = recorder.read_event()?;
        Gap::from_event(&header, payload)
    }

    #[test]
    fn an_unknown_count_is_reported_as_unknown() {
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
        assert_eq!(next_gap(&mut recorder), unknown);
        assert_eq!(next_gap(&mut recorder), None, "then events");
    }
}
