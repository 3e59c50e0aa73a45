//! Captures with zeros and damage in them.

use crate::import::capture_table::*;

/// Makes a section with two interfaces that count nanoseconds.
fn described(is_big_endian: bool) -> Vec<u8> {
    let interface = || interface(is_big_endian, Some(9), None);
    section(is_big_endian).block(1, interface()).block(1, interface()).bytes
}

/// The bytes of the file that an event takes, and the event.
type Place = (std::ops::Range<usize>, (u64, Vec<u8>));

/// Makes a capture; also returns the places of its events.
fn places(kind: usize) -> (Vec<u8>, Vec<Place>) {
    let is_big_endian = kind % 2 == 1;
    let packets: Vec<Packet> = (0..60_u64)
        .map(|at| {
            let bytes = (0..40 + at * 37 % 400).map(|byte| ((byte * 7 + at * 31) % 251) as u8 + 1).collect();
            (START + at * 3_000_000_000 + 7_000, bytes, 5000)
        })
        .collect();
    let (mut file, mut places) = match kind {
        0..=1 => (pcap(is_big_endian, 0xA1B2_C3D4, (2, 4), false, &[]), Vec::new()),
        _ => (described(is_big_endian), Vec::new()),
    };
    for packet in &packets {
        let start = file.len();
        file.extend(match kind {
            0..=1 => {
                pcap(is_big_endian, 0xA1B2_C3D4, (2, 4), false, std::slice::from_ref(packet))[24..].to_vec()
            }
            _ => {
                let body = packet_block(is_big_endian, 6, packet.0, packet);
                Words::new(is_big_endian).block(6, body).bytes
            }
        });
        places.push((start..file.len(), (packet.0, packet.1.clone())));
    }
    (file, places)
}

/// Returns the events of a capture up to its end or an error, its messages, and the error.
fn read_on(file: &[u8]) -> (Events, Vec<String>, Option<FeedError>) {
    let mut named = tempfile::NamedTempFile::new().unwrap();
    named.write_all(file).unwrap();
    let mut feed = PcapFeed::open(named.path(), 0).unwrap();
    let (mut payload, mut events, mut reported) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        match feed.next_event(&mut payload) {
            Ok(Next::Event { timestamp, .. }) => events.push((timestamp, payload.clone())),
            Ok(Next::Lost(loss)) => {
                let skip = loss.skip.unwrap();
                reported.push(format!("{}: {}", skip.offset, skip.what));
            }
            Ok(Next::End) => {
                assert_eq!(feed.read_bytes(), file.len() as u64);
                return (events, reported, None);
            }
            Ok(Next::Idle | Next::Kept(_) | Next::Described(_)) => panic!("a file is never idle, and no log"),
            Err(error) => return (events, reported, Some(error)),
        }
    }
}

#[test]
fn all_packets_outside_a_part_of_zeros_are_read_and_the_part_is_reported() {
    for kind in 0..4 {
        let (whole, places) = places(kind);
        for (start, bytes) in
            (0..600).flat_map(|at| [64, 512, 4096].map(|bytes| (places[1].0.start + at * 7, bytes)))
        {
            let hole = start..start + bytes;
            let mut file = whole.clone();
            file[hole.clone()].fill(0);
            let (events, reported, error) = read_on(&file);
            let is_outside =
                |place: &std::ops::Range<usize>| place.end <= hole.start || hole.end <= place.start;
            let outside = places.iter().filter(|(place, _)| is_outside(place));
            let missing: Vec<_> =
                outside.filter(|(_, event)| !events.contains(event)).map(|it| &it.0).take(3).collect();
            assert!(
                missing.is_empty() && error.is_none(),
                "{kind} {hole:?}: {missing:?} {reported:?} {error:?}"
            );
            // A packet in the hole may be read with zeros in it, but never as something else.
            let touched = places.iter().filter(|(place, _)| !is_outside(place)).count();
            let others =
                events.iter().filter(|event| !places.iter().any(|(_, place)| place == *event)).count();
            assert!(others <= touched.min(2), "{kind} {hole:?}: {others} {reported:?}");
            assert!(touched == others || !reported.is_empty(), "{kind} {hole:?}");
        }
    }
}

#[test]
fn a_capture_that_ends_in_zeros_anywhere_in_a_packet_is_read_up_to_there() {
    for kind in 0..4 {
        let (whole, places) = places(kind);
        let last = places[3].0.clone();
        for end in last.start + 1..last.end - 4 {
            let file = [&whole[..end], &vec![0; last.end - end + 700]].concat();
            let (events, reported, error) = read_on(&file);
            assert!(error.is_none() && !reported.is_empty(), "{kind} {end}: {reported:?} {error:?}");
            assert!(events.iter().zip(&places[..3]).all(|(event, place)| *event == place.1), "{kind} {end}");
            assert!((3..=4).contains(&events.len()), "{kind} {end}: {reported:?}");
        }
    }
}

