//! Opening segments for `pread`, and checking all segments of a log.

#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::fs::{self, File};
use std::num::NonZero;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::{io, iter};

use ringlog_nostd::format::FILE_HEADER_LEN;
use rustix::fs::{Advice, fadvise};

use crate::event::{FileHeader, file_flags};
use crate::os::files::open_linked;
use crate::os::sync::kernel_call;
use crate::storage::error::OpenError;
#[cfg(feature = "compressed")]
use crate::storage::names::is_compressed;
#[cfg(feature = "compressed")]
use crate::storage::segment::compressed;

/// How often the header of a live file is read until two reads agree.
const HEADER_READINGS: usize = 1000;
/// How many files are open at once while their headers come from the disk.
const OPENED_AT_ONCE: usize = 64;

/// An open segment, with a checked header.
#[derive(Debug)]
pub struct SegmentFile {
    pub(crate) file: File,
    /// What its header says.
    pub info: SegmentInfo,
}

impl SegmentFile {
    /// Opens a file and checks its header, but not the header's offsets against the file's length.
    #[doc(hidden)]
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::of(path, open_regular(path)?)
    }

    /// Opens a file and checks its header. Of a compressed one no more is read, and `file` has the compressed bytes.
    pub(crate) fn look_at(path: &Path) -> Result<Self, OpenError> {
        Self::looked_at(path, open_named(path)?)
    }

    fn looked_at(path: &Path, file: File) -> Result<Self, OpenError> {
        #[cfg(feature = "compressed")]
        if is_compressed(path) {
            let failed = |source| OpenError::io(path, "decompress the header", source);
            let (header, file_bytes) = compressed::header_of(&file).map_err(failed)?;
            let header = FileHeader::from_bytes(&header)
                .map_err(|source| OpenError::Header { path: path.into(), source })?;
            return Ok(Self { file, info: SegmentInfo { path: path.into(), header, file_bytes } });
        }
        Self::of(path, file)
    }

    /// Checks the header of an open file.
    pub(crate) fn of(path: &Path, file: File) -> Result<Self, OpenError> {
        let header = read_stable_header(&file, path)?;
        let looked_up = file.metadata();
        let file_bytes = looked_up.map_err(|source| OpenError::io(path, "look up", source))?.len();
        Ok(Self { file, info: SegmentInfo { path: path.into(), header, file_bytes } })
    }

    /// Opens many files as [`look_at`](Self::look_at) does, and closes them again.
    ///
    /// Headers that are not in the kernel's cache come from the disk many at a time.
    pub(crate) fn look_at_all<'p>(
        paths: impl IntoIterator<Item = &'p Path>,
    ) -> impl Iterator<Item = Result<SegmentInfo, OpenError>> {
        let mut paths = paths.into_iter().peekable();
        let mut opened = VecDeque::new();
        iter::from_fn(move || {
            while opened.len() < OPENED_AT_ONCE
                && let Some(path) = paths.next()
            {
                let file = open_named(path);
                if let (Ok(file), true) = (&file, paths.peek().is_some()) {
                    // Without this they come one by one.
                    let _ = fadvise(file, 0, NonZero::new(FILE_HEADER_LEN as u64), Advice::WillNeed);
                }
                opened.push_back((path, file));
            }
            let (path, file) = opened.pop_front()?;
            Some(file.and_then(|file| Self::looked_at(path, file)).map(|segment| segment.info))
        })
    }
}

/// What is known of a segment without reading its records.
///
/// ```
/// use ringlog::{event::EventHeader, storage::{LogReader, LogWriter}};
/// # let folder = tempfile::tempdir()?;
///
/// let mut writer = LogWriter::options().segment_bytes(1 << 20).open(folder.path())?;
/// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
/// writer.close()?;
///
/// let reader = LogReader::open(folder.path())?;
/// let segment = &reader.segments()[0];
/// assert!(segment.path.ends_with("00000000000000000000.evtl"));
/// assert_eq!((segment.header.event_count, segment.file_bytes), (1, 1 << 20));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SegmentInfo {
    /// Where the file is.
    pub path: PathBuf,
    /// Its header, as it was when the log was opened.
    pub header: FileHeader,
    /// Length of the file in bytes, reserved room included.
    pub file_bytes: u64,
}

impl SegmentInfo {
    /// Checks that the file is as long as its header says.
    pub(crate) fn check_length(&self) -> Result<(), OpenError> {
        let Self { path, header, file_bytes: len_bytes } = self;
        if header.write_offset <= *len_bytes || header.has(file_flags::STREAM) {
            return Ok(());
        }
        let (path, write_offset) = (path.clone(), header.write_offset);
        Err(OpenError::WriteOffset { path, write_offset, len_bytes: *len_bytes })
    }

