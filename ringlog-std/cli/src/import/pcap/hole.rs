//! Skips zeros and damage in the place of packets, and finds the next whole packet.

use std::io::{BufRead, Cursor, Read};

use super::{Block, Kind, PcapFeed, YEAR_NANOS};
use crate::feed::FeedError;

/// Longest packet or block that the search finds; a damaged length may claim more.
const FOUND_BYTES_MAX: usize = 1 << 20;
/// Most zero bytes at the start of a number that is not zero.
const NUMBER_ZEROS: u64 = 3;

/// The result of a search.
enum Search {
    /// Bytes that are missing before a whole packet or block, which is read next.
    Found(u64),
    /// No packet up to the end. `zeros` of the bytes, at their end, are zeros.
    Nothing { bytes: u64, zeros: u64 },
}

impl PcapFeed {
    /// Skips zeros after a head of zeros, and finds the next packet.
    ///
    /// A crash or a preallocated file leaves zeros at the end, a disk or a copy that lost pages leaves holes. Read as
    /// pcap records, zeros would be empty packets of 1970.
    pub(super) fn pass_zeros(&mut self) -> Result<Block, FeedError> {
        let (zeros, is_end) = self.count_zeros()?;
        let missing = match self.ends_in_zero {
            true => {
                "packets that were not written there are missing, and the packet before may lack its end, too"
            }
            false => "packets that were not written there are missing",
        };
        if is_end {
            self.block.clear();
            let what = format!("{zeros} zero bytes up to the end of the capture: {missing}");
            return Ok(self.missing(zeros, 0, what));
        }
        let kept = zeros.min(NUMBER_ZEROS);
        self.block.clear();
        self.block.resize(kept as usize, 0);
        match self.find_packet(0)? {
            Search::Found(more) => {
                let bytes = zeros - kept + more;
                let rest = bytes.saturating_sub(zeros);
                // The interfaces of a section follow its header, so none was where the zeros are.
                if let Kind::PcapNg { section } = &self.kind
                    && rest == 0
                    && section.begins_with_interface(self.ahead.get_ref())
                {
                    let what = format!(
                        "{bytes} zero bytes after the header of a section: what was not written there is missing"
                    );
                    return Ok(Block::Missing { bytes, count: 0, what });
                }
                let what = match rest {
                    0 => format!("{bytes} zero bytes where a packet should begin: {missing}"),
                    rest => format!(
                        "{zeros} zero bytes where a packet should begin, and {rest} up to the next packet: {missing}"
                    ),
                };
                Ok(self.missing(bytes, 0, what))
            }
            Search::Nothing { .. } => {
                Err(self.damaged_here(format!("{zeros} zero bytes, and no packet after them")))
            }
        }
    }

    /// Counts zeros from the block on; also returns whether they reach the end of the file.
    fn count_zeros(&mut self) -> Result<(u64, bool), FeedError> {
        let mut bytes = self.block.len() as u64;
        loop {
            let mut input = (&mut self.ahead).chain(&mut self.reader);
            let (here, available) = match input.fill_buf() {
                Ok(buffer) => (buffer.iter().take_while(|&&byte| byte == 0).count(), buffer.len()),
                Err(source) => return Err(self.read_error(source)),
            };
            input.consume(here);
            bytes += here as u64;
            if available == 0 || here < available {
                return Ok((bytes, available == 0));
            }
        }
    }

    /// Finds the next packet after a damaged head, or after a damaged block of `bytes` bytes.
    pub(super) fn pass_damage(&mut self, bytes: Option<usize>, problem: String) -> Result<Block, FeedError> {
        let head_bytes = self.head_bytes() as u64;
        let claimed = bytes.map_or(head_bytes, |bytes| bytes as u64);
        let is_block = |passed: u64| bytes.is_some() && passed == claimed;
        match self.find_packet(1)? {
            // The next packet starts where the block says that it ends.
            Search::Found(bytes) | Search::Nothing { bytes, .. } if is_block(bytes) => {
                Ok(self.missing(bytes, 1, problem))
            }
            Search::Found(bytes) => {
                let what = format!("{problem}; the next packet is {bytes} bytes later");
                Ok(self.missing(bytes, 0, what))
            }
            // The power failed while this packet was being written.
            Search::Nothing { bytes, zeros } if bytes - zeros <= claimed && zeros >= head_bytes => {
                let what = format!("{problem}, and {zeros} zero bytes up to the end of the capture");
                Ok(self.missing(bytes, 0, what))
            }
            Search::Nothing { .. } => Err(self.damaged_here(format!("{problem}, and no packet after it"))),
        }
    }

    /// Finds the next packet after one that reaches past the end of the capture; `claimed` is its length.
    ///
    /// A capture that was cut has no packet after its last one. Only whole packets up to the end show that the length is wrong.
    pub(super) fn pass_overlong(&mut self, claimed: usize) -> Result<Block, FeedError> {
        let Some(at) = (1..self.block.len()).find(|&at| self.reaches_end(at)) else {
            return Err(self.truncated(claimed));
        };
        self.block.drain(..at);
        self.put_back()?;
        let what = format!(
            "a length of {claimed} bytes, past the end of the capture; the next packet is {at} bytes later"
        );
        Ok(self.missing(at as u64, 0, what))
    }

    /// Makes a part of the capture that is missing; a `count` of 0 means an unknown number of packets.
    fn missing(&mut self, bytes: u64, count: u64, what: String) -> Block {
        if let (Kind::PcapNg { section }, 0) = (&mut self.kind, count) {
            section.lose_blocks(bytes);
        }
        Block::Missing { bytes, count, what }
    }

