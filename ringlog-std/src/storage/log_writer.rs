//! Writing a log: a folder of segments that one writer at a time adds to.

#![forbid(unsafe_code)]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ringlog_nostd::{EventConsumer, FILE_HEADER_LEN, check_event};

use super::boot::boot_id;
use super::error::{AppendError, OpenError, SyncError};
use super::lock::{WriterLock, WriterRecord};
use super::log_recovery::{LastWriter, LogEnd, find_end};
use super::log_tally::{LogSummary, Tally, whole_records};
use super::log_writer_options::LogWriterOptions;
use super::mmap::PAGE_BYTES;
use super::position::Positions;
use super::segment::{Folder, sync_folder};
use super::writer::MmapWriter;
use crate::event::{Event, EventHeader, GAP_PAYLOAD_LEN, Gap, GapReason, MAX_PAYLOAD, Run, record_len};

/// Writes events to a log, a folder of segments. Each run adds segments of its own to those that are there.
///
/// What is written is published at once: readers see it, and it survives the death of the process. It
/// survives the loss of power once [`sync`](Self::sync) has returned, and when the segment is full or closed.
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
    folder: PathBuf,
    options: LogWriterOptions,
    record: WriterRecord,
    /// `None` after the roll to a next segment failed.
    current: Option<MmapWriter>,
    /// Of the current segment; without one, of the next.
    base: Base,
    positions: Positions,
    tally: Tally,
    /// Segments of this run that are full.
    full_segments: u64,
    first_sequence: u64,
    /// A full segment could not be closed.
    is_poisoned: bool,
    consume_error: Option<AppendError>,
    /// Declared last, so dropped last: nobody else may start before the last segment is closed.
    lock: WriterLock,
}

/// Where a segment begins in its log.
#[derive(Clone, Copy, Debug)]
struct Base {
    sequence: u64,
    position: u64,
}

