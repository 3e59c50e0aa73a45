//! Converts timestamps of packet captures to nanoseconds since 1970.

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// The unit and the start of the timestamps of an interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TimeUnit {
    /// Units per second.
    per_second: u128,
    /// Seconds to add.
    offset_seconds: i64,
}

impl TimeUnit {
    /// Microseconds since 1970, the default of a file.
    pub(crate) const MICROS: Self = Self { per_second: 1_000_000, offset_seconds: 0 };
    /// Nanoseconds since 1970.
    pub(crate) const NANOS: Self = Self { per_second: 1_000_000_000, offset_seconds: 0 };

    /// Reads pcapng's `if_tsresol` (a power of 10, or of 2 if the top bit is set) and `if_tsoffset`.
    ///
    /// Returns `None` for a unit so short that 64 bits cannot count one second.
    pub(crate) fn from_options(tsresol: u8, offset_seconds: i64) -> Option<Self> {
        let exponent = u32::from(tsresol & 0x7F);
        let base: u128 = if tsresol & 0x80 == 0 { 10 } else { 2 };
        let per_second = base.checked_pow(exponent).filter(|&units| units <= u128::from(u64::MAX))?;
        Some(Self { per_second, offset_seconds })
    }

    /// Returns nanoseconds since 1970, rounded down; `None` if the time is before 1970 or does not fit.
    pub(crate) fn to_nanos(self, units: u64) -> Option<u64> {
        let units = u128::from(units);
        // The remainder is below 2^64 and a second has fewer than 2^30 nanoseconds: no overflow.
        let fraction = (units % self.per_second) * NANOS_PER_SECOND as u128 / self.per_second;
        let seconds = i128::try_from(units / self.per_second).ok()? + i128::from(self.offset_seconds);
        u64::try_from(seconds * NANOS_PER_SECOND + i128::try_from(fraction).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanoseconds_are_kept() {
        let unit = TimeUnit::from_options(9, 0).unwrap();
        assert_eq!(unit, TimeUnit::NANOS);
        assert_eq!(unit.to_nanos(1_700_000_000_123_456_789), Some(1_700_000_000_123_456_789));
    }

    #[test]
    fn other_units_are_converted() {
        assert_eq!(TimeUnit::from_options(6, 0), Some(TimeUnit::MICROS));
        assert_eq!(TimeUnit::MICROS.to_nanos(1_500_000), Some(1_500_000_000));
        assert_eq!(TimeUnit::from_options(0, 0).unwrap().to_nanos(7), Some(7_000_000_000));
        assert_eq!(TimeUnit::from_options(12, 0).unwrap().to_nanos(1_234_567), Some(1_234));
        // A power of two: 1/1024 s.
        assert_eq!(TimeUnit::from_options(0x80 | 10, 0).unwrap().to_nanos(1024 + 512), Some(1_500_000_000));
    }

    #[test]
    fn offsets_move_in_both_directions() {
        assert_eq!(TimeUnit::from_options(6, 2).unwrap().to_nanos(5), Some(2_000_005_000));
        assert_eq!(TimeUnit::from_options(6, -1).unwrap().to_nanos(1_000_001), Some(1_000));
        assert_eq!(TimeUnit::from_options(6, -1).unwrap().to_nanos(5), None);
    }

    #[test]
    fn no_options_overflow() {
        for tsresol in 0..=u8::MAX {
            for offset in [i64::MIN, -1, 0, i64::MAX] {
                if let Some(unit) = TimeUnit::from_options(tsresol, offset) {
                    let _ = (unit.to_nanos(0), unit.to_nanos(u64::MAX));
                }
            }
        }
        assert_eq!(TimeUnit::from_options(20, 0), None);
        assert_eq!(TimeUnit::from_options(0x80 | 64, 0), None);
    }
}
