//! The end of a process: with a guard, by a panic, by an abort.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use ringlog::logging::{Logger, Sink};
use ringlog::recorder::Recorder;
use serde_json::json;

use crate::read::{cat, messages, named};

/// Set in the environment of a process that ends in a certain way: the log that it writes.
const LOG: &str = "RINGLOG_TEST_LOG";

/// Returns the log, in the process that runs the test `name` alone. Otherwise starts such a process, and returns how it
/// ended and its log.
fn in_process(name: &str) -> Result<PathBuf, (ExitStatus, tempfile::TempDir)> {
    if let Some(log) = std::env::var_os(LOG) {
        return Ok(log.into());
    }
    let folder = tempfile::tempdir().unwrap();
    let mut program = Command::new(std::env::current_exe().unwrap());
    let ended = program.args(["--exact", name, "--test-threads=1"]).env(LOG, folder.path()).output().unwrap();
    Err((ended.status, folder))
}

const TRIES: u64 = 10;

/// Fails if each panic takes as long as one that waits for the recorder. A busy machine makes some of them slow. Returns how many
/// there were.
#[track_caller]
fn assert_one_is_quick(mut panics: impl FnMut()) -> u64 {
    let mut is_quick = |_: &u64| {
        let began = Instant::now();
        panics();
        began.elapsed() < Duration::from_millis(200)
    };
    (1..=TRIES).find(|number| is_quick(number)).expect("each of them waited")
}

#[test]
fn a_guard_that_is_dropped_leaves_all_in_the_log() {
    match in_process("endings::a_guard_that_is_dropped_leaves_all_in_the_log") {
        Ok(log) => {
            let (sink, _guard) = Sink::open(log).unwrap();
            Logger::new(&sink).install(log::LevelFilter::Info).unwrap();
            (0..1_000).for_each(|number| log::info!(number; "a message"));
            log::debug!("not chosen");
        }
        Err((status, log)) => {
            assert!(status.success(), "{status}");
            let events = cat(log.path());
            let numbers: Vec<_> =
                events.iter().map(|it| it["fields"]["tail"]["fields"]["number"].clone()).collect();
            assert_eq!(numbers, (0..1_000).map(|number| json!(number)).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_panic_is_in_the_log_even_if_the_process_aborts() {
    match in_process("endings::a_panic_is_in_the_log_even_if_the_process_aborts") {
        Ok(log) => {
            let (sink, _guard) = Sink::open(log).unwrap();
            let logger = Logger::new(&sink);
            std::panic::set_hook(Box::new(|_| std::process::abort()));
            sink.install_panic_hook();
            log::set_max_level(log::LevelFilter::Info);
            log::info!(logger: logger, "before");
            let producers = sink.producers();
            // The thread's own producer is in use.
            let _ = producers.with(|_| panic!("order {} is gone", 7));
        }
        Err((status, log)) => {
            assert_eq!(status.signal(), Some(6), "{status}");
            let events = cat(log.path());
            let panics: Vec<_> = named(&events, "log_record")
                .into_iter()
                .filter(|it| it["fields"]["tail"]["target"] == "panic")
                .collect();
            let [panic] = &panics[..] else { panic!("{events:?}") };
            assert_eq!(panic["fields"]["level"], "ERROR");
            assert_eq!(panic["fields"]["tail"]["message"], "order 7 is gone");
            let fields = &panic["fields"]["tail"]["fields"];
            assert!(fields["file"].as_str().unwrap().ends_with("endings.rs"), "{panic}");
            assert_eq!(fields["thread"], "endings::a_panic_is_in_the_log_even_if_the_process_aborts");
            assert!(messages(&events).contains(&"before".to_owned()), "{events:?}");
        }
    }
}

#[test]
fn a_panic_in_the_recorder_waits_for_nothing() {
    match in_process("endings::a_panic_in_the_recorder_waits_for_nothing") {
        Ok(log) => {
            // The thread has the recorder's name, and nobody empties its ring.
            let (begin, began) = std::sync::mpsc::channel();
            let recorder = Recorder::builder().on_thread_start(move || began.recv().unwrap());
            let (sink, guard) = Sink::builder().recorder(recorder).open(log).unwrap();
            std::panic::set_hook(Box::new(|_| {}));
            sink.install_panic_hook();
            let panics = || {
                let name = "ringlog-recorder".to_owned();
                let panics = std::thread::Builder::new().name(name).spawn(|| panic!("in the recorder"));
                panics.unwrap().join().unwrap_err();
            };
            assert_one_is_quick(panics);
            begin.send(()).unwrap();
            guard.finish().unwrap();
        }
        Err((status, log)) => {
            assert!(status.success(), "{status}");
            let messages = messages(&cat(log.path()));
            assert!((1..=TRIES as usize).contains(&messages.len()), "{messages:?}");
            assert!(messages.iter().all(|message| message == "in the recorder"), "{messages:?}");
        }
    }
}

#[test]
fn a_panic_finds_room_after_a_flood_of_threads_without_rings() {
    match in_process("endings::a_panic_finds_room_after_a_flood_of_threads_without_rings") {
        Ok(log) => {
            // It begins once the panic has given up to wait for it.
            let start = || std::thread::sleep(Duration::from_millis(500));
            let recorder = Recorder::builder().max_producers(1).on_thread_start(start);
            let (sink, guard) = Sink::builder().recorder(recorder).open(log).unwrap();
            let logger = Logger::new(&sink);
            std::panic::set_hook(Box::new(|_| {}));
            sink.install_panic_hook();
            log::set_max_level(log::LevelFilter::Info);
            log::info!(logger: logger, "the only one with a ring");
            std::thread::scope(|scope| {
                let flood =
                    || (0..10_000).for_each(|number| log::info!(logger: logger, "{number} of a flood"));
                (0..4).for_each(|_| drop(scope.spawn(flood)));
            });
            std::thread::spawn(|| panic!("after the flood")).join().unwrap_err();
            let summary = guard.finish().unwrap();
            assert!(summary.log.lost > 0, "{summary:?}");
            assert_eq!((summary.log.events + summary.log.lost, summary.dropped), (40_002, 0), "{summary:?}");
        }
        Err((status, log)) => {
            assert!(status.success(), "{status}");
            assert!(messages(&cat(log.path())).contains(&"after the flood".to_owned()));
        }
    }
}

#[test]
fn a_panic_after_the_end_waits_for_nothing() {
    match in_process("endings::a_panic_after_the_end_waits_for_nothing") {
        Ok(log) => {
            let (sink, guard) = Sink::open(log).unwrap();
            std::panic::set_hook(Box::new(|_| {}));
            sink.install_panic_hook();
            guard.finish().unwrap();
            let panics = || drop(std::thread::spawn(|| panic!("too late")).join().unwrap_err());
            let panics = assert_one_is_quick(panics);
            assert_eq!(sink.dropped(), panics);
        }
        Err((status, _)) => assert!(status.success(), "{status}"),
    }
}
