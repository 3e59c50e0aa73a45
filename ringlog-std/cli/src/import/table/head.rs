//! Skips what is before a table: lines that the user leaves out, a web address, and a line that names the delimiter.

use super::cells::QUOTE;
use super::options::{Header, TableOptions};
use super::sample::Start;
use super::words::cut;

/// What is before a table.
#[derive(Debug)]
pub(super) struct Head<'a> {
    /// The text after it.
    pub(super) start: Start<'a>,
    /// The delimiter that a line names.
    pub(super) delimiter: Option<u8>,
    /// The lines that no option asked to skip, in words.
    pub(super) left_out: Vec<String>,
}

impl<'a> Head<'a> {
    /// Finds where the table begins.
    pub(super) fn pass(start: &Start<'a>, options: &TableOptions, line_end: u8) -> Self {
        let Start { text, is_all, lines_before } = *start;
        let mut lines = Lines { text, number: lines_before, line_end };
        for _ in 0..options.skip_rows {
            lines.next();
        }
        let (mut delimiter, mut left_out) = (None, Vec::new());
        let mut has_address = options.header == Some(Header::No);
        loop {
            let before = lines;
            let line = without_quotes(lines.next());
            let words =
                |what| format!("line {} {:?} ({what})", lines.number, cut(&String::from_utf8_lossy(line)));
            if delimiter.is_none() && named_delimiter(line).is_some() {
                delimiter = named_delimiter(line);
                left_out.push(words("names the delimiter"));
            } else if !has_address && is_address(line) {
                has_address = true;
                left_out.push(words("an address"));
            } else {
                let start = Start { text: before.text, is_all, lines_before: before.number };
                return Self { start, delimiter, left_out };
            }
        }
    }
}

/// The lines of a text.
#[derive(Clone, Copy)]
struct Lines<'a> {
    text: &'a [u8],
    /// How many lines of the file are before the text.
    number: u64,
    line_end: u8,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> &'a [u8] {
        let end = self.text.iter().position(|&byte| byte == self.line_end);
        let (line, rest) = self.text.split_at(end.map_or(self.text.len(), |at| at + 1));
        self.text = rest;
        self.number += 1;
        line.strip_suffix(&[self.line_end]).unwrap_or(line)
    }
}

/// Returns the byte that ends lines: a carriage return only if there is no newline.
pub(super) fn line_end(text: &[u8]) -> u8 {
    if !text.contains(&b'\n') && text.contains(&b'\r') { b'\r' } else { b'\n' }
}

/// Returns a line without a carriage return at its end, and without quotes around it.
fn without_quotes(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let inner = line.trim_ascii_end().strip_prefix(&[QUOTE]).and_then(|line| line.strip_suffix(&[QUOTE]));
    inner.unwrap_or(line)
}

/// Returns the delimiter of a line such as `sep=;`.
fn named_delimiter(line: &[u8]) -> Option<u8> {
    let (word, named) = line.split_at_checked(4)?;
    let delimiter = match named.trim_ascii() {
        [] => named.first().copied(),
        [delimiter] => Some(*delimiter),
        _ => None,
    };
    let is_possible = |byte: &u8| byte.is_ascii() && *byte != QUOTE;
    delimiter.filter(|byte| word.eq_ignore_ascii_case(b"sep=") && is_possible(byte))
}

/// Whether a line is only the address of a web page: some services write theirs above the names of the columns.
///
/// Programs that made the line a row of a table have added empty cells.
fn is_address(line: &[u8]) -> bool {
    let Ok(line) = std::str::from_utf8(line) else { return false };
    let address = line.trim_end_matches([',', ';', '\t', '|']).trim();
    let small = address.to_ascii_lowercase();
    let begins = ["http://", "https://", "www."].iter().any(|head| small.starts_with(head));
    begins && address.contains('.') && !address.contains([',', ';', '\t', '|', ' ', '"'])
}
