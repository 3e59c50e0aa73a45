//! Tests with files of a dead writer that are damaged, or were begun and never reached the disk.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ringlog_nostd::format::{FILE_HEADER_LEN, FileHeader, field, file_flags};

use crate::storage::error::{OpenError, ReadError, SyncError};
use crate::storage::log::options::LogWriterOptions;
use crate::storage::log::writer::LogWriter;
use crate::storage::maintenance::policies::SyncPolicy;
use crate::storage::maintenance::retention::Retention;
use crate::storage::names::segment_name;
use crate::storage::read::scan::watermarks::LogWatermarks;
use crate::storage::recovery::report::{LastEnd, RecoveredSegment, RecoveryAction};
use crate::storage::segment::spare::is_temporary;
use crate::storage::tests::power_loss::check::{Found, event, is_in_doubt, read};
use crate::storage::tests::power_loss::faults::unreadable;
use crate::storage::tests::power_loss::run::scratch;
use crate::storage::tests::power_loss::trace::Recorder;
use crate::storage::tests::single_step::{kill, prepare_late};

const EVENTS: u64 = 60;

fn options(sync: SyncPolicy) -> LogWriterOptions {
    LogWriter::options().segment_bytes(4096).sync(sync)
}

fn try_open(folder: &Path, options: &LogWriterOptions, boot: &str) -> Result<LogWriter, OpenError> {
    LogWriter::open_at(folder, options.clone(), Arc::new(Recorder::new(boot)), false)
}

fn open(folder: &Path, options: &LogWriterOptions) -> LogWriter {
    try_open(folder, options, "boot").unwrap()
}

fn put(writer: &mut LogWriter, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let (header, payload) = event(number);
        writer.write_event(&header, &payload).unwrap();
    }
}

/// Writes a log of many segments that were not synced, and kills its writer. Returns the segments.
fn killed(folder: &Path, options: &LogWriterOptions) -> Vec<PathBuf> {
    let mut writer = open(folder, options);
    put(&mut writer, 0..EVENTS);
    kill(writer);
    // Gives all of them their names.
    kill(open(folder, options));
    fs::remove_file(folder.join(segment_name(EVENTS))).unwrap();
    segments(folder)
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|end| end == "evtl");
    let mut all: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(is_segment).collect();
    all.sort();
    all.retain(|path| header(path).write_offset > FILE_HEADER_LEN as u64);
    all
}

fn header(path: &Path) -> FileHeader {
    let mut bytes = [0; FILE_HEADER_LEN];
    File::open(path).unwrap().read_exact_at(&mut bytes, 0).unwrap();
    FileHeader::from_bytes(&bytes).unwrap()
}

fn patch(path: &Path, offset: u64, bytes: &[u8]) {
    OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, offset).unwrap();
}

/// Returns where the event with this number begins: its offset in the segment, and its position in the log.
fn place(path: &Path, number: u64) -> (u64, u64) {
    let bytes = |from, to| (from..to).map(|number| event(number).0.stride() as u64).sum::<u64>();
    let base = header(path).base_sequence;
    (FILE_HEADER_LEN as u64 + bytes(base, number), bytes(0, number))
}

fn is_clean(path: &Path) -> bool {
    header(path).has(file_flags::CLEAN)
}

/// Returns the damage that the sync reported: file, offset and record.
fn damage_of(result: Result<(), SyncError>) -> (PathBuf, u64, u64) {
    let error = result.unwrap_err();
    let SyncError::Damaged(damage) = &error else { panic!("{error}") };
    let ReadError::Record { path, source } = &**damage else { panic!("{error}") };
    let said = error.to_string();
    for part in
        [path.display().to_string(), format!("record {} at offset {}", source.sequence, source.offset)]
    {
        assert!(said.contains(&part), "{said}");
    }
    (path.clone(), source.offset, source.sequence)
}

/// Reads each segment alone. Returns the events that can be read, even if others are damaged.
fn whole_events(folder: &Path) -> Vec<u64> {
    let mut found = Vec::new();
    for path in segments(folder) {
        let mut scan = crate::storage::read::scan::segment_scan::FileScan::open(path).unwrap();
        while let Ok(Some(event)) = scan.next_event() {
            if event.gap().is_none() {
                found.push(event.header.timestamp);
            }
        }
    }
    found
}

/// Damages a page in the middle of a segment. Returns the number of the first event in it.
fn damage_page(path: &Path) -> u64 {
    let FileHeader { base_sequence, event_count, .. } = header(path);
    let number = base_sequence + event_count / 2;
    patch(path, place(path, number).0, &[0; 64]);
    number
}

