//! Mapped log files: all unsafe code of the storage.
//!
//! **File contract**, cited below. Nobody but a ringlog writer changes a log file while it is mapped, and
//! nobody makes it shorter. A writer stores only into the header's mutable words, atomically, and into
//! the bytes at and above `write_offset`, which it moves up, never down. There is one writer per file: it
//! holds the file's exclusive lock. What lies between the header and `write_offset` therefore never changes.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fmt, io, slice};

use memmap2::{Advice, MmapOptions, MmapRaw, UncheckedAdvice};
use ringlog_nostd::format::{FILE_HEADER_LEN, FileHeader, field};
use ringlog_nostd::internal::publication::{self, AtomicU32, AtomicU64, HeaderWords};

use crate::os::sync::before_load;

#[cfg(not(all(target_os = "linux", target_pointer_width = "64", target_has_atomic = "64")))]
compile_error!("ringlog maps log files by 64-bit addresses and words: build it for a 64-bit Linux target");

/// Granularity of capacities. Every mapping starts at a multiple of it.
pub(crate) const PAGE_BYTES: u64 = 4096;
/// How far ahead of the writer pages are prefaulted at once.
const POPULATE_BYTES: usize = 1 << 20;

/// A whole mapped file, at least a header long.
struct Mapping {
    raw: MmapRaw,
    /// Pages below this were prefaulted, by the writer or by a worker.
    populated_bytes: AtomicUsize,
    /// Tests only: what is notified of stores.
    witness: Option<Arc<dyn StoreWitness>>,
}

impl Mapping {
    fn new(raw: MmapRaw, witness: Option<Arc<dyn StoreWitness>>) -> io::Result<Self> {
        if raw.len() < FILE_HEADER_LEN {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        Ok(Self { raw, populated_bytes: AtomicUsize::new(0), witness })
    }

    /// Prefaults the pages up to `end`, some MiB at a time, so that other threads soon see the first ones.
    fn populate_to(&self, end: usize) {
        // ORDERING: Relaxed, here and below: a hint. Populating twice, or a page too few, costs time only.
        let mut from = self.populated_bytes.load(Ordering::Relaxed);
        while from < end {
            let to = end.min(from.saturating_add(POPULATE_BYTES));
            // Without this the pages come one fault at a time: slower, and nothing else.
            let _ = self.raw.advise_range(Advice::PopulateWrite, from, to - from);
            from = to.max(self.populated_bytes.fetch_max(to, Ordering::Relaxed));
        }
    }
}

impl HeaderWords for Mapping {
    #[inline]
    fn word64(&self, at: usize) -> &AtomicU64 {
        assert!(at.is_multiple_of(8) && at + 8 <= FILE_HEADER_LEN);
        let word = self.raw.as_mut_ptr().wrapping_add(at).cast::<u64>();
        // SAFETY: 1. The assertion and `new` put the 8 bytes inside the mapping, which lives as long as
        // `self`. 2. Mappings start at a page, so the word is 8-aligned. 3. All access to the header is by
        // atomics of this size at this place (file contract). 4. In a read-only mapping only Relaxed loads
        // are made of it (`publication::read_header`), which `std::sync::atomic` allows on read-only memory for
        // this size.
        unsafe { AtomicU64::from_ptr(word) }
    }

    #[inline]
    fn word32(&self, at: usize) -> &AtomicU32 {
        assert!(at.is_multiple_of(4) && (field::FLAGS..=field::HEADER_CHECKSUM).contains(&at));
        let word = self.raw.as_mut_ptr().wrapping_add(at).cast::<u32>();
        // SAFETY: as in `word64`, with 4 bytes and 4-alignment.
        unsafe { AtomicU32::from_ptr(word) }
    }

    /// Notifies the witness, if there is one, of a store.
    #[inline]
    fn stored(&self, at: usize, bytes: &[u8]) {
        if let Some(witness) = &self.witness {
            witness.stored(at as u64, bytes);
        }
    }
}

/// A log file mapped for reading.
pub(crate) struct ReadMap {
    mapping: Mapping,
    /// 64 to the length of the mapping: what readers may read.
    published_bytes: usize,
}

impl ReadMap {
    /// Maps the whole file. Nothing counts as published before [`set_published`](Self::set_published).
    pub(crate) fn new(file: &File) -> io::Result<Self> {
        let mapping = Mapping::new(MmapOptions::new().map_raw_read_only(file)?, None)?;
        Ok(Self { mapping, published_bytes: FILE_HEADER_LEN })
    }

    pub(crate) fn len_bytes(&self) -> u64 {
        self.mapping.raw.len() as u64
    }

    pub(crate) fn header_bytes(&self) -> [u8; FILE_HEADER_LEN] {
        publication::read_header(&self.mapping)
    }

