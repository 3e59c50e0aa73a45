//! Cuts the durable records of a log into runs, always at the same places.
//!
//! A run ends at the first record boundary at or after a multiple of the run size in the segment, and at the segment's end.
//! What is durable now decides when a run is whole, and never where it ends.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use ringlog_nostd::format::{FILE_HEADER_LEN, HEADER_LEN};

use crate::checksum::crc32c::crc32c_hardware;
use crate::event::{EventHeader, file_flags};
use crate::ship::header::{Kind, RunHeader, gap_record};
use crate::ship::target::Run;
use crate::storage::error::{OpenError, ReadError};
use crate::storage::folder::ending::WriterFile;
use crate::storage::folder::listing::{Listed, LogList};
use crate::storage::read::decode::segment_index::IndexPoint;
use crate::storage::read::scan::log_scan::{base_position_of, open_at};
use crate::storage::read::scan::segment_scan::FileScan;
use crate::storage::segment::file::{read_header, read_up_to};

/// The flags of a segment's header that its runs name.
const RUN_FLAGS: u32 = file_flags::CLOCK | file_flags::CHECKSUMS;

/// What can be sent next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// A run that ends on the grid, or where its segment does.
    Whole(Run),
    /// Records that are durable and do not reach the grid: [`LogRuns::take_short`] has them.
    Short,
    /// The log begins after the record that would be next.
    Gap {
        /// The first sequence that is missing.
        first: u64,
        /// The sequence at which the log begins.
        next: u64,
    },
    /// Nothing is durable that was not cut.
    Nothing,
}

/// What the log has in the place of a stream's last message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The same: reading continues after it.
    Same,
    /// Something else.
    Differs(String),
}

/// Reads runs from a log.
#[derive(Debug)]
pub(crate) struct LogRuns {
    folder: PathBuf,
    log: u128,
    /// Distance of the grid's lines, in bytes of a segment.
    run_bytes: u64,
    /// The segment that is read.
    scan: Option<FileScan>,
    /// Records that end at or below this offset of the segment are durable.
    durable: u64,
    /// Whether the segment is sealed, and durable to its end.
    is_final: bool,
    /// The records of the next run, and where it begins.
    bytes: Vec<u8>,
    first: u64,
    offset: u64,
    /// Sequence of the next record.
    next: u64,
}

impl LogRuns {
    pub(crate) fn new(folder: &Path, log: u128, run_bytes: u64) -> Self {
        Self {
            folder: folder.into(),
            log,
            run_bytes,
            scan: None,
            durable: 0,
            is_final: false,
            bytes: Vec::new(),
            first: 0,
            offset: 0,
            next: 0,
        }
    }

    /// Continues with the segment that begins with this record.
    pub(crate) fn go_to_segment(&mut self, sequence: u64) {
        self.scan = None;
        self.bytes.clear();
        self.next = sequence;
    }

    /// Returns the sequence of the oldest record that the log has; 0 for an empty log.
    pub(crate) fn first_sequence(&self) -> Result<u64, ReadError> {
        let files = self.list()?.unwrap_or_default();
        Ok(files.first().and_then(|file| file.named_sequence).unwrap_or(0))
    }

    /// Returns the sequence of the next record that was not cut.
    pub(crate) const fn next_sequence(&self) -> u64 {
        self.next - self.count()
    }

    const fn count(&self) -> u64 {
        if self.bytes.is_empty() { 0 } else { self.next - self.first }
    }

    /// Returns whether the log was closed and all of it was cut.
    pub(crate) fn is_at_end(&self) -> bool {
        WriterFile::of(&self.folder).end_sequence() == Some(self.next_sequence())
    }

    /// Returns the log's position after the last record that was cut, in bytes, where a segment is being read.
    pub(crate) fn log_position(&self) -> Option<u64> {
        self.scan.as_ref().map(|scan| scan.position_at(scan.offset()).saturating_sub(self.bytes.len() as u64))
    }