#[test]
fn a_damaged_segment_of_a_killed_writer_is_reported_and_the_watermark_stays_below_it() {
    for checksums in [true, false] {
        let options = options(SyncPolicy::Never).checksums(checksums);
        for which in [0, 1, usize::MAX] {
            let folder = scratch();
            let files = killed(folder.path(), &options);
            assert!(files.len() > 2 && files.iter().all(|path| !is_clean(path)));
            let damaged = &files[which.min(files.len() - 1)];
            let number = damage_page(damaged);
            let (offset, position) = place(damaged, number);

            let mut writer = open(folder.path(), &options);
            assert_eq!((writer.recovery().last_end, writer.durable_position()), (LastEnd::Killed, 0));
            put(&mut writer, EVENTS..EVENTS + 30);
            assert_eq!(damage_of(writer.sync()), (damaged.clone(), offset, number));
            assert_eq!(writer.durable_position(), position);
            // Recording continues, and so do syncs.
            put(&mut writer, EVENTS + 30..EVENTS + 60);
            writer.sync().unwrap();
            assert_eq!(writer.durable_position(), position);
            let positions = LogWatermarks::of(folder.path()).unwrap();
            assert_eq!((positions.durable, positions.published), (position, writer.position()));
            assert_eq!(header(damaged).synced_offset, offset);
            writer.close().unwrap();
            for path in segments(folder.path()) {
                let FileHeader { synced_offset, write_offset, .. } = header(&path);
                assert_eq!(is_clean(&path), path < *damaged, "{}", path.display());
                assert!(synced_offset == write_offset || path == *damaged, "{}", path.display());
            }
        }
    }
}

#[test]
fn a_wrong_count_and_a_lost_header_are_no_reason_to_promise() {
    let options = options(SyncPolicy::Never);
    for is_header_lost in [false, true] {
        let folder = scratch();
        let last = killed(folder.path(), &options).pop().unwrap();
        let (_, base_position) = place(&last, header(&last).base_sequence);
        if !is_header_lost {
            let count = header(&last).event_count - 1;
            patch(&last, field::EVENT_COUNT as u64, &count.to_le_bytes());
        }
        let mut writer = open(folder.path(), &options);
        if is_header_lost {
            patch(&last, 0, &[0; FILE_HEADER_LEN]);
        }
        let said = writer.sync().unwrap_err().to_string();
        assert!(said.contains(&last.display().to_string()), "{said}");
        writer.sync().unwrap();
        assert!(writer.durable_position() <= base_position);
        assert!(is_header_lost || !is_clean(&last));
        kill(writer);
    }
}

#[test]
fn damage_stops_no_writer_that_syncs_every_event_and_is_reported_at_the_close() {
    let folder = scratch();
    let options = options(SyncPolicy::Never);
    let files = killed(folder.path(), &options);
    let number = damage_page(&files[1]);
    let mut writer = open(folder.path(), &options.clone().sync(SyncPolicy::EveryEvent));
    put(&mut writer, EVENTS..EVENTS + 30);
    let watch = writer.watch();
    assert!(
        matches!(watch.take_damage(), Some(ReadError::Record { source, .. }) if source.sequence == number)
    );
    assert!(watch.take_damage().is_none());
    writer.close().unwrap();

    // As long as the segment exists, each writer finds the damage and reports it once.
    let writer = open(folder.path(), &options);
    let error = writer.close().unwrap_err();
    assert!(matches!(error, SyncError::Damaged(_)), "{error}");
    assert_eq!(open(folder.path(), &options).recovery().last_end, LastEnd::Closed);
}

#[test]
fn the_watermark_rises_again_when_retention_has_taken_the_damaged_segment() {
    let folder = scratch();
    let options = options(SyncPolicy::Never);
    let files = killed(folder.path(), &options);
    damage_page(&files[0]);
    let retention = Retention { max_segments: Some(3), ..Retention::default() };
    let mut writer = open(folder.path(), &options.retention(retention));
    damage_of(writer.sync());
    put(&mut writer, EVENTS..EVENTS + 100);
    assert!(!files[0].exists());
    writer.sync().unwrap();
    assert_eq!(writer.durable_position(), writer.position());
    assert_eq!(LogWatermarks::of(folder.path()).unwrap().durable, writer.position());
    writer.close().unwrap();
    assert!(open(folder.path(), &LogWriter::options()).take_damage().is_none());
}

