//! `ringlog serve`: records events from a feed or a shared ring.

use crate::commands::ship_beside::Beside;
use crate::error::{CliError, Outcome};
use crate::feed::spec::FeedSpec;
use crate::feed::{ConnectionFeed, DatagramFeed, DemoFeed, Feed, LineFeed};
use crate::options::args::ServeArgs;
use crate::options::config::{DEFAULT_MAX_BYTES, MaxBytes, ServeConfig};
use crate::record::pace::Pace;
use crate::record::pump::Limits;
use crate::record::ring_service::RingService;
use crate::record::session::{Plan, Session, record};
use crate::record::status::Status;
use crate::service::Service;
use crate::terminal::messages::{FEED, SERVE, error, info, warn};
use crate::terminal::print::{eprint, print, print_json};
use crate::terminal::signals::Stop;
use crate::terminal::words::{size, unix_now};
use std::io::IsTerminal;
use std::path::Path;

/// Records until the feed ends, a limit is reached or it is asked to stop.
pub(crate) fn run(args: ServeArgs) -> Result<Outcome, CliError> {
    args.messages.start()?;
    let has_file = args.messages.log_file.is_some();
    let ended = serve(args, has_file);
    // Standard error has it in any case.
    match &ended {
        Err(error) if has_file && !error.is_closed_pipe() => error!(target: SERVE, "{error}"),
        _ => {}
    }
    ended
}

fn serve(args: ServeArgs, has_file: bool) -> Result<Outcome, CliError> {
    let config = ServeConfig::resolve(args)?;
    let stop = if has_file { Stop::on_signals_but_hangup() } else { Stop::on_signals() };
    let stop = stop.map_err(CliError::Signals)?;
    let service = Service::open(&config.service, &config.log.path)?;
    let limits = Limits { duration: config.duration, max_bytes: config.max_bytes, stop };
    let beside = Beside::start(&config, service.state())?;
    let session = match &config.ring {
        Some(ring) => drain(&config, ring, &limits, &service),
        None => feed(&config, limits, &service),
    };
    beside.end();
    let session = session?;
    if has_file || !std::io::stderr().is_terminal() {
        say_end(&session);
    }
    if config.json {
        print_json(&session)?;
    } else if !config.is_quiet {
        print(&session.words("recorded"))?;
    }
    let outcome = session.outcome()?;
    if outcome == Outcome::DefaultLimit {
        let text = format!(
            "stopped at the default limit of {}, exit code 4; give --keep-bytes or --keep-for to continue and keep the \
             newest events, or --max-bytes for another limit",
            size(DEFAULT_MAX_BYTES)
        );
        if has_file {
            warn!(target: SERVE, "{text}");
        }
        eprint(&format!("ringlog: {text}"));
    }
    Ok(outcome)
}

/// Says how the run ended where the summary on standard output may not be seen.
fn say_end(session: &Session) {
    let text = session.headline("recorded");
    match session.is_incomplete() {
        true => warn!(target: SERVE, "{text}"),
        false => info!(target: SERVE, "{text}"),
    }
}

fn feed(config: &ServeConfig, limits: Limits, service: &Service) -> Result<Session, CliError> {
    let mut feed = open_feed(config)?;
    let introduction = introduction(config, feed.place());
    record(Plan {
        feed: &mut *feed,
        introduction: &introduction,
        pace: Pace::new(config.rate),
        limits,
        log: config.log.clone(),
        log_end: None,
        ring_bytes: config.ring_bytes,
        status: Status::new(config.show, None),
        service,
    })
}

fn drain(config: &ServeConfig, ring: &Path, limits: &Limits, service: &Service) -> Result<Session, CliError> {
    let recording = RingService::start(ring, &config.log, config.ring_bytes, config.skips_to_head, service)?;
    info!(target: SERVE, "recording ring {} to {}", ring.display(), config.log.path.display());
    let end = format!("{}; what is published later stays in the ring for the next run", end_words(config));
    end.lines().for_each(|line| info!(target: SERVE, "{line}"));
    recording.run(limits, Status::new(config.show, None), service)
}

fn open_feed(config: &ServeConfig) -> Result<Box<dyn Feed>, CliError> {
    let feed: Box<dyn Feed> = match &config.feed {
        FeedSpec::Demo => Box::new(DemoFeed::new(config.seed, unix_now)),
        FeedSpec::Stdin => Box::new(LineFeed::stdin()?),
        FeedSpec::File(path) => Box::new(LineFeed::open_text(path, 0)?),
        FeedSpec::Udp(udp) => Box::new(DatagramFeed::udp(udp)?),
        FeedSpec::UnixDatagrams(path) => Box::new(DatagramFeed::unix(path)?),
        FeedSpec::Stream(listen, framing) => Box::new(ConnectionFeed::listen(listen, *framing)?),
    };
    feed.introduction().iter().for_each(|line| info!(target: FEED, "{line}"));
    Ok(feed)
}

fn introduction(config: &ServeConfig, place: &str) -> String {
    let ServeConfig { feed, log, rate, .. } = config;
    let mut text = format!("recording {} to {}, {rate}\n", feed.words(place), log.path.display());
    if *feed == FeedSpec::Demo {
        text += "the events are generated: bursts that look like an exchange's order flow, not market data\n";
    }
    text + &end_words(config)
}

/// Says what ends the run, and what bounds the log if nothing does.
fn end_words(config: &ServeConfig) -> String {
    let mut text = String::new();
    if config.fills_disk {
        text += "no limit of size: the log fills the disk, then its oldest file makes room (--full-disk recycle); \
                 --keep-bytes keeps it smaller\n";
    }
    text += "stops ";
    if let Some(duration) = config.duration {
        text += &format!("after {duration:?}, ");
    }
    text += &match config.max_bytes {
        MaxBytes::Unlimited => String::new(),
        MaxBytes::Asked(bytes) => format!("when {} are written (--max-bytes), ", size(bytes)),
        MaxBytes::Default(bytes) => format!(
            "when {} are written (exit code 4: the default limit without --max-bytes, --keep-bytes, --keep-for, \
             --keep-files or --full-disk recycle), ",
            size(bytes)
        ),
    };
    match text.strip_suffix(", ") {
        Some(limits) => format!("{limits}, or at Ctrl-C"),
        None => text + "at Ctrl-C",
    }
}
