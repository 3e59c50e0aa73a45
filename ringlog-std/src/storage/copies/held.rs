//! Holds the segments that are copied next, so that retention cannot take them before their turn.
#![forbid(unsafe_code)]

use std::collections::VecDeque;

use crate::storage::copies::error::CopyError;
use crate::storage::read::scan::live::LiveFile;
use crate::storage::read::scan::segment_scan::FileScan;
use crate::storage::segment::file::SegmentInfo;

/// How many files are open at a time. Retention takes the oldest first, and those are open first.
const HELD_AT_ONCE: usize = 256;

/// Opens segments ahead of their turn.
pub(crate) struct HeldSegments<'s> {
    waiting: VecDeque<&'s SegmentInfo>,
    held: VecDeque<LiveFile>,
}

impl<'s> HeldSegments<'s> {
    pub(crate) fn new(segments: impl IntoIterator<Item = &'s SegmentInfo>) -> Self {
        Self { waiting: segments.into_iter().collect(), held: VecDeque::new() }
    }

    /// Returns the next segment.
    ///
    /// # Errors
    ///
    /// [`CopyError::Retired`] if it is gone.
    pub(crate) fn next(&mut self, segment: &SegmentInfo) -> Result<FileScan, CopyError> {
        let ahead = HELD_AT_ONCE.saturating_sub(self.held.len()).min(self.waiting.len());
        for info in self.waiting.drain(..ahead) {
            self.held.push_back(FileScan::open_held(&info.path)?);
        }
        match self.held.pop_front() {
            Some(LiveFile::Held(scan) | LiveFile::Unheld(scan)) => Ok(scan),
            Some(LiveFile::Gone) | None => Err(CopyError::Retired { path: segment.path.clone() }),
        }
    }
}
