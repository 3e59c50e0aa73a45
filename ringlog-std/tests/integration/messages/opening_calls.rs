//! Logs and files that cannot be opened, or not read to their end.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use ringlog::event::{EventHeader, FileHeader};
use ringlog::storage::{LogFollower, LogReader, LogScan, LogWriter, MmapReader, MmapWriter, salvage_log};
use ringlog_nostd::format::MAX_POSITION;

use super::Row;
use super::library::{failed, settled, three_files};
use crate::storage_bounds::support::{log_of, plain_header, sealed_file};
use crate::storage_log::support::{patch, segments, unseal};
use crate::writer_file;

fn headers(folder: &Path) -> Vec<Row> {
    let parse = |name, bytes: [u8; 64]| failed(name, folder, FileHeader::from_bytes(&bytes));
    let patched = |at: usize, value: &[u8]| {
        let mut bytes = plain_header().to_bytes();
        bytes[at..at + value.len()].copy_from_slice(value);
        bytes
    };
    let header = plain_header();
    vec![
        parse("FileHeaderError::Magic", patched(0, b"PK\x03\x04")),
        parse("FileHeaderError::Version", patched(4, &[9])),
        parse("FileHeaderError::Checksum", patched(8, &[9])),
        parse("FileHeaderError::Flags", FileHeader { flags: header.flags | 0x20, ..header }.to_bytes()),
        parse("FileHeaderError::Limit", FileHeader { base_sequence: 1 << 63, ..header }.to_bytes()),
        parse("FileHeaderError::Position", FileHeader { base_position: 7, ..header }.to_bytes()),
        parse("FileHeaderError::Offset", FileHeader { write_offset: 3, ..header }.to_bytes()),
    ]
}

/// Single files.
fn files(folder: &Path) -> Vec<Row> {
    let whole = sealed_file(plain_header(), 3);
    let open = |name: &str, file: &str, bytes: &[u8]| {
        let path = folder.join(file);
        fs::write(&path, bytes).unwrap();
        failed(name, folder, MmapReader::open(path))
    };
    let changed = |at: usize, value: u8| {
        let mut bytes = whole.clone();
        bytes[at] = value;
        bytes
    };
    vec![
        failed("OpenError::NotAFile", folder, MmapReader::open(folder)),
        open("OpenError::Unnamed", ".next-7.ringlog-new", &whole),
        open("OpenError::TooShort", "a.evtl", &whole[..1]),
        open("OpenError::Header of another kind of file", "a.evtl", &[b'x'; 100]),
        open("OpenError::Header of another version", "a.evtl", &changed(4, 9)),
        open("OpenError::Header damaged", "a.evtl", &changed(8, 9)),
        open("OpenError::WriteOffset", "a.evtl", &whole[..whole.len() - 8]),
        failed("OpenError::Io", folder, MmapReader::open(folder.join("a.evtl/b"))),
    ]
}

/// A log of three files, after a change to the second one.
fn changed(folder: &Path, name: &str, change: impl FnOnce(&Path)) -> PathBuf {
    let log = folder.join(name);
    three_files(&log);
    change(&log.join("00000000000000000100.evtl"));
    log
}

fn refuse() -> std::io::Result<()> {
    Err(std::io::Error::from_raw_os_error(22))
}

fn folders(folder: &Path) -> Vec<Row> {
    let path = |name: &str| folder.join(name);
    fs::write(path("text"), "no log").unwrap();
    fs::create_dir(path("others")).unwrap();
    ["one", "two"].iter().for_each(|name| fs::write(path("others").join(name), "no log").unwrap());
    let compressed = changed(folder, "compressed", |file| {
        fs::rename(file, format!("{}.gz", file.display())).unwrap();
    });
    let linked = changed(folder, "linked", |file| {
        fs::remove_file(file).unwrap();
        symlink("/nonexistent/segment", file).unwrap();
    });
    let named = changed(folder, "named", |file| {
        fs::rename(file, file.with_file_name("00000000000000000101.evtl")).unwrap();
    });
    let foreign = changed(folder, "foreign", |file| {
        fs::remove_file(file.with_file_name("writer")).unwrap();
        fs::create_dir(file.with_file_name("writer")).unwrap();
    });
    let locked = changed(folder, "locked", |_| ());
    let lock = fs::File::open(locked.join("00000000000000000100.evtl")).unwrap();
    // Waits: a child that another test starts has copies of all locks until it runs its program.
    lock.lock().unwrap();
    let scanned = read(&locked);
    drop(lock);
    let _writer = LogWriter::open(path("held")).unwrap();
    vec![
        failed("OpenError::BrokenLink", folder, LogReader::open(linked)),
        failed("OpenError::LockedSegment", folder, scanned),
        failed("OpenError::Locked", folder, LogWriter::open(path("held"))),
        failed("OpenError::ForeignWriterFile", folder, settled(|| LogWriter::open(&foreign))),
        failed(
            "OpenError::WorkerStart",
            folder,
            LogWriter::options().on_worker_start(refuse).open(path("refused")),
        ),
        failed("OpenError::NotAFolder", folder, LogWriter::open(path("text"))),
        failed("OpenError::NoLog", folder, LogFollower::open(path("missing"))),
        failed("OpenError::NoSegments", folder, LogReader::open(path("others"))),
        failed("OpenError::FurtherEnding", folder, LogReader::open(compressed)),
        failed("OpenError::Name", folder, LogReader::open(named)),
    ]
}

