//! The rows of one file.
#![forbid(unsafe_code)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::text::{bytes_of, from_hexadecimal};
use crate::error::csv_io_error;
use crate::feed::FeedError;
use crate::input::Input;
use ringlog::event::{EventHeader, Gap, GapReason, MetaTopic};
use ringlog::storage::SchemaList;

/// How the header of each table begins, and how that of a table of payloads continues.
const TABLE: &str = "sequence,timestamp,time,event_type,flags,kind,";
const PAYLOADS: &str = "encoding,payload";
/// Longest line that is shown or kept: a payload in hexadecimal, its fields, and room.
const LINE_BYTES_MAX: u64 = 4 << 20;
/// Why a file is no export.
const OTHER_HEADER: &str = "its first line is not one that `ringlog export` writes; if another program saved it, save it with \
    commas and in UTF-8 without a mark at its start, or export the log again";
/// Codes of reasons that are tried for one in words.
const REASONS: std::ops::Range<u32> = 1..256;

/// Whether lines of JSON that start like this were exported.
pub(super) fn is_json(head: &[u8]) -> bool {
    let record = || head.strip_prefix(b"{\"sequence\":");
    let digits = |rest: &[u8]| rest.iter().position(|byte| !byte.is_ascii_digit());
    head.starts_with(b"{\"meta\":")
        || record()
            .is_some_and(|rest| digits(rest).is_some_and(|at| rest[at..].starts_with(b",\"timestamp\":")))
}

/// Whether a table that starts like this was exported: it has the bytes of each payload.
pub(super) fn is_table(head: &[u8]) -> bool {
    let end = head.iter().position(|&byte| byte == b'\n').unwrap_or(head.len());
    let header = head[..end].trim_ascii_end();
    let rest = header.strip_prefix(TABLE.as_bytes());
    rest.is_some_and(|rest| rest == PAYLOADS.as_bytes() || rest.ends_with(b",payload (hex)"))
}

/// A row.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Row {
    Record {
        sequence: u64,
        header: EventHeader,
        payload: Vec<u8>,
        is_dated: bool,
        /// Where the row is, if it says that the payload fits the description of its type.
        fits_at: Option<u64>,
    },
    /// Descriptions of the records that follow.
    Described(SchemaList),
    Unreadable {
        offset: u64,
        what: String,
    },
}

impl Row {
    /// Returns what rows of several tables are merged by. What cannot be read comes at once.
    pub(super) const fn order(&self) -> u64 {
        match self {
            Self::Record { sequence, .. } => *sequence,
            Self::Described(_) | Self::Unreadable { .. } => 0,
        }
    }
}

/// Reads the rows of a file.
#[derive(Debug)]
pub(super) struct Reader {
    path: PathBuf,
    /// Whether it is one of several.
    is_of_folder: bool,
    rows: Rows,
    offset: u64,
    has_records: bool,
}

#[derive(Debug)]
enum Rows {
    Json(BufReader<Input>, Vec<u8>),
    Table(Box<csv::Reader<Input>>, csv::StringRecord),
}

