//! Packet captures: pcap and pcapng. A packet is an event.
//!
//! Blocks are framed here, so that every message can name an offset, nothing is allocated by a length that
//! a file claims, and an I/O error stays one; `pcap-parser` takes the whole block apart.

use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use pcap_parser::{PcapHeader, parse_pcap_header};

use super::pcap_time::TimeUnit;
use super::pcapng::{Section, first_block_is_big_endian};
use crate::cli::feed::{Feed, FeedError, Loss, Next};
use crate::cli::input::Input;
use crate::event::{GapReason, MAX_PAYLOAD};

/// No packet and no block is that long: a length beyond it is damage.
pub(super) const BLOCK_BYTES_MAX: u32 = 64 << 20;
const PCAPNG_MAGIC: [u8; 4] = [0x0A, 0x0D, 0x0D, 0x0A];

/// Whether a file that starts with these bytes is a packet capture.
pub(super) fn is_capture(magic: [u8; 4]) -> bool {
    let known = |word| matches!(word, 0xA1B2_C3D4_u32 | 0xA1B2_3C4D | 0xA1B2_CD34);
    magic == PCAPNG_MAGIC || known(u32::from_le_bytes(magic)) || known(u32::from_be_bytes(magic))
}

/// What a block was found to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// A packet; its bytes are in the payload buffer.
    Packet {
        /// Nanoseconds since 1970.
        timestamp: u64,
        /// Length of the packet before the capture cut it.
        original_bytes: u32,
    },
    /// Not a packet, and nothing is lost by going on.
    Nothing,
    /// A packet that cannot be an event, or a block that cannot be read.
    Unusable(String),
}

#[derive(Debug)]
enum Kind {
    Pcap { header: PcapHeader },
    PcapNg { section: Section },
}

/// Gives each packet as an event, with its captured bytes and the time at which it was captured.
#[derive(Debug)]
pub(crate) struct PcapFeed {
    path: PathBuf,
    reader: BufReader<Input>,
    offset: u64,
    block: Vec<u8>,
    kind: Kind,
    event_type: u8,
    cut_packets: u64,
}

impl PcapFeed {
    /// Opens a capture and reads what it starts with.
    pub(crate) fn open(path: &Path, event_type: u8) -> Result<Self, FeedError> {
        let what = || path.display().to_string();
        let file =
            Input::open(path).map_err(|source| FeedError::Io { action: "open", what: what(), source })?;
        let kind = Kind::PcapNg { section: Section::new(false) };
        let reader = BufReader::with_capacity(256 * 1024, file);
        let (path, block) = (path.into(), Vec::new());
        let mut feed = Self { path, reader, offset: 0, block, kind, event_type, cut_packets: 0 };
        feed.read_magic()?;
        Ok(feed)
    }

    /// Reads as much as tells the format: a whole pcap header, or the first 4 bytes of a pcapng section.
    fn read_magic(&mut self) -> Result<(), FeedError> {
        self.read_into_block(4)?;
        if self.block == PCAPNG_MAGIC {
            return Ok(());
        }
        self.read_into_block(24)?;
        match parse_pcap_header(&self.block) {
            Ok((_, header)) => self.kind = Kind::Pcap { header },
            Err(_) => return Err(self.damaged("no packet capture starts like this; give --format")),
        }
        self.pass_block();
        Ok(())
    }

    /// Extends `block` to `bytes` bytes; whether there were as many.
    fn read_into_block(&mut self, bytes: usize) -> Result<bool, FeedError> {
        let missing = bytes.saturating_sub(self.block.len());
        let read = self.reader.by_ref().take(missing as u64).read_to_end(&mut self.block);
        match read {
            Ok(read) => Ok(read == missing),
            Err(source) => {
                Err(FeedError::Io { action: "read", what: self.path.display().to_string(), source })
            }
        }
    }

    fn pass_block(&mut self) {
        self.offset += self.block.len() as u64;
        self.block.clear();
    }

    fn damaged(&self, problem: impl Into<String>) -> FeedError {
        FeedError::Damaged { path: self.path.clone(), offset: self.offset, problem: problem.into() }
    }

    fn truncated(&self, bytes: usize) -> FeedError {
        let have = self.block.len();
        self.damaged(format!(
            "the capture is cut short: {have} of {bytes} bytes; what is before was imported"
        ))
    }

