//! What copies hold, and what is refused.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs;
#[cfg(feature = "compressed")]
use std::fs::File;
#[cfg(feature = "compressed")]
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use tempfile::TempDir;

use crate::event::{EventHeader, Gap, GapReason, MetaTopic};
#[cfg(feature = "compressed")]
use crate::storage::OpenError;
use crate::storage::Retention;
use crate::storage::copies::backup::{BackupOptions, BackupReport, backup_log};
use crate::storage::copies::error::CopyError;
use crate::storage::copies::restore::restore_log;
use crate::storage::copies::split::{SplitPart, split_log};
use crate::storage::log::writer::LogWriter;
use crate::storage::read::scan::log_scan::LogScan;
use crate::storage::repair::verdict::Verdict;
use crate::storage::repair::verify::verify_log;
use crate::storage::schemas::list::SchemaList;

/// Events are a second apart.
const SECOND: u64 = 1_000_000_000;

/// A log and places for its copies.
struct World(TempDir);

impl World {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn writer(&self) -> LogWriter {
        LogWriter::options().segment_bytes(4096).open(self.at("log")).unwrap()
    }

    /// Writes events into the log and closes it.
    fn record(&self, numbers: std::ops::Range<u64>) {
        let mut writer = self.writer();
        write(&mut writer, numbers);
        writer.close().unwrap();
    }

    fn prune(&self, files: u64) {
        let retention = Retention { max_segments: Some(files), ..Retention::default() };
        LogWriter::options()
            .segment_bytes(4096)
            .retention(retention)
            .open(self.at("log"))
            .unwrap()
            .close()
            .unwrap();
    }

    fn backup(&self, options: BackupOptions<'_>) -> Result<BackupReport, CopyError> {
        backup_log(&self.at("log"), &self.at("copy"), &options)
    }

    /// Backs up the log and compares all of it with the copy.
    fn backup_all(&self) -> BackupReport {
        let report = self.backup(BackupOptions::default()).unwrap();
        assert_eq!(files(&self.at("log")), files(&self.at("copy")));
        assert_eq!(verify_log(self.at("copy")).unwrap().verdict(), Verdict::Clean);
        report
    }
}

fn write(writer: &mut LogWriter, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let payload = [number.to_le_bytes(); 8].concat();
        writer.write_event(&EventHeader::new(number * SECOND, 1, 64), &payload).unwrap();
    }
}

/// Returns the content of each file of a folder, but not of its index.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|it| it.path().is_file());
    let entries = entries.filter(|it| !it.file_name().to_string_lossy().starts_with('.'));
    entries.map(|it| (it.file_name().into_string().unwrap(), fs::read(it.path()).unwrap())).collect()
}

/// Returns sequence, time, payload and description of each record.
fn records(log: &Path) -> Vec<(u64, u64, Vec<u8>, SchemaList)> {
    let (mut scan, mut found) = (LogScan::open(log).unwrap(), Vec::new());
    while let Some(event) = scan.next_event().unwrap() {
        let schemas =
            crate::storage::SegmentSchemas::of(&event).map(|it| it.list().clone()).unwrap_or_default();
        found.push((event.sequence, event.header.timestamp, event.payload.to_vec(), schemas));
    }
    found
}

#[cfg(feature = "compressed")]
/// "Compresses" as one frame of stored blocks, of which each byte of the content is announced.
fn stored(content: &mut dyn Read, len: u64, to: &File) -> io::Result<()> {
    let mut bytes = Vec::new();
    content.read_to_end(&mut bytes)?;
    (&mut &*to).write_all(&frame(&bytes, len))
}

#[cfg(feature = "compressed")]
fn frame(bytes: &[u8], announced: u64) -> Vec<u8> {
    let mut frame = [&[0x28, 0xB5, 0x2F, 0xFD, 0xE0][..], &announced.to_le_bytes()].concat();
    let count = bytes.len().div_ceil(100_000);
    for (at, block) in bytes.chunks(100_000).enumerate() {
        let head = (block.len() as u32) << 3 | u32::from(at + 1 == count);
        frame.extend_from_slice(&head.to_le_bytes()[..3]);
        frame.extend_from_slice(block);
    }
    frame
}

const LINK: BackupOptions<'_> = BackupOptions { link: true, mirror: false, compress: None };
const MIRROR: BackupOptions<'_> = BackupOptions { link: false, mirror: true, compress: None };
#[cfg(feature = "compressed")]
const COMPRESS: BackupOptions<'_> = BackupOptions { link: false, mirror: false, compress: Some(&stored) };

