//! `replay`: its pace, merging of logs, and where events go.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ringlog::event::{ClockKind, Event, EventHeader, Gap, GapReason, MetaTopic};
use ringlog::ring::{RingOptions, SharedRing};
use ringlog::storage::{LogReader, LogWriter, SchemaList, SegmentSchemas};

use super::support::{RINGLOG, assert_code, log_writer, records_of, ringlog, stderr_of, stdout_of, word};

const MILLI: u64 = 1_000_000;

const TICK: &[u8] = br#"{"type":7,"name":"tick","size":0,"fields":[],"tail":"text"}"#;
const OTHER_TICK: &[u8] = br#"{"type":7,"name":"tock","size":0,"fields":[],"tail":"bytes"}"#;

/// Makes a log with events at these times in milliseconds; the payload is the time.
fn log_at(folder: &Path, name: &str, clock: ClockKind, millis: &[u64]) -> PathBuf {
    let path = folder.join(name);
    let mut writer = log_writer(&LogWriter::options().segment_bytes(4096).clock(clock), &path);
    for milli in millis {
        let text = milli.to_string();
        let header = EventHeader::new(milli * MILLI, 7, text.len() as u16).with_flags(5);
        writer.write_event(&header, text.as_bytes()).unwrap();
    }
    writer.close().unwrap();
    path
}

/// Returns what was printed, and how long that took.
fn replay(words: &[&str]) -> (Vec<u64>, Duration) {
    let started = Instant::now();
    let output = ringlog(&[&["replay", "--format", "raw", "--separator", r"\n"], words].concat());
    let elapsed = started.elapsed();
    let text = std::str::from_utf8(stdout_of(&output)).unwrap();
    (text.lines().map(|line| line.parse().unwrap()).collect(), elapsed)
}

#[test]
fn events_come_at_their_pace_or_faster() {
    let folder = tempfile::tempdir().unwrap();
    // A day after the epoch; the first event is due at once all the same.
    let day = 86_400_000;
    let times = [day, day + 200, day + 100, day + 600];
    let log = log_at(folder.path(), "log", ClockKind::UnixNanos, &times);
    let log = word(&log);
    for (speed, least) in [("1", 600), ("2", 300), ("0.5", 1200)] {
        let (found, elapsed) = replay(&[log, "--speed", speed]);
        assert_eq!(found, times);
        let (least, most) = (Duration::from_millis(least), Duration::from_millis(least + 5000));
        assert!((least..most).contains(&elapsed), "speed {speed}: {elapsed:?}");
    }
    let (found, elapsed) = replay(&[log, "--speed", "max"]);
    assert_eq!(found, times);
    assert!(elapsed < Duration::from_millis(550), "{elapsed:?}");
    assert_eq!(replay(&[log]).0, times, "the default is the original pace");
    assert_eq!(replay(&[log, "--limit", "1"]).0, times[..1]);
    assert_eq!(replay(&[log, "--limit", "0"]).0, [0; 0]);
}

#[test]
fn a_clock_that_was_set_back_stalls_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let times = [90_000_000, 90_000_100, 5_000, 5_100];
    let log = log_at(folder.path(), "log", ClockKind::UnixNanos, &times);
    let (found, elapsed) = replay(&[word(&log)]);
    assert_eq!(found, times);
    assert!((Duration::from_millis(200)..Duration::from_secs(20)).contains(&elapsed), "{elapsed:?}");
}

#[test]
fn a_clock_of_unknown_rate_has_no_pace() {
    let folder = tempfile::tempdir().unwrap();
    for clock in [ClockKind::Ticks, ClockKind::Unspecified] {
        let log = log_at(folder.path(), &format!("{}", clock.code()), clock, &[1, 2]);
        let output = ringlog(&["replay", word(&log)]);
        assert_code(&output, 2);
        assert!(stderr_of(&output).contains("--speed max"), "{}", stderr_of(&output));
        assert_eq!(replay(&[word(&log), "--speed", "max"]).0, [1, 2]);
    }
    let unix = log_at(folder.path(), "unix", ClockKind::UnixNanos, &[1, 2]);
    let monotonic = log_at(folder.path(), "monotonic", ClockKind::MonotonicNanos, &[1, 2]);
    let output = ringlog(&["replay", word(&unix), word(&monotonic), "--speed", "max"]);
    assert_code(&output, 2);
    assert!(stderr_of(&output).contains("cannot be compared"), "{}", stderr_of(&output));
}

