//! Random damage of larger logs: nothing false is accepted, nothing whole is missed, nothing panics.

use std::fs;
use std::time::Instant;

use ringlog::storage::{LogReader, LogScan, MmapReader, Verdict, verify_log};

use super::oracle::Oracle;
use super::support::Log;
use crate::dice::Dice;

/// Number of kinds of damage, to the header or only to records.
const KINDS: usize = 8;

/// Damages a random segment in a random way. Returns what it did.
fn damage(log: &Log, noise: &mut Dice, spare_header: bool) -> String {
    let segment = noise.below(log.segments.len());
    let kind = noise.below(KINDS);
    let what = format!("kind {kind}, segment {segment}");
    let first = if spare_header { 64 } else { 0 };
    log.change(segment, |bytes| {
        let end = bytes.len();
        if end < 2048 {
            // Cut short before: too little is left to damage.
            return;
        }
        let at = first + noise.below(end - first);
        let len = (1 + noise.below(700)).min(end - at);
        let sector = |noise: &mut Dice| {
            let sectors = end / 512;
            (noise.below(sectors - 1) + 1) * 512
        };
        match kind {
            0 => bytes[at] ^= 1 << noise.below(8),
            1 => (0..20).for_each(|_| bytes[first + noise.below(end - first)] ^= 1 << noise.below(8)),
            2 => bytes[at..at + len].fill(0),
            3 => bytes[at..at + len].fill(0xFF),
            4 => bytes[at..at + len].iter_mut().for_each(|byte| *byte = noise.next() as u8),
            // Blocks that a disk has moved, or stored twice.
            5 => {
                let (from, to) = (sector(noise), sector(noise));
                bytes.copy_within(from..from + 512, to);
            }
            6 => {
                let (one, other) = (sector(noise), sector(noise));
                let kept = bytes[one..one + 512].to_vec();
                bytes.copy_within(other..other + 512, one);
                bytes[other..other + 512].copy_from_slice(&kept);
            }
            _ => bytes.truncate(at),
        }
    });
    what
}

/// Reads the log in every way. Other tests check the results.
fn read_everything(log: &Log) {
    if let Ok(reader) = LogReader::open(log.path()) {
        let _ = (reader.len(), reader.events().count());
    }
    if let Ok(mut scan) = LogScan::open(log.path()) {
        while let Ok(Some(_)) = scan.next_event() {}
    }
    for segment in &log.segments {
        if let Ok(reader) = MmapReader::open(segment) {
            let _ = (reader.len(), reader.events().count());
        }
        if let Ok(mut scan) = LogScan::open(segment) {
            while let Ok(Some(_)) = scan.next_event() {}
        }
    }
}

/// Name of a variable in the environment. Its number makes these tests that many times as long, with other
/// damage.
const TIMES: &str = "RINGLOG_DAMAGE_TIMES";

fn rounds(seed: u64, rounds: u64, most_damages: usize, spare_header: bool) {
    let times = std::env::var(TIMES).map_or(1, |times| times.parse().expect("a number"));
    let rounds = rounds * times;
    let whole = Log::of(2500, 1 << 16);
    assert!(whole.segments.len() >= 3);
    let oracle = Oracle::of(&whole);
    let image = whole.image();
    for round in 0..rounds {
        let mut noise = Dice(seed + round);
        image.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
        let damages = 1 + noise.below(most_damages);
        let what: Vec<_> = (0..damages).map(|_| damage(&whole, &mut noise, spare_header)).collect();
        let what = format!("round {round}: {}", what.join("; "));
        read_everything(&whole);
        let started = Instant::now();
        let verdict = verify_log(whole.path()).map(|check| check.verdict());
        let is_clean = matches!(verdict, Ok(Verdict::Clean));
        let salvaged = oracle.check_salvage(&whole, &what);
        assert!(started.elapsed().as_secs() < 20, "{what}: too slow");
        if let Some((report, found)) = salvaged {
            assert!(!is_clean || found.numbers.len() as u64 == oracle.total, "{what}: loss was not reported");
            assert!(!is_clean || report.is_complete(), "{what}: {report:?}");
        }
    }
}

#[test]
fn damaged_records_are_reported_and_all_others_found() {
    rounds(1, 60, 4, true);
}

#[test]
fn much_damage_is_reported_and_what_is_whole_found() {
    rounds(1_000_000, 25, 60, true);
}

#[test]
fn damage_anywhere_headers_included_is_reported_and_what_is_whole_found() {
    rounds(2_000_000, 50, 6, false);
}
