//! Logs of random types, as tables that are read back: each cell has the value of its field.

use std::fmt::Write as _;
use std::fs::File;
use std::num::NonZero;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_ipc::reader::FileReader;
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;
use crate::dice::Dice;
use crate::output::PrintStyle;
use crate::read::source::LogSource;
use ringlog::event::{EventHeader, Gap, GapReason, MetaTopic};
use ringlog::schema::{Decimal, SchemaSet, Value};
use ringlog::storage::{Filter, LogWriter, SchemaList};

const KINDS: [&str; 16] = [
    "u8",
    "u16",
    "u32",
    "u64",
    "i8",
    "i16",
    "i32",
    "i64",
    "f32",
    "f64",
    "bool",
    "timestamp",
    "text",
    "bytes",
    "array",
    "struct",
];
const LABELS: &str = r#","labels":{"1":"buy","0":"sell","7":"5","9":"é"}"#;

/// Returns a random format as JSON, and its length.
fn format(dice: &mut Dice, depth: usize) -> (String, usize) {
    let kind = dice.pick(&KINDS[..if depth < 2 { 16 } else { 14 }]);
    let integer = kind.strip_prefix(['u', 'i']).and_then(|bits| bits.parse::<usize>().ok());
    let (more, size) = match (kind, integer) {
        (_, Some(bits)) => {
            let scale = dice.pick(&[-45, -38, -20, -4, -1, 1, 3, 18, 30, 60]);
            let more = dice.pick(&[String::new(), LABELS.into(), format!(",\"scale\":{scale}")]);
            (more, bits / 8)
        }
        ("f32", _) => (String::new(), 4),
        ("bool", _) => (String::new(), 1),
        ("text" | "bytes", _) => {
            let length = 1 + dice.below(9_usize);
            (format!(",\"length\":{length}"), length)
        }
        ("array", _) => {
            let (length, (item, size)) = (1 + dice.below(3_usize), format(dice, depth + 1));
            (format!(",\"length\":{length},\"item\":{{{item}}}"), length * size)
        }
        ("struct", _) => {
            let (fields, size) = fields(dice, depth + 1);
            (format!(",\"size\":{size},\"fields\":{fields}"), size)
        }
        _ => (String::new(), 8),
    };
    (format!("\"kind\":\"{kind}\"{more}"), size)
}

fn fields(dice: &mut Dice, depth: usize) -> (String, usize) {
    let (mut parts, mut end) = (Vec::new(), 0);
    for number in 0..=dice.below(5_usize) {
        let name = if number == 1 { "flags".into() } else { format!("f{number}") };
        let (format, size) = format(dice, depth);
        parts.push(format!("{{\"name\":\"{name}\",\"offset\":{end},{format}}}"));
        end += size + dice.pick(&[0, 0, 3]);
    }
    (format!("[{}]", parts.join(",")), end)
}

/// Writes a log with two random types, one without a description, and GAP records.
fn write_log(dice: &mut Dice, log: &Path) {
    let mut list = SchemaList::new();
    let mut sizes = Vec::new();
    for number in 1..3_u8 {
        let (fields, size) = fields(dice, 0);
        let tail = dice.pick(&["none", "text", "bytes", "cbor"]);
        let json = format!(
            r#"{{"type":{number},"name":"t{number}","size":{size},"fields":{fields},"tail":"{tail}"}}"#
        );
        list.insert(MetaTopic::EventType(number), json.into_bytes()).unwrap();
        sizes.push((size, tail));
    }
    let mut writer = LogWriter::options().schemas(list).open(log).unwrap();
    for time in 0..300 {
        let event_type = 1 + dice.below(3_u8);
        let (size, tail) = sizes.get(usize::from(event_type) - 1).copied().unwrap_or((3, "bytes"));
        let mut payload: Vec<u8> =
            (0..size).map(|_| dice.pick(&[0, 0, 0, 1, 1, 1, 7, 99, 128, 255, b'a'])).collect();
        payload.extend_from_slice(match tail {
            "text" => "é\n".as_bytes(),
            "cbor" => &[0xA1, 0x62, b'i', b'd', 7][dice.pick(&[0, 0, 1])..],
            "bytes" => &[9, 0, 255],
            _ => &[],
        });
        let time = if dice.one_in(9) { u64::MAX - time } else { 1_700_000_000_000_000_000 + time };
        let len = u16::try_from(payload.len()).unwrap();
        writer
            .write_event(&EventHeader::new(time, event_type, len).with_flags(dice.below(16)), &payload)
            .unwrap();
        if dice.one_in(20) {
            writer.append_gap(dice.pick(&[0, 5]), Gap::new(GapReason::RingFull, dice.pick(&[0, 3]))).unwrap();
        }
    }
    writer.close().unwrap();
}

