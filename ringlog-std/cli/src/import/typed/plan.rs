//! From the values of a row to the payload of an event.
#![forbid(unsafe_code)]

use std::collections::HashMap;

use super::column::bool_of;
use super::layout::Layout;
use super::number::{Number, exact_float, with_point};
use super::source::Source;
use crate::import::table::{cut, is_missing};
use crate::terminal::words::{counted, grouped};
use ringlog::event::{GapReason, MAX_PAYLOAD};
use ringlog::schema::{Field, Kind, Schema, Tail};

/// Writes rows as events of one type.
#[derive(Debug)]
pub(super) struct Plan {
    schema: Schema,
    source: Source,
    /// By column; `None` for one that is left out.
    targets: Vec<Option<Target>>,
    /// What to do about a row that does not fit.
    remedy: String,
    is_inferred: bool,
    /// Which columns the row has had so far.
    seen: Vec<bool>,
    tail: Vec<u8>,
    /// Columns that were inferred from cells without a value.
    late: Vec<LateColumn>,
}

/// A column without a value in the first rows.
#[derive(Debug)]
struct LateColumn {
    column: usize,
    /// Whether the row has a value for it.
    is_filled: bool,
    /// The number of the first row that has one.
    first_row: Option<u64>,
}

/// Why a row is no event.
#[derive(Debug)]
pub(super) struct Misfit {
    pub(super) reason: GapReason,
    pub(super) what: String,
}

#[derive(Debug)]
enum Target {
    Field { offset: usize, size: usize, form: Form },
    Tail,
}

/// How a text is stored.
#[derive(Debug)]
enum Form {
    Integer {
        least: i128,
        most: i128,
        scale: i8,
        labels: HashMap<String, i128>,
    },
    Float32,
    /// Exact: a number that a float would change does not fit.
    Float64 {
        is_exact: bool,
    },
    Bool,
    Text,
    /// Bytes in hexadecimal digits.
    Bytes,
    /// A moment, as RFC 3339 or as nanoseconds.
    Timestamp,
    /// The time of the event.
    EventTime,
}

impl Plan {
    /// Plans for a schema that was inferred.
    pub(super) fn inferred(source: Source, layout: Layout) -> Result<Self, String> {
        let Layout { schema, columns, tail, without_values } = layout;
        let mut targets = Vec::new();
        targets.resize_with(source.names().len(), || None);
        for (field, column) in schema.fields().iter().zip(columns) {
            targets[column] = Some(Target::field(field, false, true)?);
        }
        if let Some(column) = tail {
            targets[column] = Some(Target::Tail);
        }
        let remedy = "give --schema FILE with a kind that holds it";
        let late = |column| LateColumn { column, is_filled: false, first_row: None };
        let late = without_values.into_iter().map(late).collect();
        Ok(Self { late, ..Self::new(schema, source, targets, remedy.into(), true) })
    }

    /// Plans for a schema that somebody wrote: each field is a column of its name.
    ///
    /// # Errors
    ///
    /// Which field has no column, or cannot be a column, and what to do.
    pub(super) fn given(source: Source, schema: Schema, file: &str) -> Result<Self, String> {
        let mut targets = Vec::new();
        targets.resize_with(source.names().len(), || None);
        for field in schema.fields() {
            let name = field.name();
            let Some(column) = find(&source, name) else {
                let names = cut(&source.names().join(", "));
                return Err(format!(
                    "no column for the field {name:?} of {file}, there are {names}; rename the field, or leave it out"
                ));
            };
            let target = Target::field(field, source.is_time(column), false)
                .map_err(|why| format!("{file}: field {name:?}: {why}"))?;
            if targets[column].replace(target).is_some() {
                return Err(format!(
                    "{file}: two fields are {}; rename one of them",
                    source.column_words(column)
                ));
            }
        }
        if schema.tail() == Tail::Cbor {
            return Err(format!("{file}: a tail of kind cbor is no column; use none, bytes or text"));
        }
        if schema.tail() != Tail::None {
            let is_left = |&at: &usize| targets[at].is_none() && !source.is_time(at);
            let last = (0..targets.len()).rfind(is_left);
            let column = find(&source, "tail").filter(is_left).or(last).ok_or_else(|| {
                format!("{file}: no column is left for the tail; write \"tail\":\"none\", or remove a field")
            })?;
            targets[column] = Some(Target::Tail);
        }
        let remedy = format!("change its kind in {file}, or correct the row");
        Ok(Self::new(schema, source, targets, remedy, false))
    }

    fn new(
        schema: Schema,
        source: Source,
        targets: Vec<Option<Target>>,
        remedy: String,
        is_inferred: bool,
    ) -> Self {
        let (seen, tail) = (vec![false; targets.len()], Vec::new());
        Self { schema, source, targets, remedy, is_inferred, seen, tail, late: Vec::new() }
    }

