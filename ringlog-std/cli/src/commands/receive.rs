//! `ringlog receive`: records what a device sends.

use std::num::NonZeroU64;
use std::path::Path;
use std::time::Instant;

use crate::error::{CliError, Outcome};
use crate::image::schemas_of_image;
use crate::options::config::MaxBytes;
use crate::options::log_args::LogPlan;
use crate::options::receive_args::ReceiveArgs;
use crate::output::PrintStyle;
use crate::record::pace::Pace;
use crate::record::pump::Limits;
use crate::record::session::{Plan, record};
use crate::record::status::Status;
use crate::service::Service;
use crate::terminal::print::{eprint, print, print_json};
use crate::terminal::screen::Screen;
use crate::terminal::signals::Stop;
use crate::terminal::words::clock_name;
use crate::values::{Rate, Show};
use crate::wire::{WireFeed, WireOptions};

/// Room for the records between the line and the log.
const RING_BYTES: usize = 8 << 20;

/// Records until the input ends, the time is over or a signal comes. A serial line has no end.
pub(crate) fn run(args: &ReceiveArgs) -> Result<Outcome, CliError> {
    let stop = Stop::on_signals().map_err(CliError::Signals)?;
    let schemas = args.elf.as_deref().map(schemas_of_image).transpose()?.unwrap_or_default();
    let mut log = LogPlan::new(args.log.clone(), &args.how)?;
    let started = Instant::now();
    let style = PrintStyle { screen: Screen::of_stdout(), ..PrintStyle::default() };
    let mut feed = WireFeed::open(
        WireOptions {
            device: args.device.clone(),
            baud: args.baud,
            schemas,
            ticks_per_second: args.ticks_per_second.map(NonZeroU64::get),
            print: args.print.then_some(style),
            continues: has_files(&args.log),
            until: args.duration.and_then(|duration| started.checked_add(duration)),
        },
        &stop,
    )?;
    let clock = feed.clock();
    log.options = log.options.clock(clock);
    let introduction =
        format!("receiving {} ({}) into {}", args.device.display(), clock_name(clock), args.log.display());
    let mut session = record(Plan {
        feed: &mut feed,
        introduction: &introduction,
        pace: Pace::new(Rate::Max),
        limits: Limits {
            duration: args.duration.map(|duration| duration.saturating_sub(started.elapsed())),
            max_bytes: MaxBytes::Unlimited,
            stop,
        },
        log,
        log_end: None,
        ring_bytes: RING_BYTES,
        status: Status::new(Show::on_stderr(args.progress), None),
        service: &Service::default(),
    })?;
    session.note_wire(feed.summary(), clock);
    if args.json {
        print_json(&session)?;
    } else if args.print {
        eprint(session.words("received").trim_end());
    } else {
        print(&session.words("received"))?;
    }
    Ok(match session.outcome()? {
        Outcome::Clean if feed.is_unreadable() => Outcome::Loss,
        outcome => outcome,
    })
}

/// Whether a folder has something in it.
fn has_files(folder: &Path) -> bool {
    folder.read_dir().is_ok_and(|mut files| files.next().is_some())
}
