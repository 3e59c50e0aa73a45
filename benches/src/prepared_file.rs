//! A mapped file whose pages are prefaulted: every writer is measured with it.

use memmap2::{Advice, MmapOptions, MmapRaw};
use rustix::fs::{FallocateFlags, fallocate};
use std::fs::OpenOptions;
use std::path::Path;

/// A mapped file of whole pages, allocated and populated, that is filled from its start.
pub struct PreparedFile {
    map: MmapRaw,
    at: usize,
}

impl PreparedFile {
    /// Makes the file, with all blocks allocated and all pages prefaulted.
    ///
    /// # Panics
    /// If the system refuses.
    #[must_use]
    pub fn create(path: &Path, bytes: usize) -> Self {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path).expect("a new file");
        fallocate(&file, FallocateFlags::empty(), 0, bytes as u64).expect("room for the file");
        file.sync_all().expect("the blocks are durable");
        let map = MmapOptions::new().map_raw(&file).expect("the file is mapped");
        map.advise(Advice::PopulateWrite).expect("its pages are there");
        Self { map, at: 0 }
    }

    /// Starts at the beginning again, over the old bytes, as recycling a file does.
    pub fn rewind(&mut self) {
        self.at = 0;
    }

    /// Copies the bytes to after those that are there.
    ///
    /// # Panics
    /// If they do not fit.
    #[inline]
    pub fn append(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= self.map.len() - self.at);
        let start = self.map.as_mut_ptr().wrapping_add(self.at);
        // SAFETY: 1. The bytes fit after `at`, inside the mapping, which lives as long as `self`. 2. This is
        // the only user of the file: it was made by `create_new` and is not opened again while it is written.
        let to = unsafe { std::slice::from_raw_parts_mut(start, bytes.len()) };
        to.copy_from_slice(bytes);
        self.at += bytes.len();
    }
}
