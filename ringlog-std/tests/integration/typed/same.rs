//! A typed log gives what the same events give without descriptions.

use std::path::Path;

use ringlog::consumer::EventSource;
use ringlog::event::{Event, EventHeader, Gap, GapReason};
use ringlog::ring::RingBuffer;
use ringlog::storage::{
    Filter, LogFollower, LogReader, LogScan, LogWriter, ReadError, RecordCounts, merge, verify_log,
};

use super::{OTHER_TICK, TICK, TOCK, list, scratch};
use crate::dice::Dice;

/// A record without its sequence.
type Record = (EventHeader, Vec<u8>);

/// Number of random logs; each is compared in all ways.
const LOGS: u64 = 40;

/// What a writer does.
enum Step {
    Event(Record),
    Gap(u64, Gap),
    Run(Vec<Record>),
    /// In the typed log only.
    Register(&'static [&'static [u8]]),
    Restart,
}

fn record(random: &mut Dice, clock: &mut u64) -> Record {
    // Mostly forwards, at times backwards.
    *clock = (*clock + random.below(50)).saturating_sub(random.below(20));
    let payload: Vec<u8> = (0..random.below(200)).map(|_| random.below(256) as u8).collect();
    let header = EventHeader::new(*clock, random.below(4) as u8, payload.len() as u16);
    (header.with_flags(random.below(16) as u8), payload)
}

fn steps(random: &mut Dice) -> Vec<Step> {
    let mut clock = 1_000;
    let lists: [&'static [&'static [u8]]; 4] = [&[TICK], &[OTHER_TICK, TOCK], &[TOCK], &[TICK, TOCK]];
    let count = 100 + random.below(400);
    let step = |_| match random.below(40) {
        0 => Step::Restart,
        1 | 2 => Step::Register(random.pick(&lists)),
        3 => {
            let gap = Gap::new(GapReason::RingFull, random.below(3));
            Step::Gap(clock, Gap { log_side: random.one_in(2), ..gap })
        }
        4..8 => Step::Run((0..1 + random.below(9)).map(|_| record(random, &mut clock)).collect()),
        _ => Step::Event(record(random, &mut clock)),
    };
    (0..count).map(step).collect()
}

fn write(folder: &Path, steps: &[Step], is_typed: bool) -> u64 {
    let open = |schemas: &[&[u8]]| {
        let options = LogWriter::options().segment_bytes(4096);
        let options = if is_typed { options.schemas(list(schemas)) } else { options };
        options.open(folder).unwrap()
    };
    let (mut writer, mut schemas): (_, &[&[u8]]) = (open(&[TICK]), &[TICK]);
    for step in steps {
        match step {
            Step::Event((header, payload)) => writer.write_event(header, payload).unwrap(),
            Step::Gap(timestamp, gap) => writer.append_gap(*timestamp, *gap).unwrap(),
            Step::Run(records) => {
                let mut ring = RingBuffer::new(1 << 14);
                for (header, payload) in records {
                    ring.write_event(header, payload).unwrap();
                }
                writer.append_run(&mut ring.peek_run(0).unwrap().unwrap()).unwrap();
            }
            Step::Register(described) if is_typed => {
                writer.register(&list(described)).unwrap();
                schemas = described;
            }
            Step::Register(_) => {}
            Step::Restart => {
                writer.close().unwrap();
                writer = open(schemas);
            }
        }
    }
    let position = writer.position();
    writer.sync().unwrap();
    assert_eq!(writer.durable_position(), position);
    writer.close().unwrap();
    position
}

fn records<'a>(events: impl Iterator<Item = Result<Event<'a>, ReadError>>) -> Vec<Record> {
    events.map(|event| event.unwrap()).map(|event| owned(&event)).collect()
}

fn owned(event: &Event<'_>) -> Record {
    (event.header.as_user(), event.payload.to_vec())
}

/// Checks that everything read from one record on is the same, no matter how the first one is found.
fn compare_from(logs: &[&Path; 2], all: &[Record], readers: &[LogReader; 2], from: usize) {
    for (log, reader) in logs.iter().zip(readers) {
        // The same record has another sequence in a typed log.
        let sequence =
            reader.events().nth(from).map_or(reader.next_sequence(), |event| event.unwrap().sequence);
        assert!(records(reader.events_from(sequence)) == all[from..]);
        assert!(
            records(reader.events_from(sequence).take(7))
                == all[from..].iter().take(7).cloned().collect::<Vec<_>>()
        );
        let mut follower = LogFollower::open_at(log, sequence).unwrap();
        let mut scan = LogScan::open(log).unwrap();
        scan.seek_record(sequence).unwrap();
        for record in &all[from..] {
            assert!(owned(&follower.next_event().unwrap().unwrap()) == *record);
            assert!(owned(&scan.next_event().unwrap().unwrap()) == *record);
        }
        assert!(follower.next_event().unwrap().is_none() && scan.next_event().unwrap().is_none());
    }
}

/// Checks that a search by time and a filter choose the same records.
fn compare_since(readers: &[LogReader; 2], scans: &[LogScan; 2], since: u64, event_type: u8) {
    let found = readers.each_ref().map(|reader| records(reader.events_since(since)));
    assert!(found[0] == found[1], "since {since}");
    let filter = Filter::new().event_type(event_type).since(since).until(since + 400);
    let chosen = readers.each_ref().map(|reader| {
        records(reader.events().filter(|event| event.as_ref().is_ok_and(|event| filter.matches(event))))
    });
    assert!(chosen[0] == chosen[1], "type {event_type} since {since}");
    let first = [0, 1].map(|log: usize| {
        let sequence = scans[log].sequence_since(0, since).unwrap();
        sequence.map(|sequence| owned(&readers[log].events_from(sequence).next().unwrap().unwrap()))
    });
    assert!(first[0] == first[1], "sequence since {since}");
}

fn counts(log: &Path) -> RecordCounts {
    let check = verify_log(log).unwrap();
    assert!(check.segments.iter().all(|segment| segment.verdict.is_whole()), "{check:?}");
    check.counts()
}

#[test]
fn a_typed_log_gives_the_same_as_the_same_events_untyped_in_every_way_of_reading() {
    for seed in 0..LOGS {
        let mut random = Dice(seed);
        let steps = steps(&mut random);
        let folders = [scratch(), scratch()];
        let logs = folders.each_ref().map(|folder| folder.path());
        assert_eq!(write(logs[0], &steps, true), write(logs[1], &steps, false), "seed {seed}");
        let readers = logs.map(|log| LogReader::open(log).unwrap());
        let scans = logs.map(|log| LogScan::open(log).unwrap());
        let all = records(readers[1].events());
        assert!(records(readers[0].events()) == all, "seed {seed}");
        for _ in 0..20 {
            compare_from(&logs, &all, &readers, random.below(all.len() as u64) as usize);
            compare_since(&readers, &scans, 800 + random.below(4_000), random.below(4) as u8);
        }
        let merged = |log: usize| {
            let both = [readers[log].events_since(0), readers[log].events_since(1_500)];
            merge(both)
                .map(|merged| merged.unwrap())
                .map(|(from, event)| (from, owned(&event)))
                .collect::<Vec<_>>()
        };
        assert!(merged(0) == merged(1), "seed {seed}");
        let mut counts = logs.map(counts);
        assert!(counts[0].meta > 0);
        counts[0].meta = 0;
        assert_eq!(counts[0], counts[1], "seed {seed}");
    }
}
