//! Opening a log for writing: the lock, recovery, the first segment of this run.
#![forbid(unsafe_code)]
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use ringlog_nostd::internal::check_position;

use crate::event::GapReason;
use crate::os::files::{folder_of, is_in_memory, open_to_read};
use crate::os::lock_holder::live_writer;
use crate::os::platform::{Linux, Platform, is_disk_full};
use crate::os::time::unix_nanos;
use crate::storage::cursor::list::{cursors_of, others_among};
use crate::storage::error::{CreateError, OpenError};
use crate::storage::folder::ending::{WriterFile, WriterFileState};
use crate::storage::folder::last_run::{LastRun, LastWriter};
use crate::storage::folder::listing::Folder;
use crate::storage::folder::writer_lock::{OWN_WAITS, WriterLock};
use crate::storage::folder::writer_record::{UnreportedLoss, WriterRecord};
use crate::storage::log::active::{ActiveSegment, Base};
use crate::storage::log::long_runs::LongRuns;
use crate::storage::log::options::LogWriterOptions;
use crate::storage::log::writer::LogWriter;
use crate::storage::maintenance::maintenance::{ExistingLog, Maintenance};
use crate::storage::maintenance::policies::SyncPolicy;
use crate::storage::maintenance::retention::FinishedSegment;
use crate::storage::maintenance::segments::bytes_on_disk;
use crate::storage::maintenance::workers::Workers;
use crate::storage::names::WRITER_FILE;
use crate::storage::read::scan::segment_scan::FileScan;
use crate::storage::recovery::recovery::{LogEnd, LogRecovery, Recovered, Unfinished};
use crate::storage::recovery::resync::NeedsSync;
use crate::storage::segment::counts::RecordCounts;
use crate::storage::segment::create::rounded_capacity;
use crate::storage::segment::file::SegmentInfo;
use crate::storage::segment::spare::{SpareSegment, is_temporary};

/// What is known before the first segment of a run begins.
pub(crate) struct OpenedFolder {
    lock: WriterLock,
    record: WriterRecord,
    log: Recovered,
    /// The sequence at which the log begins.
    begins_at: u64,
    unreported: Option<UnreportedLoss>,
    /// A ring in the last writer's process held events, or may have held some, that the log does not have.
    has_undrained_ring: bool,
}

impl LogWriter {
    pub(crate) fn open_at(
        folder: &Path,
        options: LogWriterOptions,
        platform: Arc<dyn Platform>,
        has_workers: bool,
    ) -> Result<Self, OpenError> {
        // Before anything is created, so that nothing is left of a log that is not possible.
        let segment_bytes = rounded_capacity(folder, options.rules.segment_bytes)?;
        options.schemas.check_room(folder, segment_bytes)?;
        let mut made = MadeFolders::default();
        if !options.is_late {
            made.create(&*platform, folder)?;
        }
        let found = OpenedFolder::of(folder, &options, &*platform)?;
        let (end, unreported, has_undrained_ring) =
            (found.log.end, found.unreported, found.has_undrained_ring);
        let mut log = Self::at_end(folder, options, platform, found)?;
        made.paths.clear();
        let lost = match end.lost_after {
            Some(timestamp) => Some((timestamp, GapReason::RecoveryCut)),
            None => has_undrained_ring.then_some((0, GapReason::RecorderEnded)),
        };
        if let Some((timestamp, reason)) = lost {
            log.report_unknown_loss(timestamp, reason).map_err(|error| OpenError::Append(error.into()))?;
        }
        if let Some(unreported) = unreported {
            log.append_gap_unlimited(unreported.first_timestamp, unreported.gap())
                .map_err(|error| OpenError::Append(error.into()))?;
        }
        log.report.gap_records = log.summary().gaps;
        // The log has continued, so the stored boot id is now this one.
        log.lock
            .store(&**log.maintenance.platform(), &log.record)
            .map_err(|error| OpenError::io(&folder.join(WRITER_FILE), "store into the file", error))?;
        if has_workers {
            log.workers = Some(Workers::start(&log.maintenance, log.options.worker_start.as_ref())?);
        }
        Ok(log)
    }

