//! Looks at a log: at the headers of its files, and at as many new records as there is time for.
//!
//! Totals come from the headers, which count all records. Types and events come from the records themselves. A log may grow faster
//! than they can be read in the time that is allowed: then the newest file is read next, and what was read counts for what was
//! left out, so that the sum of all types is still that of the log.
#![forbid(unsafe_code)]

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::statvfs;

use crate::output::PrintStyle;
use crate::read::ring_report::program_of;
use crate::terminal::words::{counted, grouped};
use crate::top::look::{CursorLook, Disk, LogLook, Look, ReadCounts, Tally};
use crate::top::recent::Recent;
use ringlog::event::file_flags;
use ringlog::programs::SegmentFile;
use ringlog::programs::peek;
use ringlog::programs::{Folder, LogFiles};
use ringlog::programs::{has_open, live_writer};
use ringlog::storage::{Cursor, Filter, LogFollower, LogWatermarks, OpenError, ReadError, SegmentInfo};

/// Published bytes that are not read, from which the reader gives up to read all.
const MOST_UNREAD_BYTES: u64 = 64 << 20;
/// Records between two looks at the clock.
const RECORDS_PER_LOOK: u32 = 256;
/// Records before the end of a log from which the first events are shown.
const FIRST_RECORDS: u64 = 100_000;
/// Records that are read for the first events even if the newest file has fewer.
const LEAST_RECORDS: u64 = 1000;

/// Looks at a log.
#[derive(Debug)]
pub(super) struct LogSource {
    path: PathBuf,
    style: PrintStyle,
    /// [`MOST_UNREAD_BYTES`], or fewer in a test.
    most_unread: u64,
    filter: Filter,
    /// The type whose events are shown; `None` for all.
    only: Option<u8>,
    follower: LogFollower,
    /// The log's position after the last record that was read or left out.
    position: u64,
    counts: ReadCounts,
    /// Records that were left out since the last record that was read.
    left_out: u64,
    recent: Recent,
    is_begun: bool,
    published: u64,
    /// Damage that was passed. It stays on the screen.
    passed: Option<String>,
}

/// Returns how many records between two files are not there. One that was not sealed may have more than its header counts.
fn missing_between(before: &SegmentInfo, after: &SegmentInfo) -> u64 {
    let header = &before.header;
    let is_counted = header.has(file_flags::SEALED) && !header.has(file_flags::STREAM);
    let next = header.base_sequence.saturating_add(header.event_count);
    if is_counted { after.header.base_sequence.saturating_sub(next) } else { 0 }
}

/// What is read in one look.
struct Batch {
    types: [(u64, u64); 256],
    records: u64,
}

impl LogSource {
    /// Opens a log, a folder or a file; the folder may be empty.
    pub(super) fn open(path: &Path, filter: Filter, style: PrintStyle) -> Result<Self, OpenError> {
        Ok(Self {
            path: path.into(),
            style,
            most_unread: MOST_UNREAD_BYTES,
            filter,
            only: None,
            follower: LogFollower::open(path)?,
            position: 0,
            counts: ReadCounts::default(),
            left_out: 0,
            recent: Recent::default(),
            is_begun: false,
            published: 0,
            passed: None,
        })
    }

    /// Chooses other events. Counts begin anew.
    pub(super) fn choose(&mut self, filter: Filter, only: Option<u8>) {
        (self.filter, self.only) = (filter, only);
        self.is_begun = false;
    }

    /// Looks at the files, and reads new records for at most this time.
    pub(super) fn look(&mut self, time: Duration) -> Look {
        let mut look = Look::default();
        let segments = match LogFiles::open(&self.path) {
            Ok(files) => files.segments,
            Err(OpenError::NoSegments { .. }) => Vec::new(),
            Err(error) => {
                look.problems.push(error.to_string());
                match readable_segments(&self.path) {
                    segments if segments.is_empty() => return look,
                    segments => segments,
                }
            }
        };
        let mut log = self.of_files(&segments, &mut look.problems);
        let result = self.read(&segments, &log, time, &mut look);
        look.problems.extend(self.passed.clone());
        look.problems.extend(result.err().map(|error| error.to_string()));
        if self.filter.undescribed() > 0 {
            let events = counted(self.filter.undescribed(), "event");
            look.problems.push(format!(
                "the filter left out {events} that their segment does not describe; describe them with --schema FILE"
            ));
        }
        self.counts.unread_bytes = log.published.saturating_sub(self.position);
        log.read = self.counts.clone();
        look.events = self.recent.take_lines(&self.style);
        self.published = log.published;
        look.log = Some(log);
        look
    }

