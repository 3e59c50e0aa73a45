//! Packet captures that are damaged or cut.

use std::path::Path;

use super::Row;
use super::imports::import;

fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The header of a pcap file of this version.
fn pcap(major: u16, minor: u16) -> Vec<u8> {
    let version = [major.to_le_bytes(), minor.to_le_bytes()].concat();
    [words(&[0xA1B2_C3D4]), version, words(&[0, 0, 262_144, 1])].concat()
}

fn packet(seconds: u32, captured: u32, original: u32) -> Vec<u8> {
    [words(&[seconds, 0, captured, original]), vec![7; captured as usize]].concat()
}

/// A block of pcapng.
fn block(block_type: u32, body: &[u8]) -> Vec<u8> {
    let length = body.len() as u32 + 12;
    [words(&[block_type, length]), body.to_vec(), words(&[length])].concat()
}

fn section() -> Vec<u8> {
    block(0x0A0D_0D0A, &words(&[0x1A2B_3C4D, 1, u32::MAX, u32::MAX]))
}

/// A section with an interface of this snap length and resolution.
fn interface(snap_bytes: u32, tsresol: u8) -> Vec<u8> {
    let options = [9, 0, 1, 0, tsresol, 0, 0, 0];
    [section(), block(1, &[words(&[1, snap_bytes]), options.to_vec(), words(&[0])].concat())].concat()
}

fn enhanced(interface: u32, time: u64, bytes: u32) -> Vec<u8> {
    let body = words(&[interface, (time >> 32) as u32, time as u32, bytes, bytes]);
    block(6, &[body, vec![7; bytes.next_multiple_of(4) as usize]].concat())
}

/// Statistics of an interface that has dropped this many packets.
fn dropped(interface: u32, packets: u32) -> Vec<u8> {
    let option = [vec![5, 0, 8, 0], words(&[packets, 0, 0])].concat();
    block(5, &[words(&[interface, 0, 0]), option].concat())
}

fn simple(original: u32, room: u32) -> Vec<u8> {
    block(3, &[words(&[original]), vec![7; room as usize]].concat())
}

fn of_pcap(folder: &Path) -> Vec<Row> {
    let run = |name, parts: &[Vec<u8>]| import(folder, name, "a.pcap", &parts.concat(), "");
    let (header, whole) = (pcap(2, 4), packet(1, 4, 4));
    let huge = words(&[1, 0, 1 << 30, 1 << 30]);
    vec![
        run("a capture that is none", &[b"no capture, but long enough".to_vec()]),
        run("a capture that ends in its header", &[header[..10].to_vec()]),
        run("a capture of version 2.5", &[pcap(2, 5)]),
        run("a capture that ends in a packet", &[header.clone(), whole.clone(), whole[..9].to_vec()]),
        run("a capture with a length that cannot be", &[header.clone(), whole.clone(), huge]),
        run("a capture after a capture", &[header.clone(), whole.clone(), header.clone(), whole.clone()]),
        run("zeros up to the end", &[header.clone(), whole.clone(), vec![0; 4096]]),
        run("zeros between packets", &[header.clone(), whole.clone(), vec![0; 64], whole.clone()]),
        run("a packet longer than an event", &[header.clone(), whole.clone(), packet(2, 70_000, 70_000)]),
        run("a packet too long for its fields", &[header.clone(), whole.clone(), packet(2, 65_530, 65_530)]),
        run("a fraction of more than a second", &[header.clone(), words(&[1, 123_456_789, 0, 0])]),
        run("packets that the capture has cut", &[header, packet(1, 4, 60)]),
    ]
}

/// Pcap files with holes, after a packet of 2023.
fn holes_of_pcap(folder: &Path) -> Vec<Row> {
    let whole = packet(1_700_000_000, 4, 4);
    let run = |name, parts: &[Vec<u8>]| {
        import(
            folder,
            name,
            "a.pcap",
            &[vec![pcap(2, 4), whole.clone()], parts.to_vec()].concat().concat(),
            "",
        )
    };
    let ends_in_zero = [words(&[1_700_000_000, 0, 4, 4]), vec![7, 7, 7, 0]].concat();
    let (head, huge) = (words(&[1_700_000_000, 5, 0, 0]), words(&[1_700_000_000, 0, 1 << 30, 1 << 30]));
    let (zeros, noise, whole) = (vec![0; 64], vec![0xFF; 20], whole.clone());
    // Read four bytes too late, the second head is one of January 1970, and its packet has the third.
    let shifted = [words(&[300_000, 60, 60, 0x7070_7070]), vec![7; 56], whole.clone()].concat();
    let overlong = words(&[1_700_000_000, 0, 4000, 4000]);
    vec![
        run("a packet that reaches past the end, and one in it", &[overlong, whole.clone()]),
        run("a head that is read from a wrong place", &[shifted]),
        run("zeros after a packet that ends in one", &[ends_in_zero, zeros.clone()]),
        run("zeros and noise between packets", &[zeros.clone(), noise.clone(), whole.clone()]),
        run("zeros and noise up to the end", &[zeros.clone(), noise]),
        run("a head whose end is in a hole", &[head, zeros.clone(), whole.clone()]),
        run("a head whose start is in a hole", &[words(&[0, 5, 4, 4]), vec![7; 4], whole]),
        run("a damaged head before zeros up to the end", &[huge, zeros]),
    ]
}

fn of_pcapng(folder: &Path) -> Vec<Row> {
    let run = |name, parts: &[Vec<u8>]| import(folder, name, "a.pcapng", &parts.concat(), "");
    let start = interface(0, 9);
    let mut odd_length = enhanced(0, 1, 4);
    let end = odd_length.len() - 4;
    odd_length[end] ^= 0xFF;
    let mut no_order = section();
    no_order[8] ^= 0xFF;
    let later_section = block(0x0A0D_0D0A, &words(&[0x1A2B_3C4D, 2, u32::MAX, u32::MAX]));
    vec![
        run("a section without a byte order", &[no_order]),
        run("zeros between blocks", &[start.clone(), enhanced(0, 1, 4), vec![0; 64], enhanced(0, 1, 4)]),
        run(
            "zeros before the first interface",
            &[section(), vec![0; 64], start[28..].to_vec(), enhanced(0, 1, 4)],
        ),
        run("a block whose lengths differ", &[start.clone(), odd_length, enhanced(0, 1, 4)]),
        run("a packet of an interface that is not there", &[start.clone(), enhanced(5, 1, 4)]),
        run("a simple packet without an interface", &[section(), simple(4, 4)]),
        run("a packet with an impossible time", &[interface(0, 0), enhanced(0, u64::MAX, 4)]),
        run("a capture that dropped packets", &[start.clone(), enhanced(0, 1, 4), dropped(0, 1200)]),
        run("a simple packet in a shorter block", &[start.clone(), simple(60, 4)]),
        run(
            "a packet before the first time",
            &[start.clone(), simple(4, 4), enhanced(0, 1, 4), simple(4, 4)],
        ),
        run("packets of which none has a time", &[start.clone(), simple(4, 4)]),
        run("a section of version 2.0", &[start.clone(), enhanced(0, 1, 4), later_section]),
        run(
            "an interface that is described after a hole",
            &[start.clone(), enhanced(0, 1, 4), vec![0; 64], start[28..].to_vec(), enhanced(1, 1, 4)],
        ),
    ]
}

pub(super) fn rows(folder: &Path) -> Vec<Row> {
    [of_pcap(folder), holes_of_pcap(folder), of_pcapng(folder)].concat()
}
