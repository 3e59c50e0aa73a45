//! The handle of a recorder: ring, dispatcher and log on their thread.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::counts::RecorderCounts;
use super::error::RecorderError;
use super::follow::{FollowError, Follower};
use super::metrics::{RecorderMetrics, RecorderMonitor};
use super::schema_problem::SchemaWatch;
use super::skipped::SkippedRing;
use super::work::Shared;
use crate::consumer::EventConsumer;
use crate::ring::Producer;
use crate::storage::{LogSummary, LogWatch, RecoveryReport, SchemaList};

/// Records what a producer writes into a log, on a separate thread.
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
/// The producer may also be another process, with the ring in a file: see
/// [`start_shared`](crate::recorder::RecorderBuilder::start_shared).
///
/// Dropping a recorder does the same as [`stop`](Self::stop) without reporting errors: the log has every event that
/// `write_event` had accepted before. A producer in this process that continues afterwards soon finds the ring full
/// for good. What the ring took until then is lost, and the log gets a GAP record of unknown count when that producer
/// is dropped. If the process ended before the ring was drained, the next opening of the log adds that record.
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
    /// The log's folder.
    pub(crate) log: PathBuf,
    /// Whether the thread ends by itself when its producer closes.
    pub(crate) ends_with_producer: bool,
}

