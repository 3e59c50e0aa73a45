//! `cat` and its filters.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::support::{RINGLOG, assert_code, json_of, ringlog, stdout_of, word};

/// Makes a log of ten rows, one per second from 2013-09-01T17:00:00Z on.
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

/// Whether a terminal could take this as a command, or show text in another order.
fn is_risky(sign: char) -> bool {
    let turns =
        "\u{61C}\u{200E}\u{200F}\u{202A}\u{202B}\u{202C}\u{202D}\u{202E}\u{2066}\u{2067}\u{2068}\u{2069}";
    (sign.is_control() && !matches!(sign, '\n' | '\t')) || turns.contains(sign)
}

#[track_caller]
fn assert_no_risk(output: &std::process::Output) -> String {
    let shown = String::from_utf8([&output.stdout[..], &output.stderr].concat()).unwrap();
    assert!(!shown.contains(is_risky), "{shown:?}");
    shown
}

#[test]
fn payloads_names_and_messages_command_no_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let evil = "\u{1b}]0;title\u{7}\u{1b}[2J\r\u{9b}31m\u{202E}txt\u{2066}";
    let named = folder.path().join(format!("named {evil}"));
    std::fs::create_dir(&named).unwrap();
    let (lines, table) = (named.join("lines.txt"), named.join("table.csv"));
    std::fs::write(&lines, format!("{evil}\nplain\n=1+1 {evil}\n")).unwrap();
    std::fs::write(&table, format!("time,word\n1378054800,a\n{evil},b\n")).unwrap();
    let (log, other) = (named.join("log"), named.join("other"));
    let run = |words: &[&str]| assert_no_risk(&ringlog(words));
    let said = run(&["import", word(&lines), "--log", word(&log)]);
    assert!(said.contains(r"\u001b]0;title\u0007\u001b[2J\r\u009b31m\u202etxt\u2066"), "{said}");
    run(&["import", word(&table), "--log", word(&other), "--json"]);
    for command in [&["cat"][..], &["tail"], &["replay"], &["replay", "--speed", "max"]] {
        for format in ["text", "json", "csv"] {
            let said = run(&[command, &[word(&log), "--format", format]].concat());
            assert!(said.contains(r"\u001b]0;title"), "{command:?} {format}: {said}");
        }
        let said = run(&[command, &[word(&log), "--format", "csv", "--csv-safe"]].concat());
        assert!(said.contains(",'=1+1"), "{said}");
    }
    for command in ["info", "verify"] {
        run(&[command, word(&log)]);
        run(&[command, word(&log), "--json"]);
    }
    let missing = named.join("missing");
    for command in ["cat", "tail", "replay", "info", "verify", "recover-image"] {
        run(&[command, word(&missing)]);
        run(&[command, evil, evil, evil]);
        run(&[command, word(&lines)]);
    }
    run(&["salvage", word(&missing), word(&other)]);
    run(&["import", word(&missing), "--log", word(&log)]);
    run(&["import", word(&lines), "--log", word(&log), "--format", evil]);
    run(&["serve", "--feed", word(&missing), "--log", word(&log)]);
    run(&["serve", "--feed", &format!("{evil}://x"), "--log", word(&log)]);
    // Unchanged with `--format raw`.
    assert!(stdout_of(&ringlog(&["cat", word(&log), "--format", "raw"])).starts_with(evil.as_bytes()));
    assert_code(&ringlog(&["cat", word(&log), "--csv-safe"]), 2);
    assert_code(&ringlog(&["cat", word(&log), "--json", "--csv-safe"]), 2);
}
