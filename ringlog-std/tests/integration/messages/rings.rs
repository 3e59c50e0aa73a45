//! Rings in files: what cannot be one, and what a faulty producer leaves.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use ringlog::event::EventHeader;
use ringlog::ring::{RingOptions, SharedRing};

use super::Row;
use super::programs::run;

/// Where the head and the records are in a ring's file.
const HEAD: u64 = 128;
const RECORDS: u64 = 384;

fn ring(path: &Path) -> SharedRing {
    let options = RingOptions { capacity: Some(128 << 10), identity: 7, ..RingOptions::default() };
    SharedRing::create(path, &options).unwrap()
}

fn store(path: &Path, bytes: &[u8], offset: u64) {
    fs::File::options().write(true).open(path).unwrap().write_all_at(bytes, offset).unwrap();
}

/// The ring has fed a log, and then somebody stores into it: the next start skips that, and the one after it has nothing
/// to say.
fn damaged(folder: &Path) -> Vec<Row> {
    let path = folder.join("fed.ring");
    let run = |name| run(name, folder, "serve --ring DIR/fed.ring --log DIR/fed --for 300ms");
    let ring = ring(&path);
    let first = run("a ring and its log");
    let mut producer = ring.claim_producer().unwrap();
    producer.write_event(&EventHeader::new(1, 2, 3), b"abc").unwrap();
    drop(producer);
    store(&path, &[0xFF; 16], RECORDS);
    let damaged = run("a record that is none at the start of a ring");
    let restarted = run("the same ring once more");
    store(&path, &[0xFF; 8], HEAD);
    let positions = run("a ring whose positions cannot be");
    let again = run("the ring that took its place");
    vec![first, damaged, restarted, positions, again]
}

pub(crate) fn rows(folder: &Path) -> Vec<Row> {
    fs::write(folder.join("short.ring"), "12345678").unwrap();
    fs::create_dir(folder.join("folder.ring")).unwrap();
    fs::write(folder.join("notes.ring"), [b'x'; 8192]).unwrap();
    let _taken = ring(&folder.join("taken.ring"));
    let consumer = _taken.claim_consumer().unwrap();
    let run = |name, line| run(name, folder, line);
    let mut rows = vec![
        run("a ring of eight bytes", "serve --ring DIR/short.ring --log DIR/never"),
        run("a ring that is a folder", "serve --ring DIR/folder.ring --log DIR/never"),
        run("a ring that is another file", "serve --ring DIR/notes.ring --log DIR/never"),
        run(
            "a replay into a ring that is not there",
            "replay DIR/whole --speed max --to ring:DIR/missing.ring",
        ),
    ];
    assert!(!folder.join("never").exists(), "a log was begun for what is no ring");
    rows.push(run("a ring that another recorder drains", "serve --ring DIR/taken.ring --log DIR/second"));
    drop(consumer);
    rows.extend(damaged(folder));
    rows
}
