//! `ringlog report`: writes one page of HTML about a log.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::commands::verify::{fault_words, outcome, problem_of, verdict_of};
use crate::error::{CliError, Outcome};
use crate::export::draft::Draft;
use crate::export::place;
use crate::options::filter_args::FilterArgs;
use crate::options::look_args::ReportArgs;
use crate::record::pump::Progress;
use crate::record::status::{Gauges, Status};
use crate::report::content::{MOST_SERIES, Page, SEGMENT_ROWS, SegmentRow, merged};
use crate::report::gather::Gather;
use crate::report::probe::Wanted;
use crate::terminal::print::{eprint, print};
use crate::terminal::signals::Stop;
use crate::terminal::standard_input::{is_standard, named};
use crate::terminal::words::{counted, shell_word, size};
use crate::values::Show;
use ringlog::event::{ClockKind, file_flags};
use ringlog::programs::{unreported_loss, verify_log_each};
use ringlog::storage::{LogCheck, LogScan, SegmentCheck, Verdict};

/// Faults that are listed on the page.
const FAULTS_LISTED: usize = 200;
/// Records between two looks at the clock.
const RECORDS_PER_LOOK: u64 = 16_384;

/// Reads and checks the log once, and writes the page. Exit codes as those of `verify`.
pub(crate) fn run(args: &ReportArgs) -> Result<Outcome, CliError> {
    check_place(&args.out, &args.log)?;
    let descriptions = args.filter.descriptions(std::slice::from_ref(&args.log))?;
    let chosen = args.filter.event_types(&descriptions)?;
    let wanted = args.plots.iter().map(|name| Wanted::of(name, "--plot", &descriptions, &chosen));
    let wanted = wanted.collect::<Result<Vec<_>, _>>()?;
    if wanted.len() > MOST_SERIES {
        return Err(CliError::Usage(format!(
            "--plot: {} fields; a page has at most {MOST_SERIES}, so write several",
            wanted.len()
        )));
    }
    if let Some(name) = &args.latency {
        Wanted::check_time(name, "--latency", &descriptions)?;
    }
    let clock = LogScan::open(&args.log).ok().map(|scan| scan.header().clock());
    let filter = args.filter.to_filter(clock, &descriptions)?;
    let mut gather = Gather::new(filter, descriptions, wanted, args.latency.clone());
    let mut status = Status::new(Show::on_stderr(false), Some(bytes_of(&args.log)));
    let mut progress = Progress::default();
    let check = verify_log_each(&args.log, |clock, event| {
        progress.events += 1;
        progress.bytes += event.header.stride() as u64;
        if progress.events.is_multiple_of(RECORDS_PER_LOOK) && status.is_due() {
            progress.read_bytes = progress.bytes;
            status.show(&progress, Gauges::default());
        }
        gather.add(clock, event);
    })?;
    status.finish(&progress, 0);
    let missing = missing_ranges(&check);
    gather.mark_missing(&missing);
    let mut stats = gather.stats();
    if let Some((_, gap)) = unreported_loss(&args.log) {
        stats.add_unreported(&gap);
    }
    let header = check.segments.iter().rev().find_map(|segment| segment.header);
    let clock = header.map_or(ClockKind::Unspecified, |header| header.clock());
    stats.name_times(clock);
    let verdict = verdict_of(&check, &stats);
    let page = Page {
        log: named(&args.log.display().to_string()).into_owned(),
        result: verdict.name(),
        verdict_words: verdict_words(&check, verdict),
        problems: problems(&check),
        missing: missing.iter().map(|(first, next)| next.saturating_sub(*first)).sum(),
        is_incomplete: !check.has_all_segments(),
        filters: filter_words(&args.filter),
        clock,
        gather: &gather,
        stats: &stats,
        segments: merged(check.segments.iter().map(segment_row).collect(), SEGMENT_ROWS),
    };
    let html = page.to_html();
    write(&args.out, html.as_bytes())?;
    let (out, events) = (args.out.display(), counted(stats.events, "event"));
    let line = format!("{out}: {}: {events}, {}", verdict.name(), size(html.len() as u64));
    if is_standard(&args.out) {
        eprint(&line);
    } else {
        print(&format!("{line}\n"))?;
    }
    outcome(verdict, problem_of(&check, &args.log, "the page lists them"))
}

/// Returns the length of a log's files.
fn bytes_of(log: &Path) -> u64 {
    let of_folder =
        || log.read_dir().into_iter().flatten().flatten().filter_map(|entry| entry.metadata().ok());
    match log.metadata() {
        Ok(file) if file.is_file() => file.len(),
        _ => of_folder().map(|file| file.len()).sum(),
    }
}

/// Refuses a page in the folder of a log, or in the place of its file.
fn check_place(out: &Path, log: &Path) -> Result<(), CliError> {
    place::check("--out ", out, log)
}

/// Returns the ranges of sequences of which no record is there.
fn missing_ranges(check: &LogCheck) -> Vec<(u64, u64)> {
    let missing = check.missing.iter().map(|it| (it.first_sequence, it.next_sequence));
    let end = check.missing_end.iter().map(|it| (it.next_sequence, it.end.sequence));
    missing.chain(end).collect()
}

