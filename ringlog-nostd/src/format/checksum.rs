//! CRC-32C (Castagnoli, as in iSCSI, [RFC 3720 appendix B.4](https://www.rfc-editor.org/rfc/rfc3720#appendix-B.4))
//! and the *place word* that binds a record to its place.
//!
//! While a record's checksum is computed, its checksum field holds the place word, which mixes the salt of its file (or
//! ring) with its offset. A whole record at any other place, such as one left over from a file's former life or moved
//! by a disk, therefore fails its check.
#![forbid(unsafe_code)]

use crate::format::header::{EventHeader, HEADER_LEN};

#[cfg(feature = "crc-table-16k")]
type Tables = crc::Table<16>;
#[cfg(all(feature = "crc-table-1k", not(feature = "crc-table-16k")))]
type Tables = crc::Table<1>;
#[cfg(not(any(feature = "crc-table-1k", feature = "crc-table-16k")))]
type Tables = crc::NoTable;

static CRC32C: crc::Crc<u32, Tables> = crc::Crc::<u32, Tables>::new(&crc::CRC_32_ISCSI);

/// Continues a CRC-32C in software, with the table that the crate's features choose.
///
/// `crc` is the checksum of the bytes before, 0 at the start. The result is that of both.
///
/// ```
/// use ringlog_nostd::format::crc32c_append;
///
/// assert_eq!(crc32c_append(0, b"123456789"), 0xE306_9283);
/// assert_eq!(crc32c_append(crc32c_append(0, b"1234"), b"56789"), 0xE306_9283);
/// ```
#[must_use]
pub fn crc32c_append(crc: u32, bytes: &[u8]) -> u32 {
    // The register holds the complement, bit-reversed with respect to the `initial` that is asked for.
    let mut digest = CRC32C.digest_with_initial((!crc).reverse_bits());
    digest.update(bytes);
    digest.finalize()
}

/// Returns the word that the checksum field holds while the checksum is computed.
///
/// `salt` is that of the file or ring. `offset` is the record's byte offset in its file, or its position in its ring.
///
/// ```
/// use ringlog_nostd::format::place_word;
///
/// assert_ne!(place_word(7, 64), place_word(7, 72));
/// assert_ne!(place_word(7, 64), place_word(8, 64));
/// ```
#[must_use]
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the low 32 bits are what the format asks for")]
pub const fn place_word(salt: u32, offset: u64) -> u32 {
    salt ^ (offset / 8) as u32
}

/// Computes the checksum that a record with this header and payload has at the place whose word is `place`.
///
/// The header's flags must be the stored ones. Its checksum field is ignored.
#[must_use]
#[inline]
pub fn record_checksum(crc: fn(u32, &[u8]) -> u32, header: &EventHeader, payload: &[u8], place: u32) -> u32 {
    let placed = EventHeader { checksum: place, ..*header };
    let bytes: [u8; HEADER_LEN] = placed.to_bytes();
    crc(crc(0, &bytes), payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_value_and_vectors_of_rfc_3720() {
        assert_eq!(crc32c_append(0, &[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c_append(0, &[0xFF; 32]), 0x62A8_AB43);
        assert_eq!(crc32c_append(0, b""), 0);
    }

    #[test]
    fn any_split_gives_the_same_checksum() {
        let bytes = *b"a run of bytes that is split everywhere";
        let whole = crc32c_append(0, &bytes);
        for at in 0..=bytes.len() {
            assert_eq!(crc32c_append(crc32c_append(0, &bytes[..at]), &bytes[at..]), whole);
        }
    }

    #[test]
    fn the_place_is_part_of_the_checksum() {
        let header = EventHeader::new(1, 2, 3);
        let here = record_checksum(crc32c_append, &header, b"abc", place_word(7, 64));
        assert_ne!(here, record_checksum(crc32c_append, &header, b"abc", place_word(7, 72)));
        assert_ne!(here, record_checksum(crc32c_append, &header, b"abc", place_word(8, 64)));
    }
}
