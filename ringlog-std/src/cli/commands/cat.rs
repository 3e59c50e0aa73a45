//! `ringlog cat`: prints the events of a log.

use std::io::{BufWriter, Write};

use crate::cli::args::CatArgs;
use crate::cli::error::{CliError, Outcome};
use crate::cli::output::{CatFormat, Printer};
use crate::cli::print::tell;
use crate::cli::source::LogSource;
use crate::event::Event;

/// Prints what the filters let through, up to the limit or the first record that cannot be read.
pub(crate) fn run(args: &CatArgs) -> Result<Outcome, CliError> {
    let mut source = LogSource::open_or_empty(&args.log)?;
    if let Some(sequence) = args.from_seq {
        source.seek(sequence)?;
    }
    let format = if args.json { CatFormat::Json } else { args.format };
    let out = BufWriter::with_capacity(64 * 1024, std::io::stdout().lock());
    let mut printer = Printer::new(format, out).map_err(CliError::Output)?;
    let printed = print_all(&mut source, args, &mut printer);
    // What was read before an error is worth seeing.
    printer.flush().map_err(CliError::Output)?;
    let hidden_gaps = printed?;
    if hidden_gaps > 0 && format == CatFormat::Raw {
        tell(&format!("ringlog: {hidden_gaps} gaps are not shown: see --format text"));
    }
    Ok(Outcome::Clean)
}

/// Returns how many GAP records came by.
fn print_all(
    source: &mut LogSource,
    args: &CatArgs,
    printer: &mut Printer<impl Write>,
) -> Result<u64, CliError> {
    let mut left = args.limit.unwrap_or(u64::MAX);
    let mut gaps = 0;
    while left > 0 {
        let clock = source.clock();
        let Some(event) = source.next_event()? else { break };
        if !is_wanted(args, &event) {
            continue;
        }
        gaps += u64::from(event.header.is_gap());
        left -= 1;
        printer.print(&event, clock).map_err(CliError::Output)?;
    }
    Ok(gaps)
}

fn is_wanted(args: &CatArgs, event: &Event<'_>) -> bool {
    let header = &event.header;
    args.from_seq.is_none_or(|sequence| event.sequence >= sequence)
        && args.since.is_none_or(|since| header.timestamp >= since)
        && args.until.is_none_or(|until| header.timestamp < until)
        && args.event_type.is_none_or(|wanted| header.is_gap() || header.event_type == wanted)
}