    /// Reads what the headers and the other files of the log say.
    fn of_files(&self, segments: &[SegmentInfo], problems: &mut Vec<String>) -> LogLook {
        let mut log = LogLook { segments: segments.len(), ..LogLook::default() };
        match LogWatermarks::of_segments(segments) {
            Ok(marks) => (log.published, log.durable) = (marks.published, marks.durable),
            Err(error) => problems.push(error.to_string()),
        }
        if let (Some(first), Some(last)) = (segments.first(), segments.last()) {
            (log.first_sequence, log.first_position) =
                (first.header.base_sequence, first.header.base_position);
            log.end_sequence = match last.header.has(file_flags::STREAM) {
                true => self.follower.next_sequence(),
                false => last.header.base_sequence + last.header.event_count,
            };
        }
        log.missing = segments.windows(2).map(|pair| missing_between(&pair[0], &pair[1])).sum();
        log.file_bytes = segments.iter().map(|segment| segment.file_bytes).sum();
        self.add_writer(&mut log, segments.last());
        log.cursors = self.cursors(log.end_sequence, problems);
        log.disk = statvfs(&self.path).ok().map(|disk| Disk {
            free: disk.f_bavail.saturating_mul(disk.f_frsize),
            all: disk.f_blocks.saturating_mul(disk.f_frsize),
        });
        log
    }

    /// Says who writes the log.
    fn add_writer(&self, log: &mut LogLook, last: Option<&SegmentInfo>) {
        let grows = self.is_begun && log.published > self.published;
        let unseen = "it grows, by a process that cannot be seen from here".to_owned();
        if !self.path.is_dir() {
            let is_sealed = last.is_some_and(|last| last.header.has(file_flags::SEALED));
            let writer = || File::open(&self.path).ok().and_then(|file| live_writer(&file));
            log.writer = match is_sealed {
                true => "closed: nothing will be added to this file".into(),
                false => match writer() {
                    Some(pid) => format!("{} is writing", process(pid)),
                    None if grows => unseen,
                    None => "none is seen, and the file is not closed: its writer died, or cannot be seen from here".into(),
                },
            };
            return;
        }
        let Some(peeked) = peek(&self.path) else {
            log.writer = if grows { unseen } else { "none: no `writer` file in this folder".into() };
            return;
        };
        let record = &peeked.record;
        let is_open = || {
            let file = File::open(self.path.join(ringlog::programs::WRITER_FILE)).ok()?;
            has_open(record.pid?, &file)
        };
        let is_held = peeked.is_held || record.end.is_none() && is_open() == Some(true);
        log.writer = match (is_held, &record.end, record.pid) {
            (true, _, Some(pid)) => format!("{} is writing", process(pid)),
            (true, _, None) => "is writing".into(),
            (false, Some(end), _) => format!("closed at record {}", grouped(end.sequence)),
            (false, None, _) if grows => unseen,
            (false, None, Some(pid)) => {
                format!("none: process {pid} ended without closing the log; the next writer recovers it")
            }
            (false, None, None) => {
                "none: it ended without closing the log; the next writer recovers it".into()
            }
        };
        let unreported = record.unreported.as_ref().filter(|loss| loss.position == log.published);
        let undrained = (record.has_undrained_ring && !is_held).then_some(0);
        log.unreported = unreported.map(|loss| loss.count).or(undrained);
    }

    fn cursors(&self, end: u64, problems: &mut Vec<String>) -> Vec<CursorLook> {
        let identity = peek(&self.path).and_then(|peeked| peeked.record.log_identity);
        match Cursor::list(&self.path) {
            Ok(cursors) => cursors
                .into_iter()
                .map(|cursor| CursorLook {
                    unread: end.saturating_sub(cursor.next_sequence),
                    problem: match (cursor.is_damaged, cursor.is_of_another_log(identity)) {
                        (true, _) => Some("damaged"),
                        (_, true) => Some("of another log"),
                        _ => None,
                    },
                    name: cursor.name,
                })
                .collect(),
            Err(_) if !self.path.is_dir() => Vec::new(),
            Err(error) => {
                problems.push(error.to_string());
                Vec::new()
            }
        }
    }

    /// Reads new records.
    fn read(
        &mut self,
        segments: &[SegmentInfo],
        log: &LogLook,
        time: Duration,
        look: &mut Look,
    ) -> Result<(), ReadError> {
        let Some(newest) = segments.last() else { return Ok(()) };
        let is_replaced = self.is_begun && log.published < self.published;
        if !self.is_begun || is_replaced {
            look.is_new_start = true;
            return self.begin(log, newest.header.base_sequence);
        }
        let mut batch = Batch { types: [(0, 0); 256], records: 0 };
        // As far as the headers counted, so that the types of a look are those of its records. At rest their count may be late.
        let is_counted = log.published > self.published && !newest.header.has(file_flags::STREAM);
        let end = if is_counted { log.end_sequence } else { u64::MAX };
        let read = self.read_until(Some(Instant::now() + time), end, Some(&mut batch));
        self.count(&batch);
        let Err(error) = read else {
            if log.published.saturating_sub(self.position) > self.most_unread {
                self.leave_out_up_to(newest)?;
            }
            return Ok(());
        };
        let next = self.follower.next_sequence();
        if newest.header.base_sequence <= next {
            return Err(error);
        }
        // What is damaged is in an older file: the newest one can still be read.
        self.leave_out_up_to(newest)?;
        let left_out = counted(newest.header.base_sequence - next, "record");
        self.passed = Some(format!("{error} ({left_out} left out here)"));
        Ok(())
    }

