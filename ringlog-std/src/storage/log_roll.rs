//! How a log's writer goes from one segment to the next, and what it does without a next one.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

use super::dropped::Dropped;
use super::error::{AppendError, CreateError, SyncError};
use super::log_policies::FullDisk;
use super::log_writer::{Base, LogWriter};
use super::position::Positions;
use super::prepared::Prepared;
use super::sync::sleep;
use super::writer::{Birth, MmapWriter};
use super::writer_record::{RecordedEnd, WriterRecord};
use crate::event::{EventHeader, Gap, GapReason};
use ringlog_nostd::check_position;

/// How long to wait for the helpers before looking again.
const STALL_PAUSE: Duration = Duration::from_micros(100);
/// Segments that may be full and not synced, the one being written included.
const MAX_OPEN_SEGMENTS: usize = 16;

impl LogWriter {
    /// Sees to it that `stride` bytes fit into the current segment, in a new one if need be.
    ///
    /// `true` if they are to be dropped, because the disk is full and the policy says so.
    #[inline]
    pub(super) fn drops(&mut self, stride: usize) -> Result<bool, AppendError> {
        if self.dropped.is_none() && !self.upkeep.is_roll_due() && self.has_room(stride) {
            return Ok(false);
        }
        self.drops_after_roll(stride)
    }

    #[inline]
    fn has_room(&self, stride: usize) -> bool {
        self.current.as_ref().is_some_and(|current| stride as u64 <= current.remaining_bytes())
    }

    #[cold]
    fn drops_after_roll(&mut self, stride: usize) -> Result<bool, AppendError> {
        if self.upkeep.is_poisoned() {
            return Err(self.poisoned());
        }
        if self.dropped.is_some() && !self.go_on_after_loss()? {
            return Ok(true);
        }
        match self.roll_if_due() {
            // Old as it is, the segment may have room.
            Err(AppendError::Create(_)) => {}
            other => other?,
        }
        if self.has_room(stride) {
            return Ok(false);
        }
        self.check_size(stride)?;
        match self.roll() {
            Err(AppendError::Create(CreateError::DiskFull { .. }))
                if self.options.full_disk == FullDisk::DropWithGap =>
            {
                Ok(true)
            }
            other => other.map(|()| false),
        }
    }

    /// Drops a record. Where it is the first one, the `writer` file learns of it, so that the loss is told even
    /// if this writer does not come to it.
    ///
    /// # Errors
    ///
    /// [`AppendError::Io`] if that cannot be stored: then nothing is dropped.
    #[cold]
    pub(super) fn drop_record(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), AppendError> {
        if self.dropped.is_none() {
            self.note_first_loss(header.timestamp)?;
        }
        self.dropped.get_or_insert(Dropped::starting_at(header.timestamp)).add(header, payload);
        self.publish_losses();
        Ok(())
    }

    /// Events that this run has lost so far, whether a GAP record counts them already or a full disk still takes them.
    pub(super) fn lost(&self) -> u64 {
        let dropped = self.dropped.map_or(0, |dropped| dropped.gap().count);
        self.tally.lost().saturating_add(dropped)
    }

    /// Has [`LogWatch::lost`](super::LogWatch::lost) say what is lost by now.
    #[cold]
    pub(super) fn publish_losses(&self) {
        self.upkeep.set_lost(self.lost());
    }

    fn note_first_loss(&mut self, timestamp: u64) -> Result<(), AppendError> {
        let untold = Some(Dropped::starting_at(timestamp).untold(self.position()));
        let record = WriterRecord { untold, ..self.record.clone() };
        self.lock.store(&**self.upkeep.platform(), &record).map_err(|source| {
            let (path, action) = (self.lock.path().to_owned(), "store that events are lost");
            AppendError::Io { path, offset: 0, action, source }
        })?;
        self.record = record;
        Ok(())
    }

    /// Begins the next segment with what was dropped, if there is one by now.
    pub(super) fn go_on_after_loss(&mut self) -> Result<bool, AppendError> {
        self.check_position(self.position())?;
        let Some(Ok(next)) = self.upkeep.take_next() else { return Ok(false) };
        let Some(dropped) = self.dropped else { return Ok(true) };
        self.upkeep.skip(dropped.bytes);
        self.begin(next);
        self.dropped = None;
        self.append_gap_unlimited(dropped.first_timestamp, dropped.gap())?;
        Ok(true)
    }

