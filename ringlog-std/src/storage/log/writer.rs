//! Writing a log: a folder of segments, to which one writer at a time adds.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ringlog_nostd::format::{GAP_PAYLOAD_LEN, MetaTopic, record_len};
use ringlog_nostd::internal::check_event;
use ringlog_nostd::{EventConsumer, Run};

use crate::event::{EventHeader, Gap, GapReason, MAX_PAYLOAD};
use crate::storage::error::{AppendError, OpenError, SyncError};
use crate::storage::folder::writer_lock::WriterLock;
use crate::storage::folder::writer_record::WriterRecord;
use crate::storage::log::active::{ActiveSegment, Room};
use crate::storage::log::dropped::Dropped;
use crate::storage::log::long_runs::LongRuns;
use crate::storage::log::options::LogWriterOptions;
use crate::storage::log::summary::LogSummary;
use crate::storage::maintenance::maintenance::Maintenance;
use crate::storage::maintenance::policies::SyncPolicy;
use crate::storage::maintenance::workers::Workers;
use crate::storage::recovery::report::RecoveryReport;
use crate::storage::segment::counts::RecordCounts;

/// Writes events to a log, a folder of segments. Each run adds new segments to the existing ones.
///
/// What is written is published at once: readers see it, and it survives the death of the process. It survives a loss
/// of power once [`sync`](Self::sync) has returned, or once [`durable_position`](Self::durable_position) has passed
/// it: see [`SyncPolicy`].
///
/// Worker threads prepare the next segment, sync, and retire old segments, so that appending makes no file-system
/// call. Dropping the writer ends them and does the same as [`close`](Self::close), without reporting errors.
///
/// Where the size of files is limited (`RLIMIT_FSIZE`, `ulimit -f`), the kernel ends a process that exceeds the limit
/// with SIGXFSZ, unless the process handles or ignores that signal, as the programs `ringlog` and `stress` do. Then
/// it is an error, as a full disk is.
///
/// A forked process has a copy of the writer. It may only drop it, which changes nothing. The lock is the folder's
/// `writer` file: if that is deleted or replaced, the writer notices within about a second and takes no more events
/// ([`SyncError::LockFile`]).
///
/// ```
/// use ringlog::event::EventHeader;
/// use ringlog::storage::{LogReader, LogWriter};
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path().join("log");
/// let mut writer = LogWriter::options().segment_bytes(1 << 20).open(&folder)?;
/// writer.write_event(&EventHeader::new(1_000, 7, 5), b"hello")?;
/// let summary = writer.close()?;
/// assert_eq!((summary.events, summary.next_sequence), (1, 1));
/// assert_eq!(LogReader::open(&folder)?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LogWriter {
    pub(crate) folder: PathBuf,
    pub(crate) options: LogWriterOptions,
    pub(crate) record: WriterRecord,
    pub(crate) active: ActiveSegment,
    pub(crate) counts: RecordCounts,
    /// Segments of this run that are full.
    pub(crate) full_segments: u64,
    pub(crate) first_sequence: u64,
    /// Where the log ended when a GAP record of unknown count was its last record.
    pub(crate) doubted_at: Option<u64>,
    /// Rolls that had to wait for the next segment.
    pub(crate) stalls: u64,
    /// What a full disk took since the active segment was full.
    pub(crate) dropped: Option<Dropped>,
    pub(crate) report: RecoveryReport,
    pub(crate) consume_error: Option<AppendError>,
    pub(crate) long_runs: LongRuns,
    pub(crate) maintenance: Arc<Maintenance>,
    /// `None` in tests, which do the maintenance step by step, and while the writer ends.
    pub(crate) workers: Option<Workers>,
    pub(crate) is_closed: bool,
    /// Declared last, so dropped last: no other writer may start before the last segment is closed.
    pub(crate) lock: WriterLock,
}

