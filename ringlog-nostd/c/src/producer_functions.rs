//! Functions for C: the producer's end of a ring.
//!
//! Unsafe because every pointer is the caller's: handle contract in `handles.rs`; a payload is `payload_len` readable bytes.
#![expect(clippy::missing_safety_doc, reason = "the header has one contract for all functions")]

use crate::handles::{ProducerHandle, close, open};
use crate::open_producer::{EventWords, OpenProducer};
use crate::status::{RINGLOG_E_NULL, RINGLOG_E_PAYLOAD_TOO_LONG, RINGLOG_OK, of};
use core::ffi::{c_int, c_void};
use ringlog_nostd::{EventHeader, MAX_PAYLOAD};

/// The longest payload that may be at an address, in bytes.
const LONGEST: usize = if MAX_PAYLOAD < isize::MAX as usize { MAX_PAYLOAD } else { isize::MAX as usize };

/// Lends what a write needs: the producer, the header, the payload.
///
/// # Safety
///
/// - `producer` keeps the handle contract for `'h`.
/// - `payload` is null, or valid for reads of `len` bytes for `'h`, if no payload is too long.
#[inline(always)]
unsafe fn event<'h>(
    producer: *mut ProducerHandle,
    words: EventWords,
    payload: *const c_void,
    len: usize,
) -> Result<(&'h mut OpenProducer, EventHeader, &'h [u8]), c_int> {
    // SAFETY: the caller's promise.
    let producer = unsafe { open(producer) }?;
    let Some(header) = words.header(len).filter(|_| len <= LONGEST) else {
        return Err(RINGLOG_E_PAYLOAD_TOO_LONG);
    };
    if payload.is_null() {
        return if len == 0 { Ok((producer, header, &[])) } else { Err(RINGLOG_E_NULL) };
    }
    // SAFETY: the caller's promise; not null, and no longer than any object.
    let payload = unsafe { core::slice::from_raw_parts(payload.cast(), len) };
    Ok((producer, header, payload))
}

/// Writes one event and publishes it. Takes no lock, makes no system call and allocates nothing.
///
/// `timestamp` is in a unit that the application chooses. `event_type` is 0 to 255, `flags` 0 to 15; both are the application's.
/// `payload` is `payload_len` bytes, 0 to what the ring takes; it may be null if that is 0.
///
/// Errors: `RINGLOG_E_FULL` (the event fits once the consumer has released some space), `RINGLOG_E_PAYLOAD_TOO_LONG`,
/// `RINGLOG_E_FLAGS`, `RINGLOG_E_CORRUPT`, `RINGLOG_E_CLAIM_OPEN`, `RINGLOG_E_BATCH_OPEN`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ringlog_write(
    producer: *mut ProducerHandle,
    timestamp: u64,
    event_type: u8,
    flags: u8,
    payload: *const c_void,
    payload_len: usize,
) -> c_int {
    let words = EventWords { timestamp, event_type, flags };
    // SAFETY: handle contract; the caller's payload.
    match unsafe { event(producer, words, payload, payload_len) } {
        Ok((producer, header, payload)) => producer.write(&header, payload),
        Err(code) => code,
    }
}

/// Writes one event and publishes it, or counts it as lost if the ring is full: then it returns `RINGLOG_LOST`.
///
/// Losses are reported by a GAP record, which is written before the next event for which this function finds room. `ringlog_write`,
/// claims and batches write none: call `ringlog_flush_losses` first, so that the record is where the events are missing. The
/// parameters are those of `ringlog_write`. An event that is refused for another reason than a full ring does not count as lost.
///
/// Errors: as `ringlog_write`, but never `RINGLOG_E_FULL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringlog_write_lossy(
    producer: *mut ProducerHandle,
    timestamp: u64,
    event_type: u8,
    flags: u8,
    payload: *const c_void,
    payload_len: usize,
) -> c_int {
    let words = EventWords { timestamp, event_type, flags };
    // SAFETY: handle contract; the caller's payload.
    match unsafe { event(producer, words, payload, payload_len) } {
        Ok((producer, header, payload)) => producer.write_lossy(&header, payload),
        Err(code) => code,
    }
}

