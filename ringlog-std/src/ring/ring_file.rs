//! A ring's file as bytes: reads control words and records without a role, and changes nothing.
//!
//! What is wrong with a ring is found here, for those who explain it. Both ends may be at work meanwhile.
#![forbid(unsafe_code)]
#![expect(missing_docs, reason = "public for the programs alone: see the module `programs`")]

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use ringlog_nostd::format::GAP_PAYLOAD_LEN;
use ringlog_nostd::{EventHeader, Gap, RingFault, flags};

use crate::os::files::open_to_read;
use crate::words::Counted;

/// Offsets of the control words of a 64-bit ring, and of its data.
pub mod offsets {
    pub const LAYOUT: u64 = 8;
    pub const CAPACITY: u64 = 16;
    pub const OVERRUN: u64 = 24;
    pub const IDENTITY: u64 = 32;
    pub const BOOT: u64 = 40;
    pub const HEAD: u64 = 128;
    pub const PRODUCER_CLOSED: u64 = 136;
    pub const LOST: u64 = 144;
    pub const FIRST_LOSS: u64 = 160;
    pub const SCHEMAS: u64 = 168;
    pub const TAIL: u64 = 256;
    pub const CONSUMER_CLOSED: u64 = 264;
    pub const DATA: u64 = 384;
}
use offsets::{CAPACITY, DATA, HEAD, LAYOUT, OVERRUN, TAIL};

const HEADER_LEN: usize = 16;
/// How often the positions are read before they count as impossible, as an end that attaches does.
const LOOKS: usize = 64;
/// How often the records are walked again because the consumer has released some of them meanwhile.
const WALKS: usize = 8;
/// Bytes that are read at once: more than any record has.
const CHUNK_BYTES: u64 = 1 << 20;
/// What the layout word has besides version, retained and overwriting: 8-byte words, lines 128 bytes apart.
const LAYOUT_WORDS: u64 = 0x1300;
const RETAINED: u64 = 1 << 14;
const OVERWRITING: u64 = 1 << 15;
const NEWEST_LAYOUT: u64 = 2;

/// Who most probably made a ring corrupt.
pub const LIKELY_CAUSE: &str = "most likely the program that writes this ring does not follow docs/format.md, or \
                                       writes without the producer's role";

/// Why a file is no ring that this program reads.
#[derive(Debug)]
pub enum NoRing {
    /// It cannot be read.
    Io(io::Error),
    /// What the file is instead, and what to do.
    Other(String),
}

impl From<io::Error> for NoRing {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The positions of a ring, read one after the other: the tail first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Positions {
    pub tail: u64,
    pub head: u64,
    pub capacity: u64,
}

/// Why two positions cannot be those of one ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PositionProblem {
    /// A position is no multiple of 8.
    Unaligned { word: &'static str, offset: u64, position: u64 },
    /// The head is before the tail.
    Backwards { head: u64, tail: u64 },
    /// More is published than the ring can hold.
    TooFar { head: u64, tail: u64, capacity: u64 },
}

impl fmt::Display for PositionProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unaligned { word, offset, position } => {
                write!(f, "the {word} {position} (offset {offset}) is no multiple of 8")
            }
            Self::Backwards { head, tail } => write!(
                f,
                "the head {head} (offset {HEAD}) is before the tail {tail} (offset {TAIL}), so one of them ran backwards"
            ),
            Self::TooFar { head, tail, capacity } => write!(
                f,
                "the head {head} (offset {HEAD}) is {} after the tail {tail} (offset {TAIL}), and the ring holds {capacity}",
                Counted(head.wrapping_sub(*tail), "byte")
            ),
        }
    }
}

impl Positions {
    /// Returns the number of unread bytes; a ring that is not corrupt has at most its capacity.
    pub const fn unread_bytes(&self) -> u64 {
        self.head.wrapping_sub(self.tail)
    }

