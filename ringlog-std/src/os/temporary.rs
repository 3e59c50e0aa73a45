//! Files that are created under a temporary name and renamed once they are complete.
#![forbid(unsafe_code)]
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::os::files::{folder_of, is_at, names_of, open_to_read};
use crate::os::platform::{Linux, Platform};

/// More bytes than any file has that is copied: the `writer` file, a role's, a cursor.
const MAX_COPIED_BYTES: usize = 64 << 10;

/// How many names are tried for a temporary file. Nobody can guess them.
const NAMES: usize = 16;

/// Creates a temporary file in `folder` whose name begins and ends in this way, and that nobody has prepared.
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

/// Creates a file without a name, in the folder for temporary files. The kernel deletes it when it is closed.
#[cfg(feature = "compressed")]
pub fn create_unnamed() -> io::Result<File> {
    let (file, path) = create_temporary(&Linux, &std::env::temp_dir(), OsStr::new(".ringlog-"), ".tmp")?;
    fs::remove_file(path)?;
    Ok(file)
}

/// Whether a name is a temporary one that begins and ends in this way.
pub fn is_temporary(name: &OsStr, start: &OsStr, end: &str) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(start.as_encoded_bytes()) && name.ends_with(end.as_bytes())
}

/// Deletes temporary files whose names begin and end in this way, that nobody has locked, and that hold nothing:
/// killed makers left them. Another user's file that cannot be deleted is no obstacle.
pub(crate) fn remove_abandoned(folder: &Path, start: &OsStr, end: &str, is_void: impl Fn(&File) -> bool) {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    for entry in entries.filter(|entry| is_temporary(&entry.file_name(), start, end)) {
        if open_to_read(&entry.path()).is_ok_and(|file| file.try_lock().is_ok() && is_void(&file)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Copies a file that has other names as well, in a copy made with hard links; `None` if this is its only name. The
/// copy is locked exclusively before it has the name.
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

/// Returns a name that nobody has. The process id in it shows a person whose it was; the rest cannot be guessed.
pub fn temporary_name(start: &OsStr, end: &str) -> OsString {
    let drawn = RandomState::new().build_hasher().finish();
    let mut name = start.to_owned();
    name.push(format!("{}-{drawn:016x}{end}", std::process::id()));
    name
}

/// Returns the start of the names of the temporary files for `name`.
pub fn temporary_start(name: &OsStr) -> OsString {
    let mut start = OsString::from(".");
    start.push(name);
    start.push(".");
    start
}
