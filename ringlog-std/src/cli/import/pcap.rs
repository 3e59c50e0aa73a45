//! Packet captures: pcap and pcapng. A packet is an event.
//!
//! Every message names an offset, nothing is allocated by a length that a file claims, and an I/O error stays one.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::pcap_header::PcapHeader;
use super::pcapng::{Section, first_block_is_big_endian};
use crate::cli::feed::{Feed, FeedError, Loss, Next, Skip};
use crate::cli::input::Input;
use crate::cli::text::unix_now;
use crate::event::{GapReason, MAX_PAYLOAD};

/// No packet and no block is that long: a length beyond it is damage.
pub(super) const BLOCK_BYTES_MAX: u32 = 64 << 20;
const PCAPNG_MAGIC: [u8; 4] = [0x0A, 0x0D, 0x0D, 0x0A];

/// Whether a file that starts with these bytes is a packet capture.
pub(super) fn is_capture(magic: [u8; 4]) -> bool {
    magic == PCAPNG_MAGIC || PcapHeader::has_magic(magic)
}

/// Whether a capture of the usual version begins here, in either byte order.
fn begins_pcap(head: &[u8]) -> bool {
    let is_usual = matches!(head.get(4..8), Some([2, 0, 4, 0] | [0, 2, 0, 4]));
    is_usual && head.first_chunk().is_some_and(|magic| PcapHeader::has_magic(*magic))
}