/// Writes a file under another name, and renames it once it is complete. A signal meanwhile leaves nothing.
fn write(out: &Path, bytes: &[u8]) -> Result<(), CliError> {
    if is_standard(out) {
        let mut stdout = io::stdout().lock();
        return stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(CliError::Output);
    }
    // Where a link leads: the link stays.
    let place = fs::canonicalize(out).unwrap_or_else(|_| out.into());
    match place.metadata() {
        Ok(found) if found.is_dir() => {
            return Err(CliError::Usage(format!("--out {}: this is a folder; name a file", out.display())));
        }
        // A device or a pipe is written to, not replaced.
        Ok(found) if !found.is_file() => return fs::write(&place, bytes).map_err(CliError::io("write", out)),
        _ => {}
    }
    let stop = Stop::on_signals().map_err(CliError::Signals)?;
    let draft = Draft::begin(&place, false, true)?;
    let (mut file, _) = draft.create("")?;
    file.write_all(bytes).and_then(|()| file.flush()).map_err(CliError::io("write", out))?;
    match stop.is_set() {
        true => Err(CliError::io("write", out)(io::ErrorKind::Interrupted.into())),
        false => draft.finish(),
    }
}

fn verdict_words(check: &LogCheck, verdict: Verdict) -> String {
    let has_checksums =
        |segment: &SegmentCheck| segment.header.is_none_or(|header| header.has(file_flags::CHECKSUMS));
    let read = if check.counts().records() == 0 {
        "there is no record to check"
    } else if check.segments.iter().all(has_checksums) {
        "every record checked against its checksum"
    } else {
        "not all files have checksums: only the structure of their records was checked"
    };
    let meaning = match verdict {
        Verdict::Clean => "nothing is missing",
        Verdict::Open => "a writer is at work; all that it published is there",
        Verdict::Damage => "files are damaged, and no event is missing",
        Verdict::Loss => "events are missing, or may be",
        _ => "not all of the log can be read",
    };
    format!("{meaning}; {read}")
}

fn segment_row(segment: &SegmentCheck) -> SegmentRow {
    SegmentRow {
        file: Path::new(&*named(&segment.path.to_string_lossy()))
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        files: 1,
        verdict: segment.verdict.name(),
        badness: segment.verdict as u8,
        base_sequence: segment.base_sequence,
        records: segment.counts.records(),
        bytes: segment.counts.bytes,
    }
}

/// Returns a line for each fault and each hole between files.
fn problems(check: &LogCheck) -> Vec<String> {
    let faults =
        check.segments.iter().flat_map(|it| it.faults.iter().map(move |fault| fault_words(it, fault)));
    let missing = check.missing.iter().map(ToString::to_string);
    let end = check.missing_end.iter().map(ToString::to_string);
    faults.chain(missing).chain(end).take(FAULTS_LISTED).map(|words| named(&words).into_owned()).collect()
}

/// Returns the filters as they were typed.
fn filter_words(filter: &FilterArgs) -> String {
    let mut words = Vec::new();
    let mut add = |option: &str, value: Option<&str>| {
        words.extend(value.map(|value| format!("{option} {}", shell_word(value))));
    };
    filter.event_types.iter().for_each(|it| add("--type", Some(it)));
    add("--where", filter.expression.as_deref());
    add("--from-seq", filter.from_seq.map(|it| it.to_string()).as_deref());
    add("--to-seq", filter.to_seq.map(|it| it.to_string()).as_deref());
    add("--since", filter.since.as_ref().map(|it| it.text.as_str()));
    add("--until", filter.until.as_ref().map(|it| it.text.as_str()));
    add("--grep", filter.grep.as_ref().map(|it| String::from_utf8_lossy(&it.0).into_owned()).as_deref());
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_page_is_complete_or_not_there_and_never_in_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let (log, out) = (folder.path().join("log"), folder.path().join("page.html"));
        fs::create_dir(&log).unwrap();
        fs::write(log.join("a.evtl"), "").unwrap();
        for inside in [log.join("page.html"), log.join("a.evtl"), folder.path().join("log/../log/x")] {
            assert!(matches!(check_place(&inside, &log), Err(CliError::Usage(_))), "{}", inside.display());
        }
        let other = folder.path().join("other");
        let mut writer = ringlog::storage::LogWriter::open(&other).unwrap();
        writer.write_event(&ringlog::event::EventHeader::new(1, 1, 0), b"").unwrap();
        writer.close().unwrap();
        let segment = other.join(format!("{:020}.evtl", 0));
        let (alone, ring) = (folder.path().join("alone"), folder.path().join("ring"));
        fs::copy(&segment, &alone).unwrap();
        ringlog::ring::SharedRing::create(&ring, &ringlog::ring::RingOptions::default()).unwrap();
        for (place, words) in [
            (&segment, "a file of ringlog"),
            (&alone, "a file of ringlog"),
            (&ring, "a file of ringlog"),
            (&other.join("page.html"), "in the folder of another log"),
        ] {
            let refused = check_place(place, &log).unwrap_err().to_string();
            assert!(refused.contains(words) && refused.contains("; choose"), "{refused}");
        }
        fs::remove_file(&segment).unwrap();
        assert!(check_place(&other.join("page.html"), &log).is_err(), "its file `writer` is there");
        [alone, ring].iter().for_each(|file| fs::remove_file(file).unwrap());
        fs::remove_dir_all(other).unwrap();
        let file = log.join("a.evtl");
        assert!(check_place(&file, &file).is_err() && check_place(&out, &file).is_ok());
        assert!(check_place(&out, &log).is_ok());
        fs::write(&out, "before").unwrap();
        write(&out, b"after").unwrap();
        assert_eq!(fs::read(&out).unwrap(), b"after");
        assert!(write(&folder.path().join("none/page.html"), b"x").is_err());
        assert!(write(&log, b"x").is_err());
        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read(pipe)
        });
        write(&pipe, b"through the pipe").unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), b"through the pipe");
        assert!(!pipe.is_file());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&out, &link).unwrap();
        write(&link, b"by the link").unwrap();
        assert_eq!(fs::read(&out).unwrap(), b"by the link");
        let names: Vec<PathBuf> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(names.len(), 4, "{names:?}");
    }
}
