//! The threads that do a log's [maintenance](Maintenance), so that its writer only stores and writes records.
//!
//! There are three, because the disk may delay each of them for long: one keeps pages prefaulted ahead of the writer,
//! one keeps the next segment ready, one syncs. The writer never wakes them, unless it has to wait for them. The first
//! one checks the writer again and again, the less often the slower it moves, and wakes another one that has work. The
//! others sleep until then, or until their next work by the clock.
#![forbid(unsafe_code)]

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use crate::os::ownership::OwnerProcess;
use crate::os::sync::{AtomicBool, Builder, JoinHandle, Thread, now, park_timeout};
use crate::storage::error::{OpenError, SyncError};
use crate::storage::maintenance::maintenance::{Maintenance, WriterAt};
use crate::storage::maintenance::policies::SyncPolicy;

/// The most worker threads of a log.
const WORKERS: usize = 3;
/// The shortest and the longest pause between two checks of the writer.
const PAUSE: (Duration, Duration) = (Duration::from_micros(500), Duration::from_millis(20));
/// The part of the [room](Maintenance::check_bytes) that the writer may use between two checks, at the rate that it had
/// last.
const CHECKED_SHARE: u64 = 8;
/// How often limits of age, and the log's lock, are checked if nothing else happens.
const RETENTION_PERIOD: Duration = Duration::from_secs(1);

/// What each worker thread runs before its first step.
#[derive(Clone)]
pub(crate) struct WorkerStart(Arc<dyn Fn() -> io::Result<()> + Send + Sync>);

impl WorkerStart {
    pub(crate) fn new(f: impl Fn() -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(f))
    }

    fn run(&self) -> io::Result<()> {
        let result = catch_unwind(AssertUnwindSafe(|| (self.0)()));
        result.unwrap_or_else(|_| Err(io::Error::other("it panicked; its message is on standard error")))
    }
}

impl std::fmt::Debug for WorkerStart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkerStart").finish_non_exhaustive()
    }
}

/// What a thread runs first, and where it sends the result.
type First = (WorkerStart, SyncSender<io::Result<()>>);

/// The running threads. Dropping this ends them, each after its present step.
#[derive(Debug)]
pub(crate) struct Workers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    process: OwnerProcess,
}

impl Workers {
    /// Starts them. With a function that they run first, waits until it has returned on each of them.
    pub(crate) fn start(
        maintenance: &Arc<Maintenance>,
        first: Option<&WorkerStart>,
    ) -> Result<Self, OpenError> {
        let mut workers = Self { stop: Arc::default(), threads: Vec::new(), process: OwnerProcess::this() };
        let (sender, started) = sync_channel(WORKERS);
        let first = first.map(|first| (first.clone(), sender));
        let spawned = workers.spawn_all(maintenance, first.as_ref());
        spawned.map_err(|error| {
            OpenError::io(&maintenance.segments.folder, "start the worker threads of", error)
        })?;
        drop(first);
        // Ends once each thread has sent its result, or at once if none has anything to run.
        match started.iter().find_map(Result::err) {
            Some(source) => Err(OpenError::WorkerStart { path: maintenance.segments.folder.clone(), source }),
            None => Ok(workers),
        }
    }

    fn spawn_all(&mut self, maintenance: &Arc<Maintenance>, first: Option<&First>) -> io::Result<()> {
        let segments = self.spawn("ringlog-segments", maintenance, first, segments())?;
        let has_syncs = !matches!(maintenance.rules().sync, SyncPolicy::Never);
        let sync = has_syncs.then(|| self.spawn("ringlog-sync", maintenance, first, syncs)).transpose()?;
        self.spawn("ringlog-pages", maintenance, first, pages(segments, sync))?;
        Ok(())
    }

    /// Returns whether all of them run: none has failed or panicked.
    pub(crate) fn are_alive(&self) -> bool {
        !self.threads.iter().any(JoinHandle::is_finished)
    }

    /// Makes them check at once.
    pub(crate) fn wake(&self) {
        self.threads.iter().for_each(|thread| thread.thread().unpark());
    }

    /// Ends the pause of the worker that checks the writer, as the clock does.
    #[cfg(all(test, ringlog_shuttle))]
    pub(crate) fn end_pause_of_checks(&self) {
        self.threads.last().into_iter().for_each(|pages| pages.thread().unpark());
    }

