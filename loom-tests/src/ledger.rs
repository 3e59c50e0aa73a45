//! Follows the events and the GAP records of a lossy producer.
#![forbid(unsafe_code)]

use ringlog_nostd::{EventHeader, Gap, GapReason};

use crate::read_id;

/// Follows the stream of ids and gaps: each event is read or counted, once, and in its place.
#[derive(Debug, Default)]
pub struct Ledger {
    next_id: u64,
    gaps: usize,
}

impl Ledger {
    /// Takes an event or a GAP record that was read.
    ///
    /// # Panics
    ///
    /// If it is not what comes next.
    pub fn take(&mut self, header: &EventHeader, payload: &[u8]) {
        if header.is_gap() {
            let gap = Gap::from_payload(payload).expect("a GAP record");
            assert_eq!(gap, Gap::new(GapReason::RingFull, gap.count));
            self.take_loss(header.timestamp, gap.count);
            self.gaps += 1;
        } else {
            assert_eq!(read_id(header, payload), self.next_id, "out of its place");
            self.next_id += 1;
        }
    }

    /// Takes a loss that no GAP record reports.
    ///
    /// # Panics
    ///
    /// If it is not what comes next.
    pub fn take_loss(&mut self, first_timestamp: u64, count: u64) {
        assert_eq!(first_timestamp, self.next_id, "a gap out of its place");
        assert!(count > 0);
        self.next_id += count;
    }

    /// Returns the number of events that were read or counted.
    #[must_use]
    pub const fn next_id(&self) -> u64 {
        self.next_id
    }

    /// Returns the number of GAP records.
    #[must_use]
    pub const fn gaps(&self) -> usize {
        self.gaps
    }
}
