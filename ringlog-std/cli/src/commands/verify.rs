//! `ringlog verify`: reads and checks every record of a log, and names the kind of each damage.

use std::path::Path;

use serde::Serialize;

use crate::error::{CliError, Outcome};
use crate::options::args::VerifyArgs;
use crate::read::lines::{WriterLine, damaged_words};
use crate::read::stats::RecordStats;
use crate::terminal::print::{eprint, print_json};
use crate::terminal::standard_input::is_standard_input;
use crate::terminal::verdict::{Tone, ToneText};
use crate::terminal::words::{counted, grouped, size};
use ringlog::event::{ClockKind, file_flags};
use ringlog::programs::default_jobs;
use ringlog::programs::{unreported_loss, verify_log_with};
use ringlog::storage::{Fault, LogCheck, MissingEnd, MissingRecords, SegmentCheck, Verdict};

#[derive(Serialize)]
struct VerifyReport<'a> {
    log: String,
    /// "clean", "open", "damage", "loss" or "unreadable".
    result: &'static str,
    #[serde(flatten)]
    stats: &'a RecordStats,
    /// The first problem, in words.
    problem: Option<String>,
    /// None for a single file.
    #[serde(flatten)]
    writer: Option<WriterLine>,
    segments: Vec<SegmentReport>,
    missing: Vec<MissingReport>,
}

/// One file of the log.
#[derive(Serialize)]
struct SegmentReport {
    file: String,
    /// Whether the file is a symbolic link.
    is_link: bool,
    /// See [`ringlog::storage::Verdict`].
    verdict: &'static str,
    base_sequence: Option<u64>,
    /// The sequence after its last record; none if it cannot be known.
    next_sequence: Option<u64>,
    /// Valid records, GAP records included.
    records: u64,
    bytes: u64,
    /// Offset at which the last valid record ends.
    end_offset: u64,
    write_offset: Option<u64>,
    synced_offset: Option<u64>,
    file_bytes: u64,
    checksums: bool,
    faults: Vec<FaultReport>,
    fault_count: u64,
}

#[derive(Serialize)]
struct FaultReport {
    what: String,
    from: Option<u64>,
    to: Option<u64>,
}

#[derive(Serialize)]
struct MissingReport {
    /// The file after the missing records; none at the end of the log.
    before: Option<String>,
    first_sequence: u64,
    next_sequence: u64,
}

impl From<&SegmentCheck> for SegmentReport {
    fn from(segment: &SegmentCheck) -> Self {
        let header = segment.header.as_ref();
        Self {
            file: segment.path.display().to_string(),
            // The path of standard input is a link to the file that it is.
            is_link: segment.is_link && !is_standard_input(&segment.path),
            verdict: segment.verdict.name(),
            base_sequence: segment.base_sequence,
            next_sequence: segment.next_sequence(),
            records: segment.counts.records(),
            bytes: segment.counts.bytes,
            end_offset: segment.end_offset,
            write_offset: header.map(|header| header.write_offset),
            synced_offset: header.map(|header| header.synced_offset),
            file_bytes: segment.file_bytes,
            checksums: has_checksums(segment),
            faults: segment.faults.iter().map(FaultReport::from).collect(),
            fault_count: segment.fault_count,
        }
    }
}

impl From<&Fault> for FaultReport {
    fn from(fault: &Fault) -> Self {
        let range = fault.range();
        Self { what: fault.to_string(), from: range.map(|(from, _)| from), to: range.map(|(_, to)| to) }
    }
}

impl From<&MissingRecords> for MissingReport {
    fn from(missing: &MissingRecords) -> Self {
        let MissingRecords { before, first_sequence, next_sequence, .. } = missing;
        let before = Some(before.display().to_string());
        Self { before, first_sequence: *first_sequence, next_sequence: *next_sequence }
    }
}

impl From<&MissingEnd> for MissingReport {
    fn from(missing: &MissingEnd) -> Self {
        let MissingEnd { next_sequence: first_sequence, end, .. } = missing;
        Self { before: None, first_sequence: *first_sequence, next_sequence: end.sequence }
    }
}

