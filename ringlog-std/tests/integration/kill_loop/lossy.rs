//! A shared ring whose producers lose events rather than wait. Each event is in the log or counted by a GAP
//! record, exactly once, no matter which process is killed.

use super::children::{Random, Task, claim_producer, kill_in_logs, scratch};
use super::count_page::CountPage;
use super::operations::event;
use super::recording::serve;
use super::shared::Pair;
use ringlog::event::{Event, GapReason};
use ringlog::storage::LogReader;
use std::path::Path;

const TEST: &str = "lossy::every_event_is_in_the_log_or_counted_once_after_any_kill";
/// Small, so that it is full most of the time.
const RING_BYTES: usize = 2 << 10;
const KILLS_PER_LOG: usize = 25;

/// The child that offers events, until it is killed.
fn offer(task: &Task) {
    let counts = CountPage::open(&task.folder.join("counts"));
    let mut producer = claim_producer(&task.folder.join("ring")).lossy();
    for index in 0.. {
        let (header, payload) = event(task.number as u64, index);
        producer.write_event(&header, &payload).unwrap();
        counts.store(task.number, index + 1);
    }
}

/// What a log reports about the events that were offered.
#[derive(Default)]
struct Ledger {
    events: u64,
    lost: u64,
    /// Lost since the last event.
    lost_since: u64,
    /// Timestamp of the last event.
    last: Option<u64>,
}

impl Ledger {
    fn of(log: &Path) -> Self {
        let mut ledger = Self::default();
        let reader = LogReader::open(log).unwrap();
        reader.events().zip(0..).for_each(|(found, sequence)| ledger.take(&found.unwrap(), sequence));
        ledger
    }

    fn take(&mut self, found: &Event<'_>, sequence: u64) {
        assert_eq!(found.sequence, sequence, "a hole in the sequences");
        if let Some(gap) = found.gap() {
            assert!(gap.count > 0 && gap.reason == GapReason::RingFull && !gap.log_side, "{gap:?}");
            self.lost += gap.count;
            self.lost_since += gap.count;
            return;
        }
        let timestamp = found.header.timestamp;
        let (header, payload) = event(timestamp >> 32, timestamp & 0xFFFF_FFFF);
        assert_eq!((found.header.as_user(), found.payload), (header, &payload[..]), "invented");
        if let Some(last) = self.last {
            assert!(timestamp > last, "delivered twice, or out of order");
            // Between two events of one producer, every event is accounted for in its place.
            let same_owner = timestamp >> 32 == last >> 32;
            assert!(!same_owner || timestamp - last == 1 + self.lost_since, "lost without a record");
        }
        self.last = Some(timestamp);
        self.lost_since = 0;
        self.events += 1;
    }
}

/// Returns the number of lost events, all of which were reported.
fn kill_and_compare(random: &mut Random, kills: usize) -> u64 {
    let scratch = scratch();
    let folder = scratch.path();
    // The recorder at the end also reports the loss that the last producer left unreported in the ring.
    let (counts, owners) = Pair::run(TEST, folder, RING_BYTES, random, kills);
    let ledger = Ledger::of(&folder.join("log"));
    let offered: u64 = (0..owners).map(|owner| counts.load(owner)).sum();
    let reported = ledger.events + ledger.lost;
    // Each of them may have died between an event and its count.
    assert!(
        (offered..=offered + owners as u64).contains(&reported),
        "{offered} events offered by {owners} producers, {} in the log, {} counted as lost",
        ledger.events,
        ledger.lost
    );
    ledger.lost
}

#[test]
fn every_event_is_in_the_log_or_counted_once_after_any_kill() {
    match Task::of_this_process() {
        Some(task) if task.role == "serve" => return serve(&task, RING_BYTES),
        Some(task) => return offer(&task),
        None => {}
    }
    kill_in_logs(TEST, KILLS_PER_LOG, "lost and reported", kill_and_compare);
}
