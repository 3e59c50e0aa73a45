//! `ringlog tail`: prints the last events of a log, and new ones.

use std::io::{BufWriter, ErrorKind, StdoutLock};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{CliError, Outcome};
use crate::options::args::TailArgs;
use crate::options::filter_args::report_undescribed;
use crate::output::Printer;
use crate::read::last::last_sequence;
use crate::read::source::LogSource;
use crate::terminal::print::{eprint, is_output_gone};
use crate::terminal::signals::Stop;
use crate::terminal::words::counted;
use ringlog::event::ClockKind;
use ringlog::programs::LogIndex;
use ringlog::programs::Waiter;
use ringlog::ring::Idle;
use ringlog::storage::{Cursor, Filter, LogFollower, OpenError, ReadError};

const LAST_EVENTS: u64 = 10;
/// Records between two checks of signals and time; a pause checks them too.
const RECORDS_PER_LOOK: u64 = 256;
/// Time between two flushes and stores of the cursor while records keep coming.
const SETTLE_EVERY: Duration = Duration::from_millis(200);
/// Longest time between two looks at a silent log, too short for a person to notice.
const LONGEST_SLEEP: Duration = Duration::from_millis(10);

/// Prints until the end of the log, or with `--follow` until it is asked to stop.
pub(crate) fn run(args: &TailArgs) -> Result<Outcome, CliError> {
    let stop = Stop::on_signals().map_err(CliError::Signals)?;
    if args.follow && !wait_for(&args.log, &stop) {
        return Ok(Outcome::Clean);
    }
    let descriptions = args.filter.descriptions(std::slice::from_ref(&args.log))?;
    let style = args.print.style(args.json, &args.filter, &descriptions)?;
    if args.cursor.is_some() && !args.log.is_dir() {
        return Err(CliError::Usage(format!(
            "{}: not a folder; give the folder of the log with --cursor",
            args.log.display()
        )));
    }
    if args.cursor.is_some() && !args.follow {
        // Fails if this is not a log, before a cursor is created in it.
        LogSource::open_or_empty(&args.log)?;
    }
    let filter = args.filter.to_filter(known_clock(args), &descriptions)?;
    // Open the cursor before looking for the end: then no other program can move it past that end.
    let mut cursor = args.cursor.as_ref().map(|name| Cursor::open(&args.log, name)).transpose()?;
    let Some((start, end)) = range_of(args, &filter)? else { return Ok(Outcome::Clean) };
    let lost = cursor.as_mut().map_or(0, |cursor| back_to_the_end(cursor, end));
    let start = cursor.as_ref().map_or(start, Cursor::next_sequence);
    let out = BufWriter::with_capacity(64 * 1024, std::io::stdout().lock());
    let mut tail = Tail {
        follower: LogFollower::open_at(&args.log, start)?,
        filter,
        end: if args.follow { u64::MAX } else { end },
        is_following: args.follow,
        printer: Printer::new(style, out).map_err(CliError::Output)?,
        cursor,
        settled: Instant::now(),
        missed: lost,
        left: args.limit.unwrap_or(u64::MAX),
    };
    let printed = tail.print_all(&stop);
    // The user sees what was read before an error.
    tail.settle()?;
    tail.printer.finish().map_err(CliError::Output)?;
    report_undescribed(tail.filter.undescribed());
    printed?;
    Ok(if tail.missed > 0 { Outcome::Loss } else { Outcome::Clean })
}

/// Waits until there is something of this name; returns `false` if the program is asked to stop meanwhile.
fn wait_for(log: &Path, stop: &Stop) -> bool {
    let is_missing = || log.metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound);
    if is_missing() {
        eprint(&format!("ringlog: waiting for {}, which is not there yet; Ctrl-C ends it", log.display()));
    }
    while is_missing() {
        if stop.is_set() || is_output_gone() {
            return false;
        }
        std::thread::sleep(LONGEST_SLEEP);
    }
    true
}

/// Returns what the timestamps of the log count; `None` if it has no record yet. `range_of` reports any error.
fn known_clock(args: &TailArgs) -> Option<ClockKind> {
    LogSource::open_or_empty(&args.log).ok()?.known_clock()
}

