//! A typed log whose writer describes its events anew while it runs, and is killed: every event is read under the layout
//! that it was written under.

use super::children::{Random, Running, Task, kill_in_logs, patiently, scratch};
use super::count_page::CountPage;
use ringlog::event::{Event, EventHeader, MetaTopic};
use ringlog::storage::{LogReader, LogWriter, OpenError, SchemaList, SegmentSchemas, verify_log};

const TEST: &str = "typed::every_event_is_read_under_the_layout_it_was_written_under";
const KILLS_PER_LOG: usize = 25;
/// Number of different descriptions.
const VERSIONS: u64 = 3;
/// A writer describes its events anew after this many of them.
const EVENTS_OF_A_VERSION: u64 = 40;

/// The descriptions of this version: one of them has several pages.
fn list(version: u64) -> SchemaList {
    let mut list = SchemaList::new();
    for event_type in 0..=version as u8 {
        let name = "x".repeat(if version == 1 { 5_000 } else { 60 });
        let schema = format!(
            r#"{{"type":{event_type},"name":"v{version}_{name}","size":8,"fields":[],"tail":"bytes"}}"#
        );
        list.insert(MetaTopic::EventType(event_type), schema.into_bytes()).unwrap();
    }
    list
}

/// Returns the version under which a writer writes its event `index`.
const fn version_of(owner: u64, index: u64) -> u64 {
    (owner + index / EVENTS_OF_A_VERSION) % VERSIONS
}

/// The child that writes, until it is killed.
fn write(task: &Task) {
    let (counts, owner) = (CountPage::open(&task.folder.join("counts")), task.number as u64);
    let options = LogWriter::options().segment_bytes(64 << 10).schemas(list(version_of(owner + 1, 0)));
    let mut writer = patiently("the log", || match options.open(task.folder.join("log")) {
        Ok(writer) => Some(writer),
        Err(OpenError::Locked { .. }) => None,
        Err(error) => panic!("{error}"),
    });
    for index in 0.. {
        if index % EVENTS_OF_A_VERSION == 0 {
            let version = list(version_of(owner, index));
            // What is not in a list stays in force: so the types are those of all versions.
            writer.register(&version).unwrap();
        }
        let payload = [&index.to_le_bytes()[..], &[7; 90]].concat();
        writer.write_event(&EventHeader::new(owner, 0, payload.len() as u16), &payload).unwrap();
        counts.store(task.number, index + 1);
    }
}

fn check_layout(event: &Event<'_>, version: u64) {
    let found = SegmentSchemas::of(event).expect("a typed log").list();
    assert_eq!(found.of_type(0), list(version).of_type(0), "{event:?}");
}

fn kill_and_compare(random: &mut Random, kills: usize) -> u64 {
    let scratch = scratch();
    let (folder, log) = (scratch.path(), scratch.path().join("log"));
    let counts = CountPage::create(&folder.join("counts"), kills);
    for owner in 0..kills {
        let mut child = Running::start(TEST, "write", folder, owner);
        random.wait_for_moment(|| counts.load(owner) > 0);
        child.kill();
    }
    LogWriter::open(&log).unwrap().close().unwrap();
    let mut found = vec![0; kills];
    let replayed = LogReader::open(&log).unwrap().replay(|event| {
        assert!(event.gap().is_none(), "a kill loses nothing");
        let owner = event.header.timestamp;
        let index = u64::from_le_bytes(event.payload[..8].try_into().unwrap());
        assert_eq!(index, found[owner as usize], "lost or twice");
        found[owner as usize] += 1;
        check_layout(&event, version_of(owner, index));
    });
    let events = replayed.unwrap();
    for (owner, found) in found.into_iter().enumerate() {
        let count = counts.load(owner);
        assert!(
            found == count || found == count + 1,
            "writer {owner} had written {count}, the log has {found}"
        );
    }
    let check = verify_log(&log).unwrap();
    assert!(check.segments.iter().all(|segment| segment.verdict.is_whole()), "{check:?}");
    assert_eq!((check.counts().events, check.counts().records()), (events, events + check.counts().meta));
    let empty = check.segments.iter().filter(|segment| segment.counts.events == 0).count();
    assert_eq!(empty, 0, "a segment has descriptions and nothing else: {check:?}");
    events
}

#[test]
fn every_event_is_read_under_the_layout_it_was_written_under() {
    if let Some(task) = Task::of_this_process() {
        return write(&task);
    }
    kill_in_logs(TEST, KILLS_PER_LOG, "read under their layouts", kill_and_compare);
}
