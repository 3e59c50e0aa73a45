//! Tests what recovery does with each file that it finds, and what it reports.

use std::path::{Path, PathBuf};

use ringlog::event::file_flags;
use ringlog::storage::{LastEnd, LogReader, LogWriter, MmapWriter, OpenError, ReadError};

use super::recovery::{Offsets, RECOVERY_GAP, continues_after, died_with_machine};
use super::support::{assert_holds, damage, event, patch, read, refusal, segments, unseal, write};
use crate::writer_file::{pretend_other_boot, set_open};

#[test]
fn a_first_writer_that_died_before_its_first_event_leaves_no_doubt() {
    let folder = tempfile::tempdir().unwrap();
    LogWriter::open(folder.path()).unwrap().close().unwrap();
    set_open(folder.path());
    // The segment, as far as that writer may have prepared it.
    let path = folder.path().join(format!("{:020}.evtl", 0));
    drop(MmapWriter::options().base(0, 0).create_new(&path, 4096).unwrap());
    unseal(&path, 64);
    let writer = LogWriter::open(folder.path()).unwrap();
    let report = writer.recovery();
    assert_eq!((report.last_end, report.has_loss, report.next_sequence), (LastEnd::Killed, false, 0));
    assert_eq!((writer.next_sequence(), writer.position()), (0, 0));
}

#[test]
fn a_folder_without_segments_is_a_new_log_despite_its_writer_file() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let writer = LogWriter::open(folder.path()).unwrap();
        assert_eq!((writer.recovery().last_end, writer.recovery().has_loss), (LastEnd::New, false));
        writer.close().unwrap();
        assert!(folder.path().join("writer").exists() && LogReader::open(folder.path()).is_err());
    }
}

/// Makes a log of `before` events and two files that both begin with the next sequence: one with the name of a
/// segment and `named` events, one with a temporary name and `prepared` events.
fn twins(folder: &Path, before: u64, named: u64, prepared: u64) -> [PathBuf; 2] {
    let mut writer = LogWriter::open(folder).unwrap();
    write(&mut writer, 0..before);
    let position = writer.position();
    writer.close().unwrap();
    let paths = [format!("{before:020}.evtl"), ".next-7-0.ringlog-new".into()].map(|name| folder.join(name));
    for (path, count) in paths.iter().zip([named, prepared]) {
        let made = folder.join("made");
        let mut writer = MmapWriter::options().base(before, position).create_new(&made, 4096).unwrap();
        for number in before..before + count {
            let (header, payload) = event(number);
            writer.write_event(&header, &payload).unwrap();
        }
        drop(writer);
        unseal(&made, 64);
        std::fs::rename(made, path).unwrap();
    }
    paths
}

#[test]
fn of_two_files_for_the_same_place_the_empty_one_goes() {
    for (before, named, prepared) in [0, 3].into_iter().flat_map(|n| [(n, 0, 0), (n, 0, 4), (n, 4, 0)]) {
        let folder = tempfile::tempdir().unwrap();
        let [_, temporary] = twins(folder.path(), before, named, prepared);
        let end = before + named.max(prepared);
        let mut writer = LogWriter::open(folder.path()).unwrap();
        assert_eq!(writer.next_sequence(), end, "{before} {named} {prepared}");
        assert!(!writer.recovery().has_loss && !temporary.exists());
        write(&mut writer, end..end + 2);
        writer.close().unwrap();
        assert_holds(folder.path(), 0..end + 2);
    }
}

#[test]
fn two_files_for_the_same_place_with_records_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let paths = twins(folder.path(), 3, 2, 4);
    let before = paths.clone().map(|path| std::fs::read(path).unwrap());
    refusal(folder.path());
    assert_eq!(paths.map(|path| std::fs::read(path).unwrap()), before);
}

#[test]
fn what_was_being_prepared_is_cleared_away_and_what_cannot_be_read_is_kept() {
    for (contents, is_kept) in
        [(vec![], false), (vec![1; 63], false), (vec![0; 4096], false), (b"\0\0\0L".repeat(1024), true)]
    {
        let folder = tempfile::tempdir().unwrap();
        let [_, temporary] = twins(folder.path(), 3, 0, 0);
        std::fs::write(&temporary, &contents).unwrap();
        let mut writer = LogWriter::open(folder.path()).unwrap();
        write(&mut writer, 3..5);
        writer.close().unwrap();
        assert_holds(folder.path(), 0..5);
        assert!(!temporary.exists());
        let foreign = LogReader::open(folder.path()).unwrap().foreign().to_vec();
        assert_eq!(foreign.len(), usize::from(is_kept), "{foreign:?}");
        for path in foreign {
            assert!(path.file_name().unwrap().to_str().unwrap().starts_with("unreadable"), "{path:?}");
            assert_eq!(std::fs::read(path).unwrap(), contents);
        }
    }
}

