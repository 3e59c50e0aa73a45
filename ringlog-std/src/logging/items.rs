//! Data items of CBOR.
#![forbid(unsafe_code)]

/// The kinds of data items, in the upper three bits of their first byte (RFC 8949, section 3.1).
pub(super) const UNSIGNED: u8 = 0 << 5;
pub(super) const NEGATIVE: u8 = 1 << 5;
#[cfg(feature = "tracing")]
pub(super) const BYTES: u8 = 2 << 5;
pub(super) const TEXT: u8 = 3 << 5;
/// Among the lower five bits: the number of the item is in the next byte, or in the next 2, 4 or 8.
const IN_1: u8 = 24;
pub(super) const IN_2: u8 = 25;
const IN_4: u8 = 26;
const IN_8: u8 = 27;
pub(super) const FALSE: u8 = 0xF4;
pub(super) const TRUE: u8 = 0xF5;
#[cfg(feature = "log")]
pub(super) const NULL: u8 = 0xF6;
const FLOAT: u8 = 0xFB;
/// A map up to an end.
pub(super) const MAP: u8 = 0xBF;
pub(super) const END: u8 = 0xFF;

/// Bytes of a number, a float or a truth value, at most.
pub(super) const LONGEST: usize = 9;

/// Returns the byte before a text of less than 24 bytes.
#[cfg(feature = "tracing")]
pub(super) const fn text_head(text: &str) -> u8 {
    debug_assert!(text.len() < 24);
    TEXT | text.len().to_le_bytes()[0]
}

/// Puts the head of an item of this kind with this number. Returns its length.
#[inline(always)]
pub(super) fn put_head(place: &mut [u8; LONGEST], kind: u8, number: u64) -> usize {
    let (len_kind, len) = match number {
        // Most keys and texts are that short.
        0..24 => {
            place[0] = kind | number.to_le_bytes()[0];
            return 1;
        }
        24..0x100 => (IN_1, 1),
        0x100..0x1_0000 => (IN_2, 2),
        0x1_0000..0x1_0000_0000 => (IN_4, 4),
        _ => (IN_8, 8),
    };
    let [head, numbers @ ..] = place;
    *head = kind | len_kind;
    *numbers = (number << (64 - 8 * len)).to_be_bytes();
    1 + len
}

#[inline(always)]
pub(super) fn float_bytes(value: f64) -> [u8; LONGEST] {
    let [a, b, c, d, e, f, g, h] = value.to_be_bytes();
    [FLOAT, a, b, c, d, e, f, g, h]
}
