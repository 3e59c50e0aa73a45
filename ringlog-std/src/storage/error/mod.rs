//! What can go wrong with a log: one error per family of operations.
//!
//! All of `storage` imports its errors from here. `words` has the parts of texts that several errors share. Nothing
//! here reads or writes files, except to look up the holder of a lock that an error names.
#![forbid(unsafe_code)]

mod append;
pub(crate) mod create;
mod open;
pub(crate) mod sync;
pub(crate) mod words;

pub use append::AppendError;
pub use create::CreateError;
pub use open::RecordedEnd;
pub use open::{MissingEnd, OpenError, ReadError};
pub use sync::SyncError;
