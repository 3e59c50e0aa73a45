//! A table in any dialect is read exactly, refused, or read with a report of what is missing; it is never read wrongly
//! without a report.
//!
//! `RINGLOG_TABLES` sets the number of tables.

use std::fmt::Write as _;

use super::options::{Column, Header, TimeUnit};
use super::tests::drain;
use crate::dice::Dice;
use crate::import::table::*;

const TABLES: u64 = 2000;

/// The format of a time in a generated table: its cells, the precision in nanoseconds, and the option for it.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Style {
    Number {
        decimals: u32,
        fraction: u32,
    },
    /// A number with an exponent: all digits of milliseconds, or the first six.
    Exponent {
        is_rounded: bool,
    },
    Strftime {
        format: &'static str,
        given: &'static str,
        grid: u64,
    },
    Split {
        date: &'static str,
        clock: &'static str,
        grid: u64,
    },
}

const MILLI: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;

const STYLES: [Style; 29] = [
    Style::Number { decimals: 0, fraction: 0 },
    Style::Number { decimals: 0, fraction: 3 },
    Style::Number { decimals: 0, fraction: 9 },
    Style::Number { decimals: 3, fraction: 0 },
    Style::Number { decimals: 3, fraction: 3 },
    Style::Number { decimals: 6, fraction: 0 },
    Style::Number { decimals: 9, fraction: 0 },
    Style::Exponent { is_rounded: false },
    Style::Exponent { is_rounded: true },
    strftime("%Y-%m-%d %H:%M:%S%.3f", "%Y-%m-%d %H:%M:%S%.f", MILLI),
    strftime("%Y-%m-%dT%H:%M:%S%.9fZ", "%Y-%m-%dT%H:%M:%S%.fZ", 1),
    strftime("%Y-%m-%dT%H:%M:%S%.6f%:z", "%Y-%m-%dT%H:%M:%S%.f%:z", 1000),
    strftime("%Y-%m-%d %H:%M:%S%.3f %z", "%Y-%m-%d %H:%M:%S%.f %z", MILLI),
    strftime("%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%d %H:%M:%S UTC", SECOND),
    strftime("%Y/%m/%d %H:%M:%S%.3f", "%Y/%m/%d %H:%M:%S%.f", MILLI),
    strftime("%Y.%m.%dD%H:%M:%S%.9f", "%Y.%m.%dD%H:%M:%S%.f", 1),
    strftime("%d.%m.%Y %H:%M:%S%.3f", "%d.%m.%Y %H:%M:%S%.f", MILLI),
    strftime("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", SECOND),
    strftime("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M:%S %p", SECOND),
    strftime("%Y%m%d%H%M%S%3f", "%Y%m%d%H%M%S%3f", MILLI),
    strftime("%Y%m%d%H%M%S", "%Y%m%d%H%M%S", SECOND),
    strftime("%Y%m%d%H%M", "%Y%m%d%H%M", 60 * SECOND),
    strftime("%Y%m%d %H%M%S%3f", "%Y%m%d %H%M%S%3f", MILLI),
    strftime("%d-%b-%Y %H:%M:%S", "%d-%b-%Y %H:%M:%S", SECOND),
    strftime("%d.%m.%y %H:%M:%S", "%d.%m.%y %H:%M:%S", SECOND),
    Style::Split { date: "%Y-%m-%d", clock: "%H:%M:%S%.3f", grid: MILLI },
    Style::Split { date: "%d/%m/%Y", clock: "%I:%M:%S %p", grid: SECOND },
    Style::Split { date: "%Y%m%d", clock: "%H%M%S", grid: SECOND },
    Style::Split { date: "%Y.%m.%d", clock: "%H:%M", grid: 60 * SECOND },
];

const fn strftime(format: &'static str, given: &'static str, grid: u64) -> Style {
    Style::Strftime { format, given, grid }
}

impl Style {
    fn grid(self) -> u64 {
        match self {
            Self::Number { decimals, fraction } => 10_u64.pow(9 - decimals - fraction),
            Self::Exponent { .. } => MILLI,
            Self::Strftime { grid, .. } | Self::Split { grid, .. } => grid,
        }
    }

