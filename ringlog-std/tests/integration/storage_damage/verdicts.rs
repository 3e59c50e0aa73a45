//! Clean, open, torn tail, hole, damage, cut short, missing: each is distinguished from the others.

use std::fs;

use ringlog::event::file_flags;
use ringlog::storage::{Fault, LogCheck, LogWriter, MmapWriter, OpenError, Verdict, verify_log};

use super::support::{Log, event, offsets};
use crate::writer_file;

fn verified(log: &Log) -> LogCheck {
    verify_log(log.path()).unwrap()
}

#[track_caller]
fn assert_verdict(check: &LogCheck, segment: usize, verdict: Verdict, log: Verdict) {
    let faults = &check.segments[segment].faults;
    assert_eq!((check.segments[segment].verdict, check.verdict()), (verdict, log), "{faults:?}");
}

#[test]
fn a_closed_log_is_clean_and_counted() {
    let log = Log::of(300, 8192);
    let check = verified(&log);
    assert!(check.segments.iter().all(|segment| segment.verdict == Verdict::Clean));
    assert_eq!((check.verdict(), check.counts().events), (Verdict::Clean, 300));
    let mut next = 0;
    for (segment, path) in check.segments.iter().zip(&log.segments) {
        assert_eq!((segment.base_sequence, &segment.path), (Some(next), path));
        next = segment.next_sequence().unwrap();
        assert_eq!(segment.end_offset, segment.header.unwrap().write_offset);
    }
    assert_eq!(next, 300);
}

#[test]
fn a_log_whose_writer_is_at_work_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = LogWriter::options().segment_bytes(4096).open(folder.path()).unwrap();
    for number in 0..100 {
        let (header, payload) = event(number);
        writer.write_event(&header, &payload).unwrap();
    }
    // The newest segment gets its name from another thread.
    let check = loop {
        let check = verify_log(folder.path()).unwrap();
        assert_eq!(check.verdict(), Verdict::Open);
        if check.counts().events == 100 {
            break check;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    };
    let (last, sealed) = check.segments.split_last().unwrap();
    assert_eq!(last.verdict, Verdict::Open);
    assert!(sealed.iter().all(|segment| segment.header.is_some_and(|header| header.has(file_flags::SEALED))));

    let path = folder.path().join("single.evtl");
    let mut single = MmapWriter::create(&path, 4096).unwrap();
    single.write_event(&event(1).0, &event(1).1).unwrap();
    assert_eq!(verify_log(&path).unwrap().verdict(), Verdict::Open);
    single.close().unwrap();
    assert_eq!(verify_log(&path).unwrap().verdict(), Verdict::Clean);
}

#[test]
fn what_a_killed_writer_left_is_all_there() {
    let log = Log::of(40, 1 << 16);
    log.unseal(0, 64);
    let check = verified(&log);
    assert_verdict(&check, 0, Verdict::Unsealed, Verdict::Clean);
    assert_eq!((check.counts().events, check.segments[0].next_sequence()), (40, Some(40)));
}

#[test]
fn a_killed_writers_records_are_whole_so_an_invalid_one_is_damage() {
    let log = Log::of(40, 1 << 16);
    log.unseal(0, 64);
    let from = offsets(&log.segments[0])[39];
    log.change(0, |bytes| bytes[from as usize + 1] ^= 1);
    let check = verified(&log);
    assert_verdict(&check, 0, Verdict::Damage, Verdict::Loss);
    assert_eq!(check.counts().events, 39);
}

#[test]
fn after_a_power_loss_the_end_is_torn_even_if_all_records_are_valid() {
    let log = Log::of(40, 1 << 16);
    log.unseal(0, 64);
    log.pretend_other_boot();
    // The header is older than the records that it publishes.
    let offset = offsets(&log.segments[0])[10];
    log.change(0, |bytes| bytes[24..32].copy_from_slice(&offset.to_le_bytes()));
    let check = verified(&log);
    assert_verdict(&check, 0, Verdict::TornTail, Verdict::Loss);
    assert_eq!((check.counts().events, check.segments[0].fault_count), (40, 0));
}

#[test]
fn a_torn_tail_starts_at_its_first_invalid_record() {
    let log = Log::of(40, 1 << 16);
    let (at, end) = (offsets(&log.segments[0])[30], log.header(0).write_offset);
    log.unseal(0, offsets(&log.segments[0])[30]);
    log.pretend_other_boot();
    log.change(0, |bytes| bytes[at as usize..].fill(0));
    let check = verified(&log);
    assert_verdict(&check, 0, Verdict::TornTail, Verdict::Loss);
    assert!(
        matches!(check.segments[0].faults[..], [Fault::TornTail { from, to, .. }] if (from, to) == (at, end))
    );
    assert_eq!((check.counts().events, check.segments[0].next_sequence()), (30, None));
}

