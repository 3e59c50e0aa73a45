//! Consumers that follow the log of a recorder on threads of their own: slow, gone and back, refusing, panicking, overtaken.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use ringlog::consumer::EventConsumer;
use ringlog::event::{EventHeader, MetaTopic};
use ringlog::recorder::{FollowError, Recorder};
use ringlog::ring::{Producer, WriteError};
use ringlog::storage::{Cursor, LogWriter, LogWriterOptions, Retention, SchemaList, SyncPolicy};

const LIMIT: Duration = Duration::from_secs(60);

/// Sends what it gets, if `take` says so.
struct Consumer<F> {
    seen: Sender<u64>,
    take: F,
}

impl<F: FnMut(u64) -> bool> EventConsumer for Consumer<F> {
    fn consume(&mut self, header: &EventHeader, _: &[u8]) -> bool {
        let takes = (self.take)(header.timestamp);
        if takes {
            let _ = self.seen.send(header.timestamp);
        }
        takes
    }

    fn name(&self) -> &str {
        "consumer"
    }
}

fn consumer<F: FnMut(u64) -> bool>(take: F) -> (Consumer<F>, Receiver<u64>) {
    let (seen, sees) = mpsc::channel();
    (Consumer { seen, take }, sees)
}

fn start(log: &Path, options: LogWriterOptions) -> (Producer, Recorder) {
    Recorder::builder().ring_bytes(4096).log(options).start(log).unwrap()
}

/// Writes events with these timestamps, each as soon as there is room.
fn write(producer: &mut Producer, times: std::ops::Range<u64>) {
    let end = Instant::now() + LIMIT;
    for time in times {
        while let Err(error) = producer.write_event(&EventHeader::new(time, 7, 8), &[7; 8]) {
            assert_eq!(error, WriteError::Full);
            assert!(Instant::now() < end, "nobody takes event {time}");
            std::thread::yield_now();
        }
    }
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + LIMIT;
    while !is_so() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_consumer_that_blocks_holds_up_nobody_and_gets_everything() {
    let folder = tempfile::tempdir().unwrap();
    let (mut producer, recorder) = start(folder.path(), LogWriter::options());
    let (go, may_go) = mpsc::channel::<()>();
    let (blocks, sees) = consumer(move |time| time != 0 || may_go.recv().is_err());
    let follower = recorder.follow("blocks", blocks).unwrap();
    // A hundred rings full.
    write(&mut producer, 0..12_800);
    wait_until("the counts are noted", || recorder.counts().events == 12_800);
    let counts = recorder.counts();
    assert_eq!((counts.followers[0].events, counts.followers[0].lag_bytes), (0, 12_800 * 24));
    assert_eq!(recorder.shutdown(producer).unwrap().events, 12_800);
    drop(go);
    let counts = follower.wait(LIMIT).unwrap();
    assert_eq!((counts.events, counts.lag_bytes, counts.missed, counts.has_ended), (12_800, 0, 0, true));
    assert!(sees.iter().eq(0..12_800));
}

#[test]
fn one_that_comes_back_gets_each_event_at_least_once_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let options = LogWriter::options().sync(SyncPolicy::EveryBytes(4096)).segment_bytes(1 << 16);
    let (mut producer, recorder) = start(folder.path(), options);
    let mut next = 0;
    for turn in 1..=10 {
        let (takes, sees) = consumer(|_| true);
        let follower = recorder.follow("comes-back", takes).unwrap();
        write(&mut producer, (turn - 1) * 1000..turn * 1000);
        wait_until("it has taken something", || follower.counts().events > 0);
        follower.stop(LIMIT).unwrap();
        let seen: Vec<u64> = sees.iter().collect();
        assert!(seen[0] <= next, "event {next} is missing: it continues at {}", seen[0]);
        assert!(seen.windows(2).all(|pair| pair[1] == pair[0] + 1));
        next = next.max(seen[seen.len() - 1] + 1);
    }
    let (takes, sees) = consumer(|_| true);
    let follower = recorder.follow("comes-back", takes).unwrap();
    assert_eq!(recorder.counts().followers.len(), 1, "those before had the same name");
    recorder.shutdown(producer).unwrap();
    follower.wait(LIMIT).unwrap();
    assert!(sees.recv().unwrap() <= next);
    assert_eq!(Cursor::open(folder.path(), "comes-back").unwrap().next_sequence(), 10_000);
}

