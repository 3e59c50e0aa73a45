//! Makes files and logs out of a fuzzer's bytes.
//!
//! Bytes alone would hardly ever pass a checksum. So the last byte of an input says what to make valid: bit 0 the
//! header of each file, bits 1 to 7 how many records (127 for all). If these bits are 0, the input is used as it is.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};

use ringlog::event::{EventHeader, FileHeader, FileHeaderError, file_flags};
use ringlog_nostd::flags;
use ringlog_nostd::format::{
    FILE_HEADER_LEN, FILE_MAGIC, FILE_VERSION, MAX_POSITION, add_checksum, crc32c_append, field, place_word,
};
use tempfile::TempDir;

/// The most files of a log. More files would test nothing new.
const MOST_FILES: usize = 4;

/// Returns the bytes of a file, made valid as far as the input's last byte says.
#[must_use]
pub fn file_of(input: &[u8]) -> Vec<u8> {
    let Some((&control, bytes)) = input.split_last() else { return Vec::new() };
    put_right(bytes.to_vec(), control)
}

/// Returns bytes as one Zstandard frame of stored blocks. Bits of `form` make its length a lie, or one block a run of a byte.
#[must_use]
pub fn frame_of(bytes: &[u8], form: u8) -> Vec<u8> {
    let lie = match form >> 1 & 3 {
        0 | 1 => 0,
        2 => 8,
        _ => 1 << (form >> 3),
    };
    let announced = (bytes.len() as u64).wrapping_add(lie);
    let mut frame = [&[0x28, 0xB5, 0x2F, 0xFD, 0xE0][..], &announced.to_le_bytes()].concat();
    let blocks: Vec<_> = bytes.chunks(1000).collect();
    for (at, block) in blocks.iter().enumerate() {
        let (last, len) = (u32::from(at + 1 == blocks.len()), block.len() as u32);
        let is_run = form & 0x80 != 0 && block.iter().all(|byte| *byte == block[0]);
        frame.extend_from_slice(&(len << 3 | u32::from(is_run) << 1 | last).to_le_bytes()[..3]);
        frame.extend_from_slice(if is_run { &block[..1] } else { block });
    }
    frame
}

fn put_right(mut bytes: Vec<u8>, control: u8) -> Vec<u8> {
    if control & 1 == 0 || bytes.len() < FILE_HEADER_LEN {
        return bytes;
    }
    let end = bytes.len() as u64;
    let header = header_of(&mut bytes, end);
    let records = if control >> 1 == 127 { usize::MAX } else { usize::from(control >> 1) };
    put_records_right(&mut bytes, &header, records);
    bytes
}

/// Makes the header valid, with offsets inside the file, and returns it.
fn header_of(bytes: &mut [u8], end: u64) -> FileHeader {
    let put = |bytes: &mut [u8], at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(bytes, field::MAGIC, &FILE_MAGIC);
    put(bytes, field::VERSION, &FILE_VERSION.to_le_bytes());
    bytes[field::FLAGS] &= file_flags::KNOWN as u8;
    put(bytes, field::FLAGS + 2, &[0; 2]);
    for at in [field::WRITE_OFFSET, field::SYNCED_OFFSET] {
        let word = u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        let offset = 64 + word % (end - 63) / 8 * 8;
        put(bytes, at, &offset.to_le_bytes());
    }
    for at in [field::BASE_SEQUENCE, field::BASE_POSITION] {
        let word = u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        let step = if at == field::BASE_POSITION { 8 } else { 1 };
        put(bytes, at, &(word % (MAX_POSITION + 1) / step * step).to_le_bytes());
    }
    loop {
        let head: [u8; FILE_HEADER_LEN] = bytes[..FILE_HEADER_LEN].try_into().expect("64 bytes");
        match FileHeader::from_bytes(&head) {
            Ok(header) => return header,
            Err(FileHeaderError::Checksum { computed, .. }) => {
                put(bytes, field::HEADER_CHECKSUM, &computed.to_le_bytes());
            }
            Err(error) => unreachable!("{error}"),
        }
    }
}

