//! `ringlog recover-image`: finds the rings in a raw dump of memory.

use std::io::{BufWriter, Write};
use std::path::Path;

use serde::Serialize;

use ringlog_nostd::Run;

use std::sync::Arc;

use crate::descriptions::{Descriptions, list_in};
use crate::error::{CliError, Outcome};
use crate::options::args::RecoverImageArgs;
use crate::output::{PrintStyle, Printer};
use crate::read::stats::RecordStats;
use crate::terminal::print::{eprint, json_line};
use crate::terminal::words::counted;
use crate::terminal::zone::Zone;
use ringlog::event::{ClockKind, Event, EventHeader, Gap, GapReason, RecordError};
use ringlog::image::{RingImage, RingImageError};
use ringlog::programs::RingImageErrorKind;
use ringlog::storage::{MmapWriter, SchemaList};

/// Size of the smallest log file.
const SMALLEST_FILE_BYTES: u64 = 4096;
/// Most problems that are listed; the rest is counted.
const PROBLEMS_LISTED: usize = 100;
/// Most rings that are recovered from one dump.
const MOST_RINGS: usize = 1000;
/// Most bytes of rings that are read, in lengths of the dump. Rings in use do not overlap, but remains of old ones may.
const MOST_OVERLAPS: usize = 8;

#[derive(Serialize)]
struct RingReport {
    offset: usize,
    word_bits: usize,
    byte_order: &'static str,
    capacity: usize,
    identity: u64,
    boot: u64,
    retained: bool,
    overwrites_oldest: bool,
    /// Includes the gaps that this command adds for losses of the ring and for damage.
    #[serde(flatten)]
    stats: RecordStats,
    /// The damaged record at which the events end.
    damage: Option<String>,
    /// The log file that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

/// What was found so far. Each ring is printed as it is found.
#[derive(Default)]
struct Findings {
    rings: usize,
    /// Bytes of unread records in these rings.
    bytes: usize,
    has_loss: bool,
    /// The first places that have a ring's magic but no ring that can be read.
    problems: Vec<String>,
    problem_count: u64,
}

/// Exit 0: all there. Exit 3: events are missing or damaged. Exit 1: no ring.
pub(crate) fn run(args: &RecoverImageArgs) -> Result<Outcome, CliError> {
    let image = std::fs::read(&args.image).map_err(CliError::io("read", &args.image))?;
    let mut findings = Findings::default();
    for found in RingImage::find_all(&image) {
        match found {
            Ok(ring) if findings.has_room(&ring, image.len()) => findings.take(args, &ring)?,
            Ok(ring) => findings.pass_over(args, &ring),
            // A constant in program code may look like the start of a ring; then nothing is missing.
            Err(error @ RingImageError { kind: RingImageErrorKind::Sizes { .. }, .. }) => {
                findings.note(args, error.to_string());
            }
            Err(error) => {
                findings.has_loss = true;
                findings.note(args, error.to_string());
            }
        }
    }
    findings.end(args)
}

impl Findings {
    fn has_room(&self, ring: &RingImage<'_>, image_bytes: usize) -> bool {
        let left = (MOST_OVERLAPS * image_bytes).saturating_sub(self.bytes);
        self.rings < MOST_RINGS && ring.unread_bytes() <= left
    }

    fn take(&mut self, args: &RecoverImageArgs, ring: &RingImage<'_>) -> Result<(), CliError> {
        let report = recover(args, ring)?;
        if args.json {
            let before = if self.rings == 0 { self.json_start(args)? } else { ",".into() };
            let ring = json_line(&report).map_err(CliError::Output)?;
            write_out(&format!("{before}\n    {ring}"))?;
        }
        self.rings += 1;
        self.bytes += ring.unread_bytes();
        self.has_loss |= report.damage.is_some() || report.stats.has_loss();
        Ok(())
    }

    fn pass_over(&mut self, args: &RecoverImageArgs, ring: &RingImage<'_>) {
        self.has_loss = true;
        let (offset, unread) = (ring.offset(), ring.unread_bytes());
        self.note(
            args,
            format!(
                "offset {offset:#x}: a ring with {} was skipped, because too many rings overlap; cut the dump off \
                 before this offset and recover the rest",
                counted(unread as u64, "unread byte")
            ),
        );
    }

    fn note(&mut self, args: &RecoverImageArgs, problem: String) {
        self.problem_count += 1;
        if self.problems.len() < PROBLEMS_LISTED {
            eprint(&format!("ringlog: {}: {problem}", args.image.display()));
            self.problems.push(problem);
        }
    }

    fn json_start(&self, args: &RecoverImageArgs) -> Result<String, CliError> {
        let image = json_line(&args.image.display().to_string()).map_err(CliError::Output)?;
        Ok(format!("{{\n  \"image\": {image},\n  \"rings\": ["))
    }

