//! A gate that a forked child finds shut.

use std::io;
use std::ptr::{self, NonNull};

use ringlog_nostd::internal::{Fence, Gate, Inside, Seat};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use rustix::thread::{MembarrierCommand, membarrier};

use super::mmap::PAGE_BYTES;

/// A [`Gate`] of this process, in a page that the kernel wipes in a forked child.
#[derive(Debug)]
pub(crate) struct ProcessGate {
    page: NonNull<Gate>,
    fence: Fence,
}

/// Length of the mapping in bytes. The kernel maps whole pages.
const LEN: usize = PAGE_BYTES as usize;

// SAFETY: 1. The page belongs to this value alone, and its address does not change. 2. What is in it is a `Gate`, which is
// made of atomics and may be shared.
unsafe impl Send for ProcessGate {}
// SAFETY: as for `Send`.
unsafe impl Sync for ProcessGate {}

impl ProcessGate {
    /// Returns an open gate. Producers need no fence of their own where the kernel can make one for them.
    pub(crate) fn open() -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at a place that the kernel chooses touches no memory of this program.
        let start = unsafe { mmap_anonymous(ptr::null_mut(), LEN, access, MapFlags::PRIVATE) }?;
        let Some(page) = NonNull::new(start.cast::<Gate>()) else {
            return Err(io::Error::from(io::ErrorKind::OutOfMemory));
        };
        let is_registered = membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok();
        // From here on the drop unmaps the page.
        let gate = Self { page, fence: if is_registered { Fence::Remote } else { Fence::Full } };
        // SAFETY: the advice concerns the fork of a child, whose copy becomes zeros: a gate that is shut.
        unsafe { madvise(start, LEN, Advice::LinuxWipeOnFork) }?;
        gate.gate().open();
        Ok(gate)
    }

    #[inline]
    fn gate(&self) -> &Gate {
        // SAFETY: 1. The page is mapped until the drop, readable and writable, and longer and more aligned than a `Gate`.
        // 2. It was zeros at first, which is a `Gate` that is shut, and has been used as one only.
        unsafe { self.page.as_ref() }
    }

    /// As [`Gate::is_open`].
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.gate().is_open()
    }

    /// As [`Gate::enter`].
    #[inline]
    pub(crate) fn enter<'s>(&self, seat: &'s Seat) -> Option<Inside<'s>> {
        self.gate().enter(seat, self.fence)
    }

    /// Shuts the gate. A producer whose seat is free afterwards does not enter any more.
    pub(crate) fn shut(&self) {
        self.gate().shut();
        if self.fence == Fence::Remote {
            // The process is registered, so the call fails only if the kernel has no memory for it: then each try is a
            // new one.
            while membarrier(MembarrierCommand::PrivateExpedited).is_err() {
                std::thread::yield_now();
            }
        }
    }
}

impl Drop for ProcessGate {
    fn drop(&mut self) {
        // SAFETY: the mapping of `open`, whole. Nobody has a reference into it, as those borrow this value.
        let unmapped = unsafe { munmap(self.page.as_ptr().cast(), LEN) };
        debug_assert_eq!(unmapped, Ok(()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn it_opens_and_shuts() {
        let gate = ProcessGate::open().unwrap();
        let seat = Seat::default();
        assert!(gate.is_open() && gate.enter(&seat).is_some());
        gate.shut();
        assert!(!gate.is_open() && gate.enter(&seat).is_none() && !seat.is_taken());
    }

    #[test]
    fn nothing_is_written_once_it_is_shut_and_the_seat_is_free() {
        let (mut overlapping, mut rounds) = (0, 0);
        while rounds < 50 || (overlapping == 0 && rounds < 10_000) {
            rounds += 1;
            let (gate, seat, count) = (ProcessGate::open().unwrap(), Seat::default(), AtomicU64::new(0));
            std::thread::scope(|scope| {
                let writer = scope.spawn(|| {
                    while let Some(_inside) = gate.enter(&seat) {
                        // ORDERING: Relaxed. The seat orders it.
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                });
                // ORDERING: Relaxed. It waits for the other thread to begin.
                while count.load(Ordering::Relaxed) == 0 {
                    std::thread::yield_now();
                }
                gate.shut();
                while seat.is_taken() {
                    overlapping += 1;
                    std::thread::yield_now();
                }
                // ORDERING: Relaxed. The seat orders it.
                let last = count.load(Ordering::Relaxed);
                writer.join().unwrap();
                // ORDERING: Relaxed. The join orders it.
                assert_eq!(count.load(Ordering::Relaxed), last);
            });
        }
        assert!(overlapping > 0, "never was the producer inside while the gate was shut");
    }
}
