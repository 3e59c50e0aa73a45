//! Finds the columns that may hold the time, and their formats.

use super::format::TimeFormat;
use super::names::NameClass;
use super::number::DecimalSign;
use super::options::{TableOptions, TimeUnit};
use super::sample::{Row, is_missing};

/// Another format is a rival if at least one row in this many fits it but not the best format.
const OTHERS_MAX: usize = 10;

/// The kind of a file, for the words of messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Rows of columns.
    Csv,
    /// Lines of fields.
    Json,
}

impl Kind {
    pub(super) const fn column(self) -> &'static str {
        match self {
            Self::Csv => "column",
            Self::Json => "field",
        }
    }

    /// Returns the option that names the column of the time.
    pub(super) const fn option(self) -> &'static str {
        match self {
            Self::Csv => "--time-column",
            Self::Json => "--time-field",
        }
    }

    /// Names a column for a message.
    pub(super) fn column_words(self, column: usize, names: Option<&Row>) -> String {
        let name = names.and_then(|names| names.get(column)).map(|name| super::words::cut(name.trim()));
        match name {
            Some(name) if self == Self::Json => format!("field {name:?}"),
            Some(name) if !name.is_empty() => format!("column {} {name:?}", column + 1),
            _ => format!("column {}", column + 1),
        }
    }

    /// Names the columns of a place for a message.
    pub(super) fn place_words(self, place: Place, names: Option<&Row>) -> String {
        let time = self.column_words(place.time, names);
        match place.date {
            None => time,
            Some(date) => format!("{} and {time}", self.column_words(date, names)),
        }
    }
}

/// The column or columns of the time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// The column of the date, if it is a separate one.
    pub(super) date: Option<usize>,
    pub(super) time: usize,
}

impl Place {
    /// Whether it is only the first column, which no cell before it can shift.
    pub(super) fn is_first(self) -> bool {
        self.time == 0 && self.date.is_none()
    }

    /// Returns the text that is read as a time.
    pub(super) fn text(self, cell: impl Fn(usize) -> Option<String>) -> Option<String> {
        let time = cell(self.time)?;
        match self.date {
            None => Some(time),
            Some(date) => Some(joined(&cell(date)?, &time)),
        }
    }

    pub(super) fn has(self, column: usize) -> bool {
        self.time == column || self.date == Some(column)
    }

    fn texts(self, rows: &[Row]) -> Vec<String> {
        let is_there = |text: &String| !is_missing(text);
        let text = |row: &Row| self.text(|at| row.get(at).cloned().filter(is_there));
        rows.iter().map(|row| text(row).unwrap_or_default()).collect()
    }
}

/// A place that may hold the time.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) place: Place,
    pub(super) name: NameClass,
    /// The possible formats; several if the rows do not decide.
    pub(super) formats: Vec<TimeFormat>,
    /// The time of each row in the first format.
    pub(super) times: Vec<Option<u64>>,
}

impl Candidate {
    /// Finds the formats of the times at a place; `None` if most cells are not times.
    pub(super) fn at(place: Place, name: NameClass, rows: &[Row], options: &TableOptions) -> Option<Self> {
        let texts = place.texts(rows);
        let mut formats = possible_formats(&texts, options);
        let hits = |format: &TimeFormat| texts.iter().filter(|text| format.parse(text).is_some()).count();
        formats.sort_by_cached_key(|format| std::cmp::Reverse(hits(format)));
        let best = formats.first_mut()?;
        let mut times: Vec<_> = texts.iter().map(|text| best.parse(text)).collect();
        let filled = texts.iter().filter(|text| !text.is_empty()).count();
        let read = times.iter().flatten().count();
        // An option that says how times are written decides, however few rows fit it.
        let is_given = options.time_option().is_some();
        if read == 0 || (read * 2 < filled && !is_given) {
            return None;
        }
        best.check_unit(&times);
        let best = best.clone();
        formats.retain(|format| *format == best || rivals(&texts, &times, format, filled));
        // One of two rows is not enough.
        if formats.len() == 1 && filled > 1 && read * 2 == filled && !is_given {
            return None;
        }
        if formats.len() == 1 {
            times = texts.iter().map(|text| best.parse(text)).collect();
        }
        Some(Self { place, name, formats, times })
    }

