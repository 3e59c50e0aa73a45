//! Reads log files that others may change: with `pread` into a bounded buffer, never through a mapping.
//!
//! A file that is cut short meanwhile is an error here. With a mapping it would end the process.

#![forbid(unsafe_code)]

use std::path::Path;
use std::sync::Arc;

use ringlog_nostd::format::{FILE_HEADER_LEN, HEADER_LEN, place_word, record_len};

use crate::checksum::linear::PrefixCrcs;
use crate::checksum::record_slice::RecordSlice;
use crate::event::{
    Event, EventHeader, FileHeader, Layouts, MAX_PAYLOAD, MetaTopic, RecordError, RecordErrorKind, file_flags,
};
use crate::storage::error::{OpenError, ReadError};
use crate::storage::read::decode::bulk::Demand;
use crate::storage::read::scan::lost_description::LostDescription;
use crate::storage::read::scan::search_progress::Search;
use crate::storage::schemas::in_force::{SchemaCollector, SegmentSchemas};
use crate::storage::segment::file::{SegmentFile, SegmentInfo, read_up_to};
use crate::storage::segment::position::PositionTracker;

/// Room for at least three of the largest records, which a search looks at together.
const BUFFER_BYTES: usize = 256 * 1024;
const _: () = assert!(BUFFER_BYTES >= 3 * record_len(MAX_PAYLOAD));
/// The first window is small: to find the end of a sealed segment, only the GAP records at its start are read.
const FIRST_BYTES: usize = 4096;
/// This many erased bytes at a record boundary end a STREAM file.
pub(crate) const UNWRITTEN_BYTES: usize = 16;

/// Reads the records of one log file and verifies their checksums.
///
/// An unsealed file is read up to the `write_offset` that its header had when it was opened.
#[derive(Debug)]
pub(crate) struct FileScan {
    pub(crate) segment: SegmentFile,
    pub(crate) demand: Demand,
    /// Records end here at the latest. At most the length that the file had.
    pub(crate) end: u64,
    /// A record at this position or above is no part of the log.
    pub(crate) end_position: Option<u64>,
    pub(crate) positions: PositionTracker,
    /// Offset where the next record starts: 64 to `end`.
    pub(crate) offset: u64,
    /// The sequence of the next record.
    pub(crate) sequence: u64,
    /// What the segment says of its events, as far as it was read.
    pub(crate) schemas: SchemaCollector,
    /// META records that were passed.
    pub(crate) meta_records: u64,
    /// META records that are damaged, as far as holes held nothing else.
    pub(crate) lost_descriptions: Vec<LostDescription>,
    /// The record that was found last.
    pub(crate) found: Option<FoundRecord>,
    pub(crate) buffer: Vec<u8>,
    /// Offset in the file where the buffer starts: at most `offset`.
    pub(crate) buffer_offset: u64,
    /// CRCs of the buffer's prefixes.
    pub(crate) prefix_crcs: PrefixCrcs,
    /// Whether the buffer holds bytes that are no record. Then checksums come from `prefix_crcs`, so that a
    /// candidate costs no more than its header.
    pub(crate) is_suspect: bool,
    pub(crate) search: Search,
}

/// A valid record whose bytes are in the buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FoundRecord {
    pub(crate) header: EventHeader,
    pub(crate) sequence: u64,
    pub(crate) offset: u64,
}