#[test]
fn a_hole_has_valid_records_after_it() {
    let log = Log::of(40, 1 << 16);
    let offsets = offsets(&log.segments[0]);
    log.unseal(0, offsets[5]);
    log.pretend_other_boot();
    log.change(0, |bytes| bytes[offsets[20] as usize..offsets[23] as usize].fill(0));
    let check = verified(&log);
    assert_verdict(&check, 0, Verdict::Hole, Verdict::Loss);
    let wanted = (offsets[20], offsets[23]);
    assert!(matches!(check.segments[0].faults[..], [Fault::Hole { from, to, .. }] if (from, to) == wanted));
    assert_eq!((check.counts().events, check.segments[0].end_offset), (37, offsets[40]));
}

#[test]
fn below_the_watermark_and_in_a_sealed_segment_a_hole_is_damage() {
    for is_sealed in [true, false] {
        let log = Log::of(40, 1 << 16);
        let offsets = offsets(&log.segments[0]);
        if !is_sealed {
            log.unseal(0, offsets[21]);
            log.pretend_other_boot();
        }
        log.change(0, |bytes| bytes[offsets[20] as usize + 9] ^= 0x80);
        let check = verified(&log);
        assert_verdict(&check, 0, Verdict::Damage, Verdict::Loss);
        let wanted = (offsets[20], offsets[21], false);
        assert!(matches!(check.segments[0].faults[..],
            [Fault::Damage { from, to, is_last, .. }] if (from, to, is_last) == wanted));
        assert_eq!(check.counts().events, 39);
    }
}

#[test]
fn one_damaged_header_leaves_the_other_segments_readable() {
    let log = Log::of(300, 8192);
    log.change(1, |bytes| bytes[8] ^= 1);
    let check = verified(&log);
    assert_verdict(&check, 1, Verdict::Damage, Verdict::Damage);
    assert!(matches!(check.segments[1].faults[..], [Fault::Header(_)]));
    assert_eq!((check.counts().events, check.missing.len()), (300, 0));
    let whole = |at: usize| check.segments[at].verdict == Verdict::Clean;
    assert!(whole(0) && (2..check.segments.len()).all(whole));
}

#[test]
fn a_damaged_header_is_a_loss_only_where_nothing_says_where_the_records_end() {
    let log = Log::of(300, 8192);
    let last = log.segments.len() - 1;
    log.change(last, |bytes| bytes[8..64].fill(0));
    // The log was closed there.
    let check = verified(&log);
    assert_eq!((check.verdict(), check.counts().events), (Verdict::Damage, 300), "{check:?}");
    writer_file::pretend_other_boot(&log.path());
    assert_eq!(verified(&log).verdict(), Verdict::Damage, "the end is recorded all the same");
    let alone = verify_log(&log.segments[last]).unwrap();
    assert_eq!(alone.verdict(), Verdict::Loss, "{alone:?}");
    writer_file::set_open(&log.path());
    assert_eq!(verified(&log).verdict(), Verdict::Loss);
}

#[test]
fn a_file_that_was_cut_short_says_where() {
    let log = Log::of(40, 1 << 16);
    let (offsets, end) = (offsets(&log.segments[0]), log.header(0).write_offset);
    for (len, events) in [(offsets[30], 30), (offsets[30] + 3, 30), (64, 0), (end - 1, 39)] {
        fs::File::options().write(true).open(&log.segments[0]).unwrap().set_len(len).unwrap();
        let check = verified(&log);
        let log_verdict = if events > 0 { Verdict::Loss } else { Verdict::Unreadable };
        assert_verdict(&check, 0, Verdict::CutShort, log_verdict);
        assert!(matches!(check.segments[0].faults[..],
            [Fault::CutShort { write_offset, len_bytes }] if (write_offset, len_bytes) == (end, len)));
        assert_eq!(check.counts().events, events);
        let whole = Log::of(40, 1 << 16);
        fs::copy(&whole.segments[0], &log.segments[0]).unwrap();
    }
    log.change(0, |bytes| bytes.truncate(63));
    assert_verdict(&verified(&log), 0, Verdict::CutShort, Verdict::Unreadable);
}

