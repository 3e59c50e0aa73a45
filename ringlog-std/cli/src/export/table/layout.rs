//! What the rows of a table are made of.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_schema::{ArrowError, Field, Schema as ArrowSchema, SchemaRef};

use super::column::Cells;
use crate::output::payload::hexadecimal;
use ringlog::event::{ClockKind, Event, Gap};
use ringlog::schema::{Decoded, Format, Schema, Tail, Value};

/// Columns of each table. A field of such a name is in the column `payload.NAME`.
const COLUMNS: [&str; 4] = ["sequence", "timestamp", "event_type", "flags"];

/// What a table is of.
pub(super) enum Kind {
    /// A type, with the offset and format of the value in each column.
    Typed { schema: Schema, places: Vec<(usize, Format)> },
    /// GAP records.
    Gaps,
    /// Events that nothing describes.
    Plain,
}

/// The columns of a table, with the rows that are not yet written.
pub(super) struct Layout {
    pub(super) kind: Kind,
    schema: SchemaRef,
    cells: Vec<Cells>,
    rows: usize,
    bytes: usize,
}

impl Layout {
    pub(super) fn new(kind: Kind, clock: ClockKind) -> Self {
        let mut columns: Vec<(String, Cells, Option<String>)> = Vec::new();
        let mut add = |name: &str, cells: Cells, unit: Option<&str>| {
            columns.push((name.to_owned(), cells, unit.map(str::to_owned)));
        };
        add("sequence", Cells::numbers_64(), None);
        add("timestamp", Cells::times(clock), None);
        if !matches!(kind, Kind::Gaps) {
            add("event_type", Cells::small_numbers(), None);
            add("flags", Cells::small_numbers(), None);
        }
        let texts = || Cells::Texts(StringBuilder::new());
        let bytes = || Cells::Bytes(BinaryBuilder::new());
        let mut metadata = HashMap::new();
        match &kind {
            Kind::Gaps => {
                add("count", Cells::Counts(Vec::new()), None);
                add("reason", texts(), None);
                add("log_side", Cells::Bools(Vec::new()), None);
                add("missing_bytes", Cells::Counts(Vec::new()), Some("B"));
            }
            Kind::Plain => add("payload", bytes(), None),
            Kind::Typed { schema, .. } => {
                metadata.insert("ringlog".to_owned(), schema.to_json());
                for column in schema.columns() {
                    let cells = match (column.format(), schema.tail()) {
                        (Some(format), _) => Cells::of(format, clock),
                        (None, Tail::Bytes) => bytes(),
                        (None, _) => texts(),
                    };
                    let name = match column.name() {
                        name if COLUMNS.contains(&name) => format!("payload.{name}"),
                        name => name.to_owned(),
                    };
                    add(&name, cells, column.format().and_then(Format::unit));
                }
            }
        }
        let (mut fields, mut all) = (Vec::new(), Vec::new());
        for (name, cells, unit) in columns {
            let unit = unit.map(|unit| ("unit".to_owned(), unit));
            let field = Field::new(name, cells.data_type(), cells.is_nullable());
            fields.push(field.with_metadata(unit.into_iter().collect::<HashMap<_, _>>()));
            all.push(cells);
        }
        let schema = Arc::new(ArrowSchema::new_with_metadata(fields, metadata));
        Self { kind, schema, cells: all, rows: 0, bytes: 0 }
    }

    /// Returns the layout of a table of this type.
    pub(super) fn typed(schema: &Schema, clock: ClockKind) -> Self {
        let places = schema.places().map(|(offset, format)| (offset, format.clone())).collect();
        Self::new(Kind::Typed { schema: schema.clone(), places }, clock)
    }

    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Returns the bytes of the rows that are not yet written, about.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) const fn rows(&self) -> usize {
        self.rows
    }

    /// Returns how many times no cell could hold.
    pub(super) fn unheld(&self) -> u64 {
        self.cells.iter().map(Cells::unheld).sum()
    }

    /// Adds an event; `decoded` is its payload if the table has a type.
    pub(super) fn push(&mut self, event: &Event<'_>, decoded: Option<&Decoded<'_>>) {
        self.rows += 1;
        self.bytes += 24 + event.payload.len();
        let [sequence, timestamp, rest @ ..] = &mut self.cells[..] else { return };
        sequence.push_number(event.sequence);
        match event.gap() {
            // A GAP record without a time.
            Some(_) if event.header.timestamp == 0 => timestamp.push_nothing(),
            _ => timestamp.push_number(event.header.timestamp),
        }
        if let Some(gap) = event.gap() {
            return push_gap(&gap, rest);
        }
        let [event_type, flags, rest @ ..] = rest else { return };
        event_type.push_number(event.header.event_type.into());
        flags.push_number(event.header.user_flags().into());
        let places: &[(usize, Format)] = match &self.kind {
            Kind::Typed { places, .. } => places,
            _ => &[],
        };
        for (cells, (offset, format)) in rest.iter_mut().zip(places) {
            let bytes = event.payload.get(*offset..offset + format.kind().size());
            cells.push(bytes.unwrap_or_default(), format);
        }
        // What is left is the tail, or the whole payload.
        let Some(last) = rest.get_mut(places.len()) else { return };
        match decoded.map(|decoded| (decoded, decoded.tail())) {
            None => last.push_bytes(event.payload),
            Some((_, Some(Value::Text(text)))) => last.push_text(text),
            Some((decoded, Some(Value::Bytes(bytes)))) if decoded.schema().tail() == Tail::Cbor => {
                last.push_text(&decoded.cbor_tail().unwrap_or_else(|| hexadecimal(bytes)));
            }
            Some((_, Some(Value::Bytes(bytes)))) => last.push_bytes(bytes),
            Some(_) => {}
        }
    }

    /// Returns the rows that are not yet written, and begins anew.
    pub(super) fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        (self.rows, self.bytes) = (0, 0);
        RecordBatch::try_new(self.schema(), self.cells.iter_mut().map(Cells::take).collect())
    }
}

fn push_gap(gap: &Gap, rest: &mut [Cells]) {
    let [count, reason, log_side, bytes] = rest else { return };
    let known = |cells: &mut Cells, number: u64| match number {
        0 => cells.push_nothing(),
        number => cells.push_number(number),
    };
    known(count, gap.count);
    reason.push_text(&gap.reason.to_string());
    if let Cells::Bools(values) = log_side {
        values.push(gap.log_side);
    }
    known(bytes, u64::from(gap.extent) * 8);
}
