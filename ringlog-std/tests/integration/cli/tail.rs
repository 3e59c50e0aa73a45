//! `tail`: the last events, new events, cursors.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use ringlog::event::EventHeader;
use ringlog::storage::{Cursor, LogReader, LogWriter};

use super::support::{RINGLOG, assert_code, json_of, log_writer, ringlog, stderr_of, stdout_of, word};

const PATIENCE: Duration = Duration::from_secs(30);

fn write(log: &Path, numbers: std::ops::Range<u64>) {
    let mut writer = log_writer(&LogWriter::options().segment_bytes(4096), log);
    for number in numbers {
        let text = format!("event {number}");
        let header = EventHeader::new(number * 1000, (number % 3) as u8, text.len() as u16);
        writer.write_event(&header, text.as_bytes()).unwrap();
    }
    writer.close().unwrap();
}

/// Returns the numbers of the events that were printed with `--format raw`.
fn numbers(printed: &[u8]) -> Vec<u64> {
    let text = std::str::from_utf8(printed).unwrap();
    text.lines().map(number_of).collect()
}

fn number_of(line: &str) -> u64 {
    line.strip_prefix("event ").unwrap().parse().unwrap()
}

fn tail(log: &Path, words: &[&str]) -> Output {
    ringlog(&[&["tail", word(log), "--format", "raw", "--separator", r"\n"], words].concat())
}

/// A `tail -f` that sends its lines to a channel. It is killed on drop.
struct Following {
    child: Child,
    lines: Receiver<String>,
}

impl Following {
    fn start(log: &Path, words: &[&str]) -> Self {
        Self::start_with(log, "raw", words)
    }

    fn start_with(log: &Path, format: &str, words: &[&str]) -> Self {
        let mut child = Command::new(RINGLOG)
            .args(["tail", "-f", word(log), "--format", format])
            .args(if format == "raw" { &["--separator", r"\n"][..] } else { &[] })
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines }
    }

    #[track_caller]
    fn expect(&self, numbers: std::ops::Range<u64>) {
        for number in numbers {
            assert_eq!(self.lines.recv_timeout(PATIENCE).unwrap(), format!("event {number}"));
        }
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    fn end(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (code, said)
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_last_events_are_printed() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    write(&log, 0..1000);
    let last = |words: &[&str]| numbers(stdout_of(&tail(&log, words)));
    assert_eq!(last(&[]), (990..1000).collect::<Vec<_>>());
    assert_eq!(last(&["-n", "3"]), [997, 998, 999]);
    assert_eq!(last(&["-n", "0"]), [0; 0]);
    assert_eq!(last(&["-n", "5", "--limit", "2"]), [995, 996]);
    assert_eq!(last(&["--limit", "0"]), [0; 0]);
    assert_eq!(last(&["-n", "5000"]), (0..1000).collect::<Vec<_>>());
    assert_eq!(last(&["-n", "2", "--type", "1"]), [994, 997]);
    assert_eq!(last(&["-n", "3", "--type", "1", "--type", "2"]), [995, 997, 998]);
    // Further back than the first attempt reads.
    assert_eq!(last(&["-n", "2", "--until", "5000"]), [3, 4]);
    assert_eq!(last(&["-n", "2", "--to-seq", "50"]), [48, 49]);
    assert_eq!(last(&["--since", "998000"]), [998, 999]);
    assert_eq!(last(&["--type", "9"]), [0; 0]);
    let json = ringlog(&["tail", word(&log), "-n", "1", "--json"]);
    let line: serde_json::Value = serde_json::from_slice(stdout_of(&json)).unwrap();
    assert_eq!(line["sequence"], 999);
}

#[test]
fn what_is_no_log_is_an_error_and_one_to_come_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    assert_code(&tail(&log, &[]), 1);
    let following = Following::start(&log, &["-n", "1000", "--limit", "3"]);
    let stopped = Following::start(&folder.path().join("never"), &[]);
    std::thread::sleep(Duration::from_millis(50));
    write(&log, 0..30);
    following.expect(0..3);
    let (code, said) = following.end();
    assert!(code == Some(0) && said.contains("waiting for"), "{said}");
    stopped.signal("-TERM");
    assert_eq!(stopped.end().0, Some(0));
    fs::remove_dir_all(&log).unwrap();

    fs::create_dir(&log).unwrap();
    assert_code(&tail(&log, &[]), 1);
    let following = Following::start(&log, &["-n", "1000"]);
    write(&log, 0..30);
    following.expect(0..30);
    assert_code(&tail(&log, &["--cursor", "../x"]), 1);
}

