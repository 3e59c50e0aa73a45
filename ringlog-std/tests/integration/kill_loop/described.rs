//! Producers that describe their events in different ways, one after the other: each event is found with the description
//! of the producer that wrote it, after any kill of producer or recorder.

use super::check::{Owner, check_log};
use super::children::{Random, Task, claim_described_producer, kill_in_logs, scratch};
use super::count_page::CountPage;
use super::operations::Step;
use super::recording::serve;
use super::shared::Pair;
use ringlog::event::MetaTopic;
use ringlog::ring::WriteError;
use ringlog::storage::{LogReader, OpenError, SchemaList};
use std::path::Path;
use std::sync::LazyLock;

const TEST: &str = "described::every_event_is_found_with_the_description_of_its_producer_after_any_kill";
const RING_BYTES: usize = 32 << 10;
/// After this many kills the log is compared, and a new one is begun.
const KILLS_PER_LOG: usize = 25;

/// Two ways to describe all 256 types.
static DESCRIPTIONS: LazyLock<[Vec<&'static [u8]>; 2]> = LazyLock::new(|| {
    ["one", "other"].map(|name| {
        let of_type = |event_type| {
            format!(
                r#"{{"type":{event_type},"name":"{name}_{event_type}","size":0,"fields":[],"tail":"bytes"}}"#
            )
        };
        (0..=255).map(|event_type: u8| &*of_type(event_type).into_bytes().leak()).collect()
    })
});

/// Which way the `owner`-th producer describes its events; `None` if it does not.
const fn way_of(owner: u64) -> Option<usize> {
    match owner % 3 {
        0 => Some(0),
        1 => Some(1),
        _ => None,
    }
}

fn schemas_of(owner: u64) -> SchemaList {
    let mut list = SchemaList::new();
    if let Some(way) = way_of(owner) {
        for (event_type, &json) in (0..=255).zip(&DESCRIPTIONS[way]) {
            list.insert(MetaTopic::EventType(event_type), json).unwrap();
        }
    }
    list
}

/// The child that writes, until it is killed.
fn produce(task: &Task) {
    let counts = CountPage::open(&task.folder.join("counts"));
    let schemas = schemas_of(task.number as u64);
    let mut producer = claim_described_producer(&task.folder.join("ring"), &schemas);
    let mut published = 0;
    loop {
        let step = Step::at(published);
        match step.take(&mut producer, task.number as u64, published) {
            Ok(()) => {
                published += step.events();
                counts.store(task.number, published);
            }
            Err(WriteError::Full) => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Checks that each event is found with the description of its producer, and no other.
fn check_descriptions(log: &Path) {
    let reader = match LogReader::open(log) {
        Err(OpenError::NoSegments { .. }) => return,
        other => other.unwrap(),
    };
    for event in reader.events().map(|event| event.unwrap()).filter(|event| event.gap().is_none()) {
        let (event_type, owner) = (event.header.event_type, event.header.timestamp >> 32);
        let accepts = |way: usize| {
            let json = DESCRIPTIONS[way][event_type as usize];
            event.layouts().is_some_and(|layouts| layouts.accepts(event_type, json))
        };
        let expected = [0, 1].map(|way| way_of(owner) == Some(way));
        assert_eq!([0, 1].map(accepts), expected, "event {} of producer {owner}", event.sequence);
    }
}

/// Kills and compares. Returns the number of events in the log at the end.
fn kill_and_compare(random: &mut Random, kills: usize) -> u64 {
    let scratch = scratch();
    let folder = scratch.path();
    let (counts, owners) = Pair::run(TEST, folder, RING_BYTES, random, kills);
    check_descriptions(&folder.join("log"));
    let lists = folder.read_dir().unwrap().filter(|entry| {
        entry.as_ref().is_ok_and(|entry| entry.file_name().as_encoded_bytes().starts_with(b"ring.schema-"))
    });
    // One of the next list may be there as well, and a killed producer's file with a temporary name.
    assert!(lists.count() <= 2, "older lists are deleted");
    check_log(&folder.join("log"), owners, |Owner { number: owner, events: found, is_followed_by_gap }| {
        assert!(!is_followed_by_gap, "nothing may be missing");
        let count = counts.load(owner);
        // The count was stored after the step had returned, so one step may be missing in it.
        assert!(
            found == count || found == count + Step::at(count).events(),
            "producer {owner} had published {count} or a step more, the log has {found}"
        );
    })
}

#[test]
fn every_event_is_found_with_the_description_of_its_producer_after_any_kill() {
    match Task::of_this_process() {
        Some(task) if task.role == "serve" => return serve(&task, RING_BYTES),
        Some(task) => return produce(&task),
        None => {}
    }
    kill_in_logs(TEST, KILLS_PER_LOG, "compared", kill_and_compare);
}
