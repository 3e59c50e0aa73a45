//! Tests that a segment has one owner at a time.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use shuttle::thread;

use crate::storage::error::ReadError;
use crate::storage::folder::listing::Folder;
use crate::storage::maintenance::retention::Retention;
use crate::storage::read::follow::follower::LogFollower;
use crate::storage::read::mapped::log_reader::LogReader;
use crate::storage::read::mapped::segment_reader::MmapReader;
use crate::storage::read::scan::log_scan::LogScan;
use crate::storage::segment::spare::is_temporary;
use crate::storage::tests::schedules::stable::check;
use crate::storage::tests::schedules::world::{
    World, below, events_of_a_segment, is_gone, is_overtaken, is_typed, number, options, schedules,
    sync_policy, write,
};

/// Is a segment ever offered to two takers, or recycled while a reader has it?
///
/// Readers open segments while retention renames, locks and erases them, and read twice what they have.
#[test]
fn a_segment_has_one_owner_and_a_reader_keeps_what_it_holds() {
    schedules(|| {
        let world = World::new();
        let retention = Retention { max_segments: Some(2), ..Retention::default() };
        let mut writer = world.open(options(sync_policy()).retention(retention));
        let has_ended = Arc::new(AtomicBool::new(false));
        let readers: Vec<_> = [read_segments, read_logs, scan_logs, follow]
            .into_iter()
            .filter(|_| below(2) == 0)
            .map(|read| {
                let (folder, has_ended) = (world.folder().to_owned(), Arc::clone(&has_ended));
                thread::spawn(move || read(&folder, &has_ended))
            })
            .collect();
        for event in 0..5 * events_of_a_segment().max(2) {
            write(&mut writer, event).unwrap();
            if below(4) == 0 {
                writer.sync().unwrap();
            }
        }
        assert!(writer.take_retention_error().is_none());
        writer.close().unwrap();
        has_ended.store(true, Ordering::Relaxed);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        let left = Folder::list(world.folder()).unwrap().foreign;
        assert!(!left.iter().any(|path| is_temporary(path)), "left over: {left:?}");
        check(&world.disk.trace.take());
    });
}

/// Returns the numbers of a segment's events, which must follow from its base sequence. In a typed log they are lower, by
/// the META records before them.
fn numbers(reader: &MmapReader) -> Vec<u64> {
    let numbers: Vec<_> = reader.events().map(|event| number(&event.unwrap())).collect();
    let base = reader.header().base_sequence;
    let first = numbers.first().filter(|_| is_typed()).map_or(base, |&first| first.min(base));
    assert!(numbers.iter().copied().eq(first..first + numbers.len() as u64), "{first}: {numbers:?}");
    numbers
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    Folder::list(folder).unwrap().segments.into_iter().map(|(_, path)| path).collect()
}

fn read_segments(folder: &Path, has_ended: &AtomicBool) {
    while !has_ended.load(Ordering::Relaxed) {
        thread::yield_now();
        for path in segments(folder) {
            let mut reader = match MmapReader::open(&path) {
                Err(error) => {
                    assert!(is_gone(&error), "{error:?}");
                    continue;
                }
                Ok(reader) => reader,
            };
            let seen = numbers(&reader);
            for _ in 0..below(30) {
                thread::yield_now();
            }
            let header = *reader.header();
            reader.refresh().unwrap();
            assert_eq!(reader.header().salt(), header.salt());
            assert!(numbers(&reader).starts_with(&seen));
        }
    }
}

fn read_logs(folder: &Path, has_ended: &AtomicBool) {
    while !has_ended.load(Ordering::Relaxed) {
        thread::yield_now();
        let reader = match LogReader::open(folder) {
            Err(error) => {
                assert!(is_gone(&error), "{error:?}");
                continue;
            }
            Ok(reader) => reader,
        };
        let mut next = None;
        let replayed = reader.replay(|event| check_next(&mut next, number(&event)));
        check_error(replayed.err());
    }
}

fn scan_logs(folder: &Path, has_ended: &AtomicBool) {
    while !has_ended.load(Ordering::Relaxed) {
        thread::yield_now();
        let mut scan = match LogScan::open(folder) {
            Err(error) => {
                assert!(is_gone(&error), "{error:?}");
                continue;
            }
            Ok(scan) => scan,
        };
        let mut next = None;
        loop {
            match scan.next_event() {
                Ok(Some(event)) => check_next(&mut next, number(&event)),
                Ok(None) => break,
                Err(error) => {
                    check_error(Some(error));
                    break;
                }
            }
        }
    }
}

fn follow(folder: &Path, has_ended: &AtomicBool) {
    let mut follower = LogFollower::open(folder).unwrap();
    let mut next = None;
    while !has_ended.load(Ordering::Relaxed) {
        match follower.next_event() {
            Ok(Some(event)) => check_next(&mut next, number(&event)),
            Ok(None) => {}
            Err(error) => {
                check_error(Some(error));
                next = match follower.resume() {
                    // Sequences are ahead of the numbers of events.
                    Some(_) if is_typed() => None,
                    resumed => resumed.or(next),
                };
            }
        }
        thread::yield_now();
    }
}

fn check_next(next: &mut Option<u64>, number: u64) {
    assert!(next.is_none_or(|next| next == number), "{next:?} {number}");
    *next = Some(number + 1);
}

fn check_error(error: Option<ReadError>) {
    if let Some(error) = error {
        assert!(is_overtaken(&error), "{error:?}");
    }
}
