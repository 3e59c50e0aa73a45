//! Counts, without a clock, what a search costs on bytes that were crafted to cost much.

use std::fs;
use std::path::{Path, PathBuf};

use ringlog_nostd::format::{HEADER_LEN, add_checksum, encode, place_word, record_len};

use crate::checksum::crc32c::crc32c_hardware;
use crate::checksum::linear::{after_zeros, work};
use crate::event::{ClockKind, EventHeader, FileHeader, MAX_PAYLOAD};
use crate::storage::repair::salvage::salvage_log;
use crate::storage::repair::verify::verify_log;

const FILE_BYTES: usize = 2 << 20;

fn header() -> FileHeader {
    FileHeader { write_offset: FILE_BYTES as u64, ..FileHeader::new(7, ClockKind::UnixNanos, true) }
}

/// Makes a file, filled with what `next` appends.
fn file_of(mut next: impl FnMut(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = header().to_bytes().to_vec();
    while bytes.len() < FILE_BYTES {
        next(&mut bytes);
    }
    bytes.truncate(FILE_BYTES);
    bytes
}

fn put_valid(bytes: &mut Vec<u8>, payload: &[u8]) {
    let header = EventHeader::new(1, 2, payload.len() as u16);
    let start = bytes.len();
    bytes.resize(start + header.stride(), 0);
    encode(&mut bytes[start..], &header, payload).unwrap();
    add_checksum(&mut bytes[start..], place_word(self::header().salt(), start as u64), crc32c_hardware)
        .unwrap();
}

/// Writes the second word of a header that claims the longest payload. Its last byte is 0, as the padding of
/// the record that began 65,544 bytes before must be.
fn put_long_header(bytes: &mut Vec<u8>) {
    let [_, second] = EventHeader::new(0, 1, MAX_PAYLOAD as u16).with_flags(0xC0).to_words();
    let checksum = (bytes.len() as u64 / 8 * 0x9E37) & 0x00FF_FFFF;
    bytes.extend((second | checksum << 32).to_le_bytes());
}

/// Every word looks like the header of a record of 64 KiB.
fn overlapping() -> Vec<u8> {
    file_of(put_long_header)
}

/// The same, and half of the records in every second piece of 64 KiB have the right checksum, but no valid
/// neighbour.
fn overlapping_and_valid() -> Vec<u8> {
    let mut bytes = overlapping();
    let last = FILE_BYTES - 2 * record_len(MAX_PAYLOAD);
    // From the last to the first, as each covers what comes after it.
    for at in (64..last).step_by(16).rev().filter(|at| (at / record_len(MAX_PAYLOAD)).is_multiple_of(2)) {
        let (head, payload) = bytes[at..].split_at_mut(HEADER_LEN);
        let payload_register = !crc32c_hardware(u32::MAX, &payload[..MAX_PAYLOAD]);
        let timestamp = u64::from_le_bytes(*head.first_chunk().unwrap());
        let mut headers = (0..4096_u16).map(|number| {
            let [event_type, flags] = number.to_be_bytes();
            let header = EventHeader::new(timestamp, flags, MAX_PAYLOAD as u16).with_flags(0xC0 | event_type);
            let placed = EventHeader { checksum: place_word(self::header().salt(), at as u64), ..header };
            let register = after_zeros(!crc32c_hardware(0, &placed.to_bytes()), MAX_PAYLOAD);
            EventHeader { checksum: !(register ^ payload_register), ..header }
        });
        // Its last byte is the padding of another record.
        let header = headers.find(|header| header.checksum < 1 << 24).unwrap();
        head.copy_from_slice(&header.to_bytes());
    }
    bytes
}

/// Two short records, as many as a search needs, and after them a header that claims the longest payload.
fn valid_and_damaged_in_turn() -> Vec<u8> {
    file_of(|bytes| {
        put_valid(bytes, b"");
        put_valid(bytes, b"");
        bytes.extend([1; 8]);
        put_long_header(bytes);
    })
}

fn sound() -> Vec<u8> {
    file_of(|bytes| put_valid(bytes, &[5; 240]))
}

/// Verifies and salvages a log of this one file. Returns the cost of each, in bytes and multiplications.
fn cost_of(bytes: &[u8]) -> [(u64, u64); 2] {
    let folder = tempfile::tempdir().unwrap();
    let (log, out): (PathBuf, &Path) = (folder.path().join("log"), &folder.path().join("out"));
    fs::create_dir(&log).unwrap();
    fs::write(log.join(format!("{:020}.evtl", 0)), bytes).unwrap();
    work::take();
    verify_log(&log).unwrap();
    let verified = work::take();
    let _ = salvage_log(&log, out);
    [verified, work::take()]
}

fn without_header(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[..64].fill(0x55);
    bytes
}

/// Checks that at most `bytes` times the bytes of a valid log are read, with at most this many multiplications
/// for each word.
fn assert_costs_at_most(crafted: &[u8], bytes: u64, multiplications: u64) {
    for ((crafted, sound), of) in
        cost_of(crafted).into_iter().zip(cost_of(&sound())).zip(["verify", "salvage"])
    {
        let passes = sound.0 / FILE_BYTES as u64 + 1;
        assert!(crafted.0 <= bytes * sound.0, "{of}: {} bytes, {} of a sound log", crafted.0, sound.0);
        let most = multiplications * passes * (FILE_BYTES / 8) as u64;
        assert!(crafted.1 <= most, "{of}: {} multiplications, {most} at most", crafted.1);
    }
}

#[test]
fn a_sound_log_is_read_once_and_costs_no_multiplication() {
    let [(bytes, multiplications), (_, of_salvage)] = cost_of(&sound());
    assert!(bytes <= FILE_BYTES as u64 && bytes > FILE_BYTES as u64 * 9 / 10, "{bytes}");
    assert_eq!((multiplications, of_salvage), (0, 0));
}

#[test]
fn records_that_overlap_cost_no_more_than_their_headers() {
    assert_costs_at_most(&overlapping(), 5, 1);
}

#[test]
fn valid_records_that_overlap_and_lack_a_neighbour_cost_twice_that() {
    let crafted = overlapping_and_valid();
    let [(_, multiplications), _] = cost_of(&crafted);
    assert!(multiplications > (FILE_BYTES / 8) as u64 * 11 / 10, "they are valid: {multiplications}");
    assert_costs_at_most(&crafted, 5, 2);
}

#[test]
fn damage_after_every_second_record_costs_no_more_than_one_damage_in_a_window() {
    assert_costs_at_most(&valid_and_damaged_in_turn(), 5, 1);
}

#[test]
fn without_a_header_the_salt_is_searched_at_a_bounded_cost() {
    for crafted in [overlapping(), overlapping_and_valid(), valid_and_damaged_in_turn()] {
        assert_costs_at_most(&without_header(&crafted), 20, 6);
    }
}