/// What a block was found to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// A packet; its bytes are in the payload buffer.
    Packet {
        /// Nanoseconds since 1970; `None` if neither this packet nor one before it has a time.
        timestamp: Option<u64>,
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

/// What comes next in a capture.
enum Block {
    /// A packet or a block, as a whole in the buffer.
    Whole,
    /// The number of zero bytes in the place of packets.
    Zeros { bytes: u64, is_end: bool },
    /// The end of the file.
    End,
}

/// Gives each packet as an event, with its captured bytes and the time at which it was captured.
///
/// A packet without a time takes that of the packet before. Those before the first time take that one; where no packet of
/// the file has a time, they take the time of the import, as lines do.
#[derive(Debug)]
pub(crate) struct PcapFeed {
    path: PathBuf,
    reader: BufReader<Input>,
    offset: u64,
    block: Vec<u8>,
    /// Zero bytes that were read already and begin the next record.
    zeros_ahead: usize,
    kind: Kind,
    event_type: u8,
    cut_packets: u64,
    /// How many packets came before the first time, and the time that they take.
    untimed: Option<(u64, FirstTime)>,
}

#[derive(Clone, Copy, Debug)]
enum FirstTime {
    OfPacket(u64),
    OfImport(u64),
}

impl PcapFeed {
    /// Opens a capture and reads what it starts with.
    pub(crate) fn open(path: &Path, event_type: u8) -> Result<Self, FeedError> {
        let what = || path.display().to_string();
        let input =
            Input::open(path).map_err(|source| FeedError::Io { action: "open", what: what(), source })?;
        let mut feed = Self {
            path: path.into(),
            reader: BufReader::with_capacity(256 * 1024, input),
            offset: 0,
            block: Vec::new(),
            zeros_ahead: 0,
            kind: Kind::PcapNg { section: Section::new(false) },
            event_type,
            cut_packets: 0,
            untimed: None,
        };
        feed.read_magic()?;
        Ok(feed)
    }

    /// Reads as much as tells the format: a whole pcap header, or the first 4 bytes of a pcapng section.
    fn read_magic(&mut self) -> Result<(), FeedError> {
        self.read_into_block(4)?;
        if self.block == PCAPNG_MAGIC {
            return Ok(());
        }
        self.read_into_block(PcapHeader::BYTES)?;
        match PcapHeader::parse(&self.block) {
            Ok(header) => self.kind = Kind::Pcap { header },
            Err(problem) => return Err(self.damaged(problem)),
        }
        self.pass_block();
        Ok(())
    }

    /// Extends `block` to `bytes` bytes; whether there were as many.
    fn read_into_block(&mut self, bytes: usize) -> Result<bool, FeedError> {
        let missing = bytes.saturating_sub(self.block.len());
        let read = self.reader.by_ref().take(missing as u64).read_to_end(&mut self.block);
        read.map(|read| read == missing).map_err(|source| self.read_error(source))
    }

    fn read_error(&self, source: std::io::Error) -> FeedError {
        FeedError::Io { action: "read", what: self.path.display().to_string(), source }
    }

    fn pass_block(&mut self) {
        self.pass_bytes(self.block.len() as u64);
    }

    fn pass_bytes(&mut self, bytes: u64) {
        self.offset += bytes;
        self.block.clear();
        self.block.resize(std::mem::take(&mut self.zeros_ahead), 0);
    }

    fn damaged(&self, problem: impl Into<String>) -> FeedError {
        FeedError::Damaged { path: self.path.clone(), offset: self.offset, problem: problem.into() }
    }

    fn truncated(&self, bytes: usize) -> FeedError {
        let have = self.block.len();
        self.damaged(format!(
            "the capture is cut short: {have} of {bytes} bytes; what is before was imported; copy the file again for the rest"
        ))
    }

    /// Reads the next block or packet as a whole.
    fn read_block(&mut self) -> Result<Block, FeedError> {
        let head_bytes = match &self.kind {
            Kind::Pcap { header } => header.record_head_bytes(),
            Kind::PcapNg { .. } => 12,
        };
        let is_whole = self.read_into_block(head_bytes)?;
        if self.block.is_empty() {
            return Ok(Block::End);
        }
        if self.block.iter().all(|&byte| byte == 0) {
            return self.read_zeros(head_bytes as u64);
        }
        if !is_whole {
            return Err(self.truncated(head_bytes));
        }
        let bytes = self.block_bytes(head_bytes)?;
        if self.read_into_block(bytes)? { Ok(Block::Whole) } else { Err(self.truncated(bytes)) }
    }

    /// After a head of zeros: counts those that follow.
    ///
    /// A crash and a file that was allocated in advance leave such ends. Taken as pcap records, they would be empty packets
    /// of 1970.
    fn read_zeros(&mut self, head_bytes: u64) -> Result<Block, FeedError> {
        let mut bytes = self.block.len() as u64;
        loop {
            let buffer = match self.reader.fill_buf() {
                Ok([]) => return Ok(Block::Zeros { bytes, is_end: true }),
                Ok(buffer) => buffer,
                Err(source) => return Err(self.read_error(source)),
            };
            let here = buffer.iter().take_while(|&&byte| byte == 0).count();
            let is_last = here < buffer.len();
            self.reader.consume(here);
            bytes += here as u64;
            if is_last {
                break;
            }
        }
        match &self.kind {
            // The next time may begin with zeros.
            Kind::Pcap { .. } => {
                self.zeros_ahead = (bytes % head_bytes) as usize;
                Ok(Block::Zeros { bytes: bytes - bytes % head_bytes, is_end: false })
            }
            Kind::PcapNg { .. } => {
                let what = "where a block should begin; what is before was imported; copy the file again, or repair it with `pcapfix`";
                Err(self.damaged(format!("damaged capture: {bytes} zero bytes {what}")))
            }
        }
    }

    /// The length of the block whose head was read, bounded.
    fn block_bytes(&mut self, head_bytes: usize) -> Result<usize, FeedError> {
        let head = &self.block;
        // As a packet it would be an empty one of the year 2055.
        if matches!(self.kind, Kind::Pcap { .. }) && begins_pcap(head) {
            return Err(self.damaged(
                "another capture begins here; what is before was imported; cut the file here, and import the rest as a file \
                 of its own",
            ));
        }
        let (claimed, least, more) = match &mut self.kind {
            Kind::Pcap { header } => (header.lengths(head).0, 0, head_bytes),
            Kind::PcapNg { section } => {
                if head.starts_with(&PCAPNG_MAGIC) {
                    match first_block_is_big_endian(head) {
                        Some(is_big_endian) => section.restart(is_big_endian),
                        None => return Err(self.damaged("a section without a byte order; copy the file again, or repair it with `pcapfix`")),
                    }
                }
                (word_at(head, 4, section.is_big_endian()), 12, 0)
            }
        };
        if claimed < least || claimed > BLOCK_BYTES_MAX {
            return Err(self.damaged(format!("damaged capture: a length of {claimed} bytes; what is before was imported; copy the file again, or repair it with `pcapfix`")));
        }
        Ok(claimed as usize + more)
    }

    fn take_apart(&mut self, payload: &mut Vec<u8>) -> Found {
        match &mut self.kind {
            Kind::Pcap { header } => header.take_packet(&self.block, payload),
            Kind::PcapNg { section } => section.take_block(&self.block, payload),
        }
    }

    /// The time of a packet before the first time of the file.
    fn first_time(&mut self) -> u64 {
        let (count, first) = match self.untimed {
            Some((count, first)) => (count, first),
            None => (0, self.find_first_time().map_or(FirstTime::OfImport(unix_now()), FirstTime::OfPacket)),
        };
        self.untimed = Some((count + 1, first));
        match first {
            FirstTime::OfPacket(time) | FirstTime::OfImport(time) => time,
        }
    }

    /// Looks through the file once more: the packets until then may be more than memory holds.
    fn find_first_time(&self) -> Option<u64> {
        let mut ahead = Self::open(&self.path, 0).ok()?;
        let mut payload = Vec::new();
        // Only blocks of pcapng may lack a time, and after an error there is nothing to read.
        while matches!(ahead.read_block(), Ok(Block::Whole)) {
            if let Found::Packet { timestamp: Some(time), .. } = ahead.take_apart(&mut payload) {
                return Some(time);
            }
            ahead.pass_block();
        }
        None
    }

    fn untimed_note(&self) -> Option<String> {
        let (count, first) = self.untimed?;
        Some(match first {
            FirstTime::OfPacket(_) => {
                format!(
                    "packets without a time, before any with one, that took that of the first one with: {count}"
                )
            }
            FirstTime::OfImport(_) => {
                format!("no packet of the file has a time; packets that took that of the import: {count}")
            }
        })
    }
}

impl Feed for PcapFeed {
    fn next_event(&mut self, payload: &mut Vec<u8>) -> Result<Next, FeedError> {
        loop {
            let offset = self.offset;
            match self.read_block()? {
                Block::Whole => {}
                Block::Zeros { bytes, is_end } => {
                    self.pass_bytes(bytes);
                    return Ok(Next::Lost(zeros_loss(offset, bytes, is_end)));
                }
                Block::End => return Ok(Next::End),
            }
            let found = self.take_apart(payload);
            self.pass_block();
            match found {
                Found::Nothing => {}
                Found::Unusable(what) => {
                    return Ok(Next::Lost(Loss::skipped(GapReason::NotReadable, None, offset, what)));
                }
                Found::Packet { timestamp, .. } if payload.len() > MAX_PAYLOAD => {
                    let what = format!("packet of {} bytes, an event holds {MAX_PAYLOAD}", payload.len());
                    return Ok(Next::Lost(Loss::skipped(GapReason::TooLong, timestamp, offset, what)));
                }
                Found::Packet { timestamp, original_bytes } => {
                    self.cut_packets += u64::from(payload.len() < original_bytes as usize);
                    let timestamp = timestamp.unwrap_or_else(|| self.first_time());
                    return Ok(Next::Event { timestamp, event_type: self.event_type });
                }
            }
        }
    }

    fn read_bytes(&self) -> u64 {
        self.offset
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.cut_packets > 0 {
            notes.push(format!(
                "packets that the snap length had cut when they were captured, imported as captured: {}",
                self.cut_packets
            ));
        }
        notes.extend(self.untimed_note());
        if let Kind::PcapNg { section } = &self.kind {
            notes.extend(section.note());
        }
        notes
    }
}

/// Nobody knows how many packets should have been there.
fn zeros_loss(offset: u64, bytes: u64, is_end: bool) -> Loss {
    let place = if is_end { "up to the end of the capture" } else { "where a packet should begin" };
    let what = format!("{bytes} zero bytes {place}: packets that were not written there are missing");
    Loss { skip: Some(Skip { offset, what }), ..Loss::rest() }
}

/// The 32-bit word at `at`, 0 where there is none.
pub(super) fn word_at(bytes: &[u8], at: usize, is_big_endian: bool) -> u32 {
    match bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(word) if is_big_endian => u32::from_be_bytes(*word),
        Some(word) => u32::from_le_bytes(*word),
        None => 0,
    }
}

/// The 16-bit word at `at`, 0 where there is none.
pub(super) fn half_at(bytes: &[u8], at: usize, is_big_endian: bool) -> u16 {
    match bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(half) if is_big_endian => u16::from_be_bytes(*half),
        Some(half) => u16::from_le_bytes(*half),
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
    fn a_second_capture_in_the_same_file_is_no_packet() {
        let mut file = header(0xA1B2_C3D4);
        packet(&mut file, 1, 0, b"first");
        let second_offset = file.len() as u64;
        file.extend(header(0xA1B2_C3D4));
        let mut feed = open(&file).unwrap();
        assert!(matches!(feed.next_event(&mut Vec::new()).unwrap(), Next::Event { .. }));
        let error = feed.next_event(&mut Vec::new()).unwrap_err();
        assert!(
            matches!(&error, FeedError::Damaged { offset, problem, .. }
            if *offset == second_offset && problem.contains("another capture")),
            "{error}"
        );
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
