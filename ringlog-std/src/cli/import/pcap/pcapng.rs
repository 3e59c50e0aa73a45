//! The blocks of a pcapng section.

use crate::cli::import::pcap::packet::{Found, PCAPNG_MAGIC, half_at, word_at};
use crate::cli::import::pcap::time::TimeUnit;

const BYTE_ORDER_MAGIC: u32 = 0x1A2B_3C4D;
const INTERFACE_DESCRIPTION: u32 = 1;
/// The packet block of the first drafts of the format.
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

const OPTION_END: u16 = 0;
const OPTION_TSRESOL: u16 = 9;
const OPTION_TSOFFSET: u16 = 14;
const MICROSECONDS: u8 = 6;

/// Types of blocks that the search after damage finds: those of the format's description, and custom ones.
const KNOWN_BLOCKS: [std::ops::RangeInclusive<u32>; 3] = [1..=10, 0xBAD..=0xBAD, 0x4000_0BAD..=0x4000_0BAD];

/// Returns whether the section that this block begins is big-endian; `None` if it begins no section.
fn first_block_is_big_endian(head: &[u8]) -> Option<bool> {
    [false, true].into_iter().find(|&is_big_endian| word_at(head, 8, is_big_endian) == BYTE_ORDER_MAGIC)
}

/// Why a section cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SectionProblem {
    /// It has neither byte order.
    NoByteOrder,
    /// The version is neither 1.0, which the format describes, nor 1.2, which means the same.
    Version(u16, u16),
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    /// `None` if the unit in the file is impossible.
    unit: Option<TimeUnit>,
    snap_bytes: u32,
}

/// What the blocks of a section so far say about the following ones.
#[derive(Debug)]
pub(crate) struct Section {
    is_big_endian: bool,
    interfaces: Vec<Interface>,
    /// The time of the packet before, also from an earlier section.
    timestamp: Option<u64>,
    packets_with_time_before: u64,
    /// Whether blocks are missing; then the number of an interface that is described later is not known.
    has_lost_blocks: bool,
}

impl Section {
    /// Bytes of a block's type and length, and of the byte order of a section.
    pub(crate) const BLOCK_HEAD_BYTES: usize = 12;
    /// Bytes of the start of a section, with its version.
    pub(crate) const START_BYTES: usize = 16;

    /// Makes a section of which nothing is known yet.
    pub(crate) fn new(is_big_endian: bool) -> Self {
        Self {
            is_big_endian,
            interfaces: Vec::new(),
            timestamp: None,
            packets_with_time_before: 0,
            has_lost_blocks: false,
        }
    }

    /// Begins the next section, which has no interfaces yet.
    pub(crate) fn restart(&mut self, start: &[u8]) -> Result<(), SectionProblem> {
        let is_big_endian = first_block_is_big_endian(start).ok_or(SectionProblem::NoByteOrder)?;
        match (half_at(start, 12, is_big_endian), half_at(start, 14, is_big_endian)) {
            (1, 0 | 2) => {}
            (major, minor) => return Err(SectionProblem::Version(major, minor)),
        }
        self.is_big_endian = is_big_endian;
        self.interfaces.clear();
        self.has_lost_blocks = false;
        Ok(())
    }

    /// Notes that blocks are missing.
    pub(crate) fn lose_blocks(&mut self) {
        self.has_lost_blocks = true;
    }

    /// Returns the length in the head of a block.
    pub(crate) fn block_bytes(&self, head: &[u8]) -> u32 {
        word_at(head, 4, self.is_big_endian)
    }

    /// Returns the length of the block that may start with this head.
    pub(crate) fn plausible_bytes(&self, head: &[u8]) -> Option<usize> {
        let block_type = word_at(head, 0, self.is_big_endian);
        let is_known = || KNOWN_BLOCKS.iter().any(|known| known.contains(&block_type));
        let is_big_endian = if head.starts_with(&PCAPNG_MAGIC) {
            first_block_is_big_endian(head)?
        } else {
            is_known().then_some(self.is_big_endian)?
        };
        Some(word_at(head, 4, is_big_endian) as usize).filter(|&bytes| bytes >= 12)
    }

    /// Whether a block has its length at its end too.
    pub(crate) fn is_whole(&self, block: &[u8]) -> bool {
        let start = block.starts_with(&PCAPNG_MAGIC).then(|| first_block_is_big_endian(block)).flatten();
        let is_big_endian = start.unwrap_or(self.is_big_endian);
        let end = block.len().checked_sub(4);
        end.is_some_and(|end| word_at(block, end, is_big_endian) as usize == block.len())
    }