    /// Reads the next block or packet as a whole; `false` at the end of the file.
    fn read_block(&mut self) -> Result<bool, FeedError> {
        let head_bytes = match &self.kind {
            Kind::Pcap { header } if header.is_modified_format() => 24,
            Kind::Pcap { .. } => 16,
            Kind::PcapNg { .. } => 12,
        };
        if !self.read_into_block(head_bytes)? {
            return if self.block.is_empty() { Ok(false) } else { Err(self.truncated(head_bytes)) };
        }
        let bytes = self.block_bytes(head_bytes)?;
        if self.read_into_block(bytes)? { Ok(true) } else { Err(self.truncated(bytes)) }
    }

    /// The length of the block whose head was read, bounded.
    fn block_bytes(&mut self, head_bytes: usize) -> Result<usize, FeedError> {
        let head = &self.block;
        let (claimed, least, more) = match &mut self.kind {
            Kind::Pcap { header } => (word_at(head, 8, header.is_bigendian()), 0, head_bytes),
            Kind::PcapNg { section } => {
                if head.starts_with(&PCAPNG_MAGIC) {
                    match first_block_is_big_endian(head) {
                        Some(is_big_endian) => section.restart(is_big_endian),
                        None => return Err(self.damaged("pcapng section without a byte order")),
                    }
                }
                (word_at(head, 4, section.is_big_endian()), 12, 0)
            }
        };
        if claimed < least || claimed > BLOCK_BYTES_MAX {
            return Err(self.damaged(format!("damaged capture: a length of {claimed} bytes")));
        }
        Ok(claimed as usize + more)
    }

    fn take_apart(&mut self, payload: &mut Vec<u8>) -> Found {
        match &mut self.kind {
            Kind::Pcap { header } => take_packet(header, &self.block, payload),
            Kind::PcapNg { section } => section.take_block(&self.block, payload),
        }
    }
}

impl Feed for PcapFeed {
    fn next_event(&mut self, payload: &mut Vec<u8>) -> Result<Next, FeedError> {
        while self.read_block()? {
            let found = self.take_apart(payload);
            let offset = self.offset;
            self.pass_block();
            match found {
                Found::Nothing => {}
                Found::Unusable(what) => {
                    return Ok(Next::Lost(Loss::skipped(GapReason::NotReadable, None, offset, what)));
                }
                Found::Packet { timestamp, .. } if payload.len() > MAX_PAYLOAD => {
                    let what = format!("packet of {} bytes, an event holds {MAX_PAYLOAD}", payload.len());
                    return Ok(Next::Lost(Loss::skipped(GapReason::TooLong, Some(timestamp), offset, what)));
                }
                Found::Packet { timestamp, original_bytes } => {
                    self.cut_packets += u64::from(payload.len() < original_bytes as usize);
                    return Ok(Next::Event { timestamp, event_type: self.event_type });
                }
            }
        }
        Ok(Next::End)
    }

    fn read_bytes(&self) -> u64 {
        self.offset
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.cut_packets > 0 {
            notes.push(format!(
                "{} packets were cut by the capture's snap length and imported as captured",
                self.cut_packets
            ));
        }
        if let Kind::PcapNg { section } = &self.kind {
            notes.extend(section.note());
        }
        notes
    }
}

fn take_packet(header: &PcapHeader, block: &[u8], payload: &mut Vec<u8>) -> Found {
    use pcap_parser::{parse_pcap_frame, parse_pcap_frame_be, parse_pcap_frame_modified};
    let parsed = match (header.is_modified_format(), header.is_bigendian()) {
        (true, _) => parse_pcap_frame_modified(block),
        (false, true) => parse_pcap_frame_be(block),
        (false, false) => parse_pcap_frame(block),
    };
    let Ok((_, packet)) = parsed else {
        return Found::Unusable("packet that cannot be read".into());
    };
    payload.clear();
    payload.extend_from_slice(packet.data);
    let unit = if header.is_nanosecond_precision() { TimeUnit::NANOS } else { TimeUnit::MICROS };
    let per_second = if header.is_nanosecond_precision() { 1_000_000_000 } else { 1_000_000 };
    let units = u64::from(packet.ts_sec) * per_second + u64::from(packet.ts_usec);
    match unit.to_nanos(units) {
        Some(timestamp) => Found::Packet { timestamp, original_bytes: packet.origlen },
        None => Found::Unusable(format!("packet with an impossible time of {units} units")),
    }
}

/// The 32-bit word at `at`, 0 where there is none.
pub(super) fn word_at(bytes: &[u8], at: usize, is_big_endian: bool) -> u32 {
    match bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(word) if is_big_endian => u32::from_be_bytes(*word),
        Some(word) => u32::from_le_bytes(*word),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

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
    fn no_capture_panics_or_loops_whatever_its_bytes() {
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
}
