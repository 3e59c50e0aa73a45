//! Calls of cursors, and of dumps of memory, that fail.

use std::fs;
use std::path::Path;

use ringlog::event::EventHeader;
use ringlog::image::RingImage;
use ringlog::storage::{Cursor, LogWriter};
use ringlog_nostd::{AlignedBytes, Ring};

use super::Row;
use super::library::failed;

/// Creates a closed log of this many events.
pub(super) fn log(path: &Path, events: u64) {
    let mut writer = LogWriter::options().open(path).unwrap();
    (0..events).for_each(|at| writer.write_event(&EventHeader::new(at, 7, 3), b"abc").unwrap());
    writer.close().unwrap();
}

fn cursors(folder: &Path) -> Vec<Row> {
    let path = folder.join("read");
    log(&path, 3);
    let mut cursor = Cursor::open(&path, "c").unwrap();
    cursor.advance(3).unwrap();
    cursor.commit().unwrap();
    let in_use = Cursor::open(&path, "c");
    let backwards = cursor.advance(2);
    // No cursor is opened twice: a program that another test starts may have its lock for a moment.
    fs::write(path.join("cursors/damaged"), [7; 8192]).unwrap();
    let far = Cursor::open(&path, "far").map(|mut cursor| {
        cursor.go_to(5);
        cursor
    });
    let mut beyond = Cursor::open(&path, "beyond").unwrap();
    beyond.go_to(u64::MAX);
    let other = folder.join("other");
    log(&other, 1);
    fs::create_dir_all(other.join("cursors")).unwrap();
    fs::copy(cursor.path(), other.join("cursors/c")).unwrap();
    fs::write(folder.join("text"), "no log").unwrap();
    vec![
        failed("CursorError::Name", folder, Cursor::open(&path, "a/b")),
        failed("CursorError::Log", folder, Cursor::open(folder.join("missing"), "c")),
        failed("CursorError::InUse", folder, in_use),
        failed("CursorError::Damaged", folder, Cursor::open(&path, "damaged")),
        failed("CursorError::OtherLog", folder, Cursor::open(&other, "c")),
        failed("CursorError::Ahead", folder, far.unwrap().follow()),
        failed("CursorError::Backwards", folder, backwards),
        failed("CursorError::Limit", folder, beyond.commit()),
        failed("CursorError::Io", folder, Cursor::open(folder.join("text"), "c")),
    ]
}

/// A ring in a dump of memory, with one of its control words changed or its end cut off.
fn images(folder: &Path) -> Vec<Row> {
    let mut memory = AlignedBytes::<1024>::new();
    drop(Ring::format(memory.as_mut(), 64).unwrap().into_ends());
    let memory: &[u8] = memory.as_mut();
    let changed = |at: usize, value: u64| {
        let mut dump = [&[0xAA; 100], memory].concat();
        let word = size_of::<usize>();
        dump[100 + at..][..word].copy_from_slice(&value.to_le_bytes()[..word]);
        dump
    };
    let first = |dump: &[u8]| RingImage::find_all(dump).next().unwrap().map(|_| ());
    let word = size_of::<usize>();
    vec![
        failed("RingImageErrorKind::Sizes", folder, first(&changed(2 * word, 7))),
        failed("RingImageErrorKind::Positions", folder, first(&changed(HEAD, 1 << 40))),
        failed("RingImageErrorKind::Truncated", folder, first(&memory[..400])),
    ]
}

/// Where the head is in a ring.
const HEAD: usize = 128;

pub(super) fn rows(folder: &Path) -> Vec<Row> {
    [cursors(folder), images(folder)].concat()
}
