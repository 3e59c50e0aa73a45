//! Counts what a search reads.

use std::fs;
use std::path::Path;

use crate::event::EventHeader;
use crate::storage::log::writer::LogWriter;
use crate::storage::read::mapped::log_reader::LogReader;
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
