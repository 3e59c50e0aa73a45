//! CSV and lines of JSON, as `cat` prints them.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use super::described::Described;
use super::draft::Draft;
use super::{Done, Target};
use crate::error::CliError;
use crate::import::exported::{CHANGES_FILE, SCHEMA_FILE};
use crate::output::json::meta_line;
use crate::output::tables::Tables;
use crate::output::{CatFormat, PrintStyle, Printer};
use ringlog::event::{ClockKind, Event};
use ringlog::schema::SchemaSet;
use ringlog::storage::SchemaList;

/// One file.
pub(super) struct Lines {
    printer: Printer<BufWriter<File>>,
    path: PathBuf,
    /// For JSON, which has the descriptions where they change.
    described: Option<Described>,
    /// The name of the only type of a table.
    table: Option<String>,
}

impl Lines {
    pub(super) fn begin(draft: &Draft, style: PrintStyle, all: &SchemaSet) -> Result<Self, CliError> {
        let table = style.table.as_ref().map(|schema| schema.name().to_owned());
        let is_json = style.format == CatFormat::Json;
        let described = is_json.then(|| Described::new(&style.descriptions, all));
        let (out, path) = draft.create("")?;
        let printer = Printer::new(style, out).map_err(CliError::io("write", &path))?;
        Ok(Self { printer, path, described, table })
    }
}

impl Target for Lines {
    fn take(&mut self, event: &Event<'_>, clock: ClockKind) -> Result<(), CliError> {
        let changes = self.described.as_mut().and_then(|described| described.change_at(event));
        let printed = changes.map_or(Ok(()), |changes| self.printer.print_meta(&changes));
        printed.and_then(|()| self.printer.print(event, clock)).map_err(CliError::io("write", &self.path))
    }

    fn finish(mut self: Box<Self>) -> Result<Done, CliError> {
        let (left_out, other_layout) = (self.printer.left_out(), self.printer.other_layout());
        let rest = self.described.as_ref().map(Described::rest).unwrap_or_default();
        let printed = self.printer.print_meta(&rest).and_then(|()| self.printer.finish());
        printed.map_err(CliError::io("write", &self.path))?;
        let mut done = Done::of("file", 1);
        if let Some(name) = &self.table {
            // The printer has said how many.
            done.is_lossy = left_out > 0 || other_layout > 0;
            if other_layout > 0 {
                done.notes.push(format!(
                    "rows of events with other fields than the table of {name}, with their bytes and what is under its names: \
                     {other_layout}; OUT without the ending .csv is a folder with a table of each"
                ));
            }
            done.notes.push(format!(
                "a table of {name} without a description beside it; give one to `import` by --schema"
            ));
        }
        Ok(done)
    }
}

/// A folder with a table for each type.
pub(super) struct Folder<'a> {
    draft: &'a Draft,
    tables: Tables,
    described: Described,
    all: SchemaSet,
    first: SchemaList,
    /// Lines for the descriptions, each with the number of the record from which it is in force.
    lines: String,
    has_begun: bool,
    has_changed: bool,
    /// The number of the next record.
    next: u64,
}

impl<'a> Folder<'a> {
    pub(super) fn begin(draft: &'a Draft, style: PrintStyle, all: &SchemaSet) -> Result<Self, CliError> {
        let described = Described::new(&style.descriptions, all);
        let tables = Tables::create(draft.temporary(), draft.path(), style)?;
        let (lines, first) = (String::new(), SchemaList::new());
        Ok(Self {
            draft,
            tables,
            described,
            all: all.clone(),
            first,
            lines,
            has_begun: false,
            has_changed: false,
            next: 0,
        })
    }

    fn write(&self, name: &str, content: &str) -> Result<(), CliError> {
        let (mut file, path) = self.draft.create(name)?;
        let written = file.write_all(content.as_bytes()).and_then(|()| file.flush());
        written.map_err(CliError::io("write", &path))
    }

    /// Adds a line for each description.
    fn note(&mut self, changes: &SchemaList, sequence: u64) -> Result<(), CliError> {
        for (topic, json) in changes.iter() {
            let line = meta_line(topic, json).map_err(CliError::io("write", self.draft.path()))?;
            self.lines += &format!("{{\"sequence\":{sequence},{}", &line[1..]);
        }
        Ok(())
    }

    /// Writes the descriptions beside the tables; where they change, also from which record on.
    fn describe(&mut self) -> Result<(), CliError> {
        let mut all = self.all.clone();
        if self.has_changed {
            // What no record had is in force after the last one.
            self.note(&self.described.rest(), self.next)?;
            self.write(CHANGES_FILE, &self.lines)?;
        } else {
            // What the records had, before what the log says at its end.
            all = self.first.to_set();
            all.add_missing(&self.all);
        }
        if all.is_empty() { Ok(()) } else { self.write(SCHEMA_FILE, &all.to_json()) }
    }
}

impl Target for Folder<'_> {
    fn take(&mut self, event: &Event<'_>, clock: ClockKind) -> Result<(), CliError> {
        self.next = event.sequence.saturating_add(1);
        if let Some(changes) = self.described.change_at(event) {
            self.note(&changes, event.sequence)?;
            if self.has_begun {
                self.has_changed = true;
            } else {
                self.first = changes;
            }
            self.has_begun = true;
        }
        self.tables.print(event, clock)
    }

    fn finish(mut self: Box<Self>) -> Result<Done, CliError> {
        self.describe()?;
        Ok(Done::of("table", self.tables.finish()?))
    }
}
