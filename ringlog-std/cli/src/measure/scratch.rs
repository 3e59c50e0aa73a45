//! A folder for a log, deleted at the end if it is temporary.

use std::path::{Path, PathBuf};

use crate::error::CliError;
use crate::terminal::words::unix_now;

/// A folder for a log. It stays unless it is removed, so a failed run keeps its evidence.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    is_temporary: bool,
}

impl Scratch {
    /// Takes a folder of the user, which stays.
    pub(crate) fn kept(path: PathBuf) -> Self {
        Self { path, is_temporary: false }
    }

    /// Creates a folder where the system keeps temporary files.
    pub(crate) fn temporary(name: &str) -> Result<Self, CliError> {
        let path = std::env::temp_dir().join(format!("{name}-{}-{}", std::process::id(), unix_now()));
        // Not `create_dir_all`: a folder that exists belongs to another program.
        std::fs::create_dir(&path).map_err(CliError::io("create", &path))?;
        Ok(Self { path, is_temporary: true })
    }

    /// Returns the path of the folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Deletes the folder if it is temporary.
    pub(crate) fn remove(self) -> Result<(), CliError> {
        if self.is_temporary {
            std::fs::remove_dir_all(&self.path).map_err(CliError::io("delete", &self.path))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_folders_go_and_others_stay() {
        let scratch = Scratch::temporary("ringlog-test").unwrap();
        let path = scratch.path().to_owned();
        std::fs::write(path.join("file"), "x").unwrap();
        scratch.remove().unwrap();
        assert!(!path.exists());
        let folder = tempfile::tempdir().unwrap();
        Scratch::kept(folder.path().into()).remove().unwrap();
        assert!(folder.path().exists());
    }
}
