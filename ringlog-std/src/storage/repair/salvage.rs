//! Copies the valid records of a damaged log into a new one.

#![forbid(unsafe_code)]

use std::fs;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use crate::parallel::{default_jobs, map_in_order};
use crate::storage::folder::ending::MissingRecords;
use crate::storage::log::dropped::unreported_loss;
use crate::storage::log::writer::LogWriter;
use crate::storage::read::filter::Filter;
use crate::storage::repair::salvage_copy::{Copier, Plan};
use crate::storage::repair::salvage_report::{SalvageError, SalvageReport};
use crate::storage::repair::salvage_source::{Source, Sources, find_sources};

/// Size of the new log's segments in bytes. Each can take any record.
const SEGMENT_BYTES: std::ops::RangeInclusive<u64> = 128 * 1024..=1 << 30;

/// Copies every valid record of the log at `log`, a folder or a single file, into a new log in the folder
/// `out`, in order, with a GAP record wherever something is missing.
///
/// Records after damage are found by a search: a record counts if the next one is valid too, or if it ends
/// where records must end. If a file's header is damaged, its salt is found from its records. Records that may
/// be those of an older segment with the same blocks are left out, and reported as
/// [`OpenError::Uncertain`](crate::storage::error::OpenError). Files that a recovery has moved aside are read
/// too. Records that are missing at the end of a closed log are counted from its `writer` file. A GAP record
/// counts the missing records if the sequences around it show the number. If a segment has several holes, the
/// last GAP record counts for all of them; the others have the count 0, which means unknown. Sequences of the
/// new log start at 0.
///
/// A description of events that is damaged is no missing record: [`SalvageReport::lost_descriptions`] names it.
///
/// Nothing is written to the damaged log. Records of a file without checksums are copied up to the first
/// invalid one: without checksums, records after it cannot be distinguished from other bytes.
///
/// ```
/// use ringlog::event::EventHeader;
/// use ringlog::storage::{LogReader, LogWriter, salvage_log};
///
/// # let folder = tempfile::tempdir()?;
/// # let (log, out) = (folder.path().join("log"), folder.path().join("out"));
/// let mut writer = LogWriter::open(&log)?;
/// for number in 0..3 {
///     writer.write_event(&EventHeader::new(number, 0, 8), &[7; 8])?;
/// }
/// writer.close()?;
/// // A bit of the second record flips.
/// let segment = log.join("00000000000000000000.evtl");
/// let mut bytes = std::fs::read(&segment)?;
/// bytes[64 + 24 + 20] ^= 1;
/// std::fs::write(&segment, bytes)?;
///
/// let report = salvage_log(&log, &out)?;
/// assert_eq!((report.records, report.gaps_added, report.missing), (2, 1, 1));
/// assert_eq!(LogReader::open(&out)?.len(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`SalvageError`] if there is no log, if it has no valid record, if `out` is not free, or if the new log
/// cannot be written.
pub fn salvage_log(log: impl AsRef<Path>, out: impl AsRef<Path>) -> Result<SalvageReport, SalvageError> {
    salvage_log_with_jobs(log, out, default_jobs())
}

/// Salvages a log as [`salvage_log`] does, and looks for the valid records of up to `jobs` segments at a time.
///
/// `salvage_log` has a job for each processor. The records are copied one after another.
///
/// ```
/// use std::num::NonZero;
///
/// use ringlog::storage::salvage_log_with_jobs;
///
/// # let folder = tempfile::tempdir()?;
/// # let out = folder.path().join("out");
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
/// let report = salvage_log_with_jobs(path, &out, NonZero::<usize>::MIN)?;
/// assert_eq!((report.records, report.gaps_added), (4, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`salvage_log`].
pub fn salvage_log_with_jobs(
    log: impl AsRef<Path>,
    out: impl AsRef<Path>,
    jobs: NonZero<usize>,
) -> Result<SalvageReport, SalvageError> {
    salvage_log_matching(log, out, jobs, &Filter::new())
}

