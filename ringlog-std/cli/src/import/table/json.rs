//! Lines of JSON, with each line as an event.

use std::fmt;
use std::path::Path;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::choose::{Refusal, Table};
use super::columns::{Candidate, Kind};
use super::encoding::Encoding;
use super::file_columns::Columns;
use super::format::TimeFormat;
use super::options::{Column, TableOptions};
use super::rows::{Found, Layout, RowReader};
use super::sample::Row;
use super::{ChosenFeed, Rows, TableFile};
use crate::feed::{Feed, FeedError, Next};
use crate::import::table::words::cut;
use ringlog::event::GapReason;

const LAYOUT: Layout = Layout { delimiter: 0x1F, line_end: b'\n', is_table: false };
const ROWS_MAX: usize = 1000;
const FIELDS_MAX: usize = 1000;

/// Gives each line as an event, with the time from one of its fields.
#[derive(Debug)]
pub(crate) struct JsonFeed {
    rows: Rows,
    choice: Choice,
}

/// The field of the time, and its format.
#[derive(Debug)]
struct Choice {
    field: Vec<String>,
    /// The field of the date, if it is a separate one.
    date: Option<String>,
    format: TimeFormat,
    first_time: Option<u64>,
}

impl JsonFeed {
    /// Opens a file and finds how to read it.
    pub(crate) fn open(path: &Path, event_type: u8, options: &TableOptions) -> Result<Self, FeedError> {
        let (choice, rows) =
            TableFile::new(path, options.head_bytes).choose(event_type, |text, is_all| {
                let choice = Choice::find(&lines(text, is_all), options).map_err(|problem| {
                    format!("{problem}, or --format lines, which takes the time of the import")
                })?;
                Ok((choice, LAYOUT))
            })?;
        Ok(Self { rows, choice })
    }
}

impl ChosenFeed for JsonFeed {
    fn words(&self) -> String {
        let Choice { field, date, format, first_time } = &self.choice;
        let first = first_time.and_then(crate::terminal::words::rfc3339).unwrap_or_else(|| "none".into());
        let (field, zone) = (field.join("."), format.zone());
        let date = date.as_ref().map_or(String::new(), |date| format!("field {date:?} and "));
        format!("time: {date}field {field:?}; unit: {format}; zone: {zone}; first time: {first}")
    }

    fn put_back(&mut self) {
        self.rows.reader.put_back();
    }

    fn restart(&mut self) -> Result<(), FeedError> {
        self.rows.restart(LAYOUT)
    }

    fn columns(&self) -> Result<Columns, String> {
        let Choice { field, date, .. } = &self.choice;
        // A time inside of an object leaves the object a field.
        let time = field.first().filter(|_| field.len() == 1);
        Ok(Columns::Fields { times: date.iter().chain(time).cloned().collect() })
    }

    fn row_number(&self) -> u64 {
        self.rows.reader.row_number()
    }

    fn head_bytes(&self) -> u64 {
        self.rows.head_bytes
    }

    fn lost(&self, reason: GapReason, time: Option<u64>, what: &str) -> Next {
        self.rows.lost(reason, time, what)
    }
}

impl Feed for JsonFeed {
    fn next_event(&mut self, payload: &mut Vec<u8>) -> Result<Next, FeedError> {
        let choice = &self.choice;
        // Lines of JSON have no comments.
        Ok(self.rows.next(payload, |row| choice.time_of(row))?.unwrap_or(Next::End))
    }

    fn read_bytes(&self) -> u64 {
        self.rows.reader.read_bytes()
    }

    fn leave_unfinished(&mut self) {
        self.rows.leaves_unfinished = true;
    }

    fn notes(&self) -> Vec<String> {
        self.rows.notes()
    }
}

impl Choice {
    fn find(lines: &[Vec<u8>], options: &TableOptions) -> Result<Self, String> {
        let field = options.time_field.as_ref();
        if !lines.iter().any(|line| is_object(line)) {
            return Err(no_object(lines));
        }
        let path = field.map_or(Vec::new(), |field| path_of(field, lines));
        let fields: Vec<Vec<(String, String)>> = match field {
            Some(field) => lines.iter().map(|line| one_field(line, field, &path)).collect(),
            None => lines.iter().map(|line| outer_fields(line)).collect(),
        };
        let (names, rows) = table(&fields);
        let chosen = match field {
            Some(field) if names.is_empty() => Err(Refusal::NoTime(no_field(lines, field))),
            _ => choose(&names, &rows, options),
        };
        let chosen = chosen.map_err(|(Refusal::NoTime(why) | Refusal::Ambiguous(why))| why)?;
        let name = names.get(chosen.place.time).cloned().unwrap_or_default();
        let date = chosen.place.date.and_then(|date| names.get(date).cloned());
        let field = if field.is_some() { path } else { vec![name] };
        let first_time = chosen.times.iter().flatten().next().copied();
        Ok(Self { field, date, format: chosen.format().clone(), first_time })
    }

    fn time_of(&self, line: &[u8]) -> Result<u64, String> {
        let time = value_at(line, &self.field)?;
        let text = match &self.date {
            None => time,
            Some(date) => super::columns::joined(&value_at(line, std::slice::from_ref(date))?, &time),
        };
        let problem = || format!("line whose time is {:?}, not {}", cut(&text), self.format);
        self.format.parse(&text).ok_or_else(problem)
    }
}

