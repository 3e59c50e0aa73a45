//! The file of a segment without a log in it, for comparing a log with a plain copy.
#![forbid(unsafe_code)]

use std::path::Path;

use crate::os::platform::{Linux, Platform};
use crate::storage::error::CreateError;
use crate::storage::segment::spare::SpareSegment;

/// A file created as the next segment of a log is: allocated, synced, mapped, with all of its pages prefaulted.
///
/// Readers of the folder ignore its name. The file is deleted when this is dropped. One that a kill leaves is deleted
/// when the log is opened the next time.
pub(crate) struct PlainFile {
    /// `None` only while it is dropped.
    prepared: Option<SpareSegment>,
}

impl PlainFile {
    /// Creates one for at least `bytes` bytes.
    pub(crate) fn create_in(folder: &Path, bytes: usize) -> Result<Self, CreateError> {
        let capacity = bytes as u64 + crate::os::mmap::PAGE_BYTES;
        let prepared = SpareSegment::fresh(&Linux as &dyn Platform, folder, capacity, bytes)?;
        Ok(Self { prepared: Some(prepared) })
    }

    /// Returns the mapping, past the room for a header.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        self.prepared.as_mut().map_or(&mut [], |prepared| prepared.draft.map.unpublished())
    }
}

impl Drop for PlainFile {
    fn drop(&mut self) {
        if let Some(prepared) = self.prepared.take() {
            prepared.discard(&Linux);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::error::OpenError;
    use crate::storage::read::mapped::log_reader::LogReader;

    #[test]
    fn readers_do_not_see_it_and_it_goes() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = PlainFile::create_in(folder.path(), 10_000).unwrap();
        assert!(file.bytes_mut().len() >= 10_000);
        file.bytes_mut().fill(7);
        assert!(matches!(LogReader::open(folder.path()), Err(OpenError::NoSegments { .. })));
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
        drop(file);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(PlainFile::create_in(&folder.path().join("none"), 1).is_err());
    }
}
