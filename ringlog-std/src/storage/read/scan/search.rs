//! Finds the records of a file whose payload holds some bytes, and decodes no others.
//!
//! The bytes of the records are searched as one: most of them need no decoding. The records from the last known place to
//! a match are passed by their lengths, unverified. Where that fails, the file is read record by record instead, so that
//! damage is reported where it is.

#![forbid(unsafe_code)]

use std::path::Path;

use ringlog_nostd::format::{FILE_HEADER_LEN, HEADER_LEN};

use crate::event::{MAX_PAYLOAD, file_flags};
use crate::storage::error::ReadError;
use crate::storage::read::decode::bulk::Demand;
use crate::storage::read::decode::segment_index::{Index, IndexPoint};
use crate::storage::read::needle::Needle;
use crate::storage::read::scan::search_progress::FileHits;
use crate::storage::read::scan::segment_scan::FileScan;
use crate::storage::segment::file::read_up_to;
use crate::storage::segment::header_count::believed_count;

/// Bytes that are searched at a time: they stay in the processor's cache. More than twice the largest payload.
const WINDOW_BYTES: usize = 256 * 1024;
const _: () = assert!(WINDOW_BYTES > 2 * MAX_PAYLOAD);
/// A file with more matches is searched when it is read.
const MOST_HITS: usize = 4096;
/// A match this far ahead is worth reading an index.
const FAR_BYTES: u64 = 256 * 1024;

