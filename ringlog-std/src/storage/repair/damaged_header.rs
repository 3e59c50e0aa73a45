//! Opens a log file with any header, as long as its records can be distinguished from other bytes.

#![forbid(unsafe_code)]

use std::path::Path;

use ringlog_nostd::format::{FILE_HEADER_LEN, FILE_MAGIC, FILE_VERSION, field};
use ringlog_nostd::internal::check_position;

use crate::event::{FileHeader, FileHeaderError, file_flags};
use crate::storage::error::{OpenError, ReadError, RecordedEnd};
use crate::storage::folder::last_run::LastRun;
use crate::storage::read::scan::segment_scan::FileScan;
use crate::storage::segment::file::{SegmentFile, SegmentInfo, open_content, read_up_to};

type HeaderBytes = [u8; FILE_HEADER_LEN];

/// How reliable the header of an opened file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HeaderState {
    /// As its writer left it.
    Good,
    /// Damaged and repaired: the fields that never change match the checksum again.
    Repaired(FileHeaderError),
    /// Damaged: only the salt is known, which the records confirm.
    Guessed(FileHeaderError),
}

/// What the folder says about a file, without reading the file.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    /// The base sequence in its name; `None` for a single file, which may have any name.
    pub(crate) named_sequence: Option<u64>,
    /// Whether it must hold a record: the next segment's name, or where the log was closed, says so.
    holds_records: bool,
    /// Whether its blocks may be those of an older segment, and hold that one's records.
    may_be_recycled: bool,
}

impl Known {
    /// Returns one for each segment of a folder, from the names and from where the log was closed.
    pub(crate) fn of_all(named: &[u64], end: Option<RecordedEnd>) -> Vec<Self> {
        // Retention takes the oldest segments first: while record 0 is there, no blocks were reused.
        let may_be_recycled = named.first().is_some_and(|&first| first > 0);
        let ends = named.iter().skip(1).copied().map(Some).chain([end.map(|end| end.sequence)]);
        let known = named.iter().zip(ends).map(|(&sequence, end)| Self {
            named_sequence: Some(sequence),
            holds_records: end.is_some_and(|end| end > sequence),
            may_be_recycled,
        });
        known.collect()
    }
}

/// A file of a log whose header was read. It is not kept open, as a log may have more files than a process may
/// open.
#[derive(Clone, Debug)]
pub(crate) struct OpenedFile {
    /// With a replacement for the header if that is damaged.
    pub(crate) info: SegmentInfo,
    pub(crate) state: HeaderState,
    /// The salt of the records' place words.
    pub(crate) salt: u32,
    /// How its writer ended, if it is not sealed.
    pub(crate) run: LastRun,
}

impl OpenedFile {
    /// Reads a good header, as any reader does. `run` is how the log's writer ended.
    pub(crate) fn good(path: &Path, run: LastRun) -> Result<Self, OpenError> {
        let SegmentFile { file, info } = SegmentFile::look_at(path)?;
        let run = if info.header.has(file_flags::SEALED) { run } else { run.for_file(&file) };
        let salt = info.header.salt();
        Ok(Self { info, state: HeaderState::Good, salt, run })
    }

    /// Reads a header, good or damaged.
    ///
    /// If the header cannot be replaced, the error says what is wrong with it.
    pub(crate) fn any(path: &Path, known: Known, run: LastRun) -> Result<Self, OpenError> {
        match Self::good(path, run) {
            Err(OpenError::Header { source, .. }) => Self::damaged(path, known, run, source),
            other => other,
        }
    }

    /// Returns a scan of the records below the offset `end` and the position `end_position`.
    pub(crate) fn scan(&self, end: u64, end_position: Option<u64>) -> Result<FileScan, OpenError> {
        let info = self.info.clone();
        let file = open_content(&info.path).map_err(|error| OpenError::io(&info.path, "open", error))?;
        // The base position of a guessed header is not known.
        let end_position = end_position.filter(|_| !matches!(self.state, HeaderState::Guessed(_)));
        let has_checksums = info.header.has(file_flags::CHECKSUMS);
        let segment = SegmentFile { file, info };
        let mut scan = if has_checksums {
            FileScan::with_salt(segment, self.salt, end)
        } else {
            FileScan::up_to(segment, end)
        };
        end_position.into_iter().for_each(|position| scan.end_at_position(position));
        Ok(scan)
    }

