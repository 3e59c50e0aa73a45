//! Random tables: each row becomes an event whose fields decode to the values of its cells, or it is reported as lost.
//! Rows with too few or too many cells are among them, and columns that have no value in the first rows.
//!
//! `RINGLOG_TYPED_TABLES` sets how many, 2,000 by default.

use std::fmt::Write as _;
use std::path::Path;

use super::{EventType, TypedFeed};
use crate::dice::Dice;
use crate::feed::{FeedError, Next};
use crate::import::table::{ChosenFeed, JsonFeed, TableFeed, TableOptions};
use crate::terminal::signals::Stop;
use ringlog::schema::{Schema, SchemaSet, Value};

const TABLES: u64 = 2000;
const SECOND: u64 = 1_000_000_000;

/// What the cells of a column are made of.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Content {
    Small,
    Signed,
    Large,
    Huge,
    Price {
        digits: u32,
    },
    Float,
    Bool,
    Side,
    Symbol,
    Text,
    Id,
    Nothing,
    /// No values before this row, then numbers.
    Late {
        first_row: u64,
    },
}

impl Content {
    fn roll(dice: &mut Dice) -> Self {
        let (digits, first_row) = (dice.below(12), dice.below(30));
        dice.pick(&[
            Self::Small,
            Self::Signed,
            Self::Large,
            Self::Huge,
            Self::Price { digits },
            Self::Price { digits: 2 },
            Self::Float,
            Self::Bool,
            Self::Side,
            Self::Symbol,
            Self::Text,
            Self::Id,
            Self::Nothing,
            Self::Late { first_row },
        ])
    }

    fn cell(self, dice: &mut Dice, row: u64) -> String {
        match self {
            Self::Late { first_row } if row < first_row => dice.pick(&["", "NA", "nan"]).into(),
            Self::Late { .. } => dice.below(2000).to_string(),
            Self::Small => dice.below(2000).to_string(),
            Self::Signed => (dice.next().cast_signed() >> dice.below(64)).to_string(),
            Self::Large => (dice.next() >> 1).to_string(),
            Self::Huge => dice.next().to_string(),
            Self::Price { digits } => {
                let sign = if dice.one_in(5) { "-" } else { "" };
                let fraction = dice.below(10_u64.pow(digits));
                let whole = dice.below(100_000);
                match digits {
                    0 => format!("{sign}{whole}"),
                    _ if dice.one_in(6) => format!("{sign}{whole}"),
                    _ => format!("{sign}{whole}.{fraction:0width$}", width = digits as usize),
                }
            }
            Self::Float => match dice.below(3) {
                0 => format!("{:e}", f64::from_bits(dice.next() & 0x3FFF_FFFF_FFFF_FFFF)),
                1 => format!("{}", f64::from(dice.next() as u32) / 1024.0),
                _ => format!("{}e-{}", dice.below(1000), dice.below(12)),
            },
            Self::Bool => dice.pick(&["true", "false", "True", "FALSE"]).into(),
            Self::Side => dice.pick(&["buy", "sell"]).into(),
            Self::Symbol => format!("SYM{}", dice.below(40)),
            Self::Text => {
                let words =
                    ["plain", "größe", "a \"b\"", "x,y;z", "two\nlines", " edges ", "007", "-", "null", "1"];
                (0..=dice.below(3)).map(|_| dice.pick(&words)).collect()
            }
            Self::Id => format!("0{:09}", dice.below(1_000_000_000)),
            Self::Nothing => String::new(),
        }
    }
}

struct Case {
    names: Vec<String>,
    /// By row: the time and the cells.
    rows: Vec<(u64, Vec<String>)>,
    /// By row: how many cells are written, with the time, if these are too few or too many.
    wrong_widths: Vec<Option<usize>>,
    delimiter: char,
    time_at: usize,
    sample_rows: u64,
    is_json: bool,
}

