//! Limits that the system puts on a process.

use std::path::Path;
use std::process::{Command, Output};

use ringlog::event::EventHeader;
use ringlog::storage::{LogReader, LogWriter};

use crate::skips::note_skip;

use super::support::{
    RINGLOG, STRESS, assert_code, json_of, records_of, ringlog, stderr_of, stdout_of, word,
};

/// Runs a program whose files may take at most this many KiB.
fn limited(kib: u32, program: &str, words: &[&str]) -> Output {
    // POSIX counts the limit in units of 512 bytes.
    let script = format!("ulimit -f {} && exec \"$0\" \"$@\"", kib * 2);
    Command::new("sh").args(["-c", &script, program]).args(words).output().unwrap()
}

#[track_caller]
fn assert_refused(output: &Output) {
    assert_eq!(output.status.code(), Some(1), "{:?} {}", output.status, stderr_of(output));
    assert!(stderr_of(output).contains("ulimit -f"), "{}", stderr_of(output));
}

/// Records a log with a program without a limit.
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
    // An existing log, and segments that are too large from now on.
    assert_refused(&limited(1024, RINGLOG, &serve("4MiB")));
    assert!(records_of(&log) == before, "the log is readable, and as it was");
    // Not even the lock file can be written.
    let none = limited(0, RINGLOG, &["serve", "--for", "1s", "--log", word(&folder.path().join("none"))]);
    assert_eq!(none.status.code(), Some(1), "{:?} {}", none.status, stderr_of(&none));
    assert_refused(&limited(1024, STRESS, &["--log", word(&folder.path().join("stress"))]));
}

/// Returns everything in a folder, at any depth.
fn all_in(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    let inside: Vec<_> = found.iter().filter(|path| path.is_dir()).flat_map(|path| all_in(path)).collect();
    found.extend(inside);
    found.sort();
    found
}

/// The largest file of the file system is smaller than the largest segment.
#[test]
fn a_file_that_is_too_large_names_the_limit_that_it_exceeds_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("a/b/log");
    let words = ["serve", "--for", "1s", "--segment-size", "64TiB", "--log", word(&log)];
    let output = ringlog(&words);
    assert_eq!(output.status.code(), Some(1), "{}", stderr_of(&output));
    let said = stderr_of(&output);
    assert!(said.contains("no room for a file of") && !said.contains("ulimit"), "{said}");
    if !said.contains("its file system takes no file of that size") {
        note_skip(format_args!("this file system would take a file of 64 TiB: {said}"));
    }
    let said = stderr_of(&limited(1024, RINGLOG, &["serve", "--segment-size", "4MiB", "--log", word(&log)]));
    assert!(said.contains("ulimit -f") && !said.contains("file system takes"), "{said}");
    // Not even the lock file can be written.
    limited(0, RINGLOG, &["serve", "--for", "1s", "--log", word(&log)]);
    assert_eq!(all_in(folder.path()), [] as [&Path; 0]);

    // A folder that existed before stays, with its content.
    std::fs::create_dir_all(&log).unwrap();
    std::fs::write(log.join("note"), "a note").unwrap();
    let before = all_in(folder.path());
    assert_eq!(ringlog(&words).status.code(), Some(1));
    assert_eq!(all_in(folder.path()), before);
}

/// tmpfs keeps all files in the cache, so nothing can leave it.
#[test]
fn a_file_system_that_keeps_what_is_written_in_the_cache_says_that_uncached_has_no_effect() {
    let memory = Path::new("/dev/shm");
    let Ok(folder) = tempfile::tempdir_in(memory) else {
        return note_skip("there is no /dev/shm");
    };
    let log = folder.path().join("log");
    let words = ["serve", "--for", "100ms", "--uncached", "--max-unsynced", "64MiB", "--log", word(&log)];
    let output = ringlog(&words);
    stdout_of(&output);
    assert!(
        stderr_of(&output).contains("--uncached: this kernel or file system cannot do it"),
        "{}",
        stderr_of(&output)
    );
    assert!(!records_of(&log).is_empty());
}

#[test]
fn a_folder_in_memory_is_a_risk_for_a_log_and_what_is_looked_at_is_left_as_it_was() {
    let Ok(folder) = tempfile::tempdir_in("/dev/shm") else {
        return note_skip("there is no /dev/shm");
    };
    let found = |path: &Path, file_kib: u32| {
        let output = limited(file_kib, RINGLOG, &["doctor", word(path), "--json"]);
        assert_code(&output, 3);
        let report: serde_json::Value = serde_json::from_slice(stdout_of(&output)).unwrap();
        let risks = report["findings"].as_array().unwrap().iter().filter(|it| it["grade"] == "risk");
        risks.map(|it| it["about"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // As one that will be made in it.
    let risks = found(&folder.path().join("log"), 4096);
    assert!(["file system", "file size"].iter().all(|it| risks.contains(&(*it).to_owned())), "{risks:?}");
    // Smaller than what is tried.
    assert!(found(folder.path(), 4).contains(&"writing".to_owned()));
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    assert_code(&ringlog(&["doctor", "/proc/none/log"]), 1);
}

#[test]
fn the_oldest_files_of_a_closed_log_are_pruned() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut writer = LogWriter::options().segment_bytes(4096).open(&log).unwrap();
    for number in 0..400 {
        writer.write_event(&EventHeader::new(number, 1, 64), &[7; 64]).unwrap();
    }
    let report = ringlog(&["prune", word(&log), "--keep-files", "3"]);
    assert!(
        report.status.code() == Some(1) && stderr_of(&report).contains("is recording into"),
        "{}",
        stderr_of(&report)
    );
    writer.close().unwrap();
    let files = LogReader::open(&log).unwrap().segments().len() as u64;
    assert!(files > 5);
    let report = json_of(&ringlog(&["prune", word(&log), "--keep-files", "3", "--json"]));
    assert_eq!((report["kept_files"].as_u64(), report["deleted_files"].as_u64()), (Some(3), Some(files - 3)));
    let begin = report["begins_at"].as_u64().unwrap();
    let info = json_of(&ringlog(&["info", word(&log), "--json"]));
    assert_eq!(info["events"], 400 - begin);
    assert_code(&ringlog(&["verify", word(&log)]), 0);
    assert_code(&ringlog(&["prune", word(&log)]), 2);
    // It continues where it ended.
    let mut writer = LogWriter::open(&log).unwrap();
    writer.write_event(&EventHeader::new(400, 1, 0), b"").unwrap();
    assert_eq!(writer.close().unwrap().next_sequence, 401);
}
