//! One small error per operation. None allocates, all are `Copy`.
#![forbid(unsafe_code)]

use core::fmt;

/// A number of bytes, in words.
pub(crate) struct Bytes(pub(crate) usize);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} byte{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

/// Why an event was not written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum WriteError {
    /// No room at the moment: try again when the consumer has released some.
    ///
    /// Only ever said of an event that does fit into an empty ring.
    Full,
    /// The payload is longer than this ring (or log) takes. It will never fit.
    PayloadTooLarge {
        /// Length of the payload in bytes.
        len: usize,
        /// The longest that is taken.
        max: usize,
    },
    /// `header.payload_len` is not the length of the payload, or more than was claimed.
    LengthMismatch {
        /// What the header says.
        header: u16,
        /// The bytes that there are.
        payload: usize,
    },
    /// The header sets a flag bit outside [`flags::USER`](crate::flags::USER). For a header that was read
    /// from a ring or a log, pass [`EventHeader::as_user`](crate::EventHeader::as_user).
    Flags {
        /// The flags of the header.
        found: u8,
    },
    /// The ring's control words make no sense: see [`RingFault`].
    Fault(RingFault),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("ring is full"),
            Self::PayloadTooLarge { len, max } => {
                write!(f, "payload of {} is longer than {max}, the most that is taken", Bytes(*len))
            }
            Self::LengthMismatch { header, payload } => {
                write!(f, "payload_len in the header is {header}, but the payload has {}", Bytes(*payload))
            }
            Self::Flags { found } => write!(f, "flags {found:#04x} use bits beyond 0 to 3"),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl core::error::Error for WriteError {}

/// Control words or records of a ring that no correct peer can have written.
///
/// Sticky: whoever sees one keeps it, and goes no further in that ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RingFault {
    /// The peer's position is off the 8-byte grid, or further away than the capacity.
    Position {
        /// Whose handle noticed: its own position.
        own: usize,
        /// The peer's.
        foreign: usize,
    },
    /// A record that is not committed, has the reserved bit set, or reaches past what is published.
    Record {
        /// Position of the record.
        position: usize,
    },
}

impl fmt::Display for RingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Position { own, foreign } => {
                write!(f, "corrupt ring: the peer's position {foreign} does not fit {own}")
            }
            Self::Record { position } => write!(f, "corrupt ring: no valid record at position {position}"),
        }
    }
}

impl core::error::Error for RingFault {}

impl From<RingFault> for WriteError {
    fn from(fault: RingFault) -> Self {
        Self::Fault(fault)
    }
}

/// Why a ring could not be made over, or found in, some memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RingError {
    /// The capacity is not a power of two between one largest record and 2^(bits - 2).
    Capacity {
        /// What was asked for, in bytes.
        asked: usize,
        /// The smallest that would do for this maximal payload.
        min: usize,
    },
    /// The maximal payload is more than the format's 65,535 bytes.
    MaxPayload {
        /// What was asked for, in bytes.
        asked: usize,
    },
    /// The memory is too small.
    TooSmall {
        /// Its length in bytes.
        len: usize,
        /// What is needed.
        needed: usize,
    },
    /// The memory does not start at a multiple of 8. Put it into an [`AlignedBytes`](crate::AlignedBytes).
    Misaligned,
    /// There is no ring here, or one of another word size, byte order or layout version.
    NotARing,
    /// The ring's own constants or positions contradict each other.
    Damaged,
    /// This static ring has been split already.
    AlreadySplit,
}

impl fmt::Display for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capacity { asked, min } => write!(
                f,
                "capacity of {asked} bytes: it has to be a power of two, at least {min} and at most 2^{}",
                usize::BITS - 2
            ),
            Self::MaxPayload { asked } => write!(f, "payloads of {asked} bytes: 65535 is the most"),
            Self::TooSmall { len, needed } => {
                write!(f, "only {} of memory, and a ring needs {needed}", Bytes(*len))
            }
            Self::Misaligned => f.write_str("memory does not start at a multiple of 8"),
            Self::NotARing => f.write_str("no ring of this layout here"),
            Self::Damaged => f.write_str("the ring's control words contradict each other"),
            Self::AlreadySplit => f.write_str("this ring has been split already"),
        }
    }
}

impl core::error::Error for RingError {}

/// Why a consumer did not skip to a position.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SkipError {
    /// The position is not between what was released and what is published.
    Outside {
        /// Where to it was to skip.
        position: usize,
        /// The first position that is not released.
        tail: usize,
        /// The position behind the last published record.
        head: usize,
    },
    /// No record starts there.
    InsideRecord {
        /// Where to it was to skip.
        position: usize,
        /// The start of the record that it is inside of.
        start: usize,
    },
    /// The ring is corrupt.
    Fault(RingFault),
}

impl fmt::Display for SkipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outside { position, tail, head } => {
                write!(f, "position {position} is not among the ring's unread ones, {tail} to {head}")
            }
            Self::InsideRecord { position, start } => {
                write!(f, "position {position} is inside of the record at {start}")
            }
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl core::error::Error for SkipError {}

impl From<RingFault> for SkipError {
    fn from(fault: RingFault) -> Self {
        Self::Fault(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    extern crate std;
    use std::string::ToString;

    #[test]
    fn each_error_says_what_and_where() {
        let fault = RingFault::Position { own: 8, foreign: 24 };
        let said = [
            (WriteError::Fault(fault).to_string(), "24"),
            (WriteError::PayloadTooLarge { len: 70, max: 64 }.to_string(), "70"),
            (WriteError::LengthMismatch { header: 5, payload: 1 }.to_string(), "has 1 byte"),
            (WriteError::Flags { found: 0x80 }.to_string(), "80"),
            (RingFault::Record { position: 4096 }.to_string(), "4096"),
            (RingError::Capacity { asked: 100, min: 128 }.to_string(), "128"),
            (RingError::TooSmall { len: 10, needed: 416 }.to_string(), "416"),
            (SkipError::Outside { position: 7, tail: 8, head: 16 }.to_string(), "8 to 16"),
            (SkipError::InsideRecord { position: 12, start: 8 }.to_string(), "12"),
            (SkipError::Fault(fault).to_string(), "24"),
        ];
        for (text, part) in said {
            assert!(text.contains(part), "{text:?} does not say {part}");
        }
        assert!(!WriteError::Full.to_string().is_empty() && !RingError::AlreadySplit.to_string().is_empty());
    }
}
