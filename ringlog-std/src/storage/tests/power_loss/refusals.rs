//! Tests a disk so full that it has no room for a name or for a few bytes in the `writer` file, and what
//! follows a failed sync.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::storage::error::{AppendError, OpenError, SyncError};
use crate::storage::folder::listing::Folder;
use crate::storage::log::options::LogWriterOptions;
use crate::storage::log::writer::LogWriter;
use crate::storage::maintenance::policies::{FullDisk, SyncPolicy};
use crate::storage::maintenance::retention::Retention;
use crate::storage::recovery::report::LastEnd;
use crate::storage::segment::spare::is_temporary;
use crate::storage::tests::power_loss::check::{Found, event, read};
use crate::storage::tests::power_loss::run::scratch;
use crate::storage::tests::power_loss::trace::{Recorder, Refused};

fn options() -> LogWriterOptions {
    LogWriter::options().segment_bytes(4096).sync(SyncPolicy::EveryBytes(1))
}

fn try_open(
    folder: &Path,
    options: LogWriterOptions,
    recorder: &Arc<Recorder>,
) -> Result<LogWriter, OpenError> {
    LogWriter::open_at(folder, options, Arc::clone(recorder) as _, false)
}

fn refuse(recorder: &Recorder, what: impl Into<Option<Refused>>) {
    *recorder.refused.lock().unwrap() = what.into();
}

fn put(writer: &mut LogWriter, number: u64) -> Result<(), AppendError> {
    let (header, payload) = event(number);
    writer.write_event(&header, &payload)
}

/// Writes events from `number` on, until there are `segments` segments.
fn put_until(writer: &mut LogWriter, segments: u64, mut number: u64) -> u64 {
    while writer.summary().segments < segments {
        put(writer, number).unwrap();
        number += 1;
    }
    number
}

fn events(folder: &Path) -> Vec<u64> {
    let found = read(folder).into_iter();
    found.filter_map(|found| if let Found::Event(number) = found { Some(number) } else { None }).collect()
}

fn temporaries(folder: &Path) -> usize {
    Folder::list(folder).unwrap().foreign.iter().filter(|path| is_temporary(path)).count()
}

#[test]
fn a_segment_that_finds_no_room_for_its_name_ends_the_log_and_is_adopted_by_the_next_run() {
    let (folder, recorder) = (scratch(), Arc::new(Recorder::new("boot")));
    let mut writer = try_open(folder.path(), options(), &recorder).unwrap();
    let next = put_until(&mut writer, 2, 0);
    refuse(&recorder, Refused::RenameTo(".evtl"));
    let error = writer.sync().unwrap_err();
    assert!(matches!(error, SyncError::Folder { action: "name the segment", .. }), "{error:?}");
    let durable = writer.durable_position();
    // It refuses even when there is room again: whether the name reached the disk cannot be known.
    refuse(&recorder, None);
    assert!(matches!(put(&mut writer, next), Err(AppendError::Poisoned { .. })));
    assert!(writer.sync().is_err() && writer.close().is_err());
    assert_eq!(temporaries(folder.path()), 1);

    let writer = try_open(folder.path(), options(), &recorder).unwrap();
    assert!(events(folder.path()).into_iter().eq(0..next), "nothing that was published is lost");
    assert_eq!(temporaries(folder.path()), 0);
    assert!(writer.position() > durable);
}

#[test]
fn a_retired_segment_that_finds_no_room_for_another_name_is_deleted_and_the_log_continues() {
    let (folder, recorder) = (scratch(), Arc::new(Recorder::new("boot")));
    let retention = Retention { max_segments: Some(2), ..Retention::default() };
    let mut writer = try_open(folder.path(), options().retention(retention), &recorder).unwrap();
    refuse(&recorder, Refused::RenameFrom(".evtl"));
    let mut next = 0;
    for segments in 2..6 {
        next = put_until(&mut writer, segments, next);
        writer.sync().unwrap();
    }
    let error = writer.take_retention_error().expect("it is reported").to_string();
    assert!(error.contains("recycling"), "{error}");
    writer.close().unwrap();
    let left = events(folder.path());
    assert!(left[0] > 0 && left.iter().copied().eq(left[0]..next), "{left:?}");
    assert_eq!(temporaries(folder.path()), 0);
}

