//! Finds the salt of a file with a damaged header, from its records.

#![forbid(unsafe_code)]

use ringlog_nostd::format::{FILE_HEADER_LEN, place_word};

use crate::checksum::linear::place_of;
use crate::event::EventHeader;
use crate::storage::error::ReadError;
use crate::storage::read::decode::bulk::Demand;
use crate::storage::read::scan::hole::Piece;
use crate::storage::read::scan::segment_scan::FileScan;

impl FileScan {
    /// Returns whether records are valid under the salt of this scan. Ends the scan.
    pub(crate) fn finds_records(&mut self) -> Result<bool, ReadError> {
        if self.begins_records()? {
            return Ok(true);
        }
        Ok(match self.next_piece()? {
            // The first record is valid, but its neighbour is not.
            Piece::Record | Piece::End => false,
            Piece::Hole(hole) => !hole.is_last,
        })
    }

    /// Searches for records of any salt, and returns that salt. Ends the scan.
    ///
    /// A checksum is a linear function of its place word. So one record gives the place word that makes its
    /// checksum right, and with it the salt. The records after it confirm the salt.
    pub(crate) fn search_salt(&mut self) -> Result<Option<u32>, ReadError> {
        self.offset = FILE_HEADER_LEN as u64;
        while self.may_begin_at(self.offset) {
            if let Some(salt) = self.salt_here()? {
                return Ok(Some(salt));
            }
            self.pass_over();
        }
        Ok(None)
    }

    /// Returns the salt under which records begin at `offset`.
    fn salt_here(&mut self) -> Result<Option<u32>, ReadError> {
        let Some(stride) = self.plausible_stride()? else { return Ok(None) };
        let Ok((header, _)) = self.decode_at(0, Demand::Present) else { return Ok(None) };
        let at = usize::try_from(self.offset - self.buffer_offset).unwrap_or(usize::MAX);
        let unplaced = self.prefix_crcs.record_crc(&self.buffer, at, &header, 0);
        // The place word of salt 0 is the offset's part alone.
        let salt = place_of(&header, unplaced) ^ place_word(0, self.offset);
        let demand = Demand::Verify { salt };
        if !self.is_record_after(stride, demand)? {
            return Ok(None);
        }
        let second = self.ahead().get(stride..).and_then(<[u8]>::first_chunk);
        let both = stride + second.map_or(0, |header| EventHeader::from_bytes(header).stride());
        let is_confirmed = self.offset + both as u64 == self.end
            || self.is_unwritten_after(both)?
            || self.is_record_after(both, demand)?;
        Ok(is_confirmed.then_some(salt))
    }
}
