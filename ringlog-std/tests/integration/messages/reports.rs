//! What the commands report of logs and of dumps of memory, on both outputs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use ringlog::event::{ClockKind, EventHeader, Gap, GapReason, flags};
use ringlog::storage::{LogWriter, MmapWriter};
use ringlog_nostd::{AlignedBytes, Ring, RingOptions};

use super::logs::{changed, replace_by_link, whole};
use super::{Row, assert_table, with_placeholders};
use crate::cli::bad_input::powerless;
use crate::cli::support::{RINGLOG, log_writer, ringlog, without_times, word};
use crate::storage_log::support::{patch, unseal};
use crate::writer_file;

/// The log's files, and the bytes of each record.
const FIRST: &str = "00000000000000000000.evtl";
const LAST: &str = "00000000000000000200.evtl";
const RECORD: u64 = 40;

/// The exit code and all that was said and printed.
pub(super) fn said(name: &str, folder: &Path, output: &Output) -> Row {
    let code = output.status.code().map_or_else(|| "none".to_owned(), |code| code.to_string());
    let text = [&output.stderr[..], &output.stdout[..]].concat();
    let text = without_times(&String::from_utf8_lossy(&text)).replace("\n\n", "\n");
    Row { name: name.to_owned(), said: format!("exit {code}\n{}", with_placeholders(&text, folder)) }
}

/// Runs a command line in which DIR is the folder.
pub(super) fn run(name: &str, folder: &Path, line: &str) -> Row {
    let words: Vec<_> = line.split(' ').map(|it| it.replace("DIR", word(folder))).collect();
    said(name, folder, &ringlog(&words))
}

/// Of lines that begin with these words only the first.
fn once(mut row: Row, start: &str) -> Row {
    let mut is_first = true;
    let lines = row.said.lines().filter(|line| !line.starts_with(start) || std::mem::take(&mut is_first));
    row.said = lines.collect::<Vec<_>>().join("\n");
    row
}

fn path(folder: &Path, name: &str, file: &str) -> PathBuf {
    folder.join(name).join(file)
}

/// Logs without damage, and what is known of their ends.
fn ends(folder: &Path) -> Vec<Row> {
    changed(folder, "whole", LAST, |_| ());
    changed(folder, "linked", LAST, replace_by_link);
    changed(folder, "no-writer", "writer", |path| fs::remove_file(path).unwrap());
    changed(folder, "closed-writer", "writer", |path| {
        fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
    });
    whole(&folder.join("open"));
    writer_file::set_open(&folder.join("open"));
    let log = path(folder, "closed-writer", "");
    let name = "info where the writer file may not be read";
    let closed = powerless(&["info", word(&log)]);
    let run = |name, line| run(name, folder, line);
    vec![
        run("verify of a whole log", "verify DIR/whole"),
        run("info of a whole log", "info DIR/whole"),
        run("verify of a log with a link", "verify DIR/linked"),
        run("info without a writer file", "info DIR/no-writer"),
        closed.map_or_else(|| Row::skipped(name), |output| said(name, folder, &output)),
        run("info of a log that was not closed", "info DIR/open"),
    ]
}

/// The log's writer died with its machine, when not all that it had written was on the disk.
fn torn(folder: &Path) {
    let log = folder.join("torn");
    whole(&log);
    writer_file::pretend_other_boot(&log);
    writer_file::set_open(&log);
    unseal(&log.join(LAST), 64 + 20 * RECORD);
}

/// A log whose `writer` file has noted a loss after two events, and after two GAP records or none.
fn unreported(folder: &Path, name: &str, has_gaps: bool, count: u64) {
    let log = folder.join(name);
    let mut writer = log_writer(&LogWriter::options(), &log);
    (1..3).for_each(|time| writer.write_event(&EventHeader::new(time, 7, 3), b"abc").unwrap());
    if has_gaps {
        writer.append_gap(2, Gap::new(GapReason::RecoveryCut, 0)).unwrap();
        writer.append_gap(2, Gap::new(GapReason::DiskFull, 2)).unwrap();
    }
    let end = writer.close().unwrap().bytes;
    writer_file::edit(&log, |lines| format!("{lines}untold_loss: {end} {count} 64 3\n"));
}