    fn spawn(
        &mut self,
        name: &str,
        maintenance: &Arc<Maintenance>,
        first: Option<&First>,
        step: impl FnMut(&Maintenance) -> Result<Duration, SyncError> + Send + 'static,
    ) -> io::Result<Thread> {
        let (stop, maintenance) = (Arc::clone(&self.stop), Arc::clone(maintenance));
        let first = first.cloned();
        let started = Builder::new().name(name.to_owned()).spawn(move || {
            if let Some((first, sender)) = first {
                let result = first.run();
                let has_failed = result.is_err();
                // After a failure nobody waits for the other results.
                let _ = sender.send(result);
                if has_failed {
                    return;
                }
            }
            repeat(&stop, &maintenance, step);
        })?;
        let thread = started.thread().clone();
        self.threads.push(started);
        Ok(thread)
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

/// Runs the step again and again, each time after the pause that it returns (at least the shortest one) or when it is
/// woken. Ends at the first failure, which is kept.
fn repeat(
    stop: &AtomicBool,
    maintenance: &Maintenance,
    mut step: impl FnMut(&Maintenance) -> Result<Duration, SyncError>,
) {
    // ORDERING: Relaxed, see `Workers::drop`.
    while !stop.load(Ordering::Relaxed) {
        match step(maintenance) {
            Ok(pause) => park_timeout(pause.max(PAUSE.0)),
            Err(error) => return maintenance.note_sync_error(error),
        }
    }
}

/// Keeps up with the writer as long as it moves, and wakes each of the others when it has work.
fn pages(
    segments: Thread,
    sync: Option<Thread>,
) -> impl FnMut(&Maintenance) -> Result<Duration, SyncError> + Send + 'static {
    let (mut last, mut checked, mut pause) = (WriterAt::default(), now(), PAUSE.0);
    move |maintenance| {
        let before = std::mem::replace(&mut last, maintenance.pages_step());
        let time = now();
        let since = time - std::mem::replace(&mut checked, time);
        let has_rolled = before.base_sequence != last.base_sequence;
        if has_rolled || maintenance.spares.is_due() {
            segments.unpark();
        }
        if let Some(sync) = sync.as_ref().filter(|_| has_rolled || maintenance.syncs.is_wanted()) {
            sync.unpark();
        }
        let advance = if has_rolled { u64::MAX } else { last.offset.saturating_sub(before.offset) };
        pause = next_pause(pause, since, advance, maintenance.check_bytes());
        Ok(pause)
    }
}

/// Returns the pause until the next check of a writer that has advanced by this number of bytes `since` the last one.
fn next_pause(last: Duration, since: Duration, advance: u64, room: u64) -> Duration {
    let longer = (last * 2).min(PAUSE.1);
    if advance == 0 {
        return longer;
    }
    let nanos = since.as_nanos() * u128::from(room / CHECKED_SHARE) / u128::from(advance);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)).clamp(PAUSE.0, longer)
}

fn segments() -> impl FnMut(&Maintenance) -> Result<Duration, SyncError> + Send + 'static {
    let mut retained = now();
    move |maintenance| {
        if now() - retained >= RETENTION_PERIOD {
            maintenance.retention_step()?;
            retained = now();
        }
        maintenance.spare_step(false)?;
        Ok(RETENTION_PERIOD.saturating_sub(now() - retained))
    }
}

fn syncs(maintenance: &Maintenance) -> Result<Duration, SyncError> {
    maintenance.sync_step()?;
    Ok(maintenance.syncs.time_to_next().unwrap_or(RETENTION_PERIOD))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::log::writer::LogWriter;
    use crate::storage::tests::single_step::alone;
    use std::path::PathBuf;

    /// The writer's room in these tests: 16 MiB.
    const ROOM: u64 = 16 << 20;

    fn pause_at(bytes_per_second: u64, room: u64) -> Duration {
        let mut pause = PAUSE.1;
        for _ in 0..100 {
            let advance = (u128::from(bytes_per_second) * pause.as_nanos() / 1_000_000_000) as u64;
            pause = next_pause(pause, pause, advance, room);
        }
        pause
    }

    #[test]
    fn the_faster_the_writer_the_more_often_it_is_checked() {
        // 1 M events of 64 bytes a second use an eighth of the room in 32 ms.
        assert_eq!(pause_at(64_000_000, ROOM), PAUSE.1);
        let at_a_gigabyte = pause_at(1_000_000_000, ROOM);
        assert!((1_900..=2_200).contains(&at_a_gigabyte.as_micros()), "{at_a_gigabyte:?}");
        assert_eq!(pause_at(8_000_000_000, ROOM), PAUSE.0);
        assert_eq!(pause_at(64_000_000, 4096), PAUSE.0);
        assert_eq!(pause_at(0, ROOM), PAUSE.1);
    }

    #[test]
    fn a_pause_grows_by_steps_and_ends_with_a_roll() {
        assert_eq!(next_pause(PAUSE.0, PAUSE.0, 1, ROOM), PAUSE.0 * 2);
        assert_eq!(next_pause(PAUSE.0, PAUSE.0, 0, ROOM), PAUSE.0 * 2);
        assert_eq!(next_pause(PAUSE.1, PAUSE.1, u64::MAX, ROOM), PAUSE.0);
        // A room that is next to nothing, and a clock that has not moved.
        assert_eq!(next_pause(PAUSE.1, Duration::ZERO, 1, 0), PAUSE.0);
    }

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
