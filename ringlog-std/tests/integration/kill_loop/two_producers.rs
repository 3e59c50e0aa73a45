//! Two processes claim the same role.

use super::children::{Running, Task, claim_producer, patiently, scratch};
use super::operations::Step;
use ringlog::ring::{RingOptions, Role, SharedRing, SharedRingError};
use std::path::Path;

const TEST: &str = "two_producers::the_second_learns_the_process_of_the_first_and_follows_when_it_died";

/// The child: takes the role, writes an event as a sign, and stays.
fn hold(folder: &Path) {
    let mut producer = claim_producer(&folder.join("ring"));
    Step::Write.take(&mut producer, 0, 0).unwrap();
    loop {
        std::thread::park();
    }
}

#[test]
fn the_second_learns_the_process_of_the_first_and_follows_when_it_died() {
    if let Some(task) = Task::of_this_process() {
        return hold(&task.folder);
    }
    let folder = scratch();
    let path = folder.path().join("ring");
    let ring = SharedRing::create(&path, &RingOptions::default()).unwrap();
    let mut consumer = ring.claim_consumer().unwrap();
    let mut first = Running::start(TEST, "hold", folder.path(), 0);
    patiently("an event of the child", || (!consumer.is_empty()).then_some(()));
    let error = ring.claim_producer().unwrap_err();
    assert!(
        matches!(error, SharedRingError::Claimed { role: Role::Producer, pid, .. } if pid == Some(first.id()))
    );
    assert!(error.is_transient());
    let text = error.to_string();
    assert!(text.contains(&format!("process {}", first.id())) && text.contains("ring"), "{text}");

    first.kill();
    let mut second = ring.claim_producer().unwrap();
    assert!(!consumer.is_closed(), "the dead do not close");
    Step::Write.take(&mut second, 0, 1).unwrap();
    let mut times = Vec::new();
    consumer.drain(usize::MAX, |header, _| times.push(header.timestamp)).unwrap();
    assert_eq!(times, [0, 1]);
}
