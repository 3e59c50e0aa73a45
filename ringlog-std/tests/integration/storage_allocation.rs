//! No number in a file makes a reader, `verify`, `salvage` or a recovery allocate by it.

use std::path::Path;

use crate::allocations::largest_of;
use ringlog::event::{ClockKind, EventHeader, FileHeader};
use ringlog::storage::{LogReader, LogScan, LogWriter, MmapReader, salvage_log, verify_log};

/// The buffer of a scan has 256 KiB, and lists grow by doubling.
const MOST_BYTES: usize = 1 << 20;

/// Headers whose checksum is right and whose numbers are wrong.
fn hostile_headers() -> Vec<FileHeader> {
    let mut headers = Vec::new();
    for write_offset in [64, 4096, 1 << 40, u64::MAX - 7] {
        for (event_count, base_position) in [(u64::MAX, 0), (1 << 40, u64::MAX), (0, 1 << 60)] {
            for flags in [0b0010, 0b1010, 0b1011, 0b0110, 0b0000] {
                let mut header = FileHeader::new(7, ClockKind::UnixNanos, false);
                header.flags |= flags;
                let synced_offset = write_offset;
                headers.push(FileHeader {
                    event_count,
                    write_offset,
                    synced_offset,
                    base_position,
                    ..header
                });
            }
        }
    }
    headers
}

/// Records that claim the largest length, each 16 bytes after the one before.
fn hostile_records() -> Vec<u8> {
    let mut header = EventHeader::new(u64::MAX, 0xFF, u16::MAX).with_flags(0xC0);
    header.checksum = u32::MAX;
    header.to_bytes().repeat(1024)
}

fn use_everywhere(folder: &Path, log: &Path, file: &Path) {
    let _ = verify_log(log);
    let _ = salvage_log(log, folder.join("out"));
    let _ = std::fs::remove_dir_all(folder.join("out"));
    if let Ok(mut scan) = LogScan::open(log) {
        while let Ok(Some(_)) = scan.next_event() {}
    }
    if let Ok(reader) = MmapReader::open(file) {
        let _ = (reader.len(), reader.events_from(1 << 40).count());
    }
    if let Ok(reader) = LogReader::open(log) {
        let _ = (reader.len(), reader.events().count());
    }
    if let Ok(writer) = LogWriter::options().segment_bytes(4096).open(log) {
        let _ = writer.close();
    }
}

#[test]
fn hostile_numbers_allocate_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let file = log.join(format!("{:020}.evtl", 0));
    for header in hostile_headers() {
        let _ = std::fs::remove_dir_all(&log);
        std::fs::create_dir(&log).unwrap();
        let mut bytes = header.to_bytes().to_vec();
        bytes.extend(hostile_records());
        std::fs::write(&file, bytes).unwrap();
        let largest = largest_of(|| use_everywhere(folder.path(), &log, &file));
        assert!(largest <= MOST_BYTES, "{largest} bytes for {header:?}");
    }
}

#[test]
fn the_watching_allocator_sees_the_largest() {
    let largest = largest_of(|| drop(std::hint::black_box(vec![0_u8; 12_345_678])));
    assert!((12_345_678..20_000_000).contains(&largest), "{largest}");
}
