//! Compares searching a log for bytes with ripgrep on the same files.

use super::Table;
use ringlog::event::EventHeader;
use ringlog::storage::{Filter, LogReader, LogWriter, SegmentInfo};
use ringlog_nostd::format::record_len;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

/// What is searched: no other payload holds it.
const NEEDLE: &str = "needle 7F";
/// Of the rate of ripgrep.
const WANTED: f64 = 0.9;

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Bytes of each payload, at least 16
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(16..))]
    payload: u16,
    /// Measurements of each, in turn
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Segments of the log
    #[arg(long, default_value_t = 8)]
    segments: u64,
    /// MiB of each segment
    #[arg(long, default_value_t = 64)]
    mebibytes: u64,
    /// Events with the bytes that are searched
    #[arg(long, default_value_t = 10)]
    matches: u64,
    /// Also measure `cat --grep` of this program `ringlog`
    #[arg(long, value_name = "PATH")]
    program: Option<PathBuf>,
}

/// A log in the kernel's cache.
struct Log {
    folder: tempfile::TempDir,
    segments: Vec<SegmentInfo>,
    events: u64,
    matches: u64,
}

impl Log {
    fn write(arguments: &Arguments) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| format!("no folder for a log: {error}"))?;
        let record_bytes = record_len(usize::from(arguments.payload)) as u64;
        let segment_bytes = arguments.mebibytes << 20;
        let events = arguments.segments * (segment_bytes - 4096) / record_bytes;
        let options = LogWriter::options().segment_bytes(segment_bytes);
        let mut writer = options.open(folder.path()).map_err(|error| error.to_string())?;
        let (mut payload, mut random) = (vec![0; usize::from(arguments.payload)], 1_u64);
        let distance = events / (arguments.matches + 1);
        let mut matches = 0;
        for number in 0..events {
            // Letters and digits, as in text and hexadecimal, so that a search meets parts of what it searches.
            for place in &mut payload {
                random =
                    random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                *place = b" 0123456789ABCDEF abcdefghijklmno"[(random >> 59) as usize];
            }
            if matches < arguments.matches && number == (matches + 1) * distance {
                payload[3..3 + NEEDLE.len()].copy_from_slice(NEEDLE.as_bytes());
                matches += 1;
            }
            let header = EventHeader::new(number, 0, arguments.payload);
            writer.write_event(&header, &payload).map_err(|error| error.to_string())?;
        }
        writer.close().map_err(|error| error.to_string())?;
        let reader = LogReader::open(folder.path()).map_err(|error| error.to_string())?;
        // Reads each file once: later reads come from the kernel's cache, and each segment has an index.
        let _ = reader.events_since(u64::MAX).next();
        let segments = reader.segments().to_vec();
        Ok(Self { folder, segments, events, matches })
    }

    /// Returns the nanoseconds per event of the log that it takes to find the events.
    fn timed(&self, run: impl FnOnce() -> Result<u64, String>) -> Result<f64, String> {
        let begin = Instant::now();
        let found = run()?;
        let elapsed = begin.elapsed();
        if found == self.matches {
            Ok(elapsed.as_nanos() as f64 / self.events as f64)
        } else {
            Err(format!("found {found} of {} events", self.matches))
        }
    }

    /// Searches through mappings, on one thread.
    fn library(&self) -> Result<f64, String> {
        self.timed(|| {
            let reader = LogReader::open(self.folder.path()).map_err(|error| error.to_string())?;
            let found = reader.events_matching(&Filter::new().grep(NEEDLE.as_bytes()));
            found.map(|event| event.map(|_| 1).map_err(|error| error.to_string())).sum()
        })
    }

    /// Runs ripgrep on the segments. It prints how many matches each file has.
    fn ripgrep(&self, options: &[&str]) -> Result<f64, String> {
        let mut command = Command::new("rg");
        command
            .args(["--no-config", "--text", "--fixed-strings", "--count-matches", "--no-filename"])
            .args(options);
        command.arg(NEEDLE).args(self.segments.iter().map(|segment| &segment.path));
        self.timed(|| {
            let counts = lines_of(command)?;
            counts
                .lines()
                .map(|line| line.trim().parse::<u64>().map_err(|error| format!("rg: {line}: {error}")))
                .sum()
        })
    }

    /// Runs `ringlog cat --grep`, which reads with `pread`.
    fn program(&self, program: &PathBuf) -> Result<f64, String> {
        let mut command = Command::new(program);
        command.arg("cat").arg(self.folder.path()).args(["--grep", NEEDLE, "--format", "hex"]);
        self.timed(|| Ok(lines_of(command)?.lines().count() as u64))
    }
}

fn lines_of(mut command: Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| {
        format!("`{program}` cannot be started: {error}. ripgrep is in the package `ripgrep` of most systems")
    })?;
    // ripgrep ends with 1 if there is no match.
    if !output.status.success() && output.status.code() != Some(1) {
        return Err(format!("`{program}`: {}", String::from_utf8_lossy(&output.stderr)));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("`{program}`: {error}"))
}

/// Measures.
///
/// # Errors
/// If ripgrep or the program cannot be run, or if anything finds another number of events.
pub fn run(arguments: &Arguments) -> Result<Vec<Table>, String> {
    let log = Log::write(arguments)?;
    let failed = std::cell::RefCell::new(None);
    let measured = |run: Result<f64, String>| {
        run.unwrap_or_else(|error| {
            failed.borrow_mut().get_or_insert(error);
            f64::NAN
        })
    };
    let (one, all, library, program) = (
        || measured(log.ripgrep(&["--threads", "1"])),
        || measured(log.ripgrep(&[])),
        || measured(log.library()),
        || measured(arguments.program.as_ref().map_or(Ok(f64::NAN), |program| log.program(program))),
    );
    let contestants: [(&str, &dyn Fn() -> f64); 4] = [
        ("ripgrep, one thread", &one),
        ("ripgrep, as many threads as it likes", &all),
        ("LogReader::events_matching, one thread", &library),
        ("ringlog cat --grep", &program),
    ];
    let contestants = if arguments.program.is_some() { &contestants[..] } else { &contestants[..3] };
    // The first run says what is missing, before all others.
    for (_, run) in contestants {
        run();
    }
    if let Some(error) = failed.take() {
        return Err(error);
    }
    let title = format!(
        "Searching {} segments of {} MiB in the page cache for {} events, payloads of {} bytes",
        log.segments.len(),
        arguments.mebibytes,
        log.matches,
        arguments.payload
    );
    let record_bytes = record_len(usize::from(arguments.payload));
    let (mut table, rounds) = Table::measure(&title, arguments.rounds, "", contestants, record_bytes);
    if let Some(error) = failed.take() {
        return Err(error);
    }
    let [one, all, library, ..] = &rounds[..] else { unreachable!("as many as were measured") };
    table.goal("LogReader::events_matching, of ripgrep on one thread", &one.over(library), WANTED);
    if let Some(program) = rounds.get(3) {
        table.goal("ringlog cat --grep, of ripgrep on one thread", &one.over(program), WANTED);
        table.goal("ringlog cat --grep, of ripgrep as it likes", &all.over(program), WANTED);
    }
    Ok(vec![table])
}
