//! `serve` on chosen processors, with workers at a low priority.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rustix::thread::{CpuSet, sched_getaffinity};

use super::serve::{Running, spawn};
use super::support::{wait_until, word};

/// The nice value of a thread, and the list of its processors.
type Place = (i32, String);

/// Returns where the threads of a process are, by their names. The kernel cuts names after 15 bytes.
fn places(process: u32) -> BTreeMap<String, Place> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    tasks.filter_map(|task| place(&task.unwrap().path())).collect()
}

/// Returns the name of a thread and where it is; `None` if it has ended.
fn place(task: &Path) -> Option<(String, Place)> {
    let read = |name| fs::read_to_string(task.join(name)).ok();
    let (stat, status) = (read("stat")?, read("status")?);
    // The name, in parentheses, may hold spaces. The nice value is the 19th field.
    let nice = stat.rsplit_once(") ")?.1.split(' ').nth(16)?.parse().ok()?;
    let cpus = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    Some((read("comm")?.trim_end().to_owned(), (nice, cpus.trim().to_owned())))
}

const THREADS: [&str; 5] =
    ["ringlog-tested", "ringlog-pages", "ringlog-recorde", "ringlog-segment", "ringlog-sync"];

/// Starts `serve` with these options, and waits until each of its threads is where it should be.
fn assert_places(more: &[&str], expected: [Place; 5]) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let service = Running(spawn(&[&["serve", "--log", word(&log), "--json"], more].concat()));
    let expected: BTreeMap<_, _> = THREADS.map(str::to_owned).into_iter().zip(expected).collect();
    wait_until(&format!("{expected:?}"), || places(service.0.id()) == expected);
    service.terminate();
    service.summary();
}

/// Returns where the calling thread is.
fn here() -> Place {
    place(Path::new("/proc/thread-self")).unwrap().1
}

#[test]
fn each_thread_of_serve_is_where_it_was_asked_to_be() {
    let allowed = sched_getaffinity(None).unwrap();
    let cpus: Vec<_> = (0..CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu)).collect();
    let (first, last) = (cpus[0].to_string(), cpus[cpus.len() - 1].to_string());
    let (nice, _) = here();
    let producer = (nice, first.clone());
    let (recorder, worker) = ((nice, last.clone()), (19, last.clone()));
    let options =
        ["--producer-cpus", &first, "--recorder-cpus", &last, "--worker-cpus", &last, "--worker-nice", "19"];
    assert_places(&options, [producer, worker.clone(), recorder, worker.clone(), worker]);
}

#[test]
fn without_options_each_thread_of_serve_is_where_it_was_started() {
    let here = here();
    assert_places(&[], [(); 5].map(|()| here.clone()));
}
