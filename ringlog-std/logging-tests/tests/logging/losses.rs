//! Messages of threads without a ring: in the log, or in the count of a GAP record.

use std::cell::RefCell;
use std::path::Path;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use log::Log;
use ringlog::event::Gap;
use ringlog::logging::{Logger, Sink};
use ringlog::recorder::Recorder;
use ringlog::storage::LogReader;

use crate::messages::logger_of;
use crate::read::{cat, messages};

/// Returns the messages in the log, and the sum of what its GAP records count.
fn found(log: &Path) -> (u64, u64) {
    let (mut messages, mut lost) = (0, 0);
    let report =
        LogReader::open(log).unwrap().replay(|event| match Gap::from_event(&event.header, event.payload) {
            Some(gap) => {
                assert!(gap.count > 0, "of unknown count");
                lost += gap.count;
            }
            None => messages += 1,
        });
    report.unwrap();
    (messages, lost)
}

thread_local! {
    static LAST: RefCell<Option<LogsAtTheEnd>> = const { RefCell::new(None) };
}

struct LogsAtTheEnd(Logger);

impl Drop for LogsAtTheEnd {
    fn drop(&mut self) {
        log::info!(logger: self.0, "the thread ends");
    }
}

const THREADS: u64 = 100;
const MESSAGES: u64 = 200;

#[test]
fn each_message_of_a_hundred_threads_with_four_rings_is_in_the_log_or_a_count() {
    let folder = tempfile::tempdir().unwrap();
    // It begins late, so that rings fill.
    let start = || std::thread::sleep(Duration::from_millis(50));
    let recorder =
        Recorder::builder().max_producers(4).ring_bytes(16 << 10).max_payload(512).on_thread_start(start);
    let (sink, guard) = Sink::builder().recorder(recorder).open(folder.path()).unwrap();
    let (logger, all_have_logged) = (logger_of(&sink), Arc::new(Barrier::new(THREADS as usize)));
    let thread = |thread| {
        let (sink, logger, all_have_logged) = (sink.clone(), logger.clone(), Arc::clone(&all_have_logged));
        std::thread::spawn(move || {
            LAST.with(|last| *last.borrow_mut() = Some(LogsAtTheEnd(logger.clone())));
            for number in 0..MESSAGES {
                log::info!(logger: logger, thread, number; "one of many");
            }
            // Of those that have a producer.
            let _ = sink.producers().with(|_| log::info!(logger: logger, "from within"));
            all_have_logged.wait();
        })
    };
    // The end of a scope would not wait for the destructors.
    let threads: Vec<_> = (0..THREADS).map(thread).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let within = 4;
    let summary = guard.finish().unwrap();
    let (messages, lost) = found(folder.path());
    // Its destructor and, of those with a ring, the one from within.
    assert_eq!(messages + lost, THREADS * (MESSAGES + 1) + within, "{summary:?}");
    assert_eq!((summary.log.events, summary.log.lost, summary.dropped), (messages, lost, 0));
    assert!(messages > 0 && lost > 0, "{summary:?}");
}

#[test]
fn a_message_that_finds_no_ring_takes_the_spare_one() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::builder().max_producers(1);
    let (sink, guard) = Sink::builder().recorder(recorder).open(folder.path()).unwrap();
    let logger = logger_of(&sink);
    sink.producers().with(|_| log::info!(logger: logger, "in use")).unwrap();
    std::thread::scope(|scope| scope.spawn(|| log::info!(logger: logger, "all are taken")).join()).unwrap();
    log::info!(logger: logger, "the only one");
    let summary = guard.finish().unwrap();
    assert_eq!((summary.log.events, summary.log.lost, summary.dropped), (3, 0, 0));
    let mut found = messages(&cat(folder.path()));
    found.sort();
    assert_eq!(found, ["all are taken", "in use", "the only one"]);
    // The log has ended.
    log::info!(logger: logger, "too late");
    assert_eq!(sink.dropped(), 1);
}

#[test]
fn what_finds_no_room_in_the_spare_ring_is_counted_by_the_log() {
    let folder = tempfile::tempdir().unwrap();
    // It begins after all have logged.
    let (begin, began) = std::sync::mpsc::channel();
    let recorder = Recorder::builder()
        .max_producers(1)
        .ring_bytes(4096)
        .max_payload(256)
        .on_thread_start(move || began.recv().unwrap());
    let (sink, guard) = Sink::builder().recorder(recorder).open(folder.path()).unwrap();
    let logger = logger_of(&sink);
    sink.producers()
        .with(|_| {
            for number in 0..1_000 {
                log::info!(logger: logger, "{number}");
            }
        })
        .unwrap();
    assert!(sink.dropped() > 900, "{}", sink.dropped());
    begin.send(()).unwrap();
    // The next message has its GAP record before it, and the rest are counted at the end.
    logger.flush();
    assert_eq!(sink.dropped(), 0);
    drop(guard);
    let (messages, lost) = found(folder.path());
    assert_eq!(messages + lost, 1_000);
    assert!(messages > 10 && lost > 900, "{messages} {lost}");
}

#[test]
fn a_guard_that_is_dropped_counts_what_found_no_room() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::builder().ring_bytes(4096).max_payload(256);
    let (sink, guard) = Sink::builder().recorder(recorder).open(folder.path()).unwrap();
    let logger = logger_of(&sink);
    let flood = |_: &mut _| (0..1_000).for_each(|number| log::info!(logger: logger, "{number}"));
    sink.producers().with(flood).unwrap();
    drop(guard);
    assert_eq!(sink.dropped(), 0);
    let (messages, lost) = found(folder.path());
    assert_eq!(messages + lost, 1_000);
}

#[test]
fn a_message_of_a_thread_that_ends_is_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, guard) = Sink::open(folder.path()).unwrap();
    let logger = logger_of(&sink);
    let thread = std::thread::spawn(move || {
        // Its destructor is registered first, so the thread's producer may be gone by then.
        LAST.with(|last| *last.borrow_mut() = Some(LogsAtTheEnd(logger.clone())));
        log::info!(logger: logger, "the thread begins");
    });
    thread.join().unwrap();
    let summary = guard.finish().unwrap();
    assert_eq!((summary.log.events, summary.dropped), (2, 0), "{summary:?}");
    assert_eq!(found(folder.path()), (2, 0));
}

#[test]
fn a_flush_waits_for_what_all_threads_have_logged() {
    let folder = tempfile::tempdir().unwrap();
    let start = || std::thread::sleep(Duration::from_millis(100));
    let recorder = Recorder::builder().on_thread_start(start);
    let (sink, guard) = Sink::builder().recorder(recorder).open(folder.path()).unwrap();
    let (logger, both) = (logger_of(&sink), Barrier::new(2));
    let watch = guard.recorder().watch().clone();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            (0..500).for_each(|number| log::info!(logger: logger, number; "of another thread"));
            both.wait();
            both.wait();
        });
        both.wait();
        logger.flush();
        let flushed = watch.published_position();
        both.wait();
        assert!(flushed > 0, "nothing is in the log");
        assert_eq!(guard.finish().unwrap().log.events, 500);
        assert_eq!(watch.published_position(), flushed);
    });
}
