//! Chooses how to read a table.

use super::cells::Cells;
use super::choose::{Refusal, Table};
use super::columns::{Candidate, Kind, Place};
use super::file_columns::Columns;
use super::format::TimeFormat;
use super::head::{Head, line_end};
use super::options::{Column, Header, TableOptions};
use super::rows::Layout;
use super::sample::{Row, Sample, Start, has_values, split};
use crate::terminal::words::counted;

/// Delimiters that are tried without an option. The last one is in no text, so that a line is one cell.
const DELIMITERS: [u8; 5] = [b',', b';', b'\t', b'|', 0x1F];
const NO_DELIMITER: u8 = 0x1F;

/// How to read a table.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub(super) layout: Layout,
    /// Lines to skip at the start.
    pub(super) lines_to_pass: u64,
    /// Those that no option asked to skip, in words.
    left_out: Vec<String>,
    pub(super) has_header: bool,
    names: Option<Row>,
    /// Names for the cells of a row, or why they are not certain.
    cell_names: Result<Row, String>,
    place: Place,
    format: TimeFormat,
    /// Whether an option says that numbers have a decimal comma.
    decimal_comma: bool,
    /// How many cells each row must have, if most rows of the sample have as many.
    width: Option<usize>,
    /// Fewest cells of a row in the sample.
    fewest_cells: usize,
    /// The column that names a zone, although the times are taken as UTC.
    named_zone: Option<usize>,
    first_time: Option<u64>,
}

/// A choice, and what it gives for the first rows.
#[derive(Debug)]
struct Reading {
    choice: Choice,
    times: Vec<Option<u64>>,
    rows_of_width: usize,
    /// Whether there are as many names as columns; then the delimiter is certain.
    header_fits: bool,
}

impl Choice {
    /// Chooses by the start of a text; an error names the options to give.
    pub(super) fn find(start: &Start<'_>, options: &TableOptions) -> Result<Self, String> {
        let line_end = line_end(start.text);
        let Head { start, delimiter, left_out } = Head::pass(start, options, line_end);
        let given = options.delimiter.or(delimiter);
        let layout = |delimiter| Layout { delimiter, line_end, is_table: true };
        let mut rival = None;
        let samples: Vec<Sample> = match given {
            Some(delimiter) => vec![Sample::new(&start, layout(delimiter))],
            None => {
                let all = DELIMITERS.map(|delimiter| Sample::new(&start, layout(delimiter)));
                rival = rival_of_commas(&all);
                likely_samples(all, options)
            }
        };
        if options.delimiter.is_some() {
            check_delimiter(&start, &samples, options)?;
        }
        let mut readings: Vec<_> = samples.iter().map(|sample| read(sample, options)).collect();
        if samples.len() > 1 {
            let lines = readings.pop();
            let names_columns = |it: &Sample| {
                let width = it.width();
                width > 1
                    && it.has_header() == Some(true)
                    && it.rows.first().is_some_and(|row| row.len() == width)
            };
            let is_sure = readings.iter().flatten().any(|reading| reading.header_fits);
            let is_sure = is_sure || samples.iter().any(names_columns);
            readings.extend(lines.filter(|lines| lines.is_ok() && !is_sure));
        }
        let mut choice = best(readings)?;
        check_decimal_comma(&choice, rival)?;
        (choice.lines_to_pass, choice.left_out) = (start.lines_before, left_out);
        Ok(choice)
    }

    /// Returns the columns, and those of the time; an error says why a cell may be that of another column.
    pub(super) fn columns(&self) -> Result<Columns, String> {
        let times = self.place.date.into_iter().chain([self.place.time]).collect();
        let (names, delimiter) = (self.cell_names.clone()?, self.layout.delimiter);
        Ok(Columns::Cells { names, delimiter, times, decimal_comma: self.decimal_comma })
    }

    /// Returns the time of a row, or why it has none.
    pub(super) fn time_of(&self, row: &[u8]) -> Result<u64, String> {
        let delimiter = self.layout.delimiter;
        if let Some(width) = self.width {
            let found = Cells::new(row, delimiter).count();
            if found != width {
                return Err(format!(
                    "row of {}, and the others have {width}; correct the row",
                    counted(found as u64, "cell")
                ));
            }
        }
        let cell = |at| {
            let cell = Cells::new(row, delimiter).nth(at)?;
            Some(String::from_utf8_lossy(&cell).into_owned())
        };
        let Some(text) = self.place.text(cell) else {
            return Err(format!("row without {}", Kind::Csv.place_words(self.place, None)));
        };
        let problem = || format!("row whose time is {:?}, not {}", super::words::cut(&text), self.format);
        self.format.parse(&text).ok_or_else(problem)
    }

