//! Compares seeking with a naive search, and counts its cost.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use ringlog::event::{Event, EventHeader};
use ringlog::storage::{Filter, LogReader, LogScan, LogWriter, MmapReader, ReadError};

use super::support::{segments, wait_until_visible};
use crate::dice::Dice;

/// What identifies a record here: sequence, timestamp, type.
type Known = (u64, u64, u8);

fn known(event: &Event<'_>) -> Known {
    (event.sequence, event.header.timestamp, event.header.event_type)
}

/// Makes a log with timestamps that rise on the whole and often go backwards. Returns its writer too if that is
/// at work.
fn random_log(
    folder: &Path,
    random: &mut Dice,
    events: u64,
    segment_bytes: u64,
) -> (Vec<Known>, Option<LogWriter>) {
    let options = LogWriter::options().segment_bytes(segment_bytes);
    let mut writer = options.open(folder).unwrap();
    let mut all = Vec::new();
    let mut now = 1000;
    for _ in 0..events {
        now += random.below(20);
        let timestamp = now - random.below(now.min(300));
        let (event_type, len) = (random.below(5) as u8, random.below(200));
        let header = EventHeader::new(timestamp, event_type, len as u16);
        all.push((writer.next_sequence(), timestamp, event_type));
        writer.write_event(&header, &vec![1; len as usize]).unwrap();
        if random.one_in(400) {
            writer.close().unwrap();
            writer = options.open(folder).unwrap();
        }
    }
    // Some logs are live.
    if random.one_in(2) {
        writer.close().unwrap();
        return (all, None);
    }
    wait_until_visible(folder, events);
    (all, Some(writer))
}

fn since(all: &[Known], timestamp: u64) -> &[Known] {
    let at = all.iter().position(|(_, it, _)| *it >= timestamp).unwrap_or(all.len());
    &all[at..]
}

#[test]
fn seeking_finds_what_a_naive_search_finds() {
    let mut random = Dice(1);
    for round in 0..12 {
        let folder = tempfile::tempdir().unwrap();
        let (events, segment_bytes) = (random.below(3000) + 1, 4096 << random.below(9));
        let (all, _writer) = random_log(folder.path(), &mut random, events, segment_bytes);
        let latest = all.iter().map(|(_, timestamp, _)| *timestamp).max().unwrap();
        let reader = LogReader::open(folder.path()).unwrap();
        assert_eq!((reader.len(), reader.next_sequence()), (events, events));
        for _ in 0..25 {
            let sequence = random.below(events + 3);
            let found: Vec<Known> = reader.events_from(sequence).map(|it| known(&it.unwrap())).collect();
            assert_eq!(found, all[(sequence as usize).min(all.len())..], "round {round}: from {sequence}");

            let time = random.below(latest + 50);
            let found: Vec<Known> = reader.events_since(time).map(|it| known(&it.unwrap())).collect();
            assert_eq!(found, since(&all, time), "round {round}: since {time}");
            assert_scan_finds(folder.path(), &all, time);
            assert_filters_agree(&reader, &all, &mut random, latest);
        }
        // A second reader, which finds the indexes that the first one left.
        let again = LogReader::open(folder.path()).unwrap();
        for time in (0..latest + 50).step_by(latest as usize / 20 + 1) {
            let found: Vec<Known> = again.events_since(time).map(|it| known(&it.unwrap())).collect();
            assert_eq!(found, since(&all, time), "round {round}: since {time}, with kept indexes");
        }
    }
}

fn assert_scan_finds(folder: &Path, all: &[Known], time: u64) {
    let mut scan = LogScan::open(folder).unwrap();
    let expected = since(all, time).first();
    let found = scan.sequence_since(0, time).unwrap();
    assert_eq!(found, expected.map(|(sequence, ..)| *sequence));
    assert_eq!((scan.next_sequence(), scan.end_sequence().unwrap()), (0, all.len() as u64));
    scan.seek_record(found.unwrap_or(u64::MAX)).unwrap();
    assert_eq!(scan.next_event().unwrap().map(|it| known(&it)), expected.copied());
}

fn assert_filters_agree(reader: &LogReader, all: &[Known], random: &mut Dice, latest: u64) {
    let (from, to) = (random.below(all.len() as u64 + 5), random.below(all.len() as u64 + 5));
    let (since, until) = (random.below(latest + 9), random.below(latest + 9));
    let types = [random.below(5) as u8, random.below(5) as u8];
    let filter = Filter::new().sequences(from..to).since(since).until(until);
    let filter = filter.event_type(types[0]).event_type(types[1]);
    let is_wanted = |(sequence, timestamp, event_type): &&Known| {
        (from..to).contains(sequence) && (since..until).contains(timestamp) && types.contains(event_type)
    };
    let found: Vec<Known> = reader.events_matching(&filter).map(|it| known(&it.unwrap())).collect();
    let expected: Vec<Known> = all.iter().filter(is_wanted).copied().collect();
    assert_eq!(found, expected, "{filter:?}");
}

