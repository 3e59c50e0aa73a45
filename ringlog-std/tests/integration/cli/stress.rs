//! `stress` counts what is in the log, and says what bounded it.

use std::process::{Command, Output};

use serde_json::Value;

use super::support::{STRESS, assert_code, json_of, number, ringlog, stdout_of, word};

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

/// The limits, and the part of the way that each of them is of.
const LIMITS: [(&str, &str); 4] = [
    ("ring", "hand-over in memory"),
    ("recorder", "copy and checksums in memory"),
    ("page cache", "plain pwrite into fresh files"),
    ("disk", "plain pwrite, synced to disk"),
];

#[test]
fn it_says_how_much_of_each_limit_it_reached() {
    let report = json_of(&stress(&["--seconds", "0.2", "--max-bytes", "64MiB", "--json"]));
    let field =
        |value: &Value, name: &str| value[name].as_f64().unwrap_or_else(|| panic!("{name} in {value}"));
    let limits = report["limits"].as_array().unwrap();
    let record_len = 80.0;
    let whole = field(&report, "events_per_second") * record_len;
    let half = field(&report["second_half"], "bytes_per_second");
    for (limit, (bound, name)) in limits.iter().zip(LIMITS) {
        assert_eq!((&limit["bound"], &limit["name"]), (&bound.into(), &name.into()));
        let reached = if bound == "disk" { whole } else { half };
        let expected = reached / field(limit, "bytes_per_second");
        assert!((field(limit, "reached") / expected - 1.0).abs() < 1e-9, "{report}");
        assert!(field(limit, "before") > 0.0 && field(limit, "after") > 0.0, "{report}");
    }
    assert_eq!(limits.len(), LIMITS.len());
    let lowest = limits.iter().map(|it| field(it, "bytes_per_second")).fold(f64::MAX, f64::min) / record_len;
    let limit = field(&report, "limit_events_per_second");
    assert!((limit / lowest - 1.0).abs() < 1e-9, "{report}");
    let reached = report["events_per_second"].as_f64().unwrap() / limit;
    assert!((report["of_limit"].as_f64().unwrap() - reached).abs() < 1e-9, "{report}");
}

#[test]
fn a_line_a_second_and_what_bounded_the_run_fit_into_a_terminal() {
    let log = tempfile::tempdir().unwrap();
    let path = log.path().join("log");
    let words = ["--seconds", "2.5", "--max-bytes", "1GiB", "--keep-bytes", "128MiB", "--log", word(&path)];
    let output = stress(&words);
    let text = String::from_utf8(stdout_of(&output).to_vec()).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let is_second = |line: &&&str| line.split_whitespace().filter(|it| it.ends_with('%')).count() == 7;
    let seconds: Vec<_> = lines.iter().filter(is_second).collect();
    assert!((1..=4).contains(&seconds.len()), "{text}");
    let bounds = LIMITS.map(|(bound, _)| bound);
    assert!(seconds.iter().all(|line| bounds.iter().any(|bound| line.ends_with(bound))), "{text}");
    for start in ["events of 64 B", "events ", "in the log ", "until synced and sealed, ", "second half "] {
        assert!(lines.iter().any(|line| line.starts_with(start)), "{start}: {text}");
    }
    for (_, name) in LIMITS {
        let start = format!("limit: {name} ");
        assert!(lines.iter().any(|line| line.starts_with(&start) && line.contains(" % ")), "{start}: {text}");
    }
    let sentence = &lines[lines.len() - 2..];
    assert!(bounds.iter().any(|it| sentence[0].starts_with(&format!("bounded by the {it} ("))), "{text}");
    assert!(
        sentence[0].ends_with("was reached):") && sentence[1].starts_with("the producer waited "),
        "{text}"
    );
    // The title has the path of the log.
    assert!(lines[1..].iter().all(|line| line.chars().count() <= 80), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn what_recycling_removed_is_counted() {
    let words = ["--seconds", "60", "--max-bytes", "400MiB", "--keep-bytes", "128MiB", "--sync", "32MiB"];
    let report = json_of(&stress(&[&words[..], &["--batch", "64", "--payload", "1000", "--json"]].concat()));
    let count = |field| number(&report, field);
    assert!(count("retired") > 0, "{report}");
    assert_eq!(count("produced"), count("persisted"));
    assert_eq!(count("persisted"), count("events_in_log") + count("retired"));
    assert!(count("bytes_in_log") <= 128 << 20, "{report}");
    assert_eq!((count("batch"), &report["ended"]), (64, &"the size limit was reached".into()));
}

#[test]
fn the_two_threads_run_where_they_are_pinned() {
    let allowed = std::fs::read_to_string("/proc/self/status").unwrap();
    let allowed = allowed.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap().trim();
    let first = allowed.split([',', '-']).next().unwrap();
    let pin = format!("{first},{first}");
    let words = ["--seconds", "0.1", "--max-bytes", "8MiB", "--json", "--pin", &pin];
    let report = json_of(&stress(&words));
    assert_eq!(report["persisted"], report["events_in_log"], "{report}");
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
    for words in [
        &["--seconds", "0"][..],
        &["--seconds", "-1"],
        &["--payload", "70000"],
        &["--ring-size", "1B"],
        &["--batch", "0"],
        &["--sync", "5"],
        &["--pin", "0"],
        &["--pin", "0,1000000"],
        &["--keep-bytes", "1KiB"],
    ] {
        assert_code(&stress(words), 2);
    }
}
