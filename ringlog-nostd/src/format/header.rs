//! The 16-byte header in front of every event.
//!
//! ```text
//!  byte  0       1       2       3       4       5       6       7
//!      +-------+-------+-------+-------+-------+-------+-------+-------+
//!   0  | timestamp, u64 little-endian                                  |
//!      +-------+-------+-------+-------+-------+-------+-------+-------+
//!   8  | type  | flags | payload_len   | checksum, u32                 |
//!      +-------+-------+-------+-------+-------+-------+-------+-------+
//!  16  | payload, payload_len bytes, then zeros up to a multiple of 8  |
//!      +---------------------------------------------------------------+
//! ```
//!
//! `docs/format.md` in the repository describes the format for readers in other languages.
#![forbid(unsafe_code)]

/// Length of an [`EventHeader`] in a record, in bytes.
pub const HEADER_LEN: usize = 16;

/// The longest payload of the format, in bytes.
pub const MAX_PAYLOAD: usize = u16::MAX as usize;

/// Every record starts and ends at a multiple of this, in bytes.
pub const RECORD_ALIGN: usize = 8;

/// The bits of [`EventHeader::flags`].
pub mod flags {
    /// Bits 0 to 3 belong to the caller and are stored as given.
    pub const USER: u8 = 0b0000_1111;
    /// Bit 4 marks a META record, which says what the payloads of a segment's events mean. Only the start of a segment
    /// has such records; no ring has one.
    pub const META: u8 = 0b0001_0000;
    /// Bit 5 marks a record that reports lost events: see [`Gap`](crate::Gap).
    pub const GAP: u8 = 0b0010_0000;
    /// Bit 6 is set if the checksum field holds a CRC-32C.
    pub const CHECKSUMMED: u8 = 0b0100_0000;
    /// Bit 7 is set in every stored record, so zeroed memory is never a record.
    pub const COMMITTED: u8 = 0b1000_0000;
}

/// The part of an event before its payload: time, type, flags and length.
///
/// Make one with [`new`](Self::new) and, for flags, [`with_flags`](Self::with_flags). A header that was read from a
/// ring or a log also has the system's flag bits and the checksum. To write it again, pass its
/// [`as_user`](Self::as_user).
///
/// ```
/// use ringlog_nostd::EventHeader;
///
/// let header = EventHeader::new(1_700_000_000_000_000_000, 7, 12).with_flags(0b0011);
/// assert_eq!(header.payload_len, 12);
/// assert_eq!(header.user_flags(), 0b0011);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(C)]
pub struct EventHeader {
    /// When the event happened, in a unit that the application chooses. A log file names its clock.
    pub timestamp: u64,
    /// The kind of the event. All 256 values are the application's.
    pub event_type: u8,
    /// Bits 0 to 3 are the caller's, the others are the system's: see [`flags`].
    pub flags: u8,
    /// Length of the payload in bytes.
    pub payload_len: u16,
    /// CRC-32C of the record, if [`flags::CHECKSUMMED`] is set. Writers ignore it.
    pub checksum: u32,
}

impl EventHeader {
    /// Returns a header without flags. `payload_len` is in bytes.
    ///
    /// ```
    /// use ringlog_nostd::EventHeader;
    ///
    ///
    /// let header = EventHeader::new(1_700_000_000, 7, 12);
    /// assert_eq!((header.timestamp, header.event_type, header.payload_len), (1_700_000_000, 7, 12));
    /// ```
    #[must_use]
    #[inline]
    pub const fn new(timestamp: u64, event_type: u8, payload_len: u16) -> Self {
        Self { timestamp, event_type, flags: 0, payload_len, checksum: 0 }
    }

    /// Returns the same header with these flags. Writers refuse any bit outside [`flags::USER`].
    ///
    /// ```
    /// use ringlog_nostd::EventHeader;
    ///
    ///
    /// assert_eq!(EventHeader::new(1, 7, 12).with_flags(0b0011).user_flags(), 0b0011);
    /// ```
    #[must_use]
    #[inline]
    pub const fn with_flags(mut self, flags: u8) -> Self {
        self.flags = flags;
        self
    }

