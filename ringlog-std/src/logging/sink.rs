//! A log that takes messages.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::error::SinkError;
use super::record::{Record, log_record};
use super::scratch::Scratch;
use super::tail::Tail;
use super::types::Types;
use crate::clock::Clock;
use crate::event::EventHeader;
use crate::recorder::{PooledProducer, Producers};

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
/// assert_eq!((summary.log.events, summary.log.lost, summary.unwritten), (1, 0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sink {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    producers: Producers,
    types: Types,
    clock: Clock,
    /// The longest payload in bytes.
    max_payload: usize,
    /// Messages that got into no ring.
    unwritten: AtomicU64,
    /// For panics: the thread's own producer may be in use, or all may be taken.
    spare: Mutex<PooledProducer>,
}

/// A message that is shorter than this may be all there is room for.
pub(super) const LEAST_PAYLOAD: usize = 128;

impl Sink {
    pub(super) fn new(producers: Producers, types: Types) -> Result<Self, SinkError> {
        let mut spare = producers.producer()?;
        // A closed ring takes nothing, and is noticed at the first message.
        let max_payload = spare.with(|producer| producer.max_payload()).unwrap_or(LEAST_PAYLOAD);
        if max_payload < LEAST_PAYLOAD {
            return Err(SinkError::Payload { max_payload });
        }
        let (clock, unwritten, spare) = (Clock::new(), AtomicU64::new(0), Mutex::new(spare));
        Ok(Self { inner: Arc::new(Inner { producers, types, clock, max_payload, unwritten, spare }) })
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
    pub fn types(&self) -> Types {
        self.inner.types
    }

    /// Returns the producers of the log, for events of the program beside its messages.
    ///
    /// A message from within [`Producers::with`] of these finds the thread's producer in use, and is unwritten.
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

    /// Returns the number of messages that got into no ring, so that no GAP record counts them: the log had ended, all
    /// producers were taken, the thread was ending, or its producer was in use.
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
    /// assert_eq!(sink.unwritten(), 1);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn unwritten(&self) -> u64 {
        // ORDERING: Relaxed. The number is for a display only.
        self.inner.unwritten.load(Ordering::Relaxed)
    }

    fn count_unwritten(&self) {
        // ORDERING: Relaxed. The number is for a display only.
        self.inner.unwritten.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the longest payload in bytes.
    pub(super) fn max_payload(&self) -> usize {
        self.inner.max_payload
    }

    /// Returns the time of a message.
    pub(super) fn now(&self) -> u64 {
        self.inner.clock.now()
    }

    /// Writes a message with this thread's producer, or counts it.
    pub(super) fn write(&self, timestamp: u64, event_type: u8, mut payload: Scratch) {
        let payload = payload.bytes();
        let header = header_of(timestamp, event_type, payload);
        // Unless something is lost, a producer that is not lossy writes the same, and need not become a lossy one.
        let try_write = |producer: &mut PooledProducer| {
            producer.with(|producer| {
                producer.pending_loss().is_none() && producer.write_event(&header, payload).is_ok()
            })
        };
        if matches!(self.inner.producers.with(try_write), Ok(Ok(true))) {
            return;
        }
        let written = self.inner.producers.with_lossy(|producer| producer.write_event(&header, payload));
        if !matches!(written, Ok(Ok(_))) {
            self.count_unwritten();
        }
    }

    /// Writes a `log_record`.
    pub(super) fn write_record(&self, record: Record, fill: impl FnOnce(&mut Tail<'_>)) {
        let timestamp = self.now();
        self.write(timestamp, self.inner.types.record, log_record(record, self.max_payload(), fill));
    }

    /// Writes a `log_record` with the spare producer, and waits until the recorder has it, both up to `limit`.
    pub(super) fn write_urgently(&self, record: Record, limit: Duration, fill: impl FnOnce(&mut Tail<'_>)) {
        let timestamp = self.now();
        let mut payload = log_record(record, self.max_payload(), fill);
        let payload = payload.bytes();
        let header = header_of(timestamp, self.inner.types.record, payload);
        let end = Instant::now() + limit;
        let try_write = || {
            let mut spare = self.inner.spare.try_lock().ok()?;
            spare.write_event(&header, payload).ok()
        };
        if until(end, try_write).is_none() {
            return self.count_unwritten();
        }
        let try_see = || {
            let mut spare = self.inner.spare.try_lock().ok()?;
            let used = spare.with(|producer| producer.used()).unwrap_or(0);
            (used == 0).then_some(())
        };
        let _ = until(end, try_see);
    }

    /// Waits until the recorder has what this thread has written, up to `limit`.
    #[cfg(feature = "log")]
    pub(super) fn wait_for_recorder(&self, limit: Duration) {
        let used = |producer: &mut PooledProducer| producer.with(|producer| producer.used()).unwrap_or(0);
        let try_see = || (self.inner.producers.with(used).unwrap_or(0) == 0).then_some(());
        let _ = until(Instant::now() + limit, try_see);
    }
}

fn header_of(timestamp: u64, event_type: u8, payload: &[u8]) -> EventHeader {
    // No payload is longer than `max_payload`, which is at most 65,535.
    EventHeader::new(timestamp, event_type, u16::try_from(payload.len()).unwrap_or(u16::MAX))
}

/// Tries until it succeeds or the time has come.
fn until<T>(end: Instant, mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    loop {
        match attempt() {
            None if Instant::now() < end => std::thread::sleep(Duration::from_micros(200)),
            result => return result,
        }
    }
}
