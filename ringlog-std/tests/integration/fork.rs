//! A forked child has a copy of everything, and does not touch the parent's files and locks when it drops that.
//!
//! Each test runs alone in a process, which it forks. The child runs with one thread, drops one value and
//! exits.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use crate::alone::is_alone;
use ringlog::consumer::EventConsumer;
use ringlog::event::{Event, EventHeader};
use ringlog::recorder::{FollowError, ProducersError, Recorder, RecorderError};
use ringlog::ring::{RingOptions, SharedRing, SharedRingError, WriteError};
use ringlog::storage::{
    LogReader, LogWriter, MmapReader, MmapWriter, OpenError, Retention, SyncError, SyncPolicy,
};

/// Runs `act` in a forked child. Returns how that ended.
fn in_child(act: impl FnOnce()) -> ExitStatus {
    // SAFETY: the child has this thread only, and what the other threads held at that moment. It drops one value and
    // leaves without running anything else; glibc sees to it that it can allocate meanwhile.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork");
    if child == 0 {
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(act));
        // SAFETY: it ends the child at once: no destructor of the test, no handler of the test's program.
        unsafe { libc::_exit(i32::from(ended.is_err())) };
    }
    let mut status = 0;
    // SAFETY: the child is this thread's own, and `status` lives as long as the call.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(waited, child);
    ExitStatus::from_raw(status)
}

#[track_caller]
fn drop_in_child<T>(value: &mut Option<T>) {
    let status = in_child(|| drop(value.take()));
    assert!(status.success(), "{status}");
}

fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.map(|path| (path.clone(), fs::read(&path).unwrap())).collect();
    files.sort();
    files
}

fn write(writer: &mut LogWriter, number: u64) {
    writer.write_event(&EventHeader::new(number, 1, 8), &number.to_le_bytes()).unwrap();
}

#[test]
fn a_child_that_drops_a_log_writer_leaves_log_and_lock_to_the_parent() {
    if !is_alone("fork::a_child_that_drops_a_log_writer_leaves_log_and_lock_to_the_parent") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    for number in 0..3 {
        // Nothing is synced automatically, so only a drop in the child could change the files.
        let options = LogWriter::options().sync(SyncPolicy::EveryBytes(1 << 30));
        let mut writer = Some(options.open(&log).unwrap());
        write(writer.as_mut().unwrap(), number);
        let before = files(&log);
        drop_in_child(&mut writer);
        assert!(files(&log) == before, "the child stored something");
        assert!(matches!(LogWriter::open(&log), Err(OpenError::Locked { .. })), "the parent holds the log");
        let status = in_child(|| {
            let error = writer.take().unwrap().close().unwrap_err();
            assert!(matches!(error, SyncError::OtherProcess { .. }), "{error}");
        });
        assert!(status.success(), "{status}");
        assert!(matches!(LogWriter::open(&log), Err(OpenError::Locked { .. })));
        let mut writer = writer.unwrap();
        writer.sync().unwrap();
        writer.close().unwrap();
    }
    let mut next = 0;
    LogReader::open(&log).unwrap().replay(|event| next = event.header.timestamp + 1).unwrap();
    assert_eq!(next, 3);
}

#[test]
fn a_child_that_drops_a_writer_of_a_file_does_not_seal_it() {
    if !is_alone("fork::a_child_that_drops_a_writer_of_a_file_does_not_seal_it") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.evtl");
    let mut writer = Some(MmapWriter::create(&path, 8192).unwrap());
    let write = |writer: &mut Option<MmapWriter>| {
        writer.as_mut().unwrap().write_event(&EventHeader::new(1, 1, 1), b"x").unwrap();
    };
    write(&mut writer);
    let before = files(folder.path());
    drop_in_child(&mut writer);
    assert!(files(folder.path()) == before);
    write(&mut writer);
    writer.unwrap().close().unwrap();
    assert_eq!(MmapReader::open(&path).unwrap().replay(|_| ()).unwrap(), 2);
}

