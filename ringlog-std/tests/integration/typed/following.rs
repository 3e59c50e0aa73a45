//! Followers beside a writer that describes its events anew.

use ringlog::storage::{LogFollower, LogWriter};

use super::super::storage_read::support::{PATIENCE, write};
use super::{OTHER_TICK, TICK, list};

#[test]
fn a_follower_sees_each_event_with_the_layout_of_its_segment() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer =
        LogWriter::options().segment_bytes(4096).schemas(list(&[TICK])).open(folder.path()).unwrap();
    let mut follower = LogFollower::open(folder.path()).unwrap();
    for round in 0..20 {
        let schema = if round % 2 == 0 { TICK } else { OTHER_TICK };
        writer.register(&list(&[schema])).unwrap();
        write(&mut writer, round * 10..round * 10 + 10);
        for number in round * 10..round * 10 + 10 {
            let event = follower.next_within(PATIENCE).unwrap().unwrap();
            assert_eq!(event.header.timestamp, number * 10);
            assert!(event.layouts().is_some_and(|layouts| layouts.accepts(1, schema)), "{number}");
        }
        assert!(follower.next_event().unwrap().is_none());
    }
    writer.close().unwrap();
}
