//! Finishing a sealed segment that its writer has set down without a sync.
#![forbid(unsafe_code)]

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::Arc;

use ringlog_nostd::FileHeader;

use super::durable::{Durable, DurableParts};
use super::error::SyncError;
use super::held::{leads_to, try_hold};
use super::mmap::WriteMap;
use super::platform::Platform;
use super::sync::AtomicBool;

/// Syncs a sealed segment and marks it as clean; does nothing if it was retired meanwhile.
pub(super) fn finish_file(
    platform: &Arc<dyn Platform>,
    path: &Path,
    poisoned: &Arc<AtomicBool>,
) -> Result<(), SyncError> {
    let failed =
        |source| SyncError::Folder { path: path.into(), action: "open the segment to sync it", source };
    match open_again(platform, path, poisoned) {
        Ok(Some(durable)) => durable.finish().map(drop),
        Ok(None) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(failed(source)),
    }
}

/// `None` if another file has the name by now.
fn open_again(
    platform: &Arc<dyn Platform>,
    path: &Path,
    poisoned: &Arc<AtomicBool>,
) -> io::Result<Option<Arc<Durable>>> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    // Retired, or about to be recycled.
    if !try_hold(&file)? || !leads_to(path, &file)? {
        return Ok(None);
    }
    let map = WriteMap::new(&file, platform.witness(&file))?;
    let Ok(header) = FileHeader::from_bytes(&map.header_bytes()) else { return Ok(None) };
    let parts = DurableParts {
        platform: Arc::clone(platform),
        map: map.handle(),
        file,
        path: path.into(),
        temporary: None,
        poisoned: Arc::clone(poisoned),
    };
    Ok(Some(Durable::new(parts, &header)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::MmapWriter;
    use crate::storage::platform::Linux;
    use ringlog_nostd::{field, file_flags};
    use std::fs::{self, File};

    #[test]
    fn only_a_segment_that_nobody_retires_is_finished() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("segment");
        MmapWriter::options().create_new(&path, 4096).unwrap().close().unwrap();
        let mut bytes = fs::read(&path).unwrap();
        bytes[field::FLAGS] &= !(file_flags::CLEAN as u8);
        fs::write(&path, bytes).unwrap();
        let platform: Arc<dyn Platform> = Arc::new(Linux);
        let finish = || finish_file(&platform, &path, &Arc::default());
        let is_clean = || fs::read(&path).unwrap()[field::FLAGS] & file_flags::CLEAN as u8 != 0;
        let retiring = File::open(&path).unwrap();
        retiring.lock().unwrap();
        finish().unwrap();
        assert!(!is_clean());
        drop(retiring);
        finish().unwrap();
        assert!(is_clean());
        fs::remove_file(&path).unwrap();
        finish().unwrap();
        fs::create_dir(&path).unwrap();
        assert!(matches!(finish(), Err(SyncError::Folder { .. })));
    }
}