impl LogWriter {
    /// Opens the log in `folder` to add to it, and creates the folder if it is missing.
    ///
    /// If the last writer died, its last segment is sealed where its records end. After a loss of power, or
    /// where nobody knows, the new segment then starts with a GAP record of unknown count.
    ///
    /// # Errors
    ///
    /// [`OpenError::Locked`] while another writer is at work, [`OpenError::NotAFolder`],
    /// [`OpenError::Recovery`] if the last segment is damaged where it has to be whole, [`OpenError::Name`],
    /// [`OpenError::Create`] if there is no room, and whatever else the system refuses.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::options().open(folder)
    }

    /// Options to choose before opening a log.
    #[must_use]
    pub const fn options() -> LogWriterOptions {
        LogWriterOptions::DEFAULT
    }

    pub(super) fn open_at(folder: &Path, options: LogWriterOptions) -> Result<Self, OpenError> {
        create_folder(folder)?;
        let (lock, previous) = WriterLock::acquire(folder)?;
        let boot_id = boot_id().map_err(|error| open_io(folder, "read the boot id for", error))?;
        let is_same_boot = previous.boot_id.as_deref() == Some(&boot_id);
        let writer = LastWriter { is_same_boot, has_closed: previous.closed };
        let (pid, previous_ring) = (Some(std::process::id()), previous.ring_identity);
        // Until the log has gone on, the boot id has to stay that of the writer before. Where none has
        // written, nothing can be missing, even if this one dies before it has written either.
        let has_segments = has_segments(folder)?;
        let boot_before = if has_segments { previous.boot_id.clone() } else { Some(boot_id.clone()) };
        store(&lock, &WriterRecord { pid, boot_id: boot_before, ..previous })?;
        let end = find_end(folder, writer)?;
        let ring_identity = options.ring_identity.unwrap_or(previous_ring);
        let record = WriterRecord { pid, boot_id: Some(boot_id), ring_identity, closed: false };
        let mut log = Self::at_end(folder, options, lock, record, end)?;
        if let Some(timestamp) = end.lost_after {
            let gap = Gap { log_side: true, ..Gap::new(GapReason::RecoveryCut, 0) };
            log.append_gap_unlimited(timestamp, gap).map_err(Box::new)?;
        }
        store(&log.lock, &log.record)?;
        Ok(log)
    }

    fn at_end(
        folder: &Path,
        options: LogWriterOptions,
        lock: WriterLock,
        record: WriterRecord,
        end: LogEnd,
    ) -> Result<Self, OpenError> {
        let base = Base { sequence: end.sequence, position: end.position };
        let current = options.create_segment(folder, base.sequence, base.position)?;
        Ok(Self {
            folder: folder.into(),
            options,
            lock,
            record,
            base,
            positions: Positions::of(&current.header()),
            current: Some(current),
            tally: Tally::default(),
            full_segments: 0,
            first_sequence: base.sequence,
            is_poisoned: false,
            consume_error: None,
        })
    }

    /// Appends one event and publishes it, in a new segment if the current one is full.
    ///
    /// # Errors
    ///
    /// [`AppendError::Event`], [`AppendError::TooLarge`] for a segment of this size,
    /// [`AppendError::LimitReached`], [`AppendError::Create`] or [`AppendError::Close`] if the roll to the
    /// next segment fails, [`AppendError::Poisoned`] after a failed sync. The log is as before then.
    pub fn write_event(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), AppendError> {
        check_event(header, payload.len(), MAX_PAYLOAD)?;
        self.check_limit(header.stride())?;
        let current = self.make_room(header.stride())?;
        let offset = current.write_offset();
        current.write_event(header, payload)?;
        self.note(header, payload, offset);
        Ok(())
    }

    /// Appends a record that stands for lost events; `timestamp` is that of the first loss.
    ///
    /// One of the log's side stands at the start of a segment only, and begins a new one if need be.
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    pub fn append_gap(&mut self, timestamp: u64, gap: Gap) -> Result<(), AppendError> {
        self.check_limit(record_len(GAP_PAYLOAD_LEN))?;
        self.append_gap_unlimited(timestamp, gap)
    }

    fn append_gap_unlimited(&mut self, timestamp: u64, gap: Gap) -> Result<(), AppendError> {
        if gap.log_side && !self.positions.is_in_lead() {
            self.roll()?;
        }
        let current = self.make_room(record_len(GAP_PAYLOAD_LEN))?;
        let offset = current.write_offset();
        current.append_gap(timestamp, gap)?;
        self.note(&Gap::header(timestamp), &gap.to_payload(), offset);
        Ok(())
    }

    /// Appends all records of the run, over as many segments as it takes, and accepts them from it.
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event), and [`AppendError::Run`] at bytes that are no record. What
    /// was accepted before is in the log.
    pub fn append_run(&mut self, run: &mut Run<'_>) -> Result<(), AppendError> {
        while !run.is_done() {
            let stride = run.peek().map_or(0, |(header, _)| header.stride());
            self.check_limit(stride)?;
            let left_bytes = self.left_bytes();
            let current = self.make_room(stride)?;
            let (offset, records) = (current.write_offset(), run.remaining());
            let appended = append_within(current, run, left_bytes);
            let taken = records.len() - run.remaining().len();
            self.note_all(records.get(..taken).unwrap_or_default(), offset);
            match appended {
                // The next segment takes the rest.
                Err(AppendError::Full { .. }) if taken > 0 => {}
                other => other?,
            }
        }
        Ok(())
    }

    /// Makes all that was written durable. Segments before the current one are already.
    ///
    /// # Errors
    ///
    /// [`SyncError::Failed`] with the system's error; the writer takes no more events then.
    pub fn sync(&mut self) -> Result<(), SyncError> {
        match &mut self.current {
            Some(current) => current.sync(),
            None if self.is_poisoned => Err(SyncError::Poisoned { path: self.folder.clone() }),
            None => Ok(()),
        }
    }

    /// Syncs and seals the current segment, and says what this run has written.
    ///
    /// A last segment without any record is deleted: an idle run leaves nothing behind.
    ///
    /// # Errors
    ///
    /// As [`sync`](Self::sync), and [`SyncError::Folder`]. The log is readable all the same.
    pub fn close(mut self) -> Result<LogSummary, SyncError> {
        let next_sequence = self.next_sequence();
        let mut segments = self.full_segments;
        match self.current.take() {
            Some(current) if current.is_empty() => remove_empty(&self.folder, current)?,
            Some(current) => {
                current.close()?;
                segments += 1;
            }
            None if self.is_poisoned => return Err(SyncError::Poisoned { path: self.folder }),
            None => {}
        }
        self.record.closed = true;
        let stored = self.lock.store(&self.record);
        stored.map_err(|error| folder_error(self.lock.path(), "store into the file", error))?;
        Ok(self.tally.summary(segments, self.first_sequence, next_sequence))
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// The position of the next record: bytes of the whole log as they stood in its ring.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.current.as_ref().map_or(self.base.position, |current| self.positions.at(current.write_offset()))
    }

    /// The sequence of the next record.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.base.sequence.saturating_add(self.current.as_ref().map_or(0, MmapWriter::len))
    }

    /// The sequence of the first record of this run.
    #[must_use]
    pub const fn first_sequence(&self) -> u64 {
        self.first_sequence
    }

    /// The identity of the ring that feeds the log, 0 if none does.
    #[must_use]
    pub const fn ring_identity(&self) -> u64 {
        self.record.ring_identity
    }

    /// Remembers, durably, which ring feeds the log from now on; 0 for none.
    ///
    /// A ring and its log count the same positions. While a ring feeds a log, nothing else may write events
    /// to it: see [`Recorder`](crate::recorder::Recorder).
    ///
    /// # Errors
    ///
    /// [`OpenError::Io`] if it cannot be stored.
    pub fn set_ring_identity(&mut self, ring_identity: u64) -> Result<(), OpenError> {
        let record = WriterRecord { ring_identity, ..self.record.clone() };
        store(&self.lock, &record)?;
        self.record = record;
        Ok(())
    }

    /// Bytes of records that this run has written.
    #[must_use]
    pub const fn bytes_written(&self) -> u64 {
        self.tally.bytes
    }

    /// What this run has written so far; the current segment counts once it holds a record.
    #[must_use]
    pub fn summary(&self) -> LogSummary {
        let current = u64::from(self.current.as_ref().is_some_and(|current| !current.is_empty()));
        self.tally.summary(self.full_segments + current, self.first_sequence, self.next_sequence())
    }

    /// The error that made this writer refuse an event as an [`EventConsumer`], once.
    pub fn take_error(&mut self) -> Option<AppendError> {
        self.consume_error.take()
    }

    /// A segment with room for `stride` bytes: the current one, or the next.
    #[inline]
    fn make_room(&mut self, stride: usize) -> Result<&mut MmapWriter, AppendError> {
        let has_room =
            self.current.as_ref().is_some_and(|current| stride as u64 <= current.remaining_bytes());
        if !has_room {
            self.check_size(stride)?;
            self.roll()?;
        }
        self.current.as_mut().ok_or_else(|| AppendError::Poisoned { path: self.folder.clone() })
    }

    /// Closes the current segment and begins the next one.
    #[cold]
    fn roll(&mut self) -> Result<(), AppendError> {
        if self.is_poisoned {
            return Err(AppendError::Poisoned { path: self.folder.clone() });
        }
        let base = Base { sequence: self.next_sequence(), position: self.position() };
        if let Some(full) = self.current.take() {
            self.base = base;
            self.full_segments += 1;
            full.close().inspect_err(|_| self.is_poisoned = true)?;
        }
        let next = self.options.create_segment(&self.folder, self.base.sequence, self.base.position)?;
        self.positions = Positions::of(&next.header());
        self.current = Some(next);
        Ok(())
    }

    fn check_size(&self, stride: usize) -> Result<(), AppendError> {
        let segment_bytes = self.options.segment_bytes.next_multiple_of(PAGE_BYTES);
        let capacity_bytes = segment_bytes - FILE_HEADER_LEN as u64;
        if stride as u64 <= capacity_bytes {
            return Ok(());
        }
        let path = self.folder.clone();
        Err(AppendError::TooLarge { path, needed_bytes: stride as u64, capacity_bytes })
    }

    #[inline]
    fn check_limit(&self, stride: usize) -> Result<(), AppendError> {
        if stride as u64 <= self.left_bytes() {
            return Ok(());
        }
        let (path, written_bytes) = (self.folder.clone(), self.tally.bytes);
        let max_bytes = self.options.max_bytes.unwrap_or(u64::MAX);
        Err(AppendError::LimitReached { path, written_bytes, max_bytes })
    }

    /// What this run may still write.
    #[inline]
    fn left_bytes(&self) -> u64 {
        self.options.max_bytes.map_or(u64::MAX, |max_bytes| max_bytes.saturating_sub(self.tally.bytes))
    }

    /// Counts a record that was written at `offset`.
    #[inline]
    fn note(&mut self, header: &EventHeader, payload: &[u8], offset: u64) {
        let event = Event { header: *header, payload, sequence: 0, offset };
        self.tally.add(&event);
        self.positions.next(&event);
    }

    /// Counts records that were written from `offset` on.
    fn note_all(&mut self, records: &[u8], mut offset: u64) {
        for (header, payload) in whole_records(records) {
            self.note(&header, payload, offset);
            offset += header.stride() as u64;
        }
    }

    /// Keeps an error for [`take_error`](Self::take_error); the first one says the most.
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

