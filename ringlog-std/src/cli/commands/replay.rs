//! `ringlog replay`: lets the events of logs happen again.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::cli::args::ReplayArgs;
use crate::cli::error::{CliError, Outcome};
use crate::cli::merged::MergedSource;
use crate::cli::output::CatFormat;
use crate::cli::replay_target::{self, ReplayTarget};
use crate::cli::signals::Stop;
use crate::cli::text::clock_name;
use crate::cli::values::Speed;
use crate::event::{ClockKind, Event, Gap};
use crate::storage::{ReplayPace, unreported_loss};

/// A signal is noticed within this time.
const LONGEST_SLEEP: Duration = Duration::from_millis(50);

/// Replays until the end of the logs, or until somebody asks it to stop.
pub(crate) fn run(args: &ReplayArgs) -> Result<Outcome, CliError> {
    let stop = Stop::on_signals().map_err(CliError::Signals)?;
    let mut source = MergedSource::open(&args.logs, args.filter.to_filter())?;
    check_clock(source.clock(), args.speed)?;
    let format = if args.json { CatFormat::Json } else { args.format };
    let mut target = replay_target::open(args.to.as_ref(), format, source.clock(), &stop)?;
    let pace = match args.speed {
        Speed::Times(speed) => ReplayPace::new(speed),
        Speed::Max => None,
    };
    let replayed = replay(&mut source, pace, &mut *target, &stop).and_then(|was_whole| {
        let is_copy = args.to.is_some() && args.filter.to_seq.is_none() && args.filter.until.is_none();
        if was_whole && is_copy { put_unreported(&args.logs, &mut *target) } else { Ok(was_whole) }
    });
    // What was replayed before an error is worth having.
    let outcome = target.finish();
    let was_whole = replayed?;
    let outcome = outcome?;
    Ok(if was_whole { outcome } else { Outcome::Loss })
}

/// A pace needs to know how long a tick is.
fn check_clock(clock: ClockKind, speed: Speed) -> Result<(), CliError> {
    let has_nanos = matches!(clock, ClockKind::UnixNanos | ClockKind::MonotonicNanos);
    if has_nanos || speed == Speed::Max {
        return Ok(());
    }
    Err(CliError::Usage(format!(
        "the clock of this log is \"{}\", so nobody knows how fast it went; give --speed max",
        clock_name(clock)
    )))
}

/// Puts the losses at the ends of the logs that no GAP record counts yet, so that a copy has them too.
fn put_unreported(logs: &[PathBuf], target: &mut dyn ReplayTarget) -> Result<bool, CliError> {
    for (timestamp, gap) in logs.iter().filter_map(unreported_loss) {
        let (header, payload) = (Gap::header(timestamp), gap.to_payload());
        if !target.put(&Event { header, payload: &payload, sequence: 0, offset: 0 })? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether it came to the end.
fn replay(
    source: &mut MergedSource,
    mut pace: Option<ReplayPace>,
    target: &mut dyn ReplayTarget,
    stop: &Stop,
) -> Result<bool, CliError> {
    while let Some(log) = source.advance()? {
        let Some(event) = source.event(log) else { continue };
        // The time of a GAP record may not be known.
        let wait = match &mut pace {
            Some(pace) if !event.header.is_gap() => pace.wait(event.header.timestamp),
            _ => Duration::ZERO,
        };
        if wait > Duration::ZERO {
            target.flush()?;
        }
        if !sleep(wait, target, stop)? || !target.put(&event)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// `false` if somebody asked to stop meanwhile.
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
