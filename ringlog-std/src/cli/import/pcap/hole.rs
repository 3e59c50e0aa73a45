//! Skips zeros and damage in the place of packets, and finds the next whole packet.

use std::io::{BufRead, Cursor, Read};

use super::{Block, Kind, PcapFeed, YEAR_NANOS};
use crate::cli::feed::FeedError;

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
            return Ok(Block::Missing { bytes: zeros, count: 0, what });
        }
        let kept = zeros.min(NUMBER_ZEROS);
        self.block.clear();
        self.block.resize(kept as usize, 0);
        match self.find_packet(0)? {
            Search::Found(more) => {
                let bytes = zeros - kept + more;
                let what = match bytes.saturating_sub(zeros) {
                    0 => format!("{bytes} zero bytes where a packet should begin: {missing}"),
                    rest => format!(
                        "{zeros} zero bytes where a packet should begin, and {rest} up to the next packet: {missing}"
                    ),
                };
                Ok(Block::Missing { bytes, count: 0, what })
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
                Ok(Block::Missing { bytes, count: 1, what: problem })
            }
            Search::Found(bytes) => {
                let what = format!("{problem}; the next packet is {bytes} bytes later");
                Ok(Block::Missing { bytes, count: 0, what })
            }
            // The power failed while this packet was being written.
            Search::Nothing { bytes, zeros } if bytes - zeros <= claimed && zeros >= head_bytes => {
                let what = format!("{problem}, and {zeros} zero bytes up to the end of the capture");
                Ok(Block::Missing { bytes, count: 0, what })
            }
            Search::Nothing { .. } => Err(self.damaged_here(format!("{problem}, and no packet after it"))),
        }
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
