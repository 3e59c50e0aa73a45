//! CRC-32C as what it is, a linear function: what stood at a place can be computed from the checksum.
//!
//! Remainders are polynomials over two elements, in the reflected order that CRC-32C uses: the highest bit
//! is the coefficient of `x^0`. Feeding a zero byte multiplies the register by `x^8`.
#![forbid(unsafe_code)]

use ringlog_nostd::record_checksum;

use super::crc::crc32c_hardware;
use crate::event::EventHeader;

/// The generator, without `x^32`, reflected.
const GENERATOR: u32 = 0x82F6_3B78;
/// The polynomial 1.
const ONE: u32 = 1 << 31;
/// Lengths have so many bits: a payload and four bytes.
const LENGTH_BITS: usize = 17;

const fn times_x(a: u32) -> u32 {
    (a >> 1) ^ if a & 1 == 0 { 0 } else { GENERATOR }
}

/// The inverse of [`times_x`], which exists because the generator has the term 1.
const fn over_x(a: u32) -> u32 {
    if a & ONE == 0 { a << 1 } else { (a ^ GENERATOR) << 1 | 1 }
}

/// The product of two remainders.
const fn multiply(a: u32, b: u32) -> u32 {
    let (mut product, mut shifted, mut bit) = (0, b, ONE);
    while bit != 0 {
        if a & bit != 0 {
            product ^= shifted;
        }
        shifted = times_x(shifted);
        bit >>= 1;
    }
    product
}

/// `x^-8`, `x^-16`, `x^-32`, …: what undoes 1, 2, 4, … zero bytes.
const OVER_BYTES: [u32; LENGTH_BITS] = {
    let mut powers = [ONE; LENGTH_BITS];
    let mut bit = 0;
    while bit < 8 {
        powers[0] = over_x(powers[0]);
        bit += 1;
    }
    let mut at = 1;
    while at < LENGTH_BITS {
        powers[at] = multiply(powers[at - 1], powers[at - 1]);
        at += 1;
    }
    powers
};

/// The register before `zero_bytes` zero bytes, given the one after them. Below 2^17.
fn before_zeros(register: u32, zero_bytes: usize) -> u32 {
    debug_assert!(zero_bytes < 1 << LENGTH_BITS);
    let powers = OVER_BYTES.iter().enumerate().filter(|(bit, _)| zero_bytes >> bit & 1 == 1);
    powers.fold(register, |register, (_, &power)| multiply(register, power))
}

/// The place word with which a record has the checksum that it carries: there is exactly one.
///
/// The place word stands in front of the payload, so it changes the checksum by itself times `x^8` for each
/// of its own four bytes and of the payload's.
pub(super) fn place_of(header: &EventHeader, payload: &[u8]) -> u32 {
    let unplaced = record_checksum(crc32c_hardware, header, payload, 0);
    before_zeros(unplaced ^ header.checksum, size_of::<u32>() + payload.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringlog_nostd::crc32c_append;

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
            }
        }
    }

    #[test]
    fn the_place_word_of_a_record_is_found_whatever_the_record() {
        let payload: Vec<u8> = (0..65_535_u32).map(|at| (at * 7 + at / 251) as u8).collect();
        for len in (0..300).chain([4096, 65_535]) {
            for place in [0, 1, 0x5F0D_F8CF, u32::MAX] {
                let mut header = EventHeader::new(len * 11, len as u8, len as u16).with_flags(0xC3);
                let payload = &payload[..len as usize];
                header.checksum = record_checksum(crc32c_append, &header, payload, place);
                assert_eq!(place_of(&header, payload), place, "length {len}");
            }
        }
    }
}
