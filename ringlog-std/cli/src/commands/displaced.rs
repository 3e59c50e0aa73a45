//! Stream files that lost bytes, were heard late or hold several lives of a device: `cat` and `salvage` read them as `receive` does.

use std::path::{Path, PathBuf};

use crate::error::{CliError, Outcome};
use crate::options::args::SalvageArgs;
use crate::options::config::MaxBytes;
use crate::options::log_args::{LogArgs, LogPlan};
use crate::record::pace::Pace;
use crate::record::pump::Limits;
use crate::record::session::{Plan, Session, record};
use crate::record::status::Status;
use crate::service::Service;
use crate::terminal::print::{print, print_json};
use crate::terminal::signals::Stop;
use crate::values::{Rate, Show};
use crate::wire::{WireFeed, WireOptions, is_displaced_stream};
use ringlog::storage::SchemaList;

/// Room for the records between the file and the log.
const RING_BYTES: usize = 8 << 20;

/// Whether a file is such a stream.
pub(crate) fn is_displaced(path: &Path) -> Result<bool, CliError> {
    is_displaced_stream(path).map_err(CliError::io("read", path))
}

/// Copies what is whole in such a file into a new log: a segment for each life of the device.
pub(crate) fn copy(file: &Path, log: PathBuf) -> Result<Session, CliError> {
    let stop = Stop::on_signals().map_err(CliError::Signals)?;
    let mut log = LogPlan::new(log, &LogArgs::default())?;
    let options = WireOptions {
        device: file.into(),
        baud: 0,
        schemas: SchemaList::new(),
        ticks_per_second: None,
        print: None,
        continues: false,
        until: None,
    };
    let mut feed = WireFeed::open(options, &stop)?;
    let clock = feed.clock();
    log.options = log.options.clock(clock);
    let mut session = record(Plan {
        feed: &mut feed,
        introduction: "",
        pace: Pace::new(Rate::Max),
        limits: Limits { duration: None, max_bytes: MaxBytes::Unlimited, stop },
        log,
        log_end: None,
        ring_bytes: RING_BYTES,
        status: Status::new(Show::Nothing, None),
        service: &Service::default(),
    })?;
    session.note_wire(feed.summary(), clock);
    Ok(session)
}

/// Salvages such a file. Something is always missing of it, or it is the first life of several.
pub(crate) fn salvage(args: &SalvageArgs) -> Result<Outcome, CliError> {
    if args.grep.is_some() || args.expression.is_some() {
        return Err(CliError::Usage(format!(
            "{}: bytes of this stream are missing, or it holds several; salvage it without --grep and --where, and choose from \
             the new log",
            args.log.display()
        )));
    }
    if args.out.read_dir().is_ok_and(|mut files| files.next().is_some()) || args.out.is_file() {
        return Err(ringlog::storage::SalvageError::Occupied { path: args.out.clone() }.into());
    }
    let session = copy(&args.log, args.out.clone())?;
    if args.json {
        print_json(&session)?;
    } else {
        print(&session.words("salvaged"))?;
    }
    session.outcome()
}
