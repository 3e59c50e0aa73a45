//! What can be wrong with the bytes of a record.
#![forbid(unsafe_code)]

use crate::error::Bytes;

/// Why bytes are not a valid record.
///
/// ```
/// use ringlog_nostd::format::{Checksums, RecordErrorKind, decode};
///
/// match decode(&[0; 24], 0, Checksums::Ignore) {
///     Err(RecordErrorKind::NotCommitted) => { /* nothing was written here */ }
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RecordErrorKind {
    /// Fewer bytes are left than the record needs.
    Truncated {
        /// Length of the record, or of a header if not even that is whole, in bytes.
        needed: usize,
        /// Bytes that are left.
        available: usize,
    },
    /// The committed bit is not set: nothing was written here, or it was erased.
    NotCommitted,
    /// A META record is not at the start of a segment, or came through a ring.
    MisplacedMeta,
    /// The flag bits of a META record and of a GAP record are both set.
    MetaAndGap,
    /// The padding is not zero.
    Padding,
    /// The payload of a GAP record is not 16 bytes long.
    GapLength {
        /// Its length in bytes.
        found: u16,
    },
    /// The record carries no checksum, although all records of the file must.
    ChecksumMissing,
    /// The record carries a checksum, although no record of the file may.
    ChecksumUnexpected,
    /// The checksum is not that of these bytes at this place.
    Checksum {
        /// The checksum in the record.
        stored: u32,
        /// The checksum of the bytes.
        computed: u32,
    },
}

impl core::fmt::Display for RecordErrorKind {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Truncated { needed, available } => {
                write!(f, "record of {needed} bytes cut short, {} left", Bytes(*available))
            }
            Self::NotCommitted => f.write_str("no committed record here"),
            Self::MisplacedMeta => f.write_str("a META record, which only the start of a segment may have"),
            Self::MetaAndGap => f.write_str("flag bits of META and GAP both set"),
            Self::Padding => f.write_str("padding is not zero"),
            Self::GapLength { found } => {
                write!(f, "GAP record with a payload of {}", Bytes(usize::from(*found)))
            }
            Self::ChecksumMissing => f.write_str("record without a checksum in a file with checksums"),
            Self::ChecksumUnexpected => f.write_str("record with a checksum in a file without"),
            Self::Checksum { stored, computed } => {
                write!(f, "checksum {stored:#010x} stored, {computed:#010x} computed")
            }
        }
    }
}

/// A record that could not be read, and its place.
///
/// ```
/// use ringlog_nostd::EventHeader;
/// use ringlog_nostd::format::{Checksums, RecordErrorKind, Records, encode};
///
/// let mut bytes = [0; 48];
/// encode(&mut bytes, &EventHeader::new(1, 7, 3), b"abc").unwrap();
/// let error = Records::new(&bytes, Checksums::Absent).last().unwrap().unwrap_err();
/// assert_eq!((error.offset, error.sequence), (24, 1));
/// assert!(matches!(error.kind, RecordErrorKind::NotCommitted));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RecordError {
    /// Start of the record, as [`Event::offset`](crate::format::Event::offset).
    pub offset: u64,
    /// Sequence of the record, as [`Event::sequence`](crate::format::Event::sequence).
    pub sequence: u64,
    /// What is wrong with it.
    pub kind: RecordErrorKind,
}

impl core::fmt::Display for RecordError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "record {} at offset {}: {}", self.sequence, self.offset, self.kind)
    }
}

impl core::error::Error for RecordError {}