    /// Returns how many records are published and not durable, of the segment that is read.
    pub(crate) fn pending_bytes(&self) -> u64 {
        self.scan.as_ref().map_or(0, |scan| scan.header().write_offset.saturating_sub(self.durable))
    }

    /// Cuts the next run.
    ///
    /// # Errors
    ///
    /// [`ReadError`] for damage in the log: nothing after it can be sent.
    pub(crate) fn next(&mut self) -> Result<Cut, ReadError> {
        let mut has_looked = false;
        loop {
            if self.scan.is_none() {
                match self.open_next()? {
                    Opened::Yes => has_looked = true,
                    Opened::NotYet => return Ok(Cut::Nothing),
                    Opened::Later(next) => return Ok(Cut::Gap { first: self.next, next }),
                }
            }
            if self.read_to_grid()? {
                return Ok(Cut::Whole(self.take()));
            }
            if self.is_final {
                if !self.bytes.is_empty() {
                    return Ok(Cut::Whole(self.take()));
                }
                self.scan = None;
            } else if has_looked {
                return Ok(if self.bytes.is_empty() { Cut::Nothing } else { Cut::Short });
            } else {
                self.look()?;
                has_looked = true;
            }
        }
    }

    /// Takes the durable records that do not reach the grid.
    pub(crate) fn take_short(&mut self) -> Run {
        self.take()
    }

    fn take(&mut self) -> Run {
        let bytes = std::mem::take(&mut self.bytes);
        let header = self.scan.as_ref().map(|scan| *scan.header());
        let header = RunHeader {
            kind: Kind::Records,
            log: self.log,
            first: self.first,
            count: self.next - self.first,
            salt: header.map_or(0, |header| header.salt()),
            offset: self.offset,
            flags: header.map_or(0, |header| header.flags & RUN_FLAGS),
            crc: crc32c_hardware(0, &bytes),
        };
        Run { header, bytes }
    }

    /// Makes the run in the place of records that the log no longer has.
    pub(crate) fn gap(&self, first: u64, next: u64) -> Run {
        let bytes = gap_record();
        let crc = crc32c_hardware(0, &bytes);
        let count = next.saturating_sub(first);
        let header =
            RunHeader { kind: Kind::Gap, log: self.log, first, count, salt: 0, offset: 0, flags: 0, crc };
        Run { header, bytes }
    }

    /// Reads durable records up to the next line of the grid; `false` if there are not enough, or the segment ends.
    fn read_to_grid(&mut self) -> Result<bool, ReadError> {
        let Some(scan) = &mut self.scan else { return Ok(false) };
        loop {
            let offset = scan.offset();
            if offset < self.durable {
                scan.fetch(HEADER_LEN)?;
                let stride = scan
                    .ahead()
                    .first_chunk()
                    .map_or(HEADER_LEN, |head| EventHeader::from_bytes(head).stride());
                if offset + stride as u64 > self.durable {
                    return Ok(false);
                }
            } else if !self.is_final {
                return Ok(false);
            }
            // At the end this compares the number of records with the header's.
            let Some(record) = scan.next_bytes()? else { return Ok(false) };
            if self.bytes.is_empty() {
                (self.first, self.offset) = (self.next, offset);
            }
            self.bytes.extend_from_slice(record);
            self.next = scan.next_sequence();
            if scan.offset() >= grid_line_after(self.offset, self.run_bytes) {
                return Ok(true);
            }
        }
    }

    /// Opens the segment that begins with the next record.
    fn open_next(&mut self) -> Result<Opened, ReadError> {
        let Some(files) = self.list()? else { return Ok(Opened::NotYet) };
        let begins = |file: &Listed| file.named_sequence.unwrap_or(0);
        let Some(at) = files.iter().position(|file| begins(file) >= self.next) else {
            return Ok(Opened::NotYet);
        };
        let Some(file) = files.get(at) else { return Ok(Opened::NotYet) };
        let found = begins(file);
        if found > self.next {
            if at == 0 {
                return Ok(Opened::Later(found));
            }
            return Err(ReadError::Discontinuity { path: file.path.clone(), expected: self.next, found });
        }
        Ok(if self.open(&files, at)? { Opened::Yes } else { Opened::NotYet })
    }

