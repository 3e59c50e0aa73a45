//! The tail of a message: a CBOR map of target, message and fields, cut where it would be too long.
#![forbid(unsafe_code)]

use std::fmt::{self, Write as _};

/// The kinds of data items, in the upper three bits of their first byte (RFC 8949, section 3.1).
const UNSIGNED: u8 = 0 << 5;
const NEGATIVE: u8 = 1 << 5;
#[cfg(feature = "tracing")]
const BYTES: u8 = 2 << 5;
const TEXT: u8 = 3 << 5;
/// Among the lower five bits: the number of the item is in the next byte, or in the next 2, 4 or 8.
const IN_1: u8 = 24;
const IN_2: u8 = 25;
const IN_4: u8 = 26;
const IN_8: u8 = 27;
const FALSE: u8 = 0xF4;
const TRUE: u8 = 0xF5;
#[cfg(feature = "log")]
const NULL: u8 = 0xF6;
const FLOAT: u8 = 0xFB;
/// A map up to an end.
const MAP: u8 = 0xBF;
const END: u8 = 0xFF;

/// Bytes before the text of such an item.
const TEXT_HEAD: usize = 3;
/// Bytes of a number, a float or a truth value, at most.
const LONGEST: usize = 9;
/// The ends of both maps.
const ENDS: usize = 2;
const FIELDS: &str = "fields";

/// A map that is written at the end of a payload.
pub(super) struct Tail<'b> {
    out: &'b mut Vec<u8>,
    /// Where the payload must end, both maps' ends not counted.
    limit: usize,
    part: Part,
    is_cut: bool,
}

/// Where the next key belongs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Map,
    Fields,
    /// Among the fields, whose map found no room.
    Nowhere,
}

impl<'b> Tail<'b> {
    /// Begins the map. The payload takes at most `max_payload` bytes.
    pub(super) fn begin(out: &'b mut Vec<u8>, max_payload: usize) -> Self {
        out.push(MAP);
        Self { out, limit: max_payload - ENDS, part: Part::Map, is_cut: false }
    }

    /// Begins an item of this kind with this number.
    #[inline]
    fn head(&mut self, kind: u8, number: u64) {
        match number {
            // Most keys and texts are that short.
            0..24 => self.out.push(kind | number.to_le_bytes()[0]),
            _ => self.long_head(kind, number),
        }
    }

    fn long_head(&mut self, kind: u8, number: u64) {
        let bytes = number.to_be_bytes();
        let (len_kind, len) = match number {
            0..0x100 => (IN_1, 1),
            0x100..0x1_0000 => (IN_2, 2),
            0x1_0000..0x1_0000_0000 => (IN_4, 4),
            _ => (IN_8, 8),
        };
        self.out.push(kind | len_kind);
        self.out.extend_from_slice(&bytes[8 - len..]);
    }

