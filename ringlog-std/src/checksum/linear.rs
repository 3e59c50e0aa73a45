//! CRC-32C as a linear function: the checksum of a part of a buffer follows from those of the buffer's prefixes, and
//! the bytes at a place follow from the checksum.
//!
//! Remainders are polynomials over two elements, in the reflected order that CRC-32C uses: the highest bit
//! is the coefficient of `x^0`. Feeding a zero byte multiplies the register by `x^8`. A finished checksum is the
//! complement of the register.
#![forbid(unsafe_code)]

use std::sync::LazyLock;

use ringlog_nostd::format::{HEADER_LEN, RECORD_ALIGN};

use crate::checksum::crc32c::{crc32c_hardware, record_crc};
use crate::event::{EventHeader, MAX_PAYLOAD};

/// The generator, without `x^32`, reflected.
const GENERATOR: u32 = 0x82F6_3B78;
/// The polynomial 1.
const ONE: u32 = 1 << 31;
/// A place word and the longest payload come after the first byte of a place word.
const MOST_BYTES: usize = size_of::<u32>() + MAX_PAYLOAD;

const fn times_x(a: u32) -> u32 {
    (a >> 1) ^ if a & 1 == 0 { 0 } else { GENERATOR }
}

/// The inverse of [`times_x`], which exists because the generator has the term 1.
const fn over_x(a: u32) -> u32 {
    if a & ONE == 0 { a << 1 } else { (a ^ GENERATOR) << 1 | 1 }
}

/// The product of two remainders, four bits of `a` at a time.
fn multiply(a: u32, b: u32) -> u32 {
    #[cfg(test)]
    work::count_multiplication();
    let shifted = [b, times_x(b), times_x(times_x(b)), times_x(times_x(times_x(b)))];
    // The products of `b` and each four bits, of which the highest is the coefficient of `x^0`.
    let products: [u32; 16] = std::array::from_fn(|bits| {
        let product = |at: usize| if bits >> (3 - at) & 1 == 0 { 0 } else { shifted[at] };
        product(0) ^ product(1) ^ product(2) ^ product(3)
    });
    (0..u32::BITS / 4).fold(0, |product, digit| {
        let bits = a >> (4 * digit) & 15;
        product >> 4 ^ TIMES_X4[(product & 15) as usize] ^ products[bits as usize]
    })
}

/// What the lowest four bits of a remainder, which are shifted out, become when it is multiplied by `x^4`.
const TIMES_X4: [u32; 16] = {
    let mut products = [0; 16];
    let mut bits = 0;
    while bits < 16 {
        products[bits] = times_x(times_x(times_x(times_x(bits as u32))));
        bits += 1;
    }
    products
};

/// What a number of zero bytes multiplies a register by: `x^0`, `x^8`, `x^16`, …
static TIMES_BYTES: LazyLock<Vec<u32>> = LazyLock::new(|| powers(times_x));
/// What reverses a number of zero bytes: `x^0`, `x^-8`, `x^-16`, …
static OVER_BYTES: LazyLock<Vec<u32>> = LazyLock::new(|| powers(over_x));

fn powers(step: fn(u32) -> u32) -> Vec<u32> {
    let byte = |power: &u32| Some((0..8).fold(*power, |power, _| step(power)));
    std::iter::successors(Some(ONE), byte).take(MOST_BYTES + 1).collect()
}

/// Returns the register after `zero_bytes` more zero bytes. At most [`MOST_BYTES`].
pub(crate) fn after_zeros(register: u32, zero_bytes: usize) -> u32 {
    multiply(register, TIMES_BYTES[zero_bytes])
}

/// Returns the register before `zero_bytes` zero bytes, given the one after them. At most [`MOST_BYTES`].
fn before_zeros(register: u32, zero_bytes: usize) -> u32 {
    multiply(register, OVER_BYTES[zero_bytes])
}

/// Returns the place word with which a record has the checksum that it carries: there is exactly one. `unplaced` is
/// the checksum that it would have with a place word of 0.
///
/// The place word is in front of the payload. So it changes the checksum by itself times `x^8`, once for each of its
/// four bytes and of the payload's bytes.
pub(crate) fn place_of(header: &EventHeader, unplaced: u32) -> u32 {
    before_zeros(unplaced ^ header.checksum, size_of::<u32>() + usize::from(header.payload_len))
}

/// The checksums of all prefixes of a buffer, word by word, and from them those of any record in it.
///
/// Each byte is read once for that, no matter how many places of a buffer are tried for a record. Overlapping records
/// of the largest length would otherwise cost 64 KiB for every 8 bytes.
#[derive(Debug)]
pub(crate) struct PrefixCrcs {
    /// The register before each word, as far as it is known. The first one may have any value.
    registers: Vec<u32>,
}

impl PrefixCrcs {
    pub(crate) const fn new() -> Self {
        Self { registers: Vec::new() }
    }

    /// Starts again for another buffer.
    pub(crate) fn clear(&mut self) {
        self.registers.clear();
    }

    /// Continues with a buffer that begins this many bytes later, a multiple of 8. The value of the first register
    /// does not matter.
    pub(crate) fn skip(&mut self, bytes: usize) {
        self.registers.drain(..self.registers.len().min(bytes / RECORD_ALIGN));
    }

