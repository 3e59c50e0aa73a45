//! Typed tables: Parquet, and the file format of Arrow.
//!
//! There is a table for each type, one of GAP records and one for each type that nothing describes. The thread that reads the log
//! fills the columns of batches, which become row groups; other threads encode and compress them, and write them in the order of
//! the records. A batch is bounded by its rows and bytes, and so is the sum of all that are in memory.

mod column;
mod file;
mod layout;
mod pool;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::draft::Draft;
use super::{Done, ExportFormat, Request, Target};
use crate::descriptions::Descriptions;
use crate::error::CliError;
use crate::output::slots::{Slots, numbered};
use crate::output::tables::GAPS;
use file::{TableFile, arrow_error};
use layout::{Kind, Layout};
use pool::{Pool, Ticket};
use ringlog::event::{ClockKind, Event};
use ringlog::schema::Schema;

/// Rows and bytes of a batch. In memory it takes up to three times its bytes while it is encoded.
const BATCH_ROWS: usize = 256 << 10;
const BATCH_BYTES: usize = 6 << 20;
/// Bytes of all batches that are being filled.
const ALL_BYTES: usize = 16 << 20;
/// Most columns of a table: the encoder has 64 KB for each.
const COLUMNS_MOST: usize = 1000;

/// The tables of an export.
pub(super) struct Tables<'a> {
    draft: &'a Draft,
    format: ExportFormat,
    descriptions: Arc<Descriptions>,
    clock: ClockKind,
    /// The type of the only table, and whether that is of events that nothing describes.
    only: Option<Option<Arc<Schema>>>,
    tables: Vec<Table>,
    slots: Slots,
    pool: Pool,
    bytes: usize,
    unfit: u64,
    gaps: u64,
    others: u64,
}

struct Table {
    name: String,
    layout: Layout,
    file: Arc<TableFile<Ticket>>,
    batches: u64,
}

impl<'a> Tables<'a> {
    pub(super) fn begin(request: Request, draft: &'a Draft) -> Result<Self, CliError> {
        let Request { format, style, clock, is_folder, jobs, .. } = request;
        let mut tables = Self {
            draft,
            format,
            descriptions: style.descriptions,
            clock,
            only: (!is_folder).then_some(style.table),
            tables: Vec::new(),
            slots: Slots::default(),
            pool: Pool::start(jobs)?,
            bytes: 0,
            unfit: 0,
            gaps: 0,
            others: 0,
        };
        // A file has a table even without a row.
        if let Some(only) = &tables.only {
            let layout = match only {
                Some(schema) => Layout::typed(schema, clock),
                None => Layout::new(Kind::Plain, clock),
            };
            tables.add("table", 0, layout)?;
        }
        Ok(tables)
    }

    fn add(&mut self, name: &str, earlier: usize, layout: Layout) -> Result<usize, CliError> {
        let columns = layout.schema().fields().len();
        if columns > COLUMNS_MOST {
            return Err(CliError::Usage(format!(
                "a table of {name} would have {columns} columns, as each value of an array is one, and a table has at most \
                 {COLUMNS_MOST}; choose other types with --type, or write --to csv or json"
            )));
        }
        let ending = if self.format == ExportFormat::Parquet { "parquet" } else { "arrow" };
        let (out, path) = self.draft.create(&format!("{}.{ending}", numbered(name, earlier)))?;
        let file = TableFile::new(out, path, layout.schema(), self.format == ExportFormat::Parquet)?;
        self.tables.push(Table { name: name.into(), layout, file: Arc::new(file), batches: 0 });
        Ok(self.tables.len() - 1)
    }

