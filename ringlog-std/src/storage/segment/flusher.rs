//! Making published bytes durable, and finishing a file: the work of another thread than the writer's.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ringlog_nostd::format::{FILE_HEADER_LEN, FileHeader, file_flags};

use crate::os::files::folder_of;
use crate::os::mmap::{MapHandle, PAGE_BYTES};
use crate::os::ownership::OwnerProcess;
use crate::os::platform::Platform;
use crate::os::sync::{AtomicU64, Mutex, lock};
use crate::storage::error::SyncError;
use crate::storage::segment::poison::Poison;

/// The part of a log file that its writer and its workers share. Holds the file's lock.
pub(crate) struct SegmentFlusher {
    platform: Arc<dyn Platform>,
    map: MapHandle,
    file: File,
    path: PathBuf,
    base_position: u64,
    /// Set as long as `path` is not durable; held while the file is renamed.
    unnamed: Mutex<Option<TemporaryName>>,
    /// The kernel's cache had the file's pages when writing began.
    is_cached: bool,
    /// Length of the GAP records at the start that take no position.
    preamble_bytes: AtomicU64,
    /// Held during a sync, so that two of them never lower the watermark.
    syncing: Mutex<()>,
    synced_offset: AtomicU64,
    /// Whether the blocks of the unused tail were given back. Held meanwhile, and while pages are prefaulted.
    is_tail_gone: Mutex<bool>,
    /// Set once a sync has failed; shared by all files of a log.
    poison: Arc<Poison>,
    process: OwnerProcess,
}

/// State of a file that does not have its final name yet.
struct TemporaryName {
    /// The temporary name.
    temporary: PathBuf,
    /// Whether the header is on stable storage. No record can be durable before, so one sync of it is enough.
    has_durable_header: bool,
}

/// The parts that make a [`SegmentFlusher`].
pub(crate) struct FlusherParts {
    pub(crate) platform: Arc<dyn Platform>,
    pub(crate) map: MapHandle,
    pub(crate) file: File,
    /// The file's final name.
    pub(crate) path: PathBuf,
    /// The name until then: see [`SegmentFlusher::rename_into_place`].
    pub(crate) temporary: Option<PathBuf>,
    pub(crate) poison: Arc<Poison>,
    pub(crate) is_cached: bool,
}

