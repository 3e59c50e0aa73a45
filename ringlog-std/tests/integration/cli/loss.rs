//! One account of loss: for each way of losing events, the live line, the summary, `info` and the GAP records of the
//! log agree on number and reason.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ringlog::event::EventHeader;
use ringlog::ring::SharedRing;
use serde_json::Value;

use super::serve::info;
use super::support::{
    RINGLOG, assert_code, first_file, json_of, message_in, number, ringlog, stdout_of, word,
};
use crate::disk_full::{child_folder, on_mounted};

/// Lost events by reason.
type Losses = BTreeMap<String, u64>;

const TOO_LONG: usize = 65_536;

fn losses<const N: usize>(expected: [(&str, u64); N]) -> Losses {
    expected.into_iter().map(|(reason, count)| (reason.to_owned(), count)).collect()
}

fn losses_in(report: &Value) -> Losses {
    serde_json::from_value(report["lost_by_reason"].clone()).unwrap()
}

/// Adds up the GAP records of a log, as `cat` prints them.
fn gaps_of(log: &Path) -> Losses {
    let mut found = Losses::new();
    let cat = ringlog(&["cat", word(log), "--format", "json"]);
    for line in String::from_utf8(stdout_of(&cat).to_vec()).unwrap().lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        if let Some(reason) = record["gap"]["reason"].as_str() {
            *found.entry(reason.to_owned()).or_default() += record["gap"]["count"].as_u64().unwrap_or(0);
        }
    }
    found
}

/// Returns the loss in a live line.
fn lost_in(line: &str) -> Option<u64> {
    let (_, rest) = line.split_once("  lost ")?;
    let digits = rest.split(' ').next()?.replace(',', "");
    digits.parse().ok()
}

/// Returns the events in a live line.
fn events_in(line: &str) -> Option<u64> {
    let (number, _) = line.split_once(" event")?;
    number.replace(',', "").parse().ok()
}

/// A run that has ended.
struct Run {
    code: i32,
    summary: Value,
    /// The last live line.
    live: Option<u64>,
    log: PathBuf,
}

impl Run {
    fn of(output: &Output, log: PathBuf) -> Self {
        let said = String::from_utf8_lossy(&output.stderr);
        let summary =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
        let live = said.lines().filter_map(lost_in).next_back();
        Self { code: output.status.code().unwrap(), summary, live, log }
    }

    /// Checks what was reported before the log is read.
    #[track_caller]
    fn assert_said(&self, name: &str, code: i32, expected: &Losses) {
        let sum: u64 = expected.values().sum();
        let summary = &self.summary;
        assert_eq!((self.code, &losses_in(summary)), (code, expected), "{name}: {summary}");
        assert_eq!((number(summary, "lost"), self.live), (sum, Some(sum)), "{name}: {summary}");
    }

    /// Checks the log, the output of `info`, and a copy.
    #[track_caller]
    fn assert_logged(&self, name: &str, expected: &Losses) {
        assert_eq!(&gaps_of(&self.log), expected, "{name}");
        assert_info(name, &self.log, expected);
        self.assert_copied(name, expected);
    }

    #[track_caller]
    fn assert_copied(&self, name: &str, expected: &Losses) {
        // Not on the disk of the log, which may be full.
        let folder = tempfile::tempdir().unwrap();
        let (copy, salvaged) = (folder.path().join("copy"), folder.path().join("salvaged"));
        assert_code(&ringlog(&["replay", word(&self.log), "--speed", "max", "--to", word(&copy)]), 0);
        assert_code(&ringlog(&["salvage", word(&self.log), word(&salvaged)]), 3);
        for log in [copy, salvaged] {
            assert_eq!(&gaps_of(&log), expected, "{name}: {}", log.display());
            assert_info(name, &log, expected);
        }
    }
}

#[track_caller]
fn assert_info(name: &str, log: &Path, expected: &Losses) {
    let info = info(log);
    assert_eq!((number(&info, "lost"), &losses_in(&info)), (expected.values().sum(), expected), "{name}");
}

