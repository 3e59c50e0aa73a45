//! Events as CSV, in a file for each type.

use std::fs;
use std::io::{BufWriter, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::slots::{Slots, numbered};
use super::table_file::{OpenFiles, TableFile};
use super::{PrintStyle, Printer};
use crate::error::CliError;
use ringlog::event::{ClockKind, Event};
use ringlog::schema::Schema;

/// The table of GAP records.
pub(crate) const GAPS: &str = "gaps";

/// Writes `NAME.csv` for each type into a folder. GAP records are in `gaps.csv`; a type whose fields have changed has a further
/// table, `NAME-2.csv`.
pub(crate) struct Tables {
    folder: PathBuf,
    /// The folder as messages name it.
    shown: PathBuf,
    style: PrintStyle,
    tables: Vec<Table>,
    slots: Slots,
    files: OpenFiles,
}

struct Table {
    name: String,
    /// None for GAP records and for events that nothing describes.
    schema: Option<Schema>,
    path: PathBuf,
    printer: Printer<BufWriter<TableFile>>,
}

impl Tables {
    /// Creates the folder, which must be empty or missing. It may get the name `shown` later, by which messages name it.
    pub(crate) fn create(folder: &Path, shown: &Path, style: PrintStyle) -> Result<Self, CliError> {
        match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
            Ok(true) => {}
            Ok(false) => {
                return Err(CliError::Usage(format!(
                    "{}: holds something; choose an empty folder or another name",
                    shown.display()
                )));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::create_dir_all(folder).map_err(CliError::io("create the folder", shown))?;
            }
            Err(error) => return Err(CliError::io("list", shown)(error)),
        }
        let (folder, shown) = (folder.into(), shown.into());
        let (tables, slots, files) = (Vec::new(), Slots::default(), OpenFiles::default());
        Ok(Self { folder, shown, style, tables, slots, files })
    }

    /// Writes a row into the table of the event's type.
    pub(crate) fn print(&mut self, event: &Event<'_>, clock: ClockKind) -> Result<(), CliError> {
        let at = match self.slots.of(event) {
            Some(at) => at,
            None => self.choose(event)?,
        };
        let Some(table) = self.tables.get_mut(at) else { return Ok(()) };
        table.printer.print(event, clock).map_err(CliError::io("write", &table.path))
    }

    /// Returns the table of an event, which it makes if there is none.
    fn choose(&mut self, event: &Event<'_>) -> Result<usize, CliError> {
        let descriptions = Arc::clone(&self.style.descriptions);
        let schema = descriptions.schema_of(event);
        let name = match schema {
            Some(schema) => schema.name().to_owned(),
            None if event.header.is_gap() => GAPS.into(),
            None => format!("type-{}", event.header.event_type),
        };
        let is_same = |table: &Table| table.name == name && table.schema.as_ref() == schema;
        let at = match self.tables.iter().position(is_same) {
            Some(at) => at,
            None => {
                let of_name = |table: &&Table| table.name == name && table.schema.is_some();
                let reserved = usize::from(schema.is_some() && name == GAPS);
                let earlier = self.tables.iter().filter(of_name).count() + reserved;
                let earlier = if schema.is_some() { earlier } else { 0 };
                let table = self.table(name, earlier, schema)?;
                self.tables.push(table);
                self.tables.len() - 1
            }
        };
        self.slots.set(event, at);
        Ok(at)
    }

    fn table(&self, name: String, earlier: usize, schema: Option<&Schema>) -> Result<Table, CliError> {
        let file_name = numbered(&name, earlier) + ".csv";
        let path = self.shown.join(&file_name);
        let file = self.files.create(&self.folder.join(&file_name)).map_err(CliError::io("create", &path))?;
        let style = PrintStyle { table: schema.cloned().map(Arc::new), ..self.style.clone() };
        let printer = Printer::new(style, BufWriter::new(file)).map_err(CliError::io("write", &path))?;
        Ok(Table { name, schema: schema.cloned(), path, printer })
    }

    /// Writes what is left, and returns the number of tables.
    pub(crate) fn finish(mut self) -> Result<usize, CliError> {
        self.tables.sort_by(|one, other| one.path.cmp(&other.path));
        for Table { path, printer, .. } in &mut self.tables {
            printer.finish().map_err(CliError::io("write", path))?;
        }
        Ok(self.tables.len())
    }
}