/// Damages one record of four.
fn flip_many(path: &Path) {
    (2..600).step_by(4).for_each(|record| patch(path, 64 + RECORD * record + 20, &[0xFF]));
}

fn damage(folder: &Path) -> Vec<Row> {
    torn(folder);
    let many = folder.join("many.evtl");
    let mut writer = MmapWriter::create(&many, 32_768).unwrap();
    for number in 0..600 {
        writer.write_event(&EventHeader::new(number, 7, 20), &[7; 20]).unwrap();
    }
    writer.close().unwrap();
    flip_many(&many);
    let plain = folder.join("plain.evtl");
    let mut writer = MmapWriter::options().checksums(false).create(&plain, 4096).unwrap();
    writer.write_event(&EventHeader::new(1, 7, 3), b"abc").unwrap();
    writer.close().unwrap();
    fs::write(folder.join("none.evtl"), [0xFF; 4096]).unwrap();
    let lost = folder.join("lost.evtl");
    let mut writer = MmapWriter::create(&lost, 4096).unwrap();
    writer.write_event(&EventHeader::new(1, 7, 3), b"abc").unwrap();
    writer.close().unwrap();
    patch(&lost, 64 + 20, &[0xFF]);
    unreported(folder, "gapped", true, 5);
    patch(&path(folder, "gapped", FIRST), 64 + 20, &[0xFF]);
    unreported(folder, "unreported", false, 5);
    unreported(folder, "unknown", false, 0);
    unreported(folder, "unknown-after-gaps", true, 0);
    let run = |name, line| run(name, folder, line);
    vec![
        run("verify after a loss of power", "verify DIR/torn"),
        once(run("verify of damage in many places", "verify DIR/many.evtl"), "    offset"),
        run("verify of a file without checksums", "verify DIR/plain.evtl"),
        run("verify of a file without a record", "verify DIR/none.evtl"),
        run("verify of a file whose one record is damaged", "verify DIR/lost.evtl"),
        run("verify of gaps and damage", "verify DIR/gapped"),
        run("info of a loss that no gap counts yet", "info DIR/unreported"),
        run("verify of a loss that nobody has counted", "verify DIR/unknown"),
        run("verify of gaps and of a loss that nobody has counted", "verify DIR/unknown-after-gaps"),
    ]
}

fn salvage(folder: &Path) -> Vec<Row> {
    changed(folder, "aside", LAST, |path| {
        fs::rename(path, path.with_file_name(format!("{LAST}.1"))).unwrap();
    });
    changed(folder, "end-gone", LAST, |path| fs::remove_file(path).unwrap());
    writer_file::set_open(&folder.join("end-gone"));
    changed(folder, "headless", LAST, |path| patch(path, 0, &[0; 64]));
    let described = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/typed/damaged_preamble.evtl");
    fs::copy(described, folder.join("described.evtl")).unwrap();
    let run = |name, line| run(name, folder, line);
    vec![
        run("salvage of a whole log", "salvage DIR/whole DIR/whole-copy"),
        run("salvage of a file whose header is zeroed", "salvage DIR/headless DIR/headless-copy"),
        run("salvage of a file that was set aside", "salvage DIR/aside DIR/aside-copy"),
        run("salvage after a loss of power", "salvage DIR/torn DIR/torn-copy"),
        run("salvage of gaps and damage", "salvage DIR/gapped DIR/gapped-copy"),
        run("verify of a damaged description", "verify DIR/described.evtl"),
        run("salvage of a damaged description", "salvage DIR/described.evtl DIR/described-copy"),
    ]
}

/// A flight recorder that was full, as a dump of memory.
fn recorder() -> Vec<u8> {
    let mut memory = AlignedBytes::<1024>::new();
    let options =
        RingOptions { capacity: Some(256), max_payload: Some(40), retained: true, ..RingOptions::default() };
    let mut recorder = Ring::format_with(memory.as_mut(), &options).unwrap().overwrite_oldest();
    for time in 0..50 {
        recorder.write_event(&EventHeader::new(time, 3, 6), b"dumped").unwrap();
    }
    drop(recorder);
    let bytes: &mut [u8] = memory.as_mut();
    bytes.to_vec()
}

