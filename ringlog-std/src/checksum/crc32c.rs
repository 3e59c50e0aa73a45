//! CRC-32C by the processor's instructions.
//!
//! Unsafe because not every processor of the architecture has the instruction for short pieces. A library handles
//! long pieces, by folding. For a record of some ten bytes the library's call alone costs more than the checksum.

use crc_fast::{CrcAlgorithm, Digest};
use ringlog_nostd::EventHeader;
use ringlog_nostd::format::{Checksums, Event, HEADER_LEN, decode, place_word};

use crate::checksum::record_slice::{Decoded, RecordSlice};

/// Continues a CRC-32C with hardware support, where the processor has it.
///
/// Takes the checksum of what came before (0 at the start) and returns that of both, as
/// [`ringlog_nostd::format::crc32c_append`] does.
#[must_use]
#[inline]
pub(crate) fn crc32c_hardware(crc: u32, bytes: &[u8]) -> u32 {
    #[cfg(test)]
    crate::checksum::linear::work::count_bytes(bytes.len());
    #[cfg(target_arch = "x86_64")]
    if bytes.len() <= SHORT_BYTES && is_x86_feature_detected!("sse4.2") {
        // SAFETY: the processor has SSE 4.2.
        return unsafe { append_short(crc, bytes) };
    }
    append_long(crc, bytes)
}

/// Returns the checksum of a record: of its header, which holds the place word, and its payload.
#[inline]
pub(crate) fn record_crc(header: &[u8; HEADER_LEN], payload: &[u8]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if payload.len() <= SHORT_BYTES && is_x86_feature_detected!("sse4.2") {
        #[cfg(test)]
        crate::checksum::linear::work::count_bytes(HEADER_LEN + payload.len());
        // SAFETY: the processor has SSE 4.2.
        return unsafe { append_both(header, payload) };
    }
    crc32c_hardware(crc32c_hardware(0, header), payload)
}

/// Returns the checksum of a record at the place of this place word.
#[inline]
pub(crate) fn placed_crc(header: &EventHeader, payload: &[u8], place: u32) -> u32 {
    record_crc(&EventHeader { checksum: place, ..*header }.to_bytes(), payload)
}

/// Passes records to `f`, up to the first one that is not whole or whose checksum is wrong.
#[inline]
pub(crate) fn pass_verified<'a>(stretch: RecordSlice<'a>, salt: u32, f: impl FnMut(Event<'a>)) -> Decoded {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("sse4.2") {
        // SAFETY: the processor has SSE 4.2.
        return unsafe { pass_by_instruction(stretch, salt, f) };
    }
    let read = |bytes, offset| {
        let (header, payload, stride) = decode(bytes, offset, Checksums::Present).ok()?;
        let computed = placed_crc(&header, payload, place_word(salt, offset));
        (computed == header.checksum).then_some((header, payload, stride))
    };
    stretch.pass_decoded(read, f)
}

/// Handles many records in one function. Their checksums do not depend on each other, so the processor begins with
/// the next ones while the instruction's results for this one are on their way.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2")]
fn pass_by_instruction<'a>(stretch: RecordSlice<'a>, salt: u32, f: impl FnMut(Event<'a>)) -> Decoded {
    let read = |bytes, offset| {
        let (header, payload, stride) = decode(bytes, offset, Checksums::Present).ok()?;
        let placed = EventHeader { checksum: place_word(salt, offset), ..header };
        let computed = append_payload(header_state(placed.to_words()), payload);
        (computed == header.checksum).then_some((header, payload, stride))
    };
    stretch.pass_decoded(read, f)
}

/// A record whose checksum is wanted.
pub(crate) struct Placed<'a> {
    /// The words of its header, which hold the place word.
    pub(crate) words: [u64; 2],
    pub(crate) payload: &'a [u8],
    /// Where the header goes, with the checksum.
    pub(crate) head: &'a mut [u8; HEADER_LEN],
}

impl Placed<'_> {
    #[inline]
    fn store(self, crc: u32) {
        let header = EventHeader { checksum: crc, ..EventHeader::from_words(self.words) };
        *self.head = header.to_bytes();
    }
}

/// Stores each record's header with its checksum.
#[inline]
pub(crate) fn store_checksums<'a>(records: impl Iterator<Item = Placed<'a>>) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("sse4.2") {
        // SAFETY: the processor has SSE 4.2.
        return unsafe { each_by_instruction(records) };
    }
    records.for_each(|record| {
        let crc = record_crc(&EventHeader::from_words(record.words).to_bytes(), record.payload);
        record.store(crc);
    });
}

