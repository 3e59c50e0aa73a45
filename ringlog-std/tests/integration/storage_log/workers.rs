//! Tests the worker threads: where they run, at which priority, and how often they wake.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use ringlog::storage::{LogWriter, LogWriterOptions, OpenError, SyncPolicy};
use rustix::process::setpriority_process;
use rustix::thread::{CpuSet, gettid, sched_getaffinity, sched_setaffinity};

use super::support::{read, write};

/// The names of a log's worker threads.
const NAMES: [&str; 3] = ["ringlog-pages", "ringlog-segments", "ringlog-sync"];

/// The ids of the worker threads by their names.
type Threads = Arc<Mutex<BTreeMap<String, i32>>>;

/// Returns the options of a log whose worker threads note their ids and do `first`.
fn noting(
    options: LogWriterOptions,
    first: impl Fn() -> io::Result<()> + Send + Sync + 'static,
) -> (LogWriterOptions, Threads) {
    let threads = Threads::default();
    let noted = Arc::clone(&threads);
    let options = options.on_worker_start(move || {
        let name = thread::current().name().unwrap_or_default().to_owned();
        noted.lock().unwrap().insert(name, gettid().as_raw_pid());
        first()
    });
    (options, threads)
}

/// Returns a field of a thread's status.
fn status(thread: i32, field: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/self/task/{thread}/status")).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.unwrap_or_else(|| panic!("{field} in {text}")).trim().to_owned()
}

/// Returns a thread's nice value.
fn nice(thread: i32) -> i32 {
    let text = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).unwrap();
    // The name, in parentheses, may hold spaces. The nice value is the 19th field.
    let after_name = text.rsplit_once(") ").unwrap().1;
    after_name.split(' ').nth(16).unwrap().parse().unwrap()
}

#[test]
fn the_workers_run_where_they_are_asked_to_and_the_writer_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let here = gettid().as_raw_pid();
    let before = (nice(here), status(here, "Cpus_allowed_list"));
    let allowed = sched_getaffinity(None).unwrap();
    let last = (0..CpuSet::MAX_CPU).rfind(|&processor| allowed.is_set(processor)).unwrap();
    let (options, threads) = noting(LogWriter::options(), move || {
        let mut processors = CpuSet::new();
        processors.set(last);
        sched_setaffinity(None, &processors)?;
        Ok(setpriority_process(None, 19)?)
    });
    let mut writer = options.open(folder.path()).unwrap();
    let threads = threads.lock().unwrap().clone();
    assert_eq!(threads.keys().collect::<Vec<_>>(), NAMES);
    for (name, &thread) in &threads {
        assert_eq!((nice(thread), status(thread, "Cpus_allowed_list")), (19, last.to_string()), "{name}");
    }
    assert_eq!((nice(here), status(here, "Cpus_allowed_list")), before);
    write(&mut writer, 0..1000);
    writer.close().unwrap();
    assert_eq!(read(folder.path()).len(), 1000);
}

#[test]
fn by_default_the_workers_are_where_the_thread_is_that_opens_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let here = gettid().as_raw_pid();
    let (options, threads) = noting(LogWriter::options().sync(SyncPolicy::Never), || Ok(()));
    let writer = options.open(folder.path()).unwrap();
    let threads = threads.lock().unwrap().clone();
    assert_eq!(threads.keys().collect::<Vec<_>>(), NAMES[..2], "nobody syncs");
    for &thread in threads.values() {
        assert_eq!(nice(thread), nice(here));
        assert_eq!(status(thread, "Cpus_allowed_list"), status(here, "Cpus_allowed_list"));
    }
    writer.close().unwrap();
}

#[test]
fn a_log_whose_workers_cannot_start_is_not_opened_and_can_be_opened_later() {
    let folder = tempfile::tempdir().unwrap();
    let no_processor = || Ok(sched_setaffinity(None, &CpuSet::new())?);
    match LogWriter::options().on_worker_start(no_processor).open(folder.path()) {
        Err(OpenError::WorkerStart { path, source }) => {
            assert_eq!((path.as_path(), source.kind()), (folder.path(), io::ErrorKind::InvalidInput));
        }
        other => panic!("{other:?}"),
    }
    let fails_on_one = || {
        assert_ne!(thread::current().name(), Some("ringlog-sync"), "injected");
        Ok(())
    };
    let refused = LogWriter::options().on_worker_start(fails_on_one).open(folder.path());
    assert!(refused.unwrap_err().to_string().contains("it panicked"));
    let mut writer = LogWriter::open(folder.path()).unwrap();
    write(&mut writer, 0..10);
    writer.close().unwrap();
    assert_eq!(read(folder.path()).len(), 10);
}

/// Returns how often each thread has slept since it began.
fn sleeps(threads: &BTreeMap<String, i32>) -> BTreeMap<String, u64> {
    let count = |&thread: &i32| status(thread, "voluntary_ctxt_switches").parse().unwrap();
    threads.iter().map(|(name, thread)| (name.clone(), count(thread))).collect()
}

#[test]
fn the_workers_of_an_idle_log_sleep() {
    let folder = tempfile::tempdir().unwrap();
    let (options, threads) = noting(LogWriter::options(), || Ok(()));
    let mut writer = options.open(folder.path()).unwrap();
    write(&mut writer, 0..1);
    writer.sync().unwrap();
    let threads = threads.lock().unwrap().clone();
    // Until the pauses have grown.
    thread::sleep(Duration::from_millis(500));
    let before = sleeps(&threads);
    thread::sleep(Duration::from_secs(2));
    let slept: BTreeMap<_, _> =
        sleeps(&threads).into_iter().map(|(name, count)| (name.clone(), count - before[&name])).collect();
    // Two of them by the clock, once a second. A machine that is slow to wake this test adds some.
    assert!(slept["ringlog-segments"] <= 10 && slept["ringlog-sync"] <= 10, "{slept:?}");
    assert!((1..=200).contains(&slept["ringlog-pages"]), "{slept:?}");
    writer.close().unwrap();
}