/// What was synced after the damage is there after a loss of power, and the damage is reported again.
#[test]
fn a_loss_of_power_after_known_damage_takes_nothing_that_was_synced() {
    for below in [false, true] {
        let folder = scratch();
        let options = options(SyncPolicy::Never);
        let files = killed(folder.path(), &options);
        if below {
            patch(&files[1], field::SYNCED_OFFSET as u64, &header(&files[1]).write_offset.to_le_bytes());
        }
        let number = damage_page(&files[1]);
        let mut writer = open(folder.path(), &options);
        put(&mut writer, EVENTS..EVENTS + 30);
        damage_of(writer.sync());
        let whole = whole_events(folder.path());
        kill(writer);

        let mut writer = try_open(folder.path(), &options, "next boot").unwrap();
        let report = writer.recovery().clone();
        assert_eq!(report.last_end, LastEnd::MachineLost);
        let reported: Vec<_> =
            report.segments.iter().filter_map(|reported| Some((&reported.path, reported.damage?))).collect();
        assert!(
            matches!(reported[..], [(path, damage)] if *path == files[1] && damage.sequence == number),
            "{report}"
        );
        assert!(report.to_string().contains(&format!("record {number} at offset")), "{report}");
        assert_eq!(whole_events(folder.path()), whole);
        damage_of(writer.sync());
        assert!(writer.durable_position() < place(&files[1], EVENTS).1);
        writer.close().unwrap();
    }
}

/// Files that were begun and had no name yet at the power loss. The headers of some never reached the disk.
#[test]
fn segments_whose_headers_never_reached_the_disk_do_not_keep_a_log_from_opening() {
    let options = options(SyncPolicy::EveryBytes(u64::MAX));
    for (lost, is_clean_before) in (0_u32..32).map(|case| (case % 16, case < 16)) {
        let folder = scratch();
        let mut writer = open(folder.path(), &options);
        let mut kept = 0;
        while unnamed(folder.path()).len() < 4 {
            prepare_late(&writer).unwrap();
            put(&mut writer, kept..kept + 1);
            kept += 1;
            if is_clean_before && unnamed(folder.path()).len() == 1 {
                // Finishes the segment that is full, and names none.
                writer.maintenance.sync_step().unwrap();
            }
        }
        kill(writer);
        let is_lost = |(at, _): &(usize, &PathBuf)| lost & 1 << at != 0;
        for (_, path) in unnamed(folder.path()).iter().enumerate().filter(is_lost) {
            // The log ends before the first one that is missing.
            kept = kept.min(header(path).base_sequence);
            patch(path, 0, &[0; FILE_HEADER_LEN]);
        }
        check_gap(folder.path(), &options, kept, lost);
    }
}

fn check_gap(folder: &Path, options: &LogWriterOptions, kept: u64, lost: u32) {
    let writer = try_open(folder, options, "next boot").unwrap_or_else(|error| panic!("{lost:04b}: {error}"));
    let report = writer.recovery();
    let aside =
        |reported: &&_| matches!(reported, RecoveredSegment { action: RecoveryAction::SetAside(_), .. });
    let after = (lost.trailing_zeros()..4).filter(|at| lost & 1 << at == 0).count();
    assert_eq!(report.segments.iter().filter(aside).count(), after, "{lost:04b}: {report}");
    assert!(report.has_loss, "{report}");
    let found = read(folder);
    let events = found.iter().filter(|found| matches!(found, Found::Event(_))).count() as u64;
    assert_eq!(events, kept, "{lost:04b}: {report}");
    assert!(is_in_doubt(&found[kept as usize..]), "{report}");
    writer.close().unwrap();
}

/// Files that were begun and have no name, oldest first.
fn unnamed(folder: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut begun: Vec<_> = all.filter(|path| is_temporary(path)).collect();
    begun.retain(|path| fs::read(path).unwrap()[..4] != [0; 4]);
    begun.sort_by_key(|path| header(path).base_sequence);
    begun
}

/// A file after a missing one that was promised, or has its name, is not set aside.
#[test]
fn what_was_promised_after_a_missing_segment_is_an_error() {
    let options = options(SyncPolicy::EveryBytes(u64::MAX));
    let folder = scratch();
    let mut writer = open(folder.path(), &options);
    for number in 0..EVENTS {
        prepare_late(&writer).unwrap();
        put(&mut writer, number..number + 1);
    }
    kill(writer);
    let files = unnamed(folder.path());
    patch(&files[0], 0, &[0; FILE_HEADER_LEN]);
    patch(&files[1], field::SYNCED_OFFSET as u64, &header(&files[1]).write_offset.to_le_bytes());
    let before = fs::read_dir(folder.path()).unwrap().count();
    let error = try_open(folder.path(), &options, "next boot").unwrap_err();
    assert!(error.to_string().contains("is missing, or this one does not belong here"), "{error}");
    assert!(error.to_string().contains(&files[1].display().to_string()), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), before, "nothing is touched");
}

