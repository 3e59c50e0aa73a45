//! Locks that were tampered with: deleted lock files, and other programs that lock a log's segments.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ringlog::event::EventHeader;
use ringlog::recorder::{Recorder, RecorderError};
use ringlog::ring::{RingOptions, SharedRing, SharedRingError};
use ringlog::storage::{
    AppendError, CreateError, LogFollower, LogReader, LogScan, LogWriter, MmapWriter, OpenError, ReadError,
    Retention, SyncError, SyncPolicy,
};

const SEGMENT_BYTES: u64 = 8192;

fn options() -> ringlog::storage::LogWriterOptions {
    LogWriter::options().segment_bytes(SEGMENT_BYTES)
}

fn write_one(writer: &mut LogWriter) -> Result<(), AppendError> {
    writer.write_event(&EventHeader::new(1, 1, 1000), &[1; 1000])
}

/// Makes a closed log of some segments.
fn log_of(log: &Path, events: u64) {
    let mut writer = options().open(log).unwrap();
    (0..events).for_each(|_| write_one(&mut writer).unwrap());
    writer.close().unwrap();
}

fn segments(log: &Path) -> Vec<PathBuf> {
    LogReader::open(log).unwrap().segments().iter().map(|segment| segment.path.clone()).collect()
}

/// Locks a file as `flock -x FILE` does. Tries again for a while: a program that another test is starting has
/// all locks of this process until it runs.
fn lock_exclusively(path: &Path) -> File {
    let file = File::open(path).unwrap();
    within(PATIENCE, || file.try_lock().ok());
    file
}

fn within<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        match look() {
            Some(found) => return found,
            None => assert!(Instant::now() < end, "waited in vain"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

const PATIENCE: Duration = Duration::from_secs(20);

/// Deletes or replaces a lock file while its owner is at work.
fn meddle(path: &Path, is_replaced: bool) {
    let text = fs::read(path).unwrap();
    fs::remove_file(path).unwrap();
    if is_replaced {
        fs::write(path, text).unwrap();
    }
}

#[test]
fn a_writer_whose_lock_file_is_deleted_or_replaced_stops_and_leaves_the_log_alone() {
    for is_replaced in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut writer = options().open(&log).unwrap();
        write_one(&mut writer).unwrap();
        meddle(&log.join("writer"), is_replaced);
        let error = within(PATIENCE, || write_one(&mut writer).err());
        let is_reported =
            matches!(&error, AppendError::Close(SyncError::LockFile { path }) if path.ends_with("writer"));
        assert!(is_reported, "{error}");
        assert!(error.to_string().contains("deleted or replaced"), "{error}");
        // No other writer gets in until the first one has ended. The first one changes nothing more.
        if !is_replaced {
            let refused = options().open(&log).unwrap_err();
            assert!(matches!(refused, OpenError::Locked { pid: Some(pid), .. } if pid == std::process::id()));
        }
        assert!(matches!(writer.close(), Err(SyncError::LockFile { .. })));
        let mut second = options().open(&log).unwrap();
        write_one(&mut second).unwrap();
        write_one(&mut second).unwrap();
        second.close().unwrap();
        assert!(LogReader::open(&log).unwrap().replay(|_| ()).unwrap() >= 3);
    }
}

#[test]
fn a_writer_without_its_lock_promises_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = options().open(folder.path()).unwrap();
    write_one(&mut writer).unwrap();
    let durable = writer.durable_position();
    meddle(&folder.path().join("writer"), true);
    assert!(matches!(writer.sync(), Err(SyncError::LockFile { .. })));
    assert_eq!(writer.durable_position(), durable);
}

#[test]
fn a_writer_that_closes_without_its_lock_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = options().open(folder.path()).unwrap();
    write_one(&mut writer).unwrap();
    meddle(&folder.path().join("writer"), true);
    assert!(matches!(writer.close(), Err(SyncError::LockFile { .. })));
}

