//! `stress`: writes through ring and log at full speed, and counts at both ends.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::cli::error::{CliError, Outcome};
use crate::cli::measure::limit::{StressEvents, plain_copy};
use crate::cli::measure::scratch::Scratch;
use crate::cli::options::args::StressArgs;
use crate::cli::options::config::StressConfig;
use crate::cli::options::log_args::{LogArgs, LogPlan};
use crate::cli::record::pump::{Progress, Sink};
use crate::cli::record::recording::Recording;
use crate::cli::terminal::print::{eprint, print, print_json};
use crate::cli::terminal::signals::Stop;
use crate::cli::terminal::words::{grouped, size};

/// Events between two reads of the clock.
const BATCH: u64 = 1024;

#[derive(Serialize)]
struct StressReport {
    /// Events that the ring took.
    produced: u64,
    /// Events that the log writer counted.
    persisted: u64,
    /// Events that were reported as lost.
    lost: u64,
    /// Events that reading the finished log found.
    events_in_log: u64,
    events_per_second: f64,
    bytes_per_second: f64,
    /// From the first event until the log was drained, synced and sealed.
    seconds: f64,
    /// From the first event until the ring took the last one.
    producing_seconds: f64,
    read_back_seconds: f64,
    /// Events per second of a plain copy between two threads: see [`plain_copy`]. None if it had no room.
    limit_events_per_second: Option<f64>,
    /// The part of this limit that the run reached, 1.0 for all of it.
    of_limit: Option<f64>,
    payload_len: u16,
    bytes_in_log: u64,
    ring_bytes: usize,
    log: String,
    ended: &'static str,
}

/// Writes for the given time, reads the log back and compares.
pub(crate) fn run(args: StressArgs) -> Result<Outcome, CliError> {
    let config = StressConfig::resolve(args)?;
    let stop = Stop::on_signals().map_err(CliError::Signals)?;
    let scratch = match &config.log {
        Some(log) => Scratch::kept(log.clone()),
        None => Scratch::temporary("ringlog-stress")?,
    };
    let max_bytes = byte_limit(&config, scratch.path())?;
    let report = match measure(&config, scratch.path(), max_bytes, &stop) {
        Ok(report) => report,
        Err(error) => {
            // The log is no evidence of a mistake: it may just have filled the disk.
            scratch.remove()?;
            return Err(error);
        }
    };
    if config.json {
        print_json(&report)?;
    } else {
        print(&report.words())?;
    }
    report.check()?;
    scratch.remove()?;
    Ok(if report.lost > 0 { Outcome::Loss } else { Outcome::Clean })
}

fn measure(config: &StressConfig, log: &Path, max_bytes: u64, stop: &Stop) -> Result<StressReport, CliError> {
    let mut recording =
        Recording::start_silent(&LogPlan::new(log.into(), &LogArgs::default())?, config.ring_bytes)?;
    let started = Instant::now();
    let result = produce(&mut recording, config, max_bytes, stop);
    let producing = started.elapsed();
    // Finish first: the recording knows why the ring took no more.
    let mut recorded = recording.finish(&Progress::default())?;
    if let Some(failure) = recorded.take_failure() {
        return Err(failure);
    }
    let (produced, ended) = result?;
    let seconds = started.elapsed().as_secs_f64();
    let reading = Instant::now();
    let stats = recorded.read_back()?.stats;
    let read_back_seconds = reading.elapsed().as_secs_f64();
    let limit = limit(log, config.payload_len, stats.bytes);
    let events_per_second = stats.events as f64 / seconds;
    Ok(StressReport {
        produced,
        persisted: recorded.events,
        lost: stats.lost.saturating_sub(recorded.before().lost),
        events_in_log: stats.events,
        events_per_second,
        bytes_per_second: stats.bytes as f64 / seconds,
        seconds,
        producing_seconds: producing.as_secs_f64(),
        read_back_seconds,
        limit_events_per_second: limit,
        of_limit: limit.map(|limit| events_per_second / limit),
        payload_len: config.payload_len,
        bytes_in_log: stats.bytes,
        ring_bytes: config.ring_bytes,
        log: log.display().to_string(),
        ended,
    })
}

/// Measures the limit; a disk without room for the plain copy does not fail the run.
fn limit(log: &Path, payload_len: u16, log_bytes: u64) -> Option<f64> {
    let measured = plain_copy(log, payload_len, log_bytes);
    measured.inspect_err(|error| eprint(&format!("stress: the limit was not measured: {error}"))).ok()
}

