//! The options of tables.

use clap::Args;

/// The unit or format of a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum TimeUnit {
    /// Seconds since 1970.
    S,
    /// Milliseconds since 1970.
    Ms,
    /// Microseconds since 1970.
    Us,
    /// Nanoseconds since 1970.
    Ns,
    /// Date and time; UTC if there is no offset.
    Rfc3339,
}

/// Whether the first row holds the names of the columns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Header {
    /// The first row names the columns.
    Yes,
    /// The first row is data.
    No,
}

/// A column that the user names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Column {
    /// By its number, counted from 1.
    Number(usize),
    /// By its name in the header.
    Name(String),
}

/// The options of tables. They take precedence over what the file looks like.
#[derive(Args, Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct TableOptions {
    /// CSV: column of the time, by name or number from 1 [default: found and printed]
    #[arg(long, value_name = "COLUMN", value_parser = column)]
    pub(crate) time_column: Option<Column>,
    /// CSV: column of the date, if the time column has only the time of day
    #[arg(long, value_name = "COLUMN", value_parser = column)]
    pub(crate) date_column: Option<Column>,
    /// JSON: field of the time; dots lead into inner objects [default: found among the outer fields]
    #[arg(long, value_name = "NAME")]
    pub(crate) time_field: Option<String>,
    /// CSV, JSON: unit or format of the time [default: found]
    #[arg(long, value_enum, value_name = "UNIT")]
    pub(crate) time_unit: Option<TimeUnit>,
    /// CSV, JSON: format of the time for strftime, such as "%d.%m.%Y %H:%M:%S%.f"; UTC without %z; with --date-column,
    /// it covers the date, a space and the time
    #[arg(long, value_name = "FORMAT", conflicts_with = "time_unit", value_parser = time_format)]
    pub(crate) time_format: Option<String>,
    /// CSV: separator of the cells: one character, tab or space [default: found]
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter, allow_hyphen_values = true)]
    pub(crate) delimiter: Option<u8>,
    /// CSV: skip this many lines at the start
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) skip_rows: u64,
    /// CSV: whether the first row names the columns [default: found]
    #[arg(long, value_enum)]
    pub(crate) header: Option<Header>,
    /// CSV: numbers have a decimal comma
    #[arg(long)]
    pub(crate) decimal_comma: bool,
    /// How much of the text may choose how it is read; `None` for as much as is looked at.
    #[arg(skip)]
    pub(crate) head_bytes: Option<u64>,
}

impl TableOptions {
    /// Returns the first given option that only CSV has.
    pub(crate) fn csv_option(&self) -> Option<&'static str> {
        let given = [
            (self.time_column.is_some(), "--time-column"),
            (self.date_column.is_some(), "--date-column"),
            (self.delimiter.is_some(), "--delimiter"),
            (self.skip_rows > 0, "--skip-rows"),
            (self.header.is_some(), "--header"),
            (self.decimal_comma, "--decimal-comma"),
        ];
        given.into_iter().find(|(is_given, _)| *is_given).map(|(_, option)| option)
    }

    /// Returns the given option for the unit or format of times.
    pub(crate) fn time_option(&self) -> Option<&'static str> {
        let format = self.time_format.as_ref().map(|_| "--time-format");
        self.time_unit.map(|_| "--time-unit").or(format)
    }

    /// Names options that contradict each other.
    pub(crate) fn check(&self) -> Option<&'static str> {
        let is_named = |column: &Option<Column>| matches!(column, Some(Column::Name(_)));
        let names = is_named(&self.time_column) || is_named(&self.date_column);
        let counts = !matches!(self.time_unit, None | Some(TimeUnit::Rfc3339));
        if names && self.header == Some(Header::No) {
            return Some("a column cannot be named with --header no; give its number");
        }
        if self.date_column.is_some() && counts {
            return Some(
                "--date-column needs a time of day, not a unit; give --time-format instead of --time-unit",
            );
        }
        if self.decimal_comma && self.delimiter == Some(b',') {
            return Some(
                "--decimal-comma: the comma cannot also separate the cells; give another --delimiter",
            );
        }
        None
    }
}

fn column(text: &str) -> Result<Column, String> {
    match text.parse::<usize>() {
        Ok(0) => Err("columns are counted from 1".into()),
        Ok(number) => Ok(Column::Number(number)),
        Err(_) => Ok(Column::Name(text.into())),
    }
}

fn time_format(text: &str) -> Result<String, String> {
    match super::strftime::is_strftime(text) {
        true => Ok(text.into()),
        false => Err(
            "expected a format of strftime that has the date, and is known here, as \"%d.%m.%Y %H:%M:%S%.f\""
                .into(),
        ),
    }
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text {
        "tab" | "\\t" => Ok(b'\t'),
        "space" => Ok(b' '),
        _ => match text.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n') => Ok(*byte),
            _ => Err("expected one ASCII character that is no quote, tab, or space".into()),
        },
    }
}
