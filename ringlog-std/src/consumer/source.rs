//! Where a dispatcher takes events from.
#![forbid(unsafe_code)]

use crate::ring::RingBuffer;
use crate::storage::ReadError;
use ringlog_nostd::{Consumer, RingFault, Run};

/// Identifies a source, so that a dispatcher knows which consumer got how much of which source.
///
/// ```
/// use ringlog::{consumer::EventSource, ring::RingBuffer};
///
/// assert_ne!(RingBuffer::new(64).id(), RingBuffer::new(64).id());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SourceId(pub u64);

/// Why a source has nothing more to give.
///
/// ```
/// use ringlog::consumer::SourceError;
/// use ringlog::ring::RingFault;
///
/// fn advice(error: &SourceError) -> &'static str {
///     match error {
///         SourceError::Ring(_) => "replace the ring",
///         SourceError::Log(_) => "salvage the log",
///         _ => "see the message",
///     }
/// }
///
/// assert_eq!(advice(&SourceError::Ring(RingFault::Record { position: 16 })), "replace the ring");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The ring is damaged.
    #[error(transparent)]
    Ring(#[from] RingFault),
    /// The log cannot be read further.
    #[error(transparent)]
    Log(#[from] ReadError),
}

/// Events in runs, kept until they are released: a ring's consumer, or a [`RingBuffer`].
///
/// ```
/// use ringlog::consumer::EventSource;
/// use ringlog::{event::EventHeader, ring::RingBuffer};
///
/// let mut ring = RingBuffer::new(1024);
/// ring.write_event(&EventHeader::new(1, 2, 3), b"abc")?;
/// assert!(ring.drain_limit_bytes() >= 24);
///
/// let bytes = ring.peek_run(0)?.unwrap().remaining().len();
/// ring.release_bytes(bytes);
/// assert!(ring.peek_run(0)?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait EventSource {
    /// Returns the number that identifies this source among all that the same dispatcher drains.
    fn id(&self) -> SourceId;

    /// Returns the whole records that start `skip_bytes` past the first one that was not released, up to the end of
    /// one contiguous piece; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`SourceError`] if the source is damaged.
    fn peek_run(&mut self, skip_bytes: usize) -> Result<Option<Run<'_>>, SourceError>;

    /// Releases the first `bytes` bytes that were not released yet.
    fn release_bytes(&mut self, bytes: usize);

    /// Returns the number of bytes after which one drain ends although there may be more, so that it ends beside a
    /// busy producer.
    fn drain_limit_bytes(&self) -> usize;
}

impl<K> EventSource for Consumer<'_, K> {
    fn id(&self) -> SourceId {
        SourceId(self.identity())
    }

    fn peek_run(&mut self, skip_bytes: usize) -> Result<Option<Run<'_>>, SourceError> {
        Ok(Consumer::peek_run(self, skip_bytes)?)
    }

    fn release_bytes(&mut self, bytes: usize) {
        Consumer::release_bytes(self, bytes);
    }

    fn drain_limit_bytes(&self) -> usize {
        self.capacity()
    }
}

impl EventSource for RingBuffer {
    fn id(&self) -> SourceId {
        EventSource::id(&self.consumer)
    }

    fn peek_run(&mut self, skip_bytes: usize) -> Result<Option<Run<'_>>, SourceError> {
        EventSource::peek_run(&mut self.consumer, skip_bytes)
    }

    fn release_bytes(&mut self, bytes: usize) {
        EventSource::release_bytes(&mut self.consumer, bytes);
    }

    fn drain_limit_bytes(&self) -> usize {
        self.consumer.drain_limit_bytes()
    }
}
