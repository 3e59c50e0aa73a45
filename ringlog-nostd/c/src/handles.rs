//! Handles: the caller's memory in which an end or a ring is.
//!
//! Unsafe because a pointer of C becomes a reference here.
//!
//! **Handle contract**, cited below and in the header. A pointer to a handle is null, or points to a handle's words, which
//! stay where they are during the call and are used by no other thread meanwhile. Before its first use a handle is all zero.
//! Nobody else writes its words, and nobody copies an open one.

use crate::open_consumer::OpenConsumer;
use crate::open_producer::OpenProducer;
use crate::open_ring::OpenRing;
use crate::status::{RINGLOG_E_MISALIGNED, RINGLOG_E_NOT_OPEN, RINGLOG_E_NULL, RINGLOG_E_OPEN};
use core::ffi::c_int;
use core::mem::MaybeUninit;

/// Memory for a ring that is made or found: see `ringlog_ring_init`. All zero before its first use (`= {0}`).
#[derive(Debug)]
#[repr(C)]
pub struct RingHandle {
    /// Nobody's but the library's.
    pub words: [usize; 8],
}

/// Memory for a ring's producer. All zero before its first use (`= {0}`).
#[derive(Debug)]
#[repr(C)]
pub struct ProducerHandle {
    /// Nobody's but the library's.
    pub words: [usize; 32],
}

/// Memory for a ring's consumer. All zero before its first use (`= {0}`).
#[derive(Debug)]
#[repr(C)]
pub struct ConsumerHandle {
    /// Nobody's but the library's.
    pub words: [usize; 24],
}

/// The type of a handle's memory, and what is in it while it is open.
pub(crate) trait Handle: Sized + 'static {
    type Open;
    /// The first word of an open one. No other type has it, and it is not 0.
    const KIND: usize;
}

impl Handle for RingHandle {
    type Open = OpenRing;
    const KIND: usize = kind(b"RNGr");
}

impl Handle for ProducerHandle {
    type Open = OpenProducer;
    const KIND: usize = kind(b"RNGp");
}

impl Handle for ConsumerHandle {
    type Open = OpenConsumer;
    const KIND: usize = kind(b"RNGc");
}

/// Returns the word of a name. A word of 16 bits gets the last two letters, which differ too.
const fn kind(name: &[u8; 4]) -> usize {
    u32::from_le_bytes([name[3], name[2], name[1], name[0]]) as usize
}

/// What is in the words of a handle. All zero is a closed one.
#[repr(C)]
struct Words<H: Handle> {
    kind: usize,
    open: MaybeUninit<H::Open>,
}

// The program may give a handle to another thread.
const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<OpenProducer>();
    is_send::<OpenConsumer>();
};

const _: () = assert!(fits::<RingHandle>() && fits::<ProducerHandle>() && fits::<ConsumerHandle>());

const fn fits<H: Handle>() -> bool {
    size_of::<Words<H>>() <= size_of::<H>() && align_of::<Words<H>>() <= align_of::<H>()
}

/// A handle that is not open, to be filled.
pub(crate) struct Vacant<'h, H: Handle> {
    words: &'h mut Words<H>,
}

impl<H: Handle> Vacant<'_, H> {
    /// Opens the handle.
    pub(crate) fn fill(self, open: H::Open) {
        self.words.open.write(open);
        self.words.kind = H::KIND;
    }
}

/// Lends the words of a handle.
///
/// # Safety
///
/// - `handle` keeps the handle contract for `'h`.
#[inline(always)]
unsafe fn words<'h, H: Handle>(handle: *mut H) -> Result<&'h mut Words<H>, c_int> {
    if handle.is_null() {
        return Err(RINGLOG_E_NULL);
    }
    if !handle.is_aligned() {
        return Err(RINGLOG_E_MISALIGNED);
    }
    // SAFETY: (1) not null, aligned for `H` and so for its words, and long enough (asserted by `fits`); (2) initialised,
    // used by nobody else for 'h: handle contract; all values are valid, as the rest is read only if `kind` says that
    // `fill` has written it.
    Ok(unsafe { &mut *handle.cast::<Words<H>>() })
}

/// Lends what is in an open handle.
///
/// # Safety
///
/// - `handle` keeps the handle contract for `'h`.
#[inline(always)]
pub(crate) unsafe fn open<'h, H: Handle>(handle: *mut H) -> Result<&'h mut H::Open, c_int> {
    // SAFETY: the caller's promise.
    let words = unsafe { words(handle) }?;
    if words.kind != H::KIND {
        return Err(RINGLOG_E_NOT_OPEN);
    }
    // SAFETY: `kind` is written by `fill` after the value, and changed by `close` before the value goes; nobody else
    // writes the words (handle contract).
    Ok(unsafe { words.open.assume_init_mut() })
}

/// Lends a handle that is not open.
///
/// # Safety
///
/// - `handle` keeps the handle contract for `'h`.
pub(crate) unsafe fn vacant<'h, H: Handle>(handle: *mut H) -> Result<Vacant<'h, H>, c_int> {
    // SAFETY: the caller's promise.
    let words = unsafe { words(handle) }?;
    if words.kind == H::KIND { Err(RINGLOG_E_OPEN) } else { Ok(Vacant { words }) }
}

/// Closes a handle and returns what was in it.
///
/// # Safety
///
/// - `handle` keeps the handle contract.
pub(crate) unsafe fn close<H: Handle>(handle: *mut H) -> Result<H::Open, c_int> {
    // SAFETY: the caller's promise.
    let words = unsafe { words(handle) }?;
    if words.kind != H::KIND {
        return Err(RINGLOG_E_NOT_OPEN);
    }
    words.kind = 0;
    // SAFETY: as in `open`; `kind` no longer says that a value is there.
    Ok(unsafe { words.open.assume_init_read() })
}

/// Puts a producer of another package into a handle.
///
/// # Errors
///
/// Codes of [`status`](crate::status). The producer is dropped then.
///
/// # Safety
///
/// - `handle` keeps the handle contract.
pub unsafe fn open_producer(
    handle: *mut ProducerHandle,
    make: impl FnOnce() -> Result<ringlog_nostd::Producer<'static, crate::Owner>, c_int>,
) -> Result<(), c_int> {
    // SAFETY: the caller's promise.
    let vacant = unsafe { vacant(handle) }?;
    vacant.fill(OpenProducer::new(make()?));
    Ok(())
}

/// Puts a consumer of another package into a handle.
///
/// # Errors
///
/// Codes of [`status`](crate::status). The consumer is dropped then.
///
/// # Safety
///
/// - `handle` keeps the handle contract.
pub unsafe fn open_consumer(
    handle: *mut ConsumerHandle,
    make: impl FnOnce() -> Result<ringlog_nostd::Consumer<'static, crate::Owner>, c_int>,
) -> Result<(), c_int> {
    // SAFETY: the caller's promise.
    let vacant = unsafe { vacant(handle) }?;
    vacant.fill(OpenConsumer::new(make()?));
    Ok(())
}