#[test]
fn following_goes_across_segments_and_writers_until_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    write(&log, 0..100);
    let following = Following::start(&log, &["-n", "5"]);
    following.expect(95..100);
    for run in 1..4 {
        write(&log, run * 100..run * 100 + 100);
        following.expect(run * 100..run * 100 + 100);
    }
    following.signal("-INT");
    assert_eq!(following.end(), (Some(0), String::new()));
}

#[test]
fn following_ends_when_nobody_reads_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    write(&log, 0..3);
    let mut child = Command::new(RINGLOG)
        .args(["tail", "-f", word(&log)])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut [0; 10]).unwrap();
    drop(out);
    // No other event follows.
    let output = child.wait_with_output().unwrap();
    assert_code(&output, 0);
    assert_eq!(stderr_of(&output), "");
}

#[test]
fn following_a_file_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    write(&log, 0..20);
    let file = log.join("00000000000000000000.evtl");
    assert_eq!(numbers(stdout_of(&tail(&file, &["-f", "-n", "4"]))), [16, 17, 18, 19]);
    assert_code(&tail(&file, &["--cursor", "a"]), 2);
}

#[test]
fn a_cursor_remembers_what_was_printed() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    write(&log, 0..40);
    let new = |words: &[&str]| numbers(stdout_of(&tail(&log, &[&["--cursor", "a"], words].concat())));
    assert_eq!(new(&[]), (0..40).collect::<Vec<_>>());
    assert_eq!(new(&[]), [0; 0]);
    write(&log, 40..300);
    assert_eq!(new(&["--to-seq", "200"]), (40..200).collect::<Vec<_>>());
    assert_eq!(Cursor::list(&log).unwrap()[0].next_sequence, 200);
    assert_eq!(new(&["--type", "0"]), (200..300).filter(|it| it % 3 == 0).collect::<Vec<_>>());
    assert_eq!(new(&[]), [0; 0], "what the filter left out was seen");
}

#[test]
fn a_killed_reader_sees_everything_at_least_once() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    write(&log, 0..1);
    let mut seen = 0;
    for life in 0..6 {
        let following = Following::start(&log, &["--cursor", "a"]);
        let end = (life + 1) * 60;
        write(&log, (life * 60).max(1)..end);
        let first = number_of(&following.lines.recv_timeout(PATIENCE).unwrap());
        assert!(first <= seen, "{first} follows {seen}");
        following.expect(first + 1..end - 20);
        following.signal("-KILL");
        seen = end - 20;
        // The lines that it printed until it was killed.
        for line in &following.lines {
            assert_eq!(number_of(&line), seen);
            seen += 1;
        }
    }
    // The rest; some events may come once more.
    let rest = numbers(stdout_of(&tail(&log, &["--cursor", "a"])));
    assert!(rest.first().is_none_or(|first| *first <= seen) && rest.last().is_none_or(|last| *last == 359));
    assert_eq!(Cursor::list(&log).unwrap()[0].next_sequence, 360);
}