#[test]
fn a_recorder_whose_role_file_is_deleted_or_whose_ring_is_cut_short_stops() {
    type Meddle = fn(&Path);
    let cut: Meddle = |ring| {
        // Neither side has reached its last page.
        let len = fs::metadata(ring).unwrap().len();
        fs::OpenOptions::new().write(true).open(ring).unwrap().set_len(len - 4096).unwrap();
    };
    let delete: Meddle = |ring| meddle(&ring.with_extension("ring.consumer"), false);
    let replace: Meddle = |ring| meddle(&ring.with_extension("ring.consumer"), true);
    let is_length = |error: &SharedRingError| matches!(error, SharedRingError::Length { .. });
    let is_role = |error: &SharedRingError| matches!(error, SharedRingError::RoleFile { .. });
    type Expected = fn(&SharedRingError) -> bool;
    let cases: [(Meddle, Expected); 3] = [(cut, is_length), (delete, is_role), (replace, is_role)];
    for (meddle, is_expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let (ring, log) = (folder.path().join("events.ring"), folder.path().join("log"));
        let recorder = Recorder::builder().start_shared(&ring, &log).unwrap();
        let mut producer = SharedRing::open(&ring).unwrap().claim_producer().unwrap();
        producer.write_event(&EventHeader::new(1, 1, 1), b"x").unwrap();
        within(PATIENCE, || (recorder.recorded_bytes() > 0).then_some(()));
        meddle(&ring);
        within(PATIENCE, || recorder.has_stopped().then_some(()));
        match recorder.stop() {
            Err(RecorderError::SharedRing(error)) => assert!(is_expected(&error), "{error}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(LogReader::open(&log).unwrap().replay(|_| ()).unwrap(), 1, "the log is whole");
    }
}

#[test]
fn a_ring_that_was_cut_short_since_it_was_opened_is_refused_to_both_roles() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring");
    let options = RingOptions { capacity: Some(4096), ..RingOptions::default() };
    let ring = SharedRing::create(&path, &options).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    let len = file.metadata().unwrap().len();
    file.set_len(4096).unwrap();
    assert!(matches!(ring.claim_producer(), Err(SharedRingError::Length { len_bytes: 4096, .. })));
    assert!(matches!(ring.claim_consumer(), Err(SharedRingError::Length { .. })));
    file.set_len(len).unwrap();
    let _producer = ring.claim_producer().unwrap();
    ring.check().unwrap();
    meddle(&folder.path().join("ring.producer"), true);
    assert!(matches!(ring.check(), Err(SharedRingError::RoleFile { .. })));
}

fn is_reported(error: &OpenError, segment: &Path) -> bool {
    let is_here = |pid: &Option<u32>| pid.is_none_or(|pid| pid == std::process::id());
    matches!(error, OpenError::LockedSegment { path, pid } if path == segment && is_here(pid))
}

#[track_caller]
fn assert_reported(error: &ReadError, segment: &Path) {
    let is_reported = matches!(error, ReadError::Segment(error) if is_reported(error, segment));
    assert!(is_reported, "{error}");
    assert!(error.to_string().contains("exclusive lock"), "{error}");
}

/// Reads up to the first error.
fn scan(log: &Path) -> Result<(), ReadError> {
    let mut scan = LogScan::open(log).map_err(Box::new)?;
    while scan.next_event()?.is_some() {}
    Ok(())
}

#[test]
fn a_segment_that_another_program_has_locked_is_reported_as_that_and_not_as_retired() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 40);
    let all = segments(folder.path());
    for at in [0, 1, all.len() - 2] {
        let lock = lock_exclusively(&all[at]);
        let reader = LogReader::open(folder.path()).unwrap();
        assert_reported(&reader.events().find_map(Result::err).unwrap(), &all[at]);
        assert_reported(&reader.replay(|_| ()).unwrap_err(), &all[at]);
        assert_reported(&scan(folder.path()).unwrap_err(), &all[at]);
        let mut follower = LogFollower::open(folder.path()).unwrap();
        let error = loop {
            match follower.next_within(Duration::from_secs(5)) {
                Ok(event) => assert!(event.is_some()),
                Err(error) => break error,
            }
        };
        assert_reported(&error, &all[at]);
        drop(lock);
        assert!(follower.next_within(Duration::from_secs(5)).unwrap().is_some(), "it continues");
        scan(folder.path()).unwrap();
    }
}

