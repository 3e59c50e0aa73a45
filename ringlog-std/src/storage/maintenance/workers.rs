//! The threads that do a log's [maintenance](Maintenance), so that its writer only stores and writes records.
//!
//! There are three, because the disk may delay each of them for long: one keeps pages prefaulted ahead of the writer,
//! one keeps the next segment ready, one syncs. The writer never wakes them. The first checks the writer again and
//! again, less often if nothing happens, and wakes the others.
#![forbid(unsafe_code)]

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::os::ownership::OwnerProcess;
use crate::os::sync::{AtomicBool, Builder, JoinHandle, Thread, now, park_timeout};
use crate::storage::error::SyncError;
use crate::storage::maintenance::maintenance::{Maintenance, WriterAt};
use crate::storage::maintenance::policies::SyncPolicy;

/// The shortest and the longest pause between two checks.
const PAUSE: (Duration, Duration) = (Duration::from_micros(500), Duration::from_millis(20));
/// How often limits of age, and the log's lock, are checked if nothing else happens.
const RETENTION_PERIOD: Duration = Duration::from_secs(1);

/// The running threads. Dropping this ends them, each after its present step.
#[derive(Debug)]
pub(crate) struct Workers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    process: OwnerProcess,
}

impl Workers {
    pub(crate) fn start(maintenance: &Arc<Maintenance>) -> io::Result<Self> {
        let mut workers = Self { stop: Arc::default(), threads: Vec::new(), process: OwnerProcess::this() };
        workers.spawn("ringlog-segments", maintenance, segments())?;
        if !matches!(maintenance.rules().sync, SyncPolicy::Never) {
            workers.spawn("ringlog-sync", maintenance, Maintenance::sync_step)?;
        }
        let others = workers.threads.iter().map(|thread| thread.thread().clone()).collect();
        workers.spawn("ringlog-pages", maintenance, pages(others))?;
        Ok(workers)
    }

    /// Returns whether all of them run: none has failed or panicked.
    pub(crate) fn are_alive(&self) -> bool {
        !self.threads.iter().any(JoinHandle::is_finished)
    }

    /// Makes them check at once.
    pub(crate) fn wake(&self) {
        self.threads.iter().for_each(|thread| thread.thread().unpark());
    }

    fn spawn(
        &mut self,
        name: &str,
        maintenance: &Arc<Maintenance>,
        step: impl FnMut(&Maintenance) -> Result<bool, SyncError> + Send + 'static,
    ) -> io::Result<()> {
        let (stop, maintenance) = (Arc::clone(&self.stop), Arc::clone(maintenance));
        let thread = Builder::new().name(name.to_owned()).spawn(move || repeat(&stop, &maintenance, step))?;
        self.threads.push(thread);
        Ok(())
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        if !self.process.is_here() {
            // A forked child has none of the threads, and nothing to end or to detach.
            return self.threads.drain(..).for_each(std::mem::forget);
        }
        // ORDERING: Relaxed. Joining the threads hands everything over.
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            // A step that panicked has left a whole log; the writer continues without it.
            let _ = thread.join();
        }
    }
}

/// Runs the step again and again, less often if there is nothing to do. Ends at the first failure, which is kept.
fn repeat(
    stop: &AtomicBool,
    maintenance: &Maintenance,
    mut step: impl FnMut(&Maintenance) -> Result<bool, SyncError>,
) {
    let mut pause = PAUSE.0;
    // ORDERING: Relaxed, see `Workers::drop`.
    while !stop.load(Ordering::Relaxed) {
        match step(maintenance) {
            Ok(true) => pause = PAUSE.0,
            Ok(false) => pause = (pause * 2).min(PAUSE.1),
            Err(error) => return maintenance.note_sync_error(error),
        }
        park_timeout(pause);
    }
}

/// Keeps up with the writer as long as it moves, and wakes the others when it has continued in a new segment.
fn pages(others: Vec<Thread>) -> impl FnMut(&Maintenance) -> Result<bool, SyncError> + Send + 'static {
    let mut last = WriterAt::default();
    move |maintenance| {
        let before = std::mem::replace(&mut last, maintenance.pages_step());
        if before.base_sequence != last.base_sequence {
            others.iter().for_each(Thread::unpark);
        }
        Ok(before != last)
    }
}

fn segments() -> impl FnMut(&Maintenance) -> Result<bool, SyncError> + Send + 'static {
    let mut retained = now();
    move |maintenance| {
        if now() - retained >= RETENTION_PERIOD {
            maintenance.retention_step()?;
            retained = now();
        }
        maintenance.spare_step(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::log::writer::LogWriter;
    use crate::storage::tests::single_step::alone;
    use std::path::PathBuf;

    fn failure() -> SyncError {
        let source = io::Error::other("injected");
        SyncError::Folder { path: PathBuf::from("log"), action: "open", source }
    }

    #[test]
    fn a_step_that_fails_stops_the_log_and_its_reason_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = alone(folder.path(), LogWriter::options());
        let maintenance = Arc::clone(&writer.maintenance);
        repeat(&AtomicBool::new(false), &maintenance, |_| Err(failure()));
        assert!(maintenance.is_poisoned());
        assert!(writer.sync().unwrap_err().to_string().contains("injected"));
    }

    #[test]
    fn a_failure_that_says_less_is_not_kept_as_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = alone(folder.path(), LogWriter::options());
        writer.maintenance.note_sync_error(SyncError::Poisoned { path: folder.path().into() });
        writer.maintenance.note_sync_error(failure());
        assert!(writer.sync().unwrap_err().to_string().contains("injected"));
    }
}
