//! How a recorder is to be, and starting it.
#![forbid(unsafe_code)]

use std::path::Path;
use std::sync::Arc;

use ringlog_nostd::{Consumer, RingOptions};

use super::error::RecorderError;
use super::handle::Recorder;
use super::late::LateEvents;
use super::resume::{ResumeError, Resumed, resume};
use super::skipped::SkippedRing;
use super::work::{Shared, Work};
use crate::consumer::EventConsumer;
use crate::ring::{Idle, Producer, SharedRing, watched_ends};
use crate::storage::{LogWriter, LogWriterOptions};

/// What feeds a log.
struct Feed<K> {
    source: Consumer<'static, K>,
    ring: Option<SharedRing>,
    late: Option<LateEvents>,
    skipped: Option<SkippedRing>,
}

/// How a [`Recorder`] is to be.
pub struct RecorderBuilder {
    ring: RingOptions,
    idle: Idle,
    log: LogWriterOptions,
    ends_with_producer: bool,
    consumers: Vec<Box<dyn EventConsumer + Send>>,
    on_thread_start: Option<Box<dyn FnOnce() + Send>>,
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

    /// A ring of 4 MiB, sleeps of up to 10 milliseconds, a log of 64 MiB segments with checksums.
    #[must_use]
    pub fn builder() -> RecorderBuilder {
        RecorderBuilder::new()
    }
}

impl RecorderBuilder {
    pub(super) fn new() -> Self {
        Self {
            ring: RingOptions { capacity: Some(4 << 20), ..RingOptions::default() },
            idle: Idle::default(),
            log: LogWriter::options(),
            ends_with_producer: false,
            consumers: Vec::new(),
            on_thread_start: None,
        }
    }

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

    /// Runs `f` on the recorder's thread before it looks at the ring: to pin the thread to a processor, or to give it
    /// a priority. The log's workers, which do the file system's calls, are other threads; they run where the
    /// thread that starts the recorder may run.
    ///
    /// If `f` panics, the recorder ends with [`RecorderError::Panicked`].
    ///
    /// ```
    /// use ringlog::recorder::Recorder;
    /// use rustix::thread::{CpuSet, sched_setaffinity};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let pin = || {
    ///     let mut processors = CpuSet::new();
    ///     processors.set(0);
    ///     sched_setaffinity(None, &processors).expect("the first processor");
    /// };
    /// let (producer, recorder) = Recorder::builder().on_thread_start(pin).start(folder.path())?;
    /// # recorder.shutdown(producer)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn on_thread_start(mut self, f: impl FnOnce() + Send + 'static) -> Self {
        self.on_thread_start = Some(Box::new(f));
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
        // No shared ring can continue after what this one adds.
        let mut writer = self.log.clone().own_ring().open(log)?;
        // The log's position is a ring's, too: a multiple of 8, and as wide.
        self.ring.start = writer.position() as usize;
        let (producer, source, after_close) =
            watched_ends(&self.ring).inspect_err(|_| writer.note_drained_ring())?;
        self.ends_with_producer = true;
        let (log, log_identity) = (writer.path().to_path_buf(), writer.identity());
        let late = Some(LateEvents { log, log_identity, options: self.log.clone(), after_close });
        Ok((producer, self.spawn(Feed { source, ring: None, late, skipped: None }, writer)?))
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
    /// begins with a new ring, and a GAP record of unknown count. What cannot be read of a damaged ring is skipped, and
    /// such a record says so: see [`Recorder::skipped`].
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
    /// [`RecorderError::Resume`] if the ring cannot be had, or is another log's;
    /// else as [`Recorder::start`].
    pub fn start_shared(
        self,
        ring: impl AsRef<Path>,
        log: impl AsRef<Path>,
    ) -> Result<Recorder, RecorderError> {
        // Before the log is made: what is no ring leaves no log without events.
        if let Err(error) = SharedRing::open(&ring)
            && !error.is_transient()
        {
            return Err(ResumeError::from(error).into());
        }
        let mut writer = self.log.open(log)?;
        match resume(ring.as_ref(), &self.ring, &mut writer) {
            Ok(Resumed { ring, source, skipped }) => {
                self.spawn(Feed { source, ring: Some(ring), late: None, skipped }, writer)
            }
            Err(error) => {
                // The log is as it was; why the ring cannot feed it is the error to tell.
                let _ = writer.close();
                Err(error.into())
            }
        }
    }

    fn spawn<K: Send + 'static>(self, feed: Feed<K>, writer: LogWriter) -> Result<Recorder, RecorderError> {
        let Feed { source, ring, late, skipped } = feed;
        let shared = Arc::new(Shared::default());
        let (recovery, watch) = (writer.recovery().clone(), writer.watch());
        let Self { idle, ends_with_producer, consumers, on_thread_start, .. } = self;
        let shared_too = Arc::clone(&shared);
        let work = Work {
            source,
            ring,
            late,
            idle,
            ends_with_producer,
            consumers,
            on_thread_start,
            shared: shared_too,
        };
        let thread = std::thread::Builder::new()
            .name("ringlog-recorder".to_owned())
            .spawn(move || work.run(writer))
            .map_err(RecorderError::Thread)?;
        let pid = std::process::id();
        Ok(Recorder { thread: Some(thread), pid, shared, recovery, skipped, watch })
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
