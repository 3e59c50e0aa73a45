//! Payloads that both sides of a test can compute.

/// The longest payload, in bytes.
pub const LONGEST: usize = 32;

/// Returns the payload of the event with this number. Its length and its bytes follow from the number.
#[must_use]
pub fn payload_of(number: u32) -> ([u8; LONGEST], usize) {
    let len = number.wrapping_mul(7) as usize % (LONGEST + 1);
    let mut bytes = [0; LONGEST];
    for (byte, place) in bytes.iter_mut().zip(0_u32..) {
        *byte = (number.wrapping_mul(37) ^ place.wrapping_mul(11)).to_le_bytes()[0];
    }
    (bytes, len)
}
