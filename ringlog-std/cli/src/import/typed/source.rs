//! The values of a row: cells of a table, or fields of a line of JSON.
#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::collections::HashMap;

use serde::de::DeserializeSeed;
use serde_json::value::RawValue;

use crate::import::table::{Cells, Columns, Fields, cut};
use crate::terminal::words::counted;

/// The columns of a file, and how its rows are split into them.
#[derive(Debug)]
pub(super) struct Source {
    /// In the order of the file.
    names: Vec<String>,
    split: Split,
    decimal_comma: bool,
}

#[derive(Debug)]
enum Split {
    Cells { delimiter: u8, times: Vec<usize> },
    Fields { times: Vec<String>, places: HashMap<String, usize> },
}

impl Source {
    /// Takes the columns of a file.
    pub(super) fn new(columns: Columns) -> Self {
        match columns {
            Columns::Cells { names, delimiter, times, decimal_comma } => {
                Self { names, split: Split::Cells { delimiter, times }, decimal_comma }
            }
            Columns::Fields { times } => {
                let split = Split::Fields { times, places: HashMap::new() };
                Self { names: Vec::new(), split, decimal_comma: false }
            }
        }
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether a column is the time of the events, or a part of it.
    pub(super) fn is_time(&self, column: usize) -> bool {
        match &self.split {
            Split::Cells { times, .. } => times.contains(&column),
            Split::Fields { times, .. } => self.names.get(column).is_some_and(|name| times.contains(name)),
        }
    }

    pub(super) const fn has_decimal_comma(&self) -> bool {
        self.decimal_comma
    }

    /// Whether a row may lack columns.
    pub(super) fn is_json(&self) -> bool {
        matches!(self.split, Split::Fields { .. })
    }

    /// Names a column for a message.
    pub(super) fn column_words(&self, column: usize) -> String {
        let name = self.names.get(column).map(String::as_str).unwrap_or_default();
        match (&self.split, name.trim()) {
            (Split::Fields { .. }, _) => format!("field {:?}", cut(name)),
            (Split::Cells { .. }, "") => format!("column {}", column + 1),
            (Split::Cells { .. }, name) => format!("column {} {:?}", column + 1, cut(name)),
        }
    }

    /// Adds the fields of a line that no earlier line had.
    pub(super) fn learn(&mut self, row: &[u8]) {
        let Split::Fields { places, .. } = &mut self.split else { return };
        let names = &mut self.names;
        let _ = each_field(row, |name, _| {
            if !places.contains_key(&name) {
                places.insert(name.clone(), names.len());
                names.push(name);
            }
            Ok(())
        });
    }

    /// Calls a function with the column and the text of each value. For a field without a column it gets words for it.
    ///
    /// # Errors
    ///
    /// The words of the function, or why the row cannot be read.
    pub(super) fn each(
        &self,
        row: &[u8],
        mut take: impl FnMut(Result<usize, String>, &str) -> Result<(), String>,
    ) -> Result<(), String> {
        match &self.split {
            Split::Cells { delimiter, .. } => {
                let found = Cells::new(row, *delimiter).count();
                if found != self.names.len() {
                    let (found, all) =
                        (counted(found as u64, "cell"), counted(self.names.len() as u64, "column"));
                    return Err(format!("row of {found}, and the table has {all}; correct the row"));
                }
                for (column, cell) in Cells::new(row, *delimiter).enumerate() {
                    let Ok(text) = std::str::from_utf8(&cell) else {
                        let column = self.column_words(column);
                        return Err(format!("row whose {column} is no UTF-8; convert the file with `iconv`"));
                    };
                    take(Ok(column), text)?;
                }
                Ok(())
            }
            Split::Fields { places, .. } => each_field(row, |name, value| {
                let text = match value.get() {
                    "null" => Cow::Borrowed(""),
                    text if text.starts_with('"') => {
                        Cow::Owned(serde_json::from_str(text).map_err(|_| "line that is no JSON")?)
                    }
                    text => Cow::Borrowed(text),
                };
                take(places.get(&name).copied().ok_or_else(|| format!("field {:?}", cut(&name))), &text)
            }),
        }
    }
}

/// Calls a function with the name and value of each field of an object.
fn each_field(
    line: &[u8],
    mut take: impl FnMut(String, &RawValue) -> Result<(), String>,
) -> Result<(), String> {
    let line = std::str::from_utf8(line).map_err(|_| "line that is no UTF-8")?;
    let mut result = Ok(());
    let keep = |name: String, value: &RawValue| {
        if result.is_ok() {
            result = take(name, value);
        }
    };
    let mut json = serde_json::Deserializer::from_str(line);
    let read = Fields(keep).deserialize(&mut json).and_then(|()| json.end());
    read.map_err(|_| "line that is no JSON object")?;
    result
}
