//! The files of a log: what its folder lists, and opening all of them.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::storage::error::OpenError;
use crate::storage::folder::ending::WriterFile;
use crate::storage::names::{
    CURSOR_FOLDER, INDEX_FOLDER, WRITER_FILE, base_sequence_of, compressed_base_of, with_further_ending,
};
use crate::storage::segment::file::{SegmentFile, SegmentInfo, cannot_read, is_gone, is_unused};

/// How often a folder in which segments are being deleted is listed.
pub(crate) const LISTINGS: usize = 100;

/// How often a folder is listed before it counts as one without segments.
const EMPTY_LISTINGS: usize = 3;

/// What belongs to a log besides its segments.
const OWN_NAMES: [&str; 3] = [WRITER_FILE, CURSOR_FOLDER, INDEX_FOLDER];

/// The contents of a log's folder, in the order of the log.
#[derive(Debug, Default)]
pub struct Folder {
    /// The segments by ascending base sequence, each with the sequence in its name.
    pub segments: Vec<(u64, PathBuf)>,
    /// Everything that is neither a segment nor another file of ringlog, by name.
    pub(crate) foreign: Vec<PathBuf>,
}

impl Folder {
    /// Lists `folder` without opening any file in it. Compressed copies of segments are among the segments.
    ///
    /// # Errors
    ///
    /// [`OpenError::Io`], and [`OpenError::FurtherEnding`] for the first segment that has another such name, or has its name
    /// and is compressed as well: without it the log would end there, or have a hole.
    #[doc(hidden)]
    pub fn list(folder: &Path) -> Result<Self, OpenError> {
        Self::list_with(folder, compressed_base_of)
    }

    /// Lists a folder that a log is written into: there [`OpenError::FurtherEnding`] refuses compressed copies too.
    pub(crate) fn list_to_write(folder: &Path) -> Result<Self, OpenError> {
        Self::list_with(folder, |_| None)
    }

    fn list_with(folder: &Path, compressed: impl Fn(&OsStr) -> Option<u64>) -> Result<Self, OpenError> {
        #[cfg(test)]
        LISTED_FOLDERS.set(LISTED_FOLDERS.get() + 1);
        let failed = |source| OpenError::io(folder, "list", source);
        let (mut found, mut refused) = (Self::default(), Vec::new());
        let (mut copies, mut compressed_segments) = (Vec::new(), Vec::new());
        for entry in folder.read_dir().map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            match base_sequence_of(&name) {
                Some(base_sequence) => found.segments.push((base_sequence, entry.path())),
                None if OWN_NAMES.iter().any(|own| name == *own) => {}
                None if with_further_ending(&name).is_some() => match compressed(&name) {
                    Some(base_sequence) => copies.push((base_sequence, entry.path())),
                    None => refused.push(entry.path()),
                },
                None => found.foreign.push(entry.path()),
            }
        }
        found.segments.sort();
        for (base, path) in copies {
            // Which of two is right cannot be known.
            let is_twice = found.segments.binary_search_by_key(&base, |(base, _)| *base).is_ok();
            if is_twice { refused.push(path) } else { compressed_segments.push((base, path)) }
        }
        if let Some(path) = refused.into_iter().min() {
            return Err(OpenError::FurtherEnding { path });
        }
        found.segments.append(&mut compressed_segments);
        found.segments.sort();
        found.foreign.sort();
        Ok(found)
    }
}

/// A file that belongs to a log, as its folder lists it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Listed {
    pub(crate) path: PathBuf,
    /// The base sequence in its name. A single file may have any name.
    pub(crate) named_sequence: Option<u64>,
}

impl Listed {
    /// Opens the file and checks its header against its length and its name.
    ///
    /// A file that was retired after it was opened may have no header any more, or that of another segment. Its name
    /// is gone by then: it counts as not found, not as damaged.
    pub(crate) fn open(&self) -> Result<SegmentInfo, OpenError> {
        self.checked(SegmentFile::look_at(&self.path).map(|segment| segment.info))
    }

    /// Opens many files as [`open`](Self::open) does, one after another.
    pub(crate) fn open_all(files: &[Self]) -> impl Iterator<Item = Result<SegmentInfo, OpenError>> {
        let opened = SegmentFile::look_at_all(files.iter().map(|file| &*file.path));
        files.iter().zip(opened).map(|(file, opened)| file.checked(opened))
    }

