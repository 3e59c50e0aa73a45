//! Reads a log as a user does.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Returns the lines of `ringlog cat --format json`.
#[track_caller]
pub(crate) fn cat(log: &Path) -> Vec<Value> {
    let ringlog = Command::new(env!("CARGO_BIN_EXE_ringlog-reader"))
        .arg("cat")
        .arg(log)
        .args(["--format", "json"])
        .output();
    let output = ringlog.expect("ringlog starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    lines.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

/// Returns the events of this name.
pub(crate) fn named<'e>(events: &'e [Value], name: &str) -> Vec<&'e Value> {
    events.iter().filter(|event| event["type"] == name).collect()
}

/// Returns the messages, in the order of the log.
pub(crate) fn messages(events: &[Value]) -> Vec<String> {
    let records = named(events, "log_record").into_iter();
    records.filter_map(|event| Some(event["fields"]["tail"]["message"].as_str()?.to_owned())).collect()
}
