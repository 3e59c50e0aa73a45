//! `stress`: writes through ring and log at full speed, says what bounded it, and counts at both ends.

use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rustix::thread::gettid;
use serde::Serialize;

use crate::cli::error::{CliError, Outcome};
use crate::cli::measure::bound::{Bound, percent};
use crate::cli::measure::events::StressEvents;
use crate::cli::measure::limits::{LimitOptions, Limits, When};
use crate::cli::measure::over_time::{Period, Sample, second_half};
use crate::cli::measure::pinning::pin_here;
use crate::cli::measure::recorder_time::{IdleProbe, IdleTime, ThreadTime};
use crate::cli::measure::scratch::Scratch;
use crate::cli::options::args::StressArgs;
use crate::cli::options::config::StressConfig;
use crate::cli::options::log_args::LogPlan;
use crate::cli::record::recording::{Before, Recorded, print_opening};
use crate::cli::record::retention_watch::RetentionWatch;
use crate::cli::terminal::print::{print, print_json};
use crate::cli::terminal::signals::Stop;
use crate::cli::terminal::words::{grouped, size};
use crate::recorder::Recorder;
use crate::ring::{Idle, Producer, Waiter};

/// Most events between two checks of the time.
const CHUNK: u64 = 1024;
/// A rest of a second that is shorter has no line.
const SHORTEST_PERIOD: Duration = Duration::from_millis(200);
/// The limits take this part of the run's time before it and after it, at most a second each.
const LIMITS_PART: u32 = 10;
const LIMITS_MOST: Duration = Duration::from_secs(1);
/// Bytes of a limit's round for each second of the run, so that short runs have short limits.
const ROUND_BYTES_PER_SECOND: f64 = 64e6;
const LEAST_ROUND_BYTES: u64 = 1 << 20;

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
    /// Older events, which `--keep-bytes` has removed from the log.
    retired: u64,
    events_per_second: f64,
    bytes_per_second: f64,
    /// From the first event until the log was drained, synced and sealed.
    seconds: f64,
    /// From the first event until the ring took the last one.
    producing_seconds: f64,
    read_back_seconds: f64,
    /// The lowest of the limits. None if none was measured.
    limit_events_per_second: Option<f64>,
    /// The part of this limit that the run reached, 1.0 for all of it.
    of_limit: Option<f64>,
    payload_len: u16,
    batch: u64,
    bytes_in_log: u64,
    ring_bytes: usize,
    log: String,
    ended: &'static str,
    /// What bounded the second half of the run.
    bound_by: Option<Bound>,
    second_half: Option<Period>,
    over_time: Vec<Period>,
    limits: Vec<LimitReport>,
}

/// A limit, in bytes per second.
#[derive(Clone, Copy, Serialize)]
struct LimitReport {
    bound: Bound,
    name: &'static str,
    bytes_per_second: f64,
    before: f64,
    after: f64,
    /// The part of it that the run reached: until it was synced for the disk, in its second half for the others.
    reached: f64,
}

