//! Bad input gives an exit code and a message that names it; nothing is harmed.

use std::path::Path;

use super::support::{assert_code, ringlog, stderr_of, word};
use crate::skips::note_skip;

const READERS: [&str; 3] = ["cat", "info", "verify"];

#[track_caller]
fn refused(words: &[&str], code: i32, named: &str) {
    let output = ringlog(words);
    assert_code(&output, code);
    let said = stderr_of(&output);
    assert!(said.contains(named), "{words:?} does not name {named}: {said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn missing_paths_are_named() {
    for command in READERS {
        refused(&[command, "/nonexistent/log"], 1, "/nonexistent/log");
    }
    refused(&["import", "/nonexistent/file.csv", "--log", "/tmp/x"], 1, "/nonexistent/file.csv");
    refused(&["serve", "--feed", "/nonexistent/file", "--log", "/nonexistent/log"], 1, "/nonexistent/file");
}

#[test]
fn files_that_are_no_logs_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let noise: Vec<u8> = (0..100_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let contents: [(&str, &[u8]); 4] =
        [("empty", b""), ("short", b"EVTL"), ("foreign", b"{\"this\": \"is JSON\"}"), ("noise", &noise)];
    for (name, bytes) in contents {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        for command in READERS {
            refused(&[command, word(&path)], 1, name);
        }
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "{name} was changed");
    }
}

#[test]
fn a_folder_without_a_log_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for command in READERS {
        refused(&[command, word(folder.path())], 1, word(folder.path()));
    }
    std::fs::write(folder.path().join("notes.txt"), "nothing here").unwrap();
    for command in READERS {
        refused(&[command, word(folder.path())], 1, word(folder.path()));
    }
}

#[test]
fn command_lines_that_say_too_little_are_usage_errors() {
    for words in [&["cat"][..], &["info"], &["verify"], &["import"], &["import", "x"], &["nonsense"]] {
        refused(words, 2, "Usage");
    }
    refused(&["serve", "--rate", "0"], 2, "--rate");
    refused(&["serve", "--ring-size", "1KiB"], 2, "--ring-size");
    refused(&["cat", "x", "--since", "soon"], 2, "--since");
}

#[test]
fn inputs_that_are_not_what_they_are_called_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    for (name, bytes) in [("a.pcap", &b"no capture, but long enough for one"[..]), ("b.csv", b"a,b\nc,d\n")] {
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        refused(&["import", word(&file), "--log", word(&log)], 1, name);
    }
    assert!(!log.exists(), "a log was begun for an input that cannot be read");
}

fn one_segment(folder: &Path) -> std::path::PathBuf {
    let lines: String = (0..1000).map(|line| format!("line {line}\n")).collect();
    let file = folder.join("lines.txt");
    std::fs::write(&file, lines).unwrap();
    let log = folder.join("log");
    assert_code(&ringlog(&["import", word(&file), "--log", word(&log)]), 0);
    let is_segment = |path: &std::path::PathBuf| path.extension().is_some_and(|it| it == "evtl");
    let mut files = std::fs::read_dir(log).unwrap().map(|entry| entry.unwrap().path()).filter(is_segment);
    files.next().expect("a segment")
}

#[test]
fn a_damaged_record_is_named_with_its_offset() {
    let folder = tempfile::tempdir().unwrap();
    let segment = one_segment(folder.path());
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[64 + 24 * 500 + 20] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let output = ringlog(&["verify", word(&segment)]);
    assert_code(&output, 3);
    let offset = (64 + 24 * 500).to_string();
    let reported = stderr_of(&output) + &String::from_utf8_lossy(&output.stdout);
    assert!(reported.contains(&offset) && reported.contains(word(&segment)), "{reported}");

    let cat = ringlog(&["cat", word(&segment), "--format", "raw", "--separator", r"\n"]);
    assert_code(&cat, 1);
    assert_eq!(cat.stdout.iter().filter(|&&byte| byte == b'\n').count(), 500);
    assert!(stderr_of(&cat).contains(&offset), "{}", stderr_of(&cat));
}

#[test]
fn a_file_cut_short_is_an_error_not_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let segment = one_segment(folder.path());
    let file = std::fs::File::options().write(true).open(&segment).unwrap();
    file.set_len(64 + 24 * 10 + 3).unwrap();
    let output = ringlog(&["verify", word(&segment)]);
    assert!(matches!(output.status.code(), Some(1 | 3)), "{:?}", output.status);
    assert!(stderr_of(&output).contains(word(&segment)), "{}", stderr_of(&output));
}

#[test]
fn a_log_file_that_is_missing_between_others_is_loss() {
    let folder = tempfile::tempdir().unwrap();
    let first = one_segment(folder.path());
    one_segment(folder.path());
    one_segment(folder.path());
    let log = first.parent().unwrap();
    assert_code(&ringlog(&["verify", word(log)]), 0);
    std::fs::remove_file(log.join("00000000000000001000.evtl")).unwrap();
    let output = ringlog(&["verify", word(log)]);
    assert_code(&output, 3);
    assert!(stderr_of(&output).contains("1000"), "{}", stderr_of(&output));
}

#[test]
fn a_file_of_another_version_is_named_with_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    let segment = one_segment(folder.path());
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[4] = 9;
    std::fs::write(&segment, &bytes).unwrap();
    for command in READERS {
        refused(&[command, word(&segment)], 1, "file format version 9, this program reads version 1");
    }
    assert!(std::fs::read(&segment).unwrap() == bytes, "it was changed");
}

/// Runs `ringlog` without the privileges of the superuser, so that permissions of files apply.
pub(crate) fn powerless(words: &[&str]) -> Option<std::process::Output> {
    let drop_all = ["--bounding-set=-all", "--inh-caps=-all", "--"];
    let mut command = std::process::Command::new("setpriv");
    let output = command.args(drop_all).arg(super::support::RINGLOG).args(words).output();
    match output {
        Ok(output) if !stderr_of(&output).starts_with("setpriv") => Some(output),
        Ok(output) => {
            note_skip(format_args!("cannot drop rights: {}", stderr_of(&output)));
            None
        }
        Err(error) => {
            note_skip(format_args!("cannot drop rights: setpriv: {error}"));
            None
        }
    }
}

#[test]
fn what_may_not_be_read_or_written_is_named_and_left_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let segment = one_segment(folder.path());
    let before = std::fs::read(&segment).unwrap();
    let allow = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let log = folder.path().join("log");
    for (closed, mode) in [(&segment, 0o000), (&log, 0o000)] {
        allow(closed, mode);
        for command in READERS {
            let Some(output) = powerless(&[command, word(&log)]) else { break };
            assert_code(&output, 1);
            let said = stderr_of(&output);
            assert!(said.contains(word(closed)) && said.contains("ermission"), "{said}");
        }
        allow(closed, 0o755);
    }
    allow(&log, 0o555);
    let lines = folder.path().join("lines.txt");
    if let Some(output) = powerless(&["import", word(&lines), "--log", word(&log)]) {
        assert_code(&output, 1);
        let said = stderr_of(&output);
        assert!(said.contains(word(&log)) && said.contains("ermission"), "{said}");
    }
    allow(&log, 0o755);
    assert!(std::fs::read(&segment).unwrap() == before, "it was changed");
}
