//! Finds the records after bytes that are none.

#![forbid(unsafe_code)]

use ringlog_nostd::format::{HEADER_LEN, RECORD_ALIGN};

use crate::event::{EventHeader, RecordError, RecordErrorKind, flags};
use crate::storage::error::ReadError;
use crate::storage::read::decode::bulk::Demand;
use crate::storage::read::scan::lost_description::{LostDescription, Remains, begins_like_meta, remains_in};
use crate::storage::read::scan::segment_scan::{FileScan, UNWRITTEN_BYTES};
use crate::storage::schemas::list::MAX_PREAMBLE_BYTES;
use crate::storage::segment::file::read_up_to;

/// Offset of the flags in a record.
const FLAGS_AT: usize = 9;

/// The META records of a segment are shorter. A longer hole is not looked through for them.
const MOST_META_BYTES: u64 = MAX_PREAMBLE_BYTES + (1 << 16);

/// What a scan finds next when it continues after damage.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Piece {
    /// A valid record.
    Record,
    /// Bytes that are no records.
    Hole(Hole),
    /// The end of the records.
    End,
}

/// Bytes among a file's records that are none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hole {
    /// Where the first record that is not valid starts.
    pub(crate) from: u64,
    /// Where records can be read again, or the end of what was searched.
    pub(crate) to: u64,
    /// What is wrong at `from`.
    pub(crate) kind: RecordErrorKind,
    /// Whether nothing was ever written at `from`.
    pub(crate) is_unwritten: bool,
    /// Whether no valid record follows.
    pub(crate) is_last: bool,
    /// Whether META records are among what is missing.
    pub(crate) meta: MissingMeta,
}

/// Whether META records are among what is missing in a hole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MissingMeta {
    None,
    /// There may be: nobody can say then how many events are missing.
    Perhaps,
    /// Nothing else is missing: [`FileScan::lost_descriptions`] has them.
    Only,
}

impl FileScan {
    /// Goes to the next record, or past bytes that are none.
    ///
    /// After a hole, sequences count the records that were found, and are no longer those of the log, unless it held nothing
    /// but META records.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the file was cut short meanwhile, or for I/O. The number of records is not compared
    /// with the header's.
    pub(crate) fn next_piece(&mut self) -> Result<Piece, ReadError> {
        match self.advance() {
            Ok(true) => Ok(Piece::Record),
            Ok(false) | Err(ReadError::EventCount { .. }) => Ok(Piece::End),
            Err(ReadError::Record { source: RecordError { kind, .. }, .. }) => {
                self.skip_hole(kind).map(Piece::Hole)
            }
            Err(error) => Err(error),
        }
    }

    /// Goes from a record that is not valid to the next place where records begin.
    ///
    /// Every record starts at a multiple of 8. Without checksums there is no search: structure alone proves
    /// nothing.
    fn skip_hole(&mut self, kind: RecordErrorKind) -> Result<Hole, ReadError> {
        let from = self.offset;
        let is_unwritten = is_zero(self.ahead());
        let may_have_meta = self.positions.is_in_preamble()
            && (self.meta_records > 0 || !self.lost_descriptions.is_empty() || looks_like_meta(self.ahead()));
        let meta = if may_have_meta { MissingMeta::Perhaps } else { MissingMeta::None };
        let hole = |to, is_last, meta| Hole { from, to, kind, is_unwritten, is_last, meta };
        self.is_suspect = true;
        self.offset += RECORD_ALIGN as u64;
        while matches!(self.demand, Demand::Verify { .. }) && self.may_begin_at(self.offset) {
            if self.begins_records()? {
                let is_only_meta = may_have_meta && self.lose_descriptions(from)?;
                self.positions.continue_after_hole(self.offset);
                return Ok(hole(self.offset, false, if is_only_meta { MissingMeta::Only } else { meta }));
            }
            self.pass_over();
        }
        self.offset = self.end;
        Ok(hole(self.end, true, meta))
    }

    /// Looks for what is left of META records from `from` on. Returns whether the bytes up to here held nothing else.
    fn lose_descriptions(&mut self, from: u64) -> Result<bool, ReadError> {
        let len = self.offset - from;
        if len > MOST_META_BYTES {
            return Ok(false);
        }
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        let read = read_up_to(&self.segment.file, &mut bytes, from);
        let path = || self.segment.info.path.clone();
        let read = read.map_err(|source| ReadError::Io { path: path(), offset: from, source })?;
        let remains = bytes.get(..read).filter(|_| read as u64 == len);
        let Some(remains) = remains.and_then(|bytes| remains_in(bytes, from, self.demand)) else {
            return Ok(false);
        };
        for Remains { at, topic, name, .. } in remains {
            let (offset, sequence) = (from + at as u64, self.sequence);
            self.lost_descriptions.push(LostDescription { path: path(), offset, sequence, topic, name });
            self.sequence += 1;
        }
        Ok(true)
    }