/// Handles many records in one function. A checksum is a chain of instructions of which each waits for the one
/// before; three records next to each other fill the time.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2")]
fn each_by_instruction<'a>(mut records: impl Iterator<Item = Placed<'a>>) {
    while let Some(first) = records.next() {
        match (records.next(), records.next()) {
            (Some(second), Some(third)) => three_crcs(first, second, third),
            (second, _) => {
                for record in [Some(first), second].into_iter().flatten() {
                    let crc = append_payload(header_state(record.words), record.payload);
                    record.store(crc);
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2")]
#[inline]
fn three_crcs(first: Placed<'_>, second: Placed<'_>, third: Placed<'_>) {
    use std::arch::x86_64::_mm_crc32_u64;
    let (a, b, c) = (first.payload, second.payload, third.payload);
    let shared = if a.len().max(b.len()).max(c.len()) <= SHORT_BYTES {
        a.len().min(b.len()).min(c.len()) / 8 * 8
    } else {
        0
    };
    let ((a, a_rest), (b, b_rest), (c, c_rest)) =
        (a.split_at(shared), b.split_at(shared), c.split_at(shared));
    let (mut x, mut y, mut z) =
        (header_state(first.words), header_state(second.words), header_state(third.words));
    // By index: the functions of `zip` are calls where the parts of a package are not optimised together.
    let (a, b, c) = (a.as_chunks::<8>().0, b.as_chunks::<8>().0, c.as_chunks::<8>().0);
    let (b, c) = (&b[..a.len()], &c[..a.len()]);
    for at in 0..a.len() {
        x = _mm_crc32_u64(x, u64::from_le_bytes(a[at]));
        y = _mm_crc32_u64(y, u64::from_le_bytes(b[at]));
        z = _mm_crc32_u64(z, u64::from_le_bytes(c[at]));
    }
    first.store(append_payload(x, a_rest));
    second.store(append_payload(y, b_rest));
    third.store(append_payload(z, c_rest));
}

/// Returns the state of a record's checksum after its header, which holds the place word.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2")]
#[inline]
fn header_state([first, second]: [u64; 2]) -> u64 {
    use std::arch::x86_64::_mm_crc32_u64;
    _mm_crc32_u64(_mm_crc32_u64(u64::from(u32::MAX), first), second)
}

/// Returns the checksum of all that led to a state, and a payload.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2")]
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the instruction leaves its result in the low 32 bits")]
fn append_payload(state: u64, payload: &[u8]) -> u32 {
    #[cfg(test)]
    crate::checksum::linear::work::count_bytes(HEADER_LEN + payload.len());
    let crc = !(state as u32);
    if payload.is_empty() {
        return crc;
    }
    if payload.len() <= SHORT_BYTES { append_short(crc, payload) } else { append_long(crc, payload) }
}

/// Up to this length the instruction is faster than folding. It takes 8 bytes in 3 cycles.
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

#[expect(clippy::cast_possible_truncation, reason = "the state of a 32-bit CRC is in the low 32 bits")]
fn append_long(crc: u32, bytes: &[u8]) -> u32 {
    // A finished checksum is the complement of the state that it came from.
    let mut digest = Digest::new_with_init_state(CrcAlgorithm::Crc32Iscsi, u64::from(!crc));
    digest.update(bytes);
    digest.finalize() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringlog_nostd::format::crc32c_append;

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
    fn many_records_agree_with_one_by_one() {
        let bytes = noise(3000);
        let lens = [
            0, 1, 7, 64, 191, 192, 193, 200, 256, 255, 257, 1040, 1041, 300, 1039, 2000, 400, 500, 192, 8,
            199,
        ];
        for count in 0..lens.len() {
            let header = |number: usize| EventHeader {
                checksum: number as u32,
                ..EventHeader::new(7, 8, lens[number] as u16)
            };
            let payload = |number: usize| &bytes[number..][..lens[number]];
            let mut heads = vec![[0; HEADER_LEN]; count];
            store_checksums(heads.iter_mut().enumerate().map(|(number, head)| Placed {
                words: header(number).to_words(),
                payload: payload(number),
                head,
            }));
            for (number, head) in heads.iter().enumerate() {
                let checksum = record_crc(&header(number).to_bytes(), payload(number));
                assert_eq!(EventHeader::from_bytes(head), EventHeader { checksum, ..header(number) });
            }
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