#[test]
fn a_run_that_finds_no_room_for_its_name_in_the_writer_file_does_not_begin() {
    let (folder, recorder) = (scratch(), Arc::new(Recorder::new("boot")));
    let mut writer = try_open(folder.path(), options(), &recorder).unwrap();
    put(&mut writer, 0).unwrap();
    writer.close().unwrap();
    refuse(&recorder, Refused::Store);
    for _ in 0..2 {
        let refused = try_open(folder.path(), options(), &recorder).unwrap_err();
        assert!(matches!(refused, OpenError::Io { action: "store into the file", .. }), "{refused:?}");
        assert_eq!((events(folder.path()), temporaries(folder.path())), (vec![0], 0));
    }
    refuse(&recorder, None);
    let mut writer = try_open(folder.path(), options(), &recorder).unwrap();
    assert_eq!(writer.recovery().last_end, LastEnd::Closed);
    put(&mut writer, 1).unwrap();
    writer.close().unwrap();
    assert_eq!(events(folder.path()), [0, 1]);
}

#[test]
fn what_the_writer_file_has_no_room_for_is_an_error_and_changes_nothing() {
    let (folder, recorder) = (scratch(), Arc::new(Recorder::new("boot")));
    let mut writer = try_open(folder.path(), options().full_disk(FullDisk::DropWithGap), &recorder).unwrap();
    // Fills the segment. From then on there is no room anywhere.
    recorder.disk_full.store(1, std::sync::atomic::Ordering::Relaxed);
    refuse(&recorder, Refused::Store);
    let mut next = 0;
    let error = loop {
        match put(&mut writer, next) {
            Ok(()) => next += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, AppendError::Io { action: "store that events are lost", .. }), "{error:?}");
    assert!(writer.set_ring_identity(7).is_err());
    assert_eq!((writer.ring_identity(), writer.summary().events), (0, next));
    let error = writer.close().unwrap_err();
    assert!(matches!(error, SyncError::Folder { action: "store into the file", .. }), "{error:?}");

    recorder.disk_full.store(0, std::sync::atomic::Ordering::Relaxed);
    refuse(&recorder, None);
    // By its file, that writer was killed. Nothing was dropped, so no loss is reported.
    let writer = try_open(folder.path(), options(), &recorder).unwrap();
    assert_eq!(writer.recovery().last_end, LastEnd::Killed);
    assert!(read(folder.path()).into_iter().eq((0..next).map(Found::Event)));
}

/// Two threads give a segment its name at the same time: the first one's sync fails, the second one's would
/// succeed and write nothing. Found by `schedules`.
#[test]
fn after_a_failed_sync_no_segment_gets_its_name() {
    let (folder, recorder) = (scratch(), Arc::new(Recorder::new("boot")));
    let mut writer = try_open(folder.path(), options(), &recorder).unwrap();
    put_until(&mut writer, 2, 0);
    let flusher = Arc::clone(writer.active.writer().unwrap().flusher());
    flusher.poison();
    assert!(matches!(flusher.rename_into_place(), Err(SyncError::Poisoned { .. })));
    assert!(!flusher.is_named());
}

/// Found by `schedules`.
#[test]
fn why_a_log_was_poisoned_is_reported_no_matter_who_notes_it_first() {
    let (folder, recorder) = (scratch(), Arc::new(Recorder::new("boot")));
    let mut writer = try_open(folder.path(), options(), &recorder).unwrap();
    put(&mut writer, 0).unwrap();
    writer.maintenance.note_sync_error(SyncError::Poisoned { path: folder.path().into() });
    let (path, source) = (folder.path().into(), std::io::Error::other("the reason"));
    writer.maintenance.note_sync_error(SyncError::Folder { path, action: "name the segment", source });
    assert!(matches!(writer.sync(), Err(SyncError::Folder { .. })));
}