    #[inline]
    fn put_text(&mut self, text: &str) {
        self.head(TEXT, text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Begins the map of fields, unless it has begun. What is added from here on is in it.
    pub(super) fn begin_fields(&mut self) {
        if self.part != Part::Map {
            return;
        }
        if self.key(FIELDS, 1) {
            self.out.push(MAP);
            self.part = Part::Fields;
        } else {
            self.part = Part::Nowhere;
        }
    }

    /// Ends the map of fields, if it has begun.
    pub(super) fn end_fields(&mut self) {
        if self.part == Part::Fields {
            self.out.push(END);
        }
        self.part = Part::Map;
    }

    /// Ends the map. Returns whether anything was cut.
    pub(super) fn end(mut self) -> bool {
        self.end_fields();
        self.out.push(END);
        self.is_cut
    }

    /// Returns how much room there is, in bytes.
    const fn room(&self) -> usize {
        self.limit.saturating_sub(self.out.len())
    }

    /// Adds a key, if it and `len` more bytes have room.
    #[inline]
    fn key(&mut self, key: &str, len: usize) -> bool {
        if self.part == Part::Nowhere || self.room() < TEXT_HEAD + key.len() + len {
            self.is_cut = true;
            return false;
        }
        self.put_text(key);
        true
    }

    /// Adds a text, as much of it as there is room for.
    #[inline]
    pub(super) fn text(&mut self, key: &str, text: &str) {
        if !self.key(key, TEXT_HEAD) {
            return;
        }
        let kept = first_of(text, self.room() - TEXT_HEAD);
        self.is_cut |= kept.len() < text.len();
        self.put_text(kept);
    }

    /// Adds a text, as much of it as there is room for. What formats it may log: nothing of the thread is in use meanwhile.
    pub(super) fn formatted(&mut self, key: &str, text: fmt::Arguments<'_>) {
        if let Some(text) = text.as_str() {
            return self.text(key, text);
        }
        if !self.key(key, TEXT_HEAD) {
            return;
        }
        self.out.extend_from_slice(&[TEXT | IN_2, 0, 0]);
        let start = self.out.len();
        let mut limited = Limited { out: self.out, limit: self.limit, is_cut: false };
        // A `Debug` that fails has no more to say.
        let _ = limited.write_fmt(text);
        self.is_cut |= limited.is_cut;
        // The limit is below 65,536.
        let len = u16::try_from(self.out.len() - start).unwrap_or(u16::MAX);
        self.out[start - 2..start].copy_from_slice(&len.to_be_bytes());
    }

    /// Adds the file of the source, unless the target leads to it.
    #[inline]
    pub(super) fn file(&mut self, target: &str, module_path: Option<&str>, file: Option<&str>) {
        if module_path != Some(target)
            && let Some(file) = file
        {
            self.text("file", file);
        }
    }

    #[inline]
    pub(super) fn unsigned(&mut self, key: &str, value: u64) {
        if self.key(key, LONGEST) {
            self.head(UNSIGNED, value);
        }
    }

    #[inline]
    pub(super) fn signed(&mut self, key: &str, value: i64) {
        if self.key(key, LONGEST) {
            match u64::try_from(value) {
                Ok(value) => self.head(UNSIGNED, value),
                // -1 has the number 0.
                Err(_) => self.head(NEGATIVE, !value.cast_unsigned()),
            }
        }
    }

    #[inline]
    pub(super) fn float(&mut self, key: &str, value: f64) {
        if self.key(key, LONGEST) {
            self.out.push(FLOAT);
            self.out.extend_from_slice(&value.to_be_bytes());
        }
    }

    pub(super) fn bool(&mut self, key: &str, value: bool) {
        if self.key(key, LONGEST) {
            self.out.push(if value { TRUE } else { FALSE });
        }
    }

    #[cfg(feature = "log")]
    pub(super) fn null(&mut self, key: &str) {
        if self.key(key, LONGEST) {
            self.out.push(NULL);
        }
    }

    /// Adds an integer; one beyond 64 bits as its digits.
    pub(super) fn wide(&mut self, key: &str, value: i128) {
        match (u64::try_from(value), i64::try_from(value)) {
            (Ok(value), _) => self.unsigned(key, value),
            (_, Ok(value)) => self.signed(key, value),
            _ => self.formatted(key, format_args!("{value}")),
        }
    }

    /// Adds an integer; one beyond 64 bits as its digits.
    pub(super) fn wide_unsigned(&mut self, key: &str, value: u128) {
        match u64::try_from(value) {
            Ok(value) => self.unsigned(key, value),
            Err(_) => self.formatted(key, format_args!("{value}")),
        }
    }

    #[cfg(feature = "tracing")]
    pub(super) fn bytes(&mut self, key: &str, bytes: &[u8]) {
        if !self.key(key, TEXT_HEAD) {
            return;
        }
        let room = self.room() - TEXT_HEAD;
        self.is_cut |= room < bytes.len();
        let kept = &bytes[..bytes.len().min(room)];
        self.head(BYTES, kept.len() as u64);
        self.out.extend_from_slice(kept);
    }
}

/// Takes the text up to the limit.
struct Limited<'b> {
    out: &'b mut Vec<u8>,
    limit: usize,
    is_cut: bool,
}

impl fmt::Write for Limited<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Nothing after what was cut.
        let room = if self.is_cut { 0 } else { self.limit.saturating_sub(self.out.len()) };
        let kept = first_of(text, room);
        self.is_cut |= kept.len() < text.len();
        self.out.extend_from_slice(kept.as_bytes());
        // Not an error: the `Debug` of a program may panic on one.
        Ok(())
    }
}