    /// Returns the four flag bits that belong to the caller.
    ///
    /// ```
    /// use ringlog_nostd::{EventHeader, flags};
    ///
    /// let read = EventHeader::new(1, 7, 0).with_flags(flags::COMMITTED | 0b0011);
    /// assert_eq!(read.user_flags(), 0b0011);
    /// ```
    #[must_use]
    #[inline]
    pub const fn user_flags(&self) -> u8 {
        self.flags & flags::USER
    }

    /// Returns the header as its writer passed it, without the system's flag bits and the checksum.
    ///
    /// ```
    /// # use ringlog_nostd::{EventHeader, flags};
    /// let read = EventHeader::new(1, 2, 3).with_flags(flags::COMMITTED | 1);
    /// assert_eq!(read.as_user(), EventHeader::new(1, 2, 3).with_flags(1));
    /// ```
    #[must_use]
    #[inline]
    pub const fn as_user(mut self) -> Self {
        self.flags &= flags::USER;
        self.checksum = 0;
        self
    }

    /// Returns whether this record reports lost events: see [`Gap`](crate::Gap).
    ///
    /// ```
    /// use ringlog_nostd::{EventHeader, Gap};
    ///
    /// assert!(Gap::header(1).is_gap());
    /// assert!(!EventHeader::new(1, 7, 16).is_gap());
    /// ```
    #[must_use]
    #[inline]
    pub const fn is_gap(&self) -> bool {
        self.flags & flags::GAP != 0
    }

    /// Returns whether this record says what the payloads of a segment's events mean: see [`flags::META`].
    ///
    /// ```
    /// use ringlog_nostd::{EventHeader, flags};
    ///
    /// assert!(EventHeader::new(0, 7, 2).with_flags(flags::META).is_meta());
    /// assert!(!EventHeader::new(0, 7, 2).is_meta());
    /// ```
    #[must_use]
    #[inline]
    pub const fn is_meta(&self) -> bool {
        self.flags & flags::META != 0
    }

    /// Returns whether [`flags::COMMITTED`] is set, as it is in every stored record.
    ///
    /// ```
    /// use ringlog_nostd::EventHeader;
    /// use ringlog_nostd::format::encode;
    ///
    /// let (mut record, header) = ([0; 16], EventHeader::new(1, 7, 0));
    /// encode(&mut record, &header, b"").unwrap();
    /// assert!(EventHeader::from_bytes(&record).is_committed() && !header.is_committed());
    /// ```
    #[must_use]
    #[inline]
    pub const fn is_committed(&self) -> bool {
        self.flags & flags::COMMITTED != 0
    }

    /// Returns whether the checksum field holds a CRC-32C.
    ///
    /// ```
    /// use ringlog_nostd::EventHeader;
    /// use ringlog_nostd::format::{add_checksum, crc32c_append, encode};
    ///
    /// let mut record = [0; 16];
    /// encode(&mut record, &EventHeader::new(1, 7, 0), b"").unwrap();
    /// assert!(!EventHeader::from_bytes(&record).is_checksummed());
    /// add_checksum(&mut record, 0, crc32c_append).unwrap();
    /// assert!(EventHeader::from_bytes(&record).is_checksummed());
    /// ```
    #[must_use]
    #[inline]
    pub const fn is_checksummed(&self) -> bool {
        self.flags & flags::CHECKSUMMED != 0
    }

    /// Returns the length of the record: the bytes from its start to the start of the next one.
    ///
    /// ```
    /// use ringlog_nostd::EventHeader;
    ///
    ///
    /// assert_eq!(EventHeader::new(1, 7, 3).stride(), 24); // header 16, payload 3, padding 5
    /// ```
    #[must_use]
    #[inline]
    pub const fn stride(&self) -> usize {
        record_len(self.payload_len as usize)
    }

    /// Returns the header as two 64-bit words. Stored little-endian, one after the other, they are its bytes.
    ///
    /// ```
    /// use ringlog_nostd::EventHeader;
    ///
    ///
    /// assert_eq!(EventHeader::new(9, 7, 3).to_words(), [9, 7 | 3 << 16]);
    /// ```
    #[must_use]
    #[inline]
    pub const fn to_words(&self) -> [u64; 2] {
        let low = self.event_type as u64 | (self.flags as u64) << 8 | (self.payload_len as u64) << 16;
        [self.timestamp, low | (self.checksum as u64) << 32]
    }

