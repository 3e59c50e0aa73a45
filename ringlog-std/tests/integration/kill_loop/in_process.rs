//! A ring within the process, which is killed. What was in the ring is lost, and a GAP record reports it. What
//! the log had published is not lost.

use super::check::{Owner, check_log};
use super::children::{Random, Running, Task, kill_in_logs, patiently, scratch};
use super::count_page::CountPage;
use super::operations::Step;
use super::recording::{builder, started};
use ringlog::consumer::EventConsumer;
use ringlog::event::EventHeader;
use ringlog::ring::WriteError;
use ringlog::storage::LogWriter;

const TEST: &str = "in_process::every_event_that_the_log_had_published_is_there";
const RING_BYTES: usize = 32 << 10;
const KILLS_PER_LOG: usize = 25;

/// Counts what the log has taken. A dispatcher offers each run to the log first.
struct Published {
    counts: CountPage,
    slot: usize,
    count: u64,
}

impl EventConsumer for Published {
    fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool {
        self.count += 1;
        self.counts.store(self.slot, self.count);
        true
    }

    fn name(&self) -> &str {
        "count of what the log has taken"
    }
}

/// Returns the slots of an owner's counts: of what its log took, and of what its ring took.
const fn slots(owner: usize) -> (usize, usize) {
    (2 * owner, 2 * owner + 1)
}

/// The child that writes and records, until it is killed.
fn write_and_record(task: &Task) {
    let page = task.folder.join("counts");
    let (published, produced) = slots(task.number);
    let (mut producer, recorder) = patiently("the log", || {
        let count = Published { counts: CountPage::open(&page), slot: published, count: 0 };
        started(builder(RING_BYTES).consumer(count).start(task.folder.join("log")))
    });
    let counts = CountPage::open(&page);
    let mut written = 0;
    loop {
        let step = Step::at(written);
        match step.take(&mut producer, task.number as u64, written) {
            Ok(()) => {
                written += step.events();
                counts.store(produced, written);
            }
            Err(WriteError::Full) if recorder.has_stopped() => panic!("the recorder has stopped"),
            Err(WriteError::Full) => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
}

fn kill_and_compare(random: &mut Random, kills: usize) -> u64 {
    let scratch = scratch();
    let folder = scratch.path();
    let counts = CountPage::create(&folder.join("counts"), 2 * kills);
    for owner in 0..kills {
        let mut child = Running::start(TEST, "both", folder, owner);
        random.wait_for_moment(|| counts.load(slots(owner).1) > 0);
        child.kill();
    }
    // The next writer finds where the log ends, as a next run would.
    LogWriter::open(folder.join("log")).unwrap().close().unwrap();
    check_log(&folder.join("log"), kills, |Owner { number: owner, events: found, is_followed_by_gap }| {
        let (published, produced) = slots(owner);
        let (published, produced) = (counts.load(published), counts.load(produced));
        assert!(found >= published, "run {owner} had {published} events in the log, it has {found}");
        let most = produced + Step::at(produced).events();
        assert!(found <= most, "run {owner} wrote {most} events at most, the log has {found}");
        assert!(found >= produced || is_followed_by_gap, "run {owner} lost events silently");
    })
}

#[test]
fn every_event_that_the_log_had_published_is_there() {
    if let Some(task) = Task::of_this_process() {
        return write_and_record(&task);
    }
    kill_in_logs(TEST, KILLS_PER_LOG, "compared", kill_and_compare);
}
