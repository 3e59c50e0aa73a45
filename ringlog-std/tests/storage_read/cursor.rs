//! Cursors beside followers: at least once, whatever happens in between.

use ringlog::storage::{Cursor, CursorError, LogFollower, LogReader, LogWriter, Retention, cursors_of};

use super::support::{Random, assert_follows, assert_is, log_of, segments, write};

#[test]
fn a_reader_that_dies_anywhere_gets_everything_at_least_once_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 0..600);
    let mut random = Random(7);
    let mut seen = Vec::new();
    for life in 0.. {
        let mut cursor = Cursor::open(folder.path(), "worker").unwrap();
        assert_eq!(cursor.position(), cursor.committed_position());
        let mut follower = LogFollower::open_at(folder.path(), cursor.position()).unwrap();
        assert!(cursor.position() <= seen.len() as u64, "nothing is left out");
        seen.truncate(cursor.position() as usize);
        let dies_after = random.below(40);
        for step in 0..dies_after {
            let Some(event) = follower.next_event().unwrap() else { break };
            assert_is(&event, seen.len() as u64);
            seen.push(event.sequence);
            cursor.advance(event.sequence + 1).unwrap();
            if step % 7 == 6 {
                cursor.commit().unwrap();
                assert_eq!(cursor.committed_position(), seen.len() as u64);
            }
        }
        // It dies here: between an advance and its commit, nearly always.
        if seen.len() == 600 {
            assert!(life > 10);
            break;
        }
    }
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
    assert!(oldest > 0 && audit.position() == oldest);
    billing.advance(oldest + 9).unwrap();
    assert_eq!(cursors_of(folder.path()).unwrap()[1].next_sequence, oldest, "not before it is stored");
    billing.commit().unwrap();
    audit.commit().unwrap();
    let found: Vec<(String, u64)> =
        cursors_of(folder.path()).unwrap().into_iter().map(|it| (it.name, it.next_sequence)).collect();
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
    // The old one still has its lock, on a file that has no name any more.
    assert_eq!(Cursor::open(folder.path(), "a").unwrap().position(), 0);
    let missing = folder.path().join("missing");
    assert!(matches!(Cursor::open(missing, "a"), Err(CursorError::Io { .. })));
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
    let mut follower = LogFollower::open_at(folder.path(), cursor.position()).unwrap();
    assert_follows(&mut follower, 300..1200);

    std::fs::remove_file(cursor.path()).unwrap();
    let mut writer = options.open(folder.path()).unwrap();
    write(&mut writer, 1200..1800);
    writer.close().unwrap();
    assert!(LogReader::open(folder.path()).unwrap().first_sequence() > 1000);
}
