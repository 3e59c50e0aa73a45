//! What a recorder reports about descriptions of events that the log does not have.
#![forbid(unsafe_code)]

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::os::sync::{Mutex, lock};

/// Why the log does not describe events as the producer of a shared ring does. The events themselves are in the log.
///
/// ```
/// use ringlog::event::MetaTopic;
/// use ringlog::recorder::{Recorder, SchemaProblem};
/// use ringlog::ring::{RingOptions, SharedRing};
/// use ringlog::storage::SchemaList;
/// # let folder = tempfile::tempdir()?;
/// # let (ring, log) = (folder.path().join("events.ring"), folder.path().join("log"));
///
/// let describe = |json: &'static [u8]| {
///     let mut schemas = SchemaList::new();
///     schemas.insert(MetaTopic::EventType(7), json).map(|()| schemas)
/// };
/// let shared = SharedRing::create(&ring, &RingOptions::default())?;
/// let shared = shared.schemas(describe(br#"{"type":7,"name":"reset","size":0,"fields":[]}"#)?);
/// drop(shared.claim_producer()?);
///
/// let other = describe(br#"{"type":7,"name":"start","size":0,"fields":[]}"#)?;
/// let recorder = Recorder::builder().schemas(other).start_shared(&ring, &log)?;
/// let watch = recorder.schema_watch().clone();
/// recorder.stop()?;
/// assert!(matches!(watch.problems()[..], [SchemaProblem::Conflict { .. }]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SchemaProblem {
    /// The file with the ring's descriptions is missing or damaged.
    Unreadable {
        /// The ring.
        ring: PathBuf,
        /// What is wrong with the file.
        reason: String,
    },
    /// The ring's descriptions leave too little room in a segment.
    TooLong {
        /// The ring.
        ring: PathBuf,
        /// Why the log does not take them.
        reason: String,
    },
    /// The recorder's own descriptions say something else.
    Conflict {
        /// The ring.
        ring: PathBuf,
        /// The types that both describe; the log says nothing of them.
        event_types: Vec<u8>,
    },
}

impl fmt::Display for SchemaProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { ring, reason } => {
                write!(f, "{}: recording without the ring's descriptions of events: {reason}", ring.display())
            }
            Self::TooLong { ring, reason } => {
                write!(f, "{}: recording without the ring's descriptions of events: {reason}", ring.display())
            }
            Self::Conflict { ring, event_types } => {
                let numbers: Vec<_> = event_types.iter().map(u8::to_string).collect();
                write!(
                    f,
                    "{}: recording without descriptions of events of type {}, which the ring's producer describes in another \
                     way than the recorder; take them out of the recorder's own, or correct one of the two",
                    ring.display(),
                    numbers.join(", ")
                )
            }
        }
    }
}

/// Reports which descriptions of events a log does not have. It stays valid after its recorder has ended.
///
/// ```
/// # use ringlog::recorder::Recorder;
/// # let folder = tempfile::tempdir()?;
/// let (producer, recorder) = Recorder::start(folder.path())?;
/// let watch = recorder.schema_watch().clone();
/// recorder.shutdown(producer)?;
/// assert!(watch.problems().is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct SchemaWatch(Arc<Mutex<Vec<SchemaProblem>>>);

impl SchemaWatch {
    /// Returns what there was so far, each problem once.
    ///
    /// ```
    /// # use ringlog::recorder::Recorder;
    /// # let folder = tempfile::tempdir()?;
    /// let recorder = Recorder::builder().start_shared(folder.path().join("ring"), folder.path().join("log"))?;
    /// assert!(recorder.schema_watch().problems().is_empty(), "the ring has no descriptions");
    /// # recorder.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn problems(&self) -> Vec<SchemaProblem> {
        lock(&self.0).clone()
    }

    pub(super) fn report(&self, problem: SchemaProblem) {
        let mut problems = lock(&self.0);
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
}
