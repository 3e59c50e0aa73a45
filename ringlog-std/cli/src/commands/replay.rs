//! `ringlog replay`: replays the events of logs at their pace.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::error::{CliError, Outcome};
use crate::options::args::ReplayArgs;
use crate::options::filter_args::{FilterArgs, report_undescribed};
use crate::read::merged::MergedSource;
use crate::read::replay_pace::ReplayPace;
use crate::record::replay_target::{self, ReplayTarget};
use crate::terminal::print::eprint;
use crate::terminal::signals::Stop;
use crate::terminal::words::{clock_name, grouped, moment, span};
use crate::terminal::zone::Zone;
use crate::values::Speed;
use ringlog::event::{ClockKind, Event, Gap};
use ringlog::programs::unreported_loss;

/// A longer wait is announced, so that the user knows why nothing happens.
const LONG_WAIT: Duration = Duration::from_secs(5);
/// Longest time until a signal is noticed.
const LONGEST_SLEEP: Duration = Duration::from_millis(50);

/// Replays until the end of the logs or until it is asked to stop.
pub(crate) fn run(args: &ReplayArgs) -> Result<Outcome, CliError> {
    let stop = Stop::on_signals().map_err(CliError::Signals)?;
    let descriptions = args.filter.descriptions(&args.logs)?;
    let style = args.print.style(args.json, &args.filter, &descriptions)?;
    let mut source = MergedSource::open(&args.logs)?;
    source.seek(&args.filter.to_filter(source.known_clock(), &descriptions)?)?;
    check_clock(source.clock(), args.speed)?;
    let mut target = replay_target::open(args.to.as_ref(), style, source.clock(), &stop)?;
    let mut waits = Waits::new(args, source.clock());
    let left = args.limit.unwrap_or(u64::MAX);
    let replayed = replay(&mut source, &mut waits, &mut *target, &stop, left).and_then(|was_whole| {
        let FilterArgs { to_seq, until, grep, .. } = &args.filter;
        // A search leaves out GAP records.
        let has_end = to_seq.is_some() || until.is_some() || args.limit.is_some();
        let is_copy = args.to.is_some() && !has_end && grep.is_none();
        if was_whole && is_copy { put_unreported(&args.logs, &mut *target) } else { Ok(was_whole) }
    });
    // The target keeps what was replayed before an error.
    let outcome = target.finish();
    waits.print_shortened();
    report_undescribed(source.undescribed());
    let was_whole = replayed?;
    let outcome = outcome?;
    Ok(if was_whole { outcome } else { Outcome::Loss })
}

/// Refuses a pace if the clock does not say how long a tick is.
fn check_clock(clock: ClockKind, speed: Speed) -> Result<(), CliError> {
    let has_nanos = matches!(clock, ClockKind::UnixNanos | ClockKind::MonotonicNanos);
    if has_nanos || speed == Speed::Max {
        return Ok(());
    }
    Err(CliError::Usage(format!(
        "the clock of this log is \"{}\", so the pace of the events is not known; give --speed max",
        clock_name(clock)
    )))
}

/// Writes the losses at the ends of the logs that no GAP record counts yet, so that a copy counts them too.
fn put_unreported(logs: &[PathBuf], target: &mut dyn ReplayTarget) -> Result<bool, CliError> {
    for (timestamp, gap) in logs.iter().filter_map(unreported_loss) {
        let (header, payload) = (Gap::header(timestamp), gap.to_payload());
        if !target.put(&Event::new(header, &payload, 0, 0))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The wait before each event, and its messages to the user.
struct Waits {
    pace: Option<ReplayPace>,
    max: Option<Duration>,
    clock: ClockKind,
    zone: Zone,
    shortened: u64,
    saved: Duration,
}

impl Waits {
    fn new(args: &ReplayArgs, clock: ClockKind) -> Self {
        let pace = match args.speed {
            Speed::Times(speed) => ReplayPace::new(speed),
            Speed::Max => None,
        };
        Self {
            pace,
            max: args.max_wait,
            clock,
            zone: args.filter.zone(),
            shortened: 0,
            saved: Duration::ZERO,
        }
    }

    /// Returns the wait before an event; zero for a GAP record, whose time may not be known.
    fn next(&mut self, event: &Event<'_>) -> Duration {
        let Some(pace) = self.pace.as_mut().filter(|_| !event.header.is_gap()) else { return Duration::ZERO };
        let timestamp = event.header.timestamp;
        let wait = pace.wait(timestamp);
        match self.max {
            Some(max) if wait > max => {
                pace.wait_only(timestamp, max);
                self.shortened += 1;
                self.saved = self.saved.saturating_add(wait - max);
                max
            }
            _ => wait,
        }
    }

    fn announce(&self, wait: Duration, event: &Event<'_>) {
        let next = moment(event.header.timestamp, self.clock, &self.zone);
        let remedy = if self.max.is_some() { "" } else { "; --max-wait 10s shortens such waits" };
        eprint(&format!("waiting {} for the next event, from {next}{remedy}", span(wait)));
    }

    fn print_shortened(&self) {
        if self.shortened > 0 {
            let waits = if self.shortened == 1 { "wait was" } else { "waits were" };
            eprint(&format!("{} {waits} shortened, by {} in all", grouped(self.shortened), span(self.saved)));
        }
    }
}

/// Replays at most `left` records of the logs; returns whether it came so far, or to their end.
fn replay(
    source: &mut MergedSource,
    waits: &mut Waits,
    target: &mut dyn ReplayTarget,
    stop: &Stop,
    mut left: u64,
) -> Result<bool, CliError> {
    while left > 0
        && let Some(log) = source.advance()?
    {
        let Some(event) = source.event(log) else { continue };
        let wait = waits.next(&event);
        if wait > Duration::ZERO {
            target.flush()?;
        }
        if wait > LONG_WAIT {
            waits.announce(wait, &event);
        }
        if !sleep(wait, target, stop)? || !target.put(&event)? {
            return Ok(false);
        }
        left -= 1;
    }
    Ok(true)
}

/// Waits; returns `false` if the program is asked to stop meanwhile.
fn sleep(wait: Duration, target: &dyn ReplayTarget, stop: &Stop) -> Result<bool, CliError> {
    let started = Instant::now();
    while !stop.is_set() {
        let left = wait.saturating_sub(started.elapsed());
        if left.is_zero() {
            return Ok(true);
        }
        target.check()?;
        std::thread::sleep(left.min(LONGEST_SLEEP));
    }
    Ok(false)
}
