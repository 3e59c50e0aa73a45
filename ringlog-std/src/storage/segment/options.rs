//! Options of a log file.
#![forbid(unsafe_code)]

use std::ops::RangeInclusive;

use ringlog_nostd::ClockKind;
use ringlog_nostd::format::FileHeader;

use crate::os::mmap::PAGE_BYTES;
use crate::os::time::unix_nanos;
use crate::storage::schemas::list::SchemaList;

/// How large a log's file may be.
pub(crate) const CAPACITY_BYTES: RangeInclusive<u64> = PAGE_BYTES..=1 << 46;

/// What a single file and each file of a log are created with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileOptions {
    pub(crate) checksums: bool,
    pub(crate) clock: ClockKind,
}

impl FileOptions {
    pub(crate) const DEFAULT: Self = Self { checksums: true, clock: ClockKind::UnixNanos };

    /// Returns the header of a file that starts now, with this sequence and position.
    ///
    /// A file that held a log before gets another salt, so that old records in it never pass as new ones.
    pub(crate) fn header(
        &self,
        base_sequence: u64,
        base_position: u64,
        former_salt: Option<u32>,
    ) -> FileHeader {
        let mut created_at = unix_nanos();
        loop {
            let mut header = FileHeader::new(created_at, self.clock, self.checksums);
            header.base_sequence = base_sequence;
            header.base_position = base_position;
            if former_salt != Some(header.salt()) {
                return header;
            }
            created_at = created_at.wrapping_add(1);
        }
    }
}

/// Options of a file's writer: see [`MmapWriter::options`](crate::storage::MmapWriter::options).
///
/// ```
/// use ringlog::event::{ClockKind, EventHeader};
/// use ringlog::storage::MmapWriter;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("events.evtl");
///
/// let mut writer = MmapWriter::options()
///     .checksums(false)
///     .clock(ClockKind::UnixNanos)
///     .prefault_bytes(4096)
///     .base(100, 2400)
///     .create(&path, 1 << 20)?;
/// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
/// let header = writer.header();
/// assert_eq!((header.base_sequence, header.base_position, header.event_count), (100, 2400, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct MmapWriterOptions {
    pub(crate) file: FileOptions,
    pub(crate) prefault_bytes: usize,
    pub(crate) base_sequence: u64,
    pub(crate) base_position: u64,
    pub(crate) schemas: SchemaList,
}

impl MmapWriterOptions {
    pub(crate) const fn new() -> Self {
        Self {
            file: FileOptions::DEFAULT,
            prefault_bytes: 0,
            base_sequence: 0,
            base_position: 0,
            schemas: SchemaList::new(),
        }
    }

    /// Sets whether every record gets a CRC-32C. The default is yes.
    #[must_use]
    pub const fn checksums(mut self, checksums: bool) -> Self {
        self.file.checksums = checksums;
        self
    }

    /// Sets what the timestamps count. The default is [`ClockKind::UnixNanos`].
    #[must_use]
    pub const fn clock(mut self, clock: ClockKind) -> Self {
        self.file.clock = clock;
        self
    }

    /// Sets how many bytes of the file, from its start, are prefaulted before the writer is returned. The default is
    /// 0: the first append to each piece of 4 MiB pays for it.
    ///
    /// Without a log's worker threads, this keeps page faults and system calls out of every append.
    #[must_use]
    pub const fn prefault_bytes(mut self, prefault_bytes: usize) -> Self {
        self.prefault_bytes = prefault_bytes;
        self
    }

    /// Sets what the file says of its events. The default is nothing.
    ///
    /// ```
    /// use ringlog::event::{EventHeader, MetaTopic};
    /// use ringlog::storage::{MmapReader, MmapWriter, SchemaList};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events.evtl");
    ///
    /// let mut schemas = SchemaList::new();
    /// schemas.insert(MetaTopic::EventType(7), &br#"{"type":7,"name":"tick","size":0,"fields":[],"tail":"text"}"#[..])?;
    /// let mut writer = MmapWriter::options().schemas(schemas.clone()).create(&path, 4096)?;
    /// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// writer.close()?;
    /// assert_eq!(MmapReader::open(&path)?.schemas().map(|found| found.list()), Some(&schemas));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn schemas(mut self, schemas: SchemaList) -> Self {
        self.schemas = schemas;
        self
    }

    /// Sets the sequence and position of the file's first record in a larger log, each at most 2^62, the position a
    /// multiple of 8. The default is the start.
    #[must_use]
    pub const fn base(mut self, sequence: u64, position: u64) -> Self {
        self.base_sequence = sequence;
        self.base_position = position;
        self
    }
}