    /// Returns the checksum, with the place word `place`, of the record at `from`, a multiple of 8. All of the record
    /// is in the buffer.
    pub(crate) fn record_crc(&mut self, buffer: &[u8], from: usize, header: &EventHeader, place: u32) -> u32 {
        let head = record_crc(&EventHeader { checksum: place, ..*header }.to_bytes(), &[]);
        let (start, len) = (from + HEADER_LEN, usize::from(header.payload_len));
        let end = start + len;
        self.extend(buffer, end / RECORD_ALIGN);
        let before = self.registers[start / RECORD_ALIGN];
        let words_end = end / RECORD_ALIGN * RECORD_ALIGN;
        let after = !crc32c_hardware(!self.registers[end / RECORD_ALIGN], &buffer[words_end..end]);
        !(after_zeros(before ^ !head, len) ^ after)
    }

    /// Extends the known registers to this many words.
    fn extend(&mut self, buffer: &[u8], words: usize) {
        if self.registers.is_empty() {
            self.registers.push(0);
        }
        let known = self.registers.len() - 1;
        let mut register = self.registers[known];
        for word in buffer.as_chunks::<RECORD_ALIGN>().0.iter().take(words).skip(known) {
            register = !crc32c_hardware(!register, word);
            self.registers.push(register);
        }
    }
}

/// What the tests that bound the work of a search count, per thread.
#[cfg(test)]
pub(crate) mod work {
    use std::cell::Cell;

    thread_local! {
        static CRC_BYTES: Cell<u64> = const { Cell::new(0) };
        static MULTIPLICATIONS: Cell<u64> = const { Cell::new(0) };
    }

    pub(crate) fn count_bytes(bytes: usize) {
        CRC_BYTES.with(|count| count.set(count.get() + bytes as u64));
    }

    pub(crate) fn count_multiplication() {
        MULTIPLICATIONS.with(|count| count.set(count.get() + 1));
    }

    /// Returns the bytes whose checksum was computed, and the multiplications, since the last call.
    pub(crate) fn take() -> (u64, u64) {
        (CRC_BYTES.take(), MULTIPLICATIONS.take())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringlog_nostd::format::crc32c_append;
    use ringlog_nostd::internal::record_checksum;

    #[test]
    fn dividing_undoes_multiplying() {
        let mut a = 0x9E37_79B9_u32;
        for _ in 0..10_000 {
            a = a.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            assert_eq!(over_x(times_x(a)), a);
            assert_eq!(multiply(a, ONE), a);
            assert_eq!(multiply(a, ONE >> 1), times_x(a));
        }
    }

    #[test]
    fn zero_bytes_are_undone() {
        for zero_bytes in [0, 1, 2, 3, 7, 8, 100, 4095, 65_539] {
            for register in [0, 1, ONE, 0xDEAD_BEEF] {
                // A finished checksum is the complement of the register.
                let after = !crc32c_append(!register, &vec![0; zero_bytes]);
                assert_eq!(before_zeros(after, zero_bytes), register, "{zero_bytes}");
                assert_eq!(after_zeros(register, zero_bytes), after, "{zero_bytes}");
            }
        }
    }

    #[test]
    fn the_checksum_of_a_record_follows_from_those_of_beginnings() {
        let bytes: Vec<u8> = (0..70_000_u32).map(|at| (at * 7 + at / 251) as u8).collect();
        let mut crcs = PrefixCrcs::new();
        // In no order, so that registers that are already known are used, too.
        for (from, len) in
            (0..300).map(|len| (len % 7 * 8, len)).chain([(0, 65_535), (4096, 65_535), (8, 4096)])
        {
            let header = EventHeader::new(len as u64 * 11, len as u8, len as u16).with_flags(0xC3);
            let payload = &bytes[from + HEADER_LEN..][..len];
            let expected = record_checksum(crc32c_append, &header, payload, 77);
            assert_eq!(crcs.record_crc(&bytes, from, &header, 77), expected, "length {len}");
        }
        let header = EventHeader::new(1, 2, 3);
        let expected = record_checksum(crc32c_append, &header, &bytes[1024 + HEADER_LEN..][..3], 0);
        // The same record, with some of the words before it known, and with none.
        for skipped in [1000, 24, 0, 80_000] {
            crcs.skip(skipped);
            let at = if skipped == 1000 { 24 } else { 0 };
            assert_eq!(crcs.record_crc(&bytes[1024 - at..], at, &header, 0), expected);
        }
        crcs.clear();
        assert_eq!(crcs.record_crc(&bytes[1024..], 0, &header, 0), expected);
    }

    #[test]
    fn the_place_word_of_any_record_is_found() {
        let payload: Vec<u8> = (0..65_535_u32).map(|at| (at * 7 + at / 251) as u8).collect();
        for len in (0..300).chain([4096, 65_535]) {
            for place in [0, 1, 0x5F0D_F8CF, u32::MAX] {
                let mut header = EventHeader::new(len * 11, len as u8, len as u16).with_flags(0xC3);
                let payload = &payload[..len as usize];
                header.checksum = record_checksum(crc32c_append, &header, payload, place);
                let unplaced = record_checksum(crc32c_append, &header, payload, 0);
                assert_eq!(place_of(&header, unplaced), place, "length {len}");
            }
        }
    }
}
