//! Tests what a salvage reads, what it refuses, and what its GAP records say.

use std::fs;
use std::path::Path;

use ringlog::event::{FileHeader, Gap, GapReason, file_flags};
use ringlog::storage::{LogWriter, MmapWriter, SalvageError, Verdict, salvage_log, verify_log};

use super::oracle::Oracle;
use super::support::{Log, contents, event, offsets};

fn cut(count: u64, bytes: u64) -> Gap {
    Gap { extent: (bytes / 8) as u32, ..Gap::new(GapReason::RecoveryCut, count) }
}

#[test]
fn an_undamaged_log_is_copied_whole() {
    let log = Log::of(300, 8192);
    let (report, found) = Oracle::of(&log).check_salvage(&log, "undamaged").unwrap();
    assert!(report.is_complete());
    assert_eq!((report.records, found.numbers.len(), report.written.events), (300, 300, 300));
    assert_eq!(verify_log(log.folder.path().join("out")).unwrap().verdict(), Verdict::Clean);
}

#[test]
fn a_gap_says_how_many_records_and_bytes_are_missing() {
    let log = Log::of(300, 8192);
    let oracle = Oracle::of(&log);
    let offsets = offsets(&log.segments[1]);
    let missing = offsets[17] - offsets[12];
    log.change(1, |bytes| bytes[offsets[12] as usize..offsets[17] as usize].fill(0xEE));
    let (report, found) = oracle.check_salvage(&log, "one hole").unwrap();
    assert_eq!(found.gaps, [cut(5, missing)]);
    assert_eq!((report.missing, report.skipped_count), (5, 1));
    assert_eq!(report.skipped[0].range, Some((offsets[12], offsets[17])));
}

#[test]
fn of_several_holes_in_a_segment_the_last_one_counts_for_all() {
    let log = Log::of(300, 1 << 16);
    let oracle = Oracle::of(&log);
    let offsets = offsets(&log.segments[0]);
    for at in [10, 20, 21] {
        log.change(0, |bytes| bytes[offsets[at] as usize + 10] ^= 7);
    }
    let (_, found) = oracle.check_salvage(&log, "three holes").unwrap();
    assert_eq!(found.gaps, [cut(0, offsets[11] - offsets[10]), cut(3, offsets[22] - offsets[20])]);
}

#[test]
fn missing_and_hopeless_files_become_gaps_with_their_counts() {
    let log = Log::of(400, 8192);
    let records: Vec<u64> = (0..3).map(|at| log.header(at).event_count).collect();
    fs::remove_file(&log.segments[1]).unwrap();
    log.change(2, |bytes| bytes.fill(0x5A));
    let out = log.out();
    let report = salvage_log(log.path(), &out).unwrap();
    assert_eq!(contents(&out).gaps, [cut(records[1], 0), cut(records[2], 0)]);
    assert_eq!(report.missing, records[1] + records[2]);
    assert_eq!(report.skipped[0].missing(), Some(records[1]));
    assert_eq!(report.skipped[0].path, log.segments[1]);
    assert!(report.skipped[1].error().is_some());
}

#[test]
fn a_file_cut_short_loses_its_end_with_the_count() {
    let log = Log::of(100, 1 << 16);
    let whole = fs::read(&log.segments[0]).unwrap();
    let (offsets, end) = (offsets(&log.segments[0]), log.header(0).write_offset);
    for len in [offsets[60], offsets[60] + 8, offsets[61] - 1] {
        log.change(0, |bytes| bytes.truncate(len as usize));
        let out = log.out();
        let report = salvage_log(log.path(), &out).unwrap();
        assert_eq!((contents(&out).numbers.len(), report.missing, report.gaps_added), (60, 40, 1), "{len}");
        assert!(contents(&out).gaps[0].extent as u64 * 8 >= end - offsets[61], "{len}");
        fs::write(&log.segments[0], &whole).unwrap();
    }
}

/// A log whose machine stopped. The records that a recovery cut off are after the end of the sealed segment.
#[test]
fn records_after_the_hole_that_a_recovery_cut_at_are_found() {
    let log = Log::of(100, 1 << 16);
    let offsets = offsets(&log.segments[0]);
    log.unseal(0, offsets[10]);
    log.pretend_other_boot();
    log.change(0, |bytes| bytes[offsets[50] as usize..offsets[60] as usize].fill(0));
    let mut writer = LogWriter::options().segment_bytes(1 << 16).open(log.path()).unwrap();
    assert_eq!(writer.next_sequence(), 51);
    writer.write_event(&event(1000).0, &event(1000).1).unwrap();
    writer.close().unwrap();
    let out = log.out();
    let report = salvage_log(log.path(), &out).unwrap();
    let found = contents(&out);
    let expected: Vec<u64> = (0..50).chain(60..100).chain([1000]).collect();
    assert_eq!(found.numbers, expected);
    assert_eq!(report.gaps_added, 1);
    // The second is the one that the recovery itself had stored.
    assert_eq!(found.gaps.len(), 2);
    assert_eq!(found.gaps[0], cut(0, offsets[60] - offsets[50]));
}

