//! Counts what a search reads.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::event::EventHeader;
use crate::many_segments::{FEW_FILES, MANY, RECORDS, many_segments, path_of, timestamp, write_segment};
use crate::os::files::OPENED_FILES;
use crate::storage::error::{OpenError, ReadError};
use crate::storage::log::writer::LogWriter;
use crate::storage::read::mapped::log_reader::LogReader;
use crate::storage::read::scan::log_scan::LogScan;
use crate::storage::read::seek::log_index::SeekStatistics;

/// 100 full segments of 64 KiB: 204,700 records of 32 bytes, one a microsecond.
fn hundred_segments(folder: &Path) -> u64 {
    let mut writer = LogWriter::options().segment_bytes(65_536).open(folder).unwrap();
    let mut number = 0;
    while writer.summary().segments < 101 {
        writer.write_event(&EventHeader::new(number * 1000, 0, 16), &[3; 16]).unwrap();
        number += 1;
    }
    writer.close().unwrap();
    number
}

/// Returns what one search costs a reader that has just opened the log.
fn cost(folder: &Path, search: impl Fn(&LogReader) -> Option<u64>, expected: u64) -> SeekStatistics {
    let reader = LogReader::open(folder).unwrap();
    assert_eq!(search(&reader), Some(expected));
    reader.seek_statistics()
}

#[test]
fn the_cost_of_seeking_does_not_grow_with_the_log_and_indexes_may_be_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let events = hundred_segments(folder.path());
    let (wanted, index) = (events - 777, folder.path().join("index"));
    let by_time =
        |reader: &LogReader| Some(reader.events_since((wanted - 1) * 1000 + 1).next()?.unwrap().sequence);
    let by_sequence = |reader: &LogReader| Some(reader.events_from(wanted).next()?.unwrap().sequence);
    let opened = LogReader::open(folder.path()).unwrap();
    assert_eq!(opened.len(), events, "a sealed segment knows how many it holds");
    assert_eq!(opened.seek_statistics(), SeekStatistics::default(), "opening reads no records");
    // 32 KiB of records of 32 bytes, and one.
    const WALK: u64 = 32 * 1024 / 32 + 1;

    for _ in 0..2 {
        let first = cost(folder.path(), by_time, wanted);
        assert!(first.index_files <= 1, "that of the segment that it is in: {first:?}");
        assert!(first.segments_indexed >= 100 && first.records >= events - 2100, "{first:?}");
        let second = cost(folder.path(), by_time, wanted);
        assert_eq!(second.segments_indexed, 0);
        assert!(second.records <= WALK && second.index_files <= 102, "{second:?}");
        // Only the folder's names and one index.
        let third = cost(folder.path(), by_sequence, wanted);
        assert!(third.segments_indexed == 0 && third.records <= WALK && third.index_files == 1, "{third:?}");
        fs::remove_dir_all(&index).unwrap();
    }
    assert!(LogReader::open(folder.path()).unwrap().foreign().is_empty(), "the index is no stranger");
    // Without any index, a sequence costs the one segment that it is in.
    let alone = cost(folder.path(), by_sequence, wanted);
    assert!(alone.segments_indexed == 1 && alone.records <= 2048 + WALK, "{alone:?}");
    assert_eq!(fs::read_dir(&index).unwrap().count(), 1);
}

/// The first record from `sequence` on with a timestamp of `since` or more.
fn naive(sequence: u64, since: u64) -> Option<u64> {
    (sequence..MANY * RECORDS).find(|&number| timestamp(number) >= since)
}

/// Returns what a search by time in a log finds that was just opened, and how many files it opened.
fn found_since(folder: &Path, sequence: u64, since: u64) -> (Option<u64>, u64) {
    OPENED_FILES.take();
    let scan = LogScan::open(folder).unwrap();
    let found = scan.sequence_since(sequence, since).unwrap();
    (found, OPENED_FILES.take())
}

