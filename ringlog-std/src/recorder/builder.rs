//! Options of a recorder, and how one starts.
#![forbid(unsafe_code)]

use std::path::Path;
use std::sync::Arc;

use ringlog_nostd::RingOptions;

use super::descriptions::Descriptions;
use super::error::RecorderError;
use super::handle::Recorder;
use super::late::LateEvents;
use super::many::group::Group;
use super::many::order::Order;
use super::many::producers::Producers;
use super::many::rings::Rings;
use super::many::work::ManyWork;
use super::resume::{Resumed, resume};
use super::skipped::SkippedRing;
use super::work::{Shared, StartFunction, Work};
use crate::consumer::EventConsumer;
use crate::ring::{Consumer, Idle, Producer, SharedRing, SpscRingBuffer, watched_ends};
use crate::storage::{LogSummary, LogWriter, LogWriterOptions, SchemaList};

/// What feeds a log.
struct Feed {
    source: Consumer,
    /// The longest payload of the ring, in bytes.
    max_payload: usize,
    ring: Option<SharedRing>,
    late: Option<LateEvents>,
    skipped: Option<SkippedRing>,
}

/// What each recorder's thread has besides its rings.
struct Parts {
    descriptions: Descriptions,
    idle: Idle,
    ends_with_producer: bool,
    consumers: Vec<Box<dyn EventConsumer + Send>>,
    on_thread_start: Option<StartFunction>,
    shared: Arc<Shared>,
}

/// Options of a [`Recorder`].
///
/// ```
/// use ringlog::consumer::EventConsumer;
/// use ringlog::event::EventHeader;
/// use ringlog::recorder::Recorder;
/// use ringlog::storage::LogWriter;
/// use ringlog::ring::Idle;
/// use std::time::Duration;
/// # let folder = tempfile::tempdir()?;
///
/// struct Display;
///
/// impl EventConsumer for Display {
///     fn consume(&mut self, _header: &EventHeader, _payload: &[u8]) -> bool { true }
///     fn name(&self) -> &str { "display" }
/// }
///
/// let (mut producer, recorder) = Recorder::builder()
///     .ring_bytes(1 << 20)
///     .max_payload(1024)
///     .idle(Idle::Sleep { longest: Duration::from_millis(1) })
///     .log(LogWriter::options().segment_bytes(1 << 20))
///     .consumer(Display)
///     .start(folder.path())?;
/// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
/// assert_eq!(recorder.shutdown(producer)?.events, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RecorderBuilder {
    ring: RingOptions,
    idle: Idle,
    log: LogWriterOptions,
    schemas: SchemaList,
    ends_with_producer: bool,
    skips_to_head: bool,
    max_producers: usize,
    order: Order,
    consumers: Vec<Box<dyn EventConsumer + Send>>,
    on_thread_start: Option<StartFunction>,
}

/// Capacity of the ring of a single producer, and of each ring of several, in bytes.
const RING_BYTES: usize = 4 << 20;
const POOLED_RING_BYTES: usize = 256 << 10;

impl Recorder {
    /// Records into the folder `log`, with the defaults of [`builder`](Self::builder).
    ///
    /// ```
    /// use ringlog::{recorder::{Recorder, RecorderError}, storage::OpenError};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let (producer, recorder) = Recorder::start(folder.path())?;
    /// // A log has one writer at a time.
    /// let error = Recorder::start(folder.path()).unwrap_err();
    /// assert!(matches!(error, RecorderError::Open(OpenError::Locked { .. })));
    /// recorder.shutdown(producer)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RecorderError`] says whether the ring, the log or the thread failed.
    pub fn start(log: impl AsRef<Path>) -> Result<(Producer, Self), RecorderError> {
        Self::builder().start(log)
    }

    /// Returns the default options: a ring of 4 MiB, sleeps of up to 10 milliseconds, a log of 64 MiB segments with
    /// checksums.
    ///
    /// ```
    /// use ringlog::recorder::Recorder;
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let (producer, recorder) = Recorder::builder().ring_bytes(64 << 10).start(folder.path())?;
    /// assert_eq!(producer.capacity(), 64 << 10);
    /// recorder.shutdown(producer)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn builder() -> RecorderBuilder {
        RecorderBuilder::new()
    }
}

