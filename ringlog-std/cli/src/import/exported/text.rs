//! Payloads as CSV writes them.
#![forbid(unsafe_code)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Returns the bytes of a payload in this encoding; `None` if it is not written so.
pub(super) fn bytes_of(encoding: &str, text: &str) -> Option<Vec<u8>> {
    match encoding {
        "text" => unescaped(text),
        "hex" => from_hexadecimal(text),
        "base64" => STANDARD.decode(text).ok(),
        _ => None,
    }
}

pub(super) fn from_hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    rest.is_empty().then_some(())?;
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

/// Undoes the escapes of exact text: `\\`, `\n`, `\r`, `\t`, `\xNN` for a byte that is no UTF-8, `\uNNNN`.
fn unescaped(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let sign = *rest.as_bytes().get(at + 1)?;
        let digits = match sign {
            b'x' => 2,
            b'u' => 4,
            _ => 0,
        };
        let number = rest.get(at + 2..at + 2 + digits)?;
        match sign {
            b'\\' => bytes.push(b'\\'),
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'x' => bytes.extend(from_hexadecimal(number)?),
            b'u' => {
                let sign = char::from_u32(u32::from_str_radix(number, 16).ok()?)?;
                bytes.extend_from_slice(sign.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => return None,
        }
        rest = &rest[at + 2 + digits..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_cat_escapes_is_read_back() {
        assert_eq!(unescaped(r"a\\n\n\xff\\xff\u001b").unwrap(), b"a\\n\n\xFF\\xff\x1b");
        for wrong in [r"\", r"\q", r"\x4", r"\xéé", r"\u12", r"\ud800"] {
            assert_eq!(unescaped(wrong), None, "{wrong}");
        }
        assert_eq!(from_hexadecimal("00fFa5").unwrap(), [0, 255, 165]);
        assert_eq!((from_hexadecimal("0"), from_hexadecimal("0g")), (None, None));
    }
}
