//! ringlog for C and C++: the functions of `ringlog-c-core`, rings in files, and reading logs.
//!
//! The header is `include/ringlog.h`; `docs/c.md` in the repository says how to build and install the libraries.
//!
//! | what | where |
//! |---|---|
//! | rings in files | [`file_functions`] |
//! | reading, searching and checking logs | [`log_functions`] |
//! | the last error in words | [`error_functions`] |

// In the order of the header, which cbindgen takes from here.
pub mod error_functions;

pub mod file_functions;

pub mod log_functions;

pub mod open_log;

pub mod value;

mod last_error;

// Its functions are exported by this library too.
pub use ringlog_core;