#[test]
fn several_logs_are_merged_by_time_and_filtered() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ClockKind::UnixNanos;
    let odd: Vec<u64> = (0..300).map(|it| 2 * it + 1).collect();
    let even: Vec<u64> = (0..300).map(|it| 2 * it).collect();
    let logs = [log_at(folder.path(), "a", clock, &odd), log_at(folder.path(), "b", clock, &even)];
    let (a, b) = (word(&logs[0]), word(&logs[1]));
    assert_eq!(replay(&[a, b, "--speed", "max"]).0, (0..600).collect::<Vec<_>>());
    let some = replay(&[a, b, "--speed", "max", "--since", "500000000", "--until", "505000000"]).0;
    assert_eq!(some, [500, 501, 502, 503, 504]);
    let some = replay(&[a, b, "--speed", "max", "--from-seq", "2", "--to-seq", "4"]).0;
    assert_eq!(some, [4, 5, 6, 7]);
    let (first, second) = (replay(&[a, a, "--speed", "max", "--to-seq", "2"]).0, [1, 1, 3, 3]);
    assert_eq!(first, second);
}

#[test]
fn a_new_log_gets_the_same_events_and_gaps() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_at(folder.path(), "log", ClockKind::MonotonicNanos, &(0..200).collect::<Vec<_>>());
    let mut writer = log_writer(&LogWriter::options().clock(ClockKind::MonotonicNanos), &log);
    writer.append_gap(201 * MILLI, Gap { log_side: true, ..Gap::new(GapReason::DiskFull, 4) }).unwrap();
    writer.append_gap(202 * MILLI, Gap::new(GapReason::RingFull, 3)).unwrap();
    writer.write_event(&EventHeader::new(203 * MILLI, 9, 2), b"\0\n").unwrap();
    writer.close().unwrap();

    let copy = folder.path().join("copy");
    let output = ringlog(&["replay", word(&log), "--speed", "max", "--to", word(&copy)]);
    assert_eq!(stdout_of(&output), b"");
    assert!(stderr_of(&output).contains("201 events and 2 gaps"), "{}", stderr_of(&output));
    assert_eq!(records_of(&copy), records_of(&log));
    let (first, second) = (LogReader::open(&log).unwrap(), LogReader::open(&copy).unwrap());
    let gaps = |log: &LogReader| log.events().filter_map(|it| it.unwrap().gap()).collect::<Vec<_>>();
    assert_eq!(gaps(&first), gaps(&second));
    let flags = |log: &LogReader| log.events().map(|it| it.unwrap().header.user_flags()).collect::<Vec<_>>();
    assert_eq!(flags(&first), flags(&second));
    assert_eq!(second.segments()[0].header.clock(), ClockKind::MonotonicNanos);

    let again = ringlog(&["replay", word(&log), "--speed", "max", "--to", word(&copy)]);
    assert_code(&again, 2);
    assert!(stderr_of(&again).contains("already holds a log"), "{}", stderr_of(&again));
}

