//! Opening a log file whatever its header is, as long as its records can be told from other bytes.

#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::path::Path;

use ringlog_nostd::{FILE_HEADER_LEN, FILE_MAGIC, FILE_VERSION, field};

use super::error::{OpenError, ReadError};
use super::scan::FileScan;
use super::segment::SegmentInfo;
use super::segment_file::{SegmentFile, read_up_to};
use crate::event::{FileHeader, FileHeaderError, file_flags};

type HeaderBytes = [u8; FILE_HEADER_LEN];

/// How far the header of an opened file can be relied on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum HeaderState {
    /// As its writer left it.
    Good,
    /// Damaged, and put right: what never changes in it matches its checksum again.
    Repaired(FileHeaderError),
    /// Damaged; nothing of it is known but the salt, which the records confirm.
    Guessed(FileHeaderError),
}

/// A file of a log, opened.
#[derive(Debug)]
pub(super) struct Opened {
    /// With a header that stands for the damaged one, if it is damaged.
    pub(super) segment: SegmentFile,
    pub(super) state: HeaderState,
    /// What the records' place words are made with.
    pub(super) salt: u32,
}

impl Opened {
    /// Opens a file with a good header, as any reader does.
    pub(super) fn good(path: &Path) -> Result<Self, OpenError> {
        let segment = SegmentFile::open(path)?;
        let salt = segment.info.header.salt();
        Ok(Self { segment, state: HeaderState::Good, salt })
    }

    /// Opens a file with any header; `named_sequence` is the base sequence that its name says.
    ///
    /// Where nothing can be made of the header, the error is what is wrong with it.
    pub(super) fn any(path: &Path, named_sequence: Option<u64>) -> Result<Self, OpenError> {
        match Self::good(path) {
            Err(OpenError::Header { source, .. }) => Self::damaged(path, named_sequence, source),
            other => other,
        }
    }

    /// The same file, for another scan.
    pub(super) fn again(&self) -> Result<Self, OpenError> {
        let SegmentFile { file, info } = &self.segment;
        let file = file.try_clone().map_err(|error| io_error(&info.path, "open", error))?;
        let segment = SegmentFile { file, info: info.clone() };
        Ok(Self { segment, state: self.state, salt: self.salt })
    }

    /// A scan of its records up to `end`, and of those below the position `end_position`.
    pub(super) fn scan(self, end: u64, end_position: Option<u64>) -> FileScan {
        // The base position of a guessed header is as good as none.
        let end_position = end_position.filter(|_| !matches!(self.state, HeaderState::Guessed(_)));
        let mut scan = if self.segment.info.header.has(file_flags::CHECKSUMS) {
            FileScan::with_salt(self.segment, self.salt, end)
        } else {
            FileScan::up_to(self.segment, end)
        };
        end_position.into_iter().for_each(|position| scan.end_at_position(position));
        scan
    }

    /// Whether nothing tells where its records end.
    pub(super) fn is_end_guessed(&self) -> bool {
        let SegmentInfo { header, file_bytes, .. } = &self.segment.info;
        let is_whole_file = header.write_offset == whole_file(*file_bytes);
        let has_no_end = header.has(file_flags::STREAM) || header.has(file_flags::SEALED);
        self.state != HeaderState::Good && is_whole_file && !has_no_end
    }

    /// Tries what the header may have been, from what is most certain to what takes longest.
    fn damaged(path: &Path, named: Option<u64>, fault: FileHeaderError) -> Result<Self, OpenError> {
        let hopeless = |error: ReadError| match error {
            ReadError::Io { path, source, .. } => io_error(&path, "read", source),
            _ => OpenError::Header { path: path.into(), source: fault },
        };
        let file = DamagedFile::read(path)?;
        let plain = with_plain_fields(file.header, file.file_bytes);
        let (repaired, guess) = (HeaderState::Repaired(fault), HeaderState::Guessed(fault));
        if let Some(header) = matching(plain, named) {
            return file.opened(header, repaired, header.salt());
        }
        let stands = as_they_stand(plain);
        let guessed = guessed(stands, named, file.file_bytes);
        let stored = u32::from_le_bytes(get(&file.header, field::HEADER_CHECKSUM));
        for (header, state, salt) in [(stands, repaired, stands.salt()), (guessed, guess, stored)] {
            let attempt = file.opened(header, state, salt)?;
            if header.has(file_flags::CHECKSUMS)
                && attempt.scan(file.file_bytes, None).finds_records().map_err(hopeless)?
            {
                return file.opened(header, state, salt);
            }
        }
        let mut scan = file.opened(guessed, guess, stored)?.scan(file.file_bytes, None);
        match scan.search_salt().map_err(hopeless)? {
            Some(salt) => file.opened(guessed, guess, salt),
            None => Err(OpenError::Header { path: path.into(), source: fault }),
        }
    }
}

/// A file whose header is damaged.
struct DamagedFile<'a> {
    path: &'a Path,
    file: File,
    file_bytes: u64,
    header: HeaderBytes,
}

impl<'a> DamagedFile<'a> {
    fn read(path: &'a Path) -> Result<Self, OpenError> {
        let file = File::open(path).map_err(|error| io_error(path, "open", error))?;
        let file_bytes = file.metadata().map_err(|error| io_error(path, "look up", error))?.len();
        let mut header = [0; FILE_HEADER_LEN];
        read_up_to(&file, &mut header, 0).map_err(|error| io_error(path, "read", error))?;
        Ok(Self { path, file, file_bytes, header })
    }

    fn opened(&self, header: FileHeader, state: HeaderState, salt: u32) -> Result<Opened, OpenError> {
        let file = self.file.try_clone().map_err(|error| io_error(self.path, "open", error))?;
        let info = SegmentInfo { path: self.path.into(), header, file_bytes: self.file_bytes };
        Ok(Opened { segment: SegmentFile { file, info }, state, salt })
    }
}

fn io_error(path: &Path, action: &'static str, source: io::Error) -> OpenError {
    OpenError::Io { path: path.into(), action, source }
}

/// The header with the fields that can only have one value, or that have one which does no harm.
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

/// A header that differs in the base sequence or in one bit and matches the checksum that is stored.
///
/// Over so few bytes, no two headers that differ in fewer than six bits have the same CRC-32C.
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

/// The header as its fields say, whatever checksum is stored.
fn as_they_stand(mut plain: HeaderBytes) -> FileHeader {
    if let Err(FileHeaderError::Checksum { computed, .. }) = FileHeader::from_bytes(&plain) {
        put(&mut plain, field::HEADER_CHECKSUM, computed.to_le_bytes());
    }
    let empty = FileHeader::new(0, crate::event::ClockKind::Unspecified, true);
    FileHeader::from_bytes(&plain).unwrap_or(empty)
}

/// A header of which only the salt is known: records are looked for in the whole file.
fn guessed(stands: FileHeader, named: Option<u64>, file_bytes: u64) -> FileHeader {
    let clock = stands.flags & file_flags::CLOCK;
    FileHeader {
        event_count: 0,
        write_offset: whole_file(file_bytes),
        synced_offset: FILE_HEADER_LEN as u64,
        base_sequence: named.unwrap_or(stands.base_sequence),
        flags: clock | file_flags::CHECKSUMS,
        ..stands
    }
}

/// A `write_offset` with which records may stand anywhere in the file.
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
