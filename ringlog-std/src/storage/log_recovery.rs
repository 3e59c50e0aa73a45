//! Where a log ends, whatever became of its last writer, and so where the next segment begins.
//!
//! Nothing is stored into an old segment but SEALED and the final offset and count, and nothing that was ever
//! published is deleted.

#![forbid(unsafe_code)]

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use ringlog_nostd::{FILE_HEADER_LEN, field};

use super::create::move_aside;
use super::error::{OpenError, ReadError};
use super::scan::FileScan;
use super::segment::{Folder, SegmentInfo, sync_folder};
use super::segment_file::{SegmentFile, is_unused, read_up_to};
use crate::event::{HEADER_LEN, file_flags};

/// What is known of the log's last writer.
#[derive(Clone, Copy, Debug)]
pub(super) struct LastWriter {
    /// The kernel that it ran under still runs, so all that it stored is there.
    pub(super) is_same_boot: bool,
    /// It closed the log.
    pub(super) has_closed: bool,
}

/// Where the next segment begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct LogEnd {
    pub(super) sequence: u64,
    pub(super) position: u64,
    /// Events may be missing here; the timestamp of the last one before, as far as it is known.
    pub(super) lost_after: Option<u64>,
}

impl LogEnd {
    /// This end of a segment, seen together with an empty one behind it.
    fn followed_by(self, empty: &SegmentEnd) -> Result<Self, OpenError> {
        let LogEnd { sequence: found, position, lost_after } = empty.end;
        if found != self.sequence {
            let path = empty.info.path.clone();
            return Err(recovery(ReadError::Discontinuity { path, expected: self.sequence, found }));
        }
        // A jump that no GAP record tells of: its writer died before it could store one.
        let is_lost = lost_after.is_some() || self.lost_after.is_some() || position > self.position;
        Ok(Self {
            sequence: self.sequence,
            position: position.max(self.position),
            lost_after: is_lost.then(|| self.lost_after.or(lost_after).unwrap_or_default()),
        })
    }
}

/// A segment and where it ends.
#[derive(Debug)]
struct SegmentEnd {
    info: SegmentInfo,
    end: LogEnd,
}

impl SegmentEnd {
    fn is_empty(&self) -> bool {
        self.end.sequence == self.info.header.base_sequence
    }
}

/// Finds the end of the log in `folder`, whose lock the caller holds, seals its last segment and clears
/// away an empty one.
pub(super) fn find_end(folder: &Path, writer: LastWriter) -> Result<LogEnd, OpenError> {
    let mut segments = Folder::list(folder).map_err(|error| io_error(folder, "list", error))?.segments;
    let mut empty: Option<SegmentEnd> = None;
    while let Some((named_sequence, path)) = segments.pop() {
        if is_unused(&path).map_err(|error| io_error(&path, "read", error))? {
            move_aside(&path)?;
            continue;
        }
        let segment = SegmentFile::open(&path)?;
        segment.check_name(named_sequence)?;
        let found = end_of(segment, writer)?;
        let merged = match &empty {
            Some(empty) => found.end.followed_by(empty)?,
            None => found.end,
        };
        if !found.is_empty() {
            return Ok(merged);
        }
        clear_away(&found)?;
        empty = Some(SegmentEnd { end: merged, ..found });
    }
    Ok(empty.map_or_else(LogEnd::default, |empty| empty.end))
}

/// Has an empty segment give its name free, which the next one needs.
fn clear_away(empty: &SegmentEnd) -> Result<(), OpenError> {
    let SegmentEnd { info, end } = empty;
    let was_published = info.header.write_offset > FILE_HEADER_LEN as u64;
    // After a power loss the header may be older than the bytes behind it.
    if was_published || end.lost_after.is_some() && begins_with_bytes(&info.path)? {
        // Something was stored that cannot be read now: that is for a person to look at.
        return Ok(move_aside(&info.path)?);
    }
    fs::remove_file(&info.path).map_err(|error| io_error(&info.path, "delete the empty file", error))?;
    let folder = info.path.parent().unwrap_or(Path::new("."));
    sync_folder(folder).map_err(|error| io_error(folder, "sync", error))
}

/// Whether anything stands where the first record would.
fn begins_with_bytes(path: &Path) -> Result<bool, OpenError> {
    let mut bytes = [0; HEADER_LEN];
    let file = File::open(path).map_err(|error| io_error(path, "open", error))?;
    read_up_to(&file, &mut bytes, FILE_HEADER_LEN as u64).map_err(|error| io_error(path, "read", error))?;
    Ok(bytes != [0; HEADER_LEN])
}

fn end_of(segment: SegmentFile, writer: LastWriter) -> Result<SegmentEnd, OpenError> {
    refuse_live_writer(&segment)?;
    let info = segment.info.clone();
    let header = &info.header;
    let is_final = header.has(file_flags::SEALED) || header.has(file_flags::STREAM);
    if is_final || writer.is_same_boot {
        segment.check_length()?;
    }
    let end = if header.has(file_flags::STREAM) {
        let end = info.file_bytes;
        end_of_scan(walk(segment, end, end)?)
    } else if header.has(file_flags::SEALED) {
        end_of_sealed(segment, writer)?
    } else if writer.is_same_boot {
        let end = header.write_offset;
        seal_at_end(walk(segment, end, end)?)?.end
    } else {
        let has_checksums = header.has(file_flags::CHECKSUMS);
        let synced_offset = header.synced_offset;
        let end = if has_checksums { info.file_bytes.max(synced_offset) } else { synced_offset };
        after_lost_kernel(&info, seal_at_end(walk(segment, end, synced_offset)?)?)
    };
    Ok(SegmentEnd { info, end })
}