/// A loss of power may take the rest, and other events would get those sequences.
#[test]
fn the_cursor_stays_at_what_the_log_has_synced() {
    for (sync, expected) in [(SyncPolicy::Never, 0), (SyncPolicy::EveryEvent, 50)] {
        let folder = tempfile::tempdir().unwrap();
        let (mut producer, recorder) = start(folder.path(), LogWriter::options().sync(sync));
        let (takes, _sees) = consumer(|_| true);
        let follower = recorder.follow("cautious", takes).unwrap();
        write(&mut producer, 0..50);
        wait_until("it has taken all", || follower.counts().events == 50);
        // The last one is published before it is synced.
        wait_until("all is synced", || recorder.watch().durable_position() >= expected * 24);
        follower.stop(LIMIT).unwrap();
        assert_eq!(Cursor::open(folder.path(), "cautious").unwrap().next_sequence(), expected, "{sync:?}");
        recorder.shutdown(producer).unwrap();
    }
}

#[test]
fn what_it_refuses_is_offered_again_before_all_that_follows() {
    let folder = tempfile::tempdir().unwrap();
    let (mut producer, recorder) = start(folder.path(), LogWriter::options());
    let mut tries = 0;
    let (refuses, sees) = consumer(move |_| {
        tries += 1;
        tries % 3 == 0
    });
    let follower = recorder.follow("refuses", refuses).unwrap();
    write(&mut producer, 0..20);
    recorder.shutdown(producer).unwrap();
    let counts = follower.wait(LIMIT).unwrap();
    assert_eq!((counts.events, counts.refused), (20, 40));
    assert!(sees.iter().eq(0..20));
}

#[test]
fn one_that_panics_ends_alone_and_the_next_gets_that_event_again() {
    let folder = tempfile::tempdir().unwrap();
    let (mut producer, recorder) = start(folder.path(), LogWriter::options().sync(SyncPolicy::EveryEvent));
    let (panics, sees) = consumer(|time| {
        assert!(time < 5, "this one is meant to panic");
        true
    });
    let follower = recorder.follow("panics", panics).unwrap();
    write(&mut producer, 0..10);
    assert!(matches!(follower.wait(LIMIT), Err(FollowError::Panicked { .. })));
    assert!(sees.iter().eq(0..5));
    assert!(recorder.counts().followers[0].has_ended && !recorder.has_stopped());
    let (takes, sees) = consumer(|_| true);
    let follower = recorder.follow("panics", takes).unwrap();
    write(&mut producer, 10..12);
    recorder.shutdown(producer).unwrap();
    follower.wait(LIMIT).unwrap();
    let seen: Vec<u64> = sees.iter().collect();
    // The log may not have synced the last ones when the first one panicked.
    assert!(seen[0] <= 5 && seen.iter().copied().eq(seen[0]..12), "{seen:?}");
}

#[test]
fn a_second_one_of_a_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (producer, recorder) = start(folder.path(), LogWriter::options());
    let first = recorder.follow("one", consumer(|_| true).0).unwrap();
    let error = recorder.follow("one", consumer(|_| true).0).unwrap_err();
    assert!(matches!(error, FollowError::Cursor(_)), "{error}");
    first.stop(LIMIT).unwrap();
    recorder.follow("one", consumer(|_| true).0).unwrap();
    recorder.shutdown(producer).unwrap();
}

#[test]
fn one_that_comes_after_the_end_gets_the_log_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (mut producer, recorder) = start(folder.path(), LogWriter::options());
    write(&mut producer, 0..10);
    drop(producer);
    wait_until("the recorder ends", || recorder.has_stopped());
    let (takes, sees) = consumer(|_| true);
    let counts = recorder.follow("late", takes).unwrap().wait(LIMIT).unwrap();
    assert_eq!((counts.events, counts.lag_bytes), (10, 0));
    assert!(sees.iter().eq(0..10));
    recorder.stop().unwrap();
}

#[test]
fn one_that_a_retention_overtakes_counts_what_it_missed() {
    let folder = tempfile::tempdir().unwrap();
    let retention = Retention { max_segments: Some(2), cursor_bytes: Some(0), ..Retention::default() };
    let options = LogWriter::options().segment_bytes(4096).retention(retention);
    let (mut producer, recorder) = start(folder.path(), options);
    let (go, may_go) = mpsc::channel::<()>();
    let (blocks, sees) = consumer(move |time| time != 0 || may_go.recv().is_err());
    let follower = recorder.follow("overtaken", blocks).unwrap();
    write(&mut producer, 0..5000);
    let summary = recorder.shutdown(producer).unwrap();
    drop(go);
    let counts = follower.wait(LIMIT).unwrap();
    assert!(counts.missed > 0);
    assert_eq!(counts.events + counts.missed, summary.events);
    let seen: Vec<u64> = sees.iter().collect();
    assert!(seen.is_sorted() && seen.last() == Some(&4999), "{} events", seen.len());
}