/// A program whose live lines are read while it runs.
struct Live {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    /// Reads the lines until the program has ended.
    reader: Option<JoinHandle<()>>,
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Live {
    fn start(words: &[&str]) -> Self {
        let mut command = Command::new(RINGLOG);
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("ringlog starts");
        let (stderr, lines) = (child.stderr.take().unwrap(), Arc::<Mutex<Vec<String>>>::default());
        let all = Arc::clone(&lines);
        let reader = std::thread::spawn(move || {
            BufReader::new(stderr)
                .lines()
                .map_while(Result::ok)
                .for_each(|line| all.lock().unwrap().push(message_in(&line).to_owned()));
        });
        Self { child, lines, reader: Some(reader) }
    }

    /// Waits for a line in which `found` finds something.
    #[track_caller]
    fn wait_for<T>(&self, found: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let lines = self.lines.lock().unwrap();
            if let Some(wanted) = lines.iter().rev().find_map(|line| found(line)) {
                return wanted;
            }
            assert!(Instant::now() < deadline, "it never says so: {lines:?}");
            drop(lines);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Stops all its threads.
    fn stop(&self) {
        self.signal("-STOP");
        let tasks = format!("/proc/{}/task", self.child.id());
        let is_stopped = |task: std::fs::DirEntry| {
            std::fs::read_to_string(task.path().join("stat")).is_ok_and(|stat| stat.contains(") T "))
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        while !std::fs::read_dir(&tasks).unwrap().all(|task| is_stopped(task.unwrap())) {
            assert!(Instant::now() < deadline, "it does not stop");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().unwrap()
    }

    fn end(mut self, log: PathBuf) -> Run {
        let mut stdout = Vec::new();
        self.child.stdout.take().unwrap().read_to_end(&mut stdout).unwrap();
        let status = self.child.wait().unwrap();
        // It has the last line then.
        self.reader.take().unwrap().join().unwrap();
        let stderr = self.lines.lock().unwrap().join("\n").into_bytes();
        Run::of(&Output { status, stdout, stderr }, log)
    }
}

/// Sends more datagrams than the kernel has room for, to a program that is stopped meanwhile.
fn flood(program: &Live, datagrams: u64) {
    let address = program.wait_for(|line| Some(line.split_once("listening at udp://")?.1.to_owned()));
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    program.stop();
    for _ in 0..datagrams {
        sender.send_to(&[7; 8000], &address).unwrap();
    }
    program.signal("-CONT");
}

fn datagrams_that_the_kernel_drops(folder: &Path) -> (Run, Losses) {
    let log = folder.join("log");
    let program =
        Live::start(&["serve", "--feed", "udp://127.0.0.1:0", "--log", word(&log), "--json", "--progress"]);
    flood(&program, 2000);
    let live = program.wait_for(|line| lost_in(line).filter(|&lost| lost > 0));
    program.signal("-TERM");
    let run = program.end(log);
    assert_eq!(number(&run.summary, "events") + live, 2000, "{}", run.summary);
    assert_eq!(run.summary["dropped"], live);
    (run, losses([("receiver full", live)]))
}

fn lines_that_are_too_long(folder: &Path) -> (Run, Losses) {
    let log = folder.join("log");
    let mut program = Live::start(&["serve", "--feed", "-", "--log", word(&log), "--json", "--progress"]);
    let mut stdin = program.stdin();
    for length in [3, TOO_LONG, TOO_LONG + 9, 5, TOO_LONG] {
        stdin.write_all(&[&vec![b'x'; length][..], b"\n"].concat()).unwrap();
    }
    stdin.flush().unwrap();
    // While the program runs.
    program.wait_for(|line| lost_in(line).filter(|&lost| lost == 3));
    drop(stdin);
    let run = program.end(log);
    assert_eq!((number(&run.summary, "events"), number(&run.summary, "skipped")), (2, 3));
    (run, losses([("too long", 3)]))
}

fn import(folder: &Path, name: &str, content: &[u8]) -> Run {
    let (file, log) = (folder.join(name), folder.join("log"));
    std::fs::write(&file, content).unwrap();
    Run::of(&ringlog(&["import", word(&file), "--log", word(&log), "--json", "--progress"]), log)
}

fn rows_that_cannot_be_read(folder: &Path) -> (Run, Losses) {
    let long = "x".repeat(TOO_LONG);
    let rows = format!(
        "time,price\n1378054800,1\nno time,2\n,3\n1378054801,4\n1378054802,{long}\nno time\n1378054803,5\n"
    );
    (import(folder, "ticks.csv", rows.as_bytes()), losses([("not readable", 3), ("too long", 1)]))
}

#[test]
fn losses_in_files_that_are_gone_by_the_end_are_in_the_summary_with_their_reason() {
    let folder = tempfile::tempdir().unwrap();
    let (file, log) = (folder.path().join("lines"), folder.path().join("log"));
    let lines = format!("{}\n{}", "x".repeat(TOO_LONG), "a line of some length\n".repeat(20_000));
    std::fs::write(&file, lines).unwrap();
    let how = ["--segment-size", "64KiB", "--keep-files", "2", "--json", "--progress"];
    let run = Run::of(&ringlog(&[&["import", word(&file), "--log", word(&log)], &how[..]].concat()), log);
    assert_eq!(run.summary["read_back"], "the last file");
    run.assert_said("retired", 3, &losses([("too long", 1)]));
}

fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Makes a pcap file with a packet of each of these lengths.
fn capture(lengths: &[usize]) -> Vec<u8> {
    let mut file = words(&[0xA1B2_C3D4, 0x0004_0002, 0, 0, 1 << 18, 1]);
    for (&length, seconds) in lengths.iter().zip(1..) {
        file.extend(words(&[seconds, 0, length as u32, length as u32]));
        file.resize(file.len() + length, 9);
    }
    file
}

fn packets_that_are_too_long(folder: &Path) -> (Run, Losses) {
    (import(folder, "a.pcap", &capture(&[10, TOO_LONG, 20, TOO_LONG])), losses([("too long", 2)]))
}

/// A pcapng section with packets of an interface that it does not describe.
fn packets_that_cannot_be_read(folder: &Path) -> (Run, Losses) {
    let mut file = words(&[0x0A0D_0D0A, 28, 0x1A2B_3C4D, 1, u32::MAX, u32::MAX, 28]);
    for _ in 0..4 {
        file.extend(words(&[6, 36, 7, 0, 1, 4, 4, 0x0403_0201, 36]));
    }
    (import(folder, "a.pcapng", &file), losses([("not readable", 4)]))
}

/// The number of events in the rest is not known.
fn the_rest_of_an_input_that_is_cut_short(folder: &Path) -> (Run, Losses) {
    let whole = capture(&[10, 20, 30]);
    let run = import(folder, "a.pcap", &whole[..whole.len() - 1]);
    assert_eq!((number(&run.summary, "events"), number(&run.summary, "gaps_of_unknown_count")), (2, 1));
    (run, losses([("not readable", 0)]))
}

fn events_that_a_ring_has_no_room_for(folder: &Path) -> (Run, Losses) {
    let (ring, log) = (folder.join("ring"), folder.join("log"));
    let place = ["serve", "--ring", word(&ring), "--log", word(&log)];
    let program = Live::start(&[&place[..], &["--ring-size", "128KiB", "--json", "--progress"]].concat());
    program.wait_for(|line| line.contains("recording ring").then_some(()));
    let mut producer = SharedRing::open(&ring).unwrap().claim_producer().unwrap().lossy();
    program.stop();
    for number in 0..20_000_u64 {
        producer.write_event(&EventHeader::new(number, 1, 8), &number.to_le_bytes()).unwrap();
    }
    program.signal("-CONT");
    let lost = producer.pending_loss().unwrap().count;
    // It is shown while only the ring counts it.
    program.wait_for(|line| lost_in(line).filter(|&shown| shown == lost));
    while !producer.flush().unwrap() {
        std::thread::yield_now();
    }
    drop(producer);
    program.signal("-TERM");
    let run = program.end(log);
    assert_eq!(number(&run.summary, "events") + lost, 20_000);
    (run, losses([("ring full", lost)]))
}

/// Loses events in a folder; returns the run and what was lost.
type Case = fn(&Path) -> (Run, Losses);

#[test]
fn every_loss_has_one_count_and_one_reason_everywhere() {
    let cases: [(&str, i32, Case); 7] = [
        ("udp", 3, datagrams_that_the_kernel_drops),
        ("lines", 3, lines_that_are_too_long),
        ("rows", 3, rows_that_cannot_be_read),
        ("long packets", 3, packets_that_are_too_long),
        ("odd packets", 3, packets_that_cannot_be_read),
        ("cut capture", 1, the_rest_of_an_input_that_is_cut_short),
        ("ring", 3, events_that_a_ring_has_no_room_for),
    ];
    for (name, code, case) in cases {
        let folder = tempfile::tempdir().unwrap();
        let (run, expected) = case(folder.path());
        run.assert_said(name, code, &expected);
        run.assert_logged(name, &expected);
    }
}

fn says_lost(log: &Path) -> bool {
    let output = ringlog(&["info", word(log), "--json"]);
    serde_json::from_slice(&output.stdout).is_ok_and(|info: Value| info["lost"].as_u64() > Some(0))
}

#[test]
fn dropped_datagrams_are_in_the_log_of_a_program_that_is_killed_soon_after() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut program =
        Live::start(&["serve", "--feed", "udp://127.0.0.1:0", "--log", word(&log), "--json", "--progress"]);
    flood(&program, 2000);
    // It comes 50 ms after the last datagram, but later on a busy machine.
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline && !says_lost(&log) {
        std::thread::sleep(Duration::from_millis(20));
    }
    program.child.kill().unwrap();
    program.child.wait().unwrap();
    let info = info(&log);
    assert!(number(&info, "lost") > 0, "{info}");
    assert_eq!(number(&info, "events") + number(&info, "lost"), 2000);
    assert_eq!(gaps_of(&log), losses([("receiver full", number(&info, "lost"))]));
}

const LINES: u64 = 20_000;

/// Starts a program with more input than the small disk of `folder` takes; also returns the loss in its live line.
fn on_full_disk(folder: &Path) -> (Live, ChildStdin, PathBuf, u64) {
    let log = folder.join("log");
    let how = ["--full-disk", "drop", "--segment-size", "64KiB", "--log", word(&log), "--json", "--progress"];
    let mut program = Live::start(&[&["serve", "--feed", "-"], &how[..]].concat());
    let mut stdin = program.stdin();
    for number in 0..LINES {
        writeln!(stdin, "{number:0100}").unwrap();
    }
    // A line may be printed while the recorder still works; the next one follows 2 seconds later.
    // An event that the full disk dropped is not an event of the log.
    let is_all = |line: &&String| {
        events_in(line).zip(lost_in(line)).is_some_and(|(events, lost)| events + lost == LINES)
    };
    let seen = || program.lines.lock().unwrap().iter().filter(is_all).count();
    let deadline = Instant::now() + Duration::from_secs(60);
    while seen() < 2 {
        assert!(Instant::now() < deadline, "{:?}", program.lines);
        std::thread::sleep(Duration::from_millis(20));
    }
    let live = program.wait_for(lost_in);
    assert!(live > 0, "{:?}", program.lines);
    program.wait_for(|line| line.contains(" events lost so far in this run; ").then_some(()));
    (program, stdin, log, live)
}

#[test]
fn child_whose_disk_has_room_again_before_the_end() {
    let Some(folder) = child_folder() else { return };
    let (program, stdin, log, live) = on_full_disk(&folder);
    std::fs::remove_file(folder.join("ballast")).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while number(&info(&log), "gaps") == 0 {
        assert!(Instant::now() < deadline, "the loss is not reported");
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(stdin);
    let run = program.end(log);
    assert_eq!(number(&run.summary, "events") + live, LINES);
    run.assert_said("full disk", 3, &losses([("disk full", live)]));
    run.assert_logged("full disk", &losses([("disk full", live)]));
}

#[test]
fn child_whose_disk_is_full_to_the_end() {
    let Some(folder) = child_folder() else { return };
    let (program, stdin, log, live) = on_full_disk(&folder);
    drop(stdin);
    let run = program.end(log);
    let expected = losses([("disk full", live)]);
    assert_eq!(number(&run.summary, "events") + live, LINES);
    run.assert_said("full to the end", 3, &expected);
    // No GAP record counts it yet, but all commands report it.
    assert_eq!(gaps_of(&run.log), Losses::new());
    assert_info("full to the end", &run.log, &expected);
    let verified = ringlog(&["verify", word(&run.log), "--json"]);
    assert_code(&verified, 3);
    let report: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!((number(&report, "lost"), report["result"].as_str()), (live, Some("loss")));
    run.assert_copied("full to the end", &expected);
    std::fs::remove_file(folder.join("ballast")).unwrap();
    // The next run records the loss, and does not count it as lost input.
    let file = folder.join("lines");
    std::fs::write(&file, "one\ntwo\n").unwrap();
    let how = ["--segment-size", "64KiB", "--log", word(&run.log), "--json", "--progress"];
    let next = Run::of(&ringlog(&[&["import", word(&file)], &how[..]].concat()), run.log);
    assert_eq!(number(&next.summary, "produced"), 2);
    // The next run itself lost nothing.
    next.assert_said("the next run", 0, &expected);
    assert_eq!(gaps_of(&next.log), expected);
    assert_info("the next run", &next.log, &expected);
}

#[test]
fn child_that_is_killed_while_its_disk_is_full() {
    let Some(folder) = child_folder() else { return };
    let (mut program, _stdin, log, live) = on_full_disk(&folder);
    let info_before = info(&log);
    program.child.kill().unwrap();
    program.child.wait().unwrap();
    for info in [info_before, info(&log)] {
        assert_eq!((number(&info, "events") + live, number(&info, "unreported")), (LINES, 0), "{info}");
    }
}

/// Runs a test in a child on a disk of 4 MiB with 512 KiB free.
fn on_a_small_disk(child: &str) {
    let ballast = "head -c 3670016 /dev/zero >\"$FOLDER/ballast\"";
    on_mounted("tmpfs -o size=4m", ballast, &format!("cli::loss::{child}"));
}

#[test]
fn what_a_full_disk_takes_is_counted_while_it_does_and_once_there_is_room() {
    on_a_small_disk("child_whose_disk_has_room_again_before_the_end");
}

#[test]
fn what_a_full_disk_takes_is_counted_where_no_room_comes_until_the_next_run() {
    on_a_small_disk("child_whose_disk_is_full_to_the_end");
}

#[test]
fn what_a_full_disk_takes_is_reported_where_the_program_is_killed() {
    on_a_small_disk("child_that_is_killed_while_its_disk_is_full");
}

#[test]
fn a_killed_recording_is_reported_before_the_next_one_begins() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut child = std::process::Command::new(RINGLOG)
        .args(["serve", "--feed", "demo", "--rate", "1000", "--log", word(&log)])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    first_file(&log);
    std::thread::sleep(Duration::from_millis(100));
    child.kill().unwrap();
    child.wait().unwrap();
    let info = json_of(&ringlog(&["info", word(&log), "--json"]));
    assert_eq!((number(&info, "lost"), number(&info, "unreported")), (0, 0), "an unknown number");
    let verified = ringlog(&["verify", word(&log)]);
    assert_code(&verified, 3);
    assert!(String::from_utf8_lossy(&verified.stdout).contains("an unknown number that no gap counts yet"));
    // An import that starts with the GAP record of that run has itself lost nothing.
    let file = folder.path().join("lines");
    std::fs::write(&file, "one\ntwo\n").unwrap();
    let next = ringlog(&["import", word(&file), "--log", word(&log)]);
    assert_code(&next, 0);
    let said = String::from_utf8_lossy(&next.stdout);
    assert!(said.contains("lost 0, after 1 gap for what an earlier run lost"), "{said}");
}
