//! Where the messages of `serve` go, which there are, and what each line has.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use ringlog::event::EventHeader;
use ringlog::storage::LogWriter;

use super::support::{RINGLOG, assert_code, head_of_message, log_writer, ringlog, stderr_of, word};
use crate::writer_file;

/// Level and target, and the text, of each line; fails if a line is no message.
#[track_caller]
fn messages(text: &str) -> Vec<(&str, &str)> {
    let parsed = |line| head_of_message(line).unwrap_or_else(|| panic!("no message: {line:?}"));
    text.lines().map(parsed).collect()
}

#[track_caller]
fn assert_has(messages: &[(&str, &str)], head: &str, text: &str) {
    let is_it = |&(found, said): &(&str, &str)| found == head && said.contains(text);
    assert!(messages.iter().any(is_it), "{head}: {text}: {messages:?}");
}

/// Runs `serve` on a file with a line that is too long for an event.
fn served(folder: &Path, options: &[&str], environment: &[(&str, &str)]) -> Output {
    let (lines, log) = (folder.join("lines"), folder.join("log"));
    fs::write(&lines, format!("one\n{}\ntwo\n", "x".repeat(70_000))).unwrap();
    let words = ["serve", "--rate", "max", "--feed", word(&lines), "--log", word(&log)];
    let mut command = Command::new(RINGLOG);
    command.args(words).args(options).envs(environment.iter().copied()).stdin(Stdio::null());
    command.output().unwrap()
}

#[track_caller]
fn assert_whole_run(said: &str) {
    let found = messages(said);
    assert_has(&found[..1], "INFO ringlog::serve", "recording ");
    assert_has(&found, "WARN ringlog::feed", "skipped at byte 4: line of 70000 bytes");
    let last = &found[found.len() - 1..];
    assert_has(last, "WARN ringlog::serve", "recorded 2 events in ");
    assert_has(last, "WARN ringlog::serve", "lost 1 in 1 gap; stopped: the feed ended");
}

#[test]
fn off_a_terminal_each_message_has_time_level_and_target() {
    let folder = tempfile::tempdir().unwrap();
    let output = served(folder.path(), &[], &[]);
    assert_code(&output, 3);
    assert_whole_run(&stderr_of(&output));
    let summary = String::from_utf8_lossy(&output.stdout);
    assert!(summary.starts_with("recorded 2 events in ") && summary.contains("to see more:\n"), "{summary}");
}

#[test]
fn a_file_gets_the_messages_of_each_run_and_standard_error_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("messages");
    let output = served(folder.path(), &["--log-file", word(&file)], &[]);
    assert_code(&output, 3);
    assert_eq!(stderr_of(&output), "");
    let first = fs::read_to_string(&file).unwrap();
    assert_whole_run(&first);
    served(folder.path(), &["--log-file", word(&file)], &[]);
    let both = fs::read_to_string(&file).unwrap();
    assert_whole_run(both.strip_prefix(&first).unwrap());
}

#[test]
fn counts_are_messages_too_where_they_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("messages");
    served(folder.path(), &["--log-file", word(&file), "--progress"], &[]);
    let said = fs::read_to_string(&file).unwrap();
    assert_has(&messages(&said), "INFO ringlog::serve", "2 events  ");
    served(folder.path(), &["--log-file", word(&file)], &[]);
    assert_eq!(
        fs::read_to_string(&file).unwrap().matches("  lost 1").count(),
        said.matches("  lost 1").count()
    );
}

#[test]
fn an_earlier_runs_loss_is_a_warning_and_a_ring_is_announced() {
    let folder = tempfile::tempdir().unwrap();
    let (log, ring) = (folder.path().join("log"), folder.path().join("ring"));
    let mut writer = log_writer(&LogWriter::options(), &log);
    writer.write_event(&EventHeader::new(1, 7, 3), b"abc").unwrap();
    writer.close().unwrap();
    writer_file::edit(&log, |lines| format!("{lines}untold_loss: 24 5 64 3\n"));
    let output = ringlog(&["serve", "--ring", word(&ring), "--for", "1ms", "--log", word(&log)]);
    let said = stderr_of(&output);
    let found = messages(&said);
    assert_has(&found, "WARN ringlog::log", "recovery: the last writer closed the log");
    assert_has(&found, "INFO ringlog::serve", "recording ring ");
    assert_has(&found, "INFO ringlog::serve", "what is published later stays in the ring");
}