    fn at_end(
        folder: &Path,
        options: LogWriterOptions,
        platform: Arc<dyn Platform>,
        found: OpenedFolder,
    ) -> Result<Self, OpenError> {
        let OpenedFolder { mut lock, record, log: mut found, begins_at, .. } = found;
        let mut options = options;
        options.rules.is_uncached &= platform.can_write_uncached(lock.file());
        let end = found.end;
        let kept = kept_segments(&found.segments, end.sequence, options.rules.retention.is_limited());
        let base = Base { sequence: end.sequence, position: end.position };
        let doubted_at = ends_in_doubt(&found.segments, end).then_some(base.sequence);
        let Unfinished { paths, durable_position } = std::mem::take(&mut found.unfinished);
        let past = ExistingLog {
            begins_at,
            kept,
            unsynced: paths.into_iter().map(NeedsSync::of_dead_run).collect(),
            position: base.position,
            durable_position: durable_position.unwrap_or(base.position),
        };
        let maintenance = Maintenance::new(platform, folder, lock.ownership(), options.rules.clone(), past);
        // No page is prefaulted yet: the syncs would wait for what the disk then has to write.
        let next = SpareSegment::fresh(&**maintenance.platform(), folder, options.rules.segment_bytes, 0);
        // After a failed sync it is unknown what is on the disk. So the file that shows that a log was begun stays.
        let has_no_room = matches!(next, Err(CreateError::DiskFull { .. }));
        lock.set_draft(lock.is_draft() && has_no_room);
        let mut next = next?;
        next.draft.map.bring_pages_around(options.rules.wants_all_prefaulted());
        let mut current = options.begin_segment(folder, next, base, &maintenance);
        let failed = |error| OpenError::io(folder, "name the new segment in", io::Error::other(error));
        // At each moment there is a file that shows where the log continues.
        current.flusher().sync_header().map_err(failed)?;
        // On an error the new segment must not be closed as usual when it is dropped: it would then promise all
        // before it.
        found.clear_away(&**maintenance.platform()).inspect_err(|_| current.flusher().poison())?;
        current.flusher().rename_into_place().map_err(failed)?;
        maintenance.spares.set_preamble_bytes(options.schemas.record_bytes());
        current.prefault_first_pages(options.rules.first_prefault_bytes());
        let is_mapping_faster = options.rules.wants_all_prefaulted() || is_in_memory(folder);
        let is_uncached = options.rules.is_uncached;
        let log = Self {
            folder: folder.into(),
            options,
            record,
            active: ActiveSegment::new(current, base),
            counts: RecordCounts::default(),
            full_segments: 0,
            first_sequence: base.sequence,
            doubted_at,
            stalls: 0,
            dropped: None,
            report: found.report,
            consume_error: None,
            long_runs: LongRuns::new(is_mapping_faster, is_uncached),
            maintenance,
            workers: None,
            is_closed: false,
            lock,
        };
        log.announce();
        Ok(log)
    }
}

