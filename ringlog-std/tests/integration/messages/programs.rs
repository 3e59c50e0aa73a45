//! Command lines that cannot be done, run as a user runs them, and the table of all programs' errors.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use ringlog::storage::LogWriter;

use super::{Row, assert_table, cursors, logs, rings, service, with_placeholders};
use crate::cli::support::{RINGLOG, STRESS, ringlog, without_times, word};

/// The exit code, and what the program said of errors, a line each.
pub(crate) fn row(name: &str, folder: &Path, output: &Output) -> Row {
    let said = without_times(&String::from_utf8_lossy(&output.stderr));
    let is_message = |line: &&str| {
        ["ringlog: ", "stress: ", "error: ", "recovery: ", "TIME WARN ", "  "]
            .iter()
            .any(|it| line.starts_with(it))
    };
    let lines: Vec<_> = said.lines().filter(is_message).collect();
    // What is recorded to where is said once it is.
    assert!(output.status.code() < Some(1) || !said.contains("recording the synthetic"), "{name}: {said}");
    let code = output.status.code().map_or_else(|| "none".to_owned(), |code| code.to_string());
    Row {
        name: name.to_owned(),
        said: format!("exit {code}\n{}", with_placeholders(&lines.join("\n"), folder)),
    }
}

/// Runs a command line in which DIR is the folder.
pub(crate) fn run(name: &str, folder: &Path, line: &str) -> Row {
    let words: Vec<_> = line.split(' ').map(|it| it.replace("DIR", word(folder))).collect();
    row(name, folder, &ringlog(&words))
}

fn usage(folder: &Path) -> Vec<Row> {
    let run = |name, line| run(name, folder, line);
    let stress = |words: [&str; 2]| Command::new(STRESS).args(words).output().unwrap();
    vec![
        run("a duration in no unit", "serve --keep-for 5fortnights"),
        run("a duration of nothing", "serve --for 0s"),
        run("a size that is none", "serve --max-bytes many"),
        run("a rate that is none", "serve --rate 0"),
        run("a moment that is none", "cat DIR/log --since soon"),
        run("a number that is none", "cat DIR/log --limit ten"),
        run("a type that is none", "import DIR/lines --event-type 300 --log DIR/never"),
        run("a feed of no kind", "serve --feed quic://host:1"),
        run("a policy that is none", "serve --sync 5"),
        run("a segment size that is too small", "serve --segment-size 100 --log DIR/never"),
        run("files that do not fit into what is kept", "serve --keep-bytes 1KiB --log DIR/never"),
        run("no file kept", "import DIR/lines --keep-files 0 --log DIR/never"),
        run("a limit for cursors where all is kept", "serve --cursor-bytes 1GiB --log DIR/never"),
        run("a ring that is too small", "serve --ring-size 1KiB --log DIR/never"),
        run("a cursor of a file", "tail DIR/lines --cursor x"),
        run("a speed that is none", "replay DIR/log --to DIR/never --speed fast"),
        run("a replay into a ring of no name", "replay DIR/log --to ring:"),
        run("a replay into nothing", "replay DIR/log --to "),
        run("a size of nothing", "serve --max-bytes 0"),
        run("a moment before 1970", "cat DIR/log --since 1969-12-31T23:59:59Z"),
        run("a policy that is no time and no size", "serve --sync sometimes"),
        run("a policy for a full disk that is none", "serve --full-disk wait"),
        run("processors that are none", "serve --worker-cpus 3-1"),
        run("a processor that is not there", "serve --recorder-cpus 1022 --log DIR/never"),
        run("a nice value that is none", "serve --worker-nice 20"),
        run("a level that is none", "serve --log-level loud"),
        row(
            "a variable with a level that is none",
            folder,
            &Command::new(RINGLOG).arg("serve").env("RINGLOG_LOG", "loud").output().unwrap(),
        ),
        run("messages to a folder that is not there", "serve --log-file DIR/missing/file --log DIR/never"),
        row("stress for no time", folder, &stress(["--seconds", "0"])),
        row("stress with a payload of no length", folder, &stress(["--payload", "70000"])),
        row("stress with batches of nothing", folder, &stress(["--batch", "0"])),
        row("stress on one processor", folder, &stress(["--pin", "0"])),
        row("stress on a processor that is none", folder, &stress(["--pin", "1000000,0"])),
    ]
}

/// Runs a command line where no file may be larger than 32 KiB.
fn limited(name: &str, folder: &Path, line: &str) -> Row {
    let line = line.replace("DIR", word(folder));
    let script = format!("ulimit -f 64 && exec \"$0\" {line}");
    row(name, folder, &Command::new("sh").args(["-c", &script, RINGLOG]).output().unwrap())
}

/// What cannot be read from, or written to.
fn places(folder: &Path) -> Vec<Row> {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let log = folder.join("whole");
    let shown = Command::new(RINGLOG).args(["cat", word(&log)]).stdout(Stdio::from(full)).output().unwrap();
    let run = |name, line| run(name, folder, line);
    fs::write(folder.join("zeros"), [0; 64]).unwrap();
    let _writer = LogWriter::open(folder.join("written")).unwrap();
    vec![
        limited("a limit on the size of files", folder, "import DIR/lines --log DIR/limited"),
        limited(
            "a limit on the size of files, and a ring",
            folder,
            "serve --ring DIR/limited.ring --segment-size 4KiB --log DIR/none",
        ),
        row("an output that is full", folder, &shown),
        run("a log that is not there", "cat DIR/missing"),
        run("a log where a file is", "serve --log DIR/lines"),
        run("a replay into a log", "replay DIR/whole --speed max --to DIR/whole"),
        run("a file that is not there", "import DIR/missing --log DIR/never"),
        run("a dump without a ring", "recover-image DIR/lines"),
        run("a log without a command", "DIR/whole"),
        run("a file of a log without a command", "DIR/whole/00000000000000000000.evtl"),
        run("a ring without a command", "DIR/small.ring"),
        run("lines without a command", "DIR/lines"),
        run("a file of no kind without a command", "DIR/zeros"),
        run("a folder without a log or a command", "DIR"),
        run("pages into a file", "man DIR/lines"),
        run("a log to prune that is none", "prune DIR/missing --keep-files 1"),
        run("a log to prune that is being recorded", "prune DIR/written --keep-files 1"),
        run("a log to prune by no limit", "prune DIR/whole"),
        run("a place of a log that is no folder", "doctor DIR/missing/missing"),
    ]
}

#[test]
fn the_programs_errors_say_what_the_table_says() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("lines"), "one\ntwo\n").unwrap();
    let mut rows = usage(folder);
    assert!(!folder.join("never").exists(), "a log was begun that cannot be");
    rows.extend(logs::rows(folder));
    rows.extend(cursors::rows(folder));
    rows.extend(service::rows(folder));
    rows.extend(places(folder));
    assert!(!folder.join("never").exists(), "a log was begun for an input that is not there");
    rows.extend(rings::rows(folder));
    assert_table("programs.txt", &rows);
}
