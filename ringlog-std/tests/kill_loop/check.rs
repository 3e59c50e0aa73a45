//! Reads a log that several producers, one after the other, have filled.

use crate::operations::event;
use ringlog::event::Event;
use ringlog::storage::{LogReader, OpenError};
use std::path::Path;

/// Reads the whole log: of every owner `0..owners` the events from its first one on, each once and in order.
///
/// `check_count` is told of each owner how many there were. Returns the events of all.
pub(crate) fn check_log(log: &Path, owners: usize, check_count: impl Fn(usize, u64)) -> u64 {
    let mut ledger = Ledger { check_count, owner: 0, next_index: 0, sequence: 0 };
    match LogReader::open(log) {
        Ok(reader) => reader.events().for_each(|found| ledger.take(&found.unwrap())),
        // All were killed before their first event: then the counts say so, too.
        Err(OpenError::NoSegments { .. }) => {}
        Err(error) => panic!("{error}"),
    }
    ledger.finish_before(owners);
    ledger.sequence
}

struct Ledger<F> {
    check_count: F,
    owner: usize,
    next_index: u64,
    sequence: u64,
}

impl<F: Fn(usize, u64)> Ledger<F> {
    fn take(&mut self, found: &Event<'_>) {
        assert_eq!(found.gap(), None, "nothing may be missing");
        assert_eq!(found.sequence, self.sequence, "a hole in the sequences");
        self.sequence += 1;
        let (owner, index) = ((found.header.timestamp >> 32) as usize, found.header.timestamp & 0xFFFF_FFFF);
        assert!(owner >= self.owner, "event {index} of producer {owner} after those of {}", self.owner);
        self.finish_before(owner);
        assert_eq!(index, self.next_index, "lost or told twice, of producer {owner}");
        let (header, payload) = event(owner as u64, index);
        assert_eq!((found.header.as_user(), found.payload), (header, &payload[..]), "invented");
        self.next_index += 1;
    }

    /// No more comes of the producers before this one.
    fn finish_before(&mut self, owner: usize) {
        while self.owner < owner {
            (self.check_count)(self.owner, self.next_index);
            self.owner += 1;
            self.next_index = 0;
        }
    }
}
