//! Lets one caller pass.
#![forbid(unsafe_code)]

use crate::sync::{AtomicBool, Ordering, const_unless_modelled};

/// Lets the first caller pass and no other. All zero at first.
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
        /// Returns `true` to exactly one caller.
        pub(crate) fn is_first(&self) -> bool {
            // ORDERING: Relaxed. In any order only one swap finds `false`. Nothing was written before that the first
            // caller would have to see.
            !self.passed.swap(true, Ordering::Relaxed)
        }
    }

    /// Lets nobody pass from now on, without checking whether anyone has. Needs no compare-and-swap: the caller
    /// guarantees that nobody is in `is_first` meanwhile.
    pub(crate) fn close(&self) {
        // ORDERING: Relaxed. By the caller's promise each swap comes after this store, so it finds `true` by the
        // coherence of this one word. Nothing else is read because of it.
        self.passed.store(true, Ordering::Relaxed);
    }
}
