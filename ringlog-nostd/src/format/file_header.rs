//! The header of a log file, made, read and checked. Its layout is in `file_fields.rs`.
#![forbid(unsafe_code)]

use crate::format::checksum::crc32c_append;
use crate::format::file_fields::{
    FILE_HEADER_LEN, FILE_MAGIC, FILE_VERSION, check_position, field, file_flags,
};
use crate::format::file_header_error::FileHeaderError;

/// What the timestamps of a file's events count.
///
/// ```
/// use ringlog_nostd::ClockKind;
/// use ringlog_nostd::format::FileHeader;
///
/// let header = FileHeader::new(0, ClockKind::MonotonicNanos, true);
/// assert_eq!(header.clock(), ClockKind::MonotonicNanos);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ClockKind {
    /// The writer did not say.
    #[default]
    Unspecified,
    /// Nanoseconds since 1970-01-01 00:00 UTC.
    UnixNanos,
    /// Nanoseconds since an arbitrary moment, such as the machine's start.
    MonotonicNanos,
    /// Ticks of a counter. The file does not record their rate.
    Ticks,
    /// A value that this version does not know.
    Other(u8),
}

impl ClockKind {
    /// Returns the byte that a file stores for the clock.
    ///
    /// ```
    /// use ringlog_nostd::ClockKind;
    ///
    /// assert_eq!(ClockKind::UnixNanos.code(), 1);
    /// ```
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Unspecified => 0,
            Self::UnixNanos => 1,
            Self::MonotonicNanos => 2,
            Self::Ticks => 3,
            Self::Other(code) => code,
        }
    }

    /// Returns the clock of a stored byte: the inverse of [`code`](Self::code).
    ///
    /// ```
    /// use ringlog_nostd::ClockKind;
    ///
    /// assert_eq!(ClockKind::from_code(3), ClockKind::Ticks);
    /// assert_eq!(ClockKind::from_code(77), ClockKind::Other(77));
    /// ```
    #[must_use]
    pub const fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Unspecified,
            1 => Self::UnixNanos,
            2 => Self::MonotonicNanos,
            3 => Self::Ticks,
            other => Self::Other(other),
        }
    }
}

/// The fields of a log file's header.
///
/// ```
/// use ringlog_nostd::ClockKind;
/// use ringlog_nostd::format::FileHeader;
///
/// let header = FileHeader::new(1_700_000_000_000_000_000, ClockKind::UnixNanos, true);
/// let bytes = header.to_bytes();
/// assert_eq!(&bytes[..4], b"EVTL");
/// assert_eq!(FileHeader::from_bytes(&bytes), Ok(header));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FileHeader {
    /// When the file was created, in unix nanoseconds. Firmware without a calendar stores a counter of its starts.
    pub created_at: i64,
    /// Number of records in the file, GAP records included. Exact once the file is sealed; may be stale before.
    pub event_count: u64,
    /// Byte offset of the next record: all bytes below are published.
    pub write_offset: u64,
    /// The watermark, a byte offset: all bytes below are on stable storage.
    pub synced_offset: u64,
    /// Sequence in the log of the file's first record.
    pub base_sequence: u64,
    /// Position in the log of the file's first record, in bytes.
    pub base_position: u64,
    /// The bits of [`file_flags`].
    pub flags: u32,
}

impl FileHeader {
    /// Returns the header of an empty file that starts a log. `created_at` is in unix nanoseconds.
    ///
    /// ```
    /// use ringlog_nostd::ClockKind;
    /// use ringlog_nostd::format::{FILE_HEADER_LEN, FileHeader};
    ///
    /// let header = FileHeader::new(1_700_000_000_000_000_000, ClockKind::UnixNanos, true);
    /// assert_eq!((header.write_offset, header.event_count), (FILE_HEADER_LEN as u64, 0));
    /// ```
    #[must_use]
    pub const fn new(created_at: i64, clock: ClockKind, checksums: bool) -> Self {
        let clock = (clock.code() as u32) << file_flags::CLOCK_SHIFT;
        Self {
            created_at,
            event_count: 0,
            write_offset: FILE_HEADER_LEN as u64,
            synced_offset: FILE_HEADER_LEN as u64,
            base_sequence: 0,
            base_position: 0,
            flags: clock | if checksums { file_flags::CHECKSUMS } else { 0 },
        }
    }

