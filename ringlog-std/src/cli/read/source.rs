//! Reads a log, a folder or one file, for the commands.
//!
//! Reads with `pread`, never through a mapping: a file that shrinks meanwhile is an error, not a signal.

use std::path::Path;

use ringlog_nostd::format::FILE_HEADER_LEN;
use serde::Serialize;

use crate::cli::error::CliError;
use crate::cli::terminal::words::{counted, size};
use crate::event::{ClockKind, Event, file_flags};
use crate::storage::{
    CursorInfo, Filter, LogIndex, LogScan, MissingRecords, OpenError, RecordedEnd, SegmentInfo, WriterFile,
    WriterFileState, cursors_of_other_logs,
};

/// What `info` shows of a log file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct SegmentLine {
    pub(crate) file: String,
    pub(crate) base_sequence: u64,
    /// Records by the header of the file, GAP records included.
    pub(crate) records: u64,
    /// Bytes of records.
    pub(crate) bytes: u64,
    /// "clean", "sealed", or "open" if a writer is at work or was killed.
    pub(crate) state: &'static str,
    pub(crate) checksums: bool,
}

impl std::fmt::Display for SegmentLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { file, state, .. } = self;
        write!(f, "{file}  {}  {}  {state}", counted(self.records, "record"), size(self.bytes))
    }
}

impl From<&SegmentInfo> for SegmentLine {
    fn from(segment: &SegmentInfo) -> Self {
        let header = &segment.header;
        let state = match (header.has(file_flags::CLEAN), header.has(file_flags::SEALED)) {
            (true, _) => "clean",
            (false, true) => "sealed",
            (false, false) => "open",
        };
        Self {
            file: segment.path.display().to_string(),
            base_sequence: header.base_sequence,
            records: header.event_count,
            bytes: header.write_offset.saturating_sub(FILE_HEADER_LEN as u64),
            state,
            checksums: header.has(file_flags::CHECKSUMS),
        }
    }
}

/// What is shown of the `writer` file of a log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct WriterLine {
    /// The log's identity, 32 hexadecimal digits.
    pub(crate) identity: Option<String>,
    /// Where the log was closed; none if that is not recorded.
    pub(crate) end: Option<EndLine>,
    /// "good", "missing", "damaged" or "unreadable".
    pub(crate) writer_file: &'static str,
    /// Cursors of another log, which was in this folder before.
    pub(crate) cursors_of_other_logs: Vec<CursorLine>,
}

/// What is shown of a cursor.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct CursorLine {
    pub(crate) name: String,
    pub(crate) next_sequence: u64,
    #[serde(skip)]
    words: String,
}

impl From<CursorInfo> for CursorLine {
    fn from(cursor: CursorInfo) -> Self {
        let words = cursor.other_log_words();
        Self { name: cursor.name, next_sequence: cursor.next_sequence, words }
    }
}

/// Where a log was closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct EndLine {
    pub(crate) sequence: u64,
    pub(crate) position: u64,
}

impl WriterLine {
    /// Describes the `writer` file of the log in `folder`.
    pub(crate) fn new(file: &WriterFile, folder: &Path) -> Self {
        Self {
            cursors_of_other_logs: cursors_of_other_logs(folder).into_iter().map(CursorLine::from).collect(),
            identity: file.identity.map(|identity| format!("{identity:032x}")),
            end: file.end.map(|RecordedEnd { sequence, position, .. }| EndLine { sequence, position }),
            writer_file: match file.state {
                WriterFileState::Missing => "missing",
                WriterFileState::Good => "good",
                WriterFileState::Damaged => "damaged",
                WriterFileState::Unreadable => "unreadable",
            },
        }
    }

    /// Returns the cursors of other logs, one line each.
    pub(crate) fn cursor_words(&self) -> String {
        self.cursors_of_other_logs.iter().map(|cursor| format!("{}\n", cursor.words)).collect()
    }

    /// Returns in words where the log in this folder was closed.
    pub(crate) fn end_words(&self, log: &Path) -> String {
        if let Some(EndLine { sequence, position }) = self.end {
            return format!("closed at record {sequence}, position {position}");
        }
        match self.writer_file {
            "damaged" => format!("not recorded: {}", damaged_words(log)),
            "missing" => "not recorded: no `writer` file".into(),
            "unreadable" => format!("not recorded: {} cannot be read", log.join(WRITER_FILE).display()),
            _ => "not recorded: the log is being written, or its writer died".into(),
        }
    }
}

