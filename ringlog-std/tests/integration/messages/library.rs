//! The errors of the library: triggered through its calls where a test can do that, else made here.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ringlog::event::{EventHeader, FileHeaderError, RecordError, RecordErrorKind};
use ringlog::recorder::{RecorderError, ResumeError};
use ringlog::ring::{
    NewRingError, RingError, RingFault, RingOptions, Role, SharedRing, SharedRingError, WriteError,
};
use ringlog::storage::{
    AppendError, CreateError, LogReader, LogSummary, LogWriter, MmapWriter, OpenError, ReadError,
    SalvageError, SyncError, salvage_log,
};

use super::{Row, assert_table, cursor_calls, with_placeholders};

/// A file of a log, of which the error made here speaks.
fn segment() -> PathBuf {
    "log/00000000000000000168.evtl".into()
}

fn refused() -> io::Error {
    io::ErrorKind::PermissionDenied.into()
}

fn damaged_record() -> RecordError {
    RecordError { offset: 1000, sequence: 39, kind: RecordErrorKind::Padding }
}

fn row(name: &str, error: impl std::fmt::Display) -> Row {
    Row { name: name.to_owned(), said: error.to_string() }
}

/// The error of a call that must fail.
#[track_caller]
pub(super) fn failed<T>(name: &str, folder: &Path, result: Result<T, impl std::fmt::Display>) -> Row {
    let error = result.err().unwrap_or_else(|| panic!("{name} is no error"));
    Row { name: name.to_owned(), said: with_placeholders(&error.to_string(), folder) }
}

fn headers() -> Vec<Row> {
    vec![
        row("FileHeaderError::Magic", FileHeaderError::Magic { found: *b"PK\x03\x04" }),
        row("FileHeaderError::Version", FileHeaderError::Version { found: 9 }),
        row("FileHeaderError::Checksum", FileHeaderError::Checksum { stored: 1, computed: 2 }),
        row("FileHeaderError::Flags", FileHeaderError::Flags { found: 0x20 }),
        row(
            "FileHeaderError::Limit",
            FileHeaderError::Limit { name: "base_sequence", offset: 40, found: 1 << 63 },
        ),
        row("FileHeaderError::Position", FileHeaderError::Position { found: 7 }),
        row("FileHeaderError::Offset", FileHeaderError::Offset { name: "write_offset", found: 3 }),
    ]
}

fn opening() -> Vec<Row> {
    let (path, pid) = (segment(), Some(4711));
    let header = |source| OpenError::Header { path: segment(), source };
    let recovery = ReadError::Record { path: segment(), source: damaged_record() };
    vec![
        row("OpenError::NotAFile", OpenError::NotAFile { path: path.clone() }),
        row("OpenError::Unnamed", OpenError::Unnamed { path: path.clone() }),
        row("OpenError::TooShort", OpenError::TooShort { path: path.clone(), len_bytes: 1 }),
        row(
            "OpenError::Header of another kind of file",
            header(FileHeaderError::Magic { found: *b"PK\x03\x04" }),
        ),
        row("OpenError::Header of another version", header(FileHeaderError::Version { found: 9 })),
        row("OpenError::Header damaged", header(FileHeaderError::Checksum { stored: 1, computed: 2 })),
        row(
            "OpenError::WriteOffset",
            OpenError::WriteOffset { path: path.clone(), write_offset: 4096, len_bytes: 1 },
        ),
        row(
            "OpenError::BrokenLink",
            OpenError::BrokenLink { path: path.clone(), target: "/archive/1".into() },
        ),
        row(
            "OpenError::Uncertain",
            OpenError::Uncertain { path: path.clone(), source: FileHeaderError::Magic { found: [0; 4] } },
        ),
        row("OpenError::Io", OpenError::Io { path: path.clone(), action: "open", source: refused() }),
        row("OpenError::LockedSegment", OpenError::LockedSegment { path: path.clone(), pid }),
        row("OpenError::Locked", OpenError::Locked { path: "log/writer".into(), pid: None }),
        row("OpenError::ForeignWriterFile", OpenError::ForeignWriterFile { path: "log/writer".into() }),
        row("OpenError::NotAFolder", OpenError::NotAFolder { path: "log".into() }),
        row("OpenError::NoSegments", OpenError::NoSegments { path: "log".into(), foreign_files: 2 }),
        row("OpenError::Name", OpenError::Name { path: path.clone(), base_sequence: 7 }),
        row("OpenError::AtLimit", OpenError::AtLimit { path: "log".into(), sequence: 1 << 62, position: 8 }),
        row(
            "OpenError::UntoldLoss",
            OpenError::UntoldLoss { path: "log/writer".into(), position: 8, bytes: 1 << 62 },
        ),
        row("OpenError::Recovery", OpenError::Recovery(Box::new(recovery))),
    ]
}