    /// Returns whether every bit of `mask`, of [`file_flags`], is set.
    ///
    /// ```
    /// use ringlog_nostd::ClockKind;
    /// use ringlog_nostd::format::{FileHeader, file_flags};
    ///
    /// let header = FileHeader::new(0, ClockKind::Ticks, true);
    /// assert!(header.has(file_flags::CHECKSUMS) && !header.has(file_flags::SEALED));
    /// ```
    #[must_use]
    pub const fn has(&self, mask: u32) -> bool {
        self.flags & mask == mask
    }

    /// Returns the clock that the events' timestamps were read from.
    ///
    /// ```
    /// use ringlog_nostd::ClockKind;
    /// use ringlog_nostd::format::FileHeader;
    ///
    /// assert_eq!(FileHeader::new(0, ClockKind::Ticks, true).clock(), ClockKind::Ticks);
    /// ```
    #[must_use]
    pub const fn clock(&self) -> ClockKind {
        ClockKind::from_code((self.flags >> file_flags::CLOCK_SHIFT) as u8)
    }

    /// Computes the header's checksum, which is also the salt of the records' place words.
    ///
    /// ```
    /// use ringlog_nostd::ClockKind;
    /// use ringlog_nostd::format::FileHeader;
    ///
    /// let header = FileHeader::new(0, ClockKind::Ticks, true);
    /// let later = FileHeader { event_count: 9, write_offset: 256, ..header };
    /// assert_eq!(header.salt(), later.salt());
    /// assert_ne!(header.salt(), FileHeader { created_at: 1, ..header }.salt());
    /// ```
    #[must_use]
    pub fn salt(&self) -> u32 {
        let mut covered = [0; 36];
        covered[..4].copy_from_slice(&FILE_MAGIC);
        covered[4..8].copy_from_slice(&FILE_VERSION.to_le_bytes());
        covered[8..16].copy_from_slice(&self.created_at.to_le_bytes());
        covered[16..24].copy_from_slice(&self.base_sequence.to_le_bytes());
        covered[24..32].copy_from_slice(&self.base_position.to_le_bytes());
        covered[32..].copy_from_slice(&(self.flags & file_flags::IMMUTABLE).to_le_bytes());
        crc32c_append(0, &covered)
    }

    /// Returns the header's bytes, checksum included.
    ///
    /// ```
    /// use ringlog_nostd::ClockKind;
    /// use ringlog_nostd::format::FileHeader;
    ///
    /// assert_eq!(FileHeader::new(0, ClockKind::Ticks, true).to_bytes()[..4], *b"EVTL");
    /// ```
    #[must_use]
    pub fn to_bytes(&self) -> [u8; FILE_HEADER_LEN] {
        let mut bytes = [0; FILE_HEADER_LEN];
        put(&mut bytes, field::MAGIC, FILE_MAGIC);
        put(&mut bytes, field::VERSION, FILE_VERSION.to_le_bytes());
        put(&mut bytes, field::CREATED_AT, self.created_at.to_le_bytes());
        put(&mut bytes, field::EVENT_COUNT, self.event_count.to_le_bytes());
        put(&mut bytes, field::WRITE_OFFSET, self.write_offset.to_le_bytes());
        put(&mut bytes, field::SYNCED_OFFSET, self.synced_offset.to_le_bytes());
        put(&mut bytes, field::BASE_SEQUENCE, self.base_sequence.to_le_bytes());
        put(&mut bytes, field::BASE_POSITION, self.base_position.to_le_bytes());
        put(&mut bytes, field::FLAGS, self.flags.to_le_bytes());
        put(&mut bytes, field::HEADER_CHECKSUM, self.salt().to_le_bytes());
        bytes
    }

