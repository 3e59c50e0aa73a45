//! Rolls of a writer, with the workers' steps taken one by one.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ringlog_nostd::format::{FILE_HEADER_LEN, encode};
use ringlog_nostd::{Gap, GapReason, Run};

use crate::os::platform::Linux;
use crate::storage::error::SyncError;
use crate::storage::log::roll::*;
use crate::storage::maintenance::policies::SyncPolicy;
use crate::storage::read::mapped::log_reader::LogReader;
use crate::storage::tests::single_step::{self, STRIDE, write};

fn alone(folder: &Path, sync: SyncPolicy) -> LogWriter {
    single_step::alone(folder, LogWriter::options().segment_bytes(4096).sync(sync))
}

const RARELY: SyncPolicy = SyncPolicy::EveryBytes(1 << 20);

#[test]
fn an_empty_segment_after_one_that_is_not_finished_goes_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = alone(folder.path(), RARELY);
    write(&mut writer, 0).unwrap();
    writer.roll().unwrap();
    assert_eq!((writer.maintenance.open_segments(), writer.maintenance.published_position()), (2, 24));
    assert_eq!(writer.durable_position(), 0);
    writer.close().unwrap();
    assert_eq!(LogReader::open(folder.path()).unwrap().segments().len(), 1);
}

#[test]
fn no_segment_is_prepared_that_the_limit_leaves_unused() {
    const RECORDS: u64 = 4096 - 64;
    let day = Some(Duration::from_secs(86_400));
    let cases = [(Some(RECORDS), None, false), (Some(RECORDS + 8), None, true), (None, None, true)];
    for (most, age, expected) in cases.into_iter().chain([(Some(RECORDS), day, true)]) {
        let folder = tempfile::tempdir().unwrap();
        let options = LogWriter::options().segment_bytes(4096).max_bytes(most).roll_after(age);
        let mut writer = single_step::alone(folder.path(), options);
        // A sixteenth of the segment triggers the next one.
        for number in 0..8 {
            assert!(!writer.maintenance.spare_step(false).unwrap());
            write(&mut writer, number).unwrap();
        }
        assert_eq!(writer.maintenance.spare_step(false).unwrap(), expected, "{most:?} {age:?}");
        writer.close().unwrap();
    }
}

#[test]
fn only_where_nothing_is_synced_full_segments_are_set_down_as_they_are() {
    for (policy, open) in [(SyncPolicy::Never, 1), (RARELY, 2)] {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = alone(folder.path(), policy);
        write(&mut writer, 0).unwrap();
        writer.roll().unwrap();
        writer.maintenance.spare_step(false).unwrap();
        assert_eq!(writer.maintenance.open_segments(), open, "{policy:?}");
        writer.close().unwrap();
    }
}

/// The writer has begun two segments since names were given: one that was ready, and one that became ready meanwhile.
#[test]
fn a_segment_is_not_set_down_without_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = alone(folder.path(), SyncPolicy::Never);
    for number in 0..2 {
        write(&mut writer, number).unwrap();
        let next = SpareSegment::fresh(&Linux, folder.path(), 4096, 0).unwrap();
        writer.begin(next);
    }
    writer.maintenance.syncs.close_without_sync().unwrap();
    assert_eq!(writer.maintenance.open_segments(), 1);
    writer.close().unwrap();
    let mut numbers = Vec::new();
    LogReader::open(folder.path()).unwrap().replay(|event| numbers.push(event.header.timestamp)).unwrap();
    assert_eq!(numbers, [0, 1]);
}

#[test]
fn what_poisoned_the_log_is_reported_once_and_nothing_is_taken_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = alone(folder.path(), RARELY);
    write(&mut writer, 0).unwrap();
    for text in ["first", "second"] {
        let source = std::io::Error::other(text);
        writer.maintenance.note_sync_error(SyncError::Folder {
            path: folder.path().into(),
            action: "sync",
            source,
        });
    }
    assert!(writer.maintenance.is_poisoned());
    let error = writer.sync().unwrap_err();
    assert!(matches!(&error, SyncError::Folder { source, .. } if source.to_string() == "first"), "{error}");
    assert!(matches!(writer.sync(), Err(SyncError::Poisoned { .. })));
    assert!(matches!(write(&mut writer, 1), Err(AppendError::Poisoned { .. })));
    assert!(matches!(writer.roll(), Err(AppendError::Poisoned { .. })));
    assert!(writer.close().is_err());
}

#[test]
fn a_segment_is_filled_to_its_last_byte() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = alone(folder.path(), RARELY);
    let room = (4096 - FILE_HEADER_LEN as u64) / STRIDE;
    for number in 0..room {
        write(&mut writer, number).unwrap();
    }
    assert_eq!((room * STRIDE + FILE_HEADER_LEN as u64, writer.full_segments), (4096, 0));
    write(&mut writer, room).unwrap();
    assert_eq!((writer.full_segments, writer.active.base().sequence), (1, room));
    writer.close().unwrap();
}

