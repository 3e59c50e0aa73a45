//! `ringlog verify`: reads and checks every record of a log.

use serde::Serialize;

use crate::cli::args::InspectArgs;
use crate::cli::error::{CliError, Outcome};
use crate::cli::print::{print, print_json, tell};
use crate::cli::source::SegmentLine;
use crate::cli::survey::Survey;
use crate::cli::tally::Tally;
use crate::cli::text::grouped;

#[derive(Serialize)]
struct VerifyReport<'a> {
    log: String,
    /// "clean", "loss" or "unreadable".
    result: &'static str,
    #[serde(flatten)]
    tally: &'a Tally,
    problem: Option<String>,
    segments: &'a [SegmentLine],
}

/// Exit 0: all there. Exit 3: readable, but events are missing. Exit 1: cannot be read.
pub(crate) fn run(args: &InspectArgs) -> Result<Outcome, CliError> {
    let survey = Survey::of(&args.log)?;
    let result = result_of(&survey);
    if args.json {
        print_json(&VerifyReport {
            log: args.log.display().to_string(),
            result,
            tally: &survey.tally,
            problem: survey.problem.as_ref().map(ToString::to_string),
            segments: &survey.segments,
        })?;
    } else {
        print(&words(&survey, result))?;
    }
    match (result, survey.problem) {
        ("unreadable", Some(problem)) => Err(problem),
        ("clean", _) => Ok(Outcome::Clean),
        (_, problem) => {
            if let Some(problem) = problem {
                tell(&format!("ringlog: {problem}"));
            }
            Ok(Outcome::Loss)
        }
    }
}

fn result_of(survey: &Survey) -> &'static str {
    match &survey.problem {
        // Damage behind records that could be read; an I/O error says nothing about the log.
        Some(problem) if problem.is_damage() && survey.tally.events > 0 => "loss",
        Some(_) => "unreadable",
        None if survey.tally.has_loss() => "loss",
        None => "clean",
    }
}

fn words(survey: &Survey, result: &str) -> String {
    let (tally, files) = (&survey.tally, survey.segments.len());
    let checked = if survey.segments.iter().all(|segment| segment.checksums) {
        "every record checked against its checksum"
    } else {
        "not all files have checksums: only the structure of their records was checked"
    };
    format!(
        "{result}: {} events in {files} {}, lost {}\n{checked}\n",
        grouped(tally.events),
        if files == 1 { "file" } else { "files" },
        tally.lost_words(),
    )
}