#[test]
fn a_backup_is_the_log_and_the_next_one_copies_what_is_new() {
    let world = World::new();
    world.record(0..120);
    let first = world.backup_all();
    assert_eq!((first.copied_files, first.kept_files, first.is_closed), (3, 0, true));
    assert_eq!((first.first_sequence, first.next_sequence), (0, 120));
    let again = world.backup_all();
    assert_eq!((again.copied_files, again.kept_files, again.copied_bytes), (0, 3, 0));
    world.record(120..150);
    let more = world.backup_all();
    assert_eq!((more.copied_files, more.kept_files, more.next_sequence), (1, 3, 150));
    restore_log(&world.at("copy"), &world.at("restored")).unwrap();
    assert_eq!(files(&world.at("restored")), files(&world.at("log")));
}

#[test]
fn of_a_log_at_work_all_that_is_durable_is_copied() {
    let world = World::new();
    let mut writer = world.writer();
    write(&mut writer, 0..90);
    writer.sync().unwrap();
    write(&mut writer, 90..93);
    let report = world.backup(BackupOptions::default()).unwrap();
    let durable = records(&world.at("log")).len() as u64 - report.unsynced_bytes / 80;
    assert_eq!(records(&world.at("copy")).len() as u64, durable);
    assert!(durable >= 90 && !report.is_closed && report.next_sequence == durable, "{report:?}");
    assert!(verify_log(world.at("copy")).unwrap().verdict().is_whole());
    // Nothing new is on the disk, so nothing is copied again.
    if report.unsynced_bytes > 0 {
        assert_eq!(world.backup(BackupOptions::default()).unwrap().copied_files, 0);
    }
    write(&mut writer, 93..200);
    writer.close().unwrap();
    world.backup_all();
}

#[test]
fn the_header_of_a_copy_is_the_one_that_was_checked() {
    let world = World::new();
    let mut writer = world.writer();
    let source = crate::storage::copies::source::SourceLog::open(&world.at("log")).unwrap();
    let scan = crate::storage::read::scan::segment_scan::FileScan::open(&source.segments[0].path).unwrap();
    // Written after the header was read.
    write(&mut writer, 0..10);
    fs::create_dir(world.at("copy")).unwrap();
    crate::storage::copies::backup::copy_one(source, scan, &world.at("copy")).unwrap();
    assert_eq!(records(&world.at("copy")), []);
    assert!(verify_log(world.at("copy")).unwrap().verdict().is_whole());
}

#[test]
fn a_copy_of_a_log_at_work_is_whole_and_continues_with_a_gap() {
    let world = World::new();
    let options = LogWriter::options().segment_bytes(4096).own_ring();
    let mut writer = options.open(world.at("log")).unwrap();
    write(&mut writer, 0..60);
    writer.sync().unwrap();
    world.backup(BackupOptions::default()).unwrap();
    assert_eq!(verify_log(world.at("copy")).unwrap().verdict(), Verdict::Clean);
    restore_log(&world.at("copy"), &world.at("restored")).unwrap();
    let again = LogWriter::options().segment_bytes(4096).open(world.at("restored")).unwrap();
    assert!(again.recovery().has_loss && again.summary().gaps == 1, "{:?}", again.recovery());
    again.close().unwrap();
    writer.note_drained_ring();
    writer.close().unwrap();
    assert!(!LogWriter::open(world.at("log")).unwrap().recovery().has_loss);
}

#[test]
fn of_a_writer_that_died_all_is_copied() {
    let world = World::new();
    let mut writer = world.writer();
    write(&mut writer, 0..10);
    // What a kill leaves: no destructor runs, and the kernel frees the lock.
    let left = files(&world.at("log"));
    drop(writer);
    for (name, bytes) in &left {
        fs::write(world.at("log").join(name), bytes).unwrap();
    }
    let report = world.backup(BackupOptions::default()).unwrap();
    assert_eq!(files(&world.at("copy")), files(&world.at("log")));
    assert_eq!((report.next_sequence, report.unsynced_bytes), (10, 0));
}