/// Tries again while it is locked: a program that another test is starting has all locks of this process until it runs.
fn wait_until_free(path: &Path) {
    let deadline = Instant::now() + PATIENCE;
    while fs::File::open(path).unwrap().try_lock().is_err() {
        assert!(Instant::now() < deadline, "{} stays locked", path.display());
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_cursor_that_is_ahead_of_its_log_goes_back_to_the_end_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    write(&log, 0..50);
    let mut cursor = Cursor::open(&log, "a").unwrap();
    cursor.advance(80).unwrap();
    cursor.commit().unwrap();
    let path = cursor.path().to_owned();
    drop(cursor);
    wait_until_free(&path);
    let output = tail(&log, &["--cursor", "a"]);
    assert_code(&output, 3);
    assert!(
        stderr_of(&output).contains("record 80") && stderr_of(&output).contains("50"),
        "{}",
        stderr_of(&output)
    );
    write(&log, 50..90);
    assert_eq!(numbers(stdout_of(&tail(&log, &["--cursor", "a"]))), (50..90).collect::<Vec<_>>());
}

#[test]
fn a_cursor_is_refused_by_a_log_that_was_begun_anew_and_continues_as_the_message_says() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    write(&log, 0..50);
    assert_eq!(numbers(stdout_of(&tail(&log, &["--cursor", "a"]))).len(), 50);
    for entry in fs::read_dir(&log).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_file() {
            fs::remove_file(entry).unwrap();
        }
    }
    write(&log, 0..80);
    let output = tail(&log, &["--cursor", "a"]);
    assert_code(&output, 1);
    let (said, path) = (stderr_of(&output), log.join("cursors/a"));
    assert!(output.stdout.is_empty() && said.contains(path.to_str().unwrap()), "{said}");
    assert!(said.contains("delete this file") && said.contains("--from-seq 50"), "{said}");
    let expected = "cursors/a: this cursor is at record 50 of another log";
    for command in ["info", "verify"] {
        let words = String::from_utf8(stdout_of(&ringlog(&[command, word(&log)])).to_vec()).unwrap();
        assert!(words.contains(expected) && words.contains("delete it"), "{words}");
        let json = json_of(&ringlog(&[command, word(&log), "--json"]));
        assert_eq!(json["cursors_of_other_logs"][0]["next_sequence"], 50, "{json}");
    }
    assert_eq!(numbers(stdout_of(&tail(&log, &["-n", "1"]))), [79]);
    fs::remove_file(&path).unwrap();
    let words = String::from_utf8(stdout_of(&ringlog(&["info", word(&log)])).to_vec()).unwrap();
    assert!(!words.contains("cursor"), "{words}");
    let from = tail(&log, &["--cursor", "a", "--from-seq", "50"]);
    assert_eq!(numbers(stdout_of(&from)), (50..80).collect::<Vec<_>>());
    assert_eq!(numbers(stdout_of(&tail(&log, &["--cursor", "a"]))), [0_u64; 0]);
}

#[test]
fn a_cursor_in_use_names_its_process_and_a_damaged_one_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    write(&log, 0..5);
    let cursor = Cursor::open(&log, "a").unwrap();
    let output = tail(&log, &["--cursor", "a"]);
    assert_code(&output, 1);
    assert!(
        stderr_of(&output).contains(&format!("process {}", std::process::id())),
        "{}",
        stderr_of(&output)
    );
    let path = cursor.path().to_owned();
    drop(cursor);
    wait_until_free(&path);
    fs::write(&path, "nonsense").unwrap();
    let output = tail(&log, &["--cursor", "a"]);
    assert_code(&output, 1);
    assert!(stderr_of(&output).contains("delete it"), "{}", stderr_of(&output));
    fs::remove_file(&path).unwrap();
    assert_eq!(numbers(stdout_of(&tail(&log, &["--cursor", "a"]))), [0, 1, 2, 3, 4]);
}

#[test]
fn what_was_retired_before_it_was_read_is_reported_and_the_exit_code_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    write(&log, 0..500);
    assert_code(&tail(&log, &["--cursor", "a", "--to-seq", "10"]), 0);
    let segments: Vec<_> = LogReader::open(&log).unwrap().segments().to_vec();
    segments.iter().take(2).for_each(|segment| fs::remove_file(&segment.path).unwrap());
    let next = segments[2].header.base_sequence;
    let output = tail(&log, &["--cursor", "a"]);
    assert_code(&output, 3);
    assert_eq!(numbers(&output.stdout), (next..500).collect::<Vec<_>>());
    let said = stderr_of(&output);
    assert!(said.contains(&format!("{} records from 10 on", next - 10)), "{said}");
}

