//! Reads the rows of a text byte by byte.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{self, BufRead, Read};

use super::cells::{QUOTE, Quotes};
use super::encoding::Encoding;

/// Most lines of a quoted cell; after more, its quote counts as not closed.
const QUOTED_LINES_MAX: usize = 100;
/// Longest row in bytes; a row of a tenth of that is already too long for an event.
const ROW_BYTES_MAX: usize = 1 << 20;

/// How a text is divided into rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Layout {
    pub(super) delimiter: u8,
    /// The byte that ends a line.
    pub(super) line_end: u8,
    /// Whether cells may be quoted and lines may be comments.
    pub(super) is_table: bool,
}

/// The next part of a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Found {
    Row,
    /// A line that is not a row, and why. The next row begins at the line after it.
    Broken(String),
    /// A line that starts with #.
    Comment,
    End,
}

/// Reads rows one by one, with bounded memory.
#[derive(Debug)]
pub(super) struct RowReader<R> {
    input: R,
    layout: Layout,
    encoding: Encoding,
    /// Lines that were read ahead.
    pending: VecDeque<Line>,
    row: Line,
    next_offset: u64,
    next_number: u64,
    /// Whether a row started with #; then such lines are rows, not comments.
    has_marked_rows: bool,
}

/// A line, with its line end.
#[derive(Clone, Debug, Default)]
struct Line {
    bytes: Vec<u8>,
    offset: u64,
    number: u64,
    is_cut: bool,
}

impl<R: BufRead> RowReader<R> {
    /// Reads a text that starts at `offset` in its file.
    pub(super) fn new(input: R, layout: Layout, encoding: Encoding, offset: u64) -> Self {
        let (pending, row) = (VecDeque::new(), Line::default());
        Self {
            input,
            layout,
            encoding,
            pending,
            row,
            next_offset: offset,
            next_number: 1,
            has_marked_rows: false,
        }
    }

    /// Returns the bytes of the row that was found, without its line end.
    pub(super) fn row(&self) -> &[u8] {
        trimmed(&self.row.bytes)
    }

    /// Whether the row has its line end; the last row of a cut file has none.
    pub(super) fn row_has_end(&self) -> bool {
        self.row.bytes.last() == Some(&self.layout.line_end)
    }

    /// Whether the file may continue the row: its line or its quoted cell has no end.
    pub(super) fn is_unfinished(&self, found: &Found) -> bool {
        let is_open = matches!(found, Found::Broken(problem) if problem == NEVER_CLOSED);
        is_open || !self.row_has_end() && !self.row.is_cut
    }

    /// Returns the offset of that row in the file.
    pub(super) fn row_offset(&self) -> u64 {
        self.row.offset
    }

    /// Returns the number of its first line.
    pub(super) fn row_number(&self) -> u64 {
        self.row.number
    }

    /// Returns how many bytes of the file were read.
    pub(super) fn read_bytes(&self) -> u64 {
        self.next_offset
    }

    pub(super) const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Gives the row that was found once more.
    pub(super) fn put_back(&mut self) {
        self.pending.push_front(std::mem::take(&mut self.row));
    }

    /// Skips a line; `false` at the end.
    pub(super) fn pass_line(&mut self) -> io::Result<bool> {
        self.read_line()
    }

    /// Finds the next row or comment; skips empty lines.
    ///
    /// From the first line on that starts with # and for which `is_row` is true, all such lines are rows.
    pub(super) fn next_row(&mut self, is_row: impl Fn(&[u8]) -> bool) -> io::Result<Found> {
        loop {
            if !self.read_line()? {
                return Ok(Found::End);
            }
            if self.row().is_empty() {
                continue;
            }
            let is_marked = self.layout.is_table && self.row.bytes.first() == Some(&b'#');
            self.has_marked_rows |= is_marked && is_row(self.row());
            return if is_marked && !self.has_marked_rows {
                Ok(Found::Comment)
            } else {
                self.check_row(is_row)
            };
        }
    }

    fn check_row(&mut self, is_row: impl Fn(&[u8]) -> bool) -> io::Result<Found> {
        if self.row.is_cut {
            return Ok(Found::Broken(format!("line of more than {ROW_BYTES_MAX} bytes")));
        }
        let row = trimmed(&self.row.bytes);
        if !self.layout.is_table {
            return Ok(Found::Row);
        }
        if !row.contains(&QUOTE) {
            let has_other_end = self.layout.line_end == b'\n' && row.contains(&b'\r');
            return Ok(if has_other_end { broken(OTHER_END) } else { Found::Row });
        }
        match Quotes::Start.pass(row, self.layout.delimiter) {
            Some(Quotes::Open) => self.read_quoted(is_row),
            Some(_) if self.layout.line_end == b'\n' && has_plain_return(row, self.layout.delimiter) => {
                Ok(broken(OTHER_END))
            }
            Some(_) => Ok(Found::Row),
            None => Ok(broken(AFTER_QUOTE)),
        }
    }

