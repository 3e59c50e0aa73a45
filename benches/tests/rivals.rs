//! Runs the scripts around benchmarks of other projects on programs that print what those print.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

const QUILL: &str = "\
running for 1 thread(s)
Thread Count 1 - Total messages 200000 - Logger: Quill - Benchmark: Hot Path Latency / Nanoseconds
 |  50th | 75th | 90th | 95th | 99th | 99.9th | Worst |
 |  9  |  10  |  11  |  12  |  13  |  21  |  34  |

Thread Count 4 - Total messages 800000 - Logger: Quill - Benchmark: Hot Path Latency / Nanoseconds
 |  50th | 75th | 90th | 95th | 99th | 99.9th | Worst |
 |  90  |  91  |  92  |  93  |  94  |  95  |  96  |
";

const CHRONICLE: &str = "\
Testing with what was asked for
in: 50/90 99/99.9 99.99/99.999 - worst was 0.23 / 0.24  0.28 / 0.33  1.5 / 137 - 2,330
co: 50/90 97/99 99.9/99.99 - worst was 0.24 / 0.26  0.29 / 0.30  1,035 / 3,900 - 12,350
";

/// Runs a script with a program that prints this.
fn run(script: &str, output: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    fs::write(&program, format!("#!/bin/sh\ncat <<'END'\n{output}END\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("rivals").join(script);
    let mut command = Command::new(script);
    command.env("CHRONICLE_JAVA", &program).env("BENCH_PAYLOAD", "32").env("BENCH_RATE", "50000");
    command.arg(&program).output().unwrap()
}

fn assert_prints(script: &str, output: &str, expected: &str) {
    let ran = run(script, output);
    assert!(ran.status.success(), "{ran:?}");
    assert_eq!(String::from_utf8(ran.stdout).unwrap(), expected);
}

#[test]
fn quills_figures_of_one_thread_are_read() {
    assert_prints("quill.sh", QUILL, "p50 9\np90 11\np99 13\np99.9 21\nmax 34\n");
}

#[test]
fn chronicles_corrected_figures_are_read_in_nanoseconds() {
    let expected = "p50 240\np90 260\np99 300\np99.9 1035000\np99.99 3900000\nmax 12350000\n";
    assert_prints("chronicle.sh", CHRONICLE, expected);
    // In some versions the figures are on the next line.
    assert_prints("chronicle.sh", &CHRONICLE.replace("worst was", "worst\nwas"), expected);
}

#[test]
fn a_missing_program_is_an_error_that_says_where_to_look() {
    for script in ["quill.sh", "chronicle.sh"] {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("rivals").join(script);
        let ran = Command::new(script).arg("/nonexistent/program").output().unwrap();
        assert_eq!(ran.status.code(), Some(2));
        assert!(String::from_utf8(ran.stderr).unwrap().contains("docs/rivals.md says how to build it"));
    }
}
