//! `ringlog info`: shows what a log holds.

use serde::Serialize;

use crate::error::{CliError, Outcome};
use crate::options::args::InspectArgs;
use crate::read::lines::{SegmentLine, WriterLine};
use crate::read::stats::RecordStats;
use crate::read::survey::Survey;
use crate::read::types::TypeLine;
use crate::terminal::print::print_json;

#[derive(Serialize)]
struct InfoReport<'a> {
    log: String,
    #[serde(flatten)]
    stats: &'a RecordStats,
    clock: &'a str,
    event_types: &'a [TypeLine],
    /// None for a single file.
    #[serde(flatten)]
    writer: &'a Option<WriterLine>,
    segments: &'a [SegmentLine],
}

/// Prints counts, times and files; covers a damaged log up to the first record that cannot be read.
pub(crate) fn run(args: &InspectArgs) -> Result<Outcome, CliError> {
    let survey = Survey::of(&args.log, args.schema.as_deref())?;
    if args.json {
        print_json(&InfoReport {
            log: args.log.display().to_string(),
            stats: &survey.stats,
            clock: &survey.clock,
            event_types: &survey.types,
            writer: &survey.writer,
            segments: &survey.segments,
        })?;
    } else {
        survey.words(&args.log).print()?;
    }
    match survey.problem {
        Some(problem) => Err(problem),
        None => Ok(Outcome::Clean),
    }
}
