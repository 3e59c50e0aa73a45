//! Data items of CBOR (RFC 8949) as text and JSON.
#![forbid(unsafe_code)]

use std::fmt::{self, Write};

use minicbor::Decoder;
use minicbor::data::Type;

use crate::schema::json::{Escaped, is_identifier};

/// How deep items may be in each other.
const MOST_LEVELS: u32 = 32;

/// How an item is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `{a=1 b="x"}`
    Text,
    /// `{"a":1,"b":"x"}`
    Json,
}

/// Writes the item that the bytes hold. Returns `None`, and writes nothing, if they hold anything else, or what this
/// version does not read.
pub(super) fn write_cbor(out: &mut dyn Write, bytes: &[u8], form: Form) -> Option<fmt::Result> {
    write_all(&mut Nowhere, bytes, form).ok()?;
    Some(write_all(out, bytes, form).map_err(|_| fmt::Error))
}

/// Takes all.
struct Nowhere;

impl Write for Nowhere {
    fn write_str(&mut self, _: &str) -> fmt::Result {
        Ok(())
    }
}

/// The bytes are not one item, or the output failed.
struct Failed;

impl From<fmt::Error> for Failed {
    fn from(_: fmt::Error) -> Self {
        Self
    }
}

impl From<minicbor::decode::Error> for Failed {
    fn from(_: minicbor::decode::Error) -> Self {
        Self
    }
}

fn write_all(out: &mut dyn Write, bytes: &[u8], form: Form) -> Result<(), Failed> {
    let mut items = Items { from: Decoder::new(bytes), out, form };
    items.item(MOST_LEVELS)?;
    if items.from.position() == bytes.len() { Ok(()) } else { Err(Failed) }
}

struct Items<'b, 'o> {
    from: Decoder<'b>,
    out: &'o mut dyn Write,
    form: Form,
}

impl Items<'_, '_> {
    fn item(&mut self, levels: u32) -> Result<(), Failed> {
        let levels = levels.checked_sub(1).ok_or(Failed)?;
        match self.from.datatype()? {
            Type::Bool => write!(self.out, "{}", self.from.bool()?)?,
            Type::Null => {
                self.from.null()?;
                self.out.write_str("null")?;
            }
            Type::Undefined => {
                self.from.undefined()?;
                self.out.write_str(if self.form == Form::Json { "null" } else { "undefined" })?;
            }
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => write!(self.out, "{}", self.from.u64()?)?,
            Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => {
                write!(self.out, "{}", i128::from(self.from.int()?))?;
            }
            Type::F16 => {
                let value = self.half()?;
                self.float(value, &value)?;
            }
            Type::F32 => {
                let value = self.from.f32()?;
                self.float(value.into(), &value)?;
            }
            Type::F64 => {
                let value = self.from.f64()?;
                self.float(value, &value)?;
            }
            Type::Simple => {
                let value = self.from.simple()?;
                self.quoted_in_json(format_args!("simple({value})"))?;
            }
            Type::Bytes | Type::BytesIndef => self.bytes()?,
            Type::String | Type::StringIndef => self.text()?,
            Type::Array | Type::ArrayIndef => {
                let len = self.from.array()?;
                self.out.write_char('[')?;
                self.list(len, |items| items.item(levels))?;
                self.out.write_char(']')?;
            }
            Type::Map | Type::MapIndef => {
                let len = self.from.map()?;
                self.out.write_char('{')?;
                self.list(len, |items| {
                    items.key()?;
                    items.item(levels)
                })?;
                self.out.write_char('}')?;
            }
            Type::Tag => {
                let tag = self.from.tag()?;
                if self.form == Form::Json {
                    return self.item(levels);
                }
                write!(self.out, "{}(", tag.as_u64())?;
                self.item(levels)?;
                self.out.write_char(')')?;
            }
            Type::Break | Type::Unknown(_) => return Err(Failed),
        }
        Ok(())
    }

    /// Writes what `item` does, as often as `len` says, or up to a break.
    fn list(
        &mut self,
        len: Option<u64>,
        mut item: impl FnMut(&mut Self) -> Result<(), Failed>,
    ) -> Result<(), Failed> {
        let mut at = 0;
        loop {
            match len {
                Some(len) if at == len => return Ok(()),
                None if self.from.datatype()? == Type::Break => {
                    self.from.set_position(self.from.position() + 1);
                    return Ok(());
                }
                _ => {}
            }
            if at > 0 {
                self.out.write_char(if self.form == Form::Json { ',' } else { ' ' })?;
            }
            item(self)?;
            at += 1;
        }
    }

    fn key(&mut self) -> Result<(), Failed> {
        match (self.form, self.from.datatype()?) {
            (Form::Text, Type::String) => {
                let start = self.from.position();
                let key = self.from.str()?;
                if is_identifier(key) {
                    self.out.write_str(key)?;
                } else {
                    self.from.set_position(start);
                    self.text()?;
                }
            }
            (Form::Text, _) => self.item(1)?,
            (Form::Json, Type::String | Type::StringIndef) => self.text()?,
            // A key of JSON is a text.
            (Form::Json, Type::U8 | Type::U16 | Type::U32 | Type::U64) => {
                write!(self.out, "\"{}\"", self.from.u64()?)?;
            }
            (Form::Json, Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int) => {
                write!(self.out, "\"{}\"", i128::from(self.from.int()?))?;
            }
            (Form::Json, Type::Bytes | Type::BytesIndef) => self.bytes()?,
            (Form::Json, _) => return Err(Failed),
        }
        self.out.write_char(if self.form == Form::Json { ':' } else { '=' })?;
        Ok(())
    }

