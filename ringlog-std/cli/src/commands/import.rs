//! `ringlog import`: records a file into a log.

use crate::error::{CliError, Outcome};
use crate::feed::{Feed, FeedError, LineFeed, Next, Skip};
use crate::import::table::TableOptions;
use crate::import::{
    ChosenFeed, ExportedFeed, Format, JsonFeed, Mark, Passed, PcapFeed, ResumedFeed, TableFeed, Taken,
    TypedFeed, time_of_lines,
};
use crate::options::args::ImportArgs;
use crate::options::config::{ImportConfig, MaxBytes};
use crate::record::pace::Pace;
use crate::record::pump::Limits;
use crate::record::session::{Plan, record};
use crate::record::status::Status;
use crate::service::Service;
use crate::terminal::print::{eprint, print, print_json};
use crate::terminal::signals::Stop;
use crate::terminal::words::grouped;
use crate::values::Rate;
use ringlog::event::GapReason;

/// Records every event of the files, as fast as the log takes them. Each is an import by itself.
pub(crate) fn run(args: &ImportArgs) -> Result<Outcome, CliError> {
    let stop = Stop::on_signals().map_err(CliError::Signals)?;
    let mut worst = Outcome::Clean;
    for (number, file) in args.files.iter().enumerate() {
        let one = ImportConfig::resolve(args, file).and_then(|config| import(config, stop.clone()));
        match one.inspect_err(|_| report_earlier(number, args.files.len()))? {
            Outcome::Clean => {}
            loss => worst = loss,
        }
        if stop.is_set() {
            report_earlier(number, args.files.len());
            break;
        }
    }
    Ok(worst)
}

/// Says how many of several files are in the log as a whole, where not all are.
fn report_earlier(number: usize, all: usize) {
    if all > 1 && number < all {
        eprint(&format!(
            "ringlog: {number} of {all} files are in the log; give the others again once the cause is mended"
        ));
    }
}

fn import(config: ImportConfig, stop: Stop) -> Result<Outcome, CliError> {
    let mut taken = config
        .resumes
        .then(|| Taken::of(&config.file, &config.log.path, config.log.options.clone()))
        .transpose()?;
    let (mut feed, how) = loop {
        let mark = taken.as_ref().map(|it| it.mark.clone()).unwrap_or_default();
        let Opened { feed, how, mark } = open_feed(&config, mark, &stop)?;
        let Some(taken) = &mut taken else { break (feed, how) };
        // Lines have the time of their import, and so may packets.
        let compares_times = !matches!(config.format, Format::Lines | Format::Pcap);
        let mut rest = ResumedFeed::new(feed, mark, compares_times)?;
        match rest.pass(taken, &config.file, &config.log.path, &stop)? {
            Passed::UpTo(words) => {
                break (Box::new(rest), Some(how.map_or_else(String::new, |how| how + "\n") + &words));
            }
            // What chose how that one is read does not hold for this one.
            Passed::OfOther => taken.forget_others(),
            Passed::Stopped => {
                eprint("ringlog: stopped before anything was imported; run it again");
                return Ok(Outcome::Loss);
            }
        }
    };
    let introduction = introduction(&config, how);
    let mut session = record(Plan {
        feed: &mut *feed,
        introduction: &introduction,
        pace: Pace::new(Rate::Max),
        limits: Limits { duration: None, max_bytes: MaxBytes::Unlimited, stop },
        log: config.log,
        log_end: taken.and_then(|taken| taken.log_end),
        ring_bytes: config.ring_bytes,
        status: Status::new(config.show, config.content_bytes),
        service: &Service::default(),
    })?;
    session.note_position(&config.file);
    if config.json {
        print_json(&session)?;
    } else {
        print(&session.words("imported"))?;
    }
    let was_interrupted = session.was_interrupted();
    let outcome = session.outcome()?;
    // The rest of the file is missing, although the log is whole.
    Ok(if was_interrupted { Outcome::Loss } else { outcome })
}

/// Says what is read, how, and where it goes.
fn introduction(config: &ImportConfig, how: Option<String>) -> String {
    let decompressed = match config.compression {
        Some(compression) => format!(" ({compression}; byte offsets count what is decompressed)"),
        None => String::new(),
    };
    let (file, log) = (config.file.display(), config.log.path.display());
    let how = how.map(|how| format!("\n{how}")).unwrap_or_default();
    format!("importing {file}{decompressed} as {} to {log}{how}", config.format)
}

/// A file as a feed.
struct Opened {
    feed: Box<dyn Feed>,
    /// How a table is read.
    how: Option<String>,
    /// What the log says of the file, with what chose how it is read.
    mark: Mark,
}