    /// Lists the segments; `None` if there is none yet.
    fn list(&self) -> Result<Option<Vec<Listed>>, ReadError> {
        match LogList::of(&self.folder) {
            Ok(list) => Ok(Some(list.segments)),
            Err(OpenError::NoSegments { .. }) => Ok(None),
            Err(error) => Err(Box::new(error).into()),
        }
    }

    /// Opens one of the segments; `false` if it was deleted meanwhile.
    fn open(&mut self, files: &[Listed], at: usize) -> Result<bool, ReadError> {
        let opened = base_position_of(files.get(at + 1)).and_then(|next| open_at(files, at, next));
        let scan = match opened {
            Err(error) if error.is_not_found() => return Ok(false),
            other => other.map_err(Box::new)?,
        };
        self.bytes.clear();
        self.next = scan.as_ref().map_or(self.next, FileScan::next_sequence);
        self.scan = scan;
        self.is_final = false;
        self.durable = FILE_HEADER_LEN as u64;
        self.look_at(files.get(at + 1..).unwrap_or_default())?;
        Ok(true)
    }

    /// Looks how far the segment is durable now.
    fn look(&mut self) -> Result<(), ReadError> {
        let Some(scan) = &self.scan else { return Ok(()) };
        let (base, header) = (scan.header().base_sequence, *scan.header());
        // Only a later segment can say more of this one than its own header.
        let needs_list = header.has(file_flags::SEALED) && header.synced_offset < header.write_offset;
        let later = if needs_list { self.list()?.unwrap_or_default() } else { Vec::new() };
        let later: Vec<_> =
            later.into_iter().filter(|file| file.named_sequence.unwrap_or(0) > base).collect();
        self.look_at(&later)
    }

    fn look_at(&mut self, later: &[Listed]) -> Result<(), ReadError> {
        let Some(scan) = &mut self.scan else { return Ok(()) };
        scan.refresh()?;
        let mut header = *scan.header();
        // The watermark may rise while nothing is written, and after the file was sealed.
        let now = read_header(&scan.segment.file, &scan.info().path).map_err(Box::new)?;
        if now.salt() == header.salt() {
            header.synced_offset = now.synced_offset.min(header.write_offset);
            scan.segment.info.header.synced_offset = header.synced_offset;
        }
        let end = header.write_offset;
        let is_clean = |file: &Listed| file.open().is_ok_and(|info| info.header.has(file_flags::CLEAN));
        let is_durable = header.synced_offset >= end || later.iter().any(is_clean);
        self.is_final = header.has(file_flags::SEALED) && is_durable;
        self.durable = if self.is_final { end } else { header.synced_offset.min(end) };
        Ok(())
    }

    /// Compares a message with the log, and continues after it if the log has the same.
    ///
    /// A message from before the log's start cannot be compared: the log has deleted those records.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the log cannot be read.
    pub(crate) fn continue_after(&mut self, run: &Run) -> Result<Found, ReadError> {
        let header = &run.header;
        if header.log != self.log {
            return Ok(Found::Differs(format!("this is log {:032x}", self.log)));
        }
        if header.crc != crc32c_hardware(0, &run.bytes) {
            return Ok(Found::Differs(
                "the message's bytes do not have the checksum that its header names".into(),
            ));
        }
        let files = self.list()?.unwrap_or_default();
        let Some(begin) = files.first().map(|file| file.named_sequence.unwrap_or(0)) else {
            return Ok(Found::Differs("the log is empty".into()));
        };
        if header.next() <= begin || header.kind == Kind::Gap {
            return self.continue_at(header.next(), &files);
        }
        let before = files.iter().rposition(|file| file.named_sequence.unwrap_or(0) <= header.first);
        let Some(at) = before else {
            return Ok(Found::Differs(format!(
                "the log begins with record {begin}, in the middle of that message"
            )));
        };
        if !self.open(&files, at)? {
            return Ok(Found::Differs("the log's retention has just deleted that segment".into()));
        }
        let found = self.compare(run)?;
        if found == Found::Same
            && let Some(scan) = &mut self.scan
        {
            let number = header.next() - scan.header().base_sequence;
            scan.go_to(IndexPoint { offset: header.offset + run.bytes.len() as u64, number })?;
            self.next = header.next();
        }
        Ok(found)
    }

