//! Cursors that `tail` cannot use, and logs that cannot be replayed.

use std::fs;
use std::path::{Path, PathBuf};

use ringlog::event::{ClockKind, EventHeader};
use ringlog::ring::{RingOptions, SharedRing};
use ringlog::storage::{Cursor, LogWriter};

use super::Row;
use super::programs::run;
use crate::cli::support::{assert_code, log_writer, ringlog, word};

/// Creates a closed log of this many events.
fn log(path: &Path, events: u64) {
    let mut writer = log_writer(&LogWriter::options(), path);
    (0..events).for_each(|at| writer.write_event(&EventHeader::new(at, 7, 3), b"abc").unwrap());
    writer.close().unwrap();
}

/// A log with a cursor at its end. The program makes it: what another test starts would have this process's lock for a moment.
fn read(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    log(&path, 3);
    assert_code(&ringlog(&["tail", word(&path), "--cursor", "c"]), 0);
    path
}

/// Replaces the segments and the identity, but not the cursors.
fn begin_anew(path: &Path) {
    for entry in fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).filter(|it| it.is_file()) {
        fs::remove_file(entry).unwrap();
    }
    log(path, 1);
}

/// Leaves a log without its records, as a loss of power does, and with its identity.
fn lose_end(path: &Path) {
    let said = fs::read_to_string(path.join("writer")).unwrap();
    let identity = said.lines().find(|line| line.starts_with("log_identity: ")).unwrap();
    let text = format!("pid: 1\nboot_id: \n{identity}\nring_identity: 0\nstate: open\n");
    fs::remove_file(path.join("00000000000000000000.evtl")).unwrap();
    let checksum = ringlog_nostd::format::crc32c_append(0, text.as_bytes());
    fs::write(path.join("writer"), format!("{text}checksum: {checksum:08x}\n")).unwrap();
    log(path, 1);
}

/// Logs whose times count different things, and a record that a ring has no room for.
fn replays(folder: &Path) -> Vec<Row> {
    let (first, second) = (folder.join("monotonic"), folder.join("long"));
    let mut writer = log_writer(&LogWriter::options().clock(ClockKind::MonotonicNanos), &first);
    writer.write_event(&EventHeader::new(1, 7, 3), b"abc").unwrap();
    writer.close().unwrap();
    let mut writer = log_writer(&LogWriter::options(), &second);
    writer.write_event(&EventHeader::new(1, 7, 2000), &[7; 2000]).unwrap();
    writer.close().unwrap();
    let sizes = RingOptions { capacity: Some(1024), ..RingOptions::default() };
    let _ring = SharedRing::create(folder.join("small.ring"), &sizes).unwrap();
    vec![
        run("logs of different clocks", folder, "replay DIR/monotonic DIR/long --speed max"),
        run(
            "a record that a ring cannot take",
            folder,
            "replay DIR/long --speed max --to ring:DIR/small.ring",
        ),
    ]
}

pub(super) fn rows(folder: &Path) -> Vec<Row> {
    begin_anew(&read(folder, "anew"));
    fs::write(read(folder, "damaged-cursor").join("cursors/c"), [7; 8192]).unwrap();
    let in_use = folder.join("in-use");
    log(&in_use, 3);
    let in_use = Cursor::open(&in_use, "c").unwrap();
    lose_end(&read(folder, "lost-end"));
    let run = |name, line| run(name, folder, line);
    let rows = vec![
        run("a cursor of no name", "tail DIR/anew --cursor a/b"),
        run("a cursor of another log", "tail DIR/anew --cursor c"),
        run("a cursor that is damaged", "tail DIR/damaged-cursor --cursor c"),
        run("a cursor that another program has", "tail DIR/in-use --cursor c"),
        run("a cursor of no log", "tail DIR/missing --cursor c"),
        run("a cursor to delete that there is not", "cursors DIR/anew --delete d"),
        run("a cursor to delete that another program has", "cursors DIR/in-use --delete c"),
        run("a cursor to set to nothing", "cursors DIR/anew --set c"),
        run("a cursor to set that is damaged", "cursors DIR/damaged-cursor --set c=1"),
        run("cursors of no log", "cursors DIR/missing"),
        run("a cursor after the end of its log", "tail DIR/lost-end --cursor c"),
    ];
    drop(in_use);
    [rows, replays(folder)].concat()
}
