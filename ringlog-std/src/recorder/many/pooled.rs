//! A producer whose ring comes from the pool of its group, and goes back there.
#![forbid(unsafe_code)]

use std::fmt::Debug;
use std::sync::Arc;

use ringlog_nostd::{EventHeader, WriteError};
#[cfg(feature = "macros")]
use ringlog_nostd::{HasTail, Payload};

use super::error::ProducersError;
use super::group::{FreeRing, Group, SharedSeat};
use crate::ring::{Delivery, Lent, LossyProducer, Producer};

/// One of several producers of a log: [`Producers::producer`](crate::recorder::Producers::producer). `Send`, not `Sync`.
///
/// Dropping it gives its ring to the next one, once the recorder has drained it. One that is leaked by
/// [`mem::forget`](std::mem::forget) keeps its ring, which counts among
/// [`max_producers`](crate::recorder::RecorderBuilder::max_producers).
///
/// ```
/// use ringlog::{event::EventHeader, recorder::Recorder};
/// # let folder = tempfile::tempdir()?;
///
/// let (producers, recorder) = Recorder::builder().start_many(folder.path())?;
/// let mut producer = producers.producer()?;
/// std::thread::spawn(move || producer.write_event(&EventHeader::new(1, 7, 5), b"hello")).join().unwrap()?;
/// assert_eq!(recorder.stop()?.events, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type PooledProducer = Pooled<Producer>;

/// A [`PooledProducer`] that loses events instead of waiting, and has them counted: [`Pooled::lossy`].
///
/// ```
/// use ringlog::{event::EventHeader, recorder::{LossyPooledProducer, Recorder}, ring::Delivery};
/// # let folder = tempfile::tempdir()?;
///
/// let (producers, recorder) = Recorder::builder().start_many(folder.path())?;
/// let mut producer: LossyPooledProducer = producers.producer()?.lossy();
/// assert_eq!(producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?, Delivery::Written);
/// # recorder.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type LossyPooledProducer = Pooled<LossyProducer>;

/// A [`PooledProducer`] or a [`LossyPooledProducer`].
///
/// ```
/// use ringlog::recorder::{ProducerKind, Pooled, Recorder};
/// # let folder = tempfile::tempdir()?;
///
/// fn is_open<P: ProducerKind>(producer: &mut Pooled<P>) -> bool {
///     producer.with(|_| ()).is_ok()
/// }
///
/// let (producers, recorder) = Recorder::builder().start_many(folder.path())?;
/// let mut producer = producers.producer()?;
/// assert!(is_open(&mut producer));
/// recorder.stop()?;
/// assert!(!is_open(&mut producer));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Pooled<P: ProducerKind> {
    /// `None` while it is turned into another one.
    taken: Option<Taken<P>>,
}

#[derive(Debug)]
struct Taken<P> {
    producer: P,
    seat: SharedSeat,
    group: Arc<Group>,
}

/// A producer of either kind: [`Producer`] or [`LossyProducer`]. [`Pooled`] has an example.
pub trait ProducerKind: Debug + sealed::Sealed {
    #[doc(hidden)]
    fn into_producer(self) -> Producer;
}

mod sealed {
    use crate::ring::{LossyProducer, Producer};

    pub trait Sealed {}
    impl Sealed for Producer {}
    impl Sealed for LossyProducer {}
}

impl ProducerKind for Producer {
    fn into_producer(self) -> Producer {
        self
    }
}

impl ProducerKind for LossyProducer {
    fn into_producer(self) -> Producer {
        self.into_inner()
    }
}

