//! Why a recording could not begin, or ended early.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::time::Duration;

use crate::consumer::DrainError;
use crate::ring::{NewRingError, RingFault, SharedRingError};
use crate::storage::{AppendError, CreateError, LogSummary, OpenError, SyncError};

/// Why a recorder could not start, or ended early.
///
/// ```
/// use ringlog::recorder::{Recorder, RecorderError};
/// # let folder = tempfile::tempdir()?;
///
/// let error = Recorder::builder().ring_bytes(1000).start(folder.path()).unwrap_err();
/// assert!(matches!(error, RecorderError::Ring(_)));
/// assert!(error.written().is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A log takes the events of one shared ring after another, but not of a ring that has fed another log:
///
/// ```
/// # use ringlog::recorder::{Recorder, RecorderError};
/// # use ringlog::ring::{RingOptions, SharedRing};
/// # let folder = tempfile::tempdir()?;
/// # let (ring, log) = (folder.path().join("events.ring"), folder.path().join("log"));
/// Recorder::builder().start_shared(&ring, &log)?.stop()?;
/// let other = SharedRing::create(folder.path().join("other.ring"), &RingOptions::default())?;
/// let error = Recorder::builder().start_shared(other.path(), &log).unwrap_err();
/// assert!(matches!(error, RecorderError::OtherRing { .. }), "{error:?}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecorderError {
    /// The ring could not be created.
    #[error(transparent)]
    Ring(#[from] NewRingError),
    /// The log could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The shared ring could not be created, opened or claimed.
    #[error(transparent)]
    SharedRing(#[from] SharedRingError),
    /// Another ring fed the log.
    #[error(
        "{}: ring {ring_identity:016x}, but {} was fed by ring {log_identity:016x}; record this ring into another log, \
         or move it away and lose its unread events",
        ring.display(),
        log.display()
    )]
    OtherRing {
        /// The ring.
        ring: PathBuf,
        /// Its identity.
        ring_identity: u64,
        /// The log's folder.
        log: PathBuf,
        /// The identity of the ring that fed it.
        log_identity: u64,
    },
    /// No shared ring feeds the log, and the log does not end where the ring begins.
    #[error(
        "{}: ring {ring_identity:016x} begins at position {tail}, but {}, which no shared ring has fed last, ends at \
         {log_end}; record this ring into another log, or move it away and lose its unread events",
        ring.display(),
        log.display()
    )]
    NewToLog {
        /// The ring.
        ring: PathBuf,
        /// Its identity.
        ring_identity: u64,
        /// Position of its first unread event.
        tail: u64,
        /// The log's folder.
        log: PathBuf,
        /// The position at which it ends.
        log_end: u64,
    },
    /// The ring that fed the log is damaged, and cannot be replaced while it is in use.
    #[error("{damage}, so a new ring has to take its place: {source}")]
    DamagedInUse {
        /// The ring.
        ring: PathBuf,
        /// What is wrong with it.
        damage: String,
        /// Who uses it.
        source: SharedRingError,
    },
    /// The log took no GAP record for what is missing.
    #[error("cannot record what is missing from the ring: {0}")]
    Gap(#[source] Box<AppendError>),
    /// The descriptions of events leave too little room in a segment.
    #[error(transparent)]
    Schemas(#[from] CreateError),
    /// The recorder has ended, so it takes nothing more.
    #[error("the recorder has ended; join it to learn why, and start another one")]
    Ended,
    /// The kernel has no page for what all producers of a log check, or cannot wipe it in a forked child (before Linux 4.14).
    #[error("cannot prepare a page for the producers: {0}; it takes 4 KiB of memory and Linux 4.14 or later")]
    Gate(#[source] std::io::Error),
    /// The thread could not be started.
    #[error("cannot start the recorder's thread: {0}; end other threads, or raise the limit (`ulimit -u`)")]
    Thread(#[source] std::io::Error),
    /// The log refused events. It has what it took before; what was still in the ring is not in it.
    #[error("recording ended: {source}")]
    Append {
        /// The reason.
        source: AppendError,
        /// What the log had taken before.
        written: Box<LogSummary>,
    },
    /// A drain failed.
    #[error(transparent)]
    Drain(#[from] DrainError),
    /// The log could not be closed. Readers still find what was written.
    #[error("{source}")]
    Close {
        /// The reason.
        source: SyncError,
        /// What the log took.
        written: Box<LogSummary>,
    },
    /// The ring is damaged. The log has what it took before. The next recorder of a ring in a file skips what cannot
    /// be read.
    #[error(
        "{}: {source}{}; {}",
        ring.as_ref().map_or("the ring in memory".into(), |ring| ring.display().to_string()),
        cause.as_ref().map_or(String::new(), |cause| format!(": {cause}")),
        damage_advice(ring.is_some())
    )]
    Damaged {
        /// The ring, if it is in a file.
        ring: Option<PathBuf>,
        /// What is wrong with it.
        source: RingFault,
        /// What its bytes show, and who most probably stored them, for a ring in a file.
        cause: Option<String>,
        /// What the log took.
        written: Box<LogSummary>,
    },
    /// A producer did not close within the limit. The log was closed without waiting for it.
    #[error(
        "a producer did not close within {0:?}: what it writes later is refused, or gets a GAP record in the log; close it \
         earlier, or wait longer"
    )]
    ProducerOpen(Duration),
    /// The recorder's thread panicked.
    #[error(
        "the recorder's thread panicked; its message is on standard error, and what it had recorded is in the log"
    )]
    Panicked,
}

impl RecorderError {
    /// Returns what the log took before it failed; `None` if the log is not what failed.
    ///
    /// ```
    /// use ringlog::recorder::{Recorder, RecorderError};
    ///
    /// let error = Recorder::start("/proc/no-log-here").unwrap_err();
    /// assert!(matches!(error, RecorderError::Open(_)));
    /// assert_eq!(error.written(), None);
    /// ```
    #[must_use]
    pub const fn written(&self) -> Option<LogSummary> {
        match self {
            Self::Append { written, .. } | Self::Close { written, .. } | Self::Damaged { written, .. } => {
                Some(**written)
            }
            _ => None,
        }
    }
}

const fn damage_advice(is_in_file: bool) -> &'static str {
    if is_in_file {
        "look at it with `ringlog ring`, then start the recorder again: it skips what cannot be read (with --skip-to-head all that is unread), and the log gets a GAP record for it"
    } else {
        "find what stores into this process's memory, then start a new recorder: the log gets a GAP record for what was in the ring"
    }
}
