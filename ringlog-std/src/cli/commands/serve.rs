//! `ringlog serve`: records events from a feed.

use crate::cli::args::ServeArgs;
use crate::cli::config::ServeConfig;
use crate::cli::error::{CliError, Outcome};
use crate::cli::feed::{DemoFeed, Feed, LineFeed, UdpFeed};
use crate::cli::pace::Pace;
use crate::cli::print::{print, print_json, tell};
use crate::cli::pump::Limits;
use crate::cli::session::{Plan, record};
use crate::cli::signals::Stop;
use crate::cli::status::Status;
use crate::cli::text::{size, unix_now};
use crate::cli::values::FeedSpec;

/// Records until the feed ends, a limit is reached or somebody asks it to stop.
pub(crate) fn run(args: ServeArgs) -> Result<Outcome, CliError> {
    let config = ServeConfig::resolve(args)?;
    let stop = Stop::on_signals().map_err(CliError::Signals)?;
    let mut feed = open_feed(&config)?;
    introduce(&config);
    let session = record(Plan {
        feed: &mut *feed,
        pace: Pace::new(config.rate),
        limits: Limits { duration: config.duration, max_bytes: config.max_bytes, stop },
        log: config.log,
        ring_bytes: config.ring_bytes,
        status: Status::new(config.is_terminal, None),
    })?;
    if config.json {
        print_json(&session)?;
    } else {
        print(&session.words("recorded"))?;
    }
    session.outcome()
}

fn open_feed(config: &ServeConfig) -> Result<Box<dyn Feed>, CliError> {
    Ok(match &config.feed {
        FeedSpec::Demo => Box::new(DemoFeed::new(config.seed, unix_now)),
        FeedSpec::Stdin => Box::new(LineFeed::stdin()?),
        FeedSpec::File(path) => Box::new(LineFeed::open(path, 0)?),
        FeedSpec::Udp(address) => {
            let feed = UdpFeed::bind(address)?;
            tell(&format!("listening at udp://{}", feed.address()));
            Box::new(feed)
        }
    })
}

fn introduce(config: &ServeConfig) {
    let ServeConfig { feed, log, rate, .. } = config;
    tell(&format!("recording {feed} to {}, {rate}", log.display()));
    if *feed == FeedSpec::Demo {
        tell("it is generated: bursts that look like an exchange's order flow, no market data");
    }
    let until = match config.duration {
        Some(duration) => format!("after {duration:?}, "),
        None => String::new(),
    };
    tell(&format!("stops {until}when {} are written (--max-bytes) or at Ctrl-C", size(config.max_bytes)));
}