/// Returns a cell as text; empty for one without a value.
fn shown(array: &dyn Array, row: usize) -> String {
    if array.is_null(row) {
        return String::new();
    }
    macro_rules! number {
        ($type:ty) => {
            format!("{:?}", array.as_primitive::<$type>().value(row))
        };
    }
    match array.data_type() {
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::Float32 => number!(Float32Type),
        DataType::Float64 => number!(Float64Type),
        DataType::Timestamp(..) => number!(TimestampNanosecondType),
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::Binary => crate::output::payload::hexadecimal(array.as_binary::<i32>().value(row)),
        DataType::Decimal128(_, scale) => {
            Decimal::new(array.as_primitive::<Decimal128Type>().value(row), -scale).to_string()
        }
        DataType::Dictionary(..) => {
            let names = array.as_dictionary::<Int16Type>();
            let key = usize::try_from(names.keys().value(row)).unwrap();
            names.values().as_string::<i32>().value(key).to_owned()
        }
        other => panic!("{other}"),
    }
}

/// Returns the cell that a value has to be.
fn wanted(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => (*text).to_owned(),
        Value::Label { name, .. } => (*name).to_owned(),
        Value::Timestamp(time) if i64::try_from(*time).is_err() => String::new(),
        other => other.cell().to_string(),
    }
}

fn read(path: &Path) -> Vec<RecordBatch> {
    let file = File::open(path).unwrap();
    if path.extension().unwrap() == "arrow" {
        return FileReader::try_new(file, None).unwrap().map(Result::unwrap).collect();
    }
    ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap().map(Result::unwrap).collect()
}

