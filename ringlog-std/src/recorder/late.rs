//! What a producer in this process publishes after its recorder ended.
#![forbid(unsafe_code)]

use crate::ring::{AfterClose, Consumer};
use crate::storage::{LogWriterOptions, note_drained_ring, report_undrained_ring};
use ringlog_nostd::Loss;
use std::path::PathBuf;

/// Finds out, when the producer closes, whether it published anything that no recorder drained.
pub(super) struct LateEvents {
    pub(super) log: PathBuf,
    pub(super) log_identity: u128,
    /// Options to open the log with.
    pub(super) options: LogWriterOptions,
    pub(super) after_close: AfterClose,
}

impl LateEvents {
    /// Waits for the producer to close. The recorder has ended and closed the log, which is marked as one whose ring
    /// was not drained and has a GAP record for the losses given here.
    pub(super) fn watch(self, source: Consumer, reported: Option<Loss>) {
        let Self { log, log_identity, options, after_close } = self;
        after_close.run(source, move |mut source| {
            if source.fault().is_none() && source.is_empty() && source.pending_loss() == reported {
                note_drained_ring(&log, log_identity, source.position() as u64);
            } else {
                report_undrained_ring(&log, log_identity, &options);
            }
        });
    }
}
