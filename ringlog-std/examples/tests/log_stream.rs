//! A log as a stream for tasks of tokio, beside writers that roll, close, die and are overtaken.
//!
//! Here and not in the library's package, whose tests would then build tokio.

use futures_core::Stream;
use futures_core::stream::FusedStream;
use ringlog::event::{ClockKind, EventHeader};
use ringlog::storage::{LogFollower, LogStream, LogWriter, MmapWriter, OwnedLogEvent, ReadError};
use std::cell::Cell;
use std::fs;
use std::future::{Future, poll_fn};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Far longer than any event takes.
const PATIENCE: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_millis(2);

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let tasks = tokio::task::LocalSet::new();
    runtime
        .block_on(tasks.run_until(async { tokio::time::timeout(PATIENCE, future).await }))
        .expect("in time")
}

async fn next(stream: &mut LogStream) -> Option<Result<OwnedLogEvent, ReadError>> {
    poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await
}

fn payload(number: u64) -> Vec<u8> {
    let len = number.wrapping_mul(37) % 100;
    (0..len).map(|at| at.wrapping_add(number).to_le_bytes()[0]).collect()
}

fn writer(folder: &Path) -> LogWriter {
    LogWriter::options().segment_bytes(4096).open(folder).unwrap()
}

fn write(writer: &mut LogWriter, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let payload = payload(number);
        let header = EventHeader::new(number, 7, u16::try_from(payload.len()).unwrap());
        writer.write_event(&header, &payload).unwrap();
    }
}

fn log_of(folder: &Path, numbers: std::ops::Range<u64>) {
    let mut writer = writer(folder);
    write(&mut writer, numbers);
    writer.close().unwrap();
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<_> = names.filter(|path| path.extension().is_some_and(|it| it == "evtl")).collect();
    segments.sort();
    segments
}

fn stream(path: &Path) -> LogStream {
    LogFollower::open(path).unwrap().into_stream(INTERVAL)
}

#[track_caller]
fn assert_is(event: &OwnedLogEvent, number: u64) {
    assert_eq!((event.sequence, event.header.timestamp, &event.payload), (number, number, &payload(number)));
}

#[test]
fn a_stream_has_every_event_across_the_rolls_of_a_live_writer_and_ends_when_it_closes() {
    const EVENTS: u64 = 5_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::thread::scope(|scope| {
        let mut events = stream(path).until_closed();
        scope.spawn(move || {
            let mut writer = writer(path);
            for start in (0..EVENTS).step_by(50) {
                write(&mut writer, start..start + 50);
                // Sometimes the stream reaches the end of what was written.
                std::thread::sleep(Duration::from_micros(start % 7 * 300));
            }
            writer.close().unwrap();
        });
        run(async {
            let mut position = 0;
            for number in 0..EVENTS {
                let event = next(&mut events).await.expect("an event before the end").unwrap();
                assert_is(&event, number);
                position += 16 + (event.payload.len() as u64).next_multiple_of(8);
                assert_eq!((event.position, event.clock), (position, ClockKind::UnixNanos));
            }
            assert!(next(&mut events).await.is_none() && events.is_terminated());
            assert!(next(&mut events).await.is_none(), "again");
        });
    });
    assert!(segments(path).len() > 50);
}

#[test]
fn without_until_closed_a_stream_continues_with_the_next_writer() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 0..10);
    let mut events = stream(folder.path());
    run(async {
        for number in 0..10 {
            assert_is(&next(&mut events).await.unwrap().unwrap(), number);
        }
        let silence = tokio::time::timeout(Duration::from_millis(50), next(&mut events)).await;
        assert!(silence.is_err() && !events.is_terminated());
        log_of(folder.path(), 10..20);
        for number in 10..20 {
            assert_is(&next(&mut events).await.unwrap().unwrap(), number);
        }
    });
}

/// Each wait is dropped many times before its event comes.
#[test]
fn a_future_that_is_dropped_loses_nothing() {
    const EVENTS: u64 = 500;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::thread::scope(|scope| {
        let mut events = stream(path).until_closed();
        scope.spawn(move || {
            let mut writer = writer(path);
            for number in 0..EVENTS {
                write(&mut writer, number..number + 1);
                std::thread::sleep(Duration::from_micros(number % 5 * 1_000));
            }
            writer.close().unwrap();
        });
        let dropped = run(async {
            let (mut number, mut dropped) = (0, 0);
            loop {
                match tokio::time::timeout(Duration::from_micros(500), events.next_event()).await {
                    Err(_) => dropped += 1,
                    Ok(Ok(Some(event))) => {
                        assert_eq!((event.sequence, event.payload), (number, &payload(number)[..]));
                        number += 1;
                    }
                    Ok(end) => break assert!(end.unwrap().is_none() && number == EVENTS),
                }
            }
            dropped
        });
        assert!(dropped > 10, "only {dropped} futures were dropped");
    });
}

