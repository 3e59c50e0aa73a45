//! Finds the first record from a sequence or a time on.
//!
//! `log_index` chooses the segment and a place in it, `index_cache` keeps the index in a file in the log's
//! folder, and `scan_seek` does the same for readers without a mapping. An index is a hint: what it says is
//! checked.

pub(crate) mod index_cache;
pub(crate) mod log_index;
pub(crate) mod scan_seek;