    /// Whether a line that starts with # may be a damaged row: it has as many cells as rows, and values.
    ///
    /// If the time comes first, the # is in the time: then the line was made a comment on purpose.
    pub(super) fn may_be_row(&self, line: &[u8]) -> bool {
        let cells = split(line, self.layout.delimiter);
        !self.place.is_first() && cells.len() >= self.fewest_cells.max(2) && has_values(&cells)
    }

    /// Returns why a row without a line end is only a part of a row, if it is.
    pub(super) fn cut_words(&self, row: &[u8]) -> Option<String> {
        let found = Cells::new(row, self.layout.delimiter).count();
        let fewest = self.fewest_cells;
        (found < fewest).then(|| format!("row that is cut: {found} cells, the others have {fewest} at least"))
    }

    fn zone_words(&self) -> String {
        match self.named_zone {
            None => self.format.zone().into(),
            Some(at) => {
                format!("UTC, although {} names one", Kind::Csv.column_words(at, self.names.as_ref()))
            }
        }
    }

    /// Returns the choice in words.
    pub(super) fn words(&self) -> String {
        let first =
            self.first_time.and_then(crate::terminal::words::rfc3339).unwrap_or_else(|| "none".into());
        let header = match (self.has_header, &self.names) {
            (true, _) => "the first row",
            (false, Some(_)) => "the last comment",
            (false, None) => "none",
        };
        let left_out = match &self.left_out[..] {
            [] => String::new(),
            lines => format!("; left out: {}", lines.join(", ")),
        };
        format!(
            "time: {}; unit: {}; zone: {}; delimiter: {}; header: {header}{left_out}; first time: {first}",
            Kind::Csv.place_words(self.place, self.names.as_ref()),
            self.format,
            self.zone_words(),
            delimiter_word(self.layout.delimiter),
        )
    }
}

fn delimiter_word(delimiter: u8) -> String {
    match delimiter {
        b'\t' => "tab".into(),
        b' ' => "space".into(),
        NO_DELIMITER => "none".into(),
        _ => format!("{:?}", char::from(delimiter)),
    }
}

/// Returns the samples in which most rows have the same number of cells.
fn likely_samples(samples: [Sample; 5], options: &TableOptions) -> Vec<Sample> {
    let is_possible = |it: &Sample| !(options.decimal_comma && it.layout.delimiter == b',');
    let (lines, mut split): (Vec<_>, Vec<_>) =
        samples.into_iter().filter(is_possible).partition(|it| it.layout.delimiter == NO_DELIMITER);
    let has_columns = |it: &Sample| it.rows.iter().any(|row| row.len() > 1);
    let is_whole =
        |it: &Sample| it.is_split_evenly() && it.rows.first().is_some_and(|row| row.len() == it.width());
    // Decimal commas are in no header. If another delimiter is in every row, the header is not a title.
    if split.iter().any(is_whole) {
        split.retain(|it| it.title_lines().is_none());
    }
    split.retain(has_columns);
    if split.iter().any(Sample::is_split_evenly) {
        split.retain(Sample::is_split_evenly);
    }
    split.into_iter().chain(lines).collect()
}

/// Refuses a delimiter from an option if no row has it but each row has another one.
///
/// Otherwise, the whole row would be the time, and its second cell the fraction.
fn check_delimiter(start: &Start<'_>, given: &[Sample], options: &TableOptions) -> Result<(), String> {
    let splits = |it: &Sample| it.rows.iter().any(|row| row.len() > 1);
    let Some(given) = given.first().filter(|it| !splits(it)) else { return Ok(()) };
    let splits_each = |it: &Sample| !it.rows.is_empty() && it.rows.iter().all(|row| row.len() > 1);
    let others = DELIMITERS.into_iter().filter(|&other| !(other == b',' && options.decimal_comma));
    let mut samples = others.map(|delimiter| Sample::new(start, Layout { delimiter, ..given.layout }));
    let Some(other) = samples.find(splits_each) else { return Ok(()) };
    let is_comma = other.layout.delimiter == b',';
    let (given, other) = (delimiter_word(given.layout.delimiter), delimiter_word(other.layout.delimiter));
    let or = if is_comma { ", or --decimal-comma if the commas are those of numbers" } else { "" };
    Err(format!(
        "the delimiter {given} is in no row, and {other} is in each; give that one as --delimiter{or}"
    ))
}

