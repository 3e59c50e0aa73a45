//! Bringing a ring's file into being: allocated and formatted under a temporary name, then renamed.
#![forbid(unsafe_code)]

use super::shared_error::SharedRingError;
use super::shared_memory::SharedMemory;
use crate::storage::{Linux, Platform, open_regular};
use ringlog_nostd::{RingOptions, RingStamp, required_len};
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Lengths of ring files are multiples of it.
const PAGE_BYTES: u64 = 4096;
/// How often somebody else may take the temporary file away before it is theirs.
const ATTEMPTS: u32 = 100;

/// A finished ring that does not have its name yet.
pub(super) struct RingDraft<'p> {
    path: &'p Path,
    temporary: PathBuf,
    /// Whoever makes a ring of this name holds its lock.
    file: File,
    is_published: bool,
}

impl Drop for RingDraft<'_> {
    fn drop(&mut self) {
        if !self.is_published {
            // The error that led here is the one to report.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

impl<'p> RingDraft<'p> {
    /// The length of the file for a ring of these sizes, in bytes.
    pub(super) fn file_bytes(stamp: &RingStamp) -> u64 {
        (required_len(stamp.capacity, stamp.max_payload) as u64).next_multiple_of(PAGE_BYTES)
    }

    /// Makes the file that is to be `path`, durable but for its name.
    pub(super) fn make(path: &'p Path, options: &RingOptions) -> Result<Self, SharedRingError> {
        let bytes =
            options.required_len().map_err(|source| SharedRingError::Sizes { path: path.into(), source })?;
        let bytes = (bytes as u64).next_multiple_of(PAGE_BYTES);
        let temporary = temporary_name(path);
        let file = lock_temporary(path, &temporary)?;
        let draft = Self { path, temporary, file, is_published: false };
        draft.fill(bytes, options)?;
        Ok(draft)
    }

    fn fill(&self, bytes: u64, options: &RingOptions) -> Result<(), SharedRingError> {
        let failed = |action| move |error| SharedRingError::io(self.path, action, error);
        // A maker that was killed may have left something.
        self.file.set_len(0).map_err(failed("empty the draft of"))?;
        Linux.allocate(&self.file, bytes).map_err(|source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                SharedRingError::DiskFull { path: self.path.into(), bytes, source }
            }
            _ => SharedRingError::io(self.path, "allocate", source),
        })?;
        let mut memory = SharedMemory::map(&self.file).map_err(failed("map"))?;
        memory.format(options).map_err(|source| SharedRingError::Sizes { path: self.path.into(), source })?;
        // So that after a loss of power the file still says of which boot it is.
        self.file.sync_all().map_err(failed("sync"))
    }

    /// Gives it its name, which nothing else may have.
    pub(super) fn publish_new(mut self) -> Result<(), SharedRingError> {
        match Linux.rename_new(&self.temporary, self.path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(SharedRingError::Exists { path: self.path.into() });
            }
            other => other.map_err(|error| SharedRingError::io(self.path, "name", error))?,
        }
        self.is_published = true;
        self.sync_folder()
    }

    /// Gives it its name, which another ring has until then.
    pub(super) fn publish_over(mut self) -> Result<(), SharedRingError> {
        fs::rename(&self.temporary, self.path)
            .map_err(|error| SharedRingError::io(self.path, "name", error))?;
        self.is_published = true;
        self.sync_folder()
    }

    fn sync_folder(&self) -> Result<(), SharedRingError> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| SharedRingError::io(folder, "sync the folder", error))
    }
}

/// Opens and locks the temporary file of a ring's name; the lock tells a killed maker from one at work.
fn lock_temporary(path: &Path, temporary: &Path) -> Result<File, SharedRingError> {
    let failed = |action| move |error| SharedRingError::io(temporary, action, error);
    for _ in 0..ATTEMPTS {
        let Some(file) = open_regular(temporary).map_err(failed("open"))? else {
            return Err(SharedRingError::NotAFile { path: temporary.into() });
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(SharedRingError::Busy { path: path.into() }),
            Err(TryLockError::Error(error)) => return Err(failed("lock")(error)),
        }
        // Between the two its maker may have named it or removed it.
        let own = file.metadata().map_err(failed("look at"))?;
        if fs::symlink_metadata(temporary).is_ok_and(|at| (at.dev(), at.ino()) == (own.dev(), own.ino())) {
            return Ok(file);
        }
    }
    Err(SharedRingError::Busy { path: path.into() })
}

fn temporary_name(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".ringlog-new");
    path.with_file_name(name)
}
