//! `stress`: writes through ring and log at full speed, says what bounded it, and counts at both ends.

use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rustix::thread::gettid;

use crate::error::{CliError, Outcome};
use crate::measure::bound::Bound;
use crate::measure::events::StressEvents;
use crate::measure::limits::{LimitOptions, Limits, When};
use crate::measure::over_time::{Period, Sample, second_half};
use crate::measure::pinning::pin_here;
use crate::measure::recorder_time::{IdleProbe, IdleTime, ThreadTime};
use crate::measure::report::{LimitReport, StressReport};
use crate::measure::scratch::Scratch;
use crate::options::args::StressArgs;
use crate::options::config::StressConfig;
use crate::options::log_args::LogPlan;
use crate::record::recording::{Before, Recorded, say_opening};
use crate::record::retention_watch::RetentionWatch;
use crate::terminal::print::{print, print_json};
use crate::terminal::signals::Stop;
use crate::terminal::words::{grouped, size};
use ringlog::programs::Waiter;
use ringlog::recorder::Recorder;
use ringlog::ring::{Idle, Producer};

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
    let schemas = StressEvents::new(config.payload_len).schemas();
    let plan = LogPlan::new(log.into(), &config.how)?.describing(schemas);
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
    say_opening(&recorder, plan);
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
