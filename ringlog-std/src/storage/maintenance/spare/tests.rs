//! Each step towards the next segment on its own.

use std::fs;
use std::path::Path;
use std::time::Instant;

use ringlog_nostd::format::FILE_HEADER_LEN;

use crate::storage::folder::listing::Folder;
use crate::storage::log::options::LogWriterOptions;
use crate::storage::log::writer::LogWriter;
use crate::storage::maintenance::policies::SyncPolicy;
use crate::storage::maintenance::retention::Retention;
use crate::storage::maintenance::spare::*;
use crate::storage::segment::spare::is_temporary;
use crate::storage::tests::single_step::{STRIDE, alone, fill, write};

const NO_LIMIT: Retention =
    Retention { max_bytes: None, max_age: None, max_segments: None, cursor_bytes: None };

fn small() -> LogWriterOptions {
    LogWriter::options().segment_bytes(4096).sync(SyncPolicy::EveryBytes(1 << 20))
}

fn temporaries(folder: &Path) -> usize {
    Folder::list(folder).unwrap().foreign.iter().filter(|path| is_temporary(path)).count()
}

#[test]
fn the_next_segment_is_prepared_once_a_sixteenth_is_written_and_goes_if_it_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = alone(folder.path(), small().segment_bytes(16 * 4096));
    assert!(!writer.maintenance.spare_step(false).unwrap());
    // The last one ends where the sixteenth does.
    for number in 0..(4096 - FILE_HEADER_LEN as u64) / STRIDE {
        assert!(!writer.maintenance.spare_step(false).unwrap());
        write(&mut writer, number).unwrap();
    }
    assert!(writer.maintenance.spare_step(false).unwrap());
    assert!(!writer.maintenance.spare_step(false).unwrap(), "one is enough");
    assert_eq!(temporaries(folder.path()), 1);
    writer.close().unwrap();
    assert_eq!(temporaries(folder.path()), 0);
}

#[test]
fn a_large_segment_has_its_next_one_before_a_sixteenth_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = alone(folder.path(), small().segment_bytes(64 << 20));
    let payload = [0; 1 << 15];
    let header = crate::event::EventHeader::new(0, 0, 1 << 15);
    for _ in 0..31 {
        writer.write_event(&header, &payload).unwrap();
    }
    assert!(!writer.maintenance.spare_step(false).unwrap());
    writer.write_event(&header, &payload).unwrap();
    assert!(writer.maintenance.spare_step(false).unwrap());
    writer.close().unwrap();
}

#[test]
fn a_failure_is_reported_once_and_not_tried_again_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("log");
    let writer = alone(&inner, small());
    fs::rename(&inner, folder.path().join("elsewhere")).unwrap();
    let before = Instant::now();
    assert!(writer.maintenance.spare_step(true).unwrap());
    let SpareState::Failed { try_at, .. } = *lock(&writer.maintenance.spares.next) else {
        panic!("it has failed")
    };
    assert!(try_at >= before + RETRY);
    assert!(matches!(writer.maintenance.spares.take(), Some(Err(_))));
    assert!(writer.maintenance.spares.take().is_none());
    let SpareState::Missing { try_at: kept } = *lock(&writer.maintenance.spares.next) else {
        panic!("reported")
    };
    assert_eq!(kept, Some(try_at));
    fs::rename(folder.path().join("elsewhere"), &inner).unwrap();
    writer.close().unwrap();
}

#[test]
fn after_a_failure_there_is_a_pause_unless_the_writer_waits() {
    let folder = tempfile::tempdir().unwrap();
    let writer = alone(folder.path(), small());
    let is_missing = |try_at, is_wanted_now| {
        *lock(&writer.maintenance.spares.next) = SpareState::Missing { try_at };
        writer.maintenance.spares.is_missing(is_wanted_now)
    };
    let (past, future) = (Some(Instant::now()), Some(Instant::now() + Duration::from_secs(3600)));
    assert!(is_missing(None, false) && is_missing(past, false));
    assert!(!is_missing(future, false));
    assert!(is_missing(future, true));
    writer.maintenance.spares.request();
    assert!(writer.maintenance.spare_step(false).unwrap());
    assert!(!writer.maintenance.spares.is_missing(true), "it is there");
    writer.close().unwrap();
}

