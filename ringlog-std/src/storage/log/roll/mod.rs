//! How a log's writer goes from one segment to the next, and what it does if there is none.
//!
//! The methods that append events, in `writer.rs`, call these. These append GAP records of the log's side, never events.
#![forbid(unsafe_code)]

use ringlog_nostd::format::FILE_HEADER_LEN;
use ringlog_nostd::internal::check_position;

use crate::event::{Event, EventHeader, Gap};
use crate::storage::error::{AppendError, CreateError};
use crate::storage::folder::writer_record::WriterRecord;
use crate::storage::log::active::{ActiveSegment, Base, Room};
use crate::storage::log::dropped::Dropped;
use crate::storage::log::supply::Supply;
use crate::storage::log::writer::LogWriter;
use crate::storage::maintenance::policies::FullDisk;
use crate::storage::segment::spare::SpareSegment;

impl LogWriter {
    /// Ensures that `stride` bytes fit into the active segment, and rolls to the next one if needed.
    #[inline]
    pub(crate) fn make_room(&mut self, stride: usize) -> Result<Room, AppendError> {
        if self.dropped.is_none() && !self.maintenance.is_roll_due() && self.active.has_room(stride) {
            return Ok(Room::InSegment);
        }
        self.roll_for(stride)
    }

    #[cold]
    fn roll_for(&mut self, stride: usize) -> Result<Room, AppendError> {
        if self.maintenance.is_poisoned() {
            return Err(self.maintenance.poisoned());
        }
        let had_dropped = self.dropped.is_some();
        if had_dropped && !self.continue_after_loss()? {
            return Ok(Room::Dropping);
        }
        let has_rolled = match self.roll_if_old() {
            // The segment is past its age, but may have room.
            Err(AppendError::Create(_)) => false,
            other => other?,
        };
        if self.active.has_room(stride) {
            return Ok(if had_dropped || has_rolled { Room::Rolled } else { Room::InSegment });
        }
        self.check_size(stride)?;
        match self.roll() {
            Err(AppendError::Create(CreateError::DiskFull { .. }))
                if self.options.rules.full_disk == FullDisk::DropWithGap =>
            {
                Ok(Room::Dropping)
            }
            other => other.map(|()| Room::Rolled),
        }
    }

    /// Rolls if the active segment holds a record and has reached its age. Returns whether it rolled.
    pub(crate) fn roll_if_old(&mut self) -> Result<bool, AppendError> {
        let is_due = self.active.has_record() && self.maintenance.is_roll_due();
        if is_due {
            self.roll()?;
        }
        Ok(is_due)
    }

    /// Seals the active segment and begins the next one.
    #[cold]
    pub(crate) fn roll(&mut self) -> Result<(), AppendError> {
        debug_assert!(self.dropped.is_none(), "what was dropped comes first");
        if self.maintenance.is_poisoned() {
            return Err(self.maintenance.poisoned());
        }
        self.check_position(self.end_position())?;
        self.supply().wait_for_syncs()?;
        let next = self.supply().next_segment()?;
        self.begin(next);
        Ok(())
    }

