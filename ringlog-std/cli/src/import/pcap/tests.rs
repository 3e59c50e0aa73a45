//! Handmade captures: whole, cut and damaged.

use std::io::Write;

use crate::dice::Dice;
use crate::import::pcap::packet::BLOCK_BYTES_MAX;
use crate::import::pcap::*;

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
    let mut dice = Dice(1);
    for round in 0..500 {
        let mut bytes = whole.clone();
        for _ in 0..=round % 7 {
            let at = dice.below(bytes.len());
            bytes[at] = dice.next() as u8;
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

/// The times in seconds and the lengths of the packets, the number of gaps, and the error at the end.
fn all(file: &[u8]) -> (Vec<(u64, usize)>, usize, Option<String>) {
    let (mut found, mut gaps, mut payload) = (Vec::new(), 0, Vec::new());
    let mut feed = open(file).unwrap();
    loop {
        match feed.next_event(&mut payload) {
            Ok(Next::Event { timestamp, .. }) => found.push((timestamp / 1_000_000_000, payload.len())),
            Ok(Next::Lost(_)) => gaps += 1,
            Ok(Next::End) => return (found, gaps, None),
            Ok(Next::Idle | Next::Kept(_) | Next::Described(_)) => panic!("a file is never idle, and no log"),
            Err(error) => return (found, gaps, Some(error.to_string())),
        }
    }
}

const NOW: u32 = 1_700_000_000;

/// A capture of ten packets, and where each begins.
fn ten() -> (Vec<u8>, Vec<usize>) {
    let (mut file, mut starts) = (header(0xA1B2_C3D4), Vec::new());
    for at in 0..10 {
        starts.push(file.len());
        packet(&mut file, NOW + at, 600_000 + at, &[0xA0 + at as u8; 60]);
    }
    (file, starts)
}

#[test]
fn a_few_bytes_too_many_or_too_few_cost_only_the_packets_around_them() {
    let (file, starts) = ten();
    let at = starts[5];
    for bytes in [1, 2, 3, 4, 5, 8, 12, 15] {
        let (found, gaps, error) = all(&[&file[..at], &vec![0; bytes], &file[at..]].concat());
        let expected: Vec<_> = (0..10).map(|at| (u64::from(NOW) + at, 60)).collect();
        assert_eq!((found, gaps, error), (expected, 1, None), "{bytes} zeros between packets");

        // They are missing in the packet before.
        let (found, gaps, error) = all(&[&file[..at - bytes], &file[at..]].concat());
        assert_eq!((gaps, error), (1, None), "{bytes} bytes fewer");
        let times: Vec<_> = found.iter().map(|(time, _)| time - u64::from(NOW)).collect();
        assert_eq!(times, [0, 1, 2, 3, 4, 6, 7, 8, 9], "{bytes} bytes fewer");
    }
}

#[test]
fn a_capture_that_is_cut_stays_cut_whatever_its_last_packet_holds() {
    let (file, starts) = ten();
    // A packet that holds packets, as that of a capture which is copied over the network.
    let mut outer = file.clone();
    packet(&mut outer, NOW + 20, 0, &file[starts[0]..]);
    for missing in [1, 30, 75] {
        let (found, gaps, error) = all(&outer[..outer.len() - missing]);
        assert_eq!((found.len(), gaps), (10, 0), "{missing}");
        assert!(error.unwrap().contains("is cut short"));
    }
}

#[test]
fn a_step_of_the_clock_is_no_damage() {
    let (mut file, _) = ten();
    let (mut times, jumps) = (Vec::new(), [NOW + 100_000_000, 5, 6, NOW, 1_000_000_000, 7]);
    times.extend(0..10);
    for time in jumps {
        packet(&mut file, time, 5, &[0; 300]);
        times.push(u64::from(time).wrapping_sub(u64::from(NOW)));
    }
    let (found, gaps, error) = all(&file);
    let found: Vec<_> = found.iter().map(|(time, _)| time.wrapping_sub(u64::from(NOW))).collect();
    assert_eq!((found, gaps, error), (times, 0, None));
}