    /// Goes to the next place in the buffer that looks like the start of a record, or to the end of the buffer.
    pub(crate) fn pass_over(&mut self) {
        let ahead = self.ahead();
        let places = (RECORD_ALIGN..ahead.len().saturating_sub(HEADER_LEN - 1)).step_by(RECORD_ALIGN);
        let after =
            RECORD_ALIGN.max(ahead.len().saturating_sub(HEADER_LEN - 1).next_multiple_of(RECORD_ALIGN));
        let looks_like_one =
            |&at: &usize| ahead.get(at + FLAGS_AT).is_some_and(|&flags| is_checksummed(flags));
        self.offset += places.into_iter().find(looks_like_one).unwrap_or(after) as u64;
    }

    /// Returns whether there is room at `offset` for a record of this log.
    pub(crate) fn may_begin_at(&self, offset: u64) -> bool {
        offset < self.end && self.end - offset >= HEADER_LEN as u64 && !self.is_past_end_position(offset)
    }

    fn is_past_end_position(&self, offset: u64) -> bool {
        let position = self.positions.at(offset);
        !self.positions.is_in_preamble() && self.end_position.is_some_and(|end| position >= end)
    }

    /// Returns whether a valid record at `offset` is followed by another valid one or by an end.
    pub(crate) fn begins_records(&mut self) -> Result<bool, ReadError> {
        let Some(stride) = self.plausible_stride()? else { return Ok(false) };
        if self.decode_at(0, self.demand).is_err() {
            return Ok(false);
        }
        let next = self.offset + stride as u64;
        let is_end = next == self.end || next == self.header().write_offset;
        if is_end || self.is_past_end_position(next) || self.is_unwritten_after(stride)? {
            return Ok(true);
        }
        self.is_record_after(stride, self.demand)
    }

    /// Returns the length of the record at `offset` if its header is plausible. The record is in the buffer
    /// then.
    pub(crate) fn plausible_stride(&mut self) -> Result<Option<usize>, ReadError> {
        self.fetch(HEADER_LEN)?;
        let Some(header) = self.ahead().first_chunk().map(EventHeader::from_bytes) else { return Ok(None) };
        if !is_checksummed(header.flags) || header.stride() as u64 > self.end - self.offset {
            return Ok(None);
        }
        self.fetch(header.stride())?;
        Ok(Some(header.stride()))
    }

    /// Returns whether nothing was ever written `distance` bytes after `offset`.
    pub(crate) fn is_unwritten_after(&mut self, distance: usize) -> Result<bool, ReadError> {
        self.fetch(distance + UNWRITTEN_BYTES)?;
        Ok(is_zero(self.ahead().get(distance..).unwrap_or_default()))
    }

    /// Returns whether a valid record is `distance` bytes after `offset`.
    pub(crate) fn is_record_after(&mut self, distance: usize, demand: Demand) -> Result<bool, ReadError> {
        self.fetch(distance + HEADER_LEN)?;
        let after = self.ahead().get(distance..).unwrap_or_default();
        let stride = after.first_chunk().map_or(0, |header| EventHeader::from_bytes(header).stride());
        self.fetch(distance + stride)?;
        Ok(self.decode_at(distance, demand).is_ok())
    }
}

/// Returns whether a stored record with a checksum may have these flags.
const fn is_checksummed(found: u8) -> bool {
    let system = flags::COMMITTED | flags::CHECKSUMMED;
    found & system == flags::COMMITTED | flags::CHECKSUMMED
}

/// Returns whether bytes that are no record may have been a META record: by its flag, or by what its payload begins with.
fn looks_like_meta(ahead: &[u8]) -> bool {
    let payload = ahead.get(HEADER_LEN..).unwrap_or_default();
    ahead.get(FLAGS_AT).is_some_and(|found| found & flags::META != 0) || begins_like_meta(payload)
}

fn is_zero(ahead: &[u8]) -> bool {
    ahead.get(..UNWRITTEN_BYTES).unwrap_or(ahead).iter().all(|&byte| byte == 0)
}
