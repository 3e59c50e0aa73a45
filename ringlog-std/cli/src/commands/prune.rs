//! `ringlog prune`: deletes the oldest files of a log that nobody records.
#![forbid(unsafe_code)]

use serde::Serialize;

use crate::error::{CliError, Outcome};
use crate::options::keep_args::PruneArgs;
use crate::read::source::LogSource;
use crate::terminal::messages::{LOG, warn};
use crate::terminal::print::{print, print_json};
use crate::terminal::words::{counted, grouped, size};
use ringlog::storage::{FullDisk, LogReader, LogWriter, LogWriterOptions, OpenError, SegmentInfo};

#[derive(Serialize)]
struct Report {
    log: String,
    deleted_files: u64,
    /// Length of those files.
    deleted_bytes: u64,
    kept_files: u64,
    /// Sequence of the oldest record that is left; none in an empty log.
    begins_at: Option<u64>,
}

/// Opens the log as its next writer does, with limits, and closes it, which retires what is over them.
pub(crate) fn run(args: &PruneArgs) -> Result<Outcome, CliError> {
    if !args.keep.retires() {
        return Err(CliError::Usage(
            "nothing says what is too much; give --keep-bytes, --keep-for or --keep-files".into(),
        ));
    }
    // Fails if this is no log, instead of beginning one.
    LogSource::open_or_empty(&args.log)?;
    let before = files_of(args)?;
    let writer = LogWriter::options()
        .retention(args.keep.retention())
        // As small as can be, and on a full disk in the place of the oldest file.
        .segment_bytes(*LogWriterOptions::SEGMENT_BYTES.start())
        .full_disk(FullDisk::RecycleOldest)
        .open(&args.log)
        .map_err(|error| in_use(error, args))?;
    let watch = writer.watch();
    writer.close()?;
    while let Some(error) = watch.take_retention_error() {
        warn!(target: LOG, "retention: {error}");
    }
    let after = files_of(args)?;
    let gone = before.iter().filter(|it| after.iter().all(|kept| kept.path != it.path));
    let report = Report {
        log: args.log.display().to_string(),
        deleted_files: gone.clone().count() as u64,
        deleted_bytes: gone.map(|it| it.file_bytes).sum(),
        kept_files: after.len() as u64,
        begins_at: after.first().map(|it| it.header.base_sequence),
    };
    if args.json {
        print_json(&report)?
    } else {
        print(&report.words())?
    }
    Ok(Outcome::Clean)
}

/// Says what to do where the log has a writer.
fn in_use(error: OpenError, args: &PruneArgs) -> CliError {
    match error {
        OpenError::Locked { .. } => CliError::Unreadable(format!(
            "{}: a program is recording into this log; end it first, or give it these limits, which `ringlog serve` has too",
            args.log.display()
        )),
        other => other.into(),
    }
}

fn files_of(args: &PruneArgs) -> Result<Vec<SegmentInfo>, CliError> {
    Ok(LogReader::open(&args.log)?.segments().to_vec())
}

impl Report {
    fn words(&self) -> String {
        let Self { log, deleted_files, deleted_bytes, kept_files, begins_at } = self;
        let begin = begins_at.map(|at| format!(", the oldest record is {}", grouped(at))).unwrap_or_default();
        format!(
            "{log}: deleted {} ({}), kept {}{begin}\n",
            counted(*deleted_files, "file"),
            size(*deleted_bytes),
            counted(*kept_files, "file")
        )
    }
}