    /// Reads the last events, without counting any.
    fn begin(&mut self, log: &LogLook, newest_base: u64) -> Result<(), ReadError> {
        (self.counts, self.left_out, self.passed) = (ReadCounts::default(), 0, None);
        self.recent = Recent::default();
        let few = log.end_sequence.saturating_sub(LEAST_RECORDS).max(log.first_sequence);
        let many = log.end_sequence.saturating_sub(FIRST_RECORDS);
        self.go_to(newest_base.min(few).max(many), log.first_position)?;
        self.is_begun = true;
        self.read_until(None, log.end_sequence, None)
    }

    /// Continues with the newest file. What comes before is left out.
    fn leave_out_up_to(&mut self, newest: &SegmentInfo) -> Result<(), ReadError> {
        let (next, base) = (self.follower.next_sequence(), newest.header.base_sequence);
        if base > next {
            self.left_out += base - next;
            self.counts.left_out += base - next;
            self.go_to(base, newest.header.base_position)?;
        }
        Ok(())
    }

    fn go_to(&mut self, sequence: u64, position: u64) -> Result<(), ReadError> {
        self.follower = LogFollower::open_at(&self.path, sequence)
            .map_err(|error| ReadError::Segment(Box::new(error)))?;
        self.position = position;
        Ok(())
    }

    /// Reads records up to a moment, a sequence or the end.
    fn read_until(
        &mut self,
        limit: Option<Instant>,
        end: u64,
        mut batch: Option<&mut Batch>,
    ) -> Result<(), ReadError> {
        let mut records: u32 = 0;
        while self.follower.next_sequence() < end {
            match self.follower.advance() {
                Ok(true) => self.take(batch.as_deref_mut()),
                Ok(false) => return Ok(()),
                Err(ReadError::Overtaken { from, to, .. }) => {
                    let missed = to.saturating_sub(from);
                    self.counts.overtaken += missed;
                    self.counts.left_out += missed;
                    self.left_out += missed;
                    self.follower.resume();
                }
                Err(error) => return Err(error),
            }
            records += 1;
            if records.is_multiple_of(RECORDS_PER_LOOK) && limit.is_some_and(|limit| Instant::now() >= limit)
            {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Counts the record that was found, and keeps it if it is chosen.
    fn take(&mut self, batch: Option<&mut Batch>) {
        self.position = self.follower.position();
        let clock = self.follower.clock();
        let Some(event) = self.follower.found_event() else { return };
        let (event_type, counts) = (event.header.event_type, &mut self.counts);
        let is_chosen = self.filter.selects_next(&event) && !self.filter.is_past(&event);
        let gap = event.gap();
        if let Some(batch) = batch {
            batch.records += 1;
            if let Some(gap) = &gap {
                counts.gaps += 1;
                counts.lost = counts.lost.saturating_add(gap.count);
                counts.has_unknown_gaps |= gap.count == 0;
            } else if is_chosen && let Some((events, bytes)) = batch.types.get_mut(usize::from(event_type)) {
                (*events, *bytes) = (*events + 1, *bytes + event.header.stride() as u64);
            }
        }
        if is_chosen && gap.is_none() && !counts.names.contains_key(&event_type) {
            let name = self.style.descriptions.schema_of(&event).map_or("", |schema| schema.name());
            counts.names.insert(event_type, name.to_owned());
        }
        if is_chosen && (gap.is_some() || self.only.is_none_or(|only| only == event_type)) {
            self.recent.add(&event, clock);
        }
    }

    /// Adds what was read. It also counts for the records that were left out before.
    fn count(&mut self, batch: &Batch) {
        if batch.records == 0 {
            return;
        }
        let factor = (batch.records + std::mem::take(&mut self.left_out)) as f64 / batch.records as f64;
        add_scaled(&mut self.counts.types, batch, factor);
    }
}

/// Returns the segments whose headers can be read, where others have damage.
fn readable_segments(folder: &Path) -> Vec<SegmentInfo> {
    let listed = Folder::list(folder).map(|folder| folder.segments).unwrap_or_default();
    listed.iter().filter_map(|(_, path)| SegmentFile::open(path).ok()).map(|segment| segment.info).collect()
}

fn add_scaled(types: &mut BTreeMap<u8, Tally>, batch: &Batch, factor: f64) {
    for ((events, bytes), number) in
        batch.types.iter().zip(0..=u8::MAX).filter(|((events, _), _)| *events > 0)
    {
        let tally = types.entry(number).or_default();
        tally.events += *events as f64 * factor;
        tally.bytes += *bytes as f64 * factor;
    }
}

fn process(pid: u32) -> String {
    match program_of(pid) {
        Some(program) => format!("process {pid} ({program})"),
        None => format!("process {pid}"),
    }
}