#[test]
fn a_child_that_drops_the_ends_of_a_shared_ring_neither_closes_it_nor_frees_its_roles() {
    if !is_alone("fork::a_child_that_drops_the_ends_of_a_shared_ring_neither_closes_it_nor_frees_its_roles") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring");
    let options = RingOptions { capacity: Some(4096), ..RingOptions::default() };
    let ring = SharedRing::create(&path, &options).unwrap();
    let mut ends = Some((ring.claim_producer().unwrap(), ring.claim_consumer().unwrap()));
    drop_in_child(&mut ends);
    let claimed = |error| matches!(error, Err(SharedRingError::Claimed { .. }));
    let other = SharedRing::open(&path).unwrap();
    assert!(claimed(other.claim_producer().map(drop)) && claimed(other.claim_consumer().map(drop)));
    let (mut producer, mut consumer) = ends.unwrap();
    assert!(!consumer.is_closed() && !producer.is_closed());
    producer.write_event(&EventHeader::new(1, 1, 1), b"x").unwrap();
    assert_eq!(consumer.read_event().unwrap().1, b"x");
    drop(producer);
    assert!(consumer.is_closed());
}

#[test]
fn the_producers_of_a_log_are_closed_in_a_child_and_open_in_the_parent() {
    if !is_alone("fork::the_producers_of_a_log_are_closed_in_a_child_and_open_in_the_parent") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (producers, recorder) = Recorder::builder().start_many(folder.path()).unwrap();
    let producer = producers.producer().unwrap();
    let mut lossy = producers.producer().unwrap().lossy();
    let header = EventHeader::new(1, 1, 0);
    producers.with(|kept| kept.write_event(&header, b"")).unwrap().unwrap();
    let mut recording = Some((producer, recorder));
    let status = in_child(|| {
        let (mut producer, recorder) = recording.take().unwrap();
        assert_eq!(producer.write_event(&header, b""), Err(WriteError::Closed));
        assert_eq!(lossy.write_event(&header, b""), Err(WriteError::Closed));
        assert_eq!(producers.with(|kept| kept.write_event(&header, b"")), Err(ProducersError::Closed));
        assert!(matches!(producers.producer(), Err(ProducersError::Closed)));
        drop((producer, recorder));
    });
    assert!(status.success(), "{status}");
    let (mut producer, recorder) = recording.unwrap();
    producer.write_event(&header, b"").unwrap();
    lossy.write_event(&header, b"").unwrap();
    producers.with(|kept| kept.write_event(&header, b"")).unwrap().unwrap();
    assert_eq!(recorder.stop().unwrap().events, 4);
}

#[test]
fn a_child_cannot_end_a_recorder_of_its_parent() {
    if !is_alone("fork::a_child_cannot_end_a_recorder_of_its_parent") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut recording = Some(Recorder::start(folder.path()).unwrap());
    for act in [Recorder::stop, |recorder: Recorder| recorder.wait(Duration::from_millis(1))] {
        let status = in_child(|| {
            let (_producer, recorder) = recording.take().unwrap();
            assert!(matches!(act(recorder), Err(RecorderError::Ended)));
        });
        assert!(status.success(), "{status}");
    }
    let status = in_child(|| {
        let (producer, recorder) = recording.take().unwrap();
        assert!(matches!(recorder.shutdown(producer), Err(RecorderError::Ended)));
    });
    assert!(status.success(), "{status}");
    let (mut producer, recorder) = recording.unwrap();
    producer.write_event(&EventHeader::new(1, 1, 0), b"").unwrap();
    assert_eq!(recorder.shutdown(producer).unwrap().events, 1);
}

