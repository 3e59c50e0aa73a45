//! Finishing a sealed segment that nobody has synced: its writer has set it down so, or died.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ringlog_nostd::{FILE_HEADER_LEN, FileHeader};

use super::durable::{Durable, DurableParts};
use super::error::SyncError;
use super::files::open_to_write;
use super::held::{Hold, WRITER_WAITS, hold_within};
use super::mmap::WriteMap;
use super::platform::Platform;
use super::sync::AtomicBool;

/// How much is stored again at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// What came of opening it again.
enum Again {
    Open(Arc<Durable>),
    /// Another file has the name by now, or none.
    Gone,
    /// Another program has locked it.
    Locked,
}

/// A sealed segment that nobody has synced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Unsynced {
    pub(super) path: PathBuf,
    /// Its writer is dead, and with it what it knew of syncs that failed.
    is_of_dead_run: bool,
}

impl Unsynced {
    pub(super) fn of_this_run(path: &Path) -> Self {
        Self { path: path.into(), is_of_dead_run: false }
    }

    pub(super) const fn of_dead_run(path: PathBuf) -> Self {
        Self { path, is_of_dead_run: true }
    }

    /// Syncs the segment and marks it as clean; does nothing if it was retired meanwhile.
    ///
    /// Returns `false`, and has done nothing, if another program keeps the segment locked. With `is_alone` the caller sees
    /// to it that nothing is retired, and the lock is not needed.
    pub(super) fn finish(
        &self,
        platform: &Arc<dyn Platform>,
        poisoned: &Arc<AtomicBool>,
        is_alone: bool,
    ) -> Result<bool, SyncError> {
        let failed = |source| SyncError::Folder {
            path: self.path.clone(),
            action: "open the segment to sync it",
            source,
        };
        match self.open_again(platform, poisoned, is_alone) {
            Ok(Again::Open(durable)) => durable.finish().map(|_| true),
            Ok(Again::Gone) => Ok(true),
            Ok(Again::Locked) => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(source) => Err(failed(source)),
        }
    }

    fn open_again(
        &self,
        platform: &Arc<dyn Platform>,
        poisoned: &Arc<AtomicBool>,
        is_alone: bool,
    ) -> io::Result<Again> {
        let path = &self.path;
        let file = open_to_write(path)?;
        match hold_within(path, &file, if is_alone { 0 } else { WRITER_WAITS })? {
            Hold::Gone => return Ok(Again::Gone),
            Hold::Locked if !is_alone => return Ok(Again::Locked),
            Hold::Held | Hold::Locked => {}
        }
        let map = WriteMap::new(&file, platform.witness(&file))?;
        let Ok(header) = FileHeader::from_bytes(&map.header_bytes()) else { return Ok(Again::Gone) };
        if self.is_of_dead_run {
            let from = header.synced_offset.max(FILE_HEADER_LEN as u64);
            store_again(&**platform, &file, from, header.write_offset)?;
        }
        let parts = DurableParts {
            platform: Arc::clone(platform),
            map: map.handle(),
            file,
            path: path.clone(),
            temporary: None,
            poisoned: Arc::clone(poisoned),
        };
        Ok(Again::Open(Durable::new(parts, &header)))
    }
}

/// Stores the bytes between these offsets as they are.
///
/// After a sync that failed the kernel takes the pages for clean although the disk does not have them
/// ([LWN 752063](https://lwn.net/Articles/752063/)): the next sync would write nothing. So they are made dirty.
pub(super) fn store_again(platform: &dyn Platform, file: &File, from: u64, to: u64) -> io::Result<()> {
    let mut bytes = Vec::new();
    let mut at = from;
    while at < to {
        let left = usize::try_from(to - at).unwrap_or(CHUNK_BYTES);
        bytes.resize(left.min(CHUNK_BYTES), 0);
        file.read_exact_at(&mut bytes, at)?;
        platform.write_at(file, &bytes, at)?;
        at += bytes.len() as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::MmapWriter;
    use crate::storage::platform::Linux;
    use crate::storage::power_loss::trace::{Op, Recorder};
    use ringlog_nostd::{field, file_flags};
    use std::fs;

    #[test]
    fn what_is_stored_again_is_all_of_it_and_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Recorder::new("boot");
        let file = disk.create_new(&folder.path().join("segment")).unwrap();
        let bytes: Vec<u8> = (0..2 * CHUNK_BYTES + 500).map(|at| (at % 251) as u8).collect();
        file.write_all_at(&bytes, 0).unwrap();
        for (from, to) in [(0, 64), (64, 65), (100, 100), (100, bytes.len() as u64)] {
            disk.trace.take();
            store_again(&disk, &file, from, to).unwrap();
            let mut at = from;
            for op in disk.trace.take() {
                let Op::Store { offset, bytes: stored, .. } = op else { panic!("{op:?}") };
                assert_eq!(offset, at);
                assert!(bytes[at as usize..].starts_with(&stored));
                at += stored.len() as u64;
            }
            assert_eq!(at, to, "{from}");
        }
    }

    #[test]
    fn only_a_segment_that_nobody_retires_is_finished() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("segment");
        MmapWriter::options().create_new(&path, 4096).unwrap().close().unwrap();
        let mut bytes = fs::read(&path).unwrap();
        bytes[field::FLAGS] &= !(file_flags::CLEAN as u8);
        fs::write(&path, bytes).unwrap();
        let platform: Arc<dyn Platform> = Arc::new(Linux);
        let finish = || Unsynced::of_this_run(&path).finish(&platform, &Arc::default(), false);
        let is_clean = || fs::read(&path).unwrap()[field::FLAGS] & file_flags::CLEAN as u8 != 0;
        let elsewhere = folder.path().join("elsewhere");
        fs::rename(&path, &elsewhere).unwrap();
        assert!(finish().unwrap());
        fs::rename(&elsewhere, &path).unwrap();
        let foreign = File::open(&path).unwrap();
        foreign.lock().unwrap();
        assert!(!finish().unwrap() && !is_clean(), "locked, and not retired");
        drop(foreign);
        assert!(finish().unwrap() && is_clean());
        fs::remove_file(&path).unwrap();
        assert!(finish().unwrap());
        fs::create_dir(&path).unwrap();
        assert!(matches!(finish(), Err(SyncError::Folder { .. })));
    }
}
