//! `ringlog info`: says what is in a log.

use serde::Serialize;

use crate::cli::error::{CliError, Outcome};
use crate::cli::options::args::InspectArgs;
use crate::cli::read::source::{SegmentLine, WriterLine};
use crate::cli::read::survey::Survey;
use crate::cli::read::tally::Tally;
use crate::cli::terminal::print::{print, print_json};

#[derive(Serialize)]
struct InfoReport<'a> {
    log: String,
    #[serde(flatten)]
    tally: &'a Tally,
    clock: &'a str,
    /// Of a folder.
    #[serde(flatten)]
    writer: &'a Option<WriterLine>,
    segments: &'a [SegmentLine],
}

/// Prints counts, times and files; a log that can be read in part is told as far as it can be read.
pub(crate) fn run(args: &InspectArgs) -> Result<Outcome, CliError> {
    let survey = Survey::of(&args.log)?;
    if args.json {
        print_json(&InfoReport {
            log: args.log.display().to_string(),
            tally: &survey.tally,
            clock: &survey.clock,
            writer: &survey.writer,
            segments: &survey.segments,
        })?;
    } else {
        print(&survey.print(&args.log))?;
    }
    match survey.problem {
        Some(problem) => Err(problem),
        None => Ok(Outcome::Clean),
    }
}
