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

/// So many bytes, and the record that reaches them, are merged before they go on.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;
    use ringlog_nostd::format::encode;
    use std::time::Duration;

    const PRODUCERS: usize = 5;

    /// A record of the producer `number`, with its index among that one's.
    fn record(time: u64, number: usize, index: u64, dice: &mut Dice) -> Vec<u8> {
        let mut payload = vec![number as u8; 1 + dice.below(30_usize)];
        payload.extend_from_slice(&index.to_le_bytes());
        let header = EventHeader::new(time, 1, payload.len() as u16);
        let mut bytes = vec![0; header.stride()];
        assert_eq!(encode(&mut bytes, &header, &payload), Some(bytes.len()));
        bytes
    }

    /// Takes what was merged: time and producer of each event.
    fn taken(merged: &mut Merged) -> Vec<(u64, usize)> {
        let Some(mut run) = merged.peek_run(0).unwrap() else { return Vec::new() };
        let bytes = run.remaining().len();
        let mut events = Vec::new();
        while let Some((header, payload)) = run.peek() {
            events.push((header.timestamp, usize::from(payload[0])));
            run.accept();
        }
        merged.release_bytes(bytes);
        assert!(merged.is_empty());
        events
    }

    /// Takes one event after the other, each the smallest of all that are first, while one is due or a producer has more than
    /// `most` bytes.
    fn naively(parts: &mut [VecDeque<(u64, bool, usize)>], most: usize) -> Vec<(u64, usize)> {
        let mut events = Vec::new();
        let bytes = |part: &VecDeque<(u64, bool, usize)>| part.iter().map(|(_, _, len)| len).sum::<usize>();
        while parts.iter().any(|part| part.front().is_some_and(|first| first.1) || bytes(part) > most) {
            let firsts = parts.iter().enumerate().filter_map(|(at, part)| Some((part.front()?.0, at)));
            let (time, at) = firsts.min().unwrap();
            parts[at].pop_front();
            events.push((time, at));
        }
        events
    }

    #[test]
    fn it_takes_what_one_would_take_by_hand() {
        let mut events = 0;
        for seed in 0..500 {
            let mut dice = Dice(seed);
            let (mut merged, began) = (Merged::default(), Instant::now());
            let mut waiting: Vec<_> = (0..PRODUCERS).map(|_| Waiting::default()).collect();
            let mut by_hand = vec![VecDeque::new(); PRODUCERS];
            let (mut times, mut latest, mut expected_late) = ([0; PRODUCERS], 0, 0);
            for second in 0..6 {
                let now = began + Duration::from_secs(second);
                for (number, part) in waiting.iter_mut().enumerate() {
                    for index in 0..dice.below(20) {
                        // Mostly sorted.
                        times[number] =
                            if dice.one_in(10) { dice.below(100) } else { times[number] + dice.below(9_u64) };
                        let bytes = record(times[number], number, index, &mut dice);
                        part.push(&bytes, now);
                        by_hand[number].push_back((times[number], second, bytes.len()));
                    }
                }
                let due = began + Duration::from_secs(second.saturating_sub(2));
                waiting.iter_mut().for_each(|part| part.note_due(due));
                let most = dice.pick(&[usize::MAX, 600]);
                assert!(
                    !merged.take(&mut waiting.iter_mut().collect::<Vec<_>>(), most),
                    "far below the limit"
                );
                let mut parts: Vec<VecDeque<_>> = by_hand
                    .iter()
                    .map(|part| {
                        part.iter()
                            .map(|&(time, came, len)| (time, came <= second.saturating_sub(2), len))
                            .collect()
                    })
                    .collect();
                let expected = naively(&mut parts, most);
                for &(time, number) in &expected {
                    by_hand[number].pop_front();
                    expected_late += u64::from(time < latest);
                    latest = latest.max(time);
                }
                assert_eq!(taken(&mut merged), expected, "seed {seed}, second {second}");
                assert_eq!(merged.take_late(), std::mem::take(&mut expected_late));
                events += expected.len();
            }
        }
        assert!(events > 1_000, "{events}");
    }

    #[test]
    fn more_than_the_limit_comes_in_pieces() {
        let (mut merged, mut dice, now) = (Merged::default(), Dice(1), Instant::now());
        let mut waiting: Vec<_> = (0..2).map(|_| Waiting::default()).collect();
        for time in 0..20_000 {
            let number = time as usize % 2;
            waiting[number].push(&record(time, number, time, &mut dice), now);
        }
        waiting.iter_mut().for_each(|part| part.note_due(now));
        let (mut events, mut pieces) = (Vec::new(), 0);
        loop {
            let is_more = merged.take(&mut waiting.iter_mut().collect::<Vec<_>>(), usize::MAX);
            events.append(&mut taken(&mut merged));
            pieces += 1;
            if !is_more {
                break;
            }
        }
        assert!(pieces > 2, "{pieces}");
        assert_eq!(events, (0..20_000).map(|time| (time, time as usize % 2)).collect::<Vec<_>>());
    }
}
