//! Opening files to write into them: never through a link, never one that another user has put there.
//!
//! A log's folder may be shared, copied with hard links, or have its old segments moved to an archive with links left in
//! their places. What is written here must reach the file of this log and no other.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::os::platform::{Linux, Platform, folder_of};
use crate::os::sync::kernel_call;

/// How many names are tried for a temporary file. Nobody can guess them.
const NAMES: usize = 16;
/// More than any file has that is copied: the `writer` file, a role's, a cursor.
const MAX_COPIED_BYTES: usize = 64 << 10;

/// Makes a file that must not exist, for reading and writing. A link of that name is not followed.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    careful(OpenOptions::new().write(true).create_new(true)).open(path)
}

/// Makes a temporary file in `folder` whose name begins and ends so, and that nobody has prepared.
pub(crate) fn create_temporary(
    platform: &dyn Platform,
    folder: &Path,
    start: &OsStr,
    end: &str,
) -> io::Result<(File, PathBuf)> {
    let mut created = Err(io::ErrorKind::AlreadyExists.into());
    for _ in 0..NAMES {
        let path = folder.join(temporary_name(start, end));
        created = platform.create_new(&path).map(|file| (file, path));
        if !matches!(&created, Err(error) if error.kind() == io::ErrorKind::AlreadyExists) {
            break;
        }
    }
    created
}

/// A name that nobody has: the process id says whose it was, to a person; the rest cannot be guessed.
pub(crate) fn temporary_name(start: &OsStr, end: &str) -> OsString {
    let drawn = RandomState::new().build_hasher().finish();
    let mut name = start.to_owned();
    name.push(format!("{}-{drawn:016x}{end}", std::process::id()));
    name
}

/// Deletes temporary files whose names begin and end so, that nobody has locked, and that hold nothing: what makers that
/// were killed have left. Another user's file that cannot be deleted is in nobody's way.
pub(crate) fn remove_abandoned(folder: &Path, start: &OsStr, end: &str, is_void: impl Fn(&File) -> bool) {
    let is_temporary = |name: &OsStr| {
        let name = name.as_encoded_bytes();
        name.starts_with(start.as_encoded_bytes()) && name.ends_with(end.as_bytes())
    };
    let entries = folder.read_dir().into_iter().flatten().flatten();
    for entry in entries.filter(|entry| is_temporary(&entry.file_name())) {
        if open_to_read(&entry.path()).is_ok_and(|file| file.try_lock().is_ok() && is_void(&file)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Opens a regular file that exists, for reading and writing.
pub(crate) fn open_to_write(path: &Path) -> io::Result<File> {
    regular(careful(OpenOptions::new().write(true)).open(path))
}

/// Opens a regular file that exists, for reading only.
pub(crate) fn open_to_read(path: &Path) -> io::Result<File> {
    regular(careful(&mut OpenOptions::new()).open(path))
}

/// Opens a regular file for reading, also where a link leads to it: a segment may be in an archive.
pub(crate) fn open_linked(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    regular(OpenOptions::new().read(true).custom_flags(flags).open(path))
}

/// Opens a folder, to lock or sync it.
pub(crate) fn open_folder(path: &Path) -> io::Result<File> {
    let flags = (OFlags::DIRECTORY | OFlags::NONBLOCK).bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Opens or creates a file; `None` if something else than a regular file has its name.
pub(crate) fn open_or_create(path: &Path) -> io::Result<Option<File>> {
    match regular(careful(OpenOptions::new().write(true).create(true).truncate(false)).open(path)) {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::IsADirectory) => {
            Ok(None)
        }
        other => other.map(Some),
    }
}

/// No link is followed and no pipe waited for.
fn careful(options: &mut OpenOptions) -> &OpenOptions {
    options.read(true).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
}

fn regular(opened: io::Result<File>) -> io::Result<File> {
    let refused = |why| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    match opened {
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
            refused("it is a symbolic link; put the file itself in its place")
        }
        Ok(file) if !file.metadata()?.is_file() => refused("it is not a regular file"),
        other => other,
    }
}

/// What the names of the temporary files for `name` begin with.
pub(crate) fn temporary_start(name: &OsStr) -> OsString {
    let mut start = OsString::from(".");
    start.push(name);
    start.push(".");
    start
}

/// Makes a folder, unless it is there. A link of that name is not followed.
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let is_folder = fs::symlink_metadata(path)?.is_dir();
            if is_folder { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) }
        }
        other => other,
    }
}

/// Whether the name is this open file's, and not a link to it.
pub(crate) fn is_at(path: &Path, file: &File) -> io::Result<bool> {
    kernel_call();
    is_file_of(fs::symlink_metadata(path), file)
}

/// Whether what was found under a name is this open file.
pub(crate) fn is_file_of(named: io::Result<fs::Metadata>, file: &File) -> io::Result<bool> {
    let named = match named {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other?,
    };
    let open = file.metadata()?;
    Ok((named.dev(), named.ino()) == (open.dev(), open.ino()))
}

/// How many names the file has.
pub(crate) fn names_of(file: &File) -> io::Result<u64> {
    Ok(file.metadata()?.nlink())
}

/// Copies a file that has other names as well, in a copy made with hard links: `None` if this is its
/// only name. The copy is locked exclusively before it has the name.
pub(crate) fn separate(path: &Path, file: &File) -> io::Result<Option<File>> {
    if names_of(file)? <= 1 || !is_at(path, file)? {
        return Ok(None);
    }
    let folder = folder_of(path);
    let start = temporary_start(path.file_name().unwrap_or_default());
    let (copy, temporary) = create_temporary(&Linux, &folder, &start, ".new")?;
    let made = fill_copy(file, &copy).and_then(|()| fs::rename(&temporary, path));
    // The error that led here is the one to report.
    made.inspect_err(|_| drop(fs::remove_file(&temporary)))?;
    Linux.sync_folder(&folder)?;
    Ok(Some(copy))
}

fn fill_copy(from: &File, to: &File) -> io::Result<()> {
    to.try_lock()?;
    let mut bytes = vec![0; usize::try_from(from.metadata()?.len()).unwrap_or(0).min(MAX_COPIED_BYTES)];
    from.read_exact_at(&mut bytes, 0)?;
    to.write_all_at(&bytes, 0)?;
    to.sync_all()
}
