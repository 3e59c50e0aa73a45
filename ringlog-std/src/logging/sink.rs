//! A log that takes messages.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

use super::error::SinkError;
use super::message::log_record;
use super::message_types::MessageTypes;
use super::record::Record;
use super::scratch::Scratch;
use super::spare::Spare;
use super::tail::Tail;
use crate::clock::Clock;
use crate::event::EventHeader;
#[cfg(feature = "log")]
use crate::recorder::Flusher;
use crate::recorder::{PooledProducer, Producers, ProducersError, Recorder};

/// A log that takes messages, for any number of threads, loggers and layers. Cloning it gives the same.
///
/// ```
/// use ringlog::logging::Sink;
/// # let folder = tempfile::tempdir()?;
///
/// let (sink, guard) = Sink::open(folder.path())?;
/// # #[cfg(feature = "log")]
/// ringlog::logging::Logger::new(&sink).install(log::LevelFilter::Info)?;
/// # #[cfg(feature = "log")]
/// log::info!(order = 7, price = 101.25; "filled");
/// let summary = guard.finish()?;
/// # #[cfg(feature = "log")]
/// assert_eq!((summary.log.events, summary.log.lost, summary.dropped), (1, 0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sink {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    producers: Producers,
    types: MessageTypes,
    clock: Clock,
    /// The longest payload in bytes.
    max_payload: usize,
    spare: Spare,
    #[cfg(feature = "log")]
    flusher: Flusher,
}

/// A message that is shorter than this may be all there is room for.
pub(super) const LEAST_PAYLOAD: usize = 128;

impl Sink {
    #[cfg_attr(not(feature = "log"), expect(unused_variables, reason = "only `log` has a flush"))]
    pub(super) fn new(
        producers: Producers,
        types: MessageTypes,
        recorder: &Recorder,
    ) -> Result<Self, SinkError> {
        let mut spare = producers.producer()?;
        // A closed ring takes nothing, and is noticed at the first message.
        let max_payload = spare.with(|producer| producer.max_payload()).unwrap_or(LEAST_PAYLOAD);
        if max_payload < LEAST_PAYLOAD {
            return Err(SinkError::Payload { max_payload });
        }
        let (clock, spare) = (Clock::new(), Spare::new(spare));
        #[cfg(feature = "log")]
        let flusher = recorder.flusher();
        let inner = Inner {
            producers,
            types,
            clock,
            max_payload,
            spare,
            #[cfg(feature = "log")]
            flusher,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Returns the types of the events that messages become.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let (sink, guard) = ringlog::logging::Sink::open(folder.path())?;
    /// assert_eq!(sink.types().record, 252);
    /// # guard.finish()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn types(&self) -> MessageTypes {
        self.inner.types
    }

    /// Returns the producers of the log, for events of the program beside its messages.
    ///
    /// A message from within [`Producers::with`] of these finds the thread's producer in use. It takes the ring that is kept for
    /// such messages, so it may come before or after those of the thread's own ring.
    ///
    /// ```
    /// use ringlog::{event::EventHeader, logging::Sink};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let (sink, guard) = Sink::open(folder.path())?;
    /// sink.producers().with(|producer| producer.write_event(&EventHeader::new(1, 7, 5), b"hello"))??;
    /// assert_eq!(guard.finish()?.log.events, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn producers(&self) -> &Producers {
        &self.inner.producers
    }