impl OpenedFolder {
    fn of(folder: &Path, options: &LogWriterOptions, platform: &dyn Platform) -> Result<Self, OpenError> {
        let was_missing = WriterFile::read_once(folder).state == WriterFileState::Missing;
        let patience = if options.is_late { Duration::ZERO } else { OWN_WAITS };
        let (mut lock, previous) = WriterLock::acquire_within(folder, patience)?;
        lock.set_draft(was_missing && previous.is_blank() && !has_segments(folder)?);
        let boot_id =
            platform.boot_id().map_err(|error| OpenError::io(folder, "read the boot id for", error))?;
        let run = LastRun::under(previous.boot_id.as_deref(), &boot_id);
        let is_known = run != LastRun::Unknown;
        let pid = Some(std::process::id());
        if previous.pid != pid {
            refuse_live_writer(folder)?;
        }
        let WriterRecord { first_sequence, end, .. } = previous;
        let writer = LastWriter { run, first_sequence, end };
        // Until the log has continued, the boot id must stay that of the writer before. If none has written, nothing
        // can be missing, even if this one dies before it has written either.
        let is_new = !is_known && !previous.is_damaged && !has_segments(folder)?;
        let boot_before = if is_new { Some(boot_id.clone()) } else { previous.boot_id.clone() };
        if !previous.is_damaged {
            // A damaged file must keep showing that it is damaged until the log has continued.
            let record = WriterRecord { pid, boot_id: boot_before, ..previous.clone() };
            lock.store(platform, &record).map_err(|error| {
                lock.set_draft(lock.is_draft() && is_disk_full(&error));
                OpenError::io(&folder.join(WRITER_FILE), "store into the file", error)
            })?;
        }
        let mut log = LogRecovery::new(folder, platform, writer).run()?;
        log.end.check(folder)?;
        log.report.writer_file = if was_missing || previous.is_blank() && log.segments.is_empty() {
            WriterFile::default()
        } else {
            (&previous).into()
        };
        if !is_known && (previous.is_damaged || !log.segments.is_empty()) {
            // It is unknown where the log ended, and which loss no GAP record reports yet.
            log.end.lost_after.get_or_insert(0);
            log.report.has_loss = true;
        }
        let unreported = previous.unreported.filter(|unreported| unreported.position == log.end.position);
        if let Some(unreported) = unreported {
            let position = log.end.position.checked_add(unreported.bytes).and_then(check_position);
            let UnreportedLoss { position: from, bytes, .. } = unreported;
            log.end.position = position.ok_or_else(|| OpenError::UnreportedLoss {
                path: lock.path().into(),
                position: from,
                bytes,
            })?;
            log.report.has_loss = true;
            log.report.has_unreported_loss = true;
            log.report.next_position = log.end.position;
        }
        // What the log got after it was copied is missing, as what was left in a ring is.
        let has_undrained_ring = previous.has_undrained_ring || previous.is_partial_copy;
        log.report.has_loss |= has_undrained_ring;
        log.report.has_undrained_ring = previous.has_undrained_ring;
        let begins_at = log.segments.first().map_or(log.end.sequence, |first| first.header.base_sequence);
        let begins_at = first_sequence.unwrap_or(begins_at).min(begins_at);
        let ring_identity = options.ring_identity.unwrap_or(previous.ring_identity);
        let log_identity = previous.log_identity.or_else(|| Some(new_log_identity()));
        log.report.cursors_of_other_logs = others_among(cursors_of(folder).unwrap_or_default(), log_identity);
        let boot_id = Some(boot_id);
        let record = WriterRecord {
            pid,
            boot_id,
            log_identity,
            first_sequence: (!options.rules.may_retire()).then_some(begins_at),
            ring_identity,
            has_undrained_ring: options.has_own_ring,
            is_never_synced: options.rules.sync == SyncPolicy::Never,
            ..WriterRecord::default()
        };
        Ok(Self { lock, record, log, begins_at, unreported, has_undrained_ring })
    }
}

/// Returns a random number that no other log has.
fn new_log_identity() -> u128 {
    let half = || u128::from(RandomState::new().hash_one(std::process::id()));
    half() << 64 | half()
}

/// The folders that were created for a log. They are deleted again if it does not begin.
#[derive(Default)]
struct MadeFolders {
    paths: Vec<PathBuf>,
}

