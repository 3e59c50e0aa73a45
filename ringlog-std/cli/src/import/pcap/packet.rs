//! What pcap and pcapng have in common.
#![forbid(unsafe_code)]

/// Longest packet or block; a larger length is damage.
pub(crate) const BLOCK_BYTES_MAX: u32 = 64 << 20;

pub(crate) const PCAPNG_MAGIC: [u8; 4] = [0x0A, 0x0D, 0x0D, 0x0A];

/// The content of a block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    /// A packet; its bytes are in the payload buffer.
    Packet {
        /// Nanoseconds since 1970; `None` if neither this packet nor one before it has a time.
        timestamp: Option<u64>,
        /// Length of the packet before the capture cut it.
        original_bytes: u32,
    },
    /// Not a packet; nothing is lost without it.
    Nothing,
    /// A packet that cannot be an event, or a block that cannot be read.
    Unusable(String),
}

/// Bytes of an event before those of the packet.
pub(crate) const HEAD_BYTES: usize = 8;

/// The interface that has captured a packet. All packets of a pcap file are from one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Source {
    /// Its place among all that the file describes, in all sections.
    pub(crate) interface: u16,
    pub(crate) link_type: u16,
}

impl Source {
    /// Puts the fields of the event before the packet's bytes.
    pub(crate) fn put_before(self, original_bytes: u32, packet: &mut Vec<u8>) {
        let mut head = [0; HEAD_BYTES];
        head[..2].copy_from_slice(&self.interface.to_le_bytes());
        head[2..4].copy_from_slice(&self.link_type.to_le_bytes());
        head[4..].copy_from_slice(&original_bytes.to_le_bytes());
        packet.splice(0..0, head);
    }
}

/// An interface as its description in a file names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Named {
    pub(crate) link_type: u16,
    pub(crate) name: Option<String>,
}

/// Returns the 32-bit word at `at`, or 0 past the end.
pub(crate) fn word_at(bytes: &[u8], at: usize, is_big_endian: bool) -> u32 {
    match bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(word) if is_big_endian => u32::from_be_bytes(*word),
        Some(word) => u32::from_le_bytes(*word),
        None => 0,
    }
}

/// Returns the 16-bit word at `at`, or 0 past the end.
pub(crate) fn half_at(bytes: &[u8], at: usize, is_big_endian: bool) -> u16 {
    match bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(half) if is_big_endian => u16::from_be_bytes(*half),
        Some(half) => u16::from_le_bytes(*half),
        None => 0,
    }
}
