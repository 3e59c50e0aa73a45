//! Why there is no producer.
#![forbid(unsafe_code)]

use crate::ring::NewRingError;

/// Why there is no producer for the caller.
///
/// ```
/// use ringlog::recorder::{ProducersError, Recorder};
/// # let folder = tempfile::tempdir()?;
///
/// let (producers, recorder) = Recorder::builder().max_producers(1).start_many(folder.path())?;
/// let first = producers.producer()?;
/// assert!(matches!(producers.producer(), Err(ProducersError::TooMany { max: 1 })));
/// recorder.stop()?;
/// assert!(matches!(producers.producer(), Err(ProducersError::Closed)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProducersError {
    /// The recorder has stopped, or this is a forked child.
    #[error("the recorder has stopped, or belongs to another process; start one here")]
    Closed,
    /// All rings are taken.
    #[error(
        "all producers are taken, {max} at a time; drop one that is not needed, or ask for more by \
         `RecorderBuilder::max_producers`"
    )]
    TooMany {
        /// How many there may be.
        max: usize,
    },
    /// No ring could be made.
    #[error(transparent)]
    Ring(#[from] NewRingError),
    /// This thread's producer is in use: the call came from within another one, such as from a `Debug` that logs.
    #[error("this thread's producer is in use by a call further up; write after that call")]
    Busy,
    /// This thread ends, and its producer is gone.
    #[error(
        "this thread is ending, and its producer is gone; write earlier, or take a producer by `producer()`"
    )]
    Ending,
}
