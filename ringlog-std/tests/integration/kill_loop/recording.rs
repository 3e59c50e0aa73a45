//! The recorders of these tests. They are started while the last owner of a role may still be dying.

use super::children::{Task, patiently};
use super::operations::MAX_PAYLOAD;
use ringlog::recorder::{Recorder, RecorderBuilder, RecorderError};
use ringlog::ring::Idle;
use ringlog::storage::{LogWriter, OpenError};
use std::path::Path;

/// Small, so that laps and segments end all the time.
pub(crate) fn builder(ring_bytes: usize) -> RecorderBuilder {
    let log = LogWriter::options().segment_bytes(256 << 10);
    Recorder::builder().ring_bytes(ring_bytes).max_payload(MAX_PAYLOAD).log(log).idle(Idle::Yield)
}

/// Starts a recorder of the shared ring in `folder`. The ring is made if it is missing.
pub(crate) fn record(folder: &Path, ring_bytes: usize) -> Recorder {
    let start = || builder(ring_bytes).start_shared(folder.join("ring"), folder.join("log"));
    patiently("ring and log", || started(start()))
}

/// Returns the recorder; `None` if another try may succeed.
pub(crate) fn started<T>(result: Result<T, RecorderError>) -> Option<T> {
    match result {
        Ok(recorder) => Some(recorder),
        Err(RecorderError::SharedRing(error)) if error.is_transient() => None,
        Err(RecorderError::Open(OpenError::Locked { .. })) => None,
        Err(error) => panic!("{error}"),
    }
}

/// The child that records a shared ring, until it is killed.
pub(crate) fn serve(task: &Task, ring_bytes: usize) {
    let recorder = record(&task.folder, ring_bytes);
    while !recorder.has_stopped() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    panic!("{}", recorder.stop().unwrap_err());
}
