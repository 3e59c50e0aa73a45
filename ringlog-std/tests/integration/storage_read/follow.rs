//! Followers beside writers that run, die and start again.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use ringlog::event::EventHeader;
use ringlog::storage::{LogFollower, LogReader, MmapWriter, OpenError, ReadError};

use super::support::{
    PATIENCE, assert_follows, assert_is, log_of, segments, wait_until_visible, write, writer,
};

#[test]
fn followers_see_every_event_across_the_rolls_of_a_live_writer() {
    const EVENTS: u64 = 5_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::thread::scope(|scope| {
        for start in [0, 0, 1_777] {
            scope.spawn(move || {
                let mut follower = LogFollower::open_at(path, start).unwrap();
                assert_follows(&mut follower, start..EVENTS);
                assert_eq!(follower.next_sequence(), EVENTS);
            });
        }
        scope.spawn(move || {
            let mut writer = writer(path);
            for start in (0..EVENTS).step_by(50) {
                write(&mut writer, start..start + 50);
                // Sometimes the followers reach the end of what was written.
                std::thread::sleep(Duration::from_micros(start % 7 * 100));
            }
            writer.close().unwrap();
        });
    });
    assert!(segments(path).len() > 50);
}

#[test]
fn an_empty_folder_gets_its_first_segment_later_and_a_missing_one_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    assert!(matches!(LogFollower::open(&missing), Err(OpenError::NoLog { path }) if path == missing));
    let mut follower = LogFollower::open(folder.path()).unwrap();
    assert!(follower.next_event().unwrap().is_none() && !follower.has_ended());
    assert!(follower.next_within(Duration::from_millis(20)).unwrap().is_none());
    log_of(folder.path(), 0..300);
    assert_follows(&mut follower, 0..300);
    assert!(follower.next_event().unwrap().is_none());
}

/// Takes SEALED and CLEAN off a segment, as if its writer had been killed.
fn unseal(path: &Path) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut flags = [0];
    file.read_exact_at(&mut flags, 56).unwrap();
    file.write_all_at(&[flags[0] & !0b1001], 56).unwrap();
}

#[test]
fn a_writer_that_died_is_followed_by_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut follower = LogFollower::open(folder.path()).unwrap();
    let mut next = 0;
    for run in 1..=5 {
        log_of(folder.path(), next..next + run * 30);
        unseal(&segments(folder.path()).last().unwrap().1);
        assert_follows(&mut follower, next..next + run * 30);
        assert!(follower.next_event().unwrap().is_none());
        next += run * 30;
    }
}

#[test]
fn an_idle_writer_leaves_its_name_to_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 0..10);
    let mut follower = LogFollower::open_at(folder.path(), 10).unwrap();
    for _ in 0..3 {
        // The follower is in a segment without a record, which is deleted.
        let idle = writer(folder.path());
        assert!(follower.next_within(Duration::from_millis(250)).unwrap().is_none());
        idle.close().unwrap();
    }
    log_of(folder.path(), 10..20);
    assert_follows(&mut follower, 10..20);
}

#[test]
fn it_starts_at_any_record_and_also_at_one_that_is_not_written_yet() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 0..500);
    for start in [0, 1, 250, 499] {
        let mut follower = LogFollower::open_at(folder.path(), start).unwrap();
        assert_follows(&mut follower, start..500);
        assert!(follower.next_event().unwrap().is_none());
    }
    let mut early = LogFollower::open_at(folder.path(), 600).unwrap();
    assert!(early.next_event().unwrap().is_none());
    log_of(folder.path(), 500..700);
    assert_follows(&mut early, 600..700);
}

#[test]
fn a_reader_of_a_log_is_followed_by_a_follower() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path());
    write(&mut writer, 0..150);
    wait_until_visible(folder.path(), 150);
    let reader = LogReader::open(folder.path()).unwrap();
    assert_eq!(reader.events().map(Result::unwrap).count(), 150);
    let mut follower = reader.follow().unwrap();
    write(&mut writer, 150..400);
    assert_follows(&mut follower, 150..400);
}

