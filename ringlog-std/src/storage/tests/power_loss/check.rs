//! Checks what a log holds against what was written and what was promised.

use std::path::Path;

use crate::event::{Event, EventHeader, Gap};
use crate::storage::error::{OpenError, ReadError};
use crate::storage::read::mapped::log_reader::LogReader;
use crate::storage::read::scan::segment_scan::FileScan;
use crate::storage::segment::file::SegmentFile;

/// A record of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    Event(u64),
    Gap(Gap),
    /// Something that cannot be read. The error named the file and the offset.
    Damage,
}

/// Header and payload of the event with this number.
pub(crate) fn event(number: u64) -> (EventHeader, Vec<u8>) {
    let len = number.wrapping_mul(0x9E37_79B9) >> 7 & 0xFF;
    let payload: Vec<u8> = (0..len).map(|at| (at ^ number) as u8).collect();
    (EventHeader::new(number, number as u8, len as u16).with_flags((number % 16) as u8), payload)
}

/// Reads all records of the log. Each must be one that was written.
pub(crate) fn read(folder: &Path) -> Vec<Found> {
    let (found, damage) = read_to_damage(folder);
    assert!(damage.is_none(), "{}", damage.unwrap());
    found
}

/// Reads all records, with one [`Found::Damage`] for each segment that cannot be read to its end.
pub(crate) fn read_on(folder: &Path) -> Vec<Found> {
    let (found, damage) = read_to_damage(folder);
    if damage.is_none() { found } else { read_segments(folder) }
}

fn read_to_damage(folder: &Path) -> (Vec<Found>, Option<ReadError>) {
    let reader = match LogReader::open(folder) {
        Err(OpenError::NoSegments { .. }) => return (Vec::new(), None),
        other => other.unwrap(),
    };
    let mut found = Vec::new();
    let replayed = reader.replay(|record| found.push(Found::of(&record)));
    (found, replayed.err())
}

fn read_segments(folder: &Path) -> Vec<Found> {
    let reader = LogReader::open(folder).unwrap();
    let segments = reader.segments();
    let mut found = Vec::new();
    for (at, segment) in segments.iter().enumerate() {
        let mut scan = FileScan::of(SegmentFile::open(&segment.path).unwrap());
        if let Some(next) = segments.get(at + 1) {
            scan.end_at_position(next.header.base_position);
        }
        loop {
            match scan.next_event() {
                Ok(Some(record)) => found.push(Found::of(&record)),
                Ok(None) => break,
                Err(error) => {
                    let said = error.to_string();
                    assert!(
                        said.contains(segment.path.to_str().unwrap()) && said.contains("offset"),
                        "{said}"
                    );
                    found.push(Found::Damage);
                    break;
                }
            }
        }
    }
    found
}

impl Found {
    fn of(record: &Event<'_>) -> Self {
        if let Some(gap) = record.gap() {
            return Self::Gap(gap);
        }
        let (header, payload) = event(record.header.timestamp);
        assert_eq!((record.header.as_user(), record.payload), (header, &payload[..]), "invented");
        Self::Event(record.header.timestamp)
    }
}

/// Checks that event numbers rise, and that GAP records report every event that is missing between two of them.
///
/// Returns the number after the last event that was found.
pub(crate) fn check_report(found: &[Found]) -> u64 {
    let mut next: Option<u64> = None;
    let mut lost = Some(0);
    for record in found {
        match record {
            Found::Damage | Found::Gap(Gap { count: 0, .. }) => lost = None,
            Found::Gap(gap) => lost = lost.map(|lost: u64| lost + gap.count),
            Found::Event(number) => {
                if let Some(next) = next {
                    assert!(*number >= next, "{number} again after {next}");
                    assert!(
                        lost.is_none_or(|lost| lost == number - next),
                        "no GAP record reports {next} to {number}"
                    );
                }
                (next, lost) = (Some(number + 1), Some(0));
            }
        }
    }
    next.unwrap_or(0)
}

/// Returns how many events the GAP records before the next event count.
pub(crate) fn counted(found: &[Found]) -> u64 {
    ahead(found).map(|found| if let Found::Gap(gap) = found { gap.count } else { 0 }).sum()
}

/// Returns whether a GAP record of unknown count comes before the next event.
pub(crate) fn is_in_doubt(found: &[Found]) -> bool {
    ahead(found).any(|found| matches!(found, Found::Damage | Found::Gap(Gap { count: 0, .. })))
}

/// Returns whether damage comes before the next event.
pub(crate) fn is_damaged(found: &[Found]) -> bool {
    ahead(found).any(|found| *found == Found::Damage)
}

fn ahead(found: &[Found]) -> impl Iterator<Item = &Found> {
    found.iter().take_while(|record| !matches!(record, Found::Event(_)))
}
