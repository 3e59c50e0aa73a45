//! The blocks of a pcapng section.

use crate::import::pcap::packet::{Found, Named, PCAPNG_MAGIC, Source, half_at, word_at};
use crate::import::pcap::time::TimeUnit;

const BYTE_ORDER_MAGIC: u32 = 0x1A2B_3C4D;
const INTERFACE_DESCRIPTION: u32 = 1;
/// Length of the shortest description of an interface.
const INTERFACE_BYTES_MIN: u64 = 20;
/// The packet block of the first drafts of the format.
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;

const OPTION_END: u16 = 0;
const OPTION_NAME: u16 = 2;
/// In a packet: packets that were dropped since the one before. In statistics: dropped by the interface so far.
const OPTION_PACKET_DROPS: u16 = 4;
const OPTION_INTERFACE_DROPS: u16 = 5;
const OPTION_SYSTEM_DROPS: u16 = 7;
const OPTION_TSRESOL: u16 = 9;
const OPTION_TSOFFSET: u16 = 14;
const MICROSECONDS: u8 = 6;
/// Interfaces and bytes of their names that are kept.
const NAMED_MAX: usize = 4096;
const NAME_BYTES_MAX: usize = 256;

/// Types of blocks that the search after damage finds: those of the format's description, and custom ones.
const KNOWN_BLOCKS: [std::ops::RangeInclusive<u32>; 3] = [1..=10, 0xBAD..=0xBAD, 0x4000_0BAD..=0x4000_0BAD];

fn is_known(block_type: u32) -> bool {
    KNOWN_BLOCKS.iter().any(|known| known.contains(&block_type))
}

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
    link_type: u16,
    drops: Drops,
}

/// Packets of an interface that were dropped while they were captured.
#[derive(Clone, Copy, Debug, Default)]
struct Drops {
    /// The sum of the counts at the packets.
    of_packets: u64,
    /// The last count of the statistics, which is one since the start.
    of_statistics: u64,
}

