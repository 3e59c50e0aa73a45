//! CRC-32C by the processor's own instructions.
#![forbid(unsafe_code)]

use crc_fast::{CrcAlgorithm, Digest};

/// Continues a CRC-32C with hardware support, where the processor has it: a
/// [`Crc32cAppend`](ringlog_nostd::Crc32cAppend).
///
/// Takes the checksum of what came before (0 at the start) and returns that of both, as
/// [`ringlog_nostd::crc32c_append`] does.
///
/// ```
/// use ringlog::storage::crc32c_hardware;
///
/// assert_eq!(crc32c_hardware(0, b"123456789"), 0xE306_9283);
/// assert_eq!(crc32c_hardware(crc32c_hardware(0, b"1234"), b"56789"), 0xE306_9283);
/// ```
#[must_use]
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the state of a 32-bit CRC stands in the low 32 bits")]
pub fn crc32c_hardware(crc: u32, bytes: &[u8]) -> u32 {
    // A finished checksum is the complement of the state that it was made from.
    let mut digest = Digest::new_with_init_state(CrcAlgorithm::Crc32Iscsi, u64::from(!crc));
    digest.update(bytes);
    digest.finalize() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringlog_nostd::crc32c_append;

    fn noise(len: usize) -> Vec<u8> {
        let mut state = 0x9E37_79B9_u32;
        std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(len)
        .collect()
    }

    #[test]
    fn every_length_agrees_with_the_portable_checksum() {
        let bytes = noise(70_000);
        for len in (0..=1200).chain([4095, 4096, 65_535, 65_551, 70_000]) {
            assert_eq!(crc32c_hardware(0, &bytes[..len]), crc32c_append(0, &bytes[..len]), "length {len}");
        }
    }

    #[test]
    fn every_split_and_every_start_agrees_with_the_portable_checksum() {
        let bytes = noise(600);
        let whole = crc32c_append(0, &bytes);
        for at in 0..=bytes.len() {
            let (front, back) = bytes.split_at(at);
            assert_eq!(crc32c_hardware(crc32c_hardware(0, front), back), whole, "split at {at}");
            assert_eq!(crc32c_hardware(0, back), crc32c_append(0, back), "start at {at}");
        }
    }
}