    /// Returns the cells of a time.
    fn cells(self, time: u64, offset_hours: i8, sign: char) -> Vec<String> {
        let moment = jiff::Timestamp::from_nanosecond(i128::from(time)).unwrap();
        let offset = jiff::tz::Offset::from_hours(offset_hours).unwrap();
        let local = moment.to_zoned(offset.to_time_zone());
        let utc = moment.to_zoned(jiff::tz::TimeZone::UTC);
        match self {
            Self::Number { decimals, fraction } => {
                let unit = 10_u64.pow(9 - decimals);
                let (whole, rest) = (time / unit, time % unit / self.grid());
                let width = usize::try_from(fraction).unwrap();
                vec![if fraction == 0 { whole.to_string() } else { format!("{whole}{sign}{rest:0width$}") }]
            }
            Self::Exponent { is_rounded } => {
                let millis = (time / MILLI).to_string();
                let (first, rest) = millis.split_at(1);
                let kept = if is_rounded { &rest[..5] } else { rest };
                vec![format!("{first}{sign}{kept}E+{}", rest.len())]
            }
            Self::Strftime { format, .. } if format.contains('z') => vec![local.strftime(format).to_string()],
            Self::Strftime { format, .. } => vec![utc.strftime(format).to_string()],
            Self::Split { date, clock, .. } => {
                vec![utc.strftime(date).to_string(), utc.strftime(clock).to_string()]
            }
        }
    }
}

/// Columns that are not the time; some look like one.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Other {
    Price,
    Word,
    /// A number that counts up from here, by one or a little more.
    Id {
        from: u64,
        step: u64,
    },
    Large(u64),
    Expiry,
    Note,
}

impl Other {
    fn roll(dice: &mut Dice) -> Self {
        match dice.below(7) {
            0 | 1 => Self::Price,
            2 => Self::Word,
            3 => {
                let digits = dice.pick(&[9, 10, 13, 16]);
                let from = 10_u64.pow(digits - 1) + dice.below(10_u64.pow(digits - 1));
                Self::Id { from, step: dice.pick(&[1, 1, 3, 50]) }
            }
            4 => Self::Large(10_u64.pow(dice.pick(&[9, 10, 13, 16]))),
            5 => Self::Expiry,
            _ => Self::Note,
        }
    }

    fn name(self, dice: &mut Dice) -> String {
        let names: &[&str] = match self {
            Self::Price => &["price", "bid", "ask", "Px", "px_2023", "2m_px (1-2 3:4)"],
            Self::Word => &["side", "sym", "venue"],
            Self::Id { .. } => &["id", "trade_id", "seq", "order"],
            Self::Large(_) => &["volume", "lifetime", "turnover", "notional"],
            Self::Expiry => &["expiry_date", "settlement_date", "maturity"],
            Self::Note => &["note", "text", "condition"],
        };
        dice.pick(names).into()
    }

    fn cell(self, row: u64, time: u64, dice: &mut Dice, dialect: &Dialect) -> String {
        match self {
            Self::Price => format!("{}{}{:02}", 1000 + dice.below(900), dialect.sign, dice.below(100)),
            Self::Word => dice.pick(&["buy", "sell", "AAA", "x"]).into(),
            Self::Id { from, step } => {
                (from + row * step - if step > 1 { dice.below(step) } else { 0 }).to_string()
            }
            Self::Large(most) => (most / 10 + dice.below(most)).to_string(),
            Self::Expiry => {
                let month =
                    jiff::Timestamp::from_nanosecond(i128::from(time + 86_400 * 40 * SECOND)).unwrap();
                month.to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y-%m-15").to_string()
            }
            Self::Note => {
                let delimiter = char::from(dialect.delimiter);
                match dice.below(5) {
                    0 => format!("\"a{delimiter} \"\"b\"\"\""),
                    1 => "\"two\nlines\"".into(),
                    2 => "5\" disk".into(),
                    _ => "plain".into(),
                }
            }
        }
    }
}

/// Lines before a table; X is replaced by its delimiter.
const HEADS: [&str; 6] =
    ["sep=X\n", "\"sep=X\"\n", "# made 2023-01-01\n", "title\n", "\"Plot 1-2\"\n", "a\n\nb: 5\n"];

#[derive(Debug)]
struct Dialect {
    delimiter: u8,
    sign: char,
    header: bool,
    line_end: &'static str,
    quotes_all: bool,
    style: Style,
    others: Vec<Other>,
    time_at: usize,
    offset_hours: i8,
    /// Lines before the table.
    head: &'static str,
}