#[test]
fn a_segment_that_has_reached_its_age_takes_nothing_more_although_it_has_room() {
    let folder = tempfile::tempdir().unwrap();
    let options = LogWriter::options().segment_bytes(4096).sync(RARELY).roll_after(Some(Duration::ZERO));
    let mut writer = single_step::alone(folder.path(), options);
    write(&mut writer, 0).unwrap();
    write(&mut writer, 1).unwrap();
    writer.maintenance.pages_step();
    write(&mut writer, 2).unwrap();
    assert_eq!((writer.full_segments, writer.active.base().sequence), (1, 2));
    writer.close().unwrap();
}

#[test]
fn a_roll_that_has_to_wait_for_the_next_segment_is_a_stall() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = alone(folder.path(), RARELY);
    for (is_ready, stalls) in [(false, 1), (true, 1), (false, 2)] {
        write(&mut writer, 0).unwrap();
        if is_ready {
            assert!(writer.maintenance.spare_step(true).unwrap());
        }
        writer.roll().unwrap();
        assert_eq!(writer.summary().stalls, stalls);
    }
    writer.close().unwrap();
}

#[test]
fn a_gap_record_of_the_logs_side_in_a_run_begins_a_segment() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = alone(folder.path(), RARELY);
    let gap = Gap { log_side: true, ..Gap::new(GapReason::RecoveryCut, 7) };
    let mut bytes = vec![0; 4 * STRIDE as usize + 32];
    let (mut at, mut number) = (0, 0_u64);
    for is_gap in [false, false, true, false, false] {
        let (header, payload) = if is_gap {
            (Gap::header(5), gap.to_payload().to_vec())
        } else {
            (EventHeader::new(number, 0, 8), number.to_le_bytes().to_vec())
        };
        at += encode(&mut bytes[at..], &header, &payload).unwrap();
        number += u64::from(!is_gap);
    }
    let mut run = Run::new(&bytes).unwrap();
    writer.append_run(&mut run).unwrap();
    assert!(run.is_done());
    assert_eq!((writer.full_segments, writer.active.base().sequence, writer.position()), (1, 2, 4 * STRIDE));
    writer.sync().unwrap();
    assert_eq!(writer.durable_position(), 4 * STRIDE);
    writer.close().unwrap();
    let mut found = Vec::new();
    let reader = LogReader::open(folder.path()).unwrap();
    reader.replay(|event| found.push((event.header.timestamp, event.gap()))).unwrap();
    assert_eq!(found, [(0, None), (1, None), (5, Some(gap)), (2, None), (3, None)]);
    assert_eq!(reader.segments().len(), 2);
}

/// How many segments may be open in the test below: 15 that wait, and the active one.
const MAX_OPEN_SEGMENTS: usize = 16;

/// Returns the stalls of a roll that finds as many segments unsynced as there may be, if the disk reaches them after
/// a pause.
fn stalls_at_a_slow_disk(pause: Duration) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let options = LogWriter::options().segment_bytes(4096).sync(RARELY).max_unsynced_bytes(15 * 4096 + 4095);
    let mut writer = LogWriter::open_at(folder.path(), options, Arc::new(Linux), true).unwrap();
    let maintenance = Arc::clone(&writer.maintenance);
    let disk = maintenance.syncs.hold();
    let stalls = thread::scope(|scope| {
        let rolls = scope.spawn(|| {
            for number in 0..MAX_OPEN_SEGMENTS as u64 - 1 {
                write(&mut writer, number).unwrap();
                writer.roll().unwrap();
            }
            writer.maintenance.spare_step(true).unwrap();
            write(&mut writer, MAX_OPEN_SEGMENTS as u64 - 1).unwrap();
            let before = writer.stalls;
            writer.roll().unwrap();
            writer.stalls - before
        });
        while maintenance.open_segments() < MAX_OPEN_SEGMENTS && !rolls.is_finished() {
            thread::yield_now();
        }
        thread::sleep(pause);
        assert_eq!(maintenance.open_segments(), MAX_OPEN_SEGMENTS);
        drop(disk);
        rolls.join().unwrap()
    });
    writer.close().unwrap();
    stalls
}

#[test]
fn where_the_disk_cannot_keep_up_the_writer_waits_which_is_one_stall() {
    // On a busy machine the writer may reach the roll after the disk does.
    let has_waited = [50, 500, 5000].into_iter().any(|pause| {
        let stalls = stalls_at_a_slow_disk(Duration::from_millis(pause));
        assert!(stalls <= 1, "{stalls}");
        stalls == 1
    });
    assert!(has_waited);
}

#[test]
fn an_attempt_that_began_before_there_was_room_fails_no_append() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = LogWriter::options().segment_bytes(4096).open(folder.path()).unwrap();
    let (begun, has_begun) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        let maintenance = std::sync::Arc::clone(&writer.maintenance);
        scope.spawn(move || single_step::fail_an_earlier_attempt(&maintenance, || begun.send(()).unwrap()));
        has_begun.recv().unwrap();
        for number in 0..200 {
            write(&mut writer, number).unwrap();
        }
    });
    writer.close().unwrap();
    assert_eq!(LogReader::open(folder.path()).unwrap().next_sequence(), 200);
}
