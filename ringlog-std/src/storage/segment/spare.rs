//! Segments that are prepared before they are needed: new ones, and recycled ones.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use ringlog_nostd::format::FILE_HEADER_LEN;

use crate::os::files::{folder_of, is_at, names_of, open_to_write};
use crate::os::lock_holder::exclusive_holder;
use crate::os::mmap::PAGE_BYTES;
use crate::os::platform::Platform;
use crate::os::temporary::temporary_name;
use crate::storage::error::CreateError;
use crate::storage::names::TEMPORARY_END;
use crate::storage::segment::create::{NameHold, NewFile};
use crate::storage::segment::file::SegmentFile;

/// The start of a segment's name before it has its final one.
const TEMPORARY_START: &str = ".next-";

/// A segment that only lacks a header. Its blocks are reserved, its first 64 bytes are zero, and all of that is on
/// stable storage, under a name that readers ignore.
pub(crate) struct SpareSegment {
    pub(crate) draft: NewFile,
    pub(crate) temporary: PathBuf,
    /// The salt that the file had before it was recycled.
    pub(crate) former_salt: Option<u32>,
    /// The kernel's cache has the file's old bytes: a store through the mapping finds its page.
    pub(crate) is_cached: bool,
}

impl SpareSegment {
    /// Creates a new file.
    pub(crate) fn fresh(
        platform: &dyn Platform,
        folder: &Path,
        capacity_bytes: u64,
        prefault_bytes: usize,
    ) -> Result<Self, CreateError> {
        let start = OsStr::new(TEMPORARY_START);
        let (draft, temporary) =
            NewFile::allocate(platform, folder, start, folder, capacity_bytes, NameHold::Shared)?;
        let ready = Self { draft, temporary, former_salt: None, is_cached: false };
        ready.sync(platform).inspect_err(|_| drop(platform.remove(&ready.temporary)))?;
        Ok(ready.with_ready_pages(prefault_bytes))
    }

    /// Makes a retired segment the next one, if it has the right size and nobody reads it; `None` otherwise.
    ///
    /// The kernel's cache has the file's pages, or so the caller assumes, if it `is_cached`.
    ///
    /// Old records stay in it. Their place words have the old salt, so they never pass as new ones.
    ///
    /// # Errors
    ///
    /// [`CreateError::Linked`] if the file may belong to others, too: in a copy made with hard links, or moved to an
    /// archive.
    pub(crate) fn recycled(
        platform: &dyn Platform,
        segment: &Path,
        capacity_bytes: u64,
        prefault_bytes: usize,
        is_cached: bool,
    ) -> Result<Option<Self>, CreateError> {
        let failed = |action| move |source| CreateError::io(segment, action, source);
        let file = match open_to_write(segment) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(_) if is_link(segment) => return Err(CreateError::Linked { path: segment.into(), names: 0 }),
            other => other.map_err(failed("open the segment"))?,
        };
        refuse_shared(segment, segment, &file)?;
        let len_bytes = file.metadata().map_err(failed("look at the segment"))?.len();
        let Ok(SegmentFile { info, .. }) = SegmentFile::open(segment) else { return Ok(None) };
        if len_bytes != capacity_bytes {
            return Ok(None);
        }
        let name = temporary_name(OsStr::new(TEMPORARY_START), TEMPORARY_END);
        let temporary = folder_of(segment).join(name);
        platform.rename_new(segment, &temporary).map_err(failed("set aside for recycling"))?;
        let former_salt = info.header.salt();
        // Somebody may have made a link to it since.
        let made = refuse_shared(segment, &temporary, &file).and_then(|()| {
            Self::of_retired(platform, segment, &temporary, file, capacity_bytes, former_salt)
        });
        if !matches!(made, Ok(Some(_))) {
            // The name was only for the records in it, and those are retired.
            platform.remove(&temporary).map_err(failed("delete the retired segment"))?;
        }
        made.map(|made| made.map(|ready| Self { is_cached, ..ready }.with_ready_pages(prefault_bytes)))
    }

    /// Continues with a retired file that has a temporary name; `None` if somebody reads it.
    fn of_retired(
        platform: &dyn Platform,
        segment: &Path,
        temporary: &Path,
        file: File,
        capacity_bytes: u64,
        former_salt: u32,
    ) -> Result<Option<Self>, CreateError> {
        let failed = |action| move |source| CreateError::io(temporary, action, source);
        // First the name, also on the disk: no segment is ever in the log without its header.
        platform.sync_folder(&folder_of(temporary)).map_err(failed("sync the folder of"))?;
        // Readers hold a shared lock on what they map. One that comes between the rename and this lock finds that the
        // name leads elsewhere: see `share`.
        if file.try_lock().is_err() {
            return match exclusive_holder(&file) {
                None => Ok(None),
                pid => Err(CreateError::LockedSegment { path: segment.into(), pid }),
            };
        }
        file.unlock().map_err(failed("unlock"))?;
        let mut draft = NewFile::fill(platform, temporary, file, capacity_bytes, NameHold::Shared)?;
        // From here on the file is no log. Only the header's page is synced: syncing what else is dirty in the file
        // would be wasted work.
        // Without the pages after it, which would be read from the disk.
        draft.map.bring_pages_around(false);
        draft.map.erase_header();
        platform
            .sync_map(&draft.map.handle(), 0, FILE_HEADER_LEN as u64)
            .map_err(failed("sync the erased header of"))?;
        Ok(Some(Self {
            draft,
            temporary: temporary.into(),
            former_salt: Some(former_salt),
            is_cached: false,
        }))
    }

    fn sync(&self, platform: &dyn Platform) -> Result<(), CreateError> {
        let folder = folder_of(&self.temporary);
        platform
            .sync_file(&self.draft.file)
            .and_then(|()| platform.sync_folder(&folder))
            .map_err(|source| CreateError::io(&self.temporary, "sync the new segment", source))
    }

    /// Comes last, because a sync of the whole file would take the pages away again.
    fn with_ready_pages(mut self, prefault_bytes: usize) -> Self {
        // If the header's page brings others with it, each sync of the header writes all of them.
        self.draft.map.bring_pages_around(prefault_bytes as u64 > PAGE_BYTES);
        self.draft.map.handle().populate_window(prefault_bytes);
        self
    }

    /// Deletes the file, which was never used.
    pub(crate) fn discard(self, platform: &dyn Platform) {
        // A file that stays is found and deleted when the log is opened the next time.
        let _ = platform.remove(&self.temporary);
    }
}