    /// Compares a message with the log: as [`continue_after`](Self::continue_after), but reads nothing else.
    pub(crate) fn same_as(&mut self, run: &Run) -> Result<Found, ReadError> {
        let header = &run.header;
        if header.log != self.log || header.crc != crc32c_hardware(0, &run.bytes) {
            return self.continue_after(run);
        }
        let end = header.offset + run.bytes.len() as u64;
        let has_it =
            |scan: &FileScan| scan.header().salt() == header.salt && end <= scan.header().write_offset;
        let is_open = self.scan.as_ref().is_some_and(has_it);
        if is_open { self.compare(run) } else { self.continue_after(run) }
    }

    /// Continues with a record at which a segment begins, or before the log's first.
    fn continue_at(&mut self, sequence: u64, files: &[Listed]) -> Result<Found, ReadError> {
        let begins: Vec<u64> = files.iter().map(|file| file.named_sequence.unwrap_or(0)).collect();
        self.go_to_segment(sequence);
        if begins.contains(&sequence) || begins.first().is_some_and(|first| *first > sequence) {
            return Ok(Found::Same);
        }
        // A run may end where its segment does while the next one has no name yet.
        let Some(at) = begins.iter().rposition(|begin| *begin < sequence) else {
            return Ok(Found::Differs("the log has no such record".into()));
        };
        if self.open(files, at)? {
            while self.next < sequence {
                let Some(scan) = &mut self.scan else { break };
                if scan.next_bytes()?.is_none() {
                    return Ok(Found::Differs(format!("the log ends with record {}", self.next)));
                }
                self.next = scan.next_sequence();
            }
        }
        Ok(Found::Same)
    }

    /// Compares the bytes of a message with those of the open segment.
    fn compare(&self, run: &Run) -> Result<Found, ReadError> {
        let header = &run.header;
        let Some(scan) = &self.scan else { return Ok(Found::Differs("the log is empty".into())) };
        let (own, path) = (scan.header(), &scan.info().path);
        let (salt, end) = (own.salt(), own.write_offset);
        if salt != header.salt {
            return Ok(Found::Differs(format!("{} has salt {salt:08x}", path.display())));
        }
        let len = run.bytes.len();
        if header.offset < FILE_HEADER_LEN as u64 || header.offset + len as u64 > end {
            return Ok(Found::Differs(format!("{} ends at offset {end}", path.display())));
        }
        let mut bytes = vec![0; len];
        read_up_to(&scan.segment.file, &mut bytes, header.offset).map_err(|source| ReadError::Io {
            path: path.clone(),
            offset: header.offset,
            source,
        })?;
        Ok(match bytes.iter().zip(&run.bytes).position(|(own, other)| own != other) {
            None => Found::Same,
            Some(at) => {
                let offset = header.offset + at as u64;
                Found::Differs(format!("{} has other bytes at offset {offset}", path.display()))
            }
        })
    }
}

enum Opened {
    Yes,
    /// It is not there yet.
    NotYet,
    /// The log begins later, with this record.
    Later(u64),
}

/// Returns where a run that begins at `offset` ends at the latest, but for its last record.
const fn grid_line_after(offset: u64, run_bytes: u64) -> u64 {
    (offset / run_bytes + 1) * run_bytes
}
