//! Tables of rows with a time, such as recorded trades. A row is an event.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::time_column::{Shape, TimeOptions, find_shape};
use crate::cli::error::csv_io_error;
use crate::cli::feed::{Feed, FeedError, Loss, Next};
use crate::cli::input::Input;
use crate::event::{GapReason, MAX_PAYLOAD};

const PROBE_BYTES: u64 = 64 * 1024;
const BUFFER_BYTES: usize = 64 * 1024;
/// A longer row is a quote that was never closed.
const ROW_BYTES_MAX: usize = 16 << 20;

/// Gives each row as an event: its bytes as they stand in the file, without the line end, and its time.
///
/// A header row is no event. Empty lines are no rows.
#[derive(Debug)]
pub(crate) struct TickFeed {
    path: PathBuf,
    reader: csv::Reader<Tee>,
    shape: Shape,
    row: csv::ByteRecord,
    header_pending: bool,
    event_type: u8,
}

impl TickFeed {
    /// Opens a table and finds out how to read it.
    pub(crate) fn open(path: &Path, event_type: u8, options: &TimeOptions) -> Result<Self, FeedError> {
        let io_error =
            |action| move |source| FeedError::Io { action, what: path.display().to_string(), source };
        let mut first = Vec::new();
        let file = Input::open(path).map_err(io_error("open"))?;
        file.take(PROBE_BYTES).read_to_end(&mut first).map_err(io_error("read"))?;
        let shape = find_shape(&first, options).map_err(|problem| FeedError::Damaged {
            path: path.into(),
            offset: 0,
            problem,
        })?;
        let tee = Tee::new(Input::open(path).map_err(io_error("open"))?);
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(shape.delimiter)
            .buffer_capacity(BUFFER_BYTES)
            .from_reader(tee);
        let row = csv::ByteRecord::new();
        Ok(Self { path: path.into(), reader, shape, row, header_pending: shape.has_header, event_type })
    }

    fn read_error(&self, error: csv::Error) -> FeedError {
        let tee = self.reader.get_ref();
        if tee.is_overlong() {
            let problem = format!("a row of more than {ROW_BYTES_MAX} bytes: is a quote never closed?");
            return FeedError::Damaged { path: self.path.clone(), offset: tee.row_offset(), problem };
        }
        let what = self.path.display().to_string();
        FeedError::Io { action: "read", what, source: csv_io_error(error) }
    }

    fn timestamp(&self) -> Result<u64, String> {
        let Some(cell) = self.row.get(self.shape.column) else {
            return Err(format!("row without a column {}", self.shape.column + 1));
        };
        let parsed = std::str::from_utf8(cell).ok().and_then(|cell| self.shape.unit.parse(cell));
        parsed.ok_or_else(|| format!("row whose time is {:?}", String::from_utf8_lossy(cell)))
    }
}

impl Feed for TickFeed {
    fn next_event(&mut self, payload: &mut Vec<u8>) -> Result<Next, FeedError> {
        loop {
            match self.reader.read_byte_record(&mut self.row) {
                Ok(true) => {}
                Ok(false) => return Ok(Next::End),
                Err(error) => return Err(self.read_error(error)),
            }
            let end = self.reader.position().byte();
            let offset = self.reader.get_mut().take_row(end, payload);
            if std::mem::take(&mut self.header_pending) {
                continue;
            }
            return Ok(match self.timestamp() {
                Ok(timestamp) if payload.len() > MAX_PAYLOAD => {
                    let what = format!("row of {} bytes, an event holds {MAX_PAYLOAD}", payload.len());
                    Next::Lost(Loss::skipped(GapReason::TooLong, Some(timestamp), offset, what))
                }
                Ok(timestamp) => Next::Event { timestamp, event_type: self.event_type },
                Err(what) => Next::Lost(Loss::skipped(GapReason::NotReadable, None, offset, what)),
            });
        }
    }

    fn read_bytes(&self) -> u64 {
        self.reader.position().byte()
    }
}

/// Keeps the bytes that the parser has read, so that a row can be had as it stands in the file.
#[derive(Debug)]
struct Tee {
    file: Input,
    kept: Vec<u8>,
    kept_offset: u64,
    row_at: usize,
}

impl Tee {
    fn new(file: Input) -> Self {
        Self { file, kept: Vec::new(), kept_offset: 0, row_at: 0 }
    }

    fn row_offset(&self) -> u64 {
        self.kept_offset + self.row_at as u64
    }

    fn is_overlong(&self) -> bool {
        self.kept.len() - self.row_at > ROW_BYTES_MAX
    }

