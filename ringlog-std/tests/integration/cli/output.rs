//! `cat` and its filters.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::support::{RINGLOG, assert_code, json_of, ringlog, stdout_of, word};

/// A log of ten rows, one a second from 2013-09-01 17:00, each a second apart.
fn ten_rows(folder: &Path) -> String {
    let table: String = (0..10).map(|row| format!("{},row {row}\n", 1_378_054_800 + row)).collect();
    let file = folder.join("rows.csv");
    std::fs::write(&file, table).unwrap();
    let log = folder.join("log");
    assert_code(&ringlog(&["import", word(&file), "--log", word(&log), "--event-type", "3"]), 0);
    word(&log).to_owned()
}

fn rows(log: &str, filter: &[&str]) -> Vec<u64> {
    let output = ringlog(&[&["cat", log, "--json"], filter].concat());
    let text = String::from_utf8(stdout_of(&output).to_vec()).unwrap();
    let value = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    text.lines().map(|line| value(line)["sequence"].as_u64().unwrap()).collect()
}

#[test]
fn filters_select_by_sequence_time_type_and_count() {
    let folder = tempfile::tempdir().unwrap();
    let log = &ten_rows(folder.path());
    assert_eq!(rows(log, &[]), (0..10).collect::<Vec<_>>());
    assert_eq!(rows(log, &["--from-seq", "7"]), [7, 8, 9]);
    assert_eq!(rows(log, &["--from-seq", "70"]), [0; 0]);
    assert_eq!(rows(log, &["--limit", "2"]), [0, 1]);
    assert_eq!(rows(log, &["--limit", "0"]), [0; 0]);
    assert_eq!(rows(log, &["--type", "3", "--limit", "1"]), [0]);
    assert_eq!(rows(log, &["--type", "4"]), [0; 0]);
    assert_eq!(rows(log, &["--since", "2013-09-01T17:00:08Z"]), [8, 9]);
    assert_eq!(rows(log, &["--until", "1378054802000000000"]), [0, 1]);
    assert_eq!(rows(log, &["--since", "2013-09-01T17:00:03Z", "--until", "2013-09-01T17:00:05Z"]), [3, 4]);
}

#[test]
fn a_single_file_is_a_log_too() {
    let folder = tempfile::tempdir().unwrap();
    let log = ten_rows(folder.path());
    let is_segment = |path: &std::path::PathBuf| path.extension().is_some_and(|it| it == "evtl");
    let mut files = std::fs::read_dir(log).unwrap().map(|entry| entry.unwrap().path()).filter(is_segment);
    let file = files.next().expect("a segment");
    assert_eq!(rows(word(&file), &[]).len(), 10);
    assert_eq!(json_of(&ringlog(&["info", word(&file), "--json"]))["events"], 10);
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    assert_code(&ringlog(&["serve", "--rate", "max", "--max-bytes", "4MB", "--log", word(&log)]), 0);
    for format in ["text", "json", "csv", "hex", "raw"] {
        let mut child = Command::new(RINGLOG)
            .args(["cat", word(&log), "--format", format])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0; 100];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_code(&output, 0);
        assert_eq!(output.stderr, b"", "{format}");
    }
}

#[test]
fn info_and_verify_speak_to_people_too() {
    let folder = tempfile::tempdir().unwrap();
    let log = ten_rows(folder.path());
    let info = String::from_utf8(stdout_of(&ringlog(&["info", &log])).to_vec()).unwrap();
    assert!(info.contains("10") && info.contains("2013-09-01T17:00:09"), "{info}");
    let verify = String::from_utf8(stdout_of(&ringlog(&["verify", &log])).to_vec()).unwrap();
    assert!(verify.contains("clean"), "{verify}");
}
