//! Typed logs that are cut or damaged in the descriptions of a segment.

use std::fs;
use std::path::{Path, PathBuf};

use ringlog::event::{Gap, GapReason, MetaTopic};
use ringlog::storage::{LogReader, LogWriter, Verdict, salvage_log, verify_log};

use super::super::storage_log::support::{patch, segments, unseal};
use super::super::storage_read::support::{event, write};
use super::super::writer_file;
use super::{TICK, TOCK, list, options, scratch};

/// Where the records of the second segment begin that are no META records.
fn preamble_end() -> u64 {
    64 + list(&[TICK, TOCK]).record_bytes()
}

/// Makes a log of two runs with ten events each, and returns its second segment.
fn log_of_two_runs(folder: &Path) -> PathBuf {
    for numbers in [0..10, 10..20] {
        let mut writer = options(&[TICK, TOCK]).open(folder).unwrap();
        write(&mut writer, numbers);
        writer.close().unwrap();
    }
    segments(folder).pop().unwrap()
}

/// Reads a log that must be whole: the numbers of its events, each byte for byte, and what its GAP records report.
fn read(log: &Path) -> (Vec<u64>, Vec<Gap>) {
    let (mut numbers, mut gaps) = (Vec::new(), Vec::new());
    let replayed = LogReader::open(log).unwrap().replay(|found| {
        if let Some(gap) = found.gap() {
            return gaps.push(gap);
        }
        let number = found.header.timestamp / 10;
        let (header, payload) = event(number);
        assert_eq!((found.header.as_user(), found.payload), (header, &payload[..]), "event {number}");
        let list = found.layouts().map_or(0, |layouts| u64::from(layouts.accepts(1, TICK)));
        assert_eq!(list, u64::from(found.layouts().is_some()), "event {number} is read under another layout");
        numbers.push(number);
    });
    replayed.unwrap();
    (numbers, gaps)
}

/// Opens a log as its next writer and closes it again. Nothing is left of a segment without events.
fn recover(log: &Path) -> (Vec<u64>, Vec<Gap>) {
    options(&[TICK, TOCK]).open(log).unwrap().close().unwrap();
    let check = verify_log(log).unwrap();
    assert!(check.segments.iter().all(|segment| segment.verdict.is_whole()), "{check:?}");
    read(log)
}

