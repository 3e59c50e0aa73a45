//! In which order the events of several producers get into the log.
#![forbid(unsafe_code)]

use std::time::Duration;

/// In which order the events of several producers get into the log. Those of one producer always keep theirs.
///
/// ```
/// use ringlog::recorder::{Order, Recorder};
/// use std::time::Duration;
/// # let folder = tempfile::tempdir()?;
///
/// let order = Order::Timestamp { window: Duration::from_millis(2) };
/// let (producers, recorder) = Recorder::builder().order(order).start_many(folder.path())?;
/// # drop(producers);
/// # recorder.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Order {
    /// Unsorted: up to 64 KiB of one ring, in whole events, then of the next one.
    #[default]
    Arrival,
    /// The smallest timestamp first, among the events that are there.
    ///
    /// An event waits until `window` has passed since the recorder saw it, so that what comes meanwhile can go first. It
    /// also goes once an event with a larger timestamp has waited that long, and once half a ring of events waits of any one
    /// producer. What comes later is recorded after larger timestamps and counted:
    /// [`RecorderCounts::late`](crate::recorder::RecorderCounts::late).
    ///
    /// A recorder that sleeps sees an event up to [`Idle::Sleep::longest`](crate::ring::Idle::Sleep::longest) late, and may sleep as long
    /// beyond the window's end.
    Timestamp {
        /// How long an event waits.
        window: Duration,
    },
}