/// Writes every event, GAP records as such. After a refusal, [`LogWriter::take_error`] tells why.
impl EventConsumer for LogWriter {
    fn consume(&mut self, header: &EventHeader, payload: &[u8]) -> bool {
        let result = match Gap::from_event(header, payload) {
            Some(gap) => self.append_gap(header.timestamp, gap),
            None => self.write_event(&header.as_user(), payload),
        };
        self.keep(result)
    }

    fn name(&self) -> &str {
        "log"
    }

    fn consume_run(&mut self, run: &mut Run<'_>) -> bool {
        let result = self.append_run(run);
        self.keep(result)
    }
}

/// Appends as much of the run as fits into the segment and into `left_bytes`.
fn append_within(writer: &mut MmapWriter, run: &mut Run<'_>, left_bytes: u64) -> Result<(), AppendError> {
    let records = run.remaining();
    if records.len() as u64 <= left_bytes {
        return writer.append_run(run);
    }
    let mut end = 0;
    for (header, _) in whole_records(records) {
        if (end + header.stride()) as u64 > left_bytes {
            break;
        }
        end += header.stride();
    }
    let mut part = Run::new(records.get(..end).unwrap_or_default()).map_err(AppendError::Run)?;
    let appended = writer.append_run(&mut part);
    run.accept_bytes(part.accepted_bytes(), part.accepted_events());
    appended
}