    /// Reads the further lines of a quoted cell.
    fn read_quoted(&mut self, is_row: impl Fn(&[u8]) -> bool) -> io::Result<Found> {
        let mut first = std::mem::take(&mut self.row);
        let first_bytes = first.bytes.len();
        let mut ahead = VecDeque::new();
        let closed = self.close_quote(&mut first, &mut ahead, is_row)?;
        self.row = first;
        let Err(problem) = closed else { return Ok(Found::Row) };
        self.row.bytes.truncate(first_bytes);
        ahead.append(&mut self.pending);
        self.pending = ahead;
        Ok(broken(problem))
    }

    /// Adds lines to a row until its quoted cell is closed, or returns why it is not; `ahead` keeps the lines.
    fn close_quote(
        &mut self,
        first: &mut Line,
        ahead: &mut VecDeque<Line>,
        is_row: impl Fn(&[u8]) -> bool,
    ) -> io::Result<Result<(), &'static str>> {
        loop {
            if ahead.len() == QUOTED_LINES_MAX || first.bytes.len() > ROW_BYTES_MAX {
                return Ok(Err("a quote that is not closed within 100 lines and 1 MiB"));
            }
            if !self.read_line()? {
                return Ok(Err(NEVER_CLOSED));
            }
            let line = std::mem::take(&mut self.row);
            let text = trimmed(&line.bytes);
            let state = Quotes::Open.pass(text, self.layout.delimiter);
            let is_stray = line.is_cut || is_row(&blanked_from_quote(text, self.layout.delimiter));
            first.bytes.extend_from_slice(&line.bytes);
            ahead.push_back(line);
            match state {
                None => return Ok(Err(AFTER_QUOTE)),
                Some(_) if is_stray => return Ok(Err(BEFORE_NEXT_ROW)),
                Some(Quotes::Open) => {}
                Some(_) => return Ok(Ok(())),
            }
        }
    }

    /// Reads the next line into `row`; `false` at the end.
    fn read_line(&mut self) -> io::Result<bool> {
        if let Some(line) = self.pending.pop_front() {
            self.row = line;
            return Ok(true);
        }
        let Line { bytes, offset, number, is_cut } = &mut self.row;
        bytes.clear();
        (*offset, *number) = (self.next_offset, self.next_number);
        let line_end = self.layout.line_end;
        self.input.by_ref().take(ROW_BYTES_MAX as u64).read_until(line_end, bytes)?;
        self.next_offset += self.encoding.file_bytes(bytes);
        *is_cut = bytes.len() == ROW_BYTES_MAX && bytes.last() != Some(&line_end);
        if *is_cut {
            self.next_offset += pass_until(&mut self.input, line_end, self.encoding)?;
        }
        self.next_number += 1;
        Ok(!self.row.bytes.is_empty())
    }
}

const NEVER_CLOSED: &str = "a quote that is never closed";
const BEFORE_NEXT_ROW: &str = "a quote that is not closed before the next row";
const OTHER_END: &str = "a carriage return inside of a line";
const AFTER_QUOTE: &str = "a closing quote with something after it in the same cell";

fn broken(problem: &str) -> Found {
    Found::Broken(problem.into())
}

/// Whether a carriage return is in a cell without quotes around it.
fn has_plain_return(row: &[u8], delimiter: u8) -> bool {
    let mut state = Quotes::Start;
    let is_plain_return = |byte: &u8| {
        let is_it = *byte == b'\r' && state != Quotes::Open;
        state = state.pass(std::slice::from_ref(byte), delimiter).unwrap_or(state);
        is_it
    };
    row.contains(&b'\r') && row.iter().any(is_plain_return)
}

/// Makes the cells after the first quote unreadable, so that a time must be before it.
fn blanked_from_quote(line: &[u8], delimiter: u8) -> Cow<'_, [u8]> {
    let Some(quote) = line.iter().position(|&byte| byte == QUOTE) else { return Cow::Borrowed(line) };
    let blank = |(at, &byte): (usize, &u8)| if at < quote || byte == delimiter { byte } else { b'x' };
    Cow::Owned(line.iter().enumerate().map(blank).collect())
}