    /// Continues at a later position. A GAP record of unknown count says that what belongs before it is missing.
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    pub(crate) fn skip_to(&mut self, position: u64, reason: GapReason) -> Result<(), AppendError> {
        self.check_position(position)?;
        let bytes = position.saturating_sub(self.position());
        let gap = Gap { log_side: true, ..Gap::new(reason, 0) };
        if self.current.as_ref().is_some_and(MmapWriter::is_empty) {
            // The next segment is named by its first sequence: it has to be another one.
            self.append_gap_unlimited(0, gap)?;
        }
        let next = self.next_segment()?;
        self.dropped = Some(Dropped::uncounted(bytes, 0));
        self.upkeep.skip(bytes);
        self.begin(next);
        self.dropped = None;
        let extent = u32::try_from(bytes / 8).unwrap_or(0);
        self.append_gap_unlimited(0, Gap { extent, ..gap })
    }

    /// Seals the current segment and goes on in the next one.
    #[cold]
    pub(super) fn roll(&mut self) -> Result<(), AppendError> {
        debug_assert!(self.dropped.is_none(), "what was dropped comes first");
        if self.upkeep.is_poisoned() {
            return Err(self.poisoned());
        }
        self.check_position(self.position())?;
        self.wait_for_syncs()?;
        let next = self.next_segment()?;
        self.begin(next);
        Ok(())
    }

    /// Checks that a segment may begin at this position: no reader would open it beyond the limit.
    fn check_position(&self, position: u64) -> Result<(), AppendError> {
        match check_position(position) {
            Some(_) => Ok(()),
            None => Err(AppendError::AtLimit { path: self.folder.clone(), position }),
        }
    }

    /// Where the disk cannot keep up, the writer waits: what is not durable stays bounded, and so do the files
    /// that retention cannot take.
    fn wait_for_syncs(&mut self) -> Result<(), AppendError> {
        let mut has_waited = false;
        while self.upkeep.open_segments() >= MAX_OPEN_SEGMENTS
            && let Some(helpers) = self.helpers.as_ref().filter(|helpers| helpers.are_alive())
        {
            if self.upkeep.is_poisoned() {
                return Err(self.poisoned());
            }
            helpers.wake();
            sleep(STALL_PAUSE);
            self.stalls += u64::from(!has_waited);
            has_waited = true;
        }
        Ok(())
    }

    /// The next segment: prepared already, or now.
    fn next_segment(&mut self) -> Result<Prepared, AppendError> {
        if let Some(Ok(next)) = self.upkeep.take_next() {
            return Ok(next);
        }
        self.stalls += 1;
        // An earlier failure is no reason to fail now. A helper may have begun the attempt that fails first before it was
        // asked, when there was no room yet.
        let mut has_asked = self.helpers.is_none();
        loop {
            self.have_next_prepared()?;
            match self.upkeep.take_next() {
                Some(Err(_)) if !has_asked => has_asked = true,
                Some(next) => return Ok(next?),
                None => {}
            }
        }
    }

    /// Lets the helper do it, which makes the segment's first pages ready for this thread, too.
    fn have_next_prepared(&self) -> Result<(), AppendError> {
        match self.helpers.as_ref().filter(|helpers| helpers.are_alive()) {
            Some(_) if self.upkeep.is_poisoned() => Err(self.poisoned()),
            Some(helpers) => {
                self.upkeep.want_next();
                helpers.wake();
                sleep(STALL_PAUSE);
                Ok(())
            }
            None => Ok(self.upkeep.prepare_step(true).map(drop)?),
        }
    }

    /// Stores a header into the prepared segment and seals the current one: no system call.
    fn begin(&mut self, next: Prepared) {
        let is_empty = self.current.as_ref().is_some_and(MmapWriter::is_empty);
        debug_assert!(!is_empty, "the next segment would have the same name");
        let base = Base { sequence: self.next_sequence(), position: self.position() };
        let begun = self.options.begin_segment(&self.folder, next, base, &self.upkeep);
        if let Some(full) = self.current.replace(begun) {
            self.full_segments += u64::from(!full.is_empty());
            full.into_durable().seal();
        }
        self.announce(base);
    }

