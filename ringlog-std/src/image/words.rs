//! Words as other machines store them, and where a ring's control words are for each size of word.
//!
//! The layout is that of `docs/format.md`, "The ring in memory".
#![forbid(unsafe_code)]

pub(crate) const RETAINED: u64 = 1 << 14;
pub(crate) const OVERWRITING: u64 = 1 << 15;

/// How a machine stores its words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WordForm {
    /// Bytes of a word: 2, 4 or 8.
    pub bytes: usize,
    /// Whether the most significant byte comes first.
    pub big_endian: bool,
}

impl WordForm {
    pub const ALL: [Self; 6] = [
        Self { bytes: 8, big_endian: false },
        Self { bytes: 8, big_endian: true },
        Self { bytes: 4, big_endian: false },
        Self { bytes: 4, big_endian: true },
        Self { bytes: 2, big_endian: false },
        Self { bytes: 2, big_endian: true },
    ];

    pub fn magic(self) -> &'static [u8] {
        match (self.bytes, self.big_endian) {
            (8, true) => b"RINGLOG1",
            (8, false) => b"1GOLGNIR",
            (4, true) => b"RLG1",
            (4, false) => b"1GLR",
            (_, true) => b"R1",
            (_, false) => b"1R",
        }
    }

    /// Returns the number of bits of a word.
    pub(crate) const fn bits(self) -> u32 {
        self.mask().count_ones()
    }

    /// Returns the largest value of a word.
    pub(crate) const fn mask(self) -> u64 {
        u64::MAX >> (64 - 8 * self.bytes)
    }

    /// Returns the word at a byte offset; 0 beyond the end.
    pub(crate) fn word(self, bytes: &[u8], at: usize) -> u64 {
        let word = bytes.get(at..).and_then(|rest| rest.get(..self.bytes)).unwrap_or_default();
        let add = |value, byte: &u8| value << 8 | u64::from(*byte);
        if self.big_endian { word.iter().fold(0, add) } else { word.iter().rev().fold(0, add) }
    }

    /// Returns a `u64` from words, the lower one first.
    pub(crate) fn wide(self, bytes: &[u8], at: usize) -> u64 {
        let words = (0..8).step_by(self.bytes);
        words.fold(0, |value, skip| value | self.word(bytes, at + skip) << (8 * skip))
    }

    /// Returns where the control words are, if the layout word is one of this form.
    pub(crate) fn layout(self, layout: u64) -> Option<Places> {
        let word_bits = u64::from(self.bytes.trailing_zeros());
        let distance = usize::try_from(layout >> 11 & 7).ok()? * 64;
        // Version 2 adds a word to the producer's line on 64-bit machines, and moves nothing.
        let newest = if self.bytes == 8 { 2 } else { 1 };
        let fixed = layout & !(7 << 11 | RETAINED | OVERWRITING);
        (1..=newest)
            .any(|version| fixed == version | word_bits << 8)
            .then(|| Places::new(self.bytes, distance))
    }
}

impl std::fmt::Display for WordForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let order = if self.big_endian { "big" } else { "little" };
        write!(f, "{}-bit {order}-endian", self.bits())
    }
}

/// Byte offsets of the lines and the data from the magic.
#[derive(Clone, Copy)]
pub(crate) struct Places {
    pub(crate) producer: usize,
    pub(crate) consumer: usize,
    pub(crate) data: usize,
}

impl Places {
    const fn new(word: usize, distance: usize) -> Self {
        if distance > 0 {
            return Self { producer: distance, consumer: 2 * distance, data: 3 * distance };
        }
        let producer = 4 * word + 16;
        let consumer = producer + 4 * word + 8;
        Self { producer, consumer, data: (consumer + 2 * word).next_multiple_of(8) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_a_name() {
        let form = WordForm { bytes: 4, big_endian: false };
        assert_eq!(form.to_string(), "32-bit little-endian");
    }
}
