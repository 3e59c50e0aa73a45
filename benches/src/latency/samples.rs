//! Distributions of one round, and of all rounds of one thing.

use super::timing::Ticks;
use crate::rounds::Rounds;
use hdrhistogram::Histogram;

/// The figures of a distribution in reports. `typical` is the mean of the fastest 99 in 100. It resolves more
/// than a percentile if the clock advances in steps, as the steps begin at no particular moment.
pub const FIGURES: [&str; 7] = ["typical", "p50", "p90", "p99", "p99.9", "p99.99", "max"];
/// The percentiles among them.
const PERCENTILES: [f64; 6] = [50.0, 90.0, 99.0, 99.9, 99.99, 100.0];
/// Index in [`FIGURES`].
pub const TYPICAL: usize = 0;
/// See [`TYPICAL`].
pub const MEDIAN: usize = 1;
/// See [`TYPICAL`].
pub const P90: usize = 2;
/// See [`TYPICAL`].
pub const TAIL: usize = 4;
/// See [`TYPICAL`].
pub const MAX: usize = 6;

/// Digits that a histogram keeps.
const DIGITS: u8 = 3;
/// Points of a curve for each further nine.
const POINTS_PER_NINE: i32 = 10;

/// Times in ticks, their distribution kept to three digits.
#[derive(Clone, Debug)]
pub struct Times(Histogram<u64>);

impl Times {
    /// Makes an empty distribution.
    ///
    /// # Panics
    /// Never: the number of digits is a valid one.
    #[must_use]
    pub fn new() -> Self {
        Self(Histogram::new(DIGITS).expect("a valid number of digits"))
    }

    /// Makes an empty distribution with room for times of up to `ticks`, so that recording allocates nothing.
    ///
    /// # Panics
    /// Never: the bounds are valid ones.
    #[must_use]
    pub fn up_to(ticks: u64) -> Self {
        let mut times = Histogram::new_with_bounds(1, ticks.max(2), DIGITS).expect("valid bounds");
        times.auto(true);
        Self(times)
    }

    /// Adds one time.
    ///
    /// # Panics
    /// Never: a histogram that grows by itself takes every value.
    #[inline]
    pub fn add(&mut self, ticks: u64) {
        self.0.record(ticks).expect("one that grows");
    }

    /// Returns the number of times.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    fn figures(&self, ticks: &Ticks) -> [f64; FIGURES.len()] {
        let mut figures = [self.typical() * ticks.nanos(1); FIGURES.len()];
        for (figure, percentile) in figures[MEDIAN..].iter_mut().zip(PERCENTILES) {
            *figure = ticks.nanos(self.0.value_at_percentile(percentile));
        }
        figures
    }

    /// Returns the mean of the fastest 99 in 100, in ticks.
    fn typical(&self) -> f64 {
        let most = (self.count() - self.count() / 100).max(1);
        let (mut counted, mut sum) = (0, 0.0);
        for value in self.0.iter_recorded() {
            let counts = value.count_since_last_iteration().min(most - counted);
            counted += counts;
            sum += counts as f64 * value.value_iterated_to() as f64;
        }
        sum / most as f64
    }
}

impl Default for Times {
    fn default() -> Self {
        Self::new()
    }
}

/// All rounds of one thing: the figures of each, in nanoseconds, and one distribution of all.
#[derive(Clone, Debug)]
pub struct Distribution {
    name: String,
    rounds: Vec<[f64; FIGURES.len()]>,
    all: Times,
}

impl Distribution {
    /// Makes a set without rounds.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), rounds: Vec::new(), all: Times::new() }
    }

    /// Adds a round.
    ///
    /// # Panics
    /// Never: histograms that grow by themselves can always be added.
    pub fn add(&mut self, ticks: &Ticks, round: &Times) {
        self.rounds.push(round.figures(ticks));
        self.all.0.add(&round.0).expect("one that grows");
    }

    /// Returns the name of what was measured.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the number of times in all rounds.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.all.count()
    }

    /// Returns figure `index` of [`FIGURES`]: median and spread over the rounds. For the maximum, the value is
    /// that of all rounds, and the spread that of the rounds.
    #[must_use]
    pub fn figure(&self, index: usize) -> Figure {
        let figure = Figure::of(self.rounds.iter().map(|round| round[index]));
        if index == MAX { Figure { value: figure.high, ..figure } } else { figure }
    }

    /// Returns figure `index` divided by the baseline's, round by round.
    #[must_use]
    pub fn ratio(&self, index: usize, baseline: &Self) -> Figure {
        let pairs = self.rounds.iter().zip(&baseline.rounds);
        Figure::of(pairs.map(|(own, other)| own[index] / other[index].max(f64::MIN_POSITIVE)))
    }

    /// Returns quantiles and nanoseconds of all rounds, for a chart with an axis of nines. Ends at the largest
    /// value.
    #[must_use]
    pub fn curve(&self, ticks: &Ticks) -> Vec<(f64, f64)> {
        let count = self.count() as f64;
        let steps = (count.max(1.0).log10() * f64::from(POINTS_PER_NINE)) as i32;
        let quantile = |step| 1.0 - 10_f64.powf(-f64::from(step) / f64::from(POINTS_PER_NINE));
        let point = |quantile| (quantile, ticks.nanos(self.all.0.value_at_quantile(quantile)));
        let largest = (1.0 - 1.0 / (count + 1.0), ticks.nanos(self.all.0.max()));
        (0..=steps).map(quantile).map(point).chain([largest]).collect()
    }
}

