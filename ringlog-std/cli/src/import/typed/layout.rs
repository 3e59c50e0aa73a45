//! A schema for the columns of a file, by what its first rows hold.
#![forbid(unsafe_code)]

use super::column::{ColumnSample, Guess};
use super::names::{free, identifier};
use super::source::Source;
use ringlog::schema::{Schema, SchemaError};

/// The largest fixed part of a payload.
const SIZE_MAX: usize = 65_535;

/// A schema, and the column of each of its fields.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) schema: Schema,
    /// By field.
    pub(super) columns: Vec<usize>,
    /// The column of the tail.
    pub(super) tail: Option<usize>,
    /// Columns of which no row had a value.
    pub(super) without_values: Vec<usize>,
}

struct Column {
    at: usize,
    name: String,
    guess: Guess,
}

/// Makes a schema for the columns that are not the time.
///
/// # Errors
///
/// Why there is none, and the option that decides.
pub(super) fn infer(
    source: &Source,
    samples: &[ColumnSample],
    rows: u64,
    event_type: u8,
    name: &str,
) -> Result<Layout, String> {
    let places: Vec<usize> = (0..source.names().len()).filter(|&at| !source.is_time(at)).collect();
    let (mut columns, mut names) = (Vec::new(), vec!["tail".to_owned()]);
    for &at in &places {
        let is_last = Some(&at) == places.last();
        let guess = samples[at].guess(rows, is_last).map_err(|bytes| {
            format!(
                "{} has a text of {bytes} bytes, and only the last column may have one of more than 1,000; give --schema FILE \
                 with a text of a fixed length, or move the column to the end",
                source.column_words(at)
            )
        })?;
        let name = free(identifier(&source.names()[at], &format!("column_{}", at + 1)), &names);
        names.push(name.clone());
        columns.push(Column { at, name, guess });
    }
    // The tail of the payload has any length.
    let without_values = places.iter().copied().filter(|&at| samples[at].is_without_values()).collect();
    let tail = columns.pop_if(|last| matches!(last.guess, Guess::Text(_))).map(|last| last.at);
    loop {
        let (json, size) = describe(event_type, name, &columns, tail.is_some());
        if size > SIZE_MAX {
            return Err(format!(
                "the columns take {size} bytes, and an event holds {SIZE_MAX}; give --schema FILE with fewer or shorter ones"
            ));
        }
        match Schema::parse(json.as_bytes()) {
            Ok(schema) => {
                let columns = columns.into_iter().map(|column| column.at).collect();
                return Ok(Layout { schema, columns, tail, without_values });
            }
            // The labels are too long for one META record: the most of them become texts.
            Err(SchemaError::TooLong { .. }) if give_up_labels(&mut columns) => {}
            Err(error) => {
                return Err(format!(
                    "no schema describes its columns ({error}); give --schema FILE with fewer fields"
                ));
            }
        }
    }
}

/// Makes texts of the column with the most labels; `false` if there is none.
fn give_up_labels(columns: &mut [Column]) -> bool {
    let bytes = |column: &Column| match &column.guess {
        Guess::Labels(labels) => labels.iter().map(|label| label.len() + 8).sum(),
        _ => 0,
    };
    match columns.iter_mut().max_by_key(|column| bytes(column)) {
        Some(Column { guess, .. }) => match guess {
            Guess::Labels(labels) => {
                let longest = labels.iter().map(String::len).max().unwrap_or(1);
                *guess = Guess::Text((longest * 2).next_multiple_of(8));
                true
            }
            _ => false,
        },
        None => false,
    }
}

/// Returns the JSON of a schema whose fields have no unused bytes between them, and the size of its fixed part.
fn describe(event_type: u8, name: &str, columns: &[Column], has_tail: bool) -> (String, usize) {
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(alignment(&columns[at].guess)));
    let (mut offsets, mut size) = (vec![0; columns.len()], 0);
    for at in order {
        offsets[at] = size;
        size += bytes(&columns[at].guess);
    }
    let size = size.next_multiple_of(columns.iter().map(|it| alignment(&it.guess)).max().unwrap_or(1));
    let fields: Vec<String> = columns
        .iter()
        .zip(offsets)
        .map(|(column, offset)| {
            format!(r#"{{"name":"{}","offset":{offset},{}}}"#, column.name, kind(&column.guess))
        })
        .collect();
    let tail = if has_tail { "text" } else { "none" };
    let fields = fields.join(",");
    let json = format!(
        r#"{{"type":{event_type},"name":"{name}","size":{size},"fields":[{fields}],"tail":"{tail}"}}"#
    );
    (json, size)
}

fn bytes(guess: &Guess) -> usize {
    match guess {
        Guess::I32 => 4,
        Guess::I64 | Guess::U64 | Guess::Decimal(_) | Guess::F64 => 8,
        Guess::Bool | Guess::Labels(_) => 1,
        Guess::Text(length) => *length,
    }
}

fn alignment(guess: &Guess) -> usize {
    match guess {
        Guess::I64 | Guess::U64 | Guess::Decimal(_) | Guess::F64 => 8,
        Guess::I32 => 4,
        Guess::Bool | Guess::Labels(_) | Guess::Text(_) => 1,
    }
}

fn kind(guess: &Guess) -> String {
    match guess {
        Guess::I32 => r#""kind":"i32""#.into(),
        Guess::I64 => r#""kind":"i64""#.into(),
        Guess::U64 => r#""kind":"u64""#.into(),
        Guess::Decimal(scale) => format!(r#""kind":"i64","scale":{scale}"#),
        Guess::F64 => r#""kind":"f64""#.into(),
        Guess::Bool => r#""kind":"bool""#.into(),
        Guess::Text(length) => format!(r#""kind":"text","length":{length}"#),
        Guess::Labels(labels) => {
            let label =
                |(value, label): (usize, &String)| format!(r#""{value}":{}"#, serde_json::json!(label));
            let labels: Vec<String> = labels.iter().enumerate().map(label).collect();
            format!(r#""kind":"u8","labels":{{{}}}"#, labels.join(","))
        }
    }
}
