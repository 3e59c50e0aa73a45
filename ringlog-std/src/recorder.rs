//! Ring, dispatcher and log on a thread of their own.
#![forbid(unsafe_code)]

use crate::consumer::{DrainError, EventConsumer, EventDispatcher};
use crate::ring::{Consumer, Idle, NewRingError, Producer, SpscRingBuffer};
use crate::storage::{AppendError, LogSummary, LogWriter, LogWriterOptions, OpenError, SyncError};
use ringlog_nostd::{Gap, GapReason, RingOptions};
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
#[derive(Debug)]
pub struct Recorder {
    thread: JoinHandle<Result<LogSummary, RecorderError>>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    bytes: AtomicU64,
    stopped: AtomicBool,
    give_up: AtomicBool,
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
    /// The thread could not be started.
    #[error("cannot start the recorder's thread: {0}")]
    Thread(#[source] std::io::Error),
    /// The log refused events. What it had taken is there; what was still in the ring is not.
    #[error("recording ended: {source}")]
    Append {
        /// Why.
        source: AppendError,
        /// What the log had taken before.
        written: LogSummary,
    },
    /// A drain failed.
    #[error(transparent)]
    Drain(#[from] DrainError),
    /// The log could not be closed. Readers find what was written all the same.
    #[error("{source}")]
    Close {
        /// Why.
        source: SyncError,
        /// What the log had taken.
        written: LogSummary,
    },
    /// The producer did not close within the limit. The log was closed without waiting for it.
    #[error("the producer did not close within {0:?}; what it wrote later is not in the log")]
    ProducerOpen(Duration),
    /// The recorder's thread panicked.
    #[error("the recorder's thread panicked")]
    Panicked,
}

impl RecorderError {
    /// What the log had taken when it failed; `None` where it is not the log that failed.
    #[must_use]
    pub const fn written(&self) -> Option<LogSummary> {
        match self {
            Self::Append { written, .. } | Self::Close { written, .. } => Some(*written),
            _ => None,
        }
    }
}

/// How a [`Recorder`] is to be.
pub struct RecorderBuilder {
    ring: RingOptions,
    idle: Idle,
    log: LogWriterOptions,
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
                // ORDERING: Relaxed. Nothing is handed over with it.
                self.shared.give_up.store(true, Ordering::Relaxed);
                self.join()?;
                return Err(RecorderError::ProducerOpen(limit));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
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

    /// Opens the log in the folder `log` and starts the thread.
    ///
    /// # Errors
    ///
    /// As [`Recorder::start`].
    pub fn start(self, log: impl AsRef<Path>) -> Result<(Producer, Recorder), RecorderError> {
        let writer = self.log.open(log)?;
        let (producer, source) = SpscRingBuffer::with_options(&self.ring)?.split();
        let shared = Arc::new(Shared::default());
        let work = Work { source, idle: self.idle, consumers: self.consumers, shared: Arc::clone(&shared) };
        let thread = std::thread::Builder::new()
            .name("ringlog-recorder".to_owned())
            .spawn(move || work.run(writer))
            .map_err(RecorderError::Thread)?;
        Ok((producer, Recorder { thread, shared }))
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
struct Work {
    source: Consumer,
    idle: Idle,
    consumers: Vec<Box<dyn EventConsumer + Send>>,
    shared: Arc<Shared>,
}

impl Work {
    fn run(mut self, mut log: LogWriter) -> Result<LogSummary, RecorderError> {
        let _stopped = SetOnDrop(Arc::clone(&self.shared));
        let drained = self.drain_until_finished(&mut log);
        if let Some(source) = log.take_error() {
            return Err(Self::failed(log, source));
        }
        if let Some(loss) = self.source.pending_loss() {
            let gap = Gap { log_side: true, ..Gap::new(GapReason::RingFull, loss.count) };
            if let Err(source) = log.append_gap(loss.first_timestamp, gap) {
                return Err(Self::failed(log, source));
            }
        }
        let written = log.summary();
        let summary = log.close().map_err(|source| RecorderError::Close { source, written })?;
        drained.map(|()| summary)
    }

    /// What is in the log is sealed all the same; the first error is the one to tell.
    fn failed(log: LogWriter, source: AppendError) -> RecorderError {
        let written = log.summary();
        let _ = log.close();
        RecorderError::Append { source, written }
    }

    fn drain_until_finished(&mut self, log: &mut LogWriter) -> Result<(), RecorderError> {
        let mut waiter = crate::ring::Waiter::new(self.idle);
        let mut dispatcher = EventDispatcher::new();
        dispatcher.add_required(log);
        for consumer in &mut self.consumers {
            dispatcher.add_consumer(consumer.as_mut());
        }
        loop {
            // Looked at before the drain: what was written before the close is drained after it.
            let closed = self.source.is_closed() || self.shared.give_up.load(Ordering::Relaxed);
            let drained = dispatcher.drain(&mut self.source)?;
            // ORDERING: Relaxed, here and for `give_up`. One is for a display, the other hands over nothing.
            self.shared.bytes.fetch_add(drained.released_bytes as u64, Ordering::Relaxed);
            match drained.released_bytes {
                _ if drained.stalled => return Ok(()),
                0 if closed => return Ok(()),
                0 => waiter.wait(),
                _ => waiter.reset(),
            }
        }
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
