//! One log file of fixed capacity, written by one writer.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, io};

use ringlog_nostd::format::{
    FILE_HEADER_LEN, FileHeader, HEADER_LEN, RecordErrorKind, encode, file_flags, place_word,
};
use ringlog_nostd::internal::check_event;
use ringlog_nostd::{EventHeader, Gap, MAX_PAYLOAD, Run, WriteError, flags};

use crate::os::mmap::WriteMap;
use crate::os::platform::Platform;
use crate::storage::error::{AppendError, SyncError};
use crate::storage::segment::copy::{RunPlacement, Taken, add_checksums, remove_checksums, with_checksum};
use crate::storage::segment::create::NewFile;
use crate::storage::segment::flusher::{FlusherParts, SegmentFlusher};
use crate::storage::segment::options::MmapWriterOptions;
use crate::storage::segment::poison::Poison;
use crate::storage::segment::run_buffer::{PageStart, RunBuffer, RunForm};

/// What is copied and given checksums at a time: the processor's nearest caches keep as much.
const PIECE_BYTES: usize = 32 << 10;

/// Writes events to one memory-mapped log file.
///
/// What is written is published at once: readers see it, and it survives the death of the process. It survives a loss
/// of power once [`sync`](Self::sync) has returned. Dropping the writer syncs and seals the file as
/// [`close`](Self::close) does, but cannot report an error.
///
/// ```
/// use ringlog::event::EventHeader;
/// use ringlog::storage::{MmapReader, MmapWriter};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("events.evtl");
/// let mut writer = MmapWriter::create(&path, 1 << 20)?;
/// writer.write_event(&EventHeader::new(1_000, 7, 5), b"hello")?;
/// writer.close()?;
///
/// let mut seen = Vec::new();
/// MmapReader::open(&path)?.replay(|event| seen.push((event.header.timestamp, event.payload.to_vec())))?;
/// assert_eq!(seen, [(1_000, b"hello".to_vec())]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MmapWriter {
    pub(super) map: WriteMap,
    pub(super) flusher: Arc<SegmentFlusher>,
    pub(super) event_count: u64,
    /// The header as it was stored at the start.
    header: FileHeader,
    salt: u32,
    checksums: bool,
    /// META records that the first publication publishes too, unless that has been.
    pub(super) staged_records: u64,
    /// Old records follow what is written, on the disk and perhaps not in the kernel's cache.
    is_recycled: bool,
    /// The start of the page in which the next run begins, if the kernel's cache may lack it.
    page_start: PageStart,
    finished: bool,
}

/// Names and shared state of a file that becomes a log.
pub(crate) struct SegmentBirth {
    pub(crate) platform: Arc<dyn Platform>,
    /// The final name.
    pub(crate) path: PathBuf,
    /// The name until [`SegmentFlusher::rename_into_place`], if that is another one.
    pub(crate) temporary: Option<PathBuf>,
    /// Set by a failed sync of this file, or of any other of its log.
    pub(crate) poison: Arc<Poison>,
    pub(crate) is_recycled: bool,
    /// See [`SegmentFlusher::is_cached`].
    pub(crate) is_cached: bool,
}

