//! The place of a record, from its checksum; and of a stream whose header is missing, from records that follow each other.
//!
//! A checksum is linear in the place word, which is the salt XOR the place in units of 8 bytes. So each record shows its word. Of two
//! records, the words differ by the carries of an addition: the distance is known, so the carries show bits of the place. What no carry
//! shows makes no difference, because a wrong bit of the place is a wrong bit of the salt. Words that belong to no addition
//! belong to no stream: of three records by chance, one in 2^50 fits.

use ringlog::event::{EventHeader, flags};
use ringlog_nostd::format::{FILE_HEADER_LEN, HEADER_LEN, crc32c_append, record_len};

/// Bits from which a carry may come.
const BELOW_TOP: u32 = u32::MAX >> 1;
/// Set in places if nothing is known of it, so that there is room before the first record.
const ROOM: u32 = 1 << 28;
/// Records that must follow each other to be taken for a stream.
const CHAIN: usize = 3;
/// Most bytes that are waited for to see whether records follow each other.
const WAIT_MOST: usize = 16 * 1024;

/// The places of records that follow each other, as far as they are known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places {
    first_word: u32,
    /// Bits of the first place, in units of 8 bytes, and which of them are known.
    first: u32,
    known: u32,
}

/// Whether a stream is here.
#[derive(Debug)]
pub(crate) enum Chain {
    Found(Places),
    /// More bytes are needed to know.
    Incomplete,
    Nothing,
}

impl Places {
    const fn of(first_word: u32) -> Self {
        Self { first_word, first: 0, known: 0 }
    }

    /// Takes the word of a record at this distance from the first one. Returns whether all of them can be records of one stream.
    pub(crate) const fn add(&mut self, word: u32, distance: u64) -> bool {
        let distance = (distance / 8) as u32;
        let carries = word ^ self.first_word ^ distance;
        let (next, shown) = (carries >> 1, (carries ^ distance) & BELOW_TOP);
        let is_sum = carries & 1 == 0 && (next ^ distance) & !shown & BELOW_TOP == 0;
        if !is_sum || (next ^ self.first) & shown & self.known != 0 {
            return false;
        }
        self.first |= next & shown;
        self.known |= shown;
        true
    }

    /// Returns a place that the first record may have.
    pub(crate) fn first_place(&self) -> u64 {
        u64::from(self.first | (!self.known & ROOM)) * 8
    }

    /// Returns the salt that belongs to this place.
    pub(crate) fn salt(&self) -> u32 {
        self.first_word ^ (self.first_place() / 8) as u32
    }

    /// Whether the first record may be at this place.
    pub(crate) const fn may_begin_at(&self, place: u64) -> bool {
        place.is_multiple_of(8) && ((place / 8) as u32 ^ self.first) & self.known == 0
    }

    /// Returns where the first record is in a stream of this salt at this place or after it, if it can be one of that stream.
    pub(crate) fn place_in(&self, salt: u32, from: u64) -> Option<u64> {
        let first = self.first_word ^ salt;
        let place = from + u64::from(first.wrapping_sub((from / 8) as u32)) * 8;
        ((first ^ self.first) & self.known == 0).then_some(place)
    }
}

/// Returns whether records that follow each other begin here.
pub(crate) fn chain_at(bytes: &[u8], is_end: bool) -> Chain {
    // Whether they look like records is cheap to see, their checksums are not.
    let (mut ends, mut end) = ([0; CHAIN], 0);
    for place in &mut ends {
        let rest = &bytes[end..];
        match plausible(rest) {
            Some(header) if header.stride() <= rest.len() => end += header.stride(),
            None if rest.len() >= HEADER_LEN => return Chain::Nothing,
            _ if is_end || bytes.len() > WAIT_MOST => return Chain::Nothing,
            _ => return Chain::Incomplete,
        }
        *place = end;
    }
    let mut places = None::<Places>;
    let mut start = 0;
    for end in ends {
        let Some(word) = plausible(&bytes[start..]).and_then(|header| word_of(&bytes[start..], &header))
        else {
            return Chain::Nothing;
        };
        if !places.get_or_insert(Places::of(word)).add(word, start as u64) {
            return Chain::Nothing;
        }
        start = end;
    }
    places.map_or(Chain::Nothing, Chain::Found)
}

