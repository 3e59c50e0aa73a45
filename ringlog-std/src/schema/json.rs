//! JSON for schemas: objects with their keys in order, the path of each value, values that nobody knows kept as they are.
#![forbid(unsafe_code)]

use std::collections::HashSet;
use std::fmt::{self, Write as _};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::schema::error::SchemaError;
use crate::schema::near::nearest;
use crate::words::is_risky;

/// A key and its value that this version does not know, kept as text without spaces.
pub(super) type Unknown = Vec<(String, Box<str>)>;

/// Where a value is in the JSON.
#[derive(Clone, Copy, Debug)]
pub(super) enum Path<'a> {
    Root,
    /// The root of JSON in which each key must be known.
    StrictRoot,
    Key(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root | Self::StrictRoot => Ok(()),
            Self::Key(Path::Root | Path::StrictRoot, key) => f.write_str(key),
            Self::Key(parent, key) => write!(f, "{parent}.{key}"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

impl Path<'_> {
    fn is_strict(&self) -> bool {
        match self {
            Self::Root => false,
            Self::StrictRoot => true,
            Self::Key(parent, _) | Self::Index(parent, _) => parent.is_strict(),
        }
    }
}

/// Returns an error about the value there.
pub(super) fn fault(path: &Path<'_>, problem: impl Into<String>) -> SchemaError {
    SchemaError::Content { path: path.to_string(), problem: problem.into() }
}

/// A value and its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a> {
    raw: &'a RawValue,
    path: &'a Path<'a>,
}

/// Returns the JSON value that the bytes hold.
pub(super) fn document(bytes: &[u8]) -> Result<&RawValue, SchemaError> {
    let text = std::str::from_utf8(bytes).map_err(|error| place_of(bytes, error.valid_up_to()))?;
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column().max(1));
        SchemaError::Syntax {
            line,
            column,
            problem: if error.is_eof() { ENDS } else { problem_at(text, line, column) },
        }
    })
}

const ENDS: &str = "the JSON ends here; close each text, list and object";
const ANY: &str = "not JSON; look for a missing comma, colon, quote or bracket there";

/// Says what is wrong at a place where the JSON could not be read further.
fn problem_at(text: &str, line: usize, column: usize) -> &'static str {
    let rest = text
        .split('\n')
        .nth(line - 1)
        .and_then(|line| Some((line.get(..column - 1)?, line.get(column - 1..)?)));
    let Some((before, rest)) = rest else { return ANY };
    match rest.chars().next() {
        Some('\'') => "no quote of JSON; put texts and keys between \"",
        Some('/' | '#') => "JSON has no comments; remove it",
        Some(']' | '}') if before.trim_end().ends_with(',') => {
            "nothing after the last comma; remove the comma"
        }
        Some('\u{FEFF}') => "a byte order mark; save the file as UTF-8 without it",
        _ => ANY,
    }
}

/// Returns the error for a byte that is not UTF-8.
fn place_of(bytes: &[u8], at: usize) -> SchemaError {
    let before = &bytes[..at];
    let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
    SchemaError::Syntax {
        line,
        column: at - line_start + 1,
        problem: "not UTF-8; save the file in that encoding",
    }
}

impl<'a> Value<'a> {
    pub(super) const fn new(raw: &'a RawValue, path: &'a Path<'a>) -> Self {
        Self { raw, path }
    }

    pub(super) const fn path(&self) -> &'a Path<'a> {
        self.path
    }

