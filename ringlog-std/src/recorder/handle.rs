//! Ring, dispatcher and log on a thread of their own.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::error::RecorderError;
use super::skipped::SkippedRing;
use super::work::Shared;
use crate::ring::Producer;
use crate::storage::{LogSummary, LogWatch, RecoveryReport};

/// Records what a producer writes into a log, on a thread of its own.
///
/// ```
/// use ringlog::{event::EventHeader, recorder::Recorder};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("log");
///
/// let (producer, recorder) = Recorder::start(&path)?;
/// let mut producer = producer.lossy(); // a full ring loses the event, and a GAP record counts it
/// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
/// let summary = recorder.shutdown(producer.into_inner())?;
/// assert_eq!((summary.events, summary.lost), (1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Or the producer is another process, and the ring a file: see [`RecorderBuilder::start_shared`].
///
/// Dropping a recorder does as [`stop`](Self::stop), without reporting errors: every event that `write_event` had
/// accepted before is in the log. A producer in this process that continues afterwards soon finds the ring full, for ever.
/// What the ring has taken until then is lost: when that producer is dropped, the log gets a GAP record of unknown count.
/// So it does when it is opened next, where the process ended before the ring was drained.
#[must_use = "dropping it ends the recording"]
#[derive(Debug)]
pub struct Recorder {
    /// `None` once it was joined.
    pub(crate) thread: Option<JoinHandle<Result<LogSummary, RecorderError>>>,
    /// The process that has the thread.
    pub(crate) pid: u32,
    pub(crate) shared: Arc<Shared>,
    pub(crate) recovery: RecoveryReport,
    pub(crate) skipped: Option<SkippedRing>,
    pub(crate) watch: LogWatch,
}

impl Recorder {
    /// What opening the log has found: how its last writer ended, and what was kept and cut.
    #[must_use]
    pub const fn recovery(&self) -> &RecoveryReport {
        &self.recovery
    }

    /// What could not be read of a ring in a file, and was skipped at the start.
    #[must_use]
    pub const fn skipped(&self) -> Option<&SkippedRing> {
        self.skipped.as_ref()
    }

    /// How far the log has come: what is published, and what is durable.
    #[must_use]
    pub const fn watch(&self) -> &LogWatch {
        &self.watch
    }

