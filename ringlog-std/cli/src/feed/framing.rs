//! Divides a stream of bytes into records.

use super::{Loss, Next};
use crate::terminal::words::{counted, unix_now};
use ringlog::event::{GapReason, MAX_PAYLOAD};

/// How a stream of bytes is divided into records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Framing {
    /// Each record ends with `\n` or `\r\n`, which is not part of it.
    Lines,
    /// An integer before each record is its length in bytes.
    Length {
        /// Bytes of the integer.
        width: usize,
        /// Whether its most significant byte comes first.
        is_big_endian: bool,
        /// Its name in a feed's options.
        name: &'static str,
    },
}

/// The framings with a length.
const LENGTHS: [Framing; 4] = [
    Framing::Length { width: 2, is_big_endian: true, name: "length16be" },
    Framing::Length { width: 2, is_big_endian: false, name: "length16le" },
    Framing::Length { width: 4, is_big_endian: true, name: "length32be" },
    Framing::Length { width: 4, is_big_endian: false, name: "length32le" },
];

impl Framing {
    /// Parses the name of a framing.
    pub(super) fn named(text: &str) -> Result<Self, String> {
        let is_asked = |it: &Self| matches!(it, Self::Length { name, .. } if *name == text);
        match LENGTHS.into_iter().find(is_asked) {
            _ if text == "lines" => Ok(Self::Lines),
            Some(framing) => Ok(framing),
            None => Err(format!(
                "framing={text}: expected lines, length16be, length16le, length32be or length32le"
            )),
        }
    }
}

impl std::fmt::Display for Framing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lines => f.write_str("lines"),
            Self::Length { name, .. } => write!(f, "records ({name})"),
        }
    }
}

/// Assembles records from the pieces of a stream.
///
/// A record longer than the longest payload is a loss, and takes no more memory than others.
#[derive(Debug)]
pub(super) struct Records {
    framing: Framing,
    /// The length before the record as far as it was read, and how many of its bytes were.
    prefix: u64,
    prefix_bytes: usize,
    record: Vec<u8>,
    record_bytes: u64,
    /// Bytes of the stream that were taken, and those before the record.
    taken: u64,
    start: u64,
}

impl Records {
    /// Starts at the start of a stream.
    pub(super) const fn new(framing: Framing) -> Self {
        let record = Vec::new();
        Self { framing, prefix: 0, prefix_bytes: 0, record, record_bytes: 0, taken: 0, start: 0 }
    }

    /// Returns the offset in the stream at which the unfinished record starts.
    pub(super) const fn start(&self) -> u64 {
        self.start
    }

    /// Returns how many of its bytes were taken, framing included.
    pub(super) const fn pending_bytes(&self) -> u64 {
        self.taken - self.start
    }

    /// Takes bytes from the front of `input` up to the end of the record; returns whether the record ended.
    pub(super) fn take(&mut self, input: &mut &[u8]) -> bool {
        match self.framing {
            Framing::Lines => self.take_line(input),
            Framing::Length { width, is_big_endian, .. } => self.take_prefixed(input, width, is_big_endian),
        }
    }

    fn take_line(&mut self, input: &mut &[u8]) -> bool {
        let newline = input.iter().position(|&byte| byte == b'\n');
        self.take_bytes(input, newline.unwrap_or(input.len()));
        if newline.is_some() {
            self.skip(input, 1);
            self.drop_carriage_return();
        }
        newline.is_some()
    }

    /// Removes one `\r` before the `\n`, as Windows and text protocols write it.
    ///
    /// So the longest line fits into an event even with a `\r`.
    fn drop_carriage_return(&mut self) {
        if self.record.len() as u64 == self.record_bytes && self.record.last() == Some(&b'\r') {
            self.record.pop();
            self.record_bytes -= 1;
        }
    }

    fn take_prefixed(&mut self, input: &mut &[u8], width: usize, is_big_endian: bool) -> bool {
        while self.prefix_bytes < width {
            let Some(&byte) = input.first() else { return false };
            let shift = if is_big_endian { width - 1 - self.prefix_bytes } else { self.prefix_bytes };
            self.prefix |= u64::from(byte) << (8 * shift);
            self.prefix_bytes += 1;
            self.skip(input, 1);
        }
        let missing = usize::try_from(self.prefix - self.record_bytes).unwrap_or(usize::MAX);
        self.take_bytes(input, missing.min(input.len()));
        self.record_bytes == self.prefix
    }

    fn take_bytes(&mut self, input: &mut &[u8], count: usize) {
        let part = input.get(..count).unwrap_or_default();
        // One byte more for the `\r` of the longest line.
        let room = (MAX_PAYLOAD + 1).saturating_sub(self.record.len());
        self.record.extend_from_slice(part.get(..room).unwrap_or(part));
        self.record_bytes += part.len() as u64;
        self.skip(input, count);
    }

    fn skip(&mut self, input: &mut &[u8], count: usize) {
        *input = input.get(count..).unwrap_or_default();
        self.taken += count as u64;
    }

    /// Returns the record that ended, with its bytes in `payload`, and begins the next one.
    pub(super) fn finish(&mut self, payload: &mut Vec<u8>, event_type: u8) -> Next {
        let (offset, bytes) = (self.start, self.record_bytes);
        payload.clear();
        std::mem::swap(payload, &mut self.record);
        self.clear();
        if bytes <= MAX_PAYLOAD as u64 {
            return Next::Event { timestamp: unix_now(), event_type };
        }
        let kind = if self.framing == Framing::Lines { "line" } else { "record" };
        let what = format!("{kind} of {bytes} bytes, at most {MAX_PAYLOAD} fit into an event");
        Next::Lost(Loss::skipped(GapReason::TooLong, Some(unix_now()), offset, what))
    }