/// Salvages a log as [`salvage_log_with_jobs`] does, and copies only the events that the filter selects.
///
/// All GAP records are copied. Events that are left out are not missing: no GAP record counts them. After damage, the
/// sequences of the filter count the records that were found.
///
/// ```
/// use std::num::NonZero;
///
/// use ringlog::storage::{Filter, salvage_log_matching};
///
/// # let folder = tempfile::tempdir()?;
/// # let out = folder.path().join("out");
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
/// let report = salvage_log_matching(path, &out, NonZero::<usize>::MIN, &Filter::new().grep(b"hello"))?;
/// assert_eq!((report.written.events, report.gaps_added), (1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`salvage_log`].
pub fn salvage_log_matching(
    log: impl AsRef<Path>,
    out: impl AsRef<Path>,
    jobs: NonZero<usize>,
    filter: &Filter,
) -> Result<SalvageReport, SalvageError> {
    let (log, out) = (log.as_ref(), out.as_ref());
    let Sources { files: sources, skipped, missing_start, end } = find_sources(log)?;
    check_out(log, out)?;
    // This reads each file through, and searches after damage: most of the work.
    let plans = map_in_order((0..sources.len()).collect(), jobs, |at| Plan::of(&sources, at, end));
    let mut report = SalvageReport::default();
    skipped.into_iter().for_each(|skipped| report.skip(skipped));
    if plans.iter().all(|plan| plan.found == plan.meta) {
        // No file has a valid record, but each may say why.
        let skipped = plans.into_iter().zip(sources).filter_map(|(plan, source)| plan.problem(source));
        report.skipped.extend(skipped);
        return Err(SalvageError::Nothing { path: log.into(), skipped: report.skipped });
    }
    let mut copier = Copier::new(begin(&sources, out)?, report, filter.clone());
    if let Some(MissingRecords { first_sequence, next_sequence, .. }) = missing_start {
        copier.add_absent(log, first_sequence, next_sequence - first_sequence)?;
    }
    for (plan, source) in plans.iter().zip(sources) {
        copier.copy(plan, source)?;
    }
    if let Some((timestamp, gap)) = unreported_loss(log) {
        copier.add_unreported(timestamp, gap)?;
    }
    copier.finish()
}

/// Opens the new log, with segments as large as those of the old one.
fn begin(sources: &[Source], out: &Path) -> Result<LogWriter, SalvageError> {
    let opened = sources.iter().filter_map(|source| source.opened.as_ref().ok());
    let largest = opened.map(|opened| opened.info.file_bytes).max().unwrap_or_default();
    let clock = sources.iter().find_map(Source::header).map(|header| header.clock());
    let options = LogWriter::options()
        .segment_bytes(largest.clamp(*SEGMENT_BYTES.start(), *SEGMENT_BYTES.end()))
        .clock(clock.unwrap_or_default());
    options.open(out).map_err(SalvageError::Create)
}

/// Checks that `out` is free and outside the damaged log.
fn check_out(log: &Path, out: &Path) -> Result<(), SalvageError> {
    let io_error = |source| SalvageError::Io { path: out.into(), source };
    match fs::read_dir(out).map(|mut entries| entries.next().is_none()) {
        Ok(true) => {}
        Ok(false) => return Err(SalvageError::Occupied { path: out.into() }),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound => {}
            io::ErrorKind::NotADirectory if fs::symlink_metadata(out).is_ok() => {
                return Err(SalvageError::Occupied { path: out.into() });
            }
            _ => return Err(io_error(error)),
        },
    }
    // Nothing is in a file, which may have no name, either.
    if log.is_file() {
        return Ok(());
    }
    let log = fs::canonicalize(log).map_err(io_error)?;
    if existing_part(out).map_err(io_error)?.starts_with(&log) {
        return Err(SalvageError::Inside { path: out.into() });
    }
    Ok(())
}

/// Returns the nearest parent that exists, with links resolved.
fn existing_part(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let existing = path.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("/"));
    fs::canonicalize(existing)
}
