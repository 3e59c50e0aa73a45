//! Waits until the log has what its producers have written.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

use super::handle::Recorder;
use super::work::Shared;
use crate::storage::SchemaList;

/// Waits for a recorder, on any thread but the recorder's.
#[derive(Clone, Debug)]
pub(crate) struct Flusher {
    shared: Arc<Shared>,
}

impl Recorder {
    pub(crate) fn flusher(&self) -> Flusher {
        Flusher { shared: Arc::clone(&self.shared) }
    }
}

impl Flusher {
    /// Waits until the log has what all producers had published before the call, or the recorder has ended, up to `limit`. Not in
    /// a forked child.
    pub(crate) fn flush(&self, limit: Duration) {
        // Descriptions come after all that was published before them, and none change nothing.
        if let Some(answer) = self.shared.registrations.ask(SchemaList::new()) {
            let _ = answer.recv_timeout(limit);
        }
    }
}