    /// Returns the table for an event; `None` if the only file does not hold its type.
    fn table_of(&mut self, event: &Event<'_>) -> Result<Option<usize>, CliError> {
        if let Some(table) = self.slots.of(event) {
            return Ok(Some(table));
        }
        let is_gap = event.header.is_gap();
        let descriptions = Arc::clone(&self.descriptions);
        let schema = descriptions.schema_of(event);
        let plain = format!("type-{}", event.header.event_type);
        let name = match schema {
            Some(schema) => schema.name(),
            None if is_gap => GAPS,
            None => &plain,
        };
        let fits = |table: &Table| match (&table.layout.kind, schema) {
            (Kind::Typed { schema: known, .. }, Some(schema)) => known == schema,
            (Kind::Gaps, None) => is_gap,
            (Kind::Plain, None) => !is_gap && (self.only.is_some() || table.name == name),
            _ => false,
        };
        let table = match self.tables.iter().position(fits) {
            None if self.only.is_some() => return Ok(None),
            None => {
                let layout = match schema {
                    Some(schema) => Layout::typed(schema, self.clock),
                    None => Layout::new(if is_gap { Kind::Gaps } else { Kind::Plain }, self.clock),
                };
                // A type whose fields have changed has a further table.
                let of_name = |table: &&Table| {
                    table.name == name && matches!(table.layout.kind, Kind::Typed { .. }) && schema.is_some()
                };
                let reserved = usize::from(schema.is_some() && name == GAPS);
                let earlier = self.tables.iter().filter(of_name).count() + reserved;
                self.add(name, earlier, layout)?
            }
            Some(table) => table,
        };
        self.slots.set(event, table);
        Ok(Some(table))
    }

    /// Hands the rows of a table to the threads.
    fn flush(&mut self, at: usize) -> Result<(), CliError> {
        let Some(table) = self.tables.get_mut(at) else { return Ok(()) };
        if table.layout.rows() == 0 {
            return Ok(());
        }
        self.bytes -= table.layout.bytes();
        let batch = table.layout.take().map_err(arrow_error);
        let batch = batch.map_err(CliError::io("fill a table in", self.draft.path()))?;
        let number = table.batches;
        table.batches += 1;
        self.pool.submit(&table.file, number, batch)
    }
}

impl Target for Tables<'_> {
    fn take(&mut self, event: &Event<'_>, _clock: ClockKind) -> Result<(), CliError> {
        let Some(at) = self.table_of(event)? else {
            *(if event.header.is_gap() { &mut self.gaps } else { &mut self.others }) += 1;
            return Ok(());
        };
        let table = &mut self.tables[at];
        let before = table.layout.bytes();
        match &table.layout.kind {
            Kind::Typed { .. } => {
                let Some(Ok(decoded)) = self.descriptions.decode(event) else {
                    self.unfit += 1;
                    return Ok(());
                };
                table.layout.push(event, Some(&decoded));
            }
            _ => table.layout.push(event, None),
        }
        self.bytes += table.layout.bytes() - before;
        if table.layout.rows() >= BATCH_ROWS || table.layout.bytes() >= BATCH_BYTES {
            return self.flush(at);
        }
        if self.bytes >= ALL_BYTES {
            let largest = (0..self.tables.len()).max_by_key(|&at| self.tables[at].layout.bytes());
            return largest.map_or(Ok(()), |at| self.flush(at));
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Done, CliError> {
        (0..self.tables.len()).try_for_each(|at| self.flush(at))?;
        let Self { pool, tables, only, .. } = *self;
        pool.finish()?;
        tables.iter().try_for_each(|table| table.file.finish())?;
        let mut done = Done::of("table", tables.len());
        let unheld = tables.iter().map(|table| table.layout.unheld()).sum();
        done.leave_out(
            self.unfit,
            "event",
            "the payload does not fit the description; `ringlog cat` shows its bytes",
        );
        done.leave_out(unheld, "time", "after the year 2262, which no timestamp holds; the cell is empty");
        if only.is_some() {
            done.leave_out(
                self.gaps,
                "GAP record",
                "the table of one type has none; a folder has a table of them",
            );
            done.leave_out(
                self.others,
                "event",
                "of another type, or of the same with other fields; a folder has a table of each",
            );
        }
        Ok(done)
    }
}
