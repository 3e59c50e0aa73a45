//! One run of recording: moves a feed through the ring into the log, then reads the log back.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::error::{CliError, Outcome};
use crate::feed::Feed;
use crate::options::log_args::LogPlan;
use crate::read::stats::RecordStats;
use crate::record::pace::Pace;
use crate::record::pump::{Ended, Limits, Progress, pump};
use crate::record::recording::{Before, Part, ReadBack, Recorded, Recording};
use crate::record::status::Status;
use crate::service::Service;
use crate::terminal::messages::{LOG, SERVE, info, warn};
use crate::terminal::words::{command_line, counted, grouped, path_word, size};
use crate::wire::WireSummary;
use ringlog::event::ClockKind;
use ringlog::programs::cause;

/// What to record, and where.
pub(crate) struct Plan<'a> {
    pub(crate) feed: &'a mut dyn Feed,
    /// The message for when the log is open.
    pub(crate) introduction: &'a str,
    pub(crate) pace: Pace,
    pub(crate) limits: Limits,
    pub(crate) log: LogPlan,
    /// The sequence at which the log must end, if that was looked up.
    pub(crate) log_end: Option<u64>,
    pub(crate) ring_bytes: usize,
    pub(crate) status: Status,
    pub(crate) service: &'a Service,
}

/// What a run did.
#[derive(Debug, Serialize)]
pub(crate) struct Session {
    log: String,
    /// Events of the feed, lost ones included; for a shared ring, events that the log took from it.
    produced: u64,
    /// Counts of these events in the log, from reading it back.
    #[serde(flatten)]
    stats: RecordStats,
    /// Events that the log did not take because it failed; they are lost.
    unrecorded: u64,
    /// Pieces of the input that cannot be events; `lost` counts them too.
    skipped: u64,
    /// Datagrams that the kernel dropped because its buffer was full; none if that cannot be known. `lost` counts them
    /// too.
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped: Option<u64>,
    /// What was heard of a device, if the run was one of `receive`.
    #[serde(skip_serializing_if = "Option::is_none")]
    wire: Option<WireSummary>,
    seconds: f64,
    events_per_second: f64,
    bytes_per_second: f64,
    ended: String,
    /// Offset in the file at which an import was stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_at_byte: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Why old segments could not be deleted or recycled.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    retention_errors: Vec<String>,
    /// Why the log does not describe events as the ring's producer does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    schema_problems: Vec<String>,
    /// What of the run was read back: "all", "the last file" if files may be retired, or "nothing" if the log failed
    /// and cannot be read. Unless it is "all", the counts are the writer's.
    read_back: Part,
    /// A command to type next.
    next: String,
    #[serde(skip)]
    notes: Vec<String>,
    /// The first events of this run, as `cat` prints them.
    #[serde(skip)]
    sample: String,
    #[serde(skip)]
    read_bytes: u64,
    #[serde(skip)]
    ending: Option<Ended>,
    #[serde(skip)]
    before: Before,
    /// Whether a part of the shared ring could not be read when the run started.
    #[serde(skip)]
    was_ring_damaged: bool,
    #[serde(skip)]
    failure: Option<CliError>,
}

/// Records until something ends the run, then reads back what was written.
///
/// If the input or the log fails on the way, the session has what was recorded before, and the error.
pub(crate) fn record(plan: Plan<'_>) -> Result<Session, CliError> {
    let log = plan.log.describing(plan.feed.schemas());
    let mut recording = Recording::start(&log, plan.ring_bytes, plan.status, plan.service)?;
    if plan.log_end.is_some_and(|end| !recording.continues_at(end)) {
        recording.finish(&Progress::default())?;
        return Err(CliError::Unreadable(format!(
            "{}: another program has written the log meanwhile, so nothing was imported; run this again",
            log.path.display()
        )));
    }
    // After the recorder and the workers, which begin where this thread is.
    log.place_producer();
    plan.introduction.lines().for_each(|line| info!(target: SERVE, "{line}"));
    let started = Instant::now();
    let mut progress = Progress::default();
    let ended = pump(plan.feed, plan.pace, &plan.limits, &mut recording, &mut progress);
    plan.service.stopping();
    let recorded = recording.finish(&progress)?;
    let mut session = Session::checked(&log.path, progress, recorded, started.elapsed(), ended)?;
    session.notes = plan.feed.notes();
    session.dropped = plan.feed.dropped();
    Ok(session)
}

