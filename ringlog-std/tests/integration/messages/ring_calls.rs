//! Rings that cannot be used, and recorders that cannot start or end early.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ringlog::event::{EventHeader, MetaTopic};
use ringlog::recorder::{Recorder, RecorderBuilder, RecorderError};
use ringlog::ring::{RingOptions, SharedRing};
use ringlog::storage::{LogWriter, SchemaList};

use super::Row;
use super::library::{failed, too_large};

/// Where the words of a ring are in its file.
const LAYOUT: u64 = 8;
const BOOT: u64 = 40;
const HEAD: u64 = 128;

fn sizes(start: usize) -> RingOptions {
    RingOptions { capacity: Some(4096), start, ..RingOptions::default() }
}

fn ring(folder: &Path, name: &str) -> (PathBuf, SharedRing) {
    let path = folder.join(name);
    let ring = SharedRing::create(&path, &sizes(0)).unwrap();
    (path, ring)
}

fn store(path: &Path, value: u64, offset: u64) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.write_all_at(&value.to_le_bytes(), offset).unwrap();
}

fn set_len(path: &Path, bytes: u64) {
    fs::File::options().write(true).open(path).unwrap().set_len(bytes).unwrap();
}

/// What no ring can be made of, or opened.
fn making(folder: &Path) -> Vec<Row> {
    let path = |name: &str| folder.join(name);
    let large = RingOptions { capacity: Some(1 << 46), ..RingOptions::default() };
    let (second, _ring) = ring(folder, "second");
    fs::hard_link(&second, path("third")).unwrap();
    fs::write(path("short"), "12345678").unwrap();
    let (damaged, _ring) = ring(folder, "damaged");
    store(&damaged, u64::MAX, 16);
    let (cut, _ring) = ring(folder, "cut");
    set_len(&cut, 4096);
    let open = |name, path: PathBuf| failed(name, folder, SharedRing::open(path));
    vec![
        too_large("SharedRingError::DiskFull", folder, SharedRing::create(path("full"), &large)),
        open("SharedRingError::NotAFile", folder.into()),
        open("SharedRingError::Names", second),
        open("SharedRingError::Contents too short", path("short")),
        open("SharedRingError::Contents damaged", damaged),
        open("SharedRingError::Length", cut),
        open("SharedRingError::Io", path("missing")),
    ]
}

fn roles(folder: &Path) -> Vec<Row> {
    let (_, taken) = ring(folder, "taken");
    let _consumer = taken.claim_consumer().unwrap();
    let (path, foreign) = ring(folder, "foreign");
    fs::write(path.with_file_name("foreign.producer"), "Dear reader, this is no role file").unwrap();
    let (path, _ring) = ring(folder, "booted");
    store(&path, 0x5555_5555, BOOT);
    let booted = SharedRing::open(&path).unwrap();
    let (path, replaced) = ring(folder, "replaced");
    fs::remove_file(path).unwrap();
    let (path, meddled) = ring(folder, "meddled");
    let _producer = meddled.claim_producer().unwrap();
    fs::remove_file(path.with_file_name("meddled.producer")).unwrap();
    vec![
        failed("SharedRingError::Claimed", folder, taken.claim_consumer()),
        failed("SharedRingError::ForeignRoleFile", folder, foreign.claim_producer()),
        failed("SharedRingError::OtherBoot", folder, booted.claim_producer()),
        failed("SharedRingError::Replaced", folder, replaced.claim_producer()),
        failed("SharedRingError::RoleFile", folder, meddled.check()),
    ]
}