    /// Describes a damaged block.
    pub(crate) fn damaged_words(&self, block: &[u8]) -> String {
        let block_type = word_at(block, 0, self.is_big_endian);
        format!("damaged block of type {block_type:#x}, {} bytes", block.len())
    }

    /// Returns a note for the end of the import.
    pub(crate) fn note(&self) -> Option<String> {
        (self.packets_with_time_before > 0).then(|| {
            format!(
                "packets without a time that took that of the packet before: {}",
                self.packets_with_time_before
            )
        })
    }

    /// Parses one whole block.
    pub(crate) fn take_block(&mut self, block: &[u8], payload: &mut Vec<u8>) -> Found {
        let block_type = word_at(block, 0, self.is_big_endian);
        let found = self.body(block).and_then(|body| match block_type {
            INTERFACE_DESCRIPTION => self.add_interface(body),
            ENHANCED_PACKET => {
                let interface = word_at(body, 0, self.is_big_endian);
                self.take_packet(interface, body, payload)
            }
            OBSOLETE_PACKET => {
                let interface = half_at(body, 0, self.is_big_endian);
                self.take_packet(interface.into(), body, payload)
            }
            SIMPLE_PACKET => self.take_simple_packet(body, payload),
            _ => Some(Found::Nothing),
        });
        found.unwrap_or_else(|| Found::Unusable(self.damaged_words(block)))
    }

