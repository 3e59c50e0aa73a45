//! Headers that are damaged or gone: the salt is found from the records.

use std::fs;

use ringlog::storage::{SalvageError, Verdict, salvage_log, verify_log};

use super::oracle::Oracle;
use super::support::{Log, contents};
use crate::dice::Dice;

/// Damages the header of the middle segment, and checks that all its records are still found.
fn all_is_found(what: &str, damage: impl Fn(&mut [u8])) {
    let log = Log::of(300, 8192);
    let oracle = Oracle::of(&log);
    log.change(1, |bytes| damage(&mut bytes[..64]));
    let check = verify_log(log.path()).unwrap();
    // A reader reads up to `write_offset`.
    let readable = if what.starts_with("small") { 300 - log.header(1).event_count } else { 300 };
    // A header that gives the end of the records as another place may have moved it.
    let is_harmless = !["small", "beyond"].iter().any(|start| what.starts_with(start));
    let verdict = if is_harmless { Verdict::Damage } else { Verdict::Loss };
    assert_eq!((check.verdict(), check.counts().events), (verdict, readable), "{what}");
    assert_eq!(check.missing, [], "{what}");
    let (report, found) = oracle.check_salvage(&log, what).unwrap();
    assert_eq!((found.numbers.len(), found.gaps.len()), (300, 0), "{what}: {report:?}");
    assert!(report.files.iter().all(|file| file.header_was_good || file.path == log.segments[1]), "{what}");
}

#[test]
fn each_field_alone_may_be_gone() {
    for (what, range) in [
        ("magic", 0..4),
        ("version", 4..8),
        ("created_at", 8..16),
        ("base_sequence", 40..48),
        ("base_position", 48..56),
        ("flags", 56..60),
        ("header_checksum", 60..64),
    ] {
        all_is_found(&format!("{what} inverted"), |header| {
            header[range.clone()].iter_mut().for_each(|byte| *byte = !*byte);
        });
        all_is_found(&format!("{what} shifted"), |header| {
            header[range.clone()].iter_mut().for_each(|byte| *byte = byte.wrapping_add(0x35));
        });
    }
}

#[test]
fn the_whole_header_may_be_gone() {
    all_is_found("zeros", |header| header.fill(0));
    all_is_found("ones", |header| header.fill(0xFF));
    let mut noise = Dice(3);
    let noise: Vec<u8> = (0..64).map(|_| noise.next() as u8).collect();
    all_is_found("noise", |header| header.copy_from_slice(&noise));
}

#[test]
fn the_offsets_may_be_anything() {
    for (what, value) in
        [("zero", 0_u64), ("odd", 77), ("small", 72), ("beyond", 1 << 40), ("huge", u64::MAX)]
    {
        for field in [24, 32] {
            if field == 32 && (what == "small" || what == "beyond") {
                continue;
            }
            all_is_found(&format!("{what} at {field}"), |header| {
                header[field..field + 8].copy_from_slice(&value.to_le_bytes());
            });
        }
    }
}

#[test]
fn the_salt_is_found_after_damaged_records_too() {
    let log = Log::of(300, 1 << 16);
    let oracle = Oracle::of(&log);
    log.change(0, |bytes| bytes[..4000].fill(0xA5));
    let (report, found) = oracle.check_salvage(&log, "the first 4000 bytes").unwrap();
    assert!(found.numbers.len() > 200 && report.gaps_added > 0, "{report:?}");
}

#[test]
fn two_records_are_enough_to_find_the_salt_of_a_single_file() {
    let log = Log::of(2, 4096);
    log.change(0, |bytes| bytes[..64].fill(0));
    let report = salvage_log(&log.segments[0], log.out()).unwrap();
    assert_eq!((report.records, report.files[0].header_was_good), (2, false));
    assert_eq!(contents(&log.folder.path().join("out")).numbers, [0, 1]);
}

#[test]
fn one_record_without_a_header_proves_nothing() {
    let log = Log::of(1, 4096);
    log.change(0, |bytes| bytes[..64].fill(0));
    let out = log.out();
    let error = salvage_log(&log.segments[0], &out).unwrap_err();
    assert!(matches!(error, SalvageError::Nothing { .. }), "{error}");
    assert!(!out.exists());
}

#[test]
fn noise_has_no_salt() {
    let folder = tempfile::tempdir().unwrap();
    let mut noise = Dice(9);
    let bytes: Vec<u8> = (0..1 << 20).map(|_| noise.next() as u8).collect();
    let path = folder.path().join(format!("{:020}.evtl", 0));
    fs::write(&path, bytes).unwrap();
    let error = salvage_log(folder.path(), folder.path().with_extension("out")).unwrap_err();
    assert!(matches!(error, SalvageError::Nothing { .. }), "{error}");
    assert_eq!(verify_log(folder.path()).unwrap().verdict(), Verdict::Unreadable);
}
