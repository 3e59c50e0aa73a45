//! The memory that the start-up code leaves alone.

use core::ptr::NonNull;

unsafe extern "C" {
    static mut _retained_start: u8;
    static mut _retained_end: u8;
}

/// The first bytes of the memory hold the number of resets of a test. The ring gets the rest.
const RING_OFFSET: usize = 64;

/// Returns start and length in bytes of the memory for a ring.
#[must_use]
pub fn retained_memory() -> (NonNull<u8>, usize) {
    let start = &raw mut _retained_start;
    let end = &raw mut _retained_end;
    let len = end.addr() - start.addr() - RING_OFFSET;
    (NonNull::new(start.wrapping_add(RING_OFFSET)).unwrap_or(NonNull::dangling()), len)
}

/// The number of resets of a test so far, kept beside the ring.
pub struct Phase(*mut [u32; 2]);

impl Phase {
    /// Returns the place of the number. Call it once.
    #[must_use]
    pub fn here() -> Self {
        Self((&raw mut _retained_start).cast())
    }

    /// Returns the number, or 0 if the memory holds none.
    #[must_use]
    pub fn get(&self) -> u32 {
        // SAFETY: the linker script reserves this memory for it; any bytes are integers.
        let [number, complement] = unsafe { self.0.read_volatile() };
        if number == !complement { number } else { 0 }
    }

    /// Stores the number.
    pub fn set(&mut self, number: u32) {
        // SAFETY: as in `get`.
        unsafe { self.0.write_volatile([number, !number]) };
    }
}
