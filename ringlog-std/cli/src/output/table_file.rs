//! Files of tables, of which only some are open at a time: a log may have more layouts than a process may have files.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Files that are open at a time.
const MOST_OPEN: usize = 64;

type Opened = Rc<RefCell<Option<File>>>;

/// The files that are open, the one that was opened first at the front.
#[derive(Clone, Debug, Default)]
pub(super) struct OpenFiles(Rc<RefCell<VecDeque<Opened>>>);

impl OpenFiles {
    /// Creates a file, which must not be there.
    pub(super) fn create(&self, path: &Path) -> io::Result<TableFile> {
        let file = TableFile { path: path.into(), opened: Opened::default(), all: self.clone() };
        self.put(&file.opened, File::create_new(path)?);
        Ok(file)
    }

    /// Keeps a file open, and closes another one if there are too many.
    fn put(&self, opened: &Opened, file: File) {
        let mut all = self.0.borrow_mut();
        if all.len() == MOST_OPEN
            && let Some(oldest) = all.pop_front()
        {
            *oldest.borrow_mut() = None;
        }
        *opened.borrow_mut() = Some(file);
        all.push_back(Rc::clone(opened));
    }
}

/// A file that is opened again, to append to it, if it was closed meanwhile.
#[derive(Debug)]
pub(super) struct TableFile {
    path: PathBuf,
    opened: Opened,
    all: OpenFiles,
}

impl Write for TableFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.opened.borrow().is_none() {
            self.all.put(&self.opened, File::options().append(true).open(&self.path)?);
        }
        self.opened.borrow_mut().as_mut().map_or(Ok(0), |file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_files_are_open_and_all_have_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let all = OpenFiles::default();
        let path = |number: usize| folder.path().join(number.to_string());
        let mut files: Vec<_> = (0..3 * MOST_OPEN).map(|number| all.create(&path(number)).unwrap()).collect();
        for round in ["a", "b", "c"] {
            for file in &mut files {
                file.write_all(round.as_bytes()).unwrap();
                let open = folder.path().to_string_lossy().into_owned();
                let links = std::fs::read_dir("/proc/self/fd")
                    .unwrap()
                    .filter_map(|it| it.ok()?.path().read_link().ok());
                assert!(links.filter(|it| it.starts_with(&open)).count() <= MOST_OPEN);
            }
        }
        assert!((0..files.len()).all(|number| std::fs::read(path(number)).unwrap() == b"abc"));
        assert!(all.create(&path(0)).is_err());
    }
}
