//! Published and durable positions, as any reader sees them.

use ringlog::event::{Gap, GapReason};
use ringlog::storage::{LogFollower, LogReader, LogWatermarks, LogWriter};

use super::support::{wait_until_visible, write, writer};

#[test]
fn positions_are_the_writers_across_rolls_and_runs() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(LogWatermarks::of(folder.path()).unwrap(), LogWatermarks::default());
    let mut follower = LogFollower::open(folder.path()).unwrap();
    let mut next = 0;
    for run in 0..4 {
        let mut writer = writer(folder.path());
        for count in [0, 1, 30, 200] {
            write(&mut writer, next..next + count);
            next += count;
            if next > 0 {
                wait_until_visible(folder.path(), next);
            }
            let positions = LogWatermarks::of(folder.path()).unwrap();
            assert_eq!(positions.published, writer.position(), "run {run}");
            assert!(positions.durable <= positions.published);
            writer.sync().unwrap();
            let Ok(reader) = LogReader::open(folder.path()) else {
                assert_eq!(next, 0, "only a log without records has no segment with a name");
                continue;
            };
            let positions = reader.positions().unwrap();
            assert_eq!((positions.published, positions.durable), (writer.position(), writer.position()));
            assert_eq!(reader.next_sequence(), writer.next_sequence());
            assert_eq!(follower.positions().unwrap().durable, writer.position());
        }
        // A log-side GAP begins a segment and takes no position.
        writer.append_gap(5, Gap { log_side: true, ..Gap::new(GapReason::DiskFull, 2) }).unwrap();
        next += 1;
        wait_until_visible(folder.path(), next);
        assert_eq!(LogWatermarks::of(folder.path()).unwrap().published, writer.position());
        let position = writer.position();
        writer.close().unwrap();
        let positions = LogWatermarks::of(folder.path()).unwrap();
        assert_eq!((positions.published, positions.durable), (position, position));
    }
    let mut before = follower.position();
    assert_eq!(before, 0, "nothing was read yet");
    while let Some(event) = follower.next_event().unwrap() {
        let is_log_side = event.gap().is_some_and(|gap| gap.log_side);
        let bytes = if is_log_side { 0 } else { event.header.stride() as u64 };
        assert_eq!(follower.position(), before + bytes);
        before = follower.position();
    }
    assert_eq!(follower.next_sequence(), next);
    assert_eq!(before, follower.positions().unwrap().durable);
}

#[test]
fn what_is_written_after_the_last_sync_is_not_durable() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = LogWriter::open(folder.path()).unwrap();
    write(&mut writer, 0..10);
    writer.sync().unwrap();
    let durable = writer.position();
    write(&mut writer, 10..20);
    let positions = LogWatermarks::of(folder.path()).unwrap();
    assert_eq!((positions.durable, positions.published), (durable, writer.position()));
    assert!(durable < writer.position());
}