fn read(sample: &Sample, options: &TableOptions) -> Result<Reading, Refusal> {
    if let Some(problem) = &sample.broken_first {
        return Err(Refusal::Ambiguous(format!("{problem}; give --skip-rows to leave it out")));
    }
    let Some(first) = sample.rows.first() else {
        return Err(Refusal::NoTime(
            "no rows: it holds empty lines and comments alone; check the path, or --skip-rows".into(),
        ));
    };
    if let Some(lines) = sample.title_lines().filter(|_| options.header.is_none()) {
        let (title, width) = (super::words::cut(&first.join(", ")), sample.width());
        return Err(Refusal::Ambiguous(format!(
            "the first row has fewer cells than the others, which have {width}, and may be a title: {title}; give \
             --skip-rows {lines} to leave out what is before the others, or --header no to have it read as data"
        )));
    }
    let has_header = has_header(sample, options)?;
    let comment = sample.comment.as_ref().filter(|names| names.len() > 1 && names.len() == first.len());
    let names = if has_header { Some(first) } else { comment };
    let rows = sample.rows.get(usize::from(has_header)..).unwrap_or_default();
    let table = Table { names, rows, options, kind: Kind::Csv };
    let chosen = if rows.is_empty() { no_rows(&table)? } else { table.choose()? };
    check_names(&table, &chosen)?;
    check_widths(&table, &chosen, sample)?;
    let is_given =
        options.time_column.is_some() || options.date_column.is_some() || options.delimiter.is_some();
    if !is_given && sample.layout.delimiter == b',' {
        check_comma(&table, &chosen)?;
    }
    let width = sample.width();
    let rows_of_width = sample.rows_of_width(width);
    let has_usual_width = sample.has_usual_width();
    let choice = Choice {
        layout: sample.layout,
        lines_to_pass: 0,
        left_out: Vec::new(),
        has_header,
        names: names.cloned(),
        cell_names: cell_names(&table, sample),
        place: chosen.place,
        format: chosen.format().clone(),
        decimal_comma: options.decimal_comma,
        // In a row with another number of cells, only the first cell has a known place.
        width: Some(width).filter(|_| has_usual_width && !chosen.place.is_first()),
        fewest_cells: fewest_cells(rows),
        named_zone: table.named_zone(&chosen),
        first_time: chosen.times.iter().flatten().next().copied(),
    };
    let header_fits = names.is_some_and(|names| names.len() == width);
    Ok(Reading { choice, times: chosen.times, rows_of_width, header_fits })
}

/// Returns a name for each cell of a row, or says why a name may be that of another column.
fn cell_names(table: &Table<'_>, sample: &Sample) -> Result<Row, String> {
    let Some(names) = table.names else {
        return Err("fields have the names of columns, and the file has none; write a first row with names, or give --header yes".into());
    };
    let width = if sample.has_usual_width() { sample.width() } else { names.len() };
    let whole = table.rows.iter().filter(|row| row.len() == width);
    let most_filled = whole.map(filled).max().unwrap_or_default();
    if filled(names) > width || most_filled > names.len() {
        let (names, cells) = (counted(names.len() as u64, "column"), counted(width as u64, "cell"));
        return Err(format!(
            "the file names {names}, and its rows have {cells}, so a name may be that of another column; correct the names"
        ));
    }
    let mut names = names.clone();
    names.resize(width, String::new());
    Ok(names)
}

/// Returns how many cells there are up to the last one that is not empty.
fn filled(row: &Row) -> usize {
    row.iter().rposition(|cell| !cell.trim().is_empty()).map_or(0, |last| last + 1)
}

/// Returns the fewest cells of a row, without the last row, which may be cut.
fn fewest_cells(rows: &[Row]) -> usize {
    let whole = rows.split_last().map_or(rows, |(_, whole)| whole);
    whole.iter().map(Vec::len).min().unwrap_or(0)
}

/// Refuses names if there are more than cells in the longest row, or fewer than in the shortest: they may be of other
/// columns.
fn check_names(table: &Table<'_>, chosen: &Candidate) -> Result<(), Refusal> {
    let names = table.names.map_or(0, filled);
    let most = table.rows.iter().map(Vec::len).max().unwrap_or(names);
    let fewest = table.rows.iter().map(filled).min().unwrap_or(names);
    let is_number = |asked: &Option<Column>| !matches!(asked, Some(Column::Name(_)));
    let is_known = table.options.time_column.is_some()
        && is_number(&table.options.time_column)
        && is_number(&table.options.date_column);
    if table.names.is_none() || is_known || chosen.place.is_first() || (fewest <= names && names <= most) {
        return Ok(());
    }
    let cells = if names > most { most } else { fewest };
    Err(Refusal::Ambiguous(format!(
        "there are {names} names, and the rows have {cells} cells, so a name may be that of another column: {}; give \
         the number of the column as --time-column",
        table.words(chosen)
    )))
}

