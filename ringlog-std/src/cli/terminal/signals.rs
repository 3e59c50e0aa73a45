//! Ctrl-C and SIGTERM: the first asks for a clean end, the second ends at once. SIGXFSZ: none at all.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// Has a file that grows beyond the limit on file sizes be an error (EFBIG), as on a full disk, and not the end of the program.
///
/// A signal that is caught is enough: what the handler sets, nobody looks at.
pub(crate) fn survive_file_size_limit() -> io::Result<()> {
    flag::register(Signal::XFSZ.as_raw(), Arc::default()).map(drop)
}

/// Set once somebody asks the program to end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Has the signals set the flag from now on.
    pub(crate) fn on_signals() -> io::Result<Self> {
        let stop = Self::default();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // In this order a second signal, which finds the flag set, ends the process.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop.0))?;
            flag::register(signal, Arc::clone(&stop.0))?;
        }
        Ok(stop)
    }

    /// Whether it is time to end.
    pub(crate) fn is_set(&self) -> bool {
        // ORDERING: Relaxed. The flag carries nothing but itself.
        self.0.load(Ordering::Relaxed)
    }

    /// Asks for the end, as a signal does.
    #[cfg(test)]
    pub(crate) fn set(&self) {
        // ORDERING: Relaxed, as in `is_set`.
        self.0.store(true, Ordering::Relaxed);
    }
}