#[test]
fn a_missing_segment_is_reported_with_its_sequences() {
    let log = Log::of(300, 8192);
    fs::remove_file(&log.segments[1]).unwrap();
    let check = verified(&log);
    assert_eq!(check.verdict(), Verdict::Loss);
    let named = |at: usize| log.segments[at].file_stem().unwrap().to_str().unwrap().parse::<u64>().unwrap();
    assert_eq!(check.missing.len(), 1);
    let missing = &check.missing[0];
    assert_eq!((missing.first_sequence, missing.next_sequence), (named(1), named(2)));
    assert_eq!(missing.before, log.segments[2]);
    fs::remove_file(&log.segments[0]).unwrap();
    let missing = &verified(&log).missing[0];
    assert_eq!((missing.first_sequence, missing.next_sequence), (0, named(2)));
    // As left by a writer that retired them.
    crate::writer_file::set_first(&log.path(), named(2));
    assert_eq!(verified(&log).verdict(), Verdict::Clean);
}

#[test]
fn another_count_another_name_and_an_overlap_are_damage() {
    let log = Log::of(300, 8192);
    let whole = log.image();
    log.change(0, |bytes| bytes[16] ^= 1);
    assert!(matches!(verified(&log).segments[0].faults[..], [Fault::EventCount { .. }]));
    whole.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());

    let other = log.path().join(format!("{:020}.evtl", 5));
    fs::rename(&log.segments[1], &other).unwrap();
    let check = verified(&log);
    assert_verdict(&check, 1, Verdict::Damage, Verdict::Loss);
    let faults = &check.segments[1].faults;
    assert!(
        matches!(faults[..], [Fault::Open(OpenError::Name { .. }), Fault::Overlap { found: 5, .. }]),
        "{faults:?}"
    );
}

#[test]
fn records_that_the_log_has_gone_on_without_are_no_part_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: u64, position: u64, numbers: std::ops::Range<u64>| {
        let path = folder.path().join(format!("{name:020}.evtl"));
        let mut writer = MmapWriter::options().base(name, position).create(path, 8192).unwrap();
        for number in numbers {
            let (header, payload) = event(number);
            writer.write_event(&header, &payload).unwrap();
        }
        writer.close().unwrap();
    };
    write(0, 0, 0..30);
    let position = (0..20).map(|number| event(number).0.stride() as u64).sum();
    write(20, position, 20..40);
    let check = verify_log(folder.path()).unwrap();
    assert_eq!((check.verdict(), check.counts().events), (Verdict::Clean, 40));
    assert_eq!(check.segments[0].counts.events, 20);
}

#[test]
fn files_without_checksums_are_read_up_to_the_first_invalid_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plain.evtl");
    let mut writer = MmapWriter::options().checksums(false).create(&path, 8192).unwrap();
    for number in 0..30 {
        let (header, payload) = event(number);
        writer.write_event(&header, &payload).unwrap();
    }
    writer.close().unwrap();
    let at = offsets(&path)[20] as usize;
    let mut bytes = fs::read(&path).unwrap();
    bytes[at + 9] = 0;
    fs::write(&path, bytes).unwrap();
    let check = verify_log(&path).unwrap();
    assert_verdict(&check, 0, Verdict::Damage, Verdict::Loss);
    assert_eq!(check.counts().events, 20);
    assert!(!check.segments[0].header.unwrap().has(file_flags::CHECKSUMS));
}

#[test]
fn a_damaged_first_record_of_the_last_file_says_nothing_about_the_end() {
    let log = Log::of(300, 8192);
    let last = log.segments.len() - 1;
    let mut bytes = fs::read(&log.segments[last]).unwrap();
    bytes[64 + 9] ^= 0xFF;
    fs::write(&log.segments[last], bytes).unwrap();
    let check = verified(&log);
    assert_verdict(&check, last, Verdict::Damage, Verdict::Loss);
    assert!(check.missing_end.is_none(), "{}", check.missing_end.unwrap());
}

#[test]
fn a_writer_file_of_another_end_is_no_segment_that_cannot_be_used() {
    let log = Log::of(300, 8192);
    writer_file::edit(&log.path(), |lines| lines.replace("end: 300 ", "end: 300 8"));
    let missing = verified(&log).missing_end.unwrap();
    assert!(missing.file.ends_with("writer") && missing.fault.is_none(), "{missing}");
    assert!(
        missing
            .to_string()
            .contains("ends at this record, but at another position: the last segment is cut short")
    );
}
