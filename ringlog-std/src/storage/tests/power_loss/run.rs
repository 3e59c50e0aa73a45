//! Runs a writer, and cuts each run off at many moments.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ringlog_nostd::format::encode;
use ringlog_nostd::{Run, flags};

use crate::storage::error::{AppendError, CreateError, OpenError, SyncError};
use crate::storage::log::options::LogWriterOptions;
use crate::storage::log::writer::LogWriter;
use crate::storage::maintenance::policies::{FullDisk, SyncPolicy};
use crate::storage::maintenance::retention::Retention;
use crate::storage::names::WRITER_FILE;
use crate::storage::read::scan::log_scan::LogScan;
use crate::storage::repair::salvage::salvage_log;
use crate::storage::repair::salvage_report::SalvageError;
use crate::storage::repair::verdict::Verdict;
use crate::storage::repair::verify::verify_log_with;
use crate::storage::tests::power_loss::check::{
    Found, check_report, counted, event, is_damaged, is_in_doubt, read, read_on,
};
use crate::storage::tests::power_loss::disk::{Disk, lay_out};
use crate::storage::tests::power_loss::faults::{Fault, Happened, Image};
use crate::storage::tests::power_loss::layouts::{Layout, VERSIONS, check_empty_segments, check_layouts};
use crate::storage::tests::power_loss::trace::{Op, Recorder};
use crate::storage::tests::single_step::{kill, prepare_late};

/// Events that are written after a crash have numbers from here on.
const AFTERWARDS: u64 = 1_000_000;
/// One image in this many is salvaged, too.
const SALVAGE_EVERY: u64 = 8;
/// Number of images from one run.
const IMAGES_PER_RUN: u64 = 100;

/// A small generator: the same seed gives the same run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % end
    }
}

/// The kind of runs.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) retention: bool,
    pub(crate) again: bool,
    pub(crate) full_disk: bool,
    pub(crate) checksums: bool,
    /// One sync of each run fails.
    pub(crate) failing_sync: bool,
    /// A run is several processes under one kernel, each of which is killed.
    pub(crate) killed: bool,
    /// Segments get their names late: several are begun before the first of them has its own.
    pub(crate) late: bool,
    /// Runs of records are written by calls, in pieces, as long ones are.
    pub(crate) by_calls: bool,
    /// One of these calls fails after some pieces.
    pub(crate) failing_write: bool,
    /// Segments say what their events mean, and the writer describes them anew at times.
    pub(crate) layout: Option<Layout>,
    /// What else the disk does wrong.
    pub(crate) fault: Option<Fault>,
}

impl Setting {
    pub(crate) const fn plain() -> Self {
        let (retention, again, full_disk, failing_sync, killed) = (false, false, false, false, false);
        let (checksums, late, by_calls, failing_write, fault) = (true, false, false, false, None);
        Self {
            retention,
            again,
            full_disk,
            checksums,
            failing_sync,
            killed,
            late,
            by_calls,
            failing_write,
            layout: None,
            fault,
        }
    }

    fn options(self, random: &mut Random) -> LogWriterOptions {
        let is_uncached = self.by_calls && random.below(2) == 0;
        let sync = match random.below(4) {
            _ if self.late => SyncPolicy::EveryBytes(3000),
            0 => SyncPolicy::Never,
            1 => SyncPolicy::EveryEvent,
            _ => SyncPolicy::EveryBytes(random.below(3000)),
        };
        let max_segments = self.retention.then(|| 1 + random.below(3));
        let full_disk = if random.below(2) == 0 { FullDisk::DropWithGap } else { FullDisk::RecycleOldest };
        let segment_bytes = self.layout.map_or(4096, Layout::segment_bytes);
        LogWriter::options()
            // Only past the first page its start is written again.
            .segment_bytes(segment_bytes << (random.below(2) + u64::from(is_uncached)))
            .schemas(self.layout.map(|layout| layout.list(0)).unwrap_or_default())
            .uncached(is_uncached)
            .checksums(self.checksums)
            .sync(sync)
            .full_disk(full_disk)
            .retention(Retention { max_segments, ..Retention::default() })
    }
}

