//! Copies the records of one damaged file: counts them first, then copies them with GAP records between them.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::event::{Event, FileHeader, Gap, GapReason, MetaTopic, file_flags};
use crate::os::files::folder_of;
use crate::storage::error::{OpenError, ReadError, RecordedEnd};
use crate::storage::folder::last_run::LastRun;
use crate::storage::log::writer::LogWriter;
use crate::storage::names::segment_name;
use crate::storage::read::filter::Filter;
use crate::storage::read::scan::hole::{Hole, MissingMeta, Piece};
use crate::storage::read::scan::lost_description::name_in;
use crate::storage::read::scan::segment_scan::FileScan;
use crate::storage::repair::damaged_header::{HeaderState, OpenedFile};
use crate::storage::repair::salvage_report::{
    CopiedGap, SalvageError, SalvageReport, SalvagedFile, SkipReason, Skipped,
};
use crate::storage::repair::salvage_source::Source;
use crate::storage::schemas::in_force::SegmentSchemas;
use crate::storage::segment::header_count::{final_count, most_records};

/// The result of reading a file once: what to copy, and what is missing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Plan {
    /// Where records end at the latest.
    end: u64,
    /// Up to here all bytes were records. After it, bytes may never have been records.
    known_end: u64,
    /// Whether nothing says where records end.
    is_end_guessed: bool,
    /// Whether there may have been more records than any count or name shows.
    is_end_unknown: bool,
    /// A record at this position or above is no part of the log.
    end_position: Option<u64>,
    /// Valid records.
    pub(crate) found: u64,
    /// META records among them. Those that are damaged are counted if it is certain that nothing else is missing with them.
    pub(crate) meta: u64,
    /// Whether META records may be among the missing ones.
    may_lack_meta: bool,
    /// Damaged META records among them.
    lost_meta: u64,
    /// Whether a hole that looks like damaged META records alone is taken for that.
    knows_meta: bool,
    /// Holes in which something else is missing, or may be.
    holes: u64,
    /// Number of records in the file, from its own header.
    counted: Option<u64>,
    /// Number of records from its first to the first of the next file, by their names, or to where the log was
    /// closed.
    span: Option<u64>,
}

impl Plan {
    /// Reads the file `at` of `sources`, of a log that was closed at `end`.
    pub(crate) fn of(sources: &[Source], at: usize, end: Option<RecordedEnd>) -> Self {
        let Some(source) = sources.get(at) else { return Self::default() };
        let after = sources.get(at + 1..).unwrap_or_default();
        let next_base = after.iter().find(|next| !next.is_aside).and_then(|next| next.base_sequence);
        let end = end.filter(|_| after.is_empty()).map(|end| end.sequence);
        let next_position = after.first().and_then(Source::header).map(|header| header.base_position);
        // All of a file that was closed belongs to the log. A next one that begins within it is damaged or
        // foreign.
        let end_position = next_position.filter(|_| !source.header().is_some_and(is_closed));
        let mut plan = Self { end_position, ..Self::default() };
        if !source.is_aside || after.is_empty() {
            plan.span = source.base_sequence.and_then(|base| next_base.or(end)?.checked_sub(base));
        }
        if let Ok(opened) = &source.opened {
            plan.bound(opened);
            let counted = source.header().and_then(|header| counted(header, opened.info.file_bytes));
            plan.counted =
                counted.filter(|&count| !source.is_aside && plan.span.is_none_or(|span| count <= span));
            plan.count(opened);
            plan.extend_if_short(opened);
        }
        plan
    }

    /// Sets where to search for records.
    fn bound(&mut self, opened: &OpenedFile) {
        let run = opened.run;
        let (header, file_bytes) = (opened.info.header, opened.info.file_bytes);
        let is_sealed = header.has(file_flags::SEALED);
        let is_kept = matches!(run, LastRun::AtWork | LastRun::SameBoot);
        self.is_end_guessed = opened.is_end_guessed();
        let is_whole_file = self.is_end_guessed || header.has(file_flags::STREAM);
        self.known_end = if is_whole_file { file_bytes } else { header.write_offset };
        let end = match (header.has(file_flags::CHECKSUMS), self.end_position) {
            _ if is_whole_file => file_bytes,
            _ if header.has(file_flags::CLEAN) && is_sealed => header.write_offset,
            // Past it, a record cannot be distinguished from garbage.
            (false, _) if run == LastRun::OtherBoot => header.synced_offset,
            (false, _) => header.write_offset,
            // Sealed by a recovery, and the log left room after the end: records may be there.
            (true, Some(_)) if is_sealed => file_bytes,
            (true, _) if is_kept => header.write_offset,
            (true, _) => file_bytes,
        };
        self.end = end.min(file_bytes);
        let is_lost = !is_sealed && run == LastRun::OtherBoot && self.end_position.is_none();
        self.is_end_unknown = self.span.is_none() && (is_lost || self.is_end_guessed);
    }

