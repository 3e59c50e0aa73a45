//! Creating a ring's file: allocated and formatted under a temporary name, then renamed.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use ringlog_nostd::internal::RingStamp;
use ringlog_nostd::{Ring, RingOptions};

use super::shared_error::SharedRingError;
use super::shared_memory::SharedMemory;
use crate::os::files::{is_at, open_folder};
use crate::os::platform::{Linux, Platform};
use crate::os::temporary::{create_temporary, remove_abandoned, temporary_start};

/// Lengths of ring files are multiples of it.
const PAGE_BYTES: u64 = 4096;
/// How often another process may take the temporary file away before this one has locked it.
const ATTEMPTS: u32 = 100;
/// What the names of drafts end with.
const TEMPORARY_END: &str = ".ringlog-new";

/// A finished ring that does not have its name yet.
pub(super) struct RingDraft<'p> {
    path: &'p Path,
    temporary: PathBuf,
    /// This process holds its lock.
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
        (Ring::required_len(stamp.capacity, stamp.max_payload) as u64).next_multiple_of(PAGE_BYTES)
    }

    /// Creates the file that will be `path`, durable but for its name.
    pub(super) fn make(path: &'p Path, options: &RingOptions) -> Result<Self, SharedRingError> {
        let bytes =
            options.required_len().map_err(|source| SharedRingError::Sizes { path: path.into(), source })?;
        let bytes = (bytes as u64).next_multiple_of(PAGE_BYTES);
        let (file, temporary) = lock_temporary(path)?;
        let draft = Self { path, temporary, file, is_published: false };
        draft.fill(bytes, options)?;
        Ok(draft)
    }

    fn fill(&self, bytes: u64, options: &RingOptions) -> Result<(), SharedRingError> {
        let failed = |action| move |error| SharedRingError::io(self.path, action, error);
        Linux.allocate(&self.file, bytes).map_err(|source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                SharedRingError::DiskFull { path: self.path.into(), bytes, source }
            }
            _ => SharedRingError::io(self.path, "allocate", source),
        })?;
        let mut memory = SharedMemory::map(&self.file).map_err(failed("map"))?;
        memory.format(options).map_err(|source| SharedRingError::Sizes { path: self.path.into(), source })?;
        // So after a loss of power the file still says which boot it is of.
        self.file.sync_all().map_err(failed("sync"))
    }

    /// Renames the file to its name, which nothing else may have.
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

    /// Renames the file to its name, which another ring has until then.
    pub(super) fn publish_over(mut self) -> Result<(), SharedRingError> {
        fs::rename(&self.temporary, self.path)
            .map_err(|error| SharedRingError::io(self.path, "name", error))?;
        self.is_published = true;
        self.sync_folder()
    }

    fn sync_folder(&self) -> Result<(), SharedRingError> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        let synced = open_folder(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| SharedRingError::io(folder, "sync the folder", error))
    }
}

/// Creates and locks a temporary file for a ring's name. The lock distinguishes a killed maker from one at work.
fn lock_temporary(path: &Path) -> Result<(File, PathBuf), SharedRingError> {
    let failed = |action| move |error| SharedRingError::io(path, action, error);
    let folder = path.parent().unwrap_or(Path::new("/"));
    let start = temporary_start(path.file_name().unwrap_or_default());
    // A draft becomes a ring only by its rename.
    remove_abandoned(folder, &start, TEMPORARY_END, |_| true);
    for _ in 0..ATTEMPTS {
        let (file, temporary) =
            create_temporary(&Linux, folder, &start, TEMPORARY_END).map_err(failed("make a draft of"))?;
        // Another maker may have taken it for the file of a killed maker.
        if file.try_lock().is_ok() && is_at(&temporary, &file).map_err(failed("look at the draft of"))? {
            return Ok((file, temporary));
        }
    }
    Err(SharedRingError::Busy { path: path.into() })
}
