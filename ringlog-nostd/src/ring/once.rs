//! Letting one caller pass.
#![forbid(unsafe_code)]

use crate::sync::{AtomicBool, Ordering, const_unless_modelled};

/// A door that closes behind the first one. Zero at first.
#[derive(Debug)]
pub(crate) struct SplitGuard {
    passed: AtomicBool,
}

impl SplitGuard {
    const_unless_modelled! {
        pub(crate) fn new() -> Self {
            Self { passed: AtomicBool::new(false) }
        }
    }

    portable_atomic::cfg_has_atomic_cas! {
        /// `true` for one caller, whichever it is.
        pub(crate) fn is_first(&self) -> bool {
            // ORDERING: Relaxed. Only one swap finds `false`, whatever the order, and nothing was written before
            // that the first one would have to see.
            !self.passed.swap(true, Ordering::Relaxed)
        }
    }

    /// Closes the door without asking whether somebody has passed. Needs no compare-and-swap: the caller vouches
    /// that nobody is in `is_first` meanwhile.
    pub(crate) fn close(&self) {
        // ORDERING: Relaxed. A swap that comes after this, as the caller's promise says that each does, finds `true`
        // by coherence of the one word; nothing else is read on the strength of it.
        self.passed.store(true, Ordering::Relaxed);
    }
}