/// Simulates power losses in many runs, at many moments of each.
pub(crate) fn power_losses(images: u64, setting: Setting) {
    let mut seen = Tally::default();
    for seed in 1..=images.div_ceil(IMAGES_PER_RUN) {
        let ran = std::panic::catch_unwind(|| one_run(seed, setting));
        seen.add(ran.unwrap_or_else(|_| panic!("seed {seed}")));
    }
    println!("{seen:?}");
    // A test without any torn log shows nothing.
    assert!(seen.images >= images && seen.cut > images / 20, "{seen:?}");
    assert!(!setting.late || seen.happened.lost_before_begun > 0, "{seen:?}");
    seen.happened.check(setting.fault);
}

/// Counts of what the images held.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    images: u64,
    /// Images in which events were missing that had been written.
    cut: u64,
    /// Images from a power loss during a recovery.
    again: u64,
    happened: Happened,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.images += other.images;
        self.cut += other.cut;
        self.again += other.again;
        self.happened.add(other.happened);
    }
}

pub(crate) fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let builder = tempfile::Builder::new();
    if memory.is_dir() { builder.tempdir_in(memory) } else { builder.tempdir() }.unwrap()
}

fn one_run(seed: u64, setting: Setting) -> Tally {
    let mut random = Random::new(seed);
    let folder = scratch();
    let options = setting.options(&mut random);
    let recorder = Arc::new(Recorder::new("first boot"));
    let lives = if setting.killed { 2 + random.below(2) } else { 1 };
    for life in 0..lives {
        // The process that continues after the failure does not know of it.
        let failing_sync = setting.failing_sync && life == 0;
        let setting = Setting { failing_sync, ..setting };
        write(folder.path(), &options, &recorder, setting, &mut random);
    }
    let trace = recorder.trace.take();
    let mut tally = Tally::default();
    let mut empty = Disk::default();
    empty.is_retired = setting.retention || setting.full_disk;
    cut_off(&trace, empty, &mut random, IMAGES_PER_RUN, |disk, random| {
        tally.add(lose_power(disk, &options, setting, random));
    });
    tally
}

/// Plays a trace, and stops at `count` moments of it.
fn cut_off(
    trace: &[Op],
    mut disk: Disk,
    random: &mut Random,
    count: u64,
    mut crash: impl FnMut(&Disk, &mut Random),
) {
    let mut cuts: Vec<u64> = (0..count).map(|_| random.below(trace.len() as u64 + 1)).collect();
    cuts.sort_unstable();
    let mut cuts = cuts.into_iter().peekable();
    for at in 0..=trace.len() {
        while cuts.next_if_eq(&(at as u64)).is_some() {
            crash(&disk, random);
        }
        if let Some(op) = trace.get(at) {
            disk.play(op);
        }
    }
}

/// Runs a writer from opening to its end, which may be a close.
fn write(
    folder: &Path,
    options: &LogWriterOptions,
    recorder: &Arc<Recorder>,
    setting: Setting,
    random: &mut Random,
) {
    let sync_fails_in = if setting.failing_sync { 1 + random.below(60) } else { 0 };
    recorder.sync_fails_in.store(sync_fails_in, Ordering::Relaxed);
    let opened = LogWriter::open_at(folder, options.clone(), Arc::clone(recorder) as _, false);
    let mut writer = match opened {
        Err(error) if setting.failing_sync => {
            return assert!(error.to_string().contains("injected"), "{error}");
        }
        other => other.unwrap(),
    };
    let stops_in = if setting.failing_write { 1 + random.below(60) } else { 0 };
    recorder.writes_until_stop.store(stops_in, Ordering::Relaxed);
    if setting.by_calls {
        writer.long_runs.long_bytes = 0;
    }
    promise(&writer, recorder);
    // No event was lost before this life, so their numbers are the records' sequences, without those of META records.
    let mut next = if setting.layout.is_some() { events_in(folder) } else { writer.next_sequence() };
    note_layout(&writer, recorder, setting, next);
    if let Some(layout) = setting.layout {
        // The segment is empty, so each replaces what waits for its first record.
        for _ in 0..random.below(3) {
            if let Err(error) = writer.set_schemas(layout.list(random.below(VERSIONS))) {
                assert!(setting.failing_sync, "{error}");
                return check_poisoned(writer, recorder, &error);
            }
        }
        note_layout(&writer, recorder, setting, next);
    }
    let most = if setting.late { 300 } else { 100 };
    for _ in 0..60 + random.below(most) {
        let done = step(&mut writer, recorder, setting, random, &mut next);
        promise(&writer, recorder);
        match done {
            Err(error) if setting.failing_write => {
                assert!(error.to_string().contains("stopped") && writer.maintenance.is_poisoned(), "{error}");
                // The process was killed in the call, or has an error and can only end.
                return if setting.killed { kill(writer) } else { check_ended(writer) };
            }
            Err(error) if setting.failing_sync => return check_poisoned(writer, recorder, &*error),
            other => other.unwrap(),
        }
    }
    recorder.disk_full.store(0, Ordering::Relaxed);
    recorder.writes_until_stop.store(0, Ordering::Relaxed);
    if random.below(4) == 0 && !setting.failing_sync {
        writer.close().unwrap();
        recorder.trace.add(Op::Promised(next));
    } else if setting.killed {
        kill(writer);
    }
}

