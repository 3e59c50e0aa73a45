//! Sorts the events of several producers by their timestamps.
#![forbid(unsafe_code)]

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Instant;

use ringlog_nostd::format::HEADER_LEN;
use ringlog_nostd::{EventHeader, RingFault, Run};

use crate::consumer::{DrainError, EventSource};

/// Whole records of one producer that wait for their turn.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    bytes: Vec<u8>,
    /// Where those begin that still wait.
    start: usize,
    /// Where those end that have waited long enough.
    due: usize,
    /// When the others came, and where they end.
    came: VecDeque<(Instant, usize)>,
}

impl Waiting {
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Adds whole records that came at this time.
    pub(super) fn push(&mut self, records: &[u8], now: Instant) {
        let gone = self.start;
        if gone > self.bytes.len() / 2 {
            self.bytes.drain(..gone);
            self.start = 0;
            self.due = self.due.saturating_sub(gone);
            self.came.iter_mut().for_each(|(_, end)| *end = end.saturating_sub(gone));
        }
        self.bytes.extend_from_slice(records);
        self.came.push_back((now, self.bytes.len()));
    }

    /// Notes that what came at or before this time has waited long enough.
    pub(super) fn note_due(&mut self, time: Instant) {
        while let Some(&(_, end)) = self.came.front().filter(|(came, _)| *came <= time) {
            self.due = end;
            self.came.pop_front();
        }
    }

    fn is_due(&self) -> bool {
        self.start < self.due
    }

    /// Returns the header of the first record.
    fn first(&self) -> Option<EventHeader> {
        let header = self.bytes.get(self.start..self.start + HEADER_LEN)?;
        Some(EventHeader::from_bytes(header.try_into().ok()?))
    }
}

/// Events in the order in which they get into the log.
#[derive(Debug, Default)]
pub(super) struct Merged {
    bytes: Vec<u8>,
    start: usize,
    /// The largest timestamp so far.
    latest: u64,
    /// Events that came after one with a larger timestamp, since the last call of [`take_late`](Self::take_late).
    late: u64,
    /// The first timestamp of each producer that waits, and which producer that is.
    heap: BinaryHeap<Reverse<(u64, usize)>>,
}

/// The dispatcher gets merged records once they have this length, in bytes.
const MERGED_BYTES: usize = 256 << 10;

impl Merged {
    /// Takes events with the smallest timestamp first, as long as any is due, or more than `most_waiting` bytes of a
    /// producer wait, up to a limit. Returns whether it ended at that limit.
    pub(super) fn take(&mut self, waiting: &mut [&mut Waiting], most_waiting: usize) -> bool {
        let urges = |it: &Waiting| it.is_due() || it.len() > most_waiting;
        let mut urging = waiting.iter().filter(|it| urges(it)).count();
        self.heap.clear();
        let firsts = waiting.iter().enumerate();
        self.heap.extend(firsts.filter_map(|(at, it)| Some(Reverse((it.first()?.timestamp, at)))));
        while urging > 0 && self.bytes.len() < MERGED_BYTES {
            let Some(Reverse((_, at))) = self.heap.pop() else { break };
            let Some(it) = waiting.get_mut(at) else { break };
            let (before, from) = (urges(it), it.start);
            // As many as come before those of all others.
            while let Some(header) = it.first() {
                let next = Reverse((header.timestamp, at));
                let is_first = self.heap.peek().is_none_or(|other| next >= *other);
                if !is_first || !(urging > usize::from(before) || urges(it)) {
                    self.heap.push(next);
                    break;
                }
                self.late += u64::from(header.timestamp < self.latest && !header.is_gap());
                self.latest = self.latest.max(header.timestamp);
                it.start += header.stride();
            }
            self.bytes.extend_from_slice(&it.bytes[from..it.start]);
            urging -= usize::from(before && !urges(it));
        }
        urging > 0
    }

    /// Returns the number of late events since the last call.
    pub(super) fn take_late(&mut self) -> u64 {
        std::mem::take(&mut self.late)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }
}

impl EventSource for Merged {
    fn id(&self) -> u64 {
        // The only source of its dispatcher.
        0
    }

    fn peek_run(&mut self, skip_bytes: usize) -> Result<Option<Run<'_>>, DrainError> {
        let position = self.start + skip_bytes;
        match self.bytes.get(position..) {
            None | Some([]) => Ok(None),
            // They were checked in their ring.
            Some(records) => Ok(Some(Run::new(records).map_err(|_| RingFault::Record { position })?)),
        }
    }

    fn release_bytes(&mut self, bytes: usize) {
        self.start = (self.start + bytes).min(self.bytes.len());
        if self.is_empty() {
            self.bytes.clear();
            self.start = 0;
        }
    }

    fn drain_limit_bytes(&self) -> usize {
        usize::MAX
    }
}
