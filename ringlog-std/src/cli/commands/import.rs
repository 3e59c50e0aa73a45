//! `ringlog import`: records a file.

use crate::cli::args::ImportArgs;
use crate::cli::config::{ImportConfig, MaxBytes};
use crate::cli::error::{CliError, Outcome};
use crate::cli::feed::{Feed, LineFeed};
use crate::cli::import::{Format, PcapFeed, TickFeed};
use crate::cli::pace::Pace;
use crate::cli::print::{print, print_json};
use crate::cli::pump::Limits;
use crate::cli::session::{Plan, record};
use crate::cli::signals::Stop;
use crate::cli::status::Status;
use crate::cli::values::Rate;

/// Records every event of a file, as fast as the log takes them.
pub(crate) fn run(args: ImportArgs) -> Result<Outcome, CliError> {
    let config = ImportConfig::resolve(args)?;
    let stop = Stop::on_signals().map_err(CliError::Signals)?;
    let mut feed = open_feed(&config)?;
    let decompressed = match config.compression {
        Some(compression) => format!(" ({compression}; byte offsets count what is decompressed)"),
        None => String::new(),
    };
    let (file, log) = (config.file.display(), config.log.path.display());
    let introduction = format!("importing {file}{decompressed} as {} to {log}", config.format);
    let session = record(Plan {
        feed: &mut *feed,
        introduction: &introduction,
        pace: Pace::new(Rate::Max),
        limits: Limits { duration: None, max_bytes: MaxBytes::Unlimited, stop },
        log: config.log,
        ring_bytes: config.ring_bytes,
        status: Status::new(config.show, config.content_bytes),
    })?;
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

fn open_feed(config: &ImportConfig) -> Result<Box<dyn Feed>, CliError> {
    Ok(match config.format {
        Format::Pcap => Box::new(PcapFeed::open(&config.file, config.event_type)?),
        Format::Csv => Box::new(TickFeed::open(&config.file, config.event_type, &config.time)?),
        Format::Lines => Box::new(LineFeed::open(&config.file, config.event_type)?),
    })
}
