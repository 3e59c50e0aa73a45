//! What the programs report of a run: recordings, imports, replays and the stress test.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Output};

use ringlog::event::EventHeader;
use ringlog::storage::LogWriter;

use super::reports::{run, said};
use super::{Row, assert_table};
use crate::cli::serve::{Running, spawn};
use crate::cli::support::{
    STRESS, first_file, log_writer, ringlog_fed, start_fed, wait_until, without_duration, word,
};
use crate::writer_file;

/// Without what differs from run to run: how long it took, and the first events, which have the time of the run.
fn steady(mut row: Row) -> Row {
    let is_event =
        |line: &&str| line.starts_with(' ') && line.trim_start().starts_with(|c: char| c.is_ascii_digit());
    let lines = row.said.lines().filter(|line| !is_event(line)).map(without_duration);
    row.said = lines.collect::<Vec<_>>().join("\n");
    row
}

/// Records lines of standard input to a log of this name.
fn record(folder: &Path, name: &str, log: &str, options: &str, input: &str) -> Row {
    let log = folder.join(log);
    let words = ["serve", "--feed", "-", "--log", word(&log)].into_iter().chain(options.split_whitespace());
    steady(said(name, folder, &ringlog_fed(&words.collect::<Vec<_>>(), input.as_bytes())))
}

/// A log that ends with a loss which no GAP record counts yet.
fn with_loss(folder: &Path, name: &str) {
    let log = folder.join(name);
    let mut writer = log_writer(&LogWriter::options(), &log);
    writer.write_event(&EventHeader::new(1, 7, 3), b"abc").unwrap();
    writer.close().unwrap();
    writer_file::edit(&log, |lines| format!("{lines}untold_loss: 24 5 64 3\n"));
}

fn recordings(folder: &Path) -> Vec<Row> {
    let record = |name, log, options, input: &str| record(folder, name, log, options, input);
    with_loss(folder, "lossy");
    with_loss(folder, "lossy-too");
    let long = format!("{}\nshort\n", "x".repeat(70_000));
    let many = "a line\n".repeat(2000);
    fs::write(folder.join("lines"), "one\ntwo\n").unwrap();
    let run = |name, line| steady(run(name, folder, line));
    vec![
        run("an import of lines", "import DIR/lines --log DIR/imported"),
        record("lines up to their end", "lines-log", "", "one\ntwo\n"),
        record("lines up to a limit", "limited", "--max-bytes 100", &"one\n".repeat(10)),
        record("an earlier run's loss", "lossy", "", "one\n"),
        record("an earlier run's loss, and one of this run", "lossy-too", "", &long),
        record("files that are retired", "retired", "--segment-size 4KiB --keep-files 2", &many),
        run("a feed for a time", "serve --feed unix:DIR/socket --for 1ms --max-bytes 1MiB --log DIR/timed"),
        run(
            "a feed that may fill the disk",
            "serve --feed unix:DIR/full --for 1ms --full-disk recycle --log DIR/full-disk",
        ),
        run("a ring for a time", "serve --ring DIR/ring --for 1ms --log DIR/drained"),
    ]
}

/// A file that another program has put where the log's next one belongs.
fn failing(folder: &Path) -> Row {
    let log = folder.join("failing");
    let words = ["serve", "--feed", "-", "--segment-size", "4KiB", "--log", word(&log)];
    let (child, mut stdin) = start_fed(&words);
    let line = [&[b'x'; 1000][..], b"\n"].concat();
    stdin.write_all(&line).unwrap();
    first_file(&log);
    fs::write(log.join("00000000000000000003.evtl"), "not a log").unwrap();
    while stdin.write_all(&line).is_ok() {}
    let mut row = steady(said("a log that fails", folder, &child.wait_with_output().unwrap()));
    let lines = row.said.lines().map(|line| match line.strip_prefix("not recorded: ") {
        Some(rest) => {
            format!("not recorded: SOME{}", rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ','))
        }
        None => line.to_owned(),
    });
    row.said = lines.collect::<Vec<_>>().join("\n");
    row
}

