//! `verify` and `salvage` on damaged logs.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::support::{
    assert_code, json_of, number, records_of, ringlog, stderr_of, stdout_of, test_data, word,
};

/// Makes a log of 3000 events in three files.
fn log_of_three(folder: &Path) -> (PathBuf, Vec<PathBuf>) {
    let (lines, log) = (folder.join("lines.txt"), folder.join("log"));
    fs::write(&lines, (0..1000).map(|line| format!("line {line}\n")).collect::<String>()).unwrap();
    for _ in 0..3 {
        assert_code(&ringlog(&["import", word(&lines), "--log", word(&log)]), 0);
    }
    let segments = [0, 1000, 2000].map(|base| log.join(format!("{base:020}.evtl")));
    for segment in &segments {
        // Cut off the free space after the records, so that copies of the file are small.
        fs::File::options().write(true).open(segment).unwrap().set_len(1 << 16).unwrap();
    }
    (log, segments.to_vec())
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

fn parse(output: &std::process::Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("standard output is one JSON value")
}

/// Returns the offset of a record: each record of these logs takes 24 bytes.
const fn offset(record: usize) -> usize {
    64 + 24 * record
}

#[test]
fn verify_says_the_same_no_matter_how_many_files_it_reads_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let (log, segments) = log_of_three(folder.path());
    change(&segments[0], |bytes| bytes[offset(10) + 20] ^= 1);
    change(&segments[2], |bytes| bytes[10] ^= 1);
    let verify = |jobs| {
        let output = ringlog(&["verify", word(&log), "--json", "--jobs", jobs]);
        assert_code(&output, 3);
        (output.stdout, output.stderr)
    };
    let alone = verify("1");
    assert_eq!((verify("2"), verify("64")), (alone.clone(), alone));
    assert_code(&ringlog(&["verify", word(&log), "--jobs", "0"]), 2);
}

#[test]
fn salvage_copies_the_same_no_matter_how_many_files_it_reads_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let (log, segments) = log_of_three(folder.path());
    change(&segments[0], |bytes| bytes[offset(10) + 20] ^= 1);
    change(&segments[2], |bytes| bytes[10] ^= 1);
    let salvage = |jobs| {
        let out = folder.path().join("out").join(jobs);
        fs::create_dir_all(&out).unwrap();
        let output = ringlog(&["salvage", word(&log), word(&out), "--json", "--jobs", jobs]);
        assert_code(&output, 3);
        let Value::Object(mut report) = parse(&output) else { panic!("{output:?}") };
        assert!(report.remove("out").is_some());
        (report, ringlog(&["cat", word(&out), "--json"]).stdout)
    };
    let alone = salvage("1");
    assert_eq!((salvage("2"), salvage("64")), (alone.clone(), alone));
    assert_code(&ringlog(&["salvage", word(&log), word(&folder.path().join("none")), "--jobs", "0"]), 2);
}