/// Tries to write the GAP record for losses that none reports yet. Returns `RINGLOG_OK` if none are pending any more, and
/// `RINGLOG_LOST` if the ring has no room.
///
/// Errors: `RINGLOG_E_CORRUPT`, `RINGLOG_E_CLAIM_OPEN`, `RINGLOG_E_BATCH_OPEN`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringlog_flush_losses(producer: *mut ProducerHandle) -> c_int {
    // SAFETY: handle contract.
    match unsafe { open(producer) } {
        Ok(producer) => producer.flush_losses(),
        Err(code) => code,
    }
}

/// Reads the losses that no GAP record reports yet: their number, and the timestamp of the first. Returns `RINGLOG_EMPTY` if
/// there are none. The pointers may be null.
///
/// A number of `SIZE_MAX` means that many or more; the GAP record then says 0, unknown.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringlog_producer_pending_loss(
    producer: *mut ProducerHandle,
    count: *mut u64,
    first_timestamp: *mut u64,
) -> c_int {
    // SAFETY: handle contract.
    let loss = match unsafe { open(producer) } {
        Ok(producer) => producer.pending_loss(),
        Err(code) => return code,
    };
    // SAFETY: the caller's numbers, or null.
    unsafe { crate::consumer_functions::give_loss(loss, count, first_timestamp) }
}

/// Reserves room for a payload of up to `len` bytes, to be filled in place, and gives its address, a multiple of 8, in
/// `payload`. The room holds old bytes until they are written.
///
/// Between `ringlog_batch_begin` and `ringlog_batch_publish` the claim is one of the batch. One claim is open at a time. It
/// publishes nothing and takes no room until `ringlog_commit`; after that, or `ringlog_abort`, the address is the ring's.
///
/// Errors: `RINGLOG_E_FULL`, `RINGLOG_E_PAYLOAD_TOO_LONG`, `RINGLOG_E_CORRUPT`, `RINGLOG_E_CLAIM_OPEN`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ringlog_claim(
    producer: *mut ProducerHandle,
    len: usize,
    payload: *mut *mut c_void,
) -> c_int {
    if payload.is_null() {
        return RINGLOG_E_NULL;
    }
    // SAFETY: handle contract.
    match unsafe { open(producer) }.and_then(|producer| producer.claim(len)) {
        Ok(start) => {
            // SAFETY: not null, so the caller's pointer, at any address.
            unsafe { payload.write_unaligned(start.cast()) };
            RINGLOG_OK
        }
        Err(code) => code,
    }
}

/// Publishes the first `payload_len` bytes of the claim as an event, which may be fewer than were claimed. In a batch it is
/// published with the batch. The other parameters are those of `ringlog_write`.
///
/// Errors: `RINGLOG_E_NO_CLAIM`, `RINGLOG_E_LENGTH` for more bytes than were claimed, `RINGLOG_E_FLAGS`. Nothing
/// is published then, and the claim stays open.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ringlog_commit(
    producer: *mut ProducerHandle,
    timestamp: u64,
    event_type: u8,
    flags: u8,
    payload_len: usize,
) -> c_int {
    let words = EventWords { timestamp, event_type, flags };
    // SAFETY: handle contract.
    of(unsafe { open(producer) }.and_then(|producer| producer.commit(words, payload_len)))
}

/// Gives up the claim. Nothing is published.
///
/// Errors: `RINGLOG_E_NO_CLAIM`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringlog_abort(producer: *mut ProducerHandle) -> c_int {
    // SAFETY: handle contract.
    of(unsafe { open(producer) }.and_then(OpenProducer::abort))
}

/// Begins a batch, whose events the consumer sees all at once, or not at all. Add events with `ringlog_batch_write`, or with
/// `ringlog_claim` and `ringlog_commit`.
///
/// Errors: `RINGLOG_E_CLAIM_OPEN`, `RINGLOG_E_BATCH_OPEN`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringlog_batch_begin(producer: *mut ProducerHandle) -> c_int {
    // SAFETY: handle contract.
    of(unsafe { open(producer) }.and_then(OpenProducer::begin_batch))
}

