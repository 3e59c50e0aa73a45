//! Where a log's writer gets its next segment from: the helper threads, or itself where there are none.
#![forbid(unsafe_code)]

use std::time::Duration;

use crate::os::sync::sleep;
use crate::storage::error::AppendError;
use crate::storage::maintenance::maintenance::Upkeep;
use crate::storage::maintenance::workers::Helpers;
use crate::storage::segment::spare::Prepared;

/// How long to wait for the helpers before looking again.
const STALL_PAUSE: Duration = Duration::from_micros(100);
/// Segments that may be full and not synced, the one being written included.
pub(crate) const MAX_OPEN_SEGMENTS: usize = 16;

/// The upkeep of a log and its helper threads, as a roll sees them.
#[derive(Debug)]
pub(crate) struct Supply<'a> {
    upkeep: &'a Upkeep,
    /// Those that have not ended.
    helpers: Option<&'a Helpers>,
    /// Waits so far.
    stalls: &'a mut u64,
}

impl<'a> Supply<'a> {
    pub(crate) const fn new(upkeep: &'a Upkeep, helpers: Option<&'a Helpers>, stalls: &'a mut u64) -> Self {
        Self { upkeep, helpers, stalls }
    }

    /// Helpers that are at work. They end when they fail.
    fn live_helpers(&self) -> Option<&'a Helpers> {
        self.helpers.filter(|helpers| helpers.are_alive())
    }

    /// Where the disk cannot keep up, the writer waits: what is not durable stays bounded, and so do the files
    /// that retention cannot take.
    pub(crate) fn wait_for_syncs(&mut self) -> Result<(), AppendError> {
        let mut has_waited = false;
        while self.upkeep.open_segments() >= MAX_OPEN_SEGMENTS
            && let Some(helpers) = self.live_helpers()
        {
            if self.upkeep.is_poisoned() {
                return Err(self.upkeep.poisoned());
            }
            helpers.wake();
            sleep(STALL_PAUSE);
            *self.stalls += u64::from(!has_waited);
            has_waited = true;
        }
        Ok(())
    }

    /// The next segment: prepared already, or now.
    pub(crate) fn next_segment(&mut self) -> Result<Prepared, AppendError> {
        if let Some(Ok(next)) = self.upkeep.take_next() {
            return Ok(next);
        }
        *self.stalls += 1;
        // An earlier failure is no reason to fail now. A helper may have begun the attempt that fails first before it was
        // asked, when there was no room yet.
        let mut has_asked = self.helpers.is_none();
        loop {
            self.have_next_prepared()?;
            match self.upkeep.take_next() {
                Some(Err(_)) if !has_asked => has_asked = true,
                Some(next) => return Ok(next?),
                None => {}
            }
        }
    }

    /// Lets the helper do it, which makes the segment's first pages ready for this thread, too.
    fn have_next_prepared(&self) -> Result<(), AppendError> {
        match self.live_helpers() {
            Some(_) if self.upkeep.is_poisoned() => Err(self.upkeep.poisoned()),
            Some(helpers) => {
                self.upkeep.want_next();
                helpers.wake();
                sleep(STALL_PAUSE);
                Ok(())
            }
            // The helpers have ended with a failure, or there are none.
            None => {
                let prepared = self.upkeep.prepare_step(true).map(drop);
                prepared.map_err(|error| self.upkeep.explain_append(error.into()))
            }
        }
    }
}
