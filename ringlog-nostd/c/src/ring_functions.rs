//! Functions for C: rings over the caller's memory.
//!
//! Unsafe because every pointer is the caller's. The header has the contracts once for all functions; here they are in
//! `handles.rs` (handle contract) and `open_ring.rs` (memory contract).
#![expect(clippy::missing_safety_doc, reason = "the header has one contract for all functions")]

use crate::handles::{ConsumerHandle, ProducerHandle, RingHandle, open, vacant};
use crate::open_ring::{OpenRing, Options, Recovered};
use crate::status::of;
use core::ffi::{c_int, c_void};
use ringlog_nostd::RingOptions;

/// Returns the bytes of memory that a ring takes: its control words, one lap of records, and the overrun area.
///
/// `capacity` and `max_payload` are in bytes and mean what they do in `ringlog_ring_options`; a `capacity` of 0 is the smallest
/// that takes such payloads. 0 if there is no such ring. `RINGLOG_RING_BYTES` computes it at compile time, of a capacity and a
/// longest payload that are not 0.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn ringlog_ring_required_len(capacity: usize, max_payload: usize) -> usize {
    let options = Options { capacity, max_payload, ..Options::default() };
    RingOptions::from(options).required_len().unwrap_or(0)
}

/// Makes an empty ring in `memory`, which starts at a multiple of 8 and may hold anything. Until both ends are closed, it is
/// the ring's.
///
/// `options` may be null: then the ring is as large as fits into `memory_len` bytes, and takes payloads up to its capacity
/// less 16 bytes.
///
/// Errors: `RINGLOG_E_MISALIGNED`, `RINGLOG_E_CAPACITY`, `RINGLOG_E_MAX_PAYLOAD`, `RINGLOG_E_TOO_SMALL`, `RINGLOG_E_OPEN`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ringlog_ring_init(
    ring: *mut RingHandle,
    memory: *mut c_void,
    memory_len: usize,
    options: *const Options,
) -> c_int {
    // SAFETY: handle contract; options that are not null are the caller's struct; memory contract.
    of(unsafe { init(ring, memory, memory_len, options) })
}

unsafe fn init(
    ring: *mut RingHandle,
    memory: *mut c_void,
    len: usize,
    options: *const Options,
) -> Result<(), c_int> {
    // SAFETY: the caller's promise.
    let options = unsafe { read_options(options) };
    // SAFETY: the caller's promise.
    let vacant = unsafe { vacant(ring) }?;
    // SAFETY: the caller's promise.
    vacant.fill(unsafe { OpenRing::format(memory, len, &options) }?);
    Ok(())
}

/// Reads options; the default for a null pointer.
///
/// # Safety
///
/// - `options` is null, or points to options, at any address.
unsafe fn read_options(options: *const Options) -> RingOptions {
    if options.is_null() {
        return RingOptions::default();
    }
    // SAFETY: the caller's promise.
    unsafe { options.read_unaligned() }.into()
}

/// Finds the ring that was made in this memory before: by another process that shares it, say.
///
/// Both ends may be at work meanwhile. The sizes are copied once; positions and headers that another process damages later
/// end in `RINGLOG_E_CORRUPT`.
///
/// Errors: `RINGLOG_E_NOT_A_RING`, `RINGLOG_E_DAMAGED`, `RINGLOG_E_MISALIGNED`, `RINGLOG_E_TOO_SMALL`, `RINGLOG_E_OPEN`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ringlog_ring_attach(
    ring: *mut RingHandle,
    memory: *mut c_void,
    memory_len: usize,
) -> c_int {
    // SAFETY: handle contract and memory contract.
    of(unsafe { attach(ring, memory, memory_len) })
}

unsafe fn attach(ring: *mut RingHandle, memory: *mut c_void, len: usize) -> Result<(), c_int> {
    // SAFETY: the caller's promise.
    let vacant = unsafe { vacant(ring) }?;
    // SAFETY: the caller's promise.
    vacant.fill(unsafe { OpenRing::attach(memory, len) }?);
    Ok(())
}