    /// Returns whether nothing says where its records end.
    pub(crate) fn is_end_guessed(&self) -> bool {
        let SegmentInfo { header, file_bytes, .. } = &self.info;
        let is_whole_file = header.write_offset == whole_file(*file_bytes);
        let has_no_end = header.has(file_flags::STREAM) || header.has(file_flags::SEALED);
        self.state != HeaderState::Good && is_whole_file && !has_no_end
    }

    /// Tries candidates for the header: the most certain first, the slowest last.
    fn damaged(path: &Path, known: Known, run: LastRun, fault: FileHeaderError) -> Result<Self, OpenError> {
        let named = known.named_sequence;
        let file = DamagedFile::read(path, run)?;
        let plain = with_plain_fields(file.header, file.file_bytes);
        let (repaired, guess) = (HeaderState::Repaired(fault), HeaderState::Guessed(fault));
        if let Some(header) = matching(plain, named) {
            return Ok(file.opened(header, repaired, header.salt()));
        }
        let unchecked = unchecked_header(plain);
        let guessed = guessed(unchecked, named, file.file_bytes);
        let stored = u32::from_le_bytes(get(&file.header, field::HEADER_CHECKSUM));
        for (header, state, salt) in [(unchecked, repaired, unchecked.salt()), (guessed, guess, stored)] {
            let attempt = file.opened(header, state, salt);
            if attempt.finds_records(fault)? {
                return Ok(attempt);
            }
        }
        let attempt = file.opened(guessed, guess, stored);
        let found = attempt.scan(file.file_bytes, None)?.search_salt();
        match found.map_err(|error| hopeless(error, fault))? {
            Some(salt) => Self { salt, ..attempt }.certain(known, fault),
            None => Err(OpenError::Header { path: path.into(), source: fault }),
        }
    }

    /// Refuses records that may be those of an older segment with the same blocks.
    ///
    /// The first record is always written over what was there before. So if this segment holds a record, a
    /// record at the very start is its own, and with it all others of the same salt.
    fn certain(self, known: Known, fault: FileHeaderError) -> Result<Self, OpenError> {
        if !known.may_be_recycled {
            return Ok(self);
        }
        let begins =
            || self.scan(self.info.file_bytes, None)?.begins_records().map_err(|it| hopeless(it, fault));
        if known.holds_records && begins()? {
            return Ok(self);
        }
        Err(OpenError::Uncertain { path: self.info.path, source: fault })
    }

    /// Returns whether records confirm the salt.
    fn finds_records(&self, fault: FileHeaderError) -> Result<bool, OpenError> {
        if !self.info.header.has(file_flags::CHECKSUMS) {
            return Ok(false);
        }
        let found = self.scan(self.info.file_bytes, None)?.finds_records();
        found.map_err(|error| hopeless(error, fault))
    }
}

/// Returns the error for a file with a damaged header that could not be searched.
fn hopeless(error: ReadError, fault: FileHeaderError) -> OpenError {
    match error {
        ReadError::Io { path, source, .. } => OpenError::io(&path, "read", source),
        ReadError::Shrunk { path, .. } => OpenError::Header { path, source: fault },
        other => OpenError::Recovery(Box::new(other)),
    }
}

/// A file whose header is damaged.
struct DamagedFile<'a> {
    path: &'a Path,
    file_bytes: u64,
    header: HeaderBytes,
    run: LastRun,
}

impl<'a> DamagedFile<'a> {
    fn read(path: &'a Path, run: LastRun) -> Result<Self, OpenError> {
        let file = open_content(path).map_err(|error| OpenError::io(path, "open", error))?;
        let file_bytes = file.metadata().map_err(|error| OpenError::io(path, "look up", error))?.len();
        let mut header = [0; FILE_HEADER_LEN];
        read_up_to(&file, &mut header, 0).map_err(|error| OpenError::io(path, "read", error))?;
        Ok(Self { path, file_bytes, header, run: run.for_file(&file) })
    }

