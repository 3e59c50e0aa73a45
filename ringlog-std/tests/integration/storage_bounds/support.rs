//! Files whose checksums are right and whose numbers are wrong.

use std::fs;
use std::path::{Path, PathBuf};

use ringlog::event::{ClockKind, EventHeader, FileHeader};
use ringlog_nostd::format::crc32c_append;
use ringlog_nostd::format::{HEADER_LEN, add_checksum, encode, place_word};

/// Returns the header of an unsealed file with checksums that begins a log.
pub(crate) fn plain_header() -> FileHeader {
    FileHeader::new(7, ClockKind::UnixNanos, true)
}

/// Returns a file with this header and, from offset 64 on, `records` valid records of `payload_len` bytes.
pub(crate) fn file_of(header: &FileHeader, records: u64, payload_len: usize) -> Vec<u8> {
    let mut bytes = header.to_bytes().to_vec();
    for number in 0..records {
        put_record(&mut bytes, header.salt(), number, &vec![number as u8; payload_len]);
    }
    bytes
}

/// Appends a valid record.
pub(crate) fn put_record(bytes: &mut Vec<u8>, salt: u32, number: u64, payload: &[u8]) {
    let header = EventHeader::new(number, 1, payload.len() as u16);
    let start = bytes.len();
    bytes.resize(start + header.stride(), 0);
    encode(&mut bytes[start..], &header, payload).unwrap();
    add_checksum(&mut bytes[start..], place_word(salt, start as u64), crc32c_append).unwrap();
}

/// Returns a file that a closed log could have, except for the header's bases.
pub(crate) fn sealed_file(header: FileHeader, records: u64) -> Vec<u8> {
    let end = 64 + records * (HEADER_LEN as u64 + 8);
    let flags = header.flags | 0b1001;
    let header = FileHeader { flags, event_count: records, write_offset: end, synced_offset: end, ..header };
    file_of(&header, records, 8)
}

/// Writes a log's `writer` file, with the checksum that belongs to these lines.
pub(crate) fn put_writer_file(log: &Path, lines: &str) {
    let checksum = crc32c_append(0, lines.as_bytes());
    fs::write(log.join("writer"), format!("{lines}checksum: {checksum:08x}\n")).unwrap();
}

/// Makes a log's folder with one file, named as its header says.
pub(crate) fn log_of(folder: &Path, base_sequence: u64, bytes: &[u8]) -> PathBuf {
    let log = folder.join("log");
    let _ = fs::remove_dir_all(&log);
    fs::create_dir(&log).unwrap();
    fs::write(log.join(format!("{base_sequence:020}.evtl")), bytes).unwrap();
    log
}
