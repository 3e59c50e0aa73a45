//! Writers that died: with their process, or with their machine.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use ringlog::event::{FileHeader, Gap, GapReason, file_flags};
use ringlog::storage::{
    FileScan, LastEnd, LogReader, LogWriter, MmapWriter, OpenError, ReadError, RecoveryAction,
};

use super::support::{
    assert_holds, assert_is, damage, event, patch, pretend_other_boot, read, refusal, segments, unseal, write,
};

const CHILD_LOG: &str = "RINGLOG_TEST_CHILD_LOG";
const RECOVERY_GAP: Gap = Gap { log_side: true, ..Gap::new(GapReason::RecoveryCut, 0) };

/// Does nothing by itself; run with a folder in its environment, it writes there until it is killed.
#[test]
fn child_that_writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(CHILD_LOG) else { return };
    let mut writer = LogWriter::options().segment_bytes(1 << 16).open(folder).unwrap();
    for number in writer.next_sequence()..2_000_000 {
        write(&mut writer, number..number + 1);
        if number % 100 == 99 {
            println!("\nwritten {number}");
            std::io::stdout().flush().unwrap();
        }
    }
}

fn start_child(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "recovery::child_that_writes_until_it_is_killed", "--nocapture"])
        .env(CHILD_LOG, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Kills the child (SIGKILL) once it has told of so many events; returns the last number it told of.
fn kill_after(mut child: Child, reports: usize) -> u64 {
    let mut last = 0;
    let mut seen = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let Some(number) = line.unwrap().strip_prefix("written ").and_then(|text| text.parse().ok()) else {
            continue;
        };
        last = number;
        seen += 1;
        if seen == reports {
            child.kill().unwrap();
        }
    }
    assert!(!child.wait().unwrap().success());
    assert!(seen >= reports);
    last
}

#[test]
fn everything_that_a_killed_writer_published_is_there_and_the_log_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut next = 0;
    for reports in [3, 11, 30] {
        let last = kill_after(start_child(folder.path()), reports);
        // The last segment may not have its name yet, and is no part of the log for a reader until then.
        let read = LogReader::open(folder.path()).unwrap().next_sequence();
        let mut writer = LogWriter::open(folder.path()).unwrap();
        let before = writer.next_sequence();
        assert!(before > last && before >= read);
        assert_eq!((writer.recovery().last_end, writer.recovery().has_loss), (LastEnd::Killed, false));
        next = before + 5;
        write(&mut writer, before..next);
        writer.close().unwrap();
    }
    assert_holds(folder.path(), 0..next);
    let all = LogReader::open(folder.path()).unwrap();
    assert!(all.segments().iter().all(|segment| segment.header.has(file_flags::SEALED)));
}

#[test]
fn positions_go_on_exactly_behind_a_killed_writer() {
    let folder = tempfile::tempdir().unwrap();
    kill_after(start_child(folder.path()), 4);
    let writer = LogWriter::open(folder.path()).unwrap();
    let last = segments(folder.path()).iter().rev().nth(1).unwrap().clone();
    let mut scan = FileScan::open(&last).unwrap();
    while scan.next_event().unwrap().is_some() {}
    assert_eq!(writer.position(), scan.position());
}

/// A log of 100 events in one segment whose writer seems to have died with its machine.
fn died_with_machine(folder: &Path, synced: u64, checksums: bool) -> Offsets {
    let options = LogWriter::options().segment_bytes(1 << 16).checksums(checksums);
    let mut writer = options.open(folder).unwrap();
    write(&mut writer, 0..100);
    writer.close().unwrap();
    pretend_other_boot(folder);
    set_open(folder);
    let path = segments(folder).pop().unwrap();
    let offsets = Offsets { path };
    unseal(&offsets.path, offsets.of(synced));
    offsets
}

/// The writer's file says that it had not closed the log.
fn set_open(folder: &Path) {
    let path = folder.join("writer");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, text.replace("state: closed", "state: open")).unwrap();
}

struct Offsets {
    path: std::path::PathBuf,
}

impl Offsets {
    fn of(&self, number: u64) -> u64 {
        64 + (0..number).map(|number| event(number).0.stride() as u64).sum::<u64>()
    }

    fn header(&self) -> FileHeader {
        *FileScan::open(&self.path).unwrap().header()
    }
}

