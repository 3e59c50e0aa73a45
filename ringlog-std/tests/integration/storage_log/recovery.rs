//! Writers that died: with their process, or with their machine.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use ringlog::event::{FileHeader, Gap, GapReason, file_flags};
use ringlog::storage::{LastEnd, LogReader, LogScan, LogWriter, MmapWriter, OpenError, ReadError};

use super::support::{
    assert_holds, assert_is, damage, event, open, patch, read, refusal, segments, unseal, write,
};
use crate::writer_file::{pretend_other_boot, set_open};

const CHILD_LOG: &str = "RINGLOG_TEST_CHILD_LOG";
pub(crate) const RECOVERY_GAP: Gap = Gap { log_side: true, ..Gap::new(GapReason::RecoveryCut, 0) };

/// Not a test: with a folder in its environment, it writes there until it is killed.
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
        .args(["--exact", "storage_log::recovery::child_that_writes_until_it_is_killed", "--nocapture"])
        .env(CHILD_LOG, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Kills the child (SIGKILL) once it has printed `reports` numbers of events. Returns the last number that it
/// printed.
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
fn everything_that_a_killed_writer_published_is_there_and_the_log_continues() {
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
fn positions_continue_exactly_after_a_killed_writer() {
    let folder = tempfile::tempdir().unwrap();
    kill_after(start_child(folder.path()), 4);
    let writer = LogWriter::open(folder.path()).unwrap();
    let last = segments(folder.path()).iter().rev().nth(1).unwrap().clone();
    let mut scan = LogScan::open(&last).unwrap();
    while scan.next_event().unwrap().is_some() {}
    assert_eq!(writer.position(), scan.position());
}

/// Makes a log of 100 events in one segment whose writer seems to have died with its machine.
pub(crate) fn died_with_machine(folder: &Path, synced: u64, checksums: bool) -> Offsets {
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

pub(crate) struct Offsets {
    pub(crate) path: std::path::PathBuf,
}

impl Offsets {
    pub(crate) fn of(&self, number: u64) -> u64 {
        64 + (0..number).map(|number| event(number).0.stride() as u64).sum::<u64>()
    }

    pub(crate) fn header(&self) -> FileHeader {
        *LogScan::open(&self.path).unwrap().header()
    }
}

/// Opens the log again, writes one more event, and checks what is there.
pub(crate) fn continues_after(folder: &Path, kept: u64) {
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
        continues_after(folder.path(), kept);
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
        continues_after(folder.path(), 100);
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
    continues_after(folder.path(), 42);
}

#[test]
fn a_segment_of_which_nothing_is_valid_is_kept_under_another_name() {
    let folder = tempfile::tempdir().unwrap();
    let log = died_with_machine(folder.path(), 0, true);
    damage(&log.path, 64 + 8);
    continues_after(folder.path(), 0);
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
    let mut writer = open(folder.path());
    write(&mut writer, 0..3);
    let position = writer.position();
    writer.close().unwrap();
    let path = folder.path().join(format!("{:020}.evtl", 3));
    for _ in 0..3 {
        drop(MmapWriter::options().base(3, position).create_new(&path, 4096).unwrap());
        unseal(&path, 64);
        // It is not needed either, so it is deleted again.
        drop(open(folder.path()));
        assert!(!path.exists());
    }
    let mut writer = open(folder.path());
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
    // The state after a recovery that was killed when it had sealed the old segment.
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
    // The state after a writer that was killed between creating its segment and storing the GAP record.
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
    continues_after(folder.path(), 70);
}

#[test]
fn a_recovery_that_was_refused_leaves_the_next_one_in_the_same_doubt() {
    let folder = tempfile::tempdir().unwrap();
    let log = died_with_machine(folder.path(), 10, true);
    std::fs::remove_file(folder.path().join("writer")).unwrap();
    damage(&log.path, log.of(70));
    damage(&log.path, log.of(5) + 8);
    refusal(folder.path());
    // Below the watermark it is whole again. What was above it is still not known.
    damage(&log.path, log.of(5) + 8);
    continues_after(folder.path(), 70);
}

#[test]
fn records_past_the_point_where_the_log_continued_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let log = died_with_machine(folder.path(), 0, true);
    // The next segment of a writer that found 40 of the records.
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