    /// Takes over a `write_offset` that was loaded from this file; `false` if it is not possible.
    pub(crate) fn set_published(&mut self, write_offset: u64) -> bool {
        let end = usize::try_from(write_offset).unwrap_or(usize::MAX);
        let fits = (self.published_bytes..=self.mapping.raw.len()).contains(&end);
        if fits {
            self.published_bytes = end;
        }
        fits
    }

    pub(crate) const fn published_bytes(&self) -> u64 {
        self.published_bytes as u64
    }

    /// Returns all records that are published.
    pub(crate) fn records(&self) -> &[u8] {
        let start = self.mapping.raw.as_mut_ptr().wrapping_add(FILE_HEADER_LEN).cast_const();
        // SAFETY: 1. `published_bytes` lies between 64 and the length of the mapping, which lives as long
        // as `self`. 2. Bytes between the header and a `write_offset` that was loaded never change again
        // (file contract); `publication::read_header` made them visible.
        unsafe { slice::from_raw_parts(start, self.published_bytes - FILE_HEADER_LEN) }
    }
}

/// The one writer's view of a mapped log file.
pub(crate) struct WriteMap {
    mapping: Arc<Mapping>,
    /// Where the next record goes: 64 to the length of the mapping, never less than the header's `write_offset`. More
    /// while what was [staged](Self::stage) is not published.
    write_offset: usize,
    /// The mapping's populated bytes, as this writer last loaded them.
    populated_bytes: usize,
}

impl WriteMap {
    /// Maps a file of which the caller is the only writer, and which nobody else knows yet.
    pub(crate) fn new(file: &File, witness: Option<Arc<dyn StoreWitness>>) -> io::Result<Self> {
        let mapping = Mapping::new(MmapOptions::new().map_raw(file)?, witness)?;
        Ok(Self { mapping: Arc::new(mapping), write_offset: FILE_HEADER_LEN, populated_bytes: 0 })
    }

    /// Sets whether a page that is touched brings its neighbours into the kernel's cache, as it does by default. That
    /// is cheaper over time, but costs the first store into a new file some milliseconds.
    pub(crate) fn bring_pages_around(&mut self, together: bool) {
        // A refusal costs time only.
        let _ = self.mapping.raw.advise(if together { Advice::Normal } else { Advice::Random });
    }

    /// Returns what other threads need to make published bytes durable.
    pub(crate) fn handle(&self) -> MapHandle {
        MapHandle { mapping: Arc::clone(&self.mapping) }
    }

    pub(crate) fn capacity_bytes(&self) -> u64 {
        self.mapping.raw.len() as u64
    }

    pub(crate) const fn write_offset(&self) -> u64 {
        self.write_offset as u64
    }

    #[inline]
    pub(crate) fn remaining_bytes(&self) -> usize {
        self.mapping.raw.len() - self.write_offset
    }

    /// Stores a whole header, the word with the magic last: without it the file is no log yet.
    pub(crate) fn store_header(&mut self, header: &FileHeader) {
        publication::store_header(&*self.mapping, header);
    }

    /// Makes the header all zeros, of a file that will be recycled and that nobody else has mapped.
    pub(crate) fn erase_header(&mut self) {
        publication::erase_header(&*self.mapping);
    }

    /// Returns all bytes that are not published yet.
    #[inline]
    pub(crate) fn unpublished(&mut self) -> &mut [u8] {
        let start = self.mapping.raw.as_mut_ptr().wrapping_add(self.write_offset);
        // SAFETY: 1. `write_offset` is at most the length of the mapping, which lives as long as `self`. 2. No reader
        // reads at or above the published `write_offset`, and the header is below it (file contract). 3. This is the
        // file's only writer, and the borrow of `self` lasts as long as the slice.
        unsafe { slice::from_raw_parts_mut(start, self.remaining_bytes()) }
    }

    /// Notifies a test's witness that the first `bytes` of [`unpublished`](Self::unpublished) were stored.
    #[inline]
    pub(crate) fn show_to_witness(&mut self, bytes: usize) {
        if let Some(witness) = self.mapping.witness.clone() {
            let offset = self.write_offset();
            witness.stored(offset, &self.unpublished()[..bytes]);
        }
    }

    /// Moves past the first `bytes` of [`unpublished`](Self::unpublished), which the next publication publishes too.
    ///
    /// # Panics
    ///
    /// If there are not that many.
    pub(crate) fn stage(&mut self, bytes: usize) {
        assert!(bytes <= self.remaining_bytes());
        self.write_offset += bytes;
    }

    /// Goes back to what was published.
    pub(crate) fn unstage(&mut self) {
        // The word was stored by this writer: 64 to the length of the mapping.
        self.write_offset = publication::write_offset(&*self.mapping) as usize;
    }

    /// Publishes the first `bytes` of [`unpublished`](Self::unpublished), and with them `event_count`.
    ///
    /// # Panics
    ///
    /// If there are not that many.
    #[inline]
    pub(crate) fn publish(&mut self, bytes: usize, event_count: u64) {
        assert!(bytes <= self.remaining_bytes());
        self.write_offset += bytes;
        publication::publish(&*self.mapping, self.write_offset as u64, event_count);
    }