/// What a log's last writer has left.
fn endings(folder: &Path) -> Vec<Row> {
    let limit = FileHeader { base_position: MAX_POSITION, ..plain_header() };
    let limit = log_of(folder, 0, &sealed_file(limit, 3));
    let unreported = folder.join("unreported");
    LogWriter::open(&unreported).unwrap().close().unwrap();
    let beyond = MAX_POSITION + 8;
    writer_file::edit(&unreported, |lines| format!("{lines}untold_loss: 0 1 {beyond} 5\n"));
    let torn = changed(folder, "torn", |_| ());
    writer_file::pretend_other_boot(&torn);
    writer_file::set_open(&torn);
    let last = segments(&torn).pop().unwrap();
    // Of its 50 records 20 are known to be on the disk.
    unseal(&last, 64 + 20 * 40);
    patch(&last, 64 + 10 * 40 + 30, &[0xFF]);
    let erased = recycled(folder);
    let report = salvage_log(&erased, folder.join("out")).unwrap();
    let mut uncertain = report.skipped.iter().filter_map(|it| it.error()).map(ToString::to_string);
    let skipped = uncertain.next().map_or(Ok(()), Err);
    vec![
        failed("OpenError::AtLimit", folder, settled(|| LogWriter::open(&limit))),
        failed("OpenError::UnreportedLoss", folder, settled(|| LogWriter::open(&unreported))),
        failed("OpenError::Recovery", folder, settled(|| LogWriter::open(&torn))),
        failed("OpenError::Uncertain", folder, skipped),
    ]
}

/// A log without its first file. Its last one has lost its header, and after its own records has those of an older file.
fn recycled(folder: &Path) -> PathBuf {
    let (old, log) = (changed(folder, "old", |_| ()), changed(folder, "recycled", |_| ()));
    let (old, all) = (segments(&old).remove(0), segments(&log));
    fs::remove_file(&all[0]).unwrap();
    writer_file::set_first(&log, 100);
    let mut bytes = fs::read(old).unwrap();
    bytes[64..64 + 50 * 40].copy_from_slice(&fs::read(&all[2]).unwrap()[64..64 + 50 * 40]);
    bytes[..1000].fill(0);
    fs::write(&all[2], bytes).unwrap();
    log
}

/// Reads a log to its end.
fn read(log: &Path) -> Result<(), String> {
    let mut scan = LogScan::open(log).map_err(|error| error.to_string())?;
    while scan.next_event().map_err(|error| error.to_string())?.is_some() {}
    Ok(())
}

fn reading(folder: &Path) -> Vec<Row> {
    let flipped = changed(folder, "flipped", |file| patch(file, 64 + 40 * 10 + 20, &[0xFF]));
    let counted = changed(folder, "counted", |file| patch(file, 16, &[1]));
    let gone = changed(folder, "gone", |file| fs::remove_file(file).unwrap());
    vec![
        failed("ReadError::Record", folder, read(&flipped)),
        failed("ReadError::EventCount", folder, read(&counted)),
        failed("ReadError::Discontinuity", folder, read(&gone)),
        failed("ReadError::Header", folder, read_while(folder, |file| patch(file, 0, b"PK\x03\x04"))),
        failed("ReadError::WriteOffset", folder, read_while(folder, |file| patch(file, 24, &[8, 0]))),
        failed("ReadError::Shrunk", folder, shrunk(folder)),
    ]
}

/// Reads a file that is being written, after something else has changed it.
fn read_while(folder: &Path, change: impl FnOnce(&Path)) -> Result<(), String> {
    let path = folder.join("live.evtl");
    let _ = fs::remove_file(&path);
    let mut writer = MmapWriter::create(&path, 4096).unwrap();
    writer.write_event(&EventHeader::new(1, 7, 3), b"abc").unwrap();
    let mut reader = MmapReader::open(&path).unwrap();
    change(&path);
    reader.refresh().map(drop).map_err(|error| error.to_string())
}

fn shrunk(folder: &Path) -> Result<(), String> {
    let path = folder.join("large.evtl");
    fs::write(&path, sealed_file(plain_header(), 50_000)).unwrap();
    let mut scan = LogScan::open(&path).unwrap();
    scan.next_event().unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_len(500_000).unwrap();
    while scan.next_event().map_err(|error| error.to_string())?.is_some() {}
    Ok(())
}

pub(super) fn rows(folder: &Path) -> Vec<Row> {
    [headers(folder), files(folder), folders(folder), endings(folder), reading(folder)].concat()
}
