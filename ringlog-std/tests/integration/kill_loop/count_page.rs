//! Counts that outlive a killed process, in a page of their own that the library does not use.

use memmap2::{MmapOptions, MmapRaw};
use std::fs::OpenOptions;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbered counts in a shared mapping of a file.
pub(crate) struct CountPage {
    map: MmapRaw,
}

impl CountPage {
    /// Makes the file with `slots` counts of 0.
    pub(crate) fn create(path: &Path, slots: usize) -> Self {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path).unwrap();
        file.set_len(slots as u64 * 8).unwrap();
        Self::open(path)
    }

    pub(crate) fn open(path: &Path) -> Self {
        let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
        Self { map: MmapOptions::new().map_raw(&file).unwrap() }
    }

    fn slot(&self, slot: usize) -> &AtomicU64 {
        assert!(slot * 8 + 8 <= self.map.len());
        let word = self.map.as_mut_ptr().wrapping_add(slot * 8).cast::<u64>();
        // SAFETY: 1. Inside the mapping, just checked, which lives as long as `self`. 2. 8-aligned, as mappings
        // start at a page. 3. All uses of these words are atomic.
        unsafe { AtomicU64::from_ptr(word) }
    }

    pub(crate) fn store(&self, slot: usize, count: u64) {
        // ORDERING: Release. Not before the write that it counts has returned.
        self.slot(slot).store(count, Ordering::Release);
    }

    pub(crate) fn load(&self, slot: usize) -> u64 {
        // ORDERING: Relaxed. Its writer is dead and waited for, or its value is a lower bound.
        self.slot(slot).load(Ordering::Relaxed)
    }
}
