//! Where the records of a log do not follow each other, as some are damaged or missing.
#![forbid(unsafe_code)]

use ringlog::event::Event;
use ringlog::storage::SegmentSchemas;

/// Places that are kept to be marked.
const KEPT: usize = 10_000;

/// The places found so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Breaks {
    /// Where the next record is if nothing is missing; `None` before the first one.
    expected: Option<Expected>,
    kept: Vec<Break>,
}

#[derive(Clone, Copy, Debug)]
struct Expected {
    sequence: u64,
    offset: u64,
    /// The last time that is known.
    time: u64,
}

#[derive(Clone, Copy, Debug)]
struct Break {
    /// The sequence that was expected, and the one that was found: the same inside of a segment.
    sequences: (u64, u64),
    /// The last time before it.
    time: u64,
}

impl Breaks {
    /// Takes the next record. Returns whether records between it and the one before are damaged or missing.
    #[inline]
    pub(super) fn follow(&mut self, event: &Event<'_>) -> bool {
        let (sequence, offset, time) = (event.sequence, event.offset, event.header.timestamp);
        let expected = self.expected.unwrap_or(Expected { sequence, offset, time });
        let is_hole =
            (sequence != expected.sequence || offset != expected.offset) && self.break_at(event, expected);
        self.expected = Some(Expected {
            sequence: sequence.saturating_add(1),
            offset: offset.saturating_add(event.header.stride() as u64),
            time: if time > 0 { time } else { expected.time },
        });
        is_hole
    }

    #[cold]
    fn break_at(&mut self, event: &Event<'_>, expected: Expected) -> bool {
        // A segment begins with records that say what its events mean, which are not passed here.
        let metas = SegmentSchemas::of(event).map_or(0, |segment| segment.list().len() as u64);
        let is_hole = match event.sequence.checked_sub(expected.sequence) {
            Some(0) => event.offset > expected.offset,
            Some(passed) => passed > metas,
            None => true,
        };
        if is_hole && self.kept.len() < KEPT {
            self.kept.push(Break { sequences: (expected.sequence, event.sequence), time: expected.time });
        }
        is_hole
    }

    /// Returns a time for each place inside of a segment, and for each of these ranges of sequences with its length. What is missing
    /// before the first record or after the last one is at an end of `range`.
    pub(super) fn marks(&self, missing: &[(u64, u64)], range: (u64, u64)) -> Vec<(u64, u64)> {
        let inside = self.kept.iter().filter(|it| it.sequences.0 >= it.sequences.1);
        let mut marks: Vec<_> = inside.map(|it| (it.time, 0)).collect();
        for &(first, next) in missing {
            let here = self.kept.iter().find(|it| (it.sequences.0..it.sequences.1).contains(&first));
            let is_at_end = self.expected.is_some_and(|it| first >= it.sequence);
            let edge = if is_at_end { range.1 } else { range.0 };
            marks.push((here.map_or(edge, |it| it.time), next.saturating_sub(first)));
        }
        marks
    }
}