impl Session {
    /// Reads back what a run wrote, and compares it with what the run had to write.
    pub(crate) fn checked(
        log: &Path,
        progress: Progress,
        mut recorded: Recorded,
        elapsed: Duration,
        ended: Result<Ended, CliError>,
    ) -> Result<Self, CliError> {
        let failure = recorded.take_failure();
        let read_back = match (recorded.read_back(), &failure) {
            (Err(error), Some(_)) => {
                warn!(target: LOG, "what was written before cannot be read back: {}", cause(&error));
                recorded.unread()
            }
            (read_back, _) => read_back?,
        };
        let mut session = Self::new(log, progress, read_back, elapsed);
        session.before = recorded.before();
        session.retention_errors = recorded.take_retention_errors();
        match failure {
            // The pump only knows that the log takes no more; the recorder knows why.
            Some(failure) => session.log_failed(failure),
            None => {
                session.ended_by(ended);
                session.check()?;
            }
        }
        Ok(session)
    }

    fn new(log: &Path, progress: Progress, read_back: ReadBack, elapsed: Duration) -> Self {
        let ReadBack { mut stats, sample, part } = read_back;
        let seconds = elapsed.as_secs_f64();
        stats.name_times(ClockKind::UnixNanos);
        Self {
            log: log.display().to_string(),
            produced: progress.events.saturating_add(progress.lost),
            unrecorded: 0,
            skipped: progress.skipped,
            dropped: None,
            wire: None,
            seconds,
            events_per_second: stats.events as f64 / seconds,
            bytes_per_second: stats.bytes as f64 / seconds,
            ended: String::new(),
            stopped_at_byte: None,
            error: None,
            retention_errors: Vec::new(),
            schema_problems: Vec::new(),
            next: next_command(log, &stats),
            stats,
            notes: Vec::new(),
            sample,
            read_bytes: progress.read_bytes,
            ending: None,
            before: Before::default(),
            was_ring_damaged: false,
            read_back: part,
            failure: None,
        }
    }

    fn ended_by(&mut self, ended: Result<Ended, CliError>) {
        match ended {
            Ok(ended) => {
                self.ended = ended.to_string();
                self.ending = Some(ended);
            }
            Err(error) => {
                self.ended = "an error".into();
                self.error = Some(error.to_string());
                self.failure = Some(error);
            }
        }
    }

    fn log_failed(&mut self, failure: CliError) {
        let RecordStats { events, lost, .. } = self.stats;
        let reported = events.saturating_add(lost.saturating_sub(self.before.lost));
        self.unrecorded = self.produced.saturating_sub(reported);
        self.ended = Ended::Sink.to_string();
        self.error = Some(failure.to_string());
        self.failure = Some(failure);
    }

    /// Adds what was heard of a device whose timestamps are of this clock.
    pub(crate) fn note_wire(&mut self, wire: WireSummary, clock: ClockKind) {
        self.wire = Some(wire);
        self.stats.name_times(clock);
    }

    /// Whether a signal stopped the run before its feed ended.
    pub(crate) fn was_interrupted(&self) -> bool {
        self.ending == Some(Ended::Signal)
    }

    /// Notes the offset in `file` at which a signal stopped the run, if one did.
    pub(crate) fn note_position(&mut self, file: &Path) {
        if self.was_interrupted() {
            let at = self.read_bytes;
            self.stopped_at_byte = Some(at);
            self.notes
                .push(format!("{}: stopped at byte {at}; what follows is not imported", file.display()));
        }
    }

    fn check(&self) -> Result<(), CliError> {
        let RecordStats { events, lost, .. } = self.stats;
        if self.produced.saturating_add(self.before.lost) == events.saturating_add(lost)
            || self.stats.has_unknown_loss()
        {
            return Ok(());
        }
        Err(CliError::Mismatch(format!(
            "{}: holds {}, and reports {lost} as lost, but {} produced; keep the log and report this",
            self.log,
            counted(events, "event"),
            self.produced
        )))
    }

    /// Sets whether a part of the shared ring could not be read when the run started.
    pub(crate) fn with_damaged_ring(mut self, was_ring_damaged: bool) -> Self {
        self.was_ring_damaged = was_ring_damaged;
        self
    }

    /// Sets why the log does not describe events as the ring's producer does.
    pub(crate) fn with_schema_problems(mut self, schema_problems: Vec<String>) -> Self {
        self.schema_problems = schema_problems;
        self
    }

    /// Whether this run lost events. Its first GAP records do not count: they report losses of earlier runs.
    fn has_lost(&self) -> bool {
        self.stats.gaps > self.before.gaps || self.stats.unreported.is_some() || self.was_ring_damaged
    }

