//! Sources of timestamps.
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
    /// Returns the time, in the unit that [`kind`](Self::kind) names.
    fn now(&self) -> u64;

    /// Returns what the timestamps count. A file stores it in its header.
    fn kind(&self) -> ClockKind;

    /// Returns a header for an event that happens now. `payload_len` is in bytes.
    ///
    /// ```
    /// # use ringlog_nostd::{ClockKind, EventClock};
    /// # struct Timer;
    /// # impl EventClock for Timer {
    /// #     fn now(&self) -> u64 { 12_345 }
    /// #     fn kind(&self) -> ClockKind { ClockKind::Ticks }
    /// # }
    /// let header = Timer.header(7, 4);
    /// assert_eq!((header.timestamp, header.event_type, header.payload_len), (12_345, 7, 4));
    /// ```
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

/// Extends a hardware counter of `BITS` bits (1 to 32), which counts up and wraps, to 64 bits.
///
/// It must see the counter at least once before each wrap: call it from the timer's interrupt, or at every event if
/// events are frequent enough. It has one owner and uses no 64-bit atomics.
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

    /// Returns a counter at zero.
    ///
    /// ```
    /// use ringlog_nostd::WideCounter;
    ///
    /// assert_eq!(WideCounter::<16>::new().extend(0), 0);
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        let _ = Self::MASK;
        Self(0)
    }

    /// Returns the 64-bit count for the hardware's value `raw`. Bits of `raw` above `BITS` are ignored.
    ///
    /// ```
    /// use ringlog_nostd::WideCounter;
    ///
    /// let mut ticks = WideCounter::<16>::new();
    /// assert_eq!(ticks.extend(0xFFFF), 0xFFFF);
    /// assert_eq!(ticks.extend(0x0001), 0x1_0001);
    /// ```
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
