//! `serve` as a service: its numbers over HTTP, a file of options, a file of messages that is opened again, and `--quiet`.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use super::serve::{Running, spawn};
use super::support::{RINGLOG, assert_code, ringlog, stderr_of, stdout_of, wait_until, word};

/// Asks a server and returns what it answers, head and all.
fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "{request} HTTP/1.1\r\nHost: x\r\nAccept: application/openmetrics-text\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn a_service_answers_while_it_records_and_hangup_begins_a_new_file_of_messages() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (config, messages, socket) = (path("serve.toml"), path("messages"), path("socket"));
    let text =
        format!("feed = \"unix:{}\"\nmetrics = 0\nlog-file = \"none\"\nsync = \"50ms\"\n", word(&socket));
    fs::write(&config, text).unwrap();
    let log = path("log");
    // What is typed wins.
    let words = ["serve", "--config", word(&config), "--log-file", word(&messages), "--log", word(&log)];
    let mut running = Running(spawn(&words));
    wait_until("the socket", || read(&messages).contains("recording "));
    let said = read(&messages);
    let address = said.split_once("metrics at http://").unwrap().1.split_once('/').unwrap().0.to_owned();
    std::os::unix::net::UnixStream::connect(&socket).unwrap().write_all(b"one\ntwo\n").unwrap();
    wait_until("the events", || ask(&address, "GET /metrics").contains("\nringlog_events_total 2\n"));
    let answer = ask(&address, "GET /metrics?x=1");
    assert!(answer.contains("Content-Type: application/openmetrics-text; version=1.0.0"), "{answer}");
    assert!(answer.contains("\nringlog_feed_events_total 2\n"), "{answer}");
    let health = ask(&address, "GET /health");
    assert!(health.starts_with("HTTP/1.1 200 OK\r\n") && health.ends_with("\r\n\r\nok\n"), "{health}");
    assert!(ask(&address, "GET /else").starts_with("HTTP/1.1 404 "));
    let refused = ask(&address, "DELETE /metrics");
    assert!(refused.starts_with("HTTP/1.1 405 ") && refused.contains("Allow: GET, HEAD\r\n"), "{refused}");

    fs::rename(&messages, path("old")).unwrap();
    running.signal("-HUP");
    wait_until("the new file", || read(&messages).contains("opening the file of --log-file again"));
    running.terminate();
    wait_until("the end", || running.0.try_wait().unwrap().is_some());
    assert!(running.0.wait().unwrap().success());
    assert!(read(&messages).contains("recorded 2 events") && !read(&path("old")).contains("recorded"));
    assert!(!path("none").exists());
}

#[test]
fn a_quiet_service_says_nothing_of_a_run_without_losses() {
    let folder = tempfile::tempdir().unwrap();
    let (lines, log) = (folder.path().join("lines"), folder.path().join("log"));
    fs::write(&lines, "one\n").unwrap();
    let words = ["serve", "--quiet", "--feed", word(&lines), "--log", word(&log)];
    let output = ringlog(&words);
    assert_eq!((stdout_of(&output), stderr_of(&output).as_str()), (&b""[..], ""));
    fs::write(&lines, format!("{}\n", "x".repeat(70_000))).unwrap();
    let output = ringlog(&words);
    assert_code(&output, 3);
    assert!(stderr_of(&output).contains("WARN ringlog::serve: recorded 0 events"), "{output:?}");
}

#[test]
fn what_is_printed_as_a_file_is_read_and_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (config, log) = (folder.path().join("serve.toml"), folder.path().join("log"));
    let options = ["serve", "--max-bytes", "10kB", "--log", word(&log), "--seed", "4", "--json"];
    let printed = ringlog(&[&options[..], &["--print-config"]].concat());
    fs::write(&config, stdout_of(&printed)).unwrap();
    assert!(!log.exists());
    let run =
        |words: &[&str]| serde_json::from_slice::<serde_json::Value>(stdout_of(&ringlog(words))).unwrap();
    let by_file = run(&["--config", word(&config)]);
    let by_words = run(&options);
    assert_eq!(by_file["events"], by_words["events"]);
    assert_eq!(by_file["bytes"], by_words["bytes"]);
    let wrong = ringlog(&["serve", "--ring-size", "1KiB", "--print-config"]);
    assert_code(&wrong, 2);
}

/// Without a service manager at the end of the socket, a service records all the same.
#[test]
fn a_manager_that_is_not_there_ends_no_recording() {
    let folder = tempfile::tempdir().unwrap();
    let (lines, log) = (folder.path().join("lines"), folder.path().join("log"));
    fs::write(&lines, "one\n").unwrap();
    let words = ["serve", "--feed", word(&lines), "--log", word(&log)];
    let output =
        Command::new(RINGLOG).args(words).env("NOTIFY_SOCKET", folder.path().join("none")).output().unwrap();
    assert_code(&output, 0);
    let said = stderr_of(&output);
    assert_eq!(
        said.matches("WARN ringlog::serve: NOTIFY_SOCKET: the service manager does not answer").count(),
        1,
        "{said}"
    );
}
