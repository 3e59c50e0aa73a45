//! `serve`, and what the other commands then report of the log.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::support::{
    RINGLOG, assert_code, first_file, json_of, number, records_of, ringlog, ringlog_fed, start_fed,
    stderr_of, stdout_of, wait_until, word,
};

pub(crate) fn info(log: &Path) -> Value {
    json_of(&ringlog(&["info", word(log), "--json"]))
}

pub(crate) fn spawn(words: &[&str]) -> Child {
    Command::new(RINGLOG)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ringlog starts")
}

/// A program that is ended if its test fails.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for a clean end and returns the summary.
    pub(crate) fn summary(mut self) -> Value {
        let (code, summary) = self.end();
        assert_eq!(code, Some(0));
        summary
    }

    /// Waits for the end and returns exit code and summary.
    pub(crate) fn end(&mut self) -> (Option<i32>, Value) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.0.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "ringlog does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
        let code = self.0.wait().unwrap().code();
        let mut text = String::new();
        self.0.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        (code, serde_json::from_str(&text).unwrap())
    }
}

#[test]
fn summary_info_verify_and_cat_agree() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let summary = json_of(&ringlog(&["serve", "--for", "1s", "--log", word(&log), "--json"]));
    let events = number(&summary, "events");
    // A busy machine may stop it late; until then it continues at the same rate.
    let most = 110_000.0 * summary["seconds"].as_f64().unwrap();
    assert!(events > 1_000 && events as f64 <= most, "100,000 a second are the default: {summary}");
    assert_eq!((number(&summary, "lost"), number(&summary, "gaps")), (0, 0));

    let info = info(&log);
    for field in ["events", "lost", "gaps", "bytes", "first_timestamp", "last_timestamp"] {
        assert_eq!(info[field], summary[field], "{field}");
    }
    let verified = json_of(&ringlog(&["verify", word(&log), "--json"]));
    assert_eq!((number(&verified, "events"), &verified["result"]), (events, &"clean".into()));
    let records = records_of(&log);
    assert_eq!(records.len() as u64, events);
    // The first six records describe the events.
    assert!(records.iter().zip(6..).all(|(record, sequence)| record.sequence == sequence));
    assert!(records.windows(2).all(|pair| pair[0].timestamp <= pair[1].timestamp));
}

#[test]
fn no_command_means_serve_and_a_second_run_adds() {
    let folder = tempfile::tempdir().unwrap();
    let run = || {
        let mut command = Command::new(RINGLOG);
        command.args(["--for", "200ms", "--json"]).current_dir(folder.path()).stdin(Stdio::null());
        json_of(&command.output().unwrap())
    };
    let events = number(&run(), "events") + number(&run(), "events");
    assert_eq!(number(&info(&folder.path().join("ringlog-data")), "events"), events);
}

#[test]
fn off_a_terminal_counts_are_printed_only_where_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let said = |more: &[&str]| {
        stderr_of(&ringlog(&[&["serve", "--for", "100ms", "--log", word(&log)], more].concat()))
    };
    assert!(!said(&[]).contains("/s  "), "{}", said(&[]));
    assert!(
        said(&["--progress"]).lines().any(|line| line.contains(" events  ") && line.contains("  lost 0"))
    );
}

#[test]
fn with_retention_only_an_asked_limit_is_announced_and_without_it_the_default_with_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let said = |more: &[&str]| {
        stderr_of(&ringlog(&[&["serve", "--for", "100ms", "--log", word(&log)], more].concat()))
    };
    assert!(said(&[]).contains("4.0 GiB are written (exit code 4"), "{}", said(&[]));
    let kept = said(&["--keep-bytes", "1GiB", "--keep-for", "30d"]);
    assert!(kept.contains("stops after 100ms, or at Ctrl-C") && !kept.contains("are written"), "{kept}");
    let asked = said(&["--keep-bytes", "1GiB", "--max-bytes", "2GiB"]);
    assert!(asked.contains("when 2.0 GiB are written (--max-bytes), or at Ctrl-C"), "{asked}");
}

#[test]
fn the_size_limit_ends_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let words = ["serve", "--rate", "max", "--max-bytes", "1MB", "--log", word(&log), "--json"];
    let summary = json_of(&ringlog(&words));
    let bytes = number(&summary, "bytes");
    assert!((999_000..=1_000_000).contains(&bytes), "{bytes}");
}

#[test]
fn lines_of_standard_input_are_recorded_to_the_last_one() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let text: String = (0..20_000).map(|line| format!("line {line}\n")).collect();
    let words = ["serve", "--feed", "-", "--log", word(&log), "--json"];
    let summary = json_of(&ringlog_fed(&words, text.as_bytes()));
    assert_eq!(number(&summary, "events"), 20_000);
    let cat = ringlog(&["cat", word(&log), "--format", "raw", "--separator", r"\n"]);
    assert!(stdout_of(&cat) == text.as_bytes(), "cat gives back other bytes");
}

#[test]
fn sigterm_ends_it_with_everything_drained_and_a_summary() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let running = Running(spawn(&["serve", "--rate", "max", "--log", word(&log), "--json"]));
    first_file(&log);
    std::thread::sleep(Duration::from_millis(500));
    running.terminate();
    let summary = running.summary();
    assert!(number(&summary, "events") > 0);
    assert_eq!(number(&summary, "produced"), number(&summary, "events"));
    assert_eq!(summary["ended"], "asked to stop");
    assert_eq!(info(&log)["events"], summary["events"]);
    assert_eq!(json_of(&ringlog(&["verify", word(&log), "--json"]))["result"], "clean");
}

