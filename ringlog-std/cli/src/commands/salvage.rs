//! `ringlog salvage`: copies the valid records of a damaged log into a new one.

use serde::Serialize;

use crate::commands::displaced::{is_displaced, salvage as salvage_displaced};
use crate::error::{CliError, Outcome};
use crate::options::args::SalvageArgs;
use crate::terminal::print::{eprint, print_json};
use crate::terminal::verdict::{Tone, ToneText};
use crate::terminal::words::{counted, size};
use ringlog::event::MetaTopic;
use ringlog::programs::default_jobs;
use ringlog::storage::{
    CopiedGap, LogSummary, LostDescription, SalvageError, SalvageReport, SalvagedFile, Skipped,
    salvage_log_matching,
};

/// This many GAP records of the damaged log have a line.
const GAPS_LISTED: usize = 20;

#[derive(Serialize)]
struct Report {
    log: String,
    out: String,
    /// Records that were copied, GAP records included.
    records: u64,
    /// Events in the new log.
    events: u64,
    gaps: u64,
    lost: u64,
    bytes: u64,
    /// GAP records that were added where something is missing.
    gaps_added: u64,
    /// Missing records, as far as the added GAP records count them.
    missing: u64,
    files: Vec<FileReport>,
    skipped: Vec<SkippedReport>,
    skipped_count: u64,
    /// Descriptions of events that are damaged.
    lost_descriptions: Vec<LostReport>,
    undecided: u64,
    /// What the damaged log says itself that it lacks.
    copied_gaps: Vec<GapReport>,
    copied_gap_count: u64,
}

#[derive(Serialize)]
struct LostReport {
    file: String,
    offset: u64,
    sequence: u64,
    /// None for that of the log.
    event_type: Option<u8>,
    name: Option<String>,
}

#[derive(Serialize)]
struct GapReport {
    file: String,
    offset: u64,
    timestamp: u64,
    /// 0 if it is not known.
    count: u64,
    reason: String,
}

impl From<&LostDescription> for LostReport {
    fn from(lost: &LostDescription) -> Self {
        let LostDescription { path, offset, sequence, topic, name, .. } = lost;
        let event_type = match topic {
            MetaTopic::EventType(event_type) => Some(*event_type),
            MetaTopic::Log => None,
        };
        let file = path.display().to_string();
        Self { file, offset: *offset, sequence: *sequence, event_type, name: name.clone() }
    }
}

impl From<&CopiedGap> for GapReport {
    fn from(copied: &CopiedGap) -> Self {
        let CopiedGap { path, offset, timestamp, gap, .. } = copied;
        let (file, reason) = (path.display().to_string(), gap.reason.to_string());
        Self { file, offset: *offset, timestamp: *timestamp, count: gap.count, reason }
    }
}

#[derive(Serialize)]
struct FileReport {
    file: String,
    records: u64,
    base_sequence: Option<u64>,
    header_was_good: bool,
    was_set_aside: bool,
}

#[derive(Serialize)]
struct SkippedReport {
    file: String,
    from: Option<u64>,
    to: Option<u64>,
    reason: String,
}

impl From<&SalvagedFile> for FileReport {
    fn from(file: &SalvagedFile) -> Self {
        let SalvagedFile { path, records, base_sequence, header_was_good, was_set_aside, .. } = file;
        Self {
            file: path.display().to_string(),
            records: *records,
            base_sequence: *base_sequence,
            header_was_good: *header_was_good,
            was_set_aside: *was_set_aside,
        }
    }
}

impl From<&Skipped> for SkippedReport {
    fn from(skipped: &Skipped) -> Self {
        Self {
            file: skipped.path.display().to_string(),
            from: skipped.range.map(|(from, _)| from),
            to: skipped.range.map(|(_, to)| to),
            reason: skipped.reason.to_string(),
        }
    }
}

/// Exit 0: nothing is missing. Exit 3: a line says what is missing, and GAP records in the new log count it. Exit 1: nothing
/// could be copied or the new log could not be written.
pub(crate) fn run(args: &SalvageArgs) -> Result<Outcome, CliError> {
    if is_displaced(&args.log)? {
        return salvage_displaced(args);
    }
    let jobs = args.jobs.unwrap_or_else(default_jobs);
    let salvaged = salvage_log_matching(&args.log, &args.out, jobs, &args.filter()?);
    if let Err(SalvageError::Nothing { skipped, .. }) = &salvaged {
        skipped.iter().for_each(|skipped| eprint(&skipped.to_string()));
    }
    let report = salvaged?;
    if args.json {
        print_json(&json(args, &report))?;
    } else {
        words(args, &report).print()?;
    }
    let is_whole = report.is_complete() && report.written.gaps == 0;
    Ok(if is_whole { Outcome::Clean } else { Outcome::Loss })
}