#[test]
fn verify_names_verdict_offsets_and_sequences_of_each_file() {
    let folder = tempfile::tempdir().unwrap();
    let (log, segments) = log_of_three(folder.path());
    change(&segments[1], |bytes| bytes[offset(500) + 20] ^= 1);
    change(&segments[2], |bytes| bytes[10] ^= 1);
    let output = ringlog(&["verify", word(&log), "--json"]);
    assert_code(&output, 3);
    let report = parse(&output);
    assert_eq!((number(&report, "events"), &report["result"]), (2999, &"loss".into()));
    let verdicts: Vec<_> = (0..3).map(|at| report["segments"][at]["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["clean", "damage", "damage"]);
    let damaged = &report["segments"][1];
    assert_eq!((number(damaged, "base_sequence"), number(damaged, "next_sequence")), (1000, 2000));
    let fault = &damaged["faults"][0];
    assert_eq!((number(fault, "from"), number(fault, "to")), (offset(500) as u64, offset(501) as u64));
    assert!(report["problem"].as_str().unwrap().contains(word(&segments[1])));

    let output = ringlog(&["verify", word(&log)]);
    assert_code(&output, 3);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for wanted in ["loss: 2,999 events", "  damage  ", "sequences 1000 to before 2000", "offset 12064"] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert!(stderr_of(&output).contains("salvage"), "{}", stderr_of(&output));
}

#[test]
fn a_damaged_first_file_does_not_make_a_log_unreadable() {
    let folder = tempfile::tempdir().unwrap();
    let (log, segments) = log_of_three(folder.path());
    change(&segments[0], |bytes| bytes[..4096].fill(0xFF));
    assert_code(&ringlog(&["verify", word(&log)]), 3);
    for segment in &segments {
        change(segment, |bytes| bytes.fill(0xFF));
    }
    let output = ringlog(&["verify", word(&log)]);
    assert_code(&output, 1);
    assert!(stderr_of(&output).contains(word(&segments[0])), "{}", stderr_of(&output));
}

#[test]
fn salvage_copies_what_is_whole_and_reports_what_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (log, segments) = log_of_three(folder.path());
    let out = folder.path().join("out");
    change(&segments[0], |bytes| bytes[..64].fill(0xA5));
    change(&segments[1], |bytes| bytes[offset(500)..offset(503)].fill(0));
    let output = ringlog(&["salvage", word(&log), word(&out), "--json"]);
    assert_code(&output, 3);
    let report = parse(&output);
    let counts = ["records", "events", "gaps", "lost", "gaps_added", "missing", "skipped_count"];
    assert_eq!(counts.map(|name| number(&report, name)), [2997, 2997, 1, 3, 1, 3, 1]);
    let skipped = &report["skipped"][0];
    assert_eq!((number(skipped, "from"), number(skipped, "to")), (offset(500) as u64, offset(503) as u64));
    assert_eq!(report["files"][0]["header_was_good"], false);

    let verified = ringlog(&["verify", word(&out), "--json"]);
    assert_code(&verified, 3);
    assert_eq!(number(&parse(&verified), "lost"), 3);
    let records = records_of(&out);
    let line = |record: usize| String::from_utf8_lossy(&records[record].payload).into_owned();
    assert_eq!((line(0), line(1499), line(1501)), ("line 0".into(), "line 499".into(), "line 503".into()));

    // The same as text. The first folder is in use now, so the copy needs another one.
    let refused = ringlog(&["salvage", word(&log), word(&out)]);
    assert_code(&refused, 1);
    assert!(stderr_of(&refused).contains(word(&out)), "{}", stderr_of(&refused));
    let output = ringlog(&["salvage", word(&log), word(&folder.path().join("other"))]);
    assert_code(&output, 3);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for wanted in
        ["copied 2,997 records", "at least 3 records", "its header is damaged", "offsets 12064 to 12136"]
    {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
}

#[test]
fn a_damaged_header_is_damage_and_no_loss() {
    let folder = tempfile::tempdir().unwrap();
    let (log, segments) = log_of_three(folder.path());
    change(&segments[1], |bytes| bytes[..64].fill(0));
    let output = ringlog(&["verify", word(&log)]);
    assert_code(&output, 3);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.starts_with("damage: 3,000 events in 3 files, lost 0\n"), "{text}");
    assert!(stderr_of(&output).contains(word(&segments[1])), "{}", stderr_of(&output));
    let output = ringlog(&["verify", word(&log), "--json"]);
    assert_code(&output, 3);
    let report = parse(&output);
    assert_eq!((report["result"].as_str(), number(&report, "lost")), (Some("damage"), 0));
    // The copy lacks nothing.
    let out = folder.path().join("out");
    assert_code(&ringlog(&["salvage", word(&log), word(&out)]), 0);
    assert_code(&ringlog(&["verify", word(&out)]), 0);
}

#[test]
fn a_damaged_description_is_named_and_costs_no_event() {
    let folder = tempfile::tempdir().unwrap();
    let (log, out) = (test_data("typed/damaged_preamble.evtl"), folder.path().join("out"));
    let output = ringlog(&["verify", word(&log)]);
    assert_code(&output, 3);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.starts_with("damage: 2 events in 1 file, lost 0\n"), "{text}");
    assert!(
        text.contains("the description of event type 1 (tick), record 0: damaged, no event is missing"),
        "{text}"
    );

    let output = ringlog(&["salvage", word(&log), word(&out)]);
    assert_code(&output, 3);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let missing: Vec<_> = text.lines().filter(|line| line.starts_with("missing: ")).collect();
    let said = format!(
        "missing: the description of event type 1 (tick), record 0, which is damaged at offset 64 of {}; no event with it",
        word(&log)
    );
    assert_eq!(missing, [said]);
    let verified = ringlog(&["verify", word(&out)]);
    assert_code(&verified, 0);

    let out = folder.path().join("other");
    let report = parse(&ringlog(&["salvage", word(&log), word(&out), "--json"]));
    let lost = &report["lost_descriptions"][0];
    assert_eq!((number(lost, "event_type"), number(lost, "offset"), number(lost, "sequence")), (1, 64, 0));
    assert_eq!((&lost["name"], number(&report, "missing"), number(&report, "gaps")), (&"tick".into(), 0, 0));
}

