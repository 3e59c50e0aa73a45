//! The end of a log that takes messages.
#![forbid(unsafe_code)]

use super::sink::Sink;
use crate::recorder::{Recorder, RecorderError};
use crate::storage::LogSummary;

/// Ends the log of a [`Sink`] when it is dropped: all that was logged before is then in it.
///
/// Keep it in `main`. [`std::process::exit`] and a static variable drop nothing: call [`finish`](Self::finish) before.
///
/// ```
/// use ringlog::{event::EventHeader, logging::Sink, storage::LogReader};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("log");
///
/// fn run(log: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
///     let (sink, _guard) = Sink::open(log)?;
///     sink.producers().with(|producer| producer.write_event(&EventHeader::new(1, 7, 5), b"hello"))??;
///     Ok(())
/// }
/// # run(&path)?;
/// assert_eq!(LogReader::open(&path)?.events().count(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "the log ends when the guard is dropped"]
pub struct Guard {
    recorder: Recorder,
    sink: Sink,
}

/// What a log took, and what got into no ring.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// let (sink, guard) = ringlog::logging::Sink::open(folder.path())?;
/// let summary = guard.finish()?;
/// assert_eq!((summary.log.events, summary.log.lost, summary.unwritten), (0, 0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SinkSummary {
    /// What the log took, and what its GAP records count as lost.
    pub log: LogSummary,
    /// Messages that no GAP record counts: see [`Sink::unwritten`].
    pub unwritten: u64,
}

impl Guard {
    pub(super) const fn new(recorder: Recorder, sink: Sink) -> Self {
        Self { recorder, sink }
    }

    /// Returns the recorder, for its counts and consumers that follow the log.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let (sink, guard) = ringlog::logging::Sink::open(folder.path())?;
    /// assert_eq!(guard.recorder().counts().lost, 0);
    /// # guard.finish()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Ends the log. Messages after it are counted as [unwritten](Sink::unwritten).
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let (sink, guard) = ringlog::logging::Sink::open(folder.path())?;
    /// assert_eq!(guard.finish()?.log.events, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RecorderError`] if the log could not take everything, or could not be closed.
    pub fn finish(self) -> Result<SinkSummary, RecorderError> {
        let log = self.recorder.stop()?;
        Ok(SinkSummary { log, unwritten: self.sink.unwritten() })
    }
}
