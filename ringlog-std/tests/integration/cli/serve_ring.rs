//! `ringlog serve --ring`: another program writes, and one of the two is killed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ringlog::event::EventHeader;
use ringlog::ring::{Producer, SharedRing, WriteError};
use ringlog::storage::LogReader;

use crate::typed::{TICK, list};

use super::serve::{Running, info, spawn};
use super::support::{assert_code, json_of, number, records_of, ringlog, stderr_of, stdout_of, word};

struct Place {
    _folder: tempfile::TempDir,
    ring: PathBuf,
    log: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { ring: folder.path().join("ring"), log: folder.path().join("log"), _folder: folder }
    }

    fn words(&self) -> Vec<&str> {
        vec!["serve", "--ring", word(&self.ring), "--log", word(&self.log), "--ring-size", "128KiB", "--json"]
    }

    fn serve(&self) -> Running {
        Running(spawn(&self.words()))
    }
}

fn claim(ring: &Path) -> Producer {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        match SharedRing::open(ring).and_then(|ring| ring.claim_producer()) {
            Ok(producer) => return producer,
            Err(error) => assert!(error.is_transient() && Instant::now() < end, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Writes these events, and waits for room.
fn write(producer: &mut Producer, numbers: std::ops::Range<u64>) {
    let end = Instant::now() + Duration::from_secs(30);
    for number in numbers {
        let header = EventHeader::new(number, 1, 8);
        while producer.write_event(&header, &number.to_le_bytes()) == Err(WriteError::Full) {
            assert!(Instant::now() < end, "nobody drains the ring");
            std::thread::yield_now();
        }
    }
}

fn wait_for_drain(producer: &Producer) {
    let end = Instant::now() + Duration::from_secs(30);
    while producer.used() > 0 {
        assert!(Instant::now() < end, "nobody drains the ring");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn assert_holds(log: &Path, events: u64) {
    let times: Vec<u64> = records_of(log).into_iter().map(|record| record.timestamp).collect();
    assert_eq!(times, (0..events).collect::<Vec<_>>());
    assert_eq!(json_of(&ringlog(&["verify", word(log), "--json"]))["result"], "clean");
}

#[test]
fn what_another_program_writes_is_recorded_until_somebody_stops_it() {
    let place = Place::new();
    let service = place.serve();
    let mut producer = claim(&place.ring);
    // More events than the ring holds at once.
    write(&mut producer, 0..20_000);
    service.terminate();
    let summary = service.summary();
    assert_eq!((number(&summary, "events"), number(&summary, "lost")), (20_000, 0));
    assert_eq!(number(&summary, "produced"), 20_000);
    assert_eq!(summary["ended"], "asked to stop");
    assert_eq!(info(&place.log)["events"], summary["events"]);

    // Without a service, the ring takes what it has room for, and the next run records that.
    write(&mut producer, 20_000..20_100);
    let service = place.serve();
    wait_for_drain(&producer);
    drop(producer);
    write(&mut claim(&place.ring), 20_100..20_200);
    service.terminate();
    assert_eq!(number(&service.summary(), "events"), 200);
    assert_holds(&place.log, 20_200);
}

#[test]
fn a_killed_service_continues_where_it_was() {
    let place = Place::new();
    let mut producer = None;
    for round in 0..4 {
        let mut service = place.serve();
        write(producer.get_or_insert_with(|| claim(&place.ring)), round * 5000..round * 5000 + 5000);
        service.0.kill().unwrap();
        service.0.wait().unwrap();
    }
    let service = place.serve();
    // What is drained now is drained by this one, which has seen to its signals before.
    write(producer.as_mut().unwrap(), 20_000..20_001);
    wait_for_drain(producer.as_ref().unwrap());
    service.terminate();
    service.summary();
    assert_holds(&place.log, 20_001);
}

#[test]
fn limits_end_it_and_the_rest_stays_in_the_ring() {
    let place = Place::new();
    let timed = json_of(&ringlog(&[&place.words()[..], &["--for", "100ms"]].concat()));
    assert_eq!(number(&timed, "events"), 0);
    assert_eq!(timed["ended"], "the time given by --for is over");
    let mut producer = claim(&place.ring);
    write(&mut producer, 0..3000);
    let limited = json_of(&ringlog(&[&place.words()[..], &["--max-bytes", "1KiB"]].concat()));
    assert_eq!(limited["ended"], "the size given by --max-bytes is reached");
    assert!(number(&limited, "bytes") >= 1024);
    json_of(&ringlog(&[&place.words()[..], &["--for", "200ms"]].concat()));
    assert_holds(&place.log, 3000);
}

#[test]
fn what_it_cannot_do_is_said() {
    let place = Place::new();
    let service = place.serve();
    let mut producer = claim(&place.ring);
    // The ring is there before the service has its role: another one could be faster.
    write(&mut producer, 0..1);
    wait_for_drain(&producer);
    drop(producer);
    let other = place.log.with_file_name("other");
    let output = ringlog(&["serve", "--ring", word(&place.ring), "--log", word(&other)]);
    assert_code(&output, 1);
    let said = stderr_of(&output);
    assert!(said.contains("consumer") && said.contains(&format!("process {}", service.0.id())), "{said}");
    service.terminate();
    service.summary();

    let strange = place.log.with_file_name("strange");
    std::fs::write(&strange, [b'x'; 8192]).unwrap();
    let output = ringlog(&["serve", "--ring", word(&strange), "--log", word(&place.log)]);
    assert_code(&output, 1);
    assert!(stderr_of(&output).contains("strange"));
    assert_code(&ringlog(&["serve", "--ring", word(&strange), "--feed", "demo"]), 2);
}

#[test]
fn the_log_describes_events_as_the_producer_does_or_says_why_not() {
    for is_missing in [false, true] {
        let place = Place::new();
        let service = place.serve();
        drop(claim(&place.ring));
        let described = SharedRing::open(&place.ring).unwrap().schemas(list(&[TICK]));
        let mut producer = described.claim_producer().unwrap();
        if is_missing {
            let files = place.ring.parent().unwrap().read_dir().unwrap().map(|entry| entry.unwrap().path());
            let mut lists = files.filter(|path| word(path).contains("ring.schema-"));
            std::fs::remove_file(lists.next().unwrap()).unwrap();
        }
        write(&mut producer, 0..10);
        wait_for_drain(&producer);
        service.terminate();
        let summary = service.summary();
        assert_eq!(number(&summary, "events"), 10);
        let problems = summary["schema_problems"].as_array().map_or(0, Vec::len);
        let schemas = LogReader::open(&place.log).unwrap().schemas().unwrap();
        assert_eq!((problems, schemas.len()), if is_missing { (1, 0) } else { (0, 1) });
    }
}

#[test]
fn a_header_is_emitted_of_a_log_whose_last_segments_have_gap_records_alone() {
    let place = Place::new();
    let service = place.serve();
    drop(claim(&place.ring));
    let described = SharedRing::open(&place.ring).unwrap().schemas(list(&[TICK]));
    let mut producer = described.claim_producer().unwrap();
    write(&mut producer, 0..10);
    wait_for_drain(&producer);
    service.terminate();
    let _ = service.summary();
    write(&mut producer, 10..20);
    let mut given_up = place.words();
    given_up.extend(["--skip-to-head", "--for", "1ms"]);
    let _ = ringlog(&given_up);
    let files = place.log.read_dir().unwrap().map(|entry| entry.unwrap().path());
    assert_eq!(
        files.filter(|path| word(path).ends_with(".evtl")).count(),
        3,
        "a GAP record in each of the last two"
    );
    let emitted = ringlog(&["schema", "emit", word(&place.log), "--c"]);
    assert_code(&emitted, 0);
    let header = String::from_utf8_lossy(stdout_of(&emitted));
    assert!(
        header.contains("segment 00000000000000000000.evtl") && header.contains("struct rl_tick {"),
        "{header}"
    );
}
