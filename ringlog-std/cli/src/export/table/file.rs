//! A file of Parquet or Arrow, to which batches of rows are added in their order.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_ipc::writer::{DictionaryHandling, FileWriter, IpcWriteOptions};
use arrow_schema::{ArrowError, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression, Encoding};
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;

use crate::error::CliError;
use crate::export::place::ARROW_KEY;

type Out = BufWriter<File>;

/// A batch as it is in the file.
enum Encoded {
    Arrow(RecordBatch),
    Parquet(Vec<ArrowColumnChunk>),
}

enum Writer {
    Arrow(FileWriter<Out>),
    Parquet(SerializedFileWriter<Out>),
}

/// What must be written in order.
struct State<T> {
    writer: Option<Writer>,
    next: u64,
    /// Batches that were encoded before an earlier one, each with what it holds up.
    waiting: BTreeMap<u64, (Encoded, T)>,
}

/// A file that several threads encode for. `T` is dropped with each batch once that is written.
pub(super) struct TableFile<T> {
    path: PathBuf,
    schema: SchemaRef,
    /// For Parquet.
    columns: Option<ArrowRowGroupWriterFactory>,
    state: Mutex<State<T>>,
}

impl<T> TableFile<T> {
    pub(super) fn new(
        out: Out,
        path: PathBuf,
        schema: SchemaRef,
        is_parquet: bool,
    ) -> Result<Self, CliError> {
        let begun = if is_parquet {
            let writer = ArrowWriter::try_new(out, schema.clone(), Some(properties()));
            let parts = writer.and_then(ArrowWriter::into_serialized_writer).map_err(parquet_error);
            parts.map(|(writer, columns)| (Writer::Parquet(writer), Some(columns)))
        } else {
            let options = IpcWriteOptions::default().with_dictionary_handling(DictionaryHandling::Delta);
            let writer = FileWriter::try_new_with_options(out, &schema, options).map_err(arrow_error);
            writer.map(|mut writer| {
                // By this `--force` knows its own files.
                writer.write_metadata(ARROW_KEY, env!("CARGO_PKG_VERSION"));
                (Writer::Arrow(writer), None)
            })
        };
        let (writer, columns) = begun.map_err(CliError::io("write", &path))?;
        let state = State { writer: Some(writer), next: 0, waiting: BTreeMap::new() };
        Ok(Self { path, schema, columns, state: Mutex::new(state) })
    }

    /// Encodes the batch with this number, and writes it and those that waited for it.
    pub(super) fn add(&self, number: u64, batch: RecordBatch, held: T) -> Result<(), CliError> {
        self.try_add(number, batch, held).map_err(CliError::io("write", &self.path))
    }

    fn try_add(&self, number: u64, batch: RecordBatch, held: T) -> io::Result<()> {
        let encoded = match &self.columns {
            Some(columns) => Encoded::Parquet(encode(columns, &self.schema, &batch).map_err(parquet_error)?),
            None => Encoded::Arrow(batch),
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting.insert(number, (encoded, held));
        loop {
            let next = state.next;
            let Some((encoded, held)) = state.waiting.remove(&next) else { return Ok(()) };
            match (&mut state.writer, encoded) {
                (Some(Writer::Arrow(writer)), Encoded::Arrow(batch)) => {
                    writer.write(&batch).map_err(arrow_error)?
                }
                (Some(Writer::Parquet(writer)), Encoded::Parquet(chunks)) => {
                    append(writer, chunks).map_err(parquet_error)?;
                }
                _ => {}
            }
            drop(held);
            state.next += 1;
        }
    }

    /// Writes the end of the file.
    pub(super) fn finish(&self) -> Result<(), CliError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let finished = match state.writer.take() {
            Some(Writer::Arrow(writer)) => {
                writer.into_inner().map_err(arrow_error).and_then(|mut out| out.flush())
            }
            Some(Writer::Parquet(writer)) => {
                writer.into_inner().map_err(parquet_error).and_then(|mut out| out.flush())
            }
            None => Ok(()),
        };
        finished.map_err(CliError::io("write", &self.path))
    }
}

fn properties() -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_created_by(format!("ringlog {}", env!("CARGO_PKG_VERSION")));
    // Each value is a new one, a little above the one before.
    for name in ["sequence", "timestamp"] {
        let column = ColumnPath::from(name);
        properties = properties.set_column_dictionary_enabled(column.clone(), false);
        properties = properties.set_column_encoding(column, Encoding::DELTA_BINARY_PACKED);
    }
    properties.build()
}

fn encode(
    columns: &ArrowRowGroupWriterFactory,
    schema: &SchemaRef,
    batch: &RecordBatch,
) -> Result<Vec<ArrowColumnChunk>, ParquetError> {
    // No column has parts, so each has one writer.
    let writers = columns.create_column_writers(0)?;
    let parts = writers.into_iter().zip(schema.fields()).zip(batch.columns());
    parts
        .map(|((mut writer, field), array)| {
            for leaf in compute_leaves(field, array)? {
                writer.write(&leaf)?;
            }
            let mut chunk = writer.close()?;
            own_statistics(&mut chunk);
            Ok(chunk)
        })
        .collect()
}

/// Copies the least and the largest value of a decimal column. They are kept until the end of the file, and would keep the values of
/// all rows, of which they are parts.
fn own_statistics(chunk: &mut ArrowColumnChunk) {
    let metadata = &mut chunk.close_mut().metadata;
    let Some(Statistics::FixedLenByteArray(found)) = metadata.statistics() else { return };
    let own = |value: Option<&FixedLenByteArray>| {
        value.map(|value| FixedLenByteArray::from(ByteArray::from(value.data().to_vec())))
    };
    let (least, largest) = (own(found.min_opt()), own(found.max_opt()));
    let copied = ValueStatistics::new(least, largest, None, found.null_count_opt(), false)
        .with_min_is_exact(found.min_is_exact())
        .with_max_is_exact(found.max_is_exact());
    let builder = metadata.clone().into_builder().set_statistics(Statistics::FixedLenByteArray(copied));
    // The metadata was whole before.
    if let Ok(rebuilt) = builder.build() {
        *metadata = rebuilt;
    }
}

fn append(writer: &mut SerializedFileWriter<Out>, chunks: Vec<ArrowColumnChunk>) -> Result<(), ParquetError> {
    let mut group = writer.next_row_group()?;
    for chunk in chunks {
        chunk.append_to_row_group(&mut group)?;
    }
    group.close().map(drop)
}

fn parquet_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => source.downcast().map_or_else(io::Error::other, |error| *error),
        other => io::Error::other(other),
    }
}

pub(super) fn arrow_error(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, source) => source,
        other => io::Error::other(other),
    }
}