#[derive(Deserialize)]
struct Line {
    sequence: Option<u64>,
    #[serde(default)]
    timestamp: u64,
    time: Option<String>,
    #[serde(default)]
    event_type: u8,
    #[serde(default)]
    flags: u8,
    payload_len: Option<u64>,
    text: Option<String>,
    hex: Option<String>,
    base64: Option<String>,
    gap: Option<GapWords>,
    meta: Option<About>,
    schema: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct GapWords {
    count: Option<u64>,
    reason: String,
    log_side: bool,
    missing_bytes: Option<u64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum About {
    Type(u8),
    Log(String),
}

impl Reader {
    /// Opens a file; it may be one of the tables in a folder.
    pub(super) fn open(path: &Path, is_of_folder: bool) -> Result<Self, FeedError> {
        let failed = |source| FeedError::Io { action: "open", what: path.display().to_string(), source };
        let input = Input::open(path).map_err(failed)?;
        let head = input.head();
        let is_table = is_table(head);
        if !is_table && (is_of_folder || !head.is_empty() && !is_json(head)) {
            return Err(FeedError::Unclear { path: path.into(), problem: OTHER_HEADER.into() });
        }
        let rows = if is_table {
            Rows::Table(Box::new(csv::Reader::from_reader(input)), csv::StringRecord::new())
        } else {
            Rows::Json(BufReader::with_capacity(256 * 1024, input), Vec::new())
        };
        Ok(Self { path: path.into(), is_of_folder, rows, offset: 0, has_records: false })
    }

    pub(super) const fn read_bytes(&self) -> u64 {
        self.offset
    }

    /// Says what a row is, with the name of its file if there are several.
    pub(super) fn naming(&self, what: &str) -> String {
        match self.path.file_name().filter(|_| self.is_of_folder) {
            Some(name) => format!("{}: {what}", name.display()),
            None => what.into(),
        }
    }

    /// Returns the next record; `None` at the end. Adds the descriptions before it.
    pub(super) fn next(&mut self, schemas: &mut SchemaList) -> Result<Option<Row>, FeedError> {
        let path = &self.path;
        let failed = |source| FeedError::Io { action: "read", what: path.display().to_string(), source };
        loop {
            let offset = self.offset;
            let row = match &mut self.rows {
                Rows::Table(reader, record) => {
                    let read = reader.read_record(record);
                    self.offset = reader.position().byte();
                    match read {
                        Ok(false) => return Ok(None),
                        Ok(true) => table_row(record, offset),
                        Err(error) if error.is_io_error() => return Err(failed(csv_io_error(error))),
                        Err(_) => Err("a row with more or fewer cells than the header, or no UTF-8"),
                    }
                }
                Rows::Json(reader, line) => {
                    line.clear();
                    let read = std::io::Read::take(&mut *reader, LINE_BYTES_MAX).read_until(b'\n', line);
                    self.offset += read.map_err(failed)? as u64;
                    match line.trim_ascii() {
                        [] if line.is_empty() => return Ok(None),
                        [] => continue,
                        text => match serde_json::from_slice::<Line>(text) {
                            Ok(line) if line.meta.is_some() => match description(line) {
                                Ok(list) if !self.has_records => {
                                    schemas.extend(&list);
                                    continue;
                                }
                                other => other.map(Row::Described),
                            },
                            Ok(line) => json_row(line),
                            Err(_) => Err("a line that is no object with the keys of an export"),
                        },
                    }
                }
            };
            self.has_records = true;
            return Ok(Some(row.unwrap_or_else(|what| Row::Unreadable { offset, what: self.naming(what) })));
        }
    }
}

/// Reads a description; one without bytes says that there is none.
fn description(line: Line) -> Result<SchemaList, &'static str> {
    let topic = match line.meta {
        Some(About::Type(number)) => MetaTopic::EventType(number),
        Some(About::Log(name)) if name == "log" => MetaTopic::Log,
        _ => return Err("a description of neither a type nor the log"),
    };
    let json = match (line.schema, line.hex) {
        (Some(schema), None) => Some(schema.get().as_bytes().to_vec()),
        (None, Some(hex)) => from_hexadecimal(&hex),
        _ => None,
    };
    let mut list = SchemaList::new();
    let json = json.ok_or("a description without one of \"schema\" and \"hex\", or it is not written so")?;
    list.insert(topic, json).map_err(|_| "a description of more than 65,535 bytes")?;
    Ok(list)
}

/// Reads the file that says from which record on each description is in force.
pub(super) fn changes_in(path: &Path) -> Result<Vec<(u64, SchemaList)>, FeedError> {
    let what = || path.display().to_string();
    let content =
        std::fs::read(path).map_err(|source| FeedError::Io { action: "read", what: what(), source })?;
    let (mut found, mut offset): (Vec<(u64, SchemaList)>, u64) = (Vec::new(), 0);
    for text in content.split_inclusive(|&byte| byte == b'\n') {
        let line = serde_json::from_slice::<Line>(text).ok();
        let change = line.and_then(|line| Some((line.sequence?, description(line).ok()?)));
        match (change, found.last_mut()) {
            (None, _) => {
                let problem = "no line that says from which record on a description is in force; export the log again, or \
                               describe all events by --schema";
                return Err(FeedError::Damaged { path: path.into(), offset, problem: problem.into() });
            }
            (Some((from, list)), Some((same, lists))) if *same == from => lists.extend(&list),
            (Some(change), _) => found.push(change),
        }
        offset += text.len() as u64;
    }
    // Written by hand, they may be in any order.
    found.sort_by_key(|(from, _)| *from);
    Ok(found)
}

fn json_row(line: Line) -> Result<Row, &'static str> {
    let sequence = line.sequence.ok_or("a line without \"sequence\"")?;
    let is_dated = line.time.is_some();
    if let Some(gap) = line.gap {
        let reason = REASONS.map(GapReason::from_code).find(|reason| reason.to_string() == gap.reason);
        let gap = Gap {
            count: gap.count.unwrap_or(0),
            reason: reason.ok_or("a gap of an unknown reason")?,
            log_side: gap.log_side,
            extent: u32::try_from(gap.missing_bytes.unwrap_or(0) / 8)
                .map_err(|_| "a gap of too many bytes")?,
        };
        let (header, payload) = (Gap::header(line.timestamp), gap.to_payload().to_vec());
        // A GAP record of unknown time has no date with any clock.
        let is_dated = is_dated || line.timestamp == 0;
        return Ok(Row::Record { sequence, header, payload, is_dated, fits_at: None });
    }
    let payload = match (line.text, line.hex, line.base64) {
        (Some(text), None, None) => Some(text.into_bytes()),
        (None, Some(hex), None) => from_hexadecimal(&hex),
        (None, None, Some(base64)) => bytes_of("base64", &base64),
        _ => None,
    };
    let payload =
        payload.ok_or("a line without one of \"text\", \"hex\", \"base64\", or it is not written so")?;
    if line.payload_len.is_some_and(|len| len != payload.len() as u64) {
        return Err("a payload of another length than \"payload_len\"");
    }
    record((sequence, line.timestamp, line.event_type, line.flags), payload, is_dated, None)
}