#[test]
fn a_segment_that_a_recovery_moved_aside_is_read() {
    let log = Log::of(40, 1 << 16);
    log.unseal(0, 64);
    log.pretend_other_boot();
    let offsets = offsets(&log.segments[0]);
    log.change(0, |bytes| bytes[64..offsets[3] as usize].fill(0));
    let mut writer = LogWriter::options().segment_bytes(1 << 16).open(log.path()).unwrap();
    writer.write_event(&event(1000).0, &event(1000).1).unwrap();
    writer.close().unwrap();
    let before = log.image();
    assert!(log.path().join("00000000000000000000.evtl.1").exists());
    let out = log.out();
    let report = salvage_log(log.path(), &out).unwrap();
    let expected: Vec<u64> = (3..40).chain([1000]).collect();
    assert_eq!(contents(&out).numbers, expected);
    assert!(report.files[0].was_set_aside && !report.files[1].was_set_aside);
    assert_eq!(log.image(), before);
}

#[test]
fn a_segment_that_never_got_its_name_is_read() {
    let log = Log::of(300, 8192);
    let last = log.segments.last().unwrap();
    let name = last.file_name().unwrap().to_str().unwrap();
    fs::rename(last, last.with_file_name(format!(".{name}.ringlog-new"))).unwrap();
    let out = log.out();
    let report = salvage_log(log.path(), &out).unwrap();
    assert_eq!((contents(&out).numbers.len(), report.gaps_added), (300, 0));
    assert!(report.files.last().unwrap().was_set_aside);
}

#[test]
fn a_copy_that_was_set_aside_is_not_read_twice() {
    let log = Log::of(300, 8192);
    for at in [0, 1, log.segments.len() - 1] {
        let mut aside = log.segments[at].clone().into_os_string();
        aside.push(".1");
        fs::copy(&log.segments[at], aside).unwrap();
    }
    fs::write(log.path().join(".x.ringlog-new"), "no log").unwrap();
    fs::write(log.path().join(".y.ringlog-new"), [0; 4096]).unwrap();
    let out = log.out();
    let report = salvage_log(log.path(), &out).unwrap();
    assert_eq!((report.records, contents(&out).numbers.len()), (300, 300));
    let is_overlap = "set aside, and other files hold what belongs in its place";
    let overlaps = report.skipped.iter().filter(|it| it.to_string().ends_with(is_overlap)).count();
    assert_eq!((overlaps, report.skipped_count), (3, 4));
}

#[test]
fn a_segment_is_not_read_again_for_each_of_many_files_that_were_set_aside() {
    let log = Log::of(40, 1 << 16);
    log.unseal(0, 64);
    log.pretend_other_boot();
    for base_sequence in 1..=100 {
        // Each begins within the first record, so it has no place.
        let header = FileHeader { base_sequence, base_position: 8, ..log.header(0) };
        let name = format!("{base_sequence:020}.evtl.1");
        fs::write(log.path().join(name), header.to_bytes()).unwrap();
    }
    let report = salvage_log(log.path(), log.out()).unwrap();
    let of = |wanted: &str| report.skipped.iter().filter(|it| it.to_string().contains(wanted)).count();
    assert_eq!((of("other files hold"), of("too many others"), report.records), (64, 36, 40));
}

#[test]
fn records_that_the_log_has_gone_on_without_are_not_copied() {
    let mut log = Log::of(0, 8192);
    log.segments.push(log.path().join("00000000000000000000.evtl"));
    let write = |name: u64, position: u64, numbers: std::ops::Range<u64>| {
        let path = log.path().join(format!("{name:020}.evtl"));
        let mut writer = MmapWriter::options().base(name, position).create(path, 8192).unwrap();
        for number in numbers {
            let (header, payload) = event(number);
            writer.write_event(&header, &payload).unwrap();
        }
        writer.close().unwrap();
    };
    write(0, 0, 0..30);
    write(20, (0..20).map(|number| event(number).0.stride() as u64).sum(), 20..40);
    // A recovery sealed it, and the log continues where it was cut off.
    log.change(0, |bytes| bytes[56] &= !(file_flags::CLEAN as u8));
    let out = log.out();
    let report = salvage_log(log.path(), &out).unwrap();
    assert_eq!(contents(&out).numbers, (0..40).collect::<Vec<_>>());
    assert!(report.is_complete(), "{report:?}");
}

#[test]
fn a_foreign_file_takes_no_records_from_the_closed_segment_before_it() {
    let log = Log::of(300, 8192);
    let base = log.header(1).base_sequence;
    // Its positions begin within the segment before it.
    let mut foreign = MmapWriter::options().base(base, 4096).create(&log.segments[1], 8192).unwrap();
    for number in 0..50 {
        let (header, payload) = event(number);
        foreign.write_event(&header, &payload).unwrap();
    }
    foreign.close().unwrap();
    let report = salvage_log(log.path(), log.out()).unwrap();
    let copied: Vec<u64> = report.files.iter().map(|file| file.records).collect();
    assert_eq!(copied[..2], [base, 50], "{report:?}");
}