/// Exit 0: every event is there. Exit 3: readable, but events are missing or files are damaged. Exit 1: cannot be read.
pub(crate) fn run(args: &VerifyArgs) -> Result<Outcome, CliError> {
    let jobs = args.jobs.unwrap_or_else(default_jobs);
    let (check, parts) = verify_log_with(&args.log, jobs, RecordStats::add)?;
    let mut stats = RecordStats::default();
    parts.iter().for_each(|part| stats.add_all(part));
    if let Some((_, gap)) = unreported_loss(&args.log) {
        stats.add_unreported(&gap);
    }
    let clock = check.segments.iter().rev().find_map(|segment| segment.header);
    stats.name_times(clock.map_or(ClockKind::Unspecified, |header| header.clock()));
    let (problem, verdict) = (problem_of(&check, &args.log, "see above"), verdict_of(&check, &stats));
    let writer = args.log.is_dir().then(|| WriterLine::new(&check.writer_file, &args.log));
    if args.json {
        print_json(&VerifyReport {
            log: args.log.display().to_string(),
            result: verdict.name(),
            stats: &stats,
            problem: problem.clone(),
            segments: check.segments.iter().map(SegmentReport::from).collect(),
            missing: (check.missing.iter().map(MissingReport::from))
                .chain(check.missing_end.iter().map(MissingReport::from))
                .collect(),
            writer,
        })?;
    } else {
        let end = writer.map(|it| format!("end {}\n{}", it.end_words(&args.log), it.cursor_words()));
        let mut text = words(&check, &stats);
        text += &end.unwrap_or_default();
        text.print()?;
    }
    outcome(verdict, problem)
}

/// Returns the verdict; a loss that only the `writer` file records counts too.
pub(crate) fn verdict_of(check: &LogCheck, stats: &RecordStats) -> Verdict {
    match check.verdict() {
        Verdict::Clean | Verdict::Damage if stats.unreported.is_some() => Verdict::Loss,
        verdict => verdict,
    }
}

pub(crate) fn outcome(verdict: Verdict, problem: Option<String>) -> Result<Outcome, CliError> {
    match (verdict, problem) {
        (Verdict::Clean | Verdict::Open, _) => Ok(Outcome::Clean),
        (Verdict::Damage | Verdict::Loss, problem) => {
            if let Some(problem) = problem {
                eprint(&format!("ringlog: {problem}"));
            }
            Ok(Outcome::Loss)
        }
        (_, problem) => Err(CliError::Unreadable(
            problem.unwrap_or_else(|| "no event can be read; check the path".into()),
        )),
    }
}

/// Returns the first problem, the number of others with the `place` where they are listed, and what to do.
pub(crate) fn problem_of(check: &LogCheck, log: &Path, place: &str) -> Option<String> {
    let is_writer_damaged = check.writer_file.is_damaged();
    let of_writer = is_writer_damaged.then(|| damaged_words(log));
    let first = match (first_problem(check), &of_writer) {
        (None, None) => return None,
        (None, Some(words)) => return Some(words.clone()),
        (Some(first), _) => first,
    };
    let faults = check.segments.iter().map(|it| it.fault_count).sum::<u64>();
    let missing = check.missing.len() as u64 + u64::from(check.missing_end.is_some());
    let more = match faults + missing + u64::from(is_writer_damaged) {
        all @ 2.. => format!(" (and {} more, {place})", grouped(all - 1)),
        _ => String::new(),
    };
    Some(format!("{first}{more}; {}", advice(check)))
}

/// Returns the worst problem: a file that cannot be read may hold anything, so it comes first.
fn first_problem(check: &LogCheck) -> Option<String> {
    let faults = |of: fn(&SegmentCheck) -> bool| {
        let segments = check.segments.iter().filter(move |segment| of(segment));
        segments.flat_map(|it| it.faults.iter().map(move |fault| fault_words(it, fault))).next()
    };
    faults(is_unreadable)
        .or_else(|| faults(|_| true))
        .or_else(|| torn_words(check))
        .or_else(|| Some(check.missing.first()?.to_string()))
        .or_else(|| Some(check.missing_end.as_ref()?.to_string()))
}