/// Does one random step of a writer or of one of its workers.
fn step(
    writer: &mut LogWriter,
    recorder: &Recorder,
    setting: Setting,
    random: &mut Random,
    next: &mut u64,
) -> Result<(), Box<dyn std::error::Error>> {
    if setting.late {
        prepare_late(writer)?;
    }
    if let Some(layout) = setting.layout
        && random.below(if setting.late { 100 } else { 16 }) == 0
    {
        let list = layout.list(random.below(VERSIONS));
        let registered = writer.set_schemas(list.clone());
        assert!(registered.is_err() || *writer.schemas() == list, "a registration was forgotten");
        note_layout(writer, recorder, setting, *next);
        return match registered {
            Err(AppendError::Create(CreateError::DiskFull { .. })) if setting.full_disk => Ok(()),
            other => Ok(other?),
        };
    }
    match random.below(if setting.late { 500 } else { 12 }) {
        0 => drop(writer.maintenance.spare_step(false)?),
        1 => drop(writer.maintenance.sync_step()?),
        2 => writer.sync()?,
        3 if setting.retention => writer.maintenance.retention_step()?,
        4 if setting.full_disk => recorder.disk_full.store(random.below(2), Ordering::Relaxed),
        5..9 if setting.by_calls => write_run(writer, recorder, setting, 1 + random.below(8), next)?,
        _ => {
            recorder.trace.add(Op::Producing(*next));
            let (header, payload) = event(*next);
            match writer.write_event(&header, &payload) {
                Ok(()) => {
                    *next += 1;
                    recorder.trace.add(Op::Written(*next));
                }
                Err(AppendError::Create(CreateError::DiskFull { .. })) if setting.full_disk => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

/// Returns the number after that of the log's last event.
fn events_in(folder: &Path) -> u64 {
    numbers(&read(folder)).next_back().map_or(0, |number| number + 1)
}

/// Notes what the events from this number on are written under.
fn note_layout(writer: &LogWriter, recorder: &Recorder, setting: Setting, next: u64) {
    let Some(layout) = setting.layout else { return };
    let version = (0..VERSIONS).find(|&version| layout.list(version) == *writer.schemas()).unwrap();
    recorder.trace.add(Op::Described { version, from: next });
}

/// Writes a run of events.
fn write_run(
    writer: &mut LogWriter,
    recorder: &Recorder,
    setting: Setting,
    events: u64,
    next: &mut u64,
) -> Result<(), AppendError> {
    let mut bytes = Vec::new();
    for number in *next..*next + events {
        let (header, payload) = event(number);
        let start = bytes.len();
        bytes.resize(start + header.stride(), 0);
        encode(&mut bytes[start..], &header.with_flags(header.flags | flags::COMMITTED), &payload).unwrap();
    }
    recorder.trace.add(Op::Producing(*next + events - 1));
    let mut run = Run::new(&bytes).unwrap();
    let written = writer.append_run(&mut run);
    *next += run.accepted_events();
    match written {
        Err(AppendError::Create(CreateError::DiskFull { .. })) if setting.full_disk => {}
        other => other?,
    }
    recorder.trace.add(Op::Written(*next));
    Ok(())
}

/// Checks that after a failed write the log takes and promises nothing more, and cannot be closed.
fn check_ended(mut writer: LogWriter) {
    let durable = writer.durable_position();
    let (header, payload) = event(0);
    assert!(writer.write_event(&header, &payload).is_err());
    assert!(writer.sync().is_err());
    assert_eq!(writer.durable_position(), durable);
    assert!(writer.close().is_err());
}

/// Checks that after a failed sync nothing is promised any more, however often it is tried.
fn check_poisoned(mut writer: LogWriter, recorder: &Recorder, error: &dyn std::error::Error) {
    let was_sync = !error.to_string().contains("cannot create") && writer.maintenance.is_poisoned();
    let durable = writer.durable_position();
    let synced = writer.sync();
    assert!(!was_sync || synced.is_err(), "{error}");
    if was_sync {
        assert_eq!(writer.durable_position(), durable, "{error}");
        let (header, payload) = event(0);
        assert!(matches!(writer.write_event(&header, &payload), Err(AppendError::Poisoned { .. })));
        assert!(writer.close().is_err());
    }
    assert_eq!(recorder.sync_fails_in.load(Ordering::Relaxed), 0, "it was the injected failure");
}

/// Notes what the writer says is durable, as the number of an event. No GAP record or event takes less than 16
/// bytes, so the sum of lengths gives the number.
pub(crate) fn promise(writer: &LogWriter, recorder: &Recorder) {
    let mut at = 0;
    let mut number = 0;
    // Positions count dropped records too, and a GAP record reports those before anything after them.
    while at + event(number).0.stride() as u64 <= writer.durable_position() {
        at += event(number).0.stride() as u64;
        number += 1;
    }
    recorder.trace.add(Op::Promised(number));
}

pub(crate) fn lose_power(
    disk: &Disk,
    options: &LogWriterOptions,
    setting: Setting,
    random: &mut Random,
) -> Tally {
    let folder = scratch();
    let mut remains = disk.crash(random);
    let mut image = Image::plan(setting.fault, disk, &mut remains, random);
    lay_out(folder.path(), &remains);
    let outside = scratch();
    image.lay_over(folder.path(), outside.path(), random);
    let recorder = Arc::new(Recorder::new("second boot"));
    let known = remains.into_iter().map(|file| (recorder.adopt(&folder.path().join(&file.name)), file));
    let before = Disk::holding(known.collect());
    let is_salvaged = setting.fault.is_none() && random.below(SALVAGE_EVERY) == 0;
    let salvaged = is_salvaged.then(|| salvage(folder.path(), disk, setting));
    let kept = recover(folder.path(), options, &recorder, disk, setting, &mut image);
    if let Some(salvaged) = salvaged {
        // All that recovery keeps is whole, so salvage has found it too, and more after holes.
        let numbers: Vec<u64> = numbers(&read(folder.path())).collect();
        assert!(numbers.iter().all(|number| salvaged.contains(number)), "{numbers:?}: {salvaged:?}");
    }
    if setting.fault == Some(Fault::Linked) && image.happened.opened > 0 {
        roll_on(folder.path(), options, &recorder);
    }
    image.check_outside();
    let cut = u64::from(kept < disk.written);
    let mut tally = Tally { images: 1, cut, again: 0, happened: image.happened };
    if setting.again {
        let trace = recorder.trace.take();
        cut_off(&trace, before, random, 1, |half_way, random| {
            let folder = scratch();
            lay_out(folder.path(), &half_way.crash(random));
            let again = Arc::new(Recorder::new("third boot"));
            let kept_again = recover(folder.path(), options, &again, disk, setting, &mut Image::default());
            assert_eq!(kept_again, kept, "recovered twice");
            tally.again += 1;
        });
    }
    tally
}

/// Retention that finds a file which it cannot delete leaves a log without a hole.
pub(crate) fn an_undeletable_segment() {
    let folder = scratch();
    let recorder = Arc::new(Recorder::new("boot"));
    *recorder.immutable.lock().unwrap() = Some(format!("{:020}", 0));
    let retention = Retention { max_segments: Some(2), ..Retention::default() };
    let options = LogWriter::options().segment_bytes(4096).retention(retention).sync(SyncPolicy::EveryEvent);
    let mut writer = LogWriter::open_at(folder.path(), options, Arc::clone(&recorder) as _, false).unwrap();
    let mut put = |numbers: std::ops::Range<u64>| {
        for number in numbers {
            let (header, payload) = event(number);
            writer.write_event(&header, &payload).unwrap();
        }
    };
    put(0..200);
    assert_eq!(span(&read(folder.path())), (0, 200));
    *recorder.immutable.lock().unwrap() = None;
    put(200..300);
    let (first, end) = span(&read(folder.path()));
    assert!(first > 200 && end == 300, "{first} to {end}");
    assert!(writer.take_retention_error().is_some_and(|error| error.to_string().contains("delete")));
    writer.close().unwrap();
}

/// Returns the numbers of all events that salvage finds. Each must be one that was written.
fn salvage(folder: &Path, run: &Disk, setting: Setting) -> BTreeSet<u64> {
    let out = scratch();
    match salvage_log(folder, out.path()) {
        Ok(_) => {}
        // No file had its name, or nothing is whole.
        Err(SalvageError::Open(OpenError::NoSegments { .. }) | SalvageError::Nothing { .. }) => {
            return BTreeSet::new();
        }
        Err(error) => panic!("{error}"),
    }
    if let Some(layout) = setting.layout {
        check_layouts(out.path(), layout, run, AFTERWARDS, true);
    }
    let events = read(out.path()).into_iter().filter_map(|found| match found {
        Found::Event(number) => Some(number),
        Found::Gap(_) | Found::Damage => None,
    });
    events.collect()
}

/// Returns the numbers of the run's own events.
fn numbers(found: &[Found]) -> impl DoubleEndedIterator<Item = u64> {
    found.iter().filter_map(|record| match record {
        Found::Event(number) if *number < AFTERWARDS => Some(*number),
        _ => None,
    })
}

/// Returns the range of events in the log that were written before the crash.
fn span(found: &[Found]) -> (u64, u64) {
    let mut numbers = numbers(found);
    let Some(first) = numbers.next() else { return (0, 0) };
    (first, numbers.next_back().unwrap_or(first) + 1)
}

/// Opens what is left, checks it against what the run did, and continues. Returns how many events were kept.
fn recover(
    folder: &Path,
    options: &LogWriterOptions,
    recorder: &Arc<Recorder>,
    run: &Disk,
    setting: Setting,
    image: &mut Image,
) -> u64 {
    let before = list(folder);
    let contents = image.fault.is_some().then(|| contents(folder));
    let open = || LogWriter::open_at(folder, options.clone(), Arc::clone(recorder) as _, false);
    let mut opened = open();
    if let (Err(error), Some(contents)) = (&opened, contents) {
        check_refusal(folder, error, image, &contents);
        if image.fault == Some(Fault::Unreadable) {
            // A second attempt, with all readable, must end as if all had been readable at first.
            image.make_readable();
            opened = open();
        } else {
            return 0;
        }
    }
    let mut writer = opened.unwrap_or_else(|error| panic!("{error}\n{image:?}\n{before:#?}"));
    image.happened.opened += 1;
    check_tools(folder, image);
    image.make_readable();
    assert!(recorder.trace.names_are_synced_at_once(), "{before:#?}");
    let report = writer.recovery().clone();
    // Deletions by a writer must not count as a loss.
    assert!(report.missing.is_empty() || !image.damaged.is_empty(), "{report}\n{image:?}\n{before:#?}");
    let look = || if image.damaged.is_empty() { read(folder) } else { read_on(folder) };
    let found = look();
    check_empty_segments(folder);
    let layout = setting.layout.filter(|_| image.damaged.is_empty());
    if let Some(layout) = layout {
        check_layouts(folder, layout, run, AFTERWARDS, false);
    }
    // Without what was written after an earlier crash.
    let old = |record: &Found| matches!(record, Found::Event(number) if *number < AFTERWARDS);
    let old_end = found.iter().rposition(old).map_or(0, |at| at + 1);
    let kept = check_report(&found[..old_end]);
    let is_whole_from_the_start = !run.is_retired && old_end > 0;
    assert!(!is_whole_from_the_start || span(&found).0 == 0 || is_in_doubt(&found), "{report}");
    // Retention may have taken every event that was not lost. Then only the sequence shows where the log was.
    let reported_end = kept + counted(&found[old_end..]);
    let is_all_retired = run.is_retired && old_end == 0;
    let reported_end = if is_all_retired { reported_end.max(report.next_sequence) } else { reported_end };
    let is_reported = is_damaged(&found[old_end..]) || image.is_set_aside(&report);
    let state = format!("{kept} of {} promised\n{report}\n{image:?}\n{before:#?}", run.promised);
    assert!(reported_end >= run.promised || is_reported, "{state}");
    assert!(kept <= run.producing + 1, "{kept} of {}", run.producing);
    // All that is missing must be reported, possibly with an unknown count, as the run had not closed the log.
    let is_shown = reported_end >= run.written || is_in_doubt(&found[old_end..]);
    assert!(is_shown, "{kept} of {}: {report}", run.written);
    image.happened.reported += u64::from(is_reported || found.contains(&Found::Damage));
    let next = found.len() as u64 + AFTERWARDS;
    for number in next..next + 3 {
        let (header, payload) = event(number);
        writer.write_event(&header, &payload).unwrap();
    }
    let may_retire = writer.maintenance.rules().retention.is_limited();
    match writer.close() {
        Err(SyncError::Damaged(_)) if !image.damaged.is_empty() => {}
        other => drop(other.unwrap()),
    }
    let after = look();
    let expected: Vec<_> = found.iter().cloned().chain((next..next + 3).map(Found::Event)).collect();
    // Closing may retire the oldest.
    let gone = if may_retire { expected.len().saturating_sub(after.len()) } else { 0 };
    assert_eq!(after, &expected[gone..], "{report}\n{:#?}", list(folder));
    assert!(!after.is_empty(), "{report}");
    if let Some(layout) = layout {
        check_layouts(folder, layout, run, AFTERWARDS, false);
        let files = list(folder);
        LogWriter::open_at(folder, options.clone(), Arc::clone(recorder) as _, false)
            .unwrap()
            .close()
            .unwrap();
        assert_eq!(list(folder), files, "an idle run has left a file");
    }
    kept
}

/// Checks that the tools read all of a log, or report the file and offset of what cannot be read.
fn check_tools(folder: &Path, image: &mut Image) {
    if image.fault != Some(Fault::Unreadable) {
        return;
    }
    let mut scanned = LogScan::open(folder);
    let end = scanned.as_mut().map(|scan| {
        loop {
            match scan.next_event() {
                Ok(Some(_)) => {}
                Ok(None) => break Ok(()),
                Err(error) => break Err(error.to_string()),
            }
        }
    });
    let error = match end {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error,
        Err(error) => error.to_string(),
    };
    assert!(image.damaged.iter().any(|name| error.contains(name)) && error.contains("offset "), "{error}");
    // On this thread alone, for which the faults are.
    let (check, _) = verify_log_with(folder, NonZero::<usize>::MIN, |(), _| ()).unwrap();
    assert!(check.verdict() >= Verdict::Damage, "{error}\n{check:?}");
    image.happened.reported += 1;
}

/// Writes enough that old segments are recycled, if they may be.
fn roll_on(folder: &Path, options: &LogWriterOptions, recorder: &Arc<Recorder>) {
    let opened = LogWriter::open_at(folder, options.clone(), Arc::clone(recorder) as _, false);
    let mut writer = opened.unwrap();
    for number in 2 * AFTERWARDS..2 * AFTERWARDS + 100 {
        let (header, payload) = event(number);
        writer.write_event(&header, &payload).unwrap();
        writer.maintenance.sync_step().unwrap();
    }
    writer.close().unwrap();
}

/// Checks that only damage by the disk keeps a log from opening, that the error says where, and that the folder
/// stays as it was.
fn check_refusal(folder: &Path, error: &OpenError, image: &mut Image, contents: &BTreeMap<PathBuf, Vec<u8>>) {
    let said = error.to_string();
    assert!(!image.damaged.is_empty() || image.fault == Some(Fault::Linked), "{said}\n{image:?}");
    let is_place =
        ["offset ", "starts with record ", "symbolic link"].iter().any(|place| said.contains(place));
    assert!(said.contains(folder.to_str().unwrap()) && is_place, "{said}\n{image:?}");
    assert!(self::contents(folder) == *contents, "{said}\n{image:?}: the folder has changed");
    image.happened.refused += 1;
}

/// Returns the files of a folder without the `writer` file.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let all = list(folder).into_iter().filter(|(path, _)| path.file_name() != Some(WRITER_FILE.as_ref()));
    all.map(|(path, _)| (path.clone(), std::fs::read(path).unwrap())).collect()
}

fn list(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.path(), entry.metadata().unwrap().len()))
        .collect();
    files.sort();
    files
}
