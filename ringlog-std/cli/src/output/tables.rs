//! Events as CSV, in a file for each type.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{PrintStyle, Printer};
use crate::error::CliError;
use ringlog::event::{ClockKind, Event};
use ringlog::schema::Schema;

/// The table of GAP records, and those of types that nothing describes.
const GAPS: &str = "gaps";

/// Writes `NAME.csv` for each type into a folder. GAP records are in `gaps.csv`.
#[derive(Debug)]
pub(crate) struct Tables {
    folder: PathBuf,
    style: PrintStyle,
    printers: BTreeMap<String, Printer<BufWriter<File>>>,
}

impl Tables {
    /// Creates the folder, which must be empty or missing.
    pub(crate) fn create(folder: &Path, style: PrintStyle) -> Result<Self, CliError> {
        match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
            Ok(true) => {}
            Ok(false) => {
                return Err(CliError::Usage(format!(
                    "{}: holds something; choose an empty folder or another name",
                    folder.display()
                )));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::create_dir_all(folder).map_err(CliError::io("create the folder", folder))?;
            }
            Err(error) => return Err(CliError::io("list", folder)(error)),
        }
        Ok(Self { folder: folder.into(), style, printers: BTreeMap::new() })
    }

    /// Writes a row into the table of the event's type.
    pub(crate) fn print(&mut self, event: &Event<'_>, clock: ClockKind) -> Result<(), CliError> {
        let descriptions = Arc::clone(&self.style.descriptions);
        let schema = descriptions.schema_of(event);
        let name = match schema {
            Some(schema) => schema.name().to_owned(),
            None if event.header.is_gap() => GAPS.into(),
            None => format!("type-{}", event.header.event_type),
        };
        let path = self.folder.join(format!("{name}.csv"));
        if !self.printers.contains_key(&name) {
            let printer = self.table(&path, schema)?;
            self.printers.insert(name.clone(), printer);
        }
        let Some(printer) = self.printers.get_mut(&name) else { return Ok(()) };
        printer.print(event, clock).map_err(CliError::io("write", &path))
    }

    fn table(&self, path: &Path, schema: Option<&Schema>) -> Result<Printer<BufWriter<File>>, CliError> {
        let file = File::create_new(path).map_err(CliError::io("create", path))?;
        let table = schema.cloned().map(Arc::new);
        let style = PrintStyle { table, ..self.style.clone() };
        Printer::new(style, BufWriter::new(file)).map_err(CliError::io("write", path))
    }

    /// Writes what is left, and returns the number of tables.
    pub(crate) fn finish(mut self) -> Result<usize, CliError> {
        for (name, printer) in &mut self.printers {
            let path = self.folder.join(format!("{name}.csv"));
            printer.finish().map_err(CliError::io("write", &path))?;
        }
        Ok(self.printers.len())
    }
}
