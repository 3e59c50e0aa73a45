//! Files and folders that get their names once they are whole and on the disk.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::os::files::{folder_of, open_folder};
use crate::os::platform::{Linux, Platform};
use crate::os::temporary::{
    create_temporary, is_temporary, remove_abandoned, temporary_name, temporary_start,
};
use crate::storage::copies::error::CopyError;

/// How names of files begin that have no name yet.
const START: &str = ".copy-";
/// How such names end. Salvage does not take such a file for one of the log's.
const END: &str = ".ringlog-copy";

/// A file of a copy under a temporary name. It is deleted unless it gets its name.
pub(crate) struct DraftFile {
    pub(crate) file: File,
    temporary: PathBuf,
    path: PathBuf,
}

impl DraftFile {
    pub(crate) fn create(path: &Path) -> Result<Self, CopyError> {
        let made = create_temporary(&Linux, &folder_of(path), OsStr::new(START), END);
        let (file, temporary) = made.map_err(CopyError::io(path, "create the file"))?;
        Ok(Self { file, temporary, path: path.into() })
    }

    /// Makes a second name for an existing file; `None` if it cannot have one there.
    pub(crate) fn link(existing: &Path, file: &File, path: &Path) -> Result<Option<Self>, CopyError> {
        let temporary = folder_of(path).join(temporary_name(OsStr::new(START), END));
        if fs::hard_link(existing, &temporary).is_err() {
            return Ok(None);
        }
        let file = file.try_clone().map_err(CopyError::io(existing, "open the file again"))?;
        Ok(Some(Self { file, temporary, path: path.into() }))
    }

    /// Writes the file to the disk, so that it is read from there again.
    pub(crate) fn sync(&self) -> Result<(), CopyError> {
        self.file.sync_all().map_err(CopyError::io(&self.path, "sync the file"))?;
        // If the kernel keeps it in its cache, it is compared with that.
        let _ = rustix::fs::fadvise(&self.file, 0, None, rustix::fs::Advice::DontNeed);
        Ok(())
    }

    /// Gives the file its name, and takes that from an older one.
    pub(crate) fn publish(self) -> Result<(), CopyError> {
        fs::rename(&self.temporary, &self.path).map_err(CopyError::io(&self.path, "name the file"))?;
        sync_folder(&folder_of(&self.path))
    }
}

impl Drop for DraftFile {
    fn drop(&mut self) {
        // It has another name if it was published.
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Deletes what killed makers of copies have left in a folder. Nobody else may be making one.
pub(crate) fn remove_abandoned_files(folder: &Path) {
    remove_abandoned(folder, OsStr::new(START), END, |_| true);
}

/// A folder under a temporary name. It is deleted with what is in it unless it gets its name.
pub(crate) struct DraftFolder {
    pub(crate) temporary: PathBuf,
    path: PathBuf,
    /// Locked, which shows that it is not abandoned.
    _lock: File,
}

impl DraftFolder {
    /// Makes the folder beside its later name, which must be free or that of an empty folder.
    pub(crate) fn create(path: &Path) -> Result<Self, CopyError> {
        check_free(path)?;
        let parent = folder_of(path);
        create_folders(&parent)?;
        let start = temporary_start(path.file_name().unwrap_or_default());
        remove_abandoned_folders(&parent, &start);
        let temporary = parent.join(temporary_name(&start, END));
        fs::create_dir(&temporary).map_err(CopyError::io(&temporary, "create the folder"))?;
        let lock = open_folder(&temporary)
            .and_then(|folder| folder.try_lock().map_err(io::Error::from).map(|()| folder));
        let lock = lock.map_err(CopyError::io(&temporary, "lock the folder"))?;
        Ok(Self { temporary, path: path.into(), _lock: lock })
    }

    pub(crate) fn publish(self) -> Result<(), CopyError> {
        sync_folder(&self.temporary)?;
        match fs::rename(&self.temporary, &self.path) {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists
                ) =>
            {
                return Err(CopyError::Occupied { path: self.path.clone() });
            }
            other => other.map_err(CopyError::io(&self.path, "name the folder"))?,
        }
        sync_folder(&folder_of(&self.path))
    }
}

impl Drop for DraftFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.temporary);
    }
}

/// Deletes folders whose makers were killed.
fn remove_abandoned_folders(parent: &Path, start: &OsStr) {
    let entries = parent.read_dir().into_iter().flatten().flatten();
    for entry in entries.filter(|entry| is_temporary(&entry.file_name(), start, END)) {
        if open_folder(&entry.path()).is_ok_and(|folder| folder.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Refuses a folder that has something in it, and what is no folder.
pub(crate) fn check_free(path: &Path) -> Result<(), CopyError> {
    match fs::read_dir(path).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() != io::ErrorKind::NotADirectory => {
            Err(CopyError::io(path, "look into the folder")(error))
        }
        _ => Err(CopyError::Occupied { path: path.into() }),
    }
}

/// Creates a folder and those that it is in, and syncs each.
pub(crate) fn create_folders(path: &Path) -> Result<(), CopyError> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = folder_of(path);
    if parent != path {
        create_folders(&parent)?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        other => other.map_err(CopyError::io(path, "create the folder"))?,
    }
    sync_folder(&parent)
}

pub(crate) fn sync_folder(path: &Path) -> Result<(), CopyError> {
    Linux.sync_folder(path).map_err(CopyError::io(path, "sync the folder"))
}

/// Checks that neither folder is in the other.
pub(crate) fn check_apart(log: &Path, copy: &Path) -> Result<(), CopyError> {
    let log = fs::canonicalize(log).map_err(CopyError::io(log, "look up"))?;
    let full = std::path::absolute(copy).map_err(CopyError::io(copy, "look up"))?;
    let existing = full.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("/"));
    let resolved = fs::canonicalize(existing).map_err(CopyError::io(copy, "look up"))?;
    let is_all = existing == full;
    if resolved.starts_with(&log) || is_all && log.starts_with(&resolved) {
        return Err(CopyError::Inside { path: copy.into() });
    }
    Ok(())
}