/// Writes for the given time, reads the log back and compares.
pub(crate) fn run(args: StressArgs) -> Result<Outcome, CliError> {
    let config = StressConfig::resolve(args)?;
    let stop = Stop::on_signals().map_err(CliError::Signals)?;
    let scratch = match &config.log {
        Some(log) => Scratch::kept(log.clone()),
        None => Scratch::temporary("ringlog-stress")?,
    };
    let report = match measure(&config, scratch.path(), &stop) {
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

fn measure(config: &StressConfig, log: &Path, stop: &Stop) -> Result<StressReport, CliError> {
    let folder = existing_folder(log)?;
    let max_bytes = byte_limit(config, &folder)?;
    let round_bytes = (config.duration.as_secs_f64() * ROUND_BYTES_PER_SECOND) as u64;
    let mut limits = Limits::new(LimitOptions {
        folder,
        payload_len: config.payload_len,
        ring_bytes: config.ring_bytes,
        batch: config.batch,
        pins: config.pins,
        most_bytes: round_bytes.max(LEAST_ROUND_BYTES).min(max_bytes),
        patience: (config.duration / LIMITS_PART).min(LIMITS_MOST),
    });
    if !config.json {
        print(&title(config, log))?;
    }
    limits.measure(When::BeforeRun, stop);
    let plan = LogPlan::new(log.into(), &config.how)?;
    let finished = record(config, &plan, max_bytes, stop)?;
    limits.measure(When::AfterRun, stop);
    finished.report(config, &plan, &limits)
}

fn title(config: &StressConfig, log: &Path) -> String {
    let batch = match config.batch {
        1 => "one by one".into(),
        events => format!("{} at a time", grouped(events)),
    };
    let ring = size(config.ring_bytes as u64);
    format!("events of {} B, {batch}, ring of {ring}, log at {}\n", config.payload_len, log.display())
}

/// A run that has ended.
struct Finished {
    recorded: Recorded,
    produced: u64,
    ended: &'static str,
    seconds: f64,
    producing: Duration,
    samples: Vec<Sample>,
}

/// Starts a recorder, writes into its ring until the end of the run, and finishes the log.
fn record(config: &StressConfig, plan: &LogPlan, max_bytes: u64, stop: &Stop) -> Result<Finished, CliError> {
    let (probe, idle_time) = IdleProbe::new();
    let (started, thread) = channel();
    let processor = config.pins.recorder;
    let on_thread_start = move || {
        let _ = started.send(gettid());
        // Checked before: the process may run there.
        let _ = pin_here(processor);
    };
    let (mut producer, recorder) = Recorder::builder()
        .ring_bytes(config.ring_bytes)
        .log(plan.options.clone())
        .consumer(probe)
        .on_thread_start(on_thread_start)
        .start(&plan.path)?;
    print_opening(&recorder, plan);
    let retention = RetentionWatch::new(recorder.watch());
    let before = Before::of(&recorder);
    let thread = thread.recv().map_or(0, |thread| thread.as_raw_nonzero().get().unsigned_abs());
    let begin = Instant::now();
    let mut producing = Producing {
        producer: &mut producer,
        recorder: &recorder,
        config,
        thread,
        idle_time,
        begin,
        waiting: Duration::ZERO,
        waiting_since: None,
        fill_seconds: 0.0,
        looked: Duration::ZERO,
        samples: Vec::new(),
    };
    // On a separate thread, so that the log's workers are not pinned with it.
    let result = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let _ = pin_here(config.pins.producer);
            producing.run(max_bytes, stop)
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    let (samples, producing) = (producing.samples, begin.elapsed());
    // Finish first: the recording knows why the ring took no more.
    let mut recorded = Recorded::of(plan, recorder.shutdown(producer), retention)?.after(before);
    let seconds = begin.elapsed().as_secs_f64();
    if let Some(failure) = recorded.take_failure() {
        return Err(failure);
    }
    let (produced, ended) = result?;
    Ok(Finished { recorded, produced, ended, seconds, producing, samples })
}

/// The producer's side of a run.
struct Producing<'r> {
    producer: &'r mut Producer,
    recorder: &'r Recorder,
    config: &'r StressConfig,
    /// The recorder's.
    thread: u32,
    idle_time: IdleTime,
    begin: Instant,
    /// How long the ring was full before the current wait.
    waiting: Duration,
    waiting_since: Option<Instant>,
    fill_seconds: f64,
    /// When `fill_seconds` was last added to.
    looked: Duration,
    samples: Vec<Sample>,
}

impl Producing<'_> {
    fn run(&mut self, max_bytes: u64, stop: &Stop) -> Result<(u64, &'static str), CliError> {
        if ThreadTime::of(self.thread).is_none() {
            let none = std::io::ErrorKind::NotFound.into();
            return Err(CliError::io("read the time of a thread in", Path::new("/proc/self/task"))(none));
        }
        self.print(Period::HEADING)?;
        self.samples.push(self.sample(Duration::ZERO));
        let mut events = StressEvents::new(self.config.payload_len);
        let most = max_bytes / events.record_len() as u64;
        let mut produced = 0;
        let ended = loop {
            let chunk = CHUNK.min(most - produced);
            self.write(&mut events, chunk)?;
            produced += chunk;
            let is_over = self.look()? >= self.config.duration;
            match (is_over, produced == most, stop.is_set(), self.recorder.has_stopped()) {
                (_, _, _, true) => break "the log failed",
                (true, ..) => break "the time was over",
                (_, true, ..) => break "the size limit was reached",
                (_, _, true, _) => break "asked to stop",
                _ => {}
            }
        };
        let now = self.begin.elapsed();
        if self.samples.len() == 1 || now - self.last_sample() >= SHORTEST_PERIOD {
            self.add_sample(now)?;
        }
        Ok((produced, ended))
    }

    /// Writes this many events; waits for room where the ring is full.
    fn write(&mut self, events: &mut StressEvents, count: u64) -> Result<(), CliError> {
        let mut left = count;
        let mut waiter = Waiter::new(Idle::Yield);
        loop {
            let written = events.write(self.producer, left, self.config.batch)?;
            left -= written;
            if written > 0 {
                self.waiting += self.waiting_since.take().map_or(Duration::ZERO, |since| since.elapsed());
                waiter.reset();
            }
            if left == 0 {
                return Ok(());
            }
            self.waiting_since.get_or_insert_with(Instant::now);
            if self.recorder.has_stopped() {
                return Err(CliError::Stopped);
            }
            waiter.wait();
            self.look()?;
        }
    }

    /// Notes how full the ring is, and prints a line at the end of each second. Returns the time since the start.
    fn look(&mut self) -> Result<Duration, CliError> {
        let now = self.begin.elapsed();
        let fill = self.producer.used() as f64 / self.producer.capacity() as f64;
        self.fill_seconds += fill * (now - self.looked).as_secs_f64();
        self.looked = now;
        if now.as_secs() > self.last_sample().as_secs() {
            self.add_sample(now)?;
        }
        Ok(now)
    }

    fn last_sample(&self) -> Duration {
        self.samples.last().map_or(Duration::ZERO, |last| last.at)
    }

    fn add_sample(&mut self, now: Duration) -> Result<(), CliError> {
        let sample = self.sample(now);
        if let Some(last) = self.samples.last() {
            self.print(&Period::between(last, &sample, self.record_len()).line())?;
        }
        self.samples.push(sample);
        Ok(())
    }

    fn sample(&self, at: Duration) -> Sample {
        let watch = self.recorder.watch();
        // A recorder that has ended has no thread.
        let recorder = ThreadTime::of(self.thread).map_or_else(
            || self.samples.last().map_or_else(ThreadTime::default, |last| last.recorder),
            |time| ThreadTime { idle: self.idle_time.get(), ..time },
        );
        Sample {
            at,
            bytes: self.recorder.recorded_bytes(),
            waiting: self.waiting + self.waiting_since.map_or(Duration::ZERO, |since| since.elapsed()),
            recorder,
            fill_seconds: self.fill_seconds,
            unsynced_bytes: watch.published_position().saturating_sub(watch.durable_position()),
        }
    }

    fn record_len(&self) -> usize {
        StressEvents::new(self.config.payload_len).record_len()
    }

    fn print(&self, line: &str) -> Result<(), CliError> {
        if self.config.json { Ok(()) } else { print(line) }
    }
}

