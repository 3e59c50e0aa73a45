//! The log that is copied: its `writer` file, its segments, and the files that a recovery moved aside.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};

use crate::storage::copies::error::CopyError;
use crate::storage::error::OpenError;
use crate::storage::folder::listing::{Listed, LogList};
use crate::storage::folder::writer_lock::peek;
use crate::storage::folder::writer_record::WriterRecord;
use crate::storage::names::{is_aside, is_compressed};
use crate::storage::segment::file::SegmentInfo;

/// A log as it was found.
#[derive(Debug)]
pub(crate) struct SourceLog {
    pub(crate) folder: PathBuf,
    /// What the `writer` file holds, if a writer made it and it is whole.
    pub(crate) record: Option<WriterRecord>,
    /// Whether a writer is at work.
    pub(crate) is_live: bool,
    /// At least one, in order.
    pub(crate) segments: Vec<SegmentInfo>,
    pub(crate) asides: Vec<PathBuf>,
}

impl SourceLog {
    /// Reads the headers of all segments.
    pub(crate) fn open(log: &Path) -> Result<Self, CopyError> {
        let metadata = fs::metadata(log).map_err(|source| OpenError::io(log, "open", source))?;
        if !metadata.is_dir() {
            return Err(CopyError::OneFile { path: log.into() });
        }
        let peeked = peek(log);
        let list = LogList::of(log)?;
        let mut segments = Vec::new();
        for opened in Listed::open_all(&list.segments) {
            match opened {
                // Retention has taken the oldest since.
                Err(error) if error.is_not_found() && segments.is_empty() => {}
                other => segments.push(other?),
            }
        }
        if segments.is_empty() {
            return Err(OpenError::no_segments(log, &list.foreign).into());
        }
        Ok(Self {
            folder: log.into(),
            is_live: peeked.as_ref().is_some_and(|peeked| peeked.is_held),
            record: record_of(log),
            segments,
            asides: list.foreign.into_iter().filter(|path| is_aside(path)).collect(),
        })
    }

    /// Returns whether its segments are compressed copies.
    pub(crate) fn is_compressed(&self) -> bool {
        self.segments.iter().any(|segment| is_compressed(&segment.path))
    }

    /// Returns the sequence at which it begins.
    pub(crate) fn first_sequence(&self) -> u64 {
        self.segments.first().map_or(0, |first| first.header.base_sequence)
    }

    /// Returns the position at which the segment after this one begins.
    pub(crate) fn position_after(&self, at: usize) -> Option<u64> {
        self.segments.get(at + 1).map(|next| next.header.base_position)
    }
}

/// Returns what the `writer` file holds, if a writer made it and it is whole.
pub(crate) fn record_of(log: &Path) -> Option<WriterRecord> {
    peek(log).map(|peeked| peeked.record).filter(|record| !record.is_damaged && !record.is_blank())
}
