//! The threads that do a log's [upkeep](crate::storage::maintenance::maintenance), so that its writer makes no file-system call.
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
use crate::storage::maintenance::maintenance::{Upkeep, WriterAt};
use crate::storage::maintenance::policies::SyncPolicy;

/// The shortest and the longest pause between two looks.
const PAUSE: (Duration, Duration) = (Duration::from_micros(500), Duration::from_millis(20));
/// How often limits of age, and the log's lock, are looked at where nothing else happens.
const RETENTION_PERIOD: Duration = Duration::from_secs(1);

/// The running threads. Dropping it ends them, after the step that they are at.
#[derive(Debug)]
pub(crate) struct Helpers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    process: OwnerProcess,
}

impl Helpers {
    pub(crate) fn start(upkeep: &Arc<Upkeep>) -> io::Result<Self> {
        let mut helpers = Self { stop: Arc::default(), threads: Vec::new(), process: OwnerProcess::this() };
        helpers.spawn("ringlog-segments", upkeep, segments())?;
        if !matches!(upkeep.rules().sync, SyncPolicy::Never) {
            helpers.spawn("ringlog-sync", upkeep, Upkeep::sync_step)?;
        }
        let others = helpers.threads.iter().map(|thread| thread.thread().clone()).collect();
        helpers.spawn("ringlog-pages", upkeep, pages(others))?;
        Ok(helpers)
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
        upkeep: &Arc<Upkeep>,
        step: impl FnMut(&Upkeep) -> Result<bool, SyncError> + Send + 'static,
    ) -> io::Result<()> {
        let (stop, upkeep) = (Arc::clone(&self.stop), Arc::clone(upkeep));
        let thread = Builder::new().name(name.to_owned()).spawn(move || repeat(&stop, &upkeep, step))?;
        self.threads.push(thread);
        Ok(())
    }
}

impl Drop for Helpers {
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
fn repeat(stop: &AtomicBool, upkeep: &Upkeep, mut step: impl FnMut(&Upkeep) -> Result<bool, SyncError>) {
    let mut pause = PAUSE.0;
    // ORDERING: Relaxed: see `Helpers::drop`.
    while !stop.load(Ordering::Relaxed) {
        match step(upkeep) {
            Ok(true) => pause = PAUSE.0,
            Ok(false) => pause = (pause * 2).min(PAUSE.1),
            Err(error) => return upkeep.note_failure(error),
        }
        park_timeout(pause);
    }
}

/// Keeps up with the writer as long as it moves, and wakes the others when it has gone on in a new segment.
fn pages(others: Vec<Thread>) -> impl FnMut(&Upkeep) -> Result<bool, SyncError> + Send + 'static {
    let mut last = WriterAt::default();
    move |upkeep| {
        let before = std::mem::replace(&mut last, upkeep.pages_step());
        if before.base_sequence != last.base_sequence {
            others.iter().for_each(Thread::unpark);
        }
        Ok(before != last)
    }
}

fn segments() -> impl FnMut(&Upkeep) -> Result<bool, SyncError> + Send + 'static {
    let mut retained = now();
    move |upkeep| {
        if now() - retained >= RETENTION_PERIOD {
            upkeep.retention_step()?;
            retained = now();
        }
        upkeep.prepare_step(false)
    }
}
