//! Generated captures of every kind are read exactly: each byte order, version, resolution and type of block.

mod holes;

use std::io::Write;

use super::PcapFeed;
use crate::feed::{Feed, FeedError, Next};

const START: u64 = 1_700_000_000_000_000_000;

/// A packet: nanoseconds since 1970, the captured bytes, and the original length.
type Packet = (u64, Vec<u8>, u32);

type Events = Vec<(u64, Vec<u8>)>;

/// Makes packets, among them an empty one, a cut one and the longest; times are multiples of `step` apart.
fn packets(step: u64) -> Vec<Packet> {
    let lengths = [(60, 60), (0, 0), (0, 9), (64, 1500), (65_535, 65_535), (1, 1), (2, 2), (3, 70_000)];
    let packet = |(at, (captured, original)): (u64, (usize, u32))| {
        let bytes = (0..captured).map(|byte| (byte as u64 * 7 + at) as u8).collect();
        (START + at * at * step, bytes, original)
    };
    (0..).zip(lengths).map(packet).collect()
}

/// Writes numbers in a byte order.
struct Words {
    is_big_endian: bool,
    bytes: Vec<u8>,
}

impl Words {
    fn new(is_big_endian: bool) -> Self {
        Self { is_big_endian, bytes: Vec::new() }
    }