    fn count(&mut self, opened: &OpenedFile) {
        self.knows_meta = true;
        self.count_pieces(opened);
        if self.holes == 0 && self.lost_meta > 0 && self.expected().is_some_and(|all| all != self.found) {
            // The count says that something else is missing there.
            self.knows_meta = false;
            self.count_pieces(opened);
        }
    }

    fn count_pieces(&mut self, opened: &OpenedFile) {
        (self.found, self.meta, self.lost_meta, self.holes, self.may_lack_meta) = (0, 0, 0, 0, false);
        let Ok(mut scan) = self.scan(opened) else { return };
        let mut records = 0;
        loop {
            let piece = scan.next_piece();
            self.lost_meta = if self.knows_meta { scan.lost_descriptions.len() as u64 } else { 0 };
            self.meta = scan.meta_records + self.lost_meta;
            self.found = records + self.meta;
            match piece {
                Ok(Piece::Record) => records += 1,
                Ok(Piece::Hole(hole)) if self.is_meta(&hole) => {}
                Ok(Piece::Hole(hole)) => {
                    self.holes += u64::from(self.is_missing(&hole));
                    self.may_lack_meta |= hole.meta != MissingMeta::None;
                }
                Ok(Piece::End) | Err(_) => return,
            }
        }
    }

    /// Returns whether nothing but META records is missing in the hole.
    fn is_meta(&self, hole: &Hole) -> bool {
        self.knows_meta && hole.meta == MissingMeta::Only
    }

    /// Searches the whole file if records are missing: a `write_offset` that is too small hides records that a
    /// count still includes.
    fn extend_if_short(&mut self, opened: &OpenedFile) {
        let (narrow, file_bytes) = (*self, opened.info.file_bytes);
        if self.is_short() && self.end < file_bytes && opened.info.header.has(file_flags::CHECKSUMS) {
            self.end = file_bytes;
            self.count(opened);
            let is_better = self.found > narrow.found;
            if !is_better || self.expected().is_some_and(|expected| self.found > expected) {
                *self = narrow;
            }
        }
        // All bytes up to the header's end are valid, and the next file agrees: so the count is wrong.
        let agrees = self.span.map_or(self.lost_meta == 0, |span| span == self.found);
        if self.holes == 0 && self.known_end <= self.end && agrees {
            self.counted = self.counted.map(|_| self.found);
        }
    }

    fn scan(&self, opened: &OpenedFile) -> Result<FileScan, OpenError> {
        opened.scan(self.end, self.end_position)
    }

    /// Returns whether there were records in the hole. Otherwise it is room that was never used.
    ///
    /// Call it only once all records before the hole were counted.
    fn is_missing(&self, hole: &Hole) -> bool {
        let is_published = hole.from < self.known_end;
        let is_room = hole.is_unwritten && self.is_end_guessed;
        !hole.is_last || is_published && self.expected().map_or(!is_room, |_| self.is_short())
    }

    /// Returns how many records should be in the file, if a count or sequences say.
    fn expected(&self) -> Option<u64> {
        self.counted.or(self.span)
    }

    fn is_short(&self) -> bool {
        self.expected().is_some_and(|expected| self.found < expected)
    }

    /// Returns how many records are missing in the file; 0 if that is not known.
    fn missing(&self) -> u64 {
        if self.may_lack_meta {
            return 0;
        }
        self.expected().and_then(|expected| expected.checked_sub(self.found)).unwrap_or_default()
    }

    /// Returns how many records should be between this file and the next one.
    fn missing_after(&self) -> u64 {
        let end = self.counted.map(|counted| counted.max(self.found));
        end.and_then(|end| self.span?.checked_sub(end)).unwrap_or_default()
    }

    /// Returns how many bytes the file lost when it was cut short.
    fn cut_bytes(&self, file_bytes: u64) -> u64 {
        self.known_end.saturating_sub(file_bytes)
    }

