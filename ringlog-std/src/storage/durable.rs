//! Making published bytes durable, and sealing a file: what may happen on another thread than the writer's.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use ringlog_nostd::{FILE_HEADER_LEN, file_flags};
use rustix::fs::{FallocateFlags, fallocate};

use super::SyncError;
use super::mmap::{MapHandle, PAGE_BYTES};

/// The part of a log file that its writer and a helper thread share. Holds the file's lock.
pub(crate) struct Durable {
    map: MapHandle,
    file: File,
    path: PathBuf,
    /// Held during a sync, so that two of them never lower the watermark.
    syncing: Mutex<()>,
    synced_offset: AtomicU64,
    poisoned: AtomicBool,
}

impl Durable {
    pub(crate) fn new(map: MapHandle, file: File, path: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            map,
            file,
            path,
            syncing: Mutex::new(()),
            synced_offset: AtomicU64::new(FILE_HEADER_LEN as u64),
            poisoned: AtomicBool::new(false),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn synced_offset(&self) -> u64 {
        // ORDERING: Relaxed: a number on its own.
        self.synced_offset.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn is_poisoned(&self) -> bool {
        // ORDERING: Relaxed: it guards no other memory, and a writer that sees it late has only published
        // what was never promised to be durable.
        self.poisoned.load(Ordering::Relaxed)
    }

    /// Writes all that is published to stable storage, then raises the watermark, and returns it.
    pub(crate) fn sync(&self) -> Result<u64, SyncError> {
        let _syncing = self.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        self.refuse_if_poisoned()?;
        let (from, to) = (self.synced_offset(), self.map.write_offset());
        if from < to {
            self.sync_range(from, to)?;
            self.map.store_synced_offset(to);
            self.sync_range(0, FILE_HEADER_LEN as u64)?;
            // ORDERING: Relaxed: see `synced_offset`; the mutex orders the syncs among themselves.
            self.synced_offset.store(to, Ordering::Relaxed);
        }
        Ok(to)
    }

    /// Makes a new file and its length durable, before it gets its name.
    pub(crate) fn sync_new(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Says that nothing will be added. The writer has stopped publishing before.
    pub(crate) fn seal(&self) {
        self.map.set_flags(file_flags::SEALED);
    }

    /// Syncs, seals, marks as clean, and gives the blocks of the unused tail back.
    pub(crate) fn finish(&self) -> Result<u64, SyncError> {
        let end = self.sync()?;
        self.seal();
        self.map.set_flags(file_flags::CLEAN);
        self.sync_range(0, FILE_HEADER_LEN as u64)?;
        self.punch_tail(end);
        Ok(end)
    }

    fn punch_tail(&self, end: u64) {
        let start = end.next_multiple_of(PAGE_BYTES);
        let capacity_bytes = self.file.metadata().map_or(0, |metadata| metadata.len());
        if start < capacity_bytes {
            // Only saves space: a file system that cannot do it keeps the blocks.
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            let _ = fallocate(&self.file, flags, start, capacity_bytes - start);
        }
    }

    fn sync_range(&self, from: u64, to: u64) -> Result<(), SyncError> {
        self.map.sync(from, to).map_err(|source| {
            self.poison();
            SyncError::Failed { path: self.path.clone(), from, to, source }
        })
    }

    /// Remembers that a sync failed, for good.
    pub(crate) fn poison(&self) {
        // ORDERING: Relaxed: see `is_poisoned`.
        self.poisoned.store(true, Ordering::Relaxed);
    }

    fn refuse_if_poisoned(&self) -> Result<(), SyncError> {
        if self.is_poisoned() { Err(SyncError::Poisoned { path: self.path.clone() }) } else { Ok(()) }
    }
}