/// Returns whether this name is one of a file that a log's writer prepares or prepared.
pub(crate) fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(TEMPORARY_START) && name.ends_with(TEMPORARY_END))
}

/// Fails unless `path`, which the log knows as `segment`, is the only name of the open file.
fn refuse_shared(segment: &Path, path: &Path, file: &File) -> Result<(), CreateError> {
    let failed = |source| CreateError::io(segment, "look at the segment", source);
    let names = names_of(file).map_err(failed)?;
    if names == 1 && is_at(path, file).map_err(failed)? {
        return Ok(());
    }
    Err(CreateError::Linked { path: segment.into(), names })
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::platform::Linux;
    use crate::storage::error::OpenError;
    use crate::storage::log::writer::LogWriter;
    use crate::storage::read::mapped::log_reader::LogReader;
    use crate::storage::read::mapped::segment_reader::MmapReader;
    use crate::storage::segment::file::is_unused;
    use ringlog_nostd::EventHeader;

    fn segment(folder: &Path) -> PathBuf {
        let mut writer = LogWriter::options().segment_bytes(8192).open(folder).unwrap();
        writer.write_event(&EventHeader::new(1, 2, 3), b"abc").unwrap();
        writer.close().unwrap();
        LogReader::open(folder).unwrap().segments()[0].path.clone()
    }

    #[test]
    fn a_segment_that_somebody_reads_is_not_recycled() {
        let folder = tempfile::tempdir().unwrap();
        let path = segment(&folder.path().join("first"));
        let reader = MmapReader::open(&path).unwrap();
        assert!(SpareSegment::recycled(&Linux, &path, 8192, 0, false).unwrap().is_none());
        assert_eq!(reader.replay(|_| ()).unwrap(), 1);
        assert!(!path.exists(), "it is retired all the same");
        drop(reader);
        let path = segment(&folder.path().join("second"));
        assert!(SpareSegment::recycled(&Linux, &path, 4096, 0, false).unwrap().is_none(), "another size");
        let recycled = SpareSegment::recycled(&Linux, &path, 8192, 0, false).unwrap().unwrap();
        assert!(!path.exists() && is_temporary(&recycled.temporary));
        assert!(matches!(MmapReader::open(&recycled.temporary), Err(OpenError::Unnamed { .. })));
        assert!(is_unused(&recycled.temporary).unwrap());
        assert!(recycled.former_salt.is_some());
    }

    #[test]
    fn a_segment_that_is_gone_is_not_recycled_and_one_that_cannot_be_opened_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            SpareSegment::recycled(&Linux, &folder.path().join("gone"), 8192, 0, false).unwrap().is_none()
        );
        assert!(matches!(
            SpareSegment::recycled(&Linux, folder.path(), 8192, 0, false),
            Err(CreateError::Io { .. })
        ));
    }

    #[test]
    fn names_of_prepared_segments_are_no_segments_names() {
        let name = || temporary_name(OsStr::new(TEMPORARY_START), TEMPORARY_END);
        assert!(is_temporary(Path::new(&name())) && name() != name());
        for other in ["00000000000000000000.evtl", "writer", ".hidden", "x.ringlog-new", ".x.ringlog-new"] {
            assert!(!is_temporary(Path::new(other)), "{other}");
        }
    }
}
