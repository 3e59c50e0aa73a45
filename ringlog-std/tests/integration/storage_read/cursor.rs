//! Cursors with followers: each event is handled at least once, no matter what happens in between.

use std::path::Path;

use ringlog::storage::{
    Cursor, CursorError, LogReader, LogWriter, OpenError, ReadError, Retention, WriterFile,
};

use super::support::{assert_follows, assert_is, log_of, segments, write, writer};
use crate::dice::Dice;

#[test]
fn a_reader_that_dies_anywhere_gets_everything_at_least_once_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 0..600);
    let mut random = Dice(7);
    let mut seen = Vec::new();
    for life in 0.. {
        let mut cursor = Cursor::open(folder.path(), "worker").unwrap();
        assert_eq!(cursor.next_sequence(), cursor.committed_sequence());
        let mut follower = cursor.follow().unwrap();
        assert!(cursor.next_sequence() <= seen.len() as u64, "nothing is left out");
        seen.truncate(cursor.next_sequence() as usize);
        let dies_after = random.below(40);
        for step in 0..dies_after {
            let Some(event) = follower.next_event().unwrap() else { break };
            assert_is(&event, seen.len() as u64);
            seen.push(event.sequence);
            cursor.advance(event.sequence + 1).unwrap();
            if step % 7 == 6 {
                cursor.commit().unwrap();
                assert_eq!(cursor.committed_sequence(), seen.len() as u64);
            }
        }
        // The reader dies here, nearly always between an advance and its commit.
        if seen.len() == 600 {
            assert!(life > 10);
            break;
        }
    }
}

fn remove_segments(folder: &Path) {
    segments(folder).into_iter().for_each(|(_, path)| std::fs::remove_file(path).unwrap());
}

/// Removes a log's records from `end` on, as a loss of power does. Its identity stays.
fn lose_from(folder: &Path, end: u64) {
    remove_segments(folder);
    let said = std::fs::read_to_string(folder.join("writer")).unwrap();
    let identity = said.lines().find(|line| line.starts_with("log_identity: ")).unwrap();
    // As in a log that was never closed, and whose machine stopped before it had a segment.
    let text = format!("pid: 1\nboot_id: \n{identity}\nring_identity: 0\nstate: open\n");
    let checksum = crc(text.as_bytes());
    std::fs::write(folder.join("writer"), format!("{text}checksum: {checksum:08x}\n")).unwrap();
    log_of(folder, 0..end);
}

fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0x82F6_3B78 & (crc & 1).wrapping_neg()))
    }) ^ !0
}

/// Deletes the log, and begins another one in its folder. The cursors stay.
fn begin_anew(folder: &Path, numbers: std::ops::Range<u64>) {
    remove_segments(folder);
    std::fs::remove_file(folder.join("writer")).unwrap();
    log_of(folder, numbers);
}

fn committed(folder: &Path, next_sequence: u64) -> Cursor {
    let mut cursor = Cursor::open(folder, "worker").unwrap();
    cursor.advance(next_sequence).unwrap();
    cursor.commit().unwrap();
    cursor
}

#[track_caller]
fn assert_is_of_another_log(error: CursorError, cursor: &Path, at: u64) {
    let said = error.to_string();
    assert!(
        matches!(&error, CursorError::OtherLog { path, next_sequence, .. }
            if path == cursor && *next_sequence == at),
        "{error:?}"
    );
    assert!(said.contains("delete this file") && said.contains(&format!("--from-seq {at}")), "{said}");
}

#[test]
fn a_cursor_is_refused_by_a_log_that_was_begun_anew_in_the_same_folder() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 0..300);
    let cursor = committed(folder.path(), 200);
    let path = cursor.path().to_owned();
    begin_anew(folder.path(), 0..500);
    // The same for a cursor that was open meanwhile.
    assert_is_of_another_log(cursor.follow().unwrap_err(), &path, 200);
    drop(cursor);
    let before = std::fs::read(&path).unwrap();
    assert_is_of_another_log(Cursor::open(folder.path(), "worker").unwrap_err(), &path, 200);
    assert!(std::fs::read(&path).unwrap() == before, "a refused cursor is left as it was");
    assert_eq!(writer(folder.path()).recovery().cursors_ahead, [], "it says nothing of this log");

    std::fs::remove_file(&path).unwrap();
    let cursor = Cursor::open(folder.path(), "worker").unwrap();
    assert_follows(&mut cursor.follow().unwrap(), 0..500);
}

