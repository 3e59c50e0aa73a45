//! Where timestamps come from.
#![forbid(unsafe_code)]

use crate::format::file_header::ClockKind;
use crate::format::header::EventHeader;

/// A source of timestamps: a timer, a cycle counter, a real-time clock.
///
/// ```
/// use ringlog_nostd::{ClockKind, EventClock, EventHeader};
///
/// struct Timer;
///
/// impl EventClock for Timer {
///     fn now(&self) -> u64 {
///         12_345 // reads the hardware
///     }
///     fn kind(&self) -> ClockKind {
///         ClockKind::Ticks
///     }
/// }
///
/// assert_eq!(Timer.header(7, 4), EventHeader::new(12_345, 7, 4));
/// ```
pub trait EventClock {
    /// The time, in the unit that [`kind`](Self::kind) names.
    fn now(&self) -> u64;

    /// What the timestamps count: goes into the header of a file.
    fn kind(&self) -> ClockKind;

    /// A header for an event that happens now.
    fn header(&self, event_type: u8, payload_len: u16) -> EventHeader {
        EventHeader::new(self.now(), event_type, payload_len)
    }
}

impl<C: EventClock + ?Sized> EventClock for &C {
    fn now(&self) -> u64 {
        (**self).now()
    }

    fn kind(&self) -> ClockKind {
        (**self).kind()
    }
}

/// Makes a counter of 64 bits out of a hardware counter of `BITS` bits (1 to 32) that counts up and wraps.
///
/// Has to see the counter at least once each time around: call it from the timer's interrupt, or at every
/// event where they come often enough. One owner; no 64-bit atomics.
///
/// ```
/// use ringlog_nostd::WideCounter;
///
/// let mut ticks = WideCounter::<24>::new();
/// assert_eq!(ticks.extend(0xFF_FFFE), 0xFF_FFFE);
/// assert_eq!(ticks.extend(3), 0x100_0003);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WideCounter<const BITS: u32>(u64);

impl<const BITS: u32> WideCounter<BITS> {
    const MASK: u32 = {
        assert!(BITS >= 1 && BITS <= 32, "BITS is 1 to 32");
        u32::MAX >> (32 - BITS)
    };

    /// At zero.
    #[must_use]
    pub const fn new() -> Self {
        let _ = Self::MASK;
        Self(0)
    }

    /// The wide count at the moment when the hardware shows `raw`; higher bits of `raw` are ignored.
    #[expect(clippy::cast_possible_truncation, reason = "the low bits are the hardware's")]
    pub const fn extend(&mut self, raw: u32) -> u64 {
        let passed = raw.wrapping_sub(self.0 as u32) & Self::MASK;
        self.0 = self.0.wrapping_add(passed as u64);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ticks;

    impl EventClock for Ticks {
        fn now(&self) -> u64 {
            7
        }

        fn kind(&self) -> ClockKind {
            ClockKind::Ticks
        }
    }

    #[test]
    fn a_borrowed_clock_is_that_clock() {
        fn of(clock: impl EventClock) -> (u64, ClockKind, EventHeader) {
            (clock.now(), clock.kind(), clock.header(3, 5))
        }
        let expected = (7, ClockKind::Ticks, EventHeader::new(7, 3, 5));
        assert_eq!((of(Ticks), of(&Ticks)), (expected, expected));
    }

    #[test]
    fn counts_on_over_every_wrap() {
        let mut narrow = WideCounter::<8>::new();
        let mut full = WideCounter::<32>::new();
        let mut expected = 0_u64;
        for step in (0..2000_u64).map(|number| number * 37 % 256) {
            expected += step;
            assert_eq!(narrow.extend(expected as u32), expected);
        }
        assert_eq!(full.extend(u32::MAX), u64::from(u32::MAX));
        assert_eq!(full.extend(0), 1 << 32);
        assert_eq!(full.extend(0), 1 << 32);
    }
}