impl MadeFolders {
    /// Creates the folder of a log if it is missing, and syncs its name.
    fn create(&mut self, platform: &dyn Platform, folder: &Path) -> Result<(), OpenError> {
        match fs::metadata(folder) {
            Ok(metadata) if metadata.is_dir() => return Ok(()),
            Ok(_) => return Err(OpenError::NotAFolder { path: folder.into() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(OpenError::io(folder, "open", error)),
        }
        let parent = folder_of(folder);
        if !parent.exists() {
            self.create(platform, &parent)?;
        }
        match fs::create_dir(folder) {
            Ok(()) => self.paths.push(folder.into()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(OpenError::io(folder, "create the folder", error)),
        }
        platform.sync_folder(&parent).map_err(|error| OpenError::io(&parent, "sync the folder", error))
    }
}

impl Drop for MadeFolders {
    fn drop(&mut self) {
        // A folder that holds something stays.
        self.paths.iter().rev().for_each(|folder| drop(fs::remove_dir(folder)));
    }
}

/// Refuses a log whose `writer` file, and with it the lock, was deleted or replaced while its writer is still at
/// work.
fn refuse_live_writer(folder: &Path) -> Result<(), OpenError> {
    let listed = Folder::list_to_write(folder)?;
    // The segment that it writes may have no name yet.
    let unnamed = listed.foreign.iter().filter(|path| is_temporary(path));
    let mut files = listed.segments.last().map(|(_, path)| path).into_iter().chain(unnamed);
    match files.find_map(|path| live_writer(&open_to_read(path).ok()?)) {
        Some(pid) => Err(OpenError::Locked { path: folder.join(WRITER_FILE), pid: Some(pid) }),
        None => Ok(()),
    }
}

fn has_segments(folder: &Path) -> Result<bool, OpenError> {
    let listed = Folder::list_to_write(folder)?;
    Ok(!listed.segments.is_empty())
}

/// Returns whether the log ends in a segment that only reports that an unknown number of events is missing. What is
/// in doubt at this end then needs no other GAP record. A segment that cannot be read reports nothing.
fn ends_in_doubt(segments: &[SegmentInfo], end: LogEnd) -> bool {
    let last = segments.iter().rfind(|segment| segment.header.base_sequence < end.sequence);
    // A segment that takes no position holds GAP records of the log's side only, and few of them.
    let last = last.filter(|segment| segment.header.base_position == end.position);
    let Some(mut scan) = last.and_then(|segment| FileScan::open(&segment.path).ok()) else { return false };
    while let Ok(Some(event)) = scan.next_event() {
        if event.gap().is_some_and(|gap| gap.count == 0) {
            return true;
        }
    }
    false
}

/// Returns the finished segments of the log, before one that begins now with `next_sequence`. Looks up what they take
/// on the disk if some may have to be retired.
fn kept_segments(
    segments: &[SegmentInfo],
    next_sequence: u64,
    is_limited: bool,
) -> VecDeque<FinishedSegment> {
    // A segment without records, which gives its name free, comes last.
    let segments: Vec<_> =
        segments.iter().filter(|segment| segment.header.base_sequence < next_sequence).collect();
    let on_disk = |segment: &SegmentInfo| if is_limited { bytes_on_disk(&segment.path).ok() } else { None };
    let ends = segments.iter().skip(1).map(|next| (next.header.created_at, next.header.base_sequence));
    let ends = ends.chain([(unix_nanos(), next_sequence)]);
    let kept = segments.iter().zip(ends).map(|(segment, (ended_at, next_sequence))| FinishedSegment {
        path: segment.path.clone(),
        bytes: on_disk(segment).unwrap_or(segment.file_bytes),
        ended_at,
        ended: None,
        next_sequence,
    });
    kept.collect()
}

impl LogWriterOptions {
    /// Opens the log in `folder`: see [`LogWriter::open`].
    ///
    /// ```
    /// use ringlog::{event::EventHeader, storage::LogWriter};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let mut writer = LogWriter::options().checksums(false).open(folder.path())?;
    /// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// assert_eq!(writer.close()?.events, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`LogWriter::open`].
    pub fn open(&self, folder: impl AsRef<Path>) -> Result<LogWriter, OpenError> {
        LogWriter::open_at(folder.as_ref(), self.clone(), Linux::shared(), true)
    }
}
