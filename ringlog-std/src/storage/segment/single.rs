//! A log of one file: creating it, and writing from its start.
#![forbid(unsafe_code)]
use std::path::Path;
use std::sync::Arc;

use ringlog_nostd::internal::check_position;

use crate::os::platform::Linux;
use crate::storage::error::CreateError;
use crate::storage::segment::create::{Existing, NameReservation, rounded_capacity};
use crate::storage::segment::options::MmapWriterOptions;
use crate::storage::segment::writer::{MmapWriter, SegmentBirth};

impl MmapWriter {
    /// Creates the log file `path` of `capacity_bytes`, rounded up to 4096, all of it allocated at once.
    ///
    /// A finished log of that name, or one whose writer died, is first renamed to the first free name of `path.1`,
    /// `path.2` and so on. Nothing is ever overwritten.
    ///
    /// ```
    /// use ringlog::storage::MmapWriter;
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let path = folder.path().join("events.evtl");
    /// MmapWriter::create(&path, 1 << 20)?.close()?;
    /// MmapWriter::create(&path, 1 << 20)?.close()?;
    /// assert!(folder.path().join("events.evtl.1").exists());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`CreateError`]: a capacity under 4096 or over 2^46, a log that is being written, a file that is not a log, a
    /// full disk, and everything else that the system refuses.
    pub fn create(path: impl AsRef<Path>, capacity_bytes: u64) -> Result<Self, CreateError> {
        Self::options().create(path, capacity_bytes)
    }

    /// Creates the log file `path` if nothing of that name exists.
    ///
    /// ```
    /// use ringlog::storage::{CreateError, MmapWriter};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let path = folder.path().join("events.evtl");
    /// MmapWriter::create_new(&path, 1 << 20)?.close()?;
    /// assert!(matches!(MmapWriter::create_new(&path, 1 << 20), Err(CreateError::Exists { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`CreateError::Exists`], otherwise as [`create`](Self::create).
    pub fn create_new(path: impl AsRef<Path>, capacity_bytes: u64) -> Result<Self, CreateError> {
        Self::options().create_new(path, capacity_bytes)
    }
}

impl MmapWriterOptions {
    /// Creates the file, after moving a log of that name aside: see [`MmapWriter::create`].
    ///
    /// ```
    /// # use ringlog::storage::MmapWriter;
    /// # let folder = tempfile::tempdir()?;
    /// let writer = MmapWriter::options().checksums(false).create(folder.path().join("events.evtl"), 5000)?;
    /// assert_eq!(writer.capacity_bytes(), 8192);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`MmapWriter::create`].
    pub fn create(&self, path: impl AsRef<Path>, capacity_bytes: u64) -> Result<MmapWriter, CreateError> {
        self.create_at(path.as_ref(), capacity_bytes, Existing::MoveAside)
    }

    /// Creates the file if nothing of that name exists: see [`MmapWriter::create_new`].
    ///
    /// ```
    /// # use ringlog::storage::MmapWriter;
    /// # let folder = tempfile::tempdir()?;
    /// let writer = MmapWriter::options().base(7, 64).create_new(folder.path().join("events.evtl"), 4096)?;
    /// assert_eq!(writer.header().base_sequence, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
        let file_bytes = rounded_capacity(path, capacity_bytes)?;
        self.schemas.check_room(path, file_bytes)?;
        let mut place = NameReservation::take(path, existing)?;
        let draft = place.allocate(capacity_bytes)?;
        let (platform, poison) = (Linux::shared(), Arc::default());
        let birth = SegmentBirth {
            platform,
            path: path.into(),
            temporary: None,
            poison,
            is_recycled: false,
            is_cached: false,
        };
        let mut writer = MmapWriter::start(draft, &self.file.header(sequence, position, None), birth);
        writer.sync_new().map_err(|source| CreateError::io(path, "sync the new file", source))?;
        // After the sync, which takes pages away again.
        writer.prefault(self.prefault_bytes);
        // They fit: that was checked above.
        let staged = writer.stage(&self.schemas);
        debug_assert!(staged.is_ok(), "{staged:?}");
        place.publish(existing).map(|()| writer)
    }
}