impl<P: ProducerKind> Pooled<P> {
    /// Lends the producer of its ring to `f`, for claims and batches.
    ///
    /// A recorder that stops meanwhile waits for `f`, up to a second. What `f` writes after that is not in the log, and the
    /// next opening of the log adds a GAP record of unknown count. A ring that is full then stays full, so do not wait for room without
    /// end in `f`.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, recorder::Recorder};
    /// # let folder = tempfile::tempdir()?;
    /// let (producers, recorder) = Recorder::builder().start_many(folder.path())?;
    /// let mut producer = producers.producer()?;
    /// producer.with(|producer| {
    ///     let mut batch = producer.batch();
    ///     batch.write_event(&EventHeader::new(1, 7, 0), b"")?;
    ///     batch.write_event(&EventHeader::new(2, 7, 0), b"")?;
    ///     batch.publish();
    ///     Ok::<(), ringlog::ring::WriteError>(())
    /// })??;
    /// assert_eq!(recorder.stop()?.events, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`WriteError::Closed`] if the recorder has stopped, or in a forked child. `f` was not called then.
    #[inline]
    pub fn with<T>(&mut self, f: impl FnOnce(&mut Lent<'_, P>) -> T) -> Result<T, WriteError> {
        let Some(Taken { producer, seat, group }) = &mut self.taken else { return Err(WriteError::Closed) };
        let _inside = group.enter(seat).ok_or(WriteError::Closed)?;
        Ok(f(&mut Lent::new(producer)))
    }

    fn into_taken<Q>(mut self, turn: impl FnOnce(P) -> Q) -> Option<Taken<Q>> {
        self.taken.take().map(|Taken { producer, seat, group }| Taken {
            producer: turn(producer),
            seat,
            group,
        })
    }
}

impl PooledProducer {
    pub(super) fn new(group: &Arc<Group>) -> Result<Self, ProducersError> {
        let FreeRing { seat, producer } = group.take_ring()?;
        Ok(Self { taken: Some(Taken { producer, seat, group: Arc::clone(group) }) })
    }

    pub(super) fn is_of(&self, group: &Arc<Group>) -> bool {
        self.taken.as_ref().is_some_and(|taken| Arc::ptr_eq(&taken.group, group))
    }

    pub(super) fn is_open(&self) -> bool {
        self.taken.as_ref().is_some_and(|taken| taken.group.is_open())
    }

    /// Writes one event.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, recorder::Recorder, ring::WriteError};
    /// # let folder = tempfile::tempdir()?;
    /// let (producers, recorder) = Recorder::builder().start_many(folder.path())?;
    /// let mut producer = producers.producer()?;
    /// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// assert_eq!(recorder.stop()?.events, 1);
    /// let error = producer.write_event(&EventHeader::new(2, 7, 5), b"hello").unwrap_err();
    /// assert_eq!(error, WriteError::Closed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`WriteError::Closed`] if the recorder has stopped, or in a forked child; else as
    /// [`Producer::write_event`](ringlog_nostd::Producer::write_event). An event that was accepted is in the log, unless the log
    /// itself fails.
    #[inline]
    pub fn write_event(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), WriteError> {
        self.with(|producer| producer.write_event(header, payload))?
    }

    /// Writes one event. Its type is that of the struct.
    ///
    /// ```
    /// # use ringlog::recorder::Recorder;
    /// # let folder = tempfile::tempdir()?;
    /// #[ringlog::event(type = 7)]
    /// struct Sample {
    ///     millivolts: u32,
    /// }
    ///
    /// let (producers, recorder) = Recorder::builder().start_many(folder.path())?;
    /// producers.producer()?.write(1_000, &Sample { millivolts: 3_300 })?;
    /// assert_eq!(recorder.stop()?.events, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    #[cfg(feature = "macros")]
    #[inline]
    pub fn write<E: Payload>(&mut self, timestamp: u64, payload: &E) -> Result<(), WriteError> {
        self.with(|producer| producer.write(timestamp, payload))?
    }

    /// Writes one event with a tail.
    ///
    /// ```
    /// # use ringlog::recorder::Recorder;
    /// # let folder = tempfile::tempdir()?;
    /// #[ringlog::event(type = 9, tail = "text")]
    /// struct Message {
    ///     level: u8,
    /// }
    ///
    /// let (producers, recorder) = Recorder::builder().start_many(folder.path())?;
    /// producers.producer()?.write_with_tail(1_000, &Message { level: 3 }, b"too hot")?;
    /// assert_eq!(recorder.stop()?.events, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    #[cfg(feature = "macros")]
    #[inline]
    pub fn write_with_tail<E: HasTail>(
        &mut self,
        timestamp: u64,
        payload: &E,
        tail: &[u8],
    ) -> Result<(), WriteError> {
        self.with(|producer| producer.write_with_tail(timestamp, payload, tail))?
    }

