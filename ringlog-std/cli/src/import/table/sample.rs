//! The first rows of a table, which decide how to read it.

use std::collections::BTreeMap;

use super::cells::Cells;
use super::encoding::Encoding;
use super::names::NameClass;
use super::rows::{Found, Layout, RowReader};
use super::{calendar, number};

const ROWS_MAX: usize = 2000;

pub(super) type Row = Vec<String>;

/// The start of a text.
#[derive(Debug)]
pub(super) struct Start<'a> {
    pub(super) text: &'a [u8],
    pub(super) is_all: bool,
    /// Lines of the file before the text.
    pub(super) lines_before: u64,
}

/// Rows of a table, split at a delimiter.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) layout: Layout,
    pub(super) rows: Vec<Row>,
    /// The number in the file of the first line of each row.
    line_numbers: Vec<u64>,
    /// The last comment before the rows that may name the columns, split like a row.
    pub(super) comment: Option<Row>,
    /// Why the first row cannot be read, if it cannot.
    pub(super) broken_first: Option<String>,
}

impl Sample {
    /// Splits the start of a text.
    pub(super) fn new(start: &Start<'_>, layout: Layout) -> Self {
        let (rows, line_numbers) = (Vec::new(), Vec::new());
        let mut sample = Self { layout, rows, line_numbers, comment: None, broken_first: None };
        let mut reader = RowReader::new(start.text, layout, Encoding::Utf8, 0);
        // Reading a slice never fails.
        while let Ok(found) = reader.next_row(|_| false) {
            // The last row may be cut.
            let is_cut = !start.is_all && reader.read_bytes() == start.text.len() as u64;
            let line = start.lines_before + reader.row_number();
            match found {
                Found::End => break,
                _ if is_cut || sample.rows.len() == ROWS_MAX => break,
                Found::Comment if sample.rows.is_empty() => {
                    let line = reader.row().trim_ascii_start().strip_prefix(b"#").unwrap_or_default();
                    let cells = split(line.trim_ascii_start(), layout.delimiter);
                    sample.comment = Some(cells).filter(|cells| !has_values(cells)).or(sample.comment);
                }
                Found::Comment => {}
                Found::Row => {
                    sample.rows.push(split(reader.row(), layout.delimiter));
                    sample.line_numbers.push(line);
                }
                Found::Broken(problem) if sample.rows.is_empty() => {
                    sample.broken_first.get_or_insert(format!("line {line}: {problem}"));
                }
                Found::Broken(_) => {}
            }
        }
        sample
    }

    /// Returns the most frequent number of cells in a row.
    pub(super) fn width(&self) -> usize {
        let mut rows_by_width = BTreeMap::new();
        for row in &self.rows {
            *rows_by_width.entry(row.len()).or_insert(0) += 1;
        }
        rows_by_width.into_iter().max_by_key(|&(_, rows)| rows).map_or(0, |(width, _)| width)
    }

    /// Returns how many rows have this number of cells.
    pub(super) fn rows_of_width(&self, width: usize) -> usize {
        self.rows.iter().filter(|row| row.len() == width).count()
    }

    /// Whether two thirds of the rows have the most frequent number of cells: it is usual, and rows of another number
    /// are exceptions.
    pub(super) fn has_usual_width(&self) -> bool {
        self.is_usual(self.width(), self.rows.len())
    }

    fn is_usual(&self, width: usize, rows: usize) -> bool {
        self.rows_of_width(width) * 3 >= rows * 2
    }

    /// Whether nine tenths of the rows have the same number of columns. If a delimiter does that, those that do not are
    /// parts of cells.
    ///
    /// More is asked than of a usual width: delimiters that are parts of cells may split many rows alike.
    pub(super) fn is_split_evenly(&self) -> bool {
        let width = self.width();
        width > 1 && self.rows_of_width(width) * 10 >= self.rows.len() * 9
    }