    /// Returns what is between the two lengths of a block, if the lengths agree.
    fn body<'a>(&self, block: &'a [u8]) -> Option<&'a [u8]> {
        if self.is_whole(block) { block.get(8..block.len() - 4) } else { None }
    }

    /// Adds an interface. A damaged one keeps its number, so that no packet gets the time of another interface.
    fn add_interface(&mut self, body: &[u8]) -> Option<Found> {
        if self.has_lost_blocks {
            return Some(Found::Nothing);
        }
        let interface = self.read_interface(body);
        self.interfaces.push(interface.unwrap_or(Interface { unit: None, snap_bytes: 0 }));
        interface.map(|_| Found::Nothing)
    }

    fn read_interface(&self, body: &[u8]) -> Option<Interface> {
        let (mut tsresol, mut offset_seconds) = (MICROSECONDS, 0);
        let mut options = body.get(8..)?;
        while options.len() >= 4 {
            let length = usize::from(half_at(options, 2, self.is_big_endian));
            let value = options.get(4..4 + length)?;
            match half_at(options, 0, self.is_big_endian) {
                OPTION_END => break,
                OPTION_TSRESOL => tsresol = *value.first()?,
                OPTION_TSOFFSET if self.is_big_endian => {
                    offset_seconds = i64::from_be_bytes(*value.first_chunk()?);
                }
                OPTION_TSOFFSET => offset_seconds = i64::from_le_bytes(*value.first_chunk()?),
                _ => {}
            }
            options = options.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
        }
        Some(Interface {
            unit: TimeUnit::from_options(tsresol, offset_seconds),
            snap_bytes: word_at(body, 4, self.is_big_endian),
        })
    }

    /// Parses an enhanced or an obsolete packet block. They differ only in the first four bytes: the obsolete one has a
    /// shorter interface number, and a count of drops.
    fn take_packet(&mut self, interface_id: u32, body: &[u8], payload: &mut Vec<u8>) -> Option<Found> {
        let word = |at| word_at(body, at, self.is_big_endian);
        let data = body.get(20..)?.get(..word(12) as usize)?;
        let Some(interface) = self.interfaces.get(interface_id as usize) else {
            return Some(Found::Unusable(self.no_interface(interface_id)));
        };
        let units = u64::from(word(4)) << 32 | u64::from(word(8));
        let Some(timestamp) = interface.unit.and_then(|unit| unit.to_nanos(units)) else {
            return Some(Found::Unusable(format!("packet with an impossible time of {units} units")));
        };
        let original_bytes = word(16);
        self.timestamp = Some(timestamp);
        payload.clear();
        payload.extend_from_slice(data);
        Some(Found::Packet { timestamp: Some(timestamp), original_bytes })
    }

    fn no_interface(&self, interface_id: u32) -> String {
        let why = if self.has_lost_blocks { ", as far as the capture can be read" } else { "" };
        format!("packet of an interface {interface_id} that is not described{why}")
    }

    fn take_simple_packet(&mut self, body: &[u8], payload: &mut Vec<u8>) -> Option<Found> {
        let original_bytes = word_at(body, 0, self.is_big_endian);
        let room = body.get(4..)?;
        let Some(interface) = self.interfaces.first() else {
            return Some(Found::Unusable(self.no_interface(0)));
        };
        let captured = match interface.snap_bytes {
            0 => original_bytes,
            snap_bytes => original_bytes.min(snap_bytes),
        };
        let Some(data) = room.get(..captured as usize) else {
            return Some(Found::Unusable(format!("packet of {captured} bytes in a shorter block")));
        };
        payload.clear();
        payload.extend_from_slice(data);
        self.packets_with_time_before += u64::from(self.timestamp.is_some());
        Some(Found::Packet { timestamp: self.timestamp, original_bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(block_type: u32, body: &[u8], big: bool) -> Vec<u8> {
        let word = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
        let length = word(body.len() as u32 + 12);
        [&word(block_type)[..], &length, body, &length].concat()
    }

    fn words(values: &[u32], big: bool) -> Vec<u8> {
        values.iter().flat_map(|value| if big { value.to_be_bytes() } else { value.to_le_bytes() }).collect()
    }

    fn short(value: u16, big: bool) -> [u8; 2] {
        if big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    /// Ethernet, with the unit 10^-9 and an offset of 100 s.
    fn interface(snap_bytes: u32, big: bool) -> Vec<u8> {
        let mut body = [short(1, big), short(0, big)].concat();
        body.extend(words(&[snap_bytes], big));
        body.extend([short(9, big), short(1, big)].concat());
        body.extend([9, 0, 0, 0]);
        body.extend([short(14, big), short(8, big)].concat());
        body.extend(if big { 100_i64.to_be_bytes() } else { 100_i64.to_le_bytes() });
        body.extend([0; 4]);
        block(1, &body, big)
    }

    fn enhanced(interface: u32, nanos: u64, data: &[u8], big: bool) -> Vec<u8> {
        let length = data.len() as u32;
        let mut body = words(&[interface, (nanos >> 32) as u32, nanos as u32, length, length + 5], big);
        body.extend(data);
        body.resize(body.len().next_multiple_of(4), 0);
        block(6, &body, big)
    }

    #[test]
    fn packets_of_both_byte_orders_keep_nanoseconds_and_offset() {
        for big in [false, true] {
            let mut section = Section::new(big);
            let mut payload = Vec::new();
            assert_eq!(section.take_block(&interface(0, big), &mut payload), Found::Nothing);
            let found = section.take_block(&enhanced(0, 5_000_000_001, b"packet", big), &mut payload);
            assert_eq!(found, Found::Packet { timestamp: Some(105_000_000_001), original_bytes: 11 });
            assert_eq!(payload, b"packet");
        }
    }

    #[test]
    fn simple_packets_are_cut_at_the_snap_length_and_take_the_last_time() {
        let mut section = Section::new(false);
        let mut payload = Vec::new();
        section.take_block(&interface(6, false), &mut payload);
        section.take_block(&enhanced(0, 1, b"x", false), &mut payload);
        let mut body = words(&[1500], false);
        body.extend(b"sixsix\0\0");
        let found = section.take_block(&block(3, &body, false), &mut payload);
        assert_eq!(found, Found::Packet { timestamp: Some(100_000_000_001), original_bytes: 1500 });
        assert_eq!(payload, b"sixsix");
        assert!(section.note().is_some());
    }

    #[test]
    fn what_cannot_be_an_event_is_reported() {
        let mut section = Section::new(false);
        let mut payload = Vec::new();
        let unusable = |found| matches!(found, Found::Unusable(_));
        assert!(unusable(section.take_block(&enhanced(0, 1, b"x", false), &mut payload)));
        section.take_block(&interface(0, false), &mut payload);
        assert!(unusable(section.take_block(&enhanced(1, 1, b"x", false), &mut payload)));
        let mut damaged = enhanced(0, 1, b"x", false);
        damaged[20] = 200;
        assert!(unusable(section.take_block(&damaged, &mut payload)));
    }

    #[test]
    fn no_block_of_any_bytes_panics() {
        let mut state = 1_u64;
        for round in 0..20_000 {
            let mut bytes =
                if round % 2 == 0 { enhanced(0, 1, &[3; 40], false) } else { interface(9, false) };
            for _ in 0..3 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = (state >> 33) as usize % bytes.len();
                bytes[at] = (state >> 20) as u8;
            }
            let mut section = Section::new(round % 4 == 3);
            section.take_block(&interface(0, false), &mut Vec::new());
            section.take_block(&bytes, &mut Vec::new());
        }
    }
}
