//! A shared ring: producer, recorder or both are killed.

use super::check::{Owner, check_log};
use super::children::{Random, Running, Task, claim_producer, kill_in_logs, scratch};
use super::count_page::CountPage;
use super::operations::Step;
use super::recording::{record, serve};
use ringlog::ring::WriteError;
use std::path::Path;

const TEST: &str = "shared::every_published_event_is_in_the_log_once_after_any_kill";
const RING_BYTES: usize = 32 << 10;
/// After this many kills the log is compared, and a new one is begun.
const KILLS_PER_LOG: usize = 25;

/// The child that writes, until it is killed.
fn produce(task: &Task) {
    let counts = CountPage::open(&task.folder.join("counts"));
    let mut producer = claim_producer(&task.folder.join("ring"));
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

/// A recorder and a producer, which are killed again and again.
pub(crate) struct Pair<'a> {
    test: &'static str,
    folder: &'a Path,
    service: Running,
    producer: Running,
    kills: usize,
    /// Number of producers so far.
    owners: usize,
}

impl<'a> Pair<'a> {
    fn start(test: &'static str, folder: &'a Path) -> Self {
        let service = Running::start(test, "serve", folder, 0);
        let producer = Running::start(test, "produce", folder, 0);
        Self { test, folder, service, producer, kills: 0, owners: 1 }
    }

    /// Kills one of them, or both, and starts them again, `kills` times.
    ///
    /// `counts` has a count for each producer.
    fn kill_often(&mut self, random: &mut Random, kills: usize, counts: &CountPage) {
        while self.kills < kills {
            random.wait_for_moment(|| counts.load(self.owners - 1) > 0);
            let what = random.below(3);
            if what != 0 {
                self.service.kill();
            }
            if what != 1 {
                self.producer.kill();
                self.owners += 1;
            }
            self.kills += if what == 2 { 2 } else { 1 };
            if what != 0 {
                self.service = Running::start(self.test, "serve", self.folder, 0);
            }
            if what != 1 {
                self.producer = Running::start(self.test, "produce", self.folder, self.owners - 1);
            }
        }
        random.wait_for_moment(|| counts.load(self.owners - 1) > 0);
    }

    /// Kills one of them, or both, `kills` times in all, then both for good, and records what the ring still holds.
    ///
    /// Returns what each producer counted, and the number of producers.
    pub(crate) fn run(
        test: &'static str,
        folder: &'a Path,
        ring_bytes: usize,
        random: &mut Random,
        kills: usize,
    ) -> (CountPage, usize) {
        let counts = CountPage::create(&folder.join("counts"), kills + 3);
        let mut pair = Self::start(test, folder);
        pair.kill_often(random, kills, &counts);
        pair.producer.kill();
        pair.service.kill();
        record(folder, ring_bytes).stop().unwrap();
        (counts, pair.owners)
    }
}

/// Kills and compares. Returns the number of events in the log at the end.
fn kill_and_compare(random: &mut Random, kills: usize) -> u64 {
    let scratch = scratch();
    let folder = scratch.path();
    let (counts, owners) = Pair::run(TEST, folder, RING_BYTES, random, kills);
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
fn every_published_event_is_in_the_log_once_after_any_kill() {
    match Task::of_this_process() {
        Some(task) if task.role == "serve" => return serve(&task, RING_BYTES),
        Some(task) => return produce(&task),
        None => {}
    }
    kill_in_logs(TEST, KILLS_PER_LOG, "compared", kill_and_compare);
}