    /// Returns why nothing was found in a file.
    pub(crate) fn problem(self, source: Source) -> Option<Skipped> {
        match source.opened {
            Err(error) => Some(Skipped::file(&source.path, SkipReason::File(error))),
            Ok(opened) => match self.scan(&opened).map(|mut scan| scan.next_piece()) {
                Ok(Ok(Piece::Hole(hole))) => Some(skipped(source.path, &hole)),
                Ok(Err(error)) => Some(Skipped::file(&source.path, SkipReason::Read(error))),
                Err(error) => Some(Skipped::file(&source.path, SkipReason::File(error))),
                Ok(Ok(_)) => None,
            },
        }
    }
}

/// Returns whether its writer closed the file, so that all of it is on the disk and nothing was cut off.
fn is_closed(header: &FileHeader) -> bool {
    header.has(file_flags::SEALED) && header.has(file_flags::CLEAN)
}

/// Returns the record count of a sealed file's header, if the file has room for that many.
fn counted(header: &FileHeader, file_bytes: u64) -> Option<u64> {
    let most = most_records(header.write_offset.max(file_bytes));
    final_count(header).filter(|count| *count <= most)
}

fn skipped(path: PathBuf, hole: &Hole) -> Skipped {
    Skipped { path, range: Some((hole.from, hole.to)), reason: SkipReason::Invalid(hole.kind) }
}

/// Writes valid records into a new log.
pub(crate) struct Copier {
    writer: LogWriter,
    /// What the source of the last record says of its events.
    described_by: Option<Arc<SegmentSchemas>>,
    /// The last name of each event type.
    names: HashMap<MetaTopic, String>,
    report: SalvageReport,
    /// Which events are copied.
    filter: Filter,
    /// Timestamp of the last event, for the GAP record after it.
    last_timestamp: u64,
}

impl Copier {
    pub(crate) fn new(writer: LogWriter, report: SalvageReport, filter: Filter) -> Self {
        Self { writer, described_by: None, names: HashMap::new(), report, filter, last_timestamp: 0 }
    }

    /// Copies a file as planned, and adds GAP records for what is missing in it and after it.
    pub(crate) fn copy(&mut self, plan: &Plan, source: Source) -> Result<(), SalvageError> {
        let Source { path, opened, base_sequence, is_aside, .. } = source;
        let header_was_good = matches!(&opened, Ok(OpenedFile { state: HeaderState::Good, .. }));
        let copied = match opened.and_then(|opened| plan.scan(&opened)) {
            Ok(scan) => self.copy_records(plan, scan, &path)?,
            Err(error) => {
                self.report.skip(Skipped::file(&path, SkipReason::File(error)));
                if !is_aside {
                    self.add_gap(plan.missing(), 0)?;
                }
                0
            }
        };
        if let (Some(base), Some(span), count @ 1..) = (base_sequence, plan.span, plan.missing_after()) {
            self.add_absent(&folder_of(&path), base.saturating_add(span - count), count)?;
        }
        let file =
            SalvagedFile { path, records: copied, base_sequence, header_was_good, was_set_aside: is_aside };
        self.report.files.push(file);
        Ok(())
    }

    /// Reports a file that should be there, with `count` records from `first` on.
    pub(crate) fn add_absent(&mut self, folder: &Path, first: u64, count: u64) -> Result<(), SalvageError> {
        let path = folder.join(segment_name(first));
        self.report.skip(Skipped::file(&path, SkipReason::Absent { count }));
        self.add_gap(count, 0)
    }

    /// Copies the records of a file. Returns how many were copied.
    fn copy_records(&mut self, plan: &Plan, mut scan: FileScan, path: &Path) -> Result<u64, SalvageError> {
        let (mut copied, mut holes) = (0, 0);
        let stopped = loop {
            match scan.next_piece() {
                Ok(Piece::Record) => {
                    let Some(event) = scan.found_event() else { continue };
                    if self.is_wanted(&event) {
                        self.describe(scan.schemas())?;
                        self.copy_record(&event, path)?;
                        copied += 1;
                    } else if self.filter.lacks_description(&event)
                        && scan.lost_descriptions.iter().any(|lost| lost.is_about(&event))
                    {
                        self.report.undecided += 1;
                    }
                }
                Ok(Piece::Hole(hole)) if plan.is_meta(&hole) => self.report.skip(skipped(path.into(), &hole)),
                Ok(Piece::Hole(hole)) if plan.is_missing(&hole) => {
                    holes += 1;
                    self.copy_hole(plan, holes, hole, path)?;
                }
                Ok(Piece::Hole(_)) => {}
                Ok(Piece::End) => break None,
                Err(error) => break Some(error),
            }
        };
        if plan.knows_meta {
            self.report.lost_descriptions.append(&mut scan.lost_descriptions);
        }
        let file_bytes = scan.info().file_bytes;
        self.copy_end(plan, stopped, path, file_bytes)?;
        Ok(copied)
    }

