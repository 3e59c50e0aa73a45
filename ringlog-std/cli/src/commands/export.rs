//! `ringlog export`: writes the events of a log in the formats of other programs.

use std::sync::Arc;

use crate::descriptions::Descriptions;
use crate::error::{CliError, Outcome};
use crate::export::draft::Draft;
use crate::export::{ExportFormat, Request, Target, begin, place};
use crate::options::export_args::ExportArgs;
use crate::options::filter_args::report_undescribed;
use crate::output::{CatFormat, PrintStyle};
use crate::read::source::LogSource;
use crate::record::pump::Progress;
use crate::record::status::{Gauges, Status};
use crate::terminal::print::{eprint, print};
use crate::terminal::signals::Stop;
use crate::terminal::standard_input::is_standard;
use crate::terminal::words::counted;
use crate::values::Show;
use ringlog::event::ClockKind;
use ringlog::programs::default_jobs;
use ringlog::storage::{Filter, ReadError};

/// Records between two looks at the signals and the status.
const RECORDS_PER_LOOK: u64 = 1024;

/// Writes the records that pass the filters into a file or folder, which has its name once all are written.
pub(crate) fn run(args: &ExportArgs) -> Result<Outcome, CliError> {
    args.to.check_built()?;
    args.to.check_name(&args.out)?;
    place::check("", &args.out, &args.log)?;
    let stop = Stop::on_signals().map_err(CliError::Signals)?;
    let descriptions = args.filter.descriptions(std::slice::from_ref(&args.log))?;
    let mut source = LogSource::open_or_empty(&args.log)?;
    let mut filter = args.filter.to_filter(source.known_clock(), &descriptions)?;
    source.seek_first(&args.log, &filter)?;
    let is_folder = args.to.is_folder(&args.out);
    let request = Request {
        format: args.to,
        style: style(args, &descriptions, is_folder)?,
        described: descriptions.all(),
        clock: source.clock(),
        is_folder,
        jobs: args.jobs.unwrap_or_else(default_jobs),
    };
    let draft = Draft::begin(&args.out, is_folder, args.force)?;
    let mut target = begin(request, &draft)?;
    let progress = copy(&mut source, &mut filter, &mut *target, args, &stop)?;
    let done = target.finish()?;
    if stop.is_set() {
        return Err(stopped(args));
    }
    draft.finish()?;
    report_undescribed(filter.undescribed());
    for (count, what, why) in &done.left_out {
        eprint(&format!("ringlog: left out: {}: {why}", counted(*count, what)));
    }
    done.notes.iter().for_each(|note| eprint(&format!("ringlog: {note}")));
    let (what, count) = done.has;
    let has = if what == "entry" && count != 1 { "entries" } else { what };
    let has = if has == what { counted(count, what) } else { format!("{count} {has}") };
    let line = format!("{}: {} in {has}", args.out.display(), counted(progress.events, "record"));
    if is_standard(&args.out) {
        eprint(&line);
    } else {
        print(&format!("{line}\n"))?;
    }
    Ok(if done.is_lossy || !done.left_out.is_empty() { Outcome::Loss } else { Outcome::Clean })
}

fn stopped(args: &ExportArgs) -> CliError {
    CliError::Unreadable(format!("{}: stopped before the end, nothing was written", args.out.display()))
}

/// Returns how events are printed, for the formats that do as `cat` does.
fn style(
    args: &ExportArgs,
    descriptions: &Arc<Descriptions>,
    is_folder: bool,
) -> Result<PrintStyle, CliError> {
    let format = if args.to == ExportFormat::Json { CatFormat::Json } else { CatFormat::Csv };
    let is_table =
        !is_folder && matches!(args.to, ExportFormat::Csv | ExportFormat::Parquet | ExportFormat::Arrow);
    let table = match is_table {
        true => descriptions.table(&args.filter.event_types(descriptions)?).map_err(one_table)?.map(Arc::new),
        false => None,
    };
    Ok(PrintStyle {
        format,
        zone: args.filter.zone(),
        descriptions: Arc::clone(descriptions),
        table,
        is_exact: true,
        ..PrintStyle::default()
    })
}

/// Says how an export has several tables.
fn one_table(error: CliError) -> CliError {
    match error {
        CliError::Usage(words) => CliError::Usage(words.replace(
            "write each with --to FOLDER",
            "name a folder as OUT, without the ending of a file, to get a table of each",
        )),
        other => other,
    }
}

/// Says what to do where retention was faster than the export.
fn too_slow(error: CliError) -> CliError {
    match error {
        CliError::Read(ReadError::Overtaken { path, from, to }) => CliError::Unreadable(format!(
            "{}: records {from} to {} went by retention before they were read; export again with --from-seq {to} or later, or keep \
             more",
            path.display(),
            to.saturating_sub(1)
        )),
        other => other,
    }
}

/// Hands all records that pass the filter to the target.
fn copy(
    source: &mut LogSource,
    filter: &mut Filter,
    target: &mut dyn Target,
    args: &ExportArgs,
    stop: &Stop,
) -> Result<Progress, CliError> {
    let show = Show::on_stderr(args.progress);
    let files = source.segments();
    let total: u64 = files.iter().map(|file| file.bytes).sum();
    let mut status = Status::new(show, Some(total));
    let (mut progress, mut before, mut last) = (Progress::default(), 0, 0);
    let mut result = Ok(());
    while result.is_ok() {
        match source.advance(filter) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                result = Err(too_slow(error));
                break;
            }
        }
        let clock: ClockKind = source.clock();
        let Some(event) = source.found_event() else { continue };
        result = target.take(&event, clock);
        progress.events += 1;
        progress.bytes += event.header.stride() as u64;
        progress.lost += event.gap().map_or(0, |gap| gap.count);
        if event.offset < last {
            let at = files.partition_point(|file| file.base_sequence <= event.sequence);
            before = files.iter().take(at.saturating_sub(1)).map(|file| file.bytes).sum();
        }
        last = event.offset;
        if progress.events.is_multiple_of(RECORDS_PER_LOOK) {
            if stop.is_set() {
                result = Err(stopped(args));
            } else if status.is_due() {
                progress.read_bytes = before + last;
                status.show(&progress, Gauges { ring: None, lost: progress.lost });
            }
        }
    }
    status.finish(&progress, progress.lost);
    result.map(|()| progress)
}

#[cfg(test)]
mod tests;
