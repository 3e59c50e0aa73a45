//! The errors of the library: triggered through its calls where a test can do that, else made here, with the reason.

use std::fmt::Display;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ringlog::event::{EventHeader, RecordError, RecordErrorKind};
use ringlog::recorder::RecorderError;
use ringlog::ring::{RingFault, RingOptions, SharedRing, SharedRingError};
use ringlog::storage::{
    AppendError, CreateError, LogReader, LogSummary, LogWriter, MmapWriter, OpenError, ReadError,
    SalvageError, SyncError, salvage_log,
};

use super::{
    Row, assert_table, copy_calls, core_calls, cursor_calls, opening_calls, producer_calls, ring_calls,
    with_placeholders, writing_calls,
};

/// A file of a log, of which the error made here speaks.
fn segment() -> PathBuf {
    "log/00000000000000000168.evtl".into()
}

pub(super) fn refused() -> io::Error {
    io::ErrorKind::PermissionDenied.into()
}

/// An error that no test can trigger, and why.
pub(super) fn made(name: &str, why: &str, error: impl Display) -> Row {
    Row { name: format!("{name}, not triggered: {why}"), said: error.to_string() }
}

/// The error of a call that must fail.
#[track_caller]
pub(super) fn failed<T>(name: &str, folder: &Path, result: Result<T, impl Display>) -> Row {
    let error = result.err().unwrap_or_else(|| panic!("{name} is no error"));
    Row { name: name.to_owned(), said: with_placeholders(&error.to_string(), folder) }
}

/// A file that no file system holds. One that one might hold would be allocated until the disk is full.
///
/// Some say that the disk is full, some that the file is too large.
#[track_caller]
pub(super) fn too_large<T>(name: &str, folder: &Path, result: Result<T, impl Display>) -> Row {
    let mut row = failed(name, folder, result);
    let end = row.said.find("; ").unwrap();
    row.said.replace_range(end.., "; ADVICE");
    row
}

/// Calls until no program that another test starts has the lock of this process.
pub(super) fn settled<T, E: Display>(mut call: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match call() {
            Err(error) if error.to_string().contains("locked by") && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(1));
            }
            other => return other,
        }
    }
}

/// A closed log of 250 events in three files; each record takes 40 bytes.
pub(super) fn three_files(log: &Path) {
    let mut writer = LogWriter::options().segment_bytes(4096).open(log).unwrap();
    for number in 0..250 {
        writer.write_event(&EventHeader::new(number, 7, 20), &[7; 20]).unwrap();
    }
    writer.close().unwrap();
}

/// Errors of a disk that fails.
fn of_disks() -> Vec<Row> {
    let path = segment();
    let why = "the disk would have to fail";
    let error = AppendError::Io { path: path.clone(), offset: 64, action: "write", source: refused() };
    let folder = SyncError::Folder { path: path.clone(), action: "rename", source: refused() };
    let failed = SyncError::Failed { path: path.clone(), from: 64, to: 128, source: refused() };
    let written = SyncError::Written { path: path.clone(), from: 64, to: 131_000, source: refused() };
    let damage = RecordError { offset: 1000, sequence: 39, kind: RecordErrorKind::Padding };
    let damage = SyncError::Damaged(Box::new(ReadError::Record { path: path.clone(), source: damage }));
    let poisoned = || AppendError::Poisoned { path: segment() };
    let full = || AppendError::AtLimit { path: "log".into(), position: 8 };
    vec![
        made("ReadError::Io", why, ReadError::Io { path: path.clone(), offset: 64, source: refused() }),
        made("AppendError::Poisoned", why, poisoned()),
        made("AppendError::Io", why, error),
        made("SyncError::Failed", why, failed),
        made("SyncError::Written", why, written),
        made("SyncError::Poisoned", why, SyncError::Poisoned { path: path.clone() }),
        made("SyncError::Folder", why, folder),
        made("SyncError::Damaged", "unit tests of a loss of power trigger it", damage),
        made("SalvageError::Create", why, SalvageError::Create(OpenError::NotAFolder { path: "out".into() })),
        made("SalvageError::Write", why, SalvageError::Write(poisoned())),
        made("SalvageError::Close", why, SalvageError::Close(SyncError::Poisoned { path })),
        made("RecorderError::Gap", why, RecorderError::Gap(Box::new(full()))),
    ]
}

