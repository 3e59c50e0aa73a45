//! What can be wrong with the header of a log file.
#![forbid(unsafe_code)]

use crate::format::file_fields::{FILE_VERSION, field};

/// Why 64 bytes are not the header of a log file that this version reads.
///
/// ```
/// use ringlog_nostd::format::{FileHeader, FileHeaderError};
///
/// match FileHeader::from_bytes(&[0; 64]) {
///     Err(FileHeaderError::Magic { found }) => assert_eq!(found, [0; 4]),
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum FileHeaderError {
    /// The first four bytes are not `EVTL`: another kind of file.
    Magic {
        /// The bytes found.
        found: [u8; 4],
    },
    /// This crate does not read the file's version.
    Version {
        /// The version found.
        found: u32,
    },
    /// The part that never changes does not match its checksum.
    Checksum {
        /// The checksum in the file.
        stored: u32,
        /// The checksum of the bytes.
        computed: u32,
    },
    /// A flag bit without a meaning is set.
    Flags {
        /// The flags found.
        found: u32,
    },
    /// The file begins at a sequence or a position above [`MAX_POSITION`](crate::format::MAX_POSITION), which no log reaches.
    Limit {
        /// Name of the field.
        name: &'static str,
        /// Byte offset of the field in the header.
        offset: usize,
        /// The value found.
        found: u64,
    },
    /// The file begins at a position that is no multiple of 8. Every record's position is one.
    Position {
        /// The position found.
        found: u64,
    },
    /// An offset is inside the header or no multiple of 8.
    Offset {
        /// Name of the field.
        name: &'static str,
        /// The offset found.
        found: u64,
    },
}

impl core::fmt::Display for FileHeaderError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Magic { found } => {
                write!(f, "not a ringlog file: it starts with {found:02x?}, not \"EVTL\"")
            }
            Self::Version { found } => {
                write!(f, "file format version {found}, this program reads version {FILE_VERSION}")
            }
            Self::Checksum { stored, computed } => {
                write!(f, "damaged file header: checksum {stored:#010x} stored, {computed:#010x} computed")
            }
            Self::Flags { found } => write!(f, "damaged file header: unknown flag bits in {found:#x}"),
            Self::Limit { name, offset, found } => {
                write!(
                    f,
                    "bad file header: at offset {offset} {name} is {found}, more than 2^62, which no log reaches"
                )
            }
            Self::Position { found } => {
                let offset = field::BASE_POSITION;
                write!(f, "bad file header: at offset {offset} base_position is {found}, no multiple of 8")
            }
            Self::Offset { name, found } => write!(f, "damaged file header: {name} is {found}"),
        }
    }
}

impl core::error::Error for FileHeaderError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_says_what_was_found() {
        extern crate std;
        use std::string::ToString;
        for (error, part) in [
            (FileHeaderError::Magic { found: *b"ELF\x7F" }, "[45, 4c, 46, 7f]"),
            (FileHeaderError::Version { found: 2 }, "version 2"),
            (FileHeaderError::Checksum { stored: 0xAB, computed: 5 }, "0x000000ab stored"),
            (FileHeaderError::Flags { found: 0x8001 }, "0x8001"),
            (FileHeaderError::Offset { name: "write_offset", found: 65 }, "write_offset is 65"),
        ] {
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