#[test]
fn after_a_hole_an_interface_has_no_number_that_anybody_knows() {
    let packet = |interface: u32| {
        let body = packet_block(false, 6, START, &(START, b"x".to_vec(), 1));
        let mut bytes = Words::new(false).block(6, body).bytes;
        bytes[8..12].copy_from_slice(&interface.to_le_bytes());
        bytes
    };
    let start = described(false);
    let third = Words::new(false).block(1, interface(false, None, None)).bytes;
    let file =
        [&start[..], &packet(0), &[0; 512], &third, &packet(0), &packet(2), &start, &packet(0)].concat();
    let (events, reported, error) = read_on(&file);
    assert!(error.is_none() && reported.len() == 2, "{reported:?} {error:?}");
    assert_eq!(events, vec![(START, b"x".to_vec()); 3]);
    assert!(
        reported[0].contains("512 zero bytes where") && reported[1].contains("interface 2 that is not"),
        "{reported:?}"
    );
}

#[test]
fn zeros_between_the_header_of_a_section_and_its_first_interface_cost_no_packet() {
    for is_big_endian in [false, true] {
        for zeros in [1, 4, 20, 512, 4096, 2_000_000] {
            let header = section(is_big_endian).bytes;
            let (whole, places) = places(2 + usize::from(is_big_endian));
            let part = [&header, &vec![0; zeros][..], &whole[header.len()..]].concat();
            let one: Vec<_> = places.into_iter().map(|(_, event)| event).collect();
            // Fewer zeros than a head are read as one.
            let parts = if zeros < 12 { 1 } else { 2 };
            let (events, reported, error) = read_on(&part.repeat(parts));
            assert!(
                error.is_none() && events == vec![one; parts].concat(),
                "{zeros}: {reported:?} {error:?}"
            );
            let said = format!("{zeros} zero bytes after the header of a section");
            let is_said = |it: &String| zeros < 12 || it.contains(&said);
            assert!(reported.len() == parts && reported.iter().all(is_said), "{reported:?}");
            // Other bytes may have been an interface, which shifts the numbers of the others.
            let damaged = [&header, &vec![0x55; zeros.max(20)][..], &whole[header.len()..]].concat();
            assert!(read_on(&damaged).0.is_empty());
        }
    }
}

#[test]
fn damage_without_a_packet_after_it_is_an_error_with_file_offset_and_remedy() {
    for kind in 0..4 {
        let (whole, places) = places(kind);
        let end = places[2].0.end;
        let noise: Vec<u8> =
            (0..3000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8 | 0x81).collect();
        for damage in [noise, [vec![0; 512], vec![0xEE; 100]].concat()] {
            let (events, reported, error) = read_on(&[&whole[..end], &damage].concat());
            assert!(events.len() == 3 && reported.is_empty(), "{reported:?}");
            let error = error.unwrap();
            assert!(matches!(error, FeedError::Damaged { offset, .. } if offset == end as u64), "{error}");
            let text = error.to_string();
            assert!(text.contains("copy the file again, or repair it with `pcapfix`"), "{text}");
        }
    }
}

#[test]
fn sections_of_other_versions_are_refused_with_the_version_and_a_remedy() {
    for is_big_endian in [false, true] {
        let of_version = |major: u16, minor: u16| {
            let mut bytes = section(is_big_endian).bytes;
            let half = |it: u16| if is_big_endian { it.to_be_bytes() } else { it.to_le_bytes() };
            bytes[12..16].copy_from_slice(&[half(major), half(minor)].concat());
            bytes
        };
        assert!(read(&of_version(1, 2)).is_ok());
        let first = of_version(1, 0);
        for (major, minor) in [(2, 0), (0, 0), (1, 1), (1, 3)] {
            let other = of_version(major, minor);
            for (file, at) in [(other.clone(), 0), ([&first[..], &other].concat(), first.len() as u64)] {
                let error = read(&file).unwrap_err();
                assert!(matches!(error, FeedError::Damaged { offset, .. } if offset == at), "{error}");
                let text = error.to_string();
                assert!(
                    text.contains(&format!("version {major}.{minor}")) && text.contains("editcap"),
                    "{text}"
                );
            }
        }
    }
}
