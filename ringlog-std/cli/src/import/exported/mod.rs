//! What `ringlog export` wrote as CSV or lines of JSON, read back as the records that it was made of.
//!
//! Each row has the number, the time, the type, the flags and the exact bytes of a record, besides what is for people. A folder has
//! a table for each type and one of GAP records; they are merged by the numbers of the records. The descriptions of the types are
//! lines of JSON where they change, or the files `schema.json` and `schema-changes.json` beside the tables. A row that cannot be read is a loss of one event, as in
//! any other import.

mod rows;
mod text;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use rows::{Reader, Row};

use crate::descriptions::list_in;
use crate::feed::{Feed, FeedError, Loss, Next};
use crate::input::Input;
use ringlog::event::{Gap, GapReason, MetaTopic};
use ringlog::programs::cause;
use ringlog::schema::SchemaSet;
use ringlog::storage::SchemaList;

/// The file beside tables that describes their types.
pub(crate) const SCHEMA_FILE: &str = "schema.json";
/// The file beside tables that says from which record on each description is in force, where one changes.
pub(crate) const CHANGES_FILE: &str = "schema-changes.json";

/// Whether a file that starts like this is an export.
pub(crate) fn is_export(head: &[u8]) -> bool {
    rows::is_json(head) || rows::is_table(head)
}

/// Returns the first table in a folder that an export wrote, or the first one; `None` for a file, or if it has none.
pub(crate) fn first_table(path: &Path) -> Option<PathBuf> {
    let tables = tables_in(path);
    let is_ours = |path: &&PathBuf| Input::open(path).is_ok_and(|input| rows::is_table(input.head()));
    tables.iter().find(is_ours).or_else(|| tables.first()).cloned()
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
    /// What describes the first record.
    schemas: SchemaList,
    /// What describes the next one.
    current: SchemaList,
    /// The same, read; `None` until it is asked for.
    set: Option<SchemaSet>,
    /// Whether the descriptions are those of the export.
    is_described: bool,
    /// Descriptions that are in force from a record on.
    changes: VecDeque<(u64, SchemaList)>,
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
        let readers = files.iter().map(|file| Reader::open(file, is_folder));
        let mut readers = readers.collect::<Result<Vec<_>, _>>()?;
        let beside = |name: &str| Some(path.join(name)).filter(|file| is_folder && file.exists());
        let (mut schemas, mut changes) = (SchemaList::new(), VecDeque::new());
        match (schema.map(Path::to_path_buf), beside(CHANGES_FILE)) {
            (None, Some(file)) => changes = rows::changes_in(&file)?.into(),
            (given, _) => {
                if let Some(file) = given.or_else(|| beside(SCHEMA_FILE)) {
                    schemas = list_in(&file)
                        .map_err(|error| FeedError::Unclear { path: file, problem: error.to_string() })?;
                }
            }
        }
        let heads = readers.iter_mut().map(|reader| reader.next(&mut schemas)).collect::<Result<_, _>>()?;
        let (current, set, first, is_described) = (schemas.clone(), None, None, schema.is_none());
        let (expected, holes, undated, log_side) = (0, 0, 0, 0);
        let mut feed = Self {
            readers,
            heads,
            schemas,
            current,
            set,
            is_described,
            changes,
            first,
            expected,
            holes,
            undated,
            log_side,
        };
        if let Some((at, _)) = feed.next_row() {
            // What describes the first record is there from the start.
            let before = feed.heads[at].as_ref().map_or(0, Row::order);
            feed.apply_until(before);
            feed.schemas = feed.current.clone();
        }
        Ok(feed)
    }

    /// Returns the reader that has the next row, and the number by which that comes next.
    fn next_row(&self) -> Option<(usize, u64)> {
        let with_rows = self.heads.iter().enumerate();
        with_rows.filter_map(|(at, head)| Some((at, head.as_ref()?.order()))).min_by_key(|(_, order)| *order)
    }

    /// Takes over the descriptions that are in force at the record with this number, and returns what changes.
    fn apply_until(&mut self, sequence: u64) -> SchemaList {
        let mut changes = SchemaList::new();
        while self.changes.front().is_some_and(|(from, _)| *from <= sequence) {
            self.changes.pop_front().into_iter().for_each(|(_, list)| changes.extend(&list));
        }
        self.apply(changes)
    }

    /// Takes over descriptions, and returns those that were not in force.
    fn apply(&mut self, list: SchemaList) -> SchemaList {
        let mut changes = SchemaList::new();
        for (topic, json) in list.iter() {
            let known = match topic {
                MetaTopic::Log => self.current.of_log(),
                MetaTopic::EventType(number) => self.current.of_type(number),
            };
            if known.unwrap_or_default() != json {
                // It was short enough for the other list.
                let _ = changes.insert(topic, json);
            }
        }
        self.current.extend(&changes);
        self.set = None;
        changes
    }

    /// Whether the description of a type says that a payload is none of its events.
    fn is_misfit(&mut self, event_type: u8, payload: &[u8]) -> bool {
        let set = self.set.get_or_insert_with(|| self.current.to_set());
        self.is_described && set.decode(event_type, payload).is_some_and(|decoded| decoded.is_err())
    }

    fn note(&mut self, sequence: u64, is_dated: bool) {
        // At the start of each segment the descriptions have numbers, too.
        let descriptions = self.current.iter().filter(|(_, json)| !json.is_empty()).count() as u64;
        let is_next = sequence == self.expected || sequence == self.expected + descriptions;
        self.holes += u64::from(self.first.is_some() && !is_next);
        self.first.get_or_insert(sequence);
        self.expected = sequence.wrapping_add(1);
        self.undated += u64::from(!is_dated);
    }
}

