//! The layout of the 64 bytes at the start of every log file.
//!
//! ```text
//!   0  | magic "EVTL"                  | version, u32 = 1              |
//!   8  | created_at, i64: unix nanoseconds                             |
//!  16  | event_count, u64                                    (mutable) |
//!  24  | write_offset, u64                                   (mutable) |
//!  32  | synced_offset, u64                                  (mutable) |
//!  40  | base_sequence, u64                                            |
//!  48  | base_position, u64                                            |
//!  56  | flags, u32          (mutable) | header_checksum, u32          |
//! ```
//!
//! All fields are little-endian. `header_checksum` is the CRC-32C of the parts that never change: magic, version,
//! `created_at`, `base_sequence`, `base_position` and `flags & 0xFF06`, 36 bytes in that order. It is also the salt of
//! the records' [place words](crate::format::place_word).
#![forbid(unsafe_code)]

/// Length of the header in bytes, and the offset of the first record.
pub const FILE_HEADER_LEN: usize = 64;
/// The first four bytes of a log file.
pub const FILE_MAGIC: [u8; 4] = *b"EVTL";
/// The version that this crate reads and writes.
pub const FILE_VERSION: u32 = 1;
/// The largest position and the largest sequence at which a file of a log may begin.
///
/// No file has 2^63 bytes, so positions and sequences within a file stay below 2^64. Once a header is checked, they
/// need no further checks.
pub const MAX_POSITION: u64 = 1 << 62;

/// Returns `value`, a position or a sequence of a log. Returns `None` if it is above [`MAX_POSITION`].
#[must_use]
pub const fn check_position(value: u64) -> Option<u64> {
    if value <= MAX_POSITION { Some(value) } else { None }
}

/// Byte offsets of the fields of a [`FileHeader`](crate::format::FileHeader).
pub mod field {
    /// `magic`, 4 bytes.
    pub const MAGIC: usize = 0;
    /// `version`, u32.
    pub const VERSION: usize = MAGIC + 4;
    /// `created_at`, i64.
    pub const CREATED_AT: usize = VERSION + 4;
    /// `event_count`, u64, mutable.
    pub const EVENT_COUNT: usize = CREATED_AT + 8;
    /// `write_offset`, u64, mutable.
    pub const WRITE_OFFSET: usize = EVENT_COUNT + 8;
    /// `synced_offset`, u64, mutable.
    pub const SYNCED_OFFSET: usize = WRITE_OFFSET + 8;
    /// `base_sequence`, u64.
    pub const BASE_SEQUENCE: usize = SYNCED_OFFSET + 8;
    /// `base_position`, u64.
    pub const BASE_POSITION: usize = BASE_SEQUENCE + 8;
    /// `flags`, u32, bits 0 and 3 mutable.
    pub const FLAGS: usize = BASE_POSITION + 8;
    /// `header_checksum`, u32.
    pub const HEADER_CHECKSUM: usize = FLAGS + 4;
}
const _: () = assert!(field::HEADER_CHECKSUM + 4 == FILE_HEADER_LEN);

/// The bits of [`FileHeader::flags`](crate::format::FileHeader::flags).
pub mod file_flags {
    /// Bit 0: sealed, and synced to the end.
    pub const CLEAN: u32 = 1 << 0;
    /// Bit 1: every record carries a checksum.
    pub const CHECKSUMS: u32 = 1 << 1;
    /// Bit 2: a stream, written to something that cannot seek. Offsets and counts in the header mean nothing.
    pub const STREAM: u32 = 1 << 2;
    /// Bit 3: complete. `write_offset` and `event_count` are final.
    pub const SEALED: u32 = 1 << 3;
    /// Bits 8 to 15: the [`ClockKind`](crate::ClockKind).
    pub const CLOCK: u32 = 0xFF << CLOCK_SHIFT;
    /// The lowest bit of the clock.
    pub const CLOCK_SHIFT: u32 = 8;
    /// The bits that the header's checksum covers.
    pub const IMMUTABLE: u32 = CLOCK | CHECKSUMS | STREAM;
    /// Every bit that has a meaning.
    pub const KNOWN: u32 = IMMUTABLE | CLEAN | SEALED;
}
