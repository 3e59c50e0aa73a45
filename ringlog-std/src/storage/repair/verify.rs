//! Reads all of a log and finds what kind of damage each segment has.

#![forbid(unsafe_code)]

use std::num::NonZero;
use std::path::{Path, PathBuf};

use crate::event::ClockKind;
use crate::event::{Event, FileHeader, FileHeaderError, file_flags};
use crate::parallel::{default_jobs, map_in_order};
use crate::storage::error::{MissingEnd, OpenError, ReadError};
use crate::storage::folder::ending::{MissingRecords, WriterFile};
use crate::storage::folder::last_run::LastRun;
use crate::storage::folder::listing::{Listed, LogList};
use crate::storage::read::scan::hole::{Hole, MissingMeta, Piece};
use crate::storage::read::scan::lost_description::LostDescription;
use crate::storage::read::scan::segment_scan::FileScan;
use crate::storage::repair::damaged_header::{HeaderState, Known, OpenedFile};
use crate::storage::repair::verdict::{Fault, LogCheck, SegmentCheck, Verdict};
use crate::storage::segment::file::{SegmentFile, SegmentInfo};

/// Reads and checks every record of a log, a folder or a single file. It continues after damage.
///
/// Writes nothing, and takes no lock that would stop a writer. A log whose writer is at work is read as far as
/// it is published.
///
/// ```
/// use ringlog::event::EventHeader;
/// use ringlog::storage::{LogWriter, Verdict, verify_log};
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path().join("log");
/// let mut writer = LogWriter::open(&folder)?;
/// writer.write_event(&EventHeader::new(1, 2, 3), b"abc")?;
/// writer.close()?;
///
/// let check = verify_log(&folder)?;
/// assert_eq!(check.verdict(), Verdict::Clean);
/// assert_eq!((check.segments[0].verdict, check.segments[0].counts.events), (Verdict::Clean, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`OpenError`] if there is no log at that path. Faults of a log are no error: they are in the [`LogCheck`].
pub fn verify_log(path: impl AsRef<Path>) -> Result<LogCheck, OpenError> {
    verify_log_with_jobs(path, default_jobs())
}

/// Verifies a log as [`verify_log`] does, with up to `jobs` segments at a time instead of one for each processor.
///
/// Each job is a thread with a buffer of 256 KiB, or more after damage.
///
/// ```
/// use std::num::NonZero;
///
/// use ringlog::storage::verify_log_with_jobs;
///
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
/// // Leaves the other processors to the programs that share the machine.
/// let check = verify_log_with_jobs(path, NonZero::<usize>::MIN)?;
/// assert_eq!(check.counts().events, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`verify_log`].
pub fn verify_log_with_jobs(path: impl AsRef<Path>, jobs: NonZero<usize>) -> Result<LogCheck, OpenError> {
    verify_log_with(path.as_ref(), jobs, |(), _| ()).map(|(check, _)| check)
}

