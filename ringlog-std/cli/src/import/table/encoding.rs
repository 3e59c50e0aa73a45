//! Reads text in UTF-8 or UTF-16 as UTF-8.

use std::io::{self, Chain, Cursor, Read};

/// The encoding of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Encoding {
    /// UTF-8, or another encoding that contains ASCII.
    Utf8,
    Utf16 {
        is_little: bool,
    },
}

impl Encoding {
    /// Finds the encoding, and how many bytes its mark takes.
    fn of(first: &[u8]) -> (Self, u64) {
        match first {
            [0xEF, 0xBB, 0xBF, ..] => (Self::Utf8, 3),
            [0xFF, 0xFE, ..] => (Self::Utf16 { is_little: true }, 2),
            [0xFE, 0xFF, ..] => (Self::Utf16 { is_little: false }, 2),
            [1..=255, 0, 1..=255, 0] => (Self::Utf16 { is_little: true }, 0),
            [0, 1..=255, 0, 1..=255] => (Self::Utf16 { is_little: false }, 0),
            _ => (Self::Utf8, 0),
        }
    }

    /// Returns how many bytes of the file this text took.
    pub(super) fn file_bytes(self, text: &[u8]) -> u64 {
        match self {
            Self::Utf8 => text.len() as u64,
            Self::Utf16 { .. } => {
                // Continuation bytes do not count; a character of four bytes was two units.
                let units = |byte: &u8| u64::from(byte & 0xC0 != 0x80) + u64::from(*byte >= 0xF0);
                2 * text.iter().map(units).sum::<u64>()
            }
        }
    }
}

impl std::fmt::Display for Encoding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16 { .. } => "UTF-16, recorded as UTF-8",
        })
    }
}

/// Reads text as UTF-8, without the mark at its start.
#[derive(Debug)]
pub(super) struct TextReader<R> {
    input: Chain<Cursor<Vec<u8>>, R>,
    pub(super) encoding: Encoding,
    /// Offset in the file at which the text starts.
    pub(super) start: u64,
    decoded: Vec<u8>,
    decoded_at: usize,
    /// Half a unit, or the first unit of a pair, whose rest is not read yet.
    carried: Vec<u8>,
    /// Where in the file what was not decoded yet begins.
    undecoded: u64,
}

const UNIT_BYTES: usize = 32 * 1024;

impl<R: Read> TextReader<R> {
    /// Reads the first bytes and finds the encoding.
    pub(super) fn new(mut input: R) -> io::Result<Self> {
        let mut first = Vec::new();
        input.by_ref().take(4).read_to_end(&mut first)?;
        let (encoding, start) = Encoding::of(&first);
        let mut first = Cursor::new(first);
        first.set_position(start);
        let input = first.chain(input);
        let (decoded, carried) = (Vec::new(), Vec::new());
        Ok(Self { input, encoding, start, decoded, decoded_at: 0, carried, undecoded: start })
    }
}

impl<R: Read> TextReader<R> {
    fn decode_more(&mut self, is_little: bool) -> io::Result<()> {
        let mut bytes = std::mem::take(&mut self.carried);
        let read = self.input.by_ref().take(UNIT_BYTES as u64).read_to_end(&mut bytes)?;
        let whole = if read == 0 { bytes.len() } else { whole_characters(&bytes, is_little) };
        let (whole, rest) = bytes.split_at(whole);
        self.carried = rest.to_vec();
        self.decoded_at = 0;
        self.decoded =
            decode(whole, is_little).map_err(|at| half_a_character(self.undecoded + at))?.into_bytes();
        self.undecoded += whole.len() as u64;
        Ok(())
    }
}

/// Returns how many bytes are whole characters, without the first half of a pair at the end.
fn whole_characters(bytes: &[u8], is_little: bool) -> usize {
    let whole = bytes.len() - bytes.len() % 2;
    let last_high_byte = if is_little { whole.checked_sub(1) } else { whole.checked_sub(2) };
    let is_half = last_high_byte.and_then(|at| bytes.get(at)).is_some_and(|byte| (0xD8..0xDC).contains(byte));
    if is_half { whole - 2 } else { whole }
}

fn half_a_character(at: u64) -> io::Error {
    let what = format!(
        "it is no UTF-16, as half a character is at byte {at}; copy the file again, or convert it to UTF-8"
    );
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The text, or where half a character begins.
fn decode(bytes: &[u8], is_little: bool) -> Result<String, u64> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let unit = |pair: &[u8; 2]| if is_little { u16::from_le_bytes(*pair) } else { u16::from_be_bytes(*pair) };
    let (mut text, mut at) = (String::with_capacity(bytes.len()), 0);
    for character in char::decode_utf16(pairs.iter().map(unit)) {
        let character = character.map_err(|_| at)?;
        text.push(character);
        at += 2 * character.len_utf16() as u64;
    }
    if rest.is_empty() { Ok(text) } else { Err(at) }
}

impl<R: Read> Read for TextReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Encoding::Utf16 { is_little } = self.encoding else { return self.input.read(buffer) };
        if self.decoded_at == self.decoded.len() {
            self.decode_more(is_little)?;
        }
        let read = self.decoded.get(self.decoded_at..).unwrap_or_default().read(buffer)?;
        self.decoded_at += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, is_little: bool) -> Vec<u8> {
        let bytes = |unit: u16| if is_little { unit.to_le_bytes() } else { unit.to_be_bytes() };
        text.encode_utf16().flat_map(bytes).collect()
    }

    fn read(file: Vec<u8>) -> io::Result<String> {
        let mut text = String::new();
        TextReader::new(Cursor::new(file))?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn text_is_the_same_in_every_encoding() {
        // Pairs lie across the ends of what is read at once.
        let text = "time,note\n".to_owned() + &"1,\u{1F980}\u{E9}x\n".repeat(20_000);
        assert_eq!(read(format!("\u{FEFF}{text}").into_bytes()).unwrap(), text);
        for is_little in [false, true] {
            assert_eq!(read(utf16(&format!("\u{FEFF}{text}"), is_little)).unwrap(), text);
            assert_eq!(read(utf16(&text, is_little)).unwrap(), text);
            let encoding = Encoding::Utf16 { is_little };
            assert_eq!(encoding.file_bytes(text.as_bytes()), utf16(&text, is_little).len() as u64);
        }
    }

    #[test]
    fn half_a_character_is_an_error_that_says_where() {
        let text = "\u{FEFF}".to_owned() + &"a\u{1F980}".repeat(20_000);
        let whole = utf16(&text, true);
        let at = whole.len() - 4;
        for (file, at) in [
            (utf16("\u{FEFF}ab", true)[..5].to_vec(), 4),
            (whole[..whole.len() - 2].to_vec(), at),
            (whole[..whole.len() - 1].to_vec(), at),
            ([&whole[..at], &whole[at + 2..], &whole[2..]].concat(), at),
        ] {
            let error = read(file).unwrap_err().to_string();
            assert!(error.contains(&format!("at byte {at};")), "{at}: {error}");
        }
    }
}
