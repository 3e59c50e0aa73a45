//! Options of a log's writer.

#![forbid(unsafe_code)]

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::event::ClockKind;
use crate::os::mmap::PAGE_BYTES;
use crate::storage::log::active::Base;
use crate::storage::maintenance::maintenance::Maintenance;
use crate::storage::maintenance::policies::{FullDisk, SyncPolicy};
use crate::storage::maintenance::retention::Retention;
use crate::storage::maintenance::rules::Rules;
use crate::storage::maintenance::workers::WorkerStart;
use crate::storage::names::segment_name;
use crate::storage::schemas::list::SchemaList;
use crate::storage::segment::options::FileOptions;
use crate::storage::segment::spare::SpareSegment;
use crate::storage::segment::writer::{MmapWriter, SegmentBirth};

const DEFAULT_PREFAULT_BYTES: usize = 16 << 20;

/// Options of a log's writer: see [`LogWriter::options`](crate::storage::LogWriter::options).
///
/// ```
/// use ringlog::event::{ClockKind, EventHeader};
/// use ringlog::storage::{FullDisk, LogWriter, Retention, SyncPolicy};
/// use std::time::Duration;
/// # let folder = tempfile::tempdir()?;
///
/// let mut writer = LogWriter::options()
///     .segment_bytes(1 << 20)
///     .prefault_bytes(1 << 20)
///     .roll_after(Some(Duration::from_secs(3600)))
///     .sync(SyncPolicy::EveryBytes(1 << 16))
///     .full_disk(FullDisk::DropWithGap)
///     .retention(Retention { max_segments: Some(10), ..Retention::default() })
///     .checksums(true)
///     .clock(ClockKind::UnixNanos)
///     .max_bytes(Some(24))
///     .ring_identity(0)
///     .open(folder.path())?;
/// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
/// assert!(writer.write_event(&EventHeader::new(2, 7, 5), b"again").is_err(), "beyond max_bytes");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct LogWriterOptions {
    pub(crate) rules: Rules,
    pub(crate) ring_identity: Option<u64>,
    /// A ring in this process feeds the log.
    pub(crate) has_own_ring: bool,
    /// What that ring holds can be read again from where it came from.
    pub(crate) is_reread: bool,
    /// Does not create the folder or wait for its lock.
    pub(crate) is_late: bool,
    /// What each segment says of its events.
    #[doc(hidden)]
    pub schemas: SchemaList,
    /// What each worker thread runs first.
    pub(crate) worker_start: Option<WorkerStart>,
}

impl LogWriterOptions {
    /// Default size of a segment's file.
    #[doc(hidden)]
    pub const DEFAULT_SEGMENT_BYTES: u64 = 64 << 20;
    /// The sizes that a segment's file may have.
    #[doc(hidden)]
    pub const SEGMENT_BYTES: std::ops::RangeInclusive<u64> = crate::storage::segment::options::CAPACITY_BYTES;

    pub(crate) const DEFAULT: Self = Self {
        rules: Rules {
            segment_bytes: Self::DEFAULT_SEGMENT_BYTES,
            prefault_bytes: DEFAULT_PREFAULT_BYTES,
            file: FileOptions::DEFAULT,
            retention: Retention { max_bytes: None, max_age: None, max_segments: None, cursor_bytes: None },
            full_disk: FullDisk::Stop,
            sync: SyncPolicy::EveryInterval(Duration::from_secs(1)),
            roll_after: None,
            max_bytes: None,
            cached_bytes: None,
            max_unsynced_bytes: None,
            is_uncached: false,
        },
        ring_identity: None,
        has_own_ring: false,
        is_reread: false,
        is_late: false,
        schemas: SchemaList::new(),
        worker_start: None,
    };

    /// Sets the size of a segment's file in bytes, rounded up to 4096. The default is 64 MiB.
    #[must_use]
    pub const fn segment_bytes(mut self, segment_bytes: u64) -> Self {
        // An invalid size stays invalid, and is refused when the first file is created.
        self.rules.segment_bytes = match segment_bytes.checked_next_multiple_of(PAGE_BYTES) {
            Some(rounded) if segment_bytes >= PAGE_BYTES => rounded,
            _ => segment_bytes,
        };
        self
    }

