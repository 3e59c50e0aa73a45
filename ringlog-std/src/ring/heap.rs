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
use super::ends::{Consumer, EndOwner, Producer, RingMemory};

/// The memory of a ring; freed when both of its ends are gone.
#[derive(Debug)]
pub(super) struct HeapMemory(Box<[Lines]>);

impl RingMemory for HeapMemory {}

/// The 128 bytes that the control words of either side have to themselves, at an address that is a multiple of 128.
#[derive(Debug)]
#[repr(align(128))]
struct Lines(#[expect(dead_code, reason = "memory, used by its address")] [UnsafeCell<u64>; 16]);

// SAFETY: the bytes are touched only through the ends of the one ring that `ends` makes, whose protocol keeps
// their accesses apart. Sharing the owner touches nothing.
unsafe impl Sync for HeapMemory {}

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
    let owner = EndOwner::of_heap(Arc::clone(&memory) as Arc<dyn RingMemory>, after_close);
    Ok((producer.with_owner(owner), consumer.with_owner(EndOwner::of_heap(memory, None))))
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
