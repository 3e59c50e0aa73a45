//! The last error of each thread, in words and as a code.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::ffi::{CString, c_char, c_int};
use std::fmt::Display;

thread_local! {
    static LAST: RefCell<CString> = RefCell::default();
}

/// Keeps the words of an error and returns its code.
pub(crate) fn keep(code: c_int, error: impl Display) -> c_int {
    let text: String = error.to_string().chars().filter(|it| *it != '\0').collect();
    let text = CString::new(text).unwrap_or_default();
    // A thread that is being torn down keeps none.
    let _ = LAST.try_with(|last| last.replace(text));
    code
}

/// Returns the words of this thread's last error: an empty text if there was none.
pub(crate) fn text() -> *const c_char {
    LAST.try_with(|last| last.borrow().as_ptr()).unwrap_or(c"".as_ptr())
}
