//! What `receive` says of what came over a wire.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use ringlog_nostd::format::{FileHeader, add_checksum, crc32c_append, encode, file_flags, place_word};
use ringlog_nostd::frame::{Content, Frame};
use ringlog_nostd::{ClockKind, EventHeader};

use super::imports::said;
use super::{Row, assert_table};
use crate::cli::support::{RINGLOG, ringlog, word};

fn receive(folder: &Path, name: &str, bytes: &[u8]) -> Row {
    let (wire, log) = (folder.join("wire"), folder.join("log"));
    fs::write(&wire, bytes).unwrap();
    let row = said(name, folder, &ringlog(&["receive", word(&wire), "--log", word(&log)]));
    let _ = fs::remove_dir_all(&log);
    row
}

/// The header of a life, and records with these numbers.
pub(crate) fn life(start: i64, clock: ClockKind, numbers: impl IntoIterator<Item = u32>) -> Vec<u8> {
    let header = header_of(start, clock);
    let frame = Frame { life: header.salt() as u8, number: 0, content: Content::Header(header) };
    let bytes = std::iter::once(0).chain(frame.bytes());
    bytes.chain(records(start, clock, numbers)).collect()
}

fn header_of(start: i64, clock: ClockKind) -> FileHeader {
    let mut header = FileHeader::new(start, clock, true);
    header.flags |= file_flags::STREAM;
    header
}

/// Records of a life with these numbers.
pub(crate) fn records(start: i64, clock: ClockKind, numbers: impl IntoIterator<Item = u32>) -> Vec<u8> {
    let life = header_of(start, clock).salt() as u8;
    let content = |number| Content::Record(EventHeader::new(u64::from(number), 7, 5), b"hello");
    numbers.into_iter().flat_map(|number| Frame { life, number, content: content(number) }.bytes()).collect()
}

/// A stream without frames, with four records.
fn stream(start: i64) -> Vec<u8> {
    let header = header_of(start, ClockKind::Ticks);
    let mut bytes = header.to_bytes().to_vec();
    for number in 0..4 {
        let mut record = [0; 24];
        encode(&mut record, &EventHeader::new(number, 7, 5), b"hello").unwrap();
        let place = place_word(header.salt(), bytes.len() as u64);
        add_checksum(&mut record, place, crc32c_append).unwrap();
        bytes.extend(record);
    }
    bytes
}

#[test]
fn what_came_over_a_wire_has_rows() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let whole = life(1, ClockKind::Ticks, 0..3);
    let mut damaged = [&b"boot loader 1.2\r\n"[..], &whole, b"\x01noise\xff\0"].concat();
    damaged.extend(life(2, ClockKind::MonotonicNanos, [0, 4]));
    let of_version_2 = |life: u8| {
        let content = [0x21, life, 1, 1, 1, 1];
        [&content[..], &crc32c_append(0, &content).to_le_bytes()].concat()
    };
    // No byte of it is zero, so it is one piece.
    let content = (1..=255).map(of_version_2).find(|content| !content.contains(&0)).unwrap();
    let later = [&[0, content.len() as u8 + 1][..], &content, &[0], &whole[..]].concat();
    let missing = folder.join("missing");
    let nothing = folder.join("nothing");
    let log = folder.join("log");
    let streams = folder.join("streams");
    fs::write(&streams, [stream(1), stream(2)].concat()).unwrap();
    let program = folder.join("program");
    symlink(RINGLOG, &program).unwrap();
    let arguments = |name: &str, words: &[&str]| said(name, folder, &ringlog(words));
    let rows = [
        receive(folder, "what is whole", &whole),
        receive(folder, "text, noise, a reset, frames that are missing, another clock", &damaged),
        receive(folder, "no frames at all", b"\x80\x81\x82\0\x83"),
        receive(folder, "frames of a later version", &later),
        arguments("a file that is not there", &["receive", word(&missing), "--log", word(&log)]),
        arguments(
            "a line that is not there",
            &["receive", "/dev/ringlog-none", "--for", "10ms", "--log", word(&nothing)],
        ),
        arguments("a stream after another one", &["cat", word(&streams)]),
        arguments("choosing from it", &["salvage", word(&streams), word(&nothing), "--grep", "hello"]),
        arguments("no firmware", &["schema", "extract", word(&streams)]),
        arguments("a program without descriptions", &["schema", "extract", word(&program)]),
        arguments("a rate of zero", &["receive", "-", "--baud", "0", "--log", word(&log)]),
    ];
    assert_table("receives.txt", &rows);
}