/// Opens the log again, writes one more event, and checks what is there.
fn goes_on_after(folder: &Path, kept: u64) {
    let mut writer = LogWriter::open(folder).unwrap();
    assert_eq!((writer.first_sequence(), writer.next_sequence()), (kept, kept + 1));
    assert_eq!(writer.position(), (1 << 16) - 64);
    write(&mut writer, 1000..1001);
    let summary = writer.close().unwrap();
    assert_eq!((summary.events, summary.gaps, summary.lost), (1, 1, 0));
    let found = read(folder);
    assert_eq!(found.len() as u64, kept + 2);
    for number in 0..kept {
        assert_is(&found[number as usize], number);
    }
    let gap = &found[kept as usize];
    assert_eq!((gap.gap(), gap.header.timestamp), (Some(RECOVERY_GAP), kept.saturating_sub(1)));
    assert_is(&found[kept as usize + 1], 1000);
}

#[test]
fn after_a_power_loss_the_valid_prefix_stays_and_a_gap_says_so() {
    for kept in [100, 99, 57, 20] {
        let folder = tempfile::tempdir().unwrap();
        let log = died_with_machine(folder.path(), 20, true);
        if kept < 100 {
            damage(&log.path, log.of(kept) + 8);
        }
        goes_on_after(folder.path(), kept);
        let header = log.header();
        assert_eq!((header.event_count, header.write_offset), (kept, log.of(kept)));
        assert!(header.has(file_flags::SEALED) && !header.has(file_flags::CLEAN));
    }
}

#[test]
fn after_a_power_loss_a_write_offset_that_came_too_early_or_late_does_not_matter() {
    for write_offset in [64, 64 + 16, (1 << 16) - 8, 1 << 40] {
        let folder = tempfile::tempdir().unwrap();
        let log = died_with_machine(folder.path(), 0, true);
        patch(&log.path, 24, &u64::to_le_bytes(write_offset));
        goes_on_after(folder.path(), 100);
    }
}

#[test]
fn damage_below_the_watermark_is_refused_and_nothing_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let log = died_with_machine(folder.path(), 60, true);
    damage(&log.path, log.of(59) + 8);
    let before = std::fs::read(&log.path).unwrap();
    let (error, text) = refusal(folder.path());
    let offset = log.of(59);
    assert!(matches!(&error, OpenError::Recovery(source) if matches!(**source,
        ReadError::Record { source, .. } if source.offset == offset && source.sequence == 59)));
    assert!(text.contains(&format!("offset {offset}")), "{text}");
    assert_eq!(std::fs::read(&log.path).unwrap(), before);
    refusal(folder.path());
}

#[test]
fn without_checksums_a_power_loss_cuts_at_the_watermark() {
    let folder = tempfile::tempdir().unwrap();
    died_with_machine(folder.path(), 42, false);
    goes_on_after(folder.path(), 42);
}

#[test]
fn a_segment_of_which_nothing_is_valid_is_kept_under_another_name() {
    let folder = tempfile::tempdir().unwrap();
    let log = died_with_machine(folder.path(), 0, true);
    damage(&log.path, 64 + 8);
    goes_on_after(folder.path(), 0);
    let aside = LogReader::open(folder.path()).unwrap().foreign().to_vec();
    assert_eq!(aside.len(), 1, "{aside:?}");
    assert_eq!(std::fs::metadata(&aside[0]).unwrap().len(), 1 << 16);
}

#[test]
fn damage_after_a_killed_writer_is_refused_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = LogWriter::options().segment_bytes(1 << 16).open(folder.path()).unwrap();
    write(&mut writer, 0..50);
    writer.close().unwrap();
    let log = Offsets { path: segments(folder.path()).pop().unwrap() };
    unseal(&log.path, 64);
    damage(&log.path, log.of(49) + 8);
    let (_, text) = refusal(folder.path());
    assert!(text.contains(&format!("offset {}", log.of(49))), "{text}");
}