#[test]
fn cursors_ahead_of_a_log_that_was_begun_anew_are_not_of_that_log() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 0..300);
    drop(committed(folder.path(), 200));
    begin_anew(folder.path(), 0..50);
    assert_eq!(writer(folder.path()).recovery().cursors_ahead, []);
}

#[test]
fn a_copied_log_takes_its_cursors_along() {
    let (folder, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    log_of(folder.path(), 0..300);
    drop(committed(folder.path(), 200));
    let from = folder.path().join(".");
    let copied = std::process::Command::new("cp").arg("-r").args([&from, copy.path()]).status().unwrap();
    assert!(copied.success());
    let mut writer = writer(copy.path());
    write(&mut writer, 300..310);
    let cursor = Cursor::open(copy.path(), "worker").unwrap();
    assert_follows(&mut cursor.follow().unwrap(), 200..310);
}

/// Checks that a log without an identity counts as the cursor's. With a new one it is refused, and the error
/// says how to continue.
fn loses_its_identity(change: impl Fn(&Path)) {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 0..300);
    let cursor = committed(folder.path(), 200);
    let path = cursor.path().to_owned();
    drop(cursor);
    change(&folder.path().join("writer"));
    let mut cursor = Cursor::open(folder.path(), "worker").unwrap();
    assert_follows(&mut cursor.follow().unwrap(), 200..300);
    cursor.advance(250).unwrap();
    cursor.commit().unwrap();
    drop(cursor);
    writer(folder.path()).close().unwrap();
    assert_is_of_another_log(Cursor::open(folder.path(), "worker").unwrap_err(), &path, 250);
    std::fs::remove_file(&path).unwrap();
    let cursor = committed(folder.path(), 250);
    assert_follows(&mut cursor.follow().unwrap(), 250..300);
}

#[test]
fn a_log_whose_writer_file_is_missing_is_taken_for_the_cursors_until_it_has_another_identity() {
    loses_its_identity(|path| std::fs::remove_file(path).unwrap());
}

#[test]
fn a_log_whose_writer_file_is_damaged_is_taken_for_the_cursors_until_it_has_another_identity() {
    loses_its_identity(|path| {
        let mut bytes = std::fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(path, bytes).unwrap();
    });
}

#[test]
fn a_cursor_that_is_older_than_its_log_learns_which_one_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut cursor = Cursor::open(folder.path(), "worker").unwrap();
    assert_eq!(Cursor::list(folder.path()).unwrap()[0].log_identity, None);
    log_of(folder.path(), 0..300);
    cursor.advance(100).unwrap();
    cursor.commit().unwrap();
    let path = cursor.path().to_owned();
    drop(cursor);
    let identity = WriterFile::of(folder.path()).identity;
    assert!(identity.is_some() && Cursor::list(folder.path()).unwrap()[0].log_identity == identity);
    begin_anew(folder.path(), 0..300);
    assert_is_of_another_log(Cursor::open(folder.path(), "worker").unwrap_err(), &path, 100);
}

#[test]
fn a_cursor_file_without_an_identity_is_read_and_gets_one() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 0..300);
    let cursor = committed(folder.path(), 200);
    let path = cursor.path().to_owned();
    drop(cursor);
    let mut bytes = std::fs::read(&path).unwrap();
    for slot in [0, 4096] {
        bytes[slot + 40..slot + 56].fill(0);
        let checksum = crc(&bytes[slot..slot + 60]);
        bytes[slot + 60..slot + 64].copy_from_slice(&checksum.to_le_bytes());
    }
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(Cursor::list(folder.path()).unwrap()[0].log_identity, None);
    assert_eq!(Cursor::open(folder.path(), "worker").unwrap().next_sequence(), 200);
    begin_anew(folder.path(), 0..300);
    assert_is_of_another_log(Cursor::open(folder.path(), "worker").unwrap_err(), &path, 200);
}

