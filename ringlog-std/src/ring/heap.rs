//! Memory for rings from the heap.
//!
//! Unsafe because the ends of a ring are to own their memory: they borrow it for ever and keep it alive
//! themselves.

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

/// As many bytes as the control words of either side have to themselves, and a multiple of them starts here.
#[derive(Debug)]
#[repr(align(128))]
struct Lines(#[expect(dead_code, reason = "memory, used by its address")] [UnsafeCell<u64>; 16]);

// SAFETY: the bytes are touched only through the ends of the one ring that `ends` makes, whose protocol keeps
// their accesses apart. Sharing the owner touches nothing.
unsafe impl Sync for HeapMemory {}

/// What an end of a heap ring keeps until it is gone: the ring's memory.
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
    /// The end has closed: it drops what it keeps last.
    fn drop(&mut self) {
        if let Some(after_close) = &self.after_close {
            after_close.run_left();
        }
    }
}

/// Why no ring could be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NewRingError {
    /// Sizes that cannot be.
    #[error(transparent)]
    Sizes(#[from] RingError),
    /// The allocator has not that much.
    #[error("no memory for a ring of {bytes} bytes; ask for a smaller capacity")]
    OutOfMemory {
        /// What was asked for.
        bytes: usize,
    },
}

/// The producer's end of a heap ring: `Send + 'static`, not `Sync`, not `Clone`.
pub type Producer = ringlog_nostd::Producer<'static, HeapKeeper>;
/// The consumer's end of a heap ring: `Send + 'static`, not `Sync`, not `Clone`.
pub type Consumer = ringlog_nostd::Consumer<'static, HeapKeeper>;
/// A producer that loses instead of waiting: see [`Producer::lossy`](ringlog_nostd::Producer::lossy).
pub type LossyProducer = ringlog_nostd::LossyProducer<'static, HeapKeeper>;

/// Makes a ring on the heap, its pages touched so that the first lap meets no page fault. The producer runs what
/// `after_close` holds.
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
        // Stores to every page, unlike a zeroed allocation.
        memory.resize_with(lines, || Lines([const { UnsafeCell::new(0) }; 16]));
        Ok(Self(memory.into_boxed_slice()))
    }
}

/// A number that no other ring has, with very high probability.
pub(super) fn identity() -> u64 {
    RandomState::new().build_hasher().finish()
}