#[test]
fn a_preamble_that_a_kill_or_a_loss_of_power_cuts_at_any_byte_costs_nothing_else() {
    let whole = scratch();
    let name = log_of_two_runs(whole.path()).file_name().unwrap().to_owned();
    let first: Vec<u64> = (0..10).collect();
    for is_killed in [true, false] {
        for cut in 64..=preamble_end() {
            let (folder, out) = (scratch(), scratch());
            copy(whole.path(), folder.path());
            let segment = folder.path().join(&name);
            unseal(&segment, 64);
            writer_file::set_open(folder.path());
            let len = fs::metadata(&segment).unwrap().len();
            patch(&segment, cut, &vec![0; (len - cut) as usize]);
            if is_killed {
                // Nothing is published before the first event is there.
                patch(&segment, 16, &0_u64.to_le_bytes());
                patch(&segment, 24, &64_u64.to_le_bytes());
            } else {
                writer_file::pretend_other_boot(folder.path());
            }
            if cut % 8 == 0 {
                let report = salvage_log(folder.path(), out.path()).unwrap();
                assert_eq!(
                    (read(out.path()).0, report.missing),
                    (first.clone(), 0),
                    "byte {cut}: {report:?}"
                );
            }
            let (numbers, gaps) = recover(folder.path());
            assert_eq!(numbers, first, "byte {cut}");
            let unknown = Gap { log_side: true, ..Gap::new(GapReason::RecoveryCut, 0) };
            assert_eq!(gaps, if is_killed { Vec::new() } else { vec![unknown] }, "byte {cut}");
            assert!(!segment.exists() || !is_killed, "an empty segment is left");
        }
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[test]
fn any_flipped_bit_of_a_preamble_costs_descriptions_and_no_event() {
    let folder = scratch();
    let segment = log_of_two_runs(folder.path());
    let whole = fs::read(&segment).unwrap();
    let all: Vec<u64> = (0..20).collect();
    let headers =
        [64..64 + 16 + 9, 64 + TICK.len().next_multiple_of(8) + 16..64 + TICK.len().next_multiple_of(8) + 32];
    let second = 64 + list(&[TICK]).record_bytes();
    let topics = [1, 2].map(MetaTopic::EventType);
    let out = scratch();
    for bit in 64 * 8..preamble_end() as usize * 8 {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(&segment, damaged).unwrap();
        let check = verify_log(folder.path()).unwrap();
        let verdicts: Vec<_> = check.segments.iter().map(|segment| segment.verdict.is_whole()).collect();
        assert_eq!((verdicts, check.counts().events), (vec![true, false], 20), "bit {bit}: {check:?}");
        assert_eq!(check.verdict(), Verdict::Damage, "bit {bit}: no event is missing: {check:?}");
        assert_eq!(check.segments[1].next_sequence(), Some(24), "bit {bit}");
        // A copy takes long. So of a payload's bytes, which are all alike, it is made for one bit each.
        let is_in_header = headers.iter().any(|header| header.contains(&(bit / 8)));
        if !is_in_header && bit % 8 != bit / 8 % 8 {
            continue;
        }
        let out = out.path().join(bit.to_string());
        let report = salvage_log(folder.path(), &out).unwrap();
        assert_eq!(read(&out), (all.clone(), Vec::new()), "bit {bit}: no event is missing");
        assert_eq!((report.missing, report.gaps_added, report.is_complete()), (0, 0, false), "bit {bit}");
        let at = usize::from(bit as u64 / 8 >= second);
        let lost = &report.lost_descriptions[..];
        assert!(matches!(lost, [_]), "bit {bit}: {lost:?}");
        assert_eq!((lost[0].topic, lost[0].sequence), (topics[at], 12 + at as u64), "bit {bit}");
        assert_eq!((lost[0].offset, &lost[0].path), ([64, second][at], &segment), "bit {bit}");
        // The first segment has the name too.
        assert_eq!(lost[0].name.as_deref(), Some(["tick", "tock"][at]), "bit {bit}");
        fs::remove_dir_all(out).unwrap();
    }
}

#[test]
fn descriptions_and_events_that_are_damaged_together_are_counted_apart() {
    let folder = scratch();
    let segment = log_of_two_runs(folder.path());
    let whole = fs::read(&segment).unwrap();
    let end = preamble_end() as usize;
    let stride = |number| event(number).0.stride();
    // Both descriptions, and an event in the middle.
    let mut damaged = whole.clone();
    damaged[64 + 40] ^= 1;
    damaged[end - 20] ^= 1;
    damaged[end + (10..14).map(stride).sum::<usize>() + 1] ^= 1;
    fs::write(&segment, damaged).unwrap();
    let check = verify_log(folder.path()).unwrap();
    assert_eq!((check.verdict(), check.counts().events, check.missing.len()), (Verdict::Loss, 19, 0));
    let out = scratch();
    let report = salvage_log(folder.path(), out.path()).unwrap();
    assert_eq!((report.missing, report.gaps_added), (1, 1), "{report:?}");
    let lost: Vec<_> = report.lost_descriptions.iter().map(|lost| (lost.sequence, lost.topic)).collect();
    assert_eq!(lost, [(12, MetaTopic::EventType(1)), (13, MetaTopic::EventType(2))]);
    // The last description and the first event are one hole: an event is missing with it, so nobody can count.
    let mut damaged = whole;
    damaged[end - 20] ^= 1;
    damaged[end + 1] ^= 1;
    fs::write(&segment, damaged).unwrap();
    assert_eq!(verify_log(folder.path()).unwrap().verdict(), Verdict::Loss);
    let out = scratch();
    let report = salvage_log(folder.path(), out.path()).unwrap();
    assert_eq!((report.lost_descriptions.len(), report.missing, report.gaps_added), (0, 0, 1), "{report:?}");
    assert_eq!(read(out.path()).0, (0..10).chain(11..20).collect::<Vec<u64>>());
}

#[test]
fn a_count_that_contradicts_the_damaged_bytes_leaves_the_number_unknown() {
    let folder = scratch();
    let segment = log_of_two_runs(folder.path());
    patch(&segment, 64 + 40, b"?");
    // The header counts a record more than can be found.
    patch(&segment, 16, &13_u64.to_le_bytes());
    writer_file::set_open(folder.path());
    let report = salvage_log(folder.path(), scratch().path()).unwrap();
    assert_eq!((report.lost_descriptions.len(), report.missing, report.gaps_added), (0, 0, 1), "{report:?}");
    assert_eq!(verify_log(folder.path()).unwrap().verdict(), Verdict::Loss);
}

#[test]
fn a_record_that_has_no_room_after_the_descriptions_is_refused_and_the_log_continues() {
    let folder = tempfile::tempdir().unwrap();
    let long = |count: usize| {
        [br#"{"type":1,"name":""#.as_slice(), &vec![b'x'; count], br#"","size":0,"fields":[]}"#].concat()
    };
    let mut writer = LogWriter::options().segment_bytes(4096).open(folder.path()).unwrap();
    let header = |len: usize| ringlog::event::EventHeader::new(0, 0, len as u16);
    writer.write_event(&header(4016), &[0; 4016]).unwrap();
    writer.register(&list(&[&long(1900)])).unwrap();
    let room = 4096 - 64 - writer.schemas().record_bytes() as usize - 16;
    let refused = writer.write_event(&header(room + 1), &vec![0; room + 1]).unwrap_err();
    assert!(refused.to_string().contains(&format!("room for {}", room + 16)), "{refused}");
    let gap = Gap { log_side: true, ..Gap::new(GapReason::DiskFull, 1) };
    writer.append_gap(0, gap).unwrap();
    // It fits into a segment, but not into this one any more.
    writer.write_event(&header(room), &vec![0; room]).unwrap();
    assert_eq!(writer.close().unwrap().segments, 3);
    let check = verify_log(folder.path()).unwrap();
    assert_eq!((check.counts().events, check.counts().meta, check.counts().lost()), (2, 2, 1));
}