/// What the blocks of a section so far say about the following ones.
#[derive(Debug)]
pub(crate) struct Section {
    is_big_endian: bool,
    interfaces: Vec<Interface>,
    /// The time of the packet before, also from an earlier section.
    timestamp: Option<u64>,
    packets_with_time_before: u64,
    /// Packets that the interfaces of earlier sections dropped.
    dropped_before: u64,
    /// Whether a description of an interface may be missing; then the number of an interface that is described later is not
    /// known.
    has_lost_blocks: bool,
    /// Whether a block followed the header of the section.
    has_blocks: bool,
    /// The first interfaces of the file that were described, also in earlier sections.
    named: Vec<Named>,
    /// The number of interfaces of earlier sections.
    interfaces_before: usize,
    /// From where the last packet is.
    source: Source,
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
            dropped_before: 0,
            has_lost_blocks: false,
            has_blocks: false,
            named: Vec::new(),
            interfaces_before: 0,
            source: Source::default(),
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
        self.dropped_before = self.dropped();
        self.interfaces_before += self.interfaces.len();
        self.interfaces.clear();
        (self.has_lost_blocks, self.has_blocks) = (false, false);
        Ok(())
    }

    /// Notes that these bytes are missing, which may be blocks.
    pub(crate) fn lose_blocks(&mut self, bytes: u64) {
        (self.has_blocks, self.has_lost_blocks) =
            (true, self.has_lost_blocks || bytes >= INTERFACE_BYTES_MIN);
    }

    /// Notes that a block of this type is missing. An interface that it described keeps its number.
    pub(crate) fn lose_block(&mut self, block_type: u32, bytes: u64) {
        self.has_blocks = true;
        match block_type {
            INTERFACE_DESCRIPTION => drop(self.add_interface(&[])),
            block_type if is_known(block_type) => {}
            _ => self.lose_blocks(bytes),
        }
    }

    /// Whether the first interface of the section is described here, with no block between it and the header.
    pub(crate) fn begins_with_interface(&self, head: &[u8]) -> bool {
        !self.has_blocks && self.block_type(head) == INTERFACE_DESCRIPTION
    }

    pub(crate) fn block_type(&self, head: &[u8]) -> u32 {
        word_at(head, 0, self.is_big_endian)
    }

    /// Returns the length in the head of a block.
    pub(crate) fn block_bytes(&self, head: &[u8]) -> u32 {
        word_at(head, 4, self.is_big_endian)
    }

    /// Returns the length of the block that may start with this head.
    pub(crate) fn plausible_bytes(&self, head: &[u8]) -> Option<usize> {
        let block_type = word_at(head, 0, self.is_big_endian);
        let is_big_endian = if head.starts_with(&PCAPNG_MAGIC) {
            first_block_is_big_endian(head)?
        } else {
            is_known(block_type).then_some(self.is_big_endian)?
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
        let block_type = self.block_type(block);
        format!("damaged block of type {block_type:#x}, {} bytes", block.len())
    }

    /// Returns how many packets were dropped while they were captured, as the capture says.
    ///
    /// Packets and statistics may count the same drops, so the larger count is that of an interface.
    fn dropped(&self) -> u64 {
        let of_interface = |it: &Interface| it.drops.of_packets.max(it.drops.of_statistics);
        self.interfaces.iter().map(of_interface).fold(self.dropped_before, u64::saturating_add)
    }

    /// Returns notes for the end of the import.
    pub(crate) fn notes(&self) -> impl Iterator<Item = String> {
        let untimed = self.packets_with_time_before;
        let untimed = (untimed > 0)
            .then(|| format!("packets without a time that took that of the packet before: {untimed}"));
        let dropped = self.dropped();
        let dropped = (dropped > 0).then(|| {
            format!(
                "packets that were dropped while the others were captured, as the capture says: {dropped}"
            )
        });
        untimed.into_iter().chain(dropped)
    }

    /// Parses one whole block.
    pub(crate) fn take_block(&mut self, block: &[u8], payload: &mut Vec<u8>) -> Found {
        let block_type = self.block_type(block);
        self.has_blocks |= !block.starts_with(&PCAPNG_MAGIC);
        let found = self.body(block).and_then(|body| match block_type {
            INTERFACE_DESCRIPTION => self.add_interface(body),
            ENHANCED_PACKET => {
                let interface = word_at(body, 0, self.is_big_endian);
                self.take_packet(interface, 0, body, payload)
            }
            OBSOLETE_PACKET => {
                let interface = half_at(body, 0, self.is_big_endian);
                let dropped = half_at(body, 2, self.is_big_endian);
                let known = if dropped == u16::MAX { 0 } else { dropped };
                self.take_packet(interface.into(), known.into(), body, payload)
            }
            SIMPLE_PACKET => self.take_simple_packet(body, payload),
            INTERFACE_STATISTICS => Some(self.take_statistics(body)),
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
        let link_type = half_at(body, 0, self.is_big_endian);
        let (interface, name) = self.read_interface(body).unzip();
        if self.named.len() < NAMED_MAX {
            self.named.push(Named { link_type, name: name.flatten() });
        }
        self.interfaces.push(interface.unwrap_or(Interface {
            unit: None,
            snap_bytes: 0,
            link_type,
            drops: Drops::default(),
        }));
        interface.map(|_| Found::Nothing)
    }

    fn read_interface(&self, body: &[u8]) -> Option<(Interface, Option<String>)> {
        let (mut tsresol, mut offset_seconds, mut name) = (MICROSECONDS, 0, None);
        self.take_options(body.get(8..)?, |code, value| {
            match code {
                OPTION_NAME => {
                    name = Some(
                        String::from_utf8_lossy(value.get(..NAME_BYTES_MAX).unwrap_or(value)).into_owned(),
                    )
                }
                OPTION_TSRESOL => tsresol = *value.first()?,
                OPTION_TSOFFSET => offset_seconds = self.double_word(value)?.cast_signed(),
                _ => {}
            }
            Some(())
        })?;
        let interface = Interface {
            unit: TimeUnit::from_options(tsresol, offset_seconds),
            snap_bytes: word_at(body, 4, self.is_big_endian),
            link_type: half_at(body, 0, self.is_big_endian),
            drops: Drops::default(),
        };
        Some((interface, name))
    }

    /// Returns from where the packet is that was taken last.
    pub(crate) const fn source(&self) -> Source {
        self.source
    }

    /// Returns the interfaces that were described, in their order.
    pub(crate) fn into_named(self) -> Vec<Named> {
        self.named
    }

    /// Notes from where a packet is; `id` counts the interfaces of this section.
    fn note_source(&mut self, id: usize) {
        if let Some(&Interface { link_type, .. }) = self.interfaces.get(id) {
            let interface = u16::try_from(self.interfaces_before + id).unwrap_or(u16::MAX);
            self.source = Source { interface, link_type };
        }
    }

    /// Calls `take` with the code and the value of each option. Ends with `None` if one does not fit, or if `take` does.
    fn take_options(&self, mut options: &[u8], mut take: impl FnMut(u16, &[u8]) -> Option<()>) -> Option<()> {
        while options.len() >= 4 {
            let length = usize::from(half_at(options, 2, self.is_big_endian));
            let value = options.get(4..4 + length)?;
            match half_at(options, 0, self.is_big_endian) {
                OPTION_END => break,
                code => take(code, value)?,
            }
            options = options.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
        }
        Some(())
    }

    fn double_word(&self, value: &[u8]) -> Option<u64> {
        let value = *value.first_chunk()?;
        Some(if self.is_big_endian { u64::from_be_bytes(value) } else { u64::from_le_bytes(value) })
    }

    /// Adds up the counts of these options; those that do not fit count nothing.
    fn sum_of_options(&self, options: &[u8], counts: &[u16]) -> u64 {
        let mut sum = 0_u64;
        self.take_options(options, |code, value| {
            if counts.contains(&code) {
                sum = sum.saturating_add(self.double_word(value)?);
            }
            Some(())
        });
        sum
    }

    /// Notes how many packets were dropped. Statistics without an interface, or damaged ones, are left out.
    fn take_statistics(&mut self, body: &[u8]) -> Found {
        let options = body.get(12..).unwrap_or_default();
        let dropped = self.sum_of_options(options, &[OPTION_INTERFACE_DROPS, OPTION_SYSTEM_DROPS]);
        if let Some(interface) = self.interfaces.get_mut(word_at(body, 0, self.is_big_endian) as usize) {
            interface.drops.of_statistics = dropped.max(interface.drops.of_statistics);
        }
        Found::Nothing
    }

    /// Parses an enhanced or an obsolete packet block. They differ only in the first four bytes: the obsolete one has a
    /// shorter interface number, and a count of drops.
    fn take_packet(
        &mut self,
        interface_id: u32,
        dropped: u64,
        body: &[u8],
        payload: &mut Vec<u8>,
    ) -> Option<Found> {
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
        let options = body.get(20 + data.len().next_multiple_of(4)..).unwrap_or_default();
        let dropped = dropped.saturating_add(self.sum_of_options(options, &[OPTION_PACKET_DROPS]));
        if let Some(Interface { drops, .. }) = self.interfaces.get_mut(interface_id as usize) {
            drops.of_packets = drops.of_packets.saturating_add(dropped);
        }
        self.timestamp = Some(timestamp);
        self.note_source(interface_id as usize);
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
        self.note_source(0);
        payload.clear();
        payload.extend_from_slice(data);
        self.packets_with_time_before += u64::from(self.timestamp.is_some());
        Some(Found::Packet { timestamp: self.timestamp, original_bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;

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
        assert_eq!(section.notes().count(), 1);
    }

    /// Drops of the interface and of the system since the start of the capture.
    fn statistics(interface: u32, of_interface: u64, of_system: u64, big: bool) -> Vec<u8> {
        let mut body = words(&[interface, 0, 0], big);
        for (code, count) in [(4, 1000), (5, of_interface), (7, of_system)] {
            body.extend([short(code, big), short(8, big)].concat());
            body.extend(if big { count.to_be_bytes() } else { count.to_le_bytes() });
        }
        block(5, &body, big)
    }

    #[test]
    fn drops_of_the_capture_are_counted_once_per_interface_and_section() {
        for big in [false, true] {
            let dropped_before = |count: u64| {
                let mut body = words(&[1, 0, 1, 1, 1], big);
                body.extend(*b"x\0\0\0");
                body.extend([short(4, big), short(8, big)].concat());
                body.extend(if big { count.to_be_bytes() } else { count.to_le_bytes() });
                block(6, &body, big)
            };
            let mut body = [short(0, big), short(2, big)].concat();
            body.extend(words(&[0, 1, 1, 1], big));
            body.extend(*b"x\0\0\0");
            let mut section = Section::new(big);
            let take = |section: &mut Section, blocks: &[Vec<u8>]| {
                for block in blocks {
                    let found = section.take_block(block, &mut Vec::new());
                    assert!(!matches!(found, Found::Unusable(_)), "{found:?}");
                }
                section.dropped()
            };
            assert_eq!(take(&mut section, &[interface(0, big), interface(0, big)]), 0);
            // A later count includes the earlier one, and those at the packets.
            assert_eq!(take(&mut section, &[statistics(0, 3, 1, big), statistics(0, 5, 2, big)]), 7);
            assert_eq!(take(&mut section, &[dropped_before(2), dropped_before(3), block(2, &body, big)]), 12);
            assert_eq!(take(&mut section, &[statistics(1, 6, 0, big), statistics(9, 99, 0, big)]), 13);
            let magic = words(&[0, 28, BYTE_ORDER_MAGIC], big);
            section.restart(&[&magic[..], &short(1, big), &short(0, big)].concat()).unwrap();
            assert_eq!(take(&mut section, &[interface(0, big), statistics(0, 1000, 0, big)]), 1013);
            let notes: Vec<_> = section.notes().collect();
            assert_eq!(
                notes,
                ["packets that were dropped while the others were captured, as the capture says: 1013"]
            );
        }
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
    fn few_missing_bytes_hide_no_interface() {
        for (bytes, is_known) in [(4, true), (19, true), (20, false), (4096, false)] {
            let (mut section, mut payload) = (Section::new(false), Vec::new());
            section.lose_blocks(bytes);
            section.lose_blocks(4);
            section.take_block(&interface(0, false), &mut payload);
            let found = section.take_block(&enhanced(0, 1, b"x", false), &mut payload);
            assert_eq!(matches!(found, Found::Packet { .. }), is_known, "{bytes}");
        }
    }

    #[test]
    fn no_block_of_any_bytes_panics() {
        let mut dice = Dice(1);
        for round in 0..20_000 {
            let mut bytes =
                if round % 2 == 0 { enhanced(0, 1, &[3; 40], false) } else { interface(9, false) };
            for _ in 0..3 {
                let at = dice.below(bytes.len());
                bytes[at] = dice.next() as u8;
            }
            let mut section = Section::new(round % 4 == 3);
            section.take_block(&interface(0, false), &mut Vec::new());
            section.take_block(&bytes, &mut Vec::new());
        }
    }
}
