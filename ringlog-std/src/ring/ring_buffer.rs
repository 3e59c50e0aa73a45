//! The ring with both ends in one hand.
#![forbid(unsafe_code)]

use ringlog_nostd::{Batch, Claim, EventHeader, RingFault, RingOptions, WriteError};

use super::heap::{Consumer, NewRingError, Producer, ends};

/// A ring on the heap for one thread: a buffer between the parts of a main loop.
///
/// ```
/// use ringlog::event::EventHeader;
/// use ringlog::ring::RingBuffer;
///
/// # let (timestamp, event_type, payload) = (1, 2, *b"payload");
/// let mut ring = RingBuffer::new(64 * 1024);
/// let header = EventHeader::new(timestamp, event_type, payload.len() as u16);
/// ring.write_event(&header, &payload).unwrap();
/// while let Some((header, payload)) = ring.read_event() {
///     assert_eq!((header.event_type, payload), (2, &b"payload"[..]));
/// }
/// ```
#[derive(Debug)]
pub struct RingBuffer {
    pub(crate) producer: Producer,
    pub(crate) consumer: Consumer,
}

impl RingBuffer {
    /// A ring of `capacity_bytes`, a power of two of at least 32.
    ///
    /// # Panics
    ///
    /// If the capacity is none, or there is no memory for it; the message says which.
    /// [`try_new`](Self::try_new) returns the error instead.
    #[must_use]
    pub fn new(capacity_bytes: usize) -> Self {
        Self::try_new(capacity_bytes).unwrap_or_else(|error| panic!("RingBuffer::new: {error}"))
    }

    /// As [`new`](Self::new).
    ///
    /// # Errors
    ///
    /// [`NewRingError`] says what is wrong with the capacity, or that there is no memory.
    pub fn try_new(capacity_bytes: usize) -> Result<Self, NewRingError> {
        let options = RingOptions { capacity: Some(capacity_bytes), ..RingOptions::default() };
        let (producer, consumer) = ends(&options, None)?;
        Ok(Self { producer, consumer })
    }

    /// Writes one event.
    ///
    /// # Errors
    ///
    /// As [`Producer::write_event`](ringlog_nostd::Producer::write_event).
    pub fn write_event(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), WriteError> {
        self.producer.write_event(header, payload)
    }

    /// Reserves room for an event to be filled in place.
    ///
    /// # Errors
    ///
    /// As [`Producer::claim`](ringlog_nostd::Producer::claim).
    pub fn claim(&mut self, len: usize) -> Result<Claim<'_, 'static>, WriteError> {
        self.producer.claim(len)
    }

    /// Starts a batch.
    pub fn batch(&mut self) -> Batch<'_, 'static> {
        self.producer.batch()
    }

    /// The next event; its space is free again at the next call that reads, or at [`release`](Self::release).
    pub fn read_event(&mut self) -> Option<(EventHeader, &[u8])> {
        self.consumer.read_event()
    }

    /// Frees the space of the event that was read last.
    pub fn release(&mut self) {
        self.consumer.release();
    }

    /// Hands up to `limit` events to `f` and frees their space at once.
    ///
    /// # Errors
    ///
    /// As [`Consumer::drain`](ringlog_nostd::Consumer::drain).
    pub fn drain(&mut self, limit: usize, f: impl FnMut(&EventHeader, &[u8])) -> Result<usize, RingFault> {
        self.consumer.drain(limit, f)
    }

    /// Whether nothing is left to read.
    #[must_use]
    pub fn is_empty(&mut self) -> bool {
        self.consumer.is_empty()
    }

    /// The capacity in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.producer.capacity()
    }

    /// The two ends, for two threads.
    #[must_use]
    pub fn split(self) -> (Producer, Consumer) {
        (self.producer, self.consumer)
    }
}
