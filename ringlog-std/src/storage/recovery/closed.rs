//! Comparing what recovery finds with what the `writer` file and the files themselves record.
#![forbid(unsafe_code)]

use std::path::Path;

use crate::storage::error::{MissingEnd, OpenError, RecordedEnd};
use crate::storage::folder::ending::MissingRecords;
use crate::storage::recovery::recovery::{ChainedSegment, LogRecovery};
use crate::storage::recovery::segment_end::SegmentEnd;
use crate::storage::segment::file::{cannot_read, is_unused};
use crate::storage::segment::header_count::final_count;

impl LogRecovery<'_> {
    /// Refuses a closed log that does not end where it was closed: its sequences must not be given out again.
    pub(crate) fn check_recorded_end(&self, ends: &[SegmentEnd]) -> Result<(), OpenError> {
        let next_sequence = ends.last().map_or(0, |end| end.sequence);
        let last = ends.iter().rfind(|end| !end.is_empty());
        let is_elsewhere = |end: RecordedEnd| end.is_elsewhere(next_sequence, last.map(|last| last.position));
        match self.writer.end {
            Some(end)
                if end.sequence > next_sequence || end.is_passed_by(next_sequence) || is_elsewhere(end) =>
            {
                Err(OpenError::MissingEnd(MissingEnd::new(self.folder, next_sequence, end)))
            }
            _ => Ok(()),
        }
    }

    /// Adds to the error of a closed log's last file, which cannot be used, what is missing with it.
    pub(crate) fn explained(&self, named_sequence: u64, is_last: bool, error: OpenError) -> OpenError {
        match self.writer.end {
            Some(end) if is_last && end.sequence > named_sequence => {
                let missing = MissingEnd::new(self.folder, named_sequence, end);
                OpenError::MissingEnd(MissingEnd { fault: Some(Box::new(error)), ..missing })
            }
            _ => error,
        }
    }

    /// Returns whether a file without a header is no part of the log, because the log was closed before it.
    ///
    /// Any other such file was damaged: a file gets its name once its header is on the disk.
    pub(crate) fn is_stranger(&self, named_sequence: u64, path: &Path) -> Result<bool, OpenError> {
        let is_after_end = self.writer.end.is_some_and(|end| end.sequence <= named_sequence);
        Ok(is_after_end && is_unused(path).map_err(|error| cannot_read(path, error))?)
    }

    /// Reports records that are missing before the first segment, and between segments that recovery does not read.
    ///
    /// Readers report them as well. The log continues: their sequences are below its end.
    pub(crate) fn note_missing(&mut self, chain: &[ChainedSegment]) {
        let end_of = |link: &ChainedSegment| {
            let header = &link.info.header;
            final_count(header).map(|count| header.base_sequence.saturating_add(count))
        };
        let expected = std::iter::once(self.writer.first_sequence).chain(chain.iter().map(end_of));
        let missing = expected.zip(chain).filter_map(|(expected, link)| {
            MissingRecords::between(expected?, link.info.header.base_sequence, &link.path)
        });
        self.report.missing.extend(missing);
    }
}