/// A segment that somebody writes outside of a [`LogWriter`](super::LogWriter) is locked as a file.
fn refuse_live_writer(segment: &SegmentFile) -> Result<(), OpenError> {
    let path = &segment.info.path;
    match segment.file.try_lock_shared() {
        Ok(()) => segment.file.unlock().map_err(|error| io_error(path, "unlock", error)),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: path.clone(), pid: None }),
        Err(TryLockError::Error(error)) => Err(io_error(path, "lock", error)),
    }
}

/// A scan that has come to its end, with the timestamp of its last record.
struct Walked {
    scan: FileScan,
    last_timestamp: u64,
}

/// Reads all records up to `end`, or up to the first that is not valid at or behind `whole_below`.
fn walk(segment: SegmentFile, end: u64, whole_below: u64) -> Result<Walked, OpenError> {
    let mut walked = Walked { scan: FileScan::up_to(segment, end), last_timestamp: 0 };
    loop {
        match walked.scan.advance() {
            Ok(true) => {
                let event = walked.scan.found_event();
                walked.last_timestamp = event.map_or(0, |event| event.header.timestamp);
            }
            Ok(false) => return Ok(walked),
            Err(ReadError::Record { source, .. }) if source.offset >= whole_below => return Ok(walked),
            Err(error) => return Err(recovery(error)),
        }
    }
}

fn end_of_scan(walked: Walked) -> LogEnd {
    let Walked { scan, .. } = walked;
    LogEnd { sequence: scan.next_sequence(), position: scan.position(), lost_after: None }
}

/// A sealed segment says where it ends; only its lead has to be read.
fn end_of_sealed(segment: SegmentFile, writer: LastWriter) -> Result<LogEnd, OpenError> {
    let info = segment.info.clone();
    let header = &info.header;
    let sequence = plausible_end(&info)?;
    let mut scan = FileScan::up_to(segment, header.write_offset);
    while scan.is_in_lead() && scan.advance().map_err(recovery)? {}
    let end = LogEnd { sequence, position: scan.position_at(header.write_offset), lost_after: None };
    if header.has(file_flags::CLEAN) || writer.is_same_boot || writer.has_closed {
        return Ok(end);
    }
    // Sealed by a recovery that did not come to store what it found missing.
    Ok(after_lost_kernel(&info, SealedEnd { end, last_timestamp: 0 }))
}

/// The sequence behind a sealed segment, unless its header contradicts itself.
fn plausible_end(info: &SegmentInfo) -> Result<u64, OpenError> {
    let SegmentInfo { header, path, .. } = info;
    let most = (header.write_offset - FILE_HEADER_LEN as u64) / HEADER_LEN as u64;
    match header.base_sequence.checked_add(header.event_count) {
        Some(sequence) if header.event_count <= most && (header.event_count > 0) == (most > 0) => {
            Ok(sequence)
        }
        _ => {
            let (path, offset, stored) = (path.clone(), header.write_offset, header.event_count);
            Err(recovery(ReadError::EventCount { path, offset, stored, found: most }))
        }
    }
}

struct SealedEnd {
    end: LogEnd,
    last_timestamp: u64,
}

/// What was behind the end is not known: the log goes on behind all that the segment had room for.
fn after_lost_kernel(info: &SegmentInfo, sealed: SealedEnd) -> LogEnd {
    let room_bytes = info.file_bytes.saturating_sub(FILE_HEADER_LEN as u64);
    let position = info.header.base_position.saturating_add(room_bytes);
    LogEnd { position, lost_after: Some(sealed.last_timestamp), ..sealed.end }
}

/// Stores into the file where its records end.
fn seal_at_end(walked: Walked) -> Result<SealedEnd, OpenError> {
    let Walked { scan, last_timestamp } = walked;
    let SegmentInfo { path, header, .. } = scan.info();
    let event_count = scan.next_sequence().wrapping_sub(header.base_sequence);
    let flags = header.flags | file_flags::SEALED;
    store_end(path, event_count, scan.offset(), flags)
        .map_err(|error| io_error(path, "seal the file", error))?;
    Ok(SealedEnd { end: end_of_scan(Walked { scan, last_timestamp }), last_timestamp })
}

/// In an order in which every state that a crash can leave is true.
fn store_end(path: &Path, event_count: u64, write_offset: u64, flags: u32) -> io::Result<()> {
    let file: File = OpenOptions::new().write(true).open(path)?;
    file.sync_data()?;
    file.write_all_at(&event_count.to_le_bytes(), field::EVENT_COUNT as u64)?;
    file.write_all_at(&write_offset.to_le_bytes(), field::WRITE_OFFSET as u64)?;
    file.sync_data()?;
    file.write_all_at(&flags.to_le_bytes(), field::FLAGS as u64)?;
    file.sync_data()
}

fn recovery(error: ReadError) -> OpenError {
    OpenError::Recovery(Box::new(error))
}

fn io_error(path: &Path, action: &'static str, source: io::Error) -> OpenError {
    OpenError::Io { path: path.into(), action, source }
}