#[test]
fn a_segment_that_was_about_to_be_recycled_goes() {
    for is_clean in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = LogWriter::options().segment_bytes(4096).open(folder.path()).unwrap();
        write(&mut writer, 0..100);
        writer.close().unwrap();
        let all = segments(folder.path());
        let temporary = folder.path().join(".next-7-0.ringlog-new");
        std::fs::rename(&all[0], &temporary).unwrap();
        if !is_clean {
            unseal(&temporary, 64);
        }
        LogWriter::open(folder.path()).unwrap().close().unwrap();
        assert!(!temporary.exists());
        assert_eq!(segments(folder.path()), all[1..]);
        assert_holds(folder.path(), LogReader::open(folder.path()).unwrap().first_sequence()..100);
    }
}

#[test]
fn after_a_torn_segment_only_what_was_not_promised_is_put_aside() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = LogWriter::options().segment_bytes(4096).open(folder.path()).unwrap();
    write(&mut writer, 0..60);
    writer.close().unwrap();
    pretend_other_boot(folder.path());
    set_open(folder.path());
    let all = segments(folder.path());
    assert!(all.len() > 2);
    all.iter().for_each(|path| unseal(path, 64));
    damage(&all[0], 64 + 8);
    // A sync of the last one had returned.
    let last = all.last().unwrap();
    patch(last, 32, &80_u64.to_le_bytes());
    let (error, _) = refusal(folder.path());
    assert!(matches!(&error, OpenError::Recovery(source)
        if matches!(**source, ReadError::Discontinuity { expected: 0, .. })));
    assert!(all.iter().all(|path| path.exists()));
    // It had not returned.
    patch(last, 32, &64_u64.to_le_bytes());
    let writer = LogWriter::open(folder.path()).unwrap();
    assert_eq!((writer.first_sequence(), writer.recovery().has_loss), (0, true));
    drop(writer);
    assert_eq!(read(folder.path()).pop().unwrap().gap(), Some(RECOVERY_GAP));
    assert_eq!(LogReader::open(folder.path()).unwrap().foreign().len(), all.len());
}

/// Returns what recovery reports that it did with the file of this name.
fn action_on(writer: &LogWriter, path: &Path) -> String {
    let found = writer.recovery().segments.iter().find(|found| found.path == path);
    let found = found.unwrap_or_else(|| panic!("{}", writer.recovery())).to_string();
    found.strip_prefix(&format!("{}: ", path.display())).unwrap().to_owned()
}

#[test]
fn an_empty_segment_is_deleted_unless_something_is_in_it() {
    for is_machine_lost in [false, true] {
        for stored in [&[][..], &[0, 0, 1]] {
            let folder = tempfile::tempdir().unwrap();
            let [named, temporary] = twins(folder.path(), 3, 0, 0);
            std::fs::remove_file(temporary).unwrap();
            patch(&named, 64, stored);
            set_open(folder.path());
            if is_machine_lost {
                pretend_other_boot(folder.path());
            }
            let writer = LogWriter::open(folder.path()).unwrap();
            let first = folder.path().join(format!("{:020}.evtl", 0));
            assert!(action_on(&writer, &first).starts_with("sealed already at offset "));
            let action = action_on(&writer, &named);
            drop(writer);
            let foreign = LogReader::open(folder.path()).unwrap().foreign().to_vec();
            // Unless the machine was lost, all stores of the writer are there, and its header says where it
            // ends.
            if is_machine_lost && !stored.is_empty() {
                let aside: Vec<_> =
                    foreign.iter().map(|path| format!("set aside as {}", path.display())).collect();
                assert_eq!(vec![action], aside);
            } else {
                assert_eq!((action, foreign), ("held no record, deleted".to_owned(), vec![]));
            }
        }
    }
}

#[test]
fn a_segment_that_counts_records_is_kept_also_where_its_first_one_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let log = died_with_machine(folder.path(), 0, true);
    patch(&log.path, 64, &[0; 16]);
    continues_after(folder.path(), 0);
    assert_eq!(LogReader::open(folder.path()).unwrap().foreign().len(), 1);
}

