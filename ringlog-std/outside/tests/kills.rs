//! The program is killed again and again, in its old and its new version, and what it wrote is read.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::Duration;

const KILLS: u64 = 200;

fn program(what: &str, log: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_order-flow"));
    command.arg(what).arg(log);
    command
}

/// Returns the numbers that `read` prints: old orders, new ones, other events, GAP records.
#[track_caller]
fn read(log: &Path) -> [u64; 4] {
    let Output { status, stdout, stderr } = program("read", log).output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    let words = String::from_utf8(stdout).unwrap();
    let numbers: Vec<u64> = words.split_whitespace().map(|word| word.parse().unwrap()).collect();
    numbers.try_into().unwrap()
}

#[test]
fn killed_200_times_in_two_versions_each_event_is_read_by_the_struct_that_wrote_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    for kill in 0..KILLS {
        // Neither version knows what the one before wrote.
        let mut child = program(if kill % 2 == 0 { "write" } else { "write-new" }, &log).spawn().unwrap();
        sleep(Duration::from_millis(5 + kill % 7));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let [old, new, others, _] = read(&log);
    assert!(old > 100 && new > 100 && others > 200, "{old} {new} {others}");
    // Each file that is copied alone says what it holds.
    let mut files: Vec<_> = fs::read_dir(&log).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "evtl"));
    assert!(files.len() > 2, "{files:?}");
    let mut sum = [0; 2];
    for file in files {
        let copy = folder.path().join("copy.evtl");
        fs::copy(file, &copy).unwrap();
        let [old, new, ..] = read(&copy);
        assert!(old == 0 || new == 0, "a file has one layout");
        sum = [sum[0] + old, sum[1] + new];
    }
    assert_eq!(sum, [old, new]);
}