impl LogWriter {
    /// Opens the log in `folder` to add to it, and creates the folder if it is missing.
    ///
    /// If the last writer died, its segments are sealed where their records end. After a loss of power, or if that is
    /// unknown because the `writer` file is missing or damaged, the new segment starts with a GAP record of unknown
    /// count, unless the log ends in one. [`recovery`](Self::recovery) reports what was found.
    ///
    /// ```
    /// use ringlog::storage::{LogWriter, OpenError};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let writer = LogWriter::open(folder.path())?;
    /// match LogWriter::open(folder.path()) {
    ///     Err(OpenError::Locked { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
    ///     other => panic!("{other:?}"),
    /// }
    /// # writer.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`OpenError::Locked`] while another writer is at work (after half a second if that one is in this process),
    /// [`OpenError::NotAFolder`], [`OpenError::Recovery`] if a segment is damaged where it must be whole,
    /// [`OpenError::MissingEnd`] if a closed log ends before its recorded end, [`OpenError::Header`] for a segment
    /// without a header, [`OpenError::Name`], [`OpenError::Create`] if there is no room, and [`OpenError::Io`] for
    /// everything else that the system refuses.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::options().open(folder)
    }

    /// Returns the default options, to change before opening a log.
    ///
    /// ```
    /// # use ringlog::storage::LogWriter;
    /// # let folder = tempfile::tempdir()?;
    /// let writer = LogWriter::options().segment_bytes(1 << 20).open(folder.path())?;
    /// assert!(writer.summary().events == 0);
    /// # writer.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn options() -> LogWriterOptions {
        LogWriterOptions::DEFAULT
    }

    /// Appends one event and publishes it, in a new segment if the active one is full.
    ///
    /// On a full disk [`FullDisk`](crate::storage::maintenance::policies::FullDisk) decides. Under
    /// [`SyncPolicy::EveryEvent`] this returns once the event is durable.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, storage::LogWriter};
    /// use ringlog::storage::AppendError;
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = LogWriter::options().max_bytes(Some(24)).open(folder.path())?;
    /// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// match writer.write_event(&EventHeader::new(2, 7, 5), b"again") {
    ///     Err(AppendError::LimitReached { written_bytes, .. }) => assert_eq!(written_bytes, 24),
    ///     other => panic!("{other:?}"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`AppendError::Event`], [`AppendError::TooLarge`] for a segment of this size, [`AppendError::LimitReached`],
    /// [`AppendError::Create`] if there is no next segment, [`AppendError::Poisoned`] after a failed sync. The log is
    /// then unchanged. [`AppendError::Close`] if the event was written and could not be synced.
    pub fn write_event(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), AppendError> {
        check_event(header, payload.len(), MAX_PAYLOAD)?;
        self.check_limit(header.stride())?;
        if self.make_room(header.stride())? == Room::Dropping {
            return self.drop_record(header, payload);
        }
        let Some(segment) = self.active.writer_mut() else { return Err(self.maintenance.poisoned()) };
        let offset = segment.next_offset();
        segment.write_event(header, payload).map_err(|error| self.maintenance.explain_append(error))?;
        self.note(header, payload, offset);
        self.sync_if_every_event()
    }

    /// Appends a GAP record, which reports lost events; `timestamp` is that of the first loss.
    ///
    /// A GAP record of the log's side is only allowed at the start of a segment, and begins a new one if needed.
    ///
    /// ```
    /// # use ringlog::storage::LogWriter;
    /// use ringlog::event::{Gap, GapReason};
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = LogWriter::open(folder.path())?;
    /// writer.append_gap(1, Gap::new(GapReason::RingFull, 3))?;
    /// assert_eq!(writer.close()?.lost, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    pub fn append_gap(&mut self, timestamp: u64, gap: Gap) -> Result<(), AppendError> {
        self.check_limit(record_len(GAP_PAYLOAD_LEN))?;
        self.append_gap_unlimited(timestamp, gap)
    }

    pub(crate) fn append_gap_unlimited(&mut self, timestamp: u64, gap: Gap) -> Result<(), AppendError> {
        let header = Gap::header(timestamp);
        if gap.log_side && !self.active.is_in_preamble() && self.dropped.is_none() {
            self.roll()?;
        }
        if self.make_room(header.stride())? == Room::Dropping {
            return self.drop_record(&header, &gap.to_payload());
        }
        if gap.log_side {
            self.append_preamble(timestamp, gap)?;
            return self.sync_if_every_event();
        }
        let Some(segment) = self.active.writer_mut() else { return Err(self.maintenance.poisoned()) };
        let offset = segment.next_offset();
        segment.append_gap(timestamp, gap).map_err(|error| self.maintenance.explain_append(error))?;
        self.note(&header, &gap.to_payload(), offset);
        self.publish_losses();
        self.sync_if_every_event()
    }

    /// Ensures that a GAP record of unknown count is at the log's end. Appends one of the log's side unless it is
    /// there already, so that a writer that starts again and again does not add a segment each time.
    pub(crate) fn report_unknown_loss(
        &mut self,
        timestamp: u64,
        reason: GapReason,
    ) -> Result<(), AppendError> {
        if self.doubted_at == Some(self.next_sequence()) {
            return Ok(());
        }
        self.append_gap_unlimited(timestamp, Gap { log_side: true, ..Gap::new(reason, 0) })?;
        self.doubted_at = Some(self.next_sequence());
        Ok(())
    }

    /// Continues at a later position. A GAP record of unknown count reports that what belongs before it is missing.
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    pub(crate) fn skip_to(&mut self, position: u64, reason: GapReason) -> Result<(), AppendError> {
        self.skip_counted(position, reason, 0)
    }

    /// Does the same where `count` events are missing; 0 means that nobody knows how many.
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    pub(crate) fn skip_counted(
        &mut self,
        position: u64,
        reason: GapReason,
        count: u64,
    ) -> Result<(), AppendError> {
        self.check_position(position)?;
        let bytes = position.saturating_sub(self.end_position());
        let gap = Gap { log_side: true, ..Gap::new(reason, count) };
        let gap = match (self.active.is_empty(), count) {
            (false, _) => gap,
            // The next segment is named by its first sequence, so that must be another one. Of two events or more, each of
            // the two records counts some.
            (true, 0 | 1) => {
                self.append_preamble(0, Gap { count: 0, ..gap })?;
                gap
            }
            (true, _) => {
                self.append_preamble(0, Gap { count: 1, ..gap })?;
                Gap { count: count - 1, ..gap }
            }
        };
        let next = self.supply().next_segment()?;
        self.dropped = Some(Dropped::uncounted(bytes, 0));
        self.maintenance.spares.skip(bytes);
        self.begin(next);
        self.dropped = None;
        let extent = u32::try_from(bytes / 8).unwrap_or(0);
        self.append_preamble(0, Gap { extent, ..gap })?;
        self.sync_if_every_event()
    }

    /// Appends all records of the run, over as many segments as it takes, and accepts them from it.
    ///
    /// A GAP record of the log's side among them begins a segment, as in [`append_gap`](Self::append_gap).
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, storage::LogWriter};
    /// use ringlog::ring::RingBuffer;
    /// use ringlog::consumer::EventSource;
    /// # let folder = tempfile::tempdir()?;
    /// let mut ring = RingBuffer::new(1024);
    /// ring.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// ring.write_event(&EventHeader::new(2, 7, 5), b"again")?;
    ///
    /// let mut writer = LogWriter::open(folder.path())?;
    /// let mut run = ring.peek_run(0)?.unwrap();
    /// writer.append_run(&mut run)?;
    /// assert!(run.is_done());
    /// assert_eq!(writer.close()?.events, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event), and [`AppendError::Run`] at bytes that are no record. What was accepted
    /// before is in the log.
    pub fn append_run(&mut self, run: &mut Run<'_>) -> Result<(), AppendError> {
        self.append_records(run)?;
        while !run.is_done() {
            // Bytes that are no record are an error, also if no room is left. They may have become a record
            // meanwhile.
            Run::new(run.remaining()).map_err(AppendError::Run)?;
            self.append_records(run)?;
        }
        self.sync_if_every_event()
    }

    /// Appends the records of the run, up to bytes that are no record.
    fn append_records(&mut self, run: &mut Run<'_>) -> Result<(), AppendError> {
        while let Some((header, payload)) = run.peek() {
            if let Some(gap) = log_side_gap(&header, payload) {
                self.append_gap(header.timestamp, gap)?;
                run.accept_bytes(header.stride(), 1);
                continue;
            }
            self.check_limit(header.stride())?;
            if self.make_room(header.stride())? == Room::Dropping {
                self.drop_record(&header, payload)?;
                run.accept_bytes(header.stride(), 1);
                continue;
            }
            self.append_part(run)?;
        }
        Ok(())
    }

    /// Appends what fits into the active segment, up to a GAP record of the log's side. If a record has grown since
    /// it was checked, that may be nothing: the next check finds it as it is.
    fn append_part(&mut self, run: &mut Run<'_>) -> Result<(), AppendError> {
        let most_bytes = usize::try_from(self.left_bytes()).unwrap_or(usize::MAX);
        let Some(segment) = self.active.writer_mut() else { return Err(self.maintenance.poisoned()) };
        let fitting = run.remaining().len().min(most_bytes).min(segment.remaining_bytes() as usize);
        let is_cached = segment.flusher().is_cached();
        let is_long = self.long_runs.is_long(fitting, is_cached);
        let appended = if is_long {
            segment.write_part(run, most_bytes, &mut self.long_runs.buffer, |gap| gap.log_side)
        } else {
            let prefaults = is_cached || !self.long_runs.are_usual();
            segment.append_part(run, most_bytes, prefaults, |gap| gap.log_side)
        };
        let taken = appended.map_err(|error| self.maintenance.explain_append(error))?;
        if !is_cached && self.long_runs.pass(taken.bytes, is_long) {
            self.maintenance.spares.set_writes_by_calls(self.long_runs.are_usual());
        }
        if taken.records > 0 {
            taken.add_to(&mut self.counts);
            self.active.pass_run();
        }
        if taken.gaps > 0 {
            self.publish_losses();
        }
        taken.check()
    }

    /// Makes everything that was written durable.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, storage::LogWriter};
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = LogWriter::open(folder.path())?;
    /// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// writer.sync()?;
    /// assert_eq!(writer.durable_position(), writer.position());
    /// # writer.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SyncError::Failed`] with the system's error; the writer takes no more events then. [`SyncError::Damaged`] if
    /// a segment that a dead writer left is damaged, once for each such segment: everything that this writer wrote is
    /// durable then, and it takes more events.
    pub fn sync(&mut self) -> Result<(), SyncError> {
        self.sync_own()?;
        self.report_damage()
    }

    /// Makes everything that was written durable, and leaves older damage to be reported later.
    fn sync_own(&self) -> Result<(), SyncError> {
        if !self.lock.ownership().is_of_this_process() {
            return Err(SyncError::OtherProcess { path: self.folder.clone() });
        }
        self.maintenance.syncs.sync_now().map_err(|error| self.maintenance.explain(error))
    }

    fn report_damage(&self) -> Result<(), SyncError> {
        self.take_damage().map_or(Ok(()), |error| Err(SyncError::Damaged(Box::new(error))))
    }

    /// Begins a new segment if the active one holds a record and has reached the age of
    /// [`roll_after`](LogWriterOptions::roll_after). An append does this by itself; call this where no appends come.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, storage::LogWriter};
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = LogWriter::open(folder.path())?;
    /// writer.roll_if_due()?;
    /// assert_eq!(writer.summary().segments, 0, "no age is set");
    /// # writer.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    pub fn roll_if_due(&mut self) -> Result<(), AppendError> {
        if self.dropped.is_none() {
            return self.roll_if_old().map(drop);
        }
        if self.continue_after_loss()? { self.sync_if_every_event() } else { Ok(()) }
    }

    /// Syncs and seals all segments, and returns what this run wrote.
    ///
    /// A last segment without any record is deleted, so that an idle run adds no file.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, storage::LogWriter};
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = LogWriter::open(folder.path())?;
    /// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// assert_eq!(writer.close()?.segments, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`sync`](Self::sync), and [`SyncError::Folder`]. [`SyncError::Damaged`] if that was not reported yet: the
    /// log is still closed. [`SyncError::UnreportedLoss`] if the disk is still so full that there is no room for the
    /// GAP record of dropped events: the next run begins with it, and the log is readable.
    pub fn close(mut self) -> Result<LogSummary, SyncError> {
        self.end().map_err(|error| self.maintenance.explain(error))?;
        self.report_damage()?;
        Ok(self.summary())
    }

    /// Returns the error that made this writer refuse an event as an [`EventConsumer`], once.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, storage::LogWriter};
    /// use ringlog::consumer::EventConsumer;
    /// use ringlog::storage::AppendError;
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = LogWriter::options().max_bytes(Some(8)).open(folder.path())?;
    /// assert!(!writer.consume(&EventHeader::new(1, 7, 5), b"hello"));
    /// assert!(matches!(writer.take_error(), Some(AppendError::LimitReached { .. })));
    /// # writer.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn take_error(&mut self) -> Option<AppendError> {
        self.consume_error.take()
    }

    #[inline]
    fn check_limit(&self, stride: usize) -> Result<(), AppendError> {
        if stride as u64 <= self.left_bytes() {
            return Ok(());
        }
        let (path, written_bytes) = (self.folder.clone(), self.counts.bytes);
        let max_bytes = self.options.rules.max_bytes.unwrap_or(u64::MAX);
        Err(AppendError::LimitReached { path, written_bytes, max_bytes })
    }

    /// Returns what this run may still write.
    #[inline]
    fn left_bytes(&self) -> u64 {
        self.options.rules.max_bytes.map_or(u64::MAX, |max_bytes| max_bytes.saturating_sub(self.counts.bytes))
    }

    #[inline]
    fn sync_if_every_event(&mut self) -> Result<(), AppendError> {
        match self.options.rules.sync {
            SyncPolicy::EveryEvent => Ok(self.sync_own()?),
            _ => Ok(()),
        }
    }

    /// Keeps an error for [`take_error`](Self::take_error). The first one is the most useful.
    fn keep(&mut self, result: Result<(), AppendError>) -> bool {
        match result {
            Ok(()) => true,
            Err(error) => {
                self.consume_error.get_or_insert(error);
                false
            }
        }
    }
}

