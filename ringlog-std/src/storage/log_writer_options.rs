//! How a log is to be written.

#![forbid(unsafe_code)]

use std::path::Path;

use super::error::{CreateError, OpenError};
use super::log_writer::LogWriter;
use super::segment::segment_name;
use super::writer::MmapWriter;
use crate::event::ClockKind;

const DEFAULT_SEGMENT_BYTES: u64 = 64 << 20;

/// How a [`LogWriter`] is to write: see [`LogWriter::options`].
#[derive(Clone, Debug)]
pub struct LogWriterOptions {
    pub(super) segment_bytes: u64,
    checksums: bool,
    clock: ClockKind,
    pub(super) max_bytes: Option<u64>,
    pub(super) ring_identity: Option<u64>,
}

impl LogWriterOptions {
    pub(super) const DEFAULT: Self = Self {
        segment_bytes: DEFAULT_SEGMENT_BYTES,
        checksums: true,
        clock: ClockKind::UnixNanos,
        max_bytes: None,
        ring_identity: None,
    };

    /// Size of a segment's file, rounded up to 4096. The default is 64 MiB.
    #[must_use]
    pub const fn segment_bytes(mut self, segment_bytes: u64) -> Self {
        self.segment_bytes = segment_bytes;
        self
    }

    /// Whether every record gets a CRC-32C. The default is yes.
    ///
    /// Without, what is not synced cannot be told from garbage after a loss of power, and is cut off.
    #[must_use]
    pub const fn checksums(mut self, checksums: bool) -> Self {
        self.checksums = checksums;
        self
    }

    /// What the timestamps count. The default is [`ClockKind::UnixNanos`].
    #[must_use]
    pub const fn clock(mut self, clock: ClockKind) -> Self {
        self.clock = clock;
        self
    }

    /// How many bytes of records this run may write. The default is no limit.
    #[must_use]
    pub const fn max_bytes(mut self, max_bytes: Option<u64>) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// The identity of the ring that feeds the log, 0 for none: kept in the folder's `writer` file. The default
    /// is the one that stands there.
    #[must_use]
    pub const fn ring_identity(mut self, ring_identity: u64) -> Self {
        self.ring_identity = Some(ring_identity);
        self
    }

    /// Opens the log in `folder`: see [`LogWriter::open`].
    ///
    /// # Errors
    ///
    /// As [`LogWriter::open`].
    pub fn open(&self, folder: impl AsRef<Path>) -> Result<LogWriter, OpenError> {
        LogWriter::open_at(folder.as_ref(), self.clone())
    }

    /// Begins the segment of a log whose first record has this sequence and position.
    pub(super) fn create_segment(
        &self,
        folder: &Path,
        base_sequence: u64,
        base_position: u64,
    ) -> Result<MmapWriter, CreateError> {
        MmapWriter::options()
            .checksums(self.checksums)
            .clock(self.clock)
            .base(base_sequence, base_position)
            .create_new(folder.join(segment_name(base_sequence)), self.segment_bytes)
    }
}
