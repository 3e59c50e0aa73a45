//! A stream file as it came over a wire, without frames: records follow each other, and each has its place in its checksum.
//!
//! Where bytes are missing, the place of the next record is not known. The place that makes its checksum right is computed, not searched
//! for. It has to be close to the last one, and the record after it has to be right there: then nothing is taken for a record that was
//! none. Where the header is missing, the salt is computed as well, from three records that follow each other.

use std::collections::VecDeque;

use memchr::memmem;
use ringlog::event::{EventHeader, MAX_PAYLOAD, MetaTopic, flags};
use ringlog_nostd::format::{
    Checksums, FILE_HEADER_LEN, FileHeader, HEADER_LEN, crc32c_append, decode, file_flags, place_word,
};

use crate::wire::heard::{Heard, Noise};
use crate::wire::places::{Chain, Places, chain_at, place_of, plausible, word_of};
use crate::wire::text::as_text;

/// The magic and the version.
const START: &[u8] = b"EVTL\x01\0\0\0";
/// Most bytes that may be missing, or be there besides, in one place.
const SHIFT_MOST: u64 = 1 << 20;
/// Most bytes that may be missing before three records that follow each other.
const JUMP_MOST: u64 = 64 << 20;
const VERIFY: fn(u32, &[u8]) -> u32 = crc32c_append;

/// The records of streams, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Unframed {
    /// What is not understood yet.
    window: Vec<u8>,
    stream: Option<Stream>,
    /// Bytes before the window.
    passed: u64,
    /// Whether bytes before the window made no sense.
    is_lost: bool,
    /// Whether something was not where the header at the start puts it.
    is_displaced: bool,
    records: u64,
    noise: Noise,
}

/// The stream that the window is a part of.
#[derive(Clone, Copy, Debug)]
struct Stream {
    salt: u32,
    /// The place of the window's first byte.
    place: u64,
    /// What is known of the places, if the header is missing.
    places: Option<Places>,
}