    /// Returns what is wrong with them.
    pub const fn problem(&self) -> Option<PositionProblem> {
        let Self { tail, head, capacity } = *self;
        if !head.is_multiple_of(8) {
            return Some(PositionProblem::Unaligned { word: "head", offset: HEAD, position: head });
        }
        if !tail.is_multiple_of(8) {
            return Some(PositionProblem::Unaligned { word: "tail", offset: TAIL, position: tail });
        }
        match self.unread_bytes() {
            unread if unread <= capacity => None,
            unread if unread.cast_signed() < 0 => Some(PositionProblem::Backwards { head, tail }),
            _ => Some(PositionProblem::TooFar { head, tail, capacity }),
        }
    }
}

/// Why bytes are no record that a ring stores.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordProblem {
    /// Fewer bytes than a header has are published.
    Cut {
        left: u64,
    },
    NotCommitted {
        flags: u8,
    },
    Reserved {
        flags: u8,
    },
    GapLength {
        len: u16,
    },
    TooLong {
        len: u16,
        max: u64,
    },
    PastHead {
        len: u16,
        end: u64,
        head: u64,
    },
    Padding,
}

impl fmt::Display for RecordProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut { left } => {
                write!(
                    f,
                    "the head is {} after its start, and a header has {HEADER_LEN}",
                    Counted(*left, "byte")
                )
            }
            Self::NotCommitted { flags } => {
                write!(f, "its flags {flags:#04x} lack the bit of committed records, 0x80")
            }
            Self::Reserved { flags } => write!(f, "its flags {flags:#04x} have the reserved bit 0x10"),
            Self::GapLength { len } => {
                write!(
                    f,
                    "a GAP record with a payload of {}, not {GAP_PAYLOAD_LEN}",
                    Counted(u64::from(*len), "byte")
                )
            }
            Self::TooLong { len, max } => write!(
                f,
                "its payload has {}, and the longest that this ring takes has {max}",
                Counted(u64::from(*len), "byte")
            ),
            Self::PastHead { len, end, head } => write!(
                f,
                "with its payload of {} it ends at {end}, after the head {head}",
                Counted(u64::from(*len), "byte")
            ),
            Self::Padding => f.write_str("the padding after its payload is not zero"),
        }
    }
}

/// What is wrong with a ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Corruption {
    Positions(PositionProblem),
    Record { position: u64, problem: RecordProblem },
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Positions(problem) => problem.fmt(f),
            Self::Record { position, problem } => {
                write!(f, "no valid record at position {position}: {problem}")
            }
        }
    }
}

/// What is unread in a ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Unread {
    /// Events, without GAP records.
    pub events: u64,
    pub gap_records: u64,
    /// What the GAP records count; `None` if one of them does not know.
    pub lost: Option<u64>,
    /// The bytes of these records.
    pub bytes: u64,
    /// Where they end, if that is before the head.
    pub corruption: Option<Corruption>,
}

/// A ring in a file, opened for reading only.
#[derive(Debug)]
pub struct RingFile {
    file: File,
    pub layout_version: u64,
    pub capacity: u64,
    /// Length of the longest record in bytes.
    pub overrun: u64,
    pub is_retained: bool,
    pub overwrites_oldest: bool,
    pub file_bytes: u64,
}

