//! Figures of rounds. Each round measures every contestant in turn, so that disturbances of the machine affect
//! all.

use serde::Serialize;

/// One figure of every round.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Rounds(Vec<f64>);

impl Rounds {
    /// Adds the figure of the next round.
    pub fn add(&mut self, figure: f64) {
        self.0.push(figure);
    }

    /// Returns the number of rounds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there was no round.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the median; NaN if there is no round.
    #[must_use]
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// Returns the quartiles: half of the rounds are between them.
    #[must_use]
    pub fn spread(&self) -> (f64, f64) {
        (self.quantile(0.25), self.quantile(0.75))
    }

    /// Returns the smallest and the largest; NaN if there is no round.
    #[must_use]
    pub fn range(&self) -> (f64, f64) {
        (self.quantile(0.0), self.quantile(1.0))
    }

    /// Returns the figures of `self` divided by those of `other` in the same rounds.
    #[must_use]
    pub fn over(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(own, other)| own / other).collect())
    }

    /// Returns the sums of the figures of the same rounds.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(own, other)| own + other).collect())
    }

    /// Returns the lowest figure of each round.
    #[must_use]
    pub fn lowest<'r>(all: impl IntoIterator<Item = &'r Self>) -> Self {
        let mut all = all.into_iter();
        let first = all.next().cloned().unwrap_or_default();
        all.fold(first, |lowest, next| {
            Self(lowest.0.iter().zip(&next.0).map(|(left, right)| left.min(*right)).collect())
        })
    }

    fn quantile(&self, at: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        // For an even number of rounds, the mean of the two in the middle.
        let place = at * last as f64;
        let (below, above) = (sorted.get(place.floor() as usize), sorted.get(place.ceil() as usize));
        match (below, above) {
            (Some(below), Some(above)) => below + (above - below) * place.fract(),
            _ => f64::NAN,
        }
    }
}

impl FromIterator<f64> for Rounds {
    fn from_iter<I: IntoIterator<Item = f64>>(figures: I) -> Self {
        Self(figures.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_rounds_and_their_quartiles() {
        let rounds = Rounds(vec![4.0, 1.0, 3.0, 2.0, 5.0]);
        assert_eq!((rounds.median(), rounds.spread(), rounds.range()), (3.0, (2.0, 4.0), (1.0, 5.0)));
        assert_eq!(Rounds(vec![1.0, 2.0]).median(), 1.5);
        assert!(Rounds::default().median().is_nan());
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        let (own, other) = (Rounds(vec![2.0, 30.0]), Rounds(vec![1.0, 10.0]));
        assert_eq!(own.over(&other), Rounds(vec![2.0, 3.0]));
        assert_eq!(Rounds::lowest([&own, &other]), other);
    }
}
