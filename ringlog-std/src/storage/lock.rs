//! The `writer` file of a log's folder: it keeps a second writer out and names the last one.
//!
//! The lock is the kernel's and ends with the process that holds it, however that ends. What the file says
//! is only read by writers: the boot id tells a killed process from a lost kernel.

#![forbid(unsafe_code)]

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::error::OpenError;
use super::lock_holder::exclusive_holder;
use super::platform::Platform;
use super::segment::WRITER_FILE;
use super::writer_record::WriterRecord;

/// The right to write into a folder, held until it is dropped.
#[derive(Debug)]
pub(super) struct WriterLock {
    file: File,
    path: PathBuf,
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        // Closing would do, but for a child that another thread is starting at this moment: until that has
        // become its own program, it has a copy of the open file.
        let _ = self.file.unlock();
    }
}

impl WriterLock {
    /// Takes the lock, without waiting, and reads who wrote before.
    pub(super) fn acquire(folder: &Path) -> Result<(Self, WriterRecord), OpenError> {
        let path = folder.join(WRITER_FILE);
        let file = match open_regular(&path) {
            Ok(Some(file)) => file,
            Ok(None) => return Err(OpenError::ForeignWriterFile { path }),
            Err(source) => return Err(OpenError::Io { path, action: "open", source }),
        };
        let locked = file.try_lock();
        let previous = match WriterRecord::read(&file) {
            Ok(previous) => previous,
            Err(source) => return Err(OpenError::Io { path, action: "read", source }),
        };
        let Some(previous) = previous else {
            return Err(OpenError::ForeignWriterFile { path });
        };
        match locked {
            Ok(()) => Ok((Self { file, path }, previous)),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path, pid: previous.pid }),
            Err(TryLockError::Error(source)) => Err(OpenError::Io { path, action: "lock", source }),
        }
    }

    /// Stores who writes now.
    ///
    /// The new text goes over the old one in one call and the rest is cut off after it. A process killed between the two
    /// leaves the new text and a rest of the old one, which readers ignore.
    pub(super) fn store(&self, platform: &dyn Platform, record: &WriterRecord) -> io::Result<()> {
        let text = record.to_text();
        platform.write_at(&self.file, text.as_bytes(), 0)?;
        platform.set_len(&self.file, text.len() as u64)?;
        platform.sync_file(&self.file)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// What is known of a folder's writer without taking its lock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Peeked {
    /// What the file says of the last writer.
    pub(super) record: WriterRecord,
    /// Whether it is at work.
    pub(super) is_held: bool,
}

/// Looks at the file; `None` if there is none that a writer made, or it cannot be read.
///
/// The lock is not tried: a writer that starts at this moment would find it taken.
pub(super) fn peek(folder: &Path) -> Option<Peeked> {
    let file = open_to_look(folder).ok()??;
    let record = WriterRecord::read(&file).ok()??;
    Some(Peeked { record, is_held: exclusive_holder(&file).is_some() })
}

/// Opens a folder's `writer` file for reading; `None` if something else than a regular file has its name.
pub(super) fn open_to_look(folder: &Path) -> io::Result<Option<File>> {
    let careful = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    match OpenOptions::new().read(true).custom_flags(careful).open(folder.join(WRITER_FILE)) {
        Ok(file) => Ok(file.metadata()?.is_file().then_some(file)),
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens or creates the file; `None` if something else than a regular file has its name.
///
/// No link is followed and no pipe waited for: what is stored here must not land anywhere else.
pub(crate) fn open_regular(path: &Path) -> io::Result<Option<File>> {
    let careful = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).custom_flags(careful);
    match options.open(path) {
        Ok(file) => Ok(file.metadata()?.is_file().then_some(file)),
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::platform::Linux;

    #[test]
    fn a_shorter_record_leaves_nothing_of_a_longer_one() {
        let folder = tempfile::tempdir().unwrap();
        let (lock, none) = WriterLock::acquire(folder.path()).unwrap();
        assert_eq!(none, WriterRecord::default());
        let long = WriterRecord { pid: Some(u32::MAX), boot_id: Some("x".repeat(99)), ..none.clone() };
        lock.store(&Linux, &long).unwrap();
        let short = WriterRecord { pid: Some(1), boot_id: Some("y".into()), ..none };
        lock.store(&Linux, &short).unwrap();
        drop(lock);
        assert_eq!(WriterLock::acquire(folder.path()).unwrap().1, short);
    }

    #[test]
    fn somebody_elses_file_named_writer_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(WRITER_FILE);
        let letter = folder.path().join("letter");
        std::fs::write(&path, "Dear reader").unwrap();
        std::fs::write(&letter, "pid: not yours").unwrap();
        let refused = || WriterLock::acquire(folder.path()).map(|_| ()).unwrap_err();
        assert!(matches!(refused(), OpenError::ForeignWriterFile { .. }));
        assert_eq!(std::fs::read(&path).unwrap(), b"Dear reader");
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&letter, &path).unwrap();
        assert!(matches!(refused(), OpenError::ForeignWriterFile { .. }));
        assert_eq!(std::fs::read(&letter).unwrap(), b"pid: not yours");
        assert_eq!(peek(folder.path()), None, "no link is followed to look at it either");
    }

    #[test]
    fn what_cannot_be_opened_is_an_error_and_nobodys_file() {
        let folder = tempfile::tempdir().unwrap();
        let missing = open_regular(&folder.path().join("missing").join(WRITER_FILE));
        assert_eq!(missing.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_copy_of_the_open_file_does_not_keep_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let (lock, _) = WriterLock::acquire(folder.path()).unwrap();
        // What a child process has, between its start and the program that it is to become.
        let copy = lock.file.try_clone().unwrap();
        drop(lock);
        WriterLock::acquire(folder.path()).unwrap();
        drop(copy);
    }
}