impl Case {
    fn roll(seed: u64) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0xA24B_AED4_963E_E407));
        let contents: Vec<Content> = (0..=dice.below(7)).map(|_| Content::roll(&mut dice)).collect();
        let holes: Vec<bool> = contents.iter().map(|_| dice.one_in(4)).collect();
        let names = [" price (USD)", "qty", "qty", "größe", "1st", "tail", "type", "len", "x", "sequence"];
        let sample_rows = dice.pick(&[4, 10, 1000]);
        let (mut time, mut rows) = (1_600_000_000 * SECOND, Vec::new());
        for row in 0..1 + dice.below(40) {
            time += dice.below(3) * SECOND;
            let cell = |(content, has_holes): (&Content, &bool)| match *has_holes && dice.one_in(5) {
                true => dice.pick(&["", "", "NA", "nan"]).into(),
                // Later rows may hold something else.
                false if dice.one_in(60) => Content::Text.cell(&mut dice, row),
                false => content.cell(&mut dice, row),
            };
            let mut cell = cell;
            let cells = contents.iter().zip(&holes).map(&mut cell).collect();
            rows.push((time, cells));
        }
        let is_json = dice.one_in(3);
        // A line of JSON has any number of fields.
        let is_damaged = !is_json && dice.one_in(3);
        let cells = contents.len() + 1;
        let wrong_width = |_: &_| {
            let width = 1 + dice.below(cells + 2);
            Some(width).filter(|&width| is_damaged && width != cells && dice.one_in(8))
        };
        let wrong_widths = rows.iter().map(wrong_width).collect();
        // Fields of JSON have different names.
        let name = |at: usize| if is_json { format!("{}{at}", names[at]) } else { names[at].into() };
        let shift = dice.below(3) as usize;
        Self {
            names: (0..contents.len()).map(|at| name(at + shift)).collect(),
            rows,
            wrong_widths,
            delimiter: dice.pick(&[',', ';', '\t']),
            time_at: dice.below(contents.len() as u64 + 1) as usize,
            sample_rows,
            is_json,
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        if !self.is_json {
            self.write_row("when_time", &self.names, None, &mut text);
        }
        for ((time, cells), wrong_width) in self.rows.iter().zip(&self.wrong_widths) {
            let time = (time / SECOND).to_string();
            if self.is_json {
                self.write_json(&time, cells, &mut text)
            } else {
                self.write_row(&time, cells, *wrong_width, &mut text)
            }
        }
        text
    }

    fn write_row(&self, time: &str, cells: &[String], wrong_width: Option<usize>, text: &mut String) {
        let quoted = |cell: &String| match cell.contains([self.delimiter, '"', '\n']) {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell.clone(),
        };
        let mut cells: Vec<String> = cells.iter().map(quoted).collect();
        cells.insert(self.time_at, time.into());
        if let Some(width) = wrong_width {
            cells.resize(width, "x".into());
            // An empty line is no row.
            if cells == [""] {
                cells[0].push('x');
            }
        }
        writeln!(text, "{}", cells.join(&self.delimiter.to_string())).unwrap();
    }

    /// Numbers and truth values are written as such in one of two rows.
    fn write_json(&self, time: &str, cells: &[String], text: &mut String) {
        let mut fields = vec![format!("\"when_time\":{time}")];
        for (name, cell) in self.names.iter().zip(cells) {
            let is_json = serde_json::from_str::<serde_json::Value>(cell)
                .is_ok_and(|value| value.is_number() || value.is_boolean());
            let value = match cell.as_str() {
                "" if name.len() % 2 == 0 => continue,
                "" => "null".into(),
                cell if is_json && time.ends_with(['0', '2', '4', '6', '8']) => cell.into(),
                cell => serde_json::json!(cell).to_string(),
            };
            fields.push(format!("{}:{value}", serde_json::json!(name)));
        }
        writeln!(text, "{{{}}}", fields.join(",")).unwrap();
    }
}