#[cfg(feature = "compressed")]
#[test]
fn a_compressed_backup_is_read_as_a_log_and_restored_byte_for_byte() {
    let world = World::new();
    world.record(0..120);
    assert_eq!(world.backup(COMPRESS).unwrap().copied_files, 3);
    assert_eq!(world.backup(COMPRESS).unwrap().kept_files, 3);
    let copy = world.at("copy");
    assert!(files(&copy).contains_key("00000000000000000000.evtl.zst"));
    assert_eq!(records(&copy), records(&world.at("log")));
    let reader = crate::storage::LogReader::open(&copy).unwrap();
    assert_eq!((reader.len(), reader.events().count()), (120, 120));
    assert_eq!(verify_log(&copy).unwrap().verdict(), Verdict::Clean);
    assert!(matches!(LogWriter::open(&copy), Err(OpenError::FurtherEnding { .. })));
    assert!(matches!(world.backup(LINK), Err(CopyError::OtherForm { is_compressed: true, .. })));
    assert!(matches!(backup_log(&copy, &world.at("other"), &LINK), Err(CopyError::Compressed { .. })));
    restore_log(&copy, &world.at("restored")).unwrap();
    assert_eq!(files(&world.at("restored")), files(&world.at("log")));
    // A segment that is there twice: nobody knows which is right.
    let twice = copy.join("00000000000000000050.evtl");
    fs::copy(world.at("log").join("00000000000000000050.evtl"), &twice).unwrap();
    assert!(matches!(LogScan::open(&copy), Err(OpenError::FurtherEnding { .. })));
    fs::remove_file(twice).unwrap();
    world.record(120..150);
    assert_eq!(world.backup(COMPRESS).unwrap().copied_files, 1);
    assert_eq!(records(&copy).len(), 150);
    assert_eq!(split_seconds(&copy, &world.at("parts"), 100).len(), 2);
}

#[cfg(feature = "compressed")]
#[test]
fn damaged_and_lying_compressed_segments_are_errors() {
    let world = World::new();
    world.record(0..20);
    world.backup(COMPRESS).unwrap();
    let path = world.at("copy").join("00000000000000000000.evtl.zst");
    let whole = fs::read(&path).unwrap();
    let content = fs::read(world.at("log").join("00000000000000000000.evtl")).unwrap();
    let open = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let log = verify_log(world.at("copy")).map(|check| check.verdict());
        (log.is_ok_and(Verdict::is_whole), restore_log(&world.at("copy"), &world.at("restored")).is_ok())
    };
    let len = content.len() as u64;
    assert_eq!(open(&whole[..whole.len() - 1]), (false, false));
    assert_eq!(open(&whole[..900]), (false, false));
    assert_eq!(open(b""), (false, false));
    for announced in [0, 63, len - 8, len + 8, 1 << 47, u64::MAX] {
        assert!(!open(&frame(&content, announced)).1, "{announced}");
    }
    assert!(!open(&[&whole[..], b"x"].concat()).1, "more than one frame");
    // A small file that announces more than there is room for.
    let mut bomb = content.clone();
    bomb[24..32].copy_from_slice(&(1_u64 << 45).to_le_bytes());
    assert_eq!(open(&frame(&bomb, 1 << 46)), (false, false));
    assert_eq!(open(&whole), (true, true));
}

#[test]
fn what_retention_deleted_stays_unless_the_backup_is_a_mirror() {
    let world = World::new();
    world.record(0..100);
    world.backup_all();
    world.record(100..200);
    world.prune(3);
    let report = world.backup(BackupOptions::default()).unwrap();
    assert_eq!((report.first_sequence, report.next_sequence, report.deleted_files), (0, 200, 0));
    assert_eq!(verify_log(world.at("copy")).unwrap().verdict(), Verdict::Clean);
    let mirrored = world.backup(MIRROR).unwrap();
    assert!(mirrored.deleted_files >= 1, "{mirrored:?}");
    assert_eq!(files(&world.at("log")), files(&world.at("copy")));
}

#[test]
fn records_that_no_backup_has_are_not_passed_over() {
    let world = World::new();
    world.record(0..10);
    world.backup_all();
    world.record(10..200);
    world.prune(1);
    match world.backup(BackupOptions::default()) {
        Err(CopyError::Hole { ends_before: 10, begins_at, .. }) => assert!(begins_at > 10),
        other => panic!("{other:?}"),
    }
    assert_eq!(records(&world.at("copy")).len(), 10);
    world.backup(MIRROR).unwrap();
    assert_eq!(files(&world.at("log")), files(&world.at("copy")));
}

