//! The end of a log that takes messages.
#![forbid(unsafe_code)]

use std::time::Duration;

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
    /// Declared first, so dropped first.
    losses: LossesOnDrop,
    recorder: Recorder,
}

/// Has the log count what got into no ring.
#[derive(Debug)]
struct LossesOnDrop(Sink);

/// How long the end of a log waits for room for that count.
const LIMIT: Duration = Duration::from_secs(1);

impl Drop for LossesOnDrop {
    fn drop(&mut self) {
        self.0.report_losses(LIMIT);
    }
}

/// What a log took, and what came too late for it.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// let (sink, guard) = ringlog::logging::Sink::open(folder.path())?;
/// let summary = guard.finish()?;
/// assert_eq!((summary.log.events, summary.log.lost, summary.dropped), (0, 0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SinkSummary {
    /// What the log took, and what its GAP records count as lost.
    pub log: LogSummary,
    /// Messages that no GAP record counts: see [`Sink::dropped`].
    pub dropped: u64,
}

impl Guard {
    pub(super) const fn new(recorder: Recorder, sink: Sink) -> Self {
        Self { losses: LossesOnDrop(sink), recorder }
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

    /// Ends the log. Messages after it are counted as [dropped](Sink::dropped).
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
        let Self { losses, recorder } = self;
        let sink = losses.0.clone();
        drop(losses);
        let log = recorder.stop()?;
        Ok(SinkSummary { log, dropped: sink.dropped() })
    }
}
