//! The `writer` file of a log's folder: it keeps a second writer out and names the last one.
//!
//! The lock is the kernel's and ends with the process that holds it, however that ends. What the file says
//! is only read by writers: the boot id tells a killed process from a lost kernel.

#![forbid(unsafe_code)]

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::error::OpenError;
use super::lock_holder::exclusive_holder;
use super::platform::Platform;
use super::segment::WRITER_FILE;

/// More than any writer stores; of a longer file only the start is read.
const MAX_RECORD_BYTES: u64 = 4096;

/// What the `writer` file says of a writer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct WriterRecord {
    /// The process.
    pub(super) pid: Option<u32>,
    /// The boot id of the kernel that it ran under.
    pub(super) boot_id: Option<String>,
    /// The identity of the ring that feeds the log.
    pub(super) ring_identity: u64,
    /// Whether it closed the log, so that nothing is missing from it.
    pub(super) closed: bool,
    /// Events that it dropped on a full disk and that no GAP record tells of, unless the log went on since.
    pub(super) untold: Option<Untold>,
}

/// Dropped events that no GAP record tells of yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Untold {
    /// The log's position where the first of them would have stood.
    pub(super) position: u64,
    /// How many they were; 0 while they become more.
    pub(super) count: u64,
    /// Bytes that their records would have taken; 0 while they become more.
    pub(super) bytes: u64,
    /// Timestamp of the first one.
    pub(super) first_timestamp: u64,
}

impl Untold {
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(' ').map(|number| number.parse().ok());
        let mut next = || numbers.next()?;
        Some(Self { position: next()?, count: next()?, bytes: next()?, first_timestamp: next()? })
    }
}

impl WriterRecord {
    /// Reads the lines of the file. Whatever is missing or strange is taken as not known.
    fn parse(text: &str) -> Self {
        let value = |name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::trim))
        };
        Self {
            pid: value("pid").and_then(|pid| pid.parse().ok()),
            boot_id: value("boot_id").filter(|id| !id.is_empty()).map(str::to_owned),
            ring_identity: value("ring_identity").and_then(|id| id.parse().ok()).unwrap_or_default(),
            closed: value("state") == Some("closed"),
            untold: value("untold_loss").and_then(Untold::parse),
        }
    }

    fn to_text(&self) -> String {
        let Self { pid, boot_id, ring_identity, closed, untold } = self;
        let pid = pid.map(|pid| pid.to_string()).unwrap_or_default();
        let boot_id = boot_id.as_deref().unwrap_or_default();
        let state = if *closed { "closed" } else { "open" };
        let mut text =
            format!("pid: {pid}\nboot_id: {boot_id}\nring_identity: {ring_identity}\nstate: {state}\n");
        if let Some(Untold { position, count, bytes, first_timestamp }) = untold {
            text.push_str(&format!("untold_loss: {position} {count} {bytes} {first_timestamp}\n"));
        }
        text
    }
}

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
        let previous = match read_record(&file) {
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
    /// The new text goes over the old one in one call and the rest is cut off after it: a process killed in
    /// between leaves a file whose first lines are whole.
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
    let careful = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(careful).open(folder.join(WRITER_FILE)).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let record = read_record(&file).ok()??;
    Some(Peeked { record, is_held: exclusive_holder(&file).is_some() })
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

/// What the last writer stored; `None` if somebody else wrote the file.
fn read_record(file: &File) -> io::Result<Option<WriterRecord>> {
    let mut bytes = Vec::new();
    file.take(MAX_RECORD_BYTES).read_to_end(&mut bytes)?;
    // A power cut may leave zeros, or nothing, where the first record was to stand.
    let is_ours = bytes.starts_with(b"pid: ") || bytes.iter().all(|&byte| byte == 0);
    Ok(is_ours.then(|| WriterRecord::parse(&String::from_utf8_lossy(&bytes))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::platform::Linux;

    #[test]
    fn a_record_survives_a_round_trip_and_strange_text_is_not_known() {
        let record = WriterRecord {
            pid: Some(7),
            boot_id: Some("a-b".into()),
            ring_identity: u64::MAX,
            closed: true,
            untold: None,
        };
        assert_eq!(WriterRecord::parse(&record.to_text()), record);
        let untold = Some(Untold { position: 1, count: 2, bytes: 3, first_timestamp: u64::MAX });
        let with_loss = WriterRecord { untold, ..record };
        assert_eq!(WriterRecord::parse(&with_loss.to_text()), with_loss);
        assert_eq!(WriterRecord::parse("untold_loss: 1 2 3\n").untold, None);
        assert_eq!(WriterRecord::parse("pid: x\n\0\nboot_id: \n"), WriterRecord::default());
    }

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
