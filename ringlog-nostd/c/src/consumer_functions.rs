//! Functions for C: the consumer's end of a ring.
//!
//! Unsafe because every pointer is the caller's: handle contract in `handles.rs`.
#![expect(clippy::missing_safety_doc, reason = "the header has one contract for all functions")]

use crate::event::{LoggedGap, RingEvent, header_of};
use crate::handles::{ConsumerHandle, close, open};
use crate::open_consumer::OpenConsumer;
use crate::producer_functions::give;
use crate::status::{RINGLOG_E_NULL, RINGLOG_EMPTY, RINGLOG_OK, of};
use core::ffi::c_int;
use ringlog_nostd::format::GAP_PAYLOAD_LEN;
use ringlog_nostd::{Gap, Loss};

/// Reads the next event. Its payload is lent from the ring: it stays until the next call of `ringlog_read` or `ringlog_release`
/// with this handle, or until the consumer is closed.
///
/// Returns `RINGLOG_EMPTY`, and leaves `event` as it is, if nothing is published.
///
/// Errors: `RINGLOG_E_CORRUPT`; every later call then returns it too.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ringlog_read(consumer: *mut ConsumerHandle, event: *mut RingEvent) -> c_int {
    if event.is_null() {
        return RINGLOG_E_NULL;
    }
    // SAFETY: handle contract.
    match unsafe { open(consumer) }.and_then(OpenConsumer::read) {
        Ok(read) => {
            // SAFETY: not null, so the caller's struct, at any address.
            unsafe { event.write_unaligned(read) };
            RINGLOG_OK
        }
        Err(code) => code,
    }
}

/// Gives the space of the event that was read last back to the producer. `ringlog_read` does so too before it reads on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringlog_release(consumer: *mut ConsumerHandle) -> c_int {
    // SAFETY: handle contract.
    of(unsafe { open(consumer) }.map(|open| open.consumer.release()))
}

/// Reads what a GAP record says, of an event that was read and is still lent. Returns `RINGLOG_EMPTY` for any other event.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ringlog_gap_of(event: *const RingEvent, gap: *mut LoggedGap) -> c_int {
    if event.is_null() || gap.is_null() {
        return RINGLOG_E_NULL;
    }
    // SAFETY: not null, so the caller's struct, at any address.
    let event = unsafe { event.read_unaligned() };
    if !event.is_gap || event.payload_len != GAP_PAYLOAD_LEN || event.payload.is_null() {
        return RINGLOG_EMPTY;
    }
    // SAFETY: the 16 bytes of a payload that is lent, by the caller's promise.
    let payload = unsafe { event.payload.cast::<[u8; GAP_PAYLOAD_LEN]>().read() };
    match Gap::from_event(&header_of(&event), &payload) {
        None => RINGLOG_EMPTY,
        Some(found) => {
            // SAFETY: not null, so the caller's struct, at any address.
            unsafe { gap.write_unaligned(found.into()) };
            RINGLOG_OK
        }
    }
}

/// Returns the bytes that are published and not read yet; 0 in a corrupt ring, or if the handle is not open. The producer may have
/// published more since.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringlog_consumer_unread(consumer: *mut ConsumerHandle) -> usize {
    // SAFETY: handle contract.
    unsafe { open(consumer) }.map_or(0, |open| open.consumer.unread())
}

/// Returns the ring's capacity in bytes; 0 if the handle is not open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringlog_consumer_capacity(consumer: *mut ConsumerHandle) -> usize {
    // SAFETY: handle contract.
    unsafe { open(consumer) }.map_or(0, |open| open.consumer.capacity())
}

/// Returns the position of the oldest event that was not released: bytes since the ring was made, wrapping; 0 if the handle is not
/// open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringlog_consumer_position(consumer: *mut ConsumerHandle) -> usize {
    // SAFETY: handle contract.
    unsafe { open(consumer) }.map_or(0, |open| open.consumer.position())
}

/// Returns the number that the ring was made with; 0 if the handle is not open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringlog_consumer_identity(consumer: *mut ConsumerHandle) -> u64 {
    // SAFETY: handle contract.
    unsafe { open(consumer) }.map_or(0, |open| open.consumer.identity())
}

/// Returns whether the producer has closed its side, or the handle is not open. There may still be events to read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringlog_consumer_is_closed(consumer: *mut ConsumerHandle) -> bool {
    // SAFETY: handle contract.
    unsafe { open(consumer) }.map_or(true, |open| open.consumer.is_closed())
}

/// Returns whether the producer has closed its side and every event was read, or the handle is not open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringlog_consumer_is_finished(consumer: *mut ConsumerHandle) -> bool {
    // SAFETY: handle contract.
    unsafe { open(consumer) }.map_or(true, |open| open.consumer.is_finished())
}

/// Reads the losses that no GAP record reports yet: their number, and the timestamp of the first. Returns `RINGLOG_EMPTY` if
/// there are none. The pointers may be null.
///
/// Exact once `ringlog_consumer_is_closed` has returned true. Before that it may be stale; but losses that were seen and no longer
/// are have their GAP record in the ring.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringlog_consumer_pending_loss(
    consumer: *mut ConsumerHandle,
    count: *mut u64,
    first_timestamp: *mut u64,
) -> c_int {
    // SAFETY: handle contract.
    let loss = match unsafe { open(consumer) } {
        Ok(open) => open.consumer.pending_loss(),
        Err(code) => return code,
    };
    // SAFETY: the caller's numbers, or null.
    unsafe { give_loss(loss, count, first_timestamp) }
}

/// Closes the consumer's side, which `ringlog_producer_is_closed` shows. An event that is lent is not released by that: the next
/// consumer reads it again. The consumer of a ring in a file gives its role back.
///
/// Errors: `RINGLOG_E_NOT_OPEN`, also from the second call on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringlog_consumer_close(consumer: *mut ConsumerHandle) -> c_int {
    // SAFETY: handle contract.
    of(unsafe { close(consumer) }.map(drop))
}

/// Stores a loss where the caller wants it.
///
/// # Safety
///
/// - The pointers are null or valid for a write, at any address.
pub(crate) unsafe fn give_loss(loss: Option<Loss>, count: *mut u64, first_timestamp: *mut u64) -> c_int {
    let Some(loss) = loss else { return RINGLOG_EMPTY };
    // SAFETY: the caller's promise.
    unsafe { give(count, loss.count) };
    // SAFETY: the caller's promise.
    unsafe { give(first_timestamp, loss.first_timestamp) };
    RINGLOG_OK
}