impl RecorderBuilder {
    pub(super) fn new() -> Self {
        Self {
            ring: RingOptions::default(),
            idle: Idle::default(),
            log: LogWriter::options(),
            schemas: SchemaList::new(),
            ends_with_producer: false,
            skips_to_head: false,
            max_producers: 64,
            order: Order::default(),
            consumers: Vec::new(),
            on_thread_start: None,
        }
    }

    /// Sets the capacity of the ring, or of each ring of several producers, in bytes: a power of two. The default is 4 MiB, and
    /// 256 KiB for each of several.
    #[must_use]
    pub fn ring_bytes(mut self, bytes: usize) -> Self {
        self.ring.capacity = Some(bytes);
        self
    }

    /// Sets the longest payload in bytes, at most 65,535 and at most what the capacity of the ring allows, which is the default.
    #[must_use]
    pub fn max_payload(mut self, bytes: usize) -> Self {
        self.ring.max_payload = Some(bytes);
        self
    }

    /// Sets what the recorder's thread does while the ring is empty: [`Idle::Sleep`] of up to 10 milliseconds by default.
    #[must_use]
    pub fn idle(mut self, idle: Idle) -> Self {
        self.idle = idle;
        self
    }

    /// Sets the options of the log. Keeps what the builder knows of its events.
    #[must_use]
    pub fn log(mut self, mut options: LogWriterOptions) -> Self {
        options.schemas.extend(&self.log.schemas);
        self.log = options;
        self
    }