fn put_records_right(bytes: &mut [u8], header: &FileHeader, most: usize) {
    let (mut at, mut is_in_preamble) = (FILE_HEADER_LEN, true);
    for _ in 0..most {
        let Some(record) = bytes.get_mut(at..).filter(|record| record.len() >= 16) else { return };
        // Short records, so that there are many.
        record[11] = 0;
        record[9] |= flags::COMMITTED;
        if record[9] & flags::GAP != 0 {
            record[9] &= !flags::META;
            record[10] = 16;
        }
        if !is_in_preamble {
            record[9] &= !flags::META;
        } else if record[9] & flags::META != 0 {
            put_meta_right(record);
        }
        is_in_preamble &= record[9] & flags::META != 0 || is_of_log_side(record);
        let stride = EventHeader::from_bytes(record.first_chunk().expect("16 bytes")).stride();
        let Some(record) = record.get_mut(..stride) else { return };
        let payload_end = 16 + usize::from(record[10]);
        record[payload_end..].fill(0);
        record[9] &= !flags::CHECKSUMMED;
        if header.has(file_flags::CHECKSUMS) {
            let _ = add_checksum(record, place_word(header.salt(), at as u64), crc32c_append);
        }
        at += stride;
    }
}

/// Makes a META record one that a writer may have stored: without a time, with the JSON of a small schema if there is room.
fn put_meta_right(record: &mut [u8]) {
    const ABOUT_LOG: u8 = 0b10;
    record[..8].fill(0);
    record[9] &= !0b1101;
    let json = if record[9] & ABOUT_LOG == 0 {
        format!(r#"{{"type":{},"name":"a","size":0,"fields":[],"tail":"bytes"}}"#, record[8])
    } else {
        record[8] = 0;
        r#"{"log":{"user":{"a":"b"}}}"#.to_owned()
    };
    // Some stay as the fuzzer has made them.
    if record[10] & 1 == 0
        && let Some(payload) = record.get_mut(16..16 + json.len())
    {
        payload.copy_from_slice(json.as_bytes());
        record[10] = json.len() as u8;
    }
}

/// Returns whether a record is a GAP of the log's side, which may be in a preamble.
fn is_of_log_side(record: &[u8]) -> bool {
    record[9] & flags::GAP != 0 && record.get(27).is_some_and(|byte| byte & 0x80 != 0)
}

/// A folder in memory that each input finds empty.
pub struct Folder(TempDir);

impl Default for Folder {
    fn default() -> Self {
        let memory = Path::new("/dev/shm");
        let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        Self(made.expect("a folder for temporary files"))
    }
}

impl Folder {
    /// Returns its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Makes an empty folder in it.
    pub fn empty(&self, name: &str) -> PathBuf {
        let path = self.path().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).expect("a new folder");
        path
    }

    /// Writes the file of an input.
    pub fn file(&self, input: &[u8]) -> PathBuf {
        let path = self.path().join("file.evtl");
        fs::write(&path, file_of(input)).expect("room for a file");
        path
    }

    /// Writes the log of an input: up to four files of equal parts, named after the sequences in their headers.
    ///
    /// The second-last byte gives the number of files, and some of its bits the content of the `writer` file.
    pub fn log(&self, input: &[u8]) -> PathBuf {
        let log = self.empty("log");
        let Some((&control, bytes)) = input.split_last() else { return log };
        let Some((&shape, bytes)) = bytes.split_last() else { return log };
        let files = 1 + usize::from(shape) % MOST_FILES;
        for (part, at) in bytes.chunks(bytes.len().div_ceil(files).max(1)).zip(0..) {
            let file = put_right(part.to_vec(), control);
            let name = name_of(&file, at, shape);
            fs::write(log.join(name), file).expect("room for a file");
        }
        match shape >> 6 {
            0 => {}
            1 => write_writer_file(&log, "another"),
            2 => fs::write(log.join("writer"), "").expect("room"),
            _ => write_writer_file(&log, this_boot().trim()),
        }
        log
    }
}

fn name_of(file: &[u8], at: u64, shape: u8) -> String {
    let named = file.get(field::BASE_SEQUENCE..field::BASE_SEQUENCE + 8);
    let sequence = named.map_or(at, |bytes| u64::from_le_bytes(bytes.try_into().expect("8 bytes")));
    let is_last_aside = shape & 0b10_0000 != 0 && at > 0;
    match (shape & 0b1_0000 != 0, is_last_aside) {
        (_, true) => format!("{sequence:020}.evtl.{at}"),
        (true, false) => format!("{at:020}.evtl"),
        (false, false) => format!("{sequence:020}.evtl"),
    }
}

/// Returns the identity of the machine's current run, as a writer stores it.
fn this_boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}

/// Writes the `writer` file of a log that was not closed.
fn write_writer_file(log: &Path, boot_id: &str) {
    let lines = format!("pid: 1\nboot_id: {boot_id}\nring_identity: 0\nstate: open\n");
    let checksum = crc32c_append(0, lines.as_bytes());
    fs::write(log.join("writer"), format!("{lines}checksum: {checksum:08x}\n")).expect("room");
}
