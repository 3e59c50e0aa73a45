//! The sizes of a ring and the arithmetic on its positions.
#![forbid(unsafe_code)]

use crate::error::RingError;
use crate::format::gap::GAP_PAYLOAD_LEN;
use crate::format::header::{HEADER_LEN, MAX_PAYLOAD, RECORD_ALIGN, record_len};

/// The largest capacity, in bytes. Up to it positions compare without ambiguity.
pub(crate) const MAX_CAPACITY: usize = 1 << (usize::BITS - 2);

/// The longest payload of any ring, in bytes: the format's, unless the address space is too small.
const LONGEST_PAYLOAD: usize =
    if MAX_PAYLOAD < MAX_CAPACITY - HEADER_LEN { MAX_PAYLOAD } else { MAX_CAPACITY - HEADER_LEN };

/// Capacity, overrun and largest payload of one ring, all in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Geometry {
    /// The capacity less 1, which the hot path needs. The capacity is a power of two in `overrun..=MAX_CAPACITY`.
    mask: usize,
    /// Length of the largest record, a multiple of 8, at least 32.
    pub(crate) overrun: usize,
    /// `0..=min(LONGEST_PAYLOAD, overrun - HEADER_LEN)`.
    pub(crate) max_payload: usize,
}

impl Geometry {
    /// Returns the sizes for a capacity. Without a `max_payload` it is the largest that the capacity allows.
    pub(crate) const fn new(capacity: usize, max_payload: Option<usize>) -> Result<Self, RingError> {
        let max_payload = match max_payload {
            Some(asked) => asked,
            None => default_max_payload(capacity),
        };
        if max_payload > LONGEST_PAYLOAD {
            return Err(RingError::MaxPayload { asked: max_payload });
        }
        let overrun = overrun_for(max_payload);
        if !capacity.is_power_of_two() || capacity < overrun || capacity > MAX_CAPACITY {
            return Err(RingError::Capacity { asked: capacity, min: overrun.next_power_of_two() });
        }
        Ok(Self { mask: capacity - 1, overrun, max_payload })
    }

    /// Checks the sizes in the control words of a ring that was made before.
    pub(crate) fn from_stored(capacity: usize, overrun: usize) -> Result<Self, RingError> {
        let smallest = overrun_for(0);
        if overrun < smallest
            || overrun > overrun_for(LONGEST_PAYLOAD)
            || !overrun.is_multiple_of(RECORD_ALIGN)
        {
            return Err(RingError::Damaged);
        }
        let max_payload = (overrun - HEADER_LEN).min(LONGEST_PAYLOAD);
        Self::new(capacity, Some(max_payload)).map_err(|_| RingError::Damaged)
    }

    /// Returns the bytes of the data region: one lap, and the overrun that its last record may take.
    pub(crate) const fn data_len(&self) -> usize {
        self.capacity() + self.overrun
    }

    /// Returns the bytes of one lap: a power of two in `overrun..=MAX_CAPACITY`.
    #[inline]
    pub(crate) const fn capacity(&self) -> usize {
        self.mask + 1
    }

    /// Returns the index of a position in the data region.
    #[inline]
    pub(crate) fn index(&self, position: usize) -> usize {
        debug_assert!(position.is_multiple_of(RECORD_ALIGN));
        position & self.mask
    }

    /// Returns whether a record of `stride` bytes, 16 to [`overrun`](Self::overrun), fits while `used` bytes are in
    /// use.
    #[inline]
    pub(crate) fn has_room(&self, used: usize, stride: usize) -> bool {
        debug_assert!(stride > 0 && stride <= self.overrun);
        // `stride <= capacity - used`, without a difference that could wrap where `used` is too large.
        used <= self.mask - (stride - 1)
    }

    /// Returns whether `head` can be the producer's position while `tail` is the consumer's.
    #[inline]
    pub(crate) const fn fits(&self, tail: usize, head: usize) -> bool {
        let used = head.wrapping_sub(tail);
        used <= self.capacity() && (head | tail) & (RECORD_ALIGN - 1) == 0
    }
}

/// Returns the largest payload of a ring whose options name none.
pub(crate) const fn default_max_payload(capacity: usize) -> usize {
    let room = capacity.saturating_sub(HEADER_LEN);
    if room < LONGEST_PAYLOAD { room } else { LONGEST_PAYLOAD }
}

/// Returns the length of the largest record. A GAP record always fits, also if the events have shorter payloads.
pub(crate) const fn overrun_for(max_payload: usize) -> usize {
    record_len(if max_payload < GAP_PAYLOAD_LEN { GAP_PAYLOAD_LEN } else { max_payload })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacities_that_are_refused() {
        for bad in [0, 1, 16, 31, 33, 48, 100, MAX_CAPACITY + 1, usize::MAX] {
            assert!(matches!(Geometry::new(bad, None), Err(RingError::Capacity { .. })), "{bad}");
        }
        assert!(Geometry::new(64, Some(49)).is_err());
        assert_eq!(Geometry::new(64, Some(65_536)), Err(RingError::MaxPayload { asked: 65_536 }));
    }

    #[test]
    fn the_largest_capacity_is_a_quarter_of_all_positions() {
        assert_eq!(MAX_CAPACITY, usize::MAX / 4 + 1);
        assert!(Geometry::new(MAX_CAPACITY, Some(8)).is_ok());
    }

    #[test]
    fn positions_are_multiples_of_8_and_no_more_than_a_lap_apart() {
        let ring = Geometry::new(64, None).unwrap();
        for (tail, head) in [(0, 0), (8, 72), (usize::MAX - 7, 56)] {
            assert!(ring.fits(tail, head), "{tail} {head}");
        }
        for (tail, head) in [(0, 72), (8, 0), (4, 4), (4, 8), (8, 12)] {
            assert!(!ring.fits(tail, head), "{tail} {head}");
        }
    }

    #[test]
    fn defaults() {
        let small = Geometry::new(64, None).unwrap();
        assert_eq!((small.max_payload, small.overrun), (48, 64));
        assert_eq!(Geometry::new(32, None).unwrap().max_payload, 16);
        assert_eq!(Geometry::new(1 << 17, None).unwrap().max_payload, 65_535);
        assert_eq!(Geometry::new(1 << 20, Some(0)).unwrap().overrun, 32);
    }

    #[test]
    fn stored_sizes_round_trip_or_are_refused() {
        for max_payload in 0..200 {
            let made = Geometry::new(1024, Some(max_payload)).unwrap();
            let found = Geometry::from_stored(made.capacity(), made.overrun).unwrap();
            assert_eq!((found.capacity(), found.overrun), (made.capacity(), made.overrun));
            assert!(found.max_payload >= made.max_payload);
        }
        let largest = overrun_for(LONGEST_PAYLOAD);
        let made = Geometry::from_stored(largest.next_power_of_two(), largest);
        assert_eq!(made.map(|made| made.max_payload), Ok(LONGEST_PAYLOAD));
        for (capacity, overrun) in [
            (largest.next_power_of_two() * 2, largest + 8),
            (0, 32),
            (64, 0),
            (64, 24),
            (64, 36),
            (64, 128),
            (64, usize::MAX),
            (63, 32),
        ] {
            assert_eq!(Geometry::from_stored(capacity, overrun), Err(RingError::Damaged));
        }
    }
}
