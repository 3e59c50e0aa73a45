//! The tail of a message: a CBOR map of target, message and fields, cut where it would be too long.
#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::fmt::{self, Write as _};

use minicbor::Encoder;
use minicbor::encode::Write;

/// A text of up to 65,535 bytes, whose length is in the next two bytes.
const TEXT_WITH_LONG_LENGTH: u8 = 0x79;
/// Bytes before the text of such an item.
const TEXT_HEAD: usize = 3;
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

/// Bytes that take all.
struct Bytes<'b>(&'b mut Vec<u8>);

impl Write for Bytes<'_> {
    type Error = Infallible;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

type Put<'p> = Encoder<Bytes<'p>>;

impl<'b> Tail<'b> {
    /// Begins the map. The payload takes at most `max_payload` bytes.
    pub(super) fn begin(out: &'b mut Vec<u8>, max_payload: usize) -> Self {
        let mut tail = Self { out, limit: max_payload - ENDS, part: Part::Map, is_cut: false };
        tail.put(|to| to.begin_map().map(drop));
        tail
    }

    fn put(&mut self, item: impl FnOnce(&mut Put<'_>) -> Result<(), minicbor::encode::Error<Infallible>>) {
        // Memory takes all.
        let _ = item(&mut Encoder::new(Bytes(self.out)));
    }

    /// Begins the map of fields, unless it has begun. What is added from here on is in it.
    pub(super) fn begin_fields(&mut self) {
        if self.part != Part::Map {
            return;
        }
        if self.key(FIELDS, 1) {
            self.put(|to| to.begin_map().map(drop));
            self.part = Part::Fields;
        } else {
            self.part = Part::Nowhere;
        }
    }

    /// Ends the map of fields, if it has begun.
    pub(super) fn end_fields(&mut self) {
        if self.part == Part::Fields {
            self.put(|to| to.end().map(drop));
        }
        self.part = Part::Map;
    }

    /// Ends the map. Returns whether anything was cut.
    pub(super) fn end(mut self) -> bool {
        self.end_fields();
        self.put(|to| to.end().map(drop));
        self.is_cut
    }

    /// Returns how much room there is, in bytes.
    const fn room(&self) -> usize {
        self.limit.saturating_sub(self.out.len())
    }

    /// Adds a key, if it and `len` more bytes have room.
    fn key(&mut self, key: &str, len: usize) -> bool {
        if self.part == Part::Nowhere || self.room() < TEXT_HEAD + key.len() + len {
            self.is_cut = true;
            return false;
        }
        self.put(|to| to.str(key).map(drop));
        true
    }

    /// Adds a text, as much of it as there is room for.
    pub(super) fn text(&mut self, key: &str, text: &str) {
        if !self.key(key, TEXT_HEAD) {
            return;
        }
        let kept = first_of(text, self.room() - TEXT_HEAD);
        self.is_cut |= kept.len() < text.len();
        self.put(|to| to.str(kept).map(drop));
    }

    /// Adds a text, as much of it as there is room for. What formats it may log: nothing of the thread is in use meanwhile.
    pub(super) fn formatted(&mut self, key: &str, text: fmt::Arguments<'_>) {
        if let Some(text) = text.as_str() {
            return self.text(key, text);
        }
        if !self.key(key, TEXT_HEAD) {
            return;
        }
        self.out.extend_from_slice(&[TEXT_WITH_LONG_LENGTH, 0, 0]);
        let start = self.out.len();
        let mut limited = Limited { out: self.out, limit: self.limit, is_cut: false };
        // A `Debug` that fails has no more to say.
        let _ = limited.write_fmt(text);
        self.is_cut |= limited.is_cut;
        // The limit is below 65,536.
        let len = u16::try_from(self.out.len() - start).unwrap_or(u16::MAX);
        self.out[start - 2..start].copy_from_slice(&len.to_be_bytes());
    }

    /// Adds a value of at most 9 bytes.
    fn short(
        &mut self,
        key: &str,
        item: impl FnOnce(&mut Put<'_>) -> Result<(), minicbor::encode::Error<Infallible>>,
    ) {
        if self.key(key, 9) {
            self.put(item);
        }
    }

    pub(super) fn unsigned(&mut self, key: &str, value: u64) {
        self.short(key, |to| to.u64(value).map(drop));
    }

    pub(super) fn signed(&mut self, key: &str, value: i64) {
        self.short(key, |to| to.i64(value).map(drop));
    }

    pub(super) fn float(&mut self, key: &str, value: f64) {
        self.short(key, |to| to.f64(value).map(drop));
    }

    pub(super) fn bool(&mut self, key: &str, value: bool) {
        self.short(key, |to| to.bool(value).map(drop));
    }

    #[cfg(feature = "log")]
    pub(super) fn null(&mut self, key: &str) {
        self.short(key, |to| to.null().map(drop));
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
        self.put(|to| to.bytes(&bytes[..bytes.len().min(room)]).map(drop));
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