/// Refuses a comma after whole seconds that may begin their fraction, if no name is given to the column after it.
fn check_comma(table: &Table<'_>, chosen: &Candidate) -> Result<(), Refusal> {
    let after = chosen.place.time + 1;
    let is_named = table.names.is_some_and(|names| names.len() == table.width());
    let has_clock = !chosen.format().is_number() && chosen.is_full() && chosen.is_whole();
    // Words may follow, as in the lines of programs: `09:30:00,123 INFO started`.
    let is_fraction = |cell: &str| {
        let digits = cell.bytes().take_while(u8::is_ascii_digit).count();
        digits == 3 && matches!(cell.as_bytes().get(3), None | Some(b' '))
    };
    if is_named || !has_clock || table.cells(after).next().is_none() || !table.cells(after).all(is_fraction) {
        return Ok(());
    }
    let time = table.words(chosen);
    Err(Refusal::Ambiguous(format!(
        "the time may be {time}, and the three digits after the comma its milliseconds; give --delimiter, or \
         --time-column if they are a column"
    )))
}

/// Chooses for a table with names but without rows, of which nothing can be read wrongly.
fn no_rows(table: &Table<'_>) -> Result<Candidate, Refusal> {
    let sample = [vec!["1500000000".to_owned(); table.names.map_or(0, Vec::len)]];
    let options = TableOptions { time_unit: None, time_format: None, ..table.options.clone() };
    Table { rows: &sample, options: &options, ..*table }
        .choose_place()
        .map(|it| Candidate { times: Vec::new(), ..it })
}

fn has_header(sample: &Sample, options: &TableOptions) -> Result<bool, Refusal> {
    if let Some(said) = options.header {
        return Ok(said == Header::Yes);
    }
    let columns = [&options.time_column, &options.date_column];
    if columns.iter().any(|column| matches!(column, Some(Column::Name(_)))) {
        return Ok(true);
    }
    sample.has_header().ok_or_else(|| {
        let first = sample.rows.first().map_or(String::new(), |row| super::words::cut(&row.join(", ")));
        Refusal::Ambiguous(format!(
            "the first row may name the columns or be data: {first}; give --header yes or no"
        ))
    })
}

/// Returns a delimiter besides the comma that is in every row.
fn rival_of_commas(samples: &[Sample]) -> Option<u8> {
    let splits_each = |it: &&Sample| it.rows.iter().all(|row| row.len() > 1);
    let others = samples.iter().filter(|it| ![b',', NO_DELIMITER].contains(&it.layout.delimiter));
    others.filter(|it| !it.rows.is_empty()).find(splits_each).map(|it| it.layout.delimiter)
}

/// Refuses numbers before a comma as times if another delimiter is in every row: the commas may be decimal commas.
fn check_decimal_comma(choice: &Choice, rival: Option<u8>) -> Result<(), String> {
    let is_number = choice.names.is_none() && choice.format.is_number();
    match rival.filter(|_| is_number && choice.layout.delimiter == b',').map(delimiter_word) {
        None => Ok(()),
        Some(rival) => Err(format!(
            "the commas may be those of numbers, as {rival} is in each row, too; give --delimiter"
        )),
    }
}

/// Refuses rows without names that have different numbers of cells: a cell may be that of another column.
fn check_widths(table: &Table<'_>, chosen: &Candidate, sample: &Sample) -> Result<(), Refusal> {
    let is_known = table.names.is_some() || table.options.time_column.is_some();
    if is_known || chosen.place.is_first() || sample.has_usual_width() {
        return Ok(());
    }
    Err(Refusal::Ambiguous(format!(
        "the rows have different numbers of cells and no names, so a cell may be that of another column: {}; give the \
         number of the column as --time-column",
        table.words(chosen)
    )))
}

/// Returns the only reading, or the most even one of several that find the same times.
fn best(readings: Vec<Result<Reading, Refusal>>) -> Result<Choice, String> {
    let (mut found, mut problem): (Vec<Reading>, Option<String>) = (Vec::new(), None);
    for reading in readings {
        match reading {
            Ok(reading) => found.push(reading),
            Err(Refusal::Ambiguous(problem)) => return Err(problem),
            Err(Refusal::NoTime(why)) => problem = problem.or(Some(why)),
        }
    }
    let Some(first) = found.first() else { return Err(problem.unwrap_or_default()) };
    if found
        .iter()
        .any(|other| other.times != first.times || other.choice.has_header != first.choice.has_header)
    {
        let words: Vec<String> = found.iter().map(|it| it.choice.words()).collect();
        return Err(format!(
            "the cells can be split in several ways, ({}); give --delimiter",
            words.join("), (")
        ));
    }
    let best = found.into_iter().max_by_key(|it| it.rows_of_width);
    best.map(|best| best.choice).ok_or_else(String::new)
}

#[cfg(test)]
mod tests;
