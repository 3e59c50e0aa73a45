//! What a log may hold, given what was written and what was promised.

use std::path::Path;

use crate::event::{EventHeader, Gap};
use crate::storage::{LogReader, OpenError};

/// A record of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Found {
    Event(u64),
    Gap(Gap),
}

/// Header and payload of the event with this number.
pub(super) fn event(number: u64) -> (EventHeader, Vec<u8>) {
    let len = number.wrapping_mul(0x9E37_79B9) >> 7 & 0xFF;
    let payload: Vec<u8> = (0..len).map(|at| (at ^ number) as u8).collect();
    (EventHeader::new(number, number as u8, len as u16).with_flags((number % 16) as u8), payload)
}

/// All records of the log, each of which has to be one that was written.
pub(super) fn read(folder: &Path) -> Vec<Found> {
    let reader = match LogReader::open(folder) {
        Err(OpenError::NoSegments { .. }) => return Vec::new(),
        other => other.unwrap(),
    };
    let mut found = Vec::new();
    let replayed = reader.replay(|record| {
        found.push(match record.gap() {
            Some(gap) => Found::Gap(gap),
            None => {
                let (header, payload) = event(record.header.timestamp);
                assert_eq!((record.header.as_user(), record.payload), (header, &payload[..]), "invented");
                Found::Event(record.header.timestamp)
            }
        });
    });
    replayed.unwrap();
    found
}

/// The events rise, and every one that is missing between two of them is told of by GAP records there.
///
/// Returns the number behind the last event that is there.
pub(super) fn check_told(found: &[Found]) -> u64 {
    let mut next: Option<u64> = None;
    let mut lost = Some(0);
    for record in found {
        match record {
            Found::Gap(Gap { count: 0, .. }) => lost = None,
            Found::Gap(gap) => lost = lost.map(|lost: u64| lost + gap.count),
            Found::Event(number) => {
                if let Some(next) = next {
                    assert!(*number >= next, "{number} again after {next}");
                    assert!(
                        lost.is_none_or(|lost| lost == number - next),
                        "{next} to {number} are not told of"
                    );
                }
                (next, lost) = (Some(number + 1), Some(0));
            }
        }
    }
    next.unwrap_or(0)
}

/// The events that GAP records before the next event tell of.
pub(super) fn counted(found: &[Found]) -> u64 {
    gaps_ahead(found).map(|gap| gap.count).sum()
}

/// Whether a GAP record of unknown count stands before the next event.
pub(super) fn is_in_doubt(found: &[Found]) -> bool {
    gaps_ahead(found).any(|gap| gap.count == 0)
}

fn gaps_ahead(found: &[Found]) -> impl Iterator<Item = &Gap> {
    found.iter().map_while(|record| match record {
        Found::Gap(gap) => Some(gap),
        Found::Event(_) => None,
    })
}