impl Recorder {
    /// Returns what opening the log found: how its last writer ended, and what was kept and cut.
    ///
    /// ```
    /// # use ringlog::recorder::Recorder;
    /// # let folder = tempfile::tempdir()?;
    /// let (producer, recorder) = Recorder::start(folder.path())?;
    /// assert_eq!(recorder.recovery().next_sequence, 0, "a new log");
    /// # recorder.shutdown(producer)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn recovery(&self) -> &RecoveryReport {
        &self.recovery
    }

    /// Returns what could not be read of a ring in a file, and was skipped at the start.
    ///
    /// ```
    /// # use ringlog::recorder::Recorder;
    /// # let folder = tempfile::tempdir()?;
    /// let recorder = Recorder::builder().start_shared(folder.path().join("ring"), folder.path().join("log"))?;
    /// assert_eq!(recorder.skipped(), None, "a new ring is not damaged");
    /// # recorder.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn skipped(&self) -> Option<&SkippedRing> {
        self.skipped.as_ref()
    }

    /// Returns a handle that reports how much of the log is published, and how much is durable.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, recorder::Recorder};
    /// # let folder = tempfile::tempdir()?;
    /// let (mut producer, recorder) = Recorder::start(folder.path())?;
    /// let watch = recorder.watch().clone();
    /// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// recorder.shutdown(producer)?;
    /// assert_eq!(watch.published_position(), 24);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn watch(&self) -> &LogWatch {
        &self.watch
    }

    /// Adds descriptions of events while the recorder works. Those of a type that is described already replace the older
    /// ones, and begin a new segment: within a segment a type has one meaning.
    ///
    /// Returns once they are in force: events that were written before the call keep their descriptions. Do not call it
    /// from a [consumer](crate::recorder::RecorderBuilder::consumer) of this recorder, which it waits for.
    ///
    /// ```
    /// use ringlog::event::{EventHeader, MetaTopic};
    /// use ringlog::{recorder::Recorder, storage::SchemaList};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let (mut producer, recorder) = Recorder::start(folder.path())?;
    /// producer.write_event(&EventHeader::new(1, 7, 0), b"")?;
    /// let mut schemas = SchemaList::new();
    /// schemas.insert(MetaTopic::EventType(7), &br#"{"type":7,"name":"reset","size":0,"fields":[]}"#[..])?;
    /// recorder.register(&schemas)?;
    /// producer.write_event(&EventHeader::new(2, 7, 0), b"")?;
    /// assert_eq!(recorder.shutdown(producer)?.segments, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RecorderError::Schemas`] if they leave too little room in a segment: nothing has changed then.
    /// [`RecorderError::Ended`] if the recorder has ended.
    pub fn register(&self, schemas: &SchemaList) -> Result<(), RecorderError> {
        if self.pid != std::process::id() {
            return Err(RecorderError::Ended);
        }
        let answer = self.shared.registrations.ask(schemas.clone()).ok_or(RecorderError::Ended)?;
        Ok(answer.recv().map_err(|_| RecorderError::Ended)??)
    }

    /// Returns a handle that reports which descriptions of events the log does not have, and why.
    ///
    /// ```
    /// # use ringlog::recorder::Recorder;
    /// # let folder = tempfile::tempdir()?;
    /// let (producer, recorder) = Recorder::start(folder.path())?;
    /// assert!(recorder.schema_watch().problems().is_empty());
    /// # recorder.shutdown(producer)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn schema_watch(&self) -> &SchemaWatch {
        &self.shared.schemas
    }

    /// Returns the number of bytes that went from the ring into the log so far, headers and padding included.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, recorder::Recorder};
    /// # let folder = tempfile::tempdir()?;
    /// let (mut producer, recorder) = Recorder::start(folder.path())?;
    /// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// while recorder.recorded_bytes() < 24 {
    ///     std::thread::yield_now();
    /// }
    /// # recorder.shutdown(producer)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn recorded_bytes(&self) -> u64 {
        // ORDERING: Relaxed. The number is for a display only.
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// Returns the number of events that producers lost and that no GAP record counts yet. The recorder updates it when
    /// the ring is empty; with several producers, every 50 milliseconds.
    ///
    /// ```
    /// # use ringlog::recorder::Recorder;
    /// # let folder = tempfile::tempdir()?;
    /// let (producer, recorder) = Recorder::start(folder.path())?;
    /// assert_eq!(recorder.pending_loss(), 0);
    /// # recorder.shutdown(producer)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn pending_loss(&self) -> u64 {
        // ORDERING: Relaxed. The number is for a display only.
        self.shared.pending_loss.load(Ordering::Relaxed)
    }

    /// Returns what it has counted so far.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, recorder::Recorder};
    /// # let folder = tempfile::tempdir()?;
    /// let (mut producer, recorder) = Recorder::start(folder.path())?;
    /// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// while recorder.counts().events < 1 {
    ///     std::thread::yield_now();
    /// }
    /// let counts = recorder.counts();
    /// assert_eq!((counts.bytes, counts.lost, counts.rings.len()), (24, 0, 1));
    /// # recorder.shutdown(producer)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn counts(&self) -> RecorderCounts {
        self.monitor().counts()
    }

    /// Returns the state of recorder and log in numbers: what [`counts`](Self::counts) has, positions, losses by reason, segments,
    /// how long syncs took, and what is wrong.
    ///
    /// ```
    /// # use ringlog::recorder::Recorder;
    /// # let folder = tempfile::tempdir()?;
    /// let (producer, recorder) = Recorder::start(folder.path())?;
    /// let metrics = recorder.metrics();
    /// assert_eq!((metrics.log.lost, metrics.log.is_poisoned, metrics.has_stopped), (0, false, false));
    /// # recorder.shutdown(producer)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn metrics(&self) -> RecorderMetrics {
        self.monitor().metrics()
    }

    /// Returns a handle that reads [`metrics`](Self::metrics) on any thread, also once this recorder has ended.
    ///
    /// ```
    /// # use ringlog::recorder::Recorder;
    /// # let folder = tempfile::tempdir()?;
    /// let (producer, recorder) = Recorder::start(folder.path())?;
    /// let monitor = recorder.monitor();
    /// std::thread::spawn(move || println!("{} events", monitor.metrics().log.events));
    /// # recorder.shutdown(producer)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn monitor(&self) -> RecorderMonitor {
        RecorderMonitor { shared: Arc::clone(&self.shared), watch: self.watch.clone() }
    }

    /// Starts a thread that gives each event of the log to `consumer`, from the [cursor](crate::storage::Cursor) `name` on: the first
    /// time from the log's oldest record. Nothing waits for the consumer: it may block, such as on a socket, and stay out for days.
    ///
    /// It gets each event at least once: after a restart, again what it has had since the cursor was stored. That is done twice a
    /// second, up to what the log has synced. It gets GAP records too ([`is_gap`](crate::event::EventHeader::is_gap)). An event
    /// that it refuses is offered again, after 1 to 100 milliseconds. Retention keeps what it has not had, unless
    /// [`cursor_bytes`](crate::storage::Retention::cursor_bytes) limits that; what is deleted all the same is counted as missed.
    ///
    /// When the recorder ends, the thread takes the log to its end: [`Follower::wait`] waits for that.
    ///
    /// ```
    /// use ringlog::{consumer::EventConsumer, event::EventHeader, recorder::Recorder};
    /// use std::io::Write;
    /// use std::time::Duration;
    /// # let folder = tempfile::tempdir()?;
    ///
    /// struct Forward<W>(W);
    ///
    /// impl<W: Write> EventConsumer for Forward<W> {
    ///     fn consume(&mut self, _: &EventHeader, payload: &[u8]) -> bool {
    ///         self.0.write_all(payload).is_ok()
    ///     }
    ///     fn name(&self) -> &str { "forward" }
    /// }
    ///
    /// let (mut producer, recorder) = Recorder::start(folder.path())?;
    /// let follower = recorder.follow("forward", Forward(std::io::sink()))?;
    /// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// recorder.shutdown(producer)?;
    /// assert_eq!(follower.wait(Duration::from_secs(60))?.events, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`FollowError::Cursor`] if the cursor cannot be used, [`FollowError::Thread`] if there is no thread for it.
    pub fn follow(
        &self,
        name: &str,
        consumer: impl EventConsumer + Send + 'static,
    ) -> Result<Follower, FollowError> {
        let (follower, progress) = Follower::start(&self.log, name, self.watch.clone(), consumer)?;
        self.shared.noted.add_follower(progress);
        if self.has_stopped() {
            self.shared.noted.end_followers();
        }
        Ok(follower)
    }

    /// Returns whether the recorder has ended, because of an error or because no producer is left.
    ///
    /// ```
    /// # use ringlog::recorder::Recorder;
    /// # let folder = tempfile::tempdir()?;
    /// let (producer, recorder) = Recorder::start(folder.path())?;
    /// assert!(!recorder.has_stopped());
    /// producer.close();
    /// while !recorder.has_stopped() {
    ///     std::thread::yield_now();
    /// }
    /// # recorder.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn has_stopped(&self) -> bool {
        self.shared.has_stopped()
    }

    /// Closes the producer of [`start`](Self::start), records everything that it wrote, and closes the log.
    ///
    /// The recorder of a ring in a file, or of several producers, [stops](Self::stop) then.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, recorder::Recorder};
    /// # let folder = tempfile::tempdir()?;
    /// let (mut producer, recorder) = Recorder::start(folder.path())?;
    /// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// assert_eq!(recorder.shutdown(producer)?.events, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RecorderError`] if the log could not take everything, or could not be closed.
    pub fn shutdown(self, producer: Producer) -> Result<LogSummary, RecorderError> {
        drop(producer);
        if !self.ends_with_producer {
            // Of a ring in a file, or of several producers: nothing else would end it.
            return self.stop();
        }
        self.join()
    }

    /// Waits for the producer to close elsewhere, or for the last of several and their last
    /// [`Producers`](crate::recorder::Producers), then does the same as [`shutdown`](Self::shutdown).
    ///
    /// ```
    /// use ringlog::recorder::{Recorder, RecorderError};
    /// use std::time::Duration;
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let (producer, recorder) = Recorder::start(folder.path())?;
    /// // This producer stays open.
    /// let error = recorder.wait(Duration::from_millis(5)).unwrap_err();
    /// assert!(matches!(error, RecorderError::ProducerOpen(_)));
    /// # drop(producer);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RecorderError::ProducerOpen`] if one is open after `limit`: what is published by then is in the log, which is closed.
    /// Else as `shutdown`.
    pub fn wait(self, limit: Duration) -> Result<LogSummary, RecorderError> {
        // A limit that is too far for the clock is no limit.
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

    /// Records what is published by now and closes the log, even if a producer continues.
    ///
    /// What a producer publishes to a shared ring afterwards stays there for the next recorder. Of several producers, each gets
    /// [`WriteError::Closed`](crate::ring::WriteError::Closed).
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, recorder::Recorder};
    /// # let folder = tempfile::tempdir()?;
    /// let (mut producer, recorder) = Recorder::start(folder.path())?;
    /// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// assert_eq!(recorder.stop()?.events, 1);
    /// # drop(producer);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`shutdown`](Self::shutdown).
    pub fn stop(self) -> Result<LogSummary, RecorderError> {
        self.shared.ask_to_stop();
        self.join()
    }

    fn join(mut self) -> Result<LogSummary, RecorderError> {
        if self.pid != std::process::id() {
            // The thread belongs to the parent. The drop leaves it alone.
            return Err(RecorderError::Ended);
        }
        let ended = self.thread.take().map(JoinHandle::join);
        ended.and_then(Result::ok).unwrap_or(Err(RecorderError::Panicked))
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        if self.pid != std::process::id() {
            // After a fork the thread belongs to the parent; there is none to wait for.
            std::mem::forget(thread);
            return;
        }
        self.shared.ask_to_stop();
        // Nobody is left to get the error. The log itself reports what is missing.
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
    fn losses_that_found_no_room_for_a_gap_are_reported_by_the_log() {
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
        let (sender, name) = std::sync::mpsc::channel();
        let send_name = move || sender.send(std::thread::current().name().map(str::to_owned)).unwrap();
        let (producer, recorder) =
            Recorder::builder().on_thread_start(send_name).start(folder.path()).unwrap();
        assert_eq!(name.recv().unwrap().as_deref(), Some("ringlog-recorder"));
        recorder.shutdown(producer).unwrap();

        let fail = || panic!("no such processor");
        let (mut producer, recorder) =
            Recorder::builder().on_thread_start(fail).start(folder.path()).unwrap();
        let _ = producer.write_event(&EventHeader::new(1, 0, 0), b"");
        assert!(matches!(recorder.shutdown(producer), Err(RecorderError::Panicked)));
    }
}