/// Returns as much of the text as `len` bytes have room for.
fn first_of(text: &str, len: usize) -> &str {
    let fits = |end: &usize| text.is_char_boundary(*end);
    if text.len() <= len {
        return text;
    }
    (0..=len).rev().find(fits).map_or("", |end| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(max_payload: usize, fill: impl FnOnce(&mut Tail<'_>)) -> (Vec<u8>, bool) {
        let mut out = Vec::new();
        let mut tail = Tail::begin(&mut out, max_payload);
        fill(&mut tail);
        let is_cut = tail.end();
        (out, is_cut)
    }

    #[test]
    fn it_has_the_bytes_of_cbor() {
        let (bytes, is_cut) = tail(200, |tail| {
            tail.text("target", "app");
            tail.begin_fields();
            tail.unsigned("id", 7);
            tail.formatted("name", format_args!("{:?}", "x"));
        });
        let wanted = b"\xbf\x66target\x63app\x66fields\xbf\x62id\x07\x64name\x79\0\x03\"x\"\xff\xff";
        assert_eq!((bytes.as_slice(), is_cut), (&wanted[..], false));
    }

    #[test]
    fn numbers_are_those_that_a_decoder_reads() {
        let unsigned = (0..64).flat_map(|bit| [(1 << bit) - 1, 1 << bit, u64::MAX >> bit]);
        for value in unsigned.chain([23, 24]) {
            let (bytes, _) = tail(99, |tail| {
                tail.unsigned("u", value);
                tail.signed("i", value.cast_signed());
                tail.signed("n", !value.cast_signed());
                tail.float("f", f64::from_bits(value));
                tail.bool("b", value & 1 == 1);
            });
            let mut from = minicbor::Decoder::new(&bytes);
            assert_eq!(from.map().unwrap(), None);
            assert_eq!((from.str().unwrap(), from.u64().unwrap()), ("u", value));
            assert_eq!((from.str().unwrap(), from.i64().unwrap()), ("i", value.cast_signed()));
            assert_eq!((from.str().unwrap(), from.i64().unwrap()), ("n", !value.cast_signed()));
            assert_eq!((from.str().unwrap(), from.f64().unwrap().to_bits()), ("f", value));
            assert_eq!((from.str().unwrap(), from.bool().unwrap()), ("b", value & 1 == 1));
            assert_eq!(from.position() + 1, bytes.len());
        }
    }

    #[test]
    fn texts_of_each_length_are_read_back() {
        for len in (0..300).chain([65_000]) {
            let text = "x".repeat(len);
            let (bytes, is_cut) = tail(65_535, |tail| tail.text("t", &text));
            let mut from = minicbor::Decoder::new(&bytes);
            from.map().unwrap();
            assert_eq!((from.str().unwrap(), from.str().unwrap(), is_cut), ("t", &*text, false));
        }
    }

    #[test]
    fn it_is_cut_at_each_length_and_stays_whole_cbor() {
        for max_payload in 3..160 {
            let (bytes, is_cut) = tail(max_payload, |tail| {
                tail.text("target", "a target of the program");
                tail.formatted("message", format_args!("größer {} 我", 7));
                tail.begin_fields();
                tail.unsigned("id", u64::MAX);
                tail.formatted("name", format_args!("{:?}", "größe"));
                tail.wide("wide", i128::MAX);
            });
            assert!(bytes.len() <= max_payload, "{max_payload}");
            let mut decoder = minicbor::Decoder::new(&bytes);
            decoder.skip().unwrap();
            assert_eq!(decoder.position(), bytes.len());
            assert!(is_cut || bytes.len() > 140, "{max_payload} {}", bytes.len());
        }
    }

    #[test]
    fn nothing_follows_what_was_cut_within_a_text() {
        let (bytes, is_cut) = tail(20, |tail| tail.formatted("m", format_args!("{}{}", "我".repeat(5), "z")));
        assert!(is_cut && !bytes.contains(&b'z'), "{bytes:?}");
    }
}