#[test]
fn what_a_sync_cannot_read_of_a_dead_writers_segment_is_damage() {
    let folder = scratch();
    let options = options(SyncPolicy::Never);
    let files = killed(folder.path(), &options);
    let mut writer = open(folder.path(), &options);
    put(&mut writer, EVENTS..EVENTS + 3);
    let sector = unreadable(&files[1], 2048);
    let error = writer.sync().unwrap_err();
    let SyncError::Damaged(damage) = &error else { panic!("{error}") };
    assert!(
        matches!(&**damage, ReadError::Io { path, offset, .. } if *path == files[1] && *offset < 2048),
        "{error}"
    );
    let (durable, base) = (writer.durable_position(), place(&files[1], header(&files[1]).base_sequence).1);
    assert!((base..base + 2048).contains(&durable), "{durable}");
    drop(sector);
    put(&mut writer, EVENTS + 3..EVENTS + 6);
    writer.close().unwrap();

    // The next writer can read it, and promises all.
    let mut writer = open(folder.path(), &options);
    writer.sync().unwrap();
    assert_eq!(writer.durable_position(), writer.position());
}

fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = all.filter(|path| !path.ends_with("writer")).collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// A file that was being prepared is deleted, but not before all is read.
#[test]
fn a_read_error_in_any_file_leaves_the_folder_as_it_was() {
    let options = options(SyncPolicy::Never);
    let folder = scratch();
    let mut writer = open(folder.path(), &options);
    put(&mut writer, 0..EVENTS);
    prepare_late(&writer).unwrap();
    kill(writer);
    let writer_file = fs::read(folder.path().join("writer")).unwrap();
    let mut refused = 0;
    for (path, bytes) in contents(folder.path()) {
        for offset in (0..bytes.len() as u64).step_by(512) {
            let copy = scratch();
            fs::write(copy.path().join("writer"), &writer_file).unwrap();
            for (path, bytes) in contents(folder.path()) {
                fs::write(copy.path().join(path.file_name().unwrap()), bytes).unwrap();
            }
            let before = contents(copy.path());
            let path = copy.path().join(path.file_name().unwrap());
            let sector = unreadable(&path, offset);
            let opened = try_open(copy.path(), &options, "next boot");
            drop(sector);
            let Err(error) = opened else {
                // Nothing but its header is read of a file that was never begun.
                assert!(offset > 0 && bytes[..4] == [0; 4], "{} at {offset}", path.display());
                continue;
            };
            let said = error.to_string();
            assert!(said.contains(path.to_str().unwrap()) && said.contains("offset "), "{said}");
            assert!(contents(copy.path()) == before, "{said}");
            refused += 1;
        }
    }
    assert!(refused > 20, "{refused}");
}

#[test]
fn a_named_segment_without_its_header_is_damage() {
    for which in [0, 1, usize::MAX] {
        let folder = scratch();
        let options = options(SyncPolicy::Never);
        let files = killed(folder.path(), &options);
        let lost = &files[which.min(files.len() - 1)];
        patch(lost, 0, &[0; FILE_HEADER_LEN]);
        for boot in ["boot", "next boot"] {
            let before = contents(folder.path());
            let said = try_open(folder.path(), &options, boot).unwrap_err().to_string();
            assert!(said.contains(&format!("{}: offset 0", lost.display())), "{said}");
            assert!(contents(folder.path()) == before);
        }
    }
}

/// A disk that writes a header into another file makes two files that begin with the same record.
#[test]
fn of_two_files_that_begin_with_the_same_record_the_one_without_a_name_is_set_aside() {
    let folder = scratch();
    let options = options(SyncPolicy::EveryBytes(u64::MAX));
    let mut writer = open(folder.path(), &options);
    put(&mut writer, 0..10);
    prepare_late(&writer).unwrap();
    kill(writer);
    let all = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let temporary = all.into_iter().find(|path| is_temporary(path)).unwrap();
    let named = segments(folder.path()).pop().unwrap();
    let bytes = fs::read(&named).unwrap();
    patch(&temporary, 0, &bytes[..FILE_HEADER_LEN]);
    // None of its records is whole, so both files end where they begin.
    patch(&named, FILE_HEADER_LEN as u64, &[0; 512]);
    let writer = try_open(folder.path(), &options, "next boot").unwrap();
    let reported = &writer.recovery().segments;
    let aside =
        reported.iter().filter(|reported| matches!(reported.action, RecoveryAction::SetAside(_))).count();
    assert_eq!(aside, 2, "{}", writer.recovery());
}

#[test]
fn a_link_in_the_place_of_a_dead_writers_segment_ends_no_recording() {
    let folder = scratch();
    let options = options(SyncPolicy::Never);
    let files = killed(folder.path(), &options);
    let mut writer = open(folder.path(), &options);
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(&files[1], &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &files[1]).unwrap();
    let before = fs::read(&elsewhere).unwrap();
    let error = writer.sync().unwrap_err();
    let said = error.to_string();
    assert!(matches!(error, SyncError::Damaged(_)) && said.contains(files[1].to_str().unwrap()), "{said}");
    put(&mut writer, EVENTS..EVENTS + 3);
    writer.close().unwrap();
    assert_eq!(fs::read(&elsewhere).unwrap(), before);
    assert!(is_clean(&files[0]) && !is_clean(&files[2]));
}
