//! Where a log's writer gets its next segment from: the worker threads, or the writer itself if there are none.
#![forbid(unsafe_code)]

use std::time::Duration;

use crate::os::sync::sleep;
use crate::storage::error::AppendError;
use crate::storage::maintenance::maintenance::Maintenance;
use crate::storage::maintenance::workers::Workers;
use crate::storage::segment::spare::SpareSegment;

/// How long to wait for the workers before the next check.
const STALL_PAUSE: Duration = Duration::from_micros(100);

/// The maintenance of a log and its worker threads, as a roll sees them.
#[derive(Debug)]
pub(crate) struct Supply<'a> {
    maintenance: &'a Maintenance,
    /// Worker threads that have not ended.
    workers: Option<&'a Workers>,
    /// Waits so far.
    stalls: &'a mut u64,
}

impl<'a> Supply<'a> {
    pub(crate) const fn new(
        maintenance: &'a Maintenance,
        workers: Option<&'a Workers>,
        stalls: &'a mut u64,
    ) -> Self {
        Self { maintenance, workers, stalls }
    }

    /// Returns the workers if they still run. They end when they fail.
    fn live_workers(&self) -> Option<&'a Workers> {
        self.workers.filter(|workers| workers.are_alive())
    }

    /// Waits if the disk cannot keep up. So what is not durable stays bounded, and so do the files that retention
    /// cannot take.
    pub(crate) fn wait_for_syncs(&mut self) -> Result<(), AppendError> {
        let mut has_waited = false;
        while self.maintenance.open_segments() >= self.maintenance.max_open_segments
            && let Some(workers) = self.live_workers()
        {
            if self.maintenance.is_poisoned() {
                return Err(self.maintenance.poisoned());
            }
            workers.wake();
            sleep(STALL_PAUSE);
            *self.stalls += u64::from(!has_waited);
            has_waited = true;
        }
        Ok(())
    }

    /// Returns the next segment: the spare one, or one that is prepared now.
    pub(crate) fn next_segment(&mut self) -> Result<SpareSegment, AppendError> {
        if let Some(Ok(next)) = self.maintenance.spares.take() {
            return Ok(next);
        }
        *self.stalls += 1;
        // An earlier failure is no reason to fail now. The first attempt to fail may have begun before the writer
        // asked, when there was no room yet.
        let mut has_asked = self.workers.is_none();
        loop {
            self.have_spare_prepared()?;
            match self.maintenance.spares.take() {
                Some(Err(_)) if !has_asked => has_asked = true,
                Some(next) => return Ok(next?),
                None => {}
            }
        }
    }

    /// Lets a worker prepare it, which also prefaults the segment's first pages for this thread.
    fn have_spare_prepared(&self) -> Result<(), AppendError> {
        match self.live_workers() {
            Some(_) if self.maintenance.is_poisoned() => Err(self.maintenance.poisoned()),
            Some(workers) => {
                self.maintenance.spares.request();
                workers.wake();
                sleep(STALL_PAUSE);
                Ok(())
            }
            // The workers have ended with a failure, or there are none.
            None => {
                let spare = self.maintenance.spare_step(true).map(drop);
                spare.map_err(|error| self.maintenance.explain_append(error.into()))
            }
        }
    }
}