/// Reads a row of a table; the payload is its last cell.
fn table_row(row: &csv::StringRecord, offset: u64) -> Result<Row, &'static str> {
    let cell = |at: usize| row.get(at).unwrap_or_default();
    let number = |at: usize| {
        cell(at).parse::<u64>().map_err(|_| "a row whose number, time, type or flags are no number")
    };
    let small =
        |at: usize| number(at).and_then(|it| u8::try_from(it).map_err(|_| "a type or flags above 255"));
    let (sequence, timestamp, is_dated) = (number(0)?, number(1)?, !cell(2).is_empty());
    let last = row.len().saturating_sub(1);
    // Eight columns: a table of payloads. The shortest typed table has as many, and its last cell is always hexadecimal.
    let is_plain = matches!(cell(6), "text" | "hex" | "base64") && last == 7;
    let encoding = if is_plain { cell(6) } else { "hex" };
    let payload =
        bytes_of(encoding, cell(last)).ok_or("a payload that is not written as its encoding says")?;
    let fits_at = match cell(5) {
        "gap" => {
            Gap::from_payload(&payload).ok_or("a gap without its 16 bytes")?;
            let (header, is_dated) = (Gap::header(timestamp), is_dated || timestamp == 0);
            return Ok(Row::Record { sequence, header, payload, is_dated, fits_at: None });
        }
        "event" => (!is_plain).then_some(offset),
        "unfit" => None,
        _ => return Err("a row whose kind is none of event, unfit and gap"),
    };
    record((sequence, timestamp, small(3)?, small(4)?), payload, is_dated, fits_at)
}

fn record(
    (sequence, timestamp, event_type, flags): (u64, u64, u8, u8),
    payload: Vec<u8>,
    is_dated: bool,
    fits_at: Option<u64>,
) -> Result<Row, &'static str> {
    let len = u16::try_from(payload.len()).map_err(|_| "a payload of more than 65,535 bytes")?;
    if flags > 15 {
        return Err("flags above 15, which no event has");
    }
    let header = EventHeader::new(timestamp, event_type, len).with_flags(flags);
    Ok(Row::Record { sequence, header, payload, is_dated, fits_at })
}