impl Feed for ExportedFeed {
    fn next_event(&mut self, payload: &mut Vec<u8>) -> Result<Next, FeedError> {
        let next = self.next_row();
        // At the end, those that no record has.
        let changes = self.apply_until(next.map_or(u64::MAX, |(_, sequence)| sequence));
        if !changes.is_empty() {
            return Ok(Next::Described(changes));
        }
        let Some((at, _)) = next else { return Ok(Next::End) };
        let Some(row) = self.heads[at].take() else { return Ok(Next::End) };
        self.heads[at] = self.readers[at].next(&mut self.schemas)?;
        match row {
            Row::Described(list) => Ok(Next::Described(self.apply(list))),
            Row::Record { header, payload: bytes, fits_at: Some(offset), .. }
                if self.is_misfit(header.event_type, &bytes) =>
            {
                let what = "a payload that does not fit the description of its type, although the row says so; --schema FILE \
                            takes it as it is";
                Ok(unreadable(offset, self.readers[at].naming(what)))
            }
            Row::Record { sequence, header, payload: bytes, is_dated, .. } => {
                self.note(sequence, is_dated);
                payload.clear();
                payload.extend_from_slice(&bytes);
                let gap = Gap::from_payload(&bytes).filter(|gap| header.is_gap() && gap.log_side);
                self.log_side += u64::from(gap.is_some());
                Ok(Next::Kept(header))
            }
            Row::Unreadable { offset, what } => Ok(unreadable(offset, what)),
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
        if self.first.is_none() {
            notes.push("the export holds no record, so the log gets none".into());
        }
        let descriptions = self.schemas.iter().count() as u64;
        if let Some(unreadable) = self.current.to_set().unreadable().find(|it| !it.meta().is_empty()) {
            let what = unreadable.number().map_or("the log".into(), |number| format!("type {number}"));
            notes.push(format!(
                "the description of {what} cannot be read: {}; the log has it as it is, and what it describes is shown as bytes",
                cause(unreadable.error())
            ));
        }
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
        notes
    }
}

fn unreadable(offset: u64, what: String) -> Next {
    Next::Lost(Loss::skipped(GapReason::NotReadable, None, offset, what))
}

#[cfg(test)]
mod tests;
