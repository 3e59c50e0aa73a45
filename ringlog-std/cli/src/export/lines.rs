//! CSV and lines of JSON, as `cat` prints them.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use super::draft::Draft;
use super::{Done, Target};
use crate::error::CliError;
use crate::output::tables::Tables;
use crate::output::{CatFormat, PrintStyle, Printer};
use ringlog::event::{ClockKind, Event};
use ringlog::schema::SchemaSet;
use ringlog::storage::SchemaList;

/// The file beside tables that describes their types, which `import` reads.
pub(crate) const SCHEMA_FILE: &str = "schema.json";

/// One file.
pub(super) struct Lines {
    printer: Printer<BufWriter<File>>,
    path: PathBuf,
    /// The name of the only type of a table.
    table: Option<String>,
}

impl Lines {
    /// Begins the file. Lines of JSON begin with the descriptions.
    pub(super) fn begin(draft: &Draft, style: PrintStyle, described: &SchemaSet) -> Result<Self, CliError> {
        let table = style.table.as_ref().map(|schema| schema.name().to_owned());
        let is_json = style.format == CatFormat::Json;
        let (out, path) = draft.create("")?;
        let write = CliError::io("write", &path);
        let printer = Printer::new(style, out).and_then(|mut printer| {
            if is_json && let Ok(list) = SchemaList::try_from(described) {
                printer.print_meta(&list)?;
            }
            Ok(printer)
        });
        Ok(Self { printer: printer.map_err(write)?, path, table })
    }
}

impl Target for Lines {
    fn take(&mut self, event: &Event<'_>, clock: ClockKind) -> Result<(), CliError> {
        self.printer.print(event, clock).map_err(CliError::io("write", &self.path))
    }

    fn finish(mut self: Box<Self>) -> Result<Done, CliError> {
        let left_out = self.printer.left_out();
        self.printer.finish().map_err(CliError::io("write", &self.path))?;
        let mut done = Done::of("file", 1);
        if let Some(name) = &self.table {
            // The printer has said how many.
            done.is_lossy = left_out > 0;
            done.notes.push(format!(
                "a table of {name} without a description beside it; give one to `import` by --schema"
            ));
        }
        Ok(done)
    }
}

/// A folder with a table for each type.
pub(super) struct Folder {
    tables: Tables,
}

impl Folder {
    /// Begins the tables; the descriptions are in a file beside them.
    pub(super) fn begin(draft: &Draft, style: PrintStyle, described: &SchemaSet) -> Result<Self, CliError> {
        let tables = Tables::create(draft.path(), style)?;
        if !described.is_empty() {
            let (mut file, path) = draft.create(SCHEMA_FILE)?;
            let written = file.write_all(described.to_json().as_bytes()).and_then(|()| file.flush());
            written.map_err(CliError::io("write", &path))?;
        }
        Ok(Self { tables })
    }
}

impl Target for Folder {
    fn take(&mut self, event: &Event<'_>, clock: ClockKind) -> Result<(), CliError> {
        self.tables.print(event, clock)
    }

    fn finish(self: Box<Self>) -> Result<Done, CliError> {
        Ok(Done::of("table", self.tables.finish()?))
    }
}