    /// Begins a segment if this one's source says something else of its events.
    fn describe(&mut self, schemas: Option<&Arc<SegmentSchemas>>) -> Result<(), SalvageError> {
        let address = schemas.map(Arc::as_ptr);
        if address != self.described_by.as_ref().map(Arc::as_ptr) {
            self.described_by = schemas.cloned();
            let list = schemas.map(|schemas| schemas.list().clone()).unwrap_or_default();
            for (topic, json) in list.iter() {
                self.names.extend(name_in(json).map(|name| (topic, name)));
            }
            self.writer.set_schemas(list)?;
        }
        Ok(())
    }

    fn is_wanted(&mut self, event: &Event<'_>) -> bool {
        self.filter.enter(event);
        event.header.is_gap() || self.filter.matches(event)
    }

    fn copy_record(&mut self, event: &Event<'_>, path: &Path) -> Result<(), SalvageError> {
        let timestamp = event.header.timestamp;
        self.report.records += 1;
        self.last_timestamp = timestamp;
        Ok(match event.gap() {
            Some(gap) => {
                let offset = event.offset;
                self.report.note_gap(CopiedGap { path: path.into(), offset, timestamp, gap });
                self.writer.append_gap(timestamp, gap)
            }
            None => self.writer.write_event(&event.header.as_user(), event.payload),
        }?)
    }

    /// Adds a GAP record for a hole. The last one of a file counts for all of them.
    fn copy_hole(&mut self, plan: &Plan, number: u64, hole: Hole, path: &Path) -> Result<(), SalvageError> {
        let is_end_known = hole.is_last && !plan.is_end_guessed;
        let to = if is_end_known { plan.known_end.max(hole.from) } else { hole.to };
        let count = if number == plan.holes { plan.missing() } else { 0 };
        // Nobody knows how long a tail that was never written should have been.
        let bytes = if hole.is_last && !is_end_known { 0 } else { to - hole.from };
        self.report.skip(skipped(path.into(), &Hole { to, ..hole }));
        self.add_gap(count, bytes)
    }

    /// Adds a GAP record for what is missing without a hole: an end that came too early.
    fn copy_end(
        &mut self,
        plan: &Plan,
        stopped: Option<ReadError>,
        path: &Path,
        file_bytes: u64,
    ) -> Result<(), SalvageError> {
        let cut_bytes = plan.cut_bytes(file_bytes);
        let is_cut_short = cut_bytes > 0 && plan.expected().is_none();
        let is_more_missing = stopped.is_some() || plan.is_end_unknown || is_cut_short;
        if let Some(error) = stopped {
            self.report.skip(Skipped::file(path, SkipReason::Read(error)));
        }
        if plan.holes == 0 && (plan.is_short() || is_more_missing) {
            return self.add_gap(plan.missing(), cut_bytes);
        }
        if plan.is_end_unknown { self.add_gap(0, 0) } else { Ok(()) }
    }

    /// Adds a GAP record here. A count or number of bytes of 0 means unknown.
    fn add_gap(&mut self, count: u64, bytes: u64) -> Result<(), SalvageError> {
        let extent = u32::try_from(bytes / 8).unwrap_or(0);
        let gap = Gap { extent, ..Gap::new(GapReason::RecoveryCut, count) };
        self.add(self.last_timestamp, gap)
    }

    /// Adds a GAP record for what a full disk took at the end of the log, and no GAP record counts yet.
    pub(crate) fn add_unreported(&mut self, timestamp: u64, gap: Gap) -> Result<(), SalvageError> {
        self.add(timestamp, Gap { log_side: false, ..gap })
    }

    fn add(&mut self, timestamp: u64, gap: Gap) -> Result<(), SalvageError> {
        self.writer.append_gap(timestamp, gap)?;
        self.report.gaps_added += 1;
        self.report.missing = self.report.missing.saturating_add(gap.count);
        Ok(())
    }

    /// Closes the new log.
    pub(crate) fn finish(mut self) -> Result<SalvageReport, SalvageError> {
        for lost in &mut self.report.lost_descriptions {
            // What is damaged may be the name.
            lost.name = self.names.get(&lost.topic).cloned().or(lost.name.take());
        }
        self.report.written = self.writer.close()?;
        Ok(self.report)
    }
}
