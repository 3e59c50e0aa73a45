//! What a recorder reports about a ring that it could not read.
#![forbid(unsafe_code)]

use std::fmt;
use std::path::PathBuf;

use crate::words::Counted;

/// What a recorder could not read of its ring when it started, or was asked to
/// [give up](super::RecorderBuilder::skip_to_head), and skipped. The log has a GAP record for it.
///
/// ```
/// use ringlog::recorder::Recorder;
/// # let folder = tempfile::tempdir()?;
/// # let (ring, log) = (folder.path().join("events.ring"), folder.path().join("log"));
///
/// Recorder::builder().start_shared(&ring, &log)?.stop()?;
/// std::fs::remove_file(&ring)?;
///
/// let recorder = Recorder::builder().start_shared(&ring, &log)?;
/// let skipped = recorder.skipped().unwrap();
/// assert_eq!((&skipped.ring, skipped.bytes), (&ring.canonicalize()?, None), "{skipped}");
/// # recorder.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SkippedRing {
    /// The ring.
    pub ring: PathBuf,
    /// The identity that it had.
    pub identity: u64,
    /// Why it could not be read.
    pub reason: String,
    /// The first position that was skipped, which is where the log ended.
    pub position: u64,
    /// How many bytes were skipped; `None` if a new ring took the place of this one.
    pub bytes: Option<u64>,
    /// How many events that is, with those that GAP records in the ring count; `None` if that is not known.
    pub events: Option<u64>,
}

impl fmt::Display for SkippedRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ring, identity, reason, position, bytes, events } = self;
        write!(f, "{}: ring {identity:016x}: {reason}", ring.display())?;
        match bytes {
            Some(0) => f.write_str("; nothing is lost, the log has all that it held"),
            Some(bytes) => {
                write!(f, ": skipped {bytes} bytes ")?;
                if let Some(events) = events {
                    write!(f, "with {} ", Counted(*events, "event"))?;
                }
                write!(f, "from position {position} on; the log has a GAP record for them")
            }
            None => write!(
                f,
                ": skipped all that it held from position {position} on, and a new ring took its place; the log has a GAP \
                 record for it"
            ),
        }
    }
}