    /// Bytes that have gone from the ring into the log so far, headers and padding included.
    #[must_use]
    pub fn recorded_bytes(&self) -> u64 {
        // ORDERING: Relaxed. A figure for a display.
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// Events that the producer has lost and that no GAP record counts yet, as the idle recorder saw it last.
    #[must_use]
    pub fn pending_loss(&self) -> u64 {
        // ORDERING: Relaxed. A figure for a display.
        self.shared.pending_loss.load(Ordering::Relaxed)
    }

    /// Whether the recorder has ended, because of an error or because the producer closed.
    #[must_use]
    pub fn has_stopped(&self) -> bool {
        // ORDERING: Relaxed. The reason is read after joining the thread.
        self.shared.stopped.load(Ordering::Relaxed)
    }

    /// Closes the producer, records everything it wrote, and seals the log.
    ///
    /// # Errors
    ///
    /// [`RecorderError`] if the log could not take everything, or not be closed.
    pub fn shutdown(self, producer: Producer) -> Result<LogSummary, RecorderError> {
        drop(producer);
        self.join()
    }

    /// Waits for the producer to close elsewhere, then does as [`shutdown`](Self::shutdown).
    ///
    /// # Errors
    ///
    /// [`RecorderError::ProducerOpen`] if it has not closed within `limit`; else as `shutdown`.
    pub fn wait(self, limit: Duration) -> Result<LogSummary, RecorderError> {
        // A limit beyond all time is none.
        let end = Instant::now().checked_add(limit);
        while !self.has_stopped() {
            if end.is_some_and(|end| Instant::now() >= end) {
                self.stop()?;
                return Err(RecorderError::ProducerOpen(limit));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.join()
    }

    /// Records what is published by now, and seals the log, whether the producer goes on or not.
    ///
    /// What the producer publishes to a shared ring afterwards stays there for the next recorder.
    ///
    /// # Errors
    ///
    /// As [`shutdown`](Self::shutdown).
    pub fn stop(self) -> Result<LogSummary, RecorderError> {
        // ORDERING: Relaxed. Nothing is handed over with it.
        self.shared.stop.store(true, Ordering::Relaxed);
        self.join()
    }

    fn join(mut self) -> Result<LogSummary, RecorderError> {
        let ended = self.thread.take().map(JoinHandle::join);
        ended.and_then(Result::ok).unwrap_or(Err(RecorderError::Panicked))
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        if self.pid != std::process::id() {
            // After a fork the thread is the parent's, and there is none to wait for.
            std::mem::forget(thread);
            return;
        }
        // ORDERING: Relaxed. Nothing is handed over with it.
        self.shared.stop.store(true, Ordering::Relaxed);
        // Nobody is left to tell; what is missing from the log, it says itself.
        let _ = thread.join();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::LogReader;
    use ringlog_nostd::{EventHeader, WriteError};

    #[test]
    fn everything_written_before_the_shutdown_is_in_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let (mut producer, recorder) = Recorder::builder().ring_bytes(4096).start(folder.path()).unwrap();
        for time in 0..20_000_u64 {
            while producer.write_event(&EventHeader::new(time, 0, 8), &time.to_le_bytes())
                == Err(WriteError::Full)
            {
                std::thread::yield_now();
            }
        }
        assert_eq!(recorder.shutdown(producer).unwrap().events, 20_000);
        let mut next = 0;
        let reader = LogReader::open(folder.path()).unwrap();
        reader
            .replay(|event| {
                assert_eq!((event.sequence, event.header.timestamp), (next, next));
                next += 1;
            })
            .unwrap();
        assert_eq!(next, 20_000);
    }

    #[test]
    fn losses_that_found_no_room_for_a_gap_are_told_by_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let (producer, recorder) =
            Recorder::builder().ring_bytes(64).max_payload(16).start(folder.path()).unwrap();
        let mut producer = producer.lossy();
        let offered = 100_000;
        for time in 0..offered {
            producer.write_event(&EventHeader::new(time, 0, 0), b"").unwrap();
        }
        let summary = recorder.shutdown(producer.into_inner()).unwrap();
        assert_eq!(summary.events + summary.lost, offered);
    }

    #[test]
    fn a_producer_that_stays_open_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let (mut producer, recorder) = Recorder::start(folder.path()).unwrap();
        producer.write_event(&EventHeader::new(1, 0, 0), b"").unwrap();
        let limit = Duration::from_millis(20);
        assert!(matches!(recorder.wait(limit), Err(RecorderError::ProducerOpen(_))));
        assert_eq!(LogReader::open(folder.path()).unwrap().len(), 1);
    }

    #[test]
    fn what_is_to_run_at_the_start_runs_on_the_recorders_thread_and_may_panic() {
        let folder = tempfile::tempdir().unwrap();
        let (told, name) = std::sync::mpsc::channel();
        let tell = move || told.send(std::thread::current().name().map(str::to_owned)).unwrap();
        let (producer, recorder) = Recorder::builder().on_thread_start(tell).start(folder.path()).unwrap();
        assert_eq!(name.recv().unwrap().as_deref(), Some("ringlog-recorder"));
        recorder.shutdown(producer).unwrap();

        let fail = || panic!("no such processor");
        let (mut producer, recorder) =
            Recorder::builder().on_thread_start(fail).start(folder.path()).unwrap();
        let _ = producer.write_event(&EventHeader::new(1, 0, 0), b"");
        assert!(matches!(recorder.shutdown(producer), Err(RecorderError::Panicked)));
    }
}
