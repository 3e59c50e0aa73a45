//! A stream file as it came over a wire, without frames: records follow each other, and each has its place in its checksum.
//!
//! Where bytes are missing, the place of the next record is not known. A checksum is linear in the place word, so the place that makes
//! it right is computed, not searched for. It has to be a place close after the last one, and the record after it has to be right
//! there: then nothing is taken for a record that was none.

use std::collections::VecDeque;

use memchr::memmem;
use ringlog::event::{EventHeader, MAX_PAYLOAD, MetaTopic, flags};
use ringlog_nostd::format::{
    Checksums, FILE_HEADER_LEN, FileHeader, HEADER_LEN, crc32c_append, decode, file_flags, record_len,
};

use crate::wire::heard::{Heard, Noise};
use crate::wire::text::as_text;

/// The magic and the version.
const START: &[u8] = b"EVTL\x01\0\0\0";
/// Most bytes that may be missing, or be there besides, in one place.
const SHIFT_MOST: u64 = 1 << 20;
const VERIFY: fn(u32, &[u8]) -> u32 = crc32c_append;

/// The records of streams, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Unframed {
    /// What is not understood yet.
    window: Vec<u8>,
    /// The header of the stream, and the place of the window's first byte in it.
    stream: Option<(FileHeader, u64)>,
    /// Whether bytes before the window made no sense.
    is_lost: bool,
    records: u64,
    noise: Noise,
}

/// What the start of the window is.
enum Found {
    Header(FileHeader),
    Record {
        header: EventHeader,
        len: usize,
    },
    /// More bytes are needed to know.
    Incomplete,
    /// Neither.
    Nothing,
}

impl Unframed {
    /// Whether a stream begins somewhere in these bytes.
    pub(crate) fn begins_in(bytes: &[u8]) -> bool {
        memmem::find_iter(bytes, START).any(|at| header_at(&bytes[at..]).is_some())
    }

    pub(crate) const fn records(&self) -> u64 {
        self.records
    }

    pub(crate) const fn noise(&self) -> Noise {
        self.noise
    }

    pub(crate) fn take(&mut self, bytes: &[u8], heard: &mut VecDeque<Heard>, text: &mut Vec<String>) {
        self.window.extend_from_slice(bytes);
        self.read(false, heard, text);
    }

    /// Ends what came last: no more bytes complete it.
    pub(crate) fn cut(&mut self, heard: &mut VecDeque<Heard>, text: &mut Vec<String>) {
        self.read(true, heard, text);
        let rest = std::mem::take(&mut self.window);
        if !rest.is_empty() && !is_unwritten(&rest) {
            self.skip(&rest, text);
        }
    }

    fn read(&mut self, is_end: bool, heard: &mut VecDeque<Heard>, text: &mut Vec<String>) {
        let window = std::mem::take(&mut self.window);
        let mut at = 0;
        loop {
            match self.found(&window[at..]) {
                Found::Header(header) => {
                    heard.extend([Heard::Life, Heard::Header(header)]);
                    self.stream = Some((header, FILE_HEADER_LEN as u64));
                    self.is_lost = false;
                    at += FILE_HEADER_LEN;
                }
                Found::Record { header, len } => {
                    if std::mem::take(&mut self.is_lost) {
                        heard.push_back(Heard::Missing(0));
                    }
                    self.records += 1;
                    heard.push_back(record(header, &window[at + HEADER_LEN..]));
                    at += len;
                    if let Some((_, place)) = &mut self.stream {
                        *place += len as u64;
                    }
                }
                Found::Incomplete if !is_end => break,
                Found::Incomplete | Found::Nothing => {
                    let Some(skipped) = self.find_next(&window[at..], is_end) else { break };
                    self.skip(&window[at..at + skipped], text);
                    at += skipped;
                }
            }
        }
        self.window = window[at..].to_vec();
    }

    /// Returns what is at the start of these bytes, if nothing is missing before them.
    fn found(&self, bytes: &[u8]) -> Found {
        if let Some(header) = header_at(bytes) {
            return Found::Header(header);
        }
        if may_be_header(bytes) {
            return Found::Incomplete;
        }
        let Some((stream, place)) = &self.stream else { return Found::Nothing };
        let Some(header) = plausible(bytes) else {
            return if bytes.len() < HEADER_LEN { Found::Incomplete } else { Found::Nothing };
        };
        if bytes.len() < header.stride() {
            return Found::Incomplete;
        }
        match decode(bytes, *place, Checksums::Verify { salt: stream.salt(), crc: VERIFY }) {
            Ok((header, _, len)) => Found::Record { header, len },
            Err(_) => Found::Nothing,
        }
    }

