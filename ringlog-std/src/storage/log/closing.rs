//! How a run of a log's writer ends.
#![forbid(unsafe_code)]

use crate::storage::error::{RecordedEnd, SyncError};
use crate::storage::log::writer::LogWriter;

impl LogWriter {
    /// Ends the workers, reports dropped events, and finishes all segments.
    pub(crate) fn end(&mut self) -> Result<(), SyncError> {
        self.workers = None;
        self.is_closed = true;
        if let Err(error) = self.maintenance.segments.check_owner() {
            self.abandon();
            return Err(error);
        }
        let unreported = self.report_dropped();
        self.publish_counts();
        let end = self.recorded_end();
        // Before retention counts the files that stay.
        self.maintenance.spares.discard();
        let finished = self.finish();
        finished?;
        self.record.first_sequence = Some(self.maintenance.segments.begins_at());
        self.record.end = Some(end);
        self.record.unreported = unreported.as_ref().err().and(self.record.unreported);
        let stored = self.lock.store(&**self.maintenance.platform(), &self.record);
        stored.map_err(|source| {
            let (path, action) = (self.lock.path().to_owned(), "store into the file");
            SyncError::Folder { path, action, source }
        })?;
        unreported
    }

    /// Ends without touching any file: they belong to another process.
    fn abandon(&mut self) {
        if let Some(writer) = self.active.take() {
            writer.into_flusher();
        }
    }

    /// Reports dropped events in the log itself, at the last opportunity.
    fn report_dropped(&mut self) -> Result<(), SyncError> {
        let Some(dropped) = self.dropped else { return Ok(()) };
        let _ = self.maintenance.spare_step(true);
        if matches!(self.continue_after_loss(), Ok(true)) {
            return Ok(());
        }
        self.record.unreported = Some(dropped.unreported(self.active.position()));
        Err(SyncError::UnreportedLoss { path: self.folder.clone(), count: dropped.gap().count })
    }

    /// Returns where the segments end. Dropped events have a position and no record.
    fn recorded_end(&self) -> RecordedEnd {
        RecordedEnd { sequence: self.active.next_sequence(), position: self.active.position() }
    }

    fn finish(&mut self) -> Result<(), SyncError> {
        let position = self.active.base().position;
        // If no other segment is left, an empty one shows where the log continues.
        let is_needless = self.active.is_empty() && self.maintenance.segments.has_others_or_is_new(position);
        if let Some(last) = self.active.take() {
            let flusher = last.into_flusher();
            if is_needless {
                self.maintenance.segments.remove_newest(&flusher)?;
            } else {
                self.full_segments += 1;
                flusher.seal();
            }
        }
        self.maintenance.finish_all()
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        if !self.is_closed {
            // Nobody is left to get the error. Without CLEAN the files themselves show that a sync failed.
            let _ = self.end();
        }
    }
}
