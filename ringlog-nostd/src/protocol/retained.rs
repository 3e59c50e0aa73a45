//! What a retained ring does in addition, so that its content survives a reset.
#![forbid(unsafe_code)]

use crate::format::checksum::{crc32c_append, place_word};
use crate::format::header::HEADER_LEN;
use crate::format::record::add_checksum;
use crate::protocol::control::Control;

/// See [`Ring::write_back`](crate::Ring::write_back).
pub(crate) type WriteBack = fn(start: *const u8, len: usize);

/// How a retained ring makes its records last.
///
/// Only the constructors of retained rings set the pointer to the checksum function, so a program without such a ring
/// does not contain that function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retained {
    pub(crate) salt: u32,
    pub(crate) write_back: Option<WriteBack>,
    add_checksum: fn(record: &mut [u8], place: u32),
}

impl Retained {
    pub(crate) fn of(identity: u64) -> Self {
        Self { salt: salt_of(identity), write_back: None, add_checksum: add_in_software }
    }

    /// Completes the record at `position`, which is not published: first the payload reaches memory, then the header
    /// with the checksum.
    pub(crate) fn add_checksum(&self, record: &mut [u8], position: usize) {
        if let Some(body) = record.get(HEADER_LEN..) {
            self.reach_memory(body.as_ptr(), body.len());
        }
        (self.add_checksum)(record, place_word(self.salt, position as u64));
        self.reach_memory(record.as_ptr(), HEADER_LEN.min(record.len()));
    }

    /// Writes the producer's words back, after its position or its count of losses was stored. The records below the
    /// position are in memory already.
    pub(crate) fn words_stored(&self, control: &Control) {
        let (start, len) = control.producer_line();
        self.reach_memory(start, len);
    }

    /// Writes the constants back, after [`Control::set_overwriting`] has changed them.
    pub(crate) fn constants_stored(&self, control: &Control) {
        let (start, len) = control.constants_line();
        self.reach_memory(start, len);
    }

    fn reach_memory(&self, start: *const u8, len: usize) {
        if let Some(write_back) = self.write_back {
            write_back(start, len);
        }
    }
}

fn add_in_software(record: &mut [u8], place: u32) {
    // `None` is for bytes without a whole record; these have one.
    let _ = add_checksum(record, place, crc32c_append);
}

#[expect(clippy::cast_possible_truncation, reason = "both halves go into the salt")]
const fn salt_of(identity: u64) -> u32 {
    identity as u32 ^ (identity >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_of_an_identity_are_in_the_salt() {
        assert_eq!(salt_of(0x1234_5678_9ABC_DEF0), 0x8888_8888);
        assert_eq!((salt_of(0xFFFF_FFFF_0000_0000), salt_of(0xFFFF_FFFF)), (u32::MAX, u32::MAX));
    }
}