/// Returns where to start and where the log ends now; `None` if there is nothing to print or to wait for.
fn range_of(args: &TailArgs, filter: &Filter) -> Result<Option<(u64, u64)>, CliError> {
    let index = match LogIndex::open(&args.log) {
        // The first segment may still come.
        Err(OpenError::NoSegments { .. }) if args.follow => return Ok(Some((0, 0))),
        Err(OpenError::NoSegments { .. }) => return LogSource::open_or_empty(&args.log).map(|_| None),
        other => other?,
    };
    let end = index.next_sequence()?;
    let count = args.lines.unwrap_or(LAST_EVENTS);
    let start = if args.cursor.is_some() { 0 } else { last_sequence(&args.log, &index, filter, count, end)? };
    Ok(Some((start, end)))
}

/// Moves a cursor back to the end of the log, and returns how many records the log lost.
///
/// A log that lost its unsynced end in a power loss uses these sequences again, for other events.
fn back_to_the_end(cursor: &mut Cursor, end: u64) -> u64 {
    let lost = cursor.next_sequence().saturating_sub(end);
    if lost > 0 {
        let (at, lost) = (cursor.next_sequence(), counted(lost, "record"));
        eprint(&format!(
            "ringlog: the cursor is at record {at}, the log ends before {end}: it lost {lost}; continuing with {end}"
        ));
        cursor.go_to(end);
    }
    lost
}

struct Tail {
    follower: LogFollower,
    filter: Filter,
    /// The first sequence not to print.
    end: u64,
    is_following: bool,
    printer: Printer<BufWriter<StdoutLock<'static>>>,
    cursor: Option<Cursor>,
    /// When the output was last flushed and the cursor stored.
    settled: Instant,
    /// Records that retention deleted before they were read, or that the log lost afterwards.
    missed: u64,
    /// Records that may still be printed.
    left: u64,
}

impl Tail {
    fn print_all(&mut self, stop: &Stop) -> Result<(), CliError> {
        let mut waiter = Waiter::new(Idle::Sleep { longest: LONGEST_SLEEP });
        let mut records: u64 = 0;
        loop {
            if records.is_multiple_of(RECORDS_PER_LOOK) && (stop.is_set() || self.look()?) {
                return Ok(());
            }
            match self.follower.advance() {
                Ok(true) if !self.print()? => return Ok(()),
                Ok(true) => {
                    waiter.reset();
                    records += 1;
                }
                Ok(false) => {
                    self.pause()?;
                    if !self.is_following || self.follower.has_ended() || stop.is_set() || is_output_gone() {
                        return Ok(());
                    }
                    waiter.wait();
                }
                Err(ReadError::Overtaken { from, to, .. }) => self.skip(from, to),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Prints the record that was found if it passes the filter; `false` if no later one does.
    fn print(&mut self) -> Result<bool, CliError> {
        let clock = self.follower.clock();
        let Some(event) = self.follower.found_event() else { return Ok(true) };
        if self.left == 0 || event.sequence >= self.end || self.filter.is_past(&event) {
            return Ok(false);
        }
        if self.filter.selects_next(&event) {
            self.printer.print(&event, clock).map_err(CliError::Output)?;
            self.left -= 1;
        }
        if let Some(cursor) = &mut self.cursor {
            cursor.advance(event.sequence + 1)?;
        }
        Ok(self.left > 0)
    }

    /// Settles if it is time; returns whether the reader of the output is gone.
    fn look(&mut self) -> Result<bool, CliError> {
        if self.settled.elapsed() >= SETTLE_EVERY {
            self.settle()?;
        }
        Ok(is_output_gone())
    }

    /// Flushes the output, but stores the cursor only now and then: each store waits for the disk.
    fn pause(&mut self) -> Result<(), CliError> {
        self.printer.flush().map_err(CliError::Output)?;
        if self.settled.elapsed() >= SETTLE_EVERY { self.settle() } else { Ok(()) }
    }

    /// Flushes the output, then stores the cursor, which so never counts an event that was not printed.
    fn settle(&mut self) -> Result<(), CliError> {
        self.printer.flush().map_err(CliError::Output)?;
        self.settled = Instant::now();
        Ok(self.cursor.as_mut().map_or(Ok(()), Cursor::commit)?)
    }

    /// Continues after records that retention deleted before they were read.
    fn skip(&mut self, from: u64, to: u64) {
        self.missed = self.missed.saturating_add(to.saturating_sub(from));
        let missed = counted(to.saturating_sub(from), "record");
        eprint(&format!(
            "ringlog: retention deleted {missed} from {from} on before they were read; continuing with {to}"
        ));
        self.follower.resume();
    }
}
