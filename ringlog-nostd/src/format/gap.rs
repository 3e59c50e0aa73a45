//! Records that report lost events.
//!
//! A GAP record is an ordinary record with [`flags::GAP`](crate::flags::GAP) set and a payload of exactly 16 bytes. Its
//! timestamp is that of the first lost event, if known.
//!
//! ```text
//!   0  | count, u64: lost events, 0 = unknown                          |
//!   8  | reason, u32                   | extent, u32: bytes lost / 8   |
//! ```
#![forbid(unsafe_code)]

use crate::format::header::{EventHeader, flags};

/// Payload length of a GAP record, in bytes.
pub const GAP_PAYLOAD_LEN: usize = 16;

const LOG_SIDE: u32 = 1 << 31;

/// Why events are missing.
///
/// ```
/// use ringlog_nostd::GapReason;
///
/// assert_eq!(GapReason::RingFull.to_string(), "ring full");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum GapReason {
    /// The ring had no room, and the producer loses events instead of waiting.
    RingFull,
    /// The log had no room.
    DiskFull,
    /// Recovery after a crash found these bytes damaged and cut them off.
    RecoveryCut,
    /// The reader of a ring that overwrites its oldest events was too slow.
    ReaderOverrun,
    /// The input was longer than a payload can be.
    TooLong,
    /// The receiver's buffer was full, and the kernel dropped what was sent.
    ReceiverFull,
    /// A piece of the input could not be read as an event.
    NotReadable,
    /// The recorder ended before it had drained its ring or the feed of the ring.
    RecorderEnded,
    /// Frames of a device did not arrive whole.
    LostOnWire,
    /// A device started anew: what it had not sent may be gone.
    DeviceReset,
    /// A value that this version does not know, as stored (without bit 31).
    Other(u32),
}

impl GapReason {
    /// Returns the number that a record stores for the reason, without bit 31.
    ///
    /// ```
    /// use ringlog_nostd::GapReason;
    ///
    /// assert_eq!(GapReason::DiskFull.code(), 2);
    /// ```
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::RingFull => 1,
            Self::DiskFull => 2,
            Self::RecoveryCut => 3,
            Self::ReaderOverrun => 4,
            Self::TooLong => 5,
            Self::ReceiverFull => 6,
            Self::NotReadable => 7,
            Self::RecorderEnded => 8,
            Self::LostOnWire => 9,
            Self::DeviceReset => 10,
            Self::Other(code) => code & !LOG_SIDE,
        }
    }

    /// Returns the reason of a stored number: the inverse of [`code`](Self::code). Bit 31 is ignored.
    ///
    /// ```
    /// use ringlog_nostd::GapReason;
    ///
    /// assert_eq!(GapReason::from_code(2), GapReason::DiskFull);
    /// assert_eq!(GapReason::from_code(77), GapReason::Other(77));
    /// ```
    #[must_use]
    pub const fn from_code(code: u32) -> Self {
        match code & !LOG_SIDE {
            1 => Self::RingFull,
            2 => Self::DiskFull,
            3 => Self::RecoveryCut,
            4 => Self::ReaderOverrun,
            5 => Self::TooLong,
            6 => Self::ReceiverFull,
            7 => Self::NotReadable,
            8 => Self::RecorderEnded,
            9 => Self::LostOnWire,
            10 => Self::DeviceReset,
            other => Self::Other(other),
        }
    }
}

impl core::fmt::Display for GapReason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::RingFull => f.write_str("ring full"),
            Self::DiskFull => f.write_str("disk full"),
            Self::RecoveryCut => f.write_str("recovery cut"),
            Self::ReaderOverrun => f.write_str("reader overrun"),
            Self::TooLong => f.write_str("too long"),
            Self::ReceiverFull => f.write_str("receiver full"),
            Self::NotReadable => f.write_str("not readable"),
            Self::RecorderEnded => f.write_str("recorder ended"),
            Self::LostOnWire => f.write_str("lost on the wire"),
            Self::DeviceReset => f.write_str("device reset"),
            Self::Other(code) => write!(f, "reason {code}"),
        }
    }
}

/// The content of a GAP record: how many events are missing, and why.
///
/// ```
/// use ringlog_nostd::{Gap, GapReason};
///
/// let gap = Gap::new(GapReason::RingFull, 3);
/// assert_eq!(Gap::from_payload(&gap.to_payload()), Some(gap));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Gap {
    /// Number of missing events. 0 means unknown.
    pub count: u64,
    /// Why they are missing.
    pub reason: GapReason,
    /// Whether the log's side added the record. Then it has no place among the ring's positions.
    pub log_side: bool,
    /// Missing bytes divided by 8. 0 means unknown.
    pub extent: u32,
}

