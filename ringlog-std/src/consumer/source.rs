//! Where a dispatcher takes events from.
#![forbid(unsafe_code)]

use crate::ring::RingBuffer;
use crate::storage::{ReadError, SchemaList};
use ringlog_nostd::{Consumer, RingFault, Run};

/// Why a drain ended early.
///
/// ```
/// use ringlog::consumer::{DrainError, EventConsumer, EventDispatcher};
/// use ringlog::{event::EventHeader, ring::RingBuffer};
///
/// struct Faulty;
///
/// impl EventConsumer for Faulty {
///     fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool { panic!("a fault") }
///     fn name(&self) -> &str { "faulty" }
/// }
///
/// # let mut ring = RingBuffer::new(1024);
/// # ring.write_event(&EventHeader::new(1, 2, 3), b"abc")?;
/// let mut dispatcher = EventDispatcher::new();
/// dispatcher.add_required(Faulty);
/// match dispatcher.drain(&mut ring) {
///     Err(DrainError::ConsumerFailed { name }) => assert_eq!(name, "faulty"),
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DrainError {
    /// The ring is damaged.
    #[error(transparent)]
    Ring(#[from] RingFault),
    /// A record of the log cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// A required consumer panicked, now or before. The source keeps what it had not taken.
    #[error(
        "required consumer \"{name}\" has panicked and takes no more events; mend it, and drain with a new \
             dispatcher: the source keeps what this consumer had not taken"
    )]
    ConsumerFailed {
        /// Its name.
        name: String,
    },
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
/// assert_ne!(ring.id(), RingBuffer::new(64).id());
///
/// let bytes = ring.peek_run(0)?.unwrap().remaining().len();
/// ring.release_bytes(bytes);
/// assert!(ring.peek_run(0)?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait EventSource {
    /// Returns the number that identifies this source among all that the same dispatcher drains.
    fn id(&self) -> u64;

    /// Returns the whole records that start `skip_bytes` past the first one that was not released, up to the end of
    /// one contiguous piece; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`DrainError`] if the source is damaged.
    fn peek_run(&mut self, skip_bytes: usize) -> Result<Option<Run<'_>>, DrainError>;

    /// Releases the first `bytes` bytes that were not released yet.
    fn release_bytes(&mut self, bytes: usize);

    /// Returns what describes the events of the run that [`peek_run`](Self::peek_run) returns next; `None`, the default, if
    /// this source does not know it.
    ///
    /// A source whose descriptions change ends its runs there, and continues once everything before is released. The
    /// dispatcher gives each change to its consumers before the first event under it:
    /// [`EventConsumer::meta`](crate::consumer::EventConsumer::meta).
    fn schemas(&mut self, skip_bytes: usize) -> Option<&SchemaList> {
        let _ = skip_bytes;
        None
    }

    /// Returns the number of bytes after which one drain ends although there may be more, so that it ends beside a
    /// busy producer.
    fn drain_limit_bytes(&self) -> usize;
}

impl<K> EventSource for Consumer<'_, K> {
    fn id(&self) -> u64 {
        self.identity()
    }

    fn peek_run(&mut self, skip_bytes: usize) -> Result<Option<Run<'_>>, DrainError> {
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
    fn id(&self) -> u64 {
        EventSource::id(&self.consumer)
    }

    fn peek_run(&mut self, skip_bytes: usize) -> Result<Option<Run<'_>>, DrainError> {
        EventSource::peek_run(&mut self.consumer, skip_bytes)
    }

    fn release_bytes(&mut self, bytes: usize) {
        EventSource::release_bytes(&mut self.consumer, bytes);
    }

    fn drain_limit_bytes(&self) -> usize {
        self.consumer.drain_limit_bytes()
    }
}