impl RingFile {
    /// Opens the file and checks what never changes in a ring: layout and sizes.
    pub fn open(path: &Path) -> Result<Self, NoRing> {
        let other = |words: String| Err(NoRing::Other(words));
        let file = open_to_read(path)?;
        let file_bytes = file.metadata()?.len();
        if file_bytes < DATA {
            let has = Counted(file_bytes, "byte");
            return other(format!(
                "only {has}, and a ring has 416 or more: it was cut short, or is no ring; check the path"
            ));
        }
        let mut magic = [0; 8];
        file.read_exact_at(&mut magic, 0)?;
        if let Some(words) = not_this_magic(magic) {
            return other(words.into());
        }
        let (layout, capacity, overrun) =
            (load(&file, LAYOUT)?, load(&file, CAPACITY)?, load(&file, OVERRUN)?);
        let layout_version = layout & 0xFF;
        if layout_version > NEWEST_LAYOUT {
            return other(format!(
                "layout version {layout_version}, and this program reads 1 and 2; use the ringlog that made this ring"
            ));
        }
        if layout_version == 0 || layout & !(0xFF | RETAINED | OVERWRITING) != LAYOUT_WORDS {
            return other(format!(
                "the layout word {layout:#x} (offset {LAYOUT}) is that of no ring of this machine; give a dump of another \
                 machine to `ringlog recover-image`"
            ));
        }
        let is_overrun = (32..=65_552).contains(&overrun) && overrun.is_multiple_of(8);
        if !is_overrun || !capacity.is_power_of_two() || capacity < overrun || capacity > 1 << 62 {
            return other(format!(
                "the sizes contradict each other: capacity {capacity} (offset {CAPACITY}), longest record {overrun} (offset \
                 {OVERRUN}); move the file away, the events in it are lost"
            ));
        }
        let needed = DATA + capacity + overrun;
        if file_bytes < needed {
            let has = Counted(file_bytes, "byte");
            return other(format!(
                "only {has}, and a ring of these sizes has {needed}: it was cut short; move the file away, the events in it \
                 are lost"
            ));
        }
        let (is_retained, overwrites_oldest) = (layout & RETAINED != 0, layout & OVERWRITING != 0);
        Ok(Self { file, layout_version, capacity, overrun, is_retained, overwrites_oldest, file_bytes })
    }

    /// Returns the longest payload in bytes.
    pub fn max_payload(&self) -> u64 {
        (self.overrun - HEADER_LEN as u64).min(65_535)
    }

    /// Reads a control word.
    pub fn load(&self, offset: u64) -> io::Result<u64> {
        load(&self.file, offset)
    }

    /// Reads the positions; more than once if they contradict each other, as the ends may move between two loads.
    pub fn positions(&self) -> io::Result<Positions> {
        let mut looks = 0;
        loop {
            let found = Positions { tail: self.load(TAIL)?, head: self.load(HEAD)?, capacity: self.capacity };
            looks += 1;
            if found.problem().is_none() || looks == LOOKS {
                return Ok(found);
            }
        }
    }

    /// Walks the unread records. `None` if they change faster than they are read.
    pub fn unread(&self) -> io::Result<(Positions, Option<Unread>)> {
        let mut walks = 0;
        loop {
            let found = self.positions()?;
            if let Some(problem) = found.problem() {
                let corruption = Some(Corruption::Positions(problem));
                return Ok((found, Some(Unread { corruption, ..Unread::default() })));
            }
            let unread = self.walk(&found)?;
            // What was released meanwhile may have been written over, so it may not have been what was read.
            if self.load(TAIL)? == found.tail {
                return Ok((found, Some(unread)));
            }
            walks += 1;
            if walks == WALKS {
                return Ok((found, None));
            }
        }
    }

    fn walk(&self, found: &Positions) -> io::Result<Unread> {
        let mut unread = Unread { lost: Some(0), ..Unread::default() };
        let (mut chunk, mut chunk_index) = (Vec::new(), u64::MAX);
        while unread.bytes < found.unread_bytes() {
            let position = found.tail.wrapping_add(unread.bytes);
            let index = position & (self.capacity - 1);
            // Before the chunk: the next lap has begun, at the end of a record that straddles the end of its lap or not.
            if index < chunk_index || !is_whole_at(&chunk, index - chunk_index) {
                chunk = self.chunk(position)?;
                chunk_index = index;
            }
            let record = from(&chunk, index - chunk_index);
            match check(record, position, found.head, self.max_payload()) {
                Ok(header) => unread.add(&header, record),
                Err(problem) => {
                    unread.corruption = Some(Corruption::Record { position, problem });
                    break;
                }
            }
        }
        Ok(unread)
    }

    /// Reads the data from a position on, up to the end of the data or as much as is read at once.
    fn chunk(&self, position: u64) -> io::Result<Vec<u8>> {
        let index = position & (self.capacity - 1);
        let len = CHUNK_BYTES.min(self.capacity + self.overrun - index);
        let mut chunk = vec![0; usize::try_from(len).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut chunk, DATA + index)?;
        Ok(chunk)
    }