/// Continues with the retained ring in memory that kept its contents through a reset, or makes a new one as the options say.
///
/// Keeps the unread records from the oldest up to the first one that fails its checksum. Makes a new ring if the control words
/// contradict each other, or the ring was not a retained one of the options' sizes. `found` may be null.
///
/// Errors: as `ringlog_ring_init`, if the memory cannot hold a ring of the options.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ringlog_ring_recover(
    ring: *mut RingHandle,
    memory: *mut c_void,
    memory_len: usize,
    options: *const Options,
    found: *mut Recovered,
) -> c_int {
    // SAFETY: handle contract; options and `found` that are not null are the caller's structs; memory contract.
    of(unsafe { recover(ring, memory, memory_len, options, found) })
}

unsafe fn recover(
    ring: *mut RingHandle,
    memory: *mut c_void,
    len: usize,
    options: *const Options,
    found: *mut Recovered,
) -> Result<(), c_int> {
    // SAFETY: the caller's promise.
    let options = unsafe { read_options(options) };
    // SAFETY: the caller's promise.
    let vacant = unsafe { vacant(ring) }?;
    // SAFETY: the caller's promise.
    let (open, recovered) = unsafe { OpenRing::recover(memory, len, &options) }?;
    vacant.fill(open);
    if !found.is_null() {
        // SAFETY: the caller's struct, at any address.
        unsafe { found.write_unaligned(recovered) };
    }
    Ok(())
}

/// Gives out the two ends, open: one for the thread that writes, one for the thread that reads. Events that an earlier pair left
/// are still there.
///
/// A ring gives out each end once. To take an end again after it was closed, attach to the memory with another
/// `ringlog_ring`. The handle `ring` is needed no longer once its ends are out; it may be zeroed or go.
///
/// Errors: `RINGLOG_E_TAKEN` if one of them was given out, `RINGLOG_E_OPEN` if one of the handles is open. Then neither opens.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ringlog_ring_split(
    ring: *mut RingHandle,
    producer: *mut ProducerHandle,
    consumer: *mut ConsumerHandle,
) -> c_int {
    // SAFETY: handle contract.
    of(unsafe { split(ring, producer, consumer) })
}

unsafe fn split(
    ring: *mut RingHandle,
    producer: *mut ProducerHandle,
    consumer: *mut ConsumerHandle,
) -> Result<(), c_int> {
    // SAFETY: the caller's promise.
    let ring = unsafe { open(ring) }?;
    // SAFETY: the caller's promise.
    let producer = unsafe { vacant(producer) }?;
    // SAFETY: the caller's promise.
    let consumer = unsafe { vacant(consumer) }?;
    let (writes, reads) = ring.split()?;
    producer.fill(crate::open_producer::OpenProducer::new(writes));
    consumer.fill(crate::open_consumer::OpenConsumer::new(reads));
    Ok(())
}

/// Gives out the producer's end alone, open. The consumer is elsewhere, attached to the same memory.
///
/// It continues after the last event that was published. If the previous producer died, events that it had not published are
/// void, and losses whose GAP record it was writing are reported once.
///
/// Errors: `RINGLOG_E_TAKEN`, `RINGLOG_E_OPEN`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ringlog_ring_producer(
    ring: *mut RingHandle,
    producer: *mut ProducerHandle,
) -> c_int {
    // SAFETY: handle contract.
    let ring = unsafe { open(ring) };
    // SAFETY: handle contract.
    of(ring.and_then(|ring| unsafe { crate::handles::open_producer(producer, || ring.producer()) }))
}

/// Gives out the consumer's end alone, open. The producer is elsewhere, attached to the same memory.
///
/// It continues after the last event that was released.
///
/// Errors: `RINGLOG_E_TAKEN`, `RINGLOG_E_OPEN`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ringlog_ring_consumer(
    ring: *mut RingHandle,
    consumer: *mut ConsumerHandle,
) -> c_int {
    // SAFETY: handle contract.
    let ring = unsafe { open(ring) };
    // SAFETY: handle contract.
    of(ring.and_then(|ring| unsafe { crate::handles::open_consumer(consumer, || ring.consumer()) }))
}
