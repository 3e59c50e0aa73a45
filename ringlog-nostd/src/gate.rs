//! The gate of a group of producers. It is shut once for all of them, and no write is missed meanwhile.
#![forbid(unsafe_code)]

use crate::sync::{AtomicUsize, Ordering, const_unless_modelled, fence, near_fence};

/// How a producer orders its two steps at the gate: it notes that it is inside, then looks whether the gate is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fence {
    /// By a fence.
    Full,
    /// By the compiler alone. The thread that shuts the gate makes each processor that runs this program execute a fence, as
    /// [`membarrier`](https://man7.org/linux/man-pages/man2/membarrier.2.html) does.
    Remote,
}

/// Whether a group of producers may write. A word of zero is shut, so that memory which a fork has wiped is.
#[derive(Debug)]
#[repr(transparent)]
pub struct Gate {
    open: AtomicUsize,
}

/// One producer's note that it is inside.
#[derive(Debug)]
pub struct Seat {
    inside: AtomicUsize,
}

/// A producer inside the gate. It leaves when this is dropped.
#[derive(Debug)]
pub struct Inside<'s> {
    seat: &'s Seat,
}

impl Gate {
    const_unless_modelled! {
        /// Returns a gate that is shut.
        #[must_use]
        pub fn new() -> Self {
            Self { open: AtomicUsize::new(0) }
        }
    }

    /// Opens the gate. Only before others know of it.
    pub fn open(&self) {
        // ORDERING: Relaxed. The hand-over of the gate to the producers orders it.
        self.open.store(1, Ordering::Relaxed);
    }

    /// Returns whether the gate is open.
    #[inline]
    #[must_use]
    pub fn is_open(&self) -> bool {
        // ORDERING: Relaxed. In `enter` the fence orders it. Anywhere else it may be stale.
        self.open.load(Ordering::Relaxed) != 0
    }

    /// Lets the producer of `seat` in, unless the gate is shut.
    #[inline]
    pub fn enter<'s>(&self, seat: &'s Seat, by: Fence) -> Option<Inside<'s>> {
        // ORDERING: Relaxed. The fence below orders it.
        seat.inside.store(1, Ordering::Relaxed);
        match by {
            // ORDERING: SeqCst fence, GATE. Pairs with the fence in `shut`: either this producer sees the gate shut, or
            // the thread that shut it sees that the producer is inside.
            Fence::Full => fence(Ordering::SeqCst),
            // The same pair. The fence of this side is made by the call that `shut` asks for.
            Fence::Remote => near_fence(),
        }
        let inside = Inside { seat };
        self.is_open().then_some(inside)
    }

    /// Shuts the gate. Where producers use [`Fence::Remote`], the caller makes their processors execute a fence then,
    /// before it looks at the seats.
    pub fn shut(&self) {
        // ORDERING: Relaxed. The fence below orders it.
        self.open.store(0, Ordering::Relaxed);
        // ORDERING: SeqCst fence, GATE. Pairs with the fence in `enter`, which has the argument.
        fence(Ordering::SeqCst);
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Seat {
    const_unless_modelled! {
        /// Returns the seat of a producer that is not inside.
        #[must_use]
        pub fn new() -> Self {
            Self { inside: AtomicUsize::new(0) }
        }
    }

    /// Returns whether its producer is inside. After [`shut`](Gate::shut), `false` is final, and all that the producer has
    /// stored is visible.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        // ORDERING: Acquire, LEAVE. Pairs with the Release in the drop of `Inside`: the producer's last stores to its
        // ring are visible to a thread that sees that it left.
        self.inside.load(Ordering::Acquire) != 0
    }
}

impl Default for Seat {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Inside<'_> {
    #[inline]
    fn drop(&mut self) {
        // ORDERING: Release, LEAVE. Pairs with the Acquire in `is_taken`: what this producer stored comes before.
        self.seat.inside.store(0, Ordering::Release);
    }
}

#[cfg(all(test, not(ringlog_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_gate_lets_in_until_it_is_shut() {
        for fence in [Fence::Full, Fence::Remote] {
            let (gate, seat) = (Gate::default(), Seat::default());
            assert!(gate.enter(&seat, fence).is_none(), "shut at first");
            gate.open();
            let inside = gate.enter(&seat, fence);
            assert!(inside.is_some() && seat.is_taken());
            gate.shut();
            assert!(seat.is_taken(), "who is inside may finish");
            drop(inside);
            assert!(!seat.is_taken() && gate.enter(&seat, fence).is_none() && !seat.is_taken());
        }
    }
}