fn choose(names: &Row, rows: &[Row], options: &TableOptions) -> Result<Candidate, Refusal> {
    let given = options.time_field.is_some().then_some(Column::Number(1));
    let options = TableOptions { time_column: given, ..options.clone() };
    Table { names: Some(names), rows, options: &options, kind: Kind::Json }.choose()
}

fn no_field(lines: &[Vec<u8>], field: &str) -> String {
    let first = lines.first().map_or("", |line| std::str::from_utf8(line).unwrap_or_default());
    format!(
        "no line has a field {field:?} with a number or a text, the first line is {:?}; give another --time-field",
        cut(first)
    )
}

fn no_object(lines: &[Vec<u8>]) -> String {
    let first = lines.first().map_or("".into(), |line| String::from_utf8_lossy(line));
    format!(
        "no line is one JSON object, the first is {:?}; write one object in each line, as `jq -c .` does (of an array, `jq -c \
         '.[]'`)",
        cut(&first)
    )
}

fn is_object(line: &[u8]) -> bool {
    let mut json = serde_json::Deserializer::from_slice(line);
    Fields(|_, _: &RawValue| ()).deserialize(&mut json).and_then(|()| json.end()).is_ok()
}

fn lines(text: &[u8], is_all: bool) -> Vec<Vec<u8>> {
    let mut reader = RowReader::new(text, LAYOUT, Encoding::Utf8, 0);
    let mut lines = Vec::new();
    while let Ok(Found::Row) = reader.next_row(|_| true) {
        let is_cut = !is_all && reader.read_bytes() == text.len() as u64;
        if is_cut || lines.len() == ROWS_MAX {
            break;
        }
        lines.push(reader.row().to_vec());
    }
    lines
}

/// Returns the names of all fields, and each line as a row of these columns.
fn table(fields: &[Vec<(String, String)>]) -> (Row, Vec<Row>) {
    let mut names = Row::new();
    for (name, _) in fields.iter().flatten() {
        if !names.contains(name) && names.len() < FIELDS_MAX {
            names.push(name.clone());
        }
    }
    let cell = |fields: &[(String, String)], name: &String| {
        let field = fields.iter().find(|(other, _)| other == name);
        field.map_or(String::new(), |(_, value)| value.clone())
    };
    let rows = fields.iter().map(|fields| names.iter().map(|name| cell(fields, name)).collect()).collect();
    (names, rows)
}

/// Returns the names that lead to a field. A name may also contain a dot.
fn path_of(field: &str, lines: &[Vec<u8>]) -> Vec<String> {
    let whole = vec![field.to_owned()];
    let is_name = lines.iter().any(|line| value_at(line, &whole).is_ok());
    if is_name { whole } else { field.split('.').map(Into::into).collect() }
}

fn one_field(line: &[u8], field: &str, path: &[String]) -> Vec<(String, String)> {
    value_at(line, path).map_or(Vec::new(), |value| vec![(field.into(), value)])
}

fn outer_fields(line: &[u8]) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let keep = |name: String, value: &RawValue| {
        if let Some(text) = text_of(value) {
            all.push((name, text));
        }
    };
    let mut json = serde_json::Deserializer::from_slice(line);
    let is_object = Fields(keep).deserialize(&mut json).and_then(|()| json.end()).is_ok();
    if is_object { all } else { Vec::new() }
}

/// Returns the number or text at a path of names.
fn value_at(line: &[u8], path: &[String]) -> Result<String, String> {
    let mut json = std::str::from_utf8(line).map_err(|_| "line that is no UTF-8")?.to_owned();
    for name in path {
        json = field_of(&json, name)?;
    }
    let value: &RawValue = serde_json::from_str(&json).map_err(|_| "line that is no JSON")?;
    text_of(value).ok_or_else(|| format!("line whose field {:?} is no number and no text", path.join(".")))
}

fn field_of(json: &str, name: &str) -> Result<String, String> {
    let mut found = Vec::new();
    let keep = |field: String, value: &RawValue| {
        if field == name {
            found.push(value.get().to_owned());
        }
    };
    let mut text = serde_json::Deserializer::from_str(json);
    let read = Fields(keep).deserialize(&mut text).and_then(|()| text.end());
    read.map_err(|_| "line that is no JSON object")?;
    match found.len() {
        0 => Err(format!("line without a field {name:?}")),
        1 => Ok(found.remove(0)),
        several => Err(format!("line with {several} fields {name:?}")),
    }
}

/// Returns a number as it is written, or the characters of a text.
fn text_of(value: &RawValue) -> Option<String> {
    let json = value.get();
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str(json).ok(),
        b'-' | b'0'..=b'9' => Some(json.into()),
        _ => None,
    }
}

/// Passes each field of an object to a function.
pub(crate) struct Fields<F>(pub(crate) F);

impl<'de, F: FnMut(String, &'de RawValue)> DeserializeSeed<'de> for Fields<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de, F: FnMut(String, &'de RawValue)> Visitor<'de> for Fields<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<(), A::Error> {
        while let Some(name) = fields.next_key::<String>()? {
            let value = fields.next_value::<&RawValue>().map_err(A::Error::custom)?;
            (self.0)(name, value);
        }
        Ok(())
    }
}
