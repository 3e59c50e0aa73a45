//! `ringlog import`: records a file.

use crate::cli::error::{CliError, Outcome};
use crate::cli::feed::{Feed, LineFeed, Next, Skip};
use crate::cli::import::{ChosenFeed, Format, JsonFeed, PcapFeed, TableFeed, time_of_lines};
use crate::cli::options::args::ImportArgs;
use crate::cli::options::config::{ImportConfig, MaxBytes};
use crate::cli::record::pace::Pace;
use crate::cli::record::pump::Limits;
use crate::cli::record::session::{Plan, record};
use crate::cli::record::status::Status;
use crate::cli::terminal::print::{print, print_json};
use crate::cli::terminal::signals::Stop;
use crate::cli::terminal::words::grouped;
use crate::cli::values::Rate;
use crate::event::GapReason;

/// Records every event of a file, as fast as the log takes them.
pub(crate) fn run(args: ImportArgs) -> Result<Outcome, CliError> {
    let config = ImportConfig::resolve(args)?;
    let stop = Stop::on_signals().map_err(CliError::Signals)?;
    let (mut feed, how) = open_feed(&config, &stop)?;
    let introduction = introduction(&config, how);
    let mut session = record(Plan {
        feed: &mut *feed,
        introduction: &introduction,
        pace: Pace::new(Rate::Max),
        limits: Limits { duration: None, max_bytes: MaxBytes::Unlimited, stop },
        log: config.log,
        ring_bytes: config.ring_bytes,
        status: Status::new(config.show, config.content_bytes),
    })?;
    session.note_position(&config.file);
    if config.json {
        print_json(&session)?;
    } else {
        print(&session.words("imported"))?;
    }
    let was_interrupted = session.was_interrupted();
    let outcome = session.outcome()?;
    // Half a file is not what was asked for, however cleanly it was recorded.
    Ok(if was_interrupted { Outcome::Loss } else { outcome })
}

/// What is read, how, and where it goes.
fn introduction(config: &ImportConfig, how: Option<String>) -> String {
    let decompressed = match config.compression {
        Some(compression) => format!(" ({compression}; byte offsets count what is decompressed)"),
        None => String::new(),
    };
    let (file, log) = (config.file.display(), config.log.path.display());
    let how = how.map(|how| format!("\n{how}")).unwrap_or_default();
    format!("importing {file}{decompressed} as {} to {log}{how}", config.format)
}

type Opened = (Box<dyn Feed>, Option<String>);

/// The file as a feed, and how it is read where that was chosen.
fn open_feed(config: &ImportConfig, stop: &Stop) -> Result<Opened, CliError> {
    let (file, event_type) = (&config.file, config.event_type);
    match config.format {
        Format::Pcap => Ok((Box::new(PcapFeed::open(file, event_type)?), None)),
        Format::Lines => {
            let time = time_of_lines(file).map_err(CliError::io("read", file))?;
            Ok((Box::new(LineFeed::open(file, event_type)?), Some(time)))
        }
        Format::Csv => checked(TableFeed::open(file, event_type, &config.table)?, "rows", config, stop),
        Format::Json => checked(JsonFeed::open(file, event_type, &config.table)?, "lines", config, stop),
    }
}

/// Refuses a table of which every row would be skipped, before a log is begun for it.
fn checked(
    mut feed: impl ChosenFeed + 'static,
    rows: &str,
    config: &ImportConfig,
    stop: &Stop,
) -> Result<Opened, CliError> {
    if let Some((first, skipped, reason)) = skips_all(&mut feed, stop) {
        let remedy = match reason {
            GapReason::TooLong => "shorten them, or split the file otherwise",
            _ => "give the options that say how they are written, or correct the file",
        };
        return Err(CliError::Unreadable(format!(
            "{}: nothing was imported, and {} is as it was: none of its {rows} ({}) can be an event, the first is at byte {}: {}; \
             {remedy}",
            config.file.display(),
            config.log.path.display(),
            grouped(skipped),
            first.offset,
            first.what,
        )));
    }
    feed.restart()?;
    let how = feed.words();
    Ok((Box::new(feed), Some(how)))
}

/// The first of the rows, their number and why they are skipped, if none is an event.
///
/// The file is read until its first event. What cannot be read at all is reported by the import.
fn skips_all(feed: &mut impl Feed, stop: &Stop) -> Option<(Skip, u64, GapReason)> {
    let (mut payload, mut first, mut skipped) = (Vec::new(), None, 0_u64);
    let mut reason = GapReason::TooLong;
    while !stop.is_set() {
        match feed.next_event(&mut payload) {
            Ok(Next::Lost(loss)) => {
                skipped += loss.gap.count;
                reason = if loss.gap.reason == GapReason::TooLong { reason } else { loss.gap.reason };
                first = first.or(loss.skip);
            }
            Ok(Next::End) => return Some((first?, skipped, reason)),
            Ok(_) | Err(_) => return None,
        }
    }
    None
}