fn produce(
    recording: &mut Recording,
    config: &StressConfig,
    max_bytes: u64,
    stop: &Stop,
) -> Result<(u64, &'static str), CliError> {
    let mut events = StressEvents::new(config.payload_len);
    let most = max_bytes / events.record_len() as u64;
    let started = Instant::now();
    let mut produced = 0;
    loop {
        let end = most.min(produced + BATCH);
        while produced < end {
            let (header, payload) = events.next_event();
            recording.write(&header, payload)?;
            produced += 1;
        }
        let is_over = started.elapsed() >= config.duration;
        match (is_over, produced == most, stop.is_set(), recording.has_failed()) {
            (_, _, _, true) => return Ok((produced, "the log failed")),
            (true, ..) => return Ok((produced, "the time was over")),
            (_, true, ..) => return Ok((produced, "the size limit was reached")),
            (_, _, true, _) => return Ok((produced, "asked to stop")),
            _ => {}
        }
    }
}

/// Returns the bytes that the log may take: as asked, else the default, but at most half of the free space.
fn byte_limit(config: &StressConfig, log: &Path) -> Result<u64, CliError> {
    if let Some(max_bytes) = config.max_bytes {
        return Ok(max_bytes);
    }
    let is_folder = |path: &&Path| path.is_dir();
    let absolute = std::path::absolute(log).map_err(CliError::io("find", log))?;
    let existing: PathBuf = absolute.ancestors().find(is_folder).unwrap_or(Path::new("/")).into();
    let free = match rustix::fs::statvfs(&existing) {
        Ok(stat) => stat.f_bavail.saturating_mul(stat.f_frsize),
        Err(error) => return Err(CliError::io("find the free space at", &existing)(error.into())),
    };
    Ok(StressConfig::DEFAULT_MAX_BYTES.min(free / 2))
}

impl StressReport {
    fn check(&self) -> Result<(), CliError> {
        let Self { produced, persisted, lost, events_in_log, log, .. } = self;
        let problem = if *produced != persisted + lost {
            format!("produced {produced} is not persisted {persisted} + lost {lost}")
        } else if persisted != events_in_log {
            format!("persisted {persisted}, but the log holds {events_in_log}")
        } else {
            return Ok(());
        };
        Err(CliError::Mismatch(format!("THE COUNTS DO NOT ADD UP: {problem}; the log is kept at {log}")))
    }

    fn words(&self) -> String {
        let per_second = |count: f64| grouped(count as u64);
        let rows = [
            ("produced", format!("{} events of {} B", grouped(self.produced), self.payload_len)),
            ("persisted", grouped(self.persisted)),
            ("lost", grouped(self.lost)),
            ("in the log", format!("{} (counted by reading it back)", grouped(self.events_in_log))),
            ("events/s", per_second(self.events_per_second)),
            ("bytes/s", format!("{}/s", size(self.bytes_per_second as u64))),
            ("seconds", self.seconds_words()),
            ("limit", self.limit_words()),
            ("bytes", size(self.bytes_in_log)),
            ("stopped as", self.ended.into()),
        ];
        rows.iter().map(|(name, value)| format!("{name:<12}{value}\n")).collect()
    }

    fn limit_words(&self) -> String {
        let (Some(limit), Some(reached)) = (self.limit_events_per_second, self.of_limit) else {
            return "not measured".into();
        };
        let (millions, percent) = (limit / 1e6, 100.0 * reached);
        format!(
            "{millions:.1} M events/s by a plain two-thread copy of the same bytes: this run reached {percent:.0} %"
        )
    }

    fn seconds_words(&self) -> String {
        let seconds = |seconds: f64| Duration::from_secs_f64(seconds.max(0.0)).as_secs_f64();
        format!(
            "{:.2} until drained, synced and sealed ({:.2} of it producing); {:.2} to read it back",
            seconds(self.seconds),
            seconds(self.producing_seconds),
            seconds(self.read_back_seconds),
        )
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
            events_per_second: 1.0,
            bytes_per_second: 1.0,
            seconds: 1.0,
            producing_seconds: 1.0,
            read_back_seconds: 1.0,
            limit_events_per_second: Some(4e6),
            of_limit: Some(0.625),
            payload_len: 64,
            bytes_in_log: 80,
            ring_bytes: 1,
            log: "x".into(),
            ended: "the time was over",
        }
    }

    #[test]
    fn the_limit_and_what_was_reached_of_it_are_printed() {
        let mut report = report(10, 10, 0, 10);
        let expected = "limit       4.0 M events/s by a plain two-thread copy of the same bytes: this run reached 62 %\n";
        assert!(report.words().contains(expected), "{}", report.words());
        (report.limit_events_per_second, report.of_limit) = (None, None);
        assert!(report.words().contains("limit       not measured\n"), "{}", report.words());
    }

    #[test]
    fn only_counts_that_add_up_pass() {
        assert!(report(10, 10, 0, 10).check().is_ok());
        assert!(report(10, 8, 2, 8).check().is_ok());
        for wrong in [report(10, 9, 0, 9), report(10, 10, 0, 9), report(10, 11, 0, 11), report(9, 10, 0, 10)]
        {
            assert!(matches!(wrong.check(), Err(CliError::Mismatch(_))));
        }
    }
}