#[test]
fn sigterm_ends_it_while_standard_input_is_silent() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut child = Command::new(RINGLOG)
        .args(["serve", "--feed", "-", "--log", word(&log), "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Kept open, so that the feed gives nothing and does not end.
    let stdin = child.stdin.take();
    let running = Running(child);
    std::thread::sleep(Duration::from_millis(300));
    running.terminate();
    assert_eq!(number(&running.summary(), "events"), 0);
    drop(stdin);
}

#[test]
fn every_datagram_is_an_event() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut child = spawn(&["serve", "--feed", "udp://127.0.0.1:0", "--log", word(&log), "--json"]);
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let running = Running(child);
    let address = address_said(&mut said);
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    for number in 0..200_u32 {
        sender.send_to(&number.to_le_bytes(), &address).unwrap();
        // Slow enough that the buffer of the kernel never overflows.
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(300));
    running.terminate();
    assert_eq!(number(&running.summary(), "events"), 200);
    let payloads: Vec<Vec<u8>> = records_of(&log).into_iter().map(|record| record.payload).collect();
    assert_eq!(payloads, (0..200_u32).map(|number| number.to_le_bytes().to_vec()).collect::<Vec<_>>());
}

fn address_said(said: &mut impl BufRead) -> String {
    let mut line = String::new();
    while said.read_line(&mut line).unwrap() > 0 {
        if let Some((_, address)) = line.trim_end().split_once("listening at udp://") {
            return address.to_owned();
        }
        line.clear();
    }
    panic!("no address was said");
}

#[test]
fn the_next_command_that_is_named_works() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("a log");
    let output = ringlog(&["serve", "--for", "100ms", "--log", word(&log)]);
    let text = String::from_utf8(stdout_of(&output).to_vec()).unwrap();
    let line = text.lines().find(|line| line.contains(" cat ")).expect("a next command");
    let next = Command::new("sh").args(["-c", line.trim()]).output().unwrap();
    let printed = String::from_utf8(stdout_of(&next).to_vec()).unwrap();
    assert!(printed.lines().count() > 0, "{line}");
}

#[test]
fn nobody_listening_to_its_messages_is_no_reason_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut child = spawn(&["serve", "--for", "300ms", "--log", word(&log), "--json"]);
    drop(child.stderr.take());
    assert!(number(&Running(child).summary(), "events") > 0);
}

#[test]
fn a_run_without_events_leaves_a_log_that_the_next_run_adds_to() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let words = ["serve", "--feed", "-", "--log", word(&log), "--json"];
    for (input, events) in [(&b""[..], 0), (b"", 0), (b"one\n", 1), (b"", 1), (b"two\n", 2)] {
        ringlog_fed(&words, input);
        assert_eq!(number(&info(&log), "events"), events);
    }
}

#[test]
fn a_log_that_fails_half_way_is_an_error_with_a_summary_of_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let (child, mut stdin) = start_fed(&["serve", "--feed", "-", "--log", word(&log), "--json"]);
    let line = [&[b'x'; 60_000][..], b"\n"].concat();
    stdin.write_all(&line).unwrap();
    let first = first_file(&log);
    // `fit` records fill a segment of 64 MiB; a foreign file has the name of the next segment.
    let fit = ((64 << 20) - 64) / 60_016;
    std::fs::write(log.join(format!("{fit:020}.evtl")), "not a log").unwrap();
    // It ends before it has read all input.
    while stdin.write_all(&line).is_ok() {}
    let output = child.wait_with_output().unwrap();
    assert_code(&output, 1);
    let said = stderr_of(&output);
    assert!(said.contains("cannot name the segment"), "{said}");
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((number(&summary, "events"), &summary["ended"]), (fit, &"the log failed".into()));
    assert!(summary["error"].as_str().unwrap().contains("cannot name the segment"), "{summary}");
    let produced = number(&summary, "produced");
    assert_eq!(number(&summary, "unrecorded"), produced - fit);
    assert_eq!(number(&json_of(&ringlog(&["verify", word(&first), "--json"])), "events"), fit);
}

#[test]
fn datagrams_that_the_kernel_drops_are_loss() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut child = spawn(&["serve", "--feed", "udp://127.0.0.1:0", "--log", word(&log), "--json"]);
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut running = Running(child);
    let address = address_said(&mut said);
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    running.signal("-STOP");
    for _ in 0..3000 {
        sender.send_to(&[7; 8000], &address).unwrap();
    }
    running.signal("-CONT");
    // A datagram that arrives too late is lost for another reason, so the log must have all of them before the end.
    first_file(&log);
    wait_until("all datagrams are recorded or dropped", || {
        let now = info(&log);
        number(&now, "events") + number(&now, "lost") == 3000
    });
    running.terminate();
    let (code, summary) = running.end();
    let (events, dropped) = (number(&summary, "events"), number(&summary, "dropped"));
    assert_eq!((code, events + dropped), (Some(3), 3000));
    assert!(events > 0 && dropped > 0, "{summary}");
}

#[test]
fn a_log_with_limits_keeps_to_them_and_the_counts_are_the_writers() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let limits = ["--segment-size", "64KiB", "--keep-files", "3", "--sync", "16KiB", "--full-disk", "drop"];
    let run = ["serve", "--for", "1s", "--rate", "20k", "--log", word(&log), "--json"];
    let summary = json_of(&ringlog(&[&run[..], &limits[..]].concat()));
    assert_eq!(summary["read_back"], "the last file");
    assert_eq!(number(&summary, "produced"), number(&summary, "events"));
    let left = info(&log);
    assert!(left["segments"].as_array().unwrap().len() <= 5, "{left}");
    assert!(number(&left, "events") < number(&summary, "events"));
    assert!(number(&left, "events") > 0);
}