#[test]
fn room_that_was_never_used_is_no_gap_where_the_recorded_end_is_reached() {
    for is_other_boot in [false, true] {
        let log = Log::of(40, 1 << 16);
        log.change(0, |bytes| {
            bytes[..64].fill(0);
            bytes.resize(1 << 16, 0);
        });
        if is_other_boot {
            crate::writer_file::pretend_other_boot(&log.path());
        }
        let out = log.out();
        let report = salvage_log(log.path(), &out).unwrap();
        assert_eq!((report.records, contents(&out).gaps), (40, vec![]), "{is_other_boot}: {report:?}");
    }
}

#[test]
fn what_a_killed_writer_had_not_published_is_not_copied() {
    let log = Log::of(40, 1 << 16);
    let offsets = offsets(&log.segments[0]);
    log.unseal(0, 64);
    crate::writer_file::set_open(&log.path());
    log.change(0, |bytes| bytes[24..32].copy_from_slice(&offsets[30].to_le_bytes()));
    let out = log.out();
    let report = salvage_log(log.path(), &out).unwrap();
    assert_eq!((report.records, report.is_complete()), (30, true));
}

#[test]
fn an_end_that_nobody_knows_is_a_gap_of_unknown_count() {
    let log = Log::of(40, 1 << 16);
    log.unseal(0, 64);
    log.pretend_other_boot();
    let out = log.out();
    let report = salvage_log(log.path(), &out).unwrap();
    assert_eq!((report.records, contents(&out).gaps), (40, vec![cut(0, 0)]));
}

#[test]
fn gaps_are_copied_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (folder.path().join("log"), folder.path().join("out"));
    let mut writer = LogWriter::open(&path).unwrap();
    let lead = Gap { log_side: true, ..Gap::new(GapReason::DiskFull, 9) };
    let ring = Gap::new(GapReason::RingFull, 4);
    writer.append_gap(1, lead).unwrap();
    writer.write_event(&event(2).0, &event(2).1).unwrap();
    writer.append_gap(3, ring).unwrap();
    writer.close().unwrap();
    let report = salvage_log(&path, &out).unwrap();
    assert_eq!(contents(&out).gaps, [lead, ring]);
    assert_eq!((report.records, report.written.lost, report.is_complete()), (3, 13, true));
}

#[test]
fn a_place_that_is_taken_is_refused_and_stays_as_it_is() {
    let log = Log::of(10, 4096);
    let taken = log.folder.path().join("taken");
    fs::create_dir(&taken).unwrap();
    fs::write(taken.join("letter"), "Dear reader").unwrap();
    let file = taken.join("letter");
    for out in [&taken, &file, &log.path()] {
        let error = salvage_log(log.path(), out).unwrap_err();
        assert!(matches!(error, SalvageError::Occupied { .. }), "{error}");
        assert!(error.to_string().contains(out.to_str().unwrap()), "{error}");
    }
    assert_eq!(fs::read(&file).unwrap(), b"Dear reader");
    let before = log.image();
    for inside in ["out", "a/b"] {
        let error = salvage_log(log.path(), log.path().join(inside)).unwrap_err();
        assert!(matches!(error, SalvageError::Inside { .. }), "{error}");
    }
    assert_eq!(log.image(), before);
    let empty = log.folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    assert_eq!(salvage_log(log.path(), &empty).unwrap().records, 10);
    let missing = salvage_log(Path::new("/nonexistent/log"), log.out()).unwrap_err();
    assert!(matches!(missing, SalvageError::Open(_)), "{missing}");
}

#[test]
fn the_largest_records_are_copied() {
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (folder.path().join("log.evtl"), folder.path().join("out"));
    let mut writer = MmapWriter::create(&path, 1 << 20).unwrap();
    let header = |number| ringlog::event::EventHeader::new(number, 1, u16::MAX);
    for number in 0..10 {
        writer.write_event(&header(number), &[number as u8; 65_535]).unwrap();
    }
    writer.close().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[..64].fill(0);
    bytes[64 + 65_552 * 4 + 100] ^= 1;
    fs::write(&path, bytes).unwrap();
    let report = salvage_log(&path, &out).unwrap();
    assert_eq!((report.records, report.skipped_count), (9, 1));
    assert_eq!(report.skipped[0].range, Some((64 + 65_552 * 4, 64 + 65_552 * 5)));
}

#[test]
fn a_last_record_alone_is_found_by_its_end_before_any_bytes() {
    for is_sealed in [true, false] {
        let log = Log::of(40, 1 << 16);
        let offsets = offsets(&log.segments[0]);
        let (from, to) = (offsets[20] as usize, offsets[39] as usize);
        if !is_sealed {
            log.unseal(0, 64);
            log.pretend_other_boot();
        }
        log.change(0, |bytes| {
            bytes[from..to].fill(0xA5);
            bytes[offsets[40] as usize..].fill(0xFF);
        });
        let out = log.out();
        let report = salvage_log(log.path(), &out).unwrap();
        assert_eq!(contents(&out).numbers, (0..20).chain([39]).collect::<Vec<_>>(), "{report:?}");
    }
}