/// Exports a log, and compares all of its tables with its records.
fn compare(log: &Path, out: &Path, format: ExportFormat, jobs: usize) {
    let mut source = LogSource::open(log).unwrap();
    let style = PrintStyle::default();
    let (clock, jobs) = (source.clock(), NonZero::new(jobs).unwrap());
    let request = Request { format, style, described: SchemaSet::new(), clock, is_folder: true, jobs };
    let draft = Draft::begin(out, true, true).unwrap();
    let mut tables = Box::new(Tables::begin(request, &draft).unwrap());
    let mut rows = std::collections::BTreeMap::<String, Vec<Vec<String>>>::new();
    let (mut filter, mut unfit) = (Filter::new(), 0);
    let descriptions = Descriptions::default();
    while source.advance(&mut filter).unwrap() {
        let event = source.found_event().unwrap();
        tables.take(&event, clock).unwrap();
        if rows.values().map(Vec::len).sum::<usize>() % 50 == 49 {
            (0..tables.tables.len()).for_each(|at| tables.flush(at).unwrap());
        }
        let time = event.header.timestamp;
        let known = !(event.header.is_gap() && time == 0);
        let time = if known { wanted(&Value::Timestamp(time)) } else { String::new() };
        let mut row = vec![event.sequence.to_string(), time];
        if let Some(gap) = event.gap() {
            row.extend([
                wanted_count(gap.count),
                gap.reason.to_string(),
                gap.log_side.to_string(),
                String::new(),
            ]);
            rows.entry("gaps".into()).or_default().push(row);
            continue;
        }
        row.extend([event.header.event_type.to_string(), event.header.user_flags().to_string()]);
        let (name, cells) = match descriptions.decode(&event) {
            None => ("type-3".into(), vec![wanted(&Value::Bytes(event.payload))]),
            Some(Err(_)) => {
                unfit += 1;
                continue;
            }
            Some(Ok(decoded)) => {
                let mut cells: Vec<_> = decoded.cells().map(|value| wanted(&value)).collect();
                if let (Some(json), Some(last)) = (decoded.cbor_tail(), cells.last_mut()) {
                    *last = json;
                }
                (decoded.schema().name().to_owned(), cells)
            }
        };
        row.extend(cells);
        rows.entry(name).or_default().push(row);
    }
    let done = (tables as Box<dyn Target + '_>).finish().unwrap();
    let left_out =
        done.left_out.iter().find(|(_, what, _)| *what == "event").map_or(0, |left_out| left_out.0);
    assert_eq!(left_out, unfit);
    draft.finish().unwrap();
    let ending = if format == ExportFormat::Parquet { "parquet" } else { "arrow" };
    for (name, wanted) in rows {
        let mut found = Vec::new();
        for batch in read(&out.join(format!("{name}.{ending}"))) {
            for row in 0..batch.num_rows() {
                found.push(batch.columns().iter().map(|array| shown(array, row)).collect::<Vec<_>>());
            }
        }
        assert_eq!(found, wanted, "{name} of {}", log.display());
    }
}

fn wanted_count(count: u64) -> String {
    let mut text = String::new();
    if count > 0 {
        write!(text, "{count}").unwrap();
    }
    text
}

#[test]
fn tables_of_random_types_have_the_values_of_their_fields() {
    let cases = std::env::var("RINGLOG_EXPORTS").map_or(40, |cases| cases.parse().unwrap());
    for seed in 0..cases {
        let folder = tempfile::tempdir().unwrap();
        let (log, out) = (folder.path().join(format!("log-{seed}")), folder.path().join("out"));
        write_log(&mut Dice(seed), &log);
        compare(&log, &out, ExportFormat::Parquet, 1 + (seed % 3) as usize);
        compare(&log, &out, ExportFormat::Arrow, 2);
    }
}

/// Writes a segment with these descriptions of type 3, and an event of it for each value.
fn segment(log: &Path, json: Option<&str>, values: &[i64]) {
    let mut list = SchemaList::new();
    if let Some(json) = json {
        list.insert(MetaTopic::EventType(3), json.as_bytes()).unwrap();
    }
    let mut writer = LogWriter::options().schemas(list).open(log).unwrap();
    for value in values {
        writer.write_event(&EventHeader::new(5, 3, 8), &value.to_le_bytes()).unwrap();
    }
    writer.close().unwrap();
}

const PRICE: &str =
    r#"{"type":3,"name":"a","size":8,"fields":[{"name":"p","offset":0,"kind":"i64","scale":-2}]}"#;

#[test]
fn events_that_nothing_describes_are_a_table_and_decimals_have_their_range() {
    let folder = tempfile::tempdir().unwrap();
    let (log, out) = (folder.path().join("log"), folder.path().join("out"));
    segment(&log, Some(PRICE), &[-5, 7, 3]);
    segment(&log, None, &[1, 2]);
    segment(&log, Some(PRICE), &[6]);
    compare(&log, &out, ExportFormat::Arrow, 1);
    compare(&log, &out, ExportFormat::Parquet, 1);
    let table = ParquetRecordBatchReaderBuilder::try_new(File::open(out.join("a.parquet")).unwrap()).unwrap();
    let group = table.metadata().row_group(0);
    let range = group.column(4).statistics().unwrap();
    assert_eq!(
        (range.min_bytes_opt().unwrap().last(), range.max_bytes_opt().unwrap().last()),
        (Some(&251), Some(&7))
    );
    assert_eq!((range.null_count_opt(), group.num_rows()), (Some(0), 4));
}

#[test]
fn a_type_with_too_many_columns_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (log, out) = (folder.path().join("log"), folder.path().join("out"));
    let wide = r#"{"type":3,"name":"w","size":4000,"fields":[{"name":"w","offset":0,"kind":"array","length":4000,"item":{"kind":"u8"}}]}"#;
    segment(&log, Some(wide), &[1]);
    let mut source = LogSource::open(&log).unwrap();
    let (style, clock, jobs) = (PrintStyle::default(), source.clock(), NonZero::new(1).unwrap());
    let (format, described) = (ExportFormat::Parquet, SchemaSet::new());
    let request = Request { format, style, described, clock, is_folder: true, jobs };
    let draft = Draft::begin(&out, true, false).unwrap();
    let mut tables = Tables::begin(request, &draft).unwrap();
    assert!(source.advance(&mut Filter::new()).unwrap());
    let refused = tables.take(&source.found_event().unwrap(), clock).unwrap_err().to_string();
    assert!(refused.contains("4004 columns") && refused.contains("--to csv or json"), "{refused}");
}
