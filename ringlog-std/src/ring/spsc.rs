//! The ring that is split between two threads.
#![forbid(unsafe_code)]

use ringlog_nostd::RingOptions;

use super::after_close::AfterClose;
use super::heap::{Consumer, NewRingError, Producer, ends};

/// A single-producer single-consumer ring on the heap, to be [split](Self::split) between two threads.
///
/// ```
/// use ringlog::event::EventHeader;
/// use ringlog::ring::SpscRingBuffer;
///
/// # let (timestamp, event_type, payload) = (1, 2, *b"payload");
/// # let header = EventHeader::new(timestamp, event_type, payload.len() as u16);
/// let ring = SpscRingBuffer::new(64 * 1024 * 1024);
/// let (mut producer, mut consumer) = ring.split();
/// producer.write_event(&header, &payload);
/// while let Some((header, payload)) = consumer.read_event() {
///     assert_eq!((header.event_type, payload), (2, &b"payload"[..]));
/// }
/// ```
#[derive(Debug)]
pub struct SpscRingBuffer {
    producer: Producer,
    consumer: Consumer,
}

impl SpscRingBuffer {
    /// A ring of `capacity_bytes`, a power of two of at least 32.
    ///
    /// # Panics
    ///
    /// If the capacity is none, or there is no memory for it; the message says which.
    /// [`try_new`](Self::try_new) returns the error instead.
    #[must_use]
    pub fn new(capacity_bytes: usize) -> Self {
        Self::try_new(capacity_bytes).unwrap_or_else(|error| panic!("SpscRingBuffer::new: {error}"))
    }

    /// As [`new`](Self::new).
    ///
    /// # Errors
    ///
    /// [`NewRingError`] says what is wrong with the capacity, or that there is no memory.
    pub fn try_new(capacity_bytes: usize) -> Result<Self, NewRingError> {
        Self::with_options(&RingOptions { capacity: Some(capacity_bytes), ..RingOptions::default() })
    }

    /// A ring as the options say; the identity is drawn.
    ///
    /// # Errors
    ///
    /// As [`try_new`](Self::try_new).
    pub fn with_options(options: &RingOptions) -> Result<Self, NewRingError> {
        let (producer, consumer) = ends(options, None)?;
        Ok(Self { producer, consumer })
    }

    /// The two ends. Each keeps the memory alive.
    #[must_use]
    pub fn split(self) -> (Producer, Consumer) {
        (self.producer, self.consumer)
    }
}

/// The two ends of a ring, and where the consumer's side leaves the work that remains once the producer has closed.
pub(crate) fn watched_ends(options: &RingOptions) -> Result<(Producer, Consumer, AfterClose), NewRingError> {
    let after_close = AfterClose::new();
    let (producer, consumer) = ends(options, Some(after_close.clone()))?;
    Ok((producer, consumer, after_close))
}
