//! What `info` and `verify` show of a log: its files, its `writer` file, its cursors.

use std::path::Path;

use ringlog_nostd::format::FILE_HEADER_LEN;
use serde::Serialize;

use crate::terminal::verdict::Tone;
use crate::terminal::words::{counted, size};
use ringlog::event::file_flags;
use ringlog::programs::{RecordedEnd, WriterFileState, cursors_of_other_logs};
use ringlog::storage::{CursorInfo, SegmentInfo, WriterFile};

/// The file that a writer leaves in the folder of a log even if it wrote no event.
const WRITER_FILE: &str = "writer";

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

impl SegmentLine {
    /// Returns the line up to the state.
    pub(crate) fn words(&self) -> String {
        format!("{}  {}  {}", self.file, counted(self.records, "record"), size(self.bytes))
    }

    /// Returns what the state means: the writer of an open file may have been killed.
    pub(crate) fn tone(&self) -> Tone {
        if self.state == "open" { Tone::Fair } else { Tone::Good }
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

    /// Returns what the end means: a log that is not closed may be at work.
    pub(crate) fn tone(&self) -> Tone {
        match (self.end, self.writer_file) {
            (Some(_), _) => Tone::Good,
            (None, "damaged" | "unreadable") => Tone::Bad,
            _ => Tone::Fair,
        }
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
