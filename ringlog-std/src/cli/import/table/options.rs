//! What the user says about a table.

use clap::Args;

/// How a time is written.
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
    /// Date and time; UTC where no offset is given.
    Rfc3339,
}

/// Whether the first row holds the names of the columns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Header {
    /// It does.
    Yes,
    /// It is data.
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

/// The options of tables. What is given here is never overruled by what the file looks like.
#[derive(Args, Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct TableOptions {
    /// CSV: the column with the time, by name or counted from 1 [default: found, and printed]
    #[arg(long, value_name = "COLUMN", value_parser = column)]
    pub(crate) time_column: Option<Column>,
    /// CSV: the column with the date, where the time column has only the time of day
    #[arg(long, value_name = "COLUMN", value_parser = column)]
    pub(crate) date_column: Option<Column>,
    /// JSON: the field with the time; dots lead into objects [default: found among the outer fields]
    #[arg(long, value_name = "NAME")]
    pub(crate) time_field: Option<String>,
    /// CSV, JSON: how the time is written [default: found]
    #[arg(long, value_enum, value_name = "UNIT")]
    pub(crate) time_unit: Option<TimeUnit>,
    /// CSV, JSON: how the time is written, as strftime has it: "%d.%m.%Y %H:%M:%S%.f"; UTC without %z. With
    /// --date-column it covers the date, a space and the time
    #[arg(long, value_name = "FORMAT", conflicts_with = "time_unit", value_parser = time_format)]
    pub(crate) time_format: Option<String>,
    /// CSV: what separates the cells: one character, or tab [default: found]
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter, allow_hyphen_values = true)]
    pub(crate) delimiter: Option<u8>,
    /// CSV: lines to leave out at the start
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) skip_rows: u64,
    /// CSV: whether the first row names the columns [default: found]
    #[arg(long, value_enum)]
    pub(crate) header: Option<Header>,
    /// CSV: numbers have a decimal comma
    #[arg(long)]
    pub(crate) decimal_comma: bool,
}

impl TableOptions {
    /// Whether anything was given that only a table of CSV has.
    pub(crate) fn has_csv_options(&self) -> bool {
        let of_json =
            Self { time_field: self.time_field.clone(), time_unit: self.time_unit, ..Self::default() };
        *self != Self { time_format: self.time_format.clone(), ..of_json }
    }

    /// Says which options contradict each other.
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
    match super::format::is_strftime(text) {
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