    fn word(mut self, value: u32) -> Self {
        self.bytes.extend(if self.is_big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
        self
    }

    fn half(mut self, value: u16) -> Self {
        self.bytes.extend(if self.is_big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
        self
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self
    }

    fn block(self, block_type: u32, body: Self) -> Self {
        let padding = body.bytes.len().next_multiple_of(4) - body.bytes.len();
        let length = (12 + body.bytes.len() + padding) as u32;
        self.word(block_type).word(length).raw(&body.bytes).raw(&vec![0; padding]).word(length)
    }
}

fn pcap(
    is_big_endian: bool,
    magic: u32,
    version: (u16, u16),
    is_swapped: bool,
    packets: &[Packet],
) -> Vec<u8> {
    let mut file = Words::new(is_big_endian).word(magic).half(version.0).half(version.1);
    file = file.word(0).word(0).word(262_144).word(1);
    let unit = if magic == 0xA1B2_3C4D { 1 } else { 1000 };
    for (time, bytes, original) in packets {
        let (seconds, rest) = (time / 1_000_000_000, time % 1_000_000_000);
        let captured = bytes.len() as u32;
        let (first, second) = if is_swapped { (*original, captured) } else { (captured, *original) };
        file = file.word(seconds as u32).word((rest / unit) as u32).word(first).word(second);
        if magic == 0xA1B2_CD34 {
            let (interface, protocol, kind) = if *time == 0 { (0, 0, 0) } else { (3, 0x0800, 4) };
            file = file.word(interface).half(protocol).raw(&[kind, 0]);
        }
        file = file.raw(bytes);
    }
    file.bytes
}

fn section(is_big_endian: bool) -> Words {
    let body = Words::new(is_big_endian).word(0x1A2B_3C4D).half(1).half(0).word(u32::MAX).word(u32::MAX);
    Words::new(is_big_endian).block(0x0A0D_0D0A, body)
}

fn interface(is_big_endian: bool, tsresol: Option<u8>, tsoffset: Option<i64>) -> Words {
    let mut body = Words::new(is_big_endian).half(1).half(0).word(0);
    // The name, an option that is skipped.
    body = body.half(2).half(5).raw(b"eth0\0\0\0\0");
    if let Some(tsresol) = tsresol {
        body = body.half(9).half(1).raw(&[tsresol, 0, 0, 0]);
    }
    if let Some(offset) = tsoffset {
        body = body.half(14).half(8);
        body = body.raw(&if is_big_endian { offset.to_be_bytes() } else { offset.to_le_bytes() });
    }
    body.half(0).half(0)
}

fn packet_block(is_big_endian: bool, block_type: u32, units: u64, (_, bytes, original): &Packet) -> Words {
    let body = Words::new(is_big_endian);
    // The second interface; the obsolete block has a count of drops after it.
    let body = if block_type == 2 { body.half(1).half(7) } else { body.word(1) };
    let body = body.word((units >> 32) as u32).word(units as u32).word(bytes.len() as u32).word(*original);
    let body = body.raw(bytes).raw(&vec![0; bytes.len().next_multiple_of(4) - bytes.len()]);
    // A comment as an option.
    body.half(1).half(2).raw(b"hi\0\0").half(0).half(0)
}

fn read(file: &[u8]) -> Result<(Events, PcapFeed), FeedError> {
    let mut named = tempfile::NamedTempFile::new().unwrap();
    named.write_all(file).unwrap();
    let mut feed = PcapFeed::open(named.path(), 0)?;
    let (mut found, mut payload) = (Vec::new(), Vec::new());
    loop {
        match feed.next_event(&mut payload)? {
            Next::Event { timestamp, .. } => found.push((timestamp, payload.clone())),
            Next::End => return Ok((found, feed)),
            other => panic!("{other:?}"),
        }
    }
}

fn events(packets: &[Packet]) -> Events {
    packets.iter().map(|(time, bytes, _)| (*time, bytes.clone())).collect()
}

#[track_caller]
fn assert_read(file: &[u8], packets: &[Packet], what: &str) {
    let (found, feed) = read(file).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(found == events(packets), "{what}: {:?}", found.iter().map(|it| it.0).collect::<Vec<_>>());
    let cut = packets.iter().filter(|(_, bytes, original)| bytes.len() < *original as usize).count();
    let notes = feed.notes();
    assert!(
        notes.iter().any(|note| note.ends_with(&format!("imported as captured: {cut}"))),
        "{what}: {notes:?}"
    );
}

#[test]
fn pcap_of_every_byte_order_magic_and_version() {
    let versions = [
        ((2, 0), true),
        ((2, 1), true),
        ((2, 2), true),
        ((2, 3), true),
        ((2, 3), false),
        ((2, 4), false),
        ((543, 0), true),
    ];
    for is_big_endian in [false, true] {
        for (magic, step) in [(0xA1B2_C3D4, 1_234_567_000), (0xA1B2_3C4D, 1_234_567_891), (0xA1B2_CD34, 7000)]
        {
            for (version, is_swapped) in versions {
                let packets = packets(step);
                let file = pcap(is_big_endian, magic, version, is_swapped, &packets);
                assert_read(&file, &packets, &format!("{is_big_endian} {magic:x} {version:?} {is_swapped}"));
            }
        }
    }
}

#[test]
fn other_versions_are_refused_with_a_remedy() {
    for version in [(0, 0), (1, 0), (2, 5), (3, 0), (0x0200, 0x0400), (543, 1)] {
        let error = read(&pcap(false, 0xA1B2_C3D4, version, false, &packets(1000))).unwrap_err();
        let named = format!("version {}.{}", version.0, version.1);
        assert!(error.to_string().contains(&named) && error.to_string().contains("editcap"), "{error}");
    }
}

#[test]
fn pcapng_of_every_byte_order_block_resolution_and_offset() {
    let resolutions: [(Option<u8>, u64); 8] = [
        (None, 1_000_000),
        (Some(0), 1),
        (Some(3), 1000),
        (Some(6), 1_000_000),
        (Some(9), 1_000_000_000),
        (Some(0x80), 1),
        (Some(0x80 | 4), 16),
        (Some(0x80 | 9), 512),
    ];
    for is_big_endian in [false, true] {
        for (tsresol, per_second) in resolutions {
            for offset in [None, Some(0), Some(1_699_999_000), Some(-5)] {
                let packets = packets(1_000_000_000 / per_second);
                let mut file = section(is_big_endian)
                    .block(1, interface(is_big_endian, Some(1), None))
                    .block(1, interface(is_big_endian, tsresol, offset));
                for (number, packet) in packets.iter().enumerate() {
                    let nanos = i128::from(packet.0) - i128::from(offset.unwrap_or(0)) * 1_000_000_000;
                    let units = (nanos * i128::from(per_second) / 1_000_000_000) as u64;
                    let block_type = if number % 2 == 0 { 6 } else { 2 };
                    file = file.block(block_type, packet_block(is_big_endian, block_type, units, packet));
                    // A block of statistics, which gives no packet.
                    file = file.block(5, Words::new(is_big_endian).word(0).word(0).word(0));
                }
                assert_read(&file.bytes, &packets, &format!("{is_big_endian} {tsresol:?} {offset:?}"));
            }
        }
    }
}

#[test]
fn a_damaged_interface_keeps_its_number_and_gives_no_wrong_time() {
    let packet = (START, b"packet".to_vec(), 6);
    for (is_big_endian, has_wrong_end) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut damaged = interface(is_big_endian, Some(6), None);
        if !has_wrong_end {
            // The first option claims more bytes than there are.
            damaged.bytes[10..12].copy_from_slice(&[0x7F, 0x7F]);
        }
        let mut file = section(is_big_endian).block(1, damaged);
        if has_wrong_end {
            // The length at the end of the block.
            *file.bytes.last_mut().unwrap() = 0x77;
        }
        file = file.block(1, interface(is_big_endian, Some(9), None));
        file = file.block(6, packet_block(is_big_endian, 6, START, &packet));
        let mut named = tempfile::NamedTempFile::new().unwrap();
        named.write_all(&file.bytes).unwrap();
        let mut feed = PcapFeed::open(named.path(), 0).unwrap();
        let mut payload = Vec::new();
        assert!(matches!(feed.next_event(&mut payload).unwrap(), Next::Lost(_)));
        let next = feed.next_event(&mut payload).unwrap();
        assert_eq!((next, &payload[..]), (Next::Event { timestamp: START, event_type: 0 }, &b"packet"[..]));
    }
}

fn simple(is_big_endian: bool, bytes: &[u8]) -> Words {
    Words::new(is_big_endian).word(bytes.len() as u32).raw(bytes)
}

#[test]
fn packets_before_the_first_time_take_that_one_and_later_ones_that_of_the_one_before() {
    for is_big_endian in [false, true] {
        for untimed in [0, 1, 5, 1000] {
            let mut file = section(is_big_endian)
                .block(1, interface(is_big_endian, Some(9), None))
                .block(1, interface(is_big_endian, Some(9), None));
            let mut expected = Vec::new();
            for number in 0..untimed {
                let bytes = format!("simple {number}").into_bytes();
                file = file.block(3, simple(is_big_endian, &bytes));
                expected.push((START, bytes));
            }
            for time in [START, START + 9] {
                let packet = (time, b"timed".to_vec(), 5);
                file = file.block(6, packet_block(is_big_endian, 6, time, &packet));
                file = file.block(3, simple(is_big_endian, b"after"));
                expected.extend([(time, b"timed".to_vec()), (time, b"after".to_vec())]);
            }
            let (found, feed) = read(&file.bytes).unwrap();
            assert!(found == expected, "{untimed}: {found:?}");
            let notes = feed.notes().join("\n");
            assert!(notes.contains("took that of the packet before: 2"), "{notes}");
            let first = format!("took that of the first one with: {untimed}");
            assert_eq!(notes.contains(&first), untimed > 0, "{notes}");
        }
    }
}

#[test]
fn a_capture_without_any_time_takes_that_of_its_import() {
    let before = crate::terminal::words::unix_now();
    let file = section(false).block(1, interface(false, None, None));
    let file = file.block(3, simple(false, b"one")).block(3, simple(false, b"two"));
    let (found, feed) = read(&file.bytes).unwrap();
    assert_eq!((found.len(), found[0].0), (2, found[1].0));
    assert!((before..=crate::terminal::words::unix_now()).contains(&found[0].0));
    assert!(feed.notes()[0].contains("took that of the import: 2"), "{:?}", feed.notes());
}

#[test]
fn zeros_after_the_last_packet_are_reported_once_with_offset_and_length() {
    let packets = packets(1000);
    let pcapng = section(true).block(1, interface(true, None, None)).block(1, interface(true, Some(9), None));
    let pcapng = packets
        .iter()
        .fold(pcapng, |file, packet| file.block(6, packet_block(true, 6, packet.0, packet)))
        .bytes;
    let mut files = vec![pcapng];
    for (is_big_endian, magic) in [(false, 0xA1B2_C3D4), (true, 0xA1B2_3C4D), (true, 0xA1B2_CD34)] {
        files.push(pcap(is_big_endian, magic, (2, 4), false, &packets));
        files.push(pcap(is_big_endian, magic, (2, 4), false, &[]));
    }
    for (file, zeros) in
        files.iter().flat_map(|file| [1, 15, 16, 24, 4096, 600_001].map(|zeros| (file, zeros)))
    {
        let mut named = tempfile::NamedTempFile::new().unwrap();
        named.write_all(&[&file[..], &vec![0; zeros]].concat()).unwrap();
        let mut feed = PcapFeed::open(named.path(), 0).unwrap();
        let (mut payload, mut events) = (Vec::new(), 0);
        let loss = loop {
            match feed.next_event(&mut payload).unwrap() {
                Next::Event { .. } => events += 1,
                Next::Lost(loss) => break loss,
                other => panic!("{other:?} after {events} events, {zeros} zeros"),
            }
        };
        assert!([0, packets.len()].contains(&events), "{events}");
        let skip = loss.skip.unwrap();
        assert_eq!((loss.gap.count, skip.offset), (0, file.len() as u64), "{zeros}: {}", skip.what);
        assert!(skip.what.starts_with(&format!("{zeros} zero bytes up to the end")), "{}", skip.what);
        assert_eq!(feed.next_event(&mut payload).unwrap(), Next::End);
        assert_eq!(feed.read_bytes(), (file.len() + zeros) as u64);
    }
}

#[test]
fn zeros_between_packets_are_a_loss_and_the_packets_after_them_are_read() {
    let empty = (0, Vec::new(), 0);
    let zeros_first = START - START % (0x1_0000 * 1_000_000_000);
    for (is_big_endian, magic) in [(false, 0xA1B2_C3D4), (true, 0xA1B2_3C4D), (true, 0xA1B2_CD34)] {
        // The next time starts with zero bytes, or not.
        for (time, count) in [(START, 1), (zeros_first, 1), (START, 100), (zeros_first, 40_000)] {
            let mut around = vec![empty.clone(); count];
            around.insert(0, (START, b"x".to_vec(), 1));
            around.push((time, b"y".to_vec(), 1));
            let mut named = tempfile::NamedTempFile::new().unwrap();
            named.write_all(&pcap(is_big_endian, magic, (2, 4), false, &around)).unwrap();
            let mut feed = PcapFeed::open(named.path(), 0).unwrap();
            let mut payload = Vec::new();
            let mut next = || (feed.next_event(&mut payload).unwrap(), payload.clone());
            let event = |timestamp, byte: u8| (Next::Event { timestamp, event_type: 0 }, vec![byte]);
            assert_eq!(next(), event(START, b'x'));
            let (Next::Lost(loss), _) = next() else { panic!("{count} empty records are lost in silence") };
            let head = if magic == 0xA1B2_CD34 { 24 } else { 16 };
            let skip = loss.skip.unwrap();
            assert!(loss.gap.count == 0 && skip.what.contains("zero bytes where"), "{}", skip.what);
            assert_eq!(skip.offset, 24 + head + 1);
            assert_eq!(next(), event(time, b'y'));
            assert_eq!(next().0, Next::End);
        }
    }
}