    pub(super) const fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Returns a line for each column.
    pub(super) fn words(&self) -> Vec<String> {
        let line = |column: usize| {
            let name = self.source.column_words(column);
            let what = match &self.targets[column] {
                Some(Target::Tail) => format!("{}, the tail", self.schema.tail().name()),
                Some(Target::Field { offset, .. }) => {
                    let field = self.schema.fields().iter().find(|field| field.offset() == *offset);
                    field.map_or(String::new(), |field| format!("{} {}", field.name(), kind_words(field)))
                }
                None if self.source.is_time(column) => "the time of the event".into(),
                None => "left out".into(),
            };
            let is_late = self.late.iter().any(|it| it.column == column);
            let why = if is_late { ", as none of these rows has a value for it" } else { "" };
            format!("  {name}: {what}{why}")
        };
        (0..self.targets.len()).map(line).collect()
    }

    /// Notes which columns have their first value in the row that was written last, and the number of that row.
    pub(super) fn note_values(&mut self, row_number: u64) {
        for late in self.late.iter_mut().filter(|it| it.is_filled) {
            late.first_row.get_or_insert(row_number);
        }
    }

    /// Returns a note for each column whose kind was inferred from no value, if it had one later.
    pub(super) fn notes(&self) -> Vec<String> {
        let note = |late: &LateColumn| {
            let (column, row) = (self.source.column_words(late.column), grouped(late.first_row?));
            Some(format!(
                "{column} is text, as none of the first rows has a value for it, and line {row} has one; if its values are \
                 numbers, import the file with --schema FILE"
            ))
        };
        self.late.iter().filter_map(note).collect()
    }

    /// Writes a row as the payload of an event.
    pub(super) fn encode(&mut self, row: &[u8], time: u64, payload: &mut Vec<u8>) -> Result<(), Misfit> {
        let not_readable = |what| Misfit { reason: GapReason::NotReadable, what };
        payload.clear();
        payload.resize(self.schema.size(), 0);
        self.tail.clear();
        self.seen.fill(false);
        let decimal_comma = self.source.has_decimal_comma();
        let Self { source, targets, seen, tail, remedy, is_inferred, late, .. } = self;
        late.iter_mut().for_each(|it| it.is_filled = false);
        let mut put = |column: usize, text: &str| {
            if let Some(late) = late.iter_mut().find(|it| it.column == column) {
                late.is_filled = !is_missing(text);
            }
            let Some(target) = &targets[column] else { return Ok(()) };
            target.put(&Cell { text, decimal_comma, time }, payload, tail).map_err(|why| {
                format!("row whose {} holds {:?}, {why}; {remedy}", source.column_words(column), cut(text))
            })
        };
        let all = source.each(row, |column, text| match column {
            Err(_) if !*is_inferred && source.is_json() => Ok(()),
            Err(new) => Err(format!("row with {new}, which the first rows do not have; give --schema FILE")),
            Ok(column) if std::mem::replace(&mut seen[column], true) => {
                Err(format!("line with {} twice", source.column_words(column)))
            }
            Ok(column) => put(column, text),
        });
        all.map_err(not_readable)?;
        for (column, _) in seen.iter().enumerate().filter(|(_, is_seen)| !**is_seen) {
            put(column, "").map_err(not_readable)?;
        }
        payload.append(tail);
        if payload.len() > MAX_PAYLOAD {
            let what = format!("{} bytes, an event holds {MAX_PAYLOAD}", payload.len());
            return Err(Misfit { reason: GapReason::TooLong, what });
        }
        Ok(())
    }
}

/// Returns the column with this name, else the one whose name becomes this one as a field.
fn find(source: &Source, name: &str) -> Option<usize> {
    let position = |is_it: &dyn Fn(&str) -> bool| source.names().iter().position(|it| is_it(it.trim()));
    position(&|it| it == name)
        .or_else(|| position(&|it| it.eq_ignore_ascii_case(name)))
        .or_else(|| position(&|it| super::names::identifier(it, "").eq_ignore_ascii_case(name)))
}

fn kind_words(field: &Field) -> String {
    let format = field.format();
    let labels = format.labels().count();
    match format.kind() {
        Kind::Text { length } => format!("text of at most {length} bytes"),
        Kind::Bytes { length } => format!("bytes, {length} of them"),
        kind if labels > 0 => format!("{} with {}", kind.name(), counted(labels as u64, "label")),
        kind if format.scale() != 0 => format!("{} with scale {}", kind.name(), format.scale()),
        kind => kind.name().into(),
    }
}

/// A value of a row.
struct Cell<'a> {
    text: &'a str,
    decimal_comma: bool,
    /// That of the event.
    time: u64,
}

impl Target {
    fn field(field: &Field, is_time: bool, is_exact: bool) -> Result<Self, String> {
        let format = field.format();
        let form = match format.kind() {
            Kind::F32 => Form::Float32,
            Kind::F64 => Form::Float64 { is_exact },
            Kind::Bool => Form::Bool,
            Kind::Text { .. } => Form::Text,
            Kind::Bytes { .. } => Form::Bytes,
            Kind::Timestamp if is_time => Form::EventTime,
            Kind::Timestamp => Form::Timestamp,
            kind => match kind.integer_range() {
                Some((least, most)) => {
                    let labels = format.labels().map(|(value, name)| (name.to_owned(), value)).collect();
                    Form::Integer { least, most, scale: format.scale(), labels }
                }
                None => {
                    return Err(format!(
                        "of kind {}, and a column holds one value; use another kind",
                        kind.name()
                    ));
                }
            },
        };
        Ok(Self::Field { offset: field.offset(), size: format.kind().size(), form })
    }