    /// Tells the helpers which segment is being written.
    pub(super) fn announce(&mut self, base: Base) {
        let Some(current) = &self.current else { return };
        self.base = base;
        self.positions = Positions::of(&current.header());
        self.upkeep.begin(current.durable(), base.sequence, current.header().created_at);
    }

    /// Ends the helpers, tells what was dropped, and finishes all segments.
    pub(super) fn end(&mut self) -> Result<(), SyncError> {
        self.helpers = None;
        self.is_closed = true;
        if let Err(error) = self.upkeep.check_owner() {
            self.abandon();
            return Err(error);
        }
        let untold = self.tell_dropped();
        let end = self.recorded_end();
        let finished = self.finish();
        self.upkeep.discard_next();
        finished?;
        self.record.first_sequence = Some(self.upkeep.begins_at());
        self.record.end = Some(end);
        self.record.untold = untold.as_ref().err().and(self.record.untold);
        let stored = self.lock.store(&**self.upkeep.platform(), &self.record);
        stored.map_err(|source| {
            let (path, action) = (self.lock.path().to_owned(), "store into the file");
            SyncError::Folder { path, action, source }
        })?;
        untold
    }

    /// Ends without touching any file: they are another process's.
    fn abandon(&mut self) {
        self.keep_sequence();
        if let Some(current) = self.current.take() {
            current.into_durable();
        }
    }

    /// The last chance to tell of dropped events in the log itself.
    fn tell_dropped(&mut self) -> Result<(), SyncError> {
        let Some(dropped) = self.dropped else { return Ok(()) };
        let _ = self.upkeep.prepare_step(true);
        if matches!(self.go_on_after_loss(), Ok(true)) {
            return Ok(());
        }
        let position = self.position() - dropped.bytes;
        self.record.untold = Some(dropped.untold(position));
        Err(SyncError::UntoldLoss { path: self.folder.clone(), count: dropped.gap().count })
    }

    /// Where the segments end: events that were dropped have a position and no record.
    fn recorded_end(&self) -> RecordedEnd {
        let dropped_bytes = self.dropped.as_ref().map_or(0, |dropped| dropped.bytes);
        RecordedEnd { sequence: self.next_sequence(), position: self.position() - dropped_bytes }
    }

    fn finish(&mut self) -> Result<(), SyncError> {
        match &self.current {
            // Where nothing else is left, it says where the log goes on.
            Some(current)
                if current.is_empty() && self.upkeep.has_other_segments_or_is_new(self.base.position) =>
            {
                let durable = Arc::clone(current.durable());
                self.keep_sequence();
                if let Some(empty) = self.current.take() {
                    empty.into_durable();
                }
                self.upkeep.remove_current(&durable)?;
            }
            Some(_) => {
                // The summary still wants its numbers, so it stays; nothing is written any more.
                self.keep_sequence();
                if let Some(last) = self.current.take() {
                    self.full_segments += 1;
                    last.into_durable().seal();
                }
            }
            None => {}
        }
        self.upkeep.finish_all()
    }

    /// Without a current segment, `base` says where the log ends.
    fn keep_sequence(&mut self) {
        self.base = Base { sequence: self.next_sequence(), position: self.position() };
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        if !self.is_closed {
            // Nobody is left to tell; without CLEAN the files say themselves that a sync failed.
            let _ = self.end();
        }
    }
}

/// Makes a log's segment of a prepared file.
impl super::log_writer_options::LogWriterOptions {
    pub(super) fn begin_segment(
        &self,
        folder: &std::path::Path,
        next: Prepared,
        base: Base,
        upkeep: &super::upkeep::Upkeep,
    ) -> MmapWriter {
        let Prepared { draft, temporary, former_salt } = next;
        let header = self.file_options().base(base.sequence, base.position).header(former_salt);
        let path = folder.join(super::segment::segment_name(base.sequence));
        let (platform, poison) = (Arc::clone(upkeep.platform()), Arc::clone(upkeep.poison()));
        MmapWriter::start(draft, &header, Birth { platform, path, temporary: Some(temporary), poison })
    }
}

#[cfg(test)]
mod tests;