#[test]
fn a_search_in_a_long_log_opens_few_files_and_finds_what_a_naive_one_finds() {
    let folder = tempfile::tempdir().unwrap();
    many_segments(folder.path());
    for sequence in [0, 1, 5000, MANY * RECORDS - 1, MANY * RECORDS] {
        OPENED_FILES.take();
        let mut scan = LogScan::open(folder.path()).unwrap();
        scan.seek_record(sequence).unwrap();
        let expected = (sequence < MANY * RECORDS).then_some(sequence);
        assert_eq!(scan.next_event().unwrap().map(|event| event.sequence), expected);
        let opened = OPENED_FILES.take();
        assert!(opened <= FEW_FILES, "{opened} files for record {sequence}");
    }
    // The first search by time reads what has no index, up to the end here.
    assert_eq!(found_since(folder.path(), 0, u64::MAX).0, None);
    let latest = timestamp(MANY * RECORDS - RECORDS);
    for since in (0..latest + 20).step_by(2999).chain([latest, latest + 1, u64::MAX]) {
        for sequence in [0, 4501, 4502, 4503, 9000] {
            let (found, opened) = found_since(folder.path(), sequence, since);
            assert_eq!(found, naive(sequence, since), "from {sequence} since {since}");
            assert!(opened <= FEW_FILES, "{opened} files from {sequence} since {since}");
        }
    }
}

#[test]
fn a_search_by_time_notices_segments_that_were_changed_since_the_last_one() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    many_segments(folder);
    let since = timestamp(3000 * RECORDS);
    assert_eq!(found_since(folder, 5000, since).0, Some(3000 * RECORDS));
    // Another file of the same name and length.
    write_segment(folder, 2000, 1, |_| since);
    assert_eq!(found_since(folder, 5000, since).0, Some(2000 * RECORDS));
    // One without a usable header may hold what is wanted.
    let damaged = OpenOptions::new().write(true).open(path_of(folder, 1900)).unwrap();
    damaged.write_all_at(&[0xFF; 16], 0).unwrap();
    let scan = LogScan::open(folder).unwrap();
    match scan.sequence_since(5000, since) {
        Err(ReadError::Segment(error)) => assert!(matches!(*error, OpenError::Header { .. }), "{error}"),
        other => panic!("{other:?}"),
    }
    // It is not looked at where it cannot hold it.
    assert_eq!(found_since(folder, 1901 * RECORDS, since).0, Some(2000 * RECORDS));
    let before = timestamp(1800 * RECORDS);
    assert_eq!(found_since(folder, 5000, before).0, Some(1800 * RECORDS));
    let mut scan = LogScan::open(folder).unwrap();
    scan.seek_record(1950 * RECORDS).unwrap();
    assert_eq!(scan.next_event().unwrap().unwrap().sequence, 1950 * RECORDS);
}

#[test]
fn what_is_kept_of_another_log_with_the_same_names_is_not_used() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (folder, step) in [(&first, 7), (&second, 10)] {
        (0..40).for_each(|at| write_segment(folder.path(), at, step, |number| number * step.cast_unsigned()));
    }
    thread::sleep(Duration::from_millis(100));
    assert_eq!(found_since(first.path(), 0, u64::MAX).0, None);
    fs::rename(first.path().join("index"), second.path().join("index")).unwrap();
    for since in (0..130 * 10).step_by(13) {
        let expected = (0..40 * RECORDS).find(|number| number * 10 >= since);
        assert_eq!(found_since(second.path(), 0, since).0, expected);
    }
    // A copy is another file: its times are found anew.
    let copy = tempfile::tempdir().unwrap();
    fs::create_dir(copy.path().join("index")).unwrap();
    for name in fs::read_dir(second.path()).unwrap().chain(fs::read_dir(second.path().join("index")).unwrap())
    {
        let from = name.unwrap().path();
        if from.is_file() {
            fs::copy(&from, copy.path().join(from.strip_prefix(second.path()).unwrap())).unwrap();
        }
    }
    assert_eq!(found_since(copy.path(), 0, 1000).0, Some(100));
}

#[test]
fn a_log_that_grows_is_searched_with_what_earlier_searches_found() {
    let folder = tempfile::tempdir().unwrap();
    let segments = 400;
    for segment in 0..segments {
        write_segment(folder.path(), segment, 0, timestamp);
        if segment % 20 == 19 {
            thread::sleep(Duration::from_millis(60));
            let (found, opened) = found_since(folder.path(), 0, timestamp(segment * RECORDS));
            assert_eq!(found, Some(segment * RECORDS));
            assert!(opened <= 4 * 20 + FEW_FILES, "{opened} files, {segment} segments");
        }
    }
    let (found, opened) = found_since(folder.path(), 0, timestamp(segments * RECORDS - RECORDS));
    assert_eq!(found, Some((segments - 1) * RECORDS));
    assert!(opened <= FEW_FILES, "{opened} files");
}