/// Descriptions of a ring's events that are refused, or cannot be read.
fn descriptions(folder: &Path) -> Vec<Row> {
    let about = |event_types: std::ops::Range<u8>, json: &[u8]| {
        let mut schemas = SchemaList::new();
        event_types.for_each(|it| schemas.insert(MetaTopic::EventType(it), json).unwrap());
        schemas
    };
    let reset = br#"{"type":7,"name":"reset","size":0,"fields":[]}"#;
    let (path, described) = ring(folder, "described");
    let described = described.schemas(about(7..8, reset));
    let mut producer = described.claim_producer().unwrap();
    producer.write_event(&EventHeader::new(1, 7, 0), b"").unwrap();
    drop(producer);
    let other = SharedRing::open(&path).unwrap().claim_producer();
    let files = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let mut lists = files.filter(|path| path.to_str().is_some_and(|path| path.contains("described.schema-")));
    fs::write(lists.next().unwrap(), "{}").unwrap();
    let (path, _ring) = ring(folder, "older");
    store(&path, 0x1301, LAYOUT);
    let older = SharedRing::open(&path).unwrap().schemas(about(7..8, reset));
    let (_, long) = ring(folder, "long");
    let long = long.schemas(about(0..20, &b" ".repeat(60_000)));
    vec![
        failed("SharedRingError::OtherSchemas", folder, other),
        failed("SharedRingError::NoSchemas", folder, older.claim_producer()),
        failed("SharedRingError::SchemasTooLong", folder, long.claim_producer()),
        failed("SharedRingError::SchemaFile", folder, described.current_schemas()),
    ]
}

/// Registers descriptions with a recorder that has ended.
fn late_registration(folder: &Path) -> Row {
    let (producer, recorder) = builder().start(folder.join("ended")).unwrap();
    drop(producer);
    while !recorder.has_stopped() {
        std::thread::sleep(Duration::from_millis(1));
    }
    failed("RecorderError::Ended", folder, recorder.register(&SchemaList::new()))
}

fn builder() -> RecorderBuilder {
    Recorder::builder().ring_bytes(4096)
}

/// Recorders of rings in memory.
fn recording(folder: &Path) -> Vec<Row> {
    let memory = builder().ring_bytes(1 << 60).start(folder.join("none"));
    let limited = LogWriter::options().segment_bytes(4096).max_bytes(Some(100));
    let (mut producer, recorder) = builder().log(limited).start(folder.join("limited")).unwrap();
    while producer.write_event(&EventHeader::new(1, 7, 40), &[7; 40]).is_ok() {}
    let append = recorder.shutdown(producer);
    let (producer, recorder) = builder().start(folder.join("unlocked")).unwrap();
    fs::remove_file(folder.join("unlocked/writer")).unwrap();
    let close = recorder.shutdown(producer);
    let (_producer, recorder) = builder().start(folder.join("open")).unwrap();
    let open = recorder.wait(Duration::from_millis(1));
    vec![
        failed("NewRingError::OutOfMemory", folder, memory),
        failed("RecorderError::Append", folder, append),
        failed("RecorderError::Close", folder, close),
        failed("RecorderError::Damaged in a file", folder, damaged(folder)),
        failed("RecorderError::ProducerOpen", folder, open),
    ]
}

/// Stores a head into the ring of a recorder at work, so that there should be a record where none is.
fn damaged(folder: &Path) -> Result<(), RecorderError> {
    let path = folder.join("stored");
    let recorder = builder().start_shared(&path, folder.join("stored-log")).unwrap();
    store(&path, 64, HEAD);
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !recorder.has_stopped() && std::time::Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    recorder.stop().map(drop)
}

/// Rings and logs that do not belong together.
fn resuming(folder: &Path) -> Vec<Row> {
    let path = |name: &str| folder.join(name);
    for name in ["one", "two"] {
        let log = path(&format!("{name}-log"));
        builder().start_shared(path(name), log).unwrap().stop().unwrap();
    }
    let other = builder().start_shared(path("one"), path("two-log"));
    let _ring = SharedRing::create(path("later"), &sizes(4096)).unwrap();
    let mut producer = _ring.claim_producer().unwrap();
    producer.write_event(&EventHeader::new(1, 7, 3), b"abc").unwrap();
    drop(producer);
    let later = builder().start_shared(path("later"), path("later-log"));
    let two = SharedRing::open(path("two")).unwrap();
    let _producer = two.claim_producer().unwrap();
    store(&path("two"), 1 << 40, HEAD);
    let positions = SharedRing::open(path("two")).unwrap().claim_consumer();
    let damaged = builder().start_shared(path("two"), path("two-log"));
    vec![
        failed("RecorderError::OtherRing", folder, other),
        failed("RecorderError::NewToLog", folder, later),
        failed("RecorderError::DamagedInUse", folder, damaged),
        failed("SharedRingError::Positions", folder, positions),
    ]
}

pub(super) fn rows(folder: &Path) -> Vec<Row> {
    let late = vec![late_registration(folder)];
    [making(folder), roles(folder), descriptions(folder), recording(folder), resuming(folder), late].concat()
}
