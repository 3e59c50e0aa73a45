//! Every command on a closed log with a file erased, empty, cut short or missing: none takes the log for whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use ringlog::event::EventHeader;
use ringlog::storage::{LogScan, LogWriter};
use serde_json::Value;

use super::support::{
    RINGLOG, assert_code, json_of, log_writer, number, ringlog, ringlog_fed, stderr_of, word,
};
use crate::writer_file;

const EVENTS: u64 = 300;

/// What happens to a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Damage {
    ZeroHeader,
    EmptyFile,
    BrokenLink,
    MissingFile,
    CutShort,
    Folder,
    Pipe,
}

use Damage::{BrokenLink, CutShort, EmptyFile, Folder, MissingFile, Pipe, ZeroHeader};

const ALL: [Damage; 7] = [ZeroHeader, EmptyFile, BrokenLink, MissingFile, CutShort, Folder, Pipe];

impl Damage {
    fn apply(self, segment: &Path) {
        let mut bytes = fs::read(segment).unwrap();
        match self {
            ZeroHeader => bytes[..64].fill(0),
            EmptyFile => bytes.clear(),
            CutShort => bytes.truncate(64 + 40 * 10 + 3),
            BrokenLink | MissingFile | Folder | Pipe => {}
        }
        fs::write(segment, bytes).unwrap();
        if matches!(self, BrokenLink | MissingFile | Folder | Pipe) {
            fs::remove_file(segment).unwrap();
        }
        match self {
            BrokenLink => std::os::unix::fs::symlink("/nonexistent/segment", segment).unwrap(),
            Folder => fs::create_dir(segment).unwrap(),
            Pipe => assert!(std::process::Command::new("mkfifo").arg(segment).status().unwrap().success()),
            _ => {}
        }
    }

    /// Whether all records can still be found.
    fn leaves_all(self) -> bool {
        self == ZeroHeader
    }
}

/// Makes a closed log of at least three segments; each record takes 40 bytes.
fn closed_log(folder: &Path) -> (PathBuf, Vec<PathBuf>) {
    let log = folder.join("log");
    let mut writer = log_writer(&LogWriter::options().segment_bytes(4096), &log);
    for number in 0..EVENTS {
        writer.write_event(&EventHeader::new(number, 7, 20), &[7; 20]).unwrap();
    }
    writer.close().unwrap();
    let mut segments: Vec<_> = fs::read_dir(&log)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "evtl"))
        .collect();
    segments.sort();
    assert!(segments.len() >= 3);
    (log, segments)
}

fn run(command: &str, log: &Path, out: &Path) -> Output {
    match command {
        "tail" => ringlog(&["tail", "-n", "1000", word(log)]),
        "replay" => ringlog(&["replay", "--speed", "max", word(log)]),
        "salvage" => ringlog(&["salvage", word(log), word(out)]),
        "serve" => ringlog(&["serve", "--feed", "-", "--log", word(log)]),
        reader => ringlog(&[reader, word(log)]),
    }
}

/// Checks the exit code, and that the output names the file.
fn check(command: &str, damage: Damage, log: &Path, segment: &Path, code: i32) {
    let out = log.with_file_name("out");
    let output = run(command, log, &out);
    let name = segment.file_name().unwrap().to_str().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &stderr_of(&output);
    assert_eq!(output.status.code(), Some(code), "{command} {damage:?} {name}: {said}");
    assert!(said.contains(name), "{command} {damage:?}: {name} is not named: {said}");
}

fn check_all(is_last: bool, damage: Damage) {
    let folder = tempfile::tempdir().unwrap();
    let (log, segments) = closed_log(folder.path());
    let segment = if is_last { segments.last().unwrap() } else { &segments[1] };
    damage.apply(segment);
    for command in ["cat", "info", "tail", "replay"] {
        check(command, damage, &log, segment, 1);
    }
    // A file that cannot be read may hold anything.
    check("verify", damage, &log, segment, if matches!(damage, Folder | Pipe) { 1 } else { 3 });
    // If all records can be found, none is missing in the copy.
    let salvaged = if damage.leaves_all() { 0 } else { 3 };
    check("salvage", damage, &log, segment, salvaged);
    let copy = json_of(&ringlog(&["info", "--json", word(&folder.path().join("out"))]));
    assert_eq!(number(&copy, "events") + number(&copy, "lost"), EVENTS, "{damage:?}");
    // A hole between older segments is reported, but the end of the log is known.
    let continues = damage == MissingFile && !is_last;
    let before = fs::symlink_metadata(segment).ok().map(|it| (it.len(), it.is_dir()));
    check("serve", damage, &log, segment, if continues { 0 } else { 1 });
    assert_eq!(fs::symlink_metadata(segment).ok().map(|it| (it.len(), it.is_dir())), before);
}

#[test]
fn a_closed_log_whose_last_file_is_damaged_or_gone_is_not_whole() {
    for damage in ALL {
        check_all(true, damage);
    }
}

#[test]
fn a_closed_log_whose_middle_file_is_damaged_or_gone_is_not_whole() {
    for damage in ALL {
        check_all(false, damage);
    }
}

/// Readers continue, as after retention; `verify`, `info` and `salvage` report the loss.
#[test]
fn a_log_without_its_first_file_is_not_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (log, segments) = closed_log(folder.path());
    fs::remove_file(&segments[0]).unwrap();
    for (command, code) in [("info", 1), ("verify", 3), ("salvage", 3)] {
        check(command, MissingFile, &log, &segments[0], code);
    }
    assert_code(&run("cat", &log, folder.path()), 0);
    check("serve", MissingFile, &log, &segments[0], 0);
}