fn json(args: &SalvageArgs, report: &SalvageReport) -> Report {
    let LogSummary { events, gaps, lost, bytes, .. } = report.written;
    Report {
        log: args.log.display().to_string(),
        out: args.out.display().to_string(),
        records: report.records,
        events,
        gaps,
        lost,
        bytes,
        gaps_added: report.gaps_added,
        missing: report.missing,
        files: report.files.iter().map(FileReport::from).collect(),
        skipped: report.skipped.iter().map(SkippedReport::from).collect(),
        skipped_count: report.skipped_count,
        lost_descriptions: report.lost_descriptions.iter().map(LostReport::from).collect(),
        undecided: report.undecided,
        copied_gaps: report.copied_gaps.iter().map(GapReport::from).collect(),
        copied_gap_count: report.copied_gap_count,
    }
}

fn words(args: &SalvageArgs, report: &SalvageReport) -> ToneText {
    let is_whole = report.is_complete() && report.written.gaps == 0;
    let mut text = ToneText::of(if is_whole { Tone::Good } else { Tone::Fair }, "copied");
    text += &format!(
        " {}, {}, from {} to {}\n",
        counted(report.records, "record"),
        size(report.written.bytes),
        counted(report.files.iter().filter(|file| file.records > 0).count() as u64, "file"),
        args.out.display(),
    );
    if report.gaps_added > 0 {
        let missing = match report.missing {
            0 => "an unknown number of records".to_owned(),
            missing => format!("at least {}", counted(missing, "record")),
        };
        let gaps = counted(report.gaps_added, "GAP record");
        text.add(Tone::Bad, "missing");
        text += &format!(": {missing}, reported by {gaps} that salvage added\n");
    }
    for lost in &report.lost_descriptions {
        let (path, offset) = (lost.path.display(), lost.offset);
        text.add(Tone::Bad, "missing");
        text += &format!(": {lost}, which is damaged at offset {offset} of {path}; no event with it\n");
    }
    if report.undecided > 0 {
        text.add(Tone::Bad, "missing");
        text += &format!(
            ": {} that --where could not choose, as their description is damaged; describe them with --schema FILE, \
             or salvage the log without --where\n",
            counted(report.undecided, "event")
        );
    }
    text.append(&copied_gap_words(report));
    for file in &report.files {
        text.append(&file_words(file));
    }
    for skipped in &report.skipped {
        text.add(Tone::Bad, "skipped");
        text += &format!(": {skipped}\n");
    }
    let unlisted = report.skipped_count - report.skipped.len() as u64;
    if unlisted > 0 {
        text.add(Tone::Bad, "skipped");
        text += &format!(": {} more\n", counted(unlisted, "place"));
    }
    text
}

/// Describes what the damaged log says itself that it lacks.
fn copied_gap_words(report: &SalvageReport) -> ToneText {
    let mut text = ToneText::default();
    let listed = report.copied_gaps.len().min(GAPS_LISTED);
    for CopiedGap { path, offset, gap, .. } in report.copied_gaps.iter().take(listed) {
        let count = match gap.count {
            0 => "an unknown number of events".to_owned(),
            count => counted(count, "event"),
        };
        let (reason, path) = (gap.reason, path.display());
        text.add(Tone::Fair, "missing");
        text += &format!(": {count} ({reason}), as the GAP record at offset {offset} of {path} reports\n");
    }
    let unlisted = report.copied_gap_count - listed as u64;
    if unlisted > 0 {
        let more = counted(unlisted, "GAP record");
        text.add(Tone::Fair, "missing");
        text += &format!(": what {more} more of the log report\n");
    }
    text
}

fn file_words(file: &SalvagedFile) -> ToneText {
    let SalvagedFile { path, records, header_was_good, was_set_aside, .. } = file;
    let aside = if *was_set_aside { ", was set aside" } else { "" };
    let mut text = ToneText::default();
    text += &format!("{}: {}{aside}", path.display(), counted(*records, "record"));
    if !header_was_good {
        text += ", ";
        text.add(Tone::Bad, "its header is damaged");
    }
    text += "\n";
    text
}
