//! The ring for a single thread, which has both ends.
#![forbid(unsafe_code)]

use ringlog_nostd::{Batch, Claim, EventHeader, RingFault, RingOptions, WriteError};
#[cfg(feature = "macros")]
use ringlog_nostd::{HasTail, Payload};

use super::ends::{Consumer, Producer};
use super::heap::{NewRingError, ends};

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
    /// Creates a ring of `capacity_bytes`, a power of two of at least 32.
    ///
    /// ```
    /// # use ringlog::ring::RingBuffer;
    /// assert_eq!(RingBuffer::new(64 << 10).capacity(), 64 << 10);
    /// ```
    ///
    /// # Panics
    ///
    /// If no ring has this capacity, or there is no memory for it; the message says which.
    /// [`try_new`](Self::try_new) returns the error instead.
    #[must_use]
    pub fn new(capacity_bytes: usize) -> Self {
        Self::try_new(capacity_bytes).unwrap_or_else(|error| panic!("RingBuffer::new: {error}"))
    }

    /// Creates a ring as [`new`](Self::new) does.
    ///
    /// ```
    /// # use ringlog::ring::{NewRingError, RingBuffer};
    /// assert!(matches!(RingBuffer::try_new(1000), Err(NewRingError::Sizes(_))), "no power of two");
    /// ```
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
    /// ```
    /// # use ringlog::{event::EventHeader, ring::RingBuffer};
    /// use ringlog_nostd::WriteError;
    ///
    /// let mut ring = RingBuffer::new(32);
    /// ring.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// assert_eq!(ring.write_event(&EventHeader::new(2, 7, 5), b"again"), Err(WriteError::Full));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Producer::write_event`](ringlog_nostd::Producer::write_event).
    pub fn write_event(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), WriteError> {
        self.producer.write_event(header, payload)
    }

    /// Writes one event. The event's type is that of the struct.
    ///
    /// ```
    /// # use ringlog::{event::Payload, ring::RingBuffer};
    /// # #[ringlog::event(type = 7)]
    /// # struct Sample { millivolts: u32 }
    /// let mut ring = RingBuffer::new(1024);
    /// ring.write(1_000, &Sample { millivolts: 3_300 })?;
    /// let (header, payload) = ring.read_event().unwrap();
    /// assert_eq!(Sample::view(&header, payload)?.millivolts, 3_300);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    #[cfg(feature = "macros")]
    pub fn write<P: Payload>(&mut self, timestamp: u64, payload: &P) -> Result<(), WriteError> {
        self.producer.write(timestamp, payload)
    }

    /// Writes one event with a tail.
    ///
    /// ```
    /// # use ringlog::{event::Payload, ring::RingBuffer};
    /// # #[ringlog::event(type = 9, tail = "text")]
    /// # struct Message { level: u8 }
    /// let mut ring = RingBuffer::new(1024);
    /// ring.write_with_tail(1_000, &Message { level: 3 }, b"too hot")?;
    /// let (header, payload) = ring.read_event().unwrap();
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
        self.producer.write_with_tail(timestamp, payload, tail)
    }

    /// Reserves room for an event, to be filled in place.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, ring::RingBuffer};
    /// let mut ring = RingBuffer::new(1024);
    /// let mut claim = ring.claim(5)?;
    /// claim.payload_mut().copy_from_slice(b"hello");
    /// claim.commit(&EventHeader::new(1, 7, 5))?;
    /// assert_eq!(ring.read_event().unwrap().1, b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Producer::claim`](ringlog_nostd::Producer::claim).
    pub fn claim(&mut self, len: usize) -> Result<Claim<'_, 'static>, WriteError> {
        self.producer.claim(len)
    }

    /// Starts a batch. Its events are published together.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, ring::RingBuffer};
    /// let mut ring = RingBuffer::new(1024);
    /// let mut batch = ring.batch();
    /// batch.write_event(&EventHeader::new(1, 7, 0), b"")?;
    /// batch.write_event(&EventHeader::new(2, 7, 0), b"")?;
    /// batch.publish();
    /// assert_eq!(ring.drain(usize::MAX, |_, _| ())?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn batch(&mut self) -> Batch<'_, 'static> {
        self.producer.batch()
    }

    /// Returns the next event. Its space is free again at the next call that reads, or at [`release`](Self::release).
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, ring::RingBuffer};
    /// # let mut ring = RingBuffer::new(1024);
    /// # ring.write_event(&EventHeader::new(1, 2, 3), b"abc")?;
    /// assert_eq!(ring.read_event().unwrap().1, b"abc");
    /// assert!(ring.read_event().is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read_event(&mut self) -> Option<(EventHeader, &[u8])> {
        self.consumer.read_event()
    }

    /// Frees the space of the event that was read last.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, ring::RingBuffer};
    /// let mut ring = RingBuffer::new(32);
    /// ring.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// assert!(ring.read_event().is_some());
    /// ring.release();
    /// ring.write_event(&EventHeader::new(2, 7, 5), b"again")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn release(&mut self) {
        self.consumer.release();
    }

    /// Hands up to `limit` events to `f` and frees their space at once.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, ring::RingBuffer};
    /// # let mut ring = RingBuffer::new(1024);
    /// # ring.write_event(&EventHeader::new(1, 2, 3), b"abc")?;
    /// let mut bytes = 0;
    /// assert_eq!(ring.drain(usize::MAX, |_header, payload| bytes += payload.len())?, 1);
    /// assert_eq!(bytes, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Consumer::drain`](ringlog_nostd::Consumer::drain).
    pub fn drain(&mut self, limit: usize, f: impl FnMut(&EventHeader, &[u8])) -> Result<usize, RingFault> {
        self.consumer.drain(limit, f)
    }

    /// Returns whether nothing is left to read.
    ///
    /// ```
    /// # use ringlog::ring::RingBuffer;
    /// assert!(RingBuffer::new(64).is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&mut self) -> bool {
        self.consumer.is_empty()
    }

    /// Returns the capacity in bytes.
    ///
    /// ```
    /// # use ringlog::ring::RingBuffer;
    /// assert_eq!(RingBuffer::new(64).capacity(), 64);
    /// ```
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.producer.capacity()
    }

    /// Returns the two ends, for two threads.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, ring::RingBuffer};
    /// # let mut ring = RingBuffer::new(1024);
    /// # ring.write_event(&EventHeader::new(1, 2, 3), b"abc")?;
    /// let (producer, mut consumer) = ring.split();
    /// assert_eq!(consumer.read_event().unwrap().1, b"abc");
    /// # drop(producer);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn split(self) -> (Producer, Consumer) {
        (self.producer, self.consumer)
    }
}
