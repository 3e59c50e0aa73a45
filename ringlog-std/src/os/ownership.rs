//! Whether a lock is still what it was when it was taken: of this process, on the file that has the name.
//!
//! A lock belongs to an open file, which a forked child has, too. It keeps others out only while they find the same
//! file under its name.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, TryLockError};

use crate::os::files::folder_of;
use crate::os::sync::kernel_call;
use crate::os::temporary::separate;

/// The process that created something. A forked child has a copy of it and leaves it alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct OwnerProcess(u32);

impl OwnerProcess {
    pub(crate) fn this() -> Self {
        Self(std::process::id())
    }

    /// Returns whether this is the process itself, and not a child that it forked.
    pub(crate) fn is_here(self) -> bool {
        self.0 == std::process::id()
    }
}

/// A lock file that this process holds.
#[derive(Debug)]
pub(crate) struct Ownership {
    path: PathBuf,
    process: OwnerProcess,
    /// Device and number of the locked file. It stays open meanwhile, so no other file gets them.
    ///
    /// Locked for writing while the lock moves to another file. Checks of several threads do not wait for each other.
    inode: RwLock<(u64, u64)>,
}

impl Ownership {
    pub(crate) fn of(path: &Path, locked: &File) -> io::Result<Self> {
        let inode = RwLock::new(inode_of(&locked.metadata()?));
        Ok(Self { path: path.into(), process: OwnerProcess::this(), inode })
    }

    /// Copies a locked file that has other names as well, and continues with the lock of the copy.
    pub(crate) fn separate(&self, locked: &mut File) -> io::Result<()> {
        let mut inode = self.inode.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = separate(&self.path, locked)? {
            *inode = inode_of(&own.metadata()?);
            *locked = own;
        }
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn is_of_this_process(&self) -> bool {
        self.process.is_here()
    }

    /// Returns whether the file was deleted or replaced, so that another process can have the lock of the new one.
    pub(crate) fn is_lost(&self) -> bool {
        kernel_call();
        let inode = match self.inode.try_read() {
            Ok(inode) => inode,
            Err(TryLockError::Poisoned(inode)) => inode.into_inner(),
            // The lock is moving to another file: the next call will see.
            Err(TryLockError::WouldBlock) => return false,
        };
        let named = match fs::symlink_metadata(&self.path) {
            Ok(metadata) => inode_of(&metadata),
            // A folder that was moved away as a whole still has its lock. Any other error proves nothing.
            Err(error) => return error.kind() == io::ErrorKind::NotFound && folder_of(&self.path).exists(),
        };
        named != *inode
    }
}

fn inode_of(metadata: &fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_several_threads_that_look_at_once_sees_that_the_file_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let ownership = Ownership::of(&path, &File::create(&path).unwrap()).unwrap();
        assert!(!ownership.is_lost());
        fs::remove_file(&path).unwrap();
        let looks = || (0..2_000).filter(|_| ownership.is_lost()).count();
        let seen = std::thread::scope(|scope| {
            [(); 3].map(|()| scope.spawn(looks)).map(|thread| thread.join().unwrap())
        });
        assert_eq!(seen, [2_000; 3]);
    }
}