    /// Puts the bytes up to `end` into `payload`, without line ends around them; returns where they start.
    fn take_row(&mut self, end: u64, payload: &mut Vec<u8>) -> u64 {
        let end_at = usize::try_from(end.saturating_sub(self.kept_offset)).unwrap_or(usize::MAX);
        let end_at = end_at.clamp(self.row_at, self.kept.len());
        let row = self.kept.get(self.row_at..end_at).unwrap_or_default();
        let is_line_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let before = row.iter().take_while(|byte| is_line_end(byte)).count();
        let after = row.iter().rev().take_while(|byte| is_line_end(byte)).count();
        let offset = self.row_offset() + before as u64;
        payload.clear();
        payload.extend_from_slice(row.get(before..row.len() - after).unwrap_or_default());
        self.row_at = end_at;
        offset
    }

    fn forget_rows(&mut self) {
        if self.row_at >= BUFFER_BYTES {
            self.kept.drain(..self.row_at);
            self.kept_offset += self.row_at as u64;
            self.row_at = 0;
        }
    }
}

impl Read for Tee {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_overlong() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.forget_rows();
        let read = self.file.read(buffer)?;
        self.kept.extend_from_slice(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    type Rows = Vec<(u64, Vec<u8>)>;

    fn all(table: &[u8]) -> (Rows, Vec<Loss>) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(table).unwrap();
        let mut feed = TickFeed::open(file.path(), 0, &TimeOptions::default()).unwrap();
        let (mut rows, mut losses, mut payload) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            match feed.next_event(&mut payload).unwrap() {
                Next::Event { timestamp, .. } => rows.push((timestamp, payload.clone())),
                Next::Lost(loss) => losses.push(loss),
                Next::Idle => panic!("a file is never idle"),
                Next::End => return (rows, losses),
            }
        }
    }

    fn row(seconds: u64, text: &str) -> (u64, Vec<u8>) {
        (seconds * 1_000_000_000, text.into())
    }

    #[test]
    fn rows_are_the_bytes_of_the_file() {
        let rows = [
            "1378054800, 1640.25,\"a \"\"quoted\"\" word\"",
            "1378054801,,",
            "1378054802,\"two\nlines\",x",
            "\"1378054803\",last",
        ];
        let expected: Rows = (1_378_054_800..).zip(rows).map(|(seconds, text)| row(seconds, text)).collect();
        for line_end in ["\n", "\r\n"] {
            for header in ["", "time,price,note"] {
                let mut table = header.to_owned() + if header.is_empty() { "" } else { line_end };
                table += &rows.join(line_end);
                assert_eq!(all(table.as_bytes()), (expected.clone(), vec![]), "{table:?}");
                table += line_end;
                assert_eq!(all(table.as_bytes()), (expected.clone(), vec![]), "{table:?}");
            }
        }
    }

    #[test]
    fn rows_across_buffers_are_whole() {
        let rows: Rows = (0..40_000)
            .map(|i| row(1_378_054_800 + i / 6, &format!("{},{i}", 1_378_054_800 + i / 6)))
            .collect();
        let table: Vec<u8> = rows.iter().flat_map(|(_, text)| [text, &b"\n"[..]].concat()).collect();
        assert_eq!(all(&table), (rows, vec![]));
    }

    #[test]
    fn rows_without_a_time_are_reported_with_their_offset() {
        let (rows, losses) = all(b"1378054800,a\n\nno time,b\n1378054801,c\n");
        assert_eq!(rows, [row(1_378_054_800, "1378054800,a"), row(1_378_054_801, "1378054801,c")]);
        assert_eq!(losses.len(), 1);
        let skip = losses[0].skip.as_ref().unwrap();
        assert_eq!((losses[0].gap.reason, skip.offset), (GapReason::NotReadable, 14));
        assert!(skip.what.contains("no time"), "{}", skip.what);
    }

    #[test]
    fn a_row_that_is_too_long_is_reported() {
        let table = format!("1378054800,a\n1378054801,{}\n1378054802,b\n", "x".repeat(MAX_PAYLOAD));
        let (rows, losses) = all(table.as_bytes());
        assert_eq!((rows.len(), losses.len()), (2, 1));
        assert_eq!(losses[0].gap.reason, GapReason::TooLong);
        assert_eq!(losses[0].skip.as_ref().unwrap().offset, 13);
    }

    #[test]
    fn a_quote_that_is_never_closed_is_an_error_with_bounded_memory() {
        let mut table = b"1378054800,a\n1378054801,\"".to_vec();
        table.resize(ROW_BYTES_MAX + 2 * BUFFER_BYTES, b'x');
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&table).unwrap();
        let mut feed = TickFeed::open(file.path(), 0, &TimeOptions::default()).unwrap();
        let mut payload = Vec::new();
        assert!(matches!(feed.next_event(&mut payload).unwrap(), Next::Event { .. }));
        let error = feed.next_event(&mut payload).unwrap_err();
        assert!(matches!(error, FeedError::Damaged { offset: 13, .. }), "{error}");
    }

    #[test]
    fn a_byte_order_mark_does_not_hide_the_header() {
        let (rows, losses) = all("\u{FEFF}time,price\n1378054800,5\n".as_bytes());
        assert_eq!((rows, losses), (vec![row(1_378_054_800, "1378054800,5")], vec![]));
    }
}
