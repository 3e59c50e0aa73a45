//! A log on a simulated machine, and schedules to run it in.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ringlog_nostd::format::{FILE_HEADER_LEN, HEADER_LEN, record_len};
use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, MaxSteps, Runner};

use crate::event::{EventHeader, MetaTopic};
use crate::os::platform::Platform;
use crate::storage::error::{AppendError, OpenError, ReadError, SyncError};
use crate::storage::log::options::LogWriterOptions;
use crate::storage::log::writer::LogWriter;
use crate::storage::maintenance::policies::{FullDisk, SyncPolicy};
use crate::storage::schemas::list::SchemaList;
use crate::storage::tests::power_loss::run::scratch;
use crate::storage::tests::power_loss::trace::Recorder;
use crate::storage::tests::schedules::bursts::Bursts;
use crate::storage::tests::single_step::kill;

/// Four events fill a segment, or two, or one does.
const PAYLOAD_LENS: [u16; 3] = [984, 1984, 4000];
const SEGMENT_BYTES: u64 = 4096;
/// What the descriptions of a typed log take: so much that as many events fit into its larger segments.
const PREAMBLE_BYTES: u64 = 4096;
/// How often a PCT schedule changes its mind.
const DEPTHS: [usize; 2] = [3, 10];
/// More steps than any of these runs needs: a thread that takes this many waits for something that never comes.
const MAX_STEPS: usize = 400_000;

thread_local! {
    // All threads of a schedule are one real thread.
    static PAYLOAD_LEN: Cell<u16> = const { Cell::new(PAYLOAD_LENS[0]) };
    static IS_TYPED: Cell<bool> = const { Cell::new(false) };
}

/// Returns the size of an event's record in this schedule, in bytes.
pub(crate) fn stride() -> u64 {
    record_len(PAYLOAD_LEN.get().into()) as u64
}

/// Returns whether the segments of this schedule's log describe its events.
pub(crate) fn is_typed() -> bool {
    IS_TYPED.get()
}

/// Returns the descriptions of this version. Two of them have the same length.
fn list(version: u64) -> SchemaList {
    let mut list = SchemaList::new();
    let json = format!("{{\"log\":{{\"user\":{{\"version\":\"{version}\"}}}}}}");
    let len = PREAMBLE_BYTES as usize - HEADER_LEN;
    list.insert(MetaTopic::Log, format!("{json:len$}").into_bytes()).unwrap();
    list
}

/// Returns how many events fill a segment.
pub(crate) fn events_of_a_segment() -> u64 {
    (SEGMENT_BYTES - FILE_HEADER_LEN as u64) / stride()
}

/// Runs `f` in many schedules, the same ones each time.
pub(crate) fn schedules(f: impl Fn() + Send + Sync + 'static) {
    more_schedules(1, f);
}

/// Does the same in this many times as many schedules.
pub(crate) fn more_schedules(times: usize, f: impl Fn() + Send + Sync + 'static) {
    let all: usize =
        std::env::var("RINGLOG_SCHEDULES").ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    let all = times * all;
    let mut config = Config::new();
    config.stack_size = 1 << 20;
    config.max_steps = MaxSteps::FailAfter(MAX_STEPS);
    config.silence_warnings = true;
    let f = Arc::new(f);
    let run = Arc::clone(&f);
    Runner::new(RandomScheduler::new_from_seed(1, all / 4), config.clone()).run(move || run());
    let run = Arc::clone(&f);
    Runner::new(Bursts::new(1, all / 4), config.clone()).run(move || run());
    for depth in DEPTHS {
        let run = Arc::clone(&f);
        Runner::new(PctScheduler::new_from_seed(1, depth, all / 4), config.clone()).run(move || run());
    }
}

/// Returns a number below `end`, chosen with the schedule.
pub(crate) fn below(end: u64) -> u64 {
    thread_rng().gen_range(0..end)
}

pub(crate) fn sync_policy() -> SyncPolicy {
    match below(4) {
        0 => SyncPolicy::Never,
        1 => SyncPolicy::EveryEvent,
        2 => SyncPolicy::EveryBytes(1),
        _ => SyncPolicy::EveryBytes(3 * stride()),
    }
}