    /// Returns the header of two words: the inverse of [`to_words`](Self::to_words). Any two words are a header.
    ///
    /// ```
    /// use ringlog_nostd::EventHeader;
    ///
    ///
    /// assert_eq!(EventHeader::from_words([9, 7 | 3 << 16]), EventHeader::new(9, 7, 3));
    /// ```
    #[must_use]
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "each cast takes one field out of the word")]
    pub const fn from_words(words: [u64; 2]) -> Self {
        let [timestamp, rest] = words;
        Self {
            timestamp,
            event_type: rest as u8,
            flags: (rest >> 8) as u8,
            payload_len: (rest >> 16) as u16,
            checksum: (rest >> 32) as u32,
        }
    }

    /// Returns the bytes of the header in a record.
    ///
    /// ```
    /// use ringlog_nostd::EventHeader;
    ///
    ///
    /// let bytes = EventHeader::new(9, 7, 3).to_bytes();
    /// assert_eq!(bytes, [9, 0, 0, 0, 0, 0, 0, 0, 7, 0, 3, 0, 0, 0, 0, 0]);
    /// ```
    #[must_use]
    #[inline]
    pub fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let [first, second] = self.to_words();
        let mut bytes = [0; HEADER_LEN];
        let (low, high) = bytes.split_at_mut(8);
        low.copy_from_slice(&first.to_le_bytes());
        high.copy_from_slice(&second.to_le_bytes());
        bytes
    }

    /// Reads a header: the inverse of [`to_bytes`](Self::to_bytes). Any 16 bytes are a header, valid or not.
    ///
    /// ```
    /// use ringlog_nostd::EventHeader;
    ///
    ///
    /// let header = EventHeader::new(9, 7, 3);
    /// assert_eq!(EventHeader::from_bytes(&header.to_bytes()), header);
    /// ```
    #[must_use]
    #[inline]
    pub fn from_bytes(bytes: &[u8; HEADER_LEN]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *bytes;
        Self::from_words([
            u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            u64::from_le_bytes([i, j, k, l, m, n, o, p]),
        ])
    }
}

/// Returns the length of a record with a payload of `payload_len` bytes: header, payload and padding.
///
/// # Panics
///
/// May panic if `payload_len` is above [`MAX_PAYLOAD`], which no record's is. Check the length first.
///
/// ```
/// use ringlog_nostd::format::record_len;
///
/// assert_eq!((record_len(0), record_len(1), record_len(8), record_len(9)), (16, 24, 24, 32));
/// ```
#[must_use]
#[inline]
pub const fn record_len(payload_len: usize) -> usize {
    debug_assert!(payload_len <= MAX_PAYLOAD);
    let rounding = HEADER_LEN + RECORD_ALIGN - 1;
    // With 16-bit words the longest records do not fit into memory: their length saturates, above that of any ring or
    // slice. With wider words nothing overflows.
    let end = if usize::BITS > 16 { payload_len + rounding } else { payload_len.saturating_add(rounding) };
    end & !(RECORD_ALIGN - 1)
}

const _: () = assert!(size_of::<EventHeader>() == HEADER_LEN);
const _: () = assert!(record_len(0) == 16 && record_len(1) == 24 && record_len(8) == 24);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_the_documented_ones_on_every_target() {
        let mut header = EventHeader::new(0x0102_0304_0506_0708, 0xA1, 0xB1B2).with_flags(0xC1);
        header.checksum = 0xD1D2_D3D4;
        let bytes = header.to_bytes();
        assert_eq!(bytes, [8, 7, 6, 5, 4, 3, 2, 1, 0xA1, 0xC1, 0xB2, 0xB1, 0xD4, 0xD3, 0xD2, 0xD1]);
        assert_eq!(EventHeader::from_bytes(&bytes), header);
        assert_eq!(EventHeader::from_words(header.to_words()), header);
    }

    #[test]
    fn the_callers_flags_are_four_bits() {
        let header = EventHeader::new(1, 2, 3).with_flags(0xFA);
        assert_eq!((header.user_flags(), header.as_user().flags), (0x0A, 0x0A));
    }

    #[test]
    fn record_len_is_the_next_multiple_of_eight() {
        for len in 0..=MAX_PAYLOAD {
            let stride = record_len(len);
            assert!(stride.is_multiple_of(8) && stride >= 16 + len && stride < 16 + len + 8);
        }
    }
}