    /// Reads and checks a header.
    ///
    /// # Errors
    ///
    /// [`FileHeaderError`] names the field that no log file of this version holds. The caller has to check the offsets
    /// against the file's length.
    ///
    /// ```
    /// use ringlog_nostd::ClockKind;
    /// use ringlog_nostd::format::{FileHeader, FileHeaderError};
    ///
    /// let header = FileHeader::new(0, ClockKind::Ticks, true);
    /// let mut bytes = header.to_bytes();
    /// assert_eq!(FileHeader::from_bytes(&bytes), Ok(header));
    /// bytes[0] = b'?';
    /// assert_eq!(FileHeader::from_bytes(&bytes), Err(FileHeaderError::Magic { found: *b"?VTL" }));
    /// ```
    pub fn from_bytes(bytes: &[u8; FILE_HEADER_LEN]) -> Result<Self, FileHeaderError> {
        let magic: [u8; 4] = get(bytes, field::MAGIC);
        if magic != FILE_MAGIC {
            return Err(FileHeaderError::Magic { found: magic });
        }
        let version = u32::from_le_bytes(get(bytes, field::VERSION));
        if version != FILE_VERSION {
            return Err(FileHeaderError::Version { found: version });
        }
        let header = Self::from_bytes_unchecked(bytes);
        let stored = u32::from_le_bytes(get(bytes, field::HEADER_CHECKSUM));
        let computed = header.salt();
        if stored != computed {
            return Err(FileHeaderError::Checksum { stored, computed });
        }
        header.check_base()?.check_mutable()
    }

    fn from_bytes_unchecked(bytes: &[u8; FILE_HEADER_LEN]) -> Self {
        Self {
            created_at: i64::from_le_bytes(get(bytes, field::CREATED_AT)),
            event_count: u64::from_le_bytes(get(bytes, field::EVENT_COUNT)),
            write_offset: u64::from_le_bytes(get(bytes, field::WRITE_OFFSET)),
            synced_offset: u64::from_le_bytes(get(bytes, field::SYNCED_OFFSET)),
            base_sequence: u64::from_le_bytes(get(bytes, field::BASE_SEQUENCE)),
            base_position: u64::from_le_bytes(get(bytes, field::BASE_POSITION)),
            flags: u32::from_le_bytes(get(bytes, field::FLAGS)),
        }
    }

    /// Checks the bases, because a right checksum proves nothing about them: anyone who writes a file can compute it.
    /// A sequence is any number up to the limit. A position is a multiple of 8, as records are.
    fn check_base(self) -> Result<Self, FileHeaderError> {
        let bases = [
            ("base_sequence", field::BASE_SEQUENCE, self.base_sequence),
            ("base_position", field::BASE_POSITION, self.base_position),
        ];
        for (name, offset, found) in bases {
            if check_position(found).is_none() {
                return Err(FileHeaderError::Limit { name, offset, found });
            }
        }
        match self.base_position {
            found if found % 8 != 0 => Err(FileHeaderError::Position { found }),
            _ => Ok(self),
        }
    }

    /// Checks the fields that the checksum does not cover.
    fn check_mutable(self) -> Result<Self, FileHeaderError> {
        let Self { flags, write_offset, synced_offset, .. } = self;
        if flags & !file_flags::KNOWN != 0 {
            return Err(FileHeaderError::Flags { found: flags });
        }
        for (name, found) in [("write_offset", write_offset), ("synced_offset", synced_offset)] {
            if found < FILE_HEADER_LEN as u64 || found % 8 != 0 {
                return Err(FileHeaderError::Offset { name, found });
            }
        }
        Ok(self)
    }
}

fn put<const N: usize>(bytes: &mut [u8; FILE_HEADER_LEN], at: usize, value: [u8; N]) {
    bytes[at..at + N].copy_from_slice(&value);
}

