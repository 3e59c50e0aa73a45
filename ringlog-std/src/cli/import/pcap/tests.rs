//! Handmade captures: whole, cut and damaged.

use std::io::Write;

use crate::cli::import::pcap::packet::BLOCK_BYTES_MAX;
use crate::cli::import::pcap::*;

fn header(magic: u32) -> Vec<u8> {
    let mut file = magic.to_le_bytes().to_vec();
    file.extend([2, 0, 4, 0]);
    file.extend([0; 8]);
    file.extend(262_144_u32.to_le_bytes());
    file.extend(1_u32.to_le_bytes());
    file
}

fn packet(file: &mut Vec<u8>, seconds: u32, fraction: u32, data: &[u8]) {
    for word in [seconds, fraction, data.len() as u32, data.len() as u32] {
        file.extend(word.to_le_bytes());
    }
    file.extend(data);
}

fn open(bytes: &[u8]) -> Result<PcapFeed, FeedError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    PcapFeed::open(file.path(), 0)
}

#[test]
fn nanosecond_captures_keep_nanoseconds() {
    for (magic, nanos) in [(0xA1B2_3C4D_u32, 3_000_000_007), (0xA1B2_C3D4, 3_000_007_000)] {
        let mut file = header(magic);
        packet(&mut file, 3, 7, b"data");
        let mut payload = vec![1];
        let mut feed = open(&file).unwrap();
        let next = feed.next_event(&mut payload).unwrap();
        assert_eq!(next, Next::Event { timestamp: nanos, event_type: 0 });
        assert_eq!(payload, b"data");
        assert_eq!(feed.next_event(&mut payload).unwrap(), Next::End);
        assert_eq!(feed.read_bytes(), file.len() as u64);
    }
}

#[test]
fn a_capture_cut_anywhere_gives_its_whole_packets_and_an_error_with_the_offset() {
    let mut file = header(0xA1B2_C3D4);
    packet(&mut file, 1, 0, b"first");
    let second_offset = file.len();
    packet(&mut file, 2, 0, b"second");
    for end in second_offset + 1..file.len() {
        let mut feed = open(&file[..end]).unwrap();
        let mut payload = Vec::new();
        assert!(matches!(feed.next_event(&mut payload).unwrap(), Next::Event { .. }));
        let error = feed.next_event(&mut payload).unwrap_err();
        assert!(
            matches!(error, FeedError::Damaged { offset, .. } if offset == second_offset as u64),
            "{error}"
        );
    }
}

#[test]
fn a_second_capture_in_the_same_file_is_no_packet() {
    let mut file = header(0xA1B2_C3D4);
    packet(&mut file, 1, 0, b"first");
    let second_offset = file.len() as u64;
    assert_another_at(&[&file[..], &header(0xA1B2_C3D4)].concat(), second_offset);
    assert_another_at(&[&file[..], &section()].concat(), second_offset);
}

#[test]
fn a_pcap_file_after_a_section_is_no_block() {
    let mut file = section();
    let interface: [u32; 5] = [1, 20, 1, 0, 20];
    file.extend(interface.iter().flat_map(|word| word.to_le_bytes()));
    let words: [u32; 8] = [6, 32, 0, 0, 1_000_000, 0, 0, 32];
    file.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    let second_offset = file.len() as u64;
    assert_another_at(&[&file[..], &header(0xA1B2_C3D4), &[1; 99]].concat(), second_offset);
}

/// Returns the start of a pcapng file.
fn section() -> Vec<u8> {
    let words: [u32; 7] = [0x0A0D_0D0A, 28, 0x1A2B_3C4D, 1, u32::MAX, u32::MAX, 28];
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[track_caller]
fn assert_another_at(file: &[u8], second_offset: u64) {
    let mut feed = open(file).unwrap();
    assert!(matches!(feed.next_event(&mut Vec::new()).unwrap(), Next::Event { .. }));
    let error = feed.next_event(&mut Vec::new()).unwrap_err();
    assert!(
        matches!(&error, FeedError::Damaged { offset, problem, .. }
        if *offset == second_offset && problem.contains("another capture")),
        "{error}"
    );
}

#[test]
fn fractions_of_more_than_a_second_are_reported() {
    for (magic, most) in [(0xA1B2_C3D4_u32, 999_999), (0xA1B2_3C4D, 999_999_999)] {
        for (fraction, is_reported) in [(most, false), (most + 1, true)] {
            let mut file = header(magic);
            packet(&mut file, 3, fraction, b"data");
            let mut feed = open(&file).unwrap();
            assert!(matches!(feed.next_event(&mut Vec::new()).unwrap(), Next::Event { .. }));
            assert_eq!(
                feed.notes().iter().any(|note| note.contains("a second or more")),
                is_reported,
                "{fraction}"
            );
        }
    }
}

#[test]
fn a_packet_that_is_too_long_is_skipped_with_its_offset() {
    let mut file = header(0xA1B2_C3D4);
    packet(&mut file, 1, 0, &vec![7; MAX_PAYLOAD + 1]);
    packet(&mut file, 2, 0, &vec![8; MAX_PAYLOAD]);
    let mut feed = open(&file).unwrap();
    let mut payload = Vec::new();
    let Next::Lost(loss) = feed.next_event(&mut payload).unwrap() else { panic!("it is too long") };
    assert_eq!((loss.gap.reason, loss.timestamp), (GapReason::TooLong, Some(1_000_000_000)));
    assert_eq!(loss.skip.unwrap().offset, 24);
    assert!(matches!(feed.next_event(&mut payload).unwrap(), Next::Event { .. }));
    assert_eq!(payload, vec![8; MAX_PAYLOAD]);
}

#[test]
fn hostile_lengths_are_errors_and_allocate_nothing() {
    for length in [BLOCK_BYTES_MAX + 1, u32::MAX] {
        let mut file = header(0xA1B2_C3D4);
        file.extend([0; 8]);
        file.extend(length.to_le_bytes());
        file.extend([0; 4]);
        let error = open(&file).unwrap().next_event(&mut Vec::new()).unwrap_err();
        assert!(matches!(error, FeedError::Damaged { offset: 24, .. }), "{error}");
    }
}

#[test]
fn other_files_are_refused() {
    for bytes in [&b""[..], b"x", b"EVTL and more than 24 bytes of something else"] {
        assert!(matches!(open(bytes), Err(FeedError::Damaged { offset: 0, .. })));
    }
}

#[test]
fn no_capture_of_any_bytes_panics_or_loops() {
    let mut whole = header(0xA1B2_C3D4);
    for length in 0..20 {
        packet(&mut whole, length, 0, &vec![7; length as usize * 9]);
    }
    let mut state = 1_u64;
    for round in 0..500 {
        let mut bytes = whole.clone();
        for _ in 0..=round % 7 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (state >> 33) as usize % bytes.len();
            bytes[at] = (state >> 20) as u8;
        }
        let Ok(mut feed) = open(&bytes) else { continue };
        let mut payload = Vec::new();
        let mut steps = 0;
        while !matches!(feed.next_event(&mut payload), Ok(Next::End) | Err(_)) {
            steps += 1;
            assert!(steps <= bytes.len() / 16, "more packets than there is room for");
        }
    }
}
