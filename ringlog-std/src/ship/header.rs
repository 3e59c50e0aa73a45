//! The one header of a message: which records it holds, and where they are in their segment.
//!
//! ```text
//! Ringlog-Run: 1 r LOG FIRST COUNT SALT OFFSET FLAGS CRC
//! ```
//!
//! `1` is the format, `r` a run of records, `g` a GAP that the shipper made. LOG (32 digits), SALT, FLAGS (those of the
//! segment's header) and CRC (CRC-32C of the payload) are hexadecimal, the others decimal. FIRST and COUNT name the
//! records of a run, or those that a GAP replaces. SALT and OFFSET say where the run is, or are 0 for a GAP.
#![forbid(unsafe_code)]

use std::fmt;

use crate::event::{Gap, GapReason};

/// The flag of every stored record.
const COMMITTED: u8 = 0x80;

/// The name of the header.
pub(crate) const NAME: &str = "Ringlog-Run";
/// The format of messages, and what a stream's metadata say of it.
pub(crate) const FORMAT: &str = "1";

/// What a message holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Records of the log, as they are in its segment.
    Records,
    /// One GAP record, for records that the log no longer has.
    Gap,
}

/// The content of the header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RunHeader {
    pub(crate) kind: Kind,
    /// The log's identity, from its `writer` file.
    pub(crate) log: u128,
    /// Sequence of the first record.
    pub(crate) first: u64,
    /// Number of records.
    pub(crate) count: u64,
    /// The segment's salt.
    pub(crate) salt: u32,
    /// Offset of the first record in its segment, in bytes.
    pub(crate) offset: u64,
    /// The flags of the segment's header that never change: its clock, and whether records have checksums.
    pub(crate) flags: u32,
    /// CRC-32C of the payload.
    pub(crate) crc: u32,
}

impl RunHeader {
    /// Returns the sequence after the last record.
    pub(crate) const fn next(&self) -> u64 {
        self.first.saturating_add(self.count)
    }

    pub(crate) fn decode(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let mut word = || words.next();
        if word()? != FORMAT {
            return None;
        }
        let kind = match word()? {
            "r" => Kind::Records,
            "g" => Kind::Gap,
            _ => return None,
        };
        let header = Self {
            kind,
            log: u128::from_str_radix(word()?, 16).ok()?,
            first: word()?.parse().ok()?,
            count: word()?.parse().ok()?,
            salt: u32::from_str_radix(word()?, 16).ok()?,
            offset: word()?.parse().ok()?,
            flags: u32::from_str_radix(word()?, 16).ok()?,
            crc: u32::from_str_radix(word()?, 16).ok()?,
        };
        // One content has one text.
        (words.next().is_none() && header.to_string() == text).then_some(header)
    }
}

impl fmt::Display for RunHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, log, first, count, salt, offset, flags, crc } = self;
        let kind = if *kind == Kind::Gap { 'g' } else { 'r' };
        write!(f, "{FORMAT} {kind} {log:032x} {first} {count} {salt:08x} {offset} {flags:x} {crc:08x}")
    }
}

/// Returns the GAP record in the place of records that a log no longer has.
pub(crate) fn gap_record() -> Vec<u8> {
    let gap = Gap { log_side: true, ..Gap::new(GapReason::ReaderOverrun, 0) };
    let mut header = Gap::header(0);
    header.flags |= COMMITTED;
    let mut bytes = header.to_bytes().to_vec();
    bytes.extend_from_slice(&gap.to_payload());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: RunHeader = RunHeader {
        kind: Kind::Records,
        log: 0xAB,
        first: 7,
        count: 200,
        salt: 0x5F0D_F8C7,
        offset: 64,
        flags: 0x102,
        crc: 12,
    };

    #[test]
    fn a_header_is_read_as_it_was_written() {
        let text = HEADER.to_string();
        assert_eq!(text, "1 r 000000000000000000000000000000ab 7 200 5f0df8c7 64 102 0000000c");
        assert_eq!(RunHeader::decode(&text), Some(HEADER));
        let gap = RunHeader { kind: Kind::Gap, ..HEADER };
        assert_eq!(RunHeader::decode(&gap.to_string()), Some(gap));
        assert_eq!(HEADER.next(), 207);
    }

    #[test]
    fn what_is_no_header_is_refused() {
        let text = HEADER.to_string();
        for cut in 0..text.len() {
            assert_eq!(RunHeader::decode(&text[..cut]), None, "{cut}");
        }
        for (from, to) in
            [("1 r", "2 r"), ("1 r", "1 x"), (" 7 ", " 07 "), (" 64", "  64"), ("0000000c", "0000000c 1")]
        {
            assert_eq!(RunHeader::decode(&text.replacen(from, to, 1)), None, "{from} -> {to}");
        }
    }
}
