//! Payloads as text: one encoding for all payloads of an output.
#![forbid(unsafe_code)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::terminal::words::escaped;

/// How payloads are written, as it was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub(crate) enum PayloadForm {
    /// Text if the first 1,000 payloads are text, else hex: one of both for the whole output
    #[default]
    Auto,
    /// Text; escapes what would control a terminal, and bytes that are no UTF-8
    Text,
    /// Hexadecimal
    Hex,
    /// Base64 with padding
    Base64,
}

/// How the payloads of an output are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Encoding {
    Text,
    Hex,
    Base64,
}

impl Encoding {
    /// Returns the name in the column `encoding` of CSV.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Hex => "hex",
            Self::Base64 => "base64",
        }
    }

    /// Returns a payload for a line or a cell. Text may contain the characters `except`.
    ///
    /// With `is_exact`, a backslash is doubled, so that every payload can be had back from its text.
    pub(super) fn of(self, payload: &[u8], except: &[char], is_exact: bool) -> String {
        match self {
            Self::Hex => hexadecimal(payload),
            Self::Base64 => STANDARD.encode(payload),
            Self::Text => {
                let mut text = String::with_capacity(payload.len());
                for chunk in payload.utf8_chunks() {
                    let valid = chunk.valid();
                    if is_exact && valid.contains('\\') {
                        text.push_str(&escaped(&valid.replace('\\', r"\\"), except));
                    } else {
                        text.push_str(&escaped(valid, except));
                    }
                    for byte in chunk.invalid() {
                        text.push_str(&format!("\\x{byte:02x}"));
                    }
                }
                text
            }
        }
    }
}

/// Whether a payload looks like text: UTF-8 without control characters, except those of terminals and line ends.
pub(super) fn is_text(payload: &[u8]) -> bool {
    let is_binary = |byte: u8| {
        (byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x07 | 0x08 | 0x0C | 0x1B)) || byte == 0x7F
    };
    !payload.iter().any(|&byte| is_binary(byte)) && std::str::from_utf8(payload).is_ok()
}

/// Returns bytes in hexadecimal.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 0xF)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_other_bytes_are_distinguished() {
        for text in [&b""[..], b"price 5", "é 日本".as_bytes(), b"a\tb\r\n", b"\x1b[31mred\x1b[0m"] {
            assert!(is_text(text), "{text:?}");
        }
        for bytes in [&b"\0"[..], b"abc\x01", b"\xFF", b"\xC3", b"\x7F"] {
            assert!(!is_text(bytes), "{bytes:?}");
        }
    }

    #[test]
    fn every_payload_has_one_exact_text() {
        let of = |payload: &[u8]| Encoding::Text.of(payload, &['\n'], true);
        assert_eq!(of(b"a\\n\n\xFF\\xff\x1b"), "a\\\\n\n\\xff\\\\xff\\u001b");
        assert_eq!(Encoding::Text.of(b"a\\b\t", &['\t'], false), "a\\b\t");
        assert_eq!(
            (Encoding::Hex.of(b"\xAB\0", &[], true), Encoding::Base64.of(b"\xAB\0", &[], true)),
            ("ab00".into(), "qwA=".into())
        );
    }
}
