//! Damaged and foreign logs.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ringlog::event::{EventHeader, Gap, GapReason};
use ringlog::storage::LogWriter;

use super::Row;
use super::programs::{row, run};
use crate::cli::support::{RINGLOG, assert_code, log_writer, ringlog, stderr_of, word};

const SECOND: &str = "00000000000000000100.evtl";

/// A closed log of 250 events in three files; each record takes 40 bytes, and the times are the same in each run.
pub(super) fn whole(log: &Path) {
    let mut writer = log_writer(&LogWriter::options().segment_bytes(4096), log);
    for number in 0..250 {
        writer.write_event(&EventHeader::new(number, 7, 20), &[7; 20]).unwrap();
    }
    writer.close().unwrap();
}

/// A whole log of this name with one change to a file of it.
pub(super) fn changed(folder: &Path, name: &str, file: &str, change: impl Fn(&Path)) {
    let log = folder.join(name);
    whole(&log);
    change(&log.join(file));
}

fn store(path: &Path, bytes: &[u8], offset: u64) {
    fs::File::options().write(true).open(path).unwrap().write_all_at(bytes, offset).unwrap();
}

fn cut(path: &Path) {
    fs::File::options().write(true).open(path).unwrap().set_len(1).unwrap();
}

/// Puts a folder in the place of a file.
fn replace_by_folder(path: &Path) {
    fs::remove_file(path).unwrap();
    fs::create_dir(path).unwrap();
}

pub(super) fn replace_by_link(path: &Path) {
    let target = path.with_extension("moved");
    fs::rename(path, &target).unwrap();
    symlink(target, path).unwrap();
}

fn damage(folder: &Path) -> Vec<Row> {
    changed(folder, "zeroed", SECOND, |path| store(path, &[0; 64], 0));
    changed(folder, "version", SECOND, |path| store(path, &[9], 4));
    changed(folder, "flipped", SECOND, |path| store(path, &[0xFF], 64 + 40 * 10 + 20));
    changed(folder, "counted", SECOND, |path| store(path, &[1], 16));
    changed(folder, "cut", SECOND, cut);
    changed(folder, "folder", SECOND, replace_by_folder);
    changed(folder, "gone", SECOND, |path| fs::remove_file(path).unwrap());
    changed(folder, "renamed", SECOND, |path| {
        fs::rename(path, path.with_file_name("00000000000000000101.evtl")).unwrap()
    });
    changed(folder, "short", "00000000000000000200.evtl", |path| fs::remove_file(path).unwrap());
    changed(folder, "linked", SECOND, |path| {
        fs::remove_file(path).unwrap();
        symlink("/nonexistent/segment", path).unwrap();
    });
    let run = |name, line| run(name, folder, line);
    vec![
        run("cat of a zeroed header", "cat DIR/zeroed --format raw"),
        run("serve after a zeroed header in the middle", "serve --for 1s --log DIR/zeroed"),
        run("verify of a zeroed header", "verify DIR/zeroed"),
        run("cat of another version", "cat DIR/version/00000000000000000100.evtl"),
        run("cat of a damaged record", "cat DIR/flipped"),
        run("verify of a damaged record", "verify DIR/flipped"),
        run("cat of a header that counts wrongly", "cat DIR/counted"),
        run("cat of a file of one byte", "cat DIR/cut"),
        run("cat of a folder in a file's place", "cat DIR/folder"),
        run("verify of a folder in a file's place", "verify DIR/folder"),
        run("cat of a log without a file", "cat DIR/gone"),
        run("verify of a log without a file", "verify DIR/gone"),
        run("cat of a renamed file", "cat DIR/renamed"),
        run("cat of a log without its last file", "cat DIR/short"),
        run("serve after a log without its last file", "serve --for 1s --log DIR/short"),
        run("verify of a log without its last file", "verify DIR/short"),
        run("cat of a broken link", "cat DIR/linked"),
        run("salvage into what is there", "salvage DIR/flipped DIR/zeroed"),
        run("salvage into the log", "salvage DIR/flipped DIR/flipped/copy"),
        run("salvage of what is no log", "salvage DIR/lines DIR/copy"),
    ]
}