    /// Returns what is wrong with the record at this published position.
    fn problem_at(&self, position: u64, head: u64) -> io::Result<Option<RecordProblem>> {
        Ok(check(&self.chunk(position)?, position, head, self.max_payload()).err())
    }
}

impl Unread {
    fn add(&mut self, header: &EventHeader, record: &[u8]) {
        self.bytes += header.stride() as u64;
        let payload = record.get(HEADER_LEN..HEADER_LEN + usize::from(header.payload_len));
        match Gap::from_event(header, payload.unwrap_or_default()) {
            Some(gap) => {
                self.gap_records += 1;
                self.lost = self.lost.filter(|_| gap.count > 0).map(|lost| lost.saturating_add(gap.count));
            }
            None => self.events += 1,
        }
    }
}

/// Returns what the file's bytes show of a fault that an end has met, and who most probably stored them.
pub(crate) fn cause_words(ring: &Path, fault: RingFault) -> String {
    let shown = match fault {
        RingFault::Record { position } => problem_of_record(ring, position as u64).map(|it| it.to_string()),
        _ => problem_of_positions(ring).map(|it| it.to_string()),
    };
    // The bytes may be others by now.
    shown.map_or_else(|| LIKELY_CAUSE.into(), |shown| format!("{shown}: {LIKELY_CAUSE}"))
}

fn problem_of_record(ring: &Path, position: u64) -> Option<RecordProblem> {
    let file = RingFile::open(ring).ok()?;
    let head = file.positions().ok()?.head;
    file.problem_at(position, head).ok()?
}

/// Returns what the file's bytes show to be wrong with a ring's positions.
pub(crate) fn problem_of_positions(ring: &Path) -> Option<PositionProblem> {
    RingFile::open(ring).ok()?.positions().ok()?.problem()
}

/// Returns the bytes of a chunk from this offset on.
fn from(chunk: &[u8], offset: u64) -> &[u8] {
    usize::try_from(offset).ok().and_then(|offset| chunk.get(offset..)).unwrap_or_default()
}

/// Returns whether a header is at this offset of a chunk, and all of its record.
fn is_whole_at(chunk: &[u8], offset: u64) -> bool {
    let rest = from(chunk, offset);
    let header = rest.first_chunk().map(EventHeader::from_bytes);
    header.is_some_and(|header| header.stride() <= rest.len())
}

fn load(file: &File, offset: u64) -> io::Result<u64> {
    let mut word = [0; 8];
    file.read_exact_at(&mut word, offset)?;
    Ok(native_word(word))
}

#[expect(clippy::host_endian_bytes, reason = "a ring's control words are the machine's")]
const fn native_word(bytes: [u8; 8]) -> u64 {
    u64::from_ne_bytes(bytes)
}

/// Returns what a file with these first bytes is, unless a ring of this machine.
fn not_this_magic(magic: [u8; 8]) -> Option<&'static str> {
    const OTHER_MACHINE: &str =
        "a ring of a machine with another word size or byte order; give it to `ringlog recover-image`";
    if native_word(magic) == u64::from_be_bytes(*b"RINGLOG1") {
        return None;
    }
    let reversed: Vec<u8> = magic.iter().rev().copied().collect();
    let is_ring = |bytes: &[u8]| bytes == b"RINGLOG1" || bytes.starts_with(b"RLG1");
    Some(if is_ring(&magic) || is_ring(&reversed) || magic.starts_with(b"1GLR") {
        OTHER_MACHINE
    } else if magic == [0; 8] {
        "no ring: it begins with zeros; check the path, or start the ring's consumer, which makes one"
    } else {
        "no ring: it begins with other bytes; check the path"
    })
}

