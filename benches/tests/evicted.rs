//! Runs the program `evicted` for a moment.

use std::process::Command;

#[test]
fn it_measures_a_small_log_and_deletes_it() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("report.json");
    let mut program = Command::new(env!("CARGO_BIN_EXE_evicted"));
    program.args([
        "--rounds",
        "2",
        "--mebibytes",
        "2",
        "--segment-mebibytes",
        "1",
        "--log-mebibytes",
        "8",
        "--folder",
    ]);
    let output = program.arg(folder.path()).arg("--json").arg(&json).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("| ring + log, recycled and evicted segments |"), "{text}");
    let report = std::fs::read_to_string(&json).unwrap();
    assert!(report.contains("\"disk_read_bytes\"") && report.contains("\"rounds\": 2"), "{report}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "the report alone is left");
}
