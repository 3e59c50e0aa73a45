//! A ring within the process, which ends in every way: an early return that drops recorder and producer,
//! `exit`, `abort`, a kill. What was accepted before a drop is in the log. Otherwise a GAP record reports what
//! is missing.

use super::check::{Owner, check_log};
use super::children::{Random, Running, Task, kill_in_logs, patiently, scratch};
use super::count_page::CountPage;
use super::operations::Step;
use super::recording::{builder, started};
use ringlog::ring::WriteError;
use ringlog::storage::LogWriter;
use std::time::{Duration, Instant};

const TEST: &str = "endings::what_a_process_accepted_is_in_its_log_or_a_gap_says_that_it_is_not";
const RING_BYTES: usize = 32 << 10;
const RUNS_PER_LOG: usize = 24;
/// How a process ends: the roles of the children.
const ENDINGS: [&str; 4] = ["drop", "exit", "abort", "kill"];

/// Writes until its time is over or the ring is full, and returns early then. Writes something in any case: the parent
/// may wait for it.
fn write_and_drop(task: &Task, time: Duration) -> Result<(), WriteError> {
    let (mut producer, recorder) =
        patiently("the log", || started(builder(RING_BYTES).start(task.folder.join("log"))));
    let counts = CountPage::open(&task.folder.join("counts"));
    let (mut written, end) = (0, Instant::now() + time);
    while written == 0 || Instant::now() < end {
        let step = Step::at(written);
        match step.take(&mut producer, task.number as u64, written) {
            Err(WriteError::Full) if task.role != "drop" => continue,
            taken => taken?,
        }
        written += step.events();
        counts.store(task.number, written);
    }
    match task.role.as_str() {
        "exit" => std::process::exit(0),
        "abort" => std::process::abort(),
        "kill" => loop {
            std::thread::park();
        },
        _ => drop(recorder),
    }
    Ok(())
}

/// Runs processes that end in random ways, and compares. Counts how often each ending `happened`.
fn run_and_compare(random: &mut Random, runs: usize, happened: &mut [u64; ENDINGS.len()]) -> u64 {
    let planned: Vec<usize> = (0..runs).map(|_| random.below(ENDINGS.len() as u64) as usize).collect();
    planned.iter().for_each(|&ending| happened[ending] += 1);
    let scratch = scratch();
    let folder = scratch.path();
    let counts = CountPage::create(&folder.join("counts"), planned.len());
    for (owner, &ending) in planned.iter().enumerate() {
        let mut child = Running::start(TEST, ENDINGS[ending], folder, owner);
        if ENDINGS[ending] == "kill" {
            random.wait_for_moment(|| counts.load(owner) > 0);
            child.kill();
        } else {
            let status = child.wait();
            assert_eq!(status.success(), ENDINGS[ending] != "abort", "{status}");
        }
    }
    // The next writer finds how the last one ended, as a next run would.
    LogWriter::open(folder.join("log")).unwrap().close().unwrap();
    check_log(&folder.join("log"), planned.len(), |Owner { number, events, is_followed_by_gap }| {
        let (ending, produced) = (ENDINGS[planned[number]], counts.load(number));
        if ending == "drop" {
            assert_eq!(events, produced, "run {number}, which dropped its recorder");
            return;
        }
        let most = produced + Step::at(produced).events();
        assert!(events <= most, "run {number} ({ending}) wrote {most} events at most, the log has {events}");
        assert!(events >= produced || is_followed_by_gap, "run {number} ({ending}) lost events silently");
    })
}

#[test]
fn what_a_process_accepted_is_in_its_log_or_a_gap_says_that_it_is_not() {
    if let Some(task) = Task::of_this_process() {
        let time = Duration::from_micros(Random::new(TEST).below(20_000));
        let _ = write_and_drop(&task, time);
        return;
    }
    let mut happened = [0; ENDINGS.len()];
    kill_in_logs(TEST, RUNS_PER_LOG, "compared", |random, runs| run_and_compare(random, runs, &mut happened));
    println!("{ENDINGS:?}: {happened:?}");
    assert!(happened.iter().all(|&times| times > 0), "{ENDINGS:?}: {happened:?}");
}
