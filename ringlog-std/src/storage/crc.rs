//! CRC-32C by the processor's own instructions.
//!
//! Unsafe because the instruction for short pieces is not part of every processor of the architecture. A library
//! does the long ones, by folding; for a record of some ten bytes its call alone costs more than the checksum.

use crc_fast::{CrcAlgorithm, Digest};
use ringlog_nostd::HEADER_LEN;

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
pub fn crc32c_hardware(crc: u32, bytes: &[u8]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if bytes.len() <= SHORT_BYTES && is_x86_feature_detected!("sse4.2") {
        // SAFETY: the processor has SSE 4.2.
        return unsafe { append_short(crc, bytes) };
    }
    append_long(crc, bytes)
}

/// The checksum of a record: of its header, which holds the place word, and its payload.
#[inline]
pub(super) fn record_crc(header: &[u8; HEADER_LEN], payload: &[u8]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if payload.len() <= SHORT_BYTES && is_x86_feature_detected!("sse4.2") {
        // SAFETY: the processor has SSE 4.2.
        return unsafe { append_both(header, payload) };
    }
    crc32c_hardware(crc32c_hardware(0, header), payload)
}

/// Up to here the instruction is faster than folding. It takes 8 bytes in 3 cycles.
#[cfg(target_arch = "x86_64")]
const SHORT_BYTES: usize = 1040;

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2")]
fn append_both(header: &[u8; HEADER_LEN], payload: &[u8]) -> u32 {
    append_short(append_short(0, header), payload)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2")]
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the instruction leaves its result in the low 32 bits")]
fn append_short(crc: u32, bytes: &[u8]) -> u32 {
    use std::arch::x86_64::{_mm_crc32_u8, _mm_crc32_u32, _mm_crc32_u64};
    let (words, rest) = bytes.as_chunks::<8>();
    let state =
        words.iter().fold(u64::from(!crc), |state, word| _mm_crc32_u64(state, u64::from_le_bytes(*word)));
    let (words, rest) = rest.as_chunks::<4>();
    let state =
        words.iter().fold(state as u32, |state, word| _mm_crc32_u32(state, u32::from_le_bytes(*word)));
    !rest.iter().fold(state, |state, byte| _mm_crc32_u8(state, *byte))
}

#[expect(clippy::cast_possible_truncation, reason = "the state of a 32-bit CRC stands in the low 32 bits")]
fn append_long(crc: u32, bytes: &[u8]) -> u32 {
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