/// What the start of the window is.
enum Found {
    Header(FileHeader),
    Record {
        header: EventHeader,
        len: usize,
        /// The stream, as it is known now.
        stream: Stream,
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

    /// Whether there are records of a stream in these bytes, whose header is missing.
    pub(crate) fn continues_in(bytes: &[u8]) -> bool {
        (0..bytes.len()).any(|at| matches!(chain_at(&bytes[at..], true), Chain::Found(_)))
    }

    pub(crate) const fn records(&self) -> u64 {
        self.records
    }

    /// Whether something was not where a header at the very start puts it, or there was another header.
    pub(crate) const fn is_displaced(&self) -> bool {
        self.is_displaced
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
        self.passed += rest.len() as u64;
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
                    let (salt, place) = (header.salt(), FILE_HEADER_LEN as u64);
                    self.stream = Some(Stream { salt, place, places: None });
                    self.is_lost = false;
                    self.is_displaced |= self.passed + at as u64 > 0;
                    at += FILE_HEADER_LEN;
                }
                Found::Record { header, len, stream } => {
                    if std::mem::take(&mut self.is_lost) {
                        heard.push_back(Heard::Missing(0));
                    }
                    self.records += 1;
                    self.is_displaced |= !stream.may_be_at(self.passed + at as u64);
                    heard.push_back(record(header, &window[at + HEADER_LEN..]));
                    at += len;
                    self.stream = Some(Stream { place: stream.place + len as u64, ..stream });
                }
                Found::Incomplete if !is_end => break,
                Found::Incomplete | Found::Nothing => {
                    let Some(skipped) = self.find_next(&window[at..], is_end, heard) else { break };
                    self.skip(&window[at..at + skipped], text);
                    at += skipped;
                }
            }
        }
        self.passed += at as u64;
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
        let Some(stream) = self.stream else { return Found::Nothing };
        let Some(header) = plausible(bytes) else {
            return if bytes.len() < HEADER_LEN { Found::Incomplete } else { Found::Nothing };
        };
        if bytes.len() < header.stride() {
            return Found::Incomplete;
        }
        let decoded = stream.decode(bytes).or_else(|| {
            // A carry has come into a bit of the place that was not known.
            let stream = stream.with(word_of(bytes, &header)?)?;
            stream.decode(bytes)
        });
        decoded.map_or(Found::Nothing, |(header, len, stream)| Found::Record { header, len, stream })
    }

    /// Returns how many bytes are before the next record or header, and notes the place of the record. `None` if more bytes are
    /// needed to know.
    fn find_next(&mut self, bytes: &[u8], is_end: bool, heard: &mut VecDeque<Heard>) -> Option<usize> {
        for at in 0..bytes.len() {
            let rest = &bytes[at..];
            if header_at(rest).is_some() {
                return Some(at);
            }
            if may_be_header(rest) {
                if is_end {
                    continue;
                }
                return None;
            }
            let Some(header) = plausible(rest) else { continue };
            match self.stream.filter(|_| at > 0).map(|stream| stream.moved(rest, &header, at, is_end)) {
                Some(Moved::To(stream)) => {
                    self.stream = Some(stream);
                    return Some(at);
                }
                Some(Moved::Unknown) => return None,
                Some(Moved::Nowhere) | None => {}
            }
            match chain_at(rest, is_end) {
                Chain::Found(places) if self.jump(places, at as u64, rest, heard) => return Some(at),
                Chain::Found(_) => {}
                Chain::Incomplete => return None,
                Chain::Nothing => {}
            }
        }
        // All of it is passed over, but for what may be the start of something.
        let kept = match self.stream {
            _ if is_end => 0,
            None => HEADER_LEN,
            Some(_) => 2 * (HEADER_LEN + MAX_PAYLOAD),
        };
        bytes.len().checked_sub(kept).filter(|&skipped| skipped > 0)
    }

    /// Continues where records follow each other: further on in the stream, or in another one whose header is missing. Returns
    /// whether they can be read.
    fn jump(&mut self, places: Places, skipped: u64, rest: &[u8], heard: &mut VecDeque<Heard>) -> bool {
        let further = self.stream.and_then(|stream| stream.further(&places, skipped));
        let new = Stream { salt: places.salt(), place: places.first_place(), places: Some(places) };
        let stream = further.unwrap_or(new);
        if stream.decode(rest).is_none() {
            return false;
        }
        if further.is_none() {
            heard.push_back(Heard::Life);
        }
        // Its start, or what is between, is missing.
        self.is_lost = true;
        self.stream = Some(stream);
        true
    }

    fn skip(&mut self, bytes: &[u8], text: &mut Vec<String>) {
        if bytes.is_empty() {
            return;
        }
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

/// Where a stream continues after something that is none of its records.
enum Moved {
    To(Stream),
    Nowhere,
    /// More bytes are needed to know.
    Unknown,
}

impl Stream {
    /// Returns the record at the stream's place.
    fn decode(self, bytes: &[u8]) -> Option<(EventHeader, usize, Self)> {
        let checksums = Checksums::Verify { salt: self.salt, crc: VERIFY };
        let (header, _, len) = decode(bytes, self.place, checksums).ok()?;
        let known = self.with(place_word(self.salt, self.place));
        Some((header, len, known.unwrap_or(self)))
    }

    /// Returns the stream with what a record with this word at its place shows, if its header is missing.
    fn with(self, word: u32) -> Option<Self> {
        let mut places = self.places?;
        let distance = self.place - places.first_place();
        places.add(word, distance).then(|| Self {
            salt: places.salt(),
            place: places.first_place() + distance,
            places: Some(places),
        })
    }

    /// Returns the stream at the place of this record, which comes after bytes that are none of it.
    fn moved(self, rest: &[u8], header: &EventHeader, skipped: usize, is_end: bool) -> Moved {
        if rest.len() < header.stride() {
            // Its place cannot be computed yet. A long one may be damage: what follows it is looked at, too.
            return if is_end || rest.len() > 4096 { Moved::Nowhere } else { Moved::Unknown };
        }
        let Some(place) = place_of(rest, header, self.salt, self.place + skipped as u64, SHIFT_MOST) else {
            return Moved::Nowhere;
        };
        let stream = Self { place, ..self };
        let next = Self { place: place + header.stride() as u64, ..self };
        let after = &rest[header.stride()..];
        let follows = match plausible(after) {
            _ if header_at(after).is_some() => true,
            Some(header) if after.len() >= header.stride() => next.decode(after).is_some(),
            _ if is_end => is_unwritten(after),
            // The record after it decides.
            _ if after.len() < HEADER_LEN || plausible(after).is_some() => return Moved::Unknown,
            _ => false,
        };
        if follows && stream.is_after_first() { Moved::To(stream) } else { Moved::Nowhere }
    }

    /// Whether its place may be this one.
    fn may_be_at(self, offset: u64) -> bool {
        self.places.map_or(self.place == offset, |places| {
            let distance = self.place - places.first_place();
            offset.checked_sub(distance).is_some_and(|first| places.may_begin_at(first))
        })
    }

    /// Returns the stream at records that follow each other, if they can be a later part of it.
    fn further(self, places: &Places, skipped: u64) -> Option<Self> {
        let from = self.place + skipped;
        let place = places.place_in(self.salt, from.saturating_sub(SHIFT_MOST) / 8 * 8)?;
        let stream = Self { place, ..self };
        (place.saturating_sub(from) <= JUMP_MOST && stream.is_after_first()).then_some(stream)
    }

    /// Whether its place is not before the first one that is known: that would show nothing of the others.
    fn is_after_first(self) -> bool {
        self.places.is_none_or(|places| self.place >= places.first_place())
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