/// A decimal number as its sign, its digits without zeros around them, and the power of ten of the last one.
fn parts(text: &str) -> Option<(bool, String, i64)> {
    let (text, exponent) = match text.split_once(['e', 'E']) {
        Some((text, exponent)) => (text, exponent.parse().ok()?),
        None => (text, 0),
    };
    let (is_negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let short = digits.trim_end_matches('0');
    let power: i64 = exponent - fraction.len() as i64 + (digits.len() - short.len()) as i64;
    let short = short.trim_start_matches('0');
    Some(if short.is_empty() { (false, String::new(), 0) } else { (is_negative, short.into(), power) })
}

fn is_equal(value: &Value<'_>, cell: &str) -> bool {
    match value {
        Value::Text(text) => *text == cell,
        Value::Label { name, .. } => *name == cell,
        Value::Bool(value) => cell.eq_ignore_ascii_case(&value.to_string()),
        Value::Float(float) if float.is_nan() => {
            ["", "na", "nan", "null", "-"].contains(&&*cell.to_ascii_lowercase())
        }
        Value::Float(float) => cell.parse() == Ok(*float) && parts(&format!("{float:e}")) == parts(cell),
        Value::Unsigned(_) | Value::Signed(_) | Value::Decimal(_) => {
            parts(cell).is_some() && parts(&value.to_string()) == parts(cell)
        }
        _ => false,
    }
}

/// Reads all rows of a case, and compares each with its event. Returns the numbers of events and of lost rows.
fn check(case: &Case, feed: &mut impl ChosenFeed) -> (usize, usize) {
    let list = feed.schemas();
    let mut set = SchemaSet::new();
    set.add_type(7, list.of_type(7).unwrap());
    let schema: &Schema = set.by_number(7).unwrap_or_else(|| panic!("{:?}", set.unreadable().next()));
    assert_eq!(schema.name(), "table");
    let (mut payload, mut events, mut lost) = (Vec::new(), 0, 0);
    loop {
        let row = case.rows.get(events + lost);
        match feed.next_event(&mut payload).unwrap() {
            Next::Event { timestamp, event_type } => {
                let (time, cells) = row.unwrap();
                assert_eq!(case.wrong_widths[events + lost], None, "{}", feed.words());
                assert_eq!((timestamp, event_type), (*time, 7));
                let decoded = schema.decode(&payload).unwrap();
                let values: Vec<Value<'_>> = decoded.cells().collect();
                // The schema lists fields in the order of the columns, and the tail is the last one.
                assert_eq!(values.len(), cells.len(), "{}", schema.to_json());
                for (value, cell) in values.iter().zip(cells) {
                    assert!(is_equal(value, cell), "{value:?} of {cell:?}, {}", schema.to_json());
                }
                events += 1;
            }
            Next::Lost(loss) => {
                let what = loss.skip.unwrap().what;
                let is_wrong = case.wrong_widths[events + lost].is_some();
                let is_explained = match is_wrong {
                    true => ["row of ", "row without column", "row whose time"]
                        .iter()
                        .any(|why| what.contains(why)),
                    false => what.contains("--schema FILE"),
                };
                assert!(is_explained && what.contains("line"), "{what}");
                lost += 1;
            }
            Next::End => break,
            Next::Idle | Next::Kept(_) | Next::Described(_) => panic!("a file is never idle, and no log"),
        }
    }
    assert_eq!(events + lost, case.rows.len());
    (events, lost)
}

fn import(case: &Case, path: &Path) -> (usize, usize) {
    std::fs::write(path, case.text()).unwrap();
    let event_type = EventType::Inferred { number: 7, name: "table".into() };
    let options = TableOptions {
        time_unit: Some(crate::import::table::options::TimeUnit::S),
        ..TableOptions::default()
    };
    let (stop, rows) = (Stop::default(), case.sample_rows);
    if case.is_json {
        let options = TableOptions { time_field: Some("when_time".into()), ..options };
        let feed = JsonFeed::open(path, 0, &options).unwrap();
        // A field that no row of the sample has is in no schema, so a row that has it is lost.
        return check_json(case, TypedFeed::with_sample(feed, &event_type, path, &stop, rows).unwrap());
    }
    let options = TableOptions {
        time_column: Some(crate::import::table::options::Column::Number(case.time_at + 1)),
        delimiter: Some(case.delimiter as u8),
        header: Some(crate::import::table::options::Header::Yes),
        ..options
    };
    let feed = TableFeed::open(path, 0, &options);
    let typed = feed.and_then(|feed| TypedFeed::with_sample(feed, &event_type, path, &stop, rows));
    let wrong = case.wrong_widths.iter().flatten().count();
    let mut feed = match typed {
        // Where most rows have too few or too many cells, nobody knows which cell is of which column.
        Err(FeedError::Unclear { .. }) if wrong > 0 => return (0, 0),
        feed => feed.unwrap(),
    };
    let (events, lost) = check(case, &mut feed);
    assert!(lost == wrong || case.sample_rows < case.rows.len() as u64, "{}", feed.words());
    (events, lost)
}

/// Fields of JSON come in the order in which they were first seen: brings the cells of the case into that order.
fn check_json(case: &Case, mut feed: impl ChosenFeed) -> (usize, usize) {
    let words = feed.words();
    let order: Vec<usize> = words
        .lines()
        .filter_map(|line| line.strip_prefix("  field \"")?.split_once("\": "))
        .filter(|(_, what)| !what.starts_with("the time"))
        .map(|(name, _)| case.names.iter().position(|it| it == name).unwrap())
        .collect();
    let rows = case.rows.iter().map(|(time, cells)| {
        let missing = cells.iter().enumerate().any(|(at, cell)| !order.contains(&at) && !cell.is_empty());
        let cells: Vec<String> = order.iter().map(|&at| cells[at].clone()).collect();
        (*time, if missing { vec!["?".into()] } else { cells })
    });
    let ordered = Case {
        names: case.names.clone(),
        rows: rows.collect(),
        wrong_widths: vec![None; case.rows.len()],
        delimiter: case.delimiter,
        time_at: case.time_at,
        sample_rows: case.sample_rows,
        is_json: true,
    };
    check(&ordered, &mut feed)
}

#[test]
fn a_typed_table_decodes_to_the_values_of_its_cells() {
    let tables = std::env::var("RINGLOG_TYPED_TABLES").map_or(TABLES, |tables| tables.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    let (mut events, mut lost) = (0, 0);
    for seed in 0..tables {
        let case = Case::roll(seed);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| import(&case, &path)));
        let counts = result.unwrap_or_else(|_| panic!("table {seed}:\n{}", case.text()));
        (events, lost) = (events + counts.0, lost + counts.1);
    }
    println!("{events} rows of {tables} tables decode exactly, {lost} were lost and reported");
    assert!(lost > 0 && lost * 4 < events, "{lost} of {events}: what reports everything is never wrong");
}
