//! Finds the frames in what arrives.
#![forbid(unsafe_code)]

use crate::format::checksum::crc32c_append;
use crate::frame::content::{CHECKSUM_LEN, Frame, LEAD_LEN, parse};

/// The CRC-32C of any bytes that end with their own CRC-32C.
const RESIDUE: u32 = 0x4867_4BC7;

/// Finds frames in bytes, in any pieces and after any damage. It keeps one frame at a time, in a buffer of the caller.
///
/// A delimiter ends all that came before it, so damage never reaches further than the next one. What is no whole frame is given
/// out as it came: it may be text of other code that uses the same wire.
///
/// See [the module](crate::frame) for an example.
#[derive(Debug)]
pub struct FrameDecoder<'b> {
    buffer: &'b mut [u8],
    /// Bytes in the buffer since the last delimiter.
    len: usize,
    /// Bytes after them that had no room.
    dropped: u64,
    /// The bytes in the buffer were given out.
    is_done: bool,
}

/// What came up to a delimiter.
///
/// ```
/// use ringlog_nostd::frame::{Chunk, FrameDecoder};
///
/// let mut buffer = [0; 4];
/// let mut decoder = FrameDecoder::new(&mut buffer);
/// // Longer than the buffer.
/// assert_eq!(decoder.push(b"garbage\0"), (8, Some(Chunk::Broken { bytes: b"garb", len: 7 })));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Chunk<'d> {
    /// A whole frame: its checksum is right.
    Frame(Frame<'d>),
    /// A whole frame of another version of the framing, 0 to 15, which this version cannot read.
    OtherVersion(u8),
    /// Anything else: a frame with damage, or bytes that never were one.
    Broken {
        /// The bytes, as far as the buffer holds them.
        bytes: &'d [u8],
        /// The number of all bytes.
        len: u64,
    },
}

impl<'b> FrameDecoder<'b> {
    /// Makes a decoder. It finds frames up to the length of the buffer, in bytes without delimiters:
    /// [`MAX_FRAME_LEN`](crate::frame::MAX_FRAME_LEN) is enough for every one.
    ///
    /// See [the module](crate::frame) for an example.
    #[must_use]
    pub const fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, len: 0, dropped: 0, is_done: false }
    }

    /// Takes bytes up to the next delimiter. Returns how many it took, and what the delimiter ended.
    ///
    /// Without a delimiter in the bytes it takes all and returns `None`.
    ///
    /// ```
    /// use ringlog_nostd::frame::{Chunk, Content, Frame, FrameDecoder};
    ///
    /// let frame = Frame { life: 9, number: 0, content: Content::Count(0) };
    /// let wire: Vec<u8> = frame.bytes().chain(frame.bytes()).collect();
    /// let mut buffer = [0; 64];
    /// let mut decoder = FrameDecoder::new(&mut buffer);
    /// let (mut rest, mut frames) = (&wire[..], 0);
    /// while !rest.is_empty() {
    ///     let (taken, chunk) = decoder.push(rest);
    ///     frames += usize::from(chunk == Some(Chunk::Frame(frame)));
    ///     rest = &rest[taken..];
    /// }
    /// assert_eq!(frames, 2);
    /// ```
    pub fn push(&mut self, bytes: &[u8]) -> (usize, Option<Chunk<'_>>) {
        self.forget_given();
        let is_between = self.len == 0 && self.dropped == 0;
        // Delimiters with nothing between them.
        let skipped = if is_between { bytes.iter().take_while(|&&byte| byte == 0).count() } else { 0 };
        let mut taken = skipped;
        for &byte in bytes.get(skipped..).unwrap_or_default() {
            taken += 1;
            if byte == 0 {
                return (taken, Some(self.end()));
            }
            match self.buffer.get_mut(self.len) {
                Some(place) if self.dropped == 0 => {
                    *place = byte;
                    self.len += 1;
                }
                _ => self.dropped = self.dropped.saturating_add(1),
            }
        }
        (taken, None)
    }

    /// Returns what came after the last delimiter, at the end of the input. It may be a frame that lacks its delimiter alone.
    ///
    /// ```
    /// use ringlog_nostd::frame::{Chunk, FrameDecoder};
    ///
    /// let mut buffer = [0; 64];
    /// let mut decoder = FrameDecoder::new(&mut buffer);
    /// assert_eq!(decoder.push(b"cut"), (3, None));
    /// assert_eq!(decoder.finish(), Some(Chunk::Broken { bytes: b"cut", len: 3 }));
    /// assert_eq!(decoder.finish(), None);
    /// ```
    pub fn finish(&mut self) -> Option<Chunk<'_>> {
        self.forget_given();
        if self.len == 0 && self.dropped == 0 { None } else { Some(self.end()) }
    }

    /// Returns the bytes since the last delimiter, as far as the buffer holds them.
    ///
    /// ```
    /// use ringlog_nostd::frame::FrameDecoder;
    ///
    /// let mut buffer = [0; 64];
    /// let mut decoder = FrameDecoder::new(&mut buffer);
    /// decoder.push(b"login: ");
    /// assert_eq!(decoder.pending(), b"login: ");
    /// ```
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        let len = if self.is_done { 0 } else { self.len };
        self.buffer.get(..len).unwrap_or_default()
    }

    fn forget_given(&mut self) {
        if self.is_done {
            (self.len, self.dropped, self.is_done) = (0, 0, false);
        }
    }

    fn end(&mut self) -> Chunk<'_> {
        self.is_done = true;
        let len = (self.len as u64).saturating_add(self.dropped);
        let bytes = self.buffer.get_mut(..self.len).unwrap_or_default();
        if self.dropped > 0 || !is_whole(bytes) {
            return Chunk::Broken { bytes, len };
        }
        let content = unstuff(bytes).saturating_sub(CHECKSUM_LEN);
        match parse(bytes.get(..content).unwrap_or_default()) {
            Ok(frame) => Chunk::Frame(frame),
            Err(version) => Chunk::OtherVersion(version),
        }
    }
}