/// What it gets in which order: descriptions as `None`.
struct Described(Sender<Option<u64>>);

impl EventConsumer for Described {
    fn consume(&mut self, header: &EventHeader, _: &[u8]) -> bool {
        let _ = self.0.send(Some(header.timestamp));
        true
    }

    fn meta(&mut self, topic: MetaTopic, _: &[u8]) {
        assert_eq!(topic, MetaTopic::EventType(7));
        let _ = self.0.send(None);
    }

    fn name(&self) -> &str {
        "described"
    }
}

#[test]
fn descriptions_come_before_the_events_that_they_describe() {
    let folder = tempfile::tempdir().unwrap();
    let described = |name: &str| {
        let json = format!(r#"{{"type":7,"name":"{name}","size":8,"fields":[]}}"#);
        let mut schemas = SchemaList::new();
        schemas.insert(MetaTopic::EventType(7), json.into_bytes()).unwrap();
        schemas
    };
    let builder = Recorder::builder().ring_bytes(4096).schemas(described("before"));
    let (mut producer, recorder) = builder.start(folder.path()).unwrap();
    let (got, gets) = mpsc::channel();
    let follower = recorder.follow("described", Described(got)).unwrap();
    write(&mut producer, 0..2);
    recorder.register(&described("after")).unwrap();
    write(&mut producer, 2..4);
    recorder.shutdown(producer).unwrap();
    follower.wait(LIMIT).unwrap();
    let got: Vec<_> = gets.iter().collect();
    assert_eq!(got, [None, Some(0), Some(1), None, Some(2), Some(3)]);
}

/// A child has a copy of each open file until it has become another program.
#[test]
fn a_name_is_free_at_once_also_while_programs_are_started() {
    let folder = tempfile::tempdir().unwrap();
    LogWriter::open(folder.path()).unwrap().close().unwrap();
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                assert!(Command::new("true").status().unwrap().success());
            }
        });
        let opened = (0..3000).map(|_| Cursor::open(folder.path(), "again").map(drop)).find(Result::is_err);
        is_done.store(true, Ordering::Relaxed);
        assert!(opened.is_none(), "{opened:?}");
    });
}

#[test]
fn one_that_stays_blocked_is_reported_and_left() {
    let folder = tempfile::tempdir().unwrap();
    let (mut producer, recorder) = start(folder.path(), LogWriter::options());
    let (_go, wait) = mpsc::channel::<()>();
    let (blocks, _) = consumer(move |_| wait.recv().is_ok());
    let (_leave, never) = mpsc::channel::<()>();
    let (stays, _) = consumer(move |_| never.recv().is_ok());
    let (follower, other) =
        (recorder.follow("blocks", blocks).unwrap(), recorder.follow("stays", stays).unwrap());
    write(&mut producer, 0..10);
    recorder.shutdown(producer).unwrap();
    let limit = Duration::from_millis(20);
    for error in [follower.wait(limit).unwrap_err(), other.stop(limit).unwrap_err()] {
        assert!(matches!(error, FollowError::Timeout { .. }), "{error}");
    }
}

#[test]
fn one_that_starts_at_the_end_of_a_log_has_no_lag() {
    let folder = tempfile::tempdir().unwrap();
    for run in 0..2_u64 {
        let (mut producer, recorder) = start(folder.path(), LogWriter::options());
        let (takes, _sees) = consumer(|_| true);
        let follower = recorder.follow("lag", takes).unwrap();
        if run == 0 {
            write(&mut producer, 0..100);
        }
        wait_until("it has had everything", || {
            recorder.watch().published_position() == 2400 && follower.counts().lag_bytes == 0
        });
        recorder.shutdown(producer).unwrap();
        follower.wait(LIMIT).unwrap();
    }
}

/// The end may come between the seal of a segment and the follower's next listing of the folder, which names the successor.
#[test]
fn one_that_just_looked_for_a_segment_finds_what_came_before_the_end() {
    for _ in 0..400 {
        let folder = tempfile::tempdir().unwrap();
        let (mut producer, recorder) = start(folder.path(), LogWriter::options().segment_bytes(4096));
        let (takes, _taken) = consumer(|_| true);
        let follower = recorder.follow("last", takes).unwrap();
        write(&mut producer, 0..200);
        recorder.shutdown(producer).unwrap();
        let counts = follower.wait(LIMIT).unwrap();
        assert_eq!((counts.events, counts.lag_bytes), (200, 0));
    }
}
