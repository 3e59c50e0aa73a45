//! A file or folder that gets its name once it is complete.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::place::foreign_entry;
use crate::error::CliError;
use crate::terminal::print::eprint;
use crate::terminal::standard_input::is_standard;
use ringlog::programs::{create_unnamed, folder_of, is_temporary, temporary_name, temporary_start};

/// The ends of temporary names: of a new output, and of a folder that it replaces.
const ENDS: [&str; 2] = [".partial", ".old"];
/// Bytes that are written at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// An output under a temporary name in the same folder. Unless it is finished, it is removed.
#[derive(Debug)]
pub(crate) struct Draft {
    out: PathBuf,
    temporary: PathBuf,
    is_folder: bool,
    is_done: bool,
    /// For standard output: the file that is copied there once it is complete.
    unnamed: OnceLock<File>,
}

impl Draft {
    /// Begins an output. What is there under its name is refused unless `force` says to replace it.
    pub(crate) fn begin(out: &Path, is_folder: bool, force: bool) -> Result<Self, CliError> {
        let unnamed = OnceLock::new();
        if is_standard(out) {
            let temporary = PathBuf::new();
            return Ok(Self { out: out.into(), temporary, is_folder, is_done: true, unnamed });
        }
        let usage = |problem: &str| Err(CliError::Usage(format!("{}: {problem}", out.display())));
        match out.symlink_metadata().map(|it| it.file_type()) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(CliError::io("open", out)(error)),
            Ok(kind) if is_folder && kind.is_dir() && force => {
                if let Some(other) = foreign_entry(out)? {
                    return usage(&format!(
                        "holds {other}, which no export wrote; choose another folder, or remove it yourself"
                    ));
                }
            }
            Ok(kind) if is_folder && kind.is_dir() => {
                if fs::read_dir(out).map_err(CliError::io("list", out))?.next().is_some() {
                    return usage("holds something; choose another folder, or replace it with --force");
                }
            }
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
        report_left(out, &temporary_start(name));
        let temporary = out.with_file_name(temporary_name(&temporary_start(name), ENDS[0]));
        if is_folder {
            fs::create_dir(&temporary).map_err(CliError::io("create the folder", out))?;
        }
        Ok(Self { out: out.into(), temporary, is_folder, is_done: false, unnamed })
    }

    /// Creates the file of this name in the folder, or the file itself. Also returns its later path, for messages.
    pub(crate) fn create(&self, name: &str) -> Result<(BufWriter<File>, PathBuf), CliError> {
        let within = |place: &Path| if self.is_folder { place.join(name) } else { place.into() };
        let path = within(&self.out);
        let made = match is_standard(&self.out) {
            true => create_unnamed().and_then(|file| {
                let _ = self.unnamed.set(file.try_clone()?);
                Ok(file)
            }),
            false => File::create_new(within(&self.temporary)),
        };
        let file = made.map_err(CliError::io("create", &path))?;
        Ok((BufWriter::with_capacity(BUFFER_BYTES, file), path))
    }

    /// Returns where the output will be, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.out
    }

    /// Returns where the output is until it is finished.
    pub(crate) fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// Gives the output its name.
    pub(crate) fn finish(mut self) -> Result<(), CliError> {
        if let Some(mut file) = self.unnamed.take() {
            file.rewind().map_err(CliError::io("read", &self.out))?;
            let mut out = io::stdout().lock();
            return io::copy(&mut file, &mut out).and_then(|_| out.flush()).map_err(CliError::Output);
        }
        let old = self.temporary.with_extension("old");
        let has_old = self.is_folder && self.out.exists();
        if has_old {
            fs::rename(&self.out, &old).map_err(CliError::io("rename", &self.out))?;
        }
        if let Err(error) = fs::rename(&self.temporary, &self.out) {
            if has_old {
                // The error that led here is the one to report.
                let _ = fs::rename(&old, &self.out);
            }
            return Err(CliError::io("replace", &self.out)(error));
        }
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

/// Reports what a program left here that was killed.
fn report_left(out: &Path, start: &OsStr) {
    for entry in folder_of(out).read_dir().into_iter().flatten().flatten() {
        let name = entry.file_name();
        if ENDS.iter().any(|end| is_temporary(&name, start, end)) {
            eprint(&format!(
                "ringlog: {}: half of an output, of a program that was killed or is at work; remove it if none is",
                entry.path().display()
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
                let content =
                    format!("sequence,timestamp,time,event_type,flags,kind,{content},payload (hex)");
                let (mut file, path) = draft.create("x.csv").unwrap();
                file.write_all(content.as_bytes()).unwrap();
                drop(file);
                draft.finish().unwrap();
                assert_eq!(path, if is_folder { out.join("x.csv") } else { out.clone() });
                assert_eq!(fs::read_to_string(path).unwrap(), content);
            }
            assert_eq!(names().len(), before.len() + 1);
            let refused = Draft::begin(out, is_folder, false).unwrap_err().to_string();
            assert!(refused.contains("--force"), "{refused}");
            assert!(Draft::begin(out, !is_folder, true).is_err());
        }
        fs::write(tables.join("thesis.doc"), "x").unwrap();
        let refused = Draft::begin(&tables, true, true).unwrap_err().to_string();
        assert!(refused.contains("holds thesis.doc"), "{refused}");
        let nowhere = Draft::begin(&folder.path().join("none/x.json"), false, false).unwrap();
        let refused = nowhere.create("").unwrap_err().to_string();
        assert!(refused.contains("none/x.json: cannot create"), "the hidden name is shown: {refused}");
        assert_eq!(names(), ["a.json", "tables"]);
    }
}
