//! What `ringlog export` wrote as CSV or lines of JSON, read back as the records that it was made of.
//!
//! Each row has the number, the time, the type, the flags and the exact bytes of a record, besides what is for people. A folder has
//! a table for each type and one of GAP records; they are merged by the numbers of the records. The descriptions of the types are
//! the first lines of JSON, or the file `schema.json` beside the tables. A row that cannot be read is a loss of one event, as in
//! any other import.

mod rows;
mod text;

use std::path::{Path, PathBuf};

use rows::{Reader, Row};

use crate::descriptions::list_in;
use crate::feed::{Feed, FeedError, Loss, Next, Skip};
use ringlog::event::{Gap, GapReason};
use ringlog::storage::SchemaList;

/// The file beside tables that describes their types.
const SCHEMA_FILE: &str = "schema.json";

/// Whether a file that starts like this is an export.
pub(crate) fn is_export(head: &[u8]) -> bool {
    rows::is_json(head) || rows::is_table(head)
}

/// Returns the first table in a folder; `None` for a file, or if it has none.
pub(crate) fn first_table(path: &Path) -> Option<PathBuf> {
    tables_in(path).into_iter().next()
}

fn tables_in(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    let mut tables: Vec<_> = entries.filter(|path| path.extension().is_some_and(|it| it == "csv")).collect();
    tables.sort();
    tables
}

/// Gives the records of an export.
#[derive(Debug)]
pub(crate) struct ExportedFeed {
    readers: Vec<Reader>,
    /// The next row of each reader; `None` until it is read, and at its end.
    heads: Vec<Option<Row>>,
    schemas: SchemaList,
    /// The number of the first record, and that of the next one if none is missing.
    first: Option<u64>,
    expected: u64,
    holes: u64,
    undated: u64,
    log_side: u64,
}

impl ExportedFeed {
    /// Opens a file, or all tables of a folder. `schema` is a file that describes the events.
    pub(crate) fn open(path: &Path, schema: Option<&Path>) -> Result<Self, FeedError> {
        let mut files = tables_in(path);
        let is_folder = !files.is_empty();
        if !is_folder {
            files.push(path.into());
        }
        let mut readers = files.iter().map(|file| Reader::open(file)).collect::<Result<Vec<_>, _>>()?;
        let mut schemas = SchemaList::new();
        let beside = path.join(SCHEMA_FILE);
        let beside = (is_folder && beside.exists()).then_some(beside);
        if let Some(file) = schema.map(Path::to_path_buf).or(beside) {
            let unclear = |error: crate::error::CliError| FeedError::Unclear {
                path: file.clone(),
                problem: error.to_string(),
            };
            schemas = list_in(&file).map_err(unclear)?;
        }
        let heads = readers.iter_mut().map(|reader| reader.next(&mut schemas)).collect::<Result<_, _>>()?;
        Ok(Self { readers, heads, schemas, first: None, expected: 0, holes: 0, undated: 0, log_side: 0 })
    }

    fn note(&mut self, sequence: u64, is_dated: bool) {
        // At the start of each segment the descriptions have numbers, too.
        let descriptions = self.schemas.iter().count() as u64;
        let is_next = sequence == self.expected || sequence == self.expected + descriptions;
        self.holes += u64::from(self.first.is_some() && !is_next);
        self.first.get_or_insert(sequence);
        self.expected = sequence.wrapping_add(1);
        self.undated += u64::from(!is_dated);
    }
}

impl Feed for ExportedFeed {
    fn next_event(&mut self, payload: &mut Vec<u8>) -> Result<Next, FeedError> {
        let order = |(_, head): &(usize, &Option<Row>)| head.as_ref().map(Row::order);
        let with_rows = self.heads.iter().enumerate().filter(|(_, head)| head.is_some());
        let Some((at, _)) = with_rows.min_by_key(order) else { return Ok(Next::End) };
        let Some(row) = self.heads[at].take() else { return Ok(Next::End) };
        self.heads[at] = self.readers[at].next(&mut self.schemas)?;
        match row {
            Row::Record { sequence, header, payload: bytes, is_dated } => {
                self.note(sequence, is_dated);
                payload.clear();
                payload.extend_from_slice(&bytes);
                let gap = Gap::from_payload(&bytes).filter(|gap| header.is_gap() && gap.log_side);
                self.log_side += u64::from(gap.is_some());
                Ok(Next::Kept(header))
            }
            Row::Unreadable { offset, what } => Ok(Next::Lost(Loss {
                gap: Gap::new(GapReason::NotReadable, 1),
                timestamp: None,
                skip: Some(Skip { offset, what }),
            })),
        }
    }

    fn schemas(&self) -> SchemaList {
        self.schemas.clone()
    }

    fn read_bytes(&self) -> u64 {
        self.readers.iter().map(Reader::read_bytes).sum()
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let descriptions = self.schemas.iter().count() as u64;
        if self.holes > 0 || self.first.is_some_and(|first| first != descriptions) {
            notes.push(format!(
                "the export begins with record {} and records are missing in {} places; the log numbers its records anew",
                self.first.unwrap_or(0),
                self.holes
            ));
        }
        if self.undated > 0 {
            notes.push(format!(
                "records without a date: {}; their clock may not be that of the new log, unix nanoseconds",
                self.undated
            ));
        }
        if self.log_side > 0 {
            notes.push(format!(
                "GAP records of the first log itself, which are now as the producer writes them: {}",
                self.log_side
            ));
        }
        let late: u64 = self.readers.iter().map(Reader::late_descriptions).sum();
        if late > 0 {
            notes.push(format!("descriptions after the first record, left out: {late}"));
        }
        notes
    }
}

#[cfg(test)]
mod tests;