fn reading() -> Vec<Row> {
    let path = segment();
    let header = FileHeaderError::Checksum { stored: 1, computed: 2 };
    vec![
        row("ReadError::Record", ReadError::Record { path: path.clone(), source: damaged_record() }),
        row(
            "ReadError::EventCount",
            ReadError::EventCount { path: path.clone(), offset: 4096, stored: 1, found: 2 },
        ),
        row("ReadError::Header", ReadError::Header { path: path.clone(), source: header }),
        row(
            "ReadError::WriteOffset",
            ReadError::WriteOffset {
                path: path.clone(),
                write_offset: 8,
                published_bytes: 64,
                len_bytes: 4096,
            },
        ),
        row("ReadError::Io", ReadError::Io { path: path.clone(), offset: 64, source: refused() }),
        row("ReadError::Shrunk", ReadError::Shrunk { path: path.clone(), offset: 64, end: 4096 }),
        row("ReadError::Discontinuity", ReadError::Discontinuity { path, expected: 160, found: 168 }),
        row("ReadError::Overtaken by one", ReadError::Overtaken { path: "log".into(), from: 5, to: 6 }),
        row("ReadError::Overtaken", ReadError::Overtaken { path: "log".into(), from: 5, to: 16 }),
    ]
}

fn appending() -> Vec<Row> {
    let path = segment();
    let event = WriteError::LengthMismatch { header: 5, payload: 1 };
    vec![
        row("AppendError::Event", AppendError::Event(event)),
        row("AppendError::Run", AppendError::Run(damaged_record())),
        row("AppendError::Poisoned", AppendError::Poisoned { path: path.clone() }),
        row("AppendError::Io", AppendError::Io { path, offset: 64, action: "write", source: refused() }),
        row("AppendError::AtLimit", AppendError::AtLimit { path: "log".into(), position: 1 << 62 }),
        row(
            "AppendError::LimitReached",
            AppendError::LimitReached { path: "log".into(), written_bytes: 4096, max_bytes: 4100 },
        ),
    ]
}

fn syncing() -> Vec<Row> {
    let path = segment();
    let damage = ReadError::Record { path: segment(), source: damaged_record() };
    vec![
        row(
            "SyncError::Failed",
            SyncError::Failed { path: path.clone(), from: 64, to: 128, source: refused() },
        ),
        row("SyncError::Poisoned", SyncError::Poisoned { path: path.clone() }),
        row("SyncError::Damaged", SyncError::Damaged(Box::new(damage))),
        row("SyncError::LockFile", SyncError::LockFile { path: "log/writer".into() }),
        row("SyncError::OtherProcess", SyncError::OtherProcess { path: "log".into() }),
        row("SyncError::Folder", SyncError::Folder { path, action: "rename", source: refused() }),
        row("SyncError::UntoldLoss of one", SyncError::UntoldLoss { path: "log".into(), count: 1 }),
        row(
            "SyncError::UntoldLoss of nobody knows how many",
            SyncError::UntoldLoss { path: "log".into(), count: 0 },
        ),
    ]
}

fn creating() -> Vec<Row> {
    let (path, pid) = (segment(), Some(4711));
    let full = |kind: io::ErrorKind| CreateError::DiskFull {
        path: segment(),
        capacity_bytes: 4096,
        source: kind.into(),
    };
    vec![
        row("CreateError::Base", CreateError::Base { path: path.clone(), sequence: 0, position: 7 }),
        row("CreateError::DiskFull", full(io::ErrorKind::StorageFull)),
        row("CreateError::DiskFull by ulimit", full(io::ErrorKind::FileTooLarge)),
        row("CreateError::LockedSegment", CreateError::LockedSegment { path: path.clone(), pid }),
        row("CreateError::Linked", CreateError::Linked { path, names: 2 }),
    ]
}

