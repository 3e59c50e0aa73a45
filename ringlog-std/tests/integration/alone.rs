//! Runs tests that must be alone in their process, because they measure or fork it.

use std::process::Command;

/// Set in the environment of such a process.
const ALONE: &str = "RINGLOG_TEST_ALONE";

/// Returns whether this process runs the test `name` alone. If not, starts a new process that does, and expects
/// it to pass.
#[track_caller]
pub(crate) fn is_alone(name: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    print!("{said}");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "no test {name}");
    false
}
