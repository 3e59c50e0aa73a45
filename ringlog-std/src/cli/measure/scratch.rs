//! A folder for a log that may be deleted at the end.

use std::path::{Path, PathBuf};

use crate::cli::error::CliError;
use crate::cli::terminal::words::unix_now;

/// A folder for a log; one that holds the evidence of a failed run stays.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    is_temporary: bool,
}

impl Scratch {
    /// A folder of the user's, which stays.
    pub(crate) fn kept(path: PathBuf) -> Self {
        Self { path, is_temporary: false }
    }

    /// A new folder where the system keeps temporary files.
    pub(crate) fn temporary(name: &str) -> Result<Self, CliError> {
        let path = std::env::temp_dir().join(format!("{name}-{}-{}", std::process::id(), unix_now()));
        // Not `create_dir_all`: a folder that exists is somebody else's.
        std::fs::create_dir(&path).map_err(CliError::io("create", &path))?;
        Ok(Self { path, is_temporary: true })
    }

    /// Where it is.
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
