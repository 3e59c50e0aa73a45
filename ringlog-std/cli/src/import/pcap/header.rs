//! The header of a pcap file, and the layout of its records.

use crate::import::pcap::packet::{BLOCK_BYTES_MAX, Found, half_at, word_at};
use crate::import::pcap::time::TimeUnit;

const MICROS_MAGIC: u32 = 0xA1B2_C3D4;
const NANOS_MAGIC: u32 = 0xA1B2_3C4D;
/// Written by a patched libpcap of 1999: each record has 8 more bytes, about the interface.
const MODIFIED_MAGIC: u32 = 0xA1B2_CD34;

/// The order of the two lengths in a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum LengthOrder {
    CapturedFirst,
    OriginalFirst,
    /// Writers of version 2.3 used both orders. The captured length is never the larger one.
    ShorterIsCaptured,
}

/// The header of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PcapHeader {
    is_big_endian: bool,
    is_modified: bool,
    unit: TimeUnit,
    units_per_second: u64,
    length_order: LengthOrder,
    link_type: u16,
    /// Packets with a fraction of one second or more.
    carried: u64,
}

impl PcapHeader {
    /// Length of a header in bytes.
    pub(crate) const BYTES: usize = 24;

    /// Whether a pcap file may start with these bytes.
    pub(crate) fn has_magic(magic: [u8; 4]) -> bool {
        byte_order(&magic).is_some()
    }

    /// Parses a header, or says why it cannot be read.
    pub(crate) fn parse(header: &[u8]) -> Result<Self, String> {
        let Some((is_big_endian, magic)) = byte_order(header) else {
            return Err("no packet capture starts like this; give --format".into());
        };
        if header.len() < Self::BYTES {
            return Err(format!(
                "the capture is cut short: {} of {} bytes; copy the file again",
                header.len(),
                Self::BYTES
            ));
        }
        let version = (half_at(header, 4, is_big_endian), half_at(header, 6, is_big_endian));
        let (unit, units_per_second) = match magic {
            NANOS_MAGIC => (TimeUnit::NANOS, 1_000_000_000),
            _ => (TimeUnit::MICROS, 1_000_000),
        };
        let is_modified = magic == MODIFIED_MAGIC;
        let length_order = length_order(version)?;
        // The upper bits are about check sequences at the ends of packets.
        let link_type = word_at(header, 20, is_big_endian) as u16;
        Ok(Self { is_big_endian, is_modified, unit, units_per_second, length_order, link_type, carried: 0 })
    }

    /// Returns the link type of its packets.
    pub(crate) const fn link_type(&self) -> u16 {
        self.link_type
    }

    /// Returns the length of the record header before the bytes of a packet.
    pub(crate) fn record_head_bytes(&self) -> usize {
        if self.is_modified { 24 } else { 16 }
    }

    /// Returns the captured and the original length of a packet.
    pub(crate) fn lengths(&self, head: &[u8]) -> (u32, u32) {
        let (first, second) = (word_at(head, 8, self.is_big_endian), word_at(head, 12, self.is_big_endian));
        match self.length_order {
            LengthOrder::CapturedFirst => (first, second),
            LengthOrder::OriginalFirst => (second, first),
            LengthOrder::ShorterIsCaptured => (first.min(second), first.max(second)),
        }
    }

    /// Returns the length of the record that may start with this head; `may_be` decides about its time.
    pub(crate) fn plausible_bytes(&self, head: &[u8], may_be: impl Fn(u64) -> bool) -> Option<usize> {
        let (captured, original) = self.lengths(head);
        let fraction = u64::from(word_at(head, 4, self.is_big_endian));
        let is_plausible =
            captured <= original && original <= BLOCK_BYTES_MAX && fraction < self.units_per_second;
        let has_time = self.time(head).is_some_and(may_be);
        let is_zero = head.iter().take(self.record_head_bytes()).all(|&byte| byte == 0);
        (is_plausible && has_time && !is_zero).then(|| self.record_head_bytes() + captured as usize)
    }

    /// Returns the time of a packet in nanoseconds since 1970.
    pub(crate) fn time(&self, head: &[u8]) -> Option<u64> {
        self.unit.to_nanos(self.units(head))
    }

    fn units(&self, head: &[u8]) -> u64 {
        let word = |at| u64::from(word_at(head, at, self.is_big_endian));
        word(0) * self.units_per_second + word(4)
    }

    /// Returns a note for the end of the import.
    pub(crate) fn note(&self) -> Option<String> {
        let unit = if self.unit == TimeUnit::NANOS { "nanoseconds" } else { "microseconds" };
        (self.carried > 0).then(|| {
            format!(
                "packets whose {unit} are a second or more, which was added to their seconds (is the unit of the file \
                 another one?): {}",
                self.carried
            )
        })
    }

    /// Parses a whole record.
    pub(crate) fn take_packet(&mut self, record: &[u8], payload: &mut Vec<u8>) -> Found {
        let (_, original_bytes) = self.lengths(record);
        payload.clear();
        payload.extend_from_slice(record.get(self.record_head_bytes()..).unwrap_or_default());
        let units = self.units(record);
        self.carried += u64::from(u64::from(word_at(record, 4, self.is_big_endian)) >= self.units_per_second);
        match self.unit.to_nanos(units) {
            timestamp @ Some(_) => Found::Packet { timestamp, original_bytes },
            None => Found::Unusable(format!("packet with an impossible time of {units} units")),
        }
    }
}

/// Returns whether the file is big-endian, and its magic as a number.
fn byte_order(header: &[u8]) -> Option<(bool, u32)> {
    let known = |magic| matches!(magic, MICROS_MAGIC | NANOS_MAGIC | MODIFIED_MAGIC);
    let orders = [false, true].map(|is_big_endian| (is_big_endian, word_at(header, 0, is_big_endian)));
    orders.into_iter().find(|&(_, magic)| known(magic))
}

/// Returns the order as libpcap does; version 543.0 is from the tcpdump of DG/UX.
fn length_order(version: (u16, u16)) -> Result<LengthOrder, String> {
    match version {
        (2, 0..=2) | (543, 0) => Ok(LengthOrder::OriginalFirst),
        (2, 3) => Ok(LengthOrder::ShorterIsCaptured),
        (2, 4) => Ok(LengthOrder::CapturedFirst),
        (major, minor) => Err(format!(
            "a capture of version {major}.{minor}, this program reads 2.0 to 2.4; rewrite it with `editcap`"
        )),
    }
}