pub(crate) fn options(sync: SyncPolicy) -> LogWriterOptions {
    let full_disk = if below(2) == 0 { FullDisk::DropWithGap } else { FullDisk::Stop };
    let (segment_bytes, schemas) = if is_typed() {
        (SEGMENT_BYTES + PREAMBLE_BYTES, list(0))
    } else {
        (SEGMENT_BYTES, SchemaList::new())
    };
    let options = LogWriter::options().segment_bytes(segment_bytes).sync(sync).full_disk(full_disk);
    options.max_unsynced_bytes(15 * segment_bytes).schemas(schemas)
}

/// A folder, on a disk that records all calls.
pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) disk: Arc<Recorder>,
}

impl World {
    pub(crate) fn new() -> Self {
        IS_TYPED.set(below(2) == 0);
        PAYLOAD_LEN.set(PAYLOAD_LENS[below(PAYLOAD_LENS.len() as u64) as usize]);
        Self { folder: scratch(), disk: Arc::new(Recorder::new("boot")) }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Opens the log, with the worker threads.
    pub(crate) fn open(&self, options: LogWriterOptions) -> LogWriter {
        let platform: Arc<dyn Platform> = Arc::clone(&self.disk) as _;
        LogWriter::open_at(self.folder(), options, platform, true).unwrap()
    }

    /// Runs a process that writes some events, syncs some of them, and is killed. Returns how many it wrote.
    pub(crate) fn killed_life(&self, options: LogWriterOptions) -> u64 {
        let platform: Arc<dyn Platform> = Arc::clone(&self.disk) as _;
        let mut writer = LogWriter::open_at(self.folder(), options, platform, false).unwrap();
        let events = below(3 * events_of_a_segment().max(2));
        for event in 0..events {
            write(&mut writer, event).unwrap();
            match below(8) {
                0 => writer.sync().unwrap(),
                1 => drop(writer.maintenance.spare_step(false).unwrap()),
                _ => {}
            }
        }
        kill(writer);
        events
    }

    /// Makes one of the next `within` syncs fail.
    pub(crate) fn fail_a_sync(&self, within: u64) {
        self.disk.sync_fails_in.store(1 + below(within), Ordering::Relaxed);
    }
}

/// Writes the event of this number. At times describes the events of a typed log anew before.
pub(crate) fn write(writer: &mut LogWriter, number: u64) -> Result<(), AppendError> {
    if is_typed() && below(8) == 0 {
        writer.register(&list(below(2)))?;
    }
    let payload = vec![number as u8; PAYLOAD_LEN.get().into()];
    writer.write_event(&EventHeader::new(number, 0, PAYLOAD_LEN.get()), &payload)
}

/// Returns the number of an event, and checks that it is whole.
pub(crate) fn number(event: &crate::event::Event<'_>) -> u64 {
    let number = event.header.timestamp;
    assert!(event.payload.iter().all(|&byte| byte == number as u8), "another event's bytes");
    number
}

/// Returns whether an error reports that retention was faster.
pub(crate) fn is_gone(error: &OpenError) -> bool {
    match error {
        OpenError::Io { source, .. } => source.kind() == std::io::ErrorKind::NotFound,
        OpenError::NoSegments { .. } => true,
        _ => false,
    }
}

/// Returns the same for an error while reading.
pub(crate) fn is_overtaken(error: &ReadError) -> bool {
    match error {
        ReadError::Overtaken { .. } => true,
        ReadError::Segment(error) => is_gone(error),
        _ => false,
    }
}

/// Returns whether an error reports the injected failure, at any depth.
pub(crate) fn reports_why(error: &(dyn std::error::Error + 'static)) -> bool {
    error.to_string().contains("injected") || error.source().is_some_and(reports_why)
}

/// Ends the writer in one of the two ways.
pub(crate) fn close_or_drop(writer: LogWriter) -> Result<(), SyncError> {
    if below(2) == 0 {
        drop(writer);
        return Ok(());
    }
    writer.close().map(drop)
}