    /// Sets how many bytes ahead of the writer a worker prefaults pages, in the active segment and at the start of
    /// the next one. The default is 16 MiB.
    ///
    /// A larger value allows longer bursts without a page fault. With a whole segment, no append ever meets one.
    /// Prefaulted pages take memory until the kernel has written them out. Opening the log waits for the first MiB of
    /// them, or for the whole segment if this value covers it.
    #[must_use]
    pub const fn prefault_bytes(mut self, prefault_bytes: usize) -> Self {
        self.rules.prefault_bytes = prefault_bytes;
        self
    }

    /// Sets the age at which a segment with records is closed although it is not full. The default is none.
    ///
    /// See [`LogWriter::roll_if_due`](crate::storage::LogWriter::roll_if_due) for logs that get no events for long.
    #[must_use]
    pub const fn roll_after(mut self, roll_after: Option<Duration>) -> Self {
        self.rules.roll_after = roll_after;
        self
    }

    /// Sets when what was written becomes durable. The default is once a second.
    #[must_use]
    pub const fn sync(mut self, sync: SyncPolicy) -> Self {
        self.rules.sync = sync;
        self
    }

    /// Sets how many bytes of full segments may wait for their sync before the writer waits for the disk, in whole segments:
    /// at least one, at most 255. The default is an eighth of the machine's memory.
    ///
    /// This bounds what a loss of power can take from a disk that is slower than the writer. [`SyncPolicy::Never`] has no
    /// such limit.
    #[must_use]
    pub const fn max_unsynced_bytes(mut self, max_unsynced_bytes: u64) -> Self {
        self.rules.max_unsynced_bytes = Some(max_unsynced_bytes);
        self
    }

    /// Sets whether written pages leave the kernel's cache once they are on the disk. The default is no.
    ///
    /// For logs that nobody reads soon and that would push other files out of the cache. Runs of 8 KiB and more are written
    /// so; Linux can do it since 6.14, and not on all file systems: see
    /// [`LogWatch::is_uncached`](crate::storage::LogWatch::is_uncached).
    #[must_use]
    pub const fn uncached(mut self, uncached: bool) -> Self {
        self.rules.is_uncached = uncached;
        self
    }

    /// Sets what the writer does when there is no room for the next segment. The default is to stop.
    #[must_use]
    pub const fn full_disk(mut self, full_disk: FullDisk) -> Self {
        self.rules.full_disk = full_disk;
        self
    }

    /// Sets how much of the log is kept. The default is everything.
    #[must_use]
    pub const fn retention(mut self, retention: Retention) -> Self {
        self.rules.retention = retention;
        self
    }

    /// Sets whether every record gets a CRC-32C. The default is yes.
    ///
    /// Without checksums, what is not synced looks the same as garbage after a loss of power, and is cut off.
    #[must_use]
    pub const fn checksums(mut self, checksums: bool) -> Self {
        self.rules.file.checksums = checksums;
        self
    }

    /// Sets what the timestamps count. The default is [`ClockKind::UnixNanos`].
    #[must_use]
    pub const fn clock(mut self, clock: ClockKind) -> Self {
        self.rules.file.clock = clock;
        self
    }

    /// Sets how many bytes of records this run may write. The default is no limit.
    #[must_use]
    pub const fn max_bytes(mut self, max_bytes: Option<u64>) -> Self {
        self.rules.max_bytes = max_bytes;
        self
    }

    /// Sets the identity of the ring that feeds the log, 0 for none. The folder's `writer` file keeps it. The default
    /// is the one that is there.
    #[must_use]
    pub const fn ring_identity(mut self, ring_identity: u64) -> Self {
        self.ring_identity = Some(ring_identity);
        self
    }