    /// Gives up a record that will not be completed; returns the loss if some of it had arrived.
    pub(super) fn give_up(&mut self) -> Option<Loss> {
        let (offset, bytes) = (self.start, self.pending_bytes());
        self.record.clear();
        self.clear();
        let missing = match self.framing {
            Framing::Lines => "its newline is missing".to_owned(),
            Framing::Length { .. } => "more were to come".to_owned(),
        };
        let what = format!("{} of a record that did not end: {missing}", counted(bytes, "byte"));
        (bytes > 0).then(|| Loss::skipped(GapReason::NotReadable, Some(unix_now()), offset, what))
    }

    const fn clear(&mut self) {
        (self.prefix, self.prefix_bytes, self.record_bytes, self.start) = (0, 0, 0, self.taken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the records of a stream in pieces of `step` bytes, each loss as its offset, and the last loss.
    fn all(framing: &str, stream: &[u8], step: usize) -> (Vec<Result<Vec<u8>, u64>>, Option<Loss>) {
        let (mut records, mut found, mut payload) =
            (Records::new(Framing::named(framing).unwrap()), Vec::new(), Vec::new());
        for mut piece in stream.chunks(step) {
            while records.take(&mut piece) {
                found.push(match records.finish(&mut payload, 3) {
                    Next::Event { event_type: 3, .. } => Ok(payload.clone()),
                    Next::Lost(loss) => Err(loss.skip.unwrap().offset),
                    other => panic!("{other:?}"),
                });
            }
            assert!(piece.is_empty());
        }
        let rest = records.give_up();
        assert_eq!((records.start(), records.pending_bytes()), (stream.len() as u64, 0));
        (found, rest)
    }

    fn prefixed(framing: &str, record: &[u8]) -> Vec<u8> {
        let length = record.len() as u32;
        let prefix = match framing {
            "length16be" => (length as u16).to_be_bytes().to_vec(),
            "length16le" => (length as u16).to_le_bytes().to_vec(),
            "length32be" => length.to_be_bytes().to_vec(),
            "length32le" => length.to_le_bytes().to_vec(),
            _ => return [record, b"\n"].concat(),
        };
        [&prefix, record].concat()
    }

    #[test]
    fn records_are_whole_in_any_pieces() {
        let records = [&b"one"[..], b"", &[b'x'; 700], b"\xFF\0", b"last"];
        for framing in ["lines", "length16be", "length16le", "length32be", "length32le"] {
            let stream: Vec<u8> = records.iter().flat_map(|record| prefixed(framing, record)).collect();
            for step in [1, 2, 3, 5, 64, 4096] {
                let (found, rest) = all(framing, &stream, step);
                assert!(found.iter().map(|it| &it.as_ref().unwrap()[..]).eq(records), "{framing} {step}");
                assert_eq!(rest, None);
            }
        }
    }

    #[test]
    fn a_carriage_return_in_front_of_a_newline_is_no_part_of_a_line() {
        let stream = b"one\r\ntwo\n\r\n\r\r\n\rx\r y\r\nend\r";
        for step in 1..stream.len() {
            let (found, rest) = all("lines", stream, step);
            let found: Vec<_> = found.into_iter().map(Result::unwrap).collect();
            assert_eq!(found, [&b"one"[..], b"two", b"", b"\r", b"\rx\r y"], "{step}");
            assert!(rest.unwrap().skip.unwrap().what.contains("4 bytes"));
        }
        // With a length before it, a record may be binary.
        assert_eq!(all("length16be", b"\0\x02\r\n", 1).0, [Ok(b"\r\n".to_vec())]);
        let longest = vec![b'z'; MAX_PAYLOAD];
        let (found, _) = all("lines", &[&longest[..], b"\r\n", &longest, b"z\r\n", b"\r\n"].concat(), 4099);
        assert_eq!(found, [Ok(longest), Err(MAX_PAYLOAD as u64 + 2), Ok(Vec::new())]);
    }

    #[test]
    fn a_record_that_is_too_long_is_skipped_and_the_next_one_read() {
        for framing in ["lines", "length32be", "length32le"] {
            let long = prefixed(framing, &vec![b'y'; MAX_PAYLOAD + 1]);
            let stream =
                [prefixed(framing, &[b'z'; MAX_PAYLOAD]), long, prefixed(framing, b"after")].concat();
            let (found, rest) = all(framing, &stream, 4099);
            let offset = prefixed(framing, &[b'z'; MAX_PAYLOAD]).len() as u64;
            assert_eq!(found, [Ok(vec![b'z'; MAX_PAYLOAD]), Err(offset), Ok(b"after".to_vec())]);
            assert_eq!(rest, None);
        }
    }

    #[test]
    fn what_is_left_of_a_record_is_reported_wherever_the_stream_breaks_off() {
        for framing in ["lines", "length16be", "length32le"] {
            let (whole, next) = (prefixed(framing, b"whole"), prefixed(framing, b"broken"));
            for length in 1..next.len() {
                let (found, rest) = all(framing, &[&whole, &next[..length]].concat(), 3);
                let rest = rest.unwrap();
                assert_eq!((found.len(), rest.gap.reason, rest.gap.count), (1, GapReason::NotReadable, 1));
                let skip = rest.skip.unwrap();
                assert_eq!(skip.offset, whole.len() as u64);
                assert!(skip.what.contains(&format!("{length} byte")), "{}", skip.what);
            }
        }
    }
}