#[test]
fn a_child_neither_ends_nor_awaits_a_follower_of_its_parent() {
    if !is_alone("fork::a_child_neither_ends_nor_awaits_a_follower_of_its_parent") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (mut producer, recorder) = Recorder::start(folder.path()).unwrap();
    let mut followers = [
        Some(recorder.follow("waits", Count(0)).unwrap()),
        Some(recorder.follow("stops", Count(0)).unwrap()),
    ];
    let status = in_child(|| {
        let [waits, stops] = followers.each_mut().map(|follower| follower.take().unwrap());
        assert!(matches!(waits.wait(Duration::MAX), Err(FollowError::OtherProcess { .. })));
        assert!(matches!(stops.stop(Duration::MAX), Err(FollowError::OtherProcess { .. })));
    });
    assert!(status.success(), "{status}");
    producer.write_event(&EventHeader::new(1, 1, 0), b"").unwrap();
    recorder.shutdown(producer).unwrap();
    for follower in followers.into_iter().flatten() {
        assert_eq!(follower.wait(Duration::from_secs(60)).unwrap().events, 1);
    }
}

struct Count(u64);

impl EventConsumer for Count {
    fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool {
        self.0 += 1;
        true
    }

    fn name(&self) -> &str {
        "count"
    }
}

#[test]
fn a_child_that_drops_a_recorder_leaves_the_recording_to_the_parent() {
    if !is_alone("fork::a_child_that_drops_a_recorder_leaves_the_recording_to_the_parent") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut recording = Some(Recorder::start(folder.path()).unwrap());
    drop_in_child(&mut recording);
    let (mut producer, recorder) = recording.unwrap();
    for number in 0..100 {
        producer.write_event(&EventHeader::new(number, 1, 0), b"").unwrap();
    }
    assert_eq!(recorder.shutdown(producer).unwrap().events, 100);
}

/// Returns the numbers of events and of GAP records.
fn counts(log: &Path) -> (u64, u64) {
    let (mut events, mut gaps) = (0, 0);
    let each = |event: Event<'_>| *(if event.gap().is_some() { &mut gaps } else { &mut events }) += 1;
    LogReader::open(log).unwrap().replay(each).unwrap();
    (events, gaps)
}

#[test]
fn a_child_that_drops_a_producer_leaves_what_is_late_to_the_parent() {
    if !is_alone("fork::a_child_that_drops_a_producer_leaves_what_is_late_to_the_parent") {
        return;
    }
    for late in [0, 1] {
        let folder = tempfile::tempdir().unwrap();
        let (mut producer, recorder) = Recorder::start(folder.path()).unwrap();
        producer.write_event(&EventHeader::new(1, 1, 0), b"").unwrap();
        drop(recorder);
        for time in 0..late {
            producer.write_event(&EventHeader::new(time, 1, 0), b"").unwrap();
        }
        let before = files(folder.path());
        let mut producer = Some(producer);
        drop_in_child(&mut producer);
        assert!(files(folder.path()) == before, "the child changed the parent's log");
        producer.as_mut().unwrap().write_event(&EventHeader::new(3, 1, 0), b"").unwrap();
        drop(producer);
        assert_eq!(counts(folder.path()), (1, 1));
    }
}

/// A program that dies soon after each start, before its first event.
#[test]
fn starts_that_die_push_no_event_out_of_the_log() {
    if !is_alone("fork::starts_that_die_push_no_event_out_of_the_log") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path();
    let retention = Retention { max_segments: Some(8), ..Retention::default() };
    let options = LogWriter::options().segment_bytes(4096).retention(retention);
    let start = || Recorder::builder().log(options.clone()).start(log).unwrap();
    let (mut producer, recorder) = start();
    for time in 0..100 {
        producer.write_event(&EventHeader::new(time, 1, 0), b"").unwrap();
    }
    recorder.shutdown(producer).unwrap();
    for _ in 0..20 {
        let status = in_child(|| std::mem::forget(start()));
        assert!(status.success(), "{status}");
    }
    let (producer, recorder) = start();
    assert!(recorder.recovery().has_undrained_ring && recorder.recovery().has_loss);
    recorder.shutdown(producer).unwrap();
    assert_eq!(counts(log), (100, 1));
}
