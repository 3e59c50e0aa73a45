//! Runs the program `latency` for some seconds, and checks what it prints and what it writes.

use std::fs;
use std::process::Command;

/// Checks all except the figures, which mean nothing on a busy machine.
#[test]
fn measures_everything_and_writes_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let output = Command::new(env!("CARGO_BIN_EXE_latency"))
        .args("--rounds 2 --seconds-per-round 0.02 --rate 100000 --ring-bytes 64K --log-size 4M".split(' '))
        .args(["--pinning", "free", "--dir"])
        .arg(folder.path())
        .arg("--markdown")
        .arg(path("report.md"))
        .arg("--json")
        .arg(path("report.json"))
        .arg("--svg")
        .arg(path("service.svg"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let markdown = fs::read_to_string(path("report.md")).unwrap();
    for line in ["empty loop", "bare copy", "ring, recorder in another process", "rtrb", "notify pair, park"]
    {
        assert!(text.contains(line) && markdown.contains(line), "{line}");
    }
    let json = fs::read_to_string(path("report.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    // Service and response times twice, bursts, round trips, both followers, idling, growth and opening.
    assert_eq!(json["sections"].as_array().unwrap().len(), 11);
    let svg = fs::read_to_string(path("service.svg")).unwrap();
    assert_eq!(svg.matches("<polyline").count(), 10);
    assert!(svg.len() < 20_000, "{} bytes", svg.len());
    // Only the report is left.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
}

#[test]
fn refuses_what_cannot_be() {
    for arguments in
        ["--ring-bytes 5M", "--rounds 0", "--payload 17", "--dir /nonexistent/folder --parts log"]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_latency")).args(arguments.split(' ')).output().unwrap();
        assert!(!output.status.success(), "{arguments}");
        assert!(!output.stderr.is_empty(), "{arguments}");
    }
}
