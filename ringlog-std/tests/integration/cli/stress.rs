//! `stress` counts what is in the log.

use std::process::{Command, Output};

use super::support::{STRESS, assert_code, json_of, number, ringlog, word};

fn stress(words: &[&str]) -> Output {
    Command::new(STRESS).args(words).output().expect("stress starts")
}

#[test]
fn the_counts_add_up_and_are_those_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let words = ["--seconds", "1", "--max-bytes", "256MiB", "--log", word(&log), "--json"];
    let report = json_of(&stress(&words));
    let count = |field| number(&report, field);
    assert!(count("produced") > 100_000, "{report}");
    assert_eq!(count("produced"), count("persisted") + count("lost"));
    assert_eq!(count("persisted"), count("events_in_log"));
    assert_eq!(count("lost"), 0);
    assert!(report["seconds"].as_f64().unwrap() > 0.0);
    assert!(report["events_per_second"].as_f64().unwrap() > 0.0);
    assert!(report["bytes_per_second"].as_f64().unwrap() > 0.0);
    let of_the_log = |name: &str| name == "writer" || name.ends_with(".evtl");
    let files = log.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(files.filter(|name| !of_the_log(name)).collect::<Vec<_>>(), Vec::<String>::new());
    let info = json_of(&ringlog(&["info", word(&log), "--json"]));
    assert_eq!(info["events"], report["events_in_log"]);
}

#[test]
fn it_says_how_much_of_a_plain_copy_it_reached() {
    let words = ["--seconds", "0.2", "--max-bytes", "64MiB"];
    let report = json_of(&stress(&[&words[..], &["--json"]].concat()));
    let limit = report["limit_events_per_second"].as_f64().expect("a limit");
    let reached = report["events_per_second"].as_f64().unwrap() / limit;
    assert!((report["of_limit"].as_f64().unwrap() - reached).abs() < 1e-9, "{report}");
    let text = String::from_utf8(stress(&words).stdout).unwrap();
    let line = text.lines().find(|line| line.starts_with("limit ")).expect("a line");
    assert!(line.contains("by a plain two-thread copy of the same bytes: this run reached"), "{line}");
}

#[test]
fn any_payload_length_works() {
    for payload in ["0", "1", "65535"] {
        let words = ["--seconds", "0.1", "--max-bytes", "32MiB", "--payload", payload, "--json"];
        let report = json_of(&stress(&words));
        assert_eq!(report["persisted"], report["events_in_log"], "{report}");
    }
}

#[test]
fn the_temporary_log_is_deleted() {
    let report = json_of(&stress(&["--seconds", "0.1", "--max-bytes", "16MiB", "--json"]));
    let log = report["log"].as_str().expect("where the log was");
    assert!(!std::path::Path::new(log).exists(), "{log}");
}

#[test]
fn wrong_arguments_are_usage_errors() {
    for words in
        [&["--seconds", "0"][..], &["--seconds", "-1"], &["--payload", "70000"], &["--ring-size", "1B"]]
    {
        assert_code(&stress(words), 2);
    }
}