/// Writes every event, and GAP records as such. After a refusal, [`LogWriter::take_error`] returns the reason.
impl EventConsumer for LogWriter {
    fn consume(&mut self, header: &EventHeader, payload: &[u8]) -> bool {
        let result = match Gap::from_event(header, payload) {
            Some(gap) => self.append_gap(header.timestamp, gap),
            None => self.write_event(&header.as_user(), payload),
        };
        self.publish_counts();
        self.keep(result)
    }

    fn name(&self) -> &str {
        "log"
    }

    fn consume_run(&mut self, run: &mut Run<'_>) -> bool {
        let result = self.append_run(run);
        self.publish_counts();
        self.keep(result)
    }

    fn meta(&mut self, topic: MetaTopic, json: &[u8]) {
        let result = self.set_schema(topic, json);
        // Without a next segment, the next append meets the same error or is dropped.
        if !matches!(result, Err(AppendError::Create(_))) {
            self.keep(result);
        }
    }

    /// Rolls by age, and reports dropped events once there is room.
    fn idle(&mut self) {
        let result = self.roll_if_due();
        // On a full disk nothing is lost by not rolling. An append that finds no room will fail.
        if !matches!(result, Err(AppendError::Create(_))) {
            self.keep(result);
        }
    }
}

/// Returns the GAP record if it is one that is only allowed at the start of a segment.
#[inline]
fn log_side_gap(header: &EventHeader, payload: &[u8]) -> Option<Gap> {
    Gap::from_event(header, payload).filter(|gap| gap.log_side)
}