impl FileScan {
    /// Opens a log file and checks its header.
    ///
    /// # Errors
    ///
    /// [`OpenError`] for what is no file, is too short, has a damaged header or a `write_offset` beyond its
    /// end, and for I/O.
    pub(crate) fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let segment = SegmentFile::open(path.as_ref())?;
        segment.info.check_length()?;
        Ok(Self::of(segment))
    }

    /// Reads up to the header's end; the file's length was checked.
    pub(crate) fn of(segment: SegmentFile) -> Self {
        let SegmentInfo { header, file_bytes, .. } = &segment.info;
        let end = if header.has(file_flags::STREAM) { *file_bytes } else { header.write_offset };
        Self::up_to(segment, end)
    }

    /// Reads up to `end`, which need not be the header's.
    pub(crate) fn up_to(segment: SegmentFile, end: u64) -> Self {
        let header = &segment.info.header;
        Self {
            demand: Demand::of(header, true),
            end,
            end_position: None,
            positions: PositionTracker::of(header),
            offset: FILE_HEADER_LEN as u64,
            sequence: header.base_sequence,
            schemas: SchemaCollector::default(),
            meta_records: 0,
            lost_descriptions: Vec::new(),
            found: None,
            buffer: Vec::new(),
            buffer_offset: 0,
            prefix_crcs: PrefixCrcs::new(),
            is_suspect: false,
            search: Search::default(),
            segment,
        }
    }

    /// Reads up to `end` under a salt that need not be the header's.
    pub(crate) fn with_salt(segment: SegmentFile, salt: u32, end: u64) -> Self {
        Self { demand: Demand::Verify { salt }, ..Self::up_to(segment, end) }
    }

    /// Returns the file's header, as it was when the file was opened.
    pub(crate) fn header(&self) -> &FileHeader {
        &self.segment.info.header
    }

    /// Returns the file's path, header and length.
    pub(crate) fn info(&self) -> &SegmentInfo {
        &self.segment.info
    }

    /// Returns the offset in bytes where the next record starts, or where the last readable one ends.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The sequence of the next record.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.sequence
    }

    /// Returns the position of the next record in the log, in bytes.
    pub(crate) fn position(&self) -> u64 {
        self.positions.at(self.offset)
    }

    /// Returns the position after its last record, once all were read; `None` if it has none.
    pub(crate) fn end_position(&self) -> Option<u64> {
        (self.offset > FILE_HEADER_LEN as u64).then(|| self.position())
    }

    /// Returns whether no record was read but META records.
    pub(crate) fn has_only_meta(&self) -> bool {
        self.sequence - self.header().base_sequence == self.meta_records
    }

    /// Returns what the segment says of its events, as far as it was read; `None` if there is nothing.
    pub(crate) fn schemas(&self) -> Option<&Arc<SegmentSchemas>> {
        self.schemas.schemas()
    }

    /// Returns the log's position at an offset of this file, once the preamble was read.
    pub(crate) fn position_at(&self, offset: u64) -> u64 {
        self.positions.at(offset)
    }

    /// Returns whether the scan is still in the preamble, the records that take no position.
    pub(crate) fn is_in_preamble(&self) -> bool {
        self.positions.is_in_preamble()
    }

    /// Returns the next record, checked; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`ReadError`] names the file, the offset and what is wrong there: damage, a file that was cut short
    /// meanwhile, a sealed file whose header has another number of records, I/O. Calling again gives the same
    /// error.
    pub(crate) fn next_event(&mut self) -> Result<Option<Event<'_>>, ReadError> {
        Ok(if self.advance()? { self.found_event() } else { None })
    }

    /// Goes to the next record that is no META record; `false` at the end.
    pub(crate) fn advance(&mut self) -> Result<bool, ReadError> {
        while self.advance_one()? {
            if !self.take_meta() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Goes to the next record, of any kind, and returns its bytes; `None` at the end.
    #[cfg(feature = "nats")]
    pub(crate) fn next_bytes(&mut self) -> Result<Option<&[u8]>, ReadError> {
        if !self.advance_one()? {
            return Ok(None);
        }
        self.take_meta();
        let found = self.found.and_then(|found| {
            let from = usize::try_from(found.offset - self.buffer_offset).ok()?;
            self.buffer.get(from..from + found.header.stride())
        });
        Ok(found)
    }

    /// Passes over META records up to the next other record, without taking that.
    pub(crate) fn pass_meta(&mut self) -> Result<(), ReadError> {
        while self.offset < self.end && self.positions.may_be_meta(self.offset) {
            self.fetch(HEADER_LEN)?;
            let is_meta = |head: &[u8; HEADER_LEN]| EventHeader::from_bytes(head).is_meta();
            if !self.ahead().first_chunk().is_some_and(is_meta) || !self.advance_one()? {
                break;
            }
            self.take_meta();
        }
        Ok(())
    }

    /// Takes over the record that was found last, if it is a META record.
    fn take_meta(&mut self) -> bool {
        let Some(found) = self.found.filter(|found| found.header.is_meta()) else { return false };
        if let (Some(topic), Some(payload)) =
            (MetaTopic::of(&found.header), payload_in(&self.buffer, self.buffer_offset, found))
        {
            self.schemas.add(topic, payload);
            self.meta_records += 1;
        }
        true
    }

    fn advance_one(&mut self) -> Result<bool, ReadError> {
        self.found = None;
        if self.offset >= self.end {
            return self.check_count();
        }
        self.fetch_record()?;
        if self.header().has(file_flags::STREAM) && is_unwritten(self.ahead()) {
            self.end = self.offset;
            return Ok(false);
        }
        self.take()
    }

    /// Passes the next records to `f` as long as they are whole and valid. It stops before anything else, which
    /// [`advance`](Self::advance) then reads: the preamble, an end, bytes that are no record and what is near
    /// them, the end of the buffer.
    ///
    /// Returns the number of records.
    pub(crate) fn pass_valid(&mut self, mut f: impl FnMut(&Event<'_>)) -> u64 {
        self.found = None;
        if self.positions.is_in_preamble() || self.is_suspect {
            return 0;
        }
        let next_segment = self.end_position.map_or(u64::MAX, |position| self.positions.offset_of(position));
        let slice = RecordSlice {
            bytes: self.ahead(),
            offset: self.offset,
            sequence: self.sequence,
            starts_below: next_segment.min(self.end),
        };
        let layouts = self.schemas.schemas().map(|schemas| &**schemas as &dyn Layouts);
        let passed = slice.pass(self.demand, |event| f(&event.with_layouts(layouts)));
        self.offset += passed.bytes as u64;
        self.sequence += passed.events;
        passed.events
    }

    /// Returns the record that [`advance`](Self::advance) found.
    #[inline]
    pub(crate) fn found_event(&self) -> Option<Event<'_>> {
        self.event_of(self.found?)
    }

    #[inline]
    fn event_of(&self, found: FoundRecord) -> Option<Event<'_>> {
        let FoundRecord { header, sequence, offset } = found;
        let payload = payload_in(&self.buffer, self.buffer_offset, found)?;
        let layouts = self.schemas.schemas().map(|schemas| &**schemas as &dyn Layouts);
        Some(Event::new(header, payload, sequence, offset).with_layouts(layouts))
    }

    /// Leaves out the records at this position and above.
    pub(crate) fn end_at_position(&mut self, end_position: u64) {
        self.end_position = Some(end_position);
    }

    /// Checks the record at `offset`. It is in the buffer as far as it is in the file.
    fn take(&mut self) -> Result<bool, ReadError> {
        let (offset, sequence) = (self.offset, self.sequence);
        let (header, stride) = self.decode_allowed().map_err(|kind| ReadError::Record {
            path: self.segment.info.path.clone(),
            source: RecordError { offset, sequence, kind },
        })?;
        let (mut positions, found) = (self.positions, FoundRecord { header, sequence, offset });
        let position = self.event_of(found).and_then(|event| positions.next(&event));
        if let (Some(position), Some(end_position)) = (position, self.end_position)
            && position >= end_position
        {
            // From here the log continued in its next segment, so the header's count does not apply.
            self.end = offset;
            return Ok(false);
        }
        self.positions = positions;
        self.found = Some(found);
        self.offset += stride as u64;
        self.sequence = sequence + 1;
        Ok(true)
    }

    /// Does the same as [`decode_next`](Self::decode_next), and refuses a META record after the preamble.
    fn decode_allowed(&mut self) -> Result<(EventHeader, usize), RecordErrorKind> {
        let (header, stride) = self.decode_next()?;
        if header.is_meta() && !self.positions.may_be_meta(self.offset) {
            return Err(RecordErrorKind::MisplacedMeta);
        }
        Ok((header, stride))
    }

    /// Returns the header and the length of the record at `offset`, if it is valid.
    fn decode_next(&mut self) -> Result<(EventHeader, usize), RecordErrorKind> {
        if self.is_suspect {
            return self.decode_at(0, self.demand);
        }
        self.demand.decode(self.ahead(), self.offset).map(|(header, _, stride)| (header, stride))
    }

    /// Returns the same for the record `distance` bytes after `offset`. The cost does not grow with the record.
    pub(crate) fn decode_at(
        &mut self,
        distance: usize,
        demand: Demand,
    ) -> Result<(EventHeader, usize), RecordErrorKind> {
        let offset = self.offset + distance as u64;
        let from = usize::try_from(offset - self.buffer_offset).unwrap_or(usize::MAX);
        let bytes = self.buffer.get(from..).unwrap_or_default();
        let Demand::Verify { salt } = demand else {
            return demand.decode(bytes, offset).map(|(header, _, stride)| (header, stride));
        };
        let (header, _, stride) = Demand::Present.decode(bytes, offset)?;
        let place = place_word(salt, offset);
        let (stored, computed) =
            (header.checksum, self.prefix_crcs.record_crc(&self.buffer, from, &header, place));
        if stored == computed {
            Ok((header, stride))
        } else {
            Err(RecordErrorKind::Checksum { stored, computed })
        }
    }

    /// Compares the number of records with the header's, at the end of a sealed file.
    fn check_count(&self) -> Result<bool, ReadError> {
        let SegmentInfo { header, path, .. } = &self.segment.info;
        let found = self.sequence - header.base_sequence;
        let is_whole = self.offset == header.write_offset && !header.has(file_flags::STREAM);
        if !is_whole || !header.has(file_flags::SEALED) || found == header.event_count {
            return Ok(false);
        }
        let (path, offset, stored) = (path.clone(), self.offset, header.event_count);
        Err(ReadError::EventCount { path, offset, stored, found })
    }

    /// Returns the buffered bytes from `offset` on, up to the end of the records.
    pub(crate) fn ahead(&self) -> &[u8] {
        let from = usize::try_from(self.offset - self.buffer_offset).unwrap_or(usize::MAX);
        self.buffer.get(from..).unwrap_or_default()
    }

    /// Reads the next record into the buffer, as far as the file's records go.
    #[inline]
    pub(crate) fn fetch_record(&mut self) -> Result<(), ReadError> {
        if self.stride_ahead() <= self.ahead().len() {
            return Ok(());
        }
        self.fetch(HEADER_LEN)?;
        self.fetch(self.stride_ahead())
    }

    /// Returns the length of the next record; that of a header if that is not in the buffer yet.
    fn stride_ahead(&self) -> usize {
        self.ahead().first_chunk().map_or(HEADER_LEN, |head| EventHeader::from_bytes(head).stride())
    }

    /// Reads the next `bytes` bytes into the buffer, as far as the file's records go.
    pub(crate) fn fetch(&mut self, bytes: usize) -> Result<(), ReadError> {
        let left = usize::try_from(self.end - self.offset).unwrap_or(usize::MAX);
        let needed = bytes.min(left);
        if self.ahead().len() >= needed {
            return Ok(());
        }
        let is_first = self.offset == FILE_HEADER_LEN as u64;
        let window = if is_first { FIRST_BYTES.max(needed) } else { BUFFER_BYTES };
        let kept = self.keep_ahead();
        self.buffer.resize(window.min(left), 0);
        let SegmentFile { file, info: SegmentInfo { path, .. } } = &self.segment;
        let rest = self.buffer.get_mut(kept..).unwrap_or_default();
        let read = read_up_to(file, rest, self.offset + kept as u64).map(|read| kept + read);
        self.buffer.truncate(*read.as_ref().unwrap_or(&0));
        let (path, offset) = (path.clone(), self.offset);
        match read {
            Ok(read) if read >= needed => Ok(()),
            Ok(read) => Err(ReadError::Shrunk { path, offset: offset + read as u64, end: self.end }),
            Err(source) => Err(ReadError::Io { path, offset, source }),
        }
    }

    /// Moves the unread bytes to the start of the buffer, and returns how many there are.
    fn keep_ahead(&mut self) -> usize {
        let passed = usize::try_from(self.offset - self.buffer_offset).unwrap_or(usize::MAX);
        let kept = self.ahead().len();
        if kept > 0 {
            self.buffer.copy_within(passed.., 0);
        }
        self.prefix_crcs.skip(passed);
        self.buffer_offset = self.offset;
        self.is_suspect = false;
        kept
    }
}

/// Returns the payload of a record that is in the buffer.
#[inline]
fn payload_in(buffer: &[u8], buffer_offset: u64, found: FoundRecord) -> Option<&[u8]> {
    let from = usize::try_from(found.offset - buffer_offset).ok()? + HEADER_LEN;
    buffer.get(from..from + usize::from(found.header.payload_len))
}

/// Returns whether memory was never written from here on.
fn is_unwritten(ahead: &[u8]) -> bool {
    let start = ahead.get(..UNWRITTEN_BYTES).unwrap_or(ahead);
    [0x00, 0xFF].into_iter().any(|unwritten| start.iter().all(|&byte| byte == unwritten))
}