impl SegmentFlusher {
    pub(crate) fn new(parts: FlusherParts, header: &FileHeader) -> Arc<Self> {
        let FlusherParts { platform, map, file, path, temporary, poison, is_cached } = parts;
        Arc::new(Self {
            platform,
            map,
            file,
            path,
            base_position: header.base_position,
            is_cached,
            unnamed: Mutex::new(
                temporary.map(|temporary| TemporaryName { temporary, has_durable_header: false }),
            ),
            preamble_bytes: AtomicU64::new(0),
            syncing: Mutex::new(()),
            synced_offset: AtomicU64::new(FILE_HEADER_LEN as u64),
            is_tail_gone: Mutex::new(false),
            poison,
            process: OwnerProcess::this(),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn map(&self) -> &MapHandle {
        &self.map
    }

    /// Returns whether stores through the mapping find their pages, so that it is the fastest way for runs of any length.
    pub(crate) const fn is_cached(&self) -> bool {
        self.is_cached
    }

    pub(crate) fn synced_offset(&self) -> u64 {
        // ORDERING: Relaxed. The number guards no other memory.
        self.synced_offset.load(Ordering::Relaxed)
    }

    /// Adds the bytes of a preamble GAP record that is about to be published.
    /// Sets the length of the META records, before anything is published.
    pub(crate) fn set_preamble(&self, bytes: u64) {
        // ORDERING: Relaxed: see `add_preamble`.
        self.preamble_bytes.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn add_preamble(&self, bytes: u64) {
        // ORDERING: Relaxed: the record's publication, a Release store that `sync` loads with Acquire, follows.
        self.preamble_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Returns the log's position below which everything is on stable storage, according to this file.
    pub(crate) fn durable_position(&self) -> u64 {
        self.position_at(self.synced_offset())
    }

    /// Returns the log's position below which everything is published, according to this file.
    pub(crate) fn published_position(&self) -> u64 {
        self.position_at(self.map.write_offset())
    }

    /// Returns the log's position past the file's last byte: the most that fits.
    pub(crate) fn end_position(&self) -> u64 {
        self.position_at(self.map.len_bytes())
    }

    fn position_at(&self, offset: u64) -> u64 {
        // ORDERING: Relaxed: see `add_preamble`.
        let preamble_bytes = self.preamble_bytes.load(Ordering::Relaxed);
        // As in `PositionTracker::at`. An offset in the preamble counts as the preamble's end.
        self.base_position + offset.saturating_sub(FILE_HEADER_LEN as u64 + preamble_bytes)
    }

    #[inline]
    pub(crate) fn is_poisoned(&self) -> bool {
        self.poison.is_set()
    }

    /// Returns whether this process writes the file, and is not a child that it forked.
    pub(crate) fn is_of_this_process(&self) -> bool {
        self.process.is_here()
    }

    /// Returns whether the file has its final name, so that a reader finds it.
    pub(crate) fn is_named(&self) -> bool {
        lock(&self.unnamed).is_none()
    }

    /// Syncs the header of a file that has no final name yet.
    pub(crate) fn sync_header(&self) -> Result<(), SyncError> {
        lock(&self.unnamed).as_mut().map_or(Ok(()), |unnamed| self.sync_header_of(unnamed))
    }

    fn sync_header_of(&self, unnamed: &mut TemporaryName) -> Result<(), SyncError> {
        if !unnamed.has_durable_header {
            self.sync_range(0, FILE_HEADER_LEN as u64)?;
            unnamed.has_durable_header = true;
        }
        Ok(())
    }

    /// Syncs the header, renames the file to its final name and syncs the folder, before any record becomes durable.
    pub(crate) fn rename_into_place(&self) -> Result<(), SyncError> {
        let mut guard = lock(&self.unnamed);
        let Some(unnamed) = &mut *guard else { return Ok(()) };
        // The thread that had the lock before may have failed. A second sync of the same pages would succeed, and
        // write nothing.
        self.refuse_if_poisoned()?;
        // A named file always has its header, also after a loss of power.
        self.sync_header_of(unnamed)?;
        let failed = |source| {
            self.poison_because(SyncError::Folder {
                path: self.path.clone(),
                action: "name the segment",
                source,
            })
        };
        self.platform.rename_new(&unnamed.temporary, &self.path).map_err(failed)?;
        // If the folder's sync fails, this is the name to delete.
        unnamed.temporary.clone_from(&self.path);
        self.platform.sync_folder(&folder_of(&self.path)).map_err(failed)?;
        *guard = None;
        Ok(())
    }

    /// Deletes the file, which holds no record.
    pub(crate) fn remove(&self) -> Result<(), SyncError> {
        let unnamed = lock(&self.unnamed);
        let path = unnamed.as_ref().map_or(&self.path, |unnamed| &unnamed.temporary);
        let removed = self.platform.remove(path);
        removed.and_then(|()| self.platform.sync_folder(&folder_of(path))).map_err(|source| {
            SyncError::Folder { path: path.into(), action: "delete the empty file", source }
        })
    }

    /// Writes unpublished bytes by a call. On an error the log is poisoned: what is in the file now is unknown.
    pub(crate) fn write_at(&self, bytes: &[u8], offset: u64, is_uncached: bool) -> Result<(), SyncError> {
        let platform = &self.platform;
        let written = if is_uncached {
            platform.write_at_uncached(&self.file, bytes, offset)
        } else {
            platform.write_at(&self.file, bytes, offset)
        };
        written.map_err(|source| {
            let (path, to) = (self.path.clone(), offset + bytes.len() as u64);
            self.poison_because(SyncError::Written { path, from: offset, to, source })
        })
    }

    /// Writes everything that is published to stable storage, then raises the watermark, and returns it.
    pub(crate) fn sync(&self) -> Result<u64, SyncError> {
        self.sync_below(self.map.write_offset())
    }

    /// Does the same for what is below `to`, which is published.
    pub(crate) fn sync_below(&self, to: u64) -> Result<u64, SyncError> {
        if !self.is_of_this_process() {
            return Err(SyncError::OtherProcess { path: self.path.clone() });
        }
        let _syncing = lock(&self.syncing);
        self.refuse_if_poisoned()?;
        self.rename_into_place()?;
        let from = self.synced_offset();
        if from < to {
            self.sync_range(from, to)?;
            self.map.store_synced_offset(to);
            self.sync_range(0, FILE_HEADER_LEN as u64)?;
            // ORDERING: Relaxed: see `synced_offset`; the mutex orders the syncs among themselves.
            self.synced_offset.store(to, Ordering::Relaxed);
        }
        Ok(to)
    }

    /// Syncs bytes below `to` that are stored and not published. The watermark stays where it is.
    pub(crate) fn sync_staged(&self, to: u64) -> Result<(), SyncError> {
        if !self.is_of_this_process() {
            return Err(SyncError::OtherProcess { path: self.path.clone() });
        }
        let _syncing = lock(&self.syncing);
        self.refuse_if_poisoned()?;
        self.sync_range(FILE_HEADER_LEN as u64, to)
    }

    /// Makes a new file and its length durable, before it gets its name.
    pub(crate) fn sync_new(&self) -> io::Result<()> {
        self.platform.sync_file(&self.file)
    }

    /// Marks the file as complete: nothing will be added. The writer has stopped publishing before.
    pub(crate) fn seal(&self) {
        self.map.set_flags(file_flags::SEALED);
    }

    /// Syncs, seals, marks the file as clean if `is_clean`, and gives the blocks of the unused tail back.
    ///
    /// CLEAN promises that everything before it in its log is on stable storage, too.
    pub(crate) fn finish(&self, is_clean: bool) -> Result<u64, SyncError> {
        let end = self.sync()?;
        self.seal();
        if is_clean {
            self.map.set_flags(file_flags::CLEAN);
        }
        self.sync_range(0, FILE_HEADER_LEN as u64)?;
        self.punch_tail();
        Ok(end)
    }

    /// Prefaults pages ahead of the writer. Past its end that would take the blocks of the unused tail again.
    pub(crate) fn prefault(&self, window_bytes: usize) {
        let is_tail_gone = lock(&self.is_tail_gone);
        if !*is_tail_gone {
            self.map.populate_window(window_bytes);
        }
    }

    /// Gives the blocks of the unused tail back. Nothing is added any more.
    pub(crate) fn punch_tail(&self) {
        let mut is_tail_gone = lock(&self.is_tail_gone);
        *is_tail_gone = true;
        let start = self.map.write_offset().next_multiple_of(PAGE_BYTES);
        let capacity_bytes = self.map.len_bytes();
        if start < capacity_bytes {
            self.platform.punch(&self.file, start, capacity_bytes - start);
        }
    }

    fn sync_range(&self, from: u64, to: u64) -> Result<(), SyncError> {
        self.check_length()?;
        self.platform.sync_map(&self.map, from, to).map_err(|source| {
            self.poison_because(SyncError::Failed { path: self.path.clone(), from, to, source })
        })
    }

    /// Fails if another program made the file shorter. A call that writes makes it long again, without the bytes.
    fn check_length(&self) -> Result<(), SyncError> {
        let (path, expected_bytes) = (|| self.path.clone(), self.map.len_bytes());
        match self.file.metadata().map(|metadata| metadata.len()) {
            Ok(len_bytes) if len_bytes >= expected_bytes => Ok(()),
            Ok(len_bytes) => Err(SyncError::Shortened { path: path(), len_bytes, expected_bytes }),
            Err(source) => Err(SyncError::Failed { path: path(), from: 0, to: expected_bytes, source }),
        }
        .map_err(|error| self.poison_because(error))
    }

    /// Marks the log, for good, as one whose sync failed, without a reason.
    pub(crate) fn poison(&self) {
        self.poison.set();
    }

    /// Marks the log in the same way with a reason, and returns the reason.
    pub(crate) fn poison_because(&self, reason: SyncError) -> SyncError {
        self.poison.because(reason)
    }

    fn refuse_if_poisoned(&self) -> Result<(), SyncError> {
        if self.is_poisoned() { Err(SyncError::Poisoned { path: self.path.clone() }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::log::writer::LogWriter;
    use crate::storage::segment::writer::MmapWriter;
    use crate::storage::tests::single_step::{alone, write};
    use std::os::unix::fs::MetadataExt;

    /// A worker reads which segment is active, and prefaults its pages only after that segment is finished.
    #[test]
    fn pages_of_a_finished_segment_are_not_made_ready() {
        let folder = tempfile::tempdir().unwrap();
        let options = LogWriter::options().segment_bytes(16 << 20).prefault_bytes(0);
        let mut writer = alone(folder.path(), options);
        let flusher = Arc::clone(writer.active.writer().map(MmapWriter::flusher).unwrap());
        write(&mut writer, 0).unwrap();
        writer.roll().unwrap();
        writer.sync().unwrap();
        let blocks = || std::fs::metadata(flusher.path()).unwrap().blocks();
        assert_eq!(blocks(), 8);
        flusher.prefault(16 << 20);
        assert_eq!(blocks(), 8);
        writer.close().unwrap();
    }
}
