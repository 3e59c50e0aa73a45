//! Reads a log that several producers have filled, one after the other.

use super::operations::event;
use ringlog::event::{Event, Gap, GapReason};
use ringlog::storage::{LogReader, OpenError, SegmentSchemas};
use std::any::Any;
use std::path::Path;

/// What the log has of one producer.
pub(crate) struct Owner {
    pub(crate) number: usize,
    pub(crate) events: u64,
    /// Whether a GAP record between its last event and the next producer's first reports missing events.
    pub(crate) is_followed_by_gap: bool,
}

/// Reads the whole log: of every owner `0..owners` the events from its first one on, each once and in order.
///
/// Calls `check` with the result for each owner. Returns the events of all.
pub(crate) fn check_log(log: &Path, owners: usize, check: impl Fn(Owner)) -> u64 {
    let mut ledger = Ledger { check, owner: 0, next_index: 0, sequence: 0, events: 0, has_gap: false };
    match LogReader::open(log) {
        Ok(reader) => reader.events().for_each(|found| ledger.take(&found.unwrap())),
        // All were killed before their first event. Then the counts must agree.
        Err(OpenError::NoSegments { .. }) => {}
        Err(error) => panic!("{error}"),
    }
    ledger.finish_before(owners);
    ledger.events
}

/// Returns how many descriptions the event's segment has.
fn descriptions_of(event: &Event<'_>) -> u64 {
    let schemas = event.layouts().and_then(|layouts| (layouts as &dyn Any).downcast_ref::<SegmentSchemas>());
    schemas.map_or(0, |schemas| schemas.list().len() as u64)
}

struct Ledger<F> {
    check: F,
    owner: usize,
    next_index: u64,
    sequence: u64,
    events: u64,
    /// Whether a GAP record came since the last event.
    has_gap: bool,
}

impl<F: Fn(Owner)> Ledger<F> {
    fn take(&mut self, found: &Event<'_>) {
        // A segment begins with a record for each of its descriptions.
        let skipped = found.sequence.checked_sub(self.sequence);
        assert!(
            skipped.is_some_and(|it| [0, descriptions_of(found)].contains(&it)),
            "a hole in the sequences"
        );
        self.sequence = found.sequence + 1;
        if let Some(gap) = found.gap() {
            let ended = Gap { log_side: true, ..Gap::new(GapReason::RecorderEnded, 0) };
            assert_eq!(gap, ended, "nothing else may be missing");
            self.has_gap = true;
            return;
        }
        let (owner, index) = ((found.header.timestamp >> 32) as usize, found.header.timestamp & 0xFFFF_FFFF);
        assert!(owner >= self.owner, "event {index} of producer {owner} after those of {}", self.owner);
        assert!(owner > self.owner || !self.has_gap, "a gap among the events of producer {owner}");
        self.finish_before(owner);
        assert_eq!(index, self.next_index, "lost or delivered twice, of producer {owner}");
        let (header, payload) = event(owner as u64, index);
        assert_eq!((found.header.as_user(), found.payload), (header, &payload[..]), "invented");
        self.next_index += 1;
        self.events += 1;
    }

    /// Finishes the producers before this one: no more events come from them.
    fn finish_before(&mut self, owner: usize) {
        while self.owner < owner {
            let (number, events, is_followed_by_gap) = (self.owner, self.next_index, self.has_gap);
            (self.check)(Owner { number, events, is_followed_by_gap });
            self.owner += 1;
            self.next_index = 0;
            if self.owner == owner {
                self.has_gap = false;
            }
        }
    }
}
