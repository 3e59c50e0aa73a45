//! Which columns may hold the time, and in which format.

use super::format::TimeFormat;
use super::names::NameClass;
use super::number::DecimalSign;
use super::options::{TableOptions, TimeUnit};
use super::sample::{Row, is_missing};

/// One in this many of the rows that do not fit the best format may fit another one.
const OTHERS_MAX: usize = 10;

/// What a file is, for the words in which it is spoken of.
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

    /// What to give to name the column of the time.
    pub(super) const fn option(self) -> &'static str {
        match self {
            Self::Csv => "--time-column",
            Self::Json => "--time-field",
        }
    }

    /// A column in words, with its name.
    pub(super) fn column_words(self, column: usize, names: Option<&Row>) -> String {
        let name = names.and_then(|names| names.get(column)).map(|name| super::words::cut(name.trim()));
        match name {
            Some(name) if self == Self::Json => format!("field {name:?}"),
            Some(name) if !name.is_empty() => format!("column {} {name:?}", column + 1),
            _ => format!("column {}", column + 1),
        }
    }

    /// Columns in words, with their names.
    pub(super) fn place_words(self, place: Place, names: Option<&Row>) -> String {
        let time = self.column_words(place.time, names);
        match place.date {
            None => time,
            Some(date) => format!("{} and {time}", self.column_words(date, names)),
        }
    }
}

/// Where the time is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// The column of the date, where it is another one.
    pub(super) date: Option<usize>,
    pub(super) time: usize,
}

impl Place {
    /// Whether it is the first column alone, which nothing before it can shift.
    pub(super) fn is_first(self) -> bool {
        self.time == 0 && self.date.is_none()
    }

    /// What is read as a time.
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
    /// Several if they cannot be told apart.
    pub(super) formats: Vec<TimeFormat>,
    /// The time of each row in the first of them.
    pub(super) times: Vec<Option<u64>>,
}

impl Candidate {
    /// Finds how the times are written at a place; `None` where most of them are no times.
    pub(super) fn at(place: Place, name: NameClass, rows: &[Row], options: &TableOptions) -> Option<Self> {
        let texts = place.texts(rows);
        let mut formats = possible_formats(&texts, options);
        let hits = |format: &TimeFormat| texts.iter().filter(|text| format.parse(text).is_some()).count();
        formats.sort_by_cached_key(|format| std::cmp::Reverse(hits(format)));
        let best = formats.first_mut()?;
        let mut times: Vec<_> = texts.iter().map(|text| best.parse(text)).collect();
        let filled = texts.iter().filter(|text| !text.is_empty()).count();
        let read = times.iter().flatten().count();
        if read == 0 || (read * 2 < filled && TimeFormat::given(options).is_none()) {
            return None;
        }
        best.check_unit(&times);
        let best = best.clone();
        formats.retain(|format| *format == best || rivals(&texts, &times, format, filled));
        // One of two rows is no rule.
        if formats.len() == 1 && filled > 1 && read * 2 == filled && TimeFormat::given(options).is_none() {
            return None;
        }
        if formats.len() == 1 {
            times = texts.iter().map(|text| best.parse(text)).collect();
        }
        Some(Self { place, name, formats, times })
    }

    pub(super) fn format(&self) -> &TimeFormat {
        // One is always there.
        &self.formats[0]
    }

    /// Whether it has the time of day.
    ///
    /// Programs write a date as its midnight: where all times are one, they are dates.
    pub(super) fn is_full(&self) -> bool {
        let has_clock = self.place.date.is_some() || self.format().is_number() || !self.is_midnight();
        has_clock && !self.format().is_date_only()
    }

    /// Whether the times never go back, or never go on.
    pub(super) fn is_ordered(&self) -> bool {
        let times: Vec<u64> = self.times.iter().flatten().copied().collect();
        times.is_sorted() || times.is_sorted_by(|a, b| a >= b)
    }

    pub(super) fn varies(&self) -> bool {
        let mut times = self.times.iter().flatten();
        times.next().is_some_and(|first| times.any(|time| time != first))
    }

    /// Whether each row has another time.
    pub(super) fn is_distinct(&self) -> bool {
        let mut times: Vec<u64> = self.times.iter().flatten().copied().collect();
        let all = times.len();
        times.sort_unstable();
        times.dedup();
        times.len() == all
    }

    /// Whether the times of both are the same, but for what the other one leaves out of each.
    pub(super) fn agrees_with_finer(&self, finer: &Self) -> bool {
        let pairs = || self.times.iter().zip(&finer.times).filter_map(|(a, b)| Some(((*a)?, (*b)?)));
        let grid = [60_000_000_000, 1_000_000_000, 1_000_000, 1000, 1]
            .into_iter()
            .find(|grid| self.times.iter().flatten().all(|time| time.is_multiple_of(*grid)));
        let grid = grid.unwrap_or(1);
        let is_same_row = |(a, b): (&Option<u64>, &Option<u64>)| a.is_some() == b.is_some();
        self.times.iter().zip(&finer.times).all(is_same_row)
            && pairs().all(|(coarse, fine)| fine / grid * grid == coarse && fine - coarse < 1_000_000_000)
    }
}

/// A date and a time of day as one text.
pub(super) fn joined(date: &str, time: &str) -> String {
    format!("{} {}", without_midnight(date.trim()), time.trim())
}

/// A date that is written as its midnight, without that.
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
    let wants_rfc3339 = options.time_unit == Some(TimeUnit::Rfc3339);
    let mut formats = Vec::new();
    for format in texts.iter().flat_map(|text| TimeFormat::readings(text, sign)) {
        if !formats.contains(&format) && (!wants_rfc3339 || format.is_rfc3339()) {
            formats.push(format);
        }
    }
    formats
}

/// Whether a format may be meant instead: it fits rows that the best one does not, or all of them with other times.
fn rivals(texts: &[String], times: &[Option<u64>], format: &TimeFormat, filled: usize) -> bool {
    let read: Vec<_> = texts.iter().map(|text| format.parse(text)).collect();
    let fits_others = read.iter().zip(times).filter(|(read, time)| read.is_some() && time.is_none()).count();
    let covers = read.iter().zip(times).all(|(read, time)| read.is_some() || time.is_none());
    let is_same = read.iter().zip(times).all(|(read, time)| read == time || time.is_none());
    let is_many = fits_others > 0 && fits_others * OTHERS_MAX >= filled;
    is_many || (covers && !is_same)
}