impl MmapWriter {
    /// Returns the default options, to change before creating a file.
    ///
    /// ```
    /// # use ringlog::storage::MmapWriter;
    /// # let folder = tempfile::tempdir()?;
    /// let writer = MmapWriter::options().checksums(false).create(folder.path().join("events.evtl"), 4096)?;
    /// assert!(writer.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn options() -> MmapWriterOptions {
        MmapWriterOptions::new()
    }

    /// Turns an allocated file into a log by storing its header into the mapping: no system call.
    pub(crate) fn start(draft: NewFile, header: &FileHeader, birth: SegmentBirth) -> Self {
        let NewFile { file, mut map } = draft;
        map.store_header(header);
        let SegmentBirth { platform, path, temporary, poison, is_recycled, is_cached } = birth;
        let parts = FlusherParts { platform, map: map.handle(), file, path, temporary, poison, is_cached };
        let flusher = SegmentFlusher::new(parts, header);
        let checksums = header.has(file_flags::CHECKSUMS);
        Self {
            map,
            flusher,
            event_count: 0,
            header: *header,
            salt: header.salt(),
            checksums,
            staged_records: 0,
            is_recycled,
            page_start: PageStart::default(),
            finished: false,
        }
    }

    /// Prefaults the pages of the next `bytes` bytes.
    pub(crate) fn prefault(&mut self, bytes: usize) {
        if bytes > 0 {
            self.map.populate_ahead(bytes);
        }
    }

    /// Prefaults exactly these pages. Later pages then come many at a time.
    pub(crate) fn prefault_first_pages(&mut self, bytes: usize) {
        self.flusher.map().populate_window(bytes);
        self.map.bring_pages_around(true);
    }

    /// Syncs the file as it was created: its length, its blocks, its header.
    pub(crate) fn sync_new(&self) -> io::Result<()> {
        self.flusher.sync_new()
    }

    /// Appends one event and publishes it.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, storage::MmapWriter};
    /// use ringlog::storage::AppendError;
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = MmapWriter::create(folder.path().join("events.evtl"), 4096)?;
    /// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// // The header's length is not that of the payload.
    /// let error = writer.write_event(&EventHeader::new(2, 7, 9), b"hello").unwrap_err();
    /// assert!(matches!(error, AppendError::Event(_)));
    /// assert_eq!(writer.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`AppendError::Full`] if the rest of the file is too small, [`AppendError::TooLarge`] if an empty file would
    /// be, [`AppendError::Event`] for a header that does not fit its payload or sets more than the user's flags,
    /// [`AppendError::Poisoned`] after a failed sync. The log is then unchanged.
    // Always inlined: a caller builds the header field by field, and keeps it in registers only if the compiler sees
    // that whole words of it are used.
    #[inline(always)]
    pub fn write_event(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), AppendError> {
        check_event(header, payload.len(), MAX_PAYLOAD)?;
        self.append(header, payload)
    }

    /// Appends a GAP record, which reports lost events; `timestamp` is that of the first loss.
    ///
    /// ```
    /// # use ringlog::storage::MmapWriter;
    /// use ringlog::event::{Gap, GapReason};
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = MmapWriter::create(folder.path().join("events.evtl"), 4096)?;
    /// writer.append_gap(1, Gap::new(GapReason::RingFull, 3))?;
    /// assert_eq!(writer.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    pub fn append_gap(&mut self, timestamp: u64, gap: Gap) -> Result<(), AppendError> {
        self.append(&Gap::header(timestamp), &gap.to_payload())
    }

    /// Appends as many records of the run as fit, accepts them from it, and publishes them together.
    ///
    /// The run's bytes are read once: the checks and the checksums are made from the copy.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, storage::MmapWriter};
    /// use ringlog::{consumer::EventSource, ring::RingBuffer};
    /// # let folder = tempfile::tempdir()?;
    /// let mut ring = RingBuffer::new(1024);
    /// ring.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// ring.write_event(&EventHeader::new(2, 7, 5), b"again")?;
    ///
    /// let mut writer = MmapWriter::create(folder.path().join("events.evtl"), 4096)?;
    /// writer.append_run(&mut ring.peek_run(0)?.unwrap())?;
    /// assert_eq!(writer.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`AppendError::Full`] if not all of them fit, [`AppendError::TooLarge`] for one that never does,
    /// [`AppendError::Run`] at bytes that are no record: the records before are appended and accepted.
    /// [`AppendError::Poisoned`] after a failed sync.
    pub fn append_run(&mut self, run: &mut Run<'_>) -> Result<(), AppendError> {
        while !run.is_done() {
            let taken = self.append_part(run, usize::MAX, true, |_| false)?;
            taken.check()?;
            if taken.records == 0 {
                return Err(self.full(first_stride(run.remaining())));
            }
        }
        Ok(())
    }

    /// Appends the first records of the run: some 32 KiB of those that fit into the file and into `most_bytes`, up to a GAP
    /// record for which `ends_before` is true. Accepts them from the run. Unless it `prefaults` them, pages come one fault at a time.
    ///
    /// # Errors
    ///
    /// [`AppendError::Poisoned`] after a failed sync.
    pub(crate) fn append_part(
        &mut self,
        run: &mut Run<'_>,
        most_bytes: usize,
        prefaults: bool,
        ends_before: impl Fn(&Gap) -> bool,
    ) -> Result<Taken, AppendError> {
        self.refuse_if_poisoned()?;
        let from = run.remaining();
        let piece = PIECE_BYTES.max(first_stride(from));
        let bytes = from.len().min(self.map.remaining_bytes()).min(most_bytes).min(piece);
        if prefaults {
            self.map.populate_ahead(bytes);
        }
        let taken = self.copy(&from[..bytes], ends_before);
        Ok(self.accept(run, bytes, taken))
    }

    /// Does the same by a call of the system, for at most as many bytes as the buffer holds. The caller must know that the
    /// pages are not prefaulted.
    ///
    /// # Errors
    ///
    /// As [`append_part`](Self::append_part). [`AppendError::Close`] if the call failed: nothing is published, and as it
    /// is unknown what is in the file now, the writer takes no more events.
    pub(crate) fn write_part(
        &mut self,
        run: &mut Run<'_>,
        most_bytes: usize,
        buffer: &mut RunBuffer,
        ends_before: impl Fn(&Gap) -> bool,
    ) -> Result<Taken, AppendError> {
        self.refuse_if_poisoned()?;
        let from = run.remaining();
        let room = RunBuffer::room(self.map.write_offset());
        let bytes = from.len().min(self.map.remaining_bytes()).min(most_bytes).min(room);
        let place = RunPlacement { salt: self.salt, offset: self.map.write_offset() };
        let form = RunForm { place, checksums: self.checksums };
        let is_uncached = buffer.is_uncached;
        let lead = if is_uncached { self.page_start.before(place.offset) } else { &[] };
        let taken = buffer.fill(lead, &from[..bytes], form, ends_before);
        if taken.records > 0 {
            // The rest of a page that is not in the kernel's cache would be read from the disk first.
            let ends_at_page = self.is_recycled || is_uncached;
            let (offset, written) = buffer.written(taken.bytes, place.offset, ends_at_page);
            self.flusher.write_at(written, offset, is_uncached)?;
            if is_uncached {
                buffer.keep_page_start(taken.bytes, place.offset, &mut self.page_start);
            }
            self.map.pass_populated(taken.bytes);
        }
        Ok(self.accept(run, bytes, taken))
    }

    /// Publishes what was taken of the run's first `copied` bytes, and accepts it from the run.
    fn accept(&mut self, run: &mut Run<'_>, copied: usize, mut taken: Taken) -> Taken {
        if copied < run.remaining().len() && matches!(taken.damage, Some(RecordErrorKind::Truncated { .. })) {
            // The rest of the record is in bytes that were not copied.
            taken.damage = None;
        }
        if taken.records > 0 {
            self.publish(taken.bytes, taken.records);
            run.accept_bytes(taken.bytes, taken.records);
        }
        taken
    }

    /// Copies `from`, and adds checksums to the records in it, without publishing them.
    fn copy(&mut self, from: &[u8], ends_before: impl Fn(&Gap) -> bool) -> Taken {
        let place = RunPlacement { salt: self.salt, offset: self.map.write_offset() };
        let to = &mut self.map.unpublished()[..from.len()];
        to.copy_from_slice(from);
        self.map.show_to_witness(from.len());
        let to = &mut self.map.unpublished()[..from.len()];
        let taken = if self.checksums {
            add_checksums(to, place, ends_before)
        } else {
            remove_checksums(to, ends_before)
        };
        self.map.show_to_witness(taken.bytes);
        taken
    }

    /// Makes everything that was written durable and raises the watermark.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, storage::MmapWriter};
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = MmapWriter::create(folder.path().join("events.evtl"), 4096)?;
    /// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// writer.sync()?;
    /// assert_eq!(writer.synced_offset(), writer.write_offset());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SyncError::Failed`] with the system's error. The watermark stays where it was, and the writer takes no more
    /// events: what reached the disk is unknown.
    pub fn sync(&mut self) -> Result<(), SyncError> {
        self.flusher.sync().map(drop)
    }

    /// Syncs the file, seals it, and gives the blocks past the last event back to the file system. Returns the header,
    /// with the final count and end of its records.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, storage::MmapWriter};
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = MmapWriter::create(folder.path().join("events.evtl"), 4096)?;
    /// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// let header = writer.close()?;
    /// assert_eq!((header.event_count, header.write_offset), (1, 64 + 24));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`sync`](Self::sync). The file is still readable; it is only not marked as clean.
    pub fn close(self) -> Result<FileHeader, SyncError> {
        let header = self.header();
        let synced_offset = self.into_flusher().finish(true)?;
        let flags = header.flags | file_flags::SEALED | file_flags::CLEAN;
        Ok(FileHeader { synced_offset, flags, ..header })
    }

    /// Ends the writing. The caller, or a thread of its choice, syncs and seals the file.
    pub(crate) fn into_flusher(mut self) -> Arc<SegmentFlusher> {
        self.finished = true;
        Arc::clone(&self.flusher)
    }

    /// Returns the part that the workers share.
    pub(crate) const fn flusher(&self) -> &Arc<SegmentFlusher> {
        &self.flusher
    }

    /// Returns the file's path.
    ///
    /// ```
    /// # use ringlog::storage::MmapWriter;
    /// # let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("events.evtl");
    /// assert_eq!(MmapWriter::create(&path, 4096)?.path(), path);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn path(&self) -> &Path {
        self.flusher.path()
    }

    /// Returns the number of records in the file, GAP and META records included.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, storage::MmapWriter};
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = MmapWriter::create(folder.path().join("events.evtl"), 4096)?;
    /// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// assert_eq!(writer.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn len(&self) -> u64 {
        if self.is_empty() { 0 } else { self.event_count }
    }

    /// Returns whether nothing was written yet.
    ///
    /// ```
    /// # use ringlog::storage::MmapWriter;
    /// # let folder = tempfile::tempdir()?;
    /// assert!(MmapWriter::create(folder.path().join("events.evtl"), 4096)?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.event_count == self.staged_records
    }

    /// Returns where the next record goes, in bytes from the start of the file. The META records that are stored before the
    /// first one are not counted until it is written.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, storage::MmapWriter};
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = MmapWriter::create(folder.path().join("events.evtl"), 4096)?;
    /// assert_eq!(writer.write_offset(), 64, "past the header");
    /// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// assert_eq!(writer.write_offset(), 64 + 24);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn write_offset(&self) -> u64 {
        if self.is_empty() { FILE_HEADER_LEN as u64 } else { self.map.write_offset() }
    }

    /// Returns the offset below which everything is on stable storage, in bytes from the start of the file.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, storage::MmapWriter};
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = MmapWriter::create(folder.path().join("events.evtl"), 4096)?;
    /// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// assert_eq!(writer.synced_offset(), 64, "not synced yet");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn synced_offset(&self) -> u64 {
        self.flusher.synced_offset()
    }

    /// Returns the size of the file in bytes, its header included.
    ///
    /// ```
    /// # use ringlog::storage::MmapWriter;
    /// # let folder = tempfile::tempdir()?;
    /// let writer = MmapWriter::create(folder.path().join("events.evtl"), 5000)?;
    /// assert_eq!(writer.capacity_bytes(), 8192, "whole pages");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn capacity_bytes(&self) -> u64 {
        self.map.capacity_bytes()
    }

    /// Returns the bytes that are left for records.
    ///
    /// ```
    /// # use ringlog::storage::MmapWriter;
    /// # let folder = tempfile::tempdir()?;
    /// let writer = MmapWriter::create(folder.path().join("events.evtl"), 4096)?;
    /// assert_eq!(writer.remaining_bytes(), 4096 - 64);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn remaining_bytes(&self) -> u64 {
        self.map.remaining_bytes() as u64
    }

    /// Returns the header as it is in the file now.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, storage::MmapWriter};
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = MmapWriter::create(folder.path().join("events.evtl"), 4096)?;
    /// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// assert_eq!(writer.header().event_count, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn header(&self) -> FileHeader {
        FileHeader {
            event_count: self.len(),
            write_offset: self.write_offset(),
            synced_offset: self.synced_offset(),
            ..self.header
        }
    }

    #[inline(always)]
    fn append(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), AppendError> {
        self.refuse_if_poisoned()?;
        let stride = header.stride();
        if stride > self.map.remaining_bytes() {
            return Err(self.full(stride));
        }
        self.map.populate_ahead(stride);
        let stride = self.encode(header, payload)?;
        self.publish(stride, 1);
        Ok(())
    }

    /// Stores a record where the next one goes, without publishing it, and returns its length in bytes.
    #[inline(always)]
    pub(super) fn encode(&mut self, header: &EventHeader, payload: &[u8]) -> Result<usize, AppendError> {
        let stored = if self.checksums {
            let place = place_word(self.salt, self.map.write_offset());
            with_checksum(header.with_flags(header.flags | flags::COMMITTED), payload, place)
        } else {
            *header
        };
        let sealed = encode(self.map.unpublished(), &stored, payload);
        let Some(stride) = sealed else { return Err(length_mismatch(header, payload)) };
        self.map.show_to_witness(stride);
        Ok(stride)
    }

    #[inline]
    fn publish(&mut self, bytes: usize, events: u64) {
        self.event_count += events;
        self.map.publish(bytes, self.event_count);
    }

    #[inline]
    fn refuse_if_poisoned(&self) -> Result<(), AppendError> {
        if self.flusher.is_poisoned() {
            return Err(AppendError::Poisoned { path: self.path().into() });
        }
        Ok(())
    }

    /// Returns `TooLarge` instead of `Full` for what can never fit.
    #[cold]
    pub(super) fn full(&self, needed_bytes: usize) -> AppendError {
        let (path, needed_bytes) = (self.path().into(), needed_bytes as u64);
        let preamble_bytes = self.next_offset() - FILE_HEADER_LEN as u64;
        let first_bytes = if self.is_empty() { preamble_bytes } else { 0 };
        let capacity_bytes = self.capacity_bytes() - FILE_HEADER_LEN as u64 - first_bytes;
        if needed_bytes > capacity_bytes {
            return AppendError::TooLarge { path, needed_bytes, capacity_bytes };
        }
        let (offset, remaining_bytes) = (self.write_offset(), self.remaining_bytes());
        AppendError::Full { path, offset, needed_bytes, remaining_bytes }
    }
}