/// Verifies a log as [`verify_log`] does, `jobs` segments at a time, and adds every valid record to the counts of its
/// segment. Returns these in the order of the segments.
///
/// Sequences are those of the log up to the first hole in a segment. After it they count the records that were
/// found.
pub fn verify_log_with<S: Default + Send>(
    path: &Path,
    jobs: NonZero<usize>,
    add: impl Fn(&mut S, &Event<'_>) + Sync,
) -> Result<(LogCheck, Vec<S>), OpenError> {
    let mut log = OpenedLog::of(path)?;
    let segments = std::mem::take(&mut log.segments);
    let checked = map_in_order(segments, jobs, |(segment, end_position)| {
        let mut counts = S::default();
        (segment.check(end_position, &mut |event: &Event<'_>| add(&mut counts, event)), counts)
    });
    Ok(log.conclude(path, checked))
}

/// Verifies a log as [`verify_log`] does, one segment after the other, and passes every valid record to `f`, with the clock of its
/// segment. Sequences are as those of [`verify_log_with`].
pub fn verify_log_each(path: &Path, mut f: impl FnMut(ClockKind, &Event<'_>)) -> Result<LogCheck, OpenError> {
    let mut log = OpenedLog::of(path)?;
    let check = |(segment, end_position): (Segment, Option<u64>)| {
        let opened = segment.opened.as_ref();
        let clock = opened.map_or(ClockKind::Unspecified, |opened| opened.info.header.clock());
        (segment.check(end_position, &mut |event: &Event<'_>| f(clock, event)), ())
    };
    let checked = std::mem::take(&mut log.segments).into_iter().map(check).collect();
    Ok(log.conclude(path, checked).0)
}

/// A log whose files are open, and what is known of it before its records are read.
struct OpenedLog {
    /// Each with the position at which the next one begins.
    segments: Vec<(Segment, Option<u64>)>,
    missing: Vec<MissingRecords>,
    writer: WriterFile,
    foreign: Vec<PathBuf>,
    last_run: LastRun,
}

impl OpenedLog {
    fn of(path: &Path) -> Result<Self, OpenError> {
        let LogList { segments: files, foreign, writer } = LogList::of(path)?;
        let first = files.first().and_then(|file| writer.missing_start(&file.path, file.named_sequence?));
        let missing = first.into_iter().collect();
        let named: Vec<_> = files.iter().filter_map(|file| file.named_sequence).collect();
        let known = if named.is_empty() { vec![Known::default()] } else { Known::of_all(&named, writer.end) };
        let last_run = if path.is_dir() { LastRun::of_folder(path) } else { LastRun::Unknown };
        // The last one first: a segment with a successor gets no more records.
        let look_at = |(file, known)| Segment::look_at(file, known, last_run);
        let mut segments: Vec<_> = files.into_iter().zip(known).rev().map(look_at).collect();
        segments.reverse();
        if let [Segment { opened: Err(_), file: Listed { named_sequence: None, .. } }] = segments.as_slice() {
            // It is a single file that is no log.
            segments.pop().map_or(Ok(()), |segment| segment.opened.map(|_| ()))?;
        }
        let base_positions: Vec<_> = segments.iter().map(Segment::base_position).collect();
        let ends = base_positions.into_iter().skip(1).chain([None]);
        Ok(Self { segments: segments.into_iter().zip(ends).collect(), missing, writer, foreign, last_run })
    }

    /// Compares the segments with each other and with the `writer` file.
    fn conclude<S>(self, path: &Path, checked: Vec<(SegmentCheck, S)>) -> (LogCheck, Vec<S>) {
        let Self { mut missing, writer, foreign, last_run, .. } = self;
        let (mut checks, mut all_counts, mut expected) = (Vec::new(), Vec::new(), None);
        for (mut check, counts) in checked {
            if last_run == LastRun::AtWork && check.is_gone() {
                // The writer's retention has deleted it meanwhile.
                expected = None;
                continue;
            }
            missing.extend(find_missing(&mut check, expected));
            expected = check.next_sequence();
            checks.push(check);
            all_counts.push(counts);
        }
        let is_being_written = last_run == LastRun::AtWork;
        let missing_end = find_missing_end(path, &writer, &checks);
        let check = LogCheck {
            segments: checks,
            missing,
            missing_end,
            writer_file: writer,
            foreign,
            is_being_written,
        };
        (check, all_counts)
    }
}

/// A file of the log, opened if that was possible.
struct Segment {
    file: Listed,
    opened: Result<OpenedFile, OpenError>,
}

impl Segment {
    fn look_at(file: Listed, known: Known, last_run: LastRun) -> Self {
        let opened = match OpenedFile::any(&file.path, known, last_run) {
            // A single file of another format is not searched for records.
            Ok(OpenedFile { state: HeaderState::Repaired(fault) | HeaderState::Guessed(fault), .. })
                if file.named_sequence.is_none()
                    && matches!(fault, FileHeaderError::Magic { .. } | FileHeaderError::Version { .. }) =>
            {
                Err(OpenError::Header { path: file.path.clone(), source: fault })
            }
            other => other,
        };
        Self { file, opened }
    }

    fn base_position(&self) -> Option<u64> {
        let opened = self.opened.as_ref().ok()?;
        let is_known = !matches!(opened.state, HeaderState::Guessed(_));
        is_known.then_some(opened.info.header.base_position)
    }

    fn check(self, end_position: Option<u64>, f: &mut impl FnMut(&Event<'_>)) -> SegmentCheck {
        let is_base_known = self.base_position().is_some();
        let mut check = SegmentCheck::new(self.file.path.clone());
        check.base_sequence = self.file.named_sequence;
        match self.opened {
            Err(error) => {
                check.add(Fault::Open(error));
                check
            }
            Ok(opened) => {
                let extent = Extent::of(&opened);
                check.take_header(&opened, self.file.named_sequence);
                let mut checked = extent.check(&opened, end_position, check, f);
                checked.position = checked.position.filter(|_| is_base_known);
                checked
            }
        }
    }
}

impl SegmentCheck {
    fn take_header(&mut self, opened: &OpenedFile, named_sequence: Option<u64>) {
        let SegmentInfo { header, file_bytes, path } = &opened.info;
        self.file_bytes = *file_bytes;
        self.header = Some(*header);
        match opened.state {
            HeaderState::Good => {}
            HeaderState::Repaired(fault) | HeaderState::Guessed(fault) => self.add(Fault::Header(fault)),
        }
        self.is_end_guessed = opened.is_end_guessed();
        if named_sequence.is_some_and(|named_sequence| named_sequence != header.base_sequence) {
            let base_sequence = header.base_sequence;
            self.add(Fault::Open(OpenError::Name { path: path.clone(), base_sequence }));
        }
        self.base_sequence.get_or_insert(header.base_sequence);
    }
}

/// Where the records of a segment are, and what may be wrong with them.
#[derive(Clone, Copy, Debug)]
struct Extent {
    header: FileHeader,
    run: LastRun,
    /// Whether offset and count in the header are final.
    is_sealed: bool,
    /// Where records end at the latest.
    end: u64,
    /// Where they end by the header.
    published_end: u64,
    /// Below this offset only damage makes a record invalid.
    whole_below: u64,
    is_cut_short: bool,
    /// Whether nothing says where records end.
    is_end_guessed: bool,
}

impl Extent {
    fn of(opened: &OpenedFile) -> Self {
        let run = opened.run;
        let SegmentInfo { header, file_bytes, .. } = opened.info;
        let is_stream = header.has(file_flags::STREAM);
        let is_guess = matches!(opened.state, HeaderState::Guessed(_));
        let is_sealed = header.has(file_flags::SEALED) && !is_stream && !is_guess;
        let has_checksums = header.has(file_flags::CHECKSUMS);
        let is_end_guessed = opened.is_end_guessed();
        let published_end = if is_stream { file_bytes } else { header.write_offset };
        let wanted_end = match run {
            _ if is_sealed || is_stream || is_guess => published_end,
            LastRun::OtherBoot if has_checksums => file_bytes,
            LastRun::OtherBoot => header.synced_offset,
            _ => published_end,
        };
        let whole_below = match run {
            _ if is_sealed || is_stream => u64::MAX,
            LastRun::AtWork | LastRun::SameBoot => published_end,
            LastRun::OtherBoot | LastRun::Unknown => header.synced_offset,
        };
        let is_cut_short = published_end > file_bytes;
        let end = wanted_end.min(file_bytes);
        Self { header, run, is_sealed, end, published_end, whole_below, is_cut_short, is_end_guessed }
    }

    fn check(
        self,
        opened: &OpenedFile,
        end_position: Option<u64>,
        mut check: SegmentCheck,
        f: &mut impl FnMut(&Event<'_>),
    ) -> SegmentCheck {
        if self.is_cut_short {
            let (write_offset, len_bytes) = (self.published_end, check.file_bytes);
            check.add(Fault::CutShort { write_offset, len_bytes });
        }
        let scan = opened.scan(self.end, end_position).map_err(Fault::Open);
        match scan.and_then(|scan| self.read(scan, &mut check, f).map_err(Fault::Read)) {
            Ok(offset) => self.conclude(&mut check, offset),
            Err(fault) => check.add(fault),
        }
        check
    }

    /// Reads all records, and returns the offset where that ended.
    fn read(
        &self,
        mut scan: FileScan,
        check: &mut SegmentCheck,
        f: &mut impl FnMut(&Event<'_>),
    ) -> Result<u64, ReadError> {
        let mut is_position_known = true;
        loop {
            let passed = scan.pass_valid(|event| {
                check.counts.add(event);
                f(event);
            });
            if passed > 0 {
                check.end_offset = scan.offset();
            }
            let was_in_preamble = scan.is_in_preamble();
            let piece = scan.next_piece()?;
            check.counts.meta = scan.meta_records;
            match piece {
                Piece::Record => {
                    if let Some(event) = scan.found_event() {
                        check.counts.add(&event);
                        check.end_offset = scan.offset();
                        f(&event);
                    }
                }
                Piece::Hole(hole) => {
                    let lost = std::mem::take(&mut scan.lost_descriptions);
                    // Nobody knows whether the damaged records at the start of a file take positions, except META records.
                    is_position_known &= hole.is_last || !was_in_preamble || hole.meta == MissingMeta::Only;
                    self.fault_of(hole, lost).into_iter().for_each(|fault| check.add(fault));
                }
                Piece::End => {
                    check.position = scan.end_position().filter(|_| is_position_known);
                    return Ok(scan.offset());
                }
            }
        }
    }

    /// Returns the fault of a hole; `None` if it is only the room after the last record.
    fn fault_of(&self, hole: Hole, lost: Vec<LostDescription>) -> Option<Fault> {
        let Hole { from, to, kind, is_last, is_unwritten, meta } = hole;
        if meta == MissingMeta::Only {
            return Some(Fault::Descriptions { from, to, kind, lost });
        }
        let is_room = from >= self.published_end || self.is_end_guessed && is_unwritten;
        if is_last && (self.is_cut_short || is_room) {
            return None;
        }
        let to = if is_last { to.min(self.published_end) } else { to };
        Some(match (from < self.whole_below, is_last) {
            (true, _) => Fault::Damage { from, to, kind, is_last },
            (false, true) => Fault::TornTail { from, to, kind },
            (false, false) => Fault::Hole { from, to, kind },
        })
    }

    /// Adds what is known only once all records were read up to `offset`.
    fn conclude(&self, check: &mut SegmentCheck, offset: u64) {
        let Self { header, run, is_sealed, .. } = self;
        let is_whole = offset == header.write_offset && !check.lacks_events();
        let found = check.counts.records() + check.lost_descriptions();
        let stored = header.event_count;
        if *is_sealed && is_whole && stored != found {
            check.add(Fault::EventCount { stored, found });
        }
        let is_stream = header.has(file_flags::STREAM);
        check.settle(match run {
            _ if *is_sealed || is_stream => Verdict::Clean,
            LastRun::AtWork => Verdict::Open,
            LastRun::SameBoot | LastRun::Unknown => Verdict::Unsealed,
            LastRun::OtherBoot => Verdict::TornTail,
        });
    }
}

/// Compares where the last segment ends with where the log was closed, if both are known.
fn find_missing_end(folder: &Path, writer: &WriterFile, checks: &[SegmentCheck]) -> Option<MissingEnd> {
    let last = checks.last()?;
    // A segment without a header has no records.
    let without_header = last.base_sequence.filter(|_| last.header.is_none());
    let missing = writer.check_end(folder, last.next_sequence().or(without_header)?, last.position).err()?;
    // Something may be there that cannot be opened.
    let is_segment = missing.next_sequence < missing.end.sequence && missing.file.exists();
    let fault = SegmentFile::open(&missing.file).err().filter(|_| is_segment);
    Some(MissingEnd { fault: fault.map(Box::new), ..missing })
}

/// Compares where a segment starts with where the one before it ends, if both are known.
fn find_missing(segment: &mut SegmentCheck, expected: Option<u64>) -> Option<MissingRecords> {
    let (found, expected) = (segment.base_sequence?, expected?);
    if found < expected {
        segment.add(Fault::Overlap { expected, found });
    }
    MissingRecords::between(expected, found, &segment.path)
}