/// Errors of a disk that is full, and of the process.
fn of_processes() -> Vec<Row> {
    let why = "the disk would have to be full while the log is closed";
    let unreported = |count| SyncError::UnreportedLoss { path: "log".into(), count };
    let limit = || io::ErrorKind::FileTooLarge.into();
    let full = || io::ErrorKind::StorageFull.into();
    let no_file = CreateError::DiskFull { path: segment(), capacity_bytes: 4096, source: full() };
    let no_ring = SharedRingError::DiskFull { path: "ring".into(), bytes: 8_454_144, source: full() };
    let mounted = "the tests of `disk_full` mount such a disk";
    let file = CreateError::DiskFull { path: segment(), capacity_bytes: 4096, source: limit() };
    let ring = SharedRingError::DiskFull { path: "ring".into(), bytes: 8_454_144, source: limit() };
    let forked = SyncError::OtherProcess { path: "log".into() };
    let in_memory = RecorderError::Damaged {
        ring: None,
        source: RingFault::Record { position: 0 },
        cause: None,
        written: Box::new(LogSummary::default()),
    };
    let by_limit = "it is the limit of a process, and programs run with it";
    let busy = SharedRingError::Busy { path: "ring".into() };
    vec![
        made("SharedRingError::Busy", "another process would have to win each of many races", busy),
        made("SyncError::UnreportedLoss of one", why, unreported(1)),
        made("SyncError::UnreportedLoss of nobody knows how many", why, unreported(0)),
        made("SyncError::OtherProcess", "the tests of `fork` trigger it", forked),
        made("CreateError::DiskFull of a disk that is full", mounted, no_file),
        made("SharedRingError::DiskFull of a disk that is full", mounted, no_ring),
        made("CreateError::DiskFull by ulimit", by_limit, file),
        made("SharedRingError::DiskFull by ulimit", by_limit, ring),
        made("RecorderError::Thread", "the limit on threads is that of all tests", {
            RecorderError::Thread(io::ErrorKind::WouldBlock.into())
        }),
        made("RecorderError::Damaged in memory", "only a fault of the program stores there", in_memory),
        made("RecorderError::Panicked", "only a fault of the library does that", RecorderError::Panicked),
    ]
}

fn event(payload_len: u16) -> (EventHeader, Vec<u8>) {
    (EventHeader::new(1, 2, payload_len), vec![3; usize::from(payload_len)])
}

/// A log whose last file is gone.
fn without_its_end(log: &Path) {
    let mut writer = LogWriter::options().segment_bytes(4096).open(log).unwrap();
    let (header, payload) = event(2000);
    (0..3).for_each(|_| writer.write_event(&header, &payload).unwrap());
    writer.close().unwrap();
    fs::remove_file(log.join("00000000000000000002.evtl")).unwrap();
}

/// Calls that fail, each in a folder that the one before it has left.
fn calls(folder: &Path) -> Vec<Row> {
    let path = |name: &str| folder.join(name);
    let (header, payload) = event(2000);
    let mut writer = MmapWriter::create_new(path("a.evtl"), 4096).unwrap();
    writer.write_event(&header, &payload).unwrap();
    let full = (0..9).map(|_| writer.write_event(&header, &payload)).find(Result::is_err).unwrap();
    let busy = MmapWriter::create(path("a.evtl"), 4096);
    let mut small = LogWriter::options().segment_bytes(4096).open(path("small")).unwrap();
    let (long_header, long) = event(60_000);
    fs::write(path("notes"), "no log").unwrap();
    without_its_end(&path("short"));
    let read = LogReader::open(path("short")).unwrap().replay(|_| {});
    fs::create_dir(path("empty")).unwrap();
    let ring = path("ring");
    let sizes = |capacity| RingOptions { capacity: Some(capacity), ..RingOptions::default() };
    let _ring = SharedRing::create(&ring, &sizes(128 << 10)).unwrap();
    vec![
        failed("AppendError::Full", folder, full),
        failed("AppendError::TooLarge", folder, small.write_event(&long_header, &long)),
        failed("CreateError::Capacity", folder, MmapWriter::create_new(path("b.evtl"), 1)),
        failed(
            "CreateError::Capacity of a log's files",
            folder,
            LogWriter::options().segment_bytes(1).open(path("b")),
        ),
        failed("CreateError::Exists", folder, MmapWriter::create_new(path("a.evtl"), 4096)),
        failed("CreateError::Busy", folder, busy),
        failed("CreateError::NotALog", folder, MmapWriter::create(path("notes"), 4096)),
        failed("CreateError::Io", folder, MmapWriter::create(path("missing/b.evtl"), 4096)),
        failed("OpenError::MissingEnd", folder, settled(|| LogWriter::open(path("short")))),
        failed("ReadError::MissingEnd", folder, read),
        failed("SalvageError::Occupied", folder, salvage_log(path("short"), path("small"))),
        failed("SalvageError::Inside", folder, salvage_log(path("short"), path("short/copy"))),
        failed("SalvageError::Nothing", folder, salvage_log(path("notes"), path("copy"))),
        failed("SalvageError::Io", folder, salvage_log(path("short"), path("notes/copy"))),
        failed("SharedRingError::Exists", folder, SharedRing::create(&ring, &sizes(128 << 10))),
        failed("SharedRingError::Sizes", folder, SharedRing::create(path("odd"), &sizes(1000))),
    ]
}

#[test]
fn the_librarys_errors_say_what_the_table_says() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (opening, writing, rings) = (folder.join("opening"), folder.join("writing"), folder.join("rings"));
    for folder in [&opening, &writing, &rings] {
        fs::create_dir(folder).unwrap();
    }
    let rows = [
        opening_calls::rows(&opening),
        writing_calls::rows(&writing),
        calls(folder),
        cursor_calls::rows(folder),
        copy_calls::rows(folder),
        #[cfg(feature = "cli")]
        super::typed::rows(folder),
        ring_calls::rows(&rings),
        producer_calls::rows(&rings),
        core_calls::rows(folder),
        of_disks(),
        of_processes(),
    ];
    assert_table("library.txt", &rows.concat());
}
