//! What a ring does besides so that its content outlives a reset.
#![forbid(unsafe_code)]

use crate::format::checksum::{crc32c_append, place_word};
use crate::format::header::HEADER_LEN;
use crate::format::record::add_checksum;
use crate::protocol::control::Control;

/// Has `len` bytes from `start` on written back to memory that keeps them through a reset, and waits for it.
///
/// Cleans the data cache for these addresses, say, or writes the words that push the last ones out of an ECC
/// memory's buffer; ends with the barrier that the machine needs. It may touch more than these bytes, but
/// has to leave every byte as it is. See [`Ring::write_back`](crate::Ring::write_back).
pub type WriteBack = fn(start: *const u8, len: usize);

/// How the records of a retained ring are made to last.
///
/// The checksum is reached through a pointer that only constructors of retained rings fill in, so that a
/// program without such a ring does not contain it.
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

    /// Completes a record that stands at `position` and is not published: first the payload has to be in
    /// memory, then the header with the checksum.
    pub(crate) fn add_checksum(&self, record: &mut [u8], position: usize) {
        if let Some(body) = record.get(HEADER_LEN..) {
            self.reach_memory(body.as_ptr(), body.len());
        }
        (self.add_checksum)(record, place_word(self.salt, position as u64));
        self.reach_memory(record.as_ptr(), HEADER_LEN.min(record.len()));
    }

    /// The producer's position or its count of losses was stored: the records below the position are in memory, now
    /// these words have to be.
    pub(crate) fn words_stored(&self, control: &Control) {
        let (start, len) = control.producer_line();
        self.reach_memory(start, len);
    }

    /// What the ring is was stored: see [`Control::set_overwriting`].
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
    // `None` is for bytes that hold no whole record; these do.
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