#[test]
fn a_single_file_is_searched_in_the_same_way() {
    let mut random = Dice(5);
    let folder = tempfile::tempdir().unwrap();
    let (all, _writer) = random_log(folder.path(), &mut random, 3000, 1 << 20);
    for (base, path) in segments(folder.path()) {
        let reader = MmapReader::open(&path).unwrap();
        let own = &all[base as usize..(base + reader.len()) as usize];
        for _ in 0..50 {
            let time = random.below(40_000);
            let found: Vec<Known> = reader.events_since(time).map(|it| known(&it.unwrap())).collect();
            assert_eq!(found, since(own, time), "since {time}");
            let wanted =
                Filter::new().event_type(2).since(time).sequences(base + random.below(500)..u64::MAX);
            let found: Vec<Known> = reader.events_matching(&wanted).map(|it| known(&it.unwrap())).collect();
            let expected: Vec<Known> = reader
                .events()
                .map(|it| it.unwrap())
                .filter(|it| wanted.matches(it))
                .map(|it| known(&it))
                .collect();
            assert_eq!(found, expected);
            assert_eq!(
                LogScan::open(&path).unwrap().sequence_since(0, time).unwrap(),
                since(own, time).first().map(|it| it.0)
            );
        }
    }
}

#[test]
fn a_wrong_index_is_made_anew() {
    let mut random = Dice(9);
    let folder = tempfile::tempdir().unwrap();
    let (all, _writer) = random_log(folder.path(), &mut random, 2000, 65_536);
    let find =
        || LogReader::open(folder.path()).unwrap().events_since(9000).next().map(|it| known(&it.unwrap()));
    let expected = since(&all, 9000).first().copied();
    assert_eq!(find(), expected);
    let files: Vec<_> =
        fs::read_dir(folder.path().join("index")).unwrap().map(|it| it.unwrap().path()).collect();
    for file in &files {
        let good = fs::read(file).unwrap();
        for bad in [&[][..], &good[..good.len() / 2], b"something else", &[0xFF; 64]] {
            fs::write(file, bad).unwrap();
            assert_eq!(find(), expected);
        }
    }
    // Indexes of a log whose segments had the same names.
    let other = tempfile::tempdir().unwrap();
    let (all, _writer) = random_log(other.path(), &mut random, 2000, 65_536);
    let _ = fs::remove_dir_all(other.path().join("index"));
    fs::rename(folder.path().join("index"), other.path().join("index")).unwrap();
    let reader = LogReader::open(other.path()).unwrap();
    for time in (0..30_000).step_by(500) {
        let found = reader.events_since(time).next().map(|it| known(&it.unwrap()));
        assert_eq!(found, since(&all, time).first().copied());
    }
}

#[test]
fn a_search_by_time_stops_at_damage_that_may_hide_what_is_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = LogWriter::options().segment_bytes(4096).open(folder.path()).unwrap();
    for number in 0..1000 {
        writer.write_event(&EventHeader::new(number, 0, 8), &[5; 8]).unwrap();
    }
    writer.close().unwrap();
    let (base, path) = segments(folder.path()).remove(2);
    // The tenth record of the third segment.
    let offset = 64 + 10 * 24;
    OpenOptions::new().write(true).open(&path).unwrap().write_all_at(&[0xEE; 4], offset).unwrap();
    let reader = LogReader::open(folder.path()).unwrap();
    let found = reader.events_since(base + 9).next().unwrap().unwrap().sequence;
    assert_eq!(found, base + 9);
    for time in [base + 10, 900] {
        let error = reader.events_since(time).next().unwrap().unwrap_err();
        assert!(matches!(error, ReadError::Record { source, .. } if source.offset == offset), "{error}");
        let error = LogScan::open(folder.path()).unwrap().sequence_since(0, time).unwrap_err();
        assert!(matches!(error, ReadError::Record { source, .. } if source.offset == offset), "{error}");
    }
    // A search by sequence does not need its index.
    assert_eq!(reader.events_from(900).next().unwrap().unwrap().sequence, 900);
    assert!(
        !folder.path().join("index").join(format!("{base:020}.idx")).exists(),
        "nothing of damage is kept"
    );
}
