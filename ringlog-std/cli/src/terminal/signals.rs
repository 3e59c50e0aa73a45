//! Signals: a first SIGINT, SIGTERM or SIGHUP asks for a clean end, a second one ends at once; SIGXFSZ has no effect.
//!
//! Where the messages of `serve` go to a file, SIGHUP has it opened again instead.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::terminal::messages::reopen_flag;

/// Makes a write beyond the limit on file sizes an error (EFBIG), as on a full disk, instead of the end of the program.
///
/// It is enough that the signal has a handler: nobody reads the flag that the handler sets.
pub(crate) fn survive_file_size_limit() -> io::Result<()> {
    flag::register(Signal::XFSZ.as_raw(), Arc::default()).map(drop)
}

/// A flag that is set once the program is asked to end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Returns a flag that the signals set.
    pub(crate) fn on_signals() -> io::Result<Self> {
        Self::on(&[SIGINT, SIGTERM, SIGHUP])
    }

    /// Does the same, without SIGHUP: that opens the file of messages again.
    pub(crate) fn on_signals_but_hangup() -> io::Result<Self> {
        flag::register(SIGHUP, reopen_flag())?;
        Self::on(&[SIGINT, SIGTERM])
    }

    fn on(signals: &[i32]) -> io::Result<Self> {
        let stop = Self::default();
        for &signal in signals {
            // In this order, a second signal finds the flag set and ends the process.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop.0))?;
            flag::register(signal, Arc::clone(&stop.0))?;
        }
        Ok(stop)
    }

    /// Whether the program was asked to end.
    pub(crate) fn is_set(&self) -> bool {
        // ORDERING: Relaxed. The flag carries nothing but itself.
        self.0.load(Ordering::Relaxed)
    }

    /// Sets the flag, as a signal does.
    #[cfg(test)]
    pub(crate) fn set(&self) {
        // ORDERING: Relaxed, as in `is_set`.
        self.0.store(true, Ordering::Relaxed);
    }
}
