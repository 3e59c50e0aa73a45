//! The threads that do a log's [maintenance](crate::storage::maintenance::maintenance), so that its writer makes no file-system call.
//!
//! Three, because each may be held up by the disk for long: one keeps pages ready ahead of the writer, one has
//! the next segment ready, one syncs. The writer never wakes them: the first looks at it again and again, more
//! rarely where nothing happens, and wakes the others.
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

/// The shortest and the longest pause between two looks.
const PAUSE: (Duration, Duration) = (Duration::from_micros(500), Duration::from_millis(20));
/// How often limits of age, and the log's lock, are looked at where nothing else happens.
const RETENTION_PERIOD: Duration = Duration::from_secs(1);

/// The running threads. Dropping it ends them, after the step that they are at.
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

    /// Whether all of them are at work: none has failed or panicked.
    pub(crate) fn are_alive(&self) -> bool {
        !self.threads.iter().any(JoinHandle::is_finished)
    }

    /// Has them look at once.
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
        // ORDERING: Relaxed: joining the threads hands everything over.
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            // A step that panicked has left a log that is whole; the writer goes on without it.
            let _ = thread.join();
        }
    }
}

/// Looks again and again, more rarely where there is nothing to do. Ends at the first failure, which is kept.
fn repeat(
    stop: &AtomicBool,
    maintenance: &Maintenance,
    mut step: impl FnMut(&Maintenance) -> Result<bool, SyncError>,
) {
    let mut pause = PAUSE.0;
    // ORDERING: Relaxed: see `Workers::drop`.
    while !stop.load(Ordering::Relaxed) {
        match step(maintenance) {
            Ok(true) => pause = PAUSE.0,
            Ok(false) => pause = (pause * 2).min(PAUSE.1),
            Err(error) => return maintenance.note_sync_error(error),
        }
        park_timeout(pause);
    }
}

/// Keeps up with the writer as long as it moves, and wakes the others when it has gone on in a new segment.
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
