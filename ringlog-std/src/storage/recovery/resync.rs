//! Finishing a sealed segment that is not synced: its writer closed it so, or died.
//!
//! What a dead writer left is read and checked before it is promised. A page of it may be damaged, and after a failed
//! sync the kernel may have read it again from a disk that never got it.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ringlog_nostd::format::FILE_HEADER_LEN;

use crate::os::files::open_to_write;
use crate::os::mmap::WriteMap;
use crate::os::platform::Platform;
use crate::storage::error::{OpenError, ReadError, SyncError};
use crate::storage::read::scan::segment_scan::FileScan;
use crate::storage::segment::file::{SegmentFile, read_up_to};
use crate::storage::segment::flusher::{FlusherParts, SegmentFlusher};
use crate::storage::segment::poison::Poison;
use crate::storage::segment::share::{Hold, hold_within};

/// How much is stored again at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// A sealed segment that is not synced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NeedsSync {
    pub(crate) path: PathBuf,
    /// Its writer is dead, and with it the knowledge of failed syncs.
    is_of_dead_run: bool,
}

/// Why a segment of a dead writer cannot be promised to its end.
#[derive(Debug)]
pub(crate) struct Damage {
    pub(crate) error: ReadError,
    /// The log's position below which everything is whole and on stable storage, if that is known.
    pub(crate) durable_position: Option<u64>,
}

/// How finishing a segment ended.
#[derive(Debug)]
pub(crate) enum Finished {
    /// It is synced, or gone.
    Done,
    /// Another program keeps it locked.
    Locked,
    /// It cannot be promised to its end.
    Damaged(Damage),
}

/// The circumstances in which a segment is finished.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FinishInputs {
    /// The caller ensures that nothing is retired, so the segment's lock is not needed.
    pub(crate) is_alone: bool,
    /// A segment before it is damaged.
    pub(crate) is_after_damage: bool,
}

/// A segment that is open again.
struct Again {
    flusher: Arc<SegmentFlusher>,
    /// The file for reading, and its header.
    segment: SegmentFile,
}

impl NeedsSync {
    pub(crate) fn of_this_run(path: &Path) -> Self {
        Self { path: path.into(), is_of_dead_run: false }
    }

    pub(crate) const fn of_dead_run(path: PathBuf) -> Self {
        Self { path, is_of_dead_run: true }
    }

    /// Syncs the segment and, unless a segment before it is damaged, marks it as clean. Does nothing if it was
    /// retired meanwhile, or if another program keeps it locked.
    ///
    /// Of a damaged segment, only what is whole before the damage is synced. Locks are waited for up to `waits_left`
    /// milliseconds.
    pub(crate) fn finish(
        &self,
        platform: &Arc<dyn Platform>,
        poison: &Arc<Poison>,
        circumstances: FinishInputs,
        waits_left: &mut u32,
    ) -> Result<Finished, SyncError> {
        let failed = |source| SyncError::Folder {
            path: self.path.clone(),
            action: "open the segment to sync it",
            source,
        };
        let FinishInputs { is_alone, is_after_damage } = circumstances;
        let file = match open_to_write(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Finished::Done),
            // A link or a folder in its place is no reason to end the recording.
            Err(source) if self.is_of_dead_run => {
                return Ok(Finished::damaged_at_start(OpenError::io(
                    &self.path,
                    "open the segment to sync it",
                    source,
                )));
            }
            other => other.map_err(failed)?,
        };
        match hold_within(&self.path, &file, waits_left).map_err(failed)? {
            Hold::Gone => return Ok(Finished::Done),
            Hold::Locked if !is_alone => return Ok(Finished::Locked),
            Hold::Held | Hold::Locked => {}
        }
        let segment = match SegmentFile::of(&self.path, file.try_clone().map_err(failed)?) {
            Ok(segment) => segment,
            Err(error) => return Ok(Finished::damaged_at_start(error)),
        };
        if self.is_of_dead_run && is_after_damage && segment.info.is_synced() {
            return Ok(Finished::Done);
        }
        if let Err(error) = segment.info.check_length() {
            return Ok(Finished::damaged_at_start(error));
        }
        let again = self.open_again(platform, poison, file, segment).map_err(failed)?;
        if self.is_of_dead_run {
            again.finish_checked(&**platform, is_after_damage)
        } else {
            again.flusher.finish(!is_after_damage).map(|_| Finished::Done)
        }
    }

    fn open_again(
        &self,
        platform: &Arc<dyn Platform>,
        poison: &Arc<Poison>,
        file: File,
        segment: SegmentFile,
    ) -> io::Result<Again> {
        let map = WriteMap::new(&file, platform.witness(&file))?;
        let parts = FlusherParts {
            platform: Arc::clone(platform),
            map: map.handle(),
            file,
            path: self.path.clone(),
            temporary: None,
            poison: Arc::clone(poison),
            is_cached: false,
        };
        Ok(Again { flusher: SegmentFlusher::new(parts, &segment.info.header), segment })
    }
}