#[test]
fn the_level_chooses_messages_and_the_option_is_stronger_than_the_variable() {
    let folder = tempfile::tempdir().unwrap();
    let levels = |options: &[&str], environment: &[(&str, &str)]| {
        let said = stderr_of(&served(folder.path(), options, environment));
        let mut levels: Vec<_> =
            messages(&said).iter().map(|(head, _)| head.split_once(' ').unwrap().0.to_owned()).collect();
        levels.sort();
        levels.dedup();
        levels
    };
    assert_eq!(levels(&[], &[]), ["INFO", "WARN"]);
    assert_eq!(levels(&[], &[("RINGLOG_LOG", "")]), ["INFO", "WARN"]);
    assert_eq!(levels(&["--log-level", "warn"], &[]), ["WARN"]);
    assert_eq!(levels(&[], &[("RINGLOG_LOG", "warn")]), ["WARN"]);
    assert_eq!(levels(&["--log-level", "info"], &[("RINGLOG_LOG", "off")]), ["INFO", "WARN"]);
    for silent in ["off", "error"] {
        assert!(levels(&["--log-level", silent], &[]).is_empty(), "{silent}");
    }
    let cat =
        Command::new(RINGLOG).arg("cat").arg(folder.path().join("log")).env("RINGLOG_LOG", "loud").output();
    assert_code(&cat.unwrap(), 0);
    assert_code(&served(folder.path(), &[], &[("RINGLOG_LOG", "loud")]), 2);
}

#[test]
fn connections_that_come_and_go_are_messages_at_level_debug() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("messages");
    let how = ["--log-file", word(&file), "--log-level", "debug"];
    let (log, socket) = (folder.path().join("log"), folder.path().join("socket"));
    let feed = format!("unix:{}", word(&socket));
    let words = [&["serve", "--feed", &feed, "--max-bytes", "24", "--log", word(&log)][..], &how].concat();
    let running = super::serve::Running(super::serve::spawn(&words));
    // The file is there before anybody listens.
    super::support::wait_until("the socket", || UnixStream::connect(&socket).is_ok());
    let has_gone = || fs::read_to_string(&file).unwrap().contains("connection 1: the peer closed it");
    super::support::wait_until("the connection's end", has_gone);
    drop(running);
    let said = fs::read_to_string(&file).unwrap();
    assert_has(&messages(&said), "DEBUG ringlog::feed", "connection 1: connected");
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("missing/messages");
    let output = served(folder.path(), &["--log-file", word(&file)], &[]);
    assert_code(&output, 1);
    let said = stderr_of(&output);
    assert!(said.starts_with(&format!("ringlog: {}: cannot open: ", word(&file))), "{said}");
    assert!(!folder.path().join("log").exists(), "a log was begun");
}

#[test]
fn a_pipe_that_nobody_reads_holds_up_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // Nobody has it open.
    let output = served(folder.path(), &["--log-file", word(&pipe)], &[]);
    assert_code(&output, 1);
    let said = stderr_of(&output);
    assert!(said.starts_with(&format!("ringlog: {}: cannot open: ", word(&pipe))), "{said}");
    assert!(said.contains("; start what reads the pipe"), "{said}");
    assert!(!folder.path().join("log").exists(), "a log was begun");
    // Somebody has, and it is full.
    let mut end =
        fs::File::options().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(&pipe).unwrap();
    while end.write(&[b'x'; 512]).is_ok() {}
    let output = served(folder.path(), &["--log-file", word(&pipe)], &[]);
    assert_code(&output, 3);
    assert_whole_run(&stderr_of(&output));
}

#[test]
fn the_error_that_ends_it_is_in_the_file_and_on_standard_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("messages");
    let run = |feed: &str| {
        let words = ["serve", "--feed", feed, "--log", word(&file), "--log-file", word(&file)];
        ringlog(&words)
    };
    // The file is there by then, and no folder of a log.
    let output = run("demo");
    assert_code(&output, 1);
    let (said, error) = (fs::read_to_string(&file).unwrap(), stderr_of(&output));
    let text = error.trim_end().strip_prefix("ringlog: ").unwrap();
    assert_eq!(messages(&said), [("ERROR ringlog::serve", text)]);
    // One that is found before anything is opened.
    let words = ["serve", "--ring-size", "1KiB", "--log-file", word(&file)];
    assert_code(&ringlog(&words), 2);
    assert_has(&messages(&fs::read_to_string(&file).unwrap()), "ERROR ringlog::serve", "--ring-size 1.0 KiB");
}

#[test]
fn other_commands_say_what_they_say_without_times() {
    let folder = tempfile::tempdir().unwrap();
    let (lines, log) = (folder.path().join("lines"), folder.path().join("log"));
    fs::write(&lines, format!("one\n{}\n", "x".repeat(70_000))).unwrap();
    let said = stderr_of(&ringlog(&["import", word(&lines), "--log", word(&log)]));
    assert!(said.starts_with("importing ") && said.contains("\nskipped at byte 4: "), "{said}");
}
