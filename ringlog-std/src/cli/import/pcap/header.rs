//! The header of a pcap file, and how it has its records read.

use crate::cli::import::pcap::packet::{BLOCK_BYTES_MAX, Found, half_at, word_at};
use crate::cli::import::pcap::time::TimeUnit;

const MICROS_MAGIC: u32 = 0xA1B2_C3D4;
const NANOS_MAGIC: u32 = 0xA1B2_3C4D;
/// Of a patched libpcap of 1999: each record has 8 bytes more, about the interface.
const MODIFIED_MAGIC: u32 = 0xA1B2_CD34;

/// The order of a record's two lengths.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum LengthOrder {
    CapturedFirst,
    OriginalFirst,
    /// Writers of version 2.3 did not agree. A packet is not captured longer than it was.
    ShorterIsCaptured,
}

/// What a file's header says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PcapHeader {
    is_big_endian: bool,
    is_modified: bool,
    unit: TimeUnit,
    units_per_second: u64,
    length_order: LengthOrder,
    /// Packets with a fraction of the second that is more than one.
    carried: u64,
}

impl PcapHeader {
    /// Its length.
    pub(crate) const BYTES: usize = 24;

    /// Whether a pcap file may start with these bytes.
    pub(crate) fn has_magic(magic: [u8; 4]) -> bool {
        byte_order(&magic).is_some()
    }

    /// Reads a header, or says why there is none.
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
        Ok(Self { is_big_endian, is_modified, unit, units_per_second, length_order, carried: 0 })
    }

    /// The length of what is before a packet's bytes.
    pub(crate) fn record_head_bytes(&self) -> usize {
        if self.is_modified { 24 } else { 16 }
    }

    /// How much of the packet was captured, and how long it was.
    pub(crate) fn lengths(&self, head: &[u8]) -> (u32, u32) {
        let (first, second) = (word_at(head, 8, self.is_big_endian), word_at(head, 12, self.is_big_endian));
        match self.length_order {
            LengthOrder::CapturedFirst => (first, second),
            LengthOrder::OriginalFirst => (second, first),
            LengthOrder::ShorterIsCaptured => (first.min(second), first.max(second)),
        }
    }

    /// The length of the record whose head this may be, at a time that may be.
    pub(crate) fn plausible_bytes(&self, head: &[u8], may_be: impl Fn(u64) -> bool) -> Option<usize> {
        let (captured, original) = self.lengths(head);
        let fraction = u64::from(word_at(head, 4, self.is_big_endian));
        let is_plausible =
            captured <= original && original <= BLOCK_BYTES_MAX && fraction < self.units_per_second;
        let has_time = self.unit.to_nanos(self.units(head)).is_some_and(may_be);
        let is_zero = head.iter().take(self.record_head_bytes()).all(|&byte| byte == 0);
        (is_plausible && has_time && !is_zero).then(|| self.record_head_bytes() + captured as usize)
    }

    fn units(&self, head: &[u8]) -> u64 {
        let word = |at| u64::from(word_at(head, at, self.is_big_endian));
        word(0) * self.units_per_second + word(4)
    }

    /// What to tell at the end.
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

    /// Takes a whole record apart.
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

/// Whether the file is big-endian, and its magic as a number.
fn byte_order(header: &[u8]) -> Option<(bool, u32)> {
    let known = |magic| matches!(magic, MICROS_MAGIC | NANOS_MAGIC | MODIFIED_MAGIC);
    let orders = [false, true].map(|is_big_endian| (is_big_endian, word_at(header, 0, is_big_endian)));
    orders.into_iter().find(|&(_, magic)| known(magic))
}

/// As libpcap has it; 543.0 is the tcpdump of DG/UX.
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
