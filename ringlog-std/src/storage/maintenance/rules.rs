//! The options of a log's writer that its maintenance needs too, and what follows from them.
#![forbid(unsafe_code)]

use std::time::Duration;

use crate::os::memory::memory_bytes;
use crate::storage::maintenance::policies::{FullDisk, SyncPolicy};
use crate::storage::maintenance::retention::Retention;
use crate::storage::segment::options::FileOptions;

/// Opening a log prefaults at most this many bytes itself: about a millisecond of work.
const FIRST_READY_BYTES: usize = 2 << 20;
/// The kernel's cache is taken to have the whole of a log that is at most this part of the memory.
const CACHED_SHARE: u64 = 4;
/// By default the writer may be this part of the memory ahead of the disk.
const UNSYNCED_SHARE: u64 = 8;
/// How many segments may be open, no matter how small they are. Each takes a file descriptor and a mapping.
const MAX_OPEN_SEGMENTS: usize = 256;

/// The options of a log's writer that its maintenance needs too.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) segment_bytes: u64,
    /// How far ahead of the writer pages are prefaulted.
    pub(crate) prefault_bytes: usize,
    pub(crate) file: FileOptions,
    pub(crate) retention: Retention,
    pub(crate) full_disk: FullDisk,
    pub(crate) sync: SyncPolicy,
    pub(crate) roll_after: Option<Duration>,
    /// The bytes that this run may write, without GAP records.
    pub(crate) max_bytes: Option<u64>,
    /// How large a log may be for which the kernel's cache is likely to have all of it. `None` goes by the machine's memory.
    pub(crate) cached_bytes: Option<u64>,
    /// How many bytes of full segments may wait for their sync. `None` goes by the machine's memory.
    pub(crate) max_unsynced_bytes: Option<u64>,
    /// Written pages leave the kernel's cache once they are on the disk.
    pub(crate) is_uncached: bool,
}

impl Rules {
    /// Returns whether a whole segment must be prefaulted before it is written. A caller that wants this wants no
    /// page fault, no matter how far a worker has come.
    pub(crate) const fn wants_all_prefaulted(&self) -> bool {
        self.prefault_bytes as u64 >= self.segment_bytes
    }

    /// Returns whether a retired segment's file may be used again. Without checksums old records could pass as new ones.
    pub(crate) const fn may_recycle(&self) -> bool {
        self.file.checksums
    }

    /// Returns whether the oldest segments may be deleted or recycled.
    pub(crate) fn may_retire(&self) -> bool {
        self.retention.is_limited() || self.full_disk == FullDisk::RecycleOldest
    }

    /// Returns how many segments may be open, the active one and at least one that waits for its sync.
    pub(crate) fn max_open_segments(&self) -> usize {
        let unsynced_bytes = self.max_unsynced_bytes.unwrap_or_else(|| memory_bytes() / UNSYNCED_SHARE);
        let waiting = usize::try_from(unsynced_bytes / self.segment_bytes).unwrap_or(usize::MAX);
        waiting.saturating_add(1).clamp(2, MAX_OPEN_SEGMENTS)
    }

    /// Returns how many bytes of the first segment are prefaulted before its log is open. A worker continues from
    /// there.
    pub(crate) const fn first_prefault_bytes(&self) -> usize {
        let is_much = self.prefault_bytes > FIRST_READY_BYTES && !self.wants_all_prefaulted();
        if is_much { FIRST_READY_BYTES } else { self.prefault_bytes }
    }
    /// Returns whether the kernel's cache is likely to have all of a log of this size: so small a part of memory is it.
    pub(crate) fn is_in_cache(&self, log_bytes: u64) -> bool {
        let cached_bytes = self.cached_bytes.unwrap_or_else(|| memory_bytes() / CACHED_SHARE);
        !self.is_uncached && log_bytes <= cached_bytes
    }
}
