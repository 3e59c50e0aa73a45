//! `ringlog cat`: prints the events of a log.

use std::io::{BufWriter, Write};

use crate::cli::error::{CliError, Outcome};
use crate::cli::options::args::CatArgs;
use crate::cli::output::{CatFormat, Printer};
use crate::cli::read::source::LogSource;
use crate::cli::terminal::print::eprint;
use crate::cli::terminal::words::counted;
use crate::storage::Filter;

/// Prints the records that pass the filters, up to the limit or the first record that cannot be read.
pub(crate) fn run(args: &CatArgs) -> Result<Outcome, CliError> {
    let filter = args.filter.to_filter();
    let mut source = LogSource::open_or_empty(&args.log)?;
    source.seek_first(&args.log, &filter)?;
    let format = if args.json { CatFormat::Json } else { args.format }.csv_safe(args.csv_safe)?;
    let out = BufWriter::with_capacity(64 * 1024, std::io::stdout().lock());
    let mut printer = Printer::new(format, out).map_err(CliError::Output)?;
    let printed = print_all(&mut source, &filter, args.limit, &mut printer);
    // The user sees what was read before an error.
    printer.flush().map_err(CliError::Output)?;
    let hidden_gaps = printed?;
    if hidden_gaps > 0 && format == CatFormat::Raw {
        eprint(&format!("ringlog: not shown: {}; see --format text", counted(hidden_gaps, "gap")));
    }
    Ok(Outcome::Clean)
}

/// Prints records, and returns how many of them are GAP records.
fn print_all(
    source: &mut LogSource,
    filter: &Filter,
    limit: Option<u64>,
    printer: &mut Printer<impl Write>,
) -> Result<u64, CliError> {
    let mut gaps = 0;
    for _ in 0..limit.unwrap_or(u64::MAX) {
        if !source.advance(filter)? {
            break;
        }
        let clock = source.clock();
        if let Some(event) = source.found_event() {
            gaps += u64::from(event.header.is_gap());
            printer.print(&event, clock).map_err(CliError::Output)?;
        }
    }
    Ok(gaps)
}