/// More rings than a memory can hold, each of 32 bits, full, and over the next one.
fn overlapping() -> Vec<u8> {
    let capacity = 1024;
    let words = [0x524C_4731, 1 | 2 << 8, capacity, 32, 0, 0, 0, 0, capacity, 0, 0, 1, 0, 0, 0, 0_u32];
    let ring: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let event = EventHeader::new(5, 1, 0).with_flags(flags::COMMITTED).to_bytes();
    [ring.repeat(40), event.repeat(2048 / event.len())].concat()
}

fn dumps(folder: &Path) -> Vec<Row> {
    fs::write(folder.join("lines"), "one\n").unwrap();
    fs::write(folder.join("recorder"), recorder()).unwrap();
    let mut damaged = recorder();
    let record = damaged.windows(8).position(|bytes| bytes == 45_u64.to_le_bytes()).unwrap();
    damaged[record + 16] ^= 1;
    fs::write(folder.join("damaged"), damaged).unwrap();
    fs::write(folder.join("overlapping"), overlapping()).unwrap();
    let run = |name, line| run(name, folder, line);
    let over = run("a dump of too many rings", "recover-image DIR/overlapping --to DIR/overlaps");
    vec![
        run("a dump of a flight recorder", "recover-image DIR/recorder --to DIR/rings"),
        run("a dump of a damaged ring", "recover-image DIR/damaged --format hex"),
        run("a dump into what is no folder", "recover-image DIR/recorder --to DIR/lines/rings"),
        once(once(over, "ring at offset"), "ringlog: "),
    ]
}

/// Runs the program where local time is UTC.
fn in_utc(words: &[&str]) -> Output {
    std::process::Command::new(RINGLOG).args(words).env("TZ", "UTC").output().unwrap()
}

/// What `cat` and `replay` say of the ways of printing, and of clocks.
fn printing(folder: &Path) -> Vec<Row> {
    let mut writer = log_writer(&LogWriter::options().clock(ClockKind::Unspecified), &folder.join("ticks"));
    writer.write_event(&EventHeader::new(1, 7, 3), b"abc").unwrap();
    writer.append_gap(2, Gap::new(GapReason::DiskFull, 2)).unwrap();
    writer.close().unwrap();
    let mut writer = log_writer(&LogWriter::options().clock(ClockKind::UnixNanos), &folder.join("dated"));
    for payload in [b"abc", b"ab\xFF"] {
        writer.write_event(&EventHeader::new(1, 7, 3), payload).unwrap();
    }
    writer.close().unwrap();
    let run = |name, line| run(name, folder, line);
    vec![
        run("cat of text and other bytes", "cat DIR/dated --format csv"),
        run("a table of text with other bytes", "cat DIR/dated --format csv --payload text"),
        run("JSON of text with other bytes", "cat DIR/dated --json --payload text"),
        run("cat of payloads and a gap", "cat DIR/ticks --format raw"),
        run("a safe table that is none", "cat DIR/ticks --csv-safe"),
        run("a separator without its format", "cat DIR/ticks --separator 0x00"),
        run("an encoding without its format", "cat DIR/ticks --format hex --payload text"),
        run("a separator that is none", "cat DIR/ticks --format raw --separator 0x0"),
        run("a separator with an unknown escape", r"cat DIR/ticks --format raw --separator \q"),
        run("a date in ticks", "cat DIR/ticks --since 2026-11-28 --utc"),
        run("a time ago in ticks", "replay DIR/ticks --until -1h"),
        run("a separator of nothing", "cat DIR/ticks --format raw --separator "),
        run("a small number as a time", "cat DIR/dated --since 1700000000 --limit 1"),
        run("a time in the far future", "cat DIR/dated --since 9999-01-01 --utc"),
        said(
            "a time without a zone",
            folder,
            &in_utc(&["cat", word(&folder.join("dated")), "--since", "2026-11-28"]),
        ),
        run("a time out of range", "cat DIR/dated --since 1969-12-31 --utc"),
        run("a pace by an unknown clock", "replay DIR/ticks"),
    ]
}

#[test]
fn reports_say_what_the_table_says() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let rows = [
        ends(folder),
        damage(folder),
        salvage(folder),
        dumps(folder),
        printing(folder),
        super::keeping::rows(&folder.join("keeping")),
    ];
    assert_table("reports.txt", &rows.concat());
}