fn get<const N: usize>(bytes: &[u8; FILE_HEADER_LEN], at: usize) -> [u8; N] {
    let mut value = [0; N];
    value.copy_from_slice(&bytes[at..at + N]);
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::file_fields::MAX_POSITION;

    fn sample() -> FileHeader {
        let mut header = FileHeader::new(-5, ClockKind::MonotonicNanos, true);
        header.event_count = 3;
        header.write_offset = 128;
        header.base_sequence = 0x1122;
        header.base_position = 0x3344_5568;
        header.flags |= file_flags::SEALED;
        header
    }

    #[test]
    fn round_trip_and_fixed_bytes() {
        let bytes = sample().to_bytes();
        assert_eq!(bytes[..8], *b"EVTL\x01\0\0\0");
        assert_eq!(bytes[40..48], [0x22, 0x11, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[56..60], [0b1010, 2, 0, 0]);
        assert_eq!(FileHeader::from_bytes(&bytes), Ok(sample()));
    }

    #[test]
    fn each_flag_is_its_documented_bit() {
        use file_flags::{CHECKSUMS, CLEAN, CLOCK, SEALED, STREAM};
        assert_eq!([CLEAN, CHECKSUMS, STREAM, SEALED, CLOCK], [1, 2, 4, 8, 0xFF00]);
    }

    #[test]
    fn a_header_has_what_all_bits_of_say() {
        let header = sample();
        assert!(header.has(file_flags::SEALED) && header.has(file_flags::SEALED | file_flags::CHECKSUMS));
        assert!(!header.has(file_flags::CLEAN) && !header.has(file_flags::SEALED | file_flags::CLEAN));
    }

    #[test]
    fn every_flipped_bit_of_the_immutable_part_is_noticed() {
        let bytes = sample().to_bytes();
        for bit in 0..FILE_HEADER_LEN * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            let mutable = (field::EVENT_COUNT * 8..field::BASE_SEQUENCE * 8).contains(&bit)
                || [field::FLAGS * 8, field::FLAGS * 8 + 3].contains(&bit);
            assert!(mutable || FileHeader::from_bytes(&damaged).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn offsets_inside_the_header_or_off_the_grid_are_refused() {
        for bad in [0, 56, 65, u64::MAX] {
            let mut header = sample();
            header.write_offset = bad;
            let found = FileHeader::from_bytes(&header.to_bytes());
            assert_eq!(found, Err(FileHeaderError::Offset { name: "write_offset", found: bad }));
        }
    }

    #[test]
    fn a_file_begins_at_2_to_the_62_at_most() {
        for (name, offset) in [("base_sequence", 40), ("base_position", 48)] {
            for found in [MAX_POSITION, MAX_POSITION + 1, u64::MAX] {
                let mut header = sample();
                *(if offset == 40 { &mut header.base_sequence } else { &mut header.base_position }) = found;
                let expected = match found {
                    MAX_POSITION => Ok(header),
                    _ => Err(FileHeaderError::Limit { name, offset, found }),
                };
                assert_eq!(FileHeader::from_bytes(&header.to_bytes()), expected);
            }
        }
    }

    #[test]
    fn clock_codes_round_trip() {
        for code in 0..=u8::MAX {
            assert_eq!(ClockKind::from_code(code).code(), code);
        }
    }
    #[test]
    fn the_salt_is_that_of_what_never_changes() {
        let header = sample();
        let later = FileHeader {
            event_count: 9,
            write_offset: 256,
            synced_offset: 128,
            flags: file_flags::CLEAN | header.flags & !file_flags::SEALED,
            ..header
        };
        assert_eq!(later.salt(), header.salt());
        let others = [
            FileHeader { created_at: -6, ..header },
            FileHeader { base_sequence: 1, ..header },
            FileHeader { base_position: 0, ..header },
            FileHeader { flags: header.flags ^ file_flags::CHECKSUMS, ..header },
        ];
        assert!(others.iter().all(|other| other.salt() != header.salt()));
    }
}