#[test]
fn a_lock_that_another_program_has_for_a_moment_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 40);
    let lock = lock_exclusively(&segments(folder.path())[1]);
    let holder = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        drop(lock);
    });
    scan(folder.path()).unwrap();
    holder.join().unwrap();
}

#[test]
fn retention_deletes_a_segment_that_another_program_has_locked_and_reports_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 40);
    let oldest = segments(folder.path())[0].clone();
    let _lock = lock_exclusively(&oldest);
    let retention = Retention { max_segments: Some(3), ..Retention::default() };
    let mut writer = options().retention(retention).open(folder.path()).unwrap();
    let reported = within(PATIENCE, || {
        write_one(&mut writer).unwrap();
        writer.take_retention_error()
    });
    if let CreateError::LockedSegment { path, pid: Some(pid) } = &reported {
        assert_eq!((path, *pid), (&oldest, std::process::id()));
    } else {
        panic!("{reported}");
    }
    writer.close().unwrap();
    assert!(!oldest.exists());
}

/// Takes SEALED, CLEAN, or both off a segment, and lowers its watermark.
fn unfinish(path: &Path, flags: u8) {
    let mut bytes = fs::read(path).unwrap();
    bytes[32..40].copy_from_slice(&64_u64.to_le_bytes());
    bytes[56] &= !flags;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_lock_of_another_program_holds_no_writer_up_for_long() {
    const SEALED_AND_CLEAN: u8 = 0b1001;
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 40);
    let last = segments(folder.path()).pop().unwrap();
    unfinish(&last, SEALED_AND_CLEAN);
    let text = fs::read(folder.path().join("writer")).unwrap();
    let lock = lock_exclusively(&last);
    let started = Instant::now();
    let mut writer = options().sync(SyncPolicy::EveryBytes(1)).open(folder.path()).unwrap();
    let report = writer.recovery().clone();
    assert_eq!(report.locked_segments.iter().map(|(path, _)| path).collect::<Vec<_>>(), [&last]);
    assert!(report.is_notable() && report.to_string().contains("locked exclusively"), "{report}");
    write_one(&mut writer).unwrap();
    writer.sync().unwrap();
    // This takes a second on an idle machine.
    assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    assert_eq!(writer.durable_position(), writer.position(), "the dead writer's end is synced, too");
    writer.close().unwrap();
    drop(lock);
    assert!(fs::read(&last).unwrap()[56] & SEALED_AND_CLEAN == SEALED_AND_CLEAN);
    assert!(text.starts_with(b"pid: "));
    assert_eq!(LogReader::open(folder.path()).unwrap().replay(|_| ()).unwrap(), 41);
}

#[test]
fn a_writer_of_a_single_file_is_no_other_program() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("00000000000000000000.evtl");
    let mut file = MmapWriter::create(&path, SEGMENT_BYTES).unwrap();
    file.write_event(&EventHeader::new(1, 1, 1), b"x").unwrap();
    assert!(matches!(options().open(folder.path()), Err(OpenError::Locked { .. })));
    assert!(matches!(MmapWriter::create(&path, SEGMENT_BYTES), Err(CreateError::Busy { .. })));
    file.close().unwrap();
    let _lock = lock_exclusively(&path);
    MmapWriter::create(&path, SEGMENT_BYTES).unwrap().close().unwrap();
}
