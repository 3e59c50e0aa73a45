//! Readers beside a retention that deletes, renames and recycles segments.

use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ringlog::storage::{LogFollower, LogReader, LogScan, LogWriter, OpenError, ReadError, Retention};

use super::support::{
    PATIENCE, assert_follows, assert_is, event, log_of, overtaken, segments, wait_until_visible, write,
    writer,
};

/// Does what retention does: deletes the oldest segments, even while a reader has them.
fn retire(folder: &Path, count: usize) -> u64 {
    for (_, path) in segments(folder).into_iter().take(count) {
        fs::remove_file(path).unwrap();
    }
    segments(folder)[0].0
}

#[test]
fn a_slow_follower_learns_what_it_missed_and_continues() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 0..1000);
    let second = segments(folder.path())[1].0;
    let mut follower = LogFollower::open(folder.path()).unwrap();
    assert_follows(&mut follower, 0..5);
    let oldest = retire(folder.path(), 6);
    // It keeps what it has open.
    assert_follows(&mut follower, 5..second);
    for _ in 0..2 {
        let error = follower.next_within(PATIENCE).unwrap_err();
        assert_eq!(overtaken(&error), (second, oldest));
        let text = error.to_string();
        for words in [format!("{} records from {second} on", oldest - second), format!("record {oldest}")] {
            assert!(text.contains(&words), "{text}");
        }
    }
    assert_eq!(follower.resume(), Some(oldest));
    assert_eq!(follower.resume(), None);
    assert_follows(&mut follower, oldest..1000);
    assert!(follower.next_event().unwrap().is_none());
}

#[test]
fn a_follower_that_starts_before_the_log_hears_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 0..1000);
    let oldest = retire(folder.path(), 3);
    let mut follower = LogFollower::open_at(folder.path(), 7).unwrap();
    assert_eq!(overtaken(&follower.next_event().unwrap_err()), (7, oldest));
    follower.resume();
    assert_follows(&mut follower, oldest..1000);
    // A follower from the oldest record misses nothing.
    let mut follower = LogFollower::open(folder.path()).unwrap();
    assert_follows(&mut follower, oldest..1000);
}

#[test]
fn what_is_not_wanted_is_not_missed() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 0..100);
    let mut follower = LogFollower::open_at(folder.path(), 900).unwrap();
    assert!(follower.next_event().unwrap().is_none());
    log_of(folder.path(), 100..1000);
    let all = segments(folder.path());
    let kept = all.iter().rposition(|(base, _)| *base <= 900).unwrap();
    retire(folder.path(), kept);
    assert_follows(&mut follower, 900..1000);
}

#[test]
fn a_missing_segment_in_the_middle_is_no_retention() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 0..1000);
    let all = segments(folder.path());
    fs::remove_file(&all[1].1).unwrap();
    let mut follower = LogFollower::open(folder.path()).unwrap();
    assert_follows(&mut follower, 0..all[1].0);
    let error = follower.next_within(PATIENCE).unwrap_err();
    let (expected, found) = (all[1].0, all[2].0);
    assert!(
        matches!(error, ReadError::Discontinuity { expected: e, found: f, .. } if (e, f) == (expected, found)),
        "{error}"
    );
}

#[test]
fn what_a_reader_holds_cannot_be_recycled_and_stays_readable() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 0..1000);
    let all = segments(folder.path());
    let is_free = |at: usize| File::open(&all[at].1).unwrap().try_lock().is_ok();
    assert!((0..3).all(is_free));

    let reader = LogReader::open(folder.path()).unwrap();
    let mut events = reader.events();
    assert_is(&events.next().unwrap().unwrap(), 0);
    assert!(!is_free(0) && is_free(1));
    let mut scan = LogScan::open(folder.path()).unwrap();
    scan.seek(all[1].0).unwrap();
    assert!(!is_free(1) && is_free(2));
    let mut follower = LogFollower::open_at(folder.path(), all[2].0).unwrap();
    assert_is(&follower.next_event().unwrap().unwrap(), all[2].0);
    assert!(!is_free(2) && is_free(3));

    // A recycler renames first.
    for (base, path) in all.iter().take(5) {
        fs::rename(path, folder.path().join(format!("retired-{base}"))).unwrap();
    }
    for number in 1..all[1].0 {
        assert_is(&events.next().unwrap().unwrap(), number);
    }
    assert_eq!(overtaken(&events.next().unwrap().unwrap_err()), (all[1].0, all[5].0));
    assert!(events.next().is_none());
    for number in all[1].0..all[2].0 {
        assert_is(&scan.next_event().unwrap().unwrap(), number);
    }
    assert_eq!(overtaken(&scan.next_event().unwrap_err()), (all[2].0, all[5].0));
    assert_follows(&mut follower, all[2].0 + 1..all[3].0);
    assert_eq!(overtaken(&follower.next_within(PATIENCE).unwrap_err()), (all[3].0, all[5].0));

    let again = LogReader::open(folder.path()).unwrap();
    assert_eq!(again.events_from(all[5].0).map(Result::unwrap).count() as u64, 1000 - all[5].0);
    drop(events);
    drop((reader, scan, follower));
    assert!(File::open(folder.path().join("retired-0")).unwrap().try_lock().is_ok());
}