/// Opens the file as a feed; for tables, also says how they are read.
fn open_feed(config: &ImportConfig, mark: Mark, stop: &Stop) -> Result<Opened, CliError> {
    let (file, event_type) = (&config.file, config.event_type);
    let table = TableOptions { head_bytes: mark.head_bytes, ..config.table.clone() };
    let opened = |mut feed: Box<dyn Feed>, how| {
        if config.resumes {
            feed.leave_unfinished();
        }
        Ok(Opened { feed, how, mark: mark.clone() })
    };
    match config.format {
        Format::Pcap => {
            let feed = PcapFeed::open(file, event_type)?;
            let feed = if config.payload_only { feed } else { feed.describing_packets()? };
            opened(Box::new(feed), None)
        }
        Format::Lines => {
            let time = time_of_lines(file).map_err(CliError::io("read", file))?;
            opened(Box::new(LineFeed::open(file, event_type)?), Some(time))
        }
        Format::Ringlog => opened(Box::new(ExportedFeed::open(file, config.schema.as_deref())?), None),
        Format::Csv => typed(TableFeed::open(file, event_type, &table)?, "rows", config, mark, stop),
        Format::Json => typed(JsonFeed::open(file, event_type, &table)?, "lines", config, mark, stop),
    }
}

/// Gives the rows the type that the options ask for.
fn typed(
    mut feed: impl ChosenFeed + 'static,
    rows: &str,
    config: &ImportConfig,
    mut mark: Mark,
    stop: &Stop,
) -> Result<Opened, CliError> {
    if config.resumes {
        feed.leave_unfinished();
    }
    mark.head_bytes = Some(feed.head_bytes());
    let Some(event_type) = &config.typed else { return checked(feed, rows, config, mark, stop) };
    let feed = match mark.sample_rows {
        Some(rows) => TypedFeed::with_sample(feed, event_type, &config.file, stop, rows)?,
        None => TypedFeed::open(feed, event_type, &config.file, stop)?,
    };
    mark.sample_rows = feed.sample_rows();
    checked(feed, rows, config, mark, stop)
}

/// Refuses a table if every row would be skipped, before a log is created for it.
fn checked(
    mut feed: impl ChosenFeed + 'static,
    rows: &str,
    config: &ImportConfig,
    mark: Mark,
    stop: &Stop,
) -> Result<Opened, CliError> {
    match first_event(&mut feed, stop)? {
        First::Event => feed.put_back(),
        First::Later => feed.restart()?,
        First::Nowhere { skip, skipped, reason } => {
            let remedy = match reason {
                // A schema that does not fit has said what to do.
                _ if skip.what.contains("; ") => "",
                GapReason::TooLong => "; shorten them, or split the file otherwise",
                _ => "; give the options that say how they are written, or correct the file",
            };
            return Err(CliError::Unreadable(format!(
                "{}: nothing was imported, and {} is as it was: none of its {rows} ({}) can be an event, the first is at byte \
                 {}: {}{remedy}",
                config.file.display(),
                config.log.path.display(),
                grouped(skipped),
                skip.offset,
                skip.what,
            )));
        }
    }
    let how = Some(feed.words());
    Ok(Opened { feed: Box::new(feed), how, mark })
}

/// Where the first event of a table is.
#[derive(PartialEq, Eq, Debug)]
enum First {
    /// In the first row.
    Event,
    /// In a later row, or not known, as the program was asked to stop. Or there are no rows.
    Later,
    /// There is none: the first row, the number of rows, and why they are skipped.
    Nowhere { skip: Skip, skipped: u64, reason: GapReason },
}

/// Reads a table up to its first event.
fn first_event(feed: &mut impl Feed, stop: &Stop) -> Result<First, FeedError> {
    let (mut payload, mut first, mut skipped) = (Vec::new(), None, 0_u64);
    let mut reason = GapReason::TooLong;
    while !stop.is_set() {
        match feed.next_event(&mut payload)? {
            Next::Lost(loss) => {
                skipped += loss.gap.count;
                reason = if loss.gap.reason == GapReason::TooLong { reason } else { loss.gap.reason };
                first = first.or(loss.skip);
            }
            Next::Event { .. } if skipped == 0 => return Ok(First::Event),
            Next::End => {
                return Ok(first.map_or(First::Later, |skip| First::Nowhere { skip, skipped, reason }));
            }
            Next::Event { .. } | Next::Kept(_) | Next::Described(_) | Next::Idle => break,
        }
    }
    Ok(First::Later)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::OPENED_INPUTS;

    #[test]
    fn a_table_is_opened_once_and_again_only_after_rows_that_were_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        let stop = Stop::default();
        for (rows, openings, losses) in [("", 1, 0), ("no time,b\n", 2, 1)] {
            let row = "# note\n1378054800,\"two\nlines\"\n1378054801,5\n";
            std::fs::write(&path, format!("time,a\n{rows}{row}")).unwrap();
            OPENED_INPUTS.set(0);
            let mut feed = TableFeed::open(&path, 0, &TableOptions::default()).unwrap();
            match first_event(&mut feed, &stop).unwrap() {
                First::Event => feed.put_back(),
                First::Later => feed.restart().unwrap(),
                nowhere => panic!("{nowhere:?}"),
            }
            let (mut events, mut lost, mut payload) = (Vec::new(), 0, Vec::new());
            loop {
                match feed.next_event(&mut payload).unwrap() {
                    Next::Event { .. } => events.push(payload.clone()),
                    Next::Lost(_) => lost += 1,
                    _ => break,
                }
            }
            assert_eq!(events, [&b"1378054800,\"two\nlines\""[..], b"1378054801,5"]);
            assert_eq!((OPENED_INPUTS.get(), lost, feed.notes().len()), (openings, losses, 1));
        }
    }
}
