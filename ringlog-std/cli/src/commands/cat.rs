//! `ringlog cat`: prints the events of a log.

use std::io::BufWriter;

use crate::commands::displaced::{copy, is_displaced};
use crate::error::{CliError, Outcome};
use crate::measure::scratch::Scratch;
use crate::options::args::CatArgs;
use crate::options::filter_args::report_undescribed;
use crate::output::tables::Tables;
use crate::output::{CatFormat, Printer};
use crate::read::source::LogSource;
use crate::terminal::print::{eprint, print};
use crate::terminal::words::counted;
use ringlog::event::{ClockKind, Event};
use ringlog::programs::InForce;
use ringlog::storage::Filter;

/// Prints the records that pass the filters, up to the limit or the first record that cannot be read.
///
/// What a stream file holds after missing bytes is printed, too.
pub(crate) fn run(args: &CatArgs) -> Result<Outcome, CliError> {
    if !is_displaced(&args.log)? {
        return print_log(args);
    }
    let scratch = Scratch::temporary("ringlog-cat")?;
    let mut args = args.clone();
    let file = std::mem::replace(&mut args.log, scratch.path().into());
    let printed = copy(&file, args.log.clone()).and_then(|_| print_log(&args));
    scratch.remove()?;
    printed?;
    eprint(&format!(
        "ringlog: {}: bytes of this stream are missing, or it holds several; keep what is whole with `ringlog salvage`",
        file.display()
    ));
    Ok(Outcome::Loss)
}

fn print_log(args: &CatArgs) -> Result<Outcome, CliError> {
    let descriptions = args.filter.descriptions(std::slice::from_ref(&args.log))?;
    let mut source = LogSource::open_or_empty(&args.log)?;
    let mut filter = args.filter.to_filter(source.known_clock(), &descriptions)?;
    source.seek_first(&args.log, &filter)?;
    if let Some(folder) = &args.to {
        if args.print.format != CatFormat::Csv {
            return Err(CliError::Usage("--to is for tables; give --format csv".into()));
        }
        let style = args.print.style_of_tables(false, &args.filter, &descriptions)?;
        let mut tables = Tables::create(folder, folder, style)?;
        let written = each(&mut source, &mut filter, args.limit, |event, clock| tables.print(event, clock));
        let count = tables.finish()?;
        report_undescribed(filter.undescribed());
        written?;
        print(&format!("{}: {}\n", folder.display(), counted(count as u64, "table")))?;
        return Ok(Outcome::Clean);
    }
    let style = args.print.style(args.json, &args.filter, &descriptions)?;
    let (format, mut hidden_gaps) = (style.format, 0);
    if args.meta && !matches!(format, CatFormat::Text | CatFormat::Json) {
        return Err(CliError::Usage(
            "--meta is for text and JSON; give --format text or json, or use `ringlog schema emit`".into(),
        ));
    }
    let out = BufWriter::with_capacity(64 * 1024, std::io::stdout().lock());
    let mut printer = Printer::new(style, out).map_err(CliError::Output)?;
    let mut in_force = InForce::default();
    let printed = each(&mut source, &mut filter, args.limit, |event, clock| {
        hidden_gaps += u64::from(event.header.is_gap());
        if args.meta
            && let Some(list) = in_force.change_at(event)
        {
            printer.print_meta(list).map_err(CliError::Output)?;
        }
        printer.print(event, clock).map_err(CliError::Output)
    });
    // The user sees what was read before an error.
    printer.finish().map_err(CliError::Output)?;
    report_undescribed(filter.undescribed());
    printed?;
    if hidden_gaps > 0 && format == CatFormat::Raw {
        eprint(&format!("ringlog: not shown: {}; see --format text", counted(hidden_gaps, "gap")));
    }
    Ok(Outcome::Clean)
}

/// Hands the records that pass the filter to `f`, with the clock of their times.
fn each(
    source: &mut LogSource,
    filter: &mut Filter,
    limit: Option<u64>,
    mut f: impl FnMut(&Event<'_>, ClockKind) -> Result<(), CliError>,
) -> Result<(), CliError> {
    for _ in 0..limit.unwrap_or(u64::MAX) {
        if !source.advance(filter)? {
            break;
        }
        let clock = source.clock();
        if let Some(event) = source.found_event() {
            f(&event, clock)?;
        }
    }
    Ok(())
}