    fn end(self, args: &RecoverImageArgs) -> Result<Outcome, CliError> {
        let unlisted = self.problem_count - self.problems.len() as u64;
        if unlisted > 0 {
            eprint(&format!("ringlog: {}: {} more", args.image.display(), counted(unlisted, "such place")));
        }
        if self.rings == 0 {
            return Err(CliError::NoRing { path: args.image.clone() });
        }
        if args.json {
            let problems = json_line(&self.problems).map_err(CliError::Output)?;
            let count = self.problem_count;
            write_out(&format!("\n  ],\n  \"problems\": {problems},\n  \"problem_count\": {count}\n}}\n"))?;
        }
        Ok(if self.has_loss { Outcome::Loss } else { Outcome::Clean })
    }
}

fn write_out(text: &str) -> Result<(), CliError> {
    std::io::stdout().write_all(text.as_bytes()).map_err(CliError::Output)
}

/// Prints the events of a ring or writes them to a file, and describes the ring.
fn recover(args: &RecoverImageArgs, ring: &RingImage<'_>) -> Result<RingReport, CliError> {
    let mut stats = RecordStats::default();
    let damage = each_record(ring, |event| {
        stats.add(event);
        Ok(())
    })?;
    let file = match &args.to {
        Some(folder) => Some(write_file(args, folder, ring, stats.bytes)?),
        None => None,
    };
    let form = ring.word_form();
    let report = RingReport {
        offset: ring.offset(),
        word_bits: 8 * form.bytes,
        byte_order: if form.big_endian { "big" } else { "little" },
        capacity: ring.capacity(),
        identity: ring.identity(),
        boot: ring.boot(),
        retained: ring.is_retained(),
        overwrites_oldest: ring.overwrites_oldest(),
        stats,
        damage: damage.map(|error| error.to_string()),
        file,
    };
    eprint(&report.words());
    if args.to.is_none() && !args.json {
        print_events(args, ring)?;
    }
    Ok(report)
}

fn print_events(args: &RecoverImageArgs, ring: &RingImage<'_>) -> Result<(), CliError> {
    let out = BufWriter::new(std::io::stdout().lock());
    let descriptions = Descriptions::of(&[], args.schema.as_deref())?;
    let style = args.print.plain_style(Zone::Utc)?;
    let style = PrintStyle { descriptions: Arc::new(descriptions), ..style };
    let mut printer = Printer::new(style, out).map_err(CliError::Output)?;
    each_record(ring, |event| printer.print(event, ClockKind::Unspecified).map_err(CliError::Output))?;
    printer.finish().map_err(CliError::Output)
}

/// Creates `FOLDER/ring-OFFSET.evtl`, with what describes the events; never overwrites a file.
fn write_file(
    args: &RecoverImageArgs,
    folder: &Path,
    ring: &RingImage<'_>,
    bytes: u64,
) -> Result<String, CliError> {
    let schemas = args.schema.as_deref().map_or(Ok(SchemaList::new()), list_in)?;
    std::fs::create_dir_all(folder).map_err(CliError::io("make the folder", folder))?;
    let path = folder.join(format!("ring-{:#010x}.evtl", ring.offset()));
    // Half of a file is for descriptions at most.
    let capacity = SMALLEST_FILE_BYTES + bytes.max(schemas.record_bytes()) + schemas.record_bytes();
    let options = MmapWriter::options().clock(ClockKind::Unspecified).schemas(schemas);
    let mut writer = options.create_new(&path, capacity)?;
    let mut record = Vec::new();
    each_record(ring, |event| {
        record.resize(event.header.stride(), 0);
        let _ = ringlog_nostd::format::encode(&mut record, &event.header, event.payload);
        let mut run = Run::new(&record).map_err(|error| CliError::Mismatch(error.to_string()))?;
        Ok(writer.append_run(&mut run)?)
    })?;
    writer.close()?;
    Ok(path.display().to_string())
}

/// Passes the unread records of a ring to `f`, with GAP records for what is missing. Returns the error of the damaged
/// record at which they end, if there is one.
fn each_record(
    ring: &RingImage<'_>,
    f: impl FnMut(&Event<'_>) -> Result<(), CliError>,
) -> Result<Option<RecordError>, CliError> {
    let mut records = Numbered { f, sequence: 0, last_timestamp: 0 };
    let pending = ring.pending_gap();
    if ring.overwrites_oldest() {
        records.pass_gap(pending)?;
    }
    let (mut read_bytes, mut damage) = (0, None);
    for event in ring.events() {
        match event {
            Ok(event) => {
                read_bytes += event.header.stride();
                records.pass(event.header, event.payload)?;
            }
            Err(error) => damage = Some(error),
        }
    }
    if damage.is_some() {
        let extent = u32::try_from((ring.unread_bytes() - read_bytes) / 8).unwrap_or(u32::MAX);
        let gap = Gap { extent, ..Gap::new(GapReason::RecoveryCut, 0) };
        records.pass_gap(Some((records.last_timestamp, gap)))?;
    }
    if !ring.overwrites_oldest() {
        records.pass_gap(pending)?;
    }
    Ok(damage)
}

/// Numbers records and passes them to `f`.
struct Numbered<F> {
    f: F,
    sequence: u64,
    last_timestamp: u64,
}

impl<F: FnMut(&Event<'_>) -> Result<(), CliError>> Numbered<F> {
    fn pass(&mut self, header: EventHeader, payload: &[u8]) -> Result<(), CliError> {
        (self.f)(&Event::new(header, payload, self.sequence, 0))?;
        self.sequence += 1;
        self.last_timestamp = header.timestamp;
        Ok(())
    }

    fn pass_gap(&mut self, gap: Option<(u64, Gap)>) -> Result<(), CliError> {
        let Some((first_timestamp, gap)) = gap else { return Ok(()) };
        self.pass(Gap::header(first_timestamp), &gap.to_payload())
    }
}

impl RingReport {
    fn words(&self) -> String {
        let Self { offset, word_bits, byte_order, capacity, stats, .. } = self;
        let kind = match (self.retained, self.overwrites_oldest) {
            (false, false) => "",
            (true, false) => ", retained",
            (false, true) => ", flight recorder",
            (true, true) => ", retained flight recorder",
        };
        let file = self.file.as_ref().map(|file| format!(" to {file}")).unwrap_or_default();
        let damage =
            self.damage.as_ref().map(|damage| format!("; ends at damage: {damage}")).unwrap_or_default();
        format!(
            "ring at offset {offset:#x}: {word_bits}-bit {byte_order}-endian, capacity {capacity}{kind}: \
             {}{file}, lost {}{damage}",
            counted(stats.events, "unread event"),
            stats.lost_words(),
        )
    }
}
