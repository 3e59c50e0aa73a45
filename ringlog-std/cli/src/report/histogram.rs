//! Counts of values on a logarithmic scale, exact to a sixteenth.
#![forbid(unsafe_code)]

/// Each power of two is divided into `1 << SUB_BITS` parts.
const SUB_BITS: u32 = 4;
const SUBS: usize = 1 << SUB_BITS;
const LEN: usize = (64 - SUB_BITS as usize + 1) * SUBS;
/// The same for the bars of a chart.
const BAR_BITS: u32 = 2;

/// Counts of values; with minimum, maximum and sum, which are exact.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    count: u64,
    sum: u128,
    min: u64,
    max: u64,
}

/// Values from `low` to `high`, both included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bar {
    pub(crate) low: u64,
    pub(crate) high: u64,
    pub(crate) count: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self { counts: vec![0; LEN], count: 0, sum: 0, min: u64::MAX, max: 0 }
    }

    #[inline]
    pub(crate) fn add(&mut self, value: u64) {
        if let Some(count) = self.counts.get_mut(part(value, SUB_BITS)) {
            *count += 1;
        }
        self.count += 1;
        self.sum += u128::from(value);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Returns the smallest value, the mean and the largest value; `None` without a value.
    pub(crate) fn extent(&self) -> Option<(u64, f64, u64)> {
        (self.count > 0).then(|| (self.min, self.sum as f64 / self.count as f64, self.max))
    }

    /// Returns a value that this part of the values, 0 to 1, does not exceed; at most a sixteenth too large. `None` without a value.
    pub(crate) fn quantile(&self, part: f64) -> Option<u64> {
        let wanted = ((part * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        let at = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        })?;
        Some(high(at, SUB_BITS).clamp(self.min, self.max))
    }

    /// Returns the counts as bars, four for each power of two, without empty ones.
    pub(crate) fn bars(&self) -> Vec<Bar> {
        let mut bars = Vec::<Bar>::new();
        for (at, &count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let bar = part(low(at, SUB_BITS), BAR_BITS);
            let (low, high) = (low(bar, BAR_BITS), high(bar, BAR_BITS));
            match bars.last_mut() {
                Some(last) if last.low == low => last.count += count,
                _ => bars.push(Bar { low, high, count }),
            }
        }
        bars
    }
}

/// Returns the number of the part in which a value is, if each power of two has `1 << bits` parts.
#[inline]
const fn part(value: u64, bits: u32) -> usize {
    let small = 1 << bits;
    if value < small {
        return value as usize;
    }
    let exponent = 63 - value.leading_zeros();
    (((exponent - bits + 1) as usize) << bits) + ((value >> (exponent - bits)) & (small - 1)) as usize
}

/// Returns the smallest value of a part.
const fn low(part: usize, bits: u32) -> u64 {
    let small = 1 << bits;
    if part < small {
        return part as u64;
    }
    ((small + part % small) as u64) << (part / small - 1)
}

/// Returns the largest value of a part.
fn high(part: usize, bits: u32) -> u64 {
    if part + 1 < (65 - bits as usize) << bits { low(part + 1, bits) - 1 } else { u64::MAX }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_within_the_bounds_of_its_part() {
        let edges = (0..64).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit, (1 << bit) + 1]);
        let mut values: Vec<u64> = edges.chain(0..5000).chain([u64::MAX - 1, u64::MAX]).collect();
        values.sort_unstable();
        for bits in [BAR_BITS, SUB_BITS] {
            let mut last = 0;
            for &value in &values {
                let at = part(value, bits);
                assert!(low(at, bits) <= value && value <= high(at, bits), "{value} in part {at}");
                assert!(at >= last && at < LEN);
                last = at;
            }
            assert_eq!(part(u64::MAX, bits), ((65 - bits as usize) << bits) - 1);
        }
    }

    #[test]
    fn quantiles_are_at_most_a_sixteenth_too_large() {
        let mut histogram = Histogram::new();
        assert_eq!((histogram.quantile(0.5), histogram.extent()), (None, None));
        (1..=100_000).for_each(|value| histogram.add(value * 10));
        for (part, exact) in [(0.0, 10), (0.5, 500_000), (0.99, 990_000), (0.999, 999_000), (1.0, 1_000_000)]
        {
            let found = histogram.quantile(part).unwrap();
            assert!((exact..=exact + exact / 16).contains(&found), "{part}: {found} for {exact}");
        }
        assert_eq!(histogram.extent(), Some((10, 500_005.0, 1_000_000)));
        assert_eq!(histogram.bars().iter().map(|bar| bar.count).sum::<u64>(), histogram.count());
        assert!(histogram.bars().windows(2).all(|pair| pair[0].high < pair[1].low));
        histogram.add(u64::MAX);
        assert_eq!(histogram.quantile(1.0), Some(u64::MAX));
        assert_eq!(histogram.bars().last().unwrap().high, u64::MAX);
    }
}
