//! The ring that is split between two threads.
#![forbid(unsafe_code)]

use ringlog_nostd::RingOptions;

use super::after_close::AfterClose;
use super::ends::{Consumer, Producer};
use super::heap::{NewRingError, ends};

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
    /// Creates a ring of `capacity_bytes`, a power of two of at least 32.
    ///
    /// ```
    /// # use ringlog::ring::SpscRingBuffer;
    /// let (producer, _consumer) = SpscRingBuffer::new(1024).split();
    /// assert_eq!(producer.capacity(), 1024);
    /// ```
    ///
    /// # Panics
    ///
    /// If no ring has this capacity, or there is no memory for it; the message says which.
    /// [`try_new`](Self::try_new) returns the error instead.
    #[must_use]
    pub fn new(capacity_bytes: usize) -> Self {
        Self::try_new(capacity_bytes).unwrap_or_else(|error| panic!("SpscRingBuffer::new: {error}"))
    }

    /// Creates a ring as [`new`](Self::new) does.
    ///
    /// ```
    /// # use ringlog::ring::{NewRingError, SpscRingBuffer};
    /// assert!(matches!(SpscRingBuffer::try_new(1000), Err(NewRingError::Sizes(_))), "no power of two");
    /// ```
    ///
    /// # Errors
    ///
    /// [`NewRingError`] says what is wrong with the capacity, or that there is no memory.
    pub fn try_new(capacity_bytes: usize) -> Result<Self, NewRingError> {
        Self::with_options(&RingOptions { capacity: Some(capacity_bytes), ..RingOptions::default() })
    }

    /// Creates a ring with these options, except for the identity, which is random.
    ///
    /// ```
    /// # use ringlog::ring::{RingOptions, SpscRingBuffer};
    /// let options = RingOptions { capacity: Some(1024), max_payload: Some(16), ..RingOptions::default() };
    /// let (producer, _consumer) = SpscRingBuffer::with_options(&options)?.split();
    /// assert_eq!((producer.capacity(), producer.max_payload()), (1024, 16));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`try_new`](Self::try_new).
    pub fn with_options(options: &RingOptions) -> Result<Self, NewRingError> {
        let (producer, consumer) = ends(options, None)?;
        Ok(Self { producer, consumer })
    }

    /// Returns the two ends. Each keeps the memory alive.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, ring::SpscRingBuffer};
    /// let (mut producer, mut consumer) = SpscRingBuffer::new(1024).split();
    /// let writer = std::thread::spawn(move || producer.write_event(&EventHeader::new(1, 7, 5), b"hello"));
    /// writer.join().unwrap()?;
    /// assert_eq!(consumer.read_event().unwrap().1, b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn split(self) -> (Producer, Consumer) {
        (self.producer, self.consumer)
    }
}

/// Returns the two ends of a ring, and the place where the consumer's side leaves work for the time after the
/// producer has closed.
pub(crate) fn watched_ends(options: &RingOptions) -> Result<(Producer, Consumer, AfterClose), NewRingError> {
    let after_close = AfterClose::new();
    let (producer, consumer) = ends(options, Some(after_close.clone()))?;
    Ok((producer, consumer, after_close))
}