#[test]
fn a_cursor_ahead_of_its_log_says_what_was_lost_and_continues_there() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 0..300);
    let mut cursor = Cursor::open(folder.path(), "worker").unwrap();
    for (end, read) in [(250, 300), (0, 7), (170, 171)] {
        cursor.go_to(read);
        cursor.commit().unwrap();
        lose_from(folder.path(), end);
        let error = cursor.follow().unwrap_err();
        assert!(
            matches!(&error, CursorError::Ahead { path, next_sequence, end: found }
                if path == cursor.path() && (*next_sequence, *found) == (read, end)),
            "{error:?}"
        );
        let said = error.to_string();
        assert!(said.contains(&format!("records {end} to {} were read", read - 1)), "{said}");
        cursor.go_to(end);
        let mut follower = cursor.follow().unwrap();
        assert!(follower.next_event().unwrap().is_none());
        let mut writer = writer(folder.path());
        // The cursor's file is not rewound yet.
        let ahead = &writer.recovery().cursors_ahead;
        assert_eq!(
            ahead.iter().map(|it| (&*it.name, it.next_sequence)).collect::<Vec<_>>(),
            [("worker", read)]
        );
        let expected = format!("cursor worker: its reader has read records {end} to {}", read - 1);
        assert!(writer.recovery().to_string().contains(&expected), "{}", writer.recovery());
        write(&mut writer, end..end + 9);
        assert_follows(&mut follower, end..end + 9);
        // The end of a log that is being written is counted.
        cursor.advance(end + 9).unwrap();
        let mut follower = cursor.follow().unwrap();
        cursor.advance(end + 10).unwrap();
        assert!(matches!(cursor.follow(), Err(CursorError::Ahead { .. })));
        write(&mut writer, end + 9..end + 10);
        assert_follows(&mut follower, end + 9..end + 10);
        drop(follower);
        writer.close().unwrap();
        cursor.commit().unwrap();
        assert_eq!(LogWriter::open(folder.path()).unwrap().recovery().cursors_ahead, []);
    }
}

#[test]
fn a_log_whose_end_cannot_be_read_is_no_log_that_lost_it() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 0..300);
    let cursor = Cursor::open(folder.path(), "worker").unwrap();
    let (_, last) = segments(folder.path()).pop().unwrap();
    std::fs::write(&last, "no segment").unwrap();
    let error = cursor.follow().unwrap_err();
    assert!(matches!(error, CursorError::Log(_)), "{error:?}");
    assert!(error.to_string().contains(last.to_str().unwrap()), "{error}");
}

#[test]
fn a_new_cursor_is_at_the_oldest_record_and_all_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 0..500);
    for (_, path) in segments(folder.path()).into_iter().take(2) {
        std::fs::remove_file(path).unwrap();
    }
    let oldest = LogReader::open(folder.path()).unwrap().first_sequence();
    let mut audit = Cursor::open(folder.path(), "audit").unwrap();
    let mut billing = Cursor::open(folder.path(), "billing").unwrap();
    assert!(oldest > 0 && audit.next_sequence() == oldest);
    billing.advance(oldest + 9).unwrap();
    assert_eq!(Cursor::list(folder.path()).unwrap()[1].next_sequence, oldest, "not before it is stored");
    billing.commit().unwrap();
    audit.commit().unwrap();
    let found: Vec<(String, u64)> =
        Cursor::list(folder.path()).unwrap().into_iter().map(|it| (it.name, it.next_sequence)).collect();
    assert_eq!(found, [("audit".to_owned(), oldest), ("billing".to_owned(), oldest + 9)]);
    assert!(LogReader::open(folder.path()).unwrap().foreign().is_empty(), "cursors are no strangers");
}

