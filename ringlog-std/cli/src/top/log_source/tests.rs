//! A log that is written while it is looked at.
#![forbid(unsafe_code)]

use super::*;
use ringlog::event::{EventHeader, Gap, GapReason};
use ringlog::storage::{LogWriter, LogWriterOptions, Retention};

const TIME: Duration = Duration::from_secs(5);

fn options() -> LogWriterOptions {
    LogWriter::options().segment_bytes(4096)
}

fn write(writer: &mut LogWriter, event_type: u8, count: u64, payload: usize) {
    for _ in 0..count {
        let header = EventHeader::new(1, event_type, u16::try_from(payload).unwrap());
        writer.write_event(&header, &vec![b'x'; payload]).unwrap();
    }
}

fn open(path: &Path) -> LogSource {
    LogSource::open(path, Filter::new(), PrintStyle::default()).unwrap()
}

/// Waits until all that was written can be seen: a worker gives the newest file its name.
fn settle(folder: &Path, published: u64) {
    let is_seen = |_| {
        std::thread::sleep(Duration::from_millis(1));
        LogWatermarks::of(folder).is_ok_and(|marks| marks.published >= published)
    };
    assert!((0..5000).any(is_seen), "{:?}", LogWatermarks::of(folder));
}

fn log_of(look: &Look) -> &LogLook {
    look.log.as_ref().unwrap()
}

#[test]
fn what_was_there_is_shown_and_what_comes_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut source = open(folder.path());
    assert_eq!(log_of(&source.look(TIME)).segments, 0, "a folder without a file is no error");
    let mut writer = options().open(folder.path()).unwrap();
    write(&mut writer, 7, 3, 8);
    let first = source.look(TIME);
    assert!(first.is_new_start && first.problems.is_empty(), "{first:?}");
    assert_eq!((first.events.len(), log_of(&first).end_sequence), (3, 3));
    assert!(log_of(&first).read.types.is_empty() && first.events[2].text.contains("xxxxxxxx"));
    write(&mut writer, 7, 4, 8);
    write(&mut writer, 9, 1, 32);
    writer.append_gap(1, Gap::new(GapReason::RingFull, 12)).unwrap();
    let second = source.look(TIME);
    let log = log_of(&second);
    assert_eq!(log.read.types[&7], Tally { events: 4.0, bytes: 4.0 * 24.0 });
    assert_eq!((log.read.types[&9].events, log.read.gaps, log.read.lost), (1.0, 1, 12));
    assert_eq!((log.published, log.durable, log.read.unread_bytes), (7 * 24 + 48 + 32, 0, 0));
    assert!(log.writer.contains("is writing") && log.disk.unwrap().free > 0, "{}", log.writer);
    assert_eq!((second.events.len(), second.events.last().unwrap().is_gap), (6, true));
    writer.close().unwrap();
    let closed = source.look(TIME);
    assert_eq!(
        (log_of(&closed).writer.as_str(), log_of(&closed).durable),
        ("closed at record 9", log.published)
    );
}

#[test]
fn a_filter_and_a_type_choose_events_and_gaps_are_always_shown() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = options().open(folder.path()).unwrap();
    write(&mut writer, 1, 5, 8);
    write(&mut writer, 2, 5, 8);
    let mut source = open(folder.path());
    source.choose(Filter::new(), Some(2));
    assert_eq!(source.look(TIME).events.len(), 5);
    source.choose(Filter::new().event_type(1), None);
    let look = source.look(TIME);
    assert!(look.is_new_start && look.events.len() == 5);
    write(&mut writer, 1, 2, 8);
    write(&mut writer, 2, 2, 8);
    let look = source.look(TIME);
    assert_eq!(log_of(&look).read.types.keys().collect::<Vec<_>>(), [&1]);
    assert_eq!(log_of(&look).end_sequence, 14);
}

#[test]
fn a_reader_that_cannot_keep_up_counts_what_it_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = options().open(folder.path()).unwrap();
    write(&mut writer, 1, 1, 1000);
    let mut source = open(folder.path());
    source.most_unread = 20_000;
    source.look(TIME);
    for _ in 0..500 {
        write(&mut writer, 1, 1, 1000);
        write(&mut writer, 2, 1, 0);
    }
    settle(folder.path(), 1016 + 500 * (1016 + 16));
    let first = source.look(Duration::ZERO);
    let left_out = log_of(&first).read.left_out;
    assert!(left_out > 700, "after one look at the clock it continues with the newest file: {left_out}");
    let look = source.look(TIME);
    let log = log_of(&look);
    assert!(log.read.left_out == left_out && log.read.unread_bytes == 0, "{:?}", log.read);
    let sum: f64 = log.read.types.values().map(|tally| tally.events).sum();
    assert!((sum - 1000.0).abs() < 1e-6, "{:?}", log.read);
}

#[test]
fn records_that_retention_took_are_counted_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let retention = Retention { max_segments: Some(2), ..Retention::default() };
    let mut writer = options().retention(retention).open(folder.path()).unwrap();
    write(&mut writer, 1, 1, 1000);
    let mut source = open(folder.path());
    source.look(TIME);
    write(&mut writer, 1, 100, 1000);
    settle(folder.path(), 101 * 1016);
    let look = source.look(TIME);
    let log = log_of(&look);
    assert!(look.problems.is_empty() && log.read.overtaken > 50, "{look:?}");
    assert!((log.read.types[&1].events - 100.0).abs() < 1e-6, "{:?}", log.read);
}

#[test]
fn damage_is_shown_and_the_newest_file_is_read_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = options().open(folder.path()).unwrap();
    write(&mut writer, 1, 1, 1000);
    let mut source = open(folder.path());
    source.look(TIME);
    write(&mut writer, 1, 20, 1000);
    settle(folder.path(), 21 * 1016);
    let second = LogFiles::open(folder.path()).unwrap().segments[1].path.clone();
    let mut bytes = std::fs::read(&second).unwrap();
    bytes[200] ^= 1;
    std::fs::write(&second, bytes).unwrap();
    let look = source.look(TIME);
    assert!(look.problems.iter().any(|it| it.contains("checksum") && it.contains("left out")), "{look:?}");
    write(&mut writer, 1, 1, 1000);
    settle(folder.path(), 22 * 1016);
    let look = source.look(TIME);
    assert!(look.problems.len() == 1 && look.events.len() > 1, "{look:?}");
    std::fs::write(&second, b"no header").unwrap();
    write(&mut writer, 1, 1, 1000);
    let mut looks = std::iter::repeat_with(|| source.look(TIME)).take(5000);
    let look = looks.find(|look| look.events.len() == 1).expect("the others are still read");
    assert_eq!(look.problems.len(), 2, "{look:?}");
    drop(looks);
    std::fs::remove_dir_all(folder.path()).unwrap();
    let look = source.look(TIME);
    assert!(look.log.is_none() && look.problems.len() == 1, "{look:?}");
}

#[test]
fn cursors_show_what_they_have_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = options().open(folder.path()).unwrap();
    let mut cursor = Cursor::open(folder.path(), "audit").unwrap();
    write(&mut writer, 1, 5, 8);
    cursor.advance(2).unwrap();
    cursor.commit().unwrap();
    let look = open(folder.path()).look(TIME);
    let expected = CursorLook { name: "audit".into(), unread: 3, problem: None };
    assert_eq!(log_of(&look).cursors, [expected]);
}