#[test]
fn an_empty_segment_of_a_dead_writer_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = LogWriter::open(folder.path()).unwrap();
    write(&mut writer, 0..3);
    let position = writer.position();
    writer.close().unwrap();
    let path = folder.path().join(format!("{:020}.evtl", 3));
    for _ in 0..3 {
        drop(MmapWriter::options().base(3, position).create_new(&path, 4096).unwrap());
        unseal(&path, 64);
        // Not needed either, it goes again.
        drop(LogWriter::open(folder.path()).unwrap());
        assert!(!path.exists());
    }
    let mut writer = LogWriter::open(folder.path()).unwrap();
    assert_eq!((writer.next_sequence(), writer.position()), (3, position));
    write(&mut writer, 3..5);
    writer.close().unwrap();
    assert_eq!(segments(folder.path()).len(), 2);
    assert_holds(folder.path(), 0..5);
}

#[test]
fn a_gap_that_a_recovery_did_not_come_to_store_is_stored_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let log = died_with_machine(folder.path(), 0, true);
    // As it is when a recovery has sealed the old segment and is killed then.
    drop(LogWriter::open(folder.path()).unwrap());
    std::fs::remove_file(segments(folder.path()).pop().unwrap()).unwrap();
    assert!(log.header().has(file_flags::SEALED) && !log.header().has(file_flags::CLEAN));
    pretend_other_boot(folder.path());
    set_open(folder.path());
    let found_gap = |folder: &Path| {
        drop(LogWriter::open(folder).unwrap());
        read(folder).pop().unwrap().gap()
    };
    assert_eq!(found_gap(folder.path()), Some(RECOVERY_GAP));
}

#[test]
fn a_gap_that_an_empty_segment_leaves_unsaid_is_stored_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    died_with_machine(folder.path(), 0, true);
    drop(LogWriter::open(folder.path()).unwrap());
    set_open(folder.path());
    // As it is when the writer is killed between creating its segment and storing the GAP record.
    let last = segments(folder.path()).pop().unwrap();
    std::fs::remove_file(&last).unwrap();
    let options = MmapWriter::options().base(100, (1 << 16) - 64);
    drop(options.create_new(&last, 4096).unwrap());
    unseal(&last, 64);
    let writer = LogWriter::open(folder.path()).unwrap();
    assert_eq!((writer.first_sequence(), writer.position()), (100, (1 << 16) - 64));
    drop(writer);
    assert_eq!(read(folder.path()).pop().unwrap().gap(), Some(RECOVERY_GAP));
}

#[test]
fn a_log_without_its_writer_file_is_taken_as_from_another_boot() {
    let folder = tempfile::tempdir().unwrap();
    let log = died_with_machine(folder.path(), 10, true);
    std::fs::remove_file(folder.path().join("writer")).unwrap();
    damage(&log.path, log.of(70));
    goes_on_after(folder.path(), 70);
}

#[test]
fn a_recovery_that_was_refused_leaves_the_next_one_in_the_same_doubt() {
    let folder = tempfile::tempdir().unwrap();
    let log = died_with_machine(folder.path(), 10, true);
    std::fs::remove_file(folder.path().join("writer")).unwrap();
    damage(&log.path, log.of(70));
    damage(&log.path, log.of(5) + 8);
    refusal(folder.path());
    // Below the watermark it is whole again. Nobody knows any better than before what stands above it.
    damage(&log.path, log.of(5) + 8);
    goes_on_after(folder.path(), 70);
}

#[test]
fn records_behind_the_point_where_the_log_went_on_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let log = died_with_machine(folder.path(), 0, true);
    // The next segment as a writer makes it that finds 40 of the records already stored elsewhere.
    let next = folder.path().join(format!("{:020}.evtl", 40));
    let options = MmapWriter::options().base(40, log.of(40) - 64);
    let mut writer = options.create_new(next, 4096).unwrap();
    let (header, payload) = event(40);
    writer.write_event(&header, &payload).unwrap();
    writer.close().unwrap();
    assert_holds(folder.path(), 0..41);
    let reader = LogReader::open(folder.path()).unwrap();
    assert_eq!(reader.events_from(39).count(), 2);
}

#[test]
fn a_first_writer_that_died_before_its_first_event_leaves_no_doubt() {
    let folder = tempfile::tempdir().unwrap();
    let opened = LogWriter::options().segment_bytes(4095).open(folder.path());
    assert!(matches!(opened, Err(OpenError::Create(_))));
    // As far as it may have come.
    let path = folder.path().join(format!("{:020}.evtl", 0));
    drop(MmapWriter::options().base(0, 0).create_new(&path, 4096).unwrap());
    unseal(&path, 64);
    let writer = LogWriter::open(folder.path()).unwrap();
    let report = writer.recovery();
    assert_eq!((report.last_end, report.has_loss, report.next_sequence), (LastEnd::Killed, false, 0));
    assert_eq!((writer.next_sequence(), writer.position()), (0, 0));
}