#[test]
fn salvage_says_what_the_damaged_log_itself_reports_as_missing() {
    let folder = tempfile::tempdir().unwrap();
    let (log, out) = (test_data("format.evtl"), folder.path().join("out"));
    let output = ringlog(&["salvage", word(&log), word(&out)]);
    assert_code(&output, 3);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said =
        format!("missing: 3 events (ring full), as the GAP record at offset 104 of {} reports\n", word(&log));
    assert!(text.contains(&said), "{text}");
    let report = parse(&ringlog(&["salvage", word(&log), word(&folder.path().join("other")), "--json"]));
    let gap = &report["copied_gaps"][0];
    assert_eq!((number(gap, "count"), &gap["reason"], number(gap, "offset")), (3, &"ring full".into(), 104));
    assert_eq!(number(&report, "copied_gap_count"), 1);

    // More than have a line each.
    let many = folder.path().join("many");
    let mut writer = ringlog::storage::LogWriter::open(&many).unwrap();
    for time in 0..50 {
        writer.append_gap(time, ringlog::event::Gap::new(ringlog::event::GapReason::DiskFull, 0)).unwrap();
        writer.write_event(&ringlog::event::EventHeader::new(time, 1, 0), b"").unwrap();
    }
    writer.close().unwrap();
    let output = ringlog(&["salvage", word(&many), word(&folder.path().join("third"))]);
    assert_code(&output, 3);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(text.matches("missing: an unknown number of events (disk full)").count(), 20, "{text}");
    assert!(text.contains("missing: what 30 GAP records more of the log report\n"), "{text}");
}

#[test]
fn salvage_of_a_whole_log_is_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let (log, _) = log_of_three(folder.path());
    let out = folder.path().join("out");
    let report = json_of(&ringlog(&["salvage", word(&log), word(&out), "--json"]));
    assert_eq!((number(&report, "records"), number(&report, "gaps_added")), (3000, 0));
    let raw = |log: &Path| {
        stdout_of(&ringlog(&["cat", word(log), "--format", "raw", "--separator", r"\n"])).to_vec()
    };
    assert!(raw(&log) == raw(&out), "the copy holds other bytes");
}

#[test]
fn salvage_of_what_holds_no_record_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("notes.txt"), folder.path().join("out"));
    fs::write(&file, "no log at all, but long enough to be looked through for one. ".repeat(100)).unwrap();
    let output = ringlog(&["salvage", word(&file), word(&out)]);
    assert_code(&output, 1);
    assert!(stderr_of(&output).contains("not one valid record"), "{}", stderr_of(&output));
    assert!(!out.exists());
}

#[test]
fn a_log_may_have_more_files_than_a_process_may_open() {
    let folder = tempfile::tempdir().unwrap();
    let (log, out) = (folder.path().join("log"), folder.path().join("out"));
    let mut writer = ringlog::storage::LogWriter::options().segment_bytes(4096).open(&log).unwrap();
    let header = ringlog::event::EventHeader::new(1, 2, 3000);
    for _ in 0..100 {
        writer.write_event(&header, &[7; 3000]).unwrap();
    }
    writer.close().unwrap();
    let limited = |words: &[&str]| {
        let script = "ulimit -n 40 && exec \"$0\" \"$@\"";
        std::process::Command::new("sh")
            .args(["-c", script, super::support::RINGLOG])
            .args(words)
            .output()
            .unwrap()
    };
    for command in ["info", "verify", "cat"] {
        assert_code(&limited(&[command, word(&log)]), 0);
    }
    let report = json_of(&limited(&["salvage", word(&log), word(&out), "--json"]));
    assert_eq!((number(&report, "records"), report["files"].as_array().unwrap().len()), (100, 100));
}