/// Returns the header of what may be a record.
pub(crate) fn plausible(bytes: &[u8]) -> Option<EventHeader> {
    let header = EventHeader::from_bytes(bytes.first_chunk()?);
    let set = flags::COMMITTED | flags::CHECKSUMMED;
    let has_one_role = !(header.is_gap() && header.is_meta());
    (header.flags & set == set && has_one_role && (!header.is_gap() || header.payload_len == 16))
        .then_some(header)
}

/// Returns the place word that makes a record's checksum right.
pub(crate) fn word_of(bytes: &[u8], header: &EventHeader) -> Option<u32> {
    let end = HEADER_LEN + usize::from(header.payload_len);
    if bytes[end..record_len(header.payload_len.into())].iter().any(|&byte| byte != 0) {
        return None;
    }
    let unplaced = EventHeader { checksum: 0, ..*header }.to_bytes();
    let checksum = crc32c_append(crc32c_append(0, &unplaced), &bytes[HEADER_LEN..end]);
    Some(back_over_zeros(checksum ^ header.checksum, usize::from(header.payload_len) + 4))
}

/// Returns the place that makes a record's checksum right, if it is at most `most` bytes from this one.
pub(crate) fn place_of(
    bytes: &[u8],
    header: &EventHeader,
    salt: u32,
    close_to: u64,
    most: u64,
) -> Option<u64> {
    // The word has the low 32 bits of the place.
    let word = word_of(bytes, header)? ^ salt;
    let near = close_to / 8;
    let distance = i64::from(word.wrapping_sub(near as u32).cast_signed());
    let place = near.checked_add_signed(distance)?.checked_mul(8)?;
    (place.abs_diff(close_to) <= most && place >= FILE_HEADER_LEN as u64).then_some(place)
}

/// Runs CRC-32C backwards over zero bytes: returns the register before them.
fn back_over_zeros(mut register: u32, bytes: usize) -> u32 {
    for _ in 0..bytes {
        let low = BY_HIGH_BYTE[(register >> 24) as usize];
        register = ((register ^ step(low)) << 8) | u32::from(low);
    }
    register
}

/// The register after a byte of zeros, from one that has only these low bits.
const fn step(low: u8) -> u32 {
    let (mut register, mut bit) = (low as u32, 0);
    while bit < 8 {
        register = (register >> 1) ^ (if register & 1 == 1 { 0x82F6_3B78 } else { 0 });
        bit += 1;
    }
    register
}

/// Which low byte gives a register with this high byte.
const BY_HIGH_BYTE: [u8; 256] = {
    let (mut table, mut low) = ([0; 256], 0);
    while low < 256 {
        table[(step(low as u8) >> 24) as usize] = low as u8;
        low += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;

    #[test]
    fn the_places_that_records_show_are_those_that_they_have() {
        let mut dice = Dice(7);
        for _ in 0..10_000 {
            let (salt, first) = (dice.next() as u32, dice.below(1_u64 << 20));
            let word = |place: u64| salt ^ place as u32;
            let mut places = Places::of(word(first));
            let mut distance = 0;
            for _ in 0..200 {
                assert!(places.add(word(first + distance), distance * 8));
                assert_eq!((first as u32 ^ places.first) & places.known, 0);
                assert_eq!(places.place_in(salt, 0), Some(first * 8));
                // Right up to the first carry into a bit that is not known.
                let guessed = (places.first_place() / 8 + distance) as u32 ^ places.salt();
                assert_eq!(guessed, word(first + distance));
                distance += 3 + dice.below(40_u64);
            }
            let mut other = places;
            assert!(!other.add(word(first + distance) ^ 0x8421, distance * 8), "a word of no stream");
        }
    }
}
