//! Limits that the system puts on a process.

use std::path::Path;
use std::process::{Command, Output};

use super::support::{RINGLOG, STRESS, records_of, ringlog, stderr_of, stdout_of, word};

/// Runs a program that may make files of this many KiB at most.
fn limited(kib: u32, program: &str, words: &[&str]) -> Output {
    // The limit's unit in POSIX is 512 bytes.
    let script = format!("ulimit -f {} && exec \"$0\" \"$@\"", kib * 2);
    Command::new("sh").args(["-c", &script, program]).args(words).output().unwrap()
}

#[track_caller]
fn assert_refused(output: &Output) {
    assert_eq!(output.status.code(), Some(1), "{:?} {}", output.status, stderr_of(output));
    assert!(stderr_of(output).contains("ulimit -f"), "{}", stderr_of(output));
}

/// A log, by a program without a limit.
fn record(log: &Path, segment: &str) {
    let words = ["serve", "--for", "100ms", "--segment-size", segment, "--log", word(log)];
    stdout_of(&ringlog(&words));
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_and_no_signal() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let serve = |segment| ["serve", "--for", "1s", "--segment-size", segment, "--log", word(&log)];
    assert_refused(&limited(1024, RINGLOG, &serve("4MiB")));
    record(&log, "1MiB");
    let before = records_of(&log);
    assert!(!before.is_empty());
    // An existing log, with segments that are too large from now on.
    assert_refused(&limited(1024, RINGLOG, &serve("4MiB")));
    assert!(records_of(&log) == before, "the log is readable, and as it was");
    // Not even the lock file can be written.
    let none = limited(0, RINGLOG, &["serve", "--for", "1s", "--log", word(&folder.path().join("none"))]);
    assert_eq!(none.status.code(), Some(1), "{:?} {}", none.status, stderr_of(&none));
    assert_refused(&limited(1024, STRESS, &["--log", word(&folder.path().join("stress"))]));
}
