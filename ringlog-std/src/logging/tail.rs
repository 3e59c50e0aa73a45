//! The tail of a message: a CBOR map of target, message and fields, cut where it would be too long.
#![forbid(unsafe_code)]

use std::fmt;

#[cfg(feature = "tracing")]
use super::items::BYTES;
#[cfg(feature = "log")]
use super::items::NULL;
use super::items::{END, FALSE, IN_2, LONGEST, MAP, NEGATIVE, TEXT, TRUE, UNSIGNED, float_bytes, put_head};
#[cfg(feature = "tracing")]
use super::key::Key;

/// Bytes before the text of such an item.
const TEXT_HEAD: usize = 3;
/// The ends of both maps.
const ENDS: usize = 2;
/// The key `fields`, and the beginning of a map.
const FIELDS: [u8; 8] = *b"\x66fields\xBF";

/// A buffer is this much longer than the longest payload: a short item is stored as that many bytes, of which it keeps some.
pub(super) const SLACK: usize = 32;

/// A map that is written at the end of a payload.
pub(super) struct Tail<'b> {
    /// Longer by [`SLACK`] than the longest payload.
    out: &'b mut [u8],
    /// Length of the payload so far.
    len: usize,
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
    /// Begins the map after the first `len` bytes of the buffer. The payload takes at most `max_payload` bytes.
    pub(super) fn begin(out: &'b mut [u8], len: usize, max_payload: usize) -> Self {
        let mut tail = Self::resume(out, len, max_payload);
        tail.put([MAP]);
        tail
    }

    /// Continues a map at the end of the first `len` bytes of the buffer.
    #[inline]
    pub(super) fn resume(out: &'b mut [u8], len: usize, max_payload: usize) -> Self {
        debug_assert!(out.len() >= max_payload + SLACK);
        Self { out, len, limit: max_payload - ENDS, part: Part::Map, is_cut: false }
    }

    /// Returns the length of the payload so far.
    #[cfg(feature = "tracing")]
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Adds these bytes.
    #[inline]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        if let Some(to) = self.out.get_mut(self.len..).and_then(|rest| rest.first_chunk_mut()) {
            *to = bytes;
            self.len += N;
        }
    }

    #[inline]
    fn put_all(&mut self, bytes: &[u8]) {
        if let Some(to) = self.out.get_mut(self.len..).and_then(|rest| rest.get_mut(..bytes.len())) {
            to.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }

    /// Begins an item of this kind with this number.
    #[inline]
    fn head(&mut self, kind: u8, number: u64) {
        let place = self.out.get_mut(self.len..).and_then(|rest| rest.first_chunk_mut());
        self.len += place.map_or(0, |place| put_head(place, kind, number));
    }

    #[inline]
    fn put_text(&mut self, text: &str) {
        self.head(TEXT, text.len() as u64);
        self.put_all(text.as_bytes());
    }

    /// Begins the map of fields, unless it has begun. What is added from here on is in it.
    #[inline]
    pub(super) fn begin_fields(&mut self) {
        if self.part != Part::Map {
            return;
        }
        if self.room() < FIELDS.len() {
            self.is_cut = true;
            self.part = Part::Nowhere;
            return;
        }
        self.put(FIELDS);
        self.part = Part::Fields;
    }

    /// Ends the map of fields, if it has begun.
    #[inline]
    pub(super) fn end_fields(&mut self) {
        if self.part == Part::Fields {
            self.put([END]);
        }
        self.part = Part::Map;
    }

    /// Ends the map. Returns the payload's length, and whether anything was cut.
    #[inline]
    pub(super) fn end(mut self) -> (usize, bool) {
        self.end_fields();
        self.put([END]);
        (self.len, self.is_cut)
    }

    /// Returns how much room there is, in bytes.
    #[inline]
    const fn room(&self) -> usize {
        self.limit.saturating_sub(self.len)
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

    /// Puts a short key where the next item begins, if it and more than any short value have room. Returns that value's
    /// place, which is as long as a head of any kind and 8 bytes, and the key's length.
    #[cfg(feature = "tracing")]
    #[inline(always)]
    fn known_key(&mut self, key: &Key) -> Option<(&mut [u8; LONGEST], usize)> {
        let len = usize::from(key.len?);
        if self.part == Part::Nowhere || self.room() < SLACK {
            return None;
        }
        let place = self.out.get_mut(self.len..)?.first_chunk_mut::<SLACK>()?;
        *place.first_chunk_mut()? = key.bytes;
        Some((place.get_mut(len..)?.first_chunk_mut()?, len))
    }

    #[cfg(feature = "tracing")]
    #[inline(always)]
    pub(super) fn known_unsigned(&mut self, key: &Key, value: u64) {
        let Some((place, key_len)) = self.known_key(key) else { return self.unsigned(key.name(), value) };
        self.len += key_len + put_head(place, UNSIGNED, value);
    }

    #[cfg(feature = "tracing")]
    #[inline(always)]
    pub(super) fn known_signed(&mut self, key: &Key, value: i64) {
        let Some((place, key_len)) = self.known_key(key) else { return self.signed(key.name(), value) };
        // -1 has the number 0.
        let (kind, number) = if value < 0 { (NEGATIVE, !value) } else { (UNSIGNED, value) };
        self.len += key_len + put_head(place, kind, number.cast_unsigned());
    }

    #[cfg(feature = "tracing")]
    #[inline(always)]
    pub(super) fn known_float(&mut self, key: &Key, value: f64) {
        let Some((place, key_len)) = self.known_key(key) else { return self.float(key.name(), value) };
        *place = float_bytes(value);
        self.len += key_len + LONGEST;
    }

    #[cfg(feature = "tracing")]
    #[inline(always)]
    pub(super) fn known_text(&mut self, key: &Key, text: &str) {
        if self.room().saturating_sub(text.len()) < SLACK {
            return self.text(key.name(), text);
        }
        let Some((place, key_len)) = self.known_key(key) else { return self.text(key.name(), text) };
        let head_len = put_head(place, TEXT, text.len() as u64);
        self.len += key_len + head_len;
        self.put_all(text.as_bytes());
    }

    /// As [`debug`](Self::debug).
    #[cfg(feature = "tracing")]
    #[inline(always)]
    pub(super) fn known_debug(&mut self, key: &Key, value: &dyn fmt::Debug) {
        let Some((_, key_len)) = self.known_key(key) else { return self.debug(key.name(), value) };
        self.len += key_len;
        self.format(format_args!("{value:?}"));
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
        self.format(text);
    }

    /// Adds what it says of itself, as much of it as there is room for. As in [`formatted`](Self::formatted).
    #[cfg(feature = "tracing")]
    #[inline]
    pub(super) fn debug(&mut self, key: &str, value: &dyn fmt::Debug) {
        if self.key(key, TEXT_HEAD) {
            self.format(format_args!("{value:?}"));
        }
    }

    fn format(&mut self, text: fmt::Arguments<'_>) {
        let at = self.len;
        self.put([TEXT | IN_2, 0, 0]);
        let mut limited = Limited { tail: self, is_cut: false };
        // A `Debug` that fails has no more to say.
        let _ = fmt::write(&mut limited, text);
        self.is_cut |= limited.is_cut;
        // The limit is below 65,536.
        let len = u16::try_from(self.len - at - TEXT_HEAD).unwrap_or(u16::MAX);
        if let Some(to) = self.out.get_mut(at + 1..at + TEXT_HEAD) {
            to.copy_from_slice(&len.to_be_bytes());
        }
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
            self.put(float_bytes(value));
        }
    }

    pub(super) fn bool(&mut self, key: &str, value: bool) {
        if self.key(key, LONGEST) {
            self.put([if value { TRUE } else { FALSE }]);
        }
    }

    #[cfg(feature = "log")]
    pub(super) fn null(&mut self, key: &str) {
        if self.key(key, LONGEST) {
            self.put([NULL]);
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
        self.put_all(kept);
    }
}

/// Takes the text up to the limit.
struct Limited<'t, 'b> {
    tail: &'t mut Tail<'b>,
    is_cut: bool,
}

impl fmt::Write for Limited<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Nothing after what was cut.
        let room = if self.is_cut { 0 } else { self.tail.room() };
        let kept = first_of(text, room);
        self.is_cut |= kept.len() < text.len();
        self.tail.put_all(kept.as_bytes());
        // Not an error: the `Debug` of a program may panic on one.
        Ok(())
    }
}

/// Returns as much of the text as `len` bytes have room for.
#[inline]
fn first_of(text: &str, len: usize) -> &str {
    if text.len() <= len { text } else { cut(text, len) }
}

#[cold]
fn cut(text: &str, len: usize) -> &str {
    let fits = |end: &usize| text.is_char_boundary(*end);
    (0..=len).rev().find(fits).map_or("", |end| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(max_payload: usize, fill: impl FnOnce(&mut Tail<'_>)) -> (Vec<u8>, bool) {
        let mut out = vec![0; max_payload + SLACK];
        let mut tail = Tail::begin(&mut out, 0, max_payload);
        fill(&mut tail);
        let (len, is_cut) = tail.end();
        out.truncate(len);
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
