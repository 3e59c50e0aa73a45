//! Chooses the segment that a follower reads next, from only the names in the folder.
#![forbid(unsafe_code)]

use std::path::PathBuf;

/// What the names in a folder say to a follower that has read its segment to the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Successor {
    /// Nothing new.
    None,
    /// The segment that was read was deleted because it stayed empty; another will take its name.
    Waiting,
    /// Continue with the segment of this index.
    Segment(usize),
    /// The records `from..to` were deleted before they were read.
    Overtaken { from: u64, to: u64 },
    /// The segment of this index should start with `expected`.
    Missing { expected: u64, at: usize },
}

/// Chooses the next segment. `current` has the base sequence and the next sequence of the segment that is read,
/// if any, and `is_named` says whether it still has its name. `wanted` is the next record to give out.
pub(crate) fn successor(
    segments: &[(u64, PathBuf)],
    current: Option<(u64, u64)>,
    is_named: bool,
    wanted: Option<u64>,
) -> Successor {
    let Some((base_sequence, expected)) = current else {
        return first(segments, wanted);
    };
    let at = segments.partition_point(|(base, _)| *base < expected);
    let found = segments.get(at).map(|(base, _)| *base);
    match found {
        // The empty segment itself.
        Some(found) if found == base_sequence && is_named => next_of(segments, at, expected),
        Some(found) if found == expected => Successor::Segment(at),
        // Retention deletes old segments first: while this one has its name, no later one was deleted.
        Some(_) if is_named => Successor::Missing { expected, at },
        Some(to) => Successor::Overtaken { from: expected, to },
        None if is_named || segments.is_empty() => Successor::None,
        None if base_sequence == expected => Successor::Waiting,
        // This segment was deleted, and older ones were not.
        None => Successor::Missing { expected, at: segments.len() - 1 },
    }
}

fn first(segments: &[(u64, PathBuf)], wanted: Option<u64>) -> Successor {
    let Some((oldest, _)) = segments.first() else { return Successor::None };
    let Some(wanted) = wanted else { return Successor::Segment(0) };
    match segments.partition_point(|(base, _)| *base <= wanted).checked_sub(1) {
        Some(at) => Successor::Segment(at),
        None => Successor::Overtaken { from: wanted, to: *oldest },
    }
}

fn next_of(segments: &[(u64, PathBuf)], at: usize, expected: u64) -> Successor {
    if at + 1 < segments.len() { Successor::Missing { expected, at: at + 1 } } else { Successor::None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(bases: &[u64]) -> Vec<(u64, PathBuf)> {
        bases.iter().map(|base| (*base, PathBuf::new())).collect()
    }

    #[test]
    fn the_start_is_the_segment_that_holds_the_wanted_record() {
        let cases = [
            (&[][..], None, Successor::None),
            (&[], Some(5), Successor::None),
            (&[10, 20], None, Successor::Segment(0)),
            (&[10, 20], Some(19), Successor::Segment(0)),
            (&[10, 20], Some(20), Successor::Segment(1)),
            (&[10, 20], Some(900), Successor::Segment(1)),
            (&[10, 20], Some(9), Successor::Overtaken { from: 9, to: 10 }),
        ];
        for (bases, wanted, expected) in cases {
            assert_eq!(successor(&segments(bases), None, false, wanted), expected, "{bases:?} {wanted:?}");
        }
    }

    #[test]
    fn after_a_segment_comes_the_one_that_starts_where_it_ends() {
        let read = Some((10, 20));
        let cases = [
            (&[10][..], true, Successor::None),
            (&[10, 20], true, Successor::Segment(1)),
            (&[10, 20, 30], true, Successor::Segment(1)),
            (&[20, 30], false, Successor::Segment(0)),
            (&[30, 40], false, Successor::Overtaken { from: 20, to: 30 }),
            (&[10, 30], true, Successor::Missing { expected: 20, at: 1 }),
            (&[], false, Successor::None),
            (&[0], false, Successor::Missing { expected: 20, at: 0 }),
        ];
        for (bases, is_named, expected) in cases {
            assert_eq!(successor(&segments(bases), read, is_named, Some(20)), expected, "{bases:?}");
        }
    }

    #[test]
    fn an_empty_segment_may_be_replaced_under_its_name() {
        let empty = Some((10, 10));
        let cases = [
            (&[0, 10][..], true, Successor::None),
            (&[0, 10], false, Successor::Segment(1)),
            (&[0], false, Successor::Waiting),
            (&[0, 10, 20], true, Successor::Missing { expected: 10, at: 2 }),
            (&[15], false, Successor::Overtaken { from: 10, to: 15 }),
        ];
        for (bases, is_named, expected) in cases {
            assert_eq!(successor(&segments(bases), empty, is_named, Some(10)), expected, "{bases:?}");
        }
    }
}
