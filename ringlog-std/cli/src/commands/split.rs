//! `ringlog split`: cuts a log into several by time.
#![forbid(unsafe_code)]

use std::time::Duration;

use serde::Serialize;

use crate::error::{CliError, Outcome};
use crate::options::copy_args::SplitArgs;
use crate::options::filter_args::FilterArgs;
use crate::read::source::LogSource;
use crate::terminal::print::{print, print_json};
use crate::terminal::words::{clock_name, counted, grouped};
use crate::terminal::zone::Zone;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ringlog::event::ClockKind;
use ringlog::programs::{SplitPart, split_log};

#[derive(Serialize)]
struct Part {
    /// Its folder.
    log: String,
    /// The time at which it begins, of the log's clock.
    begins_at: u64,
    first_sequence: u64,
    next_sequence: u64,
    events: u64,
    gaps: u64,
    /// Events of an earlier time that came after a later one.
    late: u64,
}

#[derive(Serialize)]
struct Report {
    log: String,
    parts: Vec<Part>,
}

pub(crate) fn run(args: &SplitArgs) -> Result<Outcome, CliError> {
    let clock = LogSource::open_or_empty(&args.log)?.clock();
    let stretches = Stretches::of(args, clock)?;
    let parts =
        split_log(&args.log, &args.to, &|time| stretches.begin_of(time), &|begin| name_of(begin, clock))?;
    let part = |part: SplitPart| Part {
        log: args.to.join(&part.name).display().to_string(),
        begins_at: part.begins_at,
        first_sequence: part.first_sequence,
        next_sequence: part.next_sequence,
        events: part.events,
        gaps: part.gaps,
        late: part.late,
    };
    let report = Report { log: args.log.display().to_string(), parts: parts.into_iter().map(part).collect() };
    if args.json {
        print_json(&report)?;
    } else {
        print(&report.words())?;
    }
    Ok(Outcome::Clean)
}

/// The stretches of time that the logs are of.
enum Stretches {
    /// Each of this many nanoseconds.
    Every(u64),
    /// Those between these times, in order.
    At(Vec<u64>),
}

impl Stretches {
    fn of(args: &SplitArgs, clock: ClockKind) -> Result<Self, CliError> {
        if let Some(every) = args.cuts.every {
            return Self::every(every, clock);
        }
        let zones = FilterArgs { utc: args.utc, ..FilterArgs::default() };
        let zone = if args.utc { TimeZone::UTC } else { TimeZone::system() };
        let now = Timestamp::now();
        let times = args.cuts.at.iter().map(|at| zones.timestamp("--at", at, Some(clock), &zone, now));
        let mut times = times.collect::<Result<Vec<_>, _>>()?;
        times.sort_unstable();
        Ok(Self::At(times))
    }

    fn every(every: Duration, clock: ClockKind) -> Result<Self, CliError> {
        if !matches!(clock, ClockKind::UnixNanos | ClockKind::MonotonicNanos) {
            return Err(CliError::Usage(format!(
                "--every: the clock of this log is \"{}\", which counts no seconds; give numbers of that clock by --at",
                clock_name(clock)
            )));
        }
        // Options are longer than nothing and shorter than what fits.
        Ok(Self::Every(u64::try_from(every.as_nanos()).unwrap_or(u64::MAX).max(1)))
    }

    /// Returns when the stretch begins that holds a time.
    fn begin_of(&self, time: u64) -> u64 {
        match self {
            Self::Every(nanos) => time / nanos * nanos,
            Self::At(times) => times.iter().rev().find(|at| **at <= time).copied().unwrap_or(0),
        }
    }
}

/// Returns the name of a log by the time at which it begins. Names of a clock sort as their times.
fn name_of(begin: u64, clock: ClockKind) -> String {
    let whole = begin.is_multiple_of(1_000_000_000);
    let format = if whole { "%Y%m%dT%H%M%SZ" } else { "%Y%m%dT%H%M%S.%9fZ" };
    match (begin, clock) {
        (0, _) => "0-begin".into(),
        (_, ClockKind::UnixNanos) => {
            Zone::Utc.format(begin, format).unwrap_or_else(|| format!("{begin:020}"))
        }
        _ => format!("{begin:020}"),
    }
}

impl Report {
    fn words(&self) -> String {
        let mut lines = vec![format!("{}: {}", self.log, counted(self.parts.len() as u64, "log"))];
        lines.extend(self.parts.iter().map(|part| {
            let late = if part.late > 0 {
                format!(", {} of an earlier time", grouped(part.late))
            } else {
                String::new()
            };
            let gaps =
                if part.gaps > 0 { format!(", {}", counted(part.gaps, "GAP record")) } else { String::new() };
            let events = counted(part.events, "event");
            format!("{}: {events}{late}{gaps}, from record {} on", part.log, grouped(part.first_sequence))
        }));
        lines.join("\n") + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_begin_at_multiples_or_at_the_times_given() {
        let hours = Stretches::every(Duration::from_secs(3600), ClockKind::UnixNanos)
            .unwrap_or(Stretches::At(vec![]));
        let hour = 3_600_000_000_000;
        assert_eq!(
            [0, hour - 1, hour, 5 * hour + 7].map(|time| hours.begin_of(time)),
            [0, 0, hour, 5 * hour]
        );
        let at = Stretches::At(vec![10, 20]);
        assert_eq!([0, 9, 10, 19, 20, u64::MAX].map(|time| at.begin_of(time)), [0, 0, 10, 10, 20, 20]);
        assert!(Stretches::every(Duration::from_secs(1), ClockKind::Ticks).is_err());
    }

    #[test]
    fn logs_are_named_by_when_they_begin() {
        let second = 1_700_000_000_000_000_000;
        let names =
            [(second, "20231114T221320Z"), (second + 5, "20231114T221320.000000005Z"), (0, "0-begin")];
        for (begin, name) in names {
            assert_eq!(name_of(begin, ClockKind::UnixNanos), name);
        }
        assert_eq!(name_of(7, ClockKind::Ticks), "00000000000000000007");
    }
}
