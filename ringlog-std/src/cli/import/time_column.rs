//! The column of a table that holds the time, and how it is written there.

use std::str::FromStr;

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

impl TimeUnit {
    /// Nanoseconds since 1970; `None` for what is no such time, or before 1970.
    pub(super) fn parse(self, cell: &str) -> Option<u64> {
        let decimals = match self {
            Self::S => 9,
            Self::Ms => 6,
            Self::Us => 3,
            Self::Ns => 0,
            Self::Rfc3339 => return parse_date(cell.trim()),
        };
        parse_decimal(cell.trim(), decimals)
    }

    /// The unit in which `cell` is a time between 1973 and the 23rd century.
    pub(super) fn guess(cell: &str) -> Option<Self> {
        let cell = cell.trim();
        if let Some(units) = parse_decimal(cell, 0) {
            return match units {
                100_000_000..100_000_000_000 => Some(Self::S),
                100_000_000_000..100_000_000_000_000 => Some(Self::Ms),
                100_000_000_000_000..100_000_000_000_000_000 => Some(Self::Us),
                100_000_000_000_000_000.. => Some(Self::Ns),
                _ => None,
            };
        }
        parse_date(cell).map(|_| Self::Rfc3339)
    }
}

/// A plain decimal number times 10^`decimals`, without rounding on the way; what is finer is cut.
fn parse_decimal(text: &str, decimals: usize) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let kept = fraction.get(..decimals).unwrap_or(fraction);
    let scale = |digits: usize| 10_u64.checked_pow(u32::try_from(digits).ok()?);
    let whole = u64::from_str(whole).ok()?.checked_mul(scale(decimals)?)?;
    let fraction = if kept.is_empty() { 0 } else { u64::from_str(kept).ok()? };
    whole.checked_add(fraction * scale(decimals - kept.len())?)
}

fn parse_date(text: &str) -> Option<u64> {
    let moment = match text.parse::<jiff::Timestamp>() {
        Ok(moment) => moment,
        Err(_) => {
            let civil: jiff::civil::DateTime = text.parse().ok()?;
            civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp()
        }
    };
    u64::try_from(moment.as_nanosecond()).ok()
}

/// How a table is to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Shape {
    pub(super) delimiter: u8,
    pub(super) has_header: bool,
    pub(super) column: usize,
    pub(super) unit: TimeUnit,
}

/// What the user said about the time column.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct TimeOptions {
    /// Its name in the header, or its number counted from 1.
    pub(crate) column: Option<String>,
    /// How the time is written.
    pub(crate) unit: Option<TimeUnit>,
}

const PROBED_ROWS: usize = 20;

/// Finds out how to read a table from its first bytes; an error says what to give instead.
pub(super) fn find_shape(first: &[u8], options: &TimeOptions) -> Result<Shape, String> {
    let delimiter = guess_delimiter(first);
    let rows = probe(first, delimiter);
    let Some((first_row, later_rows)) = rows.split_first() else {
        return Err("no rows".into());
    };
    let has_time = |row: &[String]| row.iter().any(|cell| TimeUnit::guess(cell).is_some());
    let mut has_header = !has_time(first_row);
    let column = match &options.column {
        Some(asked) => {
            let (column, is_name) = named_column(first_row, asked)?;
            has_header |= is_name;
            column
        }
        None => guess_column(first_row, later_rows, has_header)?,
    };
    let sample_row = if has_header { later_rows.first() } else { Some(first_row) };
    let sample = sample_row.and_then(|row| row.get(column)).map_or("", String::as_str);
    let unit = match options.unit.or_else(|| TimeUnit::guess(sample)) {
        Some(unit) => unit,
        None if sample_row.is_none() => TimeUnit::Ns,
        None => return Err(format!("{sample:?} does not tell its unit: give --time-unit")),
    };
    // A first row that reads as data in this unit is data: numbers of ticks are no plausible dates.
    let first_cell = first_row.get(column).map_or("", String::as_str);
    let is_data = options.unit.is_some() && unit.parse(first_cell).is_some();
    Ok(Shape { delimiter, has_header: has_header && !is_data, column, unit })
}

fn probe(first: &[u8], delimiter: u8) -> Vec<Vec<String>> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(first);
    let rows = reader.byte_records().map_while(Result::ok).take(PROBED_ROWS);
    rows.map(|row| row.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect()).collect()
}

fn guess_delimiter(first: &[u8]) -> u8 {
    let line = first.split(|&byte| byte == b'\n').find(|line| !line.is_empty()).unwrap_or_default();
    let count = |delimiter: u8| line.iter().filter(|&&byte| byte == delimiter).count();
    // The last of equals wins, so that a single column is read with commas.
    [b'|', b'\t', b';', b','].into_iter().max_by_key(|&delimiter| count(delimiter)).unwrap_or(b',')
}

/// The column that the user asked for, and whether by its name.
fn named_column(first_row: &[String], asked: &str) -> Result<(usize, bool), String> {
    let by_name = first_row.iter().position(|name| name.trim().eq_ignore_ascii_case(asked));
    if let Some(column) = by_name {
        return Ok((column, true));
    }
    match asked.parse::<usize>() {
        Ok(number @ 1..) if number <= first_row.len() => Ok((number - 1, false)),
        _ => Err(format!("no column {asked:?}; the first row is: {}", first_row.join(", "))),
    }
}

