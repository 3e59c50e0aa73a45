//! Events that a log does not take, and files that cannot be made.

use std::fs;
use std::path::Path;

use ringlog::consumer::Run;
use ringlog::event::{EventHeader, FileHeader, MetaTopic};
use ringlog::storage::{
    CreateError, LogWriter, LogWriterOptions, MmapWriter, OpenError, ReadError, Retention, SchemaList,
    SyncPolicy,
};
use ringlog_nostd::format::MAX_POSITION;

use super::Row;
use super::library::{failed, made, settled, three_files, too_large};
use crate::storage_bounds::support::{log_of, plain_header, sealed_file};

fn write(writer: &mut LogWriter, payload_len: u16) -> Result<(), ringlog::storage::AppendError> {
    let payload = vec![7; usize::from(payload_len)];
    writer.write_event(&EventHeader::new(1, 1, payload_len), &payload)
}

fn small_files() -> LogWriterOptions {
    LogWriter::options().segment_bytes(4096)
}

fn appending(folder: &Path) -> Vec<Row> {
    let limit = FileHeader { base_position: MAX_POSITION - 72, ..plain_header() };
    let limit = log_of(folder, 0, &sealed_file(limit, 3));
    let mut at_limit = settled(|| small_files().open(&limit)).unwrap();
    write(&mut at_limit, 3000).unwrap();
    let mut limited = small_files().max_bytes(Some(100)).open(folder.join("limited")).unwrap();
    write(&mut limited, 40).unwrap();
    let mut plain = small_files().open(folder.join("plain")).unwrap();
    let mut bytes = [0; 24];
    ringlog_nostd::format::encode(&mut bytes, &EventHeader::new(1, 1, 8), &[0; 8]).unwrap();
    let mut run = Run::new(&bytes).unwrap();
    run.accept_bytes(16, 0);
    vec![
        failed("AppendError::Event", folder, plain.write_event(&EventHeader::new(1, 1, 5), b"x")),
        failed("AppendError::Run", folder, plain.append_run(&mut run)),
        failed("AppendError::AtLimit", folder, write(&mut at_limit, 3000)),
        failed("AppendError::LimitReached", folder, write(&mut limited, 40)),
    ]
}

fn closing(folder: &Path) -> Vec<Row> {
    let log = folder.join("unlocked");
    let mut writer = small_files().open(&log).unwrap();
    write(&mut writer, 40).unwrap();
    fs::remove_file(log.join("writer")).unwrap();
    let cut = folder.join("cut");
    let mut short = small_files().open(&cut).unwrap();
    write(&mut short, 40).unwrap();
    let segment = fs::File::options().write(true).open(cut.join("00000000000000000000.evtl")).unwrap();
    segment.set_len(2048).unwrap();
    vec![
        failed("SyncError::LockFile", folder, writer.close()),
        failed("SyncError::Shortened", folder, short.sync()),
    ]
}

/// Has retention at work until it says something of the oldest file, to which something was done.
fn retention(
    folder: &Path,
    name: &str,
    change: impl FnOnce(&Path) -> Option<fs::File>,
) -> Result<(), CreateError> {
    let log = folder.join(name);
    let retention = Retention { max_segments: Some(3), ..Retention::default() };
    three_files(&log);
    let _lock = change(&log.join("00000000000000000000.evtl"));
    let options = small_files().retention(retention).sync(SyncPolicy::EveryBytes(1));
    let mut writer = settled(|| options.open(&log)).unwrap();
    for _ in 0..10_000 {
        write(&mut writer, 3000).unwrap();
        if let Some(error) = writer.take_retention_error() {
            return Err(error);
        }
    }
    Ok(())
}

fn creating(folder: &Path) -> Vec<Row> {
    let file = |name: &str| folder.join(name);
    let beyond = MmapWriter::options().base(0, 7).create_new(file("base.evtl"), 4096);
    let lock = |file: &Path| {
        let file = fs::File::open(file).unwrap();
        file.lock().unwrap();
        Some(file)
    };
    let link = |path: &Path| {
        fs::hard_link(path, file("second")).unwrap();
        None
    };
    vec![
        failed("CreateError::Base", folder, beyond),
        failed("CreateError::Schemas", folder, too_many_schemas(folder)),
        too_large("CreateError::DiskFull", folder, MmapWriter::create(file("full.evtl"), 1 << 46)),
        failed("CreateError::Linked", folder, retention(folder, "linked", link)),
        failed("CreateError::LockedSegment", folder, retention(folder, "flocked", lock)),
    ]
}

/// A log whose descriptions of events would fill its segments.
fn too_many_schemas(folder: &Path) -> Result<LogWriter, OpenError> {
    let mut schemas = SchemaList::new();
    schemas.insert(MetaTopic::EventType(1), vec![b' '; 2100]).unwrap();
    LogWriter::options().segment_bytes(4096).schemas(schemas).open(folder.join("described"))
}

/// A log of which a reader misses something.
fn overtaken() -> Vec<Row> {
    let why = "how far retention has come differs from run to run";
    let error = |to| ReadError::Overtaken { path: "log".into(), from: 5, to };
    vec![made("ReadError::Overtaken by one", why, error(6)), made("ReadError::Overtaken", why, error(16))]
}

pub(super) fn rows(folder: &Path) -> Vec<Row> {
    [appending(folder), closing(folder), creating(folder), overtaken()].concat()
}
