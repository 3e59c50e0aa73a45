//! Opening files to write into them: never through a link, never a file that another user has put there.
//!
//! A log's folder may be shared, copied with hard links, or have its old segments moved to an archive with links in
//! their places. What is written here must reach the file of this log and no other.
#![forbid(unsafe_code)]

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, statfs};
use rustix::io::Errno;

use crate::os::sync::kernel_call;

/// Creates a file that must not exist, for reading and writing. A link of that name is not followed.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    careful(OpenOptions::new().write(true).create_new(true)).open(path)
}

/// Opens a regular file that exists, for reading and writing.
pub(crate) fn open_to_write(path: &Path) -> io::Result<File> {
    regular(careful(OpenOptions::new().write(true)).open(path))
}

/// Opens a regular file that exists, for reading only.
pub(crate) fn open_to_read(path: &Path) -> io::Result<File> {
    regular(careful(&mut OpenOptions::new()).open(path))
}

/// Opens a regular file for reading, also through a link: a segment may be in an archive.
pub(crate) fn open_linked(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    regular(OpenOptions::new().read(true).custom_flags(flags).open(path))
}

/// Returns whether the files of this folder are in memory only.
pub(crate) fn is_in_memory(folder: &Path) -> bool {
    // `TMPFS_MAGIC` of linux/magic.h.
    statfs(folder).is_ok_and(|system| system.f_type == 0x0102_1994)
}

/// Opens a folder, to lock or sync it.
pub(crate) fn open_folder(path: &Path) -> io::Result<File> {
    let flags = (OFlags::DIRECTORY | OFlags::NONBLOCK).bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Opens or creates a file; `None` if something that is no regular file has its name.
pub(crate) fn open_or_create(path: &Path) -> io::Result<Option<File>> {
    match regular(careful(OpenOptions::new().write(true).create(true).truncate(false)).open(path)) {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::IsADirectory) => {
            Ok(None)
        }
        other => other.map(Some),
    }
}

/// Opens without following a link or waiting for a pipe.
fn careful(options: &mut OpenOptions) -> &OpenOptions {
    options.read(true).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
}

fn regular(opened: io::Result<File>) -> io::Result<File> {
    OPENED_FILES.set(OPENED_FILES.get() + 1);
    let refused = |why| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    match opened {
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
            refused("it is a symbolic link; put the file itself in its place")
        }
        Ok(file) if !file.metadata()?.is_file() => refused("it is not a regular file"),
        other => other,
    }
}

/// Creates a folder, unless it exists. A link of that name is not followed.
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let is_folder = fs::symlink_metadata(path)?.is_dir();
            if is_folder { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) }
        }
        other => other,
    }
}

/// Returns whether the name is that of this open file, and not of a link to it.
pub(crate) fn is_at(path: &Path, file: &File) -> io::Result<bool> {
    kernel_call();
    is_file_of(fs::symlink_metadata(path), file)
}

/// Returns whether what was found under a name is this open file.
pub(crate) fn is_file_of(named: io::Result<fs::Metadata>, file: &File) -> io::Result<bool> {
    let named = match named {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other?,
    };
    let open = file.metadata()?;
    Ok((named.dev(), named.ino()) == (open.dev(), open.ino()))
}

/// Returns the number of names that the file has.
pub(crate) fn names_of(file: &File) -> io::Result<u64> {
    Ok(file.metadata()?.nlink())
}

/// Returns the folder that a path is in.
pub fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.into(),
        _ => PathBuf::from("."),
    }
}

/// Takes the shared lock without waiting; `false` if somebody has an exclusive one.
pub(crate) fn try_hold(file: &File) -> io::Result<bool> {
    kernel_call();
    match file.try_lock_shared() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

thread_local! {
    /// How many files this thread opened: tests of this library and of the programs ask for it.
    pub static OPENED_FILES: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}
