//! Packet captures (pcap and pcapng), with each packet as an event.
//!
//! Every message names an offset. A length in a file never decides an allocation, and an I/O error stays an I/O error.

mod described;
pub(crate) mod header;
mod hole;
pub(crate) mod packet;
pub(crate) mod pcapng;
pub(crate) mod time;

use std::io::{BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use crate::feed::{Feed, FeedError, Loss, Next, Skip, UNFINISHED};
use crate::input::Input;
use crate::terminal::words::unix_now;
pub(crate) use described::PACKET;
use header::PcapHeader;
use packet::{BLOCK_BYTES_MAX, Found, PCAPNG_MAGIC};
use pcapng::{Section, SectionProblem};
use ringlog::event::{Gap, GapReason, MAX_PAYLOAD};
use ringlog::storage::SchemaList;

/// Longest time between the last packet and one after damage; a packet with another time is not taken for one.
const YEAR_NANOS: u64 = 366 * 86_400 * 1_000_000_000;

/// Whether a file that starts with these bytes is a packet capture.
pub(super) fn is_capture(magic: [u8; 4]) -> bool {
    magic == PCAPNG_MAGIC || PcapHeader::has_magic(magic)
}

/// Whether a capture of version 2.4 starts here, in either byte order.
fn begins_pcap(head: &[u8]) -> bool {
    let is_usual = matches!(head.get(4..8), Some([2, 0, 4, 0] | [0, 2, 0, 4]));
    is_usual && head.first_chunk().is_some_and(|magic| PcapHeader::has_magic(*magic))
}

/// Whether another capture starts here: then two files were joined.
fn begins_other(kind: &Kind, head: &[u8]) -> bool {
    let begins_pcapng = || head.starts_with(&PCAPNG_MAGIC) && Section::new(false).restart(head).is_ok();
    begins_pcap(head) || (matches!(kind, Kind::Pcap { .. }) && begins_pcapng())
}

#[derive(Debug)]
enum Kind {
    Pcap { header: PcapHeader },
    PcapNg { section: Section },
}

/// The next part of a capture.
enum Block {
    /// A whole packet or block, which is in the buffer.
    Whole,
    /// Bytes in the place of packets; a `count` of 0 means an unknown number.
    Missing { bytes: u64, count: u64, what: String },
    /// The end of the file.
    End,
}

/// Gives each packet as an event, with its captured bytes and the time at which it was captured.
///
/// A packet without a time gets the time of the packet before. Packets before the first time get that time. If no
/// packet of the file has a time, all get the time of the import, as lines do.
#[derive(Debug)]
pub(crate) struct PcapFeed {
    path: PathBuf,
    reader: BufReader<Input>,
    offset: u64,
    block: Vec<u8>,
    /// Bytes that were already read and come before those of the reader.
    ahead: Cursor<Vec<u8>>,
    /// The time of the packet before.
    last_time: Option<u64>,
    /// Whether the packet before ends in a zero, which may already belong to a hole.
    ends_in_zero: bool,
    kind: Kind,
    event_type: u8,
    cut_packets: u64,
    /// The number of packets before the first time, and the time that they get.
    untimed: Option<(u64, FirstTime)>,
    /// Whether the fields of the type `packet` are before the bytes of a packet.
    has_heads: bool,
    schemas: SchemaList,
    leaves_unfinished: bool,
    has_left: bool,
}

#[derive(Clone, Copy, Debug)]
enum FirstTime {
    OfPacket(u64),
    OfImport(u64),
}

impl PcapFeed {
    /// Opens a capture and reads its header.
    pub(crate) fn open(path: &Path, event_type: u8) -> Result<Self, FeedError> {
        let what = || path.display().to_string();
        let input =
            Input::open(path).map_err(|source| FeedError::Io { action: "open", what: what(), source })?;
        let mut feed = Self {
            path: path.into(),
            reader: BufReader::with_capacity(256 * 1024, input),
            offset: 0,
            block: Vec::new(),
            ahead: Cursor::default(),
            last_time: None,
            ends_in_zero: false,
            kind: Kind::PcapNg { section: Section::new(false) },
            event_type,
            cut_packets: 0,
            untimed: None,
            has_heads: false,
            schemas: SchemaList::new(),
            leaves_unfinished: false,
            has_left: false,
        };
        feed.read_magic()?;
        Ok(feed)
    }

    /// Reads what decides the format: a whole pcap header, or the start of a pcapng section.
    fn read_magic(&mut self) -> Result<(), FeedError> {
        self.read_into_block(4)?;
        if self.block == PCAPNG_MAGIC {
            return self.begin_section()?.map_or(Ok(()), |problem| Err(self.damaged_here(problem)));
        }
        self.read_into_block(PcapHeader::BYTES)?;
        match PcapHeader::parse(&self.block) {
            Ok(header) => self.kind = Kind::Pcap { header },
            Err(problem) => return Err(self.damaged(problem)),
        }
        self.pass_bytes(PcapHeader::BYTES as u64);
        Ok(())
    }

    /// Extends `block` to `bytes` bytes; `false` if the file ends before that.
    fn read_into_block(&mut self, bytes: usize) -> Result<bool, FeedError> {
        let missing = bytes.saturating_sub(self.block.len());
        let input = (&mut self.ahead).chain(&mut self.reader);
        let read = input.take(missing as u64).read_to_end(&mut self.block);
        read.map(|read| read == missing).map_err(|source| self.read_error(source))
    }

    fn read_error(&self, source: std::io::Error) -> FeedError {
        FeedError::Io { action: "read", what: self.path.display().to_string(), source }
    }

    fn pass_bytes(&mut self, bytes: u64) {
        self.offset += bytes;
        self.block.clear();
    }

    /// Reads on to the next whole block; `false` if there is none up to the end or an error.
    fn find_whole(&mut self) -> bool {
        loop {
            match self.read_block() {
                Ok(Block::Whole) => return true,
                Ok(Block::Missing { bytes, .. }) => self.pass_bytes(bytes),
                Ok(Block::End) | Err(_) => return false,
            }
        }
    }

    fn damaged(&self, problem: impl Into<String>) -> FeedError {
        FeedError::Damaged { path: self.path.clone(), offset: self.offset, problem: problem.into() }
    }

    /// Returns an error at this offset. Events before it are in the log.
    fn damaged_here(&self, problem: impl std::fmt::Display) -> FeedError {
        self.damaged(format!(
            "damaged capture: {problem}; what is before was imported; copy the file again, or repair it with `pcapfix`"
        ))
    }

    fn truncated(&self, bytes: usize) -> FeedError {
        let have = self.block.len();
        self.damaged(format!(
            "the capture is cut short: {have} of {bytes} bytes; what is before was imported; copy the file again for the rest"
        ))
    }

    /// Ends in the middle of a packet or block, of which this many bytes should be there.
    fn end_inside(&mut self, bytes: usize) -> Result<Block, FeedError> {
        self.has_left = self.leaves_unfinished;
        if self.leaves_unfinished { Ok(Block::End) } else { Err(self.truncated(bytes)) }
    }

    /// Returns the length of the head of a packet or block.
    fn head_bytes(&self) -> usize {
        match &self.kind {
            Kind::Pcap { header } => header.record_head_bytes(),
            Kind::PcapNg { .. } => Section::BLOCK_HEAD_BYTES,
        }
    }

    /// Reads the next block or packet.
    fn read_block(&mut self) -> Result<Block, FeedError> {
        let head_bytes = self.head_bytes();
        let is_whole = self.read_into_block(head_bytes)?;
        if self.block.is_empty() {
            return Ok(Block::End);
        }
        if self.block.iter().all(|&byte| byte == 0) {
            return self.pass_zeros();
        }
        if !is_whole {
            return self.end_inside(head_bytes);
        }
        if self.block.starts_with(&PCAPNG_MAGIC)
            && let Some(problem) = self.begin_section()?
        {
            return self.pass_damage(None, problem);
        }
        if self.hole_begins()? {
            return self.pass_damage(None, "a head of a packet that ends in zeros".into());
        }
        let bytes = match self.block_bytes(head_bytes)? {
            Ok(bytes) => bytes,
            Err(problem) => return self.pass_damage(None, problem),
        };
        if let Some(block) = self.pass_shifted(bytes)? {
            return Ok(block);
        }
        if !self.read_into_block(bytes)? {
            return if self.leaves_unfinished { self.end_inside(bytes) } else { self.pass_overlong(bytes) };
        }
        match &self.kind {
            Kind::PcapNg { section } if !section.is_whole(&self.block) => {
                let problem = section.damaged_words(&self.block);
                let block_type = section.block_type(&self.block);
                let found = self.pass_damage(Some(bytes), problem)?;
                if let (Kind::PcapNg { section }, Block::Missing { bytes, count: 1, .. }) =
                    (&mut self.kind, &found)
                {
                    section.lose_block(block_type, *bytes);
                }
                Ok(found)
            }
            _ => Ok(Block::Whole),
        }
    }

    /// Reads the start of a section; returns the problem if the section may be damaged.
    fn begin_section(&mut self) -> Result<Option<String>, FeedError> {
        let Kind::PcapNg { .. } = self.kind else { return Ok(None) };
        if !self.read_into_block(Section::START_BYTES)? {
            return Err(self.truncated(Section::START_BYTES));
        }
        let Kind::PcapNg { section } = &mut self.kind else { return Ok(None) };
        match section.restart(&self.block) {
            Ok(()) => Ok(None),
            Err(SectionProblem::NoByteOrder) => Ok(Some("a section without a byte order".into())),
            Err(SectionProblem::Version(major, minor)) => Err(self.damaged(format!(
                "a pcapng section of version {major}.{minor}, this program reads 1.0 and 1.2; what is before was imported; \
                 rewrite the file with `editcap -F pcapng`"
            ))),
        }
    }

    /// Returns the length of the block whose head was read, or the problem if no block has that length.
    fn block_bytes(&self, head_bytes: usize) -> Result<Result<usize, String>, FeedError> {
        let head = &self.block;
        let (claimed, least, more) = match &self.kind {
            // Read as a packet, it would be an empty one of the year 2055 or too long; read as a block, an unknown one.
            _ if begins_other(&self.kind, head) => {
                return Err(self.damaged(
                    "another capture begins here; what is before was imported; cut the file here, and import the rest as a \
                     separate file",
                ));
            }
            // A hole that ends inside the head leaves a time in 1970.
            Kind::Pcap { .. }
                if head.starts_with(&[0; 4]) && self.last_time.is_some_and(|it| it > YEAR_NANOS) =>
            {
                return Ok(Err("zero bytes where the time of a packet should be".into()));
            }
            Kind::Pcap { header } => (header.lengths(head).0, 0, head_bytes),
            Kind::PcapNg { section } => (section.block_bytes(head), 12, 0),
        };
        if claimed < least || claimed > BLOCK_BYTES_MAX {
            return Ok(Err(format!("a length of {claimed} bytes")));
        }
        Ok(Ok(claimed as usize + more))
    }

    fn take_apart(&mut self, payload: &mut Vec<u8>) -> Found {
        match &mut self.kind {
            Kind::Pcap { header } => header.take_packet(&self.block, payload),
            Kind::PcapNg { section } => section.take_block(&self.block, payload),
        }
    }

    /// Returns the time for a packet before the first time of the file.
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

    /// Reads ahead to the first time, with a second reader: the packets before it may not fit into memory.
    fn find_first_time(&self) -> Option<u64> {
        let mut ahead = Self::open(&self.path, 0).ok()?;
        let mut payload = Vec::new();
        // Only pcapng blocks may lack a time.
        while ahead.find_whole() {
            if let Found::Packet { timestamp: Some(time), .. } = ahead.take_apart(&mut payload) {
                return Some(time);
            }
            ahead.pass_bytes(ahead.block.len() as u64);
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
                Block::Missing { bytes, count, what } => {
                    self.pass_bytes(bytes);
                    let gap = Gap::new(GapReason::NotReadable, count);
                    return Ok(Next::Lost(Loss { gap, timestamp: None, skip: Some(Skip { offset, what }) }));
                }
                Block::End => return Ok(Next::End),
            }
            let found = self.take_apart(payload);
            self.pass_bytes(self.block.len() as u64);
            if let Found::Packet { timestamp: time @ Some(_), .. } = found {
                self.last_time = time;
                self.ends_in_zero = payload.last() == Some(&0);
            }
            match found {
                Found::Nothing => {}
                Found::Unusable(what) => {
                    return Ok(Next::Lost(Loss::skipped(GapReason::NotReadable, None, offset, what)));
                }
                Found::Packet { timestamp, .. } if payload.len() > self.most_packet_bytes() => {
                    let most = self.most_packet_bytes();
                    let remedy =
                        if payload.len() > MAX_PAYLOAD { "" } else { "; --payload-only has room for it" };
                    let what = format!("packet of {} bytes, an event holds {most}{remedy}", payload.len());
                    return Ok(Next::Lost(Loss::skipped(GapReason::TooLong, timestamp, offset, what)));
                }
                Found::Packet { timestamp, original_bytes } => {
                    self.cut_packets += u64::from(payload.len() < original_bytes as usize);
                    let timestamp = timestamp.unwrap_or_else(|| self.first_time());
                    if self.has_heads {
                        self.source().put_before(original_bytes, payload);
                    }
                    return Ok(Next::Event { timestamp, event_type: self.event_type });
                }
            }
        }
    }

    fn schemas(&self) -> SchemaList {
        self.schemas.clone()
    }

    fn read_bytes(&self) -> u64 {
        self.offset
    }

    fn leave_unfinished(&mut self) {
        self.leaves_unfinished = true;
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        notes.extend(self.has_left.then(|| UNFINISHED.into()));
        if self.cut_packets > 0 {
            notes.push(format!(
                "packets that the snap length had cut when they were captured, imported as captured: {}",
                self.cut_packets
            ));
        }
        notes.extend(self.untimed_note());
        notes.extend(self.reader.get_ref().padding().note());
        match &self.kind {
            Kind::Pcap { header } => notes.extend(header.note()),
            Kind::PcapNg { section } => notes.extend(section.notes()),
        }
        notes
    }
}

#[cfg(test)]
mod tests;