#[test]
fn a_closed_log_without_any_file_is_not_empty() {
    let folder = tempfile::tempdir().unwrap();
    let (log, segments) = closed_log(folder.path());
    segments.iter().for_each(|path| fs::remove_file(path).unwrap());
    for command in ["cat", "info", "tail", "replay", "verify", "salvage", "serve"] {
        check(command, MissingFile, &log, &segments[0], 1);
    }
}

#[test]
fn a_segment_that_is_a_link_is_read_and_reported_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let (log, segments) = closed_log(folder.path());
    let elsewhere = folder.path().join("elsewhere.evtl");
    fs::rename(&segments[1], &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &segments[1]).unwrap();
    let verified = json_of(&ringlog(&["verify", "--json", word(&log)]));
    assert_eq!((number(&verified, "events"), &verified["segments"][1]["is_link"]), (EVENTS, &true.into()));
    let said = String::from_utf8(ringlog(&["verify", word(&log)]).stdout).unwrap();
    assert!(said.contains(&format!("{} (a symbolic link)", word(&segments[1]))), "{said}");
}

/// A follower also notices that the end is missing.
#[test]
fn a_follower_of_a_closed_log_without_its_last_file_ends_with_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (log, segments) = closed_log(folder.path());
    fs::remove_file(segments.last().unwrap()).unwrap();
    // A follower that takes this for the end of the log waits for ever; then `timeout` exits with 124.
    let words = ["60", RINGLOG, "tail", "-f", "-n", "1000", word(&log)];
    let output = std::process::Command::new("timeout").args(words).output().unwrap();
    assert_code(&output, 1);
    let left = LogScan::open(&segments[segments.len() - 2]).unwrap().header().event_count;
    assert!(output.stdout.iter().filter(|&&byte| byte == b'\n').count() as u64 > left);
}

/// Runs `docs/reader.py` on a log; returns its exit code and output.
fn read_by_the_document(log: &Path) -> (Option<i32>, String) {
    let reader = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reader.py");
    let output = std::process::Command::new("python3").arg(reader).arg(log).output().unwrap();
    (output.status.code(), stderr_of(&output))
}

#[test]
fn the_reader_made_from_the_document_compares_the_end_too() {
    if std::process::Command::new("python3").arg("--version").output().is_err() {
        crate::skips::note_skip("no python3");
        return;
    }
    for damage in ALL.into_iter().filter(|damage| *damage != Pipe) {
        let folder = tempfile::tempdir().unwrap();
        let (log, segments) = closed_log(folder.path());
        assert_eq!(read_by_the_document(&log), (Some(0), String::new()));
        let last = segments.last().unwrap();
        damage.apply(last);
        let (code, said) = read_by_the_document(&log);
        assert!(code == Some(1) && said.contains(word(last)), "{damage:?}: {said}");
        fs::write(log.join("writer"), "pid: 1\n").unwrap();
        if damage == MissingFile {
            let (code, said) = read_by_the_document(&log);
            assert!(code == Some(0) && said.contains("not recorded"), "{said}");
        }
    }
}

#[test]
fn identity_and_end_of_a_log_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (log, _) = closed_log(folder.path());
    let info = json_of(&ringlog(&["info", "--json", word(&log)]));
    let identity = info["identity"].as_str().unwrap().to_owned();
    assert!(identity.len() == 32 && identity.bytes().all(|digit| digit.is_ascii_hexdigit()), "{identity}");
    assert_eq!((number(&info["end"], "sequence"), number(&info["end"], "position")), (EVENTS, EVENTS * 40));
    assert_eq!(info["writer_file"], "good");
    let verified = json_of(&ringlog(&["verify", "--json", word(&log)]));
    assert_eq!((&verified["identity"], &verified["end"]), (&info["identity"], &info["end"]));
    for command in ["info", "verify"] {
        let said = String::from_utf8(ringlog(&[command, word(&log)]).stdout).unwrap();
        assert!(said.contains("closed at record 300, position 12000"), "{said}");
    }
    // A run keeps the identity and moves the end.
    assert_code(&ringlog_fed(&["serve", "--feed", "-", "--log", word(&log)], b"one\n"), 0);
    let info = json_of(&ringlog(&["info", "--json", word(&log)]));
    assert_eq!((info["identity"].as_str(), number(&info["end"], "sequence")), (Some(&*identity), EVENTS + 1));
}

#[test]
fn a_log_whose_end_is_not_recorded_is_read_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (log, segments) = closed_log(folder.path());
    let file = log.join("writer");
    let lines = fs::read(&file).unwrap();
    writer_file::set_open(&log);
    let open = fs::read(&file).unwrap();
    fs::remove_file(segments.last().unwrap()).unwrap();
    let mut flipped = lines.clone();
    flipped[7] ^= 4;
    for (writer, state, code) in [
        (Some(open), "good", 0),
        (None, "missing", 0),
        (Some(flipped), "damaged", 3),
        (Some(vec![]), "damaged", 3),
    ] {
        fs::remove_file(&file).unwrap();
        if let Some(bytes) = &writer {
            fs::write(&file, bytes).unwrap();
        }
        for command in ["cat", "tail", "replay"] {
            assert_code(&run(command, &log, &log), 0);
        }
        let info = json_of(&ringlog(&["info", "--json", word(&log)]));
        assert_eq!((&info["writer_file"], &info["end"]), (&state.into(), &Value::Null));
        for (command, code) in [("info", 0), ("verify", code)] {
            let output = run(command, &log, &log);
            assert_code(&output, code);
            let said = String::from_utf8_lossy(&output.stdout).into_owned() + &stderr_of(&output);
            assert!(said.contains("not recorded"), "{said}");
            let is_named = said.contains(word(&file)) && said.contains("record into the log again");
            assert_eq!(is_named, state == "damaged", "{said}");
        }
        if writer.is_none() {
            fs::write(&file, "").unwrap();
        }
    }
}