/// Adds one event to the batch. The parameters are those of `ringlog_write`.
///
/// Errors: `RINGLOG_E_NO_BATCH`, `RINGLOG_E_CLAIM_OPEN`, and those of `ringlog_write`. After `RINGLOG_E_FULL` the earlier events are still
/// in the batch: publish them, so that the consumer can make room.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ringlog_batch_write(
    producer: *mut ProducerHandle,
    timestamp: u64,
    event_type: u8,
    flags: u8,
    payload: *const c_void,
    payload_len: usize,
) -> c_int {
    let words = EventWords { timestamp, event_type, flags };
    // SAFETY: handle contract; the caller's payload.
    of(unsafe { event(producer, words, payload, payload_len) }
        .and_then(|(producer, header, payload)| producer.write_to_batch(&header, payload)))
}

/// Publishes all events of the batch with one store, and gives their number in `events`, which may be null.
///
/// Errors: `RINGLOG_E_NO_BATCH`, `RINGLOG_E_CLAIM_OPEN`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ringlog_batch_publish(producer: *mut ProducerHandle, events: *mut usize) -> c_int {
    // SAFETY: handle contract.
    match unsafe { open(producer) }.and_then(OpenProducer::publish_batch) {
        Ok(count) => {
            // SAFETY: the caller's number, or null.
            unsafe { give(events, count) };
            RINGLOG_OK
        }
        Err(code) => code,
    }
}

/// Discards the batch, and a claim that is open in it. Nothing of it is published.
///
/// Errors: `RINGLOG_E_NO_BATCH`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringlog_batch_drop(producer: *mut ProducerHandle) -> c_int {
    // SAFETY: handle contract.
    of(unsafe { open(producer) }.and_then(OpenProducer::drop_batch))
}

/// Returns the longest payload that the ring takes, in bytes; 0 if the handle is not open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringlog_producer_max_payload(producer: *mut ProducerHandle) -> usize {
    // SAFETY: handle contract.
    unsafe { open(producer) }.map_or(0, |producer| producer.strict().max_payload())
}

/// Returns the ring's capacity in bytes; 0 if the handle is not open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringlog_producer_capacity(producer: *mut ProducerHandle) -> usize {
    // SAFETY: handle contract.
    unsafe { open(producer) }.map_or(0, |producer| producer.strict().capacity())
}

/// Returns the bytes in use, headers and padding included; 0 if the handle is not open. The consumer may have released some
/// since; only this producer adds to them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringlog_producer_used(producer: *mut ProducerHandle) -> usize {
    // SAFETY: handle contract.
    unsafe { open(producer) }.map_or(0, |producer| producer.strict().used())
}

/// Returns the position of the next event: the bytes published since the ring was made, wrapping; 0 if the handle is not open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringlog_producer_position(producer: *mut ProducerHandle) -> usize {
    // SAFETY: handle contract.
    unsafe { open(producer) }.map_or(0, |producer| producer.strict().position())
}

/// Returns whether the consumer has closed its side, or the handle is not open. It may be stale: another consumer may come.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringlog_producer_is_closed(producer: *mut ProducerHandle) -> bool {
    // SAFETY: handle contract.
    unsafe { open(producer) }.map_or(true, |producer| producer.strict().is_closed())
}

/// Closes the producer's side. The consumer still gets every event that was published, then knows that no more will come. A claim
/// or a batch that is open is discarded. The producer of a ring in a file gives its role back.
///
/// Errors: `RINGLOG_E_NOT_OPEN`, also from the second call on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringlog_producer_close(producer: *mut ProducerHandle) -> c_int {
    // SAFETY: handle contract.
    of(unsafe { close(producer) }.map(drop))
}

/// Stores a value where the caller wants it, if anywhere.
///
/// # Safety
///
/// - `place` is null or valid for a write, at any address.
pub(crate) unsafe fn give<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: the caller's promise.
        unsafe { place.write_unaligned(value) };
    }
}