impl Finished {
    /// Returns the damage of a segment in which nothing can be used.
    fn damaged_at_start(error: OpenError) -> Self {
        Self::Damaged(Damage { error: ReadError::Segment(Box::new(error)), durable_position: None })
    }
}

impl Again {
    /// Stores again what was not synced, then reads everything in the segment, and promises what is whole.
    fn finish_checked(self, platform: &dyn Platform, is_after_damage: bool) -> Result<Finished, SyncError> {
        let Self { flusher, segment } = self;
        let header = segment.info.header;
        let from = header.synced_offset.max(FILE_HEADER_LEN as u64);
        let path = segment.info.path.clone();
        // First, because dirty pages do not change any more while they are read.
        let stored = store_again(platform, &segment.file, from, header.write_offset).map_err(|source| {
            let to = header.write_offset;
            flusher.poison_because(SyncError::Failed { path: path.clone(), from, to, source })
        })?;
        let mut scan = FileScan::of(segment);
        let error = match (read_through(&mut scan), stored.unreadable) {
            (Ok(()), None) => return flusher.finish(!is_after_damage).map(|_| Finished::Done),
            (Ok(()), Some(source)) => ReadError::Io { path, offset: stored.to, source },
            (Err(error), _) => error,
        };
        // With a wrong count no record is known to be the last good one.
        let is_record = !matches!(error, ReadError::EventCount { .. });
        let whole_below = if is_record { scan.offset().min(stored.to) } else { from };
        if whole_below > from {
            flusher.sync_below(whole_below)?;
        }
        Ok(Finished::Damaged(Damage { error, durable_position: Some(scan.position_at(whole_below)) }))
    }
}

/// Reads and checks every record.
fn read_through(scan: &mut FileScan) -> Result<(), ReadError> {
    loop {
        scan.pass_valid(|_| ());
        if !scan.advance()? {
            return Ok(());
        }
    }
}

/// How far bytes were stored again.
#[derive(Debug)]
pub(crate) struct StoredAgain {
    pub(crate) to: u64,
    /// Why it stopped there.
    pub(crate) unreadable: Option<io::Error>,
}

/// Stores the bytes between these offsets as they are, as far as they can be read.
///
/// After a failed sync the kernel treats the pages as clean although the disk does not have them ([LWN
/// 752063](https://lwn.net/Articles/752063/)): the next sync would write nothing. So this makes them dirty.
pub(crate) fn store_again(
    platform: &dyn Platform,
    file: &File,
    from: u64,
    to: u64,
) -> io::Result<StoredAgain> {
    let mut bytes = Vec::new();
    let mut at = from;
    while at < to {
        let left = usize::try_from(to - at).unwrap_or(CHUNK_BYTES);
        bytes.resize(left.min(CHUNK_BYTES), 0);
        let read = match read_up_to(file, &mut bytes, at) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            other => other,
        };
        match read {
            Ok(read) => bytes.truncate(read),
            Err(error) => return Ok(StoredAgain { to: at, unreadable: Some(error) }),
        }
        platform.write_at(file, &bytes, at)?;
        at += bytes.len() as u64;
    }
    Ok(StoredAgain { to, unreadable: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::platform::Linux;
    use crate::storage::segment::writer::MmapWriter;
    use crate::storage::tests::power_loss::trace::{Op, Recorder};
    use ringlog_nostd::format::{field, file_flags};
    use std::fs;
    use std::os::unix::fs::FileExt;

    #[test]
    fn what_is_stored_again_is_all_of_it_and_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Recorder::new("boot");
        let file = disk.create_new(&folder.path().join("segment")).unwrap();
        let bytes: Vec<u8> = (0..2 * CHUNK_BYTES + 500).map(|at| (at % 251) as u8).collect();
        file.write_all_at(&bytes, 0).unwrap();
        for (from, to) in [(0, 64), (64, 65), (100, 100), (100, bytes.len() as u64)] {
            disk.trace.take();
            let stored = store_again(&disk, &file, from, to).unwrap();
            assert!(stored.to == to && stored.unreadable.is_none());
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
        let finish_in = |is_alone| {
            let circumstances = FinishInputs { is_alone, is_after_damage: false };
            NeedsSync::of_this_run(&path).finish(&platform, &Arc::default(), circumstances, &mut 3)
        };
        let finish = || finish_in(false);
        let is_done = |finished| matches!(finished, Ok(Finished::Done));
        let is_clean = || fs::read(&path).unwrap()[field::FLAGS] & file_flags::CLEAN as u8 != 0;
        let elsewhere = folder.path().join("elsewhere");
        fs::rename(&path, &elsewhere).unwrap();
        assert!(is_done(finish()));
        fs::rename(&elsewhere, &path).unwrap();
        let foreign = File::open(&path).unwrap();
        foreign.lock().unwrap();
        assert!(matches!(finish(), Ok(Finished::Locked)) && !is_clean(), "locked, and not retired");
        drop(foreign);
        assert!(is_done(finish()) && is_clean());
        fs::remove_file(&path).unwrap();
        assert!(is_done(finish()));
        fs::create_dir(&path).unwrap();
        assert!(matches!(finish(), Err(SyncError::Folder { .. })));
    }
}
