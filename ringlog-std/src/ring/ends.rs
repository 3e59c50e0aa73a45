//! The two ends of a ring that own its memory, on the heap or in a file.
#![forbid(unsafe_code)]

use std::fmt;
use std::sync::Arc;

use super::after_close::AfterClose;
use super::role::RoleLock;

/// The producer's end of a ring on the heap or in a file: `Send + 'static`, not `Sync`, not `Clone`.
///
/// Dropping it closes the ring. For a ring in a file it gives back the role.
///
/// ```
/// use ringlog::event::EventHeader;
/// use ringlog::ring::{Producer, RingOptions, SharedRing, SpscRingBuffer};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("events.ring");
///
/// fn greet(producer: &mut Producer) -> bool {
///     producer.write_event(&EventHeader::new(1, 7, 5), b"hello").is_ok()
/// }
///
/// let (mut on_heap, _consumer) = SpscRingBuffer::new(1024).split();
/// let shared = SharedRing::create(&path, &RingOptions::default())?;
/// let mut in_file = shared.claim_producer()?;
/// assert!(greet(&mut on_heap) && greet(&mut in_file));
/// drop(in_file);
/// assert!(shared.claim_producer().is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type Producer = ringlog_nostd::Producer<'static, EndOwner>;
/// The consumer's end of a ring on the heap or in a file: `Send + 'static`, not `Sync`, not `Clone`.
///
/// ```
/// use ringlog::ring::{Consumer, SpscRingBuffer};
///
/// let (producer, mut consumer): (_, Consumer) = SpscRingBuffer::new(1024).split();
/// drop(producer);
/// assert!(consumer.read_event().is_none() && consumer.is_closed());
/// ```
pub type Consumer = ringlog_nostd::Consumer<'static, EndOwner>;
/// A producer that loses events instead of waiting: see [`Producer::lossy`](ringlog_nostd::Producer::lossy).
///
/// ```
/// use ringlog::{event::EventHeader, ring::{LossyProducer, SpscRingBuffer}};
///
/// let (producer, _consumer) = SpscRingBuffer::new(64).split();
/// let mut producer: LossyProducer = producer.lossy();
/// for time in 0..10 {
///     producer.write_event(&EventHeader::new(time, 7, 0), b"")?;
/// }
/// assert!(producer.pending_loss().is_some(), "the ring has no room for all of them");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type LossyProducer = ringlog_nostd::LossyProducer<'static, EndOwner>;

/// The memory of a ring; freed when both of its ends are gone.
pub(super) trait RingMemory: fmt::Debug + Send + Sync {}

/// What an end keeps alive until it is dropped: the ring's memory, and its role in a ring in a file.
#[derive(Debug)]
pub struct EndOwner {
    /// Declared first, so dropped first; the end that used it is gone by then.
    _role: Option<RoleLock>,
    _memory: Arc<dyn RingMemory>,
    /// For the producer of a heap ring.
    after_close: Option<AfterClose>,
}

impl EndOwner {
    pub(super) fn of_heap(memory: Arc<dyn RingMemory>, after_close: Option<AfterClose>) -> Self {
        Self { _role: None, _memory: memory, after_close }
    }

    pub(super) fn of_file(role: RoleLock, memory: Arc<dyn RingMemory>) -> Self {
        Self { _role: Some(role), _memory: memory, after_close: None }
    }
}

impl Drop for EndOwner {
    /// Runs after the end has closed: it drops what it keeps last.
    fn drop(&mut self) {
        if let Some(after_close) = &self.after_close {
            after_close.run_left();
        }
    }
}
