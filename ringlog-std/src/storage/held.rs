//! Holding a segment that others may retire: a shared lock on it, and whether its name still leads to it.
//!
//! Retention recycles a segment only under an exclusive lock, after which the name leads elsewhere. So a
//! reader that has the shared lock *and then* sees its file under the name keeps what it has mapped or opened.
#![forbid(unsafe_code)]

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::sync::kernel_call;

/// Takes the shared lock without waiting; `false` if somebody has an exclusive one.
pub(super) fn try_hold(file: &File) -> io::Result<bool> {
    kernel_call();
    match file.try_lock_shared() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether the name leads to this open file, and not to another one or none.
pub(super) fn leads_to(path: &Path, file: &File) -> io::Result<bool> {
    kernel_call();
    let named = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other?,
    };
    let open = file.metadata()?;
    Ok((named.dev(), named.ino()) == (open.dev(), open.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_one_file_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "x").unwrap();
        let file = File::open(&path).unwrap();
        assert!(leads_to(&path, &file).unwrap());
        fs::rename(&path, folder.path().join("b")).unwrap();
        assert!(!leads_to(&path, &file).unwrap());
        fs::write(&path, "y").unwrap();
        assert!(!leads_to(&path, &file).unwrap());
    }

    #[test]
    fn an_exclusive_lock_keeps_others_from_holding() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "x").unwrap();
        let (first, second) = (File::open(&path).unwrap(), File::open(&path).unwrap());
        assert!(try_hold(&first).unwrap() && try_hold(&second).unwrap());
        assert!(first.try_lock().is_err(), "held by the other one");
        drop(second);
        first.try_lock().unwrap();
        assert!(!try_hold(&File::open(&path).unwrap()).unwrap());
    }
}
