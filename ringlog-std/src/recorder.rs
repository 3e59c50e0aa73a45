//! Ring, dispatcher and log on a thread of their own.
#![forbid(unsafe_code)]

mod resume;

pub use resume::ResumeError;

use crate::consumer::{DrainError, Drained, EventConsumer, EventDispatcher};
use crate::ring::{Idle, NewRingError, Producer, SharedRing, SpscRingBuffer};
use crate::storage::{AppendError, LogSummary, LogWriter, LogWriterOptions, OpenError, SyncError};
use ringlog_nostd::{Consumer, Gap, GapReason, RingOptions};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Records what a producer writes into a log, on a thread of its own.
///
/// ```
/// use ringlog::{event::EventHeader, recorder::Recorder};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("log");
///
/// let (mut producer, recorder) = Recorder::start(&path)?;
/// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
/// let summary = recorder.shutdown(producer)?;
/// assert_eq!(summary.events, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Or the producer is another process, and the ring a file: see [`RecorderBuilder::start_shared`].
#[derive(Debug)]
pub struct Recorder {
    thread: JoinHandle<Result<LogSummary, RecorderError>>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    bytes: AtomicU64,
    stopped: AtomicBool,
    stop: AtomicBool,
}

/// Why a recorder could not start, or has ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecorderError {
    /// The ring could not be made.
    #[error(transparent)]
    Ring(#[from] NewRingError),
    /// The log could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The shared ring cannot feed the log.
    #[error(transparent)]
    Resume(#[from] ResumeError),
    /// The thread could not be started.
    #[error("cannot start the recorder's thread: {0}")]
    Thread(#[source] std::io::Error),
    /// The log refused events. What it had taken is there; what was still in the ring is not.
    #[error("recording ended: {0}")]
    Append(#[source] AppendError),
    /// A drain failed.
    #[error(transparent)]
    Drain(#[from] DrainError),
    /// The log could not be closed.
    #[error(transparent)]
    Close(#[from] SyncError),
    /// The producer did not close within the limit. The log was closed without waiting for it.
    #[error("the producer did not close within {0:?}; what it wrote later is not in the log")]
    ProducerOpen(Duration),
    /// The recorder's thread panicked.
    #[error("the recorder's thread panicked")]
    Panicked,
}

/// How a [`Recorder`] is to be.
pub struct RecorderBuilder {
    ring: RingOptions,
    idle: Idle,
    log: LogWriterOptions,
    ends_with_producer: bool,
    consumers: Vec<Box<dyn EventConsumer + Send>>,
}

impl Recorder {
    /// Records into the log folder `log`, with the defaults of [`builder`](Self::builder).
    ///
    /// # Errors
    ///
    /// [`RecorderError`] says whether ring, log or thread could not be had.
    pub fn start(log: impl AsRef<Path>) -> Result<(Producer, Self), RecorderError> {
        Self::builder().start(log)
    }

    /// A ring of 4 MiB, sleeps of up to a millisecond, a log of 64 MiB segments with checksums.
    #[must_use]
    pub fn builder() -> RecorderBuilder {
        RecorderBuilder {
            ring: RingOptions { capacity: Some(4 << 20), ..RingOptions::default() },
            idle: Idle::default(),
            log: LogWriter::options(),
            ends_with_producer: false,
            consumers: Vec::new(),
        }
    }

    /// Bytes that have gone from the ring into the log so far, headers and padding included.
    #[must_use]
    pub fn recorded_bytes(&self) -> u64 {
        // ORDERING: Relaxed. A figure for a display.
        self.shared.bytes.load(Ordering::Relaxed)
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
        let end = Instant::now() + limit;
        while !self.has_stopped() {
            if Instant::now() >= end {
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

    fn join(self) -> Result<LogSummary, RecorderError> {
        self.thread.join().unwrap_or(Err(RecorderError::Panicked))
    }
}

impl RecorderBuilder {
    /// Capacity of the ring in bytes, a power of two.
    #[must_use]
    pub fn ring_bytes(mut self, bytes: usize) -> Self {
        self.ring.capacity = Some(bytes);
        self
    }

    /// The longest payload in bytes.
    #[must_use]
    pub fn max_payload(mut self, bytes: usize) -> Self {
        self.ring.max_payload = Some(bytes);
        self
    }

    /// What the recorder's thread does while the ring is empty.
    #[must_use]
    pub fn idle(mut self, idle: Idle) -> Self {
        self.idle = idle;
        self
    }

    /// How the log is to be.
    #[must_use]
    pub fn log(mut self, options: LogWriterOptions) -> Self {
        self.log = options;
        self
    }

    /// Adds a consumer beside the log. It holds nothing up.
    #[must_use]
    pub fn consumer(mut self, consumer: impl EventConsumer + Send + 'static) -> Self {
        self.consumers.push(Box::new(consumer));
        self
    }

    /// A recorder of a shared ring ends when the producer closes. It goes on for the next one otherwise.
    #[must_use]
    pub fn end_with_producer(mut self) -> Self {
        self.ends_with_producer = true;
        self
    }

    /// Opens the log in the folder `log` and starts the thread.
    ///
    /// # Errors
    ///
    /// As [`Recorder::start`].
    pub fn start(mut self, log: impl AsRef<Path>) -> Result<(Producer, Recorder), RecorderError> {
        let mut writer = self.log.open(log)?;
        if writer.ring_identity() != 0 {
            // No shared ring can go on behind what this one adds.
            writer.set_ring_identity(0)?;
        }
        // The log's position is a ring's, too: a multiple of 8, and as wide.
        self.ring.start = writer.position() as usize;
        let (producer, source) = SpscRingBuffer::with_options(&self.ring)?.split();
        self.ends_with_producer = true;
        Ok((producer, self.spawn(source, None, writer)?))
    }

    /// Opens the log in the folder `log` and starts a thread that drains the [`SharedRing`] `ring` into it,
    /// until [`Recorder::stop`].
    ///
    /// A ring that is missing is made, in the sizes given here. Where this process, or the one before it, or
    /// the producer was killed at any moment, each event that the ring had published gets into the log
    /// exactly once and in order: the ring gets an event's space back once the log has published it, and
    /// where the log ends says what need not be read again. Consumers [beside the log](Self::consumer) get
    /// such events at least once.
    ///
    /// One ring feeds one log. If the machine was started anew, or the ring of a log is missing, the recorder
    /// begins with a new ring, and a GAP record of unknown count.
    ///
    /// ```
    /// use ringlog::{event::EventHeader, recorder::Recorder, ring::SharedRing};
    /// # let folder = tempfile::tempdir()?;
    /// # let (ring, log) = (folder.path().join("events.ring"), folder.path().join("log"));
    ///
    /// let recorder = Recorder::builder().start_shared(&ring, &log)?;
    ///
    /// // In another process:
    /// let mut producer = SharedRing::open(&ring)?.claim_producer()?;
    /// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    ///
    /// assert_eq!(recorder.stop()?.events, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RecorderError::Resume`] if the ring cannot be had, is another log's, or is not where the log ends;
    /// else as [`Recorder::start`].
    pub fn start_shared(
        self,
        ring: impl AsRef<Path>,
        log: impl AsRef<Path>,
    ) -> Result<Recorder, RecorderError> {
        let mut writer = self.log.open(log)?;
        match resume::resume(ring.as_ref(), &self.ring, &mut writer) {
            Ok((ring, source)) => self.spawn(source, Some(ring), writer),
            Err(error) => {
                // The log is as it was; why the ring cannot feed it is the error to tell.
                let _ = writer.close();
                Err(error.into())
            }
        }
    }

    fn spawn<K: Send + 'static>(
        self,
        source: Consumer<'static, K>,
        ring: Option<SharedRing>,
        writer: LogWriter,
    ) -> Result<Recorder, RecorderError> {
        let shared = Arc::new(Shared::default());
        let Self { idle, ends_with_producer, consumers, .. } = self;
        let work = Work { source, ring, idle, ends_with_producer, consumers, shared: Arc::clone(&shared) };
        let thread = std::thread::Builder::new()
            .name("ringlog-recorder".to_owned())
            .spawn(move || work.run(writer))
            .map_err(RecorderError::Thread)?;
        Ok(Recorder { thread, shared })
    }
}

impl std::fmt::Debug for RecorderBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecorderBuilder")
            .field("ring", &self.ring)
            .field("idle", &self.idle)
            .finish_non_exhaustive()
    }
}

/// What the recorder's thread owns besides the log.
struct Work<K> {
    source: Consumer<'static, K>,
    /// The ring that `source` belongs to, if it is in a file.
    ring: Option<SharedRing>,
    idle: Idle,
    ends_with_producer: bool,
    consumers: Vec<Box<dyn EventConsumer + Send>>,
    shared: Arc<Shared>,
}

impl<K> Work<K> {
    fn run(mut self, mut log: LogWriter) -> Result<LogSummary, RecorderError> {
        let _stopped = SetOnDrop(Arc::clone(&self.shared));
        let drained = self.drain(&mut log);
        if let Some(error) = log.take_error() {
            // What is in the log is sealed all the same; the first error is the one to tell.
            let _ = log.close();
            return Err(RecorderError::Append(error));
        }
        if let (None, Some(loss)) = (&self.ring, self.source.pending_loss()) {
            let gap = Gap { log_side: true, ..Gap::new(GapReason::RingFull, loss.count) };
            log.append_gap(loss.first_timestamp, gap).map_err(RecorderError::Append)?;
        }
        let summary = log.close()?;
        drained.map(|()| summary)
    }

    fn drain(&mut self, log: &mut LogWriter) -> Result<(), RecorderError> {
        let mut consumers = std::mem::take(&mut self.consumers);
        let mut dispatcher = EventDispatcher::new();
        dispatcher.add_required(log);
        for consumer in &mut consumers {
            dispatcher.add_consumer(consumer.as_mut());
        }
        self.drain_until_finished(&mut dispatcher)?;
        if self.publish_losses() {
            self.drain_once(&mut dispatcher)?;
        }
        Ok(())
    }

    fn drain_until_finished(&mut self, dispatcher: &mut EventDispatcher<'_>) -> Result<(), RecorderError> {
        let mut waiter = crate::ring::Waiter::new(self.idle);
        loop {
            // Looked at before the drain: what was written before the close is drained after it.
            let closed = self.ends_with_producer && self.source.is_closed();
            // ORDERING: Relaxed. Nothing is handed over with it.
            let stop = self.shared.stop.load(Ordering::Relaxed);
            let drained = self.drain_once(dispatcher)?;
            match drained.released_bytes {
                // One drain takes all that a ring can hold, so all that was there before the stop.
                _ if drained.stalled || stop => return Ok(()),
                0 if closed => return Ok(()),
                0 => waiter.wait(),
                _ => waiter.reset(),
            }
        }
    }

    fn drain_once(&mut self, dispatcher: &mut EventDispatcher<'_>) -> Result<Drained, RecorderError> {
        let drained = dispatcher.drain(&mut self.source)?;
        // ORDERING: Relaxed. For a display.
        self.shared.bytes.fetch_add(drained.released_bytes as u64, Ordering::Relaxed);
        Ok(drained)
    }

    /// Has the ring tell losses that the producer of a shared one left untold when it went.
    fn publish_losses(&self) -> bool {
        if self.source.pending_loss().is_none() {
            return false;
        }
        // A producer that is there tells of them itself, or leaves them to its successor.
        let producer = self.ring.as_ref().map(SharedRing::claim_producer);
        producer.is_some_and(|claimed| claimed.is_ok_and(|producer| producer.lossy().flush() == Ok(true)))
    }
}

struct SetOnDrop(Arc<Shared>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        // ORDERING: Relaxed. Whoever sees it joins the thread.
        self.0.stopped.store(true, Ordering::Relaxed);
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
}
