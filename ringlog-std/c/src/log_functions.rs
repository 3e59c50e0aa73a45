//! Functions for C: reading logs.
//!
//! Unsafe because every pointer is the caller's. **Log contract**, cited below and in the header: a pointer to a log is null, or one
//! that `ringlog_log_open` gave and nobody has closed, and no other thread uses it meanwhile.
#![expect(clippy::missing_safety_doc, reason = "the header has one contract for all functions")]

use crate::file_functions::{path_of, text_of};
use crate::open_log::{Log, LogCheck, LogEvent, verify};
use crate::value::FieldValue;
use ringlog_core::status::{RINGLOG_E_NULL, RINGLOG_EMPTY, RINGLOG_OK};
use std::ffi::{CString, c_char, c_int};

/// Opens a log, the folder with its segments or a single file, for reading from its first event on. Gives it in `log`, which begins
/// as null: it is left as it is on an error, and another log that was in it is not closed.
///
/// The log may be read while it is written: then it ends for this reader where it ended when it was opened. Each opening
/// has a separate place in it. After an error the place is not certain: seek again.
///
/// Errors: `RINGLOG_E_MISSING`, also for a folder in which nothing is recorded yet; `RINGLOG_E_NOT_A_LOG`, `RINGLOG_E_LOG_DAMAGED`,
/// `RINGLOG_E_IO`. `ringlog_last_error` has the words.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ringlog_log_open(log: *mut *mut Log, path: *const c_char) -> c_int {
    if log.is_null() {
        return RINGLOG_E_NULL;
    }
    // SAFETY: null, or the caller's text.
    match unsafe { path_of(path) }.and_then(Log::open) {
        Ok(open) => {
            // SAFETY: not null, so the caller's pointer, at any address.
            unsafe { log.write_unaligned(Box::into_raw(Box::new(open))) };
            RINGLOG_OK
        }
        Err(code) => code,
    }
}

/// Closes a log, and sets the caller's pointer to null.
///
/// Errors: `RINGLOG_E_NULL`, also from the second call on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringlog_log_close(log: *mut *mut Log) -> c_int {
    if log.is_null() {
        return RINGLOG_E_NULL;
    }
    // SAFETY: not null, so the caller's pointer, at any address.
    let open = unsafe { log.read_unaligned() };
    if open.is_null() {
        return RINGLOG_E_NULL;
    }
    // SAFETY: as above.
    unsafe { log.write_unaligned(std::ptr::null_mut()) };
    // SAFETY: log contract: it is a box of `ringlog_log_open`, and this is its only end.
    drop(unsafe { Box::from_raw(open) });
    RINGLOG_OK
}

/// Reads the next event or GAP record. Its payload is lent until the next call of this function, a seek, or the
/// close.
///
/// Returns `RINGLOG_EMPTY`, and leaves `event` as it is, at the end of the log.
///
/// Errors: `RINGLOG_E_LOG_DAMAGED` (what was read before is good), `RINGLOG_E_OVERTAKEN`, `RINGLOG_E_IO`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ringlog_log_next(log: *mut Log, event: *mut LogEvent) -> c_int {
    // SAFETY: log contract; the caller's struct, or null.
    unsafe { give(log, event, Log::next) }
}

/// Goes to the record `sequence`, which the next call of `ringlog_log_next` reads: to the first record if the log begins after it, and
/// to the end if it ends before it. What a search learns of a segment it keeps in the folder `index` of the log, a cache.
///
/// Errors: as `ringlog_log_next`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ringlog_log_seek(log: *mut Log, sequence: u64) -> c_int {
    // SAFETY: log contract.
    unsafe { done(log, |log| log.seek(sequence)) }
}

/// Goes to the first record with a timestamp of `since` or later, in the order of the log: timestamps may go backwards. Returns
/// `RINGLOG_EMPTY`, and stays where it is, if there is none.
///
/// Errors: as `ringlog_log_next`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ringlog_log_seek_time(log: *mut Log, since: u64) -> c_int {
    // SAFETY: log contract.
    unsafe { done(log, |log| log.seek_time(since)) }
}

