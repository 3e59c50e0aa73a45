//! A file or folder that gets its name once it is complete.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind};
use std::path::{Path, PathBuf};

use crate::error::CliError;
use ringlog::programs::{temporary_name, temporary_start};

/// Endings of the files that an export writes into a folder. `--force` replaces a folder that holds nothing else.
const ENDINGS: [&str; 4] = ["arrow", "csv", "json", "parquet"];
/// Bytes that are written at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// An output under a temporary name in the same folder. Unless it is finished, it is removed.
#[derive(Debug)]
pub(crate) struct Draft {
    out: PathBuf,
    temporary: PathBuf,
    is_folder: bool,
    is_done: bool,
}

impl Draft {
    /// Begins an output. What is there under its name is refused unless `force` says to replace it.
    pub(crate) fn begin(out: &Path, is_folder: bool, force: bool) -> Result<Self, CliError> {
        let usage = |problem: &str| Err(CliError::Usage(format!("{}: {problem}", out.display())));
        match out.symlink_metadata().map(|it| it.file_type()) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(CliError::io("open", out)(error)),
            Ok(kind) if is_folder && kind.is_dir() => match first_entry(out, force)? {
                None => {}
                Some(other) if force => {
                    return usage(&format!(
                        "holds {other}, which no export writes; choose another folder, or remove it yourself"
                    ));
                }
                Some(_) => {
                    return usage("holds something; choose another folder, or replace it with --force");
                }
            },
            Ok(kind) if kind.is_dir() => {
                return usage("a folder; this format is one file, give the name of a file");
            }
            Ok(kind) if is_folder || !kind.is_file() => {
                return usage("neither a file nor a folder that can be replaced; choose another name");
            }
            Ok(_) if force => {}
            Ok(_) => return usage("already there; choose another name, or replace it with --force"),
        }
        let Some(name) = out.file_name() else { return usage("no name of a file; give one") };
        let temporary = out.with_file_name(temporary_name(&temporary_start(name), ".partial"));
        if is_folder {
            fs::create_dir(&temporary).map_err(CliError::io("create the folder", out))?;
        }
        Ok(Self { out: out.into(), temporary, is_folder, is_done: false })
    }

    /// Creates the file of this name in the folder, or the file itself.
    pub(crate) fn create(&self, name: &str) -> Result<(BufWriter<File>, PathBuf), CliError> {
        let path = if self.is_folder { self.temporary.join(name) } else { self.temporary.clone() };
        let file = File::create_new(&path).map_err(CliError::io("create", &path))?;
        Ok((BufWriter::with_capacity(BUFFER_BYTES, file), path))
    }

    /// Returns where the output is until it is finished.
    pub(crate) fn path(&self) -> &Path {
        &self.temporary
    }

    /// Gives the output its name.
    pub(crate) fn finish(mut self) -> Result<(), CliError> {
        let old = self.temporary.with_extension("old");
        let has_old = self.is_folder && self.out.exists();
        if has_old {
            fs::rename(&self.out, &old).map_err(CliError::io("rename", &self.out))?;
        }
        fs::rename(&self.temporary, &self.out).map_err(CliError::io("rename", &self.temporary))?;
        self.is_done = true;
        if has_old {
            fs::remove_dir_all(&old).map_err(CliError::io("remove", &old))?;
        }
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_done {
            // Nothing can be done about one that cannot be removed; its name says what it is.
            let _ = if self.is_folder {
                fs::remove_dir_all(&self.temporary)
            } else {
                fs::remove_file(&self.temporary)
            };
        }
    }
}

/// Returns the first entry of a folder; with `foreign`, the first one that no export writes.
fn first_entry(folder: &Path, foreign: bool) -> Result<Option<String>, CliError> {
    let is_ours = |path: &Path| {
        let ending = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
        path.is_file() && ENDINGS.contains(&ending)
    };
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.map_err(CliError::io("list", folder))?;
    let found = entries.into_iter().find(|entry| !foreign || !is_ours(&entry.path()));
    Ok(found.map(|entry| entry.file_name().to_string_lossy().into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn an_output_has_its_name_once_it_is_finished_and_leaves_nothing_if_it_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let names = || {
            let mut names: Vec<_> =
                fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let (file, tables) = (folder.path().join("a.json"), folder.path().join("tables"));
        for (out, is_folder) in [(&file, false), (&tables, true)] {
            let before = names();
            let draft = Draft::begin(out, is_folder, false).unwrap();
            draft.create("x.csv").unwrap().0.write_all(b"1").unwrap();
            assert!(!out.exists() && names().len() == before.len() + 1);
            drop(draft);
            assert_eq!(names(), before);
            for content in ["1", "2"] {
                let draft = Draft::begin(out, is_folder, content == "2").unwrap();
                draft.create("x.csv").unwrap().0.write_all(content.as_bytes()).unwrap();
                draft.finish().unwrap();
                let written = if is_folder { out.join("x.csv") } else { out.clone() };
                assert_eq!(fs::read_to_string(written).unwrap(), content);
            }
            assert_eq!(names().len(), before.len() + 1);
            let refused = Draft::begin(out, is_folder, false).unwrap_err().to_string();
            assert!(refused.contains("--force"), "{refused}");
            assert!(Draft::begin(out, !is_folder, true).is_err());
        }
        fs::write(tables.join("thesis.doc"), "x").unwrap();
        let refused = Draft::begin(&tables, true, true).unwrap_err().to_string();
        assert!(refused.contains("holds thesis.doc"), "{refused}");
        assert_eq!(names(), ["a.json", "tables"]);
    }
}