    /// Whether there are packets or blocks from here up to the end, or up to zeros at the end.
    fn reaches_end(&self, from: usize) -> bool {
        let mut at = from;
        while let Some(bytes) = self.plausible_bytes(at) {
            if at + bytes > self.block.len() || !self.is_block(at, at + bytes) {
                return false;
            }
            at += bytes;
        }
        at > from && self.block.get(at..).is_some_and(|rest| rest.iter().all(|&byte| byte == 0))
    }

    /// Finds the next packet if the one of `bytes` bytes that begins here is more than a year from the one before, and the
    /// bytes show that it is none; `None` if it may be one.
    ///
    /// After lost bytes each head is read from a wrong place, and what follows may look like packets of 1970.
    pub(super) fn pass_shifted(&mut self, bytes: usize) -> Result<Option<Block>, FeedError> {
        let Kind::Pcap { header } = &self.kind else { return Ok(None) };
        let header = *header;
        let (Some(time), Some(last)) = (header.time(&self.block), self.last_time) else { return Ok(None) };
        if last < YEAR_NANOS || time.abs_diff(last) < YEAR_NANOS {
            return Ok(None);
        }
        let head_bytes = self.head_bytes();
        self.read_into_block(bytes + head_bytes)?;
        let next = self.block.get(bytes..).unwrap_or_default();
        let is_end = next.len() < head_bytes || next.iter().all(|&byte| byte == 0);
        let mut is_damage = !is_end && header.plausible_bytes(next, |_| true).is_none();
        for at in 1..bytes.min(self.block.len()) {
            is_damage |= self.is_followed(at, head_bytes)?;
            if is_damage {
                break;
            }
        }
        self.put_back()?;
        self.read_into_block(head_bytes)?;
        if !is_damage {
            return Ok(None);
        }
        self.pass_damage(None, "a time more than a year from that of the packet before".into()).map(Some)
    }

    /// Whether the end of this head and all of the next head are zeros.
    pub(super) fn hole_begins(&mut self) -> Result<bool, FeedError> {
        let Kind::Pcap { header } = &self.kind else { return Ok(false) };
        let head_bytes = self.head_bytes();
        if header.lengths(&self.block) != (0, 0) {
            return Ok(false);
        }
        self.read_into_block(2 * head_bytes)?;
        let next = self.block.get(head_bytes..).unwrap_or_default();
        let is_zero = !next.is_empty() && next.iter().all(|&byte| byte == 0);
        self.put_back()?;
        self.read_into_block(head_bytes)?;
        Ok(is_zero)
    }

    /// Finds a whole packet or block, from `at` bytes after the start of `block` on.
    ///
    /// A packet may hold any bytes, so one counts as found only if another packet, zeros or the end follow it.
    fn find_packet(&mut self, mut at: usize) -> Result<Search, FeedError> {
        let (head_bytes, mut passed, mut zeros) = (self.head_bytes(), 0, 0);
        let found = loop {
            if !self.read_into_block(at + head_bytes)? {
                break None;
            }
            if self.is_followed(at, head_bytes)? {
                break Some(passed + at as u64);
            }
            at += 1;
            if at > FOUND_BYTES_MAX {
                zeros = zeros_at_end(zeros, self.block.drain(..at).as_slice());
                passed += at as u64;
                at = 0;
            }
        };
        let Some(found) = found else {
            let bytes = passed + self.block.len() as u64;
            let zeros = zeros_at_end(zeros, &self.block);
            self.block.clear();
            return Ok(Search::Nothing { bytes, zeros });
        };
        self.block.drain(..at);
        self.put_back()?;
        Ok(Search::Found(found))
    }

    fn is_followed(&mut self, at: usize, head_bytes: usize) -> Result<bool, FeedError> {
        let Some(bytes) = self.plausible_bytes(at) else { return Ok(false) };
        let next = at + bytes;
        if !self.read_into_block(next)? || !self.is_block(at, next) {
            return Ok(false);
        }
        self.read_into_block(next + head_bytes)?;
        let rest = self.block.get(next..).unwrap_or_default();
        Ok(rest.iter().all(|&byte| byte == 0) || self.plausible_bytes(next).is_some())
    }

    /// Returns the length of the packet or block whose head may be at `at`.
    fn plausible_bytes(&self, at: usize) -> Option<usize> {
        let head = self.block.get(at..)?;
        let is_near = |time: u64| self.last_time.is_none_or(|last| time.abs_diff(last) < YEAR_NANOS);
        let bytes = match &self.kind {
            Kind::Pcap { header } => header.plausible_bytes(head, is_near),
            Kind::PcapNg { section } => section.plausible_bytes(head),
        };
        bytes.filter(|&bytes| bytes <= FOUND_BYTES_MAX)
    }

    fn is_block(&self, at: usize, end: usize) -> bool {
        match &self.kind {
            Kind::Pcap { .. } => true,
            Kind::PcapNg { section } => self.block.get(at..end).is_some_and(|block| section.is_whole(block)),
        }
    }

    /// Puts the bytes of `block` back, to be read again.
    fn put_back(&mut self) -> Result<(), FeedError> {
        let mut block = std::mem::take(&mut self.block);
        self.ahead.read_to_end(&mut block).map_err(|source| self.read_error(source))?;
        self.ahead = Cursor::new(block);
        Ok(())
    }
}

/// Counts the zeros at the end, with the `before` zeros that precede these bytes.
fn zeros_at_end(before: u64, bytes: &[u8]) -> u64 {
    let zeros = bytes.iter().rev().take_while(|&&byte| byte == 0).count();
    if zeros == bytes.len() { before + zeros as u64 } else { zeros as u64 }
}