#[test]
fn a_deleted_cursor_starts_again_and_a_missing_folder_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut cursor = Cursor::open(folder.path(), "a").unwrap();
    cursor.advance(5).unwrap();
    cursor.commit().unwrap();
    std::fs::remove_file(cursor.path()).unwrap();
    // The old cursor still has its lock, on a file that has no name any more.
    assert_eq!(Cursor::open(folder.path(), "a").unwrap().next_sequence(), 0);
    let missing = folder.path().join("missing");
    let Err(CursorError::Log(ReadError::Segment(error))) = Cursor::open(&missing, "a") else {
        panic!("there is a log")
    };
    assert!(matches!(*error, OpenError::NoLog { path } if path == missing));
    std::fs::create_dir(&missing).unwrap();
    let cursor = Cursor::open(&missing, "a").unwrap();
    let writer = writer(&missing);
    assert_eq!(cursor.follow().unwrap().next_sequence(), 0);
    writer.close().unwrap();
}

#[test]
fn retention_spares_what_a_cursor_still_needs() {
    let folder = tempfile::tempdir().unwrap();
    let few = Retention { max_segments: Some(3), ..Retention::default() };
    let options = LogWriter::options().segment_bytes(4096).retention(few);
    let mut cursor = Cursor::open(folder.path(), "slow").unwrap();
    let mut writer = options.open(folder.path()).unwrap();
    write(&mut writer, 0..600);
    writer.close().unwrap();
    assert_eq!(LogReader::open(folder.path()).unwrap().first_sequence(), 0);

    cursor.advance(300).unwrap();
    cursor.commit().unwrap();
    let mut writer = options.open(folder.path()).unwrap();
    write(&mut writer, 600..1200);
    writer.close().unwrap();
    let first = LogReader::open(folder.path()).unwrap().first_sequence();
    assert!((1..=300).contains(&first), "{first}");
    assert_follows(&mut cursor.follow().unwrap(), 300..1200);

    std::fs::remove_file(cursor.path()).unwrap();
    let mut writer = options.open(folder.path()).unwrap();
    write(&mut writer, 1200..1800);
    writer.close().unwrap();
    assert!(LogReader::open(folder.path()).unwrap().first_sequence() > 1000);
}

#[test]
fn a_cursor_of_another_log_holds_nothing_back_and_is_reported_until_it_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 0..300);
    let cursor = committed(folder.path(), 5);
    let path = cursor.path().to_owned();
    drop(cursor);
    begin_anew(folder.path(), 0..1);
    let few = Retention { max_segments: Some(3), ..Retention::default() };
    let options = LogWriter::options().segment_bytes(4096).retention(few);
    let mut writer = options.open(folder.path()).unwrap();
    let report = writer.recovery().clone();
    let mut others = Cursor::list(folder.path()).unwrap();
    others.retain(|it| it.is_of_another_log(Some(writer.identity())));
    assert_eq!(report.cursors_of_other_logs, others);
    assert!(report.is_notable() && report.cursors_of_other_logs[0].name == "worker");
    let text = report.to_string();
    assert!(text.contains("cursors/worker: this cursor is at record 5 of another log"), "{text}");
    write(&mut writer, 1..600);
    writer.close().unwrap();
    assert!(LogReader::open(folder.path()).unwrap().first_sequence() > 100);

    // A cursor of this log does, beside it.
    let own = Cursor::open(folder.path(), "own").unwrap();
    let needed = own.next_sequence();
    let mut writer = options.open(folder.path()).unwrap();
    write(&mut writer, 600..1200);
    writer.close().unwrap();
    assert_eq!(LogReader::open(folder.path()).unwrap().first_sequence(), needed);
    assert_follows(&mut own.follow().unwrap(), needed..1200);

    std::fs::remove_file(path).unwrap();
    let report = options.open(folder.path()).unwrap().recovery().clone();
    assert!(report.cursors_of_other_logs.is_empty() && !report.is_notable());
}