fn guess_column(first_row: &[String], later_rows: &[Vec<String>], has_header: bool) -> Result<usize, String> {
    let data_row = if has_header { later_rows.first() } else { None };
    let data_row = data_row.map_or(first_row, Vec::as_slice);
    let is_time = |at: &usize| data_row.get(*at).is_some_and(|cell| TimeUnit::guess(cell).is_some());
    let sounds_like_time = |at: &usize| {
        let name = first_row.get(*at).map_or(String::new(), |name| name.trim().to_ascii_lowercase());
        ["time", "date", "stamp"].iter().any(|part| name.contains(part)) || ["ts", "t"].contains(&&*name)
    };
    let columns = 0..data_row.len().max(first_row.len());
    let named = columns.clone().find(|at| has_header && sounds_like_time(at) && is_time(at));
    named
        .or_else(|| columns.clone().find(is_time))
        .or_else(|| columns.clone().find(sounds_like_time))
        .ok_or_else(|| {
            let row = first_row.join(", ");
            format!("no time column found: give --time-column and --time-unit; the first row is: {row}")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(table: &str) -> Result<Shape, String> {
        find_shape(table.as_bytes(), &TimeOptions::default())
    }

    fn is(delimiter: u8, has_header: bool, column: usize, unit: TimeUnit) -> Result<Shape, String> {
        Ok(Shape { delimiter, has_header, column, unit })
    }

    #[test]
    fn decimals_are_exact() {
        assert_eq!(TimeUnit::S.parse("1378054800.083"), Some(1_378_054_800_083_000_000));
        assert_eq!(TimeUnit::S.parse("1378054800.1234567891"), Some(1_378_054_800_123_456_789));
        assert_eq!(TimeUnit::Ms.parse("1378054800083"), Some(1_378_054_800_083_000_000));
        assert_eq!(TimeUnit::Us.parse("5.5"), Some(5_500));
        assert_eq!(TimeUnit::Ns.parse(" 7.9 "), Some(7));
        for bad in ["", ".", ".5", "-1", "1e9", "1.2.3", "99999999999999999999", "18446744073709551615"] {
            assert_eq!(TimeUnit::S.parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn dates_with_and_without_offset() {
        let moment = Some(1_378_054_800_083_000_000);
        for text in ["2013-09-01 17:00:00.083", "2013-09-01T17:00:00.083Z", "2013-09-01T19:00:00.083+02:00"] {
            assert_eq!(TimeUnit::Rfc3339.parse(text), moment, "{text}");
        }
        assert_eq!(TimeUnit::Rfc3339.parse("1969-12-31T23:59:59Z"), None);
        assert_eq!(TimeUnit::Rfc3339.parse("soon"), None);
    }

    #[test]
    fn units_by_magnitude() {
        for (cell, unit) in [
            ("1378054800", TimeUnit::S),
            ("1378054800.083", TimeUnit::S),
            ("1378054800083", TimeUnit::Ms),
            ("1378054800083000", TimeUnit::Us),
            ("1378054800083000000", TimeUnit::Ns),
            ("2013-09-01", TimeUnit::Rfc3339),
        ] {
            assert_eq!(TimeUnit::guess(cell), Some(unit), "{cell}");
        }
        assert_eq!(TimeUnit::guess("1640.25"), None);
    }

    #[test]
    fn shapes_of_common_tables() {
        assert_eq!(
            shape("DateTime,Price,Volume\n2013-09-01 17:00:00.083,1640.25,8\n"),
            is(b',', true, 0, TimeUnit::Rfc3339)
        );
        assert_eq!(shape("1378054800083;1640.25\n"), is(b';', false, 0, TimeUnit::Ms));
        assert_eq!(shape("price\tts\n5\t1378054800\n"), is(b'\t', true, 1, TimeUnit::S));
        assert_eq!(shape("\"a,b\",1378054800\n"), is(b',', false, 1, TimeUnit::S));
        assert_eq!(shape("time,price\n"), is(b',', true, 0, TimeUnit::Ns));
    }

    #[test]
    fn what_the_user_says_counts() {
        let say = |column: &str, unit| TimeOptions { column: Some(column.into()), unit };
        let table = b"id,when,price\n1,5,7\n";
        let asked = find_shape(table, &say("WHEN", Some(TimeUnit::Us)));
        assert_eq!(asked, is(b',', true, 1, TimeUnit::Us));
        assert_eq!(find_shape(b"1,5,7\n", &say("2", Some(TimeUnit::S))), is(b',', false, 1, TimeUnit::S));
        assert!(find_shape(table, &say("4", None)).is_err());
        assert!(find_shape(table, &say("when", None)).unwrap_err().contains("--time-unit"));
    }

    #[test]
    fn a_table_without_a_time_says_what_to_give() {
        assert!(shape("a,b\n1,2\n").unwrap_err().contains("--time-column"));
        assert!(shape("").is_err());
    }
}