#[test]
fn a_long_silence_ends_with_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_at(folder.path(), "log", ClockKind::UnixNanos, &[0, 3_600_000]);
    let copy = folder.path().join("copy");
    let mut child = Command::new(RINGLOG)
        .args(["replay", word(&log), "--to", word(&copy)])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while LogReader::open(&copy).map_or(0, |copy| copy.len()) == 0 {
        assert!(Instant::now() < deadline, "the first event does not come");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(3), "not all of it");
    assert_eq!(records_of(&copy).len(), 1);
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_at(folder.path(), "log", ClockKind::UnixNanos, &[0, 3_600_000]);
    let mut child = Command::new(RINGLOG)
        .args(["replay", word(&log)])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut [0; 10]).unwrap();
    drop(out);
    // It ends although the next event is due an hour later.
    let output = child.wait_with_output().unwrap();
    assert_code(&output, 0);
    let said = stderr_of(&output);
    assert!(
        said.starts_with("waiting ") && said.contains(" for the next event, from 1970-01-01T01:00:00"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn no_wait_is_longer_than_it_may_be_and_the_pace_after_it_is_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    // An hour of silence, a step of the clock by 53 years, and one back.
    let (hour, years) = (3_600_000, 1_700_000_000_000);
    let times = [0, 100, hour, hour + 150, years, years + 150, hour + 200, hour + 250];
    let log = log_at(folder.path(), "log", ClockKind::UnixNanos, &times);
    for (most, least) in [("300ms", 1050), ("10ms", 10 * 6)] {
        let started = Instant::now();
        let output =
            ringlog(&["replay", word(&log), "--format", "raw", "--separator", r"\n", "--max-wait", most]);
        let elapsed = started.elapsed();
        assert_eq!(stdout_of(&output).iter().filter(|&&byte| byte == b'\n').count(), times.len());
        assert!((Duration::from_millis(least)..Duration::from_secs(20)).contains(&elapsed), "{elapsed:?}");
        let said = stderr_of(&output);
        assert!(said.contains("shortened, by 53.9 years in all"), "{said}");
        assert!(!said.contains("waiting"), "{said}");
        let count = if most == "300ms" { "2 waits" } else { "6 waits" };
        assert!(said.starts_with(count), "{said}");
    }
    for words in [&["--max-wait", "0"][..], &["--max-wait", "soon"]] {
        assert_code(&ringlog(&[&["replay", word(&log)], words].concat()), 2);
    }
}

#[test]
fn a_capture_that_begins_without_a_time_is_replayed_at_once() {
    let word_of = |value: u32| value.to_le_bytes();
    let block = |block_type: u32, body: &[u8]| {
        let length = word_of(body.len() as u32 + 12);
        [&word_of(block_type)[..], &length, body, &length].concat()
    };
    let micros = 1_700_000_000_000_000_u64;
    let timed = [0, (micros >> 32) as u32, micros as u32, 4, 4].map(word_of).concat();
    let capture = [
        block(0x0A0D_0D0A, &[&word_of(0x1A2B_3C4D)[..], &[1, 0, 0, 0], &[0xFF; 8]].concat()),
        block(1, &[1, 0, 0, 0, 0, 0, 0, 0]),
        block(3, &[&word_of(4)[..], b"none"].concat()),
        block(6, &[&timed[..], b"time"].concat()),
    ];
    let folder = tempfile::tempdir().unwrap();
    let (file, log) = (folder.path().join("a.pcapng"), folder.path().join("log"));
    std::fs::write(&file, capture.concat()).unwrap();
    let imported = ringlog(&["import", word(&file), "--payload-only", "--log", word(&log)]);
    let said = String::from_utf8_lossy(stdout_of(&imported)).into_owned();
    assert!(said.contains("took that of the first one with: 1"), "{said}");
    let output = ringlog(&["replay", word(&log), "--format", "raw", "--separator", r"\n"]);
    assert_eq!((stdout_of(&output), stderr_of(&output).as_str()), (&b"none\ntime\n"[..], ""));
    assert!(records_of(&log).iter().all(|record| record.timestamp == micros * 1000));
}

#[test]
fn a_shared_ring_that_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_at(folder.path(), "log", ClockKind::UnixNanos, &[0]);
    let ring = format!("ring:{}", folder.path().join("missing").display());
    let output = ringlog(&["replay", word(&log), "--to", &ring]);
    assert_ne!(output.status.code(), Some(0));
    assert!(stderr_of(&output).contains("missing"), "{}", stderr_of(&output));
}