    /// Stores a value; an error says why it does not fit.
    fn put(&self, cell: &Cell<'_>, payload: &mut [u8], tail: &mut Vec<u8>) -> Result<(), String> {
        match self {
            Self::Tail => tail.extend_from_slice(cell.text.as_bytes()),
            Self::Field { offset, size, form } => {
                form.put(cell, &mut payload[*offset..offset + size])?;
            }
        }
        Ok(())
    }
}

impl Form {
    fn put(&self, cell: &Cell<'_>, bytes: &mut [u8]) -> Result<(), String> {
        let text = cell.text;
        let decimal = || with_point(text.trim(), cell.decimal_comma).unwrap_or_default();
        let none = |kind: &str| Err(format!("which is no {kind}"));
        match self {
            Self::Integer { least, most, scale, labels } => {
                let value = integer(text, &decimal(), *scale, labels)?;
                if !(*least..=*most).contains(&value) {
                    let scale = if *scale == 0 { String::new() } else { format!(" times 1e{scale}") };
                    return Err(format!("which is not from {least} to {most}{scale}"));
                }
                bytes.copy_from_slice(&value.to_le_bytes()[..bytes.len()]);
            }
            Self::Float32 | Self::Float64 { .. } if is_missing(text) => self.put_float(f64::NAN, bytes),
            Self::Float64 { is_exact: true } => match exact_float(&decimal()) {
                Some(float) => self.put_float(float, bytes),
                None => return none("f64 without rounding"),
            },
            Self::Float32 | Self::Float64 { .. } => match decimal().parse::<f64>() {
                Ok(float) if self.becomes_infinite(float) => return none("f32"),
                Ok(float) => self.put_float(float, bytes),
                Err(_) => return none("number"),
            },
            Self::Bool => match bool_of(text.trim()) {
                Some(value) => bytes[0] = u8::from(value),
                None => return none("bool"),
            },
            Self::Text if text.len() > bytes.len() => {
                return Err(format!(
                    "{}, and the field has room for {}",
                    counted(text.len() as u64, "byte"),
                    bytes.len()
                ));
            }
            Self::Text if text.contains('\0') => {
                return Err("which has a zero byte, where a text ends".into());
            }
            Self::Text => bytes[..text.len()].copy_from_slice(text.as_bytes()),
            Self::Bytes => put_hexadecimal(text, bytes)?,
            Self::Timestamp => match timestamp(text) {
                Some(moment) => bytes.copy_from_slice(&moment.to_le_bytes()),
                None => return none("moment of RFC 3339 and no number of nanoseconds"),
            },
            Self::EventTime => bytes.copy_from_slice(&cell.time.to_le_bytes()),
        }
        Ok(())
    }

    /// Returns whether a number is too large for a field of 32 bits.
    fn becomes_infinite(&self, float: f64) -> bool {
        matches!(self, Self::Float32) && float.is_finite() && (float as f32).is_infinite()
    }

    /// Stores a number; a field of 32 bits takes the nearest one.
    fn put_float(&self, float: f64, bytes: &mut [u8]) {
        match self {
            Self::Float32 => bytes.copy_from_slice(&(float as f32).to_le_bytes()),
            _ => bytes.copy_from_slice(&float.to_le_bytes()),
        }
    }
}

/// Returns the integer that is stored for a text, which is also given with a decimal point.
fn integer(text: &str, decimal: &str, scale: i8, labels: &HashMap<String, i128>) -> Result<i128, String> {
    if let Some(value) = labels.get(text) {
        return Ok(*value);
    }
    let number = Number::parse(decimal).and_then(|number| number.scaled(scale));
    match number {
        // It would be shown as the label.
        Some(value) if labels.values().any(|label| *label == value) => Err(format!(
            "which is none of its {}, but the number of one",
            counted(labels.len() as u64, "label")
        )),
        Some(value) => Ok(value),
        None if !labels.is_empty() => {
            Err(format!("which is none of its {}", counted(labels.len() as u64, "label")))
        }
        None if text.is_empty() => Err("and an integer has no value for that".into()),
        None if scale == 0 => Err("which is no integer".into()),
        None => Err(format!("which is no multiple of 1e{scale}")),
    }
}

fn put_hexadecimal(text: &str, bytes: &mut [u8]) -> Result<(), String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    if digits.len() != bytes.len() * 2 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(format!("which is not {} hexadecimal digits", bytes.len() * 2));
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16).unwrap_or_default() as u8;
        *byte = digit(pair[0]) << 4 | digit(pair[1]);
    }
    Ok(())
}

fn timestamp(text: &str) -> Option<u64> {
    let moment = || text.parse::<jiff::Timestamp>().ok();
    text.parse().ok().or_else(|| u64::try_from(moment()?.as_nanosecond()).ok())
}