#[test]
fn what_retention_took_is_an_item_and_the_stream_continues() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 0..1_000);
    let all = segments(folder.path());
    for path in &all[..3] {
        fs::remove_file(path).unwrap();
    }
    let oldest: u64 = all[3].file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let mut events = LogFollower::open_at(folder.path(), 7).unwrap().into_stream(INTERVAL).until_closed();
    run(async {
        let missed = next(&mut events).await.unwrap().unwrap_err();
        assert!(matches!(missed, ReadError::Overtaken { from: 7, to, .. } if to == oldest), "{missed}");
        for number in oldest..1_000 {
            assert_is(&next(&mut events).await.unwrap().unwrap(), number);
        }
        assert!(next(&mut events).await.is_none());
    });
    // Lent events leave the decision to the caller.
    let mut events = LogFollower::open_at(folder.path(), 7).unwrap().into_stream(INTERVAL);
    run(async {
        for _ in 0..2 {
            assert!(matches!(events.next_event().await, Err(ReadError::Overtaken { .. })));
        }
        assert_eq!(events.follower_mut().resume(), Some(oldest));
        assert_eq!(events.next_event().await.unwrap().unwrap().sequence, oldest);
    });
}

#[test]
fn damage_is_the_last_item() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.evtl");
    let mut file = MmapWriter::create(&path, 4096).unwrap();
    for number in 0..3 {
        file.write_event(&EventHeader::new(number, 7, 8), &[1; 8]).unwrap();
    }
    file.close().unwrap();
    // The file that is whole ends by itself.
    let mut events = stream(&path);
    run(async {
        for number in 0..3 {
            assert_eq!(next(&mut events).await.unwrap().unwrap().sequence, number);
        }
        assert!(next(&mut events).await.is_none());
    });

    let mut bytes = fs::read(&path).unwrap();
    bytes[64 + 24 + 17] ^= 1;
    fs::write(&path, bytes).unwrap();
    let mut events = stream(&path);
    run(async {
        assert_eq!(next(&mut events).await.unwrap().unwrap().sequence, 0);
        assert!(matches!(next(&mut events).await, Some(Err(ReadError::Record { .. }))));
        assert!(next(&mut events).await.is_none() && events.is_terminated());
    });
    assert!(matches!(events.into_inner().next_event(), Err(ReadError::Record { .. })), "it can try again");
}

/// Returns how often another task of the same thread ran while a stream gave out these events.
fn turns_of_another_task(events: u64, payload_len: u16) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = LogWriter::open(folder.path()).unwrap();
    for number in 0..events {
        let header = EventHeader::new(number, 7, payload_len);
        writer.write_event(&header, &vec![7; usize::from(payload_len)]).unwrap();
    }
    writer.close().unwrap();
    let mut stream = stream(folder.path()).until_closed();
    run(async {
        let turns = Rc::new(Cell::new(0));
        let counted = Rc::clone(&turns);
        let other = tokio::task::spawn_local(async move {
            loop {
                counted.set(counted.get() + 1);
                tokio::task::yield_now().await;
            }
        });
        let mut count = 0;
        while next(&mut stream).await.transpose().unwrap().is_some() {
            count += 1;
        }
        assert_eq!(count, events);
        other.abort();
        turns.get()
    })
}

#[test]
fn other_tasks_run_while_a_log_is_far_ahead() {
    let turns = turns_of_another_task(10_000, 0);
    assert!(turns >= 10_000 / 128 - 1, "only {turns} turns beside many events");
    let turns = turns_of_another_task(100, 60_000);
    assert!(turns >= 100 / 5 - 1, "only {turns} turns beside long events");
}

/// The timer decides when it looks: a silent log costs one look in each interval.
#[test]
fn a_silent_log_is_looked_at_once_in_each_interval() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 0..1);
    let mut events = LogFollower::open(folder.path()).unwrap().into_stream(Duration::from_millis(300));
    run(async {
        assert!(next(&mut events).await.is_some());
        let polled = Rc::new(Cell::new(0));
        let begin = Instant::now();
        let waiting = poll_fn(|context| {
            polled.set(polled.get() + 1);
            Pin::new(&mut events).poll_next(context)
        });
        assert!(tokio::time::timeout(Duration::from_millis(150), waiting).await.is_err());
        assert!(polled.get() <= 2 && begin.elapsed() < PATIENCE, "polled {} times", polled.get());
    });
}
