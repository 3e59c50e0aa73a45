//! The handle that gives each thread a producer.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::error::ProducersError;
use super::group::Group;
use super::kept;
use super::pooled::{LossyPooledProducer, PooledProducer};

/// Gives any number of threads a producer for one log. Cloning it gives the same.
///
/// The recorder ends when the last handle and the last producer are dropped, or by
/// [`stop`](crate::recorder::Recorder::stop).
///
/// ```
/// use ringlog::{event::EventHeader, recorder::Recorder, storage::LogReader};
/// # let folder = tempfile::tempdir()?;
///
/// let (producers, recorder) = Recorder::builder().start_many(folder.path())?;
/// std::thread::scope(|scope| {
///     for thread in 0..4 {
///         let mut producer = producers.producer().expect("at most 64 are taken");
///         scope.spawn(move || producer.write_event(&EventHeader::new(thread, 7, 5), b"hello"));
///     }
/// });
/// assert_eq!(recorder.stop()?.events, 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Producers {
    group: Arc<Group>,
}

impl Producers {
    pub(crate) const fn new(group: Arc<Group>) -> Self {
        Self { group }
    }

    /// Returns whether producers may write. In a forked child none may.
    #[cfg(any(feature = "log", feature = "tracing"))]
    pub(crate) fn is_open(&self) -> bool {
        self.group.is_open()
    }

    /// Returns a producer with a ring for it alone. A new ring takes a fraction of a millisecond for each 256 KiB; one that a
    /// dropped producer has left takes none.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, recorder::Recorder};
    /// # let folder = tempfile::tempdir()?;
    /// let (producers, recorder) = Recorder::builder().start_many(folder.path())?;
    /// producers.producer()?.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// assert_eq!(recorder.stop()?.events, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ProducersError::Closed`], [`ProducersError::TooMany`], or [`ProducersError::Ring`] if there is no memory.
    pub fn producer(&self) -> Result<PooledProducer, ProducersError> {
        PooledProducer::new(&self.group)
    }

    /// Gives this thread's producer to `f`. The first call takes one, and it is given back when the thread ends.
    ///
    /// Not for signal handlers. A thread that has called this counts as a producer until it ends, the main thread too: end such a recorder
    /// by [`stop`](crate::recorder::Recorder::stop).
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, recorder::Recorder};
    /// # let folder = tempfile::tempdir()?;
    /// let (producers, recorder) = Recorder::builder().start_many(folder.path())?;
    /// for time in 0..3 {
    ///     producers.with(|producer| producer.write_event(&EventHeader::new(time, 7, 5), b"hello"))??;
    /// }
    /// assert_eq!(recorder.stop()?.events, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`producer`](Self::producer). [`ProducersError::Busy`] from within such an `f`, and [`ProducersError::Ending`] from the
    /// destructor of a thread-local value. `f` was not called then.
    pub fn with<T>(&self, f: impl FnOnce(&mut PooledProducer) -> T) -> Result<T, ProducersError> {
        kept::with(&self.group, f)
    }

    /// As [`with`](Self::with), with a producer that loses events instead of waiting and has them counted.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, recorder::Recorder, ring::Delivery};
    /// # let folder = tempfile::tempdir()?;
    /// let (producers, recorder) = Recorder::builder().start_many(folder.path())?;
    /// let written = producers.with_lossy(|producer| producer.write_event(&EventHeader::new(1, 7, 5), b"hello"))??;
    /// assert_eq!(written, Delivery::Written);
    /// # recorder.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`with`](Self::with).
    pub fn with_lossy<T>(&self, f: impl FnOnce(&mut LossyPooledProducer) -> T) -> Result<T, ProducersError> {
        kept::with_lossy(&self.group, f)
    }
}