    pub(crate) fn supply(&mut self) -> Supply<'_> {
        Supply::new(&self.maintenance, self.workers.as_ref(), &mut self.stalls)
    }

    /// Stores a header into the spare segment and seals the active one: no system call.
    pub(crate) fn begin(&mut self, next: SpareSegment) {
        debug_assert!(!self.active.is_empty(), "the next segment would have the same name");
        let base = Base { sequence: self.active.next_sequence(), position: self.end_position() };
        let begun = self.options.begin_segment(&self.folder, next, base, &self.maintenance);
        let mut full = std::mem::replace(&mut self.active, ActiveSegment::new(begun, base));
        if let Some(full) = full.take() {
            self.full_segments += u64::from(!full.is_empty());
            full.into_flusher().seal();
        }
        self.announce();
    }

    /// Makes the new active segment known to the workers.
    pub(crate) fn announce(&self) {
        self.publish_counts();
        self.maintenance.segments.tally.set_stalls(self.stalls);
        let Some(writer) = self.active.writer() else { return };
        self.maintenance.begin(writer.flusher(), self.active.base().sequence, writer.header().created_at);
    }

    /// Begins the next segment with the GAP record for what was dropped, if a spare segment is ready.
    pub(crate) fn continue_after_loss(&mut self) -> Result<bool, AppendError> {
        self.check_position(self.end_position())?;
        let Some(Ok(next)) = self.maintenance.spares.take() else { return Ok(false) };
        let Some(dropped) = self.dropped else { return Ok(true) };
        self.maintenance.spares.skip(dropped.bytes);
        self.begin(next);
        self.dropped = None;
        self.append_preamble(dropped.first_timestamp, dropped.gap())?;
        Ok(true)
    }

    /// Appends a GAP record of the log's side to an active segment that holds nothing else yet.
    pub(crate) fn append_preamble(&mut self, timestamp: u64, gap: Gap) -> Result<(), AppendError> {
        let Some(writer) = self.active.writer_mut() else { return Err(self.maintenance.poisoned()) };
        let offset = writer.next_offset();
        writer.append_preamble(timestamp, gap).map_err(|error| self.maintenance.explain_append(error))?;
        self.note(&Gap::header(timestamp), &gap.to_payload(), offset);
        self.publish_losses();
        Ok(())
    }

    /// Counts a record that was written at `offset`.
    #[inline]
    pub(crate) fn note(&mut self, header: &EventHeader, payload: &[u8], offset: u64) {
        let event = Event::new(*header, payload, 0, offset);
        self.counts.add(&event);
        self.active.pass(&event);
    }

    /// Returns the log's position after all that was written or dropped.
    pub(crate) fn end_position(&self) -> u64 {
        self.active.position() + self.dropped.as_ref().map_or(0, |dropped| dropped.bytes)
    }

    pub(crate) fn check_size(&self, stride: usize) -> Result<(), AppendError> {
        let preamble_bytes = self.options.schemas.record_bytes();
        let capacity_bytes = self.options.rules.segment_bytes - FILE_HEADER_LEN as u64 - preamble_bytes;
        if stride as u64 <= capacity_bytes {
            return Ok(());
        }
        let path = self.folder.clone();
        Err(AppendError::TooLarge { path, needed_bytes: stride as u64, capacity_bytes })
    }

    /// Drops a record. For the first one it also notes the loss in the `writer` file, so that the next run reports it
    /// if this writer does not.
    ///
    /// # Errors
    ///
    /// [`AppendError::Io`] if that cannot be stored: then nothing is dropped.
    #[cold]
    pub(crate) fn drop_record(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), AppendError> {
        if self.dropped.is_none() {
            self.note_first_loss(header.timestamp)?;
        }
        self.dropped.get_or_insert(Dropped::starting_at(header.timestamp)).add(header, payload);
        self.publish_losses();
        Ok(())
    }

    /// Returns the events that this run has lost so far, those that a GAP record counts and those that a full disk
    /// still takes.
    pub(crate) fn lost(&self) -> u64 {
        let dropped = self.dropped.map_or(0, |dropped| dropped.gap().count);
        self.counts.lost().saturating_add(dropped)
    }

    /// Updates [`LogWatch::lost`](crate::storage::maintenance::watch::LogWatch::lost).
    #[cold]
    pub(crate) fn publish_losses(&self) {
        self.maintenance.set_lost(self.lost());
        let dropping = self.dropped.map(|dropped| dropped.gap().count);
        self.maintenance.segments.tally.set_lost(&self.counts.losses, dropping);
    }

    /// Updates the counts of [`LogWatch::metrics`](crate::storage::maintenance::watch::LogWatch::metrics).
    #[inline]
    pub(crate) fn publish_counts(&self) {
        self.maintenance.segments.tally.set_written(&self.counts, self.next_sequence());
    }

    fn note_first_loss(&mut self, timestamp: u64) -> Result<(), AppendError> {
        let unreported = Some(Dropped::starting_at(timestamp).unreported(self.end_position()));
        let record = WriterRecord { unreported, ..self.record.clone() };
        self.lock.store(&**self.maintenance.platform(), &record).map_err(|source| {
            let (path, action) = (self.lock.path().to_owned(), "store that events are lost");
            AppendError::Io { path, offset: 0, action, source }
        })?;
        self.record = record;
        Ok(())
    }

    /// Checks that a segment may begin at this position: no reader would open it beyond the limit.
    pub(crate) fn check_position(&self, position: u64) -> Result<(), AppendError> {
        match check_position(position) {
            Some(_) => Ok(()),
            None => Err(AppendError::AtLimit { path: self.folder.clone(), position }),
        }
    }
}

#[cfg(test)]
mod tests;