    fn checked(&self, opened: Result<SegmentInfo, OpenError>) -> Result<SegmentInfo, OpenError> {
        let checked = opened.and_then(|segment| {
            segment.check_length()?;
            self.named_sequence.map_or(Ok(()), |named_sequence| segment.check_name(named_sequence))?;
            Ok(segment)
        });
        checked.map_err(|error| {
            if is_gone(&self.path) {
                return OpenError::io(&self.path, "open", io::ErrorKind::NotFound.into());
            }
            error
        })
    }
}

/// The files of a log, which is a folder or a single file, by name only.
#[derive(Debug)]
pub(crate) struct LogList {
    /// In order, at least one.
    pub(crate) segments: Vec<Listed>,
    /// What else is in the folder.
    pub(crate) foreign: Vec<PathBuf>,
    /// What the `writer` file recorded before the folder was listed.
    pub(crate) writer: WriterFile,
}

impl LogList {
    pub(crate) fn of(path: &Path) -> Result<Self, OpenError> {
        let failed = |action| move |source| OpenError::Io { path: path.into(), action, source };
        if !fs::metadata(path).map_err(failed("open"))?.is_dir() {
            let segments = vec![Listed { path: path.into(), named_sequence: None }];
            return Ok(Self { segments, foreign: Vec::new(), writer: WriterFile::default() });
        }
        let writer = WriterFile::of(path);
        let mut folder = used_segments(path, &writer)?;
        // Names that are listed while others are created and deleted prove nothing the first time.
        for _ in 1..EMPTY_LISTINGS {
            if folder.segments.is_empty() {
                folder = used_segments(path, &writer)?;
            }
        }
        let Folder { segments: named, foreign } = folder;
        if named.is_empty() {
            writer.check_end(path, 0, None).map_err(OpenError::MissingEnd)?;
            return Err(OpenError::no_segments(path, &foreign));
        }
        let listed = |(named_sequence, path)| Listed { path, named_sequence: Some(named_sequence) };
        Ok(Self { segments: named.into_iter().map(listed).collect(), foreign, writer })
    }
}

/// Returns what is in a folder, without a last segment that was deleted just now because it stayed empty.
///
/// A file without a header is no segment if the log was closed before it. Any other such file has lost its header.
fn used_segments(folder: &Path, writer: &WriterFile) -> Result<Folder, OpenError> {
    let mut found = Folder::list(folder)?;
    found.segments.pop_if(|(_, last)| is_gone(last));
    if let Some((sequence, last)) = found.segments.last()
        && writer.ends_by(*sequence)
        && is_unused(last).map_err(|error| cannot_read(last, error))?
    {
        found.foreign.push(last.clone());
        found.segments.pop();
    }
    Ok(found)
}

/// The files of a log, which is a folder or a single file, all of which can be opened.
#[derive(Debug)]
pub struct LogFiles {
    /// In order, at least one.
    pub segments: Vec<SegmentInfo>,
    /// What else is in the folder.
    pub foreign: Vec<PathBuf>,
    /// What the `writer` file recorded before the folder was listed.
    pub writer: WriterFile,
}

impl LogFiles {
    #[doc(hidden)]
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let failed = |action| move |source| OpenError::Io { path: path.into(), action, source };
        if !fs::metadata(path).map_err(failed("open"))?.is_dir() {
            return Self::open_once(path);
        }
        // Lists the folder again if retention deleted a segment between the listing and its opening.
        for _ in 1..LISTINGS {
            match Self::open_once(path) {
                Err(error) if error.is_not_found() => {}
                other => return other,
            }
        }
        Self::open_once(path)
    }

    fn open_once(path: &Path) -> Result<Self, OpenError> {
        let LogList { segments, foreign, writer } = LogList::of(path)?;
        let segments = Listed::open_all(&segments).collect::<Result<_, _>>()?;
        Ok(Self { segments, foreign, writer })
    }
}

#[cfg(test)]
thread_local! {
    /// How many folders this thread listed, for tests.
    pub(crate) static LISTED_FOLDERS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}