#[test]
fn a_folder_with_something_else_is_refused() {
    let world = World::new();
    world.record(0..10);
    world.backup_all();
    let (log, other) = (world.at("log"), world.at("other"));
    fs::rename(&log, &other).unwrap();
    world.record(0..30);
    let before = files(&world.at("copy"));
    assert!(matches!(world.backup(MIRROR), Err(CopyError::OtherLog { .. })));
    assert_eq!(files(&world.at("copy")), before);
    fs::create_dir(world.at("notes")).unwrap();
    fs::write(world.at("notes").join("a"), "b").unwrap();
    let notes = backup_log(&log, &world.at("notes"), &LINK);
    assert!(matches!(notes, Err(CopyError::Occupied { .. })) && files(&world.at("notes")).len() == 1);
    for inside in [log.join("copy"), log.clone(), world.0.path().into()] {
        assert!(matches!(backup_log(&log, &inside, &LINK), Err(CopyError::Inside { .. })), "{inside:?}");
    }
    assert!(matches!(restore_log(&world.at("copy"), &other), Err(CopyError::Occupied { .. })));
    let file = log.join("00000000000000000000.evtl");
    assert!(matches!(backup_log(&file, &world.at("x"), &LINK), Err(CopyError::OneFile { .. })));
    let writer = LogWriter::open(world.at("copy")).unwrap();
    fs::rename(&log, world.at("third")).unwrap();
    fs::rename(&other, &log).unwrap();
    assert!(matches!(world.backup(MIRROR), Err(CopyError::InUse { .. })));
    assert!(matches!(restore_log(&world.at("copy"), &world.at("y")), Err(CopyError::InUse { .. })));
    drop(writer);
}

#[test]
fn records_that_only_the_backup_has_are_kept_unless_it_is_a_mirror() {
    let world = World::new();
    world.record(0..10);
    let earlier = files(&world.at("log"));
    world.record(10..20);
    world.backup_all();
    // The log as it was before, and another end.
    for name in files(&world.at("log")).into_keys() {
        fs::remove_file(world.at("log").join(name)).unwrap();
    }
    for (name, bytes) in earlier {
        fs::write(world.at("log").join(name), bytes).unwrap();
    }
    assert!(matches!(world.backup(BackupOptions::default()), Err(CopyError::Diverged { .. })));
    world.record(10..12);
    assert!(matches!(world.backup(BackupOptions::default()), Err(CopyError::Diverged { .. })));
    assert_eq!(records(&world.at("copy")).len(), 20);
    world.backup(MIRROR).unwrap();
    assert_eq!(files(&world.at("log")), files(&world.at("copy")));
}

#[test]
fn links_are_made_of_finished_segments_alone() {
    let world = World::new();
    let mut writer = world.writer();
    write(&mut writer, 0..110);
    writer.sync().unwrap();
    let report = world.backup(LINK).unwrap();
    assert_eq!((report.linked_files, report.copied_files), (2, 1));
    let names =
        |log: &str, base: u64| fs::metadata(world.at(log).join(format!("{base:020}.evtl"))).unwrap().ino();
    assert_eq!(names("log", 0), names("copy", 0));
    assert_ne!(names("log", 100), names("copy", 100));
    write(&mut writer, 110..120);
    writer.close().unwrap();
    world.backup(LINK).unwrap();
    assert_eq!(files(&world.at("log")), files(&world.at("copy")));
}

#[test]
fn damage_of_the_log_is_reported_and_copied() {
    let world = World::new();
    world.record(0..120);
    let path = world.at("log").join("00000000000000000000.evtl");
    let mut bytes = fs::read(&path).unwrap();
    bytes[200] ^= 1;
    fs::write(&path, bytes).unwrap();
    let report = world.backup(BackupOptions::default()).unwrap();
    assert_eq!((report.damage.len(), report.copied_files), (1, 3));
    assert!(report.damage[0].to_string().contains("/log/"), "{}", report.damage[0]);
    assert_eq!(files(&world.at("log")), files(&world.at("copy")));
    let restored = restore_log(&world.at("copy"), &world.at("restored")).unwrap();
    assert!(restored.damage[0].to_string().contains("/copy/"));
}

#[test]
fn what_killed_copies_left_is_cleared_away_and_asides_are_copied() {
    let world = World::new();
    world.record(0..10);
    fs::write(world.at("log").join("00000000000000000005.evtl.1"), "moved aside").unwrap();
    fs::create_dir(world.at("copy")).unwrap();
    fs::write(world.at("copy").join("writer"), "").unwrap();
    fs::write(world.at("copy").join(".copy-1-2.ringlog-copy"), "left").unwrap();
    fs::create_dir(world.at(".restored.1-2.ringlog-copy")).unwrap();
    world.backup_all();
    restore_log(&world.at("copy"), &world.at("restored")).unwrap();
    assert_eq!(files(&world.at("restored")), files(&world.at("log")));
    assert!(!world.at(".restored.1-2.ringlog-copy").exists());
}

