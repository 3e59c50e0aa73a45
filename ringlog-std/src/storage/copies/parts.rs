//! Where a log is cut into parts: reads it once, and checks every record.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use ringlog_nostd::format::FILE_HEADER_LEN;

use crate::event::FileHeader;
use crate::storage::copies::error::CopyError;
use crate::storage::error::ReadError;
use crate::storage::folder::listing::LogList;
use crate::storage::read::scan::log_scan::{base_position_of, open_at};
use crate::storage::read::scan::segment_scan::FileScan;
use crate::storage::schemas::list::SchemaList;

const START: u64 = FILE_HEADER_LEN as u64;

/// A range of records of one segment.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    /// The segment.
    pub(crate) path: PathBuf,
    pub(crate) header: FileHeader,
    /// Offset of the first record.
    pub(crate) from: u64,
    /// Offset after the last one.
    pub(crate) to: u64,
    /// Records in it.
    pub(crate) records: u64,
    /// Sequence and position of the first record, and the descriptions in force there.
    pub(crate) base_sequence: u64,
    pub(crate) base_position: u64,
    pub(crate) schemas: SchemaList,
}

impl Piece {
    /// Returns whether it begins where the segment does, so that its bytes need no change.
    pub(crate) const fn is_head(&self) -> bool {
        self.from == START
    }

    /// Returns the sequence at which a file with this piece begins: descriptions that come before its records take one each.
    pub(crate) fn first_sequence(&self) -> u64 {
        let described = if self.is_head() { 0 } else { self.schemas.len() as u64 };
        self.base_sequence.saturating_sub(described)
    }
}

/// One of the logs that a log is cut into.
#[derive(Clone, Debug, Default)]
pub(crate) struct Part {
    /// The time at which it begins.
    pub(crate) begins_at: u64,
    pub(crate) pieces: Vec<Piece>,
    /// Sequence and position after its last record.
    pub(crate) next_sequence: u64,
    pub(crate) end_position: u64,
    /// Events in it, without GAP records.
    pub(crate) events: u64,
    pub(crate) gaps: u64,
    /// Events whose time is before that of the part.
    pub(crate) late: u64,
}

/// Cuts a log before the first event of each new stretch of time.
pub(crate) struct Cutter<'a> {
    /// Returns the time at which the stretch begins that holds a time.
    stretch_of: &'a dyn Fn(u64) -> u64,
    parts: Vec<Part>,
}

impl<'a> Cutter<'a> {
    pub(crate) fn new(stretch_of: &'a dyn Fn(u64) -> u64) -> Self {
        Self { stretch_of, parts: Vec::new() }
    }

    /// Reads the whole log.
    pub(crate) fn cut(mut self, log: &Path) -> Result<Vec<Part>, CopyError> {
        let LogList { segments: files, writer, .. } = LogList::of(log)?;
        let mut expected = None;
        for at in 0..files.len() {
            let next_position = base_position_of(files.get(at + 1))?;
            let Some(scan) = open_at(&files, at, next_position)? else { continue };
            let found = scan.header().base_sequence;
            if let Some(expected) = expected.filter(|expected| *expected != found) {
                let path = scan.info().path.clone();
                return Err(ReadError::Discontinuity { path, expected, found }.into());
            }
            expected = Some(self.cut_segment(scan)?);
        }
        writer.check_end(log, expected.unwrap_or(0), None).map_err(ReadError::MissingEnd)?;
        if self.parts.is_empty() {
            return Err(CopyError::NoEvent { path: log.into() });
        }
        Ok(self.parts)
    }

    /// Returns the sequence after the segment.
    fn cut_segment(&mut self, mut scan: FileScan) -> Result<u64, CopyError> {
        let (header, path) = (*scan.header(), scan.info().path.clone());
        let begin = |from, base_sequence, base_position, schemas| Piece {
            path: path.clone(),
            header,
            from,
            to: from,
            records: 0,
            base_sequence,
            base_position,
            schemas,
        };
        let mut piece = begin(START, header.base_sequence, header.base_position, SchemaList::new());
        // What comes before the first event of a segment goes with it.
        let (mut has_event, mut first_gaps) = (false, 0);
        while scan.advance()? {
            let Some((is_gap, time, offset, sequence)) = scan
                .found_event()
                .map(|it| (it.header.is_gap(), it.header.timestamp, it.offset, it.sequence))
            else {
                continue;
            };
            if is_gap {
                match self.parts.last_mut().filter(|_| has_event) {
                    Some(part) => part.gaps += 1,
                    None => first_gaps += 1,
                }
                continue;
            }
            let begins_at = (self.stretch_of)(time);
            match self.parts.last_mut() {
                // It has nothing but GAP records so far.
                Some(part) if part.events == 0 => part.begins_at = begins_at,
                Some(part) if part.begins_at >= begins_at => {}
                _ => {
                    if has_event {
                        let schemas = scan.schemas().map(|it| it.list().clone()).unwrap_or_default();
                        let next = begin(offset, sequence, scan.position_at(offset), schemas);
                        let done = std::mem::replace(&mut piece, next);
                        self.add(Piece { to: offset, records: sequence - done.base_sequence, ..done }, &scan);
                    }
                    self.parts.push(Part { begins_at, ..Part::default() });
                }
            }
            has_event = true;
            if let Some(part) = self.parts.last_mut() {
                part.gaps += std::mem::take(&mut first_gaps);
                part.events += 1;
                part.late += u64::from(time < part.begins_at);
            }
        }
        if first_gaps > 0 {
            if self.parts.is_empty() {
                self.parts.push(Part::default());
            }
            self.parts.iter_mut().next_back().into_iter().for_each(|part| part.gaps += first_gaps);
        }
        let (to, next) = (scan.offset(), scan.next_sequence());
        if to > START {
            self.add(Piece { to, records: next - piece.base_sequence, ..piece }, &scan);
        }
        Ok(next)
    }

    fn add(&mut self, piece: Piece, scan: &FileScan) {
        if let Some(part) = self.parts.last_mut() {
            part.next_sequence = piece.base_sequence + piece.records;
            part.end_position = scan.position_at(piece.to);
            part.pieces.push(piece);
        }
    }
}
