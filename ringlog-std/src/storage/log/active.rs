//! The segment that a log's writer appends to, and where it is in the log.
#![forbid(unsafe_code)]

use ringlog_nostd::format::FILE_HEADER_LEN;

use crate::event::Event;
use crate::storage::error::AppendError;
use crate::storage::schemas::list::SchemaList;
use crate::storage::segment::position::PositionTracker;
use crate::storage::segment::writer::MmapWriter;

/// Where a segment begins in its log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base {
    pub(crate) sequence: u64,
    pub(crate) position: u64,
}

/// Where the next record goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Room {
    /// Into the active segment.
    InSegment,
    /// Into a new segment.
    Rolled,
    /// Nowhere: the disk is full, and the policy is to drop records then.
    Dropping,
}

/// The segment that is being written. After [`take`](Self::take) it still knows where the log ends.
#[derive(Debug)]
pub(crate) struct ActiveSegment {
    writer: Option<MmapWriter>,
    base: Base,
    positions: PositionTracker,
    is_closed: bool,
}

impl ActiveSegment {
    pub(crate) fn new(writer: MmapWriter, base: Base) -> Self {
        let positions = Self::positions_in(&writer);
        Self { writer: Some(writer), base, positions, is_closed: false }
    }

    /// Positions before the first record, after META records.
    fn positions_in(writer: &MmapWriter) -> PositionTracker {
        PositionTracker::of(&writer.header()).with_meta(writer.next_offset() - FILE_HEADER_LEN as u64)
    }

    /// Replaces the META records of a segment that is empty.
    pub(crate) fn stage(&mut self, schemas: &SchemaList) -> Result<(), AppendError> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        writer.stage(schemas)?;
        self.positions = Self::positions_in(writer);
        Ok(())
    }

    /// `None` only once the log's writer ends.
    pub(crate) const fn writer(&self) -> Option<&MmapWriter> {
        self.writer.as_ref()
    }

    /// `None` only once the log's writer ends.
    #[inline]
    pub(crate) const fn writer_mut(&mut self) -> Option<&mut MmapWriter> {
        self.writer.as_mut()
    }

    pub(crate) const fn base(&self) -> Base {
        self.base
    }

    /// Returns whether the next record fits, header and padding included. `false` once [closed](Self::close_room).
    #[inline]
    pub(crate) fn has_room(&self, stride: usize) -> bool {
        self.writer.as_ref().is_some_and(|writer| stride as u64 <= writer.remaining_bytes())
            && !self.is_closed
    }

    /// Lets nothing more into this segment.
    pub(crate) const fn close_room(&mut self) {
        self.is_closed = true;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.writer.as_ref().is_some_and(MmapWriter::is_empty)
    }

    pub(crate) fn has_record(&self) -> bool {
        self.writer.as_ref().is_some_and(|writer| !writer.is_empty())
    }

    /// Returns whether a GAP record of the log's side may come next.
    pub(crate) const fn is_in_preamble(&self) -> bool {
        self.positions.is_in_preamble()
    }

    /// Returns the sequence of the log's next record.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.base.sequence + self.writer.as_ref().map_or(0, MmapWriter::len)
    }

    /// Returns the log's position after the last record.
    pub(crate) fn position(&self) -> u64 {
        let offset = self.writer.as_ref().map(MmapWriter::write_offset);
        offset.map_or(self.base.position, |offset| self.positions.at(offset))
    }

    /// Counts the next record.
    #[inline]
    pub(crate) fn pass(&mut self, event: &Event<'_>) {
        self.positions.next(event);
    }

    /// Counts records that are not in the preamble.
    #[inline]
    pub(crate) const fn pass_run(&mut self) {
        self.positions.pass_run();
    }

    /// Takes the segment's writer away. The next sequence and position stay known.
    pub(crate) fn take(&mut self) -> Option<MmapWriter> {
        self.base = Base { sequence: self.next_sequence(), position: self.position() };
        self.writer.take()
    }
}