impl Dialect {
    fn roll(dice: &mut Dice) -> Self {
        let delimiter = dice.pick(b",,,;;\t|");
        let sign = if delimiter != b',' && dice.one_in(3) { ',' } else { '.' };
        let others: Vec<Other> = (0..dice.below(6)).map(|_| Other::roll(dice)).collect();
        Self {
            delimiter,
            sign,
            header: !dice.one_in(3),
            line_end: dice.pick(&["\n", "\n", "\r\n"]),
            quotes_all: dice.one_in(6),
            style: dice.pick(&STYLES),
            time_at: usize::try_from(dice.below(others.len() as u64 + 1)).unwrap(),
            others,
            offset_hours: dice.pick(&[0, 2, -5]),
            head: if dice.one_in(6) { dice.pick(&HEADS) } else { "" },
        }
    }

    fn row(&self, mut cells: Vec<String>, time: Vec<String>) -> String {
        cells.splice(self.time_at..self.time_at, time);
        let quoted =
            |cell: String| if self.quotes_all && !cell.contains('"') { format!("\"{cell}\"") } else { cell };
        let cells: Vec<String> = cells.into_iter().map(quoted).collect();
        cells.join(&char::from(self.delimiter).to_string())
    }

    fn data_row(&self, number: u64, time: u64, retention_error: Trouble, dice: &mut Dice) -> String {
        let mut cells: Vec<String> = self.others.iter().map(|it| it.cell(number, time, dice, self)).collect();
        let mut times = self.style.cells(time, self.offset_hours, self.sign);
        match (retention_error, cells.last_mut()) {
            (Trouble::Quote(quoted), Some(last)) => *last = quoted.into(),
            (Trouble::Quote(quoted), None) => times[0] = quoted.into(),
            (Trouble::Unit, _) => times[0] += "000",
            (Trouble::Shift | Trouble::None, _) => {}
        }
        let row = self.row(cells, times);
        if retention_error == Trouble::Shift { format!("5{}{row}", char::from(self.delimiter)) } else { row }
    }

    fn header(&self, dice: &mut Dice) -> String {
        let time = match self.style {
            Style::Split { .. } => {
                vec![dice.pick(&["Date", "date", "Day"]).into(), dice.pick(&["Time", "time"]).into()]
            }
            _ => vec![
                dice.pick(&[
                    "time",
                    "timestamp",
                    "ts",
                    "DateTime",
                    "trade_time",
                    "Gmt time",
                    "at",
                    "x",
                    "Time (UTC+00:00)",
                    "time_ms",
                    "Time GMT-05:00",
                ])
                .into(),
            ],
        };
        let names = self.others.iter().map(|other| other.name(dice)).collect();
        self.row(names, time)
    }

    /// Returns some of the options that fit the file.
    fn options(&self, dice: &mut Dice) -> TableOptions {
        let mut options = TableOptions::default();
        if dice.one_in(2) {
            return options;
        }
        let is_split = matches!(self.style, Style::Split { .. });
        if dice.one_in(2) && !self.head.contains('X') {
            options.skip_rows = self.head.lines().count() as u64;
        }
        options.delimiter = dice.one_in(2).then_some(self.delimiter);
        options.decimal_comma = self.sign == ',' && options.delimiter.is_some();
        let said = if self.header { Header::Yes } else { Header::No };
        options.header = dice.one_in(2).then_some(said);
        if dice.one_in(2) {
            options.date_column = is_split.then_some(Column::Number(self.time_at + 1));
            options.time_column = Some(Column::Number(self.time_at + 1 + usize::from(is_split)));
        }
        match self.style {
            _ if dice.one_in(2) => {}
            Style::Strftime { given, .. } => options.time_format = Some(given.into()),
            Style::Number { decimals, .. } => {
                let units = [TimeUnit::S, TimeUnit::Ms, TimeUnit::Us, TimeUnit::Ns];
                options.time_unit = Some(units[usize::try_from(decimals / 3).unwrap()]);
            }
            Style::Exponent { .. } => options.time_unit = Some(TimeUnit::Ms),
            Style::Split { .. } => {}
        }
        options
    }
}

/// A fault in one row of a table.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Trouble {
    None,
    /// A cell with one quote too many.
    Quote(&'static str),
    /// A time in the next finer unit.
    Unit,
    /// One cell too many at the start.
    Shift,
}

