//! Memory for rings from the heap.
//!
//! Unsafe because the ends of a ring own their memory: they borrow it for `'static` and keep it alive themselves.

use std::cell::UnsafeCell;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::ptr::NonNull;
use std::sync::Arc;

use ringlog_nostd::{Ring, RingError, RingOptions};

use super::after_close::AfterClose;

/// The memory of a ring; freed when both of its ends are gone.
#[derive(Debug)]
pub(super) struct HeapMemory(Box<[Lines]>);

/// The 128 bytes that the control words of either side have to themselves, at an address that is a multiple of 128.
#[derive(Debug)]
#[repr(align(128))]
struct Lines(#[expect(dead_code, reason = "memory, used by its address")] [UnsafeCell<u64>; 16]);

// SAFETY: the bytes are touched only through the ends of the one ring that `ends` makes, whose protocol keeps
// their accesses apart. Sharing the owner touches nothing.
unsafe impl Sync for HeapMemory {}

/// What an end of a heap ring keeps alive until it is dropped: the ring's memory.
#[derive(Debug)]
pub struct HeapKeeper {
    _memory: Arc<HeapMemory>,
    /// For a producer.
    after_close: Option<AfterClose>,
}

impl HeapKeeper {
    const fn new(memory: Arc<HeapMemory>, after_close: Option<AfterClose>) -> Self {
        Self { _memory: memory, after_close }
    }
}

impl Drop for HeapKeeper {
    /// Runs after the end has closed: it drops what it keeps last.
    fn drop(&mut self) {
        if let Some(after_close) = &self.after_close {
            after_close.run_left();
        }
    }
}

/// Why no ring could be created.
///
/// ```
/// use ringlog::ring::{NewRingError, RingBuffer};
///
/// assert!(matches!(RingBuffer::try_new(1000), Err(NewRingError::Sizes(_))), "no power of two");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NewRingError {
    /// No ring has these sizes.
    #[error(transparent)]
    Sizes(#[from] RingError),
    /// The allocator does not have that much memory.
    #[error("no memory for a ring of {bytes} bytes; ask for a smaller capacity")]
    OutOfMemory {
        /// The bytes that were asked for.
        bytes: usize,
    },
}

/// The producer's end of a heap ring: `Send + 'static`, not `Sync`, not `Clone`.
///
/// ```
/// use ringlog::{event::EventHeader, ring::{Producer, SpscRingBuffer}};
///
/// let (mut producer, _consumer): (Producer, _) = SpscRingBuffer::new(1024).split();
/// std::thread::spawn(move || producer.write_event(&EventHeader::new(1, 7, 5), b"hello"))
///     .join()
///     .unwrap()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type Producer = ringlog_nostd::Producer<'static, HeapKeeper>;
/// The consumer's end of a heap ring: `Send + 'static`, not `Sync`, not `Clone`.
///
/// ```
/// use ringlog::ring::{Consumer, SpscRingBuffer};
///
/// let (producer, mut consumer): (_, Consumer) = SpscRingBuffer::new(1024).split();
/// drop(producer);
/// assert!(consumer.read_event().is_none() && consumer.is_closed());
/// ```
pub type Consumer = ringlog_nostd::Consumer<'static, HeapKeeper>;
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
pub type LossyProducer = ringlog_nostd::LossyProducer<'static, HeapKeeper>;

/// Creates a ring on the heap, with its pages touched so that the first lap meets no page fault. The producer runs
/// what `after_close` holds.
pub(super) fn ends(
    options: &RingOptions,
    after_close: Option<AfterClose>,
) -> Result<(Producer, Consumer), NewRingError> {
    let bytes = options.required_len()?;
    let memory = Arc::new(HeapMemory::zeroed(bytes)?);
    let options = RingOptions { identity: identity(), ..*options };
    let start = NonNull::from(&*memory.0).cast::<u8>();
    // SAFETY: (1) `bytes` initialised bytes, 128-aligned, mutable through `UnsafeCell`; (2) they live as long
    // as `memory`, which both ends keep and drop last, and no borrow of an end outlives it, so that the
    // lifetime 'static never shows; (3) this ring is the only user and its ends are given out once.
    let ring = unsafe { Ring::<'static>::format_raw(start, bytes, &options) }?;
    let (producer, consumer) = ring.into_ends();
    let keeper = HeapKeeper::new(Arc::clone(&memory), after_close);
    Ok((producer.with_owner(keeper), consumer.with_owner(HeapKeeper::new(memory, None))))
}

impl HeapMemory {
    fn zeroed(bytes: usize) -> Result<Self, NewRingError> {
        let lines = bytes.div_ceil(size_of::<Lines>());
        let mut memory = Vec::new();
        memory.try_reserve_exact(lines).map_err(|_| NewRingError::OutOfMemory { bytes })?;
        // Stores into every page, unlike a zeroed allocation.
        memory.resize_with(lines, || Lines([const { UnsafeCell::new(0) }; 16]));
        Ok(Self(memory.into_boxed_slice()))
    }
}

/// Returns a number that no other ring has, with very high probability.
pub(super) fn identity() -> u64 {
    RandomState::new().build_hasher().finish()
}