    /// Notes that whole pages of the next `bytes` bytes came by a call. They are not to be prefaulted any more.
    pub(crate) fn pass_populated(&mut self, bytes: usize) {
        let end = (self.write_offset + bytes) / PAGE_BYTES as usize * PAGE_BYTES as usize;
        if end > self.populated_bytes {
            self.populated_bytes = end;
            // ORDERING: Relaxed, see `Mapping::populate_to`.
            self.mapping.populated_bytes.fetch_max(end, Ordering::Relaxed);
        }
    }

    /// Prefaults the pages that the next `bytes` bytes will need, some MiB at a time, unless a worker did.
    #[inline]
    pub(crate) fn populate_ahead(&mut self, bytes: usize) {
        let end = self.write_offset.saturating_add(bytes).min(self.mapping.raw.len());
        if end > self.populated_bytes {
            self.populate_to(end);
        }
    }

    #[cold]
    fn populate_to(&mut self, end: usize) {
        // ORDERING: Relaxed, see `Mapping::populate_to`.
        self.populated_bytes = self.mapping.populated_bytes.load(Ordering::Relaxed);
        if end > self.populated_bytes {
            let ahead = self.populated_bytes.saturating_add(POPULATE_BYTES);
            self.populated_bytes = end.max(ahead).min(self.mapping.raw.len());
            self.mapping.populate_to(self.populated_bytes);
        }
    }
}

/// A share in a writer's mapping, for the thread that makes its bytes durable and seals it.
#[derive(Clone)]
pub(crate) struct MapHandle {
    mapping: Arc<Mapping>,
}

impl MapHandle {
    /// Returns what the writer has published.
    pub(crate) fn write_offset(&self) -> u64 {
        before_load();
        publication::write_offset(&*self.mapping)
    }

    pub(crate) fn len_bytes(&self) -> u64 {
        self.mapping.raw.len() as u64
    }

    /// Returns which file this is, for a test's platform.
    #[cfg(test)]
    pub(crate) fn witness(&self) -> Option<&Arc<dyn StoreWitness>> {
        self.mapping.witness.as_ref()
    }

    /// Prefaults the pages up to `window_bytes` ahead of the writer, once it has used up a quarter of them.
    pub(crate) fn populate_window(&self, window_bytes: usize) {
        let written = usize::try_from(self.write_offset()).unwrap_or(usize::MAX);
        let len = self.mapping.raw.len();
        // ORDERING: Relaxed, see `Mapping::populate_to`.
        let populated = self.mapping.populated_bytes.load(Ordering::Relaxed);
        if populated < written.saturating_add(window_bytes / 4 * 3).min(len) {
            self.mapping.populate_to(written.saturating_add(window_bytes).min(len));
        }
    }

    /// Raises the durable watermark. Call it only after the sync of everything below it has returned.
    pub(crate) fn store_synced_offset(&self, offset: u64) {
        publication::raise_synced_offset(&*self.mapping, offset);
    }

    /// Sets SEALED, CLEAN or both, which nothing clears again.
    pub(crate) fn set_flags(&self, flags: u32) {
        publication::set_flags(&*self.mapping, flags);
    }

    /// Takes whole pages, to which nobody stores any more, out of this mapping. Their bytes stay in the kernel's
    /// cache, and a load brings them back.
    ///
    /// A sync would write-protect them one by one, and each time interrupt every processor that runs a thread of this
    /// process, the hot path's too.
    fn unmap_pages(&self, from: u64, to: u64) {
        if from < to {
            let (from, bytes) = (from as usize, (to - from) as usize);
            // SAFETY: the mapping is of a file and shared, so its pages are the file's: dropping them from the
            // mapping changes no byte. The writer is past them, and loads find them again.
            // A refusal costs time only.
            let _ =
                unsafe { self.mapping.raw.unchecked_advise_range(UncheckedAdvice::DontNeed, from, bytes) };
        }
    }

    /// Writes the pages that hold these bytes to stable storage and waits for it.
    pub(crate) fn sync(&self, from: u64, to: u64) -> io::Result<()> {
        let len = self.mapping.raw.len() as u64;
        let (from, to) = ((from / PAGE_BYTES * PAGE_BYTES).min(len), to.min(len));
        self.unmap_pages(from.max(PAGE_BYTES), to / PAGE_BYTES * PAGE_BYTES);
        // Both are at most the length of the mapping, a `usize`.
        self.mapping.raw.flush_range(from as usize, to.saturating_sub(from) as usize)
    }
}

/// Is notified of every store into a mapping, right after it.
pub(crate) trait StoreWitness: fmt::Debug + Send + Sync {
    /// Takes note that these bytes are at `offset` now.
    fn stored(&self, offset: u64, bytes: &[u8]);

    /// Returns which file it is.
    #[cfg(test)]
    fn id(&self) -> u64;
}