impl Drop for MmapWriter {
    fn drop(&mut self) {
        if !self.finished && !self.flusher.is_poisoned() && self.flusher.is_of_this_process() {
            // Nobody is left to get the error. Without CLEAN the file itself shows that the sync failed.
            let _ = self.flusher.finish(true);
        }
    }
}

impl fmt::Debug for MmapWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MmapWriter")
            .field("path", &self.path())
            .field("event_count", &self.event_count)
            .field("write_offset", &self.write_offset())
            .field("capacity_bytes", &self.capacity_bytes())
            .finish_non_exhaustive()
    }
}

/// Returns the length of the record at the start of `bytes`, 0 if there is none.
fn first_stride(bytes: &[u8]) -> usize {
    bytes.first_chunk::<HEADER_LEN>().map_or(0, |head| EventHeader::from_bytes(head).stride())
}

fn length_mismatch(header: &EventHeader, payload: &[u8]) -> AppendError {
    WriteError::LengthMismatch { header: header.payload_len, payload: payload.len() }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_failed_sync_nothing_is_taken_and_the_watermark_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.evtl");
        let mut writer = MmapWriter::create(&path, 4096).unwrap();
        writer.write_event(&EventHeader::new(1, 2, 3), b"abc").unwrap();
        writer.flusher.poison();

        let refused = writer.write_event(&EventHeader::new(1, 2, 3), b"abc");
        assert!(matches!(refused, Err(AppendError::Poisoned { .. })));
        assert!(matches!(writer.sync(), Err(SyncError::Poisoned { .. })));
        assert_eq!((writer.len(), writer.synced_offset()), (1, 64));
        assert!(matches!(writer.close(), Err(SyncError::Poisoned { .. })));
        let reader = crate::storage::read::mapped::segment_reader::MmapReader::open(&path).unwrap();
        assert_eq!((reader.len(), reader.is_clean(), reader.is_sealed()), (1, false, false));
    }

    #[test]
    fn a_run_is_taken_up_to_the_first_bytes_that_are_no_record() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = MmapWriter::create(folder.path().join("events.evtl"), 4096).unwrap();
        let mut bytes = [0; 72];
        for at in [0, 24, 48] {
            let _ = encode(&mut bytes[at..], &EventHeader::new(1, 2, 3), b"abc").unwrap();
        }
        let mut run = Run::new(&bytes).unwrap();
        // A caller's mistake: the rest starts in the middle of a record.
        run.accept_bytes(32, 1);
        assert!(matches!(writer.append_run(&mut run), Err(AppendError::Run(_))));
        assert!(writer.is_empty() && writer.write_offset() == 64);
    }
}
