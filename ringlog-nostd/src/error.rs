//! The errors, one small type for each operation. All are `Copy`; none allocates.
#![forbid(unsafe_code)]

use core::fmt;

/// Prints a number of bytes with its unit: `1 byte`, `2 bytes`.
pub(crate) struct Bytes(pub(crate) usize);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} byte{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

/// Why an event was not written.
///
/// ```
/// use ringlog_nostd::{AlignedBytes, EventHeader, Ring, WriteError};
///
/// let mut memory = AlignedBytes::<512>::new();
/// let mut ring = Ring::format(memory.as_mut(), 16).unwrap();
/// let (mut producer, _consumer) = ring.split();
/// let result = producer.write_event(&EventHeader::new(1, 7, 20), &[0; 20]);
/// match result {
///     Ok(()) => unreachable!("20 bytes are longer than 16"),
///     Err(WriteError::Full) => unreachable!("the consumer has to release some space first"),
///     Err(error) => assert_eq!(error, WriteError::PayloadTooLarge { len: 20, max: 16 }),
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum WriteError {
    /// The ring has no room now. Try again after the consumer has released some space.
    ///
    /// The event fits into an empty ring.
    Full,
    /// The payload is longer than this ring (or log) takes, so it never fits.
    PayloadTooLarge {
        /// Length of the payload in bytes.
        len: usize,
        /// The longest payload that fits, in bytes.
        max: usize,
    },
    /// `header.payload_len` differs from the length of the payload, or is more than was claimed.
    LengthMismatch {
        /// Length in the header, in bytes.
        header: u16,
        /// Length of the payload or of the claim, in bytes.
        payload: usize,
    },
    /// The header sets a flag bit outside [`flags::USER`](crate::flags::USER). To write a header that was read from a
    /// ring or a log, pass its [`EventHeader::as_user`](crate::EventHeader::as_user).
    Flags {
        /// The flags of the header.
        found: u8,
    },
    /// The ring is corrupt: see [`RingFault`].
    Fault(RingFault),
    /// Nobody takes events any more: the recorder of this producer's group has stopped, or this is a forked child. It
    /// stays so.
    Closed,
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
            Self::Closed => {
                f.write_str("the recorder has stopped, or belongs to another process; start one here")
            }
        }
    }
}

impl core::error::Error for WriteError {}

/// Why a ring is corrupt: its control words or records are such as no correct peer writes.
///
/// An end that has met a fault keeps it and uses the ring no further.
///
/// ```
/// use ringlog_nostd::{AlignedBytes, EventHeader, Ring, RingFault};
/// use std::ptr::NonNull;
///
/// let mut memory = AlignedBytes::<512>::new();
/// let len = memory.as_mut().len();
/// let (mut producer, consumer) = Ring::format(memory.as_mut(), 16).unwrap().into_ends();
/// producer.write_event(&EventHeader::new(1, 7, 0), b"").unwrap();
/// drop((producer, consumer));
/// // A stray write hits the records, which follow the control words.
/// let control_words = Ring::required_len(256, 16) - 256 - 32;
/// memory.as_mut()[control_words..].fill(0);
/// let start = NonNull::from(memory.as_mut()).cast();
/// // SAFETY: the memory outlives the consumer, and nothing else uses it.
/// let mut consumer = unsafe { Ring::attach(start, len) }.unwrap().into_consumer();
/// assert_eq!(consumer.try_read_event(), Err(RingFault::Record { position: 0 }));
/// assert_eq!(consumer.fault(), Some(RingFault::Record { position: 0 }));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RingFault {
    /// The peer's position is not a multiple of 8, or is further away than the capacity.
    Position {
        /// Position of the end that met the fault.
        own: usize,
        /// Position of its peer.
        foreign: usize,
    },
    /// A record is not committed, has the reserved bit set, or reaches past what is published.
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

/// Why a ring could not be made in some memory, or found there.
///
/// ```
/// use ringlog_nostd::{AlignedBytes, Ring, RingError};
///
/// let mut memory = AlignedBytes::<64>::new();
/// match Ring::format(memory.as_mut(), 1000) {
///     Err(RingError::TooSmall { len, needed }) => assert!(len == 64 && needed > 1000),
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RingError {
    /// The capacity is not a power of two, or not between the largest record and 2^(bits of a `usize` - 2) bytes.
    Capacity {
        /// The capacity that was asked for, in bytes.
        asked: usize,
        /// The smallest capacity for this largest payload, in bytes.
        min: usize,
    },
    /// The largest payload is more than 65,535 bytes, or more than the address space allows.
    MaxPayload {
        /// The largest payload that was asked for, in bytes.
        asked: usize,
    },
    /// The memory is too small.
    TooSmall {
        /// Its length in bytes.
        len: usize,
        /// The length that is needed, in bytes.
        needed: usize,
    },
    /// The memory does not start at a multiple of 8. Put it into an [`AlignedBytes`](crate::AlignedBytes).
    Misaligned,
    /// The memory holds no ring, or one of another word size, byte order or layout version.
    NotARing,
    /// The ring's sizes or positions contradict each other.
    Damaged,
    /// This static ring was split before.
    AlreadySplit,
}

impl fmt::Display for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capacity { asked, min } => write!(
                f,
                "capacity of {asked} bytes: it has to be a power of two, at least {min} for this max_payload and at most 2^{}",
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
///
/// ```
/// use ringlog_nostd::{AlignedBytes, EventHeader, Ring, SkipError};
///
/// let mut memory = AlignedBytes::<512>::new();
/// let mut ring = Ring::format(memory.as_mut(), 16).unwrap();
/// let (mut producer, mut consumer) = ring.split();
/// producer.write_event(&EventHeader::new(1, 7, 16), &[0; 16]).unwrap();
/// assert_eq!(consumer.skip_to(8), Err(SkipError::InsideRecord { position: 8, start: 0 }));
/// assert_eq!(consumer.skip_to(40), Err(SkipError::Outside { position: 40, tail: 0, head: 32 }));
/// assert_eq!(consumer.skip_to(32), Ok(1));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SkipError {
    /// The position is before the unread events or after them.
    Outside {
        /// Position to skip to.
        position: usize,
        /// Position of the first unread event.
        tail: usize,
        /// Position after the last published event.
        head: usize,
    },
    /// No record starts there.
    InsideRecord {
        /// Position to skip to.
        position: usize,
        /// Position of the record that contains it.
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