impl Finished {
    /// Reads the log back, and puts everything together.
    fn report(
        self,
        config: &StressConfig,
        plan: &LogPlan,
        limits: &Limits,
    ) -> Result<StressReport, CliError> {
        let Self { recorded, produced, ended, seconds, producing, samples } = self;
        let reading = Instant::now();
        let (found, retired) =
            if plan.keeps_all { (recorded.read_back()?, 0) } else { recorded.read_back_rest()? };
        let read_back_seconds = reading.elapsed().as_secs_f64();
        let stats = found.stats;
        let lost = if plan.keeps_all { stats.lost } else { recorded.lost() };
        let record_len = StressEvents::new(config.payload_len).record_len();
        let bytes_per_second = recorded.bytes() as f64 / seconds;
        let second_half = second_half(&samples, record_len);
        let sustained = second_half.map_or(bytes_per_second, |half| half.bytes_per_second);
        let limit = |bound| {
            let limit = limits.get(bound)?;
            let reached = if bound == Bound::Disk { bytes_per_second } else { sustained };
            Some(LimitReport {
                bound,
                name: bound.limit(),
                bytes_per_second: limit.all,
                before: limit.before,
                after: limit.after,
                reached: reached / limit.all,
            })
        };
        let limits: Vec<_> = Bound::ALL.into_iter().filter_map(limit).collect();
        let events_per_second = recorded.events as f64 / seconds;
        let lowest = limits.iter().map(|it| it.bytes_per_second / record_len as f64).min_by(f64::total_cmp);
        let over_time = samples.windows(2).map(|two| Period::between(&two[0], &two[1], record_len)).collect();
        Ok(StressReport {
            produced,
            persisted: recorded.events,
            lost: lost.saturating_sub(recorded.before().lost),
            events_in_log: stats.events,
            retired,
            events_per_second,
            bytes_per_second,
            seconds,
            producing_seconds: producing.as_secs_f64(),
            read_back_seconds,
            limit_events_per_second: lowest,
            of_limit: lowest.map(|limit| events_per_second / limit),
            payload_len: config.payload_len,
            batch: config.batch,
            bytes_in_log: stats.bytes,
            ring_bytes: config.ring_bytes,
            log: plan.path.display().to_string(),
            ended,
            bound_by: second_half.map(|half| half.bound_by),
            second_half,
            over_time,
            limits,
        })
    }
}

/// Returns the nearest folder that exists, where a log at this path will be.
fn existing_folder(log: &Path) -> Result<PathBuf, CliError> {
    let absolute = std::path::absolute(log).map_err(CliError::io("find", log))?;
    Ok(absolute.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("/")).into())
}

/// Returns the bytes that the log may take: as asked, else the default, but at most half of the free space.
fn byte_limit(config: &StressConfig, folder: &Path) -> Result<u64, CliError> {
    if let Some(max_bytes) = config.max_bytes {
        return Ok(max_bytes);
    }
    let free = match rustix::fs::statvfs(folder) {
        Ok(stat) => stat.f_bavail.saturating_mul(stat.f_frsize),
        Err(error) => return Err(CliError::io("find the free space at", folder)(error.into())),
    };
    Ok(StressConfig::DEFAULT_MAX_BYTES.min(free / 2))
}

impl StressReport {
    fn check(&self) -> Result<(), CliError> {
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
    fn words(&self) -> String {
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
