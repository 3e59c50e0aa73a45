//! Splits a row into cells.

use std::borrow::Cow;

pub(super) const QUOTE: u8 = b'"';

/// Gives the cells of a row, without the quotes around them.
#[derive(Debug)]
pub(crate) struct Cells<'a> {
    rest: Option<&'a [u8]>,
    delimiter: u8,
}

impl<'a> Cells<'a> {
    pub(crate) fn new(row: &'a [u8], delimiter: u8) -> Self {
        Self { rest: Some(row), delimiter }
    }
}

impl<'a> Iterator for Cells<'a> {
    type Item = Cow<'a, [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest?;
        let from = if rest.first() == Some(&QUOTE) { quoted_bytes(rest) } else { 0 };
        let to_delimiter = rest.get(from..)?.iter().position(|&byte| byte == self.delimiter);
        let (cell, after) = rest.split_at(to_delimiter.map_or(rest.len(), |at| from + at));
        self.rest = after.get(1..);
        Some(without_quotes(cell))
    }
}

/// Returns how many bytes a quoted cell at the start takes.
fn quoted_bytes(row: &[u8]) -> usize {
    let mut at = 1;
    while let Some(more) = row.get(at..).and_then(|rest| rest.iter().position(|&byte| byte == QUOTE)) {
        at += more + 1;
        if row.get(at) != Some(&QUOTE) {
            return at;
        }
        at += 1;
    }
    row.len()
}

fn without_quotes(cell: &[u8]) -> Cow<'_, [u8]> {
    let Some(inner) = cell.strip_prefix(&[QUOTE]).and_then(|cell| cell.strip_suffix(&[QUOTE])) else {
        return Cow::Borrowed(cell);
    };
    if !inner.contains(&QUOTE) {
        return Cow::Borrowed(inner);
    }
    let mut is_second = false;
    let keep = |byte: &&u8| {
        is_second = **byte == QUOTE && !is_second;
        **byte != QUOTE || is_second
    };
    Cow::Owned(inner.iter().filter(keep).copied().collect())
}

/// The state of reading the quotes of a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Quotes {
    /// At the start of a cell.
    Start,
    /// In a cell without quotes around it.
    Plain,
    /// In a quoted cell.
    Open,
    /// After a quote in a quoted cell: the cell ends, unless another quote follows.
    Closing,
}

impl Quotes {
    /// Reads more bytes of the row; `None` if something follows the closing quote in the same cell.
    pub(super) fn pass(self, bytes: &[u8], delimiter: u8) -> Option<Self> {
        let mut state = self;
        for &byte in bytes {
            state = match (state, byte) {
                (Self::Start, QUOTE) | (Self::Closing, QUOTE) => Self::Open,
                (Self::Open, QUOTE) => Self::Closing,
                (Self::Open, _) => Self::Open,
                (_, byte) if byte == delimiter => Self::Start,
                (Self::Closing, _) => return None,
                _ => Self::Plain,
            };
        }
        Some(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(row: &str) -> Vec<String> {
        let text = |cell: Cow<'_, [u8]>| String::from_utf8(cell.into_owned()).unwrap();
        Cells::new(row.as_bytes(), b',').map(text).collect()
    }

    #[test]
    fn cells_with_and_without_quotes() {
        assert_eq!(cells("a,b"), ["a", "b"]);
        assert_eq!(cells(""), [""]);
        assert_eq!(cells(",,"), ["", "", ""]);
        assert_eq!(cells("\"a,b\",\"\",c"), ["a,b", "", "c"]);
        assert_eq!(cells("\"a \"\"b\"\" \"\"\"\"\",5\" disk"), ["a \"b\" \"\"", "5\" disk"]);
        assert_eq!(cells("\"two\nlines\""), ["two\nlines"]);
    }

    #[test]
    fn quotes_are_followed() {
        let state = |row: &str| Quotes::Start.pass(row.as_bytes(), b',');
        assert_eq!(state("a,\"b\""), Some(Quotes::Closing));
        assert_eq!(state("a,\"b\"\""), Some(Quotes::Open));
        assert_eq!(state("5\" disk"), Some(Quotes::Plain));
        assert_eq!(state("a,\"b\"x"), None);
    }
}