fn remove_empty(folder: &Path, empty: MmapWriter) -> Result<(), SyncError> {
    let path = empty.path().to_owned();
    empty.close()?;
    fs::remove_file(&path).map_err(|error| folder_error(&path, "delete the empty file", error))?;
    sync_folder(folder).map_err(|error| folder_error(folder, "sync", error))
}

fn has_segments(folder: &Path) -> Result<bool, OpenError> {
    let listed = Folder::list(folder).map_err(|error| open_io(folder, "list", error))?;
    Ok(!listed.segments.is_empty())
}

fn create_folder(folder: &Path) -> Result<(), OpenError> {
    match fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(OpenError::NotAFolder { path: folder.into() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(folder).map_err(|error| open_io(folder, "create the folder", error))
        }
        Err(error) => Err(open_io(folder, "open", error)),
    }
}

fn store(lock: &WriterLock, record: &WriterRecord) -> Result<(), OpenError> {
    lock.store(record).map_err(|error| open_io(lock.path(), "store into the file", error))
}

fn open_io(path: &Path, action: &'static str, source: io::Error) -> OpenError {
    OpenError::Io { path: path.into(), action, source }
}

fn folder_error(path: &Path, action: &'static str, source: io::Error) -> SyncError {
    SyncError::Folder { path: path.into(), action, source }
}
