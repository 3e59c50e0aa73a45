//! What both kinds of capture have in common.
#![forbid(unsafe_code)]

/// No packet and no block is that long: a length beyond it is damage.
pub(crate) const BLOCK_BYTES_MAX: u32 = 64 << 20;

pub(crate) const PCAPNG_MAGIC: [u8; 4] = [0x0A, 0x0D, 0x0D, 0x0A];

/// What a block was found to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    /// A packet; its bytes are in the payload buffer.
    Packet {
        /// Nanoseconds since 1970; `None` if neither this packet nor one before it has a time.
        timestamp: Option<u64>,
        /// Length of the packet before the capture cut it.
        original_bytes: u32,
    },
    /// Not a packet, and nothing is lost by going on.
    Nothing,
    /// A packet that cannot be an event, or a block that cannot be read.
    Unusable(String),
}

/// The 32-bit word at `at`, 0 where there is none.
pub(crate) fn word_at(bytes: &[u8], at: usize, is_big_endian: bool) -> u32 {
    match bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(word) if is_big_endian => u32::from_be_bytes(*word),
        Some(word) => u32::from_le_bytes(*word),
        None => 0,
    }
}

/// The 16-bit word at `at`, 0 where there is none.
pub(crate) fn half_at(bytes: &[u8], at: usize, is_big_endian: bool) -> u16 {
    match bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(half) if is_big_endian => u16::from_be_bytes(*half),
        Some(half) => u16::from_le_bytes(*half),
        None => 0,
    }
}
