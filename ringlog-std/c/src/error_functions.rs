//! Functions for C: errors in words.

use crate::last_error;
use ringlog_core::status::{
    RINGLOG_E_BUSY, RINGLOG_E_MISSING, RINGLOG_E_OTHER_BOOT, RINGLOG_E_OTHER_TYPES, RINGLOG_E_REPLACED,
    RINGLOG_E_ROLE_TAKEN,
};
use std::ffi::{c_char, c_int};

/// Returns the words of the last error of a function for rings in files or for logs that this thread has met, with the file
/// concerned and what to do; an empty text if there was none. They stay until the next such error of this thread, or its end.
///
/// A success leaves them as they are, and so do `RINGLOG_E_NULL`, `RINGLOG_E_MISALIGNED` and `RINGLOG_E_OPEN`, whose words
/// `ringlog_error_text` has.
///
/// Only in `libringlog`, as all functions below.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn ringlog_last_error() -> *const c_char {
    last_error::text()
}

/// Returns whether the same call may succeed a little later: the end's owner is about to end, the ring is being made, its recorder
/// has yet to start or replaces it, or is still reading events with another list of types.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn ringlog_is_transient(code: c_int) -> bool {
    matches!(
        code,
        RINGLOG_E_MISSING
            | RINGLOG_E_BUSY
            | RINGLOG_E_ROLE_TAKEN
            | RINGLOG_E_OTHER_BOOT
            | RINGLOG_E_OTHER_TYPES
            | RINGLOG_E_REPLACED
    )
}