    /// Returns the error that ended the run, or how complete the recording is.
    pub(crate) fn outcome(self) -> Result<Outcome, CliError> {
        match self.failure {
            Some(failure) => Err(failure),
            None if self.ending == Some(Ended::DefaultBytes) => Ok(Outcome::DefaultLimit),
            None if self.is_incomplete() => Ok(Outcome::Loss),
            None => Ok(Outcome::Clean),
        }
    }

    /// Whether events of this run are missing.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.skipped > 0 || self.dropped > Some(0) || self.unrecorded > 0 || self.has_lost()
    }

    /// Returns the loss in words; names losses of earlier runs as such.
    fn lost_words(&self) -> String {
        match self.before.gaps {
            0 => self.stats.lost_words(),
            _ if self.has_lost() => {
                format!("{}, including what an earlier run lost", self.stats.lost_words())
            }
            gaps => format!("0, after {} for what an earlier run lost", counted(gaps, "gap")),
        }
    }

    /// Returns counts, and why the run ended, in one line.
    pub(crate) fn headline(&self, what: &str) -> String {
        format!(
            "{what} {} in {:.1} s ({}/s), {}, lost {}; stopped: {}",
            counted(self.stats.events, "event"),
            self.seconds,
            grouped(self.events_per_second as u64),
            size(self.stats.bytes),
            self.lost_words(),
            self.ended,
        )
    }

    /// Returns the run in words.
    pub(crate) fn words(&self, what: &str) -> String {
        let mut text = self.headline(what) + "\n";
        text += &match self.read_back {
            Part::All => format!("checked: all of them were read back from {}\n", self.log),
            Part::LastFile => format!("checked: the last file of {} was read back\n", self.log),
            Part::Nothing => format!("not checked: {} cannot be read\n", self.log),
        };
        text += &self.sample;
        if self.skipped > 0 {
            let pieces = counted(self.skipped, "piece");
            text += &format!("skipped: {pieces} of the input, of which no event can be made\n");
        }
        if let Some(dropped) = self.dropped.filter(|&dropped| dropped > 0) {
            let datagrams = counted(dropped, "datagram");
            text += &format!("dropped: {datagrams}, by the kernel: its buffer was full\n");
        }
        if self.unrecorded > 0 {
            let events = counted(self.unrecorded, "event");
            text += &format!("not recorded: {events} that the log did not take\n");
        }
        for error in &self.retention_errors {
            text += &format!("retention: {error}\n");
        }
        for problem in &self.schema_problems {
            text += &format!("descriptions: {problem}\n");
        }
        for note in &self.notes {
            text += &format!("note: {note}\n");
        }
        text + &format!("to see more:\n  {}\n", self.next)
    }
}

fn next_command(log: &Path, stats: &RecordStats) -> String {
    let first = stats.first_sequence.unwrap_or(0).to_string();
    let log = path_word(log);
    let mut words = vec!["cat", &*log];
    if first != "0" {
        words.extend(["--from-seq", &first]);
    }
    words.extend(["--limit", "5"]);
    command_line(&program(), &words)
}

/// Returns the program as it was started.
fn program() -> String {
    std::env::args_os().next().map_or_else(|| "ringlog".into(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::demo::DemoFeed;
    use crate::options::config::MaxBytes;
    use crate::options::log_args::LogArgs;
    use crate::terminal::signals::Stop;
    use crate::values::Rate;
    use crate::values::Show;
    use std::process::ExitCode;

    #[test]
    fn the_default_limit_has_its_own_exit_code_and_an_asked_one_has_none() {
        for (max_bytes, code) in [(MaxBytes::Default(1000), 4), (MaxBytes::Asked(1000), 0)] {
            let folder = tempfile::tempdir().unwrap();
            let session = record(Plan {
                feed: &mut DemoFeed::new(1, || 1),
                introduction: "",
                pace: Pace::new(Rate::Max),
                limits: Limits { duration: None, max_bytes, stop: Stop::default() },
                log: LogPlan::new(folder.path().into(), &LogArgs::default()).unwrap(),
                log_end: None,
                ring_bytes: 128 * 1024,
                status: Status::new(Show::Nothing, None),
                service: &Service::default(),
            });
            let code_of = |outcome: Outcome| format!("{:?}", ExitCode::from(outcome));
            let outcome = session.unwrap().outcome().unwrap();
            assert_eq!(code_of(outcome), format!("{:?}", ExitCode::from(code)), "{max_bytes:?}");
        }
    }
}
