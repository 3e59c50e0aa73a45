//! Letting one caller pass.
#![forbid(unsafe_code)]

use crate::sync::{AtomicBool, Ordering, const_unless_modelled};

/// A door that closes behind the first one. Zero at first.
#[derive(Debug)]
pub(crate) struct Once {
    passed: AtomicBool,
}

impl Once {
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

    // On other targets nobody asks, and the byte keeps the layout the same.
    portable_atomic::cfg_no_atomic_cas! {
        #[expect(dead_code, reason = "keeps the field in use where nothing can swap it")]
        pub(crate) fn has_passed(&self) -> bool {
            // ORDERING: Relaxed. Never stored to.
            self.passed.load(Ordering::Relaxed)
        }
    }
}
