//! What a log asks of the operating system: every call that changes what a crash leaves.
//!
//! It is a trait so that tests can record the calls and the stores of a run, construct what the disk might hold after
//! a loss of power, and make any call fail. Reading does not go through it.
#![forbid(unsafe_code)]

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{CWD, FallocateFlags, RenameFlags, fallocate, renameat_with};
use rustix::io::Errno;

use crate::os::files::open_folder;
use crate::os::mmap::{MapHandle, StoreWitness};
use crate::os::uncached::{can_write_uncached, write_all_uncached};

const ZEROS_BYTES: usize = 1 << 20;

/// The calls that create, change, rename and sync files.
pub(crate) trait Platform: fmt::Debug + Send + Sync {
    /// Returns the identity of the machine's current run.
    fn boot_id(&self) -> io::Result<String>;

    /// Creates a file that must not exist, for reading and writing. A link of that name is not followed.
    fn create_new(&self, path: &Path) -> io::Result<File>;

    /// Reserves blocks up to `len_bytes` and makes the file at least that long.
    fn allocate(&self, file: &File, len_bytes: u64) -> io::Result<()>;

    /// Stores bytes by a call.
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Does the same, and lets the kernel's cache drop the pages once they are on the disk.
    fn write_at_uncached(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_at(file, bytes, offset)
    }

    /// Returns whether [`write_at_uncached`](Self::write_at_uncached) differs from [`write_at`](Self::write_at).
    fn can_write_uncached(&self, _file: &File) -> bool {
        true
    }

    /// Sets the length of a file that is not mapped.
    fn set_len(&self, file: &File, len_bytes: u64) -> io::Result<()>;

    /// Syncs the contents, the length and the blocks of a file.
    fn sync_file(&self, file: &File) -> io::Result<()>;

    /// Syncs the pages of a mapping that hold these bytes.
    fn sync_map(&self, map: &MapHandle, from: u64, to: u64) -> io::Result<()>;

    /// Renames a file, or fails if there is one of the new name.
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Deletes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Syncs the names in a folder.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// Gives the blocks past `from` back; the length stays. This only saves space, so it cannot fail.
    fn punch(&self, file: &File, from: u64, len_bytes: u64);

    /// Returns what is notified of stores into a mapping of this file; nothing outside of tests.
    fn witness(&self, _file: &File) -> Option<Arc<dyn StoreWitness>> {
        None
    }
}

/// The calls of the real system.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Linux;

impl Linux {
    pub(crate) fn shared() -> Arc<dyn Platform> {
        Arc::new(Self)
    }
}

impl Platform for Linux {
    fn boot_id(&self) -> io::Result<String> {
        crate::os::boot::boot_id()
    }

    fn create_new(&self, path: &Path) -> io::Result<File> {
        crate::os::files::create_new(path)
    }

    fn allocate(&self, file: &File, len_bytes: u64) -> io::Result<()> {
        loop {
            match fallocate(file, FallocateFlags::empty(), 0, len_bytes) {
                Err(Errno::INTR) => {}
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => return write_zeros(file, len_bytes),
                other => return other.map_err(io::Error::from),
            }
        }
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn write_at_uncached(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        write_all_uncached(file, bytes, offset)
    }

    fn can_write_uncached(&self, file: &File) -> bool {
        can_write_uncached(file)
    }

    fn set_len(&self, file: &File, len_bytes: u64) -> io::Result<()> {
        file.set_len(len_bytes)
    }

    fn sync_file(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn sync_map(&self, map: &MapHandle, from: u64, to: u64) -> io::Result<()> {
        map.sync(from, to)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE).map_err(io::Error::from)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        open_folder(folder)?.sync_all()
    }

    fn punch(&self, file: &File, from: u64, len_bytes: u64) {
        // A file system that cannot do it keeps the blocks.
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let _ = fallocate(file, flags, from, len_bytes);
    }
}

/// Writes zeros, for file systems that cannot allocate without writing. Only for files that hold nothing yet.
fn write_zeros(mut file: &File, len_bytes: u64) -> io::Result<()> {
    let zeros = vec![0; ZEROS_BYTES];
    let mut left = len_bytes;
    while left > 0 {
        let len = usize::try_from(left).map_or(ZEROS_BYTES, |left| left.min(ZEROS_BYTES));
        file.write_all(&zeros[..len])?;
        left -= len as u64;
    }
    Ok(())
}

/// Returns whether an error means that there is no room, so that freeing some helps.
pub(crate) fn is_disk_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}