/// Calls `f` with the pieces that a frame was made of, and returns whether its blocks end where it ends.
fn pieces(bytes: &[u8], mut f: impl FnMut(&[u8])) -> bool {
    let mut rest = bytes;
    while let Some((&code, after)) = rest.split_first() {
        let Some((block, next)) = after.split_at_checked(usize::from(code).saturating_sub(1)) else {
            return false;
        };
        f(block);
        if code < u8::MAX && !next.is_empty() {
            f(&[0]);
        }
        rest = next;
    }
    true
}

/// Whether these bytes are a frame with the right checksum. They have no zero.
fn is_whole(bytes: &[u8]) -> bool {
    let (mut checksum, mut len) = (0, 0);
    let is_chain = pieces(bytes, |piece| {
        checksum = crc32c_append(checksum, piece);
        len += piece.len();
    });
    is_chain && checksum == RESIDUE && len >= LEAD_LEN + CHECKSUM_LEN
}

/// Restores the content of a frame in its place, and returns its length.
fn unstuff(bytes: &mut [u8]) -> usize {
    let (mut from, mut to) = (0, 0);
    while let Some(&code) = bytes.get(from) {
        let end = from + usize::from(code);
        for at in from + 1..end {
            let byte = bytes.get(at).copied().unwrap_or_default();
            put(bytes, &mut to, byte);
        }
        if code < u8::MAX && end < bytes.len() {
            put(bytes, &mut to, 0);
        }
        // Never 0: the caller has checked that no byte is.
        from = end.max(from + 1);
    }
    to
}