#[test]
fn a_seal_is_believed_where_it_can_be_and_damage_before_it_is_no_end() {
    for is_clean in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = LogWriter::options().segment_bytes(1 << 16).open(folder.path()).unwrap();
        write(&mut writer, 0..100);
        writer.close().unwrap();
        let log = Offsets { path: segments(folder.path()).pop().unwrap() };
        damage(&log.path, log.of(50) + 8);
        if is_clean {
            // The next writer died before it had begun a segment.
            pretend_other_boot(folder.path());
            set_open(folder.path());
        } else {
            let flags = std::fs::read(&log.path).unwrap()[56];
            patch(&log.path, 56, &[flags & !1]);
        }
        assert_eq!(LogWriter::open(folder.path()).unwrap().recovery().next_sequence, 100);
    }
}

#[test]
fn the_report_says_where_each_segment_ends_and_what_was_cut() {
    let folder = tempfile::tempdir().unwrap();
    let log = died_with_machine(folder.path(), 20, true);
    damage(&log.path, log.of(57) + 8);
    let writer = LogWriter::open(folder.path()).unwrap();
    let [found] = &writer.recovery().segments[..] else { panic!("{}", writer.recovery()) };
    assert_eq!(found.path, log.path);
    assert!(action_on(&writer, &log.path).starts_with("sealed at offset "));
    assert_eq!((found.first_sequence, found.next_sequence), (0, 57));
    assert_eq!((found.end_offset, found.cut_bytes), (log.of(57), log.of(100) - log.of(57)));
}

#[test]
fn after_a_power_loss_a_segment_that_is_whole_up_to_its_seal_stays_as_it_is_but_is_durable() {
    let folder = tempfile::tempdir().unwrap();
    let log = died_with_machine(folder.path(), 20, true);
    let flags = std::fs::read(&log.path).unwrap()[56];
    patch(&log.path, 56, &[flags | file_flags::SEALED as u8]);
    let mut expected = std::fs::read(&log.path).unwrap();
    let end = log.header().write_offset;
    expected[32..40].copy_from_slice(&end.to_le_bytes());
    assert!(log.header().synced_offset < end);
    let writer = LogWriter::open(folder.path()).unwrap();
    assert!(action_on(&writer, &log.path).starts_with("sealed already at offset "));
    drop(writer);
    assert!(std::fs::read(&log.path).unwrap() == expected);
}

#[test]
fn after_a_power_loss_a_count_that_the_bytes_contradict_is_put_right() {
    for count in [99_u64, 101] {
        let folder = tempfile::tempdir().unwrap();
        let log = died_with_machine(folder.path(), 20, true);
        patch(&log.path, 16, &count.to_le_bytes());
        let flags = std::fs::read(&log.path).unwrap()[56];
        patch(&log.path, 56, &[flags | 0b1000]);
        continues_after(folder.path(), 100);
        assert_eq!((log.header().event_count, log.header().has(file_flags::SEALED)), (100, true));
    }
}

#[test]
fn a_seal_whose_count_cannot_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = LogWriter::open(folder.path()).unwrap();
    write(&mut writer, 0..100);
    writer.close().unwrap();
    let log = Offsets { path: segments(folder.path()).pop().unwrap() };
    let most = (log.of(100) - 64) / 16;
    for count in [0, most + 1, u64::MAX] {
        patch(&log.path, 16, &count.to_le_bytes());
        let (error, _) = refusal(folder.path());
        assert!(matches!(&error, OpenError::Recovery(source)
            if matches!(**source, ReadError::EventCount { stored, found, .. } if stored == count && found == most)));
    }
    patch(&log.path, 16, &100_u64.to_le_bytes());
    assert_eq!(LogWriter::open(folder.path()).unwrap().next_sequence(), 100);
}

#[test]
fn a_closed_segment_without_records_says_where_the_log_continues() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("{:020}.evtl", 7));
    MmapWriter::options().base(7, 1000).create_new(&path, 4096).unwrap().close().unwrap();
    let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let boot_id = boot_id.trim();
    let lines = format!("pid: 1\nboot_id: {boot_id}\nring_identity: 0\nstate: closed\nend: 7 1000\n");
    crate::writer_file::store(folder.path(), &lines);
    // No other file holds it, so a writer that writes nothing leaves one, too.
    for _ in 0..3 {
        let writer = LogWriter::open(folder.path()).unwrap();
        assert_eq!((writer.next_sequence(), writer.position()), (7, 1000));
        assert!(!writer.recovery().has_loss);
        writer.close().unwrap();
    }
}
