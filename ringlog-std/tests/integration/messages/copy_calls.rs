//! Calls that copy logs, and fail.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ringlog::programs::{BackupOptions, CopyError, backup_log, restore_log};
use ringlog::storage::{AppendError, CreateError, LogWriter, SyncError};

use super::Row;
use super::library::{failed, made, refused, three_files};

/// Backs up as the command does without options.
fn backup(log: &Path, dest: &Path) -> Result<(), CopyError> {
    backup_log(log, dest, &BackupOptions::default()).map(drop)
}

fn made_here() -> Vec<Row> {
    let copy = || PathBuf::from("copy");
    let segment = || PathBuf::from("copy/00000000000000000168.evtl");
    let disk = "the disk would have to fail";
    let units = "the unit tests of copies trigger it";
    let full = CreateError::DiskFull {
        path: segment(),
        capacity_bytes: 4096,
        source: io::ErrorKind::StorageFull.into(),
    };
    vec![
        made("CopyError::Create", disk, CopyError::Create(full)),
        made("CopyError::Write", disk, CopyError::Write(AppendError::Poisoned { path: segment() })),
        made("CopyError::Close", disk, CopyError::Close(SyncError::Poisoned { path: segment() })),
        made(
            "CopyError::Io",
            disk,
            CopyError::Io { path: segment(), action: "write the file", source: refused() },
        ),
        made("CopyError::Differs", disk, CopyError::Differs { path: segment() }),
        made(
            "CopyError::Retired",
            "retention would have to come at that moment",
            CopyError::Retired { path: segment() },
        ),
        made(
            "CopyError::NoEvent",
            "a log of descriptions alone is not written",
            CopyError::NoEvent { path: "log".into() },
        ),
        made("CopyError::Compressed", units, CopyError::Compressed { path: copy() }),
        made(
            "CopyError::OtherForm of a compressed one",
            units,
            CopyError::OtherForm { path: copy(), is_compressed: true },
        ),
        made(
            "CopyError::OtherForm of another one",
            units,
            CopyError::OtherForm { path: copy(), is_compressed: false },
        ),
        made("CopyError::Diverged", units, CopyError::Diverged { path: segment() }),
        made("CopyError::Hole", units, CopyError::Hole { path: copy(), ends_before: 7, begins_at: 168 }),
    ]
}

pub(super) fn rows(folder: &Path) -> Vec<Row> {
    let path = |name: &str| folder.join(name);
    let (log, copy) = (path("copied"), path("copies"));
    three_files(&log);
    three_files(&path("copied-too"));
    backup(&log, &copy).unwrap();
    fs::create_dir(path("letters")).unwrap();
    fs::write(path("letters/one"), "Dear reader").unwrap();
    let mut rows = vec![
        failed("CopyError::OneFile", folder, backup(&log.join("00000000000000000000.evtl"), &path("never"))),
        failed("CopyError::Inside", folder, backup(&log, &log.join("copy"))),
        failed("CopyError::OtherLog", folder, backup(&path("copied-too"), &copy)),
        failed("CopyError::Occupied by a backup", folder, backup(&log, &path("letters"))),
        failed("CopyError::Occupied by a log", folder, restore_log(&copy, &log)),
    ];
    let writer = LogWriter::open(&copy).unwrap();
    rows.push(failed("CopyError::InUse", folder, backup(&log, &copy)));
    drop(writer);
    rows.extend(made_here());
    rows
}
