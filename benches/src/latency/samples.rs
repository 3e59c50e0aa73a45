//! What was measured: distributions of one round, and of all rounds of one thing.

use super::timing::Ticks;
use hdrhistogram::Histogram;

/// The percentiles that are reported; the last one is the largest value.
pub const PERCENTILES: [(&str, f64); 6] =
    [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p99.9", 99.9), ("p99.99", 99.99), ("max", 100.0)];
/// Where in [`PERCENTILES`] the middle stands, and the one that goals are set for.
pub const MEDIAN: usize = 0;
/// See [`MEDIAN`].
pub const TAIL: usize = 3;

/// Digits that a histogram keeps.
const DIGITS: u8 = 3;
/// Points of a curve for each further nine.
const POINTS_PER_NINE: i32 = 10;

/// Times in ticks, their distribution kept to three digits.
#[derive(Clone, Debug)]
pub struct Times(Histogram<u64>);

impl Times {
    /// No times yet.
    ///
    /// # Panics
    /// Never: the number of digits is a valid one.
    #[must_use]
    pub fn new() -> Self {
        Self(Histogram::new(DIGITS).expect("a valid number of digits"))
    }

    /// As [`new`](Self::new), with room for times of up to `ticks`, so that recording allocates nothing.
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
    #[inline]
    pub fn add(&mut self, ticks: u64) {
        self.0.saturating_record(ticks);
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    fn percentiles(&self, ticks: &Ticks) -> [f64; PERCENTILES.len()] {
        PERCENTILES.map(|(_, percentile)| ticks.nanos(self.0.value_at_percentile(percentile)))
    }
}

impl Default for Times {
    fn default() -> Self {
        Self::new()
    }
}

/// All rounds of one thing: percentiles of each, in nanoseconds, and one distribution of all.
#[derive(Clone, Debug)]
pub struct Distribution {
    name: String,
    rounds: Vec<[f64; PERCENTILES.len()]>,
    all: Times,
}

impl Distribution {
    /// No rounds yet.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), rounds: Vec::new(), all: Times::new() }
    }

    /// Adds a round.
    ///
    /// # Panics
    /// Never: histograms that grow by themselves can always be added.
    pub fn add(&mut self, ticks: &Ticks, round: &Times) {
        self.rounds.push(round.percentiles(ticks));
        self.all.0.add(&round.0).expect("one that grows");
    }

    /// What was measured.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many times there are, in all rounds.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.all.count()
    }

    /// The percentile `index` of [`PERCENTILES`]: median and spread over the rounds. The largest value is
    /// that of all rounds, its spread that of the rounds.
    #[must_use]
    pub fn figure(&self, index: usize) -> Figure {
        let figure = Figure::of(self.rounds.iter().map(|round| round[index]));
        let is_max = index + 1 == PERCENTILES.len();
        if is_max { Figure { value: figure.high, ..figure } } else { figure }
    }

    /// This one's percentile `index` divided by the baseline's, round by round.
    #[must_use]
    pub fn ratio(&self, index: usize, baseline: &Self) -> Figure {
        let pairs = self.rounds.iter().zip(&baseline.rounds);
        Figure::of(pairs.map(|(own, other)| own[index] / other[index].max(f64::MIN_POSITIVE)))
    }

    /// Quantiles and nanoseconds of all rounds, for a chart with an axis of nines.
    #[must_use]
    pub fn curve(&self, ticks: &Ticks) -> Vec<(f64, f64)> {
        let nines = (self.count().max(1) as f64).log10();
        let steps = (nines * f64::from(POINTS_PER_NINE)) as i32;
        let quantile = |step| 1.0 - 10_f64.powf(-f64::from(step) / f64::from(POINTS_PER_NINE));
        (0..=steps)
            .map(quantile)
            .map(|quantile| (quantile, ticks.nanos(self.all.0.value_at_quantile(quantile))))
            .collect()
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
    /// The figure of these rounds; zero if there are none.
    #[must_use]
    pub fn of(rounds: impl IntoIterator<Item = f64>) -> Self {
        let mut rounds: Vec<f64> = rounds.into_iter().collect();
        rounds.sort_by(f64::total_cmp);
        match rounds[..] {
            [] => Self::exactly(0.0),
            [low, .., high] => Self { value: middle(&rounds), low, high },
            [only] => Self::exactly(only),
        }
    }

    /// A figure without a spread.
    #[must_use]
    pub const fn exactly(value: f64) -> Self {
        Self { value, low: value, high: value }
    }
}

/// The median of sorted values.
fn middle(sorted: &[f64]) -> f64 {
    let (below, above) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    f64::midpoint(below, above)
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
        let max = distribution.figure(PERCENTILES.len() - 1);
        assert!(near(max.value, 3000) && near(max.low, 1000), "{max:?}");
        assert_eq!(distribution.count(), 3003);
        let curve = distribution.curve(&ticks);
        assert_eq!(curve.len(), 35);
        assert!(near(curve[0].1, 100) && near(curve[34].1, 3000), "{curve:?}");
        assert!(curve.iter().all(|(quantile, _)| (0.0..1.0).contains(quantile)));
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