    /// Returns how many bytes are before the next record or header, and notes the place of the record. `None` if more bytes are
    /// needed to know.
    fn find_next(&mut self, bytes: &[u8], is_end: bool) -> Option<usize> {
        for at in 1..bytes.len() {
            let rest = &bytes[at..];
            if header_at(rest).is_some() {
                return Some(at);
            }
            if !is_end && may_be_header(rest) {
                return None;
            }
            let Some((stream, place)) = self.stream else { continue };
            let Some(header) = plausible(rest) else { continue };
            if rest.len() < header.stride() {
                // Its place cannot be computed yet. A long one may be damage: what follows it is looked at, too.
                if is_end || rest.len() > 4096 {
                    continue;
                }
                return None;
            }
            let Some(found) = place_of(rest, &header, stream.salt(), place + at as u64) else { continue };
            let after = &rest[header.stride()..];
            let checksums = Checksums::Verify { salt: stream.salt(), crc: VERIFY };
            let follows = match plausible(after) {
                _ if header_at(after).is_some() => true,
                Some(next) if after.len() >= next.stride() => {
                    decode(after, found + header.stride() as u64, checksums).is_ok()
                }
                _ if is_end => is_unwritten(after),
                // The record after it decides.
                _ if after.len() < HEADER_LEN || plausible(after).is_some() => return None,
                _ => false,
            };
            if follows {
                self.stream = Some((stream, found));
                return Some(at);
            }
        }
        // All of it is passed over, but for what may be the start of something.
        let kept = match self.stream {
            _ if is_end => 0,
            None => START.len(),
            Some(_) => 2 * (HEADER_LEN + MAX_PAYLOAD),
        };
        bytes.len().checked_sub(kept).filter(|&skipped| skipped > 0)
    }

    fn skip(&mut self, bytes: &[u8], text: &mut Vec<String>) {
        self.is_lost |= self.stream.is_some();
        match as_text(bytes) {
            Some(lines) => text.extend(lines),
            None => {
                self.noise.pieces += 1;
                self.noise.bytes += bytes.len() as u64;
            }
        }
    }
}

fn header_at(bytes: &[u8]) -> Option<FileHeader> {
    let header = FileHeader::from_bytes(bytes.first_chunk()?).ok()?;
    header.has(file_flags::STREAM | file_flags::CHECKSUMS).then_some(header)
}

/// Whether these bytes may be the start of a header, of which the rest has not come.
fn may_be_header(bytes: &[u8]) -> bool {
    bytes.len() < FILE_HEADER_LEN && bytes.iter().zip(START).all(|(byte, start)| byte == start)
}

/// Whether these bytes are memory that was never written.
fn is_unwritten(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0) || bytes.iter().all(|&byte| byte == 0xFF)
}

/// Returns the header of what may be a record.
fn plausible(bytes: &[u8]) -> Option<EventHeader> {
    let header = EventHeader::from_bytes(bytes.first_chunk()?);
    let set = flags::COMMITTED | flags::CHECKSUMMED;
    let has_one_role = !(header.is_gap() && header.is_meta());
    (header.flags & set == set && has_one_role && (!header.is_gap() || header.payload_len == 16))
        .then_some(header)
}

fn record(header: EventHeader, payload: &[u8]) -> Heard {
    let payload = payload[..header.payload_len.into()].to_vec();
    match MetaTopic::of(&header) {
        Some(topic) => Heard::Meta(topic, payload),
        None => {
            let kept = header.flags & (flags::USER | flags::GAP);
            Heard::Record(EventHeader { checksum: 0, ..header.with_flags(kept) }, payload)
        }
    }
}

/// Returns the place that makes a record's checksum right, if it is close to this one.
fn place_of(bytes: &[u8], header: &EventHeader, salt: u32, close_to: u64) -> Option<u64> {
    let end = HEADER_LEN + usize::from(header.payload_len);
    if bytes[end..record_len(header.payload_len.into())].iter().any(|&byte| byte != 0) {
        return None;
    }
    let unplaced = EventHeader { checksum: 0, ..*header }.to_bytes();
    let checksum = crc32c_append(crc32c_append(0, &unplaced), &bytes[HEADER_LEN..end]);
    let word = back_over_zeros(checksum ^ header.checksum, usize::from(header.payload_len) + 4) ^ salt;
    // The word has the low 32 bits of the place.
    let near = close_to / 8;
    let distance = i64::from(word.wrapping_sub(near as u32).cast_signed());
    let place = near.checked_add_signed(distance)?.checked_mul(8)?;
    (place.abs_diff(close_to) <= SHIFT_MOST && place >= FILE_HEADER_LEN as u64).then_some(place)
}

/// Runs CRC-32C backwards over zero bytes: returns the register before them.
fn back_over_zeros(mut register: u32, bytes: usize) -> u32 {
    for _ in 0..bytes {
        let low = BY_HIGH_BYTE[(register >> 24) as usize];
        register = ((register ^ step(low)) << 8) | u32::from(low);
    }
    register
}

/// The register after a byte of zeros, from one that has only these low bits.
const fn step(low: u8) -> u32 {
    let (mut register, mut bit) = (low as u32, 0);
    while bit < 8 {
        register = (register >> 1) ^ (if register & 1 == 1 { 0x82F6_3B78 } else { 0 });
        bit += 1;
    }
    register
}

/// Which low byte gives a register with this high byte.
const BY_HIGH_BYTE: [u8; 256] = {
    let (mut table, mut low) = ([0; 256], 0);
    while low < 256 {
        table[(step(low as u8) >> 24) as usize] = low as u8;
        low += 1;
    }
    table
};