impl Gap {
    /// Returns a gap of `count` events (0 means unknown) and unknown extent, written by the producer's side.
    ///
    /// ```
    /// use ringlog_nostd::{Gap, GapReason};
    ///
    /// let gap = Gap::new(GapReason::RingFull, 3);
    /// assert_eq!((gap.count, gap.log_side, gap.extent), (3, false, 0));
    /// ```
    #[must_use]
    pub const fn new(reason: GapReason, count: u64) -> Self {
        Self { count, reason, log_side: false, extent: 0 }
    }

    /// Returns the header of a GAP record. `timestamp` is that of the first lost event.
    ///
    /// ```
    /// use ringlog_nostd::Gap;
    /// use ringlog_nostd::format::GAP_PAYLOAD_LEN;
    ///
    /// let header = Gap::header(7);
    /// assert!(header.is_gap() && header.payload_len as usize == GAP_PAYLOAD_LEN);
    /// ```
    #[must_use]
    pub const fn header(timestamp: u64) -> EventHeader {
        EventHeader::new(timestamp, 0, GAP_PAYLOAD_LEN as u16).with_flags(flags::GAP)
    }

    /// Returns the payload of the record.
    ///
    /// ```
    /// use ringlog_nostd::{Gap, GapReason};
    ///
    /// let payload = Gap::new(GapReason::DiskFull, 3).to_payload();
    /// assert_eq!(payload, [3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    /// ```
    #[must_use]
    pub fn to_payload(&self) -> [u8; GAP_PAYLOAD_LEN] {
        let reason = self.reason.code() | if self.log_side { LOG_SIDE } else { 0 };
        let mut payload = [0; GAP_PAYLOAD_LEN];
        payload[..8].copy_from_slice(&self.count.to_le_bytes());
        payload[8..12].copy_from_slice(&reason.to_le_bytes());
        payload[12..].copy_from_slice(&self.extent.to_le_bytes());
        payload
    }

    /// Reads a payload. Returns `None` unless it has exactly [`GAP_PAYLOAD_LEN`] bytes.
    ///
    /// ```
    /// use ringlog_nostd::{Gap, GapReason};
    ///
    /// let gap = Gap::new(GapReason::DiskFull, 3);
    /// assert_eq!(Gap::from_payload(&gap.to_payload()), Some(gap));
    /// assert_eq!(Gap::from_payload(b"short"), None);
    /// ```
    #[must_use]
    pub fn from_payload(payload: &[u8]) -> Option<Self> {
        let &[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = payload else {
            return None;
        };
        let reason = u32::from_le_bytes([i, j, k, l]);
        Some(Self {
            count: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            reason: GapReason::from_code(reason),
            log_side: reason & LOG_SIDE != 0,
            extent: u32::from_le_bytes([m, n, o, p]),
        })
    }

    /// Reads an event as a gap. Returns `None` for an ordinary event.
    ///
    /// ```
    /// use ringlog_nostd::{EventHeader, Gap, GapReason};
    ///
    /// let gap = Gap::new(GapReason::DiskFull, 3);
    /// assert_eq!(Gap::from_event(&Gap::header(7), &gap.to_payload()), Some(gap));
    /// assert_eq!(Gap::from_event(&EventHeader::new(7, 0, 16), &gap.to_payload()), None);
    /// ```
    #[must_use]
    #[inline]
    pub fn from_event(header: &EventHeader, payload: &[u8]) -> Option<Self> {
        if header.is_gap() { Self::from_payload(payload) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_bytes_are_the_documented_ones() {
        let gap = Gap { count: 0x0102, reason: GapReason::DiskFull, log_side: true, extent: 9 };
        assert_eq!(gap.to_payload(), [2, 1, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0x80, 9, 0, 0, 0]);
        assert_eq!(Gap::from_payload(&gap.to_payload()), Some(gap));
    }

    #[test]
    fn unknown_reasons_survive_a_round_trip() {
        let gap = Gap::new(GapReason::from_code(77), 1);
        assert_eq!(gap.reason, GapReason::Other(77));
        assert_eq!(Gap::from_payload(&gap.to_payload()), Some(gap));
    }

    #[test]
    fn other_lengths_and_ordinary_events_are_no_gaps() {
        assert_eq!(Gap::from_payload(&[0; 15]), None);
        assert_eq!(Gap::from_payload(&[0; 17]), None);
        assert_eq!(Gap::from_event(&EventHeader::new(0, 0, 16), &[0; 16]), None);
        assert!(Gap::from_event(&Gap::header(5), &[0; 16]).is_some());
    }

    #[test]
    fn each_reason_has_a_name_and_a_code() {
        extern crate std;
        use std::string::ToString;
        let names = [
            "ring full",
            "disk full",
            "recovery cut",
            "reader overrun",
            "too long",
            "receiver full",
            "not readable",
            "recorder ended",
            "lost on the wire",
            "device reset",
            "reason 11",
        ];
        for (code, name) in (1..).zip(names) {
            let reason = GapReason::from_code(code);
            assert_eq!((reason.to_string().as_str(), reason.code()), (name, code));
        }
    }
}