fn is_unreadable(segment: &SegmentCheck) -> bool {
    segment.verdict == Verdict::Unreadable
}

fn advice(check: &LogCheck) -> String {
    let events = check.counts().events;
    if !check.segments.iter().any(is_unreadable) {
        return match events {
            0 => "restore it from a copy: no event of this log can be read".into(),
            _ => "`ringlog salvage` copies what is whole into another log".into(),
        };
    }
    format!(
        "put the log's file back and verify again, since the number of missing events is unknown (exit code 1), or \
         copy the {} of the other files with `ringlog salvage`",
        counted(events, "event")
    )
}

pub(crate) fn fault_words(segment: &SegmentCheck, fault: &Fault) -> String {
    match fault {
        // These errors name the file.
        Fault::Open(_) | Fault::Read(_) => fault.to_string(),
        _ => format!("{}: {fault}", segment.path.display()),
    }
}

/// Describes the first segment that may have held more records.
fn torn_words(check: &LogCheck) -> Option<String> {
    let torn = check.segments.iter().find(|segment| !segment.verdict.is_whole())?;
    Some(format!(
        "{}: offset {}: the machine of its writer stopped, so more may have been written",
        torn.path.display(),
        torn.end_offset
    ))
}

/// Returns what a verdict about a file or a log means.
fn tone_of(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Clean | Verdict::Open => Tone::Good,
        Verdict::Unsealed | Verdict::TornTail => Tone::Fair,
        _ => Tone::Bad,
    }
}

fn words(check: &LogCheck, stats: &RecordStats) -> ToneText {
    let verdict = verdict_of(check, stats);
    // What GAP records count is no damage.
    let is_counted = verdict == Verdict::Loss && check.has_all_segments();
    let tone = if is_counted { Tone::Fair } else { tone_of(verdict) };
    let mut text = ToneText::of(tone, verdict.name());
    text += &format!(
        ": {} in {}, lost {}\n",
        counted(stats.events, "event"),
        counted(check.segments.len() as u64, "file"),
        lost_words(check, stats),
    );
    text += if check.counts().records() == 0 {
        "there is no record to check\n"
    } else if check.segments.iter().all(has_checksums) {
        "every record checked against its checksum\n"
    } else {
        "not all files have checksums: only the structure of their records was checked\n"
    };
    for segment in &check.segments {
        text.append(&segment_words(segment));
    }
    for missing in &check.missing {
        text.add(Tone::Bad, &missing.to_string());
        text += "\n";
    }
    if let Some(missing) = &check.missing_end {
        text.add(Tone::Bad, &missing.to_string());
        text += "\n";
    }
    text
}

/// Returns the loss in words. No count covers what is damaged or missing.
fn lost_words(check: &LogCheck, stats: &RecordStats) -> String {
    match (check.has_all_segments(), stats.has_loss()) {
        (true, _) => stats.lost_words(),
        (false, false) => "what is damaged or missing below".into(),
        (false, true) => format!("{}, and what is damaged or missing below", stats.lost_words()),
    }
}

fn segment_words(segment: &SegmentCheck) -> ToneText {
    let SegmentCheck { path, is_link, verdict, counts, end_offset, .. } = segment;
    let from = segment.base_sequence.map_or_else(|| "?".into(), |sequence| sequence.to_string());
    let to = segment.next_sequence().map_or_else(|| "?".into(), |sequence| sequence.to_string());
    let mut text = ToneText::default();
    text += &format!("{}{}  ", path.display(), if *is_link { " (a symbolic link)" } else { "" });
    text.add(tone_of(*verdict), verdict.name());
    text += &format!(
        "  sequences {from} to before {to}  {}, {}, end at offset {end_offset}\n",
        counted(counts.records(), "record"),
        size(counts.bytes),
    );
    for fault in &segment.faults {
        text += &format!("    {fault}\n");
    }
    let unlisted = segment.fault_count - segment.faults.len() as u64;
    if unlisted > 0 {
        text += &format!("    and {} more of these\n", grouped(unlisted));
    }
    text
}

fn has_checksums(segment: &SegmentCheck) -> bool {
    segment.header.is_none_or(|header| header.has(file_flags::CHECKSUMS))
}