#[test]
fn a_file_that_is_cut_short_is_an_error_and_no_signal() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut writer = log_writer(&LogWriter::options(), &log);
    writer.write_event(&EventHeader::new(0, 0, 7), b"event 0").unwrap();
    let following = Following::start(&log, &[]);
    following.expect(0..1);
    writer.write_event(&EventHeader::new(0, 0, 7), b"event 1").unwrap();
    following.expect(1..2);
    // The writer must not touch a file that is gone.
    std::mem::forget(writer);
    let file = log.join("00000000000000000000.evtl");
    fs::OpenOptions::new().write(true).open(file).unwrap().set_len(10).unwrap();
    let (code, said) = following.end();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("10 bytes"), "{said}");
}

/// Records generated events until it is killed.
fn serve(log: &Path) -> Child {
    Command::new(RINGLOG)
        .args(["serve", "--rate", "20k", "--log", word(log)])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn recorders_that_are_killed_and_started_again_are_followed_without_a_hole() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    fs::create_dir(&log).unwrap();
    let following = Following::start_with(&log, "hex", &["-n", "100000000"]);
    let mut next = 0;
    let mut read_to = |end: u64| {
        while next < end {
            let line = following.lines.recv_timeout(PATIENCE).unwrap();
            // The first six records of a segment describe its events.
            if log.join(format!("{next:020}.evtl")).exists() {
                next += 6;
            }
            assert_eq!(line.split(' ').next(), Some(next.to_string().as_str()));
            next += 1;
        }
    };
    for _ in 0..4 {
        let before = LogReader::open(&log).map_or(0, |log| log.next_sequence());
        let mut recorder = serve(&log);
        read_to(before + 1_000);
        recorder.kill().unwrap();
        recorder.wait().unwrap();
    }
    // The events that it published before the last kill.
    let log = LogReader::open(&log).unwrap();
    read_to(log.next_sequence());
    assert!(log.segments().len() >= 4);
}

#[test]
fn cursors_are_listed_set_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    write(&log, 0..30);
    for name in ["audit", "other", "gone"] {
        assert_code(&tail(&log, &["--cursor", name]), 0);
    }
    fs::write(log.join("cursors/broken"), [7; 8192]).unwrap();
    let cursors = |words: &[&str]| json_of(&ringlog(&[&["cursors", word(&log), "--json"], words].concat()));
    let line = |report: &serde_json::Value, at: usize| {
        let it = &report["cursors"][at];
        (it["name"].as_str().unwrap().to_owned(), it["next_sequence"].as_u64(), it["lag"].as_u64())
    };
    let report = cursors(&["--set", "audit=12", "--set", "new=40", "--delete", "gone"]);
    assert_eq!(report["end_sequence"], 30);
    assert_eq!(line(&report, 0), ("audit".into(), Some(12), Some(18)));
    assert_eq!(line(&report, 1), ("broken".into(), Some(0), Some(30)));
    assert_eq!(line(&report, 2), ("new".into(), Some(40), Some(0)));
    assert_eq!(line(&report, 3), ("other".into(), Some(30), Some(0)));
    let states = |report: &serde_json::Value| {
        let states =
            report["cursors"].as_array().unwrap().iter().map(|it| it["state"].as_str().unwrap().to_owned());
        states.collect::<Vec<_>>()
    };
    assert_eq!(states(&report), ["good", "damaged", "ahead", "good"]);
    assert_eq!(numbers(stdout_of(&tail(&log, &["--cursor", "audit"]))), (12..30).collect::<Vec<_>>());
    assert_eq!(states(&cursors(&["--delete", "broken", "--delete", "new"])), ["good", "good"]);
    let text = ringlog(&["cursors", word(&log)]);
    let text = String::from_utf8_lossy(stdout_of(&text)).into_owned();
    assert!(
        text.contains("2 cursors, ends before 30\naudit  next            30  lag             0"),
        "{text}"
    );
}
