//! Reports that events are being lost, at most once a minute.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use crate::terminal::words::counted;

/// Shortest time between two reports: the summary has the exact count.
const PAUSE: Duration = Duration::from_secs(60);

/// Compares the count of lost events with what was reported.
#[derive(Debug)]
pub(crate) struct LossReports {
    before: u64,
    reported: u64,
    reported_at: Option<Instant>,
}

impl LossReports {
    /// Begins with the losses of earlier runs, which are not reported.
    pub(crate) const fn new(before: u64) -> Self {
        Self { before, reported: before, reported_at: None }
    }

    /// Returns a report if more events are lost than the last one said.
    pub(crate) fn look(&mut self, lost: u64, now: Instant) -> Option<String> {
        let is_early = self.reported_at.is_some_and(|at| now.duration_since(at) < PAUSE);
        if lost <= self.reported || is_early {
            return None;
        }
        (self.reported, self.reported_at) = (lost, Some(now));
        let events = counted(lost - self.before, "event");
        Some(format!("{events} lost so far in this run; the GAP records in the log have place and reason"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_reported_at_once_and_more_of_it_a_minute_later() {
        let (mut reports, start) = (LossReports::new(7), Instant::now());
        let mut look =
            |lost, seconds| reports.look(lost, start + Duration::from_secs(seconds)).unwrap_or_default();
        assert_eq!(look(7, 0), "");
        assert!(look(8, 1).starts_with("1 event lost "));
        assert_eq!([look(8, 2), look(1007, 60), look(8, 100)], [""; 3]);
        assert!(look(1007, 61).starts_with("1,000 events lost "));
        assert_eq!(look(1007, 1000), "");
    }
}