#[test]
fn a_shared_ring_brings_the_events_into_another_programs_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_at(folder.path(), "log", ClockKind::UnixNanos, &(0..500).collect::<Vec<_>>());
    let (ring, copy) = (folder.path().join("events.ring"), folder.path().join("copy"));
    let mut recorder = Command::new(RINGLOG)
        .args(["serve", "--ring", word(&ring), "--log", word(&copy)])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let to = format!("ring:{}", ring.display());
    // The ring may not exist yet.
    while ringlog(&["replay", word(&log), "--speed", "max", "--to", &to]).status.code() != Some(0) {
        assert!(Instant::now() < deadline, "the ring does not come");
        std::thread::sleep(Duration::from_millis(5));
    }
    while LogReader::open(&copy).map_or(0, |copy| copy.len()) < 500 {
        assert!(Instant::now() < deadline, "the events do not come");
        std::thread::sleep(Duration::from_millis(5));
    }
    recorder.kill().unwrap();
    recorder.wait().unwrap();
    assert_eq!(records_of(&copy), records_of(&log));
}

/// Makes a log of runs with 300 events each, described by `schemas`.
fn typed_log(path: &Path, schemas: &[&[u8]]) {
    for (run, schema) in (0..).zip(schemas) {
        let mut list = SchemaList::new();
        list.insert(MetaTopic::EventType(7), *schema).unwrap();
        let mut writer = LogWriter::options().schemas(list).open(path).unwrap();
        for number in 300 * run..300 * (run + 1) {
            writer.write_event(&EventHeader::new(number, 7, 4), b"tick").unwrap();
        }
        writer.close().unwrap();
    }
}

/// For each event, what its segment says of its type.
fn descriptions(log: &Path) -> Vec<Vec<u8>> {
    let reader = LogReader::open(log).unwrap();
    let of = |event: &Event<'_>| {
        SegmentSchemas::of(event).and_then(|it| it.list().of_type(7)).unwrap_or_default().to_vec()
    };
    reader
        .events()
        .map(Result::unwrap)
        .filter(|event| event.gap().is_none())
        .map(|event| of(&event))
        .collect()
}

#[test]
fn a_ring_gets_the_descriptions_of_the_log_and_waits_where_they_change() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    typed_log(&log, &[TICK, OTHER_TICK, TICK]);
    let (ring, copy) = (folder.path().join("events.ring"), folder.path().join("copy"));
    // Room for a part of the events only.
    let options = RingOptions { capacity: Some(4096), max_payload: Some(64), ..RingOptions::default() };
    drop(SharedRing::create(&ring, &options).unwrap());
    let to = format!("ring:{}", ring.display());
    let mut replayed = Command::new(RINGLOG)
        .args(["replay", word(&log), "--speed", "max", "--to", &to])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut recorder = Command::new(RINGLOG)
        .args(["serve", "--ring", word(&ring), "--log", word(&copy)])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    assert!(replayed.wait().unwrap().success());
    let deadline = Instant::now() + Duration::from_secs(30);
    while LogReader::open(&copy).map_or(0, |copy| copy.events().count()) < 900 {
        assert!(Instant::now() < deadline, "the events do not come");
        std::thread::sleep(Duration::from_millis(5));
    }
    recorder.kill().unwrap();
    recorder.wait().unwrap();
    assert_eq!(descriptions(&copy), descriptions(&log));
}

#[test]
fn a_replay_that_waits_for_the_recorder_of_a_ring_says_so_and_can_be_ended() {
    let folder = tempfile::tempdir().unwrap();
    let (log, ring) = (folder.path().join("log"), folder.path().join("events.ring"));
    typed_log(&log, &[TICK, OTHER_TICK]);
    drop(SharedRing::create(&ring, &RingOptions::default()).unwrap());
    let to = format!("ring:{}", ring.display());
    let mut replayed = Command::new(RINGLOG)
        .args(["replay", word(&log), "--speed", "max", "--to", &to])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(replayed.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(line.contains("waiting until the events in") && line.contains("ringlog serve --ring"), "{line}");
    // All events of the first run are in the ring, under their description.
    let list = SharedRing::open(&ring).unwrap().current_schemas().unwrap();
    assert_eq!(list.of_type(7), Some(TICK));
    assert!(Command::new("kill").args(["-INT", &replayed.id().to_string()]).status().unwrap().success());
    assert_eq!(replayed.wait().unwrap().code(), Some(3));
    said.read_to_string(&mut line).unwrap();
    assert!(line.contains("wrote 300 events"), "{line}");
}