    /// Checks that the file has the name that belongs to its header.
    pub(crate) fn check_name(&self, named_sequence: u64) -> Result<(), OpenError> {
        let Self { path, header: FileHeader { base_sequence, .. }, .. } = self;
        if *base_sequence != named_sequence {
            return Err(OpenError::Name { path: path.clone(), base_sequence: *base_sequence });
        }
        Ok(())
    }
}

/// Returns whether nothing has this name any more. A link that leads nowhere still exists.
pub(crate) fn is_gone(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

pub(crate) fn cannot_read(path: &Path, source: io::Error) -> OpenError {
    OpenError::io(path, "read the header at offset 0", source)
}

/// Opens a regular file for reading, also through a link. Of a compressed one it opens what that holds.
pub(crate) fn open_regular(path: &Path) -> Result<File, OpenError> {
    unpacked(path, open_named(path)?).map_err(|source| OpenError::io(path, "decompress the file", source))
}

/// Does the same, without a look at what has the name.
pub(crate) fn open_content(path: &Path) -> io::Result<File> {
    unpacked(path, open_linked(path)?)
}

/// Returns what a file holds that may be compressed.
fn unpacked(path: &Path, file: File) -> io::Result<File> {
    #[cfg(feature = "compressed")]
    if is_compressed(path) {
        return compressed::unpack(&file);
    }
    let _ = path;
    Ok(file)
}

fn open_named(path: &Path) -> Result<File, OpenError> {
    // Checked before the file is opened: opening a pipe would wait for its other end.
    if !fs::metadata(path).map_err(|source| explained(path, source))?.is_file() {
        return Err(OpenError::NotAFile { path: path.into() });
    }
    open_linked(path).map_err(|source| OpenError::io(path, "open the file", source))
}

/// Returns the error for a file that cannot be found. A link that leads nowhere is not the same as no file.
fn explained(path: &Path, source: io::Error) -> OpenError {
    match fs::read_link(path) {
        Ok(target) if source.kind() == io::ErrorKind::NotFound => {
            OpenError::BrokenLink { path: path.into(), target }
        }
        _ => OpenError::io(path, "find the file", source),
    }
}

/// Returns whether a file was prepared and never used: it is empty, or its whole header is zero.
pub(crate) fn is_unused(path: &Path) -> io::Result<bool> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Ok(false);
    }
    let mut bytes = [0; FILE_HEADER_LEN];
    let read = read_up_to(&open_linked(path)?, &mut bytes, 0)?;
    Ok((read == 0 || read == FILE_HEADER_LEN) && bytes == [0; FILE_HEADER_LEN])
}

/// Reads until the buffer is full or the file ends, and returns the number of bytes read.
pub(crate) fn read_up_to(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        kernel_call();
        let (at, left) = (offset + read as u64, buffer.get_mut(read..).unwrap_or_default());
        match read_at(file, left, at) {
            Ok(0) => break,
            Ok(bytes) => read += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    #[cfg(test)]
    let buffer = {
        let readable = crate::storage::tests::power_loss::faults::readable_bytes(file, offset, buffer.len())?;
        &mut buffer[..readable]
    };
    file.read_at(buffer, offset)
}

/// Reads the header of a file whose writer may be at work.
///
/// A single read could be torn, or have its offset from before the last record and its SEALED from after it. Two that
/// agree have neither fault, and what follows a read with SEALED is final.
pub(crate) fn read_stable_header(file: &File, path: &Path) -> Result<FileHeader, OpenError> {
    let mut first = read_header(file, path)?;
    for _ in 0..HEADER_READINGS {
        let second = read_header(file, path)?;
        let agree = (first.write_offset, first.flags) == (second.write_offset, second.flags);
        if agree || first.has(file_flags::SEALED) {
            return Ok(second);
        }
        first = second;
    }
    // A writer publishes between any two reads. Words are stored in one piece, so this header is good.
    Ok(first)
}

pub(crate) fn read_header(file: &File, path: &Path) -> Result<FileHeader, OpenError> {
    let mut bytes = [0; FILE_HEADER_LEN];
    let read = read_up_to(file, &mut bytes, 0).map_err(|error| cannot_read(path, error))?;
    if read < FILE_HEADER_LEN {
        return Err(OpenError::TooShort { path: path.into(), len_bytes: read as u64 });
    }
    FileHeader::from_bytes(&bytes).map_err(|source| OpenError::Header { path: path.into(), source })
}
