//! What the commands that keep logs say: backups, restored logs, parts of a log.

use std::fs;
use std::path::Path;

use ringlog::event::{ClockKind, EventHeader, Gap, GapReason};
use ringlog::storage::{LogWriter, SyncPolicy};

use super::Row;
use super::logs::{changed, whole};
use super::reports::run;
use crate::cli::support::log_writer;
use crate::storage_log::support::patch;
use crate::writer_file;

const SECOND: &str = "00000000000000000100.evtl";

/// A log of a clock that counts no seconds.
fn ticks(log: &Path) {
    let mut writer = log_writer(&LogWriter::options().clock(ClockKind::Ticks), log);
    writer.write_event(&EventHeader::new(5, 7, 0), b"").unwrap();
    writer.close().unwrap();
}

pub(super) fn rows(folder: &Path) -> Vec<Row> {
    fs::create_dir(folder).unwrap();
    whole(&folder.join("kept"));
    whole(&folder.join("died"));
    writer_file::set_open(&folder.join("died"));
    ticks(&folder.join("ticks"));
    let mut unsorted = log_writer(&LogWriter::options(), &folder.join("unsorted"));
    [5, 300, 7]
        .into_iter()
        .for_each(|time| unsorted.write_event(&EventHeader::new(time, 7, 0), b"").unwrap());
    unsorted.append_gap(300, Gap::new(GapReason::RingFull, 1)).unwrap();
    unsorted.close().unwrap();
    changed(folder, "kept-damaged", SECOND, |path| patch(path, 100, &[0xFF]));
    let mut at_work = log_writer(&LogWriter::options().sync(SyncPolicy::Never), &folder.join("at-work"));
    at_work.write_event(&EventHeader::new(5, 7, 0), b"").unwrap();
    let run = |name, line| run(name, folder, line);
    let mut rows = vec![
        run("a backup", "backup DIR/kept DIR/backup"),
        run("a backup of what is there", "backup DIR/kept DIR/backup"),
        run("a backup with links", "backup DIR/kept DIR/links --link"),
        run("a backup of a log that was not closed", "backup DIR/died DIR/died-copy"),
        run("a backup of a log at work", "backup DIR/at-work DIR/at-work-copy"),
        run("a backup of a damaged log", "backup DIR/kept-damaged DIR/damaged-copy"),
        run("a restored log", "restore DIR/backup DIR/restored"),
        run("a log restored with its damage", "restore DIR/damaged-copy DIR/damaged-again"),
        run("a split log", "split DIR/kept --at @0.000000100s --to DIR/parts"),
        run("a log split evenly", "split DIR/kept --every 100ns --to DIR/even-parts"),
        run("a backup into a backup of another log", "backup DIR/ticks DIR/backup"),
        run("a backup of a file", "backup DIR/kept/00000000000000000100.evtl DIR/never"),
        run("a compressed backup without the feature", "backup DIR/kept DIR/never --zstd"),
        run("a backup of no log", "backup DIR/missing DIR/never"),
        run("a log restored over another", "restore DIR/backup DIR/kept"),
        run("a log split where it is damaged", "split DIR/kept-damaged --every 1s --to DIR/never"),
        run("a log split by a clock without seconds", "split DIR/ticks --every 1s --to DIR/never"),
        run("a log split where times fall", "split DIR/unsorted --every 100ns --to DIR/unsorted-parts"),
        run("a log split by nothing", "split DIR/kept --to DIR/never"),
    ];
    assert!(!folder.join("never").exists(), "a copy was begun that cannot be");
    for file in ["00000000000000000000.evtl", SECOND] {
        fs::remove_file(folder.join("kept").join(file)).unwrap();
    }
    writer_file::edit(&folder.join("kept"), |lines| lines.replace("first: 0\n", ""));
    rows.push(run("a backup that mirrors its log", "backup DIR/kept DIR/backup --mirror"));
    at_work.close().unwrap();
    rows
}