/// A figure of several rounds: the median, the least and the largest.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize)]
pub struct Figure {
    /// The median.
    pub value: f64,
    /// The least.
    pub low: f64,
    /// The largest.
    pub high: f64,
}

impl Figure {
    /// Returns the figure of these rounds; zero if there are none.
    #[must_use]
    pub fn of(rounds: impl IntoIterator<Item = f64>) -> Self {
        let rounds: Rounds = rounds.into_iter().collect();
        if rounds.is_empty() {
            return Self::exactly(0.0);
        }
        let (low, high) = rounds.range();
        Self { value: rounds.median(), low, high }
    }

    /// The figure where nothing was measured.
    pub const NONE: Self = Self { value: f64::NAN, low: f64::NAN, high: f64::NAN };

    /// Returns a figure without a spread.
    #[must_use]
    pub const fn exactly(value: f64) -> Self {
        Self { value, low: value, high: value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_the_median_and_the_spread() {
        assert_eq!(Figure::of([3.0, 1.0, 2.0]), Figure { value: 2.0, low: 1.0, high: 3.0 });
        assert_eq!(Figure::of([4.0, 1.0, 2.0, 3.0]).value, 2.5);
        assert_eq!(Figure::of([7.0]), Figure::exactly(7.0));
        assert_eq!(Figure::of([]), Figure::exactly(0.0));
    }

    #[test]
    fn percentiles_are_of_rounds_and_the_largest_is_of_all() {
        let ticks = Ticks::new();
        let mut distribution = Distribution::new("thing");
        for base in [100, 300, 200] {
            let mut round = Times::up_to(10);
            (0..1000).for_each(|_| round.add(base));
            round.add(base * 10);
            distribution.add(&ticks, &round);
        }
        let near = |figure: f64, expected: u64| (figure / ticks.nanos(expected) - 1.0).abs() < 0.002;
        let median = distribution.figure(MEDIAN);
        assert!(near(median.value, 200) && near(median.low, 100) && near(median.high, 300), "{median:?}");
        let max = distribution.figure(MAX);
        assert!(near(max.value, 3000) && near(max.low, 1000), "{max:?}");
        assert_eq!(distribution.count(), 3003);
        let curve = distribution.curve(&ticks);
        assert_eq!(curve.len(), 36);
        assert!(near(curve[0].1, 100) && near(curve[35].1, 3000), "{curve:?}");
        assert!(curve.is_sorted(), "{curve:?}");
        assert!(curve.iter().all(|(quantile, _)| (0.0..1.0).contains(quantile)));
    }

    #[test]
    fn the_typical_time_leaves_out_the_slowest_and_sees_between_the_clocks_steps() {
        let ticks = Ticks::new();
        let mut round = Times::new();
        (0..990).for_each(|number| round.add(if number % 3 == 0 { 24 } else { 48 }));
        (0..10).for_each(|_| round.add(1_000_000));
        assert!((round.typical() - 40.0).abs() < 0.01, "{}", round.typical());
        assert!((round.figures(&ticks)[MEDIAN] - ticks.nanos(48)).abs() < 0.01);
        assert_eq!(Times::new().typical(), 0.0);
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        let ticks = Ticks::new();
        let of = |rounds: [u64; 3]| {
            let mut distribution = Distribution::new("");
            for value in rounds {
                let mut round = Times::new();
                round.add(value);
                distribution.add(&ticks, &round);
            }
            distribution
        };
        let ratio = of([200, 400, 1200]).ratio(MEDIAN, &of([100, 200, 400]));
        assert!((ratio.value - 2.0).abs() < 0.01 && (ratio.high - 3.0).abs() < 0.01, "{ratio:?}");
    }
}