    /// Returns the text of the JSON.
    pub(super) fn source(&self) -> &'a str {
        self.raw.get()
    }

    pub(super) fn fault(&self, problem: impl Into<String>) -> SchemaError {
        fault(self.path, problem)
    }

    pub(super) fn is_array(&self) -> bool {
        self.source().starts_with('[')
    }

    pub(super) fn object(&self) -> Result<Object<'a>, SchemaError> {
        let members: Members<'a> =
            serde_json::from_str(self.source()).map_err(|_| self.fault("no object; write `{...}`"))?;
        let mut keys = HashSet::with_capacity(members.0.len());
        for (key, _) in &members.0 {
            if !keys.insert(key) {
                return Err(fault(&Path::Key(self.path, key), "twice in this object; remove one"));
            }
        }
        Ok(Object { members: members.0, asked: Vec::new(), path: self.path })
    }

    pub(super) fn array(&self) -> Result<Vec<&'a RawValue>, SchemaError> {
        serde_json::from_str(self.source()).map_err(|_| self.fault("no list; write `[...]`"))
    }

    pub(super) fn text(&self) -> Result<String, SchemaError> {
        serde_json::from_str(self.source()).map_err(|_| self.fault("no text; put it in quotes"))
    }

    /// Returns a whole number in this range.
    pub(super) fn number(&self, least: i64, most: i64) -> Result<i64, SchemaError> {
        serde_json::from_str(self.source()).ok().filter(|number| (least..=most).contains(number)).ok_or_else(
            || {
                let advice =
                    if self.source().starts_with('"') { "remove the quotes" } else { "write one of these" };
                self.fault(format!("no whole number from {least} to {most}; {advice}"))
            },
        )
    }

    /// Returns a whole number from 1 on.
    pub(super) fn positive(&self) -> Result<u64, SchemaError> {
        serde_json::from_str(self.source())
            .ok()
            .filter(|&number| number > 0)
            .ok_or_else(|| self.fault("no whole number above 0; write one"))
    }

    /// Returns an identifier: letters, digits and `_`, at most 64 of them, no digit first.
    pub(super) fn identifier(&self) -> Result<String, SchemaError> {
        let name = self.text()?;
        if is_identifier(&name) {
            return Ok(name);
        }
        Err(self.fault(format!(
            "\"{}\" is no name; use 1 to {MAX_NAME} ASCII letters, digits and _, with no digit first",
            Escaped(&name)
        )))
    }
}

/// The most bytes of a name, so that the name of a nested column is bounded.
const MAX_NAME: usize = 64;

pub(super) fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    name.len() <= MAX_NAME
        && bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The members of an object that were not taken yet, in their order.
pub(super) struct Object<'a> {
    members: Vec<(String, &'a RawValue)>,
    /// The keys that were looked for.
    asked: Vec<&'static str>,
    path: &'a Path<'a>,
}

impl<'a> Object<'a> {
    /// Takes a member out and returns what the function makes of it; `None` if there is none.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(Value<'_>) -> Result<T, SchemaError>,
    ) -> Result<Option<T>, SchemaError> {
        self.asked.push(key);
        let Some(at) = self.members.iter().position(|(name, _)| name == key) else { return Ok(None) };
        let (_, raw) = self.members.remove(at);
        read(Value { raw, path: &Path::Key(self.path, key) }).map(Some)
    }

    /// As [`optional`](Self::optional), but a missing member is an error.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(Value<'_>) -> Result<T, SchemaError>,
    ) -> Result<T, SchemaError> {
        self.optional(key, read)?.ok_or_else(|| {
            let near = self.members.iter().find(|(found, _)| nearest(found, [key].into_iter()).is_some());
            let advice = near
                .map_or("add it".into(), |(found, _)| format!("write it instead of `{}`", Escaped(found)));
            fault(&Path::Key(self.path, key), format!("missing; {advice}"))
        })
    }

    /// Returns the members that were not taken. In strict JSON there must be none.
    pub(super) fn into_unknown(self) -> Result<Unknown, SchemaError> {
        if let Some((key, _)) = self.members.first().filter(|_| self.path.is_strict()) {
            let advice = match nearest(key, self.asked.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("remove it, or use one of {}", self.asked.join(", ")),
            };
            let path = Path::Key(self.path, key);
            return Err(fault(&path, format!("no such key here; {advice}")));
        }
        Ok(self.members.into_iter().map(|(key, raw)| (key, without_spaces(raw.get()))).collect())
    }

    /// Returns whether a key is there and was not taken.
    pub(super) fn has(&self, key: &str) -> bool {
        self.members.iter().any(|(name, _)| name == key)
    }

    pub(super) fn into_members(self) -> Vec<(String, &'a RawValue)> {
        self.members
    }
}

struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// Returns valid JSON without the spaces between its tokens.
fn without_spaces(json: &str) -> Box<str> {
    let (mut is_in_text, mut is_escaped) = (false, false);
    let kept = json.chars().filter(|&sign| {
        if is_in_text {
            is_in_text = is_escaped || sign != '"';
            is_escaped = !is_escaped && sign == '\\';
            true
        } else {
            is_in_text = sign == '"';
            !sign.is_ascii_whitespace()
        }
    });
    kept.collect()
}

/// Writes an object member by member.
pub(super) struct ObjectWriter<'a> {
    out: &'a mut String,
    is_empty: bool,
}

impl<'a> ObjectWriter<'a> {
    pub(super) fn begin(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, is_empty: true }
    }

    /// Writes a key and returns where its value goes.
    pub(super) fn key(&mut self, key: &str) -> &mut String {
        if !self.is_empty {
            self.out.push(',');
        }
        self.is_empty = false;
        write_string(self.out, key);
        self.out.push(':');
        self.out
    }

    pub(super) fn number(&mut self, key: &str, number: impl fmt::Display) {
        write!(self.key(key), "{number}").expect("a string takes all");
    }

    pub(super) fn text(&mut self, key: &str, text: &str) {
        write_string(self.key(key), text);
    }

    pub(super) fn end(mut self, unknown: &Unknown) {
        for (key, value) in unknown {
            self.key(key).push_str(value);
        }
        self.out.push('}');
    }
}

fn write_string(out: &mut String, text: &str) {
    write!(out, "\"{}\"", Escaped(text)).expect("a string takes all");
}

/// Displays a text as the inside of a JSON string. Characters that command a terminal are escaped too.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(|sign| matches!(sign, '"' | '\\') || is_risky(sign)) {
            f.write_str(&rest[..at])?;
            let sign = rest[at..].chars().next().expect("a character was found");
            match sign {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                // All risky characters are below U+10000.
                _ => write!(f, "\\u{:04x}", u32::from(sign))?,
            }
            rest = &rest[at + sign.len_utf8()..];
        }
        f.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_go_and_texts_stay() {
        assert_eq!(&*without_spaces("{ \"a b\\\" \" : [ 1 ,\n2 ] }"), "{\"a b\\\" \":[1,2]}");
        assert_eq!(&*without_spaces("\" \\\\\" "), "\" \\\\\"");
    }

    #[test]
    fn an_escaped_text_is_json() {
        let text = "a\"b\\c\n\r\t\u{1b}\u{202E}é\u{1F600}";
        let json = format!("\"{}\"", Escaped(text));
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        assert!(!json.contains(is_risky));
    }

    #[test]
    fn a_wrong_byte_has_a_place() {
        let error = document(b"{\n \"a\": \"\xFF\"}").unwrap_err();
        assert!(matches!(error, SchemaError::Syntax { line: 2, column: 8, .. }));
        assert_eq!(error.to_string(), "line 2, column 8: not UTF-8; save the file in that encoding");
    }

    #[test]
    fn a_fault_of_syntax_says_what_is_there() {
        for (json, problem) in [
            ("[1,\n 2,]", "line 2, column 4: nothing after the last comma; remove the comma"),
            ("{'a':1}", "line 1, column 2: no quote of JSON; put texts and keys between \""),
            ("[1, // one\n2]", "line 1, column 5: JSON has no comments; remove it"),
            ("\u{FEFF}[]", "line 1, column 1: a byte order mark; save the file as UTF-8 without it"),
            ("[{\"a\":", "line 1, column 6: the JSON ends here; close each text, list and object"),
            ("", "line 1, column 1: the JSON ends here; close each text, list and object"),
            ("[1 2]", "line 1, column 4: not JSON; look for a missing comma, colon, quote or bracket there"),
        ] {
            assert_eq!(document(json.as_bytes()).unwrap_err().to_string(), problem, "{json}");
        }
    }
}