    /// Returns how many lines precede the first row with the most frequent number of cells, if they may be titles.
    ///
    /// Titles have at most half as many cells.
    pub(super) fn title_lines(&self) -> Option<u64> {
        let width = self.width();
        let titles = self.rows.iter().take_while(|row| row.len() * 2 <= width).count();
        let is_usual = self.is_usual(width, self.rows.len() - titles);
        let first = self.line_numbers.get(titles).filter(|_| titles > 0 && is_usual)?;
        Some(first - 1)
    }

    /// Whether the first row names the columns; `None` if that is not clear.
    pub(super) fn has_header(&self) -> Option<bool> {
        let (first, later) = self.rows.split_first()?;
        let sounds = |class: fn(NameClass) -> bool| first.iter().any(|name| class(NameClass::of(name)));
        if later.is_empty() {
            return if has_values(first) { Some(false) } else { sounds(NameClass::is_time).then_some(true) };
        }
        let cells =
            first.iter().enumerate().filter(|(at, cell)| holds_values(later, *at) && !is_missing(cell));
        let (values, names): (Vec<_>, Vec<_>) = cells.partition(|(at, cell)| is_like_later(cell, later, *at));
        match (names.len(), values.len()) {
            (0, 0) => sounds(NameClass::is_time).then_some(true),
            (0, _) => Some(false),
            // pandas writes an index without a name.
            (1, 0) if first.first().is_some_and(|name| name.is_empty()) => Some(true),
            (1, 0) => (sounds(NameClass::is_time)).then_some(true),
            (_, 0) => Some(true),
            _ if sounds(|class| class == NameClass::Time) => Some(true),
            // If this row is not data after all, reading it reports that.
            _ => (!names.iter().any(|(_, name)| NameClass::of(name).is_time())).then_some(false),
        }
    }
}

pub(super) fn split(row: &[u8], delimiter: u8) -> Row {
    Cells::new(row, delimiter).map(|cell| String::from_utf8_lossy(&cell).into_owned()).collect()
}

/// Whether at least half of the cells of a column are values.
fn holds_values(rows: &[Row], column: usize) -> bool {
    let cells = rows.iter().filter_map(|row| row.get(column)).filter(|cell| !is_missing(cell));
    let (values, all) =
        cells.fold((0, 0), |(values, all), cell| (values + usize::from(is_value(cell)), all + 1));
    values > 0 && values * 2 >= all
}

/// Whether this means that a value is missing.
pub(crate) fn is_missing(cell: &str) -> bool {
    let known = ["", "na", "n/a", "nan", "nat", "null", "none", "nil", "-", "?", "\\n"];
    known.contains(&cell.trim().to_ascii_lowercase().as_str())
}

/// Whether all of this is a number, or a moment in a known format.
fn is_plain_value(cell: &str) -> bool {
    let cell = cell.trim();
    number::is_number(cell) || calendar::is_clock(cell) || calendar::is_moment(cell)
}

/// Whether any cell is a number or a moment.
pub(super) fn has_values(cells: &[String]) -> bool {
    cells.iter().any(|cell| is_plain_value(cell))
}

/// Whether this is a number, or may be a moment.
fn is_value(cell: &str) -> bool {
    is_plain_value(cell) || calendar::may_be_moment(cell)
}

/// Whether a cell of the first row is a value; a moment in an unknown format must have the shape of a later one.
fn is_like_later(cell: &str, later: &[Row], column: usize) -> bool {
    let has_shape = |row: &Row| row.get(column).is_some_and(|other| shape(other) == shape(cell));
    is_plain_value(cell) || (is_value(cell) && later.iter().any(has_shape))
}

/// Returns a text with each run of digits and each run of letters as one character.
fn shape(text: &str) -> String {
    let kind = |letter: char| match letter {
        '0'..='9' => '0',
        _ if letter.is_alphabetic() => 'a',
        _ => letter,
    };
    let mut shape: Vec<char> = text.trim().chars().map(kind).collect();
    shape.dedup_by(|a, b| a == b && matches!(a, '0' | 'a'));
    shape.into_iter().collect()
}