/// Splits by a number of seconds.
fn split_seconds(log: &Path, to: &Path, seconds: u64) -> Vec<SplitPart> {
    let every = seconds * SECOND;
    split_log(log, to, &|time| time / every * every, &|begin| format!("part-{}", begin / SECOND)).unwrap()
}

fn schema(name: &str) -> SchemaList {
    let mut list = SchemaList::new();
    let json = format!(r#"{{"name":"{name}","fields":[{{"name":"a","kind":"u64"}}]}}"#);
    list.insert(MetaTopic::EventType(1), json.as_bytes()).unwrap();
    list
}

#[test]
fn the_parts_of_a_log_hold_each_record_once_with_its_description() {
    let world = World::new();
    let mut writer = world.writer();
    for (at, name) in ["tick", "tock", "tick"].into_iter().enumerate() {
        writer.set_schemas(schema(name)).unwrap();
        let from = at as u64 * 100;
        write(&mut writer, from..from + 70);
        writer.append_gap((from + 70) * SECOND, Gap::new(GapReason::RingFull, 30)).unwrap();
        // Later than its neighbours.
        write(&mut writer, from + 150..from + 151);
        write(&mut writer, from + 71..from + 100);
    }
    // The last file has its name.
    writer.sync().unwrap();
    let before = files(&world.at("log"));
    for seconds in [1, 7, 50, 100, 1000] {
        let to = world.at(&format!("by-{seconds}"));
        let parts = split_seconds(&world.at("log"), &to, seconds);
        let mut all = Vec::new();
        for part in &parts {
            let folder = to.join(&part.name);
            let check = verify_log(&folder).unwrap();
            assert!(check.segments.iter().all(|it| it.verdict.is_whole()), "{seconds}: {check:?}");
            assert!(check.missing.is_empty() && check.missing_end.is_none(), "{seconds}: {check:?}");
            let found = records(&folder);
            assert!(found[0].0 >= part.first_sequence && found.last().unwrap().0 + 1 == part.next_sequence);
            assert_eq!(found.len() as u64, part.events + part.gaps, "{part:?}");
            let late = found.iter().filter(|it| it.2.len() == 64 && it.1 < part.begins_at).count();
            assert_eq!(late as u64, part.late);
            all.extend(found);
        }
        let expected = records(&world.at("log"));
        let sequences =
            |all: &[(u64, u64, Vec<u8>, SchemaList)]| all.iter().map(|it| it.0).collect::<Vec<_>>();
        assert_eq!(sequences(&all), sequences(&expected), "{seconds}");
        assert_eq!(all, expected, "{seconds}");
        assert!(parts.windows(2).all(|two| two[0].begins_at < two[1].begins_at));
    }
    assert_eq!(files(&world.at("log")), before);
    writer.close().unwrap();
}

#[test]
fn a_part_is_a_log_that_can_be_continued() {
    let world = World::new();
    world.record(0..120);
    let parts = split_seconds(&world.at("log"), &world.at("parts"), 50);
    assert_eq!(parts.iter().map(|part| &*part.name).collect::<Vec<_>>(), ["part-0", "part-50", "part-100"]);
    for part in &parts {
        let folder = world.at("parts").join(&part.name);
        let mut writer = LogWriter::options().segment_bytes(4096).open(&folder).unwrap();
        assert!(!writer.recovery().has_loss, "{:?}", writer.recovery());
        assert_eq!(writer.next_sequence(), part.next_sequence);
        write(&mut writer, 500..501);
        writer.close().unwrap();
        assert_eq!(verify_log(&folder).unwrap().verdict(), Verdict::Clean);
    }
}

#[test]
fn a_damaged_log_is_not_split_and_nothing_is_left() {
    let world = World::new();
    world.record(0..100);
    let path = world.at("log").join("00000000000000000000.evtl");
    let mut bytes = fs::read(&path).unwrap();
    bytes[200] ^= 1;
    fs::write(&path, bytes).unwrap();
    let split = split_log(&world.at("log"), &world.at("parts"), &|_| 0, &|_| "x".into());
    assert!(matches!(split, Err(CopyError::Read(_))), "{split:?}");
    assert_eq!(fs::read_dir(world.0.path()).unwrap().count(), 1);
}