    /// Sets what each segment says of the log's events, so that a reader shows names instead of bytes. The default is
    /// nothing. [`LogWriter::register`](crate::storage::LogWriter::register) adds more later.
    ///
    /// ```
    /// use ringlog::event::{EventHeader, MetaTopic};
    /// use ringlog::storage::{LogReader, LogWriter, SchemaList};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let tick = br#"{"type":7,"name":"tick","size":5,"fields":[{"name":"text","offset":0,"kind":"text","length":5}]}"#;
    /// let mut schemas = SchemaList::new();
    /// schemas.insert(MetaTopic::EventType(7), &tick[..])?;
    ///
    /// let mut writer = LogWriter::options().schemas(schemas).open(folder.path())?;
    /// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// writer.close()?;
    ///
    /// let reader = LogReader::open(folder.path())?;
    /// let event = reader.events().next().unwrap()?;
    /// assert_eq!((event.payload, event.sequence), (&b"hello"[..], 1), "the first record describes it");
    /// assert_eq!(reader.schemas()?.of_type(7), Some(&tick[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn schemas(mut self, schemas: SchemaList) -> Self {
        self.schemas = schemas;
        self
    }

    /// Runs `f` on each of the log's worker threads before its first step, to choose their processors or to lower their
    /// priority. Without this they are where the thread that opens the log is.
    ///
    /// There are up to three, and `f` can ask for the name of its thread: `ringlog-segments` prepares and retires
    /// segments, `ringlog-sync` syncs, `ringlog-pages` prefaults and wakes the others. A worker that gets too little of
    /// a processor breaks no promise, but it delays syncs: more is lost with the power, until the writer waits for the
    /// worker. `docs/tuning.md` says what to choose.
    ///
    /// Opening the log waits for `f` on each thread, and fails with [`OpenError::WorkerStart`] if it fails or panics.
    ///
    /// ```
    /// use ringlog::{event::EventHeader, storage::LogWriter};
    /// use rustix::process::setpriority_process;
    /// use rustix::thread::{CpuSet, sched_setaffinity};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let first_processor_and_nice = || {
    ///     let mut processors = CpuSet::new();
    ///     processors.set(0);
    ///     sched_setaffinity(None, &processors)?;
    ///     // On Linux this is the thread alone.
    ///     Ok(setpriority_process(None, 19)?)
    /// };
    /// let mut writer = LogWriter::options().on_worker_start(first_processor_and_nice).open(folder.path())?;
    /// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// assert_eq!(writer.close()?.events, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// [`OpenError::WorkerStart`]: crate::storage::OpenError::WorkerStart
    #[must_use]
    pub fn on_worker_start(mut self, f: impl Fn() -> io::Result<()> + Send + Sync + 'static) -> Self {
        self.worker_start = Some(WorkerStart::new(f));
        self
    }

    /// Sets whether the next writer reads again what a ring in this process still holds when it dies. Then the log lacks
    /// nothing that only a GAP record could report.
    #[doc(hidden)]
    #[must_use]
    pub const fn rereading(mut self, is_reread: bool) -> Self {
        self.is_reread = is_reread;
        self
    }

    /// A ring in this process feeds the log, and no shared one. Until the writer notes that the ring was
    /// [drained](crate::storage::LogWriter::note_drained_ring), the next writer assumes that events are missing.
    pub(crate) const fn own_ring(mut self) -> Self {
        self.has_own_ring = !self.is_reread;
        self.ring_identity(0)
    }

    /// For a log that exists: its folder is not created, and its lock is not waited for.
    pub(crate) const fn late(mut self) -> Self {
        self.is_late = true;
        self
    }
}

/// Starts a log's segment from a spare one.
impl LogWriterOptions {
    pub(crate) fn begin_segment(
        &self,
        folder: &Path,
        next: SpareSegment,
        base: Base,
        maintenance: &Maintenance,
    ) -> MmapWriter {
        let SpareSegment { draft, temporary, former_salt, is_cached } = next;
        let header = self.rules.file.header(base.sequence, base.position, former_salt);
        let (path, is_recycled) = (folder.join(segment_name(base.sequence)), former_salt.is_some());
        let (platform, poison) = (Arc::clone(maintenance.platform()), Arc::clone(maintenance.poison()));
        let temporary = Some(temporary);
        let birth = SegmentBirth { platform, path, temporary, poison, is_recycled, is_cached };
        let mut writer = MmapWriter::start(draft, &header, birth);
        // They fit: that was checked when they were registered.
        let staged = writer.stage(&self.schemas);
        debug_assert!(staged.is_ok(), "{staged:?}");
        writer
    }
}