#[test]
fn a_single_file_is_followed_to_its_seal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.evtl");
    let mut writer = MmapWriter::create(&path, 1 << 16).unwrap();
    let mut follower = LogFollower::open(&path).unwrap();
    for number in 0..50 {
        writer.write_event(&EventHeader::new(number, 0, 3), b"abc").unwrap();
        let read = follower.next_event().unwrap().expect("published is seen at once");
        assert_eq!((read.sequence, read.payload), (number, &b"abc"[..]));
        assert!(!follower.has_ended());
    }
    writer.close().unwrap();
    let started = Instant::now();
    assert!(follower.next_within(PATIENCE).unwrap().is_none());
    assert!(follower.has_ended() && started.elapsed() < PATIENCE / 2);
}

#[test]
fn a_file_that_is_cut_short_is_an_error_and_no_signal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.evtl");
    let mut writer = MmapWriter::create(&path, 2 << 20).unwrap();
    for number in 0..30_000 {
        writer.write_event(&EventHeader::new(number, 0, 40), &[7; 40]).unwrap();
    }
    writer.close().unwrap();
    for len in [1 << 20, 100, 64, 3, 0] {
        let copy = folder.path().join("copy.evtl");
        fs::copy(&path, &copy).unwrap();
        let mut follower = LogFollower::open(&copy).unwrap();
        assert!(follower.next_event().unwrap().is_some());
        OpenOptions::new().write(true).open(&copy).unwrap().set_len(len).unwrap();
        let error = loop {
            match follower.next_event() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the end is not where the header says"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, ReadError::Shrunk { .. }), "{error}");
    }
}

#[test]
fn damage_is_reported_at_its_offset_and_what_is_before_it_is_given_out() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 0..20);
    let (_, path) = segments(folder.path()).remove(0);
    let mut scan = ringlog::storage::LogScan::open(&path).unwrap();
    for _ in 0..10 {
        scan.next_event().unwrap();
    }
    let offset = scan.offset();
    OpenOptions::new().write(true).open(&path).unwrap().write_all_at(&[0xAA], offset + 3).unwrap();
    let mut follower = LogFollower::open(folder.path()).unwrap();
    assert_follows(&mut follower, 0..10);
    for _ in 0..2 {
        let error = follower.next_event().unwrap_err();
        assert!(matches!(error, ReadError::Record { source, .. } if source.offset == offset), "{error}");
    }
}

#[test]
fn a_live_segment_is_seen_record_by_record() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path());
    let mut follower = LogFollower::open(folder.path()).unwrap();
    for number in 0..200 {
        write(&mut writer, number..number + 1);
        assert_is(&follower.next_within(PATIENCE).unwrap().unwrap(), number);
        assert_eq!(follower.positions().unwrap().published, writer.position());
    }
}

#[test]
fn a_file_that_is_no_log_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.evtl");
    for bytes in [&[][..], &[0; 64], &[0; 4096], b"Dear reader"] {
        fs::write(&path, bytes).unwrap();
        assert!(LogFollower::open(&path).is_err(), "{} bytes", bytes.len());
    }
}

#[test]
fn the_next_segment_may_get_its_name_some_time_after_the_seal() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 0..100);
    let all = segments(folder.path());
    crate::writer_file::set_open(folder.path());
    let unnamed = folder.path().join("next");
    // A writer's worker thread gives segments their names, in order. Here it is slow.
    for (_, path) in all.iter().skip(2) {
        fs::remove_file(path).unwrap();
    }
    fs::rename(&all[1].1, &unnamed).unwrap();
    let mut follower = LogFollower::open(folder.path()).unwrap();
    assert_follows(&mut follower, 0..all[1].0);
    assert!(follower.next_within(Duration::from_millis(150)).unwrap().is_none());
    fs::rename(&unnamed, &all[1].1).unwrap();
    let end = all.get(2).map_or(100, |(base, _)| *base);
    assert_follows(&mut follower, all[1].0..end);
    assert!(follower.next_event().unwrap().is_none());
}
