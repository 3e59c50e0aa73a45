//! Runs the programs and reads what they print.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::time::{Duration, Instant};

use ringlog::storage::{LogWriter, LogWriterOptions, OpenError};
use serde_json::Value;

pub(crate) const RINGLOG: &str = env!("CARGO_BIN_EXE_ringlog-tested");
pub(crate) const STRESS: &str = env!("CARGO_BIN_EXE_stress-tested");

/// Runs `ringlog` to its end.
pub(crate) fn ringlog<S: AsRef<std::ffi::OsStr>>(words: &[S]) -> Output {
    Command::new(RINGLOG).args(words).stdin(Stdio::null()).output().expect("ringlog starts")
}

/// Runs `ringlog` with this standard input.
pub(crate) fn ringlog_fed(words: &[&str], input: &[u8]) -> Output {
    let (child, mut stdin) = start_fed(words);
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("ringlog ends");
    writer.join().expect("writer ends").expect("all input is taken");
    output
}

/// Starts `ringlog`; returns it and a pipe to its standard input.
pub(crate) fn start_fed(words: &[&str]) -> (Child, ChildStdin) {
    let mut child = Command::new(RINGLOG)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ringlog starts");
    let stdin = child.stdin.take().expect("stdin is piped");
    (child, stdin)
}

/// Waits until `has_come` returns true, with time for a busy machine.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut has_come: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !has_come() {
        assert!(Instant::now() < deadline, "it does not come: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits for the first file of a new log.
#[track_caller]
pub(crate) fn first_file(log: &Path) -> PathBuf {
    let first = log.join("00000000000000000000.evtl");
    wait_until("the log's first file", || first.exists());
    first
}

/// Checks for exit code 0; returns standard output.
#[track_caller]
pub(crate) fn stdout_of(output: &Output) -> &[u8] {
    assert_code(output, 0);
    &output.stdout
}

/// Returns standard output as one JSON value.
#[track_caller]
pub(crate) fn json_of(output: &Output) -> Value {
    serde_json::from_slice(stdout_of(output)).expect("standard output is one JSON value")
}

/// Checks the exit code; shows the output of the program if it differs.
#[track_caller]
pub(crate) fn assert_code(output: &Output, code: i32) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "standard error: {said}");
}

/// Returns standard error.
pub(crate) fn stderr_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Returns the text of a message of `serve`, without time, level and target; other lines as they are.
pub(crate) fn message_in(line: &str) -> &str {
    head_of_message(line).map_or(line, |(_, text)| text)
}

/// Splits a message of `serve` into level and target, and the text; `None` for any other line.
pub(crate) fn head_of_message(line: &str) -> Option<(&str, &str)> {
    let (time, rest) = line.split_at_checked("2026-11-30T10:55:01.123456Z ".len())?;
    let is_time = time.bytes().zip(*b"0000-00-00T00:00:00.000000Z ").all(|(found, sign)| match sign {
        b'0' => found.is_ascii_digit(),
        _ => found == sign,
    });
    is_time.then(|| rest.split_once(": ")).flatten()
}

/// Returns a text in which each message has TIME in place of its time, and each summary in place of how long it took.
pub(crate) fn without_times(text: &str) -> String {
    let line = |line: &str| match head_of_message(line) {
        Some((head, text)) => format!("TIME {head}: {}\n", without_duration(text)),
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// Returns a line without how long a run took, if it says so.
pub(crate) fn without_duration(line: &str) -> String {
    match (line.find(" in "), line.find("/s)")) {
        (Some(start), Some(end)) if start < end => {
            format!("{} in TIME (RATE{}", &line[..start], &line[end..])
        }
        _ => line.to_owned(),
    }
}

/// Returns a number of a JSON object.
#[track_caller]
pub(crate) fn number(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap_or_else(|| panic!("{field} in {value}"))
}

/// Returns a path as an argument.
pub(crate) fn word(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}

/// A record as `cat --format hex` prints it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct HexRecord {
    pub(crate) sequence: u64,
    pub(crate) timestamp: u64,
    pub(crate) event_type: u8,
    pub(crate) flags: u8,
    pub(crate) payload: Vec<u8>,
}

impl HexRecord {
    /// Whether this is a GAP record.
    pub(crate) fn is_gap(&self) -> bool {
        self.flags & ringlog::event::flags::GAP != 0
    }
}

/// Returns all records of a log.
pub(crate) fn records_of(log: &Path) -> Vec<HexRecord> {
    let output = ringlog(&["cat", word(log), "--format", "hex"]);
    let text = std::str::from_utf8(stdout_of(&output)).expect("hex is ASCII");
    text.lines().map(parse_hex_line).collect()
}

fn parse_hex_line(line: &str) -> HexRecord {
    let words: Vec<&str> = line.splitn(5, ' ').collect();
    let [sequence, timestamp, event_type, flags, payload] = words[..] else { panic!("{line}") };
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    HexRecord {
        sequence: sequence.parse().unwrap(),
        timestamp: timestamp.parse().unwrap(),
        event_type: event_type.parse().unwrap(),
        flags: u8::from_str_radix(flags, 16).unwrap(),
        payload: payload.as_bytes().chunks(2).map(byte).collect(),
    }
}

/// Opens a log to write to it from the test itself.
///
/// Tries again while it is locked: a program that another test is starting has all locks of this process until it runs.
pub(crate) fn log_writer(options: &LogWriterOptions, log: &Path) -> LogWriter {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match options.open(log) {
            Err(OpenError::Locked { .. }) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(1));
            }
            other => return other.expect("the log can be written"),
        }
    }
}

/// Returns the path of a file in `tests/data`.
pub(crate) fn test_data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name)
}
