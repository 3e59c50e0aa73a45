//! Runs the program `compare` for a moment, beside commands of rivals.

use std::process::{Command, Output};

fn compare(arguments: &str, external: &str) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_compare"));
    program.args(arguments.split(' ')).args(["--rounds", "1", "--pinning", "free", "--external", external]);
    program.output().unwrap()
}

#[test]
fn a_rivals_command_has_a_row_in_every_table() {
    for arguments in ["ring --payload 16 --millis 1 --only rtrb", "log --payload 64 --mebibytes 1"] {
        let output = compare(arguments, "echo ns_per_event $((BENCH_PAYLOAD * 2))");
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let tables = text.matches("### ").count();
        assert_eq!(text.matches("| echo ns_per_event $((BENCH_PAYLOAD * 2)) | ").count(), tables, "{text}");
        assert!(text.contains("| limit"), "{text}");
    }
}

#[test]
fn a_rivals_command_that_fails_ends_the_program_with_the_reason() {
    let output = compare("ring --payload 16 --millis 1 --only rtrb", "exit 9");
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(error, "compare: --external `exit 9` ended with exit code 9. Run it alone to see why\n");
}

#[test]
fn the_parts_without_rivals_commands_print_a_row_for_each_contestant() {
    for (arguments, rows) in [
        ("many --rounds 1 --events 2000 --threads 2", 4),
        ("c --rounds 1 --events 1000 --payload 16", 2),
        ("logging --rounds 1 --messages 200", 8),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_compare")).args(arguments.split(' ')).output().unwrap();
        assert!(output.status.success(), "{arguments}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let found = text.lines().filter(|line| line.starts_with("| ")).count();
        assert!(found >= rows, "{arguments}: {text}");
    }
}