/// Skips the rest of a line with its end; returns how many bytes of the file that was.
fn pass_until(input: &mut impl BufRead, line_end: u8, encoding: Encoding) -> io::Result<u64> {
    let mut passed = 0;
    loop {
        let chunk = input.fill_buf()?;
        let end = chunk.iter().position(|&byte| byte == line_end);
        let bytes = end.map_or(chunk.len(), |at| at + 1);
        passed += encoding.file_bytes(chunk.get(..bytes).unwrap_or_default());
        input.consume(bytes);
        if end.is_some() || bytes == 0 {
            return Ok(passed);
        }
    }
}

/// Returns a line without its line end.
fn trimmed(line: &[u8]) -> &[u8] {
    let after = line.iter().rev().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    line.get(..line.len() - after).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: Layout = Layout { delimiter: b',', line_end: b'\n', is_table: true };

    /// Rows, and the lines of what is broken.
    fn all(text: &str) -> (Vec<String>, Vec<u64>) {
        let mut reader = RowReader::new(text.as_bytes(), LAYOUT, Encoding::Utf8, 0);
        let (mut rows, mut broken) = (Vec::new(), Vec::new());
        loop {
            let found = reader.next_row(|row| row.starts_with(b"137")).unwrap();
            let at = usize::try_from(reader.row_offset()).unwrap();
            match found {
                Found::Row => {
                    assert!(text.as_bytes()[at..].starts_with(reader.row()));
                    rows.push(String::from_utf8(reader.row().to_vec()).unwrap());
                }
                Found::Broken(_) => broken.push(reader.row_number()),
                Found::Comment => {}
                Found::End => return (rows, broken),
            }
        }
    }

    #[test]
    fn quoted_cells_may_hold_lines() {
        let (rows, broken) = all("a,\"b\r\n\r\nc\",d\r\n\r\n# note \"\ne\n");
        assert_eq!((rows, broken), (vec!["a,\"b\r\n\r\nc\",d".into(), "e".into()], vec![]));
    }

    #[test]
    fn a_quote_too_many_costs_its_own_line_only() {
        for (bad, rest) in
            [("1,\"abc", ""), ("1,\"abc\"\",5", "2,\"b\"\n"), ("1,\"a\"b", ""), ("1,\"", "\",x\n")]
        {
            let (rows, broken) = all(&format!("0,a\n{bad}\n1378,def\n{rest}"));
            assert_eq!(broken.first(), Some(&2), "{bad}");
            assert_eq!(rows.get(..2), Some(&["0,a".to_owned(), "1378,def".into()][..]), "{bad}");
        }
    }

    #[test]
    fn a_quote_over_100_lines_was_never_closed() {
        let cell = |lines: usize| format!("1,\"{}\"\n2,b\n", "x\n".repeat(lines));
        assert!(all(&cell(QUOTED_LINES_MAX)).1.is_empty());
        let (rows, broken) = all(&cell(QUOTED_LINES_MAX + 1));
        // What looks like rows is given as rows; the quote at the end of it is broken too.
        assert_eq!((rows.len(), broken), (QUOTED_LINES_MAX + 1, vec![1, 102]));
    }

    #[test]
    fn lines_of_any_length_take_bounded_memory() {
        let text =
            format!("a\n{}\nb\n\"{}\nc\n", "x".repeat(3 * ROW_BYTES_MAX), "y".repeat(2 * ROW_BYTES_MAX));
        let mut reader = RowReader::new(text.as_bytes(), LAYOUT, Encoding::Utf8, 0);
        let mut found = Vec::new();
        while found.last() != Some(&Found::End) {
            found.push(reader.next_row(|_| false).unwrap());
            assert!(reader.row.bytes.capacity() <= 2 * ROW_BYTES_MAX);
        }
        let is_row: Vec<bool> = found.iter().map(|found| *found == Found::Row).collect();
        assert_eq!(is_row, [true, false, true, false, true, false]);
        assert_eq!(reader.read_bytes(), text.len() as u64);
    }

    #[test]
    fn lines_may_end_with_carriage_returns_throughout() {
        let layout = Layout { line_end: b'\r', ..LAYOUT };
        let mut reader = RowReader::new(&b"a\rb"[..], layout, Encoding::Utf8, 0);
        for row in [&b"a"[..], b"b"] {
            assert_eq!((reader.next_row(|_| false).unwrap(), reader.row()), (Found::Row, row));
        }
        assert_eq!(all("a\rb\nc\n"), (vec!["c".into()], vec![1]));
        assert_eq!(all("\"x\",5\"a\rb\n\"a\rb\"\n"), (vec!["\"a\rb\"".into()], vec![1]));
    }
}
