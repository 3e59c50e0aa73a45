//! A fixed number of bins on an axis of time, whose width doubles as the time extends.
#![forbid(unsafe_code)]

/// Bins of an axis. The last ones may be unused.
pub(crate) const BINS: usize = 2048;

/// What a bin holds.
pub(crate) trait Bin: Copy + Default {
    /// Adds what another bin holds.
    fn merge(&mut self, other: Self);
}

/// Where the bins of a time are: each is `1 << shift` units of the clock wide, and starts at a multiple of that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Axis {
    shift: u32,
    /// Number of the first bin, counted from time 0.
    first: u64,
}

impl Axis {
    /// Returns the bin of a time; `None` if the axis does not reach there.
    #[inline]
    pub(crate) fn place(self, time: u64) -> Option<usize> {
        let at = (time >> self.shift).wrapping_sub(self.first);
        (at < BINS as u64).then_some(at as usize)
    }

    /// Returns the width of a bin in units of the clock.
    pub(crate) fn width(self) -> u64 {
        1 << self.shift
    }

    /// Returns the time at which a bin starts.
    pub(crate) fn start(self, bin: usize) -> u64 {
        self.first.saturating_add(bin as u64).saturating_mul(self.width())
    }

    /// Returns the narrowest axis, with bins no narrower than `width_shift`, that has both times. The room that is left is after
    /// them, or on both sides.
    fn spanning(least: u64, most: u64, mut shift: u32, is_room_before: bool) -> Self {
        while (most >> shift) - (least >> shift) >= BINS as u64 {
            shift += 1;
        }
        let room = BINS as u64 - 1 - ((most >> shift) - (least >> shift));
        let before = if is_room_before { room / 2 } else { 0 };
        Self { shift, first: (least >> shift).saturating_sub(before) }
    }
}

/// The axis of all that is gathered, as far as its times reach.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeline {
    /// None before the first time.
    axis: Option<Axis>,
    least: u64,
    most: u64,
}

impl Timeline {
    pub(crate) const fn new() -> Self {
        Self { axis: None, least: u64::MAX, most: 0 }
    }

    /// Returns the bin of a time. If the axis does not reach there, `moved` gets the old and the new axis first.
    #[inline]
    pub(crate) fn place(&mut self, time: u64, moved: impl FnOnce(Axis, Axis)) -> usize {
        self.least = self.least.min(time);
        self.most = self.most.max(time);
        match self.axis.and_then(|axis| axis.place(time)) {
            Some(bin) => bin,
            None => self.extend(time, moved),
        }
    }

    #[cold]
    fn extend(&mut self, time: u64, moved: impl FnOnce(Axis, Axis)) -> usize {
        let shift = self.axis.map_or(0, |axis| axis.shift);
        let is_before = self.axis.is_some() && time == self.least;
        let axis = Axis::spanning(self.least, self.most, shift, is_before);
        if let Some(old) = self.axis.replace(axis) {
            moved(old, axis);
        }
        axis.place(time).unwrap_or(0)
    }

    /// Returns the axis; `None` if there was no time.
    pub(crate) fn axis(&self) -> Option<Axis> {
        self.axis
    }

    /// Returns the earliest and the latest time.
    pub(crate) fn range(&self) -> Option<(u64, u64)> {
        self.axis.map(|_| (self.least, self.most))
    }

    /// Returns the bins from the first to the last time.
    pub(crate) fn used(&self) -> std::ops::Range<usize> {
        let place = |time| self.axis.and_then(|axis| axis.place(time));
        match (place(self.least), place(self.most)) {
            (Some(first), Some(last)) => first..last + 1,
            _ => 0..0,
        }
    }
}

/// Moves bins from one axis to a wider one. Bins that become one are merged.
pub(crate) fn rebin<B: Bin>(bins: &mut Vec<B>, from: Axis, to: Axis) {
    let old = std::mem::replace(bins, vec![B::default(); BINS]);
    for (bin, at) in old.into_iter().zip(0..) {
        // An unused bin may be past the axis, or past the last time of all.
        let number = from.first.wrapping_add(at);
        let at = (number >> (to.shift - from.shift)).wrapping_sub(to.first);
        if let Some(place) = bins.get_mut(at as usize) {
            place.merge(bin);
        }
    }
}

/// Events and the bytes of their records.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Load {
    pub(crate) events: u64,
    pub(crate) bytes: u64,
}

impl Bin for Load {
    fn merge(&mut self, other: Self) {
        self.events += other.events;
        self.bytes += other.bytes;
    }
}

