//! Every single bit of a small sealed log.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::FileExt;

use ringlog::storage::{LogReader, LogScan, Verdict, verify_log};

use super::support::{Contents, Log, contents, event};

/// Bits of a sealed file's header that change nothing a reader delivers, so that they need no error.
///
/// - CLEAN: all was on stable storage, and readers do not use that.
/// - SEALED: `write_offset` still ends the records. A follower sees the end by the next segment, and a writer
///   seals the file again.
/// - `synced_offset`: readers use `write_offset`, and a sealed file was synced to its end. Bits 0 to 2, and
///   those whose change leaves less than 64, are reported: the result is no valid offset.
fn bits_that_change_nothing(synced_offset: u64) -> BTreeSet<usize> {
    let synced = (0..64).filter(|bit| {
        let flipped = synced_offset ^ 1 << bit;
        flipped >= 64 && flipped.is_multiple_of(8)
    });
    [56 * 8, 56 * 8 + 3].into_iter().chain(synced.map(|bit| 32 * 8 + bit)).collect()
}

/// Returns what both readers deliver.
fn delivered(log: &Log) -> Contents {
    let scanned = contents(&log.path());
    let mut mapped = Vec::new();
    let reader = LogReader::open(log.path()).unwrap();
    reader
        .replay(|stored| {
            let (header, payload) = event(stored.header.timestamp);
            assert_eq!((stored.header.as_user(), stored.payload), (header, &payload[..]));
            mapped.push(stored.header.timestamp);
        })
        .unwrap();
    assert_eq!(mapped, scanned.numbers);
    scanned
}

fn flip_every_bit_of(log: &Log, segment: usize) {
    let before = delivered(log);
    let header = log.header(segment);
    let bytes = fs::read(&log.segments[segment]).unwrap();
    let file = fs::File::options().write(true).open(&log.segments[segment]).unwrap();
    let mut silent = BTreeSet::new();
    for bit in 0..header.write_offset as usize * 8 {
        let (at, mask) = (bit / 8, 1 << (bit % 8));
        file.write_all_at(&[bytes[at] ^ mask], at as u64).unwrap();
        let verdict = verify_log(log.path()).map(|check| check.verdict());
        if verdict.is_ok_and(|verdict| verdict == Verdict::Clean) {
            assert_eq!(delivered(log), before, "bit {bit}");
            silent.insert(bit);
        }
        file.write_all_at(&bytes[at..=at], at as u64).unwrap();
    }
    assert_eq!(silent, bits_that_change_nothing(header.synced_offset));
    assert_eq!(verify_log(log.path()).unwrap().verdict(), Verdict::Clean);
}

#[test]
fn every_flipped_bit_is_reported_or_changes_nothing() {
    // Two segments: a count or a base that changes in one of them does not fit the other.
    let log = Log::of(70, 4096);
    assert_eq!(log.segments.len(), 2);
    assert!(LogScan::open(log.path()).unwrap().segments()[1].header.event_count < 20);
    flip_every_bit_of(&log, 1);
}

#[test]
fn every_flipped_bit_of_a_segment_with_a_successor_is_reported_or_changes_nothing() {
    let log = Log::of(70, 4096);
    // Only the header and the first records: the rest is as above.
    let before = delivered(&log);
    let bytes = fs::read(&log.segments[0]).unwrap();
    let file = fs::File::options().write(true).open(&log.segments[0]).unwrap();
    let mut silent = BTreeSet::new();
    for bit in 0..128 * 8 {
        let (at, mask) = (bit / 8, 1 << (bit % 8));
        file.write_all_at(&[bytes[at] ^ mask], at as u64).unwrap();
        if verify_log(log.path()).is_ok_and(|check| check.verdict() == Verdict::Clean) {
            assert_eq!(delivered(&log), before, "bit {bit}");
            silent.insert(bit);
        }
        file.write_all_at(&bytes[at..=at], at as u64).unwrap();
    }
    assert_eq!(silent, bits_that_change_nothing(log.header(0).synced_offset));
}

#[test]
fn every_flipped_bit_of_a_single_file_is_reported_or_changes_nothing() {
    let log = Log::of(12, 4096);
    let path = log.segments[0].clone();
    let bytes = fs::read(&path).unwrap();
    let header = log.header(0);
    let copy = log.folder.path().join("copy.evtl");
    let before = contents(&path);
    let mut silent = BTreeSet::new();
    for bit in 0..header.write_offset as usize * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(&copy, damaged).unwrap();
        if verify_log(&copy).is_ok_and(|check| check.verdict() == Verdict::Clean) {
            assert_eq!(contents(&copy), before, "bit {bit}");
            silent.insert(bit);
        }
    }
    assert_eq!(silent, bits_that_change_nothing(header.synced_offset));
}
