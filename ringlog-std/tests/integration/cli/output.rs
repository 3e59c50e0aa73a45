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

/// Runs `cat` in the zone of Berlin, or of a zone without a name.
fn cat_in(zone: &str, log: &str, words: &[&str]) -> std::process::Output {
    Command::new(RINGLOG).args(["cat", log]).args(words).env("TZ", zone).output().unwrap()
}

#[test]
fn times_are_typed_as_people_do_and_a_zone_is_named() {
    const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";
    let folder = tempfile::tempdir().unwrap();
    let log = &ten_rows(folder.path());
    for since in ["2013-09-01 19:00:08", "2013-09-01T19:00:08", "@1378054808", "@1378054808000ms"] {
        let cat = cat_in(BERLIN, log, &["--since", since, "--format", "hex"]);
        assert_eq!(String::from_utf8_lossy(stdout_of(&cat)).lines().count(), 2, "{since}");
        let said = String::from_utf8_lossy(&cat.stderr).into_owned();
        let expected = "means 2013-09-01T19:00:08.000000000+02:00, local time; --utc reads it as UTC";
        assert!(since.starts_with('@') && said.is_empty() || said.contains(expected), "{said}");
    }
    let cat = cat_in(BERLIN, log, &["--since", "2013-09-01 17:00:08", "--utc", "--json"]);
    assert_eq!((String::from_utf8_lossy(stdout_of(&cat)).lines().count(), &*cat.stderr), (2, &b""[..]));
    let cat = cat_in(BERLIN, log, &["--until", "2013-09-01 19:00:01", "--local", "--json"]);
    let line: Value = serde_json::from_slice(stdout_of(&cat)).unwrap();
    assert_eq!((&line["time"], &*cat.stderr), (&"2013-09-01T19:00:00.000000000+02:00".into(), &b""[..]));
    // All of the log is older than that.
    for since in ["-1h", "10m", "now", "today", "yesterday"] {
        assert_eq!(rows(log, &["--since", since]), [0; 0], "{since}");
        assert_eq!(rows(log, &["--until", since]).len(), 10, "{since}");
    }
    assert_code(&ringlog(&["cat", log, "--utc", "--local"]), 2);
}

#[test]
fn payloads_have_one_encoding_in_an_output() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut writer = ringlog::storage::LogWriter::open(&log).unwrap();
    for payload in [&b"text"[..], b"\xFF\0"] {
        let header = ringlog::event::EventHeader::new(1, 2, payload.len() as u16);
        writer.write_event(&header, payload).unwrap();
    }
    writer.close().unwrap();
    let column = |words: &[&str]| {
        let cat = ringlog(&[&["cat", word(&log), "--format", "csv"], words].concat());
        let rows = String::from_utf8(stdout_of(&cat).to_vec()).unwrap();
        let cells = |row: &str| row.rsplitn(3, ',').take(2).map(str::to_owned).collect::<Vec<_>>();
        (rows.lines().skip(1).flat_map(cells).collect::<Vec<_>>(), String::from_utf8(cat.stderr).unwrap())
    };
    let (cells, said) = column(&[]);
    assert_eq!(cells, ["74657874", "hex", "ff00", "hex"]);
    assert!(said.contains("in hex (text among the first 2 events: 1)"), "{said}");
    let (cells, said) = column(&["--payload", "text"]);
    assert_eq!(cells, ["text", "text", r"\xff\u0000", "text"]);
    assert!(said.contains("1 payload without valid UTF-8"), "{said}");
    assert_eq!(
        column(&["--payload", "base64"]),
        (["dGV4dA==", "base64", "/wA=", "base64"].map(Into::into).into(), String::new())
    );
    assert_eq!(column(&["--payload", "hex"]).1, "");
    let raw = |words: &[&str]| {
        stdout_of(&ringlog(&[&["cat", word(&log), "--format", "raw"], words].concat())).to_vec()
    };
    assert_eq!(
        (raw(&[]), raw(&["--separator", "0x0d0a"])),
        (b"text\xFF\0".to_vec(), b"text\r\n\xFF\0\r\n".to_vec())
    );
}

#[test]
fn grep_prints_copies_and_follows_events_with_these_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut writer = ringlog::storage::LogWriter::open(&log).unwrap();
    for number in 0..5000 {
        let payload = format!("order {number} \u{1}");
        let header = ringlog::event::EventHeader::new(number, (number % 3) as u8, payload.len() as u16);
        writer.write_event(&header, payload.as_bytes()).unwrap();
    }
    writer.close().unwrap();
    let log = word(&log);
    let wanted = [999, 1999, 2999, 3999, 4999];
    assert_eq!(rows(log, &["--grep", "999 "]), wanted);
    assert_eq!(rows(log, &["--grep", r"999\x20\x01"]), wanted);
    assert_eq!(rows(log, &["--grep", "0x3939392001"]), wanted);
    assert_eq!(rows(log, &["--grep", "999 ", "--type", "1", "--from-seq", "2000", "--limit", "1"]), [4999]);
    assert_eq!(rows(log, &["--grep", "order 5000"]), [0; 0]);
    for command in [&["tail", log, "-n", "2"][..], &["replay", log, "--speed", "max", "--since", "3000"]] {
        let output = ringlog(&[command, &["--grep", "999 ", "--format", "hex"]].concat());
        let lines = String::from_utf8_lossy(stdout_of(&output)).into_owned();
        let sequences: Vec<_> = lines.lines().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(sequences, ["3999", "4999"], "{command:?}");
    }
    let out = folder.path().join("out");
    let report = json_of(&ringlog(&["salvage", log, word(&out), "--grep", "999 ", "--json"]));
    assert_eq!(
        (&report["records"], &report["gaps_added"], &report["missing"]),
        (&5.into(), &0.into(), &0.into())
    );
    assert_eq!(rows(word(&out), &[]), [0, 1, 2, 3, 4]);
    assert_code(&ringlog(&["cat", log, "--grep", ""]), 2);
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
            .args(["cat", word(&log), "--type", "order_add", "--format", format])
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

#[test]
fn completions_and_manual_pages_have_the_commands() {
    for (shell, start) in [("bash", "_ringlog"), ("zsh", "#compdef ringlog"), ("fish", "# Print an optspec")]
    {
        let script = ringlog(&["completions", shell]);
        let script = std::str::from_utf8(stdout_of(&script)).unwrap();
        assert!(script.starts_with(start) && script.contains("recover-image"), "{script:.200}");
    }
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    stdout_of(&ringlog(&["man", word(&pages)]));
    let page = std::fs::read_to_string(pages.join("ringlog-serve.1")).unwrap();
    assert!(page.contains("keep\\-bytes"), "{page:.300}");
}