/// GAP records and what they count, and places where records cannot be found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Loss {
    pub(crate) gaps: u64,
    pub(crate) lost: u64,
    /// Places without records that were there, and how many are known to be missing.
    pub(crate) holes: u64,
    pub(crate) missing: u64,
}

impl Bin for Loss {
    fn merge(&mut self, other: Self) {
        self.gaps += other.gaps;
        self.lost = self.lost.saturating_add(other.lost);
        self.holes += other.holes;
        self.missing = self.missing.saturating_add(other.missing);
    }
}

/// Values from here on are summed apart, in units of this: such a sum cannot exceed the largest number.
const LARGE: f64 = 1e280;

/// Values of a field: how many, the smallest, the largest, their sum.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Samples {
    pub(crate) count: u64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) sum: f64,
    /// The sum of the values that are not below [`LARGE`], in units of it.
    pub(crate) large_sum: f64,
}

impl Default for Samples {
    fn default() -> Self {
        Self { count: 0, min: f64::INFINITY, max: f64::NEG_INFINITY, sum: 0.0, large_sum: 0.0 }
    }
}

impl Samples {
    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        let (sum, large_sum) = if value.abs() < LARGE { (value, 0.0) } else { (0.0, value / LARGE) };
        self.merge(Self { count: 1, min: value, max: value, sum, large_sum });
    }

    /// Returns the mean; `None` without a value.
    pub(crate) fn mean(&self) -> Option<f64> {
        let count = self.count as f64;
        let mean = || self.sum / count + self.large_sum / count * LARGE;
        (self.count > 0).then(|| mean().clamp(self.min, self.max))
    }
}

impl Bin for Samples {
    #[inline]
    fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
        self.large_sum += other.large_sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds a sample at each time, and checks that none is lost and each is in the bin of its time.
    fn check(times: impl Iterator<Item = u64> + Clone) -> Axis {
        let (mut timeline, mut bins) = (Timeline::new(), vec![Samples::default(); BINS]);
        for time in times.clone() {
            let at = timeline.place(time, |from, to| rebin(&mut bins, from, to));
            bins[at].add(time as f64);
        }
        let axis = timeline.axis().unwrap();
        let mut expected = vec![Samples::default(); BINS];
        times.for_each(|time| expected[axis.place(time).unwrap()].add(time as f64));
        for (at, (bin, expected)) in bins.iter().zip(&expected).enumerate() {
            assert_eq!(
                (bin.count, bin.min, bin.max),
                (expected.count, expected.min, expected.max),
                "bin {at}"
            );
            let is_used = timeline.used().contains(&at);
            assert!(bin.count == 0 || is_used && bin.min >= axis.start(at) as f64);
        }
        axis
    }

    #[test]
    fn samples_stay_in_the_bin_of_their_time_as_the_axis_extends() {
        let axis = check((0..20_000).map(|at| 1_700_000_000_000_000_000 + at * 1_000_003));
        assert!(
            axis.width() * (BINS as u64) < 4 * 20_000 * 1_000_003,
            "the bins are as narrow as they can be"
        );
        check((0..20_000).rev().map(|at| 5_000 + at * 977));
        check((0..5_000_u64).map(|at| at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20));
        check([7, u64::MAX, 0, 1 << 40].into_iter());
        check([u64::MAX, u64::MAX - 1].into_iter());
        assert_eq!(check(std::iter::once(3)).width(), 1);
    }

    #[test]
    fn a_mean_of_the_largest_numbers_is_one() {
        let mean = |values: &[f64]| {
            let mut samples = Samples::default();
            values.iter().for_each(|value| samples.add(*value));
            samples.mean().unwrap()
        };
        assert_eq!(mean(&[f64::MAX, -f64::MAX, 6.0]), 2.0);
        assert!((mean(&[f64::MAX, f64::MAX, f64::MAX / 4.0]) / f64::MAX - 0.75).abs() < 1e-12);
        assert!((mean(&[1.5e308, 1.5e308, 0.9e308]) / 1.3e308 - 1.0).abs() < 1e-12);
        assert_eq!(mean(&[1e-300, 3e-300]), 2e-300);
    }

    #[test]
    fn an_axis_that_extends_to_the_past_bin_by_bin_is_moved_seldom() {
        let (mut timeline, mut moves) = (Timeline::new(), 0);
        for time in (0..1 << 20).rev() {
            timeline.place(time, |_, _| moves += 1);
        }
        assert!(moves < 200, "{moves}");
    }
}