/// A worker's sync has failed, and the writer syncs before the worker has noted it.
#[test]
fn a_writer_that_meets_a_failed_sync_says_why_before_a_helper_has_noted_it() {
    let (folder, recorder) = (scratch(), Arc::new(Recorder::new("boot")));
    let mut writer = try_open(folder.path(), options(), &recorder).unwrap();
    put(&mut writer, 0).unwrap();
    recorder.sync_fails_in.store(1, Ordering::Relaxed);
    assert!(matches!(writer.maintenance.finish_all(), Err(SyncError::Failed { .. })));
    assert!(matches!(put(&mut writer, 1), Err(AppendError::Close(SyncError::Failed { .. }))));
    assert!(matches!(put(&mut writer, 1), Err(AppendError::Poisoned { .. })), "it was said once");
}

/// Found by `schedules`.
#[test]
fn a_poisoned_log_does_not_close_as_if_nothing_had_been() {
    let (folder, recorder) = (scratch(), Arc::new(Recorder::new("boot")));
    let mut writer = try_open(folder.path(), options(), &recorder).unwrap();
    put(&mut writer, 0).unwrap();
    writer.close().unwrap();
    // Nothing is written, so nothing is left to sync.
    let writer = try_open(folder.path(), options(), &recorder).unwrap();
    writer.maintenance.note_sync_error(SyncError::Poisoned { path: folder.path().into() });
    assert!(matches!(writer.close(), Err(SyncError::Poisoned { .. })));
}

#[test]
fn an_empty_segment_goes_under_whichever_name_a_failed_sync_has_left_it() {
    let mut has_failed_after_the_name = false;
    for sync in 1..20 {
        let (folder, recorder) = (scratch(), Arc::new(Recorder::new("boot")));
        let mut writer = try_open(folder.path(), options(), &recorder).unwrap();
        put(&mut writer, 0).unwrap();
        writer.roll().unwrap();
        recorder.sync_fails_in.store(sync, Ordering::Relaxed);
        let Err(error) = writer.sync() else { break };
        let files = Folder::list(folder.path()).unwrap();
        has_failed_after_the_name |= matches!(error, SyncError::Folder { action: "name the segment", .. })
            && files.segments.len() == 2;
        let error = writer.close().unwrap_err();
        assert!(matches!(error, SyncError::Poisoned { .. }), "{sync}: {error:?}");
        assert_eq!(Folder::list(folder.path()).unwrap().segments.len(), 1, "{sync}");
        assert_eq!(temporaries(folder.path()), 0, "{sync}");
    }
    assert!(has_failed_after_the_name);
}

/// Positions include what was dropped. The limit counts only what was written.
#[test]
fn a_run_with_a_limit_continues_after_its_second_loss() {
    let (folder, recorder) = (scratch(), Arc::new(Recorder::new("boot")));
    let options =
        options().sync(SyncPolicy::Never).full_disk(FullDisk::DropWithGap).max_bytes(Some(3 * 4096));
    let mut writer = try_open(folder.path(), options, &recorder).unwrap();
    let mut numbers = 0..;
    for _ in 0..2 {
        recorder.disk_full.store(1, Ordering::Relaxed);
        while writer.dropped.is_none() {
            put(&mut writer, numbers.next().unwrap()).unwrap();
            writer.maintenance.spare_step(false).unwrap();
        }
        for number in numbers.by_ref().take(400) {
            put(&mut writer, number).unwrap();
        }
        recorder.disk_full.store(0, Ordering::Relaxed);
        // It is tried again only after a while.
        std::thread::sleep(std::time::Duration::from_millis(60));
        writer.maintenance.spare_step(false).unwrap();
        put(&mut writer, numbers.next().unwrap()).unwrap();
        assert!(writer.dropped.is_none(), "{} bytes written", writer.bytes_written());
    }
    writer.close().unwrap();
}

#[test]
fn the_writer_file_learns_of_a_loss_before_the_first_event_is_dropped() {
    let (folder, recorder) = (scratch(), Arc::new(Recorder::new("boot")));
    let options = options().full_disk(FullDisk::DropWithGap);
    let mut writer = try_open(folder.path(), options, &recorder).unwrap();
    let text = || std::fs::read_to_string(folder.path().join("writer")).unwrap();
    assert!(!text().contains("untold_loss"));
    recorder.disk_full.store(1, Ordering::Relaxed);
    let number = (0..1000).find(|&number| {
        put(&mut writer, number).unwrap();
        writer.dropped.is_some()
    });
    assert!(number.is_some() && text().contains("untold_loss: "), "{}", text());
}