#[test]
fn a_segment_that_is_being_recycled_counts_as_retired() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 0..1000);
    let all = segments(folder.path());
    let reader = LogReader::open(folder.path()).unwrap();
    let mut scan = LogScan::open(folder.path()).unwrap();
    assert_is(&scan.next_event().unwrap().unwrap(), 0);
    // A recycler renames first, and then locks.
    let recyclers: Vec<File> = all[1..3].iter().map(|(_, path)| rename_and_lock(path)).collect();
    let mut events = reader.events_from(1);
    assert_is(&events.next().unwrap().unwrap(), 1);
    assert_eq!(overtaken(&events.find_map(Result::err).unwrap()), (all[1].0, all[3].0));
    for number in 1..all[1].0 {
        assert_is(&scan.next_event().unwrap().unwrap(), number);
    }
    assert_eq!(overtaken(&scan.next_event().unwrap_err()), (all[1].0, all[3].0));
    drop(recyclers);
}

fn rename_and_lock(path: &Path) -> File {
    let renamed = path.with_extension("retired");
    fs::rename(path, &renamed).unwrap();
    let file = File::open(&renamed).unwrap();
    file.lock().unwrap();
    file
}

#[test]
fn the_index_of_a_retired_segment_goes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let retention = Retention { max_segments: Some(3), ..Retention::default() };
    let mut writer =
        LogWriter::options().segment_bytes(4096).retention(retention).open(folder.path()).unwrap();
    write(&mut writer, 0..150);
    wait_until_visible(folder.path(), 150);
    let reader = LogReader::open(folder.path()).unwrap();
    let indexes = || -> Vec<_> {
        let entries = fs::read_dir(folder.path().join("index")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    // Reads all of them to find that none is that late.
    assert!(reader.events_since(u64::MAX).next().is_none());
    let before = indexes();
    assert!(!before.is_empty());
    drop(reader);
    write(&mut writer, 150..1000);
    writer.close().unwrap();
    assert!(!indexes().iter().any(|index| before.contains(index)), "{before:?}");
}

/// Deletes the oldest segments until `stop` is set, and leaves three.
fn retire_until(folder: &Path, stop: &AtomicBool) {
    // ORDERING: Relaxed: a flag on its own.
    while !stop.load(Ordering::Relaxed) {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut names: Vec<_> =
            names.filter(|path| path.extension().is_some_and(|it| it == "evtl")).collect();
        names.sort();
        let old = names.len().saturating_sub(3);
        names.iter().take(old).for_each(|path| fs::remove_file(path).unwrap());
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn with_retention_at_work_every_event_is_either_read_or_reported_as_missed() {
    const EVENTS: u64 = 8_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| retire_until(path, &stop));
        let mut readers = Vec::new();
        for pause in [0, 300] {
            readers.push(scope.spawn(move || follow_and_count(path, EVENTS, Duration::from_micros(pause))));
        }
        readers.push(scope.spawn(move || open_again_and_again(path, EVENTS)));
        let mut writer = writer(path);
        for start in (0..EVENTS).step_by(20) {
            write(&mut writer, start..start + 20);
            std::thread::sleep(Duration::from_micros(200));
        }
        writer.close().unwrap();
        for reader in readers {
            reader.join().unwrap();
        }
        // ORDERING: Relaxed: see `retire_until`.
        stop.store(true, Ordering::Relaxed);
    });
}

fn follow_and_count(folder: &Path, events: u64, pause: Duration) {
    let mut follower = LogFollower::open_at(folder, 0).unwrap();
    let mut next = 0;
    while next < events {
        match follower.next_within(PATIENCE) {
            Ok(event) => assert_is(&event.expect("an event"), next),
            Err(error) => {
                let (from, to) = overtaken(&error);
                assert!(from == next && to > from, "{error}");
                assert_eq!(follower.resume(), Some(to));
                next = to;
                continue;
            }
        }
        next += 1;
        if next % 16 == 0 {
            std::thread::sleep(pause);
        }
    }
    assert_eq!(next, events);
}

fn open_again_and_again(folder: &Path, events: u64) {
    loop {
        let reader = match LogReader::open(folder) {
            Ok(reader) => reader,
            Err(OpenError::NoSegments { .. }) => continue,
            Err(error) => panic!("{error}"),
        };
        for read in reader.events() {
            match read {
                Ok(read) => assert_eq!(read.header.as_user(), event(read.sequence).0),
                Err(error) => assert!(overtaken(&error).1 > 0),
            }
        }
        if reader.next_sequence() >= events {
            return;
        }
    }
}