/// A log whose `writer` file is something else.
fn writer_files(folder: &Path) -> Vec<Row> {
    changed(folder, "writer-folder", "writer", replace_by_folder);
    changed(folder, "writer-link", "writer", replace_by_link);
    changed(folder, "writer-letter", "writer", |path| fs::write(path, "Dear reader").unwrap());
    let run = |name, line| run(name, folder, line);
    let mut rows = vec![
        run("serve where the writer file is a folder", "serve --for 1s --log DIR/writer-folder"),
        run("verify where the writer file is a folder", "verify DIR/writer-folder"),
        run("serve where the writer file is a link", "serve --for 1s --log DIR/writer-link"),
        run("verify where the writer file is a link", "verify DIR/writer-link"),
        run("serve where the writer file is a letter", "serve --for 1s --log DIR/writer-letter"),
        run("verify where the writer file is a letter", "verify DIR/writer-letter"),
    ];
    let log = folder.join("whole");
    whole(&log);
    let writer = log_writer(&LogWriter::options(), &log);
    rows.push(run("serve beside another writer", "serve --for 1s --log DIR/whole"));
    writer.close().unwrap();
    rows
}

fn foreign(folder: &Path) -> Vec<Row> {
    fs::create_dir(folder.join("empty")).unwrap();
    fs::create_dir(folder.join("others")).unwrap();
    fs::create_dir(folder.join("single")).unwrap();
    fs::write(folder.join("single/ring-0x00000000.evtl"), "not read").unwrap();
    fs::write(folder.join("others/notes"), "nothing here").unwrap();
    let run = |name, line| run(name, folder, line);
    vec![
        run("cat of an empty folder", "cat DIR/empty"),
        run("cat of a folder with another file", "cat DIR/others"),
        run("cat of a folder of single files", "cat DIR/single"),
        run("cat of another kind of file", "cat DIR/lines"),
        run("tail of another kind of file", "tail DIR/lines"),
    ]
}

/// The lines with this word that a command prints on standard output.
fn printed(name: &str, folder: &Path, words: &[&str], wanted: &str) -> Row {
    let output = ringlog(words);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<_> = text.lines().filter(|line| line.contains(wanted)).collect();
    let said = row(name, folder, &output).said;
    Row {
        name: name.to_owned(),
        said: format!("{said}\n{}", super::with_placeholders(&lines.join("\n"), folder)),
    }
}

/// A log with one GAP record without a time and a count.
fn gap_of_nobody_knows_what(folder: &Path) -> PathBuf {
    let log = folder.join("gap");
    let mut writer = log_writer(&LogWriter::options(), &log);
    writer.append_gap(0, Gap::new(GapReason::RecoveryCut, 0)).unwrap();
    writer.write_event(&EventHeader::new(1, 7, 3), b"abc").unwrap();
    writer.close().unwrap();
    log
}

fn losses(folder: &Path) -> Vec<Row> {
    let log = gap_of_nobody_knows_what(folder);
    let log = word(&log);
    let flipped = folder.join("flipped");
    let copy = folder.join("copied");
    vec![
        printed("a gap without a time", folder, &["cat", log], "GAP"),
        printed("a gap without a time as JSON", folder, &["cat", log, "--json"], "gap"),
        printed("a gap without a time in a table", folder, &["cat", log, "--format", "csv"], "gap"),
        printed("verify of a gap without a count", folder, &["verify", log], "lost"),
        printed("verify of what nobody has counted", folder, &["verify", word(&flipped)], "lost"),
        printed("salvage of a damaged record", folder, &["salvage", word(&flipped), word(&copy)], "missing"),
    ]
}

/// Which of its files the program misses first depends on how far it has come.
#[test]
fn a_log_whose_folder_is_renamed_while_it_is_written_says_so_and_what_it_had_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut child = Command::new(RINGLOG)
        .args(["serve", "--feed", "-", "--segment-size", "4096", "--log", word(&log)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while !log.join("00000000000000000000.evtl").exists() {
        assert!(Instant::now() < deadline, "no log");
        std::thread::sleep(Duration::from_millis(5));
    }
    fs::rename(&log, folder.path().join("another")).unwrap();
    // The program ends before all is written.
    let writing =
        std::thread::spawn(move || (0..10_000).try_for_each(|_| stdin.write_all(&b"line\n".repeat(100))));
    let output = child.wait_with_output().unwrap();
    let _ = writing.join().unwrap();
    assert_code(&output, 1);
    let (text, said) = (String::from_utf8_lossy(&output.stdout).into_owned(), stderr_of(&output));
    assert!(text.contains("not checked: ") && !text.contains("recorded 0 events"), "{text}");
    let error = said.lines().last().unwrap();
    assert!(
        error.contains(word(&log)) && error.contains("; check the path, and whether it was renamed"),
        "{said}"
    );
}

pub(crate) fn rows(folder: &Path) -> Vec<Row> {
    [damage(folder), writer_files(folder), foreign(folder), losses(folder)].into_iter().flatten().collect()
}