/// Gives the sequence after the last record that is published now.
///
/// Errors: as `ringlog_log_next`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ringlog_log_end_sequence(log: *mut Log, sequence: *mut u64) -> c_int {
    // SAFETY: log contract; the caller's number, or null.
    unsafe { give(log, sequence, |log| log.end_sequence()) }
}

/// Reads a field of the event that was read last, by its name or path: `price`, `legs[0].id`, `tail`. Returns `RINGLOG_EMPTY` if the log
/// does not describe the event's type, or its type has no such field.
///
/// Errors: `RINGLOG_E_NOT_FITTING` if the payload does not fit the description.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ringlog_log_field(
    log: *mut Log,
    name: *const c_char,
    value: *mut FieldValue,
) -> c_int {
    // SAFETY: null, or the caller's text.
    let Some(name) = (unsafe { text_of(name) }) else { return RINGLOG_E_NULL };
    let field = |log: &mut Log| log.field(std::str::from_utf8(name).map_err(|_| RINGLOG_EMPTY)?);
    // SAFETY: log contract; the caller's struct, or null.
    unsafe { give(log, value, field) }
}

/// Returns the name of the type of the event that was read last; null if the log does not describe it. It stays until the next call of
/// this function or of `ringlog_log_fields`, or the close.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringlog_log_type_name(log: *mut Log) -> *const c_char {
    // SAFETY: log contract.
    unsafe { text(log, Log::type_name) }
}

/// Returns the fields of the event that was read last as text, `id=7 price=101.25 side=buy`; null if the log does not describe its type,
/// or the payload does not fit. It stays until the next call of this function or of `ringlog_log_type_name`, or the close.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringlog_log_fields(log: *mut Log) -> *const c_char {
    // SAFETY: log contract.
    unsafe { text(log, Log::fields) }
}

/// Reads and checks every record of a log, a folder or a single file, and gives what it found in `check`. It continues after damage,
/// and writes nothing.
///
/// Faults of the log are no error: they are in `check`. Errors: as `ringlog_log_open`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ringlog_log_verify(path: *const c_char, check: *mut LogCheck) -> c_int {
    if check.is_null() {
        return RINGLOG_E_NULL;
    }
    // SAFETY: null, or the caller's text.
    match unsafe { path_of(path) }.and_then(verify) {
        Ok(found) => {
            // SAFETY: not null, so the caller's struct, at any address.
            unsafe { check.write_unaligned(found) };
            RINGLOG_OK
        }
        Err(code) => code,
    }
}

/// Lends an open log.
///
/// # Safety
///
/// - Log contract, for `'l`.
unsafe fn lend<'l>(log: *mut Log) -> Result<&'l mut Log, c_int> {
    // SAFETY: the caller's promise.
    unsafe { log.as_mut() }.ok_or(RINGLOG_E_NULL)
}

/// Does something with a log.
///
/// # Safety
///
/// - Log contract.
unsafe fn done(log: *mut Log, f: impl FnOnce(&mut Log) -> Result<(), c_int>) -> c_int {
    // SAFETY: the caller's promise.
    ringlog_core::status::of(unsafe { lend(log) }.and_then(f))
}

/// Gives what `f` returns in `place`.
///
/// # Safety
///
/// - Log contract. `place` is null or valid for a write, at any address.
unsafe fn give<T>(log: *mut Log, place: *mut T, f: impl FnOnce(&mut Log) -> Result<T, c_int>) -> c_int {
    if place.is_null() {
        return RINGLOG_E_NULL;
    }
    // SAFETY: the caller's promise.
    match unsafe { lend(log) }.and_then(f) {
        Ok(value) => {
            // SAFETY: the caller's promise; not null.
            unsafe { place.write_unaligned(value) };
            RINGLOG_OK
        }
        Err(code) => code,
    }
}

/// Lends a text of a log; null if there is none.
///
/// # Safety
///
/// - Log contract.
unsafe fn text(log: *mut Log, f: impl FnOnce(&mut Log) -> Option<&CString>) -> *const c_char {
    // SAFETY: the caller's promise.
    let log = unsafe { lend(log) };
    log.ok().and_then(f).map_or(std::ptr::null(), |text| text.as_ptr())
}
