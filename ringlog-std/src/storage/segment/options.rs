//! What can be chosen before a log file is created.
#![forbid(unsafe_code)]

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ringlog_nostd::{ClockKind, FileHeader, check_position};

use crate::os::platform::Linux;
use crate::storage::segment::create::{Existing, Place, io_error, rounded_capacity};
use crate::storage::segment::create_error::CreateError;
use crate::storage::segment::writer::Birth;
use crate::storage::segment::writer::MmapWriter;

/// How an [`MmapWriter`] is to write: see [`MmapWriter::options`].
#[derive(Clone, Debug)]
pub struct MmapWriterOptions {
    checksums: bool,
    clock: ClockKind,
    ready_bytes: usize,
    base_sequence: u64,
    base_position: u64,
}

impl MmapWriterOptions {
    pub(crate) const fn new() -> Self {
        Self {
            checksums: true,
            clock: ClockKind::UnixNanos,
            ready_bytes: 0,
            base_sequence: 0,
            base_position: 0,
        }
    }

    /// Whether every record gets a CRC-32C. The default is yes.
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

    /// How many bytes of the file, from its start, are made ready for stores before it is given out. The default
    /// is 0: the first append to each piece of 4 MiB pays for it.
    ///
    /// Without a log's helper threads, this keeps page faults and system calls out of every append.
    #[must_use]
    pub const fn ready_bytes(mut self, ready_bytes: usize) -> Self {
        self.ready_bytes = ready_bytes;
        self
    }

    /// Sequence and position of the file's first record in a larger log, each at most
    /// [`MAX_POSITION`](crate::event::MAX_POSITION), the position a multiple of 8. The default is the start.
    #[must_use]
    pub const fn base(mut self, sequence: u64, position: u64) -> Self {
        self.base_sequence = sequence;
        self.base_position = position;
        self
    }

    /// Creates the file, after moving a log of that name aside: see [`MmapWriter::create`].
    ///
    /// # Errors
    ///
    /// As [`MmapWriter::create`].
    pub fn create(&self, path: impl AsRef<Path>, capacity_bytes: u64) -> Result<MmapWriter, CreateError> {
        self.create_at(path.as_ref(), capacity_bytes, Existing::MoveAside)
    }

    /// Creates the file if nothing of that name exists: see [`MmapWriter::create_new`].
    ///
    /// # Errors
    ///
    /// As [`MmapWriter::create_new`].
    pub fn create_new(&self, path: impl AsRef<Path>, capacity_bytes: u64) -> Result<MmapWriter, CreateError> {
        self.create_at(path.as_ref(), capacity_bytes, Existing::Refuse)
    }

    fn create_at(
        &self,
        path: &Path,
        capacity_bytes: u64,
        existing: Existing,
    ) -> Result<MmapWriter, CreateError> {
        let Self { base_sequence: sequence, base_position: position, .. } = *self;
        let is_possible = check_position(sequence).and(check_position(position)).is_some();
        if !(is_possible && position.is_multiple_of(8)) {
            return Err(CreateError::Base { path: path.into(), sequence, position });
        }
        rounded_capacity(path, capacity_bytes)?;
        let mut place = Place::take(path, existing)?;
        let draft = place.allocate(capacity_bytes)?;
        let (platform, poison) = (Linux::shared(), Arc::default());
        let birth = Birth { platform, path: path.into(), temporary: None, poison };
        let mut writer = MmapWriter::start(draft, &self.header(None), birth);
        writer.sync_new().map_err(|source| io_error(path, "sync the new file", source))?;
        // Behind the sync, which takes pages away again.
        writer.make_ready(self.ready_bytes);
        place.publish(existing).map(|()| writer)
    }

    /// The header of a file that is started now with these options.
    ///
    /// A file that held a log before gets another salt, so that what is left of that never passes.
    pub(crate) fn header(&self, former_salt: Option<u32>) -> FileHeader {
        let mut created_at = unix_nanos();
        loop {
            let mut header = FileHeader::new(created_at, self.clock, self.checksums);
            header.base_sequence = self.base_sequence;
            header.base_position = self.base_position;
            if former_salt != Some(header.salt()) {
                return header;
            }
            created_at = created_at.wrapping_add(1);
        }
    }
}

/// Nanoseconds since 1970, negative before.
pub(crate) fn unix_nanos() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    }
}
