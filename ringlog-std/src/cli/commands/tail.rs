//! `ringlog tail`: prints the last events of a log, and those that come.

use std::io::{BufWriter, StdoutLock};
use std::time::{Duration, Instant};

use crate::cli::error::{CliError, Outcome};
use crate::cli::options::args::TailArgs;
use crate::cli::output::{CatFormat, Printer};
use crate::cli::read::last::last_sequence;
use crate::cli::read::source::LogSource;
use crate::cli::terminal::print::{is_output_gone, tell};
use crate::cli::terminal::signals::Stop;
use crate::cli::terminal::words::counted;
use crate::ring::{Idle, Waiter};
use crate::storage::{Cursor, Filter, LogFollower, LogIndex, OpenError, ReadError};

const LAST_EVENTS: u64 = 10;
/// Looks at the signals and at the time happen once in so many records, and whenever there is a pause.
const RECORDS_PER_LOOK: u64 = 256;
/// While records keep coming, what was printed is flushed and the cursor stored so often.
const SETTLE_EVERY: Duration = Duration::from_millis(200);
/// Between two looks at a silent log: a person sees no difference.
const LONGEST_SLEEP: Duration = Duration::from_millis(10);

/// Prints until the end of the log, or until somebody asks it to stop.
pub(crate) fn run(args: &TailArgs) -> Result<Outcome, CliError> {
    let stop = Stop::on_signals().map_err(CliError::Signals)?;
    let filter = args.filter.to_filter();
    if args.cursor.is_some() && !args.log.is_dir() {
        return Err(CliError::Usage(format!(
            "{}: no folder, and --cursor is kept in a log's folder; give the folder of the log",
            args.log.display()
        )));
    }
    if args.cursor.is_some() && !args.follow {
        // Whatever is no log gets no cursor.
        LogSource::open_or_empty(&args.log)?;
    }
    // Before the end is looked for: nobody else can move it beyond that.
    let mut cursor = args.cursor.as_ref().map(|name| Cursor::open(&args.log, name)).transpose()?;
    let Some((start, end)) = range_of(args, &filter)? else { return Ok(Outcome::Clean) };
    let lost = cursor.as_mut().map_or(0, |cursor| back_to_the_end(cursor, end));
    let start = cursor.as_ref().map_or(start, Cursor::position);
    let format = if args.json { CatFormat::Json } else { args.format }.csv_safe(args.csv_safe)?;
    let out = BufWriter::with_capacity(64 * 1024, std::io::stdout().lock());
    let mut tail = Tail {
        follower: LogFollower::open_at(&args.log, start)?,
        filter,
        end: if args.follow { u64::MAX } else { end },
        is_following: args.follow,
        printer: Printer::new(format, out).map_err(CliError::Output)?,
        cursor,
        settled: Instant::now(),
        missed: lost,
    };
    let printed = tail.print_all(&stop);
    // What was read before an error is worth seeing.
    tail.settle()?;
    printed?;
    Ok(if tail.missed > 0 { Outcome::Loss } else { Outcome::Clean })
}

/// Where to start and where the log ends now; `None` if there is nothing and will be nothing.
fn range_of(args: &TailArgs, filter: &Filter) -> Result<Option<(u64, u64)>, CliError> {
    let index = match LogIndex::open(&args.log) {
        // The first segment may come.
        Err(OpenError::NoSegments { .. }) if args.follow => return Ok(Some((0, 0))),
        Err(OpenError::NoSegments { .. }) => return LogSource::open_or_empty(&args.log).map(|_| None),
        other => other?,
    };
    let end = index.next_sequence()?;
    let count = args.lines.unwrap_or(LAST_EVENTS);
    let start = if args.cursor.is_some() { 0 } else { last_sequence(&args.log, &index, filter, count, end)? };
    Ok(Some((start, end)))
}

/// A log that lost its unsynced end with the power fills these sequences again, with other events.
fn back_to_the_end(cursor: &mut Cursor, end: u64) -> u64 {
    let lost = cursor.position().saturating_sub(end);
    if lost > 0 {
        let (at, lost) = (cursor.position(), counted(lost, "record"));
        tell(&format!(
            "ringlog: the cursor is at record {at}, the log ends before {end}: it lost {lost}; continuing with {end}"
        ));
        cursor.rewind(end);
    }
    lost
}

struct Tail {
    follower: LogFollower,
    filter: Filter,
    /// The first sequence that is not asked for.
    end: u64,
    is_following: bool,
    printer: Printer<BufWriter<StdoutLock<'static>>>,
    cursor: Option<Cursor>,
    /// When the output was flushed and the cursor stored last.
    settled: Instant,
    /// Records that were retired before they were read, or lost after it.
    missed: u64,
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

    /// Prints the record that was found if it is wanted; `false` if none behind it is.
    fn print(&mut self) -> Result<bool, CliError> {
        let clock = self.follower.clock();
        let Some(event) = self.follower.found_event() else { return Ok(true) };
        if event.sequence >= self.end || self.filter.is_past(&event) {
            return Ok(false);
        }
        if self.filter.matches(&event) {
            self.printer.print(&event, clock).map_err(CliError::Output)?;
        }
        if let Some(cursor) = &mut self.cursor {
            cursor.advance(event.sequence + 1)?;
        }
        Ok(true)
    }

    /// Whether nobody reads the output any more. Stores how far it has come, now and then.
    fn look(&mut self) -> Result<bool, CliError> {
        if self.settled.elapsed() >= SETTLE_EVERY {
            self.settle()?;
        }
        Ok(is_output_gone())
    }

    /// What was printed is seen at once; a cursor is stored now and then, as each time waits for the disk.
    fn pause(&mut self) -> Result<(), CliError> {
        self.printer.flush().map_err(CliError::Output)?;
        if self.settled.elapsed() >= SETTLE_EVERY { self.settle() } else { Ok(()) }
    }

    /// Flushes first: a cursor never says that something was seen which was not.
    fn settle(&mut self) -> Result<(), CliError> {
        self.printer.flush().map_err(CliError::Output)?;
        self.settled = Instant::now();
        Ok(self.cursor.as_mut().map_or(Ok(()), Cursor::commit)?)
    }

    /// Goes on behind records that retention was faster to delete.
    fn skip(&mut self, from: u64, to: u64) {
        self.missed = self.missed.saturating_add(to.saturating_sub(from));
        let missed = counted(to.saturating_sub(from), "record");
        tell(&format!(
            "ringlog: {missed} from {from} on went by retention before being read; continuing with {to}"
        ));
        self.follower.resume();
    }
}
