//! Several events, published together.
#![forbid(unsafe_code)]

use crate::error::WriteError;
use crate::format::header::EventHeader;
use crate::format::record::check_event;
use crate::handle::claim::Claim;
use crate::handle::publisher::Publisher;

/// Several events that the consumer sees all at once, or not at all.
///
/// [`publish`](Self::publish) makes them visible with one store. Dropping or forgetting the batch discards them, so a
/// panic in between never publishes half a batch.
///
/// ```
/// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
/// let mut memory = AlignedBytes::<1024>::new();
/// let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
/// let (mut producer, mut consumer) = ring.split();
///
/// let mut batch = producer.batch();
/// batch.write_event(&EventHeader::new(1, 0, 2), b"ab").unwrap();
/// batch.write_event(&EventHeader::new(2, 0, 2), b"cd").unwrap();
/// assert_eq!(batch.publish(), 2);
/// assert_eq!(consumer.drain(usize::MAX, |_, _| ()), Ok(2));
/// ```
#[derive(Debug)]
#[must_use = "a batch that is not published is discarded"]
pub struct Batch<'p, 'r> {
    pub(crate) inner: &'p mut Publisher<'r>,
    pub(crate) next: usize,
    pub(crate) events: usize,
}

impl<'p, 'r> Batch<'p, 'r> {
    pub(crate) fn new(inner: &'p mut Publisher<'r>) -> Self {
        let next = inner.end.head();
        Self { inner, next, events: 0 }
    }

    /// Adds one event.
    ///
    /// # Errors
    ///
    /// As [`Producer::write_event`](crate::Producer::write_event). After [`WriteError::Full`] the earlier events are
    /// still in the batch: publish them, so that the consumer can make room.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring, WriteError};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (mut producer, _consumer) = ring.split();
    /// let mut batch = producer.batch();
    /// let mut events = 0;
    /// while batch.write_event(&EventHeader::new(events, 7, 0), b"") != Err(WriteError::Full) {
    ///     events += 1;
    /// }
    /// assert_eq!((batch.publish(), events), (32, 32));
    /// ```
    #[inline]
    pub fn write_event(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), WriteError> {
        self.write_parts(header, payload, &[])
    }

    /// Adds one event whose payload is in two slices.
    #[inline]
    pub(crate) fn write_parts(
        &mut self,
        header: &EventHeader,
        first: &[u8],
        second: &[u8],
    ) -> Result<(), WriteError> {
        let max_payload = self.inner.end.parts().geometry().max_payload;
        check_event(header, first.len().saturating_add(second.len()), max_payload)?;
        let stride = self.inner.write_parts(self.next, header, first, second)?;
        self.next = self.next.wrapping_add(stride);
        self.events += 1;
        Ok(())
    }

    /// Reserves room for an event that is filled in place. Committing the claim adds the event to the batch.
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (mut producer, mut consumer) = ring.split();
    /// let mut batch = producer.batch();
    /// let mut claim = batch.claim(64).unwrap();
    /// claim.payload_mut()[..2].copy_from_slice(b"ab");
    /// claim.commit(&EventHeader::new(1, 7, 2)).unwrap();
    /// batch.publish();
    /// assert_eq!(consumer.read_event().unwrap().1, b"ab");
    /// ```
    pub fn claim(&mut self, len: usize) -> Result<Claim<'_, 'r>, WriteError> {
        Ok(Claim::new(self.inner, self.next, len)?.with_cursor(&mut self.next))
    }

    /// Returns the bytes that the batch takes so far.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (mut producer, _consumer) = ring.split();
    /// let mut batch = producer.batch();
    /// batch.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    /// assert_eq!(batch.bytes(), 24);
    /// ```
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.next.wrapping_sub(self.inner.end.head())
    }

    /// Publishes all events of the batch. Returns how many were added by [`write_event`](Self::write_event); claims do
    /// not count.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (mut producer, mut consumer) = ring.split();
    /// let mut batch = producer.batch();
    /// batch.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    /// assert_eq!(batch.publish(), 1);
    /// assert_eq!(consumer.read_event().unwrap().1, b"ab");
    /// ```
    #[inline]
    pub fn publish(self) -> usize {
        if self.bytes() > 0 {
            self.inner.publish(self.next);
        }
        self.events
    }
}