    pub(super) fn format(&self) -> &TimeFormat {
        // There is always one.
        &self.formats[0]
    }

    /// Whether it has the time of day.
    ///
    /// Programs write a date as its midnight: if all times are midnight, they are dates.
    pub(super) fn is_full(&self) -> bool {
        let has_clock = self.place.date.is_some() || self.format().is_number() || !self.is_midnight();
        has_clock && !self.format().is_date_only()
    }

    /// Whether at least half of the rows have a time in its format.
    pub(super) fn reads_most(&self) -> bool {
        self.times.iter().flatten().count() * 2 >= self.times.len()
    }

    /// Whether the times never decrease, or never increase.
    pub(super) fn is_ordered(&self) -> bool {
        let times: Vec<u64> = self.times.iter().flatten().copied().collect();
        times.is_sorted() || times.is_sorted_by(|a, b| a >= b)
    }

    pub(super) fn varies(&self) -> bool {
        let mut times = self.times.iter().flatten();
        times.next().is_some_and(|first| times.any(|time| time != first))
    }

    /// Whether each row has a different time.
    pub(super) fn is_distinct(&self) -> bool {
        let mut times: Vec<u64> = self.times.iter().flatten().copied().collect();
        let all = times.len();
        times.sort_unstable();
        times.dedup();
        times.len() == all
    }

    /// Whether the times of both are the same, except for digits that this one lacks.
    ///
    /// If the other ones are later by the same in each of several rows, they are other times.
    pub(super) fn agrees_with_finer(&self, finer: &Self) -> bool {
        let pairs = || self.times.iter().zip(&finer.times).filter_map(|(a, b)| Some(((*a)?, (*b)?)));
        let grid = [60_000_000_000, 1_000_000_000, 1_000_000, 1000, 1]
            .into_iter()
            .find(|grid| self.times.iter().flatten().all(|time| time.is_multiple_of(*grid)));
        let grid = grid.unwrap_or(1);
        let mut later = pairs().map(|(coarse, fine)| fine.saturating_sub(coarse));
        let first = later.next().unwrap_or(0);
        let is_moved = first > 0 && later.clone().count() > 1 && later.all(|other| other == first);
        let is_same_row = |(a, b): (&Option<u64>, &Option<u64>)| a.is_some() == b.is_some();
        !is_moved
            && self.times.iter().zip(&finer.times).all(is_same_row)
            && pairs().all(|(coarse, fine)| fine / grid * grid == coarse && fine - coarse < 1_000_000_000)
    }
}

/// Joins a date and a time of day.
pub(super) fn joined(date: &str, time: &str) -> String {
    format!("{} {}", without_midnight(date.trim()), time.trim())
}

/// Removes the midnight from a date.
fn without_midnight(date: &str) -> &str {
    let is_midnight =
        |clock: &str| clock.contains(':') && clock.bytes().all(|byte| matches!(byte, b'0' | b':' | b'.'));
    match date.split_once([' ', 'T']) {
        Some((day, clock)) if is_midnight(clock) => day,
        _ => date,
    }
}

fn possible_formats(texts: &[String], options: &TableOptions) -> Vec<TimeFormat> {
    if let Some(given) = TimeFormat::given(options) {
        return given;
    }
    let sign = options.decimal_comma.then_some(DecimalSign::Comma);
    let mut formats = Vec::new();
    for format in texts.iter().flat_map(|text| TimeFormat::readings(text, sign)) {
        if !formats.contains(&format) {
            formats.push(format);
        }
    }
    if options.time_unit == Some(TimeUnit::Rfc3339) { TimeFormat::rfc3339(&formats) } else { formats }
}

/// Whether a format may be meant instead: it fits rows that the best one does not, or all rows with other times.
fn rivals(texts: &[String], times: &[Option<u64>], format: &TimeFormat, filled: usize) -> bool {
    let read: Vec<_> = texts.iter().map(|text| format.parse(text)).collect();
    let fits_others = read.iter().zip(times).filter(|(read, time)| read.is_some() && time.is_none()).count();
    let covers = read.iter().zip(times).all(|(read, time)| read.is_some() || time.is_none());
    let is_same = read.iter().zip(times).all(|(read, time)| read == time || time.is_none());
    let is_many = fits_others > 0 && fits_others * OTHERS_MAX >= filled;
    is_many || (covers && !is_same)
}