/// Says what is wrong with the `writer` file of a log, and what to do.
pub(crate) fn damaged_words(log: &Path) -> String {
    let path = log.join(WRITER_FILE);
    let words = match path.symlink_metadata() {
        Ok(metadata) if !metadata.is_file() => {
            "a link or a folder in the place of the file with the log's lock; move it away, and put the log's file \
             back if there is one"
        }
        _ => {
            "damaged; restore it from a copy, or record into the log again, which gives it a new identity and adds \
             a GAP record of unknown count"
        }
    };
    format!("{}: {words}", path.display())
}

/// The file that a writer leaves in the folder of a log even if it wrote no event.
const WRITER_FILE: &str = "writer";

/// Lends the records of a log one by one.
#[derive(Debug)]
pub(crate) struct LogSource(Option<LogScan>);

impl LogSource {
    /// Opens one file or all log files of a folder.
    pub(crate) fn open(path: &Path) -> Result<Self, CliError> {
        Ok(Self(Some(LogScan::open(path)?)))
    }

    /// Opens like [`open`](Self::open), but takes a folder with only a `writer` file for a log without records.
    ///
    /// Not for verifying: a log that lost all its files looks the same.
    pub(crate) fn open_or_empty(path: &Path) -> Result<Self, CliError> {
        match LogScan::open(path) {
            Err(OpenError::NoSegments { .. }) if WriterFile::of(path).state == WriterFileState::Good => {
                Ok(Self(None))
            }
            other => Ok(Self(Some(other?))),
        }
    }

    /// Returns what the timestamp of the next record counts.
    pub(crate) fn clock(&self) -> ClockKind {
        self.0.as_ref().map_or(ClockKind::Unspecified, |scan| scan.header().clock())
    }

    /// Whether the log has no file.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Goes to the start of the file that holds `sequence`; lends the records before it in that file too.
    pub(crate) fn seek(&mut self, sequence: u64) -> Result<(), CliError> {
        Ok(self.0.as_mut().map_or(Ok(()), |scan| scan.seek(sequence))?)
    }

    /// Goes to the first record that may pass the filter. `path` must be the path by which the log was opened.
    pub(crate) fn seek_first(&mut self, path: &Path, filter: &Filter) -> Result<(), CliError> {
        let Some(scan) = self.0.as_mut().filter(|_| filter.first_sequence() > 0 || filter.earliest() > 0)
        else {
            return Ok(());
        };
        let index = LogIndex::open(path)?;
        let sequence = if filter.earliest() > 0 {
            let found = index.sequence_since(filter.first_sequence(), filter.earliest())?;
            found.map_or_else(|| index.next_sequence(), Ok)?
        } else {
            filter.first_sequence()
        };
        Ok(scan.seek_with(&index, sequence)?)
    }

    /// Goes to the next record that passes the filter; `false` after the last one.
    pub(crate) fn advance(&mut self, filter: &Filter) -> Result<bool, CliError> {
        let Some(scan) = &mut self.0 else { return Ok(false) };
        while scan.advance()? {
            match scan.found_event() {
                Some(event) if filter.is_past(&event) => return Ok(false),
                Some(event) if filter.matches(&event) => return Ok(true),
                _ => {}
            }
        }
        Ok(false)
    }

    /// Returns the record that [`advance`](Self::advance) found.
    pub(crate) fn found_event(&self) -> Option<Event<'_>> {
        self.0.as_ref().and_then(LogScan::found_event)
    }

    /// Describes the `writer` file of the log at `path`.
    pub(crate) fn writer_file(&self, path: &Path) -> WriterLine {
        let file = self.0.as_ref().map_or_else(|| WriterFile::of(path), |scan| *scan.writer_file());
        WriterLine::new(&file, path)
    }

    /// Returns the records that are missing before the first file.
    pub(crate) fn missing_start(&self) -> Option<MissingRecords> {
        let scan = self.0.as_ref()?;
        let first = scan.segments().first()?;
        scan.writer_file().missing_start(&first.path, first.header.base_sequence)
    }

    /// Describes the files of the log.
    pub(crate) fn segments(&self) -> Vec<SegmentLine> {
        self.0.iter().flat_map(LogScan::segments).map(SegmentLine::from).collect()
    }

    /// Returns the sequence of the next record, or of the end of the log if there is none.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.0.as_ref().map_or(0, LogScan::next_sequence)
    }

    /// Returns the next record, checked; an error names file, offset and record.
    pub(crate) fn next_event(&mut self) -> Result<Option<Event<'_>>, CliError> {
        Ok(self.0.as_mut().map_or(Ok(None), LogScan::next_event)?)
    }
}