/// Returns whether a file begins as a ring does, of this machine or another one.
pub fn begins_like_a_ring(path: &Path) -> bool {
    let mut magic = [0; 8];
    let is_read = open_to_read(path).is_ok_and(|file| file.read_exact_at(&mut magic, 0).is_ok());
    is_read && !not_this_magic(magic).is_some_and(|words| words.starts_with("no ring"))
}

/// Checks the record at a position, as the consumer's end and the log do. `record` begins with it.
fn check(record: &[u8], position: u64, head: u64, max_payload: u64) -> Result<EventHeader, RecordProblem> {
    let left = head.wrapping_sub(position);
    let Some(header) =
        record.first_chunk().filter(|_| left >= HEADER_LEN as u64).map(EventHeader::from_bytes)
    else {
        return Err(RecordProblem::Cut { left });
    };
    let EventHeader { flags: found, payload_len: len, .. } = header;
    let stride = header.stride();
    if found & flags::COMMITTED == 0 {
        return Err(RecordProblem::NotCommitted { flags: found });
    }
    if found & flags::META != 0 {
        return Err(RecordProblem::Reserved { flags: found });
    }
    if header.is_gap() && usize::from(len) != GAP_PAYLOAD_LEN {
        return Err(RecordProblem::GapLength { len });
    }
    if u64::from(len) > max_payload {
        return Err(RecordProblem::TooLong { len, max: max_payload });
    }
    if stride as u64 > left {
        let end = position.wrapping_add(stride as u64);
        return Err(RecordProblem::PastHead { len, end, head });
    }
    let padding = record.get(HEADER_LEN + usize::from(len)..stride).unwrap_or_default();
    if padding.iter().any(|byte| *byte != 0) {
        return Err(RecordProblem::Padding);
    }
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(header: &EventHeader) -> Vec<u8> {
        let mut record = header.to_bytes().to_vec();
        record.resize(header.stride(), 0);
        record
    }

    #[test]
    fn each_way_in_which_bytes_are_no_record_has_its_words() {
        let header = EventHeader { flags: flags::COMMITTED, ..EventHeader::new(1, 7, 20) };
        let checked = |header: &EventHeader, head| check(&record(header), 64, head, 40);
        assert_eq!(checked(&header, 64 + 40), Ok(header));
        let problem = |header: &EventHeader, head| checked(header, head).unwrap_err().to_string();
        for (other, head, words) in [
            (header, 72, "the head is 8 bytes after its start, and a header has 16"),
            (
                EventHeader { flags: 1, ..header },
                104,
                "its flags 0x01 lack the bit of committed records, 0x80",
            ),
            (EventHeader { flags: 0x90, ..header }, 104, "its flags 0x90 have the reserved bit 0x10"),
            (EventHeader { flags: 0xA0, ..header }, 104, "a GAP record with a payload of 20 bytes, not 16"),
            (
                EventHeader { payload_len: 41, ..header },
                500,
                "its payload has 41 bytes, and the longest that this ring takes has 40",
            ),
            (header, 96, "with its payload of 20 bytes it ends at 104, after the head 96"),
        ] {
            assert_eq!(problem(&other, head), words);
        }
        let mut dirty = record(&header);
        dirty[36] = 1;
        assert_eq!(check(&dirty, 64, 104, 40), Err(RecordProblem::Padding));
    }

    #[test]
    fn positions_that_are_wrong_say_which_word() {
        let problem = |tail, head| Positions { tail, head, capacity: 64 }.problem().map(|it| it.to_string());
        assert_eq!(problem(64, 128), None);
        assert_eq!(problem(u64::MAX - 7, 56), None, "positions wrap");
        for (tail, head, words) in [
            (64, 68, "the head 68 (offset 128) is no multiple of 8"),
            (60, 64, "the tail 60 (offset 256) is no multiple of 8"),
            (
                64,
                56,
                "the head 56 (offset 128) is before the tail 64 (offset 256), so one of them ran backwards",
            ),
            (
                64,
                136,
                "the head 136 (offset 128) is 72 bytes after the tail 64 (offset 256), and the ring holds 64",
            ),
        ] {
            assert_eq!(problem(tail, head).as_deref(), Some(words));
        }
    }
}
