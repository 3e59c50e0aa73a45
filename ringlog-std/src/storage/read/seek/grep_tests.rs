//! A search for bytes finds what a search of each payload finds.
//!
//! `RINGLOG_GREPS` sets the number of logs.

use std::path::{Path, PathBuf};

use crate::dice::Dice;
use crate::event::{Event, EventHeader, Gap, GapReason};
use crate::storage::read::seek::log_index::LogIndex;
use crate::storage::{Filter, LogReader, LogScan, LogWriter, MmapReader, ReadError};

const LOGS: u64 = 15;

/// Returns bytes of which a search finds many in headers and padding, too.
fn noise(dice: &mut Dice, len: usize) -> Vec<u8> {
    (0..len).map(|_| dice.pick(&[0, 0, 0, 7, b'a', b'b', 0xA0, 0xFF])).collect()
}

/// Writes a log of several runs, each with some segments.
fn write_log(folder: &Path, dice: &mut Dice, most_payload: usize) {
    let segment_bytes = dice.pick(&[128 * 1024, 1 << 20]);
    for _ in 0..=dice.below(3) {
        let mut writer = LogWriter::options().segment_bytes(segment_bytes).open(folder).unwrap();
        let mut left = 100_000 + dice.below(1_usize << 20);
        while left > 0 {
            let payload_len = dice.below(most_payload);
            let payload = noise(dice, payload_len);
            let header = EventHeader::new(dice.next() % 50, dice.below(4) as u8, payload.len() as u16);
            if dice.one_in(500) {
                writer.append_gap(dice.next() % 50, Gap::new(GapReason::RingFull, 7)).unwrap();
            }
            writer.write_event(&header, &payload).unwrap();
            left = left.saturating_sub(header.stride());
        }
        if dice.one_in(2) {
            writer.close().unwrap();
        }
    }
}

/// What a search found: sequences with the bytes, and where it ended.
#[derive(PartialEq, Debug, Default)]
struct Found {
    events: Vec<(u64, Vec<u8>)>,
    error: Option<String>,
}

fn of_iterator<'a>(events: impl Iterator<Item = Result<Event<'a>, ReadError>>) -> Found {
    let mut found = Found::default();
    for event in events {
        match event {
            Ok(event) => found.events.push((event.sequence, event.payload.to_vec())),
            Err(error) => found.error = Some(error.to_string()),
        }
    }
    found
}

/// Reads every record, and looks into its payload.
fn naively(path: &Path, filter: &Filter, needle: &[u8]) -> Found {
    let reader = LogReader::open(path).unwrap();
    of_iterator(reader.events().filter(|event| {
        event.as_ref().map_or(true, |event| {
            let holds = !event.header.is_gap() && event.payload.windows(needle.len()).any(|it| it == needle);
            holds && filter.matches(event)
        })
    }))
}

fn by_scan(path: &Path, filter: &Filter, index: Option<&LogIndex>) -> Found {
    let (mut scan, mut found) = (LogScan::open(path).unwrap(), Found::default());
    loop {
        match scan.advance_to(filter, index) {
            Ok(true) => {
                let event = scan.found_event().unwrap();
                if filter.matches(&event) {
                    found.events.push((event.sequence, event.payload.to_vec()));
                }
            }
            Ok(false) => return found,
            Err(error) => {
                found.error = Some(error.to_string());
                return found;
            }
        }
    }
}

/// All ways to search a log.
fn all_ways(path: &Path, filter: &Filter) -> [Found; 4] {
    let reader = LogReader::open(path).unwrap();
    let unverified = LogReader::open_unverified(path).unwrap();
    let index = LogIndex::open(path).unwrap();
    [
        of_iterator(reader.events_matching(filter)),
        of_iterator(unverified.events_matching(filter)),
        by_scan(path, filter, None),
        by_scan(path, filter, Some(&index)),
    ]
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    LogReader::open(folder).unwrap().segments().iter().map(|segment| segment.path.clone()).collect()
}

/// Returns the number of logs in a test.
fn logs() -> u64 {
    std::env::var("RINGLOG_GREPS").map_or(LOGS, |count| count.parse().unwrap())
}

#[test]
fn a_search_finds_what_a_search_of_each_payload_finds() {
    let mut found = 0;
    for seed in 0..logs() {
        let mut dice = Dice(seed);
        let folder = tempfile::tempdir().unwrap();
        let most_payload = dice.pick(&[9, 100, 3000, 40_000]);
        write_log(folder.path(), &mut dice, most_payload);
        if dice.one_in(2) {
            // Each segment then has an index.
            let _ = LogIndex::open(folder.path()).unwrap().sequence_since(0, u64::MAX).unwrap();
        }
        for _ in 0..4 {
            // From a needle that is everywhere to one that is nowhere.
            let needle_len = 1 + dice.below(12);
            let needle = noise(&mut dice, needle_len);
            let filter = match dice.below(4) {
                0 => Filter::new().event_type(2),
                1 => Filter::new().since(20).until(40),
                2 => Filter::new().sequences(100..3000),
                _ => Filter::new(),
            };
            let expected = naively(folder.path(), &filter, &needle);
            assert_eq!(expected.error, None);
            found += expected.events.len();
            for (ways, way) in all_ways(folder.path(), &filter.clone().grep(&needle)).into_iter().zip(0..) {
                let same = ways.error.is_none() && ways.events == expected.events;
                assert!(same, "seed {seed}, way {way}, {needle:?}, {filter:?}: {:?}", ways.error);
            }
            for file in segments(folder.path()).into_iter().take(2) {
                let whole = naively(&file, &filter, &needle);
                let reader = MmapReader::open(&file).unwrap();
                let ways = of_iterator(reader.events_matching(&filter.clone().grep(&needle)));
                assert!(ways == whole, "seed {seed}, {}, {needle:?}", file.display());
            }
        }
    }
    assert!(found > 100, "{found}");
}

#[test]
fn a_search_of_a_damaged_log_finds_all_before_the_damage_and_reports_no_other_place() {
    for seed in 0..2 * logs() {
        let mut dice = Dice(seed);
        let folder = tempfile::tempdir().unwrap();
        write_log(folder.path(), &mut dice, 200);
        let files = segments(folder.path());
        let file = &files[dice.below(files.len())];
        let mut bytes = std::fs::read(file).unwrap();
        let end = LogReader::open(file).unwrap().segments()[0].header.write_offset as usize;
        let at = 64 + dice.below(end - 64);
        bytes[at] ^= 1 << dice.below(8);
        std::fs::write(file, bytes).unwrap();
        for needle_len in [1, 3, 8] {
            let needle = noise(&mut dice, needle_len);
            let filter = Filter::new().grep(&needle);
            let expected = naively(folder.path(), &Filter::new(), &needle);
            let [mapped, _, scanned, indexed] = all_ways(folder.path(), &filter);
            for (ways, way) in [mapped, scanned, indexed].into_iter().zip(0..) {
                let words = format!("seed {seed}, way {way}, byte {at}, {needle:?}");
                assert!(ways.events.starts_with(&expected.events), "{words}: {:?}", ways.error);
                assert!(ways.error.is_none() || ways.error == expected.error, "{words}: {ways:?}");
            }
        }
    }
}