#[test]
fn a_folder_without_segments_is_a_new_log_whatever_its_writer_file_says() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let writer = LogWriter::open(folder.path()).unwrap();
        assert_eq!((writer.recovery().last_end, writer.recovery().has_loss), (LastEnd::New, false));
        writer.close().unwrap();
        assert!(folder.path().join("writer").exists() && LogReader::open(folder.path()).is_err());
    }
}

/// A log of so many events and two files that both begin with the sequence behind them: one with the name of a
/// segment, one with the name that it has while it is prepared. Each holds so many events.
fn twins(folder: &Path, before: u64, named: u64, prepared: u64) -> [std::path::PathBuf; 2] {
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
fn behind_a_torn_segment_only_what_was_not_promised_is_put_aside() {
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
    // It had not.
    patch(last, 32, &64_u64.to_le_bytes());
    let writer = LogWriter::open(folder.path()).unwrap();
    assert_eq!((writer.first_sequence(), writer.recovery().has_loss), (0, true));
    drop(writer);
    assert_eq!(read(folder.path()).pop().unwrap().gap(), Some(RECOVERY_GAP));
    assert_eq!(LogReader::open(folder.path()).unwrap().foreign().len(), all.len());
}

/// What recovery says that it did with the file of this name.
fn action_on(writer: &LogWriter, path: &Path) -> RecoveryAction {
    let told = writer.recovery().segments.iter().find(|told| told.path == path);
    told.unwrap_or_else(|| panic!("{}", writer.recovery())).action.clone()
}

#[test]
fn an_empty_segment_is_deleted_unless_something_stands_in_it() {
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
            assert_eq!(action_on(&writer, &first), RecoveryAction::Kept);
            let action = action_on(&writer, &named);
            drop(writer);
            let foreign = LogReader::open(folder.path()).unwrap().foreign().to_vec();
            // A writer whose stores are all there says itself how far it had come.
            if is_machine_lost && !stored.is_empty() {
                assert_eq!(
                    vec![action],
                    foreign.into_iter().map(RecoveryAction::SetAside).collect::<Vec<_>>()
                );
            } else {
                assert_eq!((action, foreign), (RecoveryAction::Deleted, vec![]));
            }
        }
    }
}

#[test]
fn a_segment_that_counts_records_is_kept_also_where_its_first_one_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let log = died_with_machine(folder.path(), 0, true);
    patch(&log.path, 64, &[0; 16]);
    goes_on_after(folder.path(), 0);
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
    let [told] = &writer.recovery().segments[..] else { panic!("{}", writer.recovery()) };
    assert_eq!((&told.path, &told.action), (&log.path, &RecoveryAction::Sealed));
    assert_eq!((told.first_sequence, told.next_sequence), (0, 57));
    assert_eq!((told.end_offset, told.cut_bytes), (log.of(57), log.of(100) - log.of(57)));
}

#[test]
fn after_a_power_loss_a_count_that_the_bytes_contradict_is_put_right() {
    for count in [99_u64, 101] {
        let folder = tempfile::tempdir().unwrap();
        let log = died_with_machine(folder.path(), 20, true);
        patch(&log.path, 16, &count.to_le_bytes());
        let flags = std::fs::read(&log.path).unwrap()[56];
        patch(&log.path, 56, &[flags | 0b1000]);
        goes_on_after(folder.path(), 100);
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
fn a_closed_segment_without_records_says_where_the_log_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("{:020}.evtl", 7));
    MmapWriter::options().base(7, 1000).create_new(&path, 4096).unwrap().close().unwrap();
    // Nothing else says it, so whoever writes nothing leaves one, too.
    for _ in 0..3 {
        let writer = LogWriter::open(folder.path()).unwrap();
        assert_eq!((writer.next_sequence(), writer.position()), (7, 1000));
        assert!(!writer.recovery().has_loss);
        writer.close().unwrap();
    }
}