fn put(bytes: &mut [u8], at: &mut usize, byte: u8) {
    if let Some(place) = bytes.get_mut(*at) {
        *place = byte;
        *at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::file_header::{ClockKind, FileHeader};
    use crate::format::gap::Gap;
    use crate::format::header::{EventHeader, MAX_PAYLOAD};
    use crate::format::meta::MetaTopic;
    use crate::frame::content::{Content, MAX_FRAME_LEN};
    extern crate std;
    use std::string::String;
    use std::vec;
    use std::vec::Vec;

    /// What a decoder with this buffer makes of the bytes, in pieces of this length.
    fn decode(bytes: &[u8], buffer: usize, piece: usize) -> Vec<String> {
        let mut buffer = vec![0; buffer];
        let mut decoder = FrameDecoder::new(&mut buffer);
        let mut found = Vec::new();
        for mut piece in bytes.chunks(piece) {
            while !piece.is_empty() {
                let (taken, chunk) = decoder.push(piece);
                found.extend(chunk.map(|chunk| std::format!("{chunk:?}")));
                piece = &piece[taken..];
            }
        }
        found.extend(decoder.finish().map(|chunk| std::format!("{chunk:?}")));
        found
    }

    fn frame(number: u32, content: Content<'_>) -> Frame<'_> {
        Frame { life: 0, number, content }
    }

    /// Frames of every kind, with zeros and without, at the lengths where a block of COBS ends.
    #[test]
    fn every_frame_comes_back_from_any_pieces() {
        let header = FileHeader::new(42, ClockKind::Ticks, true);
        let payloads: Vec<Vec<u8>> = (0..4)
            .flat_map(|zeros| {
                (0..600).step_by(zeros * 7 + 1).map(move |len| {
                    let byte =
                        |at: usize| if zeros > 0 && at % (zeros * 127) == 3 { 0 } else { at as u8 | 1 };
                    (0..len).map(byte).collect()
                })
            })
            .chain([vec![0; MAX_PAYLOAD], vec![1; MAX_PAYLOAD]])
            .collect();
        let gap = Gap::new(crate::GapReason::RingFull, 3).to_payload();
        let mut frames: Vec<_> = (7..)
            .zip(&payloads)
            .map(|(number, payload)| {
                let header = EventHeader::new(u64::from(number) << 8, 7, payload.len() as u16).with_flags(5);
                frame(number, Content::Record(header, payload))
            })
            .collect();
        frames.push(Frame { life: header.salt() as u8, number: 9, content: Content::Header(header) });
        frames.push(frame(9, Content::Meta(MetaTopic::EventType(7), b"{}")));
        frames.push(frame(9, Content::Meta(MetaTopic::Log, b"{\"log\":{}}")));
        frames.push(frame(9, Content::Record(Gap::header(1), &gap)));
        frames.push(frame(u32::MAX, Content::Count(u64::MAX)));
        frames.push(frame(9, Content::Unknown { kind: 15 }));
        let expected: Vec<_> = frames.iter().map(|it| std::format!("{:?}", Chunk::Frame(*it))).collect();
        let wire: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
        for piece in [1, 7, 4096, wire.len()] {
            assert!(decode(&wire, MAX_FRAME_LEN, piece) == expected, "pieces of {piece} bytes");
        }
    }

    /// The bytes are those of the crate `cobs`, which knows nothing of frames.
    #[test]
    fn a_frame_is_cobs_over_its_content_and_checksum() {
        for len in [0, 1, 200, 233, 234, 235, 236, 254, 255, 600] {
            for zero_at in [0, 5, 199, 700] {
                let payload: Vec<u8> = (0..len).map(|at| if at == zero_at { 0 } else { 1 }).collect();
                let header = EventHeader::new(0x0102_0304_0506_0708, 7, len as u16);
                let wire: Vec<u8> = frame(0x0101_0101, Content::Record(header, &payload)).bytes().collect();
                let mut content = vec![0x18, 0, 1, 1, 1, 1, 8, 7, 6, 5, 4, 3, 2, 1, 7, 0];
                content.extend(&payload);
                content.extend(crc32c_append(0, &content).to_le_bytes());
                let (stuffed, delimiter) = wire.split_at(wire.len() - 1);
                assert_eq!(delimiter, [0]);
                assert_eq!(cobs::decode_vec(stuffed).unwrap(), content, "{len} bytes, zero at {zero_at}");
            }
        }
    }

    #[test]
    fn a_right_checksum_has_one_residue() {
        for bytes in [&b""[..], b"a", b"any bytes"] {
            let checksum = crc32c_append(0, bytes);
            assert_eq!(crc32c_append(checksum, &checksum.to_le_bytes()), RESIDUE);
        }
    }

    /// Any damage to one byte of a frame costs that frame alone, and nothing else is found.
    #[test]
    fn damage_reaches_no_further_than_the_frame() {
        let frames = [(1, &b"first\0"[..]), (2, b"\0\0second"), (3, b"")].map(|(number, payload)| {
            frame(number, Content::Record(EventHeader::new(1, 2, payload.len() as u16), payload))
        });
        let bytes: Vec<Vec<u8>> = frames.iter().map(|frame| frame.bytes().collect()).collect();
        let shown = frames.map(|frame| std::format!("{:?}", Chunk::Frame(frame)));
        let [before, hit, after] = [&bytes[0], &bytes[1], &bytes[2]];
        let check = |damaged: &[u8], what: &str, at: usize| {
            let wire = [before, damaged, after].concat();
            let found: Vec<_> =
                decode(&wire, 64, 5).into_iter().filter(|it| it.starts_with("Frame")).collect();
            assert_eq!(found, [&shown[0][..], &shown[2]], "{what} at {at}");
        };
        // Without its delimiter it would be one with the frame after it.
        for at in 0..hit.len() - 1 {
            for bit in 0..8 {
                let mut flipped = hit.clone();
                flipped[at] ^= 1 << bit;
                check(&flipped, "a flipped bit", at);
            }
            let mut shorter = hit.clone();
            shorter.remove(at);
            check(&shorter, "a missing byte", at);
            for byte in [0, 1, 255] {
                let mut longer = hit.clone();
                longer.insert(at, byte);
                if longer.iter().filter(|&&it| it == 0).count() == 1 || at > 0 {
                    check(&longer, "a byte more", at);
                }
            }
        }
    }

    #[test]
    fn a_longer_frame_than_the_buffer_is_broken_and_the_next_one_is_found() {
        let long = [7; 100];
        let frames =
            [frame(1, Content::Record(EventHeader::new(1, 2, 100), &long)), frame(2, Content::Count(2))];
        let wire: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
        let found = decode(&wire, 32, 9);
        assert!(found[0].starts_with("Broken") && found[0].ends_with("len: 121 }"), "{found:?}");
        assert_eq!(found[1..], [std::format!("{:?}", Chunk::Frame(frames[1]))]);
    }

    #[test]
    fn frames_of_another_version_are_named() {
        let mut content = vec![0x28, 0, 1, 0, 0, 0];
        content.extend(crc32c_append(0, &content).to_le_bytes());
        let mut wire = cobs::encode_vec(&content);
        wire.push(0);
        assert_eq!(decode(&wire, 64, 64), ["OtherVersion(2)"]);
    }
}
