//! What `stress` reports at its end.

use serde::Serialize;

use crate::error::CliError;
use crate::measure::bound::{Bound, percent};
use crate::measure::over_time::Period;
use crate::terminal::words::grouped;

/// The result of a run of `stress`.
#[derive(Serialize)]
pub(crate) struct StressReport {
    /// Events that the ring took.
    pub(crate) produced: u64,
    /// Events that the log writer counted.
    pub(crate) persisted: u64,
    /// Events that were reported as lost.
    pub(crate) lost: u64,
    /// Events that reading the finished log found.
    pub(crate) events_in_log: u64,
    /// Older events, which `--keep-bytes` has removed from the log.
    pub(crate) retired: u64,
    pub(crate) events_per_second: f64,
    pub(crate) bytes_per_second: f64,
    /// From the first event until the log was drained, synced and sealed.
    pub(crate) seconds: f64,
    /// From the first event until the ring took the last one.
    pub(crate) producing_seconds: f64,
    pub(crate) read_back_seconds: f64,
    /// The lowest of the limits. None if none was measured.
    pub(crate) limit_events_per_second: Option<f64>,
    /// The part of this limit that the run reached, 1.0 for all of it.
    pub(crate) of_limit: Option<f64>,
    pub(crate) payload_len: u16,
    pub(crate) batch: u64,
    pub(crate) bytes_in_log: u64,
    pub(crate) ring_bytes: usize,
    pub(crate) log: String,
    pub(crate) ended: &'static str,
    /// What bounded the second half of the run.
    pub(crate) bound_by: Option<Bound>,
    pub(crate) second_half: Option<Period>,
    pub(crate) over_time: Vec<Period>,
    pub(crate) limits: Vec<LimitReport>,
}

/// A limit, in bytes per second.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct LimitReport {
    pub(crate) bound: Bound,
    pub(crate) name: &'static str,
    pub(crate) bytes_per_second: f64,
    pub(crate) before: f64,
    pub(crate) after: f64,
    /// The part of it that the run reached: until it was synced for the disk, in its second half for the others.
    pub(crate) reached: f64,
}

impl StressReport {
    /// Fails if the numbers of events contradict each other.
    pub(crate) fn check(&self) -> Result<(), CliError> {
        let Self { produced, persisted, lost, events_in_log, retired, log, .. } = self;
        let problem = if *produced != persisted + lost {
            format!("produced {produced} is not persisted {persisted} + lost {lost}")
        } else if *persisted != events_in_log + retired {
            format!("persisted {persisted}, but the log holds {events_in_log}, and {retired} were retired")
        } else {
            return Ok(());
        };
        Err(CliError::Mismatch(format!("THE COUNTS DO NOT ADD UP: {problem}; the log is kept at {log}")))
    }

    /// Returns what follows the lines of the seconds.
    pub(crate) fn words(&self) -> String {
        let retired = match self.retired {
            0 => String::new(),
            events => format!("; {} were retired", grouped(events)),
        };
        let mut words = format!(
            "events      {} produced, {} persisted, {} lost\nin the log  {}, read back in {:.2} s{retired}\n",
            grouped(self.produced),
            grouped(self.persisted),
            grouped(self.lost),
            grouped(self.events_in_log),
            self.read_back_seconds,
        );
        words += &format!(
            "{:<37} {:>7} {:>7} {:>8} {:>7} {:>7}\n",
            format!("until {}", self.ended),
            "M ev/s",
            "MB/s",
            "reached",
            "before",
            "after"
        );
        let record_len = self.bytes_per_second / self.events_per_second.max(1e-9);
        let row = |name: &str, bytes_per_second: f64| {
            format!("{name:<37} {:>7.2} {:>7.0}", bytes_per_second / record_len / 1e6, bytes_per_second / 1e6)
        };
        let first = self.over_time.first().filter(|_| self.over_time.len() > 1);
        for (name, period) in [("first second", first), ("second half", self.second_half.as_ref())] {
            words += &period.map_or_else(String::new, |it| row(name, it.bytes_per_second) + "\n");
        }
        let whole = format!("until synced and sealed, {:.2} s", self.seconds);
        words += &(row(&whole, self.bytes_per_second) + "\n");
        for limit in &self.limits {
            let measured = row(&format!("limit: {}", limit.name), limit.bytes_per_second);
            let (before, after) = (limit.before / 1e6, limit.after / 1e6);
            words += &format!("{measured} {:>6} % {before:>7.0} {after:>7.0}\n", percent(limit.reached));
        }
        words + &self.bounded()
    }

    /// Returns the sentence that says what bounded the second half.
    fn bounded(&self) -> String {
        let reached = |bound| self.limits.iter().find(|it| it.bound == bound).map(|it| it.reached);
        self.second_half.map_or_else(String::new, |half| half.shares.sentence(reached))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(produced: u64, persisted: u64, lost: u64, events_in_log: u64) -> StressReport {
        StressReport {
            produced,
            persisted,
            lost,
            events_in_log,
            retired: 0,
            events_per_second: 1e6,
            bytes_per_second: 8e7,
            seconds: 1.0,
            producing_seconds: 1.0,
            read_back_seconds: 1.0,
            limit_events_per_second: Some(4e6),
            of_limit: Some(0.625),
            payload_len: 64,
            batch: 1,
            bytes_in_log: 80,
            ring_bytes: 1,
            log: "x".into(),
            ended: "the time was over",
            bound_by: None,
            second_half: None,
            over_time: Vec::new(),
            limits: Vec::new(),
        }
    }

    #[test]
    fn limits_and_what_was_reached_of_them_are_printed_in_columns_that_a_terminal_shows() {
        let limit = |bound: Bound, bytes_per_second: f64| LimitReport {
            bound,
            name: bound.limit(),
            bytes_per_second,
            before: 2.5e9,
            after: 2.0e9,
            reached: 8e7 / bytes_per_second,
        };
        let billion = 1_000_000_000;
        let mut report = StressReport { retired: billion, ..report(2 * billion, 2 * billion, 0, billion) };
        report.ended = "the size limit was reached";
        assert!(!report.words().contains("limit:"), "{}", report.words());
        report.limits = Bound::ALL.map(|bound| limit(bound, 3.2e8)).into();
        let words = report.words();
        let expected = "limit: plain pwrite into fresh files     4.00     320     25 %    2500    2000\n";
        assert!(words.contains(expected), "{words}");
        assert!(words.lines().all(|line| line.len() <= 80), "{words}");
    }

    #[test]
    fn only_counts_that_add_up_pass() {
        assert!(report(10, 10, 0, 10).check().is_ok());
        assert!(report(10, 8, 2, 8).check().is_ok());
        assert!(StressReport { retired: 3, ..report(10, 8, 2, 5) }.check().is_ok());
        for wrong in [
            report(10, 9, 0, 9),
            report(10, 10, 0, 9),
            report(10, 11, 0, 11),
            report(9, 10, 0, 10),
            StressReport { retired: 3, ..report(10, 10, 0, 10) },
        ] {
            assert!(matches!(wrong.check(), Err(CliError::Mismatch(_))));
        }
    }
}
