//! Creating a log file: allocated and locked under a temporary name, then renamed.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ringlog_nostd::format::{FILE_HEADER_LEN, FILE_MAGIC, FileHeader, file_flags};

use crate::os::files::{folder_of, open_folder, open_to_read};
use crate::os::lock_holder::{Locker, exclusive_holder, wait_for_locker};
use crate::os::mmap::{PAGE_BYTES, WriteMap};
use crate::os::platform::{Linux, Platform, is_disk_full};
use crate::os::temporary::{create_temporary, remove_abandoned, temporary_start};
use crate::storage::error::CreateError;
use crate::storage::names::{TEMPORARY_END, WRITER_FILE};
use crate::storage::segment::file::read_up_to;
use crate::storage::segment::options::CAPACITY_BYTES;
use crate::storage::segment::share::READER_WAITS;

/// An allocated, locked and mapped file that is no log yet: the first 64 bytes are zero.
pub(crate) struct NewFile {
    pub(crate) file: File,
    pub(crate) map: WriteMap,
}

/// How a writer locks its file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NameHold {
    /// For a single file: nobody else may write, and no other lock ensures that.
    Exclusive,
    /// As a reader locks it: the file must not be recycled. The lock of its folder keeps other writers out.
    Shared,
}

impl NewFile {
    /// Creates a temporary file in `folder` with `capacity_bytes` (rounded up to pages) on disk, and returns its
    /// name, which begins with `start`.
    ///
    /// On an error the file is deleted again. `wanted` is the name that the user knows it by.
    pub(crate) fn allocate(
        platform: &dyn Platform,
        folder: &Path,
        start: &OsStr,
        wanted: &Path,
        capacity_bytes: u64,
        hold: NameHold,
    ) -> Result<(Self, PathBuf), CreateError> {
        let capacity_bytes = rounded_capacity(wanted, capacity_bytes)?;
        let (file, temporary) = create_temporary(platform, folder, start, TEMPORARY_END)
            .map_err(|source| create_error(wanted, capacity_bytes, source))?;
        // The error that led here is the one to report.
        let remove = |_: &CreateError| drop(platform.remove(&temporary));
        let draft = Self::fill(platform, wanted, file, capacity_bytes, hold).inspect_err(remove)?;
        Ok((draft, temporary))
    }

    /// Locks, allocates and maps a file whose first 64 bytes are zero.
    pub(crate) fn fill(
        platform: &dyn Platform,
        path: &Path,
        file: File,
        capacity_bytes: u64,
        hold: NameHold,
    ) -> Result<Self, CreateError> {
        let locked = match hold {
            NameHold::Exclusive => file.try_lock(),
            NameHold::Shared => file.try_lock_shared(),
        };
        locked.map_err(|error| CreateError::io(path, "lock the file", error.into()))?;
        platform
            .allocate(&file, capacity_bytes)
            .map_err(|source| create_error(path, capacity_bytes, source))?;
        let map = WriteMap::new(&file, platform.witness(&file))
            .map_err(|source| CreateError::io(path, "map the file", source))?;
        Ok(Self { file, map })
    }
}

/// Returns the error for a file that was not created. A full disk has a variant for itself.
fn create_error(path: &Path, capacity_bytes: u64, source: io::Error) -> CreateError {
    if is_disk_full(&source) {
        return CreateError::DiskFull { path: path.into(), capacity_bytes, source };
    }
    CreateError::io(path, "create and allocate the file", source)
}

pub(crate) fn rounded_capacity(path: &Path, asked_bytes: u64) -> Result<u64, CreateError> {
    if !CAPACITY_BYTES.contains(&asked_bytes) {
        return Err(CreateError::Capacity { path: path.into(), asked_bytes });
    }
    Ok(asked_bytes.next_multiple_of(PAGE_BYTES))
}

/// What to do with a file that already has the wanted name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    Refuse,
    MoveAside,
}

/// The name of a log file that is being created, with its folder locked against other creators.
pub(crate) struct NameReservation {
    path: PathBuf,
    folder_path: PathBuf,
    folder: File,
    /// The file that was created here, until it has its name.
    temporary: Option<PathBuf>,
}

impl Drop for NameReservation {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // It was created here and never got its name.
            remove_quietly(temporary);
        }
    }
}

impl NameReservation {
    /// Waits for other creators in the folder, then checks that the name may be taken.
    pub(crate) fn take(path: &Path, existing: Existing) -> Result<Self, CreateError> {
        let folder_path = folder_of(path);
        let Some(name) = path.file_name() else {
            return Err(CreateError::io(path, "name a file", io::ErrorKind::InvalidInput.into()));
        };
        let folder =
            open_folder(&folder_path).map_err(|e| CreateError::io(&folder_path, "open the folder", e))?;
        lock_patiently(&folder).map_err(|e| CreateError::io(&folder_path, "lock the folder", e))?;
        // A killed creator leaves a temporary file without a lock, and without any event.
        remove_abandoned(&folder_path, &temporary_start(name), TEMPORARY_END, holds_no_event);
        let place = Self { path: path.into(), folder_path, folder, temporary: None };
        place.check(existing)?;
        Ok(place)
    }

