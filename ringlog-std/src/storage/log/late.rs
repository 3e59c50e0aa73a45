//! What is stored into a log after its recorder closed it, by the producer that closes last.
//!
//! The folder may belong to somebody else by then: moved away, replaced, or written by the next recorder. The next
//! recorder's opening has reported the loss, because this one left the log marked.
#![forbid(unsafe_code)]

use std::path::Path;

use crate::event::GapReason;
use crate::os::platform::Linux;
use crate::storage::folder::writer_lock::{WriterLock, peek};
use crate::storage::folder::writer_record::WriterRecord;
use crate::storage::log::options::LogWriterOptions;

/// Notes that nothing is missing from a log that this process closed at `end_position`: the ring that fed it was
/// empty when its producer closed. Does nothing if somebody has written to the log since.
pub(crate) fn note_drained_ring(folder: &Path, identity: u128, end_position: u64) {
    let is_own = |record: &WriterRecord| {
        record.log_identity == Some(identity)
            && record.pid == Some(std::process::id())
            && record.end.is_some_and(|end| end.position == end_position)
    };
    if !peek(folder).is_some_and(|peeked| is_own(&peeked.record)) {
        return;
    }
    // The owner of the lock has seen that the ring was not drained.
    let Ok((mut lock, record)) = WriterLock::acquire(folder) else { return };
    if is_own(&record) {
        // If it cannot be stored, the next writer assumes that events are missing.
        let _ = lock.store(&Linux, &WriterRecord { has_undrained_ring: false, ..record });
    }
}

/// Appends a GAP record to the log with this `identity`, if it is still there, because a ring that fed it was not
/// drained.
///
/// If another process has the lock, it has reported the loss. If the record cannot be stored, the next opening
/// reports it.
pub(crate) fn report_undrained_ring(folder: &Path, identity: u128, options: &LogWriterOptions) {
    let found = peek(folder).and_then(|peeked| peeked.record.log_identity);
    if found != Some(identity) {
        return;
    }
    if let Ok(mut log) = options.clone().late().open(folder) {
        let _ = log.report_unknown_loss(0, GapReason::RecorderEnded);
        let _ = log.close();
    }
}