fn rings() -> Vec<Row> {
    let path = PathBuf::from("/dev/shm/events.ring");
    let role = PathBuf::from("/dev/shm/events.ring.consumer");
    let full = |kind: io::ErrorKind| SharedRingError::DiskFull {
        path: "ring".into(),
        bytes: 8_454_144,
        source: kind.into(),
    };
    vec![
        row("SharedRingError::Busy", SharedRingError::Busy { path: path.clone() }),
        row("SharedRingError::DiskFull", full(io::ErrorKind::StorageFull)),
        row("SharedRingError::DiskFull by ulimit", full(io::ErrorKind::FileTooLarge)),
        row("SharedRingError::NotAFile", SharedRingError::NotAFile { path: path.clone() }),
        row("SharedRingError::Names", SharedRingError::Names { path: path.clone(), names: 2 }),
        row(
            "SharedRingError::Contents too short",
            SharedRingError::Contents {
                path: path.clone(),
                source: RingError::TooSmall { len: 1, needed: 384 },
            },
        ),
        row(
            "SharedRingError::Contents damaged",
            SharedRingError::Contents { path: path.clone(), source: RingError::Damaged },
        ),
        row(
            "SharedRingError::Length",
            SharedRingError::Length { path: path.clone(), len_bytes: 1, needed_bytes: 4480 },
        ),
        row(
            "SharedRingError::Claimed",
            SharedRingError::Claimed { path: path.clone(), role: Role::Consumer, pid: Some(4711) },
        ),
        row("SharedRingError::ForeignRoleFile", SharedRingError::ForeignRoleFile { path: role.clone() }),
        row("SharedRingError::OtherBoot", SharedRingError::OtherBoot { path: path.clone() }),
        row("SharedRingError::Replaced", SharedRingError::Replaced { path: path.clone() }),
        row("SharedRingError::RoleFile", SharedRingError::RoleFile { path: role }),
        row("SharedRingError::Io", SharedRingError::Io { path, action: "map", source: refused() }),
        row("NewRingError::OutOfMemory", NewRingError::OutOfMemory { bytes: 1 << 40 }),
    ]
}

fn recording() -> Vec<Row> {
    let written = Box::new(LogSummary::default());
    let damaged = |ring| RecorderError::Damaged {
        ring,
        source: RingFault::Record { position: 0 },
        written: Box::new(LogSummary::default()),
    };
    let (ring, log) = (PathBuf::from("/dev/shm/events.ring"), PathBuf::from("log"));
    let claimed = SharedRingError::Claimed { path: ring.clone(), role: Role::Producer, pid: Some(4711) };
    let poisoned = AppendError::Poisoned { path: segment() };
    let other =
        ResumeError::OtherRing { ring: ring.clone(), ring_identity: 1, log: log.clone(), log_identity: 2 };
    let new = ResumeError::NewToLog {
        ring: ring.clone(),
        ring_identity: 1,
        tail: 4096,
        log: log.clone(),
        log_end: 8,
    };
    vec![
        row("RecorderError::Thread", RecorderError::Thread(io::ErrorKind::WouldBlock.into())),
        row("RecorderError::Append", RecorderError::Append { source: poisoned, written: written.clone() }),
        row(
            "RecorderError::Close",
            RecorderError::Close { source: SyncError::LockFile { path: log }, written },
        ),
        row("RecorderError::Damaged in a file", damaged(Some(ring.clone()))),
        row("RecorderError::Damaged in memory", damaged(None)),
        row("RecorderError::ProducerOpen", RecorderError::ProducerOpen(Duration::from_secs(5))),
        row("RecorderError::Panicked", RecorderError::Panicked),
        row("ResumeError::OtherRing", other),
        row("ResumeError::NewToLog", new),
        row(
            "ResumeError::Damaged",
            ResumeError::Damaged { ring, damage: "it is damaged".into(), source: claimed },
        ),
        row(
            "ResumeError::Gap",
            ResumeError::Gap(Box::new(AppendError::AtLimit { path: "log".into(), position: 8 })),
        ),
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
        failed("OpenError::MissingEnd", folder, LogWriter::open(path("short"))),
        failed("ReadError::MissingEnd", folder, read),
        failed("SalvageError::Occupied", folder, salvage_log(path("short"), path("small"))),
        failed("SalvageError::Inside", folder, salvage_log(path("short"), path("short/copy"))),
        failed("SalvageError::Nothing", folder, salvage_log(path("notes"), path("copy"))),
        row("SalvageError::Io", SalvageError::Io { path: "out".into(), source: refused() }),
        row("SalvageError::Create", SalvageError::Create(OpenError::NotAFolder { path: "out".into() })),
        row("SalvageError::Write", SalvageError::Write(AppendError::Poisoned { path: segment() })),
        row("SalvageError::Close", SalvageError::Close(SyncError::Poisoned { path: segment() })),
        failed("SharedRingError::Exists", folder, SharedRing::create(&ring, &sizes(128 << 10))),
        failed("SharedRingError::Sizes", folder, SharedRing::create(path("odd"), &sizes(1000))),
    ]
}

#[test]
fn the_librarys_errors_say_what_the_table_says() {
    let folder = tempfile::tempdir().unwrap();
    let made = [headers(), opening(), reading(), appending(), syncing(), creating(), rings(), recording()];
    let rows: Vec<_> = made
        .into_iter()
        .flatten()
        .chain(calls(folder.path()))
        .chain(cursor_calls::rows(folder.path()))
        .collect();
    assert_table("library.txt", &rows);
}