    /// Returns the number of messages that are in no ring and that no GAP record counts. After the log's end these are the
    /// messages that came too late. While it is open, the next GAP record will count them, at the latest at the end. In a forked
    /// child they are its own messages, and those that its parent had not counted yet.
    ///
    /// ```
    /// use ringlog::{logging::Sink, recorder::Recorder};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let (sink, guard) = Sink::open(folder.path())?;
    /// guard.finish()?;
    /// # #[cfg(feature = "log")] {
    /// use log::Log;
    /// ringlog::logging::Logger::new(&sink).log(&log::Record::builder().args(format_args!("too late")).build());
    /// assert_eq!(sink.dropped(), 1);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.inner.spare.uncounted()
    }

    /// Returns the longest payload in bytes.
    #[inline]
    pub(super) fn max_payload(&self) -> usize {
        self.inner.max_payload
    }

    /// Returns the time of a message.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        self.inner.clock.now()
    }

    /// Writes a message into this thread's ring, or else into the spare one, or counts it.
    #[inline]
    pub(super) fn write(&self, timestamp: u64, event_type: u8, scratch: Scratch) {
        let payload = scratch.payload();
        let header = header_of(timestamp, event_type, payload);
        // Unless something is lost, a producer that is not lossy writes the same, and need not become a lossy one.
        let try_write = |producer: &mut PooledProducer| {
            producer.with(|producer| {
                producer.pending_loss().is_none() && producer.write_event(&header, payload).is_ok()
            })
        };
        match self.inner.producers.with(try_write) {
            Ok(Ok(true)) => {}
            Ok(_) => self.write_or_lose(&header, payload),
            Err(error) => self.write_without_ring(error, &header, payload),
        }
    }

    #[cold]
    fn write_or_lose(&self, header: &EventHeader, payload: &[u8]) {
        match self.inner.producers.with_lossy(|producer| producer.write_event(header, payload)) {
            Ok(Ok(_)) => {}
            Ok(Err(_)) => self.inner.spare.count(1, header.timestamp),
            Err(error) => self.write_without_ring(error, header, payload),
        }
    }

    #[cold]
    fn write_without_ring(&self, error: ProducersError, header: &EventHeader, payload: &[u8]) {
        match error {
            // In a forked child, a thread that is not there may hold the lock.
            ProducersError::Closed => self.inner.spare.count(1, header.timestamp),
            _ => self.inner.spare.write(header, payload),
        }
    }

    /// Writes a `log_record`.
    pub(super) fn write_record(&self, record: Record, fill: impl FnOnce(&mut Tail<'_>)) {
        let timestamp = self.now();
        self.write(timestamp, self.inner.types.record, log_record(record, self.max_payload(), fill));
    }

    /// Writes a `log_record` into the spare ring, and waits until the recorder has it, both up to `limit`.
    pub(super) fn write_urgently(&self, record: Record, limit: Duration, fill: impl FnOnce(&mut Tail<'_>)) {
        let timestamp = self.now();
        let scratch = log_record(record, self.max_payload(), fill);
        let payload = scratch.payload();
        let header = header_of(timestamp, self.inner.types.record, payload);
        // In a forked child, a thread that is not there may hold the lock.
        match self.inner.producers.is_open() {
            true => self.inner.spare.write_urgently(&header, payload, limit),
            false => self.inner.spare.count(1, timestamp),
        }
    }

    /// Has a GAP record count the messages that none counts yet.
    pub(super) fn report_losses(&self, limit: Duration) {
        if self.inner.producers.is_open() {
            self.inner.spare.report(self.now(), limit);
        }
    }

    /// Waits until the log has what all threads have written before the call, up to `limit`.
    #[cfg(feature = "log")]
    pub(super) fn flush(&self, limit: Duration) {
        if self.inner.producers.is_open() && !is_of_recorder() {
            self.inner.spare.report(self.now(), Duration::ZERO);
            self.inner.flusher.flush(limit);
        }
    }
}

/// Returns whether this is a thread of a recorder, which must not wait for itself.
pub(super) fn is_of_recorder() -> bool {
    std::thread::current().name().is_some_and(|name| name.starts_with("ringlog-"))
}

#[inline]
fn header_of(timestamp: u64, event_type: u8, payload: &[u8]) -> EventHeader {
    // No payload is longer than `max_payload`, which is at most 65,535.
    EventHeader::new(timestamp, event_type, u16::try_from(payload.len()).unwrap_or(u16::MAX))
}