    /// Allocates the file under its temporary name.
    pub(crate) fn allocate(&mut self, capacity_bytes: u64) -> Result<NewFile, CreateError> {
        let start = temporary_start(self.path.file_name().unwrap_or_default());
        let (folder, path) = (&self.folder_path, &self.path);
        let (draft, temporary) =
            NewFile::allocate(&Linux, folder, &start, path, capacity_bytes, NameHold::Exclusive)?;
        self.temporary = Some(temporary);
        Ok(draft)
    }

    fn check(&self, existing: Existing) -> Result<(), CreateError> {
        match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(CreateError::io(&self.path, "look at the file", source)),
            Ok(_) if existing == Existing::Refuse => Err(CreateError::Exists { path: self.path.clone() }),
            Ok(metadata) if metadata.is_file() => check_dead_log(&self.path),
            Ok(_) => Err(CreateError::NotALog { path: self.path.clone() }),
        }
    }

    /// Renames the file into place: an old one is moved aside first, and the folder is synced.
    pub(crate) fn publish(mut self, existing: Existing) -> Result<(), CreateError> {
        if let Some(temporary) = &self.temporary {
            self.rename(temporary, existing)?;
        }
        self.temporary = None;
        self.folder.sync_all().map_err(|source| CreateError::io(&self.folder_path, "sync the folder", source))
    }

    fn rename(&self, temporary: &Path, existing: Existing) -> Result<(), CreateError> {
        match rename_new(temporary, &self.path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => return other.map_err(|source| CreateError::io(&self.path, "name the file", source)),
        }
        self.check(existing)?;
        move_aside(&Linux, &self.path)?;
        rename_new(temporary, &self.path)
            .map_err(|source| CreateError::io(&self.path, "name the file", source))
    }
}

/// How long to wait for another creator, or any other process that locks the folder.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// Waits for the lock, but not for ever: any process that may read the folder can hold it.
fn lock_patiently(folder: &File) -> io::Result<()> {
    let end = Instant::now() + LOCK_PATIENCE;
    loop {
        match folder.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::TimedOut.into()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Fails unless `path` is a ringlog file that no writer holds.
fn check_dead_log(path: &Path) -> Result<(), CreateError> {
    let file = open_to_read(path).map_err(|source| CreateError::io(path, "open the file", source))?;
    let mut head = [0; FILE_HEADER_LEN];
    read_up_to(&file, &mut head, 0).map_err(|source| CreateError::io(path, "read the file", source))?;
    if !head.starts_with(&FILE_MAGIC) {
        return Err(CreateError::NotALog { path: path.into() });
    }
    let is_sealed = FileHeader::from_bytes(&head).is_ok_and(|header| header.has(file_flags::SEALED));
    let locker = wait_for_locker(&file, is_sealed, &mut { READER_WAITS });
    match locker.map_err(|source| CreateError::io(path, "lock the file", source))? {
        Locker::Writer(pid) => Err(CreateError::Busy { path: path.into(), pid }),
        Locker::Nobody | Locker::OtherProgram(_) => check_folder(path),
    }
}

/// Fails if the file is in the folder of a log that is being written: the lock for all its files is there.
fn check_folder(path: &Path) -> Result<(), CreateError> {
    let Ok(writer) = open_to_read(&folder_of(path).join(WRITER_FILE)) else { return Ok(()) };
    match writer.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {
            Err(CreateError::Busy { path: path.into(), pid: exclusive_holder(&writer) })
        }
        _ => Ok(()),
    }
}

/// Renames `path` to the first of PATH.1, PATH.2, … that is free, and returns that name.
pub(crate) fn move_aside(platform: &dyn Platform, path: &Path) -> Result<PathBuf, CreateError> {
    move_to_numbered(platform, path, path)
}

/// Renames `from` to the first of PATH.1, PATH.2, … that is free, and returns that name.
pub(crate) fn move_to_numbered(
    platform: &dyn Platform,
    from: &Path,
    path: &Path,
) -> Result<PathBuf, CreateError> {
    for number in 1_u32.. {
        let mut aside = path.as_os_str().to_owned();
        aside.push(format!(".{number}"));
        let aside = PathBuf::from(aside);
        match platform.rename_new(from, &aside) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(CreateError::io(from, "move the old log aside", source)),
            Ok(()) => return Ok(aside),
        }
    }
    Err(CreateError::Exists { path: path.into() })
}

/// Renames a file, or fails if there is one of the new name.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    Linux.rename_new(from, to)
}

fn holds_no_event(mut file: &File) -> bool {
    let mut head = [0; FILE_HEADER_LEN];
    match file.read_exact(&mut head) {
        // The word with the magic is stored last, and events only after it. Without it there is no event, no matter
        // how much of the header a killed creator had stored.
        Ok(()) => {
            head.starts_with(&[0; 8]) || FileHeader::from_bytes(&head).is_ok_and(|h| h.event_count == 0)
        }
        Err(error) => error.kind() == io::ErrorKind::UnexpectedEof,
    }
}

fn remove_quietly(path: &Path) {
    // The error that led here is the one to report.
    let _ = fs::remove_file(path);
}
