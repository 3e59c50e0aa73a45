//! When a log's writer stores runs by calls.
#![forbid(unsafe_code)]

use crate::storage::segment::run_buffer::RunBuffer;

/// Runs of at least this many bytes are written by a call. Below, the call costs more than the pages.
const LONG_RUN_BYTES: usize = 8 << 10;
/// After this many bytes in shorter runs, pages are prefaulted again.
const SHORT_AGAIN_BYTES: usize = 1 << 20;

/// Whether the last runs were long, and the buffer for them.
#[derive(Debug)]
pub(crate) struct LongRuns {
    pub(crate) buffer: RunBuffer,
    /// What a run needs to be long, in bytes; `usize::MAX` if none is, and 0 for all of them, as tests want it.
    pub(crate) long_bytes: usize,
    /// Bytes in short runs since the last long one, up to the number at which pages are prefaulted again.
    short_bytes: usize,
}

impl LongRuns {
    /// `is_mapping_faster` says that each store through the mapping finds its page, or that the file system is memory.
    pub(crate) fn new(is_mapping_faster: bool, is_uncached: bool) -> Self {
        let long_bytes = if is_mapping_faster { usize::MAX } else { LONG_RUN_BYTES };
        let buffer = RunBuffer::new(is_uncached);
        Self { buffer, long_bytes, short_bytes: SHORT_AGAIN_BYTES }
    }

    /// Returns whether a run of this length is written by a call, into a segment whose pages are cached or not.
    pub(crate) const fn is_long(&self, bytes: usize, is_cached: bool) -> bool {
        bytes >= self.long_bytes && (!is_cached || self.long_bytes == 0)
    }

    /// Returns whether runs are written by calls at present, so that no page is prefaulted.
    pub(crate) const fn are_usual(&self) -> bool {
        self.short_bytes < SHORT_AGAIN_BYTES
    }

    /// Counts a run. Returns whether [`are_usual`](Self::are_usual) has changed.
    pub(crate) const fn pass(&mut self, bytes: usize, is_long: bool) -> bool {
        let were_usual = self.are_usual();
        self.short_bytes = if is_long { 0 } else { self.short_bytes.saturating_add(bytes) };
        were_usual != self.are_usual()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_prefaulted_again_after_a_mebibyte_of_short_runs() {
        let mut runs = LongRuns::new(false, false);
        assert!(!runs.is_long(LONG_RUN_BYTES - 1, false) && runs.is_long(LONG_RUN_BYTES, false));
        assert!(!runs.are_usual() && !runs.is_long(LONG_RUN_BYTES, true), "cached pages are stored into");
        assert!(runs.pass(LONG_RUN_BYTES, true) && runs.are_usual());
        assert!(!runs.pass(SHORT_AGAIN_BYTES - 1, false) && runs.are_usual());
        assert!(runs.pass(1, false) && !runs.are_usual());
        assert!(!LongRuns::new(true, false).is_long(usize::MAX - 1, false), "where the mapping is faster");
    }
}