    /// Returns the same producer, which loses events instead of waiting and has them counted.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, recorder::Recorder, ring::Delivery};
    /// # let folder = tempfile::tempdir()?;
    /// let (producers, recorder) = Recorder::builder().ring_bytes(64).max_payload(16).start_many(folder.path())?;
    /// let mut producer = producers.producer()?.lossy();
    /// for time in 0..1_000 {
    ///     producer.write_event(&EventHeader::new(time, 7, 0), b"")?;
    /// }
    /// drop(producer);
    /// let summary = recorder.stop()?;
    /// assert_eq!(summary.events + summary.lost, 1_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn lossy(self) -> LossyPooledProducer {
        Pooled { taken: self.into_taken(Producer::lossy) }
    }
}

impl LossyPooledProducer {
    /// Writes one event, or counts it as lost if the ring is full.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, recorder::Recorder, ring::Delivery};
    /// # let folder = tempfile::tempdir()?;
    /// let (producers, recorder) = Recorder::builder().start_many(folder.path())?;
    /// let mut producer = producers.producer()?.lossy();
    /// assert_eq!(producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?, Delivery::Written);
    /// # recorder.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`WriteError::Closed`] if the recorder has stopped, or in a forked child: such an event is not counted. Else as
    /// [`LossyProducer::write_event`](ringlog_nostd::LossyProducer::write_event).
    #[inline]
    pub fn write_event(&mut self, header: &EventHeader, payload: &[u8]) -> Result<Delivery, WriteError> {
        self.with(|producer| producer.write_event(header, payload))?
    }

    /// Writes one event, or counts it as lost. Its type is that of the struct.
    ///
    /// ```
    /// # use ringlog::{recorder::Recorder, ring::Delivery};
    /// # let folder = tempfile::tempdir()?;
    /// # #[ringlog::event(type = 7)]
    /// # struct Sample { millivolts: u32 }
    /// let (producers, recorder) = Recorder::builder().start_many(folder.path())?;
    /// let mut producer = producers.producer()?.lossy();
    /// assert_eq!(producer.write(1_000, &Sample { millivolts: 3_300 })?, Delivery::Written);
    /// # recorder.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    #[cfg(feature = "macros")]
    #[inline]
    pub fn write<E: Payload>(&mut self, timestamp: u64, payload: &E) -> Result<Delivery, WriteError> {
        self.with(|producer| producer.write(timestamp, payload))?
    }

    /// Writes one event with a tail, or counts it as lost.
    ///
    /// ```
    /// # use ringlog::{recorder::Recorder, ring::Delivery};
    /// # let folder = tempfile::tempdir()?;
    /// # #[ringlog::event(type = 9, tail = "text")]
    /// # struct Message { level: u8 }
    /// let (producers, recorder) = Recorder::builder().start_many(folder.path())?;
    /// let mut producer = producers.producer()?.lossy();
    /// assert_eq!(producer.write_with_tail(1_000, &Message { level: 3 }, b"too hot")?, Delivery::Written);
    /// # recorder.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    #[cfg(feature = "macros")]
    #[inline]
    pub fn write_with_tail<E: HasTail>(
        &mut self,
        timestamp: u64,
        payload: &E,
        tail: &[u8],
    ) -> Result<Delivery, WriteError> {
        self.with(|producer| producer.write_with_tail(timestamp, payload, tail))?
    }

    /// Returns the same producer, which reports a full ring. Losses that no GAP record counts yet stay counted.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, recorder::Recorder};
    /// # let folder = tempfile::tempdir()?;
    /// let (producers, recorder) = Recorder::builder().start_many(folder.path())?;
    /// let mut producer = producers.producer()?.lossy().into_inner();
    /// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// # recorder.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn into_inner(self) -> PooledProducer {
        Pooled { taken: self.into_taken(LossyProducer::into_inner) }
    }
}

impl<P: ProducerKind> Drop for Pooled<P> {
    fn drop(&mut self) {
        if let Some(Taken { producer, seat, group }) = self.taken.take() {
            group.give_back(FreeRing { seat, producer: producer.into_producer() });
        }
    }
}