    /// Adds descriptions of events to what the log says of them, so that readers show names instead of bytes.
    /// [`Recorder::register`] adds more later.
    ///
    /// A recorder of a [shared ring](Self::start_shared) adds them to those of the ring's producer. Where the two describe a
    /// type in different ways, the log says nothing of that type: see [`Recorder::schema_watch`].
    ///
    /// ```
    /// use ringlog::event::{EventHeader, MetaTopic};
    /// use ringlog::recorder::Recorder;
    /// use ringlog::storage::{LogReader, SchemaList};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let mut schemas = SchemaList::new();
    /// schemas.insert(MetaTopic::EventType(7), &br#"{"type":7,"name":"reset","size":0,"fields":[]}"#[..])?;
    ///
    /// let (mut producer, recorder) = Recorder::builder().schemas(schemas).start(folder.path())?;
    /// producer.write_event(&EventHeader::new(1, 7, 0), b"")?;
    /// recorder.shutdown(producer)?;
    /// assert!(LogReader::open(folder.path())?.schemas()?.of_type(7).is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn schemas(mut self, schemas: SchemaList) -> Self {
        self.schemas.extend(&schemas);
        self
    }

    /// Adds a word about the log as a whole to what it says of its events, such as the host that it comes from.
    ///
    /// ```
    /// use ringlog::{recorder::Recorder, storage::LogReader};
    /// # use ringlog::event::EventHeader;
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let (mut producer, recorder) = Recorder::builder().user("host", "gw7").start(folder.path())?;
    /// producer.write_event(&EventHeader::new(1, 7, 0), b"")?;
    /// recorder.shutdown(producer)?;
    /// let schemas = LogReader::open(folder.path())?.schemas()?.to_set();
    /// assert_eq!(schemas.log().and_then(|log| log.user("host")), Some("gw7"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If all that is said of the log takes more than 65,535 bytes.
    #[cfg(feature = "schema")]
    #[must_use]
    pub fn user(mut self, name: &str, word: &str) -> Self {
        if let Err(error) = self.schemas.insert_user(name, word) {
            panic!("{error}");
        }
        self
    }

    /// Adds the descriptions of these events: see [`schemas`](Self::schemas).
    ///
    /// ```
    /// use ringlog::{recorder::Recorder, storage::LogReader};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// #[ringlog::event(type = 7)]
    /// struct Sample {
    ///     millivolts: u32,
    /// }
    ///
    /// ringlog::events!(Samples: Sample);
    ///
    /// let (producer, recorder) = Recorder::builder().events::<Samples>().start(folder.path())?;
    /// let mut producer = producer.lossy();
    /// producer.write(1_000, &Sample { millivolts: 3_300 })?;
    /// recorder.shutdown(producer.into_inner())?;
    /// assert!(LogReader::open(folder.path())?.schemas()?.of_type(7).is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "macros")]
    #[must_use]
    pub fn events<E: ringlog_nostd::EventTypes>(self) -> Self {
        self.schemas(SchemaList::of::<E>())
    }

    /// Adds a consumer beside the log, on the recorder's thread. An event that it refuses it misses: the log has it all the same.
    ///
    /// While it works, the recorder does nothing else, and the ring fills. For a consumer that may block, such as one that writes to a
    /// socket, there is [`Recorder::follow`].
    #[must_use]
    pub fn consumer(mut self, consumer: impl EventConsumer + Send + 'static) -> Self {
        self.consumers.push(Box::new(consumer));
        self
    }

    /// Runs `f` on the recorder's thread before the first drain, to pin the thread to a processor or to set its
    /// priority. The log's workers are other threads. They run where the thread that starts the recorder may run,
    /// unless [`LogWriterOptions::on_worker_start`] places them.
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

    /// Ends the recorder of a shared ring when the producer closes. Without this it waits for the next producer. Only
    /// [`start_shared`](Self::start_shared) asks for it: the others end with their producers anyhow.
    ///
    /// ```
    /// use ringlog::{recorder::Recorder, ring::SharedRing};
    /// use std::time::Duration;
    /// # let folder = tempfile::tempdir()?;
    /// # let (ring, log) = (folder.path().join("events.ring"), folder.path().join("log"));
    ///
    /// let recorder = Recorder::builder().end_with_producer().start_shared(&ring, &log)?;
    /// drop(SharedRing::open(&ring)?.claim_producer()?);
    /// assert_eq!(recorder.wait(Duration::from_secs(60))?.events, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn end_with_producer(mut self) -> Self {
        self.ends_with_producer = true;
        self
    }

    /// Gives up everything that is unread in a shared ring, before anything of it is recorded. The log gets a GAP record for
    /// it, with the number of events if each record can be read, and [`Recorder::skipped`] reports it. (One event alone also
    /// has a record of unknown count, if the log's last segment has none yet.) Only
    /// [`start_shared`](Self::start_shared) asks for it.
    ///
    /// It needs a head that fits the tail. Else `start_shared` fails with [`Positions`](crate::ring::SharedRingError::Positions), and nothing
    /// changes.
    ///
    /// ```
    /// use ringlog::{event::EventHeader, recorder::Recorder, ring::SharedRing};
    /// # let folder = tempfile::tempdir()?;
    /// # let (ring, log) = (folder.path().join("events.ring"), folder.path().join("log"));
    ///
    /// Recorder::builder().start_shared(&ring, &log)?.stop()?;
    /// let mut producer = SharedRing::open(&ring)?.claim_producer()?;
    /// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    ///
    /// let recorder = Recorder::builder().skip_to_head().start_shared(&ring, &log)?;
    /// assert_eq!(recorder.skipped().and_then(|skipped| skipped.events), Some(1));
    /// assert_eq!(recorder.stop()?.events, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn skip_to_head(mut self) -> Self {
        self.skips_to_head = true;
        self
    }

    /// Sets how many producers [`start_many`](Self::start_many) may have at a time: 64 by default. Each has a ring, which is kept for
    /// the next one.
    ///
    /// ```
    /// use ringlog::recorder::{ProducersError, Recorder};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let (producers, recorder) = Recorder::builder().max_producers(1).start_many(folder.path())?;
    /// let first = producers.producer()?;
    /// assert!(matches!(producers.producer(), Err(ProducersError::TooMany { max: 1 })));
    /// # drop(first);
    /// # recorder.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn max_producers(mut self, max: usize) -> Self {
        self.max_producers = max;
        self
    }

    /// Adds one to the producers that [`start_many`](Self::start_many) may have, for one that the library keeps.
    #[cfg(any(feature = "log", feature = "tracing"))]
    pub(crate) const fn with_spare_producer(mut self) -> Self {
        self.max_producers = self.max_producers.saturating_add(1);
        self
    }

    /// Returns whether the builder has a description of the events of this type.
    #[cfg(any(feature = "log", feature = "tracing"))]
    pub(crate) fn is_described(&self, event_type: u8) -> bool {
        [&self.schemas, &self.log.schemas].iter().any(|list| list.of_type(event_type).is_some())
    }

    /// Sets in which order the events of several producers get into the log. Only [`start_many`](Self::start_many) asks for it: one
    /// producer's events keep theirs.
    ///
    /// ```
    /// use ringlog::recorder::{Order, Recorder};
    /// use ringlog::{event::EventHeader, storage::LogReader};
    /// use std::time::Duration;
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let order = Order::Timestamp { window: Duration::from_secs(1) };
    /// let (producers, recorder) = Recorder::builder().order(order).start_many(folder.path())?;
    /// let (mut first, mut second) = (producers.producer()?, producers.producer()?);
    /// first.write_event(&EventHeader::new(2, 7, 0), b"")?;
    /// second.write_event(&EventHeader::new(1, 7, 0), b"")?;
    /// recorder.stop()?;
    /// let times: Vec<_> = LogReader::open(folder.path())?.events().map(|event| event.unwrap().header.timestamp).collect();
    /// assert_eq!(times, [1, 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// Opens the log in the folder `log` and starts a thread that drains the rings of any number of producers into it.
    ///
    /// The recorder ends by [`Recorder::stop`], or when the last of [`Producers`] and their producers is dropped. From the stop
    /// on each write is [`WriteError::Closed`](crate::ring::WriteError::Closed); what was accepted before is in the log. A record does not
    /// name its producer: what needs that puts it into the payload.
    ///
    /// ```
    /// use ringlog::{event::EventHeader, recorder::Recorder};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let (producers, recorder) = Recorder::builder().start_many(folder.path())?;
    /// std::thread::scope(|scope| {
    ///     for time in 0..4 {
    ///         let producers = &producers;
    ///         scope.spawn(move || producers.with(|it| it.write_event(&EventHeader::new(time, 7, 5), b"hello")));
    ///     }
    /// });
    /// assert_eq!(recorder.stop()?.events, 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RecorderError::Ring`] if the rings cannot have these sizes, [`RecorderError::Gate`]; else as [`Recorder::start`].
    pub fn start_many(mut self, log: impl AsRef<Path>) -> Result<(Producers, Recorder), RecorderError> {
        self.ring.capacity.get_or_insert(POOLED_RING_BYTES);
        // A ring of these sizes shows whether there can be any.
        let max_payload = SpscRingBuffer::with_options(&self.ring)?.split().0.max_payload();
        let group = Arc::new(Group::new(self.ring, self.max_producers).map_err(RecorderError::Gate)?);
        // No shared ring can continue after what this one adds.
        let writer = self.log_options().own_ring().open(log)?;
        let rings = Rings::new(Arc::clone(&group), self.order);
        let recorder = self.spawn(writer, max_payload, None, |parts, writer| {
            let Parts { descriptions, idle, consumers, on_thread_start, shared, .. } = parts;
            ManyWork { rings, descriptions, idle, consumers, on_thread_start, shared }.run(writer)
        })?;
        Ok((Producers::new(group), recorder))
    }

    /// Opens the log in the folder `log` and starts the thread.
    ///
    /// ```
    /// use ringlog::{event::EventHeader, recorder::Recorder};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let (mut producer, recorder) = Recorder::builder().max_payload(16).start(folder.path())?;
    /// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// assert_eq!(recorder.shutdown(producer)?.events, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Recorder::start`].
    pub fn start(mut self, log: impl AsRef<Path>) -> Result<(Producer, Recorder), RecorderError> {
        // No shared ring can continue after what this one adds.
        let mut writer = self.log_options().own_ring().open(log)?;
        self.ring.capacity.get_or_insert(RING_BYTES);
        // The log's position is also a ring's: a multiple of 8, and as wide.
        self.ring.start = writer.position() as usize;
        let (producer, source, after_close) =
            watched_ends(&self.ring).inspect_err(|_| writer.note_drained_ring())?;
        self.ends_with_producer = true;
        let (log, log_identity) = (writer.path().to_path_buf(), writer.identity());
        let late = Some(LateEvents { log, log_identity, options: self.log_options(), after_close });
        let max_payload = producer.max_payload();
        Ok((producer, self.spawn_one(Feed { source, max_payload, ring: None, late, skipped: None }, writer)?))
    }

    /// Returns the options of the log, with all that this builder says of its events.
    fn log_options(&self) -> LogWriterOptions {
        let mut options = self.log.clone();
        options.schemas.extend(&self.schemas);
        options
    }

    /// Opens the log in the folder `log` and starts a thread that drains the [`SharedRing`] `ring` into it, until
    /// [`Recorder::stop`]. A ring that is missing is created, in the sizes given here.
    ///
    /// This process, the recorder before it and the producer may be killed at any moment: each event that the ring
    /// had published gets into the log exactly once and in order. The ring gets an event's space back once the log
    /// has published it, and the log's end says what need not be read again. Consumers [beside the
    /// log](Self::consumer) get such events at least once.
    ///
    /// The log describes events as the ring's producer does: see [`SharedRing::schemas`]. A producer with other
    /// descriptions begins a new segment. Descriptions that are missing, damaged or too long never stop a recorder:
    /// [`Recorder::schema_watch`] reports them, and the log has the events without.
    ///
    /// One ring feeds one log. After a restart of the machine, or where the ring of a log is missing, the recorder
    /// begins with a new ring and a GAP record of unknown count. It skips what cannot be read of a damaged ring, and
    /// such a record reports that: see [`Recorder::skipped`].
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
    /// [`RecorderError::SharedRing`] if the ring cannot be opened, [`RecorderError::OtherRing`] or
    /// [`RecorderError::NewToLog`] if it belongs to another log; else as [`Recorder::start`].
    pub fn start_shared(
        mut self,
        ring: impl AsRef<Path>,
        log: impl AsRef<Path>,
    ) -> Result<Recorder, RecorderError> {
        // Before the log is created: a file that is no ring must not lead to a log without events.
        if let Err(error) = SharedRing::open(&ring)
            && !error.is_transient()
        {
            return Err(error.into());
        }
        self.ring.capacity.get_or_insert(RING_BYTES);
        let mut writer = self.log_options().open(log)?;
        match resume(ring.as_ref(), &self.ring, self.skips_to_head, &mut writer) {
            Ok(Resumed { ring, source, skipped }) => {
                let max_payload = ring.max_payload();
                self.spawn_one(Feed { source, max_payload, ring: Some(ring), late: None, skipped }, writer)
            }
            Err(error) => {
                // The log is unchanged. The error to report is why the ring cannot feed it.
                let _ = writer.close();
                Err(error)
            }
        }
    }

    /// Starts the thread that drains one ring.
    fn spawn_one(self, feed: Feed, writer: LogWriter) -> Result<Recorder, RecorderError> {
        let Feed { source, max_payload, ring, late, skipped } = feed;
        self.spawn(writer, max_payload, skipped, |parts, writer| {
            let Parts { descriptions, idle, ends_with_producer, consumers, on_thread_start, shared } = parts;
            Work {
                source,
                ring,
                late,
                descriptions,
                idle,
                ends_with_producer,
                consumers,
                on_thread_start,
                shared,
            }
            .run(writer)
        })
    }

    fn spawn(
        self,
        writer: LogWriter,
        max_payload: usize,
        skipped: Option<SkippedRing>,
        run: impl FnOnce(Parts, LogWriter) -> Result<LogSummary, RecorderError> + Send + 'static,
    ) -> Result<Recorder, RecorderError> {
        let shared = Arc::new(Shared::default());
        let descriptions = Descriptions::new(&writer, max_payload, shared.schemas.clone());
        let (recovery, watch, log) = (writer.recovery().clone(), writer.watch(), writer.path().to_path_buf());
        let Self { idle, ends_with_producer, consumers, on_thread_start, .. } = self;
        let shared_too = Arc::clone(&shared);
        let parts =
            Parts { descriptions, idle, ends_with_producer, consumers, on_thread_start, shared: shared_too };
        let thread = std::thread::Builder::new()
            .name("ringlog-recorder".to_owned())
            .spawn(move || run(parts, writer))
            .map_err(RecorderError::Thread)?;
        let pid = std::process::id();
        Ok(Recorder { thread: Some(thread), pid, shared, recovery, skipped, watch, log, ends_with_producer })
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
