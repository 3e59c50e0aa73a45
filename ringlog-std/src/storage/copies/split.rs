//! Splits a log into several by time: each record is in one of them, with its sequence.
//!
//! Whole segments are copied as they are. One that is cut becomes two: its start keeps its header, and its end gets a new
//! one, with the descriptions that were in force there and records whose checksums are made for their new places.
#![forbid(unsafe_code)]

use std::fs;
use std::fs::File;
use std::path::Path;

use ringlog_nostd::format::FILE_HEADER_LEN;

use crate::event::{FileHeader, file_flags};
use crate::storage::copies::backup::copy_file;
use crate::storage::copies::content::Content;
use crate::storage::copies::draft::{DraftFolder, check_apart, sync_folder};
use crate::storage::copies::error::CopyError;
use crate::storage::copies::parts::{Cutter, Part, Piece};
use crate::storage::copies::source::{SourceLog, record_of};
use crate::storage::error::RecordedEnd;
use crate::storage::folder::writer_record::WriterRecord;
use crate::storage::names::{WRITER_FILE, segment_name};
use crate::storage::read::scan::segment_scan::FileScan;
use crate::storage::segment::file::open_regular;
use crate::storage::segment::options::CAPACITY_BYTES;
use crate::storage::segment::writer::MmapWriter;

/// One of the logs that a log was split into.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SplitPart {
    /// The name of its folder.
    pub name: String,
    /// The time at which it begins, of the log's clock.
    pub begins_at: u64,
    /// The sequence at which it begins: that of its first description, if it has one.
    pub first_sequence: u64,
    /// The sequence after its last record.
    pub next_sequence: u64,
    /// Events in it.
    pub events: u64,
    /// GAP records in it.
    pub gaps: u64,
    /// Events whose time is before `begins_at`: they came after a later one.
    pub late: u64,
}

/// Splits the log in the folder `log` into logs in folders of the folder `to`, which must be empty or missing.
///
/// `stretch_of` returns the time at which the stretch begins that holds a time; it must not fall where times rise. A new
/// log begins before the first event of a later stretch, and `name_of` names its folder by the begin of the stretch.
///
/// # Errors
///
/// [`CopyError`] if there is no log, if it is damaged, if `to` is not free, or if the system refuses something. Nothing is
/// left then.
pub fn split_log(
    log: &Path,
    to: &Path,
    stretch_of: &dyn Fn(u64) -> u64,
    name_of: &dyn Fn(u64) -> String,
) -> Result<Vec<SplitPart>, CopyError> {
    let source = SourceLog::open(log)?;
    check_apart(log, to)?;
    let draft = DraftFolder::create(to)?;
    let parts = Cutter::new(stretch_of).cut(log)?;
    let mut made = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let name = name_of(part.begins_at);
        let folder = draft.temporary.join(&name);
        fs::create_dir(&folder).map_err(CopyError::io(&folder, "create the folder"))?;
        part.pieces.iter().try_for_each(|piece| write_piece(piece, &folder))?;
        write_record(part, at + 1 == parts.len(), &source, &folder)?;
        sync_folder(&folder)?;
        made.push(SplitPart {
            name,
            begins_at: part.begins_at,
            first_sequence: part.pieces.first().map_or(0, Piece::first_sequence),
            next_sequence: part.next_sequence,
            events: part.events,
            gaps: part.gaps,
            late: part.late,
        });
    }
    draft.publish()?;
    Ok(made)
}

fn write_piece(piece: &Piece, folder: &Path) -> Result<(), CopyError> {
    let path = folder.join(segment_name(piece.first_sequence()));
    if !piece.is_head() {
        return write_again(piece, &path);
    }
    let header = FileHeader {
        event_count: piece.records,
        write_offset: piece.to,
        synced_offset: piece.to,
        flags: piece.header.flags | file_flags::SEALED | file_flags::CLEAN,
        ..piece.header
    };
    let file = open_regular(&piece.path)?;
    let content = Content::of_file(&file, piece.to, Some(&header));
    copy_file(content.map_err(CopyError::io(&piece.path, "read the file"))?, &path, None)
}

/// Writes the records of a piece to a new segment.
fn write_again(piece: &Piece, path: &Path) -> Result<(), CopyError> {
    let bytes = FILE_HEADER_LEN as u64 + piece.schemas.record_bytes() + piece.to - piece.from;
    let capacity =
        bytes.max(*CAPACITY_BYTES.start()).max(2 * piece.schemas.record_bytes() + FILE_HEADER_LEN as u64);
    let options = MmapWriter::options()
        .checksums(piece.header.has(file_flags::CHECKSUMS))
        .clock(piece.header.clock())
        .base(piece.first_sequence(), piece.base_position)
        .schemas(piece.schemas.clone());
    let mut writer = options.create_new(path, capacity)?;
    let mut scan = FileScan::open(&piece.path)?;
    while scan.offset() < piece.to && scan.advance()? {
        let Some(event) = scan.found_event().filter(|event| event.offset >= piece.from) else { continue };
        match event.gap() {
            Some(gap) => writer.append_gap(event.header.timestamp, gap)?,
            None => writer.write_event(&event.header.as_user(), event.payload)?,
        }
    }
    let header = writer.close()?;
    let cut = File::options().write(true).open(path).and_then(|file| {
        file.set_len(header.write_offset)?;
        file.sync_all()
    });
    cut.map_err(CopyError::io(path, "cut off the unused end of the file"))
}

/// Writes the `writer` file of a part. All but the last are closed; the last is what the log was.
fn write_record(part: &Part, is_last: bool, source: &SourceLog, folder: &Path) -> Result<(), CopyError> {
    let Some(log) = record_of(&source.folder) else { return Ok(()) };
    let end = RecordedEnd { sequence: part.next_sequence, position: part.end_position };
    let closed = WriterRecord {
        boot_id: log.boot_id.clone(),
        log_identity: log.log_identity,
        first_sequence: part.pieces.first().map(Piece::first_sequence),
        end: Some(end),
        ..WriterRecord::default()
    };
    let record = if is_last {
        WriterRecord {
            end: closed.end.filter(|_| log.end.is_some()),
            unreported: log.unreported,
            has_undrained_ring: log.has_undrained_ring && !source.is_live,
            is_partial_copy: log.is_partial_copy || source.is_live && log.end.is_none(),
            ..closed
        }
    } else {
        closed
    };
    let path = folder.join(WRITER_FILE);
    let write = || -> std::io::Result<()> {
        fs::write(&path, record.to_text())?;
        File::open(&path)?.sync_all()
    };
    write().map_err(CopyError::io(&path, "write the file"))
}