    fn text(&mut self) -> Result<(), Failed> {
        self.out.write_char('"')?;
        for part in self.from.str_iter()? {
            write!(self.out, "{}", Escaped(part?))?;
        }
        self.out.write_char('"')?;
        Ok(())
    }

    fn bytes(&mut self) -> Result<(), Failed> {
        let (start, end) = if self.form == Form::Json { ("\"", "\"") } else { ("0x", "") };
        self.out.write_str(start)?;
        for part in self.from.bytes_iter()? {
            for byte in part? {
                write!(self.out, "{byte:02x}")?;
            }
        }
        self.out.write_str(end)?;
        Ok(())
    }

    /// Writes a float; one that is no number of JSON as a text.
    fn float(&mut self, value: f64, shortest: &dyn fmt::Debug) -> Result<(), Failed> {
        if value.is_finite() {
            write!(self.out, "{shortest:?}")?;
            return Ok(());
        }
        self.quoted_in_json(format_args!("{shortest:?}"))
    }

    fn quoted_in_json(&mut self, word: fmt::Arguments<'_>) -> Result<(), Failed> {
        let quote = if self.form == Form::Json { "\"" } else { "" };
        write!(self.out, "{quote}{word}{quote}")?;
        Ok(())
    }

    /// Reads a float of 16 bits.
    fn half(&mut self) -> Result<f64, Failed> {
        let at = self.from.position();
        let &[_, high, low] =
            self.from.input().get(at..).and_then(|rest| rest.first_chunk()).ok_or(Failed)?;
        self.from.set_position(at + 3);
        let bits = u16::from_be_bytes([high, low]);
        let (exponent, fraction) = (i32::from(bits >> 10 & 0x1F), f64::from(bits & 0x3FF));
        let size = match exponent {
            0 => fraction * 2_f64.powi(-24),
            0x1F if fraction == 0.0 => f64::INFINITY,
            0x1F => f64::NAN,
            _ => (1.0 + fraction / 1024.0) * 2_f64.powi(exponent - 15),
        };
        Ok(if bits >> 15 == 0 { size } else { -size })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(bytes: &[u8]) -> (Option<String>, Option<String>) {
        let write = |form| {
            let mut out = String::new();
            let written = write_cbor(&mut out, bytes, form);
            assert!(written.is_some() || out.is_empty(), "{out}");
            written.map(|_| out)
        };
        (write(Form::Text), write(Form::Json))
    }

    #[test]
    fn the_examples_of_the_standard_are_written_as_it_does() {
        for (bytes, text, json) in [
            (&b"\x00"[..], "0", "0"),
            (b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615", "18446744073709551615"),
            (b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff", "-18446744073709551616", "-18446744073709551616"),
            (b"\x29", "-10", "-10"),
            (b"\xf9\x00\x01", "5.960464477539063e-8", "5.960464477539063e-8"),
            (b"\xf9\x7b\xff", "65504.0", "65504.0"),
            (b"\xf9\xc4\x00", "-4.0", "-4.0"),
            (b"\xf9\x7e\x00", "NaN", "\"NaN\""),
            (b"\xfa\x47\xc3\x50\x00", "100000.0", "100000.0"),
            (b"\xfb\xc0\x10\x66\x66\x66\x66\x66\x66", "-4.1", "-4.1"),
            (b"\xfb\x7f\xf0\0\0\0\0\0\0", "inf", "\"inf\""),
            (b"\xf5", "true", "true"),
            (b"\xf6", "null", "null"),
            (b"\xf7", "undefined", "null"),
            (b"\xf8\xff", "simple(255)", "\"simple(255)\""),
            (b"\xc1\x1a\x51\x4b\x67\xb0", "1(1363896240)", "1363896240"),
            (b"\x44\x01\x02\x03\x04", "0x01020304", "\"01020304\""),
            (b"\x5f\x42\x01\x02\x43\x03\x04\x05\xff", "0x0102030405", "\"0102030405\""),
            (b"\x62\x22\x5c", r#""\"\\""#, r#""\"\\""#),
            (b"\x7f\x65strea\x64ming\xff", "\"streaming\"", "\"streaming\""),
            (b"\x83\x01\x82\x02\x03\x9f\x04\x05\xff", "[1 [2 3] [4 5]]", "[1,[2,3],[4,5]]"),
            (b"\xa2\x01\x02\x03\x04", "{1=2 3=4}", r#"{"1":2,"3":4}"#),
            (b"\xbf\x63Fun\xf5\x63a b\x21\xff", r#"{Fun=true "a b"=-2}"#, r#"{"Fun":true,"a b":-2}"#),
        ] {
            assert_eq!(both(bytes), (Some(text.into()), Some(json.into())), "{bytes:x?}");
        }
    }

    #[test]
    fn what_is_no_item_is_not_written() {
        let deep = [&[0x81; 40][..], &[0]].concat();
        for bytes in [
            &b""[..],
            b"\x00\x00",
            b"\xff",
            b"\x62a",
            b"\x61\xff",
            b"\x9f\x01",
            b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
            &deep,
        ] {
            assert_eq!(both(bytes), (None, None), "{bytes:x?}");
        }
    }
}
