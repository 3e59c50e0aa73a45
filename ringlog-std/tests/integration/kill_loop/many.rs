//! A process with eight producers of one log, killed and started again: what the log had published is there, and the events of
//! each producer are in their order.

use std::time::Duration;

use super::children::{Random, Running, Task, kill_times, kills_wanted, patiently, scratch};
use super::count_page::CountPage;
use ringlog::clock::Clock;
use ringlog::event::EventHeader;
use ringlog::recorder::{Order, Recorder, RecorderError};
use ringlog::ring::WriteError;
use ringlog::storage::{LogReader, LogWriter, OpenError, verify_log};

const TEST: &str = "many::what_many_producers_had_published_is_there_in_their_order";
const KILLS_PER_LOG: usize = 25;
const PRODUCERS: u64 = 8;

/// The child: eight threads write, until it is killed.
fn record(task: &Task) {
    let counts = CountPage::open(&task.folder.join("counts"));
    let order = match task.number % 2 {
        0 => Order::Arrival,
        _ => Order::Timestamp { window: Duration::from_micros(200) },
    };
    let (producers, recorder) = patiently("the log", || {
        let options = LogWriter::options().segment_bytes(256 << 10);
        let builder = Recorder::builder().ring_bytes(16 << 10).order(order).log(options);
        match builder.start_many(task.folder.join("log")) {
            Ok(started) => Some(started),
            Err(RecorderError::Open(OpenError::Locked { .. })) => None,
            Err(error) => panic!("{error}"),
        }
    });
    let clock = Clock::new();
    for number in 0..PRODUCERS {
        let (producers, clock, owner) = (producers.clone(), clock.clone(), task.number as u64);
        std::thread::spawn(move || {
            let mut producer = producers.producer().unwrap();
            let mut index = 0_u64;
            loop {
                let payload = [owner.to_le_bytes(), number.to_le_bytes(), index.to_le_bytes()].concat();
                match producer.write_event(&EventHeader::new(clock.now(), 1, 24), &payload) {
                    Ok(()) => index += 1,
                    Err(error) => {
                        assert_eq!(error, WriteError::Full);
                        std::thread::yield_now();
                    }
                }
            }
        });
    }
    loop {
        counts.store(task.number, recorder.watch().published_position());
    }
}

fn kill_and_compare(random: &mut Random, kills: usize) -> u64 {
    let scratch = scratch();
    let (folder, log) = (scratch.path(), scratch.path().join("log"));
    let counts = CountPage::create(&folder.join("counts"), kills);
    let mut before = 0;
    for owner in 0..kills {
        let mut child = Running::start(TEST, "record", folder, owner);
        random.wait_for_moment(|| counts.load(owner) > before);
        child.kill();
        before = counts.load(owner).max(before);
        // Opened by a writer, which gives a segment its name whose writer died before that. Positions continue from one life to
        // the next.
        let writer = LogWriter::open(&log).unwrap();
        let end = writer.position();
        assert!(end >= before, "published up to {before}, but the log ends at {end}");
        writer.close().unwrap();
    }
    let mut next = vec![[0; PRODUCERS as usize]; kills];
    let events = LogReader::open(&log).unwrap().replay(|event| {
        if let Some(gap) = event.gap() {
            assert_eq!(gap.count, 0, "how many were in the rings, nobody knows");
            return;
        }
        let word = |at: usize| u64::from_le_bytes(event.payload[at..at + 8].try_into().unwrap());
        let next = &mut next[word(0) as usize][word(8) as usize];
        assert_eq!(word(16), *next, "lost, twice, or out of order: producer {} of {}", word(8), word(0));
        *next += 1;
    });
    let check = verify_log(&log).unwrap();
    assert!(check.segments.iter().all(|segment| segment.verdict.is_whole()), "{check:?}");
    events.unwrap()
}

#[test]
fn what_many_producers_had_published_is_there_in_their_order() {
    if let Some(task) = Task::of_this_process() {
        return record(&task);
    }
    // Each writes a hundred times the events of another loop.
    kill_times(kills_wanted() / 4, TEST, KILLS_PER_LOG, "events of eight producers", kill_and_compare);
}
