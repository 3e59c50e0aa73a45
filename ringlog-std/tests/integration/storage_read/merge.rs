//! Compares merging with a naive merge.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use ringlog::event::{EventHeader, Gap, GapReason};
use ringlog::storage::{LogReader, LogWriter, ReadError, merge};

use super::support::segments;
use crate::dice::Dice;

/// Takes the head with the smallest timestamp, and of equal ones that of the first log.
fn naive(logs: &[Vec<u64>]) -> Vec<(usize, u64, u64)> {
    let mut left: Vec<VecDeque<(u64, u64)>> =
        logs.iter().map(|log| log.iter().copied().zip(0..).collect()).collect();
    let mut merged = Vec::new();
    loop {
        let heads = left.iter().enumerate().filter_map(|(log, left)| Some((left.front()?.0, log)));
        let Some((_, log)) = heads.min() else { return merged };
        let (timestamp, sequence) = left[log].pop_front().unwrap();
        merged.push((log, timestamp, sequence));
    }
}

#[test]
fn merging_is_what_a_naive_merge_gives() {
    let mut random = Dice(3);
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let logs: Vec<Vec<u64>> = (0..=random.below(5))
            .map(|_| (0..=random.below(300)).map(|_| random.below(50)).collect())
            .collect();
        let mut readers = Vec::new();
        for (log, timestamps) in logs.iter().enumerate() {
            let path = folder.path().join(log.to_string());
            let mut writer = LogWriter::options().segment_bytes(4096).open(&path).unwrap();
            for timestamp in timestamps {
                writer.write_event(&EventHeader::new(*timestamp, log as u8, 8), &[1; 8]).unwrap();
            }
            writer.close().unwrap();
            readers.push(LogReader::open(&path).unwrap());
        }
        let found: Vec<(usize, u64, u64)> = merge(readers.iter().map(LogReader::events))
            .map(|merged| merged.map(|(log, it)| (log, it.header.timestamp, it.sequence)).unwrap())
            .collect();
        assert_eq!(found, naive(&logs));
    }
    assert!(merge([].iter().map(LogReader::events)).next().is_none());
}

#[test]
fn gaps_keep_their_place_and_damage_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    let mut writer = LogWriter::open(&a).unwrap();
    writer.write_event(&EventHeader::new(1, 0, 0), b"").unwrap();
    writer.append_gap(5, Gap::new(GapReason::RingFull, 3)).unwrap();
    writer.write_event(&EventHeader::new(9, 0, 0), b"").unwrap();
    writer.close().unwrap();
    let mut writer = LogWriter::open(&b).unwrap();
    for timestamp in [2, 7, 8] {
        writer.write_event(&EventHeader::new(timestamp, 0, 0), b"").unwrap();
    }
    writer.close().unwrap();
    let readers = [LogReader::open(&a).unwrap(), LogReader::open(&b).unwrap()];
    let times = |readers: &[LogReader]| -> Vec<Result<(u64, bool), ReadError>> {
        let merged = merge(readers.iter().map(LogReader::events));
        merged.map(|it| it.map(|(_, it)| (it.header.timestamp, it.gap().is_some()))).collect()
    };
    let found: Vec<(u64, bool)> = times(&readers).into_iter().map(Result::unwrap).collect();
    assert_eq!(found, [(1, false), (2, false), (5, true), (7, false), (8, false), (9, false)]);

    let (_, path) = segments(&b).remove(0);
    OpenOptions::new().write(true).open(path).unwrap().write_all_at(&[0], 64 + 2 * 16 + 9).unwrap();
    let found = times(&readers);
    assert_eq!(found.len(), 5, "four events before it, then the error, then nothing");
    assert!(matches!(found.last(), Some(Err(ReadError::Record { source, .. })) if source.offset == 96));
}