    fn opened(&self, header: FileHeader, state: HeaderState, salt: u32) -> OpenedFile {
        let info = SegmentInfo { path: self.path.into(), header, file_bytes: self.file_bytes };
        OpenedFile { info, state, salt, run: self.run }
    }
}

/// Returns the header with constant fields restored, and with harmless values where offsets are invalid.
fn with_plain_fields(mut bytes: HeaderBytes, file_bytes: u64) -> HeaderBytes {
    put(&mut bytes, field::MAGIC, FILE_MAGIC);
    put(&mut bytes, field::VERSION, FILE_VERSION.to_le_bytes());
    let mut flags = u32::from_le_bytes(get(&bytes, field::FLAGS)) & file_flags::KNOWN;
    let end = whole_file(file_bytes);
    for (at, harmless) in [(field::WRITE_OFFSET, end), (field::SYNCED_OFFSET, FILE_HEADER_LEN as u64)] {
        let offset = u64::from_le_bytes(get(&bytes, at));
        if offset < FILE_HEADER_LEN as u64 || !offset.is_multiple_of(8) {
            put(&mut bytes, at, harmless.to_le_bytes());
            flags &= !(file_flags::SEALED | file_flags::CLEAN);
        }
    }
    put(&mut bytes, field::FLAGS, flags.to_le_bytes());
    bytes
}

/// Returns a header that differs in the base sequence or in one bit and matches the stored checksum.
///
/// For this few bytes, no two headers that differ in fewer than six bits have the same CRC-32C.
fn matching(plain: HeaderBytes, named: Option<u64>) -> Option<FileHeader> {
    if let Ok(header) = FileHeader::from_bytes(&plain) {
        return Some(header);
    }
    let named = named.map(|sequence| {
        let mut bytes = plain;
        put(&mut bytes, field::BASE_SEQUENCE, sequence.to_le_bytes());
        bytes
    });
    let fields = [field::CREATED_AT..field::EVENT_COUNT, field::BASE_SEQUENCE..field::HEADER_CHECKSUM];
    let flipped = fields.into_iter().flatten().flat_map(|at| (0..8).map(move |bit| (at, bit)));
    let flipped = flipped.filter_map(|(at, bit)| {
        let mut bytes = plain;
        *bytes.get_mut(at)? ^= 1 << bit;
        Some(bytes)
    });
    named.into_iter().chain(flipped).find_map(|bytes| FileHeader::from_bytes(&bytes).ok())
}

/// Returns the header as its fields are, with a checksum that matches them.
fn unchecked_header(mut plain: HeaderBytes) -> FileHeader {
    if let Err(FileHeaderError::Checksum { computed, .. }) = FileHeader::from_bytes(&plain) {
        put(&mut plain, field::HEADER_CHECKSUM, computed.to_le_bytes());
    }
    let empty = FileHeader::new(0, crate::event::ClockKind::Unspecified, true);
    FileHeader::from_bytes(&plain).unwrap_or(empty)
}

/// Returns a header of which only the salt is known: records are searched in the whole file.
fn guessed(unchecked: FileHeader, named: Option<u64>, file_bytes: u64) -> FileHeader {
    let clock = unchecked.flags & file_flags::CLOCK;
    FileHeader {
        event_count: 0,
        write_offset: whole_file(file_bytes),
        synced_offset: FILE_HEADER_LEN as u64,
        // A name may hold any number.
        base_sequence: named.and_then(check_position).unwrap_or(unchecked.base_sequence),
        flags: clock | file_flags::CHECKSUMS,
        ..unchecked
    }
}

/// Returns a `write_offset` that allows records anywhere in the file.
const fn whole_file(file_bytes: u64) -> u64 {
    let records = file_bytes.saturating_sub(FILE_HEADER_LEN as u64) / 8 * 8;
    FILE_HEADER_LEN as u64 + records
}

fn put<const N: usize>(bytes: &mut HeaderBytes, at: usize, value: [u8; N]) {
    if let Some(field) = bytes.get_mut(at..at + N) {
        field.copy_from_slice(&value);
    }
}

fn get<const N: usize>(bytes: &HeaderBytes, at: usize) -> [u8; N] {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
}