impl FileScan {
    /// Passes the records before the next one whose payload holds the needle, unverified; all of them if there is none.
    ///
    /// Returns where it was if it moved. If the next record is then no valid one, [`search_from`](Self::search_from)
    /// goes back to read all of them. `index` is asked at most once, for an index of this file.
    pub(crate) fn skip_to_match<'i>(
        &mut self,
        needle: &Needle,
        index: impl FnOnce() -> Option<&'i Index>,
    ) -> Result<Option<IndexPoint>, ReadError> {
        if self.search.is_off {
            return Ok(None);
        }
        let before = IndexPoint { offset: self.offset, number: self.sequence - self.header().base_sequence };
        if self.is_in_preamble() {
            // It reads a record more than the preamble.
            self.read_lead()?;
            self.go_to(before)?;
        }
        let mut index = Some(index);
        while let Some(hit) = self.next_hit(needle)? {
            if hit.saturating_sub(self.offset) > FAR_BYTES
                && let Some(place) =
                    index.take().and_then(|index| index()).map(|index| index.start_of_offset(hit))
                && place.offset > self.offset
            {
                self.go_to(place)?;
            }
            let Some(stride) = self.pass_to(hit)? else { return self.search_from(before).map(|()| None) };
            if self.is_at_next_segment() {
                return Ok(Some(before));
            }
            let payload = self.offset + HEADER_LEN as u64..self.offset + self.payload_end();
            if needle.fits(&payload, hit) {
                return Ok(Some(before));
            }
            // The match begins in a header, or ends after the payload.
            let next_payload = self.offset + (stride + HEADER_LEN) as u64;
            self.search.searched = if hit < payload.start { payload.start } else { next_payload };
        }
        if !self.pass_to_end()? {
            return self.search_from(before).map(|()| None);
        }
        Ok(Some(before))
    }

    /// Goes back to a place, and reads the rest of the file record by record.
    pub(crate) fn search_from(&mut self, place: IndexPoint) -> Result<(), ReadError> {
        self.search.is_off = true;
        self.go_to(place)
    }

    /// Finds all matches in a file; `None` if it cannot be read, or has too many.
    pub(crate) fn hits_of(path: &Path, needle: &Needle) -> Option<FileHits> {
        let mut scan = Self::open(path).ok()?;
        let mut hits = Vec::new();
        while let Some(hit) = scan.next_hit(needle).ok()? {
            if hits.len() >= MOST_HITS {
                return None;
            }
            hits.push(hit);
            scan.search.searched = hit + 1;
        }
        Some(FileHits { salt: scan.header().salt(), end: scan.end, hits })
    }

    /// Takes the matches that were found in a file, if it is this one and has not grown.
    pub(crate) fn take_hits(&mut self, found: FileHits) {
        if (found.salt, found.end) == (self.header().salt(), self.end) {
            self.search.hits = Some(found.hits);
        }
    }

    fn payload_end(&self) -> u64 {
        let header = self.ahead().first_chunk().map(crate::event::EventHeader::from_bytes);
        HEADER_LEN as u64 + header.map_or(0, |header| u64::from(header.payload_len))
    }

    fn is_at_next_segment(&self) -> bool {
        self.end_position.is_some_and(|end| self.position_at(self.offset) >= end)
    }

    /// Passes records by their lengths up to the one that holds the byte at `hit`, and returns its length; `None` if
    /// there is something else on the way.
    fn pass_to(&mut self, hit: u64) -> Result<Option<usize>, ReadError> {
        while self.offset < self.end {
            let Some(stride) = self.structure_ahead()? else { return Ok(None) };
            if self.offset + stride as u64 > hit || self.is_at_next_segment() {
                return Ok(Some(stride));
            }
            self.pass_one(stride);
        }
        Ok(None)
    }

    /// Passes all records; `false` if there is something else.
    fn pass_to_end(&mut self) -> Result<bool, ReadError> {
        let header = *self.header();
        let is_all = self.end == header.write_offset && !header.has(file_flags::STREAM);
        let belongs = self.end_position.is_none_or(|end| self.position_at(self.end) <= end);
        if let Some(count) = believed_count(&header, self.end).filter(|_| is_all && belongs) {
            self.offset = self.end;
            self.sequence = header.base_sequence + count;
            return Ok(true);
        }
        while self.offset < self.end && !self.is_at_next_segment() {
            match self.structure_ahead()? {
                Some(stride) => self.pass_one(stride),
                // The erased end of a stream is found as ever.
                None => return Ok(header.has(file_flags::STREAM)),
            }
        }
        Ok(true)
    }

    fn pass_one(&mut self, stride: usize) {
        self.offset += stride as u64;
        self.sequence += 1;
    }

    /// Returns the length of the next record, if its header and its place are those of one.
    fn structure_ahead(&mut self) -> Result<Option<usize>, ReadError> {
        self.found = None;
        self.fetch_record()?;
        let form = if self.demand == Demand::Absent { Demand::Absent } else { Demand::Present };
        Ok(form.decode(self.ahead(), self.offset).ok().map(|(_, _, stride)| stride))
    }

    /// Returns the offset of the next match; `None` if there is no further one in the file.
    fn next_hit(&mut self, needle: &Needle) -> Result<Option<u64>, ReadError> {
        if needle.len() > MAX_PAYLOAD {
            return Ok(None);
        }
        let mut from = self.search.searched.max(self.offset).max(FILE_HEADER_LEN as u64);
        if let Some(hits) = &self.search.hits {
            return Ok(hits.get(hits.partition_point(|&hit| hit < from)).copied());
        }
        loop {
            let ahead = from.checked_sub(self.search.window_offset).and_then(|at| usize::try_from(at).ok());
            let window = ahead.and_then(|at| self.search.window.get(at..)).unwrap_or_default();
            if let Some(at) = needle.find(window) {
                self.search.searched = from + at as u64;
                return Ok(Some(self.search.searched));
            }
            // A match may begin in the last bytes of the window.
            from += (window.len() + 1).saturating_sub(needle.len()) as u64;
            self.search.searched = from;
            if self.end.saturating_sub(from) < needle.len() as u64 {
                return Ok(None);
            }
            self.read_window(from, needle.len())?;
        }
    }

    fn read_window(&mut self, from: u64, least: usize) -> Result<(), ReadError> {
        let left = usize::try_from(self.end - from).unwrap_or(usize::MAX);
        self.search.window.resize(WINDOW_BYTES.min(left), 0);
        let read = read_up_to(&self.segment.file, &mut self.search.window, from);
        let path = || self.segment.info.path.clone();
        let read = read.map_err(|source| ReadError::Io { path: path(), offset: from, source })?;
        self.search.window.truncate(read);
        self.search.window_offset = from;
        if read < least {
            return Err(ReadError::Shrunk { path: path(), offset: from + read as u64, end: self.end });
        }
        Ok(())
    }
}