/// Returns a log of five segments, opened again.
fn five(folder: &Path, options: LogWriterOptions) -> LogWriter {
    let mut writer = alone(folder, small());
    fill(&mut writer, 5);
    writer.close().unwrap();
    alone(folder, options)
}

#[test]
fn each_file_of_the_log_counts_once() {
    for (is_wanted, is_ready, most, retired) in [
        (false, false, 6, 0),
        (false, false, 5, 1),
        (true, false, 7, 0),
        (true, false, 6, 1),
        (false, true, 7, 0),
        (false, true, 6, 1),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let bytes = Retention { max_bytes: Some(most * 4096), ..NO_LIMIT };
        let writer = five(folder.path(), small().retention(bytes));
        if is_ready {
            let made =
                SpareSegment::fresh(&*writer.maintenance.segments.platform, folder.path(), 4096, 0).unwrap();
            *lock(&writer.maintenance.spares.next) = SpareState::Ready(made);
        }
        let count = writer.maintenance.spares.count_due(is_wanted);
        assert_eq!(count, retired, "{most} files, the next one is wanted {is_wanted}, ready {is_ready}");
        writer.close().unwrap();
    }
}

#[test]
fn of_those_that_go_at_once_one_becomes_the_next_and_the_others_are_deleted() {
    let two = Retention { max_segments: Some(2), ..NO_LIMIT };
    for checksums in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let writer = five(folder.path(), small().retention(two).checksums(checksums));
        assert!(writer.maintenance.spare_step(true).unwrap());
        assert_eq!((temporaries(folder.path()), lock(&writer.maintenance.segments.kept).len()), (1, 1));
        let next = writer.maintenance.spares.take().unwrap().unwrap();
        // Without checksums old records would pass as new ones.
        assert_eq!(next.former_salt.is_some(), checksums);
        next.discard(&*writer.maintenance.segments.platform);
        assert_eq!(temporaries(folder.path()), 0);
        writer.close().unwrap();
    }
}

#[test]
fn where_no_next_segment_is_wanted_those_that_go_are_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let two = Retention { max_segments: Some(2), ..NO_LIMIT };
    let writer = five(folder.path(), small().retention(two));
    writer.maintenance.retention_step().unwrap();
    assert_eq!((temporaries(folder.path()), lock(&writer.maintenance.segments.kept).len()), (0, 1));
    writer.close().unwrap();
}

#[test]
fn the_newest_finished_segment_stays_until_the_next_one_holds_something_under_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = alone(folder.path(), small());
    fill(&mut writer, 2);
    assert!(writer.maintenance.segments.pop_oldest().is_some(), "there are two");
    assert!(writer.maintenance.segments.pop_oldest().is_none(), "the next one is empty");
    write(&mut writer, 2).unwrap();
    assert!(writer.maintenance.segments.pop_oldest().is_none(), "it has no name");
    writer.maintenance.spare_step(false).unwrap();
    assert!(writer.maintenance.segments.pop_oldest().is_some());
    writer.close().unwrap();
}

#[test]
fn a_named_segment_without_records_does_not_stand_for_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = alone(folder.path(), small());
    fill(&mut writer, 1);
    writer.maintenance.spare_step(false).unwrap();
    assert!(writer.maintenance.segments.pop_oldest().is_none());
    writer.close().unwrap();
}

#[test]
fn a_segment_that_is_gone_is_retired_and_one_that_cannot_be_deleted_stays_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = alone(folder.path(), small());
    fill(&mut writer, 3);
    let paths: Vec<_> =
        lock(&writer.maintenance.segments.kept).iter().map(|kept| kept.path.clone()).collect();
    fs::remove_file(&paths[0]).unwrap();
    assert!(matches!(writer.maintenance.spares.retire_oldest(false), Some(Retired::Gone)));
    assert!(writer.take_retention_error().is_none());
    fs::remove_file(&paths[1]).unwrap();
    fs::create_dir(&paths[1]).unwrap();
    assert!(writer.maintenance.spares.retire_oldest(false).is_none());
    assert!(matches!(writer.take_retention_error(), Some(CreateError::Io { path, .. }) if path == paths[1]));
    assert_eq!(lock(&writer.maintenance.segments.kept).front().map(|kept| &kept.path), Some(&paths[1]));
    fs::remove_dir(&paths[1]).unwrap();
    writer.close().unwrap();
}