impl Trouble {
    fn roll(style: Style, dice: &mut Dice) -> Self {
        let has_unit = matches!(style, Style::Number { fraction: 0, .. });
        match dice.below(16) {
            0 => Self::Quote("\"abc"),
            1 => Self::Quote("\"abc\"\""),
            2 if has_unit => Self::Unit,
            3 => Self::Shift,
            _ => Self::None,
        }
    }
}

/// A table, its rows, and the options to import it.
struct Case {
    text: String,
    rows: Vec<(u64, Vec<u8>)>,
    options: TableOptions,
    dialect: Dialect,
    retention_error: Trouble,
    /// The row with the fault, which may be read nevertheless.
    odd: Option<(u64, Vec<u8>)>,
}

fn case(seed: u64) -> Case {
    let mut dice = Dice(seed.wrapping_mul(0xA24B_AED4_963E_E407));
    let dialect = Dialect::roll(&mut dice);
    let first = dice.pick(&[1_000_000_000, 1_000_000_000, 1_000_000_000, 650_000_000, 20_000_000]);
    let mut time = first * SECOND + dice.below(800_000_000) * SECOND + dice.below(SECOND);
    let (mut text, mut rows, mut odd) = (String::new(), Vec::new(), None);
    let head = dialect.head.replace('X', &char::from(dialect.delimiter).to_string());
    text += &head.replace('\n', dialect.line_end);
    if dialect.header {
        write!(text, "{}{}", dialect.header(&mut dice), dialect.line_end).unwrap();
    }
    let pace = dice.pick(&[SECOND / 1000, SECOND, 60 * SECOND, 86_400 * SECOND]);
    let most = dice.pick(&[3, 12, 40]);
    let count = 1 + dice.below(most);
    let retention_error = if count > 1 { Trouble::roll(dialect.style, &mut dice) } else { Trouble::None };
    let troubled = 1 + dice.below(count);
    for number in 0..count {
        time += if dice.one_in(3) { 0 } else { dice.below(pace) };
        let time = time / dialect.style.grid() * dialect.style.grid();
        let retention_error = if number == troubled { retention_error } else { Trouble::None };
        let row = dialect.data_row(number, time, retention_error, &mut dice);
        write!(text, "{row}{}", dialect.line_end).unwrap();
        if retention_error == Trouble::None {
            rows.push((time, row.into_bytes()));
        } else {
            odd = Some((time, row.into_bytes()));
        }
    }
    let retention_error = if troubled < count { retention_error } else { Trouble::None };
    let options = dialect.options(&mut dice);
    Case { text, rows, options, dialect, retention_error, odd }
}

#[derive(PartialEq, Eq, Debug)]
enum Verdict {
    Exact,
    Refused,
    Told,
}

fn import(case: &Case, path: &Path) -> Verdict {
    std::fs::write(path, &case.text).unwrap();
    let Ok(mut feed) = TableFeed::open(path, 0, &case.options) else { return Verdict::Refused };
    let (rows, losses) = drain(&mut feed);
    if feed.words().contains("rounded in the file") {
        return Verdict::Told;
    }
    if losses.is_empty() {
        let is_right = rows == case.rows && case.retention_error == Trouble::None;
        assert!(
            is_right,
            "{}\n{:?}\n{:?}\n{}",
            feed.words(),
            case.dialect,
            case.options,
            cut_table(&case.text)
        );
        return Verdict::Exact;
    }
    let is_right = rows.iter().all(|row| case.rows.contains(row) || case.odd.as_ref() == Some(row));
    assert!(is_right, "reported, but wrong: {}\n{:?}\n{}", feed.words(), case.dialect, cut_table(&case.text));
    Verdict::Told
}

fn cut_table(text: &str) -> String {
    text.chars().take(600).collect()
}

#[test]
fn a_table_in_any_dialect_is_read_exactly_or_refused() {
    let tables = std::env::var("RINGLOG_TABLES").map_or(TABLES, |tables| tables.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    let mut exact = 0;
    for seed in 0..tables {
        let case = case(seed);
        let verdict = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| import(&case, &path)));
        let verdict = verdict.unwrap_or_else(|_| panic!("table {seed}"));
        exact += u64::from(verdict == Verdict::Exact);
    }
    println!("{exact} of {tables} tables read exactly");
    assert!(exact * 2 > tables, "{exact} of {tables}: what refuses everything is never wrong");
}
