//! `ringlog recover-image`: the rings in a raw dump of memory.

use std::io::BufWriter;
use std::path::Path;

use serde::Serialize;

use crate::cli::args::RecoverImageArgs;
use crate::cli::error::{CliError, Outcome};
use crate::cli::output::Printer;
use crate::cli::print::{print_json, tell};
use crate::cli::tally::Tally;
use crate::cli::text::grouped;
use crate::event::{ClockKind, Event, EventHeader, Gap, GapReason, RecordError, Run};
use crate::storage::{MmapWriter, RingImage, RingImageError, RingImageErrorKind};

/// The smallest log file.
const SMALLEST_FILE_BYTES: u64 = 4096;

#[derive(Serialize)]
struct ImageReport {
    image: String,
    rings: Vec<RingReport>,
    /// Places with a ring's magic that are none which can be read.
    problems: Vec<String>,
}

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
    /// With the gaps that are told here of what the ring lost or of what is damaged.
    #[serde(flatten)]
    tally: Tally,
    /// The record at which the events end because it is not whole.
    damage: Option<String>,
    /// The log file that was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

/// The unread records of a ring, with GAP records for what is missing.
struct Found {
    records: Vec<(EventHeader, Vec<u8>)>,
    damage: Option<RecordError>,
}

/// Exit 0: all there. Exit 3: events are missing or damaged. Exit 1: no ring.
pub(crate) fn run(args: &RecoverImageArgs) -> Result<Outcome, CliError> {
    let image = std::fs::read(&args.image).map_err(CliError::io("read", &args.image))?;
    let (rings, problems) = find(&image);
    problems.iter().for_each(|problem| tell(&format!("ringlog: {}: {problem}", args.image.display())));
    if rings.is_empty() {
        return Err(CliError::NoRing { path: args.image.clone() });
    }
    let mut report = ImageReport {
        image: args.image.display().to_string(),
        rings: Vec::new(),
        problems: problems.iter().map(ToString::to_string).collect(),
    };
    for ring in rings {
        report.rings.push(recover(args, &ring)?);
    }
    if args.json {
        print_json(&report)?;
    }
    let is_missing = |ring: &RingReport| ring.damage.is_some() || ring.tally.has_loss();
    // Constants of a program's code may look like the beginning of a ring; nothing is missing for that.
    let is_ring = |error: &RingImageError| !matches!(error.kind, RingImageErrorKind::Sizes { .. });
    let loss = report.rings.iter().any(is_missing) || problems.iter().any(is_ring);
    Ok(if loss { Outcome::Loss } else { Outcome::Clean })
}

fn find(image: &[u8]) -> (Vec<RingImage<'_>>, Vec<RingImageError>) {
    let (mut rings, mut problems) = (Vec::new(), Vec::new());
    for found in RingImage::find_all(image) {
        match found {
            Ok(ring) => rings.push(ring),
            Err(error) => problems.push(error),
        }
    }
    (rings, problems)
}

/// Prints the events of a ring or puts them into a file, and says what they are.
fn recover(args: &RecoverImageArgs, ring: &RingImage<'_>) -> Result<RingReport, CliError> {
    let found = Found::of(ring);
    let mut tally = Tally::default();
    found.events().for_each(|event| tally.add(&event));
    let file = match &args.to {
        Some(folder) => Some(write_file(folder, ring, &found)?),
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
        tally,
        damage: found.damage.map(|error| error.to_string()),
        file,
    };
    tell(&report.words());
    if args.to.is_none() && !args.json {
        print_events(args, &found)?;
    }
    Ok(report)
}

fn print_events(args: &RecoverImageArgs, found: &Found) -> Result<(), CliError> {
    let out = BufWriter::new(std::io::stdout().lock());
    let mut printer = Printer::new(args.format, out).map_err(CliError::Output)?;
    for event in found.events() {
        printer.print(&event, ClockKind::Unspecified).map_err(CliError::Output)?;
    }
    printer.flush().map_err(CliError::Output)
}

/// Makes `FOLDER/ring-OFFSET.evtl`; a file of that name is never overwritten.
fn write_file(folder: &Path, ring: &RingImage<'_>, found: &Found) -> Result<String, CliError> {
    std::fs::create_dir_all(folder).map_err(CliError::io("make the folder", folder))?;
    let path = folder.join(format!("ring-{:#010x}.evtl", ring.offset()));
    let bytes: usize = found.records.iter().map(|(header, _)| header.stride()).sum();
    let capacity = SMALLEST_FILE_BYTES + bytes as u64;
    let mut writer = MmapWriter::options().clock(ClockKind::Unspecified).create_new(&path, capacity)?;
    for (header, payload) in &found.records {
        let mut record = vec![0; header.stride()];
        let _ = ringlog_nostd::encode(&mut record, header, payload);
        let mut run = Run::new(&record).map_err(|error| CliError::Mismatch(error.to_string()))?;
        writer.append_run(&mut run)?;
    }
    writer.close()?;
    Ok(path.display().to_string())
}

impl Found {
    fn of(ring: &RingImage<'_>) -> Self {
        let mut found = Self { records: Vec::new(), damage: None };
        let pending = ring.pending_gap();
        if ring.overwrites_oldest() {
            found.push_gap(pending);
        }
        let mut read_bytes = 0;
        for event in ring.events() {
            match event {
                Ok(event) => {
                    read_bytes += event.header.stride();
                    found.records.push((event.header, event.payload.to_vec()));
                }
                Err(error) => found.damage = Some(error),
            }
        }
        if found.damage.is_some() {
            let extent = u32::try_from((ring.unread_bytes() - read_bytes) / 8).unwrap_or(u32::MAX);
            let last = found.records.last().map_or(0, |(header, _)| header.timestamp);
            found.push_gap(Some((last, Gap { extent, ..Gap::new(GapReason::RecoveryCut, 0) })));
        }
        if !ring.overwrites_oldest() {
            found.push_gap(pending);
        }
        found
    }

    fn push_gap(&mut self, gap: Option<(u64, Gap)>) {
        if let Some((first_timestamp, gap)) = gap {
            self.records.push((Gap::header(first_timestamp), gap.to_payload().to_vec()));
        }
    }

    fn events(&self) -> impl Iterator<Item = Event<'_>> {
        let numbered = (0..).zip(&self.records);
        numbered.map(|(sequence, (header, payload))| Event { header: *header, payload, sequence, offset: 0 })
    }
}

impl RingReport {
    fn words(&self) -> String {
        let Self { offset, word_bits, byte_order, capacity, tally, .. } = self;
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
             {} unread events{file}, lost {}{damage}",
            grouped(tally.events),
            tally.lost_words(),
        )
    }
}