/// Waits for the first line that a program says, stops it, and gives both.
fn stopped(folder: &Path, name: &str, line: &str) -> Row {
    let words: Vec<_> = line.split(' ').map(|it| it.replace("DIR", word(folder))).collect();
    let mut running = Running(spawn(&words.iter().map(String::as_str).collect::<Vec<_>>()));
    let mut stderr = BufReader::new(running.0.stderr.take().unwrap());
    let mut first = String::new();
    stderr.read_line(&mut first).unwrap();
    running.terminate();
    wait_until("the end", || running.0.try_wait().unwrap().is_some());
    let mut output = take_output(&mut running);
    std::io::Read::read_to_end(&mut stderr, &mut output.stderr).unwrap();
    output.stderr.splice(..0, first.into_bytes());
    steady(said(name, folder, &output))
}

fn take_output(running: &mut Running) -> Output {
    let mut stdout = Vec::new();
    std::io::Read::read_to_end(&mut running.0.stdout.take().unwrap(), &mut stdout).unwrap();
    Output { status: running.0.wait().unwrap(), stdout, stderr: Vec::new() }
}

fn stops(folder: &Path) -> Vec<Row> {
    let mut writer = log_writer(&LogWriter::options(), &folder.join("silent"));
    let hour = 3_600_000_000_000;
    [hour, 2 * hour]
        .into_iter()
        .for_each(|time| writer.write_event(&EventHeader::new(time, 7, 3), b"abc").unwrap());
    writer.close().unwrap();
    vec![
        stopped(folder, "a replay that waits", "replay DIR/silent --format hex"),
        stopped(folder, "a recording that is stopped", "serve --feed unix:DIR/socket --log DIR/stopped"),
    ]
}

/// A run of the stress test, without its numbers and their units, and without what differs from run to run: how many
/// lines of seconds it has, and what bounded it.
fn stress(folder: &Path, name: &str, options: &[&str]) -> Row {
    let output = Command::new(STRESS).args(["--ring-size", "128KiB"]).args(options).output().unwrap();
    let mut row = said(name, folder, &output);
    let word = |word: &str| match word {
        _ if word.contains(|c: char| c.is_ascii_digit()) => {
            if word.ends_with(',') {
                "N,".to_owned()
            } else {
                "N".to_owned()
            }
        }
        "B" | "KiB" | "MiB" | "GiB" => "UNIT".to_owned(),
        _ => word.to_owned(),
    };
    let is_second = |line: &str| line.split_whitespace().filter(|it| it.ends_with('%')).count() == 7;
    let (code, text) = row.said.split_once('\n').unwrap();
    let mut lines = vec![code.to_owned()];
    for line in text.lines().filter(|line| !line.starts_with("first second")) {
        if is_second(line) {
            lines.push("SECOND".to_owned());
        } else if line.starts_with("bounded by the ") {
            lines.push("bounded by the PART (N % of LIMIT was reached):".to_owned());
            break;
        } else if line.contains(|c: char| c.is_ascii_digit()) {
            lines.push(line.split_whitespace().map(word).collect::<Vec<_>>().join(" "));
        } else {
            lines.push(line.to_owned());
        }
    }
    lines.dedup();
    row.said = lines.join("\n");
    row
}

#[test]
fn runs_say_what_the_table_says() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut rows = recordings(folder);
    rows.push(failing(folder));
    rows.extend(stops(folder));
    rows.push(stress(folder, "a stress test for a time", &["--seconds", "0.01"]));
    rows.push(stress(folder, "a stress test up to a size", &["--max-bytes", "100000", "--batch", "16"]));
    for (name, command, from) in [
        ("the help", "help serve", "Values:"),
        ("the help of cat", "help cat", "Values:"),
        ("the help of verify", "help verify", "Exit codes:"),
        ("the help of doctor", "help doctor", "Exit codes:"),
        ("the help of backup", "help backup", "Exit codes:"),
        ("the help of split", "help split", "Values:"),
        ("the help of ship", "help ship", "Exit codes:"),
        ("the help of pull", "help pull", "Exit codes:"),
        ("the help of ring", "help ring", "Exit codes:"),
        ("the help of export", "help export", "Exit codes:"),
        ("the help of completions", "help completions", "Where they go:"),
        ("the help without a command", "--help", "Usage: ringlog COMMAND"),
    ] {
        let mut help = run(name, folder, command);
        let rest = help.said.split_once(from).map(|(_, rest)| format!("exit 0\n{from}{rest}"));
        help.said = rest.unwrap_or(help.said);
        rows.push(help);
    }
    assert_table("runs.txt", &rows);
}
