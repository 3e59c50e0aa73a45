//! Finds the first record from a sequence or a time on.
//!
//! `log_index` finds the sequence of the first record that is wanted: the segment, a place in it, then record by record.
//! `index_cache` keeps the index of a segment in a file in the log's folder, `time_cache` the largest timestamps of all
//! segments in one. `scan_seek` moves a scan to a sequence. An index is a hint: what it says is checked.

#[cfg(test)]
mod grep_tests;
pub(crate) mod index_cache;
pub(crate) mod log_index;
pub(crate) mod scan_seek;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod time_cache;
