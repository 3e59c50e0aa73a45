//! The `writer` file of a log's folder: it keeps a second writer out and names the last one.
//!
//! The kernel holds the lock and frees it when its process ends, no matter how it ends. Only writers read the file's
//! text: the boot id distinguishes a killed process from a lost kernel.

#![forbid(unsafe_code)]

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::os::files::{is_at, open_or_create, open_to_read};
use crate::os::lock_holder::exclusive_holder;
use crate::os::ownership::Ownership;
use crate::os::platform::Platform;
use crate::os::sync::sleep;
use crate::storage::error::OpenError;
use crate::storage::folder::writer_record::WriterRecord;
use crate::storage::names::WRITER_FILE;

/// How often the file is opened if others delete it and create it again.
const OPENINGS: usize = 100;
/// How long a writer waits for another one in its process.
pub(crate) const OWN_WAITS: Duration = Duration::from_millis(500);

/// The right to write into a folder, held until it is dropped.
#[derive(Debug)]
pub(crate) struct WriterLock {
    file: File,
    ownership: Arc<Ownership>,
    /// Whether the file was created for a log that has not begun yet. A log that never begins leaves no file.
    is_draft: bool,
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        // Done while the lock is held: another writer that waits for it then sees that the file has no name any more.
        if self.is_draft && self.ownership.is_of_this_process() {
            let _ = fs::remove_file(self.ownership.path());
        }
        // Closing the file is not enough if another thread is starting a child at this moment: until the child has
        // become another program, it has a copy of the open file. A forked child unlocks nothing.
        if self.ownership.is_of_this_process() {
            let _ = self.file.unlock();
        }
    }
}

impl WriterLock {
    /// Takes the lock and reads who wrote before. Waits up to `patience` for a holder in this process, and for no
    /// other one: a producer that closes after its recorder needs a moment, on any thread.
    pub(crate) fn acquire_within(
        folder: &Path,
        patience: Duration,
    ) -> Result<(Self, WriterRecord), OpenError> {
        let started = Instant::now();
        loop {
            match Self::acquire(folder) {
                Err(OpenError::Locked { pid, .. })
                    if pid == Some(std::process::id()) && started.elapsed() < patience =>
                {
                    sleep(Duration::from_millis(1));
                }
                other => return other,
            }
        }
    }

    /// Takes the lock, without waiting, and reads who wrote before.
    pub(crate) fn acquire(folder: &Path) -> Result<(Self, WriterRecord), OpenError> {
        let path = folder.join(WRITER_FILE);
        let failed = |action| move |source| OpenError::Io { path: folder.join(WRITER_FILE), action, source };
        for _ in 0..OPENINGS {
            let Some(file) = open_or_create(&path).map_err(failed("open"))? else {
                return Err(OpenError::ForeignWriterFile { path });
            };
            let locked = file.try_lock();
            let previous = WriterRecord::read(&file).map_err(failed("read"))?;
            let Some(previous) = previous else { return Err(OpenError::ForeignWriterFile { path }) };
            match locked {
                Err(TryLockError::WouldBlock) => {
                    let pid = exclusive_holder(&file).or(previous.pid);
                    return Err(OpenError::Locked { path, pid });
                }
                other => other.map_err(|error| failed("lock")(error.into()))?,
            }
            // Somebody may have deleted it between the two calls: then it keeps nobody out.
            if is_at(&path, &file).map_err(failed("look up"))? {
                let ownership = Arc::new(Ownership::of(&path, &file).map_err(failed("look at"))?);
                return Ok((Self { file, ownership, is_draft: false }, previous));
            }
        }
        Err(failed("find twice under its name")(io::ErrorKind::NotFound.into()))
    }

    /// Stores who writes now.
    ///
    /// The new text goes over the old one in one call, and the rest is cut off after it. A process killed between the
    /// two leaves the new text and a rest of the old one, which readers ignore. A copy of the log made with hard
    /// links keeps its text.
    pub(crate) fn store(&mut self, platform: &dyn Platform, record: &WriterRecord) -> io::Result<()> {
        self.ownership.separate(&mut self.file)?;
        let text = record.to_text();
        platform.write_at(&self.file, text.as_bytes(), 0)?;
        platform.set_len(&self.file, text.len() as u64)?;
        platform.sync_file(&self.file)
    }

    /// Sets whether the file goes with the lock, because there is no log yet.
    pub(crate) fn set_draft(&mut self, is_draft: bool) {
        self.is_draft = is_draft;
    }

    pub(crate) const fn is_draft(&self) -> bool {
        self.is_draft
    }

    pub(crate) const fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn path(&self) -> &Path {
        self.ownership.path()
    }

    /// Returns whose the lock is, and whether it still keeps others out.
    pub(crate) const fn ownership(&self) -> &Arc<Ownership> {
        &self.ownership
    }
}

/// What is known of a folder's writer without taking its lock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Peeked {
    /// What the file records about the last writer.
    pub record: WriterRecord,
    /// Whether that writer is at work.
    pub is_held: bool,
}

/// Reads the file; `None` if no writer made it, or it cannot be read.
///
/// The lock is not tried: a writer that starts at this moment would find it taken.
pub fn peek(folder: &Path) -> Option<Peeked> {
    let file = open_to_read(&folder.join(WRITER_FILE)).ok()?;
    let record = WriterRecord::read(&file).ok()??;
    Some(Peeked { record, is_held: exclusive_holder(&file).is_some() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::platform::Linux;

    #[test]
    fn a_shorter_record_leaves_nothing_of_a_longer_one() {
        let folder = tempfile::tempdir().unwrap();
        let (mut lock, none) = WriterLock::acquire(folder.path()).unwrap();
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
        let missing = open_or_create(&folder.path().join("missing").join(WRITER_FILE));
        assert_eq!(missing.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_copy_of_the_open_file_does_not_keep_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let (lock, _) = WriterLock::acquire(folder.path()).unwrap();
        // What a child process has, between its start and the program that it becomes.
        let copy = lock.file.try_clone().unwrap();
        drop(lock);
        WriterLock::acquire(folder.path()).unwrap();
        drop(copy);
    }
}
