//! Tables and lines of JSON as typed events: each row becomes the payload of a type, exactly or not at all.

mod column;
mod layout;
mod names;
mod number;
pub(crate) mod options;
mod plan;
#[cfg(test)]
mod properties;
mod source;
#[cfg(test)]
mod tests;

pub(crate) use options::{EventType, TypedOptions};

use std::path::Path;

use column::ColumnSample;
use plan::{Misfit, Plan};
use source::Source;

use crate::feed::{Feed, FeedError, Loss, Next};
use crate::import::table::{ChosenFeed, LOOK_FOR_DAMAGE_BYTES};
use crate::terminal::signals::Stop;
use crate::terminal::words::{counted, grouped};
use ringlog::event::{GapReason, MetaTopic};
use ringlog::storage::SchemaList;

/// Rows by which the kinds of fields are inferred.
const SAMPLE_ROWS: u64 = 1000;

/// Gives the rows of a feed as events of one type.
#[derive(Debug)]
pub(crate) struct TypedFeed<F> {
    rows: F,
    row: Vec<u8>,
    plan: Plan,
    /// Rows by which it was inferred; `None` for a schema that was given.
    sample_rows: Option<u64>,
}

impl<F: ChosenFeed> TypedFeed<F> {
    /// Takes the rows of a file as this type of events.
    pub(crate) fn open(rows: F, event_type: &EventType, path: &Path, stop: &Stop) -> Result<Self, FeedError> {
        Self::with_sample(rows, event_type, path, stop, SAMPLE_ROWS)
    }

    /// Does the same; infers by this number of rows.
    pub(crate) fn with_sample(
        mut rows: F,
        event_type: &EventType,
        path: &Path,
        stop: &Stop,
        most: u64,
    ) -> Result<Self, FeedError> {
        let unclear = |problem: String| FeedError::Unclear { path: path.into(), problem };
        let mut source = Source::new(rows.columns().map_err(unclear)?);
        let Sample { columns, rows: count, error } = sample(&mut rows, &mut source, stop, most)?;
        rows.restart()?;
        let plan = match event_type {
            EventType::Given { schema, file } => {
                Plan::given(source, (**schema).clone(), &file.display().to_string())
            }
            EventType::Inferred { number, name } => layout::infer(&source, &columns, count, *number, name)
                .and_then(|layout| Plan::inferred(source, layout)),
        };
        let plan = match plan {
            Ok(plan) => plan,
            // What cannot be read may be what is missing for a schema, and what is before it may be damaged, too.
            Err(problem) => {
                let error = error.or_else(|| first_error(&mut rows, stop));
                return Err(error.unwrap_or_else(|| unclear(problem)));
            }
        };
        let sample_rows = matches!(event_type, EventType::Inferred { .. }).then_some(count);
        Ok(Self { rows, row: Vec::new(), plan, sample_rows })
    }

    /// Returns the number of rows by which the type was inferred; `None` for a schema that was given.
    pub(crate) const fn sample_rows(&self) -> Option<u64> {
        self.sample_rows
    }

    /// Returns the number of the type.
    pub(crate) const fn event_type(&self) -> u8 {
        self.plan.schema().number()
    }
}

/// The first rows of a file.
struct Sample {
    columns: Vec<ColumnSample>,
    rows: u64,
    /// Why there are no more of them, if the file could not be read further.
    error: Option<FeedError>,
}

/// Reads the first rows.
fn sample(
    rows: &mut impl ChosenFeed,
    source: &mut Source,
    stop: &Stop,
    most: u64,
) -> Result<Sample, FeedError> {
    let mut failed = None;
    let (mut samples, mut count, mut row) = (Vec::<ColumnSample>::new(), 0, Vec::new());
    let decimal_comma = source.has_decimal_comma();
    let new = || ColumnSample::new(decimal_comma);
    while count < most && !stop.is_set() {
        match rows.next_event(&mut row) {
            Ok(Next::Event { .. }) => {}
            Ok(Next::End) => break,
            Ok(_) => continue,
            // What is before is imported, up to the same error.
            Err(error) if count > 0 => {
                failed = Some(error);
                break;
            }
            Err(error) => return Err(error),
        }
        source.learn(&row);
        samples.resize_with(source.names().len(), new);
        let mut cells = Vec::new();
        let read = source.each(&row, |column, text| {
            cells.extend(column.ok().map(|column| (column, text.to_owned())));
            Ok(())
        });
        // A row that cannot be read is skipped and reported later.
        if read.is_ok() {
            cells.iter().for_each(|(column, text)| samples[*column].add(text, count));
            count += 1;
        }
    }
    samples.resize_with(source.names().len(), new);
    Ok(Sample { columns: samples, rows: count, error: failed })
}

/// Returns the error of the file that is found in as much of it as a choice of its format may read.
fn first_error(rows: &mut impl ChosenFeed, stop: &Stop) -> Option<FeedError> {
    let mut row = Vec::new();
    while rows.read_bytes() < LOOK_FOR_DAMAGE_BYTES && !stop.is_set() {
        match rows.next_event(&mut row) {
            Ok(Next::End) => break,
            Ok(_) => {}
            Err(error) => return Some(error),
        }
    }
    None
}

impl<F: ChosenFeed> Feed for TypedFeed<F> {
    fn next_event(&mut self, payload: &mut Vec<u8>) -> Result<Next, FeedError> {
        let next = self.rows.next_event(&mut self.row)?;
        let Next::Event { timestamp, .. } = next else { return Ok(next) };
        Ok(match self.plan.encode(&self.row, timestamp, payload) {
            Ok(()) => {
                self.plan.note_values(self.rows.row_number());
                Next::Event { timestamp, event_type: self.event_type() }
            }
            Err(Misfit { reason, what }) => self.rows.lost(reason, Some(timestamp), &what),
        })
    }

    fn schemas(&self) -> SchemaList {
        let mut list = SchemaList::new();
        let schema = self.plan.schema();
        // A schema that was read is short enough.
        let _ = list.insert(MetaTopic::EventType(schema.number()), schema.to_json().into_bytes());
        list
    }

    fn read_bytes(&self) -> u64 {
        self.rows.read_bytes()
    }

    fn leave_unfinished(&mut self) {
        self.rows.leave_unfinished();
    }

    fn stop(&mut self) -> bool {
        self.rows.stop()
    }

    fn look_for_loss(&mut self) -> Option<Loss> {
        self.rows.look_for_loss()
    }

    fn notes(&self) -> Vec<String> {
        [self.rows.notes(), self.plan.notes()].concat()
    }
}

impl<F: ChosenFeed> ChosenFeed for TypedFeed<F> {
    fn words(&self) -> String {
        let schema = self.plan.schema();
        let by = match self.sample_rows {
            Some(rows) => format!(", inferred from {}", counted(rows, "row")),
            None => String::new(),
        };
        let bytes = grouped(schema.size() as u64);
        let head =
            format!("{}\ntype {} {}, {bytes} bytes{by}:", self.rows.words(), schema.number(), schema.name());
        [vec![head], self.plan.words()].concat().join("\n")
    }

    fn columns(&self) -> Result<super::table::Columns, String> {
        self.rows.columns()
    }

    fn row_number(&self) -> u64 {
        self.rows.row_number()
    }

    fn head_bytes(&self) -> u64 {
        self.rows.head_bytes()
    }

    fn lost(&self, reason: GapReason, time: Option<u64>, what: &str) -> Next {
        self.rows.lost(reason, time, what)
    }

    fn put_back(&mut self) {
        self.rows.put_back();
    }

    fn restart(&mut self) -> Result<(), FeedError> {
        self.rows.restart()
    }
}
